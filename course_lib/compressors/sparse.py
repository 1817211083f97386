"""Sparsifiers: send some coordinates and drop the rest."""

from dataclasses import dataclass

import numpy as np

from course_lib.compressors import bits
from course_lib.compressors.base import Compressor, squares
from course_lib.compressors.messages import Sparse
from course_lib.errors import CourseError

_STRIDE = 16  # a long vector is sampled this thinly


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
        if x.ndim > 1 or len(x) < _STRIDE * (self.k + 1000):
            return Sparse(_only(x, np.abs(x), self.k))
        likely, sparse = _likely(x, self.k), np.zeros_like(x)
        sparse[likely] = _only(x[likely], np.abs(x[likely]), self.k)
        return Sparse(sparse)

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
    threshold = np.partition(keys, -k, axis=-1)[..., -k, None]
    kept = keys >= threshold
    if np.count_nonzero(kept) * x.shape[-1] > k * kept.size:  # too many reach the threshold: drop the last of them
        surplus = np.expand_dims(bits.count(kept), -1) - k
        equal = keys == threshold
        from_the_end = np.cumsum(equal[..., ::-1], axis=-1)[..., ::-1]
        kept &= ~(equal & (from_the_end <= surplus))
    sparse = np.zeros_like(x)
    np.copyto(sparse, x, where=kept)
    return sparse


def _likely(x, k):
    """Places, in order, of about k or more numbers, among them the k largest magnitudes and all equal to those.

    A sample says which magnitudes are large; to sort all of a million takes four times as long.
    """
    sample, rank = np.abs(x[::_STRIDE]), k // _STRIDE + int(k**0.5) + 10
    guess = np.partition(sample, -rank)[-rank]
    likely = np.flatnonzero((x >= guess) | (x <= -guess))
    return likely if len(likely) >= k else np.arange(len(x))


def _check_k(compressor, d):
    k = compressor.k
    if not (isinstance(k, int | np.integer) and k >= 1):
        raise CourseError(f"{compressor}: k is a whole number from 1 on")
    if k > d:
        raise CourseError(f"{compressor} keeps {k} coordinates, but the vectors have only {d}")
