"""What waits for each planned contact, in the order of sending (bundle model, rules 3 and 8)."""

import heapq
from itertools import count

import numpy as np

from lasermesh.units import PS_PER_NS

GRACE_PS = PS_PER_NS
"""So late after its planned start, in whole ns, a contact counts as failed: links begin at a ps."""


class ContactQueue:
    """The fragments that are to be sent in one contact.

    Attributes
    ----------
    contact : int
        Row in the plan.
    start_ps, stop_ps : int
        As planned.
    ticket : Ticket or None
        When it is looked at next.
    """

    def __init__(self, contact, start_ps, stop_ps):
        self.contact, self.start_ps, self.stop_ps = contact, start_ps, stop_ps
        self.ticket = None
        self._heap = []
        self._numbers = count()

    def put(self, fragment, first_tx_ns, ready_ps):
        """Add a fragment that is planned to begin at an instant, and has been ready since another."""
        bundle = fragment.bundle
        key = first_tx_ns, -bundle.priority, ready_ps, bundle.number, fragment.first_byte, next(self._numbers)
        fragment.entry = [key, fragment]  # without the fragment once it is taken out
        heapq.heappush(self._heap, fragment.entry)

    @staticmethod
    def take_out(fragment):
        """Remove a fragment from the queue in which it is."""
        fragment.entry[-1] = None
        fragment.entry = None

    def pop(self):
        """The first fragment, None if there is none."""
        while self._heap:
            entry = heapq.heappop(self._heap)
            if entry[-1] is not None:
                entry[-1].entry = None
                return entry[-1]
        return None

    def pop_all(self):
        """All fragments in order: a list."""
        return list(iter(self.pop, None))


class OwnContacts:
    """The planned contacts of one node that are open, or were supposed to be.

    Parameters
    ----------
    start_ps, stop_ps, contact, channel : lists
        Of all of them, in order of start.
    """

    def __init__(self, start_ps, stop_ps, contact, channel):
        self._planned = start_ps, stop_ps, contact, channel
        self._next = 0
        self._open = []  # (stop, contact, channel)

    def open_at(self, now_ps):
        """Those that should be up (contact, channel): a list; instants must not descend."""
        start_ps, stop_ps, contact, channel = self._planned
        row = self._next
        while row < len(start_ps) and start_ps[row] + GRACE_PS <= now_ps:
            self._open.append((stop_ps[row], contact[row], channel[row]))
            row += 1
        self._next = row
        self._open = [planned for planned in self._open if planned[0] > now_ps]
        return [planned[1:] for planned in self._open]


def contacts_by_node(graph, channel_of):
    """`OwnContacts` of every node, for contacts whose pair is a key of `channel_of`: a list."""
    sender, receiver = graph.contact_from.tolist(), graph.contact_to.tolist()
    start_ps = ps_of(graph.contact_start_ns)
    stop_ps = ps_of(graph.contact_stop_ns)
    columns = [([], [], [], []) for _ in range(graph.n_nodes)]
    for row in np.argsort(graph.contact_start_ns, kind="stable").tolist():
        channel = channel_of.get((sender[row], receiver[row]))
        if channel is not None:
            for column, value in zip(
                columns[sender[row]], (start_ps[row], stop_ps[row], row, channel), strict=True
            ):
                column.append(value)
    return [OwnContacts(*own) for own in columns]


def ps_of(time_ns):
    """Instants (int64 array, ns) as a list of ps: plans may go on for longer than int64 counts ps."""
    return [ns * PS_PER_NS for ns in time_ns.tolist()]
