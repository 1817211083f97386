"""Messages: what is sent, held as arrays of many rows at once, and as the bytes of one row.

Every message knows its `dtype` and `d`; `values` is what it stands for, shape (..., d), `size` its bytes, shape
(...), `write` makes the bytes of a single row, and `read` takes them back.
"""

import struct

import numpy as np

from course_lib.compressors import bits
from course_lib.compressors.triangle import pack

_COUNT, _PAIR, _UNIT = struct.Struct("<I"), struct.Struct("<II"), struct.Struct("<d")
_FIRST = {4: 9, 8: 12}  # sign and exponent: the first bits of a number of so many bytes


class Rounded:
    """Every number in single precision."""

    def __init__(self, sent, dtype):
        self.sent, self.dtype, self.d = sent, dtype, sent.shape[-1]

    def values(self):
        return self.sent.astype(self.dtype)

    def size(self):
        return _each(self.sent, 4 * self.d)

    def write(self):
        return self.sent.tobytes()

    @classmethod
    def read(cls, body, d, dtype):
        return cls(np.frombuffer(body, "<f4"), dtype)


class Sparse:
    """How many numbers are not zero, where they stand, and what they are.

    Each place is a number of ceil(log2 d) bits, or all places together are d bits, whichever is shorter.
    """

    def __init__(self, x):
        self.x, self.dtype, self.d = x, x.dtype, x.shape[-1]

    def values(self):
        return self.x

    def size(self):
        kept = bits.count(self.x != 0)
        places = np.minimum(kept * _width(self.d), self.d)
        return _COUNT.size + _whole_bytes(places) + kept * self.x.itemsize

    def write(self):
        at = np.flatnonzero(self.x)
        listed = len(at) * _width(self.d) <= self.d
        places = bits.fixed(at, _width(self.d)) if listed else self.x != 0
        return _COUNT.pack(len(at)) + np.packbits(places).tobytes() + self.x[at].tobytes()

    @classmethod
    def read(cls, body, d, dtype):
        [kept] = _COUNT.unpack_from(body)
        end = len(body) - kept * dtype.itemsize
        places, listed = _bits(body[_COUNT.size : end]), kept * _width(d) <= d
        at = bits.read_fixed(places, kept, _width(d)) if listed else np.flatnonzero(places[:d])
        x = np.zeros(d, dtype)
        x[at] = np.frombuffer(body[end:], dtype)
        return cls(x)


class Levels:
    """Whole multiples of a unit: Elias's code of each |level| + 1, then a sign for each that is not zero."""

    def __init__(self, unit, multiples, dtype):
        self.unit, self.multiples, self.dtype, self.d = unit, multiples, dtype, multiples.shape[-1]

    def values(self):
        return self.multiples.astype(self.dtype, copy=False)

    def size(self):
        numbers = np.rint(np.abs(self.multiples) / self.unit) + 1
        return _UNIT.size + _whole_bytes(bits.elias_length(numbers) + bits.count(numbers > 1))

    def write(self):
        numbers = np.rint(np.abs(self.multiples) / self.unit) + 1
        signs = self.multiples[numbers > 1] < 0
        code = np.concatenate([bits.elias(numbers), signs.astype(np.uint8)])
        return _UNIT.pack(*np.ravel(self.unit)) + np.packbits(code).tobytes()

    @classmethod
    def read(cls, body, d, dtype):
        code, [unit] = _bits(body[_UNIT.size :]), _UNIT.unpack_from(body)
        numbers, used = bits.read_elias(code, d)
        multiples = unit * (numbers - 1)
        multiples[numbers > 1] *= 1 - 2.0 * code[used : used + np.count_nonzero(numbers > 1)]
        return cls(unit, multiples, dtype)


class Signs:
    """One size for all, and a bit for each sign."""

    def __init__(self, scale, positive):
        self.scale, self.positive, self.dtype, self.d = scale, positive, scale.dtype, positive.shape[-1]

    def values(self):
        return np.where(self.positive, self.scale, -self.scale)

    def size(self):
        return _each(self.positive, self.dtype.itemsize + _whole_bytes(self.d))

    def write(self):
        return self.scale.tobytes() + np.packbits(self.positive).tobytes()

    @classmethod
    def read(cls, body, d, dtype):
        return cls(np.frombuffer(body, dtype, 1), _bits(body[dtype.itemsize :])[:d] > 0)


