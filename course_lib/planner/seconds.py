"""What one round costs: expected seconds of computing, waiting, latency and bytes."""

from dataclasses import replace
from functools import cache, lru_cache

import numpy as np
from scipy.special import gammaincinv, gammaln

from course_lib import costs
from course_lib.clusters import Constant, Exponential, Pareto

PARTS = ("compute", "waiting", "latency", "bandwidth", "server")
CROWD = 256  # a graph of so many workers shows how long neighbours wait for each other
ROUNDS = 60
LEVELS = (np.arange(400) + 0.5) / 400  # quantiles: for the mean of the slowest


def all_reduces(job):
    """Seconds of every all-reduce of one message, by algorithm."""
    bills = _bills(job.workers, job.d, job.latency, job.word / job.bandwidth)
    return {name: cost.seconds for name, cost in bills.items()}


def reduced(job, steps=1):
    """A round of so many gradients, then the quickest all-reduce: its parts, and its name."""
    name, cost = _quickest(job.workers, job.d, job.latency, job.word / job.bandwidth)
    wires = {"latency": cost.rounds * job.latency, "bandwidth": cost.words * job.word / job.bandwidth}
    return computing(job, steps) | wires, name


def gathered(job, size):
    """A round of one gradient, then an all-gather of messages of so many bytes."""
    others = job.workers - 1
    return computing(job) | {"latency": others * job.latency, "bandwidth": others * size / job.bandwidth}


def exchanged(job, hops):
    """A round of one gradient, then a message to each neighbour in a ring of workers with these hops."""
    degree = len(neighbours(job.workers, hops))
    parts = {"compute": mean(job.compute), "waiting": _neighbours_wait(job, hops) - mean(job.compute)}
    return parts | {"latency": degree * job.latency, "bandwidth": degree * job.size / job.bandwidth}


def served(job):
    """The time between two updates of a server that takes gradients one by one, each as long as on a wire."""
    port = job.size / job.bandwidth
    cycle = {"compute": mean(job.compute), "latency": 2 * job.latency, "bandwidth": 2 * port}
    cycle["server"] = port + _queue(job.workers, sum(cycle.values()), port, variance(job.compute) > 0)
    return {name: seconds / job.workers for name, seconds in cycle.items()}


def variation(job):
    """Squared coefficient of variation of a worker's cycle with the server."""
    return variance(job.compute) / (sum(served(job).values()) * job.workers) ** 2


def computing(job, steps=1):
    """Mean seconds of so many gradients, and how much longer the slowest of all workers takes."""
    average = steps * mean(job.compute)
    return {"compute": average, "waiting": slowest(job.compute, job.workers, steps) - average}


def mean(compute):
    """Expected seconds of one gradient."""
    if isinstance(compute, Constant):
        return compute.seconds
    if isinstance(compute, Pareto):
        return compute.minimum * compute.shape / (compute.shape - 1)
    return getattr(compute, "shift", 0.0) + compute.mean


def variance(compute):
    """Variance of the seconds of one gradient."""
    if isinstance(compute, Constant):
        return 0.0
    if isinstance(compute, Pareto):
        return mean(compute) ** 2 / (compute.shape * (compute.shape - 2))
    return compute.mean**2


def slowest(compute, m, steps=1):
    """Expected seconds until the slowest of m workers has computed so many gradients."""
    if isinstance(compute, Constant):
        return steps * compute.seconds
    if isinstance(compute, Pareto):  # of a sum with a heavy tail one term makes the maximum
        n, a = m * steps, 1 / compute.shape
        largest = compute.minimum * np.exp(gammaln(n + 1) + gammaln(1 - a) - gammaln(n + 1 - a))
        return (steps - 1) * mean(compute) + float(largest)
    fixed = 0.0 if isinstance(compute, Exponential) else steps * compute.shift
    return fixed + compute.mean * _slowest_of_memoryless(m, steps)


@lru_cache(maxsize=1000)  # many forecasts ask for the same few
def _slowest_of_memoryless(m, steps):
    """The same of m workers whose seconds are exponential with mean 1."""
    return float(gammaincinv(steps, LEVELS ** (1 / m)).mean())


def neighbours(m, hops):
    """Whom worker 0 hears: the workers so many places away on either side."""
    return np.setdiff1d(np.concatenate([hops, -np.asarray(hops)]) % m, [0])


def spectrum(m, hops):
    """Eigenvalues of the Metropolis matrix of that graph but the one of the mean, shape (m - 1,)."""
    heard, k = neighbours(m, hops), np.arange(1, m // 2 + 1)
    cosine = np.cos(2 * np.pi * np.arange(m) / m)
    near, times = np.unique(np.minimum(heard, m - heard), return_counts=True)  # m - hop has the same cosine
    # A sum, as an FFT takes long where m has a large prime factor.
    half = (1 + sum(n * cosine[k * hop % m] for hop, n in zip(near, times))) / (len(heard) + 1)
    return np.concatenate([half, half[: (m - 1) // 2]])  # those of k and of m - k are the same


def _queue(m, away, port, random):
    """Seconds that a message waits for the server, if workers are away for so long between two messages.

    Those who are always equally long away fall into step, and wait only if the server cannot keep up. Others meet a
    queue as long as its mean, of which the message in service is half done (mean value analysis, Schweitzer, 1979).
    """
    least = max(m * port - away - port, 0.0)
    wait = least
    for _ in range(100 if random else 0):
        rate = m / (away + port + wait)
        met = port * rate * ((m - 1) / m * (port + wait) - port / 2)
        wait = (wait + max(met, least)) / 2
    return wait


@lru_cache
def _bills(*network):
    with np.errstate(over="ignore"):  # the naive one's traffic is no 64-bit number, and it is not asked for
        return {name: costs.all_reduce(name, *network) for name in costs.ALGORITHMS}


def _quickest(*network):
    return min(_bills(*network).items(), key=lambda item: item[1].seconds)


def _neighbours_wait(job, hops):
    """Seconds of computing and waiting a round when each waits for its neighbours alone."""
    average = mean(job.compute)
    if isinstance(job.compute, Constant):
        return average
    scaled = {name: value / average for name, value in vars(job.compute).items() if name != "shape"}
    m = min(job.workers, CROWD)
    return average * _crowd_waits(replace(job.compute, **scaled), m, tuple(neighbours(m, hops).tolist()))


@cache
def _crowd_waits(compute, m, heard):
    """The same for machines of mean one second, measured on some crowds of m workers: no formula is known."""
    heard = (np.array([*heard, 0])[:, None] + np.arange(m)) % m
    rng, clock = np.random.default_rng(0), np.zeros((-(-2 * CROWD // m), m))
    times = []
    for _ in range(ROUNDS):
        clock = (clock + compute.sample(rng, np.arange(clock.size)).reshape(clock.shape))[:, heard].max(1)
        times.append(clock.mean())
    return float(times[-1] - times[ROUNDS // 3]) / (ROUNDS - 1 - ROUNDS // 3)
