"""Lecture 03: what fewer bits cost in rounds and save in bytes, and which compressor wins on which network."""

from bisect import bisect_right
from functools import cache

import numpy as np

from course_lib import bounds, data
from course_lib.clusters import Link, SimulatedCluster
from course_lib.compressors import QSGD, RandomK, ScaledSign, TopK
from course_lib.experiment import run
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
from course_lib.explorers.kept import kept
from course_lib.methods import compressed_sgd, diana, ef21, error_feedback_sgd, sync_sgd
from course_lib.problems import SoftmaxRegression

D, GOAL = 400, 1e-2  # numbers in the model; squared distance to reach, relative to the start
VALUES = np.geomspace(0.1, 1, D).astype(np.float32)  # eigenvalues, the same on every worker: mu = 0.1, L = 1
START = np.random.default_rng(0).standard_normal(D).astype(np.float32)
LEVELS = [1, 2, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 512, 1024, 2048, 4096, 8192]
BITS = [2, 3, 4, 6, 8, 12, 16]


@cache
def compressor_of(scheme, bits):
    """The finest compressor of a kind whose message takes at most so many bits a number."""
    finer = [RandomK(k) for k in range(1, D + 1)] if scheme == "rand-k" else [QSGD(s) for s in LEVELS]
    within = bisect_right(finer, bits * D, key=lambda c: 8 * c.size(START, np.random.default_rng(0)))
    return finer[within - 1]


@cache
def descent(compressor, workers):
    """Squared distance from the optimum, relative to the start, and bytes that one worker sent, round by round."""
    rng, x, first = np.random.default_rng(1), START, float(START @ START)
    step_size = 1 / (1 + (compressor.omega(D) if compressor else 0) / workers)
    distances, sizes = [1.0], [np.zeros(workers)]
    while distances[-1] > GOAL and len(distances) < 5000:
        gradients = np.repeat([VALUES * x], workers, axis=0)
        received, size = compressor.send(gradients, rng) if compressor else (gradients, np.full(workers, 4 * D))
        x = x - step_size / workers * received.sum(axis=0)
        distances.append(float(x @ x) / first)
        sizes.append(size)
    return np.array(distances), np.mean(sizes, axis=1).cumsum()


def bits_picture(scheme, bits, workers):
    """Distance from the optimum against rounds and against bytes, with and without compression.

    Parameters
    ----------
    scheme : {"rand-k", "QSGD"}
    bits : float
        At most so many bits a number on the wire, in single precision: 32 without compression.
    workers : int
        m; all hold the same quadratic and compress for themselves.

    Returns
    -------
    Picture
    """
    compressor = compressor_of(scheme, bits)
    plain, compressed = descent(None, 1), descent(compressor, workers)
    more_rounds = (len(compressed[0]) - 1) / (len(plain[0]) - 1)
    omega, more_bytes = compressor.omega(D), compressed[1][-1] / plain[1][-1]
    setting = f"k = {compressor.k} of {D}" if scheme == "rand-k" else f"{compressor.levels} levels"
    sentence = (
        f"{scheme}, {setting}, {_workers(workers)}: ω = {_two(omega)}. Against no compression: rounds "
        f"× {_two(more_rounds)} (theory 1 + ω/m = {_two(1 + omega / workers)}), bytes × {_two(more_bytes)}."
    )
    t = np.geomspace(1, 5000, 120)
    bound = (1 - VALUES[0] / (1 + omega / workers)) ** t
    marks = []
    for panel in (0, 1):  # against rounds, and against bytes, from 100 on: zero is nowhere on a logarithmic axis
        clocks = [record[1].clip(100) if panel else np.arange(len(record[0])) for record in (plain, compressed)]
        marks += [
            Curve(clocks[0], plain[0], panel=panel, color="#444444", linestyle="-", label="no compression"),
            Curve(clocks[1], compressed[0], "compressed_sgd", panel=panel),
            Theory(t * clocks[1][-1] / (len(clocks[1]) - 1), bound, "its bound", panel=panel),
        ]
    return Picture(marks, sentence)


def _two(factor):
    """A number with two digits."""
    return quantity(float(f"{factor:.2g}"))


def _workers(m):
    return "1 worker" if m == 1 else f"{m} workers"


bits_explorer = Explorer(
    title="Fewer bits, more rounds",
    controls=[
        Choice("scheme", "compressor", ["rand-k", "QSGD"]),
        Slider("bits", "bits a number", BITS, start=4),
        Slider("workers", "workers", [1, 2, 4, 8, 16, 32], start=1),
    ],
    axes=[
        Axes(
            "squared distance from the optimum", xlabel="rounds", ylabel="relative to the start",
            xlim=(1, 1000), ylim=(GOAL, 1.2), xscale="log", yscale="log",
        ),
        Axes(
            "the same", xlabel="bytes that one worker sent", ylabel="relative to the start",
            xlim=(100, 1e5), ylim=(GOAL, 1.2), xscale="log", yscale="log",
        ),
    ],
    picture=bits_picture,
    presets={
        "rand-k, 32 workers": {"workers": 32},
        "QSGD, 1 worker": {"scheme": "QSGD"},
        "QSGD, 2 bits": {"scheme": "QSGD", "bits": 2},
    },
    prediction=Prediction(
        "One worker sends a random tenth of its gradient, unbiased. How many bytes until it has arrived?",
        ["about a tenth", "about a third", "about as many, or more"],
    ),
    theory="Theorem card 3.2",
)  # fmt: skip


