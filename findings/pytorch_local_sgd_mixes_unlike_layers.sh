#!/usr/bin/env bash
# PyTorch 2.15.0 (PyPI), torch.distributed's model averaging for local SGD: where a layer has no gradient on a rank,
# that rank leaves it out, and what is left is averaged by place. Two ranks that each used a head of their own average
# the one's head with the other's. With a period of 4 the models are averaged after steps 1, 5, 9, ..., so that a run
# of 4 k steps ends with as many models as ranks.
#
# Guessed: a parameter is averaged with itself, and after 4 k steps there is one model, by the documentation's "every
# 4 steps". (That parameters without a gradient are left out was suspected; the docstring of a helper says it, not what
# follows. That steps are counted from 0 can be read from the documentation.) Seen (2026-11-30), a body and three
# heads of equal shapes, their weights 10, 20 and 30 on each rank, a rate of 0, one step in which each rank uses its
# own head:
#
#                                               heads afterwards, by rank
#     PeriodicModelAverager, 2 ranks            15 20 30     10 15 30
#     the same, 3 ranks                         20 20 30     10 20 30     10 20 20
#     PostLocalSGDOptimizer, 2 ranks            15 20 30     10 15 30
#     2 ranks, zero_grad(set_to_none=False)
#       after a step that used all heads        10 20 30     10 20 30
#
#     period 4: ranks have one model after steps    1, 5, 9 of 12
#
# zero_grad() leaves None since PyTorch 2.0, so that a layer that a rank's last batch did not use is left out:
# experts, heads of several tasks, layers that are dropped at random, a part frozen by one client. Sizes that agree
# in their sum are enough, and nothing says so: the body is averaged right and the loss goes on falling. Where all
# ranks leave out the same, that layer is not averaged at all. An evaluation or a checkpoint by rank 0 after 4 k steps
# is of rank 0's model, three local steps on. Exits 1 if this changes. Downloads some gigabytes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --no-compile torch==2.15.0 numpy==2.4.6
cat >"$work/average.py" <<'PYTHON'
import sys
import warnings
import torch
import torch.distributed as dist
import torch.multiprocessing as processes
from torch.distributed.algorithms.model_averaging.averagers import PeriodicModelAverager
from torch.distributed.optim import PostLocalSGDOptimizer

HEADS, PERIOD, STEPS = (10.0, 20.0, 30.0), 4, 12
CASES = {  # by number of ranks: what it is, and the heads' weights afterwards by rank
    2: {"averager": [[15, 20, 30], [10, 15, 30]], "optimizer": [[15, 20, 30], [10, 15, 30]],
        "zeros": [[10, 20, 30]] * 2},
    3: {"averager": [[20, 20, 30], [10, 20, 30], [10, 20, 20]]},
}


def gathered(value):
    values = [None] * dist.get_world_size()
    dist.all_gather_object(values, value)
    return values


def heads_after(case, rank):
    body = torch.nn.Linear(4, 3, bias=False)
    heads = [torch.nn.Linear(3, 2, bias=False) for _ in HEADS]
    with torch.no_grad():
        body.weight.fill_(rank)
        for head, weight in zip(heads, HEADS):
            head.weight.fill_(weight)
    parameters = [layer.weight for layer in (body, *heads)]
    averager = PeriodicModelAverager(period=1)
    optimizer = torch.optim.SGD(parameters, lr=0.0)
    if case == "optimizer":
        optimizer = PostLocalSGDOptimizer(optim=optimizer, averager=averager)
    if case == "zeros":
        sum(head(body(torch.ones(1, 4))).sum() for head in heads).backward()
    optimizer.zero_grad(set_to_none=case != "zeros")
    heads[rank](body(torch.ones(1, 4))).sum().backward()
    optimizer.step()
    if case != "optimizer":
        averager.average_parameters(iter(parameters))
    right = body.weight.eq((dist.get_world_size() - 1) / 2).all().item()
    return [round(head.weight.mean().item(), 3) for head in heads] if right else None


def steps_with_one_model(rank):
    torch.manual_seed(0)
    model = torch.nn.Linear(4, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    averager = PeriodicModelAverager(period=PERIOD)
    images = torch.Generator().manual_seed(rank)
    agreed = []
    for step in range(1, STEPS + 1):
        optimizer.zero_grad()
        model(torch.randn(8, 4, generator=images)).square().sum().backward()
        optimizer.step()
        averager.average_parameters(model.parameters())
        weights = gathered(model.weight.flatten().tolist())
        if all(other == weights[0] for other in weights):
            agreed.append(step)
    return agreed


def work(rank, ranks, store, results):
    warnings.simplefilter("ignore")  # that a period of 1 could be DDP
    dist.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=ranks)
    as_seen = True
    for case, expected in CASES[ranks].items():
        heads = gathered(heads_after(case, rank))
        as_seen &= heads == expected
        if rank == 0:
            print(f"{ranks} ranks, {case}: heads by rank {heads}", flush=True)
    agreed = steps_with_one_model(rank)
    if rank == 0:
        print(f"{ranks} ranks, period {PERIOD}: one model after steps {agreed} of {STEPS}", flush=True)
    results[rank] = as_seen and agreed == [1, 5, 9]
    dist.barrier()
    dist.destroy_process_group()


if __name__ == "__main__":
    print("torch", torch.__version__, flush=True)
    as_seen = True
    for ranks in CASES:
        results = torch.zeros(ranks).share_memory_()
        processes.spawn(work, (ranks, f"{sys.argv[1]}/store{ranks}", results), nprocs=ranks)
        as_seen &= bool(results.all())
    sys.exit(0 if as_seen else 1)
PYTHON
OMP_NUM_THREADS=1 "$work/venv/bin/python" "$work/average.py" "$work"
