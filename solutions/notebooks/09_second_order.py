# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # 9. Second-order methods, and the limits
#
# **The question.** Eight machines stand in eight cities. A message takes 50 milliseconds, however short it is, and
# gradient descent wants a thousand rounds of messages. The machines could do far more between two of them: each could
# look at the *curvature* of its loss, or solve its own problem outright. How few rounds can it be? And where is the
# floor, below which no cleverness helps?
#
# Before you read on, commit to a guess. A logistic regression with 20 parameters and condition number 250, solved to
# $10^{-8}$: gradient descent takes some 1,200 rounds. How many does the best method that sends nothing longer than a
# gradient need: 400, 100, or 6?
#
# Four parts: rounds against words, workers that are unlike, cheaper curvature, and the limits.

# %%
from functools import partial

import numpy as np

from course_lib import bounds, data, plots, problems, topology
from course_lib.cards import holds, source
from course_lib.clusters import Constant, Link, SimulatedCluster, slow_worker
from course_lib.compressors import SymmetricRank
from course_lib.experiment import run
from course_lib.explorers.second_order import bill_explorer
from course_lib.grading import attempt, check
from course_lib.methods import (
    accelerated_gradient,
    admm,
    chebyshev_gossip,
    dane,
    fednl,
    giant,
    gossip,
    kfac,
    lbfgs,
    newton,
    sync_sgd,
)
from course_lib.methods.curved import line_search

# %% [markdown]
# ## Part one: rounds against words
#
# Newton's method replaces the step size by a matrix, $x\leftarrow x-H^{-1}g$ with $H=\frac1m\sum_i\nabla^2f_i(x)$ and
# $g=\frac1m\sum_i\nabla f_i(x)$. Spread over machines it looks harmless: average one more thing. The lesson calls this
# "share second-order information". That thing is a symmetric matrix, $d(d+1)/2$ words where a gradient has $d$. The
# library's function:

# %%
source(newton)

# %% [markdown]
# `average_all` packs the gradient and the upper triangle of the Hessian into one all-reduce. `move` takes the given step
# size; without one it searches a step size that lowers the loss, for 12 words more, as we shall see.
#
# **Your turn: Newton's direction** from what the workers hold. One of the tempting shortcuts leads elsewhere.

# %% answer="second_order-newton"
def newton_direction(gradients, hessians):
    """What Newton subtracts from x, (d,): gradients (m, d), Hessians (m, d, d)."""
    ### BEGIN SOLUTION
    return np.linalg.solve(hessians.mean(axis=0), gradients.mean(axis=0))
    ### END SOLUTION


# %% check="second_order-newton"
check("second_order-newton", newton_direction)

# %% [markdown]
# **GIANT** (Wang et al. 2018) averages the other way round. Everybody solves with its *own* Hessian, but for the *common*
# gradient, $x\leftarrow x-\frac1m\sum_iH_i^{-1}g$. No matrix travels: two rounds of $d$ words.

# %%
source(giant)

# %% [markdown]
# **DANE** (Shamir, Srebro and Zhang 2014) goes further and solves a whole local problem, bent so that it has the
# gradient of $f$ at $x$: $x_i=\arg\min_yf_i(y)+\langle g-g_i,y\rangle+\frac\rho2\|y-x\|^2$, and then the mean of the
# $x_i$. On quadratics that is GIANT with $\rho$ added to the eigenvalues.
#
# Eight workers, 1,000 rows each, dealt at random; features scaled from 1 down to $10^{-2}$. A **round** below is an
# all-reduce, or to a server and back; **words** are the length of what is averaged (what goes only to the server, or
# only back, counts half); the links are the slow ones of the question. (L-BFGS and FedNL are explained in part three.)

# %%
features, labels = data.classification(workers=8, rows=1000, d=20, condition=1e4)
alike = problems.LogisticRegression(features, labels, l2=1e-3)
slow = Link(latency=0.05, bandwidth=1.25e6)


