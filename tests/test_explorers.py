"""Explorers without a browser: pure functions with words for what they show, and the engine that draws."""

import base64
import io
import json
import threading
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from PIL import Image

from course_lib import plots
from course_lib.errors import CourseError
from course_lib.explorers import (
    Axes,
    Choice,
    Curve,
    Explorer,
    Picture,
    Points,
    Prediction,
    Rule,
    Slider,
    Theory,
    bars,
    catalogue,
    decades,
    live,
    quantity,
    spans,
)
from course_lib.explorers.costs import all_reduce_explorer, all_reduce_times
from course_lib.explorers.kept import EVERY, FILE, key

SENTENCE = 200  # characters that fit in its two lines


def line(slope, mode):
    """A picture with one curve, to try the engine on."""
    if mode == "broken":
        raise CourseError("no line today")
    return Picture([Curve([0, 1], [0, slope], "line", linestyle="-")], f"The line rises by {slope:g}.")


def make(controls=None, picture=line, **more):
    controls = controls or [
        Slider("slope", "slope", [1, 2, 3], start=2),
        Choice("mode", "mode", ["good", "broken"]),
    ]
    axes = more.pop("axes", None) or [Axes("a line", xlabel="x", ylabel="y", xlim=(0, 1), ylim=(0, 3))]
    return Explorer("Line", controls, axes, picture, **more)


def pixels(png):
    return np.asarray(Image.open(io.BytesIO(png)))


# --- every explorer of the course -------------------------------------------------------------------------

EXPLORERS = catalogue()


def settings(explorer):
    """The start, every preset, and every control at both its ends while the others stand at their start."""
    ends = [{c.name: value} for c in explorer.controls for value in (c.values[0], c.values[-1])]
    presets = [explorer.at(places) for places in explorer.presets.values()]
    return [{}, *presets, *ends]


@pytest.mark.parametrize("name", EXPLORERS)
def test_explorer_draws_every_corner(name):
    explorer = EXPLORERS[name]
    for values in settings(explorer):
        picture, again = explorer.show(**values), explorer.show(**values)
        assert picture.sentence == again.sentence, "the same values must give the same sentence"
        assert 20 <= len(picture.sentence) <= SENTENCE, picture.sentence
        assert "nan" not in picture.sentence.split(), picture.sentence
        assert explorer.canvas.png(picture) == explorer.canvas.png(again)


@pytest.mark.parametrize("name", EXPLORERS)
def test_one_step_of_a_control_is_seen(name):
    """A control that does nothing teaches nothing."""
    explorer = EXPLORERS[name]
    start = explorer.png()
    for c in explorer.controls:
        at = c.place(c.start)
        beside = c.values[1 if at == 0 else at - 1]
        assert explorer.png(**{c.name: beside}) != start, f"{c.label} from {c.start} to {beside}"


@pytest.mark.parametrize("name", EXPLORERS)
def test_words_of_controls_are_distinct(name):
    """A screen reader's user tells two places of a slider apart by their words alone."""
    explorer = EXPLORERS[name]
    for c in explorer.controls:
        assert len(set(c.words)) == len(c.words), c.words
    labels = [c.label for c in explorer.controls]
    assert len(set(labels)) == len(labels)


LECTURES = "".join(path.read_text(encoding="utf-8") for path in Path(__file__).parents[1].glob("notebooks/0*.ipynb"))


@pytest.mark.parametrize("name", EXPLORERS)
def test_reader_can_go_back_try_and_read_on(name):
    """Presets, and a link to a card that there is; two explorers are about no theorem."""
    explorer = EXPLORERS[name]
    assert len(explorer.presets) >= 2
    if name not in ("lab.lab_explorer", "planner.planner_explorer"):
        assert f"**{explorer.theory}: " in LECTURES


def test_titles_are_unique():
    titles = [explorer.title for explorer in EXPLORERS.values()]
    assert len(set(titles)) == len(titles)


