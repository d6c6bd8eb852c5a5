#!/usr/bin/env python3
"""Runs on ranks of MPI are the runs of threads, to the byte; and whatever goes wrong ends all of them.

usage: ranks.py MVSGD MPIEXEC CASE [ARGUMENT...]

MPIEXEC starts programs of the MPI that MVSGD was built with. Each wait has an end: what hangs is killed
and is a failure.
"""

import os
import random
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from leave import ask_for_leave

mvsgd, mpiexec, case, *arguments = sys.argv[1:]
work = Path(tempfile.mkdtemp())
PATIENCE = 120  # seconds for a run of a second or two, on a machine that does much else

ask_for_leave()
info = subprocess.run([mvsgd, "info"], capture_output=True, text=True, check=True).stdout
is_open_mpi = "mpi (Open MPI" in info
# Its launcher passes no word on once it has been told to end, and leaves a quarter of a second.
is_open_mpi_5 = "mpi (Open MPI v5" in info

SMALL = """--width 2 --batch 2 --synthetic-train 40 --synthetic-test 8 --epochs 40 --eval-every 4 --slots 1 --rounds 12
           --warmup-epochs 2 --backend reference""".split()


class Failure(Exception):
    pass


def expect(is_true, text, log=""):
    if not is_true:
        raise Failure(f"{text}\n{log}")


def presets():
    listed = subprocess.run([mvsgd, "presets"], capture_output=True, text=True, check=True).stdout
    names = [line.split()[0] for line in listed.splitlines() if re.match("[a-z]", line)]
    return [name for name in names if not name.endswith("sm")]


def workers_of(preset):
    text = subprocess.run([mvsgd, "presets", preset], capture_output=True, text=True, check=True).stdout
    return int(re.search(r"^workers = (\d+)", text, re.MULTILINE)[1])


def on_threads(*options):
    return [mvsgd, "train", *map(str, options)]


def on_ranks(ranks, *options):
    return [mpiexec, "-n", str(ranks), mvsgd, "train", "--transport", "mpi", *map(str, options)]


def processes_of(text):
    """The processes of the program that have `text` among their arguments: number and environment."""
    found = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")
            if words[0] == mvsgd and any(text in word for word in words):
                found[int(entry.name)] = (entry / "environ").read_bytes()
        except OSError:
            continue
    return found


def start(command):
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                            text=True, start_new_session=True)


def end_of(program, patience=PATIENCE):
    """(exit code, what it has said); what does not end is killed, and a failure."""
    try:
        said, _ = program.communicate(timeout=patience)
    except subprocess.TimeoutExpired:
        os.killpg(program.pid, signal.SIGKILL)
        for pid in processes_of(str(work)):
            os.kill(pid, signal.SIGKILL)
        raise Failure(f"no end after {patience} s: {program.args}") from None
    return program.returncode, said


def run(command):
    return end_of(start(command))


def good(command):
    code, said = run(command)
    expect(code == 0, f"exit {code}: {command}", said)
    return said


def files_of(directory):
    """What must be the same of two runs: all but times."""
    metrics = re.sub(r',"(seconds|files)":.*', "", (directory / "metrics.jsonl").read_text())
    digest = re.findall(r'"end":true,"theta_sha256":"(\w+)"', (directory / "metrics.jsonl").read_text())
    expect(len(digest) == 1, f"{directory} has no digest")
    return {"ledger.csv": (directory / "ledger.csv").read_bytes(), "metrics.jsonl": metrics, "digest": digest,
            "model.safetensors": (directory / "model.safetensors").read_bytes()}


def expect_same(directory, whole, what):
    for name, bytes_there in files_of(directory).items():
        expect(bytes_there == whole[name], f"{what}: another {name}")


def settings_of(preset):
    return ["--preset", preset, *SMALL]


def whole_run(preset, *more):
    directory = work / "threads"
    good(on_threads(*settings_of(preset), *more, "--quiet", "--out", directory))
    whole = files_of(directory)
    shutil.rmtree(directory)
    return whole


# A worker's velocity, cleared where values were sent, and stairs of two rounds each: rounds 3 and 4 are on one stair,
# 6 and 7 on two, 9 has the share phi.
MODERN = "--momentum 0.9 --momentum-correction true --phi-warmup stairs --warmup-epochs 5 --learning-rate 0.1"

