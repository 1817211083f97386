"""Quantisers: send every coordinate, coarsely."""

from dataclasses import dataclass

import numpy as np

from course_lib.compressors.base import Compressor, squares
from course_lib.compressors.messages import Levels, Powers, Rounded, Ternary
from course_lib.errors import CourseError

_TINY = 5e-324  # the smallest number there is
_PIECE = 8192  # draws at a time, in the cache: memory for a million takes as long as drawing them


@dataclass(frozen=True)
class Float32(Compressor):
    """Every number in single precision: the baseline, 32 bits a coordinate.

    Contractive with delta = 1 - 2^-48, as 24 binary digits remain; numbers under 1e-38 lose more.
    """

    message = Rounded
    reach = float(np.finfo(np.float32).max)

    def compress(self, x, rng):
        return Rounded(x.astype("<f4"), x.dtype)

    def delta(self, d):
        return 1 - 2.0**-48


class Uniform(Compressor):
    """The lesson's uniform quantiser: sign(x) floor(|x| / delta) delta, one coordinate after the other.

    Biased towards zero by up to delta, and neither contractive nor unbiased: what is smaller than delta
    vanishes, so a method that hears no more of it stands still.

    Parameters
    ----------
    delta : float
        Distance between two levels, in the units of x.
    """

    message = Levels

    def __init__(self, delta):
        if not (np.ndim(delta) == 0 and 0 < delta < np.inf):
            raise CourseError(f"delta is the distance between two levels, a positive number, not {delta}")
        self.unit, self.reach = float(delta), float(delta) * 2.0**47

    def __repr__(self):
        return f"{type(self).__name__}(delta={self.unit:g})"

    def compress(self, x, rng):
        rounded = np.asarray(x, float) / self.unit
        np.trunc(rounded, out=rounded)
        rounded *= self.unit
        return Levels(self.unit, rounded, x.dtype)


class Stochastic(Uniform):
    """The lesson's random quantiser: sign(x) floor(|x| / delta + xi) delta with xi uniform on [0, 1].

    Unbiased, of variance delta^2 sum r (1 - r) with r the fractional parts of |x| / delta. For a fixed delta
    there is no omega: the variance stays when x gets small.

    Parameters
    ----------
    delta : float
        Distance between two levels, in the units of x.
    """

    random = True

    def compress(self, x, rng):
        return _rounded_at_random(x, self.unit, rng)

    def error(self, x):
        return _rounding_variance(x, self.unit)


@dataclass(frozen=True)
class QSGD(Compressor):
    """The random quantiser on the scale of the vector: delta = ||x|| / levels (Alistarh et al., 2017).

    Unbiased with omega = min(d / (4 levels^2), sqrt(d) / levels), a little sharper than the paper's Lemma 3.1,
    d / levels^2 for the first. On the wire: ||x|| / levels, then Elias's code, in which zeros cost a bit.

    Parameters
    ----------
    levels : int
        s: levels between 0 and ||x||, from 1 on. With sqrt(d) of them, omega <= 1/4 at about 3 bits a number.
    """

    levels: int
    message = Levels
    random = True

    def compress(self, x, rng):
        return _rounded_at_random(x, self._unit(x), rng)

    def omega(self, d):
        return min(d / (4 * self.levels**2), d**0.5 / self.levels)

    def error(self, x):
        return _rounding_variance(x, self._unit(x))

    def check(self, d):
        if not (isinstance(self.levels, int | np.integer) and 1 <= self.levels <= 2**40):
            raise CourseError(f"{self}: levels is a whole number from 1 to 2^40")

    def _unit(self, x):
        return np.maximum(_norm(x) / self.levels, _TINY)  # a zero vector has zero levels


@dataclass(frozen=True)
class TernGrad(Compressor):
    """max|x| times -1, 0 or 1: coordinate j is not zero with probability |x_j| / max|x| (Wen et al., 2017).

    Unbiased with omega = (sqrt(d) - 1) / 2; the variance is max|x| ||x||_1 - ||x||^2.
    """

    message = Ternary
    random = True

    def compress(self, x, rng):
        peak = _peak(x)
        level = rng.random(x.shape) * peak
        above, below = x > level, x < np.negative(level, out=level)
        return Ternary(peak, above.view(np.int8) - below.view(np.int8))

    def omega(self, d):
        return (d**0.5 - 1) / 2

    def error(self, x):
        return _peak(x)[..., 0] * np.abs(x).sum(-1) - squares(x)


@dataclass(frozen=True)
class Natural(Compressor):
    """Each coordinate to the power of two below or above it, unbiased (Horváth et al., 2019).

    omega = 1/8, worst at 4/3 of a power of two. A power of two has no digits after the first: its sign and
    exponent are all that is sent.
    """

    message = Powers
    random = True

    def compress(self, x, rng):
        digits = np.finfo(x.dtype).nmant  # random ones are added behind the point, and carry into the exponent
        whole = np.ascontiguousarray(x).view(f"u{x.itemsize}")
        carried = whole + (rng.random(x.shape) * 2.0**digits).astype(whole.dtype)
        return Powers((carried >> digits << digits).view(x.dtype))

    def omega(self, d):
        return 1 / 8

    def error(self, x):
        size = np.abs(x)
        below = np.ldexp(1.0, np.frexp(size)[1] - 1)
        return np.where(size > 0, (size - below) * (2 * below - size), 0).sum(-1)


def _rounded_at_random(x, unit, rng):
    """To a neighbouring multiple of the unit, unbiased: floor(x / unit + xi) has the law of the lesson's formula."""
    rounded = np.asarray(x, float) / unit
    for start in range(0, x.shape[-1], _PIECE):
        part = rounded[..., start : start + _PIECE]
        part += rng.random(part.shape)
        np.floor(part, out=part)
        part *= unit
    return Levels(unit, rounded, x.dtype)


def _rounding_variance(x, unit):
    part = np.abs(x) / unit % 1
    return ((unit * part) * (unit * (1 - part))).sum(-1)


def _peak(x):
    return np.maximum(x.max(-1, keepdims=True, initial=0), -x.min(-1, keepdims=True, initial=0))


def _norm(x):
    """||x|| of each row, shape (..., 1), also where squares would overflow or vanish."""
    x = np.asarray(x, float)
    with np.errstate(over="ignore"):
        squared = np.vecdot(x, x)[..., None]
    if np.all((squared > 1e-280) & (squared < np.inf)):
        return np.sqrt(squared)
    peak = np.maximum(_peak(x), _TINY)
    return peak * np.sqrt(np.square(x / peak).sum(-1, keepdims=True))
