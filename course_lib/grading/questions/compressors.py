"""Questions of homework 02: three compressors, error feedback and EF21."""

import numpy as np

from course_lib.grading.question import Question
from course_lib.grading.questions.compression import Largest, model_and_rows


class Quadratics:
    """Gradients of m quadratics with minimisers of their own, all workers' at once."""

    def __init__(self, rng):
        m, d = rng.integers(3, 6), rng.integers(4, 8)
        self.curvature, self.minimisers = rng.uniform(0.5, 1.0, (m, d)), rng.normal(size=(m, d))

    def __call__(self, x):
        """All workers' gradients (m, d) at the common model (d,)."""
        return self.curvature * (x - self.minimisers)

    def __repr__(self):
        return "the gradients of m quadratics"


def _run_inputs(rng):
    gradient = Quadratics(rng)
    x = 3 * rng.normal(size=gradient.minimisers.shape[1])
    return x, gradient, rng.uniform(0.05, 0.2), Largest(), int(rng.integers(6, 12))


def top_k(x, k):
    out = np.zeros_like(x)
    kept = np.argsort(np.abs(x))[-k:]
    out[kept] = x[kept]
    return out


def _largest_signed(x, k):
    out = np.zeros_like(x)
    kept = np.argsort(x)[-k:]
    out[kept] = x[kept]
    return out


def _smallest(x, k):
    out = np.zeros_like(x)
    kept = np.argsort(np.abs(x))[:k]
    out[kept] = x[kept]
    return out


def _rescaled(x, k):
    return top_k(x, k) * len(x) / k


def _magnitudes(x, k):
    return np.abs(top_k(x, k))


def _packed(x, k):
    out = np.zeros_like(x)
    out[:k] = x[np.argsort(-np.abs(x))[:k]]
    return out


