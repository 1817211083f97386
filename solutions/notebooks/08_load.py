# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # 8. Load balancing and networks
#
# **The question.** Your eight machines are not alike. Two are new and four times as fast as the oldest, one has a
# neighbour who starts a job at noon, and half of them stand in another building. A synchronous round lasts as long as
# its slowest part. Who should compute how much? And does it matter which wire the numbers take?
#
# Commit to a guess first. The shares of the batch are cut to the speeds of the machines; then one machine slows down.
# Is a round now shorter or longer than with equal shares?

# %%
import numpy as np

from course_lib import bounds, data, plots, problems
from course_lib.cards import holds, source
from course_lib.clusters import (
    Changing,
    Constant,
    Exponential,
    Link,
    Racks,
    SimulatedCluster,
    Speeds,
    Wires,
)
from course_lib.experiment import run
from course_lib.explorers import load as explorers
from course_lib.explorers.diagnosis import diagnosis
from course_lib.explorers.lab import lab_explorer
from course_lib.grading import attempt, check
from course_lib.methods import (
    adaptive_batch_sgd,
    balanced_sgd,
    equal_tasks,
    shrinking_tasks,
    whole_shares,
    work_queue_sgd,
)

instant = Link(latency=0, bandwidth=np.inf)  # where only computing is to count
speeds = 1e3 * np.array([1, 1, 1, 1, 2, 2, 4, 4])  # samples a second

# %%
explorers.shares_explorer

# %% [markdown]
# A plan that fits the machines of yesterday can be worse than no plan. The lesson names three causes of imbalance,
# uneven data, unequal speed, changing load, and neither cures nor prices. We take them one by one.
#
# ## Speeds that differ
#
# Worker $i$ computes $v_i$ samples a second and gets $b_i$ of the batch $B=\sum_ib_i$. The round takes
# $\max_ib_i/v_i$ seconds.
#
# **Theorem card 8.1: the round.** *(proved in two lines)*
#
# $$\frac B{\sum_iv_i}\;\le\;\min_{b}\max_i\frac{b_i}{v_i}\;\le\;\frac{B+m-1}{\sum_iv_i}.$$
#
# *Proof:* in $T$ seconds nobody can finish more than $Tv_i$ samples; and $\sum_i\lfloor Tv_i\rfloor>T\sum_iv_i-m$.
# The best whole shares are found one sample at a time: each goes to whoever would be done with it first. (Parliaments
# deal seats to parties so: d'Hondt's rule.)

# %%
shares = whole_shares(256, speeds)
print("shares:", shares)
print(f"equal {(32 / speeds).max():.3f} s, fitted {(shares / speeds).max():.3f} s")
for batch in (20, 50, 256, 1001):
    ends = (whole_shares(batch, speeds) / speeds).max()
    print(holds(f"B = {batch:4}", ends, bounds.whole_shares_time(batch, speeds)))

# %% [markdown]
# The last bound is reached. Now the digits of lecture 2. All eight machines can read all images, from a common disk.
# The library's method, whole; `cluster.batch_gradient` takes time for each sample, and `_weights` are what workers
# count in the mean, on which more below.

# %%
source(balanced_sgd)

# %%
digits = data.load("digits")
everyone = [digits.features] * 8, [digits.labels] * 8
shared = problems.SoftmaxRegression(*everyone, l2=1e-3)
machines = Speeds(Constant(1.0), speeds)
plans = {
    "equal shares": np.full(8, 32),
    "fitted shares": shares,
}
histories = {}
for name, samples in plans.items():
    cluster = SimulatedCluster(shared, compute=machines)
    method = balanced_sgd(cluster, 0.5, samples, count="samples")
    histories[name] = run(method, 60, record_every=5)

# %%
fig, axes = plots.figure(columns=3, width=3.4)
for clock, ax in zip(("rounds", "bytes", "seconds"), axes):
    plots.convergence(histories, against=clock, ax=ax)
fig

# %% [markdown]
# On two of the three clocks nothing has changed: the same samples a round, the same messages. Against *seconds* the
# fitted shares are twice as fast. Load balancing leaves the mathematics alone, as long as every sample counts alike.
# When does it not?
#
# ## Data of one's own: what does a worker count?
#
# Let worker $i$ hold rows that nobody else has. Its mean gradient over $b_i$ samples is an unbiased estimate of
# $\nabla f_i$, however many samples it is over. So
#
# - counted by **worker**, $\sum_iw_ig_i$ with the weights $w_i$ of $f=\sum_iw_if_i$: unbiased for *any* shares;
# - counted by **sample**, $\sum_i\frac{b_i}Bg_i$: it aims at $\sum_i\frac{b_i}Bf_i$. The data of fast machines count more.
#
# That is the bias of lecture 4 again, now with a barrier. Optima 0, 0 and 3, speeds 4 : 2 : 1; the truth is 1.

