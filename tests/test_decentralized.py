"""Gossip, decentralised methods and ADMM: the statements of theory sections 7 and 8."""

from itertools import islice

import numpy as np
import pytest
import scipy.sparse as sp

from course_lib import bounds, compressors, topology
from course_lib.clusters import Link, SimulatedCluster
from course_lib.data import classification, regression
from course_lib.errors import CourseError
from course_lib.experiment import History, run
from course_lib.methods import (
    adapt_then_combine,
    admm,
    admm_residuals,
    chebyshev_gossip,
    choco_gossip,
    choco_sgd,
    decentralized_admm,
    decentralized_subgradient,
    dsgd,
    exact_diffusion,
    extra,
    gossip,
    gradient_tracking,
    pairwise_gossip,
    push_sum,
    push_sum_sgd,
    sync_sgd,
)
from course_lib.problems import LeastSquares, LogisticRegression, Problem, Quadratic

M, D = 12, 4
GRAPH = topology.ring(M)
W = topology.metropolis(GRAPH)
ARROWS = topology.directed_exponential(M)
ARROWS.remove_edges_from([(3, 4), (3, 5), (7, 9), (8, 0)])  # not every worker has as many targets: A 1 != 1
A = topology.push_weights(ARROWS)
TOP = compressors.TopK(1)


@pytest.fixture
def problem():
    """Quadratics with different Hessians and different optima on a dozen workers."""
    return Quadratic.dialled(M, D, condition=5, hessian_spread=0.5, seed=3)


@pytest.fixture
def values():
    return np.random.default_rng(0).normal(size=(M, D)) + 5


def disagreement(X):
    return np.linalg.norm(X - X.mean(-2, keepdims=True))


def after(method, rounds):
    """The whole state after so many rounds."""
    return next(islice(method, rounds, None))


# ---- gossip ---------------------------------------------------------------------------------------------

GOSSIP = {
    "plain": lambda c, V, **go: gossip(c, V, W, **go),
    "one peer": lambda c, V, **go: gossip(c, V, topology.one_peer_exponential(M), **go),
    "failing links": lambda c, V, **go: gossip(c, V, topology.failing_links(GRAPH, 0.4, seed=1), **go),
    "Chebyshev": lambda c, V, **go: chebyshev_gossip(c, V, W, **go),
    "pairs": lambda c, V, **go: pairwise_gossip(c, V, GRAPH, seed=2, **go),
    "CHOCO, top-2": lambda c, V, **go: choco_gossip(c, V, W, compressors.TopK(2), 0.3, **go),
    "CHOCO, random": lambda c, V, **go: choco_gossip(c, V, W, compressors.QSGD(4), 0.3, **go),
    "push-sum": lambda c, V, **go: push_sum(c, V, A, **go),
}


@pytest.mark.parametrize("make", GOSSIP.values(), ids=GOSSIP)
def test_every_gossip_keeps_the_mean_and_reaches_it(make, problem, values):
    states = make(SimulatedCluster(problem), values)
    for t, (state, _) in enumerate(zip(states, range(1501))):
        kept = state[1] if make is GOSSIP["push-sum"] else state[0]  # push-sum keeps the sum of what is pushed
        if t % 100 == 0:
            np.testing.assert_allclose(kept.mean(0), values.mean(0), rtol=0, atol=1e-12)
    np.testing.assert_allclose(state[0], np.tile(values.mean(0), (M, 1)), atol=1e-6)


@pytest.mark.parametrize("graph", [GRAPH, topology.path(M), topology.star(M), topology.erdos_renyi(M, 0.5)])
@pytest.mark.parametrize("weights", [topology.metropolis, topology.max_degree, topology.fastest_mixing])
def test_disagreement_is_at_most_rho_to_the_t_and_meets_it(graph, weights, problem):
    W = weights(graph)
    rho, rng = topology.rho(W), np.random.default_rng(1)
    eigenvalues, vectors = np.linalg.eigh(W - 1 / M)
    slowest = vectors[:, [np.argmax(abs(eigenvalues))]]
    for V, tight in ((rng.normal(size=(M, D)), False), (slowest @ np.ones((1, D)), True)):
        history = run(gossip(SimulatedCluster(problem), V, W), 40, quiet=True)
        bound = history.consensus[0] * bounds.consensus(history.rounds, rho)
        assert np.all(history.consensus <= bound * (1 + 1e-9) + 1e-14)
        if tight:
            np.testing.assert_allclose(history.consensus, bound, rtol=1e-6, atol=1e-14)


