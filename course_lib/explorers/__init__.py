"""Explorers: one or two controls, a picture that answers at once, and a sentence that says what it shows."""

from importlib import import_module
from pkgutil import iter_modules

import scipy.linalg  # loaded with the explorers, so that no first picture waits for them
import scipy.sparse.linalg  # noqa: F401

from course_lib.explorers.controls import Choice, Slider, decades, number, quantity
from course_lib.explorers.engine import Explorer, Prediction
from course_lib.explorers.picture import Axes, Boxes, Curve, Picture, Points, Rule, Theory, bars, spans

__all__ = [
    "Axes", "Boxes", "Choice", "Curve", "Explorer", "Picture", "Points", "Prediction", "Rule", "Slider",
    "Theory", "bars", "catalogue", "decades", "number", "quantity", "spans",
]  # fmt: skip


def catalogue():
    """All explorers of the course: those at the top level of this package's modules.

    Returns
    -------
    dict of str to Explorer
        By "module.name", such as "costs.all_reduce_explorer".
    """
    modules = {module.name: import_module(f"{__name__}.{module.name}") for module in iter_modules(__path__)}
    return {
        f"{module}.{name}": value
        for module, content in modules.items()
        for name, value in vars(content).items()
        if isinstance(value, Explorer)
    }
