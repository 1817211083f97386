"""Slow and dead machines: who is waited for, what is lost, what it takes, against the formulas."""

from functools import partial
from itertools import combinations, islice, permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from course_lib import bounds, coding, compressors, topology
from course_lib.clusters import (
    Constant,
    Crashes,
    Exponential,
    Link,
    Loss,
    Pareto,
    Partition,
    ShiftedExponential,
    SimulatedCluster,
    Speeds,
    slow_worker,
)
from course_lib.clusters.timing import ComputeTime
from course_lib.errors import CourseError
from course_lib.experiment import run
from course_lib.explorers import faults as explorers
from course_lib.methods import (
    async_sgd,
    backup_sgd,
    coded_sgd,
    deadline_sgd,
    dsgd,
    elastic_sgd,
    error_feedback_sgd,
    parameter_server_sgd,
    speculative_sgd,
    sync_sgd,
)
from course_lib.problems import LeastSquares, Quadratic

INSTANT = Link(latency=0.0, bandwidth=np.inf)
M = 12


def flat(m=M):
    return Quadratic(np.ones((m, 1, 1)), np.zeros((m, 1)))


def spread(m, d=3):
    """Workers that disagree: identity Hessians, minimisers e_i and their multiples."""
    return Quadratic(np.broadcast_to(np.eye(d), (m, d, d)), np.random.default_rng(0).normal(size=(m, d)))


class Scripted(ComputeTime):
    """Worker i's k-th gradient takes times[k][i] seconds; the last line for ever."""

    def __init__(self, *times):
        self.times, self.k = times, 0

    def sample(self, rng, workers):
        line = self.times[min(self.k, len(self.times) - 1)]
        self.k += 1
        return np.array(line, float)[workers]


def round_time(make, rounds=3000, m=M, **options):
    cluster = SimulatedCluster(flat(m), link=INSTANT, **options)
    ends = run(make(cluster), rounds).seconds
    steps = np.diff(ends)
    return steps.mean(), 4.5 * steps.std() / np.sqrt(rounds)


# ---- gradient codes -------------------------------------------------------------------------------------

CODES = [coding.FractionalRepetition(12, 2), coding.FractionalRepetition(8, 3), coding.FractionalRepetition(6, 5)]
CODES += [coding.Cyclic(m, s) for m, s in ((12, 2), (7, 3), (5, 1), (9, 4), (6, 0))]


@pytest.mark.parametrize("code", CODES, ids=repr)
def test_every_pattern_of_stragglers_decodes(code):
    """Theory 9.2: all (m choose s) patterns, to 1e-8; load s + 1 on each worker, each share on s + 1 workers."""
    G = np.random.default_rng(1).normal(size=(code.m, 4))
    sent = code.encode(G)
    assert ((code.B != 0).sum(0) == code.load).all() and ((code.B != 0).sum(1) == code.load).all()
    assert code.load == code.stragglers + 1
    for missing in combinations(range(code.m), code.stragglers):
        heard = np.delete(np.arange(code.m), missing)
        assert np.abs(code.decode(heard) @ sent[heard] - G.sum(0)).max() <= 1e-8


@given(m=st.integers(2, 14), seed=st.integers(0, 10**6), data=st.data())
@settings(max_examples=60)
def test_so_does_any_pattern_of_any_cyclic_code(m, seed, data):
    s = data.draw(st.integers(0, min(m - 1, 4)))
    missing = data.draw(st.permutations(range(m)))[:s]
    code = coding.Cyclic(m, s, seed)
    heard = np.delete(np.arange(m), missing)
    assert np.abs(code.decode(heard) @ code.B[heard] - 1).max() <= 1e-8


def test_one_straggler_more_is_too_many():
    """Cyclic: always. Fractional repetition: only if they are a whole group, 4 of 220."""
    lost = {}
    for code in (coding.Cyclic(12, 2), coding.FractionalRepetition(12, 2)):
        lost[type(code).__name__] = 0
        for missing in combinations(range(12), 3):
            try:
                code.decode(np.delete(np.arange(12), missing))
            except CourseError:
                lost[type(code).__name__] += 1
    assert lost == {"Cyclic": 220, "FractionalRepetition": 4}


