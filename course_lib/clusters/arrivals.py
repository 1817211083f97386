"""Gradients that reach a parameter server one by one: who comes next, and how old is what it brings."""

from copy import copy
from heapq import heapify, heappop, heappush, heappushpop
from typing import NamedTuple

import numpy as np

from course_lib.checkpoints import saved_arrays
from course_lib.errors import CourseError


class Arrival(NamedTuple):
    """A gradient as it reaches the server: whose, what, and how many updates old its model is."""

    worker: int
    gradient: np.ndarray
    staleness: int


class Order(NamedTuple):
    """The order of arrivals of a run: with the seed, all that is needed to have the same run again.

    Attributes
    ----------
    workers : array of int, shape (T,)
        Whose gradient came.
    seconds : array, shape (T,)
        When.
    staleness : array of int, shape (T,)
        How many updates old its model was.
    """

    workers: np.ndarray
    seconds: np.ndarray
    staleness: np.ndarray

    def save(self, path):
        """Write the order to an .npz file; `load` gives it back bit for bit."""
        with open(path, "wb") as file:
            np.savez(file, **self._asdict())

    @classmethod
    def load(cls, path):
        """Read what `save` wrote."""
        with saved_arrays(path, cls._fields[0], "an order of arrivals") as arrays:
            return cls(**arrays)


class Flight:
    """All that is under way in an asynchronous run, and the log of what has arrived."""

    def __init__(self, m):
        self.queue = []  # (seconds, worker, served?), a heap: what reaches the server, the earliest first
        self.idle = list(range(m))  # workers that have no gradient under way
        self.read = {}  # worker -> the model that it computes on
        self.sent = [0.0] * m  # when the message of each worker gets, or got, to the server
        self.seen = [0] * m  # updates contained in the model that each worker fetched last
        self.steps = [0] * m  # gradients that each worker has finished
        self.updates = 0  # of the server's model
        self.free = 0.0  # when the server has served all that came
        self.workers, self.seconds, self.staleness = [], [], []

    @classmethod
    def of(cls, state):
        """A flight that goes on from what `state` returned."""
        flight = cls(0)
        vars(flight).update(_copied(state))
        return flight

    def state(self):
        """A copy of everything in it."""
        return _copied(vars(self))

    @property
    def order(self):
        """The log as arrays."""
        return Order(np.array(self.workers, int), np.array(self.seconds, float), np.array(self.staleness, int))

    def ready(self, ahead):
        """Take out the idle workers that may begin: those at most `ahead` gradients before the slowest."""
        if ahead is None:
            starting, self.idle = self.idle, []
            return starting
        last = min(self.steps) + ahead
        starting = [i for i in self.idle if self.steps[i] <= last]
        self.idle = [i for i in self.idle if self.steps[i] > last]
        return starting

    def next(self, service):
        """Seconds and worker of the next gradient, if the server takes `service` seconds for each message."""
        seconds, i, served = heappop(self.queue)
        while service and not served:
            self.free = max(seconds, self.free) + service
            seconds, i, served = heappushpop(self.queue, (self.free, i, True))
        return seconds, i

    def recorded(self, order):
        """Seconds and worker of the next gradient, as in a recorded order."""
        k = len(self.workers)
        if k == len(order.workers):
            raise CourseError(f"this cluster replays an order of {k} arrivals, and they have all come")
        i = int(order.workers[k])
        others = [message for message in self.queue if message[1] != i]
        if len(others) == len(self.queue):
            raise CourseError(f"arrival {k} of the recorded order is from worker {i}, which has nothing under way")
        self.queue = others
        heapify(self.queue)
        return float(order.seconds[k]), i

    def log(self, i, seconds):
        """Note that a gradient of worker i is there; its staleness."""
        staleness = self.updates - self.seen[i]
        self.steps[i] += 1
        self.idle.append(i)
        self.workers.append(i)
        self.seconds.append(seconds)
        self.staleness.append(staleness)
        return staleness


class Arrivals:
    """The event loop of an asynchronous run: see `SimulatedCluster.arrivals`, whose arguments these are."""

    def __init__(self, cluster, x, fetch_every, push_every, ahead, shared):
        self.cluster, self.flight, self.x = cluster, cluster._flight, x
        self.fetch_every, self.push_every, self.ahead, self.shared = fetch_every, push_every, ahead, shared
        self.size = x.shape[-1] * x.itemsize
        self.trip = 0.0 if shared else cluster.link.seconds(self.size)
        self.rows = [slice(i, i + 1) for i in range(cluster.m)]

    def __iter__(self):
        while True:
            for i in self.flight.ready(self.ahead):
                self.begin(i)
            yield self.finish()

    def begin(self, i):
        """Worker i fetches the model, if it is time to, and computes; then its message is on the way."""
        cluster, flight = self.cluster, self.flight
        start = self.released(i)
        computing = start
        if flight.steps[i] % self.fetch_every == 0:
            self.count("pull")
            computing += self.lasting()
            flight.seen[i] = flight.updates
        flight.read[i] = self.model(i).copy()
        done = cluster._alone(i, computing)
        pushes = (flight.steps[i] + 1) % self.push_every == 0
        flight.sent[i] = cluster._reaches(i, done) + self.lasting() if pushes else done
        heappush(flight.queue, (flight.sent[i], i, not pushes))
        if self.trip:
            cluster.spans.extend((("send", i, start, computing), ("send", i, done, flight.sent[i])))

    def released(self, i):
        """When worker i may begin: now, which for one that was held back is the last arrival."""
        cluster, flight = self.cluster, self.flight
        arrived = float(cluster.clock[i])
        start = max(arrived, flight.seconds[-1]) if flight.seconds else arrived
        if start > arrived:
            cluster.spans.append(("wait", i, arrived, start))
        return start

    def finish(self):
        """The next gradient that is there, computed on the model that its worker had read."""
        cluster, flight = self.cluster, self.flight
        order = cluster.replay
        seconds, i = flight.next(cluster.service) if order is None else flight.recorded(order)
        if seconds > flight.sent[i]:
            cluster.spans.append(("wait", i, flight.sent[i], seconds))
        batch = None if cluster.batch_size is None else cluster._batch(self.rows[i])
        gradient = cluster.problem.gradient(self.seen(i), batch, self.rows[i])
        cluster.clock[i] = seconds
        staleness = flight.log(i, seconds)
        if flight.steps[i] % self.push_every == 0:
            self.count("push")
            flight.updates += 1
            flight.seen[i] += 1  # its own update is no news to it
        return Arrival(i, gradient, staleness)

    def model(self, i):
        """What worker i reads when it begins: the server's model, or its own row."""
        return self.x if self.x.shape[-2] == 1 else self.x[..., self.rows[i], :]

    def seen(self, i):
        """What worker i has computed on; in shared memory half of the coordinates were read late, at random."""
        read = self.flight.read.pop(i)
        if not self.shared:
            return read
        coins = np.random.default_rng([self.cluster.seed, 2, i, self.flight.steps[i]])  # nothing to save
        late = coins.random(read.shape[-1]) < 0.5
        return np.where(late, self.model(i), read)

    def lasting(self):
        """Seconds of a message of one model, with the times that it is lost."""
        return self.trip * float(self.cluster._again(ONE, self.size)[0]) if self.cluster.faults else self.trip

    def count(self, operation):
        """Write a message of one model into the ledger."""
        if not self.shared:
            self.cluster.ledger[operation, 1, self.size] += 1


ONE = np.ones(1)


def _copied(state):
    """Each item copied, not what is in it: messages are tuples, and nobody changes a model that was read."""
    return {name: copy(value) for name, value in state.items()}
