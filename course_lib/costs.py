"""What an all-reduce costs in the alpha-beta model: closed forms for every algorithm.

A message of n words takes `latency + seconds_per_word * n` seconds (alpha and beta), and a worker can
send one message and receive one at a time (full duplex, single port). The time to add is left out.
With m = 2^q workers and a vector of d words, d a multiple of m:

    algorithm                       rounds          words on the critical path, one after another
    naive                           m - 1           (m - 1) d
    parameter_server, S shards      2 (m - 1)       2 (m - 1) d / S
    tree                            2 log2 m        2 d log2 m
    recursive_doubling              log2 m          d log2 m
    ring                            2 (m - 1)       2 (m - 1) d / m
    halving_doubling                2 log2 m        2 (m - 1) d / m

The functions are exact for every m and d: chunks are then uneven and the largest counts, and where an
algorithm needs a power of two, the workers beyond it are folded in before and out after. They describe
the algorithms of `course_lib.collectives`, message for message.

Sources: Thakur, Rabenseifner and Gropp (2005), Optimization of collective communication operations in
MPICH; Patarasuk and Yuan (2009), Bandwidth optimal all-reduce algorithms for clusters of workstations.
"""

from typing import NamedTuple

import numpy as np

from course_lib.errors import CourseError


class Cost(NamedTuple):
    """The bill of one all-reduce: rounds, words on the critical path, seconds."""

    rounds: int | np.ndarray
    words: int | np.ndarray
    seconds: float | np.ndarray


class Traffic(NamedTuple):
    """All messages of one all-reduce, and the words in them."""

    messages: int | np.ndarray
    words: int | np.ndarray


class Sent(NamedTuple):
    """Words that a worker sends in one all-reduce: the busiest worker, and the mean over all m."""

    max: int | np.ndarray
    mean: float | np.ndarray


def all_reduce(algorithm, m, d, latency, seconds_per_word, shards=1):
    """Cost of summing m vectors of d words, so that every worker holds the sum.

    All numbers may be arrays; they broadcast.

    Parameters
    ----------
    algorithm : str
        One of `ALGORITHMS`.
    m : int or array_like of int
        Number of workers.
    d : int or array_like of int
        Length of the vector, in words.
    latency : float or array_like
        Seconds before the first word of a message arrives (alpha).
    seconds_per_word : float or array_like
        Seconds for each word of a message (beta): bytes a word / bytes a second.
    shards : int or array_like of int
        Servers among the workers, each with an equal part of the vector, 1 to m. Parameter server only.
        A server answers one worker at a time: the two logical rounds, push and pull, count m - 1 each.
        Up to m servers on machines of their own serve m workers, not m - 1: put m + 1 for m.

    Returns
    -------
    Cost
        `(rounds, words, seconds)`, seconds = latency * rounds + seconds_per_word * words.

    Raises
    ------
    CourseError
        If the algorithm is unknown, m, d or shards are not whole numbers of at least 1, there are more
        shards than workers, or a time is negative.

    Examples
    --------
    >>> all_reduce("ring", m=8, d=840, latency=0.0, seconds_per_word=0.5)
    Cost(rounds=14, words=1470, seconds=735.0)
    """
    bill = _bill(algorithm, m, d, shards)
    latency, seconds_per_word = _time(latency, "latency"), _time(seconds_per_word, "seconds_per_word")
    seconds = latency * bill.rounds + seconds_per_word * bill.words
    return Cost(*map(_plain, (bill.rounds, bill.words, seconds)))


def words_sent(algorithm, m, d, shards=1):
    """Words that the busiest and the average worker send in one all-reduce.

    Parameters and errors are those of `all_reduce`.

    Returns
    -------
    Sent
        `(max, mean)`; m * mean is the traffic in the whole network.

    Examples
    --------
    >>> words_sent("parameter_server", m=8, d=840)
    Sent(max=5880, mean=1470.0)
    """
    bill = _bill(algorithm, m, d, shards)
    return Sent(_plain(bill.busiest), _plain(bill.total / np.asarray(m)))


def traffic(algorithm, m, d, shards=1):
    """Messages and words that all workers together send in one all-reduce.

    Parameters and errors are those of `all_reduce`.

    Returns
    -------
    Traffic
        `(messages, words)`.

    Examples
    --------
    >>> traffic("ring", m=8, d=840)
    Traffic(messages=112, words=11760)
    """
    bill = _bill(algorithm, m, d, shards)
    return Traffic(_plain(bill.messages), _plain(bill.total))


def bandwidth_lower_bound(m, d):
    """Words that some worker must send in any all-reduce of m vectors of d words: 2 (m - 1) d / m.

    It holds without compression and for an operation on each element by itself (Patarasuk and Yuan,
    2009). As a worker sends one message a round, it also bounds the words on the critical path.
    """
    m, d = _whole(m, "m, the number of workers,"), _whole(d, "d, the length of the vector,")
    return _plain(2 * (m - 1) * d / m)


def latency_lower_bound(m):
    """Rounds that any all-reduce needs: ceil(log2 m), as those who know of a vector at most double."""
    return _plain(_ceil_log2(_whole(m, "m, the number of workers,")))


