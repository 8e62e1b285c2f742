"""Shortest-path trees brought up to date from those of an instant before.

Trees are kept in blocks of LANES destinations, whose numbers for one node share a line of the cache: a sum
that one destination needs costs no more for all of a block. Repair has four parts.

1. Every node's delay is added up again along its old path, nodes in an order in which each comes after the
   one that it sends to. What is lost with a link becomes inf. The sums are delays of real paths, so none is
   too short.
2. Every link is looked at once: a node that it brings nearer takes it and is noted; of several that are as
   short it takes the one of the lowest id.
3. From the nodes noted, Dijkstra's algorithm spreads what became shorter.
4. Nodes that send to another now are put behind that one in the order.

After this d[u] = min(d[v] + w) holds at every node but the destination, and where links take time long enough
to show in the sums, only one set of float64 numbers does that: the one that any other algorithm finds, which
adds from the destination outward. What is remembered decides how long it takes, not what comes out.
(Ramalingam and Reps, J. Algorithms 21, 1996, for a batch of changes; all lengths change here at each step.)
"""

from typing import NamedTuple

import numpy as np

from lasermesh.compiled import hot_kernel, parallel_kernel, part_kernel, prange
from lasermesh.routing.lane_kernels import ALL_LANES, FURTHEST_S, LANES, compare_lanes
from lasermesh.routing.tree_kernels import comes_first, grow_tree_by_buckets, rise, scratch_of_worker, sink
from lasermesh.units import NONE

GONE = 0
"""Row of a remembered link that is not up; the others come one later than in the snapshot."""

SHARE_TO_REPAIR = 8
FEW_NODES = 16
"""A tree of which more nodes were noted than these and one in SHARE_TO_REPAIR is grown anew."""


class TreeBlocks(NamedTuple):
    """Trees towards all destinations, of the last instant or this one."""

    delay_s: np.ndarray  # float64 (n_blocks, n_nodes, LANES)  without transit: 0 at the destination, else inf
    row: np.ndarray  # int32 (n_blocks, n_nodes, LANES)  1 + row of the link to take; GONE: none
    order: np.ndarray  # int32 (n_blocks, LANES, n_nodes)  destination and transit nodes, from near to far
    place: np.ndarray  # int32 (n_blocks, LANES, n_nodes)  of each of these in that order
    n_noted: np.ndarray  # int64 (n_blocks, LANES)  nodes that the last repair came upon; NONE: grown anew


class OldLinks(NamedTuple):
    """The links of the last instant, row 1 + r for its row r, and what they are now."""

    delay_s: np.ndarray  # float64 (n_old_links + 1, 2)  first column; inf for one that is gone
    rows: np.ndarray  # int32 (n_old_links + 1, 4)  the same memory; columns 2 and 3: to_node, 1 + row now


class RepairScratch(NamedTuple):
    """Work space of one worker, besides a TreeScratch."""

    noted: np.ndarray  # int32 (LANES, n_nodes)
    unsorted: np.ndarray  # bool (LANES,)
    guess_s: np.ndarray  # float64 (1, LANES)
    delay_s: np.ndarray  # float64 (n_nodes,)


@hot_kernel
def match_links(links, old_first, old_to, old):
    """Find each remembered link among those that are up now, both in the order of their ends."""
    old.delay_s[GONE, 0] = np.inf
    old.rows[GONE, 2] = 0
    old.rows[GONE, 3] = GONE
    for node in range(len(links.transit)):
        row, stop = links.first[node], links.first[node + 1]
        for old_row in range(old_first[node], old_first[node + 1]):
            onward = old_to[old_row]
            while row < stop and links.to_node[row] < onward:
                row += 1
            old.rows[old_row + 1, 2] = onward
            if row < stop and links.to_node[row] == onward:
                old.delay_s[old_row + 1, 0] = links.delay_s[row]
                old.rows[old_row + 1, 3] = row + 1
                row += 1
            else:
                old.delay_s[old_row + 1, 0] = np.inf
                old.rows[old_row + 1, 3] = GONE


