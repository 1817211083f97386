"""Turn a result of `make bench` into the page that is kept: a table, a picture, and the machine.

python tests/benchmarks/report.py build/benchmarks.json
"""

import json
import sys
from pathlib import Path

from compare import figures

from course_lib import plots

HERE = Path(__file__).parent


REASONS = """## Where an aim is missed, and why

Found with a profiler; seconds are those of the machine above.

- **One round at m = 16, n = 100, d = 50.** Its two products take 20 µs. Around them stand some twenty array operations
  and a few entries in the books, each at what a call of NumPy or Python costs: residuals, weights and shapes 6 µs, the
  all-reduce with its bill, clocks and mean 2, the step and the rest 2; 30 in all. A record takes some 35 µs; its
  gradients serve the next step of methods with a common model. Decentralised methods mix besides, and their records
  average the models. Nothing of this grows with the problem: see m = 1000. (On a machine with slower, smaller caches
  sync SGD took 1.9 to 2.1 times the products.)
- **DSGD and tracking at m = 1000, n = 10, d = 1000.** With ten rows a worker a model is as large as a tenth of its
  data. The products of a round take 10 ms; mixing on a ring reads three models for each that it writes, 5 ms, the step
  passes over three, 5 ms; tracking has two of each. In place it would be less, and the source would no longer read like
  its pseudo-code.
- **FedAvg and SCAFFOLD.** As in the first line, and a model for each worker instead of one for all; SCAFFOLD has a
  correction in each local step.
- **Bytes of Uniform, Stochastic and QSGD.** Elias's code gives each number as many bits as it needs, so that where one
  begins is known only when the one before was read. In the simulator these bits are counted, not written.
- **Keys and drags.** 95th percentile of keys 70, 72 and 85 ms, longest end of a drag 116, 121 and 143 in three runs on
  this machine; 84 to 102 and 132 to 188 on a slower one, so there not always within the aims. In the median a key takes
  50 ms here, of which function, drawing and encoding take 2 to 15; the rest are messages through Jupyter's server, and
  the browser's.
- **MPI.** Four ranks on two cores wait for each other's turns: a mean of 10,000 numbers once took 1.31 times as long.
- **Lecture 10** starts four processes twice; half of its seconds are theirs.
"""


def picture(notes):
    """Bars of all figures that are ratios, with a mark at each aim."""
    ratios = [note for note in notes if note["unit"] == "times"]
    fig, ax = plots.figure(width=7.5, height=0.22 * len(ratios) + 1)
    places = range(len(ratios), 0, -1)
    ax.barh(places, [note["value"] for note in ratios], height=0.6, color=plots.series(0, "")["color"])
    for place, note in zip(places, ratios, strict=True):
        if note["aim"]:
            ax.plot([note["aim"]] * 2, [place - 0.4, place + 0.4], color="black")
    ax.set(xscale="log", yticks=places, xlabel="times as long as the yardstick (black: the aim)")
    ax.set_yticklabels([note["name"] for note in ratios], fontsize=7)
    ax.axvline(1, **plots.THEORY)
    return fig


def page(notes, machine):
    """The page in Markdown."""
    rows = [
        f"| {note['name']} | {note['value']:z.2f} {note['unit']} | {'' if note['aim'] is None else note['aim']} |"
        for note in notes
    ]
    told = ", ".join(f"{what} {value}" for what, value in machine.items())
    return "\n".join([
        "# Benchmarks", "",
        "`make bench` measures, `python tests/benchmarks/report.py build/benchmarks.json` makes this page, and",
        "`python tests/benchmarks/compare.py before.json after.json` names what has become slower.", "",
        f"Measured on: {told}.", "",
        "![All ratios](ratios.png)", "",
        "| what | measured | aim |", "|---|---|---|", *rows, "", REASONS,
    ])  # fmt: skip


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    notes = list(figures(sys.argv[1]).values())
    with open(sys.argv[1], encoding="utf-8") as file:
        machine = json.load(file)["machine_info"]
    picture(notes).savefig(HERE / "ratios.png", dpi=100, bbox_inches="tight")
    (HERE / "README.md").write_text(page(notes, machine), encoding="utf-8")
