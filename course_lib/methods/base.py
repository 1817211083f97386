"""What every method shares: arguments checked at the call, and step sizes that may be schedules."""

import functools
import inspect
import numbers

import numpy as np

from course_lib import topology
from course_lib.errors import CourseError, whole

#: Arguments that are whole numbers, and the least value of each.
WHOLE = {"fetch_every": 1, "push_every": 1, "bound": 0, "seed": 0}

#: Arguments that are numbers: what they must be, in words, the test, and which.
NUMBERS = (
    ("positive", lambda x: x > 0, ("deadline", "shift_step", "server_step", "consensus_step")),
    ("a number from 0 on", lambda x: 0 <= x < np.inf, ("rho", "damping")),
    ("at least 0 and below 1", lambda x: 0 <= x < 1, ("momentum", "smoothing")),
    ("above 0 and at most 1", lambda x: 0 < x <= 1, ("probability",)),
)

#: Arguments that are one of a few.
CHOICES = {"option": (1, 2), "count": ("workers", "samples")}

#: Arguments that say who takes part in a round.
SELECTION = ("sample", "dropout", "weights")

#: Arguments that are matrices or functions of the round, and what each must satisfy.
MATRICES = {"W": topology.check_mixing, "A": topology.check_pushing}


def method(generator):
    """Turn a generator function into a method of the course.

    The arguments are checked when the method is called, not when it first runs, and `step_size`, a positive
    number, an array of them (one experiment each, shape (R, 1, 1)), or a function of the step t, reaches the
    body as a function of t. So do the mixing matrix `W`, the push matrix `A` and the whole number `local_steps`.
    """
    signature = inspect.signature(generator)

    @functools.wraps(generator)
    def checked(*args, **kwargs):
        try:
            bound = signature.bind(*args, **kwargs)
        except TypeError as error:
            raise CourseError(f"{generator.__name__}: {error}") from None
        arguments = bound.arguments
        if not hasattr(arguments["cluster"], "mean"):
            raise CourseError(f"{generator.__name__} runs on a cluster, such as SimulatedCluster(problem)")
        if "step_size" in arguments:
            _one_step_a_replicate(arguments["step_size"], arguments["cluster"])
            arguments["step_size"] = schedule(arguments["step_size"])
        for name, check in MATRICES.items():
            if name in arguments:
                arguments[name] = _matrices(arguments[name], check, arguments["cluster"].problem.weights)
        if "values" in arguments:
            arguments["values"] = _one_row_a_worker(arguments["values"], arguments["cluster"].m)
        for name, least in WHOLE.items():
            if name in arguments:
                whole(arguments[name], name, least)
        for words, right, names in NUMBERS:
            for name in names:
                value = arguments.get(name)
                if value is not None and not (isinstance(value, numbers.Real) and right(value)):
                    raise CourseError(f"{name.replace('_', ' ')} must be {words}, not {value}")
        for name, choices in CHOICES.items():
            if name in arguments and arguments[name] not in choices:
                raise CourseError(f"{name} must be {' or '.join(map(repr, choices))}, not {arguments[name]!r}")
        if "local_steps" in arguments:
            arguments["local_steps"] = _counts(arguments["local_steps"])
        if any(name in arguments for name in SELECTION):
            arguments["cluster"].check_selection(**{name: arguments[name] for name in SELECTION if name in arguments})
        if "compressor" in arguments:
            if not hasattr(arguments["compressor"], "send"):
                raise CourseError(f"{generator.__name__} needs a compressor, such as compressors.TopK(10)")
            arguments["compressor"].check(arguments["cluster"].d)
        if "aggregator" in arguments:
            _check_rule(generator.__name__, arguments["aggregator"], arguments["cluster"].problem)
        return generator(*bound.args, **bound.kwargs)

    return checked


def _matrices(W, check, weights):
    """W as a function of the round; the one of round 0 is looked at now, the others when they are used."""
    if not callable(W) and not hasattr(W, "shape"):
        raise CourseError(f"W must be a matrix or a function of the round, not a {type(W).__name__}")
    check(topology.sequence(W)(0), weights)
    return topology.sequence(W)


def _one_row_a_worker(values, m):
    """What the workers talk about, as an array of shape (..., m, d)."""
    try:
        rows = np.array(values, float)
    except (TypeError, ValueError):
        raise CourseError(f"values are numbers, one row a worker, not {values!r}") from None
    if rows.ndim < 2 or rows.shape[-2] != m:
        raise CourseError(f"values are one row a worker, {m} in all; these have shape {rows.shape}")
    return rows


def _counts(local_steps):
    """Local steps as a function of the round, from a whole number or such a function."""
    if callable(local_steps):
        return local_steps
    whole(local_steps, "local_steps")
    return lambda t: local_steps


def _check_rule(name, aggregator, problem):
    """A robust rule that fits so many workers, all of which count the same."""
    if not hasattr(aggregator, "tolerates"):
        raise CourseError(f"{name} needs a robust rule, such as aggregators.CoordinateMedian()")
    aggregator.check(problem.m)
    if np.ptp(problem.weights) > 1e-12:
        raise CourseError(f"{name} counts every worker the same: build the problem with weights='equal'")


def _one_step_a_replicate(step_size, cluster):
    replicates = getattr(cluster, "replicates", None)
    if replicates is not None and np.ndim(step_size) == 3 and len(step_size) not in (1, replicates):
        raise CourseError(f"{len(step_size)} step sizes for {replicates} replicates: give each its own, or one for all")


def schedule(step_size):
    """A function of the step t, from a positive number, an array of them, or such a function."""
    if callable(step_size):
        return step_size
    try:
        steps = np.asarray(step_size, float)
    except (TypeError, ValueError):
        raise CourseError(f"the step size is a number, an array of them or a function, not {step_size!r}") from None
    wrong = steps[~(np.isfinite(steps) & (steps > 0))]
    if wrong.size:
        raise CourseError(f"the step size must be positive, not {wrong[0]:g}")
    if steps.ndim not in (0, 3):
        raise CourseError(f"several step sizes need shape (R, 1, 1), one experiment each; this one is {steps.shape}")
    steps = steps if steps.ndim else float(steps)  # a plain number multiplies faster
    return lambda t: steps


def inverse_time(beta, gamma):
    """The schedule beta / (gamma + t) of Robbins and Monro (1951), t = 0, 1, 2, ..."""
    if not (beta > 0 and gamma > 0):
        raise CourseError(f"beta and gamma must be positive, not {beta:g} and {gamma:g}")
    return lambda t: beta / (gamma + t)


def in_place(array, step_size):
    """A copy that may be changed in place, with room for each experiment of a sweep over step sizes.

    Parameters
    ----------
    array : array, shape (..., k, d)
    step_size : function
        As `schedule` makes it.

    Returns
    -------
    array
        Of shape (R, k, d) where steps have shape (R, 1, 1).
    """
    lead = np.shape(step_size(0))[:-2]
    return np.broadcast_to(array, np.broadcast_shapes(array.shape, (*lead, 1, 1))).copy()
