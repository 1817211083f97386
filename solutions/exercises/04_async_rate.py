# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # Exercise 4: the rate of asynchronous SGD
#
# Lecture 4 claimed two things: delay limits the step exactly, and it costs a term $\tau/T$, no more. Here you build
# both claims yourself: run delayed gradient descent, find its threshold with eigenvalues and then with a formula,
# prove the rate, and hold your proof's bound against runs that it has not seen. It goes with
# [lecture 4](../notebooks/04_asynchronous.ipynb).
#
# | task | points | time | difficulty |
# |---|---|---|---|
# | 1. Run it | 3 | 15 minutes | easy |
# | 2. The threshold, by eigenvalues | 3 | 25 minutes | medium |
# | 3. The threshold, by a formula | 3 | 15 minutes | easy |
# | 4. The rate, proved | 10 | 60 minutes | graded by hand |
# | 5. The bound, and its best step | 6 | 30 minutes | medium |
# | 6. A run that your bound has not seen | | 10 minutes | look and see |
#
# Throughout, every gradient is $\tau$ updates old, and nothing moves before the first gradient is there:
#
# $$x_0=x_1=\dots=x_\tau,\qquad x_{t+1}=x_t-\eta\,g(x_{t-\tau})\quad(t\ge\tau).$$

# %%
import numpy as np

from course_lib import bounds, plots, problems
from course_lib.cards import holds
from course_lib.clusters import Link, SimulatedCluster
from course_lib.experiment import run
from course_lib.grading import attempt, check
from course_lib.methods import async_sgd

# %% [markdown]
# ## 1. Run it (3 points)
#
# Return all models $x_0,\dots,x_{\text{steps}}$ as the rows of an array. `gradient` is a function of a model $(d,)$.

# %% answer="async_rate-run"
def delayed_run(gradient, x0, step_size, tau, steps):
    """Models of delayed gradient descent: (steps + 1, d)."""
    ### BEGIN SOLUTION
    x = [np.asarray(x0, float)] * (tau + 1)
    for t in range(tau, steps):
        x.append(x[t] - step_size * gradient(x[t - tau]))
    return np.array(x[: steps + 1])
    ### END SOLUTION


# %% check="async_rate-run"
check("async_rate-run", delayed_run)

# %% [markdown]
# On the parabola $\frac12x^2$ with $\tau=5$, three step sizes. Which do you expect to be stable? Without delay, all.

# %%
with attempt():
    fig, ax = plots.figure()
    for k, step in enumerate((0.07, 0.28, 0.3)):
        x = delayed_run(lambda x: x, np.ones(1), step, 5, 200)
        ax.plot(x[:, 0], **plots.series(k, f"step {step}"))
    ax.set(xlabel="updates t", ylabel="x, delay 5", ylim=(-4, 4))
    plots.label_ends(ax)
    display(fig)

# %% [markdown]
# ## 2. The threshold, by eigenvalues (3 points)
#
# $x_{t+1}=x_t-s\,x_{t-\tau}$ maps the vector $(x_t,x_{t-1},\dots,x_{t-\tau})$ to $(x_{t+1},x_t,\dots,x_{t-\tau+1})$:
# a matrix of size $\tau+1$. Its spectral radius is the factor by which $|x|$ changes with each update in the long run.

# %% answer="async_rate-radius"
def spectral_radius(step, tau):
    """Largest modulus of an eigenvalue of the matrix; `step` is eta lambda."""
    ### BEGIN SOLUTION
    companion = np.diag(np.ones(tau), -1)
    companion[0, 0] += 1
    companion[0, tau] -= step
    return np.abs(np.linalg.eigvals(companion)).max()
    ### END SOLUTION


# %% check="async_rate-radius"
check("async_rate-radius", spectral_radius)

# %% [markdown]
# ## 3. The threshold, by a formula (3 points)
#
# At the threshold an eigenvalue lies on the unit circle. Put $z=e^{i\varphi}$ into $z^{\tau+1}=z^\tau-s$, that is
# $z^\tau(1-z)=s$, and compare moduli and arguments: the smallest such $s$ is the largest stable step. Write it as a
# function of the curvature $\lambda$ and of $\tau$.

