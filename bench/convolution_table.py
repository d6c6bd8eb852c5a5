#!/usr/bin/env python3
"""Makes the table of convolution algorithms (nn/onednn/convolution_table.cpp) from measurements.

usage: bench/convolution_table.py FILE.json...

Each FILE is the benchmark's output. Where several files have a time, the best counts:

  build/bench/bench/convolution_bench --benchmark_filter=/r:3/s:1/.*/lanes:0 --benchmark_out=FILE.json

The row of a shape and pass gives a batch size: from it on, Winograd's algorithm is faster by 3 % or
more at every batch measured. It gives "kNever" if the algorithm is not faster at the largest batch.
"""
import collections
import json
import re
import sys

PASSES = ("BM_Convolution", "BM_ConvolutionBackwardData", "BM_ConvolutionBackwardWeights")
NAME = re.compile(r"(\w+)/c:(\d+)/h:(\d+)/o:(\d+)/r:3/s:1/batch:(\d+)/winograd:([01])/lanes:0$")
MARGIN = 1.03


def main():
    if len(sys.argv) < 2 or sys.argv[1].startswith("-"):
        sys.exit(__doc__)
    best = {}
    for path in sys.argv[1:]:
        with open(path, encoding="ascii") as file:
            for result in json.load(file)["benchmarks"]:
                found = NAME.match(result["name"])
                if not found or "error_occurred" in result:
                    continue
                which, c, h, o, batch, winograd = found.groups()
                if c != o:
                    continue
                key = (int(c), int(h), which, int(batch), winograd == "1")
                best[key] = min(best.get(key, float("inf")), result["cpu_time"])
    shapes = collections.defaultdict(dict)
    for (c, h, which, batch, winograd) in best:
        if winograd and (c, h, which, batch, False) in best:
            gain = best[c, h, which, batch, False] / best[c, h, which, batch, True]
            shapes[c, h].setdefault(which, {})[batch] = gain
    for (c, h), gains in sorted(shapes.items()):
        row = []
        for which in PASSES:
            least = "kNever"
            for batch in sorted(gains.get(which, {}), reverse=True):
                if gains[which][batch] < MARGIN:
                    break
                least = str(batch)
            row.append(least)
        print(f"    {{{c}, {h}, {', '.join(row)}}},")


if __name__ == "__main__":
    main()
