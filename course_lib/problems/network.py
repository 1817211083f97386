"""A two-layer network: the course's non-convex objective."""

import numpy as np

from course_lib.errors import whole
from course_lib.problems.base import ALL
from course_lib.problems.empirical import Empirical, accuracy, classes
from course_lib.problems.linear import cross_entropy, one_hot, softmax


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
        self.hidden, self.seed = whole(hidden, "hidden"), whole(seed, "seed", 0)
        super().__init__(features, labels, l2, weights, test)

    def _dimension(self, features, labels):
        self.inputs, self.outputs = features[0].shape[1], classes(labels)
        return self.hidden * (self.inputs + self.outputs)

    def _targets(self, labels):
        return one_hot(labels, self.outputs)

    def initial(self):
        """Normal entries scaled by the inverse root of the fan-in (LeCun et al., 1998), shape (d,)."""
        rng = np.random.default_rng(self.seed)
        first = rng.standard_normal((self.inputs, self.hidden)) / np.sqrt(self.inputs)
        second = rng.standard_normal((self.hidden, self.outputs)) / np.sqrt(self.hidden)
        return np.concatenate([first.ravel(), second.ravel()])

    def _layers(self, X):
        """The two layers' matrices, transposed: (..., hidden, p) and (..., C, hidden)."""
        cut = self.inputs * self.hidden
        first = X[..., :cut].reshape(*X.shape[:-1], self.inputs, self.hidden)
        second = X[..., cut:].reshape(*X.shape[:-1], self.hidden, self.outputs)
        return _T(first), _T(second)

    def losses(self, X):
        """Each worker's own loss at its own model: (..., k, d) to (..., m)."""
        X, A, y, w, lead = self._rows(X, None, ALL)
        first, second = self._layers(X)
        rows = cross_entropy(second @ np.tanh(first @ _T(A)), y)  # (R, m, n)
        return ((rows * w).sum(-1) + self.l2 / 2 * (X**2).sum(-1)).reshape(*lead, self.m)

    def gradient(self, X, batch=None, workers=ALL):
        """Each worker's gradient at its own model, by backpropagation: see `Problem.gradient`."""
        X, A, y, w, lead = self._rows(X, batch, workers)
        first, second = self._layers(X)
        inner = np.tanh(first @ _T(A))
        error = (softmax(second @ inner) - y) * w[:, None]
        G_second = inner @ _T(error)
        G_first = _T(A) @ _T(_T(second) @ error * (1 - inner**2))
        G = np.concatenate([G.reshape(*G.shape[:-2], -1) for G in (G_first, G_second)], axis=-1)
        return (G + self.l2 * X).reshape(*lead, -1, self.d)

    def kronecker_factors(self, x):
        """Each worker's factors of K-FAC at a common model, for the first layer and the second.

        A layer's block of the Fisher information is the mean of (a a^T) x (e e^T), a what enters the layer and e the
        gradient at its output, with labels drawn from the model's own prediction; K-FAC takes the product of the
        means instead, A x G (Martens and Grosse, 2015). Without l2.

        Parameters
        ----------
        x : array, shape (d,) or (1, d)

        Returns
        -------
        list of (A, G)
            Shapes (m, p, p) and (m, hidden, hidden), then (m, hidden, hidden) and (m, C, C).
        """
        first, second = self._layers(np.ravel(x))
        inner, w = np.tanh(first @ _T(self.features)), self.row_weights[:, None]
        chance = softmax(second @ inner)  # (m, C, n)
        slope = 1 - inner**2
        G_second = np.eye(self.outputs) * (chance * w).sum(-1)[:, None] - (chance * w) @ _T(chance)
        pulled = slope * (_T(second) @ chance)
        G_first = -(pulled * w) @ _T(pulled)
        for c in range(self.outputs):
            one = slope * second[c][:, None]
            G_first += (one * (w * chance[:, [c]])) @ _T(one)
        return [(_T(self.features) * w @ self.features, G_first), ((inner * w) @ _T(inner), G_second)]

    def scores(self, x, features):
        """Scores of rows (N, p) under a model (d,): shape (N, C)."""
        first, second = self._layers(np.ravel(x))
        return (second @ np.tanh(first @ np.asarray(features).T)).T

    def predict(self, x, features):
        """Predicted probabilities of rows (N, p) under a model (d,): shape (N, C)."""
        return softmax(self.scores(x, features).T).T

    def accuracy(self, x):
        """Share of the test rows classified correctly: (..., 1, d) to (...)."""
        return accuracy(self, x, lambda scores: scores.argmax(1))


def _T(matrices):
    return np.swapaxes(matrices, -1, -2)
