"""Robust rules and attacks: the statements of theory section 9.4 and 9.5."""

from itertools import combinations

import numpy as np
import pytest

from course_lib import bounds
from course_lib.aggregators import (
    AGGREGATORS,
    Bucketing,
    Bulyan,
    CenteredClipping,
    CoordinateMedian,
    GeometricMedian,
    Krum,
    Mean,
    MultiKrum,
    TrimmedMean,
)
from course_lib.aggregators.distances import squared_distances
from course_lib.attacks import ALIE, Gaussian, InnerProduct, Mimic, SignFlip, flip_labels
from course_lib.cards import shaded
from course_lib.clusters import SimulatedCluster
from course_lib.clusters.faults import Byzantine
from course_lib.errors import CourseError
from course_lib.experiment import run, sweep
from course_lib.explorers import byzantine as scene
from course_lib.methods import parameter_server_sgd, robust_sgd
from course_lib.problems import Quadratic, SoftmaxRegression

M, D = 11, 4
FAR = 1e9
RULES = {
    "median": CoordinateMedian(),
    "geometric median": GeometricMedian(),
    "trimmed mean": TrimmedMean(3),
    "Krum": Krum(4),
    "multi-Krum": MultiKrum(4),
    "Bulyan": Bulyan(2),
    "bucketing": Bucketing(CoordinateMedian(), 2),
}
EVERY = RULES | {"mean": Mean(), "centred clipping": CenteredClipping(1.0, steps=3)}


def each(rules):
    return pytest.mark.parametrize("rule", rules.values(), ids=rules)


def honest(seed=0, m=M, d=D):
    """Rows within a distance of one from the point (5, ..., 5)."""
    rows = np.random.default_rng(seed).normal(size=(m, d))
    return 5 + rows / np.linalg.norm(rows, axis=-1).max()


def lies(V, f, seed=0):
    """Many ways in which the last f workers may lie: near, far, together, apart, or no numbers at all."""
    rng, m = np.random.default_rng(seed), len(V)
    truth = V[: m - f]
    yield np.full((f, V.shape[1]), FAR)
    yield -FAR * np.arange(1, f + 1)[:, None] ** 3 * np.ones(V.shape[1])
    yield FAR * rng.normal(size=(f, V.shape[1]))
    yield np.full((f, V.shape[1]), 1e300)
    yield np.full((f, V.shape[1]), np.nan)
    yield np.full((f, V.shape[1]), -np.inf)
    for size in (1, 3, 10, 100):
        yield truth.mean(0) + size * rng.normal(size=V.shape[1]) * np.ones((f, 1))
        yield truth.mean(0) - size * truth.std(0) * np.ones((f, 1))
        yield truth[:f] + size * rng.normal(size=(f, V.shape[1]))


def lied_to(V, f):
    for told in lies(V, f):
        yield np.concatenate([V[: len(V) - f], told])


def off(rule, V):
    """How far the rule's answer is from the middle of the honest rows; their radius is 1."""
    return np.linalg.norm(rule(V)[0] - 5)


# ---- every rule up to its own condition -----------------------------------------------------------------


@each({name: RULES[name] for name in ("median", "trimmed mean", "bucketing")})
@pytest.mark.parametrize("m", [11, 12, 15])
def test_coordinate_rules_stay_between_honest_values(rule, m):
    """Bucketing by pairs: between the honest workers' values, as every honest bucket is."""
    f = rule.tolerates(m)
    for V in lied_to(honest(m=m), f):
        truth, answer = V[: m - f], rule(V)[0]
        assert (answer >= truth.min(0) - 1e-12).all() and (answer <= truth.max(0) + 1e-12).all()


@pytest.mark.parametrize("f", [1, 3, 5])
def test_geometric_median_stays_within_minskers_constant_of_the_honest(f):
    """Honest rows within r of a point: it is at most (1 - a) / sqrt(1 - 2a) r away, a = f/m (Minsker, 2015)."""
    for V in lied_to(honest(), f):
        assert off(GeometricMedian(), V) <= bounds.geometric_median_error(M, f, 1.0) + 1e-5


