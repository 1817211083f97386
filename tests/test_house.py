"""The house itself: what an import loads, and that all lists of versions agree."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from course_lib.clusters.launching import missing

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
ENVIRONMENT = yaml.safe_load((ROOT / "environment.yml").read_text())
LINES = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
PINS = dict(line.split("==") for line in LINES)
PINS = {canonicalize_name(name): version for name, version in PINS.items()}


def modules_of(statement):
    """Names of the modules that a statement loads."""
    code = f"import sys; before = set(sys.modules); {statement}; print(*(set(sys.modules) - before))"
    return set(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split())


def loaded_by(statement):
    """Top-level names of the modules that a statement loads beyond those that Python itself has."""
    return {name.split(".")[0] for name in modules_of(statement)} - set(sys.stdlib_module_names)


def test_importing_the_package_loads_numpy_at_most():
    assert loaded_by("import course_lib") <= {"course_lib", "numpy"}


def test_what_computes_loads_no_pictures_and_no_pages():
    modules = ("data", "problems", "topology", "costs", "bounds", "clusters", "methods", "experiment")
    heavy = {"matplotlib", "ipywidgets", "anywidget", "IPython", "sklearn", "jupyter_client", "pandas"}
    assert not loaded_by("import " + ", ".join(f"course_lib.{name}" for name in modules)) & heavy


@pytest.mark.skipif(bool(missing()), reason=f"NO REAL MACHINES HERE: {missing()}")
def test_real_processes_start_without_what_they_may_never_use():
    loaded = modules_of("import course_lib.clusters.mpi, course_lib.methods, course_lib.problems")
    assert not loaded & {"networkx.classes", "scipy.linalg", "scipy.optimize", "scipy.sparse", "scipy.special"}
    assert "networkx.classes" in modules_of("from course_lib import topology; topology.ring(4)")


def test_one_blas_thread_also_where_scipy_comes_later():
    code = (
        "import course_lib.problems, scipy.linalg, scipy.sparse.linalg, threadpoolctl\n"
        "print(*(pool['num_threads'] for pool in threadpoolctl.threadpool_info() if pool['user_api'] == 'blas'))"
    )
    free = {name: value for name, value in os.environ.items() if name != "OPENBLAS_NUM_THREADS"}
    said = subprocess.run([sys.executable, "-c", code], env=free, capture_output=True, text=True, check=True).stdout
    assert set(said.split()) == {"1"}


def conda():
    """Conda's own packages, and what it hands to pip."""
    [pip] = [entry["pip"] for entry in ENVIRONMENT["dependencies"] if isinstance(entry, dict)]
    return [entry for entry in ENVIRONMENT["dependencies"] if isinstance(entry, str)], pip


def test_conda_solves_python_alone_and_pip_installs_what_was_tested():
    packages, pip = conda()
    assert {re.split("[=<>]", entry)[0] for entry in packages} <= {"python", "pip", "openmpi", "mpich"}
    assert pip == ["-c constraints.txt", "-e .[lab,cluster]"]
    assert {"lab", "cluster"} <= set(PROJECT["optional-dependencies"])


def test_condas_python_is_one_that_the_package_allows():
    [python] = [entry.split("=")[1] for entry in conda()[0] if entry.startswith("python=")]
    assert python in SpecifierSet(PROJECT["requires-python"])


def requirements():
    every = [*PROJECT["dependencies"], *(r for extra in PROJECT["optional-dependencies"].values() for r in extra)]
    return [r for r in map(Requirement, every) if canonicalize_name(r.name) != canonicalize_name(PROJECT["name"])]


@pytest.mark.parametrize("requirement", requirements(), ids=str)
def test_the_tested_versions_satisfy_what_the_package_asks_for(requirement):
    name = canonicalize_name(requirement.name)
    assert name in PINS, f"{name} has no pin: make pins"
    assert PINS[name] in requirement.specifier


def test_pins_are_plain_versions_without_addresses():
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[0-9][A-Za-z0-9.+!]*", line) for line in LINES)
    assert len(PINS) == len(LINES), "a package is pinned twice"


def test_the_tests_run_on_the_pinned_versions():
    """What passes here is what a student gets."""
    from importlib.metadata import PackageNotFoundError, version

    for requirement in requirements():
        try:
            installed = version(requirement.name)
        except PackageNotFoundError:
            continue  # an extra that this machine was not asked for
        assert installed == PINS[canonicalize_name(requirement.name)], requirement.name


def test_no_committed_text_names_a_machine():
    """Nobody else has this folder."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("not a git checkout: which files are committed is unknown")
    for name in listed.stdout.split("\n"):
        path = ROOT / name
        if path.suffix in {".py", ".md", ".ipynb", ".toml", ".yml", ".txt", ".js", ".css"} and path.exists():
            assert f"{ROOT}/" not in path.read_text(), name
