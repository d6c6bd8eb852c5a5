"""Reads a directory that `mvsgd train --dump-wire DIR` wrote, from comm/README.md alone (wire.py).

    python3 -B dump.py DIR              a line a message: header, bits by field, what it holds
    python3 -B dump.py DIR RUN_DIR      the same, compared with the run: its ledger, its settings, its digest

In both cases a run's messages are checked against each other: each must fit those before it.
"""

import collections
import csv
import fractions
import hashlib
import itertools
import json
import math
import pathlib
import re
import struct
import sys
import tomllib

import wire

NAME = re.compile(r"round-(\d+)-(up|down|across)-([a-z]+)-worker-(\d+)(?:-block-(\d+))?\.bin")
DOWN = {"mask", "aggregate", "model"}
ACROSS = {"reduce", "gather"}  # a kind here is followed by its block: "reduce 3"
# A round's messages in the order in which one may need another.
ORDER = ["model", "dense", "vote", "add", "drop", "mask", "update", "reduce", "gather", "aggregate", "buffers"]


class Mismatch(Exception):
    pass


def hold(true, what):
    if not true:
        raise Mismatch(what)


def float32(x):
    """x, which is exact or a sum of two float32, rounded to float32."""
    return struct.unpack("<f", struct.pack("<f", x))[0]


def way_of(kind):
    base = kind.split()[0]
    return "down" if base in DOWN else "across" if base in ACROSS else "up"


def digest(form, values):
    return hashlib.sha256(struct.pack(f"<{len(values)}{form}", *values)).hexdigest()


class Votes:
    """What each worker votes for, followed from its first vote on."""

    def __init__(self):
        self.last = {}  # by worker, increasing
        self.code = {}  # of its first vote
        self.add = {}  # the list that its drop list follows
        self.d = None

    def take(self, message, where):
        worker = message.sender
        if message.kind == "vote":
            self.last[worker] = message.positions
            self.d = message.dimension
            self.code.setdefault(worker, message.code)
        elif message.kind == "add":
            self.add[worker] = message
        elif message.kind == "drop" and worker in self.last:
            add = self.add.pop(worker)
            hold(add.count == message.count, f"{where}: adds {add.count}, drops {message.count}")
            before = self.last[worker]
            dropped = message.positions
            if message.dimension == len(before) and not message.by_layer:  # ranks
                dropped = [before[rank] for rank in dropped]
            added = add.positions
            if add.dimension == self.d - len(before) and not add.by_layer:  # ranks outside
                outside = wire.not_in(before, self.d)
                added = [outside[rank] for rank in added]
            hold(set(dropped) <= set(before), f"{where}: drops what it had not")
            hold(not set(before) & set(added), f"{where}: adds what it had")
            self.last[worker] = sorted(set(before) - set(dropped) | set(added))


def tensors(width):
    """The sizes of the network's parameter tensors in the order of the flat array."""
    sizes = [27 * width, width, width]
    before = width
    for channels in (width, 2 * width, 4 * width, 8 * width):
        for block in range(2):
            sizes += [9 * before * channels, channels, channels, 9 * channels * channels, channels, channels]
            if block == 0 and channels > width:
                sizes += [before * channels, channels, channels]
            before = channels
    return sizes + [10 * before, 10]


def layers(settings, t):
    """d_l, K_l and K_ad,l of each layer in round t; of one with all d coordinates where selection = global."""
    sizes = tensors(settings["width"])
    by_layer = settings["selection"] == "layer"
    all_of = []
    for d in sizes if by_layer else [sum(sizes)]:
        k = math.ceil(share(settings, t) * d)
        k_ad = min(k, math.ceil(fractions.Fraction(settings["phi_ad"]) * d))
        if by_layer:
            k = d if d < settings["dense_below"] else k
            k_ad = 0 if k == d else k_ad
        all_of.append((d, k, k_ad))
    return all_of


def parts(settings, t, kind, senders):
    """What a list by layer has of each layer."""
    of_list = []
    for d, k, k_ad in layers(settings, t):
        union = kind == "mask" and settings["scheme"] == "top-k"
        changes = kind in ("add", "drop")
        most = k_ad if changes else min(d, senders * k) if union else k
        of_list.append(wire.Part(size=d, most=most, sent=k < d, counted=changes or union))
    return of_list


