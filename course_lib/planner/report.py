"""A plan in words: a table, the bottleneck, and what to change first."""

from course_lib import costs
from course_lib.experiment import as_html
from course_lib.planner.job import ASSUMPTIONS

BECAUSE = {
    "compute": "computing gradients",
    "waiting": "waiting for slow machines",
    "latency": "the latency of messages",
    "bandwidth": "the bytes of messages",
    "server": "the server's port",
}
LABELS = {
    "sync": "sync SGD",
    "compressed": "compressed SGD",
    "local": "local SGD",
    "async": "async SGD",
    "decentralised": "decentralised SGD",
}
UNITS = ((86400 * 365.25, "years"), (86400, "days"), (3600, "h"), (60, "min"), (1, "s"), (1e-3, "ms"), (1e-6, "µs"))


def duration(seconds):
    """A time in words, two digits: "3.5 h".

    >>> duration(12600), duration(0.00021), duration(float("inf"))
    ('3.5 h', '210 µs', 'never')
    """
    if seconds == float("inf"):
        return "never"
    size, unit = next((u for u in UNITS if seconds >= 0.9995 * u[0]), UNITS[-1])
    return f"{float(f'{seconds / size:.2g}'):,.3g} {unit}"


def tables(plan):
    """Two tables, each with its head first: of all-reduces, and of families, the quickest first."""
    wires = sorted(plan.all_reduce.items(), key=lambda item: item[1])
    reduces = [["one all-reduce", "takes"], *([costs.NAMES[name], duration(time)] for name, time in wires)]
    families = [["method", "setting", "rounds", "a round", "to the target", "mostly"]]
    for f in sorted(plan.families.values(), key=lambda f: f.seconds):
        rounds = f"{float(f'{f.rounds:.3g}'):,.0f}" if f.rounds < float("inf") else "-"
        mostly = BECAUSE[max(f.parts, key=f.parts.get)]
        families.append([LABELS[f.family], f.setting, rounds, duration(f.round), duration(f.seconds), mostly])
    return reduces, families


def verdict(plan):
    """Two or three sentences: which method, what holds it up, what to change first."""
    if plan.best is None:
        return "With a constant step no method gets there: workers disagree too much. Ask for less, or mix the data."
    best, share = plan.best, plan.best.parts[plan.bottleneck] / plan.best.round
    first = f"First at the target is {LABELS[best.family]} ({best.setting}), after {duration(best.seconds)}."
    second = f"{100 * share:.0f} % of its time goes into {BECAUSE[plan.bottleneck]}."
    if plan.advice is None:
        return f"{first} {second} No single change gains a tenth."
    change, gain = plan.advice
    return f"{first} {second} Change first: {change}; then it takes {duration(best.seconds / gain)}."


def text(plan):
    """All of it as plain text, with the assumptions."""
    job = plan.job
    head = (
        f"{job.workers:,} workers, {job.d:,} parameters ({job.size / 1e6:,.3g} MB a message), "
        f"links of {duration(job.latency) if job.latency else '0 s'} and {job.bandwidth / 1e9:.3g} GB/s"
    )
    blocks = ["\n".join(_aligned(table)) for table in tables(plan)]
    assumed = "\n".join(f"- {line}" for line in ASSUMPTIONS)
    return "\n\n".join([head, *blocks, verdict(plan), f"What the planner takes for granted:\n{assumed}"])


def html(plan):
    """The tables and the verdict, for a notebook page."""
    return "".join(map(as_html, tables(plan))) + f"<p>{verdict(plan)}</p>"


def _aligned(table):
    widths = [max(map(len, column)) for column in zip(*table)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in table]
