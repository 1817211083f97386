"""Losses, gradients and constants against their definitions, and optima against reference solvers."""

import warnings

import numpy as np
import pytest
from hypothesis import strategies as st
from scipy.optimize import lsq_linear
from toys import CONVEX, EMPIRICAL, EVERY, each, given, pooled, rows, toy

from course_lib import data
from course_lib.errors import CourseError
from course_lib.problems import LeastSquares, LogisticRegression, Quadratic, SoftmaxRegression, TwoLayerNetwork

seeds = st.integers(0, 2**16)
sizes = st.lists(st.integers(1, 6), min_size=1, max_size=4)


def point(problem, seed, *lead):
    return np.random.default_rng([seed, 99]).standard_normal((*lead, problem.d))


def central_difference(function, x, h=1e-5):
    """Derivative of an array-valued function of (d,), along each coordinate: the last axis."""
    steps = h * np.eye(len(x))
    return np.stack([(function(x + s) - function(x - s)) / (2 * h) for s in steps], axis=-1)


# Error of a central difference: h^2/6 times a third derivative, plus rounding of order eps/h.
DIFFERENCE = {"rtol": 1e-7, "atol": 1e-7}


@each(EVERY)
@given(sizes=sizes, seed=seeds)
def test_the_gradient_is_the_derivative_of_the_loss(kind, sizes, seed):
    problem = toy(kind, sizes, seed)
    x = point(problem, seed)
    own = central_difference(lambda z: problem.losses(z[None]), x)
    np.testing.assert_allclose(problem.gradient(x), own, **DIFFERENCE)
    np.testing.assert_allclose(problem.full_gradient(x)[0], central_difference(problem.loss, x), **DIFFERENCE)


@each(CONVEX)
@given(sizes=sizes, seed=seeds)
def test_the_hessian_is_the_derivative_of_the_gradient(kind, sizes, seed):
    problem = toy(kind, sizes, seed)
    x = point(problem, seed)
    np.testing.assert_allclose(problem.hessians(x), central_difference(problem.gradient, x), **DIFFERENCE)
    np.testing.assert_allclose(problem.hessian(x), np.tensordot(problem.weights, problem.hessians(x), 1), atol=1e-13)


@each(EMPIRICAL)
@given(sizes=sizes, seed=seeds)
def test_the_objective_is_the_weighted_sum_of_mean_losses_over_rows(kind, sizes, seed):
    """Theory 1(b): with weights n_i / N it is the pooled empirical risk, whoever holds which row."""
    problem, union = toy(kind, sizes, seed), pooled(kind, sizes, seed)
    x = point(problem, seed)
    np.testing.assert_allclose(problem.loss(x), union.loss(x), rtol=1e-12)
    np.testing.assert_allclose(problem.full_gradient(x), union.full_gradient(x), atol=1e-13)
    alone = [kind([a], [y], l2=0.1) for a, y in zip(*rows(kind, sizes, seed))]
    if kind in (LeastSquares, LogisticRegression):  # elsewhere a worker alone may not know all classes
        np.testing.assert_allclose(problem.losses(x[None]), [one.loss(x) for one in alone], rtol=1e-12)


def test_losses_are_the_textbook_formulas():
    a, x = np.array([[1.0, 2.0], [0.5, -1.0]]), np.array([0.3, -0.2])
    z = a @ x
    squares = LeastSquares([a], [[1.0, 3.0]], l2=0.5)
    assert squares.loss(x) == pytest.approx(np.mean((z - [1, 3]) ** 2) / 2 + 0.25 * x @ x, rel=1e-14)
    logistic = LogisticRegression([a], [[1, 0]])
    p = 1 / (1 + np.exp(-z))
    assert logistic.loss(x) == pytest.approx(-np.mean([np.log(p[0]), np.log(1 - p[1])]), rel=1e-14)
    X = np.array([[0.1, 0.2, 0.3], [-0.3, 0.0, 0.4]])
    softmax = SoftmaxRegression([a], [[2, 0]])
    p = np.exp(a @ X) / np.exp(a @ X).sum(1, keepdims=True)
    assert softmax.loss(X.ravel()) == pytest.approx(-np.mean(np.log([p[0, 2], p[1, 0]])), rel=1e-14)
    network = TwoLayerNetwork([a], [[2, 0]], hidden=2)
    first, second = np.array([[0.1, -0.2], [0.4, 0.3]]), X
    p = np.exp(np.tanh(a @ first) @ second)
    p /= p.sum(1, keepdims=True)
    x = np.concatenate([first.ravel(), second.ravel()])
    assert network.loss(x) == pytest.approx(-np.mean(np.log([p[0, 2], p[1, 0]])), rel=1e-14)


