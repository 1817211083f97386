"""The planner: its forecasts against the simulator, its arithmetic against closed forms, and what it refuses."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.linalg import solve_discrete_lyapunov

from course_lib import bounds, costs, planner
from course_lib.__main__ import main
from course_lib.clusters import Constant, Exponential, Link, Pareto, ShiftedExponential, SimulatedCluster, Speeds
from course_lib.clusters.measuring import fit_compute
from course_lib.errors import CourseError
from course_lib.explorers.planner import planner_explorer
from course_lib.planner import Job, reality, rounds, seconds
from course_lib.planner.rehearsal import rehearse
from course_lib.problems import Quadratic

SMALL = {"parameters": 24, "workers": 12, "latency": 1e-3, "bandwidth": 1e5, "word": 8, "condition": 10.0}
MACHINES = {
    "alike": {"compute": 0.01},
    "memoryless": {"compute": Exponential(0.02)},
    "unlike data": {"heterogeneity": 0.4, "compute": ShiftedExponential(0.01, 0.01), "target": 3e-3},
}


@pytest.mark.parametrize("machines", MACHINES)
@pytest.mark.parametrize("family", ["sync", "compressed", "local", "decentralised"])
def test_forecasts_hold_in_the_simulator(family, machines):
    plan = planner.plan(**SMALL | MACHINES[machines])
    forecast = plan.families[family]
    measured, steps = rehearse(plan.job, forecast)
    assert forecast.seconds == pytest.approx(measured, rel=0.1)
    assert forecast.rounds == pytest.approx(steps, rel=0.1, abs=1)


@pytest.mark.parametrize("machines", MACHINES)
def test_forecasts_of_asynchronous_runs_hold_in_the_simulator(machines):
    plan = planner.plan(**SMALL | MACHINES[machines] | {"workers": 6, "target": 0.01})
    forecast = plan.families["async"]
    measured, updates = rehearse(plan.job, forecast)
    assert forecast.seconds == pytest.approx(measured, rel=0.1)
    assert forecast.rounds == pytest.approx(updates, rel=0.1)


def test_a_forecast_of_sparse_messages_holds_in_the_simulator():
    job = planner.Job(**SMALL | {"compute": 0.01, "heterogeneity": 0.3})
    [sparse] = [f for f in planner.forecasts(job, "compressed") if f.option == 6]  # a number in four
    measured, _ = rehearse(job, sparse)
    assert sparse.seconds == pytest.approx(measured, rel=0.1)


def test_rounds_of_sync_sgd_are_those_of_the_exact_recursion():
    job = planner.Job(24, 8, condition=20.0, noise=3.0)
    [forecast] = planner.forecasts(job, "sync")
    second, losses = job.start**2, []
    for _ in range(int(forecast.rounds)):
        second = (1 - forecast.step_size * job.curvatures) ** 2 * second
        second = second + forecast.step_size**2 * job.variance / 8
        losses.append(job.curvatures @ second / 2)
    assert losses[-1] <= job.target < losses[-2]


@pytest.mark.parametrize("ranks", [2, 3, 4])
def test_what_it_says_of_a_step_on_a_few_ranks_is_what_the_simulator_does(ranks):
    """The methods and machines that are run on real ranks, here with machines that are as the planner thinks."""
    link, rounds = Link(2e-4, 1e7), 1000
    problem = Quadratic(np.ones((ranks, 50, 1)) * np.eye(50), np.zeros((ranks, 50)))
    for compute in (Constant(1e-3), ShiftedExponential(2e-4, 5e-4)):
        for family, forecast in reality.predicted(50, ranks, link, compute).items():
            options = {"all_reduce": seconds.reduced(Job(50, ranks, 2e-4, 1e7, compute, word=8))[1]}
            cluster = SimulatedCluster(problem, compute=compute, link=link, **options)
            for _ in zip(range(rounds + 1), reality.STEPS[family](cluster)):
                pass
            assert forecast.round == pytest.approx(cluster.seconds / rounds, rel=0.1)


def test_compute_times_are_fitted_by_their_least_and_their_mean():
    assert fit_compute([1.0, 2.0, 6.0]) == ShiftedExponential(1.0, 2.0)
    assert fit_compute([2.0, 2.0]) == Constant(2.0)


@pytest.mark.parametrize("tau", [1, 5, 30])
def test_moments_of_delayed_sgd_are_those_of_the_companion_matrix(tau):
    """Decay, inflation and stationary variance of x <- x - a x_old + noise, at the longest step of the planner."""
    delayed = rounds.asynchronous(planner.Job(24, tau + 1), 0.0)
    a, job = delayed.longest, planner.Job(24, tau + 1)
    decay, swell, noise = (
        np.broadcast_to(m, delayed.q.shape)[0, 0, -1] for m in (delayed.q, delayed.swell, delayed.beta)
    )
    assert decay == pytest.approx(bounds.delayed_factor(a, tau), rel=1e-6)
    companion = np.eye(tau + 1, k=-1)
    companion[0, 0] = 1.0
    companion[0, -1] -= a
    late = np.linalg.matrix_power(companion, 20 * (tau + 1)) @ np.ones(tau + 1)
    assert swell * decay ** (20 * (tau + 1)) == pytest.approx(late[0], rel=1e-3)
    kick = np.zeros((tau + 1, tau + 1))
    kick[0, 0] = a**2 * job.variance
    assert noise / (1 - decay**2) == pytest.approx(solve_discrete_lyapunov(companion, kick)[0, 0], rel=1e-6)


def test_local_steps_are_free_on_the_same_quadratic_and_dear_on_different_ones():
    alike, unlike = (planner.Job("ResNet-50", 16, heterogeneity=h, target=1e-3) for h in (0.0, 0.3))
    [sync] = planner.forecasts(alike, "sync")
    for f in planner.forecasts(alike, "local"):
        assert f.rounds == pytest.approx(sync.rounds / f.option, rel=1e-2, abs=1)  # theory 6.1
    steps = [f.rounds * f.option for f in planner.forecasts(unlike, "local")]
    assert steps == sorted(steps) and steps[-1] > 2 * steps[0]


def test_seconds_of_machines():
    assert seconds.slowest(Exponential(2.0), 100) == pytest.approx(bounds.wait_for_slowest(100, 2.0), rel=5e-3)
    assert seconds.slowest(Constant(2.0), 100, 3) == 6.0
    rng, crowd = np.random.default_rng(0), np.arange(16)
    for compute in (ShiftedExponential(1.0, 0.5), Pareto(0.6, 2.5)):
        draws = np.array([[compute.sample(rng, crowd) for _ in range(4)] for _ in range(4000)])
        assert seconds.mean(compute) == pytest.approx(draws.mean(), rel=0.02)
        assert seconds.slowest(compute, 16) == pytest.approx(draws[:, 0].max(-1).mean(), rel=0.05)
        assert seconds.slowest(compute, 16, 4) == pytest.approx(draws.sum(1).max(-1).mean(), rel=0.05)


def test_the_all_reduces_are_those_of_the_cost_model():
    plan = planner.plan("BERT-base", 64)
    assert set(plan.all_reduce) == set(costs.ALGORITHMS)
    assert plan.all_reduce["ring"] == costs.all_reduce("ring", 64, 110_000_000, 5e-5, 4 / 1.25e9).seconds
    assert sum(plan.families["sync"].parts.values()) == pytest.approx(0.1 + min(plan.all_reduce.values()))


def test_spectrum_is_that_of_the_mixing_matrix():
    w = seconds.spectrum(9, [1])
    assert 1 - np.abs(w).max() == pytest.approx(2 / 3 * (1 - np.cos(2 * np.pi / 9)))
    assert len(w) == 8 and w.sum() == pytest.approx(9 / 3 - 1)  # the trace


def test_a_mode_that_is_gone_but_for_rounding_does_no_harm():
    job = planner.Job(10**6, 5, heterogeneity=0.1)
    gaps = [
        rounds.expected_gap(job, rounds._drifting(np.full((1, 1, len(job.curvatures)), q), 0.1, 0.01))(5.0).item()
        for q in (-1e-17, 0.0, 1e-17)
    ]
    assert gaps == pytest.approx([gaps[1]] * 3, rel=1e-9)


def test_it_goes_to_a_hundred_thousand_workers_with_bounded_work(monkeypatch):
    largest = 0
    multiply = rounds._memory

    def counted(rate, w, sizes):
        nonlocal largest
        out = multiply(rate, w, sizes)
        largest = max(largest, rate.size)
        return out

    monkeypatch.setattr(rounds, "_memory", counted)
    plan = planner.plan("GPT-3", 100_000, 5e-6, 5e10, 1.0, heterogeneity=0.1)
    assert np.isfinite(plan.best.seconds) and largest == len(rounds.STEPS) * 12


@pytest.mark.parametrize(
    ("network", "expected"),
    [
        ({"bandwidth": 5e6}, "bandwidth"),
        ({"parameters": 1000, "latency": 1.0, "noise": 0.01}, "latency"),
        ({"parameters": 1000, "latency": 1e-6}, "compute"),
    ],
)
def test_the_bottleneck_is_what_was_made_scarce(network, expected):
    job = planner.Job(**{"parameters": 10**7, "workers": 16, "compute": 0.01} | network)
    [sync] = planner.forecasts(job, "sync")
    assert max(sync.parts, key=sync.parts.get) == expected


def test_what_to_change_first_is_what_helps_most():
    slow_wires = planner.plan("BERT-large", 8, bandwidth=1e6)
    assert slow_wires.bottleneck == "bandwidth"
    after = planner.plan("BERT-large", 8, bandwidth=2e6)
    assert slow_wires.changes["twice the bandwidth"] == pytest.approx(after.families["local"].seconds)
    assert list(slow_wires.changes.values()) == sorted(slow_wires.changes.values())
    change, gain = slow_wires.advice
    assert gain == pytest.approx(slow_wires.best.seconds / slow_wires.changes[change]) and gain > 1.1


def test_disagreement_can_put_the_target_out_of_reach_of_a_family():
    hard = {"heterogeneity": 0.9, "target": 1e-8}
    plan = planner.plan(1000, 16, condition=1e3, noise=1.0, **hard)
    assert plan.families["async"].seconds == np.inf > plan.families["sync"].seconds
    assert "never" in repr(plan)
    nobody = planner.plan(1000, 16, condition=1e5, noise=100.0, **hard)
    assert nobody.best is nobody.advice is None and "no method gets there" in repr(nobody)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"parameters": "ResNet-51"}, "no model is called"),
        ({"workers": 1}, "workers"),
        ({"workers": 100_001}, "100,000"),
        ({"heterogeneity": 1.0}, "heterogeneity"),
        ({"target": 0.0}, "target"),
        ({"condition": 0.5}, "condition"),
        ({"noise": float("nan")}, "noise"),
        ({"word": 2}, "word"),
        ({"bandwidth": 0.0}, "bandwidth"),
        ({"compute": -1.0}, "positive"),
        ({"compute": Pareto(1.0, 1.5)}, "shape"),
        ({"compute": Speeds(Constant(1.0), [1.0] * 12)}, "machines of one kind"),
    ],
)
def test_it_refuses_what_is_outside_its_assumptions(change, words):
    with pytest.raises(CourseError, match=words):
        planner.plan(**SMALL | {"compute": 0.01} | change)


def test_a_rehearsal_is_for_small_jobs():
    job = replace(planner.Job(**SMALL | {"compute": 0.01}), parameters=25)
    with pytest.raises(CourseError, match="rehearsal"):
        rehearse(job, planner.forecasts(job, "sync")[0])


def test_the_command_answers_and_refuses(capsys):
    assert main(["plan", "ResNet-50", "64", "--heterogeneity", "0.1"]) == 0
    out = capsys.readouterr().out
    assert "First at the target is local SGD" in out and "takes for granted" in out
    assert "halving-doubling" in out
    assert main(["plan", "ResNet-50", "1"]) == 1
    assert capsys.readouterr().err.startswith("error: workers")


def test_the_explorer_says_what_the_plan_says():
    values = planner_explorer.at(planner_explorer.presets["100,000 workers"]) | {"workers": 16}
    plan = planner.plan("ResNet-50", 16, 2e-6, 5e10, heterogeneity=0.2)
    assert plan.best.setting in planner_explorer.show(**values).sentence
    times = planner_explorer.show(**values).marks[-1].height
    np.testing.assert_allclose(times, [f.seconds for f in plan.families.values()])