# %%
centres = problems.Quadratic(np.ones((3, 1, 1)), [[0.0], [0.0], [3.0]])
hares = SimulatedCluster(centres, compute=Speeds(Constant(1.0), (4, 2, 1)), link=instant)
for count in ("workers", "samples"):
    end = run(balanced_sgd(hares, 0.5, whole_shares(7, [4, 2, 1]), count=count), 60)
    print(f"fitted shares, counting {count}: {end.model.item():.3f}")
queue = run(work_queue_sgd(hares, 0.5, equal_tasks(70, 1)), 60)
print(f"work queue: {queue.model.item():.3f} (3/7 = {3 / 7:.3f})")

# %% [markdown]
# On the digits, dealt unevenly and by class, so that workers differ in data *and* speed:

# %%
parts = data.partition_dirichlet(digits.labels, workers=8, alpha=0.3)
own = problems.SoftmaxRegression(*data.deal(digits, parts), 1e-2, weights="pooled")
plans = {
    "equal, by worker": (np.full(8, 32), "workers"),
    "fitted, by worker": (shares, "workers"),
    "fitted, by sample": (shares, "samples"),
}
runs = {}
for name, (samples, count) in plans.items():
    method = balanced_sgd(SimulatedCluster(own, compute=machines), 0.5, samples, count)
    runs[name] = run(method, 300, record_every=10)
    print(f"{name}: loss {runs[name].loss[-1]:.2f}, {runs[name].seconds[-1]:.0f} s")

# %%
fig, axes = plots.figure(columns=2, width=4.4)
for clock, ax in zip(("rounds", "seconds"), axes):
    plots.convergence(runs, against=clock, ax=ax)
    ax.set(yscale="linear", ylim=(0.26, 0.4))
fig

# %% [markdown]
# Counted by sample the loss stops too high, however long one waits; counted by worker, fitted shares reach what equal
# shares reach in half the time.
#
# **Your turn: unbiased.** Worker $i$ holds `rows[i]` rows of data; `gradients[i]` is its mean gradient over
# `samples[i]` of them. Return the average that is unbiased for the mean loss over *all rows* of all workers.

# %% answer="load-average"
def combine(gradients, samples, rows):
    """One gradient (d,) from one a worker (m, d)."""
    ### BEGIN SOLUTION
    return rows / rows.sum() @ gradients
    ### END SOLUTION


# %% check="load-average"
check("load-average", combine)

# %% [markdown]
# Unbiased is not free of noise. With single-sample noise $\sigma^2$ the average has the variance
# $\sigma^2\sum_iw_i^2/b_i=\frac{\sigma^2}B\big(1+\chi^2(w\,|\,p)\big)$, $p_i=b_i/B$,
# $\chi^2(w\,|\,p)=\sum_i(w_i-p_i)^2/p_i$: least where shares follow the
# data. Seconds ask for $p\propto v$, noise for $p=w$. Who wins, if noise decides how many rounds are needed?
#
# **Theorem card 8.2: time to a precision.** *(proved: insert the shares)* Round time times variance, for equal weights:
#
# $$\underbrace{\frac{\sigma^2}{\sum_iv_i}}_{\text{common data}}\;\le\;\underbrace{\frac{\sigma^2}m\,\text{mean}\Big(\frac1v\Big)}_{\text{own data, }b\propto v}\;\le\;\underbrace{\frac{\sigma^2}m\max\frac1v}_{\text{own data, equal shares}}$$
#
# The first step is the inequality of arithmetic and harmonic means: what it costs that data cannot move. Counting by
# worker, fitted shares are still better than equal ones. Measured: the variance over 4000 draws.

