"""The studies: conclusions with their margins, runs that are kept, and the numbers behind the tables."""

import json

import numpy as np
import pytest

from course_lib import studies
from course_lib.__main__ import main
from course_lib.clusters import Link
from course_lib.clusters.launching import missing
from course_lib.methods import sync_sgd
from course_lib.studies import base, communication, ranks, scalability
from course_lib.studies.base import Conclusion, Study
from course_lib.studies.digits import best_loss, digits, pace, steps_to


@pytest.fixture(scope="session")
def quick():
    """Results of a quick form: kept where the notebooks keep them, so that they are run once."""
    found = {}

    def run(name):
        return found.setdefault(name, studies.study(name).run(quick=True, quiet=True))

    return run


# ---- conclusions ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", studies.NAMES)
def test_conclusions_hold_with_their_margins(name, quick):
    conclusions = quick(name).conclusions
    assert len(conclusions) >= 5
    assert [str(c) for c in conclusions if not c.holds] == []


@pytest.mark.parametrize("name", studies.NAMES)
def test_results_are_written_for_a_report(name, quick, tmp_path):
    files = quick(name).save(tmp_path)
    assert files == [f"{name}.pdf", f"{name}.png", f"{name}_runs.csv", f"{name}_table.csv"]
    rows = (tmp_path / f"{name}_runs.csv").read_text().splitlines()
    assert len(rows) == 1 + len(studies.study(name).cells(True))
    head, *body = quick(name).table
    assert {len(row) for row in body} == {len(head)}


def test_speed_up_is_m_times_both_efficiencies(quick):
    records = quick("scalability").records
    for scaling in ("weak", "strong"):
        values = scalability.efficiencies(records, scaling)
        one = values[1]["seconds"][0]
        for m, row in values.items():
            seconds = base.pick(records, scaling=scaling, workers=m)
            seconds = [r["rounds"] * r["halving_doubling"] for r in seconds]
            assert row["speed-up"][0] == pytest.approx(np.mean([one / s for s in seconds]), rel=1e-9)


@pytest.mark.skipif(bool(missing()), reason=f"NO REAL MACHINES, SO NOTHING HERE WAS TESTED: {missing()}")
def test_one_to_four_real_processes_are_measured_and_shown(quick):
    """What they measured is theirs; that they counted the simulator's rounds is asserted as a conclusion."""
    results = quick("scalability")
    real = base.pick(results.records, scaling="real")
    assert [r["workers"] for r in real] == [1, 2, 3, 4]
    assert all(len(r["paces"]) == ranks.BLOCKS and min(r["paces"]) > 0 for r in real)
    head, *rows = results.table
    assert "real" in head[-2]
    assert [row[-1] != "–" for row in rows] == [int(row[0].replace(",", "")) <= 4 for row in rows]
    assert [ax.get_xlabel() for ax in results.figure.axes] == 3 * ["workers"] + ["processes"]


def test_real_speed_ups_are_ratios_of_seconds_to_the_target():
    records = [
        {"scaling": "real", "workers": m, "rounds": 20 - m, "paces": [1.0 / m, 1.0 / m]} for m in scalability.PROCESSES
    ]
    values = scalability.real_speed_ups(records)
    assert [row["speed-up"][0] for row in values.values()] == pytest.approx([m * 19 / (20 - m) for m in values])
    assert values[4]["milliseconds"] == pytest.approx((250.0, 0.0))


def test_without_mpi_the_study_says_so_loudly_and_goes_on(quick, monkeypatch, capsys):
    records = [r for r in quick("scalability").records if r["scaling"] != "real"]
    monkeypatch.setattr(scalability, "missing", lambda: "there is no mpiexec")
    cells = scalability.cells(True)
    said = capsys.readouterr().out
    assert "NO REAL PROCESSES HERE" in said and "no mpiexec" in said
    assert {cell["scaling"] for cell in cells} == {"weak", "strong"} and len(cells) == len(records)
    alone = base.Results(studies.study("scalability"), records)
    assert "real" not in repr(alone).lower() and len(alone.figure.axes) == 3
    assert all(c.holds for c in alone.conclusions)


def test_shares_are_even_and_complete():
    for processes in scalability.PROCESSES:
        parts = ranks.shares(scalability.TOGETHER, processes)
        assert len(parts) == processes and parts.sum() == scalability.TOGETHER and np.ptp(parts) <= 1


def test_the_winner_on_the_map_is_the_smallest_time(quick):
    records = quick("communication").records
    first, lead = communication.winners(records)
    every = np.array([mean for mean, _, _ in communication.times(records).values()])
    np.testing.assert_array_equal(every.min(0), np.take_along_axis(every, first[None], 0)[0])
    assert (lead >= 1).all()


