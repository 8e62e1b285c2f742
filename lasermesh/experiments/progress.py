"""How far several runs are together."""

import time


class Parts:
    """Adds up how far some runs are.

    Parameters
    ----------
    total : int
        How many runs there are.

    Attributes
    ----------
    total, done : int
    running : dict
        Share of its run by row of each that is going on.
    may_end_early : bool
        Whether some of them end when all their work is done, which may be long before their time is over.
    """

    def __init__(self, total):
        self.total, self.done = total, 0
        self.running = {}
        self._early = set()
        self._began_s = time.monotonic()

    def part(self, row, share, may_end_early=False):
        """A run is so far."""
        self.running[row] = share
        if may_end_early:
            self._early.add(row)

    def ended(self, row):
        """A run is over."""
        self.running.pop(row, None)
        self.done += 1

    @property
    def share(self):
        """What is done of all runs, those that are going on with their part."""
        return (self.done + sum(self.running.values())) / self.total

    @property
    def wall_s(self):
        """How long it has taken so far."""
        return time.monotonic() - self._began_s

    @property
    def may_end_early(self):
        """Whether the share tells only the least that is done."""
        return bool(self._early)
