# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # 7. Faults: slow, dead, lying
#
# **The question.** Your job runs on a hundred machines, and machines break. Some are **slow**: nobody knows why, and
# all others wait. Some are **dead**: a power supply fails, and what was in memory is gone. Some **lie**: a broken chip,
# or somebody who wishes you ill, sends numbers that are no gradient. The lesson puts all three under "fault tolerance".
# They have three different cures, and each has its price. Which, and how much?
#
# Commit to a guess first: of sixteen machines with varying compute times, how much sooner is a round over if the last
# one is not waited for?

# %%
from tempfile import TemporaryDirectory

import numpy as np

from course_lib import bounds, coding, compressors, data, plots, problems
from course_lib.cards import source
from course_lib.checkpoints import Checkpoints
from course_lib.clusters import (
    Crashes,
    Exponential,
    Link,
    Loss,
    Partition,
    ShiftedExponential,
    SimulatedCluster,
    Speeds,
    slow_worker,
)
from course_lib.experiment import run
from course_lib.explorers import faults as explorers
from course_lib.grading import attempt, check
from course_lib.methods import (
    backup_sgd,
    coded_sgd,
    elastic_sgd,
    error_feedback_sgd,
    fedavgm,
    speculative_sgd,
    sync_sgd,
)

instant = Link(latency=0, bandwidth=np.inf)  # where only computing is to count

# %%
explorers.stragglers_explorer

# %% [markdown]
# ## Slow
#
# Ten machines learn the digits, and every one holds the images of a *single* digit: data stay where they arise. Machine
# 9, which holds the nines, is five times as slow as the others. In synchronous SGD nine machines wait (grey) for one:

# %%
digits = data.load("digits")
parts = [np.flatnonzero(digits.labels == digit) for digit in range(10)]
features, labels = data.deal(digits, parts)
test = digits.test_features, digits.test_labels
each_its_own = problems.SoftmaxRegression(
    features, labels, 1e-3, weights="pooled", test=test
)
nine_is_slow = slow_worker(10, 5, worker=9, base=ShiftedExponential(1e-3, 2e-4))
cluster = SimulatedCluster(each_its_own, batch_size=16, compute=nine_is_slow)
sync = run(sync_sgd(cluster, 0.5), 300, record_every=10)
plots.timeline(cluster, until=0.03)

# %% [markdown]
# **Cure 1: backup workers.** Begin with all $m$, go on as soon as the first $m-b$ are done, and throw away what the
# others were at (Chen et al. 2016). The library's function, whole; `first` gives the team of those that were first:

# %%
source(backup_sgd)

# %% [markdown]
# **Your turn: backup workers.** Worker $i$ would be done after `seconds[i]`. Return the new model, and when the round
# is over.

# %% answer="faults-backup"
def backup_step(x, gradients, seconds, backups, step_size):
    """New model (d,) and seconds of the round; `gradients` has shape (m, d)."""
    ### BEGIN SOLUTION
    first = np.argsort(seconds)[: len(seconds) - backups]
    return x - step_size * gradients[first].mean(axis=0), seconds[first].max()
    ### END SOLUTION


# %% check="faults-backup"
check("faults-backup", backup_step)

# %% [markdown]
# ### What it takes
#
# **Theorem card 7.1: the $k$-th of $m$.** *(proved: while $j$ memoryless clocks run, the next rings after $\frac1j$ of
# the mean)* For independent exponential compute times of mean $T$ the first $m-b$ of $m$ are done after
# $T\,(H_m-H_b)$ seconds on average, $H_k=1+\frac12+\dots+\frac1k$; the mean of their gradients on $n$ samples each has
# the variance $\frac{\sigma^2}{(m-b)n}$. The first few that are not waited for save the most: of $H_{32}=4.06$ seconds
# four save 2.08, and cost an eighth of the precision.

# %%
toy = problems.Quadratic(np.ones((32, 1, 1)), np.zeros((32, 1)))
lab = SimulatedCluster(toy, compute=Exponential(1.0), link=instant)
for backups in (0, 1, 4, 16):
    ends = run(backup_sgd(lab, 0.1, backups), 2000, record_every=2000).seconds
    formula = bounds.kth_exponential(32 - backups, 32)
    print(f"{backups:2} backups: {ends[-1] / 2000:.2f} s a round, formula {formula:.2f}")

# %% [markdown]
# ### What it costs: somebody's data
#
# The lesson does not say that backup workers *drop data*, always those of the slow. On our ten machines:

