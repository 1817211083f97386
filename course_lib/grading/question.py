"""A graded question as one object, and the numbers by which it is graded."""

import json
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from io import StringIO
from pkgutil import iter_modules
from zlib import crc32

import numpy as np

from course_lib.errors import CourseError

BUCKET = 1e-4  # width of a bucket, as a part of the question's scale
OFFSET = 0.381966  # keeps whole numbers, zero above all, far from a bucket's edge
MARGIN = 0.01  # least distance from the edge, in buckets: room for float32 and another order of summation
ENTROPY = 32  # bits that the numbers printed for one question must hold
TRIES = 100  # seeds that are looked at
CASES = 3  # inputs a check or a grade looks at
PRINTED = 8  # a longer array is graded by this many random projections of it


def value(function, *args):
    """Measure a function by what it returns."""
    return {"value": function(*args)}


@dataclass(frozen=True, eq=False)
class Question:
    """A function that the student writes, with all that is needed to check and to grade it.

    Parameters
    ----------
    id : str
        Grade id, ``"SECTION-WORD"``; the question is looked up in ``questions/SECTION.py``.
    name : str
        Name of the function in the answer cell.
    points : int
        What it is worth: all or nothing.
    inputs : callable
        ``inputs(rng) -> tuple`` of arguments, a fresh draw at each call.
    reference : callable
        The right answer.
    wrong : dict of str to callable
        Three or more plausible wrong answers, each under the sentence that names the misconception.
    hints : (str, str)
        A nudge, and a worked line.
    measure : callable
        ``measure(function, *args) -> {what: number or array}``: what is compared. By default the
        value that the function returns.
    scale : float or dict of str to float
        Size of what is measured; a difference below 1e-6 of it is none.
    draw : callable, optional
        ``draw(function, reference, *args) -> Figure``, yours beside the reference; `function` is None
        where there is nothing to draw of yours yet.
    plain : tuple of str, optional
        Of an open-ended question, where any good answer earns the points: the attributes of its arguments
        that the answer may use besides plain NumPy (see `course_lib.grading.plain`).
    """

    id: str
    name: str
    points: int
    inputs: Callable
    reference: Callable
    wrong: dict[str, Callable]
    hints: tuple[str, str]
    measure: Callable = value
    scale: float | dict = 1.0
    draw: Callable | None = None
    plain: tuple[str, ...] | None = None

    def __post_init__(self):
        if len(self.wrong) < 3:
            raise CourseError(f"{self.id}: a question needs three plausible wrong answers, not {len(self.wrong)}")

    def size(self, what):
        """Scale of one measured quantity."""
        return self.scale.get(what, 1.0) if isinstance(self.scale, dict) else self.scale

    def cases(self, *stream):
        """The arguments of all cases of one stream: the same at each call, and safe to write into."""
        for case in range(CASES):
            rng = np.random.default_rng([crc32(self.id.encode()), *stream, case])
            yield tuple(self.inputs(rng))


def find(grade_id):
    """The question of a grade id.

    Parameters
    ----------
    grade_id : str
        ``"SECTION-WORD"``.

    Returns
    -------
    Question

    Raises
    ------
    CourseError
        If there is none of that name.
    """
    section = f"course_lib.grading.questions.{grade_id.split('-')[0]}"
    questions = import_module(section).QUESTIONS if find_spec(section) else []
    for question in questions:
        if question.id == grade_id:
            return question
    known = ", ".join(q.id for q in questions) or "no such section"
    raise CourseError(f"there is no question {grade_id!r} ({known})")


def modules():
    """The modules of questions."""
    package = import_module("course_lib.grading.questions")
    return [import_module(f"{package.__name__}.{m.name}") for m in iter_modules(package.__path__)]


def outcome(question, function, args):
    """What a function does on one input: its measurements as float arrays, or its error as a sentence."""
    with redirect_stdout(StringIO()), redirect_stderr(StringIO()), np.errstate(all="ignore"):
        try:
            return {what: numbers(v) for what, v in question.measure(function, *args).items()}
        except NotImplementedError:
            raise
        except Exception as error:
            return sentence(error)


