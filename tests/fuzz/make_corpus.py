"""Makes the seed inputs of corpus/: valid streams, and one hostile stream for each thing refused.

    python3 make_corpus.py

Inputs that a fuzzer finds are added beside them, named after what they showed. Inputs that show
nothing but reach code that no other does are named fuzzed_N.
"""

import io
import json
import lzma
import pathlib
import struct
import tarfile

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


def layered(name, codec_id, parameter, count, counted, layers, stream):
    """A layer is its size and its count; nothing is sent of one whose count is its size."""
    data = struct.pack("<BHHBB", codec_id, parameter, count, counted, len(layers))
    for size, most in layers:
        data += struct.pack("<HB", size, most + 128 * (size == most))
    write("layer_codec", name, data + stream)


THREE = [(8, 2), (2, 2), (8, 1)]
layered("example", 1, 4, 5, 0, THREE, packed("1 10 0  1 01 0  0  1 10 0"))
layered("counted", 1, 4, 2, 1, [(8, 3), (2, 0), (8, 3)], packed("10 1 10 0 0  10 0 1 10 0"))
layered("too_many_of_a_layer", 1, 4, 2, 1, [(8, 2), (2, 0), (8, 3)], packed("11 1 10 1 01 0 1 10 0"))
layered("another_count", 1, 4, 4, 0, THREE, packed("1 10 0  1 01 0  0  1 10 0"))
layered("rice_outside_its_layer", 3, 1, 1, 0, [(3, 1), (9, 0)], packed("0001  0"))
layered("rank_of_one_in_an_empty_layer", 1, 4, 0, 0, [(0, 0), (5, 0)], packed("0 0"))
layered("no_layers", 1, 4, 0, 0, [], b"")
for number in range(2, 7):
    layered(f"zeros_{number}", number, 2, 6, 1, [(40, 5), (40, 3)], bytes(30))


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
quantized("float16", 16, [0x3C00, 0x8000, 0x0001, 0xFBFF], [])
quantized("float16_infinite", 16, [0x3C00, 0x7C00], [])
quantized("bfloat16", 16, [0x3F80, 0x8000, 0x0001, 0x7F7F], [], 10)
quantized("bfloat16_nan", 16, [0x3F80, 0xFFC0], [], 10)


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


def rans(name, d, count, stream):
    write("rans_codec", name, d.to_bytes(4, "little") + count.to_bytes(2, "little") + stream)


DENSE = (GOLDEN / "compress" / "rans_dense.bin").read_bytes()
OF_DENSE = sum((7 * i * i + 3 * i) % 20011 >= 9000 for i in range(20011))
ONE = (1 << 16).to_bytes(4, "little")
rans("golden_of_others", 20011, OF_DENSE, DENSE)
rans("golden_of_clusters", 1 << 22, sum(1 + i * i % 5 for i in range(4000)),
     (GOLDEN / "compress" / "rans_runs.bin").read_bytes())
rans("cut", 20011, OF_DENSE, DENSE[:1500])
rans("plain_bits_cut", 20011, OF_DENSE, DENSE[:-3])
rans("another_count", 20011, OF_DENSE + 1, DENSE)
rans("another_d", 20012, OF_DENSE, DENSE)
rans("few_by_the_entropy_code", 32, 4, packed("1110001111101101 110"))
rans("everything", 9000, 9000, packed("0"))
rans("state_too_small", 32768, 8192, ONE * 3 + bytes(4) + bytes(2000))
rans("lane_of_another_end", 32768, 8192, ONE[:2] + b"\x02\x00" + ONE * 3 + b"\x55" * 3000)
rans("gaps_beyond_any_d", 32768, 8192, ONE * 4 + b"\xff" * 3000)
rans("positions_beyond_d", 8192 * 4, 8192, b"\x5b\x16\x1b\x00" * 4 + b"\xff\x7f" * 2000)
rans("more_positions_than_coordinates", 9000, 9001, bytes(64))
rans("more_gaps_than_bits_hold", 2**32 - 1, 65535, bytes(64))


def code_entropy(name, q, count, step, *fields):
    """Fields as strings of '0' and '1', or pairs of a number and its width."""
    bits = "".join(f if isinstance(f, str) else f"{f[0]:0{f[1]}b}"[::-1] for f in fields)
    write("code_entropy", name, bytes([q]) + count.to_bytes(2, "little") + bytes([step]) + packed(bits))


def change(name, d, step, stream):
    write("change_codec", name, d.to_bytes(2, "little") + step.to_bytes(2, "little") + stream)


