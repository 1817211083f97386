"""Objectives spread over m workers: f(x) = sum_i weights_i f_i(x), where worker i alone sees f_i.

A model is a row of d numbers. Blocks of models have shape (..., k, d): k = m, one model a worker, or k = 1,
the same model everywhere; leading axes are independent experiments (a sweep over step sizes, say).
"""

from functools import cached_property

import numpy as np

from course_lib.errors import CourseError


class Problem:
    """What all objectives share; a subclass says how losses and gradients are computed.

    Attributes
    ----------
    m, d : int
        Number of workers, number of parameters.
    weights : array, shape (m,)
        Weight of each worker in f; they sum to one.
    """

    convex = True

    def __init__(self, m, d, weights):
        self.m, self.d = m, d
        self.weights = np.asarray(weights, float)

    def losses(self, X):
        """Each worker's own loss f_i at its own model: (..., k, d) to (..., m)."""
        raise NotImplementedError

    def gradient(self, X, batch=None, workers=slice(None)):
        """Each worker's gradient at its own model, on all its data or on a mini-batch.

        Parameters
        ----------
        X : array, shape (..., k, d) or (d,)
            One model a worker, or one for all.
        batch : optional
            What `sample` drew; all data if left out.
        workers : slice or array of int
            Only these workers.

        Returns
        -------
        array, shape (..., m, d)
        """
        raise NotImplementedError

    def sample(self, streams, batch_size, workers=slice(None), replicates=None):
        """Draw mini-batches, worker i's from its own random stream alone.

        Parameters
        ----------
        streams : list of numpy Generator
            One a worker.
        batch_size : int or array of int, shape (m,)
            Samples per worker, drawn with replacement.
        replicates : int, optional
            Draw this many independent mini-batches, for as many independent experiments.
        """
        raise NotImplementedError

    def hessians(self, x):
        """Each worker's Hessian at the common model: (d,) to (m, d, d)."""
        raise CourseError(f"{type(self).__name__} has no Hessian in closed form")

    def loss(self, x):
        """The objective f at one model a experiment: (d,) or (..., 1, d) to a number or (...)."""
        return self.losses(_one_model(x)) @ self.weights

    def full_gradient(self, x):
        """Gradient of f, shape (..., 1, d)."""
        return np.expand_dims(self.weights @ self.gradient(_one_model(x)), -2)

    def hessian(self, x):
        """Hessian of f, shape (d, d)."""
        return np.tensordot(self.weights, self.hessians(x), 1)

    def initial(self):
        """Where a run starts unless told otherwise, shape (d,)."""
        return np.zeros(self.d)

    def noise(self, x):
        """Variance E||g - grad f_i(x)||^2 of a gradient on a single sample of worker i, shape (m,)."""
        raise NotImplementedError

    def heterogeneity(self, x):
        """Spread of the workers' gradients, sum_i weights_i ||grad f_i(x) - grad f(x)||^2."""
        apart = self.gradient(_one_model(x)) - self.full_gradient(x)
        return float(self.weights @ (apart**2).sum(-1))

    def optimum(self):
        """The minimiser of f, shape (d,), by Newton's method with halved steps where needed."""
        return self._optimum.copy()

    @cached_property
    def _optimum(self):
        if not self.convex:
            raise CourseError(f"{type(self).__name__} is not convex: there is no optimum to compute")
        x = np.zeros(self.d)
        for _ in range(100):
            step = np.linalg.solve(self.hessian(x), self.full_gradient(x)[0])
            size, here = 1.0, self.loss(x)
            while size > 1e-8 and self.loss(x - size * step) > here + 1e-15 * abs(here):
                size /= 2
            x = x - size * step
            if np.linalg.norm(step) <= 1e-13 * (1 + np.linalg.norm(x)):
                break
        return x


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

    def __init__(self, features, labels, l2=0.0, weights=None, test=None):
        features = [np.asarray(a, float) for a in features]
        labels = [np.asarray(y) for y in labels]
        _check_rows(features, labels)
        if not l2 >= 0:
            raise CourseError(f"the penalty l2 must be at least 0, not {l2}")
        self.sizes = np.array([len(y) for y in labels])
        super().__init__(len(features), self._dimension(features, labels), _weights(weights, self.sizes))
        self.l2 = l2
        self.features, self.targets = _padded(features), self._targets(_padded(labels))
        real = np.arange(self.sizes.max()) < self.sizes[:, None]
        self.row_weights = real / self.sizes[:, None]  # rows of padding weigh nothing
        self.test = test or (np.concatenate(features), np.concatenate(labels))

    def sample(self, streams, batch_size, workers=slice(None), replicates=None):
        """Rows drawn with replacement and their weights, both (m, b) or, with replicates, (R, m, b)."""
        sizes = np.broadcast_to(batch_size, self.m)[workers]
        rows = [s.integers(n, size=(replicates or 1, sizes.max())) for s, n in zip(streams, self.sizes[workers])]
        rows = np.stack(rows, axis=1)
        weights = (np.arange(sizes.max()) < sizes[:, None]) / sizes[:, None]
        return (rows, np.broadcast_to(weights, rows.shape)) if replicates else (rows[0], weights)

    def noise(self, x):
        """Variance of a gradient on a single row of worker i, shape (m,): computed over all rows."""
        rows = np.broadcast_to(np.arange(self.features.shape[1])[:, None, None], (self.features.shape[1], self.m, 1))
        x = _one_model(x)
        each = self.gradient(x[None], batch=(rows, np.ones(rows.shape)))
        return np.einsum("mn,nm->m", self.row_weights, ((each - self.gradient(x)) ** 2).sum(-1))

    def _rows(self, X, batch, workers):
        """Models, features, targets and row weights that take part, with k = workers (x replicates)."""
        A, y, w = self.features[workers], self.targets[workers], self.row_weights[workers]
        X = np.asarray(X, float)
        X = X.reshape(1, -1) if X.ndim == 1 else X
        lead = X.shape[:-2]
        if batch is not None:
            rows, w = batch
            own = np.arange(len(A))[:, None]
            A, y = A[own, rows], y[own, rows]
            if rows.ndim == 3:  # own rows for each replicate: replicates are so many more workers
                lead = rows.shape[:1]
                X = np.broadcast_to(X, (*lead, rows.shape[1], self.d)).reshape(1, -1, self.d)
                A, y, w = (a.reshape(-1, *a.shape[2:]) for a in (A, y, w))
        return X.reshape(-1, *X.shape[-2:]), A, y, w, lead


