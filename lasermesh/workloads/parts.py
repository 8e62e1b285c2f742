"""What every kind of workload has to be for `work.Work` to run it."""

from typing import Protocol


class Part(Protocol):
    """One workload of a run; also, but for `pairs_of` and `is_done`, the power of satellites.

    A part is made before the run begins, with its row among the workloads, its table of the experiment and
    what all parts share. From `begin` on the agenda and the network call it.
    """

    @staticmethod
    def pairs_of(workload, experiment):
        """(Source, destination) between which it may ever send, in the direction of the data."""

    @property
    def is_done(self) -> bool:
        """Whether it will never do anything more."""

    def begin(self):
        """Put down what happens first."""

    def close(self):
        """Write down what is in progress, and raise RuntimeError if anything does not add up."""

    def totals(self) -> dict:
        """What came of it, JSON-ready."""
