# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # 7, part two. Lying
#
# **The question.** A slow worker costs time, a dead one costs work. A worker that sends **wrong numbers** costs the model,
# and nobody notices: memory with a stuck bit, a file with last year's labels, an enemy. Can a server that does not know
# whom to believe still learn, and how well?
#
# Such a worker is called **Byzantine**. To be on the safe side let $f$ of $m$ workers send whatever they like, and let them
# know what all others send. All that the lesson says of it is "malicious or faulty behavior".
#
# Below, fifteen workers send a vector each, and seven rules make one vector of them. Commit to a guess, then look for the
# blind spot of each rule:

# %%
import numpy as np

from course_lib import bounds, data, problems
from course_lib.aggregators import (
    Bucketing,
    Bulyan,
    CenteredClipping,
    CoordinateMedian,
    GeometricMedian,
    Krum,
    Mean,
    MultiKrum,
    TrimmedMean,
)
from course_lib.attacks import ALIE, Gaussian, InnerProduct, Mimic, SignFlip, flip_labels
from course_lib.cards import holds, shaded, source
from course_lib.clusters import SimulatedCluster
from course_lib.clusters.faults import Byzantine
from course_lib.experiment import run
from course_lib.explorers.byzantine import byzantine_explorer
from course_lib.grading import attempt, check
from course_lib.methods import robust_sgd

# %%
byzantine_explorer

# %% [markdown]
# ## One liar is enough
#
# **Your turn: one lie.** The server takes the mean. You are the last of its workers, and you know the rows that all
# others send. What do you send, so that the mean becomes your `target`?

# %% answer="byzantine-lie"
def lie(honest, target):
    """The last worker's row, (d,); all others send the rows of `honest`, (m - 1, d)."""
    ### BEGIN SOLUTION
    return (len(honest) + 1) * target - honest.sum(axis=0)
    ### END SOLUTION


# %% check="byzantine-lie"
check("byzantine-lie", lie)

# %%
rng = np.random.default_rng(0)
ninety_nine = rng.normal(size=(99, 3))
with attempt():
    told = np.vstack([ninety_nine, lie(ninety_nine, target=np.array([1.0, 2.0, 3.0]))])
    print("mean:  ", Mean()(told)[0].round(2))
    print("median:", CoordinateMedian()(told)[0].round(2))

# %% [markdown]
# With the mean, one of a hundred decides. So the server must not believe everyone. Six rules, one addition, and the
# condition under which each is proved to stand:
#
# | rule | returns | condition |
# |---|---|---|
# | coordinate median | the middle value of each coordinate | $f<m/2$ |
# | trimmed mean | the mean of each coordinate without its $f$ largest and $f$ smallest values | $f<m/2$ |
# | Krum | the row with the smallest sum of squared distances to its $m-f-2$ nearest neighbours | $2f+2<m$ |
# | Bulyan | Krum's first $m-2f$ winners; in each coordinate the mean of the $m-4f$ nearest to their median | $4f+3\le m$ |
# | geometric median | the point with the smallest sum of distances to all rows | $f<m/2$ |
# | centred clipping | the last answer, plus the mean of all differences to it, cut to a radius | $f<m/2$; proved for $f\le m/10$ |
# | bucketing | one of the above, of means over random buckets of $s$ rows | $sf<m/2$ |
#
# Multi-Krum averages the $m-f$ best of Krum's. To the server, medians cost a sort of each coordinate, $O(md\log m)$, and
# Krum all distances, $O(m^2d)$, which are one matrix product.
#
# **Your turn: how many?** From the conditions, the largest whole $f$ that the median, Krum, Bulyan, and buckets of `size`
# before a median put up with. Rows that are left over make one more, smaller bucket.

