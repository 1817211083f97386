"""The topology editor in JupyterLab, in Chromium: by mouse and by keyboard alone."""

import nbformat
import pytest

from course_lib.explorers.topology_editor import topology_editor

pytestmark = pytest.mark.browser

KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}


class Editor:
    """The editor on the page, found by what a screen reader would say."""

    def __init__(self, page):
        self.page = page
        self.section = page.get_by_role("region", name=topology_editor.title, exact=True)

    def worker(self, i):
        return self.section.get_by_role("button", name=f"worker {i}, ")

    def links(self, i):
        return self.worker(i).get_attribute("aria-label").partition("linked to ")[2]

    def settle(self):
        self.section.locator("figure[aria-busy='false']").wait_for()

    @property
    def sentence(self):
        self.settle()
        return self.section.locator("figcaption").inner_text()

    def cell(self, i, j):
        return self.section.get_by_role("table").locator("tbody tr").nth(i).locator("td").nth(j).inner_text()


@pytest.fixture(scope="module")
def opened(open_notebook):
    cell = nbformat.v4.new_code_cell("from course_lib.explorers.topology_editor import topology_editor as e\ne")
    notebook = open_notebook(nbformat.v4.new_notebook(cells=[cell], metadata={"kernelspec": KERNEL}))
    notebook.run_all()
    return Editor(notebook.page)


@pytest.fixture
def editor(opened):
    opened.section.get_by_role("button", name="ring", exact=True).click()
    opened.section.get_by_role("combobox", name="weights").select_option("Metropolis")
    opened.settle()
    return opened


def shows(editor, edges, rule=0):
    assert editor.sentence == topology_editor.study({"edges": sorted(edges), "rule": rule}).sentence
    return True


RING = topology_editor.presets["ring"]


def test_two_clicks_join_and_two_more_part(editor):
    top = editor.section.bounding_box()
    editor.worker(0).click()
    assert editor.worker(0).get_attribute("aria-pressed") == "true"
    editor.worker(4).click()
    assert shows(editor, [*RING, [0, 4]]) and editor.links(0) == "1, 4, 7"
    assert editor.cell(0, 4) == ".25" and editor.cell(0, 1) == ".25"
    editor.worker(4).click()
    editor.worker(0).click()
    assert shows(editor, RING) and editor.cell(0, 4) == "·" and editor.cell(0, 0) == ".33"
    assert editor.section.bounding_box() == top, "the page jumped"


def test_a_click_on_a_line_cuts_it(editor):
    editor.worker(0).click()
    editor.worker(4).click()
    editor.settle()
    graph = editor.section.locator("svg").bounding_box()
    middle = graph["x"] + graph["width"] / 2, graph["y"] + graph["height"] / 2
    editor.page.mouse.click(*middle)
    assert shows(editor, RING)
    editor.page.mouse.click(*middle)  # there is no line any more
    assert shows(editor, RING)


def test_the_keyboard_alone_draws(editor):
    editor.worker(1).focus()
    keyboard = editor.page.keyboard
    keyboard.press("Enter")
    for _ in range(4):
        keyboard.press("Tab")
    keyboard.press("Enter")
    assert shows(editor, [*RING, [1, 5]])
    focused = "document.activeElement.getAttribute('aria-label')"
    assert editor.page.evaluate(focused).startswith("worker 5, linked to 1, 4, 6"), "focus was lost"
    keyboard.press("Enter")
    keyboard.press("Escape")
    assert editor.worker(5).get_attribute("aria-pressed") == "false"
    keyboard.press("Space")
    keyboard.press("Space")  # a worker is not joined to itself
    assert shows(editor, [*RING, [1, 5]])


def test_a_burst_of_clicks_loses_none(editor):
    for i, j in ((0, 2), (1, 3), (2, 4), (3, 5)):
        editor.worker(i).click()
        editor.worker(j).click()
    editor.page.wait_for_timeout(500)
    assert shows(editor, [*RING, [0, 2], [1, 3], [2, 4], [3, 5]])


def test_presets_and_weights(editor):
    editor.section.get_by_role("combobox", name="weights").select_option("neighbours only")
    assert shows(editor, RING, rule=3) and "swings for ever" in editor.sentence
    editor.section.get_by_role("button", name="star", exact=True).press("Enter")
    editor.page.wait_for_timeout(300)
    assert shows(editor, topology_editor.presets["star"], rule=3) and editor.links(3) == "0"


def test_nothing_hides_the_drawing(editor):
    """The focus ring is part of the disc, and the discs lie where they should: a look at the pixels."""
    editor.worker(2).focus()
    boxes = [editor.worker(i).bounding_box() for i in range(8)]
    graph = editor.section.locator("svg").bounding_box()
    assert graph["width"] == graph["height"] == 300
    assert all(graph["x"] <= b["x"] and b["x"] + b["width"] <= graph["x"] + 300 for b in boxes)
    outline = editor.worker(2).evaluate("node => getComputedStyle(node).outlineStyle")
    assert outline == "none"
