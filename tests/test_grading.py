"""Questions, checks and builds: every known wrong answer is named. Grading itself: test_grade.py, test_cheats.py."""

from types import SimpleNamespace

import nbformat
import numpy as np
import pytest
from nbclient import NotebookClient

from course_lib.errors import CourseError
from course_lib.grading import attempt, building, check, checks, masters, progress, selftest, submissions
from course_lib.grading.__main__ import main
from course_lib.grading.question import Question, buckets, find, hidden_seed, modules
from tests.test_notebooks import ROOT

EXERCISE = "01_all_reduce"
QUESTIONS = [question for module in modules() for question in module.QUESTIONS]
REFERENCES = submissions.references(ROOT)
every_question = pytest.mark.parametrize("question", QUESTIONS, ids=lambda q: q.id)


# Questions


@every_question
def test_the_reference_is_right(question):
    assert checks.difference(question, question.reference) is None
    assert checks.diagnose(question, question.reference) is None


@every_question
def test_each_wrong_answer_differs_and_is_named(question):
    seed = hidden_seed(question)
    right = buckets(question, question.reference, seed)
    for message, wrong in question.wrong.items():
        for attempt_number in range(3):
            assert checks.difference(question, wrong, attempt_number)
            assert checks.diagnose(question, wrong, attempt_number) == message
        assert buckets(question, wrong, seed) != right


@every_question
def test_summing_in_another_order_and_single_precision_keep_the_points(question):
    """Both move a value by far less than the margin that the build keeps from a bucket's edge."""
    rng = np.random.default_rng(0)
    seed = hidden_seed(question)

    def noisy(function, *args):
        measured = question.measure(function, *args)
        return {w: np.asarray(v, float) + 1e-7 * question.size(w) * rng.uniform(-1, 1) for w, v in measured.items()}

    shaken = SimpleNamespace(**{**vars(question), "measure": noisy, "size": question.size, "cases": question.cases})
    assert buckets(shaken, question.reference, seed) == buckets(question, question.reference, seed)


def a_question(**changes):
    settings = {
        "id": "test-square",
        "name": "square",
        "points": 1,
        "inputs": lambda rng: (rng.normal(size=5),),
        "reference": lambda x: x**2,
        "wrong": {"cubed": lambda x: x**3, "doubled": lambda x: 2 * x, "square root": lambda x: np.sqrt(abs(x))},
        "hints": ("multiply", "x * x"),
    }
    return Question(**{**settings, **changes})


def test_what_could_be_guessed_is_refused():
    with pytest.raises(CourseError, match="bits and could be guessed"):
        hidden_seed(a_question(reference=lambda x: x.sum() > 0))


def test_a_value_at_the_edge_of_a_bucket_is_refused():
    edge = 1e-4 * (1 - 0.381966)
    with pytest.raises(CourseError, match="edge"):
        hidden_seed(a_question(reference=lambda x: np.append(x**2, edge)))


def test_a_question_needs_three_wrong_answers():
    with pytest.raises(CourseError, match="three plausible wrong answers, not 1"):
        a_question(wrong={"cubed": lambda x: x**3})


def test_unknown_questions_are_told_what_there_is():
    with pytest.raises(CourseError, match=r"no question 'all_reduce-x' \(all_reduce-server, "):
        find("all_reduce-x")
    with pytest.raises(CourseError, match="no such section"):
        check("nothing-here", abs)


# The student's check


@pytest.fixture
def server():
    checks._failures.clear()
    return find("all_reduce-server")


def stub(network, vectors):
    raise NotImplementedError("not attempted yet")


def test_a_stub_is_not_attempted_and_never_stops_a_run(server, capsys):
    assert check(server.id, stub).state == "blank"
    with attempt():
        stub(None, None)
    assert capsys.readouterr().out == "not attempted yet\n"


