"""Load balancing: how long a round takes, what uneven shares cost in noise, and how fine to cut the work."""

import numpy as np

from course_lib.errors import CourseError


def fair_time(batch, speeds):
    """Seconds that `batch` samples take when all workers finish together: batch / sum of speeds.

    No division of the samples takes less.

    Parameters
    ----------
    batch : int or array
        Samples.
    speeds : array, shape (m,)
        Samples a second of each worker.

    Returns
    -------
    float or array
        Seconds.
    """
    return np.asarray(batch) / np.sum(speeds)


def whole_shares_time(batch, speeds):
    """What the best division into whole samples takes at most: (batch + m - 1) / sum of speeds.

    In T seconds the workers finish sum_i floor(T v_i) > T sum v_i - m samples. Parameters and result are as in
    `fair_time`.
    """
    return (np.asarray(batch) + len(speeds) - 1) / np.sum(speeds)


def noise_of_shares(samples, weights=None):
    """Variance of sum_i p_i g_i over that of a single sample: sum_i p_i^2 / b_i, for noise alike everywhere.

    With shares q_i = b_i / B it is (1 + chi^2(p | q)) / B: least, 1 / B, where shares follow the weights.

    Parameters
    ----------
    samples : array, shape (..., m)
        b_i of each worker.
    weights : array, shape (m,), optional
        p_i, which sum to one; equal if left out.

    Returns
    -------
    float or array (...)
    """
    samples = np.asarray(samples, float)
    weights = np.full(samples.shape[-1], 1 / samples.shape[-1]) if weights is None else np.asarray(weights)
    return (weights**2 / samples).sum(-1)


def time_to_precision(speeds):
    """Seconds that three plans take to the precision of one sample, if noise decides: (pooled, in proportion, equal).

    Workers that may all read the same data count every sample alike, 1 / sum v. Workers with data of their own count
    1/m each: shares in proportion to speed take mean(1/v) / m, equal shares max(1/v) / m. The first is the least by
    the inequality of arithmetic and harmonic means.

    Parameters
    ----------
    speeds : array, shape (m,)
        v_i, samples a second.

    Returns
    -------
    (float, float, float)
        Round time times variance, over that of a single sample.
    """
    pace = 1 / np.asarray(speeds, float)
    return float(1 / np.sum(speeds)), float(pace.mean() / len(pace)), float(pace.max() / len(pace))


def queue_time(tasks, task_seconds, price=0.0):
    """What a work queue takes at most: (n - 1) / sum_i 1/tau_i + max_i tau_i + price.

    When the last of the n tasks is taken nobody has been idle yet. With machines alike it is Graham's (1969)
    n tau / m + (1 - 1/m) tau.

    Parameters
    ----------
    tasks : int or array
        n, all of one size.
    task_seconds : array, shape (m,) or (m, ...)
        tau_i, what a task takes worker i, its messages included.
    price : float
        Seconds of the last message: there is no more.

    Returns
    -------
    float or array
    """
    task_seconds = np.asarray(task_seconds, float)
    return (np.asarray(tasks) - 1) / (1 / task_seconds).sum(0) + task_seconds.max(0) + price


def best_grain(batch, speeds, price):
    """Samples in a task for which `queue_time` is about least: sqrt(batch price min(v) sum v^2) / sum v.

    For machines alike sqrt(batch price v / m). Small tasks end together, large ones cost fewer messages.

    Parameters
    ----------
    batch : int
        Samples in a round.
    speeds : array, shape (m,)
        Samples a second.
    price : float
        Seconds that the messages of one task take.

    Returns
    -------
    float
        At least one sample, at most all.
    """
    speeds = np.asarray(speeds, float)
    grain = np.sqrt(batch * price * speeds.min() * (speeds**2).sum()) / speeds.sum()
    return float(np.clip(grain, 1, batch))


def expected_slowest(means):
    """Expected seconds until the slowest of m memoryless workers is done: sum over sets S of (-1)^(|S|+1) / rate(S).

    With equal means it is ``wait_for_slowest``.

    Parameters
    ----------
    means : sequence of float, m at most 16
        Expected seconds of each.

    Returns
    -------
    float
    """
    if len(means) > 16:
        raise CourseError(f"the sum runs over all sets of workers: 16 workers at most, not {len(means)}")
    rates, signs = np.zeros(1), np.array([-1.0])  # of the empty set
    for mean in means:
        rates, signs = np.append(rates, rates + 1 / mean), np.append(signs, -signs)
    return float((signs[1:] / rates[1:]).sum())


def slowest_of_any(m, mean, deviation):
    """Upper bound on the expected slowest of m independent, equally distributed times: Gumbel (1954).

    mean + deviation (m - 1) / sqrt(2 m - 1), whatever the distribution; also Hartley and David (1954).

    Parameters
    ----------
    m : int or array of int
    mean, deviation : float
        Of one worker's time, in seconds.

    Returns
    -------
    float or array
    """
    m = np.asarray(m)
    return mean + deviation * (m - 1) / np.sqrt(2 * m - 1)


def over_racks(racks, size, nbytes, inside, uplink):
    """Seconds of an all-reduce between machines in racks: (one ring of all, rings within and between racks).

    With m = racks size workers and vectors of n bytes the ring has 2 (m - 1) steps of n / m bytes, each as slow as
    the uplinks that it crosses: 2 (m - 1) (latency + n / (m bandwidth)). The hierarchical one crosses them 2
    (racks - 1) times, with n / racks bytes for all workers of a rack together, after and before 2 (size - 1) steps of
    n / size bytes inside. Exact where m divides the vector and the uplinks are the slower wires.

    Parameters
    ----------
    racks, size : int
        Number of racks, workers in each.
    nbytes : int or array
        n.
    inside, uplink : Link
        Or anything with ``seconds(size)``.

    Returns
    -------
    (float or array, float or array)
    """
    m, nbytes = racks * size, np.asarray(nbytes)
    ring = 2 * (m - 1) * uplink.seconds(nbytes / m)
    within, between = 2 * (size - 1) * inside.seconds(nbytes / size), 2 * (racks - 1) * uplink.seconds(nbytes / racks)
    return ring, within + between
