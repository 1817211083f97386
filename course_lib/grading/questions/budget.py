"""Questions of homework 11: a line search, a budget of rounds and words, and inverses that are averaged."""

import numpy as np

from course_lib.clusters.simulated import SimulatedCluster
from course_lib.data import classification
from course_lib.grading.question import Question
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


class Counted:
    """What a solution may call: everything that is exchanged goes through `mean`, which counts, and notes it."""

    def __init__(self, problem):
        cluster = SimulatedCluster(problem)
        self.m, self.d, self.start = cluster.m, cluster.d, cluster.start
        self.gradient, self.hessians, self.trial_losses = cluster.gradient, cluster.hessians, cluster.trial_losses
        self.bill, self.all_reduce, self.notes = lambda: (cluster.exchanges, cluster.words), cluster.mean, []

    def mean(self, V):
        """The exchange."""
        self.notes.append((np.array(V), self.all_reduce(V)))
        return self.notes[-1][1]


class Replayed(Counted):
    """The same exchanges, while half of the workers have other data: what the others send must not change."""

    def __init__(self, problem, notes):
        super().__init__(problem)
        self.notes, self.honest = iter(notes), True

    def mean(self, V):
        """What it was the first time, as long as the second half of the workers send what they did."""
        sent, result = next(self.notes, (None, None))
        half = slice(self.m // 2, None)
        self.honest &= sent is not None and np.shape(V) == sent.shape and np.allclose(V[half], sent[half], atol=1e-12)
        return result if self.honest else self.all_reduce(V)


def _mixes(function, features, labels, notes, x):
    """Whether rows of different workers meet anywhere but in `mean`: then half of them can tell the other's data."""
    others = np.concatenate([features[: len(features) // 2] + 1.0, features[len(features) // 2 :]])
    cluster = Replayed(LogisticRegression(others, labels, l2=1e-3), notes)
    again = np.reshape(function(cluster), (1, -1))
    return not (cluster.honest and np.allclose(again, x, atol=1e-12))


def _measure(function, features, labels):
    """The loss reached, what the budget was exceeded by, and whether workers met without an exchange."""
    problem = LogisticRegression(features, labels, l2=1e-3)
    cluster = Counted(problem)
    x = np.reshape(function(cluster), (1, -1))
    rounds, words = cluster.bill()
    over = {"rounds over the budget": max(0, rounds - ROUNDS), "words over the budget": max(0.0, words - WORDS)}
    mixed = _mixes(function, features, labels, cluster.notes, x)
    return {"loss": problem.loss(x)} | over | {"telepathy (1 if rows of workers meet outside of `mean`)": float(mixed)}


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
