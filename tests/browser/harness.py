"""A notebook in Jupyter in Chromium, and an explorer in it, driven as a student would: by keyboard and by mouse."""

import io
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager

import nbformat
import numpy as np
from PIL import Image

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
BROWSER_ARGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
QUIET = """{"@jupyterlab/apputils-extension:notification":
    {"fetchNews": "false", "checkForUpdates": false, "doNotDisturbMode": true}}"""

TURN = """async path => {
    const run = (command, options) => window.jupyterapp.commands.execute(command, options);
    await run("docmanager:save");
    await run("application:close");
    await run("docmanager:open", { path });
}"""
# Put other sources into some cells, by id; run these, and all that check an answer or try to use one.
ANSWER = """async sources => {
    const notebook = window.jupyterapp.shell.currentWidget.content;
    for (const [place, cell] of notebook.widgets.entries()) {
        const { id, sharedModel } = cell.model;
        if (id in sources) sharedModel.setSource(sources[id]);
        else if (!/check[(]|attempt[(]/.test(sharedModel.getSource())) continue;
        notebook.activeCellIndex = place;
        await window.jupyterapp.commands.execute("notebook:run-cell");
    }
}"""
ERRORS = """() => window.jupyterapp.shell.currentWidget.content.widgets
    .flatMap(cell => cell.model.outputs?.toJSON() ?? [])
    .filter(output => output.output_type === "error")
    .map(output => `${output.ename}: ${output.evalue}`)"""
KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}


def notebook_of(*cells):
    """A small notebook with some text below, so that a jump of the page would show."""
    code = [nbformat.v4.new_code_cell(cell) for cell in cells]
    after = nbformat.v4.new_markdown_cell("\n\n".join(["Below the explorer."] * 40))
    return nbformat.v4.new_notebook(cells=[*code, after], metadata={"kernelspec": KERNEL})


def shows(shown, explorer, **values):
    """Sentence and picture on the page are those that the pure function gives for these values."""
    picture = explorer.show(**values)
    assert shown.sentence == picture.sentence
    here = np.asarray(Image.open(io.BytesIO(shown.png)))
    there = explorer.canvas.pixels(picture)
    assert here.shape == there.shape
    assert np.mean(np.any(here != there, axis=-1)) < 1e-3
    return True


def free_port():
    """A loopback port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def jupyter_lab(folder):
    """JupyterLab on a folder of notebooks, without token, news or a browser of its own; yields its address.

    Its settings, workspaces and run-time files live in a hidden folder there, so nothing of the user's is
    read or written.
    """
    private = folder / ".jupyter"
    private.mkdir()
    overrides = private / "lab-settings"
    overrides.mkdir()
    (overrides / "overrides.json").write_text(QUIET)
    homes = (
        "JUPYTER_CONFIG_DIR",
        "JUPYTER_DATA_DIR",
        "JUPYTER_RUNTIME_DIR",
        "JUPYTERLAB_WORKSPACES_DIR",
        "IPYTHONDIR",
    )
    environment = os.environ | {home: str(private / home.lower()) for home in homes}
    port = free_port()
    options = [
        f"--ServerApp.root_dir={folder}", f"--ServerApp.port={port}", "--ServerApp.ip=127.0.0.1",
        "--ServerApp.open_browser=False", "--ServerApp.allow_root=True", "--IdentityProvider.token=",
        "--ServerApp.password=", "--ServerApp.disable_check_xsrf=True",
        "--LabApp.news_url=None", "--LabApp.extension_manager=readonly", "--LabApp.expose_app_in_browser=True",
        f"--LabApp.app_settings_dir={overrides}", "--ServerApp.log_level=ERROR",
    ]  # fmt: skip
    with open(private / "server.log", "w") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", *options], env=environment, stdout=log, stderr=log,
            start_new_session=True,
        )  # fmt: skip
    try:
        address = f"http://127.0.0.1:{port}"
        _wait_for(address, server, private / "server.log")
        yield address
    finally:
        os.killpg(server.pid, signal.SIGTERM)  # the server and its kernels
        server.wait(timeout=20)


def _wait_for(address, server, log, seconds=60):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            return urllib.request.urlopen(f"{address}/api", timeout=2).read()
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            if server.poll() is not None:
                break
            time.sleep(0.2)
    raise RuntimeError(f"JupyterLab did not start:\n{log.read_text()[-2000:]}")


def shut_down_kernel(address, path):
    """End the kernel of one notebook of a server, as closing the page would not."""
    with urllib.request.urlopen(f"{address}/api/sessions") as answer:
        sessions = json.load(answer)
    for session in (s for s in sessions if s["path"] == path):
        request = urllib.request.Request(f"{address}/api/sessions/{session['id']}", method="DELETE")
        urllib.request.urlopen(request).close()


@contextmanager
def chromium(**options):
    """The system's Chromium, without a window."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=BROWSER_ARGS, **options)
        try:
            yield browser
        finally:
            browser.close()


