"""How a node chooses contacts for its bundles, and what it remembers of volume that it has promised."""

from typing import NamedTuple, Protocol

from lasermesh.dtn.routes import Route
from lasermesh.units import NEVER, NONE

BULK, NORMAL, EXPEDITED = range(3)
"""Priorities (CCSDS 734.3-B-1, 2.4; the classes of service of RFC 5050)."""


class Request(NamedTuple):
    """What a node wants to send."""

    source: int  # row of the node that asks
    destination: int
    time_ns: int  # from when on it can send
    n_bytes: int  # on the wire
    priority: int = NORMAL
    latest_ns: int = NEVER  # arrivals after this do not count
    without_nodes: tuple = ()
    without_contacts: tuple = ()
    visited: tuple = ()  # nodes that the bundle has been at before; empty where it is made
    bundle_bytes: int = NONE  # without headers of segments, for rules that estimate these; NONE: as n_bytes
    first_contacts: tuple = ()  # rows of those that may be the first one; empty: any
    neighbour: int = NONE  # the node that the first contact must lead to; NONE: any
    first_bytes: int = NONE  # what is sent over the first contact, where the neighbour has the rest already


class Booking(NamedTuple):
    """Volume that has been promised to a bundle along a route."""

    number: int  # ascending in the order of booking, of one router
    route: Route
    n_bytes: int
    priority: int


class Router(Protocol):
    """Contact-graph routing of one node, or of all nodes that share what they know."""

    def route(self, request: Request) -> Route | None:
        """The route that a bundle is to take, None if there is none or it is to wait (see `returning`).

        To ask changes nothing.
        """

    def book(self, request: Request, route: Route) -> tuple[Booking, list[Booking]]:
        """Promise volume along a route; also the bookings of lower priority that lose theirs by it.

        Those are released by the call. Requests that are booked come in order of time.
        """

    def release(self, booking: Booking, from_ns: int):
        """Take back what a booking has promised from an instant on; what lies before it has been used.

        Nothing happens to a booking that was displaced or released before.
        """

    def occupy(self, booking: Booking | None, contact: int, from_ns: int, until_ns: int) -> bool:
        """A contact's sender sends over it from now until an instant, and no priority can interrupt that.

        `booking` (of what is sent, if it has one) needs the time no more that it was promised in its first
        contact. True if time after `until_ns` has become free by that. One thing at a time is sent between
        two nodes: another call for the same pair takes the place of this one.
        """

    def vacate(self, contact: int, now_ns: int):
        """What was being sent over a contact is over, or was cut off."""
