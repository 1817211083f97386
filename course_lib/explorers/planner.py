"""The planner, to be turned: a cluster, a model, and what each family of methods would need."""

from functools import cache

import numpy as np

from course_lib import planner
from course_lib.explorers import Axes, Choice, Explorer, Picture, Prediction, Slider, bars
from course_lib.planner.report import BECAUSE, LABELS, duration

NETWORKS = {
    "inside a rack: 2 µs, 50 GB/s": (2e-6, 5e10),
    "data centre: 50 µs, 1.25 GB/s": (5e-5, 1.25e9),
    "between cities: 20 ms, 125 MB/s": (2e-2, 1.25e8),
    "homes: 30 ms, 5 MB/s": (3e-2, 5e6),
}
MODELS = {
    "a linear model, 10,000": 10_000,
    "ResNet-50, 25.6 million": "ResNet-50",
    "BERT-large, 340 million": "BERT-large",
    "Llama-3 8B": "Llama-3 8B",
}
SHORT = ["sync", "compr.", "local", "async", "decentr."]
LOOKS = {
    "compute": "#0072B2",
    "waiting": "#d9d9d9",
    "latency": "#8A6A00",
    "bandwidth": "#C04F00",
    "server": "#A8326B",
}


@cache
def planned(model, workers, network, stragglers, noise, heterogeneity):
    """The plan; a gradient takes 0.1 seconds on average."""
    latency, bandwidth = NETWORKS[network]
    return planner.plan(
        MODELS[model], workers, latency, bandwidth, planner.STRAGGLERS[stragglers](0.1), noise=noise,
        heterogeneity=heterogeneity,
    )  # fmt: skip


def planner_picture(model, workers, network, stragglers, noise, heterogeneity):
    """What a round's time goes into, and the time to the target, for each family of methods.

    Parameters
    ----------
    model, network : str
        Keys of `MODELS` and `NETWORKS`.
    workers : int
    stragglers : str
        Key of ``planner.STRAGGLERS``.
    noise, heterogeneity : float
        As in ``planner.plan``.

    Returns
    -------
    Picture
    """
    plan = planned(model, workers, network, stragglers, noise, heterogeneity)
    forecasts, at = list(plan.families.values()), np.arange(len(plan.families))
    marks, below = [], np.zeros(len(at))
    for part, color in LOOKS.items():
        share = np.array([100 * f.parts.get(part, 0.0) / f.round for f in forecasts])
        box = bars(at, share, part, facecolor=color, label=part)
        box.bottom = below
        marks.append(box)
        below = below + share
    times = np.array([min(f.seconds, 1e12) for f in forecasts])
    marks.append(bars(at, times, panel=1, facecolor="#444444"))
    return Picture(marks, _sentence(plan, workers))


def _sentence(plan, workers):
    if plan.best is None:
        return f"{workers:,} workers: with a constant step no method gets there, as workers disagree too much."
    best, (change, gain) = plan.best, plan.advice or ("nothing gains a tenth", 1.0)
    after = f"; then {duration(best.seconds / gain)}" if plan.advice else ""
    return (
        f"{workers:,} workers: first is {LABELS[best.family]} ({best.setting}), {duration(best.seconds)}. "
        f"Mostly {BECAUSE[plan.bottleneck]}. Change first: {change}{after}."
    )


planner_explorer = Explorer(
    title="Which method should my machines run?",
    controls=[
        Choice("model", "model", list(MODELS), start="ResNet-50, 25.6 million"),
        Slider("workers", "workers", [2, 4, 8, 16, 32, 64, 128, 256, 1024, 10_000, 100_000], start=64),
        Choice("network", "network", list(NETWORKS), start="data centre: 50 µs, 1.25 GB/s"),
        Choice("stragglers", "slow machines", list(planner.STRAGGLERS)),
        Slider("noise", "noise of a gradient", [0.1, 1, 10, 100, 1000], start=1, text="{:g} × its square".format),
        Slider("heterogeneity", "heterogeneity", [0.0, 0.1, 0.2, 0.4, 0.8], start=0.2),
    ],
    axes=[
        Axes("a round's time goes into", xlabel="", ylabel="%", xlim=(-0.6, 4.6), ylim=(0, 100),
             xticks=range(5), xticklabels=SHORT),
        Axes("time to 1 % of the first loss", xlabel="", ylabel="seconds", xlim=(-0.6, 4.6), ylim=(0.1, 1e10),
             yscale="log", xticks=range(5), xticklabels=SHORT),
    ],
    picture=planner_picture,
    presets={
        "eight homes": {"workers": 8, "network": "homes: 30 ms, 5 MB/s"},
        "a rack of alike machines": {"workers": 16, "network": "inside a rack: 2 µs, 50 GB/s"},
        "heavy tail": {"stragglers": "heavy tail", "network": "inside a rack: 2 µs, 50 GB/s",
                       "model": "a linear model, 10,000", "noise": 1000, "heterogeneity": 0.0},
        "100,000 workers": {"workers": 100_000, "network": "inside a rack: 2 µs, 50 GB/s"},
    },
    prediction=Prediction(
        "64 machines train ResNet-50 in a data centre, their data slightly different. Which family is there first?",
        ["synchronous SGD", "compressed SGD", "local SGD", "asynchronous SGD", "decentralised SGD"],
    ),
)  # fmt: skip