@pytest.mark.parametrize("f", [1, 2, 4])
def test_krums_winner_is_near_the_honest(f):
    """A winning liar has m - 2f - 1 honest neighbours, and scores at most (m - f - 2) (2r)^2, as all m - f best do."""
    for V in lied_to(honest(), f):
        assert off(Krum(f), V) <= bounds.krum_error(M, f, 1.0)
        assert (Krum(f)(V) == V).all(-1).any(), "the winner is one of the rows"
        assert off(MultiKrum(f), V) <= bounds.krum_error(M, f, 1.0)


@pytest.mark.parametrize("f", [1, 2])
def test_bulyan_stays_within_a_diameter_of_the_honest_in_each_coordinate(f):
    for V in lied_to(honest(), f):
        truth, answer = V[: M - f], Bulyan(f)(V)[0]
        assert (answer >= truth.min(0) - np.ptp(truth, axis=0)).all()
        assert (answer <= truth.max(0) + np.ptp(truth, axis=0)).all()


@pytest.mark.parametrize("f", [1, 3, 5])
def test_each_liar_moves_centred_clipping_by_at_most_the_radius_over_m(f):
    V = honest()
    without = CenteredClipping(0.7)(V, last=np.full(D, 5.0))
    for lied in lied_to(V, f):
        moved = CenteredClipping(0.7)(lied, last=np.full(D, 5.0)) - without
        assert np.linalg.norm(moved) <= 2 * f * 0.7 / M + 1e-12


# ---- and not beyond -------------------------------------------------------------------------------------


def breaking_point(rule, m):
    """Least number of liars, all at the same far point, that take the rule's answer along."""
    for f in range(1, m + 1):
        V = honest(m=m)
        V[m - f :] = FAR
        if off(rule, V) > 1e6:
            return f
    return m + 1


@each({name: RULES[name] for name in ("median", "geometric median", "trimmed mean", "bucketing")})
@pytest.mark.parametrize("m", [11, 12, 15])
def test_one_more_liar_than_the_condition_allows_breaks_the_rule(rule, m):
    if isinstance(rule, Bucketing):
        worst = min(breaking_point(Bucketing(rule.rule, 2, seed), m) for seed in range(100))
        assert worst == rule.tolerates(m) + 1
    else:
        assert breaking_point(rule, m) == rule.tolerates(m) + 1


def test_one_liar_sets_the_mean():
    V = honest()
    V[-1] = M * 7.0 - V[:-1].sum(0)
    assert np.allclose(Mean()(V), 7.0, rtol=1e-12) and Mean().tolerates(M) == 0


@pytest.mark.parametrize("f", [2, 3, 5])
def test_krum_falls_to_a_minority_who_need_no_honest_neighbour(f):
    """It looks at m - f - 2 neighbours: at m = 2f + 1 the f liars are enough for each other.

    At m = 2f + 2 a liar needs one honest neighbour and still cannot win from afar, though the proof ends there.
    """
    for m, falls in ((2 * f + 1, True), (2 * f + 2, False)):
        V = honest(m=m)
        V[m - f :] = FAR
        winner = Krum(f).combine(V, None, 0)  # `check` would refuse both
        assert (np.abs(winner).max() == FAR) == falls
        assert off(CoordinateMedian(), V) <= 2, "while the median holds"


def test_multi_krum_falls_when_it_has_to_take_a_liar():
    assert [breaking_point(MultiKrum(f), M) for f in (1, 2, 4)] == [2, 3, 5]


def test_bulyan_falls_where_the_median_of_its_winners_does():
    """m = 11, told f = 2: seven winners. Five liars get four of them, though five of eleven is a minority."""
    assert breaking_point(Bulyan(2), 11) == 5 < breaking_point(CoordinateMedian(), 11) == 6


