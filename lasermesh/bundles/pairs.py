"""Between which nodes bundles may travel."""


def pairs_of(graph, bundle_flows):
    """Ordered pairs of nodes (from, to) over which bundles may travel: a sorted list.

    From where bundles can get at all to where they can still reach a destination, whenever that be.
    """
    sources = {flow.from_row for flow in bundle_flows}
    destinations = {flow.to_row for flow in bundle_flows}
    sender, receiver = graph.edge_from.tolist(), graph.edge_to.tolist()
    onward, back = {}, {}
    for one, other in zip(sender, receiver, strict=True):
        onward.setdefault(one, []).append(other)
        back.setdefault(other, []).append(one)
    holders = _reached(sources, onward, graph.transit)
    takers = _reached(destinations, back, graph.transit)
    return [pair for pair in zip(sender, receiver, strict=True) if pair[0] in holders and pair[1] in takers]


def _reached(nodes, neighbours, transit):
    """Nodes, and all that are reached from them through those that pass bundles on: a set."""
    found, to_look_at = set(nodes), list(nodes)
    while to_look_at:
        for other in neighbours.get(to_look_at.pop(), ()):
            if other not in found and transit[other]:
                found.add(other)
                to_look_at.append(other)
    return found
