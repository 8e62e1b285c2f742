"""What taps saw of packets and queues, as rows of tables."""

import numpy as np

from lasermesh.packets import state
from lasermesh.packets.causes import HOP_LIMIT
from lasermesh.results import ARRIVED, DELIVERED, DROPPED, LEFT, PacketEvents, QueueLengths
from lasermesh.units import NONE

_EVENT_OF_KIND = {state.TAP_OUT: LEFT, state.TAP_IN: ARRIVED, state.TAP_DELIVERED: DELIVERED}


def packet_events(records, traced, hop_limit, table):
    """What happened to packets of traced flows.

    Parameters
    ----------
    records : int64 array, shape (n, state.TAP_COLUMNS)
        In order of time; all of one instant together.
    traced : bool array, shape (n_flows,)
        Flows asked for; others are tapped where captures want them.
    hop_limit : int64 array, shape (n_flows,)
        With which packets set out.
    table : LinkTable

    Returns
    -------
    events : PacketEvents
    """
    kind = records[:, state.T_KIND]
    records = records[kind != state.TAP_QUEUE]
    records = records[traced[records[:, state.T_IDENT] >> state.SEQUENCE_BITS]]
    kind, place, word = (records[:, column] for column in (state.T_KIND, state.T_PLACE, state.T_WORD))
    event = np.full(len(records), DROPPED, np.int8)
    for tap, number in _EVENT_OF_KIND.items():
        event[kind == tap] = number
    node, link = place.copy(), np.full(len(place), NONE)
    for at_link, end in ((event == LEFT, table.from_node), (event == ARRIVED, table.to_node)):
        link[at_link] = place[at_link]
        node[at_link] = end[place[at_link]]
    is_drop = event == DROPPED
    link[is_drop] = records[is_drop, state.T_TAIL]
    flow = records[:, state.T_IDENT] >> state.SEQUENCE_BITS
    return PacketEvents(
        time_ps=records[:, state.T_TIME],
        flow=flow.astype(np.int32),
        sequence=records[:, state.T_IDENT] & state.SEQUENCE_MASK,
        event=event,
        node=node,
        link=link,
        hop=_hops(records, hop_limit[flow], link, table),
        packets=((word >> state.COUNT_SHIFT) & state.COUNT_MASK) + 1,
        size_bytes=(word >> state.SIZE_SHIFT) & state.SIZE_MASK,
        created_ps=records[:, state.T_CREATED],
        cause=np.where(event == DROPPED, kind - state.TAP_DROPPED, NONE).astype(np.int8),
        marked=(word & state.CE_BIT) != 0,
    )


def _hops(records, hop_limit, link, table):
    """Number of the link that was entered or crossed last, from 1; 0 where a packet never left its source."""
    kind, word = records[:, state.T_KIND], records[:, state.T_WORD]
    hops_left = (word >> state.HOP_SHIFT) & 0xFF
    cause = kind - state.TAP_DROPPED
    # A packet on a link, or just at its end, still has the hop that this link will cost; one that has joined
    # a queue has paid the last one. A failed node drops both.
    at_end = (link != NONE) & (table.to_node[link] == records[:, state.T_PLACE])
    whole = (kind < state.TAP_DROPPED) | (cause == HOP_LIMIT) | at_end
    return np.where(hops_left > 0, hop_limit - hops_left + whole, 0)


def queue_lengths(records, table):
    """How many packets and bytes wait at tapped links, whenever that changes: `QueueLengths`."""
    records = records[records[:, state.T_KIND] == state.TAP_QUEUE]
    link = records[:, state.T_PLACE]
    return QueueLengths(
        time_ps=records[:, state.T_TIME],
        link=link,
        from_node=table.from_node[link],
        to_node=table.to_node[link],
        waiting_packets=records[:, state.T_IDENT],
        waiting_bytes=records[:, state.T_WORD],
    )
