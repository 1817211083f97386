"""Mistakes of users, told in one line."""

import numbers
import sys


class CourseError(ValueError):
    """A mistake in the use of the course's library, told in one line and in the words of the domain."""


def whole(value, name, least=1):
    """The value, if it is a whole number from `least` on.

    Parameters
    ----------
    value : int
    name : str
        What it is, for the message.
    least : int

    Returns
    -------
    int

    Raises
    ------
    CourseError
    """
    if not (isinstance(value, numbers.Integral) and value >= least):
        raise CourseError(f"{name} must be a whole number from {least} on, not {value}")
    return value


def exit_code(verb, *arguments):
    """Run a verb of the command line: 0, or what it returns, or 1 after a mistake has been told."""
    try:
        return int(verb(*arguments) or 0)
    except CourseError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
