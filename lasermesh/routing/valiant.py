"""Policy `valiant`: by way of a satellite drawn at random."""

from dataclasses import replace

import numpy as np

from lasermesh.routing import valiant_kernels
from lasermesh.routing.declaring import Option, declare, options_in
from lasermesh.routing.labels import Paths, lay_paths, pairs_of
from lasermesh.routing.snapshot import Snapshot, for_kernels
from lasermesh.routing.table import ForwardingTable, follow_flows
from lasermesh.routing.trees import trees_towards
from lasermesh.units import NONE

OPTIONS = {"intermediates": Option(int, 1, "paths of a flow, each by a satellite of its own", 1, 16)}


@declare(
    complete=True,
    source="L. G. Valiant, G. J. Brebner, Universal schemes for parallel communication, STOC 1981",
    options=OPTIONS,
)
def valiant(snapshot: Snapshot) -> ForwardingTable:
    """Least delay to a satellite drawn for the pair of ends, and from there least delay to the destination.

    Drawn among the satellites that carry transit and lie on some way from the one end to the other: each has
    a hash of the seed and the two ends, and the greatest are taken (rendezvous hashing). So a pair keeps its
    way-points while they can be reached, and takes up a lost one again when it comes back. Fewer than
    `intermediates` where there are not so many satellites; the path of least delay where there is none. A
    node may be passed twice, once with the label to the way-point and once with that to the destination.
    """
    most = options_in(snapshot, OPTIONS)["intermediates"]
    trees = trees_towards(snapshot)
    pairs = pairs_of(snapshot)
    way_point = np.full((len(pairs.end), most), NONE, dtype=np.int32)
    n_nodes = snapshot.n_nodes
    columns = for_kernels(
        snapshot.transit & ~snapshot.is_ground,
        snapshot.transit,
        snapshot.first,
        snapshot.to_node,
        pairs.start,
        pairs.end,
        pairs.column,
    )
    valiant_kernels.draw_way_points(
        *columns,
        trees.delay_s,
        np.int64(snapshot.seed),
        np.empty(n_nodes, dtype=np.bool_),
        np.empty(n_nodes, dtype=np.int64),
        np.empty(most, dtype=np.uint64),
        way_point,
    )
    pair, rank = np.nonzero(way_point != NONE)
    drawn = way_point[pair, rank]
    direct = np.flatnonzero((way_point[:, :1] == NONE).all(axis=1))
    to_drawn = _least_delay(snapshot, pairs.start[pair], drawn)
    straight = _least_delay(snapshot, pairs.start[direct], pairs.end[direct])
    return lay_paths(
        snapshot, trees.link, pairs, _merged(pair, to_drawn, direct, straight), to_way_points=True
    )


def _least_delay(snapshot, start, end):
    """The paths of least delay between nodes: Routes."""
    ends = replace(snapshot, destinations=np.unique(end), flow_from=start, flow_to=end)
    return follow_flows(ends, ForwardingTable(trees_towards(ends).link[:, :, np.newaxis], ends.label_of_flow))


def _merged(pair, routes, other_pair, other):
    """Paths of both kinds, by pair; a route without nodes is none."""
    pairs = np.concatenate([pair, other_pair])
    lengths = np.concatenate([np.diff(routes.first), np.diff(other.first)])
    starts = np.concatenate([routes.first[:-1], other.first[:-1] + len(routes.node)])
    order = np.argsort(pairs, kind="stable")
    order = order[lengths[order] > 0]
    first = np.concatenate([[0], np.cumsum(lengths[order])])
    place = np.repeat(starts[order] - first[:-1], lengths[order]) + np.arange(first[-1])
    node = np.concatenate([routes.node, other.node])[place]
    return Paths(pairs[order], first, node, np.concatenate([routes.link, other.link])[place])
