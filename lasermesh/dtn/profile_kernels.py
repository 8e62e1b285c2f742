"""Arrival as a function of departure, for all departures at once, backwards from the destination.

What a node can do is held as *segments*: leave at any instant of [begin, end], be there `delay` later. Who is
ready at t waits for the segment that is there first: the least max(t, begin) + delay of those with end >= t.
Segments are settled by ascending delay. Of a new one nothing is kept where an earlier one is open, which has
no more delay, nor where waiting for an earlier one pays; and none that is settled later, with no less delay,
can be better than one that is open. So what is settled is final, and the work goes with the answer's size.
(In the manner of Delling, Katz and Pajor, Parallel Computation of Best Connections in Public Transportation
Networks, ACM JEA 17, 2012, which settles connections of a source; there a departure is an instant.)

Wanted for one source alone, segments are settled by delay + least delay from the source (A*), and nothing is
kept that would help only departures for which the source has something no worse.
"""

from typing import NamedTuple

import numpy as np

from lasermesh.compiled import hot_kernel, inline_kernel, kernel, part_kernel
from lasermesh.dtn.heap_kernels import pop, push
from lasermesh.dtn.hop_kernels import transmission_ns
from lasermesh.units import NEVER, NONE

DONE, FULL = range(2)

N_BUCKETS = 256
_SHORT = 12
"""A list of so few segments is walked from its head."""


class Openings(NamedTuple):
    """When bundles can leave over each edge, by receiving node; what no bundle can use is left out."""

    edge_first: np.ndarray  # int64  (n_nodes + 1,)  edges into node v: edge_first[v] to edge_first[v + 1]
    edge_from: np.ndarray  # int32  (n_edges,)
    least_hop_ns: np.ndarray  # int64  (n_edges,)
    first: np.ndarray  # int64  (n_edges + 1,)  openings of edge e: first[e] to first[e + 1], by begin
    begin_ns: np.ndarray  # int64  (n_openings,)  first and last instant at which the first bit can leave
    end_ns: np.ndarray  # int64  (n_openings,)
    hop_ns: np.ndarray  # int64  (n_openings,)  from then until ready at the receiving node
    latest_end_ns: np.ndarray  # int64  (n_openings,)  greatest end of the edge's openings up to this one
    latest_ready_ns: np.ndarray  # int64  (n_openings,)  and of end + hop


class Segments(NamedTuple):
    """Settled segments, those of a node a list by ascending begin, end and arrival."""

    begin_ns: np.ndarray  # int64  (capacity,)
    end_ns: np.ndarray  # int64  (capacity,)
    delay_ns: np.ndarray  # int64  (capacity,)
    after: np.ndarray  # int32  (capacity,)  next of the list
    head: np.ndarray  # int32  (n_nodes,)
    count: np.ndarray  # int64  (n_nodes,)
    # Segments that begin in each of `N_BUCKETS` equal parts of the time: the first and the last one.
    bucket_head: np.ndarray  # int32  (n_nodes, N_BUCKETS)
    bucket_tail: np.ndarray  # int32  (n_nodes, N_BUCKETS)
    scale: np.ndarray  # int64  (2,)  from when on buckets count, and how long each is
    size: np.ndarray  # int64  (1,)


class Labels(NamedTuple):
    """Segments that are not settled yet: a heap by delay (and least delay from the source)."""

    key_ns: np.ndarray  # int64  (capacity,)  heap
    place: np.ndarray  # uint32  (capacity,)  heap; rows of the columns that follow
    node: np.ndarray  # int32  (capacity,)
    begin_ns: np.ndarray  # int64  (capacity,)
    end_ns: np.ndarray  # int64  (capacity,)
    delay_ns: np.ndarray  # int64  (capacity,)
    free: np.ndarray  # int32  (capacity,)  a stack of rows not in use
    size: np.ndarray  # int64  (3,)  of the heap, of the stack, rows ever used


class Question(NamedTuple):
    """What is wanted."""

    is_destination: np.ndarray  # bool   (n_nodes,)
    may_pass: np.ndarray  # bool   (n_nodes,)
    least_ns: np.ndarray  # int64  (n_nodes,)  least delay from the source, NEVER: not reached; several: all 0
    source: int  # the only one, or NONE
    from_ns: int  # departures of sources
    until_ns: int  # and the first instant after


