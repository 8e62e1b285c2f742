"""Drops are recorded at chosen nodes and ends of links, among all drops of random cases."""

import random

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from lasermesh.packets import state
from lasermesh.packets.causes import BIT_ERROR, EARLY, HOP_LIMIT, LINK_DOWN, NO_ROUTE, NODE_DOWN, QUEUE
from lasermesh.units import NONE
from tests.packets.adapter import engine_of, run_steps
from tests.packets.comparing import enough
from tests.reference.cases import FLAVOURS, random_case


def drops_of(case, **options):
    """All drops that an engine records."""
    engine = engine_of(case, **options)
    try:
        records = np.concatenate(run_steps(engine, case))
    finally:
        engine.close()
    kind = records[:, state.T_KIND]
    is_drop = (kind >= state.TAP_DROPPED) & (kind < state.TAP_ENDED + state.DELIVERED)
    assert options.get("trace", True) or is_drop.all()
    return records[is_drop]


@settings(max_examples=enough(60, 15), derandomize=True, database=None, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from(FLAVOURS))
def test_drops_are_recorded_at_chosen_nodes_and_ends_of_links_alone(seed, flavour):
    dice = random.Random(f"drops/{seed}")
    case = random_case(dice, flavour)
    nodes = np.array([dice.random() < 0.4 for _ in range(case.n_nodes)])
    link_from, link_to = np.array(case.link_from), np.array(case.link_to)
    bits = state.TAP_DROPS_OUT, state.TAP_DROPS_IN
    taps = np.array([sum(bit for bit in bits if dice.random() < 0.3) for _ in link_from], np.int64)
    everything = drops_of(case)
    node, link = everything[:, state.T_PLACE], everything[:, state.T_TAIL]
    cause = everything[:, state.T_KIND] - state.TAP_DROPPED
    receiving = (link != NONE) & (link_to[link] == node)
    sending = (link != NONE) & ~receiving
    assert (link_from[link[sending]] == node[sending]).all()
    assert not (link == NONE)[np.isin(cause, (QUEUE, EARLY, LINK_DOWN, BIT_ERROR))].any()
    assert (link == NONE)[np.isin(cause, (NO_ROUTE, HOP_LIMIT))].all()
    assert receiving[cause == BIT_ERROR].all() and sending[np.isin(cause, (QUEUE, EARLY, LINK_DOWN))].all()
    assert set(cause[receiving].tolist()) <= {BIT_ERROR, NODE_DOWN}
    at_link = np.where(receiving, taps[link] & bits[1], sending * (taps[link] & bits[0]))
    wanted = nodes[node] | (at_link != 0)
    found = drops_of(case, taps=taps, trace=False, drop_tapped=nodes, threads=dice.choice((1, 2)))
    assert sorted(map(tuple, found)) == sorted(map(tuple, everything[wanted]))
