# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # 6. Decentralised methods
#
# **The question.** Sixteen hospitals want one model. There is no server that all would trust, and no fast network for
# an all-reduce: each talks to a few partners over ordinary lines. They average with their partners, step along their
# own gradients, and repeat. Does this train the model that the pooled data would give? And which hospitals should be
# joined to which?
#
# Before you read on, commit to a guess: in a *ring* every hospital hears two others, on the *complete graph* all
# fifteen. How many more rounds does the ring need to train the same model: about as many, seven times as many, or a
# hundred times?
#
# Three parts: how fast neighbours agree, where they end, and what it costs.

# %%
import numpy as np

from course_lib import bounds, compressors, data, plots, problems, topology
from course_lib.cards import holds, source
from course_lib.clusters import Link, SimulatedCluster
from course_lib.experiment import run
from course_lib.explorers.decentralized import (
    bias_explorer,
    budget_explorer,
    transient_explorer,
)
from course_lib.explorers.gossip import gossip_explorer
from course_lib.explorers.topology_editor import topology_editor
from course_lib.grading import check
from course_lib.methods import (
    adapt_then_combine,
    admm,
    admm_residuals,
    chebyshev_gossip,
    choco_gossip,
    choco_sgd,
    dsgd,
    extra,
    gossip,
    gradient_tracking,
    push_sum_sgd,
    sync_sgd,
)

# %% [markdown]
# ## Part one: agreeing
#
# Forget the gradients for a moment. Worker $i$ holds $x_i$, and in each round it takes a weighted mean of what its
# neighbours and it itself hold: $x_i\leftarrow\sum_jW_{ij}x_j$, or $X\leftarrow WX$ with one row a worker. $W$ has a
# nonzero entry only where the graph has an edge, and on the diagonal, and it must be **doubly stochastic**: rows that
# sum to one, so that agreement stays agreement, and columns that sum to one, so that the mean stays the mean.
#
# Draw a graph. What does cutting one edge of the ring do? What does one long chord do? And which graph has the
# largest gap for its edges? (The *gap* is the share of disagreement that goes in each round, at the least.)

# %%
topology_editor

# %% [markdown]
# A long chord *lowers* the ring's gap, as long as the weights are Metropolis's: its two ends have three neighbours now
# and give less to each. With the weights *fastest*, which are the best that a graph allows, no edge can do harm.
#
# **Your turn: weights.** The rule that needs no more than the two degrees at the ends of an edge is that of Metropolis
# and Hastings: $W_{ij}=\frac1{1+\max(\deg_i,\deg_j)}$ on edges, and $W_{ii}$ takes what is left.

# %% answer="decentralized-metropolis"
def metropolis_matrix(adjacency):
    """Mixing matrix (m, m) of a graph given by its adjacency matrix of zeros and ones."""
    ### BEGIN SOLUTION
    degree = adjacency.sum(axis=1)
    W = adjacency / (1 + np.maximum(degree[:, None], degree))
    return W + np.diag(1 - W.sum(axis=1))
    ### END SOLUTION


# %% check="decentralized-metropolis"
check("decentralized-metropolis", metropolis_matrix)

# %% [markdown]
# **Theorem card 6.1: consensus.** *(proved in one line; computed below)*
#
# Let $W$ be doubly stochastic and $\rho=\|W-\frac1m\mathbf1\mathbf1^\top\|_2$, which for symmetric $W$ is
# $\max(|\lambda_2|,|\lambda_m|)$. Then for every $X$ and $t$
#
# $$\Big\|W^tX-\tfrac1m\mathbf1\mathbf1^\top X\Big\|_F\;\le\;\rho^t\,\Big\|X-\tfrac1m\mathbf1\mathbf1^\top X\Big\|_F ,$$
#
# with equality for some $X$ when $W$ is symmetric. The **spectral gap** is $1-\rho$.
#
# *Loosely said elsewhere, the lesson included:* "the spectral gap is $\lambda_2(W)$". It is not, and neither is
# $1-\lambda_2$: the other end of the spectrum counts as well.
#
# On five graphs with 16 workers, at each of 60 rounds:

