"""Asynchronous methods and what theory says of them: theory.md 5, and that a run can be stopped anywhere."""

from itertools import islice

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from toys import Hills, toy

from course_lib import bounds
from course_lib.clusters import Constant, Exponential, Link, Pareto, SimulatedCluster, Speeds, slow_worker
from course_lib.errors import CourseError
from course_lib.experiment import History, run, sweep
from course_lib.methods import (
    async_sgd,
    delay_adaptive,
    downpour_sgd,
    hogwild_sgd,
    iag,
    stale_synchronous_sgd,
    sync_sgd,
)
from course_lib.problems import LeastSquares, LogisticRegression, Quadratic, SoftmaxRegression

INSTANT = Link(latency=0.0, bandwidth=np.inf)
METHODS = {
    "async": lambda c, **k: async_sgd(c, 0.05, **k),
    "adaptive": lambda c, **k: async_sgd(c, delay_adaptive(0.1, 0.2), **k),
    "stale synchronous": lambda c, **k: stale_synchronous_sgd(c, 0.05, bound=1, **k),
    "iag": lambda c, **k: iag(c, 0.05, **k),
    "hogwild": lambda c, **k: hogwild_sgd(c, 0.05, **k),
    "downpour": lambda c, **k: downpour_sgd(c, 0.05, fetch_every=2, push_every=3, adagrad=True, **k),
}
each_method = pytest.mark.parametrize("name", METHODS)


def models(method, T):
    """x_0, x_1, ..., x_T: shape (T + 1, ..., 1, d)."""
    return np.stack([state[0] for state in islice(method, T + 1)])


def one_dimensional(optima):
    """f_i(x) = (x - b_i)^2 / 2."""
    m = len(optima)
    return Quadratic(np.ones((m, 1, 1)), np.reshape(optima, (m, 1)))


# ---- what the methods do, step by step ----------------------------------------------------------------------


@given(seed=st.integers(0, 10**6), m=st.integers(1, 6))
def test_async_sgd_uses_the_gradient_at_the_model_that_was_read(seed, m):
    """x_{t+1} = x_t - eta grad f_i(x_{t - staleness}), recomputed from nothing but the order of arrivals."""
    problem = Quadratic.dialled(m, 3, hessian_spread=0.5, seed=seed)
    cluster = SimulatedCluster(problem, seed=seed, compute=Pareto(1e-3, 1.0))
    run_through = models(async_sgd(cluster, 0.1), 60)
    order = cluster.order
    for t in range(60):
        old, i = run_through[t - order.staleness[t]], order.workers[t]
        step = 0.1 * problem.A[i] @ (old[0] - problem.b[i])
        np.testing.assert_allclose(run_through[t + 1, 0], run_through[t, 0] - step, atol=1e-13)


def test_a_step_size_may_depend_on_the_staleness():
    cluster = SimulatedCluster(one_dimensional([1.0, 1.0]), compute=Speeds(Constant(1.0), (3, 1)), link=INSTANT)
    x = models(async_sgd(cluster, lambda staleness: 0.1 / (1 + staleness)), 40)
    order = cluster.order
    assert set(order.staleness) == {0, 1, 3}
    old = x[np.arange(40) - order.staleness]
    expected = 0.1 / (1 + order.staleness) * (1 - old[:, 0, 0])
    np.testing.assert_allclose(np.diff(x, axis=0)[:, 0, 0], expected, atol=1e-14)


def test_delay_adaptive_shortens_steps_along_old_gradients():
    step = delay_adaptive(0.1, limit=0.25)
    assert [step(0), step(2), step(5), step(100)] == [0.1, 0.1, 0.05, 0.0025]


@given(m=st.integers(1, 6), bound=st.integers(0, 4), seed=st.integers(0, 10**6))
def test_bounded_staleness_is_bounded(m, bound, seed):
    """No worker begins more than `bound` ahead of the slowest, so no gradient is older than (m - 1)(2 bound + 1)."""
    cluster = SimulatedCluster(one_dimensional(np.zeros(m)), seed=seed, compute=Pareto(1e-3, 0.6))
    models(stale_synchronous_sgd(cluster, 0.1, bound), 150)
    order = cluster.order
    done = np.cumsum(order.workers[:, None] == np.arange(m), axis=0)
    assert (done.max(axis=1) - done.min(axis=1)).max() <= bound + 1
    assert order.staleness.max() <= (m - 1) * (2 * bound + 1)


