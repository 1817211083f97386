"""Compare two results of `make bench`, and name what has become slower by more than a fifth.

    python tests/benchmarks/compare.py before.json after.json

Figures are ratios measured within one run, so that results of two machines can be compared as well. It ends with
exit code 1 if something has become slower.
"""

import json
import sys

WORSE = 1.2


def figures(path):
    """What was measured, by name."""
    with open(path, encoding="utf-8") as file:
        entries = json.load(file)["benchmarks"]
    return {note["name"]: note for entry in entries for note in entry["extra_info"].get("figures", [])}


def regressions(before, after):
    """Lines on all figures that both have, and the names of those that are worse."""
    lines, worse = [], []
    for name in sorted(before.keys() & after.keys()):
        old, new = before[name]["value"], after[name]["value"]
        factor = old / new if before[name]["unit"] == "MB/s" else new / old  # more bytes a second are better
        if factor > WORSE:
            worse.append(name)
        lines.append(f"{name:64}{old:10.2f}{new:10.2f}{factor:8.2f}" + ("   SLOWER" if factor > WORSE else ""))
    return lines, worse


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    lines, worse = regressions(*map(figures, sys.argv[1:]))
    print(f"{'':64}{'before':>10}{'after':>10}{'factor':>8}", *lines, sep="\n")
    sys.exit(bool(worse))
