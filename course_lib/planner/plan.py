"""The planner: which method gets there first, what holds it up, and what to change first."""

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from course_lib import costs
from course_lib.planner import report, rounds, seconds
from course_lib.planner.job import ASSUMPTIONS, MOST_WORKERS, Job

LOCAL_STEPS = (2, 4, 8, 16, 32, 64)
KEPT = (4, 16, 64, 256, 1024)  # random sparsification sends one number in so many
NATURAL = 0.75 / np.log(2) - 1  # mean relative variance of rounding to powers of two


@dataclass(frozen=True)
class Forecast:
    """What one family of methods is expected to do.

    Attributes
    ----------
    family, setting : str
        Such as "local" and "8 local steps".
    option : object
        The setting as the method takes it.
    rounds : float
        To the target (updates, where there are no rounds); infinite if it is out of reach.
    parts : dict of str to float
        Expected seconds of one round, by what they are spent on: `seconds.PARTS`.
    step_size : float
        In units of 1/L; with it the rounds are fewest.
    """

    family: str
    setting: str
    option: object
    rounds: float
    parts: dict
    step_size: float

    @property
    def round(self):
        """Seconds of one round."""
        return sum(self.parts.values())

    @property
    def seconds(self):
        """Seconds to the target."""
        return self.rounds * self.round if np.isfinite(self.rounds) else np.inf


@dataclass(frozen=True, repr=False)
class Plan:
    """The planner's answer.

    Attributes
    ----------
    job : Job
    all_reduce : dict of str to float
        Seconds of every all-reduce of the whole model.
    families : dict of str to Forecast
        The best setting of each family.
    changes : dict of str to float
        Seconds to the target, by the best family, if one thing were changed; the best change first.
    """

    job: Job
    all_reduce: dict
    families: dict
    changes: dict

    assumptions = ASSUMPTIONS

    @property
    def best(self):
        """The family that is first at the target, or None."""
        first = min(self.families.values(), key=lambda f: f.seconds)
        return first if np.isfinite(first.seconds) else None

    @property
    def bottleneck(self):
        """What takes most of the best family's round: a key of its parts."""
        return max(self.best.parts, key=self.best.parts.get) if self.best else "disagreement"

    @property
    def advice(self):
        """What to change first, and by which factor it shortens the run; None if nothing gains a tenth."""
        change, after = next(iter(self.changes.items()), (None, np.inf))
        gain = self.best.seconds / after if self.best else 1.0
        return (change, gain) if gain > 1.1 else None

    def __repr__(self):
        return report.text(self)

    def _repr_html_(self):
        return report.html(self)


def plan(
    parameters, workers, latency=5e-5, bandwidth=1.25e9, compute=0.1, condition=100.0, noise=1.0,
    heterogeneity=0.0, target=0.01, word=4,
):  # fmt: skip
    """Predict, for your cluster, the time to the target of each family of methods.

    Parameters
    ----------
    parameters : int or str
        d, or a key of `MODELS`.
    workers : int
        2 to 100,000.
    latency, bandwidth : float
        Of every link: seconds, and bytes a second.
    compute : float or ComputeTime
        Seconds of one worker's gradient: always the same, or drawn from Exponential, ShiftedExponential or Pareto.
    condition : float
        Largest curvature over the smallest, 1 to a million.
    noise : float
        Variance of one worker's gradient over the squared norm of the gradient, at the start.
    heterogeneity : float
        0: all workers hold the same kind of data; at most 0.9. See `ASSUMPTIONS`.
    target : float
        Share of the first loss above the optimum that may be left, 1e-8 to 0.5.
    word : {4, 8}
        Bytes of a number.

    Returns
    -------
    Plan

    Raises
    ------
    CourseError
        Outside these ranges, and for machines that are not of one kind: there the planner knows nothing.
    """
    job = Job(parameters, workers, latency, bandwidth, compute, condition, noise, heterogeneity, target, word)
    families = {name: _first(forecasts(job, name)) for name in FAMILIES}
    answer = Plan(job, seconds.all_reduces(job), families, {})
    return replace(answer, changes=_changes(answer) if answer.best else {})


