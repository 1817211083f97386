"""Questions of homework 03: what compressed gradient descent costs in words and seconds, and the best k."""

import numpy as np

from course_lib.grading.question import Question


def omega(k, d):
    return d / k - 1


def _ratio(k, d):
    return k / d


def _one_too_many(k, d):
    return d / k


def _lost_share(k, d):
    return 1 - k / d


def _root(k, d):
    return np.sqrt(d / k - 1)


def words_to_gap(epsilon, k, d, m, L, L_max, mu, R2):
    curvature = L + 2 * (d / k - 1) * L_max / m
    return k * curvature / mu * np.log(R2 / epsilon)


def _not_averaged(epsilon, k, d, m, L, L_max, mu, R2):
    return words_to_gap(epsilon, k, d, 1, L, L_max, mu, R2)


def _uncompressed_step(epsilon, k, d, m, L, L_max, mu, R2):
    return k * L / mu * np.log(R2 / epsilon)


def _rounds_only(epsilon, k, d, m, L, L_max, mu, R2):
    return words_to_gap(epsilon, k, d, m, L, L_max, mu, R2) / k


def _whole_vectors(epsilon, k, d, m, L, L_max, mu, R2):
    return words_to_gap(epsilon, k, d, m, L, L_max, mu, R2) * d / k


def _all_workers(epsilon, k, d, m, L, L_max, mu, R2):
    return words_to_gap(epsilon, k, d, m, L, L_max, mu, R2) * m


def _decimal_log(epsilon, k, d, m, L, L_max, mu, R2):
    return words_to_gap(epsilon, k, d, m, L, L_max, mu, R2) / np.log(10)


def _missing_two(epsilon, k, d, m, L, L_max, mu, R2):
    return k * (L + (d / k - 1) * L_max / m) / mu * np.log(R2 / epsilon)


