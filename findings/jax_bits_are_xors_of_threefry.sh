#!/usr/bin/env bash
# JAX 0.10.2 (PyPI), CPU: the 32 bits that jax.random draws are no word of Threefry-2x32, the generator that it names,
# but the exclusive or of a block's two words. With the flag that was the default up to JAX 0.4 they are its words, and
# which block the first one is of depends on how many are drawn.
#
# Guessed: Threefry-2x32-20's words in order, as Random123 gives them, of counters 0, 1, 2, ... (That the flag
# jax_threefry_partitionable changes the numbers is documented; JAX's pull requests 13012 and 13040 are where it came
# from.) Seen (2026-11-30), of the key (0, 7), W(c) being the two words of the 64-bit counter c:
#
#     number i of n                                 as it is drawn by default     the flag off
#     uint32                                        W(i)[0] ^ W(i)[1]             the first half: W(i, n/2 + i)[0]
#                                                                                 the second: [1] of the same
#     uint16, uint8                                 the low bits of uint32        packed: n/2, n/4 words make n
#     first number of 2, 4, 6, 8                    one                           four
#     words of Random123's blocks 0 to 999
#       among 1,000 numbers                         none                          none
#
#     randomgen 2.5.1, ThreeFry(number=2, width=32)                               Random123's words, from block 1 on
#
# So a worker's mask or rounding that is drawn from a shared key cannot be drawn again by Random123's or TensorFlow's
# Threefry on a device, in C or in CUDA, by the generator's name and the key. It takes both words and the exclusive or,
# and of files of before the flag changed it takes the length of the whole draw as well. A test vector of the
# generator passes on both sides and shows nothing of it. Exits 1 if this changes.
