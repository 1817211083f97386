# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # 1. The setting
#
# **The question.** Your data lie on many machines, which are to learn one model. What exactly do they minimise
# together, who has to talk to whom, and what does the talking cost?
#
# **Your prediction.** 64 machines hold 25 million numbers each, the gradient of a ResNet-50. Sending those
# to *one* other machine takes 10 ms. Now *every* machine must end up with the sum of all 64. How long does that take:
# 10 ms, 20 ms, 60 ms, 640 ms, or over a second? Write your guess down; the answer is below.

# %%
from itertools import product

import numpy as np

from course_lib import collectives, costs, data, plots, problems
from course_lib.cards import source
from course_lib.clusters import Constant, Link, SimulatedCluster, slow_worker
from course_lib.errors import CourseError
from course_lib.experiment import run
from course_lib.explorers.costs import all_reduce_explorer
from course_lib.grading import check
from course_lib.methods import sync_sgd
from course_lib.network import Network

# %% [markdown]
# ## Sum or mean?
#
# Worker $i$ of $m$ holds the rows $D_i$, and $f_i(x)=\frac1{|D_i|}\sum_{\zeta\in D_i}\ell(x,\zeta)$ is its mean loss.
# The lesson sets out to minimise $\sum_i f_i$; its Algorithm 3.1 then *averages* the gradients, which descends on
# $\frac1m\sum_i f_i$. Both have the same minimiser, so what does it matter?
#
# Take least squares. Along an eigenvector of the Hessian with eigenvalue $\lambda$, a step $\eta$ multiplies the error
# by $1-\eta\lambda$. The largest eigenvalue is called $L$, the *smoothness constant*. A step of $1/L$ of the mean
# removes the error along the steepest direction. But the sum is $m$ times as steep: there the same step multiplies it
# by $1-m$. We take this step, and once add the gradients up, once average them.

# %%
for m in (1, 2, 3, 8):
    f = problems.LeastSquares(*data.regression(workers=m, rows=100, d=10))
    summed = averaged = np.zeros(10)
    for _ in range(50):
        summed = summed - f.gradient(summed).sum(axis=0) / f.L
        averaged = averaged - f.gradient(averaged).mean(axis=0) / f.L
    apart = [np.linalg.norm(x - f.optimum()) for x in (summed, averaged)]
    print(f"m = {m}: after 50 steps off by {apart[0]:8.2g} (sum), {apart[1]:.2g} (mean)")

# %%
steepest = np.linalg.eigvalsh(f.hessians(averaged).sum(axis=0))[-1]
slope = f.gradient(f.optimum()).sum(axis=0)
print("one minimiser for both:", np.allclose(slope, 0, atol=1e-12))
print(f"L of the sum / L of the mean = {steepest / f.L:.3g} for m = 8")

# %% [markdown]
# Two workers swing for ever, three or more diverge. In this course $f$ is always a *mean*: $f=\sum_i w_if_i$
# with weights that sum to one. A step size from a paper comes with its author's normalisation; ask which.
#
# ## Which mean?
#
# If workers hold unequally many rows, one more choice is to be made. **Pooled**, $w_i=|D_i|/N$: every *row* counts the
# same, and $f$ is the loss over all data. **Equal**, $w_i=1/m$: every *worker* counts the same. Pool if patients are
# to be served alike, weigh equally if hospitals are. FedAvg (McMahan et al. 2017) pools; the lesson's version of it
# does not. Here are four ways to deal 1438 handwritten digits to eight workers; in the second each class is shared out
# at random, the more unevenly the smaller $\alpha$.

# %%
digits = data.load("digits")
parts = {
    "i.i.d.": data.partition_iid(digits.labels, workers=8),
    "Dirichlet, α = 0.3": data.partition_dirichlet(digits.labels, workers=8, alpha=0.3),
    "by label": data.partition_by_label(digits.labels, workers=8),
    "uneven": data.partition_uneven(digits.labels, workers=8),
}
plots.partitions(digits.labels, parts)

# %% [markdown]
# The library does not guess. Where the two differ and you say nothing, it asks:

# %%
try:
    problems.SoftmaxRegression(*data.deal(digits, parts["uneven"]))
except CourseError as error:
    print(error)

# %% [markdown]
# How far apart are the two optima? Before you run the cell: for which of the four does the choice matter? The pooled
# optimum is computed once, as it is the same for all: how the rows were dealt makes no difference to it.


