"""A cluster of m workers in one process: exact arithmetic, simulated time, every byte counted."""

from collections import Counter, deque
from typing import NamedTuple

import numpy as np

from course_lib.clusters.arrivals import Arrivals, Flight
from course_lib.clusters.balancing import Balancing
from course_lib.clusters.books import Books
from course_lib.clusters.compressing import Compressing, Draws
from course_lib.clusters.curvature import Curvature
from course_lib.clusters.failing import Failing
from course_lib.clusters.mixing import Mixing
from course_lib.clusters.racing import Racing
from course_lib.clusters.selecting import Selecting, Streams
from course_lib.clusters.sharing import Sharing
from course_lib.clusters.solving import Solving
from course_lib.clusters.timing import ComputeTime, Constant, Link
from course_lib.errors import CourseError, whole


class Span(NamedTuple):
    """What one worker did for a while; kinds are "compute", "send", "wait" and "down"."""

    worker: int
    kind: str
    start: float
    end: float


class SimulatedCluster(Books, Mixing, Compressing, Solving, Selecting, Balancing, Failing, Racing, Curvature, Sharing):
    """m workers with data, clocks and wires. A method sees the machines only through these calls.

    Every worker has a clock; computing moves its own on, and whoever needs another's message waits for it.
    One word is one number of the model, eight bytes in double precision.

    Parameters
    ----------
    problem : Problem
        What the workers hold.
    seed : int
        Worker i's mini-batches depend on (seed, i) alone; compute times on the seed.
    compute : ComputeTime or float
        Seconds a gradient takes; a number means always the same.
    link : Link or Wires
        Latency and bandwidth of every wire, or of each.
    batch_size : int or array (m,), optional
        Samples per worker in a gradient, drawn with replacement; all its data if left out.
    replicates : int, optional
        Repeat the experiment this often with independent mini-batches, in one array: models have
        shape (replicates, ..., d).
    all_reduce : str
        Algorithm behind `mean`: one of ``costs.ALGORITHMS``. It sets the bill, not the result.
    initial_model : array (d,), optional
        Where runs start; the problem's own choice if left out.
    service : float
        Seconds that a parameter server spends on each message from a worker, one after another.
    replay : Order, optional
        Gradients of an asynchronous run arrive in this order and at these times: what `order` returned in
        another run, here or on real machines.
    faults : list of Fault
        What goes wrong: see ``course_lib.clusters.faults``.
    """

    def __init__(
        self, problem, seed=0, compute=1e-3, link=None, batch_size=None, replicates=None, all_reduce="ring",
        initial_model=None, service=0.0, replay=None, faults=(),
    ):  # fmt: skip
        self.problem, self.m, self.d = problem, problem.m, problem.d
        self.seed, self.batch_size, self.replicates = whole(seed, "seed", 0), samples(batch_size, self.m), replicates
        self.compute = compute if isinstance(compute, ComputeTime) else Constant(compute)
        self.compute.check(self.m)
        self.link = link or Link()
        self.all_reduce, self.service, self.replay = all_reduce, service, replay
        self._bills, self._mixers = {}, {}
        self._bill(self.m, self.d, 8)  # refuses an unknown algorithm here
        if replicates is not None:
            whole(replicates, "replicates")
        self.initial_model = problem.initial() if initial_model is None else np.asarray(initial_model, float)
        if not service >= 0:
            raise CourseError(f"the server's service time must be at least 0 seconds, not {service}")
        if self.initial_model.shape != (self.d,):
            raise CourseError(f"the initial model has shape {self.initial_model.shape}; this problem needs ({self.d},)")
        self._admit(faults)
        self._everyone, self._share = np.arange(self.m), problem.weights[None]
        self.start()

    def start(self, replicated=True):
        """Boot every machine: clocks at zero, an empty ledger, fresh random streams.

        Parameters
        ----------
        replicated : bool
            One model for all, shape (1, d), or a copy for each worker, shape (m, d).

        Returns
        -------
        array
            The initial model; with a leading axis when there are replicates.
        """
        self.rounds, self._now = 0, 0.0
        self.ledger = Counter()  # (operation, messages, bytes) -> how often
        self.spans = deque(maxlen=max(200_000 // self.m, 4))  # the last ones, so that memory is bounded
        self._streams, self._draws, self.selections = Streams(self.seed, 1), Draws(self.seed, self.m), 0
        self._timer, self._luck = np.random.default_rng([self.seed, 0]), self._fresh_luck()
        self._flight, self._waited_for = Flight(self.m), self._everyone
        lead = () if self.replicates is None else (self.replicates,)
        return np.full((*lead, 1 if replicated else self.m, self.d), self.initial_model)

    def zeros(self):
        """A block of zeros, one row a worker, shaped like `start`."""
        lead = () if self.replicates is None else (self.replicates,)
        return np.zeros((*lead, self.m, self.d))

    # ---- what methods call ------------------------------------------------------------------------------

    def gradient(self, X):
        """Each worker computes its gradient, at its own row of X or at the common model: (..., m, d)."""
        batch = self._batch(slice(None)) if self.batch_size is not None else None
        self._work()
        return self.problem.gradient(X, batch)

    def mean(self, V, weights=None):
        """All-reduce: every worker learns the weighted mean of the rows of V, shape (..., 1, d).

        The weights are the problem's unless given.
        """
        self._all_reduce(V.shape[-1], V.itemsize)
        return self.average(V, weights)

    def gather(self, V):
        """Every worker sends its row to the server, worker 0, which receives one message at a time.

        What comes back is what the server received, lies included.
        """
        self._through_server("gather", V.shape[-1] * V.itemsize)
        return self._received(V) if self.faults else V

    def broadcast(self, x):
        """The server, worker 0, sends the model to every other worker, one message after another."""
        self._through_server("broadcast", x.shape[-1] * x.itemsize)
        return x

    def arrivals(self, x, fetch_every=1, push_every=1, ahead=None, shared=False):
        """Gradients in the order in which they reach the server, without any barrier, for ever.

        A worker fetches the model, computes, sends; when its gradient has arrived it begins anew. The
        server is a machine of its own. Change x in place: it is what workers read.

        Parameters
        ----------
        x : array, shape (..., 1, d) or (..., m, d)
            The server's model; or, for workers with models of their own, a row for each.
        fetch_every, push_every : int
            A worker fetches the model before every so many gradients, and sends what it has after every so
            many; a gradient in between costs no message.
        ahead : int, optional
            A worker waits while it is more than so many gradients ahead of the slowest.
        shared : bool
            The model lies in shared memory: no messages, and no locks, so that a worker sees each
            coordinate as it was either when it began or when it finished, at random.

        Yields
        ------
        Arrival
            Staleness is the number of updates by others since the worker fetched the model.
        """
        return iter(Arrivals(self, x, fetch_every, push_every, ahead, shared))

    # ---- what the experiment reads ----------------------------------------------------------------------

    @property
    def clock(self):
        """Each worker's clock in seconds, shape (m,)."""
        if isinstance(self._now, float):
            self._now = np.full(self.m, self._now)
        return self._now

    @clock.setter
    def clock(self, seconds):
        self._now = seconds  # a float where all clocks are alike: quicker, and after a barrier they are

    @property
    def seconds(self):
        """Simulated time: the clock of the worker that is furthest on, of those who were waited for."""
        return self._latest(self._waited_for)

    def trace(self):
        """Who computed, sent and waited, and when: a list of Span, oldest first (the last 200,000 of them)."""
        every = []
        for kind, worker, start, end in self.spans:
            if worker is not None:
                every.append(Span(worker, kind, float(start), float(end)))
            else:
                start, end = np.broadcast_to(start, self.m), np.broadcast_to(end, self.m)
                lasting = np.flatnonzero(end > start)
                every.extend(Span(int(i), kind, float(start[i]), float(end[i])) for i in lasting)
        return every

    def state(self):
        """Everything that changes during a run, apart from the method's own state: for `restore`."""
        return {
            "rounds": self.rounds,
            "clock": self.clock.copy(),
            "ledger": dict(self.ledger),
            "timer": self._timer.bit_generator.state,
            "luck": [rng.bit_generator.state for rng in self._luck],
            "streams": self._streams.state(),
            "selections": self.selections,
            "draws": self._draws.state(),
            "flight": self._flight.state(),
            "waited_for": self._waited_for,
        }

    def restore(self, state):
        """Go back to what `state` returned; the trace starts anew."""
        if len(state["clock"]) != self.m:
            raise CourseError(f"this is the state of a cluster of {len(state['clock'])} workers, not {self.m}")
        if len(state["luck"]) != len(self.faults):
            raise CourseError(f"this state is of a cluster with {len(state['luck'])} faults, not {len(self.faults)}")
        self.start()
        self.rounds, self.clock = state["rounds"], state["clock"].copy()
        self.ledger.update(state["ledger"])
        self._timer.bit_generator.state = state["timer"]
        for rng, saved in zip(self._luck, state["luck"]):
            rng.bit_generator.state = saved
        self._draws.restore(state["draws"])
        self._streams.restore(state["streams"])
        self.selections = state["selections"]
        self._flight, self._waited_for = Flight.of(state["flight"]), state["waited_for"]

    # ---- clocks and bills -------------------------------------------------------------------------------

    def _latest(self, workers=slice(None)):
        """The clock of whoever of these is furthest on."""
        return self._now if isinstance(self._now, float) else float(self._now[workers].max())

    def _pass(self, kind, end):
        if end is not self._now:  # one number for all clocks that are alike: then nobody waits
            self.spans.append((kind, None, self._now, end))
            self._now = end

    def _barrier(self, seconds, messages=0, size=0, streams=1):
        """All wait for the slowest, then send so many messages together, `streams` at a time, for so many seconds."""
        meet = self._latest()
        if self.faults:
            meet, seconds = self._hindered(meet, seconds, messages, size, streams)
        self._pass("wait", meet)
        self._pass("send", meet + seconds)

    def _all_reduce(self, words, size):
        """An all-reduce of so many words of `size` bytes."""
        seconds, entry = self._bill(self.m, words, size)
        self._barrier(seconds, entry[1], words * size // self.m, self.m)
        self.ledger[entry] += 1

    def _bill(self, m, words, size):
        """Seconds and ledger entry of an all-reduce among m workers."""
        known = self._bills.get((m, words, size))
        if known is None:
            seconds, messages, sent = self.link.bill(self.all_reduce, m, words, size)
            known = self._bills[m, words, size] = seconds, ("all-reduce", messages, size * sent)
        return known

    def _through_server(self, operation, size):
        at_server = self.service if operation == "gather" else 0.0
        self._barrier((self.m - 1) * (self.link.seconds(size) + at_server), self.m - 1, size, 1)
        self.ledger[operation, self.m - 1, (self.m - 1) * size] += 1

    def _batch(self, workers):
        who = range(self.m)[workers] if isinstance(workers, slice) else workers
        return self.problem.sample(self._streams.of(who), self.batch_size, workers, self.replicates)


def samples(batch_size, m):
    """The batch size, if it is none, a whole number from 1 on, or one for each of m workers."""
    if batch_size is not None:
        counts = np.asarray(batch_size)
        if counts.shape not in ((), (m,)) or counts.dtype.kind not in "iu" or counts.min() < 1:
            raise CourseError(f"batch_size must be a whole number from 1 on, or one for each of the {m} workers")
    return batch_size