def test_bound_zero_is_synchronous():
    problem = toy(LogisticRegression, (5, 5, 5), weights="equal")
    apart = SimulatedCluster(problem, seed=1, compute=Exponential(1e-3), batch_size=2)
    together = SimulatedCluster(problem, seed=1, batch_size=2)
    stale = models(stale_synchronous_sgd(apart, 0.1 / 3, bound=0), 60)[::3]
    np.testing.assert_allclose(stale, models(sync_sgd(together, 0.1), 20), atol=1e-14)


def test_without_a_barrier_only_the_bound_makes_anyone_wait():
    waits = []
    for bound in (0, 3, 10**6):
        cluster = SimulatedCluster(one_dimensional(np.zeros(4)), compute=slow_worker(4, 10))
        models(stale_synchronous_sgd(cluster, 0.1, bound), 200)
        waits.append(sum(span.end - span.start for span in cluster.trace() if span.kind == "wait"))
    assert waits[0] > waits[1] > waits[2] == 0


def test_downpour_without_local_steps_is_async_sgd():
    problem = toy(SoftmaxRegression)
    both = [
        models(method(SimulatedCluster(problem, compute=Exponential(1e-3), batch_size=2)), 80)
        for method in (lambda c: async_sgd(c, 0.1), lambda c: downpour_sgd(c, 0.1))
    ]
    np.testing.assert_array_equal(*both)


@pytest.mark.parametrize("every", [1, 4, 5])
def test_one_worker_alone_does_plain_sgd(every):
    """Whether it talks to its server after each step or each fifth, what the server gets is the sum of its steps."""
    problem = toy(LogisticRegression, (8,))
    plain = models(sync_sgd(SimulatedCluster(problem, batch_size=3), 0.1), 40)
    down = models(downpour_sgd(SimulatedCluster(problem, batch_size=3), 0.1, every, every), 40)
    np.testing.assert_allclose(down[::every], plain[::every], atol=1e-14)
    for other in (async_sgd, hogwild_sgd):
        np.testing.assert_array_equal(models(other(SimulatedCluster(problem, batch_size=3), 0.1), 40), plain)


def test_adagrad_divides_by_the_root_of_the_summed_squares():
    problem = Quadratic.dialled(1, 3)
    x = models(downpour_sgd(SimulatedCluster(problem), 0.1, adagrad=True), 20)[:, 0]
    g = (x[:-1] - problem.b) @ problem.A[0]
    np.testing.assert_allclose(np.diff(x, axis=0), -0.1 * g / np.sqrt(np.cumsum(g**2, axis=0)), rtol=1e-9)


def test_workers_that_never_meet_do_not_notice_each_other():
    """Hogwild: where rows share no coordinate, delay and torn reads change nothing at all."""
    features = np.kron(np.eye(3), np.ones((4, 2))).reshape(3, 4, 6) * np.random.default_rng(0).normal(size=(3, 4, 6))
    problem = LeastSquares(features, np.ones((3, 4)))
    cluster = SimulatedCluster(problem, compute=Exponential(1e-3))
    x = models(hogwild_sgd(cluster, 0.2), 90)[-1, 0]
    for i, turns in enumerate(np.bincount(cluster.order.workers)):
        own = np.zeros(6)
        for _ in range(turns):
            own = own - 0.2 * problem.gradient(own)[i]
        np.testing.assert_allclose(x[2 * i : 2 * i + 2], own[2 * i : 2 * i + 2], atol=1e-14)


def test_a_torn_read_mixes_two_models():
    """Each coordinate is of the model at the beginning or at the end of the computation, and both occur."""
    problem = Quadratic(np.broadcast_to(np.eye(8), (2, 8, 8)), np.ones((2, 8)))
    cluster = SimulatedCluster(problem, compute=Speeds(Constant(1.0), (3, 1)))
    x = models(hogwild_sgd(cluster, 0.5), 4)[:, 0]
    read = 1 + (x[4] - x[3]) / -0.5  # the slow worker's gradient is read - 1
    assert cluster.order.workers.tolist() == [0, 0, 0, 1]
    early, late = np.isclose(read, x[0]), np.isclose(read, x[3])
    assert (early ^ late).all() and early.any() and late.any()


@each_method
def test_what_was_yielded_stays_as_it_was(name):
    states = list(islice(METHODS[name](SimulatedCluster(toy(Quadratic), batch_size=1)), 30))
    again = islice(METHODS[name](SimulatedCluster(toy(Quadratic), batch_size=1)), 30)
    for kept, state in zip(states, again):
        assert all(np.array_equal(a, b) for a, b in zip(kept, state, strict=True))


