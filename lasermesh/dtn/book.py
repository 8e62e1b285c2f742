"""Routes for a list of bundles, one after the other, each with volume of its own."""

import heapq
from typing import NamedTuple

from lasermesh.dtn.largest import largest_that
from lasermesh.dtn.routers import NORMAL, Request
from lasermesh.dtn.routes import Route
from lasermesh.units import NEVER

# What a router would say of a plan of which nothing is booked, by its own rules.
NO_ROUTE = "no_route"
"""No contacts of the plan lead there after that, not even for an empty bundle."""
TOO_LARGE = "too_large"
"""A smaller one would have a route, or routes for its parts; `largest_bytes` says how large it could be."""
EXPIRED = "expired"
"""It could be there only after its expiry."""
NO_VOLUME = "no_volume"
"""What would take it is promised to others."""


class Order(NamedTuple):
    """A bundle for which volume is to be booked."""

    created_ns: int
    source: int
    destination: int
    n_bytes: int  # on the wire
    priority: int = NORMAL
    expires_ns: int = NEVER


class Part(NamedTuple):
    """A fragment of a bundle, or all of it, and how it goes."""

    n_bytes: int
    route: Route


class Booked(NamedTuple):
    """What a bundle was given in the end."""

    parts: tuple  # of Part, in the order of booking; one unless it was split, none: it has no route
    reason: str | None  # why it has none, one of the names above
    largest_bytes: int | None  # with TOO_LARGE: of a bundle that would have a route in an empty plan
    displaced: int  # how often a bundle of higher priority took its volume

    @property
    def arrival_ns(self):
        """When all of it is there, None: never."""
        return max((part.route.arrival_ns for part in self.parts), default=None)

    @property
    def hops(self):
        """Contacts that it takes, of parts the most; None: no route."""
        return max((len(part.route.hops) for part in self.parts), default=None)


def book_bundles(bundles, make_router, split=False):
    """Route and book bundles as a node that knows of all of them would.

    Parameters
    ----------
    bundles : sequence of Order
        Booked in the order of `created_ns`, of equal ones as they stand.
    make_router : function without arguments
        Makes an EarliestRouter, SabrRouter or SpreadRouter over the plan, of which nothing is booked: one
        that all nodes share, and others that are asked why a bundle has no route.
    split : bool
        Whether a bundle for which there is no room as a whole goes in parts, each as large as will go.

    Returns
    -------
    rows : list of Booked
        One for each bundle.

    Notes
    -----
    Who loses volume to a bundle of higher priority is routed anew at that instant, from where it was made,
    before bundles made at the same instant.
    """
    return _BookingRun(bundles, make_router, split).rows()


class _BookingRun:
    """Bundles that wait to be booked, by time, and the bookings that hold."""

    def __init__(self, bundles, make_router, split):
        self.bundles, self.split = bundles, split
        self.make_router, self.router, self.unbooked = make_router, make_router(), make_router()
        self.bookings = [{} for _ in bundles]  # by number, for each bundle
        self.displaced = [0] * len(bundles)
        self.failed = {}  # bundle -> (reason, largest_bytes)
        self.bundle_of = {}  # number of the booking -> bundle
        # (instant, whether it is new, lower priorities later, bundle, bytes)
        self.waiting = [
            (bundle.created_ns, 1, 0, index, bundle.n_bytes) for index, bundle in enumerate(bundles)
        ]
        heapq.heapify(self.waiting)

    def rows(self):
        while self.waiting:
            now_ns, _, _, index, n_bytes = heapq.heappop(self.waiting)
            if index not in self.failed:
                self._book(index, n_bytes, now_ns)
        return [
            Booked(
                tuple(Part(booking.n_bytes, booking.route) for booking in self.bookings[index].values()),
                *self.failed.get(index, (None, None)),
                self.displaced[index],
            )
            for index in range(len(self.bundles))
        ]

    def _book(self, index, n_bytes, now_ns):
        bundle = self.bundles[index]
        request = Request(
            bundle.source, bundle.destination, now_ns, n_bytes, bundle.priority, bundle.expires_ns
        )
        whole, rest = False, n_bytes
        for part, (booking, losers) in _parts(self.router, request, self.split):
            self.bookings[index][booking.number] = booking
            self.bundle_of[booking.number] = index
            rest -= part.n_bytes
            whole = rest == 0
            for loser in losers:
                self._reroute(loser, now_ns)
        if not whole:
            self._fail(index, request)

    def _reroute(self, booking, now_ns):
        index = self.bundle_of.pop(booking.number)
        del self.bookings[index][booking.number]
        self.displaced[index] += 1
        heapq.heappush(self.waiting, (now_ns, 0, -booking.priority, index, booking.n_bytes))

    def _fail(self, index, request):
        """Give back what parts of a bundle have, and say why it has no route."""
        for number, booking in self.bookings[index].items():
            self.router.release(booking, request.time_ns)
            del self.bundle_of[number]
        self.bookings[index] = {}
        whole = request._replace(n_bytes=self.bundles[index].n_bytes)
        self.failed[index] = self._reason(whole)

    def _reason(self, request):
        """Why a bundle has no route: what would have to be different, the plan first."""
        most = self._most_bytes(request._replace(latest_ns=NEVER))
        if most is None:
            return NO_ROUTE, None
        if most < request.n_bytes:
            return TOO_LARGE, most
        return (NO_VOLUME if self._most_bytes(request) == request.n_bytes else EXPIRED), None

    def _most_bytes(self, request):
        """How many bytes of a bundle would go with nothing booked, None where not even an empty one would."""
        if self.split and (parts := list(_parts(self.make_router(), request, split=True))):
            return sum(part.n_bytes for part, _ in parts)

        def goes(n_bytes):
            return self.unbooked.route(request._replace(n_bytes=n_bytes)) is not None

        return request.n_bytes if goes(request.n_bytes) else largest_that(goes, request.n_bytes)


def _parts(router, request, split):
    """Book a request, in parts where it may be split and has to; ends early if no more of it will go.

    Yields the request of each part, and what `Router.book` says of it.
    """
    while True:
        route, part = router.route(request), request
        if route is None and split:
            route, part = _largest_part(router, request)
        if route is None:
            return
        yield part, router.book(part, route)
        if part.n_bytes == request.n_bytes:
            return
        request = request._replace(n_bytes=request.n_bytes - part.n_bytes)


def _largest_part(router, request):
    """The route and request of as many bytes as will go at once."""

    def goes(n_bytes):
        return router.route(request._replace(n_bytes=n_bytes)) is not None

    n_bytes = largest_that(goes, request.n_bytes)
    part = request._replace(n_bytes=n_bytes)
    return (router.route(part), part) if n_bytes else (None, request)