def reach(method, problem, most=2000):
    """Run to a gap of 1e-8, and say what it took."""
    cluster = SimulatedCluster(problem, link=slow, all_reduce="halving_doubling")
    target = problem.loss(problem.optimum()) + 1e-8
    for x, *_, t in method(cluster):
        if problem.loss(x) <= target or t == most:
            break
    found = f"{t:5} steps" if problem.loss(x) <= target else " not there "
    bill = f"{cluster.exchanges:5} rounds {cluster.words:7,.0f} words"
    return f"{found} {bill} {cluster.seconds:6.1f} s"


# %%
print(f"condition number by its bound L/mu: {alike.L / alike.mu:.0f}")
contenders = {
    "gradient descent": lambda c: sync_sgd(c, 1 / c.problem.L),
    "accelerated": lambda c: accelerated_gradient(
        c, 1 / c.problem.L, bounds.momentum(c.problem.L / c.problem.mu)
    ),
    "L-BFGS": lbfgs,
    "FedNL, rank 1": partial(fednl, hessian_compressor=SymmetricRank(1)),
    "Newton": partial(newton, step_size=1.0),
    "GIANT": partial(giant, step_size=1.0),
    "DANE": partial(dane, step_size=1.0),
}
for name, method in contenders.items():
    print(f"{name:17}", reach(method, alike))

# %% [markdown]
# DANE needs six rounds and 120 words. Newton needs one round fewer and ten times the words; on these links, where a
# round costs a third of a second, that is still quicker, because $d$ is only 20. **Accelerated gradient** (Nesterov 1983)
# is the bar to clear: it costs no more than gradient descent and takes of the order of $\sqrt\kappa$ rounds, where
# gradient descent takes $\kappa$. To have beaten plain gradient descent says little.
#
# **Theorem card 9.1: Newton.** *(classical; proved by Taylor's formula)* If $\nabla^2f$ is $M$-Lipschitz and
# $\nabla^2f(x)\succeq\lambda I$, a full step from $x$ ends at $x^+$ with
#
# $$\|x^+-x^*\|\le\frac M{2\lambda}\|x-x^*\|^2 .$$
#
# The number of correct digits doubles, *once it is near*: from afar the right-hand side is larger than $\|x-x^*\|$, and
# the bare step may diverge. For logistic regression $M=\frac1{6\sqrt3}$ times the mean of $\|a\|^3$ will do.
#
# *Affine invariance:* in other units, $x=Tz$, Newton's models are the same points, for every invertible $T$. So
# bad scaling does not exist for it, nor for GIANT.

# %%
optimum, M = alike.optimum(), bounds.logistic_hessian_lipschitz(alike)
models = [state[0][0] for state, _ in zip(newton(SimulatedCluster(alike), 1.0), range(7))]
far = np.array([np.linalg.norm(x - optimum) for x in models])
curved = [np.linalg.eigvalsh(alike.hessian(x))[0] for x in models]
print("distances:", "  ".join(f"{r:.0e}" for r in far[:6]))
bound = bounds.newton_error(far[:-1], curved[:-1], M) + 1e-13
print(holds("Newton's error", far[1:], bound))

# %%
bare = problems.LogisticRegression(features, labels)  # a penalty has units of its own
T = np.eye(20) + np.random.default_rng(0).normal(size=(20, 20)) / 10
turned = problems.LogisticRegression(features @ T, labels)
for method, step in ((newton, 1.0), (giant, 1.0), (sync_sgd, 1 / bare.L)):
    x = run(method(SimulatedCluster(bare), step), rounds=5).model[0]
    z = run(method(SimulatedCluster(turned), step), rounds=5).model[0]
    apart = np.linalg.norm(T @ z - x) / np.linalg.norm(x)
    print(f"{method.__name__:8} the same points to 1e-9: {apart < 1e-9}")

