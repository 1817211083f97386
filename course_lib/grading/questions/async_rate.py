"""Homework 04: how long a step delay allows, and what delay costs in the rate."""

import numpy as np

from course_lib.grading.question import Question


def delayed_run(gradient, x0, step_size, tau, steps):
    x = [np.asarray(x0, float)] * (tau + 1)
    for t in range(tau, steps):
        x.append(x[t] - step_size * gradient(x[t - tau]))
    return np.array(x[: steps + 1])


def _one_older(gradient, x0, step_size, tau, steps):
    return delayed_run(gradient, x0, step_size, tau + 1, steps)


def _one_younger(gradient, x0, step_size, tau, steps):
    return delayed_run(gradient, x0, step_size, tau - 1, steps)


def _steps_at_once(gradient, x0, step_size, tau, steps):
    x = [np.asarray(x0, float)]
    for t in range(steps):
        x.append(x[t] - step_size * gradient(x[max(t - tau, 0)]))
    return np.array(x)


def _from_the_old_model(gradient, x0, step_size, tau, steps):
    x = [np.asarray(x0, float)] * (tau + 1)
    for t in range(tau, steps):
        x.append(x[t - tau] - step_size * gradient(x[t - tau]))
    return np.array(x[: steps + 1])


class _Bowl:
    """The gradient of a quadratic, as a function."""

    def __init__(self, A, b):
        self.A, self.b = A, b

    def __call__(self, x):
        return self.A @ (x - self.b)

    def __str__(self):
        return "the gradient of a quadratic"


def _run_inputs(rng):
    root = rng.normal(size=(3, 3))
    bowl = _Bowl(root @ root.T / 10 + 0.1 * np.eye(3), rng.normal(size=3))
    tau = int(rng.integers(2, 6))
    return bowl, rng.normal(size=3), rng.uniform(0.1, 0.3), tau, int(rng.integers(tau + 8, tau + 14))


def spectral_radius(step, tau):
    companion = np.diag(np.ones(tau), -1)
    companion[0, 0] += 1
    companion[0, tau] -= step
    return np.abs(np.linalg.eigvals(companion)).max()


def _radius_one_delay_less(step, tau):
    return spectral_radius(step, tau - 1)


def _radius_without_memory(step, tau):
    return abs(1 - step)


def _radius_signed(step, tau):
    companion = np.diag(np.ones(tau), -1)
    companion[0, 0] += 1
    companion[0, tau] -= step
    return np.linalg.eigvals(companion).real.max()


def _radius_uphill(step, tau):
    return spectral_radius(-step, tau)


def _radius_inputs(rng):
    return rng.uniform(0.05, 1.5), int(rng.integers(1, 30))


def max_step(lam, tau):
    return 2 * np.sin(np.pi / (2 * (2 * tau + 1))) / lam


def _step_inputs(rng):
    return rng.uniform(0.5, 3.0), int(rng.integers(2, 51))


def draw_step(function, reference, lam, tau):
    """Largest stable step against the delay: yours and the reference."""
    from course_lib import plots

    fig, ax = plots.figure()
    delays = np.arange(0, 21)
    ax.plot(delays, [reference(lam, t) for t in delays], label="reference", **plots.THEORY)
    if function is not None:
        ax.plot(delays, [function(lam, t) for t in delays], "o", markersize=4, color=plots.COLORS[0], label="yours")
    ax.set(xlabel="delay τ", ylabel=f"largest stable step, λ = {lam:.2g}", yscale="log", xticks=delays[::5])
    ax.legend(frameon=False)
    return fig


def delayed_bound(Delta, L, sigma2, tau, eta, T):
    return 4 * Delta / (eta * T) + 3 * eta * L * sigma2


def _bound_inputs(rng):
    tau, L = int(rng.integers(1, 30)), rng.uniform(0.5, 2.0)
    return rng.uniform(1, 5), L, rng.uniform(1, 4), tau, rng.uniform(0.2, 1) / (4 * L * tau), int(rng.integers(50, 500))


def best_bound(Delta, L, sigma2, tau, T):
    eta = min(1 / (4 * L * max(1, tau)), np.sqrt(4 * Delta / (3 * L * sigma2 * T)))
    return 4 * Delta / (eta * T) + 3 * eta * L * sigma2


def _unlimited(Delta, L, sigma2, tau, T):
    return 2 * np.sqrt(12 * L * Delta * sigma2 / T)


def _longest(Delta, L, sigma2, tau, T):
    eta = 1 / (4 * L * max(1, tau))
    return 4 * Delta / (eta * T) + 3 * eta * L * sigma2


def _as_in_the_lesson(Delta, L, sigma2, tau, T):
    return (1 + tau) * 2 * np.sqrt(12 * L * Delta * sigma2 / T)


def _fresh_limit(Delta, L, sigma2, tau, T):
    return best_bound(Delta, L, sigma2, 0, T)


def _best_inputs(rng):
    """Long runs, where noise decides, and short ones, where the delay's limit on the step does: both at each draw."""
    return rng.uniform(1, 5), rng.uniform(0.5, 2.0), rng.uniform(1, 4), int(rng.integers(5, 30))


