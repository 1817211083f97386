"""How long a reader waits: from a key on a control to the painted picture, in JupyterLab in Chromium.

    python tests/benchmarks/bench_explorers.py

One line an explorer, in milliseconds: the first picture; the slowest later one, every control over all its values;
then function, drawing and encoding at the start (these five in processor time, measured here, alone); then, in the
page, key to painted picture, median and 95th percentile, of which the rest is the way there and back; last, where
there is a slider, the longest of a few drags, from the last event of the mouse to the painted picture. Below stand all
keys and drags together, and what `interact` with a new figure a change costs in the same run. A few minutes.
"""

import os
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import groupby
from multiprocessing import get_context
from pathlib import Path

import nbformat
import numpy as np

from course_lib.explorers import catalogue
from course_lib.explorers.picture import encode_png

sys.path.append(str(Path(__file__).parents[1] / "browser"))
from harness import NotebookPage, chromium, jupyter_lab, notebook_of

KEYS, DRAGS = 44, 3
AIM, QUICK = 100, 20  # milliseconds from key to paint, 95th percentile, where the function takes so many; of a drag 150
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


WATCH_DRAG = """scope => {
    window.drag = {};
    const painted = () => requestAnimationFrame(() => setTimeout(() => { window.drag.painted = performance.now(); }));
    scope.addEventListener("input", event => { window.drag.last = event.timeStamp; }, { capture: true });
    scope.addEventListener("load", painted, { capture: true });
}"""


def wait_of_each_key(page, scope, control, forth="ArrowRight", back="ArrowLeft"):
    """Milliseconds from key to painted picture, for `KEYS` keys forth and back."""
    waits = []
    control.focus()
    for k in range(KEYS):
        scope.evaluate(WATCH)
        control.press(back if k % 2 else forth)
        waits.append(page.evaluate("window.painted"))
        page.wait_for_timeout(50)
    return np.array(waits[4:])


def wait_of_each_drag(shown, slider):
    """Milliseconds from the last event of a drag to the painted picture, for `DRAGS` drags there and back."""
    page, box, waits = shown.page, slider.bounding_box(), []
    shown.section.evaluate(WATCH_DRAG)
    for k in range(DRAGS):
        for step, share in enumerate(np.linspace(0.05, 0.95, 16)[:: -1 if k % 2 else 1]):
            page.mouse.move(box["x"] + share * box["width"], box["y"] + box["height"] / 2)
            if step == 0:
                page.mouse.down()
            page.wait_for_timeout(16)
        page.mouse.up()
        shown.wait_until_current()
        page.wait_for_timeout(100)  # it is painted by now
        waits.append(page.evaluate("window.drag.painted - window.drag.last"))
    return np.array(waits)


def keys_of(control):
    """The key that moves a control from its start, and the one that takes it back."""
    forth, back = ("ArrowDown", "ArrowUp") if control.kind == "choice" else ("ArrowRight", "ArrowLeft")
    return (forth, back) if control.place(control.start) == 0 else (back, forth)


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


def report(name, parts, keys, drags=()):
    """One line of the table."""
    shares = "".join(f"{part:10.1f}" for part in parts) if parts else " " * 50
    longest = f"{max(drags):8.0f}" if len(drags) else ""
    print(f"{name:36}{shares}{np.median(keys):14.0f}{np.percentile(keys, 95):8.0f}{longest}", flush=True)


def measure(page, shown, explorer):
    """Waits of keys on an explorer's first slider, or first control if it has none, and of drags."""
    control = next((c for c in explorer.controls if c.kind == "slider"), explorer.controls[0])
    shown.unlock()
    if control.kind == "choice":
        return wait_of_each_key(page, shown.section, shown.choice(control.label), *keys_of(control)), ()
    slider = shown.slider(control.label)
    return wait_of_each_key(page, shown.section, slider, *keys_of(control)), wait_of_each_drag(shown, slider)


def main():
    """Measure every explorer of the course, then plain `interact`; return waits of the quick ones' keys and drags."""
    quick = []
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; milliseconds")
    columns = "".join(f"{word:>10}" for word in ("first", "slowest", "function", "drawing", "encoding"))
    print(f"{'explorer':36}{columns}{'key to paint':>14}{'p95':>8}{'drag':>8}")
    with tempfile.TemporaryDirectory() as folder, jupyter_lab(Path(folder)) as address, chromium() as browser:
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        nbformat.write(notebook_of("'nothing yet'"), Path(folder) / "start.ipynb")
        notebook = NotebookPage(page, address, "start.ipynb")

        def turn_to(name, *sources):
            nbformat.write(notebook_of(*sources), Path(folder) / f"{name}.ipynb")
            notebook.turn_to(f"{name}.ipynb").run_all()

        for module, found in groupby(catalogue().items(), lambda item: item[0].partition(".")[0]):
            explorers = dict(found)  # of one lecture: they share a page there and here
            sources = (f"from course_lib.explorers import catalogue; catalogue()[{name!r}]" for name in explorers)
            turn_to(module, *sources)
            for name, explorer in explorers.items():
                parts, waits = breakdown(explorer), measure(page, notebook.explorer(explorer.title), explorer)
                report(name, parts, *waits)
                _, _, function, *_ = parts
                if function <= QUICK:
                    quick.append(waits)
        keys, drags = map(np.concatenate, zip(*quick))
        report(f"{len(quick)} quick explorers of {len(catalogue())}", None, keys, drags)
        turn_to("interact", INTERACT)
        output = page.locator(".jp-OutputArea", has=page.locator(".widget-interact"))
        output.scroll_into_view_if_needed()
        report("plain interact", None, wait_of_each_key(page, output.first, output.get_by_role("slider").first))
    return keys, drags


def test_explorers(figure):
    """The same as part of `make bench`, in a process of its own: after Playwright ipyparallel would wait for ever."""
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        keys, drags = pool.submit(main).result()
    figure("explorers: key to painted picture, 95th percentile", AIM, float(np.percentile(keys, 95)), "ms")
    figure("explorers: end of a drag to painted picture, longest", 1.5 * AIM, float(drags.max()), "ms")


if __name__ == "__main__":
    main()
