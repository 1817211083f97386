"""From what was handed in to a table of grades, a page of feedback for each, and a picture of the class."""

import json
import os
import secrets
import shutil
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import replace
from hashlib import sha256
from importlib.metadata import distributions
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock

import numpy as np
from tqdm import tqdm

from course_lib.errors import CourseError
from course_lib.grading import feedback, incoming, library, sandbox, sheets, submissions
from course_lib.grading.checks import NOT_YET
from course_lib.grading.masters import number
from course_lib.grading.question import find
from course_lib.grading.running import run
from course_lib.grading.sheets import Mark, Sheet

CORES = 2
SECONDS = 30
DIFFERS = "on other inputs it computes something else than the reference"
WARNING = "UNSANDBOXED: students' code ran with your rights, because bubblewrap (bwrap) is not installed"


class Grader:
    """Grades one submission after the other against the references of a course.

    Parameters
    ----------
    root : pathlib.Path
        Folder with ``solutions/`` in it.
    library : pathlib.Path
        Folder with the library that students' code may see (see `library.copy`).
    seed : int
        What the hidden inputs are drawn from.
    seconds : float
        Limit for one cell.
    again : bool
        Run each question that lost points alone, and open-ended ones in no other way; False trusts the answers.
    """

    def __init__(self, root, library, seed, seconds=SECONDS, again=True):
        self.root, self.library, self.seed, self.seconds, self.again = root, library, seed, seconds, again
        self.references = {"": submissions.references(root, (seed,))}
        self.conditions = f"{seed} {seconds} {again} {sandbox.available()} {_versions()}"
        self.alone = Lock()  # for what captures prints or warnings, which is no work for two threads

    def grade(self, entry):
        """The sheet of one file; a fault of the machinery or of the file leaves it NOT GRADED."""
        sheet = Sheet(entry.name, entry.student, entry.number, fault=entry.fault)
        try:
            if not sheet.fault:
                self._grade(sheet, entry.content)
        except CourseError as error:
            sheet.fault = str(error)
        except Exception as error:  # one strange submission must not stop the class
            sheet.fault = f"the machinery failed: {type(error).__name__}: {error}"
        return sheet

    def state(self, name):
        """What decides the grade of a notebook besides itself: a kept grade with another state is given anew."""
        solutions = sorted((self.root / "solutions").glob(f"*/{name}.ipynb"))
        return sha256("".join([self.conditions, *map(_digest, solutions)]).encode()).hexdigest()

    def _grade(self, sheet, content):
        with self.alone:
            notebook = submissions.read(content)
            reference = submissions.matching(notebook, self._references(notebook.student)).ready()
        sheet.notebook, sheet.variant = reference.name, notebook.student
        sheet.words = submissions.essays(notebook, reference)
        sheet.marks = self._marks(reference, notebook)

    def _references(self, student):
        """A personal variant has hidden inputs of its own."""
        if student not in self.references:
            own = {"private": (self.seed, number(student)), "tests": {}, "misconceptions": {}}
            self.references[student] = {name: replace(r, **own) for name, r in self.references[""].items()}
        return self.references[student]

    def _marks(self, reference, notebook):
        """All answers together; each that lost among reference answers, where it is alone; then once more, kindly read.

        An answer to an open-ended question is alone at once: nobody else's code can help it there.
        """
        programs = submissions.answers(notebook, reference)
        refused = submissions.refused(reference, programs) if self.again else {}
        tried = {i: program for i, program in programs.items() if program and i not in refused}
        common = {i: program for i, program in tried.items() if not self.again or find(i).plain is None}
        books = {i: submissions.alone(reference, i, tried[i]) for i in tried if i not in common}
        books |= {"all": submissions.together(reference, common)} if common else {}
        seen = self._run(books, reference, tried)
        lost = [i for i in common if self.again and not seen["all", i]["passed"]]
        seen |= self._run({i: submissions.alone(reference, i, tried[i]) for i in lost}, reference, lost)
        outcomes = {i: seen.get((i, i), seen.get(("all", i))) for i in programs}
        lost = [i for i, outcome in outcomes.items() if self.again and not (outcome and outcome["passed"])]
        kind = {i: submissions.kindly(notebook, reference, i) for i in lost}
        kind = {i: program for i, program in kind.items() if program not in ([], programs[i])}
        no = submissions.refused(reference, kind)
        books = {i: submissions.alone(reference, i, program) for i, program in kind.items() if i not in no}
        won = {i: outcome for (_, i), outcome in self._run(books, reference, books).items() if outcome["passed"]}
        with self.alone:
            marks = {i: self._mark(reference, i, outcomes[i], refused.get(i)) for i in programs}
            return marks | {i: self._mark(reference, i, won[i], None) for i in won}

    def _run(self, notebooks, reference, graded):
        """What each grading cell did, by notebook and grade id; with the error of the answer before it."""
        found = run(notebooks, self.library, self.seconds) if notebooks else {}
        out = {}
        for name, notebook in notebooks.items():
            if not found.get((name, submissions.FIRST), {}).get("passed"):
                raise CourseError("the machinery failed: its own first cell did not run")
            if any((name, cell.id) not in found for cell in notebook.cells):
                raise CourseError("the machinery failed: the run stopped before its end")
            out |= {(name, i): _outcome(found, name, notebook, i) for i in graded if (name, f"{i}-test") in found}
        return out

    def _mark(self, reference, grade_id, outcome, refused):
        """Points, and a note that tells nothing of the hidden inputs."""
        question = find(grade_id)
        if refused:
            return Mark(0, question.points, refused)
        if outcome and outcome["passed"]:
            return Mark(question.points, question.points, "right")
        if outcome is None or outcome["error"].startswith("NotImplementedError"):
            return Mark(0, question.points, NOT_YET)
        cause = reference.misconceptions[grade_id].get(outcome["text"])
        shown = feedback.read(question, outcome["shown"])
        note = cause or outcome["fault"] or outcome["error"] or feedback.difference(question, shown) or DIFFERS
        return Mark(0, question.points, note, shown)


