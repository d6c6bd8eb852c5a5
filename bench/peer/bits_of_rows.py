"""The paper's bits, their entropy and ours, for the rows of Table 1, from real rounds.

    bits_of_rows.py MVSGD DATA OUT [--width W] [--workers N] [--batch B] [--warm R] [--rounds R] [--recorded R]
                    [--rows ROW,...] [--set KEY=VALUE ...]

MVSGD is the program, DATA the directory of CIFAR-10 or `synthetic`. One `dense` run of --warm rounds (the warm-up of
`--scale cpu` has 396) gives the model with which every row begins. A row then trains --rounds sparse rounds twice, once
in the paper's codes and once in the codes of the presets named -min, which must end with the same digest. The table has
means over the workers and the last --recorded rounds: positions and values as the paper counts them, a worker's share
of a round, from both ledgers. The dumps of a row with 4-bit values, OUT/ROW/paper-wire and OUT/ROW/ours-wire, are what
message_entropy.py compares with other coders. The entropy is of the messages themselves, decoded from the first dump by
comm/README.md alone:

    vote   log2 C(K, r) C(d - K, r), r of the K being new; the first one, and top-K's where that is less, log2 C(d, K)
    add    log2 C(d - K, k)          drop   log2 C(K, k)          mask   log2 C(d, K)
    codes  signs, and levels given whether the worker itself voted for the coordinate
    float  32 bits

A finished run in OUT is not run again.
"""

import argparse
import csv
import json
import pathlib
import subprocess
import sys

import message_entropy as wire

ROWS = ("sm top-k ssgd-mv ssgd-mv-l2 ssgd-mv-l4 ssgd-mv-l8 ssgd-mv-l8-q ssgd-mv-rs-l4 ssgd-mv-rs-l8 ssgd-mv-ad "
        "ssgd-mv-ad-l2 ssgd-mv-ad-l4 ssgd-mv-ad-l4-q ssgd-mv-ad-l8 ssgd-mv-ad-l8-q").split()
UP = ("vote", "add", "drop", "update")


def codes_of(row):
    """The settings of a -min preset of this row."""
    settings = ["position_codec=rans"]
    settings += ["add_codec=rank", "drop_codec=rank"] if "-ad" in row else ["vote_codec=delta"]
    return settings + (["value_codec=entropy"] if row.endswith("-q") else [])


def train(program, out, preset, settings, dump=None):
    """Trains unless it is done. Returns the last line of metrics.jsonl."""
    metrics = out / "metrics.jsonl"
    if not metrics.exists() or '"end":true' not in metrics.read_text().splitlines()[-1]:
        command = [program, "train", "--preset", preset, "--out", out, "-q", "--slots", "1"]
        for setting in settings:
            command += ["--set", setting]
        if dump:
            command += ["--dump-wire", dump[0], "--dump-rounds", ",".join(map(str, dump[1]))]
        subprocess.run([str(word) for word in command], check=True)
    return json.loads(metrics.read_text().splitlines()[-1])


def ledger_bits(run, rounds):
    """Positions and values of a worker and round, up and down: means."""
    sums, workers = {"up": 0, "down": 0}, set()
    with open(run / "ledger.csv", newline="") as file:
        for line in csv.DictReader(file):
            workers.add(line["worker"])
            if int(line["round"]) in rounds and line["field"] in ("positions", "values"):
                sums[line["direction"]] += int(line["bits"])
    return {way: bits / len(workers) / len(rounds) for way, bits in sums.items()}


