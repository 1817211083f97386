"""Load balancing: round times against formulas, unbiased shares, and networks whose links are not alike."""

from itertools import islice

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from toys import toy

from course_lib import bounds, collectives, costs, topology
from course_lib.clusters import Changing, Constant, Exponential, Link, SimulatedCluster, Speeds
from course_lib.clusters.wires import Racks, Wires
from course_lib.errors import CourseError
from course_lib.experiment import History, run
from course_lib.explorers import load
from course_lib.hierarchy import hierarchical
from course_lib.methods import (
    adaptive_batch_sgd,
    balanced_sgd,
    equal_tasks,
    shrinking_tasks,
    sync_sgd,
    whole_shares,
    work_queue_sgd,
)
from course_lib.problems import LogisticRegression, Quadratic

INSTANT = Link(latency=0.0, bandwidth=np.inf)
speeds = st.lists(st.floats(0.1, 10), min_size=1, max_size=8).map(np.array)


def alike(m, noise=0.0, d=3):
    """The same quadratic on every worker: all of them can read all data."""
    return Quadratic.dialled(m, d, optimum_spread=0, noise=noise)


def first_round(cluster, method):
    """Seconds of the first round."""
    next(islice(method, 1, None))
    return cluster.seconds


# ---- shares ---------------------------------------------------------------------------------------------------


@given(v=speeds, extra=st.integers(0, 300))
def test_whole_shares_end_as_early_as_any(v, extra):
    """No division of the batch with at least one sample each ends earlier, and without that floor the bound holds."""
    batch = len(v) + extra
    shares = whole_shares(batch, v)
    assert shares.sum() == batch and shares.min() >= 1
    end = (shares / v).max()
    earlier = np.maximum(np.floor(end * (1 - 1e-9) * v), 1)  # what fits in less time
    assert earlier.sum() < batch or (1 / v).max() >= end * (1 - 1e-9)
    assert end >= bounds.fair_time(batch, v) * (1 - 1e-12)
    if shares.min() > 1:
        assert end <= bounds.whole_shares_time(batch, v) * (1 + 1e-12)


def test_shares_of_a_large_batch_are_quick():
    """The floor is given out at once: the loop runs fewer than 2 m times."""
    v = np.array([3.0, 2.0, 1.0])
    shares = whole_shares(3 * 10**9, v)
    np.testing.assert_allclose(shares, [1.5e9, 1e9, 0.5e9], atol=2)


@pytest.mark.parametrize("wrong", [lambda: whole_shares(2, [1, 1, 1]), lambda: whole_shares(8, [1, 0])])
def test_impossible_shares_are_refused(wrong):
    with pytest.raises(CourseError):
        wrong()


@given(batch=st.integers(1, 2000), m=st.integers(1, 20), grain=st.integers(1, 50))
def test_tasks_make_up_the_batch(batch, m, grain):
    shrinking = shrinking_tasks(batch, m, min(grain, batch))
    assert sum(shrinking) == batch and list(shrinking) == sorted(shrinking, reverse=True)
    assert len(shrinking_tasks(batch, m)) <= m * (2 + np.log(max(batch / m, 1)))
    if grain <= batch:
        tasks = equal_tasks(batch, grain)
        assert sum(tasks) == batch and set(tasks[:-1]) <= {grain} and 1 <= tasks[-1] <= grain


# ---- seconds --------------------------------------------------------------------------------------------------


@given(v=speeds, per_worker=st.integers(1, 30))
def test_a_round_lasts_as_long_as_its_slowest_share(v, per_worker):
    m = len(v)
    cluster = SimulatedCluster(alike(m), compute=Speeds(Constant(1.0), v), link=INSTANT)
    samples = np.full(m, per_worker)
    assert first_round(cluster, balanced_sgd(cluster, 0.1, samples)) == pytest.approx((samples / v).max())


@given(v=speeds, tasks=st.integers(1, 60), grain=st.integers(1, 5), price=st.floats(0, 1))
def test_a_queue_ends_within_its_bound(v, tasks, grain, price):
    """(n - 1) / sum 1/tau + max tau + price; and nobody is idle before the last task is taken."""
    cluster = SimulatedCluster(alike(len(v)), compute=Speeds(Constant(1.0), v), link=Link(price / 2, np.inf))
    cluster.queued_gradient(cluster.start(), equal_tasks(tasks * grain, grain))
    bound = bounds.queue_time(tasks, price + grain / v, price)
    assert cluster.seconds <= bound * (1 + 1e-12)
    begun = max((s.start for s in cluster.trace() if s.kind == "compute"), default=0.0)
    assert cluster.clock.min() >= begun - 1e-9