# Each codec that a preset does not have; of some the server keeps votes of workers that are elsewhere.
CODECS = (
    ("ssgd-mv-l4", "--position-codec elias-fano"),
    ("ssgd-mv-l4", "--position-codec rice --vote-codec delta --mask-codec delta"),
    ("ssgd-mv-rs-l4", "--position-codec radix --vote-codec delta"),
    ("ssgd-mv-ad-l4-q", "--position-codec entropy --value-codec entropy"),
    ("ssgd-mv-ad-l4-q", "--position-codec rans --add-codec rank --drop-codec rank"),
    ("ssgd-mv-ad-l4", "--check-votes true --ledger-rows round"),
    ("top-k", "--vote-codec delta"),
    ("ssgd-mv-l8-q", "--value-bits 1 --quantizer scaled-sign"),
    ("ssgd-mv-l4", f"{MODERN} --vote-codec delta --mask-codec delta"),
    ("ssgd-mv-ad-l4-q", f"{MODERN} --value-codec entropy --position-codec rans"),
    ("ssgd-mv-rs-l4", "--momentum 0.9 --nesterov true --learning-rate 0.1"),
)
# Workers that sum without the server, each on every number of ranks: between two of one process, of two, of the first
# and another. And those that are absent.
REDUCED = (
    ("ssgd-mv-l4", "--aggregate reduce"),
    ("ssgd-mv-ad-l4-q", "--aggregate reduce --participation 4 --mask-codec delta"),
    ("dense", "--aggregate reduce"),
)


def same_run():
    """Every preset on some number of ranks, one of each kind on all; `same_run all`: each on all. Then codecs."""
    counts = (1, 2, 5, 11)
    for i, (preset, options) in enumerate(CODECS):
        settings = [*settings_of(preset), *options.split()]
        whole = whole_run(preset, *options.split())
        ranks, directory = (2, 5, 11)[i % 3], work / "codecs"
        good(on_ranks(ranks, *settings, "--quiet", "--out", directory))
        expect_same(directory, whole, f"{preset} {options} on {ranks} ranks")
        shutil.rmtree(directory)
        print(f"{preset} {options}: {ranks} ranks as threads", flush=True)
    for i, preset in enumerate(presets()):
        whole = whole_run(preset)
        every = arguments == ["all"] or preset in ("ssgd-mv-ad-l4-q",)
        for ranks in counts if every else (counts[i % 4],):
            directory = work / f"{preset}-{ranks}"
            ranks = min(ranks, workers_of(preset) + 1)
            good(on_ranks(ranks, *settings_of(preset), "--quiet", "--out", directory))
            expect_same(directory, whole, f"{preset} on {ranks} ranks")
            shutil.rmtree(directory)
            print(f"{preset}: {ranks} ranks as threads", flush=True)


def reduced():
    """Runs without the server's sum: any number of ranks gives what threads give."""
    for preset, options in REDUCED:
        whole = whole_run(preset, *options.split())
        expect(b",across,gather,values," in whole["ledger.csv"], f"{preset} {options}: nothing has gone around")
        for ranks in (1, 2, 3, 5, 11):
            directory = work / "reduced"
            good(on_ranks(ranks, *settings_of(preset), *options.split(), "--quiet", "--out", directory))
            expect_same(directory, whole, f"{preset} {options} on {ranks} ranks")
            shutil.rmtree(directory)
            print(f"{preset} {options}: {ranks} ranks as threads", flush=True)


def moved():
    """Begun on threads, gone on with on ranks, on others, and ended on threads; and the other way round."""
    for preset, more in (("ssgd-mv-ad-l4-q", ""), ("top-k", ""), ("ssgd-mv-ad-l4-q", MODERN),
                         ("ssgd-mv-l4", f"{MODERN} --vote-codec delta"),
                         ("ssgd-mv-ad-l4-q", "--aggregate reduce")):
        whole = whole_run(preset, *more.split(), "--checkpoint-every", 1)
        for order in ((None, 2, 5, None), (11, None, 3)):
            directory = work / "moved"
            for i, ranks in enumerate(order):
                rounds = 12 if i == len(order) - 1 else 3 * (i + 1)
                what = (["--resume", directory] if i else
                        [*settings_of(preset), *more.split(), "--checkpoint-every", 1, "--out", directory])
                options = [*what, "--rounds", rounds, "--quiet"]
                good(on_threads(*options) if ranks is None else on_ranks(ranks, *options, "--deadline", 100))
            expect_same(directory, whole, f"{preset} {more} on {order}")
            shutil.rmtree(directory)
            print(f"{preset} {more}: {order}", flush=True)


