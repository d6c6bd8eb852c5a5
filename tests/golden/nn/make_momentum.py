#!/usr/bin/python3
"""Makes momentum.bin with torch.optim.SGD; README.md describes it.

    python3 tests/golden/nn/make_momentum.py [DIRECTORY]

Needs PyTorch (2.15.0 made the committed file).
"""
import pathlib
import struct
import sys

import torch

D, STEPS = 251, 10
LEARNING_RATE, WEIGHT_DECAY, MOMENTUM = 0.25, 0.0625, 0.9
SEED = 92


def run(theta, gradients, nesterov):
    """Parameters and velocity after each step, as float32."""
    parameter = torch.nn.Parameter(theta.clone())
    optimiser = torch.optim.SGD([parameter], lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY,
                                momentum=MOMENTUM, nesterov=nesterov)
    out = b""
    for gradient in gradients:
        parameter.grad = gradient.clone()
        optimiser.step()
        velocity = optimiser.state[parameter]["momentum_buffer"]
        for x in (parameter.detach(), velocity):
            out += struct.pack(f"<{D}f", *x.tolist())
    return out


def main():
    folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent)
    torch.set_num_threads(1)
    torch.manual_seed(SEED)
    theta = torch.randn(D)
    gradients = torch.randn(STEPS, D)
    out = struct.pack("<8s2i3d", b"mvsgd-mo", D, STEPS, LEARNING_RATE, WEIGHT_DECAY, MOMENTUM)
    for x in (theta, *gradients):
        out += struct.pack(f"<{D}f", *x.tolist())
    for nesterov in (False, True):
        out += run(theta, gradients, nesterov)
    (folder / "momentum.bin").write_bytes(out)


if __name__ == "__main__":
    main()
