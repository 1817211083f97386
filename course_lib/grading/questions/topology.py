"""Questions of homework 07: spectral gaps in closed form, and what they cost in messages."""

import numpy as np

from course_lib.grading.question import Question

TIGHT = 1e-4  # scale: a check's tolerance is 1e-6 of it


def gaps(function, names, sizes):
    """Measure a function of (name, m) at all names, each at its own sizes."""
    return {name: [function(name, m) for m in ms] for name, ms in zip(names, sizes)}


def _cos(m):
    return 1 - np.cos(2 * np.pi / m)


# ---- rings ----------------------------------------------------------------------------------------------


def ring_gap(name, m):
    if name == "ring":
        return 2 / 3 * (1 - np.cos(2 * np.pi / m))
    if name == "lazy ring":
        return 1 / 2 * (1 - np.cos(2 * np.pi / m))
    return 0.0 if m % 2 == 0 else 1 - np.cos(np.pi / m)


def _second_eigenvalue_only(name, m):
    return _cos(m) if name == "half ring" else ring_gap(name, m)


def _half_angle(name, m):
    return ring_gap(name, m) if name == "half ring" else ring_gap(name, 2 * m)


def _rho_instead(name, m):
    return 1 - ring_gap(name, m)


def _never(name, m):
    return 0.0 if name == "half ring" else ring_gap(name, m)


RINGS = ("ring", "lazy ring", "half ring")


def _ring_inputs(rng):
    odd = 2 * rng.integers(3, 40, size=2) + 1
    sizes = [rng.integers(5, 80, size=3).tolist(), rng.integers(5, 80, size=3).tolist()]
    return RINGS, (*sizes, [*odd.tolist(), 2 * int(rng.integers(3, 40))])


# ---- path, star, complete graph -------------------------------------------------------------------------


def tree_gap(name, m):
    if name == "path":
        return 2 / 3 * (1 - np.cos(np.pi / m))
    return 1 / m if name == "star" else 1.0


def _path_as_ring(name, m):
    return 2 / 3 * _cos(m) if name == "path" else tree_gap(name, m)


def _fast_star(name, m):
    return 2 / (m + 1) if name == "star" else tree_gap(name, m)


def _star_by_degree(name, m):
    return 1 / (m - 1) if name == "star" else tree_gap(name, m)


def _complete_without_self(name, m):
    return 1 - 1 / (m - 1) if name == "complete" else tree_gap(name, m)


TREES = ("path", "star", "complete")


def _tree_inputs(rng):
    return TREES, tuple(rng.integers(5, 60, size=4).tolist() for _ in TREES)


# ---- torus, hypercube, exponential graph ----------------------------------------------------------------


def product_gap(name, m):
    if name == "torus":
        return 2 / 5 * (1 - np.cos(2 * np.pi / np.sqrt(m)))
    if name == "hypercube":
        return 2 / (np.log2(m) + 1)
    return 2 / (1 + np.ceil(np.log2(m)))


def _torus_with_m(name, m):
    return 2 / 5 * _cos(m) if name == "torus" else product_gap(name, m)


def _torus_without_self(name, m):
    return 1 / 2 * _cos(np.sqrt(m)) if name == "torus" else product_gap(name, m)


def _half_hypercube(name, m):
    return 1 / (np.log2(m) + 1) if name == "hypercube" else product_gap(name, m)


def _exponential_unrounded(name, m):
    return 2 / (1 + np.log2(m)) if name == "exponential" else product_gap(name, m)


PRODUCTS = ("torus", "hypercube", "exponential")


def _product_inputs(rng):
    squares = (rng.integers(4, 40, size=3) ** 2).tolist()
    powers = (2 ** rng.permutation(np.arange(2, 11))[:3]).tolist()
    return PRODUCTS, (squares, powers, (2 * rng.integers(3, 200, size=3)).tolist())


# ---- messages -------------------------------------------------------------------------------------------


def messages_needed(gap, edges, share):
    rounds = np.ceil(np.log(share) / np.log(1 - gap))
    return 2 * edges * rounds


def _each_edge_once(gap, edges, share):
    return edges * np.ceil(np.log(share) / np.log(1 - gap))


