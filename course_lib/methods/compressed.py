"""Compressed methods: workers send less than their gradients, and what that costs in rounds."""

import numpy as np

from course_lib.compressors import PowerSGD, RandomSparsifier
from course_lib.compressors.low_rank import orthonormal
from course_lib.compressors.messages import Factors
from course_lib.errors import CourseError
from course_lib.methods.base import method


@method
def compressed_sgd(cluster, step_size, compressor, start=None):
    """Compressed (D)GD: x <- x - eta mean_i C(g_i(x)), every worker drawing for itself.

    With an unbiased compressor and workers that want different things it stops at a floor; with a biased one
    it may grow without end (Khirirat, Feyzmahdavian and Johansson, 2018; Beznosikov et al., 2020).

    Parameters
    ----------
    cluster : cluster
        Its `batch_size` says how many samples make a gradient.
    step_size : float, array (R, 1, 1) or function of t
        eta.
    compressor : Compressor
        C.
    start : state, optional
        What the method yielded when it was stopped.

    Yields
    ------
    x : array, shape (..., 1, d)
        The model that all workers hold.
    t : int
        Steps taken.
    """
    x, t = start or (cluster.start(), 0)
    while True:
        yield x, t
        average, _ = cluster.compressed_mean(cluster.gradient(x), compressor)
        x = x - step_size(t) * average
        t = t + 1


@method
def error_feedback_sgd(cluster, step_size, compressor, start=None):
    """Error feedback: what a message leaves out is remembered, and added to the next step.

    Seide et al. (2014); Stich, Cordonnier and Jaggi (2018). For contractive compressors. The means of x and of
    the memories e_i always satisfy x_t - mean e_t = x_0 - sum_s eta_s mean g_s: nothing is ever lost.

    Parameters are those of `compressed_sgd`.

    Yields
    ------
    x : array, shape (..., 1, d)
        The model that all workers hold.
    memory : array, shape (..., m, d)
        What each worker still owes.
    t : int
        Steps taken.
    """
    x, memory, t = start or (cluster.start(), cluster.zeros(), 0)
    while True:
        yield x, memory, t
        p = memory + step_size(t) * cluster.gradient(x)
        average, sent = cluster.compressed_mean(p, compressor)
        x, memory = x - average, p - sent
        t = t + 1


@method
def ef21(cluster, step_size, compressor, start=None):
    """EF21: workers send the compressed change of their gradient (Richtárik, Sokolov and Fatkhullin, 2021).

    For contractive compressors; no floor, and no bound on the gradients is asked for.

    Parameters are those of `compressed_sgd`.

    Yields
    ------
    x : array, shape (..., 1, d)
        The model that all workers hold.
    G : array, shape (..., m, d)
        What everyone takes worker i's gradient to be: zero before the first message.
    G_mean : array, shape (..., 1, d)
        The mean of G, which is all that the step needs.
    t : int
        Steps taken.
    """
    x, G, G_mean, t = start or (cluster.start(), cluster.zeros(), 0 * cluster.start(), 0)
    while True:
        yield x, G, G_mean, t
        average, sent = cluster.compressed_mean(cluster.gradient(x) - G, compressor)
        G, G_mean = G + sent, G_mean + average
        x = x - step_size(t) * G_mean
        t = t + 1


@method
def diana(cluster, step_size, compressor, shift_step=None, start=None):
    """DIANA: workers send the compressed distance to a shift h_i, which learns g_i(x*) (Mishchenko et al., 2019).

    For unbiased compressors; what compression adds vanishes at the optimum, and with it the floor.

    Parameters
    ----------
    cluster, step_size, compressor, start
        As in `compressed_sgd`.
    shift_step : float, optional
        alpha, up to 1 / (1 + omega), which is its value if left out.

    Yields
    ------
    x : array, shape (..., 1, d)
        The model that all workers hold.
    h : array, shape (..., m, d)
        Each worker's shift.
    h_mean : array, shape (..., 1, d)
        The mean of h, which all workers can follow.
    t : int
        Steps taken.
    """
    alpha = shift_step if shift_step is not None else 1 / (1 + _omega(compressor, cluster.d))
    x, h, h_mean, t = start or (cluster.start(), cluster.zeros(), 0 * cluster.start(), 0)
    while True:
        yield x, h, h_mean, t
        average, sent = cluster.compressed_mean(cluster.gradient(x) - h, compressor)
        x = x - step_size(t) * (h_mean + average)
        h, h_mean = h + alpha * sent, h_mean + alpha * average
        t = t + 1


