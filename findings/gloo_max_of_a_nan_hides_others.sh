#!/usr/bin/env bash
# PyTorch 2.15.0 (PyPI), CPU, torch.distributed with gloo: in an all_reduce by MAX or MIN, a NaN of one rank
# is lost or not by rank and place in the tensor. Where it is lost, other ranks' values may be lost with it:
# the maximum of 0, NaN and 2 is 0.
#
# Guessed: NaN everywhere, as of torch.amax, or else the maximum of the numbers. (That it depends on the rank
# was suspected, not that numbers are lost.) Seen (2026-11-29) for three ranks, by length of the tensor:
#
#                        1        5                    10,000
#     MAX of NaN 1 2     NaN      NaN NaN 2 2 2        NaN, from 3,334 on 2
#            0 NaN 2     0        0 0 NaN NaN 2        0, from 3,334 on NaN, from 6,668 on 2
#            0 1 NaN     1        1 1 1 1 NaN          1, from 6,668 on NaN
#     MIN of NaN 1 2     NaN      NaN NaN 1 1 2        NaN, from 3,334 on 1, from 6,668 on 2
#            0 NaN 2     0        0 0 NaN NaN 0        0, from 3,334 on NaN, from 6,668 on 0
#            0 1 NaN     0        0 0 1 1 NaN          0, from 3,334 on 1, from 6,668 on NaN
#
# The ranks agree with each other. A sum would be NaN on all. So a largest loss, gradient or norm that ranks
# reduce, to stop or to scale by it, does not show that a rank has diverged. Where it is one number, only
# rank 0's NaN is seen (with two and four ranks, too). Exits 1 if this changes. Downloads some gigabytes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet torch==2.15.0 numpy==2.4.6
cat >"$work/extremes.py" <<'PYTHON'
import pathlib
import sys
import torch
import torch.distributed as dist
import torch.multiprocessing as mp

RANKS, LENGTHS = 3, (1, 5, 10_000)
OPERATIONS = {"MAX": dist.ReduceOp.MAX, "MIN": dist.ReduceOp.MIN, "SUM": dist.ReduceOp.SUM}


def rank(r, folder):
    dist.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=r, world_size=RANKS)
    results = {}
    for name, operation in OPERATIONS.items():
        for diverged in range(RANKS):
            for n in LENGTHS:
                x = torch.full((n,), torch.nan if r == diverged else float(r))
                dist.all_reduce(x, op=operation)
                results[name, diverged, n] = x
    torch.save(results, f"{folder}/{r}")
    dist.destroy_process_group()


def runs(x):
    """The tensor as {where a run of equal values begins: its value}; NaNs are equal here."""
    values = [str(v) for v in x.tolist()]
    return {i: values[i] for i in range(len(values)) if i == 0 or values[i] != values[i - 1]}


if __name__ == "__main__":
    folder = pathlib.Path(sys.argv[1])
    mp.spawn(rank, args=(folder,), nprocs=RANKS)
    by_rank = [torch.load(folder / str(r)) for r in range(RANKS)]
    print("torch", torch.__version__)
    expected = {
        ("MAX", 0): [["nan"], ["nan", "2.0"], ["nan", "2.0"]],
        ("MAX", 1): [["0.0"], ["0.0", "nan", "2.0"], ["0.0", "nan", "2.0"]],
        ("MAX", 2): [["1.0"], ["1.0", "nan"], ["1.0", "nan"]],
        ("MIN", 0): [["nan"], ["nan", "1.0", "2.0"], ["nan", "1.0", "2.0"]],
        ("MIN", 1): [["0.0"], ["0.0", "nan", "0.0"], ["0.0", "nan", "0.0"]],
        ("MIN", 2): [["0.0"], ["0.0", "1.0", "nan"], ["0.0", "1.0", "nan"]],
    }
    as_seen = True
    for (name, diverged, n), x in by_rank[0].items():
        agree = all(torch.equal(x.view(torch.int32), other[name, diverged, n].view(torch.int32)) for other in by_rank)
        found = runs(x)
        print(f"{name}, NaN on rank {diverged}, length {n}: {found}; the ranks {'agree' if agree else 'differ'}")
        wanted = expected[name, diverged][LENGTHS.index(n)] if name != "SUM" else ["nan"]
        as_seen &= agree and list(found.values()) == wanted
    sys.exit(0 if as_seen else 1)
PYTHON
"$work/venv/bin/python" "$work/extremes.py" "$work"
