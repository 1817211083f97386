# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # Exercise 8: gradient tracking, and how fast it really is
#
# In lecture 6 gradient tracking reached the optimum where Algorithm 7.1 stalled, on graphs that lose links, too. Here
# you write it, find the matrix that *is* the method on quadratics, read off its exact rate, and tune it. Then you
# say when you would use it, and when not. It goes with [lecture 6](../notebooks/06_decentralized.ipynb).
#
# | task | points | time | difficulty |
# |---|---|---|---|
# | 1. The method | 5 | 30 minutes | medium |
# | 2. The matrix that it is | 4 | 30 minutes | hard |
# | 3. The exact rate | 3 | 15 minutes | easy |
# | 4. Tune it | | 15 minutes | look and see |
# | 5. When to use it | 8 | 30 minutes | graded by hand |
#
# Throughout, worker $i$ holds $f_i(x)=\frac12\sum_ja_{ij}(x_j-b_{ij})^2$: its curvatures `curvature[i]` and its own
# minimiser `minimisers[i]`.

# %%
import numpy as np

from course_lib import plots, problems, topology
from course_lib.clusters import SimulatedCluster
from course_lib.experiment import run
from course_lib.grading import attempt, check
from course_lib.methods import extra, gradient_tracking

# %% [markdown]
# ## 1. The method (5 points)
#
# Start from $X_0=0$ and $Y_0=\nabla F(X_0)$, where row $i$ of $\nabla F(X)$ is $\nabla f_i(x_i)$. In each round
#
# $$X^+=W(X-\eta Y),\qquad Y^+=W\big(Y+\nabla F(X^+)-\nabla F(X)\big).$$
#
# Return the models and the trackers after so many rounds. One thing must be true at every moment, whatever the doubly
# stochastic $W$ and $\eta$ are: the mean of the rows of $Y$ is the mean of the rows of $\nabla F(X)$. Test it as you
# go.

# %% answer="gradient_tracking-method"
def track(W, curvature, minimisers, step_size, rounds):
    """Models and trackers, both (m, d), after so many rounds of gradient tracking from zero."""
    ### BEGIN SOLUTION
    X = np.zeros_like(minimisers)
    G = curvature * (X - minimisers)
    Y = G
    for _ in range(rounds):
        X = W @ (X - step_size * Y)
        new = curvature * (X - minimisers)
        Y = W @ (Y + new - G)
        G = new
    return X, Y
    ### END SOLUTION


# %% check="gradient_tracking-method"
check("gradient_tracking-method", track)

# %% [markdown]
# Yours against the library's, on a ring of eight. The library runs the same lines on a cluster with clocks and a
# ledger; the numbers must agree.

# %% personal=true
rng = np.random.default_rng(0)
curvature, minimisers = rng.uniform(0.5, 2, (8, 3)), rng.normal(size=(8, 3))
W = topology.metropolis(topology.ring(8))
problem = problems.Quadratic(curvature[:, :, None] * np.eye(3), minimisers)
cluster = SimulatedCluster(problem)
with attempt():
    X, Y = track(W, curvature, minimisers, 0.1, 50)
    library = run(gradient_tracking(cluster, 0.1, W), rounds=50).state
    print("same models:", np.allclose(X, library[0], atol=1e-12))
    print("same trackers:", np.allclose(Y, library[1], atol=1e-12))

# %% [markdown]
# ## 2. The matrix that it is (4 points)
#
# Take $d=1$ and let $H=\operatorname{diag}(a_1,\dots,a_m)$. Errors $X-\mathbf1x^*$, and $Y$, then obey a linear recursion,
# $\binom{X}{Y}^{\!+}=T\binom XY$, with a $2m\times2m$ matrix $T$ of four blocks that contains $W$, $H$ and $\eta$. Find it.

# %% answer="gradient_tracking-matrix"
def iteration_matrix(W, curvature, step_size):
    """The matrix T (2m, 2m) of one round, for curvatures (m,)."""
    ### BEGIN SOLUTION
    eye, H = np.eye(len(W)), np.diag(curvature)
    models = np.hstack([W, -step_size * W])
    trackers = np.hstack([W @ H @ (W - eye), W @ (eye - step_size * H @ W)])
    return np.vstack([models, trackers])
    ### END SOLUTION


# %% check="gradient_tracking-matrix"
check("gradient_tracking-matrix", iteration_matrix)

# %% [markdown]
# ## 3. The exact rate (3 points)
#
# In the long run the error shrinks in each round by the modulus of an eigenvalue of $T$. Of which? One eigenvalue is
# always 1: it belongs to the conserved quantity of part 1, which is zero from the start and stays so. Return the factor
# by which the error shrinks.