@pytest.mark.parametrize("code", [coding.Cyclic(6, 2), coding.FractionalRepetition(6, 2)], ids=repr)
def test_coded_sgd_is_sync_sgd_whoever_is_slow(code):
    """Mini-batches included, and with unequal weights: workers that hold a share draw the same of it."""
    rng = np.random.default_rng(2)
    sizes = (3, 4, 5, 6, 7, 8)
    rows = [rng.normal(size=(n, 3)) for n in sizes], [rng.normal(size=n) for n in sizes]
    problem = LeastSquares(*rows, weights="pooled", l2=0.1)
    slow = Speeds(Pareto(1e-3, 1.2), rng.uniform(0.1, 1, 6))
    plain = run(sync_sgd(SimulatedCluster(problem, batch_size=2, seed=5), 0.05), 50)
    coded = run(coded_sgd(SimulatedCluster(problem, batch_size=2, seed=5, compute=slow), 0.05, code), 50)
    assert np.abs(coded.model - plain.model).max() < 1e-10


# ---- expected times -------------------------------------------------------------------------------------

TIMES = {
    "memoryless": (Exponential(0.7), lambda k, m: bounds.kth_exponential(k, m, 0.7)),
    "shifted": (ShiftedExponential(1.0, 0.5), lambda k, m: bounds.kth_exponential(k, m, 0.5, 1.0)),
    "heavy tail": (Pareto(1.0, 3.0), lambda k, m: bounds.kth_pareto(k, m, 1.0, 3.0)),
    "always the same": (Constant(2.0), lambda k, m: 2.0),
}


@pytest.mark.parametrize("name", TIMES)
@pytest.mark.parametrize("backups", [0, 3])
def test_backup_rounds_take_as_long_as_order_statistics_say(name, backups):
    """Theory 9.1: E of the (m - b)-th of m, within Monte Carlo error."""
    compute, formula = TIMES[name]
    mean, error = round_time(lambda c: backup_sgd(c, 0.1, backups), compute=compute)
    assert abs(mean - formula(M - backups, M)) <= error + 1e-9


@pytest.mark.parametrize("name", ["memoryless", "heavy tail"])
def test_coded_rounds_pay_the_load_and_save_the_wait(name):
    compute, formula = TIMES[name]
    mean, error = round_time(lambda c: coded_sgd(c, 0.1, coding.Cyclic(M, 2)), rounds=1500, compute=compute)
    assert abs(mean - 3 * formula(M - 2, M)) <= error


def test_a_second_copy_halves_the_wait_for_the_last():
    mean, error = round_time(lambda c: speculative_sgd(c, 0.1, 4), compute=Exponential(1.0))
    assert abs(mean - bounds.speculative(M, 4)) <= error


def test_order_statistics_agree_with_each_other():
    assert bounds.kth_exponential(M, M, 2.0) == pytest.approx(bounds.wait_for_slowest(M, 2.0))
    assert bounds.kth_exponential(M - 3, M) == pytest.approx(bounds.wait_for_slowest(M, 1.0, spare=3))
    assert bounds.kth_pareto(1, M, 1.0, 2.0) == pytest.approx(2 * M / (2 * M - 1))  # the least is Pareto of shape m a
    assert bounds.kth_pareto(M, M, 1.0, 1.0) == np.inf and bounds.kth_pareto(M - 1, M, 1.0, 1.0) < np.inf


def test_one_machine_that_crashes():
    """(1/rate + repair)(e^(rate s) - 1), for every gradient it begins again."""
    mean, error = round_time(lambda c: sync_sgd(c, 0.1), m=1, compute=1.0, faults=[Crashes(0.5, 2.0)], rounds=6000)
    assert abs(mean - bounds.restarted(1.0, 0.5, 2.0)) <= error


# ---- whose gradient counts ------------------------------------------------------------------------------


def test_backups_are_those_who_are_last():
    cluster = SimulatedCluster(spread(4), link=INSTANT, compute=Scripted([4, 1, 3, 2], [1, 2, 3, 4]))
    steps = backup_sgd(cluster, 1.0, 2)
    minimisers = -cluster.problem.gradient(np.zeros(3))
    next(steps)
    assert np.allclose(next(steps)[0], minimisers[[1, 3]].mean(0)) and cluster.seconds == 2
    assert np.allclose(next(steps)[0], minimisers[[0, 1]].mean(0)) and cluster.seconds == 4
    ends = [(s.worker, s.start, s.end) for s in cluster.trace() if s.kind == "compute"]
    assert ends == [(0, 0, 2), (1, 0, 1), (2, 0, 2), (3, 0, 2), (0, 2, 3), (1, 2, 4), (2, 2, 4), (3, 2, 4)]