def test_bucketings_condition_is_s_f_below_half():
    cases = [(m, size, f) for m in range(1, 31) for size in range(1, m + 1) for f in range(m)]
    for m, size, f in cases:
        assert (f <= Bucketing(CoordinateMedian(), size).tolerates(m)) == (size * f < m / 2)


@pytest.mark.parametrize(
    "make, enough",
    [
        (TrimmedMean, lambda f: 2 * f + 1),
        (Krum, lambda f: 2 * f + 3),
        (MultiKrum, lambda f: 2 * f + 3),
        (Bulyan, lambda f: 4 * f + 3),
    ],
)
def test_a_rule_that_is_told_f_refuses_too_few_workers(make, enough):
    for f in range(5):
        make(f).check(enough(f))
        assert make(f).tolerates(enough(f)) == f
        with pytest.raises(CourseError, match="f"):
            make(f)(np.zeros((enough(f) - 1, 2)))


# ---- what the rules compute -----------------------------------------------------------------------------


def test_median_and_trimmed_mean_agree_with_numpy_and_scipy():
    from scipy.stats import trim_mean

    for m in (5, 6, 20):
        V = np.random.default_rng(m).normal(size=(3, m, 7))
        assert np.allclose(CoordinateMedian()(V)[..., 0, :], np.median(V, axis=-2), rtol=1e-14)
        assert np.allclose(TrimmedMean(2)(V)[..., 0, :], trim_mean(V, 2 / m + 1e-9, axis=-2), rtol=1e-12)


def test_krum_by_its_definition():
    V, f = np.random.default_rng(0).normal(size=(9, 5)), 3
    score = [np.sort(((V - v) ** 2).sum(-1))[1 : 9 - f - 1].sum() for v in V]
    assert (Krum(f)(V)[0] == V[np.argmin(score)]).all()
    best = np.argsort(score)[: 9 - f]
    assert np.allclose(MultiKrum(f)(V)[0], V[best].mean(0), rtol=1e-14)
    assert (MultiKrum(f, k=1)(V) == Krum(f)(V)).all()


def test_distances_come_from_the_gram_matrix():
    V = 100 + np.random.default_rng(0).normal(size=(6, 30))
    assert np.allclose(squared_distances(V), ((V[:, None] - V) ** 2).sum(-1), atol=1e-9)


def test_bulyan_by_its_definition():
    f, m = 2, 11
    V = np.random.default_rng(5).normal(size=(m, 3))
    left, winners = list(V), []
    for _ in range(m - 2 * f):
        n = len(left)
        score = [np.sort([((v - w) ** 2).sum() for w in left])[1 : max(n - f - 1, 1)].sum() for v in left]
        winners.append(left.pop(int(np.argmin(score))))
    winners = np.array(winners)
    away = np.argsort(abs(winners - np.median(winners, 0)), axis=0, kind="stable")[: m - 4 * f]
    assert np.allclose(Bulyan(f)(V)[0], np.take_along_axis(winners, away, 0).mean(0), rtol=1e-13)


def test_geometric_median_is_where_the_unit_vectors_balance():
    V = np.random.default_rng(0).normal(size=(4, 9, 3))
    z = GeometricMedian(1e-10)(V)
    away = V - z
    pull = (away / np.linalg.norm(away, axis=-1, keepdims=True)).sum(-2)
    assert np.abs(pull).max() < 1e-7
    line = np.array([[0.0], [1.0], [7.0]])
    assert GeometricMedian()(line)[0, 0] == 1.0, "on a line it is the median, a row itself"


def test_geometric_median_does_not_stick_to_a_row_where_it_begins():
    """The coordinate median of these is the row (0, 0), but one of five cannot hold against the pull of four."""
    V = np.array([[0.0, 0.0], [-1.0, 5.0], [-1.0, 4.0], [9.0, -0.1], [7.0, -0.1]])
    assert (CoordinateMedian()(V) == 0).all()
    z, total = GeometricMedian(1e-12)(V), lambda z: np.linalg.norm(V - z, axis=-1).sum()
    nearby = [total(z + step) for step in 1e-3 * np.random.default_rng(0).normal(size=(50, 2))]
    assert total(z) < min(*nearby, total(np.zeros(2)))
    assert (GeometricMedian()(np.array([[2.0, 1.0]] * 3)) == [2, 1]).all()
    held = np.array([[0.0, 0.0]] * 3 + [[1.0, 0.0], [0.0, 1.0]])
    assert (GeometricMedian()(held) == 0).all(), "three hold against a pull of root two"


