# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # Exercise 1: parameter server and all-reduce
#
# In every round of synchronous training m workers must come to hold the sum of their m gradients. You will write the
# messages of three ways to do it, have them counted, and find out when which one is worth its bill. It goes with
# [lecture 1](../notebooks/01_setting.ipynb).
#
# | task | points | time | difficulty |
# |---|---|---|---|
# | 1. A parameter server | 4 | 20 minutes | easy |
# | 2. A ring | 6 | 40 minutes | medium |
# | 3. Halving and doubling | 7 | 50 minutes | hard |
# | 4. Where the ring wins | 3 | 15 minutes | easy |
# | 5. In your own words | 4 | 15 minutes | graded by hand |
#
# Each task has a cell for your answer and a check below it. The check draws fresh inputs, says what differs, and helps
# a little more at each new attempt. It promises nothing on the grade: that is decided by your functions alone, on other
# inputs, and by what they compute and send. Answers may use what the next cell imports, and each other; the library's
# own all-reduce algorithms are out of reach while you are graded.

# %%
import numpy as np

from course_lib import costs
from course_lib.grading import attempt, check
from course_lib.network import Network

# %% [markdown]
# ## The network
#
# A `Network` of m workers delivers messages and counts them. Every worker has one port: in one round it can send one
# message and, at the same time, receive one. `network.send(i, j, array)` posts a message from worker i to worker j;
# `network.deliver()` ends the round and returns what arrived, as `{j: array}`. Here is one round in which three workers
# pass their number to the right:

# %%
network = Network(3)
for i in range(3):
    network.send(i, (i + 1) % 3, np.array([10.0 * i]))
print(network.deliver())
print(f"{network.rounds} round, {network.words} word on the critical path,", end=" ")
print(f"each worker sent {network.sent}")

# %% [markdown]
# A word is one number. A message of n words takes $\alpha + \beta n$ seconds: $\alpha$ is the latency, $\beta$ the
# seconds a word takes. A round lasts as long as its largest message, so an algorithm costs
#
# $$\alpha \cdot \text{rounds} + \beta \cdot \text{words on the critical path},$$
#
# and these are the two numbers that `network.rounds` and `network.words` count.
#
# **Three rules hold in all tasks.** Your function gets a network and the array `vectors`, of shape (m, d): row i is the
# memory of worker i. It returns an array of the same shape: row i is the sum, *as worker i holds it*, and all rows are
# equal bit for bit. And worker i may use `vectors[i]` and what the network delivered to it, nothing else: to look into
# another worker's row is to have a shared memory, and then there would be no problem to solve. The check sees it when
# you do: it runs your function a second time on a network whose messages arrive empty. Counting messages is not enough
# for it either: it also weighs what each worker receives. So keep to the workers and chunks that the tasks name.

# %% [markdown]
# ## 1. A parameter server (4 points)
#
# The simplest plan: worker 0 is the server. In the *push* phase all others send it their vectors; it adds them to its
# own. In the *pull* phase it sends the sum to each of them. Its single port takes one message a round, so each phase
# lasts m − 1 rounds, and every one of them carries d words: $2(m-1)$ rounds and $2(m-1)d$ words on the critical path.
# The m − 1 others are idle nearly all of the time.

# %% answer="all_reduce-server"
def server_all_reduce(network, vectors):
    """Sum of the rows of `vectors` (m, d), through a server on worker 0; shape (m, d)."""
    ### BEGIN SOLUTION
    result = vectors.copy()
    for i in range(1, network.m):
        network.send(i, 0, vectors[i])
        result[0] += network.deliver()[0]
    for i in range(1, network.m):
        network.send(0, i, result[0])
        result[i] = network.deliver()[i]
    return result
    ### END SOLUTION


# %% check="all_reduce-server"
check("all_reduce-server", server_all_reduce)

# %% [markdown]
# In the picture time runs to the right, one row is one worker, and an arrow is a message. Its thickness says how many
# words it carries. All arrows touch worker 0: that is the bottleneck, and more workers make it worse.

