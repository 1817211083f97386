"""Robust aggregation: what no rule can do better, and how far one good rule goes."""

import numpy as np

from course_lib.errors import CourseError


def byzantine_floor(m, f, c):
    """Error that no rule avoids when m - f workers send 0 and f send c: f c / (2 (m - f)).

    Either the c are lies, and the honest mean is 0; or f of the zeros are, and it is f c / (m - f). The messages are
    the same, so is the answer, and from one of the two means it is at least half their distance away.

    Parameters
    ----------
    m, f : int
        Workers, and how many of them may lie: fewer than half.
    c : float
        How far apart the two groups of workers are.

    Returns
    -------
    float
    """
    _minority(m, f)
    return f * c / (2 * (m - f))


def geometric_median_error(m, f, radius):
    """Distance from z of the geometric median when m - f rows lie within `radius` of z: (1-a)/sqrt(1-2a) radius.

    a = f/m; the other f rows lie anywhere (Minsker, 2015).

    Parameters
    ----------
    m, f : int
    radius : float

    Returns
    -------
    float
    """
    _minority(m, f)
    return (1 - f / m) / np.sqrt(1 - 2 * f / m) * radius


def krum_error(m, f, radius):
    """Distance from z of Krum's winner when m - f rows lie within `radius` of z, the others anywhere.

    An honest score is at most (m-f-2) (2 radius)^2. A liar who wins has m-2f-1 honest neighbours at least, so the
    nearest is at most 2 radius sqrt((m-f-2) / (m-2f-1)) away, and that is within `radius` of z.

    Parameters
    ----------
    m, f : int
        With 2f + 2 < m.
    radius : float

    Returns
    -------
    float
    """
    if not 2 * f + 2 < m:
        raise CourseError(f"Krum needs 2f + 2 < m: {m} workers are too few for f = {f} liars")
    return radius * (1 + 2 * np.sqrt((m - f - 2) / (m - 2 * f - 1)))


def _minority(m, f):
    if not 0 <= f < m / 2:
        raise CourseError(f"liars must be fewer than half of {m} workers, not {f}")
