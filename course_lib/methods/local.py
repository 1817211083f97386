"""Local methods: workers take several steps between two messages, and what that does to where they end up."""

import numpy as np

from course_lib.errors import CourseError
from course_lib.methods.base import in_place, method


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
def fedavg(cluster, step_size, local_steps, weights=None, sample=None, dropout=0.0, start=None):
    """FedAvg: local SGD with weights, on a sample of the clients (McMahan et al., 2017).

    Clients that are not in the sample hold no model: 100,000 of them cost no more memory than their data. For
    an epoch a round on shares of different size let the cluster's `batch_size` be ``ceil(n_i / K)``.

    Parameters
    ----------
    cluster, step_size, local_steps, start
        As in `local_sgd`.
    weights : {"equal", "pooled"} or array (m,), optional
        What each client counts: the same, as many as it has rows, or so much; the problem's if left out.
    sample : int, optional
        Clients that take part in a round, drawn anew; all of them if left out.
    dropout : float
        Probability that one of these is lost before it answers.

    Yields
    ------
    x : array, shape (..., 1, d)
        The server's model.
    t : int
        Rounds taken.
    """
    x, t = start or (cluster.start(), 0)
    while True:
        yield x, t
        team = cluster.select(sample, dropout, weights)
        walked = walk(team, x, step_size(t), local_steps(t))
        x = x - step_size(t) * team.mean(walked)
        t = t + 1


@method
def fedprox(cluster, step_size, local_steps, rho, weights=None, sample=None, dropout=0.0, start=None):
    """FedProx: each client descends on f_i(y) + rho/2 ||y - x||^2, tied to the server's model (Li et al., 2020).

    With many local steps it solves its proximal problem exactly. The drift shrinks with rho, and so does progress.

    Parameters
    ----------
    rho : float
        The rope's stiffness, in units of the Hessian.
    cluster, step_size, local_steps, weights, sample, dropout, start
        As in `fedavg`, and so are the yields.
    """
    x, t = start or (cluster.start(), 0)
    while True:
        yield x, t
        team, eta = cluster.select(sample, dropout, weights), step_size(t)
        walked = 0
        for _ in range(local_steps(t)):
            walked = walked + team.gradient(x - eta * walked) - rho * eta * walked  # y - x = -eta walked
        x = x - eta * team.mean(walked)
        t = t + 1


@method
def scaffold(cluster, step_size, local_steps, sample=None, server_step=1.0, option=2, start=None):
    """SCAFFOLD: every local step is corrected by c - c_i, an estimate of grad f - grad f_i (Karimireddy et al., 2020).

    c is the weighted mean of all c_i at all times. A message holds the change of the model and that of c_i: it is
    twice as long as FedAvg's.

    Parameters
    ----------
    cluster, step_size, local_steps, sample, start
        As in `fedavg`.
    server_step : float
        eta_g, by which the mean of the clients' changes is multiplied.
    option : {1, 2}
        The new c_i: the gradient at the server's model, which costs another gradient a round (1), or the mean of
        the gradients along the path (2).

    Yields
    ------
    x : array, shape (..., 1, d)
        The server's model.
    C : array, shape (..., m, d)
        Each client's c_i: at home with the client, who needs it next time.
    c : array, shape (..., 1, d)
        Their weighted mean.
    t : int
        Rounds taken.
    """
    if option not in (1, 2):
        raise CourseError(f"SCAFFOLD has options 1 and 2, not {option}")
    x, C, c, t = start or (cluster.start(), cluster.zeros(), 0 * cluster.start(), 0)
    while True:
        yield x, C, c, t
        team = cluster.select(sample)
        mine = C[..., team.workers, :]
        fresh = team.gradient(x) if option == 1 else 0
        walked = walk(team, x, step_size(t), local_steps(t), c - mine)
        if option == 2:
            fresh = walked / local_steps(t) + mine - c
        change, news = _means_of_both(team, walked, fresh - mine)
        x, c = x - server_step * step_size(t) * change, c + team.share * news
        C = in_place(C, step_size)
        C[..., team.workers, :] = fresh
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
    if not 0 < probability <= 1:
        raise CourseError(f"the probability of a message must be above 0 and at most 1, not {probability}")
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


@method
def fedavgm(cluster, step_size, local_steps, momentum=0.9, server_step=1.0, sample=None, start=None):
    """FedAvg with momentum on the server (Hsu, Qi and Brown, 2019): v <- beta v + change, x <- x - eta_g v.

    Parameters
    ----------
    cluster, step_size, local_steps, sample, start
        As in `fedavg`.
    momentum : float
        beta.
    server_step : float
        eta_g.

    Yields
    ------
    x, v : arrays, shape (..., 1, d)
        The server's model and its momentum.
    t : int
        Rounds taken.
    """
    x, v, t = start or (cluster.start(), 0 * cluster.start(), 0)
    while True:
        yield x, v, t
        team = cluster.select(sample)
        walked = walk(team, x, step_size(t), local_steps(t))
        v = momentum * v + step_size(t) * team.mean(walked)
        x = x - server_step * v
        t = t + 1


@method
def fedadam(
    cluster, step_size, local_steps, server_step=0.1, betas=(0.9, 0.99), floor=1e-3, sample=None, start=None
):  # fmt: skip
    """FedAdam: the server takes the clients' mean change for a gradient, and gives it to Adam (Reddi et al., 2021).

    Parameters
    ----------
    cluster, step_size, local_steps, sample, start
        As in `fedavg`.
    server_step : float
        eta_g: about how far a coordinate moves in a round.
    betas : (float, float)
        Memories of the first and of the second moment.
    floor : float
        tau: added to the root of the second moment.

    Yields
    ------
    x, v, s : arrays, shape (..., 1, d)
        The server's model, first and second moments of the change.
    t : int
        Rounds taken.
    """
    x, v, s, t = start or (cluster.start(), 0 * cluster.start(), 0 * cluster.start() + floor**2, 0)
    while True:
        yield x, v, s, t
        team = cluster.select(sample)
        change = step_size(t) * team.mean(walk(team, x, step_size(t), local_steps(t)))
        v = betas[0] * v + (1 - betas[0]) * change
        s = betas[1] * s + (1 - betas[1]) * change**2
        x = x - server_step * v / (np.sqrt(s) + floor)
        t = t + 1


def post_local(rounds, local_steps):
    """One local step for so many rounds, then several: post-local SGD (Lin et al., 2020).

    Returns
    -------
    function of the round t
        For the argument `local_steps` of any local method.
    """
    return lambda t: 1 if t < rounds else local_steps


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


def _means_of_both(team, A, B):
    """Means of two blocks, which travel as one message of twice the length."""
    return np.split(team.mean(np.concatenate(np.broadcast_arrays(A, B), axis=-1)), 2, axis=-1)
