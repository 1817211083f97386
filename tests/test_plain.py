"""Open-ended questions: any good answer earns the points, and nothing but a good answer does."""

import re
from inspect import getsource

import nbformat
import numpy as np
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from course_lib.grading import check, checks, sandbox
from course_lib.grading import grade as grading
from course_lib.grading.plain import objection
from course_lib.grading.question import buckets, find, outcome
from course_lib.grading.questions.adaptive import simulate
from tests.test_notebooks import ROOT

SCHEDULE, MINIMISE = find("adaptive-schedule"), find("budget-minimise")

# What is plain

PLAIN = {
    "loops and tables": """
def minimise(cluster):
    x, seen = cluster.start(), {}
    for k in range(cluster.m):
        seen.setdefault(k, []).append(x.copy())
        seen[k][0][0, 0] += 1
    while len(seen) > 2: seen.pop(max(seen))
    try: y = np.linalg.solve(np.eye(2), [1, 2])
    except np.linalg.LinAlgError as error: raise ValueError(f"{x.shape} {error}")
    f = lambda z, *more, factor=2, **others: factor * z
    return np.array([f(z) for row in x if (z := row.max()) > 0], dtype=float).reshape(1, -1)""",
    "imports, constants, helpers": """
import math
import numpy.linalg as la
from math import ceil, sqrt
from numpy import maximum as larger
ROUNDS, HALF = 12, 1 / 2
ROUNDS += 1
LIMITS: tuple = (1.0, -math.inf, ROUNDS * 2)
half = lambda x, by=HALF: x * by
def helper(x: float, y=(1, 2), *, z: "a number" = None) -> float: return half(ceil(sqrt(x)) + la.norm(y))
def minimise(cluster): return larger(helper(cluster.m), LIMITS[0])""",
    "own names for Python's": "def minimise(cluster):\n    input = type = 1\n    return input + type",
    "nested functions": """
def minimise(cluster):
    "The model."
    total = 0
    def more():
        nonlocal total
        total += 1
    more()
    return total""",
}


@pytest.mark.parametrize("name", PLAIN)
def test_what_is_plain(name):
    assert objection(MINIMISE, ["import numpy as np", PLAIN[name]]) == ""


BODIES = {  # a line of the function, and what is named in it
    "().__class__": "`.__class__`",
    "f'{().__class__}'": "`.__class__`",
    "'{0.__class__}'.format(cluster)": "`.format`",
    "'{x.__class__}'.format_map({'x': cluster})": "`.format_map`",
    "np.lib": "`.lib`",
    "np.load('x')": "`.load`",
    "np.empty(3)": "`.empty`",
    "np.ndarray(3)": "`.ndarray`",
    "np.random": "`.random`",
    "np.seterr(all='raise')": "`.seterr`",
    "np.zeros(3).base": "`.base`",
    "np.zeros(3).ctypes": "`.ctypes`",
    "np.add(1, 2, where=False)": "`where` in a call",
    "np.add(1, 2, **{'where': False})": "`**` in a call",
    "getattr(cluster, 'notes')": "`getattr`",
    "[vars(c) for c in [cluster]]": "`vars`",
    "(lambda: open('x'))()": "`open`",
    "In.append(cluster)": "`In`",
    "(In := 1)\n    f = lambda: In\n    Out": "`Out`",
    "get_ipython()": "`get_ipython`",
    "type(cluster)": "`type`",
    "__builtins__": "`__builtins__`",
    "cluster.bill": "`.bill`",
    "cluster.gradient.__self__": "`.__self__`",
    "cluster.mean = np.mean": "change of `.mean`",
    "cluster.m += 1": "change of `.m`",
    "np.maximum: int = 1": "change of `.maximum`",
    "np.e, x = 1, 2": "change of `.e`",
    "del np.exp": "change of `.exp`",
    "for np.maximum in [min]: pass": "change of `.maximum`",
    "[0 for np.maximum in [min]]": "change of `.maximum`",
    "np.__dict__['maximum'] = min": "`.__dict__`",
    "minimise.state = 1": "change of `.state`",
    "with cluster as np.maximum: pass": "`with cluster as np.maximum:`",
    "import os": "`import os`",
    "from os import path": "`from os import path`",
    "global x": "`global x`",
    "class A: pass": "`class A:`",
    "match cluster:\n        case object(__self__=x): pass": "`match cluster:`",
    "async def f(): pass": "`async def f():`",
}


