"""The one question of the start page: to meet the public check."""

import numpy as np

from course_lib.grading.question import Question


def average(gradients):
    return gradients.mean(axis=0)


QUESTIONS = [
    Question(
        id="start-average",
        name="average",
        points=1,
        inputs=lambda rng: (rng.normal(size=(rng.integers(3, 9), 5)),),
        reference=average,
        wrong={
            "that is the sum: with m workers the step would be m times too long": lambda g: g.sum(axis=0),
            "you averaged along the parameters; average along the workers, the first axis": lambda g: g.mean(axis=1),
            "a median ignores how large the gradients of half the workers are": lambda g: np.median(g, axis=0),
        },
        hints=("One row a worker: average along the first axis.", "NumPy: gradients.mean(axis=0)."),
    ),
]