class NotebookPage:
    """One notebook open in JupyterLab.

    Parameters
    ----------
    page : playwright Page
    address : str
        Of the server.
    path : str
        The notebook's path under the server's folder.
    """

    app = "doc/tree"

    def __init__(self, page, address, path):
        self.page, self.address, self.path = page, address, path
        with self._kernel_comes():
            page.goto(f"{address}/{self.app}/{path}")

    @contextmanager
    def _kernel_comes(self):
        with self.page.expect_websocket(lambda socket: "/api/kernels/" in socket.url, timeout=60_000) as socket:
            yield
        socket.value.wait_for_event("framereceived")  # before it, the kernel takes no orders
        self.page.locator(".jp-Notebook-ExecutionIndicator[data-status='idle']").wait_for(state="attached")

    def turn_to(self, path):
        """Close this notebook, end its kernel, and open another on the same page: loading JupyterLab takes seconds."""
        with self._kernel_comes():
            self.page.evaluate(TURN, path)
        shut_down_kernel(self.address, self.path)
        self.path = path
        return self

    def run_all(self, seconds=300):
        """Run all cells as a reader does, by the menu; return when each has run and the kernel is idle."""
        self.page.get_by_role("menuitem", name="Run", exact=True).click()
        self.page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
        self.page.wait_for_function(
            """() => {
                const prompts = [...document.querySelectorAll(".jp-CodeCell .jp-InputPrompt")];
                const idle = document.querySelector(".jp-Notebook-ExecutionIndicator[data-status='idle']");
                return idle && prompts.length && prompts.every(prompt => /[0-9]/.test(prompt.textContent));
            }""",
            timeout=seconds * 1000,
            polling=200,  # milliseconds; else it looks before each frame, and draws frames for that
        )

    def answer(self, sources):
        """Write answers into their cells, by id; run these and what checks or uses them."""
        self.page.evaluate(ANSWER, sources)

    @property
    def errors(self):
        """What cells have failed with."""
        return self.page.evaluate(ERRORS)

    def explorer(self, title, nth=0):
        """The explorer of that title (the nth view of it), scrolled into view."""
        explorer = ExplorerOnPage(self.page, title, nth)
        explorer.section.scroll_into_view_if_needed(timeout=30_000)
        explorer.wait_until_current()
        return explorer


class Notebook7Page(NotebookPage):
    """The same notebook in Jupyter Notebook 7."""

    app = "notebooks"


class VoilaPage(NotebookPage):
    """The same notebook as Voila serves it: run already, and without its code."""

    def __init__(self, page, address, path):
        self.page = page
        page.goto(f"{address}/voila/render/{path}", timeout=60_000)


class ExplorerOnPage:
    """An explorer as the page shows it, found by what a screen reader would say."""

    def __init__(self, page, title, nth=0):
        self.page, self.title = page, title
        region = page.get_by_role("region", name=title, exact=True).nth(nth)
        label = region.get_attribute("aria-labelledby")  # by which it is found without asking the whole page for roles
        self.section = page.locator(f"section[aria-labelledby={label}]")
        self.image = self.section.locator("figure img")

    def slider(self, label):
        """The slider with this accessible name."""
        return self.section.get_by_role("slider", name=label, exact=True)

    def choice(self, label):
        """The list with this accessible name."""
        return self.section.get_by_role("combobox", name=label, exact=True)

    def button(self, name):
        """The button with this accessible name: a preset, "Reset", an answer."""
        return self.section.get_by_role("button", name=name, exact=True)

    @property
    def sentence(self):
        """What the page says the picture shows."""
        return self.section.locator("figcaption").inner_text()

    @property
    def png(self):
        """The bytes of the picture that the page shows."""
        bytes_of = "new Uint8Array(await (await fetch(image.src)).arrayBuffer())"
        script = f"async image => Array.from({bytes_of}, byte => String.fromCharCode(byte)).join('')"
        return self.image.evaluate(script).encode("latin-1")

    @property
    def height(self):
        """Height of the whole explorer in CSS pixels."""
        return self.section.bounding_box()["height"]

    @property
    def top(self):
        """Where it begins on the screen, in CSS pixels."""
        return self.section.bounding_box()["y"]

    def unlock(self):
        """Commit to the first answer, where a prediction is asked for; return when the picture is there."""
        answers = self.section.get_by_role("group", name="Predict first").get_by_role("button")
        if answers.count() and answers.first.is_enabled():
            answers.first.press("Enter")
        self.image.wait_for(state="visible")

    def wait_until_current(self, seconds=30):
        """Wait until the picture shown belongs to where the controls stand."""
        current = self.section.locator("figure[aria-busy='false']")
        current.wait_for(timeout=seconds * 1000)

    def drag_to_end(self, slider):
        """Drag a slider's knob by mouse from the middle past its right end; return when the picture has followed."""
        box = slider.bounding_box()
        mouse = self.page.mouse
        mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        mouse.down()
        mouse.move(box["x"] + box["width"] + 5, box["y"], steps=4)
        mouse.up()
        self.wait_until_current()

    def press(self, control, *keys):
        """Press keys on a control one after another; return when the picture has followed."""
        from playwright.sync_api import TimeoutError as NoPicture

        control.focus()
        for key in keys:
            before = self.image.get_attribute("src")
            control.press(key)
            try:
                changed = "([image, before]) => image.src !== before && image.complete"
                self.page.wait_for_function(changed, arg=[self.image.element_handle(), before])
            except NoPicture as error:
                focus = self.page.evaluate("document.activeElement.outerHTML.slice(0, 300)")
                said = f"no new picture of '{self.title}' after {key}; {self.sentence} The focus is on {focus}"
                raise AssertionError(said) from error
        self.wait_until_current()
