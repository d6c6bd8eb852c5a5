#!/usr/bin/env bash
# TensorBoard 2.20.0 (PyPI), EventAccumulator, which programs that read event files call: if a resumed run
# writes steps again, it has them beside the old ones, even in a fresh reader, unless the new event file
# says SessionLog START. (What TensorBoard itself shows: tensorboard_readers_show_three_curves.sh.)
#
# Guessed: of two values of one tag and step the later file's is shown; or a step that goes back
# drops what was read of later steps, as the words "restart" and "purge" of its log promise. Seen
# (2026-11-28), with steps 0 to 9 in one file and 5 to 14 in a later one:
#
#     second file has                   values of the tag   steps 5 to 9
#     scalars alone                     20                  twice
#     START at step 5, then scalars     15                  the later ones
#
# An open reader does not notice that a file was cut: if steps 6 to 9 are cut off, it keeps them. So
# only for a fresh reader does cutting replace START. The cause: files of version 2, which all
# writers of today make, are purged only at a START. Exits 1 if this changes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet tensorboard==2.20.0 numpy==2.3.5
"$work/venv/bin/python" - "$work" <<'PYTHON'
import logging
import os
import sys
import tensorboard
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter

logging.disable(logging.WARNING)
print("tensorboard", tensorboard.__version__)


def append(path, events):
    with open(path, "ab") as file:
        writer = RecordWriter(file)
        if file.tell() == 0:
            writer.write(Event(wall_time=1, file_version="brain.Event:2").SerializeToString())
        for event in events:
            writer.write(event.SerializeToString())


def scalars(steps, offset):
    return [Event(wall_time=1 + offset + s, step=s,
                  summary=Summary(value=[Summary.Value(tag="x", simple_value=s + offset)])) for s in steps]


def start(step):
    return [Event(wall_time=200, step=step, session_log=SessionLog(status=SessionLog.START))]


def read(reader):
    reader.Reload()
    return [(e.step, e.value) for e in reader.Scalars("x")]


old, new = [(s, float(s)) for s in range(10)], [(s, 100.0 + s) for s in range(5, 15)]
as_guessed = []
for name, first in (("scalars", []), ("START", start(5))):
    folder = os.path.join(sys.argv[1], name)
    os.mkdir(folder)
    append(os.path.join(folder, "events.out.tfevents.1.a"), scalars(range(10), 0))
    append(os.path.join(folder, "events.out.tfevents.2.b"), first + scalars(range(5, 15), 100))
    as_guessed.append(read(EventAccumulator(folder)))
    print(name, as_guessed[-1])
folder = os.path.join(sys.argv[1], "cut")
os.mkdir(folder)
path = os.path.join(folder, "events.out.tfevents.1.a")
append(path, scalars(range(6), 0))
size = os.path.getsize(path)
append(path, scalars(range(6, 10), 0))
reader = EventAccumulator(folder)
read(reader)
os.truncate(path, size)
append(os.path.join(folder, "events.out.tfevents.2.b"), scalars(range(6, 12), 100))
followed, fresh = read(reader), read(EventAccumulator(folder))
print("cut, reader open", followed)
print("cut, reader fresh", fresh)
again = [(s, 100.0 + s) for s in range(6, 12)]
same = as_guessed == [old + new, old[:5] + new] and followed == old + again and fresh == old[:6] + again
sys.exit(0 if same else 1)
PYTHON
