"""Runs, their records on three clocks, divergence, and going on bit for bit."""

import tempfile
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import strategies as st
from toys import EVERY, each, given, toy

from course_lib import topology
from course_lib.attacks import SignFlip
from course_lib.clusters import Exponential, SimulatedCluster
from course_lib.clusters.faults import Byzantine
from course_lib.errors import CourseError
from course_lib.experiment import History, run, sweep
from course_lib.methods import (
    adaptive_batch_sgd,
    chebyshev_gossip,
    deadline_sgd,
    extra,
    fedprox,
    method,
    parameter_server_sgd,
    sync_sgd,
)
from course_lib.methods.base import in_place
from course_lib.problems import LeastSquares, LogisticRegression, Quadratic

RECORDS = ("rounds", "bytes", "seconds", "loss", "gradient_norm", "accuracy", "consensus")


@method
def async_toy(cluster, step_size, start=None):
    (x,) = start or (cluster.start(),)
    x = in_place(x, step_size)
    yield (x,)
    for arrival in cluster.arrivals(x):
        x -= step_size(arrival.staleness) * arrival.gradient
        yield (x,)


@method
def gossip_toy(cluster, step_size, start=None):
    W = topology.metropolis(topology.ring(cluster.m), cluster.problem.weights)
    X, momentum = start or (cluster.start(replicated=False), cluster.zeros())
    while True:
        yield X, momentum
        momentum = 0.5 * momentum + cluster.gradient(X)
        X = cluster.mix(X, W) - step_size(0) * momentum


METHODS = (sync_sgd, parameter_server_sgd, gossip_toy, async_toy)
methods = pytest.mark.parametrize("method", METHODS, ids=lambda m: m.__name__)


def cluster_of(kind=LeastSquares, **options):
    return SimulatedCluster(toy(kind), **{"compute": Exponential(1.0), "batch_size": 2, "seed": 1} | options)


def assert_same(a, b, names=(*RECORDS, "model", "name", "message")):
    for name in names:
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name), err_msg=name)
    assert len(a.state) == len(b.state)
    for s, t in zip(a.state, b.state):
        np.testing.assert_array_equal(s, t)


# ---- records --------------------------------------------------------------------------------------------


@methods
@each(EVERY)
def test_records_are_those_of_the_model_at_that_time(method, kind):
    cluster = cluster_of(kind)
    problem = cluster.problem
    history = run(method(cluster, 0.1), 7, record_every=3, quiet=True)
    assert history.rounds.tolist() == [0, 3, 6, 7]
    by_hand = cluster_of(kind)
    again = method(by_hand, 0.1)
    for k in range(8):
        X = next(again)[0]
        if k in history.rounds:
            at = history.rounds.tolist().index(k)
            x = X if X.shape[-2] == 1 else problem.weights @ X
            np.testing.assert_allclose(history.loss[at], problem.loss(x.ravel()), rtol=1e-12)
            norm = np.linalg.norm(problem.full_gradient(x.ravel()))
            np.testing.assert_allclose(history.gradient_norm[at], norm, rtol=1e-10)
            spread = np.sqrt(np.mean(((X - x) ** 2).sum(-1)))
            np.testing.assert_allclose(history.consensus[at], spread, atol=1e-12)
            assert (history.bytes[at], history.seconds[at]) == (by_hand.bytes, by_hand.seconds)
            if hasattr(problem, "accuracy"):
                assert history.accuracy[at] == problem.accuracy(x.ravel())
    assert np.array_equal(history.state[0], X) and history.name == method.__name__
    assert (history.accuracy is None) == (not hasattr(problem, "accuracy"))
    assert (history.consensus == 0).all() == (method is not gossip_toy)


@given(rounds=st.integers(0, 30), record_every=st.integers(1, 12))
def test_every_so_many_rounds_and_the_last_are_recorded(rounds, record_every):
    history = run(sync_sgd(cluster_of(), 0.1), rounds, record_every, quiet=True)
    assert history.rounds.tolist() == sorted({*range(0, rounds + 1, record_every), rounds})
    sparse, dense = history, run(sync_sgd(cluster_of(), 0.1), rounds, quiet=True)
    for name in ("loss", "bytes", "seconds"):
        np.testing.assert_array_equal(getattr(sparse, name), getattr(dense, name)[sparse.rounds])
    assert_same(sparse, dense, ("model",))


@methods
def test_the_state_is_a_copy_that_later_rounds_leave_alone(method):
    going = method(cluster_of(), 0.1)
    history = run(going, 3, quiet=True)
    before = [np.copy(s) for s in history.state], history.model.copy()
    run(going, 3, quiet=True)
    assert all(np.array_equal(s, t) for s, t in zip(history.state, before[0]))
    assert np.array_equal(history.model, before[1])


# ---- the same again -------------------------------------------------------------------------------------


