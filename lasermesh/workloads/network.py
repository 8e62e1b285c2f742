"""What work may ask of the mesh, and what it is told of what it sent."""

from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

WAITING, ATTACHING, SENDING = range(3)
"""Why a transfer is not done: no route or others before it; its sender's terminals are still acquiring;
under way."""


class Route(NamedTuple):
    """The way that packets of a pair take by the tables now in force."""

    delay_ps: int  # light times and processing
    rate_bps: int  # of its slowest link


@dataclass(eq=False)
class Transfer:
    """Bytes on their way from one node to another, reliably (`lasermesh docs workloads`).

    What its sender did is noted now and then: ask for it by `Network.as_of_now`, but where the transfer has
    just been told of (`on_done`), withdrawn or cancelled.
    """

    source: int
    destination: int
    n_bytes: int
    asked_ps: int
    first_ps: int | None = None  # when its first packet was sent
    complete_ps: int | None = None  # when the last missing byte arrived
    spent_ps: list = field(
        default_factory=lambda: [0, 0, 0]
    )  # WAITING, ATTACHING, SENDING; sum: asked to complete
    sent_bytes: int = 0  # those sent again included
    resent_bytes: int = 0  # of these
    lost_bytes: int = 0  # of packets that were dropped


class StreamOutcome(NamedTuple):
    """What came of packets that were sent without being watched."""

    delivered: int
    lost: int
    first_ps: int  # arrival of the first of them that arrived; NEVER if none did
    last_ps: int  # and of the last


class Network(Protocol):
    """The mesh as work sees it. Nodes are rows.

    All pairs between which something is ever sent are told beforehand (`pairs` of each part of the work),
    in the direction of the data; reports go back over the same pair turned round.
    """

    handling_ps: int
    """From the last byte's arrival until a node acts on it; also the least time from a call to its first
    packet."""

    def send(self, workload, source, destination, n_bytes, on_done) -> Transfer:
        """Begin a transfer of a workload (its row); those of one workload between the same two nodes go one
        after the other.

        `on_done(transfer)` is called by the agenda `handling_ps` after its last byte has arrived.
        """

    def as_of_now(self, transfer) -> Transfer:
        """A transfer, all that was sent of it by now noted: without this, what `first_ps` and `sent_bytes`
        say depends on how the run is cut into windows.
        """

    def on_acknowledged(self, transfer, action):
        """Have `action(transfer)` called when the sender knows that everything has arrived: it may forget
        then.
        """

    def withdraw(self, transfer) -> bool:
        """Take a transfer back of which nothing has been sent; False if something has."""

    def cancel(self, transfer):
        """Stop a transfer wherever it is; nobody is called any more."""

    def post(self, workload, source, destination, times_ps, size_bytes, on_done):
        """Send single packets at given instants (int64 array, ascending), which nobody sends again if they
        are lost.

        `on_done(StreamOutcome)` is called `handling_ps` after the last of them has arrived or was dropped.
        """

    def route(self, source, destination) -> Route | None:
        """The way from one node to another by the tables in force; None if there is none."""

    def is_attached(self, node) -> bool:
        """Whether a node has any link at present."""

    def terminals_in_use(self, node) -> int:
        """Terminals of a node that have a link or acquire one at present."""

    def attaching_ps(self, node) -> int:
        """How long a node has been ATTACHING since the run's start; 0 of one that is no client of guests."""

    def next_contact_ps(self, source, destinations, from_ps):
        """When each of some nodes is reached next, not before an instant: int64 array, NEVER where not
        foreseen.

        By the tables in force where there is a route now, else by predicted contacts of the source itself.
        """

    def pending_bytes(self, source, destination) -> int:
        """Bytes of transfers to a node that are asked for and not complete; `source` None: from all nodes."""

    def on_news(self, action):
        """Have `action()` called whenever new tables are in force or links have changed: to look for a
        route again.
        """
