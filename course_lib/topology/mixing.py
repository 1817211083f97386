"""Mixing matrices: how much weight each worker gives to each neighbour."""

import numpy as np
import scipy

from course_lib.errors import CourseError
from course_lib.topology.graphs import check_graph, nx

SHARPEST = 1e-4  # of the smooth bound in `fastest_mixing`
DENSE = 1000  # with more workers than this, matrices are sparse


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
    check_undirected(graph)
    check_shares(weights, graph.number_of_nodes())
    return metropolis_weights(np.array(graph.edges, int).reshape(-1, 2), graph.number_of_nodes(), weights)


def metropolis_weights(edges, m, weights=None):
    """`metropolis` without its questions, from edges of shape (E, 2): for the links that are up in one round."""
    share = np.ones(m) if weights is None else np.asarray(weights, float)
    degree = np.bincount(edges.ravel(), minlength=m)
    i, j = np.concatenate([edges, edges[:, ::-1]]).T
    values = np.minimum(1 / (1 + degree[i]), share[j] / share[i] / (1 + degree[j]))
    return fill(i, j, values, m)


def max_degree(graph):
    """The same weight 1 / (1 + largest degree) on every edge, the rest on the diagonal.

    Parameters and result: as `metropolis` with equal weights.
    """
    check_undirected(graph)
    i, j = _both_ways(graph)
    largest = max(d for _, d in graph.degree)
    return fill(i, j, np.full(len(i), 1 / (1 + largest)), graph.number_of_nodes())


def lazy(W):
    """Half of W, half of doing nothing: (I + W) / 2, whose eigenvalues are not negative.

    Parameters
    ----------
    W : array or sparse matrix, shape (m, m)
    """
    if not hasattr(W, "shape"):
        raise CourseError(f"lazy takes a mixing matrix, such as metropolis(graph), not a {type(W).__name__}")
    return (W + (scipy.sparse.eye_array(W.shape[0], format="csr") if scipy.sparse.issparse(W) else np.eye(len(W)))) / 2


def uniform(m):
    """Everyone hears everyone: W = 11^T / m, the exact mean in one round."""
    return np.full((m, m), 1 / m)


def fastest_mixing(graph):
    """The symmetric weights on a graph's edges with the smallest rho (Xiao and Boyd, 2004).

    The problem is convex. Where they solve a semidefinite program, we minimise a smooth upper bound of the
    largest |eigenvalue|, its log-sum-exp, ever more sharply: within 1e-4 log(2m) of the optimum where it converges.

    Parameters
    ----------
    graph : networkx.Graph
        Connected, at most 1000 workers; seconds for more than 100.

    Returns
    -------
    array, shape (m, m)
        Doubly stochastic. Some weights may be negative: this is what makes it fastest.
    """
    check_undirected(graph)
    m = graph.number_of_nodes()
    if m > DENSE:
        raise CourseError(f"the fastest weights are computed for up to {DENSE} workers, not {m}")
    incidence = nx.incidence_matrix(graph, nodelist=range(m), oriented=True).toarray()
    i, j = np.array(graph.edges, int).reshape(-1, 2).T
    weights = metropolis(graph)[i, j]
    minimize, options = scipy.optimize.minimize, {"maxiter": 60, "ftol": 1e-7}
    for sharpness in np.geomspace(1e-1, SHARPEST, 8):
        weights = minimize(_soft_rho, weights, (incidence, sharpness), "L-BFGS-B", jac=True, options=options).x
    return fill(np.r_[i, j], np.r_[j, i], np.r_[weights, weights], m)


def _soft_rho(weights, incidence, sharpness):
    """Smooth upper bound of rho for W = I - B diag(weights) B^T, and its gradient."""
    m = len(incidence)
    values, vectors = np.linalg.eigh(np.eye(m) - 1 / m - (incidence * weights) @ incidence.T)
    both = np.r_[values, -values] / sharpness
    p = scipy.special.softmax(both)
    slope = (incidence.T @ vectors) ** 2 @ (p[m:] - p[:m])  # d lambda / d weight of (i, j) = -(v_i - v_j)^2
    return sharpness * scipy.special.logsumexp(both), slope


