"""Binder: repo2docker finds environment.yml, renders an image of it, and the badge opens the start page."""

import re
from importlib.metadata import distribution
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from repo2docker.buildpacks import CondaBuildPack

ROOT = Path(__file__).parents[1]
LIMIT = 2e9  # bytes
BASE = 1.2e9  # what repo2docker lays down before ours: Ubuntu, conda, a Jupyter server; an estimate


@pytest.fixture
def pack(monkeypatch):
    monkeypatch.chdir(ROOT)
    conda = CondaBuildPack(base_image="buildpack-deps")
    conda.platform = "linux/amd64"
    return conda


def test_conda_builds_the_image_from_environment_yml(pack):
    assert pack.detect()
    assert pack.python_version == "3.11"
    steps = pack.render()
    update = re.search(r'env update -p \S+ --file "environment.yml"', steps)
    assert update, "environment.yml was not found"
    course = re.search(r"COPY --chown=\S+ src/ \$\{REPO_DIR\}", steps)
    assert course.start() < update.start(), "pip needs the course itself, and constraints.txt"


def test_the_badge_opens_the_start_page():
    badge = re.search(r"https://mybinder.org/v2/gh/\S+?(?=\))", (ROOT / "README.md").read_text())[0]
    [path] = parse_qs(urlsplit(badge).query)["urlpath"]
    assert path.startswith("lab/tree/") and (ROOT / path.removeprefix("lab/tree/")).exists()


def needed(name, extras=(), seen=None):
    """Names of all packages that one needs, itself among them, in this environment."""
    seen = set() if seen is None else seen
    for requirement in map(Requirement, distribution(name).requires or []):
        wanted = any(
            requirement.marker is None or requirement.marker.evaluate({"extra": extra}) for extra in ("", *extras)
        )
        key = canonicalize_name(requirement.name)
        if wanted and (key, *requirement.extras) not in seen:
            seen.add((key, *requirement.extras))
            needed(requirement.name, requirement.extras, seen)
    return {key for key, *_ in seen}


def test_the_image_stays_below_two_gigabytes():
    sizes = {
        name: sum(path.locate().stat().st_size for path in distribution(name).files or [] if path.locate().exists())
        for name in needed("course_lib", ("lab",)) - {"course-lib"}
    }
    assert {"numpy", "jupyterlab", "matplotlib"} <= set(sizes)
    assert BASE + sum(sizes.values()) < LIMIT, sizes
