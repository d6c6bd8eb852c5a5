#!/usr/bin/env python3
"""Times our training step and PyTorch's side by side, and prints their ratios.

usage: bench/peer/step_ratio.py [--width 64] [--batch 64] [--precision fp32|bf16] [--rounds 5]
                                [--ours [NAME=]PROGRAM[,BACKEND] ...] [--backend BACKEND]
                                [--peer SCRIPT] [--python NAME=INTERPRETER ...]

Each round runs BM_TrainingStep/BACKEND of every PROGRAM, a step_bench (default: the one that ./dev
bench builds), and then SCRIPT with each interpreter. All run on one thread and one after the other,
so that other load slows them alike. BACKEND is one that the step_bench has. The default is the
first it has of lanes, table for fp32, and of lanes_bf16, onednn_bf16, bf16 for bf16: older builds
use other names.

SCRIPT, by default training_step.py, prints a JSON line with "images_per_second" and "torch", its
version. It takes --threads, --batch, --width, --steps and --precision (bf16: CPU autocast), and
times both memory layouts, channels_last among them. Processors drift, so a ratio is taken within each round and the median of
the rounds counts. The last lines compare with the better interpreter of each round. With Debian's
python3-torch and another PyTorch in a virtual environment, and an older build of ours:

  bench/peer/step_ratio.py --python debian=/usr/bin/python3 --python current=VENV/bin/python
  bench/peer/step_ratio.py --precision bf16 --ours build/bench/bench/step_bench \\
      --ours b14028a=OLDER/build/bench/bench/step_bench,bf16
"""
import argparse
import json
import pathlib
import re
import statistics
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
FLAGS = ("avx2", "fma", "avx512f", "avx512_bf16", "amx_bf16")
# The first name that a step_bench has is taken.
BACKENDS = {"fp32": ("lanes", "table"), "bf16": ("lanes_bf16", "onednn_bf16", "bf16")}


class Failure(Exception):
    """Says what cannot be timed, and why."""


def output_of(command):
    """Its standard output. Raises Failure with the last line of its standard error if it fails."""
    try:
        result = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    except OSError as error:
        raise Failure(f"{command[0]}: {error.strerror}") from error
    if result.returncode != 0:
        said = (result.stderr.strip() or result.stdout.strip() or "no word").splitlines()[-1]
        raise Failure(f"{command[0]}: exit code {result.returncode}: {said}")
    return result.stdout


class Ours:
    """One step_bench, and which of its steps is timed."""

    def __init__(self, text, arguments):
        name, _, rest = text.rpartition("=")
        program, _, backend = rest.partition(",")
        self.program = pathlib.Path(program)
        self.name = name or "mvsgd"
        self.kind = "ours"
        has = output_of([self.program, "--benchmark_list_tests"]).split()
        wanted = [backend or arguments.backend] if backend or arguments.backend else BACKENDS[arguments.precision]
        steps = {one: f"BM_TrainingStep/{one}/width:{arguments.width}/batch:{arguments.batch}/real_time"
                 for one in wanted}
        self.backend = next((one for one, step in steps.items() if step in has), None)
        if self.backend is None:
            raise Failure(f"{program} has no benchmark {' or '.join(steps.values())}")
        self.step = steps[self.backend]

    def images_per_second(self, _):
        """Images a second of wall time, as the peer counts them."""
        [result] = json.loads(output_of([self.program, "--benchmark_format=json", "--benchmark_min_time=3",
                                         f"--benchmark_filter=^{re.escape(self.step)}$"]))["benchmarks"]
        if result.get("error_occurred"):
            raise Failure(f"{self.program}: {self.step}: {result['error_message']}")
        return result["items_per_second"]

    def label(self):
        """Adds what the mvsgd of the same build, if there is one, says of its libraries."""
        try:
            info = output_of([self.program.parent.parent / "mvsgd", "info"])
        except Failure:
            return f"{self.name}, {self.backend}"
        lines = dict(line.split(maxsplit=1) for line in info.splitlines() if " " in line)
        return f"{self.name} {lines.get('version', '')}, {self.backend}; {lines.get('backends', '')}"


