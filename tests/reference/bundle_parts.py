"""Bundles, their parts at nodes, and rounds of segments, as the simulator of bundles has them."""

from dataclasses import dataclass, field
from typing import NamedTuple

SMALLEST_BYTES = 28  # of an IP packet

SPLIT = "split"
BIT_ERROR, QUEUE = "bit_error", "queue"
DELIVERED, LOST, STORED, ON_THE_WAY, FORWARDED = "delivered", "lost", "stored", "on_the_way", "forwarded"


class Options(NamedTuple):
    """How nodes handle bundles."""

    handling_ps: int
    framing_bytes: int = 0
    when_cut: str = "resend"
    retransmit: bool = True
    booking: str = "own"
    store_bytes: tuple = ()  # of each node, None: no limit
    when_full: tuple = ()  # of each node


@dataclass
class Bundle:
    """A bundle, and what became of it."""

    number: int
    source: int
    destination: int
    created_ps: int
    n_bytes: int
    priority: int
    expires_ps: int | None
    segment_bytes: int

    state: str | None = None
    cause: str | None = None
    finished_ps: int | None = None
    predicted_ps: int | None = None
    hops: int = 0
    fragments: int = 1
    arrived_bytes: int = 0
    reroutes: int = 0
    sent_bytes: int = 0
    resent_bytes: int = 0


@dataclass(eq=False)
class Piece:
    """A bundle or a fragment of one while it is at a node."""

    bundle: Bundle
    first_byte: int
    n_bytes: int
    node: int
    hop: int
    entered_ps: int
    ready_ps: int = 0
    place: str = "handled"  # then waiting, queued, sending, received, gone
    way: object = None
    contacts: tuple | None = None  # of the way that it had last, from this node on
    without: set = field(default_factory=set)  # contacts that had no time for it
    visited: frozenset = frozenset()  # nodes where it has been whole, this one not counted
    tried: set = field(default_factory=set)  # segments that were sent from here
    booking: object = None  # (router, number)
    contact: int | None = None
    arrived: set = field(default_factory=set)  # segments that `neighbour` has
    neighbour: int | None = None

    attempts: int = 0
    next_node: int | None = None
    first_began_ps: int | None = None
    began_ps: int | None = None
    arrived_ps: int | None = None
    left_ps: int | None = None
    outcome: str | None = None
    cause: str | None = None

    @property
    def order(self):
        return self.bundle.number, self.first_byte

    @property
    def segments(self):
        """Sizes of its segments as IP packets."""
        whole, rest = divmod(self.n_bytes, self.bundle.segment_bytes)
        return [self.bundle.segment_bytes] * whole + ([max(rest, SMALLEST_BYTES)] if rest else [])

    @property
    def missing(self):
        """Segments that the neighbour does not have."""
        return [k for k in range(len(self.segments)) if k not in self.arrived]

    @property
    def beginning(self):
        """How many segments from the first on have all arrived."""
        return next((k for k in range(len(self.segments)) if k not in self.arrived), len(self.segments))


@dataclass(eq=False)
class Round:
    """Segments that are handed to a link one behind the other."""

    piece: Piece
    contact: int
    segments: list
    enters_ps: list
    leaves_ps: list
    ends_ps: list  # when each arrives or is dropped
    fates: list  # None: it arrives
    is_over: bool = False

    def ended_by(self, time_ps):
        """Places of those that are not cut off by a link that goes down."""
        return [
            place
            for place, fate in enumerate(self.fates)
            if (self.enters_ps[place] < time_ps if fate == QUEUE else self.leaves_ps[place] <= time_ps)
        ]

    def arrived(self, places):
        return {self.segments[place] for place in places if self.fates[place] is None}

    def first_cause(self, places):
        """Why the first of some was dropped, None if none was."""
        drops = [(self.ends_ps[place], place, self.fates[place]) for place in places if self.fates[place]]
        return min(drops)[2] if drops else None
