"""Lecture 01: what the network costs, and which all-reduce suits a model of d words."""

import numpy as np

from course_lib import costs, plots
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
    decades,
    quantity,
)

BYTES_PER_WORD = 4  # float32
SIZES = np.unique(np.geomspace(1e2, 1e10, 81).astype(np.int64))
MODELS = {
    "a linear model, 1,000 words": 10**3,
    "a small network, 1 million words": 10**6,
    "ResNet-50, 25 million words": 25 * 10**6,
    "a language model, 7 billion words": 7 * 10**9,
}


def all_reduce_times(workers, latency, bandwidth, model):
    """Seconds of every all-reduce against the size of the model.

    Parameters
    ----------
    workers : int
        m.
    latency : float
        Seconds until the first word of a message arrives (alpha).
    bandwidth : float
        Bytes a second on a worker's link.
    model : int
        The size to ask about, in words.

    Returns
    -------
    Picture
    """
    network = {"m": workers, "latency": latency, "seconds_per_word": BYTES_PER_WORD / bandwidth}
    curves = [
        Curve(SIZES, costs.all_reduce(name, d=SIZES, **network).seconds, **plots.series(k, label))
        for k, (name, label) in enumerate(costs.NAMES.items())
    ]
    times = {label: costs.all_reduce(name, d=model, **network).seconds for name, label in costs.NAMES.items()}
    best, slowest = min(times, key=times.get), max(times, key=times.get)
    crossover = costs.crossover(**network)
    winner = Points([model], [times[best]], label="quickest for this model", color="#111111", markersize=9)
    above = f"above {quantity(crossover, 'words')}" if crossover >= 1 else "at any size"
    sentence = (
        f"{quantity(model, 'words')}, {workers:,} workers: quickest is {best}, {quantity(times[best], 's')}; "
        f"slowest {slowest}, {quantity(times[slowest], 's')}. The ring beats recursive doubling {above}."
    )
    return Picture([*curves, Rule(x=crossover, name="ring beats doubling: theory"), winner], sentence)


all_reduce_explorer = Explorer(
    title="What does one all-reduce cost?",
    controls=[
        Slider("workers", "workers", [4, 8, 16, 32, 64, 128, 256, 512, 1024], start=64),
        Slider("latency", "latency of a message", decades(1e-7, 1e-1), start=1e-5, unit="s"),
        Slider("bandwidth", "bandwidth of a link", decades(1e6, 1e12), start=1e10, unit="B/s"),
        Choice("model", "model", MODELS, start=25 * 10**6),
    ],
    axes=[
        Axes(
            "one all-reduce", xlabel="words in the model, d", ylabel="seconds",
            xlim=(1e2, 1e10), ylim=(1e-7, 1e5), xscale="log", yscale="log",
        )
    ],
    picture=all_reduce_times,
    presets={
        "data centre": {"latency": 1e-5, "bandwidth": 1e10},
        "home internet": {"latency": 1e-2, "bandwidth": 1e6, "workers": 16},
        "tiny model": {"model": 10**3},
    },
    prediction=Prediction(
        "64 workers, a fast network, 25 million words. Which all-reduce is quickest?",
        ["everyone sends to everyone", "recursive doubling", "halving-doubling"],
    ),
    theory="Theorem card 1.1",
)  # fmt: skip
