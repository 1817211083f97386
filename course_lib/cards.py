"""What lectures show beside pictures: a method's own source, a theorem held against a measurement, and lists."""

import ast
import inspect
import json
import re
from pathlib import Path
from textwrap import dedent

import numpy as np


class Source(str):
    """Python source that a notebook shows with its colours."""

    def _repr_markdown_(self):
        return f"```python\n{self}\n```"

    def __repr__(self):
        return str(self)


def source(function):
    """The source of a function without decorator and docstring, for a notebook to show.

    Parameters
    ----------
    function : callable

    Returns
    -------
    Source
    """
    text = dedent(inspect.getsource(function))
    [definition] = ast.parse(text).body
    lines = text.splitlines()
    body = definition.body[1 if ast.get_docstring(definition) else 0].lineno - 1
    head = definition.body[0].lineno - 1
    return Source("\n".join(lines[definition.lineno - 1 : head] + lines[body:]))


class Comparison:
    """A theorem held against a measurement; prints what was found.

    Attributes
    ----------
    ratio : float
        Largest measured value over its bound.
    holds : bool
        Whether it stays at or below one, up to `slack`.
    """

    def __init__(self, claim, measured, bound, slack):
        ratios = np.asarray(measured, float) / np.asarray(bound, float)
        self.claim, self.count, self.ratio = claim, ratios.size, float(ratios.max())
        self.holds = self.ratio <= 1 + slack

    def __repr__(self):
        verdict = "holds" if self.holds else "IS VIOLATED"
        where = f"at all {self.count} points" if self.count > 1 and self.holds else ""
        return f"{self.claim}: {verdict} {where}".rstrip() + f" (largest measured / bound: {self.ratio:.3g})"


def holds(claim, measured, bound, slack=1e-9):
    """Hold a measurement against a bound, point by point.

    Parameters
    ----------
    claim : str
        The statement in a few words.
    measured, bound : array
        In the same units.
    slack : float
        Relative excess to allow: rounding, unless Monte Carlo error asks for more.

    Returns
    -------
    Comparison
    """
    return Comparison(claim, measured, bound, slack)


class Table(str):
    """A table in Markdown that a notebook shows as one."""

    def _repr_markdown_(self):
        return str(self)

    def __repr__(self):
        return str(self)


CARD = re.compile(r"\*\*Theorem card (\d+\.\d+): (.+?)\.?\*\*\s+\*\((.+?)\)\*", re.DOTALL)
BOOK = re.compile(r"^- ([^*]+?) \((\d{4})\), (\*[^*]+\*(?:,\s[^.;]*)?)[.;]", re.MULTILINE)


def theorem_cards(folder="."):
    """All theorem cards of the lectures in a folder, with where each comes from.

    Parameters
    ----------
    folder : path
        Of notebooks.

    Returns
    -------
    Table
        Its columns: card, statement, source or status.
    """
    rows = [
        f"| [{number}]({name}) | {title} | {status} |"
        for name, text in _lectures(folder)
        for number, title, status in (map(_one_line, found) for found in CARD.findall(text))
    ]
    return Table("\n".join(["| card | statement | source or status |", "|---|---|---|", *rows]))


def bibliography(folder="."):
    """What the lectures in a folder tell to read, by author, each work once.

    Parameters
    ----------
    folder : path
        Of notebooks.

    Returns
    -------
    Table
        Its columns: work, lectures that name it.
    """
    works = {}
    for name, text in _lectures(folder):
        for authors, year, title in (map(_one_line, found) for found in BOOK.findall(text.partition("## Reading")[2])):
            work = works.setdefault((authors, year, title.split("*")[1]), {"lectures": {}})
            work["text"] = max(work.get("text", ""), f"{authors} ({year}), {title}", key=len)
            work["lectures"][f"[{name[:2]}]({name})"] = None
    rows = [f"| {works[w]['text']} | {', '.join(works[w]['lectures'])} |" for w in sorted(works, key=_by_family_name)]
    return Table("\n".join(["| work | lectures |", "|---|---|", *rows]))


def _by_family_name(work):
    authors, year, _ = work
    first = re.split(r",| and | et al", authors)[0]
    return first.split()[-1], year


def _lectures(folder):
    """Name and prose of each lecture in a folder."""
    for path in sorted(Path(folder).glob("[0-9][0-9]_*.ipynb")):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        yield path.name, "\n\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown")


def _one_line(text):
    return " ".join(text.split())


class Shaded:
    """Numbers in rows and columns, as text and, in a notebook, with the bad ones shaded."""

    def __init__(self, rows, columns, badness, form):
        self.rows, self.columns, self.badness, self.form = rows, columns, badness, form

    def __repr__(self):
        left = max(map(len, self.rows)) + 1
        widths = [max(len(name), 7) + 2 for name in self.columns]
        lines = ["".join([" " * left, *(f"{name:>{w}}" for name, w in zip(self.columns, widths))])]
        for name, values in self.rows.items():
            cells = (f"{format(value, self.form):>{w}}" for value, w in zip(values, widths))
            lines.append("".join([f"{name:{left}}", *cells]))
        return "\n".join(lines)

    def _repr_html_(self):
        head = "".join(f"<th>{name}</th>" for name in self.columns)
        body = "".join(f"<tr><th>{name}</th>{self._cells(values)}</tr>" for name, values in self.rows.items())
        return f"<table><tr><th></th>{head}</tr>{body}</table>"

    def _cells(self, values):
        strength = (0.6 * float(np.clip(self.badness(value), 0, 1)) for value in values)
        shades = (f"background: rgba(230, 120, 0, {s:.2f})" for s in strength)
        return "".join(f'<td style="{shade}">{v:{self.form}}</td>' for shade, v in zip(shades, values))


def shaded(rows, columns, badness, form=".3g"):
    """Show numbers side by side.

    Parameters
    ----------
    rows : dict of str to list of float
        Name and values of each row.
    columns : sequence of str
    badness : callable
        From a value to a number between 0 (white) and 1 (dark).
    form : str
        How values are written.

    Returns
    -------
    Shaded
    """
    return Shaded(rows, list(columns), badness, form)
