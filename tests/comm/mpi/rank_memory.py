#!/usr/bin/env python3
"""The memory that each rank says it needs is what it has resident at most, within 15 %.

usage: rank_memory.py MVSGD MPIEXEC [NAME...]

The launcher starts this file again as each rank (rank_memory.py rank FOLDER COMMAND...), which starts the program and
tells how much it had.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from leave import ask_for_leave

UNITS = {"kB": 1e3, "MB": 1e6, "GB": 1e9}
MOST = 0.15  # what MPI itself has depends on its version and on the machine's networks
# An epoch is a step. All is evaluated and saved once, at the end.
SMALL = ["--synthetic-test", "64", "--warmup-epochs", "0", "--rounds", "4", "--slots", "1", "--eval-every", "2"]
CASES = {
    "width16_mv": (5, [*SMALL, "--scheme", "mv", "--width", "16", "--workers", "4", "--batch", "16",
                       "--synthetic-train", "64"]),
    "width32_mv_ad_q": (3, [*SMALL, "--scheme", "mv-ad", "--value-bits", "4", "--width", "32", "--workers", "10",
                            "--batch", "4", "--synthetic-train", "40"]),
    "width16_dense": (4, [*SMALL, "--scheme", "dense", "--width", "16", "--workers", "6", "--batch", "8",
                          "--synthetic-train", "48"]),
    "many_values_reduce": (3, [*SMALL, "--scheme", "mv", "--aggregate", "reduce", "--phi", "0.5", "--width", "16",
                               "--workers", "12", "--batch", "4", "--synthetic-train", "48"]),
    "width64_mv": (3, [*SMALL, "--scheme", "mv", "--width", "64", "--workers", "2", "--batch", "4",
                       "--synthetic-train", "8"]),
}


def rank(folder, command):
    """Starts the program and writes down what it has said and the most that it had."""
    # What a child had at most begins with what this process has. MPICH hands a file down.
    program = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, close_fds=False)
    said = program.stdout.read()
    _, status, usage = os.wait4(program.pid, 0)
    program.returncode = os.waitstatus_to_exitcode(status)
    Path(folder, str(os.getpid())).write_text(json.dumps({"said": said, "had": usage.ru_maxrss * 1024}))
    sys.exit(program.returncode)


def of_ranks(mvsgd, mpiexec, ranks, options):
    """[(rank, bytes that it says, bytes that it had)], in order."""
    found = []
    with tempfile.TemporaryDirectory() as work:
        folder = Path(work, "ranks")
        folder.mkdir()
        command = [mpiexec, "-n", str(ranks), sys.executable, "-B", __file__, "rank", str(folder), mvsgd, "train",
                   "--transport", "mpi", "--log-level", "debug", *options, "--out", str(Path(work, "run"))]
        run = subprocess.run(command, capture_output=True, text=True, timeout=500, stdin=subprocess.DEVNULL)
        if run.returncode != 0:
            raise SystemExit(f"{command}: exit {run.returncode}\n{run.stdout}{run.stderr}")
        for file in folder.iterdir():
            report = json.loads(file.read_text())
            line = re.search(r"^(?:process (\d+) of .*: )?memory: about ([\d.]+) ([kMG]B): .*$", report["said"], re.MULTILINE)
            if line is None:
                raise SystemExit(f"{command}: does not say what it needs\n{report['said']}")
            found.append((int(line[1] or 0), float(line[2]) * UNITS[line[3]], report["had"], line[0]))
    found.sort()
    if [r for r, *_ in found] != list(range(ranks)):
        raise SystemExit(f"{command}: ranks {[r for r, *_ in found]} of {ranks}")
    return found


def main():
    mvsgd, mpiexec, *names = sys.argv[1:]
    ask_for_leave()
    if subprocess.run(["grep", "-qE", "__[at]san_init", mvsgd], check=False).returncode == 0:
        print("a sanitizer's own memory is resident, too")
        raise SystemExit(77)
    wrong = []
    for name in names or CASES:
        for n, says, had, line in of_ranks(mvsgd, mpiexec, *CASES[name]):
            print(line)
            print(f"{name}, rank {n}: says {says / 1e6:.1f} MB, had {had / 1e6:.1f} MB: {says / had - 1:+.1%}", flush=True)
            if abs(says / had - 1) > MOST:
                wrong.append(f"{name} rank {n}")
    if wrong:
        raise SystemExit(f"more than 15 % off: {', '.join(wrong)}")


if __name__ == "__main__":
    if sys.argv[1] == "rank":
        rank(sys.argv[2], sys.argv[3:])
    else:
        main()
