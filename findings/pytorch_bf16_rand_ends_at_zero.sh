#!/usr/bin/env bash
# PyTorch 2.15.0 (PyPI), CPU: one in 512 draws of torch.rand in bfloat16 is 0, and one in 4,096 in float16.
# They are the draws at the upper end: what rounds up to 1 is replaced by 0.
#
# Guessed: a float32 draw, rounded, so that zeros are as rare as in float32; or multiples of 1/256, as its
# bits allow. Seen (2026-11-29), of 10,000,000 draws, by the float32 draw of the same seed:
#
#                                             bfloat16             float16              float32
#     zeros                                   0.00197              0.00024              1e-7
#     the float32 draws that they were        1 - 2^-9 and above   1 - 2^-12 and above
#     share of rand() < p, by p, p = 0.001    3.0                  1.2                  1
#                                p = 0.0001   21                   3.4                  1
#     share of bernoulli(p), by p             1                    1                    1
#
# All other draws are the float32 ones, rounded. So 2^-9 is added to the chance of any rare event, and a
# quantiser that rounds at random, level + (rand_like(x) < rest), is not unbiased in bfloat16. Of a vector
# of cubes of normal values, with one level, it makes a sixth too much: 1.17 of its sum of magnitudes, in
# float32 1.00. -log(rand()) is infinite once in 512. Exits 1 if this changes. Downloads some gigabytes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet torch==2.15.0 numpy==2.4.6
"$work/venv/bin/python" - <<'PYTHON'
import sys
import torch

DRAWS = 10_000_000


def drawn(dtype):
    return torch.rand(DRAWS, dtype=dtype, generator=torch.Generator().manual_seed(1))


def quantised(x):
    """One level and signs left out: 0 or 1 for each coordinate, by chance."""
    share = x.abs() / x.abs().max()
    kept = torch.rand(share.shape, dtype=share.dtype, generator=torch.Generator().manual_seed(2)) < share
    return (kept.double().sum() / share.double().sum()).item()


print("torch", torch.__version__)
wide = drawn(torch.float32)
cubes = torch.randn(DRAWS, generator=torch.Generator().manual_seed(3)) ** 3
as_seen = True
for dtype, bits in ((torch.bfloat16, 9), (torch.float16, 12), (torch.float32, 24)):
    u = drawn(dtype)
    at_the_end = wide >= 1 - 2.0**-bits
    rounded = torch.where(at_the_end, 0, wide.to(dtype).float())
    zeros = (u == 0).double().mean().item()
    shares = {}
    for p in (0.001, 0.0001):
        exact = torch.tensor(p, dtype=dtype)
        tossed = torch.bernoulli(exact.expand(DRAWS), generator=torch.Generator().manual_seed(4))
        shares[p] = [(hits.double().mean() / exact.double()).item() for hits in (u < exact, tossed)]
    infinite, sums = torch.isinf(-torch.log(u)).double().mean().item(), quantised(cubes.to(dtype))
    print(f"{dtype}: {zeros:.2g} are 0; float32's, rounded, with 0 for 1: {torch.equal(rounded, u.float())}; "
          f"-log infinite {infinite:.2g}; quantised cubes by their sum {sums:.3f}")
    for p, (drawn_below, coins) in shares.items():
        print(f"    p = {p}: hits of rand() < p, by p: {drawn_below:.3f}; of bernoulli(p): {coins:.3f}")
    if dtype == torch.float32:
        as_seen &= zeros < 1e-6 and abs(shares[0.001][0] - 1) < 0.05 and abs(sums - 1) < 0.02
    else:
        as_seen &= torch.equal(rounded, u.float()) and abs(zeros * 2**bits - 1) < 0.1
        as_seen &= all(abs(shares[p][0] - 1 - 2.0**-bits / p) < 0.15 * shares[p][0] for p in shares)
    as_seen &= all(abs(both[1] - 1) < 0.15 for both in shares.values())
    as_seen &= dtype != torch.bfloat16 or (sums > 1.1 and infinite > 0.001)
sys.exit(0 if as_seen else 1)
PYTHON
