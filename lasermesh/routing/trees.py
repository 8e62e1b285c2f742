"""Shortest-path trees from every node to the destinations in use."""

import os
from typing import NamedTuple

import numpy as np

from lasermesh.routing import tree_kernels
from lasermesh.routing.snapshot import Snapshot, for_kernels

# Up to this ratio of the longest to the shortest link, nodes are settled by buckets, three times as fast as a
# heap on a Walker grid with ground sites. Beyond it most buckets would be empty.
GREATEST_LENGTH_RATIO = 4096.0
# A bucket is narrower than the shortest link by this much, so that rounding cannot put both its ends in one.
BUCKET_MARGIN = 1e-6
# Below so many links to look at (2 ms on one core) a parallel launch may cost more than it saves.
LINKS_WORTH_TWO_WORKERS = 400_000


class Trees(NamedTuple):
    """Shortest-path trees towards several destinations."""

    link: (
        np.ndarray
    )  # int32 (n_nodes, n_destinations)  id of the link to take; NONE at the destination and where none leads
    delay_s: np.ndarray  # float64 (n_destinations, n_nodes)  inf where there is no path, and link is NONE


def trees_towards(snapshot: Snapshot, by_hops: bool = False) -> Trees:
    """The best path from every node to every destination in use.

    Parameters
    ----------
    snapshot : Snapshot
    by_hops : bool
        False: least delay. True: fewest hops, and of those the least delay.

    Notes
    -----
    Delays are added from the destination outward. What is still equal is settled by the lowest link id; but
    a link that takes no time is chosen only by a node that has no other shortest one, lest packets go round
    in a circle. Dijkstra's algorithm with buckets (R. B. Dial, CACM 12, 1969; their width as E. A. Dinitz,
    1978), or with a heap where the lengths of links differ more than GREATEST_LENGTH_RATIO-fold.
    """
    n_nodes, n_links, n_labels = snapshot.n_nodes, snapshot.n_links, len(snapshot.destinations)
    trees = Trees(np.empty((n_nodes, n_labels), dtype=np.int32), np.empty((n_labels, n_nodes)))
    first_in = np.empty(n_nodes + 1, dtype=np.int64)
    sender = np.empty(n_links, dtype=np.uint32)
    delay_in_s = np.empty(n_links)
    link_in = np.empty(n_links, dtype=np.int32)
    destinations, *by_sender = for_kernels(
        snapshot.destinations,
        snapshot.transit,
        snapshot.first,
        snapshot.to_node,
        snapshot.delay_s,
        snapshot.link,
    )
    tree_kernels.fill_links_by_receiver(*by_sender, first_in, sender, delay_in_s, link_in)
    links = tree_kernels.TreeLinks(*by_sender, first_in.view(np.uint64), sender, delay_in_s, link_in)
    width_s, n_buckets = _bucket_sizes(delay_in_s[: first_in[-1]])
    parallel = n_links * n_labels >= LINKS_WORTH_TWO_WORKERS
    n_workers = min(n_labels, 2 * (os.cpu_count() or 1)) if parallel else 1
    scratch = tree_kernels.TreeScratch(
        np.empty((n_workers, n_nodes), dtype=np.int32),
        np.empty((n_workers, n_nodes), dtype=np.int32),
        np.empty((n_workers, n_nodes), dtype=np.bool_),
        np.empty((n_workers, n_buckets), dtype=np.uint32),
        np.empty((n_workers, n_links + 3), dtype=np.uint32),
        np.empty((n_workers, n_links + 3), dtype=np.uint32),
        np.empty((n_workers, n_nodes)),
        np.empty((n_workers, n_nodes), dtype=np.int32),
    )
    arguments = (links, destinations, by_hops, width_s, scratch)
    if parallel:
        tree_kernels.fill_trees(*arguments, *trees)
    else:
        tree_kernels.fill_trees_of_worker(*arguments, 0, 1, *trees)
    return trees


def _bucket_sizes(delay_s):
    """Width of a bucket in s (0.0: use a heap) and how many buckets, a power of two, make the ring."""
    shortest_s = float(delay_s.min(initial=np.inf))
    longest_s = float(delay_s.max(initial=0.0))
    if len(delay_s) == 0 or longest_s > shortest_s * GREATEST_LENGTH_RATIO:
        return 0.0, 1
    width_s = shortest_s * (1.0 - BUCKET_MARGIN)
    if width_s == 0.0:
        return 0.0, 1
    return width_s, 1 << int(longest_s / width_s + 3.0).bit_length()
