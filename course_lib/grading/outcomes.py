"""A pytest plugin for nbval: kernels under watch, and one JSON line a cell, by cell id, as soon as it has run."""

import json
import os
from pathlib import Path
from queue import Empty
from tempfile import mkdtemp
from time import monotonic

import nbformat
import nbval.kernel
import nbval.plugin
import pytest
import zmq
from jupyter_client.manager import KernelManager

from course_lib.grading.sandbox import excess

LOOK = 0.5  # seconds between two looks at a busy kernel
CELLS = 10  # a whole notebook may take as long as so many cells that use up their time
GRACE = 5  # seconds for the outputs of a cell that has ended
MESSAGE = 2 << 20  # bytes: a longer one is not received
WAITING = 100  # messages; more are dropped
TEXT = 100_000  # characters of output that are kept
CONTENT = {  # what a message must hold, so that nbval can read it
    "stream": {"name": str, "text": str}, "error": {"ename": str, "evalue": str, "traceback": list},
    "display_data": {"data": dict, "metadata": dict},
    "execute_result": {"data": dict, "metadata": dict, "execution_count": int},
    "status": {"execution_state": str}, "execute_reply": {"status": str},
}  # fmt: skip


def pytest_addoption(parser):
    """Where to write the lines."""
    parser.addoption("--outcomes", required=True)


def pytest_configure(config):
    """Watch kernels, and bound what they send."""
    nbval.kernel.KernelManager = _manager
    Watched.seconds = config.option.nbval_cell_timeout + GRACE
    nbval.plugin.RunningKernel = Watched
    compare = nbval.plugin.IPyNbCell.compare_outputs
    nbval.plugin.IPyNbCell.compare_outputs = lambda cell, *both: compare(cell, *map(_numbers, both))


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


class Watched(nbval.kernel.RunningKernel):
    """nbval's kernel, ended at once when it is dead, over its time, or has too much of something."""

    seconds = 0.0  # for one cell
    end = last = float("inf")
    looked = 0.0  # when
    fault = ""

    def execute_cell_input(self, *args, **kwargs):
        """From here on the cell's time runs; from the first one on, the notebook's."""
        self.last = min(self.last, monotonic() + CELLS * self.seconds)
        self.end = min(self.last, monotonic() + self.seconds)
        self.looked = monotonic()
        return super().execute_cell_input(*args, **kwargs)

    def get_message(self, stream, timeout=None):
        """One message, and now and then a look at the kernel. One that never stops talking has an end too."""
        end = min(self.end, monotonic() + (timeout or 0))
        while (left := end - monotonic()) > 0 and self.is_alive():
            self._look()
            try:
                return _readable(super().get_message(stream, min(LOOK, left)))
            except Empty:
                continue
            except Exception:  # anything can stand in a message that a student wrote
                self._end("it forged a message of the kernel")
        if not self.is_alive() and not self.fault:
            self.fault = "it ended its own process"
        raise Empty

    def interrupt(self):
        """Out of time: code can refuse an interrupt, but not its end."""
        self._end("it took too long")

    def _look(self):
        if monotonic() < self.looked + LOOK:
            return
        if too_much := excess(self.km.provisioner.pid, Path(self.km.connection_file).parent):
            self._end(too_much)
        self.looked = monotonic()

    def _end(self, fault):
        self.fault = self.fault or fault
        self.km.shutdown_kernel(now=True)


def _readable(message):
    """The message; TypeError or KeyError where nbval would stumble over it."""
    for key, kind in CONTENT.get(message["msg_type"], {}).items():
        if not isinstance(message["content"][key], kind):
            raise TypeError(key)
    message["parent_header"].get("msg_id")
    return message


def _numbers(outputs):
    """Of a cell's outputs those that decide, what it prints and an error; an answer may draw and warn as it likes."""
    printed = nbformat.v4.new_output("stream", name="stdout", text=_printed(outputs))
    return [printed, *(o for o in outputs if o.output_type == "error")]


def _printed(outputs):
    return "".join(o.text for o in outputs if o.get("name") == "stdout")


def _manager(**settings):
    """A kernel manager with a folder of its own for the connection file.

    On POSIX the sockets lie beside it: a sandbox without network has nothing else.
    """
    file = Path(mkdtemp()) / "kernel.json"
    over_files = {"transport": "ipc", "connection_file": str(file)} if os.name == "posix" else {}
    manager = KernelManager(**settings, **over_files)
    manager.context.setsockopt(zmq.MAXMSGSIZE, MESSAGE)
    manager.context.setsockopt(zmq.RCVHWM, WAITING)
    return manager


def _said(item, call):
    """What the cell printed, its exception, and why it was ended, cut to a size that a report can carry."""
    outputs = item.test_outputs or []
    text = _printed(outputs)
    errors = [f"{o.ename}: {o.evalue}" for o in outputs if o.output_type == "error"]
    raised = str(call.excinfo.value if call.excinfo else "").removeprefix("Cell outputs differ")
    fault = item.parent.kernel.fault or raised
    error = (errors or [""])[0][:500].encode(errors="replace").decode()  # half a character cannot be written
    return {"text": text[:TEXT].strip(), "error": error, "fault": "" if errors else fault}
