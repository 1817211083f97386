"""Questions of lecture 05: a round of FedAvg, where it stops, and a review of SCAFFOLD."""

import numpy as np

from course_lib.grading.question import Question


def fedavg_round(x, A, b, step_size, local_steps, weights):
    models = []
    for A_i, b_i in zip(A, b):
        y = x
        for _ in range(local_steps):
            y = y - step_size * A_i @ (y - b_i)
        models.append(y)
    return weights @ np.array(models)


def _unweighted(x, A, b, step_size, local_steps, weights):
    return fedavg_round(x, A, b, step_size, local_steps, np.full(len(b), 1 / len(b)))


def _one_gradient(x, A, b, step_size, local_steps, weights):
    return fedavg_round(x, A, b, step_size * local_steps, 1, weights)


def _in_turn(x, A, b, step_size, local_steps, weights):
    for i in range(len(b)):
        x = fedavg_round(x, A[i : i + 1], b[i : i + 1], step_size, local_steps, np.ones(1))
    return x


def _summed_changes(x, A, b, step_size, local_steps, weights):
    return x + len(b) * (fedavg_round(x, A, b, step_size, local_steps, weights) - x)


def _clients(rng):
    m, d = int(rng.integers(3, 6)), 3
    roots = rng.normal(size=(m, d, d))
    return roots @ roots.transpose(0, 2, 1) / 3 + 0.3 * np.eye(d), rng.normal(size=(m, d))


def _round_inputs(rng):
    A, b = _clients(rng)
    weights = rng.uniform(0.5, 3, len(b))
    return rng.normal(size=3), A, b, rng.uniform(0.05, 0.2), int(rng.integers(2, 7)), weights / weights.sum()


def fixed_point(A, b, step_size, local_steps):
    moved = np.eye(A.shape[-1]) - np.linalg.matrix_power(np.eye(A.shape[-1]) - step_size * A, local_steps)
    return np.linalg.solve(moved.sum(0), (moved @ b[..., None]).sum(0)[:, 0])


def _optimum(A, b, step_size, local_steps):
    return np.linalg.solve(A.sum(0), (A @ b[..., None]).sum(0)[:, 0])


def _mean_of_optima(A, b, step_size, local_steps):
    return b.mean(0)


def _kept(A, b, step_size, local_steps):
    kept = np.linalg.matrix_power(np.eye(A.shape[-1]) - step_size * A, local_steps)
    return np.linalg.solve(kept.sum(0), (kept @ b[..., None]).sum(0)[:, 0])


def _elementwise(A, b, step_size, local_steps):
    moved = np.eye(A.shape[-1]) - (np.eye(A.shape[-1]) - step_size * A) ** local_steps
    return np.linalg.solve(moved.sum(0), (moved @ b[..., None]).sum(0)[:, 0])


def _fixed_inputs(rng):
    A, b = _clients(rng)
    return A, b, rng.uniform(0.05, 0.2), int(rng.integers(3, 12))


def _scaffold(x, C, A, b, step_size, local_steps, sign=1.0, own=1.0, share=1.0):
    c = C.mean(0)
    models, new = [], []
    for A_i, b_i, c_i in zip(A, b, C):
        y = x
        for _ in range(local_steps):
            y = y - step_size * (A_i @ (y - b_i) + sign * (c - own * c_i))
        models.append(y)
        new.append(c_i - c + share * (x - y) / (local_steps * step_size))
    return np.mean(models, 0), np.array(new)


def scaffold_round(x, C, A, b, step_size, local_steps):
    return _scaffold(x, C, A, b, step_size, local_steps)


def _wrong_sign(x, C, A, b, step_size, local_steps):
    return _scaffold(x, C, A, b, step_size, local_steps, sign=-1.0)


def _without_own(x, C, A, b, step_size, local_steps):
    return _scaffold(x, C, A, b, step_size, local_steps, own=0.0)


def _not_divided(x, C, A, b, step_size, local_steps):
    return _scaffold(x, C, A, b, step_size, local_steps, share=local_steps)


def _never_updated(x, C, A, b, step_size, local_steps):
    return _scaffold(x, C, A, b, step_size, local_steps)[0], C


def _scaffold_inputs(rng):
    A, b = _clients(rng)
    return rng.normal(size=3), rng.normal(size=b.shape), A, b, rng.uniform(0.05, 0.2), int(rng.integers(2, 7))


def _model_and_variates(function, *args):
    x, C = function(*args)
    return {"model": x, "control variates": C}


QUESTIONS = [
    Question(
        id="local-round",
        name="fedavg_round",
        points=3,
        inputs=_round_inputs,
        reference=fedavg_round,
        wrong={
            "all clients count the same in your mean: use the weights": _unweighted,
            "K steps are not one step K times as long: take a new gradient after each": _one_gradient,
            "each client started from where the one before it had stopped; all start from x": _in_turn,
            "you added the clients' changes up m times over; the weights sum to one": _summed_changes,
        },
        hints=(
            "Two loops: over clients and, inside, over local steps. The server's x does not change inside.",
            "After client i's loop keep its y; at the end return weights @ np.array(models).",
        ),
    ),
    Question(
        id="local-fixed",
        name="fixed_point",
        points=4,
        inputs=_fixed_inputs,
        reference=fixed_point,
        wrong={
            "that is the optimum of f, where FedAvg stands still for K = 1 only": _optimum,
            "that is the mean of the clients' optima, the limit of very many local steps": _mean_of_optima,
            "(I - eta A)^K is what is left of the distance; M_i is what was walked, I minus that": _kept,
            "** takes powers of the entries; a power of a matrix is np.linalg.matrix_power": _elementwise,
        },
        hints=(
            "A client ends at b_i + (I - eta A_i)^K (x - b_i). Average, and ask which x stays where it is.",
            "M = np.eye(d) - np.linalg.matrix_power(np.eye(d) - step_size * A, local_steps) works on all clients.",
        ),
    ),
    Question(
        id="local-review",
        name="scaffold_round",
        points=3,
        inputs=_scaffold_inputs,
        reference=scaffold_round,
        measure=_model_and_variates,
        scale={"control variates": 10.0},
        wrong={
            "the correction has the wrong sign: take off the client's own c_i, add the mean c": _wrong_sign,
            "the clients add c and keep their own c_i: then the mean of the corrections is not zero": _without_own,
            "x - y_i is K steps long: divide by K eta, not by eta, to have a gradient": _not_divided,
            "the control variates are never renewed: they must follow the gradients along the path": _never_updated,
        },
        hints=(
            "At the optimum, with c_i = grad f_i(x*), no client should want to move. Try it by hand.",
            "y = y - step_size * (A_i @ (y - b_i) - c_i + c)",
        ),
    ),
]
