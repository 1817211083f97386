"""How workers tell each other compressed vectors: the call of a cluster that compressed methods use."""

import numpy as np

from course_lib.errors import CourseError

_DIVERGED = 1e25  # no gradient is so large


class Compressing:
    """Averages of compressed rows. A part of a cluster: it moves the clocks and writes the ledger."""

    def compressed_mean(self, V, compressor):
        """Each worker compresses its own row of V and sends the message to all the others, by an all-gather.

        Compressed messages cannot be added up on their way, so each goes to everyone: m - 1 rounds, each as
        long as the largest message. Worker i's compressor draws from a random stream of its own, which
        depends on (seed, i) alone and is not that of its mini-batches.

        Parameters
        ----------
        V : array, shape (..., m, d)
        compressor : Compressor

        Returns
        -------
        average : array, shape (..., 1, d)
            Weighted mean of what arrived: the same for everyone.
        sent : array, shape (..., m, d)
            What each worker's message says.
        """
        if V.shape[-2] != self.m:
            raise CourseError(f"{self.m} workers compress a row each; this block has {V.shape[-2]} rows")
        sent, sizes = self._send(V, compressor)
        largest, total = sizes.max(-1).mean(), sizes.sum(-1).mean()  # of several experiments at once: their mean
        self._barrier((self.m - 1) * self.link.seconds(largest), self.m * (self.m - 1), largest, self.m)
        self.ledger["all-gather", self.m * (self.m - 1), 0] += 1
        self.ledger["all-gather", 0, 1] += (self.m - 1) * round(total)  # byte by byte, as every round has another size
        return self.average(sent), sent

    def _send(self, V, compressor):
        """What each row's message says, and its bytes; NaN from an experiment that has diverged, as others go on."""
        limit = min(_DIVERGED, compressor.reach)
        lost = ~(np.abs(V).max((-2, -1), keepdims=True) <= limit)  # also where it is NaN
        sent, sizes = compressor.send(np.where(lost, 0, V), self._draws)
        return np.where(lost, np.nan, sent), sizes


class Draws:
    """The random numbers of all workers' compressors: row i is drawn from the stream of (seed, i) alone."""

    def __init__(self, seed, m):
        self.seed, self.m, self.streams = seed, m, None

    def random(self, shape):
        """Uniform on [0, 1), shape (..., m, d)."""
        return self._rows(np.random.Generator.random, shape)

    def standard_normal(self, shape):
        """Standard normal, shape (..., m, d)."""
        return self._rows(np.random.Generator.standard_normal, shape)

    def state(self):
        """Where the streams stand: for `restore`."""
        return None if self.streams is None else [s.bit_generator.state for s in self.streams]

    def restore(self, state):
        """Go back to what `state` returned."""
        self.streams = None if state is None else self._fresh()
        for stream, saved in zip(self.streams or [], state or []):
            stream.bit_generator.state = saved

    def _rows(self, draw, shape):
        if self.streams is None:
            self.streams = self._fresh()
        return np.stack([draw(stream, (*shape[:-2], shape[-1])) for stream in self.streams], axis=-2)

    def _fresh(self):
        return [np.random.default_rng([self.seed, 2, i]) for i in range(self.m)]
