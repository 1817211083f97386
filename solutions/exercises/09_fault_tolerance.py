# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # Exercise 9: fault-tolerant SGD
#
# Lecture 7 showed what slow and dead machines cost. Here you build the cures yourself: a gradient code with which no
# straggler can hold up a round, checkpoints that survive a machine which dies while it writes, a run that goes on bit
# for bit, and the interval at which to save. Then you hold all of it against the formulas.
# It goes with [lecture 7](../notebooks/07_faults.ipynb).
#
# | task | points | time | difficulty |
# |---|---|---|---|
# | 1. A gradient code | 4 | 30 minutes | medium |
# | 2. A coded round | 4 | 25 minutes | medium |
# | 3. The newest checkpoint that is whole | 3 | 20 minutes | easy |
# | 4. The run that was killed | 5 | 40 minutes | hard |
# | 5. How often to save | 3 | 25 minutes | medium |
# | 6. What would you buy? | 6 | 30 minutes | graded by hand |

# %%
import zlib
from itertools import combinations

import numpy as np
from scipy.special import lambertw

from course_lib import bounds, plots, problems
from course_lib.clusters import (
    Exponential,
    Link,
    Pareto,
    ShiftedExponential,
    SimulatedCluster,
    slow_worker,
)
from course_lib.experiment import run
from course_lib.grading import attempt, check
from course_lib.methods import backup_sgd

# %% [markdown]
# ## 1. A gradient code (4 points)
#
# The data are cut into $m$ shares, $g_j$ is the gradient of share $j$, and worker $i$ holds the shares
# $i,i+1,\dots,i+s$, counted round. It sends one vector, $\sum_jB_{ij}g_j$, with $B_{ii}=1$. You are given a matrix $H$ of
# shape $(s,m)$, random but for $H\mathbf1=0$. Choose the other entries of $B$ such that $HB^\top=0$: then the rows of $B$
# and the vector of ones lie in one space of dimension $m-s$, which any $m-s$ of the rows span.

# %% answer="fault_tolerance-code"
def cyclic_code(H):
    """The matrix B (m, m) of the cyclic code, from H (s, m)."""
    ### BEGIN SOLUTION
    s, m = H.shape
    B = np.eye(m)
    for i in range(m):
        others = (i + np.arange(1, s + 1)) % m
        B[i, others] = np.linalg.solve(H[:, others], -H[:, i])
    return B
    ### END SOLUTION


# %% check="fault_tolerance-code"
check("fault_tolerance-code", cyclic_code)

# %% [markdown]
# The claim is about **every** pattern of stragglers, so try every one: the largest error of a decoding, with the load.

# %%
def null_matrix(m, s, seed=0):
    H = np.random.default_rng(seed).normal(size=(s, m))
    return H - H.mean(axis=1, keepdims=True)


with attempt():
    for m, s in ((12, 2), (7, 3), (12, 3)):
        B, worst = cyclic_code(null_matrix(m, s)), 0.0
        for late in combinations(range(m), s):
            rows = np.delete(B, late, axis=0)
            weights = np.linalg.lstsq(rows.T, np.ones(m), rcond=None)[0]
            worst = max(worst, abs(weights @ rows - 1).max())
        load = (B != 0).sum(axis=1).max()
        print(f"m = {m}, s = {s}: load {load}, every pattern to 1e-8: {worst < 1e-8}")

# %% [markdown]
# ## 2. A coded round (4 points)
#
# A worker needs `seconds[i]` for one share, and it holds `load` of them. Return the sum of all shares' gradients, from the
# first messages that suffice, and when the last of these is there.

# %% answer="fault_tolerance-round"
def coded_round(B, load, gradients, seconds):
    """Sum of the m gradients (m, d), shape (d,), and the seconds of the round."""
    ### BEGIN SOLUTION
    m = len(B)
    first = np.argsort(seconds)[: m - load + 1]
    weights = np.linalg.lstsq(B[first].T, np.ones(m), rcond=None)[0]
    return weights @ (B @ gradients)[first], load * seconds[first].max()
    ### END SOLUTION


# %% check="fault_tolerance-round"
check("fault_tolerance-round", coded_round)

# %% [markdown]
# When does it pay? Twelve machines of four kinds; seconds a round without a code, with the first eleven or ten
# (backup workers, which drop data), and with your code for one or two stragglers.

# %%
kinds = {
    "memoryless": Exponential(1.0),
    "shifted": ShiftedExponential(0.8, 0.2),
    "heavy tail": Pareto(0.25, 4 / 3),
    "one is 5 times as slow": slow_worker(12, 5, base=ShiftedExponential(0.8, 0.2)),
}
with attempt():
    columns = ("all 12", "first 11", "code 1", "first 10", "code 2")
    print(f"{'':24}" + "".join(f"{column:>10}" for column in columns))
    for name, kind in kinds.items():
        rng, line = np.random.default_rng(0), []
        draws = np.array([kind.sample(rng, np.arange(12)) for _ in range(1000)])
        line.append(np.mean([coded_round(np.eye(12), 1, draws[:1].T, t)[1] for t in draws]))
        for s in (1, 2):
            B = cyclic_code(null_matrix(12, s))
            line.append(np.sort(draws)[:, 11 - s].mean())
            rounds = [coded_round(B, s + 1, draws[:1].T, t)[1] for t in draws]
            line.append(np.mean(rounds))
        print(f"{name:24}" + "".join(f"{seconds:10.1f}" for seconds in line))

