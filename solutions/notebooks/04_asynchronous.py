# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # 4. Asynchronous SGD
#
# **The question.** In [lecture 2](02_synchronous.ipynb) all machines waited for the slowest, at every step. What if
# nobody waits? Each worker sends its gradient when it is done, the server steps at once, and the worker goes on with
# the newest model. No machine is ever idle. What does that buy, and what does it cost: does stale advice lead astray?
#
# Commit to a guess first. The chart shows who computes (blue) and who waits (grey), with a barrier and without.

# %%
import numpy as np

from course_lib import bounds, data, plots, problems
from course_lib.cards import holds, source
from course_lib.clusters import Constant, Exponential, Link, SimulatedCluster, Speeds
from course_lib.experiment import run, sweep
from course_lib.explorers import asynchronous as explorers
from course_lib.grading import attempt, check
from course_lib.methods import async_sgd, delay_adaptive, downpour_sgd, sync_sgd

instant = Link(latency=0, bandwidth=np.inf)  # where only computing is to count

# %%
explorers.speeds_explorer

# %% [markdown]
# ## The algorithm
#
# Each worker $i$, on its own, for ever: read the server's model $x$; compute $g_i=\nabla f_i(x)$; send it. On arrival
# the server sets $x\leftarrow x-\eta\,g_i$. Meanwhile others may have moved $x$: the gradient's **staleness** $\tau$
# is the number of updates made between its reading and its arrival.
#
# The library's function, whole. `cluster.arrivals` hands out gradients in the order in which they arrive, and workers
# read the `x` that is changed in place (`in_place` makes a copy for that). The step may be a function of the staleness.

# %%
source(async_sgd)

# %% [markdown]
# Eight workers learn the digits of lecture 2, on machines whose compute times vary: exponential, a millisecond on
# average. A synchronous step uses eight gradients, an asynchronous one a single gradient, so it gets an eighth of the
# step size.

# %%
digits = data.load("digits")
parts = data.partition_iid(digits.labels, workers=8)
features, labels = data.deal(digits, parts)
test = digits.test_features, digits.test_labels
digits8 = problems.SoftmaxRegression(features, labels, 1e-3, weights="pooled", test=test)

# %%
together = SimulatedCluster(digits8, batch_size=16, compute=Exponential(1e-3))
apart = SimulatedCluster(digits8, batch_size=16, compute=Exponential(1e-3))
sync = run(sync_sgd(together, 0.5), rounds=100, record_every=2)
free = run(async_sgd(apart, 0.5 / 8), rounds=800, record_every=16)

# %%
fig, axes = plots.figure(columns=3, width=3.4)
for clock, ax in zip(("rounds", "bytes", "seconds"), axes):
    plots.convergence([sync, free], against=clock, ax=ax)
fig

# %% [markdown]
# Three clocks, three verdicts. Against *rounds* (server updates) async looks slow, since each of its updates holds an
# eighth of the work. Against *bytes* they tie: a gradient costs one message there and one back. Against *seconds*
# async is about three times faster.
#
# Now look at the price. Below, four workers, the last one slow. Each arc leads from the update whose result a worker
# read to the update that its gradient makes: the number is the staleness, the dots that the arc passes over.

# %%
four = problems.Quadratic.dialled(m=4, d=2)
uneven = SimulatedCluster(four, compute=Speeds(Constant(1e-3), (1, 1.3, 0.8, 0.35)))
run(async_sgd(uneven, 0.1), rounds=60)
plots.staleness(uneven, until=6e-3)

# %% [markdown]
# **Your turn: staleness.** From the order of arrivals alone you can tell how stale every gradient was. `workers[t]` is
# who sent the gradient of update $t=0,1,2,\dots$; all read the model of the start before that.

