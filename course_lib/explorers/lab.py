"""Lecture 08: break a running cluster in five ways, and see what the trace and the loss say of each."""

from dataclasses import dataclass
from functools import cache, cached_property, lru_cache

import numpy as np

from course_lib import data
from course_lib.attacks import SignFlip
from course_lib.clusters import Byzantine, Crashes, Link, Loss, Partition, ShiftedExponential, SimulatedCluster, Speeds
from course_lib.explorers import Axes, Curve, Explorer, Picture, Prediction, Rule, Slider, Theory, quantity, spans
from course_lib.methods import parameter_server_sgd
from course_lib.problems import LogisticRegression

WORKERS, BREAK, UNTIL, STEP = 8, 0.12, 0.6, 0.5  # seconds: when the cluster breaks, where the picture ends
LINK, REPAIR, STRENGTH = Link(latency=4e-4), 0.05, 2.0


@dataclass(frozen=True)
class Damage:
    """What is wrong with a cluster from `BREAK` on; as made, nothing is.

    Attributes
    ----------
    slow : float
        `worker` takes so many times as long.
    crashes : float
        A second of computing, on any machine; then it is down for `REPAIR` seconds.
    cut : float
        Seconds for which `worker` and its right neighbour are cut off.
    lost : float
        Share of messages that are lost and sent again.
    liars : int
        So many workers, from `worker` on, send the opposite of their gradient, `STRENGTH` times as long.
    worker : int
    """

    slow: float = 1.0
    crashes: float = 0.0
    cut: float = 0.0
    lost: float = 0.0
    liars: int = 0
    worker: int = 5

    def cluster(self, seed):
        """A cluster that has this damage from the first second on."""
        speeds = np.ones(WORKERS)
        speeds[self.worker] = 1 / self.slow
        near = [(self.worker + k) % WORKERS for k in range(WORKERS)]
        faults = [
            *([Crashes(self.crashes, REPAIR)] if self.crashes else []),
            *([Partition(BREAK, BREAK + self.cut, near[:2])] if self.cut else []),
            *([Loss(self.lost)] if self.lost else []),
            *([Byzantine(near[: self.liars], SignFlip(STRENGTH))] if self.liars else []),
        ]
        compute = Speeds(ShiftedExponential(9e-3, 1e-3), speeds)
        return SimulatedCluster(problem(), seed=seed, compute=compute, link=LINK, batch_size=8, faults=faults)


@cache
def problem():
    """Eight workers, 40 rows each, two classes."""
    return LogisticRegression(*data.classification(WORKERS, 40, 10, heterogeneity=0.3, seed=4), l2=1e-2)


@dataclass(frozen=True)
class Run:
    """What a run left behind: the clusters it ran on, one after the other, and the loss after each round."""

    clusters: tuple
    seconds: np.ndarray
    loss: np.ndarray

    @cached_property
    def trace(self):
        """Who did what, and when."""
        return [span for cluster in self.clusters for span in cluster.trace()]

    def rounds(self):
        """How many ended in time."""
        return int((self.seconds[1:] <= UNTIL).sum())

    def last(self):
        """The loss at the end of the picture."""
        return float(self.loss[self.seconds <= UNTIL][-1])


@lru_cache(maxsize=100)
def broken_run(damage, seed=0):
    """A run on a healthy cluster until `BREAK`, and from there, state and clocks kept, on a damaged one."""
    healthy, state, records = _until_it_breaks(seed)
    ill = damage.cluster(seed)
    ill.restore(healthy.state() | {"luck": ill.state()["luck"]})
    _, later = _follow(parameter_server_sgd(ill, STEP, start=state), ill, UNTIL)
    seconds, loss = np.array(records + later[1:]).T
    return Run((healthy, ill), seconds, loss)


@lru_cache(maxsize=20)
def _until_it_breaks(seed):
    healthy = Damage().cluster(seed)
    return healthy, *_follow(parameter_server_sgd(healthy, STEP), healthy, BREAK)


def _follow(steps, cluster, until):
    """Rounds until a second; the state, and (seconds, loss) of each."""
    records = []
    for state in steps:
        records.append((cluster.seconds, float(cluster.problem.loss(state[0]))))
        if cluster.seconds >= until:
            return state, records


def marks_of(run, kinds=("compute", "send", "wait", "down")):
    """Marks of the trace and the loss of a run, beside the loss of another one, when the cluster was healthy."""
    before = broken_run(Damage(), seed=99)
    marks = []
    for kind in kinds:
        own = [(s.worker, s.start, min(s.end, UNTIL)) for s in run.trace if s.kind == kind and s.start < UNTIL]
        marks.append(spans(*np.reshape(own, (-1, 3)).T, kind, linewidth=0))
    return [
        *marks,
        Rule(x=BREAK, name="it breaks", color="#444444"),
        Rule(x=BREAK, panel=1, color="#444444"),
        Curve(run.seconds, run.loss, "loss", panel=1, color="#C04F00", linestyle="-"),
        Theory(before.seconds, before.loss, "when all was well", panel=1),
    ]


def lab_picture(slow, crashes, cut, lost, liars):
    """What the trace and the loss say of some damage, all of it from `BREAK` on.

    Parameters
    ----------
    slow, crashes, cut, lost, liars
        As in `Damage`.

    Returns
    -------
    Picture
    """
    run, well = broken_run(Damage(slow, crashes, cut, lost, liars)), broken_run(Damage())
    down = sum(s.kind == "down" and s.start < UNTIL for s in run.trace)
    repairs = f", {quantity(down, 'failure' if down == 1 else 'failures')}" if crashes else ""
    same = quantity(round(float(well.loss[run.rounds()]), 2))
    sentence = (
        f"{run.rounds()} rounds in {quantity(UNTIL, 's')}{repairs}; {well.rounds()} when all is well. The loss after "
        f"{run.rounds()} rounds is {quantity(round(run.last(), 2))}, and {same} when all is well."
    )
    return Picture(marks_of(run), sentence)


AXES = [
    Axes("the trace", xlabel="seconds", ylabel="worker", xlim=(0, UNTIL), ylim=(WORKERS - 0.4, -0.6),
         yticks=range(WORKERS)),
    Axes("the loss", xlabel="seconds", ylabel="loss", xlim=(0, UNTIL), ylim=(0.3, 0.9)),
]  # fmt: skip

lab_explorer = Explorer(
    title="Break the cluster",
    controls=[
        Slider("slow", "worker 5 takes", [1, 1.5, 2, 3, 5], start=1, text="{:g} times as long".format),
        Slider("crashes", "a machine fails, a second", [0, 0.5, 1, 2, 4], start=0, text="{:g} times".format),
        Slider("cut", "workers 5, 6 cut off for", [0, 0.05, 0.1, 0.2, 0.3], start=0, unit="s"),
        Slider("lost", "messages lost", [0, 0.1, 0.3, 0.5, 0.7], start=0, text="{:.0%}".format),
        Slider("liars", "workers that lie", [0, 1, 2, 3], start=0),
    ],
    axes=AXES,
    picture=lab_picture,
    presets={
        "slow": {"slow": 3}, "kill": {"crashes": 2}, "cut off": {"cut": 0.2}, "lose messages": {"lost": 0.5},
        "corrupt": {"liars": 2},
    },
    prediction=Prediction(
        "Two of eight workers begin to send the opposite of their gradient. What will the trace show? (Answer, and "
        "press \"corrupt\".)",
        ["longer bars on two rows", "gaps", "nothing at all"],
    ),
)  # fmt: skip
