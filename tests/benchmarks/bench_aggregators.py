"""What robust rules cost, beside the least that they can: m = 20 workers, d = 100,000 numbers each.

    python tests/benchmarks/bench_aggregators.py

Processor milliseconds, the least of so many runs, yardsticks in the same run: one Gram matrix of the rows, and one
sort along workers. The aims: Krum at most 1.5 times the Gram matrix; median and trimmed mean at most 1.5 times the
sort, where np.median takes several times as long.
"""

import time

import numpy as np

from course_lib import aggregators, problems

M, D, F = 20, 100_000, 4
assert problems  # limits BLAS to one thread
V = np.random.default_rng(0).standard_normal((M, D))

YARDSTICKS = {"Gram": lambda V: V @ V.T, "sort": lambda V: np.sort(V, axis=0), "np.median": lambda V: np.median(V, 0)}
RULES = [
    aggregators.Mean(),
    aggregators.CoordinateMedian(),
    aggregators.TrimmedMean(F),
    aggregators.Krum(F),
    aggregators.MultiKrum(F),
    aggregators.Bulyan(F),
    aggregators.GeometricMedian(),
    aggregators.CenteredClipping(300.0),
    aggregators.Bucketing(aggregators.CoordinateMedian()),
]


def milliseconds(tasks, runs=30):
    """Processor time of the quickest run of each task; tasks take turns, so that all see the same machine."""
    least = dict.fromkeys(tasks, np.inf)
    for _ in range(runs):
        for name, task in tasks.items():
            start = time.process_time()
            task(V)
            least[name] = min(least[name], 1e3 * (time.process_time() - start))
    return least


if __name__ == "__main__":
    taken = milliseconds(YARDSTICKS | {str(rule): rule for rule in RULES})
    print(f"{'':52}{'ms':>8}{'/ Gram':>8}{'/ sort':>8}")
    for name, each in taken.items():
        print(f"{name:52}{each:8.1f}{each / taken['Gram']:8.2f}{each / taken['sort']:8.2f}")