class TwoMeans:
    """For each column of a matrix two numbers, and for each entry a bit that says which of them."""

    def __init__(self, means, upper):
        self.means, self.upper, self.dtype = means, upper, means.dtype  # (..., 2, c) and (..., rows, c)
        self.d = upper.shape[-2] * upper.shape[-1]

    def values(self):
        chosen = np.where(self.upper, self.means[..., 1:, :], self.means[..., :1, :])
        return chosen.reshape(*chosen.shape[:-2], self.d)

    def size(self):
        fixed = _COUNT.size + 2 * self.means.shape[-1] * self.dtype.itemsize
        return _each(self.upper[..., 0], fixed + _whole_bytes(self.d))

    def write(self):
        columns = self.means.shape[-1]
        return _COUNT.pack(columns) + self.means.tobytes() + np.packbits(self.upper).tobytes()

    @classmethod
    def read(cls, body, d, dtype):
        [columns] = _COUNT.unpack_from(body)
        means = np.frombuffer(body, dtype, 2 * columns, _COUNT.size).reshape(2, columns)
        upper = _bits(body[_COUNT.size + means.nbytes :])[:d] > 0
        return cls(means, upper.reshape(-1, columns))


class Ternary:
    """-1, 0 or 1 times one size: five of them a byte, as 3^5 = 243."""

    _POWERS = 3 ** np.arange(5, dtype=np.uint8)

    def __init__(self, scale, signs):
        self.scale, self.signs, self.dtype, self.d = scale, signs, scale.dtype, signs.shape[-1]

    def values(self):
        return self.scale * self.signs

    def size(self):
        return _each(self.signs, self.dtype.itemsize + -(-self.d // 5))

    def write(self):
        digits = np.pad(self.signs + 1, (0, -self.d % 5)).astype(np.uint8)
        return self.scale.tobytes() + (digits.reshape(-1, 5) @ self._POWERS).tobytes()

    @classmethod
    def read(cls, body, d, dtype):
        packed = np.frombuffer(body, np.uint8, offset=dtype.itemsize)
        digits = packed[:, None] // cls._POWERS % 3
        return cls(np.frombuffer(body, dtype, 1), digits.ravel()[:d].astype(dtype) - 1)


class Powers:
    """Signed powers of two: the sign and the exponent of each, as they stand in the number's own bits."""

    def __init__(self, x):
        self.x, self.dtype, self.d = x, x.dtype, x.shape[-1]

    def values(self):
        return self.x

    def size(self):
        return _each(self.x, _whole_bytes(_FIRST[self.x.itemsize] * self.d))

    def write(self):
        width = _FIRST[self.x.itemsize]
        numbers = self.x.view(f"<u{self.x.itemsize}") >> (8 * self.x.itemsize - width)
        return np.packbits(bits.fixed(numbers, width)).tobytes()

    @classmethod
    def read(cls, body, d, dtype):
        width, size = _FIRST[dtype.itemsize], dtype.itemsize
        numbers = bits.read_fixed(_bits(body), d, width).astype(f"<u{size}")
        return cls((numbers << (8 * size - width)).view(dtype))


class Factors:
    """A matrix as the product of a tall and a wide one, of few columns and rows."""

    def __init__(self, left, right, d):
        self.left, self.right, self.dtype, self.d = left, right, left.dtype, d  # (..., rows, r), (..., columns, r)

    def values(self):
        product = self.left @ np.swapaxes(self.right, -1, -2)
        return product.reshape(*product.shape[:-2], -1)[..., : self.d]

    def size(self):
        (rows, rank), columns = self.left.shape[-2:], self.right.shape[-2]
        return _each(self.left[..., 0], _PAIR.size + (rows + columns) * rank * self.dtype.itemsize)

    def write(self):
        return _PAIR.pack(*self.right.shape) + self.left.tobytes() + self.right.tobytes()

    @classmethod
    def read(cls, body, d, dtype):
        columns, rank = _PAIR.unpack_from(body)
        factors = np.frombuffer(body, dtype, offset=_PAIR.size).reshape(-1, rank)
        return cls(factors[:-columns], factors[-columns:], d)


class Eigenpairs:
    """A symmetric matrix, packed, by some of its eigenvalues and eigenvectors."""

    def __init__(self, scales, vectors, d):
        self.scales, self.vectors, self.dtype, self.d = scales, vectors, vectors.dtype, d  # (..., r), (..., n, r)

    def values(self):
        H = (self.vectors * self.scales[..., None, :]) @ np.swapaxes(self.vectors, -1, -2)
        return pack(H).astype(self.dtype, copy=False)

    def size(self):
        n, rank = self.vectors.shape[-2:]
        return _each(self.scales, _COUNT.size + (n + 1) * rank * self.dtype.itemsize)

    def write(self):
        return _COUNT.pack(self.scales.size) + self.scales.tobytes() + self.vectors.tobytes()

    @classmethod
    def read(cls, body, d, dtype):
        (rank,) = _COUNT.unpack_from(body)
        numbers = np.frombuffer(body, dtype, offset=_COUNT.size)
        return cls(numbers[:rank], numbers[rank:].reshape(-1, rank), d)


def _bits(body):
    return np.unpackbits(np.frombuffer(body, np.uint8))


def _whole_bytes(count):
    return (count + 7) // 8


def _width(d):
    """Bits that tell d places apart."""
    return max(d - 1, 0).bit_length()


def _each(rows, size):
    """The same size for every row of (..., d)."""
    return np.full(rows.shape[:-1], size)
