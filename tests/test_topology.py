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


# ---- other weights, closed forms, one-way links ---------------------------------------------------------


def matrix_of(name, m):
    """The mixing matrix whose gap has a closed form, built from a graph."""
    side = round(m**0.5)
    adjacency = nx.to_numpy_array(topology.ring(m))
    return {
        "complete": lambda: topology.uniform(m),
        "ring": lambda: topology.metropolis(topology.ring(m)),
        "lazy ring": lambda: topology.lazy(adjacency / 2),
        "half ring": lambda: adjacency / 2,
        "path": lambda: topology.metropolis(topology.path(m)),
        "star": lambda: topology.metropolis(topology.star(m)),
        "torus": lambda: topology.metropolis(topology.torus(side, side)),
        "hypercube": lambda: topology.metropolis(topology.hypercube(m.bit_length() - 1)),
        "exponential": lambda: topology.push_weights(topology.directed_exponential(m)),
    }[name]()


@pytest.mark.parametrize("name", topology.CLOSED_FORMS)
def test_closed_forms_are_what_eigenvalues_say(name):
    valid = [m for m in (3, 4, 5, 6, 8, 9, 12, 16, 25, 32, 64, 81) if topology.CLOSED_FORMS[name][2](m)]
    assert len(valid) >= 4
    for m in valid:
        W = matrix_of(name, m)
        assert topology.closed_form_gap(name, m) == pytest.approx(topology.spectral_gap(W), abs=1e-10)
        moduli = np.sort(abs(np.linalg.eigvals(W)))
        assert topology.closed_form_gap(name, m) == pytest.approx(1 - moduli[-2], abs=1e-10)


@graphs
@pytest.mark.parametrize("weights", [topology.max_degree, topology.fastest_mixing])
def test_other_weights_are_doubly_stochastic_on_the_same_edges(weights, graph):
    W = weights(graph)
    topology.check_mixing(W, np.full(len(graph), 1 / len(graph)))
    assert np.array_equal(W, W.T)
    nowhere = nx.to_numpy_array(graph, nodelist=range(len(graph))) + np.eye(len(graph)) == 0
    assert np.all(W[nowhere] == 0)


@pytest.mark.parametrize(
    "graph, gap",
    [
        (topology.ring(8), 2 * (2 - 2**0.5) / (4 + 2 - 2**0.5)),
        (topology.star(9), 2 / 10),
        (topology.path(7), 1 - np.cos(np.pi / 7)),
        (topology.hypercube(3), 1 / 2),
        (topology.complete(6), 1.0),
    ],
)
def test_fastest_weights_meet_the_optimum_where_it_is_known(graph, gap):
    assert topology.spectral_gap(topology.fastest_mixing(graph)) == pytest.approx(gap, abs=2e-4)


@graphs
def test_fastest_weights_are_at_least_as_fast(graph):
    fastest = topology.spectral_gap(topology.fastest_mixing(graph))
    assert fastest >= max(topology.spectral_gap(w(graph)) for w in (topology.metropolis, topology.max_degree)) - 1e-3


def test_lazy_weights_have_no_negative_eigenvalue():
    W = topology.lazy(nx.to_numpy_array(topology.ring(8)) / 2)
    assert np.linalg.eigvalsh(W).min() >= -1e-15 and topology.spectral_gap(W) > 0
    sparse = topology.lazy(topology.metropolis(topology.ring(1200)))
    assert sp.issparse(sparse) and sparse.diagonal() == pytest.approx(np.full(1200, 2 / 3))


@pytest.mark.parametrize("graph", [topology.directed_ring(5), topology.directed_exponential(6), topology.star(5)])
def test_push_weights_keep_sums_and_follow_the_arrows(graph):
    A = topology.push_weights(graph)
    np.testing.assert_allclose(A.sum(0), 1, atol=1e-15)
    arrows = nx.to_numpy_array(graph, nodelist=range(len(graph)))  # entry (i, j): i writes to j
    assert np.array_equal(A.T > 0, (arrows + np.eye(len(graph))) > 0)


def test_directed_neighbours():
    assert set(topology.directed_exponential(16)[0]) == {1, 2, 4, 8}
    assert set(topology.directed_ring(5)[4]) == {0}


def test_small_worlds_are_connected_and_keep_their_edges():
    for seed in range(5):
        graph = topology.small_world(30, 4, 0.2, seed)
        assert nx.is_connected(graph) and graph.number_of_edges() == 60
    lattice = topology.spectral_gap(topology.metropolis(topology.small_world(60, 4, 0.0)))
    assert topology.spectral_gap(topology.metropolis(topology.small_world(60, 4, 0.2))) > 2 * lattice


# ---- graphs that change ---------------------------------------------------------------------------------