def wait_for_round(directory, program, rounds):
    begun = time.monotonic()
    metrics = directory / "metrics.jsonl"
    while not (metrics.exists() and metrics.read_bytes().count(b"\n") >= rounds):
        expect(program.poll() is None, f"it ended before round {rounds}", program.stdout.read() if program.poll() else "")
        expect(time.monotonic() - begun < PATIENCE, f"no round {rounds}")
        time.sleep(0.02)


# Many rounds, so that what is sent comes in one.
LONG = ["--epochs", 4000, "--rounds", 3000, "--eval-every", 1000, "--warmup-epochs", 20]


def ranks_of(directory):
    """The processes of the run, by rank."""
    found = {}
    for pid, variables in processes_of(str(directory)).items():
        if match := re.search(rb"(?:^|\0)(?:OMPI_COMM_WORLD_RANK|PMI_RANK)=(\d+)", variables):
            found[int(match[1])] = pid
    return found


def wait_for_ends(directory):
    """The ranks of the run that are there after 5 s more."""
    begun = time.monotonic()
    while ranks_of(directory) and time.monotonic() - begun < 5:
        time.sleep(0.02)
    return sorted(ranks_of(directory))


def rest_of(directory, whole, what):
    """Goes on to the end of the whole run."""
    rounds = whole["metrics.jsonl"].count('"round":')
    good(on_threads("--resume", directory, "--rounds", rounds, "--quiet"))
    expect_same(directory, whole, what)


def interrupted():
    """A signal to the launcher, and to a rank: the last whole round is saved, and the run goes on from there."""
    modern = "modern-mv-ad-l4-q"  # on the first of its stairs
    for preset, more, signal_sent, to_rank in (
            ("ssgd-mv-ad-l4-q", [], signal.SIGTERM, None), (modern, [], signal.SIGINT, None),
            (modern, [], signal.SIGTERM, 2), ("ssgd-mv-l4", ["--aggregate", "reduce"], signal.SIGTERM, None),
            (modern, [], signal.SIGUSR1, None)):
        directory = work / "interrupted"
        settings = [*settings_of(preset), *more, *LONG]
        program = start(on_ranks(5, *settings, "--checkpoint-every", 0, "--out", directory))
        wait_for_round(directory, program, 4)
        begun = time.monotonic()
        if to_rank is None:
            program.send_signal(signal_sent)
        else:
            os.kill(ranks_of(directory)[to_rank], signal_sent)
        code, said = end_of(program)
        seconds = time.monotonic() - begun
        # Open MPI's launcher says 1 of any end that it was told to make.
        ends_all = is_open_mpi and to_rank is None and signal_sent != signal.SIGUSR1
        expect(code == 5 or (ends_all and code == 1), f"exit {code}", said)
        checkpoints = sorted(path.name for path in (directory / "checkpoint").iterdir())
        expect(len(checkpoints) == 1, f"checkpoints {checkpoints}", said)
        rounds = int(checkpoints[0].removeprefix("round-"))
        expect(f"interrupted after round {rounds} of" in said or (is_open_mpi_5 and ends_all),
               f"no word of the interrupt after round {rounds}", said)
        whole = work / "whole"
        good(on_threads(*settings, "--rounds", rounds + 5, "--quiet", "--out", whole))
        rest_of(directory, files_of(whole), f"{signal_sent.name} after round {rounds}")
        shutil.rmtree(directory)
        shutil.rmtree(whole)
        print(f"{signal_sent.name} to {'the launcher' if to_rank is None else f'rank {to_rank}'}: saved round {rounds}, "
              f"ended after {seconds:.1f} s", flush=True)


def killed():
    """SIGKILL of a rank, five times (or as often as said) at a random moment: all end, and the run goes on."""
    draw = random.Random(20201111)
    names = presets()
    for i in range(int(arguments[0]) if arguments else 5):
        # In the first the others wait for each other, and not for the server alone.
        preset, more = (draw.choice(names), []) if i else ("ssgd-mv-ad-l4", ["--aggregate", "reduce"])
        directory = work / "killed"
        ranks = min(draw.choice((2, 5, 11)), workers_of(preset) + 1)
        settings = [*settings_of(preset), *more, *LONG, "--checkpoint-every", 1]
        program = start(on_ranks(ranks, *settings, "--out", directory))
        wait_for_round(directory, program, 2)
        time.sleep(draw.random())
        victim = draw.randrange(ranks)
        begun = time.monotonic()
        os.kill(ranks_of(directory)[victim], signal.SIGKILL)
        code, said = end_of(program, 30)  # seconds at most; without a word of the end, the deadline of an hour
        expect(code != 0, "exit 0", said)
        # Whom the launcher has killed it does not wait for, and on a busy machine its turn to die comes later.
        left = wait_for_ends(directory)
        seconds = time.monotonic() - begun
        expect(not left, f"ranks {left} are there {seconds:.1f} s after the kill", said)
        # MPICH's launcher kills all at once, and nobody has a word.
        if is_open_mpi and victim > 0:
            gone = re.search(rf"after round \d+ of \d+: .*process {victim} of {ranks} on \S+ with workers? \d.* is gone", said)
            expect(gone, "no word of who is gone, with which workers, and when", said)
            print(gone[0])
        rounds = (directory / "metrics.jsonl").read_bytes().count(b"\n") + 3
        whole = work / "whole"
        good(on_threads(*settings, "--rounds", rounds, "--quiet", "--out", whole))
        rest_of(directory, files_of(whole), f"{preset}, rank {victim} of {ranks} killed")
        shutil.rmtree(directory)
        shutil.rmtree(whole)
        print(f"{preset}: rank {victim} of {ranks} killed: all ended after {seconds:.1f} s, exit {code}", flush=True)