def test_the_half_ring_with_an_even_number_of_workers_never_mixes(problem):
    """lambda_2 = cos(2 pi / m) < 1, and yet: lambda_m = -1."""
    half = 2 * topology.lazy(np.zeros((M, M))) - np.eye(M) + (np.roll(np.eye(M), 1, 0) + np.roll(np.eye(M), -1, 0)) / 2
    assert np.sort(np.linalg.eigvalsh(half))[-2] == pytest.approx(np.cos(2 * np.pi / M))
    assert topology.spectral_gap(half) == pytest.approx(0, abs=1e-12)
    checkered = np.tile((-1.0) ** np.arange(M)[:, None], (1, D))
    history = run(gossip(SimulatedCluster(problem), checkered, half), 500, quiet=True)
    assert history.consensus[-1] == pytest.approx(history.consensus[0], rel=1e-12)


def test_chebyshev_gossip_obeys_its_bound_and_saves_a_square_root(problem):
    W = topology.metropolis(GRAPH)
    rho = topology.rho(W)
    _, vectors = np.linalg.eigh(W)
    history = run(chebyshev_gossip(SimulatedCluster(problem), vectors[:, [-2]] @ np.ones((1, D)), W), 60, quiet=True)
    bound = history.consensus[0] * bounds.chebyshev_consensus(history.rounds, rho)
    assert np.all(history.consensus <= bound * (1 + 1e-9) + 1e-14)
    np.testing.assert_allclose(history.consensus, bound, rtol=1e-6, atol=1e-14)  # tight for the slowest direction
    needed = {}
    for m in (16, 64):
        rho = 1 - topology.closed_form_gap("ring", m)
        t = np.arange(1, 30_000)
        shares = (bounds.consensus(t, rho), bounds.chebyshev_consensus(t, rho))
        needed[m] = [t[(share <= 1e-6).argmax()] for share in shares]
    assert needed[64][0] / needed[16][0] == pytest.approx(16, rel=0.1)
    assert needed[64][1] / needed[16][1] == pytest.approx(4, rel=0.1)


@pytest.mark.parametrize("m", [2, 8, 16, 64])
def test_one_peer_exponential_averages_exactly_in_log2_m_rounds(m):
    q = int(np.log2(m))
    problem = Quadratic(np.ones((m, 1, 1)), np.arange(m, dtype=float)[:, None])
    cluster = SimulatedCluster(problem)
    X, _ = after(gossip(cluster, problem.b, topology.one_peer_exponential(m)), q)
    assert np.array_equal(X, np.full((m, 1), (m - 1) / 2))  # bit for bit: halves of whole numbers
    assert cluster.messages == q * m


@pytest.mark.parametrize("m", [6, 12, 100])
def test_one_peer_exponential_is_not_exact_for_other_numbers_of_workers(m):
    product = np.eye(m)
    for t in range(int(np.ceil(np.log2(m)))):
        product = topology.one_peer_exponential(m)(t) @ product
    assert abs(product - 1 / m).max() > 1e-3 / m


def test_row_stochastic_is_not_enough():
    """A star whose weights are 1/(1 + degree) ends at a weighted mean; push-sum over it at the mean."""
    m, values = 6, np.arange(1.0, 7)[:, None]
    pushed = topology.push_weights(topology.star(m))
    assert (np.linalg.matrix_power(pushed.T, 200) @ values)[0, 0] == pytest.approx(46 / 16)
    cluster = SimulatedCluster(Quadratic(np.ones((m, 1, 1)), values))
    assert after(push_sum(cluster, values, pushed), 200)[0] == pytest.approx(3.5)


