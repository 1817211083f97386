"""Study 1: how performance grows with the number of workers, and where it stops growing.

Digits, softmax regression, synchronous SGD. Weak scaling: every worker takes 4 images a round, so more workers make a
larger batch. Strong scaling: 1024 images a round, shared by all. The speed-up is m times two efficiencies: statistical
(images that one worker needs to the target over those that m need) and system (images a second and worker, over those
of one worker). Strong scaling is also measured on real processes, MPI ranks of the machine that runs the study.
"""

import numpy as np

from course_lib import plots
from course_lib.clusters import SimulatedCluster
from course_lib.clusters.launching import missing
from course_lib.methods import sync_sgd
from course_lib.studies import ranks
from course_lib.studies.base import Conclusion, Study, pick, plus_minus, spread
from course_lib.studies.digits import best_loss, digits, pace, steps_to

IMAGE = 62.5e-6  # seconds of a gradient on one image
MINE, TOGETHER = 4, 1024  # images a round: of each worker, of all
STEPS = np.reshape([0.1, 0.2, 0.4, 0.8, 1.6], (-1, 1, 1))
TARGET = 0.1  # training loss above the optimum
PROCESSES, REAL_STEP = (1, 2, 3, 4), float(STEPS.max())  # with so many images the longest step is the best
ALGORITHMS = {"halving_doubling": "halving-doubling", "ring": "ring"}


def cells(quick):
    """Both scalings, workers in powers of two, some seeds; and 1 to 4 real processes, where there is MPI."""
    workers = [4**k for k in range(6)] if quick else [2**k for k in range(11)]
    grids = [("weak", workers, 2 if quick else 10), ("strong", workers, 2 if quick else 10)]
    if reason := missing():
        print(f"{'=' * 78}\nNO REAL PROCESSES HERE, the study goes on without them: {reason}\n{'=' * 78}")
    else:
        grids += [("real", PROCESSES, 1 if quick else 5)]
    return [
        {"scaling": scaling, "workers": m, "seed": seed}
        for scaling, some, seeds in grids
        for m in some
        for seed in range(seeds)
    ]


def measure(scaling, workers, seed):
    """Fewest rounds to the target over the step sizes, and the seconds of a round with each all-reduce."""
    if scaling == "real":
        return measure_real(workers, seed)
    problem, batch = digits(workers), MINE if scaling == "weak" else TOGETHER // workers
    machines = {"problem": problem, "seed": seed, "batch_size": batch, "compute": batch * IMAGE}
    rounds = steps_to(sync_sgd(SimulatedCluster(**machines), STEPS), problem, best_loss() + TARGET, 1000)
    paces = {name: pace(sync_sgd, SimulatedCluster(**machines, all_reduce=name), 0.1) for name in ALGORITHMS}
    return {"batch": batch * workers, "rounds": rounds, **paces}


def measure_real(processes, seed):
    """Rounds to the target on real processes and in the simulator, and seconds a round on the wall."""
    goal, batch = best_loss() + TARGET, ranks.shares(TOGETHER, processes)
    twin = sync_sgd(SimulatedCluster(digits(processes), seed=seed, batch_size=batch), REAL_STEP)
    found = ranks.on_processes(processes, seed=seed, batch=TOGETHER, step_size=REAL_STEP, goal=goal)
    return {"batch": TOGETHER, "simulated_rounds": steps_to(twin, digits(processes), goal, 1000), **found}


def real_speed_ups(records):
    """For each number of real processes: milliseconds a round and the speed-up to the target, as mean and error."""
    times = {m: _seconds(pick(records, scaling="real", workers=m)) for m in PROCESSES} if _real(records) else {}
    return {
        m: {"milliseconds": spread(1e3 * a_round), "speed-up": spread(times[1][1].mean() / to_target)}
        for m, (a_round, to_target) in times.items()
    }


def _seconds(own):
    """Seconds a round, and to the target, in each block of rounds."""
    a_round = np.array([r["paces"] for r in own])
    return a_round.ravel(), (np.array([[r["rounds"]] for r in own]) * a_round).ravel()


def _real(records):
    return pick(records, scaling="real")


def efficiencies(records, scaling, algorithm="halving_doubling"):
    """For each number of workers: statistical and system efficiency, and the speed-up, each as mean and error.

    The speed-up of a seed is m times the product of its two efficiencies, exactly; so it is their seconds' ratio.
    """
    one = pick(records, scaling=scaling, workers=1)
    samples, a_round = spread([r["rounds"] * r["batch"] for r in one])[0], one[0][algorithm]
    out = {}
    for m in sorted(set(pick(records, "workers", scaling=scaling))):
        own = pick(records, scaling=scaling, workers=m)
        statistical = np.array([samples / (r["rounds"] * r["batch"]) for r in own])
        system = np.array([a_round / r[algorithm] * r["batch"] / one[0]["batch"] / m for r in own])
        out[m] = {
            "statistical": spread(statistical),
            "system": spread(system),
            "speed-up": spread(m * statistical * system),
            "seconds": spread([r["rounds"] * r[algorithm] for r in own]),
        }
    return out