# %% answer="byzantine-limits"
def most_liars(m, size):
    """Four numbers: for the median, Krum, Bulyan, and bucketing."""
    ### BEGIN SOLUTION
    buckets = -(-m // size)
    return (m - 1) // 2, (m - 3) // 2, (m - 3) // 4, (buckets - 1) // 2
    ### END SOLUTION


# %% check="byzantine-limits"
check("byzantine-limits", most_liars)

# %% [markdown]
# **Theorem card 7.5: up to its condition.** *(the first and third proved in three lines; the second: Minsker 2015)*
#
# Let the honest rows lie within $r$ of a point $z$, and the $f$ others anywhere. Under its condition,
# - **median** and **trimmed mean** lie, in each coordinate, between two honest values;
# - the **geometric median** is at most $\frac{1-a}{\sqrt{1-2a}}\,r$ from $z$, where $a=f/m$;
# - **Krum**'s winner is at most $\big(1+2\sqrt{\frac{m-f-2}{m-2f-1}}\big)\,r$ from $z$: a liar can win only with $m-2f-1$
#   honest neighbours.
#
# *Loosely said elsewhere:* "tolerates $f$ faults". It does not say how well: within a few $r$ all of them may be led
# astray.
#
# Measured: how far liars get from any distance, and how many of fifteen carry a rule away for good.

# %%
distances = np.geomspace(0.1, 1e6, 200)[:, None, None]  # two hundred experiments
for rule, bound in (
    (GeometricMedian(), bounds.geometric_median_error),
    (Krum(6), bounds.krum_error),
):
    f = rule.tolerates(15)
    rows = rng.normal(size=(200, 15, 4))
    rows /= np.linalg.norm(rows, axis=-1, keepdims=True)  # r = 1, z = 0
    rows[:, :f] = distances * rows[:, :1]  # all liars at one point
    worst = np.linalg.norm(rule(rows), axis=-1).max()
    print(holds(f"{type(rule).__name__}, {f} of 15 lie", worst, bound(15, f, 1.0)))

# %%
def breaks(rule):
    """The least number of liars, of fifteen, that take the rule's answer along."""
    for f in range(1, 16):
        rows = rng.normal(size=(15, 4))
        rows[:f] = 1e9
        if any(abs(rule(rows, t=t)).max() > 1e6 for t in range(30)):  # buckets differ
            return f


fifteen = {
    "mean": Mean(),
    "median": CoordinateMedian(),
    "trimmed mean": TrimmedMean(7),
    "Krum": Krum(6),
    "multi-Krum": MultiKrum(6),
    "Bulyan": Bulyan(3),
    "geometric median": GeometricMedian(1e-3),
    "buckets of 2": Bucketing(CoordinateMedian(), size=2),
}
for name, rule in fifteen.items():
    print(f"{name:17} condition: {rule.tolerates(15)} liars, breaks at {breaks(rule)}")

# %% [markdown]
# None breaks within its condition. And **no rule stands against half of the workers**: two groups of equal size, and
# nothing tells which is honest.
#
# ## The lies that work
#
# To be far away is a poor lie. Better ones hide among the honest: **ALIE** (*a little is enough*) sends
# $\mu-z\sigma$, the honest mean less $z$ standard deviations; **inner-product manipulation** sends
# $-\epsilon$ times the honest mean, which turns the mean of all against it once $\epsilon>\frac{m-f}f$, and for small
# $\epsilon$ hides near zero; **mimic** repeats what one honest worker sends. **Flipped labels** lie in the data: such
# workers do everything right.
#
# The method is `parameter_server_sgd` with a rule where the mean was. Lies are a fault of the cluster: what `gather`
# returns is what arrived.

# %%
source(robust_sgd)

# %% [markdown]
# Twenty workers learn the digits, dealt at random; five lie. Test accuracy after 40 rounds, in percent:

# %%
digits = data.load("digits")


def classifier(parts, flipped=()):
    features, labels = data.deal(digits, parts)
    labels = flip_labels(labels, flipped, classes=10)
    test = digits.test_features, digits.test_labels
    return problems.SoftmaxRegression(features, labels, 1e-3, "equal", test)


def accuracy(rule, attack, problem, momentum=0.0):
    faults = [Byzantine(5, attack)] if attack else []
    cluster = SimulatedCluster(problem, batch_size=16, faults=faults)
    training = robust_sgd(cluster, 0.5, rule, momentum)
    return 100 * run(training, 40, record_every=40, quiet=True).accuracy[-1]


# %%
attacks = {
    "nobody": None,
    "sign × 10": SignFlip(10.0),
    "noise": Gaussian(10.0),
    "ALIE": ALIE(1.5),
    "small": InnerProduct(0.6),
    "large": InnerProduct(4.0),
    "mimic": Mimic(),
}
rules = fifteen | {"trimmed mean": TrimmedMean(5), "Krum": Krum(5)}
rules |= {"multi-Krum": MultiKrum(5), "Bulyan": Bulyan(4)}
rules |= {"centred clipping": CenteredClipping(0.5)}
dealt = data.partition_iid(digits.labels, workers=20)
honest, poisoned = classifier(dealt), classifier(dealt, flipped=range(15, 20))

# %%
results = {
    name: [accuracy(rule, attack, honest) for attack in attacks.values()]
    + [accuracy(rule, None, poisoned)]
    for name, rule in rules.items()
}
shaded(results, [*attacks, "labels"], lambda percent: (97 - percent) / 50, ".0f")

# %% [markdown]
# Read the table by rows and by columns.
# - **No rule wins everywhere.** The *small* lie ($\epsilon=0.6$) hurts Krum and Bulyan more than the plain mean: five equal
#   rows near zero are each other's best neighbours, and Krum picks one of them.
# - **Robustness costs** where nobody lies: Krum learns from one worker of twenty.
# - Bulyan is told 4 and meets 5, buckets of two make $2\cdot5=10=m/2$: both are beyond their condition, and it shows.
# - ALIE costs the digits nothing: a small steady drift seldom changes which class scores highest. On a noisy quadratic,
#   where we know the optimum, one sees the drift:

# %%
noisy = problems.Quadratic.dialled(20, 10, condition=1, optimum_spread=0, noise=1.0)


def distance(rule, attack, momentum):
    faults = [Byzantine(5, attack)] if attack else []
    cluster = SimulatedCluster(
        noisy,
        batch_size=1,
        replicates=5,
        initial_model=np.ones(10),
        faults=faults,
    )
    end = run(robust_sgd(cluster, 0.1, rule, momentum), 200, record_every=200, quiet=True)
    return np.sqrt((end.model**2).sum(-1).mean())  # x* = 0


# %%
some = ("mean", "median", "trimmed mean", "Krum", "multi-Krum", "Bulyan")
kinds = [None, ALIE(), InnerProduct(0.6)]
results = {
    name: [distance(rules[name], a, momentum) for a in kinds for momentum in (0, 0.9)]
    for name in some
}
columns = ["nobody", "momentum", "ALIE", "momentum ", "small", " momentum"]
shaded(results, columns, lambda x: x / 2, ".2f")

# %% [markdown]
# The distance from the optimum, each without and with momentum 0.9; ALIE has the $z$ of its paper, 0.25 for 5 liars of 20.
# It leads every robust rule further away than the mean. **Worker momentum** is the best remedy known
# (Karimireddy, He and Jaggi 2021): $u_i\leftarrow\beta u_i+(1-\beta)g_i$ averages each honest worker's noise over
# $\frac1{1-\beta}$ rounds, $\sigma$ shrinks, and with it the room for lies that hide within $\sigma$.
#
# ## What nobody can know
#
# So far all workers held alike data. Now each has digits of two classes only, and momentum is on:

# %%
two_classes = data.partition_by_label(digits.labels, workers=20, classes_per_worker=2)
apart, spoilt = classifier(two_classes), classifier(two_classes, range(15, 20))
results = {
    name: [
        accuracy(rule, None, apart, 0.9),
        accuracy(rule, Mimic(), apart, 0.9),
        accuracy(rule, None, spoilt, 0.9),
    ]
    for name, rule in rules.items()
}
shaded(results, ["nobody", "mimic", "labels"], lambda percent: (97 - percent) / 50, ".0f")

# %% [markdown]
# Look at the first column: **nobody lies**, and Krum is wrong on more than half of the images. It takes for liars those
# who are only different. Averages over buckets differ less, which is what bucketing is for. (In the other columns five
# workers' data are lost, and buckets of two are again beyond their condition.) But no cleverness helps beyond a point:
#
# **Theorem card 7.6: no rule can.** *(an identity; the general order $\frac fm\zeta^2$: Karimireddy, He and Jaggi 2022)*
#
# Ten numbers arrive, eight zeros and two $c$, and two workers lie. If the two at $c$ do, the honest mean is $0$; if two
# of those at zero do, it is $\frac{2c}8=\frac c4$. The server sees the same ten numbers, so whatever its rule answers
# is off by $\frac c8$ at least in one of the two worlds. In the second the spread of the honest is
# $\zeta^2=\frac3{16}c^2$ (mean squared distance from their mean): the squared error that nobody avoids,
# $\frac{c^2}{64}$, is $\frac1{12}\zeta^2$.
#
# **Your turn: in general.** Of $m$ numbers that arrive, $m-f$ are zeros and $f$ are $c$; at most $f<\frac m2$ workers lie.
# Which error can no rule avoid?

# %% answer="byzantine-floor"
def unavoidable(m, f, c):
    """The error that every rule makes in one of the two worlds."""
    ### BEGIN SOLUTION
    return f * c / (2 * (m - f))
    ### END SOLUTION


# %% check="byzantine-floor"
check("byzantine-floor", unavoidable)

# %% [markdown]
# Run, with $c=8$: ten workers, $f_i(x)=\frac12(x-b_i)^2$ with $b_i=0$ or $8$, and every rule to its end.

# %%
split = problems.Quadratic(np.ones((10, 1, 1)), [[0.0]] * 8 + [[8.0]] * 2)
for name, rule in {**rules, "Krum": Krum(2), "Bulyan": Bulyan(1)}.items():
    if name in ("trimmed mean", "multi-Krum"):
        rule = type(rule)(2)
    end = run(robust_sgd(SimulatedCluster(split), 0.1, rule), 200, 200).model.item()
    print(f"{name:17} ends at {end:3.1f}, off by {abs(end):3.1f} or {abs(end - 2):3.1f}")

# %% [markdown]
# In each line one of the two numbers is at least $\frac c8=1$. That is no flaw of these rules. It is what "some workers
# lie, and honest workers differ" means.
#
# ## Think
#
# **Twenty hospitals train one model, each on its own kind of patients; two may send poisoned updates.** A colleague says:
# "Take Krum, it is proved robust." Answer in about ten lines: what is proved, with its condition; what will happen here
# and why; what you would run instead; and what you could not promise even then.

# %% [markdown] essay="byzantine-hospitals" points=10
# ### BEGIN SOLUTION
# Proved: with $2f+2<m$, here $6<20$, Krum's winner is within a few times $r$ of the honest rows, where $r$ is how far
# *they* are apart. That is all, and here $r$ is large: hospitals differ. Krum returns one hospital's update, that of the
# most ordinary one; the others' patients do not count. In the lecture it fell below half of the images right with
# nobody lying, and a small lie near zero ($-\epsilon\bar g$) won more often than an honest row. Instead: worker momentum
# (less noise, so honest updates differ by data alone), then bucketing with $s=2$ ($sf=4<10$) before a geometric median or
# centred clipping, or the plain mean with norms clipped, if I trust the hospitals more than I fear them; compare with
# the mean on held-out data of every hospital, since robustness costs accuracy where nobody lies. Not to be
# promised: the exact honest optimum. Two hospitals with rare patients and two liars look the same; any rule errs by
# $\frac{fc}{2(m-f)}$ in one of the two worlds, in general of order $\frac fm\zeta^2$. Against that helps only
# knowledge from outside: signed data, audits, a clean sample at the server.
#
# *Rubric (10):* 3 the condition and what $r$ is; 3 heterogeneity makes Krum fail without liars, *and* one more case of
# failure; 2 a formula with numbers ($sf<\frac m2$, $c/8$ or $\frac fm\zeta^2$); 2 evidence from a run or a source. At most
# 6 without the limit that no rule passes.
# ### END SOLUTION

# %% [markdown]
# ## When to use it
#
# Use the mean as long as you may, since every rule costs accuracy. Ask first how much honest workers differ: that, and not
# the rule's name, decides what an attacker can do. And measure with nobody lying before you fear that somebody does.
#
# | If ... | then ... |
# |---|---|
# | machines break, nobody attacks; data dealt at random | trimmed mean or median: cheap, and far-off numbers are what breaks |
# | an enemy, data alike | worker momentum, and a geometric median or multi-Krum |
# | an enemy, data differ | worker momentum, and centred clipping, or bucketing if $sf<\frac m2$; never Krum alone |
# | liars may be half or more | no rule: signatures, audits, a clean sample at the server |
# | an all-reduce, in which nobody sees single rows | no rule either: they need all rows in one place |
#
# Next: [exercise 10](../exercises/10_byzantine.ipynb), in which you write three rules and break two. In
# [lecture 8](08_load.ipynb) you break a whole cluster, and then tell from its trace what others have broken.
#
# ## Reading
#
# - L. Lamport, R. Shostak and M. Pease (1982), *The Byzantine generals problem*, ACM Transactions on Programming
#   Languages and Systems 4. Where the name comes from; agreement instead of averages.
# - P. Blanchard, E. M. El Mhamdi, R. Guerraoui and J. Stainer (2017), *Machine learning with adversaries: Byzantine
#   tolerant gradient descent*, NIPS. Krum, and the proof that no linear rule stands a single liar.
# - D. Yin, Y. Chen, K. Ramchandran and P. Bartlett (2018), *Byzantine-robust distributed learning: towards optimal
#   statistical rates*, ICML. Median and trimmed mean, with what they cost in samples.
# - E. M. El Mhamdi, R. Guerraoui and S. Rouault (2018), *The hidden vulnerability of distributed learning in
#   Byzantium*, ICML. A lie in one coordinate of very many, and Bulyan against it.
# - G. Baruch, M. Baruch and Y. Goldberg (2019), *A little is enough: circumventing defenses for distributed learning*,
#   NeurIPS. ALIE: lies that are no outliers.
# - C. Xie, O. Koyejo and I. Gupta (2020), *Fall of empires: breaking Byzantine-tolerant SGD by inner product
#   manipulation*, UAI. The small and the large multiple of this lecture.
# - K. Pillutla, S. M. Kakade and Z. Harchaoui (2022), *Robust aggregation for federated learning*, IEEE Transactions on
#   Signal Processing 70. The geometric median, by Weiszfeld's steps, at the scale of phones.
# - S. P. Karimireddy, L. He and M. Jaggi (2021), *Learning from history for Byzantine robust optimization*, ICML. Why
#   momentum is needed, and centred clipping.
# - S. P. Karimireddy, L. He and M. Jaggi (2022), *Byzantine-robust learning on heterogeneous datasets via bucketing*,
#   ICLR. The limit of card 7.6 in general, mimic, and bucketing.