# %% [markdown]
# ## 2. A ring (6 points)
#
# A better plan keeps every port busy in every round. Cut each vector into m chunks (`np.array_split(vector, m)` does it
# for any d, and its pieces are *views*: writing into a chunk writes into the vector). Then let the chunks travel around
# a ring, each worker sending to its right neighbour alone.
#
# - **Reduce-scatter**, m − 1 rounds. In round r worker i sends chunk i − r to worker i + 1, which *adds* it to its own.
#   A chunk's sum grows by one worker a round; after the last one worker i holds the finished sum of chunk i + 1.
# - **All-gather**, m − 1 rounds. The finished chunks make the same journey once more: in round r worker i sends chunk
#   i + 1 − r, and the receiver *overwrites* its own.
#
# All indices are modulo m. **Predict, before you write:** how many words does each worker send? Does the number grow
# with m?

# %% answer="all_reduce-ring"
def ring_all_reduce(network, vectors):
    """Sum of the rows of `vectors` (m, d), in a ring; m >= 2, d >= m; shape (m, d)."""
    ### BEGIN SOLUTION
    result, m = vectors.copy(), network.m
    chunk = [np.array_split(vector, m) for vector in result]
    for r in range(m - 1):
        for i in range(m):
            network.send(i, (i + 1) % m, chunk[i][(i - r) % m])
        for i, message in network.deliver().items():
            chunk[i][(i - 1 - r) % m] += message
    for r in range(m - 1):
        for i in range(m):
            network.send(i, (i + 1) % m, chunk[i][(i + 1 - r) % m])
        for i, message in network.deliver().items():
            chunk[i][(i - r) % m][:] = message
    return result
    ### END SOLUTION


# %% check="all_reduce-ring"
check("all_reduce-ring", ring_all_reduce)

# %% [markdown]
# If m divides d, every worker sends $2\frac{m-1}{m}d$ words: fewer than 2d however many workers there are. No algorithm
# that adds without compressing can do with less (Patarasuk and Yuan, 2009). The price is patience: the number of rounds
# still grows with m, and each costs a latency.

# %% [markdown]
# ## 3. Halving and doubling (7 points)
#
# Can we have few words *and* few rounds? For m a power of two, yes. Workers i and j are *partners at distance* 1, 2,
# 4, … if their binary numbers differ in that one bit; `i ^ distance` is the partner of i. At first each worker is in
# charge of all d words.
#
# - **Recursive halving**, at distance m/2, m/4, …, 1. Two partners are in charge of the same words. They split them in
#   halves (`np.array_split(words, 2)` again: d need not be even): the one whose bit is 0 keeps the first half, the
#   other the second. Each sends the half that it gives up, and adds what it gets to the half that it keeps. In the
#   end each worker holds the finished sum of about d/m words.
# - **Recursive doubling**, at distance 1, 2, …, m/2, the way back: partners send each other what they have finished.
#
# It helps to remember, for every distance, which words each worker was in charge of.

# %% answer="all_reduce-halving"
def halving_doubling_all_reduce(network, vectors):
    """Sum of the rows of `vectors` (m, d), m a power of two, any d >= m; shape (m, d)."""
    ### BEGIN SOLUTION
    x, m = vectors.copy(), network.m
    distances = [m >> k for k in range(1, m.bit_length())]
    part = {m: [np.arange(x.shape[1])] * m}  # part[distance][i]: the words in i's charge
    for distance in distances:
        halves = [np.array_split(words, 2) for words in part[2 * distance]]
        part[distance] = [halves[i][bool(i & distance)] for i in range(m)]
        for i in range(m):
            network.send(i, i ^ distance, x[i, part[distance][i ^ distance]])
        for i, message in network.deliver().items():
            x[i, part[distance][i]] += message
    for distance in reversed(distances):
        for i in range(m):
            network.send(i, i ^ distance, x[i, part[distance][i]])
        for i, message in network.deliver().items():
            x[i, part[distance][i ^ distance]] = message
    return x
    ### END SOLUTION


# %% check="all_reduce-halving"
check("all_reduce-halving", halving_doubling_all_reduce)

