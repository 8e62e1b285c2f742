"""How news of the network spreads from node to node."""

import heapq

import numpy as np

from lasermesh.compiled import kernel
from lasermesh.units import NEVER


@kernel
def fill_arrivals(first, to_node, link_ps, transit, known_ps):
    """When each node hears of something that some know, each node passing it on over all its links.

    Dijkstra's algorithm from many sources. `known_ps` int64 (n_nodes,) holds at first when the nodes that
    know begin to tell, NEVER for all others, and comes out as when each node knows, NEVER if it never does.
    `link_ps` int64 (n_links,) is what each link takes, processing behind it included. Nodes without transit
    tell what they have found themselves, and pass nothing on.
    """
    waiting = [(np.int64(0), np.int64(0)) for _ in range(0)]
    is_source = known_ps != NEVER
    for node in range(len(known_ps)):
        if known_ps[node] != NEVER:
            waiting.append((known_ps[node], np.int64(node)))
    heapq.heapify(waiting)
    while len(waiting) > 0:
        now, node = heapq.heappop(waiting)
        if now > known_ps[node] or not (transit[node] or is_source[node]):
            continue
        for row in range(first[node], first[node + 1]):
            heard_ps = now + link_ps[row]
            onward = np.int64(to_node[row])
            if heard_ps < known_ps[onward]:
                known_ps[onward] = heard_ps
                heapq.heappush(waiting, (heard_ps, onward))
