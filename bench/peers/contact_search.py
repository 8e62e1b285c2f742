"""Earliest arrivals over the contact graph, whose vertices are contacts, in plain Python.

So ION and what descends from it search (Araniti et al., "Contact graph routing in DTN space networks", IEEE
Communications Magazine 53 (2015), 38-46): a contact is reached when what is sent over it has arrived; the
next to be settled is found by looking at all of them, as in ION's libcgr.c, or on a heap.
"""

import heapq
from collections import defaultdict
from typing import NamedTuple

NEVER = float("inf")


class Contact(NamedTuple):
    """One contact."""

    sender: int
    receiver: int
    start_ns: int
    stop_ns: int
    owlt_ns: int


class ContactSearch:
    """Searches on one plan; `transit` says which nodes may be passed."""

    def __init__(self, contacts, transit):
        self.contacts = contacts
        self.transit = transit
        self.leaving = defaultdict(list)  # rows of the contacts that a node sends over
        for row, contact in enumerate(contacts):
            self.leaving[contact.sender].append(row)

    def by_heap(self, source, at_ns, destination=None):
        """Earliest arrivals at nodes, as far as it takes to know that at a destination: dict."""
        reached, arrival_ns = {source: at_ns}, [NEVER] * len(self.contacts)
        waiting, settled = [], set()
        self._follow(source, at_ns, arrival_ns, lambda row, time_ns: heapq.heappush(waiting, (time_ns, row)))
        while waiting:
            time_ns, row = heapq.heappop(waiting)
            if row in settled:
                continue
            settled.add(row)
            node = self.contacts[row].receiver
            if node not in reached:
                reached[node] = time_ns
            if node == destination:
                break
            if self.transit[node]:
                self._follow(node, time_ns, arrival_ns, lambda row, at: heapq.heappush(waiting, (at, row)))
        return reached

    def by_scan(self, source, at_ns, destination):
        """Earliest arrival at a destination, each next contact the least of all; `NEVER` if there is none."""
        arrival_ns = [NEVER] * len(self.contacts)
        is_open = [True] * len(self.contacts)
        self._follow(source, at_ns, arrival_ns, lambda row, time_ns: None)
        while True:
            row = min(
                (r for r in range(len(self.contacts)) if is_open[r]), key=arrival_ns.__getitem__, default=None
            )
            if row is None or arrival_ns[row] == NEVER:
                return NEVER
            node = self.contacts[row].receiver
            if node == destination:
                return arrival_ns[row]
            is_open[row] = False
            if self.transit[node]:
                self._follow(node, arrival_ns[row], arrival_ns, lambda row, time_ns: None)

    def _follow(self, node, ready_ns, arrival_ns, found):
        """Reach the contacts that a node can send over from an instant on, and tell of each that is news."""
        for row in self.leaving[node]:
            contact = self.contacts[row]
            sent_ns = max(ready_ns, contact.start_ns)
            if sent_ns < contact.stop_ns and sent_ns + contact.owlt_ns < arrival_ns[row]:
                arrival_ns[row] = sent_ns + contact.owlt_ns
                found(row, arrival_ns[row])
