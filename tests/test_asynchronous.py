"""Asynchronous methods and what theory says of them: theory.md 5, and that a run can be stopped anywhere."""

from itertools import islice

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from toys import toy

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
    """Each coordinate is of the model at the beginning or at the end of the computation, by a new toss each time."""
    problem = Quadratic(np.broadcast_to(np.eye(16), (2, 16, 16)), np.ones((2, 16)))
    cluster = SimulatedCluster(problem, compute=Speeds(Constant(1.0), (3.1, 1)))
    x = models(hogwild_sgd(cluster, 0.5), 8)[:, 0]
    assert cluster.order.workers.tolist() == [0, 0, 0, 1, 0, 0, 0, 1]
    tosses = []
    for begin, end in ((0, 3), (4, 7)):
        read = 1 + (x[end + 1] - x[end]) / -0.5  # the slow worker's gradient is read - 1
        early, late = np.isclose(read, x[begin]), np.isclose(read, x[end])
        assert (early ^ late).all() and early.any() and late.any()
        tosses.append(late)
    assert not np.array_equal(*tosses)


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
    settings = {"seed": 5, "batch_size": 2, "compute": Pareto(1e-3, 1.1), "service": 3e-3}
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
def test_a_state_that_was_taken_stays_as_it_was(name):
    """While the run goes on; and going on from it is going on as the run did."""
    cluster = SimulatedCluster(toy(Quadratic), batch_size=1, compute=Exponential(1e-3))
    running = METHODS[name](cluster)
    *_, state = islice(running, 11)
    saved = cluster.state()
    went_on = list(islice(running, 20))[-1]
    cluster.restore(saved)
    assert np.array_equal(models(METHODS[name](cluster, start=state), 20)[-1], went_on[0])


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