def test_clipping_nobody_is_the_mean_and_the_centre_is_remembered():
    V = honest()
    assert np.allclose(CenteredClipping(100.0)(V), V.mean(0), rtol=1e-14)
    tight, v = CenteredClipping(0.1), None
    for _ in range(200):
        v = tight(V, last=v)
    assert off(lambda V: v, V) < 1, "from zero, a tenth a round, it gets to the honest"


def test_bucketing_averages_every_row_once():
    V = honest(m=8)
    assert np.allclose(Bucketing(Mean(), 2)(V), V.mean(0), rtol=1e-14)
    a, b = (Bucketing(CoordinateMedian(), 2)(V, t=t) for t in (0, 1))
    assert (a == Bucketing(CoordinateMedian(), 2)(V, t=0)).all() and not np.allclose(a, b)


@each(EVERY)
def test_rules_commute_with_shifts_and_replicates(rule):
    """Rules (with the centre shifted, too) know no origin; a batch of experiments is as many single ones."""
    V, shift = np.stack([honest(s) for s in range(3)]), 3.0
    moved = rule(V + shift, last=np.full((1, D), shift))
    assert np.allclose(moved, rule(V) + shift, atol=1e-8)
    if not isinstance(rule, Bucketing):  # each replicate has buckets of its own
        assert np.allclose(rule(V), np.stack([rule(v) for v in V]), atol=1e-9)
    if not isinstance(rule, Bucketing | Bulyan):  # of two rows that are each other's nearest, Bulyan takes the first
        order = np.random.default_rng(1).permutation(M)
        assert np.allclose(rule(V[:, order]), rule(V), atol=1e-9)


@each(EVERY)
def test_rules_leave_their_input_alone_and_return_a_row(rule):
    V = honest()
    before = V.copy()
    assert rule(V).shape == (1, D) and rule(V[None, None]).shape == (1, 1, 1, D)
    assert (V == before).all()
    with pytest.raises(CourseError, match="block of rows"):
        rule(V[0])


@pytest.mark.parametrize(
    "make, word",
    [
        (lambda: TrimmedMean(-1), "from 0 on"),
        (lambda: Krum(1.5), "whole number"),
        (lambda: MultiKrum(2, k=10), "m - f = 9"),
        (lambda: CenteredClipping(0.0), "positive"),
        (lambda: GeometricMedian(0), "precision"),
        (lambda: Bucketing(Mean(), 12), "bucket"),
        (lambda: Bucketing(Krum(2), 2), "2f \\+ 2 < m: 6"),
    ],
)
def test_errors_in_the_words_of_the_domain(make, word):
    with pytest.raises(CourseError, match=word):
        make()(honest())


def test_every_rule_is_listed():
    assert {type(rule) for rule in EVERY.values()} == set(AGGREGATORS.values())


# ---- heterogeneity: nobody can know ---------------------------------------------------------------------


def two_worlds(c):
    """Eight zeros and two c: in one world the c are lies, in the other two of the zeros. Honest means 0 and c/4."""
    return np.array([0.0] * 8 + [c] * 2)[:, None], (0.0, c / 4)


@each(EVERY)
def test_every_rule_errs_by_an_eighth_in_one_of_two_worlds(rule):
    """m = 10, f = 2; zeta^2 = 3c^2/16 in the second world, so error^2 >= zeta^2 / 12 there or c^2/64 in the first."""
    c = 16.0
    rule = Krum(2) if isinstance(rule, Krum) else Bulyan(1) if isinstance(rule, Bulyan) else rule
    V, truths = two_worlds(c)
    answer = rule(V).item()
    assert max(abs(answer - truth) for truth in truths) >= c / 8
    second = np.array([0.0] * 6 + [c] * 2)
    assert second.var() == 3 * c**2 / 16 and (c / 8) ** 2 == second.var() / 12


