"""Which nodes are stepped together: nodes joined over short links, so that windows can be long."""

from typing import NamedTuple

import numpy as np

from lasermesh.packets.domain_kernels import join_over_short_links
from lasermesh.packets.state import NEVER
from lasermesh.units import PS_PER_MS

LONG_ENOUGH_PS = PS_PER_MS // 2
SMALLEST_LIMIT = 16


class Domains(NamedTuple):
    """A partition of the nodes."""

    of_node: np.ndarray  # int32 (n_nodes,)
    first: np.ndarray  # int32 (n_domains + 1,)  into `nodes`
    nodes: np.ndarray  # int32 (n_nodes,)
    window_ps: np.ndarray  # int64 (n_domains,)  shortest delay inside, at least 1; NEVER for one node
    lookahead_ps: int  # shortest delay between two domains


def form_domains(n_nodes, link_from, link_to, delay_ps, long_enough_ps=LONG_ENOUGH_PS, share=16):
    """Join nodes over the shortest links first.

    Until the shortest link between domains is `long_enough_ps`, or a domain would hold more than
    1/`share` of the nodes (16 nodes are always allowed, and ends of links without delay always join).

    Parameters
    ----------
    link_from, link_to : int32 arrays, shape (n_links,)
    delay_ps : int64 array, shape (n_links,)
        The shortest delay of each link for as long as the domains are used.
    """
    short = np.flatnonzero(delay_ps < max(long_enough_ps, 1))
    short = short[np.argsort(delay_ps[short], kind="stable")]
    limit = max(SMALLEST_LIMIT, n_nodes // share)
    root = np.arange(n_nodes, dtype=np.int32)
    join_over_short_links(link_from[short], link_to[short], delay_ps[short], limit, root)
    _, of_node = np.unique(root, return_inverse=True)
    of_node = of_node.astype(np.int32)
    n_domains = int(of_node.max()) + 1 if n_nodes else 0
    first = np.zeros(n_domains + 1, np.int32)
    np.cumsum(np.bincount(of_node, minlength=n_domains), out=first[1:])
    window = np.full(n_domains, NEVER)
    inside = of_node[link_from] == of_node[link_to]
    np.minimum.at(window, of_node[link_from[inside]], np.maximum(delay_ps[inside], 1))
    outside = delay_ps[~inside]
    lookahead = int(outside.min()) if len(outside) else int(NEVER)
    return Domains(of_node, first, np.argsort(of_node, kind="stable").astype(np.int32), window, lookahead)
