"""The planner's seconds of a step, held against real ranks: what it is told of a machine, what it says, what is so."""

import numpy as np

from course_lib import topology
from course_lib.methods import dsgd, sync_sgd
from course_lib.planner.job import Job
from course_lib.planner.plan import forecasts

#: Two families, each as a method that steps as the planner thinks: all-reduce, and a ring.
STEPS = {
    "sync": lambda cluster: sync_sgd(cluster, 0.1),
    "decentralised": lambda cluster: dsgd(cluster, 0.1, topology.metropolis(topology.ring(cluster.m))),
}


def predicted(d, ranks, link, compute):
    """The planner's forecast of each family for so many ranks of a machine; its `round` is the seconds of a step.

    Parameters
    ----------
    d, ranks : int
        Numbers in the model; workers, one a rank.
    link : Link
    compute : ComputeTime

    Returns
    -------
    dict of str to Forecast
    """
    job = Job(d, ranks, link.latency, link.bandwidth, compute, word=8)
    return {family: forecasts(job, family)[0] for family in STEPS}


def measured(problem, teams=(2, 3, 4), rounds=100):
    """On the ranks of an MPI program, for the first two, three, four of them: what the machine is, and its steps.

    Parameters
    ----------
    problem : callable
        Number of workers -> Problem.
    teams : sequence of int
        Numbers of ranks, one after another; the other ranks have nothing to do.
    rounds : int
        Steps, and gradients, over which seconds are averaged.

    Returns
    -------
    list of dict
        On rank 0, one a team: d, ranks, link, compute (both fitted before the runs), and seconds of a step by family.
    """
    from mpi4py import MPI

    world, found = MPI.COMM_WORLD, []
    for ranks in teams:
        team = world.Split(0 if world.rank < ranks else MPI.UNDEFINED)
        if team != MPI.COMM_NULL:
            found.append(_measured(problem(ranks), team, rounds))
    return found


def _measured(problem, team, rounds):
    from course_lib.clusters import MPICluster
    from course_lib.clusters.measuring import SIZES, fit_compute, fit_link, gradient_times, round_trips

    cluster = MPICluster(problem, reproducible=False, comm=team)
    link = fit_link(SIZES, round_trips(comm=team) / 2)
    compute = fit_compute(np.concatenate(team.allgather(gradient_times(cluster, rounds))))
    steps = {family: _step(method(cluster), cluster, rounds) for family, method in STEPS.items()}
    return {"d": problem.d, "ranks": team.size, "link": link, "compute": compute, "steps": steps}


def _step(runs, cluster, rounds):
    """Mean seconds of a step, after the first."""
    clock = [cluster.seconds for _ in zip(range(rounds + 2), runs)]
    return (clock[-1] - clock[1]) / rounds