@methods
@given(rounds=st.integers(0, 8), other=st.sampled_from(METHODS), seed=st.integers(0, 9))
def test_runs_on_one_cluster_give_the_same_in_any_order(method, rounds, other, seed):
    cluster = cluster_of(seed=seed)
    alone = run(method(cluster_of(seed=seed), 0.1), rounds, quiet=True)
    first = run(method(cluster, 0.1), rounds, quiet=True)
    run(other(cluster, 0.2), 5, quiet=True)
    again = run(method(cluster, 0.1), rounds, quiet=True)
    assert_same(first, alone)
    assert_same(again, alone)


@methods
def test_another_seed_is_another_run(method):
    a, b = (run(method(cluster_of(seed=seed), 0.1), 5, quiet=True) for seed in (1, 2))
    assert (a.loss[1:] != b.loss[1:]).all() and (a.seconds[1:] != b.seconds[1:]).all()


# ---- going on -------------------------------------------------------------------------------------------


@methods
@given(
    stop=st.integers(0, 10), more=st.integers(0, 10), batch_size=st.sampled_from([None, 2]),
    replicates=st.sampled_from([None, 2]), kind=st.sampled_from(EVERY),
)  # fmt: skip
def test_a_run_stopped_saved_and_gone_on_with_is_the_whole_run_bit_for_bit(
    method, stop, more, batch_size, replicates, kind
):
    options = {"batch_size": batch_size, "replicates": replicates}
    whole = run(method(cluster_of(kind, **options), 0.1), stop + more, quiet=True)
    stopped = run(method(cluster_of(kind, **options), 0.1), stop, quiet=True)
    with tempfile.TemporaryDirectory() as folder:
        stopped.save(Path(folder) / "run.npz")
        loaded = History.load(Path(folder) / "run.npz")
    assert_same(loaded, stopped)
    new = cluster_of(kind, **options, seed=1)
    new.restore(loaded.cluster)
    rest = run(method(new, 0.1, start=loaded.state), more, quiet=True)
    assert rest.rounds.tolist() == list(range(stop, stop + more + 1))
    for name in RECORDS:
        if getattr(whole, name) is not None:
            np.testing.assert_array_equal(getattr(rest, name), getattr(whole, name)[stop:], err_msg=name)
    assert_same(rest, whole, ("model",))


@methods
@given(stop=st.integers(0, 6), more=st.integers(1, 6))
def test_a_generator_in_use_goes_on_from_where_it_is(method, stop, more):
    whole = run(method(cluster_of(), 0.1), stop + more, quiet=True)
    going = method(cluster_of(), 0.1)
    run(going, stop, quiet=True)
    rest = run(going, more, quiet=True)
    assert rest.rounds.tolist() == list(range(stop + 1, stop + more + 1))
    np.testing.assert_array_equal(rest.loss, whole.loss[stop + 1 :])
    assert_same(rest, whole, ("model",))


def test_what_is_saved_survives_in_kind(tmp_path):
    history = History("odd", model=np.ones((1, 2)), message="a message")
    few = [np.zeros(0), (1, {3: "x"})]
    history.state = (np.arange(3, dtype=np.int32), 7, 2.5, None, True, "text", few, np.float64(0.1))
    history.cluster = {"ledger": {("mean", 3, 24): 5}, "timer": {"state": 2**127 + 1}, "inf": float("inf")}
    history.save(tmp_path / "odd.npz")
    loaded = History.load(tmp_path / "odd.npz")
    assert loaded.cluster == history.cluster and loaded.message == "a message"
    assert loaded.state[0].dtype == np.int32 and loaded.state[1:6] == (7, 2.5, None, True, "text")
    assert isinstance(loaded.state[6], list) and loaded.state[6][1] == (1, {3: "x"}) and loaded.state[7] == 0.1


# ---- divergence -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("record_every", [1, 7, 5000])
@each([LeastSquares, Quadratic])
def test_divergence_stops_with_one_message_and_no_warning(kind, record_every, capsys):
    cluster = SimulatedCluster(toy(kind))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        history = run(sync_sgd(cluster, 50.0), 5000, record_every=record_every)
    out, err = capsys.readouterr()
    assert out == history.message + "\n" and err == ""
    assert history.message.startswith("sync_sgd diverged: the loss went from ") and "\n" not in history.message
    assert "A smaller step size should help." in history.message
    if record_every < 5000:
        assert history.rounds[-1] < 100


def test_a_quiet_run_keeps_the_message_to_itself(capsys):
    history = run(sync_sgd(SimulatedCluster(toy(LeastSquares)), 50.0), 100, quiet=True)
    assert "diverged" in history.message and capsys.readouterr() == ("", "")


def test_logistic_regression_overflows_without_a_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run(sync_sgd(SimulatedCluster(toy(LogisticRegression, l2=1.0)), 1e4), 3000, record_every=3000, quiet=True)


