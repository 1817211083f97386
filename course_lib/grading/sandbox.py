"""Where a student's code runs: a kernel that sees Python and a library without the answers, nothing else."""

import json
import os
import shlex
import shutil
import subprocess
import sys
from contextlib import suppress
from functools import cache
from itertools import islice
from pathlib import Path

import psutil

from course_lib.grading.library import LIBRARY

MEMORY = 3 << 30  # bytes: address space of one process, and resident memory of all together
PROCESSES = 64
FILE = 100 << 20  # bytes of one file
DISK = 200 << 20  # bytes of all files
FILES = 1000
SYSTEM = ("/usr", "/bin", "/lib", "/lib64", "/etc/ld.so.cache", "/etc/alternatives", "/etc/fonts")
OWN_FOLDER = '--bind "${0%/*}" "${0%/*}"'  # of the connection file $0: this kernel's alone
LIMITED = f"""
import os

try:
    import resource
except ImportError:
    limits = ()  # no POSIX system
else:
    limits = ("AS", {MEMORY}), ("NPROC", {PROCESSES}), ("FSIZE", {FILE}), ("CORE", 0), ("NOFILE", 512)
for name, most in limits:
    if name == "NPROC" and os.getuid() != 65534:
        continue  # without walls all that this user runs would count
    try:
        resource.setrlimit(getattr(resource, "RLIMIT_" + name), (most, most))
    except (ValueError, OSError):
        pass  # the machine has no such limit, or a lower one
from ipykernel.kernelapp import launch_new_instance
launch_new_instance()
"""


@cache
def available():
    """Whether this machine has a working bubblewrap."""
    if shutil.which("bwrap") is None:
        return False
    probe = subprocess.run(["bwrap", *_walls(), "--", "true"], capture_output=True)
    return probe.returncode == 0


def kernel(folder, library):
    """Write the kernel specification ``grading`` and the environment in which jupyter finds it.

    Parameters
    ----------
    folder : pathlib.Path
        Own folder of this run.
    library : pathlib.Path
        Holds the copy of the library that students' code may see.

    Returns
    -------
    dict
        Environment for the process that starts the kernel.
    """
    inside = {
        "PATH": "/usr/bin:/bin", "HOME": "/tmp", "IPYTHONDIR": "/tmp/ipython", "MPLCONFIGDIR": "/tmp/matplotlib",
        "LANG": "C.UTF-8", "PYTHONPATH": str(library), "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1",
        "MALLOC_ARENA_MAX": "1", "PYTHONDONTWRITEBYTECODE": "1",
    }  # fmt: skip
    python = [sys.executable, "-c", LIMITED, "-f", "{connection_file}", "--HistoryManager.enabled=False"]
    walls = [*_walls(library), "--clearenv", *(word for pair in inside.items() for word in ("--setenv", *pair))]
    script = f'exec bwrap {shlex.join(walls)} {OWN_FOLDER} --remount-ro / -- "$@"'
    wrapped = ["sh", "-c", script, "{connection_file}"] if available() else []
    spec = {"argv": [*wrapped, *python], "display_name": "grading", "language": "python", "env": inside}
    place = folder / "kernels" / "grading"
    place.mkdir(parents=True)
    (place / "kernel.json").write_text(json.dumps(spec))
    (folder / "runtime").mkdir()
    return {**os.environ, "JUPYTER_PATH": str(folder), "TMPDIR": str(folder / "runtime")}


def excess(pid, folder):
    """What a sandbox has too much of, in words; empty if nothing.

    Parameters
    ----------
    pid : int
        Its first process. Where the grader runs as root the kernel does not count processes, and nowhere
        does it add up their memory: so we look.
    folder : pathlib.Path
        The one folder outside that it writes to.
    """
    family = [process for process in psutil.process_iter(["ppid", "memory_info"]) if process.info["memory_info"]]
    parents, inside = {p.pid: p.info["ppid"] for p in family}, {pid}
    while more := {child for child, parent in parents.items() if parent in inside} - inside:
        inside |= more
    if len(inside) > PROCESSES:
        return f"it started more than {PROCESSES} processes"
    if sum(p.info["memory_info"].rss for p in family if p.pid in inside) > MEMORY:
        return f"it took more than {MEMORY >> 30} GB of memory"
    sizes = _sizes(folder)
    if sum(sizes) > DISK:
        return f"it wrote more than {DISK >> 20} MB"
    return f"it made more than {FILES} files" if len(sizes) > FILES else ""


def _sizes(folder):
    """Bytes of the files and folders in a folder, of so many that one sees whether there are too many."""
    sizes, todo = [], [folder]
    while todo and len(sizes) <= FILES:
        with suppress(OSError):  # gone by now, or deeper than a path can say
            for entry in islice(os.scandir(todo.pop()), FILES + 1):
                todo += [entry.path] * entry.is_dir(follow_symlinks=False)
                sizes.append(entry.stat(follow_symlinks=False).st_size)
    return sizes


def _walls(library=None):
    """Own processes, network and user; the system, Python and the library to read; a small /tmp in memory.

    The library itself, and with it every answer, is covered where it lies below one of these folders.
    """
    read = [path for path in (*SYSTEM, sys.base_prefix, sys.prefix) if os.path.exists(path)]
    covered = [path for path in _secret() if any(path.is_relative_to(p) for p in map(Path, read))]
    seen = [library] if library else []
    return [
        "--unshare-all", "--unshare-user", "--uid", "65534", "--gid", "65534", "--cap-drop", "ALL",
        "--die-with-parent", "--new-session", *_known("--disable-userns"),
        *_small("/tmp"), *_each("--ro-bind", read), *_each("--tmpfs", covered),
        "--proc", "/proc", "--dev", "/dev", *_small("/dev/shm"), *_each("--ro-bind", seen), "--remount-ro", "/dev",
        "--chdir", "/tmp",
    ]  # fmt: skip


def _secret():
    """Where answers lie: the library, and all folders of the course, its history too, but for the one with Python."""
    courses = [c for c in {LIBRARY.parent, Path.cwd()} if (c / "solutions").is_dir()]
    python = [Path(prefix) for prefix in (sys.prefix, sys.base_prefix)]
    folders = [p for c in courses for p in c.iterdir() if _folder(p) and not any(q.is_relative_to(p) for q in python)]
    return [LIBRARY, *(p for p in folders if p != LIBRARY)]


def _folder(path):
    return path.is_dir() and not path.is_symlink()


def _each(option, paths):
    return [str(word) for p in paths for word in ((option, p, p) if option == "--ro-bind" else (option, p))]


def _small(path):
    """A folder in memory, of limited size."""
    return [*_known("--size", str(DISK)), "--tmpfs", path]


@cache
def _known(option, *words):
    """An option, where this bubblewrap is new enough to have it."""
    known = subprocess.run(["bwrap", "--help"], capture_output=True, text=True).stdout
    return (option, *words) if option in known else ()
