"""Lecture 06: gossip on a graph, round by round."""

from functools import cache
from itertools import islice

import matplotlib
import numpy as np

from course_lib import bounds, topology
from course_lib.clusters import SimulatedCluster
from course_lib.explorers import Axes, Choice, Curve, Explorer, Picture, Points, Prediction, Slider, Theory
from course_lib.explorers.topology_editor import places
from course_lib.methods import gossip
from course_lib.problems import Quadratic

M, ROUNDS = 16, 40
SQUARE = np.stack(np.meshgrid(np.linspace(-1, 1, 4), np.linspace(1, -1, 4)), -1).reshape(-1, 2)
GRID = SQUARE + 0.15 * (1 - SQUARE[:, ::-1] ** 2)  # bent, so that a link from end to end hides behind no other

#: Name -> (W as a function of the round, where the workers stand).
GRAPHS = {
    "ring": lambda: (topology.metropolis(topology.ring(M)), places(M)),
    "star": lambda: (topology.metropolis(topology.star(M)), np.vstack([[0, 0], places(M - 1)])),
    "torus": lambda: (topology.metropolis(topology.torus(4, 4)), GRID),
    "hypercube": lambda: (topology.metropolis(topology.hypercube(4)), places(M)),
    "one peer, 2ᵗ away": lambda: (topology.one_peer_exponential(M), places(M)),
    "one random pair": lambda: (topology.random_pairs(topology.complete(M), seed=1), places(M)),
    "ring, a third of the links down": lambda: (topology.failing_links(topology.ring(M), 1 / 3), places(M)),
}


@cache
def conversation(graph):
    """All rounds of gossip on a graph, from worker i holding i/15.

    Returns
    -------
    values : array, shape (ROUNDS + 1, M)
    messages : array of int, shape (ROUNDS + 1,)
        Sent so far.
    used : list of arrays, shape (E, 2)
        Pairs that talk in each round.
    """
    W, _ = GRAPHS[graph]()
    start = np.linspace(0, 1, M)[:, None]
    cluster = SimulatedCluster(Quadratic(np.ones((M, 1, 1)), start))
    values, messages = [], []
    for X, _ in islice(gossip(cluster, start, W), ROUNDS + 1):
        values.append(X[:, 0])
        messages.append(cluster.messages)
    W = topology.sequence(W)
    used = [np.argwhere(np.triu(A + A.T, 1)) for A in (abs(W(t)) for t in range(ROUNDS + 1))]
    return np.array(values), np.array(messages), used


def gossip_picture(graph, round):
    """The graph with each worker coloured by what it holds, and how far all are from the mean.

    Parameters
    ----------
    graph : str
        One of `GRAPHS`.
    round : int

    Returns
    -------
    Picture
    """
    values, messages, used = conversation(graph)
    W, at = GRAPHS[graph]()
    shade = matplotlib.colormaps["viridis"](values[round])
    pairs = np.insert(at[used[round]], 2, np.nan, axis=1)  # one line with gaps: quicker than a line each
    lines = [Curve(*pairs.reshape(-1, 2).T, color="#999999", linewidth=1.2, label="")]
    discs = [Points([x], [y], color=c, markersize=15, markeredgecolor="#444444") for (x, y), c in zip(at, shade)]
    t, apart = np.arange(ROUNDS + 1), np.linalg.norm(values - 0.5, axis=1)
    bound = t * np.nan if callable(W) else apart[0] * bounds.consensus(t, topology.rho(W))
    decay = [
        Curve(t, np.maximum(apart, 1e-17), "gossip", panel=1, linestyle="-"),
        Theory(t, bound, "ρᵗ", panel=1),
        Points([round], [np.maximum(apart[round], 2e-9)], panel=1, color="#C04F00", label="this round"),
    ]
    span = values[round].min(), values[round].max()
    exact = np.ptp(values[round]) < 1e-12
    near = np.ptp(values[round]) < 1e-3
    holds = f"workers differ by {np.ptp(values[round]):.1g}" if near else f"workers hold {span[0]:.3f} to {span[1]:.3f}"
    holds = "all hold the mean, 0.5" if exact else f"{holds}, the mean is 0.5"
    sentence = f"Round {round}: {holds}. Messages so far: {messages[round]:,}."
    return Picture(lines + discs + decay, sentence)


gossip_explorer = Explorer(
    title="Gossip, round by round",
    controls=[
        Choice("graph", "who talks", list(GRAPHS), start="one peer, 2ᵗ away"),
        Slider("round", "round", range(ROUNDS + 1), start=2, play=True),
    ],
    axes=[
        Axes("16 workers: dark 0, bright 1", xlabel="lines: who talks in the next round", ylabel="",
             xlim=(-1.25, 1.3), ylim=(-1.2, 1.3), xticks=[], yticks=[]),
        Axes("distance from the mean", xlabel="rounds", ylabel="norm", xlim=(0, ROUNDS), ylim=(1e-9, 5), yscale="log"),
    ],
    picture=gossip_picture,
    presets={
        "four rounds": {"round": 4},
        "ring": {"graph": "ring", "round": 4},
        "torus": {"graph": "torus", "round": 4},
        "broken ring": {"graph": "ring, a third of the links down", "round": 20},
    },
    prediction=Prediction(
        "16 workers, each hears one other in a round, 1, 2, 4, then 8 places behind it. When do all hold the mean?",
        ["after 4 rounds, exactly", "after about 16 rounds", "never exactly, only ever closer"],
    ),
    theory="Theorem card 6.1",
)  # fmt: skip
