#!/usr/bin/env bash
# PyTorch 2.15.0 (PyPI), CPU, torch.distributed with gloo: all_reduce by SUM, the default, of a bool tensor adds its
# bytes modulo 256. A mask that two ranks reduce eight times is empty after the eighth, and a union that is kept
# over rounds loses what has not been set again.
#
# Guessed: a logical OR, as bool's own sum and as NCCL's SUM of bool (which PyTorch makes a MAX of, so as not to
# overflow: its pull request 41959), or an error. Seen (2026-11-30):
#
#                                                        2 ranks             4 ranks
#     SUM of a mask of ones, again and again: true in    rounds 1 to 7       rounds 1 to 3
#       what its bytes are                               2, 4, ..., 128, 0   4, 16, 64, 0
#     union of 20 rounds, 50 drawn coordinates of 1,000
#       that each rank sets in each: of all set          866                 983
#       left by SUM                                      542                 535
#       left by MAX or BOR                               866                 983
#     BAND of a mask after SUM and a fresh mask of ones  empty               empty
#
# Until then nothing shows it: sum(), ==, ~ and indexing take any byte but 0 for true, and | makes a 1 of it. By
# the rule one reduction of 256 ranks that agree would do. So masks are reduced by MAX, or as integers. Exits 1 if
# this changes. Downloads some gigabytes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet torch==2.15.0 numpy==2.4.6
cat >"$work/masks.py" <<'PYTHON'
import sys
import torch
import torch.distributed as dist
import torch.multiprocessing as mp

COORDINATES, DRAWN, ROUNDS = 1000, 50, 20


def union(rank, op):
    """The mask that all ranks share after ROUNDS rounds, and the true one."""
    mask, true = torch.zeros(COORDINATES, dtype=torch.bool), torch.zeros(COORDINATES, dtype=torch.int64)
    for number in range(ROUNDS):
        drawn = torch.randperm(COORDINATES, generator=torch.Generator().manual_seed(100 * number + rank))[:DRAWN]
        mask[drawn] = True
        dist.all_reduce(mask, op=op)
        true[drawn] = 1
    dist.all_reduce(true, op=dist.ReduceOp.MAX)
    return mask, true.bool()


def check(rank, ranks, rendezvous, wanted):
    dist.init_process_group("gloo", init_method=f"file://{rendezvous}", rank=rank, world_size=ranks)
    ones = torch.ones(COORDINATES, dtype=torch.bool)
    mask, counts, bytes_seen = ones.clone(), [], []
    for _ in range(9):
        dist.all_reduce(mask)
        counts.append(int(mask.sum()))
        bytes_seen.append(int(mask.view(torch.uint8)[0]))
    by_op = {name: union(rank, op) for name, op in
             (("SUM", dist.ReduceOp.SUM), ("MAX", dist.ReduceOp.MAX), ("BOR", dist.ReduceOp.BOR))}
    summed = ones.clone()
    dist.all_reduce(summed)
    both = summed if rank == 0 else ones.clone()
    dist.all_reduce(both, op=dist.ReduceOp.BAND)
    dist.destroy_process_group()
    if rank > 0:
        return
    true = int(by_op["SUM"][1].sum())
    left = {name: int(mask.sum()) for name, (mask, _) in by_op.items()}
    print(f"{ranks} ranks: true after each round {counts}, bytes {bytes_seen}; union of {true}: left {left}; "
          f"BAND {int(both.sum())}", flush=True)
    rounds, lost = wanted
    as_seen = counts == [COORDINATES] * rounds + [0] * (9 - rounds) and both.sum() == 0
    as_seen &= left["MAX"] == left["BOR"] == true and (true, left["SUM"]) == lost
    sys.exit(0 if as_seen else 1)


if __name__ == "__main__":
    print("torch", torch.__version__)
    changed = False
    for ranks, wanted in ((2, (7, (866, 542))), (4, (3, (983, 535)))):
        try:
            mp.spawn(check, (ranks, f"{sys.argv[1]}/{ranks}", wanted), ranks)
        except mp.ProcessExitedException:
            changed = True
    sys.exit(1 if changed else 0)
PYTHON
OMP_NUM_THREADS=1 "$work/venv/bin/python" "$work/masks.py" "$work"
