"""Numbers that take too long to compute while a reader waits: computed once, and kept in kept.json.

    python -m course_lib.explorers.kept

computes them all anew, in a few minutes; a test computes some of them and compares.
"""

import json
from functools import cache, wraps
from itertools import product
from pathlib import Path

import numpy as np

FILE = Path(__file__).with_name("kept.json")
EVERY = {}  # "module.function" -> the function, with its `settings`


def kept(*ranges):
    """Keep what a function returns for these values of its arguments; for others it computes.

    Parameters
    ----------
    *ranges : sequence
        For each argument all the values that controls may give it.

    Returns
    -------
    decorator
        Of a function of numbers and words that returns an array-like of numbers; it then returns an array.
    """

    def decorate(compute):
        name = f"{compute.__module__.rpartition('.')[2]}.{compute.__name__}"

        @cache
        @wraps(compute)
        def look_up(*values):
            found = _file().get(name, {}).get(key(values))
            return np.array(compute(*values) if found is None else found, float)

        look_up.settings, look_up.compute = list(product(*ranges)), compute
        EVERY[name] = look_up
        return look_up

    return decorate


def key(values):
    """The values as the file names them: 1 and 1.0 are the same."""
    return ", ".join(value if isinstance(value, str) else f"{value:g}" for value in values)


@cache
def _file():
    return json.loads(FILE.read_text(encoding="utf-8")) if FILE.exists() else {}


def compute_anew():
    """Compute all that is kept, and write the file: a line for each setting."""
    parts = []
    for name, function in sorted(EVERY.items()):
        rows = (f'  "{key(values)}": {_written(function.compute(*values))}' for values in function.settings)
        parts.append(f'"{name}": {{\n' + ",\n".join(rows) + "\n}")
    FILE.write_text("{\n" + ",\n".join(parts) + "\n}\n", encoding="utf-8")


def _written(values):
    """Twelve digits, and whole numbers as such."""
    if np.ndim(values):
        return f"[{', '.join(map(_written, values))}]"
    return "Infinity" if np.isinf(values) else f"{values:.12g}"


if __name__ == "__main__":
    from course_lib.explorers import catalogue
    from course_lib.explorers.kept import compute_anew

    catalogue()
    compute_anew()
