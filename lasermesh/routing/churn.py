"""Policy `churn-averse`: a flow keeps its path until it breaks or another is better by a margin."""

from dataclasses import replace

import numpy as np

from lasermesh.routing.declaring import Option, declare, options_in
from lasermesh.routing.labels import Paths, lay_paths, pairs_of
from lasermesh.routing.snapshot import Snapshot
from lasermesh.routing.table import ForwardingTable, follow_flows
from lasermesh.routing.trees import trees_towards
from lasermesh.units import NONE

OPTIONS = {
    "margin": Option(float, 0.2, "share of the least delay by which the kept path may be longer", 0.0, 1000.0)
}


@declare(
    complete=True,
    source="V. Bhosale, A. Saeed, K. Bhardwaj, A. Gavrilovska, A Characterization of Route Variability in "
    "LEO Satellite Networks, PAM 2023",
    options=OPTIONS,
)
def churn_averse(snapshot: Snapshot) -> ForwardingTable:
    """The path of the last table while it is up and its delay at most (1 + margin) times the least.

    Else the path of least delay, ties to the lowest link id. Delays are those of now. Paths are laid into
    labels whole, so that what one flow keeps does not bend the path of another.
    """
    margin = options_in(snapshot, OPTIONS)["margin"]
    trees = trees_towards(snapshot)
    pairs = pairs_of(snapshot)
    ends = replace(snapshot, flow_from=pairs.start, flow_to=pairs.end)
    best = follow_flows(ends, ForwardingTable(trees.link[:, :, np.newaxis], ends.label_of_flow))
    routes = [best]
    keeps = np.zeros(len(pairs.end), dtype=bool)
    last = _what_is_left(snapshot)
    if last is not None:
        kept = follow_flows(ends, last._replace(label_of_flow=last.label_of_flow[pairs.flow]))
        keeps = (kept.delay_s <= (1.0 + margin) * best.delay_s) & _visits_no_node_twice(
            kept, snapshot.n_nodes
        )
        routes.append(kept)
    return lay_paths(snapshot, trees.link, pairs, _chosen(routes, keeps.astype(np.int64)))


def _what_is_left(snapshot):
    """The last table without the links that are down; None if there was none for these flows."""
    table = snapshot.previous
    if table is None or len(table.link) != snapshot.n_nodes or len(table.label_of_flow) != snapshot.n_flows:
        return None
    up = np.zeros(max(len(snapshot.ends_of_link), int(table.link.max(initial=0)) + 1) + 1, dtype=bool)
    up[snapshot.link] = True  # the last place is for NONE, and stays False
    return table._replace(link=np.where(up[table.link], table.link, NONE).astype(np.int32))


def _visits_no_node_twice(routes, n_nodes):
    """Whether each route could be a path of one label: bool (n_routes,)."""
    route = np.repeat(np.arange(len(routes.first) - 1), np.diff(routes.first))
    visits, count = np.unique(route * n_nodes + routes.node, return_counts=True)
    simple = np.ones(len(routes.first) - 1, dtype=bool)
    simple[visits[count > 1] // n_nodes] = False
    return simple


def _chosen(routes, choice):
    """The path of each pair from the routes that `choice` names; none where its length is 0."""
    lengths = np.array([np.diff(each.first) for each in routes])[choice, np.arange(len(choice))]
    pair = np.flatnonzero(lengths)
    rows = [np.arange(routes[choice[p]].first[p], routes[choice[p]].first[p + 1]) for p in pair]
    node = [routes[choice[p]].node[each] for p, each in zip(pair, rows, strict=True)]
    link = [routes[choice[p]].link[each] for p, each in zip(pair, rows, strict=True)]
    none = [np.empty(0, dtype=np.int32)]
    first = np.concatenate([[0], np.cumsum(lengths[pair])])
    return Paths(pair, first, np.concatenate(none + node), np.concatenate(none + link))
