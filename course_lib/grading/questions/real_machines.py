"""Questions of lecture 10: blocks of workers, a fitted link, and updates that are applied exactly once."""

import numpy as np

from course_lib.grading.question import Question


def host(m, ranks):
    sizes = [m // ranks + (r < m % ranks) for r in range(ranks)]
    return np.repeat(np.arange(ranks), sizes)


def _in_turn(m, ranks):
    return np.arange(m) % ranks


def _full_blocks(m, ranks):
    return np.arange(m) // -(-m // ranks)


def _rest_to_the_last(m, ranks):
    return np.minimum(np.arange(m) // (m // ranks), ranks - 1)


def _last_ones_longest(m, ranks):
    return np.sort(ranks - 1 - host(m, ranks))


def _host_inputs(rng):
    ranks = int(rng.integers(4, 8))
    return int(ranks * rng.integers(3, 6) + rng.integers(1, ranks - 1)), ranks


def fit(sizes, trips):
    slope, latency = np.polyfit(sizes, trips / 2, 1)
    return latency, 1 / slope


def _whole_trip(sizes, trips):
    slope, latency = np.polyfit(sizes, trips, 1)
    return latency, 1 / slope


def _slope_itself(sizes, trips):
    slope, latency = np.polyfit(sizes, trips / 2, 1)
    return latency, slope


def _from_the_ends(sizes, trips):
    return trips[0] / 2, sizes[-1] / (trips[-1] / 2)


def _through_the_origin(sizes, trips):
    return 0.0, (sizes @ sizes) / (sizes @ trips / 2)


def _fit_inputs(rng):
    sizes = np.array([1e3, 2e5, 4e5, 6e5, 8e5, 1e6])
    seconds = rng.uniform(2e-5, 8e-5) + sizes / rng.uniform(1e9, 4e9) + 1e-6 * rng.normal(size=6)
    return sizes, 2 * seconds


def _microseconds_and_gigabytes(function, *args):
    latency, bandwidth = function(*args)
    return {"latency": 1e6 * latency, "bandwidth": bandwidth / 1e9}


def apply_once(x, results, step_size):
    seen = set()
    for worker, number, gradient in results:
        if (worker, number) not in seen:
            seen.add((worker, number))
            x = x - step_size * gradient
    return x


def _every_result(x, results, step_size):
    return x - step_size * sum(gradient for _, _, gradient in results)


def _once_a_worker(x, results, step_size):
    first = {}
    for worker, _, gradient in results:
        first.setdefault(worker, gradient)
    return x - step_size * sum(first.values())


def _once_a_number(x, results, step_size):
    first = {}
    for _, number, gradient in results:
        first.setdefault(number, gradient)
    return x - step_size * sum(first.values())


def _neither_copy(x, results, step_size):
    names = [(worker, number) for worker, number, _ in results]
    return x - step_size * sum(g for worker, number, g in results if names.count((worker, number)) == 1)


def _results_inputs(rng):
    m, d = int(rng.integers(3, 6)), int(rng.integers(2, 5))
    tasks = [(i, k, rng.normal(size=d)) for k in range(3) for i in range(m)]
    again = [tasks[j] for j in rng.choice(len(tasks) - m, size=2, replace=False)]
    return rng.normal(size=d), tasks + again, float(rng.uniform(0.1, 1))


QUESTIONS = [
    Question(
        id="real_machines-host",
        name="host",
        points=2,
        inputs=_host_inputs,
        reference=host,
        wrong={
            "blocks: a rank's workers are neighbours in number; you dealt them in turn": _in_turn,
            "you filled ranks one after another: the last is left with too few": _full_blocks,
            "the last rank got all that was left over: no two ranks may differ by more than one": _rest_to_the_last,
            "as even as can be, but the ranks with one more should be the first": _last_ones_longest,
        },
        hints=(
            "m // ranks for everyone, and one more for each of the first m % ranks.",
            "np.repeat(np.arange(ranks), sizes), where sizes[r] = m // ranks + (r < m % ranks)",
        ),
    ),
    Question(
        id="real_machines-fit",
        name="fit",
        points=3,
        inputs=_fit_inputs,
        reference=fit,
        measure=_microseconds_and_gigabytes,
        scale={"latency": 10.0, "bandwidth": 1.0},
        wrong={
            "a trip is there and back: one message takes half of it": _whole_trip,
            "the slope is seconds a byte; bandwidth is bytes a second": _slope_itself,
            "two measurements make no fit: the largest message contains latency, the smallest bytes": _from_the_ends,
            "a line through the origin has no latency": _through_the_origin,
        },
        hints=(
            "Seconds of one message = latency + bytes / bandwidth: a straight line.",
            "slope, latency = np.polyfit(sizes, trips / 2, 1); the bandwidth is 1 / slope",
        ),
    ),
    Question(
        id="real_machines-once",
        name="apply_once",
        points=3,
        inputs=_results_inputs,
        reference=apply_once,
        wrong={
            "a task that was done twice was applied twice": _every_result,
            "you used one result a worker; its later gradients count as well": _once_a_worker,
            "two workers may have gradients of the same number: the task is (worker, number)": _once_a_number,
            "of a task done twice you used neither result; one of them counts": _neither_copy,
        },
        hints=(
            "What tells one task from another? Remember those that you have used.",
            "seen = set(); use a result only if (worker, number) is not in seen, then add it",
        ),
    ),
]
