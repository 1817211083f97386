"""What lectures show beside pictures: a method's own source, and a theorem held against a measurement."""

import ast
import inspect
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
