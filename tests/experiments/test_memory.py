"""What a run is thought to need before it begins, by pencil."""

from types import SimpleNamespace

import numpy as np
import pytest

from lasermesh.experiments.memory import (
    BYTES_PER_FLOW,
    BYTES_PER_LINK,
    BYTES_PER_PLACE,
    BYTES_PER_SEGMENT,
    BYTES_PER_TRACE_PACKET,
    estimate_bytes,
    packets_in_flight,
    packets_per_s,
)
from lasermesh.experiments.queueing import NO_LIMIT, MostWaiting
from lasermesh.packets import state
from lasermesh.traffic.flows import flows_from_rows
from lasermesh.units import PS_PER_S


def row(kind, **more):
    given = {
        "source": 0,
        "destination": 1,
        "kind": kind,
        "rate_bps": 12_000_000,
        "sizes": ((1500, 1),),
        "start_ps": 0,
        "stop_ps": 2**63 - 1,
        "phase_ps": 0,
        "hop_limit": 64,
        "traffic_class": 0,
    }
    return given | more


def in_flight(rows, link_rate_bps=10**9, limit_bytes=1_000_000, limit_packets=NO_LIMIT, lists=1, end_s=100.0):
    """With every flow over one link of 0.1 s."""
    flows = flows_from_rows(rows)
    n = flows.n_flows
    routes = SimpleNamespace(delay_s=np.full(n, 0.1), link=np.zeros(n, int), first=np.arange(n + 1))
    waiting = MostWaiting(np.array([lists]), np.array([limit_packets]), np.array([limit_bytes]))
    return packets_in_flight(flows, routes, np.array([link_rate_bps]), waiting, round(end_s * PS_PER_S))


def test_a_flow_that_comes_and_goes_counts_as_if_it_were_on():
    """1000 packets of 1500 bytes a second."""
    assert in_flight([row("on-off", on_ps=1e12, off_ps=9e12)]) == pytest.approx(100)
    assert in_flight([row("constant")]) == pytest.approx(100)


def test_a_train_is_one_packet():
    assert in_flight([row("constant", train=10)]) == pytest.approx(10)
    full = in_flight([row("constant", train=10)], link_rate_bps=6_000_000, limit_bytes=150_000)
    assert full == pytest.approx(10 + 10)


@pytest.mark.parametrize(
    ("window", "total_bytes", "most"), [(30, 10**9, 30), (1000, 10**9, 100), (50, 3001, 3)]
)
def test_of_a_bulk_transfer_no_more_than_its_window_or_all_of_it_is_under_way(window, total_bytes, most):
    rows = [
        row("bulk", window=window, total_bytes=total_bytes, reply=1, reply_bytes=64),
        row("ack", rate_bps=0, sizes=((64, 1),), source=1, destination=0),
    ]
    assert in_flight(rows) == pytest.approx(most + 100)  # an acknowledgement for each at most
    segments = min(window, -(-total_bytes // 1500))
    assert estimate_bytes(0, 0, flows_from_rows(rows), 0) == 2 * BYTES_PER_FLOW + segments * BYTES_PER_SEGMENT


def test_replies_are_as_many_as_requests_cause_and_fill_the_way_back():
    rows = [
        row("poisson", reply=1, reply_bytes=15_001, reply_packet_bytes=1500),
        row("reply", rate_bps=0, source=1, destination=0),
    ]
    assert packets_per_s(flows_from_rows(rows)).tolist() == pytest.approx([1000, 11_000])
    assert in_flight(rows) == pytest.approx(100 + 1100)
    # 144 Mbit/s are too much for 100.
    assert in_flight(rows, 10**8, 150_000) == pytest.approx(100 + 1100 + 100)


def test_a_trace_counts_at_its_mean_rate():
    script = [(k * PS_PER_S // 100, 1000) for k in range(51)]
    assert packets_per_s(flows_from_rows([row("script", rate_bps=0, script=script)])).tolist() == [100.0]
    alone = flows_from_rows([row("script", rate_bps=0, script=script[:1])])
    assert packets_per_s(alone).tolist() == [0.0]


def test_full_queues_hold_what_either_limit_lets_wait_in_each_list():
    """100 packets are under way; the link takes 500 of 1000 a second, and the run lasts long enough."""
    half = {"link_rate_bps": 6_000_000}
    flow = [row("constant")]
    assert in_flight(flow, **half, limit_bytes=150_000) == pytest.approx(100 + 100)
    assert in_flight(flow, **half, limit_bytes=NO_LIMIT, limit_packets=40) == pytest.approx(100 + 40)
    assert in_flight(flow, **half, limit_bytes=30_000, limit_packets=40) == pytest.approx(100 + 20)
    assert in_flight(flow, **half, limit_packets=40, lists=3) == pytest.approx(100 + 3 * 40)
    trains = [row("constant", train=10)]
    assert in_flight(trains, **half, limit_bytes=NO_LIMIT, limit_packets=40) == pytest.approx(10 + 4)
    # Without limit: what comes in 10 s at the link's rate.
    assert in_flight(flow, **half, limit_bytes=NO_LIMIT) == pytest.approx(100 + 5000)


def test_no_more_is_in_flight_than_the_run_sends():
    """In 10 ms a flow sends 10 packets, one that starts in the middle or stops there 5, a trace its own."""
    short = {"link_rate_bps": 6_000_000, "limit_bytes": NO_LIMIT, "end_s": 0.01}
    middle_ps = PS_PER_S // 200
    assert in_flight([row("constant")], **short) == 10
    assert in_flight([row("constant"), row("constant")], **short) == 20
    assert in_flight([row("constant", start_ps=middle_ps)], **short) == 5
    assert in_flight([row("constant", stop_ps=middle_ps)], **short) == 5
    assert in_flight([row("constant", train=4)], **short) == 3
    script = [(k * PS_PER_S // 1000, 1500) for k in range(100)]
    assert in_flight([row("script", rate_bps=0, script=script)], **short) == 10


def test_traces_and_places_before_servers_are_counted():
    rows = [
        row("script", rate_bps=0, script=[(0, 100)] * 1000),
        row("poisson", pool=0, reply=2, reply_bytes=1500, reply_packet_bytes=1500),
        row("reply", rate_bps=0, source=1, destination=0, pool=0),
    ]
    pool = {"node": 1, "servers": 4, "service_kind": 0, "service_ps": 1e9, "queue_requests": 10_000}
    assert estimate_bytes(0, 0, flows_from_rows(rows, [pool]), 0) == (
        3 * BYTES_PER_FLOW + 1000 * BYTES_PER_TRACE_PACKET + 10_005 * BYTES_PER_PLACE
    )


def test_a_link_takes_its_row_in_an_array_that_has_just_doubled():
    assert BYTES_PER_LINK >= 2 * 8 * state.LINK_COLUMNS
