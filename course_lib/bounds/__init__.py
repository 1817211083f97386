"""Right-hand sides of the theorems, with every constant.

Symbols, the same throughout: L smoothness, mu strong convexity, gap = f(x_0) - f*, and sigma2 the variance
E||g - grad f||^2 of the gradient that a step really uses. For m workers with b samples each that is the
variance of one sample divided by m b.
"""

from course_lib.bounds.asynchronous import (
    delayed_factor,
    delayed_sgd,
    fastest_delayed_step,
    max_stable_step,
    total_staleness,
    wait_for_slowest,
)
from course_lib.bounds.compression import (
    best_k,
    compressed_convex,
    dcgd,
    dcgd_step,
    diana,
    diana_lyapunov,
    diana_step,
    ef21,
    ef21_step,
    error_feedback,
    error_memory,
    norm_test,
    qsgd_variance,
    top_one_growth,
)
from course_lib.bounds.decentralized import (
    admm_factor,
    chebyshev_consensus,
    choco_gossip,
    choco_gossip_step,
    consensus,
    decentralized_subgradient,
    dgd_fixed_point,
    dgd_spread,
    dgd_stable_step,
)
from course_lib.bounds.local import (
    best_local_steps,
    error_runtime,
    local_bias,
    local_fixed_point,
    local_sgd,
    local_spread,
)
from course_lib.bounds.synchronous import (
    critical_batch,
    sgd_constant_step,
    sgd_inverse_time,
    sgd_nonconvex,
    steps_to_gap,
)

__all__ = [
    "admm_factor",
    "best_k",
    "best_local_steps",
    "chebyshev_consensus",
    "choco_gossip",
    "choco_gossip_step",
    "compressed_convex",
    "consensus",
    "critical_batch",
    "dcgd",
    "dcgd_step",
    "decentralized_subgradient",
    "delayed_factor",
    "delayed_sgd",
    "dgd_fixed_point",
    "dgd_spread",
    "dgd_stable_step",
    "diana",
    "diana_lyapunov",
    "diana_step",
    "ef21",
    "ef21_step",
    "error_feedback",
    "error_memory",
    "error_runtime",
    "fastest_delayed_step",
    "local_bias",
    "local_fixed_point",
    "local_sgd",
    "local_spread",
    "max_stable_step",
    "norm_test",
    "qsgd_variance",
    "sgd_constant_step",
    "sgd_inverse_time",
    "sgd_nonconvex",
    "steps_to_gap",
    "top_one_growth",
    "total_staleness",
    "wait_for_slowest",
]
