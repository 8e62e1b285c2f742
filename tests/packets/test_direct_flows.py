"""Flows that go straight over a link, by pencil: what tables, fast reroute and stops do to them or do not."""

import numpy as np
import pytest

from lasermesh.packets import state
from lasermesh.traffic.flows import flows_from_rows
from tests.packets.adapter import engine_of, fates_of, fates_of_reference, run_steps, steps_of
from tests.packets.test_tables_of_labels import DELAYS, LAST, N_MIDDLE, empty_links, fan
from tests.reference.case import NONE, Flow
from tests.reference.packet_simulator import simulate
from tests.reference.test_packet_simulator import network

DIRECT_LINK = 2 * N_MIDDLE  # from node 0 to the last one
DELAY = 7_000


def case_with_direct(*packets, link=DIRECT_LINK, tables=(), **more):
    """The fan with a link across it, a flow by tables and a direct one, each with the same packets."""
    case = fan(n_flows=1, packets=packets)
    links = [*zip(case.link_from, case.link_to, case.steps[0].delay_start_ps, strict=True), (0, LAST, DELAY)]
    flows = [*case.flows, Flow(0, LAST, "script", script=packets, link=link)]
    return network(links, flows, n_nodes=LAST + 1, tables=list(tables), **more)


def fates(engine, case):
    """What became of each packet: {(flow, sequence): (outcome, time_ps)}."""
    return fates_of(run_steps(engine, case))


def test_direct_flow_needs_no_table():
    case = case_with_direct((0, 1), (50, 10))
    found = fates(engine_of(case), case)
    assert found.counted == fates_of_reference(simulate(case)).counted
    assert [found[1, k] for k in range(2)] == [("delivered", DELAY + 1), ("delivered", 50 + DELAY + 10)]
    assert found[0, 0] == ("no_route", 0)


def test_tables_next_labels_and_backups_are_nothing_to_a_direct_flow():
    case = case_with_direct((0, 1), changes=[(0, link, "start", 8 * 10**12) for link in range(11)])
    case.alternate_after_ps = 0
    case.changes += [(0, 2, "stop", 0)]
    engine = engine_of(case)
    link = empty_links(2)
    link[0, :, 0], link[4, 1, 0] = 3, N_MIDDLE + 3
    onward = np.full((LAST + 1, 2), NONE, np.int32)
    onward[0] = 1
    backup = np.full((LAST + 1, 2), 4, np.int32)
    engine.install_table(link, np.zeros((1, 1), np.int32), 0, onward, backup)
    assert engine.labels_in_use().tolist() == [0, 1]
    found = fates(engine, case)
    assert found[1, 0] == ("delivered", DELAY + 1)
    assert found[0, 0] == ("delivered", DELAYS[3] + 2)


@pytest.mark.parametrize("reroute", [False, True])
@pytest.mark.parametrize("alternates", [False, True])
def test_direct_packets_are_dropped_where_their_link_is_down(reroute, alternates):
    # The first has left, the second is in service, the third waits, the fourth finds the link down.
    case = case_with_direct(
        (0, 10), (10, 10), (10, 10), (20, 10), on_link_down="reroute" if reroute else "drop"
    )
    case.changes.append((15, DIRECT_LINK, "stop", 0))
    case.alternate_after_ps = 0 if alternates else None
    engine = engine_of(case)
    link = empty_links(1, 2)
    link[0, 0] = [0, 1]
    backup = np.full((LAST + 1, 1), 1, np.int32)
    engine.install_table(link, np.zeros((1, 1), np.int32), 0, backup=backup)
    found = fates(engine, case)
    outcomes = [found[1, k] for k in range(4)]
    assert outcomes == [("delivered", 10 + DELAY), ("link_down", 15), ("link_down", 15), ("link_down", 20)]
    assert engine.drain_links().dropped[-1].sum() == 3


def test_direct_flow_keeps_its_way_while_tables_come_and_grow():
    case = case_with_direct(*((1000 * k, 1) for k in range(6)))
    engine = engine_of(case)
    for k in range(5):
        link = empty_links(1 + 3 * k)
        engine.install_table(link, np.zeros((1, 1), np.int32), 1000 * k + 500)
    found = fates(engine, case)
    assert [found[1, k] for k in range(6)] == [("delivered", 1000 * k + DELAY + 1) for k in range(6)]


def test_direct_flow_without_a_link_has_no_route_until_it_is_given_one_and_takes_another_when_told():
    links = [(0, 1, 100), (1, 0, 100)]
    case = network(links, [Flow(0, 1, "script", script=((10, 1), (20, 1), (30, 1)), link=NONE)], tables=[])
    engine = engine_of(case)
    engine.add_links([0], [1], 0, 0)
    (end_ps, step), *_ = steps_of(case)
    engine.begin_step(
        step._replace(
            links=np.arange(3),
            delay_start_ps=np.array([100, 100, 300]),
            delay_end_ps=np.array([100, 100, 300]),
            change_ps=np.append(step.change_ps, 0),
            change_link=np.append(step.change_link, 2),
            change_kind=np.append(step.change_kind, state.CHANGE_START),
            change_rate_bps=np.append(step.change_rate_bps, 8 * 10**12),
        )
    )
    engine.advance(15)
    engine.set_link(0, 0)
    engine.advance(25)
    engine.set_link(0, 2)
    engine.advance(end_ps)
    found = fates_of([engine.drain_taps()])
    assert [found[0, k] for k in range(3)] == [("no_route", 10), ("delivered", 121), ("delivered", 331)]


def test_latencies_of_direct_flows_are_counted_but_not_spread_out():
    case = case_with_direct((0, 1), (50, 1))
    engine = engine_of(case)
    fates(engine, case)
    counters = engine.flow_counters()
    assert counters.delivered.tolist() == [0, 2]
    assert counters.latency_max_ps[1] == DELAY + 1
    assert len(counters.histogram) == len(engine.flow_hash) == 1


def test_link_of_a_direct_flow_must_lead_from_its_source_to_its_destination():
    engine = engine_of(case_with_direct((0, 1)))
    with pytest.raises(ValueError, match="link 0 does not lead from node 0 to node 6"):
        engine.set_link(1, 0)
    with pytest.raises(ValueError, match="flow 0 is not direct"):
        engine.set_link(0, DIRECT_LINK)


def test_direct_flows_come_last_and_are_scripts():
    row = {"source": 0, "destination": 1, "kind": "script", "script": (), "rate_bps": 0, "start_ps": 0}
    row |= {"stop_ps": 1, "phase_ps": 0, "hop_limit": 1, "traffic_class": 0}
    assert flows_from_rows([row, {**row, "direct": 1}]).n_routed == 1
    with pytest.raises(ValueError, match="behind all others"):
        flows_from_rows([{**row, "direct": 1}, row])
    with pytest.raises(ValueError, match="are scripts"):
        flows_from_rows([{**row, "direct": 1, "kind": "poisson", "sizes": ((1, 1),)}])
