#!/usr/bin/env bash
# PyTorch 2.15.0 and ml_dtypes 0.6.0 (PyPI; the latter has the float8 types of NumPy and JAX), CPU: what is
# above 464 becomes 448 in PyTorch's float8_e4m3fn, infinity too, and NaN in ml_dtypes'. Zero in float8_e8m0fnu, the
# type of a block's scale, becomes 2^-127 in PyTorch, and NaN in ml_dtypes.
#
# Guessed: 2^-127 for 0 in both. (Of the other types nothing was written down before.) Seen (2026-11-29), numbers
# as they come back, PyTorch's and, where it is another, ml_dtypes':
#
#                      464    466         infinity    0              -2        of 65,536 other values
#     float8_e4m3fn    448    448, NaN    448, NaN    0              -2        30,512
#     float8_e8m0fnu   512    512         NaN         2^-127, NaN    2, NaN    32,577
#     float8_e5m2      448    448         infinity    0              -2        none
#     float8_e4m3fnuz  NaN    NaN         NaN         0              -2        none
#     float8_e5m2fnuz  448    448         NaN         0              -2        none
#
# (The 65,536 are all bfloat16 numbers.) PyTorch saturates in one type of the five. So a gradient that overflowed is
# NaN from one writer and 448 from the other, a check for NaN after PyTorch's cast finds nothing, and a block of zeros
# scaled by its maximum is 0 in one and 0 times NaN in the other. Exits 1 if this changes. Downloads some gigabytes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet torch==2.15.0 numpy==2.4.6 ml_dtypes==0.6.0
"$work/venv/bin/python" - 2>"$work/warnings" <<'PYTHON'
import sys
import ml_dtypes
import numpy as np
import torch

print("torch", torch.__version__, "ml_dtypes", ml_dtypes.__version__)


def both(x, name):
    by_torch = x.to(getattr(torch, name)).view(torch.uint8).numpy().view(getattr(ml_dtypes, name))
    return by_torch.astype(np.float32), x.numpy().astype(getattr(ml_dtypes, name)).astype(np.float32)


every = torch.arange(1 << 16, dtype=torch.int32).to(torch.int16).view(torch.bfloat16).float()
some = torch.tensor([464, 466, float("inf"), 0, -2])
nan = float("nan")
expected = {"float8_e4m3fn": ([448, 448, 448, 0, -2], [448, nan, nan, 0, -2], 30_512),
            "float8_e8m0fnu": ([512, 512, nan, 2.0**-127, 2], [512, 512, nan, nan, nan], 32_577),
            "float8_e5m2": ([448, 448, float("inf"), 0, -2],) * 2 + (0,),
            "float8_e4m3fnuz": ([nan, nan, nan, 0, -2],) * 2 + (0,),
            "float8_e5m2fnuz": ([448, 448, nan, 0, -2],) * 2 + (0,)}
as_seen = True
for name, (of_torch, of_ml_dtypes, differ) in expected.items():
    seen_torch, seen_ml_dtypes = both(some, name)
    all_torch, all_ml_dtypes = both(every, name)
    same = (all_torch == all_ml_dtypes) | (np.isnan(all_torch) & np.isnan(all_ml_dtypes))
    print(f"{name}: torch {seen_torch.tolist()}, ml_dtypes {seen_ml_dtypes.tolist()}, of 65536 differ {(~same).sum()}")
    as_seen &= np.array_equal(seen_torch, of_torch, equal_nan=True) and (~same).sum() == differ
    as_seen &= np.array_equal(seen_ml_dtypes, of_ml_dtypes, equal_nan=True)
sys.exit(0 if as_seen else 1)
PYTHON