# %%
rng = np.random.default_rng(0)
values = rng.normal(size=(16, 5))
cluster = SimulatedCluster(problems.Quadratic.dialled(m=16, d=5))
graphs = {
    "ring": topology.ring(16),
    "star": topology.star(16),
    "torus": topology.torus(4, 4),
    "hypercube": topology.hypercube(4),
    "random": topology.erdos_renyi(16, 0.35),
}
for name, graph in graphs.items():
    W = topology.metropolis(graph)
    told = run(gossip(cluster, values, W), rounds=60)
    share = bounds.consensus(told.rounds, topology.rho(W))
    print(holds(f"{name:9}", told.consensus, told.consensus[0] * share + 1e-14))

# %% [markdown]
# The failure case takes one line. On an even ring, let everyone take half of either neighbour and nothing of its
# own. $\lambda_2$ is well below one. Workers that hold $+1,-1,+1,\dots$ swap signs for ever, because $\lambda_m=-1$.

# %%
half = (np.roll(np.eye(16), 1, axis=0) + np.roll(np.eye(16), -1, axis=0)) / 2
swinging = (-1.0) ** np.arange(16)[:, None] * np.ones(5)
told = run(gossip(cluster, swinging, half), rounds=1000, record_every=1000)
print(f"lambda_2 = {np.sort(np.linalg.eigvalsh(half))[-2]:.3f}")
print(f"gap = {abs(topology.spectral_gap(half)):.3f}")
print(f"disagreement: {told.consensus[0]:.3f} at first, {told.consensus[-1]:.3f} later")

# %% [markdown]
# For the graphs that people build, the gap has a closed form, which exercise 7 asks you to find. How it scales is what
# matters: a ring of $m$ workers has a gap of order $1/m^2$, a torus $1/m$, an exponential graph $1/\log m$.

# %%
print("   m    ring    torus   star   hypercube  exponential")
for m in (16, 64, 256, 1024):
    names = ("ring", "torus", "star", "hypercube", "exponential")
    gaps = [topology.closed_form_gap(name, m) for name in names]
    print(f"{m:5}  " + "  ".join(f"{gap:.5f}" for gap in gaps))

# %% [markdown]
# ### A graph that changes beats one that stands
#
# Nothing says that all edges must be used in every round. In the **one-peer exponential graph** each worker hears one
# other: in round $t$ the one $2^{t\bmod q}$ places behind it, $q=\log_2m$. One message a worker and round. Predict,
# then press play, or take it a round at a time with the slider's arrow keys. Then let others talk.

# %%
gossip_explorer

# %% [markdown]
# **Theorem card 6.2: exact averaging.** *(Ying et al. 2021; proved by multiplying out)* For $m=2^q$ the product of any
# $q$ consecutive one-peer matrices is exactly $\frac1m\mathbf1\mathbf1^\top$, with $m\log_2m$ messages in all. For
# other $m$ it is not. Here is what
# $\lceil\log_2m\rceil$ rounds leave, for 8, 16 and 12 workers:

# %%
for m in (8, 16, 12):
    product = np.eye(m)
    for t in range(int(np.ceil(np.log2(m)))):
        product = topology.one_peer_exponential(m)(t) @ product
    print(f"m = {m:2}: largest entry of product - 1/m: {abs(product - 1 / m).max():.2g}")

# %% [markdown]
# If the graph is given and slow, momentum helps. **Chebyshev gossip** uses the best polynomial in $W$ instead of the
# power $W^t$, and replaces $1/\text{gap}$ rounds by about $1/\sqrt{\text{gap}}$. Its bound is
# $1/T_t(1/\rho)$ with Chebyshev's polynomial $T_t$ (Auzinger 2011; Scaman et al. 2017).

# %%
W = topology.metropolis(topology.ring(16))
plain = run(gossip(cluster, values, W), rounds=100)
fast = run(chebyshev_gossip(cluster, values, W), rounds=100)
share = bounds.chebyshev_consensus(fast.rounds, topology.rho(W))
print(holds("Chebyshev gossip", fast.consensus, fast.consensus[0] * share + 1e-13))
plots.convergence([plain, fast], show="consensus", theory=fast.consensus[0] * share)

