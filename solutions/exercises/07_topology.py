# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # Exercise 7: the gap of a graph
#
# Lecture 6 measured spectral gaps; here you find them. For nine well-known mixing matrices the gap $1-\rho$,
# $\rho=\max(|\lambda_2|,|\lambda_m|)$, has a closed form, and one way of thinking gives nearly all of them: *waves*.
# You write the formulas, hold them against eigenvalues, turn them into a bill, and prove one of them. It goes with
# [lecture 6](../notebooks/06_decentralized.ipynb).
#
# | task | points | time | difficulty |
# |---|---|---|---|
# | 1. Three rings | 4 | 30 minutes | medium |
# | 2. Path, star, complete graph | 3 | 25 minutes | medium |
# | 3. Torus, hypercube, exponential graph | 4 | 30 minutes | medium |
# | 4. The bill | 3 | 15 minutes | easy |
# | 5. Prove it | 10 | 60 minutes | graded by hand |
#
# Checks compare to ten digits: a good approximation is not enough.

# %%
import numpy as np

from course_lib import plots, topology
from course_lib.grading import attempt, check

# %% [markdown]
# ## 1. Three rings (4 points)
#
# On a ring, $W$ is **circulant**: worker $i$ takes the weight $a$ of its own and $b$ of either neighbour. Apply it to
# the wave $v_j=e^{2\pi\mathrm ijk/m}$: out comes the same wave, times a number. There are $m$ waves, so you have all
# eigenvalues. The names stand for
#
# - `"ring"`: weights ⅓, ⅓, ⅓ (Metropolis);
# - `"lazy ring"`: ½ of its own, ¼ of either neighbour;
# - `"half ring"`: nothing of its own, ½ of either neighbour. Even and odd $m$ differ!

# %% answer="topology-rings"
def ring_gap(name, m):
    """Spectral gap of "ring", "lazy ring" or "half ring" with m >= 3 workers."""
    ### BEGIN SOLUTION
    if name == "ring":
        return 2 / 3 * (1 - np.cos(2 * np.pi / m))
    if name == "lazy ring":
        return 1 / 2 * (1 - np.cos(2 * np.pi / m))
    return 0.0 if m % 2 == 0 else 1 - np.cos(np.pi / m)
    ### END SOLUTION


# %% check="topology-rings"
check("topology-rings", ring_gap)

# %% [markdown]
# Hold your formulas against the eigenvalues of a matrix, before you trust them.

# %%
def circulant(own, neighbour, m):
    """Mixing matrix of a ring."""
    shift = np.roll(np.eye(m), 1, axis=0)
    return own * np.eye(m) + neighbour * (shift + shift.T)


with attempt():
    for m in (5, 8, 33):
        for name, own in (("ring", 1 / 3), ("lazy ring", 1 / 2), ("half ring", 0)):
            gap = topology.spectral_gap(circulant(own, (1 - own) / 2, m))
            same = abs(ring_gap(name, m) - gap) < 1e-10
            print(f"m = {m:2}, {name:9}: equal to 1e-10: {same}")

# %% [markdown]
# ## 2. Path, star, complete graph (3 points)
#
# With Metropolis weights, $W_{ij}=\frac1{1+\max(\deg_i,\deg_j)}$, and $m\ge3$. Hints for thinking: fold a ring of $2m$
# workers in two, and you see a path. For the star, guess the eigenvectors: two leaves against each other; the centre
# against all leaves.

# %% answer="topology-trees"
def tree_gap(name, m):
    """Spectral gap of "path", "star" or "complete" with m >= 3 workers."""
    ### BEGIN SOLUTION
    if name == "path":
        return 2 / 3 * (1 - np.cos(np.pi / m))
    return 1 / m if name == "star" else 1.0
    ### END SOLUTION


# %% check="topology-trees"
check("topology-trees", tree_gap)

# %% [markdown]
# ## 3. Torus, hypercube, exponential graph (4 points)
#
# Waves multiply: on a product of graphs, eigenvectors are products and the cosines add up.
#
# - `"torus"`: a square of $m=n^2$ workers, wrapped around; five weights of ⅕;
# - `"hypercube"`: $m=2^q$ workers, neighbours differ in one bit; $q+1$ weights of $\frac1{q+1}$;
# - `"exponential"`: worker $i$ hears $i-1,i-2,i-4,\dots$ modulo $m$, all hops below $m$, and itself, with equal weights;
#   $m$ even. ($W$ is not symmetric, but circulant: $\rho$ is the largest $|\lambda|$ other than the first.)

# %% answer="topology-products"
def product_gap(name, m):
    """Spectral gap of "torus", "hypercube" or "exponential" with m workers."""
    ### BEGIN SOLUTION
    if name == "torus":
        return 2 / 5 * (1 - np.cos(2 * np.pi / np.sqrt(m)))
    if name == "hypercube":
        return 2 / (np.log2(m) + 1)
    return 2 / (1 + np.ceil(np.log2(m)))
    ### END SOLUTION


# %% check="topology-products"
check("topology-products", product_gap)

# %% [markdown]
# Five of them in one picture: yours as lines, eigenvalues as dots. The slopes are the answer to the question which
# graphs *scale*.

