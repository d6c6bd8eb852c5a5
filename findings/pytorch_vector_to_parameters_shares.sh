#!/usr/bin/env bash
# PyTorch 2.15.0 (PyPI): torch.nn.utils.vector_to_parameters copies nothing. Parameters become views of the vector, so
# that two clients' models loaded from the server's vector are one model, and training one of them trains the other
# and the vector. A bfloat16 model loaded from a float32 vector becomes float32.
#
# Guessed: copies, since its documentation says "Copy slices of a vector into an iterable of parameters", as does
# load_state_dict, and the parameters' own type. Seen (2026-11-30) for a federation of four clients, one step each
# from the same vector, 1,010 parameters:
#
#                                                    vector_to_parameters    load_state_dict
#     after client 0's step: of the server's         all 1,010               none
#       vector has changed
#     of client 1's model, which waits               all                     none
#     the clients' models after all have stepped     one, four times         four
#     their mean is that of                          SGD through all four    four steps from
#                                                    clients in turn         one model
#     a bfloat16 model's type afterwards             float32                 bfloat16
#
# So a simulated round of FedAvg that goes by it, with no clone() of the vector, is SGD over the clients' data one
# after the other, with no error, and an update that is taken as model minus vector is 0. Exits 1 if this changes.
# Downloads some gigabytes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet torch==2.15.0 numpy==2.4.6
cat >"$work/round.py" <<'PYTHON'
import sys
import torch
from torch.nn.utils import parameters_to_vector, vector_to_parameters

CLIENTS, RATE = 4, 0.5
generator = torch.Generator().manual_seed(1)
images = torch.randn(CLIENTS, 32, 100, generator=generator)
labels = torch.randint(10, (CLIENTS, 32), generator=generator)
first = 0.1 * torch.randn(1010, generator=generator)


def by_vector(vector, model):
    vector_to_parameters(vector, model.parameters())


def by_state(vector, model):
    weight, bias = vector.split((1000, 10))
    model.load_state_dict({"weight": weight.view(10, 100), "bias": bias})


def step(model, client):
    sgd = torch.optim.SGD(model.parameters(), lr=RATE)
    torch.nn.functional.cross_entropy(model(images[client]), labels[client]).backward()
    sgd.step()
    sgd.zero_grad()


def vector_of(model):
    return parameters_to_vector(model.parameters()).detach().clone()


def trained(clients):
    """The vector after the given clients' steps, one after the other."""
    model = torch.nn.Linear(100, 10)
    by_state(first.clone(), model)
    for client in clients:
        step(model, client)
    return vector_of(model)


print("torch", torch.__version__)
in_turn = trained(range(CLIENTS))
mean_of_steps = torch.stack([trained([client]) for client in range(CLIENTS)]).mean(0)
as_seen = True
for load, shares in ((by_vector, True), (by_state, False)):
    server = first.clone()
    models = [torch.nn.Linear(100, 10) for _ in range(CLIENTS)]
    for model in models:
        load(server, model)
    step(models[0], 0)
    changed = [int((vector != first).sum()) for vector in (server, vector_of(models[1]))]
    for client in range(1, CLIENTS):
        step(models[client], client)
    vectors = torch.stack([vector_of(model) for model in models])
    distinct = len(torch.unique(vectors, dim=0))
    mean = vectors.mean(0)
    update = float((vector_of(models[3]) - server).abs().max())
    narrow = torch.nn.Linear(100, 10).bfloat16()
    load(first.clone(), narrow)
    is_turn, is_mean = torch.allclose(mean, in_turn), torch.allclose(mean, mean_of_steps)
    print(f"{load.__name__}: {changed[0]} changed in the vector, {changed[1]} in client 1, {distinct} models, "
          f"mean of steps in turn {is_turn}, from one {is_mean}; update up to {update:.3f}; {narrow.weight.dtype}")
    as_seen &= changed == ([1010, 1010] if shares else [0, 0]) and distinct == (1 if shares else CLIENTS)
    as_seen &= is_turn == shares and is_mean != shares and (update == 0) == shares
    as_seen &= narrow.weight.dtype == (torch.float32 if shares else torch.bfloat16)
sys.exit(0 if as_seen else 1)
PYTHON
OMP_NUM_THREADS=1 "$work/venv/bin/python" "$work/round.py"
