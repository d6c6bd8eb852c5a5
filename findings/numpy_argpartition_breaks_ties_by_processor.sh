#!/usr/bin/env bash
# NumPy 2.4.6 (PyPI), x86-64: which of equal numbers np.argpartition and np.argsort put first depends on the
# processor's instructions. AVX-512, AVX2 and older ones keep three sets, with the same wheel and input.
#
# Guessed: which of equals are kept is nobody's promise, but what one wheel keeps, it keeps on every x86.
# Seen (AMD EPYC with AVX-512, 2026-11-29) for the K = 1,000 most voted of 100,000 coordinates, by ten
# workers' votes for their largest 1,000, coordinates in which two of the three sets differ:
#
#                                         AVX-512, AVX2   AVX-512, older   AVX2, older
#     argpartition(-votes, K)[:K]         95              98               95
#     argsort(-votes)[:K]                 95              104              103
#     the same two of uint8, float16      none            none             none
#     argsort(-votes, kind="stable")      none            none             none
#
# int32, int64, float32 and float64 are equal in it; types of 8 and 16 bits have no such kernels. Of the 1,000,
# all that are voted more often are kept by all three. So hosts that each select from the same counts, and
# save the mask by doing so, hold different masks on different processors, with no error. Exits 1 if this
# changes; an instruction set that the processor lacks is left out.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet numpy==2.4.6
cat >"$work/select.py" <<'PYTHON'
import sys
import numpy as np
from numpy._core._multiarray_umath import __cpu_features__ as features

K, COORDINATES, WORKERS = 1000, 100_000, 10
if not all(features.get(name) for name in sys.argv[2:]):
    sys.exit()
rng = np.random.default_rng(1)
scales = np.exp(rng.normal(size=COORDINATES))
votes = np.zeros(COORDINATES, np.int64)
for _ in range(WORKERS):
    largest = -np.abs(scales * rng.normal(size=COORDINATES))
    votes[np.argsort(largest, kind="stable")[:K]] += 1
kept = {}
for dtype in ("int32", "int64", "float32", "float64", "uint8", "float16"):
    ranks = (WORKERS - votes).astype(dtype)
    kept[f"argpartition of {dtype}"] = np.argpartition(ranks, K)[:K]
    kept[f"argsort of {dtype}"] = np.argsort(ranks)[:K]
    kept[f"stable argsort of {dtype}"] = np.argsort(ranks, kind="stable")[:K]
fewest = votes[kept["stable argsort of int64"]].min()
assert all(np.isin(np.flatnonzero(votes > fewest), indices).all() for indices in kept.values())
np.savez(sys.argv[1], **kept)
PYTHON
cat >"$work/compare.py" <<'PYTHON'
import itertools
import pathlib
import sys
import numpy as np

print("numpy", np.__version__)
found = {path.stem: dict(np.load(path)) for path in sorted(pathlib.Path(sys.argv[1]).glob("*.npz"))}
as_seen = len(found) > 1
for one, other in itertools.combinations(found, 2):
    for name, indices in found[one].items():
        differ = len(np.setdiff1d(indices, found[other][name]))
        by_processor = "stable" not in name and name.split()[-1] not in ("uint8", "float16")
        as_seen &= (differ > 0) == by_processor
        print(f"{one}, {other}: {name}: {differ} of {len(indices)} differ")
sys.exit(0 if as_seen else 1)
PYTHON
select="$work/venv/bin/python -W ignore $work/select.py"
$select "$work/AVX-512.npz" X86_V4
NPY_DISABLE_CPU_FEATURES="X86_V4" $select "$work/AVX2.npz" X86_V3
NPY_DISABLE_CPU_FEATURES="X86_V4 X86_V3" $select "$work/older.npz"
"$work/venv/bin/python" "$work/compare.py" "$work"
