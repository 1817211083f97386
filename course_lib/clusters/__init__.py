"""The narrow waist: what a method sees of the machines."""

from course_lib.clusters.arrivals import Arrival, Order
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

__all__ = [
    "Arrival",
    "Changing",
    "Constant",
    "Exponential",
    "Link",
    "Order",
    "Pareto",
    "ShiftedExponential",
    "SimulatedCluster",
    "Speeds",
    "slow_worker",
]
