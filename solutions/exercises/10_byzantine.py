# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # Exercise 10: write three rules, break two
#
# Robust rules against lies: now you sit on both sides of the wire. First you write three rules of the server. Then you
# change sides, keep to the server's house rules, and do as much damage as anyone could. At last you say what you would
# run against yourself. It goes with [lecture 7, part two](../notebooks/07_lying.ipynb).
#
# | task | points | time | difficulty |
# |---|---|---|---|
# | 1. Three rules | 2 + 4 + 3 | 40 minutes | easy, medium, easy |
# | 2. A lie within the fence | 4 | 20 minutes | medium |
# | 3. The strongest lie against Krum | 4 | 25 minutes | medium |
# | 4. The damage | | 10 minutes | look and see |
# | 5. Against yourself | 8 | 40 minutes | graded by hand |

# %%
import numpy as np

from course_lib import aggregators, data, problems
from course_lib.attacks import ALIE, Attack, InnerProduct
from course_lib.cards import shaded
from course_lib.clusters import SimulatedCluster
from course_lib.clusters.faults import Byzantine
from course_lib.experiment import run
from course_lib.grading import attempt, check
from course_lib.methods import robust_sgd

# %% [markdown]
# ## 1. Three rules (2 + 4 + 3 points)
#
# What arrives is a matrix `V` of shape $(m,d)$, a row for each worker; $f$ of them may lie. The **trimmed mean** drops, in
# each coordinate on its own, the $f$ largest and the $f$ smallest values.

# %% answer="byzantine-trimmed"
def trimmed_mean(V, f):
    """Trimmed mean of each column, (d,)."""
    ### BEGIN SOLUTION
    return np.sort(V, axis=0)[f : len(V) - f].mean(axis=0)
    ### END SOLUTION


# %% check="byzantine-trimmed"
check("byzantine-trimmed", trimmed_mean)

# %% [markdown]
# **Krum** gives each worker a score: the sum of its *squared* distances to the $m-f-2$ other workers nearest to it. The row
# with the smallest score is the answer.

# %% answer="byzantine-krum"
def krum(V, f):
    """The row of V that wins, (d,)."""
    ### BEGIN SOLUTION
    apart = ((V[:, None] - V) ** 2).sum(axis=-1)
    score = np.sort(apart, axis=1)[:, 1 : len(V) - f - 1].sum(axis=1)
    return V[score.argmin()]
    ### END SOLUTION


# %% check="byzantine-krum"
check("byzantine-krum", krum)

# %% [markdown]
# **Centred clipping** starts from a `centre`, the answer of the round before. Each worker's difference to it is shortened
# to the length `radius`, if it is longer; the centre moves by the mean of these.

# %% answer="byzantine-clip"
def clip(V, centre, radius):
    """The centre after one step, (d,)."""
    ### BEGIN SOLUTION
    away = V - centre
    length = np.linalg.norm(away, axis=1, keepdims=True)
    return centre + (away * np.minimum(1, radius / length)).mean(axis=0)
    ### END SOLUTION


# %% check="byzantine-clip"
check("byzantine-clip", clip)

# %% [markdown]
# Yours beside the library's, on the same rows:

# %%
V = np.random.default_rng(0).normal(size=(20, 6))
centre = np.full(6, 0.1)
with attempt():
    pairs = [
        (trimmed_mean(V, 5), aggregators.TrimmedMean(5)(V)),
        (krum(V, 5), aggregators.Krum(5)(V)),
        (clip(V, centre, 2.0), aggregators.CenteredClipping(2.0)(V, last=centre)),
    ]
    print("same answers:", [np.allclose(mine, theirs[0]) for mine, theirs in pairs])

# %% [markdown]
# ## 2. A lie within the fence (4 points)
#
# You are all $f$ liars. The server takes the trimmed mean, and it is suspicious: a row that in *any* coordinate lies
# beyond all honest values is thrown away at once. (A server could not know that fence. Grant it: you can win even so.)
# Send $f$ rows within the fence so that **in each coordinate the trimmed mean is as far as possible from where the honest
# mean points**: as small as possible where the honest mean is positive, as large as possible where it is negative.

# %% answer="byzantine-fenced"
def fenced(honest, f):
    """Rows of the liars, (f, d), given the honest ones (m - f, d)."""
    ### BEGIN SOLUTION
    lie = np.where(honest.mean(axis=0) > 0, honest.min(axis=0), honest.max(axis=0))
    return np.tile(lie, (f, 1))
    ### END SOLUTION


# %% check="byzantine-fenced"
check("byzantine-fenced", fenced)

# %% [markdown]
# ## 3. The strongest lie against Krum (4 points)
#
# Krum returns a row that was sent, so you want yours to win. All your $f$ rows are alike, $(1-s)\,\mu$ with $\mu$ the
# honest mean: $s=0$ is the honest mean itself, $s=1$ is zero, beyond it the lie points uphill. The larger $s$, the worse
# for the server, and the less likely to win. Find the largest by **bisection**: begin with `low` = 0 and `high` = 10; forty
# times, take the middle, and make it the new `low` if Krum, told $f$, returns your row, else the new `high`. Return `low`.
# (Fang et al. 2020 attack Krum in this way.)

