import json
import math

import numpy as np
import pytest

from lasermesh.packets.causes import CAUSES, N_CAUSES
from lasermesh.results import FlowList, LinkTotals, json_ready, summarise, to_json
from lasermesh.results.statistics import flow_statistics, percentile_ps
from tests.results.examples import MS, NODES, counters, flows, intervals, summary, upper_edges_ps


@pytest.mark.parametrize("percent", [1, 50, 90, 99, 100])
def test_percentile_is_the_upper_edge_of_the_bin_of_the_nearest_rank_or_the_longest(percent):
    rng = np.random.default_rng(percent)
    edges = upper_edges_ps()
    for n in (1, 2, 7, 100, 1001):
        latencies = np.sort((10 ** rng.uniform(6, 12, n)).astype(np.int64))
        histogram = np.zeros(len(edges), np.int64)
        np.add.at(histogram, np.searchsorted(edges[:-1], latencies, side="right"), 1)
        true = latencies[math.ceil(n * percent / 100) - 1]
        answer = percentile_ps(histogram, edges, latencies[-1], percent)
        if edges[np.searchsorted(edges, true, side="right")] > latencies[-1]:
            assert answer == latencies[-1]
        else:
            assert answer in edges and true < answer <= true * 1.0101 + 1


def test_percentile_beyond_the_last_edge_is_the_greatest_latency():
    histogram = np.zeros(4, np.int64)
    histogram[3] = 5
    assert percentile_ps(histogram, np.array([1, 2, 3, 4]), 1000, 50) == 1000


def test_no_percentile_is_above_the_greatest_latency():
    assert percentile_ps(np.array([0, 5, 0]), np.array([1000, 2000, 3000]), 1200, 50) == 1200
    one = flow_statistics(counters(), [1], 2.0)["latency_ms"]  # a single packet of 5 ms
    assert one["p50"] == one["p90"] == one["p99"] == one["max"] == 5.0


def test_latency_of_known_packets():
    latency = flow_statistics(counters(), [2], 2.0)["latency_ms"]
    assert list(latency) == ["min", "mean", "p50", "p90", "p99", "max"]
    assert (latency["min"], latency["max"]) == (10.0, 19.9)
    assert latency["mean"] == pytest.approx(14.95, rel=1e-15)
    assert 14.9 <= latency["p50"] <= 14.9 * 1.01
    assert 18.9 <= latency["p90"] <= 18.9 * 1.01
    assert 19.8 <= latency["p99"] <= latency["max"]


def test_mean_latency_survives_sums_beyond_int64():
    many = counters()._replace(latency_sum_ps=[0, 0, 2**70])
    assert flow_statistics(many, [2], 2.0)["latency_ms"]["mean"] == 2**70 / (100 * MS)


def test_what_does_not_exist_is_null():
    nothing = flow_statistics(counters(), [0], 2.0)
    assert nothing["latency_ms"] is nothing["jitter_ms"] is nothing["hops_mean"] is None
    assert nothing["goodput_gbps"] == 0.0
    one = flow_statistics(counters(), [1], 0.0)
    assert one["jitter_ms"] is None  # a single packet differs from none
    assert one["goodput_gbps"] is None  # it was never on
    assert one["latency_ms"]["min"] == one["latency_ms"]["max"] == 5.0


def test_goodput_counts_whole_packets_while_the_flow_was_on():
    # Row 2 is on from second 2 to the end at 12 and delivers 100 packets of 1500 bytes.
    built = summarise("x", 0, "complete", 12.0, flows(), counters(), NODES, LinkTotals(), 0, {})
    assert built["flows"][2]["goodput_gbps"] == pytest.approx(100 * 1500 * 8 / 10.0 / 1e9)


def test_every_flow_conserves_its_packets():
    for flow in summary()["flows"]:
        assert flow["sent"] == flow["delivered"] + sum(flow["dropped"].values()) + flow["in_flight"]


def test_counters_that_lose_packets_are_refused():
    wrong = counters()._replace(sent=np.zeros(3, np.int64))
    with pytest.raises(ValueError, match="of 0 sent"):
        flow_statistics(wrong, [2], 1.0)


