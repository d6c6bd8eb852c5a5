"""Hosts of one machine, for MPI: network namespaces, with a pair of veth between the first and each other one.

Beside the file a host needs a name of its own and System V memory of its own, or MPI takes shared memory in place of
the network. Wants root, ip and unshare.
"""

import ctypes
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

NAMES = "mvsgd-{}-{}"  # the process that has made it, and which of its hosts
CLONE_NEWNET = 0x40000000

# Starts a part of a job on a host: Open MPI's and MPICH's launchers call it as they call ssh.
AGENT = """#!/bin/sh
while [ $# -gt 0 ]; do case $1 in -*) shift ;; *) break ;; esac; done
host=$1; shift
exec ip netns exec "$host" unshare --uts --ipc sh -c 'hostname "$0"; eval "$*"' "$host" "$@"
"""


class Missing(Exception):
    """What this machine has not, so that there are no hosts."""


def ended_by(number, _):
    raise SystemExit(128 + number)


def run(*words):
    return subprocess.run(words, check=True, capture_output=True, text=True, stdin=subprocess.DEVNULL).stdout


def is_alive(pid):
    return Path(f"/proc/{pid}").exists()


def remove(host):
    """The host and whatever still runs there."""
    there = subprocess.run(["ip", "netns", "pids", host], capture_output=True, text=True, check=False).stdout
    for pid in there.split():
        try:
            os.kill(int(pid), signal.SIGKILL)
        except ProcessLookupError:
            continue
    subprocess.run(["ip", "netns", "del", host], capture_output=True, check=False)
    shutil.rmtree(Path("/etc/netns") / host, ignore_errors=True)


class Hosts:
    """`with Hosts(n) as hosts:` n hosts around one more, hosts.names[0], which passes on what they say to each other.

    Raises Missing. Whatever ends the block, SIGTERM too, removes them.
    """

    def __init__(self, others):
        self.names = [NAMES.format(os.getpid(), n) for n in range(others + 1)]

    def __enter__(self):
        self.look()
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, ended_by)
        self.folder = Path(tempfile.mkdtemp())
        try:
            self.make()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for host in self.names:
            remove(host)
        shutil.rmtree(self.folder)

    @staticmethod
    def look():
        """Before anything is made that these programs must take away again."""
        if os.geteuid() != 0:
            raise Missing("network namespaces want root")
        for program in ("ip", "unshare"):
            if shutil.which(program) is None:
                raise Missing(f"there is no {program}")

    def make(self):
        # Whoever was killed has left them.
        for file in Path("/run/netns").glob(NAMES.format("*", "*")):
            if not is_alive(file.name.split("-")[1]):
                remove(file.name)
        try:
            self.connect()
            run(*self.on(0), "true")
        except (subprocess.CalledProcessError, OSError) as refused:
            said = getattr(refused, "stderr", None) or refused
            raise Missing(f"the kernel gives no hosts: {getattr(refused, 'cmd', '')} {said}") from None
        time.sleep(2)  # MPICH right after it: "Destination is unreachable"

    def connect(self):
        addresses = [f"10.77.1.{n + 1}" for n in range(len(self.names))]
        names = "\n".join(["127.0.0.1 localhost", *(f"{at} {name}" for at, name in zip(addresses, self.names)), ""])
        first = self.names[0]
        for host in self.names:
            run("ip", "netns", "add", host)
            # No packets of IPv6, which nobody here has asked for.
            run("ip", "netns", "exec", host, "sh", "-c", "echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6 || true")
            run("ip", "-n", host, "link", "set", "lo", "up")
            file = Path("/etc/netns") / host / "hosts"
            file.parent.mkdir(parents=True)
            file.write_text(names)
        # With several others the first has a switch: of a host with an address for each, Open MPI drops connections.
        has_switch = len(self.names) > 2
        if has_switch:
            run("ip", "-n", first, "link", "add", "switch", "type", "bridge")
        for n, host in enumerate(self.names[1:], 1):
            run("ip", "link", "add", f"eth{n}", "netns", first, "type", "veth", "peer", "name", "eth0", "netns", host)
            if has_switch:
                run("ip", "-n", first, "link", "set", f"eth{n}", "master", "switch")
            run("ip", "-n", first, "link", "set", f"eth{n}", "up")
            self.give_address(host, "eth0", addresses[n])
        self.give_address(first, "switch" if has_switch else "eth1", addresses[0])

    @staticmethod
    def give_address(host, device, address):
        run("ip", "-n", host, "addr", "add", f"{address}/24", "dev", device)
        run("ip", "-n", host, "link", "set", device, "up")

    def on(self, n):
        """The words before a command that is to run on host n."""
        name = self.names[n]
        return ["ip", "netns", "exec", name, "unshare", "--uts", "--ipc", "sh", "-c", f'hostname {name}; exec "$@"', "sh"]

    def launcher(self, mpiexec, processes):
        """The words before a program that is to run as so many processes on each host."""
        agent = self.folder / "agent"
        agent.write_text(AGENT)
        agent.chmod(0o755)
        where = ",".join(f"{name}:{count}" for name, count in zip(self.names, processes) if count)
        version = subprocess.run([mpiexec, "--version"], capture_output=True, text=True, check=False).stdout
        if "Open MPI" in version or "OpenRTE" in version:
            options = ["--allow-run-as-root", "--bind-to", "none", "--mca", "plm_rsh_agent", str(agent),
                       "--mca", "plm_rsh_no_tree_spawn", "1", "-H", where]
        else:
            options = ["-launcher", "ssh", "-launcher-exec", str(agent), "-hosts", where]
        return [*self.on(0), shutil.which(mpiexec), *options, "-n", str(sum(processes))]

    def limit(self, n, up, down):
        """Bits a second from host n to the first, and to it from there. 4 kB that a pause has saved up go at once; with
        less, as one packet, a busy machine is late and does not come to the rate."""
        for host, device, rate in ((self.names[n], "eth0", up), (self.names[0], f"eth{n}", down)):
            run("tc", "-n", host, "qdisc", "replace", "dev", device, "root", "tbf", "rate", f"{rate:.0f}bit", "burst", "32kbit",
                "latency", "400ms")

    def free(self, n):
        """Of the limit, if there is one."""
        for host, device in ((self.names[n], "eth0"), (self.names[0], f"eth{n}")):
            subprocess.run(["tc", "-n", host, "qdisc", "del", "dev", device, "root"], capture_output=True, check=False)

    def counter(self, n, device):
        return Counter(self.names[n], device)


class Counter:
    """What a device has sent, read without starting a program: bytes with Ethernet's headers, packets, and how many
    segments of TCP its host has sent a second time."""

    def __init__(self, host, device):
        libc = ctypes.CDLL(None, use_errno=True)
        # A file there is that of the namespace in which it is opened.
        with open("/proc/self/ns/net", "rb") as own, open(f"/run/netns/{host}", "rb") as there:
            for namespace in (there, own):
                if libc.setns(namespace.fileno(), CLONE_NEWNET) != 0:
                    raise OSError(ctypes.get_errno(), "setns")
                if namespace is there:
                    self.files = [open(f"/proc/thread-self/net/{name}", encoding="ascii") for name in ("dev", "snmp")]
        self.line = re.compile(rf"^ *{device}: *(.*)$", re.MULTILINE)

    def read(self):
        for file in self.files:
            file.seek(0)
        devices, protocols = (file.read() for file in self.files)
        numbers = self.line.search(devices)[1].split()
        names, counts = (line.split() for line in protocols.splitlines() if line.startswith("Tcp:"))
        return int(numbers[8]), int(numbers[9]), int(counts[names.index("RetransSegs")])
