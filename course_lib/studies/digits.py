"""What the studies share: real data dealt to workers, and two stopwatches."""

from functools import cache, lru_cache

import numpy as np

from course_lib import data, problems

L2 = 1e-3


@lru_cache(maxsize=4)
def digits(workers, alpha=None, weights="pooled"):
    """Softmax regression on 1438 images of digits, at random on all workers, or by shares of the classes.

    Parameters
    ----------
    workers : int
    alpha : float, optional
        Dirichlet concentration: the smaller, the less alike are the workers' data. All alike if left out.
    weights : {"pooled", "equal"}
        Whether every row counts the same, or every worker.

    Returns
    -------
    SoftmaxRegression
    """
    rows = data.load("digits")
    parts = data.partition_iid(rows.labels, workers)
    if alpha is not None:
        parts = data.partition_dirichlet(rows.labels, workers, alpha)
    test = rows.test_features, rows.test_labels
    return problems.SoftmaxRegression(*data.deal(rows, parts), l2=L2, weights=weights, test=test)


@cache
def best_loss():
    """Smallest training loss: however the rows are dealt, all count the same."""
    problem = digits(1)
    return float(problem.loss(problem.optimum()))


def steps_to(method, problem, target, most, every=1):
    """Steps until the loss of the mean model is low enough in one of the experiments of a sweep, or infinity.

    Parameters
    ----------
    method : generator
    problem : Problem
    target : float
    most : int
        Where to give up.
    every : int
        Steps between two looks at the loss.

    Returns
    -------
    float
    """
    with np.errstate(over="ignore", invalid="ignore"):
        for t, (X, *_) in zip(range(most + 1), method):
            if t % every:
                continue
            x = X if X.shape[-2] == 1 else problem.weights[None] @ X
            if np.min(np.nan_to_num(problem.loss(x), nan=np.inf)) <= target:
                return float(t)
    return np.inf


def pace(method, cluster, *arguments, steps=1, warm=1):
    """Seconds of one step of a method on a cluster: the mean over so many steps after the first ones."""
    runs = method(cluster, *arguments)
    for _ in range(warm + 1):
        next(runs)
    begin = cluster.seconds
    for _ in range(steps):
        next(runs)
    return (cluster.seconds - begin) / steps
