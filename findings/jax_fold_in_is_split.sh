#!/usr/bin/env bash
# JAX 0.10.2 (PyPI): jax.random.fold_in(key, i) is the same key as jax.random.split(key, n)[i], for each i < n.
#
# Guessed: two functions that make keys of a key make other keys, and if not, that JAX's check for keys used
# twice says so. (That they meet was suspected: JAX's history says that it is meant.) Seen (2026-11-29):
#
#                                                      keys of the same bits
#     fold_in(key, 0), (key, 1), (key, 2)
#       and split(key, 3), the default threefry        3 of 3
#       the same for rbg                               3 of 3
#       the same for unsafe_rbg                        0 of 3
#       threefry, jax_threefry_partitionable off       0 of 3
#     random.bits(key, (3,), uint64), in x64,
#       as keys, and split(key, 3)                     3 of 3
#
#     with jax.debug_key_reuse, a key that two draws use                 an error
#     with it, a draw by fold_in(key, 0), another by split(key)[0]       none; the draws are equal
#
# So where workers have fold_in(key, worker) and a loop goes on by `key, step = split(key)`, they are not
# independent: worker 1 draws what the step draws, and worker 0's key is the loop's next one. The
# documentation of fold_in calls its keys statistically safe. Exits 1 if this changes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6
"$work/venv/bin/python" - <<'PYTHON'
import sys
import jax
import jax.numpy as jnp

N = 3


def bits(key):
    return tuple(jax.random.key_data(key).tolist())


def meeting(seed, kind):
    key = jax.random.key(seed, impl=kind)
    split = jax.random.split(key, N)
    return sum(bits(jax.random.fold_in(key, i)) == bits(split[i]) for i in range(N))


print("jax", jax.__version__)
as_seen = True
for kind, expected in (("threefry2x32", N), ("rbg", N), ("unsafe_rbg", 0)):
    met = [meeting(seed, kind) for seed in (0, 7, 2**31 - 1)]
    print(f"{kind}: of {N} keys of three seeds each, the same by fold_in and by split:", *met)
    as_seen &= met == [expected] * 3
with jax.threefry_partitionable(False):
    met = meeting(7, "threefry2x32")
print("threefry2x32 with jax_threefry_partitionable off:", met)
as_seen &= met == 0

with jax.enable_x64(True):
    key = jax.random.key(7)
    drawn = [(d >> 32, d & 0xFFFFFFFF) for d in jax.random.bits(key, (N,), dtype=jnp.uint64).tolist()]
    met = sum(d == bits(k) for d, k in zip(drawn, jax.random.split(key, N)))
print("numbers of 64 bits that are the keys of split:", met)
as_seen &= met == N

with jax.debug_key_reuse(True):
    key = jax.random.key(7)
    jax.random.normal(key, (N,))
    try:
        jax.random.normal(key, (N,))
        is_found = False
    except jax.errors.KeyReuseError:
        is_found = True
    key = jax.random.key(7)
    worker = jax.random.fold_in(key, 0)
    step = jax.random.split(key)[0]
    draws = [jax.random.normal(k, (N,)).tolist() for k in (worker, step)]
print("a key used twice is found:", is_found, "; draws by fold_in and split:", *draws)
sys.exit(0 if as_seen and is_found and draws[0] == draws[1] else 1)
PYTHON