# %%
noisy = problems.Quadratic.dialled(m=8, d=5, optimum_spread=0, noise=1.0)
lab = SimulatedCluster(noisy, compute=machines, link=instant, replicates=4000)
plans = {
    "common data, fitted shares": (shares, shares / 256),
    "own data, fitted shares": (shares, np.full(8, 1 / 8)),
    "own data, equal shares": (np.full(8, 32), np.full(8, 1 / 8)),
}
card = dict(zip(plans, bounds.time_to_precision(speeds)))
for name, (samples, weights) in plans.items():
    x = lab.start()
    g, seconds = lab.batch_gradient(x, samples)
    noise = ((lab.average(g, weights) - noisy.full_gradient(x)) ** 2).sum(-1).mean()
    measured = seconds.max() * noise
    print(f"{name}: {1e6 * measured:.0f} µs, card {1e6 * card[name]:.0f} µs")

# %% [markdown]
# ## Data that are uneven
#
# Machines alike, but the largest share of the data is ten times the smallest. Two ways to use such data: **full
# passes**, in which whoever holds most is last; or equal batches with weights $w_i=n_i/N$, in which all end together
# and the noise is $m\sum_iw_i^2$ times as large. Where data may move, deal them anew, by speed: bytes once, seconds
# for ever.

# %%
uneven = data.partition_uneven(digits.labels, workers=8)
sizes = np.array([len(part) for part in uneven])
w = sizes / sizes.sum()
print("rows:", sizes)
print(f"full pass: {sizes.max() / sizes.mean():.1f} times as long as dealt evenly")
print(f"equal batches: {8 * (w**2).sum():.2f} times the noise")
print("dealt by speed:", whole_shares(sizes.sum(), speeds))

# %% [markdown]
# ## A work queue
#
# Who does not know the speeds can let them decide: cut the batch into **tasks**; whoever is idle takes the next. The
# price is a message a task, question and answer. Fine tasks end together and cost many messages; coarse ones leave the
# others waiting for the last.

# %%
explorers.grain_explorer

# %% [markdown]
# **Theorem card 8.3: the queue.** *(after Graham 1969, for machines alike; proved)* Let task number $n$ be the last,
# and let a task take worker $i$ the time $\tau_i$, message included. Everyone is done after at most (add a message to
# be told so)
#
# $$\frac{n-1}{\sum_i1/\tau_i}+\max_i\tau_i.$$
#
# *Proof:* when the last task is taken nobody has been idle yet, so $n-1\ge\sum_iS/\tau_i$ tasks were taken before that
# second $S$. For machines alike: $\frac{n\tau}m+(1-\frac1m)\tau$. With $\tau=c+g/v$ for tasks of $g$ samples at the
# price $c$ the bound is least near $g^*=\sqrt{Bcv/m}$; for machines that differ, near
# $\sqrt{Bc\,v_{\min}\sum_iv_i^2}\,/\sum_iv_i$. That is the grain of the *bound*, the worst case: in the explorer a
# coarser one does better, because its last tasks happen to fit these speeds.

# %%
queue_room = SimulatedCluster(noisy, compute=machines, link=Link(2.5e-4, np.inf))
for grain in (1, 4, 16, 64):
    queue_room.queued_gradient(queue_room.start(), equal_tasks(256, grain))
    bound = bounds.queue_time(256 / grain, 5e-4 + grain / speeds, 5e-4)
    print(holds(f"grain {grain:2}", queue_room.seconds, bound))
print(f"formula's grain: {bounds.best_grain(256, speeds, 5e-4):.0f}")

# %% [markdown]
# **Your turn: the queue.** Write it. `tasks[k]` is the number of samples in task $k$, `pace[i]` the seconds that a
# sample takes worker $i$, `price` what a task's messages take. When is each worker done?

# %% answer="load-queue"
def queue_ends(tasks, pace, price):
    """Seconds at which each worker ends its last task, shape (m,); ties go to the lowest number."""
    ### BEGIN SOLUTION
    ends = np.zeros(len(pace))
    for size in tasks:
        i = np.argmin(ends)  # idle first
        ends[i] += price + size * pace[i]
    return ends
    ### END SOLUTION


# %% check="load-queue"
check("load-queue", queue_ends)

# %% [markdown]
# Neither fine nor coarse need be the last word: begin with large tasks and end with small ones, each an $m$-th of what
# is left (guided self-scheduling, Polychronopoulos and Kuck 1987). Made for machines alike, it fails here: its first
# task is an equal share, too much for a slow machine. Half of that does better than tasks of 4, with little more than
# half the messages. With your queue:

