"""Runs with queues that mark and drop, links that err, nodes that take time, and flows that are answered."""

import pytest

from lasermesh.results import format_summary
from tests.experiments.test_faulty_runs import fault

BEFORE = {"left_stop_s": 1e9, "rate_gbps": 0.0005}
LIGHT_MS = 4.0
SERIALIZATION_MS = 12.0

OTHER = """
[[flows]]
name = "{name}"
kind = "{kind}"
from = "Quito"
to = "Lima"
"""


def table(name, kind, **keys):
    """A second flow."""
    return OTHER.format(name=name, kind=kind) + "".join(f"{key} = {value}\n" for key, value in keys.items())


def flow_of(done, name):
    return next(flow for flow in done.summary["flows"] if flow["name"] == name)


def test_processing_delays_what_reaches_a_node(world):
    more = "[packets]\nsatellite_processing_s = 0.001\nground_processing_s = 0.0001\n"
    done = world(more=more, **BEFORE)
    latency = done.summary["flows"][0]["latency_ms"]
    expected = 2 * (LIGHT_MS + SERIALIZATION_MS) + 1.0 + 0.1
    assert latency["min"] == latency["max"] == pytest.approx(expected)


def test_marks_are_counted_where_they_are_made_and_where_they_arrive(world):
    """More than a link carries: all that join a queue of two or more are marked, if they may be."""
    queue = '[packets]\nqueue = "ecn-threshold"\necn_threshold_packets = 1\nqueue_packets = 5\n'
    options = {"left_stop_s": 1e9, "rate_gbps": 0.0012}
    done = world(more=queue, sets=["flows.data.ecn=true"], **options)
    (flow,) = done.summary["flows"]
    links = done.summary["links"]
    assert 0 < flow["marked"] <= links["marked"] <= flow["marked"] + flow["in_flight"] + 5
    rows = done.kept.links.to_pylist()
    assert {(row["from"], row["to"]) for row in rows if row["marked"]} == {("Quito", "left")}
    assert sum(row["marked"] for row in rows) == links["marked"]
    assert done.kept.flows["marked"].to_pylist() == [flow["marked"]]
    assert "Congestion marks (ECN):" in format_summary(done.summary)
    plain = world(more=queue, **options)
    assert plain.summary["flows"][0]["marked"] == plain.summary["links"]["marked"] == 0
    assert plain.summary["flows"][0]["sent"] == flow["sent"]


def test_early_drops_and_bit_errors_are_told_at_their_links(world):
    more = '[packets]\nqueue = "codel"\nqueue_packets = 100\nbit_error_rate = 1e-6\n'
    done = world(more=more, left_stop_s=1e9, rate_gbps=0.0015)
    (flow,) = done.summary["flows"]
    assert flow["dropped"]["early"] > 0 and flow["dropped"]["bit_error"] > 0 == flow["dropped"]["queue"]
    for cause in ("early", "bit_error"):
        rows = [row for row in done.kept.links.to_pylist() if row[f"dropped_{cause}"]]
        assert sum(row[f"dropped_{cause}"] for row in rows) == flow["dropped"][cause]
        assert done.summary["links"]["dropped"][cause] == flow["dropped"][cause]
    assert flow["sent"] == flow["delivered"] + flow["in_flight"] + sum(flow["dropped"].values())


def test_one_rule_for_a_link_reaches_that_link_alone(world):
    more = '[[queues]]\nfrom = "left"\nto = "Lima"\nboth_ways = false\nbit_error_rate = 1e-5\n'
    done = world(more=more, **BEFORE)
    rows = [row for row in done.kept.links.to_pylist() if row["dropped_bit_error"]]
    assert {(row["from"], row["to"]) for row in rows} == {("left", "Lima")}
    lost = done.summary["flows"][0]["dropped"]["bit_error"]
    # Of a packet of 12,000 bits each is wrong once in 100,000: 11 % of 166 packets.
    assert 5 < lost < 40


def test_a_bulk_transfer_is_over_when_its_last_segment_has_come(world):
    """Ten segments, one every 24 ms; an acknowledgement of 64 bytes takes 0.512 ms onto each link."""
    done = world(
        more=table("backup", "bulk", total_bytes=15_000, rate_gbps=0.0005, window_packets=100),
        sets=["flows.data.start_s=3.999"],
        **BEFORE,
    )
    way_ms, back_ms = 2 * (LIGHT_MS + SERIALIZATION_MS), 2 * (LIGHT_MS + 0.512)
    (transfer,) = done.summary["transfers"]
    assert transfer == {
        "name": "backup",
        "from": "Quito",
        "to": "Lima",
        "total_bytes": 15_000,
        "unique_bytes": 15_000,
        "complete_s": pytest.approx((9 * 24 + way_ms) / 1e3),
        "done_s": pytest.approx((9 * 24 + way_ms + back_ms) / 1e3),
        "sent": 10,
        "unique_packets": 10,
        "retransmissions": 0,
        "duplicates": 0,
    }
    ack = flow_of(done, "backup/ack")
    assert (ack["sent"], ack["delivered"], ack["from"], ack["to"]) == (10, 10, "Lima", "Quito")
    assert ack["latency_ms"]["mean"] == pytest.approx(way_ms + back_ms)
    assert {group["name"] for group in done.summary["flow_groups"]} == {"data", "backup", "backup/ack"}
    assert "Bulk transfers: 1 of 1 complete, the last one after 0.248 s" in format_summary(done.summary)


