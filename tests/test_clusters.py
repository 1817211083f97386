"""Clocks, bills, random streams and arrivals of the simulated cluster against closed forms."""

import subprocess
import sys
from itertools import islice, pairwise

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import strategies as st
from toys import EVERY, each, given, toy

from course_lib import costs, topology
from course_lib.clusters import (
    Constant,
    Exponential,
    Link,
    Pareto,
    ShiftedExponential,
    SimulatedCluster,
    Speeds,
    slow_worker,
)
from course_lib.clusters.real import RealCluster
from course_lib.errors import CourseError
from course_lib.problems import LeastSquares, Quadratic

FREE = Link(latency=0.0, bandwidth=1e30)  # messages take no time
SLOW = Link(latency=0.5, bandwidth=100.0)
algorithms = pytest.mark.parametrize("algorithm", costs.ALGORITHMS)


def quadratic(m, d=4, **options):
    return Quadratic(np.broadcast_to(np.eye(d), (m, d, d)), np.zeros((m, d)), **options)


def harmonic(m):
    return sum(1 / i for i in range(1, m + 1))


# ---- what it computes -----------------------------------------------------------------------------------


@each(EVERY)
def test_results_are_those_of_the_problem(kind):
    problem = toy(kind)
    cluster = SimulatedCluster(problem)
    x = cluster.start()
    assert x.shape == (1, problem.d) and cluster.start(replicated=False).shape == (3, problem.d)
    X = np.random.default_rng(0).standard_normal((3, problem.d))
    assert np.array_equal(cluster.gradient(X), problem.gradient(X))
    np.testing.assert_allclose(cluster.mean(X), problem.weights @ X[None], atol=1e-15)
    np.testing.assert_allclose(cluster.mean(X, weights=[0.5, 0.5, 0]), X[:2].mean(0)[None], atol=1e-15)
    np.testing.assert_allclose(cluster.mean(problem.gradient(x)), problem.full_gradient(x), atol=1e-15)
    assert np.array_equal(cluster.gather(X), X) and np.array_equal(cluster.broadcast(x), x)


def test_runs_start_where_they_are_told_to():
    problem = quadratic(3)
    assert (SimulatedCluster(problem, initial_model=np.arange(4.0)).start() == np.arange(4)).all()
    x = SimulatedCluster(problem, replicates=5).start()
    assert x.shape == (5, 1, 4)
    x += 1  # the caller's own copy
    cluster = SimulatedCluster(problem)
    cluster.start()[:] = 7
    assert (cluster.start() == 0).all()
    assert SimulatedCluster(problem, replicates=5).zeros().shape == (5, 3, 4)


# ---- what it costs --------------------------------------------------------------------------------------


@algorithms
@given(m=st.integers(1, 12), d=st.integers(1, 40), rounds=st.integers(1, 4))
def test_the_bill_of_a_mean_is_the_closed_form(algorithm, m, d, rounds):
    cluster = SimulatedCluster(quadratic(m, d), compute=2.0, link=SLOW, all_reduce=algorithm)
    x = cluster.start()
    for _ in range(rounds):
        cluster.mean(cluster.gradient(x))
    cost = costs.all_reduce(algorithm, m, d, SLOW.latency, 8 / SLOW.bandwidth)
    traffic = costs.traffic(algorithm, m, d)
    assert (cluster.messages, cluster.bytes) == (rounds * traffic.messages, rounds * 8 * traffic.words)
    assert cluster.seconds == pytest.approx(rounds * (2.0 + cost.seconds), rel=1e-12)
    assert np.ptp(cluster.clock) == 0  # nobody is ahead after an all-reduce


