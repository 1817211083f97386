"""Study 3: every compressor, plain and with a memory: bytes to the target.

Digits on 8 workers whose data differ (Dirichlet shares). Each scheme runs with its best step size, once as it is
(compressed SGD) and once with a memory: error feedback, or, for unbiased compressors of large variance, which error
feedback does not suit, DIANA's shifts. Bytes are those of the messages, all workers together.
"""

import numpy as np

from course_lib import compressors as library
from course_lib import plots
from course_lib.clusters import SimulatedCluster
from course_lib.experiment import run, sweep
from course_lib.methods import compressed_sgd, diana, error_feedback_sgd, power_sgd
from course_lib.studies.base import Conclusion, Study, pick, plus_minus, spread
from course_lib.studies.digits import best_loss, digits

WORKERS, ALPHA, BATCH = 8, 0.3, 32
TARGET = 0.1  # training loss above the optimum
STEPS = [0.8, 1.6]
SCHEMES = {
    "Float32": (),
    "TopK": (13,),
    "RandomK": (65,),
    "RandomSparsifier": (0.1,),
    "Uniform": (0.01,),
    "Stochastic": (0.01,),
    "QSGD": (4,),
    "TernGrad": (),
    "Natural": (),
    "OneBit": (10,),
    "ScaledSign": (),
    "PowerSGD": (2, 10),
}


def cells(quick):
    """Every scheme, plain and with a memory, some seeds."""
    return [
        {"scheme": scheme, "memory": memory, "seed": seed, "rounds": 80 if quick else 320}
        for scheme in SCHEMES
        for memory in (False, True)
        for seed in range(2 if quick else 10)
    ]


def measure(scheme, memory, seed, rounds):
    """Bytes and rounds to the target with the best step size, and the loss above the optimum at the end."""
    compressor = getattr(library, scheme)(*SCHEMES[scheme])
    machines = SimulatedCluster(digits(WORKERS, ALPHA), seed, batch_size=BATCH)
    target = best_loss() + TARGET
    tuned = sweep(lambda eta: run(how(machines, eta, compressor, memory), rounds, 5, quiet=True), STEPS)
    best = min(tuned, key=lambda eta: (tuned[eta].first("loss", target), np.nan_to_num(tuned[eta].loss[-1], nan=1e9)))
    history = run(how(machines, best, compressor, memory), rounds, 2, quiet=True)  # alone: its own bytes
    return {
        "step_size": best,
        "bytes": history.first("loss", target, "bytes"),
        "steps": history.first("loss", target),
        "gap": float(np.nan_to_num(history.loss[-1] - best_loss(), nan=np.inf)),
        "a_round": float(history.bytes[-1] / history.rounds[-1]),
        "cure": how(machines, best, compressor, memory).__name__,
    }


def how(machines, step_size, compressor, memory):
    """The method: plain, or with the memory that suits the compressor."""
    if not memory:
        return compressed_sgd(machines, step_size, compressor)
    if isinstance(compressor, library.PowerSGD):
        return power_sgd(machines, step_size, compressor.rank, compressor.columns)
    omega = compressor.omega(machines.d)
    if omega is not None and omega >= 1:
        return diana(machines, step_size, compressor)
    return error_feedback_sgd(machines, step_size, compressor)


def _name(scheme):
    return f"{scheme}({', '.join(map(str, SCHEMES[scheme]))})"


def gain(records, scheme, memory):
    """How many times fewer bytes than single precision, mean over seeds: 0 if a seed does not get there."""
    dense, own = (
        spread(pick(records, "bytes", scheme=s, memory=m))[0] for s, m in (("Float32", False), (scheme, memory))
    )
    return dense / own


def table(records):
    """Rows: scheme, bytes a round; rounds and megabytes to the target, plain and with a memory."""
    head = ["scheme", "bytes a round", "plain: rounds", "MB", "memory", "rounds", "MB", "fewer bytes than Float32"]
    rows = []
    for scheme in SCHEMES:
        plain, cured = (pick(records, scheme=scheme, memory=m) for m in (False, True))
        row = [_name(scheme), f"{np.mean(pick(plain, 'a_round')):,.0f}"]
        row += [plus_minus(pick(plain, "steps")), plus_minus(pick(plain, "bytes"), 1e6)]
        row += [plots.LABELS[cured[0]["cure"]]]
        row += [plus_minus(pick(cured, "steps")), plus_minus(pick(cured, "bytes"), 1e6)]
        best = max(gain(records, scheme, memory) for memory in (False, True))
        rows.append([*row, f"{best:.2g} ×" if best else "-"])
    return [head, *rows]


def figure(records):
    """Megabytes to the target, plain and with a memory; hollow at the edge: never."""
    fig, ax = plots.figure(width=6.4, height=3.6)
    edge = 2 * max(b for b in pick(records, "bytes") if np.isfinite(b)) / 1e6
    for k, (memory, label) in enumerate(((False, "plain"), (True, "with a memory"))):
        found = [spread(pick(records, "bytes", scheme=s, memory=memory)) for s in SCHEMES]
        mean, error = (np.array(v) / 1e6 for v in zip(*found))
        at, there = np.arange(len(SCHEMES)) + (k - 0.5) * 0.25, np.isfinite(mean)
        look = {"color": plots.COLORS[k], "marker": "os"[k], "linestyle": "none"}
        ax.errorbar(mean[there], at[there], xerr=error[there], label=label, capsize=2, **look)
        ax.plot(np.full((~there).sum(), edge), at[~there], **look, markerfacecolor="white")
    ax.set(yticks=range(len(SCHEMES)), yticklabels=map(_name, SCHEMES), xscale="log", ylim=(len(SCHEMES) - 0.5, -0.5))
    ax.set(title="megabytes to the target (hollow, on the right: never)", xlabel="MB sent by all workers")
    ax.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    return fig


def conclude(records):
    """What saves bytes, and what a memory is for."""

    def mean(name, scheme, memory):
        return spread(pick(records, name, scheme=scheme, memory=memory))[0]

    def steps(scheme, memory):
        return mean("steps", scheme, memory)

    best = max(((gain(records, s, m), s, m) for s in SCHEMES for m in (False, True)), key=lambda item: item[0])
    where = " with a memory" if best[2] else ""
    top = SCHEMES["TopK"][0]
    return [
        Conclusion(f"{_name(best[1])}{where} is the thriftiest: fewer bytes than Float32 by a factor of", best[0], 10),
        Conclusion(
            f"With a memory, sending {top} numbers of 650 needs hardly more rounds than sending all: rounds of Float32 "
            "over its rounds", steps("Float32", False) / steps("TopK", True), 0.5,
        ),
        Conclusion(
            "Without it the same compressor needs more rounds (or never arrives): its rounds, plain over with memory",
            steps("TopK", False) / steps("TopK", True), 1.5,
        ),
        Conclusion(
            "A memory mends one-bit messages: rounds of ScaledSign, plain over with memory",
            steps("ScaledSign", False) / steps("ScaledSign", True), 1.2,
        ),
        Conclusion(
            "Random sparsification saves less than top-k by a factor of",
            min(mean("bytes", "RandomK", m) for m in (False, True)) / mean("bytes", "TopK", True), 2.0,
        ),
        Conclusion(
            "What is unbiased and mild needs no memory: rounds of Natural, with memory over plain",
            steps("Natural", True) / steps("Natural", False), 0.7,
        ),
    ]  # fmt: skip


STUDY = Study(
    "compression", "How many bytes does each compressor need to the target, with and without a memory?",
    cells, measure, table, figure, conclude,
)  # fmt: skip
