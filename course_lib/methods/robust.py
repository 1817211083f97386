"""Robust methods: the server no longer believes everyone."""

from course_lib.methods.base import method


@method
def robust_sgd(cluster, step_size, aggregator, momentum=0.0, start=None):
    """SGD through a parameter server that combines what it receives by a robust rule.

    u_i <- momentum u_i + (1 - momentum) g_i on each worker; v <- rule(u_1, ..., u_m); x <- x - eta v. Momentum makes
    honest workers more alike, so that lies have less room to hide (Karimireddy, He and Jaggi, 2021).

    Parameters
    ----------
    cluster : cluster
        What its liars send is a matter of its `faults`. Every worker counts the same: equal weights.
    step_size : float, array (R, 1, 1) or function of t
        eta.
    aggregator : Aggregator
        The rule, such as ``aggregators.CoordinateMedian()``.
    momentum : float
        In [0, 1); 0 sends plain gradients.
    start : state, optional
        What the method yielded when it was stopped.

    Yields
    ------
    x : array, shape (..., 1, d)
        The server's model.
    u : array, shape (..., m, d)
        Each worker's momentum.
    v : array, shape (..., 1, d)
        What the rule returned last; centred clipping begins there.
    t : int
    """
    x, u, v, t = start or (cluster.start(), cluster.zeros(), cluster.zeros()[..., :1, :], 0)
    while True:
        yield x, u, v, t
        g = cluster.gradient(cluster.broadcast(x))  # the server sends the model, the workers compute
        u = momentum * u + (1 - momentum) * g
        v = aggregator(cluster.gather(u), last=v, t=t)  # what arrived, lies included
        x = x - step_size(t) * v
        t = t + 1
