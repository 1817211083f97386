"""What a reader can turn: sliders and choices, each over a finite list of values that have words.

A control never invents a value: it holds a place in its list. So a slider over powers of ten announces
"10 µs" rather than an exponent, and every picture that can be seen can be computed in a test.
"""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from course_lib.errors import CourseError

PREFIXES = {-9: "n", -6: "µ", -3: "m", 0: "", 3: "k", 6: "M", 9: "G", 12: "T"}
SCALED_UNITS = ("s", "B", "B/s", "bit", "bit/s")
SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def number(value):
    """Write a number so that it can be read aloud: three digits, no exponent where one can be avoided.

    >>> number(0.00032), number(25e6), number(12345.6), number(1024)
    ('0.00032', '25 million', '12,300', '1,024')
    """
    if isinstance(value, int) and abs(value) < 1e6:
        return f"{value:,}"  # counts are exact
    if not np.isfinite(value):
        return "undefined" if np.isnan(value) else "∞"
    rounded = float(f"{value:.3g}")
    size = abs(rounded)
    if size >= 1e12 or 0 < size < 1e-6:
        digits, exponent = f"{rounded:.2e}".split("e")
        return f"{float(digits):g} × 10{str(int(exponent)).translate(SUPERSCRIPT)}"
    for scale, name in ((1e9, " billion"), (1e6, " million")):
        if size >= scale:
            return f"{rounded / scale:g}{name}"
    return f"{rounded:,.0f}" if size >= 1000 else np.format_float_positional(rounded, trim="-")


def quantity(value, unit=""):
    """Write a number with its unit; seconds, bytes and bits get the prefix that fits.

    >>> quantity(1e-5, "s"), quantity(12.5e9, "B/s"), quantity(8, "workers")
    ('10 µs', '12.5 GB/s', '8 workers')
    """
    if unit not in SCALED_UNITS or not np.isfinite(value):
        return f"{number(value)} {unit}".strip()
    rounded = float(f"{value:.3g}")
    exponent = 3 * int(np.floor(np.log10(abs(rounded)) / 3 + 1e-9)) if rounded else 0
    exponent = int(np.clip(exponent, min(PREFIXES), 0 if unit == "s" else max(PREFIXES)))  # nobody says kiloseconds
    if unit == "s" and exponent == 0:
        return f"{number(rounded)} s"
    return f"{float(f'{rounded / 10.0**exponent:.3g}'):g} {PREFIXES[exponent]}{unit}"


def decades(low, high):
    """Values 1, 2, 5, 10, 20, ... from `low` to `high`: even steps on a logarithmic slider, in round numbers.

    >>> decades(0.01, 0.5)
    [0.01, 0.02, 0.05, 0.1, 0.2, 0.5]
    """
    exponents = range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1)
    values = [float(f"{digit}e{exponent}") for exponent in exponents for digit in (1, 2, 5)]
    return [value for value in values if low <= value <= high]


@dataclass
class Slider:
    """A slider over a list of numbers.

    Parameters
    ----------
    name : str
        The argument of the picture's function that it sets.
    label : str
        What stands beside it, and what a screen reader says.
    values : sequence of float
        In rising order; `decades` or ``np.geomspace`` makes a logarithmic slider.
    start : float
        Where it stands at first, and after a reset: the nearest of `values`.
    unit : str
        See `quantity`.
    text : callable, optional
        Value to words, where `quantity` does not say it well.
    play : bool
        Add a button that steps through the values, for what moves in time.
    """

    name: str
    label: str
    values: Sequence[float]
    start: float
    unit: str = ""
    text: Callable[[float], str] | None = None
    play: bool = False

    kind = "slider"

    def __post_init__(self):
        plain = tuple(np.asarray(self.values).tolist())
        if len(plain) < 2 or any(b <= a for a, b in pairwise(plain)):
            raise CourseError(f"slider '{self.name}': needs two or more values in rising order")
        self.values = plain
        self.place(self.start)

    @property
    def words(self):
        """The values as the reader sees and hears them."""
        return [(self.text or (lambda value: quantity(value, self.unit)))(value) for value in self.values]

    def place(self, value):
        """Index of the nearest value; a value outside the slider's range is an error."""
        if not self.values[0] <= value <= self.values[-1]:
            raise CourseError(
                f"slider '{self.name}': {value} lies outside {self.values[0]:g} to {self.values[-1]:g}"
            )
        return int(np.argmin(np.abs(np.asarray(self.values) - value)))


@dataclass
class Choice:
    """A list to choose one value from.

    Parameters
    ----------
    name, label : str
        As for `Slider`.
    values : sequence, or dict of words to value
        The choices; give a dict where a value's own name does not say it well.
    start : optional
        The first choice unless told.
    """

    name: str
    label: str
    values: Sequence[Hashable] | dict[str, Hashable]
    start: Hashable = None

    kind = "choice"
    play = False

    def __post_init__(self):
        named = self.values if isinstance(self.values, dict) else {str(value): value for value in self.values}
        self.words = list(named)
        self.values = tuple(named.values())
        self.start = self.values[0] if self.start is None else self.start
        self.place(self.start)

    def place(self, value):
        """Index of `value`, which must be one of the choices."""
        if value not in self.values:
            raise CourseError(f"choice '{self.name}': {value!r} is none of {', '.join(self.words)}")
        return self.values.index(value)
