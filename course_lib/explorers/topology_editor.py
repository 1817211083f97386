"""Draw a graph, see W, its gap, and how fast it averages: the one explorer whose control is a drawing.

Two workers, clicked one after the other (or reached by Tab and pressed by Enter), are joined, or parted if they
were joined. What the page shows is computed here, by a pure function of the edges and the rule for the weights.
"""

from dataclasses import dataclass
from functools import cached_property

import networkx as nx
import numpy as np
import traitlets

from course_lib import bounds, topology
from course_lib.errors import CourseError
from course_lib.explorers.controls import quantity
from course_lib.explorers.live import Live, LiveView, script, style
from course_lib.explorers.picture import Axes, Boxes, Canvas, Curve, Picture, Points, Theory
from course_lib.topology.mixing import check_mixing, fill, metropolis_weights

ROUNDS = 40
MESSAGE = 80_000  # bytes: a model of 10,000 numbers
STILL = (760, 300)  # CSS pixels
INK, ACCENT = "#444444", "#C04F00"


def _edges_of(graph):
    return tuple(sorted(tuple(sorted(edge)) for edge in graph.edges))


def _max_degree(edges, m):
    i, j = np.concatenate([edges, edges[:, ::-1]]).T
    return fill(i, j, np.full(len(i), 1 / (1 + np.bincount(i, minlength=m).max(initial=0))), m)


def _neighbours_only(edges, m):
    i, j = np.concatenate([edges, edges[:, ::-1]]).T
    return fill(i, j, 1 / np.bincount(i, minlength=m)[i], m)


def _fastest(edges, m):
    return topology.fastest_mixing(topology.from_edges(m, edges.tolist()))


#: Rules that turn a graph into W, by the words in the page.
RULES = {
    "Metropolis": metropolis_weights,
    "max-degree": _max_degree,
    "half of it on oneself": lambda edges, m: topology.lazy(metropolis_weights(edges, m)),
    "neighbours only": _neighbours_only,
    "fastest": _fastest,
}


@dataclass(frozen=True)
class Drawn:
    """What the page shows for one drawing: the matrix, the decay, a sentence."""

    W: np.ndarray
    picture: Picture

    @property
    def sentence(self):
        """The picture's, for the screen reader and for nbval."""
        return self.picture.sentence


def study(m, edges, rule="Metropolis"):
    """What a graph's gossip does.

    Parameters
    ----------
    m : int
        Workers.
    edges : sequence of (int, int)
    rule : str
        One of `RULES`.

    Returns
    -------
    Drawn
    """
    edges = np.array(sorted(edges), int).reshape(-1, 2)
    try:
        W = RULES[rule](edges, m)
    except CourseError as error:
        return Drawn(np.eye(m), Picture(_decay(np.eye(m)), f"{str(error)[:1].upper()}{str(error)[1:]}."))
    bill = f"{quantity(2 * len(edges), 'messages')} a round, {quantity(2 * len(edges) * MESSAGE, 'B')}."
    return Drawn(W, Picture(_decay(W), f"{_answer(W, edges)} {bill}"))


def _answer(W, edges):
    parts = nx.number_connected_components(topology.from_edges(len(W), edges.tolist()))
    if parts > 1:
        return f"The graph falls into {parts} parts: the gap is 0 and the mean is out of reach."
    try:
        check_mixing(W, np.full(len(W), 1 / len(W)))
    except CourseError:
        column = int(abs(W.sum(0) - 1).argmax())
        return f"Column {column} of W sums to {W.sum(0)[column]:.3g}, not to 1: gossip does not keep the mean."
    gap = round(topology.spectral_gap(W), 12)
    if gap == 0:
        return f"The gap is 0 although λ₂ is {_second(W):.3g}: λₘ = −1, and disagreement swings for ever."
    if gap == 1:
        return "The gap is 1: one round gives everyone the mean."
    needed = int(np.ceil(np.log(1e-3) / np.log(1 - gap)))
    return f"The gap is {quantity(gap)}: after {needed} rounds at most a thousandth of the disagreement is left."


def _second(W):
    return np.sort(np.linalg.eigvals(W).real)[-2]


def _decay(W):
    """Distance from the true mean of values drawn once, against rho^t and against lambda_2^t."""
    m, t = len(W), np.arange(ROUNDS + 1)
    X = np.random.default_rng(3).standard_normal(m)
    X, apart = X - X.mean(), []
    for _ in t:
        apart.append(np.linalg.norm(X))
        X = W @ X
    keeps_mean = abs(W.sum(0) - 1).max() < 1e-9
    rho, apart = np.linalg.norm(W - 1 / m, 2) if keeps_mean else np.nan, np.array(apart) / apart[0]
    wrong = max(_second(W), 1e-9) ** t
    return [
        Curve(t, np.maximum(apart, 1e-16), "gossip", label="measured", linestyle="-", linewidth=2.2),
        Theory(t, bounds.consensus(t, rho), "ρᵗ = (1 − gap)ᵗ"),
        Curve(t, wrong, color="#A8326B", linestyle=(0, (1, 1.5)), linewidth=1.3, label="λ₂ᵗ, a mistake"),
    ]


