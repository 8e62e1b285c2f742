"""How news of the network spreads from node to node."""

import numpy as np

from lasermesh.compiled import kernel
from lasermesh.units import NEVER


@kernel
def fill_arrivals(first, to_node, link_ps, transit, known_ps):
    """When each node hears of something that some know, each node passing it on over all its links.

    `known_ps` int64 (n_nodes,) holds at first when the nodes that know begin to tell, NEVER for all others,
    and comes out as when each node knows, NEVER if it never does. `link_ps` int64 (n_links,) is what a link
    takes, processing behind it included. Nodes without transit tell what they have found themselves, and pass
    nothing on. E. F. Moore's algorithm (1959): nodes that have heard earlier than they knew wait in a queue,
    which on graphs of links of about one length holds each a few times only.
    """
    n_nodes = len(known_ps)
    queue = np.empty(n_nodes, np.int32)
    waits = known_ps != NEVER
    is_source = waits.copy()
    head, n_waiting = 0, 0
    for node in range(n_nodes):
        if waits[node]:
            queue[n_waiting] = node
            n_waiting += 1
    while n_waiting > 0:
        node = np.int64(queue[head])
        head = (head + 1) % n_nodes
        n_waiting -= 1
        waits[node] = False
        if not (transit[node] or is_source[node]):
            continue
        for row in range(first[node], first[node + 1]):
            heard_ps = known_ps[node] + link_ps[row]
            onward = np.int64(to_node[row])
            if heard_ps < known_ps[onward]:
                known_ps[onward] = heard_ps
                if not waits[onward]:
                    queue[(head + n_waiting) % n_nodes] = onward
                    n_waiting += 1
                    waits[onward] = True
