# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # Exercise 11: twelve rounds, a thousand words
#
# Eight machines hold a logistic regression with 20 parameters and a condition number in the hundreds. You get **12
# rounds and 1,000 words**: 12 all-reduces, of vectors whose lengths add up to 1,000 at most. Within that, bring the loss
# to within $10^{-8}$ of its minimum. Gradient descent would take a thousand rounds and twenty thousand words.
#
# You first build the safeguard, then measure why the trick behind the budget works, then do it; and at the end you break
# it. It goes with [lecture 9](../notebooks/09_second_order.ipynb).
#
# | task | points | time | difficulty |
# |---|---|---|---|
# | 1. A line search over the cluster | 3 | 20 minutes | easy |
# | 2. Averaged inverses | 2 | 20 minutes | easy |
# | 3. The budget | 6 | 60 minutes | open |
# | 4. Break it | | 15 minutes | look and see |
# | 5. Why so few, and why not | 8 | 30 minutes | graded by hand |

# %%
import numpy as np

from course_lib import data, plots, problems
from course_lib.clusters import SimulatedCluster
from course_lib.compressors import SymmetricRank
from course_lib.experiment import run
from course_lib.grading import attempt, check
from course_lib.methods import dane, fednl, giant, lbfgs, newton

# %% [markdown]
# ## 1. A line search over the cluster (3 points)
#
# All workers have computed their losses along one ray, $f_i(x-s\,p)$ for $s=0,1,\frac12,\frac14,\dots$; row $i$ of
# `losses` holds worker $i$'s, as the simulator sees them. (On real machines one all-reduce of that many words gives
# everybody their mean, and the mean is all that you need.) Armijo's rule (1966)
# takes the **largest** $s$ with
#
# $$f(x-s\,p)\le f(x)-c\,s\,\langle\nabla f(x),p\rangle ,\qquad f=\tfrac1m\sum_if_i .$$
#
# Return that size, and $f$ there. `slope` is $\langle\nabla f(x),p\rangle$ and `share` is $c$; some size satisfies the
# rule.

# %% answer="budget-search"
def armijo(losses, slope, share):
    """Largest acceptable size, and f there: losses (m, K + 1) at sizes 0, 1, 1/2, ..."""
    ### BEGIN SOLUTION
    f = losses.mean(axis=0)
    sizes = 0.5 ** np.arange(len(f) - 1)
    enough = f[1:] <= f[0] - share * sizes * slope
    k = int(np.argmax(enough))
    return sizes[k], f[1 + k]
    ### END SOLUTION


# %% check="budget-search"
check("budget-search", armijo)

# %% [markdown]
# ## 2. Averaged inverses (2 points)
#
# On quadratics, a step $x\leftarrow x-B\,\nabla f(x)$ multiplies the error by $I-BH$, with $H=\frac1m\sum_iH_i$.
# Compare two choices of $B$ that need no matrix to be sent: the inverse of *one* worker's Hessian, $H_1^{-1}$, and the
# *mean of the inverses*, $\frac1m\sum_iH_i^{-1}$. Return the spectral norms of both $I-BH$.

# %% answer="budget-inverses"
def off_identity(hessians):
    """||I - H_1^-1 H|| and ||I - mean(H_i^-1) H||, spectral, for Hessians (m, d, d)."""
    ### BEGIN SOLUTION
    H, eye = hessians.mean(axis=0), np.eye(hessians.shape[1])
    single = eye - np.linalg.inv(hessians[0]) @ H
    averaged = eye - np.linalg.inv(hessians).mean(axis=0) @ H
    return np.linalg.norm(single, 2), np.linalg.norm(averaged, 2)
    ### END SOLUTION


# %% check="budget-inverses"
check("budget-inverses", off_identity)

# %% [markdown]
# Now with 64 workers and $n$ i.i.d. rows each, averaged over twenty draws. How do both fall with $n$? You should find
# slopes near $-\frac12$ and $-1$: a worker's own Hessian errs by chance, and chance averages out; what remains is the
# bias of inverting before averaging, which is of order $1/n$ and does not care how many workers there are.

# %%
rng = np.random.default_rng(0)
sizes = np.array([100, 200, 400, 800, 1600])
with attempt():
    norms = []
    for n in sizes:
        rows = rng.standard_normal((20, 64, n, 3))
        draws = [off_identity(H) for H in rows.swapaxes(-1, -2) @ rows / n]
        norms.append(np.mean(draws, axis=0))
    fig, ax = plots.figure()
    for k, name in enumerate(("one inverse", "mean of inverses")):
        values = np.array(norms)[:, k]
        slope = np.polyfit(np.log(sizes), np.log(values), 1)[0]
        ax.loglog(sizes, values, **plots.series(k, f"{name}: {slope:.1f}"))
    ax.set(xlabel="rows a worker", title="factor of the error, and slopes")
    plots.label_ends(ax)
    display(fig)

# %% [markdown]
# ## 3. The budget (6 points)
#
# Write `minimise(cluster)`. It may call these, and nothing else:
#
# - `cluster.start()`: the model of zeros, shape $(1,d)$; and the numbers `cluster.m`, `cluster.d`;
# - `cluster.gradient(x)`, shape $(m,d)$, and `cluster.hessians(x)`, shape $(m,d,d)$: every worker its own, at the
#   common $x$;
# - `cluster.trial_losses(X)`: every worker its losses at models $X$, shape $(K,1,d)$, as $(m,K)$;
# - `cluster.mean(V)`: **the** exchange. One all-reduce of the rows of $V$, shape $(m,k)$, one row a worker, gives their
#   mean, $(1,k)$, and costs one round and $k$ words.
#
# What worker $i$ has computed may reach others through `mean` alone: to mix the rows of an array in any other way is
# telepathy, and it is noticed: in the check each worker runs your function by itself, and the others' rows are noise to it.
# Return the model. The grade looks at its loss and at the bill, on data of the same kind that you have not seen, 300 rows
# a worker. As any good answer counts, yours must be written in plain NumPy: the above, numbers, `np.` functions, helpers
# of the same kind; no other library, no files, no classes, nothing that is kept from one call to the next.

