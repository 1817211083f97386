"""A run that was killed goes on bit for bit, and a torn checkpoint fools nobody."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from course_lib import aggregators, attacks, coding, compressors, problems, topology
from course_lib import checkpoints as module
from course_lib import methods as M
from course_lib.checkpoints import Checkpoint, Checkpoints, read
from course_lib.clusters import Byzantine, Crashes, Exponential, Loss, SimulatedCluster
from course_lib.errors import CourseError
from course_lib.experiment import run

W = topology.metropolis(topology.ring(4))
SHAKY = [Crashes(rate=100.0, repair=0.01), Loss(0.1)]
METHODS = {
    "sync": lambda c, start: M.sync_sgd(c, 0.05, start=start),
    "shrinking steps": lambda c, start: M.sync_sgd(c, M.inverse_time(1, 10), start=start),
    "error feedback, top-k": lambda c, start: M.error_feedback_sgd(c, 0.05, compressors.TopK(1), start=start),
    "error feedback, random": lambda c, start: M.error_feedback_sgd(c, 0.05, compressors.RandomK(1), start=start),
    "ef21": lambda c, start: M.ef21(c, 0.05, compressors.TopK(1), start=start),
    "diana": lambda c, start: M.diana(c, 0.05, compressors.RandomK(2), start=start),
    "power": lambda c, start: M.power_sgd(c, 0.05, rank=1, start=start),
    "scaffold": lambda c, start: M.scaffold(c, 0.05, 3, sample=2, start=start),
    "server momentum": lambda c, start: M.fedavgm(c, 0.05, 3, start=start),
    "server Adam": lambda c, start: M.fedadam(c, 0.05, 3, start=start),
    "worker momentum": lambda c, start: M.robust_sgd(c, 0.05, aggregators.CoordinateMedian(), 0.9, start=start),
    "async": lambda c, start: M.async_sgd(c, 0.02, start=start),
    "downpour": lambda c, start: M.downpour_sgd(c, 0.02, 2, 3, adagrad=True, start=start),
    "gradient tracking": lambda c, start: M.gradient_tracking(c, 0.05, W, start=start),
    "choco": lambda c, start: M.choco_sgd(c, 0.05, W, compressors.QSGD(4), 0.2, start=start),
    "backup": lambda c, start: M.backup_sgd(c, 0.05, 1, start=start),
    "elastic": lambda c, start: M.elastic_sgd(c, 0.05, start=start),
    "speculation": lambda c, start: M.speculative_sgd(c, 0.05, 2, start=start),
    "coded": lambda c, start: M.coded_sgd(c, 0.05, coding.Cyclic(4, 1), start=start),
}


def machines(faults=SHAKY, **options):
    """Four workers with mini-batches, memoryless times, crashes and lost messages: every random stream is in use."""
    problem = problems.Quadratic.dialled(4, 3, hessian_spread=0.5, noise=0.3)
    return SimulatedCluster(problem, seed=3, batch_size=2, compute=Exponential(1e-3), faults=faults, **options)


def same(a, b):
    """Bit for bit, through all containers."""
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    return a == b


@pytest.mark.parametrize("name", METHODS)
@given(rounds=st.integers(2, 25), data=st.data())
@settings(max_examples=6)
def test_killed_at_any_step_and_resumed_is_the_run_never_killed(tmp_path_factory, name, rounds, data):
    killed = data.draw(st.integers(0, rounds - 1), label="killed after")
    every = data.draw(st.integers(1, 4), label="checkpoint every")
    folder = tmp_path_factory.mktemp("run")
    whole = run(METHODS[name](machines(), None), rounds)

    run(METHODS[name](machines(), None), killed, checkpoints=Checkpoints(folder, every))
    later, store = machines(), Checkpoints(folder, every)  # another process: nothing is left but the folder
    resumed = METHODS[name](later, store.resume(later))
    assert later.rounds == killed - killed % every
    rest = run(resumed, rounds - later.rounds, checkpoints=store)

    assert same(rest.state, whole.state)
    assert same(rest.cluster, whole.cluster)
    for record in ("rounds", "bytes", "seconds", "loss", "gradient_norm", "consensus"):
        assert same(getattr(rest, record), getattr(whole, record)[rest.rounds[0] :])


FORGOTTEN = {
    "error feedback, random": ("memory", lambda s: (s[0], 0 * s[1], s[2])),
    "server momentum": ("momentum", lambda s: (s[0], 0 * s[1], *s[2:])),
    "scaffold": ("control variates", lambda s: (s[0], 0 * s[1], 0 * s[2], s[3])),
    "shrinking steps": ("step counter", lambda s: (s[0], 0)),
}


@pytest.mark.parametrize("name", FORGOTTEN, ids=lambda name: FORGOTTEN[name][0])
def test_each_part_of_the_state_is_needed(name):
    """Theory 9.3: what is forgotten makes another run."""
    whole = run(METHODS[name](machines(), None), 30)
    half, later = run(METHODS[name](machines(), None), 15), machines()
    later.restore(half.cluster)
    rest = run(METHODS[name](later, FORGOTTEN[name][1](half.state)), 15)
    assert np.abs(rest.model - whole.model).max() > 1e-4


def test_so_are_the_random_streams():
    whole = run(METHODS["sync"](machines(), None), 30)
    half = run(METHODS["sync"](machines(), None), 15)
    rest = run(METHODS["sync"](machines(), half.state), 15)
    assert np.abs(rest.model - whole.model).max() > 1e-4


def test_liars_lie_on():
    noise = [Byzantine(1, attacks.Gaussian(3.0))]
    whole = run(METHODS["worker momentum"](machines(noise), None), 12)
    half, later = run(METHODS["worker momentum"](machines(noise), None), 5), machines(noise)
    later.restore(half.cluster)
    assert same(run(METHODS["worker momentum"](later, half.state), 7).state, whole.state)


# ---- on disk --------------------------------------------------------------------------------------------


def saved(folder):
    """Two small checkpoints, of rounds 2 and 3."""
    store = Checkpoints(folder)
    for k in (1, 2, 3):
        store.save(Checkpoint(k, (np.arange(2.0) + k, k), {"rounds": k}))
    return store, sorted(folder.iterdir())


def test_a_checkpoint_torn_at_any_byte_is_refused_and_the_one_before_is_used(tmp_path):
    store, (_, newest) = saved(tmp_path)
    whole = newest.read_bytes()
    for length in range(len(whole)):
        newest.write_bytes(whole[:length])
        found = store.latest()
        assert found.rounds == 2 and found.state[0].tolist() == [2, 3]
        assert store.refused == [f"{newest.name}: torn or changed: the checksum does not fit what is there"]


def test_a_changed_byte_anywhere_is_refused(tmp_path):
    store, (_, newest) = saved(tmp_path)
    whole = newest.read_bytes()
    for place in range(len(whole)):
        with pytest.raises(CourseError, match="torn or changed"):
            module.from_bytes(whole[:place] + bytes([whole[place] ^ 16]) + whole[place + 1 :])
    newest.write_bytes(whole + b"\0")
    assert store.latest().rounds == 2


def test_so_is_that_of_a_real_run(tmp_path):
    store = Checkpoints(tmp_path)
    run(METHODS["error feedback, top-k"](machines(), None), 3, checkpoints=store)
    newest = sorted(tmp_path.iterdir())[1]
    whole = newest.read_bytes()
    for length in np.linspace(0, len(whole) - 1, 40).astype(int):
        newest.write_bytes(whole[:length])
        assert store.latest().rounds == 2


def test_a_fresh_run_does_not_mix_with_an_older_one(tmp_path):
    """Files are told apart by their round: its own would be taken for the older ones, and deleted."""
    run(METHODS["sync"](machines(), None), 30, checkpoints=Checkpoints(tmp_path, every=10))
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(CourseError, match=r"holds round-000000030\.checkpoint of another run: go on with that one"):
        run(METHODS["sync"](machines(), None), 10, checkpoints=Checkpoints(tmp_path, every=10))
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_what_is_torn_makes_room(tmp_path):
    """Torn at round 30, gone on from 20: the next two to be saved are the two that are kept."""
    run(METHODS["sync"](machines(), None), 30, checkpoints=Checkpoints(tmp_path, every=10))
    (tmp_path / "round-000000030.checkpoint").write_bytes(b"torn")
    store, cluster = Checkpoints(tmp_path, every=4), machines()
    run(METHODS["sync"](cluster, store.resume(cluster)), 8, checkpoints=store)
    assert [read(path).rounds for path in sorted(tmp_path.iterdir())] == [24, 28]
    assert store.refused


def test_all_torn_is_a_fresh_start(tmp_path):
    store, files = saved(tmp_path)
    for file in files:
        file.write_bytes(file.read_bytes()[:100])
    cluster = machines()
    run(METHODS["sync"](cluster, None), 2)
    assert store.resume(cluster) is None
    assert cluster.rounds == 0 and cluster.seconds == 0 and len(store.refused) == 2


def test_a_machine_that_stops_while_it_writes_leaves_the_older_ones(tmp_path, monkeypatch):
    store, files = saved(tmp_path)
    contents = [file.read_bytes() for file in files]

    def stops(*_):
        raise KeyboardInterrupt

    for call in ("fsync", "replace"):
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(os, call, stops)
            store.save(Checkpoint(4, (), {}))
        assert store.latest().rounds == 3
        assert [file.read_bytes() for file in files] == contents
    store.save(Checkpoint(4, (1.5,), {}))
    assert store.latest().state == (1.5,)


def test_as_many_are_kept_as_was_said(tmp_path):
    store = Checkpoints(tmp_path / "deep" / "down", every=5, keep=3)
    run(METHODS["sync"](machines(), None), 33, checkpoints=store)
    assert [read(path).rounds for path in sorted(store.folder.iterdir())] == [20, 25, 30]


ENDLESS = """
import sys
sys.path.insert(0, {tests!r})
from test_checkpoints import METHODS, Checkpoints, machines, run
run(METHODS["scaffold"](machines(), None), 10**6, record_every=10**6, checkpoints=Checkpoints({folder!r}))
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs a signal that cannot be caught")
def test_a_process_killed_without_warning(tmp_path):
    script = ENDLESS.format(tests=os.path.dirname(__file__), folder=str(tmp_path))
    process = subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.DEVNULL)
    store = Checkpoints(tmp_path)
    while (found := store.latest()) is None or found.rounds < 20:
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    cluster = machines()
    steps = METHODS["scaffold"](cluster, store.resume(cluster))
    rounds = cluster.rounds
    rest = run(steps, 10)
    whole = run(METHODS["scaffold"](machines(), None), rounds + 10, record_every=rounds + 10)
    assert same(rest.state, whole.state) and same(rest.cluster, whole.cluster)


def test_bytes_come_back_as_what_they_were():
    values = {
        "none": None, "yes": True, "big": 2**127 + 1, "nan": np.array([np.nan, -0.0, np.inf]), "pair": (1, [2.5, "x"]),
        "keyed": {(3, "a", 8): 1, 7: np.zeros((0, 2), int)}, "tiny": 5e-324, "third": 1 / 3,
    }  # fmt: skip
    assert same(module.from_bytes(module.to_bytes(values)), values)


@pytest.mark.parametrize(
    "wrong, message",
    [
        (lambda: Checkpoints("x", every=0), "every must be a whole number from 1 on, not 0"),
        (lambda: Checkpoints("x", keep=1), "keep must be a whole number from 2 on, not 1"),
        (lambda: Checkpoints("x", every=2.5), "every must be a whole number"),
    ],
)
def test_errors(wrong, message):
    with pytest.raises(CourseError, match=message):
        wrong()
