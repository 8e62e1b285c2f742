"""What happens when, in one order: by instant, then rank, then as it was put down."""

import heapq
from itertools import count

from lasermesh.units import NEVER


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
        self._heap = []
        self._tickets = count()

    @property
    def next_ps(self):
        """When something is due next, NEVER if nothing is."""
        while self._heap and self._heap[0][3] is None:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else NEVER

    def at(self, time_ps, action, *arguments, rank=BEGINS):
        """Put a call down for an instant, now at the earliest; a ticket to cancel it with."""
        if time_ps < self.now_ps:
            raise ValueError(f"{time_ps} ps is before now, {self.now_ps} ps")
        entry = [int(time_ps), rank, next(self._tickets), action, arguments]
        heapq.heappush(self._heap, entry)
        return entry

    @staticmethod
    def cancel(ticket):
        """Take a call back; it does not matter whether it was made."""
        ticket[3] = None

    def run_until(self, clock_ps):
        """Make all calls that are due at `clock_ps` or before; what they put down until then included."""
        while self.next_ps <= clock_ps:
            time_ps, _, _, action, arguments = entry = heapq.heappop(self._heap)
            self.now_ps = time_ps
            entry[3] = None
            action(*arguments)
        self.now_ps = max(self.now_ps, clock_ps)
