# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # To look things up
#
# Symbols, words, all theorem cards, and everything the lectures tell you to read. The two long lists are not typed: the
# cells below read them out of the lectures.
#
# ## Notation
#
# The symbols of lectures 1 to 6 mean one thing throughout; the second table lists letters that are claimed twice.
#
# | Symbol | meaning | first in |
# |---|---|---|
# | $m$ | number of workers | [1](01_setting.ipynb) |
# | $d$ | numbers in a model (words in a message) | [1](01_setting.ipynb) |
# | $f=\sum_iw_if_i$ | what is minimised; $f_i$ is worker $i$'s loss on its data $D_i$, $w_i$ its weight | [1](01_setting.ipynb) |
# | $x_t$, $x^*$, $f^*$ | model after $t$ rounds, a minimiser, the least loss | [2](02_synchronous.ipynb) |
# | $\Delta=f(x_0)-\inf f$, $R=\Vert x_0-x^*\Vert$ | where a run starts | [2](02_synchronous.ipynb) |
# | $\eta$, $\eta_t$ | step size | [2](02_synchronous.ipynb) |
# | $g_i$, $\bar g$ | worker $i$'s (mini-batch) gradient, and the mean over workers | [2](02_synchronous.ipynb) |
# | $b$, $\sigma^2$ | samples a worker and round; variance of one sample's gradient | [2](02_synchronous.ipynb) |
# | $L$, $\mu$, $\kappa=L/\mu$ | smoothness, strong convexity, condition number; $L_i$ of $f_i$, $L_{\max}$ the largest | [2](02_synchronous.ipynb) |
# | $G$ | bound on the root mean square of a gradient's norm | [3](03_compression.ipynb) |
# | $\zeta_*^2=\frac1m\sum_i\Vert\nabla f_i(x^*)\Vert^2$ | how much workers disagree at the optimum; $\zeta$ for any $x$ | [3](03_compression.ipynb) |
# | $C$, $\omega$ | compressor; variance constant of an unbiased one | [3](03_compression.ipynb) |
# | $e_t$, $h_i$ | memory of error feedback; DIANA's shift | [3](03_compression.ipynb) |
# | $\tau$, $\tau_t$ | delay, in updates of the model | [4](04_asynchronous.ipynb) |
# | $p_i$ | share of updates that come from worker $i$ | [4](04_asynchronous.ipynb) |
# | $K$ | local steps between two messages | [5](05_local.ipynb) |
# | $c$, $c_i$ | SCAFFOLD's control variates | [5](05_local.ipynb) |
# | $X$ | one model a worker, one row each | [6](06_decentralized.ipynb) |
# | $W$ | mixing matrix; $W_{ij}$ is what $i$ makes of $j$'s model | [6](06_decentralized.ipynb) |
# | $1-\rho$ | spectral gap, $\rho=\Vert W-\frac1m\mathbf1\mathbf1^\top\Vert_2$ | [6](06_decentralized.ipynb) |
# | $H_m=1+\frac12+\dots+\frac1m$ | harmonic number | [4](04_asynchronous.ipynb) |
# | $b_i$, $v_i$ | worker $i$'s share of a batch, the samples it computes a second | [8](08_load.ipynb) |
# | $H$, $H_i$ | Hessians of $f$ and of $f_i$ | [9](09_second_order.ipynb) |
#
# | Claimed twice | here | and there |
# |---|---|---|
# | $\alpha$ | latency of a message, seconds | DIANA's shift step (3); Dirichlet concentration (5) |
# | $\beta$ | seconds a word, the inverse of the bandwidth | memory of a momentum method |
# | $\delta$ | contraction of a biased compressor | grid of the lesson's quantisers (3) |
# | $\rho$ | how slowly a graph mixes | penalty of ADMM, FedProx and DANE, stiffness of a spring (5, 6, 9) |
# | $\tau$ | delay of a gradient | seconds between two checkpoints (7), or of a message (9) |
# | $C$ | compressor | seconds of a message, beside $Y$ of a local step (5) |
# | $R$ | distance to the optimum at the start | seconds of a restart (7), number of racks (8) |
# | $f$ | what is minimised | number of liars among $m$ (7, part two) |
# | $s$ | levels, or a spread | stragglers that a code survives (7) |
# | $M$ | | seconds between failures (7), Lipschitz constant of the Hessian (9) |
# | $G$ | bound on a gradient's norm | a factor of K-FAC (9) |
#
# In code, arrays carry their shapes: `x` is one model for all, `(1, d)`; `X` one a worker, `(m, d)`; a leading axis
# holds experiments that run at once.
#
# ## Glossary
#
# | Word | meaning |
# |---|---|
# | all-reduce | every worker contributes a vector and learns the sum (or mean) of all |
# | barrier | a point at which all wait for the slowest |
# | batch, critical | the total batch above which a larger one hardly saves rounds, $B_{crit}=\sigma^2/(\mu\varepsilon)$ |
# | Byzantine | a worker that may send anything at all |
# | client drift | local steps that lead clients to their own minimisers; a bias, not a variance |
# | communication-bound | a round waits for messages more than for gradients |
# | consensus | all workers hold the same model, or how far they are from it |
# | contractive | a compressor that loses at most the share $1-\delta$ of a vector's squared length |
# | control variate | a known vector of mean zero that is subtracted to remove what differs among workers |
# | error feedback | what a message left out is added to the next one |
# | federated | data stay where they arose, on clients of whom only some take part in a round |
# | gossip | averaging with neighbours, again and again |
# | heterogeneity | workers' data, and so their $f_i$, differ |
# | latency, bandwidth | seconds before the first byte, bytes a second after it |
# | linear speed-up | $m$ workers need an $m$-th of the rounds (statistical) or of the seconds (system) |
# | mini-batch | the samples that one gradient is computed on |
# | one-peer | each worker hears one other in a round |
# | parameter server | one machine holds the model; workers fetch it and push gradients |
# | pooled, equal | weights by rows ($n_i/N$), or the same for every worker |
# | replay | the same run once more, bit for bit, from a seed and an order of arrivals |
# | round | what lies between two averagings; the unit of the first of three clocks |
# | staleness | the updates of others since a worker read the model; the delay $\tau$ |
# | straggler | a worker that is late |
# | unbiased | right on average: $\mathbb E\,C(x)=x$ |
#
# ## Theorem cards
#
# A card that says *proved* or *computed* was checked where it stands; one that names authors and a year alone was taken
# from them. Cards are numbered by lecture.

# %%
from course_lib.cards import bibliography, theorem_cards

theorem_cards()

# %% [markdown]
# ## Books and papers
#
# Each lecture ends with its own list, and says what to read for.

# %%
bibliography()