def settings_of(run):
    with open(pathlib.Path(run) / "config.toml", "rb") as file:
        return tomllib.load(file, parse_float=fractions.Fraction)


def read(directory, run=None):
    """Every message of a dump by (round, kind, worker), how many workers it has, and what each of them
    votes for in each round, by (round, worker). Lists by layer need the run's settings."""
    settings = settings_of(run) if run else None
    names = []
    for path in pathlib.Path(directory).iterdir():
        match = NAME.fullmatch(path.name)
        hold(match, f"{path.name}: no name of a message")
        t, way, kind, worker, block = match.groups()
        hold(kind in ORDER and way == way_of(kind), f"{path.name}: no {kind} goes {way}")
        hold((way == "across") == (block is not None), f"{path.name}: no name of a message")
        names.append((int(t), ORDER.index(kind), int(worker), int(block or 0), path))
    workers = 1 + max(worker for _, _, worker, _, _ in names)
    messages = {}
    masks = {}
    followed = Votes()
    votes = {}
    for t, order, worker, block, path in sorted(names):
        kind = ORDER[order]
        known = wire.Known(mask=masks.get(max((u for u in masks if u < t), default=None)),
                           vote=followed.last.get(worker), whole_code=followed.code.get(worker))
        if settings and kind in wire.POSITIONS:
            senders = sum(u == t and k == ORDER.index("update") for u, k, *_ in names)
            known.parts = parts(settings, t, kind, senders)
        if kind == "update":
            known.marked = marks(masks.get(t), votes.get((t, worker)))
        try:
            message = wire.decode(path.read_bytes(), known)
        except wire.WireError as error:
            raise Mismatch(f"{path.name}: {error}") from error
        sender = workers if kind in DOWN else worker
        hold((message.kind, message.round, message.sender) == (kind, t, sender),
             f"{path.name} is a {message.kind} of round {message.round} from {message.sender}")
        if kind in ACROSS:
            hold(message.block_size == block, f"{path.name} is block {message.block_size}")
            messages[t, f"{kind} {block}", worker] = message
            continue
        messages[t, kind, worker] = message
        if kind == "mask":
            masks[t] = message.positions
        elif kind in ("vote", "add", "drop"):
            followed.take(message, f"round {t}, worker {worker}")
            if kind != "add" and worker in followed.last:
                votes[t, worker] = followed.last[worker]
    return messages, workers, votes


def marks(mask, vote):
    """Of each coordinate of the mask, if its worker voted for it; None if that is not known. With top-K the
    mask follows the updates, and without votes there is none."""
    if mask is None or vote is None:
        return None
    voted = set(vote)
    return [p in voted for p in mask]


def describe(message):
    m = message
    words = [m.code] if m.code != "none" else []
    words += ["by layer"] if m.by_layer else []
    words += [f"d={m.dimension}", f"count={m.count}"]
    words += [f"B={m.block_size}"] if m.block_size and m.kind not in ACROSS else []
    words += [f"q={m.value_bits}"] if m.value_bits else []
    words += [f"{field}={bits}" for field, bits in sorted(m.fields.items()) if field != "header"]
    if m.positions is not None:
        words.append("at:" + digest("I", m.positions)[:16])
    if m.values is not None:
        words.append("of:" + digest("f", m.values)[:16])
    return " ".join(words)


def summary(messages, workers):
    """A line for each message. What the server sends to all alike has one line."""
    lines = []
    firsts = {}
    for (t, kind, worker), message in messages.items():
        if kind in DOWN:
            first = firsts.setdefault((t, kind), worker)
            hold(message == messages[t, kind, first], f"round {t}: worker {worker} has another {kind}")
            if worker == first:
                lines.append(f"{t} {kind} {describe(message)}")
        else:
            lines.append(f"{t} {kind} {worker} {describe(message)}")
    return lines


