#!/usr/bin/env python3
"""Times our training step and PyTorch's side by side, and prints their ratio.

usage: bench/peer/step_ratio.py [--width 64] [--batch 64] [--rounds 5] [--peer SCRIPT]
                                [--python NAME=INTERPRETER ...]

Each round runs the benchmark BM_TrainingStep (./dev bench builds it) and then SCRIPT with each
interpreter, all on one thread and one after the other, so that what else the machine does meets
them alike. SCRIPT prints a JSON line with "images_per_second" and "torch", its version; it takes
--threads, --batch, --width and --steps. Of each program the median over the rounds counts. With
Debian's python3-torch and another PyTorch in a virtual environment:

  bench/peer/step_ratio.py --python debian=/usr/bin/python3 --python current=VENV/bin/python
"""
import argparse
import json
import pathlib
import statistics
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]


def ours(width, batch):
    """Images a second of wall time, as the peer counts them."""
    output = subprocess.run(
        [ROOT / "build/bench/bench/step_bench", "--benchmark_format=json", "--benchmark_min_time=3",
         f"--benchmark_filter=BM_TrainingStep/table/width:{width}/batch:{batch}/real_time$"],
        check=True, capture_output=True, text=True).stdout
    [result] = json.loads(output)["benchmarks"]
    return result["items_per_second"]


def peer(interpreter, script, width, batch, steps):
    output = subprocess.run(
        [interpreter, script, "--threads", "1", "--width", str(width), "--batch", str(batch),
         "--steps", str(steps)], check=True, capture_output=True, text=True).stdout
    return json.loads(output.splitlines()[-1])


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=3, help="of the peer in each round")
    parser.add_argument("--peer", type=pathlib.Path,
                        default=ROOT.parent / "shared/peers/torch_resnet18.py")
    parser.add_argument("--python", action="append", metavar="NAME=INTERPRETER",
                        help="default: debian=/usr/bin/python3")
    arguments = parser.parse_args()
    if not arguments.peer.is_file():
        parser.error(f"no such script: {arguments.peer} (--peer)")
    interpreters = dict(item.split("=", 1) for item in arguments.python or ["debian=/usr/bin/python3"])

    rates = {"mvsgd": []}
    versions = {}
    for _ in range(arguments.rounds):
        rates["mvsgd"].append(ours(arguments.width, arguments.batch))
        for name, interpreter in interpreters.items():
            result = peer(interpreter, arguments.peer, arguments.width, arguments.batch,
                          arguments.steps)
            rates.setdefault(name, []).append(result["images_per_second"])
            versions[name] = result["torch"]
        print("round:", ", ".join(f"{name} {values[-1]:.1f}" for name, values in rates.items()),
              file=sys.stderr)

    medians = {name: statistics.median(values) for name, values in rates.items()}
    print(f"width {arguments.width}, batch {arguments.batch}, one thread, images a second, "
          f"median (least to most) of {arguments.rounds}:")
    for name, values in rates.items():
        label = name if name == "mvsgd" else f"PyTorch {versions[name]} ({name})"
        ratio = "" if name == "mvsgd" else f"   mvsgd / this: {medians['mvsgd'] / medians[name]:.2f}"
        print(f"  {label:32} {medians[name]:7.1f} ({min(values):.1f} to {max(values):.1f}){ratio}")


if __name__ == "__main__":
    main()
