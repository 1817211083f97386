# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # 3. Compression
#
# **The question.** A gradient of ResNet-50 is 100 MB, and every worker sends one in every round. It could send one
# bit a number, or one number in a hundred. Is training then a hundred times cheaper, and is it still training?
#
# [Lecture 2](02_synchronous.ipynb) counted rounds; now the messages of a round get shorter, and wrong. What counts
# is the product: *bytes a round* times *rounds*. Commit to a guess before you touch the sliders.

# %%
from itertools import islice

import numpy as np

from course_lib import bounds, compressors, data, methods, plots, problems
from course_lib.cards import holds, source
from course_lib.clusters import Link, SimulatedCluster
from course_lib.compressors import QSGD, RandomK, ScaledSign, Stochastic, TopK, Uniform
from course_lib.experiment import run
from course_lib.explorers.compression import bits_explorer, network_explorer
from course_lib.grading import attempt, check
from course_lib.methods import compressed_sgd, diana, ef21, error_feedback_sgd, sync_sgd

# %%
bits_explorer

# %% [markdown]
# Surprised? A random tenth of the gradient, sent by one worker, saves nothing at all. With 32 workers it does, and
# QSGD does even with one. By the end you will know why, and which of a dozen schemes to take.
#
# ## Two promises
#
# A compressor $C$ turns a vector of $d$ numbers into a shorter message. Theory asks one of two things of it, for
# *all* $x$:
#
# - **unbiased**: $\mathbb E\,C(x)=x$ and $\mathbb E\|C(x)-x\|^2\le\omega\|x\|^2$. Small $\omega$ is good; $\omega=0$
#   is no compression.
# - **contractive**: $\mathbb E\|C(x)-x\|^2\le(1-\delta)\|x\|^2$ with $0<\delta\le1$. Large $\delta$ is good.
#
# We weigh real parcels of a real gradient: softmax regression on digits, eight workers, three classes each. `encode`
# makes the bytes that would go on the wire, indices, scales and all; `decode` reads them. Over 500 draws we average
# how much of $\|x\|^2$ is *lost*, $\|C(x)-x\|^2/\|x\|^2$; *bias* is the same for the mean of the draws. The last two
# columns are what the compressor promises for every $x$. (In the last two rows `delta=0.05` is the spacing of a grid,
# which the lesson calls $\delta$, too.)

# %%
digits = data.load("digits")
parts = data.partition_by_label(digits.labels, workers=8, classes_per_worker=3)
features, labels = data.deal(digits, parts)
problem = problems.SoftmaxRegression(features, labels, 1e-2, weights="pooled")
g = problem.gradient(np.zeros(problem.d))[0]

# %%
baseline, bit = compressors.Float32(), compressors.OneBit(columns=10)
unbiased = [compressors.Natural(), QSGD(4), compressors.TernGrad(), RandomK(65),
            compressors.RandomSparsifier(0.1)]
biased = [TopK(13), ScaledSign(), bit, compressors.PowerSGD(1, columns=10)]
lessons = [Uniform(0.05), Stochastic(0.05)]


def lost_and_bias(c, v):
    off = c(np.tile(v, (500, 1)), np.random.default_rng(0)) - v
    return (off**2).sum(1).mean() / (v @ v), (off.mean(0) ** 2).sum() / (v @ v)


print(f"uncompressed: {8 * problem.d} bytes        bytes   lost   bias      omega  delta")
for c in [baseline, *unbiased, *biased, *lessons]:
    size = len(c.encode(g, np.random.default_rng(0)))
    promises = [c.omega(problem.d), c.delta(problem.d)]
    known = "".join("       -" if p is None else f"{p:8.3g}" for p in promises)
    print(f"{c!s:29}{size:6}" + "{:7.2f}{:7.2f}   ".format(*lost_and_bias(c, g)) + known)