# %%
plans = {
    "tasks of 4": equal_tasks(256, 4),
    "an 8th of the rest": shrinking_tasks(256, 8, least=4),
    "a 16th of the rest": shrinking_tasks(256, 16, least=4),
}
with attempt():
    for name, tasks in plans.items():
        ends = queue_ends(np.array(tasks), 1 / speeds, 5e-4)
        print(f"{name}: {len(tasks)} tasks, last at {1e3 * ends.max():.1f} ms")

# %% [markdown]
# ## A load that changes
#
# Between fixed shares and a queue stand **measured shares**: after each round, estimate every worker's seconds a
# sample, and divide the next batch by that. No message is added.

# %%
source(adaptive_batch_sgd)

# %% [markdown]
# **Your turn: a review.** A colleague, or their assistant, wrote the step from one round to the next, before rounding.
# Its first step is perfect. Yet every second round is as slow as if nobody had balanced anything:

# %%
def colleagues_shares(batch, samples, seconds):
    speeds = 1 / seconds
    return batch * speeds / speeds.sum()


def five_rounds(rule):
    samples, lasted = np.full(8, 32.0), []
    for _ in range(5):
        lasted.append(f"{1e3 * (samples / speeds).max():.0f} ms")
        samples = rule(256, samples, samples / speeds)
    print(*lasted, sep=", ")


five_rounds(colleagues_shares)

# %% [markdown]
# Find the error and mend it.

# %% answer="load-review"
def new_shares(batch, samples, seconds):
    """Shares of the next batch (m,) from the last round's samples and seconds."""
    ### BEGIN SOLUTION
    speeds = samples / seconds
    return batch * speeds / speeds.sum()
    ### END SOLUTION


# %% check="load-review"
check("load-review", new_shares)

# %%
with attempt():
    five_rounds(new_shares)

# %% [markdown]
# How much should an old measurement count? Nothing, if machines change and times are exact; much, if times are noisy
# and machines stay. Thirty rounds of each:

# %%
def busy(seconds):
    return speeds * np.append(np.ones(7), 0.2 if seconds > 0.25 else 1)


cases = {
    "one gets busy": Changing(Constant(1.0), busy),
    "memoryless times": Speeds(Exponential(1.0), speeds),
}
for name, compute in cases.items():
    for smoothing in (0, 0.8):
        cluster = SimulatedCluster(noisy, compute=compute, link=instant)
        method = adaptive_batch_sgd(cluster, 0.1, 256, smoothing)
        seconds = run(method, 30, 30).seconds[-1]
        print(f"{name}, old measurements count {smoothing}: {seconds:.2f} s")

# %% [markdown]
# Thirty perfect rounds would take 0.48 s if nothing changed, and 0.54 s with the busy machine. No share cures chance
# itself: if times are memoryless, the perfectly fitted round still waits for the unluckiest, 43 ms instead of 16:
# $H_m$ times the mean for $m$ of them (lecture 4). For *any* distribution of mean $\mu$ and deviation $s$ the slowest of
# $m$ takes at most $\mu+s\frac{m-1}{\sqrt{2m-1}}$ on average (Gumbel 1954). Against chance help small tasks, spare
# workers (lecture 7), or no barrier at all (lecture 4).

# %%
lucky = SimulatedCluster(noisy, compute=Speeds(Exponential(1.0), speeds), link=instant)
rounds = run(balanced_sgd(lucky, 0.1, shares), 4000, 4000)
a_round = 1e3 * rounds.seconds[-1] / 4000
exact = 1e3 * bounds.expected_slowest(shares / speeds)
print(f"fitted shares, memoryless times: {a_round:.0f} ms a round, formula {exact:.0f}")
print(f"had times not varied: {1e3 * (shares / speeds).max():.0f} ms")
print(holds("Gumbel", exact, 1e3 * bounds.slowest_of_any(8, 0.016, 0.016)))

# %% [markdown]
# ## Wires that are not alike
#
# So far all wires were the same. First, **one slow machine's wires**: everything it sends or receives takes a hundred
# times as long. Which all-reduce minds least? The algorithms of lecture 1, carried out, their messages priced:

# %%
lame = Wires.alike(8).slowed(7, 100)
algorithms = ("ring", "halving_doubling", "tree", "parameter_server")
for words in (10, 100_000):
    times = {name: 1e3 * lame.all_reduce(name, words) for name in algorithms}
    print(f"{words:6} words:", ", ".join(f"{n} {t:.0f} ms" for n, t in times.items()))
