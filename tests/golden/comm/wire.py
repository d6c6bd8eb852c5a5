"""Decodes messages of mvsgd, from comm/README.md alone: header, positions in every code, values.

Whatever the page does not allow is a WireError that names the message's bit. It uses only Python's standard library,
and is slow and plain: one bit at a time.
"""

import collections
import dataclasses
import struct

KINDS = ["", "dense", "vote", "add", "drop", "mask", "update", "aggregate", "model", "buffers"]
POSITIONS = {"vote", "add", "drop", "mask"}
CODES = ["none", "block", "elias-fano", "rice", "radix", "entropy", "delta"]
HEADER_BITS = 192


class WireError(Exception):
    pass


class Bits:
    """The bits of a message, lowest bit of byte 0 first."""

    def __init__(self, data):
        self.number = int.from_bytes(data, "little")
        self.length = 8 * len(data)
        self.at = 0

    def take(self, width):
        """The next integer of `width` bits, its least significant bit first."""
        value = self.ahead(self.at, width)
        self.at += width
        if self.at > self.length:
            raise WireError(f"bit {self.at} of {self.length}")
        return value

    def ahead(self, at, width):
        """As take(), but from bit `at`, with zeros past the end; it consumes nothing."""
        return (self.number >> at) & ((1 << width) - 1)

    def until(self, stop):
        """The number of bits before the next `stop`; consumes them and `stop`."""
        count = 0
        while self.take(1) != stop:
            count += 1
        return count


def floor_log2(n):
    return n.bit_length() - 1


def ceil_log2(n):
    return (n - 1).bit_length()


