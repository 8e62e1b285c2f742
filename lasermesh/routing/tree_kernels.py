"""Shortest-path trees towards destinations, on the links that are up at one instant.

A tree grows from its destination against the direction of the links: the links *into* a settled node are
looked at. A sum of delays therefore starts at the destination, and a plain Dijkstra on the reversed graph
gives the same float64 numbers. A node without transit may only be a path's first or last node, so it never
carries a tree further; what such nodes send is added when the tree is complete.

Rows that the inner loops look up are unsigned here: numba then leaves out the test for a negative index,
which makes a tree a third faster. `hot_kernel` halves the time to compile.
"""

from typing import NamedTuple

import numpy as np

from lasermesh.compiled import hot_kernel, inline_kernel, parallel_kernel, prange
from lasermesh.units import NONE


class TreeLinks(NamedTuple):
    """The links that are up, by the node they start at and those of transit nodes by the node reached."""

    transit: np.ndarray  # bool (n_nodes,)
    first: np.ndarray  # int64 (n_nodes + 1,)  links of node n: rows first[n] to first[n + 1]
    to_node: np.ndarray  # int32 (n_links,)
    delay_s: np.ndarray  # float64 (n_links,)
    link: np.ndarray  # int32 (n_links,)  ids that last the run
    first_in: np.ndarray  # uint64 (n_nodes + 1,)  links into node n: rows first_in[n] to first_in[n + 1]
    sender: np.ndarray  # uint32 (n_links,)  transit nodes only; rows from first_in[-1] on are not used
    delay_in_s: np.ndarray  # float64 (n_links,)  likewise
    row_in: np.ndarray  # int32 (n_links,)  likewise, the row by sender


class TreeScratch(NamedTuple):
    """Work space of one worker."""

    next_row: np.ndarray  # int32 (n_nodes,)  row of the link to take, by sender; NONE where there is none
    hops: np.ndarray  # int32 (n_nodes,)
    settled: np.ndarray  # bool (n_nodes,)
    bucket: np.ndarray  # uint32 (n_buckets,)  first entry of each bucket, 0 where it is empty
    entry_node: (
        np.ndarray
    )  # uint32 (n_links + 3,)  entries of buckets from 1 on; nodes of the heap or the queue
    entry_next: np.ndarray  # uint32 (n_links + 3,)  next entry of the same bucket, 0 after the last
    heap_key_s: np.ndarray  # float64 (n_nodes,)
    heap_place: np.ndarray  # int32 (n_nodes,)  where a node stands in the heap; NONE before it joins
    order: np.ndarray  # int32 (n_nodes,)  nodes as buckets settled them: each after the one it sends to


def tree_scratch(n_workers, n_nodes, n_links, n_buckets):
    """A row of work space for each worker."""
    return TreeScratch(
        np.empty((n_workers, n_nodes), dtype=np.int32),
        np.empty((n_workers, n_nodes), dtype=np.int32),
        np.empty((n_workers, n_nodes), dtype=np.bool_),
        np.empty((n_workers, n_buckets), dtype=np.uint32),
        np.empty((n_workers, n_links + 3), dtype=np.uint32),
        np.empty((n_workers, n_links + 3), dtype=np.uint32),
        np.empty((n_workers, n_nodes)),
        np.empty((n_workers, n_nodes), dtype=np.int32),
        np.empty((n_workers, n_nodes), dtype=np.int32),
    )


@hot_kernel
def fill_links_by_receiver(transit, first, to_node, delay_s, first_in, sender, delay_in_s, row_in):
    """Sort the links that transit nodes send by the node they reach (counting sort, order kept)."""
    n_nodes = len(transit)
    first_in[:] = 0
    for node in range(n_nodes):
        if transit[node]:
            for row in range(first[node], first[node + 1]):
                first_in[to_node[row] + 1] += 1
    for node in range(n_nodes):
        first_in[node + 1] += first_in[node]
    for node in range(n_nodes):
        if transit[node]:
            for row in range(first[node], first[node + 1]):
                place = first_in[to_node[row]]
                first_in[to_node[row]] += 1
                sender[place] = node
                delay_in_s[place] = delay_s[row]
                row_in[place] = row
    for node in range(n_nodes, 0, -1):  # each start has moved to the next one's place
        first_in[node] = first_in[node - 1]
    first_in[0] = 0


@inline_kernel
def comes_first(link, row, other):
    """Whether of two links that lead equally far the first is to be taken; `other` may be NONE."""
    return other == NONE or link[row] < link[other]


