#!/usr/bin/env bash
# PyTorch 2.15.0 (PyPI), CPU, torch.distributed with gloo: all_reduce adds the ranks' values of an
# element in an order that depends on where the element stands and on the tensor's length. If each
# rank has a tensor of equal elements, the sum's elements are not equal from five ranks on.
#
# Guessed: equal elements have equal sums, perhaps not in the order of ranks. Seen (2026-11-29), float32
# sums of 0.1 + 0.7 + 0.001 + 3.3 - 2.9, then of five more, by the tensor's length:
#
#     length     5 ranks: different sums, first element of each run     10 ranks
#     1, 2       1, one run                                             1
#     5          2, from 0, 2, 4                                        2
#     10,000     3, from 0, 2,000, 4,000, 6,000, 8,000                  3, from 0, 1,000, 2,000, ... 5,000, 9,000
#
# Three ranks are too few for a difference here. The ranks agree with each other: gloo's ring begins
# each block of the tensor at another rank. So the bits of a mean of gradients depend on the bucket
# that they share and on their place in it, and two parameters with the same gradients on every rank
# drift apart. A run is repeated to the bit only with the same buckets. Exits 1 if this changes.
# Downloads some gigabytes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet torch==2.15.0 numpy==2.4.6
cat >"$work/places.py" <<'PYTHON'
import pathlib
import sys
import torch
import torch.distributed as dist
import torch.multiprocessing as mp

VALUES = [0.1, 0.7, 1e-3, 3.3, -2.9, 0.123, 7.7, -0.05, 1.9, 0.33]
LENGTHS = [1, 2, 5, 10_000]


def rank(r, ranks, folder):
    dist.init_process_group("gloo", init_method=f"file://{folder}/meeting{ranks}", rank=r, world_size=ranks)
    sums = []
    for n in LENGTHS:
        x = torch.full((n,), VALUES[r])
        dist.all_reduce(x)
        sums.append(x)
    torch.save(sums, f"{folder}/{ranks}-{r}")
    dist.destroy_process_group()


if __name__ == "__main__":
    folder = pathlib.Path(sys.argv[1])
    print("torch", torch.__version__)
    expected = {(3, 1): 1, (3, 2): 1, (3, 5): 1, (3, 10_000): 1, (5, 1): 1, (5, 2): 1, (5, 5): 2, (5, 10_000): 3,
                (10, 1): 1, (10, 2): 1, (10, 5): 2, (10, 10_000): 3}
    as_seen = True
    for ranks in (3, 5, 10):
        mp.spawn(rank, args=(ranks, folder), nprocs=ranks)
        results = [torch.load(folder / f"{ranks}-{r}") for r in range(ranks)]
        for i, n in enumerate(LENGTHS):
            x = results[0][i]
            begins = [0] + ((x[1:] != x[:-1]).nonzero().flatten() + 1).tolist()
            different = len(set(x.tolist()))
            agree = all(torch.equal(x, other[i]) for other in results)
            print(f"{ranks} ranks, length {n}: {different} different sums, runs from {begins}; the ranks "
                  + ("agree" if agree else "differ"))
            as_seen &= agree and different == expected[ranks, n]
    sys.exit(0 if as_seen else 1)
PYTHON
"$work/venv/bin/python" "$work/places.py" "$work"
