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
# A symbol means one thing throughout, except where a whole field is used to another meaning: the second table lists
# these letters, and the lectures in which to expect it.
#
# | Symbol | meaning | first in |
# |---|---|---|
# | $m$ | number of workers | [1](01_setting.ipynb) |
# | $d$ | numbers in a model (words in a message) | [1](01_setting.ipynb) |
# | $f=\sum_iw_if_i$ | what is minimised; $f_i$ is worker $i$'s loss on its data $D_i$, $w_i$ its weight | [1](01_setting.ipynb) |
# | $x_t$, $x^*$, $f^*$ | model after $t$ rounds, a minimiser, the least loss | [2](02_synchronous.ipynb) |
# | $\Delta=f(x_0)-\inf f$, $R=\Vert x_0-x^*\Vert$ | where a run starts | [2](02_synchronous.ipynb) |
# | $\eta$, $\eta_t$ | step size | [1](01_setting.ipynb) |
# | $g_i$, $\bar g$ | worker $i$'s (mini-batch) gradient, and the mean over workers | [2](02_synchronous.ipynb) |
# | $t$, $T$ | number of a round or update, how many there are | [2](02_synchronous.ipynb) |
# | $\varepsilon$ | the gap, or squared gradient, to be reached | [2](02_synchronous.ipynb) |
# | $b$, $\sigma^2$ | samples a worker and round; variance of one sample's gradient | [1](01_setting.ipynb), [2](02_synchronous.ipynb) |
# | $L$, $\mu$, $\kappa=L/\mu$ | smoothness, strong convexity, condition number; $L_i$ of $f_i$, $L_{\max}$ the largest | [1](01_setting.ipynb), [2](02_synchronous.ipynb) |
# | $G$ | bound on the root mean square of a gradient's norm | [3](03_compression.ipynb) |
# | $\zeta_*^2=\frac1m\sum_i\Vert\nabla f_i(x^*)\Vert^2$ | how much workers disagree at the optimum; $\zeta$ for any $x$ | [3](03_compression.ipynb) |
# | $C$, $\omega$ | compressor; variance constant of an unbiased one | [3](03_compression.ipynb) |
# | $e_t$, $h_i$ | memory of error feedback; DIANA's shift | [3](03_compression.ipynb) |
# | $\tau$, $\tau_t$ | delay, in updates of the model | [4](04_asynchronous.ipynb) |
# | $p_i$ | share of worker $i$ in what the server hears | [4](04_asynchronous.ipynb) |
# | $K$ | local steps between two messages | [5](05_local.ipynb) |
# | $c$, $c_i$ | SCAFFOLD's control variates | [5](05_local.ipynb) |
# | $H_m=1+\frac12+\dots+\frac1m$ | harmonic number | [4](04_asynchronous.ipynb) |
# | $X$ | one model a worker, one row each | [6](06_decentralized.ipynb) |
# | $W$ | mixing matrix; $W_{ij}$ is what $i$ makes of $j$'s model | [6](06_decentralized.ipynb) |
# | $1-\rho$ | spectral gap, $\rho=\Vert W-\frac1m\mathbf1\mathbf1^\top\Vert_2$ | [6](06_decentralized.ipynb) |
# | $b_i$, $v_i$ | worker $i$'s share of a batch, the samples it computes a second | [8](08_load.ipynb) |
# | $H$, $H_i$ | Hessians of $f$ and of $f_i$ | [9](09_second_order.ipynb) |
#
# | Claimed twice | here | and there |
# |---|---|---|
# | $\alpha$ | latency of a message, seconds | DIANA's shift step (3); Dirichlet concentration (1, 5) |
# | $\beta$ | seconds a word, the inverse of the bandwidth | memory of a momentum method; numerator of a shrinking step (2) |
# | $\gamma$ | how far CHOCO steps (6) | shift of a shrinking step (2); normalised gap (9) |
# | $\delta$ | contraction of a biased compressor | grid of the lesson's quantisers (3), seconds of a save (7), unlikeness of Hessians (9) |
# | $\zeta$ | how much workers disagree | a row of data (1) |
# | $\lambda$ | curvature (1, 4) | eigenvalue of $W$ (6) |
# | $\rho$ | how slowly a graph mixes | penalty of ADMM, FedProx and DANE, stiffness of a spring (5, 6, 9) |
# | $\tau$ | delay of a gradient | seconds between two checkpoints (7), or of a message (9) |
# | $C$ | compressor | seconds of a message, beside $Y$ of a local step (5) |
# | $Y$ | trackers, one row each (6) | seconds of a local step (5) |
# | $D$ | with a number, $D_i$: worker $i$'s data | diameter of a network (9) |
# | $R$ | distance to the optimum at the start | seconds of a restart (7), number of racks (8) |
# | $f$ | what is minimised | number of liars among $m$ (7, part two) |
# | $s$ | levels of QSGD | mean compute time (4), stragglers that a code survives (7), machines in a rack (8) |
# | $M$ | | seconds between failures (7), Lipschitz constant of the Hessian (9) |
# | $G$ | bound on a gradient's norm | all workers' gradients, one row each (6); a factor of K-FAC (9) |
# | $g$ | gradient | workers in a box (1), samples in a task (8) |
# | $b$, $b_i$ | samples a worker draws | where worker $i$'s quadratic is least (4 to 7); backup workers (7) |
# | $T$ | rounds or updates | a budget of seconds (5), mean compute time (7), a change of units (9) |
# | $H$ | Hessian | with a number, $H_m$: harmonic (4, 7, 8) |
# | $\mu$, $\sigma$ | strong convexity, noise of a gradient | mean and deviation of the honest (7, part two) and of times (8) |
# | $\varepsilon$ | what is to be reached | strength of a lie (7, part two) |
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
# | batch, critical | the total batch above which a larger one hardly saves rounds, $B_{crit}=\sigma^2/(\mu\varepsilon)$; without strong convexity $2\sigma^2/\varepsilon$ |
# | Byzantine | a worker that may send anything at all |
# | client drift | local steps that lead clients to their own minimisers; a bias, not a variance |
# | checkpoint | all that a run must have on disk to go on bit for bit: the method's state and the cluster's |
# | communication-bound | a round waits for messages more than for gradients |
# | consensus | all workers hold the same model, or how far they are from it |
# | contractive | a compressor that loses at most the share $1-\delta$ of a vector's squared length |
# | control variate | a known vector of mean zero that is subtracted to remove what differs among workers |
# | error feedback | what a message left out is added to the next one |
# | federated | data stay where they arose, on clients of whom only some take part in a round |
# | gossip | averaging with neighbours, again and again |
# | gradient coding | data on several machines, messages mixed, so that any of enough machines tell the whole gradient |
# | heterogeneity | workers' data, and so their $f_i$, differ |
# | latency, bandwidth | seconds before the first byte, bytes a second after it |
# | ledger | the cluster's account of messages and bytes sent |
# | linear speed-up | $m$ workers need an $m$-th of the rounds (statistical) or of the seconds (system) |
# | mini-batch | the samples that one gradient is computed on |
# | mixing matrix | who gives how much weight to whose model in one round of averaging |
# | one-peer | each worker hears one other in a round |
# | parameter server | one machine holds the model; workers fetch it and push gradients |
# | pooled, equal | weights by rows ($n_i/N$), or the same for every worker |
# | replay | the same run once more, bit for bit, from a seed and an order of arrivals |
# | round | what lies between two averagings; the unit of the first of three clocks |
# | spectral gap | $1-\rho$: the share of the disagreement that a round of averaging removes at least |
# | staleness | the updates of others since a worker read the model; the delay $\tau$ |
# | straggler | a worker that is late |
# | stub | a *Your turn* cell that waits for your lines |
# | trace | who computed, sent, waited or was down, and when |
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

