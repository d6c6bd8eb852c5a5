#!/usr/bin/env python3
"""Two hosts, which are two network namespaces of this machine: the kernel's count of bytes is the ledger's.

usage: two_hosts.py MVSGD MPIEXEC [PRESET...]

Server and workers 0 to 4 are on the left, workers 5 to 9 on the right, all at d = 11,173,962. After each round, while
all compute the next one, the counters of both ends of the link between them are read. Wants root, ip and unshare;
without them it exits with 77 and the reason.
"""

import csv
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

mvsgd, mpiexec, *presets = sys.argv[1:]
mvsgd = str(Path(mvsgd).resolve())
presets = presets or ["ssgd-mv", "ssgd-mv-ad-l4-q"]
work = Path(tempfile.mkdtemp())
LEFT, RIGHT = (f"mvsgd-{side}-{os.getpid()}" for side in ("left", "right"))
ADDRESSES = {LEFT: "10.77.1.1", RIGHT: "10.77.1.2"}
WORKERS_THERE = range(5, 10)
ROUNDS = 4
PATIENCE = 400  # seconds for a run
QUIET = 0.03  # seconds without a byte: a round's are over. A local step of this width takes longer
SETTINGS = f"""--width 64 --batch 2 --synthetic-train 40 --synthetic-test 8 --epochs 40 --eval-every 40 --slots 1
               --warmup-epochs 0 --rounds {ROUNDS} --checkpoint-every 0 --quiet""".split()

# A packet has 66 bytes of Ethernet, IP and TCP, and 1,448 of a message at most; a counter before segmentation has
# fewer packets. Each is confirmed by one packet at most. Beside its bytes a message has a header of the MPI's (22 with
# Open MPI, 13 with MPICH); a long one is announced, confirmed and ended, each a packet of less than 100 bytes more.
PACKET, SEGMENT, OF_MESSAGE = 66, 1448, 4 * (66 + 100)

# Starts a part of the run on a host: Open MPI's and MPICH's launchers call it as they call ssh. MPI looks for shared
# memory unless the hosts differ in name and in System V's memory.
AGENT = """#!/bin/sh
while [ $# -gt 0 ]; do case $1 in -*) shift ;; *) break ;; esac; done
host=$1; shift
exec ip netns exec "$host" unshare --uts --ipc sh -c 'hostname "$0"; eval "$*"' "$host" "$@"
"""


def command(*words):
    subprocess.run(words, check=True, capture_output=True, text=True, stdin=subprocess.DEVNULL)


def skip(reason):
    print(f"skipped: {reason}")
    sys.exit(77)


def make_hosts():
    if os.geteuid() != 0:
        skip("network namespaces want root")
    for program in ("ip", "unshare"):
        if shutil.which(program) is None:
            skip(f"there is no {program}")
    try:
        for host in (LEFT, RIGHT):
            command("ip", "netns", "add", host)
        command("ip", "link", "add", "eth0", "netns", LEFT, "type", "veth", "peer", "name", "eth0", "netns", RIGHT)
        for host, address in ADDRESSES.items():
            # No packets of IPv6, which nobody here has asked for.
            command("ip", "netns", "exec", host, "sh", "-c", "echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6 || true")
            command("ip", "-n", host, "addr", "add", f"{address}/24", "dev", "eth0")
            for link in ("lo", "eth0"):
                command("ip", "-n", host, "link", "set", link, "up")
            names = Path("/etc/netns") / host
            names.mkdir(parents=True)
            lines = ["127.0.0.1 localhost", *(f"{there} {name}" for name, there in ADDRESSES.items())]
            (names / "hosts").write_text("\n".join(lines) + "\n")
    except subprocess.CalledProcessError as refused:
        skip(f"the kernel gives no namespaces: {refused.cmd}: {refused.stderr.strip()}")
    time.sleep(2)  # MPICH right after it: "Destination is unreachable"


def remove_hosts():
    for host in ADDRESSES:
        subprocess.run(["ip", "netns", "del", host], capture_output=True, check=False)
        shutil.rmtree(Path("/etc/netns") / host, ignore_errors=True)