# %% [markdown]
# ## Part two: training
#
# Now the lesson's Algorithm 7.1, decentralised SGD: in each round, average with the neighbours, then step along your
# own gradient, taken at your own model before the averaging. (*Combine, then adapt.*)

# %%
source(dsgd)

# %% [markdown]
# Commit to an answer in the explorer below before you look: exact gradients, constant step, complete graph. Then halve
# the step, and see whether you were right.

# %%
bias_explorer

# %% [markdown]
# **Theorem card 6.3: Algorithm 7.1 is biased.** *(proved by setting $X^+=X$; the order of size is that of Yuan, Ling
# and Yin 2016)*
#
# Let row $i$ of $\nabla F(X)$ be $\nabla f_i(x_i)$, $W$ symmetric and doubly stochastic, $X^*=\mathbf1x^{*\top}$. With
# exact gradients and constant $\eta$, $X\leftarrow WX-\eta\nabla F(X)$ can stand still only where
#
# $$(I-W)X+\eta\,\nabla F(X)=0,\qquad\|X-\mathbf1\bar x^\top\|_F=\eta\,\|(I-W)^+\nabla F(X^*)\|_F+O(\eta^2)
# \le\frac{\eta\,\|\nabla F(X^*)\|_F}{1-\rho}+O(\eta^2).$$
#
# For convex $f_i$ it does come to rest there if $\eta<(1+\lambda_m)/L$, $L$ the largest of the $L_i$.
# At $X=X^*$ the first term is zero and the second is not, unless every worker's own gradient vanishes
# there. So no graph helps, **not even the complete one**. A step that shrinks does; so do data on which all
# workers agree.
#
# For quadratics the fixed point is a linear solve. The library's simulation against it, on three graphs:

# %%
quadratic = problems.Quadratic.dialled(m=16, d=5, condition=4, hessian_spread=0.5)
machines = SimulatedCluster(quadratic)
for graph in (topology.complete(16), topology.hypercube(4), topology.ring(16)):
    W = topology.metropolis(graph)
    models = run(dsgd(machines, 0.2, W), rounds=4000, record_every=4000).state[0]
    still = bounds.dgd_fixed_point(quadratic.A, quadratic.b, W, 0.2)
    far = np.linalg.norm(models - quadratic.optimum()) / 4
    print(f"equal to 1e-12: {np.allclose(models, still, atol=1e-12)}, from x*: {far:.2f}")

# %% [markdown]
# **Your turn: solve for it.** Worker $i$ holds $f_i(x)=\frac{a_i}2(x-b_i)^2$, one number each. Where does Algorithm 7.1
# stop? Return all workers' models.

# %% answer="decentralized-fixed"
def dsgd_stops_at(W, curvature, minimisers, step_size):
    """Fixed point (m,) for curvatures a (m,) and minimisers b (m,)."""
    ### BEGIN SOLUTION
    matrix = np.eye(len(W)) - W + step_size * np.diag(curvature)
    return np.linalg.solve(matrix, step_size * curvature * minimisers)
    ### END SOLUTION


# %% check="decentralized-fixed"
check("decentralized-fixed", dsgd_stops_at)

# %% [markdown]
# ### Three cures
#
# *Another order.* Adapt, then combine: $X\leftarrow W(X-\eta G)$. On the complete graph this *is* gradient descent;
# on others a bias remains. *EXTRA* remembers: it adds up all past disagreement, like the integral part of
# a controller, until that sum balances the gradients. *Gradient tracking* lets each worker follow the mean
# gradient: its tracker is mixed like a model and corrected by what its own gradient has changed. (A third exact method,
# `exact_diffusion`, also called D², mends adapt then combine as EXTRA mends Algorithm 7.1; Yuan et al. 2019.)

# %%
source(extra)

# %%
source(gradient_tracking)

# %% [markdown]
# Each keeps an **invariant** that you can test at any round, on any graph: EXTRA's corrections $C$ have mean zero, and
# the mean of the trackers $Y$ is the mean of the gradients. A wrong implementation nearly always breaks it. Both
# methods converge linearly to $x^*$ on smooth strongly convex problems (Shi et al. 2015; Nedić, Olshevsky and Shi
# 2017; Qu and Li 2018). Here on the ring, where DSGD stalls:

