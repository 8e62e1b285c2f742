"""Policy `explicit`: paths from a file."""

import itertools
from pathlib import Path

import numpy as np

from lasermesh.routing.declaring import Option, declare, options_in
from lasermesh.routing.labels import Paths, lay_paths, pairs_of
from lasermesh.routing.snapshot import Snapshot
from lasermesh.routing.table import ForwardingTable
from lasermesh.routing.trees import trees_towards
from lasermesh.scenario.fields import REQUIRED
from lasermesh.scenario.read_paths import read_paths
from lasermesh.units import NONE

OPTIONS = {
    "file": Option(str, REQUIRED, "CSV file with the columns from, to, path, and if need be start_s, stop_s"),
    "fallback": Option(
        str,
        "none",
        "what a flow does that has no path now: it has no route, or takes that of shortest-delay",
        choices=("none", "shortest-delay"),
    ),
}


@declare(complete=False, source="Source routes, J. Postel, RFC 791, 1981; laid into labels", options=OPTIONS)
def explicit(snapshot: Snapshot) -> ForwardingTable:
    """The paths that a file gives for the two ends of a flow; of several the flow's hash takes one.

    A path can be used while its row says so, all its links are up and the nodes between carry transit.

    Raises
    ------
    UserError
        If no file is named, or it cannot be read, or lines are wrong (all of them are named).
    """
    options = options_in(snapshot, OPTIONS)
    given = read_paths(Path(snapshot.folder or ".") / options["file"], snapshot.names)
    trees = trees_towards(snapshot)
    pairs = pairs_of(snapshot)
    pair_of_ends = {
        ends: pair for pair, ends in enumerate(zip(pairs.start.tolist(), pairs.end.tolist(), strict=True))
    }
    link_of_ends = dict(
        zip(
            zip(snapshot.from_node.tolist(), snapshot.to_node.tolist(), strict=True),
            snapshot.link.tolist(),
            strict=True,
        )
    )
    found = []
    for path in given:
        nodes = path.nodes
        pair = pair_of_ends.get((nodes[0], nodes[-1]))
        if pair is None or not path.start_s <= snapshot.t_s < path.stop_s:
            continue
        links = [link_of_ends.get(ends) for ends in itertools.pairwise(nodes)]
        if None not in links and snapshot.transit[list(nodes[1:-1])].all():
            found.append((pair, nodes, [*links, NONE]))
    found.sort(key=lambda each: each[0])
    table = lay_paths(snapshot, trees.link, pairs, _as_paths(found))
    if options["fallback"] == "shortest-delay":
        without = table.label_of_flow[:, 0] == NONE
        table.label_of_flow[without, 0] = snapshot.label_of_flow[without, 0]
    return table


def _as_paths(found):
    """Paths from (pair, nodes, links), sorted by pair."""
    lengths = [len(nodes) for _, nodes, _ in found]
    return Paths(
        np.array([pair for pair, _, _ in found], dtype=np.int64),
        np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)]).astype(np.int64),
        np.array([node for _, nodes, _ in found for node in nodes], dtype=np.int32),
        np.array([link for _, _, links in found for link in links], dtype=np.int32),
    )
