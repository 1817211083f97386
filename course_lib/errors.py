"""Mistakes of users, told in one line."""

import sys


class CourseError(ValueError):
    """A mistake in the use of the course's library, told in one line and in the words of the domain."""


def exit_code(verb, *arguments):
    """Run a verb of the command line: 0, or what it returns, or 1 after a mistake has been told."""
    try:
        return int(verb(*arguments) or 0)
    except CourseError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