# %%
W = topology.metropolis(topology.ring(16))
histories = []
for method, step in ((dsgd, 0.2), (adapt_then_combine, 0.2), (extra, 0.1)):
    histories.append(run(method(machines, step, W), rounds=500, record_every=10))
histories.append(run(gradient_tracking(machines, 0.06, W), 500, record_every=10))
_, Y, G, _ = histories[-1].state
print("mean tracker = mean gradient:", np.allclose(Y.mean(0), G.mean(0), atol=1e-12))
best = quadratic.loss(quadratic.optimum())
plots.convergence(histories, show="gap", optimum=best)

# %% [markdown]
# ### With noise: the graph is only a transient
#
# The bias vanishes when steps shrink. What remains is the variance, and it is divided by $m$ on *every* connected
# graph, eventually.
#
# **Theorem card 6.4: linear speed-up after a transient.** *(Lian et al. 2017; Koloskova et al. 2020; rates up to
# constants, which we have not checked)* For $L$-smooth $f_i$, unbiased gradients of variance $\sigma^2$ each,
# independent between workers, $\frac1m\sum_i\|\nabla f_i(x)-\nabla f(x)\|^2\le\zeta^2$ everywhere, and gap $p=1-\rho$
# of a symmetric, doubly stochastic $W$, DSGD with a tuned step reaches a mean of $\mathbb E\|\nabla f(\bar
# x_t)\|^2\le\varepsilon$ in
#
# $$O\Big(\frac{\sigma^2}{m\,\varepsilon^2}+\frac{\zeta/p+\sigma/\sqrt p}{\varepsilon^{3/2}}+\frac1{p\,\varepsilon}\Big)
# \text{ rounds, up to } L, f(x_0)-\inf f \text{ and logarithms}.$$
#
# The first term, which rules as $\varepsilon\to0$, has $m$ in its denominator and **no trace of the graph**. The graph
# sets how long it takes until that term rules. *Loosely said elsewhere:* "the convergence rate depends on the spectral
# gap". The transient does.
#
# The explorer computes expected errors exactly, for one-dimensional quadratics. No run is sampled: means and
# variances part in the eigenvectors of $W$.

# %%
transient_explorer

# %% [markdown]
# The same on a sample: identical data, 400 runs at once, constant step. The mean model's variance against
# $\frac{\eta\sigma^2}{(2-\eta)m}$, what $m$ times the batch would give. The graph does not appear.

# %%
noisy = problems.Quadratic(np.ones((16, 1, 1)), np.zeros((16, 1)), noise=1.0)
for name, graph in (("ring", topology.ring(16)), ("complete", topology.complete(16))):
    many = SimulatedCluster(noisy, batch_size=1, replicates=400)
    W = topology.metropolis(graph)
    models = run(dsgd(many, 0.1, W), rounds=200, record_every=200).state[0]
    variance = (models.mean(axis=1) ** 2).mean()
    print(f"{name:8} measured / predicted: {variance / (0.1 / 1.9 / 16):.1f}")

# %% [markdown]
# ## Part three: real networks
#
# ### Links fail
#
# **Your turn: a review.** Some links are down in each round. A colleague, or their assistant, wrote:
#
# ```python
# def weights_of_this_round(W, up):
#     kept = W * (up | np.eye(len(W), dtype=bool))
#     return kept / kept.sum(axis=1, keepdims=True)
# ```
#
# Rows sum to one, workers reach agreement, tests pass. Yet the model that they agree on is another one in each run.
# Which invariant is broken? Mend it: $W$ is symmetric and doubly stochastic, `up` symmetric and boolean.

# %% answer="decentralized-review"
def weights_of_this_round(W, up):
    """Doubly stochastic weights (m, m) that use only the links that are up."""
    ### BEGIN SOLUTION
    lost = W * ~up
    np.fill_diagonal(lost, 0)
    return W - lost + np.diag(lost.sum(axis=1))
    ### END SOLUTION


# %% check="decentralized-review"
check("decentralized-review", weights_of_this_round)

