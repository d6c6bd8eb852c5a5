#!/usr/bin/env bash
# JAX 0.10.2 (PyPI), CPU: jax.random draws in bfloat16 are functions of a uniform draw with 128 values. Its
# normals end at -2.89 and 2.52, and jax.random.categorical draws equal logits' indices from the first down:
# of 1,000 it takes one of the first 250 in 86 % of draws.
#
# Guessed: normals are float32's, rounded, with ends beyond 4. (Of categorical nothing was written down before. That
# equal logits are drawn equally often, in any type, was taken for granted.) Seen (2026-11-29):
#
#                                               bfloat16          float16           float32
#     1,000,000 draws of normal: values         128               1,024             942,360
#       ends                                    -2.89, 2.52       -3.49, 3.18       -4.73, 4.80
#       mean, standard error 0.001              -0.011            -0.003            0.001
#     100,000 draws of categorical of 1,000
#       equal logits, % in each quarter         86 12 2 0         35 27 21 17       25 25 25 25
#       the same, mode="high"                   26 25 25 24       25 25 25 25       25 25 25 25
#     choice of 1,000 by equal p: never drawn   872               7                 0
#
# The largest of 128 Gumbel values comes once in 128 draws, so that about eight of 1,000 tie for the maximum, of
# which argmax takes the first. The documentation says of float32 that chances below 1e-7 come out wrong, and
# nothing of bfloat16. So clients, tokens or coordinates that are sampled by logits in the model's own type are
# mostly the first ones, and noise for privacy has no tails and a mean, with no error. Draws in float32, then
# rounded, have none of it. Exits 1 if this changes.
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

print("jax", jax.__version__)
key = jax.random.key(1)


def quarters(dtype, mode):
    drawn = np.asarray(jax.random.categorical(key, jnp.zeros(1000, dtype), shape=(100_000,), mode=mode))
    return [round(100 * float(share)) for share in np.bincount(drawn // 250, minlength=4) / drawn.size]


seen = {}
for dtype in (jnp.bfloat16, jnp.float16, jnp.float32):
    normals = np.asarray(jax.random.normal(key, (1_000_000,), dtype)).astype(np.float64)
    chosen = np.asarray(jax.random.choice(key, 1000, (100_000,), p=jnp.full(1000, 0.001, dtype)))
    never = int((np.bincount(chosen, minlength=1001)[:1000] == 0).sum())
    seen[dtype] = (len(np.unique(normals)), quarters(dtype, "low"), quarters(dtype, "high"), never, normals)
    print(f"{dtype.__name__}: {seen[dtype][0]} values of normal, from {normals.min():.2f} to {normals.max():.2f}, "
          f"mean {normals.mean():.4f}; % of categorical in each quarter {seen[dtype][1]}, mode high "
          f"{seen[dtype][2]}; choice never takes {never} of 1,000")
values, low, high, never, normals = seen[jnp.bfloat16]
as_seen = (values == 128 and -2.9 < normals.min() and normals.max() < 2.6 and normals.mean() < -0.01 and low[0] > 80
           and low[3] < 1 and never > 800)
values, low, high, never, normals = seen[jnp.float32]
as_seen &= values > 900_000 and low == [25, 25, 25, 25] and never == 0 and abs(normals.mean()) < 0.004
sys.exit(0 if as_seen else 1)
PYTHON
