"""From a student's notebook to the one that is run: only the source of the answers and what they need is taken."""

import builtins
import json
from dataclasses import dataclass, field
from warnings import catch_warnings

import nbformat

from course_lib.errors import CourseError
from course_lib.grading.definitions import DEFINES, LOOPS, binds, broken, helpers, needed, statements, uses
from course_lib.grading.masters import ESSAY, SOLUTION, STUB, hidden
from course_lib.grading.plain import objection
from course_lib.grading.question import buckets, find

IGNORED = {"tags": ["nbval-ignore-output"]}
FIRST = "setup"  # id of a cell that runs where the machinery does
SHOWN = "shown"
NUMPY = "import numpy as np"
BUILT_IN = set(dir(builtins))


@dataclass(frozen=True)
class Essay:
    """A Socratic question: the points given by hand, and model answer and rubric for the hand."""

    points: int
    rubric: str


@dataclass(frozen=True)
class Reference:
    """A solved notebook.

    Attributes
    ----------
    name : str
        ``NN_name``.
    setup : str
        Its first code cell: what answers may use.
    answers : dict of str to str
        Source of the answer cells by grade id.
    essays : dict of str to Essay
        By grade id.
    given : frozenset of str
        Ids and texts of all its cells: what is in none of them is a student's.
    private : tuple of int
        What the hidden inputs are drawn from.
    tests, misconceptions : dict
        Filled by `ready`: grading cells, with what they print for the right answer; and by what they print for
        a wrong one, the sentence that names it.
    """

    name: str
    setup: str
    answers: dict
    essays: dict
    given: frozenset = frozenset()
    private: tuple = ()
    tests: dict = field(default_factory=dict)
    misconceptions: dict = field(default_factory=dict)

    def ready(self):
        """The same, with what right and wrong answers print on its hidden inputs."""
        for question in map(find, () if self.tests else self.answers):
            cell = hidden(question, self.private)
            seed, said = cell.metadata.course.seed, {}
            for message, wrong in question.wrong.items():
                said["\n".join(buckets(question, wrong, seed))] = message
            text = "\n".join(buckets(question, question.reference, seed)) + "\n"
            cell.outputs = [nbformat.v4.new_output("stream", name="stdout", text=text)]
            cell.execution_count = 1
            self.tests[question.id], self.misconceptions[question.id] = cell, said
        return self

    def stub(self, grade_id):
        """Source of the answer cell as the student gets it."""
        return SOLUTION.sub(rf"\1{STUB}", self.answers[grade_id])

    def is_blank(self, grade_id, source):
        """Whether an answer cell is still as the student got it, or empty."""
        return source.strip() in ("", self.stub(grade_id).strip())

    def program(self, grade_id, parts=None, cells=(), later=(), defines=DEFINES):
        """What defines an answer's function, in the order of the notebook.

        Parameters
        ----------
        grade_id : str
        parts : list of str, optional
            The answer's cells; by default the solution.
        cells : list of str
            The notebook's other code: of it only definitions that the answer needs are taken; to an
            open-ended question also of the answer's own, so that what is run is what `refused` has read.
        later : list of str
            Statements below the answer's cells that define its function once more.
        defines : tuple of types
            What counts as a definition.

        Returns
        -------
        list of str
            Empty where nothing was attempted.
        """
        parts, name = [self.answers[grade_id]] if parts is None else parts, find(grade_id).name
        if find(grade_id).plain is not None:
            taken = [s for s in needed([NUMPY, *cells, *parts, *later], {name}, defines) if "*" not in binds(s)]
            return [*taken, *filter(broken, parts)]
        called = needed([self.setup, *cells], set().union({name}, *map(uses, [*parts, *later])), defines)
        return [*called, *parts, *later] if parts or later or any(name in binds(s) for s in called) else []


