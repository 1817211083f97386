# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # 2. Synchronous SGD
#
# **The question.** Training takes an hour on one machine. You are offered eight, then eight hundred. All machines
# compute, all wait for each other, all take the same step. How long does training take now, and is the
# model the same?
#
# Two things decide: how many *rounds* the method needs, which is mathematics, and how long a round takes, which is
# engineering. [Lecture 1](01_setting.ipynb) priced the round. This lecture counts the rounds.
#
# By the end you can say, before buying anything, up to which number of machines the rounds keep falling.

# %%
import numpy as np

from course_lib import bounds, data, plots, problems
from course_lib.cards import holds, source
from course_lib.clusters import SimulatedCluster, slow_worker
from course_lib.experiment import run, sweep
from course_lib.explorers.synchronous import speedup_explorer, step_size_explorer
from course_lib.grading import check
from course_lib.methods import inverse_time, parameter_server_sgd, sync_sgd

# %% [markdown]
# ## The algorithm
#
# Worker $i$ holds its own data and the loss $f_i$ on it; we minimise $f=\frac1m\sum_i f_i$. In round $t$:
#
# 1. all workers hold the same model $x_t$;
# 2. worker $i$ draws $b$ of its rows and computes the mean gradient $g_{i,t}$ on them;
# 3. an all-reduce gives everyone $\bar g_t=\frac1m\sum_i g_{i,t}$;
# 4. everyone steps: $x_{t+1}=x_t-\eta_t\,\bar g_t$.
#
# Here is the library's function, whole. It sees the machines only through `cluster`, so the same lines run in this
# notebook and on real processes. What it yields is its whole state: the model and the step counter.

# %%
source(sync_sgd)

# %% [markdown]
# Eight workers learn to read digits: 1438 images of 8 × 8 pixels, dealt at random, ten classes, softmax regression.
# Shares differ by one image, so we say that every *row* counts the same (`weights="pooled"`); lecture 1 told why this
# must be said. So the $\frac1m$ above becomes $w_i=|D_i|/N$, here almost the same.

# %%
digits = data.load("digits")
parts = data.partition_iid(digits.labels, workers=8)
features, labels = data.deal(digits, parts)
test = digits.test_features, digits.test_labels
problem = problems.SoftmaxRegression(features, labels, 1e-3, weights="pooled", test=test)

# %%
cluster = SimulatedCluster(problem, seed=0, batch_size=16)
eight = run(sync_sgd(cluster, step_size=0.5), rounds=200, record_every=20)
eight

# %% [markdown]
# The table has three clocks, because methods rank differently on each: *rounds*, *bytes* that all workers sent, and
# *seconds* on the simulated cluster (a millisecond a gradient, 10 Gbit/s links, 50 µs latency).
#
# ## The same as one machine with a large batch
#
# The lesson's Theorem 3.1 promises "the same convergence rate as centralized SGD with effective batch size mb". The
# truth is stronger and simpler, an identity. If worker $i$ uses the rows $I_i$, all of size $b$, then
#
# $$\frac1m\sum_{i=1}^m\frac1b\sum_{j\in I_i}\nabla\ell_j(x)\;=\;\frac1{mb}\sum_{j\in\bigcup_i I_i}\nabla\ell_j(x).$$
#
# Nothing is approximated: the iterates are those of one machine that takes the union of the rows, up to the order in
# which a computer adds. `spread` has eight workers with 512 rows each, `pooled` one worker with all 4096; both run
# 300 rounds on the same rows.

# %%
A, y = data.regression(workers=8, rows=512, d=20)
spread = problems.LeastSquares(A, y)
pooled = problems.LeastSquares(A.reshape(1, 4096, 20), y.reshape(1, 4096))

# %%
many = one = np.zeros(20)
rng = np.random.default_rng(0)
for _ in range(300):
    rows = rng.integers(512, size=(8, 16))
    union = rows.reshape(1, 128) + 512 * np.arange(8).repeat(16)
    many = many - 0.3 * spread.gradient(many, (rows, np.full((8, 16), 1 / 16))).mean(0)
    one = one - 0.3 * pooled.gradient(one, (union, np.full((1, 128), 1 / 128)))[0]
print(f"after 300 rounds they differ by less than 1e-13: {abs(many - one).max() < 1e-13}")

# %% [markdown]
# **Your turn: one round.** Write the round by hand, for least squares: worker $i$ holds `features[i]` ($n\times d$)
# and `targets[i]` ($n$), and drew `rows[i]`. Its loss on a row is $\frac12(a^\top x-y)^2$. The check runs yours and
# the library's on fresh inputs; until you have written something it says so and goes on.

