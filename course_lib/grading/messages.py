"""Measure and draw what a student's algorithm does on a network of counted messages."""

import numpy as np

from course_lib.errors import CourseError
from course_lib.grading.question import numbers
from course_lib.network import Network


class _Silent(Network):
    """A network on which every message arrives as zeros: what a worker then still knows, it did not hear."""

    def deliver(self):
        inbox = super().deliver()
        for message in inbox.values():
            message[...] = 0
        return inbox


def all_reduce(function, vectors):
    """Measure an all-reduce: what each worker ends with, what was sent, and what was had without asking."""
    network = Network(len(vectors))
    result = _result(function, network, vectors)
    return {
        "result": result,
        "workers whose result differs from worker 0's": np.sum(np.any(result != result[:1], axis=-1)),
        "results that hold what no message brought": _unheard(function, vectors),
        "rounds": network.rounds,
        "words on the critical path": network.words,
        "words sent by all workers": network.total,
    }


def _result(function, network, vectors):
    result = numbers(function(network, vectors.copy()))
    if result.shape != vectors.shape:
        raise CourseError(f"the result has the shape {result.shape}, not one row a worker: {vectors.shape}")
    return result


def _unheard(function, vectors):
    """Pairs (i, j) where worker i's result follows worker j's vector although all messages arrive empty."""
    silence = [_result(function, _Silent(len(v)), v) for v in (vectors, *_each_changed(vectors))]
    changed = np.any(np.array(silence[1:]) != silence[0], axis=-1)  # [j, i]
    return changed.sum() - np.trace(changed)


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
