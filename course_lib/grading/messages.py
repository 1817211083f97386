"""Measure and draw what a student's algorithm does on a network of counted messages."""

import numpy as np

from course_lib.errors import CourseError
from course_lib.grading.question import numbers
from course_lib.network import Network

# A bill alone could be had without a message: its closed form is in the text, and a network's counters are
# attributes that anybody can set. So what was delivered is counted, and weighed: the weight of a message depends
# on the sum that it carries. To know all weights without sending is to know all messages.


class _Watched(Network):
    """Keeps all messages (source, target, array); where it is silent they arrive as zeros: nobody hears anything."""

    def __init__(self, m, silent=False):
        super().__init__(m)
        self.carried, self.silent = [], silent

    def deliver(self):
        self.carried.append([(source, target, v.copy()) for source, (target, v) in self._posted.items()])
        inbox = super().deliver()
        for message in inbox.values() if self.silent else ():
            message[...] = 0
        return inbox


def all_reduce(function, vectors):
    """Measure an all-reduce: what each worker ends with, what was sent, and what was had without asking."""
    result, carried = _ran(function, vectors)
    sizes = [[vector.size for _, _, vector in messages] for messages in carried]
    words, squares = _by_worker(carried, len(vectors), end=1)
    return {
        "result": result,
        "workers whose result differs from worker 0's": np.sum(np.any(result != result[:1], axis=-1)),
        "results or messages that hold what no message brought": _unheard(function, vectors),
        "rounds": len(sizes),
        "words on the critical path": sum(map(max, sizes)),
        "words sent by all workers": sum(map(sum, sizes)),
        "mean square of the words that a worker received": squares / np.maximum(words, 1),
    }


def _ran(function, vectors, silent=False):
    """The result, and the messages of each round."""
    network = _Watched(len(vectors), silent)
    result = numbers(function(network, vectors.copy()))
    if result.shape != vectors.shape:
        raise CourseError(f"the result has the shape {result.shape}, not one row a worker: {vectors.shape}")
    return result, network.carried


def _by_worker(carried, m, end):
    """Words, and sum of their squares, of the messages that each worker sent (`end` 0) or received (1)."""
    out = np.zeros((2, m))
    for message in (message for messages in carried for message in messages):
        out[:, message[end]] += message[2].size, np.sum(np.abs(message[2]) ** 2)
    return out


def _unheard(function, vectors):
    """Pairs (i, j) where worker i's result or messages follow j's vector although all messages arrive empty."""
    silence = [_told(*_ran(function, v, silent=True)) for v in (vectors, *_each_changed(vectors))]
    changed = np.any(np.array(silence[1:]) != silence[0], axis=-1)  # [j, i]
    return changed.sum() - np.trace(changed)


def _told(result, carried):
    return np.column_stack([result, *_by_worker(carried, len(result), end=0)])


def _each_changed(vectors):
    for j in range(len(vectors)):
        yield vectors + (np.arange(len(vectors)) == j)[:, None]


def draw(function, reference, vectors):
    """Who sends to whom in which round, and how much each worker sends; yours beside the reference."""
    from course_lib import plots

    networks = {"reference": Network(len(vectors)), "yours": Network(len(vectors))}
    for network, algorithm in zip(networks.values(), (reference, function)):
        if algorithm is not None:
            algorithm(network, vectors.copy())
    rounds = max(network.rounds for network in networks.values())
    fig, axes = plots.figure(columns=3, width=3.0, height=2.4)
    for k, (name, network) in enumerate(networks.items()):
        _pattern(axes[k], network, name, rounds)
        axes[2].bar(np.arange(network.m) + 0.4 * k - 0.2, network.sent, 0.4, label=name, color=plots.COLORS[k])
    axes[2].set(xlabel="worker", title="words sent by each worker", xticks=range(len(vectors)))
    axes[2].legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
    return fig


def _pattern(ax, network, name, rounds):
    """An arrow a message, from the beginning of its round to the end, as thick as it is long."""
    bill = f"{network.rounds} rounds, {network.words} words" if network.rounds else "no messages yet"
    ax.set(title=f"{name}: {bill}", xlabel="round", ylabel="worker", yticks=range(network.m))
    ax.set(xlim=(0, rounds), ylim=(network.m - 0.6, -0.4))
    largest = max((message.words for message in network.log), default=0) or 1
    for message in network.log:
        arrow = {"arrowstyle": "->", "linewidth": 0.4 + 1.2 * message.words / largest, "shrinkA": 0, "shrinkB": 0}
        start, end = (message.round, message.source), (message.round + 1, message.target)
        ax.annotate("", xy=end, xytext=start, arrowprops=arrow)
