"""Gradient codes: the whole gradient from any m - s of m workers, each of which holds s + 1 shares of the data.

Worker i sends one vector, sum_j B_ij g_j over its own shares j; from any m - s of these the sum of all g_j is a
linear combination. Tandon, Lei, Dimakis and Karampatziakis (2017). No code does it with fewer shares a worker: a
share on s workers or fewer is gone when they are.
"""

import numpy as np

from course_lib.errors import CourseError, whole

EXACT = 1e-8  # a decoding that misses a share's weight of one by more than this is none


class Code:
    """A gradient code, given by its matrix.

    Attributes
    ----------
    B : array, shape (m, m)
        Row i holds the weights of the shares in worker i's message, zero for shares that it does not hold.
    m, stragglers, load : int
        Workers; how many of them may be missing, whoever they are; shares that each worker holds.
    """

    def __init__(self, B, stragglers):
        self.B, self.m, self.stragglers, self.load = B, len(B), stragglers, stragglers + 1

    def __repr__(self):
        return f"{type(self).__name__}({self.m}, {self.stragglers})"

    def shares(self, worker):
        """Which shares of the data a worker holds: array of int, shape (load,)."""
        return np.flatnonzero(self.B[worker])

    def encode(self, G):
        """What the workers send when the gradients of the shares are the rows of G: (..., m, d) to (..., m, d)."""
        return self.B @ G

    def decode(self, workers):
        """How to combine the messages of these workers to have the sum of all shares' gradients.

        Parameters
        ----------
        workers : sequence of int, shape (n,)
            Those that were heard.

        Returns
        -------
        array, shape (1, n)
            ``code.decode(workers) @ received`` is the sum, for `received` of shape (..., n, d).

        Raises
        ------
        CourseError
            If their messages do not determine it.
        """
        rows = self.B[np.asarray(workers, int)]
        weights = np.linalg.lstsq(rows.T, np.ones(self.m), rcond=None)[0]
        if np.abs(weights @ rows - 1).max() > EXACT:
            raise CourseError(f"the messages of workers {list(map(int, workers))} do not determine the gradient")
        return weights[None]


class FractionalRepetition(Code):
    """Workers in groups of s + 1; a group's members hold the same s + 1 shares and send their plain sum.

    Parameters
    ----------
    m, stragglers : int
        s + 1 must divide m.
    """

    def __init__(self, m, stragglers):
        _check(m, stragglers)
        if m % (stragglers + 1):
            raise CourseError(f"groups of {stragglers + 1} do not divide {m} workers: take the cyclic code")
        super().__init__(np.kron(np.eye(m // (stragglers + 1)), np.ones((stragglers + 1,) * 2)), stragglers)


class Cyclic(Code):
    """Worker i holds the shares i, i + 1, ..., i + s, counted round; for any m.

    All rows of B lie in the null space of a random matrix H, of shape (s, m), as does the vector of ones: a space of
    dimension m - s, which any m - s rows span (almost surely).

    Parameters
    ----------
    m, stragglers : int
    seed : int
        Of H.
    """

    def __init__(self, m, stragglers, seed=0):
        _check(m, stragglers)
        H = np.random.default_rng(whole(seed, "seed", 0)).standard_normal((stragglers, m))
        H -= H.mean(axis=1, keepdims=True)
        B = np.eye(m)
        for i in range(m):
            others = (i + np.arange(1, stragglers + 1)) % m
            B[i, others] = np.linalg.solve(H[:, others], -H[:, i])
        super().__init__(B, stragglers)


def _check(m, stragglers):
    if not (isinstance(stragglers, (int, np.integer)) and 0 <= stragglers < m):
        raise CourseError(f"of {m} workers 0 to {m - 1} may be missing, not {stragglers}")
