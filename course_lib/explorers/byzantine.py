"""Lecture 07: honest vectors, lies, and what each robust rule makes of them, in the plane."""

import numpy as np

from course_lib import plots
from course_lib.aggregators import (
    Bulyan,
    CenteredClipping,
    CoordinateMedian,
    GeometricMedian,
    Krum,
    Mean,
    TrimmedMean,
)
from course_lib.attacks import ALIE, Gaussian, InnerProduct, Mimic, SignFlip
from course_lib.explorers import (
    Axes,
    Choice,
    Explorer,
    Picture,
    Points,
    Prediction,
    Rule,
    Slider,
    bars,
    quantity,
)

M, DRAWS = 15, 100
TRUTH = np.array([1.0, 0.5])  # what the honest want on average
REACH = 3.0  # of the picture; what lies further out is drawn at its edge
ATTACKS = {
    "sign flip": SignFlip,
    "noise": Gaussian,
    "a little is enough": ALIE,
    "inner product": InnerProduct,
    "mimic": lambda strength: Mimic(),
}
NAMES = ("mean", "median", "trimmed mean", "Krum", "Bulyan", "geometric median", "centred clipping")
LETTERS = ("mean", "med", "trim", "Krum", "Bul", "geo", "clip")
MARKERS = "osDP^vX"


def rules(f, spread):
    """The rules in the order of `NAMES`, told f as far as their conditions allow."""
    return (
        Mean(),
        CoordinateMedian(),
        TrimmedMean(f),
        Krum(min(f, (M - 3) // 2)),
        Bulyan(min(f, (M - 3) // 4)),
        GeometricMedian(1e-3),
        CenteredClipping(1.5 * spread, steps=3),
    )


def sent(attack, liars, strength, spread):
    """What reaches the server in each of `DRAWS` experiments, (DRAWS, M, 2): the liars' rows are the last.

    Honest vectors scatter around `TRUTH`, further to one side than to the other, as different data do.
    """
    rng = np.random.default_rng(3)
    V = TRUTH + spread * (rng.standard_exponential((DRAWS, M, 2)) - 1) * [-1, 1]
    if liars:
        V[:, M - liars :] = ATTACKS[attack](strength).lies(V[:, M - liars :], V[:, : M - liars], rng)
    return V


def answers(V, liars, spread):
    """Each rule's vector in each experiment, (rules, DRAWS, 2); centred clipping begins at the median."""
    middle = CoordinateMedian()(V)
    return np.stack([rule(V, last=middle)[:, 0] for rule in rules(liars, spread)])


def byzantine_picture(attack, liars, strength, spread):
    """One experiment in the plane, and each rule's error over many.

    Parameters
    ----------
    attack : str
        A key of `ATTACKS`.
    liars : int
        f of M workers.
    strength : float
        The attack's own: times as long, standard deviation, z, or epsilon.
    spread : float
        Standard deviation of what honest workers send, in each coordinate.

    Returns
    -------
    Picture
    """
    V = sent(attack, liars, strength, spread)
    found = answers(V, liars, spread)
    error = np.sqrt(((found - TRUTH) ** 2).sum(-1).mean(-1))
    seen = np.clip(V[0], -REACH, REACH)
    marks = [
        Points(*seen[: M - liars].T, label="honest", color="#8a8a8a", markersize=6),
        Points(*seen[M - liars :].T, label="liars", marker="x", markersize=8, markeredgecolor="#111111"),
        Points(*TRUTH[:, None], label="the truth", color="#ffffff", markersize=15, markeredgecolor="#111111"),
    ]
    for k, name in enumerate(NAMES):
        look = plots.series(k, name)
        place = np.clip(found[k, 0], -REACH, REACH)
        marks.append(Points(*place[:, None], color=look["color"], label=name, marker=MARKERS[k], markersize=8))
        marks.append(bars([k], [min(error[k], 200)], panel=1, facecolor=look["color"]))
    honest = spread * np.sqrt(2 / (M - liars))
    marks.append(Rule(y=honest, name="mean of the honest", panel=1))
    return Picture(marks, _sentence(attack, liars, error))


def _sentence(attack, liars, error):
    best, worst = error.argmin(), error.argmax()
    lie = f"{liars} of {M} {'lies' if liars == 1 else 'lie'}"
    who = f"{lie} ({attack}{', whatever the strength' if attack == 'mimic' else ''})" if liars else "Nobody lies"
    mean = "" if 0 in (best, worst) else f"; the mean is {quantity(float(error[0]))} off"
    return (
        f"{who}: {NAMES[best]} comes nearest, {quantity(float(error[best]))} off (root mean square); "
        f"{NAMES[worst]} is furthest off, {quantity(float(error[worst]))}{mean}."
    )


byzantine_explorer = Explorer(
    title="Rules against liars",
    controls=[
        Choice("attack", "attack", list(ATTACKS), start="inner product"),
        Slider("liars", "liars among 15 workers", range(8), start=6),
        Slider("strength", "strength of the attack", [0.2, 0.5, 1, 1.5, 2, 3, 5, 10, 30, 100], start=0.2),
        Slider("spread", "how much the honest differ", [0.05, 0.1, 0.2, 0.3, 0.5, 0.8], start=0.8),
    ],
    axes=[
        Axes(
            "one experiment (at the edge: further out)",
            xlabel="first coordinate",
            ylabel="second coordinate",
            xlim=(-REACH * 1.05, REACH * 1.05),
            ylim=(-REACH * 1.05, REACH * 1.05),
        ),
        Axes(
            "distance from the truth, 100 experiments",
            xlabel="rule",
            ylabel="distance",
            xlim=(-0.6, len(NAMES) - 0.4),
            ylim=(0.01, 200),
            yscale="log",
            xticks=range(len(NAMES)),
            xticklabels=LETTERS,
        ),
    ],
    picture=byzantine_picture,
    presets={
        "nobody lies": {"liars": 0, "spread": 0.3},
        "one, and loud": {"attack": "sign flip", "liars": 1, "strength": 10, "spread": 0.3},
        "five, and louder": {"attack": "sign flip", "liars": 5, "strength": 100, "spread": 0.3},
        "a little is enough": {"attack": "a little is enough", "liars": 5, "strength": 1.5, "spread": 0.3},
        "true, but too much of it": {"attack": "mimic", "strength": 1},
    },
    prediction=Prediction(
        "Honest workers differ much; six of fifteen send -0.2 times what the honest want. Which rule suffers most?",
        ["the mean", "the median", "Krum, which picks one worker", "all alike"],
    ),
    theory="Theorem card 7.5",
)
