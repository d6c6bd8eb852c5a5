"""Makes the seed inputs of corpus/: valid streams, and one hostile stream for each thing refused.

    python3 make_corpus.py

Inputs that a fuzzer finds are added beside them under the name of what they showed.
"""

import pathlib
import struct

HERE = pathlib.Path(__file__).parent
GOLDEN = HERE.parent / "golden"


def write(target, name, data):
    folder = HERE / "corpus" / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data)


def packed(bits):
    """Bytes of a string of '0' and '1' in stream order: the first is bit 0 of byte 0."""
    bits = bits.replace(" ", "")
    bits += "0" * (-len(bits) % 8)
    return bytes(int(bits[i:i + 8][::-1], 2) for i in range(0, len(bits), 8))


def widths(cut, *of_each):
    return bytes([cut, len(of_each), *of_each])


STREAM = bytes((37 * i + 11) % 256 for i in range(96))
write("bit_stream", "bytes", widths(0, *[8] * 96) + STREAM)
write("bit_stream", "odd_widths", widths(3, 1, 0, 64, 7, 63, 33, 64, 64) + STREAM)
write("bit_stream", "floats_aligned", widths(0, 66, 8, 67) + STREAM)
write("bit_stream", "floats_unaligned", widths(0, 3, 65, 64, 68) + STREAM)
write("bit_stream", "more_than_there_is", widths(5, 255, 64, 64, 1) + STREAM[:11])
write("bit_stream", "empty", widths(9, 0, 1, 65))

VOTE = (GOLDEN / "comm" / "vote.bin").read_bytes()
UPDATE = (GOLDEN / "comm" / "update.bin").read_bytes()
write("message", "vote", bytes([17]) + VOTE)
write("message", "update", bytes([64]) + UPDATE)
write("message", "padding_not_zero", bytes([17]) + VOTE[:-1] + b"\x80")
write("message", "foreign_version", bytes([17]) + b"\x02" + VOTE[1:])
write("message", "unknown_kind", bytes([17]) + VOTE[:1] + b"\xff" + VOTE[2:])
write("message", "too_long", bytes([17]) + VOTE + b"\x00")


def codec(name, d, block, stream):
    data = d.to_bytes(2, "little") + block.to_bytes(2, "little") + stream
    write("block_position_codec", name, data)


codec("example", 16, 4, packed("1 10 0  1 01 1 11 0  0  1 00 0"))
codec("golden_100", 10007, 100, (GOLDEN / "compress" / "block_100.bin").read_bytes())
codec("golden_1", 10007, 1, (GOLDEN / "compress" / "block_1.bin").read_bytes())
codec("offset_outside_its_block", 10, 5, packed("0 1 101 0"))
codec("position_outside_the_model", 10, 4, packed("0 0 1 01 0"))
codec("out_of_order", 8, 4, packed("0 1 01 1 10 0"))
codec("twice", 3, 1, packed("11 0 0 0"))


def any_codec(name, codec_id, d, parameter, count, stream):
    prefix = struct.pack("<BIIH", codec_id, d, parameter, count)
    write("position_codec", name, prefix + stream)


def golden(name):
    return (GOLDEN / "compress" / name).read_bytes()


any_codec("block", 1, 16, 4, 4, packed("1 10 0  1 01 1 11 0  0  1 00 0"))
any_codec("block_golden", 1, 10007, 100, 101, golden("block_100.bin"))
any_codec("block_too_many", 1, 16, 4, 3, packed("1 10 0  1 01 1 11 0  0  1 00 0"))
any_codec("elias_fano", 2, 16, 0, 4, packed("10 110 0 10  10 01 11 00"))
any_codec("elias_fano_golden", 2, 10007, 0, 101, golden("elias_fano.bin"))
any_codec("elias_fano_out_of_order", 2, 16, 0, 4, packed("10 110 0 10  10 11 01 00"))
any_codec("elias_fano_outside_the_model", 2, 15, 0, 4, packed("1110 0000 0000 100"))
any_codec("elias_fano_too_few_flags", 2, 16, 0, 4, packed("10 010 0 10  10 01 11 00"))
any_codec("elias_fano_no_positions", 2, 16, 0, 0, b"")
any_codec("rice", 3, 16, 2, 4, packed("11  0010  10  0010"))
any_codec("rice_golden", 3, 10007, 64, 101, golden("rice_64.bin"))
any_codec("rice_outside_the_model", 3, 12, 2, 4, packed("11  0010  10  0010"))
any_codec("rice_long_run", 3, 0xFFFFFFFF, 1, 1, bytes(40) + b"\x80")
any_codec("rice_run_too_long", 3, 300, 1, 1, bytes(40) + b"\x80")
any_codec("radix", 4, 20, 5, 4, packed("10 110 10 0  0001110 010"))
any_codec("radix_golden", 4, 10007, 100, 101, golden("radix_100.bin"))
any_codec("radix_golden_129", 4, 10007, 129, 101, golden("radix_129.bin"))
any_codec("radix_group_too_large", 4, 20, 5, 4, packed("10 110 10 0  1011111 010"))
any_codec("unknown", 99, 20, 5, 4, packed("10 110 10 0  0001110 010"))


