#!/usr/bin/env bash
# FedLab 1.3.0 (PyPI): CIFAR10Partitioner(balance=True, partition="dirichlet", dir_alpha=a) hands each client
# all ten classes in equal parts, up to chance. So does balance=False.
#
# Guessed: a client's classes are drawn from Dir(a), as for balance=None; with a = 1 the largest of ten has
# 29 % of its images. Seen (2026-11-29), 50,000 labels in drawn order, 10 clients, a = 1, share of the most
# frequent class, from the client with the smallest to that with the largest:
#
#     balance=True                                     10 to 11 %
#     balance=False, unbalance_sgm=0.3                 10 to 11 %
#     partition="iid"                                  10 to 11 %
#     balance=None                                     20 to 45 %
#     balance=True, indices through the first
#       permutation after the seed                     19 to 39 %
#
# Each image is given once. Labels are shuffled, clients draw from the shuffled ones, and the indices given
# count in the shuffled order. The caller applies them to the files' order. So what was run as a federation
# of unlike clients is one of like clients, with no error, and results do not depend on dir_alpha. Exits 1 if
# this changes. Downloads some gigabytes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet torch==2.15.0 numpy==2.4.6 pandas==2.3.3
"$work/venv/bin/pip" install --quiet --no-deps fedlab==1.3.0
"$work/venv/bin/python" - <<'PYTHON'
import importlib.metadata
import sys
import numpy as np
from fedlab.utils.dataset.partition import CIFAR10Partitioner

CLASSES, CLIENTS, IMAGES, SEED, ALPHA = 10, 10, 50_000, 5, 1.0
print("fedlab", importlib.metadata.version("fedlab"), "numpy", np.__version__)
labels = np.random.default_rng(1).permutation(np.repeat(np.arange(CLASSES), IMAGES // CLASSES))


def split(**how):
    clients = CIFAR10Partitioner(labels, CLIENTS, seed=SEED, verbose=False, **how)
    indices = [np.asarray(clients[c]) for c in range(CLIENTS)]
    assert np.array_equal(np.sort(np.concatenate(indices)), np.arange(IMAGES)), "an image is missing or given twice"
    return indices


def largest_share(indices):
    return np.bincount(labels[indices], minlength=CLASSES).max() / len(indices)


skewed = {"partition": "dirichlet", "dir_alpha": ALPHA}
splits = {
    "balance=True": split(balance=True, **skewed),
    "balance=False": split(balance=False, unbalance_sgm=0.3, **skewed),
    "iid": split(balance=True, partition="iid"),
    "balance=None": split(balance=None, **skewed),
}
shuffled = np.random.RandomState(SEED).permutation(IMAGES)
splits["balance=True, through the permutation"] = [shuffled[indices] for indices in splits["balance=True"]]
as_seen = True
for name, indices in splits.items():
    shares = sorted(largest_share(of_client) for of_client in indices)
    print(f"{name}: the most frequent class has {shares[0]:.3f} to {shares[-1]:.3f} of a client's images, "
          f"mean {np.mean(shares):.3f}")
    is_skewed = name in ("balance=None", "balance=True, through the permutation")
    as_seen &= np.mean(shares) > 0.2 if is_skewed else shares[-1] < 0.13
sys.exit(0 if as_seen else 1)
PYTHON