@each_method
@pytest.mark.parametrize("stop", [0, 1, 37])
@pytest.mark.parametrize("kind", [LogisticRegression, Quadratic], ids=lambda kind: kind.__name__)
def test_a_run_goes_on_bit_for_bit(name, stop, kind, tmp_path):
    """Stopped anywhere, saved, loaded on other machines: model, clocks, bytes and order are those of one run."""
    settings = {"seed": 5, "batch_size": 2, "compute": Pareto(1e-3, 1.1), "service": 1e-4}
    whole = SimulatedCluster(toy(kind), **settings)
    straight = run(METHODS[name](whole), 80)
    run(METHODS[name](SimulatedCluster(toy(kind), **settings)), stop).save(tmp_path / "half.npz")
    half = History.load(tmp_path / "half.npz")
    cluster = SimulatedCluster(toy(kind), **settings)
    cluster.restore(half.cluster)
    rest = run(METHODS[name](cluster, start=half.state), 80 - stop)
    assert all(np.array_equal(a, b) for a, b in zip(rest.state, straight.state, strict=True))
    assert np.array_equal(rest.loss, straight.loss[stop:])
    assert (rest.rounds[-1], rest.bytes[-1], rest.seconds[-1]) == (80, straight.bytes[-1], straight.seconds[-1])
    assert all(np.array_equal(a, b) for a, b in zip(cluster.order, whole.order, strict=True))


@each_method
def test_the_start_is_not_written_into(name):
    cluster = SimulatedCluster(toy(Quadratic))
    half = run(METHODS[name](cluster), 10)
    before = [np.copy(part) for part in half.state]
    cluster.restore(half.cluster)
    run(METHODS[name](cluster, start=half.state), 10)
    assert all(np.array_equal(a, b) for a, b in zip(half.state, before, strict=True))


@pytest.mark.parametrize("method", [async_sgd, iag, hogwild_sgd, downpour_sgd])
def test_a_sweep_is_as_many_runs(method):
    problem, steps = toy(LogisticRegression), [0.01, 0.1, 0.3]
    cluster = SimulatedCluster(problem, compute=Exponential(1e-3))
    together = sweep(lambda eta: run(method(cluster, eta), 50), steps)
    for eta in steps:
        np.testing.assert_allclose(together[eta].loss, run(method(cluster, eta), 50).loss, rtol=1e-12)


def test_mistakes_are_told_at_the_call():
    cluster = SimulatedCluster(toy(Quadratic))
    with pytest.raises(CourseError, match="bound must be a whole number from 0 on"):
        stale_synchronous_sgd(cluster, 0.1, bound=-1)
    with pytest.raises(CourseError, match="push_every must be a whole number from 1 on"):
        downpour_sgd(cluster, 0.1, push_every=0)
    with pytest.raises(CourseError, match="step size must be positive"):
        async_sgd(cluster, 0)


# ---- theory -----------------------------------------------------------------------------------------------


def threshold(staleness):
    """Largest stable step by bisection on the companion matrix's spectral radius."""
    low, high = 0.0, 2.5
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if bounds.delayed_factor(middle, staleness) < 1 else (low, middle)
    return low


@pytest.mark.parametrize("staleness", range(51))
def test_the_stability_threshold_is_that_of_the_companion_matrix(staleness):
    """Theory 5.1."""
    assert bounds.max_stable_step(staleness) == pytest.approx(threshold(staleness), abs=1e-9)
    assert bounds.max_stable_step(staleness, 4.0) == pytest.approx(threshold(staleness) / 4, abs=1e-9)


def test_the_first_thresholds_are_famous_numbers():
    assert bounds.max_stable_step(np.arange(3)) == pytest.approx([2, 1, (np.sqrt(5) - 1) / 2], rel=1e-15)


@pytest.mark.parametrize("staleness", [0, 1, 2, 5, 20, 50])
def test_no_step_is_faster_than_the_fastest(staleness):
    """Theory 5.1: the factor is tau / (tau + 1), up to the root of rounding, since the root is double."""
    best = bounds.fastest_delayed_step(staleness)
    assert bounds.delayed_factor(best, staleness) == pytest.approx(staleness / (staleness + 1), abs=1e-6)
    steps = np.linspace(0.01, 0.99, 50) * bounds.max_stable_step(staleness)
    assert min(bounds.delayed_factor(s, staleness) for s in steps) >= staleness / (staleness + 1) - 1e-12


def equal_machines(problem, **settings):
    """A cluster on which all gradients, after the first few, are m - 1 updates old."""
    return SimulatedCluster(problem, compute=1.0, link=INSTANT, **settings)


