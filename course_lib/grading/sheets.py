"""What a submission earned, and the tables that hold it: grades.csv, manual.csv, Gradescope's results.json."""

import csv
import json
from dataclasses import dataclass, field
from io import StringIO

from course_lib.errors import CourseError
from course_lib.grading import sandbox

HELD = "bubblewrap"
UNSANDBOXED = "UNSANDBOXED"
MANUAL = ("submission", "student", "question", "answer", "rubric", "of", "points", "comment", "remark")
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # how one begins
LONGEST = 20 << 20  # characters of an answer, pictures pasted into it included
CHANGED = "the answer has changed since it was marked"


@dataclass
class Mark:
    """What one question earned, and why; `shown` is what the answer does on public inputs, if it lost."""

    points: float | None
    of: int
    note: str
    shown: list = field(default_factory=list)


@dataclass
class Sheet:
    """What one submission earned.

    Attributes
    ----------
    submission : str
        Its path, without the suffix.
    student, number : str
        As the learning platform knows them.
    notebook : str
        Name of the exercise.
    variant : str
        The student whose personal variant it is.
    fault : str
        Why it is NOT GRADED; empty if it is.
    marks : dict of str to Mark
        By grade id.
    words : dict of str to str
        The Socratic answers by grade id.
    by_hand : dict of str to Mark
        Their marks; points are None until somebody has given them.
    state : str
        Of all else that the grade depends on: see `Grader.state`.
    """

    submission: str
    student: str = ""
    number: str = ""
    notebook: str = ""
    variant: str = ""
    fault: str = ""
    marks: dict = field(default_factory=dict)
    words: dict = field(default_factory=dict)
    by_hand: dict = field(default_factory=dict)
    state: str = ""

    @property
    def points(self):
        """Points that the machine gave; None where it was not graded."""
        return None if self.fault else sum(mark.points for mark in self.marks.values())

    @property
    def of(self):
        """Points that the machine could give."""
        return sum(mark.of for mark in self.marks.values())

    @property
    def total(self):
        """All points; None while a hand has some to give."""
        hand = [mark.points for mark in self.by_hand.values()]
        return None if self.fault or None in hand else self.points + sum(hand)

    @property
    def total_of(self):
        """All points that could be earned."""
        return self.of + sum(mark.of for mark in self.by_hand.values())


def held():
    """Where students' code ran."""
    return HELD if sandbox.available() else UNSANDBOXED


def write_grades(sheets, path):
    """One row a submission: status, points by the machine, by hand and together, and each question's."""
    questions = list(dict.fromkeys(i for sheet in sheets for i in (*sheet.marks, *sheet.by_hand)))
    head = ["submission", "student", "number", "notebook", "variant", "status", "points", "of", "by hand", "by hand of"]
    rows = [[*head, "total", "total of", *questions, "sandbox"]]
    for s in sheets:
        every = {**s.marks, **s.by_hand}
        hand = [m.points for m in s.by_hand.values() if m.points is not None]
        given = [s.points, s.of, sum(hand) if hand else "", s.total_of - s.of, s.total, s.total_of]
        status = f"NOT GRADED: {s.fault}" if s.fault else "graded"
        marks = [every[i].points if i in every else "" for i in questions]
        who = [s.submission, s.student, s.number, s.notebook, s.variant]
        rows.append([*who, status, *([""] * len(given) if s.fault else given), *marks, held()])
    _write(path, rows)


def mark_by_hand(sheets, references, path):
    """Bring the points that stand in ``manual.csv`` into the sheets, and write it anew.

    Answer and rubric stand side by side there. No mark is ever lost: also those of submissions that are
    not in this run stay. Where the answer is another than the one that was marked, the remark says so.

    Parameters
    ----------
    sheets : list of Sheet
    references : dict of str to Reference
        By the name of the notebook.
    path : pathlib.Path

    Raises
    ------
    CourseError
        If points are no number, or more than there are.
    """
    old, rows = _marked(path), []
    for sheet in sheets:
        for i, words in sheet.words.items():
            essay, was = references[sheet.notebook].essays[i], old.pop((sheet.submission, i), {})
            points = _points(was, essay.points)
            sheet.by_hand[i] = Mark(points, essay.points, was.get("comment", ""))
            changed = was.get("points") and was["answer"].split() != _neutral(words).split()
            remark = CHANGED if changed else "" if words else "no answer"
            row = [sheet.submission, sheet.student, i, words, essay.rubric, essay.points]
            rows.append([*row, "" if points is None else f"{points:g}", sheet.by_hand[i].note, remark])
    kept = [[row[column] for column in MANUAL] for row in old.values() if row["points"] or row["comment"]]
    _write(path, [MANUAL, *rows, *kept])


def gradescope(sheet):
    """One submission in the form of Gradescope's ``results.json``."""
    if sheet.fault:
        return {"output": f"NOT GRADED: {sheet.fault}", "tests": []}
    tests = [_test(i, m, m.note) for i, m in sheet.marks.items()]
    tests += [_test(i, m, m.note or "marked by hand") for i, m in sheet.by_hand.items() if m.points is not None]
    return {"score": sum(t["score"] for t in tests), "visibility": "visible", "tests": tests}


def save(sheet, path):
    """Keep a sheet, so that a run that was stopped goes on."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_text(json.dumps(sheet, default=vars))
    part.replace(path)


def load(path):
    """A sheet that was kept; None if there is none."""
    if not path.exists():
        return None
    told = json.loads(path.read_text())
    return Sheet(**{**told, "marks": {i: Mark(**m) for i, m in told["marks"].items()}, "by_hand": {}})


def _test(name, mark, output):
    return {"name": name, "score": mark.points, "max_score": mark.of, "output": output, "visibility": "visible"}


def _marked(path):
    """Rows of ``manual.csv`` by submission and question, whatever a spreadsheet made of its commas."""
    if not path.exists():
        return {}
    content = path.read_bytes()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:  # a spreadsheet of Western Windows
        text = content.decode("cp1252", errors="replace")
    first = text.partition("\n")[0]
    csv.field_size_limit(LONGEST)
    rows = list(csv.DictReader(StringIO(text, newline=""), delimiter=max(",;\t", key=first.count)))
    if rows and not set(MANUAL) <= rows[0].keys():
        raise CourseError(f"{path}: its columns must be {', '.join(MANUAL)}")
    return {(_meant(row["submission"]), row["question"]): row for row in rows}


def _points(row, of):
    text = (row.get("points") or "").replace(",", ".").strip()
    try:
        points = float(text) if text else None
    except ValueError:
        points = -1.0
    if points is not None and not 0 <= points <= of:
        raise CourseError(f"manual.csv, {row['submission']}, {row['question']}: {text!r} is no number from 0 to {of}")
    return points


def _write(path, rows):
    with open(path, "w", newline="", encoding="utf-8", errors="replace") as file:
        csv.writer(file).writerows([[_neutral(cell) for cell in row] for row in rows])


def _neutral(cell):
    """A student's text, which a spreadsheet must not take for a formula."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA) else cell


def _meant(cell):
    """The text again."""
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(FORMULA) else cell
