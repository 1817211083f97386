"""Study 1 on real processes: synchronous SGD on MPI ranks of this machine, with a clock on the wall."""

import json
import os
import subprocess
import sys

import numpy as np

from course_lib.clusters.launching import OPEN_MPI, cores, mpiexec
from course_lib.errors import CourseError
from course_lib.methods import sync_sgd
from course_lib.studies.digits import digits, pace, steps_to

PATIENCE = 300  # seconds for one start of ranks
BLOCKS, ROUNDS = 5, 30  # the clock is read so many times, after so many rounds each


def shares(batch, processes):
    """Images of each process when they share a batch as evenly as can be."""
    return np.array([len(part) for part in np.array_split(range(batch), processes)])


def on_processes(processes, **settings):
    """Start so many MPI processes, let each call `on_rank` with these settings, and return what rank 0 found.

    Raises
    ------
    CourseError
        If they fail, or need longer than `PATIENCE`.
    """
    command = [mpiexec(), "-n", str(processes), sys.executable, "-m", __name__, json.dumps(settings)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, env=os.environ | OPEN_MPI, **pipes) as started:
        try:
            out, errors = started.communicate(timeout=PATIENCE)
        except BaseException as error:
            started.terminate()  # an interrupt too: mpiexec takes its ranks with it
            if not isinstance(error, subprocess.TimeoutExpired):
                raise
            raise CourseError(f"{processes} MPI processes were not done within {PATIENCE} s") from None
    if started.returncode:
        raise CourseError(f"{processes} MPI processes failed: {errors.strip()[-300:]}")
    return json.loads(out.splitlines()[-1])


def on_rank(seed, batch, step_size, goal):
    """What each rank does: train until the loss is `goal`, then keep going against the clock.

    Returns
    -------
    dict
        rounds to the goal, seconds a round in each block of rounds, cores that the ranks share.
    """
    from mpi4py import MPI

    from course_lib.clusters import MPICluster

    ranks = MPI.COMM_WORLD.size
    problem, own = digits(ranks), {"seed": seed, "batch_size": shares(batch, ranks)}
    rounds = steps_to(sync_sgd(MPICluster(problem, **own), step_size), problem, goal, 1000)
    fast = MPICluster(problem, **own, reproducible=False)
    paces = [pace(sync_sgd, fast, step_size, steps=ROUNDS) for _ in range(BLOCKS)]
    return {"rounds": rounds, "paces": paces, "cores": cores()}


if __name__ == "__main__":
    from mpi4py import MPI

    found = on_rank(**json.loads(sys.argv[1]))
    if MPI.COMM_WORLD.rank == 0:
        print(json.dumps(found))
