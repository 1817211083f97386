"""What an explorer shows: curves on axes with fixed limits, and a sentence that says the same in words.

The axes, their labels and the legend are drawn once and kept as pixels; a change draws the curves alone on
top of them. That is what makes an explorer answer at once: a full drawing costs some fifty times more.
"""

from dataclasses import dataclass
from struct import pack
from threading import RLock
from zlib import crc32

import matplotlib
import numpy as np
from isal import isal_zlib
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import PathPatch
from matplotlib.path import Path

from course_lib import plots

PIXELS_PER_INCH = 96  # what a browser calls an inch
SHARPNESS = 1.5  # picture dots a CSS pixel: crisp on fine screens, and quick to encode


class Axes:
    """One panel of a picture; its limits never change, so that the eye compares like with like.

    Parameters
    ----------
    title, xlabel, ylabel : str
        What is shown, and the units.
    xlim, ylim : (float, float)
        Fixed limits.
    **settings
        Anything that ``matplotlib.axes.Axes.set`` takes: ``yscale="log"``, ``xticks=...``.
    """

    def __init__(self, title, *, xlabel, ylabel, xlim, ylim, **settings):
        self.title, self.xlabel, self.ylabel = title, xlabel, ylabel
        self.settings = {"xlabel": xlabel, "ylabel": ylabel, "xlim": xlim, "ylim": ylim, **settings}

    def draw(self, ax):
        """Draw frame, grid and labels on a matplotlib axes."""
        scales = {key: self.settings[key] for key in ("xscale", "yscale") if key in self.settings}
        ax.set(**scales)  # first: setting a scale chooses limits and ticks anew
        ax.set(title=self.title, **self.settings)


class Mark:
    """Something drawn on a panel, under a name that stands in the legend.

    Parameters
    ----------
    name : str
        A series that ``plots.style`` knows or gives a look; "" keeps the mark out of the legend.
    panel : int
        Which of the explorer's axes it belongs to.
    **look
        Matplotlib properties that replace those of ``plots.style``, such as ``linewidth=3``.
    """

    def __init__(self, name="", panel=0, **look):
        self.name, self.panel = name, panel
        self.look = self.style(name) | look

    def style(self, name):
        """Colour, line style and legend text of the series."""
        return {"linewidth": 1.8} | (plots.style(name) if name else {"color": "#444444", "label": ""})


class Curve(Mark):
    """A measured or computed line through the points (x, y)."""

    def __init__(self, x, y, name="", panel=0, **look):
        super().__init__(name, panel, **look)
        self.x, self.y = np.asarray(x, float), np.asarray(y, float)

    def artist(self, ax):
        """The line, to be drawn on these axes."""
        return Line2D(self.x, self.y, transform=ax.transData, **self.look)


class Theory(Curve):
    """What theory predicts: a thin dark dashed line, the same in every picture of the course."""

    def style(self, name):
        """The course's look for theory."""
        return plots.THEORY | {"linewidth": 1.3, "label": name}


class Points(Curve):
    """Points without a line."""

    def style(self, name):
        """The series' colour, as dots with a white rim."""
        dots = {"linestyle": "none", "marker": "o", "markersize": 7, "markeredgecolor": "white"}
        return super().style(name) | dots


class Rule(Theory):
    """A dashed line across the whole panel, upright at `x` or level at `y`: a threshold, a crossover."""

    def __init__(self, x=None, y=None, name="", panel=0, **look):
        across = [0, 1]
        super().__init__(across if x is None else [x, x], across if y is None else [y, y], name, panel, **look)
        self.upright = y is None

    def artist(self, ax):
        """The line: one coordinate is of the data, the other a share of the panel."""
        transform = ax.get_xaxis_transform() if self.upright else ax.get_yaxis_transform()
        return Line2D(self.x, self.y, transform=transform, **self.look)


class Boxes(Mark):
    """Filled boxes: bars of a bar chart, or spans of a rank × time chart.

    Parameters
    ----------
    left, bottom, width, height : float or array
        In the panel's units; broadcast against each other.
    """

    def __init__(self, left, bottom, width, height, name="", panel=0, **look):
        super().__init__(name, panel, **look)
        self.left, self.bottom, self.width, self.height = np.broadcast_arrays(left, bottom, width, height)

    def style(self, name):
        """The series' colour as a filling, with a white rim between neighbours."""
        series = plots.style(name) if name else {"color": "#444444", "label": ""}
        color = plots.SPANS.get(name, series["color"])
        return {"facecolor": color, "label": series["label"], "edgecolor": "white", "linewidth": 0.5}

    def artist(self, ax):
        """The boxes as one path: quicker than a collection."""
        right, top = self.left + self.width, self.bottom + self.height
        x = np.stack([self.left, right, right, self.left], -1)
        y = np.stack([self.bottom, self.bottom, top, top], -1)
        corners = np.stack([x, y], -1).reshape(-1, 4, 2)
        return PathPatch(Path.make_compound_path_from_polys(corners), transform=ax.transData, **self.look)


