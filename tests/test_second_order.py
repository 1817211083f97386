"""Second-order methods and the limits: the statements of theory sections 10 and 12."""

from itertools import islice

import numpy as np
import pytest
from scipy.optimize import LbfgsInvHessProduct, minimize
from toys import toy

from course_lib import bounds, compressors, problems
from course_lib.clusters import Constant, Exponential, Link, SimulatedCluster, Speeds, slow_worker
from course_lib.clusters.sharing import schedule
from course_lib.compressors import SymmetricRank, pack, unpack
from course_lib.data import classification
from course_lib.errors import CourseError
from course_lib.experiment import History, run
from course_lib.explorers import second_order as shown
from course_lib.methods import (
    accelerated_gradient,
    admm,
    dane,
    fednl,
    giant,
    kfac,
    lbfgs,
    natural_gradient,
    newton,
    sync_sgd,
)
from course_lib.methods.curved import SIZES, line_search
from course_lib.methods.natural import kronecker_step
from course_lib.methods.quasi_newton import two_loop
from course_lib.problems import LogisticRegression, Quadratic, SoftmaxRegression, TwoLayerNetwork

M, D = 5, 4
ROWS = classification(M, 60, D, condition=100)
LOGISTIC = LogisticRegression(*ROWS, l2=1e-2)
SHIFTS = 3 * np.random.default_rng(3).normal(size=(M, 1, D))  # workers whose rows lie apart: unlike Hessians
UNLIKE = LogisticRegression(ROWS[0] + SHIFTS, ROWS[1], l2=1e-3)
RANK_ONE = SymmetricRank(1)


def network(rows=40, workers=3):
    """A small net on rows of four numbers and three classes."""
    rng = np.random.default_rng(0)
    labels = rng.integers(3, size=(workers, rows))
    labels.ravel()[:3] = range(3)
    return TwoLayerNetwork(rng.normal(size=(workers, rows, 4)) + labels[..., None], labels, hidden=5)


METHODS = {
    "accelerated": lambda c, **go: accelerated_gradient(c, 0.5, 0.5, **go),
    "newton": newton,
    "newton, step 1": lambda c, **go: newton(c, step_size=1.0, **go),
    "giant": giant,
    "dane": lambda c, **go: dane(c, rho=0.01, **go),
    "dane, inexact": lambda c, **go: dane(c, local_steps=5, **go),
    "lbfgs": lambda c, **go: lbfgs(c, memory=3, **go),
    "sandblaster": lambda c, **go: lbfgs(c, pieces=3, **go),
    "fednl": lambda c, **go: fednl(c, RANK_ONE, **go),
    "fednl, random": lambda c, **go: fednl(c, compressors.RandomK(3), **go),
    "natural": natural_gradient,
}
each = pytest.mark.parametrize("make", METHODS.values(), ids=METHODS)
SAFE = {name: make for name, make in METHODS.items() if name not in ("accelerated", "newton, step 1")}


def after(method, steps):
    """The whole state after so many steps."""
    return next(islice(method, steps, None))


# ---- Newton and its relatives -------------------------------------------------------------------------------


@pytest.mark.parametrize("method, invariant", [(newton, True), (giant, True), (sync_sgd, False)])
def test_newton_and_giant_do_not_notice_other_units(method, invariant):
    """f'(z) = f(T z): Newton's models are T times its models there, to 1e-12."""
    T = np.random.default_rng(1).normal(size=(D, D)) + 2 * np.eye(D)
    here, there = (LogisticRegression(ROWS[0] @ S, ROWS[1]) for S in (np.eye(D), T))
    steps = {} if invariant else {"step_size": 0.5}
    x, z = (after(method(SimulatedCluster(problem), **steps), 4)[0][0] for problem in (here, there))
    apart = np.linalg.norm(T @ z - x) / np.linalg.norm(x)
    assert apart < 1e-12 if invariant else apart > 0.1