@given(m=st.integers(1, 12), d=st.integers(1, 40))
def test_the_bill_of_a_parameter_server_is_the_closed_form(m, d):
    cluster = SimulatedCluster(quadratic(m, d), compute=2.0, link=SLOW)
    cluster.gather(cluster.gradient(cluster.broadcast(cluster.start())))
    cost = costs.all_reduce("parameter_server", m, d, SLOW.latency, 8 / SLOW.bandwidth)
    assert (cluster.messages, cluster.bytes // 8) == costs.traffic("parameter_server", m, d)
    assert cluster.seconds == pytest.approx(2.0 + cost.seconds, rel=1e-12)


def test_a_word_is_a_number_of_whatever_precision():
    cluster = SimulatedCluster(quadratic(5, 3), link=SLOW)
    for dtype, size in ((np.float32, 4), (np.float64, 8)):
        cluster.start()
        cluster.mean(np.zeros((5, 3), dtype))
        assert cluster.bytes == size * costs.traffic("ring", 5, 3).words
        assert cluster.seconds == pytest.approx(costs.all_reduce("ring", 5, 3, 0.5, size / 100).seconds)


def test_averaging_what_is_in_one_place_costs_nothing():
    cluster = SimulatedCluster(quadratic(3))
    cluster.average(np.ones((3, 4)))
    assert (cluster.bytes, cluster.messages, cluster.seconds) == (0, 0, 0)


def test_neighbours_wait_for_each_other_and_nobody_else_does():
    """A late worker delays his neighbours after one round, theirs after two: news travels an edge a round."""
    m, late, W = 9, 0, topology.metropolis(topology.path(9))
    cluster = SimulatedCluster(quadratic(m), compute=slow_worker(m, 100, worker=late, base=Constant(1.0)), link=FREE)
    X = cluster.start(replicated=False)
    cluster.gradient(X)
    for r in range(1, m):
        cluster.mix(X, W)
        assert (cluster.clock[: r + 1] == 100).all() and (cluster.clock[r + 1 :] == 1).all()


@given(m=st.integers(2, 10), seed=st.integers(0, 1000))
def test_mixing_sends_one_message_over_each_edge_both_ways(m, seed):
    graph = topology.erdos_renyi(m, 0.6, seed)
    W, X = topology.metropolis(graph), np.random.default_rng(seed).standard_normal((m, 4))
    cluster = SimulatedCluster(quadratic(m), link=SLOW)
    np.testing.assert_allclose(cluster.mix(X, W), W @ X)
    assert cluster.messages == 2 * graph.number_of_edges() and cluster.bytes == cluster.messages * 8 * 4
    busiest = max(dict(graph.degree).values())
    assert cluster.seconds == pytest.approx(busiest * (0.5 + 32 / 100))


def test_a_sparse_mixing_matrix_mixes_alike():
    W, X = topology.metropolis(topology.ring(6)), np.random.default_rng(0).standard_normal((3, 6, 4))
    dense, sparse = (SimulatedCluster(quadratic(6), link=SLOW) for _ in range(2))
    np.testing.assert_allclose(dense.mix(X, W), sparse.mix(X, sp.csr_array(W)), atol=1e-15)
    assert (dense.bytes, dense.seconds) == (sparse.bytes, sparse.seconds)


@pytest.mark.parametrize("form", [np.asarray, sp.csr_array])
def test_who_gives_himself_no_weight_still_sends_one_message(form):
    """Each of three takes his neighbour's model in place of his own, and waits for him and for himself."""
    W, X = form(np.roll(np.eye(3), 1, axis=1)), np.arange(3.0)[:, None]
    cluster = SimulatedCluster(quadratic(3, 1), compute=Speeds(Constant(1.0), [1, 1 / 2, 1 / 4]), link=SLOW)
    cluster.gradient(X)
    np.testing.assert_array_equal(cluster.mix(X, W), [[1.0], [2.0], [0.0]])
    assert cluster.messages == 3
    np.testing.assert_allclose(cluster.clock, np.array([2.0, 4.0, 4.0]) + 0.5 + 8 / 100)


# ---- how long it takes ----------------------------------------------------------------------------------


def round_times(m, compute, rounds, seed=0):
    cluster = SimulatedCluster(quadratic(m, 1), seed, compute, FREE)
    x, ends = cluster.start(), []
    for _ in range(rounds):
        cluster.mean(cluster.gradient(x))
        ends.append(cluster.seconds)
    return np.diff(ends, prepend=0)


def within_monte_carlo_error(sample, expected):
    return abs(np.mean(sample) - expected) <= 5 * np.std(sample) / np.sqrt(len(sample))


@pytest.mark.parametrize("m", [1, 2, 8, 128])
def test_a_round_waits_for_the_slowest_of_m_exponential_times(m):
    """Theory 5.4: the expected maximum of m such times of mean 1 is H_m = 1 + 1/2 + ... + 1/m."""
    assert within_monte_carlo_error(round_times(m, Exponential(0.5), 3000), 0.5 * harmonic(m))


@pytest.mark.parametrize(
    "compute, mean",
    [
        (Constant(0.2), 0.2),
        (Exponential(0.2), 0.2),
        (ShiftedExponential(1.0, 0.5), 1.5),
        (Pareto(2.0, 4.0), 2.0 * 4 / 3),
        (Speeds(Exponential(1.0), [4.0]), 0.25),
    ],
)
def test_mean_compute_times(compute, mean):
    sample = round_times(1, compute, 4000)
    assert within_monte_carlo_error(sample, mean) or sample == pytest.approx(mean, rel=1e-9)


def test_the_tail_of_pareto_times():
    sample = round_times(1, Pareto(2.0, 3.0), 4000)
    assert sample.min() >= 2.0
    assert within_monte_carlo_error(sample > 4.0, 0.5**3)


def test_slow_and_fast_workers():
    speeds = Speeds(Constant(1.0), [1.0, 2.0, 4.0])
    cluster = SimulatedCluster(quadratic(3), compute=speeds)
    cluster.gradient(cluster.start())
    assert cluster.clock.tolist() == [1.0, 0.5, 0.25]
    slow = SimulatedCluster(quadratic(3), compute=slow_worker(3, 10, worker=1))
    slow.gradient(slow.start())
    np.testing.assert_allclose(slow.clock, [1e-3, 1e-2, 1e-3])


def test_the_trace_covers_every_workers_time_without_gap_or_overlap():
    m = 5
    cluster = SimulatedCluster(quadratic(m), compute=Exponential(1.0), link=SLOW)
    X, W = cluster.start(replicated=False), topology.metropolis(topology.ring(m))
    for _ in range(4):
        cluster.mix(cluster.gradient(X), W)
        cluster.mean(X)
        cluster.gather(X)
    _assert_gapless(cluster)


def test_at_a_barrier_the_early_wait_for_the_slowest_and_then_all_send():
    cluster = SimulatedCluster(quadratic(5), compute=Exponential(1.0), link=SLOW)
    cluster.gradient(cluster.start())
    done = cluster.clock.copy()
    cluster.mean(cluster.zeros())
    waits = {s.worker: (s.start, s.end) for s in cluster.trace() if s.kind == "wait"}
    assert waits == {i: (done[i], done.max()) for i in range(5) if i != done.argmax()}
    assert {s.start for s in cluster.trace() if s.kind == "send"} == {done.max()}


def _assert_gapless(cluster):
    for i in range(cluster.m):
        spans = sorted((s.start, s.end, s.kind) for s in cluster.trace() if s.worker == i)
        assert spans[0][0] == 0
        assert all(before[1] == after[0] for before, after in pairwise(spans))
        assert spans[-1][1] >= cluster.clock[i]
        assert {kind for *_, kind in spans} <= {"compute", "send", "wait"}


# ---- random streams -------------------------------------------------------------------------------------


@each(EVERY)
@given(seed=st.integers(0, 99), replicates=st.sampled_from([None, 2]))
def test_a_workers_mini_batches_depend_on_seed_and_worker_alone(kind, seed, replicates):
    """Not on how many workers there are, on what they draw, nor on the compute times."""
    few = SimulatedCluster(toy(kind, (4, 6)), seed, batch_size=[2, 3], replicates=replicates)
    many = SimulatedCluster(
        toy(kind, (4, 6, 5, 3)), seed, compute=Exponential(1.0), batch_size=[2, 3, 7, 1], replicates=replicates
    )
    for _ in range(3):
        G, more = (c.gradient(np.zeros(c.d)) - c.problem.gradient(np.zeros(c.d)) for c in (few, many))
        np.testing.assert_allclose(more[..., :2, :], G, atol=1e-13)


def test_different_workers_and_seeds_draw_differently():
    problem = quadratic(3, noise=1.0)
    draws = [SimulatedCluster(problem, seed, batch_size=1).gradient(np.zeros(4)) for seed in range(3)]
    every = np.concatenate(draws).ravel()
    assert len(set(every)) == every.size


def test_one_mini_batch_of_each_worker_per_gradient_whatever_the_order():
    """Asked one at a time, by arrivals, or all together: a worker's k-th draw is the same."""
    problem = quadratic(3, noise=1.0)
    together = SimulatedCluster(problem, seed=5, batch_size=2)
    rounds = [together.gradient(np.zeros(4)) for _ in range(6)]
    alone = SimulatedCluster(problem, seed=5, batch_size=2, compute=Exponential(1.0))
    count = [0, 0, 0]
    for arrival in islice(alone.arrivals(alone.start()), 9):
        if count[arrival.worker] < 6:
            np.testing.assert_array_equal(np.ravel(arrival.gradient), rounds[count[arrival.worker]][arrival.worker])
        count[arrival.worker] += 1


def test_starting_again_gives_the_same_again():
    cluster = SimulatedCluster(toy(LeastSquares), seed=3, compute=Exponential(1.0), batch_size=2)

    def replay():
        x = cluster.start()
        G = [cluster.mean(cluster.gradient(x)) for _ in range(3)]
        return np.stack(G), cluster.clock.copy(), cluster.bytes

    for a, b in zip(replay(), replay()):
        assert np.array_equal(a, b)


def test_going_back_to_a_state_replays_what_followed():
    cluster = SimulatedCluster(toy(LeastSquares), compute=Exponential(1.0), batch_size=2)
    x = cluster.start()
    cluster.mean(cluster.gradient(x))
    state = cluster.state()
    first = cluster.gradient(x), cluster.clock.copy(), cluster.bytes
    for target in (cluster, SimulatedCluster(toy(LeastSquares), compute=Exponential(1.0), batch_size=2)):
        target.restore(state)
        for a, b in zip(first, (target.gradient(x), target.clock, target.bytes)):
            assert np.array_equal(a, b)


# ---- arrivals -------------------------------------------------------------------------------------------

compute_times = st.sampled_from([Constant(1.0), Exponential(1.0), Pareto(1.0, 1.1)])


@given(m=st.integers(1, 8), T=st.integers(1, 60), seed=st.integers(0, 99), compute=compute_times)
def test_delays_applied_and_pending_add_up_to_m_minus_1_an_update(m, T, seed, compute):
    """Theory 5.3: an update makes each of the m - 1 other gradients under way one older."""
    cluster = SimulatedCluster(quadratic(m), seed, compute)
    read = dict.fromkeys(range(m), 0)  # how many updates the model has that a worker computes on
    applied = 0
    for t, arrival in enumerate(islice(cluster.arrivals(cluster.start()), T)):
        assert arrival.staleness == t - read[arrival.worker]
        applied, read[arrival.worker] = applied + arrival.staleness, t + 1
    assert applied + sum(T - version for version in read.values()) == (m - 1) * T


@each(EVERY)
def test_a_gradient_arrives_from_the_model_that_its_worker_had_read(kind):
    problem = toy(kind)
    cluster = SimulatedCluster(problem, compute=Exponential(1.0))
    x = cluster.start()
    past = [x.copy()]
    for arrival in islice(cluster.arrivals(x), 40):
        old = past[-1 - arrival.staleness]
        np.testing.assert_array_equal(
            np.atleast_2d(arrival.gradient), np.atleast_2d(problem.gradient(old)[arrival.worker])
        )
        x -= 0.1 * arrival.gradient
        past.append(x.copy())
    assert problem.loss(x) < problem.loss(past[0])


@given(m=st.integers(1, 6), seed=st.integers(0, 99), compute=compute_times)
def test_time_goes_forward_and_two_messages_make_an_update(m, seed, compute):
    cluster = SimulatedCluster(quadratic(m), seed, compute, SLOW)
    x, T, last = cluster.start(), 30, 0.0
    for arrival in islice(cluster.arrivals(x), T):
        now = cluster.clock[arrival.worker]
        assert now >= last
        last = now
    assert cluster.seconds == last
    # A pull and a push for each arrival; what the others have under way may be counted already, or not yet.
    assert 2 * T <= cluster.messages <= 2 * T + m and cluster.bytes == 32 * cluster.messages
    _assert_gapless(cluster)


def test_nobody_starves():
    """As many gradients as the worker's speed allows: exactly, for constant times."""
    speeds = np.array([4.0, 2.0, 1.0, 1.0])
    cluster = SimulatedCluster(quadratic(4), compute=Speeds(Constant(1.0), speeds), link=FREE)
    count = np.bincount([a.worker for a in islice(cluster.arrivals(cluster.start()), 800)], minlength=4)
    assert (abs(count - 100 * speeds) <= 1).all()


def test_asynchrony_delivers_harmonic_number_times_more_gradients():
    """Theory 5.4: with exponential times m gradients a mean time, where rounds deliver m / H_m."""
    m, T = 16, 8000
    cluster = SimulatedCluster(quadratic(m, 1), compute=Exponential(1.0), link=FREE)
    for _ in islice(cluster.arrivals(cluster.start()), T):
        pass
    assert cluster.seconds == pytest.approx(T / m, rel=5 / np.sqrt(T))  # a Poisson process of rate m
    per_round = round_times(m, Exponential(1.0), 2000)
    assert T / cluster.seconds / (m / per_round.mean()) == pytest.approx(harmonic(m), rel=0.1)


# ---- size, and bad input --------------------------------------------------------------------------------

TEN_THOUSAND = """
import resource
import numpy as np
from course_lib.clusters import SimulatedCluster, Link
from course_lib import data, problems, costs
from course_lib.experiment import run
from course_lib.methods import sync_sgd

m, d = 10_000, 100
problem = problems.LeastSquares(*data.regression(m, 5, d))
cluster = SimulatedCluster(problem, batch_size=1)
history = run(sync_sgd(cluster, 1e-3), 2, quiet=True)
assert history.loss[2] < history.loss[1] < history.loss[0]
assert cluster.bytes == 2 * 8 * costs.traffic("ring", m, d).words == 2 * 8 * 2 * (m - 1) * d
assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < 2.5 * 2**20, "more than 2.5 GB"
"""


def test_ten_thousand_workers_run_a_round():
    done = subprocess.run([sys.executable, "-c", TEN_THOUSAND], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "options, words",
    [
        ({"seed": -1}, "seed must be a whole number from 0 on, not -1"),
        ({"batch_size": 0}, "batch_size must be a whole number from 1 on, or one for each of the 3 workers"),
        ({"initial_model": np.zeros(3)}, r"shape \(3,\); this problem needs \(4,\)"),
        ({"delays": {3: 1.0}}, "delays are given by worker, 0 to 2; there is no worker 3"),
    ],
)
def test_a_cluster_of_real_processes_refuses_bad_input_too(options, words):
    with pytest.raises(CourseError, match=words):
        RealCluster(quadratic(3), **options)


@pytest.mark.parametrize(
    "make, words",
    [
        (lambda p: SimulatedCluster(p, compute=-1), "compute seconds must be positive, not -1"),
        (lambda p: SimulatedCluster(p, compute=float("nan")), "compute seconds must be positive"),
        (lambda p: SimulatedCluster(p, compute="fast"), "compute seconds must be positive, not fast"),
        (lambda p: SimulatedCluster(p, seed=-1), "seed must be a whole number from 0 on, not -1"),
        (lambda p: SimulatedCluster(p, seed=None), "seed must be a whole number from 0 on, not None"),
        (lambda p: SimulatedCluster(p, compute=Speeds(Constant(1.0), [1, 2])), "2 speeds for 3 workers"),
        (lambda p: SimulatedCluster(p, compute=slow_worker(5, 10)), "5 speeds for 3 workers"),
        (lambda p: slow_worker(3, -2), "speeds must be positive"),
        (lambda p: Exponential(0), "mean compute seconds must be positive"),
        (lambda p: ShiftedExponential(-1, 1), "shift must be positive"),
        (lambda p: Pareto(1, 0), "shape must be positive"),
        (lambda p: Link(bandwidth=0), "bandwidth must be positive"),
        (lambda p: Link(latency=-1e-3), "latency must be at least 0"),
        (lambda p: SimulatedCluster(p, batch_size=0), "batch_size must be a whole number from 1 on"),
        (lambda p: SimulatedCluster(p, batch_size=2.5), "batch_size must be a whole number"),
        (lambda p: SimulatedCluster(p, batch_size=[1, 2]), "one for each of the 3 workers"),
        (lambda p: SimulatedCluster(p, replicates=0), "replicates must be a whole number from 1 on"),
        (lambda p: SimulatedCluster(p, all_reduce="butterfly"), "no all-reduce is called 'butterfly'"),
        (lambda p: SimulatedCluster(p, initial_model=np.zeros(3)), r"shape \(3,\); this problem needs \(4,\)"),
        (lambda p: SimulatedCluster(p).gradient(np.zeros((5, 4))), "5 models for 3 workers"),
        (lambda p: SimulatedCluster(p).gradient(np.zeros(7)), "7 numbers; this problem needs 4"),
        (lambda p: SimulatedCluster(p).mean(np.zeros((5, 4))), "5 rows and 3 weights for 3 workers"),
        (lambda p: SimulatedCluster(p).mean(np.zeros((3, 4)), weights=[1, 2]), "3 rows and 2 weights for 3 workers"),
        (lambda p: SimulatedCluster(p).mix(np.zeros((3, 4)), np.eye(4)), r"shape \(4, 4\), but there are 3 workers"),
        (lambda p: SimulatedCluster(p).mix(np.zeros((5, 4)), np.eye(3)), "5 rows for 3 workers"),
        (lambda p: SimulatedCluster(p).mix(np.zeros((3, 4)), np.triu(np.full((3, 3), 1 / 3))), "row-stochastic"),
        (lambda p: SimulatedCluster(p).restore(SimulatedCluster(quadratic(5)).state()), "of 5 workers, not 3"),
    ],
)
def test_errors_are_one_line_in_the_words_of_the_domain(make, words):
    with pytest.raises(CourseError, match=words) as caught:
        make(quadratic(3))
    assert "\n" not in str(caught.value)
