"""Fault-tolerant methods: synchronous SGD that neither a slow worker nor a dead one can hold up."""

from course_lib.errors import CourseError
from course_lib.methods.base import method


@method
def backup_sgd(cluster, step_size, backups, start=None):
    """SGD with backup workers: a round ends when all but so many are done, whoever they are (Chen et al., 2016).

    What the others were at is thrown away: where data are local, their data with it.

    Parameters
    ----------
    cluster : cluster
        Its `batch_size` says how many samples make a gradient.
    step_size : float, array (R, 1, 1) or function of t
        eta.
    backups : int
        b: the first m - b count.
    start : state, optional
        What the method yielded when it was stopped.

    Yields
    ------
    x : array, shape (..., 1, d)
        The model that all workers hold.
    t : int
        Steps taken.
    """
    cluster.check_count(cluster.m - backups)
    x, t = start or (cluster.start(), 0)
    while True:
        yield x, t
        g = cluster.gradient(x)
        team = cluster.first(cluster.m - backups)  # nobody waits for the others
        x = x - step_size(t) * team.mean(g[..., team.workers, :])
        t = t + 1


@method
def deadline_sgd(cluster, step_size, deadline, start=None):
    """SGD in rounds of bounded length: whoever is not done by the deadline is left out.

    Parameters
    ----------
    deadline : float
        Seconds from the beginning of a round; if nobody is done by then, the first one is waited for.

    Other parameters and yields are those of `backup_sgd`.
    """
    x, t = start or (cluster.start(), 0)
    while True:
        yield x, t
        g = cluster.gradient(x)
        team = cluster.punctual(deadline)
        x = x - step_size(t) * team.mean(g[..., team.workers, :])
        t = t + 1


@method
def elastic_sgd(cluster, step_size, start=None):
    """SGD by whoever is there: a worker that crashes or is cut off is missed until it comes back, not waited for.

    Parameters and yields are those of `backup_sgd`, without backups.
    """
    x, t = start or (cluster.start(), 0)
    while True:
        yield x, t
        g = cluster.gradient(x)
        team = cluster.survivors()
        x = x - step_size(t) * team.mean(g[..., team.workers, :])
        t = t + 1


@method
def speculative_sgd(cluster, step_size, copies, start=None):
    """Synchronous SGD whose last few gradients of a round are begun again on idle machines (Dean and Ghemawat, 2004).

    Its iterates are those of `sync_sgd`.

    Parameters
    ----------
    copies : int
        How many; at most half of the workers.

    Other parameters and yields are those of `backup_sgd`.
    """
    cluster.check_count(copies, most=cluster.m // 2)
    x, t = start or (cluster.start(), 0)
    while True:
        yield x, t
        g = cluster.gradient(x)
        cluster.speculate(copies)  # the original or its copy: whichever is done first
        x = x - step_size(t) * cluster.mean(g)
        t = t + 1


@method
def coded_sgd(cluster, step_size, code, start=None):
    """Gradient coding: the exact gradient from the first m - s workers, each with s + 1 shares (Tandon et al., 2017).

    Its iterates are those of `sync_sgd`, up to rounding.

    Parameters
    ----------
    code : Code
        Such as ``coding.Cyclic(m, s)``.

    Other parameters and yields are those of `backup_sgd`.
    """
    if not hasattr(code, "decode") or code.m != cluster.m:
        raise CourseError(f"coded_sgd needs a code for {cluster.m} workers, such as coding.Cyclic({cluster.m}, 2)")
    x, t = start or (cluster.start(), 0)
    while True:
        yield x, t
        mixed = cluster.coded_gradient(x, code)  # each worker mixes the gradients of its shares
        team = cluster.first(cluster.m - code.stragglers)
        x = x - step_size(t) * code.decode(team.workers) @ team.gather(mixed)
        x = team.broadcast(x)  # nobody waits for those under repair
        t = t + 1