def diverges():
    """A worker that throws ends all, with the message and the exit code that threads have."""
    options = [*settings_of("ssgd-mv"), "--learning-rate", 1000000, "--quiet"]
    code, said = run(on_threads(*options, "--out", work / "threads"))
    expect(code == 4, f"threads: exit {code}", said)
    message = said.strip().removeprefix("mvsgd: ")
    for ranks in (2, 11):
        begun = time.monotonic()
        code, said = run(on_ranks(ranks, *options, "--out", work / f"ranks-{ranks}"))
        expect(code == 4, f"{ranks} ranks: exit {code}", said)
        expect(message in said, f"{ranks} ranks: not '{message}'", said)
        print(f"{ranks} ranks: {time.monotonic() - begun:.1f} s: {message}", flush=True)


def together(*parts):
    """Several commands as one job: (ranks, program, options). The ranks choose: Debian 13's launcher, of
    Open MPI 5.0.7, wants one program for all."""
    choice, ranks = "case ${OMPI_COMM_WORLD_RANK:-$PMI_RANK} in\n", 0
    for count, program, options in parts:
        numbers = "|".join(map(str, range(ranks, ranks + count)))
        words = [program, "train", "--transport", "mpi", *map(str, options)]
        choice += f"{numbers}) exec {shlex.join(words)} ;;\n"
        ranks += count
    return [mpiexec, "-n", str(ranks), "sh", "-c", choice + "esac"]


def cifar10_in(directory, pixel):
    """Files of CIFAR-10's size and names, which are all one, of images of one grey."""
    directory.mkdir()
    first, *others = (f"data_batch_{i}.bin" for i in range(1, 6))
    (directory / first).write_bytes(b"".join(bytes([label]) + bytes([pixel]) * 3072 for label in range(10)) * 1000)
    for name in (*others, "test_batch.bin"):
        (directory / name).symlink_to(first)
    return directory


def refused():
    """What cannot be one run is refused before the first round, with the process and what is wrong."""
    preset, out = settings_of("ssgd-mv"), ["--quiet", "--out", work / "refused"]
    other = work / "mvsgd"
    other.write_bytes(Path(mvsgd).read_bytes() + b"\0")
    other.chmod(0o755)
    bare = ["--preset", "ssgd-mv", "--width", 2, "--batch", 2, "--rounds", 2]
    cases = [
        (on_ranks(12, *preset, *out), 2, r"12 processes: workers = 10 and the server are 11 ranks"),
        (on_ranks(2, "--preset", "sm", "--width", 2, *out), 2, r"its worker trains alone, and 2 processes"),
        (on_ranks(2, *preset, *out, "--dump-wire", work / "dump"), 2, r"--dump-wire: of one process alone"),
        (together((1, mvsgd, [*preset, *out]), (1, mvsgd, [*preset, *out]), (1, mvsgd, [*preset, *out, "--seed", 7])),
         2, r"process 2 of 3 on \S+: seed = 7 there, 1 in process 0"),
        (together((2, mvsgd, [*preset, *out]), (1, str(other), [*preset, *out])),
         3, r"process 2 of 3 on \S+: program_sha256 = \w+ there, \w+ in process 0"),
        (together((1, mvsgd, [*bare, *out]), (1, mvsgd, [*bare, *out, "--data", work / "nowhere"])),
         3, r"process 1 of 2 on \S+: .*nowhere"),
        (together((1, mvsgd, [*bare, *out, "--data", cifar10_in(work / "grey", 100)]),
                  (1, mvsgd, [*bare, *out, "--data", cifar10_in(work / "paler", 101)])),
         3, r"process 1 of 2 on \S+: data_sha256 = \w+ there, \w+ in process 0"),
        (together((1, mvsgd, [*preset, *out]), (1, mvsgd, [*preset, *out, "--synthetic-train", 60])),
         2, r"process 1 of 2 on \S+: synthetic_train = 60 there, 40 in process 0"),
        ([mpiexec, "-n", "3", mvsgd, "train", *preset, *map(str, out)], 2,
         r"a launcher has started 3 processes, .* --transport mpi"),
    ]
    for command, want, message in cases:
        code, said = run(command)
        expect(code == want, f"exit {code}, not {want}: {command}", said)
        expect(re.search(message, said), f"not '{message}'", said)
        expect(not (work / "refused").exists(), "the run has begun", said)
        print(re.search(message, said)[0], flush=True)
    # Two runs in one directory.
    directory = work / "two"
    first = start(on_ranks(2, *preset, *LONG, "--out", directory))
    wait_for_round(directory, first, 2)
    code, said = run(on_ranks(2, "--resume", directory, "--quiet"))
    first.terminate()
    end_of(first)
    expect(code in (3, 4) and str(directory) in said, f"exit {code} of a second server", said)
    print(f"two servers: {said.strip().splitlines()[0]}", flush=True)


