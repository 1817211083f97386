"""Run assembled notebooks by nbval, in a process and a sandbox of their own."""

import json
import os
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from tempfile import mkdtemp

import nbformat

from course_lib.grading import sandbox


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
        command = [
            sys.executable, "-m", "pytest", "--nbval", "-q", "-c", "pytest.ini", "-p", "no:cacheprovider",
            "-p", "course_lib.grading.outcomes", "-p", "nbval.plugin", "--outcomes", lines,
            "--nbval-kernel-name", "grading", "--nbval-cell-timeout", str(seconds), *files,
        ]  # fmt: skip
        environment = {**sandbox.kernel(folder, library), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
        patience = (60 + 20 * seconds) * len(notebooks)  # the kernels' own limits come long before
        with suppress(subprocess.TimeoutExpired):  # what was not recorded by then was not graded
            subprocess.run(command, cwd=folder, env=environment, capture_output=True, timeout=patience)
        found = [json.loads(line) for line in lines.read_text().splitlines()] if lines.exists() else []
    finally:
        _remove(folder)
    return {(line["notebook"], line["cell"]): line for line in found}


def _remove(folder):
    """Also folders in folders in folders, deeper than Python goes down."""
    if os.name == "posix":
        subprocess.run(["rm", "-rf", folder], check=False)
    else:
        shutil.rmtree(folder, ignore_errors=True)
