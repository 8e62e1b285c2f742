"""The candidate test and volumes of CCSDS 734.3-B-1, 3.2.6, over every route there is, in fractions."""

import math
from fractions import Fraction

from tests.reference.contact_graph import all_routes, light_time_ns

BITS_NS = 8 * 10**9


class SlowSabr:
    """What a node, or all of them together, have promised, and what follows from it."""

    def __init__(self, plan, terms, share, floor_bytes, complete):
        self.plan, self.terms, self.complete = plan, terms, complete
        self.share, self.floor_bytes = Fraction(share), floor_bytes
        # [number, priority, EVC, [(contact, first, last)], instant of its release or None]
        self.promised = []
        self.n_booked = 0

    def evc(self, n_bytes):
        return n_bytes + max(math.floor(n_bytes * self.share), self.floor_bytes)

    def mtv(self, row, priority):
        contact = self.plan.contacts[row]
        volume = math.floor(Fraction((contact.stop_ns - contact.start_ns) * contact.rate_bps, BITS_NS))
        for _, other, evc, hops, released in self.promised:
            if other >= priority:
                volume -= sum(
                    evc - (0 if released is None else left(evc, first, last, released))
                    for contact, first, last in hops
                    if contact == row
                )
        return volume

    def eto(self, row, priority, now):
        contact = self.plan.contacts[row]
        pair = contact[:2]
        backlog = sum(
            left(evc, *hops[0][1:], now)
            for _, other, evc, hops, released in self.promised
            if released is None and other >= priority and self.plan.contacts[hops[0][0]][:2] == pair
        )
        for earlier in self.plan.contacts:
            begins_before = earlier[:2] == pair and earlier.start_ns < contact.start_ns
            lasts = earlier.stop_ns - max(earlier.start_ns, now)
            if begins_before and lasts > 0:
                backlog -= math.floor(Fraction(lasts * earlier.rate_bps, BITS_NS))
        return max(now, contact.start_ns) + sending(max(backlog, 0), contact)

    def candidates(self, query, priority):
        """(key, rows, times, key by the first bit) of all candidates, in the order of the latter."""
        for route in all_routes(self.plan, query._replace(n_bytes=0), self.terms):
            contacts = [self.plan.contacts[row] for row in route.contacts]
            evc = self.evc(query.n_bytes)
            ready, times, rvl = None, [], math.inf
            first_eto = self.eto(route.contacts[0], priority, query.at_ns)
            if first_eto > contacts[0].stop_ns:
                continue
            if first_eto == contacts[0].stop_ns and not self.terms.inclusive_end:
                continue
            for place, contact in enumerate(contacts):
                first = first_eto if place == 0 else max(contact.start_ns, ready)
                effective = min(later.stop_ns for later in contacts[place:]) - first
                limit = math.floor(Fraction(effective * contact.rate_bps, BITS_NS))
                rvl = min(rvl, limit, self.mtv(route.contacts[place], priority))
                last = first + sending(evc, contact)
                arrival = last + light_time_ns(contact, last) + self.terms.margin_ns
                times.append((first, last, arrival))
                ready = arrival + self.terms.handling_ns
            if rvl >= evc and times[-1][2] <= query.latest_ns:
                yield (times[-1][2], *route.key[1:]), route.contacts, times, route.key

    def choose(self, query, priority):
        """(key, rows, times) of those that may be taken: several, where all keys leave them equal."""
        found = list(self.candidates(query, priority))
        if self.complete:
            return [one[:3] for one in found if one[0] == min(found)[0]]
        return [one[:3] for one in found if one[3] == found[0][3]]

    def book(self, n_bytes, priority, hops):
        self.promised.append([self.n_booked, priority, self.evc(n_bytes), hops, None])
        self.n_booked += 1
        row = hops[0][0]
        displaced = []
        for level in range(priority):
            for entry in reversed(self.promised):
                if self.mtv_without(row, level, displaced) >= 0:
                    break
                if entry[1] == level and entry[4] is None and row in [hop[0] for hop in entry[3]]:
                    displaced.append(entry)
        return displaced

    def mtv_without(self, row, level, displaced):
        return self.mtv(row, level) + sum(entry[2] for entry in displaced if entry[1] >= level)


def sending(n_bytes, contact):
    return math.ceil(Fraction(n_bytes * BITS_NS, contact.rate_bps))


def left(n_bytes, first, last, now):
    """What has not been sent of so many bytes, if they are sent evenly."""
    if now <= first:
        return n_bytes
    return 0 if now >= last else math.ceil(Fraction(n_bytes * (last - now), last - first))
