"""Questions of homework 05: the best number of local steps, AdaComm's rule, and a schedule of one's own."""

from functools import lru_cache

import numpy as np

from course_lib.errors import CourseError
from course_lib.grading.question import Question

DEADLINES = (1500, 6000)


def best_local_steps(gap, message, step_size, L, sigma2, budget):
    return max(1.0, float(np.sqrt(2 * gap * message / (step_size**3 * L**2 * sigma2 * budget))))


def _not_clipped(gap, message, step_size, L, sigma2, budget):
    return float(np.sqrt(2 * gap * message / (step_size**3 * L**2 * sigma2 * budget)))


def _no_root(gap, message, step_size, L, sigma2, budget):
    return max(1.0, 2 * gap * message / (step_size**3 * L**2 * sigma2 * budget))


def _squared_step(gap, message, step_size, L, sigma2, budget):
    return best_local_steps(gap, message, step_size ** (2 / 3), L, sigma2, budget)


def _without_two(gap, message, step_size, L, sigma2, budget):
    return best_local_steps(gap / 2, message, step_size, L, sigma2, budget)


def _choices(function, *cases):
    """The best K in each of several settings."""
    return {"best K in each setting": [float(function(*case)) for case in cases]}


def _settings(rng):
    def u(low, high):
        return float(f"{rng.uniform(low, high):.3g}")  # a verdict shows them

    dear = [(u(1, 9), u(5, 50), u(0.02, 0.2), u(1, 2), u(1, 3), u(5, 50)) for _ in range(3)]
    return *dear, (rng.uniform(0.01, 0.05), 0.1, 0.5, 2.0, 3.0, 1e3)


