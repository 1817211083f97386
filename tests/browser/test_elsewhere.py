"""The same page in Notebook 7, and as Voila serves it: controls, pictures and the drawing work there too."""

import pytest
from harness import Notebook7Page, VoilaPage, notebook_of, shows

from course_lib.explorers.costs import all_reduce_explorer
from course_lib.explorers.topology_editor import topology_editor

pytestmark = pytest.mark.browser

PAGE = notebook_of(
    "from course_lib.explorers.costs import all_reduce_explorer as e\ne",
    "from course_lib.explorers.topology_editor import topology_editor as t\nt",
)


def open_in_notebook_7(open_notebook):
    page = open_notebook(PAGE, Notebook7Page)
    page.run_all()
    return page


def open_in_voila(open_notebook):
    page = open_notebook(PAGE, VoilaPage)
    assert not page.page.get_by_text("import all_reduce_explorer").count(), "Voila shows no code"
    return page


@pytest.mark.parametrize("opened", [open_in_notebook_7, open_in_voila])
def test_explorers_and_editor_answer(opened, open_notebook):
    page = opened(open_notebook)
    shown = page.explorer(all_reduce_explorer.title)
    height = shown.height
    shown.unlock()
    shown.press(shown.slider("latency of a message"), "ArrowRight")
    assert shows(shown, all_reduce_explorer, latency=2e-5)
    shown.drag_to_end(shown.slider("workers"))
    assert shows(shown, all_reduce_explorer, latency=2e-5, workers=1024)
    assert shown.height == height
    editor = page.explorer(topology_editor.title)
    for i in (0, 4):
        editor.section.get_by_role("button", name=f"worker {i}, ").click()
    editor.wait_until_current()
    drawing = {"edges": sorted([*topology_editor.start["edges"], [0, 4]]), "rule": 0}
    assert editor.sentence == topology_editor.study(drawing).sentence
