"""A few of many workers: the calls of a cluster that federated methods use."""

import numpy as np

from course_lib.errors import CourseError
from course_lib.problems.base import normalised


class Streams(dict):
    """Random streams of workers, each made when it is first used: worker i's depends on `key` and i alone."""

    def __init__(self, *key):
        self.key = key

    def __missing__(self, i):
        self[int(i)] = stream = np.random.default_rng([*self.key, int(i)])
        return stream

    def of(self, workers):
        """The streams of these workers (a range or an array), as a list."""
        return [self[i] for i in (workers if isinstance(workers, range) else workers.tolist())]

    def state(self):
        """Where the streams stand: for `restore`."""
        return {i: stream.bit_generator.state for i, stream in self.items()}

    def restore(self, state):
        """Go back to what `state` returned."""
        self.clear()
        for i, saved in state.items():
            self[i].bit_generator.state = saved


class Selecting:
    """Sampling of workers. A part of a cluster, of which the whole is a team as well: everyone takes part."""

    workers, share = slice(None), 1.0

    def select(self, sample=None, dropout=0.0, weights=None):
        """The workers that take part in a round: a view of the cluster, with the same calls.

        Parameters
        ----------
        sample : int, optional
            So many, drawn uniformly without replacement; all of them if left out.
        dropout : float
            Probability that a worker is lost before it answers; one always stays.
        weights : {"equal", "pooled"} or array (m,), optional
            What each counts in the team's `mean`; the problem's weights if left out.

        Returns
        -------
        Team, or the cluster itself if everyone takes part with the problem's weights
        """
        self.check_selection(sample, dropout, weights)
        if sample is None and not dropout and weights is None:
            return self
        rng = np.random.default_rng([self.seed, 3, self.selections])  # a round's sample depends on its number alone
        self.selections += 1
        workers = self._everyone if sample is None else np.sort(rng.choice(self.m, sample, replace=False))
        stays = rng.random(len(workers)) >= dropout
        stays[rng.integers(len(workers))] |= not stays.any()
        workers = workers[stays]
        self._of_some("wait", workers, self.seconds)  # a round begins when the one before is over
        return Team(self, workers, self._weights(weights))

    def check_selection(self, sample=None, dropout=0.0, weights=None):
        """Refuse a sample, a dropout probability or weights that `select` has no use for."""
        if sample is not None and not (sample == int(sample) and 1 <= sample <= self.m):
            raise CourseError(f"a sample is a whole number of workers from 1 to {self.m}, not {sample}")
        if not 0 <= dropout < 1:
            raise CourseError(f"dropout is a probability below 1, not {dropout}")
        self._weights(weights)

    def losses(self, x):
        """Each worker computes its own loss at the common model, shape (..., m, 1): it takes the time of a gradient."""
        self._work()
        return self.problem.losses(x)[..., None]

    def _weights(self, weights):
        if weights is None:
            return self.problem.weights
        return normalised(weights, getattr(self.problem, "sizes", np.ones(self.m)))

    def _of_some(self, kind, workers, end):
        """The same as `_pass`, for some of the workers."""
        clock = self.clock.copy()
        clock[workers] = end
        self._pass(kind, clock)


class Team:
    """The workers that take part in a round. Its blocks have one row for each of them, and nobody else has any.

    Attributes
    ----------
    workers : array of int, shape (m,)
        Who they are.
    m : int
        How many.
    share : float
        What they weigh together, of all workers' weights.
    """

    def __init__(self, cluster, workers, weights):
        self.cluster, self.workers, self.m, self.d = cluster, workers, len(workers), cluster.d
        self.share = float(weights[workers].sum())
        self.weights = weights[workers] / self.share

    def gradient(self, X):
        """Each of them computes its gradient, at its own row of X or at the common model: (..., m, d)."""
        all_ = self.cluster
        batch = all_._batch(self.workers) if all_.batch_size is not None else None
        all_._work(self.workers)
        return all_.problem.gradient(X, batch, self.workers)

    def mean(self, V):
        """All-reduce among them: the weighted mean of the rows of V, shape (..., 1, d).

        It costs what an all-reduce among m workers costs. In bytes that is, up to one message, a model down to
        each and a change up from each.
        """
        seconds, entry = self.cluster._bill(self.m, V.shape[-1], V.itemsize)
        self._barrier(seconds, entry[1], V.shape[-1] * V.itemsize // self.m, self.m)
        self.cluster.ledger[entry] += 1
        return self.average(V)

    def average(self, V):
        """Weighted mean of rows that are in one place already: no communication."""
        if V.shape[-2] != self.m:
            raise CourseError(f"{V.shape[-2]} rows for a team of {self.m}: give one each")
        return self.weights[None] @ V

    def broadcast(self, x):
        """The server, a machine of its own, sends the model to each of them, one message after another."""
        size = x.shape[-1] * x.itemsize
        self._barrier(self.m * self.cluster.link.seconds(size), self.m, size, 1)
        self.cluster.ledger["broadcast", self.m, self.m * size] += 1
        return x

    @property
    def clock(self):
        """Their clocks, shape (m,)."""
        return self.cluster.clock[self.workers]

    def _barrier(self, seconds, messages, size, streams):
        meet = self.clock.max()
        if self.cluster.faults:
            meet, seconds = self.cluster._hindered(meet, seconds, messages, size, streams)
        self.cluster._of_some("wait", self.workers, meet)
        self.cluster._of_some("send", self.workers, meet + seconds)