class _Linear(Empirical):
    """Losses of linear scores with their natural link: the gradient is features^T (prediction - target)."""

    outputs = 1

    def _dimension(self, features, labels):
        return features[0].shape[1] * self.outputs

    def _targets(self, labels):
        return labels[..., None].astype(float)

    def _scores(self, X, A):
        """(R, k, p C) models on (k, n, p) features to scores (k, n, R, C): one matrix product a worker."""
        R, k, C = X.shape[0], X.shape[1], self.outputs
        columns = X.reshape(R, k, -1, C).transpose(1, 2, 0, 3).reshape(k, -1, R * C)
        return (A @ columns).reshape(*A.shape[:2], R, C)

    def losses(self, X):
        """Each worker's own loss at its own model: (..., k, d) to (..., m)."""
        X, A, y, w, lead = self._rows(X, None, slice(None))
        rows = self._row_losses(self._scores(X, A), y[:, :, None])  # (m, n, R)
        data = (rows * w[:, :, None]).sum(1).T
        return (data + self.l2 / 2 * (X**2).sum(-1)).reshape(*lead, self.m)

    def gradient(self, X, batch=None, workers=slice(None)):
        """Each worker's gradient at its own model: see `Problem.gradient`."""
        X, A, y, w, lead = self._rows(X, batch, workers)
        residual = (self._predict(self._scores(X, A)) - y[:, :, None]) * w[:, :, None, None]
        k, n, R, C = residual.shape
        G = A.transpose(0, 2, 1) @ residual.reshape(k, n, R * C)
        G = G.reshape(k, -1, R, C).transpose(2, 0, 1, 3).reshape(*lead, -1, self.d)
        return G + self.l2 * X.reshape(*lead, -1, self.d) if self.l2 else G

    def hessians(self, x):
        """Each worker's Hessian at the common model, shape (m, d, d)."""
        X, A, _, w, _ = self._rows(x, None, slice(None))
        V = self._variance(self._predict(self._scores(X, A))[:, :, 0]) * w[..., None, None]  # (m, n, C, C)
        m, n, p = A.shape
        rows = (A[..., None, None] * V[:, :, None]).reshape(m, n, -1)
        H = (A.transpose(0, 2, 1) @ rows).reshape(m, p, p, self.outputs, self.outputs)
        return H.transpose(0, 1, 3, 2, 4).reshape(m, self.d, self.d) + self.l2 * np.eye(self.d)

    def predict(self, x, features):
        """Predicted means (classes: probabilities) of rows (N, p) under a model (d,): shape (N, C)."""
        return self._predict(np.asarray(features) @ np.reshape(x, (-1, self.outputs)))

    @cached_property
    def _gram(self):
        return np.matmul(self.features.transpose(0, 2, 1) * self.row_weights[:, None], self.features)

    @cached_property
    def L(self):
        """Smoothness of f: no eigenvalue of its Hessian is larger."""
        return self._steepest * np.linalg.eigvalsh(np.tensordot(self.weights, self._gram, 1))[-1] + self.l2

    @cached_property
    def L_workers(self):
        """Smoothness of each f_i, shape (m,)."""
        return self._steepest * np.linalg.eigvalsh(self._gram)[:, -1] + self.l2

    @cached_property
    def mu(self):
        """Strong convexity of f that holds everywhere: no eigenvalue of its Hessian is smaller."""
        return self.l2


