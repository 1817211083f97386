"""All-reduce for machines that stand in racks: most of it stays where wires are fast."""

import numpy as np

from course_lib.errors import CourseError


def hierarchical(network, inputs, size):
    """All-reduce in three rings: within each rack, between racks, within each rack again.

    First a rack's workers add up, until each holds its rack's sum of one part of the vector. Then those who hold the
    same part go round the racks with it, and last every rack passes its parts round. The long way is gone
    2 (racks - 1) times, where one large ring goes it 2 (m - 1) times.

    Parameters
    ----------
    network : Network
        The m workers; workers 0 to size - 1 stand in the first rack, and so on.
    inputs : array_like, shape (m, d)
    size : int
        Workers in a rack; it divides m.

    Returns
    -------
    ndarray, shape (m, d)
        Row i is the sum as worker i holds it; all rows are equal bit for bit.

    Raises
    ------
    CourseError
        If the racks are not full, or there is not one vector a worker.

    References
    ----------
    Thakur, Rabenseifner and Gropp (2005) build on the parts; the arrangement is common practice.
    """
    x, m = np.array(inputs), network.m
    if x.ndim != 2 or len(x) != m or m % size:
        raise CourseError(f"{m} workers in racks of {size} need full racks and a vector each, not shape {x.shape}")
    place, rack = np.arange(m) % size, np.arange(m) // size
    beside, across = rack * size + (place + 1) % size, (np.arange(m) + size) % m
    parts = [np.array_split(vector, size) for vector in x]  # views: parts[i][k] is a part of x[i]
    _add_up(network, parts, beside, place)
    own = [np.array_split(parts[i][(place[i] + 1) % size], m // size) for i in range(m)]
    _add_up(network, own, across, rack)
    _pass_on(network, own, across, rack)
    _pass_on(network, parts, beside, place)
    return x


def _add_up(network, parts, right, place):
    """Rings of workers, each with as many parts as the ring has workers: place p ends with the sum of part p + 1."""
    for r in range(len(parts[0]) - 1):
        for i, to in enumerate(right):
            network.send(i, int(to), parts[i][(place[i] - r) % len(parts[i])])
        for i, message in network.deliver().items():
            parts[i][(place[i] - 1 - r) % len(parts[i])] += message


def _pass_on(network, parts, right, place):
    """The finished parts go round once."""
    for r in range(len(parts[0]) - 1):
        for i, to in enumerate(right):
            network.send(i, int(to), parts[i][(place[i] + 1 - r) % len(parts[i])])
        for i, message in network.deliver().items():
            parts[i][(place[i] - r) % len(parts[i])][:] = message
