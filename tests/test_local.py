"""Local methods: exact fixed points, what K costs and what it does not, control variates, sampled clients."""

import tracemalloc
from functools import partial

import numpy as np
import pytest
from hypothesis import strategies as st
from toys import EVERY, each, given, toy

from course_lib import bounds, data
from course_lib.clusters import Constant, Link, SimulatedCluster
from course_lib.errors import CourseError
from course_lib.experiment import History, run
from course_lib.explorers import local as explorers
from course_lib.methods import (
    adaptive_local_sgd,
    epochs,
    fedadam,
    fedavg,
    fedavgm,
    fedprox,
    local_sgd,
    periodic_averaging,
    post_local,
    scaffnew,
    scaffold,
    sync_sgd,
)
from course_lib.methods.local import fewer_steps
from course_lib.problems import LogisticRegression, Quadratic

seeds = st.integers(0, 999)
ALL = {
    "local_sgd": partial(local_sgd, step_size=0.1, local_steps=4),
    "fedavg": partial(fedavg, step_size=0.1, local_steps=4, sample=2, dropout=0.2),
    "fedprox": partial(fedprox, step_size=0.1, local_steps=4, rho=0.5, sample=2),
    "scaffold 1": partial(scaffold, step_size=0.1, local_steps=4, sample=2, option=1),
    "scaffold 2": partial(scaffold, step_size=0.1, local_steps=4, sample=2),
    "scaffnew": partial(scaffnew, step_size=0.1, probability=0.3),
    "periodic_averaging": partial(periodic_averaging, step_size=0.1, local_steps=4),
    "adaptive_local_sgd": partial(adaptive_local_sgd, step_size=0.1, local_steps=8, review=3),
    "fedavgm": partial(fedavgm, step_size=0.1, local_steps=4, sample=2),
    "fedadam": partial(fedadam, step_size=0.1, local_steps=4, sample=2),
}
methods = pytest.mark.parametrize("make", ALL.values(), ids=ALL.keys())


def states(method, rounds):
    return [next(method) for _ in range(rounds + 1)]


def limit(method, cluster, rounds=3000, **arguments):
    """Where a method stands after many rounds, shape (d,)."""
    return run(method(cluster, **arguments), rounds, record_every=rounds, quiet=True).model[0]


def spread(m=6, d=4, seed=1, hessian_spread=0.7):
    """Clients that want different things and curve differently."""
    return Quadratic.dialled(m, d, condition=4, hessian_spread=hessian_spread, seed=seed)


# ---- one local step -------------------------------------------------------------------------------------


@each(EVERY)
@pytest.mark.parametrize("method", [local_sgd, fedavg])
@given(seed=seeds, batch_size=st.sampled_from([None, 2]), replicates=st.sampled_from([None, 3]))
def test_one_local_step_is_sync_sgd_bit_for_bit(kind, method, seed, batch_size, replicates):
    problem = toy(kind, seed=seed)
    boot = partial(SimulatedCluster, problem, seed=seed, batch_size=batch_size, replicates=replicates)
    ours, theirs = (
        run(make(boot(), step_size=0.1), 10, quiet=True) for make in (partial(method, local_steps=1), sync_sgd)
    )
    assert np.array_equal(ours.model, theirs.model) and np.array_equal(ours.loss, theirs.loss)
    assert np.array_equal(ours.bytes, theirs.bytes) and np.array_equal(ours.seconds, theirs.seconds)


def test_post_local_sgd_is_sync_sgd_at_first():
    problem = spread()
    at_first = states(sync_sgd(SimulatedCluster(problem), 0.1), 6)
    later = states(local_sgd(SimulatedCluster(problem), 0.1, post_local(5, 8)), 6)
    assert all(np.array_equal(a[0], b[0]) for a, b in zip(at_first[:6], later[:6]))
    assert not np.allclose(at_first[6][0], later[6][0])


