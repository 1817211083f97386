"""From a folder of submissions to a table of grades and a page of feedback for each."""

import csv
import shutil
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from tempfile import TemporaryDirectory

from tqdm import tqdm

from course_lib.errors import CourseError
from course_lib.grading import sandbox, submissions
from course_lib.grading.checks import NOT_YET
from course_lib.grading.question import buckets, find
from course_lib.grading.running import run

CORES = 2
SECONDS = 30
DIFFERS = "on other inputs it computes something else than the reference"
STYLE = "body{font:16px sans-serif;max-width:50em;margin:2em auto} td,th{text-align:left;padding:.3em 1em}"
UNSANDBOXED = "UNSANDBOXED: students' code ran with your rights, because bubblewrap (bwrap) is not installed"


@dataclass
class Mark:
    """What one question earned, and why."""

    points: int
    of: int
    note: str


@dataclass
class Sheet:
    """What one submission earned.

    Attributes
    ----------
    submission : str
        Its path in the folder, without the suffix.
    notebook : str
        Name of the exercise.
    fault : str
        Why it is NOT GRADED; empty if it is.
    marks : dict of str to Mark
        By grade id.
    by_hand : int
        Points of the Socratic answers, which no machine gives.
    """

    submission: str
    notebook: str = ""
    fault: str = ""
    marks: dict = field(default_factory=dict)
    by_hand: int = 0

    @property
    def points(self):
        """Points earned; None where it was not graded."""
        return None if self.fault else sum(mark.points for mark in self.marks.values())

    @property
    def of(self):
        """Points that could be earned."""
        return sum(mark.of for mark in self.marks.values())


class Grader:
    """Grades one submission after the other against the references of a course.

    Parameters
    ----------
    root : pathlib.Path
        Folder with ``solutions/`` in it.
    library : pathlib.Path
        Folder with the library that students' code may see (see `sandbox.library`).
    seconds : float
        Limit for one cell.
    again : bool
        Run each question that lost points alone.
    """

    def __init__(self, root, library, seconds=SECONDS, again=True):
        self.references = submissions.references(root)
        self.library, self.seconds, self.again = library, seconds, again
        tests = [cell for r in self.references.values() for cell in r.tests.values()]
        self.misconceptions = {cell.metadata.course.question: _misconceptions(cell) for cell in tests}

    def grade(self, path, name):
        """The sheet of one file; a fault of the machinery or of the file leaves it NOT GRADED."""
        sheet = Sheet(name)
        try:
            notebook = submissions.read(path)
            reference = submissions.matching(notebook, self.references)
            sheet.notebook, sheet.by_hand = reference.name, sum(reference.essays.values())
            sheet.marks = self._marks(reference, submissions.answers(notebook, reference))
        except CourseError as error:
            sheet.fault = str(error)
        return sheet

    def _marks(self, reference, answers):
        """Two passes: all answers together; then each that lost among reference answers, where it is alone."""
        tried = {i: s for i, s in answers.items() if s.strip() != reference.stub(i).strip()}
        seen = self._run({"all": submissions.assemble(reference, answers)}, reference)["all"] if tried else {}
        lost = [i for i in tried if self.again and not seen[i]["passed"]]
        alone = {f"alone-{n}": {i: answers[i]} for n, i in enumerate(lost)}
        again = self._run({name: submissions.assemble(reference, a) for name, a in alone.items()}, reference)
        seen |= {i: again[name][i] for name, i in zip(alone, lost)}
        return {i: self._mark(i, seen[i] if i in tried else None) for i in answers}

    def _run(self, notebooks, reference):
        """Outcome of each grading cell, by notebook and grade id."""
        found = run(notebooks, self.library, self.seconds) if notebooks else {}
        for name in notebooks:
            if not found.get((name, reference.setup.id), {}).get("passed"):
                raise CourseError("the machinery failed: the notebook's imports did not run")
            cells = [*reference.answers.values(), *reference.tests.values()]
            if any((name, cell.id) not in found for cell in cells):
                raise CourseError("the machinery failed: the run stopped before its end")
        return {name: {i: self._outcome(found, name, i, c) for i, c in reference.tests.items()} for name in notebooks}

    def _outcome(self, found, name, grade_id, test):
        """What the grading cell did; if the answer cell before it failed, with that cell's error."""
        error = found[name, grade_id]["error"] or found[name, test.id]["error"]
        if error.startswith("Timeout"):
            error = f"it took longer than {self.seconds:g} s, or ended its process"
        return {**found[name, test.id], "error": error}

    def _mark(self, grade_id, outcome):
        of = find(grade_id).points
        if outcome is None or outcome["error"].startswith("NotImplementedError"):
            return Mark(0, of, NOT_YET)
        if outcome["passed"]:
            return Mark(of, of, "right")
        cause = self.misconceptions[grade_id].get(outcome["text"])
        return Mark(0, of, cause or _printed_error(outcome["text"]) or outcome["error"] or DIFFERS)