def _sync(job):
    parts, name = seconds.reduced(job)
    return [(f"{costs.NAMES[name]} all-reduce", name, parts)]


def _compressed(job):
    rand = [(f"1 number in {job.d / k:,.0f}", k, seconds.gathered(job, _sparse_bytes(job, k))) for k in _kept(job)]
    return [("powers of two", "natural", seconds.gathered(job, _natural_bytes(job))), *rand]


def _local(job):
    return [(f"{K} local steps", K, seconds.reduced(job, K)[0]) for K in LOCAL_STEPS]


def _async(job):
    return [("one server", None, seconds.served(job))]


def _decentralised(job):
    return [(name, name, seconds.exchanged(job, hops)) for name, hops in graphs(job.workers).items()]


#: For each family its settings, with what a round of each costs, and the moments that tell how many rounds it needs.
FAMILIES = {
    "sync": (_sync, rounds.sync),
    "compressed": (_compressed, lambda job: rounds.compressed(job, [NATURAL, *(job.d / k - 1 for k in _kept(job))])),
    "local": (_local, lambda job: rounds.local(job, LOCAL_STEPS)),
    "async": (_async, lambda job: rounds.asynchronous(job, seconds.variation(job))),
    "decentralised": (_decentralised, lambda job: rounds.decentralised(job, _modes(job.workers))),
}


def graphs(workers):
    """The hops of each graph's links."""
    return {"ring": [1], "exponential graph": [2**j for j in range((workers - 1).bit_length())]}


@lru_cache  # 20 ms for 100,000 workers
def _modes(workers):
    return [rounds.modes(seconds.spectrum(workers, hops)) for hops in graphs(workers).values()]


def forecasts(job, family, known=None):
    """Forecasts of all settings of a family.

    Parameters
    ----------
    job : Job
    family : str
        A key of `FAMILIES`.
    known : list of Forecast, optional
        Of another job that differs in its machines alone: the rounds are the same.

    Returns
    -------
    list of Forecast
    """
    settings, moments = FAMILIES[family]
    options = settings(job)
    if known:
        return [replace(before, parts=parts) for before, (_, _, parts) in zip(known, options)]
    needed = [a.tolist() for a in rounds.needed(job, moments(job), len(options))]
    return [Forecast(family, *option[:2], n, option[2], step) for option, n, step in zip(options, *needed)]


def _first(every):
    return min(every, key=lambda f: (f.seconds, f.round))


def _changes(answer):
    """Seconds to the target by the best family if one thing were changed, the best change first."""
    job, family = answer.job, answer.best.family
    known = None if family == "async" else forecasts(job, family)  # delays depend on the machines
    machines = {
        "twice the bandwidth": {"bandwidth": 2 * job.bandwidth},
        "half the latency": {"latency": job.latency / 2},
        "gradients twice as fast": {"compute": _faster(job.compute)},
        "machines all alike": {"compute": seconds.mean(job.compute)},
    }
    others = {
        "half the workers": {"workers": max(job.workers // 2, 2)},
        "twice the workers": {"workers": min(2 * job.workers, MOST_WORKERS)},
        "data dealt at random": {"heterogeneity": 0.0},
    }
    same = {name: forecasts(replace(job, **change), family, known) for name, change in machines.items()}
    anew = {name: forecasts(replace(job, **change), family) for name, change in others.items()}
    after = {name: _first(every).seconds for name, every in (same | anew).items()}
    return dict(sorted(after.items(), key=lambda item: item[1]))


def _faster(compute):
    """The same law at half the seconds."""
    return replace(compute, **{name: v / 2 for name, v in vars(compute).items() if name != "shape"})


def _kept(job):
    """How many numbers random sparsification sends, in each of its settings."""
    return sorted({max(job.d // share, 1) for share in KEPT}, reverse=True)


def _natural_bytes(job):
    return 5 + -(-job.d * {4: 9, 8: 12}[job.word] // 8)


def _sparse_bytes(job, k):
    places = min(k * (job.d - 1).bit_length(), job.d)
    return 9 + -(-places // 8) + k * job.word