# %% [markdown]
# And the backup workers against $H_m-H_b$: the two must agree within 3 per cent.

# %%
toy = problems.Quadratic(np.ones((12, 1, 1)), np.zeros((12, 1)))
instant = Link(latency=0, bandwidth=np.inf)
for backups in (0, 1, 2, 6):
    cluster = SimulatedCluster(toy, compute=Exponential(1.0), link=instant)
    seconds = run(backup_sgd(cluster, 0.1, backups), 4000, 4000).seconds[-1] / 4000
    formula = bounds.kth_exponential(12 - backups, 12)
    print(f"{backups} backups: within 3 %: {abs(seconds / formula - 1) < 0.03}")

# %% [markdown]
# ## 3. The newest checkpoint that is whole (3 points)
#
# A machine died while it wrote. `files` holds the contents of the checkpoints on its disk, the oldest first: four bytes of
# checksum, `zlib.crc32` of all that follows, lowest byte first; then the numbers of the state, eight bytes each. Return
# the state, an array, of the newest file that is whole; `None` if there is none. A file may be torn at *any* byte.

# %% answer="fault_tolerance-latest"
def latest(files):
    """State of the newest whole checkpoint: array of floats, or None."""
    ### BEGIN SOLUTION
    for file in reversed(files):
        checksum = int.from_bytes(file[:4], "little")
        if len(file) >= 4 and zlib.crc32(file[4:]) == checksum:
            return np.frombuffer(file[4:])
    return None
    ### END SOLUTION


# %% check="fault_tolerance-latest"
check("fault_tolerance-latest", latest)

# %%
with attempt():
    content = np.arange(3.0).tobytes()
    old = zlib.crc32(content).to_bytes(4, "little") + content
    content = np.arange(1.0, 30.0).tobytes()
    new = zlib.crc32(content).to_bytes(4, "little") + content
    fooled = [n for n in range(len(new)) if not np.array_equal(latest([old, new[:n]]), [0, 1, 2])]
    print(f"torn at {len(new)} places, fooled {len(fooled)} times")

# %% [markdown]
# ## 4. The run that was killed (5 points)
#
# SGD with momentum and error feedback on $\frac12(a_i^\top x-b_i)^2$, one row $i$ at a time, from $x_0=v_0=e_0=0$ and
# $t=0$, with the stream `np.random.default_rng(7)` and $n$ rows in all:
#
# $$i\sim\text{rng.integers}(n),\quad v\leftarrow\beta v+(a_i^\top x-b_i)\,a_i,\quad p=e+\tfrac{\eta}{1+t/10}v,\quad x\leftarrow x-\mathrm{top}_k(p),\quad e\leftarrow p-\mathrm{top}_k(p).$$
#
# Return the model and a **state** of your own making (anything that `pickle` takes). Given back as `state`, the run must
# go on as if nothing had happened, bit for bit, even in another process, where none of your variables are left.

# %% answer="fault_tolerance-resume"
def train(A, b, step_size, momentum, k, rounds, state=None):
    """The model (d,) after so many more rounds, and all that it takes to go on."""
    ### BEGIN SOLUTION
    fresh = np.random.default_rng(7).bit_generator.state
    x, v, e, t, stream = state or (np.zeros(A.shape[1]), 0.0, 0.0, 0, fresh)
    rng = np.random.default_rng()
    rng.bit_generator.state = stream
    for _ in range(rounds):
        i = rng.integers(len(A))
        v = momentum * v + (A[i] @ x - b[i]) * A[i]
        p = e + step_size / (1 + t / 10) * v
        kept = np.argsort(-abs(p))[:k]
        sent = np.zeros_like(p)
        sent[kept] = p[kept]
        x, e, t = x - sent, p - sent, t + 1
    return x, (x, v, e, t, rng.bit_generator.state)
    ### END SOLUTION


# %% check="fault_tolerance-resume"
check("fault_tolerance-resume", train)

# %%
with attempt():
    rng = np.random.default_rng(1)
    A, b = rng.normal(size=(50, 6)), rng.normal(size=50)
    whole = train(A, b, 0.02, 0.5, 2, 60)[0]
    different = 0
    for killed in range(1, 60):
        state = train(A, b, 0.02, 0.5, 2, killed)[1]
        rest = train(A, b, 0.02, 0.5, 2, 60 - killed, state)[0]
        different += rest.tobytes() != whole.tobytes()
    print(f"killed at 59 steps, another result {different} times")

