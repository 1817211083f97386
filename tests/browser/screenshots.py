"""Take the README's pictures of explorers anew, from JupyterLab in Chromium: `python tests/browser/screenshots.py`."""

import tempfile
from pathlib import Path

import nbformat
from harness import NotebookPage, chromium, jupyter_lab, notebook_of

from course_lib.explorers.synchronous import step_size_explorer
from course_lib.explorers.topology_editor import topology_editor

IMAGES = Path(__file__).parents[2] / "notebooks" / "images"
PICTURES = {"explorer.png": step_size_explorer.title, "editor.png": topology_editor.title}
CELL = """
from IPython.display import display
from course_lib.explorers.synchronous import step_size_explorer
from course_lib.explorers.topology_editor import topology_editor
display(step_size_explorer, topology_editor)
"""


def main():
    """Show the explorers as a reader sees them after the prediction, and write one picture each."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        nbformat.write(notebook_of(CELL), folder / "pictures.ipynb")
        with jupyter_lab(folder) as address, chromium() as browser:
            screen = browser.new_page(viewport={"width": 1280, "height": 1600}, device_scale_factor=1.5)
            page = NotebookPage(screen, address, "pictures.ipynb")
            page.run_all()
            for file, title in PICTURES.items():
                shown = page.explorer(title)
                shown.unlock()
                screen.mouse.move(0, 0)
                screen.wait_for_timeout(300)  # the veil is gone
                shown.section.screenshot(path=IMAGES / file)


if __name__ == "__main__":
    main()
