"""The numbers that the explorers of lecture 03 show."""

import numpy as np
import pytest

from course_lib.clusters import Link, SimulatedCluster
from course_lib.experiment import run
from course_lib.explorers.compression import (
    NUMBERS,
    SCHEMES,
    D,
    compressor_of,
    descent,
    digits,
    network_explorer,
    seconds,
)


@pytest.mark.parametrize("scheme", ["rand-k", "QSGD"])
@pytest.mark.parametrize("workers", [1, 8])
def test_rounds_grow_as_theory_says(scheme, workers):
    """Where all workers agree, rounds are multiplied by 1 + omega / m at most, up to the noise of one run."""
    compressor = compressor_of(scheme, 4)
    plain, compressed = (len(descent(c, m)[0]) - 1 for c, m in ((None, 1), (compressor, workers)))
    assert compressed / plain == pytest.approx(1 + compressor.omega(D) / workers, rel=0.15)


def test_one_worker_saves_nothing_by_rand_k():
    """k (1 + omega) = d: the numbers sent stay the same within the noise; indices come on top."""
    compressor, (distances, _) = compressor_of("rand-k", 4), descent(compressor_of("rand-k", 4), 1)
    numbers = compressor.k * (len(distances) - 1)
    assert numbers / (D * (len(descent(None, 1)[0]) - 1)) == pytest.approx(1, rel=0.15)


@pytest.mark.parametrize("name", ["no compression", "sign, feedback"])
def test_seconds_are_those_of_a_run(name):
    """The bill of a scheme, priced on a network, is what the simulator takes there."""
    (method, compressor), link = SCHEMES[name], Link(latency=3e-4, bandwidth=2e6)
    cluster = SimulatedCluster(digits(), compute=1e-3, link=link, all_reduce="halving_doubling")
    history = run(method(cluster, 0.5, *([compressor] if compressor else [])), 80, quiet=True)
    assert digits().d == NUMBERS
    taken = history.first("loss", 0.29, "seconds")
    assert seconds(name, link.latency, link.bandwidth) == pytest.approx(taken, rel=1e-9)


def test_the_winner_moves_with_the_bandwidth():
    assert "quickest is no compression" in network_explorer.show(bandwidth=1e10, latency=5e-5).sentence
    assert "feedback, " in network_explorer.show(bandwidth=1e5, latency=5e-5).sentence.split(";")[0]


def test_fewer_bits_never_take_more_bytes_a_round():
    for scheme in ("rand-k", "QSGD"):
        sizes = [np.diff(descent(compressor_of(scheme, bits), 8)[1]).mean() for bits in (2, 4, 8, 16)]
        assert sizes == sorted(sizes)
