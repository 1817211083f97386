"""Questions of lecture 06: Metropolis weights, where Algorithm 7.1 stops, and links that fail."""

import numpy as np

from course_lib.grading.question import Question


def metropolis_matrix(adjacency):
    degree = adjacency.sum(1)
    W = adjacency / (1 + np.maximum(degree[:, None], degree))
    return W + np.diag(1 - W.sum(1))


def draw_metropolis(function, reference, adjacency):
    """The matrices side by side, and what gossip with each does to the distance from the mean."""
    from course_lib import plots

    right = reference(adjacency)
    given = {"reference": right}
    if function is not None and np.shape(yours := function(adjacency.copy())) == right.shape:
        given["yours"] = np.array(yours, float)
    fig, axes = plots.figure(columns=3, width=2.9, height=2.5)
    start, t = np.random.default_rng(0).normal(size=len(right)), np.arange(25)
    for k, (name, W) in enumerate(given.items()):
        axes[k].imshow(W, cmap="Blues", vmin=0, vmax=1)
        axes[k].set(title=f"W: {name}", xticks=[], yticks=[])
        apart = [np.linalg.norm(np.linalg.matrix_power(W, s) @ start - start.mean()) for s in t]
        axes[2].semilogy(t, apart, **plots.series(k, name))
    rho = np.linalg.norm(right - 1 / len(right), 2)
    axes[2].semilogy(t, np.linalg.norm(start - start.mean()) * rho**t, label="ρᵗ", **plots.THEORY)
    axes[2].set(xlabel="rounds", title="distance from the mean")
    axes[1].set_visible(len(given) > 1)
    plots.label_ends(axes[2])
    return fig


def _own_degree(adjacency):
    W = adjacency / (1 + adjacency.sum(1))[:, None]
    return W + np.diag(1 - W.sum(1))


def _without_self(adjacency):
    degree = adjacency.sum(1)
    W = adjacency / np.maximum(degree[:, None], degree)
    return W + np.diag(1 - W.sum(1))


def _no_diagonal(adjacency):
    W = metropolis_matrix(adjacency)
    return W - np.diag(np.diag(W))


def _smaller_degree(adjacency):
    degree = adjacency.sum(1)
    W = adjacency / (1 + np.minimum(degree[:, None], degree))
    return W + np.diag(1 - W.sum(1))


def _adjacency_inputs(rng):
    """A random tree on 6 to 9 workers and some more edges: connected, with degrees that differ."""
    m = int(rng.integers(6, 10))
    adjacency = np.triu(rng.random((m, m)) < 0.3, 1)
    for i in range(1, m):
        adjacency[rng.integers(i), i] = True
    return ((adjacency | adjacency.T).astype(float),)


def dsgd_stops_at(W, curvature, minimisers, step_size):
    matrix = np.eye(len(W)) - W + step_size * np.diag(curvature)
    return np.linalg.solve(matrix, step_size * curvature * minimisers)


def _optimum(W, curvature, minimisers, step_size):
    return np.full(len(W), curvature @ minimisers / curvature.sum())


def _adapted_first(W, curvature, minimisers, step_size):
    matrix = np.eye(len(W)) - W + step_size * W * curvature
    return np.linalg.solve(matrix, step_size * W @ (curvature * minimisers))


def _one_step_short(W, curvature, minimisers, step_size):
    matrix = np.eye(len(W)) - W + np.diag(curvature)
    return np.linalg.solve(matrix, curvature * minimisers)


def _uphill(W, curvature, minimisers, step_size):
    matrix = np.eye(len(W)) - W - step_size * np.diag(curvature)
    return np.linalg.solve(matrix, -step_size * curvature * minimisers)


def _fixed_inputs(rng):
    (adjacency,) = _adjacency_inputs(rng)
    degree = adjacency.sum(1)
    W = adjacency / (1 + np.maximum(degree[:, None], degree))
    W += np.diag(1 - W.sum(1))
    m = len(W)
    return W, rng.uniform(0.5, 2, m), 3 * rng.normal(size=m), rng.uniform(0.1, 0.4)


