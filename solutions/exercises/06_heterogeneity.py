# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # Exercise 6: what heterogeneity does
#
# You compute FedAvg's bias exactly, find the law behind it, and look at two places where heterogeneity hides: the
# mean of control variates under sampling, and an asynchronous average. It goes with
# [lecture 5](../notebooks/05_local.ipynb).
#
# | task | points | time | difficulty |
# |---|---|---|---|
# | 1. The bias | 4 | 20 minutes | easy after the lecture |
# | 2. Its first order | 4 | 30 minutes | medium |
# | 3. Slopes | 2 | 10 minutes | easy |
# | 4. Control variates, sampled | 3 | 20 minutes | medium |
# | 5. Fast and slow workers | 2 | 10 minutes | easy |
# | 6. A report | 10 | 60 minutes | graded by hand |
#
# Client $i$ has $f_i(x)=\frac12(x-b_i)^\top A_i(x-b_i)$ throughout, all clients count the same, and gradients are exact:
# whatever goes wrong here, noise is not to blame.

# %%
import numpy as np

from course_lib import problems
from course_lib.clusters import SimulatedCluster
from course_lib.experiment import run
from course_lib.grading import attempt, check
from course_lib.methods import fedavg, scaffold

# %% [markdown]
# ## 1. The bias (4 points)
#
# FedAvg's fixed point less the optimum of $f$: two linear solves. `A` is $(m,d,d)$, `b` is $(m,d)$.

# %% answer="heterogeneity-bias"
def bias(A, b, step_size, local_steps):
    """Where FedAvg stands still, less the optimum, shape (d,)."""
    ### BEGIN SOLUTION
    identity = np.eye(b.shape[1])
    M = identity - np.linalg.matrix_power(identity - step_size * A, local_steps)
    stop = np.linalg.solve(M.sum(0), (M @ b[..., None]).sum(0)[:, 0])
    return stop - np.linalg.solve(A.sum(0), (A @ b[..., None]).sum(0)[:, 0])
    ### END SOLUTION


# %% check="heterogeneity-bias"
check("heterogeneity-bias", bias)

# %% [markdown]
# Held against a run of the library, and against clients whose Hessians are equal but whose optima are not:

# %% personal=true
apart = problems.Quadratic.dialled(m=6, d=4, condition=4, hessian_spread=0.7, seed=1)
equal = problems.Quadratic.dialled(m=6, d=4, condition=4, hessian_spread=0.0, seed=1)
with attempt():
    for name, p in {"different": apart, "equal": equal}.items():
        reached = run(fedavg(SimulatedCluster(p), 0.2, 10), 400, 400, quiet=True).model[0]
        mine = bias(p.A, p.b, 0.2, 10)
        agrees = np.allclose(reached - p.optimum(), mine, atol=1e-10)
        print(f"{name:9} Hessians: bias {round(np.linalg.norm(mine), 9):.2g}, as run: {agrees}")

# %% [markdown]
# ## 2. Its first order (4 points)
#
# Expand $M_i=I-(I-\eta A_i)^K$ to second order in $\eta$ and find the part of the bias that is of first order: a factor
# times $\bar A^{-1}$ times a mean over clients. $\bar A$ is the mean Hessian, $\nabla f_i(x^*)$ is taken at the optimum
# of $f$.

# %% answer="heterogeneity-first"
def first_order(A, b, step_size, local_steps):
    """The bias up to terms of order step_size squared, shape (d,)."""
    ### BEGIN SOLUTION
    x = np.linalg.solve(A.sum(0), (A @ b[..., None]).sum(0)[:, 0])
    gradients = A @ (x - b)[..., None]
    pull = (A @ gradients).mean(0)[:, 0]
    return step_size * (local_steps - 1) / 2 * np.linalg.solve(A.mean(0), pull)
    ### END SOLUTION


# %% check="heterogeneity-first"
check("heterogeneity-first", first_order)

# %% [markdown]
# ## 3. Slopes (2 points)
#
# A claim such as "the bias grows like $\eta(K-1)$" is tested by the exponent of a power law: fit a line in log-log axes.

# %% answer="heterogeneity-slope"
def slope(sizes, biases):
    """The exponent p of the power law biases = c * sizes ** p that fits best."""
    ### BEGIN SOLUTION
    return np.polyfit(np.log(sizes), np.log(biases), 1)[0]
    ### END SOLUTION


# %% check="heterogeneity-slope"
check("heterogeneity-slope", slope)

# %% [markdown]
# Both slopes should be 1, to 0.05. What happens to them for steps a hundred times as long, and why?

# %%
with attempt():
    steps, local = np.geomspace(1e-4, 1e-3, 6), np.array([2, 3, 5, 9, 17])
    in_step = [np.linalg.norm(bias(apart.A, apart.b, eta, 5)) for eta in steps]
    in_k = [np.linalg.norm(bias(apart.A, apart.b, 1e-3, K)) for K in local]
    print(f"in the step {slope(steps, in_step):.2f}, in K - 1 {slope(local - 1, in_k):.2f}")

