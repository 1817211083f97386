"""Real processes: started in a line, killed at random, replaced, and never left behind."""

import importlib.util
import random
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress

import numpy as np
import pytest

from course_lib import data
from course_lib.clusters import SimulatedCluster, launch, launching
from course_lib.clusters.launching import Machines, missing
from course_lib.errors import CourseError
from course_lib.experiment import History, run
from course_lib.methods import async_sgd, downpour_sgd, iag, stale_synchronous_sgd
from course_lib.problems import LogisticRegression

KILLS = 4  # ten of them in tests/benchmarks/bench_mpi.py: a new process takes seconds to come up
real = [
    pytest.mark.mpi,
    pytest.mark.skipif(bool(missing()), reason=f"NO REAL MACHINES, SO NOTHING HERE WAS TESTED: {missing()}"),
]


def problem(m=4):
    return LogisticRegression(*data.classification(m, rows=40, d=9, heterogeneity=1.0), l2=0.1)


def marked(test):
    for mark in real:
        test = mark(test)
    return test


# ---- where something is missing ---------------------------------------------------------------------------


def test_without_the_packages_launch_says_so_loudly(monkeypatch, capsys):
    find = importlib.util.find_spec
    monkeypatch.setattr(launching, "find_spec", lambda name: None if name == "mpi4py" else find(name))
    machines = launch(4)
    said = capsys.readouterr().out
    assert "NO REAL MACHINES HERE" in said and "mpi4py" in said and "pip install" in said
    assert not machines.ready()
    assert "NOT RUN" in capsys.readouterr().out
    with machines, pytest.raises(CourseError, match="mpi4py not installed"):
        machines.run(print)


def test_without_mpiexec_or_on_windows_the_advice_is_another(monkeypatch):
    monkeypatch.setattr(launching, "find_spec", lambda name: True)
    monkeypatch.setattr(launching, "mpiexec", lambda: None)
    assert "no mpiexec" in missing() and not missing("local")
    monkeypatch.setattr(sys, "platform", "win32")
    assert "WSL" in missing()


# ---- plain engines ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def engines():
    with Machines(4, "local") as machines:
        yield machines


def cluster(engines, seed=0):
    from course_lib.clusters import EngineCluster

    return EngineCluster(problem(), engines, seed=seed, batch_size=5)


def replayed(method, order, rounds, seed=0):
    return run(method(SimulatedCluster(problem(), seed=seed, batch_size=5, replay=order)), rounds, rounds)


@marked
def test_a_killed_worker_costs_no_update_and_doubles_none(engines):
    """One of four processes is killed at a random time; the replay shows every update once."""
    rng = random.Random(0)
    for seed in range(KILLS):
        engines.mend()
        here = cluster(engines, seed)
        victim = rng.choice(here.places)
        threading.Timer(0.25 * rng.random(), engines.kill, [victim]).start()
        rounds = 100
        steps = async_sgd(here, 0.05)
        history = run(steps, rounds, rounds)
        while not here.deaths:  # it may have lived a little longer than that
            rounds += 20
            history = run(steps, 20, 20)
        again = replayed(lambda c: async_sgd(c, 0.05), here.order, rounds, seed)
        assert here.deaths[0][1] == victim
        assert len(here.order.workers) == rounds == history.rounds[-1]
        assert again.model.tobytes() == history.model.tobytes()


@marked
def test_a_replacement_joins_and_takes_over_the_dead_ones_worker(engines):
    """With a bound on how far ahead anyone may run, the run ends only if the dead one's worker is heard again."""
    engines.mend()
    here = cluster(engines)
    steps = stale_synchronous_sgd(here, 0.05, bound=3)
    run(steps, 20)
    engines.kill(here.places[1])
    history = run(steps, 60, 60)
    assert None not in here.places and len(here.deaths) == 1
    assert np.bincount(here.order.workers)[1] > 10
    again = replayed(lambda c: stale_synchronous_sgd(c, 0.05, bound=3), here.order, 80)
    assert again.model.tobytes() == history.model.tobytes()