@pytest.mark.parametrize("K", [2, 3, 7])
@given(seed=seeds)
def test_averaging_every_k_steps_is_local_sgd(K, seed):
    problem = toy(Quadratic, seed=seed)
    boot = partial(SimulatedCluster, problem, batch_size=1, seed=seed)
    slow = states(periodic_averaging(boot(), 0.1, K), 5 * K)
    for (x, _), (X, _, _) in zip(states(local_sgd(boot(), 0.1, K), 5), slow[::K]):
        np.testing.assert_allclose(X, np.broadcast_to(x, X.shape), atol=1e-13)


# ---- 6.1 identical quadratics: K costs nothing ------------------------------------------------------------


@given(seed=seeds, K=st.sampled_from([2, 4, 8, 24, 60]))
def test_on_identical_quadratics_local_steps_cost_nothing(seed, K):
    """The mean model after T steps does not depend on K, whatever the noise."""
    problem = Quadratic.dialled(4, 5, optimum_spread=0, noise=1.0, seed=seed)
    boot = partial(SimulatedCluster, problem, seed=seed, batch_size=1, initial_model=np.ones(5))
    local, sync = (run(local_sgd(boot(), 0.2, k), 120 // k, quiet=True).model for k in (K, 1))
    np.testing.assert_allclose(local, sync, atol=1e-13)


# ---- 6.2 identical, strongly convex -----------------------------------------------------------------------


class Skewed(Quadratic):
    """f(x) = sum_j softplus(2 x_j)/2 + mu x_j^2 / 2 + x_j / 4: L = 1/2 + mu, and its curvature changes."""

    mu, L = 0.2, 0.7

    def __init__(self, m, noise):
        super().__init__(np.broadcast_to(np.eye(1), (m, 1, 1)), np.zeros((m, 1)), noise)

    def losses(self, X):
        loss = np.logaddexp(0, 2 * X) / 2 + self.mu / 2 * X**2 - X / 4
        return np.broadcast_to(loss.sum(-1), (*X.shape[:-2], self.m))

    def gradient(self, X, batch=None, workers=slice(None)):
        G = 1 / (1 + np.exp(-2 * X)) + self.mu * X - 1 / 4
        G = np.broadcast_to(G, (*X.shape[:-2], self.m, 1))[..., workers, :]
        return G if batch is None else G + batch

    def minimiser(self):
        x = 0.0
        for _ in range(500):
            x = x - (1 / (1 + np.exp(-2 * x)) + self.mu * x - 1 / 4)
        return x


@pytest.mark.parametrize("K", [1, 4, 16])
def test_identical_workers_stay_below_theorem_6_2(K):
    """Also the spread of local models, and at K = 16 a floor that plainly is higher than at K = 1."""
    m, sigma, eta, replicates = 4, 2.0, 0.25 / 0.7, 1000
    problem = Skewed(m, sigma)
    cluster = SimulatedCluster(problem, batch_size=1, replicates=replicates, initial_model=np.full(1, 4.0))
    optimum = problem.minimiser()
    apart, distance = [], []
    for X, _, _ in states(periodic_averaging(cluster, eta, K), 96):
        mean = X.mean(-2, keepdims=True)
        apart.append(((X - mean) ** 2).sum(-1).mean())
        distance.append(((mean - optimum) ** 2).mean())
    bound = bounds.local_sgd(np.arange(97), eta, K, problem.L, problem.mu, m, sigma**2, (4 - optimum) ** 2)
    assert (np.array(distance) <= bound * 1.02).all()  # Monte Carlo: the start is met exactly
    assert max(apart) <= 1.15 * bounds.local_spread(eta, K, m, sigma**2) + 1e-12


def test_theorem_6_2_refuses_long_steps():
    with pytest.raises(CourseError, match=r"step sizes up to 1/\(4L\)"):
        bounds.local_sgd(1, 0.3, 2, 1.0, 0.1, 4, 1.0, 1.0)


def test_the_bound_of_6_2_has_its_constants():
    """(1 - eta mu)^t R^2 + eta sigma^2/(mu m) + 2 L eta^2 (K - 1) sigma^2/mu, in numbers."""
    bound = partial(bounds.local_sgd, step_size=0.1, L=2.0, mu=0.5, m=4, sigma2=3.0, distance2=7.0)
    np.testing.assert_allclose(bound(np.array([0, 2]), local_steps=5), np.array([7, 0.95**2 * 7]) + 0.15 + 0.96)
    assert bound(0, local_steps=1) == pytest.approx(7.15)  # one local step pays nothing


def test_workers_that_only_diffuse_meet_the_spread():
    """Without curvature nothing pulls them together, and 6.2's spread is exact: before averaging, K - 1 steps apart."""
    m, sigma, eta, K, replicates = 4, 2.0, 0.3, 5, 2000
    flat = Quadratic(np.full((m, 1, 1), 1e-9), np.zeros((m, 1)), noise=sigma)
    X, _, _ = states(periodic_averaging(SimulatedCluster(flat, batch_size=1, replicates=replicates), eta, K), K - 1)[-1]
    apart = ((X - X.mean(-2, keepdims=True)) ** 2).sum(-1).mean()
    deviations = 4 * np.sqrt(2 / (replicates * (m - 1)))
    assert apart == pytest.approx(bounds.local_spread(eta, K, m, sigma**2), rel=deviations)


# ---- 6.4 FedAvg's fixed point -----------------------------------------------------------------------------


@given(seed=seeds, K=st.integers(1, 30), eta=st.floats(0.02, 0.4))
def test_fedavg_stops_at_the_fixed_point_of_the_formula(seed, K, eta):
    problem = spread(seed=seed)
    predicted = bounds.local_fixed_point(problem.A, problem.b, eta, K)
    cluster, rounds = SimulatedCluster(problem, initial_model=predicted + 1e-3), int(200 / (eta * K)) + 20
    np.testing.assert_allclose(limit(fedavg, cluster, rounds, step_size=eta, local_steps=K), predicted, atol=1e-10)


@pytest.mark.parametrize("weights", ["pooled", "equal", [1.0, 2.0, 5.0, 2.0, 1.0, 4.0]])
def test_weights_move_the_fixed_point(weights):
    problem = spread()
    problem.sizes = np.array([5, 50, 10, 20, 5, 10])
    given_ = (
        {"pooled": problem.sizes, "equal": np.ones(6)}.get(weights, weights) if isinstance(weights, str) else weights
    )
    share = np.asarray(given_) / np.sum(given_)
    predicted = bounds.local_fixed_point(problem.A, problem.b, 0.2, 5, weights=share)
    reached = limit(fedavg, SimulatedCluster(problem), step_size=0.2, local_steps=5, weights=weights)
    np.testing.assert_allclose(reached, predicted, atol=1e-10)


def bias(problem, eta, K):
    return bounds.local_fixed_point(problem.A, problem.b, eta, K) - problem.optimum()


def test_the_bias_is_of_first_order_in_the_step_and_in_k_minus_one():
    problem = spread()
    steps, locals_ = np.array([1e-4, 2e-4, 4e-4]), np.array([2, 5, 9])
    in_step = [np.linalg.norm(bias(problem, eta, 5)) for eta in steps]
    in_k = [np.linalg.norm(bias(problem, 1e-4, K)) for K in locals_]
    assert np.polyfit(np.log(steps), np.log(in_step), 1)[0] == pytest.approx(1, abs=0.05)
    assert np.polyfit(np.log(locals_ - 1), np.log(in_k), 1)[0] == pytest.approx(1, abs=0.05)
    first = bounds.local_bias(problem.A, problem.gradient(problem.optimum()), 1e-4, 5)
    np.testing.assert_allclose(bias(problem, 1e-4, 5), first, rtol=0, atol=0.01 * np.linalg.norm(first))


@given(seed=seeds, K=st.integers(1, 50))
def test_no_bias_for_one_step_or_equal_hessians(seed, K):
    assert np.linalg.norm(bias(spread(seed=seed), 0.2, 1)) < 1e-12
    assert np.linalg.norm(bias(spread(seed=seed, hessian_spread=0), 0.2, K)) < 1e-12


def test_many_local_steps_end_at_the_mean_of_the_clients_optima():
    problem = spread()
    np.testing.assert_allclose(
        bounds.local_fixed_point(problem.A, problem.b, 0.2, np.inf), problem.b.mean(0), atol=1e-12
    )


# ---- 6.5 SCAFFOLD -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("option", [1, 2])
@pytest.mark.parametrize("sample", [None, 2])
def test_scaffold_reaches_the_optimum_where_fedavg_stalls(option, sample):
    problem = spread()
    optimum, eta = problem.optimum(), 0.1 if sample is None else 0.05
    reached = limit(scaffold, SimulatedCluster(problem), step_size=eta, local_steps=10, option=option, sample=sample)
    assert abs(reached - optimum).max() <= 1e-12
    assert np.linalg.norm(limit(fedavg, SimulatedCluster(problem), step_size=eta, local_steps=10) - optimum) > 1e-2


@pytest.mark.parametrize("option", [1, 2])
@given(seed=seeds, sample=st.sampled_from([None, 1, 2]), K=st.integers(1, 6), weights=st.sampled_from([None, "skewed"]))
def test_c_is_the_mean_of_all_c_i_in_every_round(option, seed, sample, K, weights):
    problem = toy(Quadratic, seed=seed)
    share = np.full(3, 1 / 3) if weights is None else np.array([0.6, 0.3, 0.1])
    problem.weights = share
    cluster = SimulatedCluster(problem, seed=seed, batch_size=1)
    for _, C, c, _ in states(scaffold(cluster, 0.1, K, sample=sample, option=option), 15):
        np.testing.assert_allclose(share @ C, c[0], atol=1e-12)


def test_scaffolds_message_is_twice_as_long():
    problem = spread()
    ours, theirs = (
        run(method(SimulatedCluster(problem), 0.1, 3), 7, quiet=True).bytes[-1] for method in (scaffold, fedavg)
    )
    assert ours == 2 * theirs


def test_scaffolds_server_takes_its_own_step():
    whole, half = (states(scaffold(SimulatedCluster(spread()), 0.1, 3, server_step=s), 1)[-1][0] for s in (1.0, 0.5))
    np.testing.assert_allclose(half, whole / 2, atol=1e-15)  # both start from zero


def test_option_one_is_paid_with_a_gradient_more():
    cluster = SimulatedCluster(spread(), compute=Constant(1.0), link=Link(0.0, np.inf))
    assert [run(scaffold(cluster, 0.1, 3, option=k), 4, quiet=True).seconds[-1] for k in (1, 2)] == [16, 12]


def test_the_optimum_with_its_gradients_is_a_fixed_point_of_scaffold_and_scaffnew():
    problem = spread()
    x = problem.optimum()[None]
    G = problem.gradient(x)
    cluster = SimulatedCluster(problem)
    for method in (
        scaffold(cluster, 0.1, 9, start=(x, G, 0 * x, 0)),
        scaffold(cluster, 0.1, 9, sample=2, start=(x, G, 0 * x, 0)),
        scaffnew(cluster, 0.1, 0.2, start=(x, G, 0)),
    ):
        assert abs(states(method, 5)[-1][0] - x).max() < 1e-13


def test_scaffnew_reaches_the_optimum_and_its_shifts_sum_to_zero():
    problem = spread()
    reached = states(scaffnew(SimulatedCluster(problem), 0.3, 0.3), 400)
    assert max(abs(h.mean(0)).max() for _, h, _ in reached) < 1e-13
    assert abs(reached[-1][0] - problem.optimum()).max() < 1e-12


def test_a_scaffnew_shift_moves_by_p_over_eta_times_the_way_to_the_mean():
    problem, seed = spread(), next(s for s in range(99) if np.random.default_rng([s, 0]).geometric(0.3) == 1)
    x, h, _ = states(scaffnew(SimulatedCluster(problem), 0.2, 0.3, seed=seed), 1)[-1]
    own = -0.2 * problem.gradient(np.zeros(4))  # where each stands after the one step
    np.testing.assert_allclose(h, 0.3 / 0.2 * (x - own), atol=1e-14)


@given(seed=seeds)
def test_scaffnew_that_always_communicates_is_gradient_descent(seed):
    problem = spread(seed=seed)
    ours, theirs = limit(scaffnew, SimulatedCluster(problem), 20, step_size=0.3, probability=1), None
    theirs = limit(sync_sgd, SimulatedCluster(problem), 20, step_size=0.3)
    np.testing.assert_allclose(ours, theirs, atol=1e-12)


# ---- 6.6 FedProx ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rho", [0.1, 1.0, 10.0])
def test_fedprox_stops_at_its_fixed_point(rho):
    problem = spread()
    eta = 0.5 / (problem.L_workers.max() + rho)
    predicted = bounds.local_fixed_point(problem.A, problem.b, eta, 3, rho)
    cluster = SimulatedCluster(problem, initial_model=predicted + 1e-3)
    reached = limit(fedprox, cluster, 2000, step_size=eta, local_steps=3, rho=rho)
    np.testing.assert_allclose(reached, predicted, atol=1e-10)


@pytest.mark.parametrize("rho", [0.1, 1.0, 10.0])
def test_with_many_local_steps_the_proximal_problems_are_solved_exactly(rho):
    """A round of FedProx from anywhere is the mean of the clients' proximal points, and the fixed point stays."""
    problem, eta = spread(), 0.5 / (3 + rho)
    exact = bounds.local_fixed_point(problem.A, problem.b, eta, np.inf, rho)
    cluster = SimulatedCluster(problem, initial_model=exact)
    assert abs(limit(fedprox, cluster, 1, step_size=eta, local_steps=1500, rho=rho) - exact).max() < 1e-12
    proximal = cluster.proximal(np.ones((6, 4)), rho).mean(0)
    far = SimulatedCluster(problem, initial_model=np.ones(4))
    np.testing.assert_allclose(limit(fedprox, far, 1, step_size=eta, local_steps=1500, rho=rho), proximal, atol=1e-11)


def test_fedprox_with_exact_solutions_is_less_biased_the_stiffer_the_rope():
    problem = spread()
    biases = [
        np.linalg.norm(bounds.local_fixed_point(problem.A, problem.b, 0.01, np.inf, rho) - problem.optimum())
        for rho in (0.1, 1, 10, 100, 1000)
    ]
    assert all(np.diff(biases) < 0) and biases[-1] > 0
    assert biases[-2] / biases[-1] == pytest.approx(10, rel=0.1)  # like 1/rho, and never zero


# ---- sampling ---------------------------------------------------------------------------------------------


def clients(m=40):
    features, labels = data.classification(workers=m, rows=6, d=3)
    return LogisticRegression(features, labels, l2=0.1)


def test_a_sample_of_all_is_everyone():
    problem = clients(8)
    ours, theirs = (
        run(fedavg(SimulatedCluster(problem, batch_size=2), 0.1, 3, sample=k), 5, quiet=True).model for k in (8, None)
    )
    np.testing.assert_allclose(ours, theirs, atol=1e-14)


@pytest.mark.parametrize("share, rows", [(1, 5), (3, 5), (5, 2)])
def test_an_epoch_is_a_pass_over_the_rows_of_every_client(share, rows):
    sizes = np.array([7, 20, 13])
    problem = LogisticRegression([np.ones((n, 2)) for n in sizes], [np.zeros(n) for n in sizes], weights="pooled")
    for batch_size in (rows, -(-sizes // share)):
        K = epochs(SimulatedCluster(problem, batch_size=batch_size), 2)
        assert (K / 2 * np.broadcast_to(batch_size, 3) >= sizes).all(), "somebody did not get through"
        assert ((K / 2 - 1) * np.broadcast_to(batch_size, 3) < sizes).any(), "one step fewer would have done"
    assert epochs(SimulatedCluster(problem)) == 1
    with pytest.raises(CourseError, match="has none"):
        epochs(SimulatedCluster(spread()))


def test_samples_are_uniform_and_differ_from_round_to_round():
    cluster, counts = SimulatedCluster(clients()), np.zeros(40)
    for _ in range(2000):
        team = cluster.select(10)
        assert team.m == 10 and (np.diff(team.workers) > 0).all()
        counts[team.workers] += 1
    assert abs(counts / 2000 - 0.25).max() < 5 * np.sqrt(0.25 * 0.75 / 2000)


def test_a_client_draws_the_same_rows_whoever_else_takes_part():
    """Its stream depends on the seed and on its number alone, and begins when it is first asked."""
    problem = clients()
    whole = SimulatedCluster(problem, seed=3, batch_size=2)
    everyone = whole.gradient(whole.start())
    some = SimulatedCluster(problem, seed=3, batch_size=2)
    team = some.select(7)
    np.testing.assert_allclose(team.gradient(some.start()), everyone[team.workers], atol=1e-15)
    assert set(some.state()["streams"]) == set(team.workers.tolist())


def test_lost_clients_do_not_count():
    cluster, sizes = SimulatedCluster(clients()), []
    for _ in range(1000):
        sizes.append(cluster.select(10, dropout=0.3).m)
    assert abs(np.mean(sizes) - 7) < 5 * np.sqrt(2.1 / 1000) and min(sizes) >= 1
    assert all(cluster.select(2, dropout=0.999).m >= 1 for _ in range(50))


def test_a_round_of_a_few_is_paid_by_a_few():
    """Their clocks, their messages; a round begins when the one before is over."""
    problem = clients()
    cluster = SimulatedCluster(problem, compute=Constant(1.0), link=Link(0.5, np.inf))
    history = run(fedavg(cluster, 0.1, 3, sample=4), 5, quiet=True)
    assert np.array_equal(history.seconds, (3 * 1.0 + 2 * 3 * 0.5) * np.arange(6))  # ring: 2 (4 - 1) latencies
    assert history.bytes[-1] == 5 * 2 * 3 * 8 * problem.d
    assert {span.worker for span in cluster.trace() if span.kind == "compute"} <= set(range(40))


@pytest.mark.parametrize("rho", [0.0, 0.5])
def test_a_round_is_that_of_those_who_answered(rho):
    """FedAvg and FedProx by hand, with the clients that a cluster of the same seed selects and loses."""
    problem, method = clients(), partial(fedprox, rho=rho) if rho else fedavg
    arguments = {"step_size": 0.2, "local_steps": 3, "sample": 10, "dropout": 0.5}
    x, _ = states(method(SimulatedCluster(problem, seed=3), **arguments), 1)[-1]
    team = SimulatedCluster(problem, seed=3).select(10, 0.5)
    assert team.m < 10
    Y = np.zeros((team.m, problem.d))
    for _ in range(3):
        Y = Y - 0.2 * (problem.gradient(Y, None, team.workers) + rho * Y)
    np.testing.assert_allclose(x, Y.mean(0, keepdims=True), atol=1e-14)


def test_who_does_not_take_part_holds_no_model():
    """A round of 50 among 20,000 needs less memory than a quarter of 20,000 models."""
    features, labels = data.classification(workers=20_000, rows=2, d=100)
    problem = LogisticRegression(features, labels, l2=0.1)
    going = fedavg(SimulatedCluster(problem, batch_size=1), 0.1, 5, sample=50)
    next(going)
    tracemalloc.start()
    next(going), next(going)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20_000 * 100 * 8 / 4


def test_weights_of_a_sample_are_those_of_its_members():
    cluster = SimulatedCluster(clients(5))
    team = cluster.select(2, weights=[1, 2, 3, 4, 5])
    V = np.eye(5)[team.workers]
    share = np.array([1, 2, 3, 4, 5.0])[team.workers]
    np.testing.assert_allclose(team.mean(V)[0][team.workers], share / share.sum())
    assert team.share == pytest.approx(share.sum() / 15)
    assert np.array_equal(team.broadcast(V[:1]), V[:1])


# ---- adaptive methods -------------------------------------------------------------------------------------


def test_adacomm_takes_fewer_and_fewer_local_steps():
    problem = spread()
    history = [s[1] for s in states(adaptive_local_sgd(SimulatedCluster(problem), 0.1, 32, review=4), 40)]
    assert history[:4] == [32] * 4 and all(np.diff(history) <= 0) and history[-1] == 1
    assert fewer_steps(0.25, 1.0, 32, 32) == 16 and fewer_steps(0.9, 1.0, 32, 32) == 31
    assert fewer_steps(1.0, 1.0, 32, 32) == 16 and fewer_steps(2.0, 1.0, 32, 1) == 1


def test_so_it_ends_at_the_optimum_where_a_fixed_k_does_not():
    problem, gap = spread(), []
    for make in (partial(adaptive_local_sgd, review=10), local_sgd):
        history = run(make(SimulatedCluster(problem), step_size=0.2, local_steps=16), 400, record_every=400, quiet=True)
        gap.append(history.loss[-1] - problem.loss(problem.optimum()))
    assert gap[0] < 1e-12 < 1e-4 < gap[1]


def test_error_and_runtime_in_numbers():
    """2 gap/(eta T) (Y + C/K) + eta L sigma^2/m + eta^2 L^2 sigma^2 (K - 1)."""
    bound = bounds.error_runtime(3, 100.0, 0.1, L=2.0, m=4, sigma2=3.0, gap=5.0, compute=1.0, communicate=10.0)
    assert bound == pytest.approx(1 + 10 / 3 + 0.15 + 0.24)


@given(budget=st.floats(1, 1e4), price=st.floats(0.1, 100), eta=st.floats(0.01, 0.2))
def test_the_best_number_of_local_steps_minimises_the_bound(budget, price, eta):
    K = np.geomspace(1, 1e6, 20001)
    time = partial(bounds.error_runtime, budget=budget, step_size=eta, L=1.0, m=4, sigma2=2.0, gap=3.0, compute=1.0)
    best = bounds.best_local_steps(budget, eta, 1.0, 2.0, 3.0, price)
    assert time(best, communicate=price) <= time(K, communicate=price).min() * (1 + 1e-6)


def test_server_momentum_without_memory_is_fedavg():
    problem = spread()
    ours = limit(fedavgm, SimulatedCluster(problem), 30, step_size=0.1, local_steps=4, momentum=0.0)
    theirs = limit(fedavg, SimulatedCluster(problem), 30, step_size=0.1, local_steps=4)
    np.testing.assert_allclose(ours, theirs, atol=1e-14)


def test_server_momentum_by_hand():
    """v <- beta v + change, x <- x - eta_g v, twice."""
    problem = spread()
    x, v, _ = states(fedavgm(SimulatedCluster(problem), 0.1, 4, momentum=0.6, server_step=0.5), 2)[-1]

    def change(x):
        return x - limit(fedavg, SimulatedCluster(problem, initial_model=x), 1, step_size=0.1, local_steps=4)

    start = np.zeros(4)
    first = change(start)
    middle = start - 0.5 * first
    np.testing.assert_allclose(v[0], 0.6 * first + change(middle), atol=1e-14)
    np.testing.assert_allclose(x[0], middle - 0.5 * v[0], atol=1e-14)


def test_fedadam_by_hand():
    problem = spread()
    x, v, s, _ = states(fedadam(SimulatedCluster(problem), 0.1, 1, server_step=0.5, floor=0.01), 1)[-1]
    g = 0.1 * problem.full_gradient(np.zeros(4))
    np.testing.assert_allclose(v, 0.1 * g)
    np.testing.assert_allclose(s, 0.99 * 1e-4 + 0.01 * g**2)
    np.testing.assert_allclose(x, -0.5 * v / (np.sqrt(s) + 0.01))


# ---- explorers --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("K, spread", [(1, 0.5), (10, 1.0), (50, 0.0), (200, 1.0)])
def test_the_drift_explorer_marks_where_the_server_ends(K, spread):
    """Its clients set out from the mark, their mean comes back to it, and so does the server."""
    *paths, server, optimum, fixed, _ = explorers.drift_picture(K, spread).marks
    mark = np.array([fixed.x[0], fixed.y[0]])
    for place, x in ((0, mark), (-1, mark)):
        ends = np.mean([(path.x[place], path.y[place]) for path in paths], axis=0)
        np.testing.assert_allclose(ends, x, atol=1e-12)
    np.testing.assert_allclose((server.x[-1], server.y[-1]), mark, atol=1e-3)
    at_the_optimum = np.allclose(mark, (optimum.x[0], optimum.y[0]), atol=1e-9)
    assert at_the_optimum == (K == 1 or spread == 0)


@pytest.mark.parametrize("network", explorers.NETWORKS)
def test_clocks_of_the_digits_explorer_are_those_of_the_cluster(network):
    K, every = 4, 2
    cluster = SimulatedCluster(explorers.digits_of(1.0), batch_size=16, link=explorers.NETWORKS[network])
    history = run(local_sgd(cluster, 0.2, K), 3 * every, record_every=every, quiet=True)
    for clock, unit in (("rounds", 1), ("bytes", 1e6), ("seconds", 1)):
        curve = explorers.digits_picture(1.0, clock, network).marks[explorers.LOCAL_STEPS.index(K)]
        np.testing.assert_allclose(curve.x[1:4], np.maximum(vars(history)[clock][1:], 0) / unit)
        np.testing.assert_allclose(curve.y[1:4], history.accuracy[1:])


# ---- all methods ------------------------------------------------------------------------------------------


@methods
@pytest.mark.parametrize("replicates", [None, 3])
def test_killed_and_resumed_bit_for_bit(make, replicates, tmp_path):
    boot = partial(SimulatedCluster, toy(Quadratic), seed=5, batch_size=2, replicates=replicates)
    whole = run(make(boot()), 20, quiet=True)
    run(make(boot()), 8, quiet=True).save(tmp_path / "killed.npz")
    saved, fresh = History.load(tmp_path / "killed.npz"), boot()
    fresh.restore(saved.cluster)
    rest = run(make(fresh, start=saved.state), 12, quiet=True)
    assert all(np.array_equal(a, b) for a, b in zip(whole.state, rest.state, strict=True))
    assert rest.bytes[-1] == whole.bytes[-1] and rest.seconds[-1] == whole.seconds[-1]


@methods
def test_a_sweep_is_as_many_single_runs(make):
    cluster = SimulatedCluster(toy(Quadratic), seed=1, batch_size=2)
    if make.func is adaptive_local_sgd:
        pytest.skip("its number of local steps depends on the loss of all experiments together")
    steps = np.array([0.02, 0.1]).reshape(-1, 1, 1)
    together = run(make(cluster, step_size=steps), 6, quiet=True)
    for r, eta in enumerate((0.02, 0.1)):
        np.testing.assert_allclose(
            together.loss[:, r], run(make(cluster, step_size=eta), 6, quiet=True).loss, rtol=1e-11
        )


@methods
def test_what_was_yielded_is_not_changed_later(make):
    going = make(SimulatedCluster(toy(Quadratic)))
    seen = [next(going) for _ in range(4)]
    copies = [[np.copy(part) for part in state] for state in seen]
    for _ in range(4):
        next(going)
    assert all(np.array_equal(a, b) for one, two in zip(seen, copies) for a, b in zip(one, two))


def test_mistakes_are_told_at_the_call():
    cluster = SimulatedCluster(toy(Quadratic))
    for arguments, words in {
        (("local_steps", 0),): "local_steps must be a whole number from 1 on, not 0",
        (("local_steps", 2), ("sample", 4)): "a sample is a whole number of workers from 1 to 3, not 4",
        (("local_steps", 2), ("dropout", 1.0)): "dropout is a probability below 1",
        (("local_steps", 2), ("weights", "fair")): "weights are 'equal', 'pooled' or an array",
    }.items():
        with pytest.raises(CourseError, match=words):
            fedavg(cluster, 0.1, **dict(arguments))
    with pytest.raises(CourseError, match="option must be 1 or 2, not 3"):
        scaffold(cluster, 0.1, 2, option=3)
    with pytest.raises(CourseError, match="probability must be above 0 and at most 1, not 0"):
        scaffnew(cluster, 0.1, 0)
