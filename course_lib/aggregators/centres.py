"""Rules that look for a centre: the geometric median, and centred clipping."""

from dataclasses import dataclass

import numpy as np

from course_lib.aggregators.base import Aggregator, minority, numbers
from course_lib.aggregators.coordinates import CoordinateMedian
from course_lib.errors import CourseError

_TINY = 1e-12  # of the spread: nearer than that to a row, Weiszfeld's weights stop growing


@dataclass(frozen=True)
class GeometricMedian(Aggregator):
    """The point whose distances to all rows have the smallest sum (RFA: Pillutla, Kakade and Harchaoui, 2022).

    Found by Weiszfeld's steps, z <- sum_i w_i v_i / sum_i w_i with w_i = 1 / ||v_i - z||. Condition: f < m/2.

    Parameters
    ----------
    steps : int
        At most so many.
    """

    steps: int = 200

    def combine(self, V, last, t):
        V = numbers(V)
        z = CoordinateMedian()(V)
        least = _TINY * np.median(lengths(V - z), axis=-2, keepdims=True) + np.finfo(float).tiny
        for _ in range(self.steps):
            w = least / np.maximum(lengths(V - z), least)  # at most 1, however near a row is
            before, z = z, (w * V).sum(-2, keepdims=True) / w.sum(-2, keepdims=True)
            if np.all(lengths(z - before) <= 1e3 * least):
                break
        return z

    def tolerates(self, m):
        return minority(m)

    def check(self, m):
        if not self.steps >= 1:
            raise CourseError(f"the geometric median takes at least one step, not {self.steps}")


@dataclass(frozen=True)
class CenteredClipping(Aggregator):
    """Nobody moves the centre by more than radius/m (Karimireddy, He and Jaggi, 2021).

    v <- v + mean_i (v_i - v) min(1, radius / ||v_i - v||), from the v of the round before. Condition: f < m/2; the
    proof asks for f <= m/10, and for workers that send momentum instead of gradients.

    Parameters
    ----------
    radius : float
        tau, about as large as honest workers are apart.
    steps : int
    """

    radius: float
    steps: int = 1

    def combine(self, V, last, t):
        V, v = numbers(V), 0.0 if last is None else last
        for _ in range(self.steps):
            v = v + clipped(V - v, self.radius).mean(axis=-2, keepdims=True)
        return v

    def tolerates(self, m):
        return minority(m)

    def check(self, m):
        if not (self.radius > 0 and self.steps >= 1):
            raise CourseError(f"{self}: the radius must be positive, and the steps at least one")


def lengths(V):
    """Norm of each row, (..., m, d) to (..., m, 1); a huge one may be infinite."""
    with np.errstate(over="ignore"):
        return np.linalg.norm(V, axis=-1, keepdims=True)


def clipped(V, radius):
    """Rows longer than `radius` shortened to it."""
    return V * np.minimum(1, radius / np.maximum(lengths(V), np.finfo(float).tiny))
