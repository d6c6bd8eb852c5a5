#!/usr/bin/env bash
# PyTorch 2.15.0 (PyPI), torch.distributed.tensor, CPU, gloo: of a batch that is spread over ranks in equal parts
# mse_loss, huber_loss, smooth_l1_loss, soft_margin_loss and binary_cross_entropy have the right value, and gradients
# that are as many times too large as there are ranks. (y - t).square().mean(), reduction="sum" and cross_entropy are
# right. Of unequal parts the value is the mean of the parts' means, too, and NaN where a rank has no row.
#
# Guessed: what plain tensors have, value and gradient, as DTensor promises, however a batch is spread. (Of unequal
# parts the mean of means had been seen before. It is known of mean(), where it is mended, issue 162692, and of nll_loss
# with weights, issue 185167, which is not run here. Of gradients nothing was found.) Seen (2026-11-30), value and the
# weight's gradient, by those of plain tensors:
#
#     ranks, rows                            2, 12         3, 12         3, 13           3, 4
#     square().mean(), l1_loss,
#       cross_entropy, mse_loss by "sum"     1, 1          1, 1          1, 1            1, 1
#     bce_with_logits                        1, 1          1, 1          1.015, 1        NaN, 1
#     mse_loss                               1, 2          1, 3          1.06, 3.3       NaN, 2
#     huber_loss, smooth_l1_loss             1, 2          1, 3          1.04, 3.1       NaN, 2
#     soft_margin_loss                       1, 2          1, 3          1.00, 3.1       NaN, 2
#     binary_cross_entropy                   1, 2          1, 3          1.015, 3.1      NaN, 2
#     (2, 12, outputs in place of rows spread over the ranks: the same)
#
# They have no rule of their own in DTensor. (Most likely: by the one that is derived from their decomposition each rank
# calls the operator on its part, and the backward pass divides by the part's count, not by the whole's.) The curve of
# the loss looks right, Adam and clipping by norm hide the factor, and SGD's learning rate is multiplied by the number
# of ranks, so that a run that is moved from 2 ranks to 8 may diverge where one with cross_entropy does not. Exits 1 if
# this changes. Downloads some gigabytes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --no-compile torch==2.15.0 numpy==2.4.6
cat >"$work/losses.py" <<'PYTHON'
import datetime
import logging
import math
import sys
import warnings
import torch
import torch.distributed as dist
import torch.multiprocessing as processes
import torch.nn.functional as functional
from torch.distributed.tensor import Replicate, Shard, distribute_tensor, init_device_mesh

INPUTS, OUTPUTS = 5, 6
BATCHES = {2: (12,), 3: (12, 13, 4)}
LOSSES = {
    "square().mean()": lambda y, t: (y - t).square().mean(),
    "l1_loss": functional.l1_loss,
    "cross_entropy": lambda y, t: functional.cross_entropy(y, t.argmax(1)),
    "mse_loss, sum": lambda y, t: functional.mse_loss(y, t, reduction="sum"),
    "bce_with_logits": lambda y, t: functional.binary_cross_entropy_with_logits(y, t.sigmoid()),
    "mse_loss": functional.mse_loss,
    "huber_loss": functional.huber_loss,
    "smooth_l1_loss": functional.smooth_l1_loss,
    "soft_margin_loss": lambda y, t: functional.soft_margin_loss(y, t.sign()),
    "bce": lambda y, t: functional.binary_cross_entropy(y.sigmoid(), t.sigmoid()),
}
RIGHT = set(list(LOSSES)[:4])
RIGHT_GRADIENT = set(list(LOSSES)[:5])


def loss_and_gradient(loss, weight, x, t):
    found = loss(functional.linear(x, weight), t)
    found.backward()
    if hasattr(found, "full_tensor"):
        return found.full_tensor().item(), weight.grad.full_tensor()
    return found.item(), weight.grad


def check(rank, ranks, store, results):
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    dist.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=ranks,
                            timeout=datetime.timedelta(minutes=15))
    mesh = init_device_mesh("cpu", (ranks,))
    as_seen = True
    for batch in BATCHES[ranks]:
        generator = torch.Generator().manual_seed(batch)
        shapes = (batch, INPUTS), (batch, OUTPUTS), (OUTPUTS, INPUTS)
        x, t, weight = (torch.randn(shape, generator=generator) for shape in shapes)
        layouts = {"by rows": (Replicate(), Shard(0), Shard(0))}
        if ranks == 2:
            layouts["by outputs"] = (Shard(0), Replicate(), Shard(1))
        for layout, placements in layouts.items():
            for name, loss in LOSSES.items():
                plain, gradient = loss_and_gradient(loss, weight.clone().requires_grad_(), x, t)
                spread = [distribute_tensor(tensor.clone(), mesh, [placement])
                          for tensor, placement in zip((weight, x, t), placements)]
                found, spread_gradient = loss_and_gradient(loss, spread[0].requires_grad_(), *spread[1:])
                times = (spread_gradient.norm() / gradient.norm()).item()
                cosine = functional.cosine_similarity(spread_gradient.flatten(), gradient.flatten(), 0).item()
                if rank == 0:
                    print(f"{ranks} ranks, {batch} rows, {layout}, {name}: loss {found / plain:.3f} of the plain one, "
                          f"gradient {times:.3f}, cosine {cosine:.5f}", flush=True)
                even = batch % ranks == 0
                loss_right = abs(found / plain - 1) < 1e-5
                as_seen &= loss_right == (even or name in RIGHT)
                as_seen &= math.isnan(found) == (batch < 2 * ranks and name not in RIGHT)
                gradient_right = abs(times - 1) < 1e-4 and cosine > 0.9999
                as_seen &= gradient_right == (name in RIGHT_GRADIENT)
                if even and name not in RIGHT_GRADIENT:
                    as_seen &= abs(times - ranks) < 1e-3 and cosine > 0.9999
    results[rank] = as_seen
    dist.barrier()
    dist.destroy_process_group()


if __name__ == "__main__":
    print("torch", torch.__version__, flush=True)
    right = True
    for ranks in BATCHES:
        results = torch.zeros(ranks).share_memory_()
        processes.spawn(check, (ranks, f"{sys.argv[1]}/store{ranks}", results), nprocs=ranks)
        right &= results.bool().all().item()
    sys.exit(0 if right else 1)
PYTHON
OMP_NUM_THREADS=1 "$work/venv/bin/python" "$work/losses.py" "$work"
