"""Makes this folder's golden files from compress/README.md and the headers, without mvsgd.

    python3 make_golden.py       writes block_*.bin and positions.txt, prints the mask of
                                 MajorityVote.IsTheSameForeverAndEverywhere; needs numpy
"""

import pathlib

import numpy

HERE = pathlib.Path(__file__).parent
D = 10007
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


def halves(seed, round_):
    """The 32-bit halves, low one first, of Philox4x64-10's words at {round, 0, 0, 0}, ..."""
    block = 0
    while True:
        # numpy counts up before it draws.
        counter = (round_ + (block << 192)) - 1
        words = numpy.random.Philox(key=seed + (0x766F746500000001 << 64),
                                    counter=counter % (1 << 256)).random_raw(4)
        for word in words:
            yield int(word) & 0xFFFFFFFF
            yield int(word) >> 32
        block += 1


def majority_mask(counts, k, seed, round_):
    draws = halves(seed, round_)
    order = sorted(counts, reverse=True)
    last = order[k - 1]
    wanted = k - sum(c > last for c in counts)
    left = sum(c == last for c in counts)
    mask = []
    for i, c in enumerate(counts):
        if c > last:
            mask.append(i)
        elif c == last:
            product = next(draws) * left
            while product % (1 << 32) < (1 << 32) % left:
                product = next(draws) * left
            if product >> 32 < wanted:
                mask.append(i)
                wanted -= 1
            left -= 1
    return mask


(HERE / "positions.txt").write_text("".join(f"{p}\n" for p in POSITIONS))
for size in (1, 64, 100):
    (HERE / f"block_{size}.bin").write_bytes(block_code(POSITIONS, D, size))
print(majority_mask([(i * i) % 7 for i in range(40)], 16, seed=7, round_=9))
