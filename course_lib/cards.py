"""What lectures show beside pictures: a method's own source, and a theorem held against a measurement."""

import ast
import inspect
from textwrap import dedent

import numpy as np


def source(function):
    """The source of a function without decorator and docstring, as a notebook shows code.

    Parameters
    ----------
    function : callable

    Returns
    -------
    IPython.display.Code
    """
    from IPython.display import Code

    text = dedent(inspect.getsource(function))
    [definition] = ast.parse(text).body
    lines = text.splitlines()
    body = definition.body[1 if ast.get_docstring(definition) else 0].lineno - 1
    head = definition.body[0].lineno - 1
    return Code("\n".join(lines[definition.lineno - 1 : head] + lines[body:]), language="python")


class Comparison:
    """A theorem held against a measurement; prints what was found.

    Attributes
    ----------
    ratio : float
        Largest measured value over its bound.
    holds : bool
        Whether it stays at or below one, up to `slack`.
    """

    def __init__(self, claim, measured, bound, slack=0.0):
        ratios = np.asarray(measured, float) / np.asarray(bound, float)
        self.claim, self.count, self.ratio = claim, ratios.size, float(ratios.max())
        self.holds = self.ratio <= 1 + slack

    def __repr__(self):
        verdict = "holds" if self.holds else "IS VIOLATED"
        where = f"at all {self.count} points" if self.count > 1 and self.holds else ""
        return f"{self.claim}: {verdict} {where}".rstrip() + f" (largest measured / bound: {self.ratio:.3g})"


def holds(claim, measured, bound, slack=0.0):
    """Hold a measurement against a bound, point by point.

    Parameters
    ----------
    claim : str
        The statement in a few words.
    measured, bound : array
        In the same units.
    slack : float
        Relative excess that Monte Carlo error allows: say where it comes from.

    Returns
    -------
    Comparison
    """
    return Comparison(claim, measured, bound, slack)