@part_kernel
def follow_old_paths(old, order, n_ordered, lane, delay_s, rows):
    """Delays over the links of the old tree; `rows` comes out with their rows of now."""
    for k in range(1, n_ordered):
        node = np.uint64(order[k])
        old_row = np.uint64(rows[node, lane])
        onward = np.uint64(old.rows[old_row, 2])
        delay_s[node, lane] = delay_s[onward, lane] + old.delay_s[old_row, 0]
        rows[node, lane] = old.rows[old_row, 3]


@part_kernel
def shortest_row(links, node, lane, delay_s):
    """Row of the link that leads a node over the shortest way, NONE if there is none, and the delay."""
    best = np.int64(NONE)
    best_s = np.inf
    for row in range(links.first[node], links.first[node + 1]):
        reached_s = delay_s[links.to_node[row], lane] + links.delay_s[row]
        if reached_s < best_s or (
            reached_s == best_s and best != NONE and comes_first(links.link, np.int32(row), np.int32(best))
        ):
            best = row
            best_s = reached_s
    return best, best_s


@part_kernel
def lanes_to_look_at(links, node, delay_s, of_node_s, node_there):
    """Bits of the lanes in which more than one link, or none, leads a node as far as it is, or it is cut off.

    In all others only the link it takes does, as that is how its delay was added up.
    """
    once, twice = np.int64(0), np.int64(0)
    for row in range(links.first[node], links.first[node + 1]):
        bits = compare_lanes(delay_s, links.to_node[row], links.delay_s[row], of_node_s, node_there)
        twice |= once & bits
        once |= bits
    linked = compare_lanes(of_node_s, node_there, 0.0, FURTHEST_S, 0)
    return (~(once & linked) | twice) & ALL_LANES


@part_kernel
def look_at_links(links, destinations, noted, n_noted, unsorted, delay_s, rows, places):
    """Have each transit node take a shorter link, and note it, or the right one of several as short."""
    n_lanes = len(destinations)
    for node in range(len(links.transit)):
        if not links.transit[node]:
            continue
        lanes = lanes_to_look_at(links, node, delay_s, delay_s, node)
        for lane in range(n_lanes):
            if not (lanes >> lane) & 1 or node == destinations[lane]:
                continue
            row, reached_s = shortest_row(links, node, lane, delay_s)
            if reached_s < delay_s[node, lane]:
                delay_s[node, lane] = reached_s
                noted[lane, n_noted[lane]] = node
                n_noted[lane] += 1
            if row == NONE:
                rows[node, lane] = GONE
            else:
                take(links, np.int32(row), np.uint32(node), lane, unsorted, rows, places)


@part_kernel
def take(links, row, node, lane, unsorted, rows, places):
    """Let a node send over a link, and note whether that is against the order."""
    rows[node, lane] = row + 1
    unsorted[lane] |= places[lane, links.to_node[row]] > places[lane, node]


@part_kernel
def spread(links, lane, noted, n_noted, heap, unsorted, delay_s, rows, places):
    """Hand on to the nodes behind them what became shorter at the nodes noted."""
    key_s, heap_node, heap_place = heap.heap_key_s, heap.entry_node, heap.heap_place
    size = np.int64(0)
    for k in range(n_noted):
        node = noted[lane, k]
        rise(key_s, heap_node, heap_place, size, delay_s[node, lane], np.uint32(node))
        size += 1
    while size > 0:
        node = heap_node[0]
        so_far_s = key_s[0]
        size -= 1
        sink(key_s, heap_node, heap_place, size)
        heap_place[node] = NONE
        for place_in in range(links.first_in[node], links.first_in[node + 1]):
            sender = links.sender[place_in]
            row = links.row_in[place_in]
            reached_s = so_far_s + links.delay_in_s[place_in]
            if reached_s < delay_s[sender, lane]:
                delay_s[sender, lane] = reached_s
                take(links, row, sender, lane, unsorted, rows, places)
                place = np.int64(heap_place[sender])
                if place == NONE:
                    place = size
                    size += 1
                rise(key_s, heap_node, heap_place, place, reached_s, sender)
            elif reached_s == delay_s[sender, lane]:
                if comes_first(links.link, row, np.int32(rows[sender, lane] - 1)):
                    take(links, row, sender, lane, unsorted, rows, places)


