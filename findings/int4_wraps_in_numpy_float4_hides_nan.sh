#!/usr/bin/env bash
# ml_dtypes 0.6.0 in NumPy 2.4.6, and JAX 0.10.2 (PyPI), x86-64: NaN is 0 in float4_e2m1fn, infinity 6. The same cast to
# int4 wraps in NumPy, 8 to -8 and -9 to 7, and saturates in JAX, so that the largest coordinates of a gradient change
# their sign in one of the two.
#
# Guessed: of NaN the largest number, as of infinity, or an error. (Of integers nothing was written down before. That
# the two agree, as JAX takes its int4 from ml_dtypes, was taken for granted. That NumPy's int8 wraps is known.)
# Seen (2026-11-30), float32 numbers as they come back, NumPy's and JAX's:
#
#                      NaN     infinity     -infinity    8          100       -9        7.6
#     float4_e2m1fn    -0      6            -6           6          6         -6        6
#     float6_e3m2fn    -0      28           -28          8          28        -8        8          NumPy alone
#     int4             0       0, 7         0, -8        -8, 7      4, 7      7, -8     7
#     uint4            0       0, 15        0            8          4, 15     7, 0      7
#     int2             0       0, 1         0, -2        0, 1       0, 1      -1, -2    -1, 1
#
#     10,000 normal values, rounded, by an eighth of the largest magnitude, to int4
#       signs that change                                  3 in NumPy, none in JAX
#       the largest comes back as                          -8, 7
#
# The small floats have no NaN to keep. So a diverged gradient has zeros where it was NaN, no check after the cast finds
# them, and what a test in NumPy says of an int4 quantiser is not what it does under JAX. Scales are for a seventh of
# the largest, values clipped and NaN looked for before the cast. Exits 1 if this changes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet jax==0.10.2 jaxlib==0.10.2 ml_dtypes==0.6.0 numpy==2.4.6
"$work/venv/bin/python" - 2>"$work/warnings" <<'PYTHON'
import importlib.metadata
import sys
import jax.numpy as jnp
import ml_dtypes
import numpy as np

VALUES = np.array([np.nan, np.inf, -np.inf, 8, 100, -9, 7.6], np.float32)
WANTED = {"float4_e2m1fn": ((0, 6, -6, 6, 6, -6, 6), (0, 6, -6, 6, 6, -6, 6)),
          "float6_e3m2fn": ((0, 28, -28, 8, 28, -8, 8), None),
          "int4": ((0, 0, 0, -8, 4, 7, 7), (0, 7, -8, 7, 7, -8, 7)),
          "uint4": ((0, 0, 0, 8, 4, 7, 7), (0, 15, 0, 8, 15, 0, 7)),
          "int2": ((0, 0, 0, 0, 0, -1, -1), (0, 1, -2, 1, 1, -2, 1))}


def of_numpy(x, name):
    return x.astype(getattr(ml_dtypes, name)).astype(np.float32)


def of_jax(x, name):
    return np.asarray(jnp.asarray(x).astype(name).astype(jnp.float32))


print(*(f"{name} {importlib.metadata.version(name)}" for name in ("ml_dtypes", "numpy", "jax")))
as_seen = True
for name, wanted in WANTED.items():
    for cast, numbers in zip((of_numpy, of_jax), wanted):
        if numbers is not None:
            seen = tuple(cast(VALUES, name).tolist())
            print(f"{name} {cast.__name__}: {seen}")
            as_seen &= seen == numbers
gradient = np.random.default_rng(1).standard_normal(10_000).astype(np.float32)
levels = np.round(gradient / (np.abs(gradient).max() / 8))
largest = int(np.abs(gradient).argmax())
for cast, wanted in ((of_numpy, (3, -8)), (of_jax, (0, 7))):
    back = cast(levels, "int4")
    seen = (int((back * levels < 0).sum()), float(back[largest]))
    print(f"{cast.__name__}: {seen[0]} signs change, the largest, {levels[largest]:.0f}, comes back as {seen[1]:.0f}")
    as_seen &= seen == wanted
sys.exit(0 if as_seen else 1)
PYTHON
