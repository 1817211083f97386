"""A pytest plugin for nbval: one JSON line a cell, by cell id, as soon as the cell has run."""

import json
import os
import sys
from pathlib import Path
from tempfile import gettempdir
from uuid import uuid4

sys.modules.setdefault("rfc3987_syntax", None)  # jsonschema would parse a grammar for 1.5 s that nobody needs here

import nbval.kernel  # noqa: E402
import pytest  # noqa: E402
from jupyter_client.manager import KernelManager  # noqa: E402


def pytest_addoption(parser):
    """Where to write the lines."""
    parser.addoption("--outcomes", required=True)


def pytest_configure(config):
    """Reach kernels through sockets in the temporary folder: a sandbox without network has nothing else."""
    if os.name == "posix":
        nbval.kernel.KernelManager = _over_files


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(item, call):
    """Record the outcome; a cell after a timeout counts as not passed, whatever it printed."""
    report = yield
    if report.when == "call":
        passed = report.outcome == "passed" and not hasattr(report, "wasxfail")
        line = {"notebook": item.path.stem, "cell": item.cell.id, "passed": passed, **_said(item, call)}
        with open(item.config.option.outcomes, "a") as file:
            file.write(json.dumps(line) + "\n")
    return report


def _over_files(**settings):
    """A kernel manager whose connection file, with the sockets beside it, has a name from the start."""
    name = Path(gettempdir()) / f"kernel-{uuid4().hex[:8]}.json"
    return KernelManager(transport="ipc", connection_file=str(name), **settings)


def _said(item, call):
    """What the cell printed, and its error, cut to a size that a report can carry."""
    outputs = item.test_outputs or []
    text = "".join(o.text for o in outputs if o.get("name") == "stdout")
    errors = [f"{o.ename}: {o.evalue}" for o in outputs if o.output_type == "error"]
    fault = str(call.excinfo.value).removeprefix("Cell outputs differ") if call.excinfo else ""
    said = errors[0] if errors and "Timeout" not in fault else fault
    return {"text": text[:10_000].strip(), "error": said[:500]}