NUMBERS = 650  # in the model of the digits
M, COMPUTE, LOSS, ROUNDS = 8, 1e-3, 0.29, 100  # workers, seconds a gradient, loss to reach (0.271 is the smallest)
PLAIN = "no compression"
SCHEMES = {
    PLAIN: (sync_sgd, None),
    "QSGD": (compressed_sgd, QSGD(4)),
    "rand-k, DIANA": (diana, RandomK(65)),
    "top-k, feedback": (error_feedback_sgd, TopK(13)),
    "sign, feedback": (error_feedback_sgd, ScaledSign()),
    "top-k, EF21": (ef21, TopK(13)),
}


@cache
def digits():
    """Softmax regression on the digits, three classes a worker."""
    pooled = data.load("digits")
    rows = data.deal(pooled, data.partition_by_label(pooled.labels, M, 3))
    return SoftmaxRegression(*rows, l2=1e-2, weights="pooled")


@kept(SCHEMES)
def bill(name):
    """Rounds to the loss, messages one after another, and bytes one after another, until it is reached.

    All workers wait for each other, so seconds are linear in these three: one run on a network without latency
    and with a byte a second counts the bytes, one round on a network of latency one the messages.
    """
    method, compressor = SCHEMES[name]
    rest = () if compressor is None else (compressor,)

    def trained(link, rounds):
        cluster = SimulatedCluster(digits(), compute=COMPUTE, link=link, all_reduce="halving_doubling")
        return run(method(cluster, 0.5, *rest), rounds, quiet=True)

    history = trained(Link(0.0, 1.0), ROUNDS)
    rounds, seconds = (history.first("loss", LOSS, clock) for clock in ("rounds", "seconds"))
    messages = round(trained(Link(1.0, 1e18), 1).seconds[-1] - COMPUTE)
    return rounds, rounds * messages, seconds - rounds * COMPUTE


def seconds(name, latency, bandwidth):
    """Simulated seconds until the scheme has reached the loss."""
    rounds, messages, size = bill(name)
    return rounds * COMPUTE + messages * latency + size / bandwidth


def network_picture(bandwidth, latency):
    """Seconds to a loss on the digits for every scheme, and the best k of rand-k, on one network.

    Parameters
    ----------
    bandwidth : float
        Bytes a second on each link.
    latency : float
        Seconds a message takes however short it is.

    Returns
    -------
    Picture
    """
    axis = np.geomspace(1e4, 1e10, 61)
    times = {name: seconds(name, latency, bandwidth) for name in SCHEMES}
    best, second = sorted(times, key=times.get)[:2]
    d = NUMBERS
    k = np.geomspace(1, d, 100)
    fixed, word = latency + COMPUTE / (M - 1), 8 / bandwidth  # a message's share of the round, and a number's
    relative = (fixed + word * k) * (1 + 2 / M * (d / k - 1)) / (fixed + word * d)
    kstar = bounds.best_k(d, M, fixed, word)
    rival = second if best == PLAIN else PLAIN
    sentence = (
        f"{quantity(bandwidth, 'B/s')}, {quantity(latency, 's')}: quickest is {best}, {quantity(times[best], 's')}; "
        f"{rival} takes {quantity(times[rival], 's')}. The best rand-k sends {quantity(round(kstar))} of {d} numbers."
    )
    plain = seconds(PLAIN, latency, axis)
    marks = [Curve(axis, seconds(n, latency, axis) / plain, **series(i, n)) for i, n in enumerate(SCHEMES)]
    marks += [
        Points([bandwidth], [times[best] / times[PLAIN]], label="quickest", color="#111111", markersize=9),
        Theory(k, relative, "rand-k", panel=1),
        Rule(x=kstar, name="best k", panel=1, linestyle=(0, (1, 1))),
    ]
    return Picture(marks, sentence)


def series(i, name):
    """The look of one scheme."""
    from course_lib import plots

    return plots.series(i, name) | ({"color": "#444444", "linestyle": "-"} if i == 0 else {})


network_explorer = Explorer(
    title="Which compressor on which network?",
    controls=[
        Slider("bandwidth", "bandwidth of a link", decades(1e4, 1e10), start=1e7, unit="B/s"),
        Slider("latency", "latency of a message", decades(1e-6, 1e-1), start=5e-5, unit="s"),
    ],
    axes=[
        Axes(
            "time to a loss on the digits, 8 workers", xlabel="bandwidth, bytes a second",
            ylabel="relative to no compression", xlim=(1e4, 1e10), ylim=(0.05, 5), xscale="log", yscale="log",
        ),
        Axes(
            "rand-k with every k, by theory", xlabel="numbers in a message, k",
            ylabel="relative to no compression", xlim=(1, 650), ylim=(0.05, 50), xscale="log", yscale="log",
        ),
    ],
    picture=network_picture,
    presets={
        "data centre": {"bandwidth": 1e10, "latency": 1e-5},
        "office": {"bandwidth": 1e8, "latency": 2e-4},
        "home internet": {"bandwidth": 1e6, "latency": 2e-2},
    },
    prediction=Prediction(
        "One bit a number instead of 64, on a fast network, 10 GB/s. Compared with no compression, training takes",
        ["a small part of the time", "about half of it", "about as long, or longer"],
    ),
    theory="Theorem card 3.2",
)  # fmt: skip