def hold_mask(settings, mask, votes, t, where):
    """Checks the mask of a round against its workers' votes, in each layer if layers are chosen by
    themselves."""
    begin = 0
    for d, k, _ in layers(settings, t):
        here = range(begin, begin + d)
        of_mask = mask & set(here)
        hold(settings["scheme"] == "top-k" or len(of_mask) == k, f"{where}: {len(of_mask)} of {here}, K = {k}")
        hold_mask_of_layer(settings, of_mask, [[p for p in vote if p in here] for vote in votes], where)
        begin += d


def hold_mask_of_layer(settings, mask, votes, where):
    """The seed may have chosen between equally voted coordinates."""
    counted = collections.Counter(p for vote in votes for p in vote)
    if settings["scheme"] == "top-k":
        hold(mask == set(counted), f"{where}: the mask is not the union of the supports")
    elif settings["scheme"] == "mv-rs":
        hold(mask <= set(counted), f"{where}: a coordinate without a vote")
    elif settings["scheme"] in ("mv", "mv-ad"):
        first = sorted(counted, key=lambda p: (-counted[p], p))[:len(mask)]
        if settings["tie_break"] == "index":
            hold(mask == set(first), f"{where}: the mask is not the most voted, lower indices first")
        hold(sorted(counted[p] for p in mask) == sorted(counted[p] for p in first),
             f"{where}: the mask is not the most voted")


def mean(updates, divisor):
    """The mean of the workers' values at each coordinate: float32, added in the order of the workers."""
    sums = collections.defaultdict(float)
    for coordinates, values in updates:
        for p, value in zip(coordinates, values):
            sums[p] = float32(sums[p] + value)
    return {p: float32(total / divisor) for p, total in sums.items()}


