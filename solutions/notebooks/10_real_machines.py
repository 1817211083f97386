# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # 10. Real machines
#
# **The question.** Nine lectures ran on simulated machines: one process, a clock that is only a number. Does that tell
# the truth about real ones? Here the same methods run on real processes that really send each other messages, and one
# of them is killed on the way.
#
# Commit to a guess first. Four processes run synchronous SGD for sixty rounds, each on its quarter of the digits. The
# simulator does the same with the same seed. How many of the model's 650 numbers will differ in the last bit: *all, a
# few, or none*?

# %%
from functools import partial

import numpy as np

from course_lib import compressors, data, plots, problems, topology
from course_lib.cards import source
from course_lib.clusters import Constant, Link, SimulatedCluster, Speeds, launch
from course_lib.clusters.launching import cores
from course_lib.clusters.measuring import SIZES, fit_link, round_trips
from course_lib.experiment import run
from course_lib.grading import attempt, check
from course_lib.methods import (
    async_sgd,
    dsgd,
    error_feedback_sgd,
    local_sgd,
    stale_synchronous_sgd,
    sync_sgd,
)
from course_lib.planner import reality

# %% [markdown]
# ## Four processes from a cell
#
# One line starts four **ranks** of an MPI program (Open MPI, started by ipyparallel) on this computer. They end with
# this notebook. If something is missing, the line says what, and the cells below that need real machines say that they
# did not run; all else works. (Windows has no Open MPI: install the course in WSL.)

# %%
machines = launch(4)

# %% [markdown]
# `machines.run(function, ...)` sends a function to every rank, also one written in this notebook, runs it everywhere
# at once, and returns what rank 0 returned. Inside, a rank knows its number; an `allgather` is a real collective.


# %%
def who_is_there():
    from mpi4py import MPI

    ranks = MPI.COMM_WORLD
    return ranks.allgather(f"rank {ranks.rank} of {ranks.size}")


if machines.ready():
    print(machines.run(who_is_there))

# %% [markdown]
# ## The same text, real machines
#
# `MPICluster` has the calls of `SimulatedCluster`. Each rank hosts a **block** of the workers and computes with their
# rows only; `mean` is an all-reduce, `mix` an exchange among neighbours on a graph communicator, and a compressed message
# travels as the compressor's very bytes. The methods are those of lectures 2 to 6: not one line of them is written
# anew. Every rank runs `train`:


# %%
def train(method, problem, rounds, **options):
    from course_lib.clusters import MPICluster

    cluster = MPICluster(problem, **options)
    history = run(method(cluster), rounds, record_every=rounds)
    return history, cluster.order, cluster.trace()


source(sync_sgd)

# %%
digits = data.load("digits")
test = digits.test_features, digits.test_labels


def problem(workers):
    rows = data.deal(digits, data.partition_iid(digits.labels, workers))
    return problems.SoftmaxRegression(*rows, l2=1e-3, weights="equal", test=test)


digits4, W = problem(4), topology.metropolis(topology.ring(4))
methods = {
    "sync SGD": lambda c: sync_sgd(c, 0.5),
    "local SGD, 8 steps": lambda c: local_sgd(c, 0.2, 8),
    "DSGD on a ring": lambda c: dsgd(c, 0.2, W),
    "top-20, error feedback": lambda c: error_feedback_sgd(c, 0.2, compressors.TopK(20)),
}

# %%
options = {"batch_size": 16}
simulated = {
    name: run(method(SimulatedCluster(digits4, **options)), 60, record_every=60)
    for name, method in methods.items()
}
if machines.ready():
    for name, method in methods.items():
        real, _, _ = machines.run(train, method, digits4, 60, seconds=60, **options)
        differ = np.sum(real.model != simulated[name].model)
        accuracy = real.accuracy[-1]
        print(f"{name:23} {differ} of 650 numbers differ, accuracy {accuracy:.2f}")

# %% [markdown]
# None. Two things made that possible. Worker $i$ draws its mini-batches from a random stream that depends on the seed
# and $i$ alone, not on who computes first. And sums are taken in the order of the workers, wherever they are.
#
# **Your turn: blocks.** With more workers than ranks, each rank hosts several, neighbours in number: as even as can
# be, and where it does not come out even, the first ranks host one more. Which rank hosts each worker?


