"""Rows of the tables of packets and queues, from records of taps written by hand."""

import numpy as np

from lasermesh.contacts import LinkTable
from lasermesh.experiments.tracing import packet_events, queue_lengths
from lasermesh.packets import state
from lasermesh.packets.causes import BIT_ERROR, HOP_LIMIT, LINK_DOWN, NO_ROUTE, NODE_DOWN, QUEUE
from lasermesh.results import ARRIVED, DELIVERED, DROPPED, LEFT
from lasermesh.units import NONE

TABLE = LinkTable(np.array([0, 1]), np.array([1, 2]), np.zeros(2, np.int8), np.zeros(2, np.int16))
LIMIT = 8


def record(
    time_ps,
    kind,
    place,
    flow=1,
    sequence=0,
    hops_left=LIMIT,
    size=1500,
    created_ps=0,
    marked=False,
    at_link=0,
):
    row = np.zeros(state.TAP_COLUMNS, np.int64)
    row[state.T_TIME], row[state.T_KIND], row[state.T_PLACE] = time_ps, kind, place
    row[state.T_IDENT] = flow << state.SEQUENCE_BITS | sequence
    row[state.T_WORD] = size << state.SIZE_SHIFT | hops_left << state.HOP_SHIFT | marked * state.CE_BIT
    row[state.T_CREATED] = created_ps
    row[state.T_TAIL] = at_link
    return row


def events_of(*records):
    traced, hop_limits = np.array([False, True]), np.full(2, LIMIT)
    return packet_events(np.stack(records), traced, hop_limits, TABLE)


def test_a_packet_is_followed_from_link_to_link():
    events = events_of(
        record(10, state.TAP_OUT, 0, sequence=7, created_ps=3),
        record(20, state.TAP_IN, 0, sequence=7, created_ps=3),
        record(30, state.TAP_OUT, 1, sequence=7, created_ps=3, hops_left=LIMIT - 1, marked=True),
        record(40, state.TAP_IN, 1, sequence=7, created_ps=3, hops_left=LIMIT - 1, marked=True),
        record(40, state.TAP_DELIVERED, 2, sequence=7, created_ps=3, hops_left=LIMIT - 1, marked=True),
    )
    assert events.time_ps.tolist() == [10, 20, 30, 40, 40]
    assert events.event.tolist() == [LEFT, ARRIVED, LEFT, ARRIVED, DELIVERED]
    assert events.node.tolist() == [0, 1, 1, 2, 2]
    assert events.link.tolist() == [0, 0, 1, 1, NONE]
    assert events.hop.tolist() == [1, 1, 2, 2, 2]
    assert events.marked.tolist() == [False, False, True, True, True]
    assert events.cause.tolist() == [NONE] * 5 and events.packets.tolist() == [1] * 5
    assert set(events.flow.tolist()) == {1} and set(events.sequence.tolist()) == {7}
    assert set(events.size_bytes.tolist()) == {1500} and set(events.created_ps.tolist()) == {3}


def test_what_nobody_asked_for_is_left_out():
    queue = record(10, state.TAP_QUEUE, 0)
    queue[state.T_IDENT], queue[state.T_WORD] = 5, 7500
    events = events_of(record(5, state.TAP_OUT, 0, flow=0), queue, record(11, state.TAP_OUT, 0))
    assert events.time_ps.tolist() == [11]
    lengths = queue_lengths(np.stack([record(5, state.TAP_OUT, 0), queue]), TABLE)
    assert [column.tolist() for column in lengths] == [[10], [0], [0], [1], [5], [7500]]
    assert len(events_of(queue).time_ps) == 0


def dropped(time_ps, cause, node, at_link=NONE, **of_packet):
    return record(time_ps, state.TAP_DROPPED + cause, node, at_link=at_link, **of_packet)


def test_drops_tell_why_and_where_and_how_many_links_were_crossed():
    """One that joins a queue, or would, has paid the last link's hop; one that has just come has not."""
    events = events_of(
        dropped(1, NO_ROUTE, 0),  # at its source
        dropped(2, NO_ROUTE, 0, hops_left=0),  # there too, before it got its hop limit
        dropped(3, QUEUE, 1, at_link=1, hops_left=LIMIT - 1),
        dropped(4, LINK_DOWN, 0, at_link=0),
        dropped(5, HOP_LIMIT, 2, hops_left=1),
        dropped(6, BIT_ERROR, 1, at_link=0, hops_left=LIMIT),
    )
    assert events.hop.tolist() == [0, 0, 1, 0, LIMIT, 1]
    assert events.cause.tolist() == [NO_ROUTE, NO_ROUTE, QUEUE, LINK_DOWN, HOP_LIMIT, BIT_ERROR]
    assert events.node.tolist() == [0, 0, 1, 0, 2, 1]
    assert events.link.tolist() == [NONE, NONE, 1, 0, NONE, 0]
    assert set(events.event.tolist()) == {DROPPED}


def test_a_failed_node_drops_what_reaches_it_and_what_waits_in_it():
    """Of two packets with the same hops left, one has come over its second link, one waits for its."""
    events = events_of(
        dropped(9, NODE_DOWN, 2, at_link=1, sequence=1, hops_left=LIMIT - 1),
        dropped(9, NODE_DOWN, 1, at_link=1, sequence=2, hops_left=LIMIT - 1),
        dropped(9, NODE_DOWN, 0, sequence=3),
    )
    assert events.hop.tolist() == [2, 1, 0]
