"""The closed forms against the table, the bounds and the measured numbers of the literature."""

import doctest

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from course_lib import costs
from course_lib.errors import CourseError

workers = st.integers(1, 300)
lengths = st.integers(1, 10**7)
algorithms = pytest.mark.parametrize("algorithm", costs.ALGORITHMS)

FAST_LINK = {"latency": 1e-5, "seconds_per_word": 4 / 12.5e9}  # 10 us, 12.5 GB/s, float32


@given(q=st.integers(0, 10), chunk=st.integers(1, 10**5))
def test_table_when_m_is_a_power_of_two_that_divides_d(q, chunk):
    m, d = 2**q, 2**q * chunk
    share = 2 * (m - 1) * d // m
    table = {  # rounds, words on the critical path, words sent by the busiest worker
        "naive": (m - 1, (m - 1) * d, (m - 1) * d),
        "parameter_server": (2 * (m - 1), 2 * (m - 1) * d, (m - 1) * d),
        "tree": (2 * q, 2 * d * q, d * q),
        "recursive_doubling": (q, d * q, d * q),
        "ring": (2 * (m - 1), share, share),
        "halving_doubling": (2 * q, share, share),
    }
    assert set(table) == set(costs.ALGORITHMS)
    for algorithm, (rounds, words, busiest) in table.items():
        assert costs.all_reduce(algorithm, m, d, 0, 0)[:2] == (rounds, words)
        assert costs.words_sent(algorithm, m, d).max == busiest


def test_extra_workers_cost_two_rounds_of_the_whole_vector():
    for m in (3, 5, 6, 7, 100):
        p = 2 ** int(np.log2(m))
        for algorithm in ("recursive_doubling", "halving_doubling"):
            paired, folded = (costs.all_reduce(algorithm, k, 6400, 0, 0) for k in (p, m))
            assert (folded.rounds, folded.words) == (paired.rounds + 2, paired.words + 2 * 6400)


@given(m=workers, d=lengths, data=st.data())
def test_sharding_divides_the_servers_bottleneck(m, d, data):
    shards = data.draw(st.integers(1, m))
    cost = costs.all_reduce("parameter_server", m, d, 0, 0, shards=shards)
    assert cost.rounds == 2 * (m - 1)
    assert 0 <= cost.words - 2 * (m - 1) * d / shards <= 2 * (m - 1)
    ring = costs.all_reduce("ring", m, d, 0, 0)
    assert costs.all_reduce("parameter_server", m, d, 0, 0, shards=m).words == ring.words


@algorithms
@given(m=workers, d=lengths)
def test_lower_bounds(algorithm, m, d):
    cost, sent = costs.all_reduce(algorithm, m, d, 0, 0), costs.words_sent(algorithm, m, d)
    assert cost.words >= sent.max >= sent.mean >= costs.bandwidth_lower_bound(m, d)
    assert cost.rounds >= costs.latency_lower_bound(m)


@given(q=st.integers(1, 10), chunk=st.integers(1, 1000))
def test_lower_bounds_are_met(q, chunk):
    m, d = 2**q, 2**q * chunk
    for algorithm in ("ring", "halving_doubling"):
        assert costs.all_reduce(algorithm, m, d, 0, 0).words == costs.bandwidth_lower_bound(m, d)
    assert costs.all_reduce("recursive_doubling", m, d, 0, 0).rounds == costs.latency_lower_bound(m)


@given(m=workers)
def test_latency_bound_counts_doublings(m):
    rounds, know = 0, 1
    while know < m:
        rounds, know = rounds + 1, 2 * know
    assert costs.latency_lower_bound(m) == rounds


@given(m=st.integers(1, 64), latency=st.integers(0, 200))
def test_crossover_against_brute_force(m, latency):
    d = m * np.arange(1, 2000)
    # Whole numbers for both times: the seconds compared are exact.
    ring = costs.all_reduce("ring", m, d, latency, 1).seconds
    doubling = costs.all_reduce("recursive_doubling", m, d, latency, 1).seconds
    threshold = costs.crossover(m, latency, 1)
    clear = abs(d - threshold) > 1e-9 * d  # the threshold itself is rounded
    np.testing.assert_array_equal((ring < doubling)[clear], (d > threshold)[clear])


