"""What is to be trained, on which machines: the planner's question, and what it takes for granted."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from course_lib.clusters import Constant, Exponential, Link, Pareto, ShiftedExponential
from course_lib.clusters.timing import ComputeTime
from course_lib.errors import CourseError

#: Parameters of well-known models, as published by their authors (ResNet-50: counted from the architecture).
MODELS = {
    "ResNet-50": 25_600_000,  # He et al. (2016)
    "VGG-16": 138_000_000,  # Simonyan and Zisserman (2015)
    "BERT-base": 110_000_000,  # Devlin et al. (2019)
    "BERT-large": 340_000_000,
    "GPT-2 XL": 1_500_000_000,  # Radford et al. (2019)
    "Llama-3 8B": 8_000_000_000,  # Llama team (2024)
    "Llama-3 70B": 70_000_000_000,
    "GPT-3": 175_000_000_000,  # Brown et al. (2020)
}

#: Compute times of the same mean, by name.
STRAGGLERS = {
    "none": Constant,
    "mild": lambda mean: ShiftedExponential(0.8 * mean, 0.2 * mean),
    "memoryless": Exponential,
    "heavy tail": lambda mean: Pareto(0.6 * mean, 2.5),
}

DIRECTIONS = 12
MOST_WORKERS = 100_000
ASSUMPTIONS = (
    "The loss is a noisy quadratic near its minimum: 12 curvatures spread evenly in logarithm over the condition "
    "number, an equal part of the first gap in each, and isotropic gradient noise of constant size.",
    "Half of the workers see a loss steeper by the factor 1 + heterogeneity, half one flatter by 1 - heterogeneity, "
    "and their gradients differ at the optimum in the same proportion; the halves are mixed at random. Where all see "
    "the same quadratic, local steps cost no accuracy: real losses are less kind.",
    "Every method runs with its best constant step size and its best setting, and is judged by the expected loss at "
    "the workers' mean model.",
    "Messages follow the alpha-beta model on links that do not share wires; nothing overlaps with computing; all "
    "machines draw their compute times from one law, independently.",
    "One server, whose port is as quick as a worker's. Compressed messages go to everyone (an all-gather).",
)


@dataclass(frozen=True)
class Job:
    """One question to the planner. Its parameters are those of `plan`."""

    parameters: int | str
    workers: int
    latency: float = 5e-5
    bandwidth: float = 1.25e9
    compute: ComputeTime | float = 0.1
    condition: float = 100.0
    noise: float = 1.0
    heterogeneity: float = 0.0
    target: float = 0.01
    word: int = 4

    def __post_init__(self):
        if isinstance(self.parameters, str) and self.parameters not in MODELS:
            raise CourseError(f"no model is called {self.parameters!r}; there are {', '.join(MODELS)}; or give d")
        _whole("parameters", self.d, 1, 10**13)
        _whole("workers", self.workers, 2, MOST_WORKERS)
        _between("condition", self.condition, 1, 1e6)
        _between("noise", self.noise, 0, 1e9)
        _between("heterogeneity", self.heterogeneity, 0, 0.9)
        _between("target", self.target, 1e-8, 0.5)
        if self.word not in (4, 8):
            raise CourseError(f"a word is a float of 4 or of 8 bytes, not {self.word}")
        Link(self.latency, self.bandwidth)  # refuses what is no link
        compute = self.compute if isinstance(self.compute, ComputeTime) else Constant(self.compute)
        if type(compute) not in (Constant, Exponential, ShiftedExponential, Pareto):
            raise CourseError(
                f"the planner knows machines of one kind (Constant, Exponential, ShiftedExponential, Pareto), not "
                f"{type(compute).__name__}: run SimulatedCluster instead"
            )
        if isinstance(compute, Pareto) and compute.shape <= 2:
            raise CourseError(f"a Pareto tail needs a shape above 2, for a variance, not {compute.shape:g}")
        object.__setattr__(self, "compute", compute)

    @property
    def d(self):
        """Number of parameters."""
        return MODELS[self.parameters] if isinstance(self.parameters, str) else self.parameters

    @property
    def size(self):
        """Bytes of one uncompressed message."""
        return self.d * self.word

    @cached_property
    def curvatures(self):
        """Eigenvalues of the model problem, the largest 1, shape (12,)."""
        return np.geomspace(1 / self.condition, 1, DIRECTIONS)

    @cached_property
    def start(self):
        """Distance from the optimum at the start, shape (12,): each direction has a twelfth of the gap, which is 1."""
        return np.sqrt(2 / (DIRECTIONS * self.curvatures))

    @cached_property
    def disagreement(self):
        """By how much the two kinds of workers' gradients miss zero at the optimum, shape (12,)."""
        return self.heterogeneity * self.curvatures * self.start

    @cached_property
    def variance(self):
        """Variance of one worker's gradient in each direction."""
        return self.noise * float(((self.curvatures * self.start) ** 2).mean())


def _whole(name, value, low, high):
    if not (isinstance(value, (int, np.integer)) and low <= value <= high):
        raise CourseError(f"{name} must be a whole number from {low} to {high:,}, not {value}")


def _between(name, value, low, high):
    if not low <= value <= high:
        raise CourseError(f"{name.replace('_', ' ')} must lie between {low:g} and {high:g}, not {value}")
