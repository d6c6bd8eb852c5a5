#!/usr/bin/env python3
"""No limit, load or pause makes `mvsgd train` wait for ever, or end without a word.

usage: limits.py MVSGD CASE

Every program is given some seconds; one that is not done by then has failed the test. What it leaves is the digest of
the run without the limit, or an exit code and a message that says what is wrong. Exits with 77 and the reason where
the machine does not let a limit be set.
"""

import json
import os
import pathlib
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time

mvsgd = pathlib.Path(sys.argv[1]).resolve()
# A sanitizer makes a program slow, and has memory and descriptors of its own.
SANITIZED = subprocess.run(["grep", "-qE", "__[at]san_init", mvsgd], check=False).returncode == 0
THREAD_SANITIZED = subprocess.run(["grep", "-q", "__tsan_init", mvsgd], check=False).returncode == 0
SECONDS = 240 if SANITIZED else 60  # of a busy machine; alone each program takes 2 at most

SMALL = ("--preset ssgd-mv --width 2 --warmup-epochs 0 --rounds 4 --batch 4 --workers 4 --slots 2 --synthetic-train 120 "
         "--synthetic-test 16 --backend lanes --quiet").split()
NOBODY = 65534


def fail(text, program=None):
    print(text)
    if program is not None:
        print("exit", program.returncode, program.stderr)
    sys.exit(1)


def skip(reason):
    print("skipped:", reason)
    sys.exit(77)


def train(out, more=(), limits=(), prefix=(), **options):
    """Trains under `limits`, pairs of a resource and a number, to its end."""
    def set_limits():
        for which, most in limits:
            resource.setrlimit(which, (most, resource.getrlimit(which)[1]))
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, **options}
    begun = time.monotonic()
    try:
        program = subprocess.run([*prefix, mvsgd, "train", *more, "--out", out], preexec_fn=set_limits,
                                 timeout=SECONDS, check=False, **options)
    except subprocess.TimeoutExpired:
        fail(f"not done after {SECONDS} s: {more}, limits {limits}")
    print(f"exit {program.returncode} after {time.monotonic() - begun:.1f} s:", (program.stderr or "").strip()[:300])
    return program


def has_ended(out):
    return '"end":true' in (out / "metrics.jsonl").read_text()


def digest(out):
    """Of a run that has ended; None before."""
    last = json.loads((out / "metrics.jsonl").read_text().splitlines()[-1])
    return last["theta_sha256"] if last.get("end") else None


def expect_message(program, codes, *words):
    if program.returncode not in codes:
        fail(f"an exit code of {codes} is wanted", program)
    for word in words:
        if word not in program.stderr:
            fail(f"no '{word}' in the message", program)
    if program.stderr.strip() in ("", "mvsgd: std::bad_alloc"):
        fail("a message is wanted that says what is wrong", program)


def expect_same(program, out, whole):
    if program.returncode != 0:
        fail("it is to end well", program)
    if digest(out) != whole:
        fail(f"digest {digest(out)}, not {whole}", program)


def whole_run(work, settings=SMALL):
    program = train(work / "whole", settings)
    if program.returncode != 0:
        fail("the run without a limit has failed", program)
    return digest(work / "whole")


def train_with_few_threads(work, out, settings, room):
    """As an ordinary user, since a superuser has no such limit, who may have `room` more threads than now."""
    program = work / "mvsgd"
    if not program.exists():
        shutil.copy(mvsgd, program)
    options = {}
    running = 0
    uid = os.getuid()
    if uid == 0:
        uid = NOBODY
        options = {"user": uid, "group": uid, "extra_groups": []}
        os.chmod(work, 0o777)
    for status in pathlib.Path("/proc").glob("[0-9]*/status"):
        try:
            fields = dict(line.split(":", 1) for line in status.read_text().splitlines() if ":" in line)
        except OSError:
            continue
        if fields["Uid"].split()[0] == str(uid):
            running += int(fields["Threads"])
    try:
        return subprocess.run([program, "train", *settings, "--out", out], capture_output=True, text=True,
                              timeout=SECONDS, check=False, cwd=work,
                              preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NPROC,
                                                                    (running + room, running + room)), **options)
    except subprocess.TimeoutExpired:
        fail(f"not done after {SECONDS} s")
    except (OSError, subprocess.SubprocessError) as e:
        skip(f"no program of another user can be started: {e}")


