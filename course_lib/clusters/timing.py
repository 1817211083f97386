"""How long machines and wires take: compute-time models and links of the simulated cluster."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from course_lib import costs
from course_lib.errors import CourseError


def positive(**values):
    """Refuse a value that is not a positive, finite number (or array of them), by name."""
    for name, value in values.items():
        given = np.asarray(value)
        if given.dtype.kind not in "iuf" or not (np.isfinite(given) & (given > 0)).all():
            raise CourseError(f"{name.replace('_', ' ')} must be positive, not {value}")


@dataclass(frozen=True)
class Link:
    """Every wire of the cluster: a message of n bytes takes latency + n / bandwidth seconds.

    Parameters
    ----------
    latency : float
        Seconds before the first byte arrives. The default is that of a data centre's network.
    bandwidth : float
        Bytes a second; the default is 10 Gbit/s. Infinite: only latency counts.
    """

    latency: float = 5e-5
    bandwidth: float = 1.25e9

    def __post_init__(self):
        if not self.bandwidth > 0:
            raise CourseError(f"bandwidth must be positive, not {self.bandwidth}")
        if not self.latency >= 0:
            raise CourseError(f"latency must be at least 0 seconds, not {self.latency}")

    def seconds(self, size):
        """Time of one message of `size` bytes."""
        return self.latency + size / self.bandwidth

    def bill(self, algorithm, m, words, bytes_per_word):
        """Seconds, messages and words of an all-reduce among m workers."""
        seconds = costs.all_reduce(algorithm, m, words, self.latency, bytes_per_word / self.bandwidth).seconds
        return seconds, *costs.traffic(algorithm, m, words)

    def hearing(self, heard, first, size):
        """Seconds in which each worker hears its neighbours, `heard` from `first` on, one message after another."""
        return (np.diff(first, append=len(heard)) - 1) * self.seconds(size)  # it hears itself at once


class ComputeTime:
    """Seconds that a gradient takes; a subclass draws them.

    ``sample(rng, workers)`` takes an array of worker numbers and returns as many seconds, or one for all.
    """

    def check(self, m):
        """Refuse a cluster of the wrong size."""

    def at(self, seconds):
        """The model at a moment of simulated time, or at the last of several: the same, unless the load changes."""
        return self


@dataclass(frozen=True)
class Constant(ComputeTime):
    """Always the same.

    Parameters
    ----------
    seconds : float
    """

    seconds: float

    def __post_init__(self):
        positive(compute_seconds=self.seconds)

    def sample(self, rng, workers):
        return self.seconds


@dataclass(frozen=True)
class Exponential(ComputeTime):
    """Memoryless: mean `mean`, sometimes much longer.

    Parameters
    ----------
    mean : float
    """

    mean: float

    def __post_init__(self):
        positive(mean_compute_seconds=self.mean)

    def sample(self, rng, workers):
        return self.mean * rng.standard_exponential(len(workers))


@dataclass(frozen=True)
class ShiftedExponential(ComputeTime):
    """At least `shift`, plus a memoryless rest of mean `mean` (Lee et al., 2018).

    Parameters
    ----------
    shift, mean : float
    """

    shift: float
    mean: float

    def __post_init__(self):
        positive(shift=self.shift, mean_compute_seconds=self.mean)

    def sample(self, rng, workers):
        return self.shift + self.mean * rng.standard_exponential(len(workers))


@dataclass(frozen=True)
class Pareto(ComputeTime):
    """Heavy tail: P(time > t) = (minimum / t)^shape; the mean is finite for shape > 1 only.

    Parameters
    ----------
    minimum, shape : float
    """

    minimum: float
    shape: float

    def __post_init__(self):
        positive(minimum=self.minimum, shape=self.shape)

    def sample(self, rng, workers):
        return self.minimum * (1 + rng.pareto(self.shape, len(workers)))


@dataclass(frozen=True, eq=False)
class Speeds(ComputeTime):
    """A speed for each worker: its time is drawn from `base` and divided by its speed.

    Parameters
    ----------
    base : ComputeTime
    speeds : sequence of float, one a worker
        2 is twice as fast. One slow worker: all ones but a 0.1.
    """

    base: ComputeTime
    speeds: tuple

    def __post_init__(self):
        object.__setattr__(self, "speeds", np.asarray(self.speeds, float))
        positive(speeds=self.speeds)

    def check(self, m):
        if self.speeds.shape != (m,):
            raise CourseError(f"{self.speeds.size} speeds for {m} workers: give one speed a worker")

    def sample(self, rng, workers):
        return self.base.sample(rng, workers) / self.speeds[workers]


@dataclass(frozen=True, eq=False)
class Changing(ComputeTime):
    """Speeds that change as time passes: somebody else uses the machines, too.

    Parameters
    ----------
    base : ComputeTime
    speeds : callable
        Simulated seconds to speeds, one a worker.
    """

    base: ComputeTime
    speeds: Callable

    def check(self, m):
        self.at(0.0).check(m)

    def at(self, seconds):
        return Speeds(self.base, self.speeds(float(np.max(seconds))))

    def sample(self, rng, workers):
        return self.at(0.0).sample(rng, workers)


def slow_worker(m, factor, worker=0, base=None):
    """All workers alike but one, which takes `factor` times as long.

    Parameters
    ----------
    m : int
        Number of workers.
    factor : float
    worker : int
        Which one.
    base : ComputeTime, optional
        What the others take; a constant millisecond if left out.

    Returns
    -------
    Speeds
    """
    speeds = np.ones(m)
    speeds[worker] = 1 / factor
    return Speeds(base or Constant(1e-3), speeds)