@part_kernel
def mend_order(links, lane, rows, order, n_ordered, place, mended, late):
    """Move nodes behind the ones that they send to now; `mended` and `late` have room for all nodes.

    Sorting by delay would do, but the order may drift away from that of delays without harm, and to sort it
    again takes five times as long.
    """
    for k in range(1, n_ordered):
        place[order[k]] = NONE
    n_late = np.int64(0)
    awaited = np.int64(NONE)
    n_mended = np.int64(1)
    for k in range(1, n_ordered):
        node = order[k]
        row = rows[node, lane] - 1
        if row != NONE and place[links.to_node[row]] == NONE:
            if n_late == 0:
                awaited = np.int64(links.to_node[row])
            late[n_late] = node
            n_late += 1
            continue
        mended[n_mended] = node
        place[node] = n_mended
        n_mended += 1
        if n_late > 0 and node == awaited:
            n_before = n_late
            n_late = append_late(links, lane, rows, place, mended, n_mended, late, n_late)
            n_mended += n_before - n_late
            awaited = np.int64(links.to_node[rows[late[0], lane] - 1]) if n_late > 0 else np.int64(NONE)
    while n_late > 0:
        n_before = n_late
        n_late = append_late(links, lane, rows, place, mended, n_mended, late, n_late)
        n_mended += n_before - n_late
    for k in range(1, n_ordered):
        order[k] = mended[k]


@part_kernel
def append_late(links, lane, rows, place, mended, n_mended, late, n_late):
    """Append those of the late nodes that have their place now; how many are left."""
    n_left = 0
    for k in range(n_late):
        node = late[k]
        if place[links.to_node[rows[node, lane] - 1]] == NONE:
            late[n_left] = node
            n_left += 1
        else:
            mended[n_mended] = node
            place[node] = n_mended
            n_mended += 1
    return n_left


@part_kernel
def grow_anew(links, destination, lane, width_s, scratch, delay_by_node_s, delay_s, rows, order, place):
    """One destination's tree without memory of another."""
    n_settled = grow_tree_by_buckets(links, destination, width_s, scratch, delay_by_node_s)
    for k in range(n_settled):
        order[k] = scratch.order[k]
    for node in range(len(links.transit)):
        delay_s[node, lane] = delay_by_node_s[node]
        rows[node, lane] = scratch.next_row[node] + 1
        if links.transit[node] and not scratch.settled[node]:
            order[n_settled] = node
            n_settled += 1
    for k in range(n_settled):
        place[order[k]] = k


@part_kernel
def choose_for_leaves(links, destinations, old, remembers, guess_s, delay_s, rows):
    """Links of nodes without transit, given all others' delays: last time's, if it still is the best."""
    for node in range(len(links.transit)):
        if links.transit[node]:
            continue
        lanes = np.int64(ALL_LANES)
        if remembers:
            for lane in range(LANES):
                old_row = rows[node, lane]
                guess_s[0, lane] = delay_s[old.rows[old_row, 2], lane] + old.delay_s[old_row, 0]
                rows[node, lane] = old.rows[old_row, 3]
            lanes = lanes_to_look_at(links, node, delay_s, guess_s, np.int64(0))
        for lane in range(len(destinations)):
            if (lanes >> lane) & 1:
                row = np.int64(NONE)
                if node != destinations[lane]:
                    row, _ = shortest_row(links, node, lane, delay_s)
                rows[node, lane] = row + 1


@part_kernel
def write_links(n_lanes, ids, rows, next_link):
    """Ids of the links that a block's trees take; `ids` has those of GONE and of all rows from 1 on."""
    if n_lanes == LANES:
        for node in range(len(rows)):
            for lane in range(LANES):
                next_link[node, lane] = ids[np.uint32(rows[node, lane])]
    else:
        for node in range(len(rows)):
            for lane in range(n_lanes):
                next_link[node, lane] = ids[rows[node, lane]]


