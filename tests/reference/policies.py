"""What policies choose, the slow and obvious way: networkx, dictionaries, and no labels."""

import itertools
import math

import networkx

from tests.reference.packet_simulator import draw
from tests.reference.routing import NONE, reversed_graph

WAY_POINT = 13


def paths_of(snapshot, table, flow):
    """The nodes of each of a flow's paths, by every node's first choice; [] for one that does not arrive."""
    end_of = dict(zip(snapshot.link.tolist(), snapshot.to_node.tolist(), strict=True))
    found = []
    for label in table.label_of_flow[flow].tolist():
        if label == NONE:
            continue
        node, nodes = int(snapshot.flow_from[flow]), [int(snapshot.flow_from[flow])]
        while node != snapshot.flow_to[flow] and len(nodes) <= 2 * snapshot.n_nodes:
            link = int(table.link[node, label, 0])
            if link == NONE:
                nodes = []
                break
            if table.next_label is not None and table.next_label[node, label] != NONE:
                label = int(table.next_label[node, label])
            node = end_of[link]
            nodes.append(node)
        found.append(nodes)
    return found


def graph_towards(snapshot, destination):
    """The links that a path to the destination may use; edges have `delay_s`, `range_m` and `link`."""
    return reversed_graph(snapshot, destination).reverse()


def delay_of(graph, nodes):
    """Sum of the delays of a path."""
    return sum(graph.edges[ends]["delay_s"] for ends in itertools.pairwise(nodes))


def equal_choices(snapshot, destination, by_hops, tolerance):
    """Of every node that reaches the destination, the links that `ecmp` may take, cheapest first."""
    graph = reversed_graph(snapshot, destination)
    weight = (lambda a, b, edge: 1) if by_hops else "delay_s"
    cost = networkx.single_source_dijkstra_path_length(graph, destination, weight=weight)
    chosen = {}
    for node in cost:
        choices = []
        for onward, _, edge in graph.in_edges(node, data=True):
            if onward in cost and cost[onward] < cost[node]:
                through = cost[onward] + (1 if by_hops else edge["delay_s"])
                if through <= cost[node] * (1.0 + tolerance):
                    choices.append((through, edge["link"]))
        chosen[node] = [link for _, link in sorted(choices)]
    return chosen


def least_disjoint(snapshot, start, end, k):
    """How many of k edge-disjoint paths there are, and their least total length in whole metres.

    A flow of least cost; one that used a link both ways would be shorter without it, so that counting the two
    directions apart changes nothing.
    """
    graph = networkx.DiGraph()
    graph.add_nodes_from((start, end))
    for a, b, edge in graph_towards(snapshot, end).edges(data=True):
        if snapshot.transit[a] or a == start:
            graph.add_edge(a, b, weight=round(edge["range_m"]), capacity=1)
    n_paths = min(k, networkx.maximum_flow_value(graph, start, end))
    graph.nodes[start]["demand"], graph.nodes[end]["demand"] = -n_paths, n_paths
    return n_paths, networkx.min_cost_flow_cost(graph)


def shortest_simple_delays(snapshot, start, end, k):
    """Delays of the k shortest paths without repeated nodes, or of as many as there are."""
    graph = graph_towards(snapshot, end)
    graph.remove_nodes_from([n for n in list(graph) if not snapshot.transit[n] and n not in (start, end)])
    try:
        paths = networkx.shortest_simple_paths(graph, start, end, weight="delay_s")
        return [delay_of(graph, path) for path in itertools.islice(paths, k)]
    except networkx.NetworkXNoPath:
        return []


def way_points(snapshot, start, end, most, seed):
    """The satellites that `valiant` draws for two nodes."""
    forward = graph_towards(snapshot, end)
    left = networkx.ancestors(forward, end)
    reached = set()
    for node in range(snapshot.n_nodes):
        if node != start and networkx.has_path(graph_towards(snapshot, node), start, node):
            reached.add(node)
    drawn = [
        (-draw(seed, WAY_POINT, (start << 32) | end, node), node)
        for node in reached & left - {start, end}
        if snapshot.transit[node] and not snapshot.is_ground[node]
    ]
    return [node for _, node in sorted(drawn)[:most]]


def nearest_neighbours(snapshot, destination, place):
    """The link to the neighbour nearest to the destination, or to what serves it: {row: link}."""

    def apart(a, b):
        squared = float(sum((x - y) ** 2 for x, y in zip(place[a], place[b], strict=True)))
        return math.inf if math.isnan(squared) else squared

    links = list(
        zip(snapshot.from_node.tolist(), snapshot.to_node.tolist(), snapshot.link.tolist(), strict=True)
    )
    targets = [a for a, b, _ in links if b == destination and snapshot.transit[a]]
    if not snapshot.is_ground[destination] or not targets:
        targets = [destination]
    distance = [min(apart(node, target) for target in targets) for node in range(snapshot.n_nodes)]
    distance[destination] = -1.0
    chosen = {}
    for node in range(snapshot.n_nodes):
        choices = [
            (distance[b], link)
            for a, b, link in links
            if a == node and (snapshot.transit[b] or b == destination)
            if distance[b] < (distance[node] if snapshot.transit[node] else math.inf)
        ]
        if choices and node != destination:
            chosen[node] = min(choices)[1]
    return chosen
