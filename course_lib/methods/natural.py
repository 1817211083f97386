"""Natural gradient: curvature of the model's predictions instead of the loss."""

import numpy as np

from course_lib.errors import CourseError
from course_lib.methods.curved import average_all, curved, move, solve


@curved
def natural_gradient(cluster, damping=0.0, empirical=False, step_size=None, start=None):
    """Natural gradient (Amari, 1998): x <- x - (mean_i F_i + damping I)^-1 g. A round of d (d + 1) / 2 + d words.

    For logistic and softmax regression it is Newton's method; for networks the Fisher information is positive
    semidefinite where the Hessian is not.

    Parameters
    ----------
    cluster, step_size, start
        As in `newton`.
    damping : float
        Added to the eigenvalues.
    empirical : bool
        Take outer products of the gradients at hand instead: cheaper, and another matrix.

    Yields
    ------
    x, t
        As in `newton`.
    """
    x, t = start or (cluster.start(), 0)
    while True:
        yield x, t
        g, F = average_all(cluster, cluster.gradient(x), cluster.fishers(x, empirical))
        x = move(cluster, x, g, solve(F, g, damping), step_size, t)
        t = t + 1


@curved
def kfac(cluster, damping, step_size=None, start=None):
    """K-FAC (Martens and Grosse, 2015): natural gradient with each layer's Fisher as a Kronecker product A x G.

    (A x G)^-1 applied to a layer's gradient V is A^-1 V G^-1: two small solves, and small matrices to average.

    Parameters
    ----------
    cluster, step_size, start
        As in `newton`; its problem is a `TwoLayerNetwork`.
    damping : float
        Shared between A and G as there, by the ratio of their mean eigenvalues.

    Yields
    ------
    x, t
        As in `newton`.
    """
    if not hasattr(cluster.problem, "kronecker_factors"):
        kind = type(cluster.problem).__name__
        raise CourseError(f"K-FAC needs a problem of layers, such as TwoLayerNetwork, not {kind}")
    x, t = start or (cluster.start(), 0)
    while True:
        yield x, t
        factors = [factor for layer in cluster.kronecker_factors(x) for factor in layer]
        g, *factors = average_all(cluster, cluster.gradient(x), *factors)
        x = move(cluster, x, g, kronecker_step(g, factors, damping), step_size, t)
        t = t + 1


def kronecker_step(g, factors, damping):
    """Each layer's part of g, as a matrix V, becomes A^-1 V G^-1, with damped factors.

    Parameters
    ----------
    g : array, shape (1, d)
    factors : list of arrays
        A, G of the first layer, A, G of the second, ...
    damping : float

    Returns
    -------
    array, shape (1, d)
    """
    parts, at = [], 0
    for A, G in zip(factors[::2], factors[1::2]):
        (a, b), root = (len(A), len(G)), damping**0.5
        balance = np.sqrt((np.trace(A) / a) / (np.trace(G) / b))
        V = g[0, at : at + a * b].reshape(a, b)
        parts.append(solve(G, solve(A, V.T, balance * root).T, root / balance).ravel())
        at += a * b
    return np.concatenate(parts)[None]
