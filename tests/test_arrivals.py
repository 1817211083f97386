"""The event queue of asynchronous runs: who comes when, how old, and the same again."""

from itertools import islice, pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from course_lib.bounds import total_staleness
from course_lib.clusters import Constant, Exponential, Link, Order, Pareto, SimulatedCluster, Speeds
from course_lib.clusters.timing import ComputeTime
from course_lib.errors import CourseError
from course_lib.methods import async_sgd, downpour_sgd, hogwild_sgd, iag, stale_synchronous_sgd
from course_lib.problems import LogisticRegression, Quadratic

INSTANT = Link(latency=0.0, bandwidth=np.inf)
METHODS = {
    "async": lambda c: async_sgd(c, 0.05),
    "stale synchronous": lambda c: stale_synchronous_sgd(c, 0.05, bound=1),
    "iag": lambda c: iag(c, 0.05),
    "hogwild": lambda c: hogwild_sgd(c, 0.05),
    "downpour": lambda c: downpour_sgd(c, 0.05, fetch_every=2, push_every=3, adagrad=True),
}


class Scripted(ComputeTime):
    """Worker i's k-th gradient takes times[i][k] seconds, whoever asks first."""

    def __init__(self, times):
        self.left = [list(reversed(own)) for own in times]

    def sample(self, rng, workers):
        return np.array([self.left[i].pop() for i in workers])


def heavy_tailed(m, T, seed, shape):
    return 1e-3 * (1 + np.random.default_rng(seed).pareto(shape, (m, T)))


def by_hand(times, T, trip, service, ahead=np.inf):
    """The first T arrivals, found by looking through all workers each time: (workers, seconds)."""
    m = len(times)
    count, free, now = [0] * m, 0.0, 0.0
    begun, back = [None] * m, [0.0] * m  # when the gradient under way reaches the server; when the last one did
    workers, seconds = [], []
    for _ in range(T):
        for i in range(m):
            if begun[i] is None and count[i] - min(count) <= ahead:
                begun[i] = max(back[i], now) + trip + times[i][count[i]] + trip
        i = min((i for i in range(m) if begun[i] is not None), key=lambda i: begun[i])
        now = back[i] = free = max(begun[i], free) + service if service else begun[i]
        begun[i] = None
        count[i] += 1
        workers.append(i)
        seconds.append(now)
    return workers, seconds


def problem(m, noise=0.0):
    return Quadratic.dialled(m, 2, condition=2, noise=noise)


def arrive(cluster, T, **rules):
    list(islice(cluster.arrivals(cluster.start(), **rules), T))
    return cluster.order


@given(
    m=st.integers(1, 6), T=st.integers(1, 60), seed=st.integers(0, 10**6), shape=st.floats(0.3, 3),
    latency=st.sampled_from([0.0, 1e-4, 1e-2]), service=st.sampled_from([0.0, 1e-4, 3e-3]),
    ahead=st.sampled_from([None, 0, 1, 5]),
)  # fmt: skip
def test_a_heavy_tail_neither_starves_nor_reorders(m, T, seed, shape, latency, service, ahead):
    """Every gradient arrives when an independent look at all workers says, in that order, for infinite variance too."""
    times = heavy_tailed(m, T + 1, seed, shape)
    cluster = SimulatedCluster(problem(m), compute=Scripted(times), link=Link(latency, np.inf), service=service)
    order = arrive(cluster, T, ahead=ahead)
    workers, seconds = by_hand(times, T, latency, service, np.inf if ahead is None else ahead)
    assert order.workers.tolist() == workers
    np.testing.assert_allclose(order.seconds, seconds, rtol=1e-12)
    assert (np.diff(order.seconds) >= 0).all()
    assert cluster.seconds == order.seconds[-1]