def test_no_backups_is_sync_sgd():
    options = {"compute": Exponential(1e-3), "seed": 4}
    plain, none = SimulatedCluster(spread(5), **options), SimulatedCluster(spread(5), **options)
    one, other = run(sync_sgd(plain, 0.1), 20), run(backup_sgd(none, 0.1, 0), 20)
    assert np.array_equal(one.model, other.model) and np.allclose(one.seconds, other.seconds)
    assert one.bytes.tolist() == other.bytes.tolist()


def test_backup_workers_drop_the_data_of_the_slow():
    """Theory 9.1: biased where data are tied to workers: E x goes to the minimiser of sum p_i f_i, p from `heard`."""
    rates, problem = np.array([4.0, 4.0, 2.0, 1.0]), spread(4)
    p = bounds.heard(rates, 2) / 2
    cluster = SimulatedCluster(problem, link=INSTANT, compute=Speeds(Exponential(1.0), rates))
    steps, seen = backup_sgd(cluster, 0.1, 2), []
    for _ in range(8000):
        seen.append(next(steps)[0][0])
    wrong = p @ -problem.gradient(np.zeros(3))
    batches = np.reshape(seen, (20, 400, 3))[1:].mean(1)
    assert (abs(batches.mean(0) - wrong) < 5 * batches.std(0) / np.sqrt(len(batches))).all()
    assert np.abs(wrong - problem.optimum()).max() > 0.1


EXACT = [lambda c: speculative_sgd(c, 0.1, 2), lambda c: coded_sgd(c, 0.1, coding.Cyclic(4, 1))]


@pytest.mark.parametrize("method", EXACT, ids=["speculation", "coding"])
def test_speculation_and_coding_drop_nothing(method):
    lame = slow_worker(4, 10, worker=3)
    fine = run(sync_sgd(SimulatedCluster(spread(4), compute=lame), 0.1), 100)
    other = run(method(SimulatedCluster(spread(4), compute=lame)), 100)
    assert np.abs(fine.model - other.model).max() < 1e-12
    assert other.seconds[-1] < 0.5 * fine.seconds[-1]


def test_how_often_each_is_heard():
    """Against all orders in which memoryless clocks can ring (Plackett and Luce)."""
    rates = np.array([5.0, 2.0, 1.0, 0.3])
    for count in (1, 2, 3, 4):
        exact = np.zeros(4)
        for order in permutations(range(4)):
            left, probability = rates.sum(), 1.0
            for i in order:
                probability, left = probability * rates[i] / left, left - rates[i]
            exact[list(order[:count])] += probability
        assert np.abs(bounds.heard(rates, count) - exact).max() < 1e-8


def test_a_deadline_bounds_every_round():
    cluster = SimulatedCluster(flat(), link=INSTANT, compute=Exponential(1.0))
    history = run(deadline_sgd(cluster, 0.1, 1.5), 300)
    assert np.diff(history.seconds).max() <= 1.5 + 1e-9
    none = SimulatedCluster(flat(3), link=INSTANT, compute=Scripted([5, 4, 7]))
    assert run(deadline_sgd(none, 0.1, 1.0), 1).seconds[-1] == 4  # nobody is there: the first one is waited for
    all_ = SimulatedCluster(flat(3), link=INSTANT, compute=Scripted([5, 4, 7]))
    assert run(deadline_sgd(all_, 0.1, 100.0), 1).seconds[-1] == 7  # no reason to wait longer


def test_a_copy_counts_if_it_is_done_first():
    script = Scripted([1, 2, 9, 5], [4, 1, 1, 1])
    cluster = SimulatedCluster(flat(4), link=INSTANT, compute=script)
    run(speculative_sgd(cluster, 0.1, 1), 1)
    # when all but one are done, at 5 s, worker 0 begins worker 2's gradient again, and takes 4 s: 9 s, as the original
    assert cluster.seconds == 9
    script = Scripted([1, 2, 9, 5], [3, 1, 1, 1])
    cluster = SimulatedCluster(flat(4), link=INSTANT, compute=script)
    run(speculative_sgd(cluster, 0.1, 1), 1)
    assert cluster.seconds == 8
    spans = [(s.start, s.end) for s in cluster.trace() if s.kind == "compute" and s.worker in (0, 2)]
    assert spans == [(0, 1), (0, 8), (5, 8)]


