"""Who talks to whom: graphs on the workers 0 ... m-1, as networkx graphs."""

import lazy_loader
import numpy as np

from course_lib.errors import CourseError, whole

nx = lazy_loader.load("networkx")  # when a graph is first asked for: who only mixes starts without it


def complete(m):
    """Every worker talks to every other."""
    return nx.complete_graph(_workers(m))


def ring(m):
    """Worker i talks to i - 1 and i + 1, modulo m."""
    return nx.cycle_graph(m) if _workers(m) > 2 else nx.path_graph(m)


def path(m):
    """A ring with one edge cut."""
    return nx.path_graph(_workers(m))


def star(m):
    """Worker 0 talks to all, the others to worker 0 alone."""
    return nx.star_graph(_workers(m) - 1)


def torus(rows, columns):
    """A grid whose edges wrap around: four neighbours each, where both sides are 3 or more."""
    graph = nx.convert_node_labels_to_integers(nx.grid_2d_graph(*_sides(rows, columns), periodic=True))
    graph.remove_edges_from(list(nx.selfloop_edges(graph)))
    return graph


def grid(rows, columns):
    """A rectangular grid."""
    return nx.convert_node_labels_to_integers(nx.grid_2d_graph(*_sides(rows, columns)))


def hypercube(q):
    """2^q workers; neighbours differ in one bit of their number."""
    return nx.convert_node_labels_to_integers(nx.hypercube_graph(whole(q, "the number of bits", 0)), ordering="sorted")


def exponential(m):
    """Worker i talks to i + 1, i + 2, i + 4, ... modulo m, in both directions."""
    return nx.circulant_graph(_workers(m), _powers_below(m))


def erdos_renyi(m, probability, seed=0):
    """Each edge present with the given probability; drawn again until the graph is connected."""
    rng = np.random.default_rng(whole(seed, "seed", 0))
    for _ in range(100):
        graph = nx.gnp_random_graph(m, probability, seed=int(rng.integers(2**31)))
        if nx.is_connected(graph):
            return graph
    raise CourseError(f"no connected graph in 100 draws: {probability} is too small for {m} workers (try 2 ln m / m)")


def small_world(m, neighbours=4, rewired=0.1, seed=0):
    """A ring of near neighbours with some edges led elsewhere (Watts and Strogatz, 1998); connected.

    Parameters
    ----------
    m : int
    neighbours : int
        Near neighbours of each worker before rewiring, half of them on either side.
    rewired : float
        Probability that an edge is led to a random worker instead.
    seed : int
    """
    if not 2 <= neighbours < m:
        raise CourseError(f"each worker needs 2 to {m - 1} near neighbours, not {neighbours}")
    return nx.connected_watts_strogatz_graph(m, neighbours, rewired, tries=100, seed=whole(seed, "seed", 0))


def from_edges(m, edges):
    """Any graph: m workers and the pairs that talk to each other.

    Parameters
    ----------
    m : int
    edges : iterable of (int, int)

    Returns
    -------
    networkx.Graph
        It may be disconnected; what needs a connected one says so.
    """
    graph = nx.empty_graph(_workers(m))
    graph.add_edges_from(edges)
    if graph.number_of_nodes() > m:
        raise CourseError(f"an edge names worker {max(graph.nodes)}, but the workers are 0 ... {m - 1}")
    return graph


def directed_ring(m):
    """Worker i writes to i + 1, modulo m, and to nobody else."""
    return nx.cycle_graph(_workers(m), create_using=nx.DiGraph)


def directed_exponential(m):
    """Worker i writes to i + 1, i + 2, i + 4, ... modulo m: the static exponential graph (Ying et al., 2021)."""
    graph = nx.empty_graph(_workers(m), create_using=nx.DiGraph)
    graph.add_edges_from((i, (i + hop) % m) for i in range(m) for hop in _powers_below(m))
    return graph


def check_graph(graph):
    """Refuse what is no network of workers 0 ... m-1 on which everyone hears of everyone.

    Parameters
    ----------
    graph : networkx.Graph or DiGraph

    Raises
    ------
    CourseError
        For other nodes, for a self-loop, and for a graph that is not (strongly) connected.
    """
    m = graph.number_of_nodes()
    if m == 0 or set(graph.nodes) != set(range(m)):
        raise CourseError("the graph's nodes must be the workers 0 ... m-1")
    check_self_loops(graph)
    if graph.is_directed():
        parts = nx.number_strongly_connected_components(graph)
        if parts > 1:
            raise CourseError(f"the directed graph is not strongly connected: it has {parts} strong components")
    elif not nx.is_connected(graph):
        parts = sorted(map(len, nx.connected_components(graph)))
        raise CourseError(
            f"the graph falls into {len(parts)} parts that never hear of each other, the smallest of {parts[0]}"
        )


def check_self_loops(graph):
    """Refuse edges from a worker to itself: W's diagonal holds what a worker keeps, not an edge."""
    loops = nx.number_of_selfloops(graph)
    if loops:
        first = next(iter(nx.selfloop_edges(graph)))[0]
        raise CourseError(
            f"{loops} self-loop{'s' * (loops > 1)}, the first at worker {first}: leave them out; W's diagonal "
            "takes whatever the edges leave"
        )


def _workers(m):
    return whole(m, "the number of workers")


def _sides(*sides):
    return [whole(side, "a side of the grid") for side in sides]


def _powers_below(m):
    return [2**j for j in range(max(m - 1, 1).bit_length())]
