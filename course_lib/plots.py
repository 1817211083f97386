"""Every figure of the course: one style, one colour a method, direct labels.

Figures are made without pyplot's global state, so a cell shows exactly the figure that it returns.
"""

from io import BytesIO
from zlib import crc32

import matplotlib
import numpy as np
from matplotlib import axes as mpl_axes
from matplotlib import figure as mpl_figure
from matplotlib.patheffects import withStroke

from course_lib.errors import CourseError

#: Matplotlib settings of every figure (also used by the explorers).
STYLE = {
    "figure.figsize": (4.2, 2.8),
    "figure.dpi": 110,
    "figure.constrained_layout.use": True,
    "font.size": 9,
    "axes.titlesize": 9,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e4e4e4",
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "lines.linewidth": 1.6,
    "legend.frameon": False,
    "savefig.facecolor": "white",
}

# Okabe and Ito's colours, darkened where needed for contrast on white; dashes so that they survive grey.
COLORS = ("#0072B2", "#C04F00", "#007A5A", "#A8326B", "#5B4FA2", "#8A6A00", "#1B8FB8", "#444444")
DASHES = ("-", (0, (5, 1.5)), (0, (1.5, 1.2)), (0, (5, 1.2, 1.2, 1.2)), (0, (9, 2)))

# The methods in the order of the course; a name that is not here still gets a look of its own, always the same.
LABELS = {
    "sync_sgd": "sync SGD",
    "parameter_server_sgd": "parameter server",
    "compressed_sgd": "compressed SGD",
    "error_feedback_sgd": "error feedback",
    "ef21": "EF21",
    "diana": "DIANA",
    "async_sgd": "async SGD",
    "stale_synchronous_sgd": "stale synchronous",
    "downpour_sgd": "Downpour SGD",
    "local_sgd": "local SGD",
    "fedavg": "FedAvg",
    "fedprox": "FedProx",
    "scaffold": "SCAFFOLD",
    "dsgd": "DSGD",
    "extra": "EXTRA",
    "gradient_tracking": "gradient tracking",
    "choco_sgd": "CHOCO-SGD",
    "push_sum_sgd": "push-sum SGD",
    "admm": "ADMM",
    "robust_sgd": "robust SGD",
    "newton": "Newton",
    "dane": "DANE",
    "giant": "GIANT",
    "lbfgs": "L-BFGS",
    "natural_gradient": "natural gradient",
    "iag": "table of gradients",
    "hogwild_sgd": "Hogwild",
    "adaptive_compressed_sgd": "adaptive compression",
    "power_sgd": "PowerSGD",
    "chebyshev_gossip": "Chebyshev gossip",
    "choco_gossip": "CHOCO gossip",
    "decentralized_subgradient": "subgradient, averaged",
    "gossip": "gossip",
    "adapt_then_combine": "adapt then combine",
    "pairwise_gossip": "pairwise gossip",
    "exact_diffusion": "exact diffusion",
    "push_sum": "push-sum",
    "decentralized_admm": "decentralised ADMM",
    "scaffnew": "Scaffnew",
    "periodic_averaging": "periodic averaging",
    "adaptive_local_sgd": "AdaComm",
    "fedavgm": "FedAvgM",
    "fedadam": "FedAdam",
    "balanced_sgd": "fixed shares",
    "adaptive_batch_sgd": "measured shares",
    "work_queue_sgd": "work queue",
    "backup_sgd": "backup workers",
    "deadline_sgd": "deadline",
    "elastic_sgd": "elastic SGD",
    "speculative_sgd": "speculation",
    "coded_sgd": "gradient coding",
    "fednl": "FedNL",
    "kfac": "K-FAC",
    "accelerated_gradient": "accelerated gradient",
}

CLOCKS = {"rounds": "rounds", "bytes": "bytes sent", "seconds": "simulated seconds"}
QUANTITIES = {
    "loss": "loss",
    "gap": "loss above the optimum",
    "gradient_norm": "norm of the gradient",
    "accuracy": "accuracy",
    "consensus": "distance from the mean model",
}
THEORY = {"color": "#111111", "linestyle": (0, (4, 2)), "linewidth": 1.0}


