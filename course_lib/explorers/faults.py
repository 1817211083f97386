"""Lecture 07: whom to wait for, and how often to save."""

from functools import cache

import numpy as np

from course_lib import bounds
from course_lib.clusters import Exponential, Pareto, ShiftedExponential, slow_worker
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
    decades,
    quantity,
)

M, ROUNDS = 16, 2000
TIMES = {
    "memoryless": (Exponential(1.0), lambda k: bounds.kth_exponential(k, M)),
    "shifted": (ShiftedExponential(0.8, 0.2), lambda k: bounds.kth_exponential(k, M, 0.2, 0.8)),
    "heavy tail": (Pareto(0.5, 2.0), lambda k: bounds.kth_pareto(k, M, 0.5, 2.0)),
    "one machine 5 times as slow": (slow_worker(M, 5.0, base=ShiftedExponential(0.8, 0.2)), None),
}


@cache
def draws(times):
    """Compute times of `ROUNDS` rounds, (ROUNDS, M) each: sorted, and of the copies that idle machines would make."""
    rng, compute = np.random.default_rng(0), TIMES[times][0]
    first, again = ([compute.sample(rng, np.arange(M)) for _ in range(ROUNDS)] for _ in range(2))
    first, again = np.array(first), np.array(again)
    order = np.argsort(first, axis=1)
    return np.take_along_axis(first, order, 1), np.take_along_axis(again, order, 1)