@given(m=st.integers(1, 6), T=st.integers(1, 60), seed=st.integers(0, 10**6))
def test_a_busy_server_is_served_one_by_one(m, T, seed):
    """Lindley's recursion: served = max(came, the one before served) + service."""
    times, service = heavy_tailed(m, T + 1, seed, 1.5), 2e-3
    cluster = SimulatedCluster(problem(m), compute=Scripted(times), link=INSTANT, service=service)
    order = arrive(cluster, T)
    served, turn, free = dict.fromkeys(range(m), 0.0), dict.fromkeys(range(m), 0), 0.0
    for i, seconds in zip(order.workers, order.seconds):
        came = served[i] + times[i][turn[i]]
        free = served[i] = max(came, free) + service
        turn[i] += 1
        assert seconds == pytest.approx(free, rel=1e-12)


MODELS = [Constant(1e-3), Exponential(1e-3), Pareto(1e-3, 0.7), Speeds(Exponential(1e-3), (1, 1, 1, 1, 1e-3))]


@pytest.mark.parametrize("compute", MODELS, ids=lambda model: type(model).__name__)
@pytest.mark.parametrize("service", [0.0, 1e-3])
@pytest.mark.parametrize("ahead", [None, 2])
def test_staleness_is_exact_and_its_sum_an_invariant(compute, service, ahead):
    """Theory 5.3: applied staleness + age of what is under way = (m - 1) T at every T; without holding back."""
    m, T = 5, 400
    cluster = SimulatedCluster(problem(m), compute=compute, service=service)
    order = arrive(cluster, T, ahead=ahead)
    last = np.zeros(m, int)  # updates that each worker's model under way contains, if it began at once
    for t, (i, staleness) in enumerate(zip(order.workers, order.staleness)):
        assert staleness == t - last[i] if ahead is None else staleness <= t - last[i]
        last[i] = t + 1
        if ahead is None:
            assert order.staleness[: t + 1].sum() + (t + 1 - last).sum() == total_staleness(m, t + 1)


def test_a_server_is_a_bottleneck():
    """m workers of a second each and a server that takes a second: one gradient a second, whatever m."""
    cluster = SimulatedCluster(problem(8), compute=1.0, link=INSTANT, service=1.0)
    assert arrive(cluster, 100).seconds[-1] == pytest.approx(101)
    waits = sum(span.end - span.start for span in cluster.trace() if span.kind == "wait")
    assert waits > 600


def test_messages_are_counted():
    cluster = SimulatedCluster(problem(3))
    arrive(cluster, 30)
    pulls, pushes = 3 + 29, 30  # the last arrival's worker has not begun again
    assert cluster.messages == pulls + pushes
    assert cluster.bytes == 8 * 2 * (pulls + pushes)
    arrive(cluster, 30, shared=True)
    assert cluster.messages == cluster.bytes == 0


def test_local_steps_cost_no_message():
    cluster = SimulatedCluster(problem(1), compute=1.0, link=Link(0.25, np.inf))
    order = arrive(cluster, 12, fetch_every=2, push_every=3)
    assert cluster.messages == 6 + 4
    gaps = np.diff(order.seconds, prepend=0.0)
    fetched, pushed = np.arange(12) % 2 == 0, np.arange(12) % 3 == 2
    assert gaps.tolist() == (1 + 0.25 * fetched + 0.25 * pushed).tolist()


@given(m=st.integers(1, 6), seed=st.integers(0, 10**6), fetch=st.integers(1, 3), push=st.integers(1, 3))
def test_local_steps_go_on_while_the_server_is_busy(m, seed, fetch, push):
    """Time runs forward for all: a step on a worker is not held up behind messages that wait at the server."""
    times = heavy_tailed(m, 81, seed, 1.0)
    cluster = SimulatedCluster(problem(m), compute=Scripted(times), link=INSTANT, service=4e-3)
    order = arrive(cluster, 80, fetch_every=fetch, push_every=push)
    assert (np.diff(order.seconds) >= 0).all()
    own = [order.seconds[order.workers == i] for i in range(m)]
    for seconds, durations in zip(own, times):
        lasted = np.diff(seconds, prepend=0.0) - durations[: len(seconds)]
        local = np.arange(1, len(seconds) + 1) % push != 0
        assert (abs(lasted[local]) < 1e-12).all() and (lasted[~local] > 4e-3 - 1e-12).all()


