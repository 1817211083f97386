"""Compressed methods: floors, rates without a floor, and how much to send.

omega and delta are the compressor's (`Compressor.omega`, `Compressor.delta`), m the number of workers, whose
weights are equal, and L_max = max_i L_i. Step sizes beyond a theorem's limit are refused.
"""

import numpy as np

from course_lib.bounds.conditions import at_most


def dcgd_step(L, L_max, m, omega):
    """Largest step size of `dcgd`: 1 / (L + 2 omega L_max / m)."""
    return 1 / (L + 2 * omega * L_max / m)


def dcgd(t, step_size, L, L_max, mu, m, omega, zeta2, distance2, sigma2=0.0):
    """Expected ||x_t - x*||^2 of `compressed_sgd` with an unbiased compressor, convex f_i, strongly convex f.

    (1 - eta mu)^t ||x_0 - x*||^2 + eta (2 omega zeta2 + (1 + omega) sigma2) / (mu m): the second term is a floor
    that rounds do not lower. From E||g||^2 <= 2 (L + 2 omega L_max / m)(f - f*) + 2 omega zeta2 / m and one step's
    expansion; Khirirat, Feyzmahdavian and Johansson (2018) have it with other constants.

    Parameters
    ----------
    t : int or array of int
        Steps taken.
    step_size : float
        Up to `dcgd_step`.
    L, L_max, mu : float
    m : int
    omega : float
    zeta2 : float
        mean_i ||grad f_i(x*)||^2: how far the workers disagree at the optimum.
    distance2 : float
        ||x_0 - x*||^2.
    sigma2 : float
        Variance of one worker's gradient: that of a sample, divided by the batch size.

    Returns
    -------
    float or array
    """
    at_most(step_size, dcgd_step(L, L_max, m, omega), "1 / (L + 2 omega L_max / m)")
    floor = step_size * (2 * omega * zeta2 + (1 + omega) * sigma2) / (mu * m)
    return (1 - step_size * mu) ** np.asarray(t) * distance2 + floor


def diana_step(L, L_max, m, omega):
    """Largest step size of `diana`: 1 / (L + 6 omega L_max / m)."""
    return 1 / (L + 6 * omega * L_max / m)


def diana(t, step_size, shift_step, mu, omega, V0):
    """Expected Lyapunov function V_t of `diana`, convex f_i and strongly convex f: no floor.

    max(1 - eta mu, 1 - alpha / 2)^t V_0, for eta up to `diana_step` and alpha up to 1 / (1 + omega); V is
    `diana_lyapunov`, and at least ||x_t - x*||^2. Mishchenko, Gorbunov, Takáč and Richtárik (2019), with the
    constants of this course's proof.

    Parameters
    ----------
    t : int or array of int
        Steps taken.
    step_size, shift_step : float
        eta and alpha.
    mu, omega : float
    V0 : float
        V at the start.

    Returns
    -------
    float or array
    """
    at_most(shift_step, 1 / (1 + omega), "1 / (1 + omega)")
    return max(1 - step_size * mu, 1 - shift_step / 2) ** np.asarray(t) * V0


def diana_lyapunov(x, h, optimum, gradients, step_size, shift_step, omega):
    """||x - x*||^2 + 4 omega eta^2 / (alpha m) mean_i ||h_i - grad f_i(x*)||^2: what `diana` makes smaller.

    Parameters
    ----------
    x : array, shape (..., 1, d)
    h : array, shape (..., m, d)
    optimum : array, shape (d,)
        x*.
    gradients : array, shape (m, d)
        grad f_i(x*).
    step_size, shift_step, omega : float

    Returns
    -------
    array, shape (...)
    """
    weight = 4 * omega * step_size**2 / (shift_step * h.shape[-2])
    return ((x - optimum) ** 2).sum((-2, -1)) + weight * ((h - gradients) ** 2).sum(-1).mean(-1)


def compressed_convex(steps, omega, G, R):
    """Expected f(mean of the models) - f* of `compressed_sgd` on a convex f that need not be smooth.

    R G sqrt((1 + omega) / steps) with eta = R / (G sqrt((1 + omega) steps)), where E||g||^2 <= G^2 before
    compression and ||x_0 - x*|| <= R: compression multiplies the number of steps by 1 + omega. The standard
    proof of the subgradient method, as E||C(g)||^2 <= (1 + omega) G^2.
    """
    return R * G * np.sqrt((1 + omega) / np.asarray(steps))