def test_choco_gossip_stays_below_its_bound_at_the_step_of_the_theory(problem, values):
    gap, delta = topology.spectral_gap(W), TOP.delta(D)
    step = bounds.choco_gossip_step(gap, delta, np.linalg.norm(np.eye(M) - W, 2))
    first = None
    for t, (X, copies, _, _) in enumerate(islice(choco_gossip(SimulatedCluster(problem), values, W, TOP, step), 400)):
        error = disagreement(X) ** 2 + np.linalg.norm(X - copies) ** 2
        first = first or error
        assert error <= first * bounds.choco_gossip(t, gap, delta) * (1 + 1e-9)


def test_choco_gossip_diverges_when_it_trusts_too_much(problem, values):
    X = after(choco_gossip(SimulatedCluster(problem), values, W, TOP, 1.0), 200)[0]
    assert disagreement(X) > 1e3 * disagreement(values)


def test_compressed_gossip_is_billed_by_its_messages(problem, values):
    cluster = SimulatedCluster(problem, link=Link(1.0, 8.0))
    after(choco_gossip(cluster, values, W, TOP, 0.1), 1)
    size = len(TOP.encode(values[0], None))
    assert cluster.bytes == 2 * M * size and cluster.messages == 2 * M
    assert cluster.seconds == pytest.approx(2 * (1 + size / 8))


def test_pairs_move_two_clocks_only(problem, values):
    cluster = SimulatedCluster(problem, link=Link(1.0, 1e30))
    after(pairwise_gossip(cluster, values, GRAPH), 1)
    assert sorted(cluster.clock) == [0] * (M - 2) + [1, 1]


# ---- decentralised gradient descent ---------------------------------------------------------------------


@pytest.mark.parametrize("graph", [topology.complete(M), GRAPH, topology.star(M)])
def test_dgd_stops_where_the_linear_solve_says(graph, problem):
    W = topology.metropolis(graph)
    X, _ = after(dsgd(SimulatedCluster(problem), 0.2, W), 6000)
    np.testing.assert_allclose(X, bounds.dgd_fixed_point(problem.A, problem.b, W, 0.2), atol=1e-12)
    assert abs(X - problem.optimum()).max() > 0.05  # and that is not the optimum, on no graph


def test_spread_of_dgd_is_first_order_in_the_step(problem):
    gradients = problem.gradient(problem.optimum())
    for step_size in (1e-3, 1e-4):
        X = bounds.dgd_fixed_point(problem.A, problem.b, W, step_size)
        first_order, bound = bounds.dgd_spread(step_size, gradients, W)
        assert disagreement(X) == pytest.approx(first_order, rel=50 * step_size)
        assert first_order <= bound


def test_the_bound_on_the_spread_is_met_along_the_slowest_direction():
    values, vectors = np.linalg.eigh(W)
    assert values[-2] > -values[0]  # the ring's rho is lambda_2
    first_order, bound = bounds.dgd_spread(0.1, vectors[:, [-2]] @ np.ones((1, D)), W)
    assert first_order == pytest.approx(bound, rel=1e-9)


def test_dsgd_is_stable_up_to_its_largest_step_and_no_further():
    """With Hessians L I its modes are lambda_i - eta L, the lowest of which passes -1 at (1 + lambda_m)/L."""
    problem = Quadratic(np.tile(2 * np.eye(1), (M, 1, 1)), np.arange(M, dtype=float)[:, None])
    largest = bounds.dgd_stable_step(W, 2.0)
    still = bounds.dgd_fixed_point(problem.A, problem.b, W, 0.98 * largest)
    np.testing.assert_allclose(after(dsgd(SimulatedCluster(problem), 0.98 * largest, W), 2000)[0], still, atol=1e-9)
    assert disagreement(after(dsgd(SimulatedCluster(problem), 1.02 * largest, W), 2000)[0]) > 1e6


