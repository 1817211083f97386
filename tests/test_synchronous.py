"""Synchronous SGD: exact identities, the variance of the averaged gradient, and three theorems."""

import numpy as np
import pytest
from hypothesis import strategies as st
from toys import CONVEX, EMPIRICAL, EVERY, Hills, each, given, pooled, rows, toy

from course_lib import bounds, costs
from course_lib.clusters import Constant, Link, SimulatedCluster
from course_lib.errors import CourseError
from course_lib.experiment import run, sweep
from course_lib.methods import METHODS, inverse_time, parameter_server_sgd, sync_sgd
from course_lib.problems import LeastSquares, Quadratic

BOTH = pytest.mark.parametrize("method", [sync_sgd, parameter_server_sgd])
sizes = st.lists(st.integers(1, 6), min_size=1, max_size=5)
seeds = st.integers(0, 999)


def steps(method, rounds):
    """The models after 0, 1, ... rounds."""
    states = (next(method) for _ in range(rounds + 1))
    return np.array([x for x, _ in states])


# ---- 2.1 exact identities -------------------------------------------------------------------------------


@each(EMPIRICAL)
@given(sizes=sizes, seed=seeds)
def test_the_iterates_are_those_of_one_worker_with_all_rows(kind, sizes, seed):
    many = steps(sync_sgd(SimulatedCluster(toy(kind, sizes, seed)), 0.2), 10)
    one = steps(sync_sgd(SimulatedCluster(pooled(kind, sizes, seed)), 0.2), 10)
    np.testing.assert_allclose(many, one, atol=1e-12)


class Watched(LeastSquares):
    """Least squares that remembers which rows were drawn."""

    drawn = ()

    def sample(self, *args, **kwargs):
        batch = super().sample(*args, **kwargs)
        self.drawn = (*self.drawn, batch)
        return batch


@given(sizes=sizes, seed=seeds, data=st.data())
def test_mini_batches_of_m_workers_are_one_large_batch(sizes, seed, data):
    """With b_i samples on worker i and weights b_i / sum b: SGD with their union, on one machine."""
    m = len(sizes)
    b = data.draw(st.lists(st.integers(1, 4), min_size=m, max_size=m))
    features, targets = rows(LeastSquares, sizes, seed)
    problem = Watched(features, targets, weights=b)
    models = steps(sync_sgd(SimulatedCluster(problem, seed, batch_size=b), 0.1), 10)
    x = np.zeros(3)
    for (drawn, _), reached in zip(problem.drawn, models[1:]):
        a = np.concatenate([features[i][drawn[i, : b[i]]] for i in range(m)])
        y = np.concatenate([targets[i][drawn[i, : b[i]]] for i in range(m)])
        x = x - 0.1 * a.T @ (a @ x - y) / sum(b)
        np.testing.assert_allclose(reached[0], x, atol=1e-12)


@each(EVERY)
@given(seed=seeds)
def test_a_step_on_the_mean_is_an_mth_of_it_on_the_sum(kind, seed):
    """Theory 1(a): algorithms that average run on f / m with the step of f."""
    problem = toy(kind, (5, 5, 5, 5), seed)
    m, x = 4, problem.initial()
    for reached in steps(sync_sgd(SimulatedCluster(problem), 0.3), 10):
        np.testing.assert_allclose(reached[0], x, atol=1e-12)
        x = x - 0.3 / m * problem.gradient(x).sum(0)


def test_the_step_of_the_mean_diverges_on_the_sum():
    """1/L of the mean is m/L of the sum's own: beyond 2/L, and so beyond hope, for m > 2."""
    problem = toy(LeastSquares, (5, 5, 5))
    assert not run(sync_sgd(SimulatedCluster(problem), 1 / problem.L), 200, quiet=True).message
    assert "diverged" in run(sync_sgd(SimulatedCluster(problem), 3 / problem.L), 200, quiet=True).message


@each(EVERY)
@given(seed=seeds, batch_size=st.sampled_from([None, 2]), replicates=st.sampled_from([None, 3]))
def test_a_parameter_server_gives_the_same_iterates_bit_for_bit(kind, seed, batch_size, replicates):
    options = {"seed": seed, "batch_size": batch_size, "replicates": replicates}
    ours, theirs = (
        steps(method(SimulatedCluster(toy(kind, seed=seed), **options), 0.1), 10)
        for method in (sync_sgd, parameter_server_sgd)
    )
    assert np.array_equal(ours, theirs)


