"""What theory says of delay, unequal speeds and barriers (theory.md 5), and the numbers of the lecture's explorers."""

from itertools import islice

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_asynchronous import INSTANT, models, one_dimensional
from toys import Hills

from course_lib import bounds
from course_lib.clusters import Constant, Exponential, SimulatedCluster, Speeds
from course_lib.errors import CourseError
from course_lib.experiment import run
from course_lib.explorers.asynchronous import (
    best_gap,
    deadline_picture,
    measured_thresholds,
    speeds_picture,
    stability_picture,
)
from course_lib.methods import async_sgd, iag, stale_synchronous_sgd, sync_sgd
from course_lib.problems import Quadratic


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
        assert x[-50:].max() < 1e-2 if stable else x[-50:].max() > 1e2, (staleness, share)
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


def test_constants_of_the_bounds_by_hand():
    """Bounds that are never met do not show a wrong constant."""
    assert bounds.delayed_sgd(100, 0.05, L=2.0, sigma2=3.0, gap=7.0, staleness=2) == pytest.approx(4 * 7 / 5 + 0.9)
    assert bounds.delayed_sgd(10, 0.25, L=1.0, sigma2=0.0, gap=1.0, staleness=0) == pytest.approx(1.6)
    assert bounds.wait_for_slowest(4, mean=6.0, spare=2) == pytest.approx(6 * (1 / 3 + 1 / 4))


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


def test_the_table_counts_each_worker_by_its_weight_in_f():
    """Weights 1 : 2 : 5, whatever the speeds: the fixed point is the weighted optimum."""
    problem = Quadratic(np.ones((3, 1, 1)), [[0.0], [0.0], [8.0]], weights=[1, 2, 5])
    machines = SimulatedCluster(problem, compute=Speeds(Constant(1.0), (4, 2, 1)), link=INSTANT)
    assert models(iag(machines, 0.05), 5000)[-1, 0, 0] == pytest.approx(5.0, abs=1e-12)


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


# ---- explorers --------------------------------------------------------------------------------------------


def test_the_stability_map_is_the_theory():
    picture = stability_picture(staleness=2, step=0.6)
    theory, dots = picture.marks[0], picture.marks[2]
    np.testing.assert_allclose(np.interp(dots.x, theory.x, theory.y), measured_thresholds(), atol=1e-6)
    assert "stable" in picture.sentence and "0.618" in picture.sentence
    assert "unstable" in stability_picture(staleness=2, step=0.65).sentence


def test_a_bound_of_zero_is_a_barrier():
    """Both panels then finish as many gradients, and the mean staleness is (m - 1) / 2: ages 0 to 7 in each round."""
    sentence = speeds_picture("always the same", 1, 0).sentence
    assert "finish 96 gradients; without it they finish 96, 3.5 updates old" in sentence


@pytest.mark.parametrize(("staleness", "updates"), [(0, 40), (7, 300)])
def test_best_gap_is_what_the_best_of_many_runs_reaches(staleness, updates):
    """Exact second moments against the mean of 400 runs at every step size of a grid, at four standard errors."""
    variance, m = 0.5, staleness + 1
    problem = Quadratic([np.diag(np.geomspace(0.1, 1, 10))] * m, np.zeros((m, 10)), noise=variance**0.5)
    cluster = SimulatedCluster(
        problem, compute=1.0, link=INSTANT, batch_size=1, replicates=400, initial_model=np.ones(10)
    )
    best = min(
        run(async_sgd(cluster, share * float(bounds.max_stable_step(staleness))), updates, updates).loss[-1].mean()
        for share in np.geomspace(0.02, 0.9, 20)
    )
    assert best == pytest.approx(best_gap(staleness, [updates], variance)[0], rel=0.15)


def test_who_wins_by_the_deadline():
    """Noise and machines alike: a tie. Times vary: async. Accuracy and machines alike: sync. Margins of two."""
    assert "neither" in deadline_picture(1.0, 16, "alike").sentence
    assert "async is ahead by a factor of 2" in deadline_picture(1.0, 8, "memoryless").sentence
    assert "sync is ahead by a factor of 3" in deadline_picture(1e-8, 16, "alike").sentence
