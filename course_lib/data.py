"""Real data sets that ship inside a package, synthetic ones with dials, and ways to deal rows to workers.

Nothing is downloaded. A partition is a list of index arrays, one a worker.
"""

from functools import cache
from importlib.metadata import version
from typing import NamedTuple

import numpy as np

from course_lib.checkpoints import user_cache
from course_lib.errors import CourseError, whole

NAMES = ("digits", "breast_cancer", "diabetes")


class Dataset(NamedTuple):
    """Pooled rows before they are dealt to workers.

    Attributes
    ----------
    features : array, shape (N, d)
        Standardised columns and, last, a column of ones (the intercept).
    labels : array, shape (N,)
        Classes 0, 1, ... or real targets.
    test_features, test_labels : arrays
        One row in five, held out.
    """

    features: np.ndarray
    labels: np.ndarray
    test_features: np.ndarray
    test_labels: np.ndarray


def load(name, seed=0):
    """Load a real data set that scikit-learn ships.

    Parameters
    ----------
    name : {"digits", "breast_cancer", "diabetes"}
        Digits: 1797 images of 8 x 8 pixels, ten classes. Breast cancer: 569 patients, 30 measurements,
        two classes. Diabetes: 442 patients, 10 measurements, a real target (standardised).
    seed : int
        Shuffles the rows before one in five is held out.

    Returns
    -------
    Dataset
    """
    if name not in NAMES:
        raise CourseError(f"no data set {name!r}; there are {', '.join(NAMES)}")
    features, labels = _kept()(name, version("scikit-learn"))
    if name == "diabetes":
        labels = (labels - labels.mean()) / labels.std()
    order = np.random.default_rng(whole(seed, "seed", 0)).permutation(len(labels))
    features, labels = features[order].astype(float), labels[order]
    held_out = len(labels) // 5
    train = features[held_out:]
    spread = train.std(0)
    features = (features - train.mean(0)) / np.where(spread > 0, spread, 1)  # a pixel may be blank in all images
    features = np.column_stack([features, np.ones(len(features))])
    return Dataset(features[held_out:], labels[held_out:], features[:held_out], labels[:held_out])


def _shipped(name, version):
    """Rows and labels, as this version of scikit-learn has them."""
    from sklearn import datasets

    return getattr(datasets, f"load_{name}")(return_X_y=True)


@cache
def _kept():
    """The same, kept on disk: to import scikit-learn takes longer than the first cells of a lecture."""
    from joblib import Memory

    try:
        memory = Memory(user_cache(), verbose=0)
    except OSError:  # that folder cannot be written to
        memory = Memory(None)
    return memory.cache(_shipped)


def regression(workers, rows, d, condition=10.0, noise=0.1, heterogeneity=0.0, seed=0):
    """Draw a synthetic least-squares problem, already dealt to workers.

    Parameters
    ----------
    workers, rows, d : int
        Number of workers m, rows n on each, dimension d.
    condition : float
        Condition number of the features' covariance.
    noise : float
        Standard deviation of the targets' noise.
    heterogeneity : float
        Standard deviation of each worker's own true model around the common one; 0: the same everywhere.
    seed : int

    Returns
    -------
    features : array, shape (m, n, d)
    targets : array, shape (m, n)
    """
    for name, number in {"workers": workers, "rows": rows, "d": d}.items():
        whole(number, name)
    if not condition >= 1:
        raise CourseError(f"the condition number must be at least 1, not {condition}")
    rng = np.random.default_rng(whole(seed, "seed", 0))
    scales = np.geomspace(1, condition**-0.5, d)
    features = rng.standard_normal((workers, rows, d)) * scales
    truth = rng.standard_normal((1, d)) + heterogeneity * rng.standard_normal((workers, d))
    targets = (features @ truth[..., None])[..., 0] + noise * rng.standard_normal((workers, rows))
    return features, targets


def classification(workers, rows, d, condition=10.0, margin=2.0, heterogeneity=0.0, seed=0):
    """Draw a synthetic two-class problem from a logistic model, already dealt to workers.

    Parameters
    ----------
    workers, rows, d, condition, heterogeneity, seed
        As in `regression`.
    margin : float
        Size of the true model: the larger, the cleaner the labels.

    Returns
    -------
    features : array, shape (m, n, d)
    labels : array of {0, 1}, shape (m, n)
    """
    features, scores = regression(workers, rows, d, condition, 0.0, heterogeneity, seed)
    rng = np.random.default_rng([seed, 1])
    labels = rng.random(scores.shape) < 1 / (1 + np.exp(-margin * scores))
    return features, labels.astype(int)


