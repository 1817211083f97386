"""Bits: numbers of fixed width, and Elias's code, in which small numbers are short."""

import numpy as np


def fixed(numbers, width):
    """The bits of whole numbers, `width` each, the highest first, end to end."""
    shifts = np.arange(width, dtype=np.uint64)[::-1]
    return (np.asarray(numbers, np.uint64)[:, None] >> shifts & np.uint64(1)).astype(np.uint8).ravel()


def read_fixed(bits, count, width):
    """The `count` numbers that `fixed` wrote."""
    powers = np.uint64(1) << np.arange(width, dtype=np.uint64)[::-1]
    return bits[: count * width].reshape(count, width).astype(np.uint64) @ powers


def elias(numbers):
    """Elias's omega code (1975) of whole numbers from 1 to 2^48, end to end.

    A number is written in binary; before it goes the number of its digits less one, in the same way, and so
    on; a zero ends it: 1 is 0, 2 is 100, 3 is 110, 4 is 101000.
    """
    n = np.asarray(numbers, np.uint64)
    code, length = np.zeros_like(n), np.ones_like(n)
    while np.any(more := n > 1):
        digits = np.frexp(n.astype(float))[1].astype(np.uint64)
        code = np.where(more, code | n << length, code)
        length = np.where(more, length + digits, length)
        n = np.where(more, digits - np.uint64(1), n)
    return _joined(code, length.astype(np.int64))


def read_elias(bits, count):
    """The first `count` numbers that `elias` wrote, and how many bits they took."""
    text = (bits + ord("0")).tobytes().decode()
    numbers, at = np.empty(count), 0
    for j in range(count):
        n = 1
        while text[at] == "1":
            n, at = int(text[at : at + n + 1], 2), at + n + 1
        numbers[j], at = n, at + 1
    return numbers, at


def elias_length(numbers):
    """Bits of the code of the numbers in each row, (..., d) to (...).

    A code grows only where its number reaches another power of two: those are counted.
    """
    total, digits = np.full(numbers.shape[:-1], numbers.shape[-1]), 1
    while np.any(reached := count(numbers >= 2**digits)):
        total = total + (_length(digits + 1) - _length(digits)) * reached
        digits += 1
    return total


def count(mask):
    """How many are true in each row: (..., d) to (...)."""
    return np.count_nonzero(mask) if mask.ndim == 1 else np.count_nonzero(mask, axis=-1)


def _length(digits):
    """Bits of the code of a number with so many binary digits."""
    return 1 if digits == 1 else digits + _length((digits - 1).bit_length())


def _joined(code, length):
    """The lowest `length` bits of each code, the highest first, end to end."""
    end = np.cumsum(length)
    bits = np.zeros(length.sum(), np.uint8)
    for b in range(length.max(initial=0)):
        rows = length > b
        bits[end[rows] - 1 - b] = code[rows] >> np.uint64(b) & np.uint64(1)
    return bits