def test_bounds_in_numbers():
    """Constants of the statements that measurements only stay below."""
    assert bounds.decentralized_subgradient(10, 0.1, G=2.0, R=3.0, rho=0.5) == pytest.approx(4.5 + 0.2 + 1.6)
    assert bounds.choco_gossip_step(1.0, 1.0, 1.0) == pytest.approx(1 / 15)
    assert bounds.choco_gossip_step(0.5, 0.2, 1.2) == pytest.approx(0.05 / (8 + 0.25 + 5.76 + 1.44 - 0.8))
    assert bounds.choco_gossip(2, 0.5, 0.4) == pytest.approx((1 - 0.1 / 82) ** 2)
    factors = bounds.admm_factor(np.array([0.001, 0.01, 0.1, 1.0, 10.0]), 1.0, 0.01)
    np.testing.assert_allclose(factors, [0.999001, 0.990099, 10 / 11, 0.990099, 0.999001], atol=1e-6)


def test_adapt_then_combine_on_the_complete_graph_is_sync_sgd_where_dgd_is_biased(problem):
    W = topology.uniform(M)
    adapted = run(adapt_then_combine(SimulatedCluster(problem), 0.2, W), 400, quiet=True)
    central = run(sync_sgd(SimulatedCluster(problem), 0.2), 400, quiet=True)
    np.testing.assert_allclose(adapted.loss, central.loss, rtol=1e-13)
    combined = run(dsgd(SimulatedCluster(problem), 0.2, W), 400, quiet=True)
    assert np.linalg.norm(combined.model - problem.optimum()) > 1e-3 > abs(adapted.model - problem.optimum()).max()


EXACT = {
    "EXTRA": (extra, 0.3, 1500),
    "gradient tracking": (gradient_tracking, 0.06, 6000),
    "exact diffusion": (exact_diffusion, 0.3, 1500),
}


@pytest.mark.parametrize("method, step_size, rounds", EXACT.values(), ids=EXACT)
@pytest.mark.parametrize("graph", [GRAPH, topology.star(M)])
def test_exact_methods_reach_the_optimum(method, step_size, rounds, graph, problem):
    X = after(method(SimulatedCluster(problem), step_size, topology.metropolis(graph)), rounds)[0]
    np.testing.assert_allclose(X, np.tile(problem.optimum(), (M, 1)), atol=1e-10)


def test_exact_methods_reach_the_optimum_of_a_logistic_regression():
    problem = LogisticRegression(*classification(M, 30, D, heterogeneity=1.0), l2=0.05)
    for method, step_size in ((extra, 0.5), (gradient_tracking, 0.1), (exact_diffusion, 0.5)):
        X = after(method(SimulatedCluster(problem), step_size, W), 5000)[0]
        np.testing.assert_allclose(X, np.tile(problem.optimum(), (M, 1)), atol=1e-10)


def test_extra_is_the_recursion_of_the_paper(problem):
    """X_{t+2} = (I + W) X_{t+1} - (I + W)/2 X_t - eta (G_{t+1} - G_t), X_1 = W X_0 - eta G_0."""
    eta, G = 0.3, problem.gradient
    old, new = np.zeros((M, D)), -0.3 * G(np.zeros((M, D)))
    for X, C, _ in islice(extra(SimulatedCluster(problem), eta, W), 1, 60):
        np.testing.assert_allclose(X, new, atol=1e-12)
        np.testing.assert_allclose(C.sum(0), 0, atol=1e-12)
        old, new = new, new + W @ new - (old + W @ old) / 2 - eta * (G(new) - G(old))
    C = after(extra(SimulatedCluster(problem), eta, W), 1500)[1]
    np.testing.assert_allclose(C, -eta * G(problem.optimum()), atol=1e-9)


@pytest.mark.parametrize("mixing", [W, topology.failing_links(GRAPH, 0.3), topology.one_peer_exponential(M)])
def test_tracking_tracks_the_mean_gradient_whatever_the_graph_does(mixing, problem):
    for X, Y, _, _ in islice(gradient_tracking(SimulatedCluster(problem), 0.05, mixing), 200):
        np.testing.assert_allclose(Y.mean(0), problem.gradient(X).mean(0), atol=1e-12)


