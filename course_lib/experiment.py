"""Run a method and record it against three clocks: rounds, bytes, seconds."""

import inspect
import json
import os
from contextlib import nullcontext
from dataclasses import dataclass, field, fields, replace

import numpy as np
from tqdm.auto import tqdm

from course_lib.checkpoints import pack, saved_arrays, unpack
from course_lib.errors import CourseError, whole

#: What a record shows, and the clocks that it is shown against.
SHOWN, CLOCKS = ("loss", "gradient_norm", "consensus", "accuracy"), ("rounds", "bytes", "seconds")

#: A run is stopped when one of these exceeds so many times what it was at first, or this number if that was below 1.
BOUNDED, BLOW_UP = {"loss": "loss", "consensus": "distance between the workers' models"}, 1e6


@dataclass
class History:
    """What a run left behind. With R experiments at once, T records have shape (T, R).

    Attributes
    ----------
    name : str
        The method.
    rounds, bytes, seconds : array, shape (T,)
        The three clocks: the method's steps, bytes sent by all workers together, simulated seconds.
    loss, gradient_norm : array, shape (T,) or (T, R)
        Of the objective f at the (mean) model.
    accuracy : array or None
        On the test rows, where the problem has classes.
    consensus : array
        Root mean square distance of the workers' models from their mean.
    model : array, shape (..., 1, d)
        The last (mean) model.
    state : tuple
        The method's whole state, for ``start=``.
    cluster : dict
        The cluster's whole state, for ``cluster.restore``.
    message : str
        Empty, or why the run was stopped.
    """

    name: str
    rounds: list = field(default_factory=list)
    bytes: list = field(default_factory=list)
    seconds: list = field(default_factory=list)
    loss: list = field(default_factory=list)
    gradient_norm: list = field(default_factory=list)
    accuracy: list = field(default_factory=list)
    consensus: list = field(default_factory=list)
    model: np.ndarray = None
    state: tuple = ()
    cluster: dict = field(default_factory=dict)
    message: str = ""

    def save(self, path):
        """Write everything to one .npz file; `load` gives it back bit for bit."""
        arrays, rest = {}, {}
        for item in fields(self):
            rest[item.name] = pack(getattr(self, item.name), item.name, arrays)
        with open(path, "wb") as file:
            np.savez(file, _rest=json.dumps(rest), **arrays)

    @classmethod
    def load(cls, path):
        """Read what `save` wrote."""
        with saved_arrays(path, "_rest", "a History") as arrays:
            rest = json.loads(str(arrays["_rest"]))
            return cls(**{name: unpack(value, arrays) for name, value in rest.items()})

    def record(self, show, clock="rounds"):
        """A quantity, and what a clock read when it was noted.

        Parameters
        ----------
        show : {"loss", "gradient_norm", "consensus", "accuracy"}
        clock : {"rounds", "bytes", "seconds"}

        Returns
        -------
        clock : array, shape (T,)
        values : array, shape (T,) or (T, R)

        Raises
        ------
        CourseError
            For a clock or a record that there is not.
        """
        there = [name for name in SHOWN if getattr(self, name) is not None]
        if show not in there:
            raise CourseError(f"this run has no record of {show!r}; it has {', '.join(there)}")
        if clock not in CLOCKS:
            raise CourseError(f"no clock is called {clock!r}; there are {', '.join(CLOCKS)}")
        return getattr(self, clock), getattr(self, show)

    def first(self, show, target, clock="rounds"):
        """What a clock reads when a quantity first reaches its target; infinity if it never does.

        Parameters
        ----------
        show : {"loss", "gradient_norm", "consensus", "accuracy"}
            Accuracy must rise to the target, everything else fall to it.
        target : float
        clock : {"rounds", "bytes", "seconds"}

        Returns
        -------
        float

        Raises
        ------
        CourseError
            As `record`, and for a record of several experiments.
        """
        clock, values = self.record(show, clock)
        if values.ndim > 1:
            raise CourseError("several experiments reach it each at its own time: take one, or .averaged()")
        there = values >= target if show == "accuracy" else values <= target
        return float(clock[there.argmax()]) if there.any() else np.inf

    def averaged(self):
        """The mean of the R experiments, as one record of shape (T,)."""
        return replace(self, **{name: _mean(getattr(self, name)) for name in SHOWN})

    def table(self, lines=8):
        """A few records, evenly spaced, as rows of text."""
        pick = np.unique(np.linspace(0, len(self.rounds) - 1, lines).astype(int))
        head = [*CLOCKS, "loss", "gradient_norm"]
        head += ["accuracy"] if self.accuracy is not None else []
        rows = [[_short(getattr(self, name)[k]) for name in head] for k in pick]
        return [head, *rows]

    def __repr__(self):
        lines = ["".join(f"{cell:>15}" for cell in row) for row in self.table()]
        return "\n".join([self.name, *lines, *([self.message] if self.message else [])])

    def _repr_html_(self):
        head, *rows = self.table()
        note = f"<p>{self.message}</p>" if self.message else ""
        return as_html([[name.replace("_", " ") for name in head], *rows], self.name) + note


def as_html(table, caption=""):
    """A table, given as a head and rows of texts, for a notebook page."""
    head, *rows = table
    cells = "".join(f"<th>{name}</th>" for name in head)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    title = f"<caption>{caption}</caption>" if caption else ""
    return f"<table>{title}<tr>{cells}</tr>{body}</table>"