def threads(work):
    """100 workers, and room for some of them."""
    for attempt in range(10):
        limited = train_with_few_threads(work, work / f"out{attempt}", SMALL + ["--workers", "100"], 40)
        print(limited.stderr.strip())
        if limited.returncode != 0:
            return expect_message(limited, [4], "of 100 workers' threads could be started", "ulimit -u")
        # Other programs of this user have ended meanwhile, and made room.
    fail("each time there was room for all", limited)


def no_thread(work):
    """Room for the program alone: plain SGD needs no other thread, nor does the writing of megabytes."""
    if SANITIZED:  # AddressSanitizer looks for leaks in a thread of its own
        os.environ["ASAN_OPTIONS"] = os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"
    settings = "--preset sm --width 16 --rounds 3 --batch 4 --synthetic-train 120 --synthetic-test 16 --quiet".split()
    whole = whole_run(work, settings)
    out = work / "out"
    expect_same(train_with_few_threads(work, out, settings, 1), out, whole)


def openmp(work):
    if "onednn" not in subprocess.run([mvsgd, "info"], capture_output=True, text=True, check=True).stdout:
        skip("a build without oneDNN")
    settings = SMALL + ["--backend", "onednn", "--set", "threads_per_worker=2"]
    whole = whole_run(work, settings)
    for i, limit in enumerate([{"OMP_THREAD_LIMIT": "1"}, {"OMP_DYNAMIC": "true"}, {"OMP_NUM_THREADS": "1"},
                               {"OMP_MAX_ACTIVE_LEVELS": "0"}, {"OMP_NESTED": "false", "OMP_WAIT_POLICY": "active"}]):
        out = work / f"out{i}"
        program = train(out, settings, env={**os.environ, **limit})
        print(limit)
        if program.returncode == 0:
            expect_same(program, out, whole)
        else:
            expect_message(program, [3], "OpenMP gives", "of 2 threads")


def openmp_threads(work):
    """OpenMP's library would end the program where it cannot start a thread."""
    settings = SMALL + ["--workers", "8", "--threads-per-worker", "8"]
    for attempt in range(10):
        out = work / f"out{attempt}"
        limited = train_with_few_threads(work, out, settings, 40)
        print(limited.stderr.strip())
        if limited.returncode == 0:
            continue  # other programs of this user have ended meanwhile, and made room
        expect_message(limited, [3], "of 80 threads could be started", "ulimit -u")
        if out.exists():
            fail("a refusal leaves nothing")
        return
    fail("each time there was room for all")


def binding(work):
    """What binds OpenMP's threads to places leaves all cores to the workers, which are not OpenMP's."""
    def cores(**environment):
        said = subprocess.run([mvsgd, "info"], capture_output=True, text=True, check=True,
                              env={**os.environ, **environment})
        return next(line.split()[1:] for line in said.stdout.splitlines() if line.startswith("cores "))
    usable = os.sched_getaffinity(0)
    if len(usable) == 1:
        skip("one core alone")
    whole = cores()
    for environment in ({"OMP_PROC_BIND": "true"}, {"OMP_PROC_BIND": "close", "OMP_PLACES": "cores"},
                        {"OMP_PLACES": "threads"}, {"GOMP_CPU_AFFINITY": " ".join(map(str, usable))}):
        found = cores(**environment)
        print(environment, found)
        if found != whole:
            fail(f"{whole} are wanted")
    settings = SMALL + ["--set", "threads_per_worker=2"]
    unbound = whole_run(work, settings)
    out = work / "out"
    missing = os.sysconf("SC_NPROCESSORS_CONF")
    environment = {**os.environ, "GOMP_CPU_AFFINITY": f"{missing} {missing + 1}"}
    expect_same(train(out, settings, env=environment), out, unbound)