def table(records):
    """Rows: workers; for each scaling rounds, both efficiencies and the speed-up; and what real processes took."""
    simulated = {scaling: efficiencies(records, scaling) for scaling in ("weak", "strong")}
    real, head = real_speed_ups(records), ["workers"]
    for name in simulated:
        head += [f"{name}: rounds", "statistical", "system", "speed-up"]
    head += ["real: ms a round", "speed-up"] if real else []
    rows = []
    for m in sorted({*simulated["weak"], *real}):
        row = [f"{m:,}"]
        for scaling, values in simulated.items():
            row += _cells(pick(records, "rounds", scaling=scaling, workers=m), values[m]) if m in values else 4 * ["–"]
        if real:
            row += [_with_error(real[m][name]) for name in ("milliseconds", "speed-up")] if m in real else 2 * ["–"]
        rows.append(row)
    return [head, *rows]


def _cells(rounds, values):
    shares = [f"{values[name][0]:.2g}" for name in ("statistical", "system")]
    return [plus_minus(rounds), *shares, _with_error(values["speed-up"])]


def _with_error(pair):
    return f"{pair[0]:.2g} ± {pair[1]:.1g}"


def figure(records):
    """Speed-up against workers, for both scalings and two all-reduces; both efficiencies; and real processes."""
    real = real_speed_ups(records)
    fig, axes = plots.figure(columns=4 if real else 3, width=3.0 if real else 3.4, height=3.0)
    for ax, scaling in zip(axes, ("weak", "strong")):
        for k, (algorithm, label) in enumerate(ALGORITHMS.items()):
            _bars(ax, efficiencies(records, scaling, algorithm), "speed-up", k, label)
        m = np.array(sorted(set(pick(records, "workers", scaling=scaling))))
        ax.plot(m, m, label="linear", **plots.THEORY)
        ax.set(title=f"speed-up, {scaling} scaling", xscale="log", yscale="log", xlabel="workers", ylim=(0.3, 1500))
        ax.legend(fontsize=8)
    for k, kind in enumerate(("statistical", "system")):
        _bars(axes[2], efficiencies(records, "weak"), kind, k + 2, kind)
    axes[2].set(title="efficiency, weak scaling", xscale="log", yscale="log", xlabel="workers")
    axes[2].legend(fontsize=8)
    if real:
        _draw_real(axes[3], real, max(pick(records, "cores", scaling="real")))
    return fig


def _draw_real(ax, real, cores):
    _bars(ax, real, "speed-up", 4, "measured")
    ax.plot(PROCESSES, PROCESSES, label="linear", **plots.THEORY)
    ax.axvline(cores, color="grey", linestyle=":", label=f"cores here: {cores}")
    ax.set(title="speed-up, real processes", xlabel="processes", xticks=PROCESSES, xlim=(0.8, 4.2), ylim=(0, 4.2))
    ax.legend(fontsize=8)


def _bars(ax, values, name, k, label):
    mean, error = zip(*(row[name] for row in values.values()))
    ax.errorbar(list(values), mean, yerr=error, capsize=2, marker="o", markersize=3, **plots.series(k, label))


def conclude(records):
    """Where the speed-up ends, and why."""
    weak, strong = efficiencies(records, "weak"), efficiencies(records, "strong")
    ring, most = efficiencies(records, "strong", "ring"), max(weak)
    peak = max(strong, key=lambda m: strong[m]["speed-up"][0])
    ring_peak = max(ring, key=lambda m: ring[m]["speed-up"][0])
    few = sorted(weak)[1]
    lost = {name: 1 / weak[most][name][0] for name in ("statistical", "system")}
    return [
        Conclusion(
            f"Weak scaling begins well: with {few} workers an image is worth at least 0.6 of what it is worth alone",
            weak[few]["statistical"][0], 0.6,
        ),
        Conclusion(
            f"Beyond the critical batch more images buy next to nothing: with {most} workers statistical efficiency "
            "has fallen by a factor of", lost["statistical"], 10.0,
        ),
        Conclusion(
            "That, not the network, ends weak scaling: statistical loss over system loss", lost["statistical"] /
            lost["system"], 2.0,
        ),
        Conclusion(
            "Strong scaling costs no statistics: the smallest statistical efficiency",
            min(row["statistical"][0] for row in strong.values()), 0.8,
        ),
        Conclusion(
            f"It ends where messages outweigh gradients: system efficiency from 1 worker to {most} falls by",
            1 / strong[most]["system"][0], 5.0,
        ),
        Conclusion(
            f"With the ring, whose latency is linear in m, strong scaling peaks at {ring_peak} workers, not {peak}: "
            "the best speed-up is smaller by", strong[peak]["speed-up"][0] / ring[ring_peak]["speed-up"][0], 2.0,
        ),
        *_real_conclusions(_real(records)),
    ]  # fmt: skip


def _real_conclusions(real):
    """What must hold on any machine, however busy: its seconds are shown, and nothing is asserted of them."""
    same = [r["rounds"] == r["simulated_rounds"] for r in real]
    claim = "Real processes need as many rounds as simulated ones: the share of runs in which they do"
    return [Conclusion(claim, float(np.mean(same)), 1.0)] if real else []


STUDY = Study(
    "scalability", "How does performance grow with the number of workers, and where does it end?",
    cells, measure, table, figure, conclude,
)  # fmt: skip