# %% [markdown]
# `W` may be a function of the round. EXTRA's proof needs one fixed $W$. With a third of the links down it happens to
# work; with one random link up in a round it explodes, while gradient tracking gets there, slowly. Over **one-way
# links** there may be no doubly stochastic matrix at hand: *push-sum* sends a weight along with the model and
# divides by it at the end (Kempe, Dobra and Gehrke 2003; Nedić and Olshevsky 2016).

# %%
ring = topology.ring(16)
networks = {
    "a third of the links down": topology.failing_links(ring, probability=1 / 3),
    "one random link up": topology.random_pairs(ring),
}
for name, W in networks.items():
    for method in (extra, gradient_tracking):
        history = run(method(machines, 0.06, W), 2000, record_every=500, quiet=True)
        far = np.linalg.norm(history.state[0] - quadratic.optimum()) / 4
        near = "is at x*" if far < 1e-10 else f"is {far:.0e} from x*"
        end = "diverges" if history.message else near
        print(f"{name}: {history.name} {end}")

# %%
one_way = topology.push_weights(topology.directed_exponential(16))
history = run(push_sum_sgd(machines, 0.06, one_way), 2000, record_every=500)
far = np.linalg.norm(history.state[0] - quadratic.optimum()) / 4
print(f"push-sum SGD, one-way links: {far:.2f} from x*")

# %% [markdown]
# At constant steps push-sum SGD has a bias, as DSGD has.
#
# **Messages can be compressed**, too. Sending $C(x_i)$ and averaging does not work: what the compressor drops is lost
# in every round, and agreement stalls. CHOCO gossip sends the compressed *difference* from a public copy that all
# neighbours keep of each other (Koloskova, Stich and Jaggi 2019). Both on the ring, with the largest entry of five:

# %%
W = topology.metropolis(topology.ring(16))
compressor, naive = compressors.TopK(1), values
for _ in range(500):
    sent = compressor(naive)
    naive = naive + W @ sent - sent
differences = run(choco_gossip(cluster, values, W, compressor, 0.3), 500, record_every=500)
print(f"sending the models: workers disagree by {np.std(naive, axis=0).max():.1f}")
print(f"sending differences: below 0.001: {differences.consensus[-1] < 1e-3}")

# %% [markdown]
# CHOCO-SGD adds a gradient step to each round. The step $\gamma$ towards the neighbours must be small enough; the one
# that theory guarantees is some thousand times smaller than what works.

# %%
gap, beta = topology.spectral_gap(W), np.linalg.norm(np.eye(16) - W, 2)
print(f"theory's step: {bounds.choco_gossip_step(gap, 1 / 5, beta):.0e}")
for gamma in (0.1, 0.3, 1.0):
    method = choco_sgd(machines, 0.02, W, compressor, gamma)
    history = run(method, rounds=1000, record_every=1000, quiet=True)
    end = history.message[:18] or f"workers disagree by {history.consensus[-1]:.1f}"
    print(f"step {gamma}: {end}")
dense = run(adapt_then_combine(machines, 0.02, W), rounds=1000, record_every=1000)
print(f"uncompressed: workers disagree by {dense.consensus[-1]:.1f}")

# %% [markdown]
# ### Which graph for which budget
#
# Sixteen workers hold digits, two classes each. Batches of 8, constant step, adapt then combine. Compare the three
# clocks: what the complete graph wins in rounds it loses in bytes and seconds. Sync SGD's ring all-reduce runs
# on the same links, 2 ms of latency and 100 Mbit/s; thirty messages one after another are its price.

# %%
digits = data.load("digits")
parts = data.partition_by_label(digits.labels, workers=16, classes_per_worker=2)
features, labels = data.deal(digits, parts)
train = problems.SoftmaxRegression(features, labels, 1e-2, weights="equal")
line = Link(latency=2e-3, bandwidth=1.25e7)
hospitals = SimulatedCluster(train, batch_size=8, compute=5e-3, link=line)

# %%
mixing = {
    "complete": topology.uniform(16),
    "one peer": topology.one_peer_exponential(16),
    "torus": topology.metropolis(topology.torus(4, 4)),
    "ring": topology.metropolis(topology.ring(16)),
}
curves = {"all-reduce": run(sync_sgd(hospitals, 0.4), rounds=150, record_every=3)}
for name, W in mixing.items():
    curves[name] = run(adapt_then_combine(hospitals, 0.4, W), 150, record_every=3)
