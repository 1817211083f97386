"""Local methods: workers take several steps between two messages, and what that does to where they end up."""

import numpy as np

from course_lib.errors import CourseError, whole
from course_lib.methods.base import method


@method
def local_sgd(cluster, step_size, local_steps, start=None):
    """Local SGD: every worker takes K steps of its own, then all average (Stich, 2019).

    One local step is synchronous SGD, bit for bit: what is averaged is the sum of a worker's gradients.

    Parameters
    ----------
    cluster : cluster
        Its `batch_size` says how many samples make a gradient.
    step_size : float, array (R, 1, 1) or function of the round t
        eta, the same throughout a round.
    local_steps : int or function of the round t
        K: see `post_local` for one that grows.
    start : state, optional
        What the method yielded when it was stopped.

    Yields
    ------
    x : array, shape (..., 1, d)
        The model that all workers hold after averaging.
    t : int
        Rounds taken.
    """
    x, t = start or (cluster.start(), 0)
    while True:
        yield x, t
        walked = walk(cluster, x, step_size(t), local_steps(t))
        x = x - step_size(t) * cluster.mean(walked)
        t = t + 1


@method
def scaffnew(cluster, step_size, probability, seed=0, start=None):
    """Scaffnew, or ProxSkip: average after each step with a small probability only (Mishchenko et al., 2022).

    The number of local steps is geometric, from a coin that all workers share; shifts h_i learn the gradients at the
    optimum. With probability 1/sqrt(kappa) it needs sqrt(kappa) log(1/eps) messages, as many as an accelerated method.

    Parameters
    ----------
    cluster, step_size, start
        As in `local_sgd`.
    probability : float
        p, with which a step is followed by a message.
    seed : int
        Of the coin: round t's steps depend on (seed, t) alone.

    Yields
    ------
    x : array, shape (..., 1, d)
        The model that all workers hold after a message.
    h : array, shape (..., m, d)
        Each worker's shift.
    t : int
        Rounds, that is messages, so far.
    """
    x, h, t = start or (cluster.start(), cluster.zeros(), 0)
    while True:
        yield x, h, t
        steps = np.random.default_rng([seed, t]).geometric(probability)
        walked = walk(cluster, x, step_size(t), steps, -h)
        change = cluster.mean(walked)
        x, h = x - step_size(t) * change, h + probability * (walked - change)
        t = t + 1


@method
def periodic_averaging(cluster, step_size, local_steps, start=None):
    """Local SGD step by step: workers' own models are seen between two messages as well.

    Parameters are those of `local_sgd`; step sizes and local steps are those of the step's round.

    Yields
    ------
    X : array, shape (..., m, d)
        Each worker's own model.
    k : int
        Steps since the last message.
    t : int
        Rounds taken.
    """
    X, k, t = start or (cluster.start(replicated=False), 0, 0)
    while True:
        yield X, k, t
        X, k = X - step_size(t) * cluster.gradient(X), k + 1
        if k == local_steps(t):
            X, k, t = cluster.mean(X) + 0 * X, 0, t + 1


@method
def adaptive_local_sgd(cluster, step_size, local_steps, review=10, start=None):
    """AdaComm: many local steps while the loss is large, fewer as it falls (Wang and Joshi, 2019).

    Every `review` rounds the workers all-reduce their losses, one number each, and K becomes
    ceil(sqrt(F / F_0) K_0); where that is no less than before, K is halved. Losses must not be negative.

    Parameters
    ----------
    cluster, step_size, start
        As in `local_sgd`.
    local_steps : int or function of the round t
        K_0 is its value in round 0.
    review : int
        Rounds between two decisions.

    Yields
    ------
    x : array, shape (..., 1, d)
        The model that all workers hold after averaging.
    K : int
        Local steps of the next round.
    F_0 : float
        The loss at the start; 0 before it was measured.
    t : int
        Rounds taken.
    """
    x, K, F_0, t = start or (cluster.start(), local_steps(0), 0.0, 0)
    while True:
        yield x, K, F_0, t
        if t % review == 0:
            F = float(cluster.mean(cluster.losses(x)).mean())
            F_0 = F_0 or F
            K = fewer_steps(F, F_0, local_steps(0), K) if t else K
        walked = walk(cluster, x, step_size(t), K)
        x = x - step_size(t) * cluster.mean(walked)
        t = t + 1


def post_local(rounds, local_steps):
    """One local step for so many rounds, then several: post-local SGD (Lin et al., 2020).

    Returns
    -------
    function of the round t
        For the argument `local_steps` of any local method.
    """
    return lambda t: 1 if t < rounds else local_steps


def epochs(cluster, passes=1):
    """Local steps in so many passes over the data: what papers on federated learning call E epochs.

    All clients take as many steps as the one with the most mini-batches needs. With a `batch_size` in proportion to
    its rows, ``ceil(n_i / K)``, each client passes once over its own in K steps.

    Parameters
    ----------
    cluster : cluster
        Its `batch_size` cuts the rows of each client into mini-batches; without one, a pass is a single step.
    passes : int

    Returns
    -------
    int
    """
    whole(passes, "the number of passes")
    sizes = getattr(cluster.problem, "sizes", None)
    if sizes is None:
        raise CourseError("an epoch is a pass over rows of data, and this problem has none: give local steps")
    return int(passes * np.ceil(sizes / (sizes if cluster.batch_size is None else cluster.batch_size)).max())


def fewer_steps(F, F_0, K_0, K):
    """AdaComm's rule: ceil(sqrt(F / F_0) K_0), or half of K where that is no less than K; at least 1."""
    wanted = int(np.ceil(np.sqrt(F / F_0) * K_0))
    return max(1, wanted if wanted < K else K // 2)


def walk(team, x, step_size, local_steps, correction=0.0):
    """Each worker takes so many steps from x on its own; the sum of the gradients that it took.

    Parameters
    ----------
    team : cluster or Team
    x : array, shape (..., 1, d)
        Where all begin.
    step_size : float or array (R, 1, 1)
    local_steps : int
    correction : array, shape (..., m, d), optional
        Added to every gradient.

    Returns
    -------
    array, shape (..., m, d)
        Worker i ends at x less step_size times its row.
    """
    walked = 0
    for _ in range(local_steps):
        walked = walked + (team.gradient(x - step_size * walked) + correction)
    return walked
