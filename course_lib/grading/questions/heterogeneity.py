"""Questions of homework 06: FedAvg's bias, its slopes, SCAFFOLD's invariant and an asynchronous average."""

import numpy as np

from course_lib.grading.question import Question
from course_lib.grading.questions.local import _clients


def bias(A, b, step_size, local_steps):
    identity = np.eye(b.shape[1])
    M = identity - np.linalg.matrix_power(identity - step_size * A, local_steps)
    stop = np.linalg.solve(M.sum(0), (M @ b[..., None]).sum(0)[:, 0])
    return stop - np.linalg.solve(A.sum(0), (A @ b[..., None]).sum(0)[:, 0])


def _from_the_mean(A, b, step_size, local_steps):
    return bias(A, b, step_size, local_steps) + np.linalg.solve(A.sum(0), (A @ b[..., None]).sum(0)[:, 0]) - b.mean(0)


def _backwards(A, b, step_size, local_steps):
    return -bias(A, b, step_size, local_steps)


def _stop_alone(A, b, step_size, local_steps):
    return bias(A, b, step_size, local_steps) + np.linalg.solve(A.sum(0), (A @ b[..., None]).sum(0)[:, 0])


def _a_step_too_few(A, b, step_size, local_steps):
    return bias(A, b, step_size, local_steps - 1)


def _few_inputs(rng):
    A, b = _clients(rng)
    return A, 10 * b, rng.uniform(0.05, 0.2), int(rng.integers(3, 12))


def first_order(A, b, step_size, local_steps):
    x = np.linalg.solve(A.sum(0), (A @ b[..., None]).sum(0)[:, 0])
    gradients = (A @ (x - b)[..., None])[..., 0]
    pull = np.mean([A_i @ g for A_i, g in zip(A, gradients)], axis=0)
    return step_size * (local_steps - 1) / 2 * np.linalg.solve(A.mean(0), pull)


def _times_k(A, b, step_size, local_steps):
    return first_order(A, b, step_size, local_steps) * local_steps / (local_steps - 1)


def _without_half(A, b, step_size, local_steps):
    return 2 * first_order(A, b, step_size, local_steps)


def _summed_hessians(A, b, step_size, local_steps):
    return first_order(A, b, step_size, local_steps) / len(b)


def _mean_hessian_outside(A, b, step_size, local_steps):
    x = np.linalg.solve(A.sum(0), (A @ b[..., None]).sum(0)[:, 0])
    gradients = (A @ (x - b)[..., None])[..., 0]
    return step_size * (local_steps - 1) / 2 * np.mean([A_i @ g for A_i, g in zip(A, gradients)], axis=0)


def slope(sizes, biases):
    return np.polyfit(np.log(sizes), np.log(biases), 1)[0]


def _not_logged(sizes, biases):
    return np.polyfit(sizes, biases, 1)[0]


def _half_logged(sizes, biases):
    return np.polyfit(sizes, np.log(biases), 1)[0]


def _upside_down(sizes, biases):
    return np.polyfit(np.log(biases), np.log(sizes), 1)[0]


def _constant(sizes, biases):
    return np.polyfit(np.log(sizes), np.log(biases), 1)[1]


def _slope_inputs(rng):
    sizes = np.geomspace(1, 20, 8) * rng.uniform(1e-4, 1e-3)
    return sizes, rng.uniform(0.5, 5) * sizes ** rng.uniform(0.7, 2) * np.exp(0.2 * rng.normal(size=8))


def mean_after(C, c, fresh, chosen):
    return c + len(chosen) / len(C) * (fresh - C[chosen]).mean(0)


def _not_scaled(C, c, fresh, chosen):
    return c + (fresh - C[chosen]).mean(0)


def _mean_of_fresh(C, c, fresh, chosen):
    return fresh.mean(0)


def _old_left_in(C, c, fresh, chosen):
    return c + len(chosen) / len(C) * fresh.mean(0)


def _first_ones(C, c, fresh, chosen):
    return c + len(chosen) / len(C) * (fresh - C[: len(chosen)]).mean(0)