best = train.loss(train.optimum())
fig, axes = plots.figure(columns=3, width=3.6)
for ax, clock in zip(axes, ("rounds", "bytes", "seconds")):
    plots.convergence(curves, against=clock, show="gap", optimum=best, ax=ax)
fig

# %%
for name, history in curves.items():
    needed = history.first("loss", best + 0.05)
    print(f"{name:10} {needed:3.0f} rounds to within 0.05 of the best loss")

# %% [markdown]
# Now turn the knobs. In this explorer the rounds come from the exact computation above, and bytes and seconds from the
# size of the model and the links, 10 Gbit/s here, with a gradient in 10 ms. One peer is hard to beat in seconds. For
# which models and links does all-reduce?

# %%
budget_explorer

# %% [markdown]
# ## The other road: ADMM
#
# Instead of descending and averaging, each worker can *solve* its own problem, with a price on disagreement, and then
# average the solutions. This is the alternating direction method of multipliers (Boyd et al. 2011), in its consensus
# form. More work at home, fewer rounds, sometimes. (`decentralized_admm` does without the common mean: each link of
# a graph has its price.) From here on $\rho$ is that price, as in all books on ADMM, not the factor of card 6.1.

# %%
source(admm)

# %% [markdown]
# **Theorem card 6.5: the rate of ADMM.** *(Giselsson and Boyd 2017)* If every $f_i$ is $\mu$-strongly convex and
# $L$-smooth, $\|X+Y/\rho-\text{limit}\|_F$ (of what enters the average) shrinks in each round at least by the factor
#
# $$\tfrac12+\tfrac12\max\Big(\frac{L-\rho}{L+\rho},\ \frac{\rho-\mu}{\rho+\mu}\Big),$$
#
# smallest at $\rho=\sqrt{\mu L}$. $\kappa=L/\mu$ is *local*: single $f_i$ may be far worse than
# their mean. *Loosely said elsewhere:* "ADMM converges for any $\rho$". So it does, at speeds that differ by
# orders of magnitude; and $\sqrt{\mu L}$ is best for the bound, not for your problem.

# %%
curvature = np.linalg.eigvalsh(quadratic.A)
x, multipliers = quadratic.optimum(), -quadratic.gradient(quadratic.optimum())
for rho in (0.05, 0.5, 5.0):
    factor = bounds.admm_factor(rho, curvature.max(), curvature.min())
    errors = []
    for z, _, _, Y, t in admm(machines, rho):
        errors.append(np.hypot(4 * np.linalg.norm(z - x), np.linalg.norm(Y - multipliers) / rho))
        if t == 40:
            break
    bound = errors[1] * factor ** np.arange(40) + 1e-12
    print(f"factor {factor:.2f},", holds(f"rho = {rho}", errors[1:], bound))

# %% [markdown]
# When to stop? ADMM carries its own certificate: the **primal residual** says how much the workers disagree, the **dual
# residual** how much the model still moves. Stop when both are small, relative to what they measure. How long that
# takes hangs on $\rho$: too small, and disagreement costs nothing; too large, and nobody dares to move.

# %%
prices, needed = np.geomspace(0.03, 10, 15), []
for rho in prices:
    for state in admm(machines, rho):
        residuals = admm_residuals(state, rho, absolute=1e-6, relative=1e-6)
        if state[-1] > 0 and residuals.small:
            break
    needed.append(state[-1])
fig, ax = plots.figure()
ax.loglog(prices, needed, "o-")
ax.axvline(np.sqrt(curvature.max() * curvature.min()), **plots.THEORY)
ax.set(xlabel="ρ (dashed: best for the bound)", ylabel="rounds until both are small")
fig

# %% [markdown]
# ## Think
#
# **How does network topology affect convergence in decentralised methods?** In your own words, about ten lines: the
# quantity that governs it, what it governs and what it does not, and a case where a common statement about it fails.

