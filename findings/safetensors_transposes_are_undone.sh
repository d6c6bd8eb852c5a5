#!/usr/bin/env bash
# safetensors 0.8.0 (PyPI): safetensors.numpy writes the memory of a transposed array under the transposed shape, so
# that a file has the right names, types and shapes, and the values in another order. 0.7.0 wrote the array.
#
# Guessed, though not in writing before the first run: the array's values, as by 0.7.0 and np.save. The
# documentation asks for arrays that are "contiguous and dense"; a transposed matrix is, in NumPy's words
# F-contiguous. Seen (2026-11-29), values at their places after saving and loading, of drawn kernels:
#
#                                                     0.7.0        0.8.0
#     512 x 10, transposed                            5,120        2
#     the same, then astype(float32) or np.copy()     5,120        2
#     the same, then .copy() or ascontiguousarray     5,120        5,120
#     3 x 3 x 64 x 64, to 64 x 64 x 3 x 3             36,864       6
#
# Transposing is what a model of JAX or Keras needs to be read under PyTorch's names, and most of its kernels
# have shapes that tell nothing. astype() and np.copy() keep the order in memory, so that they do not help.
# Loading is not at fault: either version reads what the other wrote. (Their issue 825 is open.) Exits 1 if this
# changes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cat >"$work/save.py" <<'PYTHON'
import sys
import numpy as np
from safetensors.numpy import save_file

drawn = np.random.default_rng(1)
dense = drawn.standard_normal((512, 10)).astype(np.float32).T
kernel = drawn.standard_normal((3, 3, 64, 64)).astype(np.float32).transpose(3, 2, 0, 1)
assert dense.flags.f_contiguous
arrays = {"dense": dense, "astype": dense.astype(np.float64).astype(np.float32), "np.copy": np.copy(dense),
          ".copy": dense.copy(), "ascontiguousarray": np.ascontiguousarray(dense), "kernel": kernel}
np.savez(sys.argv[1] + ".npz", **arrays)
save_file(arrays, sys.argv[1])
PYTHON
cat >"$work/load.py" <<'PYTHON'
import sys
import numpy as np
import safetensors
from safetensors.numpy import load_file

wanted, loaded = np.load(sys.argv[1] + ".npz"), load_file(sys.argv[1])
assert all(loaded[name].shape == wanted[name].shape for name in wanted)
in_place = {name: int((loaded[name] == wanted[name]).sum()) for name in wanted}
print(f"written by {sys.argv[2]}, read by {safetensors.__version__}:",
      *(f"{name} {n} of {wanted[name].size}" for name, n in in_place.items()))
changed = [name for name, n in in_place.items() if n < 0.01 * wanted[name].size]
kept = [name for name, n in in_place.items() if n == wanted[name].size]
expected = ["dense", "astype", "np.copy", "kernel"] if sys.argv[2] == "0.8.0" else []
sys.exit(0 if changed == expected and len(kept) == len(wanted) - len(expected) else 1)
PYTHON
changed=0
for version in 0.7.0 0.8.0; do
  python3 -m venv "$work/$version"
  "$work/$version/bin/pip" install --quiet safetensors==$version numpy==2.4.6
  "$work/$version/bin/python" "$work/save.py" "$work/by-$version"
done
for writer in 0.7.0 0.8.0; do
  for reader in 0.7.0 0.8.0; do
    "$work/$reader/bin/python" "$work/load.py" "$work/by-$writer" "$writer" || changed=1
  done
done
exit "$changed"