class LeastSquares(_Linear):
    """f_i(x) = mean over rows of (a.x - y)^2 / 2, plus l2/2 ||x||^2.

    Parameters: see `Empirical`; targets are real numbers.
    """

    _steepest = 1.0

    def _predict(self, scores):
        return scores

    def _row_losses(self, scores, y):
        return ((scores - y) ** 2)[..., 0] / 2

    def _variance(self, prediction):
        return np.ones((*prediction.shape, 1))

    @cached_property
    def mu(self):
        """Smallest eigenvalue of the Hessian, which is the same everywhere."""
        return np.linalg.eigvalsh(np.tensordot(self.weights, self._gram, 1))[0] + self.l2


class LogisticRegression(_Linear):
    """f_i(x) = mean over rows of log(1 + e^{a.x}) - y a.x, plus l2/2 ||x||^2.

    Parameters: see `Empirical`; labels are 0 or 1.
    """

    _steepest = 0.25

    def _targets(self, labels):
        if not np.isin(labels, (0, 1)).all():
            raise CourseError("logistic regression needs labels 0 and 1; for more classes take SoftmaxRegression")
        return super()._targets(labels)

    def _predict(self, scores):
        return 1 / (1 + np.exp(np.minimum(-scores, 700)))  # e^700 is still a number

    def _row_losses(self, scores, y):
        return (np.log(1 + np.exp(-np.abs(scores))) + np.maximum(scores, 0) - y * scores)[..., 0]

    def _variance(self, prediction):
        return (prediction * (1 - prediction))[..., None]

    def accuracy(self, x):
        """Share of the test rows classified correctly: (..., 1, d) to (...)."""
        return _accuracy(self, x, lambda p: p[..., 0] > 0.5)


class SoftmaxRegression(_Linear):
    """f_i(x) = mean over rows of the cross-entropy of softmax(a X), plus l2/2 ||x||^2, for C classes.

    The model of d = p C numbers is the matrix X of shape (p, C), row by row.
    Parameters: see `Empirical`; labels are 0, 1, ..., C-1.
    """

    _steepest = 0.5  # Böhning, 1992

    def _dimension(self, features, labels):
        self.outputs = _classes(labels)
        return super()._dimension(features, labels)

    def _targets(self, labels):
        return np.eye(self.outputs)[labels.astype(int)]

    def _predict(self, scores):
        powers = np.exp(scores - scores.max(-1, keepdims=True))
        return powers / powers.sum(-1, keepdims=True)

    def _row_losses(self, scores, y):
        top = scores.max(-1, keepdims=True)
        return np.log(np.exp(scores - top).sum(-1)) + top[..., 0] - (scores * y).sum(-1)

    def _variance(self, prediction):
        return prediction[..., None] * (np.eye(self.outputs) - prediction[..., None, :])

    def accuracy(self, x):
        """Share of the test rows classified correctly: (..., 1, d) to (...)."""
        return _accuracy(self, x, lambda p: p.argmax(-1))


