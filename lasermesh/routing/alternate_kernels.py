"""Loop-free alternates of one label: which other neighbours get a packet to its destination on their own.

What matters is where a table leads, not how it was computed: a neighbour will do if no path that the table
gives from there comes through the node that asks. Where every node has one choice the paths form a tree
towards the destination, and "comes through" means "lies below", which the numbers of a depth-first walk tell
at once. Where a node has several choices, they are followed.
"""

from typing import NamedTuple

import numpy as np

from lasermesh.compiled import hot_kernel, parallel_kernel, prange
from lasermesh.units import NONE


class TableLinks(NamedTuple):
    """The links that are up by the node they start at, and a table over them."""

    transit: np.ndarray  # bool (n_nodes,)
    first: np.ndarray  # int64 (n_nodes + 1,)  links of node n: rows first[n] to first[n + 1]
    to_node: np.ndarray  # int32 (n_links,)
    delay_s: np.ndarray  # float64 (n_links,)
    link: np.ndarray  # int32 (n_links,)  ids
    row_of_link: np.ndarray  # int32 (greatest id + 1,)
    choice: np.ndarray  # int32 (n_nodes, n_labels, n_choices)  ids, NONE where there are no more


class AlternateScratch(NamedTuple):
    """Work space of one worker."""

    head: np.ndarray  # int32 (n_nodes,)  the last of the entries that lead to a node, NONE
    next_entry: np.ndarray  # int32 (n_nodes * n_choices,)  the one before of the same node, NONE
    unknown: (
        np.ndarray
    )  # int32 (n_nodes,)  choices of which it is not known that they lead to the destination
    order: np.ndarray  # int32 (n_nodes,)  nodes from the destination outward, each behind all its choices
    onward: np.ndarray  # int32 (n_nodes,)  where the first choice leads
    total_s: np.ndarray  # float64 (n_nodes,)  delay by first choices; inf where some do not arrive
    begin: np.ndarray  # int32 (n_nodes,)  number in a depth-first walk of the tree
    size: np.ndarray  # int32 (n_nodes,)  nodes of its subtree, whose numbers follow; 0 outside the tree
    cursor: np.ndarray  # int32 (n_nodes,)
    mark: np.ndarray  # int32 (n_nodes,)
    stack: np.ndarray  # int32 (n_nodes,)


@hot_kernel
def order_nodes(table, label, destination, scratch):
    """Put the nodes whose every choice arrives in order; how many, and whether any has several choices."""
    head, next_entry, unknown = scratch.head, scratch.next_entry, scratch.unknown
    n_nodes, n_choices = len(table.transit), table.choice.shape[2]
    has_several = False
    head[:] = NONE
    scratch.total_s[:] = np.inf
    for node in range(n_nodes):
        unknown[node] = 0
        if node == destination:
            continue
        for choice in range(n_choices):
            chosen = table.choice[node, label, choice]
            if chosen == NONE:
                break
            onward = table.to_node[table.row_of_link[chosen]]
            entry = node * n_choices + choice
            next_entry[entry] = head[onward]
            head[onward] = entry
            unknown[node] += 1
        has_several |= unknown[node] > 1
    scratch.order[0] = destination
    scratch.total_s[destination] = 0.0
    n_found = 1
    n_taken = 0
    while n_taken < n_found:
        node = scratch.order[n_taken]
        n_taken += 1
        entry = head[node]
        while entry != NONE:
            sender = entry // n_choices
            entry = next_entry[entry]
            unknown[sender] -= 1
            if unknown[sender] == 0:
                row = table.row_of_link[table.choice[sender, label, 0]]
                scratch.onward[sender] = table.to_node[row]
                scratch.total_s[sender] = scratch.total_s[table.to_node[row]] + table.delay_s[row]
                scratch.order[n_found] = sender
                n_found += 1
    return n_found, has_several


