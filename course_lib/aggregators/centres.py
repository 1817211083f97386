"""Rules that look for a centre: the geometric median, and centred clipping."""

from dataclasses import dataclass

import numpy as np

from course_lib.aggregators.base import Aggregator, minority, numbers
from course_lib.aggregators.coordinates import CoordinateMedian
from course_lib.errors import CourseError

_STEPS = 1000  # of Weiszfeld's, at most
_NEAR = 1e-12  # of the spread: so near to a row is on it


@dataclass(frozen=True)
class GeometricMedian(Aggregator):
    """The point whose distances to all rows have the smallest sum (RFA: Pillutla, Kakade and Harchaoui, 2022).

    It is where unit vectors towards all rows balance, sum_i (v_i - z) / ||v_i - z|| = 0. Condition: f < m/2.

    Parameters
    ----------
    precision : float
        It is there when a step is shorter than so much of the median distance to a row.
    """

    precision: float = 1e-6

    def combine(self, V, last, t):
        V = numbers(V)
        z = CoordinateMedian()(V)
        spread = np.median(lengths(V - z), axis=-2, keepdims=True)
        for _ in range(_STEPS):
            step = weiszfeld(V - z, _NEAR * spread)
            z = z + step
            if np.all(lengths(step) <= self.precision * spread):
                break
        return z

    def tolerates(self, m):
        return minority(m)

    def check(self, m):
        if not self.precision > 0:
            raise CourseError(f"the precision must be positive, not {self.precision}")


def weiszfeld(away, near):
    """A step of Weiszfeld (1937), to sum_i w_i v_i / sum_i w_i with w_i = 1 / ||v_i - z||, from z = 0.

    Rows that lie on z pull with strength one each against any move (Vardi and Zhang, 2000).

    Parameters
    ----------
    away : array, shape (..., m, d)
        v_i - z.
    near : array, shape (..., 1, 1)
        So near is on z.

    Returns
    -------
    array, shape (..., 1, d)
    """
    distance = lengths(away)
    here = distance <= near
    w = np.where(here, 0.0, 1 / np.where(here, 1.0, distance))
    pull = (w * away).sum(-2, keepdims=True)
    held = here.sum(-2, keepdims=True) / np.maximum(lengths(pull), np.finfo(float).tiny)
    return np.maximum(1 - held, 0) * pull / np.maximum(w.sum(-2, keepdims=True), np.finfo(float).tiny)


@dataclass(frozen=True)
class CenteredClipping(Aggregator):
    """Nobody moves the centre by more than radius/m (Karimireddy, He and Jaggi, 2021).

    v <- v + mean_i (v_i - v) min(1, radius / ||v_i - v||), from the v of the round before. Condition: f < m/2; the
    proof asks for fewer liars, and for workers that send momentum instead of gradients.

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