# %% [markdown]
# Two families show. The unbiased ones have no bias beyond chance, and may lose *more than everything*: rand-$k$ with a
# tenth of the numbers loses nine times $\|x\|^2$, because it multiplies what it keeps by $d/k$; that makes its mean
# right and its error large. The contractive ones lose a part, and are biased: top-$k$, signs, PowerSGD. With a fifth
# of rand-$k$'s bytes QSGD loses a third as much: it does not drop numbers, it writes them in few bits.
#
# ## The lesson's Theorem 4.1, resolved
#
# The lesson says: for unbiased compression "with compression ratio $\omega$", $\mathbb E[f(\bar x_t)-f^*]\le
# O(1/\sqrt t)+O(\omega/\sqrt t)$, and: "less communication (smaller $\omega$)". Three things are wrong with it.
#
# **1. Three of its four compressors do not satisfy it.** Its uniform quantiser and top-$k$ are biased: see the table.
# Its random quantiser $Q(x)=\mathrm{sign}(x)\,\delta\lfloor|x|/\delta+\xi\rfloor$ is unbiased, but with a fixed grid
# $\delta$ no $\omega$ exists. Its exact error, with $r_j$ the fractional part of $|x_j|/\delta$, is yours to find.
#
# **Your turn: the exact error.** Coordinate $j$ lies a fraction $r_j$ above a grid point. The quantiser rounds it
# up with probability $r_j$, else down. What is $\mathbb E\|Q(x)-x\|^2$?

# %% answer="compression-error"
def rounding_error(x, delta):
    """Expected squared error of the lesson's random quantiser, x of shape (d,)."""
    ### BEGIN SOLUTION
    r = np.abs(x) / delta % 1
    return delta**2 * np.sum(r * (1 - r))
    ### END SOLUTION


# %% check="compression-error"
check("compression-error", rounding_error)

# %% [markdown]
# Now shrink the vector, as gradients shrink near the optimum: the average over 500 draws, yours, and QSGD, whose
# grid shrinks along ($\delta=\|x\|/s$). Only one of the two keeps a promise of the form "at most $\omega\|x\|^2$".

# %%
for size in (1, 0.1, 0.01, 0.001):
    v = size * g
    measured = [lost_and_bias(c, v)[0] for c in (QSGD(4), Stochastic(0.05))]
    print("{:5} g: QSGD {:.2f}, the lesson's {:7.2f}".format(size, *measured), end="; ")
    with attempt():
        print(f"yours {rounding_error(v, 0.05) / (v @ v):7.2f}")

# %% [markdown]
# **2. "Less communication (smaller $\omega$)" is backwards.** $\omega$ is a variance, not the ratio $k/d$. For
# rand-$k$, $\omega=\frac dk-1$ exactly, so
#
# $$k\,(1+\omega)=d.$$
#
# Fewer numbers mean *larger* $\omega$, and one worker pays back in rounds all that it saves in words. Compressed
# descent on one machine, with the step that the variance allows:

# %%
source(compressed_sgd)

# %%
single = problems.Quadratic.dialled(m=1, d=100, condition=20)
alone = SimulatedCluster(single, replicates=20)
for k in (100, 50, 20, 5):
    more = 1 + RandomK(k).omega(100)
    method = compressed_sgd(alone, 1 / (single.L * more), RandomK(k))
    runs = run(method, int(50 * more), quiet=True).averaged()
    rounds = runs.first("loss", 1e-2 * runs.loss[0])
    print(f"k = {k:3}, 1 + ω = {more:2.0f}: {rounds:3.0f} rounds, {k * rounds:.0f} words")

# %% [markdown]
# Twenty times fewer words a round, twenty times the rounds, and no fewer words in the end. To gain, one needs
# *averaging* ($m$ independent errors: $\omega/m$), *structure* (a few coordinates that matter: top-$k$), or *coding*:
# QSGD with $\sqrt d$ levels sends every number, roughly.

