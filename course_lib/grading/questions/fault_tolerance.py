"""Questions of homework 09: a gradient code, a coded round, checkpoints, exact resume, and how often to save."""

import multiprocessing
import sys
import zlib

import numpy as np
from scipy.special import lambertw

from course_lib.errors import CourseError
from course_lib.grading.question import Question


def cyclic_code(H):
    s, m = H.shape
    B = np.eye(m)
    for i in range(m):
        others = (i + np.arange(1, s + 1)) % m
        B[i, others] = np.linalg.solve(H[:, others], -H[:, i])
    return B


def _wrong_sign(H):
    m = H.shape[1]
    return 2 * np.eye(m) - cyclic_code(H)


def _transposed(H):
    return cyclic_code(H).T


def _sums_to_one(H):
    B = cyclic_code(H)
    return B / B.sum(axis=1, keepdims=True)


def _plain_sums(H):
    s, m = H.shape
    return np.array([[float((j - i) % m <= s) for j in range(m)] for i in range(m)])


def _code_inputs(rng):
    return (_null_matrix(rng, int(rng.integers(6, 10)), int(rng.integers(2, 4))),)


def _null_matrix(rng, m, s):
    """H of shape (s, m), H 1 = 0, whose neighbouring columns are far from dependent."""
    while True:
        H = rng.normal(size=(s, m))
        H -= H.mean(axis=1, keepdims=True)
        columns = [(i + np.arange(1, s + 1)) % m for i in range(m)]
        if max(np.linalg.cond(H[:, c]) for c in columns) < 20:
            return H


def coded_round(B, load, gradients, seconds):
    m = len(B)
    first = np.argsort(seconds)[: m - load + 1]
    weights = np.linalg.lstsq(B[first].T, np.ones(m), rcond=None)[0]
    return weights @ (B @ gradients)[first], load * seconds[first].max()


def _free_load(B, load, gradients, seconds):
    total, wall = coded_round(B, load, gradients, seconds)
    return total, wall / load


def _waits_for_all(B, load, gradients, seconds):
    return coded_round(B, load, gradients, seconds)[0], load * seconds.max()


def _leaves_out_load(B, load, gradients, seconds):
    first = np.argsort(seconds)[: len(B) - load]
    weights = np.linalg.lstsq(B[first].T, np.ones(len(B)), rcond=None)[0]
    return weights @ (B @ gradients)[first], load * seconds[first].max()


def _mean_of_shares(B, load, gradients, seconds):
    total, wall = coded_round(B, load, gradients, seconds)
    return total / len(B), wall


def _round_measure(function, *args):
    total, wall = function(*args)
    return {"sum of the gradients": total, "seconds": wall}


def _round_inputs(rng):
    m, s = int(rng.integers(6, 9)), 2
    H = _null_matrix(rng, m, s)
    B = np.eye(m)
    for i in range(m):
        others = (i + np.arange(1, s + 1)) % m
        B[i, others] = np.linalg.solve(H[:, others], -H[:, i])
    return B, s + 1, rng.normal(size=(m, 3)), rng.permutation(np.arange(m) + rng.uniform(0.2, 0.8, m))


def latest(files):
    for file in reversed(files):
        if len(file) >= 4 and zlib.crc32(file[4:]) == int.from_bytes(file[:4], "little"):
            return np.frombuffer(file[4:])
    return None