@pytest.mark.parametrize("staleness", [0, 1, 2, 7])
def test_the_library_run_crosses_the_threshold(staleness):
    cluster = equal_machines(one_dimensional(np.zeros(staleness + 1)), initial_model=[1.0])
    limit = bounds.max_stable_step(staleness)
    T = 600 * (staleness + 1)
    for share, stable in ((0.98, True), (1.02, False)):
        x = np.abs(models(async_sgd(cluster, share * limit), T)[:, 0, 0])
        assert (x[-50:].max() < 1e-2 if stable else x[-50:].max() > 1e2), (staleness, share)
    assert (cluster.order.staleness[staleness:] == staleness).all()


@pytest.mark.parametrize("staleness", [0, 4, 16])
@pytest.mark.parametrize("sigma", [0.0, 1.0])
def test_delay_costs_what_the_bound_says(staleness, sigma):
    """Theory 5.2 on a problem that is not convex, steps taken only once gradients of the full delay are there."""
    problem, T = Hills(staleness + 1, 5, sigma), 400
    step_size = 1 / (4 * problem.L * max(1, staleness))
    cluster = equal_machines(problem, batch_size=1, replicates=20, initial_model=np.full(5, 0.8))
    history = run(async_sgd(cluster, lambda s: step_size * (s == staleness) or 1e-300), T)
    bound = bounds.delayed_sgd(T, step_size, problem.L, 5 * sigma**2 / 5, history.loss[0].mean(), staleness)
    assert (history.gradient_norm[:-1] ** 2).mean() <= bound


def test_the_bound_refuses_steps_beyond_its_reach():
    with pytest.raises(CourseError, match=r"1 / \(4 L max\(1, staleness\)\)"):
        bounds.delayed_sgd(100, 0.1, L=1.0, sigma2=1.0, gap=1.0, staleness=3)


@given(seed=st.integers(0, 10**6), eta=st.sampled_from([0.1, 0.01]), speeds=st.sampled_from([(4, 2, 1), (1, 5, 9)]))
def test_unequal_speeds_shift_the_average_model_to_the_weighted_optimum(seed, eta, speeds):
    """The models at which gradients were taken average to sum p_i b_i, p_i the share of arrivals: an identity."""
    optima, T = np.array([0.0, 0.0, 3.0]), 700
    cluster = SimulatedCluster(one_dimensional(optima), seed=seed, compute=Speeds(Exponential(1.0), speeds))
    x = models(async_sgd(cluster, eta), T)[:, 0, 0]
    order = cluster.order
    shares = np.bincount(order.workers, minlength=3) / T
    read = x[np.arange(T) - order.staleness]
    assert read.mean() == pytest.approx(shares @ optima - (x[-1] - x[0]) / (eta * T), abs=1e-12)


def test_a_table_of_gradients_or_a_bound_mends_it():
    """Speeds 4 : 2 : 1, optima 0, 0, 3: async goes to 3/7, the table to 1 exactly, the bound to 1 + O(eta)."""
    speeds = Speeds(Constant(1.0), (4, 2, 1))
    machines = SimulatedCluster(one_dimensional([0.0, 0.0, 3.0]), compute=speeds, link=INSTANT)
    assert models(async_sgd(machines, 0.01), 7000)[3500:].mean() == pytest.approx(3 / 7, abs=1e-3)
    assert models(iag(machines, 0.05), 7000)[-1, 0, 0] == pytest.approx(1.0, abs=1e-12)
    errors = [models(stale_synchronous_sgd(machines, eta, 2), 7000)[3500:].mean() - 1 for eta in (0.02, 0.01)]
    assert abs(errors[1]) < 0.02
    assert errors[1] / errors[0] == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize("m", [2, 8, 32])
def test_a_barrier_costs_the_harmonic_number(m):
    """Theory 5.4, at five standard errors: rounds of sync SGD, and arrivals a second without a barrier."""
    T = 2000
    cluster = SimulatedCluster(one_dimensional(np.zeros(m)), compute=Exponential(1.0), link=INSTANT)
    for _ in islice(sync_sgd(cluster, 0.1), T + 1):
        pass
    deviation = np.sqrt(np.sum(1 / np.arange(1, m + 1) ** 2) / T)
    assert abs(cluster.seconds / T - bounds.wait_for_slowest(m)) < 5 * deviation
    models(async_sgd(cluster, 0.1), T)
    assert cluster.seconds == pytest.approx(T / m, rel=5 / np.sqrt(T))
    fastest = np.sort(np.random.default_rng(0).exponential(size=(T, m)), axis=1)[:, m - m // 4 - 1]
    assert bounds.wait_for_slowest(m, spare=m // 4) == pytest.approx(fastest.mean(), abs=5 * deviation)
