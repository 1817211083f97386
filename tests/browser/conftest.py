"""One JupyterLab and one Chromium for all browser tests; a kernel and a page of its own for each."""

from itertools import count

import nbformat
import pytest
from harness import CHROMIUM, NotebookPage, chromium, jupyter_lab, shut_down_kernels


@pytest.fixture(scope="session")
def lab(tmp_path_factory):
    if CHROMIUM is None:
        pytest.skip("NO CHROMIUM: explorers NOT tested, lectures NOT run; apt-get install it, or pytest notebooks")
    folder = tmp_path_factory.mktemp("lab")
    with jupyter_lab(folder) as address, chromium() as browser:
        yield folder, address, browser, count()


@pytest.fixture(scope="module")
def open_notebook(lab):
    """Open a copy of a notebook, given by its path or as a notebook node, in JupyterLab or where one says.

    With a `page` that shows another, that one is closed.
    """
    folder, address, browser, number = lab
    context = browser.new_context(viewport={"width": 1280, "height": 900})

    def open_copy(notebook, where=NotebookPage, page=None):
        name = f"notebook_{next(number)}.ipynb"
        content = notebook if isinstance(notebook, dict) else nbformat.read(notebook, as_version=4)
        nbformat.write(content, folder / name)
        return page.turn_to(name) if page else where(context.new_page(), address, name)

    yield open_copy
    context.close()
    shut_down_kernels(address)
