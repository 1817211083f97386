"""What Byzantine workers send: lies that know everything.

An attack sees what its liars would have sent, had they been honest, and what all honest workers send. It says
nothing of who lies; that is a fault of the cluster: ``SimulatedCluster(problem, faults=[Byzantine(5, SignFlip())])``.
Lies in the data instead of the message are made by `flip_labels`, before there is a cluster.

A new attack is one class: a subclass of `Attack` with `lies`, and one line in `ATTACKS`.
"""

from dataclasses import dataclass

from scipy.special import ndtri

from course_lib.errors import CourseError


class Attack:
    """What f liars make of their own rows and of the honest ones."""

    def lies(self, own, honest, rng):
        """What the liars send.

        Parameters
        ----------
        own : array, shape (..., f, d)
            What they would have sent.
        honest : array, shape (..., m - f, d)
            What the others send.
        rng : numpy Generator

        Returns
        -------
        array, shape (..., f, d)
            Or (..., 1, d), if all of them send the same.
        """
        raise NotImplementedError


@dataclass(frozen=True)
class SignFlip(Attack):
    """Each liar sends its own vector the other way round, `strength` times as long.

    Parameters
    ----------
    strength : float
    """

    strength: float = 1.0

    def lies(self, own, honest, rng):
        return -self.strength * own


@dataclass(frozen=True)
class Gaussian(Attack):
    """Pure noise of standard deviation `scale` in every coordinate: a broken machine rather than an enemy.

    Parameters
    ----------
    scale : float
    """

    scale: float = 1.0

    def lies(self, own, honest, rng):
        return self.scale * rng.standard_normal(own.shape)


@dataclass(frozen=True)
class ALIE(Attack):
    """A little is enough (Baruch, Baruch and Goldberg, 2019): mu - z sigma, coordinate by coordinate.

    mu and sigma are mean and standard deviation of the honest. The lie is no outlier: with z as large as there are
    honest workers further out, whom a rule would take out first.

    Parameters
    ----------
    z : float, optional
        Phi^-1((m - f - s) / (m - f)) if left out, where s = floor(m/2) + 1 - f honest workers make a majority with
        the liars.
    """

    z: float | None = None

    def lies(self, own, honest, rng):
        z = self.shift(own.shape[-2], honest.shape[-2]) if self.z is None else self.z
        return honest.mean(axis=-2, keepdims=True) - z * honest.std(axis=-2, keepdims=True)

    @staticmethod
    def shift(f, others):
        """The z of the paper, for f liars among f + others workers."""
        supporters = (f + others) // 2 + 1 - f
        if supporters < 1:
            raise CourseError(f"{f} liars among {f + others} workers need no supporters: ALIE is made for a minority")
        return float(ndtri((others - supporters) / others))


@dataclass(frozen=True)
class InnerProduct(Attack):
    """Inner-product manipulation (Xie, Koyejo and Gupta, 2020): -epsilon times the mean of the honest.

    The mean of all turns against the honest one iff epsilon > (m - f) / f; a small epsilon hides near zero.

    Parameters
    ----------
    epsilon : float
    """

    epsilon: float

    def lies(self, own, honest, rng):
        return -self.epsilon * honest.mean(axis=-2, keepdims=True)


@dataclass(frozen=True)
class Mimic(Attack):
    """All liars send what one honest worker sends (Karimireddy, He and Jaggi, 2022).

    Nothing in it is false, no outlier can be found; with different data the one has too much weight.

    Parameters
    ----------
    worker : int
        Whom to copy, counted among the honest.
    """

    worker: int = 0

    def lies(self, own, honest, rng):
        if not 0 <= self.worker < honest.shape[-2]:
            raise CourseError(f"there are {honest.shape[-2]} honest workers; number {self.worker} is none of them")
        return honest[..., self.worker : self.worker + 1, :]


def flip_labels(labels, workers, classes):
    """Lies in the data: class y becomes classes - 1 - y on some of the workers.

    They compute and send honestly. What they send can differ no more from the others than their data do.

    Parameters
    ----------
    labels : list of m arrays of int, shape (n_i,)
    workers : sequence of int
        Whose labels are flipped.
    classes : int

    Returns
    -------
    list of m arrays of int
    """
    return [classes - 1 - y if i in set(workers) else y for i, y in enumerate(labels)]


#: Every attack by name.
ATTACKS = {attack.__name__: attack for attack in (SignFlip, Gaussian, ALIE, InnerProduct, Mimic)}
