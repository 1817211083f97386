"""What a machine's messages and gradients cost: measured on its ranks, and fitted by the simulator's models."""

import numpy as np

from course_lib.clusters.timing import Constant, Link, ShiftedExponential

SIZES = (100, 1_000, 5_000, 20_000, 1_000_000)  # bytes: several short ones find the latency, a long one the bandwidth


def round_trips(sizes=SIZES, times=20, comm=None):
    """Seconds of a message to the next rank and back, when all ranks do it at once, as in a round.

    Parameters
    ----------
    sizes : sequence of int
        Bytes.
    times : int
        Trips that are timed together; the median of five such times counts.
    comm : MPI.Comm, optional
        The ranks; all of them if left out.

    Returns
    -------
    array, one a size
    """
    return np.array([np.median([_round_trip(size, times, comm) for _ in range(5)]) for size in sizes])


def fit_link(sizes, seconds):
    """The link whose messages of so many bytes take these seconds one way, by least squares.

    Returns
    -------
    Link
        Where noise hides one of its numbers: latency 0, or infinite bandwidth.
    """
    slope, latency = np.polyfit(sizes, seconds, 1)
    if slope <= 0:
        return Link(float(np.mean(seconds)), np.inf)
    return Link(max(float(latency), 0.0), float(1 / slope))


def gradient_times(cluster, times=100):
    """Seconds of single gradients of this rank's workers, while all other ranks compute as well.

    Parameters
    ----------
    cluster : MPICluster
    times : int

    Returns
    -------
    array, shape (times,)
    """
    x, clock = cluster.start(), []
    for _ in range(times + 2):  # the first is slower: it finds nothing in the caches
        cluster.gradient(x)
        clock.append(cluster.seconds)
    return np.diff(clock)[1:]


def fit_compute(seconds):
    """The law of these compute times: the quickest always, and a memoryless rest up to their mean.

    Where ranks share cores, or a machine with others, the rest is the wait for a core.

    Returns
    -------
    ShiftedExponential, or Constant where all are alike
    """
    quickest, mean = float(np.min(seconds)), float(np.mean(seconds))
    return ShiftedExponential(quickest, mean - quickest) if mean > quickest else Constant(mean)


def _round_trip(size, times, comm):
    from mpi4py import MPI

    comm, out, received = comm or MPI.COMM_WORLD, np.zeros(size, np.uint8), np.zeros(size, np.uint8)
    left, right = (comm.rank - 1) % comm.size, (comm.rank + 1) % comm.size
    comm.Barrier()
    start = MPI.Wtime()
    for _ in range(times):
        comm.Sendrecv(out, right, recvbuf=received, source=left)
        comm.Sendrecv(received, left, recvbuf=out, source=right)
    return (MPI.Wtime() - start) / times
