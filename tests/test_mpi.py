"""Real MPI ranks compute what the simulator computes, to the last bit; run by mpiexec, this file is what they do."""

import os
import pickle
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from course_lib import compressors, data, topology
from course_lib.__main__ import main
from course_lib.checkpoints import Checkpoints
from course_lib.clusters import Link, Order, SimulatedCluster
from course_lib.clusters.launching import OPEN_MPI, missing, mpiexec
from course_lib.clusters.measuring import SIZES, fit_link
from course_lib.errors import CourseError
from course_lib.experiment import History, run
from course_lib.methods import (
    async_sgd,
    choco_sgd,
    compressed_sgd,
    dsgd,
    error_feedback_sgd,
    gradient_tracking,
    local_sgd,
    parameter_server_sgd,
    push_sum_sgd,
    scaffold,
    stale_synchronous_sgd,
    sync_sgd,
)
from course_lib.planner import reality, seconds
from course_lib.problems import LogisticRegression

TEAMS = [(4, 4), (4, 8), (3, 8), (2, 16), (1, 5)]  # ranks, workers
CROWD = 128  # workers, of whom so few are neighbours that the simulator multiplies a sparse matrix
ROUNDS, REPLAYS = 12, 10
pytestmark = [
    pytest.mark.mpi,
    pytest.mark.skipif(bool(missing()), reason=f"NO REAL MACHINES, SO NOTHING HERE WAS TESTED: {missing()}"),
]


def problem(m):
    return LogisticRegression(*data.classification(m, rows=40, d=9, heterogeneity=1.0), l2=0.1)


def ring(c):
    return topology.metropolis(topology.ring(c.m))


METHODS = {
    "sync": lambda c: sync_sgd(c, 0.5),
    "server": lambda c: parameter_server_sgd(c, 0.5),
    "local": lambda c: local_sgd(c, 0.2, 4),
    "scaffold": lambda c: scaffold(c, 0.2, 3),
    "dsgd": lambda c: dsgd(c, 0.2, ring(c)),
    "tracking": lambda c: gradient_tracking(c, 0.2, ring(c)),
    "changing graph": lambda c: dsgd(c, 0.2, topology.failing_links(topology.ring(c.m), 0.3)),
    "push-sum": lambda c: push_sum_sgd(c, 0.2, topology.push_weights(topology.directed_ring(c.m))),
    "top-k with error feedback": lambda c: error_feedback_sgd(c, 0.2, compressors.TopK(3)),
    "QSGD": lambda c: compressed_sgd(c, 0.2, compressors.QSGD(4)),
    "CHOCO": lambda c: choco_sgd(c, 0.2, ring(c), compressors.RandomK(3), 0.2),
}
ASYNC = {
    "async": lambda c: async_sgd(c, 0.05),
    "stale-synchronous": lambda c: stale_synchronous_sgd(c, 0.05, bound=2),
}


def name(method, ranks, m, reproducible):
    return f"{method} {ranks} {m} {reproducible}"


# ---- what each rank does ----------------------------------------------------------------------------------


def on_ranks(folder):
    from mpi4py import MPI

    from course_lib.clusters import MPICluster

    world = MPI.COMM_WORLD
    for ranks, m in TEAMS:
        team = world.Split(0 if world.rank < ranks else MPI.UNDEFINED)
        for method in METHODS if team != MPI.COMM_NULL else ():
            for reproducible in (True, False):
                cluster = MPICluster(problem(m), batch_size=5, reproducible=reproducible, comm=team)
                history = run(METHODS[method](cluster), ROUNDS, 4)
                if team.rank == 0:
                    history.save(f"{folder}/{name(method, ranks, m, reproducible)}")
        wait_for_all(world)
    for method in ASYNC:
        for k in range(REPLAYS):
            cluster = MPICluster(problem(7), seed=k, batch_size=5, delays={3: 2e-3 * k})
            history = run(ASYNC[method](cluster), 150, 50)
            if world.rank == 0:
                history.save(f"{folder}/{method} {k}")
                cluster.order.save(f"{folder}/{method} {k} order")
    for reproducible in (True, False):
        history = run(METHODS["dsgd"](MPICluster(problem(CROWD), reproducible=reproducible)), ROUNDS, 4)
        if world.rank == 0:
            history.save(f"{folder}/{name('dsgd', 4, CROWD, reproducible)}")
    refusals(MPICluster, folder)
    found = reality.measured(problem, rounds=5)
    if world.rank == 0:
        Path(folder, "steps.pickle").write_bytes(pickle.dumps(found))
    main(["run", "dsgd", "step_size=0.2", "W=ring", "--rounds", "5", "--out", f"{folder}/command"])


