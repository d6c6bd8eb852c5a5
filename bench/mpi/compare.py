#!/usr/bin/env python3
"""What comm/mpi costs: a dense message beside MPI's own, and a round's exchange beside that of threads.

usage: compare.py EXCHANGE MPIEXEC [TURNS]

Each turn runs everything once, so that all share what else the machine does. The medians are printed.
"""

import os
import re
import statistics
import subprocess
import sys

exchange, mpiexec = sys.argv[1:3]
turns = int(sys.argv[3]) if len(sys.argv) > 3 else 5
FEW, MANY = 2, 6  # rounds; what does not come with each round is in both
os.environ.update(OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1", OMPI_MCA_rmaps_base_oversubscribe="1")


def said_by(*words):
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout


def seconds_of(name):
    return float(re.search(r" ([\d.]+) s", said_by(mpiexec, "-n", "2", exchange, name))[1])


def round_of(*launcher):
    """Processor seconds of a round's exchange: that of the ranks, and that of moving bytes."""
    sums = []
    for rounds in (MANY, FEW):
        transport = "mpi" if launcher else "threads"
        found = dict(re.findall(r"(\w+) ([\d.]+)", said_by(*launcher, exchange, "rounds", transport, str(rounds))))
        sums.append((float(found["exchange"]) + float(found["server"]), float(found["moving"])))
    return [(many - few) / (MANY - FEW) for many, few in zip(*sums)]


messages, rounds = {"mpi": [], "ours": []}, {"threads": [], "2 ranks": [], "11 ranks": []}
for turn in range(turns):
    for name, seconds in messages.items():
        seconds.append(seconds_of(name))
    for name, seconds in rounds.items():
        seconds.append(round_of(*([mpiexec, "-n", name.split()[0]] if name != "threads" else [])))
    print(f"turn {turn + 1}: {messages} {rounds}", file=sys.stderr)

median = {name: statistics.median(seconds) for name, seconds in messages.items()}
for name, seconds in messages.items():
    print(f"44.7 MB one way, {name}: {1e3 * median[name]:.1f} ms ({1e3 * min(seconds):.1f} to {1e3 * max(seconds):.1f}), "
          f"{4 * 11173962 / median[name] / 1e9:.2f} GB/s")
print(f"of MPI's bandwidth: {median['mpi'] / median['ours']:.0%}")
threads = statistics.median(sum(one) for one in rounds["threads"])
for name, seconds in rounds.items():
    of_ranks, moving = (statistics.median(values) for values in zip(*seconds))
    both = statistics.median(map(sum, seconds))
    print(f"a round's exchange, {name}: ranks {1e3 * of_ranks:.0f} ms, moving {1e3 * moving:.0f} ms, together {1e3 * both:.0f} "
          f"ms ({1e3 * min(map(sum, seconds)):.0f} to {1e3 * max(map(sum, seconds)):.0f}): {both / threads:.2f} of threads")
