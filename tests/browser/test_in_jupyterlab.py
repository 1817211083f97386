"""Explorers as students meet them: in JupyterLab, in Chromium, with the keyboard and with the mouse.

What the page shows is compared with what the explorer's pure function gives for the same values.
"""

import pytest
from harness import notebook_of, shows
from nbformat.v4 import new_markdown_cell
from playwright.sync_api import expect

from course_lib.explorers import catalogue
from course_lib.explorers.costs import all_reduce_explorer
from course_lib.grading import submissions
from course_lib.grading.question import CASES
from tests.test_notebooks import IN_A_BROWSER, ROOT

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def all_reduce_page(open_notebook):
    """A notebook with two views of the explorer of the all-reduce's cost, run."""
    page = open_notebook(notebook_of("from course_lib.explorers.costs import all_reduce_explorer as e\ne", "e"))
    page.run_all()
    return page


@pytest.fixture
def all_reduce(all_reduce_page):
    """The first of the two views, unlocked, at its start."""
    shown = all_reduce_page.explorer(all_reduce_explorer.title)
    shown.unlock()
    shown.button("Reset").click()
    shown.wait_until_current()
    return shown


def test_prediction_comes_first(all_reduce_page):
    """Controls are locked and the picture is veiled until an answer is given; nothing moves when it is."""
    shown = all_reduce_page.explorer(all_reduce_explorer.title)
    height = shown.height
    assert shown.slider("workers").is_disabled()
    assert not shown.image.is_visible()
    shown.button("halving-doubling").press("Enter")
    shown.image.wait_for(state="visible")
    assert shown.slider("workers").is_enabled()
    assert shown.height == height


def test_slider_moves_by_keyboard_and_the_picture_answers(all_reduce):
    assert shows(all_reduce, all_reduce_explorer)
    latency = all_reduce.slider("latency of a message")
    height, top = all_reduce.height, all_reduce.top
    all_reduce.press(latency, "ArrowRight", "ArrowRight")
    assert latency.get_attribute("aria-valuetext") == "50 µs", "the value is announced in words"
    assert shows(all_reduce, all_reduce_explorer, latency=5e-5)
    all_reduce.press(latency, "End", "ArrowDown", "ArrowDown")
    assert shows(all_reduce, all_reduce_explorer, latency=2e-2)
    assert (all_reduce.height, all_reduce.top) == (height, top), "the page jumped"
    assert latency.evaluate("slider => slider === document.activeElement"), "arrow keys went to the notebook"


def test_last_key_of_a_burst_wins(all_reduce):
    bandwidth = all_reduce.slider("bandwidth of a link")
    bandwidth.focus()
    for key in ["ArrowLeft"] * 9 + ["ArrowRight"] * 2:
        bandwidth.press(key)
    all_reduce.wait_until_current()
    assert shows(all_reduce, all_reduce_explorer, bandwidth=5e7)


def test_choice_presets_and_reset(all_reduce):
    all_reduce.press(all_reduce.choice("model"), "Home")
    assert shows(all_reduce, all_reduce_explorer, model=1000)
    all_reduce.press(all_reduce.button("home internet"), "Enter")
    assert shows(all_reduce, all_reduce_explorer, latency=1e-2, bandwidth=1e6, workers=16)
    assert all_reduce.slider("workers").get_attribute("aria-valuetext") == "16"
    all_reduce.press(all_reduce.button("Reset"), "Space")
    assert shows(all_reduce, all_reduce_explorer)


def test_mouse_drags_a_slider(all_reduce):
    all_reduce.drag_to_end(all_reduce.slider("workers"))
    assert shows(all_reduce, all_reduce_explorer, workers=1024)


def test_keyboard_alone_reaches_everything(all_reduce):
    """From the first answer on, Tab passes each control once, in the order in which they stand."""
    all_reduce.slider("workers").focus()
    reached = []
    for _ in range(7):
        name = "document.activeElement.labels?.[0]?.textContent || document.activeElement.textContent"
        reached.append(all_reduce.page.evaluate(name))
        all_reduce.page.keyboard.press("Tab")
    sliders = ["workers", "latency of a message", "bandwidth of a link"]
    assert reached == [*sliders, "model", "data centre", "home internet", "tiny model"]


def test_two_views_move_together(all_reduce_page, all_reduce):
    second = all_reduce_page.explorer(all_reduce_explorer.title, nth=1)
    all_reduce.press(all_reduce.slider("workers"), "End")
    second.wait_until_current()
    assert shows(second, all_reduce_explorer, workers=1024)


