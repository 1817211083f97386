"""Conditions under which the theorems hold."""

import numpy as np

from course_lib.errors import CourseError


def at_most(step_size, limit, name):
    """Refuse a step size beyond a theorem's limit, by the limit's name, or one that is not positive."""
    if not np.min(step_size) > 0:
        raise CourseError(f"the step size must be positive, not {np.min(step_size):.3g}")
    if np.max(step_size) > limit * (1 + 1e-12):
        raise CourseError(f"the theorem holds for step sizes up to {name} = {limit:.3g}, not {np.max(step_size):.3g}")