def quantized(name, q, codes, magnitudes, block=0):
    """Codes as integers of q bits, magnitudes as floats."""
    prefix = bytes([q]) + len(codes).to_bytes(2, "little") + block.to_bytes(2, "little")
    values = [(code, q) for code in codes]
    values += [(struct.unpack("<I", struct.pack("<f", m))[0], 32) for m in magnitudes]
    bits = "".join(f"{value:0{width}b}"[::-1] for value, width in values)
    write("quantizer", name, prefix + packed(bits))


quantized("scaled_sign", 1, [0, 1, 1, 0, 1], [2], 0)
quantized("scaled_sign_blocks", 1, [0, 1, 1, 0, 1], [2, 2], 3)
quantized("fractional", 3, [0, 4, 6, 3, 3, 3, 5], [13, 6, 4, 1])
quantized("fractional_8_bits", 8, range(0, 256, 5), [2.0 ** (64 - l) for l in range(128)])
quantized("level_of_mean_zero", 2, [0, 1, 2, 3], [1, 0])
quantized("no_values", 2, [], [0, 0])
quantized("mean_negative", 2, [0, 1], [1, -1])
quantized("mean_minus_zero", 2, [0, 1], [1, -0.0])
quantized("mean_infinite", 2, [0, 1], [float("inf"), 1])
quantized("scale_nan", 1, [0, 1], [float("nan")])


def entropy(name, d, count, stream):
    write("entropy_codec", name, d.to_bytes(4, "little") + count.to_bytes(2, "little") + stream)


entropy("example", 32, 4, packed("1110001111101101 110"))
entropy("golden", 10007, 101, (GOLDEN / "compress" / "entropy.bin").read_bytes())
entropy("no_positions", 10, 0, packed("0"))
entropy("not_the_shortest", 10, 0, packed("1"))
entropy("position_outside_the_model", 1000, 10, bytes(64))
entropy("more_positions_than_coordinates", 10, 11, bytes(64))
entropy("more_positions_than_bits_hold", 2**32 - 1, 65535, bytes(4))
entropy("all_ones", 2**32 - 1, 20, b"\xff" * 64)


def delta(name, d, step, stream):
    write("delta_codec", name, d.to_bytes(2, "little") + step.to_bytes(2, "little") + stream)


# Previous sets: {0, 4, 8, 12} of 16 and {0, 2, 4, 6, 8} of 9.
delta("one_changed", 16, 3, packed("100  1 1 0 0  0 1 01 0 0"))
delta("none_changed", 16, 3, packed("000"))
delta("all_changed", 16, 3, packed("001  1 0 0  1 1 0  0  1 0 1 1 0  0  0"))
delta("too_many", 9, 1, packed("101"))
delta("another_number_than_r", 16, 3, packed("100  0 0  0 1 01 0 0"))


def safetensors(name, header, data=b""):
    write("safetensors", name, len(header).to_bytes(8, "little") + header + data)


MATRIX = b'"m": {"dtype": "F32", "shape": [1, 2], "data_offsets": [0, 8]}'
COUNT = b'"n": {"dtype": "I64", "shape": [], "data_offsets": [8, 16]}'
SIXTEEN = bytes(range(16))
safetensors("two_arrays", b"{" + MATRIX + b", " + COUNT + b"}  ", SIXTEEN)
safetensors("metadata", b'{"__metadata__": {"format": "pt"}, ' + MATRIX + b"}", SIXTEEN[:8])
safetensors("no_array", b"{}")
safetensors("empty_arrays", b'{"a": {"dtype": "U32", "shape": [0], "data_offsets": [0, 0]},'
            b' "b": {"dtype": "U32", "shape": [3, 0], "data_offsets": [0, 0]}}')
safetensors("overlap", b"{" + MATRIX + b", " + COUNT.replace(b"[8, 16]", b"[4, 12]") + b"}", SIXTEEN)
safetensors("gap", b"{" + COUNT + b"}", SIXTEEN)
safetensors("past_the_end", b"{" + MATRIX + b", " + COUNT + b"}", SIXTEEN[:12])
safetensors("bytes_left_over", b"{" + MATRIX + b"}", SIXTEEN)
safetensors("name_twice", b"{" + MATRIX + b", " + MATRIX + b"}", SIXTEEN[:8])
safetensors("key_twice", b'{"m": {"dtype": "F32", "dtype": "I64", "shape": [], "data_offsets": [0, 8]}}',
            SIXTEEN[:8])
safetensors("unknown_dtype", b"{" + MATRIX.replace(b"F32", b"F64") + b"}", SIXTEEN)
safetensors("shape_overflows", b'{"m": {"dtype": "F32", "shape": [4294967296, 4294967296, 0],'
            b' "data_offsets": [0, 0]}}')
safetensors("offsets_reversed", b"{" + MATRIX.replace(b"[0, 8]", b"[8, 0]") + b"}", SIXTEEN[:8])
safetensors("offset_negative", b"{" + MATRIX.replace(b"[0, 8]", b"[-8, 0]") + b"}", SIXTEEN[:8])
safetensors("nested", b'{"m": {"shape": [' + b"[" * 100 + b"]" * 100 + b"]}}")
safetensors("no_object", b"[1, 2]")
safetensors("no_json", b'{"m": }')
safetensors("number_out_of_range", b'{"m": {"dtype": "F32", "shape": [1e999], "data_offsets": [0, 4]}}', bytes(4))
