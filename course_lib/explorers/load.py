"""Lecture 08: who gets how much of a batch, how fine to cut it, and which all-reduce suits machines in racks."""

from collections import Counter
from functools import cache

import numpy as np

from course_lib import bounds, collectives, plots
from course_lib.clusters import Changing, Constant, Link, Racks, ShiftedExponential, SimulatedCluster, Speeds
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
    spans,
)
from course_lib.explorers.kept import kept
from course_lib.methods import (
    adaptive_batch_sgd,
    balanced_sgd,
    equal_tasks,
    whole_shares,
    work_queue_sgd,
)
from course_lib.problems import Quadratic

M, BATCH = 8, 256
GRAINS, PRICES, SLOWEST = [1, 2, 4, 8, 16, 32, 64, 128], [1e-5, 1e-4, 5e-4, 1e-3, 2e-3], [1, 2, 4, 8]
FAST = np.array([1.0, 1.0, 1.0, 1.0, 2.0, 2.0, 4.0, 4.0]) * 1e3  # samples a second
END, ROUNDS = 0.07, 30


def _problem():
    return Quadratic(np.ones((M, 1, 1)), np.zeros((M, 1)))


def one_round(compute, price, method):
    """A cluster after one round of a method, with messages to the queue of so many seconds and free all-reduce."""
    cluster = SimulatedCluster(_problem(), compute=compute, link=Link(price / 2, np.inf))
    if method is None:
        cluster.batch_gradient(cluster.start(), np.full(M, BATCH // M))
    else:
        cluster.queued_gradient(cluster.start(), equal_tasks(BATCH, method))
    return cluster


@kept(PRICES, SLOWEST, [False, True])
def queue_seconds(price, slowest, varies):
    """Seconds of a round for every grain, and with equal shares: (len(GRAINS) + 1,)."""
    return np.array([one_round(_times(slowest, varies), price, g).seconds for g in (*GRAINS, None)])


def _times(slowest, varies):
    speeds = np.where(np.arange(M) == 0, FAST / slowest, FAST)
    return Speeds(ShiftedExponential(0.5, 0.5) if varies else Constant(1.0), speeds)


def grain_picture(grain, price, slowest, varies):
    """One round with a work queue: who does what, and how long it takes for every size of task.

    Parameters
    ----------
    grain : int
        Samples in a task.
    price : float
        Seconds that asking for a task takes.
    slowest : float
        How many times as long worker 0 takes as it should.
    varies : bool
        Whether the time of a task varies at random, too.

    Returns
    -------
    Picture
    """
    compute = _times(slowest, varies)
    cluster = one_round(compute, price, grain)
    trace, speeds = cluster.trace(), compute.speeds
    marks = []
    for kind in ("compute", "send"):
        own = [(s.worker, s.start, min(s.end, END)) for s in trace if s.kind == kind and s.start < END]
        marks.append(spans(*np.reshape(own, (-1, 3)).T, kind))
    idle = [(i, end, min(cluster.seconds, END)) for i, end in enumerate(cluster.clock) if end < END]
    marks.append(spans(*np.reshape(idle, (-1, 3)).T, "wait"))
    times, fair = queue_seconds(price, slowest, varies), bounds.fair_time(BATCH, speeds)
    fine = np.geomspace(GRAINS[0], GRAINS[-1], 60)
    bound = bounds.queue_time(BATCH / fine, price + fine / speeds[:, None], price)
    best = bounds.best_grain(BATCH, speeds, price)
    marks += [
        Curve(GRAINS, times[:-1], "work_queue_sgd", panel=1, marker="o", markersize=4),
        Theory(fine, bound, "bound", panel=1),
        Rule(y=times[-1], name="equal shares", panel=1, color="#A8326B", linestyle=(0, (1, 1.5))),
        Rule(y=fair, name="all end together", panel=1, color="#007A5A"),
        Points([grain], [cluster.seconds], label="you are here", color="#C04F00", panel=1),
    ]
    sentence = (
        f"Tasks of {quantity(grain, 'samples' if grain > 1 else 'sample')}: the round takes "
        f"{quantity(cluster.seconds, 's')}, with equal shares {quantity(times[-1], 's')}, at best "
        f"{quantity(fair, 's')}. The formula's grain is {best:.0f}."
    ) + " The bound is for constant times." * varies
    return Picture(marks, sentence)


LOADS = {
    "nothing changes": lambda seconds: FAST,
    "worker 7 gets busy": lambda seconds: FAST * np.where(np.arange(M) == 7, 0.2, 1.0) if seconds > 0.25 else FAST,
    "load wanders": lambda seconds: FAST * (1 + 0.7 * np.sin(2 * np.pi * (seconds / 0.5 + np.arange(M) / M))),
}
PLANS = {
    "equal": lambda c: balanced_sgd(c, 0.1, np.full(M, BATCH // M)),
    "fixed": lambda c: balanced_sgd(c, 0.1, whole_shares(BATCH, FAST)),
    "measured": lambda c, smoothing: adaptive_batch_sgd(c, 0.1, BATCH, smoothing),
    "queue": lambda c: work_queue_sgd(c, 0.1, equal_tasks(BATCH, 8)),
}
LOOKS = {
    "equal": plots.series(3, "equal shares"),
    "fixed": plots.series(0, "shares by the first speeds"),
    "measured": plots.series(1, "measured shares"),
    "queue": plots.series(2, "work queue, tasks of 8"),
}


@kept(["queue"], LOADS, [False, True])
def round_seconds(plan, load, varies, smoothing=None):
    """Seconds of each of the first rounds of a plan."""
    base = ShiftedExponential(0.5, 0.5) if varies else Constant(1.0)
    compute = Changing(base, LOADS[load])
    cluster = SimulatedCluster(_problem(), compute=compute, link=Link(2.5e-4, np.inf), all_reduce="recursive_doubling")
    steps = PLANS[plan](cluster, *([smoothing] if plan == "measured" else []))
    ends = [cluster.seconds for _ in zip(range(ROUNDS + 1), steps)]
    return np.diff(ends)


def shares_picture(load, varies, smoothing):
    """Seconds a round of four plans, round by round, while the load changes.

    Parameters
    ----------
    load : str
        A key of `LOADS`.
    varies : bool
        Whether the time of a worker's round varies at random, too.
    smoothing : float
        Of the measured shares.

    Returns
    -------
    Picture
    """
    seconds = {plan: round_seconds(plan, load, varies, *[smoothing] * (plan == "measured")) for plan in PLANS}
    t = np.arange(1, ROUNDS + 1)
    marks = [Curve(t, seconds[plan], drawstyle="steps-mid", **LOOKS[plan]) for plan in PLANS]
    total = {LOOKS[plan]["label"].split(",")[0]: float(s.sum()) for plan, s in seconds.items()}
    best = min(total, key=total.get)
    listed = "; ".join(f"{name} {quantity(s, 's')}" for name, s in total.items())
    return Picture(marks, f"{ROUNDS} rounds of {BATCH} samples: {listed}. Quickest: {best}.")


WORKERS = 16
ALGORITHMS = {
    "ring": "one ring", "hierarchical": "rings within and between racks", "halving_doubling": "halving-doubling",
    "tree": "tree",
}  # fmt: skip
SIZES = np.array(decades(1e3, 1e9))


@cache
def _messages(algorithm, racks):
    """How often each round of an all-reduce occurs, and who writes to whom in it: (times, source, target, share)."""
    wires, network = Racks(racks, WORKERS // racks), collectives.Network(WORKERS)
    wires.algorithms[algorithm](network, np.zeros((WORKERS, 16 * WORKERS)))
    log = np.array(network.log)
    often = Counter(tuple(map(tuple, log[log[:, 0] == r, 1:])) for r in range(network.rounds))
    return [(times, *(np.array(messages) / [1, 1, 16 * WORKERS]).T) for messages, times in often.items()]


def rack_seconds(algorithm, racks, slower, latency):
    """Seconds of an all-reduce for every size of the vector in `SIZES`."""
    inside, uplink = Link(1e-5, 1e9), Link(latency, 1e9 / slower)
    wires = Racks(racks, WORKERS // racks, inside, uplink)
    total = np.zeros(len(SIZES))
    for often, source, target, share in _messages(algorithm, racks):
        ends = source.astype(int), target.astype(int)
        total += [often * wires.round_seconds(*ends, size * share) for size in SIZES]
    return total


def racks_picture(racks, slower, latency):
    """Seconds of four all-reduces between 16 machines in racks, against the size of the vector.

    Parameters
    ----------
    racks : int
        Number of racks; 16 / racks machines in each.
    slower : float
        How many times as slow as a wire inside the uplink of a rack is.
    latency : float
        Of a message to another rack, in seconds.

    Returns
    -------
    Picture
    """
    inside, uplink = Link(1e-5, 1e9), Link(latency, 1e9 / slower)
    times = {name: rack_seconds(name, racks, slower, latency) for name in ALGORITHMS}
    marks = [Curve(SIZES, times[name], **plots.series(k, label)) for k, (name, label) in enumerate(ALGORITHMS.items())]
    ring, both = bounds.over_racks(racks, WORKERS // racks, SIZES, inside, uplink)
    marks += [Theory(SIZES, ring, "formulas"), Theory(SIZES, both, "formulas")]
    large = {label: float(times[name][-4]) for name, label in ALGORITHMS.items()}  # 100 MB
    small = {label: float(times[name][0]) for name, label in ALGORITHMS.items()}
    best = min(large, key=large.get)
    ring = "" if best == "one ring" else f"; one ring takes {quantity(large['one ring'], 's')}"
    sentence = (
        f"{racks} racks of {WORKERS // racks}. For {quantity(float(SIZES[-4]), 'B')} quickest: {best}, "
        f"{quantity(large[best], 's')}{ring}. For {quantity(float(SIZES[0]), 'B')}: {min(small, key=small.get)}."
    )
    return Picture(marks, sentence)


def _longer(k):
    return f"{k:g} times as long" if k > 1 else "as long as it should"


def _slower(k):
    return f"{k:g} times" if k > 1 else "nothing"


grain_explorer = Explorer(
    title="How fine to cut the work",
    controls=[
        Slider("grain", "samples in a task", GRAINS, start=32),
        Slider("price", "asking for a task takes", PRICES, start=5e-4, unit="s"),
        Slider("slowest", "worker 0 takes", SLOWEST, start=1, text=_longer),
        Choice("varies", "a task's time", {"is always the same": False, "varies at random": True}),
    ],
    axes=[
        Axes("one round with a work queue", xlabel="seconds", ylabel="worker", xlim=(0, END),
             ylim=(M - 0.4, -0.6), yticks=range(M)),
        Axes("seconds a round", xlabel="samples in a task", ylabel="seconds", xlim=(0.9, 140), ylim=(0.01, 2),
             xscale="log", yscale="log"),
    ],
    picture=grain_picture,
    presets={
        "one sample a task": {"grain": 1}, "large tasks": {"grain": 128}, "a sick worker": {"slowest": 8, "grain": 8},
    },
    prediction=Prediction(
        "Eight machines, the fastest four times as fast as the slowest. The finer the tasks, ...",
        ["the shorter the round", "the longer", "first shorter, then longer"],
    ),
    theory="Theorem card 8.3",
)  # fmt: skip

shares_explorer = Explorer(
    title="Shares while the load changes",
    controls=[
        Choice("load", "the load", list(LOADS), start="worker 7 gets busy"),
        Choice("varies", "a round's time", {"is always the same": False, "varies at random": True}),
        Slider("smoothing", "an old measurement counts", [0, 0.5, 0.8, 0.95], start=0, text="{:.0%}".format),
    ],
    axes=[Axes("seconds of each round", xlabel="round", ylabel="seconds", xlim=(0.5, ROUNDS + 0.5), ylim=(0, 0.26))],
    picture=shares_picture,
    presets={
        "nothing changes": {"load": "nothing changes"},
        "only noise": {"load": "nothing changes", "varies": True},
        "noise, smoothed": {"load": "nothing changes", "varies": True, "smoothing": 0.8},
        "load wanders": {"load": "load wanders"},
    },
    prediction=Prediction(
        "Shares cut to the machines' speeds make a round twice as quick as equal ones. After a quarter of a second the "
        "fastest machine slows down to a fifth. From then on the fitted shares are ...",
        ["still quicker than equal ones", "as quick", "slower than equal ones"],
    ),
    theory="Theorem card 8.1",
)

racks_explorer = Explorer(
    title="All-reduce between racks",
    controls=[
        Slider("racks", "racks of 16 machines", [2, 4, 8], start=2, text=lambda r: f"{r} of {WORKERS // r}"),
        Slider("slower", "an uplink is slower by", [1, 2, 5, 10, 50], start=10, text=_slower),
        Slider("latency", "latency between racks", decades(1e-5, 1e-2), start=5e-4, unit="s"),
    ],
    axes=[
        Axes("one all-reduce", xlabel="bytes in the vector", ylabel="seconds", xlim=(1e3, 1e9), ylim=(1e-4, 1e3),
             xscale="log", yscale="log")
    ],
    picture=racks_picture,
    presets={"two buildings": {"racks": 2, "slower": 50, "latency": 5e-3}, "eight racks": {"racks": 8}},
    prediction=Prediction(
        "Two racks of eight, the wire between them ten times as slow. How does one ring through all 16 machines fare?",
        ["it is best: it crosses twice only", "every step waits for the slow wire"],
    ),
    theory="Theorem card 8.4",
)  # fmt: skip