def wait_for_all(world):
    """A barrier that sleeps: MPI's own keeps the cores busy, and there are fewer of them than ranks."""
    barrier = world.Ibarrier()
    while not barrier.Test():
        time.sleep(0.01)


def refusals(MPICluster, folder):
    """Mistakes, in words: what all ranks get to hear."""
    from mpi4py import MPI

    cluster = MPICluster(problem(8))
    tries = {
        "few": lambda: run(sync_sgd(MPICluster(problem(3)), 0.1), 1),
        "rows": lambda: cluster.mean(np.zeros((8, 9))),
        "sample": lambda: cluster.select(sample=2),
        "shared": lambda: cluster.arrivals(cluster.start(), shared=True),
        "checkpoints": lambda: run(sync_sgd(cluster, 0.1), 1, checkpoints=Checkpoints(f"{folder}/checkpoints")),
        "resume": lambda: Checkpoints(f"{folder}/checkpoints").resume(cluster),
        "alone": lambda: MPICluster(problem(2), comm=MPI.COMM_SELF).arrivals(cluster.start()),
    }
    for key, mistake in tries.items():
        with pytest.raises(CourseError) as caught:
            mistake()
        if MPI.COMM_WORLD.rank == 0:
            with open(f"{folder}/{key}.txt", "w") as file:
                file.write(str(caught.value))


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """One start of four ranks for all tests: the folder with what they saved."""
    folder = tmp_path_factory.mktemp("ranks")
    command = [mpiexec(), "-n", "4", sys.executable, __file__, str(folder)]
    environment = {**os.environ, **OPEN_MPI, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    return folder


# ---- statements -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("ranks", "m"), TEAMS)
def test_iterates_are_the_simulators(ran, method, ranks, m):
    simulated = run(METHODS[method](SimulatedCluster(problem(m), batch_size=5)), ROUNDS, 4)
    same = History.load(ran / name(method, ranks, m, True))
    assert same.model.tobytes() == simulated.model.tobytes()
    np.testing.assert_array_equal(same.loss, simulated.loss)
    np.testing.assert_array_equal(same.consensus, simulated.consensus)
    fast = History.load(ran / name(method, ranks, m, False))
    np.testing.assert_allclose(fast.model, simulated.model, rtol=0, atol=1e-14)


def test_a_crowd_of_few_neighbours_is_mixed_as_in_the_simulator(ran):
    """By a sparse product there and here: a dense one rounds otherwise."""
    simulated = run(METHODS["dsgd"](SimulatedCluster(problem(CROWD))), ROUNDS, 4)
    same, fast = (History.load(ran / name("dsgd", 4, CROWD, reproducible)) for reproducible in (True, False))
    assert same.model.tobytes() == simulated.model.tobytes()
    np.testing.assert_array_equal(same.state[0], simulated.state[0][: CROWD // 4])  # rank 0's own workers
    np.testing.assert_allclose(fast.model, simulated.model, rtol=0, atol=1e-14)


@pytest.mark.parametrize("method", ["server", "dsgd", "tracking", "push-sum", "QSGD", "CHOCO"])
def test_with_a_rank_a_worker_the_bill_is_the_simulators(ran, method):
    """Compressed messages too: their bytes are those that travelled."""
    simulated = run(METHODS[method](SimulatedCluster(problem(4), batch_size=5)), ROUNDS, 4)
    np.testing.assert_array_equal(History.load(ran / name(method, 4, 4, True)).bytes, simulated.bytes)


def test_a_fast_mean_is_billed_as_a_ring_among_ranks(ran):
    for ranks in (4, 2):
        m = {4: 4, 2: 16}[ranks]
        words = 2 * (ranks - 1) * 9
        assert History.load(ran / name("sync", ranks, m, False)).bytes[-1] == 8 * words * ROUNDS
    assert History.load(ran / name("sync", 1, 5, True)).bytes[-1] == 0  # nobody to talk to


@pytest.mark.parametrize("method", ASYNC)
def test_ten_of_ten_asynchronous_runs_are_replayed_bit_for_bit(ran, method):
    orders = set()
    for k in range(REPLAYS):
        real, order = History.load(ran / f"{method} {k}"), Order.load(ran / f"{method} {k} order")
        simulated = SimulatedCluster(problem(7), seed=k, batch_size=5, replay=order)
        again = run(ASYNC[method](simulated), 150, 50)
        assert again.model.tobytes() == real.model.tobytes()
        np.testing.assert_array_equal(again.loss, real.loss)
        np.testing.assert_array_equal(simulated.order.staleness, order.staleness)
        orders.add(tuple(order.workers))
    assert len(orders) > 1  # real runs differ from each other


def test_a_worker_that_sleeps_is_heard_less_often(ran):
    workers = Order.load(ran / f"async {REPLAYS - 1} order").workers
    heard = np.bincount(workers, minlength=7)
    assert heard[3] < np.delete(heard, 3).max() / 2


def test_a_bound_holds_on_real_machines(ran):
    order = Order.load(ran / f"stale-synchronous {REPLAYS - 1} order")
    ahead = [np.ptp(np.bincount(order.workers[:t], minlength=7)) for t in range(1, 151)]
    assert max(ahead) <= 3  # bound + 1: the gradient that was under way
    assert order.staleness.max() <= 6 * (2 * 2 + 1)


def test_the_command_line_runs_on_all_ranks(ran):
    real = History.load(ran / "command")
    assert real.rounds[-1] == 5 and real.seconds[-1] > 0
    assert main(["run", "dsgd", "step_size=0.2", "W=ring", "--rounds", "5", "--out", str(ran / "here")]) == 0
    assert History.load(ran / "here").model.tobytes() == real.model.tobytes()


def test_a_link_is_fitted_exactly_where_there_is_no_noise():
    link = Link(latency=3e-5, bandwidth=2e9)
    fitted = fit_link(SIZES, [link.seconds(size) for size in SIZES])
    np.testing.assert_allclose([fitted.latency, fitted.bandwidth], [3e-5, 2e9], rtol=1e-9)
    assert fit_link([1, 2], [2.0, 1.0]) == Link(1.5, np.inf)  # noise: longer messages were quicker


def test_the_planner_is_held_against_measured_steps(ran):
    """The structure alone: what a busy machine measures is its own affair."""
    found = pickle.loads((ran / "steps.pickle").read_bytes())
    assert [team["ranks"] for team in found] == [2, 3, 4]
    for team in found:
        own = {name: team[name] for name in ("d", "ranks", "link", "compute")}
        forecasts = reality.predicted(**own)
        assert set(forecasts) == set(team["steps"]) == {"sync", "decentralised"}
        assert min(team["steps"].values()) > 0
        for forecast in forecasts.values():  # a step is the gradients, and then the wires as fitted
            assert forecast.round > seconds.mean(team["compute"]) > 0
            assert forecast.parts["latency"] >= team["link"].latency


def test_mistakes_are_told_in_words(ran):
    said = {file.stem: file.read_text() for file in ran.glob("*.txt")}
    assert "4 ranks for 3 workers" in said["few"]
    assert "hosts 2 workers" in said["rows"]
    assert "everyone takes part" in said["sample"]
    assert "share no memory" in said["shared"]
    assert "at least two ranks" in said["alone"]
    assert "overwrite each other" in said["checkpoints"] and said["resume"] == said["checkpoints"]
    assert not (ran / "checkpoints").exists()


if __name__ == "__main__":
    on_ranks(sys.argv[1])