# %% answer="asynchronous-staleness"
def staleness(workers):
    """Staleness of each arrival: an array of whole numbers, as long as `workers`."""
    ### BEGIN SOLUTION
    last, result = {}, []
    for t, i in enumerate(workers):
        result.append(t - last.get(i, 0))
        last[i] = t + 1
    return np.array(result)
    ### END SOLUTION


# %% check="asynchronous-staleness"
check("asynchronous-staleness", staleness)

# %% [markdown]
# ## The average delay, not the largest
#
# **Theorem card 4.1: average delay.** *(proved in one line; computed below, and on your numbers)*
#
# Let $m$ workers be busy all the time. After $T$ updates
#
# $$\underbrace{\textstyle\sum_{t<T}\tau_t}_{\text{delay of applied gradients}}+\underbrace{\textstyle\sum_i\text{age}_i}_{\text{of gradients under way}}=(m-1)\,T,$$
#
# an identity between whole numbers, for any speeds. *Proof:* each update makes the other $m-1$ gradients under way
# one older. So the mean delay is at most $m-1$, *however slow the slowest worker is*.
#
# *Loosely said elsewhere:* "convergence depends on the staleness bound $\tau_{\max}$". With one worker a hundred times
# slower than fifteen others the largest delay is 1500, and the mean stays below 15:

# %%
sixteen = problems.Quadratic.dialled(m=16, d=10, optimum_spread=0)
lame = Speeds(Constant(1.0), [1.0] * 15 + [0.01])
machines = SimulatedCluster(
    sixteen, compute=lame, link=instant, initial_model=np.ones(10)
)
run(async_sgd(machines, 0.01), rounds=5000, record_every=5000)
late = machines.order.staleness
print(f"mean delay {late.mean():.1f}, largest {late.max()}")

# %%
who = machines.order.workers
age = [5000 - 1 - np.flatnonzero(who == i)[-1] for i in range(16)]
theory = bounds.total_staleness(16, 5000)
print(f"applied {late.sum()} + under way {sum(age)} = {late.sum() + sum(age)}, "
      f"(m - 1) T = {theory}")
with attempt():
    print("by your function:", staleness(who).sum() + sum(age))

# %% [markdown]
# Whoever sets the step by the largest delay pays for a worker that hardly takes part. $\eta=\frac1{4Lm}$ does
# without knowing delays, and a **delay-adaptive** step, shorter along older gradients only, is as good
# (Koloskova, Stich and Jaggi 2022; Mishchenko et al. 2022). The loss after 5000 updates:

# %%
L, m = sixteen.L, 16
rules = {
    "by the largest delay": 1 / (4 * L * 1500),
    "by the number of workers": 1 / (4 * L * m),
    "delay-adaptive": delay_adaptive(1 / (4 * L * m), limit=1 / (4 * L)),
}
for name, step_size in rules.items():
    end = run(async_sgd(machines, step_size), rounds=5000, record_every=5000)
    print(f"{name:25} {end.loss[-1]:.1e}")

# %% [markdown]
# ## What delay does to the step: an exact threshold
#
# On the parabola $\frac\lambda2x^2$ with every gradient $\tau$ updates old, $x_{t+1}=x_t-\eta\lambda\,x_{t-\tau}$. Guess,
# then drag the dot across the dashed line.

# %%
explorers.stability_explorer

# %% [markdown]
# **Theorem card 4.2: stability.** *(Levin and May 1976)*
#
# $x_{t+1}=x_t-\eta\lambda x_{t-\tau}$ goes to zero from every start **if and only if**
#
# $$0<\eta\lambda<2\sin\frac{\pi}{2(2\tau+1)}\approx\frac{\pi}{2\tau+1}.$$
#
# For $\tau=0,1,2$: 2, 1, and the golden ratio less one. Fastest is $\eta\lambda=\tau^\tau/(\tau+1)^{\tau+1}$, with the
# factor $\frac\tau{\tau+1}$ an update. On a quadratic the largest eigenvalue $\lambda=L$ decides.
#
# Measured: bisection on the spectral radius of the recursion's matrix, against the formula, for all delays to 50.

