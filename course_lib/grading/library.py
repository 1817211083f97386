"""The library as answers meet it while they are graded: what draws inputs and measures, and nothing else.

Whatever the task is, the library may hold a second implementation of it, under another name or inside a
method. So nothing is listed as forbidden. Kept is what the questions' `inputs` and `measure` call, one
through the other; of every other function and class the body is gone.
"""

import ast
import shutil
from collections.abc import Mapping
from compileall import compile_dir
from functools import cache
from importlib import import_module
from inspect import isclass, iscode, isfunction, ismodule
from pathlib import Path

from course_lib.grading.question import modules

LIBRARY = Path(__file__).parents[1]
MACHINERY = ("__init__", "errors", "grading/__init__", "grading/checks", "grading/library", "grading/question")
WHOLE = {LIBRARY / f"{name}.py" for name in MACHINERY}  # holds no answer
GONE = "is not there while you are graded: the task is to do without it"
PLACEHOLDER = f"""
from course_lib.errors import CourseError


class Absent:
    def __init__(self, name):
        self.name = name

    def __call__(self, *args, **kwargs):
        raise CourseError(f"{{self.name}} {GONE}")

    def __getattr__(self, name):
        return _absent(f"{{self.name}}.{{name}}")


def _absent(name):
    if name.split(".")[-1].startswith("__"):
        raise AttributeError(name)
    return Absent(name)


def __getattr__(name):
    return _absent(f"{{__name__}}.{{name}}")
"""
ANONYMOUS = 'Question(reference=len, wrong=dict.fromkeys("123", len), hints=("", ""))'


def copy(folder, trusted=False):
    """Copy the library, without what could answer for the student.

    Parameters
    ----------
    folder : pathlib.Path
        The copy is ``folder / "course_lib"``.
    trusted : bool
        Leave it whole: the self-test submits the library's own wrong answers.
    """
    shutil.copytree(LIBRARY, folder / "course_lib", ignore=shutil.ignore_patterns("__pycache__"))
    names = {} if trusted else kept()
    for path in () if trusted else (folder / "course_lib").rglob("*.py"):
        origin = LIBRARY / path.relative_to(folder / "course_lib")
        if origin not in WHOLE:
            text = _without(origin.read_text(encoding="utf-8"), names[origin]) if origin in names else PLACEHOLDER
            path.write_text(text, encoding="utf-8")
    compile_dir(folder, quiet=1)  # once: kernels may not write there


@cache
def kept():
    """Names of the functions and classes that stay, by file; a module of questions is there in any case."""
    out = {Path(module.__file__): set() for module in modules()}
    for found in reached([f for module in modules() for q in module.QUESTIONS for f in (q.inputs, q.measure)]):
        out.setdefault(_file(found), set()).add(found.__qualname__.partition(".")[0])
    return out


def borrowed(question, function):
    """Names of what a student's function calls of the library and will not find while it is graded."""
    found = reached([function]) - reached([question.inputs, question.measure])
    return sorted(f"{f.__module__}.{f.__name__}" for f in found if _file(f) not in WHOLE)


def reached(functions):
    """The functions and classes of the library that are called by some, one through the other.

    Parameters
    ----------
    functions : list of callable
        The library's, or a student's.

    Returns
    -------
    set
        Of the library's functions and classes. What a module calls while it is imported counts as called by
        each function in it; of a class all methods count.
    """
    homes = {getattr(f, "__module__", None) for f in functions}
    seen, todo = set(), list(functions)
    while todo:
        thing = todo.pop()
        thing = getattr(thing, "func", getattr(thing, "__wrapped__", thing))
        known = (isfunction(thing) or isclass(thing)) and (_ours(thing.__module__) or thing.__module__ in homes)
        if known and thing not in seen:
            seen.add(thing)
            todo += _called(thing)
    return {f for f in seen if _ours(f.__module__) and "<" not in f.__qualname__}


def _ours(name):
    return str(name).partition(".")[0] == "course_lib"


def _file(thing):
    return Path(import_module(thing.__module__).__file__)


def _called(thing):
    """What a function or class of the library names, resolved in its own module."""
    module = vars(import_module(thing.__module__))
    at_import = _resolved(_at_import(_file(thing)), module) if _ours(thing.__module__) else []
    if isclass(thing):
        members = [getattr(m, "fget", getattr(m, "__func__", m)) for m in vars(thing).values()]
        return [*members, *thing.__bases__, *at_import]
    inner = [cell.cell_contents for cell in thing.__closure__ or ()] + list(thing.__defaults__ or ())
    return [*inner, *_resolved(_names(thing.__code__), thing.__globals__), *at_import]


def _names(code):
    """Global names and attributes in a function, nested functions included."""
    return {*code.co_names, *(n for c in code.co_consts if iscode(c) for n in _names(c))}


def _resolved(names, space):
    """Functions and classes behind names: directly, in a module, in a table, or of an object."""
    found = [space[name] for name in names if name in space]
    found += [import_module(name) for name in names if _ours(name)]
    for thing in found:  # it grows: a module in a module
        if ismodule(thing) and _ours(thing.__name__):
            more = [vars(thing)[name] for name in names if name in vars(thing)]
            found += [m for m in more if not any(m is f for f in found)]
    tables = [thing for thing in found if isinstance(thing, (Mapping, list, tuple))]
    inside = [item for table in tables for item in (table.values() if isinstance(table, Mapping) else table)]
    return [*found, *inside, *(type(thing) for thing in found if not isfunction(thing))]


def _at_import(file):
    """Names that a module calls, or decorates with, while it is imported."""
    called, todo = set(), [] if file in WHOLE else ast.parse(file.read_text(encoding="utf-8")).body
    while todo:
        node = todo.pop()
        inside = isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
        heads = [*getattr(node, "decorator_list", ()), *([node.func] if isinstance(node, ast.Call) else [])]
        called |= {getattr(n, "id", getattr(n, "attr", "")) for head in heads for n in ast.walk(head)}
        todo += heads if inside else ast.iter_child_nodes(node)
    return called


def _without(text, names):
    """A module's text with the bodies of its other functions gone, and its questions' answers and hints."""
    tree = ast.parse(text)
    for node in [n for n in tree.body if getattr(n, "name", None) not in names]:
        for function in [n for n in ast.walk(node) if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef))]:
            function.body = ast.parse(f"raise NameError('{function.name} {GONE}')").body
    for call in ast.walk(tree):
        if isinstance(call, ast.Call) and getattr(call.func, "id", None) == "Question":
            stays = [k for k in call.keywords if k.arg in ("id", "name", "points", "inputs", "measure", "scale")]
            call.keywords = stays + ast.parse(ANONYMOUS, mode="eval").body.keywords
    return ast.unparse(tree)