def ceil_div(a, b):
    return -(-a // b)


def block_list(bits, dimension, count, size):
    """The paper's code (section 4.3.1): a flag and an offset for each position; a 0 ends a block."""
    width = ceil_log2(size)
    positions = []
    for block in range(ceil_div(dimension, size)):
        while bits.take(1) == 1:
            offset = bits.take(width)
            if offset >= size:
                raise WireError(f"bit {bits.at}: offset {offset} in a block of {size}")
            positions.append(block * size + offset)
    if len(positions) != count:
        raise WireError(f"{len(positions)} positions, the header says {count}")
    return positions


def occupancy(bits, dimension, size):
    """The block of each position: a 1 for each position; a 0 ends a block."""
    blocks = []
    for block in range(ceil_div(dimension, size)):
        blocks += [block] * bits.until(0)
    return blocks


def elias_fano_list(bits, dimension, count):
    if count == 0:
        return []
    low = floor_log2(dimension // count)
    return [(block << low) + bits.take(low) for block in occupancy(bits, dimension, 1 << low)]


def rice_list(bits, count, divisor):
    r = floor_log2(divisor)
    positions = []
    position = -1
    for _ in range(count):
        quotient = bits.until(1)
        position += 1 + (quotient << r) + bits.take(r)
        positions.append(position)
    return positions


def digits_at_once(base):
    """Radix: the m with the fewest bits a digit among those with base^m < 2^64; of several, the least."""
    best = 1
    m = 2
    while base > 1 and base**m < 1 << 64:
        if ceil_log2(base**m) * best < ceil_log2(base**best) * m:
            best = m
        m += 1
    return best


def radix_list(bits, dimension, base):
    blocks = occupancy(bits, dimension, base)
    m = digits_at_once(base)
    positions = []
    for first in range(0, len(blocks), m):
        group = blocks[first:first + m]
        number = bits.take(ceil_log2(base**len(group)))
        for block in group:
            positions.append(block * base + number % base)
            number //= base
        if number:
            raise WireError(f"bit {bits.at}: a digit too many in base {base}")
    return positions


class Decisions:
    """The binary fraction V at the start of an entropy code, read as decisions."""

    def __init__(self, bits):
        self.bits = bits
        self.start = bits.at
        self.read = 0  # bits of V in `over`, its part above L in units
        self.over = 0
        self.low = 0  # L in units, modulo 2^64, since nothing needs more
        self.range = (1 << 64) - 1
        self.units = 64  # the unit is 2^-units
        self.extend(64)

    def extend(self, count):
        for _ in range(count):
            self.over = 2 * self.over + self.bits.ahead(self.start + self.read, 1)
            self.read += 1

    def next(self, p):
        """A decision that is 1 with probability p 2^-16."""
        bound = (self.range >> 16) * p
        one = self.over < bound
        if one:
            self.range = bound
        else:
            self.over -= bound
            self.low += bound
            self.range -= bound
        if self.range < 1 << 32:
            self.extend(32)
            self.units += 32
            self.low = (self.low << 32) % (1 << 64)
            self.range <<= 32
        return int(one)

    def finish(self):
        """Consumes the t bits of V, and checks that they are the shortest and lowest."""
        for free in range(min(self.units - 1, 63), -1, -1):
            lowest = ceil_div(self.low, 1 << free) << free
            if lowest + (1 << free) <= self.low + self.range:
                break
        t = self.units - free
        fraction = ((self.low + self.over) >> free) << free
        if fraction != lowest:
            raise WireError(f"bit {self.start}: the fraction of {t} bits is not the lowest")
        self.bits.at = self.start
        self.bits.take(t)


class Probability:
    def __init__(self, initial):
        self.p = initial << 16
        self.count = 24

    def decide(self, decisions):
        bit = decisions.next(self.p >> 16)
        target = (1 << 32) - (1 << 22) if bit else 1 << 22
        self.count = min(self.count + 1, 500)
        self.p += ((target - self.p) * (131072 // (2 * self.count + 1))) >> 16
        return bit


INITIAL = {"more": (12806, 20557), "high": (20090, 23527), "low": (26172, 28052),
           "half": (29434, 30398)}


def entropy_list(bits, dimension, count):
    decisions = Decisions(bits)
    probabilities = {}
    scale = (dimension << 16) // max(count, 1)
    quarters = []  # (where it begins, number of plain bits)
    for _ in range(count):
        e = floor_log2(scale) - 16
        h = (scale >> (e + 15)) & 1
        unit = max(e - 1, 0)

        def decide(what, *context):
            key = (e, h, what) + context
            if key not in probabilities:
                probabilities[key] = Probability(INITIAL[what][h])
            return probabilities[key].decide(decisions)

        group = 0
        begin = 0
        while decide("more", min(group, 3)):
            begin += 4 << (unit + max(group - 5, 0))
            group += 1
        n = unit + max(group - 5, 0)
        high = decide("high", min(group, 1))
        low = decide("low", min(group, 1), high)
        begin += (2 * high + low) << n
        if begin == 0 and n > 0:
            n -= 1
            begin = decide("half") << n
        quarters.append((begin, n))
        scale += ((2 * begin + (1 << n) + 1) << 11) - (scale >> 4)
        if begin > dimension:
            raise WireError(f"bit {bits.at}: a gap of {begin} or more, d = {dimension}")
    decisions.finish()
    positions = []
    position = -1
    for begin, n in quarters:
        position += 1 + begin + bits.take(n)
        positions.append(position)
    return positions


def cheapest_block(dimension, count):
    cost = {log: count * (1 + log) + ceil_div(dimension, 1 << log) for log in range(32)}
    return 1 << min(cost, key=lambda log: (cost[log], log))


def delta_list(bits, dimension, count, before):
    if before is None:
        raise WireError("a delta, and the mask before it is not known")
    if len(before) != count:
        raise WireError(f"a delta of {count} positions, the mask before it has {len(before)}")

    def ranks(universe, members):
        if members == 0:
            return []
        return block_list(bits, universe, members, cheapest_block(universe, members))

    left = bits.take(min(count, dimension - count).bit_length())
    if 2 * left <= count:
        gone = set(ranks(count, left))
        kept = [p for rank, p in enumerate(before) if rank not in gone]
    else:
        kept = [before[rank] for rank in ranks(count, count - left)]
    inside = set(before)
    outside = [p for p in range(dimension) if p not in inside]
    return sorted(kept + [outside[rank] for rank in ranks(dimension - count, left)])


def floats(bits, count):
    return list(struct.unpack(f"<{count}f", bits.take(32 * count).to_bytes(4 * count, "little")))


def quantised(bits, count, q, per_scale):
    codes = [bits.take(q) for _ in range(count)]
    number = 1 << (q - 1) if q > 1 else ceil_div(count, per_scale)
    start = bits.at
    magnitudes = floats(bits, number)
    for i, m in enumerate(magnitudes):
        if struct.pack("<f", m)[3] & 0x80 or not m < float("inf"):
            raise WireError(f"bit {start + 32 * i}: a magnitude of {m}")
    mask = (1 << (q - 1)) - 1
    magnitude = [magnitudes[code & mask if q > 1 else i // per_scale] for i, code in enumerate(codes)]
    return [-m if code >> (q - 1) else m for m, code in zip(magnitude, codes)]


@dataclasses.dataclass
class Message:
    kind: str
    value_bits: int
    code: str
    sender: int
    round: int
    dimension: int
    count: int
    block_size: int
    fields: collections.Counter  # bits by the ledger's field
    positions: list = None
    values: list = None


def decode(data, mask_before=None):
    """One message. `mask_before` is the mask from which a mask in delta code differs: the positions of
    the mask of the sparse round before."""
    bits = Bits(data)
    version, kind, value_bits, code = (bits.take(8) for _ in range(4))
    if version != 1 or not 1 <= kind < len(KINDS) or code >= len(CODES):
        raise WireError(f"version {version}, kind {kind}, position code {code}")
    m = Message(KINDS[kind], value_bits, CODES[code], *(bits.take(32) for _ in range(5)),
                fields=collections.Counter(header=HEADER_BITS))
    if m.kind in POSITIONS:
        if m.value_bits != 0:
            raise WireError(f"a {m.kind} with values of {m.value_bits} bits")
        m.positions = {
            "block": lambda: block_list(bits, m.dimension, m.count, m.block_size),
            "elias-fano": lambda: elias_fano_list(bits, m.dimension, m.count),
            "rice": lambda: rice_list(bits, m.count, m.block_size),
            "radix": lambda: radix_list(bits, m.dimension, m.block_size),
            "entropy": lambda: entropy_list(bits, m.dimension, m.count),
            "delta": lambda: delta_list(bits, m.dimension, m.count, mask_before),
        }[m.code]()
        m.fields["positions"] = bits.at - HEADER_BITS
        increasing = all(a < b for a, b in zip(m.positions, m.positions[1:]))
        if len(m.positions) != m.count or not increasing or m.positions[-1:] >= [m.dimension]:
            raise WireError(f"not {m.count} increasing positions below {m.dimension}")
    else:
        if m.code != "none":
            raise WireError(f"a {m.kind} with a position code")
        if m.kind == "update" and m.value_bits != 32:
            m.values = quantised(bits, m.count, m.value_bits, m.block_size)
            m.fields["values"] = m.count * m.value_bits
            m.fields["level_means"] = bits.at - HEADER_BITS - m.fields["values"]
        else:
            if m.value_bits != 32:
                raise WireError(f"a {m.kind} of {m.value_bits} bits a value")
            m.values = floats(bits, m.count)
            field = {"model": "initial_model", "buffers": "bn_buffers"}.get(m.kind, "values")
            m.fields[field] = 32 * m.count
    m.fields["padding"] = bits.length - bits.at
    if m.fields["padding"] > 7 or bits.take(m.fields["padding"]) != 0:
        raise WireError(f"bit {bits.at}: the message does not end with 0 to 7 zero bits")
    return m