# %% [markdown]
# **Theorem card 9.2: the mean of the inverses.** *(exact on quadratics, by one line of algebra; the slopes are measured
# here)* On quadratics with Hessians $H_i$ of mean $H$, a step of DANE, or of GIANT with damping $\rho$, multiplies the
# error by $I-\frac1m\sum_i(H_i+\rho I)^{-1}H$. With $n$ i.i.d. rows a worker and $\rho=0$, a *single* $H_1^{-1}H$ is off
# the identity by about $n^{-1/2}$, the *mean* over the workers by about $n^{-1}$.
#
# Why: write $H_i=H+E_i$. The $E_i$, of size $n^{-1/2}$, average to zero by the very definition of $H$, so what is of first
# order in them cancels. $\frac1m\sum_i(H^{-1}E_i)^2$ stays: a bias of size $1/n$, which no number of workers makes
# smaller.

# %%
rng = np.random.default_rng(0)
sizes = np.array([100, 200, 400, 800, 1600])
off = {"one inverse": [], "mean of 64": []}
for n in sizes:
    rows = rng.standard_normal((20, 64, n, 3))
    H = rows.swapaxes(-1, -2) @ rows / n
    alone = [np.eye(3) - np.linalg.solve(h[0], h.mean(0)) for h in H]
    off["one inverse"].append(np.mean([np.linalg.norm(e, 2) for e in alone]))
    together = [np.linalg.norm(bounds.dane_matrix(h), 2) for h in H]
    off["mean of 64"].append(np.mean(together))

# %%
fig, ax = plots.figure()
for k, (name, values) in enumerate(off.items()):
    slope = np.polyfit(np.log(sizes), np.log(values), 1)[0]
    ax.loglog(sizes, values, **plots.series(k, f"{name}: slope {slope:.1f}"))
ax.set(xlabel="rows a worker", title="error after a step / error before")
plots.label_ends(ax)
fig

# %% [markdown]
# Now turn the dials. The problems are quadratics: one dial sets the condition of what the workers' Hessians have
# in common, another how unlike they are. Answer first.

# %%
bill_explorer

# %% [markdown]
# ## Part two: when workers are unlike
#
# The same labels, but each worker's features are shifted by a vector of its own: eight populations, eight Hessians. First
# without safeguards.

# %%
shift = np.random.default_rng(1).normal(size=(8, 1, 20)) * np.geomspace(1, 1e-2, 20)
unlike = problems.LogisticRegression(features + shift, labels, l2=1e-3)
print(f"condition number by its bound L/mu: {unlike.L / unlike.mu:.0f}")
for method in (giant, dane):
    history = run(method(SimulatedCluster(unlike), step_size=1.0), rounds=20, quiet=True)
    risen = history.loss[-1] / history.loss[0]
    print(f"{method.__name__}, step 1: loss more than ten times its first: {risen > 10}")

# %% [markdown]
# This is what "share second-order information" leaves out. Each $H_i$ is a fine matrix for worker $i$ and a poor
# one for $f$: where one worker sees a flat valley it wants to go far, and the mean of the steps goes with it.
#
# **A safeguard: line search over the cluster.** Everyone computes its loss at eleven trial step sizes $1,\frac12,\dots$
# and at $x$ itself; *one* all-reduce of twelve numbers tells all of them the mean; everyone picks the largest size with
# enough descent (Armijo 1966). If there is none it tries smaller ones, for another round. It is on by default.

# %%
source(line_search)

# %%
careful = {
    "accelerated": contenders["accelerated"],
    "Newton": newton,
    "GIANT": giant,
    "DANE": dane,
    "DANE, rho = 0.02": partial(dane, rho=0.02),
    "L-BFGS": lbfgs,
    "FedNL, rank 1": partial(fednl, hessian_compressor=SymmetricRank(1)),
}
for name, method in careful.items():
    print(f"{name:17}", reach(method, unlike, most=160))

