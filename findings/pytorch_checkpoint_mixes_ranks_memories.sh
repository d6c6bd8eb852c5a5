#!/usr/bin/env bash
# PyTorch 2.15.0 (PyPI), torch.distributed.checkpoint: where each rank saves an error memory of its own under the same
# names, all ranks load the same one afterwards, made of layers from different ranks. No rank's memory is left.
#
# Guessed: each rank has its own again, or an error, or rank 0's. (That one copy is kept of what ranks save under
# one name is known: PyTorch's issues 120356 and 146566 ask for more.) Seen (2026-11-30), rank whose layer each
# rank has after dcp.save and dcp.load:
#
#     ranks                                                    2                 3
#     six layers of 10, 11, ... 15 elements                    0 1 0 1 0 1       0 1 2 0 1 2
#     six of which the first is the largest                    0 1 1 1 1 1       0 1 2 1 2 1
#     a number, not a tensor                                   0                 0
#     sum over the ranks of the memories, by that before,
#       drawn                                                  off by 100 %      141 %
#     names with the rank in them                              its own           its own
#
# To spread the writing, each name goes to the rank with the least to write, whether the ranks' values are equal or
# not. The same holds for momenta of local steps, clients' generators and unmerged BatchNorm statistics. What error
# feedback still owes is then paid out by all ranks from one's memory and never from the others', with no error, and
# only resumed runs show it. Exits 1 if this changes. Downloads some gigabytes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet torch==2.15.0 numpy==2.4.6
cat >"$work/memories.py" <<'PYTHON'
import sys
import torch
import torch.distributed as dist
import torch.distributed.checkpoint as dcp
import torch.multiprocessing as mp


def trip(state, empty, folder):
    dcp.save(state, checkpoint_id=folder)
    dcp.load(empty, checkpoint_id=folder)
    return empty


def whose(lengths, rank, folder):
    """For each layer the rank from which this one has it after saving and loading."""
    state = {f"layer{i}": torch.full((n,), float(rank)) for i, n in enumerate(lengths)}
    back = trip(state, {name: torch.full_like(layer, -1) for name, layer in state.items()}, folder)
    return [int(layer.unique().item()) for layer in back.values()]


def run(rank, ranks, folder, wanted):
    dist.init_process_group("gloo", init_method=f"file://{folder}/meeting{ranks}", rank=rank, world_size=ranks)
    folder = f"{folder}/{ranks}"
    rising = whose(range(10, 16), rank, f"{folder}-rising")
    first_large = whose([1000, 10, 11, 12, 13, 14], rank, f"{folder}-first")
    number = trip({"number": rank}, {"number": -1}, f"{folder}-number")["number"]
    generator = torch.Generator().manual_seed(rank)
    memory = {f"layer{i}": torch.randn(1000, generator=generator) for i in range(6)}
    back = trip(memory, {name: torch.zeros_like(layer) for name, layer in memory.items()}, f"{folder}-drawn")
    owed, paid = torch.cat(list(memory.values())), torch.cat(list(back.values()))
    dist.all_reduce(owed)
    dist.all_reduce(paid)
    off = float((paid - owed).norm() / owed.norm())
    own = {f"rank{rank}.{name}": layer for name, layer in memory.items()}
    own_back = trip(own, {name: torch.zeros_like(layer) for name, layer in own.items()}, f"{folder}-named")
    as_seen = torch.tensor([int((rising, first_large, number) == wanted[:3]), int(abs(off - wanted[3]) < 0.02),
                            int(all(torch.equal(own[name], own_back[name]) for name in own))])
    dist.all_reduce(as_seen, op=dist.ReduceOp.MIN)
    if rank == 0:
        print(f"{ranks} ranks: layers of ranks {rising}, {first_large}, the number of {number}; the sum is off by "
              f"{off:.0%}; with the rank in the names its own {bool(as_seen[2])}", flush=True)
    dist.destroy_process_group()
    sys.exit(0 if bool(as_seen.all()) else 1)


if __name__ == "__main__":
    print("torch", torch.__version__)
    changed = False
    for ranks, wanted in ((2, ([0, 1, 0, 1, 0, 1], [0, 1, 1, 1, 1, 1], 0, 1.00)),
                          (3, ([0, 1, 2, 0, 1, 2], [0, 1, 2, 1, 2, 1], 0, 1.41))):
        try:
            mp.spawn(run, (ranks, sys.argv[1], wanted), ranks)
        except mp.ProcessExitedException:
            changed = True
    sys.exit(1 if changed else 0)
PYTHON
OMP_NUM_THREADS=1 "$work/venv/bin/python" "$work/memories.py" "$work" 2>"$work/warnings"
