"""Counted messages against the closed forms, and the sums they bring about."""

import doctest

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from course_lib import collectives, costs, network
from course_lib.collectives import ALGORITHMS, Network
from course_lib.errors import CourseError

algorithms = pytest.mark.parametrize("name", ALGORITHMS)


@st.composite
def cases(draw):
    """Any m in 1..20, d in 1..200, and any number of shards that m workers can host."""
    m = draw(st.integers(1, 20))
    return m, draw(st.integers(1, 200)), draw(st.integers(1, m)), draw(st.integers(0, 2**32 - 1))


def options(name, shards):
    return {"shards": shards} if name == "parameter_server" else {}


@algorithms
@given(case=cases())
def test_counts_equal_the_closed_forms(name, case):
    m, d, shards, _ = case
    net = Network(m)
    ALGORITHMS[name](net, np.ones((m, d)), **options(name, shards))
    cost = costs.all_reduce(name, m, d, 0, 0, **options(name, shards))
    sent = costs.words_sent(name, m, d, **options(name, shards))
    assert (net.rounds, net.words) == (cost.rounds, cost.words)
    assert (net.sent.max(), net.sent.mean()) == (sent.max, sent.mean)
    assert (len(net.log), net.total) == costs.traffic(name, m, d, **options(name, shards))
    assert net.words >= net.sent.max() >= costs.bandwidth_lower_bound(m, d)
    assert net.rounds >= costs.latency_lower_bound(m)


@algorithms
@given(case=cases())
def test_every_worker_holds_the_sum(name, case):
    m, d, shards, seed = case
    inputs = np.random.default_rng(seed).normal(size=(m, d))
    before = inputs.copy()
    result = ALGORITHMS[name](Network(m), inputs, **options(name, shards))
    # Any order of m - 1 additions errs by at most (m - 1) eps sum |x_i|, to first order.
    bound = 2 * (m - 1) * np.finfo(float).eps * abs(inputs).sum(axis=0)
    assert (abs(result - inputs.sum(axis=0)) <= bound).all()
    assert (result == result[0]).all(), "workers disagree in the last bits"
    assert (inputs == before).all(), "the inputs were changed"


@algorithms
@given(case=cases())
def test_whole_numbers_are_summed_exactly(name, case):
    m, d, shards, seed = case
    inputs = list(np.random.default_rng(seed).integers(-(2**40), 2**40, size=(m, d)))
    result = ALGORITHMS[name](Network(m), inputs, **options(name, shards))
    np.testing.assert_array_equal(result, np.tile(sum(inputs), (m, 1)))


@algorithms
@given(case=cases())
def test_the_log_tells_the_same_story(name, case):
    m, d, shards, _ = case
    net = Network(m)
    ALGORITHMS[name](net, np.ones((m, d)), **options(name, shards))
    rounds = [[message for message in net.log if message.round == r] for r in range(net.rounds)]
    assert sum(max(message.words for message in messages) for messages in rounds) == net.words
    assert sum(message.words for message in net.log) == net.total
    for i in range(m):
        assert sum(message.words for message in net.log if message.source == i) == net.sent[i]
    for messages in rounds:  # single port, both ways
        assert len({message.source for message in messages}) == len(messages)
        assert len({message.target for message in messages}) == len(messages)


@pytest.mark.parametrize("m", [2, 3, 4, 5, 7, 8, 13, 16])
def test_mean_words_of_the_ring(m):
    net = Network(m)
    collectives.ring(net, np.ones((m, 840)))
    assert net.total == 2 * (m - 1) * 840


def test_names_agree_with_the_closed_forms():
    assert tuple(ALGORITHMS) == costs.ALGORITHMS


def test_who_talks_to_whom():
    def partners(name, worker, m=16):
        net = Network(m)
        ALGORITHMS[name](net, np.ones((m, 32)))
        return {message.target for message in net.log if message.source == worker}

    assert partners("naive", 5) == set(range(16)) - {5}
    assert partners("ring", 5) == {6}
    assert partners("halving_doubling", 5) == {4, 7, 1, 13}


def test_algorithms_differ_in_the_last_bits():
    inputs = np.random.default_rng(0).normal(size=(8, 840)).astype(np.float32)
    ring, tree = (ALGORITHMS[name](Network(8), inputs)[0] for name in ("ring", "tree"))
    assert ring.dtype == tree.dtype == np.float32
    bound = 2 * 7 * np.finfo(np.float32).eps * abs(inputs).sum(axis=0)
    assert (ring != tree).any() and (abs(ring - tree) <= bound).all()


def test_a_sent_array_is_a_copy():
    net, x = Network(2), np.zeros(3)
    net.send(0, 1, x)
    x += 1
    assert (net.deliver()[1] == 0).all()


def in_one_round(*messages, m=4, size=2):
    net = Network(m)
    for source, target in messages:
        net.send(source, target, np.ones(size))
    return net


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda: in_one_round((0, 1), (0, 2)), "worker 0 sends two messages in round 0"),
        (lambda: in_one_round((0, 2), (1, 2)), "worker 2 gets two messages in round 0"),
        (lambda: in_one_round((3, 3)), "worker 3 sends to itself"),
        (lambda: in_one_round((3, 4)), "no worker 4: the 4 workers are 0 to 3"),
        (lambda: in_one_round((-1, 0)), "no worker -1"),
        (lambda: in_one_round((0, 1.0)), "no worker 1.0"),
        (lambda: in_one_round().deliver(), "nobody sent anything in round 0"),
        (lambda: in_one_round((0, 1)).deliver()[2], "worker 2 received nothing"),
        (lambda: Network(2).send(0, 1, None), "only numbers travel"),
        (lambda: Network(0), "at least one; got m=0"),
        (lambda: collectives.ring(Network(3), np.ones((2, 5))), "3 workers, 2 inputs"),
        (lambda: collectives.tree(Network(2), [np.ones(3), np.ones(4)]), "all of one length"),
        (lambda: collectives.tree(Network(2), [1.0, 2.0]), "one vector a worker"),
        (lambda: collectives.parameter_server(Network(2), np.ones((2, 3)), shards=3), "1 to 2 shards"),
        (lambda: collectives.parameter_server(Network(2), np.ones((2, 3)), shards=0), "1 to 2 shards"),
    ],
)
def test_errors_are_one_line_in_the_words_of_the_domain(call, words):
    with pytest.raises(CourseError, match=words) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_a_full_duplex_port_sends_while_it_receives():
    net = in_one_round((0, 1), (1, 0), (2, 3), size=5)
    assert set(net.deliver()) == {0, 1, 3}
    assert (net.rounds, net.words, net.total) == (1, 5, 15)
    assert net.sent.tolist() == [5, 5, 5, 0]


def test_examples_in_the_docstrings():
    assert doctest.testmod(network).failed == 0