MOVING = """
from course_lib.explorers import Axes, Explorer, Picture, Points, Slider
def dot(time):
    if time == 3: raise ValueError("no third second")
    return Picture([Points([time], [1], "dot")], f"After {time} seconds the dot stands at {time}.")
Explorer("A moving dot", [Slider("time", "time", range(6), start=0, unit="s", play=True)],
         [Axes("dot", xlabel="place", ylabel="", xlim=(-1, 6), ylim=(0, 2))], dot, live=False,
         theory="Theorem card 0.1")
"""


def test_play_steps_to_the_end_and_errors_are_told(open_notebook):
    page = open_notebook(notebook_of(MOVING))
    page.run_all()
    shown = page.explorer("A moving dot")
    link = shown.section.get_by_role("link", name="Theorem card 0.1")
    assert link.get_attribute("href") == "11_reference.ipynb", "the page does not hold the card"
    time = shown.slider("time")
    for _ in range(3):
        time.press("ArrowRight")
    shown.wait_until_current()
    assert shown.sentence == "No picture for this setting: no third second"
    shown.press(shown.button("play time"), "Enter")
    shown.button("play time").wait_for()  # it says "pause time" while it plays
    shown.wait_until_current()
    assert shown.sentence == "After 5 seconds the dot stands at 5."
    assert time.get_attribute("aria-valuetext") == "5 s"


def leads_to_its_card(page, shown, card):
    """By keyboard, where the lecture holds it; else the link is to the reference."""
    statement = page.locator("strong", has_text=f"{card}:").first
    if statement.count():
        shown.section.get_by_role("link", name=card).press("Enter")
        expect(statement).to_be_in_viewport()


def test_whoever_reads_on_is_not_held_at_the_card(open_notebook):
    notebook = notebook_of(MOVING)
    notebook.cells.append(new_markdown_cell("**Theorem card 0.1:** the dot moves."))
    page = open_notebook(notebook)
    page.run_all()
    shown = page.explorer("A moving dot")
    leads_to_its_card(page.page, shown, "Theorem card 0.1")
    page.page.keyboard.press("Shift")
    shown.section.scroll_into_view_if_needed()
    page.page.wait_for_timeout(400)  # milliseconds; the card is held in view for 300 where nobody does anything
    expect(shown.section).to_be_in_viewport()


@pytest.fixture(scope="module")
def known():
    """The solved lectures and homework, by name."""
    return submissions.references(ROOT)


@pytest.mark.parametrize("lecture", IN_A_BROWSER, ids=str)
def test_a_students_evening(open_notebook, known, lecture):
    """Open a lecture and run it: nothing fails. Write the answers: all are right. Move each control of each explorer,
    one step from its start by keyboard, and each slider to its end by mouse."""
    page = open_notebook(ROOT / lecture)
    page.run_all()
    assert page.errors == []
    answers = known[lecture.stem].answers if lecture.stem in known else {}  # a study asks nothing
    page.answer(answers)
    right = page.page.get_by_text(f"right on {CASES} fresh inputs")
    expect(right).to_have_count(len(answers))
    assert page.errors == []
    source = (ROOT / lecture).read_text(encoding="utf-8")
    explorers = [explorer for name, explorer in catalogue().items() if name.split(".")[1] in source]
    assert explorers or "course_lib.explorers" not in source
    for explorer in explorers:
        shown = page.explorer(explorer.title)
        height = shown.height
        shown.unlock()
        for c in explorer.controls:
            control = shown.slider(c.label) if c.kind == "slider" else shown.choice(c.label)
            at = c.place(c.start)
            step = 1 if at == 0 else -1
            forth, back = ("ArrowDown", "ArrowUp") if c.kind == "choice" else ("ArrowRight", "ArrowLeft")
            shown.press(control, forth if step == 1 else back)
            moved = {c.name: c.values[at + step]}
            assert shows(shown, explorer, **moved)
            if c.kind == "slider":
                shown.drag_to_end(control)
                moved = {c.name: c.values[-1]}
                assert shows(shown, explorer, **moved)
            if explorer.places(moved) != explorer.places():
                shown.press(shown.button("Reset"), "Enter")
        assert shown.height == height
        if explorer.theory:
            leads_to_its_card(page.page, shown, explorer.theory)