class ServerError:
    """What the server's quantised aggregates have lost, while every sparse round since the first is there.
    The rate, which scales it, does not fall before half of the steps."""

    def __init__(self, settings):
        self.feeds_back = settings["quantization_error"]
        self.settings = settings
        self.next = first_sparse_round(settings)
        self.kept = collections.defaultdict(float)

    def hold(self, aggregate, mask, want, where):
        """Each level of an aggregate has the mean magnitude of the values in it: mean and memory."""
        m = aggregate
        signs = [math.copysign(1, value) for value in m.values]
        if (m.round == self.next and is_in_first_half(self.settings, m.round)) or not self.feeds_back:
            values = [float32(self.kept[p] + want[p]) for p in mask]
            levels = collections.defaultdict(list)
            near = 2**-8 if m.code == "bfloat16" else 2**-11
            for p, value, sent in zip(mask, values, m.values):
                hold(m.value_bits != 16 or abs(value - sent) <= near * abs(value) + 2**-25,
                     f"{where}: {sent} at {p} is not {value} rounded")
            for i, (value, sent) in enumerate(zip(values, m.values)):
                if m.value_bits == 16:
                    continue
                levels[i // m.block_size if m.value_bits == 1 else 0, abs(sent)].append(abs(value))
                hold(value == 0 or sent == 0 or math.copysign(1, value) == signs[i],
                     f"{where}: the aggregate has the sign of another value at {mask[i]}")
            for (_, magnitude), of_level in levels.items():
                hold(abs(sum(of_level) / len(of_level) - magnitude) <= 2**-22 * magnitude,
                     f"{where}: {magnitude} is not the mean of {len(of_level)} values of its level")
            for p, value, sent in zip(mask, values, m.values):
                self.kept[p] = float32(value - sent) if self.feeds_back else 0.0
            self.next = m.round + 1


def first_sparse_round(settings):
    """The first round with a mask."""
    if settings["phi_warmup"] != "dense":
        return 1
    return warmup_steps(settings) + 1


def philox(counter, key):
    """The four words of Philox4x64-10 (Salmon et al. 2011)."""
    words, keys, low = list(counter), list(key), (1 << 64) - 1
    for _ in range(10):
        left, right = 0xD2E7470EE14C6C93 * words[0], 0xCA5A826395121157 * words[2]
        words = [right >> 64 ^ words[1] ^ keys[0], right & low, left >> 64 ^ words[3] ^ keys[1], left & low]
        keys = [keys[0] + 0x9E3779B97F4A7C15 & low, keys[1] + 0xBB67AE8584CAA73B & low]
    return words


def drawn(seed, t, n, m):
    """The m of n workers that take part in round t."""
    taken = set()
    for j in range(n - m, n):
        words = (philox((t, j, i, 0), (seed, 0x706C616E00000001))[0] for i in itertools.count())
        word = next(word for word in words if word >= (1 << 64) % (j + 1)) % (j + 1)
        taken.add(j if word in taken else word)
    return sorted(taken)


def senders_by_round(messages, settings):
    """The workers that sent, by round. Checks that they are those that should. A sparse round is the first of
    its K, which has all, if it is so in the dump."""
    sent = collections.defaultdict(set)
    for t, kind, worker in messages:
        sent[t] |= set() if kind in DOWN else {worker}
    begun = set()
    for t in sorted({t for t, _, _ in messages if t > 0}):
        n, m = settings["workers"], settings["participation"] or settings["workers"]
        begins = (t, "mask", 0) in messages and share(settings, t) not in begun
        begun |= {share(settings, t)} if begins else set()
        want = list(range(n)) if begins or m == n else drawn(settings["seed"], t, n, m)
        hold(sorted(sent[t]) == want, f"round {t}: messages of the workers {sorted(sent[t])}, not {want}")
    return {t: sorted(workers) for t, workers in sent.items()}


def ring_sum(messages, ring, n, where):
    """The sum of n values that the workers of a ring have sent around, checked to be cut as it should be and the
    same wherever it came by. None of a ring of one, which sends nothing."""
    count = len(ring)
    if count == 1:
        return None
    total = []
    for b in range(count):
        length = (b + 1) * n // count - b * n // count
        partial = [messages.get((f"reduce {b}", ring[(b + s) % count])) for s in range(count - 1)]
        whole = [messages.get((f"gather {b}", ring[(b - 1 + s) % count])) for s in range(count - 1)]
        hold(None not in partial + whole, f"{where}: block {b} has not gone around")
        hold({m.count for m in partial + whole} == {length}, f"{where}: block {b} has not {length} values")
        hold(all(digest("f", m.values) == digest("f", whole[0].values) for m in whole),
             f"{where}: block {b} has changed on its way")
        total += whole[0].values
    hold(len(messages) == 2 * count * (count - 1), f"{where}: {len(messages)} blocks have gone around")
    return total


def hold_reduced(messages, ring, mask, settings, t):
    """What theta moves by at the mask in a round without the server's sum; None if the dump does not tell."""
    where = f"round {t}"
    across = {(kind, n): m for (u, kind, n), m in messages.items() if u == t and way_of(kind) == "across"}
    total = ring_sum(across, ring, len(mask), where)
    told = {n: m.values for (u, kind, n), m in messages.items() if u == t and kind == "aggregate"}
    absent = sorted(set(range(settings["workers"])) - set(ring))
    hold(sorted(told) == absent, f"{where}: aggregates of the workers {sorted(told)}, not {absent}")
    hold(not any(u == t and kind in ("update", "dense") for u, kind, _ in messages),
         f"{where}: values have gone to the server")
    if total is None:
        return told[absent[0]] if absent else None
    divisor = 1 if settings["aggregation"] == "sum" else len(ring)
    moves = [float32(x / divisor) for x in total]
    hold(all(digest("f", values) == digest("f", moves) for values in told.values()),
         f"{where}: the aggregate is not that of the ring")
    return moves


def hold_rounds(messages, senders, votes, settings):
    """Checks each round's messages against each other. Returns the parameters after the last round."""
    scheme = settings["scheme"]
    aggregation = settings["aggregation"]
    theta = list(messages[0, "model", 0].values) if (0, "model", 0) in messages else None
    error = ServerError(settings)
    last = {}  # vote of each worker
    reduces = settings["aggregate"] == "reduce"
    for t in sorted({t for t, _, _ in messages if t > 0}):
        where = f"round {t}"

        def values_of(kind):
            return [messages[t, kind, n].values for n in senders[t]]

        if (t, "mask", 0) in messages:
            mask = messages[t, "mask", 0].positions
            voted = [votes[t, n] for n in senders[t] if (t, n) in votes]
            hold(len(voted) == (0 if scheme == "rand-k" else len(senders[t])), f"{where}: {len(voted)} votes")
            last.update({n: votes[t, n] for n in senders[t] if (t, n) in votes})
            hold_mask(settings, set(mask), last.values() if scheme == "mv-ad" else voted, t, where)
        else:
            d = next(m.dimension for (u, _, _), m in messages.items() if u == t)
            mask = range(d)
        if reduces:
            moves = hold_reduced(messages, senders[t], mask, settings, t)
            if moves is None or theta is None:
                theta = None
                continue
            for p, value in zip(mask, moves):
                theta[p] = float32(theta[p] + value)
            continue
        aggregate = messages[t, "aggregate", 0]
        if (t, "mask", 0) in messages:
            sent = [sorted(vote) for vote in voted] if scheme == "top-k" else [mask] * len(senders[t])
            updates = list(zip(sent, values_of("update")))
        else:
            updates = [(mask, values) for values in values_of("dense")]
        for at, values in updates:
            hold(len(at) == len(values), f"{where}: {len(values)} values for {len(at)} coordinates")
        want = mean(updates, 1 if aggregation == "sum" else len(senders[t]))
        if aggregate.value_bits < 32:
            error.hold(aggregate, mask, want, where)
        else:
            hold(digest("f", [want[p] for p in mask]) == digest("f", aggregate.values),
                 f"{where}: the aggregate is not the {aggregation}")
        if theta is not None:
            for p, value in zip(mask, aggregate.values):
                theta[p] = float32(theta[p] + value)
    return theta


def nearest(x):
    """x rounded to the nearest whole number, halves up, and at least 1."""
    return max(math.floor(x + fractions.Fraction(1, 2)), 1)


def steps_in(settings):
    """The local steps of an epoch, and of the run."""
    images = settings["synthetic_train"] if settings["data"] == "synthetic" else 50000
    epoch = -(-images // (settings["workers"] * settings["batch"]))
    return epoch, settings["epochs"] * epoch


def is_in_first_half(settings, t):
    """Whether round t, a sparse one, begins before half of the run's steps are done."""
    warmup = warmup_steps(settings)
    return 2 * (warmup + (t - warmup - 1) * settings["local_steps"]) < steps_in(settings)[1]


def warmup_steps(settings):
    """The local steps of the warm-up, each a round."""
    epoch, steps = steps_in(settings)
    if settings["warmup_epochs"] == "proportional":
        return nearest(fractions.Fraction(5 * steps, 300))
    return min(settings["warmup_epochs"] * epoch, steps)


def share(settings, t):
    """phi in round t: in a warm-up with stairs it is larger."""
    phi = fractions.Fraction(settings["phi"])
    if settings["phi_warmup"] == "dense" or settings["scheme"] in ("sm", "dense"):
        return phi
    warmup = warmup_steps(settings)
    if t == 0 or t > warmup:
        return phi
    return max(phi, fractions.Fraction(1, 4**(1 + 5 * (t - 1) // warmup)))


def hold_header(m, settings, d, first, senders, where):
    """Checks count, code and the code's parameter against the settings. `first`: m is the first of its kind
    and sender, or the first of another K. `senders`: how many workers sent in its round."""
    if m.positions is None:
        coded = 1 < m.value_bits <= 8 and settings["value_codec"] == "entropy"
        coded = coded and (m.kind == "update" or settings["scheme"] != "top-k")
        code = "entropy of codes" if coded else "none"
        if m.value_bits == 16 and settings["quantizer"] == "bfloat16":
            code = "bfloat16"
        hold(m.code == code, f"{where} is in code {m.code}")
        return
    phi = share(settings, m.round)
    phi_ad = fractions.Fraction(settings["phi_ad"])
    k = sum(of_layer[1] for of_layer in layers(settings, m.round))
    k_ad = sum(of_layer[2] for of_layer in layers(settings, m.round))
    hold(m.by_layer == (settings["selection"] == "layer"), f"{where}: by layer: {m.by_layer}")
    if m.kind in ("add", "drop"):
        hold(m.count <= k_ad, f"{where} has {m.count} positions, K_ad = {k_ad}")
    elif settings["scheme"] != "top-k" or m.kind == "vote":
        hold(m.count == k, f"{where} has {m.count} positions, K = {k}")
    code = settings["position_codec"]
    if m.kind == "mask" and settings["mask_codec"] == "delta" and not first:
        code = "delta"
    whole = code  # the code that block_size is of
    if m.kind == "vote" and settings["vote_codec"] == "delta" and not first:
        code = "change"
    hold(m.code == code, f"{where} is in code {m.code}, not {code}")
    if code == "change":
        code = whole
    if code not in ("block", "radix"):
        hold(code == "rice" or m.block_size == 0, f"{where}: B = {m.block_size}")
        return
    block = settings["block_size"] or nearest(1 / phi)
    if m.kind == "mask" and settings["scheme"] == "top-k":
        block = nearest(1 / (senders * phi))
    if m.kind in ("add", "drop"):
        block = nearest(1 / phi_ad)
    if m.kind == "drop" and settings["drop_codec"] == "rank":
        hold(m.dimension == k, f"{where}: ranks of {m.dimension}, K = {k}")
        block = nearest(fractions.Fraction(k, max(k_ad, 1)))
    elif m.kind == "add" and settings["add_codec"] == "rank" and k < d:
        hold(m.dimension == d - k, f"{where}: ranks of {m.dimension}, d - K = {d - k}")
        block = nearest(fractions.Fraction(d - k, max(k_ad, 1)))
    else:
        hold(m.dimension == d, f"{where}: dimension {m.dimension}, d = {d}")
    hold(m.block_size == block, f"{where}: B = {m.block_size}, not {block}")


def hold_ledger(messages, ledger, rounds):
    """Checks every row of the dumped rounds against the fields of a message, to the bit, and that there
    are no other rows. Rows without a worker (ledger_rows = round) are sums over all workers."""
    header, *rows = csv.reader(ledger)
    by_worker = "worker" in header
    want = ["round", *["worker"] * by_worker, "direction", "kind", "field", "bits"]
    hold(header == want, f"ledger.csv: columns {header}")
    counted = collections.Counter()
    for (t, kind, worker), message in messages.items():
        for field, bits in message.fields.items():
            counted[t, *[worker] * by_worker, way_of(kind), kind.split()[0], field] += bits
    told = {}
    for *row, bits in rows:
        key = tuple(int(cell) if cell.isdigit() else cell for cell in row)
        if key[0] in rounds:
            told[key] = int(bits)
    for row in sorted((+counted).keys() | told.keys()):
        hold(counted[row] == told.get(row),
             f"{row}: {counted[row]} bits decoded, the ledger has {told.get(row)}")
    return {int(t) for t, *_ in rows}


def hold_run(messages, workers, votes, run):
    run = pathlib.Path(run)
    settings = settings_of(run)
    hold(workers == settings["workers"], f"messages of {workers} workers, N = {settings['workers']}")
    rounds = {t for t, _, _ in messages}
    with open(run / "ledger.csv", newline="") as file:
        all_rounds = hold_ledger(messages, file, rounds)
    senders = senders_by_round(messages, settings)
    firsts = {}
    for t, kind, worker in messages:
        firsts.setdefault((kind, worker, share(settings, t)), t)
    d = next(m.dimension for (_, kind, _), m in messages.items()
             if kind in ("aggregate", "model") or way_of(kind) == "across")
    for (t, kind, worker), m in messages.items():
        first = t == firsts[kind, worker, share(settings, t)]
        hold_header(m, settings, d, first, len(senders[t]), f"round {t}, {kind} of worker {worker}")
    theta = hold_rounds(messages, senders, votes, settings)
    end = json.loads((run / "metrics.jsonl").read_text().splitlines()[-1])
    if rounds == all_rounds and theta is not None:
        found = digest("f", theta)
        hold(found == end["theta_sha256"], f"theta's digest is {found}, not {end['theta_sha256']}")


def main(directory, run=None):
    messages, workers, votes = read(directory, run)
    print("\n".join(summary(messages, workers)))
    if run:
        hold_run(messages, workers, votes, run)


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except Mismatch as mismatch:
        sys.exit(f"{sys.argv[1]}: {mismatch}")