def weights_of_this_round(W, up):
    lost = W * ~up
    np.fill_diagonal(lost, 0)
    return W - lost + np.diag(lost.sum(1))


def _rows_rescaled(W, up):
    kept = W * (up | np.eye(len(W), dtype=bool))
    return kept / kept.sum(1, keepdims=True)


def _lost(W, up):
    return W * (up | np.eye(len(W), dtype=bool))


def _columns_rescaled(W, up):
    kept = W * (up | np.eye(len(W), dtype=bool))
    return kept / kept.sum(0)


def _spread_over_all(W, up):
    kept = W * (up | np.eye(len(W), dtype=bool))
    return kept + (1 - kept.sum(1, keepdims=True)) / len(W)


def _failing_inputs(rng):
    W = _fixed_inputs(rng)[0]
    up = np.triu(rng.random(W.shape) < 0.6, 1)
    i, j = np.argwhere(np.triu(W, 1) > 0)[0]
    up[i, j] = False  # at least one link is down
    return W, up | up.T


QUESTIONS = [
    Question(
        id="decentralized-metropolis",
        name="metropolis_matrix",
        points=3,
        inputs=_adjacency_inputs,
        reference=metropolis_matrix,
        draw=draw_metropolis,
        wrong={
            "each row uses its own worker's degree only: rows sum to one but columns do not, and gossip ends at a mean "
            "that favours the well connected": _own_degree,
            "the 1 in 1 + max(deg_i, deg_j) is missing: a worker must leave some weight for itself, or the ring swings "
            "for ever": _without_self,
            "the diagonal is empty: what the edges leave stays with the worker, so that rows sum to one": _no_diagonal,
            "you took the smaller of the two degrees: then a row of a well connected worker takes more than there "
            "is": _smaller_degree,
        },
        hints=(
            "Both ends of an edge must agree on its weight: look at both degrees.",
            "Off the diagonal: adjacency / (1 + np.maximum(degree[:, None], degree)); then fill the diagonal.",
        ),
    ),
    Question(
        id="decentralized-fixed",
        name="dsgd_stops_at",
        points=3,
        inputs=_fixed_inputs,
        reference=dsgd_stops_at,
        wrong={
            "this is the optimum x*; Algorithm 7.1 does not stand still there: at x* the workers' own gradients are "
            "not zero, and nothing cancels them": _optimum,
            "this is where adapt-then-combine, W (X - eta G), stands still; in Algorithm 7.1 gradients are not "
            "mixed": _adapted_first,
            "the step size is missing: the fixed point depends on eta": _one_step_short,
            "the sign of the gradient is wrong: X = W X - eta G gives (I - W) X + eta G = 0": _uphill,
        },
        hints=(
            "Set X = W X - eta a (X - b) and collect what multiplies X.",
            "np.linalg.solve(np.eye(m) - W + step_size * np.diag(curvature), ...)",
        ),
    ),
    Question(
        id="decentralized-review",
        name="weights_of_this_round",
        points=2,
        inputs=_failing_inputs,
        reference=weights_of_this_round,
        wrong={
            "rows rescaled to sum to one: this is the colleague's code; columns no longer sum to one, so the mean "
            "drifts": _rows_rescaled,
            "the weight of a link that is down is lost: rows sum to less than one and the models shrink": _lost,
            "columns rescaled: the sum is kept, but rows do not sum to one, so workers that agree do not stay in "
            "agreement": _columns_rescaled,
            "the lost weight is spread over all workers, as if everyone could hear everyone": _spread_over_all,
        },
        hints=(
            "What each end does not hear from the other, each end can keep for itself: symmetrically.",
            "Set W_ij to zero for links that are down, and add to W_ii what row i has lost.",
        ),
    ),
]
