"""Mean losses over rows of data."""

import numpy as np

from course_lib.errors import CourseError
from course_lib.problems.base import ALL, Problem, models, normalised, one_model


class Empirical(Problem):
    """Mean loss over each worker's rows; the rows of all workers, padded to equal length, form one array.

    Parameters
    ----------
    features : array (m, n, p), or list of m arrays (n_i, p)
    labels : array (m, n), or list of m arrays (n_i,)
    l2 : float
        Adds l2/2 ||x||^2 to every f_i.
    weights : {"equal", "pooled"} or array (m,), optional
        "pooled" counts every row the same (weights n_i / N), "equal" every worker. They differ only when
        workers hold different numbers of rows, and then the choice must be made.
    test : (features, labels), optional
        Rows on which `accuracy` is measured; the workers' own rows if left out.
    """

    # Within, rows of data run along the last axis and classes along the last but one: targets have shape
    # (m, C, n), and what is computed of them (..., C, n). So sums over classes run along whole rows of memory.

    def __init__(self, features, labels, l2=0.0, weights=None, test=None):
        features = [np.asarray(a, float) for a in features]
        labels = [np.asarray(y) for y in labels]
        _check_rows(features, labels)
        if not l2 >= 0:
            raise CourseError(f"the penalty l2 must be at least 0, not {l2}")
        self.sizes = np.array([len(y) for y in labels])
        super().__init__(len(features), self._dimension(features, labels), normalised(weights, self.sizes))
        self.l2 = l2
        self.features, self.targets = _padded(features), self._targets(_padded(labels))
        real = np.arange(self.sizes.max()) < self.sizes[:, None]
        self.row_weights = real / self.sizes[:, None]  # rows of padding weigh nothing
        self.test = test or (np.concatenate(features), np.concatenate(labels))

    def _dimension(self, features, labels):
        """Number of parameters d."""
        raise NotImplementedError

    def _targets(self, labels):
        """What predictions are compared with, (m, C, n), from labels (m, n)."""
        raise NotImplementedError

    def sample(self, streams, batch_size, workers=ALL, replicates=None):
        """Rows drawn with replacement and their weights, both (m, b) or, with replicates, (R, m, b)."""
        if np.ndim(batch_size) == 0:  # quicker, and one worker at a time is what asynchronous runs ask for
            shape = (replicates or 1, batch_size)
            rows = np.stack([s.integers(n, size=shape) for s, n in zip(streams, self.sizes[workers])], axis=1)
            rows = rows if replicates else rows[0]
            return rows, np.full(rows.shape, 1 / batch_size)
        sizes = np.broadcast_to(batch_size, self.m)[workers]
        rows = np.zeros((replicates or 1, len(sizes), sizes.max()), int)
        for i, (stream, n, b) in enumerate(zip(streams, self.sizes[workers], sizes)):
            rows[:, i, :b] = stream.integers(n, size=(len(rows), b))
        weights = (np.arange(sizes.max()) < sizes[:, None]) / sizes[:, None]
        return (rows, np.broadcast_to(weights, rows.shape)) if replicates else (rows[0], weights)

    def noise(self, x):
        """Variance of a gradient on a single row of worker i, shape (m,): computed over all rows."""
        n = self.features.shape[1]
        rows = np.broadcast_to(np.arange(n)[:, None, None], (n, self.m, 1))
        x = one_model(x)
        each = self.gradient(x[None], batch=(rows, np.ones(rows.shape)))
        return np.einsum("mn,nm->m", self.row_weights, ((each - self.gradient(x)) ** 2).sum(-1))

    def _rows(self, X, batch, workers):
        """Models (R, k, d), features, targets and row weights that take part, and the result's leading axes."""
        A, y, w = self.features, self.targets, self.row_weights
        if workers is not ALL:
            A, y, w = A[workers], y[workers], w[workers]
        X = models(X, len(A), self.d)
        lead = X.shape[:-2]
        if batch is not None:
            rows, w = batch
            own = np.arange(len(A))[:, None]
            A, y = A[own, rows], np.swapaxes(y[own, :, rows], -1, -2)
            if rows.ndim == 3:  # own rows for each replicate: replicates are so many more workers
                lead = rows.shape[:1]
                X = np.broadcast_to(X, (*lead, rows.shape[1], self.d)).reshape(1, -1, self.d)
                A, y, w = (a.reshape(-1, *a.shape[2:]) for a in (A, y, w))
        return X.reshape(-1, X.shape[-2], self.d), A, y, w, lead


def accuracy(problem, x, decide):
    """Share of the test rows for which `decide`, from scores (N, C) to classes, is right: (..., 1, d) to (...)."""
    features, labels = problem.test
    x = one_model(x)
    right = [np.mean(decide(problem.scores(model, features)) == labels) for model in x.reshape(-1, problem.d)]
    return np.reshape(right, x.shape[:-2])


def classes(labels):
    """Number of classes in the labels of all workers."""
    every = np.concatenate(labels)
    if not np.array_equal(every, np.abs(every).astype(int)):
        raise CourseError("class labels must be whole numbers 0, 1, 2, ...")
    return int(every.max()) + 1


def _check_rows(features, labels):
    if not features:
        raise CourseError("a problem needs at least one worker with data")
    if any(a.ndim != 2 for a in features) or any(y.ndim != 1 for y in labels):
        raise CourseError("give one table of rows for each worker, (m, n, p) or a list of (n_i, p): see data.deal")
    if len(features) != len(labels) or any(len(a) != len(y) for a, y in zip(features, labels)):
        raise CourseError("features and labels must come from the same workers, with one label a row")
    if len({a.shape[1] for a in features}) > 1:
        raise CourseError("all workers' features must have the same columns")
    for i, (a, y) in enumerate(zip(features, labels)):
        if len(y) == 0:
            raise CourseError(f"worker {i} holds no rows")
        if not (np.isfinite(a).all() and np.isfinite(np.asarray(y, float)).all()):
            raise CourseError(f"worker {i} holds NaN or infinite data; clean the rows before building a problem")


def _padded(arrays):
    longest = max(map(len, arrays))
    if all(len(a) == longest for a in arrays):
        return np.stack(arrays)
    return np.stack([np.concatenate([a, np.zeros((longest - len(a), *a.shape[1:]), a.dtype)]) for a in arrays])
