"""A master, written once as text and solved, and the two notebooks that are made from it."""

import re
from hashlib import sha1
from zlib import crc32

import jupytext
import nbformat
from nbformat.v4 import new_code_cell, new_notebook

from course_lib.errors import CourseError
from course_lib.grading.checks import NOT_YET
from course_lib.grading.question import find, hidden_seed

SOLUTION = re.compile(r"^([ \t]*)### BEGIN SOLUTION\n(.*?)\n[ \t]*### END SOLUTION", re.M | re.S)
SEED = re.compile(r"(\bdefault_rng\(|\bseed=)\d+")
STUB = f'raise NotImplementedError("{NOT_YET}")  # replace this line by yours'
ESSAY = "*Your answer here.*"
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}


def read(path):
    """Cells of a master in jupytext's percent format.

    Parameters
    ----------
    path : pathlib.Path
        ``NN_name.py``.

    Returns
    -------
    list of NotebookNode
        With what the cell header says (``answer``, ``check``, ``essay``, ``points``, ``tags``) as metadata.

    Raises
    ------
    CourseError
        If a grade id is unknown or used twice, or an answer cell has no solution in its function.
    """
    cells = jupytext.reads(path.read_text(encoding="utf-8"), fmt="py:percent").cells
    for kind in ("answer", "essay"):
        ids = [c.metadata[kind] for c in cells if kind in c.metadata]
        if len(ids) != len(set(ids)):
            raise CourseError(f"{path.name}: an {kind} cell is there twice, of {sorted(ids)}")
    for cell in cells:
        _validate(cell, path.name)
    return [cell for cell in cells if cell.cell_type != "raw"]


def solved(cells, name, private=(), student=""):
    """The reference notebook: everything solved, and a hidden grading cell after each answer.

    Parameters
    ----------
    cells : list of NotebookNode
        From `read`.
    name : str
        ``NN_name``, kept in the metadata.
    private : tuple of int
        What the hidden inputs are drawn from; the public ones if empty.
    student : str
        Whose personal variant it is: cells that a master marks ``personal`` get another seed.

    Returns
    -------
    NotebookNode
        Not yet executed.
    """
    out = []
    for cell in cells:
        text = cell.source if cell.cell_type == "code" else SOLUTION.sub(r"\2", cell.source)
        out.append(_cell(cell, _personal(cell, text, student)))
        if "answer" in cell.metadata:
            out.append(hidden(find(cell.metadata["answer"]), private))
    return _notebook(out, name, student)


def unsolved(cells, name, private=(), student=""):
    """The student's notebook: solutions replaced by stubs, nothing hidden in it.

    Parameters, result: as `solved`.
    """
    fill = {"code": rf"\1{STUB}", "markdown": ESSAY}
    texts = [SOLUTION.sub(fill[c.cell_type], c.source) for c in cells]
    return _notebook([_cell(c, _personal(c, text, student)) for c, text in zip(cells, texts)], name, student)


def number(student):
    """A number of the student's own, for seeds."""
    return crc32(student.encode())


def hidden(question, private=()):
    """The cell that grades an answer, not yet executed.

    Parameters
    ----------
    question : Question
    private : tuple of int
        What the hidden inputs are drawn from; the public ones if empty.

    Returns
    -------
    NotebookNode
    """
    seed = hidden_seed(question, private)
    cell = new_code_cell(
        "# Hidden from students: bucket numbers of the answer on inputs drawn for the grade.\n"
        "from course_lib.grading.question import grading_cell\n\n"
        f'grading_cell("{question.id}", {question.name}, seed={seed})'
    )
    cell.id = f"{question.id}-test"
    cell.metadata["course"] = {"question": question.id, "seed": seed}
    cell.metadata["nbgrader"] = _nbgrader(cell.id, grade=True, locked=True, points=question.points)
    return cell


def _personal(cell, text, student):
    return SEED.sub(rf"\g<1>{number(student) % 1000}", text) if student and cell.metadata.get("personal") else text


def _validate(cell, name):
    grade_id = cell.metadata.get("answer") or cell.metadata.get("check")
    question = find(grade_id) if grade_id else None
    if "answer" in cell.metadata and f"def {question.name}(" not in SOLUTION.sub("", cell.source):
        raise CourseError(f"{name}: answer cell {grade_id} must define {question.name}() outside its solution")
    solution = SOLUTION.search(cell.source)
    if "answer" in cell.metadata and not (solution and solution[1]):
        raise CourseError(f"{name}: answer cell {grade_id} needs ### BEGIN SOLUTION inside the function")
    if "check" in cell.metadata and f'check("{grade_id}"' not in cell.source:
        raise CourseError(f'{name}: check cell {grade_id} must call check("{grade_id}", {question.name})')
    if "BEGIN SOLUTION" in cell.source and not {"answer", "essay"} & set(cell.metadata):
        raise CourseError(f"{name}: a solution outside an answer or essay cell:\n{cell.source}")
    if "essay" in cell.metadata and not (solution and cell.metadata.get("points")):
        raise CourseError(f"{name}: essay cell {cell.metadata['essay']} needs points and a solution between markers")


def _cell(cell, source):
    """The cell with another source and nbgrader's metadata (schema 3); ids are given by `_notebook`."""
    meta = cell.metadata
    out = nbformat.from_dict({**cell, "source": source, "metadata": {}})
    if "tags" in meta:
        out.metadata["tags"] = meta["tags"]
    if "answer" in meta:
        out.metadata["nbgrader"] = _nbgrader(meta["answer"], solution=True)
    elif "check" in meta:
        out.metadata["nbgrader"] = _nbgrader(f"{meta['check']}-check", locked=True)
    elif "essay" in meta:
        out.metadata["nbgrader"] = _nbgrader(meta["essay"], grade=True, solution=True, points=meta["points"])
    return out


def _nbgrader(grade_id, grade=False, solution=False, locked=False, points=None):
    out = {"grade": grade, "grade_id": grade_id, "locked": locked, "schema_version": 3}
    return {**out, "solution": solution, "task": False, **({"points": points} if grade else {})}


def _notebook(cells, name, student):
    """Give every cell an id that changes only when its own text does: the grade id, or a hash."""
    seen, course = {}, {"notebook": name, **({"student": student} if student else {})}
    for cell in cells:
        grade_id = cell.metadata.get("nbgrader", {}).get("grade_id")
        digest = grade_id or sha1(cell.source.encode()).hexdigest()[:10]
        seen[digest] = seen.get(digest, 0) + 1
        cell.id = digest if seen[digest] == 1 else f"{digest}-{seen[digest]}"
    return new_notebook(cells=cells, metadata={"kernelspec": KERNEL, "course": course})