def memory(work):
    """From too little to load the libraries to as much as it wants."""
    if SANITIZED:
        skip("a sanitizer maps more than any limit")
    settings = SMALL + ["--width", "16", "--rounds", "1"]
    whole = whole_run(work, settings)
    done = 0
    for i, mebibytes in enumerate([60, 120, 200, 300, 400, 600, 1000, 4000]):
        out = work / f"out{i}"
        print(mebibytes, "MiB")
        program = train(out, settings, [(resource.RLIMIT_AS, mebibytes << 20)])
        if program.returncode == 0:
            expect_same(program, out, whole)
            done += 1
        elif program.returncode == 127:
            expect_message(program, [127], "shared librar")  # the loader's
        else:
            expect_message(program, [2, 3, 4])
    if done == 0:
        fail("4 GiB are enough")


def small_stack(work):
    """Threads have the stack they need; where the program itself has not, it says so."""
    if SANITIZED:
        skip("a sanitizer needs more of the stack")
    whole = whole_run(work)
    for kibibytes in (64, 100):
        soft = train(work / f"soft{kibibytes}", SMALL, [(resource.RLIMIT_STACK, kibibytes << 10)])
        expect_same(soft, work / f"soft{kibibytes}", whole)
        out = work / f"hard{kibibytes}"
        hard = train(out, SMALL, prefix=["bash", "-c", f'ulimit -s {kibibytes}; exec "$@"', "bash"])
        expect_message(hard, [3], "ulimit -s", "128 KiB")
        if out.exists():
            fail("a refused run leaves nothing")
    team = SMALL + ["--set", "threads_per_worker=2"]
    out = work / "team"
    expect_same(train(out, team, env={**os.environ, "OMP_STACKSIZE": "16k"}), out, whole)
    out = work / "enough"
    expect_same(train(out, SMALL, prefix=["bash", "-c", 'ulimit -s 128; exec "$@"', "bash"]), out, whole)


def file_size(work):
    """At every size the file that is too large is named, and what is there can be resumed."""
    whole = whole_run(work)
    # ThreadSanitizer writes a file of 512 KiB before the program begins.
    for i, kibibytes in enumerate([600, 4000] if THREAD_SANITIZED else [0, 1, 4, 40, 100, 4000]):
        out = work / f"out{i}"
        program = train(out, SMALL, [(resource.RLIMIT_FSIZE, kibibytes << 10)])
        if program.returncode == 0:
            expect_same(program, out, whole)
        else:
            expect_message(program, [3, 4], str(out))
    expect_same(program, out, whole)


def open_files(work):
    if SANITIZED:
        skip("a sanitizer needs a pipe to look at an object's type")
    whole = whole_run(work)
    done = 0
    for limit in range(3, 20):
        out = work / f"out{limit}"
        program = train(out, SMALL, [(resource.RLIMIT_NOFILE, limit)])
        if program.returncode == 0:
            expect_same(program, out, whole)
            done += 1
        elif program.returncode == 127:
            expect_message(program, [127], "shared librar")
        else:
            expect_message(program, [3, 4])
    if done == 0:
        fail("19 open files are enough")


def full_disk(work):
    """What was saved goes on when there is room."""
    disk = work / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", disk], capture_output=True, text=True,
                             check=False)
    if mounted.returncode != 0:
        skip(f"no small disk: {mounted.stderr.strip()}")
    try:
        settings = SMALL + ["--rounds", "30", "--workers", "2", "--checkpoint-every", "1"]
        whole = whole_run(work, settings)
        out = disk / "out"
        (disk / "other").write_bytes(b"x" * 600_000)
        program = train(out, settings)
        expect_message(program, [4], "No space left on device", str(out))
        (disk / "other").unlink()
        subprocess.run(["mount", "-o", "remount,size=40m", disk], check=True)
        program = subprocess.run([mvsgd, "train", "--resume", out, "--quiet"], capture_output=True, text=True,
                                 timeout=SECONDS, check=False)
        expect_same(program, out, whole)
    finally:
        subprocess.run(["umount", disk], check=True)