# ---- crashes --------------------------------------------------------------------------------------------


FIRST, SECOND = np.random.default_rng([0, 4, 0]).random(2)


class OneCrash(Crashes):
    """Worker 1 crashes half a second into its first gradient."""

    def strike(self, seconds, rng):
        crash, last = seconds.copy(), np.zeros_like(seconds)
        if rng.random() == FIRST:
            crash[1], last[1] = 0.5, 0.5 + self.repair
        return crash, last, last + seconds


def test_sync_sgd_waits_for_the_repair_and_elastic_sgd_does_not():
    crash = [OneCrash(1e-9, repair=2.2)]
    waits = SimulatedCluster(spread(3), link=INSTANT, compute=1.0, faults=crash)
    assert run(sync_sgd(waits, 0.1), 3).seconds.tolist() == pytest.approx([0, 3.7, 4.7, 5.7])
    down = [(s.worker, s.start, s.end) for s in waits.trace() if s.kind == "down"]
    assert down == [(1, 0.5, 2.7)]

    goes_on = SimulatedCluster(spread(3), link=INSTANT, compute=1.0, faults=crash)
    steps = elastic_sgd(goes_on, 1.0)
    minimisers = -goes_on.problem.gradient(np.zeros(3))
    models = [next(steps)[0][0].copy() for _ in range(5)]
    assert goes_on.seconds == 4
    assert np.allclose(models[1:4], minimisers[[0, 2]].mean(0))  # down until 2.7: back in the round that begins at 3
    assert np.allclose(models[4], minimisers.mean(0))
    spans = [(s.kind, s.start, s.end) for s in goes_on.trace() if s.worker == 1 and s.kind != "wait"]
    assert spans == [("compute", 0, 0.5), ("down", 0.5, 2.7), ("compute", 3, 4)]


def test_backup_workers_do_not_mend_a_machine():
    """Down until 2.7, in the second and the third round, whoever waits for whom."""
    for method, rule in ((backup_sgd, 1), (deadline_sgd, 1.0)):
        cluster = SimulatedCluster(spread(3), link=INSTANT, compute=1.0, faults=[OneCrash(1e-9, repair=2.2)])
        steps = method(cluster, 0.1, rule)
        for _ in range(5):
            next(steps)
        spans = [(s.kind, s.start, s.end) for s in cluster.trace() if s.worker == 1 and s.kind != "wait"]
        assert spans[:2] == [("compute", 0, 0.5), ("down", 0.5, 2.7)] and cluster.seconds == 4
        assert all(start >= 2.7 for _, start, _ in spans[2:])


def test_coded_sgd_waits_for_no_repair():
    """Two shares of a second each: down until 2.7, worker 1 is late for the second round, which ends at 4."""
    cluster = SimulatedCluster(spread(3), link=INSTANT, compute=1.0, faults=[OneCrash(1e-9, repair=2.2)])
    history = run(coded_sgd(cluster, 0.1, coding.Cyclic(3, 1)), 3)
    assert history.seconds.tolist() == pytest.approx([0, 2, 4, 6]) and cluster.clock.tolist() == [6, 6, 6]
    spans = [(s.kind, s.start, s.end) for s in cluster.trace() if s.worker == 1 and s.kind != "wait"]
    assert spans == [("compute", 0, 0.5), ("down", 0.5, 2.7), ("compute", 2.7, 4), ("compute", 4, 6)]
    assert np.allclose(history.model, run(sync_sgd(SimulatedCluster(spread(3)), 0.1), 3).model)


def test_a_coded_round_costs_a_message_up_from_those_who_count_and_one_down_to_each():
    cluster = SimulatedCluster(spread(4), link=Link(1.0, np.inf), compute=1.0)
    assert run(coded_sgd(cluster, 0.1, coding.Cyclic(4, 1)), 5).seconds[-1] == pytest.approx(5 * (2 + 3 + 4))
    assert cluster.messages == 5 * (3 + 4) and cluster.bytes == 5 * (3 + 4) * 24


