"""Compression of symmetric matrices by rank."""

from dataclasses import dataclass

import numpy as np

from course_lib.compressors.base import Compressor
from course_lib.compressors.messages import Eigenpairs
from course_lib.compressors.triangle import order, unpack
from course_lib.errors import CourseError


@dataclass(frozen=True)
class SymmetricRank(Compressor):
    """The best approximation of so low a rank to a symmetric matrix, made a vector by `pack` (Safaryan et al., 2021).

    It keeps the eigenvalues of largest magnitude; contractive with delta = rank / d for matrices of d x d. A message
    holds rank (d + 1) numbers.

    Parameters
    ----------
    rank : int
    """

    rank: int
    message = Eigenpairs

    def compress(self, x, rng):
        values, vectors = np.linalg.eigh(unpack(x))
        largest = np.argsort(-np.abs(values), axis=-1)[..., : self.rank]
        values = np.take_along_axis(values, largest, -1)
        return Eigenpairs(values, np.take_along_axis(vectors, largest[..., None, :], -1), x.shape[-1])

    def delta(self, d):
        return self.rank / order(d)

    def check(self, d):
        if not (isinstance(self.rank, int | np.integer) and 1 <= self.rank <= order(d)):
            raise CourseError(f"{self}: the rank of a {order(d)} x {order(d)} matrix is a whole number from 1 on")
