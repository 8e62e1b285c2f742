"""Policy `load-aware`: propagation plus the wait that the load just measured would cause."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from lasermesh.routing.declaring import Option, declare, options_in
from lasermesh.routing.snapshot import Snapshot
from lasermesh.routing.table import ForwardingTable
from lasermesh.routing.trees import trees_towards

GREATEST_LOAD = 0.95
"""Loads count as no more: the wait is 9.5 services, so that a full link is shunned but never impassable."""

OPTIONS = {
    "damping": Option(
        float, 0.0, "weight of the load estimated before; 0: only the last is looked at", 0.0, 0.99
    ),
    "packet_bytes": Option(int, 1500, "packet whose service time counts", 1, 65_535),
}


class Estimate(NamedTuple):
    """What links are thought to carry."""

    load: np.ndarray  # float64, by link id
    until_s: float | None  # of the last measurement in it, if that is known


@declare(
    complete=True,
    source="M/D/1 wait: L. Kleinrock, Queueing Systems 2, 1976; swings and remedies: D. P. Bertsekas, IEEE "
    "Trans. Automatic Control 27, 1982; A. Khanna, J. Zinky, SIGCOMM 1989",
    options=OPTIONS,
)
def load_aware(snapshot: Snapshot) -> ForwardingTable:
    """Least sum of propagation delay and mean wait, rho / (2 (1 - rho)) times the service of one packet.

    rho is the load of a link, at most GREATEST_LOAD, smoothed: `damping` times what it was thought to be,
    plus 1 - `damping` times what was measured in the last routing interval, once for each interval however
    many tables are made in it. A link not seen before had none. The estimate travels in the table's `notes`.
    Ties to the lowest link id.
    """
    options = options_in(snapshot, OPTIONS)
    notes = snapshot.previous and snapshot.previous.notes
    before = notes if isinstance(notes, Estimate) else Estimate(np.zeros(0), None)
    load = np.zeros(max(len(snapshot.ends_of_link), len(before.load)))
    if before.until_s is not None and before.until_s == snapshot.load_until_s:
        load[: len(before.load)] = before.load
    elif snapshot.load is not None:
        load[snapshot.link] = (1.0 - options["damping"]) * snapshot.load
        load[: len(before.load)] += options["damping"] * before.load
    wait_s = mean_wait_s(load[snapshot.link], options["packet_bytes"] * 8 / snapshot.rate_bps)
    trees = trees_towards(replace(snapshot, delay_s=snapshot.delay_s + wait_s))
    return ForwardingTable(
        trees.link[:, :, np.newaxis], snapshot.label_of_flow, notes=Estimate(load, snapshot.load_until_s)
    )


def mean_wait_s(load, service_s):
    """Mean wait in a queue with Poisson arrivals and a fixed service time (M/D/1), the load capped."""
    load = np.minimum(load, GREATEST_LOAD)
    return load / (2.0 * (1.0 - load)) * service_s