@kernel
def fill_openings(graph_edges, windows, is_destination, without_nodes, without_contacts, numbers, openings):
    """Openings of all edges.

    Parameters
    ----------
    graph_edges : (edge_from, edge_to, in_edge, window_first, window_end) of a ContactGraph
    windows : (start_ns, stop_ns, contact, rate_bps, owlt_ns) of the same
    is_destination, without_nodes : bool (n_nodes,)
    without_contacts : bool (n_contacts,)
    numbers : int64 (5,)
        Bytes, inclusive end (0 or 1), margin and handling in ns, and the first departure that matters.
    openings : Openings
        With the graph's `in_first`, and as long as its windows; the rest is filled.

    Returns
    -------
    n_openings : int
    """
    edge_from, edge_to, in_edge, window_first, window_end = graph_edges
    start_ns, stop_ns, contact, rate_bps, owlt_ns = windows
    n_bytes, inclusive, margin_ns, handling_ns, from_ns = numbers
    n = 0
    openings.first[0] = 0
    for place in range(len(in_edge)):
        edge = in_edge[place]
        sender, receiver = edge_from[edge], edge_to[edge]
        openings.edge_from[place] = sender
        least = NEVER
        first = n
        if not (without_nodes[sender] or without_nodes[receiver] or is_destination[sender]):
            more_ns = margin_ns + (0 if is_destination[receiver] else handling_ns)
            for window in range(window_first[edge], window_end[edge]):
                begin = max(start_ns[window], from_ns)
                end, duration = stop_ns[window], 0
                if n_bytes > 0:
                    duration = transmission_ns(n_bytes, rate_bps[window])
                    if duration > end - start_ns[window]:  # or the end less it might be no int64
                        continue
                    end -= duration
                elif not inclusive:
                    end -= 1
                if (
                    begin > end
                    or start_ns[window] > stop_ns[window]
                    or owlt_ns[window] < 0
                    or without_contacts[contact[window]]
                ):
                    continue
                hop = duration + owlt_ns[window] + more_ns
                openings.begin_ns[n] = begin
                openings.end_ns[n] = end
                openings.hop_ns[n] = hop
                openings.latest_end_ns[n] = end
                openings.latest_ready_ns[n] = end + hop
                if n > first:
                    openings.latest_end_ns[n] = max(end, openings.latest_end_ns[n - 1])
                    openings.latest_ready_ns[n] = max(end + hop, openings.latest_ready_ns[n - 1])
                least = min(least, hop)
                n += 1
        openings.least_hop_ns[place] = least
        openings.first[place + 1] = n
    return n


@kernel
def fill_least_delays(openings, may_pass, source, least_ns):
    """Least delay from a node to all others if all contacts were open all the time: NEVER: not reached."""
    n_nodes = len(least_ns)
    # Edges by sending node.
    n_edges = len(openings.edge_from)
    first = np.zeros(n_nodes + 1, np.int64)
    for edge in range(n_edges):
        first[openings.edge_from[edge] + 1] += 1
    for node in range(n_nodes):
        first[node + 1] += first[node]
    out_edge, out_node = np.empty((2, n_edges), np.int64)
    used = np.zeros(n_nodes, np.int64)
    for receiver in range(n_nodes):
        for edge in range(openings.edge_first[receiver], openings.edge_first[receiver + 1]):
            sender = openings.edge_from[edge]
            out_edge[first[sender] + used[sender]] = edge
            out_node[first[sender] + used[sender]] = receiver
            used[sender] += 1
    least_ns[:] = NEVER
    least_ns[source] = 0
    waiting = np.empty(n_nodes, np.int64)  # a ring, each node in it at most once
    is_waiting = np.zeros(n_nodes, np.bool_)
    waiting[0] = source
    at, n_waiting = 0, 1
    while n_waiting:
        node = waiting[at]
        at = (at + 1) % n_nodes
        n_waiting -= 1
        is_waiting[node] = False
        for k in range(first[node], first[node + 1]):
            hop = openings.least_hop_ns[out_edge[k]]
            receiver = out_node[k]
            if hop < NEVER and least_ns[node] + hop < least_ns[receiver]:
                least_ns[receiver] = least_ns[node] + hop
                if may_pass[receiver] and not is_waiting[receiver]:
                    waiting[(at + n_waiting) % n_nodes] = receiver
                    n_waiting += 1
                    is_waiting[receiver] = True