# %% answer="real_machines-host"
def host(m, ranks):
    """Rank of each worker 0 ... m-1: an array of m whole numbers, for m >= ranks."""
    ### BEGIN SOLUTION
    sizes = [m // ranks + (r < m % ranks) for r in range(ranks)]
    return np.repeat(np.arange(ranks), sizes)
    ### END SOLUTION


# %% check="real_machines-host"
check("real_machines-host", host)

# %% [markdown]
# ## The order of a sum
#
# Floating-point addition is commutative, but it is not associative:

# %%
print((0.1 + 0.2) + 0.3 == 0.1 + (0.2 + 0.3))

# %% [markdown]
# A real all-reduce adds up on the way, in an order that depends on the number of ranks and on the algorithm that MPI
# picks for the length of the vector. So `reproducible=True`, the default here, gathers all rows everywhere and adds
# them in the order of the workers: about $m\,d$ words in for each rank instead of $2d$.
# `reproducible=False` lets each rank add up its own rows and MPI the rest. Ten workers on four ranks, both ways:

# %%
ten = problem(10)
if machines.ready():
    reference = run(sync_sgd(SimulatedCluster(ten, **options), 0.5), 60, 60).model
    for reproducible in (True, False):
        how = {"reproducible": reproducible, **options}
        real, _, _ = machines.run(train, methods["sync SGD"], ten, 60, **how)
        apart = np.abs(real.model - reference).max()
        print(f"reproducible={reproducible}: the same to 1e-14: {apart < 1e-14}", end="")
        print(f", bit for bit: {apart == 0}, {real.bytes[-1]:,} bytes")

# %% [markdown]
# Rounding is all that the fast sum costs, here: the problem is strongly convex, so errors shrink. In a network that
# trains for weeks they grow until two runs are two different models, equally good; then bit-identity is the one way
# to tell a bug from bad luck.
#
# ## Does the clock tell the truth?
#
# The simulator's seconds come from a model: a message of $n$ bytes takes $\alpha+\beta n$ seconds (lecture 1). Fit
# the two numbers to this machine: each rank sends to the next and gets the message back, all at once, for several
# lengths.
#
# **Your turn: the fit.** From sizes in bytes and the seconds of whole trips, there *and* back, find latency (seconds)
# and bandwidth (bytes a second) of one message, by least squares (`np.polyfit(x, y, 1)` gives slope and intercept).


# %% answer="real_machines-fit"
def fit(sizes, trips):
    """Latency and bandwidth; `sizes` and `trips` are arrays of the same length."""
    ### BEGIN SOLUTION
    slope, latency = np.polyfit(sizes, trips / 2, 1)
    return latency, 1 / slope
    ### END SOLUTION


# %% check="real_machines-fit"
check("real_machines-fit", fit)

# %%
# NBVAL_IGNORE_OUTPUT
link, trips = Link(), None  # where nothing can be measured: the simulator's own
if machines.ready():
    trips = machines.run(round_trips)
    link = fit_link(SIZES, trips / 2)
    print(f"latency {1e6 * link.latency:.3g} µs, bandwidth {link.bandwidth / 1e9:.2g} GB/s")

# %%
# NBVAL_IGNORE_OUTPUT
if trips is not None:
    with attempt():
        print("yours: {:.3g} s, {:.2g} bytes/s".format(*fit(np.array(SIZES), trips)))

# %% [markdown]
# Now predict a round: the compute time measured inside the run (its mean), the wires from the fit. The last column
# is *measured over model*.

# %%
# NBVAL_IGNORE_OUTPUT
if machines.ready():
    print("milliseconds a round      measured   model   ratio")
    for name, method in methods.items():
        real, _, trace = machines.run(train, method, digits4, 100, reproducible=False)
        compute = np.mean([s.end - s.start for s in trace if s.kind == "compute"])
        model = SimulatedCluster(digits4, compute=float(compute), link=link)
        predicted = run(method(model), 100, 100).seconds[-1] * 10
        measured = real.seconds[-1] * 10
        print(f"{name:25}{measured:8.2f}{predicted:8.2f}{measured / predicted:8.1f}")

# %% [markdown]
# Read the ratio before you trust a simulated second. On this page four ranks most likely share fewer cores, so a rank
# often waits for its turn, a time that the model does not know; and it leaves out what is neither gradient nor wire:
# compressing, Python, copying, and the wait for whichever rank comes last. The ratio is worst where the model counts
# least, neither much computing nor many bytes, yet Python has much to do, as when it compresses. So use simulated
# seconds to *compare* what methods send and wait, where messages or gradients take most of the time, and measure before
# you promise a number. The rounds and the bytes, by contrast, are exact.
#
# The **planner** (`python -m course_lib plan`) is asked before anything has run. Tell it what two, three and four ranks
# of this machine measure: their link, and the compute time of a single gradient, all ranks computing at once, as *the
# quickest, plus a memoryless rest* up to the mean. What will a step of synchronous SGD take, and one of DSGD on a ring?
# Then run a hundred of each.

# %%
# NBVAL_IGNORE_OUTPUT
if machines.ready():
    print(f"milliseconds a step on {cores()} cores   measured  planner  ratio  mostly")
    for team in machines.run(reality.measured, problem):
        measured = team.pop("steps")
        for family, forecast in reality.predicted(**team).items():
            took, said = 1e3 * measured[family], 1e3 * forecast.round
            name = f"{team['ranks']} ranks, {family}"
            most = max(forecast.parts, key=forecast.parts.get)
            print(f"{name:32}{took:10.2f}{said:9.2f}{took / said:7.1f}  {most}")

# %% [markdown]
# The planner takes each machine to have a core of its own, and delays to be independent. Neither holds here once there
# are more ranks than cores: a rank that has been put aside makes all others wait, who meanwhile keep the cores busy
# asking whether it is back. Some of that is in what it was told (the mean of a gradient, the latency), some is not, and
# neither is Python's share of a step. A ratio near one says that the planner may be trusted here. Expect it higher where
# there are more ranks than cores, or other work on them; trust the planner the less, the higher it is. What it means by
# a worker is a machine.
#
# ## An asynchronous run, twice
#
# Without a barrier no run happens twice: who comes first depends on the operating system. Here rank 0 is the server and
# receives from any; the others host the six workers. We record the **order of arrivals**, and hand it to the simulator.

# %%
six = problem(6)
free = partial(async_sgd, step_size=0.1)
if machines.ready():
    for attempted in (1, 2, 3):
        real, order, _ = machines.run(train, free, six, 300, **options)
        again = SimulatedCluster(six, replay=order, **options)
        replayed = run(free(again), 300, record_every=300)
        same = np.array_equal(replayed.model, real.model)
        print(f"run {attempted}: replayed bit for bit: {same}")

# %% [markdown]
# The record is a few numbers for each arrival. With the seed it *is* the run, with all its races: on any machine, under
# a debugger, as often as you like.
#
# ## One worker made slow
#
# Three workers, a rank each. Worker 2 now sleeps 20 milliseconds at every gradient, the others 2. How stale are their
# gradients, really, and what does the simulator expect from these times alone?

# %%
three, naps = problem(3), {0: 0.002, 1: 0.002, 2: 0.02}
speeds = Speeds(Constant(0.002), [1, 1, 0.1])
expected = SimulatedCluster(three, compute=speeds, link=link, **options)
run(free(expected), 300, record_every=300)
lame = {"simulated": expected.order}
if machines.ready():
    _, lame["measured"], _ = machines.run(train, free, three, 300, delays=naps, **options)
for name, o in lame.items():
    print(f"{name}: worker {np.bincount(o.workers).argmin()} is heard least")

# %%
# NBVAL_IGNORE_OUTPUT
fig, axes = plots.figure(columns=2)
shares = [np.bincount(o.workers, minlength=3) / 300 for o in lame.values()]
late = [[o.staleness[o.workers == i].mean() for i in range(3)] for o in lame.values()]
for ax, values, label in zip(axes, (shares, late), ("share", "mean staleness")):
    for k, (name, row) in enumerate(zip(lame, values)):
        place = np.arange(3) + 0.4 * k
        ax.bar(place, row, width=0.4, color=plots.COLORS[k], label=name)
    ax.set(xlabel="worker", ylabel=label, xticks=[0.2, 1.2, 2.2], xticklabels=range(3))
axes[0].legend()
fig

# %% [markdown]
# Left, the share of all updates that is a worker's; right, how stale its gradients are. Where the bars differ the
# machine had other things to do than its model says: a sleep takes longer than it should, a process waits for a core.
# The verdict is the same, and so is lecture 4's advice.
#
# ## Kill one
#
# An MPI program dies as a whole: if one rank is gone, the others wait for it for ever, and not even Ctrl-C can reach
# them (`machines.run` stops everything after `seconds` and starts anew). For asynchronous training there is a better
# way: plain processes that know nothing of each other, and a server, here, that hands out **tasks**. A task names all
# that a gradient needs: whose it is, its number in that worker's stream, and the model. So a task lost with its process
# can be given to a replacement, and gives the same result.
#
# After sixty updates we kill the process of worker 2, as a power cut would, in the middle of a gradient. A bound on how
# far anyone may run ahead (lecture 4) makes the others wait for it at last.

# %%
machines.stop()
engines = launch(4, engines="local")
bounded = partial(stale_synchronous_sgd, step_size=0.1, bound=15)

# %%
if engines.ready():
    from course_lib.clusters import EngineCluster

    server = EngineCluster(digits4, engines, **options)
    steps = bounded(server)
    run(steps, 60, record_every=60)
    engines.kill(server.places[2])
    survived = run(steps, 140, record_every=140)
    arrivals, heard = server.order, np.bincount(server.order.workers)
    print(f"killed: {len(server.deaths)}, replaced: {None not in server.places}")
    print(f"updates: {len(arrivals.workers)}, all workers heard: {heard.min() > 20}")

# %%
# NBVAL_IGNORE_OUTPUT
fig, ax = plots.figure(width=6, height=2.4)
if engines.ready():
    ax.plot(arrivals.seconds, arrivals.workers, "|", markersize=14, color=plots.COLORS[0])
    ax.axvline(server.deaths[0][0], color=plots.COLORS[1], label="found dead")
    ax.legend(loc="lower left", bbox_to_anchor=(0, 1))
ax.set(xlabel="seconds", ylabel="worker", yticks=range(4), ylim=(3.9, -0.6))
fig

# %% [markdown]
# Each dash is a gradient that arrived. Worker 2 falls silent, the others go on until the bound holds them; a new
# process comes up, takes over the lost task, and all go on. Was every update applied, and none twice? The simulator,
# which knows nothing of deaths, replays the order:

# %%
if engines.ready():
    again = SimulatedCluster(digits4, replay=arrivals, **options)
    replayed = run(bounded(again), 200, record_every=200)
    print("bit for bit:", np.array_equal(replayed.model, survived.model))

# %% [markdown]
# And if the *server* dies? `History.save` writes a **checkpoint**: the method's state and the cluster's, with the
# models of all gradients under way. A new server restores it and goes on, as if nothing had been.

# %%
from pathlib import Path
from tempfile import TemporaryDirectory

from course_lib.experiment import History

if engines.ready():
    with TemporaryDirectory() as folder:
        run(free(EngineCluster(digits4, engines, **options)), 40).save(Path(folder, "run"))
        saved = History.load(Path(folder, "run"))
    other = EngineCluster(digits4, engines, **options)
    other.restore(saved.cluster)
    end = run(async_sgd(other, 0.1, start=saved.state), 40)
    again = run(free(SimulatedCluster(digits4, replay=other.order, **options)), 80)
    print("bit for bit:", np.array_equal(again.model, end.model))

# %%
engines.stop()

# %% [markdown]
# **Your turn: exactly once.** A server that repeats lost tasks may get a result twice: the first process was not dead,
# only slow. `results` is a list of `(worker, number, gradient)` in the order of arrival; a task's result is the same
# each time. Take one step along the gradient of every task, and no step twice.


# %% answer="real_machines-once"
def apply_once(x, results, step_size):
    """The model (d,) after all results; `number` counts each worker's own gradients from 0."""
    ### BEGIN SOLUTION
    seen = set()
    for worker, number, gradient in results:
        if (worker, number) not in seen:
            seen.add((worker, number))
            x = x - step_size * gradient
    return x
    ### END SOLUTION


# %% check="real_machines-once"
check("real_machines-once", apply_once)

# %% [markdown]
# ## Many machines
#
# Without a notebook, on any number of hosts that share a folder:
#
# ```
# mpiexec -n 4 python -m course_lib run dsgd step_size=0.2 W=ring --workers 16 --out dsgd.npz
# ```
#
# and then `History.load("dsgd.npz")`. As root, or with more ranks than cores, Open MPI wants to be told:
# `OMPI_ALLOW_RUN_AS_ROOT=1`, `OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1`, `PRTE_MCA_rmaps_default_mapping_policy=:oversubscribe`
# (`launch` sets them). From a notebook, ipyparallel's own launchers start the same processes on a cluster:
#
# | where | how |
# |---|---|
# | Slurm, in a job | `srun -n 64 --mpi=pmix python -m course_lib run ...` |
# | Slurm, from a notebook | `launch(64, "slurm", controller_ip="*")` |
# | PBS, from a notebook | `launch(64, "pbs", controller_ip="*")` |
# | machines with SSH | `launch(8, "ssh", profile="lab", controller_ip="*")`; hosts: `c.SSHEngineSetLauncher.engines = {"host": 4}` in that profile's `ipcluster_config.py` |
#
# Queue, account and walltime stand in the profile as well (`c.SlurmEngineSetLauncher.batch_template`). All hosts need
# the same Python environment. These rows are ipyparallel's documented settings; we could test them on no queue of our
# own.

# %% [markdown]
# ## Think
#
# **Two runs of one program on the same machines, with the same seed, differ in the last bits. Is that a bug?** Name
# two causes, what each needs to be removed, and what that costs. About six lines.

# %% [markdown] essay="real_machines-bits" points=6
# ### BEGIN SOLUTION
# Not necessarily. (1) Sums: floating-point addition is not associative, and an all-reduce adds in an order that depends
# on the number of ranks, on the algorithm chosen for the length, sometimes on who arrives first. Removed by a fixed
# order (gather, then add by worker; or reproducible summation, Demmel and Nguyen 2015): more words, $(m-1)d$ instead
# of about $2d$, or more arithmetic. (2) Order of events: without a barrier gradients arrive in another order each time,
# a difference far above rounding. Removed by a barrier, which costs the wait for the slowest, or made repeatable by
# recording the order and replaying it, which costs a few numbers an arrival. (3) Random numbers drawn from one
# global generator in the order of execution: a stream for each worker, from (seed, worker), costs nothing. It *is* a
# bug where the program promised the same bits, or where the difference does not stay at rounding level.
#
# *Rubric (6):* 2 non-associative sums with the remedy; 2 a second cause (order of arrival, or a shared random
# generator) with its remedy; 1 what a remedy costs, in words, seconds or arithmetic; 1 when it would be a bug.
# ### END SOLUTION

# %% [markdown]
# **Why was every update applied exactly once, though a process died in the middle of one?** Say what in the design
# this rests on, and change one thing about the workers so that it would no longer be true. About eight lines.

# %% [markdown] essay="real_machines-exactly" points=8
# ### BEGIN SOLUTION
# The server alone changes the model, and uses one result for each task (worker, number). A worker holds nothing that
# the server could not give it again: the task carries the model, and the mini-batch follows from (seed, worker, number).
# So computing a gradient is a pure function: doing it twice, or on another machine, does no harm (at-least-once
# execution), and using one result a task makes it exactly once. It breaks if a worker keeps a state of its own that
# dies with it (momentum, an error-feedback memory, a random generator that went on, local steps since the last push); if
# workers write into the model themselves, as in Hogwild, where a death may leave half an update; or if the server's
# state is lost without a checkpoint. Remedies: send that state along, or checkpoint it together with the model. The
# replay is the evidence: an update lost or doubled would change the last bits.
#
# *Rubric (8):* 3 tasks are pure functions of what the server knows; 2 one result a task is used (server as the only
# writer); 2 a change that breaks it, with the reason; 1 evidence (the replay) or the server's own death.
# ### END SOLUTION

# %% [markdown]
# ## When to use it
#
# Design on the simulator, where a round is exact and free; confirm on real processes, where seconds are true. Keep sums
# reproducible until the method works, fast ones for production; record the order of every asynchronous run.
#
# | If ... | then ... |
# |---|---|
# | you compare methods, or look for a bug | `SimulatedCluster`: every run is the same run |
# | you want true seconds of synchronous or gossip methods | `MPICluster`, `reproducible=False` |
# | a run must be the same on 4 and on 64 ranks | `MPICluster`, `reproducible=True` |
# | machines come and go | `EngineCluster`: tasks, replacements, checkpoints |
# | nothing seems to happen | a deadlock: no interrupt breaks it; `machines.restart()` |
#
# Next: the four studies, from [scalability](study_1_scalability.ipynb) on, and your own cluster in the planner at the end
# of [study 2](study_2_communication.ipynb).
#
# ## Reading
#
# - W. Gropp, E. Lusk and A. Skjellum (2014), *Using MPI*, third edition, MIT Press. The book to learn MPI from; read the
#   chapters on collectives and on intermediate techniques.
# - L. Dalcin and Y.-L. L. Fang (2021), *mpi4py: status update after 12 years of development*, Computing in Science and
#   Engineering 23. What the Python side can do, and how fast it is.
# - R. Thakur, R. Rabenseifner and W. Gropp (2005), *Optimization of collective communication operations in MPICH*,
#   International Journal of High Performance Computing Applications 19. Which algorithm MPI picks, and why by length.
# - J. Demmel and H. D. Nguyen (2015), *Parallel reproducible summation*, IEEE Transactions on Computers 64. The same bits
#   at any number of ranks, without gathering everything.
# - J. Dean et al. (2012), *Large scale distributed deep networks*, NIPS. A training system that took dead machines
#   for granted.