def test_all_worlds_with_two_liars_agree_on_what_arrives():
    """The two worlds are the extremes: honest means of all 45 sets of eight workers lie between 0 and c/4."""
    V, truths = two_worlds(1.0)
    means = {V[list(world)].mean() for world in combinations(range(10), 8)}
    assert (min(means), max(means)) == truths


# ---- attacks --------------------------------------------------------------------------------------------


def told(attack, f, V=None):
    V = honest() if V is None else V
    return attack.lies(V[M - f :], V[: M - f], np.random.default_rng(0))


def test_attacks_by_their_definitions():
    V = honest()
    others = V[:7]
    assert (told(SignFlip(3.0), 4) == -3 * V[7:]).all()
    assert (told(InnerProduct(0.5), 4) == -0.5 * others.mean(0)).all()
    assert (told(Mimic(2), 4) == others[2]).all()
    assert np.allclose(told(ALIE(1.5), 4), others.mean(0) - 1.5 * others.std(0))
    assert told(Gaussian(100.0), 4).std() == pytest.approx(100, rel=0.5)


def test_alie_is_as_far_out_as_a_majority_allows():
    """m = 20, f = 5: six honest supporters, z = Phi^-1(9/15)."""
    from scipy.stats import norm

    assert ALIE.shift(5, 15) == pytest.approx(norm.ppf(9 / 15))
    with pytest.raises(CourseError, match="minority"):
        ALIE.shift(11, 9)


def test_inner_product_turns_the_mean_beyond_its_threshold():
    """The mean points against the honest mean iff epsilon > (m - f)/f."""
    V, f = honest(), 4
    truth = V[: M - f].mean(0)
    for epsilon, sign in ((1.74, 1), (1.76, -1)):  # 7/4
        V[M - f :] = told(InnerProduct(epsilon), f)
        assert np.sign(Mean()(V)[0] @ truth) == sign


def test_flipped_labels_are_flipped_on_the_liars_alone():
    labels = [np.array([0, 3, 9]), np.array([1, 2])]
    flipped = flip_labels(labels, (1,), 10)
    assert (flipped[0] == labels[0]).all() and (flipped[1] == [8, 7]).all()


def test_nobody_to_mimic():
    with pytest.raises(CourseError, match="none of them"):
        told(Mimic(7), 4)


# ---- robust SGD on a cluster whose workers lie ----------------------------------------------------------

LIARS = 5


@pytest.fixture
def alike():
    """Twenty workers who want the same, with noisy gradients."""
    return Quadratic.dialled(20, 6, optimum_spread=0, noise=1.0)


def lying(problem, attack, f=LIARS, **options):
    options = {"batch_size": 1, "replicates": 10, "initial_model": np.ones(problem.d)} | options
    return SimulatedCluster(problem, faults=[Byzantine(f, attack)] if attack else [], **options)


def distance(problem, attack, rule, momentum=0.0, rounds=150):
    """Root mean square distance from the optimum, x* = 0."""
    history = run(robust_sgd(lying(problem, attack), 0.1, rule, momentum), rounds, rounds, quiet=True)
    return np.sqrt((history.model**2).sum(-1).mean())


def test_with_the_mean_and_nobody_lying_it_is_parameter_server_sgd(alike):
    server, robust = (SimulatedCluster(alike, batch_size=2) for _ in range(2))
    one = run(parameter_server_sgd(server, 0.1), 20)
    other = run(robust_sgd(robust, 0.1, Mean()), 20)
    assert np.allclose(one.loss, other.loss, rtol=1e-12)
    assert (one.bytes == other.bytes).all() and (one.seconds == other.seconds).all()