@part_kernel
def write_delays(links, destinations, delay_s, rows, out_s):
    """Delays of all nodes of a block, by destination."""
    for node in range(len(links.transit)):
        for lane in range(len(destinations)):
            reached_s = delay_s[node, lane]
            row = rows[node, lane] - 1
            if not links.transit[node] and row != NONE:
                reached_s = delay_s[links.to_node[row], lane] + links.delay_s[row]
            out_s[lane, node] = reached_s


@part_kernel
def update_block(links, destinations, old, remembers, width_s, scratch, repair, blocks, block, n_ordered):
    """Bring the trees of one block up to date, or grow them where nothing is remembered."""
    delay_s, rows = blocks.delay_s[block], blocks.row[block]
    orders, places, n_noted = blocks.order[block], blocks.place[block], blocks.n_noted[block]
    n_lanes = len(destinations)
    limit = FEW_NODES + len(links.transit) // SHARE_TO_REPAIR
    unsorted = repair.unsorted
    n_noted[:] = NONE
    if remembers:
        n_noted[:] = 0
        unsorted[:] = False
        for lane in range(n_lanes):
            n_lane = n_ordered + np.int64(not links.transit[destinations[lane]])
            follow_old_paths(old, orders[lane], n_lane, lane, delay_s, rows)
        look_at_links(links, destinations, repair.noted, n_noted, unsorted, delay_s, rows, places)
        for lane in range(n_lanes):
            if n_noted[lane] > limit:
                n_noted[lane] = NONE
                continue
            spread(links, lane, repair.noted, n_noted[lane], scratch, unsorted, delay_s, rows, places)
            if unsorted[lane]:
                n_lane = n_ordered + np.int64(not links.transit[destinations[lane]])
                mended, late = scratch.order, scratch.next_row
                mend_order(links, lane, rows, orders[lane], n_lane, places[lane], mended, late)
    for lane in range(n_lanes):
        if n_noted[lane] == NONE:
            grow_anew(
                links,
                destinations[lane],
                lane,
                width_s,
                scratch,
                repair.delay_s,
                delay_s,
                rows,
                orders[lane],
                places[lane],
            )
    choose_for_leaves(links, destinations, old, remembers, repair.guess_s, delay_s, rows)


@hot_kernel
def update_trees_of_worker(
    links,
    destinations,
    old,
    remembers,
    width_s,
    scratch,
    repair,
    blocks,
    n_ordered,
    ids,
    with_delays,
    worker,
    next_link,
    delay_s,
):
    """The trees of a worker's share of the blocks; scratch has one row per worker."""
    mine = scratch_of_worker(scratch, worker)
    mine_too = RepairScratch(
        repair.noted[worker], repair.unsorted[worker], repair.guess_s[worker], repair.delay_s[worker]
    )
    n_workers, n_blocks = len(scratch.settled), len(blocks.row)
    mine.heap_place[:] = NONE
    for block in range(worker * n_blocks // n_workers, (worker + 1) * n_blocks // n_workers):
        start = block * LANES
        stop = min(start + LANES, len(destinations))
        theirs = destinations[start:stop]
        update_block(links, theirs, old, remembers, width_s, mine, mine_too, blocks, block, n_ordered)
        write_links(stop - start, ids, blocks.row[block], next_link[:, start:stop])
        if with_delays:
            write_delays(links, theirs, blocks.delay_s[block], blocks.row[block], delay_s[start:stop])


@parallel_kernel
def update_trees(
    links,
    destinations,
    old,
    remembers,
    width_s,
    scratch,
    repair,
    blocks,
    n_ordered,
    ids,
    with_delays,
    next_link,
    delay_s,
):
    """Trees to all destinations: next_link int32 (n_nodes, n_labels), delay_s float64 (n_labels, n_nodes)."""
    for worker in prange(len(scratch.settled)):
        update_trees_of_worker(
            links,
            destinations,
            old,
            remembers,
            width_s,
            scratch,
            repair,
            blocks,
            n_ordered,
            ids,
            with_delays,
            np.int64(worker),
            next_link,
            delay_s,
        )
