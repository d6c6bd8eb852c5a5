#!/usr/bin/env bash
# PyTorch 2.15.0 (PyPI), CPU, float32: GroupNorm of a channels_last tensor computes the variance as the mean of squares
# less the square of the mean. Its error is a hundred times that of a contiguous tensor and more; where the mean is 3,000
# deviations, the output's deviation is above 100, not 1, and the gradient is 6 million times too large. BatchNorm and
# InstanceNorm of channels_last tensors have no such error.
#
# Guessed: a deviation of 1 within 1 % in both formats, up to a mean of 4,096 and a deviation of 0.1, since contiguous
# tensors have Welford's way (issue 40302 of 2020, closed by pull requests 54921 and 59987). (That channels_last is
# computed otherwise was suspected. Nothing of it was found in PyTorch's issues.) Seen (AMD EPYC with AVX-512, one
# thread, 2026-11-30), 8 groups of 4 x 16 x 16 normal values around a mean, against float64:
#
#     mean, in deviations                10       100      300      1,000    3,000
#     largest error: contiguous          1e-6     1e-5     4e-5     9e-5     3e-4
#                    channels_last       1e-4     0.01     0.1      2        1,300
#     gradient's error, of its norm:
#                    contiguous          1e-4     0.002    0.004    0.016    0.04
#                    channels_last       9e-4     0.01     0.03     0.19     6,000,000
#
# GroupNorm is what federated learning takes in place of BatchNorm, and channels_last is what PyTorch recommends for
# convolutions on a CPU. Two clients of one model and data that differ in it alone differ as above. Groups that are
# nearly flat have such means: images without contrast, channels that a ReLU has shifted, an early layer without bias
# decay. The input of GroupNorm is made contiguous, or centred. Exits 1 if this changes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet torch==2.15.0 numpy==2.4.6
OMP_NUM_THREADS=1 "$work/venv/bin/python" - <<'PYTHON'
import sys
import torch

SHAPE, GROUPS = (8, 32, 16, 16), 8
FORMATS = {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last}
torch.manual_seed(0)
print("torch", torch.__version__)
as_seen = True


def normalized(x, weights):
    """Output, and the gradient of its product with the weights by x."""
    x = x.detach().clone().requires_grad_()
    y = torch.nn.functional.group_norm(x, GROUPS)
    (y * weights).sum().backward()
    return y.detach().double(), x.grad.double()


for mean in (10, 100, 300, 1000, 3000):
    x = (torch.randn(SHAPE, dtype=torch.float64) + mean).float()
    weights = torch.linspace(-1, 1, x.numel()).view(SHAPE)
    right, right_gradient = normalized(x.double(), weights.double())
    errors, gradients = {}, {}
    for name, memory in FORMATS.items():
        y, gradient = normalized(x.contiguous(memory_format=memory), weights)
        errors[name] = (y - right).abs().max().item()
        gradients[name] = ((gradient - right_gradient).norm() / right_gradient.norm()).item()
        print(f"mean {mean}, {name}: deviation {y.std().item():.4g}, largest error {errors[name]:.1e}, "
              f"gradient's {gradients[name]:.1e} of its norm", flush=True)
        if name == "contiguous":
            as_seen &= errors[name] < 2e-7 * mean + 5e-6 and gradients[name] < 0.1
    as_seen &= errors["channels_last"] > 30 * errors["contiguous"]
    if mean == 3000:
        as_seen &= y.std() > 20 and gradients["channels_last"] > 1000
    for other in (torch.nn.BatchNorm2d(SHAPE[1]), torch.nn.InstanceNorm2d(SHAPE[1])):
        outputs = [other(x.contiguous(memory_format=memory)).detach() for memory in FORMATS.values()]
        difference = (outputs[0] - outputs[1]).abs().max().item()
        print(f"    {type(other).__name__}: the two differ by {difference:.1e}")
        as_seen &= difference < 0.01
sys.exit(0 if as_seen else 1)
PYTHON