@pytest.mark.parametrize("line", BODIES)
def test_what_is_not_plain_in_a_function(line):
    said = objection(MINIMISE, [f"def minimise(cluster):\n    {line}"])
    assert said.startswith("this question is open-ended, so its answer may use plain NumPy and start, m, d, gradient, ")
    assert said.endswith(f"mean only: no {BODIES[line]}")


OUTSIDE = {  # what stands outside of functions, and what is named in it
    "seen = []": "`[]` outside of a function",
    "seen = ({},)": "`{}` outside of a function",
    "x = np.zeros(3)": "`np.zeros(3)` outside of a function",
    "x: print(1) = 1": "`print(1)` outside of a function",
    "def f(x, seen=[]): pass": "`[]` outside of a function",
    "def f(x, *, seen={}): pass": "`{}` outside of a function",
    "def f(x: print(1)): pass": "`print(1)` outside of a function",
    "def f(x) -> print(1): pass": "`print(1)` outside of a function",
    "f = lambda x, seen=[]: seen": "`[]` outside of a function",
    "f = g = (lambda: [])()": "`(lambda: [])()` outside of a function",
    "for k in range(3): pass": "`for k in range(3):` outside of a function",
    "@print\ndef f(): pass": "decorator",
    "np.maximum = min": "change of `.maximum`",
    "np.maximum = lambda a, b: b": "change of `.maximum`",
    "import os": "`import os`",
    "import numpy.lib as np": "`import numpy.lib`",
    "from math import *": "`import *`",
    "from numpy import load": "`import load`",
    "from numpy.lib import format": "`from numpy.lib import`",
    "from . import math": "`from . import`",
    "def f():\n    '''\n%%bash\n'''\n    return elsewhere": "`elsewhere`",
}


@pytest.mark.parametrize("text", OUTSIDE)
def test_what_is_not_plain_outside_of_functions(text):
    said = objection(SCHEDULE, [text])
    assert said == f"this question is open-ended, so its answer may use plain NumPy only: no {OUTSIDE[text]}"


def test_what_ipython_would_read_otherwise_is_not_plain():
    assert objection(SCHEDULE, ["x = 1\n%time"]).startswith("SyntaxError")
    assert objection(SCHEDULE, [">>> x = 1"]).startswith("SyntaxError")
    assert objection(SCHEDULE, ["x = (", "1)"]).startswith("SyntaxError")
    assert objection(SCHEDULE, ["x = '''\n>>> 1'''"]).endswith("no magic")
    assert objection(SCHEDULE, ["x = 1;"]) == objection(SCHEDULE, ["x = (1)"]) == ""


def test_what_parsers_refuse_is_not_plain():
    assert "Error" in objection(SCHEDULE, ["def schedule(:"])
    assert "Error" in objection(SCHEDULE, ["x = " + "(" * 5000])
    assert "Error" in objection(SCHEDULE, ["def schedule(*_):\n    nonlocal x\n    getattr"])


TABLE, LONGEST = np.array([64, 32]), 64  # as in a notebook


def halved(steps, times):
    return [steps >> time for time in times][-1]