def test_group_and_total_join_their_flows():
    built = summary()
    assert [(group["name"], group["flows"]) for group in built["flow_groups"]] == [("lone", 1), ("office", 2)]
    office = built["flow_groups"][1]
    assert office["delivered"] == 101
    assert office["latency_ms"]["min"] == 5.0
    assert office["latency_ms"]["max"] == 19.9
    assert office["latency_ms"]["mean"] == pytest.approx((5 + 14.95 * 100) / 101)
    assert built["total"]["sent"] == sum(flow["sent"] for flow in built["flows"])
    assert built["drops_total"] == built["total"]["dropped"]


def test_summary_has_the_entries_that_scripts_rely_on():
    built = summary()
    assert {"experiment", "seed", "status", "simulated_s", "flows", "links", "engine"} <= set(built)
    flow_entries = (
        "name from to sent delivered in_flight dropped goodput_gbps latency_ms jitter_ms reordered hops_mean"
    )
    for flow in built["flows"]:
        assert set(flow_entries.split()) <= set(flow)
        assert tuple(flow["dropped"]) == CAUSES
    assert built["links"]["count"] == 6
    for link in built["links"]["busiest"]:
        assert {"from", "to", "utilisation", "queue_max_bytes", "dropped"} <= set(link)
    assert set(built["engine"]) == {"packet_hops", "wall_s", "packet_hops_per_s", "compile_s", "threads"}


def test_busiest_links_come_first_by_name():
    busiest = summary()["links"]["busiest"]
    assert [(link["from"], link["to"]) for link in busiest] == [
        ("gen1-00-01", "Zürich"),
        ("Tokyo", "gen1-00-00"),
        ("gen1-00-00", "gen1-00-01"),
    ]
    assert [link["utilisation"] for link in busiest] == [1.0, 0.25, 0.0625]
    assert [link["queue_max_bytes"] for link in busiest] == [4500, 1500, 0]
    assert [link["dropped"] for link in busiest] == [8, 0, 0]


def test_link_totals_do_not_depend_on_how_intervals_are_portioned():
    whole, portions = LinkTotals(), LinkTotals()
    whole.add(intervals())
    for row in range(6):
        portions.add(type(intervals())(*(column[row : row + 1] for column in intervals())))
    assert whole.busiest(2.0, NODES) == portions.busiest(2.0, NODES)
    assert whole.dropped.tolist() == portions.dropped.tolist() == [8] + [0] * (N_CAUSES - 1)
    assert len(whole.busiest(2.0, NODES, n=2)) == 2
    assert LinkTotals().busiest(2.0, NODES) == []


def test_link_is_never_more_than_busy():
    totals = LinkTotals()
    totals.add(intervals())
    assert totals.busiest(0.5, NODES)[0]["utilisation"] == 1.0
    assert totals.busiest(0.0, NODES)[0]["utilisation"] is None


def test_run_without_flows_has_a_summary():
    empty = counters(())
    nobody = FlowList([], [], [], np.zeros(0), np.zeros(0), [])
    built = summarise("x", 0, "complete", 1.0, nobody, empty, NODES, LinkTotals(), 0, {})
    assert built["flows"] == built["flow_groups"] == []
    assert built["total"]["sent"] == 0
    assert built["total"]["goodput_gbps"] is None


def test_json_has_neither_nan_nor_infinity_nor_numpy():
    value = {
        "a": math.nan,
        "b": [math.inf, np.float64(1.5)],
        "c": np.int64(3),
        "d": np.array([1.0, -np.inf]),
        "e": True,
    }
    text = to_json(value)
    assert json.loads(text) == {"a": None, "b": [None, 1.5], "c": 3, "d": [1.0, None], "e": True}
    assert json_ready(("x", np.bool_(True))) == ["x", True]
    assert json.loads(to_json(summary(), indent=None)) == summary()
    assert "Zürich" in to_json(summary())


def test_links_tell_what_was_dropped_and_marked_there():
    links = summary()["links"]
    assert {cause: number for cause, number in links["dropped"].items() if number} == {"queue": 8}
    assert links["marked"] == 4
    assert summary()["total"]["marked"] == sum(flow["marked"] for flow in summary()["flows"]) == 25