def references(root, private=()):
    """All references of a course by name.

    Parameters
    ----------
    root : pathlib.Path
        Folder with ``solutions/`` in it.
    private : tuple of int
        What the hidden inputs are drawn from; the public ones if empty.

    Raises
    ------
    CourseError
        If there are none.
    """
    found = {p.stem: _reference(p, private) for p in sorted((root / "solutions").glob("*/[0-9]*.ipynb"))}
    if not found:
        raise CourseError(f"no solved notebooks in {root.resolve()}/solutions: run build first, or change folder")
    return {name: reference for name, reference in found.items() if reference.answers or reference.essays}


def read(content):
    """A submitted notebook; of its cells' metadata only text is kept.

    Parameters
    ----------
    content : bytes

    Raises
    ------
    CourseError
        If the file is no notebook.
    """
    try:
        with catch_warnings(action="ignore"):
            notebook = nbformat.reads(content.decode(json.detect_encoding(content)), as_version=4)
        cells = [c for c in notebook.cells if isinstance(c.source, str) and isinstance(c.cell_type, str)]
        student = notebook.metadata.get("course", {}).get("student", "")
        sources = [c.source.encode(errors="replace").decode() for c in cells]
        plain = [{"cell_type": c.cell_type, "source": s, "ids": _ids(c)} for c, s in zip(cells, sources)]
        return nbformat.from_dict({"cells": plain, "student": student if isinstance(student, str) else ""})
    except Exception as error:  # a corrupted file can fail in any way
        raise CourseError(f"this is no readable notebook: {type(error).__name__}") from None


def matching(notebook, known):
    """The reference that a submission belongs to, whatever the file is called.

    By the grade ids in it; where these are lost, by the functions that it defines.

    Raises
    ------
    CourseError
        If it holds no answer cell of any.
    """
    ids = {grade_id for cell in notebook.cells for grade_id in cell.ids}
    graded = {i for reference in known.values() for i in (*reference.answers, *reference.essays)}
    if not ids & graded:
        defined = {name for cell in notebook.cells if cell.cell_type == "code" for name in binds(cell.source)}
        ids = {i for r in known.values() for i in r.answers if find(i).name in defined}
    best = max(known.values(), key=lambda reference: len(ids & {*reference.answers, *reference.essays}))
    if not ids & {*best.answers, *best.essays}:
        raise CourseError("no answer cell of any exercise is in it")
    return best


def answers(notebook, reference):
    """Program of each answer; parts of a split cell in their order, none where nothing was attempted.

    Definitions are those of the notebook's other cells, in its order.

    Returns
    -------
    dict of str to list of str
        Cells by grade id.
    """
    code = _code(notebook)
    others = [c.source for c in code if not set(c.ids) & reference.answers.keys()]
    return {i: reference.program(i, _parts(code, reference, i), others) for i in reference.answers}


def kindly(notebook, reference, grade_id):
    """An answer's program, for one that loses as `answers` reads it: what else may the student have meant?

    A function that was written once more below the answer's cells, helpers that stand in other answers' cells, tables
    that loops fill; and what stands above counts for more than what stands below.

    Returns
    -------
    list of str
        Cells.
    """
    code, name = _code(notebook), find(grade_id).name
    parts = _parts(code, reference, grade_id)
    own = [k for k, c in enumerate(code) if grade_id in c.ids]
    mine = set().union(*map(binds, parts)) - {name}
    others = {find(i).name for i in reference.answers} - {name}

    def free(cell):
        """What a cell of others defines."""
        if not set(cell.ids) & reference.answers.keys():
            return [s for s in statements(cell.source, LOOPS) if not binds(s) & others]
        return [s for s in helpers(cell.source) if not binds(s) & (others | mine | binds(reference.setup) | BUILT_IN)]

    split = max(own, default=-1) + 1
    rest = [[c for c in part if grade_id not in c.ids] for part in (code[:split], code[split:])]
    above, below = ([s for c in cells for s in free(c)] for cells in rest)
    again = [s for s in below if own and name in binds(s) and s.startswith(("def ", "@"))]
    known = set().union(mine, BUILT_IN, *map(binds, above))
    below = [s for s in below if s not in again and not binds(s) & known]
    return reference.program(grade_id, parts, [*above, *below], again, LOOPS)