def with_deadline(work, settings):
    """Settings in which the deadline is a second: by name threads refuse it, but a run's own file has every key."""
    config = work / "config.toml"
    config.write_text("deadline = 1\n[environment]\n")
    return [*settings, "--config", config]


def is_stopped_and_goes_on(out, settings):
    """Whether it was stopped before its end; if so it has gone on to it."""
    with subprocess.Popen([mvsgd, "train", *settings, "--out", out], stderr=subprocess.PIPE, text=True) as program:
        begun = time.monotonic()
        while not (out / "metrics.jsonl").exists() or not (out / "metrics.jsonl").read_text():
            if time.monotonic() - begun > SECONDS:
                program.kill()
                fail("no first round")
            time.sleep(0.01)
        program.send_signal(signal.SIGSTOP)
        time.sleep(3)
        in_time = program.poll() is None and not has_ended(out)
        program.send_signal(signal.SIGCONT)
        try:
            _, said = program.communicate(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            program.kill()
            fail("it does not go on")
        if program.returncode != 0:
            fail(f"exit {program.returncode}: {said}")
        return in_time


def stopped(work):
    """For longer than the deadline, in a round: the same digest, with more workers than slots."""
    rounds = 12
    for attempt in range(5):
        settings = with_deadline(work, SMALL + ["--workers", "30", "--slots", "1", "--rounds", str(rounds)])
        out = work / f"out{attempt}"
        if is_stopped_and_goes_on(out, settings):
            if digest(out) != whole_run(work, settings):
                fail("another digest")
            return
        rounds *= 4  # it had ended before: a fast processor, or this program was not run
    fail("it was never stopped in time")


def queued(work):
    """30 workers on one slot, which take longer than the deadline: nobody is late."""
    images = 960
    for attempt in range(4):
        settings = SMALL + ["--workers", "30", "--slots", "1", "--rounds", "1", "--width", "8", "--batch",
                            str(images // 30), "--synthetic-train", str(images)]
        begun = time.monotonic()
        program = train(work / f"out{attempt}", with_deadline(work, settings))
        if program.returncode != 0:
            fail("it is to end well", program)
        if time.monotonic() - begun > 1.5:
            return
        images *= 4  # for a processor so fast
    fail("the deadline was not reached")


def closed_output(work):
    """Any of the three closed, or where nothing can be written: the run is what it is."""
    settings = [word for word in SMALL if word != "--quiet"]
    whole = whole_run(work)
    for i, redirection in enumerate([">&-", "<&-", "2>&-", "<&- >&- 2>&-", ">/dev/full", "2>/dev/full", "| true"]):
        out = work / f"out{i}"
        command = " ".join(map(str, [mvsgd, "train", *settings, "--out", out]))
        program = subprocess.run(["bash", "-o", "pipefail", "-c", f"{command} {redirection}"], capture_output=True,
                                 text=True, timeout=SECONDS, check=False)
        print(redirection, program.returncode)
        expect_same(program, out, whole)
        for name in ["ledger.csv", "metrics.jsonl"]:
            there, here = ((work / "whole" / name).read_text(), (out / name).read_text())
            if name == "ledger.csv" and there != here:
                fail(f"{redirection}: another ledger")
            if len(there.splitlines()) != len(here.splitlines()):
                fail(f"{redirection}: other metrics")


def diverging(work):
    """A worker that ends takes the others along, and is the one that is named."""
    program = train(work / "out", SMALL + ["--local-steps", "8", "--learning-rate", "1e6", "--workers", "30",
                                           "--slots", "1"])
    expect_message(program, [4], "round ", "worker ", "learning rate")


CASES = {case.__name__: case for case in (threads, no_thread, openmp, openmp_threads, binding, memory, small_stack,
                                          file_size, open_files, full_disk, stopped, queued, closed_output, diverging)}

with tempfile.TemporaryDirectory() as directory:
    CASES[sys.argv[2]](pathlib.Path(directory))
