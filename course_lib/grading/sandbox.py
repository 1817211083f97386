"""Where a student's code runs: a kernel that sees Python and a library without the answers, nothing else."""

import ast
import json
import os
import shutil
import subprocess
import sys
from functools import cache
from inspect import getfile, isclass, iscode, isfunction
from pathlib import Path

from course_lib.grading.question import modules

LIBRARY = Path(__file__).parents[1]
MEMORY = 4 << 20  # kilobytes
FILE = 200 << 10  # blocks of 512 bytes
SYSTEM = ("/usr", "/bin", "/lib", "/lib64", "/etc/ld.so.cache", "/etc/alternatives", "/etc/fonts")


@cache
def available():
    """Whether this machine has a working bubblewrap."""
    if shutil.which("bwrap") is None:
        return False
    probe = subprocess.run([*_bubblewrap([]), "true"], capture_output=True)
    return probe.returncode == 0


def library(folder, trusted=False):
    """Copy the library, without its references and wrong answers.

    In a module of questions only what draws inputs and measures is kept; a reference that stands
    elsewhere in the library raises an error.

    Parameters
    ----------
    folder : pathlib.Path
        The copy is ``folder / "course_lib"``.
    trusted : bool
        Keep them: the self-test submits them.
    """
    shutil.copytree(LIBRARY, folder / "course_lib", ignore=shutil.ignore_patterns("__pycache__"))
    for path, names in ({} if trusted else _withheld()).items():
        _blank(folder / "course_lib" / path.relative_to(LIBRARY), names)


def kernel(folder, library_folder):
    """Write the kernel specification ``grading`` and the environment in which jupyter finds it.

    Parameters
    ----------
    folder : pathlib.Path
        Own folder of this run.
    library_folder : pathlib.Path
        Holds the copy of the library.

    Returns
    -------
    dict
        Environment for the process that starts the kernel.
    """
    runtime = folder / "runtime"
    runtime.mkdir()
    inside = {
        "PATH": "/usr/bin:/bin", "HOME": "/tmp", "IPYTHONDIR": "/tmp/ipython", "MPLCONFIGDIR": "/tmp/matplotlib",
        "LANG": "C.UTF-8", "PYTHONPATH": str(library_folder), "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1",
    }  # fmt: skip
    limits = ["sh", "-c", f'ulimit -v {MEMORY} -f {FILE} 2>/dev/null; exec "$@"', "sh"]
    python = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    mounts = ["--bind", str(runtime), str(runtime), "--ro-bind", str(library_folder), str(library_folder)]
    wrapped = [*_bubblewrap(mounts), "--clearenv", *_settings(inside)] if available() else []
    spec = {"argv": [*wrapped, *limits, *python], "display_name": "grading", "language": "python", "env": inside}
    place = folder / "kernels" / "grading"
    place.mkdir(parents=True)
    (place / "kernel.json").write_text(json.dumps(spec))
    return {**os.environ, "JUPYTER_PATH": str(folder), "TMPDIR": str(runtime)}


def _bubblewrap(mounts):
    """Own processes, network and user; the system and Python read-only, wherever it lies; /tmp in memory."""
    read = [path for path in (*SYSTEM, sys.base_prefix, sys.prefix) if os.path.exists(path)]
    bound = [word for path in read for word in ("--ro-bind", path, path)]
    return [
        "bwrap", "--unshare-all", "--uid", "65534", "--gid", "65534", "--cap-drop", "ALL", "--die-with-parent",
        "--new-session", "--tmpfs", "/tmp", *bound, "--proc", "/proc", "--dev", "/dev", *mounts, "--chdir", "/tmp",
    ]  # fmt: skip


def _settings(environment):
    return [word for name, text in environment.items() for word in ("--setenv", name, text)]


def _withheld():
    """Names of the functions to take out, by file."""
    out = {}
    for module in modules():
        kept = _needed([f for q in module.QUESTIONS for f in (q.inputs, q.measure)])
        here = {n for n, f in vars(module).items() if isfunction(f) and f.__module__ == module.__name__}
        out[Path(module.__file__)] = here - kept
        for reference in (q.reference for q in module.QUESTIONS):
            out.setdefault(Path(getfile(reference)), set()).add(reference.__name__)
    return out


def _needed(functions):
    """Names of what the functions call, one through the other, each in its own module."""
    needed, todo = set(), [getattr(f, "func", f) for f in functions]
    while todo:
        function = todo.pop()
        needed.add(function.__name__)
        for target in (function.__globals__.get(name) for name in _names(function.__code__)):
            called = vars(target).values() if isclass(target) else [target]
            todo += [f for f in called if isfunction(f) and f.__name__ not in needed]
    return needed


def _names(code):
    """Global names in a function, nested functions included."""
    return {*code.co_names, *(n for c in code.co_consts if iscode(c) for n in _names(c))}


def _blank(path, names):
    """Replace the bodies of a module's functions by an error."""
    tree = ast.parse(path.read_text())
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name in names:
            node.body = ast.parse(f"raise NameError('{node.name} is not available while you are graded')").body
    path.write_text(ast.unparse(tree))