def launched():
    """By SLURM's srun, as far as the environment tells: processes that have found each other are one run, though no
    variable of their MPI's own launcher is there; those that have not are refused."""
    preset = settings_of("ssgd-mv")
    out = ["--quiet", "--out", work / "launched"]
    alone = ["env", "SLURM_STEP_NUM_TASKS=3"]
    for transport, want, message in (("mpi", 3, r"started 3 processes and .* knows of 1"),
                                     ("threads", 2, r"a launcher has started 3 processes, .* --transport mpi")):
        code, said = run([*alone, mvsgd, "train", "--transport", transport, *preset, *map(str, out)])
        expect(code == want, f"exit {code}, not {want}, with --transport {transport}", said)
        expect(re.search(message, said), f"not '{message}'", said)
        expect(not (work / "launched").exists(), "the run has begun", said)
        print(re.search(message, said)[0], flush=True)
    if not is_open_mpi:  # MPICH finds its processes by the variable that says how many they are
        return
    whole = whole_run("ssgd-mv")
    good([mpiexec, "-n", "3", "env", "-u", "OMPI_COMM_WORLD_SIZE", mvsgd, "train", "--transport", "mpi", *preset,
          *map(str, out)])
    expect_same(work / "launched", whole, "3 ranks of an unknown launcher")
    print("3 ranks of an unknown launcher as threads", flush=True)


def cpu_seconds(pid):
    """Of all its threads."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9


def waiting():
    """While one rank is stopped, the others wait for it, with less than 2 % of a core each.

    In the least of some windows: beside other work a look finds nothing in the caches, and takes twice as long."""
    directory = work / "waiting"
    program = start(on_ranks(3, *settings_of("ssgd-mv"), *LONG, "--out", directory))
    wait_for_round(directory, program, 3)
    ranks = ranks_of(directory)
    os.kill(ranks[1], signal.SIGSTOP)
    time.sleep(4)  # what they had to compute is done
    shares = {0: 1, 2: 1}
    for _ in range(12):
        before, begun = {rank: cpu_seconds(ranks[rank]) for rank in (0, 2)}, time.monotonic()
        time.sleep(2)
        for rank in (0, 2):
            share = (cpu_seconds(ranks[rank]) - before[rank]) / (time.monotonic() - begun)
            shares[rank] = min(shares[rank], share)
        if max(shares.values()) < 0.02:
            break
    os.kill(ranks[1], signal.SIGCONT)
    rounds = (directory / "metrics.jsonl").read_bytes().count(b"\n")
    wait_for_round(directory, program, rounds + 2)
    program.terminate()
    end_of(program)
    for rank, share in shares.items():
        print(f"rank {rank}: {100 * share:.2f} % of a core while it waits")
        expect(share < 0.02, f"rank {rank} uses {100 * share:.2f} % of a core while it waits")


try:
    {"same_run": same_run, "reduced": reduced, "moved": moved, "interrupted": interrupted, "killed": killed, "diverges": diverges,
     "refused": refused, "launched": launched, "waiting": waiting}[case]()
except Failure as failure:
    sys.exit(f"{case}: {failure}")
finally:
    shutil.rmtree(work, ignore_errors=True)