def start(preset, directory):
    agent = work / "agent"
    agent.write_text(AGENT)
    agent.chmod(0o755)
    version = subprocess.run([mpiexec, "--version"], capture_output=True, text=True, check=False).stdout
    if "Open MPI" in version:
        launcher = ["--allow-run-as-root", "--bind-to", "none", "--mca", "plm_rsh_agent", str(agent), "-H",
                    f"{LEFT}:1,{RIGHT}:1", "-np", "2"]
    else:
        launcher = ["-launcher", "ssh", "-launcher-exec", str(agent), "-hosts", f"{LEFT}:1,{RIGHT}:1", "-np", "2"]
    on_left = ["ip", "netns", "exec", LEFT, "unshare", "--uts", "--ipc", "sh", "-c", f'hostname {LEFT}; exec "$@"', "sh"]
    return subprocess.Popen([*on_left, shutil.which(mpiexec), *launcher, mvsgd, "train", "--transport", "mpi",
                             "--preset", preset, *SETTINGS, "--out", str(directory)],
                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def sent():
    """Bytes that have left each end."""
    counts = []
    for host in (LEFT, RIGHT):
        text = subprocess.run(["ip", "-n", host, "-s", "-j", "link", "show", "eth0"], check=True, capture_output=True,
                              text=True).stdout
        counts.append(json.loads(text)[0]["stats64"]["tx"]["bytes"])
    return counts


def samples_of(program, metrics):
    """{round: what each end had sent when the round's messages were over and none of the next had begun}."""
    samples, begun = {}, time.monotonic()
    while program.poll() is None:
        if time.monotonic() - begun > PATIENCE:
            raise AssertionError(f"no end after {PATIENCE} s")
        time.sleep(0.005)
        done = metrics.read_bytes().count(b"\n") if metrics.exists() else 0
        if done == 0 or done in samples or done >= ROUNDS:
            continue
        counts = sent()
        time.sleep(QUIET)
        if sent() == counts and metrics.read_bytes().count(b"\n") == done:
            samples[done] = counts
    return samples


def ledger_of(directory):
    """{(round, direction): (bits, messages)} of the workers on the right."""
    sums = {}
    with (directory / "ledger.csv").open() as file:
        for row in csv.DictReader(file):
            if int(row["worker"]) not in WORKERS_THERE:
                continue
            bits, messages = sums.setdefault((int(row["round"]), row["direction"]), (0, set()))
            messages.add((row["worker"], row["kind"]))
            sums[int(row["round"]), row["direction"]] = (bits + int(row["bits"]), messages)
    return {key: (bits, len(messages)) for key, (bits, messages) in sums.items()}


def most(own, other):
    """Bytes that an end sends at most, with (bytes, messages) of its own and those that it confirms."""
    packets = [size // SEGMENT + 1 for size, _ in (own, other)]
    return own[0] + PACKET * sum(packets) + OF_MESSAGE * (own[1] + other[1])


def check(preset):
    directory = work / preset
    program = start(preset, directory)
    try:
        samples = samples_of(program, directory / "metrics.jsonl")
    finally:
        if program.poll() is None:
            program.kill()
    said = program.stdout.read()
    assert program.returncode == 0, f"exit {program.returncode}\n{said}"
    ledger = ledger_of(directory)
    rounds = sorted(samples)
    assert len(rounds) > 1, f"{preset}: no two moments between rounds were quiet: {rounds}"
    for before, after in zip(rounds, rounds[1:]):
        traffic = {}
        for direction in ("up", "down"):
            bits, messages = (sum(ledger[t, direction][i] for t in range(before + 1, after + 1)) for i in (0, 1))
            assert bits % 8 == 0, f"{preset}: {bits} bits"
            # And each round's report up, pause down.
            traffic[direction] = (bits // 8, messages + len(WORKERS_THERE) * (after - before))
        for end, own, other in ((0, "down", "up"), (1, "up", "down")):
            crossed = samples[after][end] - samples[before][end]
            size, messages = traffic[own]
            print(f"{preset}, rounds {before + 1} to {after}, {own}: the ledger has {size} bytes, the kernel {crossed}: "
                  f"{100 * (crossed / size - 1):.2f} % more, {(crossed - size) / messages:.0f} bytes a message", flush=True)
            assert size <= crossed <= most(traffic[own], traffic[other]), \
                f"not from {size} to {most(traffic[own], traffic[other])}"


try:
    make_hosts()
    for name in presets:
        check(name)
except AssertionError as wrong:
    sys.exit(f"two_hosts: {wrong}")
finally:
    remove_hosts()
    shutil.rmtree(work, ignore_errors=True)