# %%
dense = np.random.default_rng(0).normal(size=4096)
fine = QSGD(64)  # the root of 4096
size = 8 * fine.size(dense, np.random.default_rng(1)) / dense.size
print(f"{size:.1f} bits a number instead of 64, and ω = {fine.omega(4096):.2f}")

# %% [markdown]
# **3. The rate is multiplicative.**
#
# **Theorem card 3.1: convex, unbiased compression.** *(two lines from the standard proof)* Let $f$ be convex, smooth
# or not, $g_t$ an unbiased (sub)gradient at $x_t$ with $\mathbb E\|g_t\|^2\le G^2$, $\|x_0-x^*\|\le R$, $C$ unbiased
# with $\omega$, $x_{t+1}=x_t-\eta\,C(g_t)$ and $\eta=R/(G\sqrt{(1+\omega)T})$. Then the mean $\bar x_T$ of
# $x_0,\dots,x_{T-1}$ satisfies
#
# $$\mathbb Ef(\bar x_T)-f^*\le RG\sqrt{(1+\omega)/T}.$$
#
# There is no second term: at worst, $1+\omega$ times the rounds. Measured on $f(x)=\|x\|_1/\sqrt d$, 100 runs at once
# (without compression, $k=d$, this bound is attained):

# %%
d, T, rng = 64, 400, np.random.default_rng(0)
measured, kept = [], np.array([64, 16, 4, 1])
for k in kept:
    x, total = np.ones((100, d)) / np.sqrt(d), 0.0
    for _ in range(T):
        total = total + x
        x = x - RandomK(k)(np.sign(x), rng) * np.sqrt(k / T) / d  # 1 + omega = d/k
    measured.append(np.abs(total / T).sum(1).mean() / np.sqrt(d))
holds("card 3.1", measured, bounds.compressed_convex(T, d / kept - 1, G=1.0, R=1.0))

# %% [markdown]
# ## Unbiased: a floor, and how DIANA removes it
#
# **Theorem card 3.2: compressed gradient descent.** *(one-step expansion; cf. Khirirat, Feyzmahdavian and Johansson
# 2018)* Let the $f_i$ be convex and $L_{\max}$-smooth, $f$ $L$-smooth and $\mu$-strongly convex, all $C_i$
# independent and unbiased with $\omega$, and $\eta\le1/(L+2\omega L_{\max}/m)$. With
# $\zeta_*^2=\frac1m\sum_i\|\nabla f_i(x^*)\|^2$,
#
# $$\mathbb E\|x_t-x^*\|^2\le(1-\eta\mu)^t\|x_0-x^*\|^2+\frac{2\eta\,\omega\,\zeta_*^2}{\mu m}.$$
#
# Gradients on $b$ samples of variance $\sigma^2$ add $\frac{\eta(1+\omega)\sigma^2}{\mu mb}$. (If all
# $\nabla f_i(x^*)=0$, the factor 2 in the step is not needed; so the explorer's theory says $1+\omega/m$.)
#
# The floor is there without any noise in the gradients: at the optimum the workers' gradients cancel, but their
# *compressed* gradients do not. DIANA therefore sends what is *new*, the gradient minus a shift $h_i$ that both ends
# know. As $h_i\to\nabla f_i(x^*)$ there is ever less to lose:

# %%
source(diana)

# %% [markdown]
# **Theorem card 3.3: DIANA.** *(Mishchenko et al. 2019; constants of this course's proof)* As in card 3.2, with
# $\alpha\le\frac1{1+\omega}$, $\eta\le1/(L+6\omega L_{\max}/m)$ and
# $V_t=\|x_t-x^*\|^2+\frac{4\omega\eta^2}{\alpha m}\cdot\frac1m\sum_i\|h_{i,t}-\nabla f_i(x^*)\|^2$,
#
# $$\mathbb EV_t\le\max\big(1-\eta\mu,\ 1-\tfrac\alpha2\big)^t\,V_0.\qquad\text{No floor.}$$
#
# Ten workers with different optima, rand-4 of 20 numbers, each method at the largest step of its card. Methods are
# generators, so we take what they yield and measure what the theorem is about.

