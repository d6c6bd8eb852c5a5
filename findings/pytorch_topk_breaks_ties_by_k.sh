#!/usr/bin/env bash
# PyTorch 2.15.0 (PyPI), CPU: which of equal magnitudes torch.topk keeps depends on k. Up to k = n / 64
# they are the first ones by index. With one more, they are a run far behind the front, at a place
# that depends on n alone, and none of the first. `sorted` changes nothing of it.
#
# Guessed: the first ones by index, whatever k. Seen for a vector of n equal numbers (AMD EPYC,
# 2026-11-29; 1.13.0 does the same), smallest index kept, and how many of the first k:
#
#     n            k = n / 64            k = n / 64 + 1
#     1,000        0, all 15             657, none of 16
#     100,000      0, all 1,562          65,626, none of 1,563
#
# With drawn magnitudes of three bits the first by index are kept up to n / 64, and then others: none of
# 16 and 168 of 1,563 are the same.
#
# So a top-K sparsifier at phi = 1 % breaks ties to the front, and at phi = 2 % elsewhere: workers
# with the same ties still agree with each other, but not with a definition by index, nor with
# themselves at another phi. Exits 1 if this changes. Downloads some gigabytes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet torch==2.15.0 numpy==2.4.6
"$work/venv/bin/python" - <<'PYTHON'
import sys
import torch

print("torch", torch.__version__)


def kept(v, k):
    """The indices that topk keeps; the same whether sorted or not."""
    sets = [set(torch.topk(v, k, sorted=s).indices.tolist()) for s in (True, False)]
    return sets[0] if sets[0] == sets[1] else set()


def first(v, k):
    """By definition: larger numbers before smaller ones, and equal ones by index."""
    return set(torch.argsort(v, descending=True, stable=True)[:k].tolist())


as_seen = True
for n in (1000, 100_000):
    small = n // 64
    equal, drawn = torch.ones(n), torch.randint(8, (n,), generator=torch.Generator().manual_seed(1)).float()
    for k in (small, small + 1):
        ties, levels = kept(equal, k), kept(drawn, k)
        by_index = len(levels & first(drawn, k))
        print(f"n = {n}, k = {k}: equal from index {min(ties)}, {len(ties & set(range(k)))} of the first {k}; "
              f"of three bits {by_index} as by index")
        expected = k if k == small else 0
        as_seen &= len(ties & set(range(k))) == expected and (by_index == k) == (k == small)
sys.exit(0 if as_seen else 1)
PYTHON
