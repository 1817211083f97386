"""Asynchronous methods: a server uses each gradient as it comes in, and nobody waits for the slowest."""

import numpy as np

from course_lib.methods.base import in_place, method


@method
def async_sgd(cluster, step_size, start=None):
    """Asynchronous SGD: x <- x - eta g_i(an older x), as the gradients come in.

    Parameters
    ----------
    cluster : cluster
        Its `batch_size` says how many samples make a gradient.
    step_size : float, array (R, 1, 1) or function of the staleness
        eta. `delay_adaptive` makes a function that takes shorter steps along older gradients.
    start : state, optional
        What the method yielded when it was stopped.

    Yields
    ------
    x : array, shape (..., 1, d)
        The server's model.
    """
    (x,) = start or (cluster.start(),)
    x = in_place(x, step_size)
    yield (x.copy(),)
    for arrival in cluster.arrivals(x):  # (worker, gradient, staleness), as they come in
        x -= step_size(arrival.staleness) * arrival.gradient
        yield (x.copy(),)


@method
def stale_synchronous_sgd(cluster, step_size, bound, start=None):
    """The same, but a worker waits while it is more than `bound` gradients ahead of the slowest (Ho et al., 2013).

    Then no gradient is more than (m - 1)(2 bound + 1) updates old, and all workers are heard equally often.
    With bound 0 all gradients of a round are of the same model, as in `sync_sgd` with m times the step.

    Parameters
    ----------
    bound : int
        0, 1, 2, ...

    Other parameters and yields are those of `async_sgd`.
    """
    (x,) = start or (cluster.start(),)
    x = in_place(x, step_size)
    yield (x.copy(),)
    for arrival in cluster.arrivals(x, ahead=bound):
        x -= step_size(arrival.staleness) * arrival.gradient
        yield (x.copy(),)


@method
def iag(cluster, step_size, start=None):
    """Incremental aggregated gradient: the server keeps everyone's last gradient and steps along their mean.

    However unequal the speeds, each worker counts by its weight in f. Blatt, Hero and Gauchman (2007).
    Rows of the table are zero until a worker is first heard.

    Parameters are those of `async_sgd`.

    Yields
    ------
    x : array, shape (..., 1, d)
    table : array, shape (..., m, d)
    """
    x, table = start or (cluster.start(), cluster.zeros())
    x, table = in_place(x, step_size), in_place(table, step_size)
    yield x.copy(), table.copy()
    for i, gradient, staleness in cluster.arrivals(x):
        table[..., i : i + 1, :] = gradient
        x -= step_size(staleness) * cluster.average(table)
        yield x.copy(), table.copy()


@method
def hogwild_sgd(cluster, step_size, start=None):
    """SGD by many cores on one model without locks; each writes only the coordinates that it has touched.

    Meant for sparse rows, where two cores seldom meet. Niu, Recht, Ré and Wright (2011).

    Parameters and yields are those of `async_sgd`.
    """
    (x,) = start or (cluster.start(),)
    x = in_place(x, step_size)
    yield (x.copy(),)
    for arrival in cluster.arrivals(x, shared=True):
        step = step_size(arrival.staleness) * arrival.gradient
        touched = step.nonzero()
        x[touched] -= step[touched]
        yield (x.copy(),)


@method
def downpour_sgd(cluster, step_size, fetch_every=1, push_every=1, adagrad=False, start=None):
    """DistBelief's SGD: a worker goes on by itself between fetching the model and pushing what it gathered.

    Dean et al. (2012). With both set to 1 and without Adagrad it is `async_sgd`.

    Parameters
    ----------
    fetch_every, push_every : int
        Gradients between two fetches, and between two pushes.
    adagrad : bool
        The server divides each coordinate's step by the root of the sum of its squared pushes.

    Other parameters are those of `async_sgd`.

    Yields
    ------
    x : array, shape (..., 1, d)
        The server's model.
    X, gathered : array, shape (..., m, d)
        The workers' own models, and the gradients that they have not pushed yet.
    steps : array of int, shape (m,)
        Gradients that each worker has computed.
    squares : array, shape (..., 1, d)
        Sums of squared pushes.
    """
    x, X, gathered, steps, squares = start or _downpour_start(cluster)
    x, X, gathered, squares = (in_place(a, step_size) for a in (x, X, gathered, squares))
    steps = steps.copy()
    yield x.copy(), X.copy(), gathered.copy(), steps.copy(), squares.copy()
    for i, gradient, staleness in cluster.arrivals(X, fetch_every, push_every):
        own = np.s_[..., i : i + 1, :]
        gathered[own] += gradient
        X[own] -= step_size(staleness) * gradient
        steps[i] += 1
        if steps[i] % push_every == 0:
            squares += gathered[own] ** 2
            x -= step_size(staleness) * gathered[own] / (np.sqrt(squares + TINY) if adagrad else 1)
            gathered[own] = 0
        if steps[i] % fetch_every == 0:
            X[own] = x
        yield x.copy(), X.copy(), gathered.copy(), steps.copy(), squares.copy()


TINY = np.finfo(float).tiny  # no division by zero where nothing was pushed yet


def _downpour_start(cluster):
    x = cluster.start()
    nothing = cluster.zeros()
    return x, x + nothing, nothing, np.zeros(cluster.m, int), np.zeros_like(x)


def delay_adaptive(step_size, limit):
    """The step size min(step_size, limit / staleness): old gradients count less (Koloskova et al., 2022).

    Parameters
    ----------
    step_size : float
        For fresh gradients.
    limit : float
        Such as 1 / (4 L).

    Returns
    -------
    function of the staleness
    """
    return lambda staleness: min(step_size, limit / max(staleness, 1))
