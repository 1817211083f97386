"""Compressed methods against theory 4.2 to 4.7, and the compressed mean against real messages."""

from dataclasses import dataclass
from functools import partial
from itertools import islice, pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from toys import Hills

from course_lib import bounds
from course_lib.clusters import Link, SimulatedCluster, slow_worker
from course_lib.compressors import (
    QSGD,
    Compressor,
    Float32,
    Natural,
    OneBit,
    PowerSGD,
    RandomK,
    RandomSparsifier,
    ScaledSign,
    Stochastic,
    TernGrad,
    TopK,
    Uniform,
)
from course_lib.compressors.messages import Signs
from course_lib.errors import CourseError
from course_lib.experiment import History, run, sweep
from course_lib.methods import (
    adaptive_compressed_sgd,
    compressed_sgd,
    diana,
    ef21,
    error_feedback_sgd,
    power_sgd,
    sync_sgd,
)
from course_lib.problems import Problem, Quadratic

M, D = 10, 20
ALL = [
    Float32(), TopK(3), RandomK(3), RandomSparsifier(0.3), Uniform(0.1), Stochastic(0.1), QSGD(4), TernGrad(),
    Natural(), OneBit(), ScaledSign(), PowerSGD(1),
]  # fmt: skip
METHODS = {
    "compressed_sgd": partial(compressed_sgd, step_size=0.1, compressor=RandomK(3)),
    "error_feedback_sgd": partial(error_feedback_sgd, step_size=0.1, compressor=TopK(2)),
    "error_feedback_sgd, random": partial(error_feedback_sgd, step_size=0.1, compressor=PowerSGD(1)),
    "ef21": partial(ef21, step_size=0.1, compressor=TopK(2)),
    "diana": partial(diana, step_size=0.1, compressor=QSGD(3)),
    "adaptive_compressed_sgd": partial(adaptive_compressed_sgd, step_size=0.1),
    "power_sgd": partial(power_sgd, step_size=0.1, rank=2),
}
methods = pytest.mark.parametrize("make", METHODS.values(), ids=METHODS.keys())


def quadratic(m=M, d=D, **options):
    return Quadratic.dialled(m, d, condition=4, seed=1, **options)


def states(method, steps):
    """The first states, copied: x_0, x_1, ..."""
    return [[np.copy(part) for part in state] for state in islice(method, steps)]


def distances(states, optimum):
    """Mean over replicates of ||x_t - x*||^2, shape (T,)."""
    return np.array([((x - optimum) ** 2).sum((-2, -1)).mean() for x, *_ in states])


def constants(problem):
    optimum = problem.optimum()
    own = problem.gradient(optimum)
    L_max, zeta2 = problem.L_workers.max(), (own**2).sum(1).mean()
    return optimum, own, problem.L, L_max, problem.mu, zeta2


# ---- the compressed mean -----------------------------------------------------------------------------


@pytest.mark.parametrize("c", ALL, ids=repr)
@given(m=st.integers(1, 6), d=st.integers(3, 20), seed=st.integers(0, 99))
def test_the_ledger_counts_real_messages(c, m, d, seed):
    cluster = SimulatedCluster(quadratic(m, d), seed=seed, link=Link(latency=1e-3, bandwidth=1e4))
    V = np.random.default_rng(seed).standard_normal((m, d))
    average, sent = cluster.compressed_mean(V, c)
    messages = [c.encode(v, np.random.default_rng([seed, 2, i])) for i, v in enumerate(V)]
    lengths = [len(message) for message in messages]
    assert np.array_equal(sent, [c.decode(message) for message in messages])
    assert np.allclose(average, sent.mean(0), atol=1e-15) and average.shape == (1, d)
    assert cluster.bytes == (m - 1) * sum(lengths)
    assert cluster.messages == m * (m - 1)
    assert cluster.seconds == pytest.approx((m - 1) * (1e-3 + max(lengths) / 1e4))