def test_newton_converges_at_least_as_fast_as_its_bound():
    smooth, best = bounds.logistic_hessian_lipschitz(LOGISTIC), LOGISTIC.optimum()
    models = [x[0] for x, _ in islice(newton(SimulatedCluster(LOGISTIC), step_size=1.0), 7)]
    far = [np.linalg.norm(x - best) for x in models]
    for x, before, now in zip(models, far, far[1:]):
        least = np.linalg.eigvalsh(LOGISTIC.hessian(x))[0]
        assert now <= bounds.newton_error(before, least, smooth) + 1e-14
    assert far[6] < 1e-12 < 1e-2 < far[2]


def test_averaging_everyones_own_newton_step_is_not_newton():
    """GIANT applies each H_i^-1 to the mean gradient; with the own gradient everyone would go to its own optimum."""
    problem = Quadratic.dialled(M, D, hessian_spread=0.5)
    assert np.allclose(after(newton(SimulatedCluster(problem)), 1)[0], problem.optimum(), atol=1e-12)
    own = np.linalg.solve(problem.A, problem.gradient(np.zeros(D))[..., None])[..., 0]
    np.testing.assert_allclose(-own, problem.b)


@pytest.mark.parametrize("rho, eta", [(0.0, 1.0), (0.1, 1.0), (0.3, 0.5)])
def test_on_quadratics_dane_is_a_matrix_and_giant_the_same_one(rho, eta):
    problem = Quadratic.dialled(M, D, condition=30, hessian_spread=0.6, seed=2)
    matrix, error = bounds.dane_matrix(problem.A, rho, eta), -problem.optimum()
    runs = dane(SimulatedCluster(problem), rho, step_size=eta), giant(SimulatedCluster(problem), eta, damping=rho)
    for (x, _), (z, _) in islice(zip(*runs), 8):
        np.testing.assert_allclose(x[0], problem.optimum() + error, atol=1e-12)
        np.testing.assert_allclose(z, x, atol=1e-12)
        error = matrix @ error


def test_averaged_inverses_are_biased_by_one_over_n_and_single_ones_off_by_its_root():
    """i.i.d. rows: ||I - H_1^-1 H|| ~ n^-1/2, ||I - mean H_i^-1 H|| ~ n^-1 for fixed m."""
    rng, sizes, runs = np.random.default_rng(0), np.array([100, 200, 400, 800, 1600]), 30
    single, averaged = np.zeros((2, len(sizes)))
    for k, n in enumerate(sizes):
        for _ in range(runs):
            A = rng.standard_normal((64, n, 3))
            H = A.transpose(0, 2, 1) @ A / n
            single[k] += np.linalg.norm(np.eye(3) - np.linalg.solve(H[0], H.mean(0)), 2) / runs
            averaged[k] += np.linalg.norm(bounds.dane_matrix(H), 2) / runs
    slope = lambda y: np.polyfit(np.log(sizes), np.log(y), 1)[0]  # noqa: E731
    assert slope(single) == pytest.approx(-0.5, abs=0.15)
    assert slope(averaged) == pytest.approx(-1, abs=0.15)


def test_where_workers_are_unlike_the_bare_step_diverges_loudly_and_the_line_search_saves_it():
    problem = Quadratic.dialled(M, D, condition=10, hessian_spread=2.5, seed=1)
    assert bounds.dane_factor(problem.A) > 1
    for method in (giant, dane):
        lost = run(method(SimulatedCluster(problem), step_size=1.0), 100, quiet=True)
        assert "diverged" in lost.message and lost.rounds[-1] < 100
        safe = run(method(SimulatedCluster(problem)), 100, quiet=True)
        assert safe.loss[-1] - problem.loss(problem.optimum()) < 1e-10
    assert bounds.dane_factor(problem.A, rho=10.0) < 1  # the other safeguard: go less far


@pytest.mark.parametrize("make", SAFE.values(), ids=SAFE)
def test_with_a_line_search_the_loss_never_rises(make):
    history = run(make(SimulatedCluster(UNLIKE)), 25, quiet=True)
    assert np.all(np.diff(history.loss) <= 1e-13) and history.loss[-1] < 0.9 * history.loss[0]