# %% [markdown]
# Nothing diverges any more; but GIANT and DANE crawl, far behind plain accelerated gradient, and a price $\rho$ on
# going far helps if it is guessed well, and then not much. Methods that know the *true* mean Hessian, Newton and FedNL,
# hardly notice that workers differ. L-BFGS and acceleration, which know mean gradients only, pay for the condition
# number, whose bound the shifts have doubled. So what decides is how alike the workers are, not how strong the method
# is at home.
#
# **Inexact local solves.** DANE's local problem may be solved roughly, by $K$ gradient steps at home (as AIDE does;
# Reddi et al. 2016). One step is gradient descent with averaged step sizes; in between lies lecture 5, with the drift
# corrected. On the workers that are alike (with line search, which costs a third round a step):

# %%
for steps in (1, 10, 100):
    method = partial(dane, local_steps=steps)
    print(f"local steps {steps:3}:", reach(method, alike, most=200))

# %% [markdown]
# ## Part three: cheaper curvature
#
# **L-BFGS** reads curvature off the gradients that were sent anyway. Of the last few steps it keeps $s=$ change of $x$
# and $y=$ change of the gradient; the matrix that maps each $y$ to its $s$ is an inverse Hessian, nearly. It never forms
# that matrix: two loops over the pairs apply it (Nocedal 1980). DistBelief ran it on a server, "Sandblaster" (Dean
# et al. 2012).
#
# **Your turn: the two loops.** Going through the pairs from the newest to the oldest: $a=s^\top q/s^\top y$,
# $q\leftarrow q-a\,y$, beginning with $q=$ gradient. Then $r=q\cdot(s^\top y/y^\top y)$ of the newest pair. Back from
# the oldest to the newest: $r\leftarrow r+s\,(a-y^\top r/s^\top y)$.

# %% answer="second_order-twoloop"
def lbfgs_direction(gradient, S, Y):
    """Two-loop recursion: gradient (d,), pairs in rows of S, Y (k, d), oldest first."""
    ### BEGIN SOLUTION
    q, weights = gradient, []
    for s, y in zip(S[::-1], Y[::-1]):
        weights.append(s @ q / (s @ y))
        q = q - weights[-1] * y
    r = q * (S[-1] @ Y[-1]) / (Y[-1] @ Y[-1])
    for s, y, weight in zip(S, Y, weights[::-1]):
        r = r + s * (weight - y @ r / (s @ y))
    return r
    ### END SOLUTION


# %% check="second_order-twoloop"
check("second_order-twoloop", lbfgs_direction)

# %% [markdown]
# An invariant tests it in one line: the *secant equation*, gradient $=y$ of the newest pair must give its $s$.

# %%
S = np.random.default_rng(2).normal(size=(3, 5))
Y = S * np.array([1.0, 2, 3, 4, 5])
with attempt():
    print("secant equation:", np.allclose(lbfgs_direction(Y[-1], S, Y), S[-1]))

# %% [markdown]
# Sandblaster's other half is a scheduler. All data can be read by all machines; the work of one gradient is cut into
# pieces *finer* than there are workers; whoever is idle takes the next piece, and at the end of a round the idle work on
# copies of what is still under way. The iterates do not change. The clock does, when one machine is ten times
# slower:

# %%
machines = SimulatedCluster(alike, compute=slow_worker(8, 10, base=Constant(1.0)))
for pieces in (None, 1, 4, 16):
    history = run(lbfgs(machines, pieces=pieces), rounds=20, record_every=20)
    how = "its own share each" if pieces is None else f"{8 * pieces} pieces"
    print(f"{how:19} {history.seconds[-1]:6.0f} s, loss {history.loss[-1]:.6f}")

# %% [markdown]
# **FedNL** (Safaryan et al. 2021) lets the server *learn* the mean Hessian: each worker sends a compressed difference
# from what the server already believes, as DIANA does with gradients (lecture 3). Here the compressor keeps the
# largest eigenpair, 21 numbers instead of 210. What is not known yet is bounded by its norm and added to the diagonal,
# so the matrix is never too small.

# %%
source(fednl)