def _short_and_long(function, Delta, L, sigma2, tau):
    switch = 64 * L * Delta * tau**2 / (3 * sigma2)  # where both step sizes are equal
    horizons = {"short run": int(switch / (4 * tau**2)) + 1, "long run": int(20 * switch)}
    return {name: function(Delta, L, sigma2, tau, T) for name, T in horizons.items()}


QUESTIONS = [
    Question(
        id="async_rate-run",
        name="delayed_run",
        points=3,
        inputs=_run_inputs,
        reference=delayed_run,
        wrong={
            "your gradients are one update older than tau": _one_older,
            "your gradients are one update younger than tau": _one_younger,
            "you step before the first gradient is there: nothing moves while t < tau": _steps_at_once,
            "you step from the old model; only the gradient is old, the model is the newest": _from_the_old_model,
        },
        hints=(
            "x_0 = x_1 = ... = x_tau: the first update makes x_{tau + 1}.",
            "x[t + 1] = x[t] - step_size * gradient(x[t - tau]), for t >= tau",
        ),
    ),
    Question(
        id="async_rate-radius",
        name="spectral_radius",
        points=3,
        inputs=_radius_inputs,
        reference=spectral_radius,
        scale=1e-2,
        wrong={
            "your matrix has tau rows; the state x_t, ..., x_{t - tau} holds tau + 1 numbers": _radius_one_delay_less,
            "that is the factor without delay": _radius_without_memory,
            "take the modulus of the eigenvalues: the one that decides is complex": _radius_signed,
            "the step enters with a minus": _radius_uphill,
        },
        hints=(
            "Write (x_{t+1}, x_t, ..., x_{t-tau+1}) as a matrix times (x_t, ..., x_{t-tau}).",
            "First row: 1 at the front, -step at the end; below it ones under the diagonal.",
        ),
    ),
    Question(
        id="async_rate-step",
        name="max_step",
        points=3,
        inputs=_step_inputs,
        reference=max_step,
        scale=1e-3,
        draw=draw_step,
        wrong={
            "that is pi / (2 tau + 1), which the sine comes close to for long delays only": (
                lambda lam, tau: np.pi / (2 * tau + 1) / lam
            ),
            "that is 2 / (tau + 1): right for tau = 0 and tau = 1, and wrong from 2 on": (
                lambda lam, tau: 2 / (tau + 1) / lam
            ),
            "the larger the curvature, the shorter the step: divide by lam": lambda lam, tau: max_step(1, tau) * lam,
            "that is the fastest step, not the longest stable one": (
                lambda lam, tau: tau**tau / (tau + 1) ** (tau + 1) / lam
            ),
            "the angle is halved once too often: pi / (2 (2 tau + 1))": (
                lambda lam, tau: 2 * np.sin(np.pi / (4 * (2 * tau + 1))) / lam
            ),
        },
        hints=(
            "At the limit an eigenvalue lies on the unit circle: put z = exp(i phi) into z^(tau+1) = z^tau - step.",
            "|z - 1| = step lam and arg(z - 1) = phi / 2 + pi / 2 give phi = pi / (2 tau + 1).",
        ),
    ),
    Question(
        id="async_rate-bound",
        name="delayed_bound",
        points=2,
        inputs=_bound_inputs,
        reference=delayed_bound,
        wrong={
            "tau does not multiply the first term: it enters through the largest eta that is allowed": (
                lambda D, L, s, tau, eta, T: 4 * D * tau / (eta * T) + 3 * eta * L * s
            ),
            "tau does not multiply the noise": lambda D, L, s, tau, eta, T: 4 * D / (eta * T) + 3 * eta * L * s * tau,
            "the second term contains L": lambda D, L, s, tau, eta, T: 4 * D / (eta * T) + 3 * eta * s,
            "that is the bound without delay (Bottou, Curtis and Nocedal, Theorem 4.8)": (
                lambda D, L, s, tau, eta, T: 2 * D / (eta * T) + eta * L * s
            ),
        },
        hints=("The right-hand side of the statement, term by term.", "4 * Delta / (eta * T) + ..."),
    ),
    Question(
        id="async_rate-best",
        name="best_bound",
        points=4,
        inputs=_best_inputs,
        measure=_short_and_long,
        scale={"short run": 10.0, "long run": 0.01},
        reference=best_bound,
        wrong={
            "without the condition on eta: for short runs that step is longer than the theorem allows": _unlimited,
            "always the longest step: for long runs a shorter one has a lower bound": _longest,
            "delay as a factor of the whole bound: that is the lesson's Theorem 5.1, which this one disproves": (
                _as_in_the_lesson
            ),
            "the limit on eta does not know of tau": _fresh_limit,
        },
        hints=(
            "a / eta + b eta is smallest at eta = sqrt(a / b), if that is allowed.",
            "eta = min(1 / (4 * L * max(1, tau)), np.sqrt(4 * Delta / (3 * L * sigma2 * T)))",
        ),
    ),
]
