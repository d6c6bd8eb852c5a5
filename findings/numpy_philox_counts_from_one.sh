#!/usr/bin/env bash
# NumPy 2.3.5 (PyPI): Philox(key, counter=c) begins with the block of counter c + 1. advance(n)
# skips n blocks of four numbers and the rest of the current block, not n numbers.
#
# Guessed: the first four numbers are Philox4x64-10 of counter c, as in Random123, whose generator
# this is; advance(n) acts as if n numbers were drawn, as it does for PCG64. Seen (2026-11-28),
# blocks of key 0:
#
#     counter                       0                    1                    2         3
#     first number of the block     16554d9eca36314c     02f4ba6408e4d89b     809b...   40fa...
#
#     Philox(key=0, counter=0), its first number          block 1
#     the same, advance(1) first                          block 2: 4 numbers on
#     one number drawn, then advance(1)                   block 3: 7 numbers on
#
# So streams that are addressed by a counter (seed, round, worker, step) differ by one block between
# NumPy and Random123 or cuRAND, and NumPy never draws block 0. Exits 1 if this changes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet numpy==2.3.5
"$work/venv/bin/python" - <<'PYTHON'
import sys
import numpy as np

print("numpy", np.__version__)
WORD = 2**64 - 1


def block(counter, key):
    """Philox4x64-10, from its definition (Salmon et al., SC 2011)."""
    c, k = [counter & WORD, counter >> 64 & WORD, counter >> 128 & WORD, counter >> 192], list(key)
    for _ in range(10):
        low, high = 0xD2E7470EE14C6C93 * c[0], 0xCA5A826395121157 * c[2]
        c = [high >> 64 ^ c[1] ^ k[0], high & WORD, low >> 64 ^ c[3] ^ k[1], low & WORD]
        k = [(k[0] + 0x9E3779B97F4A7C15) & WORD, (k[1] + 0xBB67AE8584CAA73B) & WORD]
    return c


def drawn(counter=0, before=0, advance=None):
    philox = np.random.Philox(key=[0, 0], counter=[counter, 0, 0, 0])
    philox.random_raw(before)
    if advance is not None:
        philox.advance(advance)
    return [int(x) for x in philox.random_raw(4)]


published = block(0, (0, 0))[0] == 0x16554D9ECA36314C  # Random123's kat_vectors
seen = [drawn(), drawn(counter=7), drawn(advance=1), drawn(before=1, advance=1), drawn(before=1, advance=0)]
blocks = [next(t for t in range(20) if block(t, (0, 0)) == numbers) for numbers in seen]
print("blocks of the five:", blocks)
pcg = np.random.PCG64(0)
pcg.advance(1)
whole = np.random.PCG64(0).random_raw(2)[1] == pcg.random_raw()
sys.exit(0 if published and blocks == [1, 8, 2, 3, 2] and whole else 1)
PYTHON