# %%
gaps = []
for tau in range(51):
    low, high = 0.0, 2.5
    for _ in range(45):
        step = (low + high) / 2
        stable = bounds.delayed_factor(step, tau) < 1
        low, high = (step, high) if stable else (low, step)
    gaps.append(abs(low - bounds.max_stable_step(tau)))
print(f"largest difference below 1e-9: {max(gaps) < 1e-9}")

# %% [markdown]
# **Your turn: a review.** A colleague, or their assistant, wrote this replay of an asynchronous run, for
# $f_i(x)=\frac12\|x-b_i\|^2$ with the rows $b_i$ of `centres`:
#
# ```python
# def replay(order, centres, x, step_size):
#     read = [x] * len(centres)
#     for i in order:
#         x -= step_size * (read[i] - centres[i])
#         read[i] = x
#     return x
# ```
#
# It runs, and it converges: even eight workers in turn with a step of 1.5, which is far beyond the threshold
# 0.21 for $\tau=7$. Too good to be true. Find the error and mend it.

# %% answer="asynchronous-review"
def replay(order, centres, x, step_size):
    """The model after all updates of `order`; worker i reads it after each of its own."""
    ### BEGIN SOLUTION
    read = [x] * len(centres)
    for i in order:
        x = x - step_size * (read[i] - centres[i])  # a new array, not `-=`
        read[i] = x
    return x
    ### END SOLUTION


# %% check="asynchronous-review"
check("asynchronous-review", replay)

# %%
with attempt():
    for step_size in (0.2, 0.22, 1.5):
        with np.errstate(over="ignore", invalid="ignore"):
            x = replay(list(range(8)) * 100, np.zeros((8, 1)), np.ones(1), step_size)
        print(f"step {step_size}: {'goes to zero' if abs(x[0]) < 0.5 else 'grows'}")

# %% [markdown]
# ## What delay does to the rate: less than the lesson says
#
# **Theorem card 4.3: constant delay, not convex.** *(after Stich and Karimireddy 2020; proof in
# [exercise 4](../exercises/04_async_rate.ipynb))*
#
# Let $f$ be $L$-smooth, $\Delta=f(x_0)-\inf f$, the noise of each gradient of mean zero given the past and of variance
# at most $\sigma^2$, every gradient $\tau$ updates old, no update before the first is there, and
# $\eta\le\frac1{4L\max(1,\tau)}$. Then
#
# $$\frac1T\sum_{t<T}\mathbb E\|\nabla f(x_t)\|^2\;\le\;\frac{4\Delta}{\eta T}+3\eta L\sigma^2,\qquad\text{at best}\quad O\Big(\sqrt{\tfrac{L\Delta\sigma^2}T}+\frac{L\Delta\max(1,\tau)}T\Big).$$
#
# **Delay belongs in the $1/T$ term.** The lesson's Theorem 5.1 says $O(1/\sqrt t)+O(\tau_{\max}/\sqrt t)$: it does not
# hold up. By it twenty updates of delay would cost a factor of about 21 for ever; in truth the noise, which delay
# does not touch, soon drowns it. Measured ≤ bound, with machines that are all alike, hence $\tau=m-1$:

# %%
for m in (1, 5, 17):
    noisy = problems.Quadratic.dialled(m=m, d=10, optimum_spread=0, noise=2.0)
    step_size = 1 / (4 * noisy.L * max(1, m - 1))
    alike = SimulatedCluster(
        noisy, link=instant, batch_size=1, replicates=100, initial_model=np.ones(10)
    )
    steps = run(async_sgd(alike, lambda late: step_size * (late == m - 1)), rounds=400)
    bound = bounds.delayed_sgd(400, step_size, noisy.L, 4.0, steps.loss[0, 0], m - 1)
    print(holds(f"delay {m - 1:2}", (steps.gradient_norm[:-1] ** 2).mean(), bound))

