# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # Exercise 5: adaptive communication
#
# How often should workers talk? You derive the best fixed number of local steps, write the rule of AdaComm, and then
# design a schedule that beats every fixed one. It goes with [lecture 5](../notebooks/05_local.ipynb).
#
# | task | points | time | difficulty |
# |---|---|---|---|
# | 1. The best fixed K | 4 | 20 minutes | easy |
# | 2. AdaComm's rule | 3 | 20 minutes | medium |
# | 3. A schedule of your own | 5 | 45 minutes | open |
# | 4. Explain | 10 | 45 minutes | graded by hand |

# %%
import numpy as np

from course_lib.grading import attempt, check

# %% [markdown]
# ## 1. The best fixed K (4 points)
#
# Within $T$ seconds (`budget`), a local step taking $Y$ and a message $C$, Wang and Joshi (2019) bound the mean squared
# gradient by
#
# $$\frac{2\Delta}{\eta T}\Big(Y+\frac CK\Big)+\frac{\eta L\sigma^2}m+\eta^2L^2\sigma^2(K-1).$$
#
# Which real $K\ge1$ makes it smallest? ($\Delta$ is `gap`, $C$ is `message`.)

# %% answer="adaptive-best"
def best_local_steps(gap, message, step_size, L, sigma2, budget):
    """The best number of local steps, a float from 1 on."""
    ### BEGIN SOLUTION
    best = np.sqrt(2 * gap * message / (step_size**3 * L**2 * sigma2 * budget))
    return max(1.0, float(best))
    ### END SOLUTION


# %% check="adaptive-best"
check("adaptive-best", best_local_steps)

# %% [markdown]
# Look at how it moves: the same problem with a growing budget. What does that say about a run that is under way?

# %%
with attempt():
    for budget in (10, 100, 1000, 10_000):
        K = best_local_steps(3.0, 20.0, 0.1, 1.0, 1.0, budget)
        print(f"budget {budget:6}: K = {K:.1f}")

# %% [markdown]
# ## 2. AdaComm's rule (3 points)
#
# At each review the workers know the loss $F$ now and $F_0$ at the start. The rule: take
# $\lceil\sqrt{F/F_0}\,K_0\rceil$ local steps from now on, if that is *less* than the $K$ of now; else halve $K$, rounded
# down. Never go below 1.

# %% answer="adaptive-rule"
def next_local_steps(F, F_0, K_0, K):
    """The number of local steps after a review, an int from 1 on."""
    ### BEGIN SOLUTION
    wanted = int(np.ceil(np.sqrt(F / F_0) * K_0))
    return max(1, wanted if wanted < K else K // 2)
    ### END SOLUTION


# %% check="adaptive-rule"
check("adaptive-rule", next_local_steps)

# %% [markdown]
# ## 3. A schedule of your own (5 points)
#
# Six clients, different quadratics, exact gradients, step 0.1. A round of $K$ local steps costs $K+20$ units of time.
# At the beginning of each round your function is told the time, the loss now, the loss at the start, and the $K$ of
# the round before (`None` in the first): nothing of the future, and not the smallest possible loss.
#
# Your schedule must, at time 1500 **and** at time 6000, have *half* the gap of the best of the fixed
# $K\in\{1,4,16,64\}$ at that time, or less. By how much you beat that does not matter; on instances that you have not
# seen it must hold as well. As any good schedule counts, yours must be written in plain
# NumPy: numbers, `np.` functions, helpers of the same kind; no other library, no files, no classes, nothing that is kept
# from one call to the next. Here is the simulator.

# %%
from course_lib.cards import source
from course_lib.grading.questions.adaptive import clients, simulate

source(simulate)

# %% answer="adaptive-schedule"
def schedule(time, loss, first_loss, K):
    """The number of local steps of the round that begins now, an int from 1 on."""
    ### BEGIN SOLUTION
    return max(1, 64 >> int(time // 200))
    ### END SOLUTION


# %% check="adaptive-schedule"
check("adaptive-schedule", schedule)

# %%
A, b = clients(np.random.default_rng(0))
for K in (1, 4, 16, 64):
    early, late = simulate(lambda *told, K=K: K, A, b)
    print(f"K = {K:2}    gap at 1500: {early:.1e}, at 6000: {late:.1e}")
with attempt():
    early, late = simulate(schedule, A, b)
    print(f"yours     gap at 1500: {early:.1e}, at 6000: {late:.1e}")

# %% [markdown]
# ## 4. Explain (10 points)
#
# 1. Why does no fixed $K$ win at both deadlines? Say it with two numbers from your table. (3)
# 2. Your schedule may look at the past only. Which theorem would fail if it looked at the mini-batch that is about to be
#    drawn? (3)
# 3. How would you adapt to a network whose latency changes during the run? Name what you measure and what you change.
#    (4)

# %% [markdown] essay="adaptive-explain" points=10
# ### BEGIN SOLUTION
# **1.** At time 1500 rounds are scarce: $K=1$ has taken 71 steps, and its gap is two orders above that of $K=4$. At time
# 6000 there were rounds enough, and $K=16$ and $K=64$ still stand where they stood at 1500: the fixed point's bias
# $\eta(K-1)/2\cdots$ does not shrink with time. The best $K$ falls as the gap shrinks, so a schedule must fall as well.
#
# **2.** Unbiasedness: $\mathbb E[g_t\mid\text{past}]=\nabla f(x_t)$ needs $K_t$ and $\eta_t$ to be functions of the past. A
# rule that sees the coming mini-batch may stop exactly when its noise is favourable; then the gradients that are taken
# are a biased sample, and every bound that drops the cross term $\langle\nabla f,\xi\rangle$ is void.
#
# **3.** Measure $C$ (the time of the last few messages, a running median) and $Y$ (the time of a local step); keep the
# estimate of the loss. Set $K\propto\sqrt{C}$ as in task 1, times the factor of AdaComm, and never above the last $K$
# times two, so that one slow message does not start a long drift. All workers must take the same $K$, so the server
# decides and sends it along with the model. Report time and bytes, not rounds.
#
# *Rubric (10):* 1: 1 slow at first, 1 bias in the end, 1 numbers. 2: 2 unbiasedness or non-anticipation, 1 where it is
# used. 3: 2 what is measured, 1 what is changed and by which rule, 1 a safeguard.
# ### END SOLUTION
