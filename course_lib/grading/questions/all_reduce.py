"""Questions on parameter server and all-reduce: who sends what to whom, and what it costs."""

from functools import partial

import numpy as np

from course_lib import collectives
from course_lib.grading.messages import all_reduce, draw
from course_lib.grading.question import Question


def any_workers(rng):
    """Three to seven workers, and a length that they do not divide."""
    m = int(rng.integers(3, 8))
    return (rng.normal(size=(m, int(rng.integers(2, 4)) * m + int(rng.integers(1, m)))),)


def power_of_two_workers(rng):
    """Four or eight workers, and a length that they do not divide."""
    m = int(rng.choice([4, 8]))
    return (rng.normal(size=(m, 2 * m + int(rng.integers(1, m)))),)


def _without_messages(network, vectors):
    return np.tile(vectors.sum(axis=0), (network.m, 1))


def _averaged(algorithm, network, vectors):
    return algorithm(network, vectors) / network.m


UNHEARD = "vectors are added without a message: worker i may touch vectors[i] and what it received, no more"
AVERAGED = "the sum is divided by m: all-reduce gives the sum; a mean is for the method to take"


def _server(network, vectors, total, pull=True):
    result = vectors.copy()
    for i in range(1, network.m):
        network.send(i, 0, vectors[i])
        total = total + network.deliver()[0]
    result[0] = total
    for i in range(1, network.m if pull else 1):
        network.send(0, i, total)
        result[i] = network.deliver()[i]
    return result


def _server_leaves_itself_out(network, vectors):
    return _server(network, vectors, np.zeros_like(vectors[0]))


def _server_counts_itself_twice(network, vectors):
    return _server(network, vectors, 2 * vectors[0])


def _server_keeps_the_sum(network, vectors):
    return _server(network, vectors, vectors[0], pull=False)


def _ring(network, vectors, rounds=None, gather=True, first=1, shift=0, length=None):
    """A ring with one of its parts changed."""
    result, m = vectors.copy(), network.m
    chunk = [np.array_split(x[:length], m) for x in result]
    for r in range(m - 1 if rounds is None else rounds):
        for i in range(m):
            network.send(i, (i + 1) % m, chunk[i][(i - r) % m])
        for i, message in network.deliver().items():
            chunk[i][(i - 1 - r) % m] += message
    for r in range(m - 1 if gather else 0):
        for i in range(m):
            network.send(i, (i + 1) % m, chunk[i][(i + first - r) % m])
        for i, message in network.deliver().items():
            _overwrite(chunk[i][(i + first - 1 + shift - r) % m], message)
    return result


def _overwrite(chunk, message):
    """Chunks differ by a word in length: the student's own slip would do the same on even ones."""
    n = min(chunk.size, message.size)
    chunk[:n] = message[:n]


def _ring_without_gather(network, vectors):
    return _ring(network, vectors, gather=False)


def _ring_from_the_wrong_chunk(network, vectors):
    return _ring(network, vectors, first=0)


def _ring_stops_early(network, vectors):
    return _ring(network, vectors, rounds=network.m - 2)


def _ring_files_it_wrongly(network, vectors):
    return _ring(network, vectors, shift=1)


