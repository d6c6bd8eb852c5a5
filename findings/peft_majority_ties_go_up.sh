#!/usr/bin/env bash
# PEFT 0.21.2 (PyPI; ties, its merging of adapters by the majority of their signs), PyTorch 2.15.0: a vote that is tied
# counts as positive. Of two updates whose signs are counted 75 % of the merged values go up. By the default, the sum of
# values, the same happens to ternary updates, and to bfloat16 models that differ by some units in the last place.
#
# Guessed: a tie goes neither way, so that updates with no direction in common have none when merged. (That a count's
# tie is positive was suspected, and that the others have ties next. mergekit's pull request 493 quotes the comparison
# with 0, for something else; what mergekit 0.1.5's ties makes of the bfloat16 models was the same, seen once, not run
# here. Of ties nothing was found in either's issues.) Seen (2026-11-30), a million normal values of each update,
# positive and negative values of the merged one in percent:
#
#     updates                                           2        3        4        8
#     signs counted ("frequency"), all are kept         75 25    50 50    69 31    64 36
#                                  20 % are kept        19 17    27 22    33 26    50 33
#     values summed ("total"), all are kept             50 50    50 50    50 50    50 50
#       ternary updates, 20 % are kept                  19 17    27 22    33 26    50 33
#       bfloat16 models                                 46 38    51 40    53 42    54 44
#     a sum of 4,096 merged values moves up by, in
#       deviations of such a sum of the plain mean's
#         signs counted, all are kept                   36       0        38       39
#         ternary updates                               4        12       22       66
#         bfloat16 models                               7        13       17       25
#
# (The models are normal, with a deviation of 0.02, and their updates have one of 1e-4, about a unit of bfloat16.) The
# elected sign is that of "sum >= 0", and values of 0 agree with neither. With few voters, votes that are sparse, or
# values on a grid, ties are not rare: each one that was sparsified away of three makes one, and so does each pair of
# equal and opposite steps. So each layer's weights get a mean that none of the updates has, which moves all its outputs
# after a ReLU, the more so the more workers there are, and merging negated updates is not the negated merge. Exits 1 if
# this changes. Downloads some gigabytes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --no-compile torch==2.15.0 numpy==2.4.6
"$work/venv/bin/pip" install --quiet --no-compile --no-deps peft==0.21.2
OMP_NUM_THREADS=1 "$work/venv/bin/python" - <<'PYTHON'
import importlib.metadata
import importlib.util
import sys
import warnings
import torch

COUNT, INPUTS, KEPT, DEVIATION, STEP = 2**20, 4096, 0.2, 0.02, 1e-4

warnings.simplefilter("ignore")  # that a density of 1 prunes nothing
# Of peft, this file alone, which needs no more than torch.
package = importlib.metadata.distribution("peft").locate_file("peft/utils/merge_utils.py")
spec = importlib.util.spec_from_file_location("merge_utils", package)
peft = importlib.util.module_from_spec(spec)
spec.loader.exec_module(peft)


def ternary(update):
    return peft.prune(update, KEPT, "magnitude").sign()


def cases(updates, generator):
    """Name, updates, share that is kept, and how signs are elected."""
    yield "counted", updates, 1.0, "frequency"
    yield "counted, kept", updates, KEPT, "frequency"
    yield "summed", updates, 1.0, "total"
    yield "ternary", [ternary(update) for update in updates], 1.0, "total"
    base = (DEVIATION * torch.randn(COUNT, generator=generator)).bfloat16()
    models = [(base.float() + STEP * update).bfloat16() for update in updates]
    yield "bfloat16", [model - base for model in models], 1.0, "total"


def shift(merged, updates):
    """Mean of sums of INPUTS merged values, in deviations of such sums of the updates' means."""
    sums = merged.float().view(-1, INPUTS).sum(1)
    means = torch.stack(updates).float().mean(0)
    return (sums.mean() / (means.square().mean() * INPUTS).sqrt()).item()


print("torch", torch.__version__, "peft", importlib.metadata.version("peft"), flush=True)
as_seen = True
for voters in (2, 3, 4, 8):
    generator = torch.Generator().manual_seed(voters)
    updates = [torch.randn(COUNT, generator=generator) for _ in range(voters)]
    for name, voting, density, method in cases(updates, generator):
        weights = torch.ones(voters, dtype=voting[0].dtype)
        merged = peft.ties(voting, weights, density, method)
        negated = peft.ties([-update for update in voting], weights, density, method)
        up, down = (100 * (merged > 0).float().mean().item(), 100 * (merged < 0).float().mean().item())
        turned = (negated != -merged).float().mean().item()
        moved = shift(merged, voting)
        print(f"{voters} {name}: {up:.0f} {down:.0f}, a sum of {INPUTS} moves by {moved:.1f}, "
              f"negated updates merge otherwise in {turned:.2g}", flush=True)
        no_ties = name == "summed" or (name == "counted" and voters == 3)
        as_seen &= turned < 1e-5 if no_ties else turned > 0.01
        if no_ties:
            as_seen &= abs(up - down) < 1 and abs(moved) < 1
        elif name == "counted":
            as_seen &= abs(up - {2: 75, 4: 69, 8: 64}[voters]) < 1 and abs(up + down - 100) < 1 and moved > 15
        else:
            as_seen &= up - down > 1.5 and moved > 3
sys.exit(0 if as_seen else 1)
PYTHON
