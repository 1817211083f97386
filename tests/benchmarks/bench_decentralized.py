"""A thousand iterations on a ring of 16 workers, n = 100, d = 50, against the two bare batched matmuls.

    python tests/benchmarks/bench_decentralized.py

Least of many short stretches, taken in turns, so that a busy machine disturbs all alike; milliseconds for a
thousand iterations, and how many times that the bare products take. The aim: dsgd under 2, the exact methods
under 2.4. Then the same for 10,000 workers on a torus, n = 4, d = 10, with a sparse W.
"""

import time
from itertools import islice

import numpy as np

from course_lib import data, problems, topology
from course_lib.clusters import SimulatedCluster
from course_lib.methods import dsgd, exact_diffusion, extra, gradient_tracking

METHODS = {"dsgd": (dsgd, 0.1), "EXTRA": (extra, 0.1), "exact diffusion": (exact_diffusion, 0.1)}
METHODS["gradient tracking"] = (gradient_tracking, 0.01)


def bare(features, d):
    """Nothing but the gradient's two products, for ever."""
    X, transposed = np.zeros((len(features), d, 1)), features.transpose(0, 2, 1)
    while True:
        yield transposed @ (features @ X)


def milliseconds(tasks, iterations, stretches):
    """Least time of a thousand iterations for each of several endless generators."""
    least = dict.fromkeys(tasks, np.inf)
    for _ in range(stretches):
        for name, task in tasks.items():
            start = time.perf_counter()
            for _ in islice(task, iterations):
                pass
            least[name] = min(least[name], (time.perf_counter() - start) / iterations * 1e6)
    return least


def report(title, m, n, d, W, iterations, stretches):
    """One line a method."""
    features, targets = data.regression(m, n, d, heterogeneity=1.0)
    problem = problems.LeastSquares(features, targets)
    tasks = {"bare products": bare(features, d)}
    tasks |= {name: method(SimulatedCluster(problem), step, W) for name, (method, step) in METHODS.items()}
    least = milliseconds(tasks, iterations, stretches)
    print(title)
    for name, time_taken in least.items():
        print(f"  {name:18} {time_taken:9.1f} ms {time_taken / least['bare products']:6.2f}")


if __name__ == "__main__":
    report("ring, 16 workers", 16, 100, 50, topology.metropolis(topology.ring(16)), 100, 300)
    report("torus, 10,000 workers", 10_000, 4, 10, topology.metropolis(topology.torus(100, 100)), 2, 20)