def test_two_classes_of_softmax_are_logistic_regression():
    a, y = rows(LogisticRegression, (5, 7))
    x = np.array([0.4, -1.0, 0.7])
    one = LogisticRegression(a, y, weights="pooled").loss(x)
    two = SoftmaxRegression(a, y, weights="pooled").loss(np.stack([np.zeros(3), x], axis=1).ravel())
    assert one == pytest.approx(two, rel=1e-14)


@pytest.mark.parametrize("kind", [LogisticRegression, SoftmaxRegression])
def test_confident_models_neither_overflow_nor_lose_digits(kind):
    problem = toy(kind, l2=0.0)
    x = 1e5 * point(problem, 0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isfinite(problem.loss(x)) and np.isfinite(problem.gradient(x)).all()
        assert np.isfinite(problem.hessian(x)).all()


@each(EVERY)
@given(seed=seeds)
def test_leading_axes_are_independent_experiments(kind, seed):
    problem = toy(kind, seed=seed)
    X = point(problem, seed, 2, 3, problem.m)
    G, losses = problem.gradient(X), problem.losses(X)
    assert G.shape == X.shape and losses.shape == X.shape[:-1]
    for r in np.ndindex(2, 3):
        np.testing.assert_allclose(G[r], problem.gradient(X[r]), atol=1e-13)
        np.testing.assert_allclose(losses[r], problem.losses(X[r]), rtol=1e-12)
    common = X[..., :1, :]
    np.testing.assert_allclose(problem.gradient(common), problem.gradient(np.repeat(common, problem.m, -2)), atol=1e-13)
    np.testing.assert_allclose(problem.loss(common), np.vectorize(problem.loss, signature="(d)->()")(common[..., 0, :]))


@each(EVERY)
@given(sizes=sizes, seed=seeds, lead=st.sampled_from([(), (1,), (3, 1)]))
def test_what_a_record_has_computed_is_what_the_next_step_would(kind, sizes, seed, lead):
    """To the last bit, once, and never at a model that was changed in place since."""
    problem, fresh = toy(kind, sizes, seed), toy(kind, sizes, seed)
    x, moved = point(problem, seed, *lead), point(problem, seed + 1, *lead)
    loss, gradient = problem.loss_and_gradient(x)
    np.testing.assert_array_equal(loss, fresh.loss(x))
    np.testing.assert_allclose(gradient, fresh.full_gradient(x), rtol=1e-12, atol=1e-14)
    for _ in range(2):
        G = problem.gradient(x)
        np.testing.assert_array_equal(G, fresh.gradient(x))
        G += 1.0
    problem.loss_and_gradient(x)
    x[:] = moved
    np.testing.assert_array_equal(problem.gradient(x), fresh.gradient(x))


@each(EVERY)
@given(seed=seeds, data=st.data())
def test_a_worker_computes_the_same_alone_as_among_others(kind, seed, data):
    """Bit for bit: a recorded asynchronous run can then be replayed, and ranks may host any block of workers."""
    problem = toy(kind, seed=seed)
    X = point(problem, seed, problem.m)
    some = np.array(data.draw(st.lists(st.integers(0, 2), min_size=1, max_size=3, unique=True)))
    assert np.array_equal(problem.gradient(X)[some], problem.gradient(X[some], workers=some))
    assert np.array_equal(problem.gradient(X)[1:2], problem.gradient(X[1:2], workers=slice(1, 2)))
    assert np.array_equal(problem.gradient(X[0])[2:], problem.gradient(X[0], workers=slice(2, 3)))


def streams(problem, seed):
    return [np.random.default_rng([seed, i]) for i in range(problem.m)]


@each(EMPIRICAL)
@given(seed=seeds, batch_size=st.one_of(st.integers(1, 5), st.tuples(*[st.integers(1, 5)] * 3)))
def test_a_mini_batch_gradient_is_the_mean_over_its_rows(kind, seed, batch_size):
    problem = toy(kind, seed=seed)
    X = point(problem, seed, problem.m)
    drawn = problem.sample(streams(problem, seed), batch_size)
    G = problem.gradient(X, drawn)
    per_row = problem.gradient(X, (np.arange(6)[:, None, None] % problem.sizes[:, None], np.ones((6, 3, 1))))
    for i, b in enumerate(np.broadcast_to(batch_size, 3)):
        assert drawn[0][i, :b].max() < problem.sizes[i], "a row of padding was drawn"
        np.testing.assert_allclose(G[i], per_row[drawn[0][i, :b], i].mean(0), atol=1e-13)
    np.testing.assert_allclose(  # and over all rows of a worker it is the gradient
        problem.gradient(X), [per_row[:n, i].mean(0) for i, n in enumerate(problem.sizes)], atol=1e-13
    )


@each(EVERY)
@given(seed=seeds, batch_size=st.integers(1, 4), common=st.booleans())
def test_replicates_are_as_many_single_mini_batches(kind, seed, batch_size, common):
    problem = toy(kind, seed=seed)
    X = point(problem, seed, 5, 1 if common else problem.m)
    batch = problem.sample(streams(problem, seed), batch_size, replicates=5)
    one = (lambda r: batch[r]) if kind is Quadratic else (lambda r: (batch[0][r], batch[1][r]))
    G = problem.gradient(X, batch)
    assert G.shape == (5, problem.m, problem.d)
    for r in range(5):
        np.testing.assert_allclose(G[r], problem.gradient(X[r], one(r)), atol=1e-13)
    np.testing.assert_allclose(problem.gradient(X[0], batch)[3], problem.gradient(X[0], one(3)), atol=1e-13)
    some = np.array([2, 0])
    one_of_each = problem.sample([streams(problem, seed)[i] for i in some], batch_size, workers=some, replicates=5)
    own = X if common else X[:, some]
    np.testing.assert_allclose(problem.gradient(own, one_of_each, workers=some), G[:, some], atol=1e-13)


@each(EVERY)
def test_one_replicate_draws_what_no_replicate_draws(kind):
    problem = toy(kind)
    x = point(problem, 1)
    G, [R] = (problem.gradient(x, problem.sample(streams(problem, 1), 3, replicates=r)) for r in (None, 1))
    np.testing.assert_allclose(G, R, atol=1e-14)


@each(EVERY)
@pytest.mark.parametrize("replicates", [None, 2])
def test_a_workers_draws_do_not_depend_on_the_others(kind, replicates):
    """Nor on how many they are, nor on how much they draw, however often."""
    few, many = toy(kind, (4, 6)), toy(kind, (4, 6, 5, 3))
    mine, theirs = streams(few, 3), streams(many, 3)
    x = point(few, 3, 1) if replicates is None else point(few, 3, 2, 1)
    for _ in range(3):
        G = few.gradient(x, few.sample(mine, (2, 3), replicates=replicates)) - few.gradient(x)
        more = many.gradient(x, many.sample(theirs, (2, 3, 5, 1), replicates=replicates)) - many.gradient(x)
        np.testing.assert_allclose(more[..., :2, :], G, atol=1e-13)


@each(EVERY)
@pytest.mark.parametrize("batch_size", [1, 4])
def test_noise_is_the_variance_of_a_single_sample(kind, batch_size):
    """E||g - grad f_i||^2 = sigma_i^2 / b for samples with replacement (theory 2.2)."""
    problem = toy(kind, seed=4)
    x = point(problem, 4)
    draws = problem.gradient(x[None], problem.sample(streams(problem, 4), batch_size, replicates=4000))
    squares = ((draws - problem.gradient(x)) ** 2).sum(-1)  # (R, m)
    error = squares.std(0) / np.sqrt(len(squares))
    assert (abs(squares.mean(0) - problem.noise(x) / batch_size) <= 5 * error).all()
    bias = (draws - problem.gradient(x)).mean(0)
    assert (abs(bias) <= 5 * draws.std(0) / np.sqrt(len(draws)) + 1e-14).all()


@each(EMPIRICAL)
@given(sizes=sizes, seed=seeds)
def test_noise_is_exact(kind, sizes, seed):
    problem = toy(kind, sizes, seed)
    x = point(problem, seed)
    for i, n in enumerate(sizes):
        single = [problem.gradient(x, (np.full((problem.m, 1), j), np.ones((problem.m, 1))))[i] for j in range(n)]
        exact = np.mean(((np.array(single) - problem.gradient(x)[i]) ** 2).sum(-1))
        assert problem.noise(x)[i] == pytest.approx(exact, rel=1e-10, abs=1e-14)


@each(EVERY)
@given(sizes=sizes, seed=seeds)
def test_heterogeneity_is_the_spread_of_gradients(kind, sizes, seed):
    problem = toy(kind, sizes, seed)
    x = point(problem, seed)
    g, w = problem.gradient(x), problem.weights
    assert problem.heterogeneity(x) == pytest.approx(w @ (g**2).sum(1) - ((w @ g) ** 2).sum(), rel=1e-9, abs=1e-12)


@each(CONVEX)
@given(sizes=sizes, seed=seeds, scale=st.sampled_from([1e-3, 1.0, 30.0]))
def test_smoothness_and_strong_convexity(kind, sizes, seed, scale):
    problem = toy(kind, sizes, seed)
    x, y = scale * point(problem, seed, 2)
    apart, change = x - y, (problem.gradient(x) - problem.gradient(y))
    whole = problem.weights @ change
    slack = 1e-9 * np.linalg.norm(apart)
    assert np.linalg.norm(whole) <= problem.L * np.linalg.norm(apart) + slack
    assert whole @ apart >= problem.mu * apart @ apart - slack * np.linalg.norm(apart)
    assert (np.linalg.norm(change, axis=1) <= problem.L_workers * np.linalg.norm(apart) + slack).all()
    assert problem.L <= problem.weights @ problem.L_workers * (1 + 1e-12)


@each(CONVEX)
def test_the_constants_are_the_best_possible(kind):
    """L and mu are attained: everywhere on quadratics, at 0 for logistic and for two-class softmax regression."""
    two_classes = rows(LogisticRegression, (4, 6, 5))
    problem = toy(kind) if kind is not SoftmaxRegression else kind(*two_classes, l2=0.1, weights="pooled")
    values = np.linalg.eigvalsh(problem.hessian(np.zeros(problem.d)))
    assert problem.L == pytest.approx(values[-1], rel=1e-12)
    each_worker = np.linalg.eigvalsh(problem.hessians(np.zeros(problem.d)))
    np.testing.assert_allclose(problem.L_workers, each_worker[:, -1], rtol=1e-12)
    if kind in (LeastSquares, Quadratic):
        assert problem.mu == pytest.approx(values[0], rel=1e-10)
    else:  # far away the losses are flat, and only the penalty curves
        far = np.linalg.eigvalsh(problem.hessian(np.full(problem.d, 1e4) * np.arange(problem.d)))
        assert problem.mu == pytest.approx(far[0], rel=1e-6)


@each(CONVEX)
@given(sizes=st.lists(st.integers(2, 8), min_size=1, max_size=4), seed=seeds)
def test_the_optimum_is_certified_by_its_gradient(kind, sizes, seed):
    """Strong convexity gives ||x - x*|| <= ||grad f(x)|| / mu."""
    problem = toy(kind, sizes, seed)
    assert np.linalg.norm(problem.full_gradient(problem.optimum())) / problem.mu <= 1e-10


def test_the_optimum_of_least_squares_is_scipys():
    features, targets = data.deal(*_diabetes())
    problem = LeastSquares(features, targets, weights="pooled")
    reference = lsq_linear(np.concatenate(features), np.concatenate(targets), tol=1e-15).x
    assert np.linalg.norm(problem.optimum() - reference) <= 1e-10


def _diabetes():
    dataset = data.load("diabetes")
    return dataset, data.partition_uneven(dataset.labels, 5)


@pytest.mark.parametrize("kind, name", [(LogisticRegression, "breast_cancer"), (SoftmaxRegression, "digits")])
def test_the_optimum_of_classification_is_scikit_learns(kind, name):
    from sklearn.linear_model import LogisticRegression as Reference

    dataset = data.load(name)
    l2 = 1e-2
    problem = kind(*data.deal(dataset, data.partition_iid(dataset.labels, 8)), l2=l2, weights="pooled")
    reference = Reference(
        C=1 / (l2 * len(dataset.labels)), fit_intercept=False, solver="newton-cholesky", tol=1e-14, max_iter=200
    ).fit(dataset.features, dataset.labels)
    x = problem.optimum()
    assert np.linalg.norm(x - reference.coef_.T.ravel()) <= 1e-10
    x += 1  # what the caller does with it must not spoil the next call
    assert np.linalg.norm(problem.optimum() - reference.coef_.T.ravel()) <= 1e-10


def test_equal_and_pooled_weights_are_different_problems():
    """Theory 1: with unequal shares the mean of f_i is not the pooled risk, and weights n_i / N restore it."""
    features, targets = rows(LeastSquares, (10, 100, 1000))
    optimum = {w: LeastSquares(features, targets, weights=w).optimum() for w in ("equal", "pooled")}
    reference = np.linalg.lstsq(np.concatenate(features), np.concatenate(targets))[0]
    assert np.linalg.norm(optimum["pooled"] - reference) <= 1e-10
    assert np.linalg.norm(optimum["equal"] - reference) > 1e-2
    same = rows(LeastSquares, (50, 50, 50))
    apart = LeastSquares(*same, weights="equal").optimum() - LeastSquares(*same, weights="pooled").optimum()
    assert np.linalg.norm(apart) <= 1e-12


@given(scale=st.floats(0.1, 10))
def test_weights_may_be_given_and_are_normalised(scale):
    given_weights = LeastSquares(*rows(LeastSquares, (2, 3)), weights=[scale, 3 * scale]).weights
    np.testing.assert_allclose(given_weights, [0.25, 0.75])


@pytest.mark.parametrize("kind", [LogisticRegression, SoftmaxRegression, TwoLayerNetwork])
def test_accuracy_is_the_share_of_test_rows_told_right(kind):
    dataset = data.load("breast_cancer" if kind is LogisticRegression else "digits")
    test = dataset.test_features, dataset.test_labels
    problem = kind(*data.deal(dataset, data.partition_iid(dataset.labels, 4)), weights="pooled", test=test)
    X = point(problem, 0, 3, 1)
    probabilities = problem.predict(X[1, 0], test[0])
    decided = probabilities.argmax(1) if kind is not LogisticRegression else probabilities[:, 0] > 0.5
    assert problem.accuracy(X).shape == (3,)
    assert problem.accuracy(X)[1] == np.mean(decided == test[1])
    if kind is not LogisticRegression:
        np.testing.assert_allclose(probabilities.sum(1), 1)


def test_without_test_rows_accuracy_is_on_the_workers_own():
    problem = LogisticRegression([[[1.0], [-1.0]], [[2.0], [-3.0]]], [[1, 0], [1, 1]])
    assert problem.accuracy(np.ones(1)) == 0.75


def test_accuracy_of_a_trained_model_on_digits():
    """Softmax regression tells 95 % of handwritten digits that it has not seen."""
    dataset = data.load("digits")
    problem = SoftmaxRegression(
        *data.deal(dataset, data.partition_iid(dataset.labels, 8)), l2=1e-3, weights="pooled",
        test=(dataset.test_features, dataset.test_labels),
    )  # fmt: skip
    assert problem.accuracy(problem.optimum()) > 0.95


def test_the_dials_of_a_quadratic():
    same = Quadratic.dialled(5, 6, condition=100, optimum_spread=0)
    assert (same.L, same.mu) == (pytest.approx(1), pytest.approx(0.01))
    assert np.linalg.norm(same.optimum()) <= 1e-12 and same.heterogeneity(same.optimum()) <= 1e-20
    np.testing.assert_allclose(same.A, same.A[:1].repeat(5, 0))
    spread = Quadratic.dialled(5, 6, condition=100, hessian_spread=0.5)
    Q = np.linalg.eigh(same.A[0])[1]
    own = np.diagonal(Q.T @ spread.A @ Q, axis1=1, axis2=2) / np.diagonal(Q.T @ same.A @ Q, axis1=1, axis2=2)
    assert (np.exp(-0.5) - 1e-9 <= own).all() and (own <= np.exp(0.5) + 1e-9).all() and np.ptp(own) > 0.3


def test_the_optimum_of_a_quadratic_in_closed_form():
    problem = toy(Quadratic)
    closed = np.linalg.solve(problem.A.sum(0), (problem.A @ problem.b[..., None]).sum(0))[:, 0]
    np.testing.assert_allclose(problem.optimum(), closed, atol=1e-12)


def test_a_network_starts_away_from_the_saddle_and_has_no_optimum_to_compute():
    problem = toy(TwoLayerNetwork)
    assert np.linalg.norm(problem.full_gradient(problem.initial())) > 1e-3
    assert np.linalg.norm(problem.full_gradient(np.zeros(problem.d))[:, : 3 * 16]) == 0
    assert np.array_equal(problem.initial(), toy(TwoLayerNetwork).initial())
    with pytest.raises(CourseError, match="not convex"):
        problem.optimum()
    with pytest.raises(CourseError, match="no Hessian in closed form"):
        problem.hessian(problem.initial())


table, labels = np.ones((2, 4, 3)), np.zeros((2, 4), int)
spoilt = table.copy()
spoilt[1, 2, 0] = np.nan


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda: LeastSquares(spoilt, labels), "worker 1 holds NaN or infinite data"),
        (lambda: LeastSquares(table, spoilt[:, :, 0]), "worker 1 holds NaN"),
        (lambda: LeastSquares(table[:1], labels), "from the same workers"),
        (lambda: LeastSquares(table, labels[:, :3]), "one label a row"),
        (lambda: LeastSquares(table[0], labels[0]), "one table of rows for each worker"),
        (lambda: LeastSquares([table[0], table[1, :, :2]], labels), "same columns"),
        (lambda: LeastSquares([], []), "at least one worker"),
        (lambda: LeastSquares([table[0], table[1, :0]], [labels[0], labels[1, :0]]), "worker 1 holds no rows"),
        (lambda: LeastSquares([table[0], table[1, :2]], [labels[0], labels[1, :2]]), "say weights='pooled'"),
        (lambda: LeastSquares(table, labels, weights="size"), "'equal', 'pooled' or an array, not 'size'"),
        (lambda: LeastSquares(table, labels, weights=[1, 2, 3]), "2 positive numbers"),
        (lambda: LeastSquares(table, labels, weights=[1, -1]), "2 positive numbers"),
        (lambda: LeastSquares(table, labels, l2=-1), "l2 must be at least 0"),
        (lambda: LogisticRegression(table, labels + 1.5), "labels 0 and 1"),
        (lambda: SoftmaxRegression(table, labels - 1), "whole numbers 0, 1, 2"),
        (lambda: SoftmaxRegression(table, labels + 0.5), "whole numbers 0, 1, 2"),
        (lambda: LeastSquares(table, labels).loss(np.ones((2, 3))), r"f is defined at one model.*\(2, 3\)"),
        (lambda: LeastSquares(table, labels).gradient(np.ones((3, 3))), "3 models for 2 workers"),
        (lambda: LeastSquares(table, labels).gradient(np.ones(4)), "model has 4 numbers; this problem needs 3"),
        (lambda: Quadratic(np.eye(3)[None], np.ones((1, 3))).gradient(np.ones((2, 3))), "2 models for 1 workers"),
        (lambda: Quadratic(np.ones((2, 3, 3)), np.ones((3, 3))), r"A of shape \(2, 3, 3\).*must be \(m, d, d\)"),
        (lambda: Quadratic(np.triu(np.ones((1, 3, 3))), np.ones((1, 3))), "must be symmetric"),
        (lambda: Quadratic(np.eye(2)[None], [[np.nan, 0]]), "NaN"),
        (lambda: Quadratic(np.eye(2)[None], [[0, 0]], noise=-1), "noise must be at least 0"),
        (lambda: SoftmaxRegression(table, labels).optimum(), "no single optimum.*l2"),
        (lambda: LogisticRegression([[[1.0], [-1.0]]], [[1, 0]]).optimum(), "no single optimum.*l2"),
    ],
)  # fmt: skip
def test_errors_are_one_line_in_the_words_of_the_domain(call, words):
    with pytest.raises(CourseError, match=words) as caught:
        call()
    assert "\n" not in str(caught.value)
