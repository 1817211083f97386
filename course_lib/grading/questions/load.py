"""Questions of lecture 08: unequal batches averaged without bias, measured shares reviewed, and a work queue."""

import numpy as np

from course_lib.grading.question import Question


def combine(gradients, samples, rows):
    return rows / rows.sum() @ gradients


def _every_worker_alike(gradients, samples, rows):
    return gradients.mean(axis=0)


def _every_sample_alike(gradients, samples, rows):
    return samples / samples.sum() @ gradients


def _both(gradients, samples, rows):
    weights = rows * samples
    return weights / weights.sum() @ gradients


def _summed(gradients, samples, rows):
    return rows @ gradients


def _combine_inputs(rng):
    m = int(rng.integers(3, 7))
    return rng.normal(size=(m, 3)), rng.integers(1, 20, size=m), rng.integers(10, 90, size=m)


def new_shares(batch, samples, seconds):
    speeds = samples / seconds
    return batch * speeds / speeds.sum()


def _forgets_the_samples(batch, samples, seconds):
    return batch * (1 / seconds) / (1 / seconds).sum()


def _more_for_the_slow(batch, samples, seconds):
    pace = seconds / samples
    return batch * pace / pace.sum()


def _by_seconds(batch, samples, seconds):
    return batch * seconds / seconds.sum()


def _scaled_only(batch, samples, seconds):
    return samples * seconds.mean() / seconds


def _review_inputs(rng):
    m = int(rng.integers(3, 7))
    samples = rng.integers(5, 40, size=m)
    return int(samples.sum()), samples, samples / rng.uniform(1, 5, size=m)


def queue_ends(tasks, pace, price):
    ends = np.zeros(len(pace))
    for size in tasks:
        i = np.argmin(ends)
        ends[i] += price + size * pace[i]
    return ends


def _dealt_in_turn(tasks, pace, price):
    ends = np.zeros(len(pace))
    for k, size in enumerate(tasks):
        i = k % len(pace)
        ends[i] += price + size * pace[i]
    return ends


def _one_message_each(tasks, pace, price):
    return queue_ends(tasks, pace, 0.0) + price


def _earliest_end(tasks, pace, price):
    ends = np.zeros(len(pace))
    for size in tasks:
        i = np.argmin(ends + price + size * pace)
        ends[i] += price + size * pace[i]
    return ends


def _largest_first(tasks, pace, price):
    return queue_ends(np.sort(tasks)[::-1], pace, price)


def _speeds_for_paces(tasks, pace, price):
    return queue_ends(tasks, 1 / pace, price)


def _queue_inputs(rng):
    m = int(rng.integers(3, 6))
    tasks = rng.integers(1, 10, size=int(rng.integers(14, 22)))
    return tasks, rng.uniform(0.2, 2.0, size=m), rng.uniform(0.1, 0.5)


QUESTIONS = [
    Question(
        id="load-average",
        name="combine",
        points=3,
        inputs=_combine_inputs,
        reference=combine,
        wrong={
            "every worker counts the same: rows on a worker that holds few of them count too much": _every_worker_alike,
            "you weighted by what was computed: fast machines' data pull the model towards themselves": (
                _every_sample_alike
            ),
            "you weighted by rows and by samples; how many samples a mean is over does not change its mean": _both,
            "the weights must sum to one: divide by the number of all rows": _summed,
        },
        hints=(
            "Each row of `gradients` is already a mean. What should it count, so that every row of data counts alike?",
            "rows / rows.sum() @ gradients",
        ),
    ),
    Question(
        id="load-review",
        name="new_shares",
        points=3,
        inputs=_review_inputs,
        reference=new_shares,
        wrong={
            "a worker that was done early may have had little to do: divide samples by seconds": _forgets_the_samples,
            "that gives most to the slowest: seconds a sample is not a speed": _more_for_the_slow,
            "that gives most to whoever took longest": _by_seconds,
            "the shares must add up to the batch": _scaled_only,
        },
        hints=(
            "After a perfectly balanced round all seconds are equal. What does the code do then?",
            "speeds = samples / seconds; return batch * speeds / speeds.sum()",
        ),
    ),
    Question(
        id="load-queue",
        name="queue_ends",
        points=4,
        inputs=_queue_inputs,
        reference=queue_ends,
        wrong={
            "the tasks are dealt in turn: in a queue whoever is idle first takes the next": _dealt_in_turn,
            "every task costs its message, not every worker": _one_message_each,
            "you hand tasks to whoever would end first; a queue does not know speeds, it answers whoever asks": (
                _earliest_end
            ),
            "the queue keeps its order: you sorted the tasks": _largest_first,
            "pace is seconds a sample: multiply, don't divide": _speeds_for_paces,
        },
        hints=(
            "Keep one number a worker: when it is idle. The next task goes to the smallest.",
            "i = np.argmin(ends); ends[i] += price + size * pace[i]",
        ),
    ),
]