def test_the_bound_on_a_queue_is_reached():
    """m (n - 1) + 1 tasks on machines alike: the last runs alone (Graham, 1969)."""
    m, tasks = 4, 4 * 6 + 1
    cluster = SimulatedCluster(alike(m), compute=1.0, link=INSTANT)
    cluster.queued_gradient(cluster.start(), equal_tasks(tasks, 1))
    assert cluster.seconds == pytest.approx(bounds.queue_time(tasks, np.ones(m))) == pytest.approx(7.0)


def test_the_best_grain_is_near_the_best():
    """The formula's grain is within a tenth of the best of all grains, on the bound that it is for."""
    v, batch, price = np.array([4.0, 3, 2, 2, 1, 1, 1, 0.5]), 4096, 1.0
    grains = np.arange(1, 1000)
    times = bounds.queue_time(batch / grains, price + grains / v[:, None], price)
    at = round(bounds.best_grain(batch, v, price))
    assert times[at - 1] <= 1.1 * times.min()
    assert bounds.best_grain(1024, np.full(4, 2.0), 0.5) == pytest.approx(np.sqrt(1024 * 0.5 * 2 / 4))


def test_a_finer_queue_costs_more_messages():
    def queued(grain):
        cluster = SimulatedCluster(alike(4), compute=1e-3)
        cluster.queued_gradient(cluster.start(), equal_tasks(64, grain))
        return cluster.messages

    assert [queued(g) for g in (1, 4, 16)] == [2 * (64 / g + 4) for g in (1, 4, 16)]


def test_a_task_costs_a_question_and_an_answer_and_so_does_the_end():
    """Two machines alike, five tasks of a second, half a second a message: three and two of them, and the bound."""
    cluster = SimulatedCluster(alike(2), compute=1.0, link=Link(0.5, np.inf))
    _, taken = cluster.queued_gradient(cluster.start(), equal_tasks(5, 1))
    assert taken.tolist() == [3, 2] and cluster.clock.tolist() == [3 * (1 + 1) + 1, 2 * (1 + 1) + 1]
    assert cluster.seconds == bounds.queue_time(5, np.full(2, 1.0 + 1.0), price=1.0)


def test_the_slowest_of_memoryless_workers():
    """Inclusion and exclusion against simulated rounds with unequal shares, four standard errors."""
    samples = np.array([1, 2, 3, 6])
    cluster = SimulatedCluster(alike(4), compute=Exponential(1.0), link=INSTANT)
    steps = balanced_sgd(cluster, 0.1, samples)
    rounds = np.diff([cluster.seconds for _ in islice(steps, 4001)])
    error = 4 * rounds.std() / np.sqrt(len(rounds))
    assert bounds.expected_slowest(samples) == pytest.approx(rounds.mean(), abs=error)
    assert bounds.expected_slowest(np.ones(8)) == pytest.approx(bounds.wait_for_slowest(8), rel=1e-12)


@given(m=st.integers(1, 16))
def test_no_distribution_exceeds_gumbels_bound(m):
    """Memoryless times (mean 1, deviation 1), uniform ones, and the one that reaches it for m = 2: uniform."""
    assert bounds.wait_for_slowest(m) <= bounds.slowest_of_any(m, 1.0, 1.0) + 1e-12
    assert m / (m + 1) <= bounds.slowest_of_any(m, 0.5, 12**-0.5) + 1e-12
    assert bounds.slowest_of_any(2, 0.5, 12**-0.5) == pytest.approx(2 / 3)


# ---- what the gradient aims at ----------------------------------------------------------------------------------


def test_samples_counted_alike_are_one_mini_batch():
    """theory.md 2.1: with weights b_i / B the average of unequal batches is the gradient of their union."""
    problem = toy(LogisticRegression, (7, 9, 8), weights="equal")
    cluster = SimulatedCluster(problem, seed=3)
    x, samples = cluster.start(), np.array([1, 4, 6])
    streams = [np.random.default_rng([3, 1, i]) for i in range(3)]
    drawn = [stream.integers(n, size=b) for stream, n, b in zip(streams, problem.sizes, samples)]
    g, _ = cluster.batch_gradient(x, samples)
    features = np.concatenate([problem.features[i][r] for i, r in enumerate(drawn)])
    labels = np.concatenate([problem.targets[i, 0, r] for i, r in enumerate(drawn)])
    union = LogisticRegression([features], [(labels > 0).astype(int)], l2=0.1)
    np.testing.assert_allclose(cluster.average(g, samples / 11), union.gradient(x), atol=1e-13)
    assert not np.allclose(cluster.average(g), union.gradient(x))