def test_what_a_failure_took_is_sent_again(world):
    """Those sent at 72, 96, 120 and 144 ms."""
    done = world(
        more=table("backup", "bulk", total_bytes=15_000, rate_gbps=0.0005)
        + fault(link=["Quito", "left"], at_s=0.061, repair_s=0.15, both_ways="false"),
        sets=["flows.data.start_s=3.999"],
        **BEFORE,
    )
    (transfer,) = done.summary["transfers"]
    assert flow_of(done, "backup")["dropped"]["link_down"] == 4
    assert (transfer["sent"], transfer["retransmissions"], transfer["duplicates"]) == (14, 4, 0)
    assert transfer["unique_bytes"] == 15_000 and transfer["complete_s"] > 0.248


def test_a_transfer_that_the_end_cuts_is_not_complete(world):
    done = world(more=table("backup", "bulk", total_bytes=10**9, rate_gbps=0.0001), **BEFORE)
    (transfer,) = done.summary["transfers"]
    assert transfer["complete_s"] is transfer["done_s"] is transfer["retransmissions"] is None
    assert 0 < transfer["unique_bytes"] == 1500 * transfer["unique_packets"] < 10**9
    assert "0 of 1 complete" in format_summary(done.summary)


def test_a_service_answers_each_request_it_accepts(world):
    """A reply of 3000 bytes is two packets; the server is at work half of the time."""
    done = world(
        more=table(
            "query",
            "request",
            requests_per_s=25.0,
            packet_bytes=100,
            response_bytes=3000,
            service_s=0.02,
            service='"constant"',
        ),
        sets=["flows.data.start_s=3.999"],
        **BEFORE,
    )
    (service,) = done.summary["services"]
    request, reply = flow_of(done, "query"), flow_of(done, "query/reply")
    assert (service["flows"], service["node"], service["servers"]) == ("query", "Lima", 1)
    assert service["arrived"] == request["delivered"] > 50 and service["refused"] == 0
    assert reply["sent"] == 2 * service["served"] and service["arrived"] - service["served"] < 5
    # What is in service at the end counts until then, what waits not at all.
    assert service["served"] * 0.02 / 4.0 <= service["utilisation"] * (1 + 1e-9)
    assert service["utilisation"] <= min(service["served"] + 1, service["arrived"]) * 0.02 / 4.0 * (1 + 1e-9)
    # M/D/1 at half load: a request waits half a service time on average, and every second one waits.
    assert 2.0 < service["wait_mean_ms"] < 30.0 and 0.2 < service["waited"] < 0.8
    assert reply["latency_ms"]["min"] > request["latency_ms"]["min"] + 20.0
    assert "query at Lima" in format_summary(done.summary)


def test_a_service_without_room_refuses(world):
    keys = {"requests_per_s": 100.0, "response_bytes": 100, "packet_bytes": 100, "service_s": 0.1}
    done = world(
        more=table("query", "request", queue_requests=0, servers=2, **keys),
        sets=["flows.data.start_s=3.999"],
        **BEFORE,
    )
    (service,) = done.summary["services"]
    assert service["refused"] > 100 and service["waited"] == 0.0 and service["wait_mean_ms"] == 0.0
    assert flow_of(done, "query/reply")["sent"] == service["served"]


def test_answers_are_the_same_on_any_number_of_threads(world):
    more = (
        table("query", "request", requests_per_s=50.0, response_bytes=3000, service_s=0.01)
        + table("backup", "bulk", total_bytes=10**6, rate_gbps=0.0005)
        + table("bursts", "on-off", rate_gbps=0.0005, on_s=0.1, off_s=0.1, ecn="true")
        + '[packets]\nqueue = "ecn-threshold"\necn_threshold_packets = 2\n'
        + "classes = 2\nbit_error_rate = 1e-6\n"
        + fault(nodes='["left", "right"]', mtbf_s=1.0, mttr_s=0.1)
        + '[observe]\nlinks_every_s = 0.1\ntrace_flows = "all"\nqueue_of = ["Quito", "left"]\n'
    )
    one, two = (world(more=more, threads=threads, rate_gbps=0.0001) for threads in (1, 2))
    for name in ("flows", "links", "paths", "contacts", "packets", "queue"):
        assert getattr(one.kept, name).equals(getattr(two.kept, name))
    for key in ("transfers", "services", "faults", "total"):
        assert one.summary[key] == two.summary[key]
    for flow in one.summary["flows"]:
        assert flow["sent"] == flow["delivered"] + flow["in_flight"] + sum(flow["dropped"].values())
    assert one.summary["drops_total"]["node_down"] > 0
