# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # Exercise 2: compressors, error feedback and EF21
#
# You write three compressors and the two methods that make a biased one safe, and hold each against the statement
# that it must satisfy. It goes with [lecture 3](../notebooks/03_compression.ipynb).
#
# | task | points | time | difficulty |
# |---|---|---|---|
# | 1. Top-k | 2 | 10 minutes | easy |
# | 2. Rand-k | 2 | 10 minutes | easy |
# | 3. QSGD | 4 | 25 minutes | easy |
# | 4. Error feedback | 5 | 30 minutes | medium |
# | 5. EF21 | 5 | 25 minutes | medium |
# | 6. A proof | 6 | 60 minutes | hard, graded by hand |
# | 7. Which would you take? | 4 | 15 minutes | graded by hand |
#
# Each task has a cell for your answer and a check below it. The check draws fresh inputs, says what differs, and
# helps a little more at each new attempt; the grade is decided on other inputs. Chance is handed to your functions
# as an argument, so the same call always gives the same result: draw nothing yourself. Answers may use what the next
# cell imports, and each other.

# %%
import numpy as np

from course_lib.grading import attempt, check

# %% [markdown]
# ## 1. Top-k (2 points)
#
# Keep the $k$ coordinates of largest magnitude, unchanged and in their places; the others become zero. No two
# magnitudes are equal.

# %% answer="compressors-topk"
def top_k(x, k):
    """The compressed vector, shape (d,), for `x` of shape (d,) and 1 <= k <= d."""
    ### BEGIN SOLUTION
    out = np.zeros_like(x)
    kept = np.argsort(np.abs(x))[-k:]
    out[kept] = x[kept]
    return out
    ### END SOLUTION


# %% check="compressors-topk"
check("compressors-topk", top_k)

# %% [markdown]
# Top-$k$ is *contractive* with $\delta=k/d$: $\|C(x)-x\|^2\le(1-k/d)\|x\|^2$, whatever $x$ is. For which vectors is
# that an equality? The last line tries one.

# %%
with attempt():
    rng, d, k = np.random.default_rng(0), 50, 5
    tries = {"normal": rng.normal(size=d), "all alike": np.linspace(1, 1 + 1e-9, d)}
    for name, x in tries.items():
        lost = np.sum((top_k(x, k) - x) ** 2) / np.sum(x**2)
        print(f"{name}: lost {lost:.3f}, at most {1 - k / d:.3f}")

# %% [markdown]
# ## 2. Rand-k (2 points)
#
# Keep $k$ random coordinates, multiplied by $d/k$. The random permutation `order` of $0,\dots,d-1$ is given: keep
# the coordinates `order[:k]`.

# %% answer="compressors-randk"
def rand_k(x, k, order):
    """The compressed vector, shape (d,); `order` is a permutation of 0 ... d-1."""
    ### BEGIN SOLUTION
    out = np.zeros_like(x)
    out[order[:k]] = x[order[:k]] * len(x) / k
    return out
    ### END SOLUTION


# %% check="compressors-randk"
check("compressors-randk", rand_k)

# %% [markdown]
# Here the statements can be tested without any statistics. Let `order` be the $d$ cyclic shifts of one permutation:
# each coordinate is then kept in exactly $k$ of $d$ cases, just as often as by chance. So the mean over the shifts
# must be $x$, and the mean squared error $\omega\|x\|^2$ with $\omega=d/k-1$, both to rounding.

# %%
with attempt():
    x, order = rng.normal(size=d), rng.permutation(d)
    every = np.array([rand_k(x, k, np.roll(order, shift)) for shift in range(d)])
    variance = ((every - x) ** 2).sum(axis=1).mean() / (x @ x)
    print(f"the mean is x: {np.allclose(every.mean(axis=0), x, atol=1e-12)}")
    print(f"relative variance {variance:.6f}; omega = d/k - 1 = {d / k - 1:.6f}")

# %% [markdown]
# ## 3. QSGD (4 points)
#
# Alistarh et al. (2017) send the norm once, and each coordinate as a sign and a whole number from 0 to $s$:
#
# $$Q(x)_j=\|x\|_2\;\mathrm{sign}(x_j)\;\frac1s\Big\lfloor\frac{s|x_j|}{\|x\|_2}+u_j\Big\rfloor,$$
#
# with $u_j$ uniform in $[0,1)$, given. Think of the zero vector, too: sooner or later a gradient is one.

# %% answer="compressors-qsgd"
def qsgd(x, levels, u):
    """The quantised vector (d,), for s = `levels` >= 1 and uniform numbers `u`, (d,)."""
    ### BEGIN SOLUTION
    norm = np.linalg.norm(x)
    if norm == 0:
        return np.zeros_like(x)
    return norm * np.sign(x) * np.floor(levels * np.abs(x) / norm + u) / levels
    ### END SOLUTION