# %% [markdown]
# And with the best step for each: the loss at delay 20 over the loss at delay 0, after $T$ updates, computed exactly.
# (A delayed run swings through zero, so that what is left of the start is averaged over the last $\tau+1$ updates.)

# %%
T = np.array([100, 400, 1600])
for variance in (1.0, 1e-6):
    ratio = explorers.best_gap(20, T, variance) / explorers.best_gap(0, T, variance)
    shown = ", ".join(f"{r:.2g} (T = {t})" for r, t in zip(ratio, T))
    print(f"variance {variance:g}: {shown}")

# %% [markdown]
# With noise, delay is forgotten. Nearly without, it dominates while the $1/T$ term does. That is the whole answer to
# "does staleness hurt?".
#
# ## Unequal speeds: the wrong point
#
# **Theorem card 4.4: where async goes.** *(an identity on quadratics)* If worker $i$ delivers the share $p_i$ of the
# gradients, asynchronous SGD steps along $\sum_ip_i\nabla f_i$: it minimises $\sum_ip_if_i$, not $\frac1m\sum_if_i$.
# For $f_i(x)=\frac12(x-b_i)^2$ the models that workers read average to $\sum_ip_ib_i$, up to $\frac{x_0-x_T}{\eta T}$,
# for **every** step size. Harmless if all hold alike data; with different data *and* different speeds no step size
# helps. The lesson's Algorithm 5.1, with $\nabla f_i$, is just this case.
#
# Speeds 4 : 2 : 1, optima 0, 0 and 3: the truth is 1, and $\sum_ip_ib_i=\frac37\approx0.43$. Two ways to mend it: a
# **table** of everyone's last gradient at the server, which steps along the mean of all rows (IAG); or
# a **bound** on how far ahead anyone may run (stale-synchronous), which makes all shares equal but lets the
# slowest set the pace.

# %%
from course_lib.methods import iag, stale_synchronous_sgd

centres = problems.Quadratic(np.ones((3, 1, 1)), [[0.0], [0.0], [3.0]])
hares = Speeds(Constant(1.0), (4, 2, 1))
for method in (async_sgd, iag, lambda c, eta: stale_synchronous_sgd(c, eta, bound=2)):
    uneven = SimulatedCluster(centres, compute=hares, link=instant)
    steps = method(uneven, 0.01)
    x = [next(steps)[0].item() for _ in range(7000)]
    print(f"{steps.__name__:22} {np.mean(x[3500:]):.2f}, {uneven.seconds:.0f} seconds")

# %% [markdown]
# **Your turn: the table.** Write the server's step when a gradient arrives: replace the worker's row, then move along
# the mean of the table. Return the new model and the new table, and leave the old ones as they were.

# %% answer="asynchronous-table"
def table_step(x, table, worker, gradient, step_size):
    """New model (d,) and new table (m, d)."""
    ### BEGIN SOLUTION
    table = table.copy()
    table[worker] = gradient
    return x - step_size * table.mean(axis=0), table
    ### END SOLUTION


# %% check="asynchronous-table"
check("asynchronous-table", table_step)

# %% [markdown]
# ## What a barrier costs
#
# **Theorem card 4.5: throughput.** *(proved: after the $(k-1)$-th of $m$ memoryless clocks the $k$-th rings within
# $\frac1{m-k+1}$ of the mean, on average)* With independent exponential compute times of mean $s$ and free
# communication, a synchronous round takes $s\,H_m$ on average, $H_m=1+\frac12+\dots+\frac1m\approx\ln m+0.577$;
# without a barrier $m$ gradients arrive every $s$. Async delivers $H_m$ times as many. Where every gradient takes the
# same time, a barrier costs nothing.

