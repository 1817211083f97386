"""Questions of homework 11: a line search, a budget of rounds and words, and inverses that are averaged."""

from concurrent.futures import ThreadPoolExecutor
from functools import cache
from threading import Barrier, BrokenBarrierError, Lock
from types import SimpleNamespace

import numpy as np

from course_lib.clusters.simulated import SimulatedCluster
from course_lib.data import classification
from course_lib.errors import CourseError
from course_lib.grading.question import Question, numbers
from course_lib.problems.linear import LogisticRegression

ROUNDS, WORDS = 12, 1000


def armijo(losses, slope, share):
    f = losses.mean(axis=0)
    sizes = 0.5 ** np.arange(len(f) - 1)
    enough = f[1:] <= f[0] - share * sizes * slope
    k = int(np.argmax(enough))
    return sizes[k], f[1 + k]


def _any_descent(losses, slope, share):
    return armijo(losses, 0.0, share)


def _lowest(losses, slope, share):
    f = losses.mean(axis=0)
    k = int(np.argmin(f[1:]))
    return 0.5**k, f[1 + k]


def _everyone_alone(losses, slope, share):
    f, sizes = losses.mean(axis=0), 0.5 ** np.arange(losses.shape[1] - 1)
    chosen = [np.argmax(row[1:] <= row[0] - share * sizes * slope) for row in losses]
    return sizes[chosen].mean(), f[1:][chosen].mean()


def _smallest(losses, slope, share):
    f = losses.mean(axis=0)
    return 0.5 ** (len(f) - 2), f[-1]


def _armijo_inputs(rng):
    """Losses along a ray at sizes 0, 1, 1/2, ...: f falls at 1/2, falls enough at 1/4, and is lowest at 1/8."""
    m, sizes = int(rng.integers(4, 8)), 0.5 ** np.arange(7)
    slope, shares = rng.uniform(0.5, 2), np.array([-0.3, 0.1, 0.38, 0.85, 0.93, 0.96, 0.98])
    mean = -sizes * slope * (shares + rng.uniform(-0.02, 0.02, 7))
    own = rng.normal(size=(m, 1))
    losses = np.column_stack([np.zeros(m), mean + slope * sizes * (own - own.mean())])
    return losses + rng.uniform(1, 3, (m, 1)), slope, rng.uniform(0.2, 0.3)


def minimise(cluster):
    x = cluster.start()
    for _ in range(6):
        g = cluster.mean(cluster.gradient(x))
        own = np.linalg.solve(cluster.hessians(x), g.T)
        x = x - cluster.mean(own[..., 0])
    return x


def _newton(cluster):
    x = cluster.start()
    for _ in range(6):
        together = np.concatenate([cluster.gradient(x), cluster.hessians(x).reshape(cluster.m, -1)], axis=1)
        average = cluster.mean(together)[0]
        x = x - np.linalg.solve(average[cluster.d :].reshape(cluster.d, -1), average[: cluster.d])
    return x


def _own_newton(cluster):
    x = cluster.start()
    for _ in range(12):
        own = np.linalg.solve(cluster.hessians(x), cluster.gradient(x)[..., None])
        x = x - cluster.mean(own[..., 0])
    return x


def _descent(cluster):
    x = cluster.start()
    for _ in range(12):
        x = x - 4 * cluster.mean(cluster.gradient(x))
    return x


def _too_long(cluster):
    x = cluster.start()
    for _ in range(10):
        g = cluster.mean(cluster.gradient(x))
        own = np.linalg.solve(cluster.hessians(x), g.T)
        x = x - cluster.mean(own[..., 0])
    return x


def _telepathy(cluster):
    x = cluster.start()
    for _ in range(6):
        H = cluster.hessians(x).mean(axis=0)
        x = x - np.linalg.solve(H, cluster.mean(cluster.gradient(x))[0])
    return x


