"""How fast a mixing matrix averages: its spectral gap, computed and in closed form."""

import numpy as np
import scipy

from course_lib.errors import CourseError
from course_lib.topology.mixing import DENSE, check_mixing


def rho(W):
    """The factor ||W - 11^T/m||_2 by which disagreement shrinks a round, at least.

    Parameters
    ----------
    W : array or sparse matrix, shape (m, m)
        Doubly stochastic. For a symmetric W this is max(|lambda_2|, |lambda_m|).

    Returns
    -------
    float
    """
    check_mixing(W, np.full(W.shape[0], 1 / W.shape[0]))
    if scipy.sparse.issparse(W) and W.shape[0] > DENSE:
        return _sparse_rho(W)
    dense = W.toarray() if scipy.sparse.issparse(W) else W
    return float(np.linalg.norm(dense - 1 / len(dense), 2))


def spectral_gap(W):
    """Distance 1 - rho from no averaging at all, rho = ||W - 11^T/m||_2 (symmetric W: max(|lambda_2|, |lambda_m|)).

    Parameters
    ----------
    W : array or sparse matrix, shape (m, m)
        Doubly stochastic.

    Returns
    -------
    float
        Disagreement shrinks at least by 1 - gap a round; 0 means that it need not shrink.
    """
    return 1 - rho(W)


def _sparse_rho(W):
    """The largest singular value of W - 11^T/m by Lanczos; where it crawls, by factorising I - W^T W.

    A graph on which Lanczos crawls has a tiny gap, hence it is easily cut in two, hence it is cheap to factorise.
    """
    from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, eigsh

    m = W.shape[0]
    start = np.random.default_rng(0).standard_normal(m)
    squared = LinearOperator((m, m), lambda v: W.T @ (W @ v) - v.mean(), dtype=float)
    try:
        top = eigsh(squared, k=1, v0=start, ncv=40, maxiter=30, return_eigenvectors=False)[-1]
    except ArpackNoConvergence:
        near_one = eigsh((W.T @ W).tocsc(), k=2, sigma=1 + 1e-9, v0=start, return_eigenvectors=False)
        top = near_one.min()
    return float(np.sqrt(top))


def _ring(m):
    return 2 / 3 * (1 - np.cos(2 * np.pi / m))


def _half_ring(m):
    return 0.0 if m % 2 == 0 else 1 - np.cos(np.pi / m)


def _lazy_ring(m):
    return (1 - np.cos(2 * np.pi / m)) / 2


def _path(m):
    return 2 / 3 * (1 - np.cos(np.pi / m))


def _star(m):
    return 1 / m


def _torus(m):
    return 2 / 5 * (1 - np.cos(2 * np.pi / np.sqrt(m)))


def _hypercube(m):
    return 2 / (1 + np.log2(m))


def _exponential(m):
    return 2 / (1 + np.ceil(np.log2(m)))


def _complete(m):
    return 1.0


#: Gaps that are known in closed form: name -> (the formula, which m it is for, in words, and as a test).
CLOSED_FORMS = {
    "complete": (_complete, "2 workers or more", lambda m: m >= 2),
    "ring": (_ring, "3 workers or more", lambda m: m >= 3),
    "lazy ring": (_lazy_ring, "3 workers or more", lambda m: m >= 3),
    "half ring": (_half_ring, "3 workers or more", lambda m: m >= 3),
    "path": (_path, "3 workers or more", lambda m: m >= 3),
    "star": (_star, "3 workers or more", lambda m: m >= 3),
    "torus": (_torus, "a square number of workers, 9 or more", lambda m: m >= 9 and round(m**0.5) ** 2 == m),
    "hypercube": (_hypercube, "a power of two", lambda m: m >= 2 and m & (m - 1) == 0),
    "exponential": (_exponential, "an even number of workers", lambda m: m >= 2 and m % 2 == 0),
}


def closed_form_gap(name, m):
    """Spectral gap of a well-known mixing matrix.

    Parameters
    ----------
    name : str
        "complete" (1/m each), "ring" (1/3 each), "lazy ring" (1/2, and 1/4 on the edges), "half ring" (0, and 1/2
        on the edges), "path" and "star" (Metropolis), "torus" (square, 1/5 each), "hypercube" (1/(q+1) each),
        "exponential" (the directed one, 1/(q+1) each with q = ceil(log2 m); Ying et al., 2021).
    m : int

    Returns
    -------
    float

    Raises
    ------
    CourseError
        For an unknown name, and for an m for which the formula is not valid.
    """
    if name not in CLOSED_FORMS:
        raise CourseError(f"no closed form for {name!r}: there are {', '.join(CLOSED_FORMS)}")
    formula, words, valid = CLOSED_FORMS[name]
    if not valid(m):
        raise CourseError(f"the closed form for {name!r} needs {words}, not m = {m}")
    return float(formula(m))