@pytest.mark.parametrize("samples", [(1, 1, 1), (1, 5, 2)])
def test_counting_workers_is_unbiased_whatever_the_shares(samples):
    """Without noise the gradient is that of f exactly; counted by samples it is that of sum_i (b_i / B) f_i."""
    problem = Quadratic.dialled(3, 4, hessian_spread=0.5)
    cluster, samples = SimulatedCluster(problem), np.array(samples)
    x = cluster.start() + 1
    g, _ = cluster.batch_gradient(x, samples)
    np.testing.assert_allclose(cluster.average(g, problem.weights), problem.full_gradient(x), atol=1e-14)
    right = np.allclose(cluster.average(g, samples / samples.sum()), problem.full_gradient(x))
    assert right == (samples.min() == samples.max())


def test_where_each_count_ends():
    """Optima 0, 0, 3 and speeds 4 : 2 : 1: counting workers ends at 1, counting samples at 3/7, and so does a queue."""
    problem = Quadratic(np.ones((3, 1, 1)), [[0.0], [0.0], [3.0]])
    cluster = SimulatedCluster(problem, compute=Speeds(Constant(1.0), (4, 2, 1)), link=INSTANT)
    shares = whole_shares(7, [4, 2, 1])
    ends = [
        run(balanced_sgd(cluster, 0.5, shares, count="workers"), 60).model.item(),
        run(balanced_sgd(cluster, 0.5, shares, count="samples"), 60).model.item(),
        run(work_queue_sgd(cluster, 0.5, equal_tasks(70, 1)), 60).model.item(),
    ]
    np.testing.assert_allclose(ends, [1, 3 / 7, 3 / 7], atol=1e-12)


@given(v=speeds, p=st.integers(0, 10**6))
def test_noise_of_shares(v, p):
    """It is (1 + chi^2(p | q)) / B, and least where shares follow the weights."""
    weights = np.random.default_rng(p).dirichlet(np.ones(len(v)))
    q, batch = v / v.sum(), 100.0
    chi2 = ((weights - q) ** 2 / q).sum()
    assert bounds.noise_of_shares(batch * q, weights) == pytest.approx((1 + chi2) / batch)
    assert bounds.noise_of_shares(batch * weights, weights) == pytest.approx(1 / batch)
    pooled, proportional, equal = bounds.time_to_precision(v)
    assert pooled <= proportional * (1 + 1e-12) and proportional <= equal * (1 + 1e-12)


def test_noise_of_shares_is_what_a_cluster_measures():
    """Variance of the averaged gradient over 4000 draws, within 4 standard errors of sigma^2 sum p_i^2 / b_i."""
    problem, samples = alike(3, noise=2.0, d=4), np.array([1, 3, 12])
    cluster = SimulatedCluster(problem, replicates=4000)
    x = cluster.start()
    g, _ = cluster.batch_gradient(x, samples)
    for weights in (problem.weights, samples / 16):
        apart = ((cluster.average(g, weights) - problem.full_gradient(x)) ** 2).sum((-2, -1))
        error = 4 * apart.std() / np.sqrt(4000)
        assert 4 * bounds.noise_of_shares(samples, weights) == pytest.approx(apart.mean(), abs=error)


# ---- measured shares --------------------------------------------------------------------------------------------


@given(v=speeds)
def test_one_measurement_is_enough_where_nothing_varies(v):
    batch = 50 * len(v)
    cluster = SimulatedCluster(alike(len(v)), compute=Speeds(Constant(1.0), v), link=INSTANT)
    states = list(islice(adaptive_batch_sgd(cluster, 0.1, batch), 4))
    np.testing.assert_allclose(states[1][1], 1 / v)
    assert first_round(cluster, balanced_sgd(cluster, 0.1, whole_shares(batch, 1 / states[1][1]))) == pytest.approx(
        (whole_shares(batch, v) / v).max()
    )


def test_measured_shares_follow_a_load_that_changes():
    """After the change one round is slow, then the error of the estimate falls by `smoothing` a round."""
    load = Changing(Constant(1.0), lambda seconds: (1, 1) if seconds < 100 else (1, 0.25))
    cluster = SimulatedCluster(alike(2), compute=load, link=INSTANT)
    pace = np.array([pace[1] for _, pace, _ in islice(adaptive_batch_sgd(cluster, 0.1, 20, smoothing=0.5), 30)])
    changed = np.flatnonzero(pace[1:] > 1)[0] + 1
    np.testing.assert_allclose(4 - pace[changed : changed + 5], 3 * 0.5 ** np.arange(1, 6))
    assert changed == 11  # ten rounds of ten seconds each, then the first slow one


