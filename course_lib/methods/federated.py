"""Federated methods: a server, and clients of whom only some take part in a round."""

import numpy as np

from course_lib.methods.base import in_place, method
from course_lib.methods.local import walk


@method
def fedavg(cluster, step_size, local_steps, weights=None, sample=None, dropout=0.0, start=None):
    """FedAvg: local SGD with weights, on a sample of the clients (McMahan et al., 2017).

    Clients that are not in the sample hold no model: 100,000 of them cost no more memory than their data.

    Parameters
    ----------
    cluster, step_size, local_steps, start
        As in `local_sgd`; ``epochs(cluster)`` local steps are one pass of each client over its rows.
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


def _means_of_both(team, A, B):
    """Means of two blocks, which travel as one message of twice the length."""
    return np.split(team.mean(np.concatenate(np.broadcast_arrays(A, B), axis=-1)), 2, axis=-1)
