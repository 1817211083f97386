"""How long a reader waits: from a key on a slider to the painted picture, in JupyterLab in Chromium.

    python tests/benchmarks/bench_explorers.py

One line an explorer, in milliseconds: the first picture, which may compute for all; the slowest later one, every
control over all its values; then function, drawing and encoding at the start (these five in processor time, measured
here, alone), then key to painted picture in the page, median and 95th percentile, of which the rest is the way there
and back. The last line is what `interact` with a new figure a change costs, in the same run on the same machine.
"""

import os
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import nbformat
import numpy as np

from course_lib.explorers import catalogue
from course_lib.explorers.picture import encode_png

sys.path.append(str(Path(__file__).parents[1] / "browser"))
from harness import NotebookPage, chromium, jupyter_lab

KEYS = 40
INTERACT = """
import ipywidgets, numpy as np, matplotlib.pyplot as plt
x = np.linspace(0, 1, 100)
@ipywidgets.interact(slope=(1, 100))
def plain(slope=50):
    fig, axes = plt.subplots(1, 2)
    for ax in axes:
        ax.plot(x, x[:, None] * slope * np.arange(1, 6))
    plt.show()
"""
# A picture is painted a frame after it has loaded; the key's own time stamp is where the wait begins.
WATCH = """scope => {
    window.painted = new Promise(resolve => {
        const done = start => requestAnimationFrame(() => setTimeout(() => resolve(performance.now() - start)));
        scope.addEventListener("keydown", event => {
            const loaded = image => image.target.tagName === "IMG" && done(event.timeStamp);
            scope.addEventListener("load", loaded, { capture: true, once: true });
        }, { capture: true, once: true });
    });
}"""


def wait_of_each_key(page, scope, control):
    """Milliseconds from key to painted picture, for `KEYS` keys back and forth."""
    waits = []
    control.focus()
    for k in range(KEYS):
        scope.evaluate(WATCH)
        control.press("ArrowLeft" if k % 2 else "ArrowRight")
        waits.append(page.evaluate("window.painted"))
        page.wait_for_timeout(60)
    return np.array(waits[4:])


def milliseconds(task, repeats=20):
    """Median processor time of a task: what others do on the machine counts little."""
    times = []
    for _ in range(repeats):
        start = time.thread_time()
        task()
        times.append(time.thread_time() - start)
    return 1e3 * np.median(times)


def breakdown(explorer):
    """Milliseconds of the first picture, of the slowest after it, and of function, drawing and encoding."""
    first = milliseconds(explorer.show, repeats=1)
    others = ({c.name: value} for c in explorer.controls for value in c.values)
    slowest = max(milliseconds(partial(explorer.show, **values), repeats=1) for values in others)
    picture, canvas = explorer.show(), explorer.canvas
    pixels = canvas.pixels(picture)
    tasks = explorer.show, lambda: canvas.pixels(picture), lambda: encode_png(pixels)
    return [first, slowest, *(milliseconds(task) for task in tasks)]


def report(name, parts, waits):
    """One line of the table."""
    shares = "".join(f"{part:10.1f}" for part in parts) if parts else " " * 50
    print(f"{name:36}{shares}{np.median(waits):14.0f}{np.percentile(waits, 95):8.0f}", flush=True)


def main():
    """Measure every explorer of the course, then plain `interact`."""
    explorers = catalogue()
    sources = [f"from course_lib.explorers import catalogue; catalogue()[{name!r}]" for name in explorers]
    cells = [nbformat.v4.new_code_cell(source) for source in [*sources, INTERACT]]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook = nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel})
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; milliseconds")
    columns = "".join(f"{word:>10}" for word in ("first", "slowest", "function", "drawing", "encoding"))
    print(f"{'explorer':36}{columns}{'key to paint':>14}{'p95':>8}")
    with tempfile.TemporaryDirectory() as folder:
        nbformat.write(notebook, Path(folder) / "bench.ipynb")
        with jupyter_lab(Path(folder)) as address, chromium() as browser:
            page = browser.new_page(viewport={"width": 1280, "height": 900})
            opened = NotebookPage(page, address, "bench.ipynb")
            opened.run_all()
            for name, explorer in explorers.items():
                shown = opened.explorer(explorer.title)
                shown.unlock()
                slider = next(c for c in explorer.controls if c.kind == "slider")
                waits = wait_of_each_key(page, shown.section, shown.slider(slider.label))
                report(name, breakdown(explorer), waits)
            output = page.locator(".jp-OutputArea", has=page.locator(".widget-interact"))
            output.scroll_into_view_if_needed()
            report("plain interact", None, wait_of_each_key(page, output.first, output.get_by_role("slider").first))


if __name__ == "__main__":
    main()