# %% answer="async_rate-step"
def max_step(lam, tau):
    """Largest stable step size eta for curvature lam and delay tau."""
    ### BEGIN SOLUTION
    return 2 * np.sin(np.pi / (2 * (2 * tau + 1))) / lam
    ### END SOLUTION


# %% check="async_rate-step"
check("async_rate-step", max_step)

# %%
with attempt():
    print(f"max_step(1, 2) = {max_step(1, 2):.10f}")
    edge = [abs(spectral_radius(max_step(1, tau), tau) - 1) for tau in range(51)]
    print(f"on the unit circle for all delays to 50: {max(edge) < 1e-9}")

# %% [markdown]
# ## 4. The rate, proved (10 points)
#
# **Statement.** Let $f$ be $L$-smooth with $\Delta=f(x_0)-\inf f$, and let $g(x)$ be $\nabla f(x)$ plus noise that has
# mean zero given all the past and variance at most $\sigma^2$. If $\eta\le\frac1{4L\max(1,\tau)}$, then for every $T$
#
# $$\frac1T\sum_{t<T}\mathbb E\|\nabla f(x_t)\|^2\;\le\;\frac{4\Delta}{\eta T}+3\eta L\sigma^2.$$
#
# **Prove it.** Three hints:
#
# 1. Follow the *virtual* model $\tilde x_t=x_t-\eta\sum_{j=\max(0,t-\tau)}^{t-1}g(x_j)$, in which every gradient is
#    applied as soon as it is computed. What is $\tilde x_{t+1}-\tilde x_t$?
# 2. Apply the descent lemma to $\tilde x_t$, and
#    $-\langle a,b\rangle\le-\frac12\|b\|^2+\frac12\|a-b\|^2$ to the inner product.
# 3. Bound $\mathbb E\|x_t-\tilde x_t\|^2$: gradients with Cauchy and Schwarz, noise by its independence. Sum over $t$; each
#    gradient occurs in at most $\tau$ of the sums.

# %% [markdown] essay="async_rate-proof" points=10
# ### BEGIN SOLUTION
# Write $g_j=g(x_j)$, $\nabla_j=\nabla f(x_j)$ and $\xi_j=g_j-\nabla_j$.
#
# **Virtual step.** $\tilde x_0=x_0$. For $t\ge\tau$ the update removes $g_{t-\tau}$ from the sum and applies it to $x$, and
# the sum gains $g_t$; for $t<\tau$ it only gains $g_t$. In both cases $\tilde x_{t+1}=\tilde x_t-\eta g_t$.
#
# **Descent.** By $L$-smoothness, in expectation given the past,
# $$\mathbb Ef(\tilde x_{t+1})\le f(\tilde x_t)-\eta\langle\nabla f(\tilde x_t),\nabla_t\rangle+\tfrac{L\eta^2}2\big(\|\nabla_t\|^2+\sigma^2\big)$$
# and $-\langle\nabla f(\tilde x_t),\nabla_t\rangle\le-\frac12\|\nabla_t\|^2+\frac{L^2}2\|\tilde x_t-x_t\|^2$.
#
# **Distance.** $\mathbb E\|\tilde x_t-x_t\|^2\le2\eta^2\mathbb E\|\sum_j\nabla_j\|^2+2\eta^2\mathbb E\|\sum_j\xi_j\|^2\le
# 2\eta^2\tau\sum_{j=t-\tau}^{t-1}\mathbb E\|\nabla_j\|^2+2\eta^2\tau\sigma^2$, since noises are uncorrelated.
#
# **Sum.** With $S=\sum_{t<T}\mathbb E\|\nabla_t\|^2$, and as each $\nabla_j$ occurs at most $\tau$ times,
# $$\tfrac\eta2S\le\Delta+\tfrac{L\eta^2}2(S+T\sigma^2)+\tfrac{\eta L^2}2\big(2\eta^2\tau^2S+2\eta^2\tau\sigma^2T\big),$$
# $$\tfrac\eta2S\,\big(1-L\eta-2L^2\eta^2\tau^2\big)\le\Delta+\tfrac{L\eta^2}2\sigma^2T\,(1+2L\eta\tau).$$
# The condition gives $L\eta\le\frac14$ and $L\eta\tau\le\frac14$: the bracket on the left is at least
# $1-\frac14-\frac18=\frac58\ge\frac12$, that on the right at most $\frac32$. So
# $\frac\eta4S\le\Delta+\frac34L\eta^2\sigma^2T$; multiply by $\frac4{\eta T}$. $\square$
#
# *Rubric (10):* 2 virtual model and its step, with the first $\tau$ updates; 2 descent lemma at the virtual model;
# 3 distance, with $\tau$ (not $\tau^2$) in front of the noise and the reason; 2 summation and constants; 1 use of the
# condition on $\eta$ in both places. At most 5 if noise is treated as if it were bounded by $\tau^2\sigma^2$ without
# comment, at most 3 for a proof of the case $\tau=0$ only.
# ### END SOLUTION

