"""Decentralised methods: no server, no all-reduce; a model on each worker, and a word with the neighbours."""

import numpy as np

from course_lib.methods.base import method
from course_lib.methods.gossip import choco_step, push_step, the_one


@method
def dsgd(cluster, step_size, W, start=None):
    """Decentralised SGD, combine then adapt, the lesson's Algorithm 7.1: X <- W X - eta G(X).

    With a constant step it stops short of the optimum whenever workers want different things, because W and the
    gradients pull in different directions at the fixed point (Yuan, Ling and Yin, 2016).

    Parameters
    ----------
    cluster : cluster
        Its `batch_size` says how many samples make a gradient.
    step_size : float, array (R, 1, 1) or function of t
        eta.
    W : array or sparse matrix (m, m), or function of t
        Mixing matrix, doubly stochastic; a function where the graph changes from round to round.
    start : state, optional
        What the method yielded when it was stopped.

    Yields
    ------
    X : array, shape (..., m, d)
        A model on each worker.
    t : int
        Steps taken.
    """
    X, t = start or (cluster.start(replicated=False), 0)
    while True:
        yield X, t
        G = cluster.gradient(X)  # each worker, at its own model
        X = cluster.mix(X, W(t)) - step_size(t) * G
        t = t + 1


@method
def adapt_then_combine(cluster, step_size, W, start=None):
    """Decentralised SGD the other way round: X <- W (X - eta G(X)). With W = 11^T/m it is exactly sync SGD.

    Parameters and yields are those of `dsgd` (Lopes and Sayed, 2008; Lian et al., 2017).
    """
    X, t = start or (cluster.start(replicated=False), 0)
    while True:
        yield X, t
        X = cluster.mix(X - step_size(t) * cluster.gradient(X), W(t))
        t = t + 1


@method
def decentralized_subgradient(cluster, step_size, W, start=None):
    """`dsgd` with subgradients, judged by its running averages (Nedić and Ozdaglar, 2009).

    For losses with kinks: the average over time converges where the last model only wanders.

    Parameters are those of `dsgd`.

    Yields
    ------
    average : array, shape (..., m, d)
        Mean of each worker's models so far.
    X : array, shape (..., m, d)
    t : int
    """
    average, X, t = start or (*2 * (cluster.start(replicated=False),), 0)
    while True:
        yield average, X, t
        X = cluster.mix(X, W(t)) - step_size(t) * cluster.gradient(X)
        t = t + 1
        average = average + (X - average) / (t + 1)


@method
def extra(cluster, step_size, W, start=None):
    """EXTRA (Shi et al., 2015): `dsgd` plus the sum of all past disagreement, so that it ends at the optimum.

    X <- W X - eta G(X) - C with C <- C + (X - W X) / 2. Two steps of it, subtracted, give the paper's
    X_{t+2} = (I + W) X_{t+1} - (I + W)/2 X_t - eta (G_{t+1} - G_t).

    Parameters are those of `dsgd`; its theory asks for one symmetric W and a constant step.

    Yields
    ------
    X : array, shape (..., m, d)
    C : array, shape (..., m, d)
        The correction, which tends to -eta grad f_i(x*); its mean over the workers is always zero.
    t : int
    """
    X, C, t = start or (cluster.start(replicated=False), cluster.zeros(), 0)
    while True:
        yield X, C, t
        mixed = cluster.mix(X, W(t))
        G = cluster.gradient(X)
        X, C = mixed - step_size(t) * G - C, C + (X - mixed) / 2
        t = t + 1


@method
def gradient_tracking(cluster, step_size, W, start=None):
    """Each worker tracks the mean gradient Y and steps along it (Qu and Li, 2018; Nedić, Olshevsky and Shi, 2017).

    X <- W (X - eta Y); Y <- W (Y + G(X_new) - G(X)). The mean of Y is always the mean of the gradients.
    Two messages a round. It converges on graphs that change; for EXTRA nobody has proved that, and it may diverge.

    Parameters are those of `dsgd`.

    Yields
    ------
    X : array, shape (..., m, d)
    Y : array, shape (..., m, d)
        Estimates of the mean gradient.
    G : array, shape (..., m, d)
        Gradients at X; the first are computed before round 1.
    t : int
    """
    if start is None:
        X = cluster.start(replicated=False)
        G = cluster.gradient(X)
        start = X, G, G, 0  # the first trackers are the gradients themselves
    X, Y, G, t = start
    while True:
        yield X, Y, G, t
        X = cluster.mix(X - step_size(t) * Y, W(t))
        new = cluster.gradient(X)
        Y, G = cluster.mix(Y + new - G, W(t)), new
        t = t + 1


@method
def exact_diffusion(cluster, step_size, W, start=None):
    """Adapt, correct, combine (Yuan et al., 2019), known as D2 for stochastic gradients (Tang et al., 2018).

    P <- X - eta G(X);  X <- (I + W)/2 (P + X - P_old). One message a round, and no bias. (D2 as published mixes
    with W itself, which asks for eigenvalues above -1/3; (I + W)/2 always has them.)

    Parameters are those of `dsgd`; one symmetric W.

    Yields
    ------
    X : array, shape (..., m, d)
    P : array, shape (..., m, d)
        Models after the last step, before they were combined.
    t : int
    """
    X, P, t = start or (*2 * (cluster.start(replicated=False),), 0)
    while True:
        yield X, P, t
        adapted = X - step_size(t) * cluster.gradient(X)
        corrected = adapted + X - P
        X, P = (corrected + cluster.mix(corrected, W(t))) / 2, adapted
        t = t + 1


@method
def choco_sgd(cluster, step_size, W, compressor, consensus_step, start=None):
    """CHOCO-SGD (Koloskova, Stich and Jaggi, 2019): a gradient step, then an exchange of compressed differences.

    Parameters
    ----------
    cluster, step_size, W, start
        As `dsgd`; one W for all rounds.
    compressor : Compressor
        Contractive.
    consensus_step : float
        gamma of `choco_gossip`.

    Yields
    ------
    X, copies, mixed, t
        As `choco_gossip`.
    """
    W = the_one(W)
    X, copies, mixed, t = start or (cluster.start(replicated=False), cluster.zeros(), cluster.zeros(), 0)
    while True:
        yield X, copies, mixed, t
        X = X - step_size(t) * cluster.gradient(X)
        X, copies, mixed = choco_step(cluster, X, copies, mixed, W, compressor, consensus_step)
        t = t + 1


@method
def push_sum_sgd(cluster, step_size, A, start=None):
    """SGD over one-way links (Nedić and Olshevsky, 2016; Assran et al., 2019): gradients at the ratio Z = X / w.

    Parameters
    ----------
    cluster, step_size, start
        As `dsgd`; equal weights of the workers.
    A : array or sparse matrix (m, m), or function of t
        Column-stochastic, such as ``topology.push_weights(graph)``.

    Yields
    ------
    Z, X, w, t
        As `push_sum`; the models are Z.
    """
    if start is None:
        X = cluster.start(replicated=False)
        start = X, X, np.ones((*X.shape[:-1], 1)), 0
    Z, X, w, t = start
    while True:
        yield Z, X, w, t
        X, w = push_step(cluster, X - step_size(t) * cluster.gradient(Z), w, A(t))
        Z, t = X / w, t + 1
