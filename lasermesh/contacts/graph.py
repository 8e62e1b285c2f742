"""The link graph of one instant, and the table of links that it refers to."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from lasermesh.contacts.offer_kernels import LinkColumns as LinkTable
from lasermesh.units import SPEED_OF_LIGHT_M_PER_S

ISL = 0
GSL = 1

__all__ = ["GSL", "ISL", "LinkGraph", "LinkStep", "LinkTable", "transit_of"]


@dataclass(frozen=True, eq=False)
class LinkGraph:
    """Every directed link that is up at one instant, sorted by (from_node, to_node), one per ordered pair."""

    t_s: float
    """Seconds since the topology's epoch."""
    first: np.ndarray
    """int64 (n_nodes + 1,): the links that start at node v are rows [first[v], first[v + 1])."""
    from_node: np.ndarray
    """int32 (n_links,)"""
    to_node: np.ndarray
    """int32 (n_links,)"""
    link: np.ndarray
    """int32 (n_links,): id of the link, a row of the engine's `links`."""
    range_m: np.ndarray
    """float64 (n_links,)"""
    rate_bps: np.ndarray
    """int64 (n_links,)"""
    kind: np.ndarray
    """int8 (n_links,): ISL or GSL."""
    rule: np.ndarray
    """int16 (n_links,): row of the topology's link rules."""

    @property
    def delay_s(self):
        """Propagation delay of each link: float64 (n_links,)."""
        return self.range_m / SPEED_OF_LIGHT_M_PER_S

    def __len__(self):
        return len(self.from_node)


class LinkStep(NamedTuple):
    """The links that are up at the start of a step, and what happens to links before its end.

    Rows are in the order of time; at one instant links that go down come first, then by id.
    """

    graph: LinkGraph
    change_s: np.ndarray  # float64 (n,)  seconds since the topology's epoch, all within the step
    change_link: np.ndarray  # int32 (n,)
    change_rate_bps: np.ndarray  # int64 (n,)  0: down; else up at, or changing to, this rate
    change_foreseen: np.ndarray  # bool (n,)  by orbits, plans and choices; not by losses, clouds or failures


def transit_of(topology) -> np.ndarray:
    """Which nodes of a topology carry traffic between others: bool (n_nodes,), as their groups say."""
    transit = np.zeros(len(topology.node_names), dtype=bool)
    for group in (*topology.satellites, *topology.ground):
        rows = topology.group_rows(group.name)
        transit[rows.start : rows.stop] = group.transit is not False  # None: made by hand, the default
    return transit