def test_when_all_crash_the_first_to_be_done_again_is_waited_for():
    cluster = SimulatedCluster(flat(2), link=INSTANT, compute=1.0, faults=[Crashes(3.0, 1.0)])
    ends = [cluster.clock.min() for _ in islice(elastic_sgd(cluster, 0.1), 200)]
    assert np.isfinite(ends).all() and (np.diff(ends) >= 1 - 1e-9).all()


class CrashTwice(Crashes):
    """Worker 1 crashes half a second into its first gradient, and would in its second, that it never begins."""

    def strike(self, seconds, rng):
        crash, last = seconds.copy(), np.zeros_like(seconds)
        if rng.random() in (FIRST, SECOND):
            crash[1], last[1] = 0.5, 0.5 + self.repair
        return crash, last, last + seconds


@pytest.mark.parametrize("method", [elastic_sgd, partial(backup_sgd, backups=1), partial(deadline_sgd, deadline=1.0)])
def test_a_machine_under_repair_does_not_crash_again(method):
    cluster = SimulatedCluster(spread(3), link=INSTANT, compute=1.0, faults=[CrashTwice(1e-9, repair=2.2)])
    for _ in islice(method(cluster, 0.1), 5):
        pass
    spans = [(s.kind, s.start, s.end) for s in cluster.trace() if s.worker == 1 and s.kind == "down"]
    assert spans == [("down", 0.5, 2.7)]
    assert cluster.seconds == 4


def test_crashes_change_the_clock_and_nothing_else():
    problem = Quadratic.dialled(4, 3, noise=1.0)
    for method in (sync_sgd, lambda c, eta: error_feedback_sgd(c, eta, compressors.RandomK(1))):
        fine = run(method(SimulatedCluster(problem, batch_size=1), 0.1), 30)
        hit = run(method(SimulatedCluster(problem, batch_size=1, faults=[Crashes(200, 0.1), Loss(0.2)]), 0.1), 30)
        assert np.array_equal(fine.model, hit.model) and hit.seconds[-1] > fine.seconds[-1]


def test_an_asynchronous_run_goes_on_without_who_is_down():
    lasting = [Crashes(0.02, 1e3)]
    cluster = SimulatedCluster(flat(4), link=INSTANT, compute=1.0, faults=lasting, seed=1)
    order = run(async_sgd(cluster, 0.05), 400).cluster["flight"]
    assert any(s.kind == "down" for s in cluster.trace())
    assert max(order["steps"]) > 3 * min(order["steps"])


def test_a_machine_that_never_gets_done_is_refused():
    cluster = SimulatedCluster(flat(2), compute=1.0, faults=[Crashes(20.0, 1.0)])
    with pytest.raises(CourseError, match=r"machines that fail every 0\.05 s never finish 1 s of work"):
        run(sync_sgd(cluster, 0.1), 1)


# ---- wires ----------------------------------------------------------------------------------------------


TALKING = [parameter_server_sgd, sync_sgd, lambda c, eta: error_feedback_sgd(c, eta, compressors.TopK(1))]


@pytest.mark.parametrize("method", TALKING, ids=["server", "all-reduce", "all-gather"])
def test_lost_messages_are_sent_again(method):
    """A message takes 1 / (1 - p) tries on average, so the bytes grow by that factor."""
    fine = run(method(SimulatedCluster(spread(6)), 0.1), 400)
    lossy = SimulatedCluster(spread(6), faults=[Loss(0.2)])
    hit = run(method(lossy, 0.1), 400)
    messages = lossy.messages * 0.8
    assert abs(hit.bytes[-1] / fine.bytes[-1] - 1.25) < 6 * np.sqrt(0.2 / messages) / 0.8
    assert np.array_equal(hit.model, fine.model) and hit.seconds[-1] > fine.seconds[-1]


def test_a_server_pays_for_loss_one_by_one():
    """Through one port, so seconds grow as bytes do; in a ring the unluckiest worker holds up all."""
    factors = {}
    for name, method in (("server", parameter_server_sgd), ("ring", sync_sgd)):
        clusters = [SimulatedCluster(spread(6), compute=1e-12, faults=faults) for faults in ([], [Loss(0.2)])]
        fine, hit = (run(method(cluster, 0.1), 600).seconds[-1] for cluster in clusters)
        factors[name] = hit / fine
    assert abs(factors["server"] - 1.25) < 0.03 < 0.1 < factors["ring"] - factors["server"]


