"""Lecture 09: how conditioning and unlike workers decide between rounds and words."""

from functools import cache

import numpy as np

from course_lib import bounds, plots
from course_lib.clusters import SimulatedCluster
from course_lib.compressors import SymmetricRank
from course_lib.explorers import Axes, Choice, Explorer, Picture, Prediction, Slider, bars, quantity
from course_lib.explorers.kept import kept
from course_lib.methods import fednl, giant, lbfgs, newton
from course_lib.problems import Quadratic

M, SHARE = 8, 1e-6  # workers, share of the first gap to reach
MOST = {"first order": 10**7, "curved": 500}  # steps after which we give up
NAMES = {
    "sync_sgd": "gradient descent", "accelerated_gradient": "accelerated", "lbfgs": "L-BFGS", "fednl": "FedNL, rank 1",
    "giant": "GIANT", "newton": "Newton",
}  # fmt: skip
TOP = SymmetricRank(1)
SIZES, CONDITIONS = [5, 20, 50], [3, 10, 30, 100, 300, 1000, 3000, 10_000, 100_000]
SPREADS = [0, 0.1, 0.2, 0.5, 1.0, 1.5, 2.0]
STEPS = {"line search": None, "always 1": 1.0}


@cache
def instance(d, condition, spread):
    """A quadratic of these dials; its mean Hessian's eigenvalues, and the first error along their directions.

    H_i = C^(1/2) E_i C^(1/2): C, common to all, has the condition number, and E_i, with axes of its own for every
    worker, eigenvalues between e^-spread and e^spread.
    """
    rng = np.random.default_rng(1)
    root = np.geomspace(condition**-0.5, 1, d)
    turns = np.linalg.qr(rng.standard_normal((M, d, d)))[0]
    own = turns * np.exp(spread * np.linspace(-1, 1, d)) @ turns.transpose(0, 2, 1)
    A = root[:, None] * (own + own.transpose(0, 2, 1)) / 2 * root
    problem = Quadratic(A, rng.standard_normal((M, d)))
    values, vectors = np.linalg.eigh(problem.A.mean(0))
    return problem, values, vectors.T @ problem.optimum()


def descent_steps(values, error):
    """Steps of gradient descent with step 1/L to `SHARE` of the first gap: exact, by bisection."""
    energy = values * error**2
    low, high = 0, MOST["first order"]
    while high - low > 1:
        t = (low + high) // 2
        enough = energy @ (1 - values / values[-1]) ** (2 * t) <= SHARE * energy.sum()
        low, high = (low, t) if enough else (t, high)
    return high


def accelerated_steps(values, error):
    """The same for accelerated gradient, direction by direction."""
    beta, shrink = bounds.momentum(values[-1] / values[0]), 1 - values / values[-1]
    old, new, t = error, error, 0
    target = SHARE * (values @ error**2)
    while values @ new**2 > target and t < 10_000:
        old, new, t = new, shrink * (new + beta * (new - old)), t + 1
    return t


def curved_steps(make, problem):
    """Steps of a method of the library to the same target; infinity if it does not get there."""
    best, x = problem.loss(problem.optimum()), np.zeros(problem.d)
    first = problem.loss(x) - best
    for x, *rest in make(SimulatedCluster(problem)):
        gap = problem.loss(x) - best
        if gap <= SHARE * first:
            return rest[-1]
        if rest[-1] == MOST["curved"] or not gap < 1e6 * first:
            return np.inf


@kept(SIZES, CONDITIONS, SPREADS, STEPS)
def steps(d, condition, spread, step):
    """Steps of each of `NAMES`."""
    problem, values, error = instance(d, condition, spread)
    size = STEPS[step]
    curved = (
        lbfgs,  # its first step has no scale: it always searches
        lambda c: fednl(c, TOP, step_size=size),
        lambda c: giant(c, step_size=size),
        lambda c: newton(c, step_size=size),
    )
    counted = [descent_steps(values, error), accelerated_steps(values, error)]
    return counted + [curved_steps(make, problem) for make in curved]


def bill_picture(d, condition, spread, step):
    """Rounds and words of six methods on eight workers' quadratics; the first three dials are those of `instance`.

    Parameters
    ----------
    d : int
    condition, spread : float
    step : str
        Where step sizes of second-order methods come from: a key of `STEPS`.

    Returns
    -------
    Picture
    """
    taken, marks, totals = steps(d, condition, spread, step), [], []
    message = len(TOP.encode(np.zeros(d * (d + 1) // 2))) / 8
    for k, (name, count) in enumerate(zip(NAMES, taken)):
        search = k > 1 and (STEPS[step] is None or name == "lbfgs")
        totals.append([count * one for one in bounds.bill(name, d, message, search)])
    totals = np.array(totals)
    for panel in range(2):
        for k, name in enumerate(NAMES):
            height = totals[k, panel] if np.isfinite(totals[k, panel]) else 1e-9
            marks.append(bars([k], [height], panel=panel, facecolor=COLORS[k], label=NAMES[name]))
    best = [list(NAMES.values())[int(np.argmin(column))] for column in totals.T]
    sentence = f"Fewest rounds: {best[0]}, {quantity(totals[:, 0].min())}; fewest words: {best[1]}, "
    sentence += f"{quantity(totals[:, 1].min())}. Accelerated gradient takes {quantity(totals[1, 0])} rounds"
    lost = [NAMES[name] for name, count in zip(NAMES, taken) if not np.isfinite(count)]
    sentence += f"; {' and '.join(lost)} {'are' if len(lost) > 1 else 'is'} not there after 500 steps." if lost else "."
    return Picture(marks, sentence)


COLORS = [plots.series(k, "")["color"] for k in range(len(NAMES))]
FRAME = {"xlabel": "", "ylabel": "", "xlim": (-0.7, 5.7), "yscale": "log", "xticks": []}

bill_explorer = Explorer(
    title="Rounds and words of second-order methods",
    controls=[
        Choice("d", "parameters", SIZES, start=20),
        Slider("condition", "condition number", CONDITIONS, start=1000),
        Slider("spread", "how unlike the workers' Hessians are", SPREADS, start=0.1),
        Choice("step", "step size", list(STEPS), start="line search"),
    ],
    axes=[
        Axes("rounds to a millionth of the first gap", ylim=(0.5, 1e6), **FRAME),
        Axes("words: length of all vectors averaged", ylim=(5, 1e8), **FRAME),
    ],
    picture=bill_picture,
    presets={
        "alike": {"spread": 0}, "unlike": {"spread": 1.5}, "unlike, bare step": {"spread": 1.5, "step": "always 1"},
        "small and easy": {"condition": 3, "d": 5},
    },
    prediction=Prediction(
        "The condition number grows from 1,000 to 100,000. What happens to GIANT's rounds, with workers almost alike? "
        "(Answer, then move the slider.)",
        ["they grow a hundredfold", "they grow tenfold", "they hardly change"],
    ),
    theory="Theorem card 9.2",
)  # fmt: skip
