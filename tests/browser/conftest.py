"""One JupyterLab and one Chromium for all browser tests."""

import shutil
from pathlib import Path

import pytest

from .harness import CHROMIUM, NotebookPage, chromium, jupyter_lab

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"


@pytest.fixture(scope="session")
def lab(tmp_path_factory):
    if CHROMIUM is None:
        pytest.skip("NO CHROMIUM: explorers were NOT tested in a browser; apt-get install chromium")
    folder = tmp_path_factory.mktemp("lab")
    with jupyter_lab(folder) as address, chromium() as browser:
        yield folder, address, browser


@pytest.fixture
def open_notebook(lab):
    """Open a copy of a notebook: give a path, or a notebook node to write."""
    folder, address, browser = lab
    contexts = []

    def open_copy(notebook, name="notebook.ipynb"):
        import nbformat

        if isinstance(notebook, (str, Path)):
            name = Path(notebook).name
            shutil.copy(NOTEBOOKS / notebook, folder / name)
        else:
            nbformat.write(notebook, folder / name)
        contexts.append(browser.new_context(viewport={"width": 1280, "height": 900}))
        page = contexts[-1].new_page()
        return NotebookPage(page, address, name)

    yield open_copy
    for context in contexts:
        context.close()