# %% [markdown]
# ## 5. How often to save (3 points)
#
# Saving takes $\delta$ after every $\tau$ of work, the job fails every $M$ on average, a restart takes $R$, and its
# wall time over its useful time is $M e^{R/M}(e^{(\tau+\delta)/M}-1)/\tau$. Find the exact best $\tau$, by calculus:
# with $u=\tau/M$ the derivative leads to an equation for $u$ that Lambert's function solves, $W(y)\,e^{W(y)}=y$, or
# bisection.

# %% answer="fault_tolerance-interval"
def best_interval(save, between_failures):
    """The interval tau of least wall time, in the units of its arguments."""
    ### BEGIN SOLUTION
    M = between_failures
    return M * (1 + lambertw(-np.exp(-1 - save / M)).real)
    ### END SOLUTION


# %% check="fault_tolerance-interval"
check("fault_tolerance-interval", best_interval)

# %% [markdown]
# Hold the formula against a job that really fails, and your interval against its neighbours.

# %%
def job(interval, save, M, restart, segments=20_000, seed=0):
    """Wall time over useful time of a job: each segment is repeated until it is done and saved."""
    rng, wall = np.random.default_rng(seed), 0.0
    for _ in range(segments):
        needed = interval + save
        while (life := rng.exponential(M)) < needed:
            wall, needed = wall + life, restart + interval + save
        wall += needed
    return wall / (segments * interval)


with attempt():
    best = best_interval(5, 60)
    fig, ax = plots.figure()
    tau = np.geomspace(4, 120, 100)
    ax.plot(tau, bounds.checkpoint_overhead(tau, 5, 60, 2), label="formula", **plots.THEORY)
    measured = [job(t, 5, 60, 2) for t in (5, 10, best, 40, 80)]
    dots = plots.series(0, "measured") | {"linestyle": "", "marker": "o"}
    ax.plot([5, 10, best, 40, 80], measured, **dots)
    ax.set(xlabel="seconds of work between checkpoints", ylabel="wall / useful", xscale="log")
    ax.legend()
    display(fig)
    formula = bounds.checkpoint_overhead(np.array([5, 10, best, 40, 80]), 5, 60, 2)
    print("within 3 %:", bool((abs(measured / formula - 1) < 0.03).all()))

# %% [markdown]
# ## 6. What would you buy? (6 points)
#
# You train on 200 machines for two weeks. A machine fails once in two years; a checkpoint takes four minutes, a restart
# ten. One machine in fifty is at times five times as slow as the others, nobody knows which and when. The data are
# shuffled and every machine could hold two or three shares of them. **Which protections do you buy, and what do they
# cost?** Use the cell below for numbers. Say for each cure how much it saves and what it costs, which you leave out and
# why, and what would change your mind. About twelve lines.

# %%
minutes = 2 * 365 * 24 * 60 / 200
for name, tau in (("Young", bounds.young_interval(4, minutes)), ("every 10 min", 10)):
    share = bounds.checkpoint_overhead(tau, 4, minutes, 10) - 1
    print(f"{name:13} every {tau:.0f} min: {share:.0%} of two weeks, {14 * 24 * share:.0f} h")
rng = np.random.default_rng(0)
draws = np.where(rng.random((2000, 200)) < 0.02, 5.0, 1.0)
for backups in (0, 2, 5, 10):
    seconds = np.sort(draws)[:, 199 - backups].mean()
    print(f"{backups:2} backups: {seconds:.1f} times a plain round, {backups / 200:.1%} fewer samples")

# %% [markdown] essay="fault_tolerance-buy" points=6
# ### BEGIN SOLUTION
# **Checkpoints, certainly.** The job fails every $2\cdot365\cdot24/200\approx88$ h, so about four times in two weeks;
# without them it would hardly ever be done in one piece ($e^{336/88}\approx46$ attempts). Young's interval is about 200
# minutes and costs some 4 per cent, half a day; saving every ten minutes costs 40 per cent, more than all failures
# together. The whole state must be saved, atomically, and the last two kept. **Backup workers, yes:** with 200 machines
# a round has a straggler almost surely ($1-0.98^{200}\approx98$ per cent), so it takes five times as long. Four are
# slow on average; ten backups make that rare, for 5 per cent of the samples. Since data are shuffled nobody's data are
# lost for good. **Not gradient coding:** it would need $s\approx10$, eleven times the work, and as many shares on each
# machine, to save a factor of five; it pays for few stragglers that are far slower. Speculation would do, too, at the
# cost of a second copy of the data, and finishes a round after about two plain ones; backups need one. **I would change
# my mind** if data were local (then backup workers are biased: speculation), if slow machines were always the same
# (replace them), or if failures came in racks ($M$ is then not a machine's divided by 200).
#
# *Rubric (6):* 2 checkpoint interval with $M$ of the whole job, in hours or minutes; 2 backups with a number of them that
# covers the usual count of slow machines, and the price in samples; 2 a reasoned refusal, and a condition that would
# change it.
# ### END SOLUTION
