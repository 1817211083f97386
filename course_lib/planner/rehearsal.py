"""The planner's own problem, run on the simulated cluster: what its forecasts are held against."""

import networkx as nx
import numpy as np

from course_lib import topology
from course_lib.clusters import Link, SimulatedCluster
from course_lib.compressors import Natural, RandomK
from course_lib.errors import CourseError
from course_lib.experiment import run
from course_lib.methods import adapt_then_combine, async_sgd, compressed_sgd, local_sgd, sync_sgd
from course_lib.planner import seconds
from course_lib.planner.job import DIRECTIONS
from course_lib.planner.plan import graphs
from course_lib.problems import Quadratic

LARGEST = 240  # parameters, and workers


def rehearse(job, forecast, replicates=24, seed=0):
    """Run a forecast's method with its setting and step size, and measure when it reaches the target.

    Parameters
    ----------
    job : Job
        With few parameters, a multiple of 12, few workers, and words of 8 bytes, as the simulator's.
    forecast : Forecast
        One of ``plan(...).families``, or of `forecasts`.
    replicates : int
        Independent runs; the target is held against their mean loss.
    seed : int

    Returns
    -------
    (float, float)
        Simulated seconds, and rounds (updates, where there are no rounds).
    """
    if job.d % DIRECTIONS or max(job.d, job.workers) > LARGEST or job.word != 8:
        raise CourseError(f"a rehearsal needs at most {LARGEST} workers and parameters, 12 by 12, of 8 bytes each")
    cluster = _cluster(job, forecast, replicates, seed)
    history = run(_method(cluster, forecast, job), int(2 * forecast.rounds) + 2, quiet=True).averaged()
    target = job.target * history.loss[0] + (1 - job.target) * cluster.problem.loss(np.zeros(job.d))
    return history.first("loss", target, "seconds"), history.first("loss", target)


def problem(job, seed=0):
    """The noisy quadratic of a job, f* at zero: halves of the workers steeper and flatter, at random places."""
    copies = job.d // DIRECTIONS
    lam, zeta = np.tile(job.curvatures, copies), np.tile(job.disagreement, copies)
    side = np.random.default_rng(seed).permutation(np.arange(job.workers) % 2 * 2.0 - 1)
    own = lam * (1 + job.heterogeneity * side[:, None])
    noise = np.sqrt(job.variance * job.d)
    return Quadratic(own[..., None] * np.eye(job.d), -side[:, None] * zeta / own, noise)


def _cluster(job, forecast, replicates, seed):
    options = {"all_reduce": seconds.reduced(job)[1]} if forecast.family in ("sync", "local") else {}
    if forecast.family == "async":
        options = {"service": job.size / job.bandwidth}
    start = np.tile(job.start, job.d // DIRECTIONS)
    link = Link(job.latency, job.bandwidth)
    return SimulatedCluster(
        problem(job, seed), seed=seed, compute=job.compute, link=link, batch_size=1, replicates=replicates,
        initial_model=start, **options,
    )  # fmt: skip


def _method(cluster, forecast, job):
    step, option = forecast.step_size, forecast.option
    if forecast.family == "compressed":
        return compressed_sgd(cluster, step, Natural() if option == "natural" else RandomK(option))
    if forecast.family == "local":
        return local_sgd(cluster, step, option)
    if forecast.family == "decentralised":
        graph = nx.circulant_graph(job.workers, graphs(job.workers)[option])
        return adapt_then_combine(cluster, step, topology.metropolis(graph))
    return {"sync": sync_sgd, "async": async_sgd}[forecast.family](cluster, step)
