"""What an arrival costs: 10,000 of them, logistic regression with d = 50, on 8 workers of 100 rows.

    python tests/benchmarks/bench_asynchronous.py

Processor seconds, the least of five runs, for full local gradients and for batches of 16; then the same
arithmetic in a bare loop without clocks, ledger or queue, and how many times that the library takes. The aim:
under 0.5 seconds on a quiet machine.
"""

import time

import numpy as np

from course_lib import data, problems
from course_lib.clusters import Exponential, SimulatedCluster
from course_lib.experiment import run
from course_lib.methods import async_sgd

ARRIVALS = 10_000
FEATURES, LABELS = data.classification(workers=8, rows=100, d=50)
PROBLEM = problems.LogisticRegression(FEATURES, LABELS, l2=1e-2)


def library(batch_size):
    """Arrivals as a lecture has them, up to the History."""
    cluster = SimulatedCluster(PROBLEM, batch_size=batch_size, compute=Exponential(1e-3))
    run(async_sgd(cluster, 0.1), ARRIVALS, record_every=ARRIVALS, quiet=True)


def bare(batch_size):
    """Nothing but random rows and the gradient's two matrix products, workers in turn."""
    x, rng = np.zeros(50), np.random.default_rng(0)
    for t in range(ARRIVALS):
        A, y = FEATURES[t % 8], LABELS[t % 8]
        if batch_size:
            rows = rng.integers(100, size=batch_size)
            A, y = A[rows], y[rows]
        x = x - 0.1 * (A.T @ (1 / (1 + np.exp(-(A @ x))) - y) / len(y) + 1e-2 * x)


def seconds(task, *arguments):
    """Processor time of the quickest of five runs."""
    taken = []
    for _ in range(5):
        start = time.process_time()
        task(*arguments)
        taken.append(time.process_time() - start)
    return min(taken)


if __name__ == "__main__":
    for name, batch_size in (("all rows", None), ("batch of 16", 16)):
        ours, least = seconds(library, batch_size), seconds(bare, batch_size)
        print(f"{name:12} {ours:.2f} s for {ARRIVALS:,} arrivals; bare loop {least:.2f} s: {ours / least:.1f} times")