@pytest.mark.parametrize("name", ["newton", "dane", "dane, inexact", "lbfgs", "fednl", "fednl, random", "natural"])
def test_methods_reach_the_optimum(name):
    x, *_ = after(METHODS[name](SimulatedCluster(LOGISTIC)), 60)
    np.testing.assert_allclose(x[0], LOGISTIC.optimum(), atol=1e-6)


def test_more_local_steps_make_dane_exact():
    x = after(dane(SimulatedCluster(LOGISTIC), step_size=1.0), 1)[0]
    apart = [
        np.linalg.norm(after(dane(SimulatedCluster(LOGISTIC), local_steps=k, step_size=1.0), 1)[0] - x)
        for k in (1, 100, 5000)
    ]
    assert apart[0] > 2 * apart[1] and apart[2] < 1e-9
    first = after(dane(SimulatedCluster(LOGISTIC), local_steps=1, step_size=1.0), 1)[0]
    step = LOGISTIC.full_gradient(np.zeros(D)) * (1 / LOGISTIC.L_workers).mean()
    np.testing.assert_allclose(first, -step, atol=1e-14)  # one local step is gradient descent


# ---- Fisher, natural gradient, K-FAC ------------------------------------------------------------------------


@pytest.mark.parametrize("problem", [LOGISTIC, toy(SoftmaxRegression), toy(LogisticRegression)])
def test_fisher_is_the_hessian_for_the_natural_link_and_the_empirical_one_is_not(problem):
    x = np.random.default_rng(2).normal(size=problem.d)
    H, F, E = problem.hessians(x), problems.fishers(problem, x), problems.empirical_fishers(problem, x)
    np.testing.assert_allclose(F, H, atol=1e-14)
    assert np.linalg.norm(E - H) > 0.05 * np.linalg.norm(H)


def test_at_zero_a_test_would_not_tell_the_empirical_fisher_of_logistic_regression():
    zero = np.zeros(D)  # there (p - y)^2 = 1/4 = p (1 - p)
    np.testing.assert_allclose(problems.empirical_fishers(LOGISTIC, zero), LOGISTIC.hessians(zero), atol=1e-15)


def test_natural_gradient_is_newton_for_logistic_regression():
    natural, classic = (after(m(SimulatedCluster(LOGISTIC)), 3)[0] for m in (natural_gradient, newton))
    np.testing.assert_allclose(natural, classic, atol=1e-13)


def test_kronecker_factors_are_exact_for_a_single_row_and_not_for_many():
    x = np.random.default_rng(4).normal(size=network().d)
    for rows in (1, 30):
        problem = network(rows)
        F, at = problems.fishers(problem, x), 0
        for A, G in problem.kronecker_factors(x):
            size = A.shape[1] * G.shape[1]
            block = F[:, at : at + size, at : at + size]
            product = np.stack([np.kron(a, g) for a, g in zip(A, G)])
            assert np.allclose(product, block, atol=1e-13) == (rows == 1)
            assert np.linalg.norm(product - block) < 0.6 * np.linalg.norm(block)
            at += size


def test_the_kronecker_step_solves_with_the_large_matrix():
    rng, sizes, damping = np.random.default_rng(5), (4, 5, 5, 3), 0.3
    factors = [f @ f.T + np.eye(n) for n in sizes for f in (rng.normal(size=(n, n)),)]
    g = rng.normal(size=(1, 4 * 5 + 5 * 3))
    expected, at = [], 0
    for A, G in (factors[:2], factors[2:]):
        (a, b) = len(A), len(G)
        balance = np.sqrt(np.trace(A) / a / (np.trace(G) / b))
        matrix = np.kron(A + balance * damping**0.5 * np.eye(a), G + damping**0.5 / balance * np.eye(b))
        expected.append(np.linalg.solve(matrix, g[0, at : at + a * b]))
        at += a * b
    np.testing.assert_allclose(kronecker_step(g, factors, damping)[0], np.concatenate(expected), atol=1e-12)