@pytest.mark.parametrize("algorithm", costs.ALGORITHMS)
@given(m=st.integers(1, 20), d=st.integers(1, 50), rounds=st.integers(0, 5))
def test_both_bills_are_the_closed_forms(algorithm, m, d, rounds):
    problem = Quadratic(np.broadcast_to(np.eye(d), (m, d, d)), np.ones((m, d)))
    link = Link(latency=0.25, bandwidth=64.0)  # an eighth of a second a word
    for method, name in ((sync_sgd, algorithm), (parameter_server_sgd, "parameter_server")):
        cluster = SimulatedCluster(problem, compute=Constant(2.0), link=link, all_reduce=algorithm)
        history = run(method(cluster, 0.1), rounds, quiet=True)
        cost, traffic = costs.all_reduce(name, m, d, 0.25, 0.125), costs.traffic(name, m, d)
        assert np.array_equal(history.bytes, 8 * traffic.words * np.arange(rounds + 1))
        assert cluster.messages == rounds * traffic.messages
        assert np.array_equal(history.seconds, (2.0 + cost.seconds) * np.arange(rounds + 1))  # exact in binary


def test_the_algorithm_behind_the_mean_changes_the_bill_alone():
    problem = toy(LeastSquares)
    models = [steps(sync_sgd(SimulatedCluster(problem, all_reduce=name), 0.1), 5) for name in costs.ALGORITHMS]
    assert all(np.array_equal(models[0], other) for other in models)


@each(EVERY)
@BOTH
@pytest.mark.parametrize("batch_size", [None, 2])
def test_a_sweep_is_as_many_single_runs(kind, method, batch_size):
    cluster = SimulatedCluster(toy(kind), seed=1, batch_size=batch_size)
    values = [0.01, 0.1, 0.3]
    together = sweep(lambda step: run(method(cluster, step), 12, record_every=4, quiet=True), values)
    assert list(together) == values
    for step, one in together.items():
        alone = run(method(cluster, step), 12, record_every=4, quiet=True)
        for name in ("loss", "gradient_norm", "consensus", "model", "rounds", "bytes", "seconds"):
            np.testing.assert_allclose(getattr(one, name), getattr(alone, name), rtol=1e-11, atol=1e-12)
        if alone.accuracy is not None:
            np.testing.assert_array_equal(one.accuracy, alone.accuracy)


def test_a_schedule_says_the_step_of_each_round():
    cluster = SimulatedCluster(toy(Quadratic))
    asked = []

    def schedule(t):
        asked.append(t)
        return 0.1 / (t + 1)

    a = steps(sync_sgd(cluster, schedule), 5)
    assert asked == [0, 1, 2, 3, 4]
    assert np.array_equal(a, steps(sync_sgd(cluster, inverse_time(0.1, 1)), 5))


# ---- 2.2 variance ---------------------------------------------------------------------------------------


@each(EVERY)
@pytest.mark.parametrize("batch_size", [1, 5, [1, 2, 6]])
def test_variance_of_the_averaged_gradient(kind, batch_size):
    """Workers that draw of their own rows: sum_i weights_i^2 sigma_i^2 / b_i, and no variance between workers."""
    problem = toy(kind, seed=2)
    x = problem.initial() + 0.3
    cluster = SimulatedCluster(problem, seed=7, batch_size=batch_size, replicates=4000)
    squares = ((cluster.mean(cluster.gradient(x[None])) - problem.full_gradient(x)) ** 2).sum((-1, -2))
    expected = (problem.weights**2 * problem.noise(x) / np.broadcast_to(batch_size, problem.m)).sum()
    assert abs(squares.mean() - expected) <= 5 * squares.std() / np.sqrt(len(squares))


def test_equal_workers_divide_the_variance_by_m_b():
    a, y = (part[0] for part in rows(LeastSquares, (20,)))
    for m, b in ((1, 1), (4, 1), (1, 4), (4, 4)):
        problem = LeastSquares([a] * m, [y] * m)
        x = np.ones(3)
        cluster = SimulatedCluster(problem, batch_size=b, replicates=4000)
        squares = ((cluster.mean(cluster.gradient(x[None])) - problem.full_gradient(x)) ** 2).sum((-1, -2))
        sigma2 = problem.noise(x)[0]
        assert abs(squares.mean() - sigma2 / (m * b)) <= 5 * squares.std() / np.sqrt(len(squares))


# ---- 2.3 to 2.5 the theorems ----------------------------------------------------------------------------


def expected_gaps(problem, steps, sigma2, rounds):
    """E f(x_t) - f* of SGD from 0 on a quadratic, t = 0, 1, ..., exactly: a recursion of second moments."""
    values, Q = np.linalg.eigh(problem.hessian(None))
    moments = (Q.T @ problem.optimum()) ** 2
    gaps = []
    for t in range(rounds + 1):
        gaps.append(values @ moments / 2)
        moments = (1 - steps(t) * values) ** 2 * moments + steps(t) ** 2 * sigma2 / problem.d
    return np.array(gaps)