def crossover(m, latency, seconds_per_word):
    """Vector length d above which the ring beats recursive doubling.

    With R rounds of recursive doubling (log2 m, and 2 more if m is no power of two), that is
    latency * (2 (m - 1) - R) / (seconds_per_word * (R - 2 (m - 1) / m)), exact for d a multiple of m.
    For m <= 2 the ring sends no fewer words and never wins: infinity.

    Parameters
    ----------
    m, latency, seconds_per_word
        As in `all_reduce`, but a word must take some time.

    Returns
    -------
    float or ndarray
        Words.

    Raises
    ------
    CourseError
        If m is not a whole number of at least 1, the latency is negative or seconds_per_word not above 0.
    """
    latency, seconds_per_word = _time(latency, "latency"), _time(seconds_per_word, "seconds_per_word")
    if np.any(seconds_per_word == 0):
        raise CourseError("where words take no time the ring never wins: seconds_per_word must be above 0")
    ring, doubling = _bill("ring", m, m, 1), _bill("recursive_doubling", m, m, 1)
    rounds_lost = ring.rounds - doubling.rounds
    words_won = (doubling.words - ring.words) / np.asarray(m)  # for each word of the vector
    wins = words_won > 0
    d = latency * rounds_lost / (seconds_per_word * np.where(wins, words_won, 1))
    return _plain(np.where(wins, d, np.inf))


class _Bill(NamedTuple):
    rounds: np.ndarray
    words: np.ndarray  # on the critical path
    busiest: np.ndarray  # words sent by the worker that sends most
    total: np.ndarray  # words sent by all
    messages: np.ndarray  # messages sent by all


def _naive(m, d, shards):
    return _Bill(m - 1, (m - 1) * d, (m - 1) * d, m * (m - 1) * d, m * (m - 1))


def _parameter_server(m, d, shards):
    shard = _ceil_divide(d, shards)
    # The host of the largest shard pushes the rest of its vector and answers m - 1 pulls.
    return _Bill(2 * (m - 1), 2 * (m - 1) * shard, d - shard + (m - 1) * shard, 2 * (m - 1) * d, 2 * (m - 1) * shards)


def _tree(m, d, shards):
    depth = _ceil_log2(m)
    return _Bill(2 * depth, 2 * depth * d, depth * d, 2 * (m - 1) * d, 2 * (m - 1))


def _recursive_doubling(m, d, shards):
    q, folded = _powers_of_two(m)
    fold = folded > 0
    messages = 2**q * q + 2 * folded
    return _Bill(q + 2 * fold, (q + 2 * fold) * d, (q + fold) * d, messages * d, messages)


def _ring(m, d, shards):
    # A worker sends every chunk twice but two neighbouring ones once; the smallest are the last two.
    busiest = (m > 1) * (2 * d - d // m - (d + 1) // m)
    return _Bill(2 * (m - 1), 2 * (m - 1) * _ceil_divide(d, m), busiest, 2 * (m - 1) * d, 2 * m * (m - 1))


def _halving_doubling(m, d, shards):
    q, folded = _powers_of_two(m)
    fold = folded > 0
    halves = sum((k <= q) * _ceil_divide(d, 2**k) for k in range(1, np.max(q) + 1))
    busiest = d + halves - _ceil_divide(d, 2**q)
    messages = 2 * 2**q * q + 2 * folded
    return _Bill(2 * q + 2 * fold, 2 * halves + 2 * fold * d, busiest + fold * d, 2 * (m - 1) * d, messages)


_FORMS = {
    "naive": _naive,
    "parameter_server": _parameter_server,
    "tree": _tree,
    "recursive_doubling": _recursive_doubling,
    "ring": _ring,
    "halving_doubling": _halving_doubling,
}
ALGORITHMS = tuple(_FORMS)
#: What each is called in words.
NAMES = {name: name.replace("_", " ") for name in ALGORITHMS} | {"halving_doubling": "halving-doubling"}


def _bill(algorithm, m, d, shards):
    if algorithm not in _FORMS:
        raise CourseError(f"no all-reduce is called {algorithm!r}; there are {', '.join(ALGORITHMS)}")
    m, d = _whole(m, "m, the number of workers,"), _whole(d, "d, the length of the vector,")
    shards = _whole(shards, "shards")
    if algorithm != "parameter_server" and np.any(shards > 1):
        raise CourseError(f"only a parameter server has shards; {algorithm} has none")
    if np.any(shards > m):
        raise CourseError("each shard has a worker for its host: there are more shards than workers")
    return _FORMS[algorithm](*np.broadcast_arrays(m, d, shards))


def _whole(value, name):
    value = np.asarray(value)
    if value.dtype.kind not in "iuf" or not ((value >= 1) & (value == np.floor(value)) & np.isfinite(value)).all():
        raise CourseError(f"{name} must be a whole number of at least 1; got {value}")
    return value.astype(np.int64)


def _time(value, name):
    value = np.asarray(value, float)
    if not ((value >= 0) & np.isfinite(value)).all():
        raise CourseError(f"{name} is a time in seconds, 0 or more; got {value}")
    return value


def _plain(value):
    """Python's own number where there is but one: it prints as one."""
    return value.item() if np.ndim(value) == 0 else value


def _ceil_divide(a, b):
    return -(-a // b)


def _ceil_log2(m):
    return np.frexp(m - 1)[1]  # the bits of m - 1, exactly: no rounded logarithm


def _powers_of_two(m):
    """The largest q with 2^q <= m, and how many workers are left over."""
    q = (np.frexp(m)[1] - 1).astype(np.int64)
    return q, m - 2**q
