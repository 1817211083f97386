"""Gossip: workers average what they hold with what their neighbours hold, until all hold the mean."""

import numpy as np

from course_lib import topology
from course_lib.errors import CourseError
from course_lib.methods.base import method


@method
def gossip(cluster, values, W, start=None):
    """Plain gossip: X <- W X. The disagreement shrinks by rho = ||W - 11^T/m|| a round, the mean stays.

    Parameters
    ----------
    cluster : cluster
    values : array, shape (..., m, d)
        What the workers hold at first.
    W : array or sparse matrix (m, m), or function of t
        Mixing matrix, doubly stochastic.
    start : state, optional
        What the method yielded when it was stopped.

    Yields
    ------
    X : array, shape (..., m, d)
    t : int
        Rounds so far.
    """
    values = _begin(cluster, values, start)
    X, t = start or (values, 0)
    while True:
        yield X, t
        X, t = cluster.mix(X, W(t)), t + 1


@method
def chebyshev_gossip(cluster, values, W, start=None):
    """Gossip with momentum: after t rounds, the best polynomial of degree t in W (Auzinger, 2011; Scaman et al., 2017).

    About 1/sqrt(gap) rounds do what takes plain gossip 1/gap. For one symmetric W.

    Parameters are those of `gossip`.

    Yields
    ------
    X, previous : arrays, shape (..., m, d)
        This round's values and the last one's.
    omega : float
        The momentum's weight.
    t : int
    """
    values, W = _begin(cluster, values, start), the_one(W)
    if abs(W - W.T).max() > 1e-9:
        raise CourseError("Chebyshev's polynomials need a symmetric W: what i makes of j's value, j makes of i's")
    rho = topology.rho(W)
    X, previous, omega, t = start or (values, values, 1.0, 0)
    while True:
        yield X, previous, omega, t
        X, previous = previous + omega * (cluster.mix(X, W) - previous), X
        omega = 1 / (1 - rho**2 * omega / (4 if t else 2))
        t = t + 1


@method
def pairwise_gossip(cluster, values, graph, seed=0, start=None):
    """Asynchronous gossip: one random link at a time, whose two ends take their mean (Boyd et al., 2006).

    A round is one such meeting. Nobody but the two takes part, and nobody waits for anybody else.

    Parameters
    ----------
    cluster : cluster
    values : array, shape (..., m, d)
    graph : networkx.Graph
    seed : int
        Decides who meets.
    start : state, optional

    Yields
    ------
    X, t
        As `gossip`.
    """
    yield from gossip(cluster, values, topology.random_pairs(graph, seed), start)


@method
def choco_gossip(cluster, values, W, compressor, consensus_step, start=None):
    """Gossip over compressed messages (Koloskova, Stich and Jaggi, 2019): everyone tracks a public copy of everyone.

    q_i = C(x_i - copy_i) is sent; copy_i <- copy_i + q_i; x_i <- x_i + gamma sum_j W_ij (copy_j - copy_i).

    Parameters
    ----------
    cluster, values, W, start
        As `gossip`; one W for all rounds.
    compressor : Compressor
        C, contractive.
    consensus_step : float
        gamma, in (0, 1]; too large a one diverges.

    Yields
    ------
    X : array, shape (..., m, d)
    copies : array, shape (..., m, d)
        What everyone believes worker i to hold.
    mixed : array, shape (..., m, d)
        W copies, which each worker keeps up to date from the messages that it hears.
    t : int
    """
    values, W = _begin(cluster, values, start), the_one(W)
    X, copies, mixed, t = start or (values, 0 * values, 0 * values, 0)
    while True:
        yield X, copies, mixed, t
        X, copies, mixed = choco_step(cluster, X, copies, mixed, W, compressor, consensus_step)
        t = t + 1


def the_one(W):
    """The mixing matrix of all rounds, where a method needs that it is one and the same."""
    if W(1) is not W(0):
        raise CourseError("this method needs one mixing matrix for all rounds, not one that changes")
    return W(0)


def choco_step(cluster, X, copies, mixed, W, compressor, consensus_step):
    """One exchange of compressed differences: new values, public copies and their mixture."""
    heard, sent = cluster.compressed_mix(X - copies, compressor, W)
    copies, mixed = copies + sent, mixed + heard
    return X + consensus_step * (mixed - copies), copies, mixed


@method
def push_sum(cluster, values, A, start=None):
    """Averages over one-way links (Kempe, Dobra and Gehrke, 2003): pushed sums, divided by pushed weights.

    X <- A X and w <- A w with columns of A that sum to one; x_i / w_i tends to the mean, as the weights
    suffer from the same lopsidedness as the sums.

    Parameters
    ----------
    cluster, values, start
        As `gossip`.
    A : array or sparse matrix (m, m), or function of t
        Column-stochastic, such as ``topology.push_weights(graph)``.

    Yields
    ------
    Z : array, shape (..., m, d)
        Each worker's estimate of the mean, X / w.
    X : array, shape (..., m, d)
        Pushed sums: their total stays.
    w : array, shape (..., m, 1)
        Pushed weights: their total stays m.
    t : int
    """
    values = _begin(cluster, values, start)
    Z, X, w, t = start or (values, values, np.ones((*values.shape[:-1], 1)), 0)
    while True:
        yield Z, X, w, t
        X, w = push_step(cluster, X, w, A(t))
        Z, t = X / w, t + 1


def push_step(cluster, X, w, A):
    """Push sums and weights in one message."""
    both = cluster.push(np.concatenate([X, w], axis=-1), A)
    return both[..., :-1], both[..., -1:]


def _begin(cluster, values, start):
    """The values; a new conversation also boots the cluster."""
    if start is None:
        cluster.start()
    return values
