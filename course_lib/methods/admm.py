"""The other road to consensus: alternating directions, with a local problem solved in every round."""

from typing import NamedTuple

import numpy as np

from course_lib import topology
from course_lib.errors import CourseError
from course_lib.methods.base import method


@method
def admm(cluster, rho, start=None):
    """Consensus ADMM (Boyd et al., 2011): solve at home, average, charge for the difference.

    x_i <- argmin f_i(x) + y_i.(x - z) + rho/2 ||x - z||^2;  z <- mean(x_i + y_i/rho);  y_i <- y_i + rho (x_i - z).

    Parameters
    ----------
    cluster : cluster
        Its problem must have Hessians: each worker solves its local problem by Newton's method.
    rho : float
        The price of disagreement.
    start : state, optional

    Yields
    ------
    z : array, shape (1, d)
        The common model.
    previous : array, shape (1, d)
        The one before it, for the dual residual.
    X : array, shape (m, d)
        The workers' own models.
    Y : array, shape (m, d)
        Prices; their mean is zero from the first round on.
    t : int
    """
    _positive(rho)
    if start is None:
        z = cluster.start()
        start = z, z, z + cluster.zeros(), cluster.zeros(), 0
    z, previous, X, Y, t = start
    while True:
        yield z, previous, X, Y, t
        X = cluster.proximal(z - Y / rho, rho)
        z, previous = cluster.mean(X + Y / rho), z
        Y = Y + rho * (X - z)
        t = t + 1


class Residuals(NamedTuple):
    """How far ADMM is from its optimality conditions, and how far it may be.

    `primal` is ||X - z||: the workers disagree; `dual` is rho sqrt(m) ||z - previous||: the model still moves.
    """

    primal: float
    dual: float
    primal_tolerance: float
    dual_tolerance: float

    @property
    def small(self):
        """Whether both are within their tolerances: the moment to stop."""
        return self.primal <= self.primal_tolerance and self.dual <= self.dual_tolerance


def admm_residuals(state, rho, absolute=1e-4, relative=1e-3):
    """Residuals of `admm` and the stopping rule of Boyd et al. (2011, section 3.3).

    Parameters
    ----------
    state : tuple
        What `admm` yielded.
    rho : float
        As given to `admm`.
    absolute, relative : float
        Tolerances, the first per root of a number of the model.

    Returns
    -------
    Residuals
    """
    z, previous, X, Y, _ = state
    m, d = X.shape[-2:]
    scale = np.sqrt(m)
    largest = max(np.linalg.norm(X), scale * np.linalg.norm(z))
    return Residuals(
        float(np.linalg.norm(X - z)),
        float(rho * scale * np.linalg.norm(z - previous)),
        float(np.sqrt(m * d) * absolute + relative * largest),
        float(np.sqrt(m * d) * absolute + relative * np.linalg.norm(Y)),
    )


@method
def decentralized_admm(cluster, rho, graph, start=None):
    """ADMM without a centre (Shi et al., 2014): each link of the graph is a constraint x_i = x_j.

    x_i <- argmin f_i(x) + y_i.x + rho sum_j ||x - (x_i + x_j)/2||^2;  y_i <- y_i + rho sum_j (x_i - x_j).

    Parameters
    ----------
    cluster, start
        As `admm`.
    rho : float
    graph : networkx.Graph
        Connected; the sums run over a worker's neighbours.

    Yields
    ------
    X : array, shape (m, d)
    apart : array, shape (m, d)
        sum_j (x_i - x_j) at X.
    Y : array, shape (m, d)
        Prices; their sum is zero.
    t : int
    """
    _positive(rho)
    W, degree = topology.max_degree(graph), np.array([d for _, d in sorted(graph.degree)])[:, None]
    X, apart, Y, t = start or (cluster.start(replicated=False), cluster.zeros(), cluster.zeros(), 0)
    while True:
        yield X, apart, Y, t
        X = cluster.proximal(X - (apart + Y / rho) / (2 * degree), 2 * rho * degree)
        apart = (1 + degree.max()) * (X - cluster.mix(X, W))  # W = I - Laplacian / (1 + largest degree)
        Y = Y + rho * apart
        t = t + 1


def _positive(rho):
    if not (np.isfinite(rho) and rho > 0):
        raise CourseError(f"rho must be a positive number, not {rho}")