def test_help_grows_with_different_attempts(server):
    nudge, worked = server.hints
    first, again, second, third = (
        repr(check(server.id, f))
        for f in (lambda n, v: v, lambda n, v: v, lambda n, v: 2 * v, server.wrong[checks_message(server)])
    )
    assert nudge in first and worked not in first
    assert worked not in again  # the same code is no new attempt
    assert worked in second and "A solution:" not in second
    assert "A solution:" in third and "def parameter_server(" in third
    assert all(checks.PROMISE in said for said in (first, second, third))


def checks_message(question):
    return next(iter(question.wrong))


def test_a_failure_says_what_differs_and_why(server):
    message = checks_message(server)
    said = repr(check(server.id, server.wrong[message]))
    assert "result: yours is" in said and f"Likely cause: {message}" in said


@pytest.mark.parametrize(
    "answer, said",
    [
        (lambda n, v: None, "the function returned nothing"),
        (lambda n, v: "sum", "a str that is no array of numbers"),
        (lambda n, v: v.sum(axis=0), "not one row a worker"),
        (lambda n, v: v / 0 * v[99], "IndexError"),
        (lambda n, v: n.send(0, 0, v[0]), "what it already has costs no message"),
    ],
)
def test_errors_are_told_in_one_line(server, answer, said):
    lines = check(server.id, answer).lines
    assert said in lines[0] and "\n" not in lines[0]


def test_reading_another_workers_memory_is_seen(server):
    """The sum is right and so is the bill, but what was sent was not used."""

    def peeks(network, vectors):
        result = server.reference(network, vectors)
        return np.tile(vectors.sum(axis=0), (len(result), 1))

    assert "no message brought" in checks.difference(server, peeks)


def test_a_right_answer_is_drawn_beside_the_reference(server):
    report = check(server.id, server.reference)
    titles = [ax.get_title() for ax in report.draw().axes]
    assert report.state == "right"
    assert titles[0].removeprefix("reference") == titles[1].removeprefix("yours")


# Building

MASTER = """\
# %%
import numpy as np
from course_lib.grading import attempt, check

# %% answer="all_reduce-crossover"
def crossover(m, latency, seconds_per_word):
    ### BEGIN SOLUTION
    rounds_more = 2 * (m - 1) - np.log2(m)
    return latency * rounds_more / (seconds_per_word * (np.log2(m) - 2 * (m - 1) / m))
    ### END SOLUTION

# %% check="all_reduce-crossover"
check("all_reduce-crossover", crossover)

# %%
with attempt():
    print(crossover(8, 1e-5, 4 / 12.5e9))
"""
ESSAY = """\
# %% [markdown] essay="a-b"
# ### BEGIN SOLUTION
# x
# ### END SOLUTION
"""


@pytest.fixture
def course(tmp_path):
    """A course of one notebook; a function that writes its master."""
    path = tmp_path / "solutions" / "exercises" / "90_small.py"
    path.parent.mkdir(parents=True)
    path.write_text(MASTER)
    return SimpleNamespace(root=tmp_path, master=path, student=tmp_path / "exercises" / "90_small.ipynb")


def test_building_twice_gives_the_same_bytes(course, capsys):
    building.build(course.root)
    made = {p: p.read_bytes() for p in course.root.rglob("*.ipynb")}
    assert len(made) == 2 and building.stale(course.root) == []
    building.build(course.root)
    assert "0 notebooks to build, 2 up to date" in capsys.readouterr().out
    building.build(course.root, force=True)
    assert made == {p: p.read_bytes() for p in made}


def test_a_kernel_that_dies_as_it_starts_is_started_once_more(course, monkeypatch):
    notebook, deaths = building.Job(course.root, course.master, "solved").notebook(), [1]
    start = NotebookClient.async_start_new_kernel_client

    async def start_or_die(self):
        if deaths:
            raise RuntimeError(f"Kernel died before replying to kernel_info, {deaths.pop()} of 1")
        return await start(self)

    monkeypatch.setattr(NotebookClient, "async_start_new_kernel_client", start_or_die)
    building.execute(notebook, course.student.parent.parent / "here.ipynb")
    assert all(cell.execution_count for cell in notebook.cells if cell.cell_type == "code")
    deaths += [1, 1]
    with pytest.raises(RuntimeError, match="before replying"):
        building.execute(notebook, course.student.parent.parent / "here.ipynb")