@hot_kernel
def grow_tree_by_buckets(links, destination, width_s, scratch, delay_s):
    """Delays of transit nodes to the destination and their outgoing links, nodes settled bucket by bucket.

    Returns how many nodes were settled. No link is shorter than a bucket is wide, so everything in the lowest
    bucket is final, in any order. The buckets form a ring that is longer than the longest link.
    """
    next_row, settled, bucket = scratch.next_row, scratch.settled, scratch.bucket
    entry_node, entry_next = scratch.entry_node, scratch.entry_next
    delay_s[:] = np.inf
    next_row[:] = NONE
    settled[:] = False
    bucket[:] = 0
    last = len(bucket) - 1  # a power of two less one
    per_s = 1.0 / width_s

    delay_s[destination] = 0.0
    entry_node[1] = destination
    entry_next[1] = 0
    bucket[0] = 1
    n_entries = np.uint64(2)
    now = 0
    n_empty = 0
    n_settled = 0
    while n_empty <= last:
        entry = bucket[now & last]
        bucket[now & last] = 0
        now += 1
        n_empty += 1
        while entry != 0:
            n_empty = 0
            node = entry_node[entry]
            entry = entry_next[entry]
            if settled[node]:  # it came nearer after this entry was made
                continue
            settled[node] = True
            scratch.order[n_settled] = node
            n_settled += 1
            so_far_s = delay_s[node]
            for row in range(links.first_in[node], links.first_in[node + 1]):
                # Nobody can foresee which links shorten a path: written without a branch for that, which is a
                # fifth faster. The entry is written anyway and overwritten by the next if it is not needed.
                sender = links.sender[row]
                known_s = delay_s[sender]
                reached_s = so_far_s + links.delay_in_s[row]
                if reached_s == known_s and comes_first(links.link, links.row_in[row], next_row[sender]):
                    next_row[sender] = links.row_in[row]
                shorter = reached_s < known_s
                delay_s[sender] = reached_s if shorter else known_s
                next_row[sender] = links.row_in[row] if shorter else next_row[sender]
                place = np.uint32(np.int64(reached_s * per_s) & last)
                head = bucket[place]
                entry_node[n_entries] = sender
                entry_next[n_entries] = head
                bucket[place] = np.uint32(n_entries) if shorter else head
                n_entries += np.uint64(shorter)
    return n_settled


@hot_kernel
def fill_delays_by_heap(links, destination, scratch, delay_s):
    """Delays of transit nodes over links of any length, zero included: Dijkstra with a four-way heap."""
    key_s, heap_node, heap_place = scratch.heap_key_s, scratch.entry_node, scratch.heap_place
    delay_s[:] = np.inf
    heap_place[:] = NONE
    delay_s[destination] = 0.0
    rise(key_s, heap_node, heap_place, np.int64(0), 0.0, np.uint32(destination))
    size = 1
    while size > 0:
        node = heap_node[0]
        so_far_s = key_s[0]
        size -= 1
        sink(key_s, heap_node, heap_place, size)
        for row in range(links.first_in[node], links.first_in[node + 1]):
            sender = links.sender[row]
            reached_s = so_far_s + links.delay_in_s[row]
            if reached_s < delay_s[sender]:
                delay_s[sender] = reached_s
                place = np.int64(heap_place[sender])
                if place == NONE:
                    place = size
                    size += 1
                rise(key_s, heap_node, heap_place, place, reached_s, sender)


@hot_kernel
def rise(key_s, heap_node, heap_place, place, moved_s, moved_node):
    """Put a node into the heap at `place` or nearer to the root."""
    while place > 0:
        parent = (place - 1) >> 2
        if key_s[parent] <= moved_s:
            break
        key_s[place] = key_s[parent]
        heap_node[place] = heap_node[parent]
        heap_place[heap_node[place]] = place
        place = parent
    key_s[place] = moved_s
    heap_node[place] = moved_node
    heap_place[moved_node] = place


@hot_kernel
def sink(key_s, heap_node, heap_place, size):
    """Fill the heap's empty root with what stands at row `size`."""
    moved_s = key_s[size]
    moved_node = heap_node[size]
    place = 0
    while True:
        child = 4 * place + 1
        if child >= size:
            break
        least = child
        for other in range(child + 1, min(child + 4, size)):
            if key_s[other] < key_s[least]:
                least = other
        if key_s[least] >= moved_s:
            break
        key_s[place] = key_s[least]
        heap_node[place] = heap_node[least]
        heap_place[heap_node[place]] = place
        place = least
    key_s[place] = moved_s
    heap_node[place] = moved_node
    heap_place[moved_node] = place


@hot_kernel
def choose_shortest_links(links, destination, scratch, delay_s):
    """Outgoing link of every transit node on a shortest path, given their delays.

    A link that takes no time (zero delay, or too little to show in the sum) is chosen only by a node that has
    no other shortest link, and then towards one that has, over the fewest such links: following the lowest id
    alone could go round in a circle. (Nodes without transit are on nobody's way and need no such care.)
    """
    next_row, found_in = scratch.next_row, scratch.hops
    n_open = 0
    for node in range(len(links.transit)):
        next_row[node] = NONE
        found_in[node] = 0
        if not links.transit[node] or node == destination or delay_s[node] == np.inf:
            continue
        for row in range(links.first[node], links.first[node + 1]):
            onward_s = delay_s[links.to_node[row]]
            if onward_s < delay_s[node] and onward_s + links.delay_s[row] == delay_s[node]:
                if comes_first(links.link, np.int32(row), next_row[node]):
                    next_row[node] = row
        if next_row[node] == NONE:
            found_in[node] = NONE
            n_open += 1
    turn = 0
    while n_open > 0:
        turn += 1
        for node in range(len(links.transit)):
            if found_in[node] != NONE:
                continue
            for row in range(links.first[node], links.first[node + 1]):
                onward = links.to_node[row]
                if found_in[onward] == NONE or found_in[onward] >= turn:
                    continue
                if delay_s[onward] + links.delay_s[row] == delay_s[node]:
                    if comes_first(links.link, np.int32(row), next_row[node]):
                        next_row[node] = row
            if next_row[node] != NONE:
                found_in[node] = turn
                n_open -= 1


