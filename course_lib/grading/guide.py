"""The list of known mistakes, for the instructor: from the wrong answers of all questions."""

from course_lib.grading.question import modules

HEAD = """# Mistakes that students make

For each graded function, the mistakes that its check knows by name, in the words that the student reads. Made by
`make build` from the questions in `course_lib/grading/questions/`; do not edit.
"""


def mistakes():
    """All known wrong answers of all questions, as a page of Markdown."""
    return "\n".join([HEAD, *(line for module in modules() for line in _section(module))])


def _section(module):
    if not getattr(module, "QUESTIONS", None):
        return
    yield f"## {module.__name__.rpartition('.')[2]}\n"
    for question in module.QUESTIONS:
        yield f"**`{question.name}`** (`{question.id}`, {question.points} points)\n"
        yield from (f"- {message}" for message in question.wrong)
        yield ""


if __name__ == "__main__":
    print(mistakes(), end="")
