"""Compressors: the bytes are real, and each is what it says it is (theory 4.1)."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from course_lib import bounds, compressors
from course_lib.compressors import (
    QSGD,
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
    bits,
)
from course_lib.errors import CourseError

DRAWS = 20_000


def every(d):
    """Compressors of every kind for vectors of d >= 1 numbers."""
    half = (d + 1) // 2
    sparse = [TopK(1), TopK(half), TopK(d), RandomK(1), RandomK(half), RandomSparsifier(0.3), RandomSparsifier(1.0)]
    coarse = [Float32(), Uniform(0.5), Stochastic(0.5), QSGD(1), QSGD(7), QSGD(10**6), TernGrad(), Natural()]
    return [*sparse, *coarse, OneBit(), OneBit(d), ScaledSign(), PowerSGD(1), PowerSGD(1, columns=3)]


def stream(seed=0):
    return np.random.default_rng(seed)


def sample(c, x, draws=DRAWS):
    """So many independent C(x), shape (draws, d)."""
    return c(np.tile(x, (draws, 1)), stream(1))


def relative_error(c, x):
    return float(c.error(x) / (x @ x))


unbiased = pytest.mark.parametrize(
    "c",
    [RandomK(3), RandomSparsifier(0.2), Stochastic(0.7), QSGD(1), QSGD(4), TernGrad(), Natural()],
    ids=repr,
)
contractive = pytest.mark.parametrize(
    "c",
    [TopK(1), TopK(5), ScaledSign(), OneBit(), OneBit(4), PowerSGD(1), PowerSGD(2), Float32(), Natural(), QSGD(16)],
    ids=repr,
)
VECTORS = {
    "normal": stream(3).standard_normal(20),
    "one coordinate": np.eye(20)[4] * -3,
    "constant": np.full(20, 0.3),
    "two sizes": np.where(np.arange(20) % 3, 1e-3, -1.0),
    "some zeros": np.where(np.arange(20) % 2, 0.0, np.arange(20) - 9.5),
    "fast decay": 0.75 ** np.arange(20),
}
vectors = pytest.mark.parametrize("x", VECTORS.values(), ids=VECTORS.keys())


# ---- bytes -------------------------------------------------------------------------------------------


def same(a, b):
    return a.dtype == b.dtype and np.array_equal(a, b)


def check_message(c, x):
    """The message says what the call returns, and is as long as `size` and `send` say."""
    message = c.encode(x, stream())
    assert same(c.decode(message), c(x, stream()))
    received, size = c.send(x, stream())
    assert same(received, c(x, stream()))
    assert len(message) == size == c.size(x, stream())


moderate = st.floats(-1e6, 1e6) | st.sampled_from([0.0, -0.0, 1.0, -1.0, 0.5])
wild = st.floats(-1e290, 1e290) | st.sampled_from([0.0, 5e-324, -5e-324, 2.3e-308, 1e290, -1e290])


@given(x=arrays(st.sampled_from([np.float64, np.float32]), st.integers(1, 70), elements=st.floats(-1e6, 1e6, width=32)))
def test_messages_of_any_shape(x):
    for c in every(len(x)):
        check_message(c, x)


@given(x=arrays(float, st.integers(1, 40), elements=wild), exponent=st.integers(-40, 40))
def test_messages_of_huge_and_denormal_numbers(x, exponent):
    peak = np.abs(x).max()
    for c in every(len(x)):
        if isinstance(c, Uniform):
            c = type(c)(max(peak * 2.0**exponent, 1e-300))
        if peak <= c.reach:
            check_message(c, x)


@given(x=arrays(np.float32, st.integers(1, 40), elements=st.floats(-(2.0**99), 2.0**99, width=32) | st.just(2.0**-149)))
def test_messages_of_huge_and_denormal_numbers_in_single_precision(x):
    for c in every(len(x)):
        if np.abs(x).max() <= c.reach:
            check_message(c, x)


@given(rows=st.integers(1, 5), d=st.integers(1, 30), seed=st.integers(0, 99))
def test_rows_are_sent_one_by_one(rows, d, seed):
    X = stream(seed).standard_normal((2, rows, d)) * stream(seed).integers(2, size=d)
    for c in every(d):
        received, sizes = c.send(X, stream())
        assert received.shape == X.shape and sizes.shape == X.shape[:-1]
        if not c.random:
            assert same(received[1, -1], c(X[1, -1])) and sizes[1, -1] == len(c.encode(X[1, -1]))


@pytest.mark.parametrize("d", [0, 1, 7, 64])
@pytest.mark.parametrize("value", [0.0, 1.0, -2.5, 5e-324, -1e-310, 1e290])
def test_empty_zero_and_constant_vectors(d, value):
    for c in every(d) if d else [c for c in every(1) if not isinstance(c, TopK | RandomK | PowerSGD)]:
        if value <= c.reach:
            check_message(c, np.full(d, value))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_no_number_is_refused(bad):
    x = np.array([1.0, bad, 2.0])
    for c in every(3):
        for call in (c, c.encode, c.size):
            with pytest.raises(CourseError, match="NaN or infinity"):
                call(x, stream())


def test_what_does_not_fit_is_refused():
    x = np.arange(4.0)
    refused = {
        "keeps 5 coordinates, but the vectors have only 4": lambda: TopK(5)(x),
        "keeps 6 coordinates": lambda: RandomK(6)(x, stream()),
        "a whole number from 1 on": lambda: TopK(0)(x),
        "p is a probability": lambda: RandomSparsifier(0)(x, stream()),
        "a positive number": lambda: Uniform(-1.0),
        "from 1 to 2": lambda: QSGD(0)(x, stream()),
        "do not make 3 columns": lambda: OneBit(3)(x),
        "no rank above 2": lambda: PowerSGD(3)(x, stream()),
        "give it a numpy Generator": lambda: RandomK(2)(x),
        "one vector": lambda: TopK(1).encode(np.ones((2, 2))),
        "not a single number": lambda: TopK(1)(1.0),
        r"TopK\(k=1\) cannot send numbers beyond 1e\+290": lambda: TopK(1)(x * 1e300),
        r"Uniform\(delta=0.001\) cannot send numbers beyond 1.41e\+11": lambda: Uniform(0.001)(x * 1e12),
        r"Float32\(\) cannot send numbers beyond 3.4": lambda: Float32()(x * 1e40),
    }
    for message, call in refused.items():
        with pytest.raises(CourseError, match=message):
            call()


@given(numbers=st.lists(st.integers(1, 2**48) | st.integers(1, 9), max_size=40))
def test_elias_code(numbers):
    code = bits.elias(numbers)
    read, used = bits.read_elias(code, len(numbers))
    assert read.tolist() == numbers and used == len(code) == bits.elias_length(np.array(numbers, float))


def test_elias_code_of_small_numbers_as_in_the_paper():
    words = {1: "0", 2: "100", 3: "110", 4: "101000", 7: "101110", 8: "1110000", 16: "10100100000"}
    for number, word in words.items():
        assert "".join(map(str, bits.elias([number]))) == word


def test_sizes_to_the_byte():
    d, x = 1000, stream().standard_normal(1000)
    sizes = {
        Float32(): 5 + 4 * d,
        TopK(10): 5 + 4 + 13 + 80,  # ten places of ten bits, ten doubles
        RandomK(500): 5 + 4 + 125 + 4000,  # the places as a map of a bit each: shorter
        ScaledSign(): 5 + 8 + 125,
        OneBit(10): 5 + 4 + 160 + 125,
        TernGrad(): 5 + 8 + 200,
        Natural(): 5 + 1500,
        PowerSGD(2): 5 + 8 + 8 * 2 * (32 + 32),
    }
    for c, size in sizes.items():
        assert c.size(x, stream()) == size
    assert TopK(10).size(x.astype(np.float32)) == 5 + 4 + 13 + 40


@pytest.mark.parametrize("d", [256, 4096, 65536])
def test_qsgd_takes_about_three_bits_a_coordinate(d):
    c = QSGD(int(d**0.5))
    size = c.size(stream().standard_normal((8, d)), stream(1)).mean()
    assert 2.85 <= 8 * (size - 13) / d <= 3.1


def test_a_message_needs_no_other_knowledge():
    x = stream().standard_normal(30)
    for one, other in [(TopK(3), TopK(7)), (QSGD(3), QSGD(5)), (Uniform(0.1), Uniform(9.0)), (OneBit(3), OneBit())]:
        assert same(other.decode(one.encode(x, stream())), one(x, stream()))


# ---- unbiased ----------------------------------------------------------------------------------------


@unbiased
@vectors
def test_unbiased_with_the_exact_variance(c, x):
    C = sample(c, x)
    apart = np.abs(C.mean(0) - x)
    assert np.all(apart <= 4 * C.std(0) / DRAWS**0.5 + 1e-10)  # the sum of the draws is rounded, too
    errors = ((C - x) ** 2).sum(1)
    assert abs(errors.mean() - c.error(x)) <= 4 * errors.std() / DRAWS**0.5 + 1e-12 * (x @ x)
    if c.omega(20) is not None:
        assert c.error(x) <= c.omega(20) * (x @ x) * (1 + 1e-12)


@given(x=arrays(float, 20, elements=moderate).filter(lambda x: x @ x > 1e-200))
def test_omega_holds_for_every_vector(x):
    for c in (RandomK(3), RandomSparsifier(0.2), QSGD(1), QSGD(4), QSGD(100), TernGrad(), Natural()):
        assert relative_error(c, x) <= c.omega(20) * (1 + 1e-9)


def test_omega_cannot_be_smaller():
    d, root = 25, 5
    spike = np.append(root + 1, np.ones(d - 1))  # max|x| ||x||_1 / ||x||^2 is largest
    worst = {
        RandomK(5): np.ones(d),
        RandomSparsifier(0.1): np.eye(d)[0],
        TernGrad(): spike,
        Natural(): np.full(d, 4 / 3),
    }
    for c, x in worst.items():
        assert relative_error(c, x) == pytest.approx(c.omega(d), rel=1e-12)
    for s in (1, 2, 5):  # every coordinate half way between two levels
        halves = np.ones(4 * s**2)
        assert relative_error(QSGD(s), halves) == pytest.approx(QSGD(s).omega(4 * s**2), rel=1e-12)


@pytest.mark.parametrize("levels", [1, 2, 4, 16])
def test_qsgd_within_lemma_3_1(levels):
    d, c = 256, QSGD(levels)
    worst = max(relative_error(c, x) for x in stream().standard_normal((50, d)))
    assert worst <= c.omega(d) <= bounds.qsgd_variance(d, levels)
    nonzeros = np.count_nonzero(c(stream(1).standard_normal((200, d)), stream(2)), axis=1).mean()
    assert nonzeros <= levels * (levels + d**0.5)


def test_qsgd_of_a_constant_vector_at_one_level():
    assert relative_error(QSGD(1), np.ones(256)) == pytest.approx(256**0.5 - 1, rel=1e-12)


@given(d=st.integers(1, 1000), data=st.data())
def test_fewer_words_more_variance(d, data):
    k = data.draw(st.integers(1, d))
    assert k * (1 + RandomK(k).omega(d)) == pytest.approx(d, rel=1e-12)


def test_random_k_keeps_exactly_k_and_every_place_alike():
    C = sample(RandomK(3), np.ones(10))
    assert np.all((C > 0).sum(1) == 3)
    assert np.allclose((C > 0).mean(0), 0.3, atol=4 * (0.21 / DRAWS) ** 0.5)


# ---- contractive -------------------------------------------------------------------------------------


@contractive
@vectors
def test_contractive(c, x):
    errors = ((sample(c, x, 2000) - x) ** 2).sum(1)
    slack = 4 * errors.std() / 2000**0.5 + 1e-12 * (x @ x)
    assert errors.mean() <= (1 - c.delta(20)) * (x @ x) + slack


@given(x=arrays(float, 20, elements=moderate))
def test_delta_holds_for_every_vector(x):
    for c in (TopK(1), TopK(5), TopK(20), ScaledSign(), OneBit(), OneBit(4)):
        assert c.error(x) <= (1 - c.delta(20)) * (x @ x) * (1 + 1e-9)


@given(x=arrays(float, 20, elements=moderate), k=st.integers(1, 20))
def test_top_k_loses_the_smallest_squares(x, k):
    C = TopK(k)(x)
    assert np.count_nonzero(C) <= k and set(C[C != 0]) <= set(x)
    assert np.isclose(TopK(k).error(x), np.sort(x**2)[: 20 - k].sum(), rtol=1e-12)


@given(x=arrays(float, 12, elements=st.integers(-3, 3).map(float)), k=st.integers(1, 12))
def test_top_k_is_tight_only_for_equal_magnitudes(x, k):
    bound = (1 - k / 12) * (x @ x)
    equal = len(set(np.abs(x))) == 1
    assert np.isclose(TopK(k).error(x), bound) == (equal or k == 12)


def test_top_k_takes_the_first_of_equals():
    x = np.array([1.0, -2.0, 2.0, 2.0, -1.0, 2.0])
    assert TopK(2)(x).tolist() == [0, -2, 2, 0, 0, 0]
    assert TopK(5)(x).tolist() == [1, -2, 2, 2, 0, 2]


LONG = {
    "normal": stream(4).standard_normal(40_000),
    "sorted": np.sort(stream(4).standard_normal(40_000)),
    "negative": -np.abs(stream(4).standard_normal(40_000)),
    "many equal": stream(4).integers(-3, 4, 40_000) * 1.0,
    "nearly all zero": np.where(stream(4).random(40_000) < 1e-3, 1.0, 0.0),
    "small where sampled": np.where(np.arange(40_000) % 16, 9.0, 1.0),
    "large where sampled, and nowhere else": np.where(np.arange(40_000) % 16, 1.0, 9 + stream(4).random(40_000)),
}


@pytest.mark.parametrize("x", LONG.values(), ids=LONG.keys())
@pytest.mark.parametrize("k", [1, 30, 1400])
def test_top_k_of_a_long_vector_is_found_from_a_sample(x, k):
    expected = np.zeros_like(x)
    first = np.argsort(-np.abs(x), kind="stable")[:k]
    expected[first] = x[first]
    assert np.array_equal(TopK(k)(x), expected)


@vectors
def test_scaled_sign_loses_what_the_formula_says(x):
    kept = np.abs(x).sum() ** 2 / 20
    assert np.isclose(ScaledSign().error(x), x @ x - kept, rtol=1e-12, atol=1e-15)
    assert 1 / 20 - 1e-12 <= kept / (x @ x) <= 1 + 1e-12


@vectors
def test_one_bit_is_the_best_two_numbers_a_column(x):
    matrix, C = x.reshape(5, 4), OneBit(4)(x).reshape(5, 4)
    for column, sent in zip(matrix.T, C.T):
        for side in (column >= 0, column < 0):
            assert np.allclose(sent[side], column[side].mean() if side.any() else 0, rtol=1e-12)
    assert OneBit(4).error(x) <= ScaledSign().error(x) + 1e-12


def test_worst_cases_of_one_bit():
    x = np.eye(20)[0]
    for c in (ScaledSign(), OneBit()):
        assert relative_error(c, x) == pytest.approx(1 - c.delta(20), rel=1e-12)


def test_power_sgd_is_exact_up_to_its_rank_and_a_projection_beyond():
    M = stream().standard_normal((6, 2)) @ stream(1).standard_normal((2, 5))
    assert np.allclose(PowerSGD(2, columns=5)(M.ravel(), stream(2)).reshape(6, 5), M, atol=1e-12)
    full = stream(3).standard_normal((6, 5))
    C = PowerSGD(2, columns=5)(full.ravel(), stream(4)).reshape(6, 5)
    assert np.linalg.matrix_rank(C) == 2
    assert np.isclose((C * (full - C)).sum(), 0, atol=1e-12)  # what is lost is orthogonal to what is sent


def test_power_sgd_at_its_worst_keeps_rank_over_size():
    for rows, columns in ((5, 5), (3, 5), (5, 3)):
        x, smaller = np.eye(rows, columns).ravel(), min(rows, columns)  # all singular values equal
        c = PowerSGD(2, columns)
        errors = ((sample(c, x, 100) - x) ** 2).sum(1)
        assert c.delta(rows * columns) == 2 / smaller
        assert np.allclose(errors, smaller * (1 - c.delta(rows * columns)), rtol=1e-9)


def test_an_unbiased_compressor_shrunk_is_contractive():
    x, d = VECTORS["normal"], 20
    for c in (RandomK(3), QSGD(1), TernGrad()):
        omega = c.omega(d)
        errors = ((sample(c, x) / (1 + omega) - x) ** 2).sum(1)
        assert errors.mean() <= (1 - 1 / (1 + omega)) * (x @ x) + 4 * errors.std() / DRAWS**0.5


def test_float32_costs_the_last_digits():
    x = stream().standard_normal(1000)
    assert np.array_equal(Float32()(x), x.astype(np.float32))
    assert Float32().error(x) <= 2.0**-48 * (x @ x)


# ---- neither: the lesson's quantisers ----------------------------------------------------------------


def test_the_uniform_quantiser_shrinks_and_kills():
    x = stream().standard_normal(256)
    C = Uniform(0.5)(x)
    assert np.all(np.abs(C) <= np.abs(x)) and np.all(np.abs(x) - np.abs(C) < 0.5)
    assert np.all(C == np.sign(x) * np.floor(np.abs(x) / 0.5) * 0.5)
    assert np.abs(C - x).mean() > 0.2
    assert not Uniform(0.5)(0.49 * np.sign(x)).any()
    assert Uniform(0.5).omega(256) is None and Uniform(0.5).delta(256) is None


def test_the_random_quantiser_has_no_omega():
    x, c = stream().standard_normal(256), Stochastic(0.5)
    relative = [relative_error(c, scale * x) for scale in (1, 0.1, 0.01, 0.001)]
    assert relative == sorted(relative) and relative[-1] > 300 and c.omega(256) is None
    assert c.error(x) <= 256 * 0.5**2 / 4


def test_the_random_quantiser_has_the_law_of_the_lessons_formula():
    x = np.array([-1.3, -0.2, 0.0, 0.4, 1.0, 2.6])
    lesson = np.sign(x) * 0.7 * np.floor(np.abs(x) / 0.7 + stream(5).random((DRAWS, 6)))
    ours = sample(Stochastic(0.7), x)
    for a, b in zip(lesson.T, ours.T):
        levels = np.union1d(a, b).round(9)
        assert len(np.unique(levels)) <= 2
        assert abs(np.mean(a) - np.mean(b)) <= 4 * 0.7 * (0.5 / DRAWS) ** 0.5


def test_one_draw_for_all_coordinates_has_the_same_variance():
    x, unit = stream().standard_normal(256), 0.5
    shared = np.sign(x) * unit * np.floor(np.abs(x) / unit + stream(6).random((DRAWS, 1)))
    errors = ((shared - x) ** 2).sum(1)
    assert abs(errors.mean() - Stochastic(unit).error(x)) <= 4 * errors.std() / DRAWS**0.5


# ---- all ---------------------------------------------------------------------------------------------


def test_every_compressor_is_listed_and_says_what_it_is():
    listed = {type(c).__name__ for c in every(6)}
    assert listed == set(compressors.COMPRESSORS)
    neither = {type(c).__name__ for c in every(6) if c.omega(6) is None and c.delta(6) is None}
    assert neither == {"Uniform", "Stochastic"}


def test_the_same_draws_give_the_same_message():
    x = stream().standard_normal(50)
    for c in every(50):
        assert c.encode(x, stream(7)) == c.encode(x, stream(7))
        if c.random and repr(c) not in ("RandomSparsifier(p=1.0)", "PowerSGD(rank=1, columns=None)"):
            assert c.encode(x, stream(7)) != c.encode(x, stream(8))