# %% answer="byzantine-strongest"
def strongest(honest, f):
    """The shift s of the strongest lie that still wins, a number."""
    ### BEGIN SOLUTION
    mean, low, high = honest.mean(axis=0), 0.0, 10.0
    for _ in range(40):
        middle = (low + high) / 2
        lie = (1 - middle) * mean
        winner = krum(np.concatenate([honest, np.tile(lie, (f, 1))]), f)
        low, high = (middle, high) if np.array_equal(winner, lie) else (low, middle)
    return low
    ### END SOLUTION


# %% check="byzantine-strongest"
check("byzantine-strongest", strongest)

# %% [markdown]
# ## 4. The damage
#
# Your two lies on the digits: twenty workers, alike data, five liars, forty rounds. Test accuracy in percent, without and
# with worker momentum, beside two lies of the library.

# %%
class Fenced(Attack):
    def lies(self, own, honest, rng):
        return fenced(honest, len(own))


class Strongest(Attack):
    def lies(self, own, honest, rng):
        lie = (1 - strongest(honest, len(own))) * honest.mean(axis=0)
        return np.tile(lie, (len(own), 1))


# %%
digits = data.load("digits")
parts = data.partition_iid(digits.labels, workers=20)
features, labels = data.deal(digits, parts)
test = digits.test_features, digits.test_labels
problem = problems.SoftmaxRegression(features, labels, 1e-3, "equal", test)


def accuracy(rule, attack, momentum):
    faults = [Byzantine(5, attack)] if attack else []
    cluster = SimulatedCluster(problem, batch_size=16, faults=faults)
    training = robust_sgd(cluster, 0.5, rule, momentum)
    return 100 * run(training, 40, record_every=40, quiet=True).accuracy[-1]


# %%
rules = {
    "trimmed mean": aggregators.TrimmedMean(5),
    "Krum": aggregators.Krum(5),
    "centred clipping": aggregators.CenteredClipping(0.5),
}
with attempt():
    attacks = {
        "nobody": None,
        "ALIE": ALIE(1.5),
        "0.6 times back": InnerProduct(0.6),
        "fenced": Fenced(),
        "strongest": Strongest(),
    }
    measured = {
        f"{name}, momentum {momentum}": [
            accuracy(rule, attack, momentum) for attack in attacks.values()
        ]
        for name, rule in rules.items()
        for momentum in (0.0, 0.9)
    }
    display(shaded(measured, attacks, lambda percent: (97 - percent) / 50, ".0f"))

# %% [markdown]
# ## 5. Against yourself (8 points)
#
# **Which of the three rules would you run against a liar as good as you, and why?** Say what each of your lies uses of
# the rule that it breaks; why momentum weakens them; what a fence that can be had in practice would look like, and
# whether it helps; and what you could still do if honest workers held different data. Use your table. About twelve lines.

# %% [markdown] essay="byzantine-yourself" points=8
# ### BEGIN SOLUTION
# The fenced lie uses that a trimmed mean always drops $f$ values at *each* end: with all lies at one end of the honest
# range it drops $f$ honest values at the other, and what is left is the mean of the $m-2f$ honest values at the wrong
# end. No fence per coordinate sees it, as every value is one that an honest worker sent. The lie against Krum uses that
# equal rows have distance zero: $f-1$ of the $m-f-2$ neighbours are free, honest rows must pay for all of theirs with
# their noise, so the noisier honest gradients are, the larger $s$ may be; with $s>1$ Krum's answer points uphill, and
# training without momentum ends near zero accuracy. **Momentum** averages the noise over ten rounds: the honest range
# shrinks, and so do the fence and the price that honest rows pay; both lies lose most of their force. I would run
# centred clipping with momentum: each liar moves the answer by at most radius$/m$ a round, wherever it stands, so all
# five move it at most a quarter of the radius; in its worst column it loses least without momentum, and no more than
# the trimmed mean with it. A fence in practice: the range of norms or of distances seen in earlier rounds, or a small
# clean sample at the server, with which it checks that the answer is a descent direction. The last stops uphill
# answers, so it caps $s$ near 1, and does not stop the fenced lie while its answer still descends. With **different
# data** the honest range is wide whatever momentum does: the fence is wide, Krum's neighbours are far, and I need not
# even lie: repeating one honest worker's row (mimic) is enough. Then an error of order $\frac fm\zeta^2$ remains for
# every rule.
#
# *Rubric (8):* 2 what each lie uses (the other end is trimmed; equal rows are free neighbours); 2 momentum shrinks the
# honest spread, seen in the table; 2 a fence in practice and a case that it misses; 2 different data: the spread does not
# shrink, and an unavoidable error remains.
# ### END SOLUTION