def _rule_of_thumb(gap, edges, share):
    return 2 * edges * np.ceil(np.log(1 / share) / gap)


def _rounded_down(gap, edges, share):
    return 2 * edges * np.floor(np.log(share) / np.log(1 - gap))


def _rounds_alone(gap, edges, share):
    return np.ceil(np.log(share) / np.log(1 - gap))


def _message_inputs(rng):
    return rng.uniform(0.01, 0.6), int(rng.integers(20, 2000)), 10.0 ** -rng.uniform(2, 9)


QUESTIONS = [
    Question(
        id="topology-rings",
        name="ring_gap",
        points=4,
        inputs=_ring_inputs,
        reference=ring_gap,
        measure=gaps,
        scale=TIGHT,
        wrong={
            "for the half ring you looked at lambda_2 alone; the eigenvalue nearest to -1 counts as well": (
                _second_eigenvalue_only
            ),
            "eigenvalues of a ring are at angles 2 pi k / m; pi k / m belongs to the path": _half_angle,
            "this is rho; the gap is 1 - rho": _rho_instead,
            "a half ring with an odd number of workers does mix: lambda = -cos(pi / m) is its worst": _never,
        },
        hints=(
            "W is circulant: its eigenvectors are waves. Apply it to exp(2 pi i j k / m).",
            "Weights a, b, b have eigenvalues a + 2 b cos(2 pi k / m): find the largest modulus, k = 0 left out.",
        ),
    ),
    Question(
        id="topology-trees",
        name="tree_gap",
        points=3,
        inputs=_tree_inputs,
        reference=tree_gap,
        measure=gaps,
        scale=TIGHT,
        wrong={
            "you gave the path the ring's angle; its slowest wave is twice as long: pi / m": _path_as_ring,
            "2/(m+1) is the gap of the star's *fastest* weights; Metropolis gives 1/m": _fast_star,
            "the centre of the star has m - 1 neighbours, so its weights are 1 / (1 + (m - 1)) = 1/m": _star_by_degree,
            "in the complete graph every worker keeps 1/m of its own as well: one round is exact": (
                _complete_without_self
            ),
        },
        hints=(
            "For the star, guess the eigenvectors: two leaves against each other, and the centre against all leaves.",
            "Fold a ring of 2m workers in two and you have a path of m, with 2/3 at its ends: angles pi k / m.",
        ),
    ),
    Question(
        id="topology-products",
        name="product_gap",
        points=4,
        inputs=_product_inputs,
        reference=product_gap,
        measure=gaps,
        scale=TIGHT,
        wrong={
            "the side of the torus is the root of m: waves on it have angles 2 pi k / sqrt(m)": _torus_with_m,
            "each worker of the torus keeps a fifth of its own: five weights of 1/5, not four of 1/4": (
                _torus_without_self
            ),
            "flipping one bit changes the eigenvalue by 2/(q+1), not by 1/(q+1)": _half_hypercube,
            "with m workers the hops are 1, 2, 4, ... below m: there are ceil(log2 m) of them": (
                _exponential_unrounded
            ),
        },
        hints=(
            "Waves multiply: on a product of graphs the sums of cosines add up.",
            "Hypercube: eigenvalues (1 + sum of q signs) / (q + 1). Exponential: the worst wave has k = m/2.",
        ),
    ),
    Question(
        id="topology-messages",
        name="messages_needed",
        points=3,
        inputs=_message_inputs,
        reference=messages_needed,
        wrong={
            "a message goes each way along every edge: twice as many": _each_edge_once,
            "log(1/share) / gap is the rule of thumb for small gaps; exactly: log(share) / log(1 - gap)": (
                _rule_of_thumb
            ),
            "you rounded the rounds down: then the disagreement is not small enough yet": _rounded_down,
            "these are the rounds; each of them has 2 messages an edge": _rounds_alone,
        },
        hints=(
            "How many rounds until (1 - gap)^t <= share?",
            "rounds = np.ceil(np.log(share) / np.log(1 - gap)), and each round has 2 * edges messages.",
        ),
    ),
]
