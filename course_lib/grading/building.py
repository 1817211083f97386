"""From masters to executed notebooks: run, clean, write, and tell what is stale."""

import json
import os
import re
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from subprocess import DEVNULL

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError

from course_lib.errors import CourseError
from course_lib.grading import masters

LIBRARY = Path(__file__).parents[1]
CORES = 2
CELL_SECONDS = 120
PRIVATE = re.compile(
    "|".join(
        [
            r"/tmp/ipykernel",
            r"\bat 0x[0-9a-f]{6,}",
            *(re.escape(f"{home}/") for home in [Path.home()] if len(home.parts) > 1),
            re.escape(f"{LIBRARY.parent}/"),
        ]
    )
)
KINDS = {"solved": masters.solved, "student": masters.unsolved}


def select(root, names=()):
    """The masters of a course.

    Parameters
    ----------
    root : pathlib.Path
        Folder with ``solutions/`` in it.
    names : sequence of str
        Beginnings of their names, such as ``02``; all of them if empty.

    Returns
    -------
    list of pathlib.Path

    Raises
    ------
    CourseError
        If the folder has no masters, or a name fits none.
    """
    found = sorted((root / "solutions").glob("*/*.py"))
    if not found:
        raise CourseError(f"no masters (solutions/*/NN_name.py) in {root.resolve()}: run this in the course's folder")
    for name in names:
        if not any(m.stem.startswith(Path(name).stem) for m in found):
            raise CourseError(f"no master is called {name!r}: there are {', '.join(m.stem for m in found)}")
    return [m for m in found if not names or any(m.stem.startswith(Path(n).stem) for n in names)]


@dataclass(frozen=True)
class Job:
    """One notebook to make: the course's own, one of a private set, or of a student's personal variant.

    Attributes
    ----------
    root, master : pathlib.Path
    kind : {"solved", "student"}
    seed : int, optional
        What the hidden inputs are drawn from; the course's own are public, as its solutions are.
    student : str
        Whose variant it is: other hidden inputs, and other data in the cells that a master marks ``personal``.
    """

    root: Path
    master: Path
    kind: str
    seed: int | None = None
    student: str = ""

    @property
    def private(self):
        """The numbers that hidden inputs are drawn from."""
        if self.student:
            return self.seed or 0, masters.number(self.student)
        return () if self.seed is None else (self.seed,)

    @property
    def target(self):
        """Where the notebook goes: beside its master or to the students, if need be below ``private/``."""
        place = self.root / "private" / self.student if self.private else self.root
        folder = self.root if self.kind == "solved" else self.root / "solutions"
        return (place / self.master.relative_to(folder)).with_suffix(".ipynb")

    @property
    def state(self):
        """Hash of all that the notebook is made from, and of the notebook itself."""
        files = [self.master, *([self.target] if self.target.exists() else []), *sorted(LIBRARY.rglob("*.py"))]
        digest = sha256(str(self.private).encode())
        for file in files:
            digest.update(file.read_bytes())
        return digest.hexdigest()

    def notebook(self):
        """The notebook, not yet executed."""
        return KINDS[self.kind](masters.read(self.master), self.master.stem, self.private, self.student)


def build(root, names=(), force=False, seed=None, student=""):
    """Make and execute the notebooks that are older than what they are made from.

    Parameters
    ----------
    root, names
        As in `select`.
    force : bool
        Build fresh ones too.
    seed : int, optional
        Make a private set of solved notebooks, with other hidden inputs, below ``private/``.
    student : str
        Make this student's variant, exercises and solutions, below ``private/NAME/``.

    Raises
    ------
    CourseError
        If a cell fails, a grading cell could be guessed, or an output holds a path of this machine.
    """
    record = root / "build" / "notebooks.json"
    built = json.loads(record.read_text()) if record.exists() else {}
    if not re.fullmatch(r"(\w[\w .@-]*)?", student):
        raise CourseError(f"a student's name becomes a folder's: letters, digits, blanks, not {student!r}")
    kinds = ["solved"] if seed is not None and not student else KINDS
    jobs = [Job(root, m, kind, seed, student) for m in select(root, names) for kind in kinds]
    todo = [job for job in jobs if force or built.get(str(job.target)) != job.state]
    print(f"{len(todo)} notebooks to build, {len(jobs) - len(todo)} up to date", flush=True)
    with ProcessPoolExecutor(CORES) as pool:
        running = {pool.submit(make, job): job for job in todo}
        try:
            for done, future in enumerate(as_completed(running), 1):
                job = running[future]
                print(f"[{done}/{len(todo)}] {job.target.relative_to(root)}  {future.result():.1f} s", flush=True)
                built[str(job.target)] = job.state
                record.parent.mkdir(exist_ok=True)
                record.write_text(json.dumps(built, indent=1))
        finally:
            pool.shutdown(cancel_futures=True)