def test_each_round_is_what_the_formula_says():
    problem, rule = Quadratic.dialled(6, 3), CenteredClipping(0.2)
    x, u, v = np.zeros((1, 3)), np.zeros((6, 3)), np.zeros((1, 3))
    for _ in range(4):
        u = 0.75 * u + 0.25 * problem.gradient(x)
        away = u - v
        v = v + (away * np.minimum(1, 0.2 / np.linalg.norm(away, axis=1, keepdims=True))).mean(axis=0)
        x = x - 0.5 * v
    state = run(robust_sgd(SimulatedCluster(problem), 0.5, rule, momentum=0.75), 4).state
    for mine, theirs in zip((x, u, v, 4), state):
        assert np.allclose(mine, theirs, rtol=1e-12)


def test_liars_lie_and_nobody_else_does(alike):
    cluster = lying(alike, SignFlip(2.0), replicates=None)
    V = np.random.default_rng(0).normal(size=(20, 6))
    received = cluster.gather(V)
    assert (received[:15] == V[:15]).all() and (received[15:] == -2 * V[15:]).all()


@pytest.mark.parametrize(
    "rule", [Bucketing(CenteredClipping(1.0), 2), GeometricMedian(), Krum(5)], ids=["bucketing", "median", "Krum"]
)
def test_stopped_at_any_round_it_goes_on_bit_for_bit(alike, rule):
    def make(start=None):
        return robust_sgd(cluster, 0.1, rule, momentum=0.9, start=start)

    cluster = lying(alike, Gaussian(3.0))
    whole = run(make(), 12)
    for stop in (1, 5, 11):
        half = run(make(), stop)
        cluster = lying(alike, Gaussian(3.0))
        cluster.restore(half.cluster)
        rest = run(make(half.state), 12 - stop)
        assert all(np.array_equal(a, b) for a, b in zip(rest.state, whole.state))


def test_the_mean_follows_a_loud_liar_and_robust_rules_do_not(alike):
    clean = distance(alike, None, Mean())
    assert distance(alike, SignFlip(10.0), Mean()) > 1e3
    for rule in (CoordinateMedian(), TrimmedMean(5), Krum(5), MultiKrum(5), Bulyan(4), GeometricMedian()):
        for attack in (SignFlip(10.0), Gaussian(100.0)):
            assert distance(alike, attack, rule) < 4 * clean, rule


def test_no_rule_wins_everywhere(alike):
    """A small lie that hides near zero hurts Krum more than the mean; a large one hurts the mean alone."""
    small, large = InnerProduct(0.6), InnerProduct(4.0)
    assert distance(alike, small, Krum(5)) > 2 * distance(alike, small, Mean())
    assert distance(alike, large, Mean()) > 10 * distance(alike, large, Krum(5))
    assert distance(alike, None, Krum(5)) > 1.3 * distance(alike, None, Mean()), "and robustness has its price"


def test_momentum_leaves_alie_less_room(alike):
    """Honest workers that differ less let a lie of z standard deviations differ less."""
    for rule in (CoordinateMedian(), Krum(5)):
        assert distance(alike, ALIE(), rule) > 2 * distance(alike, ALIE(), rule, momentum=0.9)


def test_different_data_hurt_robust_rules_without_any_liar():
    """The mean is exact; the median of what workers want is another point."""
    split = Quadratic(np.ones((10, 1, 1)), [[0.0]] * 8 + [[16.0]] * 2)
    for rule, stop in ((Mean(), 3.2), (CoordinateMedian(), 0.0), (Krum(2), 0.0), (GeometricMedian(), 0.0)):
        model = run(robust_sgd(SimulatedCluster(split), 0.1, rule), 300, 300).model
        assert model.item() == pytest.approx(stop, abs=1e-4)


