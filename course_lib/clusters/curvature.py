"""Second-order information and trial steps: the calls of a cluster that second-order methods use."""

import numpy as np

from course_lib.problems import information

NO_ROUNDS = ("gather", "sent again", "catch up")  # messages that belong to a round which is counted already


class Curvature:
    """What workers know of their losses beyond the gradient. A part of a cluster: it moves the clocks.

    Times are counted in gradients: with n rows a gradient takes 2 n d multiplications, a loss n d, a Hessian n d^2.
    """

    def hessians(self, x):
        """Each worker's Hessian at the common model (1, d): shape (m, d, d), in the time of d/2 gradients."""
        self._work(load=self.d / 2)
        return self.problem.hessians(x)

    def fishers(self, x, empirical=False):
        """Each worker's Fisher information, or empirical Fisher: see `problems.fishers`; d/2 gradients a class."""
        self._work(load=self.d / 2 * (1 if empirical else self.problem.targets.shape[1]))
        return (information.empirical_fishers if empirical else information.fishers)(self.problem, x)

    def kronecker_factors(self, x):
        """Each worker's factors of K-FAC: see `TwoLayerNetwork.kronecker_factors`; about three gradients' time."""
        self._work(load=3)
        return self.problem.kronecker_factors(x)

    def trial_losses(self, X, pieces=None):
        """Each worker's loss at several common models, (K, 1, d) to one row of K a worker, (m, K).

        With `pieces` the work is shared as in `shared_gradient`.
        """
        if pieces is None:
            self._work(load=len(X) / 2)
        else:
            self._hand_out(pieces, load=len(X) / 2)
        return self.problem.losses(X).T

    def descend(self, x, tilt, rho, steps):
        """Each worker takes gradient steps on f_i(y) + tilt_i.y + rho/2 ||y - x||^2 from y = x, of size 1/(L_i + rho).

        Parameters
        ----------
        x : array, shape (1, d)
        tilt : array, shape (m, d)
        rho : float
        steps : int

        Returns
        -------
        array, shape (m, d)
        """
        X, size = np.repeat(x, self.m, axis=0), 1 / (self.problem.L_workers[:, None] + rho)
        for _ in range(steps):
            self._work()
            X = X - size * (self.problem.gradient(X) + tilt + rho * (X - x))
        return X

    def gather_compressed(self, V, compressor):
        """Every worker sends its compressed row to the server, worker 0, which receives one message at a time.

        Returns what the messages say, shape (m, d); worker 0's own needs no wire.
        """
        sent, sizes = self._send(V, compressor)
        self._barrier(self.link.seconds(sizes[1:]).sum(), self.m - 1, sizes.max(), 1)
        self.ledger["gather", self.m - 1, 0] += 1
        self.ledger["gather", 0, 1] += int(sizes[1:].sum())
        return sent

    @property
    def exchanges(self):
        """How often all workers have heard from all so far: an all-reduce, or to the server and back."""
        return sum(n for (name, messages, _), n in self.ledger.items() if messages and name not in NO_ROUNDS)

    @property
    def words(self):
        """Length of the vectors averaged so far: d for an all-reduce of d numbers, or d to the server and d back.

        Bytes of all workers, in units of the 2 (m - 1) times 8 that one number costs.
        """
        return self.bytes / (16 * max(self.m - 1, 1))
