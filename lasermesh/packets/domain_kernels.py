"""Joining nodes over short links (Kruskal's order, union by root)."""

import numpy as np

from lasermesh.compiled import kernel


@kernel
def _find(root, node):
    while root[node] != node:
        root[node] = root[root[node]]
        node = root[node]
    return node


@kernel
def join_over_short_links(link_from, link_to, delay_ps, limit, root):
    """Join the ends of links, shortest first, until a domain would exceed `limit` nodes.

    `root` comes in as arange(n_nodes) and goes out with the lowest row of each node's domain. Links
    without delay always join: between domains they would leave no window at all.
    """
    size = np.ones(len(root), np.int64)
    for row in range(len(link_from)):
        a = _find(root, link_from[row])
        b = _find(root, link_to[row])
        if a == b:
            continue
        if size[a] + size[b] > limit and delay_ps[row] > 0:
            break
        if b < a:
            a, b = b, a
        root[b] = a
        size[a] += size[b]
    for node in range(len(root)):
        root[node] = _find(root, node)
