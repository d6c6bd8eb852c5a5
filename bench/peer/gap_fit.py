"""What the rANS code of positions (compress/positions/rans_codec.hpp) would take if it knew the very list.

Its rows of frequencies are fixed, two to each density. `fitted_bits` is what a list takes with rows that are this
list's own, at no cost: the entropy of its symbols in each row, and the plain bits. No table that is sent or learnt gets
below it. A context divides the rows further; it, too, costs nothing here. The code's own rows, and how it learns, are
those of the decoder written from comm/README.md (tests/golden/comm/wire.py).
"""

import bisect
import collections
import math
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tests" / "golden" / "comm"))
import wire  # noqa: E402

BEGINS = [begin for begin, _ in wire.GROUPS]
FAR_SYMBOL, LENGTH_BITS = len(BEGINS) - 1, 5


def symbols_of(positions, n):
    """((form, row), unit, symbol, plain bits) of each gap of positions below n."""
    scale, clustered, following, t, l = (n << 16) // len(positions), 0, 0, 0, 0
    for i, position in enumerate(positions):
        if i % 4 == 0:
            scale, clustered = wire.learnt(scale, clustered, t, l)
            t = l = 0
            unit, number = wire.unit_and_row(scale)
            form = int(clustered > 0)
            row = wire.rows_of_gaps()[form][number]
        gap, following = position - following, position + 1
        symbol = bisect.bisect(BEGINS, gap >> unit) - 1
        t, l = t + row.t[symbol], l + row.l[symbol]
        plain = LENGTH_BITS + gap.bit_length() - 1 if symbol == FAR_SYMBOL else unit + wire.GROUPS[symbol][1]
        yield (form, number), unit, symbol, plain


def fitted_bits(positions, n, contexts=None):
    """`contexts`: something for each gap, which a decoder knows before it."""
    counts, plain = collections.defaultdict(collections.Counter), 0
    for i, (row, unit, symbol, bits) in enumerate(symbols_of(positions, n)):
        counts[row, unit, contexts[i] if contexts else None][symbol] += 1
        plain += bits
    return plain + sum(count * math.log2(sum(row.values()) / count) for row in counts.values() for count in row.values())
