#!/usr/bin/env python3
"""Condenses a finished run to what its curve needs: condense.py RUN_DIR OUT_DIR.

A line of metrics.jsonl then stands for the rounds since the line before it, up to an evaluation or
the end of the warm-up. Local steps, images, bits and processor time are sums. The loss is the mean
over local steps. All other numbers are those of the last round. A row of ledger.csv is a sum over
the rounds of the warm-up, or over the rounds after it. `data` keeps the name of the data set
without its directory.
"""

import collections
import json
import pathlib
import re
import sys

SUMS = ("local_steps", "images", "bits_up", "bits_down")


def stretches(lines):
    """Yields lists of successive lines, each up to an evaluation or the end of the warm-up."""
    stretch = []
    for line in lines:
        if stretch and line["dense"] != stretch[-1]["dense"]:
            yield stretch
            stretch = []
        stretch.append(line)
        if "test_accuracy" in line:
            yield stretch
            stretch = []
    if stretch:
        yield stretch


def line_of(stretch):
    line = {}
    for name, value in stretch[-1].items():
        line[name] = value
        if name == "round":
            line["rounds"] = len(stretch)
    line.update({name: sum(one[name] for one in stretch) for name in SUMS})
    line["loss"] = sum(one["loss"] * one["local_steps"] for one in stretch) / line["local_steps"]
    line["cpu_seconds"] = {
        phase: sum(one["cpu_seconds"][phase] for one in stretch) for phase in line["cpu_seconds"]
    }
    return line


def main(run, out):
    out.mkdir(parents=True, exist_ok=True)
    config = (run / "config.toml").read_text()
    config = re.sub('(?m)^data = ".*/cifar-10.*"$', 'data = "cifar-10"', config)
    (out / "config.toml").write_text(config)

    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    if "end" not in lines[-1]:
        sys.exit(f"{run}: it has not ended")
    lines[-1].pop("files", None)  # digests of the whole run's files
    kept = [line_of(stretch) for stretch in stretches(lines[:-1])] + [lines[-1]]
    text = "".join(json.dumps(line, separators=(",", ":")) + "\n" for line in kept)
    (out / "metrics.jsonl").write_text(text)

    last = {}  # of the warm-up, and of what comes after it
    for line in lines[:-1]:
        last[line["dense"]] = line["round"]
    dense = [line["dense"] for line in lines[:-1]]
    head, *rows = (run / "ledger.csv").read_text().splitlines()
    sums = collections.Counter()
    for row in rows:
        t, cells, bits = int(row.split(",")[0]), row.split(",")[1:-1], int(row.split(",")[-1])
        sums[(last[dense[t - 1]] if t > 0 else 0, *cells)] += bits
    text = "".join(",".join(map(str, key)) + f",{bits}\n" for key, bits in sums.items())
    (out / "ledger.csv").write_text(head + "\n" + text)


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]))