SIGNS = "00110001000110000001001000000010"
ROW = "000 1 000011  0000 1 00"
code_entropy("example", 3, 32, 0, "10", SIGNS, ROW, (116191008, 32))
code_entropy("no_codes", 4, 0, 0, "00")
code_entropy("plain", 2, 5, 2, "00", "01 11 00 10 01")
code_entropy("plain_that_is_longer", 4, 64, 0, "00", "0000" * 64)
code_entropy("model_3", 4, 32, 2, "11", "0" * 200)
code_entropy("low_bits_of_no_level", 4, 32, 2, "11 1 110", "0" * 200)
code_entropy("no_low_bits", 4, 32, 2, "11 0 000", "0" * 200)
code_entropy("low_bits_that_cost_more", 3, 32, 0, "11 0 100", SIGNS, "0" * 32, "0 1 0000000", (1 << 16, 32))
code_entropy("two_rows_without_a_vote", 4, 32, 0, "01", "0" * 200)
code_entropy("two_rows_of_one_level", 4, 90, 2, "01", "0" * 90, "1 00000" * 7, "1 00000" * 7, (1 << 16, 32))
code_entropy("frequency_above_what_is_left", 3, 32, 0, "10", SIGNS, "0000 1 000001", (1 << 16, 32))
code_entropy("frequency_without_an_end", 3, 32, 0, "10", SIGNS, "0" * 400)
code_entropy("state_too_small", 3, 32, 0, "10", SIGNS, ROW, (65535, 32))
code_entropy("state_of_another_end", 3, 32, 0, "10", SIGNS, ROW, (116191009, 32))
code_entropy("frequencies_of_other_codes", 3, 32, 0, "10", SIGNS, "000 1 100011  0000 1 00", (116191008, 32))
code_entropy("count_without_signs", 3, 65535, 0, "10", SIGNS, ROW, (116191008, 32))
code_entropy("eight_lanes", 2, 9000, 3, "10", "01" * 4500, "00 1 0000000", *[(1 << 16, 32)] * 8)

change("example_like", 16, 3, packed("1 100 1011 100101"))
change("no_change", 12, 2, packed("1 000"))
change("whole", 12, 3, packed("0 1 01 1 11 0 1 10 0 0"))
change("whole_that_is_longer", 12, 3, packed("0 1 00 0 1 00 0 1 00 0"))
change("more_new_than_outside", 5, 0, packed("1 1"))
change("all_ones", 60000, 99, b"\xff" * 64)
change("zeros", 60000, 99, bytes(64))


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


def message(kind, body, value_bits=0, codec=0, sender=0, dimension=16, count=4, parameter=0):
    """A message of round 7, as comm/README.md has it."""
    return struct.pack("<4B5I", 1, kind, value_bits, codec, sender, 7, dimension, count,
                       parameter) + body


def floats(*values):
    return struct.pack(f"<{len(values)}f", *values)


def protocol(name, data, codec=0, q=0, scheme=0):
    """d = 16, phi = 0.25, phi_ad = 0.1, so that K = 4 and K_ad = 2. `codec`, `q` and `scheme` are
    as the target says. By layer (32) there are 8, 1, 2 and 5 coordinates, and 2, 1, 1 and 2 of them."""
    prefix = struct.pack("<6BH", codec, q, scheme, data[1] - 1, 25 - 1, 10 - 1, 16 - 1)
    write("protocol", name, prefix + data)


FOUR = packed("1 10 0  1 01 1 11 0  0  1 00 0")
protocol("vote", message(2, FOUR, codec=1, parameter=4))
protocol("vote_of_too_few", message(2, FOUR, codec=1, count=3, parameter=4))
protocol("vote_of_another_model", message(2, FOUR, codec=1, dimension=17, parameter=4))
protocol("vote_elias_fano", message(2, packed("10 110 0 10  10 01 11 00"), codec=2), codec=1)
protocol("vote_rice", message(2, packed("11  0010  10  0010"), codec=3, parameter=4), codec=2)
protocol("vote_radix", message(2, packed("10 110 0 10  10 01 11 00"), codec=4, parameter=4), codec=3)
protocol("vote_entropy", message(2, packed("1110001111101101 110"), codec=5), codec=4)
protocol("add", message(3, packed("1 0100 1 1001 0  0"), codec=1, count=2, parameter=10))
protocol("add_of_none", message(3, packed("0  0"), codec=1, count=0, parameter=10))
protocol("drop", message(4, packed("1 0000 1 0010 0  0"), codec=1, count=2, parameter=10))
protocol("drop_ranks", message(4, packed("1 1 0  1 1 0"), codec=1, dimension=4, count=2, parameter=2),
         codec=8)