# %%
def digits_problem(name, weights):
    rows = data.deal(digits, parts[name])
    return problems.SoftmaxRegression(*rows, l2=1e-2, weights=weights)


best = digits_problem("i.i.d.", "pooled").optimum()
for name in parts:
    apart = np.linalg.norm(digits_problem(name, "equal").optimum() - best)
    print(f"{name:18}: {apart / np.linalg.norm(best):6.2%} of the optimum's length apart")

# %% [markdown]
# *Sizes* decide, not classes: dealt by label, workers are as different as can be, yet the two optima all but agree.
#
# **Your turn: one message each.** For least squares, with loss $\frac12(a^\top x-y)^2$ on a row $a$ with target $y$,
# $\nabla f_i(x)$ is `grams[i] @ x - moments[i]`: `grams[i]` is the mean of $aa^\top$, `moments[i]` the mean of $ay$ over
# the worker's rows. Each worker sends these two and `sizes[i]` $=|D_i|$. Return the pooled optimum.


# %% answer="setting-optimum"
def pooled_optimum(grams, moments, sizes):
    """Minimiser (d,) over all rows; grams (m, d, d), moments (m, d), sizes (m,)."""
    ### BEGIN SOLUTION
    gram = np.tensordot(sizes, grams, 1)
    return np.linalg.solve(gram, sizes @ moments)
    ### END SOLUTION


# %% check="setting-optimum"
check("setting-optimum", pooled_optimum)

# %% [markdown]
# ## Why distribute at all?
#
# The lesson gives four reasons; here is a number for each. **Data:** reading a petabyte off one disk at 2 GB/s.
# **Compute:** training takes about 6 operations a parameter and token (Kaplan et al. 2020); 7 billion parameters, 2
# trillion tokens, one accelerator at $3\cdot10^{14}$ operations a second. **Memory:** 16 bytes a parameter for
# weights, gradients and Adam's state (Rajbhandari et al. 2020). **Privacy:** rows stay where they are, only gradients
# travel. But does a gradient keep the secret? For softmax regression the gradient on one row $a$ is $a(p-y)^\top$,
# with $p-y$ the error of the predicted probabilities. We take worker 0's gradient on one image, pick a column, and
# compare it with the image.

# %%
f, image = digits_problem("i.i.d.", "pooled"), digits.features[parts["i.i.d."][0][0]]
first_row = np.zeros((8, 1), int), np.ones((8, 1))  # everyone's row 0, with weight 1
gradient = f.gradient(np.zeros(f.d), first_row)[0]
leak = gradient.reshape(-1, 10)[:, 0]  # one column of ten
cosine = abs(leak @ image) / np.linalg.norm(leak) / np.linalg.norm(image)
seconds = 1e15 / 2e9
print(f"data:    {seconds / 86400:.1f} days; {seconds / 6e4:.0f} minutes off 1000 disks")
print(f"compute: {6 * 7e9 * 2e12 / 3e14 / (365 * 86400):.1f} years")
print(f"memory:  {16 * 7e9 / 1e9:.0f} GB, where an accelerator has 80")
print(f"privacy: |cosine| of gradient and image = {cosine:.6f}")

# %% [markdown]
# The gradient on one image *is* the image, up to a factor. Keeping data local is a start and not yet privacy.
#
# ## To wait or not to wait
#
# **Synchronous**: all workers start each round from the same model and wait for the slowest. **Asynchronous**: whoever
# has finished sends its gradient to a server, takes the newest model, goes on. In code it is a loop over arrivals
# instead of a loop over rounds.


# %%
def asynchronous(cluster, step_size):
    x = cluster.start()
    for arrival in cluster.arrivals(x):
        x -= step_size * arrival.gradient
        yield arrival.staleness


# %% [markdown]
# Six workers, a tenth of a second a gradient; worker 0 takes four times as long. Left with waiting, right without.
# There each arrival brings one gradient, not the mean of six, so its step is a sixth. Messages to the server do not
# queue here.

# %%
f = problems.LeastSquares(*data.regression(workers=6, rows=100, d=20))
compute, link = slow_worker(6, factor=4, base=Constant(0.1)), Link(latency=0.01)
waiting, going_on = (SimulatedCluster(f, compute=compute, link=link) for _ in range(2))
run(sync_sgd(waiting, step_size=0.1), rounds=4)
ages = [age for age, _ in zip(asynchronous(going_on, step_size=0.1 / 6), range(90))]
fig, (left, right) = plots.figure(columns=2, height=2.2)
plots.timeline(waiting, until=2, ax=left)
plots.timeline(going_on, until=2, ax=right)