# %%
backup = run(backup_sgd(cluster, 0.5, backups=1), 300, record_every=10)
nines = digits.test_labels == 9
for history in (sync, backup):
    said = each_its_own.scores(history.model, digits.test_features).argmax(axis=1)
    right = (said == digits.test_labels)[nines].mean()
    seconds = history.seconds[-1]
    print(f"{history.name:10} {seconds:.1f} s, {right:.0%} of the nines are recognised")

# %% [markdown]
# Three times as fast, and no nine was ever seen: the loss curve of the nine other machines looks fine.
#
# **Theorem card 7.2: where backup workers go.** *(proved: one line of expectation)* Let $p_i$ be the share of the
# rounds' results that worker $i$ contributes, the probability to be among the first $m-b$ divided by $m-b$. In
# expectation the step is along $\sum_ip_i\nabla f_i$: the method aims at the minimiser of $\sum_ip_if_i$, **however
# small the step**. It is right if speeds are alike, or if all machines hold alike data. Below, four machines, two of
# them slow, whose $f_i(x)=\frac12(x-i)^2$:

# %%
centres = problems.Quadratic(np.ones((4, 1, 1)), np.arange(4.0)[:, None])
rates = np.array([4.0, 4.0, 2.0, 1.0])
uneven = SimulatedCluster(centres, compute=Speeds(Exponential(1.0), rates), link=instant)
steps = backup_sgd(uneven, 0.05, backups=2)
x = [next(steps)[0].item() for _ in range(20_000)]
p = bounds.heard(rates, 2) / 2
print(f"mean model {np.mean(x[1000:]):.2f}, minimiser of sum p_i f_i {p @ np.arange(4):.2f}")
print(f"minimiser of f {centres.optimum().item():.2f}")

# %% [markdown]
# ### Two cures that drop nothing
#
# Both need the slow machine's data on another one, too. **Speculation** (Dean and Ghemawat 2004): when all but $c$ are
# done, idle machines begin the last $c\le\frac m2$ gradients again, and the earlier copy counts. For memoryless times
# it halves the wait for these: $T(H_m-\frac12H_c)$ instead of $TH_m$. **Gradient coding** (Tandon et al. 2017): each
# machine holds $s+1$ shares of the data, and sends *one* vector, a mixture $\sum_jB_{ij}g_j$ of its shares' gradients.
# Any $m-s$ such vectors determine $\sum_jg_j$ **exactly**:

# %%
code = coding.Cyclic(5, stragglers=2, seed=12)
with np.printoptions(precision=2, suppress=True):
    print(code.B)
    print("weights if 0 and 3 are late:", code.decode([1, 2, 4]))

# %% [markdown]
# **Your turn: decode.** `received` holds the messages of the workers that were heard, one a row. Combine them so that
# every share of the data gets weight one.

# %% answer="faults-decode"
def decode(B, workers, received):
    """Sum of the gradients of all m shares, (d,), from `received`, (n, d), which these n workers have sent."""
    ### BEGIN SOLUTION
    weights = np.linalg.lstsq(B[workers].T, np.ones(len(B)), rcond=None)[0]
    return weights @ received
    ### END SOLUTION


# %% check="faults-decode"
check("faults-decode", decode)

# %% [markdown]
# **Theorem card 7.3: gradient codes.** *(Tandon et al. 2017; every pattern computed below)* To recover the gradient from
# **any** $m-s$ workers each share must be on $s+1$ of them: those $s$ that are missing may be all that hold it. So
# workers compute at least $s+1$ shares each, on average. The cyclic code gives everyone just that, for every $m$.

# %%
from itertools import combinations

worst, code = 0.0, coding.Cyclic(12, stragglers=2)
gradients = np.random.default_rng(0).normal(size=(12, 5))
for late in combinations(range(12), 2):
    heard = np.delete(np.arange(12), late)
    found = code.decode(heard) @ code.encode(gradients)[heard]
    worst = max(worst, abs(found - gradients.sum(0)).max())
print(f"66 patterns, largest error below 1e-8: {worst < 1e-8}")

# %% [markdown]
# Three cures and none, on the ten machines. Predict: which are exact, and which is the fastest of these?

# %%
cures = {
    "none": sync,
    "backup": backup,
    "speculation": run(speculative_sgd(cluster, 0.5, copies=1), 300, 10),
    "coding": run(coded_sgd(cluster, 0.5, coding.Cyclic(10, 1)), 300, 10),
}
for name, history in cures.items():
    end = f"{history.seconds[-1]:.1f} s, {history.bytes[-1] / 1e6:.0f} MB"
    print(f"{name:12} {end}, accuracy {history.accuracy[-1]:.0%}")
