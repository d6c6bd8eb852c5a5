#!/usr/bin/env python3
"""Kills runs at random moments, even while they save, and compares their files with those of one go.

usage: kills.py MVSGD [KILLS [SEED]]

Presets, backends, slots and checkpoints are drawn. Each run gets up to six signals, SIGKILL or, one time in five,
SIGTERM, and is resumed until it ends. Ledger, parameters and, but for times, metrics must then equal those of the run
in one go, and `verify` must find nothing wrong. Not among ctest's tests: 100 kills take half an hour.
"""

import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

mvsgd = sys.argv[1]
wanted = int(sys.argv[2]) if len(sys.argv) > 2 else 100
draw = random.Random(int(sys.argv[3]) if len(sys.argv) > 3 else 20261128)
counts = {"runs": 0, "kills": 0, "kills while a checkpoint is written": 0, "terminations": 0}
faults = []


def drawn_settings():
    listed = subprocess.run([mvsgd, "presets"], capture_output=True, text=True, check=True).stdout
    preset = draw.choice([line.split()[0] for line in listed.splitlines() if re.match("[a-z]", line)])
    settings = ["--preset", preset, "--backend", draw.choice(["lanes", "reference", "onednn"]),
                "--seed", str(draw.randrange(1, 99)), "--slots", draw.choice("12"),
                "--checkpoint-every", draw.choice("0113"), "--set", "rounds=" + draw.choice(["60", "120"])]
    if not preset.endswith("sm"):
        settings += ["--workers", "3", "--warmup-epochs", "1"]
    return settings + ("--width 2 --batch 4 --synthetic-train 96 --synthetic-test 16 --epochs 40 --eval-every 4 "
                       "--quiet").split()


def files_of(run):
    metrics = re.sub(r',"(seconds|files)":.*', "", (run / "metrics.jsonl").read_text())
    return {"ledger.csv": (run / "ledger.csv").read_bytes(), "metrics.jsonl": metrics,
            "model.safetensors": (run / "model.safetensors").read_bytes()}


def end_by_signals(run, settings, seconds):
    """Trains to the end, with signals on the way. Returns what went wrong; "" if nothing did."""
    left = draw.randrange(2, 7)
    while True:
        begun = (run / "config.toml").exists() and (run / "checkpoint").is_dir()
        if not begun:
            shutil.rmtree(run, ignore_errors=True)
        how = ["--resume", run, "--quiet"] if begun else [*settings, "--out", run]
        program = subprocess.Popen([mvsgd, "train", *how], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        if left and counts["kills"] < wanted:
            time.sleep(draw.random() * seconds)
            kills = draw.random() >= 0.2
            if program.poll() is None:
                saving = any((run / "checkpoint").glob("*.tmp"))
                program.send_signal(signal.SIGKILL if kills else signal.SIGTERM)
                left -= 1
                counts["kills" if kills else "terminations"] += 1
                counts["kills while a checkpoint is written"] += kills and saving
        text = program.communicate()[1]
        if "damaged" in text or program.returncode not in (0, 5, -signal.SIGKILL, -signal.SIGTERM):
            return f"exit {program.returncode}: {text}"
        if program.returncode == 0:
            return ""


with tempfile.TemporaryDirectory() as work:
    while counts["kills"] < wanted:
        whole, run = Path(work, "whole"), Path(work, "run")
        shutil.rmtree(whole, ignore_errors=True)
        shutil.rmtree(run, ignore_errors=True)
        settings = drawn_settings()
        begun = time.monotonic()
        subprocess.run([mvsgd, "train", *settings, "--out", whole], check=True)
        wrong = end_by_signals(run, settings, time.monotonic() - begun)
        if not wrong:
            there, here = files_of(whole), files_of(run)
            wrong = ", ".join(name for name in there if there[name] != here[name])
        if not wrong and subprocess.run([mvsgd, "verify", run], stdout=subprocess.DEVNULL).returncode:
            wrong = "verify"
        counts["runs"] += 1
        if wrong:
            faults.append(wrong)
        print(*settings[1:6:2], counts, wrong or "right", flush=True)
print(counts, f"{len(faults)} faults")
sys.exit(1 if faults else 0)
