"""Makes the golden messages of this folder from the bit tables of comm/README.md, without mvsgd.

    python3 make_golden.py

Prints nothing; the files are the worked examples.
"""

import pathlib
import struct

HERE = pathlib.Path(__file__).parent


def header(kind, value_bits, codec, sender, round_, dimension, count, block_size):
    return struct.pack("<4B5I", 1, kind, value_bits, codec, sender, round_, dimension, count,
                       block_size)


def packed(bits):
    """Bytes of a string of '0' and '1' in stream order: the first is bit 0 of byte 0."""
    bits = bits.replace(" ", "")
    bits += "0" * (-len(bits) % 8)
    return bytes(int(bits[i:i + 8][::-1], 2) for i in range(0, len(bits), 8))


def float32(values):
    """The bits of float32 values in stream order, as a string for packed()."""
    words = (struct.unpack("<I", struct.pack("<f", value))[0] for value in values)
    return "".join(f"{word:032b}"[::-1] for word in words)


# Flag, then the offset's two or three bits, the lowest first; 0 ends a block.
#           1     .   6     7     .   -   12    .   -
VOTE = "1 10 0   1 01  1 11 0   0   1 00 0   0"

#         2  .      9  .   -
ADD = "1 010 0   1 100 0   0"

(HERE / "vote.bin").write_bytes(header(2, 0, 1, 3, 7, 18, 4, 4) + packed(VOTE))
(HERE / "update.bin").write_bytes(header(6, 32, 0, 3, 7, 18, 2, 0) + struct.pack("<2f", 1.0, -0.5))
(HERE / "add.bin").write_bytes(header(3, 0, 1, 3, 8, 18, 2, 8) + packed(ADD))

# Codes of 1.0, -0.5, 0.25, -0.125: the level minus 1 and the sign; then the two level means.
CODES = "00 01 10 11"
MEANS = [(1.0 + 0.5) / 2, (0.25 + 0.125) / 2]
(HERE / "quantized_update.bin").write_bytes(
    header(6, 2, 0, 3, 7, 18, 4, 0) + packed(CODES + float32(MEANS)))

# The vote of round 8 as a change from {1, 6, 7, 12}, that of round 7: r = 1 in 3 bits; then rank 1
# of 4 (6 has left) and rank 6 of 14 (9 is new), in the entropy code.
CHANGE = "1 100 1011 100101"
(HERE / "changed_vote.bin").write_bytes(header(2, 0, 7, 3, 8, 18, 4, 4) + packed(CHANGE))

# 32 values with q = 3, two of level 2 and the others of level 1: one row of frequencies in 256
# slots.
NEGATIVE = {2, 3, 7, 11, 12, 19, 22, 30}
SECOND = {5, 17}
FREQUENCIES = [240, 16, 0, 0]
state = 1 << 16
for i in reversed(range(32)):
    s = 1 if i in SECOND else 0
    f = FREQUENCIES[s]
    assert state < f << 24  # no word leaves
    state = 256 * (state // f) + state % f + sum(FREQUENCIES[:s])
FIELDS = [
    "10",  # model 1
    "".join("1" if i in NEGATIVE else "0" for i in range(32)),
    "000 1 000011",  # 240 = 3 * 2^6 + 48
    "0000 1 00",  # 16 = 4 * 2^2, and nothing is left
    f"{state:032b}"[::-1],
]
(HERE / "entropy_update.bin").write_bytes(
    header(6, 3, 8, 3, 7, 100, 32, 0) + packed("".join(FIELDS) + float32([1.0, 0.5, 0.0, 0.0])))

# The signs of 1.0, -0.5, 0.25, -0.125; then the one scale of all four.
SIGNS = "0 1 0 1"
SCALE = [(1.0 + 0.5 + 0.25 + 0.125) / 4]
(HERE / "scaled_sign_update.bin").write_bytes(
    header(6, 1, 0, 3, 7, 18, 4, 4) + packed(SIGNS + float32(SCALE)))