# %%
with attempt():
    fig, ax = plots.figure(width=5.0)
    made = {
        "ring": lambda m: topology.metropolis(topology.ring(m)),
        "path": lambda m: topology.metropolis(topology.path(m)),
        "star": lambda m: topology.metropolis(topology.star(m)),
        "torus": lambda m: topology.metropolis(topology.torus(*[round(m**0.5)] * 2)),
        "hypercube": lambda m: topology.metropolis(topology.hypercube(round(np.log2(m)))),
    }
    yours = {"ring": ring_gap, "path": tree_gap, "star": tree_gap}
    for k, (name, make) in enumerate(made.items()):
        formula, sizes = yours.get(name, product_gap), np.array([16, 64, 256])
        ax.loglog(sizes, [formula(name, m) for m in sizes], **plots.series(k, name))
        measured = [topology.spectral_gap(make(m)) for m in sizes]
        ax.loglog(sizes, measured, "o", color=plots.COLORS[k])
    ax.set(xlabel="workers", ylabel="spectral gap", xticks=sizes, xticklabels=sizes)
    ax.minorticks_off()
    plots.label_ends(ax)
    display(fig)

# %% [markdown]
# ## 4. The bill (3 points)
#
# Disagreement shrinks by $\rho$ a round at worst. How many *messages* guarantee that a share `share` of it is left, at
# most, on a graph with so many undirected edges? In a round, both ends of every edge send.

# %% answer="topology-messages"
def messages_needed(gap, edges, share):
    """Messages of all workers together until the disagreement is at most `share` of the first."""
    ### BEGIN SOLUTION
    rounds = np.ceil(np.log(share) / np.log(1 - gap))
    return 2 * edges * rounds
    ### END SOLUTION


# %% check="topology-messages"
check("topology-messages", messages_needed)

# %% [markdown]
# For 256 workers and a millionth, cheapest last. Compare with $m\log_2m=2048$ messages of the one-peer exponential
# graph, after which the mean is *exact*.

# %%
with attempt():
    edges = {"ring": 256, "star": 255, "torus": 512, "hypercube": 1024}
    formulas = {"ring": ring_gap, "star": tree_gap}
    for name, count in edges.items():
        gap = formulas.get(name, product_gap)(name, 256)
        print(f"{name:10} {messages_needed(gap, count, 1e-6):9,.0f} messages")

# %% [markdown]
# ## 5. Prove it (10 points)
#
# **Prove the closed form for the ring with weights ⅓, and for the half ring with even and odd $m$.** Say what the
# eigenvalues are and why there are no others, which one decides, and why the half ring with an even number of workers
# never mixes although $\lambda_2<1$. Then say in two sentences which graphs of this exercise you would build for a
# thousand workers, and why. About fifteen lines.

# %% [markdown] essay="topology-proof" points=10
# ### BEGIN SOLUTION
# Let $(Wv)_j=av_j+b(v_{j-1}+v_{j+1})$, indices modulo $m$, $a+2b=1$. For $v_j=\omega^{jk}$, $\omega=e^{2\pi\mathrm i/m}$,
# $(Wv)_j=(a+b(\omega^{-k}+\omega^k))\,v_j=\big(a+2b\cos\tfrac{2\pi k}m\big)v_j$, so
# $\mu_k=a+2b\cos\frac{2\pi k}m$, $k=0,\dots,m-1$. The $m$ waves are orthogonal, hence a basis: there are no other
# eigenvalues. $k=0$ is the mean, $\mu_0=1$. $W$ is symmetric, so $\rho=\max_{k\ne0}|\mu_k|$.
#
# *Weights ⅓.* $\mu_k=\frac13+\frac23\cos\frac{2\pi k}m\ge-\frac13$, and the largest, $k=1$, is at least $-\frac13$ with
# equality never for $m\ge4$; $\mu_1=\frac13+\frac23\cos\frac{2\pi}m\ge\frac13$ for $m\ge4$, so $\rho=\mu_1$. For $m=3$ all
# $\mu_k=0$, $k\ne0$, and the formula gives 1 as it should. Hence $1-\rho=\frac23(1-\cos\frac{2\pi}m)$.
#
# *Half ring.* $\mu_k=\cos\frac{2\pi k}m$. Even $m$: $k=m/2$ gives $-1$, so $\rho=1$ and the gap is 0: the vector
# $+1,-1,+1,\dots$ changes sign in each round and never shrinks, while $\lambda_2=\cos\frac{2\pi}m<1$ says nothing of it.
# Odd $m$: the cosine nearest to $-1$ is at $k=\frac{m\pm1}2$, $\cos(\pi\pm\frac\pi m)=-\cos\frac\pi m$, larger in modulus
# than $\cos\frac{2\pi}m$, so $1-\rho=1-\cos\frac\pi m$.
#
# For a thousand workers ring and path need of the order of $m^2$ rounds and the star $m$, with a centre that has to
# hear all: none of these. The exponential graph or hypercube has a gap of order $1/\log m$ at $\log_2m$ messages a
# worker, and its one-peer version, for $m=1024$, the exact mean in ten rounds of one message.
#
# *Rubric (10):* 3 eigenvalues by waves, and why they are all; 3 both signs considered in each of the three cases; 2 the
# vector that never shrinks, named; 2 a choice that rests on how the gap scales and on messages. At most 5 if $\lambda_2$
# alone is taken for $\rho$.
# ### END SOLUTION
