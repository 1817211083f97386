"""Lecture 04: what delay does to a step size, what a barrier does to the clock, and which of the two costs more."""

from functools import cache

import numpy as np

from course_lib import bounds
from course_lib.clusters import Constant, Exponential, Link, Pareto, SimulatedCluster, Speeds
from course_lib.explorers import (
    Axes,
    Choice,
    Curve,
    Explorer,
    Picture,
    Points,
    Prediction,
    Slider,
    Theory,
    decades,
    quantity,
    spans,
)
from course_lib.methods import async_sgd, stale_synchronous_sgd, sync_sgd
from course_lib.problems import Quadratic

UPDATES = 200
TAUS = [0, 1, 2, 3, 5, 8, 12, 20, 30, 50]
STEPS = [float(f"{k}e{e}") for e in (-3, -2, -1, 0) for k in (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 6.5, 8)][7:-6]


@cache
def measured_thresholds():
    """Largest stable step for each of `TAUS`: bisection on the spectral radius of the companion matrix."""
    low, high = np.zeros(len(TAUS)), np.full(len(TAUS), 2.5)
    for _ in range(25):
        middle = (low + high) / 2
        stable = [bounds.delayed_factor(s, tau) < 1 for s, tau in zip(middle, TAUS)]
        low, high = np.where(stable, middle, low), np.where(stable, high, middle)
    return low


def delayed_descent(step, staleness, updates):
    """|x_t| of x_{t+1} = x_t - step x_{t - staleness} from x_0 = 1, with no update before a gradient is there."""
    x = [1.0] * (staleness + 1)
    for _ in range(updates - staleness):
        x.append(x[-1] - step * x[-1 - staleness])
    return np.abs(x[: updates + 1])


def stability_picture(staleness, step):
    """Where delayed gradient descent is stable, and one run of it.

    Parameters
    ----------
    staleness : int
        tau, the same for every gradient.
    step : float
        Step size times curvature.

    Returns
    -------
    Picture
    """
    t, tau = np.arange(UPDATES + 1), np.arange(51)
    limit, factor = float(bounds.max_stable_step(staleness)), bounds.delayed_factor(step, staleness)
    state, verdict = "unstable", f"grows by {quantity(100 * (factor - 1))} %"
    if factor < 1e-12:
        state, verdict = "stable", "falls to zero in"
    elif abs(factor - 1) < 1e-9:
        state, verdict = "at the limit", "neither shrinks nor grows in"
    elif factor < 1:
        state, verdict = "stable", f"shrinks to {quantity(factor)} of itself"
    sentence = (
        f"Staleness {staleness}, step {quantity(step)}: {state}; in the long run |x| "
        f"{verdict} an update. The limit is {quantity(limit)}, "
        f"the fastest step {quantity(float(bounds.fastest_delayed_step(staleness)))}."
    )
    marks = [
        Theory(tau, bounds.max_stable_step(tau), "theory"),
        Curve(tau, bounds.fastest_delayed_step(tau), "fastest step", color="#007A5A", linestyle=(0, (1.5, 1.2))),
        Points(TAUS, measured_thresholds(), "measured limit", color="#444444", markersize=5),
        Points([staleness], [step], label="you are here", color="#C04F00", markersize=9),
        Curve(t, delayed_descent(step, staleness, UPDATES), "one run", panel=1, color="#0072B2", linestyle="-"),
        Theory(t, factor**t, "theory", panel=1),
    ]
    return Picture(marks, sentence)


M, SECONDS = 8, 12.0
TIMES = {"always the same": Constant(1.0), "memoryless": Exponential(1.0), "heavy tail": Pareto(0.4, 5 / 3)}  # mean 1
INSTANT = Link(latency=0.0, bandwidth=np.inf)


def run_until(method, cluster):
    """Let a method go on until all that begins before `SECONDS` has begun."""
    steps = method(cluster)
    while cluster.clock.min() < SECONDS and cluster.rounds < 2000:
        next(steps)
        cluster.rounds += 1
    return [span for span in cluster.trace() if span.start < SECONDS]