plots.convergence(cures, against="seconds")

# %% [markdown]
# The exact ones end at the same model, up to rounding; speculation is the quickest of these. **The price of coding is
# work**: every machine computes $s+1$ times as much. That pays where one machine is many times slower, and not where
# times are memoryless: a round takes $T(s+1)(H_m-H_s)$ seconds instead of $TH_m$, more from four machines on with
# $s=1$. The explorer above shows both.
#
# ## Dead
#
# A machine that crashes comes back after a repair, without what it was at. Synchronous SGD waits for it; elastic SGD,
# drawn below, does not (black: down).

# %%
crashing = [Crashes(rate=5.0, repair=0.02)]
for method in (sync_sgd, elastic_sgd):
    hit = SimulatedCluster(each_its_own, batch_size=16, faults=crashing, seed=1)
    history = run(method(hit, 0.5), 300, record_every=10)
    end = f"{history.seconds[-1]:.1f} s, accuracy {history.accuracy[-1]:.0%}"
    print(f"{history.name:12} {end}")
plots.timeline(hit, until=0.08)

# %% [markdown]
# **Elastic** SGD goes on with whoever is there; who comes back takes part again. Machines crash whatever
# data they hold, so nobody's data are left out for long: unlike slowness, death is no bias, as long as it is
# impartial. Wires die, too. A lost message is sent again, and a network that falls in two parts stops whoever needs both
# (an all-reduce among seven is shorter than among ten, which is why elastic SGD is done early):

# %%
wires = {
    "all well": [],
    "a tenth of all messages is lost": [Loss(0.1)],
    "machines 7 to 9 are cut off for 0.2 s": [Partition(0.05, 0.25, [7, 8, 9])],
}
for name, faults in wires.items():
    for method in (sync_sgd, elastic_sgd):
        hit = SimulatedCluster(each_its_own, batch_size=16, faults=faults)
        history = run(method(hit, 0.5), 300, record_every=300)
        end = f"{history.seconds[-1]:.2f} s, {history.bytes[-1] / 1e6:.1f} MB"
        print(f"{name:38} {history.name:12} {end}")

# %% [markdown]
# ### When all are dead
#
# A power cut ends the job. What is on disk is all there is: a **checkpoint**. The test of one is simple and strict. Kill
# a run at any step, go on from the disk, and the result must be that of the run never killed, **bit for bit**. Here
# SGD with error feedback is killed after 70 steps, and the newest file is torn in the middle, as by a machine that died
# while it wrote:

# %%
def train(machines, folder, rounds):
    """Begin a run, or go on with one: the same two lines."""
    saved = Checkpoints(folder, every=10)
    start = saved.resume(machines)
    steps = error_feedback_sgd(machines, 0.1, compressors.TopK(65), start=start)
    rest = rounds - machines.rounds
    return run(steps, rest, checkpoints=saved), saved.refused


