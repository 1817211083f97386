"""Study 2: bandwidth against convergence. Which family of methods is first, on which network?

Digits on 16 workers whose data differ (Dirichlet shares). How many steps a method needs does not depend on the network:
this is measured once for each setting, with its best step size. What a step costs on a network is measured on the
simulated cluster. Both together give the time to the target on a grid of latency and bandwidth, and the first there.
"""

from functools import cache

import numpy as np

from course_lib import compressors, plots, topology
from course_lib.clusters import Link, SimulatedCluster
from course_lib.methods import adapt_then_combine, async_sgd, error_feedback_sgd, local_sgd, sync_sgd
from course_lib.studies.base import Conclusion, Study, pick, plus_minus, spread, with_error
from course_lib.studies.digits import best_loss, digits, pace, steps_to

WORKERS, ALPHA, BATCH, COMPUTE = 16, 0.3, 16, 1e-3
TARGET = 0.05  # training loss above the optimum
STEPS = np.reshape([0.1, 0.2, 0.4, 0.8, 1.6], (-1, 1, 1))
FAMILIES = {
    "sync": [0],
    "compressed": [65, 13, 4],  # numbers sent of 650, with error feedback
    "local": [2, 8, 32],  # local steps
    "async": [0],
    "decentralised": ["ring", "exponential"],  # graphs
}
LABELS = {
    "sync": "sync SGD",
    "compressed": "error feedback, top-k",
    "local": "local SGD",
    "async": "async SGD",
    "decentralised": "decentralised SGD",
}


def cells(quick):
    """Every setting of every family, some seeds."""
    networks = (7, 7) if quick else (13, 13)
    return [
        {"family": family, "option": option, "seed": seed, "grid": list(networks)}
        for family, options in FAMILIES.items()
        for option in options
        for seed in range(2 if quick else 10)
    ]


def networks(grid):
    """Latencies, slow to quick, and bandwidths, narrow to wide, of the map."""
    return np.geomspace(1, 1e-6, grid[0]), np.geomspace(1e4, 1e10, grid[1])


