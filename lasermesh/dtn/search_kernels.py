"""The best route, and trees of earliest arrivals, over the windows of a contact graph.

An earlier arrival at a node is never worse, so earliest arrivals grow as in Dijkstra's algorithm. Which of
the routes that arrive first has the fewest contacts, ends last and enters at the smallest number cannot be
told on the way, as waiting for a window makes up for a later arrival. So the best route takes three steps:

1. earliest arrivals from the source, until no node is left that is reached by the earliest arrival at the
   destination;
2. deadlines, backwards from the destination in rounds: the latest instant to be at a node so that so many
   contacts more suffice. The round that reaches the source tells the fewest contacts;
3. forwards again, only through nodes whose deadline holds, those partial routes first that end last: the
   first one to get there is the best.
"""

from typing import NamedTuple

import numpy as np

from lasermesh.compiled import hot_kernel, inline_kernel, part_kernel
from lasermesh.dtn.heap_kernels import pop, push
from lasermesh.dtn.hop_kernels import (
    arrival_over,
    earliest_over,
    first_open,
    latest_over,
    may_use,
    transmission_ns,
)
from lasermesh.units import NEVER, NONE

BARRED_NS = -NEVER  # earlier than any arrival: an excluded node is never reached
NO_ROUTE, NO_ROOM, LOST = 0, -1, -2  # instead of a number of hops; LOST: see `choose`


class Scratch(NamedTuple):
    """Work space of one search; lengths are at least those given."""

    arrival_ns: np.ndarray  # int64 (n_nodes,)  NEVER: not reached
    came_by: np.ndarray  # int64 (n_nodes,)  window of the last hop; NONE: none
    # A heap of four ways: nodes by when they are ready to send. No more join than there are edges.
    heap_ns: np.ndarray  # int64 (n_edges + 1,)
    heap_node: np.ndarray  # uint32 (n_edges + 1,)
    # Deadlines: several for a node, each later and of a later round than the one before.
    newest: np.ndarray  # int64 (n_nodes,)  the last deadline of a node, NONE
    due_node: np.ndarray  # uint32 (room,)
    due_ns: np.ndarray  # int64 (room,)  the latest arrival
    due_round: np.ndarray  # int64 (room,)  contacts that are left then
    due_before: np.ndarray  # int64 (room,)  the node's deadline before, NONE
    seen_ns: np.ndarray  # int64 (room,)  the earliest arrival that has been followed from there
    # Partial routes.
    part_due: np.ndarray  # int64 (room,)  row of the deadline where it has come to; of the source NONE
    part_ns: np.ndarray  # int64 (room,)  when it is there
    part_stop_ns: np.ndarray  # int64 (room,)  the first end of its contacts
    part_entry: np.ndarray  # int64 (room,)  number of its entry node
    part_window: np.ndarray  # int64 (room,)
    part_before: np.ndarray  # int64 (room,)  the partial route without the last hop, NONE
    part_heap: np.ndarray  # int64 (room,)  those that wait to be followed
    hops: np.ndarray  # int64 (n_nodes, 6)  the route that was found: columns of `routes.Hop`


@inline_kernel
def bar_nodes(ask, arrival_ns):
    """Let nothing arrive at excluded nodes during a search."""
    for node in range(len(ask.without_nodes)):
        if ask.without_nodes[node]:
            arrival_ns[node] = BARRED_NS


@inline_kernel
def unbar_nodes(ask, arrival_ns):
    """Say of excluded nodes that they were not reached."""
    for node in range(len(ask.without_nodes)):
        if arrival_ns[node] == BARRED_NS:
            arrival_ns[node] = NEVER


