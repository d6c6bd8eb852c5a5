#!/usr/bin/env bash
# Flower 1.42.0 (PyPI): the mean of clients that all have the same model is another model. By the FedAvg
# of flwr.serverapp, a quarter of BatchNorm's step counters come back one lower. By the FedAvg of
# flwr.server, a sixth of float16 weights comes back as infinity.
#
# Guessed: a mean of equal numbers differs in last bits at most, and integers are safe. Seen (2026-11-29), ten
# clients of 5,000 images each:
#
#                     int64 counters 1 to 1,000,      float16 weights of standard deviation 1
#                     loaded into int64 again
#     flwr.serverapp  253 are one too low             finite
#     flwr.server     as they were                    175 of 1,000 infinite
#
# The former adds numbers times w_n / sum w, so that ten times a tenth of 11 is a double just below 11,
# which load_state_dict cuts to 10. The latter adds numbers times images and divides at the end, and 5,000
# times ten times 1.5 is above 65,504. So counters stay outside such a mean, and half-precision models are
# widened before it. Exits 1 if this changes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet flwr==1.42.0 numpy==2.4.6
"$work/venv/bin/python" - 2>"$work/warnings" <<'PYTHON'
import importlib.metadata
import sys
import numpy as np
from flwr.app import ArrayRecord, MetricRecord, RecordDict
from flwr.server.strategy.aggregate import aggregate
from flwr.serverapp.strategy.strategy_utils import aggregate_arrayrecords

CLIENTS, IMAGES = 10, 5000


def of_serverapp(array):
    replies = [RecordDict({"arrays": ArrayRecord([array]), "metrics": MetricRecord({"num-examples": IMAGES})})
               for _ in range(CLIENTS)]
    return aggregate_arrayrecords(replies, "num-examples").to_numpy_ndarrays()[0]


def of_server(array):
    return aggregate([([array], IMAGES) for _ in range(CLIENTS)])[0]


print("flwr", importlib.metadata.version("flwr"))
weights = np.random.default_rng(1).standard_normal(1000).astype(np.float16)
counters = np.arange(1, 1001, dtype=np.int64)
seen = {}
for name, mean in (("flwr.serverapp", of_serverapp), ("flwr.server", of_server)):
    mean_counters = mean(counters)
    loaded = np.asarray(mean_counters).astype(np.int64)
    infinite = int(np.isinf(mean(weights)).sum())
    print(f"{name}: counters come as {mean_counters.dtype}, {int((loaded == counters - 1).sum())} of 1,000 one too low, "
          f"{int((loaded == counters).sum())} as they were; {infinite} of 1,000 float16 weights infinite")
    seen[name] = (int((loaded == counters - 1).sum()), infinite)
sys.exit(0 if seen["flwr.serverapp"] == (253, 0) and seen["flwr.server"][0] == 0 and seen["flwr.server"][1] > 0 else 1)
PYTHON
