#!/usr/bin/env bash
# FedLab 1.3.0 (PyPI): the codes of QSGDCompressor(n) go from 0 to 2^n, a value more than n bits hold. The
# code that does not fit is the largest magnitude's.
#
# Guessed: 0 to 2^n - 1, as its documentation says. Seen (2026-11-29) for 1,000 normal values:
#
#     n                                              1      2      4      8
#     largest code                                   2      4      16     256
#     random=False: largest code                     1      3      15     255
#     the same: sum of magnitudes, by that before    0.13   0.44   0.85   0.99
#
# At n = 8, codes.to(uint8) makes a 0 of 256: the largest coordinate of each message vanishes. So the codes
# need a bit more than is counted for them. Without drawing, values are not rounded to the nearest level
# but down. Exits 1 if this changes. Downloads some gigabytes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet torch==2.15.0 numpy==2.4.6
"$work/venv/bin/pip" install --quiet --no-deps fedlab==1.3.0
"$work/venv/bin/python" - <<'PYTHON'
import importlib.metadata
import sys
import torch
from fedlab.contrib.compressor import QSGDCompressor

print("fedlab", importlib.metadata.version("fedlab"), "torch", torch.__version__)
torch.manual_seed(0)
as_seen = True
for bits in (1, 2, 4, 8):
    x = torch.randn(1000)
    drawn, down = QSGDCompressor(bits), QSGDCompressor(bits, random=False)
    norm, signs, codes = drawn.compress(x)
    largest = codes.max().item()
    of_largest = codes[x.abs().argmax()].item()
    rounded = down.compress(x)
    share = (down.decompress(rounded).abs().sum() / x.abs().sum()).item()
    print(f"n = {bits}: codes to {largest}, that of the largest magnitude {of_largest}; without drawing to "
          f"{rounded[2].max().item()}, magnitudes kept {share:.2f}")
    as_seen &= largest == of_largest == 2**bits and rounded[2].max().item() == 2**bits - 1 and share < 1
bytes_of_codes = drawn.decompress([norm, signs, codes.to(torch.uint8)])[x.abs().argmax()].item()
print(f"n = 8, codes as bytes: the largest, {x[x.abs().argmax()]:.3f}, comes back as {bytes_of_codes:.3f}")
sys.exit(0 if as_seen and bytes_of_codes == 0 else 1)
PYTHON
