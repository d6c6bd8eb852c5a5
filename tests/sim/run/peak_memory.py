"""The memory that a run says it needs is what it has resident at most, within a tenth.

usage: peak_memory.py MVSGD [NAME ...]

Three sizes and more, of every part: workers, slots, width, scheme, backend, data.
"""
import os
import re
import subprocess
import sys
import tempfile

UNITS = {"kB": 1e3, "MB": 1e6, "GB": 1e9}
# An epoch is a step, and each round but the first is evaluated beside the next one's training.
SMALL = ["--synthetic-test", "64", "--warmup-epochs", "0", "--rounds", "4", "--slots", "1"]
CASES = {
    "width16_mv": [*SMALL, "--scheme", "mv", "--width", "16", "--workers", "4", "--batch", "16",
                   "--synthetic-train", "64"],
    "width32_mv_ad_q": [*SMALL, "--scheme", "mv-ad", "--value-bits", "4", "--width", "32",
                        "--workers", "10", "--batch", "4", "--synthetic-train", "40"],
    "width64_rand_k_two_slots": [*SMALL, "--scheme", "rand-k", "--width", "64", "--workers", "2",
                                 "--slots", "2", "--batch", "4", "--synthetic-train", "8",
                                 "--synthetic-test", "16"],
    "width16_dense": [*SMALL, "--scheme", "dense", "--width", "16",
                      "--workers", "6", "--batch", "8", "--synthetic-train", "48"],
    "width16_dense_reduce": [*SMALL, "--scheme", "dense", "--aggregate", "reduce", "--width", "16",
                             "--workers", "6", "--batch", "8", "--synthetic-train", "48"],
    "many_values_reduce": [*SMALL, "--scheme", "mv", "--aggregate", "reduce", "--phi", "0.5",
                           "--width", "16", "--workers", "12", "--batch", "4",
                           "--synthetic-train", "48"],
    "reference_width8_top_k": [*SMALL, "--backend", "reference", "--scheme", "top-k",
                               "--phi", "0.1", "--width", "8", "--workers", "6", "--batch", "8",
                               "--synthetic-train", "48"],
    "many_votes_kept": [*SMALL, "--scheme", "mv", "--vote-codec", "delta", "--phi", "0.2",
                        "--width", "16", "--workers", "12", "--batch", "4",
                        "--synthetic-train", "48"],
    "width16_momentum": [*SMALL, "--scheme", "mv", "--momentum", "0.9", "--width", "16",
                         "--workers", "6", "--batch", "4", "--synthetic-train", "24"],
    "width16_stairs": ["--synthetic-test", "64", "--rounds", "6", "--slots", "1", "--epochs", "24",
                       "--warmup-epochs", "20", "--phi-warmup", "stairs", "--scheme", "mv",
                       "--width", "16", "--workers", "6", "--batch", "4",
                       "--synthetic-train", "24"],
    "data": [*SMALL, "--scheme", "mv-rs", "--width", "4", "--workers", "2", "--batch", "4",
             "--synthetic-train", "20000"],
}


def measured(mvsgd, options):
    """(bytes that the run says, bytes that it had at most)."""
    with tempfile.TemporaryDirectory() as work:
        command = [mvsgd, "train", *options, "--out", os.path.join(work, "run")]
        with open(os.path.join(work, "log"), "w+") as log:
            process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            log.seek(0)
            text = log.read()
    if process.returncode != 0:
        raise SystemExit(f"{command}: exit {process.returncode}\n{text}")
    said = re.search(r"^memory: about ([0-9.]+) ([kMG]B): .*$", text, re.MULTILINE)
    if said is None:
        raise SystemExit(f"{command}: does not say what it needs\n{text}")
    print(said.group(0))
    return float(said.group(1)) * UNITS[said.group(2)], usage.ru_maxrss * 1024


def main():
    mvsgd, *names = sys.argv[1:]
    # This process stays small: a child's peak begins with what its parent has when it is forked.
    if subprocess.run(["grep", "-qE", "__[at]san_init", mvsgd], check=False).returncode == 0:
        print("a sanitizer's own memory is resident, too")
        raise SystemExit(77)
    wrong = []
    for name in names or CASES:
        said, had = measured(mvsgd, CASES[name])
        print(f"{name}: says {said / 1e6:.1f} MB, had {had / 1e6:.1f} MB: {said / had - 1:+.1%}",
              flush=True)
        if not 0.9 <= said / had <= 1.1:
            wrong.append(name)
    if wrong:
        raise SystemExit(f"more than a tenth off: {', '.join(wrong)}")


if __name__ == "__main__":
    main()