# %%
for name, cluster in {"with waiting": waiting, "without": going_on}.items():
    done = sum(span.kind == "compute" and span.end <= 2 for span in cluster.trace())
    print(f"gradients in two seconds, {name}: {done}")
print("updates by others while a gradient was under way:", end=" ")
print(f"{np.mean(ages):.1f} on average, {max(ages)} at most")

# %% [markdown]
# Without waiting no grey is left: between two gradients a machine only sends and fetches. The price is in the last
# line: a gradient is computed at a model that others have moved on from since. That is called **staleness**. Whether it
# is worth the price, and whose data count when some workers report more often, is lecture 4.
#
# ## Who talks to whom
#
# Every synchronous step needs the sum of $m$ vectors, at every worker: an **all-reduce**. It goes in **rounds**: in
# each, a worker's port can send one message and receive one. Six ways to do it:
#
# - **Naive**: everyone sends its vector to everyone.
# - **Parameter server**: one worker collects all vectors and returns the sum. All pass through its one port.
# - **Tree**: sums of 2, 4, 8, ... vectors are formed on the way to worker 0; the whole sum goes back the same way.
# - **Recursive doubling**: partners 1, 2, 4, ... apart swap what they have and add: each sum holds twice as many
#   vectors.
# - **Ring**: the vector is cut into $m$ chunks. First *reduce-scatter*: each worker sends one chunk to its right
#   neighbour, which adds its own share and sends it on; after $m-1$ rounds every worker holds one chunk of the finished
#   sum. Then *all-gather*: the finished chunks travel round once more.
# - **Halving-doubling** joins both ideas: partners swap halves, then quarters, and so on, until each worker holds an
#   $m$-th of the sum; then the way back.
#
# The lesson says that in an all-reduce "each worker communicates with all others". That describes the naive algorithm
# only. What is *all* about it is the result, which depends on every input.
#
# Here is recursive doubling, whole, over a network that delivers messages and counts them. (The two `fold` lines take
# care of an $m$ that is no power of two.) The ring you will write yourself, in
# [exercise 1](../exercises/01_all_reduce.ipynb).

# %%
source(collectives.recursive_doubling)

# %% [markdown]
# We run all six with 8 workers and 840 *words* (numbers), check the sums, and draw who wrote to whom: the thicker the
# line, the more words.

# %%
vectors = np.random.default_rng(0).normal(size=(8, 840))
networks = {name: Network(8) for name in collectives.ALGORITHMS}
for name, all_reduce in collectives.ALGORITHMS.items():
    assert np.allclose(all_reduce(networks[name], vectors), vectors.sum(axis=0))
plots.conversations({costs.NAMES[name]: networks[name] for name in networks})

# %%
print("counted (closed form)   rounds           words   partners, at most")
for name, network in networks.items():
    cost = costs.all_reduce(name, m=8, d=840, latency=0, seconds_per_word=0)
    pairs = {frozenset(message[1:3]) for message in network.log}
    most = max(sum(i in pair for pair in pairs) for i in range(8))
    print(f"{name:20} {network.rounds:4} ({cost.rounds:2})", end=" ")
    print(f"{network.words:7} ({cost.words:5}) {most:7}")

# %% [markdown]
# In the ring each talks to two others, in halving-doubling to $\log_2m=3$. Words are counted where they pass one after
# another: the longest message of each round, added up. There the ring and halving-doubling pay least.
#
# ## What a message costs
#
# **Theorem card 1.1: cost of an all-reduce.** *(Thakur, Rabenseifner and Gropp 2005; Patarasuk and Yuan 2009)*
#
# A message of $n$ words takes $\alpha+\beta n$ seconds: **latency** $\alpha$, then $\beta$ a word. A worker can
# send one message and receive one at a time; adding is free. Then an all-reduce takes $\alpha\cdot$rounds
# $+\,\beta\cdot$words seconds, and for $m=2^q$ workers with $d$ words each, $d$ a multiple of $m$:
#
# | | rounds | words, one after another |
# |---|---|---|
# | naive | $m-1$ | $(m-1)d$ |
# | parameter server | $2(m-1)$ | $2(m-1)d$ |
# | binomial tree | $2\log_2m$ | $2d\log_2m$ |
# | recursive doubling | $\log_2m$ | $d\log_2m$ |
# | ring | $2(m-1)$ | $2\frac{m-1}md$ |
# | halving-doubling | $2\log_2m$ | $2\frac{m-1}md$ |
# | **no algorithm needs less than** | $\lceil\log_2m\rceil$ | $2\frac{m-1}md$ |
#
# The bound on rounds: those who know of a vector at most double in each. The bound on words is Patarasuk and Yuan's; it
# holds where nothing is compressed. Each is attained, though for $m>2$ by none in the table both at once. `costs` has
# the exact forms for *every* $m$ and $d$. We hold them, and the bounds, against counted messages.