# %% answer="synchronous-step"
def sync_step(x, features, targets, rows, step_size):
    """One round: the model (d,) after all workers' gradients were averaged."""
    ### BEGIN SOLUTION
    gradients = []
    for A, y, picked in zip(features, targets, rows):
        A, y = A[picked], y[picked]
        gradients.append(A.T @ (A @ x - y) / len(picked))
    return x - step_size * np.mean(gradients, axis=0)
    ### END SOLUTION


# %% check="synchronous-step"
check("synchronous-step", sync_step)

# %% [markdown]
# **Your turn: unequal batches.** A machine with half the memory takes half the batch. Then the plain mean of the workers'
# mean gradients is *not* the large batch's gradient: rows in small batches count too much. Which weights repair it?
# `gradients` has one row a worker, `batch_sizes` the $b_i$.

# %% answer="synchronous-weights"
def large_batch_gradient(gradients, batch_sizes):
    """Gradient of the union of all batches (d,) from the workers' means (m, d)."""
    ### BEGIN SOLUTION
    return batch_sizes @ gradients / batch_sizes.sum()
    ### END SOLUTION


# %% check="synchronous-weights"
check("synchronous-weights", large_batch_gradient)

# %% [markdown]
# ## What averaging buys: variance
#
# **Theorem card 2.1: variance of the averaged gradient.** *(proved in two lines; computed below)*
#
# Let $\sigma^2=\mathbb E\|\nabla\ell_j(x)-\nabla f(x)\|^2$ be the variance of the gradient on **one** sample.
#
# - Rows drawn independently, with replacement, from the pooled data: $\mathbb E\|\bar g-\nabla f\|^2=\sigma^2/(mb)$.
# - Without replacement from $N$ rows: the same, times $\frac{N-mb}{N-1}$.
# - Each worker draws from its own data, with replacement: $\frac1{m^2b}\sum_i\sigma_i^2$, with $\sigma_i^2$ the
#   variance among its own rows.
#
# *Loosely said elsewhere:* "the noise falls with the square root of the number of workers". True of its standard
# deviation; the bounds below contain the variance, which falls like $1/m$. The lesson credits synchronous methods with
# a "deterministic convergence analysis". Their *order* is fixed; their samples are drawn, and this is their noise.
#
# We draw 2000 gradients at once (`replicates`) and compare with the third line.

# %%
x = np.zeros(spread.d)
for b in (1, 4, 16, 64):
    draws = SimulatedCluster(spread, batch_size=b, replicates=2000)
    apart = draws.mean(draws.gradient(draws.start())) - spread.full_gradient(x)
    measured, predicted = (apart**2).sum(-1).mean(), spread.noise(x).sum() / (8**2 * b)
    print(f"b = {b:2}: measured variance / predicted = {measured / predicted:.2f}")

# %% [markdown]
# **Your turn: a review.** Now every worker has a copy of *all* $n$ rows and draws $b$ of them. A colleague, or their
# assistant, wrote the function that draws:
#
# ```python
# def draw_rows(seed, m, n, b):
#     return np.stack([np.random.default_rng(seed).integers(n, size=b) for i in range(m)])
# ```
#
# It runs, it is reproducible, the loss goes down. Yet the measured variance of $\bar g$ is $\sigma^2/b$ for every
# $m$: the other workers buy nothing. Find out why, and mend it: each worker draws from a generator of its own, and
# worker $i$'s rows depend on `(seed, i)` alone. (The obvious first repair, `seed + i`, has a flaw of its own; the check
# knows it. It compares the very rows, so seed with the list of both numbers, in this order; NumPy takes lists.)

# %% answer="synchronous-review"
def draw_rows(seed, m, n, b):
    """Row numbers (m, b) from 0 ... n-1, independent for each worker and each seed."""
    ### BEGIN SOLUTION
    streams = [np.random.default_rng([seed, i]) for i in range(m)]
    return np.stack([stream.integers(n, size=b) for stream in streams])
    ### END SOLUTION


# %% check="synchronous-review"
check("synchronous-review", draw_rows)

# %% [markdown]
# ## What variance costs: a floor
#
# Two numbers describe the curvature of $f$: nowhere is it more than $L$ ($f$ is *$L$-smooth*), nowhere less than
# $\mu>0$ (*$\mu$-strongly convex*). For a quadratic they are the extreme eigenvalues of the Hessian. $f^*$ is the
# smallest value.
#
# With a constant step, SGD runs down to a level where noise and contraction balance, and stays there. Commit to a
# guess, then move the sliders. The dashed bound is that of the card below, Theorem 4.6 of Bottou, Curtis and Nocedal.

