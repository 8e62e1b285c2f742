"""A transfer on its way: what has arrived of it, what its sender knows of that, and its rounds.

After the red part of the Licklider Transmission Protocol (CCSDS 734.1-B-1, RFC 5326): the last packet of a
round is a checkpoint, which the receiver answers with a report of what is missing.
"""

from dataclasses import dataclass, field

import numpy as np

from lasermesh.units import NEVER
from lasermesh.workloads.agenda import Agenda
from lasermesh.workloads.channels import Batch
from lasermesh.workloads.network import SENDING, WAITING, StreamOutcome, Transfer

LEAST_PACKET_BYTES = 28
"""Headers of IP and UDP: a packet that ends a transfer with less is filled up."""


@dataclass(eq=False)
class Sending(Transfer):
    """A transfer with all that both ends and the accounts know of it."""

    channel: object = field(default=None, repr=False)  # Channel
    on_done: object = field(default=None, repr=False)
    on_acknowledged: list = field(default_factory=list, repr=False)
    n_packets: int = 0
    last_bytes: int = 0
    n_arrived: int = 0  # different packets
    delivered_bytes: int = 0  # those that came twice counted twice
    rounds: list = field(default_factory=list, repr=False)  # that it has not been told of as a whole
    awaiting: object = field(default=None, repr=False)  # Round that the sender waits for a report of
    time_outs: int = 0  # since the last report
    is_acknowledged: bool = False
    is_cancelled: bool = False
    state: int = WAITING
    state_since_ps: int = 0
    _arrivals: list = field(
        default_factory=list, repr=False
    )  # of the first round: (positions, counts), as they came
    _has_arrived: np.ndarray | None = field(
        default=None, repr=False
    )  # bool by packet, once it takes more than one round

    def enter(self, state, now_ps):
        """Be in a state from an instant on; until then it was in the one before."""
        if self.complete_ps is None and not self.is_cancelled:
            self.spent_ps[self.state] += now_ps - self.state_since_ps
            self.state, self.state_since_ps = state, now_ps

    def missing(self):
        """Numbers of the packets that have not arrived: int64 array."""
        if self.n_arrived == self.n_packets:
            return np.zeros(0, np.int64)
        self.expand()
        return np.flatnonzero(~self._has_arrived)

    def expand(self):
        """From now on note each packet for itself, as some will be sent again."""
        if self._has_arrived is None and self.n_arrived < self.n_packets:
            self._has_arrived = np.zeros(self.n_packets, bool)
            for positions, counts in self._arrivals:
                self._has_arrived[_each(positions, counts)] = True
            self._arrivals = []

    def arrive(self, time_ps, number, position, packets):
        """Take packets in; when the last missing one arrived, None if one is missing still.

        `number` gives the number of a packet from its position in the round, None where they are the same.
        """
        before = self.n_arrived
        if before == self.n_packets:
            return None
        if self._has_arrived is None:
            self._arrivals.append((position, packets))
            self.n_arrived += int(packets.sum())
            last_ps = int(time_ps[-1])
        else:
            places = _each(position, packets)
            numbers = places if number is None else number[places]
            is_new = ~self._has_arrived[numbers]
            numbers, times_ps = numbers[is_new], np.repeat(time_ps, packets)[is_new]
            self._has_arrived[numbers] = True
            self.n_arrived += len(numbers)
            last_ps = int(times_ps[-1]) if len(times_ps) else 0
        if self.n_arrived < self.n_packets:
            return None
        self._arrivals, self._has_arrived = [], None
        return last_ps


def _each(first, count):
    """All numbers of ranges [first, first + count): int64 array."""
    behind = np.cumsum(count)
    return np.repeat(first - behind + count, count) + np.arange(behind[-1] if len(behind) else 0)


class Round(Batch):
    """Packets of a transfer that are sent in one go, the last of them its checkpoint.

    Attributes
    ----------
    sending : Sending
    numbers : int64 array or None
        Of its packets in the transfer; None: all of them.
    timer : Ticket or None
        For when the report is late.

    `start_timer(round, time_ps)` is called when its checkpoint is to be sent, and gives such a ticket.
    """

    def __init__(self, sending, size_bytes, last_bytes, start_timer, numbers=None, not_before_ps=0):
        n_packets = sending.n_packets if numbers is None else len(numbers)
        ends = numbers is None or numbers[-1] == sending.n_packets - 1
        super().__init__(n_packets, size_bytes, last_bytes if ends else size_bytes, not_before_ps)
        self.sending = sending
        self.numbers = numbers
        self.timer = None
        self._start_timer = start_timer

    @property
    def last_number(self):
        """Of its checkpoint in the transfer."""
        return self.sending.n_packets - 1 if self.numbers is None else int(self.numbers[-1])

    def leave(self, time_ps, position, packets):
        sending, n_bytes = self.sending, self.bytes_of(position, packets)
        if sending.first_ps is None:
            sending.enter(SENDING, time_ps)
            sending.first_ps = time_ps
        sending.sent_bytes += n_bytes
        sending.resent_bytes += n_bytes * (self.numbers is not None)

    def hands_over_last(self, time_ps):
        self.timer = self._start_timer(self, time_ps)

    def takes_back_last(self):
        self.stop_timer()

    def stop_timer(self):
        """Wait for a report no more."""
        Agenda.cancel(self.timer)
        self.timer = None


class Report(Batch):
    """One packet that answers a checkpoint; what it says is settled as it leaves."""

    def __init__(self, answered, missing, size_bytes, now_ps):
        super().__init__(1, size_bytes, size_bytes)
        self.times_ps = np.array([now_ps])
        self.answered = answered
        self.missing = missing


class Stream(Batch):
    """Packets at given instants that nobody sends again."""

    def __init__(self, times_ps, size_bytes, on_done):
        super().__init__(len(times_ps), size_bytes, size_bytes)
        self.times_ps = times_ps
        self.on_done = on_done
        self.delivered = 0
        self.first_ps, self.last_ps, self.ended_ps = NEVER, NEVER, 0

    def note(self, time_ps, packets, is_delivered):
        """Count what arrived and what did not."""
        self.ended_ps = max(self.ended_ps, int(time_ps[-1]))
        if is_delivered.any():
            arrived_ps = time_ps[is_delivered]
            self.delivered += int(packets[is_delivered].sum())
            self.first_ps = min(self.first_ps, int(arrived_ps[0]))
            self.last_ps = int(arrived_ps[-1])

    @property
    def outcome(self):
        """What came of it."""
        return StreamOutcome(self.delivered, self.ended - self.delivered, self.first_ps, self.last_ps)