@hot_kernel
def number_tree(scratch, n_ordered):
    """Numbers of a depth-first walk from the destination: those below a node follow its own."""
    order, onward = scratch.order, scratch.onward
    begin, size, cursor = scratch.begin, scratch.size, scratch.cursor
    size[:] = 0
    for place in range(n_ordered):
        size[order[place]] = 1
    for place in range(n_ordered - 1, 0, -1):
        size[onward[order[place]]] += size[order[place]]
    begin[order[0]] = 0
    cursor[order[0]] = 1
    for place in range(1, n_ordered):
        node = order[place]
        begin[node] = cursor[onward[node]]
        cursor[onward[node]] += size[node]
        cursor[node] = begin[node] + 1


@hot_kernel
def is_below(scratch, node, above):
    """Whether a node's path in the tree comes through another, or ends or starts there."""
    return 0 <= scratch.begin[node] - scratch.begin[above] < scratch.size[above]


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
            chosen = table.choice[node, label, choice]
            if chosen == NONE:
                break
            onward = table.to_node[table.row_of_link[chosen]]
            if mark[onward] != visit:
                mark[onward] = visit
                meets_first |= onward == first
                meets_second |= onward == second
                stack[depth] = onward
                depth += 1
    return meets_first, meets_second


@hot_kernel
def fill_alternates_of_label(table, label, destination, scratch, backup, protects_node):
    """One label's alternates, of every node that has one choice."""
    n_ordered, has_several = order_nodes(table, label, destination, scratch)
    if has_several:
        scratch.mark[:] = 0
    else:
        number_tree(scratch, n_ordered)
    visit = 0
    n_choices = table.choice.shape[2]
    for node in range(len(table.transit)):
        primary = table.choice[node, label, 0]
        if node == destination or primary == NONE:
            continue
        if n_choices > 1 and table.choice[node, label, 1] != NONE:
            continue
        next_node = table.to_node[table.row_of_link[primary]]
        best_s = np.inf
        best_protects = False
        for row in range(table.first[node], table.first[node + 1]):
            other = table.to_node[row]
            total_s = scratch.total_s[other] + table.delay_s[row]
            if table.link[row] == primary or total_s == np.inf:
                continue
            if not table.transit[other] and other != destination:
                continue
            if has_several:
                visit += 1
                returns, meets_next = meets(table, label, destination, scratch, visit, other, node, next_node)
            else:
                returns = is_below(scratch, other, node)
                meets_next = is_below(scratch, other, next_node)
            if returns:
                continue
            protects = not meets_next and next_node != destination
            better = total_s < best_s or (total_s == best_s and table.link[row] < backup[node, label])
            if (protects and not best_protects) or (protects == best_protects and better):
                best_s, best_protects = total_s, protects
                backup[node, label] = table.link[row]
        protects_node[node, label] = best_protects


@hot_kernel
def fill_alternates_of_worker(table, destinations, scratch, worker, n_workers, backup, protects_node):
    """The alternates of every `n_workers`-th label from `worker` on; scratch has one row per worker."""
    mine = AlternateScratch(
        scratch.head[worker],
        scratch.next_entry[worker],
        scratch.unknown[worker],
        scratch.order[worker],
        scratch.onward[worker],
        scratch.total_s[worker],
        scratch.begin[worker],
        scratch.size[worker],
        scratch.cursor[worker],
        scratch.mark[worker],
        scratch.stack[worker],
    )
    for label in range(worker, len(destinations), n_workers):
        if destinations[label] != NONE:
            fill_alternates_of_label(table, label, destinations[label], mine, backup, protects_node)


@parallel_kernel
def fill_alternates(table, destinations, scratch, backup, protects_node):
    """All labels' alternates: backup int32 (n_nodes, n_labels), NONE before; protects_node likewise, bool."""
    n_workers = len(scratch.head)
    for worker in prange(n_workers):
        mine = np.int64(worker)
        fill_alternates_of_worker(table, destinations, scratch, mine, n_workers, backup, protects_node)