def partition_iid(labels, workers, seed=0):
    """Deal shuffled rows in shares that differ by at most one row.

    Parameters
    ----------
    labels : array, shape (N,)
        Only its length matters here.
    workers : int
        Number of workers m, at most N.
    seed : int

    Returns
    -------
    list of m arrays of int
        Row numbers of each worker; together every row once.
    """
    rows = _rows(labels, workers)
    return np.array_split(np.random.default_rng(whole(seed, "seed", 0)).permutation(rows), workers)


def partition_dirichlet(labels, workers, alpha, seed=0):
    """Deal each class by shares from a Dirichlet distribution (Hsu, Qi and Brown, 2019; Yurochkin et al., 2019).

    Parameters
    ----------
    labels : array of int, shape (N,)
    workers : int
    alpha : float
        Concentration: 100 is almost i.i.d., 0.1 gives each worker few classes.
    seed : int

    Returns
    -------
    list of m arrays of int
        Sizes differ; no worker is left empty.
    """
    rows, rng = _rows(labels, workers), np.random.default_rng(whole(seed, "seed", 0))
    if not alpha > 0:
        raise CourseError(f"the Dirichlet concentration alpha must be positive, not {alpha}")
    parts = [[] for _ in range(workers)]
    for name in np.unique(labels):
        mine = rng.permutation(np.flatnonzero(np.asarray(labels) == name))
        cuts = np.cumsum(rng.dirichlet(np.full(workers, alpha)))[:-1] * len(mine)
        for part, share in zip(parts, np.split(mine, cuts.astype(int))):
            part.extend(share)
    while min(map(len, parts)) == 0:  # the richest gives one row to whoever has none
        min(parts, key=len).append(max(parts, key=len).pop())
    assert sum(map(len, parts)) == rows
    return [np.array(part) for part in parts]


def partition_by_label(labels, workers, classes_per_worker=2, seed=0):
    """Sort rows by class, cut them into equal shards and deal each worker a few (McMahan et al., 2017).

    Parameters
    ----------
    labels : array of int, shape (N,)
    workers : int
    classes_per_worker : int
        Shards a worker gets, hence about as many classes.
    seed : int

    Returns
    -------
    list of m arrays of int
    """
    rows = _rows(labels, workers)
    if not 1 <= classes_per_worker <= rows // workers:
        raise CourseError(f"a worker can hold 1 to {rows // workers} shards here, not {classes_per_worker}")
    by_class = np.argsort(labels, kind="stable")
    shards = np.array_split(by_class, workers * classes_per_worker)
    deal = np.random.default_rng(whole(seed, "seed", 0)).permutation(len(shards)).reshape(workers, classes_per_worker)
    return [np.concatenate([shards[k] for k in hand]) for hand in deal]


def partition_uneven(labels, workers, ratio=10.0, seed=0):
    """Deal shuffled rows in shares that grow geometrically.

    Parameters
    ----------
    labels : array, shape (N,)
    workers : int
    ratio : float
        Size of the largest share over that of the smallest, up to rounding, whose rest goes to the largest.
    seed : int

    Returns
    -------
    list of m arrays of int
        Every worker gets at least one row.
    """
    rows = _rows(labels, workers)
    if not 1 <= ratio < np.inf:
        raise CourseError(f"the ratio of the largest share to the smallest must be a number from 1 on, not {ratio}")
    shares = np.geomspace(1, ratio, workers)
    sizes = 1 + np.floor((rows - workers) * shares / shares.sum()).astype(int)
    order = np.random.default_rng(whole(seed, "seed", 0)).permutation(rows)
    return np.split(order, np.cumsum(sizes)[:-1])


def deal(dataset, parts):
    """Hand each worker its rows.

    Parameters
    ----------
    dataset : Dataset
    parts : list of m arrays of int
        From one of the ``partition_*`` functions.

    Returns
    -------
    features : list of m arrays, shape (n_i, d)
    labels : list of m arrays, shape (n_i,)
    """
    return [dataset.features[part] for part in parts], [dataset.labels[part] for part in parts]


def _rows(labels, workers):
    if whole(workers, "the number of workers") > len(labels):
        raise CourseError(f"{workers} workers but {len(labels)} rows: some worker would have no data")
    return len(labels)
