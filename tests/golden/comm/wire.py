"""Decodes messages of mvsgd, from comm/README.md alone: header, positions in every code, values.

Whatever the page does not allow is a WireError that names the message's bit. It uses only Python's standard library,
and is slow and plain: one bit at a time.
"""

import collections
import dataclasses
import fractions
import functools
import math
import struct

KINDS = ["", "dense", "vote", "add", "drop", "mask", "update", "aggregate", "model", "buffers",
         "reduce", "gather"]
POSITIONS = {"vote", "add", "drop", "mask"}
CODES = ["none", "block", "elias-fano", "rice", "radix", "entropy", "delta", "change", "entropy of codes",
         "rans", "bfloat16"]
BY_LAYER = 64  # more in the code of a list by layer
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


# Of each symbol: the units from which on its gaps are, and the plain bits beside those of the unit.
GROUPS = ([(s, 0) for s in range(16)]
          + [(quarter << extra, extra) for extra in (2, 3, 4) for quarter in (4, 5, 6, 7)] + [(128, 7)])


# The two forms of a row: g and k.
FORMS = ((32, 1152), (3, 1280))


def row_width(row):
    return (9 + 2 * (row % 4)) << (row // 4) if row < 12 else 8 * (5 + row % 4)


def gap_frequencies(g, row):
    gw = g * row_width(row)
    away = [1 << 32]
    for v in range(128):
        away.append(away[v] * (gw - 8 * g + 32 * v) // (gw + 32 + 32 * v))
    from_on = [away[begin] for begin, _ in GROUPS] + [0]
    shares = [max((a - b + (1 << 21)) >> 22, 1) for a, b in zip(from_on, from_on[1:])]
    return [1024 - sum(shares[1:])] + shares[1:]


def sixteen_logarithms(f):
    m = floor_log2(f)
    return 16 * m + (16 * f) // (1 << m) - 16


class Row:
    """A row in one form: of each symbol its frequency, what it adds to T and to L; and the symbol of each slot."""

    def __init__(self, form, row):
        g, k = FORMS[form]
        gw = g * row_width(row)
        even, clustered = (gap_frequencies(g, row) for g, _ in FORMS)
        self.frequencies = (even, clustered)[form]
        self.firsts = [sum(self.frequencies[:s]) for s in range(len(GROUPS))]
        self.slots = [s for s, f in enumerate(self.frequencies) for _ in range(f)]
        self.t, self.l = [], []
        for s, (begin, extra) in enumerate(GROUPS):
            n = (g + 4) * (gw + 64 + 16 * (2 * begin + (1 << extra) - 1))
            self.t.append(k * (n - (g + 8) * (gw + 32)) // n)
            self.l.append(sixteen_logarithms(clustered[s]) - sixteen_logarithms(even[s]))


@functools.cache
def rows_of_gaps():
    return [[Row(form, row) for row in range(16)] for form in range(2)]


def rans_list(bits, dimension, count):
    """A set, or the others of the dimension where it has more than half; short ones in the entropy code."""
    if count > dimension:
        raise WireError(f"{count} positions below {dimension}")
    if 2 * count > dimension:
        others = dimension - count
        left = entropy_list(bits, dimension, others) if others < 8192 else rans_gaps(bits, dimension, others)
        return not_in(held_list(left, dimension, others), dimension)
    return entropy_list(bits, dimension, count) if count < 8192 else rans_gaps(bits, dimension, count)


def unit_and_row(scale):
    """u, and the row's number."""
    e = floor_log2(scale) - 16
    return max(e - 2, 0), (4 * e if e < 3 else 12) + (scale >> (e + 14)) % 4


def learnt(scale, clustered, t, l):
    """A and C after gaps whose symbols add T and L."""
    return max(scale + ((scale * t) >> 12), 1 << 16), clustered - (clustered >> 6) + l


def rans_gaps(bits, dimension, count):
    rows = rows_of_gaps()
    states = [bits.take(32) for _ in range(4)]
    if min(states) < 1 << 16:
        raise WireError(f"bit {bits.at}: a state of {min(states)}")
    scale, clustered, t, l = (dimension << 16) // count, 0, 0, 0
    read = []  # (symbol, u)
    for i in range(count):
        if i % 4 == 0:
            unit, number = unit_and_row(scale)
            row = rows[clustered > 0][number]
        x = states[i % 4]
        symbol = row.slots[x % 1024]
        x = row.frequencies[symbol] * (x // 1024) + x % 1024 - row.firsts[symbol]
        if x < 1 << 16:
            x = (x << 16) + bits.take(16)
        states[i % 4] = x
        t, l = t + row.t[symbol], l + row.l[symbol]
        read.append((symbol, unit))
        if i % 4 == 3 or i == count - 1:
            scale, clustered = learnt(scale, clustered, t, l)
            t = l = 0
            if scale >= 1 << 47:
                raise WireError(f"bit {bits.at}: gaps that make the scale {scale}")
    if any(x != 1 << 16 for x in states):
        raise WireError(f"bit {bits.at}: the states end at {states}")
    positions = []
    position = -1
    for symbol, unit in read:
        begin, extra = GROUPS[symbol]
        begin, width = begin << unit, unit + extra
        if symbol == 28:
            width += bits.take(5)
            if width > 31:
                raise WireError(f"bit {bits.at}: a gap of {width} plain bits")
            begin = 1 << width
        position += 1 + begin + bits.take(width)
        positions.append(position)
    return positions


def cheapest_block(dimension, count):
    cost = {log: count * (1 + log) + ceil_div(dimension, 1 << log) for log in range(32)}
    return 1 << min(cost, key=lambda log: (cost[log], log))


def hold_before(before, count):
    if before is None:
        raise WireError("a difference, and the set before it is not known")
    if len(before) != count:
        raise WireError(f"a difference of {count} positions, the set before it has {len(before)}")


def not_in(before, dimension):
    """The coordinates outside `before`, increasing."""
    inside = set(before)
    return [p for p in range(dimension) if p not in inside]


def delta_list(bits, dimension, count, before):
    hold_before(before, count)

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
    outside = not_in(before, dimension)
    return sorted(kept + [outside[rank] for rank in ranks(dimension - count, left)])


def change_list(bits, dimension, count, block_size, before, whole_code):
    hold_before(before, count)
    if bits.take(1) == 0:
        return list_in(whole_code, bits, dimension, count, block_size)
    left = bits.take(min(count, dimension - count).bit_length())
    if left > min(count, dimension - count):
        raise WireError(f"bit {bits.at}: {left} of {count} have left, d = {dimension}")
    if left == 0:
        return before
    gone = set(held_list(rans_list(bits, count, left), count, left))
    new = held_list(rans_list(bits, dimension - count, left), dimension - count, left)
    outside = not_in(before, dimension)
    kept = [p for rank, p in enumerate(before) if rank not in gone]
    return sorted(kept + [outside[rank] for rank in new])


def held_list(positions, dimension, count):
    increasing = all(a < b for a, b in zip(positions, positions[1:]))
    if len(positions) != count or not increasing or positions[-1:] >= [dimension]:
        raise WireError(f"not {count} increasing positions below {dimension}")
    return positions


def list_in(code, bits, dimension, count, block_size):
    """The positions of a set that is told whole."""
    if code == "block":
        return block_list(bits, dimension, count, block_size)
    if code == "elias-fano":
        return elias_fano_list(bits, dimension, count)
    if code == "rice":
        return rice_list(bits, count, block_size)
    if code == "radix":
        return radix_list(bits, dimension, block_size)
    if code == "entropy":
        return entropy_list(bits, dimension, count)
    if code == "rans":
        return rans_list(bits, dimension, count)
    raise WireError(f"a set in code {code}")


def list_by_layer(m, bits, known):
    """The coordinates of a list by layer, also of one that has ranks."""
    if known.parts is None:
        raise WireError("a list by layer, and the layers are not known")
    positions = []
    begin = 0
    for part in known.parts:
        mask, vote = ([p - begin for p in before if begin <= p < begin + part.size]
                      if before is not None else None for before in (known.mask, known.vote))
        count = bits.take(part.most.bit_length()) if part.sent and part.counted else part.most
        if count > part.most:
            raise WireError(f"bit {bits.at}: {count} positions in a layer, {part.most} at most")
        here = list_in_layer(m, bits, part, count, mask, vote, known) if part.sent else range(count)
        positions += [begin + p for p in here]
        begin += part.size
    return positions


def list_in_layer(m, bits, part, count, mask, vote, known):
    if m.code == "delta":
        here = delta_list(bits, part.size, count, mask)
    elif m.code == "change":
        here = change_list(bits, part.size, count, m.block_size, vote, known.whole_code)
    elif m.kind == "drop" and m.dimension == len(known.vote or []):
        return [vote[rank] for rank in held_list(list_in(m.code, bits, len(vote), count, m.block_size),
                                                 len(vote), count)]
    elif m.kind == "add" and m.dimension < sum(of.size for of in known.parts):
        outside = not_in(vote, part.size)
        return [outside[rank] for rank in held_list(list_in(m.code, bits, len(outside), count, m.block_size),
                                                    len(outside), count)]
    else:
        here = list_in(m.code, bits, part.size, count, m.block_size)
    return held_list(here, part.size, count)


def floats(bits, count):
    return list(struct.unpack(f"<{count}f", bits.take(32 * count).to_bytes(4 * count, "little")))


def frequencies(bits, number, slots):
    """A row of the table of levels: `number` frequencies, their sum is `slots`."""
    row = []
    left = slots
    for level in range(1, number):
        if left == 0:
            break
        r = floor_log2(max(left // (number - level + 1), 1))
        f = (bits.until(1) << r) + bits.take(r)
        if f > left:
            raise WireError(f"bit {bits.at}: a frequency of {f} where {left} are left")
        row.append(f)
        left -= f
    row += [0] * (number - 1 - len(row)) + [left]
    return row


def least_frequencies(counts, slots):
    """The row that a sender makes of how often each level occurs."""
    of_row = sum(counts)
    row = [max((slots * c + of_row // 2) // of_row, 1) if c else 0 for c in counts]
    for _ in range(slots - sum(row)):
        row[max(range(len(row)), key=lambda s: (fractions.Fraction(counts[s], 2 * row[s] + 1), -s))] += 1
    for _ in range(sum(row) - slots):
        row[min((s for s in range(len(row)) if row[s] > 1),
                key=lambda s: (fractions.Fraction(counts[s], 2 * row[s] - 1), s))] -= 1
    return row


def log2_units(f):
    """log2 f in units of 2^-16, rounded down bit by bit."""
    log = floor_log2(f)
    y = f << (31 - log)
    for _ in range(16):
        y = y * y >> 31
        log = 2 * log + (y >> 32)
        y >>= y >> 32
    return log


def row_bits(row, slots):
    bits = 0
    left = slots
    for level, f in enumerate(row[:-1]):
        if left == 0:
            break
        r = floor_log2(max(left // (len(row) - level), 1))
        bits += (f >> r) + 1 + r
        left -= f
    return bits


def row_cost(row, counts, slots):
    units = floor_log2(slots) << 16
    return (row_bits(row, slots) << 16) + sum(c * (units - log2_units(f)) for c, f in zip(counts, row) if c)


def least_model(codes, q, marked, slots):
    """(g, rows) that a sender sends of these codes; no rows where all stays plain."""
    n = len(codes)
    best = (n * (q - 1) << 16, 0, [])
    of_marked = collections.Counter((bool(marked and marked[i]), code % (1 << (q - 1)))
                                    for i, code in enumerate(codes))
    levels = range(1 << (q - 1))
    apart = [[of_marked[mark, level] for level in levels] for mark in (False, True)]
    for g in range(q - 1 if n else 0):
        counts = [[sum(row[s:s + (1 << g)]) for s in levels[::1 << g]] for row in apart]
        choices = [[[a + b for a, b in zip(*counts)]]]
        if all(sum(row) for row in counts):
            choices.append(counts)
        for choice in choices:
            rows = [least_frequencies(row, slots) for row in choice]
            cost = sum(row_cost(f, c, slots) for f, c in zip(rows, choice))
            cost += (32 * (1 if n < 8192 else 8) + (n * g + 4 if g else 0)) << 16
            if cost < best[0]:
                best = (cost, g, rows)
    return best[1:]


def states_and_words(levels, rows_of, rows, slots):
    """Bits of what a sender, who goes backwards, makes of levels in rows."""
    states = [1 << 16] * (1 if len(levels) < 8192 else 8)
    words = 0
    for i in reversed(range(len(levels))):
        row = rows[rows_of[i]]
        f = row[levels[i]]
        x = states[i % len(states)]
        if x * slots >= f << 32:
            words += 1
            x >>= 16
        states[i % len(states)] = slots * (x // f) + x % f + sum(row[:levels[i]])
    return 32 * len(states) + 16 * words


def entropy_codes(bits, n, q, marked):
    """Codes by their entropy; `marked` says of each value if its sender voted for its coordinate."""
    if marked is not None and len(marked) != n:
        marked = None  # top-K, where the mask is of all workers' supports
    start = bits.at
    model = bits.take(2)
    slots = 1 << min(max(n.bit_length() - 3, 8), 11)
    if model == 0:
        codes = [bits.take(q) for _ in range(n)]
        g, rows = least_model(codes, q, marked, slots)
        if rows:
            levels = [code % (1 << (q - 1)) >> g for code in codes]
            rows_of = marked if len(rows) == 2 else [0] * n
            others = 2 + (4 if g else 0) + n * (1 + g) + sum(row_bits(row, slots) for row in rows)
            if others + states_and_words(levels, rows_of, rows, slots) < 2 + n * q:
                raise WireError(f"bit {bits.at}: plain codes, which are not the least")
        return codes
    two = bits.take(1) if model == 3 else model - 1
    low_bits = bits.take(3) if model == 3 else 0
    if model == 3 and not 1 <= low_bits <= q - 2:
        raise WireError(f"bit {bits.at}: {low_bits} low bits of {q - 1}")
    if two and marked is None:
        raise WireError("two rows of frequencies, and the sender's vote under the mask is not known")
    signs = [bits.take(1) for _ in range(n)]
    lows = [bits.take(low_bits) for _ in range(n)]
    number = 1 << (q - 1 - low_bits)
    rows = [frequencies(bits, number, slots) for _ in range(1 + two)]
    begins = [[sum(row[:level]) for level in range(number)] for row in rows]
    at_slot = [[level for level, f in enumerate(row) for _ in range(f)] for row in rows]
    states = [bits.take(32) for _ in range(1 if n < 8192 else 8)]
    if min(states) < 1 << 16:
        raise WireError(f"bit {bits.at}: a state of {min(states)}")
    codes = []
    for i in range(n):
        row = int(marked[i]) if two else 0
        x = states[i % len(states)]
        slot = x % slots
        level = at_slot[row][slot]
        x = rows[row][level] * (x // slots) + slot - begins[row][level]
        if x < 1 << 16:
            x = (x << 16) + bits.take(16)
        states[i % len(states)] = x
        codes.append(level << low_bits | lows[i] | signs[i] << (q - 1))
    if any(x != 1 << 16 for x in states):
        raise WireError(f"bit {bits.at}: the states end at {states}")
    if (low_bits, rows) != least_model(codes, q, marked, slots):
        raise WireError(f"bit {bits.at}: the rows are not those of the codes")
    if bits.at - start >= 2 + n * q:
        raise WireError(f"bit {bits.at}: plain codes would be as short")
    return codes


def magnitudes(bits, number):
    start = bits.at
    read = floats(bits, number)
    for i, m in enumerate(read):
        if struct.pack("<f", m)[3] & 0x80 or not m < float("inf"):
            raise WireError(f"bit {start + 32 * i}: a magnitude of {m}")
    return read


def half(bits, code):
    """A number of 16 bits: binary16, or the upper half of a float32."""
    taken = bits.take(16)
    if code == "bfloat16":
        value = struct.unpack("<f", struct.pack("<I", taken << 16))[0]
    else:
        value = struct.unpack("<e", struct.pack("<H", taken))[0]
    if not math.isfinite(value):
        raise WireError(f"bit {bits.at - 16}: {value}")
    return value


def quantised(bits, codes, q, per_scale):
    """What `codes` stand for, by the magnitudes that follow them."""
    number = 1 << (q - 1) if q > 1 else ceil_div(len(codes), per_scale)
    scales = magnitudes(bits, number)
    mask = (1 << (q - 1)) - 1
    magnitude = [scales[code & mask if q > 1 else i // per_scale] for i, code in enumerate(codes)]
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
    by_layer: bool = False


@dataclasses.dataclass
class Part:
    """What a list by layer has of a layer."""

    size: int  # of the layer
    most: int  # positions; exactly so many unless they are counted
    sent: bool  # else the layer is whole in the list, or nothing of it is
    counted: bool


@dataclasses.dataclass
class Known:
    """What messages before this one have told, each None where it is not known or there is none."""

    mask: list = None  # the mask of the sparse round before
    vote: list = None  # the sender's vote of the sparse round before, increasing
    whole_code: str = None  # the code of the sender's first vote
    marked: list = None  # of each value of an update: if the sender voted for its coordinate
    parts: list = None  # of a list by layer


def decode(data, known=Known()):
    """One message, after those that it needs."""
    bits = Bits(data)
    version, kind, value_bits, code = (bits.take(8) for _ in range(4))
    by_layer = code >= BY_LAYER
    code -= BY_LAYER if by_layer else 0
    if version != 1 or not 1 <= kind < len(KINDS) or code >= len(CODES):
        raise WireError(f"version {version}, kind {kind}, position code {code}")
    if by_layer and KINDS[kind] not in POSITIONS:
        raise WireError(f"a {KINDS[kind]} by layer")
    m = Message(KINDS[kind], value_bits, CODES[code], *(bits.take(32) for _ in range(5)),
                fields=collections.Counter(header=HEADER_BITS), by_layer=by_layer)
    if m.kind in POSITIONS:
        if m.value_bits != 0:
            raise WireError(f"a {m.kind} with values of {m.value_bits} bits")
        if m.by_layer:
            m.positions = list_by_layer(m, bits, known)
        elif (m.kind, m.code) == ("mask", "delta"):
            m.positions = delta_list(bits, m.dimension, m.count, known.mask)
        elif (m.kind, m.code) == ("vote", "change"):
            m.positions = change_list(bits, m.dimension, m.count, m.block_size, known.vote,
                                      known.whole_code)
        else:
            m.positions = list_in(m.code, bits, m.dimension, m.count, m.block_size)
        m.fields["positions"] = bits.at - HEADER_BITS
        d = sum(part.size for part in known.parts) if m.by_layer else m.dimension
        held_list(m.positions, d, m.count)
    elif m.kind in ("update", "aggregate") and m.value_bits == 16:
        if m.code not in ("none", "bfloat16"):
            raise WireError(f"{m.kind} of 16 bits a value in code {m.code}")
        m.values = [half(bits, m.code) for _ in range(m.count)]
        m.fields["values"] = 16 * m.count
    elif m.kind in ("update", "aggregate") and m.value_bits != 32:
        if m.code == "entropy of codes" and 2 <= m.value_bits <= 8:
            codes = entropy_codes(bits, m.count, m.value_bits, known.marked)
        elif m.code == "none":
            codes = [bits.take(m.value_bits) for _ in range(m.count)]
        else:
            raise WireError(f"{m.kind} of {m.value_bits} bits a value in code {m.code}")
        m.fields["values"] = bits.at - HEADER_BITS
        m.values = quantised(bits, codes, m.value_bits, m.block_size)
        m.fields["level_means"] = bits.at - HEADER_BITS - m.fields["values"]
    else:
        if m.code != "none":
            raise WireError(f"a {m.kind} of {m.value_bits} bits a value in code {m.code}")
        if m.value_bits != 32:
            raise WireError(f"a {m.kind} of {m.value_bits} bits a value")
        m.values = floats(bits, m.count)
        field = {"model": "initial_model", "buffers": "bn_buffers"}.get(m.kind, "values")
        m.fields[field] = 32 * m.count
    m.fields["padding"] = bits.length - bits.at
    if m.fields["padding"] > 7 or bits.take(m.fields["padding"]) != 0:
        raise WireError(f"bit {bits.at}: the message does not end with 0 to 7 zero bits")
    return m
