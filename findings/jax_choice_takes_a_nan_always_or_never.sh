#!/usr/bin/env bash
# JAX 0.10.2 (PyPI), CPU: jax.random.choice of indices by probabilities of which one is NaN draws that one always, and
# with replace=False never. Where all are 0 it draws the first always. NumPy raises an error.
#
# Guessed: an error as NumPy's, or the others by their probabilities, with and without replacement alike. (That the NaN
# is drawn always was suspected. That JAX can't raise errors by values is documented, and so is, in a warning, that
# replace=False fills up from what has probability 0, pull request 9564; of NaN nothing was found.) Seen (2026-11-30),
# ten clients, the NaN of client 0, 3 or 9, 10,000 draws of one, 2,000 of three:
#
#                                   one client, replace=True    three, replace=False    NumPy, both
#     choice, p of the NaN's        it alone                    never it                an error
#     categorical, logits           it alone
#     choice, p infinite            it alone                    it and two others       an error
#     choice, all p 0               client 0 alone              0, 1 and 2              an error
#
# Clients or examples are sampled by their losses or by their gradients' norms, and one that diverged has a NaN there.
# One at a time, all rounds are of the one that diverged; several at a time, it is never seen again. Neither says
# anything, and a test of the one does not show the other. Probabilities are checked before. Exits 1 if this changes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet jax==0.10.2 numpy==2.4.6
OMP_NUM_THREADS=1 JAX_PLATFORMS=cpu "$work/venv/bin/python" - <<'PYTHON'
import sys
import jax
import jax.numpy as jnp
import numpy as np

CLIENTS, DRAWS, ROUNDS, EACH = 10, 10_000, 2000, 3
key = jax.random.key(0)


def alone(p):
    """The clients drawn with replacement, by choice and by categorical."""
    with np.errstate(divide="ignore"):
        logits = jnp.asarray(np.log(p))
    by_choice = jax.random.choice(key, CLIENTS, (DRAWS,), p=jnp.asarray(p))
    return [np.unique(by_choice).tolist(), np.unique(jax.random.categorical(key, logits, shape=(DRAWS,))).tolist()]


def together(p, each):
    """The share of rounds that have each client, without replacement."""
    draw = jax.vmap(lambda k: jax.random.choice(k, CLIENTS, (each,), replace=False, p=jnp.asarray(p)))
    drawn = np.asarray(draw(jax.random.split(key, ROUNDS)))
    return (drawn[:, :, None] == np.arange(CLIENTS)).any(axis=1).mean(axis=0)


def refused(p, each, replace):
    try:
        np.random.default_rng(0).choice(CLIENTS, each, replace=replace, p=p.astype(np.float64))
    except ValueError:
        return True
    return False


print("jax", jax.__version__, "numpy", np.__version__)
as_seen = True
for client in (0, 3, 9):
    for value in (np.nan, np.inf):
        p = np.full(CLIENTS, 1 / CLIENTS, np.float32)
        p[client] = value
        one, shares = alone(p), together(p, EACH)
        print(f"{value} of client {client}: alone {one}, three of ten {shares.round(2)}", flush=True)
        as_seen &= one[0] == [client] and one[1] == [client] and refused(p, 1, True) and refused(p, EACH, False)
        if np.isnan(value):
            others = np.delete(shares, client)
            as_seen &= shares[client] == 0 and bool((abs(others - EACH / (CLIENTS - 1)) < 0.05).all())
none = np.zeros(CLIENTS, np.float32)
one, shares = alone(none), together(none, EACH)
print(f"all 0: alone {one}, three of ten {shares.round(2)}")
as_seen &= one == [[0], [0]] and shares.tolist() == [1] * EACH + [0] * (CLIENTS - EACH)
as_seen &= refused(none, 1, True) and refused(none, EACH, False)
sys.exit(0 if as_seen else 1)
PYTHON
