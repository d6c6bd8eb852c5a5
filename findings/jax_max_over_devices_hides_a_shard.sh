#!/usr/bin/env bash
# JAX 0.10.2 (PyPI), CPU, several devices of one process: the maximum of an array that is spread over devices leaves out
# each device that has a NaN, its numbers too. jnp.max of 0 to 15 on four devices with a NaN on the last one is 11, and
# of the same array on one device NaN.
#
# Guessed: NaN, as of one device and as of numpy.max, wherever the NaN stands. (That pmax loses a NaN had been seen just
# before. XLA's issue 21461, open, has a maximum of a NaN that differs for a constant and a parameter; of devices
# nothing was found.) Seen (2026-11-30), of 0 to 15, four on each device, one of them a NaN, under jax.jit:
#
#     device of the NaN                          first    second    third    last     on one device
#     jnp.max, jax.lax.pmax                      15       15        15       11       NaN
#     jnp.min, jax.lax.pmin                      4        0         0        0        NaN
#     jnp.linalg.norm(x, jnp.inf)                15       15        15       11       NaN
#     the largest of jax.nn.softmax(x)           -inf     -inf      -inf     -inf     NaN
#     jnp.argmax's place, jnp.sum, isnan(x).any  the NaN's, NaN, true, on all         the same
#
# Each device has NaN for its part, and what then goes over the devices compares, which with a NaN is false. (bfloat16
# alike.) So a loss scale, a clipping by the largest magnitude or a stop by the largest loss of the workers is computed
# without the worker that diverged, and the outcome looks well; a test on one device passes. A GPU was not there to try.
# isnan(x).any() goes first. Exits 1 if this changes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet jax==0.10.2 numpy==2.4.6
export OMP_NUM_THREADS=1 JAX_PLATFORMS=cpu XLA_FLAGS=--xla_force_host_platform_device_count=4
"$work/venv/bin/python" - <<'PYTHON'
import sys
import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import NamedSharding, PartitionSpec

DEVICES, COUNT = 4, 16
mesh = jax.make_mesh((DEVICES,), ("workers",), axis_types=(jax.sharding.AxisType.Auto,))
SPREAD = NamedSharding(mesh, PartitionSpec("workers"))


def over_workers(within, across):
    inside = jax.shard_map(lambda part: across(within(part), "workers")[None], mesh=mesh,
                           in_specs=PartitionSpec("workers"), out_specs=PartitionSpec("workers"))
    return lambda x: inside(x)[0]


WHOLE = {"max": jnp.max, "min": jnp.min, "largest magnitude": lambda x: jnp.linalg.norm(x, jnp.inf),
         "softmax": lambda x: jax.nn.softmax(x).max(), "argmax": jnp.argmax, "sum": jnp.sum,
         "isnan": lambda x: jnp.isnan(x).any()}
SPLIT = {"pmax": over_workers(jnp.max, jax.lax.pmax), "pmin": over_workers(jnp.min, jax.lax.pmin)}
print("jax", jax.__version__, "devices", len(jax.devices()))
as_seen = True
for kind in (jnp.float32, jnp.bfloat16):
    for place in range(COUNT):
        x = np.arange(COUNT, dtype=np.float32)
        x[place] = np.nan
        alone = jnp.asarray(x, kind)
        spread = jax.device_put(alone, SPREAD)
        others = np.delete(np.arange(COUNT).reshape(DEVICES, -1), place * DEVICES // COUNT, axis=0)
        seen = {name: float(jax.jit(f)(spread)) for name, f in {**WHOLE, **SPLIT}.items()}
        one = {name: float(jax.jit(f)(alone)) for name, f in WHOLE.items()}
        if place % DEVICES == 0:
            print(f"{kind.__name__}, NaN at {place}: {seen}; on one device {one}", flush=True)
        as_seen &= all(seen[name] == others.max() for name in ("max", "pmax", "largest magnitude"))
        as_seen &= all(seen[name] == others.min() for name in ("min", "pmin"))
        as_seen &= seen["softmax"] == -np.inf and seen["argmax"] == place and seen["isnan"] == 1
        as_seen &= bool(np.isnan(seen["sum"])) and one["argmax"] == place and one["isnan"] == 1
        as_seen &= all(np.isnan(one[name]) for name in ("max", "min", "largest magnitude", "softmax", "sum"))
sys.exit(0 if as_seen else 1)
PYTHON
