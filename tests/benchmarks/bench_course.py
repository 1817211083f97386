"""What a reader waits for: the import, and each lecture from its first cell to its last."""

import subprocess
import sys
import time
import timeit
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

LECTURES = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))


def test_import(figure):
    def start_python(statement):
        subprocess.run([sys.executable, "-c", statement], check=True)

    alone, imported = (
        min(timeit.repeat(lambda s=statement: start_python(s), number=1, repeat=7))
        for statement in ("pass", "import course_lib")
    )
    figure("import course_lib, beyond starting Python", 0.3, imported - alone, "s")


@pytest.mark.parametrize("path", LECTURES, ids=lambda path: path.stem)
def test_lecture(figure, path):
    notebook = nbformat.read(path, as_version=4)
    start = time.perf_counter()
    NotebookClient(notebook, resources={"metadata": {"path": str(path.parent)}}).execute()
    figure(f"lecture {path.stem}, all cells", 30, time.perf_counter() - start, "s")
