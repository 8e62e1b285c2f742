"""What a run is thought to need before it begins, by pencil."""

from types import SimpleNamespace

import numpy as np
import pytest

from lasermesh.experiments.memory import (
    BYTES_PER_FLOW,
    BYTES_PER_SEGMENT,
    estimate_bytes,
    packets_in_flight,
    packets_per_s,
)
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


def in_flight(rows, link_rate_bps=10**9, limit_bytes=1e6):
    """With every flow over one link of 0.1 s."""
    flows = flows_from_rows(rows)
    n = flows.n_flows
    routes = SimpleNamespace(delay_s=np.full(n, 0.1), link=np.zeros(n, int), first=np.arange(n + 1))
    return packets_in_flight(flows, routes, np.array([link_rate_bps]), np.array([limit_bytes]))


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