# %% [markdown]
# Here is the bill of all three, counted on your own messages and computed from the closed forms, for 8 workers and 840
# words. The two must be equal: a formula about messages that does not equal a count of messages is wrong.

# %%
yours = {
    "parameter_server": server_all_reduce,
    "ring": ring_all_reduce,
    "halving_doubling": halving_doubling_all_reduce,
}
for name, algorithm in yours.items():
    formula = costs.all_reduce(name, m=8, d=840, latency=0, seconds_per_word=0)
    print(f"{name:16} formula: {formula.rounds:3} rounds {formula.words:6} words", end="")
    print("   counted:", end=" ")
    with attempt():
        network = Network(8)
        algorithm(network, np.ones((8, 840)))
        print(f"{network.rounds:3} rounds {network.words:6} words")

# %% [markdown]
# ## 4. Where the ring wins (3 points)
#
# *Recursive doubling* is the impatient relative of task 3: at each distance the partners swap their whole vectors and
# add. It needs only $\log_2 m$ rounds, but each carries d words. So for short vectors, where latency is everything,
# recursive doubling is faster than the ring, and for long ones the ring is.
#
# Equate the two costs, for m a power of two, m ≥ 4, and give the length at which they cross:

# %% answer="all_reduce-crossover"
def crossover(m, latency, seconds_per_word):
    """Length d in words, not rounded, above which the ring beats recursive doubling."""
    ### BEGIN SOLUTION
    rounds_more = 2 * (m - 1) - np.log2(m)
    words_less = np.log2(m) - 2 * (m - 1) / m
    return latency * rounds_more / (seconds_per_word * words_less)
    ### END SOLUTION


# %% check="all_reduce-crossover"
check("all_reduce-crossover", crossover)

# %% [markdown]
# Below is the comparison for a good network: 10 µs latency, 12.5 GB/s, numbers of 4 bytes, 64 workers. A model of ten
# million parameters is far to the right of the crossing, a message of ten thousand far to the left.

# %%
from course_lib import plots

d = np.logspace(3, 9, 25).astype(int)
fig, ax = plots.figure()
for k, name in enumerate(["recursive_doubling", "ring", "halving_doubling"]):
    seconds = costs.all_reduce(name, 64, d, 1e-5, 4 / 12.5e9).seconds
    ax.loglog(d, seconds, **plots.series(k, costs.NAMES[name]))
with attempt():
    ax.axvline(crossover(64, 1e-5, 4 / 12.5e9), color="black", linestyle=":", linewidth=1)
ax.set(xlabel="words in the vector", title="seconds of one all-reduce, 64 workers")
ax.set(xlim=(1e3, 1e9), ylim=(1e-5, 10))
plots.label_ends(ax)
fig

# %% [markdown]
# ## 5. In your own words (4 points)
#
# The lesson says of the all-reduce architecture: *"Each worker communicates with all others"*, and of synchronous SGD:
# *"Communication complexity: O(d) per iteration"*. What is right in these two lines, and what do they hide? Name the
# algorithms and the numbers that you have counted.

# %% [markdown] essay="all_reduce-words" points=4
# ### BEGIN SOLUTION
# **Model answer.** Who sends to *all* others is the naive algorithm alone: (m − 1)d words for each worker. In a ring a
# worker sends to one neighbour and hears from another; in halving and doubling it talks to log₂ m partners. What is
# "all" is the dependence: every worker's result depends on every worker's input. O(d) is right for the words that one
# worker sends in a good all-reduce, 2(m − 1)d/m < 2d. It hides the total traffic, 2(m − 1)d; the latency, 2(m − 1)α for
# the ring and 2 log₂(m) α for halving and doubling, which decides for short vectors; and the single server, through
# whose port 2(m − 1)d words go, one after the other.
#
# **Rubric.** 1 point: "all others" is true of the naive algorithm only, with the number of partners in another one.
# 1 point: 2(m − 1)d/m words for each worker, so O(d) a worker. 1 point: latency grows with m, and decides for small d.
# 1 point: the server's port, or the total traffic, grows like md.
# ### END SOLUTION
