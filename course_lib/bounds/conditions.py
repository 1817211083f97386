"""Conditions under which the theorems hold."""

import numpy as np

from course_lib.errors import CourseError


def at_most(step_size, limit, name):
    """Refuse a step size beyond a theorem's limit, by the limit's name."""
    if np.any(np.asarray(step_size) > limit * (1 + 1e-12)):
        raise CourseError(f"the theorem holds for step sizes up to {name} = {limit:.3g}, not {step_size:.3g}")
