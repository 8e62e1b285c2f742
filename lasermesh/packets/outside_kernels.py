"""Packets that others put in at a node, between two calls of `advance`, in the order of time."""

from lasermesh.compiled import hot_kernel
from lasermesh.packets.link_kernels import packets_of, put_behind, put_packet, size_of
from lasermesh.packets.state import (
    N_OUTSIDE,
    N_OUTSIDE_COUNT,
    N_OUTSIDE_LAST,
    O_TRAINS,
    S_BYTES_SENT,
    S_SEQUENCE,
    SEQUENCE_BITS,
    TAIL_CREATED,
    TAIL_TIME,
    V_FREE_CHUNK,
    V_NEEDED_CHUNKS,
)
from lasermesh.packets.window_kernels import wake_node


@hot_kernel
def admit(e, worker, n_workers, node, time_ps, created, flow, word):
    """Have a packet, or a train, of a flow of kind OUTSIDE enter at a node at an instant.

    The instant is not before the clock, nor before what was put in there last; `created` is when its latency
    begins, `word` a packet's without its label. The sequence number that it got, the first of a train's; -1
    and nothing done if short of chunks, which are then asked for.
    """
    workers = e.workers
    if workers[worker, V_FREE_CHUNK] < 0:
        workers[worker, V_NEEDED_CHUNKS] = 1
        return -1
    n = e.nodes[node, N_OUTSIDE_COUNT]
    last = e.nodes[node, N_OUTSIDE_LAST]
    position = put_behind(e.packets, workers, e.next_chunk, worker, last, n)
    if n == 0:
        e.nodes[node, N_OUTSIDE] = position
    e.nodes[node, N_OUTSIDE_LAST] = position
    e.nodes[node, N_OUTSIDE_COUNT] = n + 1
    sequence = e.flows[flow, S_SEQUENCE]
    put_packet(e.packets, position, time_ps, created, (flow << SEQUENCE_BITS) | sequence, word)
    if e.control[O_TRAINS]:
        e.tails[position, TAIL_TIME] = time_ps
        e.tails[position, TAIL_CREATED] = created
    e.flows[flow, S_SEQUENCE] = sequence + packets_of(word)
    e.flows[flow, S_BYTES_SENT] += packets_of(word) * size_of(word)
    wake_node(e.nodes, e.domains, workers, e.lists, n_workers, node, time_ps)
    return sequence
