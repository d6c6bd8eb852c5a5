#!/usr/bin/env bash
# PyTorch 2.15.0 (PyPI), CPU: torch.set_flush_denormal sets the calling thread alone, and threads that begin later
# inherit it. After one operation that two threads shared, it flushes half of a tensor. Set at first and then unset, it
# goes on in the other half. gloo's sums go by what was set when the process group was made.
#
# Guessed: it holds for all threads of the process, as its documentation, "disables denormal floating numbers on CPU",
# names none, whatever ran before. (That threads which exist already are left out was suspected. Nothing of it was found
# in PyTorch's issues; ONNX Runtime, for an option like it, writes that threads can't be fully controlled, pull request
# 5391.) Seen (2026-11-30), of a million subnormal numbers times 1, those that stay:
#
#                                                    1 thread     2 threads
#     set before anything else                       0            0
#       then unset                                   1,000,000    500,000
#     set after an operation on as many              0            500,000
#       the same of 1,000 numbers                    0            0
#       a gradient of as many                        0            500,000
#       the same in a Python thread begun then       0            0
#       then unset                                   1,000,000    1,000,000
#     gloo's sum of 100 over 2 ranks, set before
#       init_process_group                           0
#       after it                                     100
#
# The option is for what decays: momenta and error memories of weights that get no gradient, which are slow once they
# are subnormal. With it an element is 0 or not by its place, the number of threads and what ran before, so that two
# hosts with as many threads differ by an import that multiplied a tensor, and a test on small tensors shows nothing.
# Set in the first line of the program it holds everywhere. Exits 1 if this changes. Downloads some gigabytes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --no-compile torch==2.15.0 numpy==2.4.6
cat >"$work/flush.py" <<'PYTHON'
import sys
import threading
import torch
import torch.distributed as dist
import torch.multiprocessing as processes

MANY, FEW, RANKS, GLOO = 1_000_000, 1_000, 2, 100
BITS = (713624).to_bytes(4, sys.byteorder)  # of 1e-39


def subnormals(count):
    """1e-39, without an operation that a thread could flush."""
    return torch.frombuffer(bytearray(BITS * count), dtype=torch.float32)


def left(x):
    return int((x.detach().view(torch.int32) != 0).sum())


def work(rank, case, store, results):
    if case == "before":
        torch.set_flush_denormal(True)
    dist.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=RANKS)
    if case == "after":
        torch.set_flush_denormal(True)
    x = subnormals(GLOO)
    dist.all_reduce(x)
    results[rank] = left(x)
    dist.barrier()
    dist.destroy_process_group()


def first():
    torch.set_flush_denormal(True)
    x = subnormals(MANY)
    counts = [left(x * 1.0)]
    torch.set_flush_denormal(False)
    return counts + [left(x * 1.0)]


def later():
    x, few = subnormals(MANY), subnormals(FEW)
    x * 1.0
    torch.set_flush_denormal(True)
    counts = [left(x * 1.0), left(few * 1.0)]
    weights = subnormals(MANY).requires_grad_()
    (weights * 1.0).backward(x)
    counts.append(left(weights.grad))
    thread = threading.Thread(target=lambda: counts.append(left(x * 1.0)))
    thread.start()
    thread.join()
    torch.set_flush_denormal(False)
    return counts + [left(x * 1.0)]


if __name__ == "__main__":
    case, folder = sys.argv[1:]
    threads = torch.get_num_threads()
    part = 0 if threads == 1 else MANY // 2
    if case == "first":
        seen, expected = first(), [0, MANY - part]
    elif case == "later":
        seen, expected = later(), [part, 0, part, 0, MANY]
    else:
        results = torch.zeros(RANKS, dtype=torch.int64).share_memory_()
        processes.spawn(work, (case, f"{folder}/{case}", results), nprocs=RANKS)
        seen, expected = results.tolist(), [0 if case == "before" else GLOO] * RANKS
    print(f"torch {torch.__version__}, {threads} threads, {case}: stay {seen}", flush=True)
    sys.exit(seen != expected)
PYTHON
changed=0
for run in "1 first" "1 later" "2 first" "2 later" "1 before" "1 after"; do
  OMP_NUM_THREADS=${run% *} "$work/venv/bin/python" "$work/flush.py" "${run#* }" "$work" || changed=1
done
exit "$changed"
