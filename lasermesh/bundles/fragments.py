"""Bundles, and their parts at nodes: what is known of each, and of which segments it consists."""

from lasermesh.dtn.routers import Request
from lasermesh.units import NEVER, PS_PER_NS

LEAST_SEGMENT_BYTES = 28
"""What remains of a bundle for its last segment still is an IP packet with a UDP header."""

# Where a fragment is. Those up to WAITING may be dropped from the store.
ARRIVED, QUEUED, WAITING = range(3)  # not acted on yet; for a contact; without a route
SENDING = 3  # being sent, or its node does not know yet what became of it
SENT = 4  # the next node has it, and this one keeps it until it knows
GONE = 5


class Bundle:
    """A bundle from its making on.

    Attributes
    ----------
    number : int
        In the order of making.
    flow : int
        Row of the bundle flow.
    source, destination, n_bytes, priority, segment_bytes, created_ps, expires_ps : int
        NEVER: it does not expire.
    fragments : dict
        Those that are neither delivered nor lost, in the order of making (as keys).
    delivered_bytes : int
    finished_ps : int or None
        When it was delivered or lost.
    cause : str or None
        Why it was lost.
    predicted_ps : int or None
        Arrival by its first route.
    has_waited : bool
        Whether there was none when its node looked for one.
    hops, n_fragments, reroutes, sent_bytes, resent_bytes : int
    """

    __slots__ = (
        "cause",
        "created_ps",
        "delivered_bytes",
        "destination",
        "expires_ps",
        "expiry",
        "finished_ps",
        "flow",
        "fragments",
        "has_waited",
        "hops",
        "n_bytes",
        "n_fragments",
        "number",
        "predicted_ps",
        "priority",
        "reroutes",
        "resent_bytes",
        "segment_bytes",
        "sent_bytes",
        "source",
    )

    def __init__(
        self, number, flow, source, destination, n_bytes, priority, created_ps, lifetime_ps, segment
    ):
        self.number, self.flow = number, flow
        self.source, self.destination = source, destination
        self.n_bytes, self.priority, self.segment_bytes = n_bytes, priority, segment
        self.created_ps = created_ps
        self.expires_ps = NEVER if lifetime_ps >= NEVER - created_ps else created_ps + lifetime_ps
        self.expiry = None  # ticket
        self.fragments = {}
        self.delivered_bytes = 0
        self.finished_ps = self.cause = self.predicted_ps = None
        self.has_waited = False
        self.n_fragments = 1
        self.hops = self.reroutes = self.sent_bytes = self.resent_bytes = 0

    @property
    def latest_ns(self):
        """The last whole ns at which its arrival counts."""
        return NEVER if self.expires_ps == NEVER else self.expires_ps // PS_PER_NS


class Fragment:
    """A bundle, or a part of one, at a node.

    Attributes
    ----------
    bundle : Bundle
    first_byte, n_bytes : int
        In the bundle.
    n_segments, last_bytes : int
        Of how many it consists, and the size of the last one.
    node, hop : int
        Where it is, and how many contacts it has crossed before.
    entered_ps : int
        When it came into the store.
    place : int
        One of ARRIVED to GONE.
    plan : tuple or None
        Contacts of the route that it has, or had when it came.
    booking, router : Booking and Router, or None
        What has been promised to it, and by whom.
    visited : tuple
        Nodes at which it has been before.
    entry : list or None
        Its place in the queue of a contact.
    missing, kept_at : int64 array and int, or None
        Segments that a neighbour lacks which has the others.
    without : tuple
        Contacts that had no time for it.
    next_node, first_began_ps, began_ps, arrived_ps, left_ps : int or None
    attempts : int
    n_tried : int
        Segments that have been sent from here, once at least: the first so many.
    """

    __slots__ = (
        "arrived_ps",
        "attempts",
        "began_ps",
        "booking",
        "bundle",
        "entered_ps",
        "entry",
        "first_began_ps",
        "first_byte",
        "hop",
        "kept_at",
        "last_bytes",
        "left_ps",
        "missing",
        "n_bytes",
        "n_segments",
        "n_tried",
        "next_node",
        "node",
        "place",
        "plan",
        "router",
        "visited",
        "without",
    )

    def __init__(self, bundle, first_byte, n_bytes, node, hop, entered_ps):
        self.bundle, self.first_byte, self.n_bytes = bundle, first_byte, n_bytes
        size_bytes = bundle.segment_bytes
        self.n_segments = -(-n_bytes // size_bytes)
        rest_bytes = n_bytes - (self.n_segments - 1) * size_bytes
        self.last_bytes = max(rest_bytes, min(LEAST_SEGMENT_BYTES, size_bytes))
        self.node, self.hop, self.entered_ps = node, hop, entered_ps
        self.place = ARRIVED
        self.plan = self.entry = self.missing = self.kept_at = None
        self.booking = self.router = None
        self.visited = self.without = ()
        self.next_node = self.first_began_ps = self.began_ps = self.arrived_ps = self.left_ps = None
        self.attempts = self.n_tried = 0

    def packet_bytes(self, numbers=None, framing_bytes=0):
        """Sum of segments (ascending numbers; None: all), each with framing."""
        n_segments = self.n_segments
        count = n_segments if numbers is None else len(numbers)
        has_last = count > 0 and (numbers is None or int(numbers[-1]) == n_segments - 1)
        size_bytes = self.bundle.segment_bytes
        return count * (size_bytes + framing_bytes) - has_last * (size_bytes - self.last_bytes)

    def beginning_bytes(self, n_segments, framing_bytes):
        """The first segments, fewer than all, as they are on the wire."""
        return n_segments * (self.bundle.segment_bytes + framing_bytes)

    def request(self, time_ns, n_bytes, without_contacts) -> Request:
        """What its node asks the router by."""
        bundle = self.bundle
        return Request(
            source=self.node,
            destination=bundle.destination,
            time_ns=time_ns,
            n_bytes=n_bytes,
            priority=bundle.priority,
            latest_ns=bundle.latest_ns,
            without_contacts=without_contacts,
            visited=self.visited,
            bundle_bytes=self.n_bytes,
        )

    def part(self, first_segment, stop_segment, entered_ps):
        """A fragment of some of its segments, at the same node."""
        size_bytes = self.bundle.segment_bytes
        begin = first_segment * size_bytes
        end = min(stop_segment * size_bytes, self.n_bytes)
        part = Fragment(self.bundle, self.first_byte + begin, end - begin, self.node, self.hop, entered_ps)
        part.plan, part.without, part.visited = self.plan, self.without, self.visited
        part.n_tried = max(0, self.n_tried - first_segment)
        return part

    def at_next_node(self, node, entered_ps, n_segments=None):
        """What it becomes at the next node: all of it, or its first segments."""
        n_bytes = self.n_bytes if n_segments is None else n_segments * self.bundle.segment_bytes
        follower = Fragment(self.bundle, self.first_byte, n_bytes, node, self.hop + 1, entered_ps)
        follower.plan, follower.visited = self.plan[1:], (*self.visited, self.node)
        return follower