# %%
ten = problems.Quadratic.dialled(m=10, d=20, condition=5, hessian_spread=0.3)
best, c = ten.optimum(), RandomK(4)
curved = {"L": ten.L, "L_max": ten.L_workers.max(), "m": 10, "omega": c.omega(20)}
ten_machines = SimulatedCluster(ten, replicates=100, initial_model=3 * np.ones(20))


def distances(method, rounds=401):
    return [np.sum((x - best) ** 2, (1, 2)).mean() for x, *_ in islice(method, rounds)]


t, eta = np.arange(401), bounds.dcgd_step(**curved)
plain = distances(compressed_sgd(ten_machines, eta, c))
zeta2 = ten.heterogeneity(best)
floor = bounds.dcgd(t, eta, mu=ten.mu, zeta2=zeta2, distance2=plain[0], **curved)
holds("card 3.2 at every step", plain, floor)

# %%
eta, alpha, omega = bounds.diana_step(**curved), 1 / (1 + c.omega(20)), c.omega(20)
shifted, lyapunov = distances(diana(ten_machines, eta, c)), []
for x, h, *_ in islice(diana(ten_machines, eta, c), 401):
    V = bounds.diana_lyapunov(x, h, best, ten.gradient(best), eta, alpha, omega)
    lyapunov.append(V.mean())
falling = bounds.diana(t, eta, alpha, ten.mu, omega, lyapunov[0])
holds("card 3.3 at every step", lyapunov, falling)

# %%
fig, ax = plots.figure()
ax.semilogy(plain, **plots.style("compressed_sgd"))
ax.semilogy(floor, label="card 3.2", **plots.THEORY)
ax.semilogy(shifted, **plots.style("diana"))
ax.semilogy(falling, label="card 3.3", **plots.THEORY)
ax.set(xlabel="rounds", ylabel="squared distance", xlim=(0, 400), ylim=(1e-12, 1e4))
plots.label_ends(ax)
fig

# %% [markdown]
# **Your turn: a round of DIANA.** Row $i$ of `shifts` and of `gradients` belongs to worker $i$; `compress` treats
# each row by itself. Mind what the server knows: of a worker's gradient it sees the message alone.

# %% answer="compression-diana"
def diana_round(x, shifts, gradients, step_size, alpha, compress):
    """The new model (d,) and the new shifts (m, d)."""
    ### BEGIN SOLUTION
    messages = compress(gradients - shifts)
    g = np.mean(shifts + messages, axis=0)
    return x - step_size * g, shifts + alpha * messages
    ### END SOLUTION


# %% check="compression-diana"
check("compression-diana", diana_round)

# %% [markdown]
# ## Biased: wrong for ever, unless one remembers
#
# Top-$k$ keeps what is largest, which seems wiser than chance. Beznosikov et al. (2020) found three quadratics on
# which it fails: $f_i(x)=\langle a_i,x\rangle^2+\frac14\|x\|^2$, start $(1,1,1)$. Their mean is strongly convex. But
# each worker's largest coordinate points the wrong way, and averaging three wrong ways makes a step uphill, for
# *every* step size: the model grows by exactly $1+\frac{11}6\eta$ a round.

# %%
a = np.array([[-3.0, 2, 2], [2, -3, 2], [2, 2, -3]])
hessians = 2 * a[:, :, None] * a[:, None, :] + np.eye(3) / 2
three = problems.Quadratic(hessians, np.zeros((3, 3)))
three_machines = SimulatedCluster(three, initial_model=np.ones(3))
for eta in (0.1, 0.01, 0.001):
    method = compressed_sgd(three_machines, eta, TopK(1))
    models = [x[0, 0] for x, t in islice(method, 50)]
    off = np.max(np.abs(np.divide(models[1:], models[:-1]) - (1 + 11 / 6 * eta)))
    print(f"step {eta}: growth {models[1] / models[0]:.6f}, exactly so: {off < 1e-12}")

