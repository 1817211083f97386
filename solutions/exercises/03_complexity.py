# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # Exercise 3: what does compressed descent cost?
#
# You turn a theorem into words, the words into seconds, and the seconds into the best message size. It goes with
# [lecture 3](../notebooks/03_compression.ipynb).
#
# | task | points | time | difficulty |
# |---|---|---|---|
# | 1. The variance of rand-k | 2 | 10 minutes | easy |
# | 2. Words to a gap | 5 | 25 minutes | medium |
# | 3. The best k | 7 | 40 minutes | medium, with an edge that is easy to miss |
# | 4. Derivations | 12 | 60 minutes | hard, graded by hand |
#
# The method is compressed gradient descent with rand-$k$. The theorem of the lecture, for $m$ workers whose
# gradients all vanish at the optimum ($\zeta_*=0$): with $\omega$ the relative variance of one message, and
# $\eta=1/(L+2\omega L_{\max}/m)$,
#
# $$\mathbb E\|x_t-x^*\|^2\le(1-\eta\mu)^t\,R^2,\qquad R=\|x_0-x^*\|.$$
#
# The check below each answer draws fresh inputs; the grade is decided on other ones.

# %%
import numpy as np

from course_lib.grading import attempt, check

# %% [markdown]
# ## 1. The variance of rand-k (2 points)
#
# $\mathbb E\|C(x)-x\|^2=\omega\|x\|^2$ for a message of $k$ out of $d$ coordinates, each multiplied by $d/k$.

# %% answer="complexity-omega"
def omega(k, d):
    """The relative variance of rand-k, for 1 <= k <= d."""
    ### BEGIN SOLUTION
    return d / k - 1
    ### END SOLUTION


# %% check="complexity-omega"
check("complexity-omega", omega)

# %% [markdown]
# ## 2. Words to a gap (5 points)
#
# How many words does **one worker** send, in expectation, until the bound says $\mathbb
# E\|x_t-x^*\|^2\le\varepsilon$? Take the largest step size that the theorem allows (as it stands, with its factor
# 2), bound $(1-\eta\mu)^t$ by $e^{-\eta\mu t}$, and leave the number of rounds unrounded. A message holds $k$ words;
# where they stood in the vector follows from a common random seed and costs nothing.

# %% answer="complexity-words"
def words_to_gap(epsilon, k, d, m, L, L_max, mu, R2):
    """Words that one worker sends until the bound reaches epsilon; `R2` is R squared."""
    ### BEGIN SOLUTION
    curvature = L + 2 * (d / k - 1) * L_max / m
    return k * curvature / mu * np.log(R2 / epsilon)
    ### END SOLUTION


# %% check="complexity-words"
check("complexity-words", words_to_gap)

# %% [markdown]
# Look at what you found, for $d=1000$ and $L=L_{\max}$: words relative to no compression. Read it line by line: for
# how many workers does a smaller message save words at all, and what becomes of the saving as $m$ grows?

# %%
with attempt():
    kept = (1, 10, 100, 1000)
    print("workers" + "".join(f"{f'k = {k}':>10}" for k in kept))
    for m in (1, 2, 4, 16, 256, 10**6):
        words = [words_to_gap(1e-3, k, 1000, m, 1.0, 1.0, 0.1, 1.0) for k in kept]
        print(f"{m:7}" + "".join(f"{w / words[-1]:10.3f}" for w in words))

# %% [markdown]
# Is it true, though? Sixteen workers with the same quadratic in $d=100$ dimensions, 200 runs at once. Measured are the
# words until the mean squared distance is a hundredth of what it was. They must not exceed the bound. That they stay
# below it by the same factor for every $k$ says that its dependence on $k$ is the true one.

# %%
with attempt():
    d, m, curvature = 100, 16, np.geomspace(0.2, 1, 100)
    for k in (2, 10, 50, 100):
        rng, x, rounds = np.random.default_rng(0), np.ones((200, d)), 0
        eta = 1 / (1 + 2 * omega(k, d) / m)
        while (x**2).sum(axis=1).mean() > d / 100 and rounds < 500:
            kept = rng.random((200, m, d)).argsort(axis=-1) < k
            x, rounds = x - eta * curvature * x * kept.mean(axis=1) * d / k, rounds + 1
        bound = words_to_gap(d / 100, k, d, m, 1.0, 1.0, 0.2, d)
        print(f"k = {k:3}: {k * rounds:5} words, {k * rounds / bound:.2f} of the bound")

# %% [markdown]
# ## 3. The best k (7 points)
#
# Words are not seconds. A round takes `latency + seconds_per_word * k` seconds, and the rounds grow like
# $1+\frac2m\big(\frac dk-1\big)$ (this is task 2 with $L=L_{\max}$). Which real number $k$ between 1 and $d$
# minimises the time to a gap? The number of workers may be anything from 1 on: look hard at small ones before you
# divide. For $d=10^6$, $m=16$, a latency of 100 µs and 10 ns a word it is about 37,796.

