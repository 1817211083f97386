"""Every notebook is what its master makes, and was run. That it runs again, nbval and a browser see."""

import re
import tomllib
from pathlib import Path

import nbformat
import pytest

from course_lib.grading import building

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted(
    path.relative_to(ROOT)
    for folder in ("notebooks", "exercises", "solutions/notebooks", "solutions/exercises")
    for path in (ROOT / folder).glob("*.ipynb")
)
LIVE = re.compile("course_lib.(explorers|grading)")  # something to do: tests/browser/test_in_jupyterlab.py does it
IN_A_BROWSER = [p for p in NOTEBOOKS if p.parts[0] == "notebooks" and LIVE.search((ROOT / p).read_text())]
notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=str)


def test_none_is_stale():
    assert building.stale(ROOT) == []


def test_each_has_a_master():
    masters = {m.stem for m in building.select(ROOT)}
    assert {p.stem for p in NOTEBOOKS} == masters
    assert len(NOTEBOOKS) == 2 * len(masters)


def test_each_runs_in_a_browser_or_by_nbval():
    """A solved lecture is the student's, with the answers that the browser's test writes into it."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["pytest"]["ini_options"]
    by_nbval = {file for place in settings["testpaths"] for file in ROOT.glob(place)}
    for path in NOTEBOOKS:
        if path.parts[:2] != ("solutions", "notebooks"):
            assert path in IN_A_BROWSER or by_nbval & {ROOT / path, ROOT / path.parent}


@notebook
def test_saved_as_it_should_be_read(path):
    """A page that runs nothing shows every picture, and nothing of the machine that built it."""
    saved = nbformat.read(ROOT / path, as_version=4)
    nbformat.validate(saved)
    outputs = [o for c in saved.cells if c.cell_type == "code" for o in c.outputs]
    assert "widgets" not in saved.metadata
    assert all(c.execution_count for c in saved.cells if c.cell_type == "code" and c.source)
    assert not [o for o in outputs if o.output_type == "error" or o.get("name") == "stderr"]
    assert not building.PRIVATE.search((ROOT / path).read_text())
    assert (ROOT / path).stat().st_size < 2_000_000


@pytest.mark.parametrize("path", [p for p in NOTEBOOKS if p.parts[0] != "solutions"], ids=str)
def test_students_see_no_solution(path):
    text = (ROOT / path).read_text()
    assert "BEGIN SOLUTION" not in text and "grading_cell" not in text and "Rubric" not in text