# %%
for m in (2, 8, 32, 128):
    toy = problems.Quadratic(np.ones((m, 1, 1)), np.zeros((m, 1)))
    cluster = SimulatedCluster(toy, compute=Exponential(1.0), link=instant)
    a_round = run(sync_sgd(cluster, 0.1), 1000, 1000).seconds[-1] / 1000
    arrival = run(async_sgd(cluster, 0.1 / m), 4000, 4000).seconds[-1] / 4000
    ratio, H = a_round / (m * arrival), bounds.wait_for_slowest(m)
    print(f"m = {m:3}: {ratio:.1f} times the gradients, H_m = {H:.1f}")

# %% [markdown]
# ## So when does async win?
#
# Sixteen machines, half a minute. Two problems, one ruled by noise, one where high accuracy is asked of almost
# noise-free gradients; two kinds of machines. For each method we try twelve step sizes and keep the best.

# %%
values, steps = np.diag(np.geomspace(0.1, 1, 50)), np.geomspace(0.05, 1.9, 12)
for noise in (1.0, 1e-4):
    task = problems.Quadratic([values] * 16, np.zeros((16, 50)), noise)
    for compute in (Constant(1.0), Exponential(1.0)):
        lab = SimulatedCluster(
            task,
            compute=compute,
            link=instant,
            batch_size=1,
            replicates=len(steps),
            initial_model=np.ones(50),
        )
        barrier = sweep(lambda eta: run(sync_sgd(lab, eta), 32), steps)
        none = sweep(lambda eta: run(async_sgd(lab, eta), 600, 16), steps / 16)
        best = [
            min(h.loss[h.seconds <= 30][-1] for h in tuned.values())
            for tuned in (barrier, none)
        ]
        name = type(compute).__name__
        print(f"noise {noise:6g}, {name:11}: sync {best[0]:.1g}, async {best[1]:.1g}")

# %% [markdown]
# - **Noise rules, machines alike:** a tie. Sixteen gradients averaged or used one by one reduce noise alike.
# - **Noise rules, times vary:** async wins. It has $H_{16}=3.4$ times as many gradients, and sync's eight rounds or so
#   would be few even without noise (last line).
# - **High accuracy, machines alike:** sync wins. There is no waiting to save, and delay limits the step.
# - **High accuracy, times vary:** async again; here waiting costs more than delay. It even beats its own result with
#   equal times: memoryless delays act on average like momentum $1-\frac1m$ (Mitliagkas et al. 2016), equal ones do not.
#
# The explorer computes the same for any noise, with every gradient exactly $m-1$ updates old, so without that gift.

# %%
explorers.deadline_explorer

# %% [markdown]
# ## In practice: DistBelief
#
# Google's first system for deep networks (Dean et al. 2012) ran **Downpour SGD**: workers fetch the model every few
# gradients, push every few, and go on by themselves in between. Fewer messages, older gradients.

# %%
for every in (1, 5, 20):
    cluster = SimulatedCluster(digits8, batch_size=16, compute=Exponential(1e-3))
    down = run(downpour_sgd(cluster, 0.5 / 8, every, every), 800, record_every=800)
    megabytes = down.bytes[-1] / 1e6
    print(f"fetch and push every {every:2}: {megabytes:.1f} MB, loss {down.loss[-1]:.2f}")

# %% [markdown]
# An asynchronous run on real machines never happens twice, which makes it hard to debug. So record it: with the seed,
# the **order of arrivals** is all that it takes to have the run again bit for bit, even on other machines. (Its twin in
# shared memory is Hogwild, `hogwild_sgd`: cores that write without locks, for sparse rows that seldom meet.)

# %%
again = SimulatedCluster(digits8, batch_size=16, compute=1.0, replay=apart.order)
same = run(async_sgd(again, 0.5 / 8), rounds=800, record_every=16)
print("bit for bit:", np.array_equal(same.loss, free.loss))

