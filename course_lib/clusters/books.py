"""What every cluster, simulated or real, is asked about afterwards, and the mean that costs no message."""

import numpy as np

from course_lib.errors import CourseError


class Books:
    """The ledger's sums. A part of a cluster, which writes the ledger: (operation, messages, bytes) -> how often."""

    @property
    def messages(self):
        """Messages sent so far, by all workers together; on real machines up to the last record."""
        return sum(times * messages for (_, messages, _), times in self._entries().items())

    @property
    def bytes(self):
        """Bytes sent so far, by all workers together; on real machines up to the last record."""
        return sum(times * size for (_, _, size), times in self._entries().items())

    @property
    def order(self):
        """The order of arrivals so far, to be saved, and replayed on another cluster."""
        return self._flight.order

    def average(self, V, weights=None):
        """Weighted mean of rows that are in one place already: no communication."""
        share = self._share if weights is None else np.reshape(weights, (1, -1))
        if not share.shape[-1] == V.shape[-2] == self.m:
            raise CourseError(f"{V.shape[-2]} rows and {share.shape[-1]} weights for {self.m} workers: give one each")
        return share @ V

    def _entries(self):
        return self.ledger
