"""What the rANS code of positions (compress/positions/rans_codec.hpp) would take if it knew the very list.

Its rows of frequencies are fixed, two to each density. `fitted_bits` is what a list takes with rows that are this
list's own, at no cost: the entropy of its symbols in each row, and the plain bits. No table that is sent or learnt gets
below it. A context divides the rows further; it, too, costs nothing here.
"""

import collections
import functools
import math

CHUNK = 4
FAR_UNITS, FAR_SYMBOL, FAR_EXTRA, LENGTH_BITS = 128, 28, 7, 5


def symbol_of(units):
    """(symbol, its first unit, its plain bits beyond the unit's) of a gap of so many units."""
    if units < 16:
        return units, units, 0
    if units >= FAR_UNITS:
        return FAR_SYMBOL, FAR_UNITS, FAR_EXTRA
    extra = units.bit_length() - 3
    quarter = units >> extra  # 4 to 7
    return 16 + 4 * (extra - 2) + quarter - 4, quarter << extra, extra


BEGINS = [(s, 1) for s in range(16)] + [(q << e, 1 << e) for e in (2, 3, 4) for q in (4, 5, 6, 7)] + [(128, 128)]


@functools.cache
def frequencies(known, row):
    w = known * distance_of(row)
    away = [1 << 32]
    for v in range(128):
        away.append(away[v] * (w - 8 * known + 32 * v) // (w + 32 + 32 * v))
    ends = [away[begin] for begin, _ in BEGINS] + [0]
    shares = [max((a - b + (1 << 21)) >> 22, 1) for a, b in zip(ends, ends[1:])]
    return [1024 - sum(shares[1:])] + shares[1:]


def distance_of(row):
    return (9 + 2 * (row % 4)) << row // 4 if row < 12 else 8 * (5 + row % 4)


def logarithm(f):
    octave = f.bit_length() - 1
    return 16 * octave + (16 * f >> octave) - 16


@functools.cache
def lesson(known, row, symbol):
    """(how far the scale moves, how much likelier clustered rows are) by a symbol."""
    w, (begin, units) = known * distance_of(row), BEGINS[symbol]
    more = (known + 4) * (w + 64 + 16 * (2 * begin + units - 1))
    pull = (1152 if known == 32 else 1280) * (more - (known + 8) * (w + 32)) // more
    return pull, logarithm(frequencies(3, row)[symbol]) - logarithm(frequencies(32, row)[symbol])


def symbols_of(positions, n):
    """((family, row), unit, symbol, plain bits) of each gap of positions below n."""
    distance, clustered = (n << 16) // len(positions), 0
    following = 0
    for first in range(0, len(positions), CHUNK):
        octave = distance.bit_length() - 17
        quarter = distance >> (octave + 14) & 3
        unit, row = max(octave - 2, 0), (4 * octave if octave < 3 else 12) + quarter
        known = 3 if clustered > 0 else 32
        pulls = leans = 0
        for position in positions[first:first + CHUNK]:
            gap, following = position - following, position + 1
            symbol, _, extra = symbol_of(gap >> unit)
            pull, lean = lesson(known, row, symbol)
            pulls, leans = pulls + pull, leans + lean
            bits = LENGTH_BITS + gap.bit_length() - 1 if symbol == FAR_SYMBOL else unit + extra
            yield (known, row), unit, symbol, bits
        distance = max(distance + (distance * pulls >> 12), 1 << 16)
        clustered += leans - (clustered >> 6)


def fitted_bits(positions, n, contexts=None):
    """`contexts`: something for each gap, which a decoder knows before it."""
    counts, plain = collections.defaultdict(collections.Counter), 0
    for i, (row, unit, symbol, bits) in enumerate(symbols_of(positions, n)):
        counts[row, unit, contexts[i] if contexts else None][symbol] += 1
        plain += bits
    return plain + sum(count * math.log2(sum(row.values()) / count) for row in counts.values() for count in row.values())
