"""Graphs that change: the mixing matrix as a function of the round t, the same at each call."""

from functools import lru_cache

import numpy as np
import scipy

from course_lib.errors import CourseError, whole
from course_lib.topology.mixing import DENSE, check_shares, check_undirected, fill, metropolis_weights


def sequence(W):
    """W as a function of the round: what is a function stays one, a matrix is the same in every round."""
    return W if callable(W) else lambda t: W


def one_peer_exponential(m):
    """In round t every worker hears one other, 2^(t mod q) places behind it, q = ceil(log2 m) (Ying et al., 2021).

    Parameters
    ----------
    m : int
        If it is a power of two, q rounds give everyone the exact mean; else they do not.

    Returns
    -------
    callable
        t -> (I + P) / 2 with P a cyclic shift: doubly stochastic, not symmetric.
    """
    everyone = np.arange(m)
    q = max((m - 1).bit_length(), 1)
    rounds = [fill(everyone, (everyone - 2**j) % m, np.full(m, 0.5), m) for j in range(q)]
    return lambda t: rounds[t % q]


def failing_links(graph, probability, weights=None, seed=0):
    """Each link is down with the given probability in each round, and those that are up get Metropolis weights.

    Parameters
    ----------
    graph : networkx.Graph
        Connected when all links are up.
    probability : float
        Below one.
    weights : array (m,), optional
        As for `metropolis`.
    seed : int
        Round t depends on (seed, t) alone.

    Returns
    -------
    callable
        t -> W of shape (m, m); every W is doubly stochastic, though its graph may be disconnected.
    """
    check_undirected(graph)
    check_shares(weights, graph.number_of_nodes())
    whole(seed, "seed", 0)
    if not 0 <= probability < 1:
        raise CourseError(f"a link fails with a probability from 0 to below 1, not {probability}")
    m, edges = graph.number_of_nodes(), np.array(graph.edges)

    @lru_cache(maxsize=1)
    def W(t):
        up = np.random.default_rng([seed, t]).random(len(edges)) >= probability
        return metropolis_weights(edges[up], m, weights)

    return W


def random_pairs(graph, seed=0):
    """In each round one link, drawn at random, and its two ends take their mean (Boyd et al., 2006).

    Parameters
    ----------
    graph : networkx.Graph
    seed : int
        Round t depends on (seed, t) alone.

    Returns
    -------
    callable
        t -> W, the identity but for two rows.
    """
    check_undirected(graph)
    whole(seed, "seed", 0)
    m, edges = graph.number_of_nodes(), np.array(graph.edges)

    @lru_cache(maxsize=1)
    def W(t):
        i, j = edges[np.random.default_rng([seed, t]).integers(len(edges))]
        W = scipy.sparse.eye_array(m, format="lil") if m > DENSE else np.eye(m)
        W[i, i] = W[j, j] = W[i, j] = W[j, i] = 0.5
        return W.tocsr() if m > DENSE else W

    return W