protocol("mask", message(5, FOUR, codec=1, sender=2, parameter=4))
protocol("mask_delta", message(5, packed("100  1 1 0 0  0 1 01 0 0"), codec=6, sender=2), codec=8)
protocol("mask_union", message(5, packed("1 0 0  1 1 0  1 0 1 1 0  0  1 0 0  0  0  0"), codec=1,
                               sender=2, count=5, parameter=2), scheme=1)
protocol("update", message(6, floats(1, -2, 0, 4), value_bits=32))
protocol("update_fractional", message(6, packed("10 11 00 01") + floats(2, 1), value_bits=2), q=2)
protocol("update_sign", message(6, packed("1001") + b"", value_bits=1, parameter=4), q=1)
protocol("update_float16", message(6, struct.pack("<4e", 1, -2, 0, 4), value_bits=16), q=128)
protocol("update_bfloat16", message(6, struct.pack("<4H", 0x3F80, 0xC000, 0, 1), value_bits=16, codec=10), q=129)
protocol("aggregate_fractional", message(7, packed("10 11 00 01") + floats(2, 1), value_bits=2, sender=2),
         codec=64, q=2, scheme=2)
BY_LAYER = packed("1 10 0  1 01 0   1 00 0  1 00 0  1 00 0")
protocol("vote_by_layer", message(2, BY_LAYER, codec=65, count=6, parameter=4), codec=32)
protocol("vote_by_layer_of_mv", message(2, BY_LAYER, codec=65, count=6, parameter=4), codec=32, scheme=2)
protocol("vote_by_layer_rice", message(2, packed("11 0100  0 01  1 00  010"), codec=67, count=6, parameter=2), codec=34)
protocol("add_by_layer", message(3, packed("1 1 0011 0  0  00"), codec=65, count=1, parameter=10), codec=32)
protocol("add_ranks", message(3, packed("1 0000 1 0010 0  0"), codec=1, dimension=12, count=2, parameter=10), scheme=4)
protocol("reduce", message(10, floats(1, -2), value_bits=32, count=2, parameter=1), scheme=2)
protocol("gather", message(11, floats(1, -2), value_bits=32, count=2, parameter=1), scheme=2)
protocol("gather_of_another_block", message(11, floats(1, -2), value_bits=32, count=2), scheme=2)
protocol("dense", message(1, floats(*range(16)), value_bits=32, count=16))
protocol("aggregate", message(7, floats(*range(16)), value_bits=32, sender=2, count=16))
protocol("buffers", message(9, floats(*range(5)), value_bits=32, dimension=5, count=5))


def votes(name, workers, check_votes, *calls):
    """K = 2 and K_ad = 1; a call is a worker and two lists."""
    data = bytes([workers - 1, 1, 0, check_votes])
    for worker, add, drop in calls:
        data += bytes([worker, len(add), len(drop), *add, *drop])
    write("vote_sum", name, data)


votes("changes", 2, 1, (0, [1, 66], []), (1, [1, 7], []), (0, [7], [66]), (1, [69], [1]))
votes("kept_by_none", 2, 0, (0, [1, 66], []), (1, [1, 7], []), (0, [9], [7]))
votes("refused_against_the_vote", 2, 1, (0, [1, 66], []), (1, [1, 7], []), (0, [9], [7]))
votes("add_of_what_all_have", 2, 0, (0, [1, 2], []), (1, [1, 3], []), (1, [1], [3]))
votes("drop_of_what_none_has", 1, 0, (0, [1, 2], []), (0, [4], [3]))
votes("out_of_order", 1, 0, (0, [2, 1], []), (0, [1, 70], []), (0, [1, 2, 3], []))
votes("too_many", 1, 0, (0, [1, 2], []), (0, [3, 4], [1, 2]), (0, [3], []), (0, [3], [3]))


def edits(name, file, *changes):
    """Alters number `file` of manifest.json, progress.json and arrays.safetensors."""
    data = bytes([file])
    for at, away, put in changes:
        data += at.to_bytes(3, "little") + bytes([away, len(put)]) + put
    write("checkpoint", name, data)


for number, of in enumerate(["manifest", "progress", "arrays"]):
    edits(f"{of}_whole", number)
    edits(f"{of}_empty", number, *[(0, 255, b"")] * 20)
    edits(f"{of}_with_a_byte_more", number, (0, 0, b" "))
edits("manifest_of_another_version", 0, (49, 1, b"2"))
edits("progress_of_half_a_round", 1, (13, 1, b"1.5"))
edits("progress_of_a_round_too_large_for_any_integer", 1, (13, 1, b"1e300"))
edits("progress_of_round_minus_one", 1, (13, 1, b"-1"))


