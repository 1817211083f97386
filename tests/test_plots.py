"""Figures show the numbers they are given, in one style, without global state."""

import subprocess
import sys
from itertools import pairwise

import matplotlib
import numpy as np
import pytest
from matplotlib.colors import to_rgb, to_rgba
from toys import toy

from course_lib import data, plots, topology
from course_lib.clusters import Exponential, SimulatedCluster
from course_lib.collectives import ALGORITHMS
from course_lib.errors import CourseError
from course_lib.experiment import run
from course_lib.methods import METHODS, parameter_server_sgd, sync_sgd
from course_lib.network import Network
from course_lib.problems import LeastSquares, LogisticRegression


def contrast_with_white(color):
    """WCAG's ratio of luminances, 1 to 21."""
    rgb = np.array(to_rgb(color))
    linear = np.where(rgb <= 0.03928, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return 1.05 / (linear @ [0.2126, 0.7152, 0.0722] + 0.05)


def curves(ax):
    return {line.get_label(): line for line in ax.get_lines()}


@pytest.fixture(scope="module")
def histories():
    cluster = SimulatedCluster(toy(LogisticRegression), compute=Exponential(1e-3))
    return [run(method(cluster, 0.5), 20, record_every=5, quiet=True) for method in (sync_sgd, parameter_server_sgd)]


# ---- one look a method ----------------------------------------------------------------------------------


def test_every_method_has_a_name_in_words():
    assert set(METHODS) <= set(plots.LABELS), "a new method needs a label in plots.LABELS"
    assert all("_" not in label for label in plots.LABELS.values())
    assert len(set(plots.LABELS.values())) == len(plots.LABELS)


def test_no_two_methods_of_a_section_look_alike():
    looks = [(m.__module__, plots.style(name)["color"], plots.style(name)["linestyle"]) for name, m in METHODS.items()]
    assert len(set(looks)) == len(looks)


def test_a_look_depends_on_the_name_alone_whatever_else_is_drawn():
    assert plots.style("something of my own") == plots.style("something of my own")
    command = "from course_lib import plots; print(plots.style('something of my own'))"
    elsewhere = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, check=True).stdout
    assert elsewhere.strip() == str(plots.style("something of my own"))


def test_lines_and_their_labels_can_be_read_on_white():
    assert all(contrast_with_white(color) >= 3 for color in plots.COLORS), "lines: WCAG 1.4.11"
    assert contrast_with_white(plots.THEORY["color"]) >= 7


def test_neighbours_in_a_sweep_differ_in_dashes_too():
    """So they can be told apart in grey."""
    for k in range(10):
        assert plots.series(k, "")["linestyle"] != plots.series(k + 1, "")["linestyle"]


def test_drawing_changes_no_global_setting_and_loads_no_pyplot(histories):
    before = dict(matplotlib.rcParams)
    plots.convergence(histories)._repr_png_()
    assert dict(matplotlib.rcParams) == before
    command = "import sys; from course_lib import plots; plots.figure(); assert 'matplotlib.pyplot' not in sys.modules"
    subprocess.run([sys.executable, "-c", command], check=True)


# ---- convergence ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("against", plots.CLOCKS)
@pytest.mark.parametrize("show", plots.QUANTITIES)
def test_curves_are_the_records_on_any_clock(histories, against, show):
    fig = plots.convergence(histories, against, show, optimum=0.1)
    [ax] = fig.axes
    drawn = curves(ax)
    for history in histories:
        line = drawn[plots.LABELS[history.name]]
        values = history.loss - 0.1 if show == "gap" else getattr(history, show)
        np.testing.assert_array_equal(line.get_xdata(), getattr(history, against))
        np.testing.assert_array_equal(line.get_ydata(), values)
        assert line.get_color() == plots.style(history.name)["color"]
    assert ax.get_xlabel() == plots.CLOCKS[against] and plots.QUANTITIES[show] in ax.get_title(loc="left")
    assert ax.get_yscale() == ("linear" if show in ("accuracy", "consensus") else "log")  # consensus is zero here
    assert fig._repr_png_().startswith(b"\x89PNG")


def test_the_theory_is_a_function_of_the_rounds_whatever_the_clock(histories):
    for clock in plots.CLOCKS:
        [ax] = plots.convergence(histories, clock, theory=lambda t: 1 / (1 + t)).axes
        line = curves(ax)["theory"]
        np.testing.assert_allclose(line.get_ydata(), 1 / (1 + histories[-1].rounds))
        np.testing.assert_array_equal(line.get_xdata(), getattr(histories[-1], clock))


def test_labels_stand_at_the_ends_of_their_lines_and_do_not_touch(histories):
    named = {f"run {k}": histories[0] for k in range(6)}  # all in one place: the worst case
    fig = plots.convergence(named)
    fig.canvas.draw()
    texts = [text for text in fig.axes[0].texts if text.get_text().startswith("run")]
    boxes = sorted((text.get_window_extent().y0, text.get_window_extent().y1) for text in texts)
    assert len(boxes) == 6
    assert all(low[1] <= high[0] + 1 for low, high in pairwise(boxes))  # one pixel
    for text, line in zip(texts, fig.axes[0].get_lines()):
        assert text.get_color() == line.get_color()