# %%
step_size_explorer

# %% [markdown]
# **Theorem card 2.2: constant step, strongly convex.** *(Bottou, Curtis and Nocedal 2018, Theorem 4.6)*
#
# Let $f$ be $L$-smooth and $\mu$-strongly convex, gradients unbiased with
# $\mathbb E\|\bar g-\nabla f\|^2\le\sigma^2/(mb)$, $0<\eta\le1/L$, and $\Delta=f(x_0)-f^*$ the gap at the start. Then for
# every $t\ge0$
#
# $$\mathbb E f(x_t)-f^*\;\le\;\frac{\eta L\sigma^2}{2\mu\,mb}+(1-\eta\mu)^t\Big(\Delta-\frac{\eta L\sigma^2}{2\mu\,mb}\Big).$$
#
# The **floor** falls with $m$. The **speed** $1-\eta\mu$ does not contain $m$ at all: more workers do not make a step
# better than noise-free gradient descent's. That sentence is the whole story of the speed-up and of its end.
#
# Measured: the mean of 500 runs at once, against the bound, at $t=0,\dots,120$. (At $t=0$ both are the initial gap.)

# %%
noisy = problems.Quadratic.dialled(m=8, d=10, condition=2, optimum_spread=0, noise=2.0)
cluster = SimulatedCluster(noisy, batch_size=1, replicates=500, initial_model=np.ones(10))
runs = run(sync_sgd(cluster, step_size=0.5), rounds=120)
known = {"L": noisy.L, "sigma2": 2.0**2 / 8, "gap": runs.loss[0, 0]}
bound = bounds.sgd_constant_step(runs.rounds, 0.5, mu=noisy.mu, **known)
holds("Theorem 4.6 for m = 8", runs.loss.mean(axis=1), bound)

# %% [markdown]
# A step that shrinks removes the floor: with $\eta_t=\beta/(\gamma+t)$, $\beta>1/\mu$ and $\eta_0\le1/L$ the expected
# gap falls like $1/t$ (their Theorem 4.7). `step_size` may be a number, a schedule, or an array of numbers, one
# experiment each.

# %%
schedule = inverse_time(beta=3 / noisy.mu, gamma=3 * noisy.L / noisy.mu)
shrinking = run(sync_sgd(cluster, schedule), rounds=120)
both = {"constant step": runs.averaged(), "step β/(γ + t)": shrinking.averaged()}
plots.convergence(both, theory=bound)

# %% [markdown]
# **Theorem card 2.3: not convex.** *(Bottou, Curtis and Nocedal 2018, Theorem 4.8)*
#
# Let $f$ be $L$-smooth and bounded below, $\Delta=f(x_0)-\inf f$, gradients as in card 2.2, and $0<\eta\le1/L$. Then for
# every $T$
#
# $$\frac1T\sum_{t<T}\mathbb E\|\nabla f(x_t)\|^2\;\le\;\frac{2\Delta}{\eta T}+\frac{\eta L\sigma^2}{mb}.$$
#
# The same shape, one level lower: without convexity a small gradient is all that can be promised. The statement needs
# no convexity and is not harmed by it, so the same 500 runs may be held against it.

# %%
squares = (runs.gradient_norm[:-1] ** 2).mean()
holds("Theorem 4.8 for T = 120", squares, bounds.sgd_nonconvex(120, 0.5, **known))

# %% [markdown]
# ## Linear speed-up, and where it ends
#
# Choose the step that brings the floor to $\varepsilon/2$, or $1/L$ if that is shorter, and solve the bound of card 2.2
# for the number of steps to an expected gap $\varepsilon$:
#
# $$T=\max\Big\{\frac L\mu,\ \frac{L\sigma^2}{\mu^2\varepsilon\,mb}\Big\}\,\log\frac{2\Delta}{\varepsilon}.$$
#
# While the second term rules, $m$ workers need $m$ times fewer rounds: **linear speed-up**. It ends at the **critical
# batch** $mb=B_{crit}=\sigma^2/(\mu\varepsilon)$, beyond which the first term, which no averaging touches, remains.
# It *grows* as $\varepsilon\to0$: demanding targets can feed more machines. The formula comes from an upper bound:
# trust its shape, not its place. In the explorer the exact curve has lost half of the linear speed-up at a batch
# seven to nine times smaller than that of the dotted line.

# %%
speedup_explorer

# %% [markdown]
# Now on the digits. For each total batch we tune the step: five step sizes run as one array of experiments. How many
# rounds until the training loss is within 0.15 of the best possible?

