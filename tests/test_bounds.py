"""Right-hand sides of the theorems on synchronous SGD: limits, conditions, and what follows from what.

That measurements stay below them is test_synchronous's business.
"""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from course_lib import bounds, cards
from course_lib.errors import CourseError

positive = st.floats(1e-3, 1e3)
constants = st.fixed_dictionaries(
    {"mu": st.floats(1e-3, 1), "kappa": st.floats(1, 1e3), "sigma2": st.floats(0, 1e3), "gap": positive}
)


def split(c):
    return {"L": c["kappa"] * c["mu"], "mu": c["mu"], "sigma2": c["sigma2"], "gap": c["gap"]}


@given(c=constants, fraction=st.floats(0.01, 1))
def test_constant_steps_go_from_the_first_gap_to_the_floor(c, fraction):
    c = split(c)
    eta = fraction / c["L"]
    t = np.arange(100)
    bound = bounds.sgd_constant_step(t, eta, **c)
    floor = eta * c["L"] * c["sigma2"] / (2 * c["mu"])
    assert bound[0] == pytest.approx(c["gap"])
    assert bounds.sgd_constant_step(1e9, eta, **c) == pytest.approx(floor)
    np.testing.assert_allclose(  # each step multiplies what is left above the floor by 1 - eta mu
        bound[1:] - floor, (1 - eta * c["mu"]) * (bound[:-1] - floor), rtol=1e-6, atol=1e-9 * (c["gap"] + floor)
    )


@given(c=constants, beta=st.floats(1.01, 10), later=st.floats(0, 10))
def test_diminishing_steps_leave_no_floor(c, beta, later):
    c = split(c)
    beta = beta / c["mu"]
    gamma = beta * c["L"] - 1 + later
    t = np.array([0, 10, 10**6])
    bound = bounds.sgd_inverse_time(t, beta, gamma, **c)
    assert bound[0] >= c["gap"] * (1 - 1e-12)
    np.testing.assert_allclose(bound * (gamma + t + 1), bound[0] * (gamma + 1))


@given(c=constants, epsilon=st.floats(1e-6, 0.5), batch=st.integers(1, 10**6))
@example(c={"mu": 1e-3, "kappa": 126.0, "sigma2": 143.0, "gap": 1e-3}, epsilon=1e-6, batch=1)  # 1 - eta mu rounds to 1
def test_so_many_steps_do_suffice(c, epsilon, batch):
    """2.6 follows from 2.3: with the better of the two steps the bound is at most epsilon after that many."""
    c = split(c)
    epsilon = epsilon * c["gap"]
    T = bounds.steps_to_gap(epsilon, batch, **c)
    noise = c["sigma2"] / batch
    eta = min(1 / c["L"], c["mu"] * epsilon / (c["L"] * noise) if noise else np.inf)
    after = bounds.sgd_constant_step(np.ceil(T), eta, c["L"], c["mu"], noise, c["gap"])
    assert after <= epsilon * (1 + 1e-9)


@given(c=constants.filter(lambda c: c["sigma2"] > 1e-3), epsilon=st.floats(1e-6, 0.5))
def test_speed_up_is_linear_up_to_the_critical_batch_and_ends_there(c, epsilon):
    c = split(c)
    epsilon = epsilon * c["gap"]
    critical = bounds.critical_batch(epsilon, c["mu"], c["sigma2"])
    steps = bounds.steps_to_gap(epsilon, critical * np.array([0.25, 0.5, 1, 2, 1000]), **c)
    np.testing.assert_allclose(steps / steps[2], [4, 2, 1, 1, 1])


def test_the_critical_batch_grows_with_the_accuracy_asked_for():
    assert bounds.critical_batch(1e-3, 0.1, 4.0) == pytest.approx(4e4)
    assert bounds.critical_batch(1e-4, 0.1, 4.0) == pytest.approx(4e5)


@given(L=positive, gap=positive, sigma2=positive)
def test_nonconvex_bound_at_its_best_step(L, gap, sigma2):
    """Over many steps the best step is sqrt(2 gap / (L sigma2 T)), and the bound 2 sqrt(2 L gap sigma2 / T)."""
    T = np.ceil(1 + 2 * L * gap / sigma2) * 100
    eta = np.sqrt(2 * gap / (L * sigma2 * T))
    best = bounds.sgd_nonconvex(T, eta, L, sigma2, gap)
    assert best == pytest.approx(2 * np.sqrt(2 * L * gap * sigma2 / T))
    for other in (eta / 2, min(2 * eta, 1 / L)):
        assert bounds.sgd_nonconvex(T, other, L, sigma2, gap) >= best * (1 - 1e-12)


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda: bounds.sgd_constant_step(1, 0.6, L=2, mu=1, sigma2=0, gap=1), "up to 1/L = 0.5, not 0.6"),
        (lambda: bounds.sgd_nonconvex(1, 0.6, L=2, sigma2=0, gap=1), "up to 1/L = 0.5, not 0.6"),
        (lambda: bounds.sgd_nonconvex(1, np.array([0.1, 0.6]), L=2, sigma2=0, gap=1), "up to 1/L = 0.5, not 0.6"),
        (lambda: bounds.sgd_inverse_time(1, 2.0, 1.0, L=2, mu=1, sigma2=0, gap=1), "up to 1/L = 0.5, not 1"),
        (lambda: bounds.sgd_inverse_time(1, 0.5, 9.0, L=2, mu=1, sigma2=0, gap=1), "beta > 1/mu = 1, not 0.5"),
        (lambda: bounds.sgd_constant_step(1, 0.0, L=2, mu=1, sigma2=0, gap=1), "step size must be positive, not 0"),
        (lambda: bounds.sgd_constant_step(1, -1, L=2, mu=1, sigma2=0, gap=1), "step size must be positive, not -1"),
    ],
)
def test_a_theorem_refuses_what_it_does_not_cover(call, words):
    with pytest.raises(CourseError, match=words) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_a_card_says_whether_the_bound_holds():
    below = cards.holds("measured below the bound", [1.0, 2.0], [2.0, 2.5])
    assert below.holds and below.ratio == pytest.approx(0.8)
    assert str(below) == "measured below the bound: holds at all 2 points (largest measured / bound: 0.8)"
    above = cards.holds("no", [1.0, 3.0], [2.0, 2.5])
    assert not above.holds and "IS VIOLATED" in str(above)
    assert cards.holds("rounding", 1 + 1e-12, 1.0).holds
    assert not cards.holds("no number is below a bound", [float("nan"), 0.1], [1.0, 1.0]).holds