def noise_of_mean(problem, batch_size):
    return (problem.weights**2 * problem.noise(None)).sum() / batch_size


def measured_agrees(problem, step_size, batch_size, rounds, replicates=3000):
    """Mean loss of replicated runs, within five standard errors of the recursion at every round."""
    cluster = SimulatedCluster(problem, seed=3, batch_size=batch_size, replicates=replicates)
    history = run(sync_sgd(cluster, step_size), rounds, quiet=True)
    gaps = history.loss - problem.loss(problem.optimum())
    steps = step_size if callable(step_size) else lambda t: step_size
    exact = expected_gaps(problem, steps, noise_of_mean(problem, batch_size), rounds)
    error = gaps.std(1) / np.sqrt(replicates)
    return bool((abs(gaps.mean(1) - exact) <= 5 * error + 1e-12).all())


@given(seed=seeds, m=st.integers(1, 8), fraction=st.floats(0.01, 1), b=st.integers(1, 64), sigma=st.floats(0, 5))
def test_constant_steps_stay_below_theorem_4_6(seed, m, fraction, b, sigma):
    problem = Quadratic.dialled(m, 5, condition=20, hessian_spread=0.3, noise=sigma, seed=seed)
    eta, t = fraction / problem.L, np.arange(200)
    exact = expected_gaps(problem, lambda t: eta, noise_of_mean(problem, b), 199)
    bound = bounds.sgd_constant_step(t, eta, problem.L, problem.mu, noise_of_mean(problem, b), exact[0])
    assert (exact <= bound * (1 + 1e-9)).all()


@given(seed=seeds, m=st.integers(1, 8), beta=st.floats(1.01, 10), later=st.floats(0, 20), sigma=st.floats(0, 5))
def test_diminishing_steps_stay_below_theorem_4_7(seed, m, beta, later, sigma):
    problem = Quadratic.dialled(m, 5, condition=20, hessian_spread=0.3, noise=sigma, seed=seed)
    beta = beta / problem.mu
    gamma = beta * problem.L - 1 + later  # the first step is at most 1/L
    exact = expected_gaps(problem, inverse_time(beta, gamma + 1), noise_of_mean(problem, 1), 400)
    constants = problem.L, problem.mu, noise_of_mean(problem, 1), exact[0]
    assert (exact <= bounds.sgd_inverse_time(np.arange(401), beta, gamma, *constants) * (1 + 1e-9)).all()


@given(m=st.integers(1, 8), sigma=st.floats(0.1, 5), gap=st.floats(0.1, 10))
def test_no_smaller_constants_would_do(m, sigma, gap):
    """On a sphere, with steps of 1/L, theorems 4.6 and 4.8 are equalities; 4.7 gives away a quarter at first."""
    d, L = 3, 2.0
    sphere = Quadratic(np.broadcast_to(L * np.eye(d), (m, d, d)), np.full((m, d), np.sqrt(2 * gap / (L * d))), sigma)
    sigma2 = noise_of_mean(sphere, 1)
    exact = expected_gaps(sphere, lambda t: 1 / L, sigma2, 20)
    np.testing.assert_allclose(exact, bounds.sgd_constant_step(np.arange(21), 1 / L, L, L, sigma2, gap))
    mean_square = 2 * L * exact[:20].mean()  # ||grad f||^2 = 2 L (f - f*) here
    bound = bounds.sgd_nonconvex(20, 1 / L, L, sigma2, gap)
    assert bound - sigma2 / 20 == pytest.approx(mean_square)  # the theorem counts the noise of one step more
    little = bounds.sgd_inverse_time(1, 2 / L, 1.0, L, L, sigma2, gap=1e-9)
    assert expected_gaps(sphere, inverse_time(2 / L, 2.0), sigma2, 1)[1] == pytest.approx(0.75 * little)


@pytest.mark.parametrize("batch_size", [1, 8])
def test_runs_have_the_expected_loss_of_the_recursion(batch_size):
    """So what holds for the recursion holds, in expectation, for the library's runs."""
    problem = Quadratic.dialled(4, 5, hessian_spread=0.3, noise=2.0)
    assert measured_agrees(problem, 0.8 / problem.L, batch_size, 30)
    beta = 2 / problem.mu
    assert measured_agrees(problem, inverse_time(beta, beta * problem.L), batch_size, 30)
    wrong = Quadratic(problem.A, problem.b, noise=2.2)  # and the test would see a tenth more noise
    exact = expected_gaps(wrong, lambda t: 0.8 / problem.L, noise_of_mean(wrong, 1), 30)[-1]
    right = expected_gaps(problem, lambda t: 0.8 / problem.L, noise_of_mean(problem, 1), 30)[-1]
    assert exact > 1.1 * right


