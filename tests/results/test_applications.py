"""What the summary says of bulk transfers and services, from the counters of the engine."""

import numpy as np
import pytest

from lasermesh.packets.counters import PoolCounters
from lasermesh.packets.state import NEVER
from lasermesh.results import Services, Transfers, service_entries, transfer_entries
from lasermesh.units import PS_PER_MS, PS_PER_S
from tests.results.examples import counters, flows


def test_a_transfer_is_complete_when_the_last_segment_has_come():
    given = counters()._replace(
        sent=np.array([0, 15, 12]),
        unique_packets=np.array([0, 10, 8]),
        unique_bytes=np.array([0, 15_000, 12_000]),
        duplicates=np.array([0, 2, 1]),
        complete_ps=np.array([NEVER, 2 * PS_PER_S, NEVER]),
        done_ps=np.array([NEVER, 5 * PS_PER_S // 2, NEVER]),
    )
    transfers = Transfers(np.array([1, 2]), np.array([15_000, 15_000]))
    whole, part = transfer_entries(transfers, flows(), given, 4 * PS_PER_S)
    assert whole == {
        "name": "office/Tokyo>Zürich",
        "from": "Tokyo",
        "to": "Zürich",
        "total_bytes": 15_000,
        "unique_bytes": 15_000,
        "complete_s": 2.0,
        "done_s": 2.5,
        "sent": 15,
        "unique_packets": 10,
        "retransmissions": 5,
        "duplicates": 2,
    }
    assert part["complete_s"] is part["done_s"] is part["retransmissions"] is None
    assert (part["sent"], part["unique_bytes"]) == (12, 12_000)


def test_a_service_tells_waits_of_what_it_accepted_and_how_busy_its_servers_were():
    pools = PoolCounters(
        arrived=np.array([100, 0]),
        refused=np.array([20, 0]),
        served=np.array([75, 0]),
        waited=np.array([40, 0]),
        wait_sum_ps=np.array([160 * PS_PER_MS, 0]),
        busy_ps=np.array([4 * PS_PER_S, 0]),
    )
    services = Services(["queries", "queries"], ["Tokyo", "Zürich"], np.array([2, 3]))
    busy, idle = service_entries(services, pools, 4.0)
    assert busy == {
        "flows": "queries",
        "node": "Tokyo",
        "servers": 2,
        "arrived": 100,
        "refused": 20,
        "served": 75,
        "wait_mean_ms": 2.0,
        "waited": 0.5,
        "utilisation": pytest.approx(0.5),
    }
    assert idle["wait_mean_ms"] is idle["waited"] is None and idle["utilisation"] == 0.0
    assert service_entries(services, pools, 0.0)[0]["utilisation"] is None


def test_sums_of_a_service_may_be_larger_than_64_bits():
    """Ten million requests that wait 10^6 s each: Python ints, whatever holds them."""
    n, each_s = 10**7, 10**6
    row = np.array([n], np.int64), np.array([0]), np.array([n]), np.array([n])
    for sums in ([n * each_s * PS_PER_S], np.array([n * each_s * PS_PER_S], object)):
        services = Services(["queries"], ["Tokyo"], np.array([10_000]))
        (entry,) = service_entries(services, PoolCounters(*row, sums, sums), 2e9)
        assert entry["wait_mean_ms"] == pytest.approx(1e9)
        assert entry["utilisation"] == pytest.approx(0.5)
