"""Local SGD, FedAvg and FedProx: where they stop, how fast they get there, and how many local steps pay."""

import numpy as np

from course_lib.bounds.conditions import at_most


def local_fixed_point(A, b, step_size, local_steps, rho=0.0, weights=None):
    """Where FedAvg stands still on f_i(x) = (x - b_i)^T A_i (x - b_i) / 2 without noise: a linear solve.

    A round moves client i by -M_i (x - b_i), with M_i = I - (I - eta A_i)^K, so x = (sum M_i)^-1 sum M_i b_i. For
    FedProx, M_i = (I - (I - eta (A_i + rho I))^K) (A_i + rho I)^-1 A_i.

    Parameters
    ----------
    A : array, shape (m, d, d)
    b : array, shape (m, d)
    step_size : float
    local_steps : int or infinity
        K; with infinitely many each client solves its own (proximal) problem exactly.
    rho : float
        FedProx's rope; 0 is FedAvg.
    weights : array (m,), optional
        Equal if left out.

    Returns
    -------
    array, shape (d,)
    """
    w = np.full(len(b), 1 / len(b)) if weights is None else np.asarray(weights)
    tied = A + rho * np.eye(b.shape[1])
    M = np.eye(b.shape[1]) - _power(np.eye(b.shape[1]) - step_size * tied, local_steps)
    M = w[:, None, None] * (M @ np.linalg.solve(tied, A))
    return np.linalg.solve(M.sum(0), (M @ b[..., None]).sum(0)[:, 0])


def local_bias(A, gradients, step_size, local_steps):
    """First order of FedAvg's fixed point less the optimum: eta (K-1)/2 mean(A)^-1 mean(A_i g_i).

    Exact up to O(eta^2 K^2); zero if all A_i are equal, as the g_i sum to zero.

    Parameters
    ----------
    A : array, shape (m, d, d)
    gradients : array, shape (m, d)
        Of each f_i at the optimum of f.
    step_size : float
    local_steps : int

    Returns
    -------
    array, shape (d,)
    """
    pull = (A @ gradients[..., None]).mean(0)[:, 0]
    return step_size * (local_steps - 1) / 2 * np.linalg.solve(A.mean(0), pull)


def local_spread(step_size, local_steps, m, sigma2):
    """Mean squared distance of local models from their mean, identical convex f_i: (1 - 1/m) (K-1) eta^2 sigma2.

    For eta <= 2/L, when a local step brings two noise-free models no further apart. Here and below sigma2 is the
    variance of the gradient of one worker.
    """
    return (1 - 1 / m) * (local_steps - 1) * step_size**2 * sigma2


def local_sgd(t, step_size, local_steps, L, mu, m, sigma2, distance2):
    """E||mean model - x*||^2 after t local steps, identical strongly convex f_i.

    (1 - eta mu)^t R^2 + eta sigma2 / (mu m) + 2 L eta^2 (K-1) sigma2 / mu, for eta <= 1/(4L). Of the form of Khaled,
    Mishchenko and Richtárik (2020): the noise is divided by m, K stands with eta^2, and K = 1 pays nothing.

    Parameters
    ----------
    t : int or array of int
        Local steps, not rounds.
    step_size, L, mu, sigma2 : float
        sigma2 is the variance of the gradient of one worker.
    local_steps, m : int
    distance2 : float
        R^2 = ||x_0 - x*||^2.
    """
    at_most(step_size, 1 / (4 * L), "1/(4L)")
    noise = step_size * sigma2 / (mu * m) + 2 * L * step_size**2 * (local_steps - 1) * sigma2 / mu
    return (1 - step_size * mu) ** np.asarray(t) * distance2 + noise


def error_runtime(local_steps, budget, step_size, L, m, sigma2, gap, compute, communicate):
    """Mean squared gradient after so many seconds of local SGD: Wang and Joshi (2019).

    2 gap / (eta T) (Y + C/K) + eta L sigma2 / m + eta^2 L^2 sigma2 (K-1), with Y seconds a step and C seconds a
    message: fewer messages, more steps, more drift.

    Parameters
    ----------
    local_steps : int or array
        K.
    budget, compute, communicate : float
        T, Y and C, in seconds.
    step_size, L, sigma2, gap : float
        sigma2 is the variance of the gradient of one worker.
    m : int
    """
    K = np.asarray(local_steps)
    progress = 2 * gap / (step_size * budget) * (compute + communicate / K)
    return progress + step_size * L * sigma2 / m + step_size**2 * L**2 * sigma2 * (K - 1)


def best_local_steps(budget, step_size, L, sigma2, gap, communicate):
    """The K that minimises `error_runtime`: sqrt(2 gap C / (eta^3 L^2 sigma2 T)), a real number, at least 1.

    It grows with the price of a message and falls as the budget grows or the gap shrinks: hence AdaComm.
    """
    return np.maximum(1.0, np.sqrt(2 * gap * communicate / (step_size**3 * L**2 * sigma2 * budget)))


def _power(matrices, k):
    return np.linalg.matrix_power(matrices, k) if np.isfinite(k) else np.zeros_like(matrices)