# %% [markdown]
# ## 4. Control variates, sampled (3 points)
#
# SCAFFOLD needs $c=\frac1m\sum_ic_i$ in *every* round, also when only the clients in `chosen` take part. The server
# holds `c`; client `chosen[j]` replaces its row of `C` by `fresh[j]`. What is the new mean? The server must not ask the
# others, so use only the rows of `C` that are chosen, and `c`.

# %% answer="heterogeneity-mean"
def mean_after(C, c, fresh, chosen):
    """The mean of all control variates (d,) after the chosen ones are replaced; C is (m, d)."""
    ### BEGIN SOLUTION
    return c + len(chosen) / len(C) * (fresh - C[chosen]).mean(axis=0)
    ### END SOLUTION


# %% check="heterogeneity-mean"
check("heterogeneity-mean", mean_after)

# %% [markdown]
# In the library's own runs, with 2 of 6 clients a round, from the start to the optimum:

# %%
method = scaffold(SimulatedCluster(apart), step_size=0.05, local_steps=10, sample=2)
worst = 0.0
for _ in range(1500):
    x, C, c, _ = next(method)
    worst = max(worst, abs(C.mean(axis=0) - c).max())
print(f"c is the mean of the c_i to 1e-13 in 1500 rounds: {worst < 1e-13}")
print(f"the optimum is reached to 1e-12: {abs(x - apart.optimum()).max() < 1e-12}")

# %% [markdown]
# ## 5. Fast and slow workers (2 points)
#
# Asynchronous SGD applies each gradient as it comes, so worker $i$'s come at a rate proportional to `speeds[i]`. All
# Hessians are the identity now. Around which point do the iterates settle, for small steps? For speeds 4, 2, 1 and
# optima 0, 0, 3 it is 3/7, where the optimum of $f$ is 1.

# %% answer="heterogeneity-async"
def async_average(speeds, b):
    """Time average of asynchronous SGD, shape (d,); speeds is (m,), b is (m, d)."""
    ### BEGIN SOLUTION
    return speeds @ b / speeds.sum()
    ### END SOLUTION


# %% check="heterogeneity-async"
check("heterogeneity-async", async_average)

# %% [markdown]
# ## 6. A report (10 points)
#
# 1. Derive the first-order bias. Where does the one half come from? (4)
# 2. Two data sets have the same $\zeta_*^2=\frac1m\sum_i\|\nabla f_i(x^*)\|^2$. On one FedAvg is exact, on the other it
#    is far off. Construct both, with two clients in one dimension or two. (3)
# 3. Your team measures $\zeta_*^2$ to decide on $K$. What would you measure instead? (3)

# %% [markdown] essay="heterogeneity-report" points=10
# ### BEGIN SOLUTION
# **1.** $(I-\eta A_i)^K=I-\eta KA_i+\eta^2\binom K2A_i^2-\dots$, so $M_i=\eta K\big(A_i-\eta\frac{K-1}2A_i^2\big)+\dots$.
# Put $x=x^*+e$ into $\sum_iM_i(x-b_i)=0$ and divide by $\eta K$:
# $\sum_iA_i(x^*-b_i)+\sum_iA_ie-\eta\frac{K-1}2\sum_iA_i^2(x^*-b_i)+\dots=0$. The first sum is zero, and
# $A_i^2(x^*-b_i)=A_i\nabla f_i(x^*)$: hence $e=\eta\frac{K-1}2\bar A^{-1}\overline{A_i\nabla f_i(x^*)}$. The half is
# that of $\binom K2=K(K-1)/2$: the $k$-th local step has drifted by $k$ steps, and $0+1+\dots+(K-1)=K(K-1)/2$.
#
# **2.** In one dimension, $a_1=a_2=1$, $b=\pm1$: $x^*=0$, gradients $\mp1$, $\zeta_*^2=1$, no bias. With $a_1=2$,
# $a_2=\frac12$ and gradients $\mp1$ at $x^*=0$, so $b_1=\frac12$, $b_2=-2$: again $\zeta_*^2=1$, but the bias is
# $\eta\frac{K-1}2\cdot\frac{-2+1/2}{2\cdot5/4}=-0.3\,\eta(K-1)$, and for $K\to\infty$ FedAvg ends at
# $\frac12(b_1+b_2)=-\frac34$.
#
# **3.** Not $\zeta_*$ alone but how Hessians and gradients vary *together*:
# $\overline{A_i\nabla f_i(x^*)}=\overline{(A_i-\bar A)\nabla f_i(x^*)}$, which takes one Hessian-vector product a
# client (or a difference of two gradients) near the optimum. Cheaper still: run $K$ and $2K-1$ local steps and compare
# where they stand; the difference estimates the bias of $K$.
#
# *Rubric (10):* 1: 2 the expansion, 1 that the first sum vanishes, 1 the half. 2: 1 for each example, 1 for equal
# $\zeta_*$. 3: 2 a quantity that sees the Hessians, 1 how it is measured.
# ### END SOLUTION