# %% [markdown]
# Seide et al. (2014) had the cure before anybody had the proof: what was not sent is not forgotten, but added to the
# next message.

# %%
source(error_feedback_sgd)

# %% [markdown]
# Average the update over the workers, and the compressor cancels. With $e_t$ the mean memory,
#
# $$x_t-e_t=x_0-\eta\sum_{s<t}\bar g_s\quad\text{exactly, whatever }C\text{ is.}$$
#
# The model lags behind uncompressed descent by what is still owed, no more. EF21 (Richtárik, Sokolov and Fatkhullin
# 2021) does without: like DIANA it sends compressed changes of gradients. Same three quadratics:

# %%
rescued = {}
for method in (compressed_sgd, error_feedback_sgd, ef21):
    steps = method(three_machines, 0.02, TopK(1))
    rescued[method.__name__] = run(steps, 2000, record_every=20, quiet=True)
print([name for name, h in rescued.items() if h.loss[-1] < 1e-25], "reach rounding")
fig, ax = plots.figure()
ax.set(yscale="log", ylim=(1e-36, 1e8))
plots.convergence(rescued, ax=ax)
fig

# %% [markdown]
# **Theorem card 3.4: error feedback.** *(Stich, Cordonnier and Jaggi 2018; Karimireddy et al. 2019)* Let $f$ be
# $L$-smooth, $C$ contractive with $\delta$, the workers' gradients unbiased with $\mathbb E\|g_i\|^2\le G^2$, $\eta$
# constant, and all memories zero at first. Then each worker's memory has
# $\mathbb E\|e_{i,t}\|^2\le\frac{4(1-\delta)}{\delta^2}\eta^2G^2$, and with $\Delta=f(x_0)-\inf f$
#
# $$\frac1T\sum_{t<T}\mathbb E\|\nabla f(x_t)\|^2\le
# \frac{2\Delta}{\eta T}+\eta LG^2+\frac{4(1-\delta)}{\delta^2}\eta^2L^2G^2.$$
#
# Compression stands in the $\eta^2$ term alone: with $\eta\sim1/\sqrt T$ it is free at leading order. Take home that
# square, not the constant: $\delta$ is a worst case, and the bound lies far above what happens.
#
# **Theorem card 3.5: EF21.** *(Richtárik, Sokolov and Fatkhullin 2021)* Let $f$ be $L$-smooth, the $f_i$
# $L_i$-smooth, $C$ contractive with $\delta$, and gradients exact. With $\theta=1-\sqrt{1-\delta}$,
# $\tilde L^2=\frac1m\sum_iL_i^2$, $\eta\le1/(L+\tilde L\sqrt{1-\delta}/\theta)$ and $G_{i,0}$ the first messages,
#
# $$\frac1T\sum_{t<T}\|\nabla f(x_t)\|^2\le
# \frac{2\Delta}{\eta T}+\frac1{\theta T}\cdot\frac1m\sum_i\|G_{i,0}-\nabla f_i(x_0)\|^2.$$
#
# No floor, and no bound on the gradients is assumed. Both held against the three quadratics, with $G$ the largest
# gradient that any worker met:

# %%
eta, T, delta = 0.02, 500, TopK(1).delta(3)
states = list(islice(error_feedback_sgd(three_machines, eta, TopK(1)), T))
G = max(np.linalg.norm(three.gradient(x), axis=1).max() for x, *_ in states)
owed = max(np.sum(e**2, axis=1).max() for x, e, t in states)
print(holds("card 3.4, memory", owed, bounds.error_memory(eta, delta, G)))


def mean_square(models):
    return np.mean([np.sum(three.full_gradient(x) ** 2) for x, *_ in models])


gap = three.loss(np.ones(3))
bound = bounds.error_feedback(T, eta, three.L, delta, G, gap)
holds("card 3.4", mean_square(states), bound)

