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

# Their signs; then the one scale of all four.
SIGNS = "0 1 0 1"
SCALE = [(1.0 + 0.5 + 0.25 + 0.125) / 4]
(HERE / "scaled_sign_update.bin").write_bytes(
    header(6, 1, 0, 3, 7, 18, 4, 4) + packed(SIGNS + float32(SCALE)))
