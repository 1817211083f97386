"""Quadratics with dials, for theorems that can be checked exactly."""

from functools import cached_property

import numpy as np

from course_lib.errors import CourseError, whole
from course_lib.problems.base import ALL, Problem, models, normalised


class Quadratic(Problem):
    """f_i(x) = (x - b_i)^T A_i (x - b_i) / 2, with additive Gaussian gradient noise: everything is known exactly.

    Parameters
    ----------
    A : array, shape (m, d, d)
        Symmetric Hessians.
    b : array, shape (m, d)
        Each worker's own minimiser.
    noise : float
        sigma: a gradient on b samples has variance E||g - grad f_i||^2 = sigma^2 / b.
    weights : array (m,), optional
        Equal if left out.
    """

    def __init__(self, A, b, noise=0.0, weights=None):
        self.A, self.b, self.sigma = np.asarray(A, float), np.asarray(b, float), float(noise)
        if self.b.ndim != 2 or self.A.shape != (*self.b.shape, self.b.shape[1]):
            raise CourseError(f"A of shape {self.A.shape} and b of shape {self.b.shape} must be (m, d, d) and (m, d)")
        if not (np.isfinite(self.A).all() and np.isfinite(self.b).all()):
            raise CourseError("A and b hold NaN or infinite numbers")
        if not all(np.allclose(a, a.T) for a in self.A):
            raise CourseError("every Hessian in A must be symmetric")
        if not 0 <= self.sigma < np.inf:
            raise CourseError(f"the noise must be at least 0, not {noise}")
        m, d = self.b.shape
        super().__init__(m, d, normalised(weights, np.ones(m)))

    @classmethod
    def dialled(cls, m, d, condition=10.0, hessian_spread=0.0, optimum_spread=1.0, noise=0.0, seed=0):
        """Draw one with given dials.

        Parameters
        ----------
        m, d : int
            Number of workers, dimension.
        condition : float
            Condition number of the common Hessian, whose eigenvalues are spaced evenly in logarithm up to 1.
        hessian_spread : float
            0: the same Hessian everywhere; s: each worker's eigenvalues are multiplied by factors in [e^-s, e^s].
        optimum_spread : float
            Root mean square distance of the workers' minimisers b_i from the origin, per root of d.
        noise, seed
            See `Quadratic`.
        """
        rng = np.random.default_rng(whole(seed, "seed", 0))
        Q = np.linalg.qr(rng.standard_normal((d, d)))[0]
        values = np.geomspace(1 / condition, 1, d) * np.exp(hessian_spread * rng.uniform(-1, 1, (m, d)))
        A = (Q * values[:, None]) @ Q.T
        A += A.transpose(0, 2, 1).copy()
        A /= 2  # symmetric to the last bit
        return cls(A, optimum_spread * rng.standard_normal((m, d)), noise)

    def losses(self, X):
        """Each worker's own loss at its own model: (..., k, d) to (..., m)."""
        apart = models(X, self.m, self.d) - self.b
        return (apart * (self.A @ apart[..., None])[..., 0]).sum(-1) / 2

    def gradient(self, X, batch=None, workers=ALL):
        """Each worker's gradient at its own model; `batch` is the noise to add."""
        b = self.b[workers]
        G = (self.A[workers] @ (models(X, len(b), self.d) - b)[..., None])[..., 0]
        return G if batch is None else G + batch

    def sample(self, streams, batch_size, workers=ALL, replicates=None):
        """Noise of a mini-batch's gradient, shape (m, d) or, with replicates, (R, m, d)."""
        draws = np.empty((len(streams), replicates or 1, self.d))
        for stream, own in zip(streams, draws):
            stream.standard_normal(out=own)
        samples = batch_size if np.ndim(batch_size) == 0 else np.asarray(batch_size)[workers, None, None]
        draws *= self.sigma / np.sqrt(self.d * samples)
        return draws.swapaxes(0, 1).copy() if replicates else draws[:, 0]

    def noise(self, x):
        """Variance of a gradient on a single sample, shape (m,)."""
        return np.full(self.m, self.sigma**2)

    def hessians(self, x):
        """Each worker's Hessian, shape (m, d, d): the same at every model."""
        return self.A

    @cached_property
    def L(self):
        """Largest eigenvalue of the Hessian of f."""
        return np.linalg.eigvalsh(self.hessian(None))[-1]

    @cached_property
    def L_workers(self):
        """Largest eigenvalue of each worker's Hessian, shape (m,)."""
        return np.linalg.eigvalsh(self.A)[:, -1]

    @cached_property
    def mu(self):
        """Smallest eigenvalue of the Hessian of f."""
        return np.linalg.eigvalsh(self.hessian(None))[0]