def test_tracking_reaches_the_optimum_on_graphs_that_change(problem):
    for mixing in (topology.failing_links(GRAPH, 0.3), topology.one_peer_exponential(M)):
        X = after(gradient_tracking(SimulatedCluster(problem), 0.08, mixing), 4000)[0]
        np.testing.assert_allclose(X, np.tile(problem.optimum(), (M, 1)), atol=1e-10)


def test_exact_diffusion_is_the_recursion_of_the_paper(problem):
    half, eta = (np.eye(M) + W) / 2, 0.3
    old, X = np.zeros((M, D)), half @ (-0.3 * problem.gradient(np.zeros((M, D))))
    for got, _, _ in islice(exact_diffusion(SimulatedCluster(problem), eta, W), 1, 60):
        np.testing.assert_allclose(got, X, atol=1e-12)
        old, X = X, half @ (2 * X - old - eta * (problem.gradient(X) - problem.gradient(old)))


class Absolute(Problem):
    """f_i(x) = |x - b_i|: kinks, subgradients of norm one; f is smallest at the median."""

    def __init__(self, b):
        super().__init__(len(b), 1, np.full(len(b), 1 / len(b)))
        self.b = np.asarray(b, float)[:, None]

    def losses(self, X):
        return abs(X - self.b)[..., 0]

    def gradient(self, X, batch=None, workers=slice(None)):
        return np.sign(X - self.b[workers])


def test_averaged_subgradients_stay_below_their_bound():
    problem = Absolute(np.r_[-4.0, -1, 0, 0.5, 1, 2, 10])
    W, best = topology.metropolis(topology.ring(7)), problem.loss(np.array([0.5]))
    rho = topology.rho(W)
    for step_size in (0.3, 0.03):
        states = list(islice(decentralized_subgradient(SimulatedCluster(problem), step_size, W), 3000))
        gaps = [problem.loss(X.mean(0)) - best for _, X, _ in states]
        T = np.arange(1, 3001)
        bound = bounds.decentralized_subgradient(T, step_size, G=1.0, R=0.5, rho=rho)
        assert np.all(np.cumsum(gaps) / T <= bound)
        assert problem.loss(states[-1][0].mean(0)) - best <= bound[-1]


def test_the_subgradient_method_averages_its_models(problem):
    states = list(islice(decentralized_subgradient(SimulatedCluster(problem), 0.1, W), 50))
    np.testing.assert_allclose(states[-1][0], np.mean([X for _, X, _ in states], axis=0), atol=1e-13)
    np.testing.assert_array_equal(states[-1][1], after(dsgd(SimulatedCluster(problem), 0.1, W), 49)[0])


def test_push_sum_sgd_reaches_the_neighbourhood_over_one_way_links(problem):
    errors = []
    for step_size in (0.04, 0.02):
        Z, _, w, _ = after(push_sum_sgd(SimulatedCluster(problem), step_size, A), 4000)
        assert w.sum() == pytest.approx(M, abs=1e-10)
        errors.append(np.linalg.norm(Z.mean(0) - problem.optimum()))
    assert errors[0] < 0.02 * np.linalg.norm(problem.optimum())
    assert errors[0] / errors[1] == pytest.approx(2, rel=0.2)  # a bias of first order, as for dsgd


def test_choco_sgd_reaches_where_adapt_then_combine_does(problem):
    X = after(choco_sgd(SimulatedCluster(problem), 0.01, W, compressors.TopK(2), 0.3), 3000)[0]
    assert np.linalg.norm(X.mean(0) - problem.optimum()) < 0.05 * np.linalg.norm(problem.optimum())


def test_noise_is_divided_by_the_number_of_workers_on_every_graph():
    """Identical quadratics: in the long run the mean model has the variance of a batch m times as large."""
    a, eta, runs = 1.0, 0.1, 400
    problem = Quadratic(np.full((16, 1, 1), a), np.zeros((16, 1)), noise=1.0)
    expected = eta / (2 - eta) / 16
    for graph in (topology.ring(16), topology.complete(16)):
        cluster = SimulatedCluster(problem, seed=1, batch_size=1, replicates=runs)
        X = after(dsgd(cluster, eta, topology.metropolis(graph)), 200)[0]
        measured = (X.mean(1) ** 2).mean()
        assert measured == pytest.approx(expected, rel=4 * np.sqrt(2 / runs))