# %% check="compressors-qsgd"
check("compressors-qsgd", qsgd)

# %% [markdown]
# Two statements, by 20,000 draws. *Unbiased:* each coordinate's mean lies within four standard errors of $x_j$ (of
# 50 coordinates, by chance, one in three hundred tries has one outside). *Variance:* it must be
# $\frac{\|x\|^2}{s^2}\sum_jr_j(1-r_j)$ with $r_j$ the fractional part of $s|x_j|/\|x\|$, and below $\min(d/s^2,\sqrt
# d/s)\,\|x\|^2$, their Lemma 3.1.

# %%
with attempt():
    s, x = 4, rng.normal(size=d)
    draws = np.array([qsgd(x, s, u) for u in rng.random((20_000, d))])
    z = (draws.mean(axis=0) - x) / (draws.std(axis=0) / np.sqrt(len(draws)) + 1e-12)
    r = s * np.abs(x) / np.linalg.norm(x) % 1
    exact, bound = np.sum(r * (1 - r)) / s**2, min(d / s**2, np.sqrt(d) / s)
    measured = ((draws - x) ** 2).sum(axis=1).mean() / (x @ x)
    print(f"largest |z| below 4: {np.abs(z).max() < 4}")
    print(f"relative variance: {measured:.2f}, exactly {exact:.2f}, at most {bound:.2f}")

# %% [markdown]
# ## 4. Error feedback (5 points)
#
# Each worker $i$ keeps a memory $e_i$, zero at first, of what it wanted to send and did not. In a round, with all
# $\nabla f_i$ at the same model $x$:
#
# $$p_i=e_i+\eta\nabla f_i(x),\qquad x\leftarrow x-\frac1m\sum_iC(p_i),\qquad e_i\leftarrow p_i-C(p_i).$$
#
# `gradient(x)` returns all workers' gradients, one a row, and `compress` treats each row by itself. Call both as
# often as you need them.

# %% answer="compressors-feedback"
def error_feedback(x, gradient, step_size, compress, rounds):
    """Model (d,) and memories (m, d) after so many rounds from the model `x`, (d,)."""
    ### BEGIN SOLUTION
    memory = np.zeros_like(gradient(x))
    for _ in range(rounds):
        wanted = memory + step_size * gradient(x)
        sent = compress(wanted)
        x, memory = x - sent.mean(axis=0), wanted - sent
    return x, memory
    ### END SOLUTION


# %% check="compressors-feedback"
check("compressors-feedback", error_feedback)

# %% [markdown]
# Now the problem of Beznosikov et al. (2020) on which top-1 without memory fails: three workers, $f_i(x)=\langle
# a_i,x\rangle^2+\frac14\|x\|^2$, start $(1,1,1)$. From there each worker's largest coordinate is the one with the
# *wrong* sign, and the model grows by exactly $1+\frac{11}6\eta$ a step. With memory it must reach rounding.

# %%
a = np.array([[-3.0, 2, 2], [2, -3, 2], [2, 2, -3]])


def gradient(x):
    return 2 * (a @ x)[:, None] * a + x / 2


# %%
with attempt():
    def largest(rows):
        return np.array([top_k(row, 1) for row in rows])

    x, eta = np.ones(3), 0.02
    growth = (x - eta * largest(gradient(x)).mean(axis=0)) / x
    print(f"growth is 1 + 11/6 eta: {np.allclose(growth, 1 + 11 / 6 * eta, atol=1e-12)}")
    model, memory = error_feedback(np.ones(3), gradient, eta, largest, rounds=3000)
    print(f"with memory, after 3000 rounds, |x| < 1e-10: {np.linalg.norm(model) < 1e-10}")

# %% [markdown]
# ## 5. EF21 (5 points)
#
# Richtárik, Sokolov and Fatkhullin (2021) keep an estimate $G_i$ of each worker's gradient instead, and compress how
# far it is off. Start with $G_i=C(\nabla f_i(x_0))$; then, in each round,
#
# $$x\leftarrow x-\eta\frac1m\sum_iG_i,\qquad G_i\leftarrow G_i+C\big(\nabla f_i(x)-G_i\big)\quad\text{at the new }x.$$

# %% answer="compressors-ef21"
def ef21(x, gradient, step_size, compress, rounds):
    """Model (d,) and estimates (m, d) after so many rounds from the model `x`, (d,)."""
    ### BEGIN SOLUTION
    estimates = compress(gradient(x))
    for _ in range(rounds):
        x = x - step_size * estimates.mean(axis=0)
        estimates = estimates + compress(gradient(x) - estimates)
    return x, estimates
    ### END SOLUTION


# %% check="compressors-ef21"
check("compressors-ef21", ef21)

