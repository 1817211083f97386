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


def check(arguments):
    """Run public checks and print how far one has come."""
    from course_lib.grading.progress import progress

    everywhere = sorted(p for folder in ("notebooks", "exercises") for p in Path(folder).glob("*.ipynb"))
    for path in arguments.notebooks or everywhere:
        results = progress(path)
        right = [question for question, state, _ in results if state == "right"]
        earned, of = sum(q.points for q in right), sum(q.points for q, _, _ in results)
        print(f"\n{path}: {len(right)} of {len(results)} right in the public checks, {earned} of {of} points")
        for _, _, said in results:
            print("  - " + said.replace("\n", "\n    "))


def grade(arguments):
    """Grade submissions."""
    from course_lib.grading import grade as grading

    sheets = grading.grade(Path.cwd(), arguments.submissions, arguments.out, arguments.seconds)
    print(grading.summary(sheets))
    print(f"Written: {arguments.out / 'grades.csv'} and {arguments.out / 'feedback'}")


def selftest(arguments):
    """Test the grading itself."""
    from course_lib.grading.selftest import selftest

    faults = selftest(Path.cwd(), arguments.names)
    print("\n".join(faults or ["all as it should be: solutions earn everything, stubs and wrong answers nothing"]))
    return bool(faults)


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

    verb = verbs.add_parser(
        "check", help="a student's progress by the public checks",
        description="Run the public checks of notebooks and say for each question what is right, what differs, "
        "and what may be the cause. It promises nothing on the grade.",
    )  # fmt: skip
    verb.add_argument("notebooks", nargs="*", type=Path, help="default: all in notebooks/ and exercises/")
    verb.set_defaults(run=check)

    verb = verbs.add_parser(
        "grade", help="grade a folder of submitted notebooks",
        description="Take from each notebook the source of its answer cells, nothing else, set it into the executed "
        "reference, and let nbval compare what the hidden grading cells print. Only a cell that passes earns its "
        "points; where the machinery or a file fails, the submission is NOT GRADED. Students' code runs in "
        "bubblewrap where the machine has it.",
    )  # fmt: skip
    verb.add_argument("submissions", type=Path, help="a notebook, or a folder of notebooks of any depth")
    verb.add_argument("--out", type=Path, required=True, help="folder for grades.csv and feedback/")
    verb.add_argument("--seconds", type=float, default=30, help="limit for one cell (30)")
    verb.set_defaults(run=grade)

    verb = verbs.add_parser(
        "selftest", help="does the grading do what it says?",
        description="Grade the solution, which must earn everything, the stub, which must earn nothing, and every "
        "known wrong answer, which must lose its points and be called by its own name.",
    )  # fmt: skip
    verb.add_argument("names", nargs="*", help="beginnings of names; default: all")
    verb.set_defaults(run=selftest)
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