# %% [markdown]
# **Natural gradient** (Amari 1998) takes the Fisher information for a Hessian: the mean of
# $\nabla\ell\,\nabla\ell^\top$ with the label drawn from *the model's own prediction*. For logistic and softmax
# regression it **is** the Hessian, exactly, so natural gradient is Newton. For networks it is positive semidefinite,
# which the Hessian is not.
#
# **Your turn: a review.** A colleague, or their assistant, wrote the Fisher of logistic regression, and tested it at
# $x=0$ against the Hessian: equal to the last digit. Elsewhere it is another matrix. Mend it.
#
# ```python
# def fisher(features, labels, x):
#     p = 1 / (1 + np.exp(-features @ x))
#     rows = features * (p - labels)[:, None]  # each row's gradient
#     return rows.T @ rows / len(rows)
# ```

# %% answer="second_order-fisher"
def fisher(features, labels, x):
    """Fisher information (d, d) of logistic regression on features (n, d) at x (d,)."""
    ### BEGIN SOLUTION
    p = 1 / (1 + np.exp(-features @ x))
    return (features * (p * (1 - p))[:, None]).T @ features / len(features)
    ### END SOLUTION


# %% check="second_order-fisher"
check("second_order-fisher", fisher)

# %%
for name, x in {"at zero": np.zeros(20), "at the optimum": optimum}.items():
    H = alike.hessians(x)
    parts = problems.fishers(alike, x), problems.empirical_fishers(alike, x)
    off = [np.linalg.norm(F - H) / np.linalg.norm(H) for F in parts]
    exact = "the Hessian" if off[0] < 1e-12 else "not the Hessian"
    print(f"{name:15} Fisher: {exact}, empirical Fisher: {100 * off[1]:.0f} % off")

# %% [markdown]
# **K-FAC** (Martens and Grosse 2015) makes it affordable for networks. A layer's block of the Fisher is nearly a
# Kronecker product $A\otimes G$: $A$ is the second moment of what enters the layer, $G$ that of the loss's gradient at
# what leaves it, and $(A\otimes G)^{-1}$ applied to a gradient matrix $V$ (a row for each input) is $A^{-1}VG^{-1}$.
# Digits, 8 workers, a net with 16 hidden units: of 720,600 numbers of the Fisher, 2,472 travel.

# %%
digits = data.load("digits")
parts = data.partition_iid(digits.labels, workers=8)
rows, classes = data.deal(digits, parts)
test = digits.test_features, digits.test_labels
net = problems.TwoLayerNetwork(rows, classes, l2=1e-3, weights="pooled", test=test)
near = SimulatedCluster(net)
curves = [run(sync_sgd(near, 2.0), rounds=40), run(lbfgs(near), rounds=40)]
curves.append(run(kfac(near, damping=0.01), rounds=40))

# %%
fig, axes = plots.figure(columns=2, width=3.9)
for clock, ax in zip(("rounds", "bytes"), axes):
    plots.convergence(curves, against=clock, ax=ax)
    ax.set(ylim=(0.06, 3))
axes[0].set(xlabel="steps")
axes[1].set(xlim=(0, 5e6))
fig

# %% [markdown]
# For some fifteen steps K-FAC is ahead; in bytes L-BFGS is, on a net so small. (Where all data of a step are new, as in
# deep learning, L-BFGS's pairs are noise, and K-FAC's averages are not.) The step size of sync SGD was tuned by hand;
# the other two search theirs.
#
# ## Part four: the limits
#
# "Local work is free, so do more of it, and rounds will vanish." Part one seemed to say so. Here is the theorem that says
# no.
#
# **Theorem card 9.3: rounds.** *(Arjevani and Shamir 2015; the mechanism below is proved, and run)* Two machines, which
# exchange one vector of $d$ words a round, in the **span** of what they know: of vectors received, of gradients, and of
# exact solves of their own functions, as many as they like. For functions that have nothing to do with each other, gap
# $\varepsilon$ takes $\Omega\big(\sqrt\kappa\,\log\frac1\varepsilon\big)$ rounds. That is what accelerated gradient
# does with one gradient a round. (Constants up to the big $\Omega$. For similar functions the bound is lower, which
# is GIANT's luck in part one.)
#
# *The mechanism.* Nesterov's chain couples each coordinate to the next. Deal its links in turn: 1–2, 3–4, … to
# one machine, 2–3, 4–5, … to the other. Start at zero. Whatever a machine does alone, it carries what is known *one*
# coordinate further, because the next link is not its own. After $r$ rounds at most $r$ coordinates differ from zero, while
# $x^*_j=q^j$, $q=\frac{\sqrt\kappa-1}{\sqrt\kappa+1}$: the error is at least about $q^r$.

