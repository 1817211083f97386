"""Questions of lecture 02: one round by hand, unequal batches, and a review."""

import numpy as np

from course_lib.grading.question import Question


def sync_step(x, features, targets, rows, step_size):
    gradients = []
    for A, y, picked in zip(features, targets, rows):
        A, y = A[picked], y[picked]
        gradients.append(A.T @ (A @ x - y) / len(picked))
    return x - step_size * np.mean(gradients, axis=0)


def _summed(x, features, targets, rows, step_size):
    return x - len(rows) * (x - sync_step(x, features, targets, rows, step_size))


def _all_rows(x, features, targets, rows, step_size):
    return x - (x - sync_step(x, features, targets, rows, step_size)) * len(rows[0]) / len(targets[0])


def _in_turn(x, features, targets, rows, step_size):
    for A, y, picked in zip(features, targets, rows):
        A, y = A[picked], y[picked]
        x = x - step_size * A.T @ (A @ x - y) / len(picked) / len(rows)
    return x


def _uphill(x, features, targets, rows, step_size):
    return 2 * x - sync_step(x, features, targets, rows, step_size)


def _step_inputs(rng):
    m, n, d, b = rng.integers(3, 7), 20, 4, rng.integers(4, 9)
    return (
        rng.normal(size=d), rng.normal(size=(m, n, d)), rng.normal(size=(m, n)),
        rng.integers(n, size=(m, b)), rng.uniform(0.1, 0.5),
    )  # fmt: skip


def large_batch_gradient(gradients, batch_sizes):
    return batch_sizes @ gradients / batch_sizes.sum()


def _batch_inputs(rng):
    m = rng.integers(3, 7)
    return rng.normal(size=(m, 5)), rng.integers(1, 60, size=m)


def draw_rows(seed, m, n, b):
    return np.stack([np.random.default_rng([seed, i]).integers(n, size=b) for i in range(m)])


def _draw_inputs(rng):
    return int(rng.integers(1000)), int(rng.integers(3, 7)), int(rng.integers(100, 10_000)), 6


QUESTIONS = [
    Question(
        id="synchronous-step",
        name="sync_step",
        points=3,
        inputs=_step_inputs,
        reference=sync_step,
        wrong={
            "you added the workers' gradients up; Algorithm 3.1 averages them: the factor 1/m is missing": _summed,
            "you divided by n, the rows that a worker holds, not by b, the rows that it drew": _all_rows,
            "each worker started from where the one before it had stopped; in a synchronous round all start from "
            "the same x": _in_turn,
            "your step goes uphill: the sign of the gradient is wrong": _uphill,
        },
        hints=(
            "Compute every worker's gradient at the same x first; move x once, at the end.",
            "A worker's gradient is A.T @ (A @ x - y) / b, with A and y its b drawn rows.",
        ),
    ),
    Question(
        id="synchronous-weights",
        name="large_batch_gradient",
        points=2,
        inputs=_batch_inputs,
        reference=large_batch_gradient,
        wrong={
            "a plain mean counts a row on a small batch more than one on a large batch": lambda G, b: G.mean(0),
            "the weights b_i must sum to one: divide by the total batch": lambda G, b: b @ G,
            "you divided by the number of workers, not by the total batch": lambda G, b: b @ G / len(b),
            "the weights are upside down: a worker that saw more rows must count more": lambda G, b: (1 / b) @ G
            / (1 / b).sum(),
        },
        hints=(
            "Write each worker's mean gradient as a sum over its rows, divided by b_i.",
            "The large batch's gradient is sum_i b_i g_i / sum_i b_i.",
        ),
    ),
    Question(
        id="synchronous-review",
        name="draw_rows",
        points=2,
        inputs=_draw_inputs,
        reference=draw_rows,
        wrong={
            "every worker draws the same rows: m workers see b rows between them, and the variance stays sigma^2 / b": (
                lambda seed, m, n, b: np.stack([np.random.default_rng(seed).integers(n, size=b) for _ in range(m)])
            ),
            "with seed + i, worker 1 of run 0 is worker 0 of run 1: runs with neighbouring seeds are not independent": (
                lambda seed, m, n, b: np.stack([np.random.default_rng(seed + i).integers(n, size=b) for i in range(m)])
            ),
            "the seed is not used: every run draws the same rows": (
                lambda seed, m, n, b: np.stack([np.random.default_rng([0, i]).integers(n, size=b) for i in range(m)])
            ),
        },
        hints=(
            "Look at which rows worker 0 and worker 1 draw.",
            "np.random.default_rng([seed, i]) gives each pair of seed and worker a stream of its own.",
        ),
    ),
]  # fmt: skip
