#!/usr/bin/env bash
# PyTorch 2.15.0 (PyPI), CPU: x.norm(1) of float32 adds a thread's share of x one by one in float32. Of ones it
# stops at 2^24 for each thread, and of a model's gradient it is short by up to a percent, by another amount
# with another number of threads. The norm of order 0, which counts, stops as well.
#
# Guessed, though not in writing before the first run: as exact as x.abs().sum(), and in last bits at most
# another one by the number of threads. (That 2-norms of long vectors are short is in PyTorch's issues.) Seen
# (AMD EPYC, 2026-11-29; the same with ATEN_CPU_CAPABILITY=avx2 and default), by the exact value:
#
#                            11,173,962 normal values     40,000,000 normal     40,000,000 ones
#     threads                1           2                1          2          1          2
#     norm(1)                0.9920      0.9980           0.8954     0.9765     0.4194     0.8389
#     norm(0)                1           1                0.4194     0.8389     0.4194     0.8389
#     norm(2)                0.9996      0.9996           0.9971     0.9971     1          1
#     abs().sum()            1           1                1          1          1          1
#
# (11,173,962 are ResNet-18's.) A sign compressor's scale is norm(1) / d, so that what it sends is short by
# that, workers of unlike machines scale equal gradients differently, and density by norm(0) is wrong from 16.8
# million parameters on. Exits 1 if this changes. Downloads some gigabytes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet torch==2.15.0 numpy==2.4.6
"$work/venv/bin/python" - <<'PYTHON'
import sys
import torch


def exact(x):
    parts = [part.double() for part in x.split(1 << 20)]
    return {0: sum(int((p != 0).sum()) for p in parts), 1: sum(p.abs().sum().item() for p in parts),
            2: sum(p.square().sum().item() for p in parts) ** 0.5}


print("torch", torch.__version__)
as_seen = True
for name, n, expected in (("normal", 11_173_962, {0: (1, 1), 1: (0.9920, 0.9980), 2: (0.9996, 0.9996)}),
                          ("normal", 40_000_000, {0: (0.4194, 0.8389), 1: (0.8954, 0.9765), 2: (0.9971, 0.9971)}),
                          ("ones", 40_000_000, {0: (0.4194, 0.8389), 1: (0.4194, 0.8389), 2: (1, 1)})):
    x = torch.ones(n) if name == "ones" else torch.randn(n, generator=torch.Generator().manual_seed(1))
    right = exact(x)
    for i, threads in enumerate((1, 2)):
        torch.set_num_threads(threads)
        shares = {order: x.norm(order).item() / right[order] for order in (0, 1, 2)}
        of_sum = x.abs().sum().item() / right[1]
        print(f"{n} {name}, threads {threads}:", *(f"norm({order}) {share:.4f}" for order, share in shares.items()),
              f"abs().sum() {of_sum:.6f}")
        as_seen &= abs(of_sum - 1) < 1e-5 and all(abs(shares[o] - expected[o][i]) < 2e-4 for o in (0, 1, 2))
sys.exit(0 if as_seen else 1)
PYTHON
