"""Makes the golden messages of this folder from the bit tables of comm/README.md, without mvsgd.

    python3 make_golden.py

Prints nothing; the files are the two worked examples.
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


# Flag, then the offset's two bits, the lowest first; 0 ends a block.
#           1     .   6     7     .   -   12    .   -
VOTE = "1 10 0   1 01  1 11 0   0   1 00 0   0"

(HERE / "vote.bin").write_bytes(header(2, 0, 1, 3, 7, 18, 4, 4) + packed(VOTE))
(HERE / "update.bin").write_bytes(header(6, 32, 0, 3, 7, 18, 2, 0) + struct.pack("<2f", 1.0, -0.5))
