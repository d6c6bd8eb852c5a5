"""Makes this folder's golden files from compress/README.md and the headers, without mvsgd.

    python3 make_golden.py       writes *.bin and positions.txt, prints the masks of
                                 MajorityVote.IsTheSameForeverAndEverywhere and
                                 RandomSelection.IsTheSameForeverAndEverywhere, and the numbers of
                                 Draws.AreTheSameForeverAndEverywhere; needs numpy
"""

import fractions
import pathlib

import numpy

HERE = pathlib.Path(__file__).parent
D = 10007
TIE_BREAK = 0x766F746500000001
RANDOM_SELECTION = 0x766F746500000002
POSITIONS = sorted({(7 * i * i + 3) % D for i in range(101)})


def block_code(positions, d, block):
    width = (block - 1).bit_length()
    bits = ""
    for begin in range(0, d, block):
        for position in positions:
            if begin <= position < begin + block:
                offset = f"{position - begin:0{width}b}"[::-1] if width else ""
                bits += "1" + offset
        bits += "0"
    bits += "0" * (-len(bits) % 8)
    return bytes(int(bits[i:i + 8][::-1], 2) for i in range(0, len(bits), 8))


def packed(bits):
    bits += "0" * (-len(bits) % 8)
    return bytes(int(bits[i:i + 8][::-1], 2) for i in range(0, len(bits), 8))


def number(value, width):
    return f"{value:0{width}b}"[::-1] if width else ""


def flags(positions, d, block):
    per_block = [0] * -(-d // block)
    for position in positions:
        per_block[position // block] += 1
    return "".join("1" * n + "0" for n in per_block)


def elias_fano_code(positions, d):
    low = 0
    while 2 << low <= d // len(positions):
        low += 1
    return packed(flags(positions, d, 1 << low)
                  + "".join(number(p % (1 << low), low) for p in positions))


def rice_code(positions, low):
    gaps = [p - before - 1 for before, p in zip([-1] + positions, positions)]
    return packed("".join("0" * (g >> low) + "1" + number(g % (1 << low), low) for g in gaps))


def radix_code(positions, d, block):
    def width(i):
        return (block**i - 1).bit_length()

    groups = (m for m in range(1, 64) if block**m < 1 << 64)
    m = min(groups, key=lambda m: (fractions.Fraction(width(m), m), m))
    bits = flags(positions, d, block)
    for begin in range(0, len(positions), m):
        offsets = [p % block for p in positions[begin:begin + m]]
        bits += number(sum(o * block**i for i, o in enumerate(offsets)), width(len(offsets)))
    return packed(bits)


def words(seed, purpose, round_):
    """Philox4x64-10's words under the key {seed, purpose} at {round, 0, 0, 0}, ..."""
    block = 0
    while True:
        # numpy counts up before it draws.
        counter = (round_ + (block << 192)) - 1
        yield from map(int, numpy.random.Philox(key=seed + (purpose << 64),
                                                counter=counter % (1 << 256)).random_raw(4))
        block += 1


def halves(seed, purpose, round_):
    """The 32-bit halves of the words, the low one first."""
    for word in words(seed, purpose, round_):
        yield word & 0xFFFFFFFF
        yield word >> 32


def below(draws, n):
    """Uniform on 0..n-1 from halves."""
    product = next(draws) * n
    while product % (1 << 32) < (1 << 32) % n:
        product = next(draws) * n
    return product >> 32


def below_wide(draws, n):
    """Uniform on 0..n-1 from words."""
    word = next(draws)
    while word < (1 << 64) % n:
        word = next(draws)
    return word % n


def majority_mask(counts, k, seed, round_):
    draws = halves(seed, TIE_BREAK, round_)
    order = sorted(counts, reverse=True)
    last = order[k - 1]
    wanted = k - sum(c > last for c in counts)
    left = sum(c == last for c in counts)
    mask = []
    for i, c in enumerate(counts):
        if c > last:
            mask.append(i)
        elif c == last:
            if below(draws, left) < wanted:
                mask.append(i)
                wanted -= 1
            left -= 1
    return mask


def random_selection(counts, k, seed, round_):
    draws = words(seed, RANDOM_SELECTION, round_)
    urn = [i for i, c in enumerate(counts) for _ in range(c)]  # a ball for each vote, in order
    mask = []
    for _ in range(k):
        mask.append(urn[below_wide(draws, len(urn))])
        urn = [i for i in urn if i != mask[-1]]
    return sorted(mask)


(HERE / "positions.txt").write_text("".join(f"{p}\n" for p in POSITIONS))
for size in (1, 64, 100):
    (HERE / f"block_{size}.bin").write_bytes(block_code(POSITIONS, D, size))
(HERE / "elias_fano.bin").write_bytes(elias_fano_code(POSITIONS, D))
(HERE / "rice_64.bin").write_bytes(rice_code(POSITIONS, 6))
(HERE / "radix_100.bin").write_bytes(radix_code(POSITIONS, D, 100))
(HERE / "radix_129.bin").write_bytes(radix_code(POSITIONS, D, 129))
COUNTS = [(i * i) % 7 for i in range(40)]
print(majority_mask(COUNTS, 16, seed=7, round_=9))
print(random_selection(COUNTS, 16, seed=7, round_=9))
drawn = halves(7, TIE_BREAK, 9)
print([below(drawn, (1 << 31) + 1) for _ in range(8)])
drawn = words(7, RANDOM_SELECTION, 9)
print([hex(below_wide(drawn, (1 << 63) + 1)) for _ in range(8)])
