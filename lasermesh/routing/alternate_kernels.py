"""Loop-free alternates of one label: which other neighbours get a packet to its destination on their own.

What matters is where a table leads, not how it was computed: a neighbour will do if no path that the table
gives from there comes through the node that asks. Where every node has one choice the paths form a tree
towards the destination, and "comes through" means "lies below", which the numbers of a depth-first walk tell
at once. Where a node has several choices, they are followed.

Rows that the inner loops look up are unsigned: see `tree_kernels`.
"""

from typing import NamedTuple

import numpy as np

from lasermesh.compiled import hot_kernel, parallel_kernel, prange
from lasermesh.units import NONE

NEVER_S = 1e300  # added to a delay, it rules out a link without a branch (inf times 0 would be nan)


class TableLinks(NamedTuple):
    """The links that are up by the node they start at, and a table over them."""

    transit: np.ndarray  # bool (n_nodes,)
    first: np.ndarray  # int64 (n_nodes + 1,)  links of node n: rows first[n] to first[n + 1]
    to_node: np.ndarray  # uint32 (n_links,)
    delay_s: np.ndarray  # float64 (n_links,)
    link: np.ndarray  # int32 (n_links,)  ids
    row_of_link: np.ndarray  # uint32 (greatest id + 1,)
    choice: np.ndarray  # int32 (n_labels, n_nodes, n_choices)  ids, NONE where there are no more


class AlternateScratch(NamedTuple):
    """Work space of one worker."""

    head: np.ndarray  # uint32 (n_nodes,)  1 + the last of the entries that lead to a node, 0: none
    next_entry: np.ndarray  # uint32 (1 + n_nodes * n_choices,)  by 1 + entry: likewise the one before it
    unknown: np.ndarray  # uint32 (n_nodes,)  choices of which it is not known that they arrive
    first_row: np.ndarray  # uint32 (n_nodes,)  row of the first choice; not used where there is none
    order: np.ndarray  # uint32 (n_nodes,)  nodes whose every choice arrives, each behind all its choices
    total_s: np.ndarray  # float64 (n_nodes,)  delay by first choices; inf where none leads there
    alternate_s: np.ndarray  # float64 (n_nodes,)  the same of nodes that may be alternates; inf for others
    begin: np.ndarray  # uint32 (n_nodes,)  place in the order
    size: np.ndarray  # uint32 (n_nodes,)  in a tree: nodes below it and itself, which follow; 0 outside
    mark: np.ndarray  # int32 (n_nodes,)
    stack: np.ndarray  # uint32 (n_nodes,)


@hot_kernel
def order_nodes(table, label, destination, scratch):
    """Put the nodes whose every choice arrives in order; how many, and whether any has several choices.

    Nodes are taken from a stack, so that in a tree those below a node follow it.
    """
    head, next_entry, unknown, stack = scratch.head, scratch.next_entry, scratch.unknown, scratch.stack
    n_nodes, n_choices = len(table.transit), table.choice.shape[2]
    has_several = False
    head[:] = 0
    scratch.total_s[:] = np.inf
    for node in range(n_nodes):
        count = 0
        while count < n_choices and table.choice[label, node, count] != NONE and node != destination:
            row = table.row_of_link[np.uint32(table.choice[label, node, count])]
            if count == 0:
                scratch.first_row[node] = row
            onward = table.to_node[row]
            count += 1
            entry = np.uint64(node * n_choices + count)
            next_entry[entry] = head[onward]
            head[onward] = entry
        unknown[node] = count
        has_several |= count > 1
    stack[0] = destination
    scratch.total_s[destination] = 0.0
    depth = 1
    n_ordered = 0
    while depth > 0:
        depth -= 1
        node = stack[depth]
        scratch.order[n_ordered] = node
        scratch.begin[node] = n_ordered
        n_ordered += 1
        so_far_s = scratch.total_s[node]
        entry = np.uint64(head[node])
        while entry != 0:
            sender = np.uint64(entry - np.uint64(1)) // np.uint64(n_choices)
            entry = np.uint64(next_entry[entry])
            unknown[sender] -= np.uint32(1)
            row = scratch.first_row[sender]
            if table.to_node[row] == node:
                scratch.total_s[sender] = so_far_s + table.delay_s[row]
            if unknown[sender] == 0:
                stack[depth] = sender
                depth += 1
    for node in range(n_nodes):
        carries = (table.transit[node] or node == destination) and unknown[node] == 0
        scratch.alternate_s[node] = scratch.total_s[node] if carries else np.inf
    return n_ordered, has_several


@hot_kernel
def measure_tree(table, scratch, n_ordered):
    """How many nodes lie below each, itself counted."""
    size = scratch.size
    size[:] = 0
    for place in range(n_ordered - 1, 0, -1):
        node = scratch.order[place]
        size[node] += np.uint32(1)
        size[table.to_node[scratch.first_row[node]]] += size[node]
    size[scratch.order[0]] += np.uint32(1)