def places(m):
    """Where the workers stand: on a circle, worker 0 at the top, in units of its radius."""
    angle = 2 * np.pi * np.arange(m) / m
    return np.stack([np.sin(angle), np.cos(angle)], axis=-1)


class EditorView(LiveView):
    """The drawing in the page."""

    _esm, _css = script("topology_editor.js"), style("topology_editor.css")
    drawing = traitlets.Dict().tag(sync=True)  # {"edges": [[i, j], ...], "rule": place in the list}: the reader's
    shown = traitlets.Dict().tag(sync=True)  # the drawing that all below belongs to
    weights = traitlets.List().tag(sync=True)  # W, row by row


class TopologyEditor(Live):
    """A graph to draw; shown by a notebook when it ends a cell.

    Parameters
    ----------
    title : str
    workers : int
        Up to 12 stand well on the circle.
    presets : dict of str to networkx.Graph
        Buttons; the first is the graph at the start.
    size : (int, int)
        Of the picture of the decay, in CSS pixels.
    """

    decay = Axes(
        "distance from the mean", xlabel="rounds", ylabel="share that is left", xlim=(0, ROUNDS), ylim=(1e-8, 2),
        yscale="log",
    )  # fmt: skip

    def __init__(self, title, workers, presets, size=(430, 300)):
        self.title, self.workers, self.size = title, workers, size
        self.presets = {name: [list(edge) for edge in _edges_of(graph)] for name, graph in presets.items()}
        self.start = {"edges": next(iter(self.presets.values())), "rule": 0}

    def study(self, drawing):
        """What the page shows for a drawing."""
        return study(self.workers, [tuple(edge) for edge in drawing["edges"]], list(RULES)[drawing["rule"]])

    @cached_property
    def canvas(self):
        """The figure of the decay."""
        return Canvas([self.decay], self.size)

    @cached_property
    def view(self):
        """The widget, made when first shown."""
        spec = {
            "title": self.title, "workers": self.workers, "places": places(self.workers).tolist(),
            "rules": list(RULES), "presets": list(self.presets.items()), "size": self.size,
            "alt": f"{self.decay.title} against {self.decay.xlabel}",
        }  # fmt: skip
        view = EditorView(spec=spec, drawing=self.start)
        self._redraw(view)
        view.observe(lambda change: self._redraw(view), "drawing")
        return view

    def _redraw(self, view):
        with self.canvas.lock:
            drawing = view.drawing
            if view.shown == drawing:
                return
            drawn = self.study(drawing)
            with view.hold_sync():
                view.weights, view.png = drawn.W.tolist(), self.canvas.png(drawn.picture)
                view.sentence, view.shown = drawn.sentence, drawing

    def png(self, drawing=None):
        """A still for pages that run nothing: the graph, W, and the decay."""
        drawing = drawing or self.start
        drawn = self.study(drawing)
        empty = {"xlabel": "", "ylabel": "", "xticks": [], "yticks": []}
        side = {"xlim": (-1.25, 1.25), "ylim": (-1.25, 1.25), **empty}
        square = {"xlim": (0, self.workers), "ylim": (self.workers, 0), **empty}
        canvas = Canvas([Axes("graph", **side), Axes("W", **square), self.decay], STILL)
        marks = _graph_marks(self.workers, drawing["edges"]) + _matrix_marks(drawn.W)
        for mark in drawn.picture.marks:
            mark.panel = 2
        return canvas.png(Picture(marks + drawn.picture.marks, drawn.sentence))

    def __repr__(self):
        rule = list(RULES)[self.start["rule"]]
        return f"{self.title} (weights: {rule}). {self.study(self.start).sentence}"

    def still_size(self):
        """Wider than the picture of the decay: graph and matrix stand beside it."""
        return STILL


def _graph_marks(m, edges):
    at = places(m)
    lines = [Curve(*at[list(edge)].T, color=INK, linewidth=1.5, label="") for edge in edges]
    return [*lines, Points(*at.T, color=ACCENT, markersize=11, label="")]


def _matrix_marks(W):
    marks = []
    for weight in np.unique(abs(W)):
        row, column = np.nonzero(abs(W) == weight)
        shade = 1 - min(weight, 1) * np.array([1.0, 0.55, 0.3])
        marks.append(Boxes(column, row, 1, 1, panel=1, facecolor=shade))
    return marks


topology_editor = TopologyEditor(
    "Draw a graph",
    workers=8,
    presets={
        "ring": topology.ring(8), "path": topology.path(8), "star": topology.star(8),
        "hypercube": topology.hypercube(3), "complete": topology.complete(8),
        "two islands": topology.from_edges(8, [(0, 1), (1, 2), (2, 3), (3, 0), (4, 5), (5, 6), (6, 7), (7, 4)]),
    },
)  # fmt: skip
