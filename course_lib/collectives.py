"""All-reduce, message by message: how m workers come to hold the sum of their m vectors.

Each function takes a `Network` and one vector a worker, and reads like the algorithm on paper: a
round is a loop of `network.send`, then `network.deliver`. What it has cost the network says, and
`course_lib.costs` predicts.
"""

import numpy as np

from course_lib.errors import CourseError
from course_lib.network import Network

__all__ = [
    "ALGORITHMS",
    "Network",
    "halving_doubling",
    "naive",
    "parameter_server",
    "recursive_doubling",
    "ring",
    "tree",
]


def naive(network, inputs):
    """All-reduce by writing to everyone: m - 1 rounds, each with the whole vector.

    Parameters
    ----------
    network : Network
        The m workers.
    inputs : array_like, shape (m, d)
        One vector a worker; a list of m arrays will do.

    Returns
    -------
    ndarray, shape (m, d)
        Row i is the sum as worker i holds it; all rows are equal bit for bit.

    Raises
    ------
    CourseError
        If there is not one vector a worker, all of the same length.
    """
    own = _vectors(network, inputs)
    m = network.m
    heard = [{i: own[i]} for i in range(m)]
    for r in range(1, m):
        for i in range(m):
            network.send(i, (i + r) % m, own[i])
        for i, message in network.deliver().items():
            heard[i][(i - r) % m] = message
    return np.array([sum(heard[i][j] for j in range(m)) for i in range(m)])  # the same order everywhere


def parameter_server(network, inputs, shards=1):
    """All-reduce through servers: worker k hosts the server of shard k of the vector, k < `shards`.

    Every worker pushes to every server its share of the vector, then pulls the sum. A server's port
    takes one message at a time, so each of the two phases lasts m - 1 rounds; in round r server k
    serves worker k + r, which keeps all servers busy and no worker wanted twice. One shard is the
    textbook's parameter server; with m shards the servers' bottleneck is gone.

    Parameters
    ----------
    network, inputs
        As in `naive`.
    shards : int
        Number of servers, from 1 to m.

    Returns
    -------
    ndarray, shape (m, d)
        As in `naive`.

    Raises
    ------
    CourseError
        As `naive`, and if there are not 1 to m shards.

    References
    ----------
    Li et al. (2014), Scaling distributed machine learning with the parameter server.
    """
    x = _vectors(network, inputs)
    m = network.m
    if shards not in range(1, m + 1):
        raise CourseError(f"each shard has a worker for its host: 1 to {m} shards are possible, not {shards}")
    shard = [np.array_split(vector, shards) for vector in x]  # views: shard[i][k] is a part of x[i]
    for r in range(1, m):  # push
        for k in range(shards):
            i = (k + r) % m
            network.send(i, k, shard[i][k])
        for k, message in network.deliver().items():
            shard[k][k] += message
    for r in range(1, m):  # pull
        for k in range(shards):
            network.send(k, (k + r) % m, shard[k][k])
        for i, message in network.deliver().items():
            shard[i][(i - r) % m][:] = message
    return x


def tree(network, inputs):
    """All-reduce by a binomial tree: sum towards worker 0, then send the sum back the same way.

    Parameters, result and errors are those of `naive`.

    References
    ----------
    Thakur, Rabenseifner and Gropp (2005), Optimization of collective communication operations in MPICH.
    """
    x = _vectors(network, inputs)
    m = network.m
    distances = _powers_of_two_below(m)
    for distance in distances:  # reduce
        for i in range(distance, m, 2 * distance):
            network.send(i, i - distance, x[i])
        for i, message in network.deliver().items():
            x[i] += message
    for distance in reversed(distances):  # broadcast
        for i in range(distance, m, 2 * distance):
            network.send(i - distance, i, x[i - distance])
        for i, message in network.deliver().items():
            x[i] = message
    return x


def recursive_doubling(network, inputs):
    """All-reduce by pairs: each round doubles the number of vectors that a worker's sum holds.

    Pairs need a power of two p <= m. The other m - p workers hand their vector to one of the first p
    before, and are handed the sum after: two more rounds.

    Parameters, result and errors are those of `naive`.

    References
    ----------
    Thakur, Rabenseifner and Gropp (2005), Optimization of collective communication operations in MPICH.
    """
    x = _vectors(network, inputs)
    p = _largest_power_of_two(network.m)
    _fold_in(network, x, p)
    for distance in _powers_of_two_below(p):
        for i in range(p):
            network.send(i, i ^ distance, x[i])  # i XOR distance: the partner
        for i, message in network.deliver().items():
            x[i] += message
    _fold_out(network, x, p)
    return x


