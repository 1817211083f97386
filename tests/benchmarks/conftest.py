"""One way to measure: a subject against a yardstick, in turn, in one run; one table at the end.

Every benchmark says by how much the library is slower than bare NumPy on the same arrays, or some other yardstick
in the same process. Subject and yardstick take turns, so that whatever else the machine is doing slows down both, and
the figure is the median of the ratios. One BLAS thread, processor time.
"""

import os
import platform
import time

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from course_lib.problems import base as _one_blas_thread  # noqa: F401  (importing problems limits BLAS)

TABLE = pytest.StashKey()


def pytest_configure(config):
    config.stash[TABLE] = []


@pytest.fixture
def against(benchmark, request):
    """Measure ``against(name, aim, subject, yardstick)``: the median of subject over yardstick."""

    def measure(name, aim, subject, yardstick, repeats=25, parts=1):
        """`parts`: how many pieces of work the subject does for one of the yardstick's."""
        bare = []

        def measure_yardstick():
            start = time.process_time()
            yardstick()
            bare.append(time.process_time() - start)

        benchmark._timer = time.process_time
        with threadpool_limits(1):
            benchmark.pedantic(subject, setup=measure_yardstick, rounds=repeats, warmup_rounds=2)
        ratios = np.array(benchmark.stats.stats.data) / bare[-repeats:] / parts
        _note(request, name, aim, float(np.median(ratios)), "times")

    return measure


@pytest.fixture
def figure(request, benchmark):
    """Note a figure that is no ratio: ``figure(name, aim, value, unit)``."""

    def note(name, aim, value, unit):
        if benchmark.stats is None:
            benchmark.pedantic(lambda: None, rounds=1)  # pytest-benchmark saves what has been run
        _note(request, name, aim, value, unit)

    return note


def _note(request, name, aim, value, unit):
    row = {"name": name, "aim": aim, "value": value, "unit": unit}
    request.getfixturevalue("benchmark").extra_info.setdefault("figures", []).append(row)
    request.config.stash[TABLE].append(row)


def pytest_benchmark_update_json(config, benchmarks, output_json):
    """What the machine is, without its name."""
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    output_json["machine_info"] = {
        "processor": output_json["machine_info"]["cpu"].get("brand_raw", platform.machine()),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "load at the end": load,
    }


def pytest_terminal_summary(terminalreporter, config):
    rows = config.stash[TABLE]
    if rows:
        terminalreporter.write_line(f"\n{'':64}{'measured':>10}{'aim':>8}")
    for row in rows:
        missed = "" if row["aim"] is None or row["value"] <= row["aim"] else "   over its aim"
        aim = "" if row["aim"] is None else f"{row['aim']:g}"
        terminalreporter.write_line(f"{row['name']:64}{row['value']:>10.2f}{aim:>8} {row['unit']}{missed}")
