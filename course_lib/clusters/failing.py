"""Machines and wires that fail: how the faults of a cluster change what takes how long, and what arrives."""

import numpy as np

from course_lib.clusters.faults import Crashes, Fault, Loss, Partition
from course_lib.errors import CourseError


class Failing:
    """Faults. A part of a cluster: everything that computes or communicates asks it how long that takes.

    Each fault draws from a random stream of its own, so that adding one leaves all other random numbers alone.
    """

    def _admit(self, faults):
        """Take note of the faults, if they fit the cluster."""
        faults = tuple(faults)
        strangers = [fault for fault in faults if not isinstance(fault, Fault)]
        if strangers:
            raise CourseError(f"faults are a list of faults such as Crashes(rate, repair), not {strangers[0]!r}")
        for fault in faults:
            fault.check(self.m)
        if sum(isinstance(fault, Crashes) for fault in faults) > 1:
            raise CourseError("machines crash at one rate: give Crashes once")
        self.faults = faults
        cuts = (fault for fault in faults if isinstance(fault, Partition))
        self._cuts = sorted(cuts, key=lambda cut: cut.begin)  # when one is over the next may have begun

    def _fresh_luck(self):
        return [np.random.default_rng([self.seed, 4, k]) for k in range(len(self.faults))]

    def _those(self, kind):
        """Faults of one kind, each with its random stream."""
        return [(fault, rng) for fault, rng in zip(self.faults, self._luck) if isinstance(fault, kind)]

    # ---- computing --------------------------------------------------------------------------------------

    def _work(self, workers=None, load=1.0):
        """These workers (all of them if left out) compute a gradient each, or `load` of them."""
        who = self._everyone if workers is None else workers
        seconds = load * self.compute.at(self._now).sample(self._timer, who)
        self._began, self._up = self._now, None  # for those who drop the late and the lost
        self._waited_for = self._everyone
        if self.faults:
            self._crash(who, self.clock[who], np.broadcast_to(seconds, who.shape))
        elif workers is None:
            self._pass("compute", self._now + seconds)
        else:
            self._of_some("compute", workers, self.clock[workers] + seconds)

    def _crash(self, who, start, seconds):
        """The same, with machines that crash on the way; what they lose is begun again after the repair."""
        crash, last, end, repair = self._struck(seconds)
        self._up, self._fell = np.zeros(self.m), np.full(self.m, np.inf)
        self._up[who] = np.where(last > 0, start + crash + repair, 0.0)
        self._fell[who] = np.where(last > 0, start + crash, np.inf)
        for kind, after in (("compute", crash), ("down", np.maximum(last, crash)), ("compute", end)):
            self._of_some(kind, who, start + after)

    def _alone(self, i, start, load=1.0):
        """When worker i, which begins at `start` without looking at the others, is done with a gradient, or `load`."""
        seconds = load * np.ravel(self.compute.at(start).sample(self._timer, self._everyone[i : i + 1]))
        if not self.faults:  # the rest takes longer than a small gradient
            done = start + float(seconds[0])
            self.spans.append(("compute", i, start, done))
            return done
        crash, last, end, _ = (float(after[0]) for after in self._struck(seconds))
        self.spans.append(("compute", i, start, start + crash))
        if last > 0:
            self.spans.extend((("down", i, start + crash, start + last), ("compute", i, start + last, start + end)))
        return start + end

    def _struck(self, seconds):
        """Seconds to the first crash, to the last attempt, to the end, and of a repair; see `Crashes.strike`."""
        for fault, rng in self._those(Crashes):
            return *fault.strike(seconds, rng), fault.repair * np.ones_like(seconds)
        zero = np.zeros_like(seconds)
        return seconds, zero, seconds, zero

    # ---- communicating ----------------------------------------------------------------------------------

    def _hindered(self, meet, seconds, messages, size, streams):
        """When a communication among all begins, and how long it takes, with cut wires and lost messages.

        Parameters
        ----------
        meet, seconds : float
            The same without faults.
        messages, size : int
            How many there are, and the bytes of each.
        streams : int
            How many are under way at a time.
        """
        for cut in self._cuts:
            meet = np.where(cut.lasts(meet), cut.end, meet)  # whoever needs everybody waits until it is over
        return meet, seconds * self._again(np.full(streams, messages / streams), size).max()

    def _hindered_neighbours(self, ready, trip, mixer, size):
        """The same for neighbours: each waits for those whom it hears, shape (m,) each."""
        listener = np.repeat(self._everyone, mixer.degree + 1)
        for cut in self._cuts:
            side = cut.side(self.m)
            across = np.logical_or.reduceat(side[mixer.heard] != side[listener], mixer.first)
            ready = np.where(across & cut.lasts(ready), cut.end, ready)
        return ready, trip * self._again(mixer.degree, size)

    def _reaches(self, i, seconds):
        """When a message of worker i to the server can set out, if it would at this second."""
        for cut in self._cuts:
            if i in cut.workers and cut.lasts(seconds):
                seconds = cut.end
        return seconds

    def _again(self, messages, size):
        """How many times as long a sender of so many messages, one after another, needs with those sent again."""
        factor, many = np.ones(len(messages)), np.asarray(messages) > 0
        for loss, rng in self._those(Loss):
            if loss.probability:
                lost = rng.negative_binomial(np.where(many, messages, 1), 1 - loss.probability) * many
                factor = factor + lost / np.where(many, messages, 1)
                self.ledger["sent again", 1, int(size)] += int(lost.sum())
        return factor

    def _received(self, V):
        """What the server receives when the workers mean to send the rows of V: lies included."""
        for fault, rng in zip(self.faults, self._luck):
            V = fault.sent(V, rng)
        return V