def test_equal_shares_with_one_sample_are_sync_sgd():
    problem = toy(Quadratic)
    ours = run(balanced_sgd(SimulatedCluster(problem), 0.1, np.ones(3, int)), 10)
    theirs = run(sync_sgd(SimulatedCluster(problem, batch_size=1), 0.1), 10)
    assert np.array_equal(ours.model, theirs.model) and np.array_equal(ours.bytes, theirs.bytes)


@pytest.mark.parametrize(
    "make",
    [
        lambda c, **k: balanced_sgd(c, 0.1, np.array([1, 2, 3]), **k),
        lambda c, **k: adaptive_batch_sgd(c, 0.1, 12, **k),
        lambda c, **k: work_queue_sgd(c, 0.1, equal_tasks(12, 2), **k),
    ],
)
def test_a_stopped_run_goes_on_bit_for_bit(make, tmp_path):
    def boot():
        return SimulatedCluster(toy(LogisticRegression, weights="equal"), seed=2, compute=Exponential(1e-3))

    whole = run(make(boot()), 9)
    run(make(boot()), 4).save(tmp_path / "h")
    half, cluster = History.load(tmp_path / "h"), boot()
    cluster.restore(half.cluster)
    rest = run(make(cluster, start=half.state), 5)
    assert np.array_equal(rest.model, whole.model) and rest.seconds[-1] == whole.seconds[-1]


# ---- wires that are not alike -----------------------------------------------------------------------------------


@given(racks=st.integers(1, 5), size=st.integers(1, 5), d=st.integers(1, 60), seed=st.integers(0, 10**6))
def test_the_hierarchical_all_reduce_sums(racks, size, d, seed):
    m = racks * size
    network, X = collectives.Network(m), np.random.default_rng(seed).standard_normal((m, d))
    sums = hierarchical(network, X, size)
    np.testing.assert_allclose(sums, np.broadcast_to(X.sum(0), (m, d)), atol=1e-12)
    assert all(np.array_equal(row, sums[0]) for row in sums)  # everyone holds the same, bit for bit
    assert network.rounds == 2 * (size - 1) + 2 * (racks - 1)
    assert network.total == 2 * (racks - 1) * d + racks * 2 * (size - 1) * d


@pytest.mark.parametrize("algorithm", costs.ALGORITHMS)
@given(m=st.integers(2, 12), d=st.integers(1, 100))
def test_wires_that_are_alike_cost_what_the_closed_forms_say(algorithm, m, d):
    link = Link(1e-3, 1e6)
    closed = costs.all_reduce(algorithm, m, d, link.latency, 8 / link.bandwidth).seconds
    assert Wires.alike(m, link).all_reduce(algorithm, d) == pytest.approx(closed, rel=1e-9)


@given(racks=st.integers(2, 4), size=st.integers(1, 4), chunk=st.integers(1, 50))
def test_racks_against_closed_forms(racks, size, chunk):
    inside, uplink, d = Link(1e-5, 1e9), Link(1e-3, 1e7), racks * size * chunk
    wires = Racks(racks, size, inside, uplink)
    ring, both = bounds.over_racks(racks, size, 8 * d, inside, uplink)
    assert wires.all_reduce("ring", d) == pytest.approx(ring)
    assert wires.all_reduce("hierarchical", d) == pytest.approx(both)


def test_messages_that_leave_a_rack_at_once_share_its_uplink():
    wires = Racks(2, 3, Link(0.0, 100.0), Link(0.0, 10.0))
    assert wires.round_seconds(np.array([0, 1]), np.array([1, 2]), np.array([50, 50])) == 0.5
    assert wires.round_seconds(np.array([0, 1, 3]), np.array([4, 5, 2]), np.array([50, 30, 10])) == 8.0  # out: 50 + 30
    assert wires.round_seconds(np.array([0, 3]), np.array([3, 0]), np.array([50, 50])) == 5.0  # full duplex


@pytest.mark.parametrize("algorithm", costs.ALGORITHMS)
def test_no_algorithm_beats_a_slow_wire(algorithm):
    """The slow worker must hear of d numbers and tell d; the ring needs at most twice that, all else free."""
    m, d = 8, 840
    wires = Wires.alike(m, Link(0.0, np.inf))
    wires.bandwidth[5, :] = wires.bandwidth[:, 5] = 8.0  # a word a second
    seconds = wires.all_reduce(algorithm, d)
    assert seconds >= d
    if algorithm == "ring":
        assert seconds == pytest.approx(2 * (m - 1) / m * d)


