"""The methods of the course: generators that see the machines only through a cluster."""

from course_lib.methods.admm import admm, admm_residuals, decentralized_admm
from course_lib.methods.asynchronous import (
    async_sgd,
    delay_adaptive,
    downpour_sgd,
    hogwild_sgd,
    iag,
    stale_synchronous_sgd,
)
from course_lib.methods.base import inverse_time, method
from course_lib.methods.compressed import (
    adaptive_compressed_sgd,
    compressed_sgd,
    diana,
    ef21,
    error_feedback_sgd,
    power_sgd,
)
from course_lib.methods.decentralized import (
    adapt_then_combine,
    choco_sgd,
    decentralized_subgradient,
    dsgd,
    exact_diffusion,
    extra,
    gradient_tracking,
    push_sum_sgd,
)
from course_lib.methods.fault_tolerance import backup_sgd, coded_sgd, deadline_sgd, elastic_sgd, speculative_sgd
from course_lib.methods.federated import fedadam, fedavg, fedavgm, fedprox, scaffold
from course_lib.methods.gossip import chebyshev_gossip, choco_gossip, gossip, pairwise_gossip, push_sum
from course_lib.methods.load import (
    adaptive_batch_sgd,
    balanced_sgd,
    equal_tasks,
    shrinking_tasks,
    whole_shares,
    work_queue_sgd,
)
from course_lib.methods.local import (
    adaptive_local_sgd,
    epochs,
    local_sgd,
    periodic_averaging,
    post_local,
    scaffnew,
)
from course_lib.methods.natural import kfac, natural_gradient
from course_lib.methods.quasi_newton import lbfgs
from course_lib.methods.robust import robust_sgd
from course_lib.methods.second_order import dane, fednl, giant, newton
from course_lib.methods.synchronous import accelerated_gradient, parameter_server_sgd, sync_sgd

#: Every method by name, for the command line and for comparisons. A new method is one line here.
METHODS = {m.__name__: m for m in (sync_sgd, parameter_server_sgd)}
METHODS |= {m.__name__: m for m in (compressed_sgd, error_feedback_sgd, ef21, diana)}
METHODS |= {m.__name__: m for m in (adaptive_compressed_sgd, power_sgd)}
METHODS |= {m.__name__: m for m in (async_sgd, stale_synchronous_sgd, iag, downpour_sgd, hogwild_sgd)}
METHODS |= {m.__name__: m for m in (gossip, chebyshev_gossip, pairwise_gossip, choco_gossip, push_sum)}
METHODS |= {m.__name__: m for m in (dsgd, adapt_then_combine, decentralized_subgradient, extra, gradient_tracking)}
METHODS |= {m.__name__: m for m in (exact_diffusion, choco_sgd, push_sum_sgd, admm, decentralized_admm)}
METHODS |= {m.__name__: m for m in (local_sgd, fedavg, fedprox, scaffold, scaffnew, periodic_averaging)}
METHODS |= {m.__name__: m for m in (adaptive_local_sgd, fedavgm, fedadam)}
METHODS |= {m.__name__: m for m in (balanced_sgd, adaptive_batch_sgd, work_queue_sgd, robust_sgd)}
METHODS |= {m.__name__: m for m in (accelerated_gradient, newton, dane, giant, lbfgs, fednl, natural_gradient, kfac)}
METHODS |= {m.__name__: m for m in (backup_sgd, deadline_sgd, elastic_sgd, speculative_sgd, coded_sgd)}

__all__ = [*METHODS, "METHODS", "admm_residuals", "delay_adaptive", "epochs", "inverse_time", "method", "post_local"]
__all__ += ["equal_tasks", "shrinking_tasks", "whole_shares"]
