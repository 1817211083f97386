"""How workers of unequal speed divide a batch: the calls of a cluster that load balancing uses."""

from heapq import heapify, heapreplace

import numpy as np

from course_lib.errors import CourseError

QUESTION = 8  # bytes of a message that asks for a task, or names one


class Balancing:
    """Unequal shares of a batch. A part of a cluster: it moves the clocks and writes the ledger.

    In these calls the cluster's compute time is that of one sample: a machine takes twice as long for two.
    """

    def batch_gradient(self, X, samples):
        """Each worker computes its gradient on so many samples of its own.

        Parameters
        ----------
        X : array, shape (..., m, d) or (..., 1, d)
        samples : array of int, shape (m,)

        Returns
        -------
        gradient : array, shape (..., m, d)
        seconds : array, shape (m,)
            How long each has taken.
        """
        samples = np.asarray(samples)
        if samples.shape != (self.m,) or samples.dtype.kind not in "iu" or samples.min() < 1:
            raise CourseError(f"a share is a whole number of samples from 1 on for each of {self.m} workers: {samples}")
        begun = self.clock
        self._work(load=samples)
        return self.problem.gradient(X, self._samples(samples)), self.clock - begun

    def queued_gradient(self, X, tasks):
        """Whoever is idle asks the server, a machine of its own, for the next of `tasks`, until there is none.

        A task costs a question and an answer; so does learning that there are no more. A worker adds up the
        gradients of its tasks.

        Parameters
        ----------
        X : array
            As in `batch_gradient`.
        tasks : sequence of int
            Samples in each task.

        Returns
        -------
        gradient : array, shape (..., m, d)
            The mean over its samples; zero for a worker that got no task.
        samples : array of int, shape (m,)
            How many each has taken.
        """
        if not len(tasks) or min(tasks) < 1:
            raise CourseError("a queue needs at least one task, and a task at least one sample")
        price, taken = 2 * self.link.seconds(QUESTION), np.zeros(self.m, int)
        idle = [(float(seconds), i) for i, seconds in enumerate(self.clock)]
        heapify(idle)
        for size in tasks:
            asked, i = idle[0]
            self.spans.append(("send", i, asked, asked + price))
            done = self._alone(i, asked + price, size)
            taken[i] += size
            heapreplace(idle, (done, i))
        self.clock = np.array([done for _, done in sorted((i, done) for done, i in idle)])
        self._pass("send", self.clock + price)
        messages = 2 * (len(tasks) + self.m)
        self.ledger["queue", messages, messages * QUESTION] += 1
        gradient = self.problem.gradient(X, self._samples(np.maximum(taken, 1)))
        return np.where(taken[:, None] > 0, gradient, 0), taken

    def _samples(self, samples):
        streams = self._streams.of(range(self.m))
        return self.problem.sample(streams, samples, slice(None), self.replicates)