# %% [markdown]
# ## Think
#
# **When does asynchronous SGD outperform synchronous SGD?** In your own words: what it gains and what governs that,
# what it pays and in which term, a case in which it loses, and a case in which it is wrong. About ten lines.

# %% [markdown] essay="asynchronous-when" points=10
# ### BEGIN SOLUTION
# When compute times vary (heavy tails, mixed hardware) or a barrier costs much. Under memoryless times of mean $s$ a
# round takes $sH_m$ seconds, so async delivers $H_m\approx\ln m+0.58$ times as many gradients per second. It pays with
# staleness, whose mean is at most $m-1$ however slow the slowest worker is, and staleness enters only in the
# $O(\tau/T)$ term, not in $\sqrt{\sigma^2/T}$: in the noise-dominated regime async wins wall-clock time. **It loses**
# where machines are alike (nothing to gain) and high accuracy at low noise is asked for: the step must stay below
# $\frac2L\sin\frac\pi{2(2\tau+1)}$, about $\frac\pi{2\tau}$ times $\frac1L$. **It is wrong** where workers differ in
# data and in speed: it minimises $\sum_ip_if_i$ with shares $p_i$ proportional to the speeds, at every step size; a
# table of last gradients mends that. Evidence: the two-by-two comparison of this lecture; Koloskova, Stich and Jaggi
# (2022).
#
# *Rubric (10):* 3 governing quantities ($H_m$ or variability of times; mean delay); 3 a condition *and* a case in which
# async loses or errs; 2 a formula with its units; 2 evidence (experiment or source). At most 5 if delay is said to
# multiply $1/\sqrt t$; at most 6 without a case of failure.
# ### END SOLUTION

# %% [markdown]
# ## When to use it
#
# Drop the barrier when the timeline is grey: times vary, and no worker's data is its own. Keep it when machines are
# alike, or when every run must be the same run. Set the step by the number of workers, not by the worst delay.
#
# | If ... | then ... |
# |---|---|
# | compute times vary, data dealt at random | async SGD, step $\frac1m$ of the synchronous one |
# | one worker is far slower than the rest | async, perhaps delay-adaptive; never a step set by $\tau_{\max}$ |
# | speeds *and* data differ | a table of gradients (IAG), or a bound with small steps |
# | the server cannot keep up | push and fetch less often (Downpour), or all-reduce |
# | machines alike, low noise, high accuracy | synchronous SGD (lecture 2) |
#
# Next: [exercise 4](../exercises/04_async_rate.ipynb), in which you prove card 4.3, then [lecture 5](05_local.ipynb), where
# workers talk less often.
#
# ## Reading
#
# - J. Dean et al. (2012), *Large scale distributed deep networks*, NIPS. DistBelief and Downpour SGD, at the scale that
#   made asynchrony popular.
# - B. Recht, C. Ré, S. Wright and F. Niu (2011), *Hogwild!: a lock-free approach to parallelizing stochastic gradient
#   descent*, NIPS. Why sparse updates hardly collide.
# - Q. Ho et al. (2013), *More effective distributed ML via a stale synchronous parallel parameter server*, NIPS. The
#   bound, and a system built on it.
# - A. Agarwal and J. C. Duchi (2011), *Distributed delayed stochastic optimization*, NIPS. First to show that delay is
#   asymptotically negligible.
# - S. U. Stich and S. P. Karimireddy (2020), *The error-feedback framework: better rates for SGD with delayed gradients
#   and compressed updates*, JMLR 21. The virtual iterate behind card 4.3, and its kinship with lecture 3.
# - A. Koloskova, S. U. Stich and M. Jaggi (2022), *Sharper convergence guarantees for asynchronous SGD for distributed
#   and federated learning*, NeurIPS. Average delay and delay-adaptive steps.
# - K. Mishchenko, F. Bach, M. Even and B. Woodworth (2022), *Asynchronous SGD beats minibatch SGD under arbitrary
#   delays*, NeurIPS. The number of workers in place of the largest delay.
