"""Lecture 05: where local steps lead clients that want different things, and what K costs and saves on digits."""

from functools import cache

import numpy as np

from course_lib import bounds, costs, data, plots
from course_lib.clusters import Link, SimulatedCluster
from course_lib.experiment import run
from course_lib.explorers import Axes, Choice, Curve, Explorer, Picture, Points, Prediction, Slider, quantity
from course_lib.explorers.kept import kept
from course_lib.methods import local_sgd
from course_lib.problems import Quadratic, SoftmaxRegression

WANTED = np.array([[-1.6, 0.9], [1.5, 1.2], [0.4, -1.7]])  # what the three clients of the first explorer want
TURNS = np.array([2.6, 2.2, 1.7])  # where their Hessians point, in radians
STEP = 0.1


def three_clients(spread):
    """Three quadratics in the plane; the eigenvalues of client i are e^s and e^-s, along its own axes."""
    axes = np.array([[[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]] for a in TURNS])
    A = (axes * np.exp([spread, -spread])) @ axes.transpose(0, 2, 1)
    return Quadratic((A + A.transpose(0, 2, 1)) / 2, WANTED)


def drift_picture(local_steps, spread):
    """The server's way to its fixed point, and each client's way during one round from there.

    Parameters
    ----------
    local_steps : int
        K, of size 0.1.
    spread : float
        s, how differently the clients' losses curve; 0: all Hessians are the identity.

    Returns
    -------
    Picture
    """
    problem = three_clients(spread)
    fixed = bounds.local_fixed_point(problem.A, problem.b, STEP, local_steps)
    cluster = SimulatedCluster(problem, initial_model=np.array([-1.8, -1.8]))
    method = local_sgd(cluster, STEP, local_steps)
    server = np.array([next(method)[0][0] for _ in range(6 + 435 // local_steps)])
    optimum = problem.optimum()
    marks = [
        Curve(*path.T, **plots.series(i, f"client {i + 1}"), linewidth=1.1)
        for i, path in enumerate(_walks(problem, fixed, local_steps))
    ]
    marks += [
        Curve(*server.T, "server", color="#777777", linestyle="-", marker="o", markersize=2.5, linewidth=0.8),
        Points(*optimum[:, None], "optimum", color="#111111", marker="*", markersize=11),
        Points(*fixed[:, None], "predicted fixed point", color="#C04F00", marker="X", markersize=9),
        Points(*WANTED.T, "what each wants", color="#777777", marker="s", markersize=6),
    ]
    apart = np.linalg.norm(fixed - optimum)
    off = f"{quantity(float(f'{apart:.2g}'))} from the optimum" if apart > 1e-9 else "at the optimum itself"
    where = f"With K = {local_steps} and Hessian spread {quantity(spread)}"
    return Picture(marks, f"{where}, FedAvg ends {off}, as the formula says.")


def _walks(problem, x, local_steps):
    """Paths (m, K + 1, d) of clients that all start from x."""
    X, paths = np.broadcast_to(x, problem.b.shape), []
    for _ in range(local_steps):
        paths.append(X)
        X = X - STEP * problem.gradient(X)
    return np.stack([*paths, X], axis=1)


drift_explorer = Explorer(
    title="Local steps and client drift",
    controls=[
        Slider("local_steps", "local steps K", [1, 2, 5, 10, 20, 50, 100, 200], start=10),
        Slider("spread", "Hessian spread s", [0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5], start=1.0),
    ],
    axes=[
        Axes("the server's way, and a round from where it ends", xlabel="first coordinate", ylabel="second coordinate",
             xlim=(-3, 2), ylim=(-2, 2), aspect="equal"),
    ],
    picture=drift_picture,
    presets={
        "equal Hessians": {"spread": 0.0, "local_steps": 100},
        "one local step": {"local_steps": 1},
        "clients at home": {"local_steps": 200, "spread": 1.0},
    },
    prediction=Prediction(
        "Three clients want different things, and their losses curve differently. Each takes 10 local steps a round, "
        "with exact gradients. Where does FedAvg end?",
        ["at the optimum", "at another point, and stays there", "nowhere: it goes round and round"],
    ),
    theory="Theorem card 5.3",
)  # fmt: skip


ALPHAS = (0.1, 1.0, 100.0)
CLIENTS, LOCAL_STEPS, STEPS, TARGET = 10, (1, 4, 16, 64), 256, 0.96
NETWORKS = {"data centre": Link(5e-5, 1.25e9), "office": Link(2e-3, 1.25e8), "wide area": Link(5e-2, 1.25e7)}


@cache
def digits_of(alpha):
    """Digits on ten clients, labels dealt by a Dirichlet distribution."""
    digits = data.load("digits")
    rows = data.deal(digits, data.partition_dirichlet(digits.labels, CLIENTS, alpha, seed=1))
    return SoftmaxRegression(*rows, 1e-3, weights="pooled", test=(digits.test_features, digits.test_labels))


@kept(ALPHAS, LOCAL_STEPS)
def digits_run(alpha, local_steps):
    """Rounds, bytes and accuracy of a run of 256 local steps; seconds alone depend on the link."""
    cluster = SimulatedCluster(digits_of(alpha), batch_size=16)
    method, every = local_sgd(cluster, 0.2, local_steps), max(1, 8 // local_steps)
    history = run(method, STEPS // local_steps, record_every=every, quiet=True)
    return history.rounds, history.bytes, history.accuracy


def digits_picture(alpha, clock, network):
    """Accuracy on test digits for four numbers of local steps.

    Parameters
    ----------
    alpha : float
        Dirichlet concentration: 100 is almost the same on every client, 0.1 few classes on each.
    clock : {"rounds", "bytes", "seconds"}
    network : str
        One of `NETWORKS`; a local step takes a millisecond.

    Returns
    -------
    Picture
    """
    link, marks, needed = NETWORKS[network], [], {}
    message = costs.all_reduce("ring", CLIENTS, 650, link.latency, 8 / link.bandwidth).seconds
    for k, K in enumerate(LOCAL_STEPS):
        rounds, size, accuracy = digits_run(alpha, K)
        reading = {"rounds": rounds, "bytes": size / 1e6, "seconds": rounds * (K * 1e-3 + message)}[clock]
        marks.append(Curve(np.maximum(reading, FIRST[clock]), accuracy, **plots.series(k, f"K = {K}")))
        there = accuracy >= TARGET
        needed[K] = float(reading[there.argmax()]) if there.any() else np.inf
    best = min(needed, key=needed.get)
    if np.isfinite(needed[best]):
        answer = f"K = {best} is first to 96 per cent"
    else:
        answer = "no K gets to 96 per cent in 256 local steps"
    where = f" ({network})" if clock == "seconds" else ""  # the network changes nothing else
    return Picture(marks, f"With alpha {quantity(alpha)}, counted in {clock}{where}, {answer}.")


FIRST = {"rounds": 0.5, "bytes": 0.05, "seconds": 1e-3}  # where the logarithmic axes begin
digits_explorer = Explorer(
    title="Local steps on digits",
    controls=[
        Slider("alpha", "Dirichlet alpha", ALPHAS, start=1.0),
        Choice("clock", "clock", ["rounds", "bytes", "seconds"], start="seconds"),
        Choice("network", "network", list(NETWORKS), start="office"),
    ],
    axes=[
        Axes("accuracy on test digits", xlabel="rounds, megabytes or seconds", ylabel="accuracy",
             xlim=(1e-2, 600), ylim=(0.8, 1), xscale="log"),
    ],
    picture=digits_picture,
    presets={
        "almost alike, seconds": {"alpha": 100.0, "clock": "seconds"},
        "few classes each, rounds": {"alpha": 0.1, "clock": "rounds"},
        "fast network, seconds": {"clock": "seconds", "network": "data centre"},
    },
    prediction=Prediction(
        "An office network: a round costs many local steps. Which K is first at 96 per cent, in seconds?",
        ["K = 1", "K = 4 or 16", "K = 64"],
    ),
    theory="Theorem card 5.4",
)  # fmt: skip