class AllReduce:
    """The one way from a machine to the others, with its bill. Machines are threads that wait for each other."""

    def __init__(self, m):
        self.rows, self.rounds, self.words = [None] * m, 0, 0
        self.everyone, self.turn = Barrier(m, self._reduce), Lock()  # one computes at a time: faster in Python

    def mean(self, rank, V):
        """One machine's turn: its own row of V is sent, whatever the others are said to have."""
        self.rows[rank] = _rows(V, len(self.rows))[[rank]]
        self._wait()
        return self.result.copy()

    def run(self, rank, function, problem):
        """The model that one machine ends with."""
        try:
            with self.turn, np.errstate(all="ignore"):
                x = numbers(function(_machine(problem, lambda V: self.mean(rank, V))))
                self.rows[rank] = None
                self._wait()
            return x.reshape(1, -1)
        except BaseException:
            self.everyone.abort()
            raise

    def _wait(self):
        self.turn.release()
        try:
            self.everyone.wait()
        finally:
            self.turn.acquire()

    def _reduce(self):
        ended = sum(row is None for row in self.rows)
        if ended not in (0, len(self.rows)):
            raise CourseError("some workers call `mean` once more and others do not: decide by what all of them know")
        if not ended:
            self.result = np.mean(self.rows, axis=0)
            self.rounds, self.words = self.rounds + 1, self.words + self.result.shape[-1]


def _machine(problem, mean):
    """What a solution may call."""
    c = SimulatedCluster(problem)
    free = {"start": c.start, "gradient": c.gradient, "hessians": c.hessians, "trial_losses": c.trial_losses}
    return SimpleNamespace(m=c.m, d=c.d, mean=mean, **free)


def _rows(V, m):
    V = np.array(V)
    if V.ndim != 2 or len(V) != m:
        raise CourseError(f"`mean` takes one row a worker, shape ({m}, k), not {V.shape}")
    if V.dtype.kind not in "biuf":
        raise CourseError(f"a word is one real number, and nothing of type {V.dtype}")
    return V.astype(float)


def _problem(features, labels):
    return LogisticRegression(features, labels, l2=1e-3)


@cache
def _chaff(rank):
    """Data of another curvature: else they would do instead of what they hide."""
    rows, signs = _instance(np.random.default_rng(rank))
    return rows[..., ::-1], signs


def _everywhere(function, features, labels):
    """The models that all machines end with, and what they exchanged: each has its own data, and chaff for the others'.

    So rows of different workers meet in `mean` alone, and what is mixed in another way is worth nothing.
    """
    m, jobs = len(features), []
    for rank in range(m):
        rows, signs = map(np.copy, _chaff(rank))
        rows[rank], signs[rank] = features[rank], labels[rank]
        jobs.append((rank, function, _problem(rows, signs)))
    network = AllReduce(m)
    with ThreadPoolExecutor(m) as pool:
        tasks = [pool.submit(network.run, *job) for job in jobs]
    errors = [task.exception() for task in tasks if task.exception()]
    if errors:  # who waits for one that failed has an error of its own, which says less
        raise min(errors, key=lambda error: isinstance(error, BrokenBarrierError))
    return np.concatenate([task.result() for task in tasks]), network


def _measure(function, features, labels):
    """Whether the workers met without an exchange, the loss that they reach, and what exceeds the budget."""
    problem = _problem(features, labels)
    x = numbers(function(_machine(problem, lambda V: _rows(V, problem.m).mean(axis=0, keepdims=True)))).reshape(1, -1)
    models, network = _everywhere(function, features, labels)
    return {
        "telepathy (1 if rows of workers meet outside of `mean`)": not np.allclose(models, x, 1e-6, 1e-6, True),
        "loss": max(problem.loss(model[None]) for model in models),
        "rounds over the budget": max(0, network.rounds - ROUNDS),
        "words over the budget": max(0, network.words - WORDS),
    }


def _instance(rng):
    margin, seed = rng.uniform(0.5, 2.0), int(rng.integers(10**6))
    return classification(8, 300, 20, condition=1e4, margin=margin, seed=seed)