def test_all_wait_for_the_slowest_and_the_mean_is_weighted():
    problem = Quadratic(quadratic(3, 4).A, quadratic(3, 4).b, weights=[1, 2, 5])
    cluster = SimulatedCluster(problem, compute=slow_worker(3, 10))
    g = cluster.gradient(cluster.start())
    before = cluster.seconds
    average, sent = cluster.compressed_mean(g, TopK(1))
    assert np.allclose(average, problem.weights @ sent)
    assert np.allclose(cluster.clock, before + 2 * cluster.link.seconds(TopK(1).size(g[0])))


def test_a_workers_draws_depend_on_the_seed_and_its_number_alone():
    V = np.ones((5, 8))
    few, many = (SimulatedCluster(quadratic(m, 8), seed=3).compressed_mean(V[:m], RandomK(2))[1] for m in (3, 5))
    other = SimulatedCluster(quadratic(5, 8), seed=4).compressed_mean(V, RandomK(2))[1]
    assert np.array_equal(few, many[:3]) and not np.array_equal(many, other)
    assert len(np.unique(many, axis=0)) > 1


def test_compression_leaves_the_mini_batches_alone():
    problem = quadratic(noise=1.0)
    noises = []
    for c in (RandomK(3), Float32()):
        cluster = SimulatedCluster(problem, batch_size=1)
        x = cluster.start()
        for _ in range(3):
            g = cluster.gradient(x)
            cluster.compressed_mean(g, c)
        noises.append(g)
    assert np.array_equal(*noises)


def test_the_ledger_stays_small_when_every_message_has_another_length():
    cluster = SimulatedCluster(quadratic())
    run(compressed_sgd(cluster, 0.1, RandomSparsifier(0.3)), 200, quiet=True)
    assert len(cluster.ledger) < 10


def test_replicates_are_independent_and_billed_once():
    cluster = SimulatedCluster(quadratic(), replicates=6)
    history = run(compressed_sgd(cluster, 0.1, TopK(2)), 1, quiet=True)
    single = run(compressed_sgd(SimulatedCluster(quadratic()), 0.1, TopK(2)), 1, quiet=True)
    assert history.bytes[-1] == single.bytes[-1] and history.seconds[-1] == single.seconds[-1]
    drawn = run(compressed_sgd(cluster, 0.1, RandomK(2)), 1, quiet=True)
    assert len(np.unique(drawn.model[:, 0], axis=0)) == 6


def test_a_row_for_each_worker():
    with pytest.raises(CourseError, match="10 workers compress a row each; this block has 1 rows"):
        SimulatedCluster(quadratic()).compressed_mean(np.ones((1, D)), TopK(1))


# ---- 4.2 DCGD, 4.3 DIANA -----------------------------------------------------------------------------


