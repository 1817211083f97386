"""Graphs of workers, mixing matrices on them, and how fast they average."""

import networkx as nx
import numpy as np
import scipy.sparse as sp

from course_lib.errors import CourseError


def complete(m):
    """Every worker talks to every other."""
    return nx.complete_graph(m)


def ring(m):
    """Worker i talks to i - 1 and i + 1, modulo m."""
    return nx.cycle_graph(m)


def path(m):
    """A ring with one edge cut."""
    return nx.path_graph(m)


def star(m):
    """Worker 0 talks to all, the others to worker 0 alone."""
    return nx.star_graph(m - 1)


def torus(rows, columns):
    """A grid whose edges wrap around: four neighbours each."""
    return nx.convert_node_labels_to_integers(nx.grid_2d_graph(rows, columns, periodic=True))


def grid(rows, columns):
    """A rectangular grid."""
    return nx.convert_node_labels_to_integers(nx.grid_2d_graph(rows, columns))


def hypercube(q):
    """2^q workers; neighbours differ in one bit of their number."""
    return nx.convert_node_labels_to_integers(nx.hypercube_graph(q), ordering="sorted")


def exponential(m):
    """Worker i talks to i + 1, i + 2, i + 4, ... modulo m, in both directions."""
    return nx.circulant_graph(m, [2**j for j in range(max(m - 1, 1).bit_length())])


def erdos_renyi(m, probability, seed=0):
    """Each edge present with the given probability; drawn again until the graph is connected."""
    rng = np.random.default_rng(seed)
    for _ in range(100):
        graph = nx.gnp_random_graph(m, probability, seed=int(rng.integers(2**31)))
        if nx.is_connected(graph):
            return graph
    raise CourseError(f"no connected graph in 100 draws: {probability} is too small for {m} workers (try 2 ln m / m)")


def metropolis(graph, weights=None):
    """Metropolis-Hastings mixing matrix of a graph (Xiao and Boyd, 2004).

    Parameters
    ----------
    graph : networkx.Graph
        Connected, undirected, nodes 0 ... m-1.
    weights : array (m,), optional
        The averaging that the matrix preserves; equal weights if left out, and then W is doubly stochastic.

    Returns
    -------
    array, shape (m, m), or a sparse matrix for more than 1000 workers
        W_ij = min(1/(1+deg_i), weights_j/weights_i 1/(1+deg_j)) on edges, the rest on the diagonal.
    """
    m = graph.number_of_nodes()
    if set(graph.nodes) != set(range(m)):
        raise CourseError("the graph's nodes must be the workers 0 ... m-1")
    if graph.is_directed():
        raise CourseError("the graph must be undirected: who talks to a worker also hears it")
    if not nx.is_connected(graph):
        parts = nx.number_connected_components(graph)
        raise CourseError(f"the graph falls into {parts} parts that never hear of each other")
    share = np.ones(m) if weights is None else np.asarray(weights, float)
    degree = np.array([graph.degree(i) - 2 * graph.has_edge(i, i) for i in range(m)])
    i, j = np.array([e for e in graph.edges if e[0] != e[1]], int).reshape(-1, 2).T
    i, j = np.concatenate([i, j]), np.concatenate([j, i])
    values = np.minimum(1 / (1 + degree[i]), share[j] / share[i] / (1 + degree[j]))
    W = sp.csr_array((values, (i, j)), shape=(m, m))
    W = (W + sp.diags_array(1 - W.sum(1))).tocsr()
    return W if m > 1000 else W.toarray()


def check_mixing(W, weights):
    """Refuse a matrix that would not keep the weighted mean of the workers, and say by how much.

    Parameters
    ----------
    W : array or sparse matrix, shape (m, m)
    weights : array, shape (m,)
        Weights of the mean to be kept; equal weights ask for a doubly stochastic W.
    """
    m = len(weights)
    if W.shape != (m, m):
        raise CourseError(f"the mixing matrix has shape {W.shape}, but there are {m} workers")
    rows = abs(W.sum(1) - 1).max()
    columns = abs(W.T @ weights / weights - 1).max()
    if not rows <= 1e-9:
        raise CourseError(f"the mixing matrix is not row-stochastic: a row sums to 1 only within {rows:.2g}")
    if not columns <= 1e-9:
        equal = np.ptp(weights) <= 1e-12
        raise CourseError(
            f"the mixing matrix is not doubly stochastic: a column sums to 1 only within {columns:.2g}"
            if equal
            else f"the mixing matrix does not keep the problem's weighted mean (off by {columns:.2g}); "
            "make it with topology.metropolis(graph, weights=problem.weights)"
        )


def spectral_gap(W):
    """Distance 1 - rho from no averaging at all, rho = ||W - 11^T/m||_2 (symmetric W: max(|lambda_2|, |lambda_m|)).

    Parameters
    ----------
    W : array or sparse matrix, shape (m, m)
        Doubly stochastic.

    Returns
    -------
    float
        Disagreement shrinks at least by 1 - gap a round; 0 means that it need not shrink.
    """
    check_mixing(W, np.full(W.shape[0], 1 / W.shape[0]))
    dense = W.toarray() if sp.issparse(W) else np.asarray(W)
    return 1 - np.linalg.norm(dense - 1 / len(dense), 2)
