"""Questions of homework 08: gradient tracking written by hand, and its exact rate."""

import numpy as np

from course_lib.grading.question import Question


def track(W, curvature, minimisers, step_size, rounds):
    X = np.zeros_like(minimisers)
    G = curvature * (X - minimisers)
    Y = G
    for _ in range(rounds):
        X = W @ (X - step_size * Y)
        new = curvature * (X - minimisers)
        Y = W @ (Y + new - G)
        G = new
    return X, Y


def _changed(inputs, first=1.0, old=1.0, mixed=True, stale=False):
    """Tracking with one of its parts changed."""
    W, curvature, minimisers, step_size, rounds = inputs
    X = np.zeros_like(minimisers)
    G = curvature * (X - minimisers)
    Y = first * G
    for _ in range(rounds):
        before = X
        X = W @ (X - step_size * Y)
        new = curvature * ((before if stale else X) - minimisers)
        Y = (W @ (Y + new - old * G)) if mixed else Y + new - old * G
        G = new
    return X, Y


def _never_forgets(*inputs):
    return _changed(inputs, old=0.0)


def _starts_at_zero(*inputs):
    return _changed(inputs, first=0.0)


def _unmixed(*inputs):
    return _changed(inputs, mixed=False)


def _stale(*inputs):
    return _changed(inputs, stale=True)


def _measure(function, W, curvature, minimisers, step_size, rounds):
    """Models and trackers, and the invariant: how far the mean tracker is from the mean gradient."""
    X, Y = function(W, curvature, minimisers, step_size, rounds)
    lost = np.mean(Y, axis=0) - np.mean(curvature * (X - minimisers), axis=0)
    return {"X": X, "Y": Y, "mean of Y minus mean gradient": lost}


def _ring(m):
    eye = np.eye(m)
    return (eye + np.roll(eye, 1, 0) + np.roll(eye, -1, 0)) / 3


def _track_inputs(rng):
    m, d = int(rng.integers(5, 9)), 3
    curvature = rng.uniform(0.5, 2, size=(m, d))
    return _ring(m), curvature, rng.normal(size=(m, d)), rng.uniform(0.02, 0.1), int(rng.integers(5, 20))


def iteration_matrix(W, curvature, step_size):
    m = len(W)
    eye, H = np.eye(m), np.diag(curvature)
    return np.block([[W, -step_size * W], [W @ H @ (W - eye), W @ (eye - step_size * H @ W)]])


def _unmixed_tracker(W, curvature, step_size):
    m = len(W)
    eye, H = np.eye(m), np.diag(curvature)
    return np.block([[W, -step_size * W], [H @ (W - eye), W - step_size * H @ W]])


def _lazy_gradient(W, curvature, step_size):
    m = len(W)
    eye, H = np.eye(m), np.diag(curvature)
    return np.block([[W, -step_size * eye], [W @ H @ (W - eye), W @ (eye - step_size * H)]])


def _no_curvature(W, curvature, step_size):
    m = len(W)
    eye, H = np.eye(m), np.diag(curvature)
    return np.block([[W, -step_size * W], [W @ H @ W, W @ (eye - step_size * H @ W)]])


def _matrix_inputs(rng):
    m = int(rng.integers(5, 9))
    return _ring(m), rng.uniform(0.5, 2, m), rng.uniform(0.02, 0.3)


def contraction(T):
    return np.sort(abs(np.linalg.eigvals(T)))[-2]


def _whole_radius(T):
    return abs(np.linalg.eigvals(T)).max()


def _rate_of_loss(T):
    return 1 - contraction(T)


def _singular(T):
    return np.linalg.svd(T, compute_uv=False)[1]


def _contraction_inputs(rng):
    W, curvature, step_size = _matrix_inputs(rng)
    eye, H = np.eye(len(W)), np.diag(curvature)
    return (np.block([[W, -step_size * W], [W @ H @ (W - eye), W @ (eye - step_size * H @ W)]]),)


QUESTIONS = [
    Question(
        id="gradient_tracking-method",
        name="track",
        points=5,
        inputs=_track_inputs,
        reference=track,
        measure=_measure,
        wrong={
            "the old gradient is never taken away again: Y adds up all gradients ever seen instead of following "
            "their mean": _never_forgets,
            "Y starts at zero: then its mean is the change of the mean gradient, not that gradient": _starts_at_zero,
            "Y is not mixed: every worker follows its own gradient, which it had without tracking": _unmixed,
            "the new gradient is taken at the old models: Y lags a round behind": _stale,
        },
        hints=(
            "Print the mean of Y minus the mean of the gradients after each round: it must stay zero.",
            "X = W @ (X - step_size * Y); new = gradient(X); Y = W @ (Y + new - G); G = new",
        ),
    ),
    Question(
        id="gradient_tracking-matrix",
        name="iteration_matrix",
        points=4,
        inputs=_matrix_inputs,
        reference=iteration_matrix,
        wrong={
            "the second row lacks its W: neighbours exchange Y + G_new - G, not Y alone": _unmixed_tracker,
            "in the first row X - eta Y is mixed as a whole: -eta W, and it reaches Y through the new gradient": (
                _lazy_gradient
            ),
            "the old gradient is missing: H (W - I) X, not H W X": _no_curvature,
        },
        hints=(
            "Write the new X first, and put it into G_new - G = H (X_new - X).",
            "Y_new = W (Y + H (W X - eta W Y - X)): collect X and Y.",
        ),
    ),
    Question(
        id="gradient_tracking-rate",
        name="contraction",
        points=3,
        inputs=_contraction_inputs,
        reference=contraction,
        scale=1e-2,
        wrong={
            "the eigenvalue 1 is always there: it belongs to what is conserved, mean of Y minus mean gradient, and "
            "says nothing on the rate": _whole_radius,
            "this is the share that goes in a round; asked for is the factor, what is left of the error": _rate_of_loss,
            "singular values bound one step; over many steps the eigenvalues of this unsymmetric matrix decide": (
                _singular
            ),
        },
        hints=(
            "Look at all eigenvalues in the complex plane: one is exactly 1. What does it belong to?",
            "np.sort(abs(np.linalg.eigvals(T)))[-2]",
        ),
    ),
]
