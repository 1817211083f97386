"""The narrow waist: what a method sees of the machines."""

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