@cache
def round_times(times):
    """Mean seconds of a round without the last b, with a code for b stragglers, with copies of the last b: (3, M)."""
    done, copies = draws(times)
    backup = done.mean(0)[::-1]
    coded = (np.arange(M) + 1) * backup
    speculative = np.full(M, np.nan)
    for b in range(M // 2 + 1):
        rescued = np.minimum(done[:, M - b :], done[:, M - b - 1 : M - b] + copies[:, :b])
        speculative[b] = np.maximum(done[:, M - b - 1], rescued.max(1, initial=0)).mean()
    return np.array([backup, coded, speculative])


def stragglers_picture(times, spare):
    """What it takes not to wait for the last, three ways.

    Parameters
    ----------
    times : str
        How compute times vary: a key of `TIMES`; a gradient takes a second on average.
    spare : int
        b: workers that are not waited for.

    Returns
    -------
    Picture
    """
    b, (backup, coded, copied) = np.arange(M), round_times(times)
    formula = TIMES[times][1]
    theory = [formula(M - k) for k in b] if formula else []
    worth = backup * M / (M - b)
    here = {"backup workers": worth[spare], "gradient coding": coded[spare], "speculation": copied[spare]}
    named = ", ".join(f"{name} {quantity(value)}" for name, value in here.items() if np.isfinite(value))
    sentence = f"A round takes {quantity(backup[0])} s if all {M} count"
    if spare:
        sentence += f", {quantity(backup[spare])} s if {M - spare} do. To the precision of {M} gradients: {named} s"
    marks = [
        Theory(b[: len(theory)], theory, "theory"),
        Points(b[::2], backup[::2], "measured", color="#444444", markersize=4),
        Points([spare], [backup[spare]], label="you are here", color="#C04F00", markersize=9),
        Curve(b, worth, "backup_sgd", panel=1),
        Curve(b, coded, "coded_sgd", panel=1),
        Curve(b, copied, "speculative_sgd", panel=1),
        Rule(x=spare, panel=1, color="#C04F00"),
    ]
    return Picture(marks, f"{sentence}.")


YEAR, RESTART = 365 * 24 * 60, 5.0  # minutes
INTERVALS = np.geomspace(1, 1e4, 120)
MEASURED = np.geomspace(1, 1e4, 9)


def measured_overhead(interval, save, between_failures, segments=1500):
    """Wall time over useful time, by letting a job fail: each segment is repeated until it is done and saved."""
    rng, needed = np.random.default_rng(0), np.full(segments, interval + save)
    if needed[0] / between_failures > 4:
        return np.nan  # hardly ever done
    wall, pending = 0.0, np.arange(segments)
    while pending.size:
        life = rng.exponential(between_failures, pending.size)
        fails = life < needed[pending]
        wall += np.minimum(life, needed[pending]).sum()
        pending = pending[fails]
        needed[pending] = RESTART + interval + save
    return wall / (segments * interval)


def checkpoint_picture(machines, save, interval):
    """What checkpoints and failures cost a job, over the interval between checkpoints.

    Parameters
    ----------
    machines : int
        Each fails once in three years; a failure of one stops the job.
    save, interval : float
        Minutes that a checkpoint takes, and minutes of work between two.

    Returns
    -------
    Picture
    """
    between = 3 * YEAR / machines
    with np.errstate(over="ignore"):
        cost = bounds.checkpoint_overhead(INTERVALS, save, between, RESTART)
        here = float(bounds.checkpoint_overhead(interval, save, between, RESTART))
        best = bounds.best_interval(save, between)
        least = float(bounds.checkpoint_overhead(best, save, between, RESTART))
    measured = [measured_overhead(t, save, between) for t in MEASURED]
    sentence = (
        f"A failure every {_hours(between)}. Saving every {quantity(interval)} min costs {_share(here)} "
        f"on top of the work; the best interval, {quantity(best)} min, {_share(least)}. "
        f"Young says {quantity(bounds.young_interval(save, between))} min."
    )
    marks = [
        Theory(INTERVALS, cost - 1, "theory"),
        Points(MEASURED, np.array(measured) - 1, "measured", color="#444444", markersize=5),
        Rule(x=best, name="best interval", color="#007A5A", linestyle=(0, (1.5, 1.2))),
        Points([interval], [min(here, 1e3) - 1], label="you are here", color="#C04F00", markersize=9),
    ]
    return Picture(marks, sentence)


def _share(overhead):
    """What comes on top of the useful time, in words."""
    return f"{quantity(100 * (overhead - 1))} %" if overhead < 20 else "over 20 times as much"


def _hours(minutes):
    return f"{quantity(minutes / 60)} h" if minutes >= 90 else f"{quantity(minutes)} min"


stragglers_explorer = Explorer(
    title="Waiting for all but a few",
    controls=[
        Choice("times", "compute times", list(TIMES), start="memoryless"),
        Slider("spare", "workers not waited for", range(9), start=1),
    ],
    axes=[
        Axes("seconds until the first m - b are done", xlabel="workers not waited for", ylabel="seconds",
             xlim=(-0.5, 15.5), ylim=(0, 6)),
        Axes("seconds for as much precision", xlabel="workers not waited for", ylabel="seconds",
             xlim=(-0.5, 8.5), ylim=(0, 12)),
    ],
    picture=stragglers_picture,
    presets={
        "one slow machine": {"times": "one machine 5 times as slow", "spare": 1},
        "heavy tail": {"times": "heavy tail", "spare": 2},
        "alike": {"times": "shifted", "spare": 2},
    },
    prediction=Prediction(
        "Sixteen workers, memoryless times of mean one second. Without the last one, a round takes ...",
        ["1/16 less", "about a third less", "half as long"],
    ),
    theory="Theorem card 7.1",
)  # fmt: skip

checkpoint_explorer = Explorer(
    title="How often to save",
    controls=[
        Slider("machines", "machines", [1, 10, 100, 1000, 10_000, 100_000], start=1000),
        Slider("save", "minutes to save", [0.1, 0.2, 0.5, 1, 2, 5, 10, 20], start=5),
        Slider("interval", "minutes between checkpoints", decades(1, 1000), start=20),
    ],
    axes=[
        Axes("time on top of the useful time", xlabel="minutes between checkpoints", ylabel="share of useful time",
             xlim=(1, 1e4), ylim=(1e-4, 30), xscale="log", yscale="log")
    ],
    picture=checkpoint_picture,
    presets={
        "near the best": {"interval": 100},
        "a laptop": {"machines": 1, "save": 0.1, "interval": 500},
        "ten thousand machines": {"machines": 10_000, "interval": 50},
        "too many": {"machines": 100_000, "interval": 10},
    },
    prediction=Prediction(
        "A thousand machines fail once in three years each, saving takes five minutes. How often should the job save?",
        ["every 20 minutes", "every two hours", "once a day"],
    ),
    theory="Theorem card 7.4",
)  # fmt: skip
