"""What happens when, in one order: by instant, then rank, then as it was put down."""

import heapq
from itertools import count

from lasermesh.units import NEVER


class Ticket:
    """A call that was put down."""

    __slots__ = ("_action", "_arguments", "time_ps")

    def __init__(self, time_ps, action, arguments):
        self.time_ps = time_ps
        self._action, self._arguments = action, arguments

    @property
    def is_due(self):
        """Whether the call was neither made nor taken back."""
        return self._action is not None

    def call(self):
        """Make the call, once."""
        action, arguments = self._action, self._arguments
        self.cancel()
        action(*arguments)

    def cancel(self):
        """Make no call."""
        self._action = self._arguments = None


class Agenda:
    """Calls that are due at instants in ps since the run's start.

    Ranks order what falls on one instant: ends before beginnings, so that what becomes free at an instant can
    be taken at it.

    Attributes
    ----------
    now_ps : int
        The instant that was come to last.
    """

    ENDS, CHANGES, BEGINS, LOOKS = range(4)

    def __init__(self):
        self.now_ps = 0
        self._heap = []  # (instant, rank, number, ticket); those taken back stay until they would be due
        self._numbers = count()

    @property
    def next_ps(self):
        """When something is due next, NEVER if nothing is."""
        while self._heap and not self._heap[0][-1].is_due:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else NEVER

    def at(self, time_ps, action, *arguments, rank=BEGINS):
        """Put a call down for an instant, now at the earliest; a ticket to cancel it with."""
        if time_ps < self.now_ps:
            raise ValueError(f"{time_ps} ps is before now, {self.now_ps} ps")
        ticket = Ticket(int(time_ps), action, arguments)
        heapq.heappush(self._heap, (ticket.time_ps, rank, next(self._numbers), ticket))
        return ticket

    @staticmethod
    def cancel(ticket):
        """Take a call back, if there is one; it does not matter whether it was made."""
        if ticket is not None:
            ticket.cancel()

    def run_until(self, clock_ps):
        """Make all calls that are due at `clock_ps` or before; what they put down until then included."""
        while self.next_ps <= clock_ps:
            *_, ticket = heapq.heappop(self._heap)
            self.now_ps = ticket.time_ps
            ticket.call()
        self.now_ps = max(self.now_ps, clock_ps)
