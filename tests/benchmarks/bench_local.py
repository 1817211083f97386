"""What local steps and many clients cost beside the bare arithmetic.

    python tests/benchmarks/bench_local.py

First: 100 rounds of 10 local steps of FedAvg, 16 clients, least squares with n = 100 rows and d = 50, against the
two matrix products of each step alone (processor seconds, least of five). The aim: under twice as long. Then:
100,000 clients of whom 100 are sampled a round. The aims: a round under a second, under 1 GB in all.
"""

import resource
import time

import numpy as np

from course_lib import data
from course_lib.clusters import SimulatedCluster
from course_lib.experiment import run
from course_lib.methods import fedavg, scaffold
from course_lib.problems import LeastSquares, LogisticRegression

ROUNDS, STEPS = 100, 10


def seconds(task):
    """Processor time of the quickest of five runs."""
    taken = []
    for _ in range(5):
        start = time.process_time()
        task()
        taken.append(time.process_time() - start)
    return min(taken)


def against_bare_products():
    """Print how many times the bare products FedAvg takes."""
    features, targets = data.regression(workers=16, rows=100, d=50)
    problem = LeastSquares(features, targets)
    turned = features.transpose(0, 2, 1)

    def bare():
        X, r = np.zeros((16, 50, 1)), targets[..., None]
        for _ in range(ROUNDS * STEPS):
            turned @ (features @ X - r)

    def library():
        run(fedavg(SimulatedCluster(problem), 0.1, STEPS), ROUNDS, record_every=ROUNDS, quiet=True)

    ours, least = seconds(library), seconds(bare)
    print(f"FedAvg {ours * 1e3:.1f} ms; bare products {least * 1e3:.1f} ms: {ours / least:.2f} times")


def many_clients(clients=100_000, sample=100):
    """Print the time of a round and the memory of the process."""
    features, labels = data.classification(workers=clients, rows=5, d=20)
    cluster = SimulatedCluster(LogisticRegression(features, labels, l2=1e-2), batch_size=2)
    for method in (fedavg, scaffold):
        going = method(cluster, 0.1, 10, sample=sample)
        next(going)
        start = time.perf_counter()
        for _ in range(20):
            next(going)
        print(f"{method.__name__}, {sample} of {clients:,} clients: {(time.perf_counter() - start) / 20:.3f} s a round")
    start = time.perf_counter()
    run(fedavg(cluster, 0.1, 10, sample=sample), 1, quiet=True)
    print(f"a round with its record, the loss of all clients: {time.perf_counter() - start:.2f} s")
    print(f"memory at most {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f} GB")


if __name__ == "__main__":
    against_bare_products()
    many_clients()
