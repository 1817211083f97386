"""Fisher information: the curvature that a model of probabilities carries in its own predictions."""

from copy import copy

import numpy as np

from course_lib.errors import CourseError
from course_lib.problems.base import one_model


def fishers(problem, x):
    """Each worker's Fisher information matrix at a common model, plus l2 I.

    The mean over rows of E[grad l grad l^T], where the label is drawn from the *model's own* prediction (Amari,
    1998); exact, by adding up all labels. For logistic and softmax regression it is the Hessian.

    Parameters
    ----------
    problem : LogisticRegression, SoftmaxRegression or TwoLayerNetwork
    x : array, shape (d,) or (1, d)

    Returns
    -------
    array, shape (m, d, d)
    """
    if not hasattr(problem, "accuracy"):
        raise CourseError(f"{type(problem).__name__} predicts no probabilities of classes: it has no Fisher here")
    chances = np.stack([problem.predict(x, A).T for A in problem.features])  # (m, C, n)
    labels = np.eye(chances.shape[1])[..., None]
    if len(labels) == 1:  # one probability stands for two labels
        chances, labels = np.concatenate([1 - chances, chances], axis=1), np.array([[[0.0]], [[1.0]]])
    parts = (_outer(problem, x, label, chances[:, c]) for c, label in enumerate(labels))
    return sum(parts) + problem.l2 * np.eye(problem.d)


def empirical_fishers(problem, x):
    """The same with the labels of the data: cheaper, and another matrix (Kunstner, Hennig and Balles, 2019)."""
    return _outer(problem, x, problem.targets, 1.0) + problem.l2 * np.eye(problem.d)


def _outer(problem, x, targets, chances):
    """Weighted sum over rows of grad l grad l^T, shape (m, d, d), were the targets these."""
    twin, n = copy(problem), problem.features.shape[1]
    twin.targets, twin.l2 = np.broadcast_to(targets, problem.targets.shape), 0.0
    rows = np.broadcast_to(np.arange(n)[:, None, None], (n, problem.m, 1))
    each = twin.gradient(one_model(x)[None], batch=(rows, np.ones(rows.shape))).transpose(1, 0, 2)  # (m, n, d)
    return (each * (problem.row_weights * chances)[..., None]).transpose(0, 2, 1) @ each
