"""Lecture 08: a cluster with a hidden fault. Look at the trace and the loss, commit to an answer, be told the sign."""

from functools import cached_property

import numpy as np
import traitlets

from course_lib.explorers.controls import quantity
from course_lib.explorers.lab import AXES, BREAK, LINK, REPAIR, UNTIL, WORKERS, Damage, broken_run, marks_of
from course_lib.explorers.live import Live, LiveView, script
from course_lib.explorers.picture import Canvas, Picture

CASES = 12
SENDING = (WORKERS - 1) * LINK.latency  # seconds of a broadcast, and of a gather, where no message is lost

#: What can be answered, and the sign by which one could have told.
FAULTS = {
    "nothing is broken": "Rows look after the line as before, and the loss falls as it always did.",
    "a slow worker": (
        "Worker {worker} is blue all the time and the others are grey: in every round they wait for the same one. "
        "Round by round the loss is as good as ever."
    ),
    "crashes": "Rows go white for {repair} at a time, one here, one there, and then compute anew; the others wait.",
    "two workers cut off": "Once, all stop together, grey for about {cut}; then everything is as before.",
    "lost messages": "Computing takes what it took, but sending takes longer, now more, now less.",
    "liars": "The trace is that of a healthy cluster, and the loss is not: only the numbers are wrong.",
}


def damage_of(case):
    """The hidden damage of a case: which fault is drawn, how strong, and where; each fault occurs twice in twelve."""
    order = np.concatenate([np.random.default_rng([7, k]).permutation(len(FAULTS)) for k in range(2)])
    rng = np.random.default_rng([9, case])
    choices = [
        {},
        {"slow": float(rng.choice([2.0, 2.5, 4.0]))},
        {"crashes": float(rng.choice([2.0, 3.0]))},
        {"cut": float(rng.choice([0.08, 0.12, 0.2]))},
        {"lost": float(rng.choice([0.6, 0.7]))},
        {"liars": int(rng.choice([2, 3]))},
    ]
    fault = int(order[case % CASES])
    return fault, Damage(**choices[fault], worker=int(rng.integers(WORKERS)))


def case_run(case):
    """The run of a case."""
    return broken_run(damage_of(case)[1], seed=100 + case)


def findings(case):
    """What can be measured in a case, in words: the picture for those who do not see it."""
    run, well = case_run(case), broken_run(Damage(), seed=99)
    longest = dict.fromkeys(("compute", "send", "wait", "down"), 0.0)
    for span in run.trace:
        if BREAK <= span.start < UNTIL:
            longest[span.kind] = max(longest[span.kind], span.end - span.start)
    return (
        f"After the line it computes for {_ms(longest['compute'])} at most, sends for {_ms(longest['send'])} (before: "
        f"{_ms(SENDING)}), waits for {_ms(longest['wait'])}, is silent for {_ms(longest['down'])}. "
        f"{run.rounds()} rounds, loss {quantity(round(run.last(), 2))}; when all was well "
        f"{well.rounds()} and {quantity(round(well.last(), 2))}."
    )


def verdict(case, answer):
    """What the reader is told: the question, or whether the answer is right, and the sign.

    Parameters
    ----------
    case : int
    answer : int
        Place in `FAULTS`; -1 before there is one.

    Returns
    -------
    str
    """
    if answer < 0:
        return f"Case {case + 1}. {findings(case)} What is broken?"
    fault, damage = damage_of(case)
    names = list(FAULTS)
    sign = FAULTS[names[fault]].format(
        worker=damage.worker, repair=quantity(REPAIR, "s"), cut=quantity(damage.cut, "s")
    )
    return f"{'Right' if answer == fault else 'Not so'}: {names[fault]}. {sign}"


def case_picture(case):
    """Trace and loss of a case; a machine that is down says nothing, so its row is white."""
    return Picture(marks_of(case_run(case), kinds=("compute", "send", "wait")), findings(case))


def _ms(seconds):
    return f"{1e3 * seconds:.0f} ms"


class DiagnosisView(LiveView):
    """The quiz in the page."""

    _esm = script("diagnosis.js")
    case = traitlets.Int(0).tag(sync=True)  # the page's
    given = traitlets.Dict().tag(sync=True)  # case -> place of the answer; the page's, and it never takes one back
    shown = traitlets.Int(-1).tag(sync=True)  # the case of the picture
    score = traitlets.Unicode().tag(sync=True)


class Diagnosis(Live):
    """A quiz of hidden faults; shown by a notebook when it ends a cell.

    Parameters
    ----------
    title : str
    size : (int, int)
        Of the picture, in CSS pixels.
    """

    def __init__(self, title, size=(760, 320)):
        self.title, self.size = title, size

    @cached_property
    def canvas(self):
        """The figure."""
        return Canvas(AXES, self.size)

    def png(self, case=0):
        """The picture of a case."""
        return self.canvas.png(case_picture(case))

    @cached_property
    def view(self):
        """The widget, made when first shown."""
        spec = {
            "title": self.title, "cases": CASES, "answers": list(FAULTS), "size": self.size,
            "alt": "the trace: who computed, sent and waited, and when; the loss against seconds",
        }  # fmt: skip
        view = DiagnosisView(spec=spec)
        self._show(view)
        view.observe(lambda change: self._show(view), ["case", "given"])
        return view

    def _show(self, view):
        with self.canvas.lock, view.hold_sync():
            view.sentence = verdict(view.case, view.given.get(str(view.case), -1))
            right = sum(damage_of(int(case))[0] == answer for case, answer in view.given.items())
            view.score = f"score: {right} of {len(view.given)}" if view.given else ""
            if view.shown != view.case:
                view.png, view.shown = self.png(view.case), view.case

    def __repr__(self):
        return f"{self.title}. {verdict(0, -1)} ({'; '.join(FAULTS)})"


diagnosis = Diagnosis(f"What is broken? {CASES} clusters, broken at {quantity(BREAK, 's')} of {quantity(UNTIL, 's')}")
