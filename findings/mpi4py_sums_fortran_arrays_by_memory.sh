#!/usr/bin/env bash
# mpi4py 4.1.1 (PyPI, with MPICH 4.3.2): Allreduce, Bcast and Allgather of a NumPy array in Fortran order go by memory
# and not by index, with no error. A sum into np.empty(shape) has the right values at other places, the same on all
# processes. A slice, or axes in another order, raise an error.
#
# Guessed: an error, as for a slice, or a sum by index, as of the lower-case allreduce. (safetensors and PyTorch's
# collectives have the like: safetensors_transposes_are_undone.sh, and PyTorch's pull request 163712, where a
# maintainer says that ranks of unlike formats can't be told. Of mpi4py nothing was found.) Seen (2026-11-30), two
# processes that give the same array, numbers of the sum that are at their place:
#
#                                                       order      np.empty(shape)    np.empty_like    allreduce
#     numpy.linalg.qr(g)[0], 64 x 16                    C          1,024              1,024            1,024
#     scipy.linalg.qr(g, mode="economic")[0]            Fortran    4                  1,024            1,024
#     numpy.linalg.svd(g)[0]                            C          1,024              1,024            1,024
#     scipy.linalg.svd(g)[0], orth(g)                   Fortran    4                  1,024            1,024
#     g.T, 2 * g.T, the mean of two g.T                 Fortran    4                  1,024            1,024
#     a 3 x 3 kernel's axes in another order            neither    an error           an error         right
#     one process gives g.T, the other its .copy()                 4, 4               4, 4             1,024
#     Bcast of g.T into np.empty(shape): the others'               4
#
# NumPy computes in Fortran order what it is given in Fortran order, and SciPy's LAPACK returns it, so that a low-rank
# compressor that takes its orthogonal factors from SciPy, or a model whose kernels were transposed for another
# framework, is scrambled where the buffer was made by its shape. Its norm stays right, the processes agree, and a
# square matrix comes out transposed. np.ascontiguousarray before each call mends it. Exits 1 if this changes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet mpi4py==4.1.1 mpich==4.3.2 numpy==2.4.6 scipy==1.17.1
cat >"$work/sums.py" <<'PYTHON'
import sys
import numpy as np
import scipy.linalg
from mpi4py import MPI

world = MPI.COMM_WORLD
rank, size = world.Get_rank(), world.Get_size()
g = np.random.default_rng(0).standard_normal((64, 16)).astype(np.float32)
kernel = np.random.default_rng(1).standard_normal((3, 3, 8, 16)).astype(np.float32)
ALL, PLACED = g.size, 4  # a transposition of 64 x 16 in memory leaves four numbers at their place
ARRAYS = {
    "numpy.linalg.qr": (np.linalg.qr(g)[0], ALL),
    "scipy.linalg.qr": (scipy.linalg.qr(g, mode="economic")[0], PLACED),
    "numpy.linalg.svd": (np.linalg.svd(g, full_matrices=False)[0], ALL),
    "scipy.linalg.svd": (scipy.linalg.svd(g, full_matrices=False)[0], PLACED),
    "scipy.linalg.orth": (scipy.linalg.orth(g), PLACED),
    "g.T": (g.T, PLACED),
    "2 * g.T": (2 * g.T, PLACED),
    "mean of two g.T": (np.stack([g.T, g.T]).mean(axis=0), PLACED),
    "kernel": (kernel.transpose(3, 2, 0, 1), None),
}


def placed(array, out):
    """Numbers of the sum that are at their place, or None if there is an error."""
    try:
        world.Allreduce(array, out)
    except BufferError:
        return None
    return int((out == size * array).sum())


as_seen = True
for name, (array, expected) in ARRAYS.items():
    order = "C" if array.flags.c_contiguous else "Fortran" if array.flags.f_contiguous else "neither"
    found = placed(array, np.empty(array.shape, array.dtype)), placed(array, np.empty_like(array))
    by_index = bool((world.allreduce(array) == size * array).all())
    everywhere = world.gather(found)
    if rank == 0:
        print(f"{name}, {array.shape}, {order}: into np.empty(shape) {found[0]}, np.empty_like {found[1]} of "
              f"{array.size} in place; allreduce right: {by_index}", flush=True)
        as_seen &= everywhere == [(expected, None if expected is None else ALL)] * size and by_index
unlike = g.T if rank == 0 else g.T.copy(order="C")
mixed = world.gather((placed(unlike, np.empty(unlike.shape, np.float32)), placed(unlike, np.empty_like(unlike)),
                      bool((world.allreduce(unlike) == size * g.T).all())))
model = g.T if rank == 0 else np.empty(g.T.shape, np.float32)
world.Bcast(model)
cast = world.gather(int((model == g.T).sum()))
if rank == 0:
    print(f"one gives g.T, the other a copy: in place, by process {mixed}; Bcast of g.T {cast}", flush=True)
    as_seen &= mixed == [(PLACED, PLACED, True)] * size and cast == [ALL, PLACED]
sys.exit(not as_seen)
PYTHON
OMP_NUM_THREADS=1 "$work/venv/bin/mpiexec" -n 2 "$work/venv/bin/python" "$work/sums.py"