def speeds_picture(times, factor, bound):
    """Who computes and who waits, with a barrier and without.

    Parameters
    ----------
    times : str
        How compute times vary: a key of `TIMES`.
    factor : float
        How many times as long the slowest worker takes.
    bound : int or None
        Without the barrier: how many gradients a worker may be ahead of the slowest.

    Returns
    -------
    Picture
    """
    compute = Speeds(TIMES[times], [1.0] * (M - 1) + [1 / factor])
    problem = Quadratic(np.ones((M, 1, 1)), np.zeros((M, 1)))
    free = async_sgd if bound is None else lambda c, eta: stale_synchronous_sgd(c, eta, bound)
    marks, done = [], []
    for panel, method in enumerate((sync_sgd, free)):
        cluster = SimulatedCluster(problem, compute=compute, link=INSTANT)
        seen = run_until(lambda c, method=method: method(c, 0.1), cluster)
        for kind in ("compute", "wait"):
            own = [(s.worker, s.start, min(s.end, SECONDS)) for s in seen if s.kind == kind]
            marks.append(spans(*np.reshape(own, (-1, 3)).T, kind, panel=panel))
        done.append(sum(s.kind == "compute" and s.end <= SECONDS for s in seen))
    staleness = cluster.order.staleness[cluster.order.seconds <= SECONDS]
    sentence = (
        f"In {SECONDS:.0f} s the barrier lets {M} workers finish {done[0]} gradients; without it they finish "
        f"{done[1]}, {quantity(float(staleness.mean()))} updates old on average (m - 1 = {M - 1}), "
        f"{staleness.max()} at most."
    )
    return Picture(marks, sentence)


D, NOISE_FREE = 10, np.geomspace(0.1, 1, 10)  # eigenvalues: kappa = 10
DEADLINES = np.arange(1, 61)


@cache
def responses(staleness, updates):
    """What is left of x_0 = 1 and what unit noise has added, squared: (deadlines, S, D) for S step sizes.

    For each eigenvalue x_{t+1} = x_t - eta (lambda x_{t - tau} + noise) is linear, so E x_t^2 is the sum of both.
    A delayed run swings through zero: what is left is averaged over the last tau + 1 updates.
    """
    steps = np.geomspace(1e-3, 0.999, 60)[:, None] * bounds.max_stable_step(staleness)
    last, s = max(updates), steps * NOISE_FREE
    left, kick = np.ones((last + 1, *s.shape)), np.zeros((last + 1, *s.shape))
    kick[0] = 1.0
    for t in range(last):
        left[t + 1] = left[t] - s * left[max(t - staleness, 0)]
        kick[t + 1] = kick[t] - s * kick[t - staleness] if t >= staleness else kick[t]
    total, at = np.cumsum(left**2, axis=0), np.array(updates)
    window = np.minimum(staleness + 1, at)
    left = np.where(at[:, None, None] > 0, (total[at] - total[at - window]) / np.maximum(window, 1)[:, None, None], 1)
    return left, (np.cumsum(kick**2, axis=0) - kick**2)[at] * steps**2


def best_gap(staleness, updates, variance):
    """Smallest expected loss above the optimum after so many updates, over constant step sizes: (deadlines,)."""
    left, noise = responses(staleness, tuple(np.asarray(updates, int).tolist()))
    return ((left + noise * variance / D) @ NOISE_FREE).min(axis=1) / 2