beta = 8 * 100 / 1.25e9
print(f"no algorithm can do better than {1e3 * beta * 100_000:.0f} ms for 100000 words")

# %% [markdown]
# For few words the ring is worst: it passes the slow wire in every one of its $2(m-1)$ steps, a tree twice. For many
# words the choice matters less: the slow worker must tell $d$ numbers and hear $d$, at least $\beta'd=64$ ms if both go
# at once. The ring needs $2\frac{m-1}m\beta'd=112$ ms and its 70 ms of latency; a tree tells and hears one after the other,
# $2\beta'd=128$ ms. What helps is fewer words (lecture 3) or fewer rounds (lecture 5).
#
# Second, **racks**: fast wires within, and one uplink a rack that all share. Guess, then look.

# %%
explorers.racks_explorer

# %% [markdown]
# **Theorem card 8.4: two levels.** *(counted; exact where $m$ divides $n$)* With $R$ racks of $s$, $m=Rs$ workers,
# vectors of $n$ bytes, uplinks $(\alpha,\beta)$ and faster wires $(\alpha',\beta')$ within:
#
# | | seconds |
# |---|---|
# | one ring | $2(m-1)\,(\alpha+\beta\frac nm)$ |
# | rings within, between and within racks | $2(s-1)(\alpha'+\beta'\frac ns)+2(R-1)(\alpha+\beta\frac nR)$ |
#
# The hierarchical one crosses the uplinks $2(R-1)$ times instead of $2(m-1)$, and with two racks it sends about half of the
# bytes through them. *Loosely said elsewhere:* "the ring is bandwidth-optimal", which supposes that all wires are
# alike; "halving-doubling is as good with less latency", which here sends its largest messages the longest way, all at
# once: it is the worst of the three below.

# %%
hall = Racks(2, 8, inside=Link(1e-5, 1e9), uplink=Link(5e-4, 1e8))
ring, levels = bounds.over_racks(2, 8, 8 * 160_000, hall.inside, hall.uplink)
for name, promised in {"ring": ring, "hierarchical": levels}.items():
    seconds = hall.all_reduce(name, 160_000)
    print(f"{name:12} {1e3 * seconds:.1f} ms, formula {1e3 * promised:.1f} ms")
print(f"halving-doubling {1e3 * hall.all_reduce('halving_doubling', 160_000):.0f} ms")

# %% [markdown]
# A cluster takes such wires in place of its `link`, and `all_reduce="hierarchical"`. The same model in less
# time. Gossip (lecture 6) may fare better still: only those who talk over a slow wire wait.

# %%
parts = data.partition_iid(digits.labels, workers=16)
sixteen = problems.SoftmaxRegression(*data.deal(digits, parts), 1e-3, weights="pooled")
for name in ("ring", "hierarchical"):
    cluster = SimulatedCluster(sixteen, compute=1e-4, link=hall, all_reduce=name)
    history = run(balanced_sgd(cluster, 0.5, np.full(16, 16)), 60, 60)
    print(f"{name:12} {history.seconds[-1]:.2f} s, loss {history.loss[-1]:.3f}")

# %% [markdown]
# ## Break the cluster
#
# Lectures 7 and 8 in one room: eight workers, a parameter server, and a run that goes well until something breaks. Slow
# a worker, kill machines, cut two of them off, lose messages, corrupt gradients; and learn what each looks like, on the
# left by *who does what when*, on the right by *what comes of it*. Every fault leaves a sign, and not on the same side.

# %%
lab_explorer

# %% [markdown]
# Now without knowing. Twelve clusters; in each, something may have broken at the dashed line. Commit to an answer; then
# you are told what it was, and by which sign one could tell. A machine that is down says nothing: its row is white.

# %%
diagnosis

# %% [markdown]
# | sign in the trace | sign in the loss | fault | cure |
# |---|---|---|---|
# | one row blue, all others grey, in every round | later, round by round the same | slow worker | smaller share; spare workers; no barrier |
# | white gaps here and there, the others wait | later | crashes | checkpoints, go on without (lecture 7) |
# | all grey at once | flat for a while | network cut | go on with the majority (lecture 7) |
# | sending takes longer, now more, now less | later | lost messages | fewer, larger messages |
# | none | wrong | liars, or broken memory | robust rules (lecture 7) |
#
# Time lost shows in the trace, numbers lost in the loss. Whoever watches the trace alone
# misses the liars; whoever watches the loss alone can hardly tell the other faults apart.
#
# ## Think
#
# **How can we design algorithms that adapt to network conditions dynamically?** Say what is measured, which knob of
# which lecture each measurement turns and by what rule, what theory asks of such a rule, and a case in which adapting
# does harm. About ten lines.

