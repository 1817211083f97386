"""Checkpoints: a run's whole state on disk, so that a run that was killed goes on bit for bit.

And the folder for what may be lost, since it can be computed again.
"""

import io
import json
import os
import tempfile
import zipfile
import zlib
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import numpy as np

from course_lib.errors import CourseError, whole

MAGIC = b"checkpoint 1\n"


def user_cache():
    """Folder in which the course keeps, for this user, what can be computed again."""
    try:
        base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    except RuntimeError:  # nobody's home
        base = tempfile.gettempdir()
    return Path(base) / "course_lib"


@contextmanager
def saved_arrays(path, needed, what):
    """The arrays of an .npz file; CourseError where it is missing, damaged, or holds something else."""
    try:
        with np.load(path) as arrays:
            if not (hasattr(arrays, "files") and needed in arrays.files):
                raise ValueError(f"no {needed}")
            yield arrays
    except FileNotFoundError:
        raise CourseError(f"there is no file {path}") from None
    except (OSError, ValueError, EOFError, KeyError, TypeError, AttributeError, zipfile.BadZipFile, zlib.error):
        raise CourseError(f"{path} does not hold {what}, or it is damaged") from None


class Checkpoint(NamedTuple):
    """All that a run needs to go on.

    Attributes
    ----------
    rounds : int
        Steps taken.
    state : tuple
        The method's whole state, for ``start=``.
    cluster : dict
        The machines' whole state, for ``cluster.restore``: clocks, ledger, random streams, messages under way.
    """

    rounds: int
    state: tuple
    cluster: dict


class Checkpoints:
    """A folder of checkpoints. The same two lines begin a run and, after a crash, go on with it::

        checkpoints = Checkpoints("run-7", every=50)
        run(sync_sgd(cluster, 0.1, start=checkpoints.resume(cluster)), 1000 - cluster.rounds, checkpoints=checkpoints)

    Parameters
    ----------
    folder : path
        Made if it is not there.
    every : int
        Rounds between two checkpoints.
    keep : int
        So many are kept; at least two, since the newest may be torn.

    Attributes
    ----------
    refused : list of str
        Why the last call of `latest` or `resume` passed over newer files.
    """

    def __init__(self, folder, every=1, keep=2):
        self.folder, self.refused = Path(folder), []
        self.every, self.keep = whole(every, "every"), whole(keep, "keep", least=2)

    def note(self, state, cluster):
        """Save, if it is time to: `run` calls it after every step."""
        _knows_all(cluster)
        if cluster.rounds % self.every == 0:
            self.save(Checkpoint(cluster.rounds, state, cluster.state()))

    def save(self, checkpoint):
        """Write a checkpoint, and delete the oldest if there are more than `keep`.

        Whenever the machine stops, there is either the whole new file or none of it, with the older ones untouched.

        Raises
        ------
        CourseError
            If the folder holds whole checkpoints of later rounds: those of another run.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        new = self.folder / f"round-{checkpoint.rounds:09d}.checkpoint"
        self._make_newest(new)
        _write(new, to_bytes(checkpoint._asdict()))
        for path in self._newest_first()[self.keep :]:
            path.unlink()

    def latest(self):
        """The newest checkpoint that is whole, or None; torn ones are passed over, and `refused` says why."""
        self.refused = []
        for path in self._newest_first():
            try:
                return read(path)
            except CourseError as error:
                self.refused.append(str(error))
        return None

    def resume(self, cluster):
        """Put the machines back to the latest checkpoint; the method's state for ``start=``.

        None, with machines freshly booted, if there is no checkpoint.
        """
        _knows_all(cluster)
        checkpoint = self.latest()
        if checkpoint is None:
            cluster.start()
            return None
        cluster.restore(checkpoint.cluster)
        return checkpoint.state

    def _make_newest(self, new):
        """Torn files of later rounds go; whole ones are another run's, which would be taken for the newest."""
        for path in self._newest_first():
            if path.name > new.name:
                if _is_whole(path):
                    raise CourseError(
                        f"{self.folder.name} holds {path.name} of another run: go on with that one, by "
                        "start=checkpoints.resume(cluster), or give this one a folder of its own"
                    )
                path.unlink()

    def _newest_first(self):
        return sorted(self.folder.glob("round-*.checkpoint"), reverse=True)


def read(path):
    """Read one checkpoint.

    Raises
    ------
    CourseError
        If the file is torn or changed: its checksum tells.
    """
    try:
        return Checkpoint(**from_bytes(Path(path).read_bytes()))
    except CourseError as error:
        raise CourseError(f"{Path(path).name}: {error}") from None


def _is_whole(path):
    try:
        return bool(read(path))
    except CourseError:
        return False


def to_bytes(values):
    """A dict of arrays, numbers, texts and containers of these, as bytes that begin with their own checksum."""
    arrays, file = {}, io.BytesIO()
    rest = json.dumps(pack(values, "x", arrays))
    np.savez(file, _rest=rest, **arrays)
    content = file.getvalue()
    return MAGIC + sha256(content).digest() + content


def from_bytes(data):
    """What `to_bytes` made these bytes from, bit for bit; CourseError if any of them is missing or wrong."""
    start = len(MAGIC) + sha256().digest_size
    if data[:start] != MAGIC + sha256(data[start:]).digest():
        raise CourseError("torn or changed: the checksum does not fit what is there")
    with np.load(io.BytesIO(data[start:])) as arrays:
        return unpack(json.loads(str(arrays["_rest"])), arrays)


def _knows_all(cluster):
    """A process that holds a part of the workers must not write over another's part."""
    if getattr(cluster, "ranks", 1) > 1:
        raise CourseError(
            "MPI ranks keep no checkpoints: each knows its own workers only, and they would overwrite each other's "
            "files; asynchronous runs on an EngineCluster keep them"
        )


def _write(path, data):
    """Write a file as a whole or not at all: under another name first, and on the disk before it moves."""
    part = path.with_suffix(".part")
    with open(part, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.replace(part, path)
    if os.name == "posix":  # the new name, too, must be on the disk
        folder = os.open(path.parent, os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)


def pack(value, name, arrays):
    """Arrays go into `arrays`; what is left is JSON, with tuples and non-string keys told apart."""
    if isinstance(value, np.ndarray):
        arrays[name] = value
        return {"array": name}
    if isinstance(value, dict):
        pairs = enumerate(value.items())
        return {"dict": [[pack(k, f"{name}.{j}k", arrays), pack(v, f"{name}.{j}", arrays)] for j, (k, v) in pairs]}
    if isinstance(value, (tuple, list)):
        return {type(value).__name__: [pack(v, f"{name}.{j}", arrays) for j, v in enumerate(value)]}
    return value.item() if isinstance(value, np.generic) else value


def unpack(value, arrays):
    """Undo `pack`."""
    if not isinstance(value, dict):
        return value
    [(kind, content)] = value.items()
    if kind == "array":
        return arrays[content]
    if kind == "dict":
        return {unpack(k, arrays): unpack(v, arrays) for k, v in content}
    return {"tuple": tuple, "list": list}[kind](unpack(v, arrays) for v in content)
