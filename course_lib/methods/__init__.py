"""The methods of the course: generators that see the machines only through a cluster."""

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
from course_lib.methods.synchronous import parameter_server_sgd, sync_sgd

#: Every method by name, for the command line and for comparisons. A new method is one line here.
METHODS = {m.__name__: m for m in (sync_sgd, parameter_server_sgd)}
METHODS |= {m.__name__: m for m in (compressed_sgd, error_feedback_sgd, ef21, diana)}
METHODS |= {m.__name__: m for m in (adaptive_compressed_sgd, power_sgd)}
METHODS |= {m.__name__: m for m in (async_sgd, stale_synchronous_sgd, iag, downpour_sgd, hogwild_sgd)}

__all__ = [*METHODS, "METHODS", "delay_adaptive", "inverse_time", "method"]
