"""What methods are made of: compressors, robust rules, mixing, against the least that each of them can cost."""

import numpy as np
import pytest

from course_lib import aggregators, compressors, topology
from course_lib.clusters import SimulatedCluster
from course_lib.problems import Quadratic

D = 10**6
X = np.random.default_rng(0).standard_normal(D)
ROWS = np.random.default_rng(0).standard_normal((20, 100_000))

COMPRESSORS = [
    compressors.TopK(10_000),
    compressors.RandomK(10_000),
    compressors.RandomSparsifier(0.01),
    compressors.Uniform(0.5),
    compressors.Stochastic(0.5),
    compressors.QSGD(1000),
    compressors.TernGrad(),
    compressors.Natural(),
    compressors.OneBit(),
    compressors.ScaledSign(),
    compressors.PowerSGD(2),
    compressors.Float32(),
]


@pytest.mark.parametrize("compressor", COMPRESSORS, ids=str)
def test_compressors(against, compressor):
    """A call, as methods make it, against a draw a coordinate."""
    rng, draws = np.random.default_rng(1), np.random.default_rng(2)
    against(f"{compressor}: a million numbers, by draws of as many", None,
            lambda: compressor(X, rng), lambda: draws.random(D), repeats=10)  # fmt: skip


@pytest.mark.parametrize("compressor", COMPRESSORS, ids=str)
def test_bytes(benchmark, figure, compressor):
    """Encoding and decoding real bytes against copying the vector."""
    import timeit

    rng = np.random.default_rng(1)
    least = {
        name: min(timeit.repeat(task, number=1, repeat=3))
        for name, task in {
            "both": lambda: compressor.decode(compressor.encode(X, rng)),
            "copy": lambda: X.copy(),
        }.items()
    }
    figure(f"{compressor}: into bytes and back, by copies", None, least["both"] / least["copy"], "times")


RULES = {
    aggregators.Krum(4): "Gram",
    aggregators.MultiKrum(4): "Gram",
    aggregators.CoordinateMedian(): "sort",
    aggregators.TrimmedMean(4): "sort",
    aggregators.Bulyan(4): "sort",
    aggregators.GeometricMedian(): "Gram",
    aggregators.CenteredClipping(300.0): "Gram",
}
YARDSTICKS = {"Gram": lambda: ROWS @ ROWS.T, "sort": lambda: np.sort(ROWS, axis=0)}
AIMS = ("Krum", "CoordinateMedian", "TrimmedMean")


@pytest.mark.parametrize("rule", RULES, ids=str)
def test_robust_rules(against, rule):
    """20 workers, 100,000 numbers: against one Gram matrix of the rows, or one sort along workers."""
    aim = 1.5 if type(rule).__name__ in AIMS else None
    against(f"{rule}: by one {RULES[rule]}", aim, lambda: rule(ROWS), YARDSTICKS[RULES[rule]], repeats=10)


def test_mixing_on_a_large_ring(against):
    """W X with three entries a row, given as a dense matrix: against adding three arrays."""
    m, d = 1000, 1000
    cluster, V = SimulatedCluster(Quadratic(np.ones((m, 1, 1)), np.zeros((m, 1)))), np.ones((m, d))
    W = topology.metropolis(topology.ring(m))
    cluster.mix(V, W)
    against("mixing on a ring of 1,000, d = 1,000: by the three sums", None,
            lambda: cluster.mix(V, W), lambda: V / 3 + V / 3 + V / 3, repeats=10)  # fmt: skip
