#!/usr/bin/env bash
# JAX 0.10.2 (PyPI), CPU: jnp.histogram counts in its input's type. Of bfloat16 no bin holds more than 256, of float16
# 2,048, of float32 2^24. A threshold for the largest 1 % that is read from a bfloat16 gradient's histogram keeps
# 0.02 %.
#
# Guessed: counts that add up to the number of values, as NumPy's of the same numbers. (That they are of the input's
# type was suspected. NumPy's are of its weights' type where weights are given, which is known, its issues 13879 and
# 25385. That bfloat16 sums stop at 256 is known; of jnp.histogram nothing was found.) Seen (2026-11-30), magnitudes of
# a million normal values, 100 bins from 0 to 5:
#
#                                            bfloat16    float16    float32      NumPy, all three
#     the fullest bin                        256         2,048      39,978       39,925 to 39,978
#     all counts together                    17,664      114,540    1,000,000    1,000,000
#     entropy, in bits                       6.22        5.97       5.37         5.37
#     bins' edge below which 99 % are        3.75        3.20       2.55         2.55
#       share of values above it             0.0002      0.0013     0.011        0.011
#     density=True: the first bin's          0.29        0          0.80         0.80
#     jnp.histogram2d: all counts            1,000,000   1,000,000  1,000,000
#     1,000 values, 10 bins: all counts      821         1,000      1,000        1,000
#
#     40,000,000 equal float32 numbers: 16,777,216
#
# The fullest bins are flattened first, which in a picture looks like another distribution, and nothing says so. So
# thresholds for sparsifying, scales for 8 bits that are calibrated by a histogram, and the bits per value that an
# entropy coder is to reach are wrong for a bfloat16 model from some thousand values on, and for a float32 one where a
# bin of zeros is over 16.8 million. astype(float32), and a count of zeros apart, mend it. Exits 1 if this changes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet jax==0.10.2 numpy==2.4.6
OMP_NUM_THREADS=1 JAX_PLATFORMS=cpu "$work/venv/bin/python" - <<'PYTHON'
import sys
import jax
import jax.numpy as jnp
import numpy as np

COUNT, BINS, ENDS, SHARE = 1_000_000, 100, (0, 5), 0.99
# The fullest bin, the entropy, the edge and the first density that were seen.
EXPECTED = {"bfloat16": (256, 6.22, 3.75, 0.29), "float16": (2048, 5.97, 3.2, 0.0), "float32": (39978, 5.37, 2.55, 0.8)}


def entropy(counts):
    shares = counts[counts > 0] / counts.sum()
    return -(shares * np.log2(shares)).sum()


def edge(counts, edges):
    return float(edges[np.argmax(np.cumsum(counts) >= SHARE * counts.sum())])


print("jax", jax.__version__)
as_seen = True
values = jnp.abs(jax.random.normal(jax.random.key(0), (COUNT,)))
for name, (fullest, bits, threshold, first) in EXPECTED.items():
    x = values.astype(name)
    exact = np.asarray(x, np.float64)
    counts, edges = (np.asarray(part, np.float64) for part in jnp.histogram(x, BINS, ENDS))
    numpy_counts, numpy_edges = np.histogram(exact, BINS, ENDS)
    density = float(jnp.histogram(x, BINS, ENDS, density=True)[0][0])
    both = float(np.asarray(jnp.histogram2d(x, x, 4, (ENDS, ENDS))[0], np.float64).sum())
    few = float(np.asarray(jnp.histogram(x[:1000], 10, ENDS)[0], np.float64).sum())
    above = float((exact >= edge(counts, edges)).mean())
    print(f"{name}: fullest {counts.max():,.0f} ({numpy_counts.max():,}), all {counts.sum():,.0f}, entropy "
          f"{entropy(counts):.2f} ({entropy(numpy_counts):.2f}), edge {edge(counts, edges):.2f} "
          f"({edge(numpy_counts, numpy_edges):.2f}), above {above:.4f}, density {density:.2f}, two dimensions "
          f"{both:,.0f}, of 1,000 {few:.0f}", flush=True)
    as_seen &= counts.max() == fullest and abs(entropy(counts) - bits) < 0.02 and both == COUNT
    as_seen &= abs(edge(counts, edges) - threshold) < 0.06 and abs(density - first) < 0.02
    as_seen &= (counts.sum() == numpy_counts.sum()) == (name == "float32")
    as_seen &= (few == 1000) == (name != "bfloat16")
    as_seen &= abs(entropy(numpy_counts) - 5.37) < 0.02 and abs(edge(numpy_counts, numpy_edges) - 2.55) < 0.06
zeros = int(jnp.histogram(jnp.zeros(40_000_000), 2, (-1, 1))[0][1])
print(f"40,000,000 zeros: {zeros:,}")
sys.exit(0 if as_seen and zeros == 2**24 else 1)
PYTHON
