"""The course's command line: `python -m course_lib VERB`."""

import argparse
import ast
import os
import sys
from pathlib import Path

from course_lib.errors import CourseError, exit_code

EPILOG = """examples:
  python -m course_lib run sync_sgd step_size=0.5 --batch-size 16
  python -m course_lib run dsgd step_size=0.2 W=ring --workers 16 --out dsgd.npz
  python -m course_lib run error_feedback_sgd step_size=0.5 'compressor=TopK(10)'
  mpiexec -n 4 python -m course_lib run local_sgd step_size=0.2 local_steps=8
  python -m course_lib plan ResNet-50 64 --compute 0.2 --bandwidth 1.25e9
  python -m course_lib study scalability --quick"""

#: Set by those who start MPI ranks: Open MPI, MPICH and Intel, PMIx (Slurm).
RANKS = ("OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "PMIX_RANK")


def run(arguments):
    """Run one method on one data set; under mpiexec on all ranks."""
    from course_lib import experiment
    from course_lib.methods import METHODS

    if arguments.out and not arguments.out.absolute().parent.is_dir():
        raise CourseError(f"--out: there is no folder {arguments.out.parent}")
    if arguments.seed < 0:
        raise CourseError(f"the seed must be at least 0, not {arguments.seed}")
    if arguments.method not in METHODS:
        raise CourseError(f"no method {arguments.method!r}; there are {', '.join(METHODS)}")
    cluster = _cluster(arguments, _problem(arguments))
    settings = dict(_setting(text, arguments.workers) for text in arguments.settings)
    method = METHODS[arguments.method](cluster, **settings)
    first = getattr(cluster, "rank", 0) == 0
    history = experiment.run(method, arguments.rounds, max(arguments.rounds // 10, 1), quiet=not first)
    if first:
        print(history)
    if first and arguments.out:
        history.save(arguments.out)


def _problem(arguments):
    """The data set as a problem, dealt evenly to the workers."""
    from course_lib import data, problems

    rows = data.load(arguments.data)
    kind = {"digits": problems.SoftmaxRegression, "breast_cancer": problems.LogisticRegression}
    parts = data.partition_iid(rows.labels, arguments.workers)
    test = rows.test_features, rows.test_labels
    return kind.get(arguments.data, problems.LeastSquares)(*data.deal(rows, parts), 1e-3, weights="equal", test=test)


def _cluster(arguments, problem):
    """Simulated; or these ranks, if somebody started us as one of several."""
    from course_lib import clusters

    options = {"seed": arguments.seed, "batch_size": arguments.batch_size}
    if any(name in os.environ for name in RANKS):
        return clusters.MPICluster(problem, **options)
    return clusters.SimulatedCluster(problem, **options)


def _setting(text, workers):
    """A method's argument and its value, from ``step_size=0.5``, ``W=ring`` or ``compressor=TopK(10)``."""
    from course_lib import topology
    from course_lib.aggregators import AGGREGATORS
    from course_lib.compressors import COMPRESSORS

    name, _, value = text.partition("=")
    try:
        if name in ("W", "A"):
            weights = topology.metropolis if name == "W" else topology.push_weights
            return name, weights(getattr(topology, value)(workers))
        node = ast.parse(value, mode="eval").body
        if isinstance(node, ast.Call):
            return name, (COMPRESSORS | AGGREGATORS)[node.func.id](*map(ast.literal_eval, node.args))
        return name, ast.literal_eval(node)
    except (SyntaxError, AttributeError, KeyError, TypeError, ValueError):
        raise CourseError(f"{text!r} is no setting: write step_size=0.5, W=ring or 'compressor=TopK(10)'") from None


def plan(arguments):
    """Predict which method gets there first on a cluster."""
    from course_lib import planner

    given = {name: value for name, value in vars(arguments).items() if name not in ("run", "stragglers")}
    if given["parameters"].replace("_", "").isdigit():
        given["parameters"] = int(given["parameters"])
    print(planner.plan(**given | {"compute": planner.STRAGGLERS[arguments.stragglers](arguments.compute)}))


def study(arguments):
    """Run a study whole, or what is left of it, and write its figure and tables."""
    from course_lib import studies

    try:
        results = studies.study(arguments.name).run(arguments.quick, arguments.cache)
    except KeyboardInterrupt:
        print("\nstopped: all runs that were finished are kept; the same command goes on from there", file=sys.stderr)
        return 130
    print(results)
    print(f"\nwritten to {arguments.out}/: {', '.join(results.save(arguments.out))}")
    return 0 if all(c.holds for c in results.conclusions) else 1


def parser():
    """The command line."""
    top = argparse.ArgumentParser(
        prog="python -m course_lib", description=__doc__, epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    verbs = top.add_subparsers(required=True, metavar="VERB")

    verb = verbs.add_parser(
        "run", help="run one method and print its history",
        description="Run a method on a data set that ships with the course. Started by mpiexec it runs on the real "
        "ranks, which share the workers among themselves; else on the simulated cluster.",
    )  # fmt: skip
    verb.add_argument("method", help="such as sync_sgd, local_sgd, dsgd, async_sgd")
    verb.add_argument("settings", nargs="*", help="its arguments: step_size=0.5 local_steps=8 W=ring")
    verb.add_argument("--data", choices=("digits", "breast_cancer", "diabetes"), default="digits")
    verb.add_argument("--workers", type=int, default=8)
    verb.add_argument("--batch-size", type=int, help="rows a worker and gradient; default: all it has")
    verb.add_argument("--rounds", type=int, default=100)
    verb.add_argument("--seed", type=int, default=0)
    verb.add_argument("--out", type=Path, help="file for the history, .npz")
    verb.set_defaults(run=run)

    verb = verbs.add_parser(
        "plan", help="predict which method suits a cluster",
        description="Seconds of each all-reduce, time to the target for each family of methods, the bottleneck, and "
        "what to change first.",
    )  # fmt: skip
    verb.add_argument("parameters", help="how many, or a model: ResNet-50, BERT-large, 'Llama-3 8B', GPT-3 ...")
    verb.add_argument("workers", type=int, help="2 to 100,000")
    verb.add_argument("--compute", type=float, default=0.1, help="mean seconds of one worker's gradient (%(default)s)")
    verb.add_argument("--latency", type=float, default=5e-5, help="seconds (%(default)s)")
    verb.add_argument("--bandwidth", type=float, default=1.25e9, help="bytes a second (%(default)s)")
    verb.add_argument("--stragglers", choices=("none", "mild", "memoryless", "heavy tail"), default="none")
    verb.add_argument("--condition", type=float, default=100.0, help="of the curvature (%(default)s)")
    verb.add_argument("--noise", type=float, default=1.0, help="variance of a gradient over its square (%(default)s)")
    verb.add_argument("--heterogeneity", type=float, default=0.0, help="0: workers hold alike data; up to 0.9")
    verb.add_argument("--target", type=float, default=0.01, help="share of the first loss that is left (%(default)s)")
    verb.set_defaults(run=plan)

    verb = verbs.add_parser(
        "study", help="run one of the four studies",
        description="Run a grid of experiments, keep each on disk, and write a figure and tables. Stopped and started "
        "again, it goes on where it was.",
    )  # fmt: skip
    verb.add_argument("name", help="scalability, communication, compression or faults")
    verb.add_argument("--quick", action="store_true", help="the short form: under a minute")
    verb.add_argument("--cache", type=Path, help="folder in which runs are kept (default: the user's cache folder)")
    verb.add_argument("--out", type=Path, default=Path("study"), help="folder for the figure and tables (%(default)s)")
    verb.set_defaults(run=study)
    return top


def main(arguments=None):
    """Run one verb; the exit code."""
    chosen = parser().parse_args(arguments)
    return exit_code(chosen.run, chosen)


if __name__ == "__main__":
    sys.exit(main())
