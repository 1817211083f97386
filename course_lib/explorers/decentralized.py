"""Lecture 06: the bias of decentralised descent, its transient, and which graph for which budget."""

from functools import cache
from itertools import islice

import numpy as np

from course_lib import bounds, costs, plots, topology
from course_lib.clusters import SimulatedCluster
from course_lib.explorers import (
    Axes,
    Choice,
    Curve,
    Explorer,
    Picture,
    Prediction,
    Rule,
    Slider,
    Theory,
    bars,
    decades,
    quantity,
)
from course_lib.explorers.kept import kept
from course_lib.methods import adapt_then_combine, dsgd, extra, gradient_tracking
from course_lib.problems import Quadratic

M, ROUNDS = 16, 150
GRAPHS = {
    "complete": topology.complete(M), "hypercube": topology.hypercube(4), "torus": topology.torus(4, 4),
    "ring": topology.ring(M), "star": topology.star(M),
}  # fmt: skip


# ---- the bias -------------------------------------------------------------------------------------------


@cache
def quadratic():
    """Workers with different Hessians and different optima."""
    return Quadratic.dialled(M, 2, condition=2, hessian_spread=0.5, seed=1)


@cache
def distances(method, step_size, graph):
    """Root mean square distance of the workers' models from x* after each round, shape (ROUNDS + 1,)."""
    problem, x, W = quadratic(), quadratic().optimum(), topology.metropolis(GRAPHS[graph])
    with np.errstate(all="ignore"):
        states = islice(method(SimulatedCluster(problem), step_size, W), ROUNDS + 1)
        return np.sqrt([((X - x) ** 2).sum() / M for X, *_ in states])


def bias_picture(step_size, graph):
    """Distance from the optimum of four methods on one graph, and where DSGD must stop.

    Parameters
    ----------
    step_size : float
        eta, constant; L is about 1.
    graph : str
        One of `GRAPHS`, with Metropolis weights.

    Returns
    -------
    Picture
    """
    problem, W = quadratic(), topology.metropolis(GRAPHS[graph])
    still = bounds.dgd_fixed_point(problem.A, problem.b, W, step_size)
    floor = np.sqrt(((still - problem.optimum()) ** 2).sum() / M)
    methods = dsgd, adapt_then_combine, extra, gradient_tracking
    reached = {method.__name__: distances(method, step_size, graph) for method in methods}
    ends = {name: "diverges" if not d[-1] < 2 * d[0] else f"is at {d[-1]:.2g}" for name, d in reached.items()}
    sentence = (
        f"Round {ROUNDS}: DSGD {ends['dsgd']} from x*, and its fixed point is {quantity(floor)} away; "
        f"adapt then combine {ends['adapt_then_combine']}, EXTRA {ends['extra']}, "
        f"gradient tracking {ends['gradient_tracking']}."
    )
    marks = [Curve(np.arange(ROUNDS + 1), d, name) for name, d in reached.items()]
    return Picture([*marks, Rule(y=floor, name="DSGD's fixed point: a linear solve")], sentence.replace("e-0", "e-"))


# ---- the transient --------------------------------------------------------------------------------------

LAST = 10_000
BETA, GAMMA = 2.0, 20.0
NETWORKS = ("all-reduce", "complete", "exponential", "one peer", "torus", "ring")
WORKERS = (16, 64)
SPREADS = {"the same data everywhere": 0.0, "different data": 3.0}


def modes(name, m):
    """Eigenvalues of W in each of the rounds that repeat, (q, m), and the eigenvectors, the mean first, (m, m)."""
    if name == "one peer":
        k = np.arange(m)
        waves = np.exp(2j * np.pi * np.outer(k, k) / m) / np.sqrt(m)
        turns = 2 ** np.arange(int(np.log2(m)))[:, None]
        return (1 + np.exp(-2j * np.pi * k * turns / m)) / 2, waves
    side = int(np.sqrt(m))
    graphs = {"ring": topology.ring(m), "torus": topology.torus(side, side), "exponential": topology.exponential(m)}
    values, vectors = np.linalg.eigh(topology.metropolis(graphs.get(name, topology.complete(m))))
    return values[None, ::-1], vectors[:, ::-1]