def test_crossover_formula_for_powers_of_two():
    m = 2 ** np.arange(2, 12)
    q = np.log2(m)
    expected = 1e-5 * (2 * (m - 1) - q) / (3.2e-10 * (q - 2 * (m - 1) / m))
    np.testing.assert_allclose(costs.crossover(m, 1e-5, 3.2e-10), expected, rtol=1e-12)


def test_two_workers_never_need_a_ring():
    assert costs.crossover(2, 1e-5, 1e-9) == costs.crossover(2, 0, 1e-9) == np.inf


def test_reference_counts():
    counts = {
        "naive": (7, 5880),
        "parameter_server": (14, 11760),  # 2 logical rounds of 7 messages, one after another
        "tree": (6, 5040),
        "recursive_doubling": (3, 2520),
        "ring": (14, 1470),
        "halving_doubling": (6, 1470),
    }
    assert costs.bandwidth_lower_bound(8, 840) == 1470
    for algorithm, expected in counts.items():
        assert costs.all_reduce(algorithm, 8, 840, 0, 0)[:2] == expected


def test_reference_seconds():
    def milliseconds(algorithm, d):
        return 1e3 * costs.all_reduce(algorithm, 64, d, **FAST_LINK).seconds

    assert milliseconds("naive", 25_000_000) == pytest.approx(505, abs=0.5)
    assert milliseconds("recursive_doubling", 25_000_000) == pytest.approx(48, abs=0.5)
    assert milliseconds("ring", 25_000_000) == pytest.approx(17.0, abs=0.05)
    assert milliseconds("halving_doubling", 25_000_000) == pytest.approx(15.9, abs=0.05)
    assert milliseconds("ring", 1000) == pytest.approx(1.26, abs=0.005)
    assert milliseconds("recursive_doubling", 1000) == pytest.approx(0.062, abs=0.0005)
    assert costs.crossover([8, 512], **FAST_LINK) == pytest.approx([2.75e5, 4.5e6], rel=0.005)


@algorithms
@given(m=st.lists(workers, min_size=1, max_size=4), d=st.lists(lengths, min_size=1, max_size=4))
def test_arrays_are_many_scalars(algorithm, m, d):
    grid = costs.all_reduce(algorithm, np.array(m)[:, None], d, 2e-5, 1e-9)
    sent = costs.words_sent(algorithm, np.array(m)[:, None], d)
    for i, j in np.ndindex(len(m), len(d)):
        one = costs.all_reduce(algorithm, m[i], d[j], 2e-5, 1e-9)
        assert tuple(field[i, j] for field in grid) == one
        assert tuple(field[i, j] for field in sent) == costs.words_sent(algorithm, m[i], d[j])


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda: costs.all_reduce("rnig", 8, 8, 0, 0), "no all-reduce is called 'rnig'"),
        (lambda: costs.all_reduce("ring", 0, 8, 0, 0), "number of workers.* got 0"),
        (lambda: costs.all_reduce("ring", 8, [8, 2.5], 0, 0), "length of the vector.*whole number"),
        (lambda: costs.all_reduce("ring", 8, np.nan, 0, 0), "length of the vector.*whole number"),
        (lambda: costs.all_reduce("ring", 8, np.inf, 0, 0), "length of the vector.*whole number"),
        (lambda: costs.all_reduce("ring", 8, "8", 0, 0), "length of the vector.*whole number"),
        (lambda: costs.all_reduce("ring", 8, 8, -1e-6, 0), "latency is a time"),
        (lambda: costs.all_reduce("ring", 8, 8, 0, np.nan), "seconds_per_word is a time"),
        (lambda: costs.all_reduce("ring", 8, 8, 0, 0, shards=2), "only a parameter server has shards"),
        (lambda: costs.all_reduce("parameter_server", 8, 8, 0, 0, shards=9), "more shards than workers"),
        (lambda: costs.crossover(8, 1e-5, 0), "must be above 0"),
        (lambda: costs.bandwidth_lower_bound(8, 0), "length of the vector"),
        (lambda: costs.latency_lower_bound(-1), "number of workers"),
    ],
)
def test_errors_are_one_line_in_the_words_of_the_domain(call, words):
    with pytest.raises(CourseError, match=words) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_examples_in_the_docstrings():
    assert doctest.testmod(costs).failed == 0
