"""Small problems of every kind, for statements that hold for all of them."""

import hypothesis
import numpy as np
import pytest

from course_lib import problems
from course_lib.problems import LeastSquares, LogisticRegression, Quadratic, SoftmaxRegression, TwoLayerNetwork

EMPIRICAL = (LeastSquares, LogisticRegression, SoftmaxRegression, TwoLayerNetwork)
CONVEX = (LeastSquares, LogisticRegression, SoftmaxRegression, Quadratic)
EVERY = (*EMPIRICAL, Quadratic)


def given(*values, **named):
    """Hypothesis's `given` with a quarter of its usual examples: these statements hold for every kind of problem."""
    return lambda test: hypothesis.settings(max_examples=25)(hypothesis.given(*values, **named)(test))


def each(kinds):
    """Run a test once for each kind of problem."""
    return pytest.mark.parametrize("kind", kinds, ids=lambda kind: kind.__name__)


def rows(kind, sizes, seed=0, p=3):
    """Features and labels of as many workers as there are sizes, each from a random stream of its own."""
    streams = [np.random.default_rng([seed, i]) for i in range(len(sizes))]
    features = [s.standard_normal((n, p)) for s, n in zip(streams, sizes)]
    if kind is LeastSquares:
        return features, [s.standard_normal(n) for s, n in zip(streams, sizes)]
    classes = 2 if kind is LogisticRegression else 3
    labels = [s.integers(classes, size=n) for s, n in zip(streams, sizes)]
    labels[0][:classes] = np.arange(classes)[: sizes[0]]  # every class occurs
    return features, labels


def toy(kind, sizes=(4, 6, 5), seed=0, l2=0.1, noise=0.5, **options):
    """A problem of the given kind; a quadratic has as many workers as there are sizes."""
    if kind is Quadratic:
        return Quadratic.dialled(len(sizes), 4, hessian_spread=0.5, noise=noise, seed=seed)
    options = {"weights": "pooled", "l2": l2} | options
    return kind(*rows(kind, sizes, seed), **options)


def pooled(problem_kind, sizes, seed=0, l2=0.1):
    """The same rows on a single worker."""
    features, labels = rows(problem_kind, sizes, seed)
    return problem_kind([np.concatenate(features)], [np.concatenate(labels)], l2=l2)


class Hills(problems.Problem):
    """f_i(x) = sum_j x_j^2 / (1 + x_j^2): smooth with L = 2, bounded, not convex; Gaussian gradient noise."""

    convex = False
    L = 2.0

    def __init__(self, m, d, sigma):
        super().__init__(m, d, np.full(m, 1 / m))
        self.sigma = sigma

    def losses(self, X):
        return np.broadcast_to((X**2 / (1 + X**2)).sum(-1), (*X.shape[:-2], self.m))

    def gradient(self, X, batch=None, workers=slice(None)):
        G = np.broadcast_to(2 * X / (1 + X**2) ** 2, (*X.shape[:-2], self.m, self.d))[..., workers, :]
        return G if batch is None else G + batch

    sample = Quadratic.sample
