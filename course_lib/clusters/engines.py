"""A cluster of plain ipyparallel engines: workers that may die, and a server here that does not mind."""

import time
from concurrent.futures import FIRST_COMPLETED, wait

import numpy as np

from course_lib.clusters.real import RealCluster, Server
from course_lib.errors import CourseError

PATIENCE = 120  # seconds without any gradient


class EngineCluster(RealCluster):
    """Asynchronous training on processes that know nothing of each other. The server is this process.

    A task says all that a gradient needs: whose, its number in the worker's stream, the model. So a task that
    was lost with its process is simply done again by the replacement, with the same result; and as the server
    uses one result a task, every update is applied exactly once. Checkpoints are `History.save`: the state holds
    the models of all gradients under way, and ``restore`` goes on from them.

    Parameters
    ----------
    problem : Problem
    machines : Machines
        From ``launch(n, "local")``. Worker i runs on process i modulo n.
    seed, batch_size, initial_model, delays
        As in `RealCluster`.
    """

    def __init__(self, problem, machines, seed=0, batch_size=None, initial_model=None, delays=None):
        super().__init__(problem, seed, batch_size, initial_model, delays)
        self.machines, self.places = machines, sorted(machines.pids)  # worker i is at places[i % n]; None: vacant
        self.deaths = []  # seconds, and the process that was found dead
        self.teach(self.places)

    def teach(self, processes):
        """Hand the problem to these processes, once."""
        own = self.problem, self.seed, self.batch_size, self.initial_model, self.delays
        for task in [self.machines.client[k].apply_async(_learn, own) for k in processes]:
            task.get()

    def arrivals(self, x, fetch_every=1, push_every=1, ahead=None, shared=False):
        """Gradients as they come in, for ever: see `SimulatedCluster.arrivals`."""
        if shared:
            raise CourseError("processes share no memory: lock-free methods are simulated")
        return _Tasks(self, x, fetch_every, push_every, ahead).arrivals()

    def mean(self, V, weights=None):
        """The server holds all rows, so a mean costs nothing; synchronous methods run on `MPICluster`."""
        return self.average(V, weights)


class _Tasks(Server):
    """The server: one task a worker is under way at any time."""

    def __init__(self, cluster, *settings):
        super().__init__(cluster, *settings)
        self.tasks = {}  # worker -> its result to come
        self.lost = set()  # workers whose process has died

    def send(self, i, model):
        """A task for the process of worker i; it waits for a replacement if that is dead."""
        seat = i % len(self.cluster.places)
        place = self.cluster.places[seat]
        if place is not None and place not in self.cluster.machines.client.ids:
            self.vacate(seat)
        if self.cluster.places[seat] is None:
            self.lost.add(i)
        else:
            task = i, self.flight.steps[i], model
            self.tasks[i] = self.cluster.machines.client[place].apply_async(_gradient, *task)

    def receive(self):
        """From whoever is done; the longest under way first, if several are."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            if not self.tasks:
                time.sleep(0.2)  # all are lost: their replacements are on the way
            wait(list(self.tasks.values()), timeout=0.2 if self.lost else 2, return_when=FIRST_COMPLETED)
            for i in sorted((i for i in self.tasks if self.tasks[i].done()), key=lambda i: self.began.get(i, 0.0)):
                task = self.tasks.pop(i)
                if task.exception() is None:
                    return i, task.result()
                self.bury(i, task.exception())
            if self.lost:
                self.welcome()
        raise CourseError(f"no gradient came in {PATIENCE} s")

    def bury(self, i, error):
        """The process of worker i has died, if that is what the error says."""
        if getattr(error, "ename", type(error).__name__) != "EngineError":
            raise CourseError(f"worker {i}: {getattr(error, 'ename', type(error).__name__)}: {error}") from None
        self.lost.add(i)
        self.vacate(i % len(self.cluster.places))

    def vacate(self, seat):
        """Note the death, and order another process, unless that was done for a worker of the same process."""
        cluster = self.cluster
        if cluster.places[seat] is not None:
            cluster.deaths.append((cluster.seconds, cluster.places[seat]))
            cluster.places[seat] = None
            cluster.machines.replace()

    def welcome(self):
        """Give vacant places to processes that have come up, and their workers the tasks that were lost."""
        cluster = self.cluster
        for k in cluster.machines.settle():
            cluster.teach([k])
            if None in cluster.places:
                cluster.places[cluster.places.index(None)] = k
            again = [i for i in self.lost if cluster.places[i % len(cluster.places)] == k]
            self.lost.difference_update(again)
            for i in again:
                self.send(i, self.flight.read[i])

    def close(self):
        """Wait for what is under way: the processes are free for the next run."""
        wait(list(self.tasks.values()), timeout=10)


_held = {}  # on a process: the cluster that it works for, and gradients drawn for each worker


def _learn(own):
    """On a process: remember the problem."""
    _held.update(cluster=RealCluster(*own), drawn={})


def _gradient(i, number, model):
    """On a process: gradient `number` of worker i's stream, whatever this process has computed before."""
    cluster, drawn = _held["cluster"], _held["drawn"]
    if drawn.get(i, 0) > number:  # an older one again: from the stream's beginning
        cluster._streams.pop(i, None)
        del drawn[i]
    for _ in range(number - drawn.get(i, 0)):
        cluster._batch(slice(i, i + 1))
    drawn[i] = number + 1
    return cluster.compute(np.array(model), i)
