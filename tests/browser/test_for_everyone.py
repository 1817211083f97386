"""Every explorer and the editor, in the light and in the dark: axe-core, contrast, heights that stay."""

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from harness import notebook_of

from course_lib.explorers import catalogue
from course_lib.explorers.topology_editor import topology_editor

pytestmark = pytest.mark.browser

TITLES = [*(explorer.title for explorer in catalogue().values()), topology_editor.title]
EVERY = """
from IPython.display import display
from course_lib.explorers import catalogue
from course_lib.explorers.topology_editor import topology_editor
display(*catalogue().values(), topology_editor)
"""
# Red, green, blue and opacity of a drawn node, each from 0 to 1.
FILL = """node => {
    const [red, green, blue, opacity = 1] = getComputedStyle(node).fill.match(/[0-9.]+/g).map(Number);
    return [red / 255, green / 255, blue / 255, opacity];
}"""


class Everything:
    """A page with all explorers, on a screen so high that all of it is in sight."""

    def __init__(self, notebook):
        self.page, self.explorer = notebook.page, notebook.explorer
        self.page.set_viewport_size({"width": 1280, "height": 900 * len(TITLES)})

    def choose_theme(self, name):
        """By the menu, as a reader does; colours then change at once."""
        self.page.get_by_role("menuitem", name="Settings", exact=True).click()
        for item in ("Theme", f"JupyterLab {name}"):
            self.page.locator(".lm-Menu-itemLabel").get_by_text(item, exact=True).click()
        self.page.wait_for_function(f"document.body.dataset.jpThemeName === 'JupyterLab {name}'")

    def faults(self, within=".explorer"):
        """What axe-core finds serious, or cannot decide, in all explorers or in some."""
        assert self.page.locator(".explorer:visible").count() == len(TITLES)
        found = Axe().run(self.page, context=within, options={"resultTypes": ["violations", "incomplete"]})
        serious = [v for v in found.response["violations"] if v["impact"] in ("serious", "critical")]
        doubtful = [v for v in found.response["incomplete"] if v["id"] == "color-contrast"]
        return [(v["id"], [node["html"] for node in v["nodes"]]) for v in serious + doubtful]

    def heights(self):
        """Of all explorers, in CSS pixels."""
        return {title: self.explorer(title).height for title in TITLES}

    def contrast(self, text, ground):
        """WCAG's ratio between the fillings of two drawn nodes, 1 to 21: axe-core does not look into an SVG."""
        text, ground = (np.array(node.evaluate(FILL)) for node in (text, ground))
        assert ground[3] == 1, "what lies below would shine through"
        seen = np.stack([text[3] * text + (1 - text[3]) * ground, ground])[:, :3]
        linear = np.where(seen <= 0.03928, seen / 12.92, ((seen + 0.055) / 1.055) ** 2.4)
        dark, light = sorted(linear @ [0.2126, 0.7152, 0.0722])
        return (light + 0.05) / (dark + 0.05)


@pytest.fixture(scope="module")
def everything(open_notebook):
    notebook = open_notebook(notebook_of(EVERY))
    notebook.run_all()
    return Everything(notebook)


@pytest.fixture(scope="module")
def locked(everything):
    """Heights before the first answer, and what axe-core says of the locked pages."""
    return everything.heights(), everything.faults()


@pytest.mark.parametrize("theme", ["Dark", "Light"])
def test_everyone_can_read_and_use_them(everything, locked, theme):
    heights, faults = locked
    assert faults == []
    everything.choose_theme(theme)
    for title in TITLES:
        everything.explorer(title).unlock()
    assert everything.faults() == []
    assert everything.heights() == heights


@pytest.mark.parametrize("theme", ["Dark", "Light"])
def test_the_editor_is_legible_and_calm_in_each_state(everything, theme):
    everything.choose_theme(theme)
    editor = everything.explorer(topology_editor.title)
    height = editor.height
    editor.choice("weights").select_option("neighbours only")
    editor.button("star").click()  # W holds ones now: the darkest cells
    chosen = editor.section.get_by_role("button", name="worker 3, ")
    chosen.click()
    editor.wait_until_current()
    everything.page.mouse.move(0, 0)
    for worker in (chosen, editor.section.get_by_role("button", name="worker 5, ")):
        assert everything.contrast(worker.locator("text"), worker.locator("circle")) >= 4.5
    assert everything.faults(".explorer.editor") == []
    chosen.press("Escape")
    editor.button("ring").click()
    editor.wait_until_current()
    assert editor.height == height
