"""A student's progress on the command line: the public checks of a notebook, question by question."""

from subprocess import DEVNULL

import nbformat
from nbclient import NotebookClient

from course_lib.errors import CourseError
from course_lib.grading.definitions import needed, uses
from course_lib.grading.masters import KERNEL
from course_lib.grading.question import find
from course_lib.grading.submissions import read

SECONDS = 60


def progress(path):
    """Run the public checks of one notebook.

    Parameters
    ----------
    path : pathlib.Path
        A student's notebook.

    Returns
    -------
    list of (Question, str, str)
        Question, state (``right``, ``wrong``, ``blank``), and what the check says.

    Raises
    ------
    CourseError
        If the file is no notebook, or has no questions in it.
    """
    code = [c for c in read(path.read_bytes()).cells if c.cell_type == "code"]
    graded = {i: _question(i) for cell in code for i in cell.ids}
    questions = [question for question in graded.values() if question]
    if not questions:
        raise CourseError(f"{path}: there is no answer cell in it")
    answers = [c.source for c in code if any(graded[i] for i in c.ids)]
    others = [c.source for c in code if not any(graded[i] for i in c.ids)]
    helpers = needed(others, set().union(*map(uses, answers), (q.name for q in questions)))
    sources = [*helpers, *answers, *map(_report, questions)]
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(s) for s in sources], metadata={"kernelspec": KERNEL}
    )
    where = {"metadata": {"path": str(path.resolve().parent)}}
    NotebookClient(notebook, timeout=SECONDS, allow_errors=True, resources=where).execute(stderr=DEVNULL)
    return [(q, *_said(cell)) for q, cell in zip(questions, notebook.cells[-len(questions) :])]


def _question(grade_id):
    """The question of an answer cell; None of another cell."""
    try:
        return find(grade_id)
    except CourseError:
        return None


def _report(question):
    return (
        "from course_lib.grading import check\n"
        f'report = check("{question.id}", {question.name})\nprint(report.state, report, sep="\\n")'
    )


def _said(cell):
    text = "".join(o.text for o in cell.outputs if o.get("name") == "stdout")
    state, _, report = text.partition("\n")
    errors = [f"{o.ename}: {o.evalue}" for o in cell.outputs if o.output_type == "error"]
    return (state, report.strip()) if not errors else ("wrong", errors[0])
