"""Questions of lecture 04: staleness from the order of arrivals, a review, and a table of gradients."""

import numpy as np

from course_lib.grading.question import Question


def staleness(workers):
    last, result = {}, []
    for t, i in enumerate(workers):
        result.append(t - last.get(i, 0))
        last[i] = t + 1
    return np.array(result)


def _counts_itself(workers):
    return staleness(workers) + 1


def _fresh_at_first(workers):
    first = [t == list(workers).index(i) for t, i in enumerate(workers)]
    return np.where(first, 0, staleness(workers))


def _distinct(workers):
    late = staleness(workers)
    return np.array([len(set(workers[t - late[t] : t])) for t in range(len(workers))])


def _others(workers):
    return np.full(len(workers), len(set(workers)) - 1)


def _order_inputs(rng):
    m = int(rng.integers(3, 6))
    speeds = rng.dirichlet(np.ones(m))
    rest = rng.choice(m, size=4 * m, p=speeds)
    return (np.concatenate([rest[: 2 * m], rng.permutation(m), rest[2 * m :]]),)


def replay(order, centres, x, step_size):
    read = [x] * len(centres)
    for i in order:
        x = x - step_size * (read[i] - centres[i])
        read[i] = x
    return x


def _always_fresh(order, centres, x, step_size):
    for i in order:
        x = x - step_size * (x - centres[i])
    return x


def _before_its_own_update(order, centres, x, step_size):
    read = [x] * len(centres)
    for i in order:
        before = x
        x = x - step_size * (read[i] - centres[i])
        read[i] = before
    return x


def _never_again(order, centres, x, step_size):
    start = x
    for i in order:
        x = x - step_size * (start - centres[i])
    return x


def _overwrites(order, centres, x, step_size):
    read = [x] * len(centres)
    for i in order:
        x = read[i] - step_size * (read[i] - centres[i])
        read[i] = x
    return x


def _replay_inputs(rng):
    m = int(rng.integers(3, 6))
    return rng.integers(m, size=5 * m), rng.normal(size=(m, 2)), rng.normal(size=2), rng.uniform(0.1, 0.3)


def table_step(x, table, worker, gradient, step_size):
    table = table.copy()
    table[worker] = gradient
    return x - step_size * table.mean(axis=0), table


def _async_step(x, table, worker, gradient, step_size):
    return x - step_size * gradient, table_step(x, table, worker, gradient, step_size)[1]


def _old_table(x, table, worker, gradient, step_size):
    return x - step_size * table.mean(axis=0), table_step(x, table, worker, gradient, step_size)[1]


def _summed(x, table, worker, gradient, step_size):
    new = table_step(x, table, worker, gradient, step_size)[1]
    return x - step_size * new.sum(axis=0), new


def _added(x, table, worker, gradient, step_size):
    return table_step(x, table, worker, table[worker] + gradient, step_size)


def _table_forgotten(x, table, worker, gradient, step_size):
    return table_step(x, table, worker, gradient, step_size)[0], table


def _table_inputs(rng):
    m = int(rng.integers(3, 7))
    return rng.normal(size=3), rng.normal(size=(m, 3)), int(rng.integers(m)), rng.normal(size=3), rng.uniform(0.1, 1)


def _model_and_table(function, *args):
    model, table = function(*args)
    return {"model": model, "table": table}


QUESTIONS = [
    Question(
        id="asynchronous-staleness",
        name="staleness",
        points=3,
        inputs=_order_inputs,
        reference=staleness,
        wrong={
            "one too many: a gradient's own update does not make it older": _counts_itself,
            "a worker's first gradient is not fresh: it was computed at the model of the start": _fresh_at_first,
            "you counted different workers; staleness counts updates, and a quick worker makes several": _distinct,
            "m - 1 is the mean staleness, not that of each gradient": _others,
        },
        hints=(
            "When did this worker last read the model? Right after its own previous update.",
            "last = {}; at arrival t of worker i: t - last.get(i, 0), then last[i] = t + 1",
        ),
    ),
    Question(
        id="asynchronous-review",
        name="replay",
        points=3,
        inputs=_replay_inputs,
        reference=replay,
        wrong={
            "every gradient is fresh: read[i] and x are one array, and x -= changes what the workers have read": (
                _always_fresh
            ),
            "a worker reads the model after its own update, not before": _before_its_own_update,
            "the workers never read again: all gradients are of the model of the start": _never_again,
            "the server's model is replaced by the worker's: what the others did meanwhile is lost": _overwrites,
        },
        hints=(
            "Print the staleness that the code really has: compare read[i] with x just before the update.",
            "x = x - ... makes a new array; x -= ... changes the one that everybody holds.",
        ),
    ),
    Question(
        id="asynchronous-table",
        name="table_step",
        points=3,
        inputs=_table_inputs,
        measure=_model_and_table,
        reference=table_step,
        wrong={
            "you stepped along the new gradient alone: that is async SGD, with its bias": _async_step,
            "you stepped before the new gradient was in the table": _old_table,
            "the rows are summed: f is the mean of the f_i": _summed,
            "the new gradient replaces the worker's old one; you added it": _added,
            "the table that you return still holds the old gradient": _table_forgotten,
        },
        hints=(
            "First the table, then the step along the mean of all its rows.",
            "table = table.copy(); table[worker] = gradient; return x - step_size * table.mean(axis=0), table",
        ),
    ),
]