def ring(network, inputs):
    """All-reduce around a ring: each worker only ever writes to its right neighbour.

    The vector is cut into m chunks, as even as can be. First the chunks' sums travel and grow; after
    m - 1 rounds worker i holds that of chunk i + 1. Then the finished chunks go round once.

    Parameters, result and errors are those of `naive`.

    References
    ----------
    Patarasuk and Yuan (2009), Bandwidth optimal all-reduce algorithms for clusters of workstations.
    """
    x = _vectors(network, inputs)
    m = network.m
    chunk = [np.array_split(vector, m) for vector in x]  # views: chunk[i][c] is a part of x[i]
    for r in range(m - 1):  # reduce-scatter
        for i in range(m):
            network.send(i, (i + 1) % m, chunk[i][(i - r) % m])
        for i, message in network.deliver().items():
            chunk[i][(i - 1 - r) % m] += message
    for r in range(m - 1):  # all-gather
        for i in range(m):
            network.send(i, (i + 1) % m, chunk[i][(i + 1 - r) % m])
        for i, message in network.deliver().items():
            chunk[i][(i - r) % m][:] = message
    return x


def halving_doubling(network, inputs):
    """All-reduce by pairs that share the work: recursive halving, then recursive doubling.

    Partners divide the part of the vector that both are in charge of: each gives away one half and adds
    up the other, until every worker holds the sum of a p-th. The way back collects the halves again.
    With m no power of two, m - p workers are folded in and out as in `recursive_doubling`.

    Parameters, result and errors are those of `naive`.

    References
    ----------
    Rabenseifner (2004), Optimization of collective reduction operations.
    """
    x = _vectors(network, inputs)
    p, d = _largest_power_of_two(network.m), x.shape[1]
    distances = _powers_of_two_below(p)
    _fold_in(network, x, p)
    for distance in reversed(distances):  # reduce-scatter
        for i in range(p):
            partner = i ^ distance
            network.send(i, partner, x[i, _part(partner, distance, p, d)])
        for i, message in network.deliver().items():
            x[i, _part(i, distance, p, d)] += message
    for distance in distances:  # all-gather
        for i in range(p):
            network.send(i, i ^ distance, x[i, _part(i, distance, p, d)])
        for i, message in network.deliver().items():
            partner = i ^ distance
            x[i, _part(partner, distance, p, d)] = message
    _fold_out(network, x, p)
    return x


ALGORITHMS = {
    algorithm.__name__: algorithm
    for algorithm in (naive, parameter_server, tree, recursive_doubling, ring, halving_doubling)
}


def _vectors(network, inputs):
    """Each worker's own copy of its vector: row i is worker i's memory."""
    lengths = {np.shape(vector) for vector in inputs}
    if len(inputs) != network.m or len(lengths) != 1 or len(*lengths) != 1:
        raise CourseError(
            f"all-reduce takes one vector a worker, all of one length: "
            f"{network.m} workers, {len(inputs)} inputs of shape {sorted(lengths)}"
        )
    return np.array(inputs)


def _fold_in(network, x, p):
    """Workers p, p + 1, ... add their vectors to those of workers 0, 1, ..."""
    if p < network.m:
        for i in range(p, network.m):
            network.send(i, i - p, x[i])
        for i, message in network.deliver().items():
            x[i] += message


def _fold_out(network, x, p):
    """Workers 0, 1, ... hand the sum to workers p, p + 1, ..."""
    if p < network.m:
        for i in range(p, network.m):
            network.send(i - p, i, x[i - p])
        for i, message in network.deliver().items():
            x[i] = message


def _part(i, distance, p, d):
    """The words that worker i is in charge of once the pairs at p/2, ..., `distance` have halved."""
    start, stop = 0, d
    while p > distance:
        p //= 2
        middle = (start + stop + 1) // 2
        start, stop = (middle, stop) if i & p else (start, middle)
    return slice(start, stop)


def _largest_power_of_two(m):
    return 1 << (m.bit_length() - 1)


def _powers_of_two_below(m):
    return [1 << k for k in range((m - 1).bit_length())]
