#!/usr/bin/env bash
# JAX 0.10.2 (PyPI), CPU, several devices of one process: jnp.cumsum of a bfloat16 array that is spread over devices
# stops at 256 ones, and is right on one device. jax.random.choice by probabilities that are spread so draws from the
# first 256 of 4,096 alone.
#
# Guessed: what one device has, up to a unit in the last place, as of sum, mean, var, std, norm and dot of the same
# spread array, all of which had that just before. (That float16's stops at 2,048 was guessed next: it does not. JAX's
# issue 21403, closed, has a wrong cumsum of spread integers on GPUs; that TensorFlow's own cumsum of bfloat16 is narrow
# on CPUs is its issue 115731. Of bfloat16 over devices nothing was found.) Seen (2026-11-30), of 4,096 values:
#
#     devices                                            1            2            4
#     last of jnp.cumsum of ones: bfloat16               4,096        256          256
#                                 float16, float32       4,096        4,096        4,096
#     bfloat16 with dtype=float32, associative_scan,
#       an axis that is not spread                       4,096        4,096        4,096
#     of normal values around 1, by the exact sum        1.00         0.26         0.26
#       jnp.sum of the same                              1.00         1.00         1.00
#     choice by p = 1/4,096, largest of 20,000 draws     4,087        255          255
#       their mean                                       2,048        127          127
#
# For several devices each sum goes one by one over a window of the whole array and is rounded to bfloat16 after each
# step, as the compiled program shows; one device's is not. What asks for a running sum takes it on: who trains in this
# round, which examples are drawn, a threshold by cumulated magnitudes. Shares of clients, examples or coordinates that
# stand behind the first are 0, and nothing shows it on the one device of a test. Exits 1 if this changes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --no-compile jax==0.10.2 numpy==2.4.6
export OMP_NUM_THREADS=1 JAX_PLATFORMS=cpu XLA_FLAGS=--xla_force_host_platform_device_count=4
"$work/venv/bin/python" - <<'PYTHON'
import sys
import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

COUNT, DRAWS, DEVICES = 4096, 20_000, (1, 2, 4)
ONES = np.ones(COUNT)
NORMAL = 1 + np.random.default_rng(0).standard_normal(COUNT)
TYPES = (jnp.bfloat16, jnp.float16, jnp.float32)


def spread(array, devices, *axes):
    mesh = Mesh(np.array(jax.devices()[:devices]), ("device",))
    return jax.device_put(array, NamedSharding(mesh, PartitionSpec(*axes or ("device",))))


def last(function, array):
    return np.asarray(jax.jit(function)(array), np.float64).ravel()[-1]


print("jax", jax.__version__, flush=True)
as_seen = True
for devices in DEVICES:
    stops = devices > 1
    for kind in TYPES:
        ones, normal = (spread(values.astype(kind), devices) for values in (ONES, NORMAL))
        counted = last(jnp.cumsum, ones)
        exact = np.asarray(normal, np.float64).sum()
        summed, total = last(jnp.cumsum, normal) / exact, last(jnp.sum, normal) / exact
        print(f"{devices} devices, {kind.__name__}: {COUNT} ones add up to {counted:g}, "
              f"normal values around 1 to {summed:.3f} of their sum, by jnp.sum {total:.3f}", flush=True)
        narrow = stops and kind is jnp.bfloat16
        as_seen &= counted == (256 if narrow else COUNT)
        as_seen &= (0.03 < summed < 0.3 if narrow else abs(summed - 1) < 0.01) and abs(total - 1) < 0.01
    ones = spread(ONES.astype(jnp.bfloat16), devices)
    others = {
        "eager": jnp.cumsum(ones)[-1],
        "dtype=float32": last(lambda x: jnp.cumsum(x, dtype=jnp.float32), ones),
        "associative_scan": last(lambda x: jax.lax.associative_scan(jnp.add, x), ones),
        "rows spread, along columns": last(lambda x: jnp.cumsum(x, 1), spread(
            np.ones((4, COUNT), jnp.bfloat16), devices)),
    }
    print(f"{devices} devices: " + ", ".join(f"{name} {value:g}" for name, value in others.items()), flush=True)
    as_seen &= others.pop("eager") == (256 if stops else COUNT) and set(others.values()) == {COUNT}
    p = spread((ONES / COUNT).astype(jnp.bfloat16), devices)
    drawn = jax.jit(lambda p: jax.random.choice(jax.random.key(0), COUNT, (DRAWS,), p=p))(p)
    print(f"{devices} devices: choice of {COUNT} draws up to {int(drawn.max())}, mean {float(drawn.mean()):.0f}",
          flush=True)
    as_seen &= int(drawn.max()) < 256 if stops else int(drawn.max()) > COUNT - 64
sys.exit(0 if as_seen else 1)
PYTHON
