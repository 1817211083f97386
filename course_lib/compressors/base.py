"""What every compressor shares: checks at the door, and the way from a vector to bytes and back."""

import struct

import numpy as np

from course_lib.errors import CourseError

_HEADER = struct.Struct("<BI")  # bytes a number, and how many numbers: every message begins with it
_DTYPES = {4: np.dtype("<f4"), 8: np.dtype("<f8")}
_REACH = {4: 1e30, 8: 1e290}  # beyond it, a norm or a rescaled number may overflow


class Compressor:
    """A map C from vectors to shorter messages, and what is known of it.

    A subclass sets `message`, the class of its messages, and defines ``compress(x, rng)``, which returns
    one; `random` says whether it draws. Calls take rows: x of shape (..., d), each row a vector on its own.
    Numbers travel in the precision of x, eight bytes in double and four in single.
    """

    message = None
    random = False
    reach = np.inf  # the largest number that it takes

    def __call__(self, x, rng=None):
        """C(x), as the receiver sees it.

        Parameters
        ----------
        x : array, shape (..., d)
        rng : numpy Generator
            Needed where C draws at random.

        Returns
        -------
        array, shape (..., d)
            In the precision of x.

        Raises
        ------
        CourseError
            If x holds NaN, infinities or numbers too large, or does not fit the compressor.
        """
        return self._compressed(x, rng).values()

    def encode(self, x, rng=None):
        """The bytes that go on the wire for one vector, shape (d,); the rest is as in a call."""
        if np.ndim(x) != 1:
            raise CourseError(f"a message holds one vector of shape (d,); this array has shape {np.shape(x)}")
        message = self._compressed(x, rng)
        return _HEADER.pack(message.dtype.itemsize, message.d) + message.write()

    def decode(self, message):
        """The vector, shape (d,), that a message says; nothing but the message is needed."""
        itemsize, d = _HEADER.unpack_from(message)
        return self.message.read(message[_HEADER.size :], d, _DTYPES[itemsize]).values()

    def size(self, x, rng=None):
        """Bytes of each row's message, an int or an array of shape (...): the length of what `encode` returns."""
        return self.send(x, rng)[1]

    def send(self, x, rng=None):
        """C(x) and the bytes of each row's message, without making the messages: `__call__` and `size` in one."""
        message = self._compressed(x, rng)
        return message.values(), _HEADER.size + message.size()

    def omega(self, d):
        """The omega with E C(x) = x and E||C(x) - x||^2 <= omega ||x||^2 for all x in R^d; None if there is none."""

    def delta(self, d):
        """The delta > 0 with E||C(x) - x||^2 <= (1 - delta) ||x||^2 for all x in R^d; None if there is none."""
        omega = self.omega(d)
        return 1 - omega if omega is not None and np.all(omega < 1) else None

    def error(self, x):
        """E||C(x) - x||^2 of each row, exactly and without drawing: (..., d) to (...)."""
        return ((self(x) - x) ** 2).sum(-1)

    def check(self, d):
        """Refuse a dimension that the compressor does not fit."""

    def _compressed(self, x, rng):
        x = np.asarray(x)
        x = x if x.dtype in _DTYPES.values() else x.astype(float)
        if x.ndim == 0:
            raise CourseError("a compressor takes vectors, shape (..., d), not a single number")
        limit = min(self.reach, _REACH[x.itemsize])
        if not (-limit <= x.min(initial=0) and x.max(initial=0) <= limit):
            whole = np.isfinite(x).all()
            raise CourseError(f"{self} cannot send {f'numbers beyond {limit:.3g}' if whole else 'NaN or infinity'}")
        if self.random and not hasattr(rng, "random"):
            raise CourseError(f"{self} draws at random: give it a numpy Generator, such as np.random.default_rng(0)")
        self.check(x.shape[-1])
        return self.compress(x, rng)


def squares(x):
    """||x||^2 of each row: (..., d) to (...)."""
    return (np.asarray(x, float) ** 2).sum(-1)