@marked
@pytest.mark.parametrize("method", [async_sgd, iag, lambda *a, **k: downpour_sgd(*a, fetch_every=3, push_every=2, **k)])
def test_a_checkpoint_is_where_a_new_server_goes_on(engines, method, tmp_path):
    """The server stops, with gradients under way; another one goes on, as if nothing had been."""
    engines.mend()
    run(method(cluster(engines), 0.05), 30, 30).save(tmp_path / "checkpoint")
    saved = History.load(tmp_path / "checkpoint")
    other = cluster(engines)
    other.restore(saved.cluster)
    end = run(method(other, 0.05, start=saved.state), 30, 30)
    again = replayed(lambda c: method(c, 0.05), other.order, 60)
    assert len(other.order.workers) == 60
    assert again.model.tobytes() == end.model.tobytes()


@marked
def test_functions_of_a_notebook_run_everywhere_and_errors_are_told(engines):
    engines.mend()
    factor = 3
    assert engines.run(lambda x: factor * x, 4) == 12

    def fails():
        raise CourseError("the step size must be positive")

    with pytest.raises(CourseError, match=r"^the step size must be positive$"):
        engines.run(fails)
    with pytest.raises(CourseError, match=r"process \d+: ZeroDivisionError"):
        engines.run(lambda: 1 / 0)


INTERRUPTED = """
import os, sys
import ipyparallel, psutil
from course_lib.clusters.launching import Machines

where, killed = sys.argv[1], sys.argv[2] == "True"

def interrupt(*args, **kwargs):
    for process in psutil.Process().children(recursive=True):
        print(process.pid, flush=True)
        if killed and process.ppid() == os.getpid() and "ipyparallel.controller" in process.cmdline():
            process.kill()
    raise KeyboardInterrupt

setattr(ipyparallel.Client, where, interrupt)
try:
    Machines(1, "local")
except KeyboardInterrupt:
    print("interrupted")
"""


@marked
@pytest.mark.parametrize(
    "where, killed",
    [
        ("wait_for_engines", False),  # before all are up
        ("wait_for_engines", True),  # and a controller that is starting its schedulers dies without them
        ("__getitem__", False),  # when they are greeted
    ],
)
def test_an_interrupt_while_they_come_up_leaves_none_behind(where, killed):
    """In a Python of its own: this one may have a browser, which starts processes when it likes."""
    command = [sys.executable, "-c", INTERRUPTED, where, str(killed)]
    *begun, end = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, timeout=120).stdout.split()
    assert end == "interrupted" and len(begun) >= 2  # the controller and the process
    assert remaining(begun) == []


# ---- ranks ------------------------------------------------------------------------------------------------


@marked
def test_a_deadlock_ends_with_a_restart_and_the_stopped_say_so(capsys):
    def add(x):
        from mpi4py import MPI

        return MPI.COMM_WORLD.allreduce(x)

    def wait_for_ever():
        from mpi4py import MPI

        if MPI.COMM_WORLD.rank == 0:
            MPI.COMM_WORLD.recv(source=1)

    with Machines(2) as ranks:
        assert ranks.run(add, 5) == 10
        before = set(ranks.pids.values())
        with pytest.raises(CourseError, match="a deadlock"):
            ranks.run(wait_for_ever, seconds=0.5)
        assert ranks.run(add, 6) == 12
        assert not before & set(ranks.pids.values())
        assert ranks.ready()
    assert remaining(before) == []
    assert not ranks.ready() and "NOT RUN: these processes have been stopped" in capsys.readouterr().out
    with pytest.raises(CourseError, match="`launch` starts others"):
        ranks.run(add, 5)


@marked
def test_processes_do_not_outlive_who_started_them():
    code = (
        "from course_lib.clusters.launching import Machines; import time; m = Machines(2);"
        "print(*m.pids.values(), m._cluster.controller.pid, flush=True); time.sleep(100)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as starter:
        pids = [int(pid) for pid in starter.stdout.readline().split()]
        assert len(pids) == 3
        starter.send_signal(signal.SIGKILL)  # no time to clean up
    assert remaining(pids) == []


def remaining(pids, seconds=15):
    """Commands of those that have not ended in time."""
    end = time.monotonic() + seconds
    while (left := [command for pid in pids if (command := running(int(pid)))]) and time.monotonic() < end:
        time.sleep(0.2)
    return left


def running(pid):
    """The command of a process; none if it has ended, also where nobody has read its exit code yet."""
    import psutil

    with suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).cmdline()
