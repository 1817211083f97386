"""Settings of all tests."""

import os

from hypothesis import settings
from xdist.scheduler import LoadFileScheduling

# The tests keep every core busy by themselves: more BLAS threads would wait for each other most of the time.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

# A busy machine fails no test: how long an example takes says nothing about its truth. The same examples in every
# run, so that nobody's change is blamed for another's; `pytest --hypothesis-profile=default` looks for new ones.
settings.register_profile("course", deadline=None, derandomize=True)
settings.load_profile("course")


class OnePage(LoadFileScheduling):
    """A file's tests run in one process, those of the browser in two: opening JupyterLab takes longer than most."""

    def _split_scope(self, nodeid):
        file = super()._split_scope(nodeid)
        return file if not file.startswith("tests/browser/") or file.endswith("jupyterlab.py") else "tests/browser"


def pytest_xdist_make_scheduler(config, log):
    """With ``--dist loadfile``."""
    return OnePage(config, log) if config.option.dist == "loadfile" else None
