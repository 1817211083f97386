"""Synchronous methods: every round, all workers wait for each other."""

from course_lib.methods.base import method


@method
def sync_sgd(cluster, step_size, start=None):
    """Data-parallel SGD by all-reduce: x <- x - eta mean_i g_i(x).

    Parameters
    ----------
    cluster : cluster
        Its `batch_size` says how many samples make a gradient.
    step_size : float, array (R, 1, 1) or function of t
        eta.
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
        g = cluster.gradient(x)  # each worker, at the common model
        x = x - step_size(t) * cluster.mean(g)  # all-reduce, then the same step everywhere
        t = t + 1


@method
def parameter_server_sgd(cluster, step_size, start=None):
    """The same iterates through a parameter server, which alone holds the model: another bill.

    Parameters and yields are those of `sync_sgd`.
    """
    x, t = start or (cluster.start(), 0)
    while True:
        yield x, t
        g = cluster.gradient(cluster.broadcast(x))  # the server sends the model, the workers compute
        x = x - step_size(t) * cluster.average(cluster.gather(g))
        t = t + 1


@method
def accelerated_gradient(cluster, step_size, momentum, start=None):
    """Nesterov's accelerated gradient (1983; 2004): y = x + beta (x - previous), x <- y - eta mean_i g_i(y).

    No method that combines mean gradients needs fewer rounds, up to a constant: sqrt(kappa) where gradient descent
    takes kappa. For exact gradients.

    Parameters
    ----------
    cluster, step_size, start
        As in `sync_sgd`; 1/L.
    momentum : float
        beta; ``bounds.momentum(kappa)``.

    Yields
    ------
    x, previous : arrays, shape (..., 1, d)
    t : int
    """
    x, previous, t = start or (*2 * (cluster.start(),), 0)
    while True:
        yield x, previous, t
        y = x + momentum * (x - previous)
        x, previous = y - step_size(t) * cluster.mean(cluster.gradient(y)), x
        t = t + 1
