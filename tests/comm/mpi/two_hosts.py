#!/usr/bin/env python3
"""Two hosts (hosts.py): what the kernel says has crossed the link between them is what the ledger says.

usage: two_hosts.py MVSGD MPIEXEC [CASE...]

Server and workers 0 to 4 are on the first host, workers 5 to 9 on the other, all at d = 11,173,962. After each round,
while all compute the next one, the counters of both ends of the link are read. Exits with 77 and the reason where
there can be no hosts.
"""

import csv
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from hosts import Hosts, Missing

mvsgd, mpiexec, *chosen = sys.argv[1:]
mvsgd = str(Path(mvsgd).resolve())
CASES = {"ssgd-mv": ["ssgd-mv"],
         "ssgd-mv-ad": ["ssgd-mv-ad", "--value-bits", "4"],  # ssgd-mv-ad-l4-q with H = 1
         "reduce": ["ssgd-mv", "--aggregate", "reduce"]}
WORKERS, WORKERS_THERE = 10, range(5, 10)
HEADER = 192  # bits of a message's own
ROUNDS = 6  # after the last but one the workers' parts of a checkpoint go up
PATIENCE = 700  # seconds for a run: with a core of two it took more than 250
# A round's messages are over when nothing has been sent for so long, which must be so soon after the round's line: a
# local step takes longer, and then the first worker votes.
QUIET, SOON = 0.03, 0.15
SETTINGS = f"""--width 64 --batch 4 --synthetic-train 40 --synthetic-test 8 --epochs 40 --eval-every 40 --slots 1
               --warmup-epochs 0 --rounds {ROUNDS} --checkpoint-every 0 --quiet""".split()

HEADERS, SEGMENT = 66, 1448  # bytes of Ethernet, IP and TCP in each packet, and what else is in it at most
# What a message brings with it, beside these: its header of the MPI (22 bytes with Open MPI, 13 with MPICH), of a long
# one also of its parts, of its announcement and of their answers; and each round a worker's report, and whether the
# run pauses, which are control messages.
LEAST, MOST = 13, 600


def samples_of(program, metrics, counters):
    """{round: what each end had sent when the round's messages were over and none of the next had begun}."""
    try:  # so that it is in time, whatever else wants the cores
        os.sched_setscheduler(0, os.SCHED_RR | os.SCHED_RESET_ON_FORK, os.sched_param(1))
    except OSError:
        pass
    samples, begun, seen, seen_at = {}, time.monotonic(), 0, 0.0
    while program.poll() is None:
        if time.monotonic() - begun > PATIENCE:
            raise AssertionError(f"no end after {PATIENCE} s")
        time.sleep(0.005)
        done = metrics.read_bytes().count(b"\n") if metrics.exists() else 0
        if done != seen:
            seen, seen_at = done, time.monotonic()
        if not 0 < done < ROUNDS - 1 or done in samples or time.monotonic() - seen_at > SOON:
            continue
        counts = [counter.read() for counter in counters]
        time.sleep(QUIET)
        if [counter.read() for counter in counters] == counts:
            samples[done] = counts
    os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    return samples


def way_of(row):
    """Of what has crossed the link, "up" from the other host or "down" to it; None of the rest."""
    worker = int(row["worker"])
    if row["direction"] != "across":
        return row["direction"] if worker in WORKERS_THERE else None
    is_there, is_next_there = (n in WORKERS_THERE for n in (worker, (worker + 1) % WORKERS))
    return None if is_there == is_next_there else "up" if is_there else "down"


def ledger_of(directory):
    """{(round, way): (bits, messages)}."""
    sums = {}
    with (directory / "ledger.csv").open() as file:
        for row in csv.DictReader(file):
            if way := way_of(row):
                bits, messages = sums.setdefault((int(row["round"]), way), (0, 0))
                headers = int(row["bits"]) // HEADER if row["field"] == "header" else 0
                sums[int(row["round"]), way] = (bits + int(row["bits"]), messages + headers)
    return sums


def check(hosts, case, directory):
    program = subprocess.Popen(
        [*hosts.launcher(mpiexec, (1, 1)), mvsgd, "train", "--transport", "mpi", "--preset", *CASES[case],
         *SETTINGS, "--out", str(directory)],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        samples = samples_of(program, directory / "metrics.jsonl", (hosts.counter(0, "eth1"), hosts.counter(1, "eth0")))
    finally:
        if program.poll() is None:
            program.kill()
    said = program.stdout.read()
    assert program.returncode == 0, f"exit {program.returncode}\n{said}"
    ledger = ledger_of(directory)
    rounds = sorted(samples)
    assert len(rounds) > 1, f"{case}: no two moments between rounds were quiet: {rounds}"
    for before, after in zip(rounds, rounds[1:]):
        for end, way in enumerate(("down", "up")):
            bits, messages = (sum(ledger[t, way][i] for t in range(before + 1, after + 1)) for i in (0, 1))
            assert bits % 8 == 0, f"{case}: {bits} bits"
            size = bits // 8
            crossed, packets, again = (new - old for new, old in zip(samples[after][end], samples[before][end]))
            beside = crossed - HEADERS * packets - size
            print(f"{case}, rounds {before + 1} to {after}, {way}: the ledger has {size} bytes in {messages} messages, the "
                  f"kernel {crossed} in {packets} packets: {100 * (crossed / size - 1):.2f} % more, of a message "
                  f"{(crossed - size) / messages:.0f} bytes, {beside / messages:.0f} without the headers of packets",
                  flush=True)
            assert LEAST * messages <= beside <= MOST * messages + SEGMENT * again, \
                f"not from {LEAST} to {MOST} a message, with {again} segments sent again"


folder = Path(tempfile.mkdtemp())
try:
    with Hosts(1) as both:
        for name in chosen or CASES:
            check(both, name, folder / name)
except Missing as reason:
    print(f"skipped: {reason}")
    sys.exit(77)
except AssertionError as wrong:
    sys.exit(f"two_hosts: {wrong}")
finally:
    shutil.rmtree(folder, ignore_errors=True)