def tar_of(entries):
    """An entry is a name, its content, and its other attributes."""
    with io.BytesIO() as file:
        with tarfile.open(fileobj=file, mode="w", format=tarfile.USTAR_FORMAT) as archive:
            for path, content, more in entries:
                entry = tarfile.TarInfo(path)
                entry.size = len(content)
                for key, value in more.items():
                    setattr(entry, key, value)
                archive.addfile(entry, io.BytesIO(content))
        return file.getvalue()[: archive.offset]


def tar(name, *entries):
    write("archive", name, tar_of(entries))


ONE = ("folder/one.bin", b"first", {})
TWO = ("folder/two.bin", b"second" * 100, {})
tar("whole", ("folder", b"", {"type": tarfile.DIRTYPE}), ("folder/readme", b"pass", {}), ONE, TWO)
tar("one_is_missing", TWO)
tar("one_is_there_twice", ONE, ONE, TWO)
tar("one_is_longer", ("folder/one.bin", b"firsts", {}), TWO)
tar("link", ("folder/one.bin", b"", {"type": tarfile.SYMTYPE, "linkname": "/etc/passwd"}))
tar("leaves", ("folder/../one.bin", b"first", {}))


def bundled(name, *entries):
    """A tar, which the fuzz target wraps in xz."""
    write("bundle", name, b"\1" + tar_of(entries))


A = ("run/a.json", b"{}\n", {})
B = ("run/b.csv", b"x,y\n" * 20, {})
bundled("two_files", A, B)
write("bundle", "two_files_compressed", b"\0" + lzma.compress(tar_of([A, B])))
bundled("a_file_twice", A, A)
bundled("two_folders", A, ("other/b.csv", b"1\n", {}))
bundled("no_folder", ("a.json", b"{}\n", {}))
bundled("folder_above", ("../a.json", b"{}\n", {}))
bundled("link", A, ("run/b.csv", b"", {"type": tarfile.SYMTYPE, "linkname": "a.json"}))
bundled("device", ("run/a.json", b"", {"type": tarfile.CHRTYPE}))
write("bundle", "plain_tar", b"\0" + tar_of([A]))
write("bundle", "empty_plain_tar", b"\0" + bytes(1024))


def event(*fields):
    return b"\x09" + struct.pack("<d", 1.5) + b"".join(fields)


def events(name, t, *of, torn=b""):
    data = bytes([t, len(of)]) + b"".join(bytes([len(e)]) + e for e in of)
    write("event_file", name, data + torn)


VERSION = event(b"\x1a\x0dbrain.Event:2")
SUMMARY = b"\x2a\x0c\x0a\x0a\x0a\x03x/y\x15" + floats(0.5)
events("three_rounds", 2, VERSION, *(event(b"\x10" + bytes([t]), SUMMARY) for t in [1, 2, 3]))
events("nothing_left", 0, VERSION, event(b"\x10\x01", SUMMARY))
events("torn", 9, VERSION, event(b"\x10\x01", SUMMARY), torn=b"\x20" + bytes(7) + b"torn")
events("large_step", 255, VERSION, event(b"\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", SUMMARY))
events("no_event", 0, torn=b"\xff" * 30)


def record(label):
    return bytes([label]) + bytes(3072)


write("cifar10", "two_records", record(9) + record(0))
write("cifar10", "label_above_9", record(0) + record(10))
write("cifar10", "no_record", b"")

LAYERS = list(dict.fromkeys(
    line.split()[0].rsplit(".", 1)[0]
    for line in (GOLDEN / "nn" / "parameters.txt").read_text().splitlines()))
LEDGER = "round,worker,direction,kind,field,bits\n"
MODEL = "0,0,down,model,header,192\n0,0,down,model,initial_model,94272\n"


def metrics(t, **more):
    return {"round": t, "epoch": t / 4, "local_steps": 1, "dense": t == 1, "learning_rate": 0.1,
            "loss": 2.5, "images": 16, "bits_up": 1000, "bits_down": 2000, "seconds": t} | more


def run_files(name, lines, ledger):
    text = "".join(line if isinstance(line, str) else json.dumps(line) + "\n" for line in lines)
    write("run_files", name, (text + "#" + ledger).encode())


END = {"end": True, "theta_sha256": "0" * 64, "test_loss": 2.25, "test_accuracy": 0.125,
       "rate_uplink": 78.0, "rate_both_ways": None}
run_files("finished", [metrics(1), metrics(2, mask_overlap=0.5, test_loss=2.0, test_accuracy=0.1,
                                           kept_by_layer=dict.fromkeys(LAYERS, 0)), END],
          LEDGER + MODEL + "1,0,up,dense,header,192\n")
