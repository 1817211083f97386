"""From a student's notebook to the one that is run: only the source of the answer cells is taken."""

from copy import deepcopy
from dataclasses import dataclass

import nbformat

from course_lib.errors import CourseError
from course_lib.grading.masters import SOLUTION, STUB

IGNORED = {"tags": ["nbval-ignore-output"]}


@dataclass(frozen=True)
class Reference:
    """An executed solved notebook.

    Attributes
    ----------
    name : str
        ``NN_name``.
    setup : NotebookNode
        Its first code cell: what answers may use.
    answers, tests : dict of str to NotebookNode
        Answer cells and hidden grading cells by grade id.
    essays : dict of str to int
        Points that are given by hand.
    """

    name: str
    setup: object
    answers: dict
    tests: dict
    essays: dict

    def stub(self, grade_id):
        """Source of the answer cell as the student gets it."""
        return SOLUTION.sub(rf"\1{STUB}", self.answers[grade_id].source)


def references(root):
    """All executed references of a course by name.

    Raises
    ------
    CourseError
        If there are none, or one was not executed.
    """
    found = {p.stem: _reference(p) for p in sorted((root / "solutions").glob("*/[0-9]*.ipynb"))}
    if not found:
        raise CourseError(f"no solved notebooks in {root.resolve()}/solutions: run build first, or change folder")
    return {name: reference for name, reference in found.items() if reference.tests or reference.essays}


def read(path):
    """A submitted notebook.

    Raises
    ------
    CourseError
        If the file is no notebook.
    """
    try:
        notebook = nbformat.read(path, as_version=4)
        return nbformat.from_dict({**notebook, "cells": [c for c in notebook.cells if isinstance(c.source, str)]})
    except Exception as error:  # a corrupted file can fail in any way
        raise CourseError(f"this is no readable notebook: {type(error).__name__}") from None


def matching(notebook, known):
    """The reference that a submission belongs to, by the grade ids in it, whatever the file is called.

    Raises
    ------
    CourseError
        If it holds no answer cell of any.
    """
    ids = {grade_id for cell in notebook.cells for grade_id in _ids(cell)}
    best = max(known.values(), key=lambda reference: len(ids & reference.answers.keys()))
    if not ids & best.answers.keys():
        raise CourseError("no answer cell of any exercise is in it")
    return best


def answers(notebook, reference):
    """Source of each answer; parts of a split cell in their order, a missing cell as the stub.

    Parameters
    ----------
    notebook : NotebookNode
        The submission.
    reference : Reference

    Returns
    -------
    dict of str to str
    """
    found = {}
    for grade_id in reference.answers:
        parts = [c.source for c in notebook.cells if c.cell_type == "code" and grade_id in _ids(c)]
        found[grade_id] = "\n\n".join(parts) or reference.stub(grade_id)
    return found


def assemble(reference, sources):
    """The notebook that nbval runs: setup, then each answer and its grading cell with the reference's output.

    Parameters
    ----------
    reference : Reference
    sources : dict of str to str
        Answers that replace the reference's.

    Returns
    -------
    NotebookNode
    """
    cells = [_plain(reference.setup)]
    for grade_id, answer in reference.answers.items():
        cells += [_plain(answer, sources.get(grade_id)), deepcopy(reference.tests[grade_id])]
    return nbformat.v4.new_notebook(cells=cells)


def _plain(cell, source=None):
    out = nbformat.v4.new_code_cell(cell.source if source is None else source, metadata=deepcopy(IGNORED))
    out.id, out.execution_count = cell.id, 1
    return out


def _ids(cell):
    """Grade ids that a cell may answer to: nbgrader's, or where that is lost the cell's own."""
    return {cell.get("metadata", {}).get("nbgrader", {}).get("grade_id"), cell.get("id")} - {None}


def _reference(path):
    cells = nbformat.read(path, as_version=4).cells
    code = [c for c in cells if c.cell_type == "code"]
    if any(c.execution_count is None for c in code):
        raise CourseError(f"{path.name} was not executed: run build")
    tests = {c.metadata.course.question: c for c in code if "course" in c.metadata}
    graders = {c.id: c.metadata.nbgrader for c in cells if "nbgrader" in c.metadata}
    essays = {i: n.points for i, n in graders.items() if n.grade and n.solution}
    return Reference(path.stem, code[0] if code else None, {c.id: c for c in code if c.id in tests}, tests, essays)