# %%
known = {"L": three.L, "L_tilde": three.L_workers[0], "delta": delta}  # all L_i are equal
eta, first = bounds.ef21_step(**known), three.gradient(np.ones(3))
off = np.mean(np.sum((TopK(1)(first) - first) ** 2, axis=1))
measured = mean_square(islice(ef21(three_machines, eta, TopK(1)), T))
holds("card 3.5", measured, bounds.ef21(T, eta, gap=gap, G0=off, **known))

# %% [markdown]
# **Your turn: a review.** A colleague's, or their assistant's, error feedback:
#
# ```python
# def feedback_round(x, memory, gradients, step_size, compress):
#     sent = compress(memory + step_size * gradients)
#     return x - sent.mean(axis=0), step_size * gradients - sent
# ```
#
# It runs, and on most problems the loss goes down at first. Hold it against the invariant, find the error, and mend it.

# %% answer="compression-review"
def feedback_round(x, memory, gradients, step_size, compress):
    """The new model (d,) and the new memory (m, d)."""
    ### BEGIN SOLUTION
    wanted = memory + step_size * gradients
    sent = compress(wanted)
    return x - sent.mean(axis=0), wanted - sent
    ### END SOLUTION


# %% check="compression-review"
check("compression-review", feedback_round)

# %%
with attempt():
    x, memory, applied = np.ones(3), np.zeros((3, 3)), np.zeros(3)
    for _ in range(100):
        gradients = three.gradient(x)
        applied = applied + 0.02 * gradients.mean(axis=0)
        x, memory = feedback_round(x, memory, gradients, 0.02, TopK(1))
    broken = np.abs(x - memory.mean(axis=0) - (1 - applied)).max()
    print(f"the invariant holds to 1e-12: {broken < 1e-12}")

# %% [markdown]
# ## On the digits: bytes
#
# Every scheme, the same step size 0.5, gradients on all data, 400 rounds. Each worker knows three of ten digits, so
# $\zeta_*$ is large. Uncompressed gradients are added up on the way, by all-reduce; compressed ones cannot be, so
# everyone sends to everyone, $m/2$ times the traffic for the same bytes. (PowerSGD's factors can be added; its own
# method does.) One scheme is *adaptive*: it keeps each coordinate with a probability $p_t$, chosen by the norm test,
# so that the variance of compression stays below the signal, $\omega_t\le m\|\bar
# g\|^2/\overline{\|g_i\|^2}$: few coordinates early, many late. Before you look: which curves will level off, and in
# which order?

# %%
machines = SimulatedCluster(problem, all_reduce="halving_doubling")
smallest = problem.loss(problem.optimum())


def trained(method, *rest, cluster=machines, rounds=400, every=10):
    return run(method(cluster, 0.5, *rest), rounds, record_every=every, quiet=True)


# %%
shared = {"no compression": trained(sync_sgd)}
plain = {type(c).__name__: trained(compressed_sgd, c) for c in [*unbiased, lessons[1]]}
naive = {f"{name}, naive": trained(compressed_sgd, c)
         for name, c in {"TopK": TopK(13), "Uniform": lessons[0]}.items()}
several = [baseline, *biased[:3]]
memory = {type(c).__name__: trained(error_feedback_sgd, c) for c in several}
cures = {
    "DIANA, rand-k": trained(diana, RandomK(65)),
    "EF21, top-k": trained(ef21, TopK(13)),
    "PowerSGD, rank 1": trained(methods.power_sgd, 1, 10),
    "adaptive": trained(methods.adaptive_compressed_sgd, 1.0),
}

# %%
fig, axes = plots.figure(columns=3, width=4.0, height=3.2)
for ax, family in zip(axes, (plain, naive | memory, cures)):
    plots.convergence(shared | family, "bytes", "gap", optimum=smallest, ax=ax)
    ax.set_xscale("log", nonpositive="mask")  # the start is at 0
    ax.set(xlim=(1e4, 2e8), ylim=(1e-5, 3))