@cache
def expected_errors(m, spread):
    """E of the mean over workers of |x_i - x*|^2 under DSGD with steps 2 / (t + 20), exactly.

    f_i(x) = (x - b_i)^2 / 2, gradient noise of variance 1, all start 3 away from x*. In the eigenvectors of W
    the modes part, and the mean and variance of each obey a linear recursion. All-reduce has the mean's alone.

    Parameters
    ----------
    m : int
        16 or 64: a square and a power of two.
    spread : float
        Standard deviation of the b_i.

    Returns
    -------
    array, shape (6, LAST)
        One row for each of `NETWORKS`, after rounds 1, 2, ...
    """
    b = spread * np.random.default_rng(5).standard_normal(m)
    found = [modes(name, m) for name in NETWORKS[1:]]
    pull = np.array([np.conj(vectors.T) @ (b - b.mean()) for _, vectors in found])
    rounds = [np.array([values[t % len(values)] for values, _ in found]) for t in range(int(np.log2(m)))]
    mean, variance = np.zeros_like(pull), np.zeros(pull.shape)
    mean[:, 0] = 3 * np.sqrt(m)
    errors = np.empty((len(NETWORKS), LAST))
    for t in range(1, LAST + 1):
        step = BETA / (GAMMA + t)
        keep = rounds[(t - 1) % len(rounds)] - step
        mean, variance = keep * mean + step * pull, abs(keep) ** 2 * variance + step**2
        each = (abs(mean) ** 2 + variance) / m
        errors[0, t - 1], errors[1:, t - 1] = each[0, 0], each.sum(1)
    return errors


SHOWN = np.unique(np.geomspace(1, LAST, 100).astype(int))


@kept(WORKERS, SPREADS.values())
def errors_shown(m, spread):
    """`expected_errors` after the rounds `SHOWN`, (6, len(SHOWN))."""
    return expected_errors(m, spread)[:, SHOWN - 1]


@kept(WORKERS, SPREADS.values())
def settled_from(m, spread):
    """The first round from which on each network's error stays within twice all-reduce's; infinite: none, (6,)."""
    errors = expected_errors(m, spread)
    outside = np.where(errors > 2 * errors[0], np.arange(1, LAST + 1), 0).max(1)
    return np.where(outside < LAST, outside + 1.0, np.inf)


def transient_picture(workers, spread):
    """Expected error of DSGD on graphs, against m workers that average exactly and against a single one.

    Parameters
    ----------
    workers : int
        m.
    spread : float
        How far apart the workers' own optima are.

    Returns
    -------
    Picture
    """
    errors, settled = errors_shown(workers, spread), settled_from(workers, spread)
    late = BETA**2 / (2 * BETA - 1) / SHOWN
    told = ", ".join(f"{name} {_when(t)}" for name, t in zip(NETWORKS, settled) if name in TOLD)
    marks = [Curve(SHOWN, errors[k], **plots.series(k, NETWORKS[k])) for k in range(len(NETWORKS))]
    marks.insert(0, Theory(SHOWN, late, "1 worker: 4σ²/(3t)", color="#888888"))
    marks.append(Theory(SHOWN, late / workers, "m workers: 4σ²/(3mt)"))
    sentence = f"{workers} workers, within twice all-reduce's error: {told}. In the end the graph costs nothing."
    return Picture(marks, sentence)


TOLD = ("exponential", "one peer", "torus", "ring")


def _when(t):
    return f"from round {float(f'{t:.2g}'):,.0f}" if np.isfinite(t) else "not by 10,000"


# ---- which graph for which budget -----------------------------------------------------------------------

DEGREE = {"complete": 15, "exponential": 7, "one peer": 1, "torus": 4, "ring": 2}  # of 16 workers
COMPUTE = 0.01  # seconds a gradient


TARGETS = {"0.1": 0.1, "0.01": 0.01, "0.001": 0.001}


@kept(TARGETS.values(), SPREADS.values())
def rounds_to(target, spread):
    """Rounds to a target for each of `NETWORKS` on 16 workers, (6,); infinite where it takes more than `LAST`."""
    there = expected_errors(M, spread) <= target
    return np.where(there.any(1), there.argmax(1) + 1.0, np.inf)


def budget(target, spread, latency, size):
    """Rounds, bytes of all workers together, and seconds to a target, for each of `NETWORKS` on 16 workers.

    Parameters
    ----------
    target : float
        Expected squared error.
    spread : float
        As in `expected_errors`, which counts the rounds.
    latency : float
        Seconds.
    size : int
        Numbers in the model, 8 bytes each, on 10 Gbit/s links.

    Returns
    -------
    rounds, bytes, seconds : arrays, shape (6,)
        Infinite where the target is not reached in `LAST` rounds.
    """
    rounds = rounds_to(target, spread)
    ways = (costs.all_reduce(name, M, size, latency, 8 / 1.25e9) for name in ("ring", "halving_doubling"))
    heard = np.array([DEGREE[name] for name in NETWORKS[1:]])
    sent = 8 * size * np.r_[2 * (M - 1), M * heard]
    seconds = COMPUTE + np.r_[min(way.seconds for way in ways), heard * (latency + 8 * size / 1.25e9)]
    return rounds, rounds * sent, rounds * seconds