# %% answer="budget-minimise"
def minimise(cluster):
    """A model whose loss is within 1e-8 of the least, in 12 rounds and 1,000 words."""
    ### BEGIN SOLUTION
    x = cluster.start()
    for _ in range(6):
        g = cluster.mean(cluster.gradient(x))
        own = np.linalg.solve(cluster.hessians(x), g.T)
        x = x - cluster.mean(own[..., 0])
    return x
    ### END SOLUTION


# %% check="budget-minimise"
check("budget-minimise", minimise)

# %%
features, labels = data.classification(workers=8, rows=300, d=20, condition=1e4)
alike = problems.LogisticRegression(features, labels, l2=1e-3)
with attempt():
    cluster = SimulatedCluster(alike)
    gap = alike.loss(minimise(cluster)) - alike.loss(alike.optimum())
    print(f"{cluster.exchanges} rounds, {cluster.words:.0f} words")
    print("within 1e-8:", bool(gap <= 1e-8))

# %% [markdown]
# ## 4. Break it
#
# Each worker's features are now shifted by a vector of its own: eight populations. There are three times as many rows,
# which will not help. First your function on this problem, then the library's methods: with the bare step, and with
# a line search like that of part 1.

# %%
features, labels = data.classification(workers=8, rows=1000, d=20, condition=1e4)
shift = np.random.default_rng(1).normal(size=(8, 1, 20)) * np.geomspace(1, 1e-2, 20)
unlike = problems.LogisticRegression(features + shift, labels, l2=1e-3)
with attempt():
    loss = unlike.loss(minimise(SimulatedCluster(unlike)))
    print(f"loss at zero {unlike.loss(np.zeros(20)):.2f}, after yours {loss:.2g}")

# %%
least, curves = unlike.loss(unlike.optimum()), {}
learner = SymmetricRank(1)
runs = {
    "GIANT, step 1": lambda c: giant(c, step_size=1.0),
    "GIANT": giant,
    "DANE, ρ = 0.02": lambda c: dane(c, rho=0.02),
    "L-BFGS": lbfgs,
    "FedNL, rank 1": lambda c: fednl(c, learner),
    "Newton": newton,
}
for name, method in runs.items():
    machines = SimulatedCluster(unlike)
    curves[name] = run(method(machines), rounds=60, quiet=True)
    steps = curves[name].first("loss", least + 1e-8)
    end = f"{steps:2.0f} steps" if steps < np.inf else "not there"
    print(f"{name:15} {end:9} with {machines.exchanges / 60:.0f} rounds a step")

# %%
fig, ax = plots.figure()
for k, (name, history) in enumerate(curves.items()):
    gap = np.maximum(history.loss - least, 1e-12)
    ax.semilogy(history.rounds, gap, **plots.series(k, name))
ax.set(ylim=(1e-10, 1e3), xlabel="steps", title="loss above the optimum")
plots.label_ends(ax)
fig

# %% [markdown]
# ## 5. Why so few, and why not (8 points)
#
# **Why did your method need so few rounds in part 3, and what went wrong in part 4?** Say what quantity decides, what the
# line search rescues and what it does not, and which method you would run if you could not know whether the workers are
# alike, in rounds *and* words. About twelve lines.

# %% [markdown] essay="budget-why" points=8
# ### BEGIN SOLUTION
# On quadratics a step with $B=\frac1m\sum H_i^{-1}$ multiplies the error by $I-BH$. With i.i.d. rows each $H_i$ is $H$
# up to $n^{-1/2}$, and of the mean of the inverses only a bias of order $d/n$ is left (measured slopes: $-\frac12$ and
# $-1$): at $n=300$, $d=20$ each step gains more than a digit, so six steps of two rounds and $2d=40$ words suffice: 12
# rounds and 240 words. Conditioning does not matter, as the method is affine invariant; gradient descent pays $\kappa$.
# On the shifted data the $H_i$ differ by themselves, however large $n$ is: where one worker's loss is flat its
# $H_i^{-1}$ is huge, $I-BH$ has eigenvalues below $-1$, and the bare step diverges. The line search makes it safe (each
# $H_i^{-1}$ is positive definite, so the direction goes downhill, and some size lowers $f$), not fast: the direction
# stays poor, the sizes are small. Damping or $\rho$ trades the same way and must be guessed. Methods that use the true
# mean curvature do not care: Newton, at $d(d+1)/2+d=230$ words a step; FedNL, which learns it from rank-1 messages;
# L-BFGS, which has it from mean gradients, at $d$ words and two rounds a step. Not knowing: Newton with line search
# while $d^2/2$ words are affordable, otherwise L-BFGS or FedNL; or GIANT with line search, left for L-BFGS when sizes
# below one keep being chosen.
#
# *Rubric (8):* 2 the quantity ($I-\overline{H_i^{-1}}H$, or the spread of the $H_i$) and its $1/n$; 2 the failure and its
# cause; 2 what the line search guarantees and what not; 2 a choice with its rounds and words.
# ### END SOLUTION
