#!/usr/bin/env bash
# JAX 0.10.2 (PyPI), CPU, several devices of one process: jax.lax.pmean of integers sums in their own type, which wraps,
# and divides after that. The result is float32 and looks like a mean: of four workers that all send the byte 200 it
# is 8, and of four that send -100 as int8 it is 28. jnp.mean over the same four devices of the same array is right.
#
# Guessed: as the result is float32, the sum is too, as of jnp.mean; or the type stays and an overflow is one's own
# fault, as with psum. Booleans, which psum does widen (to int32), made the first look likelier. (TensorFlow's mean of
# int32 wraps when compiled, issue 125978; of pmean nothing was found.) Seen (2026-12-01), 4 devices, the same by
# shard_map and by vmap with an axis's name:
#
#     each worker sends          pmean, float32      jnp.mean over the devices     psum
#     200 as uint8               8                   200                           32, uint8
#     -100 as int8               28                  -100                          112, int8
#     20000 as int16             3616                20000                         14464, int16
#     2^30 as int32              0                   2^30                          0, int32
#     true                       1                   1                             4, int32
#     30000 as float16           inf, float16        30000, float16                inf, float16
#
# Of four workers' drawn bytes 96 % of all means are wrong, and every one is in [0, 64). So a round that averages
# 8-bit codes of updates, or votes counted a byte each, gets small means and no sign that they are not its workers'.
# Convert to float32 before pmean. A GPU was not there to try. Exits 1 if this changes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet jax==0.10.2 numpy==2.4.6
export OMP_NUM_THREADS=1 JAX_PLATFORMS=cpu XLA_FLAGS=--xla_force_host_platform_device_count=4
"$work/venv/bin/python" - <<'PYTHON'
import sys
import jax
import numpy as np
from jax.sharding import NamedSharding, PartitionSpec

WORKERS = 4
mesh = jax.make_mesh((WORKERS,), ("workers",), axis_types=(jax.sharding.AxisType.Auto,))
SPREAD = NamedSharding(mesh, PartitionSpec("workers"))


def over_workers(reduce):
    """reduce of each worker's row, as every worker has it."""
    return jax.jit(jax.shard_map(lambda row: reduce(row, "workers"), mesh=mesh, in_specs=PartitionSpec("workers"),
                                 out_specs=PartitionSpec("workers")))


def seen_of(rows):
    """pmean, pmean by vmap, jnp.mean over the devices, psum."""
    spread = jax.device_put(rows, SPREAD)
    return [np.asarray(result) for result in
            (over_workers(jax.lax.pmean)(spread)[0],
             jax.vmap(lambda row: jax.lax.pmean(row, "workers"), axis_name="workers")(rows)[0],
             jax.jit(lambda x: x.mean(0))(spread), over_workers(jax.lax.psum)(spread)[0])]


print("jax", jax.__version__, "devices", len(jax.devices()))
as_seen = True
for kind, value, mean, total in ((np.uint8, 200, 8, 32), (np.int8, -100, 28, 112), (np.int16, 20000, 3616, 14464),
                                 (np.int32, 2**30, 0, 0), (np.bool_, True, 1, 4), (np.float16, 30000, np.inf, np.inf)):
    by_map, by_vmap, whole, sums = seen_of(np.full((WORKERS, 3), value, kind))
    print(f"{value} as {kind.__name__}: pmean {by_map[0]} {by_map.dtype}, by vmap {by_vmap[0]}, jnp.mean {whole[0]}, "
          f"psum {sums[0]} {sums.dtype}", flush=True)
    as_seen &= bool((by_map == mean).all() and (by_vmap == mean).all() and (whole == value).all())
    as_seen &= bool((sums == total).all()) and by_map.dtype == (np.float16 if kind is np.float16 else np.float32)
drawn = np.random.default_rng(1).integers(0, 256, (WORKERS, 10_000), dtype=np.uint8)
by_map, _, whole, _ = seen_of(drawn)
wrong = float((by_map != drawn.mean(0)).mean())
print(f"drawn bytes: {100 * wrong:.1f} % wrong, the largest {by_map.max()}")
as_seen &= wrong > 0.9 and by_map.max() < 64 and bool((whole == drawn.mean(0)).all())
sys.exit(0 if as_seen else 1)
PYTHON