@method
def adaptive_compressed_sgd(cluster, step_size, theta=1.0, start=None):
    """Compressed SGD that keeps the variance of compression below theta ||mean g_i||^2: the norm test.

    Each coordinate is kept with probability p; where gradients agree p may be small, towards the optimum it
    must grow. All is measured on the last round, so that p depends on the past alone: ||mean g_i||^2 from the
    average that arrived, less the variance that compression put into it, and the mean of ||g_i||^2 by an
    all-reduce of one number. Workers count the same. The rule for p is this course's; the test itself is Byrd,
    Chin, Nocedal and Wu's (2012), for sample sizes.

    Parameters
    ----------
    cluster, step_size, start
        As in `compressed_sgd`.
    theta : float
        Variance allowed, relative to the signal.

    Yields
    ------
    x : array, shape (..., 1, d)
        The model that all workers hold.
    p : float or array (..., 1, 1)
        Probability that a coordinate is sent in the next round; 1 in the first.
    t : int
        Steps taken.
    """
    x, p, t = start or (cluster.start(), 1.0, 0)
    while True:
        yield x, p, t
        g = cluster.gradient(x)
        average, _ = cluster.compressed_mean(g, RandomSparsifier(p))
        x = x - step_size(t) * average
        noise = cluster.mean(_squares(g)) / cluster.m  # variance of the average, for each unit of omega
        signal = np.maximum(_squares(average) - (1 / p - 1) * noise, 0)
        p = np.maximum(noise / (noise + theta * signal), 1 / cluster.d)  # 1 / (1 + omega)
        t = t + 1


@method
def power_sgd(cluster, step_size, rank, columns=None, start=None):
    """PowerSGD: one step of the power method on the mean gradient, seen as a matrix (Vogels et al., 2019).

    Both factors are sums over workers and so can be all-reduced; Q goes on from the round before (warm
    start), and what the product leaves out is remembered, as in `error_feedback_sgd`.

    Parameters
    ----------
    cluster, step_size, start
        As in `compressed_sgd`.
    rank : int
    columns : int, optional
        The model is read as a matrix of so many columns, row by row; about square if left out.

    Yields
    ------
    x : array, shape (..., 1, d)
        The model that all workers hold.
    memory : array, shape (..., m, d)
        What each worker still owes.
    Q : array, shape (..., 1, columns * rank)
        The right factor, row by row: where the next power step starts.
    t : int
        Steps taken.
    """
    shape = PowerSGD(rank, columns)
    x, memory, Q, t = start or (cluster.start(), cluster.zeros(), _first_factor(cluster, shape), 0)
    while True:
        yield x, memory, Q, t
        p = memory + step_size(t) * cluster.gradient(x)
        M = shape.matrix(p)  # (..., m, rows, columns)
        P = orthonormal(_mean(cluster, M @ Q.reshape(*Q.shape[:-1], -1, rank)))
        own = np.swapaxes(M, -1, -2) @ P  # each worker's M^T P, with the common P
        Q = _mean(cluster, own)
        x, memory = x - Factors(P, Q, cluster.d).values(), p - Factors(P, own, cluster.d).values()
        Q, t = Q.reshape(*Q.shape[:-2], -1), t + 1


def _omega(compressor, d):
    omega = compressor.omega(d)
    if omega is None:
        raise CourseError(f"DIANA needs an unbiased compressor with a finite omega, and {compressor} is none")
    return omega


def _squares(V):
    """||v||^2 of each row, shape (..., m, 1)."""
    return (V**2).sum(-1, keepdims=True)


def _mean(cluster, A):
    """All-reduce of matrices, (..., m, n, r) to (..., 1, n, r)."""
    mean = cluster.mean(A.reshape(*A.shape[:-2], -1))
    return mean.reshape(*mean.shape[:-1], *A.shape[-2:])


def _first_factor(cluster, shape):
    """A random right factor, the same on every worker, as all know the seed."""
    shape.check(cluster.d)
    return np.random.default_rng(cluster.seed).standard_normal((1, shape.shape(cluster.d)[1] * shape.rank))
