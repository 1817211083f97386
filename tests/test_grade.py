"""Grading a class: honest work keeps its points, one broken answer costs only itself, nothing is lost on the way."""

import csv
import io
import json
import zipfile
from html import unescape
from pathlib import Path
from types import SimpleNamespace

import nbformat
import numpy as np
import pytest

from course_lib.errors import CourseError
from course_lib.grading import building, definitions, incoming, library, masters, sandbox, submissions
from course_lib.grading import grade as grading
from course_lib.grading.__main__ import main
from course_lib.grading.checks import check
from course_lib.grading.question import buckets, find, hidden_seed, modules
from tests import submitting
from tests.submitting import CROSSOVER, EXERCISE, HALVING, RING, SERVER, SOLUTION, WORDS, insert, submission, with_line
from tests.test_notebooks import ROOT

pytestmark = pytest.mark.filterwarnings("ignore:Non-unique cell id")  # of notebooks that lost theirs, on purpose

LOOPS = """def server_all_reduce(network, vectors):
    total = list(vectors[0])
    for i in range(1, network.m):
        network.send(i, 0, vectors[i])
        arrived = network.deliver()[0]
        for k in range(len(total)):
            total[k] = total[k] + arrived[k]
    result = [total]
    for i in range(1, network.m):
        network.send(0, i, np.array(total))
        result.append(list(network.deliver()[i]))
    return result"""
SINGLE = """def in_single(function):
    return lambda *args: np.asarray(function(*args), np.float32)
ring_all_reduce = in_single(ring_all_reduce)"""


def with_oddities():
    """Loops, prints, single precision, magics; a cell split as JupyterLab splits it; an old attempt copied above."""
    half = SOLUTION[CROSSOVER].replace("return latency", "return 2 * half() * latency")
    prints = SOLUTION[HALVING].replace("    ### BEGIN SOLUTION\n", "    print('here')\n")
    magic = {RING: f"%precision 3\n{SOLUTION[RING]}\n{SINGLE}", HALVING: f"%%time\n{prints}"}
    notebook = submission({SERVER: LOOPS, CROSSOVER: half, **magic})
    cells = {cell.id: cell for cell in notebook.cells}
    insert(notebook, CROSSOVER, "def half():\n    return 0.5", metadata=cells[CROSSOVER].metadata, id="new")
    old = "def ring_all_reduce(network, vectors):\n    return 0"
    return insert(notebook, RING, old, metadata=cells[RING].metadata, id="old")


def with_helpers():
    """Helpers in cells of his own, with their imports and constants, among experiments that fail or never end."""
    mine = "def crossover(m, latency, seconds):\n    return ratio(latency * rounds(m), seconds * words(m))"
    notebook = submission({**SOLUTION, CROSSOVER: mine})
    insert(notebook, CROSSOVER, "%matplotlib inline\nimport math as mathematics\nTWO = 2\nwhile True: pass")
    insert(notebook, CROSSOVER, "def rounds(m):\n    return TWO * (m - 1) - mathematics.log2(m)\nprint(rounds(1) / 0)")
    insert(notebook, "", "%%time\ndef words(m): return np.log2(m) - TWO * (m - 1) / m\nratio = lambda a, b: a / b")
    return insert(notebook, "", "this cell: no Python")


def among_answers():
    """A helper in the cell of an answer that never ends; a table filled by a loop; an experiment below changes it."""
    half = SOLUTION[CROSSOVER].replace("return latency", "return 2 * half() * latency")
    endless = "def half(): return HALF[WAYS]\nwhile True: pass"
    notebook = submission({**SOLUTION, RING: endless, CROSSOVER: half})
    insert(notebook, SERVER, "HALF = {}\nfor k in (1, 2): HALF[k] = 1 / k\nWAYS = 2")
    return insert(notebook, "", "WAYS = 0\nprint(half())")


def below_the_old():
    """A first try stands where the answer belongs, the right one in a new cell below; and it draws and warns."""
    talks = "    from IPython.display import display\n    import logging\n    logging.warning('!')\n    display('?')\n"
    old = {RING: "def ring_all_reduce(network, vectors):\n    return 0", SERVER: f"# {SOLUTION[SERVER]}"}
    notebook = submission({**SOLUTION, **old, HALVING: with_line(HALVING, talks.strip())})
    insert(notebook, HALVING, SOLUTION[RING])
    return insert(notebook, "", SOLUTION[SERVER])