def _sampled_inputs(rng):
    m = int(rng.integers(6, 12))
    k = int(rng.integers(2, m - 1))
    C = rng.normal(size=(m, 3))
    return C, C.mean(0), rng.normal(size=(k, 3)), np.sort(rng.permutation(m)[:k])


def async_average(speeds, b):
    return speeds @ b / speeds.sum()


def _plain_mean(speeds, b):
    return b.mean(0)


def _slow_count_more(speeds, b):
    return (1 / speeds) @ b / (1 / speeds).sum()


def _not_normalised(speeds, b):
    return speeds @ b


def _fastest_alone(speeds, b):
    return b[speeds.argmax()]


def _speed_inputs(rng):
    m = int(rng.integers(3, 7))
    return rng.uniform(0.5, 5, m), rng.normal(size=(m, 3))


QUESTIONS = [
    Question(
        id="heterogeneity-bias", name="bias", points=4, inputs=_few_inputs, reference=bias,
        wrong={
            "you measured from the mean of the b_i; the optimum weighs them with the Hessians": _from_the_mean,
            "the bias is fixed point less optimum: yours has the other sign": _backwards,
            "that is the fixed point itself: take off the optimum of f": _stop_alone,
            "one local step too few: the power is K, not K - 1": _a_step_too_few,
        },
        hints=(
            "Two linear solves: where sum_i M_i (x - b_i) = 0, and where sum_i A_i (x - b_i) = 0.",
            "M = np.eye(d) - np.linalg.matrix_power(np.eye(d) - step_size * A, local_steps)",
        ),
    ),
    Question(
        id="heterogeneity-first", name="first_order", points=4, inputs=_few_inputs, reference=first_order,
        wrong={
            "K = 1 must give zero: the factor is K - 1, not K": _times_k,
            "the factor one half is missing: 0 + 1 + ... + (K-1) = K (K-1) / 2": _without_half,
            "A bar is the mean of the Hessians, not their sum": _summed_hessians,
            "you left out the inverse of the mean Hessian": _mean_hessian_outside,
        },
        hints=(
            "Expand M_i to second order in eta: eta K A_i - eta^2 K (K-1)/2 A_i^2.",
            "g_i = A_i (x* - b_i); the answer is eta (K-1)/2 solve(mean A_i, mean A_i g_i).",
        ),
    ),
    Question(
        id="heterogeneity-slope", name="slope", points=2, inputs=_slope_inputs, reference=slope,
        wrong={
            "a power law is straight in log-log axes: take logarithms of both": _not_logged,
            "you took the logarithm of one axis only": _half_logged,
            "you exchanged the axes: the bias is a function of the size": _upside_down,
            "that is the intercept; the exponent is the slope": _constant,
        },
        hints=(
            "If bias = c * size^p, then log bias = log c + p log size.",
            "np.polyfit(x, y, 1) returns the slope and the intercept.",
        ),
    ),
    Question(
        id="heterogeneity-mean", name="mean_after", points=3, inputs=_sampled_inputs, reference=mean_after,
        wrong={
            "the sampled clients are only |S| of m: scale their mean change by |S| / m": _not_scaled,
            "the clients that did not take part keep their c_i, and still count": _mean_of_fresh,
            "c moves by the change of the c_i: take off the old ones": _old_left_in,
            "you took off the c_i of the first clients, not of those who were chosen": _first_ones,
        },
        hints=(
            "c is the mean of all c_i before, and must be after.",
            "c + len(chosen) / len(C) * (fresh - C[chosen]).mean(axis=0)",
        ),
    ),
    Question(
        id="heterogeneity-async", name="async_average", points=2, inputs=_speed_inputs, reference=async_average,
        wrong={
            "that is the optimum of f; gradients of fast workers come more often": _plain_mean,
            "it is the fast workers that count more, not the slow": _slow_count_more,
            "the shares of the gradients must sum to one": _not_normalised,
            "the others send gradients as well, only less often": _fastest_alone,
        },
        hints=(
            "Which share p_i of all gradients comes from worker i?",
            "sum_i p_i (x - b_i) = 0 for x = sum_i p_i b_i, with p_i = speed_i / total speed.",
        ),
    ),
]  # fmt: skip
