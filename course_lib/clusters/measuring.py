"""What a machine's messages cost: measured on its ranks, and fitted by the alpha-beta model."""

import numpy as np

from course_lib.clusters.timing import Link
from course_lib.errors import CourseError

SIZES = (1_000, 10_000, 50_000, 100_000, 200_000)  # bytes


def round_trips(sizes=SIZES, times=100):
    """Seconds of a message to the next rank and back, the mean of several; all ranks do it at once, as in a round.

    Parameters
    ----------
    sizes : sequence of int
        Bytes.
    times : int

    Returns
    -------
    array, one a size
    """
    return np.array([_round_trip(size, times) for size in sizes])


def fit_link(sizes, seconds):
    """The link whose messages of so many bytes take these seconds one way, by least squares.

    Returns
    -------
    Link
        Its latency is at least 0: noise may put the line's beginning below.
    """
    slope, latency = np.polyfit(sizes, seconds, 1)
    if not slope > 0:
        raise CourseError("longer messages were not slower: measure again, on a quieter machine")
    return Link(max(float(latency), 0.0), float(1 / slope))


def _round_trip(size, times):
    from mpi4py import MPI

    comm, out, received = MPI.COMM_WORLD, np.zeros(size, np.uint8), np.zeros(size, np.uint8)
    left, right = (comm.rank - 1) % comm.size, (comm.rank + 1) % comm.size
    comm.Barrier()
    start = MPI.Wtime()
    for _ in range(times):
        comm.Sendrecv(out, right, recvbuf=received, source=left)
        comm.Sendrecv(received, left, recvbuf=out, source=right)
    return (MPI.Wtime() - start) / times
