"""Aggregators: what a server makes of m vectors if some of the workers lie.

A new rule is one class: a subclass of `Aggregator` with `combine` and `tolerates`, and one line in `AGGREGATORS`.
"""

from course_lib.aggregators.base import Aggregator
from course_lib.aggregators.bucketing import Bucketing
from course_lib.aggregators.centres import CenteredClipping, GeometricMedian
from course_lib.aggregators.coordinates import CoordinateMedian, Mean, TrimmedMean
from course_lib.aggregators.distances import Bulyan, Krum, MultiKrum

#: Every rule by name.
AGGREGATORS = {
    rule.__name__: rule
    for rule in (
        Mean, CoordinateMedian, TrimmedMean, Krum, MultiKrum, Bulyan, GeometricMedian, CenteredClipping, Bucketing,
    )
}  # fmt: skip

__all__ = [*AGGREGATORS, "AGGREGATORS", "Aggregator"]
