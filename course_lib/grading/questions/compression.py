"""Questions of lecture 03: the lesson's random quantiser, a DIANA round, and a review of error feedback."""

import numpy as np

from course_lib.grading.question import Question


class Largest:
    """A compressor without chance: every row keeps its largest coordinate alone."""

    def __call__(self, rows):
        """Rows (m, d) to what arrives of them (m, d)."""
        return np.where(np.abs(rows) == np.abs(rows).max(axis=-1, keepdims=True), rows, 0.0)

    def __repr__(self):
        return "a compressor"


def model_and_rows(function, *args):
    """Measure a function that returns a model and one row a worker."""
    model, rows = function(*args)
    return {"model": model, "one row a worker": rows}


def rounding_error(x, delta):
    part = np.abs(x) / delta % 1
    return delta**2 * np.sum(part * (1 - part))


def _always_down(x, delta):
    return delta**2 * np.sum((np.abs(x) / delta % 1) ** 2)


def _worst_case(x, delta):
    return delta**2 * len(x) / 4


def _in_units_of_delta(x, delta):
    return rounding_error(x, delta) / delta**2


def _mean_coordinate(x, delta):
    return rounding_error(x, delta) / len(x)


def _whole_quotient(x, delta):
    z = np.abs(x) / delta
    return delta**2 * np.sum(z * (1 - z))


def diana_round(x, shifts, gradients, step_size, alpha, compress):
    messages = compress(gradients - shifts)
    g = np.mean(shifts + messages, axis=0)
    return x - step_size * g, shifts + alpha * messages


def _step_along_messages(x, shifts, gradients, step_size, alpha, compress):
    messages = compress(gradients - shifts)
    return x - step_size * messages.mean(axis=0), shifts + alpha * messages


def _whole_gradients_sent(x, shifts, gradients, step_size, alpha, compress):
    messages = compress(gradients)
    return x - step_size * messages.mean(axis=0), shifts + alpha * (messages - shifts)


def _secret_shifts(x, shifts, gradients, step_size, alpha, compress):
    model, _ = diana_round(x, shifts, gradients, step_size, alpha, compress)
    return model, shifts + alpha * (gradients - shifts)


def _shifts_first(x, shifts, gradients, step_size, alpha, compress):
    messages = compress(gradients - shifts)
    shifts = shifts + alpha * messages
    return x - step_size * np.mean(shifts + messages, axis=0), shifts


def _whole_messages_added(x, shifts, gradients, step_size, alpha, compress):
    return diana_round(x, shifts, gradients, step_size, 1.0, compress)


def _summed(x, shifts, gradients, step_size, alpha, compress):
    return diana_round(x, shifts, gradients, step_size * len(shifts), alpha, compress)


def _diana_inputs(rng):
    m, d = rng.integers(3, 7), rng.integers(4, 9)
    shifts, gradients = rng.normal(size=(m, d)), 2 * rng.normal(size=(m, d))
    return rng.normal(size=d), shifts, gradients, rng.uniform(0.1, 0.5), rng.uniform(0.1, 0.5), Largest()


def feedback_round(x, memory, gradients, step_size, compress):
    wanted = memory + step_size * gradients
    sent = compress(wanted)
    return x - sent.mean(axis=0), wanted - sent


def _forgets(x, memory, gradients, step_size, compress):
    sent = compress(memory + step_size * gradients)
    return x - sent.mean(axis=0), step_size * gradients - sent


def _adds_afterwards(x, memory, gradients, step_size, compress):
    sent = compress(step_size * gradients)
    return x - (sent + memory).mean(axis=0), step_size * gradients - sent


def _no_memory(x, memory, gradients, step_size, compress):
    sent = compress(step_size * gradients)
    return x - sent.mean(axis=0), step_size * gradients - sent


def _keeps_what_was_sent(x, memory, gradients, step_size, compress):
    wanted = memory + step_size * gradients
    sent = compress(wanted)
    return x - sent.mean(axis=0), wanted


def _shared_memory(x, memory, gradients, step_size, compress):
    wanted = memory + step_size * gradients
    sent = compress(wanted)
    return x - sent.mean(axis=0), np.tile((wanted - sent).mean(axis=0), (len(memory), 1))


def _owes_too_much(x, memory, gradients, step_size, compress):
    model, left = feedback_round(x, memory, gradients, step_size, compress)
    return model, -left


def _feedback_inputs(rng):
    m, d = rng.integers(3, 7), rng.integers(4, 9)
    memory, gradients = rng.normal(size=(m, d)), 4 * rng.normal(size=(m, d))
    return rng.normal(size=d), memory, gradients, rng.uniform(0.3, 0.9), Largest()


QUESTIONS = [
    Question(
        id="compression-error",
        name="rounding_error",
        points=2,
        inputs=lambda rng: (rng.normal(size=rng.integers(5, 30)), rng.uniform(0.3, 1.5)),
        reference=rounding_error,
        wrong={
            "r² is the squared error of always rounding down; here up happens with probability r, down with 1 - r":
                _always_down,
            "d δ²/4 is the worst case, r = 1/2 in every coordinate; the exact error depends on x": _worst_case,
            "the error is counted in steps of the grid: a step is δ wide, hence a factor δ²": _in_units_of_delta,
            "this is the error of one coordinate on average; ‖Q(x) - x‖² adds all of them up": _mean_coordinate,
            "r is the fractional part of |x|/δ, not |x|/δ itself": _whole_quotient,
        },
        hints=(
            "In one coordinate the error is (1 - r)δ with probability r, and rδ with probability 1 - r.",
            "r = np.abs(x) / delta % 1; one coordinate's expected squared error is delta**2 * r * (1 - r)",
        ),
    ),
    Question(
        id="compression-diana",
        name="diana_round",
        points=3,
        inputs=_diana_inputs,
        measure=model_and_rows,
        reference=diana_round,
        wrong={
            "the step forgets the shifts: the server's best guess of a gradient is h_i + q_i": _step_along_messages,
            "the gradients themselves are compressed; DIANA compresses what is new, the gradient minus the shift":
                _whole_gradients_sent,
            "the shifts move by α(gradient - shift), which the server never saw: both sides can follow only by the "
            "message q_i": _secret_shifts,
            "the step uses the new shifts: h_i is the one from before the round": _shifts_first,
            "the shifts move by the whole message; α damps it, or its noise goes on and on": _whole_messages_added,
            "the workers' vectors are added up, not averaged": _summed,
        },
        hints=(
            "Three lines: the messages, the mean of shift plus message, and both updates.",
            "messages = compress(gradients - shifts); g = np.mean(shifts + messages, axis=0)",
        ),
    ),
    Question(
        id="compression-review",
        name="feedback_round",
        points=3,
        inputs=_feedback_inputs,
        measure=model_and_rows,
        reference=feedback_round,
        wrong={
            "what was in memory and was not sent is lost: keep (memory + step) minus what was sent": _forgets,
            "the memory is added after compression: then it travels uncompressed, or the server cannot know it":
                _adds_afterwards,
            "the old memory is never used: this is compression without feedback": _no_memory,
            "the memory keeps what was sent already, so it is sent again and again": _keeps_what_was_sent,
            "each worker remembers its own error: the mean of all errors is known to nobody": _shared_memory,
            "the sign of the memory is wrong: what was wanted minus what was sent": _owes_too_much,
        },
        hints=(
            "Compute the invariant before and after one round: by how much does mean(memory) fall short?",
            "Give what is wanted a name, wanted = memory + step_size * gradients, and use it twice.",
        ),
    ),
]  # fmt: skip