def grade(root, source, out, seconds=SECONDS, trusted=False):
    """Grade a folder, or one file.

    Parameters
    ----------
    root : pathlib.Path
        Folder of the course.
    source : pathlib.Path
        Notebooks, in folders of any depth.
    out : pathlib.Path
        Gets ``grades.csv`` and ``feedback/``.
    seconds : float
        Limit for one cell.
    trusted : bool
        The submissions are the course's own wrong answers: leave these in the library, and one pass is enough.

    Returns
    -------
    list of Sheet

    Raises
    ------
    CourseError
        If there is no notebook, or no reference.
    """
    files = [source] if source.is_file() else sorted(source.rglob("*.ipynb"))
    files = [f for f in files if ".ipynb_checkpoints" not in f.parts]
    if not files:
        raise CourseError(f"no notebooks in {source}")
    names = [str(f.relative_to(source if source.is_dir() else source.parent).with_suffix("")) for f in files]
    with TemporaryDirectory(prefix="library-") as library, ThreadPoolExecutor(CORES) as pool:
        sandbox.library(Path(library), trusted)
        grader = Grader(root, Path(library), seconds, again=not trusted)
        sheets = list(tqdm(pool.map(grader.grade, files, names), total=len(files), desc="grading", unit="notebook"))
    write(sheets, out)
    return sheets


def write(sheets, out):
    """Write ``grades.csv`` and a page of feedback for each submission."""
    questions = list(dict.fromkeys(i for sheet in sheets for i in sheet.marks))
    out.mkdir(parents=True, exist_ok=True)
    with open(out / "grades.csv", "w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["submission", "notebook", "status", "points", "of", "by hand", *questions, "sandbox"])
        for s in sheets:
            status = f"NOT GRADED: {s.fault}" if s.fault else "graded"
            marks = [s.marks[i].points if i in s.marks else "" for i in questions]
            held = "bubblewrap" if sandbox.available() else "UNSANDBOXED"
            points = ["", ""] if s.fault else [s.points, s.of]
            table.writerow([s.submission, s.notebook, status, *points, s.by_hand, *marks, held])
    shutil.rmtree(out / "feedback", ignore_errors=True)
    for sheet in sheets:
        page = out / "feedback" / f"{sheet.submission}.html"
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(_page(sheet))


def summary(sheets):
    """The class in a few lines: how many were graded, the mean, and each misconception counted."""
    graded = [s for s in sheets if not s.fault]
    lines = [f"{len(graded)} of {len(sheets)} graded"]
    lines += [f"NOT GRADED {s.submission}: {s.fault}" for s in sheets if s.fault]
    if graded:
        lines[0] += f", mean {sum(s.points for s in graded) / len(graded):.1f} points"
    causes = Counter((i, m.note) for s in graded for i, m in s.marks.items() if m.points < m.of)
    lines += [f"{count:4d} x {i}: {note}" for (i, note), count in causes.most_common(10)]
    return "\n".join([*lines, *([] if sandbox.available() else [UNSANDBOXED])])


def _page(sheet):
    head = f"<h1>{escape(sheet.submission)}</h1><p>{escape(sheet.notebook)}</p>"
    if sheet.fault:
        body = f"<p><b>NOT GRADED</b>: {escape(sheet.fault)}</p>"
    else:
        rows = "".join(
            f"<tr><td>{escape(i)}<td>{m.points} of {m.of}<td>{escape(m.note)}" for i, m in sheet.marks.items()
        )
        body = f"<p><b>{sheet.points} of {sheet.of} points</b>, and {sheet.by_hand} to be given by hand.</p>"
        body += f"<table><tr><th>question<th>points<th>what we saw{rows}</table>"
    title = f"<!doctype html><meta charset='utf-8'><title>{escape(sheet.submission)}</title>"
    return f"{title}<style>{STYLE}</style>{head}{body}"


def _misconceptions(cell):
    """Messages by what the wrong answer prints on the hidden inputs."""
    question, seed = find(cell.metadata.course.question), cell.metadata.course.seed
    return {"\n".join(buckets(question, wrong, seed)): message for message, wrong in question.wrong.items()}


def _printed_error(text):
    """The error that a grading cell printed in the place of the first case's numbers, if it did."""
    said = text.partition("\n")[0].partition(": ")
    return said[2] if said[0].startswith("case") and "," not in said[0] else ""
