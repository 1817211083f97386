"""Sparsifiers: send some coordinates and drop the rest."""

from dataclasses import dataclass

import numpy as np

from course_lib.compressors import bits
from course_lib.compressors.base import Compressor, squares
from course_lib.compressors.messages import Sparse
from course_lib.errors import CourseError


@dataclass(frozen=True)
class TopK(Compressor):
    """Keep the k coordinates of largest magnitude; of equal ones, the first.

    Biased, contractive with delta = k/d: the error is the squares of the others, and it is as large as that only
    if all magnitudes are equal (Stich, Cordonnier and Jaggi, 2018).

    Parameters
    ----------
    k : int
    """

    k: int
    message = Sparse

    def compress(self, x, rng):
        return Sparse(_only(x, np.abs(x), self.k))

    def delta(self, d):
        return self.k / d

    def check(self, d):
        _check_k(self, d)


@dataclass(frozen=True)
class RandomK(Compressor):
    """Keep k coordinates, every choice equally likely, and multiply them by d/k.

    Unbiased with omega = d/k - 1, exactly, for every x.

    Parameters
    ----------
    k : int
    """

    k: int
    message = Sparse
    random = True

    def compress(self, x, rng):
        return Sparse(_only(x, rng.random(x.shape), self.k) * (x.shape[-1] / self.k))

    def omega(self, d):
        return d / self.k - 1

    def error(self, x):
        return self.omega(np.shape(x)[-1]) * squares(x)

    def check(self, d):
        _check_k(self, d)


@dataclass(frozen=True)
class RandomSparsifier(Compressor):
    """Keep each coordinate with probability p, independently, and divide it by p: the lesson's.

    Unbiased with omega = 1/p - 1, exactly, for every x; how many are kept varies from call to call.

    Parameters
    ----------
    p : float, or array (R, 1, 1) for R experiments at once
    """

    p: float | np.ndarray
    message = Sparse
    random = True

    def compress(self, x, rng):
        return Sparse(np.where(rng.random(x.shape) < self.p, x / self.p, 0).astype(x.dtype, copy=False))

    def omega(self, d):
        return 1 / self.p - 1

    def error(self, x):
        return (self.omega(None) * np.square(x)).sum(-1)

    def check(self, d):
        if not np.all((np.asarray(self.p) > 0) & (np.asarray(self.p) <= 1)):
            raise CourseError(f"{self}: p is a probability, above 0 and at most 1")


def _only(x, keys, k):
    """Rows of x with zeros in all but the k places of the largest keys; of equal keys, the first places."""
    d = x.shape[-1]
    threshold = np.partition(keys, d - k, axis=-1)[..., d - k : d - k + 1]
    kept = keys >= threshold
    if np.count_nonzero(kept) * d > k * kept.size:  # too many are equal to the threshold: drop the last of them
        surplus = np.expand_dims(bits.count(kept), -1) - k
        equal = keys == threshold
        from_the_end = np.cumsum(equal[..., ::-1], axis=-1)[..., ::-1]
        kept &= ~(equal & (from_the_end <= surplus))
    sparse = np.zeros_like(x)
    np.copyto(sparse, x, where=kept)
    return sparse


def _check_k(compressor, d):
    k = compressor.k
    if not (isinstance(k, int | np.integer) and k >= 1):
        raise CourseError(f"{compressor}: k is a whole number from 1 on")
    if k > d:
        raise CourseError(f"{compressor} keeps {k} coordinates, but the vectors have only {d}")
