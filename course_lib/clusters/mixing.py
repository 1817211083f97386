"""How neighbours average: the calls of a cluster that decentralised methods use."""

import numpy as np
import scipy

from course_lib.errors import CourseError
from course_lib.topology import check_mixing, check_pushing

KEPT = 64  # matrices whose bill is remembered: a graph that changes every round must not fill the memory
SPARSE = 1 / 32  # a dense matrix with fewer entries than this share of them is mixed as a sparse one: much quicker


class Mixing:
    """Gossip between neighbours. A part of a cluster: it moves the clocks and writes the ledger."""

    def mix(self, X, W):
        """Each worker averages its neighbours' rows with the weights in its row of W: W @ X.

        W must have the sparsity of the network and keep the problem's weighted mean (equal weights:
        doubly stochastic). Neighbours wait for each other, nobody else does.
        """
        mixer = self._mixer(W, check_mixing)
        self._exchange(mixer, X.shape[-1] * X.itemsize, "mix")
        return _product(mixer.W, X)

    def push(self, X, A):
        """Each worker splits its row among its out-neighbours and itself, by its column of A: A @ X.

        The columns of A sum to one, so the sum of all rows is kept. Links may go one way only; a worker
        waits for those who write to it.
        """
        mixer = self._mixer(A, check_pushing)
        self._exchange(mixer, X.shape[-1] * X.itemsize, "push")
        return _product(mixer.W, X)

    def compressed_mix(self, V, compressor, W):
        """Each worker compresses its row of V, sends the message to its neighbours, and averages what it hears.

        Parameters
        ----------
        V : array, shape (..., m, d)
        compressor : Compressor
            Worker i's draws come from the random stream of (seed, i) alone, as in `compressed_mean`.
        W : array or sparse matrix, shape (m, m)
            As for `mix`.

        Returns
        -------
        mixed : array, shape (..., m, d)
            W @ sent.
        sent : array, shape (..., m, d)
            What each worker's message says.
        """
        mixer = self._mixer(W, check_mixing)
        sent, sizes = self._send(V, compressor)
        sizes = sizes.reshape(-1, self.m).mean(0)  # of several experiments at once: their mean
        ready = np.maximum.reduceat(self.clock[mixer.heard], mixer.first)
        trips = np.add.reduceat(self.link.seconds(sizes)[mixer.heard], mixer.first) - self.link.seconds(sizes)
        if self.faults:
            ready, trips = self._hindered_neighbours(ready, trips, mixer, sizes.mean())
        self._pass("wait", ready)
        self._pass("send", ready + trips)
        self.ledger["compressed mix", mixer.messages, 0] += 1
        self.ledger["compressed mix", 0, 1] += round(mixer.listeners @ sizes)  # byte by byte: every round differs
        return _product(mixer.W, sent), sent

    def _exchange(self, mixer, size, operation):
        if size not in mixer.bills:
            entry = operation, mixer.messages, mixer.messages * size
            trips = self.link.hearing(mixer.heard, mixer.first, size)
            mixer.bills[size] = float(trips[0]) if np.ptp(trips) == 0 else trips, entry
        trip, entry = mixer.bills[size]
        alike = isinstance(self._now, float)
        ready = self._now if alike else np.maximum.reduceat(self._now.take(mixer.heard), mixer.first)
        if self.faults:
            ready, trip = self._hindered_neighbours(ready, trip, mixer, size)
        self._pass("wait", ready)
        self._pass("send", ready + trip)
        self.ledger[entry] += 1

    def _mixer(self, W, check):
        known = self._mixers.get((id(W), check))
        if known is None:
            if len(self._mixers) >= KEPT:
                del self._mixers[next(iter(self._mixers))]
            known = self._mixers[id(W), check] = _Mixer(W, check, self.problem.weights)
        return known


class _Mixer:
    """A mixing matrix, checked once, with what the clocks and the ledger need to know of it."""

    def __init__(self, W, check, weights):
        self.W = W if scipy.sparse.issparse(W) else np.asarray(W, float)
        check(self.W, weights)
        listener, self.heard = _conversations(self.W)
        self.W = lean(self.W)
        self.original = W  # keeps its id taken
        hears = np.bincount(listener, minlength=W.shape[0])
        self.first, self.degree = np.cumsum(hears) - hears, hears - 1  # where each begins; how many it hears
        self.listeners = np.bincount(self.heard, minlength=W.shape[0]) - 1  # how many hear it
        self.messages = int(self.degree.sum())
        self.bills = {}  # size of a message -> seconds of each worker's round, entry in the ledger


def _conversations(W):
    """Who hears whom, himself included: listeners in their order, and whom they hear."""
    if not scipy.sparse.issparse(W):
        return np.nonzero((W != 0) | np.eye(len(W), dtype=bool))
    both = (abs(W) + scipy.sparse.eye_array(W.shape[0])).tocsr()
    both.sum_duplicates()
    return both.nonzero()


def lean(W):
    """W, in the form in which it is multiplied; ranks and simulator get the same bits because both ask here."""
    few = not scipy.sparse.issparse(W) and np.count_nonzero(W) < SPARSE * W.size
    return scipy.sparse.csr_array(W) if few else W


def _product(W, X):
    if X.shape[-2] != W.shape[0]:
        raise CourseError(f"{X.shape[-2]} rows for {W.shape[0]} workers: each mixes its own")
    if not scipy.sparse.issparse(W) or X.ndim == 2:
        return W @ X
    return np.stack([W @ one for one in X.reshape(-1, *X.shape[-2:])]).reshape(X.shape)