# %% answer="complexity-kstar"
def kstar(d, m, latency, seconds_per_word):
    """The best number of coordinates to send, from 1 to d, a float; m = 1, 2, 3, ..."""
    ### BEGIN SOLUTION
    if m <= 2:  # the time falls all the way: see task 4
        return float(d)
    best = np.sqrt(2 * d * latency / ((m - 2) * seconds_per_word))
    return float(np.clip(best, 1, d))
    ### END SOLUTION


# %% check="complexity-kstar"
check("complexity-kstar", kstar)

# %%
with attempt():
    d, latency, word = 10**6, 1e-4, 1e-8
    k = np.geomspace(1, d, 2001)
    for m in (1, 2, 3, 16, 1000):
        seconds = (latency + word * k) * (1 + 2 / m * (d / k - 1))
        gain = seconds[-1] / seconds.min()
        print(f"m = {m:4}: best on a grid {k[seconds.argmin()]:9.0f}, kstar "
              f"{kstar(d, m, latency, word):9.0f}, {gain:.1f} times faster than k = d")

# %% [markdown]
# ## 4. Derivations (12 points)
#
# 1. Derive $\omega=d/k-1$ for rand-$k$, and with it the words of task 2. What happens to them as $m\to\infty$? (3)
# 2. Derive your $k^*$, and say what happens for $m=1$ and $m=2$ and why. (4)
# 3. Where $\zeta_*=0$ the factor 2 in the step size is not needed: show $\mathbb E\|g\|^2\le2\big(L+\frac{\omega
#    L_{\max}}m\big)(f(x)-f^*)$ for the averaged message $g$. How do the words of a single worker ($m=1$,
#    $L=L_{\max}$) now depend on $k$? (3)
# 4. Your manager reads: "rand-$k$ with $k=d/100$ cuts communication by a factor of 100." In three sentences, what is
#    the true statement? (2)

# %% [markdown] essay="complexity-derivation" points=12
# ### BEGIN SOLUTION
# **1.** A coordinate is $\frac dkx_j$ with probability $\frac kd$, else 0: mean $x_j$, second moment $\frac
# dkx_j^2$, variance $(\frac dk-1)x_j^2$; sum over $j$. Rounds: $e^{-\eta\mu t}R^2\le\varepsilon$ for
# $t=\frac1{\eta\mu}\ln\frac{R^2}\varepsilon$, so words $k\,\frac{L+2\omega
# L_{\max}/m}\mu\ln\frac{R^2}\varepsilon=\frac1\mu\big(kL+\frac{2(d-k)L_{\max}}m\big)\ln\frac{R^2}\varepsilon$. As
# $m\to\infty$ the second term goes, and words are proportional to $k$: averaging has paid for the variance.
#
# **2.** $(\alpha+\beta k)\big((1-\frac2m)+\frac{2d}{mk}\big)=\frac{2d\alpha}{mk}+\beta(1-\frac2m)k+\text{const}$.
# For $m>2$ both coefficients are positive; the derivative vanishes at $k^*=\sqrt{\frac{2d\alpha}{m\beta(1-2/m)}}$, a
# minimum as the function is convex; clip to $[1,d]$. For $m=2$ the term in $k$ is gone: the time is $(\alpha+\beta
# k)\frac dk=\frac{d\alpha}k+d\beta$, and falls all the way to $k=d$: rand-$k$ never pays. For $m=1$ the coefficient
# of $k$ is even negative: again $k=d$.
#
# **3.** Messages are independent and unbiased: $\mathbb E\|g\|^2\le\|\nabla f(x)\|^2+\frac\omega{m^2}\sum_i\|\nabla
# f_i(x)\|^2$. Convexity and smoothness give $\|\nabla f\|^2\le2L(f-f^*)$ and, as $\nabla f_i(x^*)=0$, $\|\nabla
# f_i(x)\|^2\le2L_{\max}(f_i(x)-f_i(x^*))$; averaging the latter gives the claim. (With $\zeta_*\ne0$ one first
# splits off $\nabla f_i(x^*)$, and that costs the 2.) Then $\eta=1/(L+\omega L_{\max}/m)$, and for $m=1$ the words
# are $k(1+\omega)\frac L\mu\ln\frac{R^2}\varepsilon=d\,\frac L\mu\ln\frac{R^2}\varepsilon$: they do not depend on
# $k$ at all.
#
# **4.** It cuts a *round's* words by 100. The rounds grow by $1+2\omega/m$ with $\omega=99$, so with few workers
# nothing is saved, and with $m$ workers at most a factor of about $m/2$ (or 100). Where latency dominates a round
# the time even grows.
#
# *Rubric (12):* 1: 1 variance, 1 words, 1 limit. 2: 2 the derivation with its second-order condition or convexity, 1
# for each of $m=2$ and $m=1$. 3: 2 the inequality, 1 "independent of $k$". 4: 2, none if it claims that smaller
# $\omega$ means less communication.
# ### END SOLUTION
