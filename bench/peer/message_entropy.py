"""Bits that recorded messages take, a vote and an update each, beside their entropy and general compressors.

    message_entropy.py PLAIN MIN

PLAIN and MIN are folders that `mvsgd train --dump-wire` wrote of the same run: PLAIN with one of the paper's presets of
4-bit values, MIN with that preset's -min. The two models are equal to the bit. PLAIN is decoded by comm/README.md
alone; MIN is only measured. Each line is a mean over the workers and over the rounds of MIN. Votes that are sent as
changes need all earlier rounds in PLAIN. For positions `bound` is log2 of the number of possible lists; for values it
is the entropy of the signs and of the levels, given the worker's own vote. Each peer gets three inputs, and the best
counts: the message's body; a byte for each code or gap; those bytes with the marked values after the others, or a
bitmap of the list. The peers are zstd (a frame's header included, some 8 bytes), zlib's Z_HUFFMAN_ONLY, raw, bzip2 -9
and xz -9e, raw. Debian packages neither FSE nor Huff0 but inside zstd. For the votes, `fitted` is what no table for our
rANS code's gaps gets below (gap_fit.py), and `fitted_given_last` the same if it also knew where the worker's last vote
is dense: how far ahead of each gap's start its second position is. Last come the peers' speeds on those inputs, each
message by itself, one thread.
"""

import bisect
import bz2
import collections
import lzma
import math
import pathlib
import struct
import subprocess
import sys
import tempfile
import time
import zlib

from gap_fit import fitted_bits

HEADER = struct.Struct("<4B5I")


