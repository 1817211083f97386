"""Bucketing: average at random first, then be robust."""

from dataclasses import dataclass

import numpy as np

from course_lib.aggregators.base import Aggregator
from course_lib.errors import CourseError


@dataclass(frozen=True)
class Bucketing(Aggregator):
    """Put the rows into random buckets of `size`, average each, and hand the averages to another rule.

    Averages differ less than rows do, which helps where honest workers hold different data; but a bucket with one
    liar is a lie. Condition: f lying buckets out of m/size, so size * f < m/2 for a rule that itself puts up with
    half (Karimireddy, He and Jaggi, 2022).

    Parameters
    ----------
    rule : Aggregator
    size : int
        Rows in a bucket; the last one may hold fewer.
    seed : int
        The buckets of round t depend on (seed, t).
    """

    rule: Aggregator
    size: int = 2
    seed: int = 0

    def combine(self, V, last, t):
        m = V.shape[-2]
        order = np.broadcast_to(np.arange(m), V.shape[:-1])
        order = np.random.default_rng([self.seed, t]).permuted(order, axis=-1)
        first = np.arange(0, m, self.size)
        sums = np.add.reduceat(np.take_along_axis(V, order[..., None], axis=-2), first, axis=-2)
        return self.rule(sums / np.minimum(self.size, m - first)[:, None], last, t)

    def tolerates(self, m):
        return self.rule.tolerates(self.buckets(m))

    def check(self, m):
        if not (isinstance(self.size, int | np.integer) and 1 <= self.size <= m):
            raise CourseError(f"a bucket holds 1 to m = {m} rows, not {self.size}")
        self.rule.check(self.buckets(m))

    def buckets(self, m):
        """How many buckets m rows fill."""
        return -(-m // self.size)
