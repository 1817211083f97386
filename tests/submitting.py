"""Submissions to homework 01, made from the student's notebook."""

import nbformat

from course_lib.grading import submissions
from tests.test_notebooks import ROOT

EXERCISE = "01_all_reduce"
REFERENCE = submissions.references(ROOT)[EXERCISE]
SOLUTION = REFERENCE.answers
SERVER, RING, HALVING, CROSSOVER = SOLUTION
NAMES = dict(zip(SOLUTION, ("server_all_reduce", "ring_all_reduce", "halving_doubling_all_reduce", "crossover")))
RIGHT = {SERVER: 4, RING: 6, HALVING: 7, CROSSOVER: 3}
WORDS = "all_reduce-words"


def submission(sources):
    """The student's notebook with other answers."""
    notebook = nbformat.read(ROOT / "exercises" / f"{EXERCISE}.ipynb", as_version=4)
    for cell in notebook.cells:
        cell.source = sources.get(cell.id, cell.source)
    return notebook


def with_line(name, line):
    """One answer of the solution, with a line put first into its function."""
    return SOLUTION[name].replace("    ### BEGIN SOLUTION\n", f"    {line}\n")


def insert(notebook, where, source, **cell):
    """The notebook with one more code cell before the cell called `where`; at its end if there is none."""
    ids = [c.id for c in notebook.cells]
    at = ids.index(where) if where in ids else len(ids)
    notebook.cells.insert(at, nbformat.from_dict({**nbformat.v4.new_code_cell(source), **cell}))
    return notebook
