"""What second-order methods share: checks at the call, linear solves, and a line search over the cluster."""

import functools
import inspect

import numpy as np

from course_lib.compressors import pack, unpack
from course_lib.errors import CourseError, whole
from course_lib.methods.base import method

#: Step sizes that a line search tries at once; together with size 0 they make its messages of twelve words.
SIZES = 2.0 ** -np.arange(11)
ARMIJO, ROUNDING, ATTEMPTS = 1e-4, 1e-14, 3


def curved(generator):
    """A `method` that takes one experiment at a time, with `rho` and `damping` at least 0.

    Parameters
    ----------
    generator : generator function

    Returns
    -------
    generator function
    """
    checked, signature = method(generator), inspect.signature(generator)

    @functools.wraps(generator)
    def single(*args, **kwargs):
        kwargs = {name: value for name, value in kwargs.items() if value is not None}  # None is left out
        started = checked(*args, **kwargs)  # refuses what does not fit the signature
        given = signature.bind(*args, **kwargs).arguments
        if given["cluster"].replicates is not None or np.ndim(given.get("step_size")):
            raise CourseError(f"{generator.__name__} runs one experiment at a time: no replicates, a single step size")
        for name in ("memory", "pieces"):
            whole(given.get(name, 1), name)
        return started

    return single


def average_all(cluster, *blocks):
    """One all-reduce of several things that each worker holds: rows (m, k) and symmetric matrices (m, k, k).

    Returns the mean of each, (1, k) or (k, k); a matrix costs k (k + 1) / 2 words.
    """
    rows = [pack(block) if block.ndim == 3 else block for block in blocks]
    parts = np.split(cluster.mean(np.concatenate(rows, axis=-1)), np.cumsum([r.shape[-1] for r in rows])[:-1], axis=-1)
    return [unpack(part[0]) if block.ndim == 3 else part for block, part in zip(blocks, parts)]


def solve(H, g, damping=0.0):
    """(H + damping I)^-1 g for positive definite H, (d, d) or (m, d, d), and rows g: as many rows."""
    H = H + damping * np.eye(H.shape[-1])
    try:
        np.linalg.cholesky(H)
    except np.linalg.LinAlgError:
        raise CourseError(
            "a Hessian is singular or curved downwards, as with fewer rows than parameters: take l2 or damping > 0"
        ) from None
    return np.linalg.solve(H, g[..., None])[..., 0]


def move(cluster, x, g, direction, step_size, t, pieces=None):
    """The next model: x less the direction, times a given step size or one that a line search finds."""
    slope = float((g * direction).sum())
    size = line_search(cluster, x, direction, slope, pieces) if step_size is None else step_size(t)
    return x - size * direction


def line_search(cluster, x, direction, slope, pieces=None):
    """The largest of `SIZES` along which f falls by at least 1e-4 of what its slope promises (Armijo, 1966).

    Every worker computes its loss at all trial models, and one all-reduce of twelve words tells everyone the mean
    (as in Wang et al., 2018). If f falls nowhere, smaller sizes are tried, each time for another all-reduce.

    Parameters
    ----------
    cluster : cluster
    x, direction : arrays, shape (1, d)
        The trial models are x - size * direction.
    slope : float
        grad f(x) . direction, positive.
    pieces : int, optional
        Share the work on the losses, as `lbfgs` does.

    Returns
    -------
    float
        0 if f falls at none of 33 sizes down to 2e-10: then x is where rounding lets one get.
    """
    sizes = SIZES
    for _ in range(ATTEMPTS):
        tried = np.append(0.0, sizes)[:, None, None]
        here, *there = cluster.mean(cluster.trial_losses(x - tried * direction, pieces))[0]
        falls = np.array(there) <= here - sizes * (ARMIJO * max(slope, 0.0) - ROUNDING * abs(here))
        if falls.any():
            return sizes[falls.argmax()]
        sizes = sizes * SIZES[-1] / 2
    return 0.0
