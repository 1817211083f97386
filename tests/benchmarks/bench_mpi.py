"""What the real cluster costs above a hand-written mpi4py loop, and ten kills: `make bench` prints the table.

mean and mix (a ring), four ranks with a worker each, one vector of d words. Short batches take turns, and the quickest
of many counts: so a busy machine slows both, and neither.
"""

import os
import subprocess
import sys

import numpy as np
import pytest

from course_lib.clusters.launching import OPEN_MPI, missing, mpiexec

CALLS = {10_000: 5, 1_000_000: 1}  # in a batch
BATCHES = {10_000: 300, 1_000_000: 30}
LIMIT = 1.3


def on_ranks():
    from mpi4py import MPI

    world = MPI.COMM_WORLD
    for d, calls in CALLS.items():
        for name, (by_hand, ours) in pairs(world, d).items():
            assert np.allclose(by_hand(), ours(), rtol=0, atol=1e-14)
            seconds = np.array([[batch(world, f, calls) for f in (by_hand, ours)] for _ in range(BATCHES[d])])
            if world.rank == 0:
                print(name, d, *seconds.min(axis=0) / calls, flush=True)


def pairs(world, d):
    """Each call by hand and by the cluster."""
    from mpi4py import MPI

    from course_lib import topology
    from course_lib.clusters import MPICluster
    from course_lib.problems import Quadratic

    m, neighbours = world.size, [(world.rank - 1) % world.size, (world.rank + 1) % world.size]
    ring, W = world.Create_dist_graph_adjacent(neighbours, neighbours), topology.metropolis(topology.ring(m))
    cluster = MPICluster(Quadratic(np.ones((m, 1, 1)), np.zeros((m, 1))), reproducible=False)
    X, heard = np.random.default_rng(world.rank).standard_normal((1, d)), np.empty((2, d))

    def mean():
        total = X / m
        world.Allreduce(MPI.IN_PLACE, total)
        return total

    def mix():
        ring.Neighbor_alltoallv([X, [d, d], [0, 0], MPI.DOUBLE], [heard, [d, d], MPI.DOUBLE])
        return (X + heard[0] + heard[1]) / 3

    return {"mean": (mean, lambda: cluster.mean(X)), "mix": (mix, lambda: cluster.mix(X, W))}


def batch(world, function, calls):
    """Seconds of so many calls, on the slowest rank."""
    from mpi4py import MPI

    world.Barrier()
    start = MPI.Wtime()
    for _ in range(calls):
        function()
    return world.allreduce(MPI.Wtime() - start, MPI.MAX)


@pytest.mark.skipif(bool(missing()), reason=f"NO REAL MACHINES: {missing()}")
def test_the_abstraction_costs_little(figure):
    command = [mpiexec(), "-n", "4", sys.executable, __file__]
    done = subprocess.run(command, env=os.environ | OPEN_MPI, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    for line in done.stdout.splitlines():
        name, d, hand, ours = line.split()
        ratio = float(ours) / float(hand)
        figure(f"MPI on four ranks, {name} of {int(d):,} numbers: by a loop by hand", LIMIT, ratio, "times")
        assert ratio <= LIMIT


@pytest.mark.skipif(bool(missing()), reason=f"NO REAL MACHINES: {missing()}")
def test_ten_runs_with_a_process_killed(monkeypatch):
    sys.path.insert(0, os.path.dirname(os.path.dirname(__file__)))
    import test_engines

    monkeypatch.setattr(test_engines, "KILLS", 10)
    with test_engines.Machines(4, "local") as engines:
        test_engines.test_a_killed_worker_costs_no_update_and_doubles_none(engines)


if __name__ == "__main__":
    on_ranks()