# %% [markdown] essay="decentralized-topology" points=10
# ### BEGIN SOLUTION
# Through the gap $1-\rho$, $\rho=\|W-\frac1m\mathbf1\mathbf1^\top\|_2=\max(|\lambda_2|,|\lambda_m|)$. Disagreement
# shrinks by $\rho$ a round, so agreeing to a share $\varepsilon$ takes $\log\varepsilon/\log\rho$ rounds: ring
# $\Theta(m^2)$, torus $\Theta(m)$, exponential graph $\Theta(\log m)$, complete graph one; with Chebyshev's
# polynomials the square roots of these. For DSGD at constant step it scales the *bias*, $O(\eta/(1-\rho))$, which is
# there even on the complete graph, and with noise and shrinking steps it sets the length of the *transient*. It does
# **not** enter the leading term $\sigma^2/(mT)$: on every connected graph the speed-up is linear in the end. **Failure
# case:** "$\lambda_2$ is the gap": the ring with weights ½,½ and even $m$ has $\lambda_2<1$ and never mixes. Nor need
# good averaging mean many messages: one-peer exponential averages exactly in $\log_2m$ rounds of one message each. So
# take the sparsest graph whose transient fits the budget. Evidence: the consensus runs meet $\rho^t$; measured variance
# is the same on ring and complete graph.
#
# *Rubric (10):* 3 governing quantity ($\rho$ with both ends of the spectrum); 3 a condition and a case where the common
# claim fails; 2 a formula with its units (rounds); 2 evidence (experiment or source). At most 5 if "$\lambda_2$ is the
# gap" is asserted, at most 6 without a case of failure.
# ### END SOLUTION

# %% [markdown]
# ## When to use it
#
# Go decentralised when there is no all-reduce to be had: no trusted server, links that are slow, one-way or come and
# go. Inside a data centre an all-reduce gives the exact mean for about the price of two neighbours; gossip pays
# there only when latency or stragglers dominate. And the answer to the first question: on digits the ring needed half as
# many rounds again as the complete graph, and a fifth of its bytes.
#
# | If ... | then ... |
# |---|---|
# | you may choose the graph, $m=2^q$ | one-peer exponential: one message a round, exact after $\log_2m$ |
# | the graph is given and slow | Chebyshev gossip, or the fastest weights on it |
# | data differ and you want $x^*$ | EXTRA on a fixed graph, gradient tracking if links fail |
# | gradients are noisy | DSGD with shrinking steps: the graph is only a transient |
# | links go one way | push-sum |
# | messages are too large | CHOCO-SGD |
# | local solves are cheap, rounds dear | ADMM, with $\rho$ tried out |
#
# Next: exercises [7](../exercises/07_topology.ipynb) and [8](../exercises/08_gradient_tracking.ipynb), then
# [lecture 7](07_faults.ipynb), where machines break.
#
# ## Reading
#
# - A. Nedić and A. Ozdaglar (2009), *Distributed subgradient methods for multi-agent optimization*, IEEE Transactions on
#   Automatic Control 54(1). The beginning: subgradients, changing graphs, constant step and its neighbourhood. The
#   library has it as `decentralized_subgradient`.
# - W. Shi, Q. Ling, G. Wu and W. Yin (2015), *EXTRA: an exact first-order algorithm for decentralized consensus
#   optimization*, SIAM Journal on Optimization 25(2). How one memory term removes the bias; read section 2.
# - S. Boyd, N. Parikh, E. Chu, B. Peleato and J. Eckstein (2011), *Distributed optimization and statistical learning via
#   the alternating direction method of multipliers*, Foundations and Trends in Machine Learning 3(1). Sections 3.3
#   (stopping) and 7 (consensus).
# - X. Lian et al. (2017), *Can decentralized algorithms outperform centralized algorithms?*, NIPS. The linear speed-up,
#   and networks on which decentralised wins in seconds.
# - A. Koloskova, S. Stich and M. Jaggi (2019), *Decentralized stochastic optimization and gossip algorithms with
#   compressed communication*, ICML. CHOCO.
# - B. Ying et al. (2021), *Exponential graph is provably efficient for decentralized deep training*, NeurIPS. One peer
#   at a time.
