"""Methods through the public API, with records, against the bare batched products of the same gradients."""

import resource
from functools import cache, partial
from itertools import cycle, islice

import numpy as np
import pytest

from course_lib import data, topology
from course_lib.clusters import SimulatedCluster
from course_lib.experiment import run
from course_lib.methods import async_sgd, dsgd, extra, fedavg, gradient_tracking, scaffold, sync_sgd
from course_lib.problems import LeastSquares, LogisticRegression

EVERY = 10  # rounds between two records


@cache
def rows(m, n, d):
    return data.regression(m, n, d)


@cache
def problem(m, n, d):
    return LeastSquares(*rows(m, n, d))


def products(m, n, d, gradients, replicates=None, link=lambda scores: scores):
    """Two batched matrix products a gradient, features and then their transpose, and nothing else."""
    A = problem(m, n, d).features
    x, transposed = np.zeros((d, replicates or 1)), A.transpose(0, 2, 1)

    def bare():
        for _ in range(gradients):
            transposed @ link(A @ x)

    return bare


def trial(make, m, n, d, rounds, every=EVERY):
    """A run as a lecture makes it."""
    cluster = SimulatedCluster(problem(m, n, d))
    return lambda: run(make(cluster), rounds, record_every=every, quiet=True)


def ring(m):
    return topology.metropolis(topology.ring(m))


#: Each method, the gradients of a round, and its aim at m = 16, n = 100, d = 50.
METHODS = {
    "sync SGD": (lambda c: sync_sgd(c, 0.01), 1, 1.5),
    "DSGD on a ring": (lambda c: dsgd(c, 0.01, ring(c.m)), 1, 1.5),
    "EXTRA on a ring": (lambda c: extra(c, 0.01, ring(c.m)), 1, 1.5),
    "gradient tracking on a ring": (lambda c: gradient_tracking(c, 0.001, ring(c.m)), 1, 1.5),
    "FedAvg, 10 local steps": (lambda c: fedavg(c, 0.01, 10), 10, 1.5),
    "SCAFFOLD, 10 local steps": (lambda c: scaffold(c, 0.01, 10), 10, 1.5),
}


@pytest.mark.parametrize("name", METHODS)
def test_small(against, name):
    make, gradients, aim = METHODS[name]
    rounds = 300 // gradients
    size = 16, 100, 50
    against(name, aim, trial(make, *size, rounds), products(*size, rounds * gradients))


@pytest.mark.parametrize("name", ["sync SGD", "DSGD on a ring", "gradient tracking on a ring"])
def test_memory_bound(against, name):
    make, size = METHODS[name][0], (1000, 10, 1000)
    against(f"{name}, m = 1000, n = 10, d = 1000", 1.15, trial(make, *size, rounds=20), products(*size, 20), repeats=5)


def test_replicates(against):
    size, steps = (16, 100, 50), np.geomspace(0.001, 0.01, 32).reshape(-1, 1, 1)
    bare = products(*size, 300, replicates=32)
    against("32 step sizes in one run", 1.5, trial(lambda c: sync_sgd(c, steps), *size, 300), bare, repeats=10)


def test_logistic(against):
    logistic = LogisticRegression(*data.classification(16, 100, 50))
    bare = products(16, 100, 50, 300, link=lambda scores: 1 / (1 + np.exp(-scores)))
    subject = partial(run, rounds=300, record_every=EVERY, quiet=True)
    against("sync SGD, logistic", 2, lambda: subject(sync_sgd(SimulatedCluster(logistic), 0.1)), bare)


def test_arrivals(against):
    features, _ = rows(16, 100, 50)
    x = np.zeros(50)

    def bare():
        for A in islice(cycle(features), 3000):
            A.T @ (A @ x)

    against("async SGD, 3,000 arrivals", None, trial(lambda c: async_sgd(c, 0.01), 16, 100, 50, 3000, 300), bare)


@pytest.mark.parametrize("what, sizes", {
    "m": [(m, 100, 50, 1) for m in (16, 64, 256)],
    "d": [(16, 100, d, 1) for d in (50, 200, 800)],
    "R": [(16, 100, 50, R) for R in (8, 32, 128)],
}.items())  # fmt: skip
def test_growth(benchmark, figure, what, sizes):
    """How seconds grow with workers, parameters and step sizes in one run: slope of the logarithms, 1 is linear."""
    import timeit

    times = []
    for *size, R in sizes:
        subject = trial(partial(sync_sgd, step_size=np.full((R, 1, 1), 0.01)), *size, 20)
        times.append(min(timeit.repeat(subject, number=1, repeat=5)))
    values = [size["mndR".index(what)] for size in sizes]
    slope = np.polyfit(np.log(values), np.log(times), 1)[0]
    figure(f"sync SGD: growth of seconds with {what}, as a slope", 1.1, float(slope), "")


def test_ten_thousand_workers(benchmark, figure):
    many = SimulatedCluster(LeastSquares(*data.regression(10_000, 5, 100)))
    benchmark.pedantic(lambda: run(sync_sgd(many, 0.1), 1, quiet=True), rounds=3)
    figure("a round of 10,000 workers, d = 100, with two records", 1, benchmark.stats.stats.min, "s")


def test_a_hundred_thousand_clients(benchmark, figure):
    """100 of them sampled a round, 10 local steps each."""
    features, labels = data.classification(workers=100_000, rows=5, d=20)
    going = fedavg(SimulatedCluster(LogisticRegression(features, labels, l2=1e-2), batch_size=2), 0.1, 10, sample=100)
    next(going)
    benchmark.pedantic(lambda: next(going), rounds=10)
    figure("FedAvg, 100 of 100,000 clients, a round", 1, benchmark.stats.stats.median, "s")
    figure("... memory of the process at most", 1, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, "GB")
