#!/usr/bin/env bash
# PyTorch 2.15.0 (PyPI), CPU, one thread: a convolution of an image in a batch of one differs in its
# last bits from that of the same image in any larger batch. The larger batches all agree.
#
# Guessed: the same bits whatever the batch, since no sum goes over images; or other bits for each
# batch size, if blocking depends on it. Seen (AMD EPYC, AVX2, 2026-11-28): 3x3, padding 1, elements
# of the first image that differ from the batch of 64:
#
#     channels, side    N = 1    N = 2, 16, 17, 33
#     3 to 8, 32         5793    0
#     8 to 8, 32         6816    0
#     16 to 16, 16       3545    0
#     64 to 64, 32          0    0
#     64 to 64, 8        3822    0
#     512 to 512, 4      7948    0
#
# So logits that are compared bit for bit must come from batches of more than one image, and
# evaluating image by image is another computation than evaluating in batches. Exits 1 if this
# changes. Downloads some gigabytes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet torch==2.15.0 numpy==2.4.6
ONEDNN_MAX_CPU_ISA=AVX2 ATEN_CPU_CAPABILITY=avx2 "$work/venv/bin/python" - <<'PYTHON'
import sys
import torch

torch.set_num_threads(1)
torch.manual_seed(0)
print("torch", torch.__version__, torch.backends.cpu.get_cpu_capability())
ones = larger = 0
for inputs, outputs, side in [(3, 8, 32), (8, 8, 32), (16, 16, 16), (64, 64, 32), (64, 64, 8), (512, 512, 4)]:
    x = torch.randn(64, inputs, side, side)
    w = torch.randn(outputs, inputs, 3, 3)
    whole = torch.conv2d(x, w, padding=1)
    differ = {n: int((torch.conv2d(x[:n], w, padding=1) != whole[:n]).sum()) for n in (1, 2, 16, 17, 33)}
    print(f"{inputs} to {outputs}, {side}:", differ)
    ones += differ.pop(1)
    larger += sum(differ.values())
sys.exit(0 if ones > 0 and larger == 0 else 1)
PYTHON
