#!/usr/bin/env bash
# JAX 0.10.2 (PyPI), CPU: jax.flatten_util.ravel_pytree and its inverse change integers and keys that stand beside
# bfloat16, float16 or float32 leaves. A step count beside bfloat16 parameters stops at 256, and of a million
# seeds' keys 1,781 are left.
#
# Guessed: the inverse gives back the tree. (Its documentation says that leaves are promoted to one type. Of uint32
# beside float32, JAX's issue 29593 knows.) Seen (2026-11-30), beside leaves of the type:
#
#                                                          bfloat16    float16       float32
#     int32 1,001 comes back as                            1,000       1,001         1,001
#     a count that goes on by one after each trip,         256         2,048         5,000
#       after 5,000
#     key of seed 123,456,789 is then that of              123,207,680 4,294,967,295 123,456,792
#     distinct keys of the seeds 0 to 999,999              1,781       7,169         1,000,000
#     of which as before                                   1,781       7,168         1,000,000
#     distinct keys of 1,000 clients, by fold_in           994         2             1,000
#     of which as before                                   0           0             0
#
# JAX's promotion of an integer and a float is the float, also where it has 8 bits. So a state that is flattened to be
# sent, averaged or stored, and restored, has its types, shapes and names again, a learning rate's schedule that stands
# still, and clients, or dropout masks, with equal keys, with no error. Keys made by jax.random.key raise an error.
# Exits 1 if this changes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6
"$work/venv/bin/python" - 2>"$work/warnings" <<'PYTHON'
import sys
import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

SEEDS, CLIENTS, TRIPS = 1_000_000, 1000, 5000
WANTED = {"bfloat16": (1000, 256, 123_207_680, 1781, 1781, 994, 0),
          "float16": (1001, 2048, 4_294_967_295, 7169, 7168, 2, 0),
          "float32": (1001, 5000, 123_456_792, 1_000_000, 1_000_000, 1000, 0)}


def trip(leaf, dtype):
    flat, unravel = ravel_pytree({"leaf": leaf, "weights": jnp.ones(2, dtype)})
    return unravel(flat)["leaf"]


def rows(keys):
    return len(np.unique(np.asarray(keys), axis=0))


print("jax", jax.__version__)
as_seen = True
seeds = jax.vmap(jax.random.PRNGKey)(jnp.arange(SEEDS))
clients = jax.vmap(lambda i: jax.random.fold_in(jax.random.PRNGKey(1), i))(jnp.arange(CLIENTS))
for name, wanted in WANTED.items():
    dtype = jnp.dtype(name)
    count = jax.lax.fori_loop(0, TRIPS, lambda _, count: trip(count, dtype) + 1, jnp.int32(0))
    count = trip(count, dtype)
    back, clients_back = trip(seeds, dtype), trip(clients, dtype)
    one = trip(jax.random.PRNGKey(123_456_789), dtype)
    seen = (int(trip(jnp.int32(1001), dtype)), int(count), int(one[1]), rows(back), int((back == seeds).all(1).sum()),
            rows(clients_back), int((clients_back == clients).all(1).sum()))
    print(name, seen, back.dtype)
    as_seen &= seen == wanted and back.dtype == jnp.uint32
try:
    ravel_pytree({"key": jax.random.key(1), "weights": jnp.ones(2)})
    as_seen = False
except Exception as error:
    print("jax.random.key:", type(error).__name__)
sys.exit(0 if as_seen else 1)
PYTHON