with TemporaryDirectory() as never, TemporaryDirectory() as killed:
    whole, _ = train(SimulatedCluster(each_its_own, batch_size=16), never, 100)
    train(SimulatedCluster(each_its_own, batch_size=16), killed, 70)
    newest = max(Checkpoints(killed).folder.iterdir())
    content = newest.read_bytes()
    newest.write_bytes(content[: len(content) // 2])
    rest, refused = train(SimulatedCluster(each_its_own, batch_size=16), killed, 100)
print(*refused, f"went on from round {rest.rounds[0]}", sep="\n")
print("bit for bit:", np.array_equal(rest.model, whole.model))

# %% [markdown]
# That works because a method yields its **whole state** at every step, and the cluster knows its own: clocks, ledger,
# messages under way, and every worker's random stream. Files are written under another name and moved when complete,
# and each begins with a checksum. What happens if part of the state is forgotten?

# %%
def forget(method, loss_of_memory, streams=True):
    """How far a run ends from the one never killed, if it forgets something after 50 of 100 steps."""
    machines = SimulatedCluster(each_its_own, batch_size=16)
    whole = run(method(machines, None), 100, record_every=100)
    half = run(method(machines, None), 50, record_every=50)
    if not streams:
        machines.start()
    rest = run(method(machines, loss_of_memory(half.state)), 50, record_every=50)
    return np.linalg.norm(rest.model - whole.model) / np.linalg.norm(whole.model)


# %%
def feedback(c, start):
    return error_feedback_sgd(c, 0.1, compressors.TopK(65), start=start)


def momentum(c, start):
    return fedavgm(c, 0.1, 5, start=start)


for name, off in {
    "nothing": forget(feedback, lambda s: s),
    "error-feedback memory": forget(feedback, lambda s: (s[0], 0 * s[1], s[2])),
    "momentum": forget(momentum, lambda s: (s[0], 0 * s[1], *s[2:])),
    "random streams": forget(feedback, lambda s: s, streams=False),
}.items():
    print(f"forgets {name:22} off by {off:.1%}")

# %% [markdown]
# **Why must a checkpoint hold the random streams, although the run would be as good, on average, without? And what does
# error feedback lose with its memory that SGD without compression cannot lose?**

# %% [markdown] essay="faults-state" points=4
# ### BEGIN SOLUTION
# Without the streams the run draws its first mini-batches again: another run, no worse on average, but one that cannot
# be repeated, compared bit for bit, or debugged; a test of the recovery cannot tell a lost stream from a lost momentum,
# since everything differs. And it is subtly worse, as the same samples are seen twice and others never. Error feedback
# keeps in its memory what was computed but not yet sent, $x_t-e_t=x_0-\eta\sum_sg_s$: losing $e$ throws away real
# gradients, those of the coordinates that top-$k$ had left for later. In plain SGD the model holds the sum of all steps,
# and there is nothing else to lose.
#
# *Rubric (4):* 2 for repeatability and testability (1 if only "so that it is the same"); 2 for the invariant in words or
# as a formula: the memory is the part of the gradients that the model has not seen yet.
# ### END SOLUTION

# %% [markdown]
# ### How often to save
#
# Too often, and the job only saves; too seldom, and each failure costs half an interval. Guess, then look.

# %%
explorers.checkpoint_explorer

# %% [markdown]
# **Theorem card 7.4: the checkpoint interval.** *(Young 1974, Daly 2006; exact optimum by one derivative)* Let a job fail
# memorylessly, every $M$ seconds on average, while it works, saves and restarts; let a checkpoint take $\delta$ and a
# restart $R$ seconds. With $\tau$ seconds of work between checkpoints
#
# $$\frac{\text{wall time}}{\text{useful time}}=\frac{M\,e^{R/M}\big(e^{(\tau+\delta)/M}-1\big)}{\tau},\qquad \tau^*=M\big(1+W_0(-e^{-1-\delta/M})\big)\approx\sqrt{2\delta M},$$
#
# $W_0$ Lambert's function. The root is Young's; for $\delta<2M$ Daly adds two terms and takes off $\delta$:
# $\sqrt{2\delta M}\big[1+\frac13\sqrt{\frac\delta{2M}}+\frac19\frac\delta{2M}\big]-\delta$. $M$ is that of the *job*:
# with 1000 machines a thousandth of a machine's.
#
# **Your turn: a review.** To hold the theorem against a measurement, a colleague, or their assistant, wrote this job of
# so many `segments`, each `interval` seconds of work and `save` to save it. `lives` are the seconds from one failure to
# the next; after each failure the job spends `restart` seconds, in which it can fail again, before it works.
#
# ```python
# def wall_time(segments, interval, save, restart, lives):
#     wall, done = 0.0, 0.0
#     for k, life in enumerate(lives):
#         begun = restart if k else 0.0
#         saved = max(0.0, (life - begun) / (interval + save))
#         if done + saved >= segments:
#             return wall + begun + (segments - done) * (interval + save)
#         done, wall = done + saved, wall + life
#     return wall
# ```
#
# It runs, and the longer the interval, the better it comes out: too good to be true. Find the error and mend it.

# %% answer="faults-review"
def wall_time(segments, interval, save, restart, lives):
    """Seconds until the job is done."""
    ### BEGIN SOLUTION
    wall, done = 0.0, 0
    for k, life in enumerate(lives):
        begun = restart if k else 0.0
        saved = max(0, int((life - begun) // (interval + save)))  # whole segments: the rest is lost
        if done + saved >= segments:
            return wall + begun + (segments - done) * (interval + save)
        done, wall = done + saved, wall + life
    return wall
    ### END SOLUTION


# %% check="faults-review"
check("faults-review", wall_time)

# %%
with attempt():
    lives = np.random.default_rng(0).exponential(60.0, 200_000)
    for interval in (6, 21, 80):
        wall = wall_time(20_000, interval, 5.0, 2.0, lives) / (20_000 * interval)
        formula = bounds.checkpoint_overhead(interval, 5.0, 60.0, 2.0)
        print(f"every {interval:2} s: {wall:.1f} times the useful time, formula {formula:.1f}")

# %%
print("save   M    Young  Daly  exact")
for save, between in ((1, 100), (5, 60), (40, 60)):
    rules = bounds.young_interval, bounds.daly_interval, bounds.best_interval
    shown = "  ".join(f"{rule(save, between):.1f}" for rule in rules)
    print(f"{save:3} {between:5}   {shown}")

# %% [markdown]
# Young's root is good while saving is short against the time between failures, and too long when it is not; Daly's
# correction is nearly exact.
#
# ## Lying
#
# The third fault shows in no timeline: a worker that sends numbers which are no gradient. A single one sets the mean to
# whatever it likes. The cure is a rule that does not believe everyone, its price is accuracy, and there is a limit that
# no rule passes. It fills an evening of its own: [lecture 7, part two](07_lying.ipynb).
#
# ## Think
#
# **How would you design a fault-tolerant distributed optimization algorithm?** Say which faults you expect, which cure
# each gets and under which condition it works, what each costs, and a case in which your design fails. About fifteen
# lines, best written after part two.

# %% [markdown] essay="faults-design" points=10
# ### BEGIN SOLUTION
# First classify: slow, crashed, arbitrary; each needs its own cure, and assuming a worse fault than there is costs
# accuracy. **Slow:** backup workers if data are alike everywhere: a round of $T(H_m-H_b)$ instead of $TH_m$ at
# $\frac m{m-b}$ times the variance; if data are local they minimise $\sum p_if_i$, so speculation or gradient coding,
# with data on two machines or $s+1$ and as many times the work. **Crashed:** go on with who is there; checkpoints every
# $\sqrt{2\delta M}$ seconds, $M$ that of the whole job, with the *whole* state: model, momentum, error-feedback memory,
# step counter and random streams; atomic, with a checksum, the last two kept. **Arbitrary:** a robust rule with worker
# momentum, which needs $f<\frac m2$ at least (Krum $2f+2<m$); even then an error of order $\frac fm\zeta^2$ is
# unavoidable when data differ, and the rule costs accuracy when nobody lies. **It fails** where slow machines hold data
# that nobody else has, where failures are not independent (a rack, a bad release: then $M$ means nothing), or when half
# of the workers collude. Evidence: the nines of this lecture; bit-exact resume; wall time against the formula.
#
# *Rubric (10):* 3 three classes of faults with their governing quantities ($s+1$ replication or $H_m-H_b$;
# $\sqrt{2\delta M}$; $f<\frac m2$); 3 conditions *and* a case in which the design fails; 2 a formula with units; 2
# evidence (experiment or source). At most 6 without a case of failure.
# ### END SOLUTION

# %% [markdown]
# ## When to use it
#
# Look at the timeline first: grey is waiting, black is death, and a lie is not in it at all. Use the weakest cure that
# meets the fault you have.
#
# | If ... | then ... | and pay |
# |---|---|---|
# | machines are slow at random, data alike | backup workers, $b\approx m/10$ | $\frac m{m-b}$ times the variance |
# | one machine is slow, data are local | speculation, or coding with $s=1$ | data on two machines |
# | machines come and go | elastic rounds | less precision while they are away |
# | the job may die | checkpoints every $\sqrt{2\delta M}$, whole state | $\approx\sqrt{2\delta/M}$ of the time |
#
# Next: [part two](07_lying.ipynb), and [exercise 9](../exercises/09_fault_tolerance.ipynb).
#
# ## Reading
#
# - J. Chen et al. (2016), *Revisiting distributed synchronous SGD*, ICLR workshop. Backup workers, with measured
#   tails of a real cluster.
# - J. Dean and S. Ghemawat (2004), *MapReduce: simplified data processing on large clusters*, OSDI. Speculation, under
#   the name of backup tasks; still the best account of what goes wrong at scale.
# - R. Tandon, Q. Lei, A. G. Dimakis and N. Karampatziakis (2017), *Gradient coding: avoiding stragglers in distributed
#   learning*, ICML. Both codes, and the proof that $s+1$ is needed.
# - J. T. Daly (2006), *A higher order estimate of the optimum checkpoint interval for restart dumps*, Future Generation
#   Computer Systems 22. The model of card 7.4.
# - J. W. Young (1974), *A first order approximation to the optimum checkpoint interval*, Communications of the ACM 17.
#   Two pages.
