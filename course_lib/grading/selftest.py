"""Does the grading do what it says? The solution, the stub and every wrong answer, graded like submissions."""

from itertools import zip_longest
from pathlib import Path
from tempfile import TemporaryDirectory

import nbformat
from nbformat.v4 import new_code_cell, new_notebook

from course_lib.grading.checks import NOT_YET, diagnose
from course_lib.grading.grade import grade
from course_lib.grading.question import find
from course_lib.grading.submissions import references


def selftest(root, names=()):
    """Grade what must earn everything, nothing, or be named.

    Parameters
    ----------
    root : pathlib.Path
        Folder of the course.
    names : sequence of str
        Beginnings of the notebooks' names; all if empty.

    Returns
    -------
    list of str
        What is not as it should be.
    """
    known = {n: r for n, r in references(root).items() if not names or n.startswith(tuple(names))}
    return [fault for reference in known.values() for fault in honest(root, reference) + wrong(root, reference)]


def submit(reference, sources, path):
    """Write a submission with the given answers, and stubs for the others."""
    answers = {i: sources.get(i, reference.stub(i)) for i in reference.answers}
    cells = [new_code_cell(source, id=i) for i, source in answers.items()]
    nbformat.write(new_notebook(cells=cells), path)


def honest(root, reference):
    """The solution earns all, the stub nothing, in a library without the answers."""
    solution = {i: cell.source for i, cell in reference.answers.items()}
    sheets = _graded(root, reference, {"solution": solution, "stub": {}}, trusted=False)
    faults = [f"{s.notebook} {s.submission}: {s.fault}" for s in sheets.values() if s.fault]
    lost = [(i, m) for i, m in sheets["solution"].marks.items() if m.points < m.of]
    faults += [f"{i}: the solution earns {m.points} of {m.of} points ({m.note})" for i, m in lost]
    gained = [(i, m) for i, m in sheets["stub"].marks.items() if m.points or m.note != NOT_YET]
    return faults + [f"{i}: the stub earns {m.points} points ({m.note})" for i, m in gained]


def wrong(root, reference):
    """Each wrong answer earns nothing and is called by its own name; one submission holds the k-th of all."""
    rounds = list(zip_longest(*([(i, m) for m in find(i).wrong] for i in reference.answers)))
    tried = {f"wrong-{k}": dict(filter(None, answers)) for k, answers in enumerate(rounds)}
    sources = {name: {i: _source(i, m) for i, m in answers.items()} for name, answers in tried.items()}
    sheets = _graded(root, reference, sources, trusted=True)
    faults = []
    for name, answers in tried.items():
        for i, message in answers.items():
            mark = sheets[name].marks.get(i)
            if mark is None or mark.points:
                faults.append(f"{i}: a wrong answer keeps its points ({message}) {sheets[name].fault}")
            elif mark.note != message or diagnose(find(i), find(i).wrong[message]) != message:
                faults.append(f"{i}: a wrong answer is taken for another ({message}): {mark.note}")
    return faults


def _source(grade_id, message):
    """An answer cell that is the known wrong answer."""
    question = find(grade_id)
    return f'from course_lib.grading.question import find\n{question.name} = find("{grade_id}").wrong[{message!r}]'


def _graded(root, reference, submissions, trusted):
    with TemporaryDirectory(prefix="selftest-") as name:
        folder = Path(name)
        (folder / "in").mkdir()
        for submission, sources in submissions.items():
            submit(reference, sources, folder / "in" / f"{submission}.ipynb")
        return {s.submission: s for s in grade(root, folder / "in", folder / "out", trusted=trusted)}
