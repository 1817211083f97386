# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # Start here: five minutes
#
# **The question of this course.** You have more data, or a larger model, than one machine can handle in the time you
# have. You may use many machines. They can compute at the same time, but to agree on one model they must talk, and
# talking is slow. *Which method should your machines run?*
#
# Every lecture answers a part of it, and computes every claim in front of you. Run each cell with Shift+Enter; nothing
# is downloaded, and nothing is hidden: what the lectures call is in the folder `course_lib`, and short enough to read.
# *The lesson* is the short text that this course grew out of. Where it is loose, the lectures quote it and say how it
# should read. Whether you know enough to begin, [five questions](#Are-you-ready?-Five-questions) at the foot of this page
# tell.

# %%
from course_lib import data, plots, problems
from course_lib.cards import source
from course_lib.clusters import Link, SimulatedCluster
from course_lib.experiment import run
from course_lib.explorers.synchronous import step_size_explorer
from course_lib.grading import check
from course_lib.methods import sync_sgd

# %% [markdown]
# ## A method is a few lines
#
# Here is the simplest one: every machine computes a gradient on its own data, all gradients are averaged, all take the
# same step. This is not pseudo-code. It is the function that runs below, and it knows of the machines only what
# `cluster` tells it.

# %%
source(sync_sgd)

# %% [markdown]
# ## A real result
#
# Handwritten digits, 8 × 8 pixels, ten classes. First one machine, which computes gradients on 128 images in 8
# milliseconds. Then eight machines, each with an eighth of the data, 16 images and 1 millisecond a gradient.
#
# **Predict** before you run the cell: how much sooner do the eight reach 95 % on images that they never saw, if they
# stand side by side in a data centre? And if they sit in eight homes, behind ordinary internet links?

# %%
digits = data.load("digits")
test = digits.test_features, digits.test_labels


def problem(workers):
    rows = data.deal(digits, data.partition_iid(digits.labels, workers))
    return problems.SoftmaxRegression(*rows, l2=1e-3, weights="pooled", test=test)


# %%
homes = Link(latency=0.02, bandwidth=5e6)
clusters = {
    "one machine": SimulatedCluster(problem(1), batch_size=128, compute=8e-3),
    "eight in a data centre": SimulatedCluster(problem(8), batch_size=16, compute=1e-3),
    "eight homes": SimulatedCluster(problem(8), batch_size=16, compute=1e-3, link=homes),
}
histories = {name: run(sync_sgd(c, 0.5), rounds=60) for name, c in clusters.items()}
for name, history in histories.items():
    print(f"{name}: 95 % after {history.first('accuracy', 0.95, 'seconds'):.3f} s")

# %%
fig, (rounds, seconds) = plots.figure(columns=2)
plots.convergence(histories, against="rounds", show="accuracy", ax=rounds)
plots.convergence(histories, against="seconds", show="accuracy", ax=seconds)
seconds.set_xscale("log", nonpositive="mask")  # the start is at 0
seconds.set(xlim=(1e-3, 20), ylim=(0.75, 1))
rounds.set(ylim=(0.75, 1))
fig

# %% [markdown]
# Against **rounds** (left) the three are the same but for the draw of the images: mathematics does not know how far
# apart the machines stand. Against **seconds** (right) they are worlds apart: eight machines in a data centre are
# several times faster than one, eight homes many times slower. Every plot in this course can be drawn against rounds,
# bytes or seconds, since methods rank differently on each. That is the subject.
#
# What could the eight homes do? Send less (lecture 3), not wait (lecture 4), talk less often (lecture 5), talk to
# neighbours alone (lecture 6).
#
# ## Turn something
#
# Pictures with controls are called *explorers*. Most ask for a guess first: commit to one, since a guess that turned
# out wrong is remembered longest. Sliders obey the arrow keys. This one shows how far one noisy run is from the
# smallest loss (thin), the mean over all possible runs (thick), and what a theorem of lecture 2 promises (dashed; BCN
# are its authors, Bottou, Curtis and Nocedal).

# %%
step_size_explorer

# %% [markdown]
# ## Write something
#
# Under the words **Your turn** a cell waits for a few lines of yours. The cell below it runs a public check: it
# compares your function with the course's on fresh numbers, names the likely mistake when there is one, and gives more
# help the more often you try.
#
# **Your turn: the average.** Row $i$ of `gradients` is worker $i$'s. Try it wrong first: return the *sum*.

# %% answer="start-average"
def average(gradients):
    """What the workers agree on: one gradient (d,) from one row a worker, (m, d)."""
    ### BEGIN SOLUTION
    return gradients.mean(axis=0)
    ### END SOLUTION


# %% check="start-average"
check("start-average", average)