def test_a_partition_stops_an_all_reduce_and_not_those_who_are_elastic():
    cut = [Partition(2.5, 6.25, workers=[3])]
    waits = SimulatedCluster(spread(4), link=INSTANT, compute=1.0, faults=cut)
    assert run(sync_sgd(waits, 0.1), 5).seconds.tolist() == [0, 1, 2, 6.25, 7.25, 8.25]
    goes_on = SimulatedCluster(spread(4), link=INSTANT, compute=1.0, faults=cut)
    steps = elastic_sgd(goes_on, 1.0)
    minimisers = -goes_on.problem.gradient(np.zeros(3))
    models = [next(steps)[0][0].copy() for _ in range(9)]
    assert goes_on.seconds == 8
    assert np.allclose(models[1:3], minimisers.mean(0)) and np.allclose(models[8], minimisers.mean(0))
    assert np.allclose(models[3:8], minimisers[:3].mean(0))  # round 7 began at 6 s, before the cut was mended


def test_those_who_are_cut_off_are_no_backup_and_not_punctual():
    cut = [Partition(0.5, 5.0, workers=[0])]
    minimisers = -spread(3).gradient(np.zeros(3))

    def once(method, *rule):
        cluster = SimulatedCluster(spread(3), link=INSTANT, compute=Scripted([1, 2, 3]), faults=cut)
        history = run(method(cluster, 1.0, *rule), 1)
        return history.model, history.seconds[-1]

    for method, rule, seconds in ((backup_sgd, 1, 3), (deadline_sgd, 4.0, 4)):
        model, when = once(method, rule)
        assert np.allclose(model, minimisers[1:].mean(0)) and when == seconds
    assert once(backup_sgd, 0)[1] == 5


def test_who_was_cut_off_has_no_model_to_work_on():
    """Cut off until 2.5, worker 0 hears the model then: its next gradient is done at 3.5, too late for that round."""
    cluster = SimulatedCluster(spread(3), link=INSTANT, compute=1.0, faults=[Partition(0.5, 2.5, [0])])
    steps, minimisers = backup_sgd(cluster, 1.0, 1), -spread(3).gradient(np.zeros(3))
    models = [next(steps)[0][0].copy() for _ in range(4)]
    assert np.allclose(models[1:], minimisers[1:].mean(0)) and cluster.seconds == 3
    spans = [(s.start, s.end) for s in cluster.trace() if s.worker == 0 and s.kind == "compute"]
    assert spans[1:] == [(2.5, 3)]


def test_neighbours_wait_only_across_the_cut():
    cluster = SimulatedCluster(spread(6), link=INSTANT, compute=1.0, faults=[Partition(0.5, 10.0, [4, 5])])
    run(dsgd(cluster, 0.1, topology.metropolis(topology.ring(6))), 1)
    assert cluster.clock.tolist() == [10, 1, 1, 10, 10, 10]


def test_no_faults_and_faults_of_no_effect_are_the_same_run():
    quiet = [Crashes(1e-12, 1.0), Loss(0.0), Partition(1e6, 2e6, [0])]
    problem = Quadratic.dialled(4, 3, noise=1.0)
    for method in (sync_sgd, parameter_server_sgd, async_sgd, elastic_sgd):
        fine = run(method(SimulatedCluster(problem, batch_size=1, compute=Exponential(1e-3)), 0.1), 40)
        same = run(method(SimulatedCluster(problem, batch_size=1, compute=Exponential(1e-3), faults=quiet), 0.1), 40)
        assert np.array_equal(fine.model, same.model) and np.allclose(fine.seconds, same.seconds)
        assert fine.bytes[-1] == same.bytes[-1]


# ---- how often to save ----------------------------------------------------------------------------------


def test_the_checkpoint_interval():
    """Theory 9.3: Young, Daly, exact; the exact one is the best; restart time does not matter."""
    assert [f(1, 100) for f in (bounds.young_interval, bounds.daly_interval, bounds.best_interval)] == pytest.approx(
        [14.142, 13.483, 13.483], abs=1e-3
    )
    assert [f(5, 60) for f in (bounds.young_interval, bounds.daly_interval, bounds.best_interval)] == pytest.approx(
        [24.495, 21.275, 21.281], abs=1e-3
    )
    for save, mtbf, restart in ((1, 100, 0), (5, 60, 10), (3, 4, 1)):
        best = bounds.best_interval(save, mtbf)
        around = bounds.checkpoint_overhead(best * np.array([0.99, 1, 1.01]), save, mtbf, restart)
        assert around.argmin() == 1


