"""The methods of the course: generators that see the machines only through a cluster."""

from course_lib.methods.base import inverse_time, method
from course_lib.methods.synchronous import parameter_server_sgd, sync_sgd

#: Every method by name, for the command line and for comparisons. A new method is one line here.
METHODS = {m.__name__: m for m in (sync_sgd, parameter_server_sgd)}

__all__ = [*METHODS, "METHODS", "inverse_time", "method"]