# %% [markdown]
# ## Where to go
#
# | Lecture | answers | exercises |
# |---|---|---|
# | [1. The setting](01_setting.ipynb) | what are we minimising, and what does a message cost? | [1](../exercises/01_all_reduce.ipynb) |
# | [2. Synchronous SGD](02_synchronous.ipynb) | up to how many machines does training get faster? | |
# | [3. Compression](03_compression.ipynb) | may messages be short and wrong? | [2](../exercises/02_compression.ipynb), [3](../exercises/03_complexity.ipynb) |
# | [4. Asynchronous methods](04_asynchronous.ipynb) | what if nobody waits? | [4](../exercises/04_async_rate.ipynb) |
# | [5. Local methods](05_local.ipynb) | may workers talk less often? | [5](../exercises/05_adaptive_communication.ipynb), [6](../exercises/06_heterogeneity.ipynb) |
# | [6. Decentralised methods](06_decentralized.ipynb) | do we need a centre? | [7](../exercises/07_topology.ipynb), [8](../exercises/08_gradient_tracking.ipynb) |
# | [7. Faults: slow, dead, lying](07_faults.ipynb) | what if a machine is slow, or dies? | [9](../exercises/09_fault_tolerance.ipynb) |
# | [7, part two. Lying](07_lying.ipynb) | whom should a server believe? | [10](../exercises/10_byzantine.ipynb) |
# | [8. Load balancing and networks](08_load.ipynb) | who should compute how much, and over which wires? | |
# | [9. Second-order methods, and the limits](09_second_order.ipynb) | how few rounds can it be? | [11](../exercises/11_second_order.ipynb) |
# | [10. Real machines](10_real_machines.ipynb) | does the simulator tell the truth? | |
#
# Four studies ask one thing of many runs each: [scalability](study_1_scalability.ipynb),
# [communication](study_2_communication.ipynb), [compression](study_3_compression.ipynb) and
# [faults](study_4_faults.ipynb). The second ends with the *planner*: your cluster's numbers in, a forecast out.
#
# Symbols, words, theorem cards and books are listed in [To look things up](11_reference.ipynb).
#
# **How far am I?** `python -m course_lib.grading check` in a terminal runs the public checks of all your notebooks and
# says what is right, what is not, and what is still to do. *Think* cells ask for your own words, and are graded by a
# human.
#
# **Little time?** *An hour, as a practitioner:* this page, then "What a message costs" in lecture 1, "Linear speed-up,
# and where it ends" in lecture 2, the planner at the end of [study 2](study_2_communication.ipynb), and the table under
# "When to use it" near the end of each lecture that it points to. *A day, as a workshop:* lectures 1 and 2 in the
# morning with exercise 1 up to the ring; after lunch lecture 3 or 5, whichever is closer to what you do, with its stubs;
# the last hour is for arguing about the *Think* questions.
#
# ## What you will be able to do
#
# | You will ... | learned in | tested in |
# |---|---|---|
# | know the methods, and read and check their analysis | lectures 2 to 7, 9 | exercises 4, 6, 7, 8, 11 |
# | say what communication costs, and what the bottleneck is | lectures 1, 3, 8, study 2 | exercises 1, 3 |
# | write synchronous and asynchronous methods | lectures 2, 4, 6, 7, 10 | exercises 1, 4, 8, 9, 10, all stubs |
# | design methods that talk less | lectures 3, 5, 6, 9 | exercises 2, 5, 11 |
#
# ## Are you ready? Five questions
#
# Answer each before you open it. Four right: begin. Fewer: the last line of each tells where to read up.
#
# <details><summary><b>1.</b> SGD with a constant step, noisy gradients, a strongly convex loss. Where does it end?</summary>
#
# It does not end: it comes near the minimiser and then jitters around it, at a mean squared distance in proportion to
# the step. Only shrinking steps bring it there. *Read: Bottou, Curtis and Nocedal (2018), sections 3 and 4.*
# </details>
#
# <details><summary><b>2.</b> f is L-smooth and μ-strongly convex. Between which multiples of |x - x*|² lies f(x) - f*?</summary>
#
# Between $\frac\mu2$ and $\frac L2$ times it. Their ratio, the condition number, decides how many steps gradient descent
# takes. *Read: S. Boyd and L. Vandenberghe (2004), Convex Optimization, section 9.1.*
# </details>
#
# <details><summary><b>3.</b> Nine tenths of a programme can run on many machines at once. How much faster can it get?</summary>
#
# Ten times, with infinitely many machines; 5.3 times with ten. This is Amdahl's law. *Read: any first chapter on
# parallel computing.*
# </details>
#
# <details><summary><b>4.</b> A message takes 1 ms and then a second a gigabyte. Which takes longer, a thousand messages of a kilobyte one after another, or one of 100 megabytes?</summary>
#
# The thousand: 1.001 s against 0.101 s. Latency is paid a message, bandwidth a byte. *Read: lecture 1 teaches it; none
# needed before.*
# </details>
#
# <details><summary><b>5.</b> W is symmetric with eigenvalues 1, 0.9 and -0.95. How fast does Wᵗx approach its limit?</summary>
#
# Like $0.95^t$: the sign of an eigenvalue does not matter, its size does. *Read: the chapter on eigenvalues of any
# book on linear algebra.*
# </details>
#
# And in Python you should know what `G.mean(axis=0)` has for a shape when `G` has `(8, 50)`: `(50,)`.