def test_a_changed_master_makes_its_notebooks_stale(course, monkeypatch, capsys):
    monkeypatch.chdir(course.root)
    building.build(course.root)
    course.master.write_text(MASTER.replace("print(", "print(2 * "))
    assert main(["build", "--check"]) == 1
    assert "exercises/90_small.ipynb is stale: cell" in capsys.readouterr().out


@pytest.mark.parametrize(
    "old, new, said",
    [
        ("print(crossover(8", "print(corssover(8", r"90_small.ipynb in .*cell .*NameError: name 'corssover'"),
        ("with attempt():", "if True:", "stands under `with attempt"),
        ("print(crossover(8, 1e-5, 4 / 12.5e9))", "print(object())", "memory address"),
    ],
)
def test_a_failing_cell_stops_the_build_and_is_named(course, old, new, said):
    course.master.write_text(MASTER.replace(old, new))
    with pytest.raises(CourseError, match=said):
        building.build(course.root)


@pytest.mark.parametrize(
    "old, new, said",
    [
        ("def crossover(", "def cross(", "must define crossover"),
        ('check("all_reduce-crossover"', 'check("all_reduce-ring"', "must call check"),
        ('answer="all_reduce-crossover"', 'answer="all_reduce-unknown"', "no question"),
        ('# %% answer="all_reduce-crossover"', "# %%", "outside an answer"),
        ("    ### BEGIN SOLUTION\n", "", "needs ### BEGIN SOLUTION inside"),
        ("# %%\nwith", ESSAY + "\n# %%\nwith", "needs points"),
    ],
)
def test_a_master_with_a_slip_is_refused(course, old, new, said):
    course.master.write_text(MASTER.replace(old, new))
    with pytest.raises(CourseError, match=said):
        masters.read(course.master)


def test_without_masters_it_says_where_to_be(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["build"]) == 1
    assert "run this in the course's folder" in capsys.readouterr().err


def test_solutions_earn_everything_and_stubs_nothing():
    """Of all notebooks, as one class."""
    assert selftest.honest(ROOT, [r for r in REFERENCES.values() if r.answers]) == []


def test_a_state_that_its_process_keeps_is_none():
    """Homework 9: the run goes on in another process."""
    kept, question = [], find("fault_tolerance-resume")

    def train(*args, state=None):
        kept.append(question.reference(*args, state=None if state is None else kept[state])[1])
        return kept[-1][0], len(kept) - 1

    def stub(*args, state=None):
        raise NotImplementedError

    assert "list index out of range" in checks.difference(question, train)
    assert "another process" in checks.difference(question, lambda *_, state=None: (0, lambda: 0))
    with pytest.raises(NotImplementedError):
        checks.difference(question, stub)
    assert checks.difference(question, question.reference) is None


def test_wrong_answers_are_named_by_the_grader_too():
    """For one notebook; test_each_wrong_answer_differs_and_is_named sees to the others, without a kernel."""
    assert selftest.wrong(ROOT, [REFERENCES[EXERCISE]]) == []


def test_progress_on_the_command_line(tmp_path, capsys):
    path, reference = tmp_path / "mine.ipynb", REFERENCES[EXERCISE]
    selftest.submit(reference, {"all_reduce-server": reference.answers["all_reduce-server"]}, path)
    assert main(["check", str(path)]) == 0
    said = capsys.readouterr().out
    assert "1 of 4 right in the public checks, 4 of 20 points" in said
    assert "ring_all_reduce (6 points): not attempted yet" in said


def test_progress_of_what_is_no_exercise(tmp_path):
    path = tmp_path / "empty.ipynb"
    nbformat.write(nbformat.v4.new_notebook(), path)
    with pytest.raises(CourseError, match="no answer cell"):
        progress.progress(path)
