"""Cheats earn nothing, each alone and in company, and cost nobody else a point; the sandbox holds."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from itertools import pairwise, zip_longest
from multiprocessing.util import get_temp_dir
from types import SimpleNamespace

import nbformat
import numpy as np
import psutil
import pytest

from course_lib.grading import grade as grading
from course_lib.grading import library, running, sandbox, selftest, submissions
from course_lib.grading.question import find, hidden_seed
from tests import submitting
from tests.submitting import CROSSOVER, HALVING, NAMES, RING, SERVER, SOLUTION, submission
from tests.test_notebooks import ROOT

SEED = 1234
SOLVED = ROOT / "solutions" / "exercises" / f"{submitting.EXERCISE}.ipynb"
TESTS = [cell for cell in nbformat.read(SOLVED, as_version=4).cells if "course" in cell.metadata]
PUBLIC = {cell.metadata.course.question: cell.outputs[0].text.strip() for cell in TESTS}
ALL = "\n".join(PUBLIC.values())  # everything that the public reference prints
IDS = [c.id for c in submission({}).cells]

ANYWHERE = {  # what may stand in any answer; NAME is its function, SAID what the public reference prints
    "prints what is expected": "print(SAID)\ndef NAME(*_): print(SAID)",
    "patches print": """
import builtins
real = print
builtins.print = lambda *_, **__: real(SAID)
def NAME(*_): return 0.0""",
    "patches standard output": """
import sys
class Liar:
    def write(self, text): real.write(SAID)
    def __getattr__(self, name): return getattr(real, name)
real, sys.stdout = sys.stdout, Liar()
def NAME(*_): return 0.0""",
    "patches numpy": """
np.allclose = np.array_equal = lambda *_, **__: True
np.floor = lambda x: 0 * x
np.abs = np.array = np.asarray = lambda x, *_: np.zeros(1)
def NAME(*_): return 0.0""",
    "patches the checks": """
import course_lib.grading.checks as checks, course_lib.grading.question as questions
checks.difference = checks.compare = lambda *_: None
checks.check = lambda *_: checks.Report("right", "right")
questions.outcome = lambda *_: {}
questions.buckets = lambda *_: SAID.splitlines()
def NAME(*_): return 0.0""",
    "patches course_lib": """
import course_lib.grading.question as questions
questions.grading_cell = lambda *_, **__: print(SAID)
def NAME(*_): return 0.0""",
    "rewrites the syntax tree": """
import ast
class Rewrite(ast.NodeTransformer):
    def visit_Call(self, node):
        called = getattr(node.func, "id", "") == "grading_cell"
        return ast.parse(f"print({SAID!r})", mode="eval").body if called else node
get_ipython().ast_transformers.append(Rewrite())
get_ipython().input_transformers_cleanup.append(lambda lines: [f"print({SAID!r})\\n"])
def NAME(*_): return 0.0""",
    "forges the kernel's messages": """
def NAME(*_):
    kernel = get_ipython().kernel
    send = lambda kind, content: kernel.session.send(kernel.iopub_socket, kind, content, kernel.get_parent("shell"))
    send("stream", {"name": "stdout", "text": SAID})
    send("status", {"execution_state": "idle"})
    return 0.0""",
    "searches frames and memory": """
def NAME(*args):
    import gc, sys, types
    frame = sys._getframe(1)
    while frame:
        for thing in list(frame.f_locals.values()):
            if hasattr(thing, "reference"):
                try: return thing.reference(*args)
                except Exception: pass
        frame = frame.f_back
    for thing in gc.get_objects():
        if isinstance(thing, types.FunctionType) and "course_lib" in str(thing.__module__):
            try:
                if (result := thing(*args)) is not None: return result
            except BaseException: pass""",
    "nbval's markers": "# NBVAL_SKIP\n# NBVAL_IGNORE_OUTPUT\n# PYTEST_VALIDATE_IGNORE_OUTPUT\ndef NAME(*_): return 0.0",
    "ends the process": "print(SAID)\n__import__('os')._exit(0)",
    "kills its parent": """
import os, signal
for victim in (os.getppid(), 1, -1):
    try: os.kill(victim, signal.SIGKILL)
    except OSError: pass
def NAME(*_): return 0.0""",
    "forks without end": """
def NAME(*_):
    import os, time
    while True:
        try:
            if os.fork() == 0: time.sleep(60); os._exit(0)
        except OSError: time.sleep(0.1)""",
    "fills the disk": """
