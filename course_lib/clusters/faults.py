"""What goes wrong with machines and wires: faults of the simulated cluster."""

from dataclasses import dataclass

import numpy as np

from course_lib.clusters.timing import positive
from course_lib.errors import CourseError

HOPELESS = 12.0  # a machine that fails so often, on average, during one gradient needs e^12 attempts


class Fault:
    """Something that goes wrong; a subclass says what, and which cluster it fits."""

    def check(self, m):
        """Refuse a cluster of m workers that it does not fit."""

    def sent(self, V, rng):
        """What the server receives when the workers mean to send the rows of V, shape (..., m, d)."""
        return V


@dataclass(frozen=True)
class Crashes(Fault):
    """A worker's machine fails at random while it computes: the gradient is lost, and begun again after the repair.

    Parameters
    ----------
    rate : float
        Failures per second of computing: one in 1 / rate seconds on average, memoryless.
    repair : float
        Seconds until the machine is up again.
    """

    rate: float
    repair: float

    def __post_init__(self):
        positive(rate_of_crashes=self.rate)
        if not (np.isfinite(self.repair) and self.repair >= 0):
            raise CourseError(f"a repair takes at least 0 seconds, not {self.repair}")

    def strike(self, seconds, rng):
        """Let machines fail while they do work of so many seconds each.

        Returns
        -------
        crash, last, end : array, like `seconds`
            Seconds from the beginning to the first crash (or to the end, if there is none), to the beginning of the
            attempt that succeeds, and to its end.
        """
        if self.rate * seconds.max() > HOPELESS:
            work = f"{seconds.max():.3g} s of work"
            raise CourseError(f"machines that fail every {1 / self.rate:.3g} s never finish {work}")
        crash, last, pending = seconds.copy(), np.zeros_like(seconds), np.arange(seconds.size)
        first = True
        while pending.size:
            life = rng.exponential(1 / self.rate, pending.size)
            fails = life < seconds[pending]
            pending, life = pending[fails], life[fails]
            if first:
                crash[pending], first = life, False
            last[pending] += life + self.repair
        return crash, last, last + seconds


@dataclass(frozen=True)
class Loss(Fault):
    """Each message is lost with some probability, whoever sends it, and sent again until it gets through.

    Parameters
    ----------
    probability : float
        Below 1.
    """

    probability: float

    def __post_init__(self):
        if not 0 <= self.probability < 1:
            raise CourseError(f"messages are lost with a probability below 1, not {self.probability}")


@dataclass(frozen=True)
class Partition(Fault):
    """For a while the network is in two parts, and no message passes between them.

    Parameters
    ----------
    begin, end : float
        Seconds.
    workers : sequence of int
        Those that are cut off; they must be fewer than half, so that the others can go on without them.
    """

    begin: float
    end: float
    workers: tuple

    def __post_init__(self):
        object.__setattr__(self, "workers", tuple(self.workers))
        if not 0 <= self.begin < self.end:
            raise CourseError(f"a partition begins before it ends, not at {self.begin} and {self.end} seconds")

    def check(self, m):
        check_workers(self.workers, m)
        if 2 * len(self.workers) >= m:
            raise CourseError(f"a partition cuts off fewer than half of {m} workers, not {len(self.workers)}")

    def lasts(self, now):
        """Whether it is there at these times."""
        return (self.begin <= now) & (now < self.end)

    def side(self, m):
        """Which workers are cut off: array of bool, shape (m,)."""
        return np.isin(np.arange(m), self.workers)


@dataclass(frozen=True)
class Byzantine(Fault):
    """Some workers send the server whatever they like instead of their rows: see ``course_lib.attacks``.

    They lie in what a server gathers, so in methods that gather rows (``robust_sgd``, ``parameter_server_sgd``); an
    all-reduce, gossip and arrivals one at a time bring their rows unchanged.

    Parameters
    ----------
    workers : int or sequence of int
        Who lies, not all; a number means the last so many.
    attack : Attack
        ``attack.lies(own, honest, rng)`` returns what the liars send, (..., f, d), from what they would have sent and
        what all others send, (..., m - f, d).
    """

    workers: int | tuple
    attack: object

    def __post_init__(self):
        if not isinstance(self.workers, (int, np.integer)):
            object.__setattr__(self, "workers", tuple(self.workers))
        elif self.workers < 0:
            raise CourseError(f"the number of liars must be at least 0, not {self.workers}")

    def check(self, m):
        check_workers(self.liars(m), m)
        if not len(self.liars(m)) < m:
            raise CourseError(f"somebody must be honest: at most {m - 1} of {m} workers lie")
        if not hasattr(self.attack, "lies"):
            raise CourseError(f"liars need an attack, such as attacks.SignFlip(10.0), not {self.attack!r}")

    def liars(self, m):
        """Their numbers."""
        counted = isinstance(self.workers, (int, np.integer))
        return list(range(m - self.workers, m)) if counted else list(self.workers)

    def sent(self, V, rng):
        liars = self.liars(V.shape[-2])
        honest, received = np.delete(V, liars, axis=-2), V.copy()
        received[..., liars, :] = self.attack.lies(V[..., liars, :], honest, rng)
        return received


def check_workers(workers, m):
    """Refuse numbers that are none of m workers, and repetitions."""
    strangers = [i for i in workers if not (isinstance(i, (int, np.integer)) and 0 <= i < m)]
    if strangers or len(set(workers)) < len(workers):
        raise CourseError(f"faulty workers are different numbers from 0 to {m - 1}, not {list(workers)}")