fig

# %% [markdown]
# As the cards say. *Left:* unbiased schemes level off, the higher the more they *lose* of the gradients that they meet:
# rand-$k$ above QSGD and TernGrad, whose floors are close. A large $\omega$ alone makes no high floor: it is the worst
# case, and TernGrad, whose $\omega$ is the largest, loses hardly more of these than QSGD. The lesson's random quantiser
# has no $\omega$; the spacing of its grid sets its floor. Natural compression, with $\omega=\frac18$, has not met its
# own yet. *Middle:* naive top-$k$ and the lesson's uniform quantiser stall high up;
# with a memory, one bit a number costs next to no rounds, though where workers differ a small floor remains. *Right:*
# DIANA and EF21 go on. So does the adaptive scheme, but it saves nothing here: the workers disagree so much that the
# test lets it drop very little. PowerSGD gains twice, in bits and by all-reduce.
#
# ## On the digits: seconds
#
# Bytes are not the bill. Seconds to a loss of 0.29 on a slow network and on a fast one:

# %%
chosen = {"no compression": (sync_sgd,), "QSGD": (compressed_sgd, QSGD(4)),
          "rand-k, DIANA": (diana, RandomK(65)), "top-k, EF21": (ef21, TopK(13)),
          "sign, feedback": (error_feedback_sgd, ScaledSign()),
          "top-k, feedback": (error_feedback_sgd, TopK(13))}


def milliseconds(scheme, bandwidth):
    link = Link(latency=5e-5, bandwidth=bandwidth)
    cluster = SimulatedCluster(problem, link=link, all_reduce="halving_doubling")
    history = trained(*scheme, cluster=cluster, rounds=100, every=1)
    return 1e3 * history.first("loss", 0.29, "seconds")


# %%
for name, scheme in chosen.items():
    slow, fast = (milliseconds(scheme, bandwidth) for bandwidth in (1e6, 1e10))
    print(f"{name:16} {slow:4.0f} ms at 1 MB/s, {fast:4.0f} ms at 10 GB/s")

# %% [markdown]
# Where bytes are slow, compression wins about fourfold, though not rand-$k$, whose rounds eat the gain. On the
# fast network it *loses*, every scheme of it: messages cost almost nothing there, every extra round is paid in full,
# and sending to everyone takes one message more than a good all-reduce. (The simulator does not even charge the time
# to compress.)
#
# ## How much to compress
# "Adaptive compression" needs a rule; here is one for the network. If a round takes $\alpha+\beta k$ seconds and the
# rounds grow as in card 3.2, $1+\frac2m(\frac dk-1)$, the product is smallest at
#
# $$k^*=\sqrt{\frac{2d\,\alpha}{m\beta\,(1-2/m)}}\qquad(m>2;\text{ clipped to }1\dots d).$$
#
# Long latency asks for *long* messages: the round is paid anyway. For $m\le2$ there is no best $k$ inside, rand-$k$
# never pays.

# %%
d, m, latency, word = 10**6, 16, 1e-4, 1e-8
k = np.geomspace(100, d, 20_001)
time = (latency + word * k) * (1 + 2 / m * (d / k - 1))
print(f"formula: {bounds.best_k(d, m, latency, word):.0f}, grid: {k[time.argmin()]:.0f}, "
      f"{time[-1] / time.min():.1f} times faster than k = d")

# %% [markdown]
# Move the bandwidth and see the winner change; the right panel is the formula, with a worker's computing counted as
# a part of $\alpha$.

# %%
network_explorer

# %% [markdown]
# ## Think
#
# **What's the fundamental trade-off in communication compression?** Name the quantity that governs it, a formula
# with its units, when compression helps and a case in which it does not, and your evidence. About ten lines.