@hot_kernel
def settle_all(question, openings, point_arrival_ns, segments, labels):
    """Find the segments of all nodes, or all that the one source needs.

    Parameters
    ----------
    question : Question
    openings : Openings
    point_arrival_ns : int64 (n_openings,), all NEVER
        Scratch: the first arrival found of who leaves at `latest_end_ns`, and waits at the edge's end.
    segments, labels : Segments, Labels
        Empty: heads, buckets and sizes say so.

    Returns
    -------
    status : int
        DONE, or FULL: there is no room in `segments` or `labels`, and all must be done anew with more.
    """
    latest_ns = NEVER  # later arrivals help no departure that is wanted and not settled
    source = question.source
    for node in range(len(question.is_destination)):
        if question.is_destination[node]:
            for edge in range(openings.edge_first[node], openings.edge_first[node + 1]):
                for k in range(openings.first[edge], openings.first[edge + 1]):
                    begin, end, hop = openings.begin_ns[k], openings.end_ns[k], openings.hop_ns[k]
                    if not add_label(question, segments, labels, openings.edge_from[edge], begin, end, hop):
                        return FULL
    while labels.size[0]:
        row = take_label(labels)
        node, delay = labels.node[row], labels.delay_ns[row]
        begin, end = labels.begin_ns[row], labels.end_ns[row]
        least = question.least_ns[node]
        if latest_ns < NEVER:
            end = min(end, latest_ns - delay)
        while begin <= end:
            low, high = first_gap(segments, node, begin, end, delay)
            if low > high:
                break
            begin = high + 1
            if source >= 0 and node != source:
                helps, until = first_gap(segments, source, low - least, high - least, delay + least)
                if helps > until:
                    continue
                low, high = helps + least, until + least
                begin = high + 1
            if segments.size[0] == len(segments.after):
                return FULL
            insert(segments, node, low, high, delay)
            if node == source:
                if high >= question.until_ns - 1:
                    latest_ns = min(latest_ns, low + delay)
            elif question.may_pass[node]:
                if not look_back(
                    question, openings, point_arrival_ns, segments, labels, node, low, high, delay
                ):
                    return FULL
    return DONE


@part_kernel
def look_back(question, openings, point_arrival_ns, segments, labels, node, begin, end, delay):
    """Labels of those who send to a node that has a new segment; whether there was room."""
    for edge in range(openings.edge_first[node], openings.edge_first[node + 1]):
        sender = openings.edge_from[edge]
        first, stop = openings.first[edge], openings.first[edge + 1]
        if first == stop or question.least_ns[sender] == NEVER:
            continue
        # The first opening that is not over too early.
        low, high = first, stop
        while low < high:
            middle = (low + high) // 2
            if openings.latest_ready_ns[middle] < begin:
                low = middle + 1
            else:
                high = middle
        # Who leaves at the last instant of an opening that is over, the last such instant, waits at the node.
        point = over = openings.latest_end_ns[low - 1] if low > first else question.from_ns - 1
        last_begin = end - openings.least_hop_ns[edge]
        k = low
        while k < stop and openings.begin_ns[k] <= last_begin:
            hop = openings.hop_ns[k]
            if openings.end_ns[k] + hop < begin:
                point = max(point, openings.end_ns[k])
            else:
                from_ns, to_ns = max(openings.begin_ns[k], begin - hop), min(openings.end_ns[k], end - hop)
                if from_ns <= to_ns and not add_label(
                    question, segments, labels, sender, from_ns, to_ns, delay + hop
                ):
                    return False
            k += 1
        if point < question.from_ns:
            continue
        arrival = begin + delay
        if point == over:
            if arrival >= point_arrival_ns[low - 1]:
                continue
            point_arrival_ns[low - 1] = arrival
        if not add_label(question, segments, labels, sender, point, point, arrival - point):
            return False
    return True


@part_kernel
def add_label(question, segments, labels, node, begin, end, delay):
    """Put a segment into the heap, unless something as good is settled; whether there was room."""
    least = question.least_ns[node]
    if least == NEVER:
        return True
    low, high = first_gap(segments, node, max(begin, question.from_ns + least), end, delay)
    if low > high:
        return True
    if question.source >= 0 and node != question.source:
        helps, until = first_gap(segments, question.source, low - least, end - least, delay + least)
        if helps > until:
            return True
        low = helps + least
    if labels.size[1]:
        labels.size[1] -= 1
        row = labels.free[labels.size[1]]
    else:
        if labels.size[2] == len(labels.node):
            return False
        row = labels.size[2]
        labels.size[2] += 1
    labels.node[row] = node
    labels.begin_ns[row] = low
    labels.end_ns[row] = end
    labels.delay_ns[row] = delay
    push(labels.key_ns, labels.place, labels.size[0], delay + least, np.uint32(row))
    labels.size[0] += 1
    return True