@pytest.mark.parametrize("m, b", [(1, 1), (4, 1), (4, 8)])
def test_steps_on_hills_stay_below_theorem_4_8(m, b):
    """Mean squared gradient along the way, not convex; the bound's slack is 2, Monte Carlo error some percent."""
    problem, sigma = Hills(m, d=3, sigma=1.0), 1.0
    rounds, eta, replicates = 100, 0.1, 300
    cluster = SimulatedCluster(problem, batch_size=b, replicates=replicates, initial_model=np.full(3, 1.5))
    history = run(sync_sgd(cluster, eta), rounds, quiet=True)
    squares = (history.gradient_norm[:-1] ** 2).mean(0)
    bound = bounds.sgd_nonconvex(rounds, eta, problem.L, sigma**2 / (m * b), history.loss[0, 0])
    assert squares.mean() + 5 * squares.std() / np.sqrt(replicates) <= bound


@each(CONVEX)
@given(seed=seeds, fraction=st.floats(0.05, 1))
def test_without_noise_every_convex_problem_obeys_theorem_4_6(kind, seed, fraction):
    problem = toy(kind, seed=seed)
    history = run(sync_sgd(SimulatedCluster(problem), fraction / problem.L), 30, record_every=6, quiet=True)
    gaps = history.loss - problem.loss(problem.optimum())
    bound = bounds.sgd_constant_step(history.rounds, fraction / problem.L, problem.L, problem.mu, 0.0, gaps[0])
    assert (gaps <= bound + 1e-13).all()


def test_four_times_the_workers_a_quarter_of_the_floor():
    """Theory 2.6: linear speed-up where noise rules."""
    floor = {}
    for m in (1, 4, 16):
        A = np.broadcast_to(np.diag(np.geomspace(0.1, 1, 5)), (m, 5, 5))
        problem = Quadratic(A, np.zeros((m, 5)), noise=1.0)
        cluster = SimulatedCluster(problem, batch_size=1, replicates=200)
        history = run(sync_sgd(cluster, 0.2), 400, record_every=4, quiet=True)
        late = history.loss[50:].mean(0)
        floor[m] = late.mean(), late.std() / np.sqrt(200)
    for m in (4, 16):
        mean, error = floor[m]
        assert abs(m * mean - floor[1][0]) <= 5 * np.hypot(m * error, floor[1][1])


# ---- bad input ------------------------------------------------------------------------------------------


@BOTH
@pytest.mark.parametrize(
    "arguments, words",
    [
        ((-0.1,), "step size must be positive, not -0.1"),
        ((0.0,), "step size must be positive"),
        ((float("nan"),), "step size must be positive, not nan"),
        ((np.array([0.1, 0.2]),), r"need shape \(R, 1, 1\).* this one is \(2,\)"),
        ((np.array([0.1, -0.2]).reshape(-1, 1, 1),), "step size must be positive"),
        ((), "missing a required argument: 'step_size'"),
        ((0.1, None, 3), "too many positional arguments"),
    ],
)
def test_bad_arguments_are_refused_at_the_call(method, arguments, words):
    with pytest.raises(CourseError, match=words) as caught:
        method(SimulatedCluster(toy(Quadratic)), *arguments)
    assert "\n" not in str(caught.value)


@BOTH
def test_more_bad_input(method):
    cluster = SimulatedCluster(toy(Quadratic), replicates=3)
    with pytest.raises(CourseError, match="runs on a cluster, such as SimulatedCluster"):
        method(toy(Quadratic), 0.1)
    with pytest.raises(CourseError, match="2 step sizes for 3 replicates"):
        method(cluster, np.full((2, 1, 1), 0.1))
    other = run(method(SimulatedCluster(toy(Quadratic)), 0.1), 2, quiet=True).state
    with pytest.raises(CourseError, match="model has 4 numbers; this problem needs 3"):
        run(method(SimulatedCluster(toy(LeastSquares)), 0.1, start=other), 1, quiet=True)


@pytest.mark.parametrize("beta, gamma", [(-1, 1), (0, 1), (1, 0), (1, -2), (float("nan"), 1)])
def test_a_schedule_of_steps_that_are_not_positive(beta, gamma):
    with pytest.raises(CourseError, match="beta and gamma must be positive"):
        inverse_time(beta, gamma)


def test_every_method_is_listed_under_its_own_name():
    assert METHODS["sync_sgd"] is sync_sgd and all(name == m.__name__ for name, m in METHODS.items())