# %%
with attempt():
    model, estimates = ef21(np.ones(3), gradient, 0.02, largest, rounds=3000)
    print(f"EF21 reaches rounding as well: {np.linalg.norm(model) < 1e-10}")
    print(f"its estimates are the gradients: {np.allclose(estimates, gradient(model))}")

# %% [markdown]
# ## 6. A proof (6 points)
#
# Let $e_t=\frac1m\sum_ie_{i,t}$ be the mean memory of error feedback with constant $\eta$, and $\bar g_t$ the
# workers' mean gradient at $x_t$.
#
# 1. Prove the invariant $x_t-e_t=x_0-\eta\sum_{s<t}\bar g_s$. Which step of the proof fails if the memory is
#    dropped?
# 2. Let $C$ be contractive, $\mathbb E\|C(p)-p\|^2\le(1-\delta)\|p\|^2$ with $0<\delta\le1$, and all $\mathbb
#    E\|\nabla f_i\|^2\le G^2$. Prove $\mathbb E\|e_{i,t}\|^2\le\frac{4(1-\delta)}{\delta^2}\eta^2G^2$. You may use
#    $\|a+b\|^2\le(1+\gamma)\|a\|^2+(1+\frac1\gamma)\|b\|^2$ for every $\gamma>0$.
# 3. One sentence: why does 2 mean that a small step makes compression harmless?

# %% [markdown] essay="compressors-proof" points=6
# ### BEGIN SOLUTION
# **1.** By induction. At $t=0$ both sides are $x_0$, as $e_0=0$. A round gives
# $x_{t+1}-e_{t+1}=x_t-\frac1m\sum_iC(p_i)-\frac1m\sum_i\big(p_i-C(p_i)\big)=x_t-\frac1m\sum_ip_i=x_t-e_t-\eta\bar
# g_t$. Whatever $C$ is, it cancels. Without memory $p_i=\eta\nabla f_i$ and nothing cancels:
# $x_{t+1}=x_t-\frac1m\sum_iC(p_i)$, and the errors add up.
#
# **2.** $\mathbb E\|e_{t+1}\|^2\le(1-\delta)\,\mathbb E\|e_t+\eta g_t\|^2\le(1-\delta)\big[(1+\gamma)\mathbb
# E\|e_t\|^2+ (1+\tfrac1\gamma)\eta^2G^2\big]$. Take $\gamma=\frac\delta{2(1-\delta)}$ (for $\delta=1$ the memory is
# zero): then $(1-\delta)(1+\gamma)=1-\frac\delta2$ and $1+\frac1\gamma=\frac{2-\delta}\delta\le\frac2\delta$. From
# $e_0=0$ the geometric series gives $\mathbb E\|e_t\|^2\le\frac2\delta\cdot(1-\delta)\frac2\delta\,\eta^2G^2$.
#
# **3.** $x_t-e_t$ takes exactly the steps of uncompressed descent, with gradients at a point at most $O(\eta
# G/\delta)$ away: the error that this makes is of second order in $\eta$, so it lands in the $1/T$ term if
# $\eta\sim1/\sqrt T$.
#
# *Rubric (6):* 1: 2 points (1 for the cancellation, 1 for what fails). 2: 3 points (1 contraction, 1 choice of
# $\gamma$, 1 series). 3: 1 point. A proof for $\delta=k/d$ alone: at most 4.
# ### END SOLUTION

# %% [markdown]
# ## 7. Which would you take? (4 points)
#
# A colleague has 32 workers on a slow network and a model with embeddings: most gradients have few large entries.
# They propose rand-$k$ with $k=d/100$, "because it is unbiased, so no memory is needed". In about eight lines: what
# will happen to the number of rounds, what would you propose instead, at what price, and how would you check that it
# works?

# %% [markdown] essay="compressors-choice" points=4
# ### BEGIN SOLUTION
# Rand-$k$ has $\omega=99$: with 32 workers the rounds grow by about $1+2\omega/m\approx7$ (theorem on compressed
# gradient descent), and unless all workers share an optimum there is a floor $\propto\omega\zeta_*^2/m$ that only a
# smaller step or DIANA removes. The bytes fall at most by $100/7$, less the indices. Few large entries are what
# top-$k$ lives on: at the same $k$ it loses a small part of the gradient, not 99 % of it. It is biased, so it needs
# error feedback or EF21; the price is a vector of memory a worker, which a checkpoint must hold, and indices on the
# wire. Check: the invariant $x_t-e_t=x_0-\eta\sum\bar g_s$ in a test, $\|e_t\|$ in the log (it must level off), and
# loss against *seconds*, beside an uncompressed run.
#
# *Rubric (4):* 1 rounds with $\omega/m$ and numbers; 1 floor or bias named; 1 a proposal that fits the data, with
# its price; 1 a check that could fail. None for "smaller $\omega$ means less communication".
# ### END SOLUTION