# ---- ADMM -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rho", [0.05, 0.3, 2.0])
def test_admm_contracts_at_least_as_fast_as_its_bound(rho):
    problem = Quadratic.dialled(6, 3, condition=20, hessian_spread=0.3, seed=1)
    curvature = np.linalg.eigvalsh(problem.A)
    factor = bounds.admm_factor(rho, curvature.max(), curvature.min())
    x, prices = problem.optimum(), -problem.gradient(problem.optimum())
    first, t = None, 0
    for z, _, _, Y, t in islice(admm(SimulatedCluster(problem), rho), 1, 200):
        before = np.sqrt(((z - x) ** 2).sum() * 6 + (((Y - prices) / rho) ** 2).sum())  # of z + y/rho, y sums to 0
        first = first or (before, t)
        assert before <= first[0] * factor ** (t - first[1]) * (1 + 1e-9) + 1e-12
        np.testing.assert_allclose(Y.sum(0), 0, atol=1e-10)
    assert t == 199


def test_admm_fixed_point_and_stopping_rule(problem):
    for state in admm(SimulatedCluster(problem), 0.5):
        residuals = admm_residuals(state, 0.5, absolute=1e-9, relative=1e-9)
        if state[-1] > 0 and residuals.small:
            break
        assert state[-1] < 500
    z, previous, X, Y, _ = state
    assert residuals.primal == pytest.approx(np.linalg.norm(X - z))
    assert residuals.dual == pytest.approx(np.linalg.norm(np.tile(0.5 * (z - previous), (M, 1))))
    np.testing.assert_allclose(z[0], problem.optimum(), atol=1e-6)
    np.testing.assert_allclose(Y, -problem.gradient(problem.optimum()), atol=1e-6)
    again = next(islice(admm(SimulatedCluster(problem), 0.5, start=state), 1, None))
    assert np.linalg.norm(again[0] - z) < 1e-7


def test_admm_keeps_the_weights_of_the_problem():
    problem = Quadratic(np.ones((3, 1, 1)), np.array([[0.0], [1.0], [5.0]]), weights=np.array([6.0, 3.0, 1.0]))
    z = after(admm(SimulatedCluster(problem), 1.0), 200)[0]
    assert z[0, 0] == pytest.approx(problem.optimum()[0], abs=1e-10)


def test_admm_on_a_logistic_regression():
    problem = LogisticRegression(*classification(5, 40, D, heterogeneity=1.0), l2=0.02)
    z = after(admm(SimulatedCluster(problem), 0.1), 150)[0]
    np.testing.assert_allclose(z[0], problem.optimum(), atol=1e-8)


@pytest.mark.parametrize("graph, rho", [(GRAPH, 0.4), (topology.star(M), 0.2), (topology.complete(M), 0.03)])
def test_decentralized_admm_reaches_the_optimum(graph, rho, problem):
    for X, apart, Y, _ in islice(decentralized_admm(SimulatedCluster(problem), rho, graph), 300):
        np.testing.assert_allclose(Y.sum(0), 0, atol=1e-10)
        neighbours = [sum(X[i] - X[j] for j in graph[i]) for i in range(M)]
        np.testing.assert_allclose(apart, neighbours, atol=1e-12)
    np.testing.assert_allclose(X, np.tile(problem.optimum(), (M, 1)), atol=1e-10)


def test_proximal_points_solve_their_local_problems():
    for problem in (
        Quadratic.dialled(4, 3, seed=2),
        LeastSquares(*regression(4, 20, 3)),
        LogisticRegression(*classification(4, 20, 3), l2=0.01),
    ):
        cluster = SimulatedCluster(problem)
        V, rho = np.random.default_rng(0).normal(size=(4, 3)) * 10, np.array([[0.1], [1.0], [3.0], [10.0]])
        X = cluster.proximal(V, rho)
        np.testing.assert_allclose(problem.gradient(X) + rho * (X - V), 0, atol=1e-10)
        assert cluster.seconds > 0 and cluster.bytes == 0


