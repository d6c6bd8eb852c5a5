#!/usr/bin/env bash
# JAX 0.10.2 (PyPI), CPU: jax.lax.top_k puts a NaN first or last by its sign bit, and the NaN that x86 makes
# of inf - inf has it set: it comes after -inf. Of two zeros, +0 comes first, whatever their places.
#
# Guessed: a NaN goes first, whatever its sign, as for jnp.argmax and torch.topk. Zeros are equal, and of
# equals "the lower-index element appears first", as the documentation says. (An order by bits was
# suspected.) Seen (2026-11-29), float32, bfloat16 and float16 alike, indices:
#
#                                                   top_k         argsort, stable, descending     argmax
#     [1, NaN, 3, -inf], NaN as it is written       1, 2, 0, 3    1, 2, 0, 3                      1
#     the same, NaN of inf - inf                    2, 0, 3, 1    1, 2, 0, 3                      1
#     [-0, 0, -0, 0]                                1, 3, 0, 2    0, 1, 2, 3                      0
#
# So a top-K selection by signed scores drops just the coordinates whose scores overflowed, and nothing in
# what it keeps says so, and of a network that diverged top_k(x, 1) names another class than argmax. By
# magnitude NaNs go first, since abs() clears the sign. Exits 1 if this changes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6
"$work/venv/bin/python" - <<'PYTHON'
import sys
import jax
import jax.numpy as jnp

ORDER, AFTER_ALL, ZEROS = [1, 2, 0, 3], [2, 0, 3, 1], [1, 3, 0, 2]


def orders(x):
    by_top_k = jax.lax.top_k(x, len(x))[1].tolist()
    by_sort = jnp.argsort(x, stable=True, descending=True).tolist()
    return by_top_k, by_sort, int(jnp.argmax(x))


print("jax", jax.__version__, jax.devices())
as_seen = True
for dtype in (jnp.float32, jnp.bfloat16, jnp.float16):
    written = jnp.array([1, jnp.nan, 3, -jnp.inf], dtype)
    infinity = jnp.array(jnp.inf, dtype)
    cases = {
        "NaN as written": (written, (ORDER, ORDER, 1)),
        "NaN of inf - inf": (written.at[1].set(infinity - infinity), (AFTER_ALL, ORDER, 1)),
        "its magnitude": (jnp.abs(written.at[1].set(infinity - infinity)), ([1, 3, 2, 0], [1, 3, 2, 0], 1)),
        "zeros": (jnp.array([-0.0, 0.0, -0.0, 0.0], dtype), (ZEROS, [0, 1, 2, 3], 0)),
    }
    for name, (x, expected) in cases.items():
        seen = orders(x)
        print(f"{dtype.__name__}, {name}: top_k {seen[0]}, argsort {seen[1]}, argmax {seen[2]}; compiled alike:",
              jax.jit(lambda y: jax.lax.top_k(y, 4)[1])(x).tolist() == seen[0])
        as_seen &= seen == expected
sys.exit(0 if as_seen else 1)
PYTHON