@pytest.mark.parametrize("sigma", [0.0, 1.0])
def test_dcgd_bound_and_floor(sigma):
    problem = quadratic(noise=sigma)
    optimum, _, L, L_max, mu, zeta2 = constants(problem)
    omega = RandomK(4).omega(D)
    cluster = SimulatedCluster(problem, replicates=200, batch_size=2 if sigma else None)
    floors = []
    for eta in bounds.dcgd_step(L, L_max, M, omega) * np.array([1, 0.1]):
        T = int(6 / (eta * mu))
        measured = distances(states(compressed_sgd(cluster, eta, RandomK(4)), T), optimum)
        bound = bounds.dcgd(np.arange(T), eta, L, L_max, mu, M, omega, zeta2, measured[0], sigma**2 / 2)
        assert np.all(measured <= bound * (1 + 1e-12))
        floors.append(measured[-T // 6 :].mean())
    assert floors[0] > 1e-2
    assert 5 < floors[0] / floors[1] < 20  # the floor is proportional to the step size


def test_dcgd_has_no_floor_where_all_agree():
    problem = Quadratic(quadratic().A, np.ones((M, D)))
    _, _, L, L_max, mu, zeta2 = constants(problem)
    assert zeta2 < 1e-25
    eta = bounds.dcgd_step(L, L_max, M, 4)
    last = states(compressed_sgd(SimulatedCluster(problem), eta, RandomK(4)), int(80 / (eta * mu)))[-1]
    assert np.abs(last[0] - 1).max() < 1e-12


def test_diana_lyapunov_bound_and_no_floor():
    problem = quadratic()
    optimum, own, L, L_max, mu, _ = constants(problem)
    c = RandomK(4)
    omega = c.omega(D)
    eta, alpha = bounds.diana_step(L, L_max, M, omega), 1 / (1 + omega)
    path = states(diana(SimulatedCluster(problem, replicates=300), eta, c), 700)
    V = [bounds.diana_lyapunov(x, h, optimum, own, eta, alpha, omega).mean() for x, h, *_ in path]
    assert np.all(V <= bounds.diana(np.arange(700), eta, alpha, mu, omega, V[0]) * (1 + 1e-12) + 1e-25)
    assert V[-1] < 1e-20
    _, h, h_mean, _ = path[-1]
    assert np.allclose(h, own, atol=1e-9) and np.allclose(h_mean, h.mean(-2, keepdims=True), atol=1e-12)


def test_diana_with_steps_of_its_own():
    path = states(diana(SimulatedCluster(quadratic()), 0.1, RandomK(4), shift_step=0.05), 2)
    full = SimulatedCluster(quadratic()).gradient(path[0][0])
    moved = path[1][1] != 0
    assert np.allclose(path[1][1][moved], (0.05 * D / 4 * full)[moved])


# ---- 4.4 without smoothness --------------------------------------------------------------------------


class Norm(Problem):
    """f(x) = ||x||_1 / sqrt(d) on one worker: subgradients of length 1."""

    def __init__(self, d):
        super().__init__(1, d, [1.0])

    def losses(self, X):
        return np.abs(X).sum(-1) / self.d**0.5

    def gradient(self, X, batch=None, workers=slice(None)):
        return np.sign(X) / self.d**0.5


@pytest.mark.parametrize("k", [64, 16, 4, 1])
def test_convex_bound_without_smoothness(k):
    d, T = 64, 1000
    omega = RandomK(k).omega(d)
    cluster = SimulatedCluster(Norm(d), initial_model=np.full(d, d**-0.5), replicates=40)
    path = states(compressed_sgd(cluster, 1 / np.sqrt((1 + omega) * T), RandomK(k)), T)
    averaged = cluster.problem.loss(np.mean([x for x, _ in path], axis=0)).mean()
    assert averaged <= bounds.compressed_convex(T, omega, 1, 1)
    assert bounds.compressed_convex(T, omega, 1, 1) == pytest.approx(np.sqrt(d / k / T))


# ---- 4.5 biased compression fails --------------------------------------------------------------------


def three_workers():
    """The example of Beznosikov et al. (2020), from (1, 1, 1)."""
    a = np.array([[-3, 2, 2], [2, -3, 2], [2, 2, -3]])
    problem = Quadratic(2 * a[:, :, None] * a[:, None] + np.eye(3) / 2, np.zeros((3, 3)))
    return SimulatedCluster(problem, initial_model=np.ones(3))


@pytest.mark.parametrize("eta", [0.1, 0.01, 0.001])
def test_top_one_grows_by_the_same_factor_for_ever(eta):
    path = states(compressed_sgd(three_workers(), eta, TopK(1)), 50)
    for (x, _), (following, _) in pairwise(path):
        assert np.allclose(following / x, bounds.top_one_growth(eta), rtol=1e-12, atol=0)
    assert three_workers().problem.mu > 0.5


@pytest.mark.parametrize("method", [error_feedback_sgd, ef21])
def test_feedback_reaches_the_optimum_of_the_same_problem(method):
    last = states(method(three_workers(), 0.02, TopK(1)), 3001)[-1]
    assert np.abs(last[0]).max() < 1e-15


@dataclass(frozen=True)
class Sign(Compressor):
    """Only the signs, times a fixed scale: to add a compressor takes one class."""

    scale: float
    message = Signs

    def compress(self, x, rng):
        return Signs(np.full((*x.shape[:-1], 1), self.scale), x >= 0)


class Gamble(Problem):
    """f(x) = x / 4; a gradient is 4 with probability 1/4, else -1 (Karimireddy et al., 2019)."""

    def __init__(self):
        super().__init__(1, 1, [1.0])

    def losses(self, X):
        return X[..., 0] / 4

    def gradient(self, X, batch=None, workers=slice(None)):
        return 0 * X + (0.25 if batch is None else batch)

    def sample(self, streams, batch_size, workers=slice(None), replicates=None):
        return np.where(streams[0].random((replicates, 1, 1)) < 0.25, 4.0, -1.0)


def test_signs_go_uphill_and_feedback_turns_them_round():
    eta, T = 0.01, 400
    cluster = SimulatedCluster(Gamble(), batch_size=1, replicates=500)
    drift = {}
    for method in (compressed_sgd, error_feedback_sgd):
        c = Sign(1.0 if method is compressed_sgd else eta)  # feedback compresses the step, not the gradient
        drift[method] = states(method(cluster, eta, c), T + 1)[-1][0].mean() / (eta * T)
    assert drift[compressed_sgd] == pytest.approx(0.5, abs=0.02)
    assert drift[error_feedback_sgd] == pytest.approx(-0.25, abs=0.1)


def one_target(value):
    """All workers want the same: every coordinate equal to the value."""
    return Quadratic(quadratic().A[:1].repeat(M, 0), np.full((M, D), value))


def test_the_floor_quantiser_freezes():
    problem = one_target(2.0)
    path = states(compressed_sgd(SimulatedCluster(problem), 0.5, Uniform(0.5)), 300)
    left = problem.full_gradient(path[-1][0])
    assert np.array_equal(path[-1][0], path[-250][0])
    assert 0.3 < np.abs(left).max() < 0.5


def test_the_random_quantiser_goes_on_but_not_to_the_optimum():
    problem = one_target(np.pi / 2)  # off the grid of steps: all agree, and yet there is a floor
    path = states(compressed_sgd(SimulatedCluster(problem, replicates=20), 0.5, Stochastic(1.0)), 400)
    assert distances(path[200:], np.pi / 2).min() > 1e-2
    assert not np.array_equal(path[-1][0], path[-2][0])


# ---- 4.6 error feedback, 4.7 EF21 --------------------------------------------------------------------


def mean_square(problem, states):
    """||grad f||^2, averaged over models and replicates."""
    return np.mean([(problem.full_gradient(x) ** 2).sum((-2, -1)).mean() for x, *_ in states])


@pytest.mark.parametrize("c", ALL, ids=repr)
def test_nothing_is_ever_lost(c):
    """x_t - mean e_t = x_0 - sum_s eta_s mean g_s, whatever the compressor."""
    cluster = SimulatedCluster(Hills(4, 9, sigma=0.1), batch_size=1, initial_model=np.ones(9))
    gradients = []
    cluster.gradient = lambda x: gradients.append(SimulatedCluster.gradient(cluster, x)) or gradients[-1]
    schedule = lambda t: 0.1 / (1 + t)  # noqa: E731
    x, memory, t = states(error_feedback_sgd(cluster, schedule, c), 31)[-1]
    virtual = 1 - sum(schedule(s) * g.mean(0) for s, g in enumerate(gradients))
    assert t == 30 and np.allclose(x - memory.mean(0), virtual, atol=1e-12)


def test_error_feedback_bounds():
    d, sigma, eta, T = 50, 0.5, 0.05, 400
    problem, c = Hills(4, d, sigma), TopK(5)
    G = np.sqrt(d * 27 / 64 + sigma**2)  # |f'| is at most 2 / sqrt(3) (3/4)^2, at 1 / sqrt(3)
    cluster = SimulatedCluster(problem, batch_size=1, replicates=20, initial_model=np.full(d, 0.8))
    path = states(error_feedback_sgd(cluster, eta, c), T)
    memory = max((e**2).sum(-1).mean() for _, e, _ in path)
    squares = mean_square(problem, path)
    gap = problem.loss(path[0][0]).mean()
    assert 0 < memory <= bounds.error_memory(eta, c.delta(d), G)
    assert squares <= bounds.error_feedback(T, eta, problem.L, c.delta(d), G, gap)
    plain = mean_square(problem, states(sync_sgd(cluster, eta), T))
    assert squares <= 1.5 * plain  # compression hardly shows


class Apart(Hills):
    """Hills around another point for each worker: not convex, and the workers disagree."""

    def __init__(self, m, d):
        super().__init__(m, d, 0.0)
        self.b = 2 * np.random.default_rng(0).standard_normal((m, d))

    def losses(self, X):
        return super().losses(X - self.b)

    def gradient(self, X, batch=None, workers=slice(None)):
        return super().gradient(X - self.b)


@pytest.mark.parametrize("c", [TopK(2), ScaledSign(), OneBit()], ids=repr)
def test_ef21_bound_without_bounded_gradients_or_convexity(c):
    for problem in (Apart(6, 12), quadratic(6, 12)):
        L, L_tilde = problem.L, problem.L if isinstance(problem, Apart) else np.sqrt((problem.L_workers**2).mean())
        delta, T = c.delta(12), 300
        eta = bounds.ef21_step(L, L_tilde, delta)
        path = states(ef21(SimulatedCluster(problem), eta, c), T + 1)
        squares = np.array([(problem.full_gradient(x) ** 2).sum() for x, *_ in path])
        G0 = ((path[1][1] - problem.gradient(path[0][0])) ** 2).sum(-1).mean()
        lowest = 0 if isinstance(problem, Apart) else problem.loss(problem.optimum())
        gap = problem.loss(path[0][0]) - lowest
        steps = np.arange(1, T + 1)
        assert np.all(np.cumsum(squares)[:T] / steps <= bounds.ef21(steps, eta, L, L_tilde, delta, gap, G0))
        assert np.allclose(path[-1][2], path[-1][1].mean(0), atol=1e-12)


def test_error_feedback_alone_has_a_floor_where_workers_disagree_and_ef21_none():
    problem = quadratic()
    last = {m: states(m(SimulatedCluster(problem), 0.05, TopK(4)), 2000)[-1][0] for m in (error_feedback_sgd, ef21)}
    gaps = {m: problem.loss(x) - problem.loss(problem.optimum()) for m, x in last.items()}
    assert gaps[error_feedback_sgd] > 1e-6 and gaps[ef21] < 1e-12


# ---- PowerSGD ----------------------------------------------------------------------------------------


def test_power_sgd_loses_nothing_and_bills_two_factors():
    cluster = SimulatedCluster(quadratic(d=24), link=Link())
    step, path = 0.2, states(power_sgd(cluster, 0.2, rank=2, columns=6), 41)
    x, memory, Q, t = path[-1]
    total = sum(cluster.problem.gradient(y).mean(0) for y, *_ in path[:-1])
    assert np.allclose(x - memory.mean(0), -step * total, atol=1e-12)
    assert Q.shape == (1, 12) and t == 40
    words = 2 * (4 + 6)
    assert cluster.bytes == 40 * 2 * (M - 1) * 8 * words


def test_power_sgd_remembers_what_no_worker_could_send():
    """Each worker's memory is orthogonal to the columns that were sent, not only the mean of all."""
    start, (x, memory, _, _) = states(power_sgd(SimulatedCluster(quadratic(d=24)), 0.2, rank=2, columns=6), 2)
    sent = (start[0] - x).reshape(4, 6)
    assert np.linalg.matrix_rank(sent) == 2
    assert np.abs(sent.T @ memory.reshape(M, 4, 6)).max() < 1e-12 < np.abs(memory).max()


def test_power_sgd_with_full_rank_is_sync_sgd():
    problem = quadratic(d=12)
    full = states(power_sgd(SimulatedCluster(problem), 0.2, rank=3, columns=3), 20)
    plain = states(sync_sgd(SimulatedCluster(problem), 0.2), 20)
    assert np.allclose([s[0] for s in full], [s[0] for s in plain], atol=1e-12)


def test_a_warm_start_finds_the_best_subspace():
    """On a gradient that stays the same, and without feedback, the rounds are steps of the power method."""
    U, V = (np.linalg.qr(np.random.default_rng(s).standard_normal((8, 8)))[0] for s in (0, 1))
    G = (U * 0.7 ** np.arange(8)) @ V.T
    cluster = SimulatedCluster(Quadratic(np.zeros((2, 64, 64)), np.zeros((2, 64))))
    cluster.gradient = lambda x: np.broadcast_to(G.ravel(), (2, 64))
    state = next(power_sgd(cluster, 1.0, rank=1))
    for _ in range(40):
        x, _, Q, _ = states(power_sgd(cluster, 1.0, rank=1, start=state), 2)[1]
        state = np.zeros((1, 64)), np.zeros((2, 64)), Q, 0
    assert np.allclose(x.reshape(8, 8), -np.outer(U[:, 0], V[:, 0]), atol=1e-6)


# ---- adaptive compression, and how much to send ------------------------------------------------------


def far_away(replicates=10):
    problem = Quadratic.dialled(M, 40, condition=4, optimum_spread=0.5, seed=0)
    return SimulatedCluster(problem, initial_model=np.full(40, 10.0), replicates=replicates)


def gap_over_time(cluster, method, rounds=250):
    history = run(method, rounds, quiet=True).averaged()
    history.loss = history.loss - cluster.problem.loss(cluster.problem.optimum())
    return history


def test_adaptive_compression_is_cheap_early_and_exact_late():
    cluster = far_away()
    adaptive = gap_over_time(cluster, adaptive_compressed_sgd(cluster, 0.5))
    assert adaptive.loss[-1] < 1e-9
    full = gap_over_time(cluster, compressed_sgd(cluster, 0.5, RandomK(40)))
    assert 2 * adaptive.first("loss", 1, "bytes") < full.first("loss", 1, "bytes")
    for k in (2, 5, 10):
        fixed = gap_over_time(cluster, compressed_sgd(cluster, 0.5, RandomK(k)))
        assert fixed.first("loss", 0.03) == np.inf > adaptive.first("loss", 0.03)


def test_the_norm_test_keeps_the_variance_below_the_signal():
    cluster = far_away(replicates=None)
    g = cluster.gradient(cluster.start() * 0.2)
    omega = bounds.norm_test(g, theta=0.5)
    variance = omega * (g**2).sum(-1).mean() / M
    assert variance == pytest.approx(0.5 * (g.mean(0) ** 2).sum(), rel=1e-12)
    assert bounds.norm_test(np.ones((M, 3))) == pytest.approx(M)
    assert bounds.norm_test(np.array([[1.0], [-1.0]])) == 0


def test_the_next_rate_depends_on_the_past_alone():
    """p comes with the state before the round that uses it, and is what the formula makes of the last round."""
    cluster = far_away(replicates=None)
    (x, p, _), (_, q, _) = states(adaptive_compressed_sgd(cluster, 0.5, theta=2.0), 2)
    g = cluster.problem.gradient(x)
    assert p == 1 and q == pytest.approx(1 / (1 + bounds.norm_test(g, theta=2.0)), rel=1e-9)


def test_best_k_of_the_homework():
    assert bounds.best_k(10**6, 16, 1e-4, 1e-8) == pytest.approx(37796, abs=0.5)


@given(
    d=st.integers(1, 3000), m=st.integers(1, 40), latency=st.floats(1e-6, 1e-2), seconds_per_word=st.floats(1e-9, 1e-5)
)
def test_best_k_is_best(d, m, latency, seconds_per_word):
    k = np.arange(1, d + 1)
    time = lambda k: (latency + seconds_per_word * k) * (1 + 2 / m * (d / k - 1))  # noqa: E731
    best = bounds.best_k(d, m, latency, seconds_per_word)
    assert 1 <= best <= d and time(best) <= time(k).min() * (1 + 1e-9)


# ---- all methods -------------------------------------------------------------------------------------


@methods
@pytest.mark.parametrize("replicates", [None, 3])
def test_killed_and_resumed_bit_for_bit(make, replicates, tmp_path):
    problem = quadratic(4, 12, noise=0.5)
    boot = partial(SimulatedCluster, problem, seed=5, batch_size=2, replicates=replicates)
    whole = run(make(boot()), 20, quiet=True)
    run(make(boot()), 8, quiet=True).save(tmp_path / "killed.npz")
    saved, fresh = History.load(tmp_path / "killed.npz"), boot()
    fresh.restore(saved.cluster)
    rest = run(make(fresh, start=saved.state), 12, quiet=True)
    for a, b in zip(whole.state, rest.state):
        assert np.array_equal(a, b)
    assert rest.bytes[-1] == whole.bytes[-1] and rest.seconds[-1] == whole.seconds[-1]
    assert rest.rounds[-1] == whole.rounds[-1] == 20


@methods
def test_without_its_state_it_goes_elsewhere(make):
    cluster = SimulatedCluster(quadratic(4, 12))
    state = states(make(cluster), 9)[-1]
    whole, forgetful = make(cluster, start=tuple(state)), make(cluster, start=(state[0], *next(make(cluster))[1:]))
    if len(state) > 2:
        assert not np.array_equal(states(whole, 3)[-1][0], states(forgetful, 3)[-1][0])


@methods
def test_started_again_it_does_the_same(make):
    cluster = SimulatedCluster(quadratic(4, 12, noise=0.5), batch_size=1)
    for a, b in zip(states(make(cluster), 6), states(make(cluster), 6)):
        assert all(map(np.array_equal, a, b))


@methods
def test_a_sweep_is_many_runs_at_once(make):
    cluster = SimulatedCluster(quadratic(4, 12))
    together = sweep(lambda eta: run(make(cluster, step_size=eta), 5, quiet=True), [0.02, 0.1])
    for eta, history in together.items():
        alone = run(make(cluster, step_size=eta), 5, quiet=True)
        assert history.loss.shape == alone.loss.shape and np.isfinite(history.loss).all()
        compressor = make.keywords.get("compressor", PowerSGD(1))
        if make.func is power_sgd or not compressor.random:  # the others draw anew for each experiment
            assert np.allclose(history.loss, alone.loss, rtol=1e-12)


@pytest.mark.parametrize("c", [TopK(2), RandomK(2), Uniform(0.1), Float32()], ids=repr)
def test_one_diverging_experiment_does_not_stop_a_sweep(c):
    cluster = SimulatedCluster(quadratic(4, 12))
    histories = sweep(lambda eta: run(compressed_sgd(cluster, eta, c), 300, quiet=True), [0.1, 1e3])
    assert np.isfinite(histories[0.1].loss).all() and not np.isfinite(histories[1e3].loss[-1])
    alone = run(compressed_sgd(cluster, 1e3, c), 300, record_every=100, quiet=True)
    assert "diverged" in alone.message


def test_float32_is_sync_sgd_to_seven_digits():
    problem = quadratic()
    rounded = run(compressed_sgd(SimulatedCluster(problem), 0.2, Float32()), 50, quiet=True)
    plain = run(sync_sgd(SimulatedCluster(problem), 0.2), 50, quiet=True)
    assert np.allclose(rounded.loss, plain.loss, rtol=1e-6)


def test_mistakes_are_told_where_they_are_made():
    cluster = SimulatedCluster(quadratic(4, 5))
    with pytest.raises(CourseError, match="keeps 6 coordinates, but the vectors have only 5"):
        compressed_sgd(cluster, 0.1, TopK(6))
    with pytest.raises(CourseError, match="ef21 needs a compressor"):
        ef21(cluster, 0.1, 3)
    with pytest.raises(CourseError, match=r"DIANA needs an unbiased compressor .* TopK\(k=2\) is none"):
        run(diana(cluster, 0.1, TopK(2)), 1)
    with pytest.raises(CourseError, match="no rank above 2"):
        run(power_sgd(cluster, 0.1, rank=3), 1)
    beyond = {
        "2 omega L_max": lambda: bounds.dcgd(1, 1.0, 1, 1, 0.1, 4, 3, 1, 1),
        "beta / theta": lambda: bounds.ef21(1, 1.0, 1, 1, 0.1, 1, 1),
        "1 / .1 . omega": lambda: bounds.diana(1, 0.1, 0.9, 0.1, 3, 1),
    }
    for limit, call in beyond.items():
        with pytest.raises(CourseError, match=f"step sizes up to .*{limit}"):
            call()


def test_constants_of_the_bounds_by_hand():
    """Bounds that are never met do not show a wrong constant: omega = 3, m = 4, L = 1, L_max = 2."""
    assert bounds.dcgd_step(1, 2, 4, 3) == pytest.approx(1 / (1 + 3))
    assert bounds.dcgd(2, 0.2, 1, 2, 0.5, 4, 3, 10, 7) == pytest.approx(0.9**2 * 7 + 2 * 0.2 * 3 * 10 / (0.5 * 4))
    noisy = bounds.dcgd(0, 0.2, 1, 2, 0.5, 4, 3, 0, 0, sigma2=5)
    assert noisy == pytest.approx(0.2 * 4 * 5 / (0.5 * 4))
    assert bounds.diana_step(1, 2, 4, 3) == pytest.approx(1 / (1 + 9))
    assert bounds.diana(3, 0.1, 0.25, 0.5, 3, 8) == pytest.approx(0.95**3 * 8)
    assert bounds.diana(3, 0.1, 0.05, 0.5, 3, 8) == pytest.approx(0.975**3 * 8)
    x, h = np.full((1, 2), 3.0), np.array([[1.0, 0], [0, 0], [0, 2], [0, 0]])
    V = bounds.diana_lyapunov(x, h, np.zeros(2), np.zeros((4, 2)), 0.1, 0.25, 3)
    assert V == pytest.approx(18 + 4 * 3 * 0.01 / (0.25 * 4) * 5 / 4)
    assert bounds.error_memory(0.1, 0.5, 2) == pytest.approx(4 * 0.5 / 0.25 * 0.01 * 4)
    assert bounds.error_feedback(10, 0.1, 3, 0.5, 2, 7) == pytest.approx(14 + 0.1 * 3 * 4 + 9 * 0.32)
    assert bounds.ef21_step(1, 2, 0.75) == pytest.approx(1 / (1 + 2))  # theta = 1/2, beta = 1/2
    assert bounds.ef21(10, 0.2, 1, 2, 0.75, 7, 3) == pytest.approx(2 * 7 / 2 + 3 / 5)
    assert bounds.qsgd_variance(100, 4) == 2.5 and bounds.qsgd_variance(100, 50) == 100 / 2500
