"""Graphs of workers, mixing matrices on them, and how fast they average."""

from course_lib.topology.gap import CLOSED_FORMS, closed_form_gap, rho, spectral_gap
from course_lib.topology.graphs import (
    check_graph,
    complete,
    directed_exponential,
    directed_ring,
    erdos_renyi,
    exponential,
    from_edges,
    grid,
    hypercube,
    path,
    ring,
    small_world,
    star,
    torus,
)
from course_lib.topology.mixing import (
    check_mixing,
    check_pushing,
    fastest_mixing,
    lazy,
    max_degree,
    metropolis,
    push_weights,
    uniform,
)
from course_lib.topology.sequences import failing_links, one_peer_exponential, random_pairs, sequence

__all__ = [
    "CLOSED_FORMS", "check_graph", "check_mixing", "check_pushing", "closed_form_gap", "complete",
    "directed_exponential", "directed_ring", "erdos_renyi", "exponential", "failing_links", "fastest_mixing",
    "from_edges", "grid", "hypercube", "lazy", "max_degree", "metropolis", "one_peer_exponential", "path",
    "push_weights", "random_pairs", "rho", "ring", "sequence", "small_world", "spectral_gap", "star", "torus",
    "uniform",
]  # fmt: skip