def _ring_forgets_the_rest(network, vectors):
    return _ring(network, vectors, length=vectors.shape[1] // network.m * network.m)


def _ring_of_whole_vectors(network, vectors):
    m, total, passing = network.m, vectors.copy(), vectors.copy()
    for _ in range(m - 1):
        for i in range(m):
            network.send(i, (i + 1) % m, passing[i])
        for i, message in network.deliver().items():
            passing[i] = message
            total[i] += message
    return total


def _halving(network, vectors, gather=True, nearest_first=False, give="theirs"):
    """Recursive halving, then doubling, with one of its parts changed."""
    x, m = vectors.copy(), network.m
    part, history = [slice(0, x.shape[1])] * m, []
    for distance in [m >> k for k in range(1, m.bit_length())]:
        halves = [_halves(part[i]) for i in range(m)]
        mine = [halves[i][bool(i & distance)] for i in range(m)]
        for i in range(m):
            network.send(i, i ^ distance, x[i, mine[i ^ distance] if give == "theirs" else mine[i]])
        for i, message in network.deliver().items():
            x[i, mine[i]][: message.size] += message[: x[i, mine[i]].size]
        part = mine
        history.append((distance, mine))
    for distance, mine in (history if nearest_first else history[::-1]) if gather else []:
        for i in range(m):
            network.send(i, i ^ distance, x[i, mine[i]])
        for i, message in network.deliver().items():
            x[i, mine[i ^ distance]] = message
    return x


def _halves(part):
    middle = (part.start + part.stop + 1) // 2
    return slice(part.start, middle), slice(middle, part.stop)


def _halving_alone(network, vectors):
    return _halving(network, vectors, gather=False)


def _doubling_in_the_wrong_order(network, vectors):
    return _halving(network, vectors, nearest_first=True)


def _halving_gives_its_own(network, vectors):
    return _halving(network, vectors, give="mine")


def crossover(m, latency, seconds_per_word):
    """Length above which the ring is faster than recursive doubling, for m a power of two above 2."""
    rounds_more = 2 * (m - 1) - np.log2(m)
    words_less = np.log2(m) - 2 * (m - 1) / m
    return latency * rounds_more / (seconds_per_word * words_less)


def _network_at_random(rng):
    return int(2 ** rng.integers(2, 9)), 10 ** rng.uniform(-5.5, -4.5), 10 ** rng.uniform(-9.5, -8.5)


def _crossover_upside_down(m, latency, seconds_per_word):
    return crossover(m, seconds_per_word, latency)


def _crossover_natural_log(m, latency, seconds_per_word):
    rounds_more = 2 * (m - 1) - np.log(m)
    return latency * rounds_more / (seconds_per_word * (np.log(m) - 2 * (m - 1) / m))


def _crossover_half_a_ring(m, latency, seconds_per_word):
    return latency * (m - 1 - np.log2(m)) / (seconds_per_word * (np.log2(m) - (m - 1) / m))


def _crossover_whole_vectors(m, latency, seconds_per_word):
    return latency * (2 * (m - 1) - np.log2(m)) / (seconds_per_word * (np.log2(m) - 2 * (m - 1)))


QUESTIONS = [
    Question(
        id="all_reduce-server",
        name="server_all_reduce",
        points=4,
        inputs=any_workers,
        measure=all_reduce,
        reference=collectives.parameter_server,
        wrong={
            "the vector of worker 0, the server's host, is missing from the sum": _server_leaves_itself_out,
            "worker 0 is in the sum twice, as a worker and as the server": _server_counts_itself_twice,
            "the pull phase is missing: only the server knows the sum": _server_keeps_the_sum,
            AVERAGED: partial(_averaged, collectives.parameter_server),
            UNHEARD: _without_messages,
        },
        hints=(
            "Two phases of m - 1 rounds each: everyone but worker 0 pushes, then worker 0 answers everyone.",
            "network.send(i, 0, vectors[i]); total = total + network.deliver()[0]",
        ),
        draw=draw,
    ),
    Question(
        id="all_reduce-ring",
        name="ring_all_reduce",
        points=6,
        inputs=any_workers,
        measure=all_reduce,
        reference=collectives.ring,
        wrong={
            "all-gather is missing: each worker knows the sum of one chunk only": _ring_without_gather,
            "each chunk of the result is one worker's, not the sum: either reduce-scatter overwrites where "
            "it should add, or all-gather starts from chunk i, when worker i has finished chunk i + 1":
                _ring_from_the_wrong_chunk,
            "reduce-scatter is one round short: m workers need m - 1 rounds": _ring_stops_early,
            "all-gather: worker i files what arrives as the chunk that it sends, not as the one before: "
            "i - r, not i + 1 - r": _ring_files_it_wrongly,
            "the last d mod m words never travel: d need not be a multiple of m": _ring_forgets_the_rest,
            "whole vectors go round: the sum is right, but m/2 times the words travel": _ring_of_whole_vectors,
            AVERAGED: partial(_averaged, collectives.ring),
            UNHEARD: _without_messages,
        },
        hints=(
            "In round r worker i sends chunk i - r (mod m) to its right neighbour, and adds what arrives to "
            "chunk i - 1 - r. Then the same journey again, from chunk i + 1 - r, without adding.",
            "network.send(i, (i + 1) % m, chunk[i][(i - r) % m])",
        ),
        draw=draw,
    ),
    Question(
        id="all_reduce-halving",
        name="halving_doubling_all_reduce",
        points=7,
        inputs=power_of_two_workers,
        measure=all_reduce,
        reference=collectives.halving_doubling,
        wrong={
            "the way back is missing: each worker knows the sum of one m-th of the vector": _halving_alone,
            "the way back goes in the same order of distances: the last pair to part meets again first":
                _doubling_in_the_wrong_order,
            "each gives away the half that it keeps: send the half that your partner is in charge of":
                _halving_gives_its_own,
            "whole vectors are exchanged, which is recursive doubling: log2(m) rounds, but d words in each":
                collectives.recursive_doubling,
            AVERAGED: partial(_averaged, collectives.halving_doubling),
            UNHEARD: _without_messages,
        },
        hints=(
            "Keep for each worker the slice that it is in charge of; at distance m/2, m/4, ..., 1 it halves. "
            "On the way back partners swap what they have finished, at distance 1, 2, ..., m/2.",
            "partner = i ^ distance; network.send(i, partner, x[i, part[partner]])",
        ),
        draw=draw,
    ),
    Question(
        id="all_reduce-crossover",
        name="crossover",
        points=3,
        inputs=_network_at_random,
        reference=crossover,
        scale=1e4,
        wrong={
            "latency and seconds per word have changed places": _crossover_upside_down,
            "rounds of recursive doubling are log2(m), not the natural logarithm": _crossover_natural_log,
            "the ring goes round twice: 2(m - 1) rounds, 2(m - 1)d/m words": _crossover_half_a_ring,
            "each round of a ring carries d/m words, not d": _crossover_whole_vectors,
        },
        hints=(
            "Write down both costs, latency * rounds + seconds_per_word * words, and find the d that makes "
            "them equal.",
            "words of the ring: 2 * (m - 1) / m * d; of recursive doubling: np.log2(m) * d",
        ),
    ),
]  # fmt: skip
