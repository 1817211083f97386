"""Second-order methods: curvature of f, or of the workers' own losses, in place of a step size."""

import numpy as np

from course_lib.compressors import pack, unpack
from course_lib.errors import CourseError
from course_lib.methods.curved import average_all, curved, move, solve


@curved
def newton(cluster, step_size=None, damping=0.0, start=None):
    """Newton's method: x <- x - (mean_i H_i + damping I)^-1 mean_i g_i. A round of d (d + 1) / 2 + d words.

    Parameters
    ----------
    cluster : cluster
        Gradients and Hessians are of all the workers' data.
    step_size : float or function of t, optional
        Left out: a line search over the cluster, one more round of 12 words. A number is taken as it is: 1 is
        Newton's own step, which may diverge from afar.
    damping : float
        Added to the eigenvalues (Levenberg, 1944): needed where f is flat in some direction.
    start : state, optional
        What the method yielded when it was stopped.

    Yields
    ------
    x : array, shape (1, d)
        The model that all workers hold.
    t : int
        Steps taken.
    """
    x, t = start or (cluster.start(), 0)
    while True:
        yield x, t
        g, H = average_all(cluster, cluster.gradient(x), cluster.hessians(x))
        x = move(cluster, x, g, solve(H, g, damping), step_size, t)
        t = t + 1


@curved
def giant(cluster, step_size=None, damping=0.0, start=None):
    """GIANT (Wang et al., 2018): x <- x - mean_i H_i^-1 g, with g the mean gradient. Two rounds of d words.

    The mean of the inverses in place of the inverse of the mean: no Hessian is sent. Good where the workers' data
    are alike and plenty; where they differ the direction is poor, and with step 1 it may diverge.

    Parameters and yields are those of `newton`; `damping` is added to each worker's own Hessian.
    """
    x, t = start or (cluster.start(), 0)
    while True:
        yield x, t
        g = cluster.mean(cluster.gradient(x))
        own = solve(cluster.hessians(x), np.repeat(g, cluster.m, axis=0), damping)  # everyone's own Newton step for f
        x = move(cluster, x, g, cluster.mean(own), step_size, t)
        t = t + 1


@curved
def dane(cluster, rho=0.0, local_steps=None, step_size=None, start=None):
    """DANE (Shamir, Srebro and Zhang, 2014): everyone minimises its own loss, bent to have the gradient of f at x.

    x_i = argmin_y f_i(y) + (g - g_i).y + rho/2 ||y - x||^2, then x <- x - (x - mean_i x_i). Two rounds of d words.
    On quadratics that is GIANT with `damping` = rho.

    Parameters
    ----------
    cluster, start
        As in `newton`.
    rho : float
        Price of going far: what saves the method where workers' Hessians differ.
    local_steps : int or function of t, optional
        Solve the local problem by so many gradient steps only, of size 1/(L_i + rho), as AIDE does with other
        solvers (Reddi et al., 2016). Left out: to rounding, by Newton's method.
    step_size : float or function of t, optional
        As in `newton`. On quadratics a number is the eta of the paper.

    Yields
    ------
    x, t
        As in `newton`.
    """
    x, t = start or (cluster.start(), 0)
    while True:
        yield x, t
        G = cluster.gradient(x)
        g = cluster.mean(G)
        if local_steps is None:
            X = cluster.proximal(np.repeat(x, cluster.m, axis=0), rho, tilt=g - G)
        else:
            X = cluster.descend(x, g - G, rho, local_steps(t))
        x = move(cluster, x, g, x - cluster.mean(X), step_size, t)
        t = t + 1


@curved
def fednl(cluster, hessian_compressor, step_size=None, start=None):
    """FedNL (Safaryan et al., 2021): the server learns the Hessian from compressed differences.

    H_i <- H_i + alpha C(hess f_i(x) - H_i);  x <- x - (mean H_i + mean ||hess f_i(x) - H_i|| I)^-1 g. The norm makes
    up for what the server does not know yet: the matrix is never too small. alpha is 1 for contractive compressors,
    1/(1 + omega) for unbiased ones.

    Parameters
    ----------
    cluster, step_size, start
        As in `newton`.
    hessian_compressor : Compressor
        Of packed symmetric matrices, d (d + 1) / 2 numbers: ``SymmetricRank(1)``, ``TopK(d)``.

    Yields
    ------
    x : array, shape (1, d)
    H : array, shape (m, d (d + 1) / 2)
        What the server believes of the workers' Hessians, packed; it holds the same as they.
    t : int
    """
    size = cluster.d * (cluster.d + 1) // 2
    alpha = _learning_rate(hessian_compressor, size)
    x, H, t = start or (cluster.start(), np.zeros((cluster.m, size)), 0)
    while True:
        yield x, H, t
        G, new = cluster.gradient(x), pack(cluster.hessians(x))
        H = H + alpha * cluster.gather_compressed(new - H, hessian_compressor)
        apart = np.linalg.norm(new - H, axis=-1, keepdims=True)
        heard = cluster.average(cluster.gather(np.concatenate([G, apart], axis=-1)))
        g, shift = heard[:, :-1], heard[0, -1]
        direction = cluster.broadcast(solve(unpack(cluster.average(H)[0]), g, shift))
        x = move(cluster, x, g, direction, step_size, t)
        t = t + 1


def _learning_rate(compressor, size):
    if not hasattr(compressor, "send"):
        raise CourseError("fednl needs a compressor of packed Hessians, such as compressors.SymmetricRank(1)")
    compressor.check(size)
    if compressor.delta(size) is None and compressor.omega(size) is None:
        raise CourseError(f"fednl needs a contractive or an unbiased compressor, and {compressor} is neither")
    return 1.0 if compressor.delta(size) is not None else 1 / (1 + compressor.omega(size))
