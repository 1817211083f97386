"""Data sets and the ways to deal them: every row to exactly one worker."""

import inspect
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from course_lib import data
from course_lib.errors import CourseError

names = pytest.mark.parametrize("name", data.NAMES)
PARTITIONS = {
    "iid": data.partition_iid,
    "dirichlet": lambda labels, m, seed: data.partition_dirichlet(labels, m, alpha=0.3, seed=seed),
    "by_label": lambda labels, m, seed: data.partition_by_label(labels, m, 1, seed=seed),
    "uneven": lambda labels, m, seed: data.partition_uneven(labels, m, ratio=20, seed=seed),
}
partitions = pytest.mark.parametrize("partition", PARTITIONS.values(), ids=PARTITIONS)
seeds = st.integers(0, 2**32 - 1)


@st.composite
def labels_and_workers(draw):
    labels = draw(st.lists(st.integers(0, 4), min_size=1, max_size=60))
    return np.array(labels), draw(st.integers(1, len(labels)))


@partitions
@given(case=labels_and_workers(), seed=seeds)
def test_every_row_goes_to_exactly_one_worker_and_every_worker_has_rows(partition, case, seed):
    labels, m = case
    parts = partition(labels, m, seed=seed)
    assert len(parts) == m and min(map(len, parts)) >= 1
    assert sorted(np.concatenate(parts)) == list(range(len(labels)))


@partitions
def test_the_same_seed_deals_the_same_rows(partition):
    labels = np.random.default_rng(0).integers(3, size=200)
    first, again, other = (partition(labels, 7, seed=seed) for seed in (1, 1, 2))
    assert all(np.array_equal(a, b) for a, b in zip(first, again))
    assert not all(np.array_equal(a, b) for a, b in zip(first, other))


@given(case=labels_and_workers(), seed=seeds)
def test_iid_shares_differ_by_at_most_one_row(case, seed):
    sizes = [len(part) for part in data.partition_iid(*case, seed=seed)]
    assert max(sizes) - min(sizes) <= 1