@each(EVERY)
def test_robust_sgd_ends_an_eighth_away_in_one_of_two_worlds(rule):
    """Workers that compute -(b_i - x): the same messages in both worlds, hence the same model, and two optima."""
    rule = Krum(2) if isinstance(rule, Krum) else Bulyan(1) if isinstance(rule, Bulyan) else rule
    V, truths = two_worlds(16.0)
    split = SimulatedCluster(Quadratic(np.ones((10, 1, 1)), V))
    end = run(robust_sgd(split, 0.1, rule), 200, 200).model.item()
    assert max(abs(end - truth) for truth in truths) >= bounds.byzantine_floor(10, 2, 16.0) == 16 / 8


def test_flipped_labels_reach_the_gradients_of_their_workers_alone():
    rng = np.random.default_rng(0)
    features, labels = rng.normal(size=(4, 6, 3)), list(rng.integers(3, size=(4, 6)))
    labels[0][:3] = [0, 1, 2]
    truth, flipped = (
        SoftmaxRegression(features, y, 0.1, weights="equal").gradient(np.ones(9))
        for y in (labels, flip_labels(labels, [3], 3))
    )
    assert (truth[:3] == flipped[:3]).all() and not np.allclose(truth[3], flipped[3])


def test_a_sweep_over_steps_is_as_many_runs(alike):
    cluster = SimulatedCluster(alike, initial_model=np.ones(6), faults=[Byzantine(5, ALIE())])
    together = sweep(lambda eta: run(robust_sgd(cluster, eta, CoordinateMedian(), 0.5), 10), [0.05, 0.2])
    alone = run(robust_sgd(cluster, 0.2, CoordinateMedian(), 0.5), 10)
    assert np.allclose(together[0.2].loss, alone.loss, rtol=1e-12)


@pytest.mark.parametrize(
    "arguments, word",
    [
        ({"aggregator": Krum(10)}, "2f \\+ 2 < m"),
        ({"aggregator": np.mean}, "robust rule"),
        ({"aggregator": Mean(), "momentum": 1.0}, "momentum"),
    ],
)
def test_robust_sgd_refuses_at_the_call(alike, arguments, word):
    with pytest.raises(CourseError, match=word):
        robust_sgd(SimulatedCluster(alike), 0.1, **arguments)


def test_unequal_weights_are_refused():
    problem = Quadratic(np.ones((3, 1, 1)), np.zeros((3, 1)), weights=[1, 2, 3])
    with pytest.raises(CourseError, match="equal"):
        robust_sgd(SimulatedCluster(problem), 0.1, Mean())


# ---- the explorer's numbers -----------------------------------------------------------------------------


def explored(**values):
    """Root mean square error of each rule in the explorer, by name."""
    values = {"attack": "sign flip", "liars": 5, "strength": 1, "spread": 0.3} | values
    V = scene.sent(values["attack"], values["liars"], values["strength"], values["spread"])
    error = np.sqrt(((scene.answers(V, values["liars"], values["spread"]) - scene.TRUTH) ** 2).sum(-1).mean(-1))
    return dict(zip(scene.NAMES, error))


def test_explorer_without_liars_the_mean_has_the_error_that_theory_says():
    error = explored(liars=0, spread=0.5)
    assert error["mean"] == pytest.approx(0.5 * np.sqrt(2 / scene.M), rel=0.15)  # a hundred experiments
    assert error["median"] > 1.3 * error["mean"], "different data lie to one side, and the median follows most of them"


def test_explorer_loud_lies_move_the_mean_alone():
    error = explored(strength=100)
    assert error.pop("mean") > 10 and max(error.values()) < 1


def test_explorer_a_small_lie_hurts_krum_most():
    error = explored(attack="inner product", liars=6, strength=0.2, spread=0.8)
    assert max(error, key=error.get) == "Krum" and error["Krum"] > 2 * error["mean"]


def test_a_shaded_table_says_the_same_in_text_and_in_a_notebook():
    table = shaded({"Krum": [0.5, 12.0]}, ["nobody", "ALIE"], lambda x: x / 10, ".1f")
    assert repr(table).split() == ["nobody", "ALIE", "Krum", "0.5", "12.0"]
    page = table._repr_html_()
    assert "0.03)" in page and "0.60)" in page and "<td" in page, "a tenth bad, and no more than wholly bad"