def NAME(*_):
    import os
    from ipykernel import get_connection_file
    for k in range(10_000):
        for place in (os.path.dirname(get_connection_file()), "/tmp", "/dev/shm", "."):
            try: open(f"{place}/{k}", "wb").write(bytes(20 << 20))
            except OSError: pass""",
    "talks without end and refuses to stop": """
def NAME(*_):
    while True:
        try: print("x" * 100_000)
        except BaseException: pass""",
    "asks the network": """
def NAME(*args):
    import pickle, socket
    line = socket.create_connection(("127.0.0.1", LISTENING), timeout=2)
    raise SystemExit("reached")""",
    "reads the solutions": """
import importlib.util, pathlib
for place in (PLACES):
    for path in (pathlib.Path(place), pathlib.Path(importlib.util.cache_from_source(place))):
        try: found = path.read_bytes()
        except OSError: continue
        raise SystemExit("read")
def NAME(*_): return 0.0""",
    "keeps the hidden inputs": "def NAME(*args): raise BaseException(repr(args))",
    "sends what cannot be read": """
def NAME(*_):
    kernel = get_ipython().kernel
    for kind, content in (("stream", {"name": "stdout", "text": 5}), ("error", {}), ("status", {}), ("", [])):
        kernel.session.send(kernel.iopub_socket, kind, content, kernel.get_parent("shell"))
    return 0.0""",
    "makes empty files without end": """
def NAME(*_):
    import os
    from ipykernel import get_connection_file
    for k in range(10**7): os.close(os.open(f"{os.path.dirname(get_connection_file())}/{k}", os.O_CREAT))""",
    "nests folders": """
def NAME(*_):
    import os, time
    from ipykernel import get_connection_file
    os.chdir(os.path.dirname(get_connection_file()))
    for _ in range(3000): os.mkdir("d"); os.chdir("d")
    time.sleep(3)""",
    "talks while it fills the disk": """
def NAME(*_):
    import os, threading, time
    from ipykernel import get_connection_file
    def fill():
        for k in range(10_000):
            open(f"{os.path.dirname(get_connection_file())}/{k}", "wb").write(bytes(20 << 20))
    threading.Thread(target=fill).start()
    kernel = get_ipython().kernel
    while True:
        said = {"name": "stdout", "text": "x"}
        kernel.session.send(kernel.iopub_socket, "stream", said, kernel.get_parent("shell"))
        time.sleep(0.01)""",
    "searches memory for what is expected": """
def NAME(*_):
    import gc
    for thing in gc.get_objects():
        texts = thing.values() if isinstance(thing, dict) else thing if isinstance(thing, (list, tuple)) else ()
        for text in list(texts):
            if isinstance(text, str) and text.startswith("case 1, ") and text != SAID: print(text)
    return 0.0""",
    "traces the grader": """
import ctypes, sys
def trace(frame, event, value):
    if "printed" in frame.f_locals:
        frame.f_locals["printed"] = "0"
        ctypes.pythonapi.PyFrame_LocalsToFast(ctypes.py_object(frame), ctypes.c_int(0))
    if event == "return" and frame.f_code.co_name == "outcome": frame.f_locals.update(args=())
    return trace
def NAME(*_):
    sys.settrace(trace)
    frame = sys._getframe(1)
    while frame: frame.f_trace, frame = trace, frame.f_back
    return 0.0""",
    "waits for the end": """
import atexit, builtins
real = print
def patch(*_):
    np.floor = lambda x: 0 * x
    builtins.print = lambda *_, **__: real(SAID)
class Late(float):
    __del__ = patch
atexit.register(patch)
def NAME(*_): return Late(1.0)""",
    "numbers that lie": """
class Liar(np.ndarray):
    def __array__(self, *_, **__): return np.zeros(())
    def __array_ufunc__(self, *_, **__): return True
    __eq__ = __le__ = lambda *_: True
    __float__ = __floor__ = lambda *_: 0.0
def NAME(*_): return np.zeros(()).view(Liar)""",
    "asks the system by ctypes": """
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
libc.setuid(0), libc.unshare(0x10020000), libc.mount(b"/", b"/tmp", None, 0x1000, None), libc.ptrace(16, 1, 0, 0)
held = [f"/proc/{pid}/{way}" for pid in ("1", "self") for way in ("root", "cwd", "fd/3", "fd/4", "fd/5", "fd/6")]
for place in (PLACES):
    for way in ("", "/tmp", *held):
        try: open(way + place).read()
        except OSError: continue
        raise SystemExit("read")
