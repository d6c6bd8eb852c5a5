#!/usr/bin/env bash
# PyTorch 2.15.0, Accelerate 1.15.0 and Grain 0.2.18 (PyPI): the data's order in epoch e of a run with seed s is that of
# epoch e - 1 of the run with seed s + 1. Ten runs of 30 epochs, seeds 0 to 9, see 39 orders, not 300. timm 1.0.31's
# sampler for repeated augmentation has one order for each epoch, whatever the seed.
#
# Guessed: no epoch of one run is one of another, as its seed says. (That these add the epoch to the seed was
# suspected, and Accelerate's comments say it. PyTorch's documentation asks for set_epoch, and says nothing of the
# sum.) Seen (2026-11-30), 1,000 images:
#
#                                                       orders of 300    epoch e + 1 of seed s is
#                                                                        epoch e of seed s + 1
#     torch DistributedSampler(seed=s), set_epoch(e)    39               always
#     accelerate SeedableRandomSampler(data_seed=s)     39               always
#     grain MapDataset.shuffle(seed=s).repeat()         39               always
#     grain IndexSampler(seed=s, shuffle=True)          39               always
#     timm RepeatAugSampler, torch.manual_seed(s)       30               never
#     torch RandomSampler, a generator seeded by s      300              never
#
# So of 300 epochs with seeds 1, 2 and 3, 298 have an order that all three runs see, each an epoch before the next: what
# is told as three draws of the order is one draw, shifted. Where a worker's seed is seed + rank, worker 0 goes
# through its images as worker 1 did in the epoch before. Seeds that are further apart than a run has epochs have none
# of it. Exits 1 if this changes. Downloads some gigabytes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet torch==2.15.0 torchvision==0.29.2 accelerate==1.15.0 timm==1.0.31 grain==0.2.18 \
  numpy==2.4.6
cat >"$work/orders.py" <<'PYTHON'
import importlib.metadata
import sys
import grain
import torch
from accelerate.data_loader import SeedableRandomSampler
from timm.data.distributed_sampler import RepeatAugSampler
from torch.utils.data import DistributedSampler, RandomSampler

RUNS, EPOCHS, IMAGES = 10, 30, 1000


def by_epoch(sampler):
    for epoch in range(EPOCHS):
        sampler.set_epoch(epoch)
        yield list(sampler)


def cut(order):
    return [order[first:first + IMAGES] for first in range(0, EPOCHS * IMAGES, IMAGES)]


def distributed(seed):
    return by_epoch(DistributedSampler(range(IMAGES), num_replicas=1, rank=0, seed=seed))


def seedable(seed):
    sampler = SeedableRandomSampler(range(IMAGES), data_seed=seed)
    return [list(sampler) for _ in range(EPOCHS)]


def map_dataset(seed):
    return cut([int(i) for i in grain.MapDataset.range(IMAGES).shuffle(seed=seed).repeat(EPOCHS)])


def index_sampler(seed):
    sampler = grain.samplers.IndexSampler(num_records=IMAGES, num_epochs=EPOCHS, shuffle=True, seed=seed)
    return cut([sampler[i].record_key for i in range(EPOCHS * IMAGES)])


def repeat_aug(seed):
    torch.manual_seed(seed)
    return by_epoch(RepeatAugSampler(range(IMAGES), num_replicas=1, rank=0, num_repeats=1, selected_round=0))


def random_sampler(seed):
    sampler = RandomSampler(range(IMAGES), generator=torch.Generator().manual_seed(seed))
    return [list(sampler) for _ in range(EPOCHS)]


print(*(f"{name} {importlib.metadata.version(name)}" for name in ("torch", "accelerate", "timm", "grain")))
as_seen = True
for of_seed, wanted in ((distributed, (39, 1)), (seedable, (39, 1)), (map_dataset, (39, 1)), (index_sampler, (39, 1)),
                        (repeat_aug, (30, 0)), (random_sampler, (300, 0))):
    runs = [[tuple(order) for order in of_seed(seed)] for seed in range(RUNS)]
    as_seen &= all(sorted(order) == list(range(IMAGES)) for order in runs[0])
    distinct = len({order for run in runs for order in run})
    shifted = [run[epoch + 1] == after[epoch] for run, after in zip(runs, runs[1:]) for epoch in range(EPOCHS - 1)]
    share = sum(shifted) / len(shifted)
    print(f"{of_seed.__name__}: {distinct} orders of {RUNS * EPOCHS}, {share:.0%} are the next seed's epoch before")
    as_seen &= (distinct, share) == wanted
sys.exit(0 if as_seen else 1)
PYTHON
OMP_NUM_THREADS=1 "$work/venv/bin/python" "$work/orders.py" 2>"$work/warnings"