def _versions():
    """Of Python, of all that is installed, and of the course's library, which may be changed in place."""
    installed = sorted(f"{d.metadata['Name']} {d.version}" for d in distributions())
    return [sys.version, *installed, *(_digest(file) for file in sorted(library.LIBRARY.rglob("*.py")))]


def _digest(file):
    return sha256(file.read_bytes()).hexdigest()


def _outcome(found, name, notebook, grade_id):
    """What an answer's cells did. Of its grading cell no exception is told: it could say the hidden inputs."""
    *own, test = [found[name, cell.id] for cell in notebook.cells if cell.id.startswith(f"{grade_id}-")]
    first = {key: next((cell[key] for cell in own if cell[key]), "") for key in ("error", "fault")}
    shown = next((cell["text"] for cell in own if cell["cell"].endswith(submissions.SHOWN)), "")
    unwritten = "NotImplementedError" if test["error"].startswith("NotImplementedError") else ""
    return {**test, "error": first["error"] or unwritten, "fault": first["fault"] or test["fault"], "shown": shown}


def grade(root, source, out, seconds=SECONDS, seed=None, regrade=False, trusted=False):
    """Grade a folder, a zip, or one file.

    Parameters
    ----------
    root : pathlib.Path
        Folder of the course.
    source : pathlib.Path
        Notebooks, in folders of any depth and in zips.
    out : pathlib.Path
        Gets ``grades.csv``, ``manual.csv``, ``class.html``, ``feedback/`` and ``results/``; in ``private/`` it
        keeps the seed of the hidden inputs and what is graded already.
    seconds : float
        Limit for one cell.
    seed : int, optional
        Of the hidden inputs; by default drawn in the first run, and kept.
    regrade : bool
        Grade also what is graded already.
    trusted : bool
        The submissions are the course's own wrong answers: leave these in the library, and one pass is enough.

    Returns
    -------
    list of Sheet

    Raises
    ------
    CourseError
        If there is nothing to grade, no reference, or a mark by hand that is none.
    """
    entries = incoming.entries(source)
    seed = _seed(out / "private" / "seed", seed)
    digests = [sha256(f"{seed} {e.name}\n".encode() + e.content).hexdigest()[:32] for e in entries]
    bar = tqdm(total=len(entries), desc="grading", unit="notebook")
    with TemporaryDirectory(prefix="library-") as name, ThreadPoolExecutor(CORES) as pool, bar:
        library.copy(Path(name), trusted)
        grader = Grader(root, Path(name), seed, seconds, again=not trusted)
        places = [out / "private" / f"{digest}.json" for digest in digests]
        tasks = [pool.submit(_graded, grader, *task, regrade) for task in zip(entries, places)]
        try:
            for _ in as_completed(tasks):
                bar.update()
        finally:
            pool.shutdown(cancel_futures=True)
    graded = [task.result() for task in tasks]
    sheets.mark_by_hand(graded, grader.references[""], out / "manual.csv")
    write(graded, out)
    return graded


def write(graded, out):
    """Write ``grades.csv``, a page of feedback and Gradescope's results for each, and the picture of the class."""
    sheets.write_grades(graded, out / "grades.csv")
    for folder in ("feedback", "results"):
        shutil.rmtree(out / folder, ignore_errors=True)
    for sheet in tqdm(graded, desc="writing", unit="page", leave=False):
        page, results = (out / k / f"{sheet.submission}{s}" for k, s in (("feedback", ".html"), ("results", ".json")))
        for path, text in (page, feedback.page(sheet)), (results, json.dumps(sheets.gradescope(sheet), indent=1)):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8", errors="replace")
    (out / "class.html").write_text(feedback.class_page(graded), encoding="utf-8", errors="replace")


def summary(graded):
    """The class in a few lines: how many were graded, the mean, and each misconception counted."""
    done = [s for s in graded if not s.fault]
    lines = [f"{len(done)} of {len(graded)} graded"]
    lines += [f"NOT GRADED {s.submission}: {s.fault}" for s in graded if s.fault]
    if done:
        lines[0] += f", mean {np.mean([s.points for s in done]):.1f} points"
    causes = Counter((i, m.note) for s in done for i, m in s.marks.items() if m.points < m.of)
    lines += [f"{count:4d} x {i}: {note}" for (i, note), count in causes.most_common(10)]
    waiting = sum(mark.points is None for s in done for mark in s.by_hand.values())
    lines += [f"{waiting} Socratic answers wait in manual.csv for your points"] * bool(waiting)
    return "\n".join([*lines, *([] if sandbox.available() else [WARNING])])


def _graded(grader, entry, place, regrade):
    """A sheet, from an earlier run if nothing has changed since; a fault of the machinery is tried again."""
    kept = None if regrade else sheets.load(place)
    if kept and kept.state == grader.state(kept.notebook):
        return kept
    sheet = grader.grade(entry)
    if not sheet.fault:
        sheet.state = grader.state(sheet.notebook)
        sheets.save(sheet, place)
    return sheet


def _seed(file, given):
    """The seed of an earlier run, a given one, or one that nobody can guess."""
    if given is None:
        given = int(file.read_text()) if file.exists() else secrets.randbits(62)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"{given}\n")
    os.chmod(file.parent, 0o700)
    return given
