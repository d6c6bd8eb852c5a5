#!/usr/bin/env bash
# optax 0.2.8 (PyPI, JAX 0.10.2), CPU: the global norm adds the leaves' squares in the leaves' own type. That of
# 1,000 bfloat16 leaves of norm 1 is 16, and clip_by_global_norm(1) leaves a norm of 1.98. In float16 it makes 0
# of a gradient that is not small, and lets through one that is.
#
# Guessed: a norm right to the type's last bits, as over one leaf, and as PyTorch 2.15.0 has it (seen once, not run
# here). Of float16 nothing was written down before. (That bfloat16 sums stop at 256 times what is added is
# known, and MaxText's pull request 5143 clips by a norm of its own for it.) Seen (2026-11-30):
#
#                                                  norm     optax    after clipping
#     bfloat16, 1,000 leaves of one 1              31.6     16       1.98, to 1
#     bfloat16, one leaf of the same               31.6     31.6     1.00, to 1
#     bfloat16, a leaf of 16, then 1,000 of 0.7    27.3     16       1.71, to 1
#     bfloat16, the same, 16 at the end            27.3     19.6     1.40, to 1
#     float16, 1,000 leaves of one 1               31.6     31.6     1.00, to 1
#     float16, one leaf of 1,000,000 ones          1,000    inf      0, to 1
#     float16, one leaf of 1,000,000 times 1e-4    0.1      0        0.1, to 0.01
#
# So in bfloat16 the threshold depends on how parameters are cut into leaves and on the order of their names, and
# what is to bound the step, or the noise's ratio to it, does not. In float16 a step is lost without a word, since
# its update is 0 and finite. Gradients widened before the chain have none of it. Exits 1 if this changes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet jax==0.10.2 jaxlib==0.10.2 optax==0.2.8 numpy==2.4.6
"$work/venv/bin/python" - 2>"$work/warnings" <<'PYTHON'
import importlib.metadata
import math
import sys
import jax.numpy as jnp
import numpy as np
import optax

print("optax", importlib.metadata.version("optax"), "jax", importlib.metadata.version("jax"))


def exact(leaves):
    return math.sqrt(sum(float((np.asarray(leaf, dtype=np.float64) ** 2).sum()) for leaf in leaves))


def ones(dtype, size, value=1.0):
    return jnp.full((size,), value, dtype)


large, small = [ones(jnp.bfloat16, 1, 16)], [ones(jnp.bfloat16, 1, 0.7)] * 1000
cases = {"bfloat16, 1,000 leaves of one 1": ([ones(jnp.bfloat16, 1)] * 1000, 1.0, 16, 1.976),
         "bfloat16, one leaf of the same": ([ones(jnp.bfloat16, 1000)], 1.0, 31.6, 1.00),
         "bfloat16, a leaf of 16, then 1,000 of 0.7": (large + small, 1.0, 16, 1.71),
         "bfloat16, the same, 16 at the end": (small + large, 1.0, 19.6, 1.40),
         "float16, 1,000 leaves of one 1": ([ones(jnp.float16, 1)] * 1000, 1.0, 31.6, 1.00),
         "float16, one leaf of 1,000,000 ones": ([ones(jnp.float16, 1_000_000)], 1.0, math.inf, 0),
         "float16, one leaf of 1,000,000 times 1e-4": ([ones(jnp.float16, 1_000_000, 1e-4)], 0.01, 0, 0.1)}
as_seen = True
for name, (leaves, limit, expected, expected_clipped) in cases.items():
    norm = float(optax.tree.norm(leaves))
    clip = optax.clip_by_global_norm(limit)
    clipped = exact(clip.update(leaves, clip.init(leaves))[0])
    print(f"{name}: norm {exact(leaves):.4g}, optax {norm:.4g}, after clipping to {limit} {clipped:.4g}")
    as_seen &= norm == expected or math.isclose(norm, expected, rel_tol=0.01)
    as_seen &= math.isclose(clipped, expected_clipped, rel_tol=0.01)
sys.exit(0 if as_seen else 1)
PYTHON
