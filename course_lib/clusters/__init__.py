"""The narrow waist: what a method sees of the machines.

Real machines, `MPICluster`, `EngineCluster` and `launch`, need the extra ``course_lib[cluster]``; they are loaded
when they are first asked for.
"""

from importlib import import_module

from course_lib.clusters.arrivals import Arrival, Order
from course_lib.clusters.faults import Byzantine, Crashes, Loss, Partition
from course_lib.clusters.simulated import SimulatedCluster
from course_lib.clusters.timing import (
    Changing,
    Constant,
    Exponential,
    Link,
    Pareto,
    ShiftedExponential,
    Speeds,
    slow_worker,
)
from course_lib.clusters.wires import Racks, Wires
from course_lib.errors import CourseError

__all__ = [
    "Arrival",
    "Byzantine",
    "Changing",
    "Constant",
    "Crashes",
    "Exponential",
    "Link",
    "Loss",
    "Order",
    "Pareto",
    "Partition",
    "Racks",
    "ShiftedExponential",
    "SimulatedCluster",
    "Speeds",
    "Wires",
    "slow_worker",
]

REAL = {"MPICluster": "mpi", "EngineCluster": "engines", "launch": "launching"}


def __getattr__(name):
    if name not in REAL:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        return getattr(import_module(f"{__name__}.{REAL[name]}"), name)
    except ModuleNotFoundError as error:
        raise CourseError(f"{name} needs {error.name}: pip install 'course_lib[cluster]'") from None