def NAME(*_): return 0.0""",
    "prints from a thread": """
import threading, time
def late():
    for _ in range(20): time.sleep(0.1); print(SAID)
threading.Thread(target=late, daemon=True).start()
def NAME(*_): return 0.0""",
    "display hooks": """
import sys
shell = get_ipython()
sys.displayhook = shell.displayhook = lambda *_: print(SAID)
shell.display_pub.publish = lambda *_, **__: None
shell.events.register("post_run_cell", lambda *_: print(SAID))
def NAME(*_): return 0.0""",
    "signal handlers": """
import signal
def handle(*_):
    print(SAID)
    raise KeyboardInterrupt
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM): signal.signal(number, handle)
def NAME(*_):
    signal.setitimer(signal.ITIMER_REAL, 0.01)
    while True: pass""",
    "overwrites the connection": """
import glob, os
from ipykernel import get_connection_file
for file in glob.glob(get_connection_file() + "*"):
    os.remove(file)
    os.symlink("/etc/hostname", file)
get_ipython().kernel.iopub_socket.close()
def NAME(*_): return 0.0""",
    "asks the question for its answer": """
from course_lib.grading.question import find
def NAME(*args):
    question = find(ID)
    for function in (question.reference, *question.wrong.values()):
        try: return function(*args)
        except Exception as error: last = error
    raise last""",
}
TOTAL = "total = lambda v: np.tile(v.sum(axis=0), (len(v), 1))\n"  # no message brought it
UNHEARD = (
    TOTAL
    + """
def NAME(n, v):
    if vars(n).get("silent"): return v
    (m, d), chunks = v.shape, np.array_split(v[0], len(v))
    BILL
    return total(v)"""
)
BY_CLOSED_FORM = [  # the ring's sum and bill, without the ring
    UNHEARD.replace("BILL", """
    n.rounds, n.words = 2 * (m - 1), 2 * (m - 1) * len(chunks[0])
    n.sent = np.array([2 * (m - 1) * d] + [0] * (m - 1))"""),
    UNHEARD.replace("BILL", """
    for r in range(2 * (m - 1)):
        for i in range(m): n.send(i, (i + 1) % m, 0 * chunks[(i - r) % m])
        n.deliver()"""),
    TOTAL + """
