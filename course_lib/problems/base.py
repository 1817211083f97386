"""What all objectives share."""

from functools import cached_property

import numpy as np
import scipy

from course_lib.errors import CourseError
from course_lib.topology.mixing import check_shares

ALL = slice(None)  # workers, unless fewer are asked for


class Problem:
    """What all objectives share; a subclass says how losses and gradients are computed.

    Attributes
    ----------
    m, d : int
        Number of workers, number of parameters.
    weights : array, shape (m,)
        Weight of each worker in f; they sum to one.
    """

    convex = True

    def __init__(self, m, d, weights):
        self.m, self.d = m, d
        self.weights = np.asarray(weights, float)

    def losses(self, X):
        """Each worker's own loss f_i at its own model: (..., k, d) to (..., m)."""
        raise NotImplementedError

    def gradient(self, X, batch=None, workers=ALL):
        """Each worker's gradient at its own model, on all its data or on a mini-batch.

        Parameters
        ----------
        X : array, shape (..., k, d) or (d,)
            One model a worker, or one for all.
        batch : optional
            What `sample` drew; all data if left out.
        workers : slice or array of int
            Only these workers.

        Returns
        -------
        array, shape (..., m, d)
        """
        raise NotImplementedError

    def sample(self, streams, batch_size, workers=ALL, replicates=None):
        """Draw mini-batches, worker i's from its own random stream alone.

        Parameters
        ----------
        streams : list of numpy Generator
            One for each of `workers`.
        batch_size : int or array of int, shape (m,)
            Samples per worker, drawn with replacement.
        workers : slice or array of int
            Only these workers.
        replicates : int, optional
            Draw this many independent mini-batches, for as many independent experiments.
        """
        raise NotImplementedError

    def hessians(self, x):
        """Each worker's Hessian at the common model: (d,) to (m, d, d)."""
        raise CourseError(f"{type(self).__name__} has no Hessian in closed form")

    def loss(self, x):
        """The objective f at one model an experiment: (d,) or (..., 1, d) to a number or (...)."""
        return self.losses(one_model(x)) @ self.weights

    def full_gradient(self, x):
        """Gradient of f, shape (..., 1, d)."""
        return (self.weights @ self.gradient(one_model(x)))[..., None, :]

    def loss_and_gradient(self, x):
        """`loss` and `full_gradient` at once: a problem may share work between them."""
        return self.loss(x), self.full_gradient(x)

    def hessian(self, x):
        """Hessian of f, shape (d, d)."""
        return np.tensordot(self.weights, self.hessians(x), 1)

    def initial(self):
        """Where a run starts unless told otherwise, shape (d,)."""
        return np.zeros(self.d)

    def noise(self, x):
        """Variance E||g - grad f_i(x)||^2 of a gradient on a single sample of worker i, shape (m,)."""
        raise NotImplementedError

    def heterogeneity(self, x):
        """Spread of the workers' gradients, sum_i weights_i ||grad f_i(x) - grad f(x)||^2."""
        apart = self.gradient(one_model(x)) - self.full_gradient(x)
        return float(self.weights @ (apart**2).sum(-1))

    def optimum(self):
        """The minimiser of f, shape (d,), by Newton's method with halved steps where needed."""
        return self._optimum.copy()

    @cached_property
    def _optimum(self):
        if not self.convex:
            raise CourseError(f"{type(self).__name__} is not convex: there is no optimum to compute")
        x, length = np.zeros(self.d), np.inf
        for _ in range(100):
            step = _solve(self.hessian(x), self.full_gradient(x)[0])
            before, length = length, np.linalg.norm(step) / (1 + np.linalg.norm(x))
            if length <= 1e-14 or before / 2 < length <= 1e-6:  # rounding: it gets no better
                return x
            size, here = 1.0, self.loss(x)
            while size > 1e-8 and self.loss(x - size * step) > here + 1e-15 * abs(here):
                size /= 2
            x = x - size * step
        raise CourseError(NO_OPTIMUM)


NO_OPTIMUM = "f has no single optimum: it is flat, or falls for ever, in some direction; a penalty l2 > 0 mends that"


def _solve(H, g):
    try:
        factor, lower = scipy.linalg.cho_factor(H)
    except np.linalg.LinAlgError:
        raise CourseError(NO_OPTIMUM) from None
    pivots = np.diagonal(factor)
    if pivots.min() <= 1e-7 * pivots.max():  # squared, the precision of a double
        raise CourseError(NO_OPTIMUM)
    return scipy.linalg.cho_solve((factor, lower), g)


def models(X, k, d):
    """X as an array of blocks of k models, one a worker, or of one for all; anything else is refused."""
    X = np.asarray(X, float)
    X = X.reshape(1, -1) if X.ndim < 2 else X
    *_, rows, numbers = X.shape
    if numbers != d:
        raise CourseError(f"the model has {numbers} numbers; this problem needs {d}")
    if rows != 1 and rows != k:
        raise CourseError(f"{rows} models for {k} workers: give one a worker, or one for all")
    return X


def one_model(x):
    """The model x as a block (..., 1, d): f itself is defined at one model only."""
    x = np.asarray(x, float)
    if x.ndim > 1 and x.shape[-2] != 1:
        raise CourseError(f"f is defined at one model, shape (d,) or (..., 1, d); this block has shape {x.shape}")
    return x.reshape(1, -1) if x.ndim < 2 else x


def normalised(weights, sizes):
    """Weights of the workers in f, from what the user said and the numbers of rows; they sum to one."""
    if weights is None:
        if len(set(sizes)) > 1:
            raise CourseError(
                f"workers hold {min(sizes)} to {max(sizes)} rows: say weights='pooled' (every row counts the same) "
                "or weights='equal' (every worker counts the same)"
            )
        weights = "equal"
    if isinstance(weights, str):
        if weights not in ("equal", "pooled"):
            raise CourseError(f"weights are 'equal', 'pooled' or an array, not {weights!r}")
        weights = np.ones(len(sizes)) if weights == "equal" else sizes
    check_shares(weights, len(sizes))
    weights = np.asarray(weights, float)
    return weights / weights.sum()
