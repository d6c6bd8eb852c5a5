#!/usr/bin/env bash
# OpenFL 1.9 (PyPI): STCPipeline(p_sparsity=p), sparse ternary compression, sends the right signs at the right
# coordinates with p times the right magnitude: by default a tenth of it.
#
# Guessed: the magnitude is the mean of those kept, as in the paper (Sattler et al., 2019), so that their sum
# is kept. Seen (2026-11-30) for 10,000 normal values:
#
#     p                              0.01      0.1       0.5       1
#     coordinates that come back     100       1,000     5,000     10,000
#     mean magnitude of those kept   2.863     2.061     1.267     0.800
#     magnitude that comes back      0.0286    0.2061    0.6336    0.800
#
# Its mean goes over the whole array, zeros included. So each update is applied as if the server's learning rate
# were p, the sparser the slower, with no error, and what the sparsity seems to cost in accuracy is mostly
# that. An error memory outside the pipeline takes 1 - p of what was sent back as an error. Exits 1 if this
# changes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet numpy==2.4.6 scikit-learn==1.9.1 dynaconf==3.3.5 tqdm==4.70.1
"$work/venv/bin/pip" install --quiet --no-deps openfl==1.9
"$work/venv/bin/python" - <<'PYTHON'
import importlib.metadata
import sys
import numpy as np
from openfl.pipelines import STCPipeline

print("openfl", importlib.metadata.version("openfl"))
x = np.random.default_rng(0).standard_normal((100, 100)).astype(np.float32)
largest_first = np.argsort(-np.abs(x).ravel())
as_seen = True
for p in (0.01, 0.1, 0.5, 1.0):
    pipeline = STCPipeline(p_sparsity=p)
    back = pipeline.backward(*pipeline.forward(x)).ravel()
    kept = largest_first[: round(p * x.size)]
    expected = np.zeros(x.size)
    expected[kept] = np.sign(x.ravel()[kept])
    magnitude, of_kept = np.abs(back).max(), np.abs(x.ravel()[kept]).mean()
    print(f"p = {p}: {np.count_nonzero(back)} coordinates come back, all with magnitude {magnitude:.4f}; "
          f"mean magnitude of the {kept.size} largest {of_kept:.4f}, ratio {magnitude / of_kept:.4f}")
    as_seen &= np.allclose(back, magnitude * expected) and bool(np.isclose(magnitude, p * of_kept, rtol=1e-5))
print("default p:", STCPipeline().p)
sys.exit(0 if as_seen and STCPipeline().p == 0.1 else 1)
PYTHON