def measure(family, option, seed, grid):
    """Steps to the target, and the seconds of a step on each network: a list of lists."""
    problem = digits(WORKERS, ALPHA)
    method, arguments = how(family, option)
    gradients = WORKERS if family == "async" else 1  # in the time of a round; each moves the model by itself
    runs = method(cluster(problem, family, seed), STEPS / gradients, *arguments)
    steps = steps_to(runs, problem, best_loss() + TARGET, 400 * gradients, max(gradients // 4, 1))
    return {"steps": steps, "seconds": paces(family, option, *grid)}


@cache
def paces(family, option, rows, columns):
    """Seconds of a step on every network."""
    latencies, bandwidths = networks((rows, columns))
    return [[_pace(family, option, Link(a, b)) for b in bandwidths] for a in latencies]


def how(family, option):
    """The method, and its arguments after the step size."""
    if family == "compressed":
        return error_feedback_sgd, (compressors.TopK(option),)
    if family == "local":
        return local_sgd, (option,)
    if family == "decentralised":
        graph = getattr(topology, option)(WORKERS)
        return adapt_then_combine, (topology.metropolis(graph, digits(WORKERS, ALPHA).weights),)
    return {"sync": sync_sgd, "async": async_sgd}[family], ()


def cluster(problem, family, seed, link=None):
    """All machines alike; a server's port is busy while it receives."""
    link = link or Link()
    service = link.seconds(8 * problem.d) - link.latency if family == "async" else 0.0
    return SimulatedCluster(
        problem, seed, COMPUTE, link, batch_size=BATCH, all_reduce="halving_doubling", service=service
    )


def _pace(family, option, link):
    method, arguments = how(family, option)
    count = WORKERS if family == "async" else 1
    machines = cluster(digits(WORKERS, ALPHA), family, 0, link)
    return pace(method, machines, 1e-3, *arguments, steps=count, warm=count)


def times(records, link=None):
    """Seconds to the target of each family with its best setting there: mean and error, and the setting.

    Parameters
    ----------
    records : list of dict
    link : (int, int), optional
        Place in the grid; the whole map if left out.

    Returns
    -------
    dict of str to (mean, error, option)
        Arrays of the grid's shape.
    """
    out = {}
    for family, options in FAMILIES.items():
        means, errors = [], []
        for option in options:
            own = pick(records, family=family, option=option)
            mean, error = spread([r["steps"] for r in own])
            a_step = np.array(own[0]["seconds"])
            means.append(mean * a_step)
            errors.append(error * a_step)
        best = np.argmin(means, axis=0)
        choose = np.take_along_axis
        mean, error = (choose(np.array(v), best[None], 0)[0] for v in (means, errors))
        out[family] = mean, error, np.array(options)[best]
    return out


def winners(records):
    """Place in `FAMILIES` of the first at the target, on the grid; and by which factor the second is later."""
    every = np.array([mean for mean, _, _ in times(records).values()])
    ordered = np.sort(every, axis=0)
    return every.argmin(0), ordered[1] / ordered[0]


def places(records):
    """Rows of the table: named networks and where they lie in the grid."""
    rows, columns = records[0]["grid"]
    return {
        "machines in a rack (1 µs, 10 GB/s)": (rows - 1, columns - 1),
        "data centre (100 µs, 1 GB/s)": (rows * 2 // 3, columns * 5 // 6),
        "homes (10 ms, 1 MB/s)": (rows // 3, columns // 3),
        "a slow radio link (1 s, 10 kB/s)": (0, 0),
    }


def table(records):
    """Seconds to the target of each family on four networks."""
    every = times(records)
    rows = []
    for name, (i, j) in places(records).items():
        row = [name]
        for mean, error, option in every.values():
            setting = f" ({option[i, j]})" if option[i, j] else ""
            row.append(f"{with_error(mean[i, j], error[i, j], 3)} s{setting}")
        rows.append(row)
    steps = ["steps (best setting)"]
    for family, options in FAMILIES.items():
        found = [pick(records, "steps", family=family, option=o) for o in options]
        steps.append(plus_minus(min(found, key=np.mean)))
    return [["network", *(LABELS[f] for f in FAMILIES)], steps, *rows]


def figure(records):
    """The map of winners, and time against bandwidth at a latency of a data centre."""
    fig, (ax, cut) = plots.figure(columns=2, width=4.6, height=3.4)
    first, lead = winners(records)
    latencies, bandwidths = networks(records[0]["grid"])
    for k, family in enumerate(FAMILIES):
        i, j = np.nonzero(first == k)
        sure = np.clip(np.log2(lead[i, j]), 0.25, 2)
        look = plots.series(k, LABELS[family])
        ax.scatter(
            bandwidths[j], latencies[i], s=90 * sure, marker="sDo^v"[k], color=look["color"], label=look["label"]
        )
    ax.set(title="first at the target (larger: by more)", xlabel="bandwidth, bytes a second", ylabel="latency, seconds")
    ax.set(xscale="log", yscale="log")
    marks = ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.17), ncols=3, fontsize=7)
    for mark in marks.legend_handles:
        mark.set_sizes([40])
    middle = places(records)["data centre (100 µs, 1 GB/s)"][0]
    for k, (family, (mean, error, _)) in enumerate(times(records).items()):
        cut.errorbar(bandwidths, mean[middle], yerr=error[middle], capsize=2, **plots.series(k, LABELS[family]))
    cut.set(title=f"time to the target, latency {1e6 * latencies[middle]:,.0f} µs", xlabel="bandwidth, bytes a second")
    cut.set(xscale="log", yscale="log", ylabel="seconds")
    cut.legend(fontsize=7)
    return fig


def conclude(records):
    """Who wins where."""
    every, (first, lead) = times(records), winners(records)
    slow, rack = places(records)["a slow radio link (1 s, 10 kB/s)"], (-1, -1)
    leads = sorted((lead[first == k].max() for k in set(first.ravel().tolist())), reverse=True)
    local = every["local"][2]
    narrow, latent = (-1, 0), (0, -1)
    return [
        Conclusion(
            "The network decides: each of three families is first somewhere, ahead of the second by a factor of",
            leads[2] if len(leads) > 2 else 1.0, 1.1,
        ),
        Conclusion(
            "On a slow link talking less often wins: sync SGD takes longer than local SGD by a factor of",
            every["sync"][0][slow] / every["local"][0][slow], 2.0,
        ),
        Conclusion(
            "The best number of local steps grows with the price of a message: slow link over rack",
            local[slow] / local[rack], 4.0,
        ),
        Conclusion(
            "Compression is for narrow links, not for slow ones: its gain over sync SGD where bytes are all, over its "
            "gain where latency is all",
            (every["sync"][0] / every["compressed"][0])[narrow] / (every["sync"][0] / every["compressed"][0])[latent],
            2.0,
        ),
        Conclusion(
            "From the best network to the worst, sync SGD becomes slower by a factor of",
            every["sync"][0][slow] / every["sync"][0][rack], 1000.0,
        ),
    ]  # fmt: skip


STUDY = Study(
    "communication", "Which family of methods is first at the target, on which network?",
    cells, measure, table, figure, conclude,
)  # fmt: skip
