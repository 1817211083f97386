"""Work handed out in pieces, with copies of the last ones: how Sandblaster divides a gradient among machines."""

from heapq import heapify, heappop, heappush

import numpy as np


class Sharing:
    """Pieces of a gradient for whoever is free. A part of a cluster: it moves the clocks."""

    def shared_gradient(self, x, pieces):
        """The workers' gradients, as `gradient` gives them, by whoever is free (Dean et al., 2012).

        Each worker's rows are cut into so many pieces. A coordinator hands a piece to every worker that is idle;
        when there are none left, the idle repeat those still under way, the one that would end last first, and the
        first copy to be done counts. So all machines must be able to read all data.

        Parameters
        ----------
        x : array, shape (..., 1, d)
        pieces : int
            Of each worker's rows.

        Returns
        -------
        array, shape (..., m, d)
        """
        self._hand_out(pieces)
        return self.problem.gradient(x)

    def _hand_out(self, pieces, load=1.0):
        """All begin together, and compute as many gradients as there are workers, `load` times."""
        self._pass("wait", self.seconds)
        pace = self.compute.at(self.seconds)

        def seconds(i):
            return load / pieces * float(np.ravel(pace.sample(self._timer, self._everyone[i : i + 1]))[0])

        self._pass("compute", self.clock + schedule(self.m * pieces, self.m, seconds))


def schedule(pieces, m, seconds):
    """When each of m workers is done with its share of so many pieces, copies of the last included.

    Parameters
    ----------
    pieces, m : int
    seconds : callable
        Worker to the seconds that it takes for a piece.

    Returns
    -------
    array, shape (m,)
        Nobody works on after the last piece is done.
    """
    idle, ends = [(0.0, i) for i in range(m)], []
    heapify(idle)
    for _ in range(pieces):
        now, i = heappop(idle)
        ends.append(now + seconds(i))
        heappush(idle, (ends[-1], i))
    alone = set(range(pieces))
    while alone and idle[0][0] < max(ends[k] for k in alone):
        now, i = heappop(idle)
        last = max(alone, key=lambda k: ends[k])
        alone.remove(last)
        done = now + seconds(i)
        ends[last] = min(ends[last], done)
        heappush(idle, (done, i))
    busy = np.zeros(m)
    for done, i in idle:
        busy[i] = min(done, max(ends))
    return busy
