"""Quasi-Newton methods: curvature read off the gradients that were sent anyway."""

import numpy as np

from course_lib.methods.curved import curved, move

CURVED = 1e-10  # a pair must show at least so much curvature, relative to its lengths


@curved
def lbfgs(cluster, memory=10, pieces=None, step_size=None, start=None):
    """L-BFGS on a server (Liu and Nocedal, 1989): d words up, d words down, whatever the memory holds.

    Workers send gradients to the server, which keeps the last pairs s = change of x, y = change of the gradient,
    makes a direction of them by `two_loop`, and sends it back.

    Parameters
    ----------
    cluster, start
        As in `newton`.
    memory : int
        Pairs that are kept.
    pieces : int, optional
        Sandblaster (Dean et al., 2012): each worker's rows are cut into so many pieces, which go to whoever is free,
        and the last ones twice. The iterates are the same; no round waits for a slow machine.
    step_size : float or function of t, optional
        As in `newton`; its line search is what makes every y.s positive in the end.

    Yields
    ------
    x, g : arrays, shape (1, d)
        The model, and the gradient of f there.
    S, Y : arrays, shape (k, d)
        The last pairs, oldest first.
    t : int
    """

    def gradient(x):
        G = cluster.gradient(x) if pieces is None else cluster.shared_gradient(x, pieces)
        return cluster.average(cluster.gather(G))

    if start is None:
        x = cluster.start()
        start = x, gradient(x), *np.zeros((2, 0, cluster.d)), 0
    x, g, S, Y, t = start
    while True:
        yield x, g, S, Y, t
        direction = cluster.broadcast(two_loop(g, S, Y))
        new = move(cluster, x, g, direction, step_size, t, pieces)
        slope = gradient(new)
        S, Y = _remember(S, Y, new - x, slope - g, memory)
        x, g, t = new, slope, t + 1


def two_loop(g, S, Y):
    """H g for the inverse Hessian H of L-BFGS, in 4 k d multiplications (Nocedal, 1980).

    H starts as (s.y / y.y) I of the newest pair and takes the pairs in, oldest first; without pairs the result is
    g over its length.

    Parameters
    ----------
    g : array, shape (1, d)
    S, Y : arrays, shape (k, d)
        Pairs, oldest first, with s.y > 0.

    Returns
    -------
    array, shape (1, d)
    """
    if not len(S):
        return g / max(np.linalg.norm(g), np.finfo(float).tiny)
    q, weights = g[0], []
    for s, y in zip(S[::-1], Y[::-1]):  # newest first
        weights.append(s @ q / (s @ y))
        q = q - weights[-1] * y
    r = q * (S[-1] @ Y[-1]) / (Y[-1] @ Y[-1])
    for s, y, weight in zip(S, Y, weights[::-1]):  # oldest first
        r = r + s * (weight - y @ r / (s @ y))
    return r[None]


def _remember(S, Y, s, y, memory):
    """The pairs with one more, at most so many; none at all after a step of length zero, so that all begins anew."""
    if not s.any():
        return S[:0], Y[:0]
    if (s * y).sum() <= CURVED * np.linalg.norm(s) * np.linalg.norm(y):
        return S, Y
    return np.concatenate([S, s])[-memory:], np.concatenate([Y, y])[-memory:]