# %% [markdown]
# ## 5. The bound, and its best step (6 points)
#
# First the right-hand side as it stands. Then the smallest value that it takes for a given $T$, over all the step sizes
# that the statement allows.

# %% answer="async_rate-bound"
def delayed_bound(Delta, L, sigma2, tau, eta, T):
    """Right-hand side of the statement."""
    ### BEGIN SOLUTION
    return 4 * Delta / (eta * T) + 3 * eta * L * sigma2
    ### END SOLUTION


# %% check="async_rate-bound"
check("async_rate-bound", delayed_bound)

# %% answer="async_rate-best"
def best_bound(Delta, L, sigma2, tau, T):
    """The same with the best step size that is allowed, for sigma2 > 0."""
    ### BEGIN SOLUTION
    eta = min(1 / (4 * L * max(1, tau)), np.sqrt(4 * Delta / (3 * L * sigma2 * T)))
    return 4 * Delta / (eta * T) + 3 * eta * L * sigma2
    ### END SOLUTION


# %% check="async_rate-best"
check("async_rate-best", best_bound)

# %% [markdown]
# **Where does delay go?** Your best bound against $T$, for three delays. If delay multiplied $1/\sqrt T$, as the lesson's
# Theorem 5.1 has it, the curves would stay apart for ever.

# %%
with attempt():
    T = np.unique(np.geomspace(100, 1e7, 60).astype(int))
    fig, ax = plots.figure()
    for k, tau in enumerate((0, 20, 200)):
        best = [best_bound(1, 1, 1, tau, t) for t in T]
        ax.plot(T, best, **plots.series(k, f"delay {tau}"))
    ax.set(xscale="log", yscale="log", xlabel="updates T", ylabel="best bound")
    plots.label_ends(ax)
    display(fig)

# %% [markdown]
# ## 6. A run that your bound has not seen
#
# A hundred runs at once on the course's cluster: $m=\tau+1$ machines that are all alike, so that after the first few
# every gradient is exactly $\tau$ updates old. The measured mean must lie below your bound, at every $T$.

# %%
with attempt():
    tau = 8
    noisy = problems.Quadratic.dialled(m=tau + 1, d=10, optimum_spread=0, noise=1.0)
    cluster = SimulatedCluster(
        noisy,
        link=Link(0, np.inf),
        batch_size=1,
        replicates=100,
        initial_model=np.ones(10),
    )
    eta = 1 / (4 * noisy.L * tau)
    steps = run(async_sgd(cluster, lambda late: eta * (late == tau)), 500)
    T = np.arange(1, 501)
    measured = np.cumsum((steps.gradient_norm[:-1] ** 2).mean(axis=1)) / T
    gap = steps.loss[0, 0]
    bound = np.array([delayed_bound(gap, noisy.L, 1.0, tau, eta, t) for t in T])
    print(holds("your bound", measured, bound))
    print(np.allclose(bound, bounds.delayed_sgd(T, eta, noisy.L, 1.0, gap, tau)))