def test_one_slow_wire_between_two():
    wires = Wires.alike(4, Link(1.0, np.inf)).slowed(0, 10.0, other=1)
    assert wires.latency[0, 1] == wires.latency[1, 0] == 10 and wires.latency.sum() == 14 + 20
    assert wires.all_reduce("ring", 8) == 6 * 10  # whoever lies on the ring sets its pace
    assert wires.seconds(8) == 10


@pytest.mark.parametrize(
    "wrong",
    [
        lambda c: Wires(np.zeros((2, 2)), np.zeros((2, 2))),
        lambda c: Wires(np.zeros((2, 3)), np.ones((2, 3))),
        lambda c: Wires.alike(4).all_reduce("hierarchical", 8),
        lambda c: hierarchical(collectives.Network(6), np.ones((6, 2)), 4),
        lambda c: c.batch_gradient(c.start(), np.array([1, 0, 1])),
        lambda c: c.batch_gradient(c.start(), np.array([1.5, 1, 1])),
        lambda c: c.queued_gradient(c.start(), ()),
        lambda c: balanced_sgd(c, 0.1, np.ones(3, int), count="rows"),
        lambda c: equal_tasks(10, 11),
    ],
)
def test_what_makes_no_sense_is_refused(wrong):
    with pytest.raises(CourseError):
        wrong(SimulatedCluster(toy(Quadratic)))


def test_a_cluster_on_unlike_wires():
    """An all-reduce takes what its messages take; in gossip only those who talk over the slow wire wait for it."""
    problem, slow = alike(8, d=16), Wires.alike(8, Link(1.0, np.inf)).slowed(0, 10.0, other=1)
    cluster = SimulatedCluster(problem, link=slow, compute=1e-9)
    cluster.mean(cluster.zeros())
    assert cluster.seconds == slow.all_reduce("ring", 16) == 140.0
    cluster = SimulatedCluster(problem, link=slow, compute=1e-9)
    cluster.mix(cluster.zeros(), topology.metropolis(topology.ring(8)))
    np.testing.assert_allclose(cluster.clock, [11, 11, 2, 2, 2, 2, 2, 2])
    racks = SimulatedCluster(problem, link=Racks(2, 4), all_reduce="hierarchical")
    racks.mean(racks.zeros())
    assert racks.seconds == Racks(2, 4).all_reduce("hierarchical", 16)
    assert racks.bytes == 8 * (2 * 16 + 2 * 6 * 16) and racks.messages == 2 * 8 * 3 + 2 * 8
    with pytest.raises(CourseError):
        SimulatedCluster(problem, all_reduce="hierarchical")


# ---- what the explorers show ------------------------------------------------------------------------------------


@pytest.mark.parametrize("price", [1e-5, 5e-4, 2e-3])
@pytest.mark.parametrize("slowest", [1, 8])
def test_the_queue_explorer_stays_below_its_bound(price, slowest):
    times, pace = load.queue_seconds(price, slowest, False), np.ones(load.M)
    pace[0] = slowest
    for grain, seconds in zip(load.GRAINS, times):
        assert seconds <= bounds.queue_time(load.BATCH / grain, price + grain * pace / load.FAST, price) * (1 + 1e-9)
    assert times[-1] == pytest.approx((load.BATCH / load.M * pace / load.FAST).max())


@pytest.mark.parametrize("racks", [2, 4, 8])
def test_the_racks_explorer_prices_messages_as_the_formulas_do(racks):
    ring, both = bounds.over_racks(racks, 16 // racks, load.SIZES, Link(1e-5, 1e9), Link(1e-3, 1e8))
    np.testing.assert_allclose(load.rack_seconds("ring", racks, 10, 1e-3), ring)
    np.testing.assert_allclose(load.rack_seconds("hierarchical", racks, 10, 1e-3), both)


def test_shares_that_fit_the_past_lose_to_equal_ones_when_a_machine_slows_down():
    late = {
        plan: load.round_seconds(plan, "worker 7 gets busy", False, *[0] * (plan == "measured")) for plan in load.PLANS
    }
    early, late = ({plan: s[part] for plan, s in late.items()} for part in (slice(1, 8), slice(-8, None)))
    assert early["fixed"].max() < 0.6 * early["equal"].min() and late["fixed"].min() > 1.5 * late["equal"].max()
    assert late["measured"].max() < 0.6 * late["equal"].min()
