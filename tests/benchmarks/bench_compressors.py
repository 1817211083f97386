"""What compressing a million numbers costs, beside the least that it can.

    python tests/benchmarks/bench_compressors.py

Processor milliseconds, the least of twenty runs: the call, the call with the sizes of its messages (what a
cluster asks for), and the bytes themselves. The yardsticks, in the same run: one pass that takes |x|, and one
draw a coordinate. The aims, on a quiet machine: top-10,000 under 5, stochastic quantisation under 8. The last
lines are a cluster's compressed mean of 16 rows of 50, in microseconds, beside its plain mean.
"""

import time

import numpy as np

from course_lib import compressors, problems
from course_lib.clusters import SimulatedCluster

D, RNG = 10**6, np.random.default_rng(0)
EVERY = [
    compressors.TopK(10_000),
    compressors.Stochastic(0.5),
    compressors.QSGD(1000),
    compressors.RandomK(10_000),
    compressors.RandomSparsifier(0.01),
    compressors.Uniform(0.5),
    compressors.TernGrad(),
    compressors.Natural(),
    compressors.OneBit(),
    compressors.ScaledSign(),
    compressors.PowerSGD(2),
    compressors.Float32(),
]


def milliseconds(task, *arguments, runs=20):
    """Processor time of the quickest run."""
    taken = []
    for _ in range(runs):
        start = time.process_time()
        task(*arguments)
        taken.append(time.process_time() - start)
    return 1e3 * min(taken)


def repeated(task, *arguments):
    """The task 100 times: its milliseconds are hundredths of a millisecond a run."""
    for _ in range(100):
        task(*arguments)


def million():
    """A table of all compressors, a line each."""
    x = RNG.standard_normal(D)
    look, draw = milliseconds(np.abs, x), milliseconds(RNG.random, D)
    print(f"|x| {look:.2f} ms, draw {draw:.2f} ms")
    print(f"{'':32}{'call':>8}{'/ |x|':>8}{'/ draw':>8}{'with size':>11}{'bytes':>8}")
    for c in EVERY:
        call, size = milliseconds(c, x, RNG), milliseconds(c.send, x, RNG)
        encode = milliseconds(c.encode, x, RNG, runs=3)
        print(f"{c!s:32}{call:8.2f}{call / look:8.1f}{call / draw:8.1f}{size:11.2f}{encode:8.1f}")


def cluster():
    """A round of a cluster, a line a compressor."""
    m, d = 16, 50
    machines = SimulatedCluster(problems.Quadratic.dialled(m, d))
    V = RNG.standard_normal((m, d))
    print(f"mean of {m} rows of {d}: {10 * milliseconds(repeated, machines.mean, V):.0f} µs")
    for c in (compressors.TopK(5), compressors.RandomK(5), compressors.QSGD(7), compressors.ScaledSign()):
        print(f"{c!s:32}{10 * milliseconds(repeated, machines.compressed_mean, V, c):.0f} µs")


if __name__ == "__main__":
    million()
    cluster()