def budget_picture(target, spread, latency, size):
    """What each network costs on three clocks; parameters as in `budget`."""
    clocks = budget(target, spread, latency, size)
    best = [NETWORKS[int(np.argmin(clock))] for clock in clocks]
    sentence = f"Fewest rounds: {best[0]}. Fewest bytes: {best[1]}, {quantity(min(clocks[1]), 'B')}. "
    sentence += f"Fewest seconds: {best[2]}, {quantity(min(clocks[2]), 's')}."
    marks = [
        bars([k], np.minimum(clock[k], 1e16), panel=panel, **BAR[k])
        for panel, clock in enumerate(clocks)
        for k in range(len(NETWORKS))
    ]
    return Picture(marks, sentence)


FRAME = {"xlabel": "", "ylabel": "", "xlim": (-0.7, 5.7), "yscale": "log", "xticks": []}
BAR = [{"facecolor": plots.series(k, "")["color"], "label": name} for k, name in enumerate(NETWORKS)]


# ---- the explorers --------------------------------------------------------------------------------------

bias_explorer = Explorer(
    title="Where constant steps end",
    controls=[
        Slider("step_size", "step size", [0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.8], start=0.2),
        Choice("graph", "graph", list(GRAPHS), start="complete"),
    ],
    axes=[
        Axes("distance of the models from the optimum", xlabel="rounds", ylabel="root mean square", xlim=(0, ROUNDS),
             ylim=(1e-9, 10), yscale="log"),
    ],
    picture=bias_picture,
    presets={"ring": {"graph": "ring"}, "ring, short steps": {"graph": "ring", "step_size": 0.02}},
    prediction=Prediction(
        "On the complete graph, every worker averages with all others in every round. Where does Algorithm 7.1 end, "
        "with exact gradients and a constant step?",
        ["at the optimum", "at a distance that does not depend on the step", "at a distance proportional to the step"],
    ),
    theory="Theorem card 6.3",
)  # fmt: skip

transient_explorer = Explorer(
    title="Linear speed-up, after a transient",
    controls=[
        Choice("workers", "workers", WORKERS, start=16),
        Choice("spread", "data", SPREADS, start=3.0),
    ],
    axes=[
        Axes("expected squared error, steps 2/(t + 20)", xlabel="rounds", ylabel="E|x - x*|²", xlim=(1, LAST),
             ylim=(1e-6, 20), xscale="log", yscale="log"),
    ],
    picture=transient_picture,
    presets={"same data": {"spread": 0.0}, "64 workers": {"workers": 64}},
    prediction=Prediction(
        "Noisy gradients, falling steps, different data. When is DSGD on a ring of 16 as good as an exact all-reduce?",
        ["after a few dozen rounds", "after some thousands", "not within 10,000"],
    ),
    theory="Theorem card 6.4",
)  # fmt: skip

budget_explorer = Explorer(
    title="Which graph for which budget",
    controls=[
        Choice("target", "squared error to reach", TARGETS, start=0.01),
        Choice("spread", "data", SPREADS, start=3.0),
        Slider("latency", "latency of a message", decades(1e-5, 0.1), start=2e-3, unit="s"),
        Slider("size", "numbers in the model", [10**k for k in range(2, 10)], start=10**6),
    ],
    axes=[
        Axes("rounds (to the top: over 10,000)", ylim=(10, 1e4), **FRAME),
        Axes("bytes sent", ylim=(1e5, 1e15), **FRAME),
        Axes("seconds", ylim=(1e-2, 1e6), **FRAME),
    ],
    picture=budget_picture,
    presets={
        "far apart": {"latency": 0.05, "size": 10**4}, "large model, one room": {"latency": 2e-5, "size": 10**8},
        "small model, one room": {"latency": 2e-5, "size": 10**4}, "hard target": {"target": 0.001},
    },
    prediction=Prediction(
        "Sixteen machines, a million numbers, two milliseconds of latency. How many networks win on the three clocks?",
        ["one wins all three", "two share them", "three: each has its own"],
    ),
    theory="Theorem card 6.4",
)  # fmt: skip