def test_time_on_a_network_is_steps_times_seconds_of_a_step():
    """The map is filled by products; one place of it, run in earnest."""
    problem, link = digits(communication.WORKERS, communication.ALPHA), Link(1e-2, 1e6)
    for family, option in (("sync", 0), ("compressed", 13), ("local", 8), ("decentralised", "ring")):
        method, arguments = communication.how(family, option)
        machines = communication.cluster(problem, family, 0, link)
        steps = steps_to(method(machines, 0.4, *arguments), problem, best_loss() + 0.3, 200)
        a_step = pace(method, communication.cluster(problem, family, 0, link), 1e-3, *arguments)
        assert machines.seconds == pytest.approx(steps * a_step, rel=1e-6)


# ---- runs that are kept --------------------------------------------------------------------------------------


def counting(calls, stop_at=None):
    """A study of ten cells that notes what it measures, and may be interrupted."""

    def measure(k):
        if len(calls) == stop_at:
            raise KeyboardInterrupt
        calls.append(k)
        return {"square": k * k if k else float("inf")}

    measure.__module__ = __name__
    one = Conclusion("one is one", 1.0, 1.0)
    return Study(
        "count", "?", lambda quick: [{"k": k} for k in range(10)], measure, lambda r: [["n"]], None, lambda r: [one]
    )


def test_an_interrupt_loses_the_one_run_that_it_breaks_off(tmp_path):
    calls = []
    with pytest.raises(KeyboardInterrupt):
        counting(calls, stop_at=4).run(cache=tmp_path, quiet=True)
    results = counting(calls).run(cache=tmp_path, quiet=True)
    assert calls == list(range(10))
    assert [r["square"] for r in results.records] == [np.inf, *(k * k for k in range(1, 10))]
    assert [r["k"] for r in counting(calls).run(cache=tmp_path, quiet=True).records] == list(range(10))
    assert len(calls) == 10
    assert all(json.loads(file.read_text()) for file in (tmp_path / "count").iterdir())


def test_another_version_of_the_library_measures_anew(tmp_path, monkeypatch):
    calls = []
    counting(calls).run(cache=tmp_path, quiet=True)
    monkeypatch.setattr(base, "version", lambda module: "another")
    counting(calls).run(cache=tmp_path, quiet=True)
    assert len(calls) == 20


def test_the_version_depends_on_the_study_and_on_what_computes(monkeypatch, tmp_path):
    base.version.cache_clear()
    one, other = base.version("course_lib.studies.faults"), base.version("course_lib.studies.compression")
    monkeypatch.setattr(base, "COMPUTES", ("errors.py",))
    base.version.cache_clear()
    assert len({one, other, base.version("course_lib.studies.faults")}) == 3
    base.version.cache_clear()


def test_a_measurement_depends_on_its_arguments_alone():
    settings = {"scaling": "weak", "workers": 16, "seed": 1}
    assert scalability.measure(**settings) == scalability.measure(**settings)


# ---- parts ---------------------------------------------------------------------------------------------------


def test_spread_is_mean_and_standard_error():
    assert base.spread([1, 2, 3]) == pytest.approx((2.0, 1 / np.sqrt(3)))
    assert base.spread([1, np.inf])[0] == np.inf
    assert base.plus_minus([1, np.inf]) == "never"
    assert base.plus_minus([1000, 2000], 1000) == "1.5 ± 0.5"


def test_a_conclusion_says_when_it_does_not_hold():
    assert "DOES NOT HOLD" in str(Conclusion("pigs fly", 0.0, 1.0))
    assert not Conclusion("no number", float("nan"), 1.0).holds


def test_steps_are_counted_until_the_first_experiment_of_a_sweep_is_there():
    problem = digits(4)
    steps = np.reshape([1e-3, 0.5], (2, 1, 1))
    both, good, poor = (
        steps_to(sync_sgd(communication.cluster(problem, "sync", 0), eta), problem, best_loss() + 1, 50)
        for eta in (steps, 0.5, 1e-3)
    )
    assert both == good < poor == np.inf


def test_the_command_runs_a_study_and_names_those_there_are(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(studies, "study", lambda name: counting([]))
    monkeypatch.setattr(base.Results, "save", lambda self, folder: ["count.pdf"])
    assert main(["study", "count", "--quick", "--cache", str(tmp_path), "--out", str(tmp_path)]) == 0
    assert "one is one: holds" in capsys.readouterr().out
    monkeypatch.setattr(studies, "study", lambda name: counting([], stop_at=2))
    assert main(["study", "count", "--cache", str(tmp_path / "other")]) == 130
    assert "goes on from there" in capsys.readouterr().err
    monkeypatch.undo()
    assert main(["study", "astrology"]) == 1
    assert "scalability, communication, compression, faults" in capsys.readouterr().err
