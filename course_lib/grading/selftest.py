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
    return held(root) + [fault for reference in known for fault in honest(root, reference) + wrong(root, reference)]


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


def honest(root, reference):
    """The solution earns all, the stub nothing, in a library without the answers."""
    sheets = _graded(root, reference, {"solution": reference.answers, "stub": {}}, trusted=False)
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


def _graded(root, reference, answers, trusted):
    with TemporaryDirectory(prefix="selftest-") as name:
        folder = Path(name)
        (folder / "in").mkdir()
        for submission, sources in answers.items():
            submit(reference, sources, folder / "in" / f"{submission}.ipynb")
        return {s.submission: s for s in grade(root, folder / "in", folder / "out", trusted=trusted)}
