"""What neighbouring ranks tell each other: rows, or compressed messages, on a graph communicator."""

import numpy as np
import scipy
from mpi4py import MPI


class Neighbours:
    """Who of the ranks hears whom, by a mixing matrix, and which rows; every rank makes its own.

    Parameters
    ----------
    comm : MPI.Comm
    blocks : list of slice
        The workers of each rank.
    W : array or sparse matrix, shape (m, m)
    original : object
        What the user calls W: kept, so that its id stays taken.

    Attributes
    ----------
    heard : array of int
        Workers elsewhere whose rows are needed here.
    told : array of int
        Rows of this rank's block that are sent, one listening rank after another.
    listeners : int
        How many ranks listen.
    """

    def __init__(self, comm, blocks, W, original):
        self.W, self.original, self.own = W, original, blocks[comm.rank]
        self.k, self.m = self.own.stop - self.own.start, W.shape[0]
        needs = _needs(W, blocks)
        self.heard = needs[comm.rank]
        tell = [need[(need >= self.own.start) & (need < self.own.stop)] - self.own.start for need in needs]
        hear = [np.count_nonzero((self.heard >= b.start) & (self.heard < b.stop)) for b in blocks]
        sources, listeners = np.flatnonzero(hear), np.flatnonzero([len(rows) for rows in tell])
        self.graph = comm.Create_dist_graph_adjacent(sources.tolist(), listeners.tolist())
        self.tell, self.hear = [tell[r] for r in listeners], [hear[r] for r in sources]
        self.told, self.listeners = np.concatenate([np.zeros(0, int), *self.tell]), len(listeners)
        self.runs = all((np.diff(rows) == 1).all() for rows in self.tell)  # sent as they lie, without a copy
        self.local, self.plans = W[self.own][:, np.r_[self.own, self.heard]], {}

    def exchange(self, X):
        """The rows of this rank, (k, d), followed by those of `heard`."""
        d, X = X.shape[-1], np.ascontiguousarray(X, float)
        rows = np.empty((self.k + len(self.heard), d))
        rows[: self.k] = X
        counts, first, heard = self._plan(d)
        out = [X if self.runs else X[self.told], counts, first, MPI.DOUBLE]
        self.graph.Neighbor_alltoallv(out, [rows[self.k :], heard, MPI.DOUBLE])
        return rows

    def _plan(self, d):
        """Words to each listener, where they begin, and words from each source, for rows of d words."""
        if d not in self.plans:
            counts = [len(rows) * d for rows in self.tell]
            first = [int(rows[0]) * d for rows in self.tell] if self.runs else _starts(counts)
            self.plans[d] = counts, first, [n * d for n in self.hear]
        return self.plans[d]

    def exchange_messages(self, messages):
        """The messages of the workers of `heard`, from those of this rank's."""
        lengths, heard = np.array([len(messages[i]) for i in self.told], int), np.empty(len(self.heard), int)
        tell = [len(rows) for rows in self.tell]
        self.graph.Neighbor_alltoallv([lengths, tell, MPI.INT64_T], [heard, self.hear, MPI.INT64_T])
        wire = np.empty(heard.sum(), np.uint8)
        out = np.frombuffer(b"".join(messages[i] for i in self.told), np.uint8)
        sizes = [part.sum() for part in np.split(lengths, np.cumsum(tell)[:-1])] if tell else []
        arrive = [part.sum() for part in np.split(heard, np.cumsum(self.hear)[:-1])] if self.hear else []
        self.graph.Neighbor_alltoallv([out, sizes, MPI.BYTE], [wire, arrive, MPI.BYTE])
        return split(wire, heard)

    def product(self, rows, reproducible):
        """Rows of W @ X for the workers here, from what `exchange` returned.

        Reproducibly: by the very product of the simulator, with zeros for the rows that nobody here hears.
        """
        if not reproducible:
            return self.local @ rows
        X = np.zeros((self.m, rows.shape[-1]))
        X[self.own], X[self.heard] = rows[: self.k], rows[self.k :]
        return self.W[self.own] @ X if scipy.sparse.issparse(self.W) else (self.W @ X)[self.own]

    def free(self):
        """Give the communicator back."""
        self.graph.Free()


def blocks(m, ranks):
    """Workers dealt to ranks in order, as even as can be: slices, the first ones longest."""
    ends = np.cumsum([m // ranks + (r < m % ranks) for r in range(ranks)]).tolist()
    return [slice(start, end) for start, end in zip([0, *ends], ends)]


def split(wire, lengths):
    """Messages, one after another on the wire, as bytes."""
    return [part.tobytes() for part in np.split(wire, np.cumsum(lengths)[:-1])] if len(lengths) else []


def decoded(message, compressor, d):
    """What a message says; an empty one comes from a run that has diverged."""
    return compressor.decode(message) if message else np.full(d, np.nan)


def _needs(W, blocks):
    """For each rank the workers elsewhere whose rows it needs, in order."""
    talks = scipy.sparse.csr_array(W)
    heard = [np.unique(talks[block].indices) for block in blocks]
    return [rows[(rows < block.start) | (rows >= block.stop)] for rows, block in zip(heard, blocks)]


def _starts(counts):
    return [0, *np.cumsum(counts)[:-1].tolist()] if counts else []
