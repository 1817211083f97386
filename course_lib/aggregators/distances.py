"""Rules that look at distances between workers: Krum, multi-Krum, Bulyan."""

from dataclasses import dataclass

import numpy as np

from course_lib.aggregators.base import Told, check_liars
from course_lib.aggregators.coordinates import CoordinateMedian
from course_lib.errors import CourseError


@dataclass(frozen=True)
class Krum(Told):
    """The one vector that is nearest to its neighbours (Blanchard et al., 2017). Condition: 2f + 2 < m.

    A worker's score is the sum of its squared distances to the m - f - 2 others nearest to it; the lowest wins.

    Parameters
    ----------
    f : int
        Liars to expect.
    """

    def combine(self, V, last, t):
        return rows(V, scores(squared_distances(V), self.f).argmin(-1)[..., None])

    def check(self, m):
        check_liars(self.f)
        if not 2 * self.f + 2 < m:
            raise CourseError(f"Krum needs 2f + 2 < m: {m} workers are too few for f = {self.f} liars")


@dataclass(frozen=True)
class MultiKrum(Krum):
    """The mean of the k vectors with the lowest scores (Blanchard et al., 2017). Condition: Krum's, and k <= m - f.

    Parameters
    ----------
    f : int
        Liars to expect.
    k : int, optional
        m - f if left out.
    """

    k: int | None = None

    def combine(self, V, last, t):
        k = V.shape[-2] - self.f if self.k is None else self.k
        best = scores(squared_distances(V), self.f).argsort(-1, kind="stable")[..., :k]
        return rows(V, best).mean(axis=-2, keepdims=True)

    def check(self, m):
        super().check(m)
        if self.k is not None and not 1 <= self.k <= m - self.f:
            raise CourseError(f"multi-Krum averages 1 to m - f = {m - self.f} vectors, not {self.k}")


@dataclass(frozen=True)
class Bulyan(Told):
    """Krum m - 2f times, then a trimmed mean of the winners (El Mhamdi, Guerraoui and Rouault, 2018).

    Condition: 4f + 3 <= m. Each winner is taken out before the next is found; in each coordinate the m - 4f winners
    nearest to their median are averaged.

    Parameters
    ----------
    f : int
        Liars to expect.
    """

    def combine(self, V, last, t):
        m = V.shape[-2]
        winners = rows(V, krum_winners(squared_distances(V), self.f, m - 2 * self.f))
        away = abs(winners - CoordinateMedian()(winners))
        nearest = away.argsort(axis=-2, kind="stable")[..., : m - 4 * self.f, :]
        return np.take_along_axis(winners, nearest, axis=-2).mean(axis=-2, keepdims=True)

    def check(self, m):
        check_liars(self.f)
        if not 4 * self.f + 3 <= m:
            raise CourseError(f"Bulyan needs 4f + 3 <= m: {m} workers are too few for f = {self.f} liars")


def rows(V, which):
    """These rows of each block, copied whole: (..., m, d) and (..., k) to (..., k, d)."""
    lead = np.indices(V.shape[:-2], sparse=True)
    return V[(*(i[..., None] for i in lead), which)]


def squared_distances(V):
    """Squared distances between all rows: (..., m, d) to (..., m, m), from one Gram matrix.

    What is no number is infinitely far from everything.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        gram = V @ np.swapaxes(V, -1, -2)
        squares = np.diagonal(gram, axis1=-2, axis2=-1)
        apart = squares[..., :, None] + squares[..., None, :] - 2 * gram
    return np.nan_to_num(apart, nan=np.inf)


def scores(apart, f, left=None):
    """Krum's score of each row, (..., m, m) to (..., m): smaller is better.

    Parameters
    ----------
    apart : array, shape (..., m, m)
        Squared distances.
    f : int
        Liars to expect.
    left : int, optional
        Rows that still take part, m unless given; the others are infinitely far.
    """
    left = apart.shape[-1] if left is None else left
    with np.errstate(over="ignore"):
        return np.sort(apart, axis=-1)[..., 1 : max(left - f - 1, 1)].sum(-1)  # the nearest row is the row itself


def krum_winners(apart, f, count):
    """The rows that Krum picks one after the other, each out of those that are left: (..., count)."""
    apart, winners = apart.copy(), []
    m = apart.shape[-1]
    gone = np.zeros(apart.shape[:-1], bool)
    for left in range(m, m - count, -1):
        winner = np.where(gone, np.inf, scores(apart, f, left)).argmin(-1)
        winners.append(winner)
        gone |= np.arange(m) == winner[..., None]
        apart = np.where(gone[..., None, :], np.inf, apart)
    return np.stack(winners, axis=-1)
