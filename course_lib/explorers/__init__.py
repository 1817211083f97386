"""Explorers: one or two controls, a picture that answers at once, and a sentence that says what it shows."""

from course_lib.explorers.controls import Choice, Slider, decades, number, quantity
from course_lib.explorers.engine import Explorer, Prediction
from course_lib.explorers.picture import Axes, Boxes, Curve, Picture, Points, Rule, Theory, bars, spans

__all__ = [
    "Axes", "Boxes", "Choice", "Curve", "Explorer", "Picture", "Points", "Prediction", "Rule", "Slider",
    "Theory", "bars", "decades", "number", "quantity", "spans",
]  # fmt: skip
