"""The core's speed, as ratios to bare NumPy measured in the same run: `make bench` prints the table.

One BLAS thread, processor time, the least of many repeats. Before each repeat of the subject the yardstick is
timed once, so that whatever else the machine is doing slows down both.
"""

import subprocess
import sys
import time
import timeit

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from course_lib import data
from course_lib.clusters import SimulatedCluster
from course_lib.experiment import run
from course_lib.methods import sync_sgd
from course_lib.problems import LeastSquares, LogisticRegression

M, N, D, ROUNDS, EVERY = 16, 100, 50, 300, 10
LEAST_SQUARES = LeastSquares(*data.regression(M, N, D))
LOGISTIC = LogisticRegression(*data.classification(M, N, D))
TABLE = []


@pytest.fixture(scope="module", autouse=True)
def table():
    with threadpool_limits(1):
        yield
    print("\n\n" + f"{'':58}{'measured':>12}{'aim':>8}")
    for name, value, aim, unit in TABLE:
        print(f"{name:58}{value:>10.2f} {unit:1}{aim:>8}" + ("" if value < aim else "   MISSED"))


def against(benchmark, name, aim, subject, yardstick, repeats=40):
    """The subject's least time over the yardstick's, timed in turn."""
    yardstick_times = []

    def measure_yardstick():
        start = time.process_time()
        yardstick()
        yardstick_times.append(time.process_time() - start)

    benchmark._timer = time.process_time
    benchmark.pedantic(subject, setup=measure_yardstick, rounds=repeats, warmup_rounds=3)
    ratio = min(benchmark.stats.stats.data) / min(yardstick_times)
    benchmark.extra_info["ratio"] = ratio
    TABLE.append((name, ratio, aim, "x"))


def trial(problem, step_size=0.1):
    """300 rounds of full-gradient sync SGD through the public API, recorded every 10."""
    cluster = SimulatedCluster(problem)
    return lambda: run(sync_sgd(cluster, step_size), ROUNDS, record_every=EVERY, quiet=True)


def matmuls(times, link=lambda scores: scores):
    """Two batched matrix products, features and then their transpose, with nothing else but the link."""
    A, x = LEAST_SQUARES.features, np.zeros((D, 1))
    transposed = A.transpose(0, 2, 1)

    def bare():
        for _ in range(times):
            transposed @ link(A @ x)

    return bare


def test_least_squares(benchmark):
    name = "300 rounds, least squares: bare matmuls of the rounds"
    against(benchmark, name, 2, trial(LEAST_SQUARES), matmuls(ROUNDS))


def test_least_squares_with_records(benchmark):
    evaluated = ROUNDS + ROUNDS // EVERY + 1
    name = "                           ... of rounds and records"
    against(benchmark, name, 2, trial(LEAST_SQUARES), matmuls(evaluated))


def test_logistic_regression(benchmark):
    bare = matmuls(ROUNDS, link=lambda scores: 1 / (1 + np.exp(-scores)))
    against(benchmark, "300 rounds, logistic: bare matmuls and sigmoids", 2, trial(LOGISTIC), bare)


def test_32_step_sizes(benchmark):
    steps = np.geomspace(0.01, 0.1, 32).reshape(-1, 1, 1)
    name = "32 step sizes in one run: one step size"
    against(benchmark, name, 12, trial(LEAST_SQUARES, steps), trial(LEAST_SQUARES), repeats=15)


def test_ten_thousand_workers(benchmark):
    problem = LeastSquares(*data.regression(10_000, 5, 100))
    cluster = SimulatedCluster(problem)
    benchmark.pedantic(lambda: run(sync_sgd(cluster, 0.1), 1, quiet=True), rounds=5)
    TABLE.append(("a round of 10,000 workers, d = 100, with two records", benchmark.stats.stats.min, 1, "s"))


def test_import(benchmark):
    def imported():
        subprocess.run([sys.executable, "-c", "import course_lib"], check=True)

    def nothing():
        subprocess.run([sys.executable, "-c", "pass"], check=True)

    benchmark.pedantic(imported, rounds=10, warmup_rounds=1)
    alone = min(timeit.repeat(nothing, number=1, repeat=10))
    TABLE.append(("import course_lib, beyond starting Python", benchmark.stats.stats.min - alone, 0.3, "s"))

