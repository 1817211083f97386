"""Workers that write to each other, and a count of every message."""

from typing import NamedTuple

import numpy as np

from course_lib.errors import CourseError


class Message(NamedTuple):
    """One entry of a network's log: `source` sent `words` numbers to `target` in this round (from 0)."""

    round: int
    source: int
    target: int
    words: int


class Inbox(dict):
    """What one round delivered: `inbox[i]` is the array that worker i received."""

    def __missing__(self, worker):
        raise CourseError(f"worker {worker} received nothing in this round")


class Network:
    """m workers, each with one full-duplex port, and a count of all that passes between them.

    In one round a worker may send one message and, at the same time, receive one. A round lasts as
    long as its largest message takes, so an algorithm costs `latency * rounds + seconds_per_word * words`
    seconds, with `words` on the critical path. Whoever has to hear from several workers, as a
    parameter server has, needs a round for each of them.

    Parameters
    ----------
    m : int
        Number of workers; they are called 0, ..., m - 1.

    Attributes
    ----------
    rounds : int
        Rounds so far.
    words : int
        Words on the critical path: the largest message of each round, added up.
    sent : ndarray of int, shape (m,)
        Words that each worker has sent.
    log : list of Message
        Every delivered message as (round, source, target, words).

    Examples
    --------
    Everyone passes its number to the right, m - 1 times, and adds up what comes from the left:

    >>> m = 4
    >>> network, x = Network(m), np.array([[1.0], [2.0], [3.0], [4.0]])
    >>> total, passing = x.copy(), x.copy()
    >>> for r in range(m - 1):
    ...     for i in range(m):
    ...         network.send(i, (i + 1) % m, passing[i])
    ...     for i, message in network.deliver().items():
    ...         passing[i] = message
    ...         total[i] += message
    >>> total.ravel(), network.rounds, network.words
    (array([10., 10., 10., 10.]), 3, 3)

    Raises
    ------
    CourseError
        If a worker sends or receives twice in a round, writes to itself or to nobody, or sends
        something that is no array of numbers; if a round is delivered in which nobody sent anything.
    """

    def __init__(self, m):
        if m < 1 or m != int(m):
            raise CourseError(f"a network needs a whole number of workers, at least one; got m={m}")
        self.m = int(m)
        self.rounds = 0
        self.words = 0
        self.sent = np.zeros(self.m, int)
        self.log = []
        self._posted = {}  # this round's messages, {source: (target, array)}
        self._awaited = set()  # this round's targets

    @property
    def total(self):
        """Words that all workers together have sent."""
        return int(self.sent.sum())

    def send(self, source, target, vector):
        """Post an array from one worker to another; it arrives with `deliver`.

        A copy travels: what the sender does to its array afterwards does not reach the target.
        """
        vector = np.array(vector)
        self._check(source, target, vector)
        self._posted[source] = target, vector
        self._awaited.add(target)

    def deliver(self):
        """End the round: hand over what was posted, as an inbox `{target: array}`, and count it."""
        if not self._posted:
            raise CourseError(f"nobody sent anything in round {self.rounds}: there is nothing to deliver")
        messages = [Message(self.rounds, s, t, v.size) for s, (t, v) in self._posted.items()]
        for message in messages:
            self.sent[message.source] += message.words
        self.words += max(message.words for message in messages)
        self.rounds += 1
        self.log += messages
        inbox = Inbox(self._posted.values())
        self._posted, self._awaited = {}, set()
        return inbox

    def _check(self, source, target, vector):
        for worker in (source, target):
            if not isinstance(worker, int | np.integer) or not 0 <= worker < self.m:
                raise CourseError(f"there is no worker {worker}: the {self.m} workers are 0 to {self.m - 1}")
        if source == target:
            raise CourseError(f"worker {source} sends to itself: what it already has costs no message")
        if source in self._posted:
            raise CourseError(f"worker {source} sends two messages in round {self.rounds}; a port takes one")
        if target in self._awaited:
            raise CourseError(f"worker {target} gets two messages in round {self.rounds}; a port takes one")
        if not np.issubdtype(vector.dtype, np.number):
            raise CourseError(f"worker {source} sends {vector.dtype} to worker {target}: only numbers travel")
