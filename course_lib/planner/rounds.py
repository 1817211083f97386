"""How many rounds a method needs: exact moments of the noisy quadratic, in closed form.

In each direction the mean model's first moment p and second moment s obey, from round to round,

    p <- q p + c,    s <- r s + alpha p + beta,

with coefficients that depend on the method, on its step size and on the curvature. So the expected loss after any
number of rounds is a sum of three geometric series, and the first round at which it is low enough is found by
bisection, for all step sizes and settings of a method at once. Arrays have shape (step sizes, settings, directions).

The idea of predicting methods by a noisy quadratic is Zhang et al.'s (2019); heterogeneity, compression, local steps,
delay and gossip are put into it here.
"""

from typing import NamedTuple

import numpy as np

STEPS = np.geomspace(1, 1e-8, 41)[:, None, None]  # in units of 1/L
LONGEST = 2.0**36  # rounds
SLOWEST = 64  # modes of a graph that are looked at one by one


class Moments(NamedTuple):
    """Coefficients of the two recursions, the factor by which the start is inflated, and the longest step."""

    q: np.ndarray
    c: np.ndarray
    r: np.ndarray
    alpha: np.ndarray
    beta: np.ndarray
    swell: float | np.ndarray = 1.0
    longest: float = 1.0  # step size, in units of 1/L


def sync(job):
    """Synchronous SGD: the mean of all gradients sees the mean curvature, and an m-th of the noise."""
    q = 1 - STEPS * job.curvatures
    return _drifting(q, 0.0, STEPS**2 * job.variance / job.workers)


def compressed(job, omega):
    """Unbiased compression with so much relative variance `omega` (settings,): it multiplies what is sent."""
    lam, zeta, omega = job.curvatures, job.disagreement, np.reshape(omega, (-1, 1))
    q = 1 - STEPS * lam
    part = STEPS**2 * omega / job.workers
    own = (1 + omega) * STEPS**2 * job.variance / job.workers
    r = q**2 + part * lam**2 * (1 + job.heterogeneity**2)
    return Moments(q, np.zeros_like(r), r, 2 * part * job.heterogeneity * lam * zeta, part * zeta**2 + own)


def local(job, local_steps):
    """Local SGD with K steps a round (settings,): each kind of worker walks to its own minimum."""
    K, h = np.reshape(local_steps, (-1, 1)), job.heterogeneity
    q, c, noise, longest = 0.0, 0.0, 0.0, 1 / (1 + h)
    for sign in (1, -1):
        lam = job.curvatures * (1 + sign * h)
        shrink = 1 - STEPS * longest * lam
        left = shrink**K
        q, c = q + left / 2, c - sign * (1 - left) * job.disagreement / lam / 2
        noise = noise + (1 - left**2) / (1 - shrink**2) / 2
    return _drifting(q, c, (STEPS * longest) ** 2 * job.variance / job.workers * noise, longest)


def asynchronous(job, variation):
    """Asynchronous SGD, an update a round; steps are shares of the longest that does not overshoot.

    A gradient is m - 1 updates old. `variation` is the squared coefficient of variation of a worker's cycle: the
    delay's law is taken to be Gamma with it, and the two kinds of workers arrive as irregularly as it says.
    """
    tau = job.workers - 1
    longest = 0.8 * _longest_delayed(tau, variation)
    a = STEPS * longest * job.curvatures  # step size times curvature
    z, swell = _dominant_root(a, tau, variation)
    theta = 2 * np.arcsin(a / 2)
    phase = np.pi / 4 + (2 * tau + 1) * theta / 4
    stationary = np.sin(phase) / (2 * a * (np.sin(phase - tau * theta) - a / 2 * np.sin(phase)))
    noise = (a / job.curvatures) ** 2 * (job.variance + variation * job.disagreement**2)
    r = z**2
    return Moments(z, np.zeros_like(z), r, np.zeros_like(z), (1 - r) * stationary * noise, swell, longest)


def decentralised(job, graphs):
    """Adapt then combine on graphs with these `modes` (settings,)."""
    lam, h = job.curvatures, job.heterogeneity
    memory = np.concatenate([_memory(STEPS * lam, *graph) for graph in graphs], axis=1) if h else 0.0
    pull = STEPS**2 * h * lam * memory
    q = 1 - STEPS * lam + h * lam * pull
    return _drifting(q, pull * job.disagreement, STEPS**2 * job.variance / job.workers)


