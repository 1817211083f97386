"""Synchronous SGD: theorems of Bottou, Curtis and Nocedal (2018), and what they say about the batch."""

import numpy as np
from scipy.special import xlog1py

from course_lib.bounds.conditions import at_most
from course_lib.errors import CourseError


def sgd_constant_step(t, step_size, L, mu, sigma2, gap):
    """Expected loss above the optimum after t steps of constant size, strongly convex f.

    eta L sigma2 / (2 mu) + (1 - eta mu)^t (gap - eta L sigma2 / (2 mu)), for 0 < eta <= 1/L.
    Bottou, Curtis and Nocedal (2018), Theorem 4.6, with unbiased gradients.

    Parameters
    ----------
    t : int or array of int
        Steps taken.
    step_size, L, mu, sigma2, gap : float
        See the package's first lines.

    Returns
    -------
    float or array
        In units of the loss.

    Raises
    ------
    CourseError
        If the step size is above 1/L, where the theorem says nothing.
    """
    at_most(step_size, 1 / L, "1/L")
    floor = step_size * L * sigma2 / (2 * mu)
    return floor + np.exp(xlog1py(t, -step_size * mu)) * (gap - floor)  # (1 - eta mu)^t, exact for tiny eta mu too


def sgd_inverse_time(t, beta, gamma, L, mu, sigma2, gap):
    """Expected loss above the optimum after t steps of sizes beta / (gamma + 1), beta / (gamma + 2), ...

    nu / (gamma + t + 1) with nu = max(beta^2 L sigma2 / (2 (beta mu - 1)), (gamma + 1) gap), for beta > 1/mu and
    a first step of at most 1/L. Bottou, Curtis and Nocedal (2018), Theorem 4.7, whose first index is 1.

    Parameters and result are as in `sgd_constant_step`.
    """
    if not beta * mu > 1:
        raise CourseError(f"the theorem needs beta > 1/mu = {1 / mu:.3g}, not {beta:.3g}")
    at_most(beta / (gamma + 1), 1 / L, "1/L")
    nu = max(beta**2 * L * sigma2 / (2 * (beta * mu - 1)), (gamma + 1) * gap)
    return nu / (gamma + np.asarray(t) + 1)


def sgd_nonconvex(steps, step_size, L, sigma2, gap):
    """Mean over the first `steps` models of E||grad f||^2, f smooth but not convex.

    2 gap / (eta steps) + eta L sigma2, for eta <= 1/L. Bottou, Curtis and Nocedal (2018), Theorem 4.8.

    Parameters and errors are as in `sgd_constant_step`; gap may use any lower bound of f.
    """
    at_most(step_size, 1 / L, "1/L")
    return 2 * gap / (step_size * np.asarray(steps)) + step_size * L * sigma2


def critical_batch(epsilon, mu, sigma2):
    """Total batch m b from which on a larger one hardly saves steps: sigma2 / (mu epsilon).

    From `sgd_constant_step` solved for t: steps = max(L/mu, L sigma2 / (mu^2 epsilon m b)) log(2 gap / epsilon),
    whose two terms are equal there. Here sigma2 is the variance of a gradient on one sample.

    Parameters
    ----------
    epsilon : float
        Loss above the optimum that is asked for.
    mu, sigma2 : float

    Returns
    -------
    float
        Samples.
    """
    return sigma2 / (mu * epsilon)


def steps_to_gap(epsilon, batch, L, mu, sigma2, gap):
    """Steps that suffice for an expected loss of epsilon above the optimum, with the best constant step.

    max(L/mu, L sigma2 / (mu^2 epsilon batch)) log(2 gap / epsilon): from `sgd_constant_step`.

    Parameters
    ----------
    epsilon : float
    batch : int or array
        Samples a step, m b.
    L, mu, sigma2, gap : float
        sigma2 is the variance of a gradient on one sample.

    Returns
    -------
    float or array
    """
    noisy = L * sigma2 / (mu**2 * epsilon * np.asarray(batch, float))
    return np.maximum(L / mu, noisy) * np.log(2 * gap / epsilon)