def bars(x, height, name="", panel=0, width=0.8, **look):
    """Upright bars of `height`, centred on `x`."""
    return Boxes(np.asarray(x) - width / 2, 0, width, height, name, panel, **look)


def spans(row, start, end, name="", panel=0, **look):
    """Level bars from `start` to `end` on each `row`: who was busy, and when."""
    return Boxes(start, np.asarray(row) - 0.4, np.subtract(end, start), 0.8, name, panel, **look)


@dataclass(frozen=True)
class Picture:
    """What an explorer shows for one setting of its controls.

    Attributes
    ----------
    marks : list of Mark
        Drawn in this order, later ones on top.
    sentence : str
        What the picture shows, in words and numbers: the summary for those who do not see it, and what a
        notebook's text output holds. Two lines at most, about 200 characters.
    """

    marks: list
    sentence: str


class Canvas:
    """Draws pictures on one set of axes; a lock keeps two threads from drawing at once.

    Parameters
    ----------
    axes : list of Axes
        Panels from left to right.
    size : (int, int)
        Width and height in CSS pixels.
    """

    def __init__(self, axes, size):
        self.lock = RLock()
        with matplotlib.rc_context(plots.STYLE):
            inches = (size[0] / PIXELS_PER_INCH, size[1] / PIXELS_PER_INCH)
            self.figure = Figure(figsize=inches, dpi=PIXELS_PER_INCH * SHARPNESS)
            self.canvas = FigureCanvasAgg(self.figure)
            self.figure.get_layout_engine().set(w_pad=0.08, h_pad=0.08)  # inches of white around it all
            self.panels = self.figure.subplots(1, len(axes), squeeze=False)[0]
            for panel, ax in zip(axes, self.panels):
                panel.draw(ax)
        self.background, self.legend = None, None

    def pixels(self, picture):
        """Draw a picture; return its RGB pixels, an array of uint8 of shape (height, width, 3)."""
        with self.lock:
            self._prepare(picture.marks)
            self.canvas.restore_region(self.background)
            for mark in picture.marks:  # none becomes part of its axes: half of the time would go into that
                ax = self.panels[mark.panel]
                artist = mark.artist(ax)
                artist.set(figure=self.figure, clip_box=ax.bbox)
                artist.draw(self.canvas.renderer)
            return np.array(self.canvas.buffer_rgba())[:, :, :3]

    def png(self, picture):
        """Draw a picture; return its PNG, the same bytes for the same picture."""
        return encode_png(self.pixels(picture))

    def _prepare(self, marks):
        """Draw everything but the curves, unless that is what the canvas holds already."""
        named = {}
        for mark in marks:
            named.setdefault(mark.look["label"], mark)
        named.pop("", None)
        legend = [(label, type(mark), repr(mark.look)) for label, mark in named.items()]
        if legend == self.legend:
            return
        for old in self.figure.legends:
            old.remove()
        artists = [mark.artist(self.panels[mark.panel]) for mark in named.values()]
        if artists:
            self.figure.legend(handles=artists, fontsize=9, frameon=False, **self._legend_place(len(artists)))
        self.canvas.draw()
        self.background, self.legend = self.canvas.copy_from_bbox(self.figure.bbox), legend

    def _legend_place(self, entries):
        """Beside a single panel that is wide enough, else below."""
        if len(self.panels) == 1 and self.figure.get_figwidth() > 6:
            return {"loc": "outside right upper"}
        return {"loc": "outside lower center", "ncols": min(entries, 5)}


def encode_png(pixels):
    """Encode RGB pixels as PNG, for speed rather than size.

    Parameters
    ----------
    pixels : array of uint8, shape (height, width, 3)

    Returns
    -------
    bytes
    """
    height, width, _ = pixels.shape
    rows = np.zeros((height, 1 + 3 * width), np.uint8)  # each row begins with its filter: 0, none
    for colour in range(3):  # one after another: a tenth of the time
        rows[:, 1 + colour :: 3] = pixels[:, :, colour]
    header = pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = (b"IHDR" + header, b"IDAT" + isal_zlib.compress(rows, 1), b"IEND")
    framed = [pack(">I", len(chunk) - 4) + chunk + pack(">I", crc32(chunk)) for chunk in chunks]
    return b"\x89PNG\r\n\x1a\n" + b"".join(framed)
