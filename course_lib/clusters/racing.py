"""Rounds that do not wait for everyone: the calls of a cluster that fault-tolerant methods use.

All of them come after ``cluster.gradient(x)``, by which every worker has begun, and say whose result counts.
"""

import numpy as np

from course_lib.clusters.selecting import Team
from course_lib.errors import CourseError


class Racing:
    """Stragglers left behind, helped, or made superfluous. A part of a cluster: it moves the clocks."""

    def first(self, count):
        """The workers that are done first, so many of them; the others give up what they are at."""
        self.check_count(count)
        ready = self._ready()
        workers = np.sort(np.argsort(ready, kind="stable")[:count])
        return self._quorum(workers, ready[workers].max())

    def punctual(self, deadline):
        """The workers that are done within so many seconds of the round's beginning, or else the first that is."""
        late, ready = np.min(self._began) + deadline, self._ready()
        workers = np.flatnonzero(ready <= late)
        if not workers.size:
            return self.first(1)
        return self._quorum(workers, late if workers.size < self.m else ready.max())

    def survivors(self):
        """The workers that nothing has happened to: nobody waits for a repair, or for those who are cut off.

        Who was down or cut off comes back as soon as it can, and takes part in the round that begins next.
        """
        begin = np.min(self._began)
        up = np.where(self._began > begin, self._began, self._present())  # who was away already is at no work
        stays = up <= begin
        if not stays.any():
            stays[self.clock.argmin()] = True
        for cut in self._cuts:
            away = cut.side(self.m) & cut.lasts(self.clock[stays].max(initial=begin))
            stays, up = stays & ~away, np.where(away, np.maximum(up, cut.end), up)
        if not stays.any():
            stays[self._ready().argmin()] = True
        return self._quorum(np.flatnonzero(stays), self._ready()[stays].max(), np.where(stays, 0, up))

    def speculate(self, copies):
        """Begin the last few gradients a second time, on machines that are done; whichever is done first counts.

        That takes machines that hold the data of others, too. Dean and Ghemawat (2004).
        """
        self.check_count(copies, most=self.m // 2)
        order = np.argsort(self.clock, kind="stable")
        helpers, last = order[:copies], order[self.m - copies :]
        begin = self.clock[order[self.m - copies - 1]]
        copied = begin + self.compute.at(begin).sample(self._timer, helpers)
        done = np.minimum(self.clock[last], copied)
        self._stop(_put(self.clock, last, done))
        self._of_some("wait", helpers, begin)
        self._of_some("compute", helpers, done)

    def coded_gradient(self, x, code):
        """Each worker computes the gradients of all its shares of the data, and mixes them by its row of the code.

        Shares count by the problem's weights, and it takes as many times as long as there are shares. Workers that
        hold the same share draw the same mini-batches of it.

        Parameters
        ----------
        x : array, shape (..., 1, d)
        code : Code
            One of ``course_lib.coding``.

        Returns
        -------
        array, shape (..., m, d)
        """
        if code.m != self.m:
            raise CourseError(f"a code for {code.m} workers does not fit a cluster of {self.m}")
        batch = self._batch(slice(None)) if self.batch_size is not None else None
        self._work(load=code.load)
        return code.encode(self.problem.weights[:, None] * self.problem.gradient(x, batch))

    def check_count(self, count, most=None):
        """Refuse a number of workers that there are not."""
        most = self.m if most is None else most
        if not (isinstance(count, (int, np.integer)) and 1 <= count <= most):
            raise CourseError(f"this needs a whole number of workers from 1 to {most}, not {count}")

    def _ready(self):
        """When each worker's result can set out: of those that are cut off, when the network is whole again."""
        ready = self.clock
        for cut in self._cuts:
            ready = np.where(cut.side(self.m) & cut.lasts(ready), cut.end, ready)
        return ready

    def _present(self, meet=np.inf):
        """When each worker was there in this round: at its beginning, or after the repair of a crash until `meet`."""
        struck = np.zeros(self.m) if self._up is None else np.where(self._fell <= meet, self._up, 0.0)
        return np.maximum(self._began, struck)

    def _quorum(self, workers, meet, back=None):
        """The team of these, who meet then; the others stop at that moment, unless they are away until `back`."""
        if back is None:
            up = self._present(meet)
            for cut in self._cuts:
                up = np.where(cut.side(self.m) & cut.lasts(meet), np.maximum(up, cut.end), up)
            back = np.where(up > meet, up, 0)  # nobody is back sooner because the others go on
        self._stop(np.where(back > 0, back, np.minimum(self.clock, meet)))
        self._waited_for = workers
        return Quorum(self, workers, self.problem.weights, meet)

    def _stop(self, clock):
        """Cut the computing under way short: it ends with these clocks."""
        cut = [self.spans.pop() for _ in range(3 if self.faults else 1)]
        for kind, who, start, end in reversed(cut):
            self.spans.append((kind, who, np.minimum(start, clock), np.minimum(end, clock)))
        self.clock = clock


class Quorum(Team):
    """The team whose results count. Nobody waits for the others, who hear of the result."""

    def __init__(self, cluster, workers, weights, meet):
        super().__init__(cluster, workers, weights)
        self.meet = meet  # when it is known who they are

    def mean(self, V):
        """All-reduce among them, and a message of the result to each of the others: (..., 1, d)."""
        missing, size = self.cluster.m - self.m, V.shape[-1] * V.itemsize
        self.cluster.ledger["catch up", missing, missing * size] += 1
        return super().mean(V)

    def gather(self, V):
        """Each of them sends its row of V, (..., m, d), to the server, a machine of its own: their rows alone."""
        size = V.shape[-1] * V.itemsize
        self._barrier(self.m * self.cluster.link.seconds(size), self.m, size, 1)
        self.cluster.ledger["gather", self.m, self.m * size] += 1
        received = self.cluster._received(V) if self.cluster.faults else V
        return received[..., self.workers, :]

    def broadcast(self, x):
        """The server sends the model to all workers, one message after another; who is away has it when it is back."""
        all_, size = self.cluster, x.shape[-1] * x.itemsize
        self._barrier(all_.m * all_.link.seconds(size), all_.m, size, 1)
        all_.ledger["broadcast", all_.m, all_.m * size] += 1
        return x

    def _barrier(self, seconds, messages, size, streams):
        cluster, meet = self.cluster, max(self.meet, self.clock.max())
        if cluster.faults:
            seconds = seconds * cluster._again(np.full(streams, messages / streams), size).max()
        cluster._pass("wait", np.maximum(cluster.clock, meet))
        cluster._pass("send", np.maximum(cluster.clock, meet + seconds))


def _put(values, where, new):
    values = values.copy()
    values[where] = new
    return values
