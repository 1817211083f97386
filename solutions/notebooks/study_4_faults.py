# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # Study 4. Fault tolerance
#
# **The question.** Machines are slow, they die, and some lie. What does each fault cost, by its rate, and what does
# each cure save?
#
# Sixteen workers, digits dealt at random, 8 images a gradient of a millisecond. [Lecture 7](07_faults.ipynb) explains
# faults and cures:
#
# | fault | its rate | cures |
# |---|---|---|
# | stragglers | share of a gradient's time that is memoryless | 4 backup workers; no barrier |
# | crashes | crashes a second of computing; a repair takes 50 ms | go on without the dead; no barrier |
# | flipped signs, three times as long | liars of 16 | five robust rules, with momentum 0.9 |
# | inner product: minus half the honest mean | liars of 16 | the same rules |
#
# Slow and dead machines cost *time*: we measure seconds to a target. Lies cost the *result*: we measure the share of
# test images that is read rightly after 60 rounds.
#
# **Predict.** Seven of sixteen workers lie. Which rule survives both kinds of lies?

# %%
from course_lib.cards import source
from course_lib.studies import faults, study

# %% [markdown]
# ## One run

# %%
source(faults.measure)

# %% [markdown]
# ## The runs
#
# The quick form: two or three rates, two seeds. The full form, all rates and ten seeds:
#
# `python -m course_lib study faults`

# %%
results = study("faults").run(quick=True)
results

# %%
results.figure

# %% [markdown]
# **Slow machines.** A barrier waits for the slowest of sixteen; four backup workers cut the tail off, at the price of a
# quarter of the gradients. Without a barrier slow machines cost nothing, as long as all hold the same kind of data.
#
# **Dead ones.** Waiting for a repair stops everyone. Going on without the dead waits for nobody's: a round among those
# who are there is a whole step, only noisier. Without a barrier a gradient that is missing is a step that is missing:
# no round to lose where crashes are few, but where they are many, rounds among the living take less time.
#
# **Liars.** The mean falls to a crude lie, told by three. Krum shrugs at it, and falls to a subtle one that the mean
# hardly notices: seven equal vectors near zero are each other's nearest neighbours, so Krum picks one of them. (With
# seven liars of sixteen its own condition, $2f+2<m$, is violated, and that is the point: the attack knows it.)
# Medians and the trimmed mean get through either lie of seven with some 86 % of the images or more; no rule is best
# against both.
#
# ## Conclusions

# %%
results.conclusions

# %% [markdown]
# ## What to take from it
#
# Know your fault before you buy its cure: backups against tails, going on without the dead against crashes, a robust
# rule only against lies, since some of them cost accuracy where nobody lies. With different data on the workers all of this
# gets worse: what backups drop and robust rules cut off is then no longer a sample of the rest.
