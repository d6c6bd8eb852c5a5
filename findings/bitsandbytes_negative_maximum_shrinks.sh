#!/usr/bin/env bash
# bitsandbytes 0.50.2 (PyPI), CPU: of 8-bit blocks, one whose largest magnitude is negative shrinks by 0.7 %,
# all its values, each time that it is quantised and dequantised. One whose largest is positive stays.
#
# Guessed: quantise_blockwise is odd, Q(-x) = -Q(x), keeps the largest magnitude, by which it divides, and
# changes nothing the second time, as what is on the grid stays there. Seen (2026-11-29), four blocks of
# 4,096 normal values, two of which have a negative largest:
#
#                                           largest is positive     negative
#     its value, by that before             1                       0.9930
#     values that a second trip changes     none of 8,192           all of 8,192
#     all values by those of the first
#       trip, after 100 trips               1                       0.49, one 0.37
#
# The map of 256 values has 1, and -0.993 at its other end, so that the next trip's scale is 0.993 of
# this one's. So what is kept in this form and is read, changed and written each round (a momentum, an
# error memory) decays in some blocks and not in others, by the sign of their largest value. Exits 1 if
# this changes. Downloads some gigabytes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet bitsandbytes==0.50.2 torch==2.15.0 numpy==2.4.6
"$work/venv/bin/python" - 2>"$work/warnings" <<'PYTHON'
import sys
import bitsandbytes as bnb
import torch
from bitsandbytes.functional import create_dynamic_map, dequantize_blockwise, quantize_blockwise

BLOCKS, SIZE = 4, 4096


def trip(x, times=1):
    for _ in range(times):
        x = dequantize_blockwise(*quantize_blockwise(x, blocksize=SIZE))
    return x


print("bitsandbytes", bnb.__version__, "torch", torch.__version__)
ends = create_dynamic_map()[[0, 255]].tolist()
x = torch.randn(BLOCKS, SIZE, generator=torch.Generator().manual_seed(1))
largest = x.gather(1, x.abs().argmax(1, keepdim=True))[:, 0]
x = x * (largest.sign() * torch.tensor([1.0, -1.0, 1.0, -1.0]))[:, None]  # of blocks in turn positive and negative
once = trip(x.flatten()).view(BLOCKS, SIZE)
twice, hundredth = trip(once.flatten()).view(BLOCKS, SIZE), trip(once.flatten(), 100).view(BLOCKS, SIZE)
print("ends of the map:", *ends)
as_seen = ends[1] == 1 and -1 < ends[0] < -0.99
for b in range(BLOCKS):
    kept = (once[b].abs().max() / x[b].abs().max()).item()
    changed, nonzero = int((twice[b] != once[b]).sum()), int((once[b] != 0).sum())
    shares = (hundredth[b] / once[b])[once[b] != 0]
    print(f"block {b}, largest {'negative' if b % 2 else 'positive'}: kept as {kept:.4f}; a second trip changes "
          f"{changed} of {nonzero} not 0; after 100 more {shares.min():.3f} to {shares.max():.3f}, median {shares.median():.3f}")
    as_seen &= (changed > 0.99 * nonzero and kept < 0.994 and shares.median() < 0.5) if b % 2 else (
        changed == 0 and kept == 1)
sys.exit(0 if as_seen else 1)
PYTHON