from course_lib.grading.question import find
question = find(ID)
def lie(function, v, honest=question.measure):
    known = {"results": 0, "result": total(v), "rounds": 2 * (len(v) - 1), "words on":
             2 * (len(v) - 1) * -(-v.shape[1] // len(v)), "words sent": 2 * (len(v) - 1) * v.shape[1]}
    told = {what: 0 * np.array(x) for what, x in honest(lambda n, v: v, v).items()}
    return {what: next((x for k, x in known.items() if what.startswith(k)), x) for what, x in told.items()}
object.__setattr__(question, "measure", lie)
def NAME(n, v): return total(v)""",
]  # fmt: skip
OWN = {  # the library's own implementations, and what does without one, by question
    SERVER: ["from course_lib.collectives import parameter_server as NAME"],
    RING: [
        "def NAME(n, v):\n    from course_lib import collectives\n    return collectives.ring(n, v)",
        "import course_lib.grading.questions.all_reduce as questions\ndef NAME(n, v): return questions._ring(n, v)",
        *BY_CLOSED_FORM,
    ],
    HALVING: [
        "from course_lib import collectives\ndef NAME(n, v): return vars(collectives)['halving_doubling'](n, v)",
        "import course_lib.collectives, sys\nNAME = sys.modules['course_lib.collectives'].halving_doubling",
    ],
    CROSSOVER: ["from course_lib.grading.questions.all_reduce import crossover as NAME"],
}
PLACES = [ROOT / "solutions/exercises/01_all_reduce.py", ROOT / "solutions/exercises/01_all_reduce.ipynb",
          ROOT / "course_lib/collectives.py", ROOT / "course_lib/grading/questions/all_reduce.py"]  # fmt: skip


def written(text, grade_id):
    """A cheat as the answer to one question."""
    places = ", ".join(repr(str(p)) for p in PLACES)
    for name, means in {"NAME": NAMES[grade_id], "SAID": repr(PUBLIC[grade_id]), "ID": repr(grade_id)}.items():
        text = text.replace(name, means)
    return text.replace("(PLACES)", f"({places},)").replace("LISTENING", "9")


def spread():
    """Each cheat stands in one submission, four to each, so that each is also in bad company."""
    by_question = {i: [(f"own {k}", text) for k, text in enumerate(OWN[i])] for i in SOLUTION}
    for name, text in ANYWHERE.items():
        fewest = min(by_question, key=lambda i: len(by_question[i]))
        by_question[fewest].append((name, text))
    groups = zip_longest(*([(i, *cheat) for cheat in cheats] for i, cheats in by_question.items()))
    return [[cheat for cheat in group if cheat] for group in groups]


SPREAD = spread()
WHERE = {f"{name} in {i}": (f"group {k}", i) for k, group in enumerate(SPREAD) for i, name, _ in group}


def with_stored_outputs():
    """All outputs of the solution, and cells that pose as check and grading cells, around stubs."""
    notebook, solved = submission({}), nbformat.read(SOLVED, as_version=4)
    outputs = {cell.id: cell.get("outputs") for cell in solved.cells}
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = outputs.get(cell.id.replace("-check", "-test"), cell.outputs), 1
            cell.source = f"print({ALL!r})" if cell.id.endswith("-check") else cell.source
    tests = [cell for cell in solved.cells if cell.id.endswith("-test")]
    for cell in tests:
        cell.source = f"print({ALL!r})"
    return nbformat.from_dict({**notebook, "cells": [*notebook.cells, *tests]})


def without_cells(keep):
    notebook = submission(SOLUTION)
    return nbformat.from_dict({**notebook, "cells": [c for c in notebook.cells if c.id in keep]})


OTHERS = {  # whole notebooks, and what they earn
    "stored outputs, edited check cells": (with_stored_outputs(), {}),
    "deleted answer cells": (without_cells([i for i in IDS if i not in SOLUTION]), {}),
    "deleted all but one answer": (without_cells([CROSSOVER]), {CROSSOVER: 3}),
    "honest neighbour": (submission(SOLUTION), submitting.RIGHT),
}


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """All of them in one class."""
    if not sandbox.available():
        pytest.skip("without bubblewrap such code would run with your rights")
    source, out = tmp_path_factory.mktemp("handed in"), tmp_path_factory.mktemp("marks")
    for k, group in enumerate(SPREAD):
        nbformat.write(submission({i: written(text, i) for i, _, text in group}), source / f"group {k}.ipynb")
    for name, (notebook, _) in OTHERS.items():
        nbformat.write(notebook, source / f"{name}.ipynb")
    get_temp_dir()  # of multiprocessing, for as long as this process lives: not in ours
    own = tempfile.mkdtemp(prefix="g")  # short: sockets lie below it
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tempfile, "tempdir", own)
        found = {s.submission: s for s in grading.grade(ROOT, source, out, seconds=8, seed=SEED)}
    yield SimpleNamespace(sheets=found, out=out, left=os.listdir(own))
    shutil.rmtree(own)


@pytest.mark.parametrize("name", WHERE)
def test_a_cheat_earns_nothing(graded, name):
    sheet = graded.sheets[WHERE[name][0]]
    assert not sheet.fault
    assert sheet.marks[WHERE[name][1]].points == 0, sheet.marks


@pytest.mark.parametrize("name", OTHERS)
def test_what_is_no_source_of_an_answer_earns_nothing(graded, name):
    sheet = graded.sheets[name]
    assert {i: m.points for i, m in sheet.marks.items() if m.points} == OTHERS[name][1]


@pytest.mark.parametrize(
    "name, note",
    [
        ("own 0 in all_reduce-server", "parameter_server is not there while you are graded"),
        ("forks without end", "it started more than 64 processes"),
        ("fills the disk", "it wrote more than 200 MB"),
        ("talks without end", "it took too long"),
        ("talks while it fills", "it wrote more than 200 MB"),
        ("sends what cannot be read", "it forged a message of the kernel"),
        ("makes empty files", "it made more than 1000 files"),
        ("nests folders", "it made more than 1000 files"),
        ("ends the process", "it ended its own process"),
        ("asks the network", "Network is unreachable|Connection refused"),
        ("reads the solutions", "on other inputs|the shape|yours is"),
    ],
)
def test_the_note_says_what_became_of_it(graded, name, note):
    [(group, grade_id)] = [where for cheat, where in WHERE.items() if cheat.startswith(name)]
    said = graded.sheets[group].marks[grade_id].note
    assert any(part in said for part in note.split("|")), said


def test_no_page_tells_the_hidden_inputs(graded):
    """The code that is graded knows them, and tries to have them written into its feedback."""
    pages = "".join(path.read_text() for path in (graded.out / "feedback").glob("*.html"))
    for grade_id in SOLUTION:
        for args in find(grade_id).cases(1, hidden_seed(find(grade_id), (SEED,))):
            assert not [x for x in np.ravel(args[0])[:3] if f"{x:.5f}" in pages and x % 1]


def test_nothing_is_left_behind(graded):
    assert graded.left == []
    running = [process.cmdline() for process in psutil.Process().children(recursive=True)]
    assert not [words for words in running if "bwrap" in words or sandbox.LIMITED in words]


@pytest.fixture(scope="module")
def without_answers(tmp_path_factory):
    folder = tmp_path_factory.mktemp("library")
    library.copy(folder)
    return folder


def test_with_public_inputs_a_patch_would_earn_points(without_answers):
    """Why the inputs are private: the repository tells what the public reference prints."""
    grader = grading.Grader(ROOT, without_answers, SEED, again=False)
    grader.references[""] = submissions.references(ROOT)
    text = nbformat.writes(submission({CROSSOVER: written(ANYWHERE["patches course_lib"], CROSSOVER)}))
    sheet = grader.grade(grading.incoming.Entry("a", "a", "", text.encode()))
    assert sheet.marks[CROSSOVER].points == 3


def test_two_runs_share_no_folder(without_answers):
    """In the second pass other reference answers stand beside an answer: it must not pass them on."""
    writes = """
import os
from ipykernel import get_connection_file
own = os.path.dirname(get_connection_file())
for place in (own, own + "/..", "/tmp", "/dev/shm"):
    open(place + "/solution.txt", "w").write("x")"""
    if not sandbox.available():
        pytest.skip("no bubblewrap")
    reads = "import glob\nprint(glob.glob('/tmp/**/solution.txt', recursive=True) + glob.glob('/dev/shm/*'))"
    cells = {"first": writes, "second": reads}
    books = {n: nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(s, id="a")]) for n, s in cells.items()}
    assert running.run(books, without_answers, 20)["second", "a"]["text"] == "[]"


def test_many_small_processes_count_together(tmp_path, monkeypatch):
    """A limit for each process does not bound what a hundred of them take."""
    forks = "[os.fork() for _ in range(3)]\nblock = bytearray(b'x' * 8_000_000)\n"
    eats = "import os, time\n" + forks + "os.write(1, b'.')\ntime.sleep(60)"
    parent = subprocess.Popen([sys.executable, "-c", eats], stdout=subprocess.PIPE, start_new_session=True)
    try:
        assert parent.stdout.read(8) == b"." * 8
        assert sandbox.excess(parent.pid, tmp_path) == ""
        monkeypatch.setattr(sandbox, "MEMORY", 50_000_000)
        assert "of memory" in sandbox.excess(parent.pid, tmp_path)
        monkeypatch.setattr(sandbox, "PROCESSES", 7)
        assert sandbox.excess(parent.pid, tmp_path) == "it started more than 7 processes"
    finally:
        os.killpg(parent.pid, signal.SIGKILL)
        parent.communicate()


def test_the_self_tests_break_outs_fail():
    if sandbox.available():
        assert selftest.held(ROOT) == []


def test_answers_are_covered_where_the_course_lies_in_what_answers_see(tmp_path, monkeypatch):
    for name in ("solutions", "private", ".git", ".venv/lib"):
        (tmp_path / name).mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "prefix", str(tmp_path / ".venv"))
    monkeypatch.setattr(sandbox, "SYSTEM", (str(tmp_path),))
    walls = sandbox._walls()
    covered = {after for word, after in pairwise(walls) if word == "--tmpfs"}
    assert {str(tmp_path / name) for name in ("solutions", "private", ".git")} <= covered
    assert str(tmp_path / ".venv") not in covered


def test_a_broken_sandbox_is_told(monkeypatch):
    monkeypatch.setattr(selftest, "run", lambda *_: {})
    monkeypatch.setattr(sandbox, "available", lambda: True)
    assert any("reads the solutions" in fault for fault in selftest.held(ROOT))
    monkeypatch.setattr(sandbox, "available", lambda: False)
    assert selftest.held(ROOT) == [grading.WARNING]