def _top_inputs(rng):
    d = int(rng.integers(8, 20))
    return rng.normal(size=d), int(rng.integers(2, d // 2))


def rand_k(x, k, order):
    out = np.zeros_like(x)
    out[order[:k]] = x[order[:k]] * len(x) / k
    return out


def _not_rescaled(x, k, order):
    return rand_k(x, k, order) * k / len(x)


def _upside_down(x, k, order):
    return rand_k(x, k, order) * (k / len(x)) ** 2


def _dropped_k(x, k, order):
    out = x * len(x) / (len(x) - k)
    out[order[:k]] = 0
    return out


def _first_k(x, k, order):
    return rand_k(x, k, np.arange(len(x)))


def _rand_inputs(rng):
    d = int(rng.integers(8, 20))
    return rng.normal(size=d), int(rng.integers(2, d // 2)), rng.permutation(d)


def qsgd(x, levels, u):
    norm = np.linalg.norm(x)
    if norm == 0:
        return np.zeros_like(x)
    return norm * np.sign(x) * np.floor(levels * np.abs(x) / norm + u) / levels


def _always_down(x, levels, u):
    return qsgd(x, levels, 0 * u)


def _to_nearest(x, levels, u):
    return qsgd(x, levels, 0 * u + 0.5)


def _largest_entry(x, levels, u):
    top = np.abs(x).max()
    return top * np.sign(x) * np.floor(levels * np.abs(x) / max(top, 1e-300) + u) / levels


def _without_sign(x, levels, u):
    return np.abs(qsgd(x, levels, u))


def _signed_floor(x, levels, u):
    norm = max(np.linalg.norm(x), 1e-300)
    return norm * np.sign(x) * np.floor(levels * x / norm + u) / levels


def _levels_not_divided(x, levels, u):
    return levels * qsgd(x, levels, u)


def _zero_over_zero(x, levels, u):
    norm = np.linalg.norm(x)
    return norm * np.sign(x) * np.floor(levels * np.abs(x) / norm + u) / levels


def _quantised(function, x, levels, u):
    of_zero = np.nan_to_num(function(np.zeros_like(x), levels, u), nan=-1.0)  # a number, so that it can be compared
    return {"value": function(x, levels, u), "value (-1 for NaN) of the zero vector": of_zero}


def _qsgd_inputs(rng):
    d = int(rng.integers(8, 20))
    return rng.normal(size=d), int(rng.integers(3, 9)), rng.uniform(size=d)


def error_feedback(x, gradient, step_size, compress, rounds):
    memory = np.zeros_like(gradient(x))
    for _ in range(rounds):
        wanted = memory + step_size * gradient(x)
        sent = compress(wanted)
        x, memory = x - sent.mean(axis=0), wanted - sent
    return x, memory


def _no_feedback(x, gradient, step_size, compress, rounds):
    memory = np.zeros_like(gradient(x))
    for _ in range(rounds):
        wanted = step_size * gradient(x)
        sent = compress(wanted)
        x, memory = x - sent.mean(axis=0), wanted - sent
    return x, memory


def _last_error_only(x, gradient, step_size, compress, rounds):
    memory = np.zeros_like(gradient(x))
    for _ in range(rounds):
        step = step_size * gradient(x)
        sent = compress(memory + step)
        x, memory = x - sent.mean(axis=0), step - sent
    return x, memory


def _counted_twice(x, gradient, step_size, compress, rounds):
    memory = np.zeros_like(gradient(x))
    for _ in range(rounds):
        wanted = memory + step_size * gradient(x)
        sent = compress(wanted)
        x, memory = x - sent.mean(axis=0), memory + wanted - sent
    return x, memory


def _in_gradients(x, gradient, step_size, compress, rounds):
    model, memory = error_feedback(x, gradient, step_size, compress, rounds)
    return model, memory / step_size


def _mean_compressed(x, gradient, step_size, compress, rounds):
    memory = np.zeros((1, len(x)))
    for _ in range(rounds):
        wanted = memory + step_size * gradient(x).mean(axis=0, keepdims=True)
        sent = compress(wanted)
        x, memory = x - sent[0], wanted - sent
    return x, np.tile(memory, (len(gradient(x)), 1))


def _summed_feedback(x, gradient, step_size, compress, rounds):
    memory = np.zeros_like(gradient(x))
    for _ in range(rounds):
        wanted = memory + step_size * gradient(x)
        sent = compress(wanted)
        x, memory = x - sent.sum(axis=0), wanted - sent
    return x, memory


def ef21(x, gradient, step_size, compress, rounds):
    estimates = compress(gradient(x))
    for _ in range(rounds):
        x = x - step_size * estimates.mean(axis=0)
        estimates = estimates + compress(gradient(x) - estimates)
    return x, estimates


def _old_gradient(x, gradient, step_size, compress, rounds):
    estimates = compress(gradient(x))
    for _ in range(rounds):
        g = gradient(x)
        x = x - step_size * estimates.mean(axis=0)
        estimates = estimates + compress(g - estimates)
    return x, estimates


def _estimates_first(x, gradient, step_size, compress, rounds):
    estimates = compress(gradient(x))
    for _ in range(rounds):
        estimates = estimates + compress(gradient(x) - estimates)
        x = x - step_size * estimates.mean(axis=0)
    return x, estimates


def _whole_gradient_compressed(x, gradient, step_size, compress, rounds):
    estimates = compress(gradient(x))
    for _ in range(rounds):
        x = x - step_size * estimates.mean(axis=0)
        estimates = compress(gradient(x))
    return x, estimates


def _difference_kept(x, gradient, step_size, compress, rounds):
    estimates = compress(gradient(x))
    for _ in range(rounds):
        x = x - step_size * estimates.mean(axis=0)
        estimates = compress(gradient(x) - estimates)
    return x, estimates


def _starts_exactly(x, gradient, step_size, compress, rounds):
    estimates = gradient(x)
    for _ in range(rounds):
        x = x - step_size * estimates.mean(axis=0)
        estimates = estimates + compress(gradient(x) - estimates)
    return x, estimates


def _starts_at_zero(x, gradient, step_size, compress, rounds):
    estimates = np.zeros_like(gradient(x))
    for _ in range(rounds):
        x = x - step_size * estimates.mean(axis=0)
        estimates = estimates + compress(gradient(x) - estimates)
    return x, estimates


QUESTIONS = [
    Question(
        id="compressors-topk",
        name="top_k",
        points=2,
        inputs=_top_inputs,
        reference=top_k,
        wrong={
            "largest means largest in magnitude: a large negative coordinate counts too": _largest_signed,
            "these are the k smallest coordinates": _smallest,
            "top-k is not rescaled: d/k makes rand-k unbiased, here it only makes the error larger": _rescaled,
            "the signs are lost": _magnitudes,
            "a kept coordinate stays where it was; the result is a vector of length d": _packed,
        },
        hints=(
            "Sort the magnitudes, keep the places of the last k, fill them into a vector of zeros.",
            "kept = np.argsort(np.abs(x))[-k:]; out[kept] = x[kept]",
        ),
    ),
    Question(
        id="compressors-randk",
        name="rand_k",
        points=2,
        inputs=_rand_inputs,
        reference=rand_k,
        wrong={
            "without the factor d/k the mean is (k/d) x: biased": _not_rescaled,
            "the factor is d/k, not k/d: what is rare must count more": _upside_down,
            "the k coordinates in order[:k] are those that are kept, not those that are dropped": _dropped_k,
            "always the same coordinates: the random order is not used": _first_k,
        },
        hints=(
            "A coordinate is kept with probability k/d. By what must it be multiplied so that its mean is itself?",
            "out[order[:k]] = x[order[:k]] * d / k",
        ),
    ),
    Question(
        id="compressors-qsgd",
        name="qsgd",
        points=4,
        inputs=_qsgd_inputs,
        measure=_quantised,
        reference=qsgd,
        wrong={
            "u is not used: always rounding down is biased towards zero": _always_down,
            "rounding to the nearest level is biased too: round up with probability r": _to_nearest,
            "QSGD scales by the Euclidean norm, not by the largest entry: its ω is another": _largest_entry,
            "the signs are lost": _without_sign,
            "the floor is taken of a signed number: take it of the magnitude, and put the sign back": _signed_floor,
            "the level is an integer from 0 to s: divide by s to come back": _levels_not_divided,
            "the zero vector gives 0/0: it must come back as zeros": _zero_over_zero,
        },
        hints=(
            "Three parts: the norm, the sign, and the level floor(s |x_j| / ‖x‖ + u_j).",
            "norm * np.sign(x) * np.floor(levels * np.abs(x) / norm + u) / levels",
        ),
    ),
    Question(
        id="compressors-feedback",
        name="error_feedback",
        points=5,
        inputs=_run_inputs,
        measure=model_and_rows,
        reference=error_feedback,
        wrong={
            "what was not sent is never added to the next message: compression without feedback": _no_feedback,
            "only the last round's error is kept: new memory = (old memory + step) - sent": _last_error_only,
            "the old memory is counted twice: it is in p_i already, so the new one is p_i - C(p_i) and no more":
                _counted_twice,
            "the memory is kept in units of the gradient, not of the step: after a change of step size it would be "
            "multiplied by the wrong one": _in_gradients,
            "the mean gradient is compressed; but each worker compresses its own, before anybody knows the mean":
                _mean_compressed,
            "what arrives is added up, not averaged": _summed_feedback,
        },
        hints=(
            "Each round: what I want to send = memory + step; send its compression; keep the rest.",
            "wanted = memory + step_size * gradient(x); sent = compress(wanted); memory = wanted - sent",
        ),
    ),
    Question(
        id="compressors-ef21",
        name="ef21",
        points=5,
        inputs=_run_inputs,
        measure=model_and_rows,
        reference=ef21,
        wrong={
            "the estimates follow the gradient at the old model: take the step first, then the gradient": _old_gradient,
            "a round begins with the step, along the estimates that are there; they are updated after it":
                _estimates_first,
            "the gradient itself is compressed; EF21 compresses its distance from the estimate":
                _whole_gradient_compressed,
            "the compressed difference replaces the estimate; it must be added to it": _difference_kept,
            "the first estimates are compressed too: a whole gradient costs d words": _starts_exactly,
            "the first estimates are zero; here they are the compressed first gradients": _starts_at_zero,
        },
        hints=(
            "First step with the estimates that you have, then bring them closer to the new gradients.",
            "x = x - step_size * estimates.mean(axis=0); estimates = estimates + compress(gradient(x) - estimates)",
        ),
    ),
]  # fmt: skip