class TwoLayerNetwork(Empirical):
    """A small network, tanh then softmax: not convex, so theorems for the non-convex case apply.

    The model holds the first layer (p, hidden) and the second (hidden, C), row by row.

    Parameters
    ----------
    features, labels, l2, weights, test
        See `Empirical`; labels are 0, 1, ..., C-1.
    hidden : int
        Width of the hidden layer.
    seed : int
        Of the initial model: zeros would be a saddle point.
    """

    convex = False

    def __init__(self, features, labels, hidden=16, l2=0.0, weights=None, test=None, seed=0):
        self.hidden, self.seed = hidden, seed
        super().__init__(features, labels, l2, weights, test)

    def _dimension(self, features, labels):
        self.inputs, self.outputs = features[0].shape[1], _classes(labels)
        return self.hidden * (self.inputs + self.outputs)

    _targets = SoftmaxRegression._targets
    _row_losses = SoftmaxRegression._row_losses
    accuracy = SoftmaxRegression.accuracy

    def initial(self):
        """Normal entries scaled by the inverse root of the fan-in (LeCun et al., 1998), shape (d,)."""
        rng = np.random.default_rng(self.seed)
        first = rng.standard_normal((self.inputs, self.hidden)) / np.sqrt(self.inputs)
        second = rng.standard_normal((self.hidden, self.outputs)) / np.sqrt(self.hidden)
        return np.concatenate([first.ravel(), second.ravel()])

    def _layers(self, X):
        cut = self.inputs * self.hidden
        first = X[..., :cut].reshape(*X.shape[:-1], self.inputs, self.hidden)
        return first, X[..., cut:].reshape(*X.shape[:-1], self.hidden, self.outputs)

    def losses(self, X):
        """Each worker's own loss at its own model: (..., k, d) to (..., m)."""
        X, A, y, w, lead = self._rows(X, None, slice(None))
        first, second = self._layers(X)
        rows = self._row_losses(np.tanh(A @ first) @ second, y)  # (R, m, n)
        return ((rows * w).sum(-1) + self.l2 / 2 * (X**2).sum(-1)).reshape(*lead, self.m)

    def gradient(self, X, batch=None, workers=slice(None)):
        """Each worker's gradient at its own model, by backpropagation: see `Problem.gradient`."""
        X, A, y, w, lead = self._rows(X, batch, workers)
        first, second = self._layers(X)
        inner = np.tanh(A @ first)
        error = (SoftmaxRegression._predict(self, inner @ second) - y) * w[..., None]
        G_second = np.swapaxes(inner, -1, -2) @ error
        G_first = np.swapaxes(A, -1, -2) @ (error @ np.swapaxes(second, -1, -2) * (1 - inner**2))
        G = np.concatenate([G.reshape(*G.shape[:-2], -1) for G in (G_first, G_second)], axis=-1)
        return (G + self.l2 * X).reshape(*lead, -1, self.d)

    def predict(self, x, features):
        """Predicted probabilities of rows (N, p) under a model (d,): shape (N, C)."""
        first, second = self._layers(np.ravel(x))
        return SoftmaxRegression._predict(self, np.tanh(features @ first) @ second)