def make(job):
    """Generate, execute, clean and write one notebook; the seconds it took."""
    start = time.perf_counter()
    target, notebook = job.target, job.notebook()
    target.parent.mkdir(parents=True, exist_ok=True)
    execute(notebook, target)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = _clean(cell, target)
    notebook.metadata.pop("widgets", None)
    notebook.metadata["language_info"] = {"name": "python"}  # the kernel writes its version there
    nbformat.write(notebook, target)
    return time.perf_counter() - start


def execute(notebook, target):
    """Run all cells of a notebook in place, in the folder of `target`; an error names the cell."""
    for again in (True, False):
        client = NotebookClient(
            notebook, timeout=CELL_SECONDS, kernel_name="python3", record_timing=False,
            resources={"metadata": {"path": str(target.parent)}},
        )  # fmt: skip
        try:
            client.execute(env={**os.environ, "TQDM_DISABLE": "1", "PYTHONHASHSEED": "0"}, stderr=DEVNULL)
            return
        except (CellExecutionError, DeadKernelError, TimeoutError) as error:
            raise CourseError(_blame(notebook, target, error)) from None
        except RuntimeError:  # died as it started: its ports are chosen before, and another program may take one
            if not again:
                raise


def stale(root, names=()):
    """Notebooks whose sources are not what their masters generate, each with the reason.

    Returns
    -------
    list of str
    """
    found = []
    for job in [Job(root, master, kind) for master in select(root, names) for kind in KINDS]:
        reason = _differs(job.notebook(), job.target)
        if reason:
            found.append(f"{job.target.relative_to(root)} is stale: {reason}")
    return found


def _differs(expected, target):
    if not target.exists():
        return "it is not there"
    saved = nbformat.read(target, as_version=4)
    for old, new in zip(saved.cells, expected.cells):
        if (old.id, old.cell_type, old.source, old.metadata) != (
            new.id,
            new.cell_type,
            new.source,
            new.metadata,
        ):
            return f"cell {old.id} is not what its master makes"
        if old.cell_type == "code" and old.execution_count is None:
            return f"cell {old.id} was not run"
    return f"{len(saved.cells)} cells instead of {len(expected.cells)}" * (len(saved.cells) != len(expected.cells))


def _blame(notebook, target, error):
    """The one line that says which cell failed and why."""
    ran = [c for c in notebook.cells if c.cell_type == "code"]
    cell = next((c for c in ran if any(o.output_type == "error" for o in c.outputs)), None)
    where = f"{target.name} in {target.parent.name}/"
    if cell is None:
        return f"{where}: {type(error).__name__}: a cell took longer than {CELL_SECONDS} s, or its kernel died"
    fault = next(o for o in cell.outputs if o.output_type == "error")
    first = cell.source.splitlines()[0]
    advice = "; what needs a student's answer stands under `with attempt():`" * (fault.ename == "NotImplementedError")
    return f"{where}, cell {cell.id} ({first}): {fault.ename}: {fault.evalue}{advice}"


def _clean(cell, target):
    """Outputs that are the same at each build: no progress bars, no widget models, no paths."""
    kept = []
    for output in cell.outputs:
        if output.output_type == "stream" and kept and kept[-1].get("name") == output.name:
            kept[-1].text += output.text
            continue
        for mime in ("application/vnd.jupyter.widget-view+json", "application/vnd.jupyter.widget-state+json"):
            output.get("data", {}).pop(mime, None)
        if output.output_type == "stream" or output.data:
            kept.append(output)
    for output in kept:
        text = output.get("text") or "".join(v for k, v in output.data.items() if k.startswith("text/"))
        if PRIVATE.search(text):
            raise CourseError(
                f"{target.name}, cell {cell.id}: its output holds a path or a memory address: {text.strip()}"
            )
    return kept
