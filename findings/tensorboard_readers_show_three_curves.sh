#!/usr/bin/env bash
# TensorBoard 2.20.0 (PyPI), as it starts, with --load_fast=false, and its EventAccumulator, which programs that read
# event files call: of the same files they give other points. As it starts (its reader is the data server, 0.7.2), one
# point of an early step that is written late deletes all points of its tag from that step on.
#
# Guessed: one curve, whatever the reader. (That the default reader may delete was suspected. TensorBoard's issue 4784,
# open, asks what is wrong with it and, as far as it was found, has none of this. That each shows a thousand drawn
# points of longer curves is documented.) Seen (2026-11-30), points of a tag, files written by tensorboardX 2.6.5:
#
#                                                         written    default    load_fast=false    EventAccumulator
#     steps 0 to 9, in another file 5 to 14               20         15         20                 20
#     the same with purge_step=5                          20         15         20                 15
#     a third file, 10 to 19, with purge_step=10          30         20         25                 20
#     evaluations of steps 10 to 100, that of 50 last     10         5          10                 10
#     steps 0 to 9, a last one without a step             11         1          11                 11
#     even steps by one process, odd ones by another      20         11         20                 20
#     5,000 steps: shown                                  5,000      1,000      1,000              5,000
#       steps that the first two both show                           199
#
# purge_step is documented to hide steps from its own on after a crash (tensorboardX, and PyTorch, whose writer is
# alike): the default reader needs none, --load_fast=false takes the first one for a run's beginning. Two processes'
# losses under one tag, an evaluation by a slower process, a final accuracy logged without its step: all are in the
# file, in EventAccumulator's numbers, and hardly in the picture, with no word. TensorBoard takes the other reader by
# itself where the data server has no wheel (Windows) or --logdir_spec is given. Exits 1 if this changes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet tensorboard==2.20.0 tensorboard-data-server==0.7.2 tensorboardX==2.6.5 \
  numpy==2.4.6 'setuptools<81'
"$work/venv/bin/python" - "$work" <<'PYTHON'
import json
import logging
import os
import socket
import subprocess
import sys
import time
import urllib.parse
import urllib.request
import tensorboard
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboardX import SummaryWriter

logging.disable(logging.WARNING)
WORK = sys.argv[1]
LOGS, TAG, ALL, PATIENCE, PAUSE = os.path.join(WORK, "logs"), "x", {"scalars": 0}, 120, 2
EVALUATED = [10 * i for i in range(1, 11) if i != 5] + [50]
# By name: the files of a run, each the steps that it has and its purge_step, and points seen by each reader.
RUNS = {
    "resumed": ([(range(10), None), (range(5, 15), None)], (15, 20, 20)),
    "purged": ([(range(10), None), (range(5, 15), 5)], (15, 20, 15)),
    "purged twice": ([(range(10), None), (range(5, 15), 5), (range(10, 20), 10)], (20, 25, 20)),
    "late": ([(EVALUATED, None)], (5, 10, 10)),
    "no step": ([([*range(10), None], None)], (1, 11, 11)),
    "two processes": ([(range(0, 20, 2), None), (range(1, 20, 2), None)], (11, 20, 20)),
    "long": ([(range(5000), None)], (1000, 1000, 5000)),
}


def shown(*flags):
    """Steps of each run as TensorBoard serves them."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}/data/plugin/scalars/"
    command = [os.path.join(WORK, "venv/bin/tensorboard"), "--logdir", LOGS, "--host", "127.0.0.1", "--port", str(port)]
    with subprocess.Popen([*command, *flags], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        end = time.monotonic() + PATIENCE
        found, before = None, {}
        while found is None or found != before:  # until two looks are alike, since files are read in the background
            if time.monotonic() > end:
                raise TimeoutError("TensorBoard does not serve the runs")
            time.sleep(PAUSE)
            before = found
            try:
                found = {}
                for run in RUNS:
                    query = urllib.parse.urlencode({"run": run, "tag": TAG})
                    with urllib.request.urlopen(url + "scalars?" + query) as answer:
                        found[run] = [step for _, step, _ in json.load(answer)]
            except OSError:  # not there yet, or the run is not
                found = None
        server.terminate()
    return found


def accumulated():
    found = {}
    for run in RUNS:
        reader = EventAccumulator(os.path.join(LOGS, run), size_guidance=ALL)
        reader.Reload()
        found[run] = [event.step for event in reader.Scalars(TAG)]
    return found


for run, (files, _) in RUNS.items():
    for number, (steps, purge_step) in enumerate(files):
        with SummaryWriter(os.path.join(LOGS, run), purge_step=purge_step, filename_suffix=f".{number}") as writer:
            for step in steps:
                writer.add_scalar(TAG, 1.0, step)
print("tensorboard", tensorboard.__version__)
readers = shown(), shown("--load_fast=false"), accumulated()
as_seen = True
for run, (files, counts) in RUNS.items():
    got = tuple(len(reader[run]) for reader in readers)
    print(f"{run}: {sum(len(steps) for steps, _ in files)} points written; default, load_fast=false, EventAccumulator: "
          f"{got}", readers[0][run] if run != "long" else "")
    as_seen &= got == counts
common = len(set(readers[0]["long"]) & set(readers[1]["long"]))
print(f"steps of the long run that both show: {common}")
as_seen &= common < 300
sys.exit(0 if as_seen else 1)
PYTHON