# ---- every method: resume, sizes, errors ----------------------------------------------------------------

LINKS = topology.failing_links(GRAPH, 0.3)
METHODS = {
    **{f"gossip, {name}": lambda c, make=make, **go: make(c, c.problem.b, **go) for name, make in GOSSIP.items()},
    "dsgd": lambda c, **go: dsgd(c, 0.1, W, **go),
    "dsgd, failing links": lambda c, **go: dsgd(c, 0.1, LINKS, **go),
    "adapt then combine": lambda c, **go: adapt_then_combine(c, 0.1, topology.one_peer_exponential(M), **go),
    "subgradient": lambda c, **go: decentralized_subgradient(c, 0.1, W, **go),
    "EXTRA": lambda c, **go: extra(c, 0.1, W, **go),
    "tracking": lambda c, **go: gradient_tracking(c, 0.05, W, **go),
    "exact diffusion": lambda c, **go: exact_diffusion(c, 0.1, W, **go),
    "CHOCO": lambda c, **go: choco_sgd(c, 0.05, W, compressors.RandomK(2), 0.2, **go),
    "push-sum": lambda c, **go: push_sum_sgd(c, 0.05, A, **go),
    "ADMM": lambda c, **go: admm(c, 0.5, **go),
    "decentralised ADMM": lambda c, **go: decentralized_admm(c, 0.1, GRAPH, **go),
}


@pytest.mark.parametrize("make", METHODS.values(), ids=METHODS)
def test_a_stopped_run_goes_on_bit_for_bit(make, tmp_path):
    noisy = Quadratic.dialled(M, D, hessian_spread=0.5, noise=1.0)
    whole = run(make(SimulatedCluster(noisy, seed=4, batch_size=2)), 30, quiet=True)
    run(make(SimulatedCluster(noisy, seed=4, batch_size=2)), 13, quiet=True).save(tmp_path / "half.npz")
    half, cluster = History.load(tmp_path / "half.npz"), SimulatedCluster(noisy, seed=4, batch_size=2)
    cluster.restore(half.cluster)
    rest = run(make(cluster, start=half.state), 17, quiet=True)
    for one, other in zip(whole.state, rest.state):
        assert np.array_equal(one, other)
    for clock in ("rounds", "bytes", "seconds"):
        assert getattr(whole, clock)[-1] == getattr(rest, clock)[-1]


SWEPT = {"dsgd": dsgd, "atc": adapt_then_combine, "extra": extra, "tracking": gradient_tracking, "d2": exact_diffusion}


@pytest.mark.parametrize("method", SWEPT.values(), ids=SWEPT)
def test_a_sweep_is_so_many_runs(method, problem):
    steps = np.array([0.02, 0.05, 0.08])
    together = after(method(SimulatedCluster(problem), steps.reshape(3, 1, 1), W), 50)[0]
    for eta, X in zip(steps, together):
        np.testing.assert_allclose(X, after(method(SimulatedCluster(problem), eta, W), 50)[0], atol=1e-13)


@pytest.mark.parametrize("method", [dsgd, extra, gradient_tracking])
def test_ten_thousand_workers_with_a_sparse_matrix(method):
    m = 10_000
    problem = Quadratic(np.ones((m, 1, 1)), np.random.default_rng(0).normal(size=(m, 1)))
    W = topology.metropolis(topology.torus(100, 100))
    assert sp.issparse(W) and W.nnz == 5 * m
    cluster = SimulatedCluster(problem)
    history = run(method(cluster, 0.1, W), 20, record_every=20, quiet=True)
    assert history.loss[-1] < history.loss[0]
    assert cluster.messages == (2 if method is gradient_tracking else 1) * 20 * 4 * m


def test_replicates_mix_with_a_sparse_matrix():
    problem = Quadratic.dialled(M, D, noise=1.0)
    dense, sparse = (
        after(dsgd(SimulatedCluster(problem, batch_size=1, replicates=3), 0.1, mixing), 10)[0]
        for mixing in (W, sp.csr_array(W))
    )
    np.testing.assert_allclose(dense, sparse, atol=1e-13)


