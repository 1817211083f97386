"""Run assembled notebooks by nbval, in a process and a sandbox of their own."""

import json
import multiprocessing
import os
import shutil
import subprocess
from pathlib import Path
from tempfile import mkdtemp

import nbformat

from course_lib.grading import sandbox

# Where processes can be forked, pytest, nbval and what jupyter asks for kernels are loaded once, and not for each
# notebook: loading them takes longer than most answers. A script that grades does so under `__name__ == "__main__"`.
PROCESSES = multiprocessing.get_context("forkserver" if os.name == "posix" else "spawn")
PROCESSES.set_forkserver_preload(["IPython", "course_lib.grading.outcomes"])


def run(notebooks, library, seconds):
    """Outcome of every cell that ran.

    Parameters
    ----------
    notebooks : dict of str to NotebookNode
        By name; each gets a kernel of its own, in a sandbox of its own.
    library : pathlib.Path
        Folder with the copy of the library that students' code may see.
    seconds : float
        Limit for one cell.

    Returns
    -------
    dict of (str, str) to dict
        ``passed``, ``text`` and ``error`` by notebook and cell id. A cell that is missing did not
        run, by a fault of the machinery.
    """
    folder = Path(mkdtemp(prefix="grade-"))
    try:
        lines = folder / "outcomes.jsonl"
        files = [folder / f"{stem}.ipynb" for stem in notebooks]
        for file in files:
            nbformat.write(notebooks[file.stem], file)
        (folder / "pytest.ini").write_text("[pytest]\n")
        options = [
            "--nbval", "-q", "-c", "pytest.ini", "-p", "no:cacheprovider", "-p", "course_lib.grading.outcomes",
            "-p", "nbval.plugin", "--outcomes", str(lines), "--nbval-kernel-name", "grading",
            "--nbval-cell-timeout", str(seconds), *map(str, files),
        ]  # fmt: skip
        environment = {**sandbox.kernel(folder, library), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
        process = PROCESSES.Process(target=_pytest, args=(options, folder, environment))
        process.start()
        process.join((60 + 20 * seconds) * len(notebooks))  # the kernels' own limits come long before
        process.kill()  # what was not recorded by then was not graded
        process.join()
        found = [json.loads(line) for line in lines.read_text().splitlines()] if lines.exists() else []
    finally:
        _remove(folder)
    return {(line["notebook"], line["cell"]): line for line in found}


def _pytest(options, folder, environment):
    """In a process of its own, which says nothing."""
    import pytest  # there it is loaded already; nobody else here needs it

    for stream in (0, 1, 2):
        os.dup2(os.open(os.devnull, os.O_RDWR), stream)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    pytest.main(options)


def _remove(folder):
    """Also folders in folders in folders, deeper than Python goes down."""
    if os.name == "posix":
        subprocess.run(["rm", "-rf", folder], check=False)
    else:
        shutil.rmtree(folder, ignore_errors=True)