run_files("end_with_files", [END | {"files": {"ledger.csv": {"bytes": 39, "sha256": "0" * 64}}}], LEDGER)
run_files("files_without_bytes", [END | {"files": {"ledger.csv": 39}}], LEDGER)
run_files("end_without_accuracy", [{"end": True}], LEDGER)
run_files("running", [metrics(1), '{"round": 2, "ep'], LEDGER + MODEL + "1,0,up,de")
run_files("rounds_out_of_order", [metrics(2)], LEDGER)
run_files("half_a_round", [metrics(1.5)], LEDGER)
run_files("round_too_large_for_any_integer", [metrics(1, round=1e300)], LEDGER)
run_files("round_too_large", [metrics(1, round=2**32 + 1)], LEDGER)
run_files("bits_are_negative", [metrics(1, bits_up=-5)], LEDGER)
run_files("loss_is_null", [metrics(1, loss=None)], LEDGER)
run_files("no_json", ["x\n"], LEDGER)
run_files("unknown_kind", [], LEDGER + "0,0,down,modell,header,192\n")
SIZES = "#round,union_size,changes\n2,,3 3\n"
CONDENSED = [metrics(1, rounds=1), metrics(4, rounds=3, dense=False, local_steps=3, images=48,
                                           test_loss=2.0, test_accuracy=0.125)]
run_files("condensed", [*CONDENSED, END], LEDGER + MODEL + "1,0,up,dense,header,192\n" + SIZES)
run_files("condensed_without_end", CONDENSED, LEDGER + MODEL + SIZES)
run_files("condensed_without_sizes", [*CONDENSED, END], LEDGER)
run_files("worker_of_another_run", [metrics(1)], LEDGER + "0,7,down,model,header,192\n")
run_files("rows_out_of_order", [metrics(1)], LEDGER + "1,0,up,dense,header,192\n" + MODEL)
run_files("round_of_another_run", [metrics(t) for t in range(1, 7)], LEDGER)
run_files("seven_columns", [], LEDGER + "0,0,down,model,header,192,1\n")
SUMS = "round,direction,kind,field,bits\n0,down,model,header,384\n0,down,model,initial_model,188544\n"
run_files("sums", [metrics(1), metrics(2, change_counts={"2": 1, "3": 1})], SUMS)
run_files("sums_of_too_many_changes", [metrics(1, change_counts={"4294967295": 4294967295})], SUMS)
run_files("sums_of_a_change_without_size", [metrics(1, change_counts={"few": 1})], SUMS)
run_files("sums_too_large", [metrics(1)], SUMS + "1,up,dense,values,18446744073709551615\n" * 2)
run_files("sums_with_a_worker", [metrics(1)], SUMS + "1,0,up,dense,values,1\n")
run_files("number_too_large", [], LEDGER + "0,0,down,model,header,18446744073709551616\n")
run_files("no_header", [], MODEL)

write("network", "links", b"""up = "10M"
down = "1.5G"
latency = "40ms"
server_up = "500k"
[worker.3]
latency = "200us"
[worker.0]
down = "1e15"
""")
write("network", "unlike_tables", b'up = "1"\n[worker.x]\nup = "1M"\n')
write("network", "worker_is_a_number", b"worker = 3\n")
write("network", "server_of_a_worker", b'[worker.1]\nserver_up = "1M"\n')
write("network", "not_finite", b'up = "nan"\n')
write("network", "too_long", b'latency = "3601s"\n')
write("network", "no_text", b"latency = 1\n")
write("network", "no_toml", b"up = \n")

write("settings", "preset", b'preset = "ssgd-mv-ad-l4-q"\nseed = 2\nphi = 0.02\n[environment]\na = 1\n')
write("settings", "keys", b"""scheme = "top-k"
workers = 3
phi = 1e-3
value_bits = 1
quantizer = "scaled-sign"
position_codec = "elias-fano"
warmup_epochs = "proportional"
augment = false
learning_rate = 0.25
data = "a \\"b\\" \\\\ c"
checkpoint_every = "10m"
practice = "authors"
bn_eval = "average"
""")
write("settings", "control_characters", b'data = "a\\nb\\u0007"\n')
write("settings", "unknown_key", b"epochs = 3\nepoch = 4\n")
write("settings", "key_twice", b"epochs = 3\nepochs = 4\n")
write("settings", "out_of_range", b"workers = 0\n")
write("settings", "no_value", b"workers = [1]\n")
write("settings", "no_toml", b"workers = \n")
write("settings", "together_they_fail", b'scheme = "sm"\nworkers = 2\n')
