"""Gossip and decentralised methods: how fast workers agree, and how far from the optimum they stop."""

import numpy as np

from course_lib.errors import CourseError


def consensus(t, rho):
    """Share of the first disagreement that is left after t rounds of gossip: rho^t.

    ||W^t X - mean|| <= rho^t ||X - mean|| in the Frobenius norm, with equality for some X if W is symmetric.

    Parameters
    ----------
    t : int or array of int
    rho : float
        ||W - 11^T/m||_2, from ``topology.rho``.
    """
    return rho ** np.asarray(t, float)


def chebyshev_consensus(t, rho):
    """The same for Chebyshev gossip: 1 / T_t(1/rho) = 2 c^t / (1 + c^2t) with c = rho / (1 + sqrt(1 - rho^2)).

    Auzinger (2011); Scaman et al. (2017). Symmetric W. Parameters are those of `consensus`.
    """
    c = rho / (1 + np.sqrt(1 - rho**2))
    t = np.asarray(t, float)
    return 2 * c**t / (1 + c ** (2 * t))


def dgd_fixed_point(A, b, W, step_size):
    """Where `dsgd` stands still on f_i(x) = (x - b_i)^T A_i (x - b_i) / 2 without noise: a linear solve.

    The X with (I - W) X + eta grad F(X) = 0.

    Parameters
    ----------
    A : array, shape (m, d, d)
    b : array, shape (m, d)
    W : array, shape (m, m)
        Symmetric or not.
    step_size : float

    Returns
    -------
    array, shape (m, d)
    """
    m, d = b.shape
    matrix = np.kron(np.eye(m) - W, np.eye(d))
    for i in range(m):
        matrix[i * d : (i + 1) * d, i * d : (i + 1) * d] += step_size * A[i]
    right = step_size * (A @ b[..., None])
    return np.linalg.solve(matrix, right.ravel()).reshape(m, d)


def dgd_spread(step_size, gradients, W):
    """First-order disagreement of `dsgd` at its fixed point, and a bound on it: Yuan, Ling and Yin (2016).

    eta ||(I - W)^+ G|| + O(eta^2), and eta ||G|| / (1 - rho), with G the workers' gradients at the optimum.

    Parameters
    ----------
    step_size : float
    gradients : array, shape (m, d)
    W : array, shape (m, m)
        Symmetric.

    Returns
    -------
    (float, float)
        Frobenius norms, of X - 1 mean(X)^T.
    """
    rho = np.linalg.norm(W - 1 / len(W), 2)
    apart = np.linalg.norm(np.linalg.pinv(np.eye(len(W)) - W) @ gradients)
    return step_size * apart, step_size * np.linalg.norm(gradients) / (1 - rho)


def decentralized_subgradient(steps, step_size, G, R, rho):
    """Mean over the first `steps` rounds of f(mean model) - f*, subgradients of norm at most G, common start.

    R^2 / (2 eta T) + eta G^2 / 2 + 2 eta G^2 / (1 - rho): the first two as on one machine, the third for the
    disagreement, which is at most eta sqrt(m) G / (1 - rho). In the manner of Nedić and Ozdaglar (2009).

    Parameters
    ----------
    steps : int or array
        T.
    step_size, G : float
    R : float
        ||x_0 - x*||.
    rho : float
        ``topology.rho(W)``.
    """
    return R**2 / (2 * step_size * np.asarray(steps)) + step_size * G**2 * (1 / 2 + 2 / (1 - rho))


def choco_gossip_step(gap, delta, beta):
    """The consensus step gamma for which `choco_gossip` is proved to converge (Koloskova, Stich and Jaggi, 2019).

    gap^2 delta / (16 gap + gap^2 + 4 beta^2 + 2 gap beta^2 - 8 gap delta): tiny, far from what works.

    Parameters
    ----------
    gap : float
        1 - rho.
    delta : float
        The compressor's contraction.
    beta : float
        ||I - W||_2.
    """
    return gap**2 * delta / (16 * gap + gap**2 + 4 * beta**2 + 2 * gap * beta**2 - 8 * gap * delta)


def choco_gossip(t, gap, delta):
    """Share of ||X - mean||^2 + ||X - copies||^2 left after t rounds at that step: (1 - gap^2 delta / 82)^t."""
    return (1 - gap**2 * delta / 82) ** np.asarray(t, float)


def admm_factor(rho, L, mu):
    """Contraction of consensus ADMM a round, every f_i L-smooth and mu-strongly convex (Giselsson and Boyd, 2017).

    1/2 + max((L - rho)/(L + rho), (rho - mu)/(rho + mu)) / 2, smallest at rho = sqrt(mu L). It holds for the
    fixed-point residual of the Douglas-Rachford iteration that ADMM is, ||X + Y/rho - limit||.

    Parameters
    ----------
    rho : float or array
        The price of disagreement.
    L, mu : float
        The largest L_i, the smallest mu_i.
    """
    if not 0 < mu <= L:
        raise CourseError(f"the theorem needs 0 < mu <= L, not mu = {mu:.3g}, L = {L:.3g}")
    return 0.5 + 0.5 * np.maximum((L - rho) / (L + rho), (rho - mu) / (rho + mu))


def dgd_stable_step(W, L):
    """Largest step for which `dsgd` is a descent on its own objective: (1 + lambda_m) / L (Yuan et al., 2016).

    Parameters
    ----------
    W : array, shape (m, m)
        Symmetric.
    L : float
        The largest L_i.
    """
    return (1 + np.linalg.eigvalsh(W)[0]) / L
