# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # Study 3. Compression
#
# **The question.** Twelve ways to send a gradient in fewer bytes. How many bytes does each really need, not a round,
# but until the model is good? And what does a memory of what was left out change?
#
# Eight workers hold digits in unequal mixtures of classes. Every compressor of [lecture 3](03_compression.ipynb) runs
# twice, with the better of two step sizes: *plain*, as it is, and *with a memory*. The memory is error feedback; for
# unbiased compressors with $\omega\ge1$ (random sparsification, QSGD, TernGrad), which error feedback does not suit,
# it is DIANA's shifts. Bytes are those of the encoded messages, which everyone sends to everyone, Float32's too.
# Uncompressed gradients could be added on the way: an all-reduce of single-precision numbers sends a quarter of what
# stands in Float32's row. Against that, divide the last column by four; what is then below 1 loses. The target is a
# training loss within 0.1 of the best possible.
#
# **Predict.** Which of them need no memory? Which never arrive without one?

# %%
from course_lib.cards import source
from course_lib.studies import compression, study

# %% [markdown]
# ## One run

# %%
source(compression.measure)

# %% [markdown]
# ## The runs
#
# The quick form: 80 rounds, two seeds; *never* means not within those. The full form, 320 rounds and ten seeds:
#
# `python -m course_lib study compression`

# %%
results = study("compression").run(quick=True)
results

# %%
results.figure

# %% [markdown]
# Three groups:
#
# - **Mild and unbiased** (rounding to powers of two, QSGD, TernGrad, the random quantiser): no memory needed. They add
#   noise, and averaging over workers takes most of it away.
# - **Biased** (top-k, signs, low rank): with a memory, scaled signs are the thriftiest of all, and top-k is level with
#   QSGD; without one, they need two to four times the rounds or never arrive, as their errors do not average out. (The
#   deterministic quantiser is biased as well, but so finely that it does not matter here.)
# - **Unbiased with large variance** (random sparsification): a tenth of the numbers, with their places about a fifth
#   of the bytes; rounds grow nearly as much, or without end. With $k(1+\omega)=d$ there is little to be won but by
#   averaging.
#
# ## Conclusions

# %%
results.conclusions

# %% [markdown]
# ## What to take from it
#
# Bytes a round say little: compare bytes to the target. If you can afford the memory of one model on each worker, take
# error feedback with top-k or signs; if not, take QSGD. Whether fewer bytes are also fewer seconds depends on the
# network: [study 2](study_2_communication.ipynb).
