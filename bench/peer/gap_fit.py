"""What the rANS code of positions (compress/positions/rans_codec.hpp) would take if it knew the very list.

Its rows of frequencies are fixed: they hold for independent positions of any density. `fitted_bits` is what a list takes
with rows that are this list's own, at no cost: the entropy of its symbols in each row, and the plain bits. No table that
is sent or learnt gets below it. A context divides the rows further; it, too, costs nothing here.
"""

import collections
import math

CHUNK = 8
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


def symbols_of(positions, n):
    """(row, unit, symbol, plain bits) of each gap of positions below n."""
    distance = (n << 16) // len(positions)
    following = 0
    for first in range(0, len(positions), CHUNK):
        octave = distance.bit_length() - 17
        quarter = distance >> (octave + 14) & 3
        unit, row = max(octave - 2, 0), (4 * octave if octave < 3 else 12) + quarter
        weight = 0
        for position in positions[first:first + CHUNK]:
            gap, following = position - following, position + 1
            symbol, begin, extra = symbol_of(gap >> unit)
            weight += 2 * begin + (1 << extra)
            yield row, unit, symbol, LENGTH_BITS + gap.bit_length() - 1 if symbol == FAR_SYMBOL else unit + extra
        distance += (((weight << unit) + CHUNK) << 10) - (distance >> 2)


def fitted_bits(positions, n, contexts=None):
    """`contexts`: something for each gap, which a decoder knows before it."""
    counts, plain = collections.defaultdict(collections.Counter), 0
    for i, (row, unit, symbol, bits) in enumerate(symbols_of(positions, n)):
        counts[row, unit, contexts[i] if contexts else None][symbol] += 1
        plain += bits
    return plain + sum(count * math.log2(sum(row.values()) / count) for row in counts.values() for count in row.values())
