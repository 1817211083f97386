"""Symmetric matrices as vectors."""

from functools import cache
from math import isqrt

import numpy as np

from course_lib.errors import CourseError


def pack(H):
    """A symmetric matrix as a vector of the same norm: its upper triangle, off the diagonal times sqrt(2).

    So a compressor's constants for vectors hold for matrices in the Frobenius norm.

    Parameters
    ----------
    H : array, shape (..., d, d)

    Returns
    -------
    array, shape (..., d (d + 1) / 2)
    """
    at, scale = _triangle(H.shape[-1])
    return H[(..., *at)] * scale


def unpack(vector):
    """The symmetric matrices that `pack` made vectors of: (..., d (d + 1) / 2) to (..., d, d)."""
    d = order(vector.shape[-1])
    (row, column), scale = _triangle(d)
    H = np.empty((*vector.shape[:-1], d, d), vector.dtype)
    H[..., row, column] = H[..., column, row] = vector / scale
    return H


def order(words):
    """The d for which a symmetric d x d matrix has so many numbers."""
    d = (isqrt(8 * words + 1) - 1) // 2
    if d * (d + 1) // 2 != words:
        raise CourseError(f"{words} numbers are no triangle of a symmetric matrix, which has d (d + 1) / 2")
    return d


@cache
def _triangle(d):
    row, column = np.triu_indices(d)
    return (row, column), np.where(row == column, 1.0, np.sqrt(2))