@hot_kernel
def grow_tree_by_hops(links, destination, scratch, delay_s):
    """Hops of transit nodes to the destination, least delay over that many hops, and outgoing links."""
    next_row, hops, queue = scratch.next_row, scratch.hops, scratch.entry_node
    delay_s[:] = np.inf
    next_row[:] = NONE
    hops[:] = NONE
    delay_s[destination] = 0.0
    hops[destination] = 0
    queue[0] = destination
    n_found = 1
    n_taken = 0
    while n_taken < n_found:
        node = queue[n_taken]
        n_taken += 1
        for row in range(links.first_in[node], links.first_in[node + 1]):
            sender = links.sender[row]
            if hops[sender] == NONE:
                hops[sender] = hops[node] + 1
                queue[n_found] = sender
                n_found += 1
            if hops[sender] == hops[node] + 1:
                reached_s = delay_s[node] + links.delay_in_s[row]
                tie = reached_s == delay_s[sender] and comes_first(
                    links.link, links.row_in[row], next_row[sender]
                )
                if reached_s < delay_s[sender] or tie:
                    delay_s[sender] = reached_s
                    next_row[sender] = links.row_in[row]


@hot_kernel
def add_nodes_without_transit(links, destination, by_hops, scratch, delay_s):
    """Delay and outgoing link of the nodes that only send their own packets, given those of all others."""
    next_row, hops = scratch.next_row, scratch.hops
    for node in range(len(links.transit)):
        if links.transit[node] or node == destination:
            continue
        best_hops = 0
        for row in range(links.first[node], links.first[node + 1]):
            onward = links.to_node[row]
            if not links.transit[onward] and onward != destination:
                continue
            reached_s = delay_s[onward] + links.delay_s[row]
            if reached_s == np.inf:
                continue
            if by_hops and next_row[node] != NONE and hops[onward] != best_hops:
                better = hops[onward] < best_hops
            else:
                tie = reached_s == delay_s[node] and comes_first(links.link, np.int32(row), next_row[node])
                better = reached_s < delay_s[node] or tie
            if better:
                delay_s[node] = reached_s
                next_row[node] = row
                best_hops = hops[onward]


@hot_kernel
def fill_tree(links, destination, label, by_hops, width_s, scratch, next_link, delay_s):
    """One destination's tree; `width_s` is 0.0 where links differ too much in length for buckets."""
    if by_hops:
        grow_tree_by_hops(links, destination, scratch, delay_s)
    elif width_s > 0.0:
        grow_tree_by_buckets(links, destination, width_s, scratch, delay_s)
    else:
        fill_delays_by_heap(links, destination, scratch, delay_s)
        choose_shortest_links(links, destination, scratch, delay_s)
    add_nodes_without_transit(links, destination, by_hops, scratch, delay_s)
    for node in range(len(links.transit)):
        row = scratch.next_row[node]
        next_link[node, label] = NONE if row == NONE else links.link[row]


@inline_kernel
def scratch_of_worker(scratch, worker):
    """One worker's row of the work space of all."""
    return TreeScratch(
        scratch.next_row[worker],
        scratch.hops[worker],
        scratch.settled[worker],
        scratch.bucket[worker],
        scratch.entry_node[worker],
        scratch.entry_next[worker],
        scratch.heap_key_s[worker],
        scratch.heap_place[worker],
        scratch.order[worker],
    )


@hot_kernel
def fill_trees_of_worker(
    links, destinations, by_hops, width_s, scratch, worker, n_workers, next_link, delay_s
):
    """The trees of every `n_workers`-th destination from `worker` on; scratch has one row per worker."""
    mine = scratch_of_worker(scratch, worker)
    for label in range(worker, len(destinations), n_workers):
        fill_tree(links, destinations[label], label, by_hops, width_s, mine, next_link, delay_s[label])


@parallel_kernel
def fill_trees(links, destinations, by_hops, width_s, scratch, next_link, delay_s):
    """Trees to all destinations: next_link int32 (n_nodes, n_labels), delay_s float64 (n_labels, n_nodes)."""
    n_workers = len(scratch.settled)
    for worker in prange(n_workers):
        mine = np.int64(worker)
        fill_trees_of_worker(
            links, destinations, by_hops, width_s, scratch, mine, n_workers, next_link, delay_s
        )