@part_kernel
def fill_arrivals(graph, ask, source, destination, at_ns, before_ns, heap_ns, heap_node, arrival_ns, came_by):
    """Earliest arrivals before an instant, of all nodes; with a destination, as many as it takes to know its.

    Nodes that are reached by then but not ready to send are in it too, at what is known of them.
    """
    n_nodes = len(graph.transit)
    for node in range(n_nodes):
        arrival_ns[node] = NEVER
        came_by[node] = NONE
    bar_nodes(ask, arrival_ns)
    arrival_ns[source] = at_ns
    heap_ns[0] = at_ns
    heap_node[0] = source
    size = 1
    while size > 0 and heap_ns[0] < before_ns:
        ready_ns, node = heap_ns[0], np.uint64(heap_node[0])
        size -= 1
        pop(heap_ns, heap_node, size)
        is_first = np.int64(node) == source
        if not is_first and ready_ns > arrival_ns[node] + ask.handling_ns:
            continue  # it was reached earlier after this entry was made
        for edge in range(
            np.uint64(graph.edge_first[node]), np.uint64(graph.edge_first[node + np.uint64(1)])
        ):
            to_node = np.uint64(graph.edge_to[edge])
            known_ns = min(arrival_ns[to_node], before_ns)
            reached_ns, window = earliest_over(graph, ask, edge, ready_ns, known_ns, is_first)
            if window == NONE:
                continue
            arrival_ns[to_node] = reached_ns
            came_by[to_node] = window
            if np.int64(to_node) == destination:
                before_ns = reached_ns + 1  # those that are as early may be on a better route
            elif graph.transit[to_node] and reached_ns + ask.handling_ns < before_ns:
                push(heap_ns, heap_node, size, reached_ns + ask.handling_ns, np.uint32(to_node))
                size += 1
    unbar_nodes(ask, arrival_ns)


@hot_kernel
def fill_arrivals_from(graph, ask, sources, at_ns, before_ns, heap_ns, heap_node, came_by, arrival_ns):
    """Earliest arrivals of all nodes from each source: int64 (n_sources, n_nodes)."""
    nowhere = np.int64(NONE)  # a literal would have all compiled once more
    for row in range(len(sources)):
        fill_arrivals(
            graph, ask, sources[row], nowhere, at_ns, before_ns, heap_ns, heap_node, arrival_ns[row], came_by
        )


@part_kernel
def hops_back(graph, source, destination, came_by):
    """How many contacts there are on the way back by each node's last hop."""
    hops, node = 0, destination
    while node != source:
        node = graph.contact_from[graph.contact[came_by[node]]]
        hops += 1
    return hops


@part_kernel
def fill_deadlines(graph, ask, source, destination, most_hops, scratch):
    """Deadlines round by round; the fewest contacts of a route that arrives first, or NO_ROOM."""
    arrival_ns, newest = scratch.arrival_ns, scratch.newest
    due_node, due_ns, due_round = scratch.due_node, scratch.due_ns, scratch.due_round
    for node in range(len(graph.transit)):
        newest[node] = NONE
    newest[destination] = 0
    due_node[0] = destination
    due_ns[0] = arrival_ns[destination]
    due_round[0] = 0
    scratch.due_before[0] = NONE
    scratch.seen_ns[0] = NEVER
    begin, count = 0, 1
    for hops in range(1, most_hops):
        end = count
        for due in range(begin, end):
            node = due_node[due]
            for place in range(graph.in_first[node], graph.in_first[node + 1]):
                edge = graph.in_edge[place]
                sender = graph.edge_from[edge]
                is_first = sender == source
                if sender == destination or not (is_first or graph.transit[sender]):
                    continue
                if arrival_ns[sender] > due_ns[due]:
                    continue
                handling_ns = 0 if is_first else ask.handling_ns
                after_ns = arrival_ns[sender] + handling_ns - 1
                old = newest[sender]
                if old != NONE:
                    after_ns = max(after_ns, due_ns[old] + handling_ns)
                leave_ns = latest_over(graph, ask, np.uint64(edge), due_ns[due], after_ns, is_first)
                if leave_ns == after_ns:
                    continue
                if is_first:
                    return hops
                if old == NONE or due_round[old] < hops:
                    if count == len(due_node):
                        return NO_ROOM
                    due_node[count] = sender
                    due_round[count] = hops
                    scratch.due_before[count] = old
                    scratch.seen_ns[count] = NEVER
                    newest[sender] = count
                    old = count
                    count += 1
                due_ns[old] = leave_ns - ask.handling_ns
        begin = end
    return most_hops


