"""One bit a coordinate: signs, and how large they are meant to be."""

from dataclasses import dataclass

import numpy as np

from course_lib.compressors.base import Compressor
from course_lib.compressors.messages import Signs, TwoMeans
from course_lib.errors import CourseError


@dataclass(frozen=True)
class ScaledSign(Compressor):
    """The signs, times the mean magnitude: ||x||_1 / d sign(x) (Karimireddy et al., 2019).

    Biased, contractive: 1 - ||x||_1^2 / (d ||x||^2) of ||x||^2 is lost, at worst (one coordinate) 1 - 1/d.
    A zero travels as a plus: one bit has no third value.
    """

    message = Signs

    def compress(self, x, rng):
        return Signs(np.abs(x).sum(-1, keepdims=True) / max(x.shape[-1], 1), x >= 0)

    def delta(self, d):
        return 1 / d


@dataclass(frozen=True)
class OneBit(Compressor):
    """One bit a coordinate, and for each column the mean of what is negative and of what is not.

    The 1-bit SGD of Seide et al. (2014), "1-Bit Stochastic Gradient Descent and its Application to
    Data-Parallel Distributed Training of Speech DNNs", is this with error feedback, which lives in the method:
    `error_feedback_sgd`. Biased, contractive with delta = 1 / (entries of a column), the worst case again.

    Parameters
    ----------
    columns : int
        x is read as a matrix of so many columns, row by row; one by default.
    """

    columns: int = 1
    message = TwoMeans

    def compress(self, x, rng):
        matrix = x.reshape(*x.shape[:-1], x.shape[-1] // self.columns, self.columns)
        upper = matrix >= 0
        means = [_mean(matrix, side) for side in (~upper, upper)]
        return TwoMeans(np.concatenate(means, axis=-2), upper)

    def delta(self, d):
        return self.columns / d

    def check(self, d):
        if not (isinstance(self.columns, int | np.integer) and self.columns >= 1 and d % self.columns == 0):
            raise CourseError(f"{self}: {d} coordinates do not make {self.columns} columns of equal length")


def _mean(matrix, side):
    """Mean of one side of each column, zero where it is empty: (..., rows, c) to (..., 1, c)."""
    total = np.where(side, matrix, 0).sum(-2, keepdims=True)
    return total / np.maximum(side.sum(-2, keepdims=True, dtype=matrix.dtype), 1)