# %%
target = problem.loss(problem.optimum()) + 0.15
for b in (1, 2, 4, 8, 16, 32):
    cluster = SimulatedCluster(problem, seed=0, batch_size=b)
    tuned = sweep(
        lambda eta: run(sync_sgd(cluster, eta), 150, record_every=5, quiet=True),
        [0.1, 0.2, 0.4, 0.8, 1.6],
    )
    fewest = min(history.first("loss", target) for history in tuned.values())
    print(f"total batch {8 * b:3}: {fewest:.0f} rounds")

# %% [markdown]
# Twice the batch, half the rounds, at first (the loss is read every fifth round only); beyond 128 images nothing is
# won.
#
# ## The same iterates, another bill
#
# A parameter server computes the very same models, and so does every all-reduce algorithm. What changes is the bill:
# through one server's port $2(m-1)$ messages pass one after another. For 650 parameters that hardly shows, as latency
# is all that counts; lecture 1's explorer tells where it does. One slow worker makes everyone wait, whoever does the
# adding: that is the price of the word *synchronous*. First two lines: all workers alike; last two: one is
# three times slower. In the chart of the last run, look for the grey.

# %%
for compute in (1e-3, slow_worker(8, factor=3)):
    for method in (sync_sgd, parameter_server_sgd):
        machines = SimulatedCluster(problem, seed=0, batch_size=16, compute=compute)
        history = run(method(machines, 0.5), rounds=200, record_every=200)
        same = np.allclose(history.model, eight.model, atol=1e-12)
        print(f"{history.name:22} {history.seconds[-1]:.2f} s, the same model: {same}")

# %%
plots.timeline(machines, until=0.02)

# %% [markdown]
# ## Think
#
# **Can we achieve linear speed-up with $m$ workers for all problem types?** Write your own words below: the quantity
# that governs it, a condition under which it holds, and a case in which it fails. About ten lines.

# %% [markdown] essay="synchronous-speedup" points=10
# ### BEGIN SOLUTION
# No. In *rounds*, averaging divides the variance by $m$ and touches nothing else, so speed-up is linear only while the
# noise term rules: $mb\le B_{crit}\sim\sigma^2/(\mu\varepsilon)$ (strongly convex), $2\sigma^2/\varepsilon$ for
# $\mathbb E\|\nabla f\|^2\le\varepsilon$ (not convex). Beyond it the deterministic part remains,
# $\kappa\log\frac1\varepsilon$ steps, or $\sqrt\kappa\log\frac1\varepsilon$ with acceleration. **Failure case:** a
# noise-free ill-conditioned problem, where $B_{crit}<1$ and two workers are no faster than one. In *seconds* there is
# more against it: the latency of an all-reduce grows at least like $\log_2m$, the slowest of $m$ machines gets slower,
# and what cannot be split (Amdahl) stays. Evidence: the curve of this lecture bends and lies flat.
#
# *Rubric (10):* 3 governing quantity ($B_{crit}$); 3 a condition and a case where the claim fails; 2 a formula with its
# units; 2 evidence (experiment or source). At most 6 without a case of failure.
# ### END SOLUTION

# %% [markdown]
# ## When to use it
#
# Use synchronous SGD first: its result is that of one machine, whatever the network. Stay with it while the total batch
# is below the critical one and machines are alike. Leave it when waiting or bytes dominate the round.
#
# | If ... | then ... |
# |---|---|
# | the round is mostly compute, $mb<B_{crit}$ | add workers: rounds fall like $1/m$ |
# | $mb>B_{crit}$ | more workers buy next to nothing; better conditioning or momentum may |
# | the round is mostly bytes | compress (lecture 3) or communicate less often (lecture 5) |
# | the round is mostly waiting | drop the barrier (lecture 4) or the slowest (lecture 7) |
#
# Next: [lecture 3](03_compression.ipynb), where messages get shorter. [Study 1](study_1_scalability.ipynb) takes the
# speed-up to 1024 workers, network included.
#
# ## Reading
#
# - L. Bottou, F. E. Curtis and J. Nocedal (2018), *Optimization methods for large-scale machine learning*, SIAM Review
#   60(2). Sections 4.1 to 4.3 prove Theorems 4.6 to 4.8.
# - J. Dean et al. (2012), *Large scale distributed deep networks*, NIPS. DistBelief: what a cluster looked like when
#   these questions became practical.
# - S. McCandlish et al. (2018), *An empirical model of large-batch training*. Measures the critical batch of neural
#   networks through the noise of their gradients.
