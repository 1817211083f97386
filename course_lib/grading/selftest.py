"""Does the grading do what it says? Solution, stub, wrong answers and break-outs, all graded like submissions."""

from itertools import zip_longest
from pathlib import Path
from tempfile import TemporaryDirectory

import nbformat
from nbformat.v4 import new_code_cell, new_notebook

from course_lib.grading import library, sandbox, submissions
from course_lib.grading.checks import NOT_YET, diagnose
from course_lib.grading.grade import WARNING, grade
from course_lib.grading.question import find
from course_lib.grading.running import run
from course_lib.grading.sheets import Mark

SECONDS = 30
BREAK_OUTS = {  # each does what no answer may do; in the sandbox it must fail
    "reads the solutions": "open({solutions!r}).read()",
    "reads the library with its answers": "open({library!r}).read()",
    "reads the machine's files": "open('/etc/hostname').read()",
    "writes to the system": "open('/usr/x', 'w')",
    "writes beside its folder": "open('/x', 'w')",
    "speaks to the network": "import socket; socket.create_connection(('192.0.2.1', 9), 1)",
    "is another user than nobody": "import os; assert os.getuid() != 65534 or os.geteuid() != 65534",
    "knows another process": "import os; assert os.getppid() > 1",
    "takes memory without end": "import numpy as np; [np.empty(1 << 27) for _ in range(64)]",
    "writes a file without end": "f = open('/tmp/x', 'wb')\nfor _ in range(300): f.write(bytes(1 << 20)); f.flush()",
}


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
    found = submissions.references(root)
    known = [r for n, r in found.items() if r.answers and (not names or n.startswith(tuple(names)))]
    return held(root) + honest(root, known) + wrong(root, known)


def held(root):
    """Break-outs from the sandbox that succeed."""
    if not sandbox.available():
        return [WARNING]
    places = {"library": str(library.LIBRARY / "collectives.py")}
    places["solutions"] = str(next((root / "solutions").resolve().glob("*/*.py")))
    cells = [new_code_cell(f"{text.format(**places)}\nprint('out')") for text in BREAK_OUTS.values()]
    with TemporaryDirectory(prefix="library-") as name:
        library.copy(Path(name))
        found = run({"out": new_notebook(cells=cells)}, Path(name), SECONDS)
    said = {what: found.get(("out", cell.id), {"error": ""}) for what, cell in zip(BREAK_OUTS, cells)}
    return [f"the sandbox does not hold: code in it {what}" for what, cell in said.items() if not cell["error"]]


def submit(reference, sources, path):
    """Write a submission with the given answers, and stubs for the others."""
    cells = [new_code_cell(sources.get(i, reference.stub(i)), id=i) for i in reference.answers]
    nbformat.write(new_notebook(cells=cells), path)


def honest(root, references):
    """Each solution earns all, each stub nothing, in a library without the answers."""
    tried = {f"{r.name}-solution": (r, r.answers) for r in references} | {f"{r.name}-stub": (r, {}) for r in references}
    faults = []
    for name, sheet in _graded(root, tried, trusted=False).items():
        reference, written = tried[name]
        for i in reference.answers:
            points, mark = find(i).points, sheet.marks.get(i)
            if mark is None:
                faults.append(f"{name}, {i}: not graded {sheet.fault}")
            elif mark != (Mark(points, points, "right") if i in written else Mark(0, points, NOT_YET)):
                faults.append(f"{name}, {i}: {mark.points} of {mark.of} points ({mark.note})")
    return faults


def wrong(root, references):
    """Each wrong answer earns nothing and is called by its own name; one submission holds the k-th of all."""
    tried = {}
    for r in references:
        rounds = zip_longest(*([(i, m) for m in find(i).wrong] for i in r.answers))
        tried |= {f"{r.name}-wrong-{k}": (r, dict(filter(None, answers))) for k, answers in enumerate(rounds)}
    sources = {name: (r, {i: _source(i, m) for i, m in answers.items()}) for name, (r, answers) in tried.items()}
    faults = []
    for name, sheet in _graded(root, sources, trusted=True).items():
        for i, message in tried[name][1].items():
            mark = sheet.marks.get(i)
            if mark is None or mark.points:
                faults.append(f"{i}: a wrong answer keeps its points ({message}) {sheet.fault}")
            elif mark.note != message or diagnose(find(i), find(i).wrong[message]) != message:
                faults.append(f"{i}: a wrong answer is taken for another ({message}): {mark.note}")
    return faults


def _source(grade_id, message):
    """An answer cell that is the known wrong answer."""
    question = find(grade_id)
    return f'from course_lib.grading.question import find\n{question.name} = find("{grade_id}").wrong[{message!r}]'


def _graded(root, tried, trusted):
    """Sheets by the name of what is tried, from references and answers by the same."""
    with TemporaryDirectory(prefix="selftest-") as folder:
        source, out = Path(folder, "in"), Path(folder, "out")
        source.mkdir()
        for name, (reference, sources) in tried.items():
            submit(reference, sources, source / f"{name}.ipynb")
        return {s.submission: s for s in grade(root, source, out, trusted=trusted)}
