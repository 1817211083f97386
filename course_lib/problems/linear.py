"""Losses of linear scores a.x: least squares, logistic and softmax regression."""

from functools import cached_property

import numpy as np

from course_lib.errors import CourseError
from course_lib.problems.base import ALL, one_model
from course_lib.problems.empirical import Empirical, accuracy, classes


class _Linear(Empirical):
    """Losses of linear scores with their natural link: the gradient is features^T (prediction - target)."""

    outputs = 1
    _recorded = None  # a model, its numbers, and the workers' gradients there: see `loss_and_gradient`

    def _dimension(self, features, labels):
        return features[0].shape[1] * self.outputs

    def _targets(self, labels):
        return labels[:, None].astype(float)

    # A model of C classes is C vectors of p numbers. All vectors of all R experiments go through one matrix
    # product a worker; with one class there is nothing to sort.

    def _vectors(self, X):
        """Models (R, k, d) as vectors (k, R C, p)."""
        return X.transpose(1, 0, 2)

    def _models(self, vectors):
        """The way back."""
        return vectors.transpose(1, 0, 2)

    def _scores(self, X, A):
        """Scores (k, R C, n) of models (R, k, d) on features (k, n, p)."""
        return self._vectors(X) @ A.mT

    def _residual(self, scores, y):
        """Prediction minus target, (k, R C, n); it may take the place of the scores."""
        residual = self._predict(scores)
        residual -= y
        return residual

    def losses(self, X):
        """Each worker's own loss at its own model: (..., k, d) to (..., m)."""
        X, A, y, w, lead = self._rows(X, None, ALL)
        return self._losses(X, self._scores(X, A), y, w).reshape(*lead, self.m)

    def _losses(self, X, scores, y, w):
        rows = self._row_losses(scores, y)  # (m, R, n)
        data = (rows @ w[..., None])[..., 0].T
        return data + self.l2 / 2 * (X**2).sum(-1) if self.l2 else data

    def gradient(self, X, batch=None, workers=ALL):
        """Each worker's gradient at its own model: see `Problem.gradient`."""
        recorded = self._recorded
        if recorded and X is recorded[0] and batch is None and isinstance(workers, slice):
            self._recorded = None
            if X.tobytes() == recorded[1]:  # nobody changed it since
                return recorded[2][..., workers, :]
        X, A, y, w, lead = self._rows(X, batch, workers)
        return self._gradients(X, A, self._scores(X, A), y, w).reshape(*lead, -1, self.d)

    def _gradients(self, X, A, scores, y, w):
        residual = self._residual(scores, y)
        residual *= w[:, None]
        G = self._models(residual @ A)
        return G + self.l2 * X if self.l2 else G

    def loss_and_gradient(self, x):
        """`loss` and `full_gradient` from the same scores.

        The workers' gradients are kept for one call of `gradient`: after a record, a run goes on from that very model.
        """
        x = one_model(x)
        X, A, y, w, lead = self._rows(x, None, ALL)
        scores = self._scores(X, A)
        loss = self._losses(X, scores, y, w) @ self.weights
        G = self._gradients(X, A, scores, y, w).reshape(*lead, -1, self.d)
        self._recorded = x, x.tobytes(), G
        return loss.reshape(lead), (self.weights @ G)[..., None, :]

    def hessians(self, x):
        """Each worker's Hessian at the common model (d,), or at its own (m, d): shape (m, d, d)."""
        return self._curvature(x, self.features, self.row_weights)

    def hessian(self, x):
        """Hessian of f, shape (d, d): over all rows at once, but for the padding."""
        real = self.row_weights > 0
        weights = (self.row_weights * self.weights[:, None])[real]
        return self._curvature(x, self.features[real][None], weights[None])[0]

    def _curvature(self, x, A, w):
        """One matrix for each k, the sum over rows of w (a a^T) x (link's variance), by blocks of two classes."""
        V = self._variance(self._predict(self._scores(np.reshape(x, (1, -1, self.d)), A))) * w[:, None, None]
        k, _, p = A.shape
        H = np.empty((k, p, self.outputs, p, self.outputs))
        for a in range(self.outputs):
            for b in range(a + 1):
                H[:, :, a, :, b] = H[:, :, b, :, a] = A.transpose(0, 2, 1) @ (A * V[:, a, b, :, None])
        return H.reshape(k, self.d, self.d) + self.l2 * np.eye(self.d)

    def scores(self, x, features):
        """Scores of rows (N, p) under a model (d,): shape (N, C)."""
        return np.asarray(features) @ np.reshape(x, (-1, self.outputs))

    def predict(self, x, features):
        """Predicted means (classes: probabilities) of rows (N, p) under a model (d,): shape (N, C)."""
        return self._predict(self.scores(x, features).T).T

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
        return 0.5 * (scores - y) ** 2

    def _variance(self, prediction):
        return np.ones_like(prediction)[:, None]

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
        return np.log1p(np.exp(-np.abs(scores))) + np.maximum(scores, 0) - y * scores

    def _variance(self, prediction):
        return (prediction * (1 - prediction))[:, None]

    def accuracy(self, x):
        """Share of the test rows classified correctly: (..., 1, d) to (...)."""
        return accuracy(self, x, lambda scores: scores[:, 0] > 0)


class SoftmaxRegression(_Linear):
    """f_i(x) = mean over rows of the cross-entropy of softmax(a X), plus l2/2 ||x||^2, for C classes.

    The model of d = p C numbers is the matrix X of shape (p, C), row by row.
    Parameters: see `Empirical`; labels are 0, 1, ..., C-1.
    """

    _steepest = 0.5  # Böhning, 1992

    def _dimension(self, features, labels):
        self.outputs = classes(labels)
        return super()._dimension(features, labels)

    def _targets(self, labels):
        return one_hot(labels, self.outputs)

    def _vectors(self, X):
        R, k, _ = X.shape
        return X.reshape(R, k, -1, self.outputs).transpose(1, 0, 3, 2).reshape(k, R * self.outputs, -1)

    def _models(self, vectors):
        k, _, p = vectors.shape
        return vectors.reshape(k, -1, self.outputs, p).transpose(1, 0, 3, 2).reshape(-1, k, self.d)

    def _by_class(self, scores):
        """Scores or targets (k, R C, n) as (k, R, C, n)."""
        return scores.reshape(len(scores), -1, self.outputs, scores.shape[-1])

    def _residual(self, scores, y):
        return super()._residual(self._by_class(scores), self._by_class(y)).reshape(scores.shape)

    def _predict(self, scores):
        return softmax(scores)

    def _row_losses(self, scores, y):
        return cross_entropy(self._by_class(scores), self._by_class(y))

    def _variance(self, prediction):
        return prediction[:, None] * (np.eye(self.outputs)[..., None] - prediction[:, :, None])

    def accuracy(self, x):
        """Share of the test rows classified correctly: (..., 1, d) to (...)."""
        return accuracy(self, x, lambda scores: scores.argmax(1))


def one_hot(labels, outputs):
    """Labels (m, n) as probabilities (m, C, n)."""
    return (labels[:, None] == np.arange(outputs)[:, None]).astype(float)


def softmax(scores):
    """Probabilities of classes, (..., C, n) to (..., C, n)."""
    powers = np.exp(scores - scores.max(-2, keepdims=True))
    return powers / powers.sum(-2, keepdims=True)


def cross_entropy(scores, y):
    """Loss -log(probability of the label) of each row, (..., C, n) to (..., n)."""
    top = scores.max(-2, keepdims=True)
    return np.log(np.exp(scores - top).sum(-2)) + top[..., 0, :] - (scores * y).sum(-2)
