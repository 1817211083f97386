"""The four studies of the lesson: what the lectures claim, measured over a grid, with seeds and error bars."""

from importlib import import_module

from course_lib.errors import CourseError
from course_lib.studies.base import Conclusion, Results, Study

NAMES = ("scalability", "communication", "compression", "faults")

__all__ = ["NAMES", "Conclusion", "Results", "Study", "study"]


def study(name):
    """The study of this name: one of `NAMES`."""
    if name not in NAMES:
        raise CourseError(f"no study is called {name!r}; there are {', '.join(NAMES)}")
    return import_module(f"course_lib.studies.{name}").STUDY
