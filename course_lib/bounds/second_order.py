"""Second-order methods, and what no method can beat: contractions, bills, and lower bounds."""

import numpy as np
from scipy.special import gammaln

from course_lib.errors import CourseError

#: Words of one line search: twelve losses.
SEARCH = 12


def bill(method, d, message_words=0, search=True):
    """Rounds and words of one step of a method: (rounds, words).

    A round is an all-reduce, or to the server and back; its words are the length of the vector that travels.

    Parameters
    ----------
    method : str
        Name of the method; "fednl" also needs `message_words`.
    d : int
    message_words : float
        Length of a worker's compressed message, in words: it travels one way, and so counts half.
    search : bool
        Whether a line search finds the step size, in one round more.
    """
    rounds, words = {
        "sync_sgd": (1, d),
        "accelerated_gradient": (1, d),
        "lbfgs": (1, d),
        "giant": (2, 2 * d),
        "dane": (2, 2 * d),
        "newton": (1, d * (d + 1) // 2 + d),
        "natural_gradient": (1, d * (d + 1) // 2 + d),
        "fednl": (1, d + (1 + message_words) / 2),
    }[method]
    return rounds + search, words + SEARCH * search


def newton_error(distance, curvature, hessian_lipschitz):
    """Distance of Newton's next model from x*, at most: M ||x - x*||^2 / (2 lambda). Quadratic convergence.

    Parameters
    ----------
    distance : float or array
        ||x - x*||.
    curvature : float or array
        lambda, the smallest eigenvalue of the Hessian at x.
    hessian_lipschitz : float
        M with ||H(x) - H(y)|| <= M ||x - y||.
    """
    return hessian_lipschitz * np.asarray(distance) ** 2 / (2 * np.asarray(curvature))


def logistic_hessian_lipschitz(problem):
    """An M for logistic regression: mean ||a||^3 / (6 sqrt(3)), as the sigmoid's second derivative is at most that."""
    cubes = np.linalg.norm(problem.features, axis=-1) ** 3
    return problem.weights @ (cubes * problem.row_weights).sum(-1) / (6 * np.sqrt(3))


def dane_matrix(hessians, rho=0.0, eta=1.0):
    """What a step of `dane`, or of `giant`, makes of the error on quadratics: I - eta mean (H_i + rho I)^-1 H.

    Shamir, Srebro and Zhang (2014). The error shrinks if and only if all eigenvalues are below one in modulus; they
    are real, and below one anyway, so the danger is below minus one.

    Parameters
    ----------
    hessians : array, shape (m, d, d)
        Of workers of equal weight.
    rho, eta : float

    Returns
    -------
    array, shape (d, d)
    """
    eye = np.eye(hessians.shape[-1])
    return eye - eta * np.linalg.inv(hessians + rho * eye).mean(0) @ hessians.mean(0)


def dane_factor(hessians, rho=0.0, eta=1.0):
    """Spectral radius of `dane_matrix`: the error's factor a step in the long run."""
    return np.abs(np.linalg.eigvals(dane_matrix(hessians, rho, eta))).max()


def gradient_steps(condition, share):
    """Steps of size 1/L after which gradient descent's distance from x* has shrunk to a share of it, at most."""
    return np.ceil(np.log(share) / np.log1p(-1 / np.asarray(condition, float)))


def momentum(condition):
    """Nesterov's constant momentum for `accelerated_gradient`: (sqrt(kappa) - 1) / (sqrt(kappa) + 1)."""
    root = np.sqrt(condition)
    return (root - 1) / (root + 1)


def accelerated(t, condition, gap, mu, distance2):
    """f(x_t) - f* of `accelerated_gradient` with step 1/L and that momentum (Nesterov, 2004).

    (1 - 1/sqrt(kappa))^t (f(x_0) - f* + mu/2 ||x_0 - x*||^2).
    """
    return (1 - condition**-0.5) ** np.asarray(t, float) * (gap + mu / 2 * distance2)


def support_floor(rounds, d, condition):
    """Least share of ||x*|| that is left of the error after so many rounds on ``problems.chain(d, condition)``.

    After r rounds all but the first r coordinates are zero still, and x*_j = q^j: ||x*_{>r}|| / ||x*||, about q^r
    (Arjevani and Shamir, 2015). It holds for whatever gradients and exact solves workers take on their own between
    rounds, in each of which they exchange one vector in the span of what these gave; not for a matrix sent in slices.
    """
    powers = momentum(condition) ** (2 * np.arange(1, d + 1))
    left = np.append(np.cumsum(powers[::-1])[::-1], 0.0)
    return np.sqrt(left[np.minimum(rounds, d)] / powers.sum())


def naming_bits(d, epsilon):
    """Bits needed, and bits enough, to name any point of the cube [0, 1]^d within epsilon.

    Needed: balls of radius epsilon must cover the cube, so -log2(epsilon^d V_d), V_d the volume of the unit ball.
    Enough: a grid of spacing 2 epsilon / sqrt(d), d ceil(log2(sqrt(d) / (2 epsilon))).

    Parameters
    ----------
    d : int
    epsilon : float

    Returns
    -------
    (float, int)
    """
    if not 0 < epsilon < np.sqrt(d) / 2:
        raise CourseError(f"the precision must lie between 0 and sqrt(d)/2, not {epsilon:g}")
    volume = d / 2 * np.log(np.pi) - gammaln(d / 2 + 1)
    needed = -(d * np.log(epsilon) + volume) / np.log(2)
    return max(needed, 0.0), int(d * np.ceil(np.log2(np.sqrt(d) / (2 * epsilon))))
