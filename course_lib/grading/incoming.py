"""What was handed in: notebooks in folders and zips, named as Moodle, Canvas or anybody else names them."""

import re
import zipfile
import zlib
from dataclasses import dataclass, replace
from functools import partial
from io import BytesIO
from pathlib import PurePosixPath

from course_lib.errors import CourseError

LARGEST = 20 << 20  # bytes of one file; also what a zip of a few kilobytes may claim to unpack to
MOODLE = re.compile(r"(?P<student>[^/]+?)_(?P<number>\d+)_assignsubmission_[a-z]+_?/?")
CANVAS = re.compile(r"(?:^|/)(?P<student>[^/_]+)(?:_LATE)?_(?P<number>\d{2,})_\d{2,}_[^/]+")
IGNORED = re.compile(r"(^|/)(\.|__MACOSX/)")
UNREADABLE = (OSError, zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError, EOFError, ValueError)
BYTES, LEVELS = 100, 10  # of a name, and of the folders that lead to it
DEEPEST = 2  # a zip of the class, with a student's zip in it


@dataclass(frozen=True)
class Entry:
    """One file that was handed in.

    Attributes
    ----------
    name : str
        Its path without the suffix: the name of its row and of its page of feedback.
    student, number : str
        As Moodle or Canvas know them; else the name and nothing.
    content : bytes
    fault : str
        Why there is nothing to grade; empty if there is.
    """

    name: str
    student: str
    number: str
    content: bytes = b""
    fault: str = ""


def entries(source):
    """All notebooks in a file, a folder or a zip, zips inside included. Nothing is unpacked to disk.

    Parameters
    ----------
    source : pathlib.Path

    Returns
    -------
    list of Entry
        By name. Who handed in no notebook has an entry too, with the reason.

    Raises
    ------
    CourseError
        If there is nothing at all.
    """
    found = [entry for file in _files(source) if (entry := _entry(*file))]
    served = {(e.student, e.number) for e in found if e.content}
    out = {}
    for entry in found:
        if entry.content or (entry.student, entry.number) not in served:
            copies = sum(name.partition(" #")[0] == entry.name for name in out)
            name = entry.name + f" #{copies + 1}" * bool(copies)
            out[name] = replace(entry, name=name)
    if not out:
        raise CourseError(f"no notebooks in {source}")
    return [out[name] for name in sorted(out)]


def _entry(path, content, fault):
    """The entry of one file; None where a file that is no notebook lies about."""
    known = MOODLE.search(path) or CANVAS.search(path)
    is_notebook = PurePosixPath(path).suffix.lower() == ".ipynb"
    if not (known or ".ipynb" in path.lower() or fault):
        return None
    *folders, file = PurePosixPath(path).with_suffix("").parts
    name = "/".join([*map(_folder, folders[: LEVELS // 2] + folders[LEVELS // 2 :][-LEVELS // 2 :]), _tame(file)])
    student, number = (known["student"], known["number"]) if known else (name, "")
    fault = fault or ("" if content else "the file is empty" if is_notebook else f"no notebook, but {_tame(path)}")
    return Entry(name, student, number, content, fault)


def _tame(part):
    """A file name that any system takes, whatever a student called it."""
    name = re.sub(r"[^\w .,+@()-]", "_", part).strip(". ")
    return name.encode(errors="replace")[:BYTES].decode(errors="ignore") or "_"


def _folder(part):
    """The same of a folder, which must not be called like somebody's page."""
    return _tame(part).replace(".", "_")


def _files(source):
    """Triples (path, content, fault) of all files; only notebooks and zips are read."""
    if not source.exists():
        raise CourseError(f"there is no file or folder {source}")
    if not source.is_dir():
        yield from _opened("" if source.suffix.lower() == ".zip" else source.name, source.suffix, source.read_bytes)
        return
    for file in sorted(p for p in source.rglob("*") if not p.is_dir()):
        yield from _opened(file.relative_to(source).as_posix(), file.suffix, file.read_bytes)


def _opened(path, suffix, content, size=0, depth=0):
    """One file, or all that is in a zip; `content` reads it."""
    if IGNORED.search(path):
        return
    kind = suffix.lower()
    try:
        if kind != ".ipynb" and (kind != ".zip" or depth == DEEPEST):
            yield path, b"", ""
        elif size > LARGEST:
            yield path, b"", f"this file is larger than {LARGEST >> 20} MB"
        elif kind == ".zip":
            yield from _members(path, zipfile.ZipFile(BytesIO(content())), depth + 1)
        else:
            yield path, content(), ""
    except UNREADABLE as error:
        yield path, b"", f"this file cannot be read: {type(error).__name__}"


def _members(path, archive, depth):
    place = path.removesuffix(".zip")
    for info in archive.infolist():
        inner = "/".join(p for p in PurePosixPath(place, info.filename.lstrip("/")).parts if p != "..")
        if not info.is_dir():
            yield from _opened(inner, PurePosixPath(inner).suffix, partial(archive.read, info), info.file_size, depth)
