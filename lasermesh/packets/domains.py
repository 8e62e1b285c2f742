"""Which nodes are stepped together: nodes joined over short links, so that windows can be long."""

from typing import NamedTuple

import numpy as np

from lasermesh.packets import state
from lasermesh.packets.arrays import offsets_of
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
    is_root = root == np.arange(n_nodes)
    of_node = (np.cumsum(is_root, dtype=np.int32) - np.int32(1))[root]
    n_domains = int(np.count_nonzero(is_root))
    first = np.zeros(n_domains + 1, np.int32)
    np.cumsum(np.bincount(of_node, minlength=n_domains), out=first[1:])
    window = np.full(n_domains, NEVER)
    inside = of_node[link_from] == of_node[link_to]
    np.minimum.at(window, of_node[link_from[inside]], np.maximum(delay_ps[inside], 1))
    outside = delay_ps[~inside]
    lookahead = int(outside.min()) if len(outside) else int(NEVER)
    return Domains(of_node, first, np.argsort(of_node, kind="stable").astype(np.int32), window, lookahead)


def deal(e, n_workers, first, work):
    """Give workers domains that follow one another, about equal work each: neighbours share a cache.

    Parameters
    ----------
    e : Engine
    n_workers : int
    first : int
        Where the list of the workers' domains begins in `e.lists`.
    work : array, shape (n_domains,)
    """
    behind = np.cumsum(np.asarray(work, np.float64) + 1e-3)
    middle = behind - 0.5 * (np.asarray(work) + 1e-3)
    worker = np.minimum((middle * (n_workers / behind[-1])).astype(np.int64), n_workers - 1)
    offsets = first + offsets_of(n_workers, worker)
    e.lists[first:] = np.arange(len(behind))
    e.domains[:, state.D_PLACE] = np.arange(first, first + len(behind))
    e.workers[:n_workers, state.V_DOMAIN] = offsets[:-1]
    e.workers[:n_workers, state.V_DOMAIN_END] = offsets[1:]
    e.workers[:n_workers, state.V_DOMAIN_ACTIVE] = offsets[1:]