@inline_kernel
def ranks_before(scratch, one, other):
    """Whether a partial route is followed before another: by later end, smaller entry, length, arrival."""
    if scratch.part_stop_ns[one] != scratch.part_stop_ns[other]:
        return scratch.part_stop_ns[one] > scratch.part_stop_ns[other]
    if scratch.part_entry[one] != scratch.part_entry[other]:
        return scratch.part_entry[one] < scratch.part_entry[other]
    one_due, other_due = scratch.part_due[one], scratch.part_due[other]
    if scratch.due_round[one_due] != scratch.due_round[other_due]:
        return scratch.due_round[one_due] < scratch.due_round[other_due]
    return scratch.part_ns[one] < scratch.part_ns[other]


@part_kernel
def push_part(scratch, size, part):
    """Add a partial route to the heap of those that holds so many."""
    heap, place = scratch.part_heap, size
    while place > 0:
        parent = (place - 1) >> 1
        if not ranks_before(scratch, part, heap[parent]):
            break
        heap[place] = heap[parent]
        place = parent
    heap[place] = part


@part_kernel
def pop_part(scratch, size):
    """Take the best partial route from the heap, of which so many are left then."""
    heap, place = scratch.part_heap, 0
    moved = heap[size]
    while True:
        child = 2 * place + 1
        if child >= size:
            break
        if child + 1 < size and ranks_before(scratch, heap[child + 1], heap[child]):
            child += 1
        if not ranks_before(scratch, heap[child], moved):
            break
        heap[place] = heap[child]
        place = child
    heap[place] = moved


@inline_kernel
def deadline_of(scratch, node, left):
    """Row of a node's deadline where exactly so many contacts are left, NONE."""
    due = scratch.newest[node]
    while due != NONE and scratch.due_round[due] > left:
        due = scratch.due_before[due]
    return due if due != NONE and scratch.due_round[due] == left else NONE


@part_kernel
def extend_part(graph, ask, part, node, ready_ns, left, scratch, size, count):
    """Append each contact that holds the deadline to a partial route; how many wait, and are, then."""
    is_first = part == 0
    for edge in range(graph.edge_first[node], graph.edge_first[node + 1]):
        due = deadline_of(scratch, graph.edge_to[edge], left)
        if due == NONE:
            continue
        # Of several windows those that are not worse than the one that ends last of those before.
        top_stop_ns, top_reached_ns = BARRED_NS, NEVER
        window, end = first_open(graph, np.uint64(edge), ready_ns), np.uint64(graph.window_end[edge])
        while window < end and graph.start_ns[window] <= scratch.due_ns[due]:
            if top_stop_ns == scratch.part_stop_ns[part] and graph.start_ns[window] >= top_reached_ns:
                break
            contact = graph.contact[window]
            reached_ns = arrival_over(graph, ask, window, ready_ns)
            stop_ns = min(scratch.part_stop_ns[part], graph.contact_stop_ns[contact])
            in_time = reached_ns <= scratch.due_ns[due] and reached_ns < scratch.seen_ns[due]
            is_better = stop_ns > top_stop_ns or reached_ns < top_reached_ns
            if in_time and is_better and may_use(ask, contact, is_first):
                if count == len(scratch.part_ns):
                    return NO_ROOM, count
                scratch.part_due[count] = due
                scratch.part_ns[count] = reached_ns
                scratch.part_stop_ns[count] = stop_ns
                entry = graph.number[graph.edge_to[edge]] if is_first else scratch.part_entry[part]
                scratch.part_entry[count] = entry
                scratch.part_window[count] = np.int64(window)
                scratch.part_before[count] = part
                push_part(scratch, size, count)
                size += 1
                count += 1
                if stop_ns >= top_stop_ns:
                    top_stop_ns, top_reached_ns = stop_ns, reached_ns
            window += np.uint64(1)
    return size, count


