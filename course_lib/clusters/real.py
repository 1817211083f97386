"""What clusters of real processes share: the clock on the wall, the bill, and a server of gradients."""

import time
from collections import Counter, deque

import numpy as np

from course_lib.clusters.arrivals import Arrival, Flight
from course_lib.clusters.books import Books
from course_lib.clusters.selecting import Selecting, Streams
from course_lib.clusters.simulated import Span, samples
from course_lib.errors import CourseError, whole


class Clock:
    """Seconds since the start. It stands still while somebody looks at the models."""

    def __init__(self):
        self.zero, self.stopped = time.perf_counter(), None

    def read(self):
        """Seconds so far."""
        return (self.stopped or time.perf_counter()) - self.zero

    def stop(self):
        """Stand still."""
        self.stopped = self.stopped or time.perf_counter()

    def go(self):
        """Go on."""
        if self.stopped is not None:
            self.zero, self.stopped = self.zero + time.perf_counter() - self.stopped, None


class RealCluster(Books, Selecting):
    """Workers that are processes. The same calls as `SimulatedCluster`; time is measured, not modelled.

    Every process builds the same problem and computes for its own workers only. Worker i's mini-batches
    depend on (seed, i) alone, so they are those of the simulator.

    Parameters
    ----------
    problem : Problem
    seed : int
    batch_size : int or array (m,), optional
        As in `SimulatedCluster`.
    initial_model : array (d,), optional
        Where runs start; the problem's own choice if left out.
    delays : dict of int to float, optional
        Seconds that a worker sleeps at every gradient, by its number: a slow machine.
    """

    rows, replicates = slice(None), None  # whose rows are here

    def __init__(self, problem, seed=0, batch_size=None, initial_model=None, delays=None):
        self.problem, self.m, self.d = problem, problem.m, problem.d
        self.seed, self.batch_size, self.delays = whole(seed, "seed", 0), samples(batch_size, self.m), delays or {}
        self.initial_model = problem.initial() if initial_model is None else np.asarray(initial_model, float)
        if self.initial_model.shape != (self.d,):
            raise CourseError(f"the initial model has shape {self.initial_model.shape}; this problem needs ({self.d},)")
        if unknown := set(self.delays) - set(range(self.m)):
            raise CourseError(f"delays are given by worker, 0 to {self.m - 1}; there is no worker {min(unknown)}")
        self._share, self.mine = problem.weights[None], range(self.m)[self.rows]  # workers that are hosted here
        self._reset()

    def _reset(self):
        self.rounds, self.selections, self.ledger = 0, 0, Counter()
        self.spans = deque(maxlen=20_000)  # the last ones, so that memory is bounded
        self._streams, self._draws = Streams(self.seed, 1), Streams(self.seed, 2)
        self._flight, self._clock = Flight(self.m), Clock()

    def start(self, replicated=True):
        """Clock at zero, an empty ledger, fresh random streams; see `SimulatedCluster.start`."""
        self._reset()
        return np.repeat(self.initial_model[None], 1 if replicated else len(self.mine), axis=0)

    def zeros(self):
        """A block of zeros, one row for each worker that is hosted here."""
        return np.zeros((len(self.mine), self.d))

    def select(self, sample=None, dropout=0.0, weights=None):
        """The cluster itself: on real machines everyone takes part, with the problem's weights."""
        if sample is not None or dropout or weights is not None:
            raise CourseError("on real machines everyone takes part with the problem's weights: sampling is simulated")
        return self

    def compute(self, X, i):
        """Gradient of worker i at a model (1, d), on the next mini-batch of its stream."""
        self._rest([i])
        return self.problem.gradient(X, self._batch(slice(i, i + 1)), slice(i, i + 1))

    def _rest(self, workers):
        """Sleep as slow machines do, one after another."""
        if self.delays:
            time.sleep(sum(self.delays.get(i, 0) for i in workers))

    def _batch(self, rows):
        if self.batch_size is None:
            return None
        return self.problem.sample(self._streams.of(range(self.m)[rows]), self.batch_size, rows)

    # ---- what the experiment reads ----------------------------------------------------------------------

    def together(self, models):
        """All workers' models in one place, for whoever watches; the clock stands still until the next call."""
        self._clock.stop()
        return models

    @property
    def seconds(self):
        """Seconds on the wall since the start, without those in which somebody watched."""
        return self._clock.read()

    def trace(self):
        """Who computed and sent, and when, as measured here: a list of Span."""
        return [Span(i, kind, start, end) for kind, workers, start, end in self.spans for i in workers]

    def state(self):
        """Everything that changes during a run, apart from the method's own state: for `restore`."""
        return {
            "rounds": self.rounds,
            "ledger": dict(self.ledger),
            "streams": self._streams.state(),
            "draws": self._draws.state(),
            "flight": self._flight.state(),
        }

    def restore(self, state):
        """Go back to what `state` returned; the clock starts anew."""
        self._reset()
        self.rounds = state["rounds"]
        self.ledger.update(state["ledger"])
        self._streams.restore(state["streams"])
        self._draws.restore(state["draws"])
        self._flight = Flight.of(state["flight"])

    def _span(self, kind, workers, start):
        """Note that these workers did something from `start` until now."""
        self.spans.append((kind, workers, start, self._clock.read()))


class Server:
    """A server of gradients: an iterator over arrivals. A subclass says how messages travel.

    A worker reads the model when its own last gradient has been used, so that the order of arrivals tells
    all: `SimulatedCluster(problem, replay=order)` repeats the run to the last bit.
    """

    def __init__(self, cluster, x, fetch_every, push_every, ahead):
        self.cluster, self.flight, self.x = cluster, cluster._flight, x
        self.fetch_every, self.push_every, self.ahead = fetch_every, push_every, ahead
        self.size, self.began = x.shape[-1] * x.itemsize, {}

    def send(self, i, model):
        """Let worker i begin its next gradient, at this model."""
        raise NotImplementedError

    def receive(self):
        """Worker and gradient of whoever is done next; it may have to be waited for."""
        raise NotImplementedError

    def close(self):
        """Let the workers go."""

    def arrivals(self):
        """Gradients as they come in, for ever."""
        try:
            for i, model in self.flight.read.items():  # under way when a checkpoint was made
                self.send(i, model)
            while True:
                for i in self.flight.ready(self.ahead):
                    self.begin(i)
                yield self.finish()
        finally:
            self.close()

    def begin(self, i):
        """Worker i fetches the model and computes."""
        self.cluster._clock.go()
        if self.flight.steps[i] % self.fetch_every == 0:
            self.flight.seen[i] = self.flight.updates
            self.cluster.ledger["pull", 1, self.size] += 1
        x = self.x if self.x.shape[-2] == 1 else self.x[i : i + 1]
        self.flight.read[i] = x.copy()
        self.began[i] = self.cluster.seconds
        self.send(i, self.flight.read[i])

    def finish(self):
        """The next gradient that is there."""
        self.cluster._clock.go()
        i, gradient = self.receive()
        self.cluster._span("compute", [i], self.began.get(i, 0.0))
        del self.flight.read[i]
        staleness = self.flight.log(i, self.cluster.seconds)
        if self.flight.steps[i] % self.push_every == 0:
            self.flight.updates += 1
            self.flight.seen[i] += 1  # its own update is no news to it
            self.cluster.ledger["push", 1, self.size] += 1
        return Arrival(i, gradient, staleness)
