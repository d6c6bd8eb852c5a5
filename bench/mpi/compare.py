#!/usr/bin/env python3
"""What comm/mpi costs, beside MPI itself and beside threads.

usage: compare.py EXCHANGE MPIEXEC WHAT [TURNS]

WHAT is one of

    messages   a dense message of 44.7 MB between two ranks, and the same by MPI_Send and MPI_Recv
    rounds     processor time of a round's exchange, on threads, 2 and 11 ranks: N = 10, d = 11,173,962, one local step
    workers    the same on 5 ranks with d = 100,000 and N = 125, 250, 500 and 1000
    sums       values of four workers summed up by a server, and by MPI_Allreduce: time of a sum, on this host
    waits      between two hosts: how late a word comes after waits of 0.01, 0.1, 1 and 5 s, and the share of a core
    traffic    what each worker sends for that, each on a host of its own (tests/comm/mpi/hosts.py, as root)

Each turn runs everything once, so that all share what else the machine does; of waits a turn is ten words. The medians
are printed, and the least and the largest.
"""

import re
import statistics
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests" / "comm" / "mpi"))
from hosts import Hosts  # noqa: E402
from leave import ask_for_leave  # noqa: E402

exchange, mpiexec, what = sys.argv[1:4]
exchange = str(Path(exchange).resolve())
turns = int(sys.argv[4]) if len(sys.argv) > 4 else 5
D, K = 11173962, 111740
ROUNDS = 8
ask_for_leave()


def said_by(*words):
    return subprocess.run(list(map(str, words)), check=True, capture_output=True, text=True).stdout


def seconds_said(*words):
    return float(re.search(r" ([\d.]+) s", said_by(*words))[1])


def spread(values, unit=1e3):
    return f"{unit * statistics.median(values):.1f} ({unit * min(values):.1f} to {unit * max(values):.1f})"


def round_of(ranks, workers, parameters):
    """Processor seconds of a round's exchange: that of the ranks, and that of moving bytes."""
    launcher = [mpiexec, "-n", ranks] if ranks else []
    said = said_by(*launcher, exchange, "rounds", "mpi" if ranks else "threads", ROUNDS, workers, parameters)
    found = {name: float(seconds) / ROUNDS for name, seconds in re.findall(r"(\w+) ([\d.]+)", said)}
    return found["exchange"] + found["server"], found["moving"]


def in_turns(cases):
    """{name: [a result of each turn]} of {name: function}."""
    found = {name: [] for name in cases}
    for _ in range(turns):
        for name, measure in cases.items():
            found[name].append(measure())
            print(f"{name}: {found[name][-1]}", file=sys.stderr, flush=True)
    return found


def messages():
    found = in_turns({name: lambda name=name: seconds_said(mpiexec, "-n", 2, exchange, name) for name in ("mpi", "ours")})
    for name, seconds in found.items():
        print(f"44.7 MB one way, {name}: {spread(seconds)} ms, {4 * D / statistics.median(seconds) / 1e9:.2f} GB/s")
    print(f"of MPI's bandwidth: {statistics.median(found['mpi']) / statistics.median(found['ours']):.0%}")


def rounds():
    found = in_turns({"threads": lambda: round_of(None, 10, D), "2 ranks": lambda: round_of(2, 10, D),
                      "11 ranks": lambda: round_of(11, 10, D)})
    threads = statistics.median(map(sum, found["threads"]))
    for name, parts in found.items():
        of_ranks, moving = zip(*parts)
        both = list(map(sum, parts))
        print(f"a round's exchange, {name}: ranks {spread(of_ranks)} ms, moving {spread(moving)} ms, together {spread(both)} "
              f"ms: {statistics.median(both) / threads:.2f} of threads")


def workers():
    found = in_turns({n: lambda n=n: round_of(5, n, 100000) for n in (125, 250, 500, 1000)})
    for n, parts in found.items():
        both = list(map(sum, parts))
        print(f"N = {n}: {spread(both)} ms a round, {1e6 * statistics.median(both) / n:.0f} us a worker; moving "
              f"{spread([moving for _, moving in parts])} ms")


def sums():
    cases = {}
    for values in (K, D):
        cases[f"{values} values, server"] = lambda v=values: seconds_said(mpiexec, "-n", 5, exchange, "sum", "server", v)
        cases[f"{values} values, allreduce"] = lambda v=values: seconds_said(mpiexec, "-n", 4, exchange, "sum", "allreduce", v)
    for name, seconds in in_turns(cases).items():
        print(f"{name}: {spread(seconds)} ms")


def traffic():
    times = 13  # sums of a run of exchange
    with Hosts(4) as hosts:
        for values in (K, D):
            for way, processes in (("server", (1, 1, 1, 1, 1)), ("allreduce", (0, 1, 1, 1, 1))):
                counters = [hosts.counter(n, "eth0") for n in range(1, 5)]
                before = [counter.read() for counter in counters]
                said = said_by(*hosts.launcher(mpiexec, processes), exchange, "sum", way, values)
                sent = [counter.read()[0] - old[0] for counter, old in zip(counters, before)]
                print(f"{values} values, {way}: {said.strip()}; each worker has sent "
                      f"{', '.join(f'{count / times / (4 * values):.3f}' for count in sent)} times the values a sum", flush=True)


def waits():
    with Hosts(1) as hosts:
        for seconds in (0.01, 0.1, 1, 5):
            print(said_by(*hosts.launcher(mpiexec, (1, 1)), exchange, "waits", seconds, 10 * turns), end="", flush=True)


{"messages": messages, "rounds": rounds, "workers": workers, "sums": sums, "traffic": traffic, "waits": waits}[what]()
