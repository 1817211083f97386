# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # 5. Local methods
#
# **The question.** Ten hospitals train one model over slow lines. A message costs as much time as fifty gradients. Why
# not take fifty steps at home, and only then average?
#
# Local SGD does just that, and so does FedAvg, on phones. Often it is ten times faster. And sometimes it goes, with
# great confidence, to the wrong place. This lecture says when, by how much, and what repairs it.
#
# **Predict before you read on.** Three clients, losses of different shape, *no noise at all*, exact gradients. With 50
# local steps a round instead of 1, does FedAvg reach the same minimum?

# %%
import numpy as np

from course_lib import bounds, data, plots, problems
from course_lib.cards import holds, source
from course_lib.clusters import Link, SimulatedCluster
from course_lib.experiment import run, sweep
from course_lib.explorers.local import digits_explorer, drift_explorer
from course_lib.grading import attempt, check
from course_lib.methods import fedavg, fedprox, local_sgd, periodic_averaging, scaffold
from course_lib.methods.local import walk

# %% [markdown]
# ## The algorithm
#
# In round $r$ every worker starts from the common model, takes $K$ steps of its own, and the results are averaged:
#
# $$y_{i,0}=x_r,\qquad y_{i,k+1}=y_{i,k}-\eta\,g_i(y_{i,k}),\qquad x_{r+1}=\sum_iw_i\,y_{i,K}.$$
#
# The weights $w_i$ are part of the problem, not a detail: for pooled data $w_i=|D_i|/N$. The lesson's Algorithm 6.1
# leaves them out. FedAvg adds that only a *sample* of the clients takes part in a round.

# %%
source(walk)

# %%
source(fedavg)

# %% [markdown]
# What is averaged is the sum of each client's gradients, not its model: the same in exact arithmetic, and with $K=1$
# it *is* synchronous SGD, to the last bit.
#
# **Your turn: a round.** Client $i$'s loss is $\frac12(y-b_i)^\top A_i(y-b_i)$, so its gradient is $A_i(y-b_i)$.

# %% answer="local-round"
def fedavg_round(x, A, b, step_size, local_steps, weights):
    """The server's model (d,) after a round; A is (m, d, d), b (m, d), weights (m,)."""
    ### BEGIN SOLUTION
    models = []
    for A_i, b_i in zip(A, b):
        y = x
        for _ in range(local_steps):
            y = y - step_size * A_i @ (y - b_i)
        models.append(y)
    return weights @ np.array(models)
    ### END SOLUTION


# %% check="local-round"
check("local-round", fedavg_round)

# %% [markdown]
# ## Identical quadratics: K costs nothing
#
# **Theorem card 5.1: identical quadratics.** *(proved in one line, computed below)*
#
# Let $\nabla f_i(x)=A(x-b)$ for all $i$, plus noise $\xi_i$. Average the local step over the workers: as the gradient
# is linear, the mean model obeys $\bar x_{t+1}=\bar x_t-\eta\big(A(\bar x_t-b)+\frac1m\sum_i\xi_i\big)$ **for every
# $K$**. That is SGD with a batch of $m$: averaging every step, or every 60 steps, gives the same mean model.

