"""Which method should my machines run? Predicted seconds for each all-reduce and each family of methods."""

from course_lib.planner.job import ASSUMPTIONS, MODELS, STRAGGLERS, Job
from course_lib.planner.plan import Forecast, Plan, forecasts, plan
from course_lib.planner.report import LABELS

__all__ = ["ASSUMPTIONS", "LABELS", "MODELS", "STRAGGLERS", "Forecast", "Job", "Plan", "forecasts", "plan"]
