"""Study 4: performance under stragglers, crashes and Byzantine workers, by rate and by cure.

Digits on 16 workers with the same kind of data. Slow and dead machines cost time: seconds to a target. Lies cost the
result: accuracy on images never seen, after a fixed number of rounds. Every run has the best of its step sizes.
"""

import numpy as np

from course_lib import aggregators, attacks, plots
from course_lib.clusters import SimulatedCluster
from course_lib.clusters.faults import Byzantine, Crashes
from course_lib.clusters.timing import Constant, Exponential, ShiftedExponential
from course_lib.methods import async_sgd, backup_sgd, elastic_sgd, robust_sgd, sync_sgd
from course_lib.studies.base import Conclusion, Study, pick, plus_minus, spread
from course_lib.studies.digits import best_loss, digits, steps_to

WORKERS, BATCH, COMPUTE, REPAIR, BACKUPS = 16, 8, 1e-3, 0.05, 4
TARGET = 0.1  # training loss above the optimum
STEPS = np.reshape([0.2, 0.4, 0.8], (-1, 1, 1))
CURES = {
    "stragglers": ["sync", "backup", "async"],
    "crashes": ["sync", "elastic", "async"],
    "sign flip": ["Mean", "CoordinateMedian", "TrimmedMean", "Krum", "GeometricMedian", "CenteredClipping"],
    "inner product": ["Mean", "CoordinateMedian", "TrimmedMean", "Krum", "GeometricMedian", "CenteredClipping"],
}
#: Share of a gradient's time that is memoryless; crashes a second of computing; liars among 16.
RATES = {
    "stragglers": [0.0, 0.25, 0.5, 1.0],
    "crashes": [0.0, 3.0, 10.0, 30.0],
    "sign flip": [0, 1, 3, 5, 7],
    "inner product": [0, 1, 3, 5, 7],
}
QUICK = {
    "stragglers": [0.0, 0.5, 1.0],
    "crashes": [0.0, 3.0, 30.0],
    "sign flip": [0, 3, 7],
    "inner product": [3, 7],
}
LABELS = {
    "sync": "no cure (sync SGD)",
    "backup": f"{BACKUPS} backup workers",
    "async": "no barrier (async SGD)",
    "elastic": "go on without the dead",
    "Mean": "mean",
    "CoordinateMedian": "coordinate median",
    "TrimmedMean": "trimmed mean",
    "GeometricMedian": "geometric median",
    "CenteredClipping": "centred clipping",
}


def cells(quick):
    """Every fault, rate and cure, some seeds."""
    return [
        {"fault": fault, "rate": rate, "cure": cure, "seed": seed}
        for fault, rates in (QUICK if quick else RATES).items()
        for rate in rates
        for cure in CURES[fault]
        for seed in range(2 if quick else 10)
    ]


def measure(fault, rate, cure, seed):
    """Seconds to the target, or what share of the test images is read rightly after 60 rounds."""
    if fault in ("stragglers", "crashes"):
        return {"seconds": _seconds(fault, rate, cure, seed)}
    return {"accuracy": _accuracy(fault, rate, cure, seed)}


