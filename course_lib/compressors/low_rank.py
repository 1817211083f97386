"""Low rank: send a matrix as a product of two thin ones."""

from dataclasses import dataclass
from math import ceil

import numpy as np

from course_lib.compressors.base import Compressor
from course_lib.compressors.messages import Factors
from course_lib.errors import CourseError


@dataclass(frozen=True)
class PowerSGD(Compressor):
    """A step of the power method: M becomes P P^T M, P an orthonormal basis of M Q (Vogels et al., 2019).

    Here Q is drawn anew for each vector, so that a compressor has no memory; contractive with delta =
    rank / min(rows, columns) in expectation over Q. The method `power_sgd` goes on from the last Q, a warm
    start, and adds up the factors on the way, which other compressors' messages do not allow.

    Parameters
    ----------
    rank : int
    columns : int, optional
        x is read as a matrix of so many columns, row by row; about square if left out, with zeros at the end.
    """

    rank: int
    columns: int | None = None
    message = Factors
    random = True

    def compress(self, x, rng):
        M = self.matrix(x)
        columns = M.shape[-1]
        start = rng.standard_normal((*x.shape[:-1], columns * self.rank)).astype(x.dtype, copy=False)
        P = orthonormal(M @ start.reshape(*x.shape[:-1], columns, self.rank))
        return Factors(P, np.swapaxes(M, -1, -2) @ P, x.shape[-1])

    def shape(self, d):
        """Rows and columns of the matrix that d coordinates make."""
        columns = self.columns or max(ceil(d**0.5), 1)
        return max(ceil(d / columns), 1), columns

    def matrix(self, x):
        """The matrix that x stands for: (..., d) to (..., rows, columns)."""
        rows, columns = self.shape(x.shape[-1])
        missing = rows * columns - x.shape[-1]
        padded = np.pad(x, [(0, 0)] * (x.ndim - 1) + [(0, missing)]) if missing else x
        return padded.reshape(*x.shape[:-1], rows, columns)

    def delta(self, d):
        return self.rank / min(self.shape(d))

    def error(self, x):
        raise CourseError("the expected error of PowerSGD has no closed form: average over draws")

    def check(self, d):
        for name, value in {"rank": self.rank, "columns": self.columns or 1}.items():
            if not (isinstance(value, int | np.integer) and value >= 1):
                raise CourseError(f"{self}: {name} is a whole number from 1 on")
        if self.rank > min(self.shape(d)):
            rows, columns = self.shape(d)
            raise CourseError(f"{self}: a matrix of {rows} x {columns} has no rank above {min(rows, columns)}")


def orthonormal(A):
    """An orthonormal basis of the columns of each matrix: (..., n, r) to the same shape, r <= n."""
    return np.linalg.qr(A)[0]
