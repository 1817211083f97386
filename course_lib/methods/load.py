"""Load balancing: synchronous SGD whose workers get shares of the batch that suit their speed."""

import numpy as np

from course_lib.errors import CourseError
from course_lib.methods.base import method


def whole_shares(batch, speeds):
    """Divide a batch among workers so that the last to finish does so as early as can be.

    Each sample goes to whoever would be done with it first, and everyone has at least one: a worker without any
    would never be measured again. (It is how d'Hondt's rule deals seats to parties.)

    Parameters
    ----------
    batch : int
        Samples, at least one a worker.
    speeds : array, shape (m,)
        Samples a second, or any multiple of it.

    Returns
    -------
    array of int, shape (m,)
        Summing to `batch`.
    """
    speeds = np.asarray(speeds, float)
    if not (np.isfinite(speeds) & (speeds > 0)).all():
        raise CourseError(f"speeds must be positive, not {speeds}")
    if batch != int(batch) or batch < len(speeds):
        raise CourseError(f"{len(speeds)} workers divide a batch of at least as many samples, not {batch}")
    sure = np.floor(max(batch - len(speeds), 0) * speeds / speeds.sum()).astype(int)
    shares = np.maximum(sure, 1)
    while shares.sum() < batch:
        shares[np.argmin((shares + 1) / speeds)] += 1
    return shares


def equal_tasks(batch, grain):
    """Cut a batch into tasks of `grain` samples; the last may be smaller."""
    if not (grain == int(grain) and 1 <= grain <= batch):
        raise CourseError(f"a task is a whole number of samples from 1 to the batch, {batch}; not {grain}")
    full, rest = divmod(int(batch), int(grain))
    return (int(grain),) * full + (rest,) * (rest > 0)


def shrinking_tasks(batch, m, least=1):
    """Cut a batch into tasks that each hold an m-th of what is left: large first, small last.

    Guided self-scheduling (Polychronopoulos and Kuck, 1987): about m ln(batch / m) tasks.

    Parameters
    ----------
    batch, m : int
    least : int
        No task but the last is smaller.

    Returns
    -------
    tuple of int
    """
    left, tasks = int(batch), []
    while left:
        tasks.append(min(left, max(least, -(-left // m))))
        left -= tasks[-1]
    return tuple(tasks)


@method
def balanced_sgd(cluster, step_size, samples, count="workers", start=None):
    """Synchronous SGD with a share of the batch for each worker: x <- x - eta sum_i p_i g_i(x).

    Parameters
    ----------
    cluster : cluster
        Its compute time is that of one sample.
    step_size : float, array (R, 1, 1) or function of t
        eta.
    samples : array of int, shape (m,)
        b_i of each worker.
    count : {"workers", "samples"}
        What p_i is: the problem's weight of worker i, which aims at f whatever the shares are; or b_i / sum b,
        every sample alike, which is right where all workers draw from the same data, and has least noise there.
    start : state, optional
        What the method yielded when it was stopped.

    Yields
    ------
    x : array, shape (..., 1, d)
        The model that all workers hold.
    t : int
        Steps taken.
    """
    x, t = start or (cluster.start(), 0)
    while True:
        yield x, t
        g, _ = cluster.batch_gradient(x, samples)
        x = x - step_size(t) * cluster.mean(g, _weights(cluster, count, samples))
        t = t + 1


@method
def adaptive_batch_sgd(cluster, step_size, batch, smoothing=0.5, count="workers", start=None):
    """The same with shares from measured times: who was slow in the last rounds gets less in the next.

    Parameters
    ----------
    cluster, step_size, count, start
        As in `balanced_sgd`.
    batch : int
        Samples of all workers together.
    smoothing : float
        What an old measurement counts beside the new one, from 0 (only the last round) to below 1.

    Yields
    ------
    x : array, shape (..., 1, d)
    pace : array, shape (m,)
        Estimated seconds a sample.
    t : int
    """
    x, pace, t = start or (cluster.start(), np.ones(cluster.m), 0)
    while True:
        yield x, pace, t
        samples = whole_shares(batch, 1 / pace)
        g, seconds = cluster.batch_gradient(x, samples)
        x = x - step_size(t) * cluster.mean(g, _weights(cluster, count, samples))
        keep = smoothing if t > 0 else 0  # the first guess is worth nothing
        pace = keep * pace + (1 - keep) * seconds / samples
        t = t + 1


@method
def work_queue_sgd(cluster, step_size, tasks, start=None):
    """The same with a work queue: whoever is idle takes the next task, and every sample counts alike.

    All workers must be able to read all data: a worker's weight is what it happened to take. With data of their own
    the model drifts towards those of the fast.

    Parameters
    ----------
    cluster, step_size, start
        As in `balanced_sgd`.
    tasks : sequence of int
        Samples in each task, from `equal_tasks` or `shrinking_tasks`.

    Yields
    ------
    x : array, shape (..., 1, d)
    t : int
    """
    x, t = start or (cluster.start(), 0)
    while True:
        yield x, t
        g, taken = cluster.queued_gradient(x, tasks)
        x = x - step_size(t) * cluster.mean(g, taken / taken.sum())
        t = t + 1


def _weights(cluster, count, samples):
    return cluster.problem.weights if count == "workers" else np.divide(samples, np.sum(samples))