def test_kfac_does_with_small_messages_what_the_whole_fisher_does():
    problem = network()
    cluster = SimulatedCluster(problem)
    first_order = run(sync_sgd(SimulatedCluster(problem), 1.0), 40, quiet=True).loss[-1]
    for method in (kfac, natural_gradient):
        history = run(method(cluster, damping=1e-2), 10, quiet=True)
        assert np.all(np.diff(history.loss) <= 1e-13) and history.loss[-1] < first_order
    after(kfac(cluster, damping=1e-2), 1)
    triangles = sum(n * (n + 1) // 2 for n in (4, 5, 5, 3))
    assert cluster.words == problem.d + triangles + len(SIZES) + 1
    assert triangles < problem.d * (problem.d + 1) // 2 / 5


# ---- L-BFGS and Sandblaster ---------------------------------------------------------------------------------


def test_two_loop_is_scipys_product_with_its_scaling():
    rng = np.random.default_rng(6)
    S = rng.normal(size=(5, 7))
    Y = S @ np.diag(rng.uniform(0.5, 3, 7))
    g = rng.normal(size=(1, 7))
    root = np.sqrt(S[-1] @ Y[-1] / (Y[-1] @ Y[-1]))  # SciPy starts from the identity
    expected = root * (LbfgsInvHessProduct(S / root, Y * root) @ (root * g[0]))
    np.testing.assert_allclose(two_loop(g, S, Y)[0], expected, rtol=1e-12)
    np.testing.assert_allclose(two_loop(Y[-1:], S, Y)[0], S[-1], rtol=1e-12)  # the secant equation


def test_on_one_machine_lbfgs_is_as_good_as_scipys():
    features, labels = (a.reshape(1, -1, *a.shape[2:]) for a in ROWS)
    one = LogisticRegression(features, labels, l2=1e-2)
    asked = minimize(
        one.loss, np.zeros(D), jac=lambda x: one.full_gradient(x)[0], method="L-BFGS-B",
        options={"gtol": 1e-8, "ftol": 0, "maxcor": 10},
    )  # fmt: skip
    history = run(lbfgs(SimulatedCluster(one)), 60, quiet=True)
    np.testing.assert_allclose(history.model[0], asked.x, atol=1e-6)
    assert history.first("gradient_norm", 1e-7) <= 1.5 * asked.nit
    assert np.array_equal(history.bytes, 0 * history.rounds)


def test_sandblaster_takes_the_same_steps_and_does_not_wait_for_the_slow():
    machines = {"even": Constant(1.0), "one is slow": slow_worker(M, 20, base=Constant(1.0))}
    link, seconds = Link(0, np.inf), {}
    for name, compute in machines.items():
        for pieces in (None, 10):
            cluster = SimulatedCluster(LOGISTIC, compute=compute, link=link)
            x = cluster.start()
            G = cluster.gradient(x) if pieces is None else cluster.shared_gradient(x, pieces)
            np.testing.assert_array_equal(G, LOGISTIC.gradient(x))
            seconds[name, pieces] = cluster.seconds
    assert seconds["even", None] == 1 and seconds["even", 10] == pytest.approx(1)
    assert seconds["one is slow", None] == 20
    ideal = M / (M - 1 + 1 / 20)
    assert ideal <= seconds["one is slow", 10] <= ideal + 2 / 10
    plain, shared = (after(lbfgs(SimulatedCluster(UNLIKE), pieces=k), 10)[0] for k in (None, 4))
    np.testing.assert_array_equal(plain, shared)


def test_pieces_end_by_grahams_bound_and_nobody_works_on_after_that():
    rng = np.random.default_rng(0)
    for _ in range(20):
        m, pieces = int(rng.integers(2, 9)), int(rng.integers(10, 40))
        speeds = rng.uniform(0.05, 1, m)
        busy = schedule(pieces, m, lambda i, speeds=speeds: 1 / speeds[i])
        end, ideal = busy.max(), pieces / speeds.sum()
        alone = sorted(1 / speeds)  # without copies somebody may begin a long piece at the very end
        assert ideal <= end + 1e-12 and end <= ideal + alone[-1] + 1e-12
    compute = Speeds(Exponential(1.0), np.ones(M))
    cluster = SimulatedCluster(LOGISTIC, compute=compute)
    cluster.shared_gradient(cluster.start(), 5)
    first = cluster.seconds
    cluster.start()
    cluster.shared_gradient(cluster.start(), 5)
    assert cluster.seconds == first > 0


# ---- FedNL --------------------------------------------------------------------------------------------------


def test_a_packed_matrix_has_the_same_norm_and_comes_back():
    H = LOGISTIC.hessians(np.zeros(D))
    np.testing.assert_allclose(np.linalg.norm(pack(H), axis=-1), np.linalg.norm(H, axis=(1, 2)))
    np.testing.assert_allclose(unpack(pack(H)), H, atol=1e-16)
    assert pack(H).shape == (M, D * (D + 1) // 2)


@pytest.mark.parametrize("rank", [1, 2, 4])
def test_the_best_matrix_of_low_rank(rank):
    rng, c = np.random.default_rng(7), SymmetricRank(rank)
    H = rng.normal(size=(20, D, D))
    x = pack(H + H.transpose(0, 2, 1))
    values = np.sort(abs(np.linalg.eigvalsh(unpack(x))))
    np.testing.assert_allclose(c.error(x), (values[:, : D - rank] ** 2).sum(1), atol=1e-12)
    assert np.all(c.error(x) <= (1 - c.delta(10)) * (x**2).sum(1) + 1e-12)
    message = c.encode(x[0])
    assert len(message) == c.size(x[0]) == 5 + 4 + 8 * rank * (D + 1)
    np.testing.assert_array_equal(c.decode(message), c(x[0]))


@pytest.mark.parametrize("compressor", [RANK_ONE, compressors.TopK(3), compressors.RandomK(4)])
def test_fednls_matrix_is_never_too_small_and_learns_the_hessian(compressor):
    states = islice(fednl(SimulatedCluster(LOGISTIC), compressor), 60)
    apart = []
    for x, H, _ in states:
        new = LOGISTIC.hessians(x)
        shift = np.linalg.norm(pack(new) - H, axis=-1)
        apart.append(shift.max())
        below = unpack(H).mean(0) + shift.mean() * np.eye(D) - LOGISTIC.hessian(x)
        assert np.linalg.eigvalsh(below)[0] >= -1e-12
    assert apart[-1] < 1e-3 * apart[0]


# ---- bills --------------------------------------------------------------------------------------------------

BILLED = {
    "sync_sgd": (lambda c: sync_sgd(c, 0.5), {"search": False}),
    "accelerated_gradient": (lambda c: accelerated_gradient(c, 0.5, 0.5), {"search": False}),
    "newton": (newton, {}),
    "giant": (giant, {}),
    "dane": (lambda c: dane(c, step_size=1.0), {"search": False}),
    "natural_gradient": (lambda c: natural_gradient(c, step_size=1.0), {"search": False}),
    "lbfgs": (lbfgs, {}),
    "fednl": (lambda c: fednl(c, RANK_ONE), {"message_words": len(RANK_ONE.encode(np.zeros(10))) / 8}),
}


@pytest.mark.parametrize("name", BILLED)
def test_rounds_and_words_are_what_their_formulas_say(name):
    make, options = BILLED[name]
    cluster, steps = SimulatedCluster(LOGISTIC), 4
    rounds, words = bounds.bill(name, D, **options)
    after(make(cluster), steps)
    first = D / 2 if name == "lbfgs" else 0  # the first gradient goes up before the first step
    assert cluster.exchanges == steps * rounds
    assert cluster.words == steps * words + first


def test_a_longer_line_search_is_billed_and_a_hopeless_one_stays():
    cluster = SimulatedCluster(LOGISTIC)
    x = cluster.start()
    g = LOGISTIC.full_gradient(x)
    assert line_search(cluster, x, g, float((g**2).sum())) == 1.0 and cluster.exchanges == 1
    size = line_search(cluster, x, 1e6 * g, 1e6 * float((g**2).sum()))
    assert 0 < size < SIZES[-1] and cluster.exchanges == 3 and cluster.words == 3 * bounds.second_order.SEARCH
    assert line_search(cluster, x, -g, 1.0) == 0.0 and cluster.exchanges == 6
    assert cluster.seconds > 0


# ---- the limits ---------------------------------------------------------------------------------------------

KAPPA, LONG = 100.0, 60
CHAIN = problems.chain(LONG, KAPPA)
TALKERS = {
    "gradient descent": (lambda c: sync_sgd(c, 1.0), 1),
    "accelerated": (lambda c: accelerated_gradient(c, 1.0, bounds.momentum(KAPPA)), 1),
    "ADMM": (lambda c: admm(c, 0.1), 1),
    "DANE": (lambda c: dane(c, step_size=1.0), 2),
    "GIANT": (giant, 2),
    "L-BFGS": (lbfgs, 1),
}


def test_the_chain_has_the_optimum_and_the_condition_it_claims():
    ratio = bounds.momentum(KAPPA)
    np.testing.assert_allclose(CHAIN.optimum(), ratio ** np.arange(1, LONG + 1), rtol=1e-10)
    values = np.linalg.eigvalsh(CHAIN.A.mean(0))
    assert 1 / KAPPA <= values[0] * (1 + 1e-12) and values[-1] <= 1 + 1e-12 and values[-1] / values[0] > 90


@pytest.mark.parametrize("make, rounds", TALKERS.values(), ids=TALKERS)
def test_whoever_talks_in_vectors_reaches_a_coordinate_a_round(make, rounds):
    best = CHAIN.optimum()
    for x, *rest in islice(make(SimulatedCluster(CHAIN)), 25):
        r = rounds * rest[-1]
        assert not x[0, r:].any()  # exactly zero
        assert np.linalg.norm(x - best) / np.linalg.norm(best) >= bounds.support_floor(r, LONG, KAPPA) - 1e-12


def test_newton_is_no_exception_it_sends_matrices():
    x = after(newton(SimulatedCluster(CHAIN)), 1)[0]
    np.testing.assert_allclose(x[0], CHAIN.optimum(), atol=1e-12)
    assert bounds.bill("newton", LONG)[1] > LONG / 2 * bounds.bill("sync_sgd", LONG, search=False)[1]


def test_accelerated_gradient_stays_below_its_bound_and_needs_a_root_of_the_rounds():
    best, first = CHAIN.loss(CHAIN.optimum()), CHAIN.loss(np.zeros(LONG))
    plain = run(sync_sgd(SimulatedCluster(CHAIN), 1.0), 1000, quiet=True)
    fast = run(accelerated_gradient(SimulatedCluster(CHAIN), 1.0, bounds.momentum(KAPPA)), 200, quiet=True)
    distance2 = (CHAIN.optimum() ** 2).sum()
    bound = bounds.accelerated(fast.rounds, KAPPA, first - best, 1 / KAPPA, distance2)
    assert np.all(fast.loss - best <= bound * (1 + 1e-9) + 1e-15)
    target = best + 1e-6 * (first - best)
    assert fast.first("loss", target) < 0.4 * plain.first("loss", target)
    assert plain.first("loss", target) <= bounds.gradient_steps(KAPPA, 1e-6)


def test_naming_a_point_takes_bits():
    needed, enough = bounds.naming_bits(100, 1e-3)
    assert int(needed) == 1128 and enough == 1300
    needed, enough = bounds.naming_bits(1, 1 / 16)  # eight intervals of length 1/8 cover the unit interval
    assert needed == pytest.approx(3) and enough == 3
    for d in (1, 2, 10, 1000):
        needed, enough = bounds.naming_bits(d, 1e-4)
        assert 0 < needed <= enough <= needed + 2 * d


# ---- the explorer -----------------------------------------------------------------------------------------------


def test_the_explorer_counts_the_steps_that_runs_take():
    problem, values, error = shown.instance(5, 30, 0.5)
    target = (1 - shown.SHARE) * problem.loss(problem.optimum()) + shown.SHARE * problem.loss(np.zeros(5))
    L, beta = values[-1], bounds.momentum(values[-1] / values[0])
    plain = run(sync_sgd(SimulatedCluster(problem), 1 / L), 500, quiet=True)
    fast = run(accelerated_gradient(SimulatedCluster(problem), 1 / L, beta), 100, quiet=True)
    assert shown.descent_steps(values, error) == plain.first("loss", target)
    assert shown.accelerated_steps(values, error) == fast.first("loss", target)


def test_in_the_explorer_conditioning_is_nothing_to_giant_and_unlikeness_nothing_to_newton():
    easy, hard, unlike = (shown.steps(20, *dials, "always 1") for dials in ((10, 0.2), (1e5, 0.2), (10, 2.0)))
    place = {name: k for k, name in enumerate(shown.NAMES)}
    assert easy[place["giant"]] == hard[place["giant"]] and hard[0] > 1000 * easy[0]
    assert unlike[place["newton"]] == easy[place["newton"]] == 1
    assert unlike[place["giant"]] == np.inf
    assert "GIANT is not there" in shown.bill_picture(20, 10, 2.0, "always 1").sentence


# ---- every method: resume, errors -----------------------------------------------------------------------------


@each
def test_a_stopped_run_goes_on_bit_for_bit(make, tmp_path):
    whole = run(make(SimulatedCluster(UNLIKE, seed=4)), 9, quiet=True)
    run(make(SimulatedCluster(UNLIKE, seed=4)), 4, quiet=True).save(tmp_path / "half.npz")
    half, cluster = History.load(tmp_path / "half.npz"), SimulatedCluster(UNLIKE, seed=4)
    cluster.restore(half.cluster)
    rest = run(make(cluster, start=half.state), 5, quiet=True)
    for one, other in zip(whole.state, rest.state):
        np.testing.assert_array_equal(one, other)
    for clock in ("rounds", "bytes", "seconds"):
        assert getattr(whole, clock)[-1] == getattr(rest, clock)[-1]


SINGULAR = LogisticRegression(np.ones((2, 3, 4)), np.array([[0, 1, 1], [1, 0, 0]]))
BAD = {
    "replicates": (lambda: newton(SimulatedCluster(LOGISTIC, replicates=2)), "one experiment at a time"),
    "sweep": (lambda: giant(SimulatedCluster(LOGISTIC), np.ones((2, 1, 1))), "one experiment at a time"),
    "rho": (lambda: dane(SimulatedCluster(LOGISTIC), rho=-1), "rho must be a number from 0 on, not -1"),
    "memory": (lambda: lbfgs(SimulatedCluster(LOGISTIC), memory=0.5), "memory must be a whole number from 1 on"),
    "flat": (lambda: next(islice(newton(SimulatedCluster(SINGULAR)), 1, 2)), "take l2 or damping > 0"),
    "flat, alone": (lambda: next(islice(dane(SimulatedCluster(SINGULAR)), 1, 2)), "take rho > 0"),
    "no cluster": (lambda: newton(LOGISTIC), "runs on a cluster"),
    "no compressor": (lambda: next(fednl(SimulatedCluster(LOGISTIC), "top")), "compressor of packed Hessians"),
    "neither": (lambda: next(fednl(SimulatedCluster(LOGISTIC), compressors.Uniform(0.1))), "neither"),
    "rank": (lambda: next(fednl(SimulatedCluster(LOGISTIC), SymmetricRank(5))), "rank of a 4 x 4 matrix"),
    "no layers": (lambda: next(kfac(SimulatedCluster(LOGISTIC), 0.1)), "problem of layers"),
    "no classes": (lambda: problems.fishers(CHAIN, np.zeros(LONG)), "no probabilities"),
    "chain": (lambda: problems.chain(1, 10), "two coordinates"),
    "triangle": (lambda: unpack(np.zeros(7)), "7 numbers are no triangle"),
    "bits": (lambda: bounds.naming_bits(4, 2.0), "between 0 and"),
}


@pytest.mark.parametrize("call, words", BAD.values(), ids=BAD)
def test_errors_come_in_one_line(call, words):
    with pytest.raises(CourseError, match=words) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_damping_makes_a_flat_problem_solvable():
    history = run(newton(SimulatedCluster(SINGULAR), damping=1e-3), 20, quiet=True)
    assert history.gradient_norm[-1] < 1e-8
