"""What a student sees: yours against the reference on fresh inputs, the likely cause, and graduated help."""

import inspect
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from html import escape
from reprlib import repr as brief
from textwrap import dedent

import numpy as np

from course_lib.grading import question as questions
from course_lib.grading.library import GONE, borrowed

NOT_YET = "not attempted yet"
PROMISE = "This is the public check: it promises nothing on the grade, which is decided on other inputs."
COLORS = {"right": "#007A5A", "wrong": "#C04F00", "blank": "#767676"}
TOLERANCE = 1e-6  # of the question's scale

_failures = {}  # grade id -> different wrong attempts in this session


@dataclass
class Report:
    """The answer to one check; a notebook shows it by itself.

    Attributes
    ----------
    state : {"right", "wrong", "blank"}
        Blank where nothing was attempted yet.
    headline : str
        The result in one line.
    lines : list of str
        What differs, the likely cause, a hint.
    solution : str
        Source of the reference, once three attempts have failed.
    draw : callable or None
        Makes the figure, yours beside the reference.
    """

    state: str
    headline: str
    lines: list = field(default_factory=list)
    solution: str = ""
    draw: Callable | None = None

    def __repr__(self):
        solution = ["A solution:", self.solution] if self.solution else []
        return "\n".join([self.headline, *self.lines, *solution])

    def _repr_html_(self):
        body = "".join(f"<p style='margin:.2em 0'>{escape(line)}</p>" for line in self.lines)
        solution = f"<details><summary>Show a solution</summary><pre>{escape(self.solution)}</pre></details>"
        return (
            f"<div style='border-left:4px solid {COLORS[self.state]};padding:.3em .8em'>"
            f"<b>{escape(self.headline)}</b>{body}{solution if self.solution else ''}</div>"
        )

    def _ipython_display_(self):
        from IPython.display import display

        display({"text/plain": repr(self), "text/html": self._repr_html_()}, raw=True)
        if self.draw is not None:
            display(self.draw())


def check(grade_id, function):
    """Compare a function with the reference on fresh random inputs.

    Parameters
    ----------
    grade_id : str
        The question.
    function : callable
        Yours.

    Returns
    -------
    Report
        What differs and by how much, the misconception if it is a known one, and a hint; a nudge
        first, then a worked line, after three different attempts a solution.

    Raises
    ------
    CourseError
        If there is no such question.
    """
    question = questions.find(grade_id)
    attempts = _failures.setdefault(grade_id, [])
    title = f"{question.name} ({question.points} point{'s' * (question.points != 1)})"
    try:
        found = difference(question, function, len(attempts))
    except NotImplementedError:
        return Report("blank", f"{title}: {NOT_YET}", draw=_drawing(question, None, 0))
    draw = _drawing(question, function, len(attempts))
    missing = [f"{name} {GONE}." for name in borrowed(question, function)] + _not_plain(question, function)
    if found is None:
        return Report("right", f"{title}: right on {questions.CASES} fresh inputs", [*missing, PROMISE], "", draw)
    cause = diagnose(question, function, len(attempts))
    if _fingerprint(function) not in attempts:
        attempts.append(_fingerprint(function))
    said = [found, *([f"Likely cause: {cause}"] if cause else []), *missing]
    lines = [*said, *_hint(question, len(attempts)), PROMISE]
    solution = source(question.reference) if len(attempts) >= 3 else ""
    return Report("wrong", f"{title}: not right yet", lines, solution, draw)


@contextmanager
def attempt():
    """Run lines that need the student's own answer; before there is one they say so and do not stop the run.

    Examples
    --------
    >>> def my_step(x):
    ...     raise NotImplementedError("not attempted yet")
    >>> with attempt():
    ...     print(my_step(1.0))
    not attempted yet
    """
    try:
        yield
    except NotImplementedError:
        print(NOT_YET)


def difference(question, function, attempt=0):
    """The first thing in which a function differs from the reference, as a sentence; None if nothing does."""
    for args, shown in _paired(question, attempt):
        yours = questions.outcome(question, function, args)
        reference = questions.outcome(question, question.reference, shown)
        if isinstance(reference, str):
            return f"The reference itself fails: {reference}"
        found = compare(question, yours, reference)
        if found:
            return f"{found}, for {described(shown)}."
    return None


def diagnose(question, function, attempt=0):
    """The misconception whose wrong answer does the same as the function on all inputs; None if none does."""
    yours = [questions.outcome(question, function, args) for args in question.cases(0, attempt)]
    for message, wrong in question.wrong.items():
        theirs = (questions.outcome(question, wrong, args) for args in question.cases(0, attempt))
        if all(map(partial(_same, question), yours, theirs)):
            return message
    return None


def source(function):
    """Source text of a reference, unindented; empty where there is none."""
    try:
        return dedent(inspect.getsource(getattr(function, "func", function)))
    except (OSError, TypeError):
        return ""


def _drawing(question, function, attempt):
    """What draws yours beside the reference on the first input; None where the question has no drawing."""
    if question.draw is None:
        return None
    first, again = (next(question.cases(0, attempt)) for _ in range(2))
    works = function is not None and not isinstance(questions.outcome(question, function, first), str)
    return lambda: question.draw(function if works else None, question.reference, *again)


def _paired(question, attempt):
    """The public inputs twice: a function may write into its arguments."""
    return zip(question.cases(0, attempt), question.cases(0, attempt))


def compare(question, yours, reference):
    """The first thing in which one outcome differs from another, in words; None if nothing does."""
    if isinstance(yours, str):
        return yours.rstrip(".")
    for what, expected in reference.items():
        got = yours[what]
        if got.shape != expected.shape:
            return f"{what} has the shape {got.shape}; the reference's is {expected.shape}"
        gap = np.where(np.isfinite(got), np.abs(got - expected), np.inf)
        if gap.size and not gap.max() <= TOLERANCE * question.size(what):
            at = np.unravel_index(gap.argmax(), gap.shape)
            where = f" at [{', '.join(map(str, at))}]" if at else ""
            return f"{what}: yours is {got[at]:.6g}, the reference's {expected[at]:.6g}{where}"
    return None


def _same(question, yours, wrong):
    if isinstance(yours, str) or isinstance(wrong, str):
        return isinstance(yours, str) and yours == wrong
    return compare(question, yours, wrong) is None


def described(args):
    """Arguments in few words: shapes of arrays, numbers as they are, the beginning of long lists."""
    return ", ".join(
        f"an array of shape {a.shape}" if isinstance(a, np.ndarray) else f"{a:.4g}" if np.isscalar(a) else brief(a)
        for a in args
    )


def _not_plain(question, function):
    if question.plain is None:
        return []
    from course_lib.grading.plain import found  # asks for IPython, which is there where it is asked for

    said = found(question, function)
    return [f"It earns nothing as it is: {said}."] if said else []


def _hint(question, attempts):
    nudge, worked = question.hints
    return [f"Hint: {nudge}"] if attempts < 2 else [f"Hint: {nudge}", f"A line of it: {worked}"]


def _fingerprint(function):
    code = getattr(function, "__code__", None)
    return (code.co_code, code.co_consts, code.co_names) if code else repr(function)