class Quadratic(Problem):
    """f_i(x) = (x - b_i)^T A_i (x - b_i) / 2, with additive Gaussian gradient noise: everything is known exactly.

    Parameters
    ----------
    A : array, shape (m, d, d)
        Symmetric Hessians.
    b : array, shape (m, d)
        Each worker's own minimiser.
    noise : float
        sigma: a gradient on b samples has variance E||g - grad f_i||^2 = sigma^2 / b.
    weights : array (m,), optional
        Equal if left out.
    """

    def __init__(self, A, b, noise=0.0, weights=None):
        self.A, self.b, self.sigma = np.asarray(A, float), np.asarray(b, float), float(noise)
        m, d = self.b.shape
        if self.A.shape != (m, d, d) or not np.allclose(self.A, self.A.transpose(0, 2, 1)):
            raise CourseError(f"A must hold a symmetric {d} x {d} matrix for each of the {m} rows of b")
        super().__init__(m, d, _weights(weights, np.ones(m)))

    @classmethod
    def dialled(cls, m, d, condition=10.0, hessian_spread=0.0, optimum_spread=1.0, noise=0.0, seed=0):
        """Draw one with given dials.

        Parameters
        ----------
        condition : float
            Condition number of the common Hessian, whose eigenvalues are spaced evenly in logarithm up to 1.
        hessian_spread : float
            0: the same Hessian everywhere; s: each worker's eigenvalues are multiplied by factors in [e^-s, e^s].
        optimum_spread : float
            Root mean square distance of the workers' minimisers b_i from the origin, per root of d.
        noise, seed
            See `Quadratic`.
        """
        rng = np.random.default_rng(seed)
        Q = np.linalg.qr(rng.standard_normal((d, d)))[0]
        values = np.geomspace(1 / condition, 1, d) * np.exp(hessian_spread * rng.uniform(-1, 1, (m, d)))
        A = (Q * values[:, None]) @ Q.T
        return cls((A + A.transpose(0, 2, 1)) / 2, optimum_spread * rng.standard_normal((m, d)), noise)

    def losses(self, X):
        """Each worker's own loss at its own model: (..., k, d) to (..., m)."""
        apart = np.asarray(X, float) - self.b
        return (apart * (self.A @ apart[..., None])[..., 0]).sum(-1) / 2

    def gradient(self, X, batch=None, workers=slice(None)):
        """Each worker's gradient at its own model; `batch` is the noise to add."""
        G = (self.A[workers] @ (np.asarray(X, float) - self.b[workers])[..., None])[..., 0]
        return G if batch is None else G + batch

    def sample(self, streams, batch_size, workers=slice(None), replicates=None):
        """Noise of a mini-batch's gradient, shape (m, d) or, with replicates, (R, m, d)."""
        scale = self.sigma / np.sqrt(self.d * np.broadcast_to(batch_size, self.m)[workers, None])
        draws = np.stack([s.standard_normal((replicates or 1, self.d)) for s in streams], axis=1) * scale
        return draws if replicates else draws[0]

    def noise(self, x):
        """Variance of a gradient on a single sample, shape (m,)."""
        return np.full(self.m, self.sigma**2)

    def hessians(self, x):
        """Each worker's Hessian, shape (m, d, d): the same at every model."""
        return self.A

    @cached_property
    def L(self):
        """Largest eigenvalue of the Hessian of f."""
        return np.linalg.eigvalsh(self.hessian(None))[-1]

    @cached_property
    def L_workers(self):
        """Largest eigenvalue of each worker's Hessian, shape (m,)."""
        return np.linalg.eigvalsh(self.A)[:, -1]

    @cached_property
    def mu(self):
        """Smallest eigenvalue of the Hessian of f."""
        return np.linalg.eigvalsh(self.hessian(None))[0]


def _one_model(x):
    x = np.asarray(x, float)
    if x.ndim > 1 and x.shape[-2] != 1:
        raise CourseError(f"f is defined at one model, shape (d,) or (..., 1, d); this block has shape {x.shape}")
    return x.reshape(1, -1) if x.ndim == 1 else x


def _check_rows(features, labels):
    if len(features) != len(labels) or any(len(a) != len(y) for a, y in zip(features, labels)):
        raise CourseError("features and labels must come from the same workers, with one label a row")
    if any(len(y) == 0 for y in labels):
        raise CourseError(f"worker {min(i for i, y in enumerate(labels) if len(y) == 0)} holds no rows")
    for i, (a, y) in enumerate(zip(features, labels)):
        if not (np.isfinite(a).all() and np.isfinite(np.asarray(y, float)).all()):
            raise CourseError(f"worker {i} holds NaN or infinite data; clean the rows before building a problem")


def _weights(weights, sizes):
    if weights is None:
        if len(set(sizes)) > 1:
            raise CourseError(
                f"workers hold {min(sizes)} to {max(sizes)} rows: say weights='pooled' (every row counts the same) "
                "or weights='equal' (every worker counts the same)"
            )
        weights = "equal"
    if isinstance(weights, str):
        if weights not in ("equal", "pooled"):
            raise CourseError(f"weights are 'equal', 'pooled' or an array, not {weights!r}")
        weights = np.ones(len(sizes)) if weights == "equal" else sizes
    weights = np.asarray(weights, float)
    if weights.shape != (len(sizes),) or not (weights > 0).all():
        raise CourseError(f"weights must be {len(sizes)} positive numbers, one a worker")
    return weights / weights.sum()


def _padded(arrays):
    longest = max(map(len, arrays))
    if all(len(a) == longest for a in arrays):
        return np.stack(arrays)
    return np.stack([np.concatenate([a, np.zeros((longest - len(a), *a.shape[1:]), a.dtype)]) for a in arrays])


def _classes(labels):
    every = np.concatenate(labels)
    if not np.array_equal(every, np.abs(every).astype(int)):
        raise CourseError("class labels must be whole numbers 0, 1, 2, ...")
    return int(every.max()) + 1


def _accuracy(problem, x, decide):
    features, labels = problem.test
    x = _one_model(x)
    right = [np.mean(decide(problem.predict(model, features)) == labels) for model in x.reshape(-1, problem.d)]
    return np.reshape(right, x.shape[:-2])