# %% answer="gradient_tracking-rate"
def contraction(T):
    """Asymptotic factor a round of the method whose matrix is T."""
    ### BEGIN SOLUTION
    return np.sort(abs(np.linalg.eigvals(T)))[-2]
    ### END SOLUTION


# %% check="gradient_tracking-rate"
check("gradient_tracking-rate", contraction)

# %% [markdown]
# Measured against predicted: the error of a long run, and the line of your factor through it.

# %%
with attempt():
    T = iteration_matrix(W, curvature[:, 0], 0.1)
    best = (curvature * minimisers).sum(0)[0] / curvature.sum(0)[0]
    a, b = curvature[:, :1], minimisers[:, :1]
    rounds = np.arange(0, 150, 5)
    far = [np.linalg.norm(track(W, a, b, 0.1, t)[0] - best) for t in rounds]
    fig, ax = plots.figure()
    ax.semilogy(rounds, far, **plots.series(0, "measured"))
    line = far[-1] * contraction(T) ** (rounds - rounds[-1])
    ax.semilogy(rounds, line, label="contraction", **plots.THEORY)
    ax.set(xlabel="rounds", ylabel="distance from x*")
    plots.label_ends(ax)
    display(fig)

# %% [markdown]
# ## 4. Tune it
#
# A long step helps the mean model and hurts the trackers. With your matrix, tuning costs no runs: the best step for
# each graph, and the rounds that a factor of a million takes. How does the best step change with the gap?

# %%
with attempt():
    graphs = {
        "complete": topology.complete(8),
        "hypercube": topology.hypercube(3),
        "ring": topology.ring(8),
        "path": topology.path(8),
    }
    steps = np.geomspace(0.005, 1.5, 200)
    for name, graph in graphs.items():
        W = topology.metropolis(graph)
        factors = [contraction(iteration_matrix(W, curvature[:, 0], s)) for s in steps]
        gap, best = topology.spectral_gap(W), int(np.argmin(factors))
        needed = np.log(1e-6) / np.log(factors[best])
        print(f"{name:9} gap {gap:.2f}, best step {steps[best]:.1g}, {needed:.0f} rounds")

# %% [markdown]
# ## 5. When to use it (8 points)
#
# Run the two cells below as they are, change steps and graphs, and then write. **When would you take gradient tracking,
# when EXTRA, and when neither?** Count bytes as well as rounds, say what each of them needs of the network, and name a
# case in which each of them fails. About twelve lines.

# %%
ring = topology.ring(8)
networks = {
    "ring": topology.metropolis(ring),
    "ring, half of the links down": topology.failing_links(ring, 0.5),
    "one random link a round": topology.random_pairs(ring),
}
for name, mixing in networks.items():
    for method in (extra, gradient_tracking):
        history = run(method(cluster, 0.1, mixing), 1000, record_every=10, quiet=True)
        reached = history.first("gradient_norm", 1e-6, "bytes")
        kilobytes = f"{reached / 1e3:6.0f} kB" if reached < np.inf else "    never"
        print(f"{name:30} {history.name:18} {kilobytes}")

# %%
noisy = problems.Quadratic(curvature[:, :, None] * np.eye(3), minimisers, noise=1.0)
batches = SimulatedCluster(noisy, batch_size=1, replicates=200)
for method in (extra, gradient_tracking):
    W = topology.metropolis(ring)
    models = run(method(batches, 0.1, W), 300, record_every=300).model
    error = ((models - problem.optimum()) ** 2).sum(-1).mean() ** 0.5
    print(f"{method.__name__:18} with gradient noise: {error:.1f} from x*")

# %% [markdown] essay="gradient_tracking-when" points=8
# ### BEGIN SOLUTION
# Both reach $x^*$ linearly at a constant step where data differ, each through an invariant: EXTRA's corrections have
# mean zero, the trackers' mean is the mean gradient. **EXTRA** on a fixed symmetric graph: one message a round, half of
# tracking's bytes, and it stands longer steps (on the ring it needs several times fewer rounds when both are tuned, as
# the trackers' own averaging bounds tracking's step by the gap). Its proof needs one fixed symmetric $W$: with one
# random link a round it diverges. **Tracking** when the graph changes, or is directed in push-sum form: it converges
# there, for small enough steps; too long a step makes it diverge, on sparse graphs first. **Neither** with noisy
# gradients at a constant step: both end at a floor set by the noise, which no correction removes, and DSGD with
# shrinking steps does as well for fewer bytes; nor when workers hold alike data, since then there is no bias to
# remove; nor where an all-reduce is cheap.
#
# *Rubric (8):* 2 what each needs of $W$; 2 bytes a round counted (one against two messages); 2 a case of failure of
# each, seen or cited; 2 noise: exactness does not lower the floor.
# ### END SOLUTION
