#!/usr/bin/env python3
"""Times a round of a whole run with two builds of mvsgd, and prints their ratio.

usage: bench/round_ratio.py --base PROGRAM [--program PROGRAM] [--times 5] [OPTION ... of mvsgd train]

PROGRAM is an mvsgd (default: build/release/mvsgd of this tree), --base the one to compare it with.
Each trial trains a run of eight sparse rounds with one and then with the other, so that other load
slows them alike. Rounds 2 to 6 count: the first allocates what is kept, and the last is evaluated.
The last but one is left out as well: b14028a writes a round's time one round late, except that one's.
Each round has two times, wall time and processor time. The latter is summed over the slots and
includes local steps, vote, exchange and server in it. The ratios are medians over the trials.

Ten workers at width 8, the round that the README describes:

  bench/round_ratio.py --base OLD/build/release/mvsgd
"""
import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[1]
RUN = ["--preset", "ssgd-mv-l4", "--width", "8", "--batch", "16", "--warmup-epochs", "0", "--rounds", "8",
       "--synthetic-train", "640", "--synthetic-test", "64", "--epochs", "100", "--eval-every", "100",
       "--checkpoint-every", "0"]


def seconds_of_a_round(program, options):
    """Seconds of wall time, and of processor time."""
    with tempfile.TemporaryDirectory() as directory:
        run = pathlib.Path(directory) / "run"
        subprocess.run([program, "train", *RUN, *options, "--out", run, "--quiet"], check=True)
        rows = [json.loads(line) for line in open(run / "metrics.jsonl", encoding="ascii")]
    if any(row["dense"] for row in rows[:8]) or "end" not in rows[8]:
        sys.exit(f"{program}: not eight sparse rounds")
    processor = [sum(row["cpu_seconds"].values()) for row in rows[1:6]]
    return (rows[5]["seconds"] - rows[0]["seconds"]) / 5, statistics.mean(processor)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default=ROOT / "build/release/mvsgd")
    parser.add_argument("--base", required=True)
    parser.add_argument("--times", type=int, default=5)
    arguments, options = parser.parse_known_args()

    taken = {"base": [], "program": []}
    for _ in range(arguments.times):
        for name, program in (("base", arguments.base), ("program", arguments.program)):
            taken[name].append(seconds_of_a_round(program, options))
        print("time:", ", ".join(f"{name} {values[-1][0]:.3f} s (processor {values[-1][1]:.3f})"
                                 for name, values in taken.items()), file=sys.stderr)
    for which, text in enumerate(("clock", "processor")):
        of = {name: [value[which] for value in values] for name, values in taken.items()}
        ratios = [base / new for base, new in zip(of["base"], of["program"])]
        print(f"{text:9} base {statistics.median(of['base']):.3f} s a round, "
              f"program {statistics.median(of['program']):.3f}: base / program "
              f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})")


if __name__ == "__main__":
    main()