def _numbers(file):
    return np.frombuffer(file[4 : 4 + (len(file) - 4) // 8 * 8])


def _trusts_the_newest(files):
    return _numbers(next(file for file in reversed(files) if len(file) >= 12))


def _oldest(files):
    return _numbers(next(f for f in files if zlib.crc32(f[4:]) == int.from_bytes(f[:4], "little")))


def _whole_numbers_only(files):
    return _numbers(next(f for f in reversed(files) if len(f) >= 12 and (len(f) - 4) % 8 == 0))


def _sealed(values):
    content = np.asarray(values, float).tobytes()
    return zlib.crc32(content).to_bytes(4, "little") + content


def _file_inputs(rng):
    values = rng.normal(size=(5, 4))
    files = [_sealed(v) for v in values]
    files[2] = _sealed(np.append(values[2], 0.0))[:-8]  # torn between two numbers
    files[3] = files[3][: int(rng.integers(14, 34) // 8 * 8 + 7)]  # torn within one
    files[4] = files[4][:2]
    return (files,)


def train(A, b, step_size, momentum, k, rounds, state=None):
    x, v, e, t, stream = state or (np.zeros(A.shape[1]), 0.0, 0.0, 0, np.random.default_rng(7).bit_generator.state)
    rng = np.random.default_rng()
    rng.bit_generator.state = stream
    for _ in range(rounds):
        i = rng.integers(len(A))
        v = momentum * v + (A[i] @ x - b[i]) * A[i]
        p = e + step_size / (1 + t / 10) * v
        kept = np.argsort(-abs(p))[:k]
        sent = np.zeros_like(p)
        sent[kept] = p[kept]
        x, e, t = x - sent, p - sent, t + 1
    return x, (x, v, e, t, rng.bit_generator.state)


def _forgets(part, A, b, step_size, momentum, k, rounds, state=None):
    if state is not None:
        fresh = (None, 0.0, 0.0, 0, np.random.default_rng(7).bit_generator.state)
        state = tuple(fresh[j] if j == part else value for j, value in enumerate(state))
    return train(A, b, step_size, momentum, k, rounds, state)


def _forgets_velocity(*args, **kwargs):
    return _forgets(1, *args, **kwargs)


def _forgets_memory(*args, **kwargs):
    return _forgets(2, *args, **kwargs)


def _forgets_steps(*args, **kwargs):
    return _forgets(3, *args, **kwargs)


def _forgets_stream(*args, **kwargs):
    return _forgets(4, *args, **kwargs)


def _elsewhere(task):
    """What a task returns in a process that ends with it; on systems that cannot safely fork, in this one."""
    if sys.platform != "linux":
        return task()
    processes = multiprocessing.get_context("fork")
    here, there = processes.Pipe(duplex=False)
    process = processes.Process(target=lambda: there.send(_tried(task)))
    process.start()
    there.close()
    try:
        result, error = here.recv()
    except EOFError:
        raise CourseError("it returned no model or state that another process could be given") from None
    finally:
        process.join()
    if error:
        raise error
    return result


def _tried(task):
    try:
        return task(), None
    except Exception as error:
        return None, error


def _resumed(function, A, b, step_size, momentum, k, rounds, killed):
    """The run never killed, and the one that was: they must be equal in every bit."""
    whole = _elsewhere(lambda: function(A, b, step_size, momentum, k, rounds)[0])
    half = _elsewhere(lambda: function(A, b, step_size, momentum, k, killed)[1])
    rest = function(A, b, step_size, momentum, k, rounds - killed, state=half)[0]
    exact = float(np.asarray(rest).tobytes() == np.asarray(whole).tobytes())
    return {"never killed": whole, "killed and resumed": rest, "bit for bit": exact}


def _train_inputs(rng):
    n, d = 40, 6
    A, b = rng.normal(size=(n, d)), rng.normal(size=n)
    rounds = int(rng.integers(30, 50))
    return A, b, 0.03, 0.6, 2, rounds, rounds // 2


def best_interval(save, between_failures):
    return between_failures * (1 + lambertw(-np.exp(-1 - save / between_failures)).real)


def _young(save, between_failures):
    return np.sqrt(2 * save * between_failures)


def _other_branch(save, between_failures):
    return between_failures * (1 + lambertw(-np.exp(-1 - save / between_failures), -1).real)


def _half(save, between_failures):
    return np.sqrt(save * between_failures)


def _with_the_save(save, between_failures):
    return best_interval(save, between_failures) + save


def _interval_inputs(rng):
    return rng.uniform(2, 20), rng.uniform(30, 90)


QUESTIONS = [
    Question(
        id="fault_tolerance-code",
        name="cyclic_code",
        points=4,
        inputs=_code_inputs,
        reference=cyclic_code,
        wrong={
            "H times your rows is not zero: the sign of the right-hand side": _wrong_sign,
            "row i holds the shares i, i + 1, ..., i + s; yours holds i and those before it": _transposed,
            "rows need not sum to one: B_ii is one, and the others follow": _sums_to_one,
            "plain sums of neighbouring shares do not decode for every pattern: the weights must lie in the null "
            "space of H": _plain_sums,
        },
        hints=(
            "Row i of B, as a vector b, must satisfy H b = 0, with b_i = 1 and zeros outside i, ..., i + s.",
            "B[i, others] = np.linalg.solve(H[:, others], -H[:, i])",
        ),
    ),
    Question(
        id="fault_tolerance-round",
        name="coded_round",
        points=4,
        inputs=_round_inputs,
        reference=coded_round,
        measure=_round_measure,
        wrong={
            "each worker computes `load` shares: its seconds are for one": _free_load,
            "the round is over when the first m - s are done": _waits_for_all,
            "with load s + 1 there are s stragglers: m - s messages are needed, one more than yours": _leaves_out_load,
            "asked for is the sum over the shares, not their mean": _mean_of_shares,
        },
        hints=(
            "s = load - 1 may be missing. Who are the first m - s, and which weights make their messages the sum?",
            "weights = np.linalg.lstsq(B[first].T, np.ones(m), rcond=None)[0]",
        ),
    ),
    Question(
        id="fault_tolerance-latest",
        name="latest",
        points=3,
        inputs=_file_inputs,
        reference=latest,
        wrong={
            "the newest is not always whole: compare the checksum": _trusts_the_newest,
            "of those that are whole the newest is asked for": _oldest,
            "a file may be torn between two numbers: only the checksum tells": _whole_numbers_only,
        },
        hints=(
            "Go through the files from the end; a file with fewer than four bytes has no checksum at all.",
            'zlib.crc32(file[4:]) == int.from_bytes(file[:4], "little")',
        ),
    ),
    Question(
        id="fault_tolerance-resume",
        name="train",
        points=5,
        inputs=_train_inputs,
        reference=train,
        measure=_resumed,
        wrong={
            "the momentum is lost with the machine: v belongs to the state": _forgets_velocity,
            "what was not sent yet is lost with the machine: e belongs to the state": _forgets_memory,
            "the step size begins anew: the number of steps belongs to the state": _forgets_steps,
            "the same rows are drawn again: the random stream belongs to the state": _forgets_stream,
        },
        hints=(
            "Write down every variable that the loop reads before it writes it: that is the state.",
            "state = (x, v, e, t, rng.bit_generator.state)",
        ),
    ),
    Question(
        id="fault_tolerance-interval",
        name="best_interval",
        points=3,
        inputs=_interval_inputs,
        reference=best_interval,
        scale=10.0,
        wrong={
            "this is Young's rule, exact only for a save of no length": _young,
            "this is the other branch of Lambert's function: it makes the interval negative": _other_branch,
            "a factor of two is missing under the root, and it would only be Young's rule": _half,
            "the interval is the time of work; saving comes on top of it": _with_the_save,
        },
        hints=(
            "Set the derivative of (e^((tau + delta)/M) - 1)/tau to zero: (1 - u) e^u = e^(-delta/M) with u = tau/M.",
            "M * (1 + scipy.special.lambertw(-np.exp(-1 - delta / M)).real)",
        ),
    ),
]
