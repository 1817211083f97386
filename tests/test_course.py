"""The course as a whole: links that lead somewhere, cards that are numbered, and the README's own examples."""

import json
import re
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from course_lib.cards import CARD, bibliography, theorem_cards
from course_lib.clusters import SimulatedCluster
from course_lib.experiment import run
from course_lib.grading.guide import mistakes
from course_lib.methods import METHODS, method
from course_lib.problems import Quadratic

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
NOTEBOOKS = sorted(path for folder in ("notebooks", "exercises") for path in (ROOT / folder).glob("*.ipynb"))
PAGES = [ROOT / "README.md", ROOT / "solutions" / "README.md", *NOTEBOOKS]
LINK = re.compile(r"\]\((?!https?:|#|data:)([^)#\s]+)(?:#([^)\s]+))?\)")


def prose(path):
    """What a page says, without code."""
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".ipynb":
        return re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    return "\n\n".join("".join(c["source"]) for c in json.loads(text)["cells"] if c["cell_type"] == "markdown")


def headings(path):
    return {h.strip().replace(" ", "-") for h in re.findall(r"^#+ (.+)$", prose(path), re.MULTILINE)}


@pytest.mark.parametrize("page", PAGES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_every_link_leads_somewhere(page):
    for name, anchor in LINK.findall(prose(page)):
        target = page.parent / name
        assert target.exists(), f"{name} is not there"
        assert not anchor or anchor in headings(target), f"{name} has no heading {anchor}"


def test_theorem_cards_are_numbered_in_their_lecture():
    lectures = {}
    for path in NOTEBOOKS:
        numbers = [number for number, _, _ in CARD.findall(prose(path))]
        mentioned = re.findall(r"Theorem card (\d+\.\d+):", prose(path))
        assert mentioned == numbers, f"{path.name}: a card without a source or a status"
        if path.parent.name == "notebooks":
            lectures.setdefault(path.name[:2], []).extend(numbers)  # a lecture may have two parts
    for lecture, numbers in lectures.items():
        assert not numbers or numbers == [f"{int(lecture)}.{k}" for k in range(1, len(numbers) + 1)]


def test_the_lists_of_cards_and_books_hold_what_the_lectures_hold():
    cards, books = str(theorem_cards(ROOT / "notebooks")), str(bibliography(ROOT / "notebooks"))
    for path in NOTEBOOKS:
        for number in re.findall(r"Theorem card (\d+\.\d+):", prose(path)):
            assert f"[{number}]({path.name})" in cards
        reading = prose(path).partition("## Reading")[2].partition("\n## ")[0]
        for authors, year in re.findall(r"^- ([^*]+?) \((\d{4})\)", reading, re.MULTILINE):
            assert f"{' '.join(authors.split())} ({year})" in books


def test_the_instructors_list_of_mistakes_is_fresh():
    assert (ROOT / "solutions" / "MISTAKES.md").read_text(encoding="utf-8") == mistakes(), "run `make build`"


# ---- the README -----------------------------------------------------------------------------------------

TABLE = README.partition("## Where everything of the lesson is")[2].partition("\n## ")[0]
ROWS = [line.split("|")[1:-1] for line in TABLE.splitlines() if line.startswith("|")][2:]

#: Every heading, algorithm, theorem, paper, question, exercise and experiment of the lesson.
LESSON = """
Prerequisites; Learning objectives;
1 Problem setup; 1 Why distribute; 1 Challenges; 2 Synchronous communication; 2 Asynchronous communication;
2 Parameter server; 2 All-reduce; Algorithm 3.1; Theorem 3.1; 3 Communication complexity; 3 Mini-batch;
4 Motivation; 4 Uniform quantisation; 4 Random quantisation; 4 Top-k; 4 Random sparsification; Theorem 4.1;
Algorithm 5.1; 5 Staleness; Theorem 5.1; Algorithm 6.1; 6 Benefits; Theorem 6.1; Algorithm 6.2; Algorithm 7.1;
7 Topologies; Theorem 7.1; 8 Communication bottlenecks; 8 Stragglers; 8 Failures; 8 Byzantine workers;
8 Data distribution; 8 Computational heterogeneity; 8 Dynamic load; 9 Error feedback; 9 Biased compression;
9 Adaptive compression; 9 Local SGD variants; 9 Periodic averaging; 9 Adaptive synchronisation;
9 Distributed Newton; 9 Quasi-Newton; 9 Natural gradients; Implementation 1; Implementation 2; Implementation 3;
Implementation 4; Implementation 5; Implementation 6; Experiment 1; Experiment 2; Experiment 3; Experiment 4;
Dean et al. 2012; McMahan et al. 2017; Seide et al. 2014; Alistarh et al. 2017; Stich 2019;
Karimireddy et al. 2020; Bottou et al. 2018; Li et al. 2020; Boyd et al. 2011; Nedić and Ozdaglar 2009;
Shi et al. 2015; Videos; Understanding 1; Understanding 2; Understanding 3; Extension 1; Extension 2; Extension 3;
Research question 1; Research question 2; Research question 3; Theoretical exercise 1; Theoretical exercise 2;
Theoretical exercise 3; Implementation exercise 1; Implementation exercise 2; Implementation exercise 3;
Research exercise 1; Research exercise 2; Research exercise 3
"""


def test_everything_of_the_lesson_is_in_the_table():
    wanted = [" ".join(item.split()) for item in LESSON.split(";")]
    found = [row[0].split(":")[0].strip() for row in ROWS]
    assert found == wanted
    assert all(LINK.search(row[1]) or "`" in row[1] for row in ROWS), "a row without a place"


def test_every_function_that_the_readme_names_is_there():
    names = re.findall(r"`(course_lib(?:\.\w+)+)`", prose(ROOT / "README.md"))
    assert names
    for name in names:
        module, _, attribute = name.rpartition(".")
        try:
            import_module(name)
        except ModuleNotFoundError:
            assert hasattr(import_module(module), attribute), name


def test_the_readmes_new_method_runs_as_it_stands():
    [code] = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    namespace = {"method": method}
    exec(code, namespace)
    [new] = [value for name, value in namespace.items() if getattr(value, "__wrapped__", None)]
    assert new.__name__ not in METHODS
    problem = Quadratic.dialled(4, 3)
    history = run(new(SimulatedCluster(problem), 0.1), 400)
    assert np.allclose(history.model, problem.optimum(), atol=1e-6)
