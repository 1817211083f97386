"""Graded notebooks: built from masters, checked for students, graded by value.

In a notebook:

>>> from course_lib.grading import check

On the command line: ``python -m course_lib.grading --help``.
"""

from course_lib.grading.checks import attempt, check

__all__ = ["attempt", "check"]