# %%
for name, all_reduce in collectives.ALGORITHMS.items():
    same, above = [], []
    for m, d in product(range(3, 18), (1, 60, 841)):
        all_reduce(network := Network(m), np.ones((m, d)))
        counted = network.rounds, network.words
        same.append(counted == costs.all_reduce(name, m, d, 0, 0)[:2])
        bounds = costs.latency_lower_bound(m), costs.bandwidth_lower_bound(m, d)
        above.append(np.divide(counted, bounds))
    rounds, words = np.min(above, axis=0)
    print(f"{name:20}{sum(same):3} of {len(same)} counts exact; at least", end=" ")
    print(f"{rounds:.2f} times the bound on rounds, {words:.2f} on words")

# %% [markdown]
# Now for your prediction: how long, and by which algorithm? Commit to one, then look; then try home internet, and a
# tiny model.

# %%
all_reduce_explorer

# %% [markdown]
# The lesson says: "Communication complexity: $O(d)$ per iteration". That hides the factor $m-1$ of the server's port
# and the ring's $2(m-1)$ latencies. In numbers, for 64 workers, 10 GB/s, 4 bytes a word and 10 µs:

# %%
d = np.array([1_000, 25_000_000])
for name in costs.ALGORITHMS:
    small, large = 1e3 * costs.all_reduce(name, 64, d, 1e-5, 4e-10).seconds
    print(f"{name:20} {small:6.3f} ms for a thousand words, {large:6.1f} for 25 million")

# %% [markdown]
# 20 ms: twice what one message takes, and hardly more for *any* number of workers, as long as bytes dominate. For a
# thousand words the ring is twenty times slower than recursive doubling, and everything is latency.
#
# **Your turn: seconds.** In the same model, how long do a parameter server (one of the workers hosts it) and a ring
# take? The check draws yours beside the reference. You may assume that $m$ divides $d$.


# %% answer="setting-seconds"
def seconds(m, d, latency, seconds_per_word):
    """Seconds of one all-reduce of d words by m workers: (parameter server, ring)."""
    ### BEGIN SOLUTION
    server = 2 * (m - 1) * (latency + seconds_per_word * d)
    ring = 2 * (m - 1) * (latency + seconds_per_word * d / m)
    return server, ring
    ### END SOLUTION


# %% check="setting-seconds"
check("setting-seconds", seconds)

# %% [markdown]
# **Your turn: a review.** Machines come in boxes of $g$ workers, with fast links inside. Two levels suit them:
# reduce-scatter inside each box, so that each worker holds $d/g$ words of the box's sum; a ring all-reduce of that part
# across boxes; all-gather inside. A colleague's assistant counted the words that a worker sends, inside and across:
#
# ```python
# def two_level_words(boxes, g, d):
#     inside = (g - 1) / g * d
#     across = 2 * (boxes - 1) / boxes * d / g
#     return inside, across
# ```
#
# It looks right, and for 8 boxes of 8 it promises little more than half of the ring's words. Compare the total with
# `costs.bandwidth_lower_bound(boxes * g, d)`: a discovery, or a mistake? Mend it, then look at the total again.


# %% answer="setting-review"
def two_level_words(boxes, g, d):
    """Words that each worker sends on two levels: (inside its box, across boxes)."""
    ### BEGIN SOLUTION
    inside = 2 * (g - 1) / g * d
    across = 2 * (boxes - 1) / boxes * d / g
    return inside, across
    ### END SOLUTION


# %% check="setting-review"
check("setting-review", two_level_words)

# %% [markdown]
# ## Communication-bound?
#
# The lesson says that communication dominates "for large models ($d\gg mb$)". But where a sample uses each parameter
# once, a gradient on $b$ samples takes about $6bd$ operations, and exchanging it $2\beta d$ seconds: both grow with
# $d$, and in their ratio it cancels. At $F$ operations a second, bytes dominate while $b<\beta F/3$. We try 64
# accelerators with $F=10^{14}$ and the quickest all-reduce.

