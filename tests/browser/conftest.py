"""One JupyterLab, one Chromium and one page for all browser tests of a process; a new kernel for each notebook."""

from itertools import count

import nbformat
import pytest
from harness import CHROMIUM, NotebookPage, chromium, jupyter_lab

SCREEN = {"width": 1280, "height": 900}


@pytest.fixture(scope="session")
def open_notebook(tmp_path_factory):
    """Open a copy of a notebook, given by its path or as a notebook node, in place of the one before it.

    Elsewhere than in JupyterLab, if one says so, it gets a page of its own.
    """
    if CHROMIUM is None:
        pytest.skip("NO CHROMIUM: explorers NOT tested, lectures NOT run; apt-get install it, or pytest notebooks")
    folder, number, shown = tmp_path_factory.mktemp("lab"), count(), None
    with jupyter_lab(folder) as address, chromium() as browser:

        def open_copy(notebook, where=None):
            nonlocal shown
            name = f"notebook_{next(number)}.ipynb"
            content = notebook if isinstance(notebook, dict) else nbformat.read(notebook, as_version=4)
            nbformat.write(content, folder / name)
            if where:
                return where(browser.new_page(viewport=SCREEN), address, name)
            if shown:
                shown.turn_to(name).page.set_viewport_size(SCREEN)
            else:
                shown = NotebookPage(browser.new_page(viewport=SCREEN), address, name)
            return shown

        yield open_copy
