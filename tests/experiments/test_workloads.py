"""The networks and traffic that benchmarks run are what their descriptions say."""

import numpy as np
import pytest

from lasermesh.experiments import workloads
from lasermesh.units import PS_PER_MS, PS_PER_S


def loads_of(work):
    """(share of each link's rate that its flows ask for, hops of each flow).

    Every flow arrives, and its packets are whole picoseconds apart, as bench's peers need it.
    """
    load_bps = np.zeros(len(work.link_from))
    hops = []
    for row, flow in enumerate(work.flows):
        links = work.links_of_flow(row)
        assert work.link_from[links[0]] == flow["source"]
        assert work.link_to[links[-1]] == flow["destination"]
        assert np.array_equal(work.link_to[links[:-1]], work.link_from[links[1:]])
        assert flow["sizes"][0][0] * 8 * PS_PER_S % flow["rate_bps"] == 0
        load_bps[links] += flow["rate_bps"]
        hops.append(len(links))
    return load_bps / work.rate_bps, np.array(hops)


def longest_way_ms(work):
    """Light time of the longest path."""
    return max(work.delay_ps[work.links_of_flow(row)].sum() for row in range(len(work.flows))) / PS_PER_MS


def test_the_chain_is_saturated_and_the_torus_is_not():
    load, hops = loads_of(workloads.chain())
    assert (load == 1).all() and hops.tolist() == [10]
    load, hops = loads_of(workloads.torus())
    assert load.max() < 0.5 and len(hops) == 200 and 10 < hops.mean() < 13


@pytest.mark.compiled_only
@pytest.mark.parametrize(("packet_bytes", "flow_bps"), [(1500, 10**8), (64, 10**7)])
def test_starlink_carries_a_thousand_flows_over_unsaturated_links(packet_bytes, flow_bps):
    work = workloads.starlink(packet_bytes, flow_bps)
    load, hops = loads_of(work)
    assert load.max() < 0.5
    assert len(hops) == 1000 and 6 < hops.mean() < 15
    assert longest_way_ms(work) < work.warm_up_ms
    # Real ranges: a satellite 550 km up, at 25 degrees of elevation or more, is at most 1,124 km away.
    from_site = work.link_from >= 1584
    assert work.delay_ps[from_site].min() / PS_PER_S * 299_792.458 > 550
    assert work.delay_ps[from_site].max() / PS_PER_S * 299_792.458 < 1150


def test_growth_asks_the_same_of_constellations_of_any_size():
    for n_nodes in (100, 1000, 10_000):
        work = workloads.growth(n_nodes)
        load, hops = loads_of(work)
        assert work.n_nodes == n_nodes and len(work.link_from) == 4 * n_nodes
        assert load.max() < 0.8
        assert hops.tolist() == [6] * 200
        assert longest_way_ms(work) < work.warm_up_ms


def test_a_hundred_satellites_are_active_however_many_idle():
    active = []
    for n_nodes in (1000, 40_000):
        work = workloads.idle(n_nodes)
        load, hops = loads_of(work)
        used = np.flatnonzero(load)
        active.append(len(np.union1d(work.link_from[used], work.link_to[used])))
        assert load.max() < 0.1 and hops.tolist() == [9] * 10
        assert longest_way_ms(work) < work.warm_up_ms
    assert active == [100, 100]


def test_a_flapping_link_loses_what_it_serves_or_is_offered_in_ten_microseconds_of_each_millisecond():
    run = workloads.PacketRun(workloads.chain(links=1)._replace(down_ps=10**7), threads=1)
    run.advance(workloads.SLICE_MS)
    run.advance(workloads.SLICE_MS)
    run.engine.close()
    stops = np.arange(2 * workloads.SLICE_MS) * PS_PER_MS + 10**7
    service_ps = 480_000  # 1,500 bytes at 25 Gbps, one right behind the other
    sent = np.arange(0, 2 * workloads.SLICE_MS * PS_PER_MS, service_ps)
    # Lost is whose service a stop cuts off, and who comes before the link is up again.
    lost = (sent[:, None] + service_ps > stops) & (sent[:, None] < stops + 10**7)
    assert run.engine.flow_counters().dropped.sum() == lost.sum() > 40 * 20


def test_a_workload_is_measured_from_its_steady_state_on():
    measured = workloads.run_packets(workloads.chain(links=2)._replace(warm_up_ms=1), least_s=0.01)
    more = measured.more
    assert measured.name == "packets/chain" and measured.unit == "packet-hops/s"
    # Both links are full from 5 ms on, the second idle until then.
    packets_per_s = 25e9 / 12_000
    expected = (more["simulated_s"] + more["simulated_s"] - 0.004) * packets_per_s
    assert more["packet_hops"] == pytest.approx(expected, abs=2)
    assert measured.figure == more["packet_hops"] / measured.wall_s
    assert more["dropped"] == 0