def wrapped():
    """Experiments below the answers: one is timed, a name holds a result, a builtin is hidden, a loop runs on."""
    notebook = submission({**SOLUTION, CROSSOVER: f"{SOLUTION[CROSSOVER]}\nout = crossover(4, 1, 1)\nprint(out)"})
    slow = "import time\nfor trial in range(1000):\n    time.sleep(1)\n    out = trial"
    timed = "plain_ring = ring_all_reduce\ndef ring_all_reduce(*a): return timed(plain_ring, *a)"
    server = "server_all_reduce = server_all_reduce(Network(4), np.ones((4, 2)))\nsum = 0"
    return insert(insert(insert(notebook, "", slow), "", timed), "", server)


def lost(*what):
    """The solution after a journey through other programs."""
    notebook = submission(SOLUTION)
    for cell in notebook.cells:
        for key in what:
            cell[key] = {} if key == "metadata" else "gone"
    return notebook


AVERAGED = f"{SOLUTION[RING]}\nsum_of = ring_all_reduce\nring_all_reduce = lambda n, v: sum_of(n, v) / n.m"
CLASS = {  # a notebook, and the points that it earns
    "solution": (submission(SOLUTION), submitting.RIGHT),
    "stub": (submission({}), {}),
    "half": (submission({SERVER: SOLUTION[SERVER], RING: AVERAGED}), {SERVER: 4}),
    "honest/oddities": (with_oddities(), submitting.RIGHT),
    "honest/lost metadata, another name": (lost("metadata"), submitting.RIGHT),
    "honest/lost ids as well": (lost("metadata", "id"), submitting.RIGHT),
    "honest/helpers": (with_helpers(), submitting.RIGHT),
    "honest/among answers": (among_answers(), {SERVER: 4, HALVING: 7, CROSSOVER: 3}),
    "honest/wrapped": (wrapped(), submitting.RIGHT),
    "honest/below the old": (below_the_old(), submitting.RIGHT),
    "costs itself/syntax, memory": (
        submission({**SOLUTION, RING: "def ring_all_reduce(:", HALVING: with_line(HALVING, "np.ones(1 << 40)")}),
        {SERVER: 4, CROSSOVER: 3},
    ),
    "costs itself/hangs": (submission({**SOLUTION, RING: with_line(RING, "while True: pass")}),
                           {SERVER: 4, HALVING: 7, CROSSOVER: 3}),
    "costs itself/dies, breaks numpy": (
        submission({**SOLUTION, SERVER: "np.array_split = np.log2 = None",
                    HALVING: with_line(HALVING, "__import__('os')._exit(0)")}),
        {RING: 6, CROSSOVER: 3},
    ),
}  # fmt: skip
BROKEN = {
    "broken/cut": (b'{"cells": [', "no readable notebook"),
    "broken/binary": (b"\x89PNG\xff\x00", "no readable notebook"),
    "broken/empty": (b"", "the file is empty"),
    "broken/strange": (b'{"nbformat": 4, "nbformat_minor": 5, "metadata": [], "cells": {}}', "no readable notebook"),
    "broken/another": (nbformat.writes(nbformat.v4.new_notebook()).encode(), "no answer cell"),
}
KNOWN = {submitting.EXERCISE: submitting.REFERENCE}
ANSWER = '=HYPERLINK("x")\n\nA ring\'s words do not grow with m.'


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """The whole class in one zip, graded in one go."""
    source, out = tmp_path_factory.mktemp("handed in") / "class.zip", tmp_path_factory.mktemp("marks")
    [essay] = [c for c in CLASS["half"][0].cells if c.id == WORDS]
    essay.source = ANSWER
    with zipfile.ZipFile(source, "w") as archive:
        for name, (notebook, _) in CLASS.items():
            archive.writestr(f"{name}.ipynb", nbformat.writes(notebook))
        for name, (content, _) in BROKEN.items():
            archive.writestr(f"{name}.ipynb", content)
    found = {s.submission: s for s in grading.grade(ROOT, source, out, seconds=10)}
    return SimpleNamespace(sheets=found, source=source, out=out)


