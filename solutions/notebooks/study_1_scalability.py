# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # Study 1. Scalability
#
# **The question.** How does performance grow with the number of workers, and where does it stop growing?
#
# [Lecture 2](02_synchronous.ipynb) gave the two reasons why it must stop: beyond the critical batch more images a
# round buy no fewer rounds, and messages take longer the more workers there are. This study measures both, on 1438
# images of digits, with seeds and error bars, from 1 to 1024 simulated workers and on 1 to 4 real processes.
#
# Two ways to add workers:
#
# - **weak scaling**: every worker takes 4 images a round, so $m$ workers make a batch of $4m$;
# - **strong scaling**: a round has 1024 images, whoever computes them.
#
# A gradient takes 62.5 µs an image; the network is a data centre's (50 µs, 10 Gbit/s). Every run has the best of five
# step sizes. The measure is the time until the training loss is within 0.1 of the best possible.
#
# **Predict.** With 1024 workers instead of one, how many times sooner is the target reached, in either way?

# %%
from course_lib.cards import source
from course_lib.studies import scalability, study

# %% [markdown]
# ## One run
#
# A study is a grid of runs. This is what one of them does; it depends on its arguments alone.

# %%
source(scalability.measure)

# %% [markdown]
# ## The runs
#
# This page runs the quick form: six numbers of workers, two seeds, and one start of real processes for each number of
# them, under a minute. What is finished is kept on disk: interrupt the cell, run it again, and it goes on where it was.
# The full form, eleven numbers of workers, ten seeds and five starts of real processes, is one command:
#
# `python -m course_lib study scalability`

# %%
results = study("scalability").run(quick=True)
results

# %% [markdown]
# ## Two efficiencies
#
# With $N_m$ the images that $m$ workers need to the target, and $r_m$ the images that each of them gets through in a
# second, the time to the target is $N_m/(m\,r_m)$. So the speed-up is, exactly,
#
# $$\frac{T_1}{T_m}=m\cdot\underbrace{\frac{N_1}{N_m}}_{\text{statistical}}\cdot\underbrace{\frac{r_m}{r_1}}_{\text{system}}.$$

# %%
results.figure

# %% [markdown]
# First panel: weak scaling. The third one says why it ends so early: from about 256 images on a larger batch saves no more
# rounds, and the statistical efficiency falls like $1/m$. Even on a network that costs nothing the speed-up would end at
# the ratio of the rounds (first over last row of the table); on this one, more workers then only add latency.
#
# Second panel: strong scaling. All runs need the same rounds, up to the draw of the images; what ends it is the network. A
# ring needs $2(m-1)$ messages one after another, halving-doubling $2\log_2m$: that alone moves the end from about 16
# workers to some hundreds.
#
# ## Real processes
#
# Last panel, and the last two columns of the table: strong scaling again, but as MPI processes of the computer that ran
# this page, with a clock on the wall. They share a round's 1024 images, add up their gradients by a real all-reduce, and
# need as many rounds as the simulator counts; so whatever separates them from the dashed line is the system's.
#
# Read the dotted line first: it says how many cores the processes had. Beyond it they share cores, so more of them cannot
# compute faster, and each all-reduce waits for a rank that is itself waiting for a core. Four processes on two cores say
# nothing about four machines; the simulated rows, with a core and a wire for each worker, are what to expect there. Up to
# the line the loss is genuine: a gradient on all 1024 images takes about as long as a few messages, and whatever else the
# computer is doing delays the one process for which all others wait. With larger models or images there is more to share.
#
# ## Conclusions
#
# Each is computed from the runs above, and the course's tests assert it with the margin that it states.

# %%
results.conclusions

# %% [markdown]
# ## What to take from it
#
# Ask first which efficiency you lose. If it is the statistical one, no network will help: a smaller batch a worker, a
# lower target or another method will. If it is the system's, look at the all-reduce, then at sending less or less
# often ([study 2](study_2_communication.ipynb)).
#
# What is simulated in this study is time, not learning: the iterates are real, the seconds follow the $\alpha$-$\beta$
# model. On the real processes the seconds are real too, and they are those of one computer.
