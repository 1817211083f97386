"""Lecture 02: what step size and number of workers do to synchronous SGD, and where more workers stop helping."""

from functools import cache
from itertools import islice

import numpy as np

from course_lib import bounds
from course_lib.clusters import SimulatedCluster
from course_lib.explorers import (
    Axes,
    Choice,
    Curve,
    Explorer,
    Picture,
    Points,
    Prediction,
    Rule,
    Slider,
    Theory,
    quantity,
)
from course_lib.methods import sync_sgd
from course_lib.problems import Quadratic

ROUNDS = 150
D, NOISE = 10, 2.0
WORKERS = [1, 2, 4, 8, 16, 32]
MILD, HARD = np.geomspace(0.5, 1, D), np.geomspace(0.1, 1, D)  # eigenvalues: kappa = 2, so the bound is near; 10


@cache
def quadratic(workers):
    """The same f on every worker: eigenvalues `MILD`, gradient noise sigma^2 = 4 a sample."""
    A = np.broadcast_to(np.diag(MILD), (workers, D, D))
    return Quadratic(A, np.zeros((workers, D)), noise=NOISE)


def expected_gap(values, step_size, batch, steps):
    """E f(x_t) - f* from x_0 = (1, ..., 1), exactly: each coordinate's second moment obeys a linear recursion."""
    shrink, noise = (1 - step_size * values) ** 2, step_size**2 * NOISE**2 / (D * batch)
    t = np.asarray(steps)[..., None]
    left = shrink**t
    added = np.where(shrink == 1, t, (1 - left) / np.where(shrink == 1, 1, 1 - shrink))
    return (left + noise * added) @ values / 2


def step_size_picture(step_size, workers):
    """Loss above the optimum of one run, its expectation, and the bound.

    Parameters
    ----------
    step_size : float
        eta; the theorem asks for eta <= 1/L = 1, and from 2/L = 2 on the run diverges.
    workers : int
        m, each with one sample a round.

    Returns
    -------
    Picture
    """
    problem = quadratic(workers)
    cluster = SimulatedCluster(problem, seed=1, batch_size=1, initial_model=np.ones(D))
    t = np.arange(ROUNDS + 1)
    loss = problem.loss(np.array([x for x, _ in islice(sync_sgd(cluster, step_size), len(t))]))
    expected = expected_gap(MILD, step_size, workers, t)
    bound = t * np.nan
    if step_size >= 2 / problem.L:
        answer = "is above 2/L: the run diverges, whatever the number of workers."
    else:
        settled = expected_gap(MILD, step_size, workers, np.inf)
        late = ", long after these rounds" if expected[-1] > 1.1 * settled else ""
        answer = f"settles at {quantity(settled)}{late}"
        if step_size <= 1 / problem.L:
            constants = step_size, problem.L, problem.mu, NOISE**2 / workers, loss[0]
            bound = bounds.sgd_constant_step(t, *constants)
            floor = bounds.sgd_constant_step(np.inf, *constants)
            answer += f"; the theorem allows {quantity(floor)}. Twice the workers halve both."
        else:
            answer += ", but it is above 1/L, so the theorem is silent."
    marks = [
        Curve(t, loss, "sync_sgd", linewidth=1.2, alpha=0.75, label="one run"),
        Curve(t, expected, "expectation", color="#C04F00", linestyle="-"),
        Theory(t, bound, "bound: BCN 4.6"),
    ]
    return Picture(marks, f"{_workers(workers)}: step size {quantity(step_size)} {answer}")


def _workers(m):
    return "1 worker" if m == 1 else f"{m:,} workers"


STEPS = np.unique(np.geomspace(1, 60_000, 600).astype(int))


@cache
def gaps():
    """Expected gaps after `STEPS` for a grid of step sizes, without noise and what that of one sample adds."""
    batches = np.array([np.inf, 1])[:, None, None]
    both = [expected_gap(HARD, step_size, batches, STEPS) for step_size in np.geomspace(1e-4, 1.6, 90)]
    return [(without, one - without) for without, one in both]


@cache
def rounds_needed(target):
    """Fewest rounds to an expected gap of `target`, over a grid of step sizes, for batches 1, 2, 4, ... 8192."""
    batches = 2 ** np.arange(14)
    best = np.full(len(batches), np.inf)
    for without, added in gaps():
        reached = without + added / batches[:, None] <= target  # the noise's share falls with the batch
        best = np.minimum(best, np.where(reached.any(1), STEPS[reached.argmax(1)], np.inf))
    return batches, best


def speedup_picture(target, workers):
    """Rounds to a target against the number of workers, each with one sample a round.

    Parameters
    ----------
    target : float
        Loss above the optimum to reach, in expectation.
    workers : int
        The number to ask about.

    Returns
    -------
    Picture
    """
    batches, needed = rounds_needed(target)
    critical = bounds.critical_batch(target, HARD.min(), NOISE**2)
    here = needed[list(batches).index(workers)]
    sentence = f"To a gap of {quantity(target)}, 1 worker needs {quantity(int(needed[0]), 'rounds')}"
    if workers > 1:
        speed_up = quantity(float(f"{needed[0] / here:.2g}"))
        sentence += f"; {_workers(workers)}: {quantity(int(here))}, a speed-up of {speed_up}"
    sentence += f". The formula's critical batch: {quantity(critical)}."
    marks = [
        Curve(batches, needed, "sync_sgd", label="best step size"),
        Theory(batches, needed[0] / batches, "linear speed-up"),
        Rule(x=critical, name="critical batch", linestyle=(0, (1, 1))),
        Points([workers], [here], label="you are here", color="#C04F00"),
    ]
    return Picture(marks, sentence)


step_size_explorer = Explorer(
    title="Step size and number of workers",
    controls=[
        Slider("step_size", "step size", [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 1.5, 1.9, 2.1], start=0.5),
        Slider("workers", "workers", WORKERS, start=1),
    ],
    axes=[
        Axes(
            "loss above the optimum, one sample a worker", xlabel="rounds", ylabel="f(x) - f*",
            xlim=(0, ROUNDS), ylim=(1e-4, 1e2), yscale="log",
        )
    ],
    picture=step_size_picture,
    presets={
        "one worker, long steps": {"step_size": 1.0},
        "32 workers, the same steps": {"step_size": 1.0, "workers": 32},
        "unstable": {"step_size": 2.1, "workers": 32},
    },
    prediction=Prediction(
        "Step size 0.5. You go from 1 worker to 32. What happens to the level at which the loss stalls?",
        ["nothing, only the speed changes", "it falls to a sixth (one over root 32)", "it falls to a 32nd"],
    ),
    theory="Theorem card 2.2",
)  # fmt: skip

speedup_explorer = Explorer(
    title="Where the speed-up ends",
    controls=[
        Slider("workers", "workers", (2 ** np.arange(14)).tolist(), start=64),
        Choice("target", "loss to reach", {"0.1": 0.1, "0.01": 0.01, "0.001": 0.001}, start=0.01),
    ],
    axes=[
        Axes(
            "rounds to the target", xlabel="workers, one sample each", ylabel="rounds",
            xlim=(1, 1e5), ylim=(1, 1e5), xscale="log", yscale="log",
        )
    ],
    picture=speedup_picture,
    presets={"an easy target": {"target": 0.1}, "a hard one": {"target": 0.001, "workers": 1024}},
    prediction=Prediction(
        "Twice the workers, half the rounds. Up to about how many workers does this hold, for a loss of 0.01?",
        ["ten", "some hundreds", "any number"],
    ),
    theory="Theorem card 2.2",
)  # fmt: skip
