"""Objectives spread over m workers: f(x) = sum_i weights_i f_i(x), where worker i alone sees f_i.

A model is a row of d numbers. Blocks of models have shape (..., k, d): k = m, one model a worker, or k = 1,
the same model everywhere; leading axes are independent experiments (a sweep over step sizes, say).
"""

import os

from threadpoolctl import threadpool_limits

from course_lib.problems.base import Problem
from course_lib.problems.chain import chain
from course_lib.problems.empirical import Empirical
from course_lib.problems.information import empirical_fishers, fishers
from course_lib.problems.linear import LeastSquares, LogisticRegression, SoftmaxRegression
from course_lib.problems.network import TwoLayerNetwork
from course_lib.problems.quadratic import Quadratic

__all__ = [
    "Empirical",
    "LeastSquares",
    "LogisticRegression",
    "Problem",
    "Quadratic",
    "SoftmaxRegression",
    "TwoLayerNetwork",
    "chain",
    "empirical_fishers",
    "fishers",
]

# The matrices of a worker are small: a second BLAS thread slows them down (thirty times, where other processes want
# the core as well), and it would make the last bits depend on the machine.
threadpool_limits(1, user_api="blas")
os.environ["OPENBLAS_NUM_THREADS"] = "1"  # SciPy has a BLAS of its own, and loads it when it is first used
