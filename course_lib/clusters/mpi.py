"""A cluster of MPI ranks: each hosts a block of workers, and what they say to each other really travels."""

from collections import Counter
from functools import cache

import numpy as np
import scipy
from mpi4py import MPI

from course_lib import costs
from course_lib.clusters.exchange import Neighbours, blocks, decoded, split
from course_lib.clusters.mixing import KEPT, lean
from course_lib.clusters.rank_zero import RankZero, work
from course_lib.clusters.real import RealCluster
from course_lib.errors import CourseError
from course_lib.topology import check_mixing, check_pushing


class MPICluster(RealCluster):
    """The workers of a problem on the ranks of an MPI program. Every rank runs the same method text.

    Blocks of rows hold the workers of this rank only. `History` is the same on every rank; for asynchronous
    methods (`async_sgd`, `stale_synchronous_sgd`), in which rank 0 is the server and the others host all
    workers, it is rank 0's. The ledger counts what crosses between ranks.

    Parameters
    ----------
    problem, seed, batch_size, initial_model, delays
        As in `RealCluster`.
    reproducible : bool
        Sum in the order of the workers, wherever they are hosted: bit for bit what the simulator gets, but a
        mean is then an all-gather of m vectors, and a mix multiplies zeros. Else each rank adds up its own
        rows first, and MPI the rest: fast, and equal up to rounding.
    comm : MPI.Comm, optional
        The ranks; all of them if left out.
    """

    def __init__(
        self, problem, seed=0, batch_size=None, initial_model=None, delays=None, reproducible=True, comm=None
    ):  # fmt: skip
        self.comm = (comm or MPI.COMM_WORLD).Dup()
        self.rank, self.ranks, self.reproducible = self.comm.rank, self.comm.size, reproducible
        self.blocks = blocks(problem.m, self.ranks)
        self.rows = self.blocks[self.rank]
        self._counts = [b.stop - b.start for b in self.blocks]
        self._neighbours, self._server = {}, None
        super().__init__(problem, seed, batch_size, initial_model, delays)

    def start(self, replicated=True):
        """All ranks together: clock at zero, an empty ledger, fresh random streams."""
        if self._server is not None:  # rank 0 left an asynchronous run: the others may go home
            self._server.close()
        self.comm.Barrier()
        return super().start(replicated)

    # ---- what methods call ------------------------------------------------------------------------------

    def gradient(self, X):
        """Each worker of this rank computes its gradient, at its own row of X or at the common model."""
        start = self._begin()
        batch = self._batch(self.rows)
        self._rest(self.mine)
        G = self.problem.gradient(X, batch, self.rows)
        self._span("compute", self.mine, start)
        return G

    def losses(self, x):
        """Each worker's own loss at the common model, shape (k, 1)."""
        self._clock.go()
        return self.problem.losses(x)[self.rows, None]

    def mean(self, V, weights=None):
        """All-reduce: every rank learns the weighted mean of all workers' rows, shape (1, d)."""
        start = self._begin(V)
        if self.reproducible:
            mean = self.average(self._all_rows(V), weights)
        else:
            share = self._share if weights is None else np.reshape(weights, (1, -1))
            mean = share[:, self.rows] @ V if len(V) > 1 else share[0, self.rows] * V
            self.comm.Allreduce(MPI.IN_PLACE, mean)
            if self.rank == 0:  # MPI does not tell how it went about it: counted as a ring's
                messages, words = _traffic(self.ranks, V.shape[-1])
                self.ledger["all-reduce", messages, words * V.itemsize] += 1
        self._span("send", self.mine, start)
        return mean

    def gather(self, V):
        """Every rank sends its rows to the server, rank 0; all others get NaN for what they do not know."""
        start = self._begin(V)
        received = np.empty((self.m, V.shape[-1])) if self.rank == 0 else np.broadcast_to(np.nan, (self.m, V.shape[-1]))
        self.comm.Gatherv(V, [received, self._sizes(V), MPI.DOUBLE] if self.rank == 0 else None)
        self.ledger["gather", 1, V.nbytes] += self.rank > 0
        self._span("send", self.mine, start)
        return received

    def broadcast(self, x):
        """The server, rank 0, sends the model to every other rank."""
        start = self._begin()
        x = np.array(x, float)
        self.comm.Bcast(x)
        self.ledger["broadcast", self.ranks - 1, (self.ranks - 1) * x.nbytes] += self.rank == 0
        self._span("send", self.mine, start)
        return x

    def compressed_mean(self, V, compressor):
        """Every row travels as the compressor's bytes, to all ranks; see `SimulatedCluster.compressed_mean`."""
        start = self._begin(V)
        messages = self._encoded(V, compressor)
        lengths = np.empty(self.m, int)
        self.comm.Allgatherv(np.array([len(message) for message in messages]), [lengths, self._counts, MPI.INT64_T])
        sizes = [lengths[block].sum() for block in self.blocks]
        wire = np.empty(sum(sizes), np.uint8)
        self.comm.Allgatherv(np.frombuffer(b"".join(messages), np.uint8), [wire, sizes, MPI.BYTE])
        sent = np.stack([decoded(message, compressor, self.d) for message in split(wire, lengths)])
        self.ledger["all-gather", self.ranks - 1, (self.ranks - 1) * int(sizes[self.rank])] += 1
        self._span("send", self.mine, start)
        return self.average(sent), sent[self.rows]

    def mix(self, X, W):
        """Each worker averages its neighbours' rows with the weights in its row of W."""
        return self._exchange(X, W, check_mixing, "mix")

    def push(self, X, A):
        """Each worker splits its row among its out-neighbours and itself, by its column of A."""
        return self._exchange(X, A, check_pushing, "push")

    def compressed_mix(self, V, compressor, W):
        """As `mix`, but every row travels as the compressor's bytes: W @ sent, and the own rows of sent."""
        start = self._begin(V)
        neighbours = self._neighbours_of(W, check_mixing)
        messages = self._encoded(V, compressor)
        own = np.stack([decoded(message, compressor, self.d) for message in messages])
        others = [decoded(message, compressor, self.d) for message in neighbours.exchange_messages(messages)]
        mixed = neighbours.product(np.stack([*own, *others]), self.reproducible)
        size = sum(len(messages[i]) for i in neighbours.told)
        self.ledger["compressed mix", neighbours.listeners, size] += 1
        self._span("send", self.mine, start)
        return mixed, own

    def arrivals(self, x, fetch_every=1, push_every=1, ahead=None, shared=False):
        """On rank 0: gradients as they come in, from anyone. On the others: compute until rank 0 has enough.

        Workers are spread over the ranks from 1 on. See `SimulatedCluster.arrivals`.
        """
        if shared:
            raise CourseError("ranks share no memory: lock-free methods are simulated")
        if self.ranks == 1:
            raise CourseError("rank 0 is the server of an asynchronous run: start at least two ranks")
        if self.rank > 0:
            work(self)
            return iter(())
        self._server = RankZero(self, x, fetch_every, push_every, ahead)
        return self._server.arrivals()

    def restore(self, state):
        """Go back to what `state` returned on this rank; an asynchronous run goes on with engines alone."""
        if state["flight"]["read"]:
            raise CourseError("an asynchronous run on MPI cannot be continued: run it on an EngineCluster")
        super().restore(state)

    # ---- what the experiment reads ----------------------------------------------------------------------

    def together(self, models):
        """All workers' models on every rank; bytes are added up, and the clock stands still until the next call."""
        self._clock.stop()
        if self._server is not None or self.ranks > self.m:  # only rank 0 knows the model; or all begin with the same
            self._total = self.ledger
            return models
        every = self.comm.allgather(dict(self.ledger))
        self._total = sum(map(Counter, every), Counter())
        if self._counts[0] > 1 and self.comm.bcast(len(models) == 1):  # rank 0 hosts two or more, yet has one row
            return self.comm.bcast(models)
        rows = self._all_rows(models, count=False)
        common = (rows == rows[:1]) | np.isnan(rows)  # a single row a rank may be the model of all; NaN: not told
        return rows[:1] if common.all() else rows

    def _entries(self):
        return self._total  # of all ranks, up to the last record

    # ---- on the wire ------------------------------------------------------------------------------------

    def _reset(self):
        super()._reset()
        self._total = Counter()

    def _begin(self, V=None):
        """Seconds at which a call began; V is a block of rows of this rank."""
        if self.ranks > self.m:
            raise CourseError(f"{self.ranks} ranks for {self.m} workers: some rank would have nothing to do")
        if V is not None and V.shape[:-1] != (len(self.mine),):
            raise CourseError(f"rank {self.rank} hosts {len(self.mine)} workers; this block has shape {V.shape}")
        self._clock.go()
        return self._clock.read()

    def _encoded(self, V, compressor):
        """A message for each row; an empty one for a row that has diverged."""
        streams = self._draws.of(self.mine)
        return [compressor.encode(v, s) if np.isfinite(v).all() else b"" for v, s in zip(V, streams)]

    def _sizes(self, V):
        return [count * V.shape[-1] for count in self._counts]

    def _all_rows(self, V, count=True):
        """The rows of all workers, in their order, on every rank."""
        rows = np.empty((self.m, V.shape[-1]))
        self.comm.Allgatherv(np.ascontiguousarray(V), [rows, self._sizes(V), MPI.DOUBLE])
        self.ledger["all-gather", self.ranks - 1, (self.ranks - 1) * V.nbytes] += count
        return rows

    def _exchange(self, X, W, check, operation):
        start = self._begin(X)
        neighbours = self._neighbours_of(W, check)
        mixed = neighbours.product(neighbours.exchange(X), self.reproducible)
        self.ledger[operation, neighbours.listeners, len(neighbours.told) * X.shape[-1] * X.itemsize] += 1
        self._span("send", self.mine, start)
        return mixed

    def _neighbours_of(self, W, check):
        known = self._neighbours.get((id(W), check))
        if known is None:
            if len(self._neighbours) >= KEPT:
                self._neighbours.pop(next(iter(self._neighbours))).free()
            matrix = W if scipy.sparse.issparse(W) else np.asarray(W, float)
            check(matrix, self.problem.weights)
            known = self._neighbours[id(W), check] = Neighbours(self.comm, self.blocks, lean(matrix), W)
        return known


@cache
def _traffic(ranks, words):
    return costs.traffic("ring", ranks, words)
