# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # Study 2. Communication
#
# **The question.** You have one problem and five families of methods: synchronous, compressed, local, asynchronous,
# decentralised. Which of them is first at the target depends on the network. On which network is it which?
#
# Sixteen workers hold digits, each with its own mixture of classes (Dirichlet shares, $\alpha=0.3$). Each family runs
# with its best setting and step size: how many numbers a message holds, how many local steps, which graph. A gradient
# takes a millisecond. The measure is the time until the training loss is within 0.05 of the best possible.
#
# **Predict.** Latency from a microsecond to a second, bandwidth from 10 kB/s to 10 GB/s. Which families win somewhere
# on this map, and where?

# %%
from textwrap import fill

from course_lib import planner
from course_lib.cards import source
from course_lib.clusters import Exponential
from course_lib.explorers.planner import planner_explorer
from course_lib.planner.rehearsal import rehearse
from course_lib.studies import communication, study

# %% [markdown]
# ## One run
#
# The number of steps does not know the network, so it is measured once a setting; the seconds of a step do not know the
# data, so they are measured on every network. Both together fill the map.

# %%
source(communication.measure)

# %% [markdown]
# ## The runs
#
# The quick form: a map of 7 × 7 networks, two seeds, kept on disk as they finish. The full one, 13 × 13 and ten seeds:
#
# `python -m course_lib study communication`

# %%
results = study("communication").run(quick=True)
results

# %% [markdown]
# In brackets: the best setting there, numbers in a message or local steps or the graph.
#
# ## The map

# %%
results.figure

# %% [markdown]
# Read the left panel along its edges. Where **latency** is all (top), the families that talk least often win: local
# steps. Where **bytes** are all (bottom left), those that say least: error feedback with a handful of numbers. On wide
# links whose latency is about a gradient's time (right), asynchronous SGD leads: its two messages are fewer than an
# all-reduce's eight. And where both are cheap (bottom right), all five are within a third of each other. Synchronous and
# decentralised SGD are first nowhere on this map.
#
# The winner's lead (the size of the marks) is small where families meet: there, take the simplest.
#
# ## Conclusions

# %%
results.conclusions

# %% [markdown]
# ## Your cluster
#
# The map is for one model of 650 numbers on 16 machines. The *planner* asks the same question for yours: how many
# parameters, how many workers, which network, how unequal are machines and data? It computes the expected loss of each
# family on a noisy quadratic, and the seconds by the cost models of the lectures. First, is it right? Here are its
# forecasts for a small cluster, against the same runs in the simulator.

# %%
job = {"parameters": 24, "workers": 12, "latency": 1e-3, "bandwidth": 1e5, "word": 8}
machines = {"compute": Exponential(0.02), "condition": 10, "heterogeneity": 0.2}
small = planner.plan(**job, **machines)
for name, forecast in small.families.items():
    seconds, _ = rehearse(small.job, forecast)
    print(f"{name:13} forecast / simulated = {forecast.seconds / seconds:.2f}")

# %% [markdown]
# Now a larger cluster; the planner goes up to 100,000 workers.

# %%
planner.plan("ResNet-50", workers=64, compute=0.2, heterogeneity=0.1)

# %%
planner_explorer

# %% [markdown]
# A forecast is as good as what it takes for granted:

# %%
for assumption in planner.ASSUMPTIONS:
    print(fill(assumption, 88, initial_indent="- ", subsequent_indent="  "))

# %% [markdown]
# On the command line: `python -m course_lib plan ResNet-50 64 --compute 0.2 --heterogeneity 0.1`
