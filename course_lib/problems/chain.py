"""The hardest quadratic for methods that talk in vectors: a chain whose links two workers hold in turn."""

import numpy as np

from course_lib.errors import CourseError
from course_lib.problems.quadratic import Quadratic


def chain(d, condition):
    """Nesterov's chain, dealt to two workers as Arjevani and Shamir (2015) do.

    f(x) = (1 - mu)/8 (x_1^2 - 2 x_1 + sum_j (x_j - x_{j+1})^2) + mu/2 ||x||^2 with mu = 1/condition, and an end
    that makes the optimum x*_j = q^j exactly, q = (sqrt(condition) - 1) / (sqrt(condition) + 1). The first worker
    holds x_1 and the links 2-3, 4-5, ..., the second 1-2, 3-4, ...: what either can do alone carries a zero
    coordinate to the next at most.

    Parameters
    ----------
    d : int
        Coordinates, 2 at least.
    condition : float
        Above 1; no eigenvalue of f's Hessian lies outside [1/condition, 1].

    Returns
    -------
    Quadratic
        With m = 2 workers; start from zero.
    """
    if not (d >= 2 and condition > 1):
        raise CourseError(f"a chain needs two coordinates and a condition number above 1, not {d} and {condition}")
    mu, A = 1 / condition, np.zeros((2, d, d))
    for j in range(d - 1):
        A[(j + 1) % 2, j : j + 2, j : j + 2] += [[1, -1], [-1, 1]]
    A[0, 0, 0] += 1
    root = np.sqrt(condition)
    A[d % 2, -1, -1] += 1 - (root - 1) / (root + 1)
    A = (1 - mu) / 2 * A + mu * np.eye(d)
    b = np.zeros((2, d))
    b[0, 0] = (1 - mu) / (1 + mu)  # the only pull: the first worker's, on x_1
    return Quadratic(A, b)
