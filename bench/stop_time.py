"""How long a run takes to stop: seconds from SIGTERM in an evaluation to the program's end.

    python3 bench/stop_time.py build/release/mvsgd ssgd-mv-ad ssgd-mv-ad-l4 --width 64 --repeats 3

Each run has N = 10 workers on synthetic images, two rounds an epoch, and an evaluation each epoch. The signal comes in the
second one, which is not the last, so that a whole checkpoint must be written: the longest stop that there is. A line a
stop has the preset, the seconds, the exit code, the checkpoint and the load; the exit code is 1 if one did not save.
"""

import argparse
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

SECOND_EVALUATION = 4  # the round that ends with it


def rounds_written(ledger):
    try:
        lines = ledger.read_text().splitlines()[1:]
    except OSError:
        return 0
    return max((int(line.split(",", 1)[0]) for line in lines if "," in line), default=0)


def stop(program, preset, width, seconds_of_evaluation, folder):
    """The line that tells of one stop, and whether the run was saved."""
    run = folder / "run"
    settings = {"epochs": 300, "data": "synthetic", "synthetic_train": 40, "synthetic_test": 10000, "batch": 2,
                "workers": 10, "local_steps": 1, "width": width}
    command = [program, "train", "--preset", preset, "--out", str(run), "--set"]
    command += [f"{key}={value}" for key, value in settings.items()]
    with open(folder / "log", "w") as log, subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT) as process:
        while process.poll() is None and rounds_written(run / "ledger.csv") < SECOND_EVALUATION - 1:
            time.sleep(0.05)
        time.sleep(seconds_of_evaluation)
        begin = time.monotonic()
        process.send_signal(signal.SIGTERM)
        code = process.wait()
        seconds = time.monotonic() - begin
    saved = (run / "checkpoint" / f"round-{SECOND_EVALUATION:08}" / "manifest.json").exists()
    in_evaluation = rounds_written(run / "ledger.csv") < SECOND_EVALUATION + 1
    told = "saved" if saved else "NOT SAVED"
    where = "" if in_evaluation else ", after the evaluation"
    line = f"{preset}, width {width}: {seconds:.2f} s, exit code {code}, {told}{where}, load {os.getloadavg()[0]:.1f}"
    return line, saved and code == 5


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program")
    parser.add_argument("presets", nargs="+")
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--into", type=float, default=12, help="seconds from the end of round 3 to the signal")
    arguments = parser.parse_args()
    all_saved = True
    for preset in arguments.presets * arguments.repeats:
        with tempfile.TemporaryDirectory() as folder:
            line, saved = stop(arguments.program, preset, arguments.width, arguments.into, pathlib.Path(folder))
        print(line, flush=True)
        all_saved = all_saved and saved
    return 0 if all_saved else 1


if __name__ == "__main__":
    sys.exit(main())