def test_a_sweep_goes_on_while_one_of_its_runs_converges(capsys):
    cluster = SimulatedCluster(toy(LeastSquares))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        good, bad = sweep(lambda step: run(sync_sgd(cluster, step), 400), [0.3, 50.0]).values()
    assert capsys.readouterr().out == ""
    assert good.rounds[-1] == 400 and good.loss[-1] < good.loss[0] and not bad.loss[-1] < 1e6


def test_noise_around_the_optimum_is_no_divergence():
    """The first loss may be zero: then no multiple of it is a sign of anything."""
    problem = Quadratic(np.eye(2)[None], np.zeros((1, 2)), noise=1.0)
    history = run(sync_sgd(SimulatedCluster(problem, batch_size=1), 0.5), 50, quiet=True)
    assert history.loss[0] == 0 and history.message == "" and history.rounds[-1] == 50


def test_a_start_that_is_no_number_is_told_at_once():
    cluster = SimulatedCluster(toy(Quadratic), initial_model=np.full(4, np.inf))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert run(sync_sgd(cluster, 0.1), 10, quiet=True).rounds.tolist() == [0]


# ---- sweeps, tables, bad input --------------------------------------------------------------------------


@methods
def test_each_run_of_a_sweep_is_a_history_of_its_own(method, tmp_path):
    cluster = cluster_of(LogisticRegression)
    both = sweep(lambda step: run(method(cluster, step), 4, quiet=True), [0.05, 0.1])
    alone = run(method(cluster, 0.1), 4, quiet=True)
    for name in RECORDS:
        assert np.shape(getattr(both[0.1], name)) == (5,)
        np.testing.assert_allclose(getattr(both[0.1], name), getattr(alone, name), rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(both[0.1].model, alone.model, atol=1e-12)
    assert both[0.1].state[0].shape == alone.state[0].shape
    both[0.1].save(tmp_path / "one.npz")
    cluster.restore(History.load(tmp_path / "one.npz").cluster)
    assert run(method(cluster, 0.1, start=both[0.1].state), 1, quiet=True).rounds.tolist() == [4, 5]


def test_a_history_is_shown_as_a_table():
    history = run(sync_sgd(cluster_of(LogisticRegression), 0.1), 100, quiet=True)
    head, *lines = history.table(lines=5)
    assert head == ["rounds", "bytes", "seconds", "loss", "gradient_norm", "accuracy"]
    assert [line[0] for line in lines] == ["0", "25", "50", "75", "100"]
    assert lines[-1][3] == f"{history.loss[-1]:.4g}"
    assert repr(history).startswith("sync_sgd\n") and f"{history.bytes[-1]:,}" in repr(history)
    html = history._repr_html_()
    assert html.count("<tr>") == 9 and "<th>gradient norm</th>" in html
    diverged = run(sync_sgd(SimulatedCluster(toy(LeastSquares)), 50.0), 100, quiet=True)
    assert diverged.message in repr(diverged) and diverged.message in diverged._repr_html_()
    assert "accuracy" not in diverged.table()[0]
    many = run(sync_sgd(SimulatedCluster(toy(LeastSquares), batch_size=1, replicates=9), 0.1), 1, quiet=True)
    assert many.table()[1][3].endswith(" ...")


def test_when_a_target_is_first_reached():
    clocks = {"rounds": np.array([0, 10, 20]), "bytes": np.array([0, 80, 160]), "seconds": np.array([0, 1.5, 3])}
    history = History("h", **clocks)
    history.loss, history.accuracy = np.array([3.0, 1.0, 2.0]), np.array([0.1, 0.5, 0.9])
    assert history.first("loss", 1.0) == 10 and history.first("loss", 1.0, "seconds") == 1.5
    assert history.first("accuracy", 0.6, "bytes") == 160
    assert history.first("loss", 0.5) == history.first("accuracy", 0.95) == np.inf


def test_the_average_of_replicates():
    history = run(sync_sgd(cluster_of(LogisticRegression, replicates=5), 0.1), 4, quiet=True)
    average = history.averaged()
    for name in ("loss", "gradient_norm", "accuracy", "consensus"):
        np.testing.assert_allclose(getattr(average, name), getattr(history, name).mean(1))
    assert np.array_equal(average.bytes, history.bytes) and average.name == history.name


def spent():
    def once(cluster):
        yield (np.zeros((1, 3)),)

    generator = once(cluster_of())
    list(generator)
    return generator


def under_way():
    generator = sync_sgd(cluster_of(), 0.1)
    next(generator)
    return generator


def damaged(path):
    """A history that lost its end on the way."""
    run(sync_sgd(cluster_of(), 0.1), 5).save(path)
    path.write_bytes(path.read_bytes()[:-50])
    return path


def swinging():
    """A cluster, and a doubly stochastic W that is not symmetric."""
    cluster = SimulatedCluster(Quadratic.dialled(8, 3))
    return cluster, np.eye(8)[:, :3], (np.eye(8) + np.roll(np.eye(8), 1, 1)) / 2


def test_a_run_whose_models_fly_apart_is_stopped_though_their_mean_stands_still():
    cluster, _, W = swinging()
    history = run(extra(cluster, 0.3, W), 2500, record_every=100, quiet=True)
    assert history.loss[-1] < 1 and history.consensus[-1] > 1e6 and history.rounds[-1] < 2500
    assert "distance between the workers' models went from 0 to" in history.message


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda _: run(sync_sgd(cluster_of(), 0.1), -1), "rounds must be a whole number from 0 on, not -1"),
        (lambda _: run(sync_sgd(cluster_of(), 0.1), 1e3), "rounds must be a whole number from 0 on, not 1000.0"),
        (lambda _: run(sync_sgd(cluster_of(), 0.1), 5, record_every=0), "record_every must be .* from 1 on, not 0"),
        (lambda _: run(under_way(), 0), "rounds must be a whole number from 1 on"),
        (lambda _: run(sync_sgd, 5), r"such as sync_sgd\(cluster, 0.1\)"),
        (lambda _: run(cluster_of(), 5), "run needs a method on a cluster"),
        (lambda _: run(spent(), 5), "not used up"),
        (lambda path: (np.savez(path / "a.npz", a=1), History.load(path / "a.npz")), "does not hold a History"),
        (lambda path: ((path / "b.npz").write_text("no"), History.load(path / "b.npz")), "does not hold a History"),
        (lambda path: History.load(path / "c.npz"), "there is no file"),
        (lambda path: History.load(damaged(path / "d.npz")), "does not hold a History, or it is damaged"),
        (lambda _: sweep(lambda step: run(sync_sgd(cluster_of(), step), 5), []), "at least one value"),
        (lambda _: run(sync_sgd(cluster_of(), 0.1), 5).first("lost", 1), "no record of 'lost'"),
        (lambda _: run(sync_sgd(cluster_of(), 0.1), 5).first("loss", 1, "hours"), "no clock is called 'hours'"),
        (lambda _: run(sync_sgd(cluster_of(), np.ones((2, 1, 1))), 5).first("loss", 1), "each at its own time"),
        (lambda _: sync_sgd(cluster_of(), "fast"), "not 'fast'"),
        (lambda _: deadline_sgd(cluster_of(), 0.1, 0), "deadline must be positive, not 0"),
        (lambda _: fedprox(cluster_of(), 0.1, 2, -1), "rho must be a number from 0 on, not -1"),
        (lambda _: adaptive_batch_sgd(cluster_of(), 0.1, 8, smoothing=1), "smoothing must be at least 0 and below 1"),
        (lambda _: SimulatedCluster(toy(Quadratic), faults=[Byzantine(3, SignFlip(1.0))]), "somebody must be honest"),
        (lambda _: Byzantine(-1, SignFlip(1.0)), "at least 0, not -1"),
        (lambda _: SimulatedCluster(toy(Quadratic), faults=[Byzantine(1, None)]), "liars need an attack"),
        (lambda _: topology.lazy(topology.ring(4)), "not a Graph"),
        (lambda _: topology.metropolis(topology.ring(4), [1, 2, 3, -1]), "weights are 4 positive numbers"),
        (lambda _: topology.failing_links(topology.ring(4), 0.1, [1, 2]), "weights are 4 positive numbers"),
        (lambda _: topology.random_pairs(topology.ring(4).to_directed()), "undirected graph"),
        (lambda _: next(chebyshev_gossip(*swinging())), "need a symmetric W"),
    ],
)
def test_errors_are_one_line_in_the_words_of_the_domain(call, words, tmp_path):
    with pytest.raises(CourseError, match=words) as caught:
        call(tmp_path)
    assert "\n" not in str(caught.value)


def test_the_bar_ends_at_the_last_round_and_nobody_quiet_makes_one(monkeypatch):
    class Bar:
        made, n = [], 0

        def __init__(self, **settings):
            self.total = settings["total"]
            self.made.append(self)

        def __enter__(self):
            return self

        def __exit__(self, *error):
            pass

        def update(self, more):
            self.n += more

    monkeypatch.setattr("course_lib.experiment.tqdm", Bar)
    monkeypatch.delenv("TQDM_DISABLE", raising=False)
    cluster = SimulatedCluster(Quadratic.dialled(m=3, d=2))
    run(sync_sgd(cluster, 0.1), 7, record_every=3, quiet=True)
    assert Bar.made == []
    run(sync_sgd(cluster, 0.1), 7, record_every=3)
    assert [(bar.n, bar.total) for bar in Bar.made] == [(7, 7)]
