"""Makes the golden files of the entropy, the rANS and the delta code from their headers' rules.

    python3 make_adaptive_golden.py [--explain]

Unbounded integers replace words and carries. --explain prints the decisions of the header's
example.
"""

import bisect
import pathlib
import sys

HERE = pathlib.Path(__file__).parent
EXPLAIN = "--explain" in sys.argv


class Number:
    """An interval [low, low + size) in units of 2^-64 / 2^shift."""

    def __init__(self):
        self.low, self.size, self.shift = 0, 2**64 - 1, 0

    def decide(self, bit, probability):
        number, count = probability
        bound = (self.size >> 16) * (number >> 16)
        self.low, self.size = (self.low, bound) if bit else (self.low + bound, self.size - bound)
        if self.size < 2**32:
            self.low, self.size, self.shift = self.low << 32, self.size << 32, self.shift + 32
        count = min(count + 1, 500)
        target = 2**32 - 2**22 if bit else 2**22
        probability[:] = [number + ((target - number) * (131072 // (2 * count + 1)) >> 16), count]

    def bits(self):
        for t in range(1, 65):
            step = 2 ** (64 - t)
            v = -(-self.low // step) * step
            if v + step <= self.low + self.size:
                return f"{v // step:0{self.shift + t}b}"
        raise AssertionError


def entropy(d, positions):
    """The stream as '0' and '1'."""
    learnt = {}

    def probability(e, h, kind, *where):
        first = {"more": (12806, 20557), "high": (20090, 23527), "low": (26172, 28052),
                 "half": (29434, 30398)}[kind][h]
        return learnt.setdefault((e, h, kind, *where), [first << 16, 24])

    number, plain = Number(), ""
    a = (d << 16) // max(len(positions), 1)
    start = 0
    for position in positions:
        gap, start = position - start, position + 1
        e = a.bit_length() - 1 - 16
        h = a >> (e + 15) & 1
        units = [4 << max(e - 1, 0)] * 6
        g, left = 0, gap
        made = []

        def decide(bit, kind, *where):
            made.append(f"{kind} {bit}")
            number.decide(bit, probability(e, h, kind, *where))

        while left >= units[g]:
            decide(1, "more", min(g, 3))
            left -= units[g]
            g += 1
            if g == len(units):
                units.append(2 * units[-1])
        decide(0, "more", min(g, 3))
        n = units[g].bit_length() - 3
        quarter = left >> n
        decide(quarter >> 1, "high", min(g, 1))
        decide(quarter & 1, "low", min(g, 1), quarter >> 1)
        if left == gap < 1 << n and n > 0:
            n -= 1
            decide(gap >> n, "half")
        offset = left & (1 << n) - 1
        own = "".join(str(offset >> i & 1) for i in range(n))
        if EXPLAIN:
            print(f"{position} gap {gap} A {a} e {e} h {h} n {n}: {', '.join(made)}; plain {own}")
        plain += own
        a += (2 * (gap - offset) + (1 << n) + 1 << 11) - (a >> 4)
    if EXPLAIN:
        print(number.bits(), plain)
    return number.bits() + plain


GROUPS = [(s, 0) for s in range(16)] + [(q << e, e) for e in (2, 3, 4) for q in (4, 5, 6, 7)] + [(128, 7)]


def frequencies(known, row):
    w = known * distance(row)
    away = [2**32]
    for v in range(128):
        away.append(away[v] * (w - 8 * known + 32 * v) // (w + 32 + 32 * v))
    begins = [away[begin] for begin, _ in GROUPS] + [0]
    rounded = [max((s - t + 2**21) >> 22, 1) for s, t in zip(begins, begins[1:])]
    return [1024 - sum(rounded[1:])] + rounded[1:]


def distance(row):
    return (9 + 2 * (row % 4)) << row // 4 if row < 12 else 8 * (5 + row % 4)


def pull(known, strength, row, s):
    w = known * distance(row)
    begin, extra = GROUPS[s]
    denominator = (known + 4) * (w + 64 + 16 * (2 * begin + 2**extra - 1))
    return strength * (denominator - (known + 8) * (w + 32)) // denominator


def logarithm(f):
    octave = f.bit_length() - 1
    return 16 * octave + (16 * f >> octave) - 16


def rans(d, positions):
    """The stream of 8192 positions or more, or of what is left of d where they are more than half."""
    if 2 * len(positions) > d:
        positions = sorted(set(range(d)) - set(positions))
    assert len(positions) >= 8192
    families = [(32, 1152), (3, 1280)]
    rows = [[frequencies(known, row) for row in range(16)] for known, _ in families]
    a, c, start, learnt = (d << 16) // len(positions), 0, 0, []
    symbols, plain = [], []
    for i, position in enumerate(positions):
        if i % 4 == 0:
            a = max(a + (a * sum(pull(*families[family], row, s) for row, s in learnt) >> 12), 2**16)
            c += sum(logarithm(rows[1][row][s]) - logarithm(rows[0][row][s]) for row, s in learnt) - (c >> 6)
            learnt = []
            family = int(c > 0)
        e = a.bit_length() - 17
        u, row = (0, 4 * e) if e < 3 else (e - 2, 12)
        row += (a >> e + 14) % 4
        gap, start = position - start, position + 1
        s = max(s for s, (begin, _) in enumerate(GROUPS) if begin <= gap >> u)
        width = u + GROUPS[s][1]
        if s == 28:
            width = gap.bit_length() - 1
            plain += [width - u - 7 >> i & 1 for i in range(5)]
        plain += [gap >> i & 1 for i in range(width)]
        symbols.append((rows[family][row], s))
        learnt.append((row, s))
    states, words = [2**16] * 4, []
    for i, (row, s) in reversed(list(enumerate(symbols))):
        x, f, begin = states[i % 4], row[s], sum(row[:s])
        if x >= f << 22:
            words.insert(0, x % 2**16)
            x >>= 16
        states[i % 4] = 1024 * (x // f) + x % f + begin
    numbers = [(x, 32) for x in states] + [(w, 16) for w in words]
    return "".join(f"{x:0{width}b}"[::-1] for x, width in numbers) + "".join(map(str, plain))


def shortest_block(n, count):
    return min((count * (1 + w) + -(-n // 2**w), w) for w in range(32))[1]


def blocks(n, ranks):
    if not ranks:
        return ""
    w = shortest_block(n, len(ranks))
    bits = ""
    for begin in range(0, n, 2**w):
        for rank in ranks:
            if begin <= rank < begin + 2**w:
                bits += "1" + "".join(str(rank - begin >> i & 1) for i in range(w))
        bits += "0"
    return bits


def delta(d, previous, mask):
    left = [i for i, m in enumerate(previous) if m not in mask]
    kept = [i for i, m in enumerate(previous) if m in mask]
    added = [m - bisect.bisect(previous, m) for m in mask if m not in previous]
    k, r = len(previous), len(left)
    width = min(k, d - k).bit_length()
    bits = "".join(str(r >> i & 1) for i in range(width))
    return bits + blocks(k, left if 2 * r <= k else kept) + blocks(d - k, added)


def write(name, bits):
    bits += "0" * (-len(bits) % 8)
    data = bytes(int(bits[i:i + 8][::-1], 2) for i in range(0, len(bits), 8))
    (HERE / name).write_bytes(data)


POSITIONS = [int(word) for word in (HERE / "positions.txt").read_text().split()]
CUBES = sorted({j**3 >> 10 for j in range(4000)})
FAR = sorted({j**3 >> 10 for j in range(9000)} | {2**32 - 2})
DENSE = [i for i in range(20011) if (7 * i * i + 3 * i) % 20011 >= 9000]
RUNS = [1000 * i + 3 * j for i in range(4000) for j in range(1 + i * i % 5)]
OTHERS = sorted({(7 * i * i + 3) % 10007 for i in range(30, 101)} | {(5 * i + 1) for i in range(30)})

if EXPLAIN:
    entropy(32, [1, 9, 10, 29])
else:
    write("entropy.bin", entropy(10007, POSITIONS))
    write("entropy_cubes.bin", entropy(2**26, CUBES))
    write("rans_far.bin", rans(2**32 - 1, FAR))
    write("rans_dense.bin", rans(20011, DENSE))
    write("rans_runs.bin", rans(2**22, RUNS))
    assert len(OTHERS) == len(POSITIONS), (len(OTHERS), len(POSITIONS))
    write("delta.bin", delta(10007, POSITIONS, OTHERS))