def numbers(result):
    """A result as a float array.

    Raises
    ------
    CourseError
        If it is none, with what it is instead.
    """
    if result is None:
        raise CourseError("the function returned nothing: is there a return at its end?")
    try:
        return np.array(result, float)
    except (TypeError, ValueError):
        raise CourseError(f"the function returned a {type(result).__name__} that is no array of numbers") from None


def sentence(error):
    """Say an error in one line; the course's own errors are in the words of the domain already."""
    return str(error) if isinstance(error, CourseError) else f"{type(error).__name__}: {error}"


def buckets(question, function, seed):
    """The lines that a grading cell prints: bucket numbers of what the function does on hidden inputs.

    Parameters
    ----------
    question : Question
    function : callable
        The student's, or the reference.
    seed : int
        Stream of hidden inputs.

    Returns
    -------
    list of str
        One line a case and measured quantity, or the error in its place.
    """
    return [line for line, _ in _graded(question, function, seed)]


def hidden_seed(question, private=()):
    """The first seed whose reference values all lie well inside their buckets.

    Parameters
    ----------
    question : Question
    private : tuple of int
        Numbers that nobody else knows; without them the seeds are 0, 1, ... and public, as the solutions are.

    Returns
    -------
    int

    Raises
    ------
    CourseError
        If a hundred seeds have none, or if the numbers that a grading cell prints vary so little with
        the input that they could be guessed.
    """
    bits = _entropy(question)
    if bits < ENTROPY:
        raise CourseError(
            f"{question.id}: what is graded holds about {bits:.0f} bits and could be guessed; {ENTROPY} are "
            "asked for: measure more, or draw richer inputs"
        )
    stream = np.random.default_rng([*private, crc32(question.id.encode())])
    seeds = stream.integers(2**62, size=TRIES).tolist() if private else range(TRIES)
    seed = next((s for s in seeds if _margin(question, s) >= MARGIN), None)
    if seed is None:
        raise CourseError(f"{question.id}: for every seed a reference value lies at a bucket's edge; set scale")
    return seed


def grading_cell(grade_id, function, seed):
    """Print what nbval compares; the last line of a hidden grading cell."""
    print("\n".join(buckets(find(grade_id), function, seed)))


def shown_cell(grade_id, function):
    """Print what a function does on the inputs of the first public check, for its feedback."""
    question = find(grade_id)
    done = [outcome(question, function, args) for args in question.cases(0, 0)]
    print(json.dumps([d if isinstance(d, str) else {what: a.tolist() for what, a in d.items()} for d in done]))


def _graded(question, function, seed):
    """Pairs (printed line, positions in units of a bucket), one a case and measured quantity."""
    for case, args in enumerate(question.cases(1, seed)):
        measured = outcome(question, function, args)
        if isinstance(measured, str):
            yield f"case {case + 1}: {measured}", np.array([])
            continue
        for what, array in measured.items():
            positions = _few(array) / (BUCKET * question.size(what))
            printed = " ".join(f"{b:.0f}" for b in np.floor(positions + OFFSET))
            yield f"case {case + 1}, {what} {array.shape}: {printed}", positions


def _few(array):
    """A short array as it is; of a long one random projections, in which every entry counts."""
    if array.size <= PRINTED:
        return array.ravel()
    directions = np.random.default_rng(array.size).normal(size=(PRINTED, array.size))
    return directions @ array.ravel() / np.sqrt(array.size)


def _positions(question, seed):
    return np.concatenate([p for _, p in _graded(question, question.reference, seed)])


@cache
def _entropy(question):
    """Bits to guess: the log of the spread over five seeds of each number that differs in most of them."""
    samples = [_positions(question, seed) for seed in range(5)]
    length = min(map(len, samples))
    table = np.floor(np.array([s[:length] for s in samples]) + OFFSET)
    return sum(np.log2(np.ptp(column)) for column in table.T if len(set(column)) >= 4)


def _margin(question, seed):
    """Distance of the reference's values from the nearest edge, in buckets."""
    positions = _positions(question, seed) + OFFSET
    return np.abs(positions - np.round(positions)).min(initial=0.5)