def push_weights(graph):
    """Column-stochastic matrix of a directed graph: each worker splits what it has among its targets and itself.

    Parameters
    ----------
    graph : networkx.DiGraph or Graph
        Strongly connected; an edge (i, j) says that i writes to j.

    Returns
    -------
    array, shape (m, m), or a sparse matrix for more than 1000 workers
        A_ji = 1 / (1 + outdegree of i). A worker need not know who hears whom, only its own targets.
    """
    check_graph(graph)
    graph = graph if graph.is_directed() else nx.DiGraph(graph)
    source, target = np.array(graph.edges, int).reshape(-1, 2).T
    out = np.array([d for _, d in sorted(graph.out_degree)])
    everyone = np.arange(len(out))
    rows, columns = np.r_[target, everyone], np.r_[source, everyone]
    A = scipy.sparse.csr_array((1 / (1 + out[columns]), (rows, columns)), shape=(len(out),) * 2)
    return A if len(out) > DENSE else A.toarray()


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
    rows = W.sum(1) - 1
    if not abs(rows).max() <= 1e-9:
        raise CourseError(f"the mixing matrix is not row-stochastic: {_worst('row', rows)}")
    columns = W.T @ weights / weights - 1
    if not abs(columns).max() <= 1e-9:
        equal = np.ptp(weights) <= 1e-12
        raise CourseError(
            f"the mixing matrix is not doubly stochastic: {_worst('column', columns)}"
            if equal
            else f"the mixing matrix does not keep the problem's weighted mean (off by {abs(columns).max():.2g}); "
            "make it with topology.metropolis(graph, weights=problem.weights)"
        )


def check_pushing(A, weights):
    """Refuse a matrix that would not keep the sum of the workers' rows: its columns must sum to one.

    Parameters
    ----------
    A : array or sparse matrix, shape (m, m)
    weights : array, shape (m,)
        The problem's, one a worker. Push-sum finds the plain mean, so they must be equal.
    """
    m = len(weights)
    if A.shape != (m, m):
        raise CourseError(f"the push matrix has shape {A.shape}, but there are {m} workers")
    if np.ptp(weights) > 1e-12:
        raise CourseError("push-sum finds the plain mean: it needs a problem with weights='equal'")
    columns = A.sum(0) - 1
    if not abs(columns).max() <= 1e-9:
        raise CourseError(f"the push matrix is not column-stochastic: {_worst('column', columns)}")
    if A.min() < 0:
        raise CourseError(f"the push matrix has a negative weight, {A.min():.2g}: nobody can push less than nothing")


def fill(i, j, values, m):
    """A matrix with these off-diagonal entries and rows that sum to one."""
    if m > DENSE:
        W = scipy.sparse.csr_array((values, (i, j)), shape=(m, m))
        return (W + scipy.sparse.diags_array(1 - W.sum(1))).tocsr()
    W = np.zeros((m, m))
    np.add.at(W, (i, j), values)
    W[np.arange(m), np.arange(m)] += 1 - W.sum(1)
    return W


def check_undirected(graph):
    """Refuse one-way links, and what `check_graph` refuses."""
    if graph.is_directed():
        raise CourseError("these weights need an undirected graph; for one-way links there is topology.push_weights")
    check_graph(graph)


def check_shares(weights, m):
    """Refuse what are no weights of m workers."""
    shares = np.ones(m) if weights is None else np.asarray(weights, float)
    if shares.shape != (m,) or not (np.isfinite(shares) & (shares > 0)).all():
        raise CourseError(f"weights are {m} positive numbers, one a worker")


def _both_ways(graph):
    i, j = np.array(graph.edges, int).reshape(-1, 2).T
    return np.concatenate([i, j]), np.concatenate([j, i])


def _worst(what, excess):
    """The row or column whose sum is furthest from one."""
    at = int(np.argmax(np.where(np.isfinite(excess), abs(excess), np.inf)))
    return f"{what} {at} sums to {1 + excess[at]:.6g}, not 1"
