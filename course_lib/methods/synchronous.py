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

