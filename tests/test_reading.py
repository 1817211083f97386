"""The reading edition: stills, formulas and links of the pages, and that nothing is fetched from elsewhere."""

import re
from pathlib import Path

import pytest

from course_lib import reading
from course_lib.explorers.synchronous import step_size_explorer

ROOT = Path(__file__).parents[1]
NAMES = ("02_synchronous", "01_all_reduce")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    start = reading.build(ROOT, tmp_path_factory.mktemp("site"), NAMES)
    return start.parent


@pytest.fixture(scope="module")
def lecture(site):
    return (site / "notebooks" / f"{NAMES[0]}.html").read_text(encoding="utf-8")


def test_an_explorer_is_a_still_with_its_sentence(lecture):
    assert step_size_explorer.show().sentence in lecture
    assert len(re.findall('<img[^>]* src="data:image/png', lecture)) >= 4
    assert "No description has been provided" not in lecture


def test_nothing_comes_from_elsewhere_and_nothing_runs(site, lecture):
    fetched = re.findall(r'<(?:script|link|img|iframe)[^>]*(?:src|href)="(?!data:)([^"]*)"', lecture)
    assert fetched == [f"../{reading.MATHJAX}"]
    assert (site / "mathjax" / "MathJax.js").exists()
    assert "widget-view" not in lecture


def test_links_lead_to_pages(site, lecture):
    index = (site / "index.html").read_text(encoding="utf-8")
    assert re.findall('href="(.*?)"', index) == [f"notebooks/{NAMES[0]}.html", f"exercises/{NAMES[1]}.html"]
    within = set(re.findall(r'href="([^":#]+)"', lecture))
    assert "01_setting.html" in within and not [link for link in within if link.endswith(".ipynb")]
    for link in within:
        target = (ROOT / "notebooks" / link).with_suffix(".ipynb").resolve()
        assert target.exists() or link == "../index.html"
