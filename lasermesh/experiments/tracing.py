"""What taps saw of packets and queues, as rows of tables."""

import numpy as np

from lasermesh.packets import state
from lasermesh.packets.causes import BIT_ERROR, HOP_LIMIT, NODE_DOWN
from lasermesh.results import ARRIVED, DELIVERED, DROPPED, LEFT, PacketEvents, QueueLengths
from lasermesh.units import NONE

_EVENT_OF_KIND = {state.TAP_OUT: LEFT, state.TAP_IN: ARRIVED, state.TAP_DELIVERED: DELIVERED}


def packet_events(records, traced, hop_limit, table, processing_ps, arrived_before):
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
    processing_ps : int64 array, shape (n_nodes,)
        From an arrival until the node looks at it.
    arrived_before : int64 array, shape (n, state.TAP_COLUMNS)
        Records of arrivals, told of before, that nodes may not have looked at.

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
    flow = records[:, state.T_IDENT] >> state.SEQUENCE_BITS
    return PacketEvents(
        time_ps=records[:, state.T_TIME],
        flow=flow.astype(np.int32),
        sequence=records[:, state.T_IDENT] & state.SEQUENCE_MASK,
        event=event,
        node=node,
        link=link,
        hop=_hops(records, hop_limit[flow], _looked_at(arrived_before, records, table, processing_ps)),
        packets=((word >> state.COUNT_SHIFT) & state.COUNT_MASK) + 1,
        size_bytes=(word >> state.SIZE_SHIFT) & state.SIZE_MASK,
        created_ps=records[:, state.T_CREATED],
        cause=np.where(event == DROPPED, kind - state.TAP_DROPPED, NONE).astype(np.int8),
        marked=(word & state.CE_BIT) != 0,
    )


def _looked_at(arrived_before, records, table, processing_ps):
    """When nodes look at packets that have arrived: set of (time_ps, ident, created_ps)."""
    if not (records[:, state.T_KIND] == state.TAP_DROPPED + NODE_DOWN).any():
        return set()
    arrived = np.concatenate([arrived_before, records[records[:, state.T_KIND] == state.TAP_IN]])
    time_ps = arrived[:, state.T_TIME] + processing_ps[table.to_node[arrived[:, state.T_PLACE]]]
    columns = time_ps, arrived[:, state.T_IDENT], arrived[:, state.T_CREATED]
    return set(zip(*(column.tolist() for column in columns), strict=True))


def _hops(records, hop_limit, looked_at):
    """Number of the link that was entered or crossed last, from 1; 0 where a packet never left its source."""
    kind, word = records[:, state.T_KIND], records[:, state.T_WORD]
    hops_left = (word >> state.HOP_SHIFT) & 0xFF
    cause = kind - state.TAP_DROPPED
    # A packet on a link still has the hop that this link will cost; one that has joined a queue has paid the
    # last one. A failed node drops both: those that it has just reached are told by the tap at its port.
    whole = (kind < state.TAP_DROPPED) | (cause == HOP_LIMIT) | (cause == BIT_ERROR)
    for row in np.flatnonzero(cause == NODE_DOWN):
        columns = state.T_TIME, state.T_IDENT, state.T_CREATED
        whole[row] |= tuple(int(records[row, column]) for column in columns) in looked_at
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
