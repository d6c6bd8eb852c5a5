#!/usr/bin/env bash
# zstandard 0.25.0 (zstd 1.5.7) and brotli 1.2.0 (PyPI), and Python's zlib, bz2 and lzma: of a sparse mask's sorted
# indices and of its bitmap, a higher level is often larger. Of indices, zlib makes half to two thirds of what
# zstd makes up to level 12, and brotli 5 less than brotli 11. Of a bitmap of 10 %, zstd 1 beats zstd 3 to 12.
#
# Guessed, of bitmaps: a higher level is never larger by more than 1 %. (The same of indices, that zstd is no larger
# than zlib and that bz2 is not the smallest was taken for granted, not written down.) Seen (2026-11-30),
# bytes, one million coordinates:
#
#                       indices of 4 bytes      bitmap
#     density           10 %       1 %          10 %       1 %
#     by the entropy    58,624     10,099       58,624     10,099
#     as they are       400,968    39,984       125,000    125,000
#     zstd 1            293,690    31,394       63,676     17,882
#          3            289,423    31,394       67,052     17,745
#          6            289,007    31,394       69,430     16,623
#          12           288,719    31,394       68,783     14,066
#          15           288,719    19,455       60,974     13,307
#          19           113,651    20,015       60,939     13,417
#     zlib 9            144,547    20,313       69,433     13,918
#     brotli 5          117,256    15,370       69,239     16,631
#            10         157,353    21,522       59,639     14,863
#            11         151,772    16,440       59,639     12,880
#     xz 0              86,140     15,132       73,556     15,824
#     xz 9              79,620     15,100       61,588     12,788
#     bz2 9             255,665    27,347       73,307     12,283
#
# And xz 4 makes 27 % more than xz 0 of a bitmap of 0.2 %. In indices the upper three bytes repeat. zlib takes
# matches of three bytes, zstd at its highest levels only (of 401 kB from 16 on), and what is drawn has little
# else to match. So the ratio that a sparsifier is credited with depends more on the pair of form and coder
# than on the level, and zstd's default on indices costs five times what an entropy coder does at 10 %, and
# three times at 1 %. Exits 1 if this changes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet numpy==2.4.6 zstandard==0.25.0 brotli==1.2.0
"$work/venv/bin/python" - <<'PYTHON'
import bz2
import functools
import lzma
import sys
import zlib
import brotli
import numpy as np
import zstandard

COORDINATES = 1_000_000
print("zstd", ".".join(map(str, zstandard.ZSTD_VERSION)), "brotli", brotli.__version__, "zlib", zlib.ZLIB_RUNTIME_VERSION)
coders = {"zstd": lambda data, level: zstandard.compress(data, level), "zlib": zlib.compress, "bz2": bz2.compress,
          "brotli": lambda data, level: brotli.compress(data, quality=level),
          "xz": lambda data, level: lzma.compress(data, preset=level)}


def forms(density):
    mask = np.random.default_rng(0).random(COORDINATES) < density
    return {"indices": np.flatnonzero(mask).astype("<u4").tobytes(), "bitmap": np.packbits(mask).tobytes()}


@functools.cache
def size(form, density, coder, level):
    data = forms(density)[form]
    bytes_ = len(coders[coder](data, level))
    print(f"{form}, density {density}: {coder} {level} makes {bytes_} of {len(data)}")
    return bytes_


for density in (0.1, 0.01):
    for form in ("indices", "bitmap"):
        for coder, levels in (("zstd", (1, 3, 6, 12, 15, 19)), ("zlib", (9,)), ("brotli", (5, 10, 11)), ("xz", (0, 9)),
                              ("bz2", (9,))):
            for level in levels:
                size(form, density, coder, level)
sys.exit(0 if size("indices", 0.1, "zstd", 15) > 2.5 * size("indices", 0.1, "zstd", 19)
         and size("indices", 0.1, "zlib", 9) < 0.51 * size("indices", 0.1, "zstd", 15)
         and size("indices", 0.01, "zlib", 9) < 0.66 * size("indices", 0.01, "zstd", 12)
         and size("indices", 0.1, "brotli", 11) > 1.25 * size("indices", 0.1, "brotli", 5)
         and size("indices", 0.01, "brotli", 10) > 1.35 * size("indices", 0.01, "brotli", 5)
         and min(size("bitmap", 0.1, "zstd", level) for level in (3, 6, 12)) > 1.05 * size("bitmap", 0.1, "zstd", 1)
         and size("bitmap", 0.002, "xz", 4) > 1.25 * size("bitmap", 0.002, "xz", 0)
         and size("bitmap", 0.01, "bz2", 9) < min(size("bitmap", 0.01, *coder) for coder in (
             ("zstd", 19), ("brotli", 11), ("xz", 9), ("zlib", 9))) else 1)
PYTHON
