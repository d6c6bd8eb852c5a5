#!/usr/bin/env bash
# Flower 1.42.0 (PyPI): the differential-privacy clipping of a model with BatchNorm goes by the layers' step counters.
# ResNet-18's twenty of a client with 100 batches cut the weights' update to 1/447, whatever it is, and those of a
# client with ten times as many images to a tenth of that.
#
# Guessed: the norm is that of the weights, or counters weigh little in it. (The opposite was suspected.
# londonaicentre's FLIP, pull request 833, leaves int64 arrays out before it calls Flower's clipping; in Flower's own
# documentation and issues nothing of it was found.) Seen (2026-11-30) for ten clients, clipping norm 1, no noise, who
# all send 20 counters and the same 10,000 weights, whose update has norm 1, by batches of the round:
#
#     norm of the server's step                           1         10        100
#       without counters                                  1         1         1
#       with them                                         0.22      0.022     0.0022
#     a client of 6,400 images, by one of 640: its
#       part of FedAvg's step, without counters           10
#       with them                                         1
#
# A state_dict() has them, and they count whole steps where weights move by thousandths. Only the weights are scaled:
# the counters, of no dimension, come through as they were. So the model looks well and learns at a four-hundredth of
# its rate, the noise stays that of a norm of 1 for an update of 1/447, and who trains on more in a round counts for no
# more. Counters stay at the client, or the model has GroupNorm. Exits 1 if this changes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet flwr==1.42.0 numpy==2.4.6
"$work/venv/bin/python" - 2>"$work/log" <<'PYTHON'
import importlib.metadata
import sys
import numpy as np
from flwr.app import Array, ArrayRecord, ConfigRecord, Message, MetricRecord, RecordDict
from flwr.app.metadata import Metadata
from flwr.serverapp.strategy import DifferentialPrivacyServerSideFixedClipping, FedAvg
from flwr.supercore.task_identity import TaskIdentity

CLIENTS, WIDTH, LAYERS, BATCH = 10, 10_000, 20, 64
TaskIdentity.run_id = TaskIdentity.node_id = TaskIdentity.task_id = 1


class Nodes:
    """The part of a grid that configure_train asks for."""

    def get_node_ids(self):
        return range(1, CLIENTS + 1)


def record(weights, counter):
    """Weights and, unless it is None, the counter of each BatchNorm layer, as a state_dict has them."""
    arrays = {"weights": Array(np.asarray(weights, np.float32))}
    for layer in range(0 if counter is None else LAYERS):
        arrays[f"norm{layer}.num_batches_tracked"] = Array(np.asarray(counter, np.int64))
    return ArrayRecord(arrays)


def reply(client, weights, counter, images):
    content = RecordDict({"arrays": record(weights, counter), "metrics": MetricRecord({"num-examples": images})})
    metadata = Metadata(run_id=1, message_id=str(client), src_node_id=client + 1, dst_node_id=0, reply_to_message_id="",
                        group_id="", created_at=0.0, ttl=3600.0, message_type="train")
    return Message(content=content, metadata=metadata)


def stepped(strategy, counters, updates, batches):
    """The server's arrays after a round from zeros in which each client has its update and its batches."""
    list(strategy.configure_train(1, record(np.zeros(WIDTH), 0 if counters else None), ConfigRecord(), Nodes()))
    replies = [reply(client, update, count if counters else None, BATCH * count)
               for client, (update, count) in enumerate(zip(updates, batches, strict=True))]
    return strategy.aggregate_train(1, replies)[0]


def clipping():
    return DifferentialPrivacyServerSideFixedClipping(FedAvg(), 0.0, 1.0, CLIENTS)


print("flwr", importlib.metadata.version("flwr"))
as_seen = True
same = np.full((CLIENTS, WIDTH), WIDTH**-0.5)
for counters in (False, True):
    steps = []
    for batches in (1, 10, 100):
        arrays = stepped(clipping(), counters, same, [batches] * CLIENTS)
        norm = float(np.linalg.norm(arrays["weights"].numpy()))
        expected = 1 / np.sqrt(1 + LAYERS * batches**2) if counters else 1.0
        as_seen &= abs(norm / expected - 1) < 0.001
        if counters:
            as_seen &= round(float(arrays["norm0.num_batches_tracked"].numpy())) == batches
        steps.append(f"{norm:.3g}")
    few_many = stepped(clipping(), counters, np.eye(2, WIDTH)[[0, 1] * (CLIENTS // 2)], [10, 100] * (CLIENTS // 2))
    few, many = few_many["weights"].numpy()[:2]
    as_seen &= abs(many / few / (1 if counters else 10) - 1) < 0.001
    print(f"counters {counters}: steps after 1, 10, 100 batches {', '.join(steps)}; ten times the images count "
          f"{many / few:.3f} times", flush=True)
sys.exit(0 if as_seen else 1)
PYTHON