@hot_kernel
def meets(table, label, destination, scratch, visit, start, first, second):
    """Whether any path from `start` by the table comes through either of two nodes."""
    mark, stack = scratch.mark, scratch.stack
    meets_first = start == first
    meets_second = start == second
    stack[0] = start
    mark[start] = visit
    depth = 1
    while depth > 0 and not meets_first:
        depth -= 1
        node = stack[depth]
        if node == destination:
            continue
        for choice in range(table.choice.shape[2]):
            chosen = table.choice[label, node, choice]
            if chosen == NONE:
                break
            onward = table.to_node[table.row_of_link[np.uint32(chosen)]]
            if mark[onward] != visit:
                mark[onward] = visit
                meets_first |= onward == first
                meets_second |= onward == second
                stack[depth] = onward
                depth += 1
    return meets_first, meets_second


@hot_kernel
def fill_alternates_of_label(table, label, destination, scratch, backup, protects_node):
    """One label's alternates, of every node that has one choice: `backup` and `protects_node` (n_nodes,)."""
    n_ordered, has_several = order_nodes(table, label, destination, scratch)
    if has_several:
        scratch.mark[:] = 0
    else:
        measure_tree(table, scratch, n_ordered)
    visit = 0
    n_choices = table.choice.shape[2]
    for node in range(len(table.transit)):
        backup[node] = NONE
        protects_node[node] = False
        if node == destination or table.choice[label, node, 0] == NONE:
            continue
        if n_choices > 1 and table.choice[label, node, 1] != NONE:
            continue
        first_row = np.uint64(scratch.first_row[node])
        next_node = table.to_node[first_row]
        begin, size = np.uint32(scratch.begin[node]), np.uint32(scratch.size[node])
        next_begin, next_size = np.uint32(scratch.begin[next_node]), np.uint32(scratch.size[next_node])
        safe_s, safest_s = np.inf, np.inf  # of alternates, and of those that avoid the next node
        safe, safest = np.uint64(0), np.uint64(0)
        for row in range(np.uint64(table.first[node]), np.uint64(table.first[node + 1])):
            other = table.to_node[row]
            if has_several:
                visit += 1
                returns, meets_next = meets(
                    table, label, destination, scratch, visit, other, np.uint32(node), next_node
                )
            else:
                place = scratch.begin[other]
                returns = np.uint32(place - begin) < size  # what wraps round is large
                meets_next = np.uint32(place - next_begin) < next_size
            # Nobody can foresee which links will do: written without branches for that, which makes all of
            # this a third faster. Only ties have one.
            row_s = (
                scratch.alternate_s[other]
                + table.delay_s[row]
                + NEVER_S * np.float64(returns | (row == first_row))
            )
            if (row_s == safe_s) & (row_s < NEVER_S):
                safe = row if table.link[row] < table.link[safe] else safe
            safe = row if row_s < safe_s else safe
            safe_s = min(row_s, safe_s)
            row_s += NEVER_S * np.float64(meets_next)
            if (row_s == safest_s) & (row_s < NEVER_S):
                safest = row if table.link[row] < table.link[safest] else safest
            safest = row if row_s < safest_s else safest
            safest_s = min(row_s, safest_s)
        if safest_s < NEVER_S:
            backup[node] = table.link[safest]
            protects_node[node] = True
        elif safe_s < NEVER_S:
            backup[node] = table.link[safe]


@hot_kernel
def fill_alternates_of_worker(table, destinations, scratch, worker, n_workers, backup, protects_node):
    """The alternates of every `n_workers`-th label from `worker` on; scratch has one row per worker."""
    mine = AlternateScratch(
        scratch.head[worker],
        scratch.next_entry[worker],
        scratch.unknown[worker],
        scratch.first_row[worker],
        scratch.order[worker],
        scratch.total_s[worker],
        scratch.alternate_s[worker],
        scratch.begin[worker],
        scratch.size[worker],
        scratch.mark[worker],
        scratch.stack[worker],
    )
    for label in range(worker, len(destinations), n_workers):
        destination = destinations[label]
        if destination == NONE:
            backup[label] = NONE
            protects_node[label] = False
        else:
            fill_alternates_of_label(table, label, destination, mine, backup[label], protects_node[label])


@parallel_kernel
def fill_alternates(table, destinations, scratch, backup, protects_node):
    """Alternates of all labels: `backup` int32 and `protects_node` bool, both (n_labels, n_nodes)."""
    n_workers = len(scratch.head)
    for worker in prange(n_workers):
        mine = np.int64(worker)
        fill_alternates_of_worker(table, destinations, scratch, mine, n_workers, backup, protects_node)
