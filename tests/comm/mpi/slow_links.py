#!/usr/bin/env python3
"""What `mvsgd report --network` foretells of rounds, beside rounds over links of that speed (hosts.py, tc's tbf).

usage: slow_links.py MVSGD MPIEXEC [MBIT...]

The server has a host and each of four workers its own, behind a link of so many Mbit/s (2, 4 and 8) each way. Then
one worker's link is half as fast, and then all workers are on one host, behind one link. Before each run is one without
limits: what is computed at once, on five machines by the report, is here on as many cores as there are. Wants root. By
hand, as it needs minutes. Exit code 1 if a time is not foretold within 10 %, with that run's time as the computing; 77
with the reason where there can be no hosts.
"""

import csv
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from hosts import Hosts, Missing
from leave import ask_for_leave

mvsgd, mpiexec, *rates = sys.argv[1:]
mvsgd = str(Path(mvsgd).resolve())
rates = [float(rate) for rate in rates or (2, 4, 8)]
# Rounds 3 to 5: connections come with the first ones, and with the last one the workers' state, which is control traffic.
WORKERS, FIRST, LAST = 4, 2, 5
MOST = 0.10
SETTINGS = f"""--width 8 --batch 2 --synthetic-train 400 --synthetic-test 8 --eval-every 100 --slots 1 --workers {WORKERS}
               --warmup-epochs 0 --rounds {LAST + 1} --checkpoint-every 0 --quiet""".split()
SCHEMES = {"ssgd-mv": ["--phi", "0.5"], "ssgd-mv-ad": ["--phi", "0.5", "--phi-ad", "0.02", "--value-bits", "4"], "dense": []}
OVERHEAD = f"{100 * 66 / 1448:.2f}%"  # a packet's headers of Ethernet, IP and TCP beside what it carries
folder = Path(tempfile.mkdtemp())
worst = 0.0
ask_for_leave()


def seconds_of(directory):
    """From the end of round FIRST to that of LAST."""
    rounds = [json.loads(line) for line in (directory / "metrics.jsonl").read_text().splitlines()]
    ends = {line["round"]: line["seconds"] for line in rounds if "round" in line}
    return ends[LAST] - ends[FIRST]


def foretold(directory, network):
    table = folder / "report.csv"
    subprocess.run([mvsgd, "report", directory, "--network", network, "--format", "csv", "--out", table], check=True,
                   capture_output=True)
    with table.open() as file:
        ends = {int(row["round"]): float(row["seconds"]) for row in csv.DictReader(file) if row["round"]}
    return ends[LAST] - ends[FIRST]


def train(hosts, processes, preset):
    directory = folder / "run"
    shutil.rmtree(directory, ignore_errors=True)
    subprocess.run([*hosts.launcher(mpiexec, processes), mvsgd, "train", "--transport", "mpi", "--preset", preset, *SETTINGS,
                    *SCHEMES[preset], "--out", directory], check=True, stdin=subprocess.DEVNULL)
    return directory


def measure(hosts, processes, links, what, network, schemes=("ssgd-mv", "ssgd-mv-ad")):
    """With links of so many Mbit/s, by host."""
    global worst
    for preset in schemes:
        for n in links:
            hosts.free(n)
        here = seconds_of(train(hosts, processes, preset))
        for n, rate in links.items():
            hosts.limit(n, rate * 1e6, rate * 1e6)
        counters = [hosts.counter(n, "lo") for n in range(len(processes))]
        before = sum(counter.read()[2] for counter in counters)
        directory = train(hosts, processes, preset)
        again = sum(counter.read()[2] for counter in counters) - before
        real, told, computed = seconds_of(directory), foretold(directory, network), foretold(directory, "1000G/1000G/0s")
        with_here = told - computed + here
        ms = 1e3 / (LAST - FIRST)
        print(f"{what}, {preset}: a round takes {ms * real:.1f} ms; foretold {ms * told:.1f} (computing {ms * computed:.1f}): "
              f"{100 * (told / real - 1):+.1f} %; with {ms * here:.1f} ms of a round without limits as its computing "
              f"{100 * (with_here / real - 1):+.1f} %; {again} segments sent again in the run", flush=True)
        worst = max(worst, abs(with_here / real - 1))


def file_of(rate, more=""):
    """A network of such links, Mbit/s."""
    file = folder / "network.toml"
    file.write_text(f'up = "{rate}M"\ndown = "{rate}M"\nlatency = "0s"\noverhead = "{OVERHEAD}"\n{more}')
    return str(file)


try:
    with Hosts(WORKERS) as star:
        workers = range(1, WORKERS + 1)
        for rate in rates:
            measure(star, (1,) * (WORKERS + 1), dict.fromkeys(workers, rate), f"{rate:g} Mbit/s", file_of(rate), SCHEMES)
        half = rates[0] / 2
        measure(star, (1,) * (WORKERS + 1), dict.fromkeys(workers, rates[0]) | {2: half},
                f"{rates[0]:g} Mbit/s, of worker 1 half",
                file_of(rates[0], f'[worker.1]\nup = "{half}M"\ndown = "{half}M"\n'))
    shared = rates[len(rates) // 2]
    with Hosts(1) as two:
        measure(two, (1, WORKERS), {1: shared}, f"{shared:g} Mbit/s of all together",
                file_of(1e6, f'server_up = "{shared}M"\nserver_down = "{shared}M"\n'))
except Missing as reason:
    print(f"skipped: {reason}")
    sys.exit(77)
finally:
    shutil.rmtree(folder, ignore_errors=True)
sys.exit(1 if worst > MOST else 0)
