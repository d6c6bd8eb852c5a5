#!/usr/bin/env bash
# FedJAX 0.0.17 (PyPI, JAX 0.4.25): of a leaf of zeros structured_drive_quantizer makes NaN, for all clients. Of a leaf
# of one number, or of equal ones, terngrad_quantizer makes 0. Quantisers that rotate count half the bits they need.
#
# Guessed: zeros stay zeros, equal numbers come back on average, and what is padded is counted. (The source had been
# read before. That TernGrad cuts large values to 2.5 deviations is in its paper.) Seen (2026-11-30), the mean
# of two clients:
#
#     leaf of the mean                          uniform, 16 levels    rotated, 16    DRIVE    TernGrad
#     1,025 normal values, zeros of the other   half the one's        half           NaN      0.48
#     one number, 0.5 of both                   0.5                   0.5            0.5      0
#     ten times 0.1 of both                     0.1                   0.1            0.1      0
#
#     bits that the state counts of 1,025       4,164                 4,164          1,089    1,689
#     of the 2,048 that they are rotated to                           8,256          2,112
#
# DRIVE's scale is |x|^2 / |x|_1, 0 / 0 of zeros, and TernGrad's limit is 2.5 standard deviations, 0 of equal numbers.
# So a client with a layer that is frozen, or unused in its data, ends the federation, a scalar parameter never
# moves, and the bits of rotated ones are told too low by up to a factor of 2. With JAX 0.10.2 FedJAX's
# aggregators raise an error. Exits 1 if this changes. Needs Python 3.9 to 3.12.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet jax==0.4.25 jaxlib==0.4.25 numpy==1.26.4 scipy==1.12.0 dm-haiku==0.0.12 optax==0.2.2 \
    chex==0.1.86 absl-py cloudpickle fire msgpack pandas requests tqdm
"$work/venv/bin/pip" install --quiet --no-deps fedjax==0.0.17
"$work/venv/bin/python" - 2>"$work/warnings" <<'PYTHON'
import importlib.metadata
import sys
import jax
import jax.numpy as jnp
import numpy as np
from fedjax.aggregators import compression

print(*(f"{name} {importlib.metadata.version(name)}" for name in ("fedjax", "jax")))
key = jax.random.PRNGKey(0)
x = jnp.asarray(np.random.default_rng(0).standard_normal(1025), jnp.float32)
flat = {"one": jnp.full(1, 0.5), "equal": jnp.full(10, 0.1)}
clients = [("a", {"normal": x, **flat}, 1.0), ("b", {"normal": jnp.zeros_like(x), **flat}, 1.0)]
quantisers = {"uniform": compression.uniform_stochastic_quantizer(16, key),
              "rotated": compression.rotated_uniform_stochastic_quantizer(16, key),
              "DRIVE": compression.structured_drive_quantizer(key), "TernGrad": compression.terngrad_quantizer(key)}
expected_bits = {"uniform": 4164, "rotated": 4164, "DRIVE": 1089, "TernGrad": 1689}
as_seen = True
for name, quantiser in quantisers.items():
    mean, _ = quantiser.apply(clients, quantiser.init())
    _, state = quantiser.apply([("a", {"normal": x}, 1.0)], quantiser.init())
    nans, slope = int(jnp.isnan(mean["normal"]).sum()), float(mean["normal"] @ x / (x @ x))
    one, equal, bits = float(mean["one"][0]), float(mean["equal"].mean()), round(float(state.num_bits))
    print(f"{name}: {nans} of {x.size} NaN, else {slope:.3f} of the one client's; 0.5 becomes {one:.3f}, ten times 0.1 "
          f"{equal:.3f}; {bits} bits counted")
    as_seen &= nans == (x.size if name == "DRIVE" else 0) and bits == expected_bits[name]
    as_seen &= (one == 0 and equal == 0) if name == "TernGrad" else (abs(one - 0.5) < 0.01 and abs(equal - 0.1) < 0.01)
    as_seen &= name == "DRIVE" or 0.4 < slope < 0.6
rotated, _ = compression.walsh_hadamard.structured_rotation(x, key)
print(f"{x.size} values are {rotated.size} after rotation")
sys.exit(0 if as_seen and rotated.size == 2048 else 1)
PYTHON