class Entropy:
    """Sums the entropy of a dump's messages, and follows what each worker votes for."""

    def __init__(self, dump):
        self.dump, self.votes, self.masks = dump, {}, {}

    def message(self, t, kind, worker):
        path = self.dump / f"round-{t}-{'up' if kind in UP else 'down'}-{kind}-worker-{worker}.bin"
        return wire.read(path) if path.exists() else None

    def positions_up(self, t, worker):
        bits = 0
        last = self.votes.get(worker)
        if vote := self.message(t, "vote", worker):
            members = wire.positions(vote)
            d, k = vote["d"], len(members)
            bits = wire.log2_choices(d, k)
            if last is not None:
                r = len(set(members) - set(last))
                bits = min(bits, wire.log2_choices(k, r) + wire.log2_choices(d - k, r))
            self.votes[worker] = members
        elif add := self.message(t, "add", worker):
            drop = self.message(t, "drop", worker)
            d, k = add["d"], len(last)
            added, dropped = wire.positions(add), wire.positions(drop)
            bits = wire.log2_choices(d - k, len(added)) + wire.log2_choices(k, len(dropped))
            self.votes[worker] = sorted(set(last) - set(dropped) | set(added))
        return bits

    def values_up(self, t, worker, mask):
        update = self.message(t, "update", worker)
        if update["q"] == 32:
            return 32 * update["count"]
        levels, q = ([], []), update["q"]
        vote, codes = set(self.votes.get(worker, ())), wire.codes(update)
        for i, code in zip(mask, codes):
            levels[i in vote].append(code % 2**(q - 1))
        return wire.entropy([code >> (q - 1) for code in codes]) + sum(map(wire.entropy, levels))

    def round(self, t, workers, is_recorded):
        """Up, a mean over the workers, and down."""
        up = sum(self.positions_up(t, n) for n in range(workers))
        if not is_recorded:
            return None
        mask = self.message(t, "mask", 0)
        members = wire.positions(mask)
        up += sum(self.values_up(t, n, members) for n in range(workers))
        down = wire.log2_choices(mask["d"], len(members)) + 32 * len(members)
        return up / workers, down


def row_of(program, out, row, settings, rounds, recorded):
    wanted = range(1, rounds + 1)
    last = range(rounds - recorded + 1, rounds + 1)
    dump = out / row / "paper-wire"
    plain = train(program, out / row / "paper", row, settings, (dump, wanted))
    coded = train(program, out / row / "ours", row, settings + codes_of(row), (out / row / "ours-wire", last))
    if plain["theta_sha256"] != coded["theta_sha256"]:
        sys.exit(f"{row}: the codes change the digest")
    files = list(dump.glob("round-1-up-*-worker-*.bin"))
    workers = 1 + max(int(path.stem.split("-")[-1]) for path in files)
    entropy = Entropy(dump)
    sums = [0.0, 0.0]
    for t in wanted:
        if of_round := entropy.round(t, workers, t in last):
            sums = [a + b / recorded for a, b in zip(sums, of_round)]
    d = wire.read(files[0])["d"]
    return d, ledger_bits(out / row / "paper", last), dict(zip(("up", "down"), sums)), ledger_bits(
        out / row / "ours", last)


def table_line(row, d, paper, entropy, ours):
    steps = int(row.split("-l")[1].split("-")[0]) if "-l" in row else 1
    cells = [f"`{row}`"]
    for way in ("up", "down"):
        cells += [f"{paper[way]:,.0f}", f"{entropy[way]:,.0f}", f"{ours[way]:,.0f}", f"{ours[way] / entropy[way]:.3f}"]
    cells += [f"x{32 * d * steps / bits['up']:,.0f}" for bits in (paper, ours)]
    cells += [f"x{64 * d * steps / (bits['up'] + bits['down']):,.0f}" for bits in (paper, ours)]
    return "| " + " | ".join(cells) + " |"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program", type=pathlib.Path)
    parser.add_argument("data")
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--width", type=int, default=8)
    parser.add_argument("--workers", type=int, default=10)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--warm", type=int, default=396)
    parser.add_argument("--rounds", type=int, default=24)
    parser.add_argument("--recorded", type=int, default=8)
    parser.add_argument("--rows", default=",".join(ROWS))
    parser.add_argument("--set", action="append", default=[])
    given = parser.parse_args()
    given.program = given.program.resolve()
    common = [f"data={given.data}", f"width={given.width}", f"workers={given.workers}", f"batch={given.batch}",
              "epochs=76", "learning_rate=0.2", "eval_every=76", "ledger_rows=worker", *given.set]
    train(given.program, given.out / "warm", "dense", [*common, f"rounds={given.warm}"])
    model = given.out / "warm" / "model.safetensors"
    settings = [*common, f"rounds={given.rounds}", "warmup_epochs=0", f"init={model}"]
    print("| row | up: the paper's | its entropy | ours | of the entropy | down: the paper's | its entropy | ours | "
          "of the entropy | rate up: the paper's | ours | both ways: the paper's | ours |")
    print("|---|" + "---:|" * 12)
    for row in given.rows.split(","):
        if row == "sm":
            print("| `sm` |" + " |" * 12, flush=True)
            continue
        numbers = row_of(given.program, given.out, row, settings, given.rounds, given.recorded)
        print(table_line(row, *numbers), flush=True)


if __name__ == "__main__":
    main()
