"""A study: a grid of runs, kept on disk one by one, then a table, a figure and conclusions computed from them."""

import csv
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path

import numpy as np
from tqdm.auto import tqdm

from course_lib.checkpoints import user_cache
from course_lib.errors import CourseError
from course_lib.experiment import as_html

LIBRARY = Path(__file__).parents[1]
#: What a measurement depends on: another version of any of it does not use what is kept.
COMPUTES = (
    "aggregators", "attacks.py", "clusters", "compressors", "costs.py", "data.py", "experiment.py", "methods",
    "problems", "studies/digits.py", "studies/ranks.py", "topology",
)  # fmt: skip


@dataclass(frozen=True)
class Conclusion:
    """A sentence, the number that it rests on, and the least value with which it is asserted.

    Attributes
    ----------
    claim : str
    measured, least : float
    """

    claim: str
    measured: float
    least: float

    @property
    def holds(self):
        """Whether the measurement bears it out, with the margin."""
        return bool(self.measured >= self.least)

    def __str__(self):
        verdict = "holds" if self.holds else "DOES NOT HOLD"
        measured, least = _short(self.measured, 3), _short(self.least, 3)
        return f"{self.claim}: {verdict} (measured {measured}, asserted from {least} on)"


class Conclusions(list):
    """A list of Conclusion that a notebook shows as one."""

    def __repr__(self):
        return "\n".join(map(str, self))

    def _repr_markdown_(self):
        return "\n".join(f"- {conclusion}" for conclusion in self)


@dataclass(frozen=True)
class Study:
    """A grid of measurements and what is made of them.

    Attributes
    ----------
    name, question : str
    cells : callable
        quick -> list of dict: the settings of each run, plain numbers and words, the seed among them.
    measure : callable
        Settings -> dict of numbers, words and lists. It depends on its arguments alone.
    table : callable
        Records -> rows, the head first.
    figure : callable
        Records -> Figure.
    conclude : callable
        Records -> list of Conclusion.
    """

    name: str
    question: str
    cells: Callable
    measure: Callable
    table: Callable
    figure: Callable
    conclude: Callable

    def run(self, quick=False, cache=None, quiet=False):
        """Measure what is not yet kept; an interrupt loses the one run that it breaks off.

        Parameters
        ----------
        quick : bool
            The quick form: fewer seeds and settings.
        cache : path, optional
            Folder in which runs are kept; below the user's cache folder if left out.
        quiet : bool
            No progress bar.

        Returns
        -------
        Results
        """
        folder = Path(cache or user_cache() / "studies") / self.name
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise CourseError(f"runs cannot be kept in {folder}: {error.strerror}; give a cache") from None
        cells = self.cells(quick)
        silent = quiet or "TQDM_DISABLE" in os.environ
        records = [self._kept(folder, cell) for cell in tqdm(cells, self.name, unit="run", delay=2, disable=silent)]
        return Results(self, records)

    def _kept(self, folder, cell):
        key = json.dumps([version(self.measure.__module__), cell], sort_keys=True)
        file = folder / f"{sha256(key.encode()).hexdigest()[:24]}.json"
        if not file.exists():
            record = cell | self.measure(**cell)
            draft = file.with_suffix(f".{os.getpid()}")
            draft.write_text(json.dumps(record))
            draft.replace(file)  # whole or not at all
        return json.loads(file.read_text())


class Results:
    """The records of a study, with what it makes of them.

    Attributes
    ----------
    study : Study
    records : list of dict
        Settings and measurements of each run.
    """

    def __init__(self, study, records):
        self.study, self.records = study, records

    @property
    def table(self):
        """Rows of text, the head first."""
        return [[str(cell) for cell in row] for row in self.study.table(self.records)]

    @property
    def figure(self):
        """The figure."""
        import matplotlib  # here, as the ranks of a study start without

        from course_lib import plots

        with matplotlib.rc_context(plots.STYLE):
            return self.study.figure(self.records)

    @property
    def conclusions(self):
        """List of Conclusion."""
        return Conclusions(self.study.conclude(self.records))

    def save(self, folder):
        """Write the figure (PDF and PNG), the table and all records (CSV) to a folder; the files' names."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        figure = self.figure
        for kind in ("pdf", "png"):
            figure.savefig(folder / f"{self.study.name}.{kind}", dpi=200, bbox_inches="tight")
        _write(folder / f"{self.study.name}_table.csv", self.table)
        names = list(dict.fromkeys(name for record in self.records for name in record))
        _write(folder / f"{self.study.name}_runs.csv", [names, *([r.get(n, "") for n in names] for r in self.records)])
        return sorted(f.name for f in folder.glob(f"{self.study.name}*"))

    def __repr__(self):
        widths = [max(map(len, column)) for column in zip(*self.table)]
        rows = ["  ".join(cell.rjust(w) for cell, w in zip(row, widths)) for row in self.table]
        return "\n".join([self.study.question, "", *rows, "", str(self.conclusions)])

    def _repr_html_(self):
        return as_html(self.table)


def pick(records, name=None, **settings):
    """Records with these settings, or the list of one of their values."""
    found = [r for r in records if all(r.get(key) == value for key, value in settings.items())]
    return found if name is None else [r[name] for r in found]


def spread(values):
    """Mean and its standard error over seeds."""
    values = np.asarray(values, float)
    if not np.isfinite(values).all():
        return np.inf, 0.0
    return float(values.mean()), float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else 0.0


def plus_minus(values, scale=1.0, digits=2):
    """Mean ± standard error as text, in units of `scale`; "never" where a run did not get there."""
    mean, error = spread(values)
    return "never" if np.isinf(mean) else with_error(mean / scale, error / scale, digits)


def with_error(mean, error, digits=2):
    """A mean and its standard error as text."""
    return f"{_short(mean, digits)} ± {_short(error, 1)}"


@cache
def version(module):
    """Fingerprint of the sources that a study's measurements depend on."""
    own = LIBRARY.joinpath(*module.split(".")[1:]).with_suffix(".py") if module.startswith("course_lib.") else None
    parts = [LIBRARY / name for name in COMPUTES]
    files = [file for part in parts for file in (sorted(part.rglob("*.py")) if part.is_dir() else [part])]
    digest = sha256()
    for file in [*files, *([own] if own else [])]:
        digest.update(file.read_bytes() if file.exists() else b"")
    return digest.hexdigest()


def _short(value, digits):
    if np.isinf(value):
        return "∞"
    rounded = float(f"{value:.{digits}g}")
    return f"{rounded:,.0f}" if abs(rounded) >= 10 else f"{rounded:g}"


def _write(file, rows):
    with open(file, "w", newline="") as out:
        csv.writer(out).writerows(rows)