# %%
same = problems.Quadratic.dialled(m=8, d=10, optimum_spread=0, noise=1.0)
cluster = SimulatedCluster(same, batch_size=1, initial_model=np.ones(10))
every = {K: run(local_sgd(cluster, 0.2, K), 240 // K, quiet=True).model for K in (1, 4, 24, 60)}
for K, model in every.items():
    print(f"K = {K:2}: the same model as K = 1, to 1e-13: {abs(model - every[1]).max() < 1e-13}")

# %% [markdown]
# So a bound that gets worse with $K^2$ in its leading term cannot be right. The lesson's Theorem 6.1,
# $O(1/T)+O(K^2\sigma^2/T)$, lacks four things:
#
# - the **$1/m$**: averaging divides the noise, which is why one has $m$ workers;
# - **where $K$ belongs**: not with $1/T$ but with the next order, $\eta^2$ or $1/T^2$; on identical quadratics nowhere;
# - **heterogeneity**, which is what breaks FedAvg. It is *drift*, a bias, present with $\sigma=0$: not a variance;
# - **weights**, and whether $T$ counts rounds or steps.
#
# **Theorem card 5.2: identical workers, strongly convex.** *(of the form of Khaled, Mishchenko and Richtárik 2020)*
#
# All $f_i=f$, $L$-smooth and $\mu$-strongly convex, $\kappa=L/\mu$; each worker's gradient noise is unbiased,
# independent and of variance $\sigma^2$; all start at distance $R=\|x_0-x^*\|$; $\eta\le\frac1{4L}$. After $t$ local
# steps the mean model satisfies
#
# $$\mathbb E\|\bar x_t-x^*\|^2\le(1-\eta\mu)^tR^2+\frac{\eta\sigma^2}{\mu m}+\frac{2L\eta^2(K-1)\sigma^2}\mu.$$
#
# With $\eta$ near $\frac1{\mu T}$ the last term is of order $1/T^2$ and below the one before it up to about
# $K\approx\frac T{2m\kappa}$: so far the speed-up is linear. (Stich 2019, for bounded gradients, has $K^2$ there, and
# so $K\approx\sqrt{T/(m\kappa)}$.) Measured: 300 runs at once, the model seen at each of 96 local steps.

# %%
cluster = SimulatedCluster(same, batch_size=1, replicates=300, initial_model=np.ones(10))
eta, far = 0.25 / same.L, np.sum((1 - same.optimum()) ** 2)
for K in (1, 4, 16):
    method, measured = periodic_averaging(cluster, eta, K), []
    for _ in range(97):
        mean = next(method)[0].mean(axis=-2)
        measured.append(((mean - same.optimum()) ** 2).sum(-1).mean())
    bound = bounds.local_sgd(np.arange(97), eta, K, same.L, same.mu, 8, 1.0, far)
    print(holds(f"card 5.2 for K = {K}", measured, bound))

# %% [markdown]
# ## Different clients: drift
#
# Now every client wants something else. Each path in the picture is one client's round, walked from the point at which
# the server stands still. Commit to a guess first. Then guess again: the clients still want different things, but
# their losses curve alike. Press *equal Hessians*.

# %%
drift_explorer

# %% [markdown]
# **Theorem card 5.3: where FedAvg stops.** *(proved; exact)*
#
# Let $f_i=\frac12(x-b_i)^\top A_i(x-b_i)$, full gradients, $\eta<2/L_{\max}$, equal weights. A round moves client $i$
# by $-M_i(x-b_i)$ with $M_i=I-(I-\eta A_i)^K$, so FedAvg's fixed point is
#
# $$x_{FA}=\Big(\sum_iM_i\Big)^{-1}\sum_iM_ib_i,\qquad
# x_{FA}-x^*=\tfrac{\eta(K-1)}2\,\bar A^{-1}\,\tfrac1m\sum_iA_i\nabla f_i(x^*)+O(\eta^2K^2).$$
#
# No bias for $K=1$; none for equal Hessians, *whatever the $b_i$*, as $\sum_i\nabla f_i(x^*)=0$; and for
# $K\to\infty$ the plain mean of the $b_i$. *Loosely said elsewhere:* "heterogeneous data make FedAvg diverge". It
# converges, as fast as ever, to another point. Here for six clients, and for six with other wishes but one Hessian:

# %%
apart = problems.Quadratic.dialled(m=6, d=4, condition=4, hessian_spread=0.7, seed=1)
alike = problems.Quadratic.dialled(m=6, d=4, condition=4, hessian_spread=0.0, seed=1)
for clients, K in [(apart, 1), (apart, 2), (apart, 5), (apart, 20), (alike, 20)]:
    cluster, rounds = SimulatedCluster(clients), 4000 // K
    reached = run(fedavg(cluster, 0.1, K), rounds, rounds, quiet=True).model[0]
    predicted = bounds.local_fixed_point(clients.A, clients.b, 0.1, K)
    off = np.linalg.norm(reached - clients.optimum())
    exact = abs(reached - predicted).max() < 1e-10
    hessians = "one Hessian" if clients is alike else "different"
    print(f"{hessians:11} K = {K:2}: bias {round(off, 10):.2g}, as predicted: {exact}")

# %% [markdown]
# **Your turn: the fixed point.** Set $x=\frac1m\sum_i\big(x-M_i(x-b_i)\big)$ and solve. `np.linalg.matrix_power` works
# on a stack of matrices. Below your function is tried for three step sizes: twice the step, twice the bias, to first
# order.

# %% answer="local-fixed"
def fixed_point(A, b, step_size, local_steps):
    """Where FedAvg stands still, shape (d,); A is (m, d, d), b (m, d), equal weights."""
    ### BEGIN SOLUTION
    identity = np.eye(b.shape[1])
    M = identity - np.linalg.matrix_power(identity - step_size * A, local_steps)
    return np.linalg.solve(M.sum(0), (M @ b[..., None]).sum(0)[:, 0])
    ### END SOLUTION


# %% check="local-fixed"
check("local-fixed", fixed_point)

# %%
with attempt():
    for eta in (0.01, 0.02, 0.04):
        x = fixed_point(apart.A, apart.b, eta, 5)
        print(f"step {eta}: bias {np.linalg.norm(x - apart.optimum()):.2g}")

# %% [markdown]
# ## Two repairs
#
# **FedProx** (Li et al. 2020) ties each client to the server's model by $\frac\rho2\|y-x\|^2$. The bias shrinks, and so
# does progress; it is gone only as $\rho\to\infty$. **SCAFFOLD** (Karimireddy et al. 2020) corrects every local step
# by $c-c_i$, where $c_i$ remembers client $i$'s gradient and $c$ is the mean of all $c_i$. At the optimum with
# $c_i=\nabla f_i(x^*)$ nobody moves: that is a fixed point for every $K$. Its messages are twice as long, and the
# ledger counts it: "fewer rounds" is not "fewer words".
#
# The library has more of the family: `scaffnew` (Mishchenko et al. 2022) sends a message after a random number of steps
# and needs $\sqrt\kappa$ of them where gradient descent needs $\kappa$; `fedavgm` and `fedadam` put momentum and Adam
# on the server; and `post_local`, a schedule for `local_steps`, begins with $K=1$.

# %%
source(scaffold)

# %%
cluster = SimulatedCluster(apart)
three = [
    run(fedavg(cluster, 0.1, 10), 120),
    run(fedprox(cluster, 0.1, 10, rho=5.0), 120),
    run(scaffold(cluster, 0.1, 10), 120),
]
plots.convergence(three, show="gradient_norm")

# %%
for history in three:
    gradient = history.gradient_norm[-1]
    print(f"{history.name:9} {history.bytes[-1]:,} bytes, below 1e-6: {gradient < 1e-6}")

# %% [markdown]
# **Your turn: a review.** A colleague's SCAFFOLD runs, and its loss falls at first. Then it explodes:
#
# ```python
# def scaffold_round(x, C, A, b, step_size, local_steps):
#     c, models, new = C.mean(axis=0), [], []
#     for A_i, b_i, c_i in zip(A, b, C):
#         y = x
#         for _ in range(local_steps):
#             y = y - step_size * (A_i @ (y - b_i) + c_i - c)
#         models.append(y)
#         new.append(c_i - c + (x - y) / step_size)
#     return np.mean(models, axis=0), np.array(new)
# ```
#
# There are two errors. The invariant finds one: started at the optimum with $c_i=\nabla f_i(x^*)$, nothing may move.
# For the other, start with $c=c_i=0$: then the new $c_i$ must be the *mean* of the gradients that client $i$ has met.

# %% answer="local-review"
def scaffold_round(x, C, A, b, step_size, local_steps):
    """The model (d,) and the control variates (m, d) after a round of SCAFFOLD, option 2."""
    ### BEGIN SOLUTION
    c, models, new = C.mean(axis=0), [], []
    for A_i, b_i, c_i in zip(A, b, C):
        y = x
        for _ in range(local_steps):
            y = y - step_size * (A_i @ (y - b_i) - c_i + c)
        models.append(y)
        new.append(c_i - c + (x - y) / (local_steps * step_size))
    return np.mean(models, axis=0), np.array(new)
    ### END SOLUTION


# %% check="local-review"
check("local-review", scaffold_round)

# %% [markdown]
# ## On real data
#
# Ten clients hold digits, dealt label by label with a Dirichlet distribution: a small $\alpha$ gives each client few
# classes. Fewer messages are a gain up to a point, even while clients are alike. With few classes each, many local
# steps end lower still. But look how little is lost: softmax regression forgives much, as clients with different
# classes move different columns of the model. Deep networks forgive less.

# %%
digits_explorer

# %% [markdown]
# With many clients only a sample takes part. Nobody else holds a model, so that the same two lines serve 100,000 of
# them. Here 10 of 1000 clients, one or two images each; some of them are lost on the way.

# %%
digits = data.load("digits")
rows = data.deal(digits, data.partition_iid(digits.labels, 1000))
test = digits.test_features, digits.test_labels
phones = problems.SoftmaxRegression(*rows, 1e-3, weights="pooled", test=test)
run(fedavg(SimulatedCluster(phones), 0.1, 4, sample=10, dropout=0.1), 120, record_every=40)

# %% [markdown]
# ## How many local steps?
#
# **Theorem card 5.4: the best K.** *(given the bound of Wang and Joshi 2019)*
#
# All workers draw from the same $L$-smooth $f$, with unbiased, independent noise of variance $\sigma^2$ each;
# $\Delta=f(x_0)-\inf f$, and $\eta L+\eta^2L^2K(K-1)\le1$. A local step takes $Y$ seconds, a message $C$, and there
# are $T$ seconds. Then the mean of $\|\nabla f(\bar x_t)\|^2$ over all steps is at most, in expectation,
#
# $$\frac{2\Delta}{\eta T}\Big(Y+\frac CK\Big)+\frac{\eta L\sigma^2}m+\eta^2L^2\sigma^2(K-1)
# \quad\Longrightarrow\quad K^*=\sqrt{\frac{2\Delta C}{\eta^3L^2\sigma^2T}}.$$
#
# Dear messages ask for many local steps, and a long budget for few: early one should be fast, late one should be
# right. That is why **AdaComm** lets $K$ shrink: $K_l=\lceil\sqrt{f(x_l)/f(x_0)}\,K_0\rceil$ (exercise 5). The
# formula knows noise alone; drift comes on top, so trust its direction, not its digits. Measured: 20 runs for each of
# seven $K$, with messages that cost 20 steps. (At this step size the card's condition holds up to $K=10$ only: a larger
# $K^*$ is an extrapolation.)

# %%
noisy = problems.Quadratic.dialled(m=8, d=10, hessian_spread=0.5, noise=1.0)
lowest = noisy.loss(noisy.optimum())
link = Link(20e-3 / 14, np.inf)  # an all-reduce of 8 takes 14 latencies: 20 ms, 20 steps
options = {"batch_size": 1, "replicates": 20, "link": link}
cluster = SimulatedCluster(noisy, initial_model=noisy.optimum() + 2, **options)
for T in (0.5, 2.0, 8.0):
    gaps = {}
    for K in (1, 2, 4, 8, 16, 32, 64):
        rounds = int(T / (20e-3 + K * 1e-3))
        history = run(local_sgd(cluster, 0.1, K), rounds, rounds, quiet=True)
        gaps[K] = history.loss[-1].mean() - lowest
    start = history.loss[0].mean() - lowest
    formula = bounds.best_local_steps(T, 0.1, noisy.L, 1.0, start, 20e-3)
    print(f"{T:3} s: best K measured {min(gaps, key=gaps.get):2}, formula {formula:.0f}")

# %% [markdown]
# ## When mini-batch wins
#
# With the same 20 gradients a worker and round one may also take *one* step with a batch of 20. Woodworth et al. (2020)
# compared them: on identical quadratics local SGD is at least as good; for general convex losses it can be worse; with
# heterogeneous workers mini-batch usually wins unless they are very similar. Both with their best step size of six:

# %%
steps = [0.02, 0.05, 0.1, 0.2, 0.5, 1.0]
for difference in (0.0, 1.0):
    p = problems.Quadratic.dialled(8, 10, 50, 0.7, optimum_spread=difference, noise=0.3)
    for name, K, b in (("local", 20, 1), ("mini-batch", 1, 20)):
        cluster = SimulatedCluster(p, batch_size=b, initial_model=p.optimum() + 1)
        tuned = sweep(lambda eta: run(local_sgd(cluster, eta, K), 30, 30), steps)
        gap = min(h.loss[-1] for h in tuned.values()) - p.loss(p.optimum())
        print(f"clients apart by {difference:.0f}: {name:10} gap {gap:.1g}")

# %% [markdown]
# Clients that want the same let the local steps win by a factor of three, clients apart by 1 the large batch: the bias
# is paid in every round, and no step size is right for both progress and drift.
#
# ## Think
#
# **What's the optimal balance between local computation and communication?** In your own words: the quantities that
# decide, a formula, and a case in which the answer is $K=1$.

# %% [markdown] essay="local-balance" points=10
# ### BEGIN SOLUTION
# A round costs $KY+C$ seconds and makes $K$ steps, so messages cost $C/K$ a step; what is paid is drift. With alike
# workers it comes from noise alone, $\eta^2L^2\sigma^2(K-1)$, and balancing gives
# $K^*=\sqrt{2\Delta C/(\eta^3L^2\sigma^2T)}$: steps a message, growing like $\sqrt C$, falling with the budget $T$ and
# with the gap $\Delta$, hence a $K$ that shrinks on the way (AdaComm). On identical quadratics any $K$ is free; for
# identical convex losses the speed-up stays linear up to about $\sqrt{T/(m\kappa)}$. **Failure case:** clients with
# different Hessians and different optima: the bias $\frac{\eta(K-1)}2\bar A^{-1}\overline{A_i\nabla f_i(x^*)}$ does
# not go away with time, so at high accuracy $K=1$, or control variates (SCAFFOLD), at twice the words. Evidence: the
# table of best $K$ above, and mini-batch's win for clients apart by 1.
#
# *Rubric (10):* 3 governing quantities ($C/Y$, $\sigma$, heterogeneity); 3 a condition and a case in which many local
# steps fail; 2 a formula with units; 2 evidence. At most 6 without a case of failure; at most 5 if drift is called
# variance.
# ### END SOLUTION

# %% [markdown]
# **What role does data heterogeneity play in distributed optimization?** Name two methods it does not harm, two that it
# does, the quantity in which the harm is measured, and a cure. About ten lines.

# %% [markdown] essay="local-heterogeneity" points=10
# ### BEGIN SOLUTION
# It is measured at the optimum: $\zeta_*^2=\frac1m\sum_i\|\nabla f_i(x^*)\|^2$. It does not change the expectation of
# synchronous SGD at all, and it does not harm methods that learn the $\nabla f_i(x^*)$: SCAFFOLD, DIANA, gradient
# tracking. It leaves a floor in compressed gradient descent (proportional to $\omega\eta\zeta_*^2/(\mu m)$) and in
# decentralised gradient descent; it gives wrong weights to asynchronous SGD when speeds differ; it hides Byzantine
# workers. In FedAvg it makes *bias*, of first order $\eta(K-1)$, but on quadratics only if the Hessians differ as
# well: with equal $A_i$ the bias is zero however large $\zeta_*$. Cures: shifts or control variates; smaller $K$ or
# $\eta$; a shrinking step.
#
# *Rubric (10):* 3 the quantity; 3 a harmed and an unharmed method, and the case of equal Hessians; 2 a formula; 2
# evidence (this lecture's fixed point, to ten digits).
# ### END SOLUTION

# %% [markdown]
# ## When to use it
#
# Use local steps when a message costs more time than a gradient and clients are not too different. Start with
# $K\approx C/Y$, so that half of the time is work, and halve it when progress stops. Report bytes and seconds, never
# rounds alone.
#
# | If ... | then ... |
# |---|---|
# | messages are cheap, or high accuracy is asked for | $K=1$: synchronous SGD |
# | clients are alike, messages dear | local SGD with $K$ near $K^*$, shrinking |
# | clients differ, all take part often | SCAFFOLD, or mini-batches of the same size |
# | many clients, each seen once | FedAvg on a sample, small steps; clients cannot keep a $c_i$ |
#
# Next: exercises [5](../exercises/05_adaptive_communication.ipynb) and [6](../exercises/06_heterogeneity.ipynb), then
# [lecture 6](06_decentralized.ipynb), which does without the server.
#
# ## Reading
#
# - B. McMahan et al. (2017), *Communication-efficient learning of deep networks from decentralized data*, AISTATS.
#   FedAvg; read its experiments on how much $K$ buys.
# - S. U. Stich (2019), *Local SGD converges fast and communicates little*, ICLR. The first proof that $K$ sits in the
#   lower order.
# - A. Khaled, K. Mishchenko and P. Richtárik (2020), *Tighter theory for local SGD on identical and heterogeneous data*,
#   AISTATS. The same without bounded gradients.
# - S. P. Karimireddy et al. (2020), *SCAFFOLD: stochastic controlled averaging for federated learning*, ICML. Section 2
#   draws client drift better than we do.
# - B. Woodworth et al. (2020), *Is local SGD better than minibatch SGD?*, ICML, and *Minibatch vs local SGD for
#   heterogeneous distributed learning*, NeurIPS. The sober comparison.
# - J. Wang and G. Joshi (2019), *Adaptive communication strategies to achieve the best error-runtime trade-off in
#   local-update SGD*, SysML. Card 5.4 and AdaComm.
# - T. Li, A. K. Sahu, A. Talwalkar and V. Smith (2020), *Federated learning: challenges, methods, and future
#   directions*, IEEE Signal Processing Magazine 37(3); and V. Smith's talk *Federated learning: challenges and
#   opportunities*: the map of the field.