def _seconds(fault, rate, cure, seed):
    compute, faults = Constant(COMPUTE), ()
    if fault == "stragglers" and rate:
        compute = ShiftedExponential((1 - rate) * COMPUTE, rate * COMPUTE) if rate < 1 else Exponential(COMPUTE)
    if fault == "crashes" and rate:
        faults = (Crashes(rate, REPAIR),)
    problem = digits(WORKERS)
    cluster = SimulatedCluster(problem, seed, compute, batch_size=BATCH, faults=faults, all_reduce="halving_doubling")
    gradients = WORKERS if cure == "async" else 1
    method = {
        "sync": lambda eta: sync_sgd(cluster, eta),
        "backup": lambda eta: backup_sgd(cluster, eta, BACKUPS),
        "elastic": lambda eta: elastic_sgd(cluster, eta),
        "async": lambda eta: async_sgd(cluster, eta),
    }[cure]
    steps = steps_to(method(STEPS / gradients), problem, best_loss() + TARGET, 400 * gradients, max(gradients // 4, 1))
    return cluster.seconds if np.isfinite(steps) else np.inf


def _accuracy(fault, liars, rule, seed, rounds=60):
    attack = attacks.SignFlip(3.0) if fault == "sign flip" else attacks.InnerProduct(0.5)
    problem = digits(WORKERS, weights="equal")
    faults = (Byzantine(liars, attack),) if liars else ()
    cluster = SimulatedCluster(problem, seed, batch_size=BATCH, faults=faults)
    parameters = {
        "TrimmedMean": (liars,),
        "Krum": (min(liars, 6),),
        "CenteredClipping": (1.0,),
        "GeometricMedian": (1e-3,),
    }
    combine = getattr(aggregators, rule)(*parameters.get(rule, ()))
    with np.errstate(over="ignore", invalid="ignore"):
        for _, (x, *_) in zip(range(rounds + 1), robust_sgd(cluster, STEPS, combine, momentum=0.9)):
            models = x
    return float(problem.accuracy(np.nan_to_num(models)).max())


def table(records):
    """Rows: fault and rate; a column for each cure."""
    rows = []
    for fault in CURES:
        timed = fault in ("stragglers", "crashes")
        rows.append([f"{fault}: {'seconds' if timed else 'accuracy, %'}", *(LABELS.get(c, c) for c in CURES[fault])])
        for rate in sorted(set(pick(records, "rate", fault=fault))):
            runs = [pick(records, fault=fault, rate=rate, cure=c) for c in CURES[fault]]
            name, scale = ("seconds", 1.0) if timed else ("accuracy", 0.01)
            rows.append([_rate(fault, rate), *(plus_minus(pick(r, name), scale, 3) for r in runs)])
    width = max(map(len, rows))
    return [["", *[""] * (width - 1)], *(row + [""] * (width - len(row)) for row in rows)]


def _rate(fault, rate):
    words = {"stragglers": "{:g} of the time at random", "crashes": "{:g} crashes a second"}
    return words.get(fault, "{:g} liars of 16").format(rate)


def figure(records):
    """Four panels: each cure against the rate of each fault."""
    fig, axes = plots.figure(columns=4, width=3.2, height=3.0)
    for ax, fault in zip(axes, CURES):
        timed = fault in ("stragglers", "crashes")
        for k, cure in enumerate(CURES[fault]):
            rates = sorted(set(pick(records, "rate", fault=fault)))
            found = [
                spread(pick(records, "seconds" if timed else "accuracy", fault=fault, rate=r, cure=cure)) for r in rates
            ]
            mean, error = zip(*found)
            ax.errorbar(rates, mean, yerr=error, capsize=2, **plots.series(k, LABELS.get(cure, cure)))
        ax.set(
            title=f"{fault}: {'seconds to the target' if timed else 'accuracy'}", ylim=(0, None) if timed else (0, 1)
        )
        ax.legend(fontsize=7)
    for ax, name in zip(axes, ("share of time at random", "crashes a second", "liars of 16", "liars of 16")):
        ax.set_xlabel(name)
    return fig


def conclude(records):
    """What each fault costs, and what each cure saves."""

    def value(fault, rate, cure, name="seconds"):
        return spread(pick(records, name, fault=fault, rate=rate, cure=cure))[0]

    def read(fault, rate, cure):
        return value(fault, rate, cure, "accuracy")

    robust = [rule for rule in CURES["inner product"] if rule != "Mean"]
    return [
        Conclusion(
            "Memoryless compute times make sync SGD slower by a factor of",
            value("stragglers", 1.0, "sync") / value("stragglers", 0.0, "sync"), 1.5,
        ),
        Conclusion(
            f"{BACKUPS} backup workers win time back: sync SGD's over theirs",
            value("stragglers", 1.0, "sync") / value("stragglers", 1.0, "backup"), 1.2,
        ),
        Conclusion(
            "Waiting for repairs costs more than going on without the dead, by a factor of",
            value("crashes", 30.0, "sync") / value("crashes", 30.0, "elastic"), 2.0,
        ),
        Conclusion(
            "Three liars of 16 ruin the mean: the best robust rule's accuracy over the mean's, signs flipped",
            max(read("sign flip", 3, rule) for rule in robust) / read("sign flip", 3, "Mean"), 1.1,
        ),
        Conclusion(
            "Robust rules hold while liars are few: their best accuracy with 3 liars over the mean's with none",
            max(read("sign flip", 3, rule) for rule in robust) / read("sign flip", 0, "Mean"), 0.95,
        ),
        Conclusion(
            "No rule is best against every attack. Against flipped signs Krum does better than the mean, 7 liars",
            read("sign flip", 7, "Krum") / read("sign flip", 7, "Mean"), 1.5,
        ),
        Conclusion(
            "... and against lies that hide near zero the mean does better than Krum, 7 liars",
            read("inner product", 7, "Mean") / read("inner product", 7, "Krum"), 1.5,
        ),
    ]  # fmt: skip


STUDY = Study(
    "faults", "What do slow, dead and lying machines cost, and what does each cure save?",
    cells, measure, table, figure, conclude,
)  # fmt: skip