def needed(job, moments, settings):
    """Fewest rounds to the target, and the step size for it, both of shape (settings,).

    The loss must settle at half of the target or below, so that it passes the target and does not graze it; rounds
    are infinite where no step size does that.
    """
    gap = expected_gap(job, moments)
    low = np.zeros(np.broadcast_shapes(*(np.shape(a) for a in moments))[:2])
    high = np.full(low.shape, np.log2(LONGEST))
    reached = gap(LONGEST) <= job.target / 2
    hopeful = np.arange(len(low))
    for _ in range(16):
        hopeful = hopeful[(low[hopeful] <= high[hopeful].min(0)).any(1)]  # no other step size can be the quickest
        middle = (low[hopeful] + high[hopeful]) / 2
        there = reached[hopeful] & (gap(2.0 ** middle[..., None], hopeful) <= job.target)
        low[hopeful] = np.where(there, low[hopeful], middle)
        high[hopeful] = np.where(there, middle, high[hopeful])
    rounds = np.where(reached, np.ceil(2.0**high), np.inf)
    steps = STEPS[rounds.argmin(0), 0, 0] * moments.longest
    return np.broadcast_to(rounds.min(0), settings), np.broadcast_to(steps, settings)


def expected_gap(job, moments):
    """Expected loss above the optimum, as a share of the first: a function of the rounds, (step sizes, settings).

    Its second argument, if given, chooses step sizes by their places.
    """
    q, c, r, alpha, beta, swell, _ = moments
    first, end, stable = swell * job.start, c / (1 - q), r < 1
    constant = np.where(stable, (beta + alpha * end) / np.where(stable, 1 - r, 1.0), np.inf)  # never there
    slow = alpha * (first - end) / np.where(q == r, 1.0, q - r)
    fast = np.where(stable, first**2 - constant - slow, 0.0)
    with np.errstate(divide="ignore"):
        log_q, log_r = np.log(np.abs(q)), np.minimum(np.log(r), 0.0)  # rounding may leave a mode -1e-17
    drifts = np.any(slow)

    def gap(rounds, at=slice(None)):
        second = constant[at] + fast[at] * np.exp(rounds * log_r[at])
        if drifts:
            second += slow[at] * np.exp(rounds * log_q[at])
        return second @ job.curvatures / 2

    return gap


def _drifting(q, c, noise, longest=1.0):
    """Moments of x <- q x + c + noise of this variance."""
    shape = np.broadcast_shapes(np.shape(q), np.shape(c), np.shape(noise))
    q, c, noise = (np.broadcast_to(a, shape) for a in (q, c, noise))
    return Moments(q, c, q**2, 2 * q * c, c**2 + noise, longest=longest)


def _longest_delayed(tau, variation):
    """Step times curvature beyond which the delayed recursion overshoots; see `_dominant_root`."""
    if variation == 0:
        return (tau / (tau + 1)) ** tau / (tau + 1)
    return 1 / (tau + 1) / (1 + variation) ** (1 + 1 / variation)


def _dominant_root(a, tau, variation):
    """The largest z with z - 1 = -a E z^(-delay), and the factor of its mode when all begins at rest.

    E z^(-delay) = (1 + variation tau log z)^(-1 / variation), or z^(-tau) where delays do not vary: Newton's method
    from z = 1, for 1 - z.
    """
    e = a
    for _ in range(10):  # from below, on a concave function: no step goes too far
        late, slope = _transform(e, tau, variation)
        e = e - (e - a * late) / (1 - a * slope)
    late, slope = _transform(e, tau, variation)
    return 1 - e, 1 / (late * (1 - a * slope))


def _transform(e, tau, variation):
    """E (1 - e)^(-delay), and its derivative in e."""
    log = np.log1p(-e)
    if variation == 0:
        late = np.exp(-tau * log)
        return late, tau * late / (1 - e)
    base = 1 + variation * tau * log
    late = base ** (-1 / variation)
    return late, tau * late / base / (1 - e)


def modes(spectrum):
    """Typical eigenvalues of a graph, without the one of the mean, and how many each stands for.

    The slowest modes count one by one, the others by groups of equal size.
    """
    rest = max(len(spectrum) - SLOWEST, 0)
    parts = SLOWEST if rest > SLOWEST else min(rest, 1)
    sizes = np.r_[np.ones(len(spectrum) - rest, int), (rest + np.arange(parts)) // max(parts, 1)]
    return np.add.reduceat(np.sort(spectrum)[::-1], np.cumsum(sizes) - sizes) / sizes, sizes


def _memory(rate, w, sizes):
    """Mean over a graph's modes of w / (1 - w + rate w): how long a disagreement is remembered."""
    return (w / (1 - w + rate[..., None] * w)) @ sizes / (sizes.sum() + 1)