# %%
print(f"bytes dominate below b = {4e-10 * 1e14 / 3:,.0f} samples a worker")
for d, b in [(10**10, 100_000), (10**10, 100), (1_000, 1_000)]:
    bills = [costs.all_reduce(name, 64, d, 1e-5, 4e-10) for name in costs.ALGORITHMS]
    ratio = min(bill.seconds for bill in bills) / (6 * b * d / 1e14)
    print(f"d / (mb) = {d / (64 * b):9.3g}:  talking / computing = {ratio:.2g}")

# %% [markdown]
# With $d$ over a thousand times $mb$ (first line), computing dominates; with $d$ far below $mb$ (last line), talking
# does, by latency. The criterion misses on both sides.
#
# ## Think
#
# **When is training communication-bound?** Name the quantities that decide, give a case on either side, and say what
# you would measure on your own machines. About ten lines.

# %% [markdown] essay="setting-bound" points=10
# ### BEGIN SOLUTION
# When an all-reduce takes longer than the computation that it can be overlapped with: $\alpha\cdot$rounds
# $+\,2\frac{m-1}m\beta d$ against $c\,bd/F$ seconds. For large $d$ the ratio tends to $2\beta F/(cb)$: it holds
# bandwidth, speed and samples a worker, and *not* $d$. For small $d$ latency decides, $\alpha\log_2m$ at best,
# $2\alpha(m-1)$ in a ring. **Case:** $10^{10}$ parameters, $b=10^5$ tokens, 10 GB/s, $10^{14}$ flop/s: computing
# dominates sevenfold although $d\gg mb$; with $b=100$ talking does, a hundredfold. **Where the formula fails:**
# one server's port ($2(m-1)\beta d$), sparse gradients, links shared with others, stragglers, whose wait looks
# like communication and is not. Measure $\alpha$ and $\beta$ by timing all-reduces of two sizes, and a step with and
# without communication.
#
# *Rubric (10):* 3 governing quantities (ratio of $\beta F$ to $b$, latency for small $d$); 3 a condition and a case
# where it fails; 2 a formula with its units; 2 evidence. At most 5 for "when $d$ is large".
# ### END SOLUTION

# %% [markdown]
# ## When to use it
#
# Take the all-reduce that your library picks, and come back to the table when it disappoints. Say "pooled" or "equal"
# before you compare two results. Wait for all workers, until waiting is what you see in the chart.
#
# | If ... | then ... |
# |---|---|
# | $d$ is small, $m$ large | recursive doubling, or a tree: few rounds |
# | $d$ is large | ring or halving-doubling: fewest words |
# | workers come and go | a parameter server, its model cut over several hosts |
# | some workers are slow | asynchronous (lecture 4), or do without the slowest (lecture 7) |
# | bytes dominate whatever you do | compress (lecture 3), or talk less often (lecture 5) |
#
# Next: [exercise 1](../exercises/01_all_reduce.ipynb), in which you send the messages yourself, then
# [lecture 2](02_synchronous.ipynb), which counts the rounds.
#
# ## Reading
#
# - L. Bottou, F. E. Curtis and J. Nocedal (2018), *Optimization methods for large-scale machine learning*, SIAM Review
#   60(2). Sections 2 and 3: what is minimised, and why by stochastic gradients.
# - T. Li, A. K. Sahu, A. Talwalkar and V. Smith (2020), *Federated learning: challenges, methods, and future
#   directions*, IEEE Signal Processing Magazine 37(3). The setting in which data cannot move.
# - R. Thakur, R. Rabenseifner and W. Gropp (2005), *Optimization of collective communication operations in MPICH*,
#   International Journal of High Performance Computing Applications 19(1). Trees, recursive doubling and
#   halving-doubling, timed: which length of message calls for which.
# - P. Patarasuk and X. Yuan (2009), *Bandwidth optimal all-reduce algorithms for clusters of workstations*, Journal of
#   Parallel and Distributed Computing 69(2). The lower bound on words, and the ring that attains it.
# - J. Kaplan et al. (2020), *Scaling laws for neural language models*, arXiv. Where the six operations a parameter and
#   token come from.
# - S. Rajbhandari, J. Rasley, O. Ruwase and Y. He (2020), *ZeRO: memory optimizations toward training trillion parameter
#   models*, SC. The 16 bytes a parameter, and how workers share them.
# - J. Dean (2016), *Large-scale deep learning for intelligent computer systems*, a recorded talk. From DistBelief to
#   TensorFlow: what Google ran on its clusters, and why.