@part_kernel
def choose(graph, ask, source, at_ns, hops, scratch):
    """The best partial route that has come to the destination, or NO_ROOM.

    LOST if there is none: a light time falls faster than time passes, so that deadlines do not hold.
    """
    scratch.part_due[0] = NONE
    scratch.part_ns[0] = at_ns
    scratch.part_stop_ns[0] = NEVER
    scratch.part_before[0] = NONE
    # Not literals, for which `extend_part` would be compiled once more.
    part, size, count = np.int64(0), np.int64(0), np.int64(1)
    node, ready_ns, left = source, at_ns, hops - 1
    while True:
        size, count = extend_part(graph, ask, part, node, ready_ns, left, scratch, size, count)
        if size == NO_ROOM:
            return NO_ROOM
        is_new = False
        while size > 0 and not is_new:
            part = scratch.part_heap[0]
            due = scratch.part_due[part]
            if due == 0:
                return part
            size -= 1
            pop_part(scratch, size)
            is_new = scratch.part_ns[part] < scratch.seen_ns[due]
        if not is_new:
            return LOST
        scratch.seen_ns[due] = scratch.part_ns[part]
        node, left = np.int64(scratch.due_node[due]), scratch.due_round[due] - 1
        ready_ns = scratch.part_ns[part] + ask.handling_ns


@hot_kernel
def find_best_route(graph, ask, source, destination, at_ns, before_ns, scratch):
    """Write the best route to `scratch.hops`; how many hops it has, NO_ROUTE, NO_ROOM or LOST."""
    arrival_ns, came_by = scratch.arrival_ns, scratch.came_by
    heap_ns, heap_node = scratch.heap_ns, scratch.heap_node
    fill_arrivals(graph, ask, source, destination, at_ns, before_ns, heap_ns, heap_node, arrival_ns, came_by)
    if arrival_ns[destination] == NEVER:
        return NO_ROUTE
    most_hops = hops_back(graph, source, destination, came_by)
    hops = fill_deadlines(graph, ask, source, destination, most_hops, scratch)
    if hops == NO_ROOM:
        return NO_ROOM
    part = choose(graph, ask, source, at_ns, hops, scratch)
    if part < 0:
        return part
    for hop in range(hops - 1, -1, -1):
        window, before = scratch.part_window[part], scratch.part_before[part]
        contact = graph.contact[window]
        ready_ns = at_ns if hop == 0 else scratch.part_ns[before] + ask.handling_ns
        first_tx_ns = max(ready_ns, graph.start_ns[window])
        scratch.hops[hop, 0] = contact
        scratch.hops[hop, 1] = graph.contact_from[contact]
        scratch.hops[hop, 2] = graph.contact_to[contact]
        scratch.hops[hop, 3] = first_tx_ns
        scratch.hops[hop, 4] = first_tx_ns + transmission_ns(ask.n_bytes, graph.rate_bps[window])
        scratch.hops[hop, 5] = scratch.part_ns[part]
        part = before
    return hops


@hot_kernel
def fill_tree(graph, ask, source, at_ns, before_ns, front, arrival_ns, hops, contact):
    """Earliest arrivals and the fewest contacts that they take, by rounds of one contact more each.

    `front`, int64 (3, n_nodes), holds the nodes that a round goes on from, when each is ready to send (what
    the round itself finds comes too late for it), and the last round that reached each node earlier.
    """
    n_nodes = len(graph.transit)
    front_node, front_ns, last_round = front[0], front[1], front[2]
    for node in range(n_nodes):
        arrival_ns[node] = NEVER
        hops[node] = 0
        contact[node] = NONE
        last_round[node] = 0
    bar_nodes(ask, arrival_ns)
    arrival_ns[source] = at_ns
    front_node[0] = source
    front_ns[0] = at_ns
    count, n_hops = 1, 0
    while count > 0:
        n_hops += 1
        for place in range(count):
            node, ready_ns = np.uint64(front_node[place]), front_ns[place]
            first, end = graph.edge_first[node], graph.edge_first[node + np.uint64(1)]
            for edge in range(np.uint64(first), np.uint64(end)):
                to_node = np.uint64(graph.edge_to[edge])
                known_ns = min(arrival_ns[to_node], before_ns)
                reached_ns, window = earliest_over(graph, ask, edge, ready_ns, known_ns, n_hops == 1)
                if window == NONE:
                    continue
                arrival_ns[to_node] = reached_ns
                hops[to_node] = n_hops
                contact[to_node] = graph.contact[window]
                last_round[to_node] = n_hops
        count = 0
        for node in range(n_nodes):
            if last_round[node] == n_hops and graph.transit[node]:
                front_node[count] = node
                front_ns[count] = arrival_ns[node] + ask.handling_ns
                count += 1
    unbar_nodes(ask, arrival_ns)
