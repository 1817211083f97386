"""Break the cluster: each fault leaves its own sign, and the quiz can be solved by the signs that it names."""

import numpy as np
import pytest

from course_lib.explorers.diagnosis import CASES, FAULTS, SENDING, Diagnosis, case_run, damage_of, verdict
from course_lib.explorers.lab import BREAK, REPAIR, UNTIL, WORKERS, Damage, broken_run

WELL = broken_run(Damage())
HARMLESS = [Damage(slow=3.0), Damage(crashes=2.0), Damage(cut=0.2), Damage(lost=0.5)]
each = pytest.mark.parametrize("damage", [*HARMLESS, Damage(liars=2)], ids=str)


@each
def test_until_it_breaks_nothing_differs(damage):
    run = broken_run(damage)
    before = np.flatnonzero(WELL.seconds <= BREAK)
    assert np.array_equal(run.seconds[before], WELL.seconds[before]) and len(before) > 5
    assert np.array_equal(run.loss[before], WELL.loss[before])
    assert all(a == b for a, b in zip(run.trace, WELL.trace) if a.end < BREAK)


@pytest.mark.parametrize("damage", HARMLESS, ids=str)
def test_who_waits_for_everyone_loses_time_alone(damage):
    """Round by round the loss is that of the healthy cluster, bit for bit; it only comes later."""
    run = broken_run(damage)
    k = min(len(run.loss), len(WELL.loss))
    assert np.array_equal(run.loss[:k], WELL.loss[:k])
    assert run.rounds() < WELL.rounds()


def test_liars_lose_no_time():
    run = broken_run(Damage(liars=2))
    assert np.array_equal(run.seconds, WELL.seconds) and run.trace == WELL.trace
    assert run.last() > WELL.last() + 0.05


def diagnose(run):
    """A fault's place in FAULTS, from the trace and the loss alone: what a student is to do by eye."""
    after = [s for s in run.trace if BREAK <= s.start < UNTIL]
    time = np.zeros(WORKERS)
    for span in after:
        time[span.worker] += (span.kind == "compute") * (span.end - span.start)
    if any(s.kind == "down" for s in after):
        return "crashes"
    if max(s.end - s.start for s in after if s.kind == "send") > 1.3 * SENDING:
        return "lost messages"
    if time.max() > 1.5 * np.median(time):
        return "a slow worker"
    if max(s.end - s.start for s in after if s.kind == "wait") > 0.03:
        return "two workers cut off"
    return "liars" if run.last() > WELL.last() + 0.05 else "nothing is broken"


@pytest.mark.parametrize("case", range(CASES))
def test_every_case_can_be_told_by_its_sign(case):
    fault, damage = damage_of(case)
    assert diagnose(case_run(case)) == list(FAULTS)[fault]
    told = verdict(case, fault)
    assert told.startswith("Right") and f"{list(FAULTS)[fault]}." in told
    assert verdict(case, (fault + 1) % len(FAULTS)).startswith("Not so")
    if damage.slow > 1:
        assert f"Worker {damage.worker} is blue" in told
    assert not any(name in verdict(case, -1) for name in FAULTS)  # the question gives nothing away


def test_each_fault_occurs_twice_and_a_repair_is_as_long_as_it_says():
    assert sorted(damage_of(case)[0] for case in range(CASES)) == sorted([*range(len(FAULTS))] * 2)
    down = [s.end - s.start for s in broken_run(Damage(crashes=2.0)).trace if s.kind == "down"]
    np.testing.assert_allclose(down, REPAIR)


def test_the_quiz_keeps_its_answers_and_counts():
    quiz = Diagnosis("Quiz")
    view, right = quiz.view, [damage_of(case)[0] for case in range(3)]
    asked, first = view.sentence, view.png
    view.given = {"0": right[0]}
    assert view.sentence == verdict(0, right[0]) and view.score == "score: 1 of 1" and view.png == first
    view.case = 1
    assert view.sentence == verdict(1, -1) and view.png == quiz.png(1) != first and view.shown == 1
    view.given = {"0": right[0], "1": (right[1] + 1) % 6}
    assert view.score == "score: 1 of 2" and asked.startswith("Case 1. After the line")
