"""Routing by the volume rules of CCSDS 734.3-B-1 itself, as ION and others follow it.

Routes are found by time alone, for the first bit; afterwards each is asked whether it has volume for a bundle
(3.2.6). Volumes are counts for each contact and priority, not times: when in a contact they lie is not known,
and of what waits for a neighbour only the node's own part is. So what is predicted here can come too early or
too late; it is there to be compared with. `lasermesh docs dtn` says which clause is which.
"""

from itertools import islice
from typing import NamedTuple

import numpy as np

from lasermesh.dtn.earliest import contacts_between, mask
from lasermesh.dtn.graph import NS_PER_S
from lasermesh.dtn.k_best import routes_in_order
from lasermesh.dtn.ledger import FIRST_SWEEP, N_PRIORITIES, is_to_come
from lasermesh.dtn.returning import route_onward
from lasermesh.dtn.routers import Booking
from lasermesh.dtn.routes import Hop, Route, duration_ns, owlt_at
from lasermesh.units import NONE

_BITS_NS = 8 * NS_PER_S  # bytes times this, over bit/s, are ns


class SabrRules(NamedTuple):
    """What the standard leaves to those who implement it, or they do otherwise."""

    overhead_ppm: int = 30_000  # of a bundle's size: 3 % (734.3-B-1, estimated volume consumption)
    overhead_bytes: int = 100  # at least
    complete: bool = False  # whether all routes are compared, or the first that is a candidate is taken
    n_routes: int = 16  # so many routes are looked at, by arrival of the first bit


ION_RULES = SabrRules(overhead_ppm=62_500, overhead_bytes=36)
"""6.25 %, and 36 bytes as the least (TYPICAL_STACK_OVERHEAD in ION's ion.h)."""