@given(case=labels_and_workers(), seed=seeds, shards=st.integers(1, 4))
def test_by_label_shards_are_cut_from_sorted_rows(case, seed, shards):
    """C classes in a row, cut into S shards: at most S + C - 1 pairs of a shard and a class that meet."""
    labels, m = case
    shards = min(shards, len(labels) // m)
    parts = data.partition_by_label(labels, m, shards, seed)
    held = sum(len(set(labels[part])) for part in parts)
    assert held <= m * shards + len(set(labels)) - 1
    sizes = [len(part) for part in parts]
    assert max(sizes) - min(sizes) <= shards


def test_by_label_gives_few_classes_of_digits_to_a_worker():
    labels = data.load("digits").labels
    parts = data.partition_by_label(labels, 10, classes_per_worker=2)
    assert all(len(set(labels[part])) <= 4 for part in parts)  # two shards, each at the border of two classes at most


@given(m=st.integers(2, 20), ratio=st.floats(1, 100), seed=seeds)
def test_uneven_shares_grow_geometrically(m, ratio, seed):
    rows = 10_000
    sizes = np.array([len(part) for part in data.partition_uneven(np.zeros(rows), m, ratio, seed)])
    shares = np.geomspace(1, ratio, m)
    assert (abs(sizes - rows * shares / shares.sum()) <= m + 1).all()
    assert (np.diff(sizes) >= 0).all()


@pytest.mark.parametrize("alpha", [1e-6, 0.1, 1.0, 100.0])
def test_dirichlet_shares_have_the_dirichlets_mean_and_variance(alpha):
    """Share of a class at a worker: mean 1/m, variance (1/m)(1 - 1/m) / (m alpha + 1)."""
    m, rows, draws = 4, 1000, 400
    shares = np.array(
        [[len(part) for part in data.partition_dirichlet(np.zeros(rows, int), m, alpha, seed)] for seed in range(draws)]
    ) / rows
    squares = (shares - 1 / m) ** 2
    variance = (m - 1) / m**2 / (m * alpha + 1)
    slack = 2 * m / rows  # rows are whole, and no worker is left empty
    assert (abs(squares.mean(0) - variance) <= 5 * squares.std(0) / np.sqrt(draws) + slack).all()
    assert (abs(shares.mean(0) - 1 / m) <= 5 * shares.std(0) / np.sqrt(draws) + slack).all()


@names
@pytest.mark.parametrize("seed", range(8))
def test_training_columns_are_standardised_and_test_rows_treated_alike(name, seed):
    dataset = data.load(name, seed)
    columns, ones = dataset.features[:, :-1], dataset.features[:, -1]
    assert (ones == 1).all() and (dataset.test_features[:, -1] == 1).all()
    np.testing.assert_allclose(columns.mean(0), 0, atol=1e-12)
    spread = columns.std(0)
    assert (np.isclose(spread, 1) | (spread == 0)).all()
    # In digits a pixel may be blank in all training rows: it must not explode in the rows held out.
    assert abs(dataset.test_features).max() < 100
    assert len(dataset.test_labels) == (len(dataset.labels) + len(dataset.test_labels)) // 5


@names
def test_the_rows_are_scikit_learns_shuffled_by_the_seed(name):
    from sklearn import datasets

    _, labels = getattr(datasets, f"load_{name}")(return_X_y=True)
    dataset = data.load(name)
    together = np.concatenate([dataset.labels, dataset.test_labels])
    if name == "diabetes":
        assert together.mean() == pytest.approx(0, abs=1e-12) and together.std() == pytest.approx(1)
    else:
        assert sorted(together) == sorted(labels)
    assert np.array_equal(dataset.features, data.load(name, 0).features)
    assert not np.array_equal(dataset.features, data.load(name, 1).features)


def test_deal_hands_out_the_rows_of_the_parts():
    dataset = data.load("diabetes")
    parts = data.partition_uneven(dataset.labels, 3)
    features, labels = data.deal(dataset, parts)
    for part, a, y in zip(parts, features, labels):
        assert np.array_equal(a, dataset.features[part]) and np.array_equal(y, dataset.labels[part])


def test_the_dials_of_synthetic_regression():
    m, n, d, condition, noise = 20, 2000, 5, 50.0, 0.3
    features, targets = data.regression(m, n, d, condition, noise, heterogeneity=0.0, seed=3)
    a, y = features.reshape(-1, d), targets.ravel()
    values = np.linalg.eigvalsh(a.T @ a / len(a))  # sampling moves them by some sqrt(d / N) = 1 %
    np.testing.assert_allclose(values, np.geomspace(1 / condition, 1, d), rtol=0.06)
    rest = np.linalg.lstsq(a, y)[1][0]  # noise^2 times a chi-square of N - d, relative spread sqrt(2 / N)
    assert rest / (noise**2 * (len(a) - d)) == pytest.approx(1, abs=5 * np.sqrt(2 / len(a)))


def test_heterogeneity_moves_each_workers_own_model():
    def own_models(heterogeneity):
        features, targets = data.regression(200, 50, 3, noise=0.0, heterogeneity=heterogeneity)
        return np.array([np.linalg.lstsq(a, y)[0] for a, y in zip(features, targets)])

    np.testing.assert_allclose(own_models(0.0), own_models(0.0)[:1].repeat(200, 0), atol=1e-10)
    assert own_models(0.5).std(0) == pytest.approx(0.5, abs=5 * 0.5 / np.sqrt(2 * 200))


def test_synthetic_labels_follow_the_logistic_model():
    features, labels = data.classification(5, 20_000, 2, margin=3.0, seed=1)
    _, scores = data.regression(5, 20_000, 2, noise=0.0, seed=1)
    assert features.shape == (5, 20_000, 2) and set(np.unique(labels)) == {0, 1}
    p = 1 / (1 + np.exp(-3.0 * scores))
    for low in np.arange(0, 1, 0.25):  # among rows of like probability, that share of ones
        bin_ = (low <= p) & (p < low + 0.25)
        error = np.sqrt((p * (1 - p))[bin_].sum()) / bin_.sum()
        assert abs(labels[bin_].mean() - p[bin_].mean()) <= 5 * error


@pytest.mark.parametrize("make", [data.regression, data.classification])
def test_synthetic_data_depend_on_the_seed_alone(make):
    first, again, other = (make(2, 5, 3, seed=seed) for seed in (7, 7, 8))
    assert all(np.array_equal(a, b) for a, b in zip(first, again))
    assert not np.array_equal(first[0], other[0])


def test_partitions_have_the_same_signature():
    for name in PARTITIONS:
        arguments = list(inspect.signature(getattr(data, f"partition_{name}")).parameters)
        assert arguments[:2] == ["labels", "workers"] and arguments[-1] == "seed"


few = np.zeros(5, int)


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda: data.load("mnist"), "no data set 'mnist'; there are digits, breast_cancer, diabetes"),
        (lambda: data.partition_iid(few, 6), "6 workers but 5 rows: some worker would have no data"),
        (lambda: data.partition_dirichlet(few, 6, 1.0), "6 workers but 5 rows"),
        (lambda: data.partition_by_label(few, 6), "6 workers but 5 rows"),
        (lambda: data.partition_uneven(few, 6), "6 workers but 5 rows"),
        (lambda: data.partition_iid(few, 0), "whole number from 1 on, not 0"),
        (lambda: data.partition_iid(few, 2.5), "whole number from 1 on, not 2.5"),
        (lambda: data.partition_iid(few, "two"), "whole number from 1 on, not two"),
        (lambda: data.partition_iid(few, 2, seed=0.5), "seed must be a whole number from 0 on, not 0.5"),
        (lambda: data.load("digits", seed="x"), "seed must be a whole number from 0 on, not x"),
        (lambda: data.partition_dirichlet(few, 2, 0.0), "alpha must be positive, not 0.0"),
        (lambda: data.partition_dirichlet(few, 2, float("nan")), "alpha must be positive, not nan"),
        (lambda: data.partition_by_label(few, 2, 3), "1 to 2 shards here, not 3"),
        (lambda: data.partition_by_label(few, 2, 0), "1 to 2 shards here, not 0"),
        (lambda: data.partition_uneven(few, 2, 0.5), "a number from 1 on, not 0.5"),
        (lambda: data.regression(2, 5, 3, condition=0.5), "condition.* at least 1, not 0.5"),
        (lambda: data.regression(2, 0, 3), "rows.* from 1 on, not 0"),
        (lambda: data.classification(0, 5, 3), "workers.* from 1 on, not 0"),
    ],
)
def test_errors_are_one_line_in_the_words_of_the_domain(call, words):
    with pytest.raises(CourseError, match=words) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_a_data_set_comes_from_scikit_learn_once(tmp_path, monkeypatch):
    """Then from the user's cache folder; from scikit-learn each time where that cannot be written to."""
    file = tmp_path / "file"
    file.touch()
    script = """
import sys
from course_lib import data
print(data.load("digits").features.sum(), "sklearn" in sys.modules)"""
    said = []
    for home in (tmp_path, tmp_path, file):
        monkeypatch.setenv("XDG_CACHE_HOME", str(home))
        said.append(subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout)
    total = data.load("digits").features.sum()
    assert said == [f"{total} True\n", f"{total} False\n", f"{total} True\n"]
