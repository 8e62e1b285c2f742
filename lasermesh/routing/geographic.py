"""Policy `greedy-geographic`: always to the neighbour nearest to the destination."""

import numpy as np

from lasermesh.errors import UserError
from lasermesh.routing import geographic_kernels
from lasermesh.routing.declaring import Option, declare, options_in
from lasermesh.routing.snapshot import Snapshot, for_kernels
from lasermesh.routing.table import ForwardingTable
from lasermesh.units import NONE

OPTIONS = {
    "metric": Option(
        str, "chord", "distance in a straight line, or along the ground", choices=("chord", "great-circle")
    )
}


@declare(
    complete=False,
    source="G. G. Finn, ISI/RR-87-180, 1987; B. Karp, H. T. Kung, GPSR, MobiCom 2000, greedy part",
    options=OPTIONS,
)
def greedy_geographic(snapshot: Snapshot) -> ForwardingTable:
    """The neighbour nearest to the destination, if it is nearer than the node itself; else there is no route.

    A ground site is where the satellites are that have a link to it: nearest is who is nearest to one of
    them, and they send down. A node without transit may send to a neighbour that is further away than itself,
    since nobody sends through it. Of equally near ones the lowest link id. Distances along the ground are
    angles at the Earth's centre. Nodes whose position is not known are nobody's next hop, unless they are the
    destination.

    Raises
    ------
    UserError
        If the snapshot has no positions.
    """
    metric = options_in(snapshot, OPTIONS)["metric"]
    position_m = snapshot.position_m
    if position_m is None:
        raise UserError('routing policy "greedy-geographic" needs positions, and this snapshot has none')
    place = np.array(position_m, dtype=np.float64)
    if metric == "great-circle":
        # Of two angles the one with the shorter chord on a sphere is the smaller.
        place /= np.linalg.norm(place, axis=1, keepdims=True)
    links = (snapshot.transit, snapshot.is_ground, snapshot.first, snapshot.from_node, snapshot.to_node)
    nearest = np.full((snapshot.n_nodes, len(snapshot.destinations)), NONE, dtype=np.int32)
    geographic_kernels.fill_nearest_neighbours(
        *for_kernels(snapshot.destinations, *links, snapshot.link),
        place,
        np.empty(snapshot.n_nodes),
        np.empty(snapshot.n_nodes, dtype=np.int64),
        nearest,
    )
    return ForwardingTable(nearest[:, :, np.newaxis], snapshot.label_of_flow)
