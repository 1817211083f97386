"""The one engine of all explorers: a declaration and a pure function become something to play with.

>>> from course_lib.explorers import Axes, Curve, Explorer, Picture, Slider
>>> def line(slope):
...     return Picture([Curve([0, 1], [0, slope], "line")], f"The line rises by {slope:g}.")
>>> Explorer("Slope", [Slider("slope", "slope", [1, 2, 3], start=2)],
...          [Axes("a line", xlabel="x", ylabel="y", xlim=(0, 1), ylim=(0, 3))], line)
Slope (slope: 2). The line rises by 2.
"""

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial

import traitlets

from course_lib.errors import CourseError
from course_lib.explorers.live import Live, LiveView, script, soon
from course_lib.explorers.picture import Canvas


@dataclass(frozen=True)
class Prediction:
    """A question that the reader answers before the controls unlock.

    Attributes
    ----------
    question : str
        What will the picture show?
    answers : sequence of str
        Two to four short answers; none is marked right or wrong: the picture tells.
    """

    question: str
    answers: Sequence[str]


class View(LiveView):
    """The widget in the page: it holds places of the controls, and what is shown for them."""

    _esm = script("explorer.js")
    places = traitlets.Dict().tag(sync=True)  # control's name -> place in its list, as the reader set it
    shown = traitlets.Dict().tag(sync=True)  # the places that the picture and the sentence belong to
    predicted = traitlets.Int(-1).tag(sync=True)  # which answer the reader committed to; -1 before that


class Explorer(Live):
    """Controls, a picture and a sentence; shown by a notebook when it ends a cell.

    Parameters
    ----------
    title : str
        Its name in the page.
    controls : list of Slider or Choice
        What the reader can set; each control's name is an argument of `picture`.
    axes : list of Axes
        Panels of the picture, from left to right.
    picture : callable
        Values of the controls -> `Picture`. It must be pure: the same values, the same picture.
    presets : dict of str to dict, optional
        Settings worth seeing, by the name on their button: ``{"unstable": {"step_size": 2.1}}``. Controls
        that a preset does not name go back to their start.
    prediction : Prediction, optional
        What to answer first.
    theory : str, optional
        The statement that the picture is about, as it begins in the lecture: "Theorem card 2.2". A link leads there,
        or to the reference where the page does not hold it.
    live : bool
        False for a picture that takes over 200 ms: it is drawn when the slider is let go.
    size : (int, int)
        Width and height of the picture in CSS pixels.

    Raises
    ------
    CourseError
        When controls and the arguments of `picture` do not match, or a preset's value is not to be had.
    """

    def __init__(
        self, title, controls, axes, picture, presets=None,
        prediction=None, theory=None, live=True, size=(760, 320),
    ):  # fmt: skip
        self.title, self.controls, self.axes, self.picture = title, list(controls), list(axes), picture
        self.prediction, self.theory, self.live, self.size = prediction, theory, live, size
        self._check_names()
        self.presets = {name: self.places(values) for name, values in (presets or {}).items()}

    def _check_names(self):
        takes = sorted(inspect.signature(self.picture).parameters)
        given = sorted(control.name for control in self.controls)
        if takes != given:
            raise CourseError(f"explorer '{self.title}': its picture takes {takes}, its controls set {given}")

    def places(self, values=()):
        """Places of all controls for some values by name; the others at their start."""
        values = dict(values)
        unknown = values.keys() - {c.name for c in self.controls}
        if unknown:
            raise CourseError(f"explorer '{self.title}' has no control {sorted(unknown)}")
        return {c.name: c.place(values.get(c.name, c.start)) for c in self.controls}

    def at(self, places):
        """Values of the controls at their places: the arguments of the picture."""
        return {c.name: c.values[places[c.name]] for c in self.controls}

    def show(self, **values):
        """The picture at some values by name (the nearest to be had), the others at their start."""
        return self.picture(**self.at(self.places(values)))

    def png(self, **values):
        """The same as PNG: what the page shows for these values, byte for byte."""
        return self.canvas.png(self.show(**values))

    @cached_property
    def canvas(self):
        """The figure, made when first needed."""
        return Canvas(self.axes, self.size)

    @cached_property
    def view(self):
        """The widget, made when first shown."""
        view = View(spec=self._spec(), places=self.places())
        self._redraw(view)
        view.observe(lambda change: soon(partial(self._redraw, view)), "places")
        return view

    def _redraw(self, view):
        """Bring picture and sentence to where the controls stand: the last value wins, whoever calls."""
        with self.canvas.lock:
            places = view.places
            if view.shown == places:
                return
            try:
                picture = self.picture(**self.at(places))
                png, sentence = self.canvas.png(picture), picture.sentence
            except Exception as error:  # the page is the only place where the reader would see it
                png, sentence = view.png, f"No picture for this setting: {error}"
            with view.hold_sync():  # one message, so that picture and sentence change together
                view.png, view.sentence, view.shown = png, sentence, places

    def _spec(self):
        return {
            "title": self.title,
            "controls": [
                {"name": c.name, "label": c.label, "kind": c.kind, "words": c.words, "play": c.play}
                for c in self.controls
            ],
            "presets": [*self.presets.items(), ("Reset", self.places())],
            "question": self.prediction.question if self.prediction else "",
            "answers": list(self.prediction.answers) if self.prediction else [],
            "theory": self.theory,
            "alt": "; ".join(f"{ax.title}: {ax.ylabel} against {ax.xlabel}" for ax in self.axes),
            "live": self.live,
            "size": self.size,
        }

    def __repr__(self):
        words = ", ".join(f"{c.label}: {c.words[c.place(c.start)]}" for c in self.controls)
        return f"{self.title} ({words}). {self.show().sentence}"