class Bits:
    def __init__(self, data):
        self.data, self.at = data, 0

    def get(self, width):
        window = int.from_bytes(self.data[self.at // 8:(self.at + width + 7) // 8], "little")
        value = window >> self.at % 8 & ((1 << width) - 1)
        self.at += width
        return value


def read(path):
    data = path.read_bytes()
    _, kind, q, codec, _, _, d, count, block = HEADER.unpack(data[:24])
    return {"q": q, "codec": codec, "d": d, "count": count, "block": block, "body": data[24:]}


def positions(message):
    """The block position code."""
    assert message["codec"] == 1
    bits, width, found = Bits(message["body"]), (message["block"] - 1).bit_length(), []
    for first in range(0, message["d"], message["block"]):
        while bits.get(1):
            found.append(first + bits.get(width))
    return found


def codes(message):
    bits = Bits(message["body"])
    return [bits.get(message["q"]) for _ in range(message["count"])]


def log2_choices(n, k):
    return (math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)) / math.log(2)


def entropy(symbols):
    counts = collections.Counter(symbols)
    return sum(c * math.log2(len(symbols) / c) for c in counts.values())


def zstd_size(level, data):
    return len(subprocess.run(["zstd", f"-{level}", "-c", "--no-check", f"--stream-size={len(data)}"], input=data,
                              stdout=subprocess.PIPE, check=True).stdout)


def huffman(data):
    packer = zlib.compressobj(9, zlib.DEFLATED, -15, 9, zlib.Z_HUFFMAN_ONLY)
    return packer.compress(data) + packer.flush()


XZ_FILTER = {"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME, "dict_size": 1 << 20}
XZ = {"format": lzma.FORMAT_RAW, "filters": [XZ_FILTER]}


class Peers:
    """What the peers make of messages, and the inputs of which they make the least."""

    # Those of Python's own: how each encodes and decodes.
    CODERS = {"huffman": (huffman, lambda data: zlib.decompress(data, -15)),
              "bzip2": (bz2.compress, bz2.decompress),
              "xz": (lambda data: lzma.compress(data, **XZ), lambda data: lzma.decompress(data, **XZ))}
    SIZES = {"zstd_3": lambda data: zstd_size(3, data), "zstd_19": lambda data: zstd_size(19, data),
             **{name: lambda data, encode=coder[0]: len(encode(data)) for name, coder in CODERS.items()}}

    def __init__(self):
        self.best, self.items = collections.defaultdict(list), collections.Counter()

    def bits(self, what, items, *inputs):
        """By peer."""
        self.items[what] += items
        bits = {}
        for peer, size in self.SIZES.items():
            sizes = {bytes(data): size(bytes(data)) for data in inputs}
            least = min(sizes, key=sizes.get)
            self.best[what, peer].append(least)
            bits[peer] = 8 * sizes[least]
        return bits

    def speeds(self, what):
        """Millions of items a second, to encode and to decode."""
        words = []
        for peer in self.SIZES:
            best = self.best[what, peer]
            of_bytes = self.items[what] / sum(map(len, best))  # items a byte
            if peer in self.CODERS:
                encode, decode = self.CODERS[peer]
                seconds = timed(encode, best), timed(decode, [encode(data) for data in best])
                rates = [self.items[what] / 1e6 / each for each in seconds]
            else:
                rates = [rate * of_bytes for rate in zstd_speeds(peer.split("_")[1], best)]
            words.append(f"{peer} {rates[0]:.1f} and {rates[1]:.1f}")
        return ", ".join(words)


def timed(do, arguments, least=0.5):
    """Seconds of processor time of one pass."""
    passes, start = 0, time.process_time()
    while time.process_time() - start < least:
        for argument in arguments:
            do(argument)
        passes += 1
    return (time.process_time() - start) / passes


def zstd_speeds(level, inputs):
    """MB a second, by zstd's own benchmark."""
    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for i, data in enumerate(inputs):
            paths.append(pathlib.Path(folder) / str(i))
            paths[-1].write_bytes(data)
        out = subprocess.run(["zstd", "-q", f"-b{level}", "-i1", *paths], capture_output=True, text=True, check=True)
    words = (out.stdout + out.stderr).split()
    return [float(words[i - 1]) for i, word in enumerate(words) if word == "MB/s"][-2:]


def gaps(members):
    """LEB128 of each."""
    out, last = bytearray(), -1
    for member in members:
        gap, last = member - last - 1, member
        while gap > 127:
            out.append(gap & 127 | 128)
            gap >>= 7
        out.append(gap)
    return out


def bitmap(members, universe):
    bits = bytearray((universe + 7) // 8)
    for member in members:
        bits[member // 8] |= 1 << member % 8
    return bits


def ranks_of(members, vote, kind):
    """Of drops within the last vote, of adds outside it; the members themselves where that is not known."""
    if vote is None:
        return members
    below = [bisect.bisect_left(vote, member) for member in members]
    return below if kind == "drop" else [member - under for member, under in zip(members, below)]


def distances_ahead(members, last):
    """For each member, how far the second next of the last vote is from where its gap begins: half octaves."""
    padded, start, found = [*last, math.inf, math.inf], 0, []
    for member in members:
        second = padded[bisect.bisect_left(last, start) + 1]
        found.append(int(2 * math.log2(second - start + 1)) if second < math.inf else None)
        start = member + 1
    return found


def update_bits(path):
    """The codes alone, without header, level means and padding: at most 7 bits more."""
    message = read(path)
    return 8 * len(message["body"]) - 32 * 2 ** (message["q"] - 1)


def main(plain, least):
    plain, least = pathlib.Path(plain), pathlib.Path(least)
    sums, messages, peers = collections.defaultdict(float), collections.Counter(), Peers()

    def add(what, **bits):
        messages[what] += 1
        for name, value in bits.items():
            sums[what, name] += value

    votes, added = {}, {}
    for path in sorted(plain.glob("round-*-up-*.bin"), key=lambda p: (int(p.name.split("-")[1]), p.name)):
        _, t, _, kind, _, worker = path.stem.split("-")
        t, worker = int(t), int(worker)
        message, ours = read(path), least / path.name
        if kind == "vote":
            vote = votes[t, worker] = positions(message)
            last = votes.get((t - 1, worker))
            if last is None or not ours.exists():
                continue
            left, new = sorted(set(last) - set(vote)), sorted(set(vote) - set(last))
            others, k = message["d"] - len(vote), len(vote)
            bound = log2_choices(k, len(left)) + log2_choices(others, len(new))
            drops, adds = ranks_of(left, last, "drop"), ranks_of(new, last, "add")
            given, fitted_drops = distances_ahead(new, last), fitted_bits(drops, k)
            add("a vote", paper=8 * len(message["body"]), bound=bound, ours=8 * len(read(ours)["body"]), of=k,
                fitted=fitted_drops + fitted_bits(adds, others),
                fitted_given_last=fitted_drops + fitted_bits(adds, others, given),
                **peers.bits("a vote", k, message["body"], gaps(drops) + gaps(adds),
                             bitmap(drops, k) + bitmap(adds, others)))
        elif kind in ("add", "drop"):
            members = positions(message)
            if kind == "add":
                added[worker] = members
            elif (t - 1, worker) in votes:
                votes[t, worker] = sorted(set(votes[t - 1, worker]) - set(members) | set(added[worker]))
            if not ours.exists():
                continue
            k = read(plain / f"round-{t}-up-update-worker-{worker}.bin")["count"]
            last = votes.get((t - 1, worker))
            n = message["d"] - k if kind == "add" else k
            ranks = ranks_of(members, last, kind)
            add(f"a list: {kind}", paper=8 * len(message["body"]), bound=log2_choices(n, len(members)),
                ours=8 * len(read(ours)["body"]), of=len(members),
                **peers.bits(f"a list: {kind}", len(members), message["body"], gaps(ranks),
                             bitmap(ranks, message["d"] if last is None else n)))
    for path in sorted(plain.glob("round-*-up-update-*.bin")):
        _, t, _, _, _, worker = path.stem.split("-")
        t, worker = int(t), int(worker)
        if not (least / path.name).exists():
            continue
        message = read(path)
        q, values = message["q"], codes(message)
        mask = positions(read(plain / f"round-{t}-down-mask-worker-{worker}.bin"))
        vote = set(votes.get((t, worker), ()))
        marks = [i in vote for i in mask]
        apart = [[c for c, m in zip(values, marks) if m == which] for which in (False, True)]
        levels = [[c % 2 ** (q - 1) for c in row] for row in apart]
        signs = entropy([c >> (q - 1) for c in values])
        body = message["body"][:math.ceil(q * len(values) / 8)]
        given = entropy(levels[0]) + entropy(levels[1]) + signs
        what = "an update" + ("" if vote else ", vote not recorded")
        add(what, paper=q * len(values), bound=given, order_0=entropy(levels[0] + levels[1]) + signs,
            ours=update_bits(least / path.name), of=len(values), marked=sum(marks),
            **peers.bits(what, len(values), body, values, apart[0] + apart[1]))

    for what, number in messages.items():
        names = [name for of, name in sums if of == what]
        mean = {name: sums[what, name] / number for name in names}
        each = ", ".join(f"{name} {mean[name] / mean['of']:.3f}" for name in names if name != "of")
        print(f"{what}: {number} messages of {mean['of']:.0f}; bits each: {each}; "
              f"ours / bound {mean['ours'] / mean['bound']:.4f}, "
              f"ours / the best peer {mean['ours'] / min(mean[peer] for peer in Peers.SIZES):.3f}; "
              f"M a second: {peers.speeds(what)}")


if __name__ == "__main__":
    main(*sys.argv[1:])
