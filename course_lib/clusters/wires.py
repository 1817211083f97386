"""Networks whose wires are not alike: one slow wire, a slow worker's wires, racks behind shared uplinks."""

from copy import copy
from functools import partial

import numpy as np

from course_lib import collectives
from course_lib.clusters.timing import Link, positive
from course_lib.errors import CourseError
from course_lib.hierarchy import hierarchical


class Wires:
    """A latency and a bandwidth for every pair of workers.

    Parameters
    ----------
    latency : array, shape (m, m)
        Seconds before the first byte arrives, from row to column.
    bandwidth : array, shape (m, m)
        Bytes a second.
    """

    def __init__(self, latency, bandwidth):
        self.latency, self.bandwidth = np.asarray(latency, float), np.asarray(bandwidth, float)
        if not self.latency.shape == self.bandwidth.shape == (len(self.latency),) * 2:
            raise CourseError("latencies and bandwidths of all pairs are needed, (m, m) each")
        positive(bandwidth=self.bandwidth[~np.isinf(self.bandwidth)])
        if not (self.latency >= 0).all():
            raise CourseError("a latency is at least 0 seconds")
        self.m = len(self.latency)
        self.wires = ~np.eye(self.m, dtype=bool)  # nobody writes to himself

    @classmethod
    def alike(cls, m, link=None):
        """All wires as `link`."""
        link = link or Link()
        return cls(np.full((m, m), link.latency), np.full((m, m), link.bandwidth))

    def slowed(self, worker, factor, other=None):
        """The same but for the wires of one worker, or for the one wire to `other`, that take `factor` times as long.

        Parameters
        ----------
        worker : int
        factor : float
        other : int, optional

        Returns
        -------
        Wires
        """
        slow = np.ones((self.m, self.m))
        there = slice(None) if other is None else other
        slow[worker, there] = slow[there, worker] = factor
        slowed = copy(self)  # racks stay racks
        slowed.latency, slowed.bandwidth = self.latency * slow, self.bandwidth / slow
        return slowed

    def seconds(self, size):
        """Seconds of a message of `size` bytes on the slowest wire: what a round of everybody's messages waits for."""
        return self.latency[self.wires].max(initial=0.0) + size / self.bandwidth[self.wires].min(initial=np.inf)

    def round_seconds(self, source, target, sizes):
        """Seconds of messages that are sent at once, shape (k,) each: those of the one that takes longest."""
        return float((self.latency[source, target] + sizes / self.bandwidth[source, target]).max())

    def price(self, log, bytes_per_word=8):
        """Seconds that the messages in a network's log take, round by round.

        Parameters
        ----------
        log : list of Message
            ``Network.log``.
        bytes_per_word : int

        Returns
        -------
        float
        """
        number, source, target, words = np.array(log, int).reshape(-1, 4).T
        rounds = np.split(np.arange(len(number)), np.flatnonzero(np.diff(number)) + 1)
        return sum(self.round_seconds(source[k], target[k], bytes_per_word * words[k]) for k in rounds if len(k))

    def all_reduce(self, algorithm, words, bytes_per_word=8):
        """Seconds of an all-reduce of so many words.

        Parameters
        ----------
        algorithm : str
            One of ``costs.ALGORITHMS``; racks know "hierarchical" as well.
        words, bytes_per_word : int

        Returns
        -------
        float
        """
        return self.bill(algorithm, self.m, words, bytes_per_word)[0]

    def bill(self, algorithm, m, words, bytes_per_word):
        """Seconds, messages and words of an all-reduce: it is carried out, and its messages priced."""
        if algorithm not in self.algorithms:
            raise CourseError(f"no all-reduce is called {algorithm!r}; there are {', '.join(self.algorithms)}")
        if m != self.m:
            raise CourseError(f"these are wires between {self.m} workers; {m} cannot tell which are theirs")
        network = collectives.Network(m)
        self.algorithms[algorithm](network, np.zeros((m, words)))
        return self.price(network.log, bytes_per_word), len(network.log), network.total

    def hearing(self, heard, first, size):
        """Seconds in which each worker hears its neighbours, `heard` from `first` on, one message after another."""
        listener = np.repeat(np.arange(self.m), np.diff(first, append=len(heard)))
        trips = np.where(heard == listener, 0.0, self.latency[heard, listener] + size / self.bandwidth[heard, listener])
        return np.add.reduceat(trips, first)

    @property
    def algorithms(self):
        """Name to all-reduce."""
        return collectives.ALGORITHMS


class Racks(Wires):
    """Machines in racks: fast wires within, and one uplink a rack that all messages to other racks share.

    Parameters
    ----------
    racks, size : int
        Number of racks, and of workers in each; workers 0 to size - 1 stand in the first.
    inside : Link
        Wires within a rack.
    uplink : Link
        From a rack to the others: what its workers send at once goes through it one after another, and so does what
        comes in.
    """

    def __init__(self, racks, size, inside=None, uplink=None):
        self.inside, self.uplink = inside or Link(), uplink or Link(latency=5e-4, bandwidth=1.25e8)
        self.size, self.rack = size, np.repeat(np.arange(racks), size)
        same = self.rack[:, None] == self.rack
        super().__init__(
            np.where(same, self.inside.latency, self.uplink.latency),
            np.where(same, self.inside.bandwidth, self.uplink.bandwidth),
        )

    def round_seconds(self, source, target, sizes):
        """As for `Wires`, but what leaves or enters a rack at once shares its uplink."""
        leaves = self.rack[source] != self.rack[target]
        longest = [super().round_seconds(source, target, sizes)]
        for end in (source, target):
            through = np.bincount(self.rack[end][leaves], sizes[leaves], minlength=1)
            longest.append(self.uplink.seconds(through.max()) if leaves.any() else 0.0)
        return max(longest)

    @property
    def algorithms(self):
        """Name to all-reduce, the one that knows of racks included."""
        return collectives.ALGORITHMS | {"hierarchical": partial(hierarchical, size=self.size)}
