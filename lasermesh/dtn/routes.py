"""What a search is asked by, and what it answers."""

import math
from typing import NamedTuple

import numpy as np

from lasermesh.units import NEVER


class Terms(NamedTuple):
    """How contacts are read."""

    inclusive_end: bool = False  # whether an empty bundle may leave at the very end of a contact
    margin_ns: int = 0  # added to the light time of each hop
    handling_ns: int = 0  # from a bundle's arrival at a node until that can send it on


class Hop(NamedTuple):
    """One contact of a route, and when it is used."""

    contact: int  # row in the plan
    from_node: int
    to_node: int
    first_tx_ns: int  # when the first bit leaves
    last_tx_ns: int  # and when the last one has left
    arrival_ns: int  # of the last bit, with the margin


class Route(NamedTuple):
    """A way from a node to another through contacts of a plan."""

    hops: tuple  # of Hop, at least one

    @property
    def arrival_ns(self):
        """When the last bit is there (best-case delivery time; with bytes, projected arrival time)."""
        return self.hops[-1].arrival_ns

    @property
    def entry(self):
        """Row of the first node behind the source."""
        return self.hops[0].to_node

    @property
    def contacts(self):
        """Rows of its contacts."""
        return tuple(hop.contact for hop in self.hops)

    def termination_ns(self, graph):
        """The first end of its contacts."""
        return min(int(graph.contact_stop_ns[hop.contact]) for hop in self.hops)

    def key(self, graph):
        """What routes are compared by, smaller is better (CCSDS 734.3-B-1, 3.2.6).

        Arrival, number of contacts, termination (negative: later is better), number of the entry node.
        """
        return (
            self.arrival_ns,
            len(self.hops),
            -self.termination_ns(graph),
            int(graph.number[self.entry]),
        )


def duration_ns(n_bytes, rate_bps):
    """How long a link sends so many bytes, rounded up: int; more than any window has, where the rate is 0."""
    if n_bytes == 0:
        return 0
    return min(math.ceil(n_bytes * 8e9 / rate_bps), NEVER >> 1) if rate_bps > 0 else NEVER >> 1


def owlt_at(graph, contact, time_ns):
    """One-way light time of a contact for what leaves at an instant: int, ns; NONE where it is not known."""
    # As `hop_kernels.light_time` has it: a compiled call, with the graph to unpack, takes twice as long.
    first, end = int(graph.knot_first[contact]), int(graph.knot_first[contact + 1])
    if first == end:
        return int(graph.contact_owlt_ns[contact])
    start_ns, stop_ns = int(graph.knot_start_ns[contact]), int(graph.knot_stop_ns[contact])
    if start_ns == stop_ns:
        return int(np.rint(graph.knot_owlt_ns[first]))
    last = end - first - 1
    place = min(max((time_ns - start_ns) / (stop_ns - start_ns) * last, 0.0), float(last))
    index = min(int(place), last - 1)
    before, after = graph.knot_owlt_ns[first + index], graph.knot_owlt_ns[first + index + 1]
    return int(np.rint(before + (after - before) * (place - index)))
