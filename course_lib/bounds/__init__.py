"""Right-hand sides of the theorems, with every constant.

Symbols, the same throughout: L smoothness, mu strong convexity, gap = f(x_0) - f*, and sigma2 the variance
E||g - grad f||^2 of the gradient that a step really uses. For m workers with b samples each that is the
variance of one sample divided by m b.
"""

from course_lib.bounds.asynchronous import (
    delayed_factor,
    delayed_sgd,
    fastest_delayed_step,
    max_stable_step,
    total_staleness,
    wait_for_slowest,
)
from course_lib.bounds.synchronous import (
    critical_batch,
    sgd_constant_step,
    sgd_inverse_time,
    sgd_nonconvex,
    steps_to_gap,
)

__all__ = [
    "critical_batch",
    "delayed_factor",
    "delayed_sgd",
    "fastest_delayed_step",
    "max_stable_step",
    "sgd_constant_step",
    "sgd_inverse_time",
    "sgd_nonconvex",
    "steps_to_gap",
    "total_staleness",
    "wait_for_slowest",
]
