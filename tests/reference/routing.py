"""Routing the slow, obvious way: networkx on the reversed graph, and tables followed one hop at a time."""

from types import SimpleNamespace

import networkx
import numpy as np

from lasermesh.routing import Snapshot

LIGHT_M_PER_S = 299_792_458.0
NONE = -1


def link_graph(n_nodes, links, ids=None, t_s=0.0):
    """What `LinkEngine.graph_at` returns, from (from, to, range_m) triples; ids by position unless given."""
    ids = range(len(links)) if ids is None else ids
    rows = sorted((start, end, range_m, link) for (start, end, range_m), link in zip(links, ids, strict=True))
    columns = list(zip(*rows, strict=True)) if rows else [[], [], [], []]
    from_node = np.array(columns[0], dtype=np.int32)
    return SimpleNamespace(
        t_s=t_s,
        first=np.searchsorted(from_node, np.arange(n_nodes + 1)),
        from_node=from_node,
        to_node=np.array(columns[1], dtype=np.int32),
        range_m=np.array(columns[2], dtype=np.float64),
        link=np.array(columns[3], dtype=np.int32),
        rate_bps=np.full(len(rows), 25_000_000_000),
        kind=np.zeros(len(rows), dtype=np.int8),
    )


def snapshot_of(n_nodes, links, flows, transit=None, ids=None, t_s=0.0, **more):
    """A snapshot of nodes "n0", "n1", ...; `links` are (from, to, range_m), `flows` (from, to)."""
    return Snapshot.from_graph(
        link_graph(n_nodes, links, ids, t_s),
        [f"n{row}" for row in range(n_nodes)],
        np.ones(n_nodes, dtype=bool) if transit is None else transit,
        None,
        [start for start, _ in flows],
        [end for _, end in flows],
        **more,
    )


def reversed_graph(snapshot, destination):
    """The links that a path to the destination may use, turned round; nodes are rows."""
    graph = networkx.DiGraph()
    graph.add_nodes_from(range(snapshot.n_nodes))
    for row in range(snapshot.n_links):
        start, end = int(snapshot.from_node[row]), int(snapshot.to_node[row])
        if snapshot.transit[end] or end == destination:
            range_m = float(snapshot.range_m[row])
            graph.add_edge(
                end, start, delay_s=range_m / LIGHT_M_PER_S, range_m=range_m, link=int(snapshot.link[row])
            )
    return graph


def shortest_delays(snapshot, destination):
    """Delay from every node that reaches the destination: {row: s}, added from the destination outward."""
    graph = reversed_graph(snapshot, destination)
    return networkx.single_source_dijkstra_path_length(graph, destination, weight="delay_s")


def shortest_links(snapshot, destination):
    """Outgoing link of every node that reaches the destination: {row: link}.

    The lowest id among the links of shortest paths. A transit node takes a link without delay only where it
    has no others, towards nodes whose link is known already; other nodes are on nobody's way and take any.
    """
    graph = reversed_graph(snapshot, destination)
    delay_s = shortest_delays(snapshot, destination)
    chosen = {}
    for node, total_s in delay_s.items():
        links = [
            edge["link"]
            for onward, _, edge in graph.in_edges(node, data=True)
            if onward in delay_s
            and (delay_s[onward] < total_s or not snapshot.transit[node])
            and delay_s[onward] + edge["delay_s"] == total_s
        ]
        if links and node != destination:
            chosen[node] = min(links)
    known = {*chosen, destination}
    while len(known) < len(delay_s):
        found = {}
        for node in delay_s.keys() - known:
            links = [
                edge["link"]
                for onward, _, edge in graph.in_edges(node, data=True)
                if onward in known and delay_s[onward] + edge["delay_s"] == delay_s[node]
            ]
            if links:
                found[node] = min(links)
        chosen |= found
        known |= found.keys()
    return chosen


def fewest_hops_links(snapshot, destination):
    """Outgoing link and (hops, delay_s) of every node that reaches the destination: two dicts by row."""
    graph = reversed_graph(snapshot, destination)
    hops = networkx.single_source_shortest_path_length(graph, destination)
    best = {destination: (0, 0.0)}
    chosen = {}
    for node in sorted(hops, key=hops.get):
        choices = [
            (hops[onward] + 1, best[onward][1] + edge["delay_s"], edge["link"])
            for onward, _, edge in graph.in_edges(node, data=True)
            if onward in hops and hops[onward] < hops[node]
        ]
        if node != destination:
            *best[node], chosen[node] = min(choices)
    return chosen, best


def outcomes(snapshot, table, flow):
    """How packets of a flow can end, over all choices: a set of "arrives", "dead end" and "loops"."""
    ends = {int(link): int(end) for link, end in zip(snapshot.link, snapshot.to_node, strict=True)}
    destination = int(snapshot.flow_to[flow])
    found = set()

    def visit(node, label, behind):
        if node == destination:
            found.add("arrives")
            return
        choices = [int(link) for link in table.link[node, label] if link != NONE]
        if not choices:
            found.add("dead end")
        for link in choices:
            onward = label
            if table.next_label is not None and table.next_label[node, label] != NONE:
                onward = int(table.next_label[node, label])
            if (ends[link], onward) in behind:
                found.add("loops")
            else:
                visit(ends[link], onward, {*behind, (ends[link], onward)})

    source = int(snapshot.flow_from[flow])
    labels = [int(label) for label in table.label_of_flow[flow] if label != NONE]
    if not labels:
        found.add("dead end")
    for label in labels:
        visit(source, label, {(source, label)})
    return found
