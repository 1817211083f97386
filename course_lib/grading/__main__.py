"""The course's grading on the command line: build, check, grade, selftest."""

import argparse
import sys
from pathlib import Path

from course_lib.errors import CourseError

EPILOG = """\
An instructor's week:
  python -m course_lib.grading selftest                       does the grading itself work here?
  ... hand out exercises/, collect the notebooks in a folder ...
  python -m course_lib.grading grade submissions --out marks  grades.csv and a page of feedback for each
A student's evening:
  python -m course_lib.grading check exercises/01_all_reduce.ipynb
Run all of them in the course's folder."""


def build(arguments):
    """Build notebooks from masters, or say which are stale."""
    from course_lib.grading import building

    if arguments.check:
        stale = building.stale(Path.cwd(), arguments.names)
        print("\n".join([*stale, "Run: python -m course_lib.grading build"] if stale else ["all up to date"]))
        return bool(stale)
    building.build(Path.cwd(), arguments.names, arguments.force)


def parser():
    """The command line."""
    top = argparse.ArgumentParser(
        prog="python -m course_lib.grading", description=__doc__, epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    verbs = top.add_subparsers(required=True, metavar="VERB")

    verb = verbs.add_parser(
        "build", help="make the notebooks from their masters",
        description="Make from each master, solutions/*/NN_name.py, the executed solved notebook beside it "
        "and the executed student notebook in notebooks/ or exercises/. Only what is older than its master "
        "or the library is built. A grading cell that could be guessed, or whose values lie at the edge of a "
        "bucket, is refused.",
    )  # fmt: skip
    verb.add_argument("names", nargs="*", help="beginnings of names, such as 02 or 01_all; default: all")
    verb.add_argument("--force", action="store_true", help="build those that are up to date, too")
    verb.add_argument("--check", action="store_true", help="build nothing; fail if a notebook is stale")
    verb.set_defaults(run=build)
    return top


def main(arguments=None):
    """Run one verb; the exit code."""
    chosen = parser().parse_args(arguments)
    try:
        return int(chosen.run(chosen) or 0)
    except CourseError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
