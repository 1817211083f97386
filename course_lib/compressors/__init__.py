"""Compressors: what a worker sends instead of its vector, down to the last bit.

A new compressor is one class: a subclass of `Compressor` whose `compress` returns one of the messages of
`course_lib.compressors.messages`, and one line in `COMPRESSORS`.
"""

from course_lib.compressors.base import Compressor
from course_lib.compressors.low_rank import PowerSGD
from course_lib.compressors.quantisers import QSGD, Float32, Natural, Stochastic, TernGrad, Uniform
from course_lib.compressors.signs import OneBit, ScaledSign
from course_lib.compressors.sparse import RandomK, RandomSparsifier, TopK
from course_lib.compressors.symmetric import SymmetricRank
from course_lib.compressors.triangle import pack, unpack

#: Every compressor of vectors by name (`SymmetricRank` takes matrices only).
COMPRESSORS = {
    c.__name__: c
    for c in (
        Float32, TopK, RandomK, RandomSparsifier, Uniform, Stochastic, QSGD, TernGrad, Natural, OneBit, ScaledSign,
        PowerSGD,
    )
}  # fmt: skip

__all__ = [*COMPRESSORS, "COMPRESSORS", "Compressor", "SymmetricRank", "pack", "unpack"]