# %% [markdown]
# Named on the way, for a theorem or a method, without being set to read:
#
# - S. Amari (1998), *Natural gradient works efficiently in learning*, Neural Computation 10. Lecture 9.
# - L. Armijo (1966), *Minimization of functions having Lipschitz continuous first partial derivatives*, Pacific Journal of
#   Mathematics 16. Lecture 9.
# - M. Fang, X. Cao, J. Jia and N. Z. Gong (2020), *Local model poisoning attacks to Byzantine-robust federated learning*,
#   USENIX Security. Exercise 10.
# - P. Giselsson and S. Boyd (2017), *Linear convergence and metric selection for Douglas-Rachford splitting and ADMM*, IEEE
#   Transactions on Automatic Control 62. Card 6.5.
# - D. Kempe, A. Dobra and J. Gehrke (2003), *Gossip-based computation of aggregate information*, FOCS. Push-sum, lecture 6.
# - S. Khirirat, H. R. Feyzmahdavian and M. Johansson (2018), *Distributed learning with compressed gradients*, arXiv.
#   Card 3.2.
# - A. Koloskova, N. Loizou, S. Boreiri, M. Jaggi and S. U. Stich (2020), *A unified theory of decentralized SGD with
#   changing topology and local updates*, ICML. Card 6.4.
# - S. A. Levin and R. M. May (1976), *A note on difference-delay equations*, Theoretical Population Biology 9. Card 4.2.
# - K. Mishchenko, G. Malinovsky, S. Stich and P. Richtárik (2022), *ProxSkip: yes! Local gradient steps provably lead to
#   communication acceleration! Finally!*, ICML. Scaffnew, lecture 5.
# - I. Mitliagkas, C. Zhang, S. Hadjis and C. Ré (2016), *Asynchrony begets momentum, with an application to deep
#   learning*, Allerton Conference. Lecture 4.
# - S. Minsker (2015), *Geometric median and robust estimation in Banach spaces*, Bernoulli 21. Card 7.5.
# - A. Nedić and A. Olshevsky (2016), *Stochastic gradient-push for strongly convex functions on time-varying directed
#   graphs*, IEEE Transactions on Automatic Control 61. Push-sum SGD, lecture 6.
# - A. Nedić, A. Olshevsky and W. Shi (2017), *Achieving geometric convergence for distributed optimization over
#   time-varying graphs*, SIAM Journal on Optimization 27. Gradient tracking, lecture 6.
# - Y. Nesterov (1983), *A method of solving a convex programming problem with convergence rate O(1/k²)*, Soviet
#   Mathematics Doklady 27. Lecture 9.
# - J. Nocedal (1980), *Updating quasi-Newton matrices with limited storage*, Mathematics of Computation 35. Lecture 9.
# - G. Qu and N. Li (2018), *Harnessing smoothness to accelerate distributed optimization*, IEEE Transactions on Control of
#   Network Systems 5. Gradient tracking, lecture 6.
# - S. J. Reddi et al. (2016), *AIDE: fast and communication efficient distributed optimization*, arXiv. Lecture 9.
# - B. Woodworth, B. Bullins, O. Shamir and N. Srebro (2021), *The min-max complexity of distributed stochastic convex
#   optimization with intermittent communication*, COLT. Lecture 9.
# - K. Yuan, B. Ying, X. Zhao and A. H. Sayed (2019), *Exact diffusion for distributed optimization and learning*, IEEE
#   Transactions on Signal Processing 67. Lecture 6.
# - K. Yuan, Q. Ling and W. Yin (2016), *On the convergence of decentralized gradient descent*, SIAM Journal on
#   Optimization 26. Card 6.3.