@pytest.mark.parametrize("m", [2, 4, 16, 128])
def test_one_peer_rounds_multiply_to_the_exact_mean(m):
    W, product = topology.one_peer_exponential(m), np.eye(m)
    q = m.bit_length() - 1
    for t in range(7, 7 + q):  # from any round on
        assert np.array_equal(np.count_nonzero(W(t), axis=1), np.full(m, 2))
        product = W(t) @ product
    assert np.array_equal(product, np.full((m, m), 1 / m))


def test_failing_links_are_doubly_stochastic_seeded_and_use_living_links_only():
    graph = topology.torus(4, 4)
    W, again, other = (topology.failing_links(graph, 0.5, seed=seed) for seed in (1, 1, 2))
    up = np.zeros((16, 16))
    for t in range(300):
        topology.check_mixing(W(t), np.full(16, 1 / 16))
        up += W(t) > 0
    assert np.array_equal(W(5), again(5)) and not np.array_equal(W(5), other(5))
    alive = nx.to_numpy_array(graph, nodelist=range(16)) > 0
    assert np.all(up[~alive & ~np.eye(16, dtype=bool)] == 0)
    assert abs(up[alive].mean() / 300 - 0.5) < 4 * 0.5 / np.sqrt(300 * 32)


def test_failing_links_keep_weighted_means():
    weights = np.array([0.1, 0.2, 0.3, 0.4])
    W = topology.failing_links(topology.ring(4), 0.3, weights)
    for t in range(20):
        topology.check_mixing(W(t), weights)


def test_random_pairs_take_their_mean():
    W = topology.random_pairs(topology.ring(6), seed=3)
    met = {tuple(np.flatnonzero(np.diag(W(t)) == 0.5)) for t in range(200)}
    assert met == {(0, 1), (1, 2), (2, 3), (3, 4), (4, 5), (0, 5)}
    assert sp.issparse(topology.random_pairs(topology.ring(1500))(0))


# ---- large ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("m", [1100, 10_000])
def test_gaps_of_large_sparse_matrices(m):
    """A ring, where Lanczos crawls and the matrix is factorised, and a torus, where it does not."""
    assert topology.spectral_gap(topology.metropolis(topology.ring(m))) == pytest.approx(
        topology.closed_form_gap("ring", m), rel=1e-4
    )
    side = int(m**0.5)
    W = topology.metropolis(topology.torus(side, side))
    assert sp.issparse(W) and W.nnz == 5 * side**2
    assert topology.spectral_gap(W) == pytest.approx(topology.closed_form_gap("torus", side**2), rel=1e-6)


looped = nx.Graph([(0, 1), (1, 2), (1, 1)])


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda: topology.metropolis(looped), "1 self-loop, the first at worker 1"),
        (lambda: topology.max_degree(looped), "self-loop"),
        (lambda: topology.metropolis(topology.from_edges(5, [(0, 1), (2, 3)])), "falls into 3 parts.* smallest of 1"),
        (lambda: topology.fastest_mixing(topology.from_edges(3, [(0, 1)])), "falls into 2 parts"),
        (lambda: topology.from_edges(3, [(0, 3)]), "names worker 3, but the workers are 0 ... 2"),
        (lambda: topology.push_weights(nx.DiGraph([(0, 1), (1, 2)])), "not strongly connected: it has 3"),
        (lambda: topology.fastest_mixing(topology.ring(1001)), "up to 1000 workers, not 1001"),
        (lambda: topology.small_world(5, 8), "2 to 4 near neighbours"),
        (lambda: topology.ring(0), "the number of workers must be a whole number from 1 on, not 0"),
        (lambda: topology.exponential("8"), "the number of workers must be a whole number from 1 on, not 8"),
        (lambda: topology.torus(3, 0), "a side of the grid must be a whole number from 1 on, not 0"),
        (lambda: topology.random_pairs(topology.ring(4), seed=-1), "seed must be a whole number from 0 on"),
        (lambda: topology.closed_form_gap("wheel", 8), "no closed form for 'wheel': there are complete, ring"),
        (lambda: topology.closed_form_gap("torus", 10), "a square number of workers"),
        (lambda: topology.closed_form_gap("hypercube", 12), "a power of two"),
        (lambda: topology.check_mixing(np.diag([1.0, 1.0, 1.3]), equal), "row 2 sums to 1.3, not 1"),
        (lambda: topology.check_pushing(np.eye(2), equal), "push matrix has shape"),
        (lambda: topology.failing_links(nx.Graph([(0, 1), (2, 3)]), 0.1), "falls into 2 parts"),
    ],
)
def test_defects_of_graphs_and_matrices_are_named_with_their_size(call, words):
    with pytest.raises(CourseError, match=words) as caught:
        call()
    assert "\n" not in str(caught.value)
