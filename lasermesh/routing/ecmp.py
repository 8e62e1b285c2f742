"""Policy `ecmp`: every next hop of equal cost is a choice."""

import numpy as np

from lasermesh.routing import ecmp_kernels
from lasermesh.routing.declaring import Option, declare, options_in
from lasermesh.routing.snapshot import Snapshot, cost_in_hops, for_kernels
from lasermesh.routing.table import ForwardingTable
from lasermesh.routing.trees import trees_towards
from lasermesh.units import NONE

OPTIONS = {
    "cost": Option(str, "hops", "what makes paths equal", choices=("hops", "delay")),
    "tolerance": Option(float, 1e-9, "share by which a path may cost more than the best", 0.0, 1.0),
    "max_choices": Option(int, 8, "most next hops of a node, the cheapest ones", 1, 64),
}


@declare(complete=True, source="D. Thaler, C. Hopps, RFC 2991; C. Hopps, RFC 2992, 2000", options=OPTIONS)
def ecmp(snapshot: Snapshot) -> ForwardingTable:
    """All next hops on paths that cost no more than the best, a share `tolerance` allowed.

    Every next hop is strictly cheaper than its node, so no choices together lead in a circle; a path over
    several nodes that each use the tolerance may cost more than that share. Choices are sorted by cost, equal
    ones by link id. Where links cost nothing and no next hop is cheaper, there is one: that of the tree.
    """
    options = options_in(snapshot, OPTIONS)
    if options["cost"] == "hops":
        snapshot = cost_in_hops(snapshot)
    trees = trees_towards(snapshot)
    most = options["max_choices"]
    choice = np.full((*trees.link.shape, most), NONE, dtype=np.int32)
    columns = for_kernels(
        snapshot.destinations,
        snapshot.transit,
        snapshot.first,
        snapshot.to_node,
        snapshot.link,
        snapshot.delay_s,
    )
    used = ecmp_kernels.fill_choices(*columns, *trees, options["tolerance"], np.empty(most), choice)
    return ForwardingTable(np.ascontiguousarray(choice[:, :, : max(1, used)]), snapshot.label_of_flow)
