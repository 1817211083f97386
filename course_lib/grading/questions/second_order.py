"""Questions of lecture 09: Newton's direction from many workers, L-BFGS's two loops, and which Fisher is Fisher's."""

import numpy as np

from course_lib.grading.question import Question


def newton_direction(gradients, hessians):
    return np.linalg.solve(hessians.mean(axis=0), gradients.mean(axis=0))


def _own_steps(gradients, hessians):
    return np.linalg.solve(hessians, gradients[..., None])[..., 0].mean(axis=0)


def _giant(gradients, hessians):
    return np.linalg.inv(hessians).mean(axis=0) @ gradients.mean(axis=0)


def _sum_of_hessians(gradients, hessians):
    return np.linalg.solve(hessians.sum(axis=0), gradients.mean(axis=0))


def _times(gradients, hessians):
    return hessians.mean(axis=0) @ gradients.mean(axis=0)


def _newton_inputs(rng):
    m, d = int(rng.integers(3, 7)), int(rng.integers(3, 6))
    roots = rng.normal(size=(m, d, d))
    return rng.normal(size=(m, d)), roots @ roots.transpose(0, 2, 1) + np.eye(d)


def lbfgs_direction(gradient, S, Y):
    q, weights = gradient, []
    for s, y in zip(S[::-1], Y[::-1]):
        weights.append(s @ q / (s @ y))
        q = q - weights[-1] * y
    r = q * (S[-1] @ Y[-1]) / (Y[-1] @ Y[-1])
    for s, y, weight in zip(S, Y, weights[::-1]):
        r = r + s * (weight - y @ r / (s @ y))
    return r


def _descend(direction, curvature, steps=30):
    """Loss along L-BFGS with steps of size one on the quadratic with these curvatures, from ones."""
    x, pairs, loss = np.ones(len(curvature)), [], []
    for _ in range(steps):
        g = curvature * x
        loss.append(g @ x / 2)
        if not 1e-12 < loss[-1] < 1e12:
            break
        p = direction(g, *np.array(pairs[-5:]).transpose(1, 0, 2)) if pairs else g
        step = -p
        pairs.append((step, curvature * step))
        x = x + step
    return loss


def draw_two_loops(function, reference, gradient, S, Y):
    """L-BFGS with your loops and with the reference's, beside gradient descent, on a quadratic."""
    from course_lib import plots

    curvature = np.geomspace(0.01, 1, 12)
    given = {"gradient descent": lambda g, S, Y: g, "reference": reference}
    if function is not None and np.shape(function(gradient, S, Y)) == gradient.shape:
        given["yours"] = function
    fig, ax = plots.figure()
    for k, (name, direction) in enumerate(given.items()):
        ax.semilogy(_descend(direction, curvature), **plots.series(k, name))
    ax.set(xlabel="steps", title="loss of L-BFGS on a quadratic", ylim=(1e-7, 10))
    plots.label_ends(ax)
    return fig


def _two_loops(gradient, S, Y, newest_first=True, scaled=True, turned=True, again=True):
    """The recursion with one of its parts changed."""
    order = range(len(S))[:: -1 if newest_first else 1]
    q, weights = gradient, []
    for k in order:
        weights.append(S[k] @ q / (S[k] @ Y[k]))
        q = q - weights[-1] * Y[k]
    r = q * (S[-1] @ Y[-1]) / (Y[-1] @ Y[-1]) if scaled else q
    back = list(order)[::-1]
    for k, weight in zip(back, weights[::-1] if turned else weights):
        r = r + S[k] * (weight - again * (Y[k] @ r / (S[k] @ Y[k])))
    return r


def _oldest_first(*inputs):
    return _two_loops(*inputs, newest_first=False)


def _unscaled(*inputs):
    return _two_loops(*inputs, scaled=False)


def _weights_not_turned(*inputs):
    return _two_loops(*inputs, turned=False)


def _without_beta(*inputs):
    return _two_loops(*inputs, again=False)


def _lbfgs_inputs(rng):
    k, d = int(rng.integers(3, 6)), int(rng.integers(6, 9))
    S = rng.normal(size=(k, d))
    return rng.normal(size=d), S, S * rng.uniform(0.5, 3, d)


def fisher(features, labels, x):
    p = 1 / (1 + np.exp(-features @ x))
    return (features * (p * (1 - p))[:, None]).T @ features / len(features)


def _empirical(features, labels, x):
    p = 1 / (1 + np.exp(-features @ x))
    return (features * ((p - labels) ** 2)[:, None]).T @ features / len(features)


def _likeliest_label(features, labels, x):
    p = 1 / (1 + np.exp(-features @ x))
    return (features * ((p - (p > 0.5)) ** 2)[:, None]).T @ features / len(features)


def _not_averaged(features, labels, x):
    p = 1 / (1 + np.exp(-features @ x))
    return (features * (p * (1 - p))[:, None]).T @ features


def _mean_gradient(features, labels, x):
    g = features.T @ (1 / (1 + np.exp(-features @ x)) - labels) / len(features)
    return np.outer(g, g)


def _fisher_inputs(rng):
    n, d = int(rng.integers(20, 40)), int(rng.integers(3, 5))
    return rng.normal(size=(n, d)), rng.integers(2, size=n), 1 + rng.normal(size=d)


QUESTIONS = [
    Question(
        id="second_order-newton",
        name="newton_direction",
        points=2,
        inputs=_newton_inputs,
        reference=newton_direction,
        wrong={
            "this is the mean of everyone's own Newton step, with its own gradient: it leads to the mean of the "
            "workers' own optima, not to the optimum": _own_steps,
            "this is the mean of the inverses, GIANT's direction; Newton's is the inverse of the mean": _giant,
            "Hessians are summed but gradients averaged: f is a mean, and so is its Hessian": _sum_of_hessians,
            "you multiplied by the Hessian: Newton solves with it": _times,
        },
        hints=(
            "f is the mean of the f_i: what are its gradient and its Hessian?",
            "np.linalg.solve(hessians.mean(axis=0), ...)",
        ),
    ),
    Question(
        id="second_order-twoloop",
        name="lbfgs_direction",
        points=4,
        inputs=_lbfgs_inputs,
        reference=lbfgs_direction,
        draw=draw_two_loops,
        wrong={
            "the first loop runs from the oldest pair to the newest: it must undo the newest first": _oldest_first,
            "the scaling between the loops, s.y / y.y of the newest pair, is missing: steps have the wrong "
            "length": _unscaled,
            "the second loop runs the other way, so its weights must be read the other way, too": _weights_not_turned,
            "in the second loop y.r / s.y is not taken away from the weight": _without_beta,
        },
        hints=(
            "Test yourself: for gradient = Y[-1] the answer must be S[-1], the secant equation.",
            "second loop, oldest first: r = r + s * (weight - y @ r / (s @ y))",
        ),
    ),
    Question(
        id="second_order-fisher",
        name="fisher",
        points=2,
        inputs=_fisher_inputs,
        reference=fisher,
        wrong={
            "this is the colleague's code, the empirical Fisher: its labels are those of the data, not the model's "
            "own": _empirical,
            "labels are drawn from the model's prediction, not set to the likeliest one: take the expectation over "
            "both": _likeliest_label,
            "the mean over rows is missing": _not_averaged,
            "this is the outer product of the mean gradient, of rank one; asked for is the mean of the outer "
            "products": _mean_gradient,
        },
        hints=(
            "A row's gradient is (p - y) a. If y is 1 with probability p, what is the mean of (p - y)^2?",
            "p (1-p)^2 + (1-p) p^2 = p (1 - p)",
        ),
    ),
]