def next_local_steps(F, F_0, K_0, K):
    wanted = int(np.ceil(np.sqrt(F / F_0) * K_0))
    return max(1, wanted if wanted < K else K // 2)


def _no_root_rule(F, F_0, K_0, K):
    wanted = int(np.ceil(F / F_0 * K_0))
    return max(1, wanted if wanted < K else K // 2)


def _never_forced(F, F_0, K_0, K):
    return max(1, min(K, int(np.ceil(np.sqrt(F / F_0) * K_0))))


def _from_the_last(F, F_0, K_0, K):
    wanted = int(np.ceil(np.sqrt(F / F_0) * K))
    return max(1, wanted if wanted < K else K // 2)


def _down_to_zero(F, F_0, K_0, K):
    wanted = int(np.ceil(np.sqrt(F / F_0) * K_0))
    return wanted if wanted < K else K // 2


def _decisions(function, *cases):
    return {"decisions": [float(function(*case)) for case in cases]}


def _reviews(rng):
    """Losses that have fallen, that stall, and a K that is 1 already."""
    K_0 = [int(k) for k in rng.integers(50, 5000, size=8)]
    falling = [(rng.uniform(0.05, 0.6), 1.0, k, int(0.95 * k)) for k in K_0[:5]]
    stalling = [(rng.uniform(0.8, 0.99), 1.0, k, k // 3) for k in K_0[5:]]
    return *falling, *stalling, (0.9, 1.0, 64, 1)


def simulate(schedule, A, b, deadlines=DEADLINES, step_size=0.1):
    """FedAvg on quadratics in which a round costs K + 20: its loss above the optimum at each deadline."""
    best = np.linalg.solve(A.sum(0), (A @ b[..., None]).sum(0)[:, 0])

    def loss(z):
        return ((z - b) * (A @ (z - b)[..., None])[..., 0]).sum() / 2 / len(b)

    x, time, K, gaps = best + 3, 0, None, []
    first = loss(x)
    while True:
        K = _whole(schedule(time, loss(x), first, K))
        time += K + 20
        while time > deadlines[len(gaps)]:
            gaps.append(loss(x) - loss(best))
            if len(gaps) == len(deadlines):
                return gaps
        y = np.broadcast_to(x, b.shape)
        for _ in range(K):
            y = y - step_size * (A @ (y - b)[..., None])[..., 0]
        x = y.mean(axis=0)


def _whole(K):
    """A number of steps as an int, which is never too small for the time that it is added to."""
    if not (isinstance(K, int | np.integer) and K >= 1):
        raise CourseError(f"a round takes a whole number of local steps from 1 on, not {K}")
    return int(K)


def clients(rng, m=6, d=5):
    """Quadratics (A, b) of clients that differ in what they want and in how they curve."""
    Q = np.linalg.qr(rng.normal(size=(d, d)))[0]
    values = np.geomspace(0.1, 1, d) * np.exp(0.7 * rng.uniform(-1, 1, (m, d)))
    return (Q * values[:, None]) @ Q.T, rng.normal(size=(m, d))


def _twice_as_good(schedule, A, b):
    """Log of the gap at each deadline, or of half the best fixed K's where the schedule did better than that."""
    fixed = _best_fixed(*b.shape, A.tobytes(), b.tobytes())
    return {"log10 of the gap": np.log10(np.maximum(simulate(schedule, A, b), fixed / 2))}


@lru_cache
def _best_fixed(m, d, A, b):
    """The gap of the best fixed K at each deadline; it takes four times as long as what it is compared with."""
    A, b = np.frombuffer(A).reshape(m, d, d), np.frombuffer(b).reshape(m, d)
    return np.min([simulate(lambda *_, K=K: K, A, b) for K in (1, 4, 16, 64)], axis=0)


def schedule(time, loss, first_loss, K):
    return max(1, 64 >> int(time // 200))


def _always_one(time, loss, first_loss, K):
    return 1


def _always_four(time, loss, first_loss, K):
    return 4


def _always_many(time, loss, first_loss, K):
    return 64


def _ever_more(time, loss, first_loss, K):
    return 1 << min(int(time // 200), 8)


QUESTIONS = [
    Question(
        id="adaptive-best", name="best_local_steps", points=4, inputs=_settings, reference=best_local_steps,
        measure=_choices, scale=10.0,
        wrong={
            "K is at least 1, also where messages are almost free": _not_clipped,
            "set the derivative to zero: C/K^2 appears, so there is a square root": _no_root,
            "one eta comes from 1/(eta T), two from the drift: the step stands in its third power": _squared_step,
            "the factor 2 of 2 Delta / (eta T) is missing": _without_two,
        },
        hints=(
            "Only C/K and K depend on K. Where is a/K + c K smallest?",
            "sqrt(a / c) with a = 2 gap C / (eta T) and c = eta^2 L^2 sigma^2; then max(1, ...).",
        ),
    ),
    Question(
        id="adaptive-rule", name="next_local_steps", points=3, inputs=_reviews, reference=next_local_steps,
        measure=_decisions, scale=100.0,
        wrong={
            "K follows the square root of the loss, as K* does": _no_root_rule,
            "where the rule does not lower K, halve it: else K never falls while the loss stalls": _never_forced,
            "the rule starts from K_0, as the loss is compared with F_0": _from_the_last,
            "half of 1 is no number of local steps: stay at 1": _down_to_zero,
        },
        hints=(
            "First what the square root says, rounded up; then two cases.",
            "wanted = int(np.ceil(np.sqrt(F / F_0) * K_0))",
        ),
    ),
    Question(
        id="adaptive-schedule", name="schedule", points=5, inputs=clients, reference=schedule,
        measure=_twice_as_good, scale=1.0, plain=(),
        wrong={
            "one local step a round is right in the end, and far too slow at the first deadline": _always_one,
            "a K that never changes is good at one deadline at most": _always_four,
            "with many local steps throughout you stop where the drift stops you": _always_many,
            "your K grows; it should be large while the gap is large, and 1 in the end": _ever_more,
        },
        hints=(
            "Begin with many local steps and end with one. When to change is a question of time or of the loss.",
            "Try max(1, 64 >> int(time // 200)): half as many local steps after every 200 units of time.",
        ),
    ),
]  # fmt: skip