def off_identity(hessians):
    H, eye = hessians.mean(axis=0), np.eye(hessians.shape[1])
    single = eye - np.linalg.inv(hessians[0]) @ H
    averaged = eye - np.linalg.inv(hessians).mean(axis=0) @ H
    return np.linalg.norm(single, 2), np.linalg.norm(averaged, 2)


def _inverse_of_the_mean(hessians):
    H, eye = hessians.mean(axis=0), np.eye(hessians.shape[1])
    return np.linalg.norm(eye - np.linalg.inv(hessians[0]) @ H, 2), np.linalg.norm(eye - np.linalg.inv(H) @ H, 2)


def _frobenius(hessians):
    H, eye = hessians.mean(axis=0), np.eye(hessians.shape[1])
    inverses = np.linalg.inv(hessians)
    return np.linalg.norm(eye - inverses[0] @ H), np.linalg.norm(eye - inverses.mean(axis=0) @ H)


def _mean_of_norms(hessians):
    H, eye = hessians.mean(axis=0), np.eye(hessians.shape[1])
    off = [np.linalg.norm(eye - np.linalg.inv(h) @ H, 2) for h in hessians]
    return off[0], np.mean(off)


def _hessian_inputs(rng):
    m, d = int(rng.integers(4, 9)), int(rng.integers(3, 6))
    rows = rng.normal(size=(m, int(rng.integers(30, 60)), d))
    return (rows.swapaxes(1, 2) @ rows / rows.shape[1],)


QUESTIONS = [
    Question(
        id="budget-search",
        name="armijo",
        points=3,
        inputs=_armijo_inputs,
        reference=armijo,
        wrong={
            "any descent will do for this rule; Armijo asks for a share of what the slope promises": _any_descent,
            "this is the size of lowest loss; asked for is the largest that falls enough": _lowest,
            "every worker chose by its own loss: then no common decision is made, and f may rise": _everyone_alone,
            "this is the smallest size; asked for is the largest that falls enough": _smallest,
        },
        hints=(
            "Take the mean over the workers first: then it is one function along one ray.",
            "f = losses.mean(axis=0); enough = f[1:] <= f[0] - share * sizes * slope; then the first True",
        ),
    ),
    Question(
        id="budget-inverses",
        name="off_identity",
        points=2,
        inputs=_hessian_inputs,
        reference=off_identity,
        wrong={
            "this inverts the mean, which is off by nothing; average the inverses": _inverse_of_the_mean,
            "this is the Frobenius norm; what an error can grow by in one step is the spectral norm, "
            "np.linalg.norm(E, 2)": _frobenius,
            "the second number is the mean of the norms; average the inverses first, then take the "
            "norm": _mean_of_norms,
        },
        hints=(
            "np.linalg.inv takes the whole stack (m, d, d) at once.",
            "np.linalg.norm(eye - np.linalg.inv(hessians).mean(axis=0) @ H, 2)",
        ),
    ),
    Question(
        id="budget-minimise",
        name="minimise",
        points=6,
        inputs=_instance,
        reference=minimise,
        measure=_measure,
        scale={"loss": 1e-2},
        plain=("start", "m", "d", "gradient", "hessians", "trial_losses", "mean"),
        wrong={
            "it gets there, but sends whole Hessians: 12 rounds would be no problem, 1000 words are": _newton,
            "everyone takes a Newton step along its *own* gradient: that leads to the mean of the workers' own optima, "
            "not to the optimum": _own_newton,
            "twelve rounds of gradient descent do not reach 1e-8: the condition number is in the hundreds": _descent,
            "it gets there, but goes on for too long: more than 12 rounds": _too_long,
            "an average over workers that is not `cluster.mean`: on real machines nobody has all rows": _telepathy,
        },
        hints=(
            "Rows are dealt at random, 300 to each worker and 20 parameters: every worker's own Hessian is nearly the "
            "common one. What can you average instead of it?",
            "g = cluster.mean(cluster.gradient(x)), own = np.linalg.solve(cluster.hessians(x), g.T); then the mean of "
            "own[..., 0]",
        ),
    ),
]
