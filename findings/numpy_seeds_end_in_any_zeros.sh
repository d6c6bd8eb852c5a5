#!/usr/bin/env bash
# NumPy 2.4.6 (PyPI): default_rng([seed, 0]) and default_rng([seed, 0, 0]) are default_rng(seed). A list's
# trailing zeros say nothing, and neither does where one integer of it ends and the next begins.
#
# Guessed: a list is another seed than its parts, as NumPy's guide to parallel streams seeds workers by
# [worker, seed], and as spawned children differ from their parent. Seen (2026-11-29):
#
#     lists of (seed, round, worker), 4 x 4 x 4, as they are                 64 streams
#     and for each seed one of (seed) and four of (seed, round): 84 lists    64 streams
#     [7], [7, 0], [7, 0, 0], 7                                              1 stream
#     [7, 1], 7 + 2^32                                                       1 stream
#     [2^32 + 5, 9], [5, 1, 9]                                               1 stream
#     SeedSequence(7), its child 0, and that one's                           3 streams
#
# Integers become words of 32 bits, as many as each needs, one behind the other and padded by zeros to
# four. So a model that is drawn from (seed) and the first round's first worker, (seed, 0, 0), share
# their numbers. Children of SeedSequence do not. Exits 1 if this changes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet numpy==2.4.6
"$work/venv/bin/python" - <<'PYTHON'
import itertools
import sys
import numpy as np

print("numpy", np.__version__)


def different(seeds):
    return len({tuple(np.random.default_rng(seed).random(100)) for seed in seeds})


full = [list(parts) for parts in itertools.product(range(1, 5), range(4), range(4))]
shorter = [parts[:n] for parts in full for n in (1, 2) if not any(parts[n:])]
parent = np.random.SeedSequence(7)
child = parent.spawn(1)[0]
groups = {"lists of three": full, "of one to three": full + shorter, "7 and zeros": [[7], [7, 0], [7, 0, 0], 7],
          "7 and 1": [[7, 1], 7 + 2**32], "a long first part": [[2**32 + 5, 9], [5, 1, 9]],
          "children": [parent, child, child.spawn(1)[0]]}
seen = [(len(seeds), different(seeds)) for seeds in groups.values()]
for name, (given, streams) in zip(groups, seen):
    print(f"{name}: {given} seeds, {streams} streams")
sys.exit(0 if seen == [(64, 64), (84, 64), (4, 1), (2, 1), (2, 1), (3, 3)] else 1)
PYTHON
