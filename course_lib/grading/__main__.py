"""The course's grading on the command line: build, check, grade, selftest."""

import argparse
import sys
from pathlib import Path

from course_lib.errors import exit_code

RAW = {"formatter_class": argparse.RawDescriptionHelpFormatter}
EPILOG = """\
An instructor's week:
  python -m course_lib.grading selftest                       does the grading itself work here?
  ... hand out exercises/, collect the notebooks, download them as one zip ...
  python -m course_lib.grading grade submissions.zip --out marks
  ... write points into marks/manual.csv, run the same line again: only what is new is run ...
A student's evening:
  python -m course_lib.grading check exercises/01_all_reduce.ipynb
Run all of them in the course's folder. Each VERB has a --help that teaches."""


def build(arguments):
    """Build notebooks from masters, or say which are stale."""
    from course_lib.grading import building

    if arguments.check:
        stale = building.stale(Path.cwd(), arguments.names)
        print("\n".join([*stale, "Run: python -m course_lib.grading build"] if stale else ["all up to date"]))
        return bool(stale)
    building.build(Path.cwd(), arguments.names, arguments.force, arguments.seed, arguments.student)


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

    chosen = vars(arguments)
    kept = {name: chosen[name] for name in ("seconds", "seed", "regrade")}
    print(grading.summary(grading.grade(Path.cwd(), arguments.submissions, arguments.out, **kept)))
    print(f"Written to {arguments.out}: grades.csv, manual.csv, class.html, feedback/, results/")


def selftest(arguments):
    """Test the grading itself."""
    from course_lib.grading.selftest import selftest

    faults = selftest(Path.cwd(), arguments.names)
    print("\n".join(faults or ["all as it should be: solutions earn everything, stubs and wrong answers nothing"]))
    return bool(faults)


BUILD = """\
Make from each master, solutions/*/NN_name.py, the executed solved notebook beside it and the executed student
notebook in notebooks/ or exercises/. Only what is older than its master or the library is built. A grading
cell that could be guessed, or whose values lie at the edge of a bucket, is refused.

  build                      all that is not up to date
  build 03 --force           one of them, in any case
  build --check              build nothing, fail where something is stale: for a CI
  build --seed 4711          private/solutions/: hidden inputs that nobody finds in the repository
  build 06 --student Ada     private/Ada/: her variant, with data of her own, and its solution

`grade` draws private inputs by itself, and grades a variant against the variant's own reference; it needs
neither of the last two. They are for whoever looks on paper, or runs nbval or nbgrader by hand."""
CHECK = """\
Run the public checks of notebooks and say for each question what is right, what differs, what may be the
cause, and a hint. It promises nothing on the grade: that is decided on other inputs.

  check                                  how far have I come, in all lectures and exercises?
  check exercises/02_compression.ipynb   what is missing in this one?"""
GRADE = """\
Take from each notebook the source of its answer cells, with the helper functions that they need, nothing else;
run it on inputs that nobody has seen, and let nbval compare what it computes with the reference. Only a cell
that passes earns its points. What fails is run once more alone, among reference answers, so that one broken
answer costs only itself. Where a file or the machinery fails, the submission is NOT GRADED, never 0.

  grade submissions.zip --out marks      a zip or folder as Moodle or Canvas makes it, or any folder
  grade submissions.zip --out marks      again: goes on where it was stopped, and takes in manual.csv
  grade submissions.zip --out marks --regrade     everything anew; marks given by hand stay

In marks/: grades.csv; manual.csv, the Socratic answers beside their rubric, with an empty column for your
points; class.html, statistics and misconceptions counted; feedback/, a page for each student; results/,
Gradescope's results.json for each; private/, the seed of the hidden inputs and what is graded already.

Students' code runs in bubblewrap where the machine has it (Debian: apt-get install bubblewrap): no network, no
solutions, limits on time, memory, processes, files and output. Elsewhere the table says UNSANDBOXED."""
SELFTEST = """\
Grade the solution, which must earn everything, the stub, which must earn nothing, and every known wrong answer,
which must lose its points and be called by its own name; then try to break out of the sandbox.

  selftest         all notebooks, some minutes: do it once on the machine on which you will grade
  selftest 01      one of them"""


def parser():
    """The command line."""
    top = argparse.ArgumentParser(prog="python -m course_lib.grading", description=__doc__, epilog=EPILOG, **RAW)
    verbs = top.add_subparsers(required=True, metavar="VERB")

    verb = verbs.add_parser("build", help="make the notebooks from their masters", description=BUILD, **RAW)
    verb.add_argument("names", nargs="*", help="beginnings of names, such as 02 or 01_all; default: all")
    verb.add_argument("--force", action="store_true", help="build those that are up to date, too")
    verb.add_argument("--check", action="store_true", help="build nothing; fail if a notebook is stale")
    verb.add_argument("--seed", type=int, metavar="N", help="a private set of solved notebooks, below private/")
    verb.add_argument("--student", default="", metavar="NAME", help="this student's variant, below private/NAME/")
    verb.set_defaults(run=build)

    verb = verbs.add_parser("check", help="a student's progress by the public checks", description=CHECK, **RAW)
    verb.add_argument("notebooks", nargs="*", type=Path, help="default: all in notebooks/ and exercises/")
    verb.set_defaults(run=check)

    verb = verbs.add_parser("grade", help="grade what was handed in", description=GRADE, **RAW)
    verb.add_argument("submissions", type=Path, help="a notebook, a zip, or a folder of any depth")
    verb.add_argument("--out", type=Path, required=True, help="folder for all that is written")
    verb.add_argument("--seconds", type=float, default=30, help="limit for one cell (30)")
    verb.add_argument("--seed", type=int, metavar="N", help="of the hidden inputs; default: drawn once, and kept")
    verb.add_argument("--regrade", action="store_true", help="grade anew what is graded already")
    verb.set_defaults(run=grade)

    verb = verbs.add_parser("selftest", help="does the grading do what it says?", description=SELFTEST, **RAW)
    verb.add_argument("names", nargs="*", help="beginnings of names; default: all")
    verb.set_defaults(run=selftest)
    return top


def main(arguments=None):
    """Run one verb; the exit code."""
    chosen = parser().parse_args(arguments)
    return exit_code(chosen.run, chosen)


if __name__ == "__main__":
    sys.exit(main())
