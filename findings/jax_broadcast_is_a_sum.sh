#!/usr/bin/env bash
# JAX 0.10.2 (PyPI), CPU, two processes: jax.experimental.multihost_utils.broadcast_one_to_all sums process 0's array
# and the others' zeros, so that -0 comes out as 0, and float32 and bfloat16 subnormals as 0, on process 0 too. Integers
# that travel as float32 bits are 0 up to 8,388,607. process_allgather keeps all bits.
#
# Guessed: process 0's bits on all processes, as its documentation says that leaves "contain the data from the first
# host". (That it sums was suspected. That XLA flushes subnormals on CPUs is documented, among JAX's sharp bits; of this
# function nothing was found.) Seen (2026-11-30), numbers that come out with their bits, on both processes:
#
#                                            broadcast_one_to_all    process_allgather
#     float32: 1, infinity, NaN              all                     all
#     the signaling NaN 0x7f800001           none (quiet)            all
#     -0 of the four types                   none                    all
#     1,000 float32 subnormals               none                    all
#     all 254 bfloat16 subnormals            none                    all
#     all 2,046 float16 subnormals           all                     all
#     all 14 float8_e4m3fn subnormals        all                     all
#     int32 0 to 999,999 as float32 bits     0 alone                 all
#     int32 0 to 999,999                     all                     all
#
# What starts all workers from one model, or one optimizer's state, is not the state that process 0 saved: its digest is
# another one, momenta that have decayed are gone, a mask in the signs of zeros is empty, and counts or indices that
# were packed into the float32 vector, as a message of one type needs it, are 0. The processes agree with each other, so
# that assert_equal finds nothing (while it takes equal arrays with a NaN for unlike ones). Bits are sent as uint32, or
# by process_allgather. Exits 1 if this changes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet jax==0.10.2 ml_dtypes==0.6.0 numpy==2.4.6
cat >"$work/broadcast.py" <<'PYTHON'
import sys
import jax
import ml_dtypes
import numpy as np

rank, address = int(sys.argv[1]), sys.argv[2]
jax.distributed.initialize(address, 2, rank)
from jax.experimental import multihost_utils  # noqa: E402 (after initialize)

WORDS = {1: np.uint8, 2: np.uint16, 4: np.uint32}
COUNT = 1_000_000


def bits(array):
    array = np.asarray(array)
    return array.view(WORDS[array.dtype.itemsize])


def subnormals(kind):
    """All subnormal numbers of a type, of both signs."""
    info = ml_dtypes.finfo(kind)
    size = np.dtype(kind).itemsize
    first = np.arange(1, 2**info.nmant, dtype=WORDS[size])
    return np.concatenate([first, first | WORDS[size](1 << (8 * size - 1))]).view(kind)


def kept(array):
    """How many of process 0's numbers come out with their bits, by each of the two, on this process."""
    own = array if rank == 0 else np.zeros_like(array)
    sent = bits(multihost_utils.broadcast_one_to_all(own))
    gathered = bits(multihost_utils.process_allgather(own)[0])
    return int((sent == bits(array)).sum()), int((gathered == bits(array)).sum())


def equal(array):
    try:
        multihost_utils.assert_equal(array)
    except AssertionError:
        return False
    return True


bfloat16, float16, float8 = ml_dtypes.bfloat16, np.float16, ml_dtypes.float8_e4m3fn
as_seen = True
for name, array, expected in (
        ("1, infinity, NaN", np.float32([1, np.inf, -np.inf, np.nan]), (4, 4)),
        ("a signaling NaN", np.uint32([0x7F800001]).view(np.float32), (0, 1)),
        ("float32 subnormals, 1,000 of them", np.arange(1, 1001, dtype=np.uint32).view(np.float32), (0, 1000)),
        ("bfloat16 subnormals", subnormals(bfloat16), (0, 254)),
        ("float16 subnormals", subnormals(float16), (2046, 2046)),
        ("float8_e4m3fn subnormals", subnormals(float8), (14, 14)),
        *((f"-0 of {np.dtype(kind)}", np.float32([-0.0]).astype(kind), (0, 1))
          for kind in (np.float32, bfloat16, float16, float8)),
        ("integers as float32 bits", np.arange(COUNT, dtype=np.int32).view(np.float32), (1, COUNT)),
        ("integers", np.arange(COUNT, dtype=np.int32), (COUNT, COUNT))):
    found = kept(array)
    if rank == 1:
        print(f"{name}: {found[0]} and {found[1]} of {array.size} kept", flush=True)
    as_seen &= found == expected
with_nan, without, lost = (equal(np.float32(values)) for values in ([1, np.nan], [1, 2], [1, 1e-40]))
if rank == 1:
    print(f"assert_equal of equal arrays: with a NaN {with_nan}, without {without}, a subnormal {lost}", flush=True)
as_seen &= not with_nan and without and lost
sys.exit(not as_seen)
PYTHON
export OMP_NUM_THREADS=1 JAX_PLATFORMS=cpu
port=$("$work/venv/bin/python" -c 'import socket; s = socket.socket(); s.bind(("", 0)); print(s.getsockname()[1])')
"$work/venv/bin/python" "$work/broadcast.py" 0 "localhost:$port" 2>"$work/log" &
"$work/venv/bin/python" "$work/broadcast.py" 1 "localhost:$port" 2>"$work/log1"
wait $!