def volume_consumption(n_bytes, rules):
    """Estimated volume consumption (EVC) of a bundle, in bytes; parts of a byte are left out, as ION does."""
    return n_bytes + max(n_bytes * rules.overhead_ppm // 1_000_000, rules.overhead_bytes)


class SabrRouter:
    """Routes by time, tested for volume; a `Router` of one node, or of all that share it.

    Parameters
    ----------
    graph : ContactGraph
    terms : Terms
        `inclusive_end` as the text has it; ION's contacts end before their last instant.
    rules : SabrRules
    books : bool
        Whether volume is counted at all.
    """

    def __init__(self, graph, terms, rules=None, books=True):
        self.graph = graph
        self.terms = terms
        self.rules = rules or SabrRules()
        self.books = books
        self._left = {}  # contact -> bytes that are not promised, for each priority; absent: all
        self._bookings = {}  # number -> (Booking, bytes taken of each contact)
        self._waiting = {}  # (sender, neighbour) -> numbers of the bookings whose first contact leads there
        self._busy = {}  # (sender, neighbour) -> (from, until, bytes that are counted): what is being sent
        self._n_booked = 0
        self._swept_ns = None
        self._sweep_at = FIRST_SWEEP

    def route(self, request):
        """See `Router.route`."""
        return route_onward(request, self._find, self._find_unbooked)

    def _find(self, request):
        """The best candidate (734.3-B-1, 3.2.6), with times for its estimated volume consumption."""
        graph, rules = self.graph, self.rules
        routes = routes_in_order(
            graph,
            request.source,
            request.destination,
            request.time_ns,
            terms=self.terms,
            without_nodes=mask(request.without_nodes, graph.n_nodes),
            without_contacts=self._hopeless(request),
            latest_ns=request.latest_ns,
            at_most=rules.n_routes,
        )
        candidates = filter(None, (self._candidate(request, route) for route in routes))
        if not rules.complete:
            candidates = islice(candidates, 1)
        return min(candidates, key=lambda route: route.key(graph), default=None)

    def _find_unbooked(self, request):
        return SabrRouter(self.graph, self.terms, self.rules, books=False)._find(request)

    def book(self, request, route):
        """See `Router.book`; who loses are the last of lower priority that were to use the first contact."""
        booking = Booking(self._n_booked, route, request.n_bytes, request.priority)
        self._n_booked += 1
        if not self.books:
            return booking, []
        taken = self._volumes(request, len(route.hops))
        self._bookings[booking.number] = booking, taken
        first = route.hops[0]
        self._waiting.setdefault((first.from_node, first.to_node), []).append(booking.number)
        for hop, n_bytes in zip(route.hops, taken, strict=True):
            self._spend(hop.contact, n_bytes, booking.priority)
        displaced = self._overbooked(first.contact, booking.priority)
        for other in displaced:
            self.release(other, request.time_ns)
        if len(self._bookings) >= self._sweep_at:
            self._sweep(request.time_ns)
        return booking, displaced

    def release(self, booking, from_ns):
        """See `Router.release`."""
        _, taken = self._bookings.pop(booking.number, (None, None))
        if taken is None:
            return
        self._wait_no_more(booking)
        for hop, n_bytes in zip(booking.route.hops, taken, strict=True):
            self._spend(hop.contact, -left_bytes(hop, n_bytes, from_ns), booking.priority)

    def occupy(self, booking, contact, from_ns, until_ns):
        """See `Router.occupy`; what is being sent waits no more, and its volume is counted for everybody."""
        pair = self._pair(contact)
        counted = self._unsent(pair, from_ns)  # if it goes on at another pace
        if booking is not None and booking.number in self._bookings:
            _, (n_bytes, *later) = self._bookings[booking.number]
            counted += n_bytes
            self._bookings[booking.number] = booking, [0, *later]
            self._wait_no_more(booking)
            self._spend(contact, -n_bytes, booking.priority)
            self._spend(contact, n_bytes, N_PRIORITIES - 1)
        self._busy[pair] = from_ns, until_ns, counted
        return False

    def vacate(self, contact, now_ns):
        """See `Router.vacate`."""
        pair = self._pair(contact)
        unsent = self._unsent(pair, now_ns)
        if unsent:
            self._spend(contact, -unsent, N_PRIORITIES - 1)
        self._busy.pop(pair, None)

    def _unsent(self, pair, now_ns):
        """Bytes that are counted for what is being sent between two nodes, and have not left."""
        from_ns, until_ns, n_bytes = self._busy.get(pair, (0, 0, 0))
        if now_ns >= until_ns:
            return 0
        return -(-n_bytes * (until_ns - now_ns) // (until_ns - from_ns))

    def _pair(self, contact):
        return int(self.graph.contact_from[contact]), int(self.graph.contact_to[contact])

    def _wait_no_more(self, booking):
        first = booking.route.hops[0]
        waiting = self._waiting[first.from_node, first.to_node]
        if booking.number in waiting:
            waiting.remove(booking.number)

    def transmission_volume(self, contact, priority):
        """Maximum transmission volume (MTV) of a contact for a priority, in bytes; negative: overbooked."""
        left = self._left.get(contact)
        return self._whole_volume(contact) if left is None else left[priority]

    def backlog_bytes(self, sender, neighbour, priority, now_ns):
        """What still waits at a node for a neighbour, of a priority or higher."""
        total = 0
        for number in self._waiting.get((sender, neighbour), ()):
            booking, taken = self._bookings[number]
            if booking.priority >= priority:
                total += left_bytes(booking.route.hops[0], taken[0], now_ns)
        return total

    def earliest_transmission(self, contact, priority, asked_ns):
        """Earliest transmission opportunity (ETO) over a contact from its sender: int, ns.

        What is being sent to the neighbour goes first, then what waits for it, as much of that as earlier
        contacts do not take.
        """
        graph = self.graph
        sender, neighbour = self._pair(contact)
        start_ns, now_ns = int(graph.contact_start_ns[contact]), asked_ns
        if (sender, neighbour) in self._busy:
            now_ns = max(asked_ns, self._busy[sender, neighbour][1])
        residual = self.backlog_bytes(sender, neighbour, priority, asked_ns)
        if residual > 0:
            for other in contacts_between(graph, sender, neighbour).tolist():
                begins_ns, ends_ns = int(graph.contact_start_ns[other]), int(graph.contact_stop_ns[other])
                if begins_ns < start_ns and ends_ns > max(
                    begins_ns, now_ns
                ):  # one that is reversed takes none
                    residual -= volume_in(graph, other, ends_ns - max(begins_ns, now_ns))
        return max(now_ns, start_ns) + duration_ns(max(residual, 0), int(graph.contact_rate_bps[contact]))

    def _candidate(self, request, route):
        """The route with the times of a bundle's volume, None where the rules reject it."""
        graph, terms = self.graph, self.terms
        stops_ns = [int(graph.contact_stop_ns[hop.contact]) for hop in route.hops]
        volumes = self._volumes(request, len(route.hops))
        contact = route.hops[0].contact
        ready_ns = self.earliest_transmission(contact, request.priority, request.time_ns)
        if ready_ns > stops_ns[0] or (ready_ns == stops_ns[0] and not terms.inclusive_end):
            return None
        hops = []
        for place, hop in enumerate(route.hops):
            contact, n_bytes = hop.contact, volumes[place]
            first_tx_ns = max(ready_ns, int(graph.contact_start_ns[contact]))
            effective_ns = min(stops_ns[place:]) - first_tx_ns
            volume_limit = min(
                self.transmission_volume(contact, request.priority), volume_in(graph, contact, effective_ns)
            )
            # The least of these is the route's volume limit: a bundle is never cut to fit.
            if volume_limit < n_bytes:
                return None
            last_tx_ns = first_tx_ns + duration_ns(n_bytes, int(graph.contact_rate_bps[contact]))
            arrival_ns = last_tx_ns + owlt_at(graph, contact, last_tx_ns) + terms.margin_ns
            hops.append(hop._replace(first_tx_ns=first_tx_ns, last_tx_ns=last_tx_ns, arrival_ns=arrival_ns))
            ready_ns = arrival_ns + terms.handling_ns
        return Route(tuple(hops)) if hops[-1].arrival_ns <= request.latest_ns else None

    def _volumes(self, request, n_hops):
        """Estimated volume consumption on each hop, in bytes."""
        n_bytes = request.n_bytes if request.bundle_bytes == NONE else request.bundle_bytes
        volumes = [volume_consumption(n_bytes, self.rules)] * n_hops
        if request.first_bytes != NONE:
            volumes[0] = volume_consumption(request.first_bytes, self.rules)
        return volumes

    def _hopeless(self, request):
        """Contacts that no candidate can use, so that the list of routes is not filled up with them."""
        graph = self.graph
        volume = self._volumes(request, 1)[0]
        lasts_ns = graph.contact_stop_ns - np.maximum(graph.contact_start_ns, request.time_ns)
        # By float64: what is left out lacks more than that can be wrong by.
        hopeless = lasts_ns * (graph.contact_rate_bps / _BITS_NS) < volume * (1 - 1e-9)
        priority = request.priority
        hopeless[[contact for contact, left in self._left.items() if left[priority] < volume]] = True
        hopeless[list(request.without_contacts)] = True
        if request.neighbour != NONE:
            hopeless |= (graph.contact_from == request.source) & (graph.contact_to != request.neighbour)
        if request.first_contacts:
            others = graph.contact_from == request.source
            others[list(request.first_contacts)] = False
            hopeless |= others
        return hopeless

    def _spend(self, contact, n_bytes, priority):
        if contact not in self._left:
            self._left[contact] = [self._whole_volume(contact)] * N_PRIORITIES
        left = self._left[contact]
        for level in range(priority + 1):
            left[level] -= n_bytes

    def _whole_volume(self, contact):
        graph = self.graph
        lasts_ns = int(graph.contact_stop_ns[contact]) - int(graph.contact_start_ns[contact])
        return volume_in(graph, contact, lasts_ns)

    def _overbooked(self, contact, priority):
        """Bookings of lower priority that a contact has no volume for any more: lowest first, then last."""
        over = [max(0, -self.transmission_volume(contact, level)) for level in range(priority)]
        displaced = []
        if not any(over):
            return displaced
        for level in range(priority):
            for booking, taken in reversed(list(self._bookings.values())):
                if over[level] <= 0:
                    break
                if booking.priority != level or contact not in booking.route.contacts:
                    continue
                freed = taken[booking.route.contacts.index(contact)]
                if freed > 0:  # nothing of what is being sent
                    displaced.append(booking)
                    for lower in range(level + 1):
                        over[lower] -= freed
        return displaced

    def _sweep(self, now_ns):
        """Forget what was past at the last time, as `Ledger` does."""
        if self._swept_ns is not None:
            stops_ns = self.graph.contact_stop_ns
            self._left = {c: left for c, left in self._left.items() if stops_ns[c] > self._swept_ns}
            for number, (booking, _) in list(self._bookings.items()):
                if not is_to_come(booking, self._swept_ns):
                    del self._bookings[number]
            for pair, numbers in self._waiting.items():
                self._waiting[pair] = [number for number in numbers if number in self._bookings]
        self._swept_ns = now_ns
        n_to_come = sum(is_to_come(booking, now_ns) for booking, _ in self._bookings.values())
        self._sweep_at = len(self._bookings) + n_to_come + FIRST_SWEEP


def volume_in(graph, contact, lasts_ns):
    """Whole bytes that a contact sends in a time."""
    return lasts_ns * int(graph.contact_rate_bps[contact]) // _BITS_NS


def left_bytes(hop: Hop, n_bytes, now_ns):
    """What of a hop's bytes has not left at an instant, rounded up."""
    if now_ns <= hop.first_tx_ns:
        return n_bytes
    if now_ns >= hop.last_tx_ns:
        return 0
    return -(-n_bytes * (hop.last_tx_ns - now_ns) // (hop.last_tx_ns - hop.first_tx_ns))