class Peer:
    """PyTorch by one interpreter."""

    def __init__(self, text):
        self.name, equals, self.interpreter = text.partition("=")
        if not equals:
            raise Failure(f"--python {text}: NAME=INTERPRETER is wanted")
        self.version = ""
        self.kind = "peer"

    def images_per_second(self, arguments):
        lines = output_of([self.interpreter, arguments.peer, "--threads", 1, "--width",
                           arguments.width, "--batch", arguments.batch, "--steps", arguments.steps,
                           "--precision", arguments.precision]).splitlines()
        result = json.loads(lines[-1])
        self.version = result["torch"]
        return result["images_per_second"]

    def label(self):
        return f"PyTorch {self.version} ({self.name})"


def processor():
    """The processor's name, model and relevant instruction sets, from /proc/cpuinfo."""
    try:
        text = pathlib.Path("/proc/cpuinfo").read_text()
    except OSError:
        return "a processor that does not tell its name"
    first = dict(re.findall(r"^([^\t:]+)\s*: (.*)$", text.split("\n\n")[0], re.MULTILINE))
    flags = first.get("flags", "").split()
    return (f"{first.get('model name', 'unknown')} (family {first.get('cpu family', '?')}, model "
            f"{first.get('model', '?')}, stepping {first.get('stepping', '?')}), "
            f"{len(re.findall('^processor', text, re.MULTILINE))} processors, "
            f"{' '.join(flag for flag in FLAGS if flag in flags)}")


def spread(values, digits):
    return (f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f} to "
            f"{max(values):.{digits}f})")


def ratios(over, under):
    return [a / b for a, b in zip(over, under)]


def report(arguments, contestants, rates):
    ours = [who for who in contestants if who.kind == "ours"]
    peers = [who for who in contestants if who.kind == "peer"]
    first = ours[0]
    print(processor())
    print(f"width {arguments.width}, batch {arguments.batch}, {arguments.precision}, one thread, "
          f"images a second, median (least to most) of {arguments.rounds}:")
    for who in contestants:
        line = f"  {spread(rates[who.name], 1):28} {who.label()}"
        if who is not first:
            line += f"   {first.name} / this: {spread(ratios(rates[first.name], rates[who.name]), 2)}"
        print(line)
    best = [max(of_round) for of_round in zip(*(rates[peer.name] for peer in peers))]
    for who in ours:
        print(f"{who.name} / the better PyTorch: {spread(ratios(rates[who.name], best), 2)}")


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--precision", choices=sorted(BACKENDS), default="fp32")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=3, help="of the peer in each round")
    parser.add_argument("--ours", action="append", metavar="[NAME=]PROGRAM[,BACKEND]",
                        help="default: build/bench/bench/step_bench")
    parser.add_argument("--backend", help="of ours where --ours names none")
    parser.add_argument("--peer", type=pathlib.Path,
                        default=pathlib.Path(__file__).with_name("training_step.py"))
    parser.add_argument("--python", action="append", metavar="NAME=INTERPRETER",
                        help="default: debian=/usr/bin/python3")
    arguments = parser.parse_args()
    if not arguments.peer.is_file():
        parser.error(f"no such script: {arguments.peer} (--peer)")
    if arguments.rounds < 1:
        parser.error("--rounds is at least 1")
    try:
        contestants = [Ours(text, arguments)
                       for text in arguments.ours or [str(ROOT / "build/bench/bench/step_bench")]]
        contestants += [Peer(text) for text in arguments.python or ["debian=/usr/bin/python3"]]
        names = [who.name for who in contestants]
        if len(set(names)) != len(names):
            parser.error(f"two of the same name: {', '.join(names)}")
        rates = {name: [] for name in names}
        for _ in range(arguments.rounds):
            for who in contestants:
                rates[who.name].append(who.images_per_second(arguments))
            print("round:", ", ".join(f"{name} {values[-1]:.1f}" for name, values in rates.items()),
                  file=sys.stderr)
    except Failure as failure:
        print(f"step_ratio: {failure}", file=sys.stderr)
        return 1
    report(arguments, contestants, rates)
    return 0


if __name__ == "__main__":
    sys.exit(main())