def test_a_workers_own_update_does_not_make_its_model_old():
    cluster = SimulatedCluster(problem(1))
    assert not arrive(cluster, 20, fetch_every=4).staleness.any()
    cluster = SimulatedCluster(problem(2), compute=Speeds(Constant(1.0), (1, 1.01)), link=INSTANT)
    order = arrive(cluster, 16, fetch_every=4)
    assert order.staleness[order.workers == 0].tolist() == [1, 2, 3, 4] * 2  # of worker 1, just before it


def test_the_trace_tiles_the_time_of_every_worker():
    link = Link(1e-4, np.inf)
    cluster = SimulatedCluster(problem(4), compute=Pareto(1e-3, 1.0), link=link, service=2e-4)
    arrive(cluster, 200, ahead=3)
    for i in range(4):
        spans = sorted((s.start, s.end) for s in cluster.trace() if s.worker == i)
        assert spans[0][0] == 0.0
        for (_, end), (start, _) in pairwise(spans):
            assert start == pytest.approx(end, rel=1e-12)


# ---- the same again ---------------------------------------------------------------------------------------


def logistic(m=4):
    rng = np.random.default_rng(0)
    return LogisticRegression(rng.normal(size=(m, 30, 3)), rng.integers(2, size=(m, 30)), l2=0.1)


def go(method, T):
    return [tuple(np.copy(part) for part in state) for state in islice(method, T + 1)]


def same(states, others):
    return len(states) == len(others) and all(
        np.array_equal(a, b) for s, o in zip(states, others) for a, b in zip(s, o, strict=True)
    )


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("replicates", [None, 2])
def test_a_recorded_order_replays_bit_for_bit(name, replicates, tmp_path):
    """On machines of other speeds, the order alone makes the same run: models, staleness and seconds."""
    settings = {"seed": 3, "batch_size": 2, "replicates": replicates}
    recorded = SimulatedCluster(logistic(), compute=Exponential(1e-3), service=1e-4, **settings)
    states = go(METHODS[name](recorded), 150)
    recorded.order.save(tmp_path / "order.npz")
    order = Order.load(tmp_path / "order.npz")
    again = SimulatedCluster(logistic(), compute=Speeds(Constant(1.0), (1, 9, 2, 3)), replay=order, **settings)
    assert same(go(METHODS[name](again), 150), states)
    assert all(np.array_equal(a, b) for a, b in zip(again.order, recorded.order, strict=True))
    assert again.seconds == recorded.seconds


@pytest.mark.parametrize("stop", range(10, 90, 10))
def test_a_replay_can_be_left_and_gone_on_from(stop):
    """Up to the point of interest the recorded run, from there on the machines' own course: here the same."""
    settings = {"seed": 3, "batch_size": 2, "compute": Exponential(1e-3)}
    whole = SimulatedCluster(logistic(8), **settings)
    straight = go(async_sgd(whole, 0.1), 100)
    replaying = SimulatedCluster(logistic(8), replay=whole.order, **settings)
    first = go(async_sgd(replaying, 0.1), stop)
    free = SimulatedCluster(logistic(8), **settings)
    free.restore(replaying.state())
    assert same(first + go(async_sgd(free, 0.1, start=first[-1]), 100 - stop)[1:], straight)
    assert np.array_equal(free.order.workers, whole.order.workers)


def test_an_order_that_cannot_be_replayed_says_why():
    order = Order(np.array([0, 0, 1]), np.arange(3.0), np.zeros(3, int))
    cluster = SimulatedCluster(problem(2), replay=order)
    with pytest.raises(CourseError, match="order of 3 arrivals"):
        arrive(cluster, 4)
    with pytest.raises(CourseError, match=r"arrival 1 .* worker 0, which has nothing under way"):
        arrive(cluster, 3, ahead=0)


def test_a_file_that_holds_no_order_is_refused(tmp_path):
    np.savez(tmp_path / "other.npz", x=np.zeros(2))
    with pytest.raises(CourseError, match="does not hold an order"):
        Order.load(tmp_path / "other.npz")


def test_service_time_is_checked():
    with pytest.raises(CourseError, match="service time"):
        SimulatedCluster(problem(2), service=-1.0)
