"""Rules that look at one coordinate at a time: the mean, the median, the trimmed mean."""

from dataclasses import dataclass

import numpy as np

from course_lib.aggregators.base import Aggregator, Told, check_liars, minority
from course_lib.errors import CourseError


@dataclass(frozen=True)
class Mean(Aggregator):
    """The plain mean: best without liars; a single one makes it what he wants."""

    def combine(self, V, last, t):
        return V.mean(axis=-2, keepdims=True)

    def tolerates(self, m):
        return 0


@dataclass(frozen=True)
class CoordinateMedian(Aggregator):
    """The median of each coordinate (Yin et al., 2018). Condition: f < m/2.

    Then it lies, coordinate by coordinate, between two honest values, whatever the liars send.
    """

    def combine(self, V, last, t):
        m, ordered = V.shape[-2], np.sort(V, axis=-2)
        return ordered[..., (m - 1) // 2 : m // 2 + 1, :].mean(axis=-2, keepdims=True)

    def tolerates(self, m):
        return minority(m)


@dataclass(frozen=True)
class TrimmedMean(Told):
    """The mean of each coordinate without its f largest and f smallest values (Yin et al., 2018). Condition: 2f < m.

    Yin's beta is f/m. It lies between two honest values in each coordinate as long as at most f workers lie.

    Parameters
    ----------
    f : int
        Liars to expect.
    """

    def combine(self, V, last, t):
        ordered = np.sort(V, axis=-2)
        return ordered[..., self.f : V.shape[-2] - self.f, :].mean(axis=-2, keepdims=True)

    def check(self, m):
        check_liars(self.f)
        if not 2 * self.f < m:
            raise CourseError(f"the trimmed mean needs 2f < m: f = {self.f} cut at both ends leave none of {m} workers")