# %% [markdown] essay="compression-tradeoff" points=10
# ### BEGIN SOLUTION
# Bits a round against rounds: fewer bits mean a larger relative variance $\omega$ (or a smaller contraction
# $\delta$), and so more rounds. Total cost is the product. For rand-$k$, $k(1+\omega)=d$ exactly: on one worker the
# words to a given gap do not depend on $k$, and compression saves nothing. It pays by *averaging* (rounds grow as
# $1+2\omega/m$ only), by *structure* (top-$k$, low rank: most of the norm in few numbers) and by *coding* (QSGD with
# $\sqrt d$ levels: $\omega\le1$ at about 3 bits a number instead of 32). Biased compressors need error feedback or
# EF21, which pushes $\delta$ into the lower-order term; without it top-1 diverges by $1+\frac{11}6\eta$ a round.
# Unbiased ones leave a floor $2\eta\omega\zeta_*^2/(\mu m)$ where workers differ, unless $\eta\to0$ or shifts
# (DIANA) are used. In seconds, with latency $\alpha$ and $\beta$ seconds a word, there is an interior optimum
# $k^*=\sqrt{2d\alpha/(m\beta(1-2/m))}$ words. **Failure cases:** one or two workers with rand-$k$; a fast network,
# where extra rounds cost more than bytes save.
#
# *Rubric (10):* 3 governing quantity ($\omega$ or $\delta$ against bits); 3 a condition under which it helps and a
# case in which it does not; 2 a quantitative formula with units; 2 evidence (experiment or source). **At most 5 if
# it says that smaller $\omega$ means less communication.** At most 6 without a case of failure.
# ### END SOLUTION

# %% [markdown]
# ## When to use it
#
# Compress when the network, not the machine, is what a round waits for; measure that first. Take a biased scheme
# with memory unless you need an exact expectation. Judge by seconds to a loss, never by bytes a round.
#
# | If ... | then ... |
# |---|---|
# | the round is mostly compute or latency | do not compress |
# | bytes dominate, and you want one safe choice | signs or top-$k$ with error feedback |
# | gradients are matrices and all-reduce is fast | PowerSGD: its factors can be added up on the way |
# | workers' data differ and you need a small loss | EF21 (biased) or DIANA (unbiased) |
# | many workers, no memory to spare on them | QSGD, natural compression |
# | a checkpoint is written | save memories and shifts, too: they are part of the state |
#
# Next: exercises [2](../exercises/02_compression.ipynb) and [3](../exercises/03_complexity.ipynb); every scheme over
# again with error bars in [study 3](study_3_compression.ipynb); then [lecture 4](04_asynchronous.ipynb), where nobody
# waits.
#
# ## Reading
#
# - F. Seide et al. (2014), *1-bit stochastic gradient descent and its application to data-parallel distributed
#   training of speech DNNs*, Interspeech. Error feedback, as engineers found it; the lesson misquotes the title.
# - D. Alistarh et al. (2017), *QSGD: communication-efficient SGD via gradient quantization and encoding*, NIPS.
#   Lemma 3.1, and how to code small integers.
# - S. U. Stich, J.-B. Cordonnier and M. Jaggi (2018), *Sparsified SGD with memory*, NeurIPS. A short proof that memory
#   makes compression free at leading order.
# - S. P. Karimireddy et al. (2019), *Error feedback fixes SignSGD and other gradient compression schemes*, ICML. The
#   counterexamples in one dimension.
# - K. Mishchenko et al. (2019), *Distributed learning with compressed gradient differences*. DIANA.
# - T. Vogels, S. P. Karimireddy and M. Jaggi (2019), *PowerSGD: practical low-rank gradient compression for
#   distributed optimization*, NeurIPS. What one would run on a real network, with timings.
# - A. Beznosikov et al. (2020), *On biased compression for distributed learning*. The three quadratics, and a zoo of
#   compressors.
# - P. Richtárik, I. Sokolov and I. Fatkhullin (2021), *EF21: a new, simpler, theoretically better, and practically
#   faster error feedback*, NeurIPS. Read the first five pages.