def essays(notebook, reference):
    """The student's own words by grade id; empty where there are none."""
    words, writing = {i: [] for i in reference.essays}, None
    for cell in notebook.cells:
        if found := next((i for i in cell.ids if i in words), None):
            writing = found
        elif {cell.source.strip(), *cell.ids} & reference.given:
            writing = None  # a cell of the course: here the student's own end
        if writing and cell.cell_type != "code" and cell.source.strip() not in ("", ESSAY):
            words[writing].append(cell.source)
    return {i: "\n\n".join(texts) for i, texts in words.items()}


def together(reference, programs):
    """The notebook that nbval runs first: each attempted answer and its grading cell, with what it should print."""
    cells = [[*_cells(i, p), reference.tests[i]] for i, p in programs.items() if p]
    return _notebook([cell for group in cells for cell in group])


def alone(reference, grade_id, program):
    """One answer, with the reference's in place of the earlier answers that it calls.

    Of later ones it gets none: their solutions may hold its own. Before it is graded it runs on the inputs of
    the public check, so that feedback can show what it does.
    """
    earlier = _earlier(reference, grade_id)
    called, names, question = {}, set().union(*map(uses, program)), find(grade_id)
    while more := [i for i in earlier if find(i).name in names and i not in called]:
        called |= {i: reference.program(i) for i in more}
        names |= {name for i in more for text in called[i] for name in uses(text)}
    show = _cell(
        f"{grade_id}-{SHOWN}",
        f'from course_lib.grading.question import shown_cell\n\nshown_cell("{grade_id}", {question.name})',
    )
    others = [cell for i, text in called.items() for cell in _cells(i, text)]
    return _notebook([*others, *_cells(grade_id, program), show, reference.tests[grade_id]])


def refused(reference, programs):
    """Why an answer to an open-ended question is not run at all, by grade id; the others are not in it."""
    known = {i: [find(j).name for j in _earlier(reference, i)] for i in programs}
    said = {i: objection(find(i), p, known[i]) for i, p in programs.items() if p and find(i).plain is not None}
    return {i: objected for i, objected in said.items() if objected}


def _earlier(reference, grade_id):
    return list(reference.answers)[: list(reference.answers).index(grade_id)]


def _code(notebook):
    return [c for c in notebook.cells if c.cell_type == "code"]


def _parts(code, reference, grade_id):
    """The answer's own cells, where something was attempted."""
    own = [c.source for c in code if grade_id in c.ids]
    return [source for source in own if not reference.is_blank(grade_id, source)]


def _notebook(cells):
    first = _cell(FIRST, "import course_lib.grading.question")
    return nbformat.from_dict({**nbformat.v4.new_notebook(), "cells": [first, *cells]})


def _cells(grade_id, sources):
    return [_cell(f"{grade_id}-part-{k}", source) for k, source in enumerate(sources)]


def _cell(cell_id, source):
    """A cell whose outputs count for nothing, markers in its text or not."""
    cell = nbformat.v4.new_code_cell(source, metadata=IGNORED, execution_count=1)
    return nbformat.from_dict({**cell, "id": cell_id})


def _ids(cell):
    """Grade ids that a cell may answer to: nbgrader's, or where that is lost the cell's own."""
    marks = cell.get("metadata", {}).get("nbgrader", {})
    found = [marks.get("grade_id") if isinstance(marks, dict) else None, cell.get("id")]
    return [i for i in dict.fromkeys(found) if isinstance(i, str)]


def _reference(path, private):
    cells = nbformat.read(path, as_version=4).cells
    code = [c for c in cells if c.cell_type == "code"]
    graded = {c.metadata.course.question for c in code if "course" in c.metadata}
    marks = {c.id: (c.metadata.nbgrader, c.source) for c in cells if "nbgrader" in c.metadata}
    written = {i: Essay(n.points, text) for i, (n, text) in marks.items() if n.grade and n.solution}
    setup = code[0].source if code else ""
    given = frozenset(text for c in cells for text in (c.id, c.source.strip()))
    return Reference(path.stem, setup, {c.id: c.source for c in code if c.id in graded}, written, given, private)