def test_what_checkpoints_cost_against_a_job_that_fails():
    """The formula against memoryless failures struck by hand, in work, saving and restarting alike."""
    rng, save, mtbf, restart, interval = np.random.default_rng(0), 1.0, 60.0, 4.0, 12.0
    walls = []
    for _ in range(20_000):
        wall, needed = 0.0, interval + save
        while (life := rng.exponential(mtbf)) < needed:
            wall, needed = wall + life, restart + interval + save
        walls.append(wall + needed)
    expected = bounds.checkpoint_overhead(interval, save, mtbf, restart) * interval
    assert abs(np.mean(walls) - expected) < 4.5 * np.std(walls) / np.sqrt(len(walls))


# ---- what the explorers show ----------------------------------------------------------------------------


@pytest.mark.parametrize("times", ["memoryless", "shifted"])
def test_the_stragglers_explorer_measures_what_the_formulas_say(times):
    backup, coded, copied = explorers.round_times(times)
    exact = np.array([explorers.TIMES[times][1](explorers.M - b) for b in range(explorers.M)])
    assert np.abs(backup / exact - 1).max() < 0.1
    assert np.allclose(coded, (1 + np.arange(explorers.M)) * backup)
    if times == "memoryless":
        halved = [bounds.speculative(explorers.M, c) for c in range(1, 9)]
        assert np.abs(copied[1:9] / halved - 1).max() < 0.05
    assert (copied[:9] <= backup[0]).all() and np.isnan(copied[9:]).all()


def test_the_checkpoint_explorer_measures_what_the_formula_says():
    for interval in (20.0, 100.0, 400.0):
        wall = explorers.measured_overhead(interval, 5.0, 300.0)
        formula = bounds.checkpoint_overhead(interval, 5.0, 300.0, explorers.RESTART)
        assert abs(wall / formula - 1) < 0.1
    assert np.isnan(explorers.measured_overhead(3000.0, 5.0, 300.0))


@pytest.mark.parametrize(
    "wrong, message",
    [
        (lambda c: SimulatedCluster(c.problem, faults=["slow"]), "faults are a list of faults such as Crashes"),
        (lambda c: SimulatedCluster(c.problem, faults=[Crashes(1, 1)] * 2), "give Crashes once"),
        (lambda c: SimulatedCluster(c.problem, faults=[Loss(0.1)]).restore(c.state()), "with 0 faults, not 1"),
        (lambda c: Crashes(0, 1), "rate of crashes must be positive, not 0"),
        (lambda c: Crashes(1, -1), "a repair takes at least 0 seconds, not -1"),
        (lambda c: Loss(1.0), r"lost with a probability below 1, not 1\.0"),
        (lambda c: Partition(3, 2, [0]), "a partition begins before it ends, not at 3 and 2 seconds"),
        (lambda c: SimulatedCluster(c.problem, faults=[Partition(1, 2, [0, 1])]), "fewer than half of 4 workers"),
        (lambda c: SimulatedCluster(c.problem, faults=[Partition(1, 2, [9])]), "numbers from 0 to 3, not \\[9\\]"),
        (lambda c: backup_sgd(c, 0.1, 4) and next(backup_sgd(c, 0.1, 4)), "workers from 1 to 4, not 0"),
        (lambda c: next(speculative_sgd(c, 0.1, 3)), "workers from 1 to 2, not 3"),
        (lambda c: next(coded_sgd(c, 0.1, coding.Cyclic(5, 1))), "needs a code for 4 workers"),
        (lambda c: coding.FractionalRepetition(5, 1), "groups of 2 do not divide 5 workers: take the cyclic code"),
        (lambda c: coding.Cyclic(4, 4), "of 4 workers 0 to 3 may be missing, not 4"),
        (lambda c: coding.Cyclic(4, 1).decode([0, 1]), r"workers \[0, 1\] do not determine the gradient"),
        (lambda c: bounds.kth_exponential(5, 4), "1 to 4 workers, not 5"),
    ],
)  # fmt: skip
def test_errors(wrong, message):
    with pytest.raises(CourseError, match=message):
        wrong(SimulatedCluster(spread(4)))
