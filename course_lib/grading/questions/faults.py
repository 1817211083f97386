"""Questions of lecture 07 on slow and dead machines: backup workers, decoding, and a job that saves itself."""

import numpy as np

from course_lib.grading.question import Question


def backup_step(x, gradients, seconds, backups, step_size):
    first = np.argsort(seconds)[: len(seconds) - backups]
    return x - step_size * gradients[first].mean(axis=0), seconds[first].max()


def _divides_by_all(x, gradients, seconds, backups, step_size):
    first = np.argsort(seconds)[: len(seconds) - backups]
    return x - step_size * gradients[first].sum(axis=0) / len(seconds), seconds[first].max()


def _waits(x, gradients, seconds, backups, step_size):
    first = np.argsort(seconds)[: len(seconds) - backups]
    return x - step_size * gradients[first].mean(axis=0), seconds.max()


def _fixed_workers(x, gradients, seconds, backups, step_size):
    first = np.arange(len(seconds) - backups)
    return x - step_size * gradients[first].mean(axis=0), seconds[first].max()


def _drops_the_fastest(x, gradients, seconds, backups, step_size):
    last = np.argsort(seconds)[backups:]
    return x - step_size * gradients[last].mean(axis=0), seconds[last].max()


def _step_measure(function, *args):
    x, seconds = function(*args)
    return {"the new model": x, "the round's seconds": seconds}


def _step_inputs(rng):
    m, d = int(rng.integers(5, 12)), int(rng.integers(2, 5))
    seconds = rng.permutation(np.arange(m) + rng.uniform(0.2, 0.8, m))
    if seconds.argmax() == m - 1 or seconds.argmin() == 0:  # the slow and the fast are not where one would guess
        seconds = np.roll(seconds[np.argsort(seconds)], 2)
    return rng.normal(size=d), rng.normal(size=(m, d)), seconds, int(rng.integers(1, 3)), rng.uniform(0.1, 1)


def decode(B, workers, received):
    weights = np.linalg.lstsq(B[workers].T, np.ones(len(B)), rcond=None)[0]
    return weights @ received


def _sums(B, workers, received):
    return received.sum(axis=0)


def _scales_up(B, workers, received):
    return len(B) / len(workers) * received.mean(axis=0) * len(B) / B.sum(axis=1).mean()


def _untransposed(B, workers, received):
    rows = B[workers][:, workers]
    return np.linalg.lstsq(rows, np.ones(len(workers)), rcond=None)[0] @ received


def _mean(B, workers, received):
    return decode(B, workers, received) / len(B)


def _cyclic(m, s, rng):
    H = rng.normal(size=(s, m))
    H -= H.mean(axis=1, keepdims=True)
    B = np.eye(m)
    for i in range(m):
        others = (i + np.arange(1, s + 1)) % m
        B[i, others] = np.linalg.solve(H[:, others], -H[:, i])
    return B


def _decode_inputs(rng):
    m, s = int(rng.integers(5, 9)), 2
    B = _cyclic(m, s, rng)
    while np.linalg.cond(B[: m - s]) > 30 or abs(B).max() > 5:
        B = _cyclic(m, s, rng)
    workers = np.sort(rng.permutation(m)[: m - s])
    return B, workers, B[workers] @ rng.normal(size=(m, 3))


def wall_time(segments, interval, save, restart, lives):
    wall, done = 0.0, 0
    for k, life in enumerate(lives):
        begun = restart if k else 0.0
        saved = max(0, int((life - begun) // (interval + save)))
        if done + saved >= segments:
            return wall + begun + (segments - done) * (interval + save)
        done, wall = done + saved, wall + life
    return wall


def _keeps_what_it_had(segments, interval, save, restart, lives):
    wall, done = 0.0, 0.0
    for k, life in enumerate(lives):
        begun = restart if k else 0.0
        saved = max(0.0, (life - begun) / (interval + save))
        if done + saved >= segments:
            return wall + begun + (segments - done) * (interval + save)
        done, wall = done + saved, wall + life
    return wall


def _saves_for_nothing(segments, interval, save, restart, lives):
    return wall_time(segments, interval, 0.0, restart, lives)


def _restarts_at_once(segments, interval, save, restart, lives):
    return wall_time(segments, interval, save, 0.0, lives)


def _from_the_beginning(segments, interval, save, restart, lives):
    wall = 0.0
    for k, life in enumerate(lives):
        begun = restart if k else 0.0
        if (life - begun) // (interval + save) >= segments:
            return wall + begun + segments * (interval + save)
        wall += life
    return wall


def _life_inputs(rng):
    interval, save, restart = rng.uniform(4, 6), rng.uniform(0.5, 1), rng.uniform(1, 2)
    short = rng.uniform(1.3, 3.7, size=6) * (interval + save) + restart
    long = [40 * (interval + save)]
    return int(rng.integers(8, 11)), interval, save, restart, np.concatenate([short, long])


QUESTIONS = [
    Question(
        id="faults-backup",
        name="backup_step",
        points=3,
        inputs=_step_inputs,
        reference=backup_step,
        measure=_step_measure,
        wrong={
            "you divided by all m: the mean is that of the m - b that you have, or the step shrinks": _divides_by_all,
            "the round is over when the last of those that you wait for is done, not the last of all": _waits,
            "you left out the last workers of the list; the last to be done are others in every round": _fixed_workers,
            "you left out the fastest": _drops_the_fastest,
        },
        hints=(
            "Sort the workers by their seconds; the first m - b of that order count.",
            "first = np.argsort(seconds)[: len(seconds) - backups]",
        ),
    ),
    Question(
        id="faults-decode",
        name="decode",
        points=3,
        inputs=_decode_inputs,
        reference=decode,
        wrong={
            "you added the messages up: they hold the shares with weights of their own, and some shares twice": _sums,
            "you scaled the mean of the messages: right on average at best, and asked for is the sum, exactly": (
                _scales_up
            ),
            "you solved for the shares of the workers that were heard; all m shares must get weight one": _untransposed,
            "this is the mean over the shares; asked for is their sum": _mean,
        },
        hints=(
            "You look for one number a message, a, such that a @ B[workers] is all ones: m equations, m - s unknowns.",
            "a = np.linalg.lstsq(B[workers].T, np.ones(len(B)), rcond=None)[0]",
        ),
    ),
    Question(
        id="faults-review",
        name="wall_time",
        points=4,
        inputs=_life_inputs,
        reference=wall_time,
        scale=10.0,
        wrong={
            "work since the last checkpoint is lost in a failure: only whole intervals count": _keeps_what_it_had,
            "saving takes time, after every interval": _saves_for_nothing,
            "each failure costs a restart, before work goes on": _restarts_at_once,
            "after a failure the job goes on from the last checkpoint, not from the beginning": _from_the_beginning,
        },
        hints=(
            "Follow by hand a job of two intervals that fails in the middle of the second. What does it still have?",
            "saved = max(0, int((life - begun) // (interval + save)))",
        ),
    ),
]
