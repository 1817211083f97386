"""What every robust rule shares: checks at the door, and how many liars it puts up with."""

from dataclasses import dataclass

import numpy as np

from course_lib.errors import CourseError


class Aggregator:
    """A rule that makes one vector of what m workers sent, some of whom may lie. The server does not know who.

    A subclass defines ``combine(V, last, t)`` and ``tolerates(m)``. Every worker counts the same.
    """

    def __call__(self, V, last=None, t=0):
        """One vector from m.

        Parameters
        ----------
        V : array, shape (..., m, d)
            A row for each worker; leading axes are independent experiments.
        last : array, shape (..., 1, d), optional
            What the rule returned in the round before, for rules that remember; zero if left out.
        t : int
            The round, for rules that draw at random: the same round draws the same.

        Returns
        -------
        array, shape (..., 1, d)

        Raises
        ------
        CourseError
            If V is no block of rows, or if m is too small for the rule.
        """
        V = np.asarray(V, float)
        if V.ndim < 2:
            raise CourseError(f"{self} combines a block of rows, one a worker, (m, d); this one is {V.shape}")
        self.check(V.shape[-2])
        return self.combine(V, last, t)

    def combine(self, V, last, t):
        """The rule itself: see `__call__`."""
        raise NotImplementedError

    def tolerates(self, m):
        """Largest number of liars among m workers for which the rule's condition holds, an int."""
        raise NotImplementedError

    def check(self, m):
        """Refuse a number of workers for which the rule's condition cannot hold."""


@dataclass(frozen=True)
class Told(Aggregator):
    """A rule that is told how many liars to expect; each says in `check` for how many workers that can hold."""

    f: int

    def tolerates(self, m):
        self.check(m)
        return self.f


def minority(m):
    """Largest f with f < m/2: no rule can put up with more."""
    return (m - 1) // 2


def check_liars(f):
    """Refuse a number of liars that is none."""
    if not (isinstance(f, int | np.integer) and f >= 0):
        raise CourseError(f"the number of liars f is a whole number from 0 on, not {f}")


def numbers(V):
    """V with zeros in place of what is no number: nobody can take a distance from NaN or infinity."""
    return np.nan_to_num(V, nan=0.0, posinf=0.0, neginf=0.0)
