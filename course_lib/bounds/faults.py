"""Slow and dead machines: what waiting for some takes, whom it leaves out, and how often to save."""

import numpy as np
from scipy.special import gammaln, lambertw

from course_lib.errors import CourseError


def kth_exponential(k, m, mean=1.0, shift=0.0):
    """Expected seconds until k of m workers are done, for times of `shift` plus a memoryless rest of mean `mean`.

    shift + mean (H_m - H_(m-k)), with H_n = 1 + 1/2 + ... + 1/n: while j are at work, the next is done after mean / j.

    Parameters
    ----------
    k, m : int
    mean, shift : float

    Returns
    -------
    float
    """
    _some_of(k, m)
    return float(shift + mean * np.sum(1 / np.arange(m - k + 1, m + 1)))


def kth_pareto(k, m, minimum, shape):
    """The same for heavy tails, P(time > t) = (minimum / t)^shape.

    minimum Gamma(m+1) Gamma(m-k+1-1/a) / (Gamma(m-k+1) Gamma(m+1-1/a)) for shape a > 1/(m-k+1), else infinite:
    each worker that is not waited for makes a heavier tail bearable.
    """
    _some_of(k, m)
    rest, a = m - k + 1, 1 / shape
    if rest <= a:
        return np.inf
    return float(minimum * np.exp(gammaln(m + 1) + gammaln(rest - a) - gammaln(rest) - gammaln(m + 1 - a)))


def speculative(m, copies, mean=1.0):
    """Expected seconds of a round whose last `copies` gradients are begun again on idle machines; memoryless times.

    mean (H_m - H_c / 2): of the wait for the last c, H_c, half is left, since two clocks ring twice as early as one.

    Parameters
    ----------
    m, copies : int
    mean : float

    Returns
    -------
    float
    """
    _some_of(copies, m // 2, "copies")
    return kth_exponential(m, m, mean) - mean * np.sum(1 / np.arange(1, copies + 1)) / 2


def heard(rates, count, nodes=400):
    """How often each worker is among the first `count`, for memoryless times: with fewer than m they sum to `count`.

    Methods that wait for these alone minimise sum_i p_i f_i with p_i = heard_i / count.

    Parameters
    ----------
    rates : array, shape (m,)
        Gradients per second of each worker.
    count : int

    Returns
    -------
    array, shape (m,)
    """
    rates = np.asarray(rates, float)
    _some_of(count, len(rates))
    u, w = np.polynomial.legendre.leggauss(nodes)
    u, w = (u + 1) / 2, w / 2  # u^c = exp(-rate_i t) for the i-th: the integral over t becomes one over [0, 1]
    return np.array([w @ _at_most(rates, i, count - 1, u) for i in range(len(rates))])


def _at_most(rates, i, n, u):
    """P(at most n of the others are done when worker i is), at its quantiles u: smoothed so that u^0.1 is no kink."""
    v = u**8
    late = v ** (np.delete(rates, i)[:, None] / rates[i])
    done = np.zeros((n + 1, len(u)))
    done[0] = 1.0
    for q in late:
        done[1:] = done[1:] * q + done[:-1] * (1 - q)
        done[0] *= q
    return done.sum(0) * 8 * u**7


def restarted(seconds, rate, repair):
    """Expected seconds of work that begins again after every crash: (1 / rate + repair) (e^(rate seconds) - 1).

    Parameters
    ----------
    seconds : float or array
        Of undisturbed work.
    rate : float
        Crashes per second of work.
    repair : float
        Seconds that each costs.

    Returns
    -------
    float or array
    """
    return (1 / rate + repair) * np.expm1(rate * np.asarray(seconds))


def checkpoint_overhead(interval, save, between_failures, restart=0.0):
    """Wall time over useful time for a job that saves itself after every `interval` seconds of work.

    M e^(R/M) (e^((tau + delta) / M) - 1) / tau for memoryless failures, which may strike while it saves or restarts,
    too. After Daly (2006).

    Parameters
    ----------
    interval : float or array
        tau, seconds of work between two checkpoints.
    save : float
        delta, seconds that a checkpoint costs.
    between_failures : float
        M, mean seconds between two failures of the whole job: a machine's, divided by the number of machines.
    restart : float
        R, seconds until the job is up again.

    Returns
    -------
    float or array
    """
    tau, M = np.asarray(interval, float), between_failures
    return M * np.exp(restart / M) * np.expm1((tau + save) / M) / tau


def best_interval(save, between_failures):
    """The interval of least `checkpoint_overhead`: M (1 + W(-e^(-1 - delta/M))), W Lambert's function.

    The restart time does not matter. Parameters are those of `checkpoint_overhead`.
    """
    return float(between_failures * (1 + lambertw(-np.exp(-1 - save / between_failures)).real))


def young_interval(save, between_failures):
    """sqrt(2 delta M): the best interval to first order in delta / M. Young (1974)."""
    return float(np.sqrt(2 * save * between_failures))


def daly_interval(save, between_failures):
    """sqrt(2 delta M) (1 + sqrt(delta / 2M) / 3 + (delta / 2M) / 9) - delta, for delta < 2M, else M. Daly (2006)."""
    ratio = save / (2 * between_failures)
    if ratio >= 1:
        return float(between_failures)
    return float(young_interval(save, between_failures) * (1 + np.sqrt(ratio) / 3 + ratio / 9) - save)


def _some_of(k, m, what="workers"):
    if not 1 <= k <= m:
        raise CourseError(f"this needs 1 to {m} {what}, not {k}")