def fine(time, loss, first_loss, K):
    return max(1, *(halved(k, [int(time // 200)]) for k in (LONGEST,)))


def from_a_table(time, loss, first_loss, K):
    return max(1, int(TABLE[0]) >> int(time // 200))


def by_the_reference(time, loss, first_loss, K):
    return vars(SCHEDULE)["reference"](time, loss, first_loss, K)


@pytest.mark.parametrize("function, said", [(from_a_table, "no `TABLE`"), (by_the_reference, "no `SCHEDULE`")])
def test_the_check_says_so(function, said):
    report = check(SCHEDULE.id, function)
    assert report.state == "right" and said in repr(report)
    assert "It earns nothing as it is: this question is open-ended" in repr(report)


def test_the_check_says_nothing_where_there_is_nothing_to_say():
    assert "open-ended" not in repr(check(SCHEDULE.id, fine))


# Telepathy in plain NumPy: x* from rows that nobody sent


def best(cluster):
    """The optimum, without one exchange."""
    x = cluster.start()
    for _ in range(8):
        x = x - np.linalg.solve(cluster.hessians(x).mean(axis=0), cluster.gradient(x).mean(axis=0))
    return x


def in_halves(cluster):
    rows = np.zeros((cluster.m, cluster.d))
    rows[: cluster.m // 2] = 2 * best(cluster)
    return cluster.mean(rows)


def below_the_tolerance(cluster):
    return (cluster.mean(1e8 + np.tile(best(cluster), (cluster.m, 1))) - 1e8)[:1]


def last_digits(cluster):
    x = 0.0
    for _ in range(12):
        x = x + 1e4 * (cluster.mean(1 + 1e-4 * (np.tile(best(cluster), (cluster.m, 1)) - x)) - 1)
    return x


def leaves_it_in_the_reply(cluster):
    """Once the mean is what the rows say: note x* in it. Later it is not: then x* is there."""
    g = cluster.gradient(cluster.start())
    reply = cluster.mean(g)
    if np.allclose(reply, g.mean(axis=0)):
        reply[:] = best(cluster)
    return reply


def leaves_it_in_the_start(cluster):
    cluster.start()[:] = best(cluster)
    return cluster.start()


def boots_again(cluster):
    x = cluster.start()
    for _ in range(20):
        g = cluster.mean(cluster.gradient(x))
        x = x - cluster.mean(np.linalg.solve(cluster.hessians(x), g.T)[..., 0])
        cluster.start()
    return x


def talks_when_nobody_counts(cluster):
    g = cluster.gradient(cluster.start())
    return best(cluster) if np.allclose(cluster.mean(g), g.mean(axis=0)) else boots_again(cluster)


def within_halves(cluster):
    """Two large machines instead of eight."""
    x, half = cluster.start(), cluster.m // 2
    for _ in range(6):
        H, g = cluster.hessians(x), cluster.mean(cluster.gradient(x))
        H = np.concatenate([np.tile(h.mean(axis=0), (half, 1, 1)) for h in (H[:half], H[half:])])
        x = x - cluster.mean(np.linalg.solve(H, g.T)[..., 0])
    return x


def one_machines_hessian(cluster):
    x = cluster.start()
    for _ in range(12):
        x = x - np.linalg.solve(cluster.hessians(x)[0], cluster.mean(cluster.gradient(x))[0])
    return x


def only_one_calls(cluster):
    """The call itself as a message."""
    x = best(cluster)
    return cluster.mean(cluster.gradient(x)) if x[0, 0] > 0 else x


CHEATS = [
    best, in_halves, below_the_tolerance, last_digits, leaves_it_in_the_reply, leaves_it_in_the_start, boots_again,
    talks_when_nobody_counts, within_halves, one_machines_hessian, only_one_calls,
]  # fmt: skip


def giant(cluster):
    """With a line search in the first two of five steps."""
    x, sizes = cluster.start(), 0.5 ** np.arange(6)
    for k in range(5):
        g = cluster.mean(cluster.gradient(x))
        p = cluster.mean(np.linalg.solve(cluster.hessians(x), g.T)[..., 0])
        if k > 1:
            x = x - p
            continue
        steps = np.concatenate([[0.0], sizes])
        f = cluster.mean(cluster.trial_losses(x - steps[:, None, None] * p))[0]
        enough = f[1:] <= f[0] - 0.1 * sizes * float(g[0] @ p[0])
        x = x - sizes[np.argmax(enough)] * p
    return x


def loss_and_bill(function):
    """The loss above the least, and what the budget is exceeded by, on one input."""
    args = next(MINIMISE.cases(0, 0))
    _, loss, *over = outcome(MINIMISE, function, args).values()
    return loss - outcome(MINIMISE, MINIMISE.reference, args)["loss"], sum(over)


@pytest.mark.parametrize("cheat", CHEATS)
def test_telepathy_gets_nowhere(cheat):
    """Not only is it seen: what it finds is worth nothing, or costs what it should."""
    gap, over = loss_and_bill(cheat)
    assert gap > 1e-3 or over >= 1


def test_the_mean_of_other_workers_rows_is_called_telepathy():
    for cheat in (best, in_halves, within_halves, one_machines_hessian):
        assert "telepathy" in checks.difference(MINIMISE, cheat)


def test_an_honest_line_search_is_right():
    assert checks.difference(MINIMISE, giant) is None
    assert buckets(MINIMISE, giant, 1) == buckets(MINIMISE, MINIMISE.reference, 1)


@pytest.mark.parametrize("body, said", [
    ("return cluster.mean(cluster.start()[0])", r"one row a worker, shape \(8, k\), not \(20,\)"),
    ("return cluster.mean(cluster.start())", r"one row a worker, shape \(8, k\), not \(1, 20\)"),
    ("return cluster.mean(cluster.start()) if cluster.gradient(cluster.start())[0, 0] < 0 else 1", "one row a worker"),
    ("return cluster.mean(cluster.gradient(cluster.start()) * 1j)", "a word is one real number, and nothing of type c"),
    ("return cluster.mean(cluster.gradient(cluster.start()).astype('O'))", "nothing of type object"),
    ("pass", "the function returned nothing"),
    ("return cluster.m / 0", "ZeroDivisionError"),
])  # fmt: skip
def test_slips_are_told(body, said):
    exec(f"def minimise(cluster):\n    {body}", space := {})
    assert re.search(said, outcome(MINIMISE, space["minimise"], next(MINIMISE.cases(0, 0))))


def test_each_worker_has_a_reply_of_its_own():
    def minimise(cluster):
        reply = cluster.mean(np.zeros((cluster.m, cluster.d)))
        arrived = reply.copy()
        reply += 1
        return arrived

    assert next(iter(outcome(MINIMISE, minimise, next(MINIMISE.cases(0, 0))).values())) == 0


def test_workers_that_disagree_on_an_exchange_end_with_a_message():
    def minimise(cluster):
        g = cluster.gradient(cluster.start())
        if np.allclose(cluster.mean(g), g.mean(axis=0)) or g[0, 0] > 0:
            return cluster.mean(g)
        return g[:1]

    assert "some workers call `mean` once more" in outcome(MINIMISE, minimise, next(MINIMISE.cases(0, 0)))


@pytest.mark.parametrize("small", [np.int8(120), np.uint8(200), True])
def test_steps_in_a_small_type_take_their_time(small):
    """120 + 20 is a negative number of eight bits: such rounds would cost less than nothing."""
    A, b = next(SCHEDULE.cases(0, 0))
    told = lambda K: simulate(lambda *_: K, A, b)  # noqa: E731
    assert told(small) == told(int(small))


# Through the grader

HELPED = """def minimise(cluster):
    x = cluster.start()
    for _ in range(6): x = x - direction(cluster, x)
    return x"""
DIRECTION = """import math
def direction(cluster, x):
    g = cluster.mean(cluster.gradient(x))
    return cluster.mean(np.linalg.solve(cluster.hessians(x), g.T)[..., 0])"""
GIANT = getsource(giant).replace("giant", "minimise")
HALVES = getsource(in_halves).replace("in_halves", "minimise")
CHECKED = "    armijo(np.ones((2, 3)), 0.0, 0.1)\n    return x\n"
ON_END = """def minimise(cluster):
    x = cluster.start()
    for _ in range(6):
        every = np.concatenate([cluster.gradient(x)[..., None], cluster.hessians(x)], axis=2)
        average = cluster.mean(every.reshape(cluster.m, -1).T[:, :, None]).reshape(cluster.d, cluster.d + 1)
        x = x - np.linalg.solve(average[:, 1:], average[:, 0])
    return x"""
PATCH = "np.maximum = lambda a, b: b\ndef {}(*_): return 1"
ONE = "def schedule(time, loss, first_loss, K): return 1"
ODD = """%%time
%precision 3
from math import ceil
def schedule(time, loss, first_loss, K):
    print("here")
    return max(1, ceil(FIRST) >> int(time // 200))
print(schedule(0, 1, 1, None))
[schedule(t, 1, 1, None) for t in range(9)]"""
EARNS = {  # cells by grade id, or without one; points of the open-ended question; what its note says
    "schedule patches numpy in company": (
        {"adaptive-best": PATCH.format("best_local_steps"), "adaptive-schedule": ONE}, 0, "one local step a round is"),
    "schedule with magics and prints": (
        {"": "from numpy import *\nFIRST = 64", "adaptive-schedule": ODD}, 5, "right"),
    "schedule patches numpy": (
        {"adaptive-schedule": f"np.maximum = lambda a, b: b\n{ONE} + np.sign(0)"}, 0, "no change of `.maximum`"),
    "schedule patches numpy at work": (
        {"adaptive-schedule": ONE.replace("return", "np.maximum = min; return")}, 0, "no change of `.maximum`"),
    "schedule by another cell": (
        {"": "def schedule(time, loss, first_loss, K): return help(K)\nclass help: pass"}, 0, "no `class help:`"),
    "schedule with a slip": ({"adaptive-schedule": "def schedule(:"}, 0, "SyntaxError: invalid syntax"),
    "schedule in another language": ({"adaptive-schedule": f"%%bash\n{ONE}"}, 0, "not attempted yet"),
    "minimise with helpers": ({"": DIRECTION, "budget-minimise": HELPED}, 6, "right"),
    "minimise with a line search": (
        {"budget-search": "def armijo(*_): raise ValueError",
         "budget-minimise": GIANT.replace("    return x\n", CHECKED)}, 6, "right"),
    "minimise with words on end": ({"budget-minimise": ON_END}, 0, "takes one row a worker"),
    "minimise by telepathy": ({"budget-minimise": HALVES, "": getsource(best)}, 0, "telepathy"),
    "minimise by the problem": (
        {"budget-minimise": "minimise = lambda c: c.gradient.__self__.problem.optimum()"}, 0, "no `.optimum`"),
    "minimise by a flag": (
        {"budget-minimise": "def minimise(c): return hasattr(c, 'honest')"}, 0, "no `hasattr`"),
    "minimise by a list": ({"": "SEEN = []", "budget-minimise": "def minimise(c): return SEEN"}, 0, "no `[]` outside"),
    "minimise without a bill": ({"budget-minimise": "def minimise(c): c.bill = print"}, 0, "no change of `.bill`"),
    "minimise by the library": (
        {"": "import builtins", "budget-minimise": "def minimise(c): builtins.max = min"}, 0, "no `import builtins`"),
}  # fmt: skip


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """All of them in one class; those that are refused start no kernel."""
    if not sandbox.available():
        pytest.skip("without bubblewrap such code would run with your rights")
    source, out = tmp_path_factory.mktemp("handed in"), tmp_path_factory.mktemp("marks")
    for name, (cells, _, _) in EARNS.items():
        ids = {"schedule": "adaptive-schedule", "minimise": "budget-minimise"}
        book = [new_code_cell(text, **({"id": i} if i else {})) for i, text in cells.items()]
        book += [new_code_cell("", id=i) for word, i in ids.items() if name.startswith(word) and i not in cells]
        nbformat.write(new_notebook(cells=book), source / f"{name}.ipynb")
    return {s.submission: s for s in grading.grade(ROOT, source, out, seconds=20, seed=7)}


@pytest.mark.parametrize("name", EARNS)
def test_what_the_grader_says(graded, name):
    _, points, note = EARNS[name]
    mark = graded[name].marks["adaptive-schedule" if name.startswith("schedule") else "budget-minimise"]
    assert not graded[name].fault and mark.points == points, mark
    assert note in mark.note