def deadline_picture(noise, workers, machines):
    """Best loss by a deadline, with and without a barrier.

    Parameters
    ----------
    noise : float
        Variance of a gradient on one sample.
    workers : int
        m, each with one sample a gradient; without a barrier each gradient is m - 1 updates old.
    machines : str
        "alike": a gradient takes a second; "memoryless": a second on average.

    Returns
    -------
    Picture
    """
    a_round = 1.0 if machines == "alike" else bounds.wait_for_slowest(workers)
    sync = best_gap(0, DEADLINES // a_round, noise / workers)
    free = best_gap(workers - 1, DEADLINES * workers, noise)
    ratio = sync[-1] / free[-1]
    winner = "neither wins by a tenth" if abs(np.log(ratio)) < np.log(1.1) else "async" if ratio > 1 else "sync"
    lead = "" if winner.startswith("neither") else f" is ahead by a factor of {quantity(max(ratio, 1 / ratio))}"
    sentence = (
        f"{workers} {machines} machines, noise {quantity(noise)}: after {DEADLINES[-1]} s sync is at "
        f"{quantity(sync[-1])}, async at {quantity(free[-1])}: {winner}{lead}."
    )
    marks = [Curve(DEADLINES, sync, "sync_sgd"), Curve(DEADLINES, free, "async_sgd")]
    return Picture(marks, sentence)


stability_explorer = Explorer(
    title="Staleness and step size",
    controls=[
        Slider("staleness", "staleness", TAUS, start=12),
        Slider("step", "step size times curvature", STEPS, start=0.1),
    ],
    axes=[
        Axes("where it is stable", xlabel="staleness τ", ylabel="step size × curvature",
             xlim=(-1, 51), ylim=(5e-3, 3), yscale="log"),
        Axes("distance from the optimum", xlabel="updates t", ylabel="|x|",
             xlim=(0, UPDATES), ylim=(1e-6, 1e3), yscale="log"),
    ],
    picture=stability_picture,
    presets={
        "just below the limit": {"staleness": 2, "step": 0.6},
        "just above": {"staleness": 2, "step": 0.65},
        "fastest": {"staleness": 12, "step": 0.03},
    },
    prediction=Prediction(
        "Fresh gradients allow steps up to 2. How far up may they go when every gradient is 12 updates old?",
        ["still to 2", "to about 0.6 (2 over root 12)", "to about 0.13 (π over 25)"],
    ),
    theory="Theorem card 4.2",
)  # fmt: skip

speeds_explorer = Explorer(
    title="With and without a barrier",
    controls=[
        Choice("times", "compute times", list(TIMES), start="memoryless"),
        Slider("factor", "the slowest worker takes", [1, 1.5, 2, 3, 5, 10], start=1, text="{:g} times as long".format),
        Choice("bound", "without the barrier", {"nobody waits": None, "at most 3 ahead": 3, "at most 0 ahead": 0}),
    ],
    axes=[
        Axes(title, xlabel="seconds", ylabel="worker", xlim=(0, SECONDS), ylim=(M - 0.4, -0.6), yticks=range(M))
        for title in ("with a barrier: sync SGD", "without")
    ],
    picture=speeds_picture,
    presets={"one slow worker": {"times": "always the same", "factor": 5}, "heavy tail": {"times": "heavy tail"}},
    prediction=Prediction(
        "Eight workers, memoryless times of mean one second. How many times as many gradients without the barrier?",
        ["as many", "about 1.5 times", "about 3 times", "8 times"],
    ),
    theory="Theorem card 4.5",
)

deadline_explorer = Explorer(
    title="Sync or async by a deadline?",
    controls=[
        Slider("noise", "variance of a gradient", decades(1e-8, 100), start=0.01),
        Slider("workers", "workers", [2, 4, 8, 16], start=16),
        Choice("machines", "machines", ["alike", "memoryless"], start="memoryless"),
    ],
    axes=[
        Axes("best expected loss above the optimum", xlabel="seconds", ylabel="f(x) - f*",
             xlim=(1, 60), ylim=(1e-10, 10), yscale="log")
    ],
    picture=deadline_picture,
    presets={
        "noise rules": {"noise": 1.0},
        "noise rules, machines alike": {"noise": 1.0, "machines": "alike"},
        "high accuracy, machines alike": {"noise": 1e-8, "machines": "alike"},
        "high accuracy, memoryless": {"noise": 1e-8},
    },
    prediction=Prediction(
        "Sixteen machines, memoryless times, little noise (0.01), a minute. Which loss is lower at the end?",
        ["with a barrier", "without", "both alike"],
    ),
    theory="Theorem card 4.5",
)  # fmt: skip
