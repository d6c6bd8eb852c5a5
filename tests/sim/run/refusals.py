#!/usr/bin/env python3
"""What mvsgd refuses it refuses at once, by name, and with every file as it was.

usage: refusals.py MVSGD CASE

Exits with 77 and the reason where no program of another user can be started.
"""

import hashlib
import os
import pathlib
import shutil
import stat
import subprocess
import sys
import tempfile

mvsgd = pathlib.Path(sys.argv[1]).resolve()
SECONDS = 240  # of a busy machine; alone each program takes 2 at most
NOBODY = 65534
SMALL = ("--preset ssgd-mv --width 1 --warmup-epochs 0 --batch 4 --workers 2 --slots 1 --synthetic-train 40 "
         "--synthetic-test 4 --backend lanes --worker-metrics true --checkpoint-every 2 --tensorboard --quiet").split()
MORE = ["--rounds", "6", "--quiet"]


def fail(text):
    print(text)
    sys.exit(1)


def run(*arguments, **options):
    try:
        return subprocess.run([mvsgd, *arguments], capture_output=True, text=True, timeout=SECONDS, check=False,
                              stdin=subprocess.DEVNULL, **options)
    except subprocess.TimeoutExpired:
        return fail(f"not done after {SECONDS} s: {arguments}")


def everything(directory):
    """Each path below, with what is there."""
    found = {}
    for path in sorted(directory.rglob("*")):
        kind = stat.S_IFMT(path.lstat().st_mode)
        content = path.read_bytes() if stat.S_ISREG(kind) else b""
        found[str(path.relative_to(directory))] = (kind, hashlib.sha256(content).hexdigest())
    return found


def expect_refusal(program, directory, before, codes, *words):
    said = program.stdout + program.stderr
    print(f"exit {program.returncode}: {program.stderr.strip()[:200]}")
    if program.returncode not in codes:
        fail(f"an exit code of {codes} is wanted: {program.args}\n{said}")
    for word in words:
        if str(word) not in said:
            fail(f"'{word}' is not named: {program.args}\n{said}")
    if everything(directory) != before:
        now = everything(directory)
        fail(f"changed: {sorted(set(before.items()) ^ set(now.items()))}: {program.args}\n{said}")


def ended_run(work):
    out = work / "run"
    program = run("train", *SMALL, "--rounds", "4", "--out", out)
    if program.returncode != 0:
        fail(program.stderr)
    return out


def files_of(out):
    return sorted(path for path in out.rglob("*") if path.is_file())


def odd_files(work):
    """In place of each file a pipe that nobody writes, or a directory."""
    out = ended_run(work)
    for path in files_of(out):
        kept = path.rename(work / "kept")
        for make in (os.mkfifo, os.mkdir):
            make(path)
            before = everything(out)
            # Nothing reads event files but who goes on with them; a checkpoint has one before it.
            if path.name.startswith("events"):
                expect_refusal(run("train", "--resume", out, *MORE), out, before, [3], path.name)
            else:
                expect_refusal(run("verify", out), out, before, [1, 3], path.name)
                if path.parent == out and path.name != "model.safetensors":
                    expect_refusal(run("report", out, "--out", work / "report.html"), out, before, [3], path.name)
                    expect_refusal(run("train", "--resume", out, *MORE), out, before, [3], path.name)
            os.unlink(path) if make is os.mkfifo else os.rmdir(path)
        kept.rename(path)
    weights = work / "weights"
    os.mkfifo(weights)
    expect_refusal(run("evaluate", "--init", weights), work, everything(work), [3], "weights: no plain file")


def give(user, *paths):
    for path in paths:
        os.chown(path, user, user)


def unwritable(work):
    """For another user, in turn, each file that a run goes on with, and each directory."""
    if os.getuid() != 0:
        print("skipped: only a superuser can start a program of another user")
        sys.exit(77)
    out = ended_run(work)
    program = work / "mvsgd"
    shutil.copy(mvsgd, program)
    os.chmod(work, 0o755)
    for name in ("metrics.jsonl", "ledger.csv", "worker_metrics.jsonl", "checkpoint", "."):
        give(NOBODY, out, *out.rglob("*"))
        give(0, out / name)
        before = everything(out)
        resumed = subprocess.run([program, "train", "--resume", out, *MORE], capture_output=True, text=True,
                                 timeout=SECONDS, check=False, user=NOBODY, group=NOBODY, extra_groups=[])
        expect_refusal(resumed, out, before, [3, 4], out / name if name != "." else out, "ermission denied")


def ended(work):
    """A run that has ended and whose checkpoints are gone could only begin again."""
    out = ended_run(work)
    for path in (out / "checkpoint").iterdir():
        shutil.rmtree(path)
    expect_refusal(run("train", "--resume", out, *MORE), out, everything(out), [3], "the run has ended")


def nothing_made(work):
    """No directory stays of a path that was made for what is then refused, and no file is emptied."""
    out = ended_run(work)
    deep = work / "a" / "b" / "c"
    report = work / "verification.json"
    report.write_text("{}")
    before = everything(work)
    too_many = ["train", *SMALL, "--rounds", "1", "--workers", "41"]
    expect_refusal(run(*too_many, "--out", deep), work, before, [2], "workers = 41")
    expect_refusal(run(*too_many, "--out", deep, "--dump-wire", work / "d" / "e"), work, before, [2], "workers = 41")
    expect_refusal(run("train", *SMALL, "--rounds", "1", "--out", out, "--dump-wire", deep), work, before, [3],
                   "not an empty directory")
    expect_refusal(run("report", out, "--condense", deep / ("n" * 300)), work, before, [3], "File name too long")
    expect_refusal(run("verify", work / "none", "--json", report), work, before, [3], "no such directory")
    expect_refusal(run("verify", work / "none", "--json", work / "new.json"), work, before, [3], "no such directory")
    nowhere = {**os.environ, "TMPDIR": str(work / "none")}
    expect_refusal(run("report", out, "--out", work / "report.html", env=nowhere), work, before, [3], "TMPDIR")
    (work / "file").write_text("")
    before = everything(work)
    reproduce = ["reproduce", "table1", "--scale", "smoke", "--rows", "sm", "--trials", "1", "--quiet"]
    expect_refusal(run(*reproduce, "--out", deep, "--archive", work / "file"), work, before, [3], "file/smoke")


with tempfile.TemporaryDirectory(prefix="mvsgd-test-") as directory:
    globals()[sys.argv[2]](pathlib.Path(directory))