# %%
chain = problems.chain(d=60, condition=100)
best, error = chain.optimum(), {}
talkers = {
    "gradient descent": (1, sync_sgd(SimulatedCluster(chain), 1.0)),
    "accelerated": (
        1,
        accelerated_gradient(SimulatedCluster(chain), 1.0, bounds.momentum(100)),
    ),
    "ADMM, exact solves": (1, admm(SimulatedCluster(chain), 0.1)),
    "DANE, exact solves": (2, dane(SimulatedCluster(chain), rho=0.1)),
}
for name, (rounds, method) in talkers.items():
    models = [state[0][0] for state, _ in zip(method, range(40 // rounds))]
    known = [np.flatnonzero(x).max(initial=-1) + 1 for x in models]
    error[name] = [np.linalg.norm(x - best) / np.linalg.norm(best) for x in models]
    behind = all(k <= rounds * t for t, k in enumerate(known))
    floor = bounds.support_floor(rounds * np.arange(len(models)), 60, 100)
    print(f"{name:18} coordinates known <= rounds: {behind},", end=" ")
    print(f"floor kept: {np.all(error[name] >= floor - 1e-12)}")

# %%
fig, ax = plots.figure()
for k, (name, values) in enumerate(error.items()):
    rounds = talkers[name][0] * np.arange(len(values))
    ax.semilogy(rounds, values, **plots.series(k, name))
r = np.arange(40)
ax.semilogy(r, bounds.support_floor(r, 60, 100), label="floor", **plots.THEORY)
ax.set(xlabel="rounds", title="distance from x*, relative")
plots.label_ends(ax)
fig

# %% [markdown]
# What about Newton? It solves the chain in **one** round, and contradicts nothing: its message is no vector of that
# span but a matrix, $\frac{d(d+1)}2+d$ words. (Sent in slices of $d$ words it would need 32 rounds, and then be
# *below* the floor: hence the word "span" in the card.) Its words:

# %%
cluster = SimulatedCluster(chain)
x = run(newton(cluster, step_size=1.0), rounds=1).model[0]
print("at x* after one round:", np.allclose(x, best, atol=1e-10))
print(f"its words: {cluster.words:.0f}, those of {cluster.words / 60:.0f} gradients")

# %% [markdown]
# **On a network** the same bound is a bound on time. With $\tau$ the time of a message, in units of a gradient's, a
# vector needs $D\tau$ to be heard across the diameter $D$: at least $\sqrt\kappa\,(1+D\tau)\ln\frac1\varepsilon$ up to
# constants. With gossip $1/\sqrt\gamma$ takes the place of $D$, $\gamma$ the normalised spectral gap, and
# $\kappa_l=\max_iL_i/\min_i\mu_i$ that of $\kappa$ (Scaman et al. 2017). *Chebyshev* gossip meets the root (lecture 6).
# Rounds to $10^{-6}$ on rings:

# %%
needed = {"plain": [], "Chebyshev": []}
for m in (8, 16, 32, 64):
    ring = topology.metropolis(topology.ring(m))
    cluster = SimulatedCluster(problems.Quadratic(np.ones((m, 1, 1)), np.zeros((m, 1))))
    slowest = np.cos(2 * np.pi * np.arange(m) / m)[:, None]
    for name, method, rounds in (
        ("plain", gossip, 70 * m),
        ("Chebyshev", chebyshev_gossip, 3 * m),
    ):
        told = run(method(cluster, slowest, ring), rounds=rounds)
        needed[name].append(told.first("consensus", 1e-6 * told.consensus[0]))
print("m            ", *(f"{m:6}" for m in (8, 16, 32, 64)))
for name, rounds in needed.items():
    slope = np.polyfit(np.log([16, 32, 64]), np.log(rounds[1:]), 1)[0]
    print(f"{name:9}", *(f"{r:6.0f}" for r in rounds), f"   slope in m: {slope:.2f}")

# %% [markdown]
# **Bits.** Some bits must flow, or the answer cannot be named. Points of the cube $[0,1]^d$ within $\varepsilon$ of one
# name fill a ball of volume $\varepsilon^dV_d$, $V_d$ that of the unit ball; so at least $-\log_2(\varepsilon^dV_d)$
# bits are needed, and a grid comes close. With $m$ workers that hold parts of a quadratic it is $\Omega(md\log\frac
# d{m\varepsilon})$ in all, and that is tight (Korhonen and Alistarh 2021; quoted, not proved here).

# %%
for epsilon in (1e-1, 1e-3, 1e-6):
    needed_bits, enough = bounds.naming_bits(100, epsilon)
    print(f"d = 100 within {epsilon:g}: {needed_bits:5.0f} bits needed, {enough} enough")

# %% [markdown]
# **What is settled, and what is open?**
#
# | question | state |
# |---|---|
# | rounds, smooth strongly convex, unrelated functions | settled: $\sqrt\kappa\log\frac1\varepsilon$, met by acceleration |
# | the same for related functions | nearly: bounds in the similarity, $\sqrt{\delta/\mu}$ where $\Vert\nabla^2f_i-\nabla^2f\Vert\le\delta$; met for quadratics |
# | time on networks | settled for exact gradients: $D$ with a master, $1/\sqrt\gamma$ with gossip |
# | bits, quadratics | settled up to constants |
# | bits, general convex | open: known methods send more than the known bounds ask for |
# | stochastic gradients, convex, identical data | settled up to logarithms: mini-batch or single-machine acceleration (Woodworth et al. 2021) |
# | stochastic gradients, unlike data, local steps | partly open: which measure of "unlike" is the right one? |
# | nonconvex, networks of layers | open: lower bounds speak of gradients' norms, practice of something else |
#
# ## Think
#
# **What are the fundamental limits of communication-efficient optimization?** Rounds, bits and time: for each, what
# governs it, a case where the limit does not bind, and what you have seen in this lecture that bears it out. About
# twelve lines.

# %% [markdown] essay="second_order-limits" points=10
# ### BEGIN SOLUTION
# **Rounds.** For functions that have nothing to do with each other, $\Omega(\sqrt\kappa\log\frac1\varepsilon)$ rounds
# of $d$-word messages, whatever is computed at home: on the split chain, support grows by one coordinate a round, so
# the error stays above $q^r$; exact ADMM and DANE kept to it. Accelerated gradient meets it. It does not bind where
# functions are *similar* (GIANT: 10 rounds on i.i.d. rows, since Hessians agree up to $n^{-1/2}$ and their inverses'
# mean up to $1/n$), nor for messages of $d^2$ words (Newton: one round on the chain). **Bits.** Naming the answer takes
# $-\log_2(\varepsilon^dV_d)$ bits, 1128 for $d=100$, $\varepsilon=10^{-3}$; in all $\Omega(md\log\frac
# d{m\varepsilon})$; an exact all-reduce costs $2\frac{m-1}md$ words a worker. It does not bind if the answer is sparse
# or known in advance to lie in a small set. **Time.** $\sqrt\kappa(1+D\tau)$ with a master,
# $\sqrt\kappa(1+\tau/\sqrt\gamma)$ by gossip ($\kappa_l$ for $\kappa$): Chebyshev's slope 1 against plain gossip's 2.
# With noise there is also $\sigma^2/(mKR)$, which rounds cannot beat. Upper and lower bounds meet for smooth strongly
# convex functions and for quadratics; nonconvex and heterogeneous stochastic cases are less settled.
#
# *Rubric (10):* 3 the governing quantities ($\sqrt\kappa$ or similarity; $md\log$; $D$ or $1/\sqrt\gamma$); 3 a
# condition and a case where the limit does not bind; 2 a formula with its units; 2 evidence from a run or a source. At
# most 5 for "more local computation can replace rounds" without a condition, at most 6 with no case of failure.
# ### END SOLUTION

# %% [markdown]
# ## When to use it
#
# Ask two questions. How dear is a round, compared with a word? And how alike are the workers? If rounds are cheap,
# accelerate, and stop here. If rounds are dear and workers hold i.i.d. shares with many more rows than parameters, GIANT
# or DANE take a handful. If they differ, take a method that sees the mean curvature or none: FedNL, Newton for small $d$,
# L-BFGS. And the answer to the first question: six.
#
# | If ... | then ... |
# |---|---|
# | $d$ up to some hundreds | Newton with line search: $d^2/2$ words is nothing |
# | i.i.d. rows, $n\gg d$ a worker | GIANT or DANE, with line search |
# | workers differ, rounds dear | FedNL, rank-1 messages |
# | workers differ, $d$ large | L-BFGS, or accelerated gradient |
# | machines of uneven speed, shared data | Sandblaster's pieces and copies |
# | a network of layers | K-FAC, factors averaged now and then |
# | unknown | L-BFGS: no dial to set, $d$ words, and hard to break |
#
# Next: [exercise 11](../exercises/11_second_order.ipynb), in which you get twelve rounds and a thousand words, then
# [lecture 10](10_real_machines.ipynb), on real processes.
#
# ## Reading
#
# - J. Dean et al. (2012), *Large scale distributed deep networks*, NIPS. Sandblaster is section 4.2: read it for the
#   scheduler; Downpour, section 4.1, was lecture 4.
# - L. Bottou, F. E. Curtis and J. Nocedal (2018), *Optimization methods for large-scale machine learning*, SIAM Review
#   60(2). Section 6 is the best survey of second-order methods for noisy gradients, natural gradient included.
# - O. Shamir, N. Srebro and T. Zhang (2014), *Communication-efficient distributed optimization using an approximate
#   Newton-type method*, ICML. DANE, and why similar functions need few rounds.
# - S. Wang, F. Roosta, P. Xu and M. Mahoney (2018), *GIANT: globally improved approximate Newton method for distributed
#   optimization*, NeurIPS. The mean of the inverses, and the line search of this lecture.
# - M. Safaryan, R. Islamov, X. Qian and P. Richtárik (2021), *FedNL: making Newton-type methods applicable to federated
#   learning*, arXiv; ICML 2022. Learning the Hessian.
# - J. Martens and R. Grosse (2015), *Optimizing neural networks with Kronecker-factored approximate curvature*, ICML.
# - F. Kunstner, P. Hennig and L. Balles (2019), *Limitations of the empirical Fisher approximation for natural gradient
#   descent*, NeurIPS. The review above, at length.
# - Y. Arjevani and O. Shamir (2015), *Communication complexity of distributed convex learning and optimization*, NIPS.
#   The chain, split in two.
# - K. Scaman, F. Bach, S. Bubeck, Y. T. Lee and L. Massoulié (2017), *Optimal algorithms for smooth and strongly convex
#   distributed optimization in networks*, ICML. Time on graphs, and a method that meets the bound.
# - J. Korhonen and D. Alistarh (2021), *Towards tight communication lower bounds for distributed optimisation*, NeurIPS.
#   Bits, for quadratics.
