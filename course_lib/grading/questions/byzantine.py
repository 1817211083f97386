"""Questions on liars: what a lie can do, how many a rule puts up with, what no rule can know; homework 10."""

import numpy as np

from course_lib.grading.question import Question

# ---- the lecture ----------------------------------------------------------------------------------------


def lie(honest, target):
    return (len(honest) + 1) * target - honest.sum(axis=0)


def _only_the_target(honest, target):
    return target


def _counts_the_honest_alone(honest, target):
    return len(honest) * target - honest.sum(axis=0)


def _less_their_mean(honest, target):
    return (len(honest) + 1) * target - honest.mean(axis=0)


def _as_if_they_sent_nothing(honest, target):
    return (len(honest) + 1) * target


def _lie_inputs(rng):
    m, d = rng.integers(3, 12), 3
    return rng.normal(size=(m, d)), rng.normal(size=d)


def most_liars(m, size):
    buckets = -(-m // size)
    return (m - 1) // 2, (m - 3) // 2, (m - 3) // 4, (buckets - 1) // 2


def _half_is_few(m, size):
    return m // 2, (m - 2) // 2, (m - 3) // 4, -(-m // size) // 2


def _krum_is_a_median(m, size):
    median, _, bulyan, bucketing = most_liars(m, size)
    return median, median, bulyan, bucketing


def _bulyan_strictly(m, size):
    median, krum, _, bucketing = most_liars(m, size)
    return median, krum, (m - 4) // 4, bucketing


def _buckets_for_free(m, size):
    median, krum, bulyan, _ = most_liars(m, size)
    return median, krum, bulyan, median


def _limits_inputs(rng):
    return int(rng.integers(100, 100_000)), int(rng.integers(2, 7))


def _four_in_a_row(function, m, size):
    return {"liars": [function(m + k, size) for k in range(4)]}


def unavoidable(m, f, c):
    return f * c / (2 * (m - f))


def _whole_distance(m, f, c):
    return f * c / (m - f)


def _all_workers(m, f, c):
    return f * c / (2 * m)


def _half_of_c(m, f, c):
    return c / 2


def _always_an_eighth(m, f, c):
    return c / 8


def _floor_inputs(rng):
    f = int(rng.integers(1, 9))
    m = int(2 * f + rng.integers(1, 20))
    return m + (m == 5 * f), f, rng.uniform(1, 20)


# ---- homework 10 ----------------------------------------------------------------------------------------


def trimmed_mean(V, f):
    return np.sort(V, axis=0)[f : len(V) - f].mean(axis=0)


def _cuts_one_end(V, f):
    return np.sort(V, axis=0)[: len(V) - f].mean(axis=0)


def _whole_workers(V, f):
    order = np.argsort(np.linalg.norm(V, axis=1))
    return V[order[f : len(V) - f]].mean(axis=0)


def _unsorted(V, f):
    return V[f : len(V) - f].mean(axis=0)


def _divides_by_all(V, f):
    return np.sort(V, axis=0)[f : len(V) - f].sum(axis=0) / len(V)


def _rows_inputs(rng):
    f = int(rng.integers(1, 4))
    return rng.normal(size=(int(2 * f + rng.integers(3, 7)), 4)), f


def krum(V, f):
    return V[_winner(V, len(V) - f - 2)]


def _winner(V, neighbours, power=2):
    apart = np.linalg.norm(V[:, None] - V, axis=-1) ** power
    return np.sort(apart, axis=1)[:, 1 : neighbours + 1].sum(axis=1).argmin()


def _itself_a_neighbour(V, f):
    return V[_winner(V, len(V) - f - 3)]


def _all_neighbours(V, f):
    return V[_winner(V, len(V) - 1)]


def _not_squared(V, f):
    return V[_winner(V, len(V) - f - 2, power=1)]


def _loneliest(V, f):
    apart = np.linalg.norm(V[:, None] - V, axis=-1) ** 2
    return V[np.sort(apart, axis=1)[:, 1 : len(V) - f - 1].sum(axis=1).argmax()]


def _blocks_inputs(rng):
    f = int(rng.integers(2, 5))
    V = rng.normal(size=(20, int(2 * f + rng.integers(4, 7)), 3))
    V[:, :f] += 1.5 * rng.normal(size=(20, 1, 3))
    return V, f


def _each_block(function, blocks, f):
    return {"winner": [function(V, f) for V in blocks]}


def clip(V, centre, radius):
    away = V - centre
    length = np.linalg.norm(away, axis=1, keepdims=True)
    return centre + (away * np.minimum(1, radius / length)).mean(axis=0)


def _clips_the_vectors(V, centre, radius):
    return (V * np.minimum(1, radius / np.linalg.norm(V, axis=1, keepdims=True))).mean(axis=0)


def _drops_the_far(V, centre, radius):
    away = V - centre
    near = np.linalg.norm(away, axis=1, keepdims=True) <= radius
    return centre + (away * near).mean(axis=0)


def _stretches_the_near(V, centre, radius):
    away = V - centre
    return centre + (away * radius / np.linalg.norm(away, axis=1, keepdims=True)).mean(axis=0)


def _forgets_the_centre(V, centre, radius):
    return clip(V, centre, radius) - centre


def _each_coordinate(V, centre, radius):
    return centre + np.clip(V - centre, -radius, radius).mean(axis=0)


def _clip_inputs(rng):
    m, centre = int(rng.integers(5, 12)), rng.normal(size=4)
    sizes = np.linspace(0.2, 3, m)[:, None]
    away = rng.normal(size=(m, 4))
    return centre + sizes * away / np.linalg.norm(away, axis=1, keepdims=True), centre, rng.uniform(0.8, 2)


def fenced(honest, f):
    lie = np.where(honest.mean(axis=0) > 0, honest.min(axis=0), honest.max(axis=0))
    return np.tile(lie, (f, 1))


def _pushes_on(honest, f):
    return np.tile(np.where(honest.mean(axis=0) > 0, honest.max(axis=0), honest.min(axis=0)), (f, 1))


def _minus_the_mean(honest, f):
    return np.tile(-10 * honest.mean(axis=0), (f, 1))


def _always_the_least(honest, f):
    return np.tile(honest.min(axis=0), (f, 1))


def _a_little(honest, f):
    return np.tile(honest.mean(axis=0) - np.sign(honest.mean(axis=0)) * honest.std(axis=0), (f, 1))


def _fenced_inputs(rng):
    f = int(rng.integers(2, 5))
    mean = rng.uniform(0.5, 1, 6) * rng.permutation([1, 1, 1, -1, -1, -1])
    return mean + 0.3 * rng.normal(size=(int(f + rng.integers(4, 8)), 6)), f


def _damage(function, honest, f):
    lies = np.array(function(honest.copy(), f), float)
    rows = np.sort(np.concatenate([honest, lies]), axis=0)
    beyond = np.maximum(lies - honest.max(axis=0), 0) + np.maximum(honest.min(axis=0) - lies, 0)
    return {"trimmed mean": rows[f : len(rows) - f].mean(axis=0), "out of the fence": beyond.max()}


def strongest(honest, f):
    mean, low, high = honest.mean(axis=0), 0.0, 10.0
    for _ in range(40):
        middle = (low + high) / 2
        V = np.concatenate([honest, np.tile((1 - middle) * mean, (f, 1))])
        low, high = (middle, high) if _winner(V, len(V) - f - 2) >= len(honest) else (low, middle)
    return low


def _one_alone(honest, f):
    return strongest(honest, 1)


def _honest_wins(honest, f):
    mean, low, high = honest.mean(axis=0), 0.0, 10.0
    for _ in range(40):
        middle = (low + high) / 2
        V = np.concatenate([honest, np.tile((1 - middle) * mean, (f, 1))])
        low, high = (middle, high) if _winner(V, len(V) - f - 2) < len(honest) else (low, middle)
    return low


def _from_zero(honest, f):
    return strongest(honest, f) - 1


def _once_more(honest, f):
    return 10 * 2.0 ** -np.ceil(np.log2(10 / strongest(honest, f)))


def _strongest_inputs(rng):
    f = int(rng.integers(2, 5))
    d = int(rng.integers(6, 12))
    return rng.normal(size=d) * 0.5 + rng.normal(size=(int(f + rng.integers(4, 8)), d)), f


QUESTIONS = [
    Question(
        id="byzantine-lie",
        name="lie",
        points=3,
        inputs=_lie_inputs,
        reference=lie,
        scale=10.0,
        wrong={
            "sending the target moves the mean only a step of 1/m towards it": _only_the_target,
            "the liar is a worker, too: the mean is over one more than the honest": _counts_the_honest_alone,
            "you took away the mean of the honest; their sum stands in the mean of all": _less_their_mean,
            "the honest send something as well: take their sum away": _as_if_they_sent_nothing,
        },
        hints=(
            "Write down the mean of all m rows, set it equal to the target, and solve for the last row.",
            "return (len(honest) + 1) * target - honest.sum(axis=0)",
        ),
    ),
    Question(
        id="byzantine-limits",
        name="most_liars",
        points=3,
        inputs=_limits_inputs,
        measure=_four_in_a_row,
        reference=most_liars,
        wrong={
            "f < m/2 is strict: with half of an even number of workers nobody knows which half": _half_is_few,
            "Krum needs 2f + 2 < m, which is more than a majority": _krum_is_a_median,
            "4f + 3 <= m is not strict: m = 7 is enough for one liar": _bulyan_strictly,
            "a bucket with one liar in it lies: f of the m/s buckets, not of the m workers": _buckets_for_free,
        },
        hints=(
            "The largest whole f with 2f < m is (m - 1) // 2, for odd and even m alike.",
            "return (m - 1) // 2, (m - 3) // 2, (m - 3) // 4, (-(-m // size) - 1) // 2",
        ),
    ),
    Question(
        id="byzantine-floor",
        name="unavoidable",
        points=3,
        inputs=_floor_inputs,
        reference=unavoidable,
        wrong={
            "a rule may answer half way between the two means: then it errs by half their distance": _whole_distance,
            "honest means are over the m - f honest workers, not over all m": _all_workers,
            "c is how far apart the workers are; their means in the two worlds are nearer": _half_of_c,
            "c/8 is the answer for m = 10, f = 2 alone": _always_an_eighth,
        },
        hints=(
            "What is the honest mean if the f workers at c lie? And if f of those at zero do?",
            "return f * c / (2 * (m - f))",
        ),
    ),
    Question(
        id="byzantine-trimmed",
        name="trimmed_mean",
        points=2,
        inputs=_rows_inputs,
        reference=trimmed_mean,
        wrong={
            "liars may lie on both sides: cut f at each end": _cuts_one_end,
            "you cut whole workers by their length; the rule cuts each coordinate on its own": _whole_workers,
            "the first and last rows are no extremes: sort each column first": _unsorted,
            "m - 2f values are left: divide by so many": _divides_by_all,
        },
        hints=("Sort along the workers, then take a slice.", "np.sort(V, axis=0)[f : len(V) - f].mean(axis=0)"),
    ),
    Question(
        id="byzantine-krum",
        name="krum",
        points=4,
        inputs=_blocks_inputs,
        measure=_each_block,
        reference=krum,
        wrong={
            "a worker is not its own neighbour: leave out the zero, then take m - f - 2": _itself_a_neighbour,
            "with all others for neighbours the row nearest to the mean wins, where liars want it": _all_neighbours,
            "the distances are to be squared": _not_squared,
            "that is the worker furthest from its neighbours: the smallest score wins": _loneliest,
        },
        hints=(
            "Sort each row of the matrix of squared distances; the first entry is the worker itself.",
            "score = np.sort(apart, axis=1)[:, 1 : m - f - 1].sum(axis=1); return V[score.argmin()]",
        ),
    ),
    Question(
        id="byzantine-clip",
        name="clip",
        points=3,
        inputs=_clip_inputs,
        reference=clip,
        wrong={
            "clip the differences to the centre, not the vectors": _clips_the_vectors,
            "rows that are too far away are shortened, not dropped": _drops_the_far,
            "rows within the radius stay as they are: min(1, ...)": _stretches_the_near,
            "the mean of the clipped differences is a step: add it to the centre": _forgets_the_centre,
            "you clipped each coordinate; the length of the whole row counts": _each_coordinate,
        },
        hints=(
            "How long is each row of V - centre? By what must it be multiplied to be at most `radius` long?",
            "return centre + (away * np.minimum(1, radius / length)).mean(axis=0)",
        ),
    ),
    Question(
        id="byzantine-fenced",
        name="fenced",
        points=4,
        inputs=_fenced_inputs,
        measure=_damage,
        reference=fenced,
        wrong={
            "that lie pushes the mean the way the honest go": _pushes_on,
            "the server throws that away: in some coordinate it lies beyond all honest values": _minus_the_mean,
            "where the honest mean is negative, the other end of the fence does the damage": _always_the_least,
            "within the fence, but not at its end: it can do more damage": _a_little,
        },
        hints=(
            "Each coordinate on its own: where within the honest range do f values do the most damage?",
            "np.where(honest.mean(axis=0) > 0, honest.min(axis=0), honest.max(axis=0)), f times",
        ),
    ),
    Question(
        id="byzantine-strongest",
        name="strongest",
        points=4,
        inputs=_strongest_inputs,
        reference=strongest,
        wrong={
            "all f liars send the same, so that they are each other's neighbours; you sent one": _one_alone,
            "keep the middle as `low` when a lie wins, not when an honest row does": _honest_wins,
            "s is how far the lie is shifted: s = 1 is the lie zero": _from_zero,
            "you stopped at the first lie that wins: go on between it and the one that did not": _once_more,
        },
        hints=(
            "The lie is (1 - s) * mean. A lie wins if Krum's answer is that row.",
            "for _ in range(40): middle = (low + high) / 2; low = middle if Krum returns the lie, else high = middle",
        ),
    ),
]  # fmt: skip