class Figure(mpl_figure.Figure):
    """A figure that a notebook shows by itself: no pyplot, hence no global state."""

    def _repr_png_(self):
        buffer = BytesIO()
        with matplotlib.rc_context(STYLE):
            self.savefig(buffer, format="png", bbox_inches="tight", pad_inches=0.06)
        return buffer.getvalue()


class Panel(mpl_axes.Axes):
    """Axes that keep the course's style for what a notebook adds to them later."""

    set_title = matplotlib.rc_context(STYLE)(mpl_axes.Axes.set_title)
    legend = matplotlib.rc_context(STYLE)(mpl_axes.Axes.legend)


def style(name):
    """Colour, line style and label of a method (or of any other named series): the same in every figure.

    Parameters
    ----------
    name : str
        A method's name, such as ``"sync_sgd"``.

    Returns
    -------
    dict
        Keyword arguments for ``Axes.plot``.
    """
    place = list(LABELS).index(name) if name in LABELS else crc32(name.encode())
    return {
        "color": COLORS[place % len(COLORS)],
        "linestyle": DASHES[(place + place // len(COLORS)) % len(DASHES)],
        "label": LABELS.get(name, name),
    }


def series(k, label):
    """Look of the k-th curve among several of one method, such as a sweep over step sizes."""
    return {"color": COLORS[k % len(COLORS)], "linestyle": DASHES[k % len(DASHES)], "label": label}


def figure(columns=1, width=4.2, height=2.8):
    """Make a figure in the course's style, with its axes in a row.

    Returns
    -------
    (Figure, Axes) or (Figure, array of Axes)
        Close to ``plt.subplots``, without the global state.
    """
    with matplotlib.rc_context(STYLE):
        fig = Figure(figsize=(width * columns, height))
        axes = fig.subplots(1, columns, subplot_kw={"axes_class": Panel})
    return fig, axes


@matplotlib.rc_context(STYLE)
def label_ends(ax):
    """Write each line's label at its right end, moved apart where they would touch, instead of a legend."""
    ax.autoscale_view()  # limits are settled only when somebody asks
    lines = [line for line in ax.get_lines() if not line.get_label().startswith("_") and len(line.get_xdata())]
    height = ax.get_window_extent().height or 1.0
    gap = 11.0 * ax.figure.dpi / 72 / height  # one text line, as a fraction of the axes
    ends = []
    for line in lines:
        inside = np.isfinite(np.asarray(line.get_ydata(), float))
        if inside.any():
            last = np.flatnonzero(inside)[-1]
            point = ax.transData.transform((line.get_xdata()[last], line.get_ydata()[last]))
            ends.append([float(np.clip(ax.transAxes.inverted().transform(point)[1], 0, 1)), line])
    place = -np.inf
    for end in sorted(ends, key=lambda e: e[0]):
        place = end[0] = max(end[0], place + gap)
    overflow = max(0.0, place - 1.0)
    for y, line in ends:
        ax.annotate(
            line.get_label(), (1.02, y - overflow), xycoords="axes fraction", va="center", color=line.get_color(),
            annotation_clip=False,
        )  # fmt: skip


@matplotlib.rc_context(STYLE)
def convergence(histories, against="rounds", show="loss", optimum=None, theory=None, ax=None):
    """Draw one quantity of several runs against one of the three clocks.

    Parameters
    ----------
    histories : History, list of History, or dict of label to History
        What ``experiment.run`` returned.
    against : {"rounds", "bytes", "seconds"}
        The clock on the horizontal axis.
    show : {"loss", "gap", "gradient_norm", "accuracy", "consensus"}
        The quantity; "gap" is the loss minus `optimum`.
    optimum : float, optional
        Smallest possible loss, for "gap".
    theory : callable or array, optional
        The bound, as a function of the rounds, drawn as a dashed line.
    ax : Axes, optional
        Where to draw; a new figure otherwise.

    Returns
    -------
    Figure
    """
    named = _named(histories)
    records = {name: _record(history, against, show, optimum) for name, history in named.items()}
    fig, ax = (ax.figure, ax) if ax is not None else figure()
    for k, (name, record) in enumerate(records.items()):
        ax.plot(*record, **(style(name) if name in LABELS else series(k, name)))
    if theory is not None:
        *_, last = named.values()
        bound = theory(last.rounds) if callable(theory) else theory
        ax.plot(getattr(last, against), bound, label="theory", **THEORY)
    if show != "accuracy" and any((values > 0).any() for _, values in records.values()):
        ax.set_yscale("log")
    ax.set_xlabel(CLOCKS[against])
    ax.set_title(QUANTITIES[show])
    ax.margins(x=0)
    label_ends(ax)
    return fig


def _named(histories):
    """Histories by label; a method's name is label enough where it occurs once."""
    if isinstance(histories, dict):
        return histories
    histories = histories if isinstance(histories, (list, tuple)) else [histories]
    names = [history.name for history in histories]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        raise CourseError(f"two runs are called {twice}: give a dict of label to History")
    return dict(zip(names, histories))


def _record(history, against, show, optimum):
    """What a clock read, and the quantity's values."""
    if show != "gap":
        return history.record(show, against)
    if optimum is None:
        raise CourseError("the gap needs the smallest possible loss: optimum=problem.loss(problem.optimum())")
    clock, loss = history.record("loss", against)
    return clock, loss - optimum


SPANS = {"compute": "#0072B2", "send": "#C04F00", "wait": "#d9d9d9", "down": "#111111"}


@matplotlib.rc_context(STYLE)
def timeline(cluster, until=None, ax=None):
    """Draw who computed, sent and waited, and when: one row a worker.

    Parameters
    ----------
    cluster : SimulatedCluster
        After a run; its trace is drawn.
    until : float, optional
        Last simulated second to show.

    Returns
    -------
    Figure
    """
    fig, ax = (ax.figure, ax) if ax is not None else figure(width=6.0, height=0.9 + 0.22 * cluster.m)
    for kind, color in SPANS.items():
        spans = [s for s in cluster.trace() if s.kind == kind and (until is None or s.start < until)]
        if spans:
            ax.barh(
                [s.worker for s in spans], [s.end - s.start for s in spans], left=[s.start for s in spans],
                height=0.8, color=color, label=kind,
            )  # fmt: skip
    ax.set(yticks=range(cluster.m), xlabel="simulated seconds", ylabel="worker", ylim=(cluster.m - 0.4, -0.6))
    ax.set_xlim(0, until)
    ax.grid(False)
    ax.legend(ncols=len(SPANS), loc="lower left", bbox_to_anchor=(0, 1), handlelength=1)
    return fig


@matplotlib.rc_context(STYLE)
def staleness(cluster, until, ax=None):
    """Draw the timeline of an asynchronous run, and above it the updates of the server's model.

    An arc leads from the update whose result a worker read to the update that its gradient makes; the dots that
    it passes over, and the number on it, are the gradient's staleness.

    Parameters and result are as in `timeline`.
    """
    fig, ax = (ax.figure, ax) if ax is not None else figure(width=6.0, height=2.0 + 0.22 * cluster.m)
    timeline(cluster, until, ax)
    order, colors = cluster.order, [COLORS[i % len(COLORS)] for i in range(cluster.m)]
    when = np.append(0.0, order.seconds[order.seconds <= until])  # of update 0, the start, 1, 2, ...
    ax.plot(when[1:], np.full(len(when) - 1, -1.2), "o", color="#111111", markersize=3.5)
    along = np.linspace(0, 1, 40)
    for k, (i, late) in enumerate(zip(order.workers[: len(when) - 1], order.staleness)):
        start, end, height = when[k - late], when[k + 1], 1.0 + 0.5 * late
        ax.plot(start + along * (end - start), -1.2 - 4 * height * along * (1 - along), color=colors[i], linewidth=1.1)
        text = ax.text((start + end) / 2, -1.4 - height, str(late), color=colors[i], fontsize=8, ha="center")
        text.set_path_effects([withStroke(linewidth=3, foreground="white")])  # legible on the arcs of others
    ax.set(ylim=(cluster.m - 0.4, -3.5 - 0.5 * max(order.staleness[: len(when) - 1], default=0)))
    ax.set_yticks([-1.2, *range(cluster.m)], ["server", *range(cluster.m)])
    for tick, color in zip(ax.get_yticklabels()[1:], colors):
        tick.set(color=color, fontweight="bold")
    return fig


@matplotlib.rc_context(STYLE)
def partition(labels, parts, ax=None):
    """Draw what each worker holds: one bar a worker, one colour a class.

    Parameters
    ----------
    labels : array of int, shape (N,)
        Classes of the pooled data.
    parts : list of arrays of int
        Rows of each worker, from ``data.partition_*``.

    Returns
    -------
    Figure
    """
    fig, ax = (ax.figure, ax) if ax is not None else figure(height=0.8 + 0.22 * len(parts))
    classes = np.unique(labels)
    shades = matplotlib.colormaps["viridis"](np.linspace(0, 1, len(classes)))
    left = np.zeros(len(parts))
    for shade, name in zip(shades, classes):
        count = np.array([np.sum(labels[part] == name) for part in parts])
        ax.barh(range(len(parts)), count, left=left, color=shade, label=str(name), edgecolor="white", linewidth=0.4)
        left += count
    ax.set(yticks=range(len(parts)), xlabel="rows of data", ylabel="worker", ylim=(len(parts) - 0.4, -0.6))
    ax.grid(False)
    ax.legend(title="class", loc="center left", bbox_to_anchor=(1.0, 0.5), handlelength=0.8, labelspacing=0.2)
    return fig


@matplotlib.rc_context(STYLE)
def partitions(labels, named):
    """Draw several partitions side by side, to one scale.

    Parameters
    ----------
    labels : array of int, shape (N,)
    named : dict of str to list of arrays
        Title and parts of each.

    Returns
    -------
    Figure
    """
    fig, axes = figure(columns=len(named), width=1.9, height=0.8 + 0.2 * max(map(len, named.values())))
    for ax, (title, parts) in zip(axes, named.items()):
        partition(labels, parts, ax=ax)
        ax.set(title=title, xlabel="rows", xlim=(0, 1.05 * max(len(p) for ps in named.values() for p in ps)))
        if ax is not axes[0]:
            ax.set_ylabel("")
        if ax is not axes[-1]:
            ax.get_legend().remove()
    return fig


@matplotlib.rc_context(STYLE)
def conversations(networks):
    """Draw who wrote to whom: workers on a circle, a line for each pair that spoke, as wide as its words.

    Parameters
    ----------
    networks : dict of str to Network
        Title and network of each panel, after a collective was run over it.

    Returns
    -------
    Figure
    """
    fig, axes = figure(columns=len(networks), width=1.35, height=1.6)
    for ax, (title, network) in zip(axes, networks.items()):
        angles = np.pi / 2 - 2 * np.pi * np.arange(network.m) / network.m
        x, y = np.cos(angles), np.sin(angles)
        words = np.zeros((network.m, network.m))
        for message in network.log:
            words[message.source, message.target] += message.words
        words = np.triu(words + words.T)  # both directions together
        for pair in np.argwhere(words):
            ax.plot(x[pair], y[pair], color=COLORS[0], linewidth=0.4 + 2 * words[*pair] / words.max())
        ax.plot(x, y, "o", color="#111111", markersize=4)
        ax.set(title=title, aspect="equal", xlim=(-1.2, 1.2), ylim=(-1.2, 1.2))
        ax.set_axis_off()
    return fig
