"""Asynchronous SGD: how long a step delay allows, what delay costs, and what waiting costs."""

import numpy as np

from course_lib.bounds.conditions import at_most
from course_lib.bounds.faults import kth_exponential


def max_stable_step(staleness, curvature=1.0):
    """Step sizes below this, and no others, make x_{t+1} = x_t - eta curvature x_{t - staleness} go to zero.

    2 sin(pi / (2 (2 tau + 1))) / curvature. Levin and May (1976).

    Parameters
    ----------
    staleness : int or array of int
        tau, the same for every gradient.
    curvature : float
        Eigenvalue of the Hessian; the largest decides.

    Returns
    -------
    float or array
    """
    return 2 * np.sin(np.pi / (2 * (2 * np.asarray(staleness) + 1))) / curvature


def fastest_delayed_step(staleness, curvature=1.0):
    """The step size at which x_{t+1} = x_t - eta curvature x_{t - staleness} goes to zero fastest.

    tau^tau / (tau + 1)^(tau + 1) / curvature; then the factor an update is tau / (tau + 1), at the double root
    of z^(tau + 1) = z^tau - eta curvature. Parameters and result are as in `max_stable_step`.
    """
    tau = np.asarray(staleness, float)
    return (tau / (tau + 1)) ** tau / (tau + 1) / curvature


def delayed_factor(step, staleness):
    """Factor by which |x| changes with each update of x_{t+1} = x_t - step x_{t - staleness}, in the long run.

    The largest modulus of an eigenvalue of the companion matrix, computed: what the formulas are held against.

    Parameters
    ----------
    step : float
        eta times the curvature.
    staleness : int

    Returns
    -------
    float
    """
    companion = np.eye(staleness + 1, k=-1)
    companion[0, 0] = 1.0
    companion[0, -1] -= step
    return float(np.abs(np.linalg.eigvals(companion)).max())


def delayed_sgd(steps, step_size, L, sigma2, gap, staleness):
    """Mean over the first `steps` models of E||grad f||^2 when each gradient is `staleness` updates old.

    4 gap / (eta steps) + 3 eta L sigma2, for eta <= 1 / (4 L max(1, tau)), f smooth but not convex, no update
    before the first gradient is there. After Stich and Karimireddy (2020), with constants of our own.

    Parameters
    ----------
    steps : int or array of int
    step_size, L, sigma2, gap : float
        See the package's first lines.
    staleness : int
        tau.

    Returns
    -------
    float or array
        In units of the squared gradient.

    Raises
    ------
    CourseError
        If the step size is longer than the theorem allows.
    """
    at_most(step_size, 1 / (4 * L * max(1, staleness)), "1 / (4 L max(1, staleness))")
    return 4 * gap / (step_size * np.asarray(steps)) + 3 * step_size * L * sigma2


def total_staleness(m, updates):
    """Staleness of all applied gradients plus age of the m under way: (m - 1) updates, exactly.

    At each update all other workers' gradients under way grow one older. So the mean staleness is at most m - 1,
    however slow the slowest worker is.

    Parameters
    ----------
    m : int
        Workers, always busy.
    updates : int or array of int

    Returns
    -------
    int or array
    """
    return (m - 1) * updates


def wait_for_slowest(m, mean=1.0, spare=0):
    """Expected seconds until all but `spare` of m workers are done, for memoryless times of the given mean.

    mean (H_m - H_spare), with H_k = 1 + 1/2 + ... + 1/k. Without a barrier m gradients take `mean` seconds: a
    barrier costs the factor H_m, about ln m + 0.577.

    Parameters
    ----------
    m : int
    mean : float
    spare : int
        Workers that are not waited for.

    Returns
    -------
    float
    """
    return kth_exponential(m - spare, m, mean)