# %% [markdown] essay="load-adapt" points=10
# ### BEGIN SOLUTION
# **Measure** what the cost depends on: latency $\alpha$ and seconds a byte $\beta$ of each wire (from timed messages),
# seconds a sample of each worker (from timed rounds), delays, and the signal-to-noise ratio of gradients. **Turn**: the
# compression by the norm test ($\omega_t\le\theta m\|\bar g\|^2/\overline{\|g_i\|^2}$, lecture 3); local steps by AdaComm,
# $K^*=\sqrt{2\Delta C/(\eta^3L^2\sigma^2T)}$, larger for a dearer round $C$, smaller as the loss falls (lecture 5);
# step sizes by the delay of each gradient (lecture 4); shares of the batch by measured samples a second, with
# $\frac B{\sum v}$ seconds as the floor, and the grain of a queue by $\sqrt{Bcv/m}$ (here); topology and all-reduce by
# the cost of the wires: hierarchical across racks, $2(R-1)$ crossings for $2(m-1)$ (here). **Theory asks** that a rule
# depend on the past alone (non-anticipative), so that the gradient stays unbiased given the past, and that a worker's
# weight be its data's, not its speed's. **Harm**: shares with weights $b_i/B$ on data of one's own move the optimum
# (3/7 for 1 above); following every noisy measurement costs time in every round where nothing changes; and rules that
# compare rounds instead of seconds adapt to the wrong thing. Evidence: the runs of this lecture.
#
# *Rubric (10):* 3 governing quantities ($\alpha$, $\beta$, speeds, signal-to-noise) and which knob each turns; 3 a
# condition (non-anticipative, weights) *and* a case of harm; 2 a formula with units; 2 evidence (experiment or source).
# At most 6 without a case of failure; at most 5 if rounds alone are compared.
# ### END SOLUTION

# %% [markdown]
# ## When to use it
#
# Look at the trace first: grey is what balancing can win, orange is what the network takes. Fixed shares for machines
# that differ and stay, measured ones for machines that change, a queue where nothing is known and all can read all data.
# Never let speed decide what data count.
#
# | If ... | then ... |
# |---|---|
# | speeds differ and are known | shares $b_i\propto v_i$; every sample alike if data are common, by worker if not |
# | speeds change slowly | measured shares, smoothed as much as times are noisy |
# | nothing is known, or tasks differ | a work queue, tasks near $\sqrt{Bcv/m}$, or shrinking ones |
# | data uneven and may move | deal them anew in proportion to speed |
# | times vary at random | small tasks, spare workers, or no barrier |
# | one slow wire | fewer words or fewer rounds; for short messages a tree, never a ring |
# | racks | hierarchical all-reduce |
#
# Next: faults by rate and by cure, with error bars, in [study 4](study_4_faults.ipynb); then
# [lecture 9](09_second_order.ipynb), on how few rounds it can be.
#
# ## Reading
#
# - R. L. Graham (1969), *Bounds on multiprocessing timing anomalies*, SIAM Journal on Applied Mathematics 17. The bound
#   of card 8.3, and schedules that get longer when a machine is added.
# - C. P. Kruskal and A. Weiss (1985), *Allocating independent subtasks on parallel processors*, IEEE Transactions on
#   Software Engineering 11. The best grain when the tasks' times are random.
# - C. D. Polychronopoulos and D. J. Kuck (1987), *Guided self-scheduling: a practical scheduling scheme for parallel
#   supercomputers*, IEEE Transactions on Computers 36. Large tasks first, small ones last.
# - E. J. Gumbel (1954), *The maxima of the mean largest value and of the range*, Annals of Mathematical Statistics 25.
#   How late the slowest can be, whatever the distribution.
# - R. Thakur, R. Rabenseifner and W. Gropp (2005), *Optimization of collective communication operations in MPICH*,
#   International Journal of High Performance Computing Applications 19. Which all-reduce for which size, measured.
# - P. Goyal et al. (2017), *Accurate, large minibatch SGD: training ImageNet in 1 hour*. Hierarchical all-reduce at
#   work, and what unequal batches do to a loss that is averaged wrongly.