@part_kernel
def take_label(labels):
    """Take the row of least key from the heap; its columns stay until the next row is added."""
    found = np.int64(labels.place[0])
    labels.free[labels.size[1]] = found
    labels.size[1] += 1
    labels.size[0] -= 1
    pop(labels.key_ns, labels.place, labels.size[0])
    return found


@inline_kernel
def bucket_of(segments, t_ns):
    """The part of the time that an instant belongs to."""
    return min(max((t_ns - segments.scale[0]) // segments.scale[1], 0), N_BUCKETS - 1)


@part_kernel
def last_until(segments, node, t_ns):
    """The last segment of a node that begins no later than an instant, NONE if there is none."""
    found = NONE
    k = segments.head[node]
    if segments.count[node] > _SHORT:
        bucket = bucket_of(segments, t_ns)
        k = segments.bucket_head[node, bucket]
        if k < 0 or segments.begin_ns[k] > t_ns:
            bucket -= 1
            while bucket >= 0 and segments.bucket_tail[node, bucket] < 0:
                bucket -= 1
            return segments.bucket_tail[node, bucket] if bucket >= 0 else NONE
    while k >= 0 and segments.begin_ns[k] <= t_ns:
        found = k
        k = segments.after[k]
    return found


@part_kernel
def first_gap(segments, node, begin, end, delay):
    """The first part of a segment that is better than what a node has: low, high; low > high: none.

    The delay is no less than those that are settled.
    """
    k = last_until(segments, node, begin)
    if k < 0:
        k = segments.head[node]
    elif segments.end_ns[k] < begin:
        k = segments.after[k]
    while k >= 0 and begin <= end:
        # From here on it pays to wait for what begins later.
        pays = segments.begin_ns[k] + segments.delay_ns[k] - delay
        if begin < pays:
            return begin, min(end, pays - 1)
        begin = segments.end_ns[k] + 1
        k = segments.after[k]
    return begin, end


@part_kernel
def insert(segments, node, begin, end, delay):
    """Add a segment to the list of a node, where nothing is."""
    row = segments.size[0]
    segments.size[0] += 1
    before = last_until(segments, node, begin)
    segments.begin_ns[row] = begin
    segments.end_ns[row] = end
    segments.delay_ns[row] = delay
    if before < 0:
        segments.after[row] = segments.head[node]
        segments.head[node] = row
    else:
        segments.after[row] = segments.after[before]
        segments.after[before] = row
    segments.count[node] += 1
    bucket = bucket_of(segments, begin)
    head, tail = segments.bucket_head[node, bucket], segments.bucket_tail[node, bucket]
    if head < 0 or begin < segments.begin_ns[head]:
        segments.bucket_head[node, bucket] = row
    if tail < 0 or begin > segments.begin_ns[tail]:
        segments.bucket_tail[node, bucket] = row


@kernel
def fill_pieces(segments, node, from_ns, until_ns, piece_from, piece_to, arrival, waits):
    """The pieces of a node's arrival function between two instants, as few as there can be; their number.

    The columns must hold twice the number of the node's segments.
    """
    n = 0
    now = from_ns
    k = segments.head[node]
    while k >= 0 and now < until_ns:
        begin, end, delay = segments.begin_ns[k], segments.end_ns[k], segments.delay_ns[k]
        k = segments.after[k]
        while k >= 0 and segments.begin_ns[k] == end + 1 and segments.delay_ns[k] == delay:
            end = segments.end_ns[k]
            k = segments.after[k]
        # A single instant is the end of waiting for it.
        flat_to = min(until_ns, begin + 1 if begin == end else begin)
        if now < flat_to:
            piece_from[n] = now
            piece_to[n] = flat_to
            arrival[n] = begin + delay
            waits[n] = True
            n += 1
            now = flat_to
        to = min(until_ns, end + 1)
        if now < to:
            piece_from[n] = now
            piece_to[n] = to
            arrival[n] = now + delay
            waits[n] = False
            n += 1
            now = to
    return n