def _problem_at_random(rng):
    d, m = int(rng.integers(50, 500)), int(rng.integers(2, 40))
    k = int(rng.integers(1, d // 2))
    mu = rng.uniform(0.1, 0.5)
    L = rng.uniform(1, 5)
    return 10 ** rng.uniform(-6, -2), k, d, m, L, L * rng.uniform(1, 2), mu, rng.uniform(1, 10)


def kstar(d, m, latency, seconds_per_word):
    if m <= 2:
        return float(d)
    best = np.sqrt(2 * d * latency / ((m - 2) * seconds_per_word))
    return float(np.clip(best, 1, d))


def _no_edge(d, m, latency, seconds_per_word):
    """What sqrt and division make of m <= 2."""
    with np.errstate(all="ignore"):
        best = np.sqrt(2 * d * latency / (np.float64(m - 2) * seconds_per_word))
    return float(np.clip(best, 1, d)) if m > 2 else float(best)


def _formula_alone(d, m, latency, seconds_per_word):
    with np.errstate(all="ignore"):
        return float(np.sqrt(2 * d * latency / (np.float64(m - 2) * seconds_per_word)))


def _one_word(d, m, latency, seconds_per_word):
    return kstar(d, m, latency, seconds_per_word) if m > 2 else 1.0


def _not_clipped(d, m, latency, seconds_per_word):
    return float(np.sqrt(2 * d * latency / ((m - 2) * seconds_per_word))) if m > 2 else float(d)


def _without_the_gain(d, m, latency, seconds_per_word):
    return float(np.clip(np.sqrt(2 * d * latency / (m * seconds_per_word)), 1, d)) if m > 2 else float(d)


def _upside_down(d, m, latency, seconds_per_word):
    return kstar(d, m, seconds_per_word, latency)


def _no_root(d, m, latency, seconds_per_word):
    return float(np.clip(2 * d * latency / ((m - 2) * seconds_per_word), 1, d)) if m > 2 else float(d)


def _best_k(function, networks):
    """The best k of each network; nan, infinity or an error count as a k of their own."""
    return {"best k of each network": [_finite(function, network) for network in networks]}


def _finite(function, network):
    try:
        k = function(*network)
    except ZeroDivisionError:
        k = np.inf
    except ValueError:  # the root of a negative number
        k = np.nan
    return float(np.nan_to_num(np.float64(k), nan=-1.0, posinf=-2.0, neginf=-3.0))


def _networks_at_random(rng):
    """Two with no best k inside (m = 1 and 2), three with one inside, and one for each end."""
    inside = [_network(rng, int(rng.integers(3, 40)), 10 ** rng.uniform(2, 4)) for _ in range(3)]
    few = [_network(rng, m, 10 ** rng.uniform(2, 4)) for m in (1, 2)]
    return ([*few, *inside, _network(rng, 16, 1e8), _network(rng, 16, 1e-4)],)


def _network(rng, m, ratio):
    """Latency is `ratio` times the time of one word."""
    d, seconds_per_word = int(rng.integers(10**5, 10**6)), 10 ** rng.uniform(-9, -7)
    return d, m, ratio * seconds_per_word, seconds_per_word


QUESTIONS = [
    Question(
        id="complexity-omega",
        name="omega",
        points=2,
        inputs=lambda rng: (int(rng.integers(1, 50)), int(rng.integers(60, 200))),
        reference=omega,
        wrong={
            "k/d is the share that is sent, which the lesson calls ω too: a variance is asked for": _ratio,
            "d/k is 1 + ω, the second moment; the variance is one less": _one_too_many,
            "1 - k/d is the error without rescaling, that of top-k at worst": _lost_share,
            "ω is a variance, not its root": _root,
        },
        hints=(
            "One coordinate is x_j d/k with probability k/d, else 0: what is its variance?",
            "E C(x)_j² = (k/d) (d/k)² x_j² = (d/k) x_j²; subtract x_j²",
        ),
    ),
    Question(
        id="complexity-words",
        name="words_to_gap",
        points=5,
        inputs=_problem_at_random,
        reference=words_to_gap,
        scale=1e4,
        wrong={
            "the workers' errors are independent: averaging divides ω by m": _not_averaged,
            "the step must shrink as ω grows: 1/η = L + 2ωL_max/m, not L": _uncompressed_step,
            "these are rounds; each costs a worker k words": _rounds_only,
            "a message of rand-k holds k words, not d": _whole_vectors,
            "asked are the words that one worker sends": _all_workers,
            "log is the natural logarithm: (1 - ημ)^t ≤ e^(-ημt)": _decimal_log,
            "the theorem's step has 2ωL_max/m; that the 2 may go where ζ* = 0 is for the proof part": _missing_two,
        },
        hints=(
            "Rounds: (1 - ημ)^t R² ≤ e^(-ημt) R² ≤ ε. Take the largest step that the theorem allows.",
            "rounds = (L + 2 * omega(k, d) * L_max / m) / mu * np.log(R2 / epsilon)",
        ),
    ),
    Question(
        id="complexity-kstar",
        name="kstar",
        points=7,
        inputs=_networks_at_random,
        measure=_best_k,
        reference=kstar,
        scale=1e4,
        wrong={
            "m = 1 and m = 2 are left to chance: there the cost falls all the way to k = d": _no_edge,
            "the formula alone is not enough: m = 1 and m = 2 go their own way, and k must stay within 1 and d":
                _formula_alone,
            "for m ≤ 2 the time only falls with k: the best is k = d, not 1": _one_word,
            "k is a number of coordinates: it must stay within 1 and d": _not_clipped,
            "rounds grow like 1 + (2/m)(d/k - 1): the constant 1 - 2/m belongs into the formula": _without_the_gain,
            "latency and seconds per word have changed places: a long latency asks for large messages": _upside_down,
            "the derivative of A/k + Bk vanishes at the root of A/B": _no_root,
        },
        hints=(
            "Multiply (latency + seconds_per_word k) by (1 - 2/m) + 2d/(m k), and drop what does not hold k. "
            "What is the sign of the term in k for m = 1, 2, 3?",
            "A = latency * 2 * d / m; B = seconds_per_word * (1 - 2 / m); the best is np.sqrt(A / B)",
        ),
    ),
]  # fmt: skip