def run(method, rounds, record_every=1, quiet=False, checkpoints=None):
    """Let a method take so many steps, and record what it reaches.

    Parameters
    ----------
    method : generator
        A method applied to a cluster, such as ``sync_sgd(cluster, 0.1)``; the cluster must be an argument
        named ``cluster``. A generator that is still in use goes on from where it is.
    rounds : int
        Steps to take.
    record_every : int
        Steps between two records; the last step is always recorded, and so is the start of a new run.
    quiet : bool
        No progress bar (it appears after two seconds) and no message.
    checkpoints : Checkpoints, optional
        Where to save the whole state now and then, and how often: see ``course_lib.checkpoints``.

    Returns
    -------
    History
    """
    arguments = inspect.getgeneratorlocals(method) if inspect.isgenerator(method) else {}
    if "cluster" not in arguments:
        raise CourseError("run needs a method on a cluster, such as sync_sgd(cluster, 0.1), that was not used up")
    cluster, history = arguments["cluster"], History(method.__name__)
    under_way = inspect.getgeneratorstate(method) != inspect.GEN_CREATED  # then its next state is a step further
    whole(rounds, "rounds", least=int(under_way))
    whole(record_every, "record_every")
    ceilings = None
    silent = quiet or "TQDM_DISABLE" in os.environ  # tqdm.notebook does not read it
    bar = nullcontext() if silent else tqdm(total=rounds, desc=history.name, unit="round", delay=2, leave=False)
    with bar, np.errstate(over="ignore", invalid="ignore"):
        for k, state in zip(range(under_way, rounds + 1), method):  # only a rank that served another stops early
            cluster.rounds += k > 0
            if checkpoints is not None and k > 0:
                checkpoints.note(state, cluster)
            if k % record_every == 0 or k == rounds:
                _record(history, cluster, state)
                sizes = {name: getattr(history, name)[-1] for name in BOUNDED}
                ceilings = ceilings or {name: BLOW_UP * np.maximum(np.abs(s), 1) for name, s in sizes.items()}
                if above := [name for name in BOUNDED if not (sizes[name] <= ceilings[name]).any()]:  # NaN is not below
                    history.message = _diverged(history, above[0])
                    break
                if not silent:
                    bar.update(k - bar.n)
    _finish(history, cluster, state)
    if history.message and not quiet:
        print(history.message)
    return history


def sweep(make, values):
    """Several runs as one array of experiments: ``make`` gets the values with shape (R, 1, 1).

    Parameters
    ----------
    make : callable
        Such as ``lambda eta: run(sync_sgd(cluster, eta), 100)``.
    values : sequence of float

    Returns
    -------
    dict of float to History
        One a value, with records of shape (T,).
    """
    values = np.asarray(values, float)
    if values.ndim != 1 or not values.size:
        raise CourseError("a sweep needs a list of at least one value")
    together = make(values.reshape(-1, 1, 1))
    return {float(value): _one(together, r) for r, value in enumerate(values)}


def _record(history, cluster, state):
    """Note where the run is."""
    problem = cluster.problem
    models = _together(cluster, _tuple(state)[0])
    common = models.shape[-2] == 1  # all workers hold the same model
    model = models if common else cluster.average(models)
    history.rounds.append(cluster.rounds)
    history.bytes.append(cluster.bytes)
    history.seconds.append(cluster.seconds)
    loss, gradient = problem.loss_and_gradient(model)
    history.loss.append(loss)
    history.gradient_norm.append(np.sqrt((gradient**2).sum((-2, -1))))
    history.consensus.append(np.zeros(np.shape(loss)) if common else np.sqrt(((models - model) ** 2).sum(-1).mean(-1)))
    if hasattr(problem, "accuracy"):
        history.accuracy.append(problem.accuracy(model))
    history.model = model


def _together(cluster, models):
    """The models of all workers; real machines hold only their own."""
    return cluster.together(models) if hasattr(cluster, "together") else models


def _diverged(history, name):
    first, last = getattr(history, name)[0], getattr(history, name)[-1]
    if not np.all(np.isfinite(first)):
        return f"{history.name} was stopped at its start: the {BOUNDED[name]} is not finite there."
    size = float(np.nanmax(np.where(np.isfinite(last), last, np.inf)))
    return (
        f"{history.name} diverged: the {BOUNDED[name]} went from {float(np.max(first)):.3g} to {size:.3g} "
        f"by round {history.rounds[-1]}, so the run was stopped. A smaller step size should help."
    )


def _finish(history, cluster, state):
    for name in (*CLOCKS, *SHOWN):
        setattr(history, name, _column(getattr(history, name)))
    history.state = tuple(np.copy(s) if isinstance(s, np.ndarray) else s for s in _tuple(state))
    history.model = history.model.copy()
    history.cluster = cluster.state()


def _column(records):
    """Records as one array; a sweep may start from one model and only then fan out."""
    try:
        return np.array(records) if records else None
    except ValueError:  # of several shapes
        return np.array(np.broadcast_arrays(*records))


def _mean(records):
    return None if records is None else records.reshape(len(records), -1).mean(1)


def _tuple(state):
    return state if isinstance(state, tuple) else (state,)


def _one(together, r):
    single = History(together.name, together.rounds, together.bytes, together.seconds)
    for name in SHOWN:
        values = getattr(together, name)
        setattr(single, name, None if values is None else values[:, r])
    single.model = together.model[r]
    single.state = tuple(s[r] if isinstance(s, np.ndarray) and s.ndim == 3 else s for s in together.state)
    single.cluster = together.cluster
    return single


def _short(value):
    if np.ndim(value):
        return " ".join(_short(v) for v in np.ravel(value)[:4]) + (" ..." if np.size(value) > 4 else "")
    return f"{int(value):,}" if np.issubdtype(np.asarray(value).dtype, np.integer) else f"{float(value):.4g}"