# --- what is kept ------------------------------------------------------------------------------------------

KEPT = json.loads(FILE.read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", EVERY)
def test_what_is_kept_is_what_is_computed(name):
    """Each setting is there, and three of them computed anew are the same: else run course_lib.explorers.kept."""
    function = EVERY[name]
    assert [key(values) for values in function.settings] == list(KEPT[name])
    for values in function.settings[1 :: -(-len(function.settings) // 3)]:
        np.testing.assert_allclose(function.compute(*values), KEPT[name][key(values)], rtol=1e-2)


# --- the cost of an all-reduce ----------------------------------------------------------------------------


def test_all_reduce_times_match_theory():
    """theory.md 3: m = 64, d = 2.5e7, 10 µs, 12.5 GB/s: 505, 48, 17.0 and 15.9 ms."""
    picture = all_reduce_times(workers=64, latency=1e-5, bandwidth=12.5e9, model=25 * 10**6)
    measured = {}
    for curve in picture.marks[:6]:
        measured[curve.look["label"]] = 1e3 * np.exp(np.interp(np.log(2.5e7), np.log(curve.x), np.log(curve.y)))
    expected = {"naive": 505, "recursive doubling": 48, "ring": 17.0, "halving-doubling": 15.9}
    for name, milliseconds in expected.items():
        assert measured[name] == pytest.approx(milliseconds, rel=0.01)
    assert "quickest is halving-doubling, 15.9 ms" in picture.sentence


def test_latency_decides_for_small_models_and_bandwidth_for_large():
    assert "quickest is recursive doubling" in all_reduce_explorer.show(model=1000).sentence
    assert "quickest is halving-doubling" in all_reduce_explorer.show(model=7 * 10**9).sentence


# --- controls ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value, unit, words",
    [
        (1e-5, "s", "10 µs"), (0.99999, "s", "1 s"), (1e3, "s", "1,000 s"),
        (2.5e7, "s", "25 million s"), (0, "s", "0 s"),
        (3e-12, "s", "0.003 ns"), (12.5e9, "B/s", "12.5 GB/s"), (25e6, "words", "25 million words"),
        (1024, "", "1,024"), (1024.0, "", "1,020"), (0.1 + 0.2, "", "0.3"), (-2e-4, "", "-0.0002"),
        (3.2e-9, "", "3.2 × 10⁻⁹"), (7e9, "words", "7 billion words"), (5e13, "", "5 × 10¹³"),
        (np.inf, "words", "∞ words"), (np.nan, "s", "undefined s"),
    ],
)  # fmt: skip
def test_numbers_in_words(value, unit, words):
    assert quantity(value, unit) == words


def test_decades_are_round_and_within():
    assert decades(1e-3, 0.02) == [0.001, 0.002, 0.005, 0.01, 0.02]


def test_slider_takes_the_nearest_value():
    slider = Slider("step", "step size", np.geomspace(0.01, 1, 5), start=0.1)
    assert slider.values[slider.place(0.09)] == pytest.approx(0.1)
    assert all(type(value) is float for value in slider.values)


@pytest.mark.parametrize(
    "wrong, message",
    [
        (lambda: Slider("s", "s", [1, 1], start=1), "rising order"),
        (lambda: Slider("s", "s", [1, 2], start=3), "lies outside 1 to 2"),
        (lambda: Choice("c", "c", ["a", "b"], start="z"), "none of a, b"),
        (lambda: make(controls=[Slider("slop", "slope", [1, 2], start=1)]), "picture takes"),
        (lambda: make(presets={"steep": {"slop": 3}}), "no control"),
        (lambda: make(presets={"steep": {"slope": 9}}), "lies outside"),
    ],
)
def test_mistakes_are_named(wrong, message):
    with pytest.raises(CourseError, match=message):
        wrong()


# --- drawing ----------------------------------------------------------------------------------------------


def test_same_values_same_bytes_whatever_came_before():
    explorer, fresh = make(), make()
    explorer.png(slope=1)
    explorer.png(slope=3)
    assert explorer.png(slope=2) == fresh.png(slope=2) != fresh.png(slope=1)


def test_only_the_curves_are_drawn_again(monkeypatch):
    explorer = make()
    explorer.png()
    monkeypatch.setattr(explorer.canvas.canvas, "draw", lambda: pytest.fail("decorations drawn twice"))
    explorer.png(slope=3)


def test_curve_is_where_its_numbers_are():
    """On y = 3x the pixels have the curve's colour, and a little aside they are the white of the panel."""
    explorer = make()
    picture = pixels(explorer.png(slope=3))
    colour = 255 * np.array(to_rgb(plots.style("line")["color"]))
    for x in (0.26, 0.55, 0.77):
        column, row = explorer.canvas.panels[0].transData.transform((x, 3 * x))
        at = picture.shape[0] - round(row), round(column)
        assert np.abs(picture[at] - colour).max() < 60
        assert np.all(picture[at[0], at[1] + 15] == 255)


def test_all_marks_draw_and_stand_in_the_legend():
    def everything(workers):
        rows = np.arange(workers)
        marks = [
            spans(rows, rows, rows + 1.0, "compute"),
            spans(rows, rows + 1.0, rows + 1.5, "wait"),
            bars([1, 2], [1, 2], "ring", panel=1),
            Theory([0, 3], [0, 3], "theory", panel=1),
            Points([1], [2], "naive", panel=1),
            Rule(x=2, panel=1),
            Rule(y=2, name="limit", panel=1),
        ]
        return Picture(marks, f"{workers} workers take turns and wait for each other.")

    axes = [
        Axes("who is busy", xlabel="seconds", ylabel="worker", xlim=(0, 6), ylim=(4.5, -0.5)),
        Axes("total", xlabel="method", ylabel="seconds", xlim=(0, 3), ylim=(0, 3)),
    ]
    explorer = make([Slider("workers", "workers", [1, 4], start=4)], everything, axes=axes)
    assert explorer.png(workers=1) != explorer.png(workers=4)
    (legend,) = explorer.canvas.figure.legends
    names = [text.get_text() for text in legend.get_texts()]
    assert names == ["compute", "wait", "ring", "theory", "naive", "limit"]


@pytest.mark.parametrize("mark", [
    Curve([-9, 9], [-9, 9]), Theory([-9, 9], [1, 1]), Points([1], [2], markersize=500), bars([1], [9], width=9),
])  # fmt: skip
def test_nothing_is_drawn_outside_of_its_panel(mark):
    canvas = make().canvas
    empty, drawn = (canvas.pixels(Picture(marks, "")) for marks in ([], [mark]))
    height = len(empty)
    (left, bottom), (right, top) = canvas.panels[0].bbox.get_points()
    changed = np.argwhere(np.any(empty != drawn, axis=-1)) + 0.5  # the middle of each pixel
    assert len(changed) > 100
    assert np.all(np.abs(changed - [height - (top + bottom) / 2, (left + right) / 2])
                  <= [(top - bottom) / 2 + 1, (right - left) / 2 + 1])  # fmt: skip


def test_legend_follows_a_new_name():
    def named(name):
        return Picture([Curve([0, 1], [0, 1], name)], "One line, under several names.")

    explorer = make([Choice("name", "name", ["sync_sgd", "async_sgd"])], named)
    explorer.png(name="sync_sgd")
    explorer.png(name="async_sgd")
    (legend,) = explorer.canvas.figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["async SGD"]


def test_drawing_leaves_matplotlib_as_it_was():
    import matplotlib

    before = dict(matplotlib.rcParams)
    make().png()
    assert dict(matplotlib.rcParams) == before


# --- the widget and the still -----------------------------------------------------------------------------


def test_saved_notebook_shows_a_still_and_words():
    explorer = make()
    data, metadata = explorer._repr_mimebundle_()
    still = pixels(base64.b64decode(data["image/png"]))
    assert still.shape[:2] == (480, 1140)  # 760 × 320 CSS pixels, one and a half dots each
    assert metadata["image/png"] == {"width": 760, "height": 320}
    assert data["text/plain"] == "Line (slope: 2, mode: good). The line rises by 2."
    assert data["application/vnd.jupyter.widget-view+json"]["model_id"] == explorer.view.model_id


def test_text_does_not_depend_on_what_the_reader_did():
    """nbval compares it: it must tell of the start, wherever the slider stands."""
    explorer = make()
    before = repr(explorer)
    explorer.view.places = {"slope": 2, "mode": 0}
    assert repr(explorer) == before


def test_view_follows_its_controls():
    explorer = make()
    explorer.view.places = {"slope": 2, "mode": 0}
    assert explorer.view.sentence == "The line rises by 3."
    assert explorer.view.png == explorer.png(slope=3)
    assert explorer.view.shown == {"slope": 2, "mode": 0}


def test_picture_has_one_size_for_all_values():
    explorer = make()
    assert len({pixels(explorer.png(slope=s)).shape for s in (1, 2, 3)}) == 1


def test_last_value_wins():
    """A slow value that finishes after a quick one must not be what stays on the page."""
    started, go_on = threading.Event(), threading.Event()

    def slow_first(slope):
        if slope == 1:
            started.set()
            assert go_on.wait(10)
        return Picture([Curve([0, 1], [0, slope], "line", linestyle="-")], f"The line rises by {slope:g}.")

    explorer = make([Slider("slope", "slope", [1, 2, 3], start=2)], slow_first)
    view = explorer.view
    slow = threading.Thread(target=lambda: setattr(view, "places", {"slope": 0}))
    slow.start()
    assert started.wait(10)
    quick = threading.Thread(target=lambda: setattr(view, "places", {"slope": 2}))
    quick.start()
    quick.join(0.3)  # time to overtake, were there no lock
    go_on.set()
    slow.join(10)
    quick.join(10)
    assert view.sentence == "The line rises by 3." and view.shown == {"slope": 2}


def test_a_kernel_reads_what_is_waiting_before_it_draws(monkeypatch):
    """Three values of a quick drag: one picture, the last one's."""
    drawn, later = [], []

    def noted(slope):
        drawn.append(slope)
        return line(slope, "good")

    kernel = SimpleNamespace(io_loop=SimpleNamespace(add_callback=later.append))
    monkeypatch.setattr(live, "get_ipython", lambda: SimpleNamespace(kernel=kernel))
    view = make([Slider("slope", "slope", [1, 2, 3], start=2)], noted).view
    for place in (0, 1, 2):
        view.places = {"slope": place}
    assert drawn == [2], "the start alone"
    for task in later:
        task()
    assert drawn == [2, 3] and view.sentence == "The line rises by 3."


def test_an_error_is_told_where_the_reader_looks():
    explorer = make()
    before = explorer.view.png
    explorer.view.places = {"slope": 0, "mode": 1}
    assert explorer.view.sentence == "No picture for this setting: no line today"
    assert explorer.view.png == before
    explorer.view.places = {"slope": 0, "mode": 0}
    assert explorer.view.sentence == "The line rises by 1."


def test_page_gets_names_words_and_presets():
    explorer = make(presets={"steep": {"slope": 3}}, prediction=Prediction("How steep?", ["flat", "steep"]))
    spec = explorer.view.spec
    assert [c["words"] for c in spec["controls"]] == [["1", "2", "3"], ["good", "broken"]]
    assert dict(spec["presets"]) == {"steep": {"slope": 2, "mode": 0}, "Reset": {"slope": 1, "mode": 0}}
    assert spec["answers"] == ["flat", "steep"]
    assert spec["alt"] == "a line: y against x"
