"""The quiz of hidden faults in JupyterLab, in Chromium: by keyboard alone, and an answer cannot be taken back."""

import nbformat
import pytest

from course_lib.explorers.diagnosis import FAULTS, damage_of, diagnosis, verdict

pytestmark = pytest.mark.browser

KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}


class Quiz:
    """The quiz on the page, found by what a screen reader would say."""

    def __init__(self, page):
        self.section = page.get_by_role("region", name=diagnosis.title, exact=True)

    def button(self, name):
        return self.section.get_by_role("button", name=name, exact=True)

    def press(self, name):
        self.button(name).press("Enter")

    def says(self, text):
        self.section.locator("figcaption", has_text=text).wait_for()
        self.section.locator("figure[aria-busy='false']").wait_for()
        return True

    def scored(self, text):
        self.section.get_by_role("status").filter(has_text=text).wait_for()
        return True


@pytest.fixture(scope="module")
def quiz(open_notebook):
    cell = nbformat.v4.new_code_cell("from course_lib.explorers.diagnosis import diagnosis\ndiagnosis")
    notebook = open_notebook(nbformat.v4.new_notebook(cells=[cell], metadata={"kernelspec": KERNEL}))
    notebook.run_all()
    return Quiz(notebook.page)


def test_an_answer_is_judged_once_and_kept(quiz):
    names, faults = list(FAULTS), [damage_of(case)[0] for case in range(2)]
    assert quiz.says(verdict(0, -1))
    quiz.press(names[faults[0]])
    assert quiz.says(verdict(0, faults[0])) and quiz.scored("score: 1 of 1")
    assert all(quiz.button(name).is_disabled() for name in names)
    assert quiz.button(names[faults[0]]).get_attribute("aria-pressed") == "true"

    quiz.press("Next case")
    assert quiz.says(verdict(1, -1)) and not quiz.button(names[0]).is_disabled()
    wrong = (faults[1] + 1) % len(names)
    quiz.press(names[wrong])
    assert quiz.says("Not so") and quiz.scored("score: 1 of 2")

    quiz.press("Previous case")
    assert quiz.says(verdict(0, faults[0])) and quiz.button(names[0]).is_disabled()
