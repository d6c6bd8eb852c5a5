#!/usr/bin/env bash
# PyTorch 2.15.0 (CPU) and JAX 0.10.2 (PyPI): of a seed of 64 bits the upper half is dropped. Seeds that
# agree in their lower halves give the same numbers, with no error and no warning.
#
# Guessed: other streams, since both take seeds above 2^32, and torch's initial_seed() gives back all of
# what was set; or an error, as of NumPy's RandomState. Seen (2026-11-29) for seeds 1 + w * 2^32:
#
#                                      w = 0, 1, 2, 3
#     torch.Generator().manual_seed    one stream; initial_seed() tells them apart
#     jax.random.key                   one key, (0, 1)
#     the same, in jax.enable_x64      four keys, (w, 1)
#     numpy.random.default_rng         four streams
#     numpy.random.RandomState         an error from w = 1 on
#
# JAX drops what is above an int32 where its numbers of 64 bits are off, which is the default, and torch
# seeds mt19937 with 32 bits. So workers whose seeds are packed as (worker << 32 | seed) augment, shuffle
# and quantise alike, and a run of one seed looks like one of ten. Exits 1 if this changes. Downloads some
# gigabytes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet torch==2.15.0 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6
"$work/venv/bin/python" - <<'PYTHON'
import sys
import warnings
import jax
import numpy as np
import torch

warnings.simplefilter("error")
print("torch", torch.__version__, "jax", jax.__version__, "numpy", np.__version__)
seeds = [1 + (w << 32) for w in range(4)]


def of_torch(seed):
    generator = torch.Generator().manual_seed(seed)
    assert generator.initial_seed() == seed
    return tuple(torch.rand(100, generator=generator).tolist())


def of_jax(seed):
    return tuple(jax.random.key_data(jax.random.key(seed)).tolist())


def of_jax_x64(seed):
    with jax.enable_x64(True):
        return of_jax(seed)


def of_random_state(seed):
    try:
        return tuple(np.random.RandomState(seed).random(100))
    except ValueError:
        return None


streams = {"torch": [of_torch(s) for s in seeds], "jax": [of_jax(s) for s in seeds],
           "jax, x64": [of_jax_x64(s) for s in seeds],
           "default_rng": [tuple(np.random.default_rng(s).random(100)) for s in seeds],
           "RandomState": [of_random_state(s) for s in seeds]}
seen = {name: (len(set(some)), some.count(None)) for name, some in streams.items()}
for name, (different, refused) in seen.items():
    print(f"{name}: {different - (refused > 0)} different of {len(seeds) - refused}, {refused} refused")
print("jax keys:", *streams["jax"], "x64:", *streams["jax, x64"])
sys.exit(0 if seen == {"torch": (1, 0), "jax": (1, 0), "jax, x64": (4, 0), "default_rng": (4, 0), "RandomState": (2, 3)}
         else 1)
PYTHON
