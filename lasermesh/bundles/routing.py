"""Which contact a fragment takes: what nodes ask routers, and what they have promised (rules 2, 7)."""

from typing import NamedTuple

from lasermesh.dtn.largest import largest_that
from lasermesh.dtn.routers import Request
from lasermesh.dtn.routes import Route
from lasermesh.units import PS_PER_NS


class Choice(NamedTuple):
    """A way that a fragment may go."""

    request: Request  # what it was asked by
    route: Route
    is_rest: bool  # whether the first hop carries only what the neighbour lacks


class NodeRouting:
    """The routers of all nodes, and which fragment each booking is for.

    Parameters
    ----------
    router_of : function of a node's row
    options : BundleOptions
    """

    def __init__(self, router_of, options):
        self._router_of = router_of
        self._framing_bytes = options.framing_bytes
        self._booked = {}  # Fragment by (id of the router, number of the booking)

    def choose(self, fragment, now_ps, failed) -> Choice | None:
        """The way that gets a fragment to its destination first.

        Where a neighbour has some of its segments, to send it the others counts as well, and first of equals.

        Parameters
        ----------
        fragment : Fragment
        now_ps : int
        failed : tuple
            Contacts that are not up though they should be.
        """
        router, without = self._router_of(fragment.node), failed + fragment.without
        n_bytes = fragment.packet_bytes(None, self._framing_bytes)
        request = fragment.request(ns_after(now_ps), n_bytes, without)
        route = router.route(request)
        if fragment.kept_at is not None:
            first_bytes = fragment.packet_bytes(fragment.missing, self._framing_bytes)
            rest_request = request._replace(neighbour=fragment.kept_at, first_bytes=first_bytes)
            rest = router.route(rest_request)
            if rest is not None and (route is None or rest.arrival_ns <= route.arrival_ns):
                return Choice(rest_request, rest, True)
        return None if route is None else Choice(request, route, False)

    def beginning_that_fits(self, fragment, now_ps, failed):
        """How many segments a first part has that can be sent when the whole cannot; 0: none.

        As many as the first contact takes by which an empty bundle would go, or if that takes none, any.
        """
        router, without = self._router_of(fragment.node), failed + fragment.without
        request = fragment.request(ns_after(now_ps), 0, without)
        empty = router.route(request)
        if empty is None or fragment.n_segments < 2:
            return 0

        def fits(n_segments, first_contacts):
            n_bytes = fragment.beginning_bytes(n_segments, self._framing_bytes)
            asked = request._replace(
                n_bytes=n_bytes,
                bundle_bytes=n_segments * fragment.bundle.segment_bytes,
                first_contacts=first_contacts,
            )
            return router.route(asked) is not None

        for first_contacts in ((empty.hops[0].contact,), ()):
            most = largest_that(lambda n, by=first_contacts: fits(n, by), fragment.n_segments, least=1)
            if most is not None:
                return most
        return 0

    def book(self, fragment, choice):
        """Promise volume along a way: fragments that lose theirs by it, whether anything is freed.

        Of what is freed some may have been for fragments that are no longer here.
        """
        router, displaced = self._router_of(fragment.node), []
        fragment.booking, lost = router.book(choice.request, choice.route)
        fragment.router = router
        self._booked[id(router), fragment.booking.number] = fragment
        for booking in lost:
            owner = self._booked.pop((id(router), booking.number), None)
            if owner is not None:
                owner.booking = None
                displaced.append(owner)
        return displaced, bool(lost)

    def release(self, fragment, now_ps):
        """Take back what has been promised to a fragment; whether there was anything."""
        booking, fragment.booking = fragment.booking, None
        if booking is None:
            return False
        fragment.router.release(booking, ns_after(now_ps))
        self._booked.pop((id(fragment.router), booking.number), None)
        return True

    def occupy(self, fragment, contact, now_ps, until_ps):
        """A fragment is sent over a contact from now until an instant; whether later time is free by that."""
        instants = ns_after(now_ps), ns_after(until_ps)
        return self._router_of(fragment.node).occupy(fragment.booking, contact, *instants)

    def vacate(self, node, contact, now_ps):
        """A node sends no more over a contact."""
        self._router_of(node).vacate(contact, ns_after(now_ps))

    def hand_on(self, fragment, follower):
        """What has been promised to a fragment is for one that it has become, or for none (None)."""
        booking, fragment.booking = fragment.booking, None
        if booking is None:
            return
        key = id(fragment.router), booking.number
        if follower is None:
            self._booked.pop(key, None)
        else:
            follower.booking, follower.router = booking, fragment.router
            self._booked[key] = follower


def ns_after(time_ps):
    """The first whole ns that is not before an instant."""
    return -(-time_ps // PS_PER_NS)