def test_it_draws_where_it_is_told_to(histories):
    fig, (left, right) = plots.figure(columns=2)
    assert plots.convergence(histories[0], ax=left) is fig
    assert left.get_lines() and not right.get_lines()


def test_a_run_that_diverged_can_be_drawn():
    cluster = SimulatedCluster(toy(LeastSquares))
    fig = plots.convergence(run(sync_sgd(cluster, 50.0), 3000, record_every=600, quiet=True))
    assert fig._repr_png_().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    "options, words",
    [
        ({"against": "hours"}, "no clock is called 'hours'; there are rounds, bytes, seconds"),
        ({"show": "error"}, "no record of 'error'; it has loss, gradient_norm, consensus, accuracy"),
        ({"show": "gap"}, "needs the smallest possible loss: optimum="),
    ],
)
def test_errors_are_one_line_in_the_words_of_the_domain(histories, options, words):
    with pytest.raises(CourseError, match=words):
        plots.convergence(histories, **options)


def test_more_bad_input(histories):
    with pytest.raises(CourseError, match="two runs are called sync_sgd: give a dict"):
        plots.convergence([histories[0], histories[0]])
    no_classes = run(sync_sgd(SimulatedCluster(toy(LeastSquares)), 0.1), 2, quiet=True)
    with pytest.raises(CourseError, match=r"no record of 'accuracy'; it has loss, gradient_norm, consensus$"):
        plots.convergence(no_classes, show="accuracy")


# ---- timelines and partitions ---------------------------------------------------------------------------


def bars(ax):
    """(row, colour) to the total width of bars there."""
    total = {}
    for bar in ax.patches:
        key = round(bar.get_y() + bar.get_height() / 2), bar.get_facecolor()
        total[key] = total.get(key, 0) + bar.get_width()
    return total


def test_a_timeline_shows_how_long_each_worker_computed_sent_and_waited():
    m = 5
    cluster = SimulatedCluster(toy(LeastSquares, (3,) * m), compute=Exponential(1e-3))
    X, W = cluster.start(replicated=False), topology.metropolis(topology.ring(m))
    for _ in range(3):
        X = cluster.mix(X, W) - 0.1 * cluster.gradient(X)
    [ax] = plots.timeline(cluster).axes
    drawn = bars(ax)
    for i in range(m):
        for kind in ("compute", "send", "wait"):
            lasted = sum(s.end - s.start for s in cluster.trace() if (s.worker, s.kind) == (i, kind))
            assert drawn.get((i, to_rgba(plots.SPANS[kind])), 0) == pytest.approx(lasted)
    widths = sum(width for (row, _), width in drawn.items() if row == 0)
    assert widths == pytest.approx(cluster.clock[0])
    low, high = ax.get_ylim()
    assert low > m - 1 and high < 0, "worker 0 on top"


def test_a_timeline_may_end_early():
    cluster = SimulatedCluster(toy(LeastSquares))
    run(sync_sgd(cluster, 0.1), 10, quiet=True)
    [ax] = plots.timeline(cluster, until=cluster.seconds / 2).axes
    assert ax.get_xlim() == (0, cluster.seconds / 2)
    assert max(bar.get_x() for bar in ax.patches) < cluster.seconds / 2


def test_a_partition_is_drawn_row_for_row():
    labels = data.load("digits").labels
    parts = data.partition_dirichlet(labels, 6, alpha=0.3)
    [ax] = plots.partition(labels, parts).axes
    shades = matplotlib.colormaps["viridis"](np.linspace(0, 1, 10))
    drawn = bars(ax)
    for i, part in enumerate(parts):
        for digit in range(10):
            assert drawn[i, tuple(shades[digit])] == np.sum(labels[part] == digit)


def test_partitions_share_one_scale_and_one_legend():
    labels = data.load("digits").labels
    named = {"even": data.partition_iid(labels, 6), "uneven": data.partition_uneven(labels, 6)}
    axes = plots.partitions(labels, named).axes
    assert [ax.get_title(loc="left") for ax in axes] == list(named)
    assert axes[0].get_xlim() == axes[1].get_xlim()
    assert [ax.get_legend() is None for ax in axes] == [True, False]


def test_conversations_show_each_pair_that_spoke_once():
    networks = {name: Network(8) for name in ("naive", "ring", "halving_doubling")}
    for name, network in networks.items():
        ALGORITHMS[name](network, np.ones((8, 16)))
    for ax, pairs in zip(plots.conversations(networks).axes, (28, 8, 12), strict=True):
        lines = [line for line in ax.get_lines() if len(line.get_xdata()) == 2]
        assert len(lines) == pairs
    widths = [line.get_linewidth() for line in lines]
    assert np.allclose(sorted(set(np.round(widths, 6))), [0.4 + 2 / 4, 0.4 + 2 / 2, 0.4 + 2])  # d/8, d/4, d/2 words
