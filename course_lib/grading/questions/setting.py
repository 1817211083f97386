"""Questions of lecture 01: the pooled optimum, seconds of server and ring, and a review."""

import numpy as np

from course_lib.grading.question import Question


def pooled_optimum(grams, moments, sizes):
    gram = np.tensordot(sizes, grams, 1)
    return np.linalg.solve(gram, sizes @ moments)


def _unweighted(grams, moments, sizes):
    return np.linalg.solve(grams.mean(axis=0), moments.mean(axis=0))


def _own_optima(grams, moments):
    return np.linalg.solve(grams, moments[..., None])[..., 0]


def _mean_of_optima(grams, moments, sizes):
    return _own_optima(grams, moments).mean(axis=0)


def _weighted_mean_of_optima(grams, moments, sizes):
    return sizes @ _own_optima(grams, moments) / sizes.sum()


def _one_side_only(grams, moments, sizes):
    return np.linalg.solve(grams.mean(axis=0), sizes @ moments / sizes.sum())


def _summaries(rng):
    m, d = rng.integers(3, 6), 3
    sizes = rng.integers(6, 60, size=m)
    grams, moments = np.empty((m, d, d)), np.empty((m, d))
    for i, n in enumerate(sizes):
        A, y = rng.normal(size=(n, d)), rng.normal(size=n)
        grams[i], moments[i] = A.T @ A / n, A.T @ y / n + rng.normal(size=d)
    return grams, moments, sizes


def seconds(m, d, latency, seconds_per_word):
    server = 2 * (m - 1) * (latency + seconds_per_word * d)
    ring = 2 * (m - 1) * (latency + seconds_per_word * d / m)
    return server, ring


def _two_messages(m, d, latency, seconds_per_word):
    return 2 * (latency + seconds_per_word * d), seconds(m, d, latency, seconds_per_word)[1]


def _push_only(m, d, latency, seconds_per_word):
    server, ring = seconds(m, d, latency, seconds_per_word)
    return server / 2, ring


def _once_round(m, d, latency, seconds_per_word):
    server, ring = seconds(m, d, latency, seconds_per_word)
    return server, ring / 2


def _whole_vectors(m, d, latency, seconds_per_word):
    server, _ = seconds(m, d, latency, seconds_per_word)
    return server, server


def _m_rounds(m, d, latency, seconds_per_word):
    return tuple(s * m / (m - 1) for s in seconds(m, d, latency, seconds_per_word))


def _network(rng):
    m = int(rng.integers(3, 17))
    return m, m * int(rng.integers(10_000, 100_000)), rng.uniform(0.001, 0.05), rng.uniform(1e-7, 1e-6)


def draw_seconds(function, reference, m, d, latency, seconds_per_word):
    """Seconds against the number of workers: the reference as lines, yours as points."""
    from course_lib import plots

    workers = np.arange(2, 33)
    fig, ax = plots.figure()
    for k, name in enumerate(("server", "ring")):
        ax.plot(workers, [reference(w, d, latency, seconds_per_word)[k] for w in workers], **plots.series(k, name))
        if function is not None:
            yours = [function(w, d, latency, seconds_per_word)[k] for w in workers[::3]]
            ax.plot(workers[::3], yours, "o", color=plots.COLORS[k], markersize=4, label=f"_{name}: yours")
    ax.set(xlabel="workers", yscale="log")
    ax.set_title("seconds: lines the reference, points yours", loc="left", fontsize="medium")
    plots.label_ends(ax)
    return fig


def two_level_words(boxes, g, d):
    inside = 2 * (g - 1) / g * d
    across = 2 * (boxes - 1) / boxes * d / g
    return inside, across


def _no_way_back(boxes, g, d):
    return (g - 1) / g * d, 2 * (boxes - 1) / boxes * d / g


def _everything_twice(boxes, g, d):
    return 2 * (g - 1) / g * d, 4 * (boxes - 1) / boxes * d / g


def _whole_model_across(boxes, g, d):
    return 2 * (g - 1) / g * d, 2 * (boxes - 1) / boxes * d


def _flat_ring(boxes, g, d):
    return (g - 1) / g * d, 2 * (boxes * g - 1) / (boxes * g) * d - (g - 1) / g * d


def _boxes(rng):
    boxes, g = int(rng.integers(3, 9)), int(rng.integers(3, 9))
    return boxes, g, boxes * g * int(rng.integers(1_000, 100_000))


QUESTIONS = [
    Question(
        id="setting-optimum",
        name="pooled_optimum",
        points=3,
        inputs=_summaries,
        reference=pooled_optimum,
        wrong={
            "every worker counts the same here, however few rows it holds: weight by the sizes": _unweighted,
            "the mean of the optima is not the optimum of the mean: add up first, then solve": _mean_of_optima,
            "you weight the workers' own optima; their curvatures differ too: add up first, then solve":
                _weighted_mean_of_optima,
            "you weight the moments by rows and the matrices by workers: both need the same weights": _one_side_only,
        },
        hints=(
            "Where is the gradient of sum_i n_i f_i zero, if the gradient of f_i is gram_i x - moment_i?",
            "gram = np.tensordot(sizes, grams, 1), and sizes @ moments for the right-hand side",
        ),
    ),
    Question(
        id="setting-seconds",
        name="seconds",
        points=3,
        inputs=_network,
        reference=seconds,
        wrong={
            "a server's port takes one message at a time: push and pull last m - 1 messages each": _two_messages,
            "the server receives, and then it must send the sum back: twice m - 1 messages": _push_only,
            "the ring goes round twice: once to add, once to hand out": _once_round,
            "a message in the ring is one chunk of d/m words, not the whole model": _whole_vectors,
            "nobody writes to itself: m - 1, not m": _m_rounds,
        },
        hints=(
            "Count the messages that pass one after another, and the words in each.",
            "Both have 2 * (m - 1) of them; the server's hold d words, the ring's d / m.",
        ),
        draw=draw_seconds,
    ),
    Question(
        id="setting-review",
        name="two_level_words",
        points=2,
        inputs=_boxes,
        reference=two_level_words,
        scale=1e4,
        wrong={
            "the sum of both is below the lower bound: which phase is not paid for?": _no_way_back,
            "it is the way back inside the box that is missing; across, the ring has gone round twice already":
                _everything_twice,
            "after the reduce-scatter a worker takes only d/g words across": _whole_model_across,
            "the total is right but the shares are not: the missing phase runs inside the box": _flat_ring,
        },
        hints=(
            "Compute inside + across for 8 boxes of 8 and hold it against costs.bandwidth_lower_bound(64, d).",
            "The all-gather inside the box costs as much as the reduce-scatter: (g - 1) / g * d words.",
        ),
    ),
]  # fmt: skip
