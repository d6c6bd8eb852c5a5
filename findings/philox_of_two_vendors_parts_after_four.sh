#!/usr/bin/env bash
# cuRAND 10.4.5 and oneMKL 2025.3.1 (PyPI): with the same seed, their Philox4x32-10 give the same first
# four numbers, and others from the fifth on. cuRAND takes a block of each of 65,536 streams in turn.
#
# Guessed: both give the blocks of counters 0, 1, 2, ... with the seed as key, as Random123 does, since
# the generator is one by its paper. Seen (2026-11-29; cuRAND's generator for host memory, which needs no
# GPU), the counter as (upper, lower half):
#
#     numbers             oneMKL        cuRAND
#     0 to 3              (0, 0)        (0, 0)
#     4 to 7              (0, 1)        (1, 0)
#     8 to 11             (0, 2)        (2, 0)
#     262,140 to 262,143  (0, 65535)    (65535, 0)
#     262,144 to 262,147  (0, 65536)    (0, 1)
#
# An offset of n numbers skips n of its own order in either. So a test that compares a device's Philox
# with a host's by one block of four passes, and the runs differ. Exits 1 if this changes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet numpy==2.3.5 mkl==2025.3.1 nvidia-curand==10.4.5.25
"$work/venv/bin/python" - "$work/venv" <<'PYTHON'
import ctypes
import pathlib
import sys
import numpy as np

PHILOX_CURAND, PHILOX_MKL = 161, 16 << 20
WORD = 2**32 - 1
SEED, COUNT = 7, 262_148
folder = pathlib.Path(sys.argv[1])


def block(high, low, seed):
    """Philox4x32-10 of a counter, from its definition (Salmon et al., SC 2011)."""
    c, k = [low & WORD, low >> 32, high & WORD, high >> 32], [seed & WORD, seed >> 32]
    for _ in range(10):
        a, b = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [b >> 32 ^ c[1] ^ k[0], b & WORD, a >> 32 ^ c[3] ^ k[1], a & WORD]
        k = [(k[0] + 0x9E3779B9) & WORD, (k[1] + 0xBB67AE85) & WORD]
    return c


def of_curand(offset=0):
    lib = ctypes.CDLL(str(next(folder.rglob("libcurand.so*"))))
    generator, numbers = ctypes.c_void_p(), np.zeros(COUNT, np.uint32)
    codes = [lib.curandCreateGeneratorHost(ctypes.byref(generator), PHILOX_CURAND),
             lib.curandSetPseudoRandomGeneratorSeed(generator, ctypes.c_ulonglong(SEED)),
             lib.curandSetGeneratorOffset(generator, ctypes.c_ulonglong(offset)),
             lib.curandGenerate(generator, numbers.ctypes.data_as(ctypes.c_void_p), ctypes.c_size_t(COUNT))]
    assert codes == [0] * 4, codes
    return numbers.tolist()


def of_mkl(offset=0):
    lib = ctypes.CDLL(str(next(folder.rglob("libmkl_rt.so*"))))
    stream, numbers = ctypes.c_void_p(), np.zeros(COUNT, np.uint32)
    codes = [lib.vslNewStream(ctypes.byref(stream), PHILOX_MKL, ctypes.c_uint(SEED)),
             lib.vslSkipAheadStream(stream, ctypes.c_longlong(offset)),
             lib.viRngUniformBits32(0, stream, COUNT, numbers.ctypes.data_as(ctypes.c_void_p))]
    assert codes == [0] * 3, codes
    return numbers.tolist()


assert block(0, 0, 0) == [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]  # Random123's kat_vectors
counters = {4 * t: ((0, t), (t, 0)) for t in (0, 1, 2, 65_535)} | {262_144: ((0, 65_536), (0, 1))}
mkl, curand = of_mkl(), of_curand()
as_seen = True
for at, expected in counters.items():
    for name, numbers, counter in zip(("oneMKL", "cuRAND"), (mkl, curand), expected):
        same = numbers[at:at + 4] == block(*counter, SEED)
        print(f"{name}, numbers from {at}: " + ("" if same else "not ") + f"the block of counter {counter}")
        as_seen &= same
for name, whole, skipped in (("oneMKL", mkl, of_mkl(5)), ("cuRAND", curand, of_curand(5))):
    as_seen &= skipped[:1000] == whole[5:1005]
    print(f"{name}, offset 5: begins with its own number {whole.index(skipped[0])}")
sys.exit(0 if as_seen else 1)
PYTHON