def test_a_graph_that_changes_every_round_does_not_fill_the_memory(problem):
    cluster = SimulatedCluster(problem)
    after(dsgd(cluster, 0.1, LINKS), 300)
    assert len(cluster._mixers) <= 64


def test_messages_and_seconds_of_one_round(problem):
    link = Link(latency=1.0, bandwidth=8.0)  # a number a second, after a second
    for graph, messages, seconds in ((topology.complete(M), M * (M - 1), 11 * 5), (GRAPH, 2 * M, 2 * 5)):
        cluster = SimulatedCluster(problem, compute=1e-9, link=link)
        after(dsgd(cluster, 0.1, topology.metropolis(graph)), 1)
        assert cluster.messages == messages and cluster.bytes == messages * 8 * D
        assert cluster.seconds == pytest.approx(seconds)
    cluster = SimulatedCluster(problem, compute=1e-9, link=link)
    after(push_sum_sgd(cluster, 0.1, topology.push_weights(topology.directed_ring(M))), 1)
    assert cluster.bytes == M * 8 * (D + 1)  # the weight travels with the sums


BAD = {
    "wrong size": (lambda c: dsgd(c, 0.1, np.eye(3)), r"shape \(3, 3\), but there are 12 workers"),
    "rows": (lambda c: dsgd(c, 0.1, 2 * W), "not row-stochastic: row 0 sums to 2, not 1"),
    "columns": (lambda c: extra(c, 0.1, topology.push_weights(topology.star(M)).T), "not doubly stochastic: column 0"),
    "weights": (lambda c: push_sum_sgd(c, 0.1, W * 1.5), "not column-stochastic: column 0 sums to 1.5"),
    "negative": (lambda c: push_sum_sgd(c, 0.1, 2 * np.eye(M) - W), "negative weight"),
    "no matrix": (lambda c: dsgd(c, 0.1, "ring"), "matrix or a function of the round, not a str"),
    "values": (lambda c: gossip(c, np.zeros((3, D)), W), r"one row a worker, 12 in all.* \(3, 4\)"),
    "words": (lambda c: gossip(c, "mine", W), "values are numbers, one row a worker, not 'mine'"),
    "changing": (lambda c: next(chebyshev_gossip(c, np.zeros((M, D)), LINKS)), "one mixing matrix for all rounds"),
    "changing, compressed": (lambda c: next(choco_sgd(c, 0.1, LINKS, TOP, 0.1)), "one mixing matrix for all rounds"),
    "step": (lambda c: dsgd(c, -1, W), "step size must be positive"),
    "no price": (lambda c: next(admm(c, 0)), "rho must be a positive number"),
    "centres": (lambda c: c.proximal(np.zeros((1, D)), 1.0), "one centre a worker"),
    "links": (lambda c: topology.failing_links(GRAPH, 1.0), "from 0 to below 1"),
    "mu": (lambda c: bounds.admm_factor(1.0, 1.0, 0.0), "0 < mu <= L"),
}


@pytest.mark.parametrize("call, words", BAD.values(), ids=BAD)
def test_errors_come_at_the_call_in_one_line(call, words, problem):
    with pytest.raises(CourseError, match=words) as caught:
        call(SimulatedCluster(problem))
    assert "\n" not in str(caught.value)


def test_push_sum_needs_equal_weights():
    weighted = Quadratic(np.ones((2, 1, 1)), np.zeros((2, 1)), weights=np.array([1.0, 3.0]))
    with pytest.raises(CourseError, match="equal"):
        push_sum_sgd(SimulatedCluster(weighted), 0.1, topology.uniform(2))


def test_a_matrix_that_turns_bad_is_found_when_it_is_used(problem):
    states = dsgd(SimulatedCluster(problem), 0.1, lambda t: W if t < 3 else 2 * W)
    with pytest.raises(CourseError, match="row 0 sums to 2"):
        after(states, 5)