def table(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def row(graded, name):
    return next(r for r in table(graded.out / "grades.csv") if r["submission"] == name)


@pytest.mark.parametrize("name", CLASS)
def test_points(graded, name):
    sheet = graded.sheets[name]
    assert not sheet.fault
    earned = {i: m.points for i, m in sheet.marks.items() if m.points}
    assert earned == CLASS[name][1], sheet.marks


@pytest.mark.parametrize("name", BROKEN)
def test_what_cannot_be_read_is_not_graded_and_has_no_points(graded, name):
    got = row(graded, name)
    assert got["status"].startswith("NOT GRADED") and BROKEN[name][1] in got["status"]
    assert got["points"] == got["total"] == ""
    assert "NOT GRADED" in (graded.out / "feedback" / f"{name}.html").read_text()


@pytest.mark.parametrize(
    "name, question, note",
    [
        ("half", RING, "the sum is divided by m"),
        ("half", HALVING, "not attempted yet"),
        ("costs itself/syntax, memory", RING, "SyntaxError: "),
        ("costs itself/syntax, memory", HALVING, "Unable to allocate"),
        ("costs itself/hangs", RING, "it took too long"),
        ("costs itself/dies, breaks numpy", HALVING, "it ended its own process"),
        ("costs itself/dies, breaks numpy", SERVER, "name 'server_all_reduce' is not defined"),
    ],
)
def test_the_feedback_says_why(graded, name, question, note):
    assert note in graded.sheets[name].marks[question].note


def test_the_table_says_who_earned_what_and_how_it_was_run(graded):
    got = row(graded, "half")
    assert (got["points"], got["of"], got["by hand"], got["by hand of"], got[RING]) == ("4", "20", "", "4", "0")
    assert got["sandbox"] == ("bubblewrap" if sandbox.available() else "UNSANDBOXED")
    assert ("UNSANDBOXED" in grading.summary(graded.sheets.values())) != sandbox.available()


def test_feedback_shows_yours_against_the_reference_and_no_hidden_input(graded):
    page = unescape((graded.out / "feedback" / "half.html").read_text())
    assert "4 of 20 points" in page and "yours over the reference's: result" in page and "image/png" in page
    assert str((graded.out / "private" / "seed").read_text().strip()) not in page and "case 1" not in page
    assert "<img" not in (graded.out / "feedback" / "solution.html").read_text()


def test_gradescopes_results(graded):
    told = json.loads((graded.out / "results" / "half.json").read_text())
    assert told["score"] == 4
    assert {t["name"]: (t["score"], t["max_score"]) for t in told["tests"]}[RING] == (0, 6)
    assert "NOT GRADED" in json.loads((graded.out / "results" / "broken" / "cut.json").read_text())["output"]


def test_the_class_in_one_page_and_in_a_few_lines(graded):
    page = (graded.out / "class.html").read_text()
    assert f"{len(CLASS)} of {len(CLASS) + len(BROKEN)} graded" in page and "data:image/png" in page
    assert "<td>all_reduce-ring<td>8<td>4<td>1<td>2 x it took too long<br>1 x " in page
    said = grading.summary(graded.sheets.values())
    assert "1 x all_reduce-ring: the sum is divided by m" in said and "NOT GRADED broken/cut" in said


def test_hand_marks_are_taken_in_and_stay(graded, monkeypatch):
    """Points in manual.csv count in the next run, which runs nothing again; so they do after --regrade."""
    manual = graded.out / "manual.csv"
    rows = table(manual)
    [mine] = [r for r in rows if r["submission"] == "half"]
    assert (mine["answer"], mine["points"]) == ("'" + ANSWER, "")
    assert mine["rubric"] == submitting.REFERENCE.essays[WORDS].rubric
    mine["points"], mine["comment"] = "2,5", "why twice?"
    with open(manual, "w", newline="", encoding="utf-8-sig") as file:  # as a German spreadsheet saves it
        writer = csv.DictWriter(file, mine, delimiter=";")
        writer.writeheader()
        writer.writerows(rows)
    monkeypatch.setattr(grading, "run", lambda *_: pytest.fail("it is graded already"))
    grading.grade(ROOT, graded.source, graded.out, seconds=10)
    got = row(graded, "half")
    assert (got["by hand"], got["total"], got["total of"]) == ("2.5", "6.5", "24")
    assert "why twice?" in (graded.out / "feedback" / "half.html").read_text()
    monkeypatch.setattr(grading, "run", lambda *_: {})  # --regrade, on a machine that fails
    grading.grade(ROOT, graded.source, graded.out, regrade=True)
    [kept] = [r for r in table(manual) if r["submission"] == "half"]
    assert (kept["points"], kept["comment"]) == ("2.5", "why twice?")
    assert row(graded, "half")["status"].startswith("NOT GRADED: the machinery failed")


OTHERWISE = {  # what may be otherwise in the next run, and decides a grade
    "seconds": lambda patch: {"seconds": 60},
    "hidden inputs": lambda patch: {"seed": 6},
    "second pass": lambda patch: {"trusted": True},
    "sandbox": lambda patch: patch.setattr(sandbox, "available", lambda: not kept_available),
    "a package": lambda patch: patch.setattr(grading, "distributions", list),
    "Python": lambda patch: patch.setattr(grading.sys, "version", "4.0"),
    "the library": lambda patch: patch.setattr(Path, "read_bytes", lambda p: b"" if p.name == "costs.py" else read(p)),
    "the solution": lambda patch: patch.setattr(Path, "read_bytes", lambda p: b"" if p.stem == EXERCISE else read(p)),
    "the submission": lambda patch: {"content": b"{}"},
    "nothing": lambda patch: {},
}
kept_available, read = sandbox.available(), Path.read_bytes


@pytest.mark.parametrize("what", OTHERWISE)
def test_a_kept_grade_counts_as_long_as_nothing_that_decides_it_has_changed(tmp_path, monkeypatch, what):
    runs, file = [], tmp_path / "a.ipynb"
    sheet = {"notebook": EXERCISE, "marks": {CROSSOVER: grading.Mark(3, 3, "right")}}
    monkeypatch.setattr(grading.Grader, "grade", lambda *_: runs.append(1) or grading.Sheet("a", **sheet))
    monkeypatch.setattr(library, "copy", lambda *_: None)
    monkeypatch.setattr(grading, "write", lambda *_: None)
    for change in ("nothing", what):
        settings = {"seconds": 10, "seed": 5, "content": b"{ }", **(OTHERWISE[change](monkeypatch) or {})}
        file.write_bytes(settings.pop("content"))
        grading.grade(ROOT, file, tmp_path / "out", **settings)
    assert len(runs) == 1 + (what != "nothing")


def test_points_that_are_none_are_refused(tmp_path):
    sheet = grading.Sheet("a", notebook=submitting.EXERCISE, words={WORDS: "my answer"})
    grading.sheets.mark_by_hand([sheet], KNOWN, tmp_path / "manual.csv")
    for points in ("5", "-1", "many"):
        text = (tmp_path / "manual.csv").read_text().replace(f",4,{points if points == '4' else ''},", f",4,{points},")
        (tmp_path / points).mkdir()
        (tmp_path / points / "manual.csv").write_text(text)
        with pytest.raises(CourseError, match="is no number from 0 to 4"):
            grading.sheets.mark_by_hand([sheet], KNOWN, tmp_path / points / "manual.csv")


def test_marks_come_back_whoever_was_marked_and_whatever_saved_them(tmp_path):
    words = "my answer\u2028goes on" + "." * 200_000
    sheet = grading.Sheet("-ada", notebook=submitting.EXERCISE, words={WORDS: words})
    path = tmp_path / "manual.csv"
    grading.sheets.mark_by_hand([sheet], KNOWN, path)
    path.write_text(path.read_text().replace(",4,,,", ",4,3,gr\xfcndlich,"))
    grading.sheets.mark_by_hand([sheet], KNOWN, path)
    assert (sheet.by_hand[WORDS].points, sheet.by_hand[WORDS].note) == (3, "gr\xfcndlich")
    path.write_bytes(path.read_text().encode("cp1252", errors="replace"))
    grading.sheets.mark_by_hand([sheet], KNOWN, path)
    assert (sheet.by_hand[WORDS].points, sheet.by_hand[WORDS].note) == (3, "gr\xfcndlich")


def test_a_changed_answer_is_marked_as_changed(tmp_path):
    path = tmp_path / "manual.csv"
    first, second = (grading.Sheet("a", notebook=submitting.EXERCISE, words={WORDS: w}) for w in ("one", "two"))
    grading.sheets.mark_by_hand([first], KNOWN, path)
    path.write_text(path.read_text().replace(",4,,,", ",4,3,,"))
    grading.sheets.mark_by_hand([second], KNOWN, path)
    assert table(path)[0]["remark"] == grading.sheets.CHANGED and second.by_hand[WORDS].points == 3
    grading.sheets.mark_by_hand([], KNOWN, path)
    assert table(path)[0]["points"] == "3"  # not in this run, not lost


@pytest.mark.parametrize("verb, example", [
    ("build", "build 06 --student Ada"), ("check", "check exercises/02_compression.ipynb"),
    ("grade", "grade submissions.zip --out marks --regrade"), ("selftest", "selftest 01"),
])  # fmt: skip
def test_each_verb_teaches_by_examples(verb, example, capsys):
    with pytest.raises(SystemExit, match="0"):
        main([verb, "--help"])
    said = capsys.readouterr().out
    assert example in said and len(said) > 500


def test_grading_on_the_command_line(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    (tmp_path / "a.ipynb").write_text("{")
    assert main(["grade", str(tmp_path / "a.ipynb"), "--out", str(tmp_path / "marks")]) == 0
    said = capsys.readouterr().out
    assert "0 of 1 graded" in said and "NOT GRADED a: this is no readable notebook" in said
    made = {p.relative_to(tmp_path / "marks").as_posix() for p in (tmp_path / "marks").rglob("*.*")}
    assert made == {"grades.csv", "manual.csv", "class.html", "feedback/a.html", "results/a.json"}
    assert main(["grade", str(tmp_path / "b"), "--out", str(tmp_path / "marks")]) == 1


# What comes in


def names(source):
    return {e.name: (e.student, e.number, e.fault) for e in incoming.entries(source)}


def zipped(files):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def test_moodle_and_canvas_names(tmp_path):
    (tmp_path / "all.zip").write_bytes(
        zipped({
            "Ada Lovelace_123_assignsubmission_file_/01.ipynb": "{}",
            "Ada Lovelace_123_assignsubmission_file_/notes.txt": "x",
            "Emmy Noether_124_assignsubmission_file_01.ipynb": "{}",
            "Carl Gauss_125_assignsubmission_file_/work.zip": zipped({"deep/01.ipynb": "{}", "__MACOSX/._1": ""}),
            "Leonhard Euler_126_assignsubmission_file_/answers.pdf": "x",
            "Sofja_127_assignsubmission_file_/broken.zip": "PK no zip",
            "turingalan_LATE_4711_4712_01_all_reduce-1.ipynb": "{}",
            "hoppergrace_4713_4714_01_all_reduce.ipynb": "{}",
            "../../etc/evil.ipynb": "{}",
            "dir/.ipynb_checkpoints/01-checkpoint.ipynb": "{}",
        })
    )  # fmt: skip
    found = names(tmp_path / "all.zip")
    assert found == {
        "Ada Lovelace_123_assignsubmission_file_/01": ("Ada Lovelace", "123", ""),
        "Emmy Noether_124_assignsubmission_file_01": ("Emmy Noether", "124", ""),
        "Carl Gauss_125_assignsubmission_file_/work/deep/01": ("Carl Gauss", "125", ""),
        "Leonhard Euler_126_assignsubmission_file_/answers":
            ("Leonhard Euler", "126", "no notebook, but Leonhard Euler_126_assignsubmission_file__answers.pdf"),
        "Sofja_127_assignsubmission_file_/broken": ("Sofja", "127", "this file cannot be read: BadZipFile"),
        "turingalan_LATE_4711_4712_01_all_reduce-1": ("turingalan", "4711", ""),
        "hoppergrace_4713_4714_01_all_reduce": ("hoppergrace", "4713", ""),
        "etc/evil": ("etc/evil", "", ""),
    }  # fmt: skip


def test_a_folder_and_one_file(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b.ipynb").write_text("{}")
    (tmp_path / "a" / "read me.txt").write_text("nobody's submission")
    assert names(tmp_path) == {"a/b": ("a/b", "", "")}
    assert names(tmp_path / "a" / "b.ipynb") == {"b": ("b", "", "")}
    with pytest.raises(CourseError, match="no notebooks in"):
        incoming.entries(tmp_path / "a" / "read me.txt")


def test_a_zip_that_claims_to_be_huge_is_not_unpacked(tmp_path):
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.ipynb", b" " * (incoming.LARGEST + 1))
    assert "larger than 20 MB" in names(tmp_path / "bomb.zip")["a"][2]


@pytest.mark.parametrize("name", ["課" * 100, "/".join(["deep" * 20] * 60), "-ada", "1.html/2"], ids=range(4))
def test_a_page_can_be_written_whatever_it_is_called(tmp_path, name):
    files = {f"{name}.ipynb": b"{", "1.ipynb": b"{"}
    (tmp_path / "class.zip").write_bytes(zipped(files))
    sheets = [grading.Sheet(name, fault="no notebook") for name in names(tmp_path / "class.zip")]
    (tmp_path / "out").mkdir()
    grading.write(sheets, tmp_path / "out")
    assert len(list((tmp_path / "out" / "feedback").rglob("*.html"))) == 2


def test_a_file_that_a_system_renamed_is_told(tmp_path):
    (tmp_path / "01.ipynb.txt").write_text("{}")
    assert "no notebook" in names(tmp_path)["01.ipynb"][2]


# What is taken of a notebook


def test_an_essay_may_go_on_in_cells_below():
    notebook = submission({})
    ids = [c.id for c in notebook.cells]
    text, code = nbformat.v4.new_markdown_cell, nbformat.v4.new_code_cell
    own = [text("My own words."), code("print('as here')"), text("And more.")]
    below = ids.index(WORDS) + 1
    notebook.cells[below:below] = [nbformat.from_dict({**cell, "id": f"new-{k}"}) for k, cell in enumerate(own)]
    read = submissions.read(nbformat.writes(notebook).encode("utf-16"))  # as some editors save it
    assert submissions.essays(read, submitting.REFERENCE) == {WORDS: "My own words.\n\nAnd more."}
    as_it_was = submissions.read(b"\xef\xbb\xbf" + nbformat.writes(submission({})).encode())
    assert submissions.essays(as_it_was, submitting.REFERENCE) == {WORDS: ""}


def test_only_definitions_that_are_needed_are_taken():
    cells = [
        "import math, os\nfor k in range(3): print(k)",
        "%timeit 1\nfrom numpy import *",
        "def helper(x):\n    return other(x) + C",
        "broken(",
        "C = 1\nC += 1\nunused = run_for_hours()",
        "try:\n    import fast as other\nexcept ImportError:\n    other = math.sqrt",
    ]
    wanted = definitions.uses("def answer(x, k):\n    unused = 1\n    return helper(x) + k + unused")
    taken = "\n".join(definitions.needed(cells, wanted))
    assert "def helper" in taken and "C += 1" in taken and "import fast" in taken and "import math" in taken
    assert "from numpy import *" in taken
    assert not any(word in taken for word in ("print", "timeit", "broken", "run_for_hours"))


NESTED = "a = " + "f(" * 150 + "x" + " for x in y)" * 150  # can be read once, but what is written of it cannot


@pytest.mark.parametrize(
    "text",
    ["%x\n" * 6000, "!ls\n" * 600, "-" * 50_000 + "1", "(" * 5000, "\x00", "a." * 20_000 + "b", "%%", "lambda:" * 3000],
)
def test_a_text_that_breaks_parsers_defines_nothing(text):
    assert definitions.needed([text], {"answer"}) == [] and definitions.binds(text) == set()
    assert definitions.helpers(text) == [] and definitions.helpers(NESTED) is not None


def test_no_reference_and_no_wrong_answer_is_in_the_library_that_answers_meet():
    questions = [q for module in modules() for q in module.QUESTIONS]
    kept = library.reached([f for q in questions for f in (q.inputs, q.measure)])
    for question in questions:
        assert not {question.reference, *question.wrong.values()} & kept


def test_the_check_warns_of_a_call_that_fails_when_graded():
    def borrows(network, vectors):
        from course_lib import collectives

        return collectives.ring(network, vectors)

    said = repr(check(RING, borrows))
    assert "course_lib.collectives.ring is not there while you are graded" in said
    assert "while you are graded" not in repr(check(CROSSOVER, lambda m, latency, seconds: np.log2(m)))


def test_alone_an_answer_meets_the_solutions_of_earlier_answers_that_it_calls_and_no_others():
    """A later solution may hold an earlier one's."""
    reference = submitting.REFERENCE.ready()
    for grade_id, called, met in ((RING, "server_all_reduce", True), (RING, "crossover", False), (RING, "abs", False)):
        book = submissions.alone(reference, grade_id, [f"def ring_all_reduce(n, v): return {called}(n, v)"])
        assert any(f"def {called}" in cell.source for cell in book.cells) == met
        assert sum("def " in cell.source for cell in book.cells) == 1 + met


# Private sets and personal variants


def test_private_inputs_are_others_and_the_same_for_the_same_seed():
    question = find(CROSSOVER)
    public, mine, again, hers = (hidden_seed(question, p) for p in ((), (1,), (1,), (1, masters.number("Ada"))))
    assert public < 100 and mine == again and len({public, mine, hers}) == 3
    assert buckets(question, question.reference, mine) != buckets(question, question.reference, public)


def test_what_a_public_reference_prints_is_what_the_grader_expects():
    """The grader computes what is expected; nbval of the executed solution compares with what the kernel printed."""
    solved = nbformat.read(ROOT / "solutions" / "exercises" / f"{submitting.EXERCISE}.ipynb", as_version=4)
    expected = submissions.references(ROOT)[submitting.EXERCISE].ready().tests
    for cell in solved.cells:
        if "course" in cell.metadata:
            test = expected[cell.metadata.course.question]
            assert (test.source, test.outputs[0].text) == (cell.source, cell.outputs[0].text)


MASTER = """\
# %% personal=true
import numpy as np
from course_lib.grading import check
print(np.random.default_rng(0).integers(10**6))

# %% answer="all_reduce-crossover"
def crossover(m, latency, seconds_per_word):
    ### BEGIN SOLUTION
    rounds_more = 2 * (m - 1) - np.log2(m)
    return latency * rounds_more / (seconds_per_word * (np.log2(m) - 2 * (m - 1) / m))
    ### END SOLUTION
"""


@pytest.fixture(scope="module")
def variants(tmp_path_factory):
    """A course of one homework, with its own notebooks, a private set and Ada's."""
    root = tmp_path_factory.mktemp("course")
    (root / "solutions" / "exercises").mkdir(parents=True)
    (root / "solutions" / "exercises" / "90_small.py").write_text(MASTER)
    for edition in ({}, {"seed": 5}, {"student": "Ada"}):
        building.build(root, **edition)
    return root


def outputs(path):
    cells = nbformat.read(path, as_version=4).cells
    return [o.text for c in cells if c.cell_type == "code" for o in c.outputs]


def test_a_private_set_has_other_hidden_inputs_and_the_same_data(variants):
    data, hidden = outputs(variants / "solutions" / "exercises" / "90_small.ipynb")
    private = outputs(variants / "private" / "solutions" / "exercises" / "90_small.ipynb")
    assert private[0] == data and private[1] != hidden
    assert not (variants / "private" / "exercises").exists()


def test_a_variant_has_its_own_data_and_is_graded_against_its_own_reference(variants, tmp_path):
    own = [variants / "exercises" / "90_small.ipynb", variants / "private" / "Ada" / "exercises" / "90_small.ipynb"]
    data, hers = (outputs(path) for path in own)
    assert data != hers
    notebook = nbformat.read(own[1], as_version=4)
    assert notebook.metadata.course.student == "Ada"
    [solution] = submissions.references(variants).values()
    next(c for c in notebook.cells if c.id == CROSSOVER).source = solution.answers[CROSSOVER]
    nbformat.write(notebook, tmp_path / "hers.ipynb")
    [sheet] = grading.grade(variants, tmp_path / "hers.ipynb", tmp_path / "out", seed=5)
    assert (sheet.variant, sheet.points, sheet.of) == ("Ada", 3, 3)


def test_a_students_name_leads_nowhere_else(variants):
    with pytest.raises(CourseError, match="becomes a folder's"):
        building.build(variants, student="../Ada")
