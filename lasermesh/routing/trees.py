"""Shortest-path trees from every node to the destinations in use."""

from typing import NamedTuple

import numpy as np

from lasermesh.machine import processors
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


def trees_towards(
    snapshot: Snapshot, by_hops: bool = False, with_delays: bool = True, in_parallel: bool = True
) -> Trees:
    """The best path from every node to every destination in use.

    Parameters
    ----------
    snapshot : Snapshot
        If it has a `memory`, trees of least delay are repaired from the last ones towards the same
        destinations where that is cheaper. The answer is the same to the last bit.
    by_hops : bool
        False: least delay. True: fewest hops, and of those the least delay.
    with_delays : bool
        False: only links are wanted, which is faster with a memory; `delay_s` may then be empty.
    in_parallel : bool
        False: by the calling thread alone. No two threads may launch parallel kernels at a time.

    Notes
    -----
    Delays are added from the destination outward. What is still equal is settled by the lowest link id; but
    a link that takes no time is chosen only by a node that has no other shortest one, lest packets go round
    in a circle. Dijkstra's algorithm with buckets (R. B. Dial, CACM 12, 1969; their width as E. A. Dinitz,
    1978), or with a heap where the lengths of links differ more than GREATEST_LENGTH_RATIO-fold.
    """
    n_nodes, n_links, n_labels = snapshot.n_nodes, snapshot.n_links, len(snapshot.destinations)
    first_in = np.empty(n_nodes + 1, dtype=np.int64)
    sender = np.empty(n_links, dtype=np.uint32)
    delay_in_s = np.empty(n_links)
    row_in = np.empty(n_links, dtype=np.int32)
    destinations, *by_sender = for_kernels(
        snapshot.destinations,
        snapshot.transit,
        snapshot.first,
        snapshot.to_node,
        snapshot.delay_s,
        snapshot.link,
    )
    tree_kernels.fill_links_by_receiver(*by_sender[:4], first_in, sender, delay_in_s, row_in)
    links = tree_kernels.TreeLinks(*by_sender, first_in.view(np.uint64), sender, delay_in_s, row_in)
    width_s, n_buckets = _bucket_sizes(delay_in_s[: first_in[-1]])
    is_much = in_parallel and _worth_two_workers(links, n_labels)
    n_workers = min(n_labels, 2 * processors()) if is_much else 1
    memory = snapshot.memory
    if memory is not None and not by_hops and width_s > 0.0 and memory.has_room(n_nodes, n_labels):
        return Trees(*memory.trees(links, destinations, width_s, n_buckets, n_workers, with_delays))
    trees = Trees(np.empty((n_nodes, n_labels), dtype=np.int32), np.empty((n_labels, n_nodes)))
    scratch = tree_kernels.tree_scratch(n_workers, n_nodes, n_links, n_buckets)
    arguments = (links, destinations, by_hops, width_s, scratch)
    if n_workers > 1:
        tree_kernels.fill_trees(*arguments, *trees)
    else:
        tree_kernels.fill_trees_of_worker(*arguments, 0, 1, *trees)
    return trees


def _worth_two_workers(links, n_labels):
    """Whether there is enough to do for a parallel launch."""
    return len(links.link) * n_labels >= LINKS_WORTH_TWO_WORKERS


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
