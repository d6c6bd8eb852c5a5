#!/usr/bin/env bash
# JAX 0.10.2 (PyPI), CPU: the 32 bits that jax.random draws are no word of Threefry-2x32, the generator that it names,
# but the exclusive or of a block's two words. With the flag as it was by default until JAX 0.5 they are its words, and
# which block the first one is of depends on how many are drawn.
#
# Guessed: the words of Threefry-2x32-20 in order, as Random123 gives them, of counters 0, 1, 2, ..., and randomgen's
# too. (That the flag jax_threefry_partitionable changes the numbers is documented; the exclusive or came with JAX's
# pull request 13012.) Seen (2026-11-30), of the key (0, 7), W(h, l) being the two words of a counter's two halves:
#
#                                            by default               jax_threefry_partitionable off
#     number i of n, uint32                  W(0, i)[0] ^ W(0, i)[1]  first half W(i, n/2 + i)[0], then the same [1]
#     uint16, uint8                          its low bits
#     first numbers of 2, 4, 6 and 8 draws   one                      four
#     of 1,000 numbers, words of the
#       blocks 0 to 999                      none
#
#     randomgen 2.5.1, ThreeFry(key=7, number=2, width=32): words in order, of the key (7, 0), from counter 1 on
#
# So a worker's mask or rounding that JAX draws from a shared key is not drawn again on a device, or in C++, by the
# generator's name, the key and a counter: it takes both words and the exclusive or, and of runs of before the flag
# changed the length of the whole draw. Either side passes the generator's test vectors, which shows nothing of it.
# Exits 1 if this changes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet jax==0.10.2 randomgen==2.5.1 numpy==2.4.6
JAX_PLATFORMS=cpu "$work/venv/bin/python" - <<'PYTHON'
import sys
import jax
import jax.numpy as jnp
import numpy as np
import randomgen

SEED, BLOCKS = 7, 1000
ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))


def threefry(key, counter):
    """Threefry-2x32-20 of Salmon et al. (2011), of one counter."""
    word = 2**32 - 1
    keys = (*key, key[0] ^ key[1] ^ 0x1bd11bda)
    a, b = ((c + k) & word for c, k in zip(counter, keys))
    for group in range(5):
        for rotation in ROTATIONS[group % 2]:
            a = (a + b) & word
            b = a ^ ((b << rotation | b >> (32 - rotation)) & word)
        a, b = (a + keys[(group + 1) % 3]) & word, (b + keys[(group + 2) % 3] + group + 1) & word
    return a, b


def drawn(n, kind=jnp.uint32):
    return np.asarray(jax.random.bits(jax.random.key(SEED), (n,), kind)).tolist()


print("jax", jax.__version__, "randomgen", randomgen.__version__)
as_seen = threefry((0, 0), (0, 0)) == (0x6b200159, 0x99ba4efe)  # Random123's test vector
blocks = [threefry((0, SEED), (0, i)) for i in range(BLOCKS)]
words = {word for block in blocks for word in block}
bits = drawn(BLOCKS)
print(f"key {np.asarray(jax.random.key_data(jax.random.key(SEED)))}; first {bits[0]:#x}, "
      f"words {blocks[0][0]:#x} {blocks[0][1]:#x}; {len(words & set(bits))} of {BLOCKS} are words")
as_seen &= bits == [a ^ b for a, b in blocks] and not words & set(bits)
for kind, mask in ((jnp.uint16, 0xffff), (jnp.uint8, 0xff)):
    as_seen &= drawn(BLOCKS, kind) == [bit & mask for bit in bits]
as_seen &= all(drawn(n)[0] == bits[0] for n in (2, 4, 6, 8))
bit_generator = randomgen.ThreeFry(key=SEED, number=2, width=32)
own = [int(word) for word in bit_generator.random_raw(6)]
print("randomgen", [f"{word:#x}" for word in own])
as_seen &= own == [word for i in (1, 2, 3) for word in threefry((SEED, 0), (i, 0))]
jax.config.update("jax_threefry_partitionable", False)
firsts = []
for n in (2, 4, 6, 8):
    halves = [threefry((0, SEED), (i, n // 2 + i)) for i in range(n // 2)]
    old = drawn(n)
    firsts.append(old[0])
    as_seen &= old == [a for a, _ in halves] + [b for _, b in halves]
print("flag off, first of 2, 4, 6, 8:", [f"{first:#x}" for first in firsts])
as_seen &= len(set(firsts)) == 4
sys.exit(0 if as_seen else 1)
PYTHON