def error_memory(step_size, delta, G):
    """Expected ||e_t||^2 of `error_feedback_sgd`: at most 4 (1 - delta) / delta^2 eta^2 G^2, at every t.

    For E||g_i||^2 <= G^2; Karimireddy, Rebjock, Stich and Jaggi (2019), Stich, Cordonnier and Jaggi (2018).
    """
    return 4 * (1 - delta) / delta**2 * step_size**2 * G**2


def error_feedback(steps, step_size, L, delta, G, gap):
    """Mean over the first `steps` models of E||grad f||^2 of `error_feedback_sgd`, f smooth but not convex.

    2 gap / (eta steps) + eta L G^2 + L^2 `error_memory`: with eta ~ 1 / sqrt(steps) compression is in the term
    that falls like 1 / steps alone. By the model x_t - mean e_t, which makes uncompressed steps.

    Parameters
    ----------
    steps : int or array
    step_size, L, delta : float
    G : float
        E||g_i||^2 <= G^2, noise and all.
    gap : float
        f(x_0) less any lower bound of f.

    Returns
    -------
    float or array
    """
    return 2 * gap / (step_size * np.asarray(steps)) + step_size * L * G**2 + L**2 * error_memory(step_size, delta, G)


def ef21_step(L, L_tilde, delta):
    """Largest step size of `ef21`: 1 / (L + L_tilde sqrt(beta / theta)).

    theta = 1 - sqrt(1 - delta), beta = (1 - delta) / theta, L_tilde^2 = mean_i L_i^2.
    """
    theta = _theta(delta)
    return 1 / (L + L_tilde * np.sqrt(1 - delta) / theta)


def ef21(steps, step_size, L, L_tilde, delta, gap, G0):
    """Mean over the first `steps` models of ||grad f||^2 of `ef21`, f_i smooth but not convex.

    2 gap / (eta steps) + G0 / (theta steps), for eta up to `ef21_step`: no floor, no bound on gradients.
    Richtárik, Sokolov and Fatkhullin (2021).

    Parameters
    ----------
    steps : int or array
    step_size, L, L_tilde, delta, gap : float
        See `ef21_step` and `error_feedback`.
    G0 : float
        mean_i ||G_i - grad f_i(x_0)||^2 after the first message.

    Returns
    -------
    float or array
    """
    at_most(step_size, ef21_step(L, L_tilde, delta), "1 / (L + L_tilde sqrt(beta / theta))")
    return (2 * gap / step_size + G0 / _theta(delta)) / np.asarray(steps)


def top_one_growth(step_size):
    """Factor by which a step with top-1 and no feedback stretches the model: 1 + 11/6 eta, for every eta > 0.

    For f_i(x) = <a_i, x>^2 + ||x||^2 / 4 with a = (-3, 2, 2), (2, -3, 2), (2, 2, -3), from x_0 = (1, 1, 1), although
    the mean of the f_i is strongly convex. Beznosikov, Horváth, Richtárik and Safaryan (2020).
    """
    return 1 + 11 / 6 * step_size


def qsgd_variance(d, levels):
    """An omega for QSGD: min(d / levels^2, sqrt(d) / levels). Alistarh et al. (2017), Lemma 3.1."""
    return np.minimum(d / levels**2, np.sqrt(d) / levels)


def best_k(d, m, latency, seconds_per_word):
    """How many of d coordinates to send at random, for the least time to a given accuracy.

    A round takes latency + seconds_per_word k; the rounds needed grow like 1 + 2/m (d/k - 1), from `dcgd_step`
    with L_max = L and no floor. The product is least at sqrt(2 d latency / (m seconds_per_word (1 - 2/m))), if
    that lies between 1 and d. One or two workers do best with k = d: averaging must pay for the variance.

    Parameters
    ----------
    d, m : int
    latency, seconds_per_word : float
        In seconds.

    Returns
    -------
    float

    Examples
    --------
    >>> round(best_k(10**6, 16, 1e-4, 1e-8))
    37796
    """
    if m <= 2:
        return float(d)
    return float(np.clip(np.sqrt(2 * d * latency / ((m - 2) * seconds_per_word)), 1, d))


def norm_test(G, theta=1.0):
    """The omega at which the variance of compression is theta times the squared norm of the mean gradient.

    theta m ||mean_i g_i||^2 / mean_i ||g_i||^2: large while the gradients agree, zero at the optimum.

    Parameters
    ----------
    G : array, shape (..., m, d)
        The workers' gradients.
    theta : float

    Returns
    -------
    array, shape (...)
    """
    return theta * G.shape[-2] * (G.mean(-2) ** 2).sum(-1) / (G**2).sum(-1).mean(-1)


def _theta(delta):
    return 1 - np.sqrt(1 - delta)
