"""What fault tolerance costs the simulator: rounds that do not wait for everyone, and checkpoints."""

import os
import tempfile

import numpy as np
import pytest

from course_lib import coding
from course_lib.checkpoints import Checkpoint, Checkpoints
from course_lib.clusters import Crashes, Exponential, Loss, SimulatedCluster
from course_lib.experiment import run
from course_lib.methods import backup_sgd, coded_sgd, elastic_sgd, speculative_sgd, sync_sgd
from course_lib.problems import Quadratic

M, ROUNDS = 16, 300
SHAKY = [Crashes(rate=20.0, repair=0.01), Loss(0.1)]
METHODS = {
    "backup workers": (lambda c: backup_sgd(c, 0.05, 2), []),
    "speculation": (lambda c: speculative_sgd(c, 0.05, 2), []),
    "gradient coding": (lambda c: coded_sgd(c, 0.05, coding.Cyclic(M, 2)), []),
    "elastic, with crashes and loss": (lambda c: elastic_sgd(c, 0.05), SHAKY),
    "sync SGD, with crashes and loss": (lambda c: sync_sgd(c, 0.05), SHAKY),
}


@pytest.mark.parametrize("name", METHODS)
def test_rounds(against, name):
    make, faults = METHODS[name]
    problem = Quadratic.dialled(M, 50)
    plain, other = (SimulatedCluster(problem, compute=Exponential(1e-3), faults=f) for f in ([], faults))
    against(f"{name}: a round, by one of sync SGD", None,
            lambda: run(make(other), ROUNDS, ROUNDS, quiet=True),
            lambda: run(sync_sgd(plain, 0.05), ROUNDS, ROUNDS, quiet=True), repeats=9)  # fmt: skip


def test_a_checkpoint_of_a_million_numbers(against):
    state, machines = (np.random.default_rng(0).standard_normal((1, 10**6)), 7), {"clock": np.zeros(M)}
    with tempfile.TemporaryDirectory() as folder:
        store, plain = Checkpoints(folder), os.path.join(folder, "plain")

        def write():
            with open(plain, "wb") as file:
                file.write(state[0].tobytes())
                file.flush()
                os.fsync(file.fileno())

        against("a checkpoint of a million numbers, by a plain write to disk", None,
                lambda: store.save(Checkpoint(1, state, machines)), write, repeats=9)  # fmt: skip
