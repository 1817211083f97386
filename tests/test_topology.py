"""Graphs, mixing matrices and spectral gaps against closed forms."""

import networkx as nx
import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st

from course_lib import topology
from course_lib.errors import CourseError

GRAPHS = {
    "complete": topology.complete(6),
    "ring": topology.ring(7),
    "two": topology.ring(2),
    "path": topology.path(5),
    "star": topology.star(6),
    "torus": topology.torus(3, 4),
    "grid": topology.grid(3, 4),
    "hypercube": topology.hypercube(3),
    "exponential": topology.exponential(11),
    "random": topology.erdos_renyi(12, 0.3),
}
graphs = pytest.mark.parametrize("graph", GRAPHS.values(), ids=GRAPHS)


@graphs
def test_metropolis_is_symmetric_doubly_stochastic_and_as_sparse_as_the_graph(graph):
    W = topology.metropolis(graph)
    assert np.array_equal(W, W.T) and (W >= 0).all()
    np.testing.assert_allclose(W.sum(0), 1, atol=1e-14)
    off = W - np.diag(np.diag(W))
    assert np.array_equal(off > 0, nx.to_numpy_array(graph, nodelist=range(len(graph))) > 0)


@graphs
@given(seed=st.integers(0, 1000))
def test_metropolis_keeps_any_weighted_mean(graph, seed):
    rng = np.random.default_rng(seed)
    weights = rng.dirichlet(np.ones(len(graph))) + 0.01
    weights /= weights.sum()
    W = topology.metropolis(graph, weights)
    assert (W >= 0).all()
    np.testing.assert_allclose(W.sum(1), 1, atol=1e-14)
    np.testing.assert_allclose(weights @ W, weights, atol=1e-14)
    topology.check_mixing(W, weights)


def cosine(m):
    return 1 - np.cos(2 * np.pi / m)


CLOSED_FORMS = [
    *((topology.complete(m), 1.0) for m in (2, 5, 16)),
    *((topology.ring(m), 2 / 3 * cosine(m)) for m in (4, 5, 16, 33)),
    *((topology.path(m), 2 / 3 * (1 - np.cos(np.pi / m))) for m in (3, 8, 20)),
    *((topology.star(m), 1 / m) for m in (3, 8, 20)),
    *((topology.torus(n, n), 2 / 5 * cosine(n)) for n in (4, 5, 8)),
    *((topology.hypercube(q), 2 / (q + 1)) for q in (1, 2, 3, 4, 5)),
]


@pytest.mark.parametrize("graph, gap", CLOSED_FORMS)
def test_spectral_gaps_in_closed_form(graph, gap):
    W = topology.metropolis(graph)
    values = np.linalg.eigvalsh(W)
    assert topology.spectral_gap(W) == pytest.approx(gap, abs=1e-10)
    assert topology.spectral_gap(W) == pytest.approx(1 - max(abs(values[0]), abs(values[-2])), abs=1e-10)
    assert topology.spectral_gap(sp.csr_array(W)) == pytest.approx(gap, abs=1e-10)


@pytest.mark.parametrize("m, gap", [(4, 0.0), (8, 0.0), (5, 1 - np.cos(np.pi / 5)), (9, 1 - np.cos(np.pi / 9))])
def test_a_ring_that_ignores_itself_need_not_average(m, gap):
    """Weights 1/2 on both neighbours: an even ring oscillates for ever."""
    W = nx.to_numpy_array(topology.ring(m)) / 2
    assert topology.spectral_gap(W) == pytest.approx(gap, abs=1e-10)


@graphs
def test_disagreement_shrinks_by_the_gap_and_no_faster_in_the_worst_case(graph):
    W = topology.metropolis(graph)
    rho = 1 - topology.spectral_gap(W)
    X = np.random.default_rng(0).standard_normal((len(graph), 3))
    apart = [np.linalg.norm(Y - X.mean(0)) for Y in (X, W @ X, W @ W @ X)]
    assert apart[1] <= rho * apart[0] * (1 + 1e-12) + 1e-12 and apart[2] <= rho**2 * apart[0] * (1 + 1e-12) + 1e-12
    values, vectors = np.linalg.eigh(W - 1 / len(graph))
    worst = vectors[:, np.argmax(abs(values))]
    assert np.linalg.norm(W @ worst - worst.mean()) == pytest.approx(rho, abs=1e-12)


def test_neighbours():
    assert set(topology.ring(5)[0]) == {1, 4}
    assert set(topology.exponential(16)[0]) == {1, 2, 4, 8, 12, 14, 15}
    assert set(topology.hypercube(3)[5]) == {4, 7, 1}
    assert set(topology.torus(3, 4)[0]) == {1, 3, 4, 8}
    assert topology.star(5).degree(0) == 4
    for m in range(1, 20):
        assert nx.is_connected(topology.exponential(m)) and topology.exponential(m).number_of_nodes() == m


def test_random_graphs_depend_on_the_seed_and_are_connected():
    first, again, other = (topology.erdos_renyi(20, 0.2, seed) for seed in (1, 1, 2))
    assert set(first.edges) == set(again.edges) != set(other.edges)
    assert all(nx.is_connected(topology.erdos_renyi(20, 0.12, seed)) for seed in range(20))


def test_a_large_mixing_matrix_is_sparse():
    W = topology.metropolis(topology.ring(3000))
    assert sp.issparse(W) and W.nnz == 9000
    topology.check_mixing(W, np.full(3000, 1 / 3000))


def test_a_single_worker_hears_only_himself():
    assert topology.metropolis(topology.complete(1)) == [[1.0]]
    assert topology.metropolis(topology.ring(1)) == [[1.0]]


equal = np.full(3, 1 / 3)
row_stochastic = np.array([[0.5, 0.5, 0], [0, 0.5, 0.5], [0.25, 0.25, 0.5]])


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda: topology.metropolis(nx.Graph([(0, 1), (2, 3)])), "falls into 2 parts"),
        (lambda: topology.metropolis(nx.Graph([("a", "b")])), "nodes must be the workers 0 ... m-1"),
        (lambda: topology.metropolis(nx.DiGraph([(0, 1), (1, 0)])), "undirected"),
        (lambda: topology.erdos_renyi(50, 0.001), "no connected graph in 100 draws: 0.001 is too small"),
        (lambda: topology.check_mixing(np.eye(4), equal), r"shape \(4, 4\), but there are 3 workers"),
        (lambda: topology.check_mixing(2 * np.eye(3), equal), "not row-stochastic"),
        (lambda: topology.check_mixing(np.eye(3) * np.nan, equal), "not row-stochastic"),
        (lambda: topology.check_mixing(row_stochastic, equal), "not doubly stochastic: column . sums to"),
        (lambda: topology.check_mixing(np.full((3, 3), 1 / 3), np.array([0.5, 0.3, 0.2])), "weighted mean.*metropolis"),
        (lambda: topology.spectral_gap(row_stochastic), "not doubly stochastic"),
    ],
)
def test_errors_are_one_line_in_the_words_of_the_domain(call, words):
    with pytest.raises(CourseError, match=words) as caught:
        call()
    assert "\n" not in str(caught.value)
