"""What nbval leaves out here: lectures with explorers run in a browser (tests/browser/test_in_jupyterlab.py)."""

from pathlib import Path

NOTEBOOKS = sorted(Path(__file__).parent.glob("notebooks/*.ipynb"))
WITH_EXPLORERS = [path for path in NOTEBOOKS if "course_lib.explorers" in path.read_text(encoding="utf-8")]
collect_ignore = WITH_EXPLORERS
