"""What `[observe]` writes: it agrees with the summary, and asking for it changes nothing."""

import ast
import itertools
import re
from collections import defaultdict

import pytest

from lasermesh.cli.docs import topics
from lasermesh.packets.causes import CAUSES
from lasermesh.results.tables import FLOW_TIMES, LATENCY_BINS, NEXT_HOPS, PACKETS, QUEUE
from lasermesh.units import PS_PER_S

SUMMED = ("bytes", "packets", "marked", "busy_s", *(f"dropped_{cause}" for cause in CAUSES))
SERIALIZATION_PS = 12 * 10**9
LIGHT_PS = 4 * 10**9


def observe(**keys):
    """A table `[observe]`."""
    return "[observe]\n" + "".join(f"{key} = {value}\n" for key, value in keys.items())


def by_link(kept):
    """{link: sums of its rows, and the greatest queue}."""
    found = defaultdict(lambda: defaultdict(float))
    for row in kept.links.to_pylist():
        for column in SUMMED:
            found[row["link"]][column] += row[column]
        queue = found[row["link"]]["queue_max_bytes"]
        found[row["link"]]["queue_max_bytes"] = max(queue, row["queue_max_bytes"])
    return found


@pytest.mark.parametrize("every_s", [0.25, 0.3, 1.0, 1.5, 10.0])
def test_a_time_series_adds_up_to_the_same_and_changes_nothing_else(world, every_s):
    options = {"kind": "poisson", "rate_gbps": 0.0012}
    plain, series = world(**options), world(more=observe(links_every_s=every_s), **options)
    for table in ("flows", "paths", "contacts"):
        assert getattr(plain.kept, table).equals(getattr(series.kept, table))
    assert plain.kept.manifest["hashes"]["link_graph"] == series.kept.manifest["hashes"]["link_graph"]
    one, other = by_link(plain.kept), by_link(series.kept)
    assert one.keys() == other.keys()
    for link in one:
        assert other[link] == pytest.approx(one[link])
    rows = series.kept.links.to_pylist()
    starts = {row["t_s"] for row in rows}
    assert starts == {k * every_s for k in range(100) if k * every_s < 4.0}
    assert len({(row["t_s"], row["link"]) for row in rows}) == len(rows)
    assert all(0 <= row["busy_s"] <= every_s + 1e-12 for row in rows)
    assert [row["t_s"] for row in rows] == sorted(row["t_s"] for row in rows)
    for a, b in zip(plain.summary["links"]["busiest"], series.summary["links"]["busiest"], strict=True):
        assert a == pytest.approx(b)


def test_the_load_that_routing_sees_is_that_of_the_last_step_whatever_is_observed(world, tmp_path):
    (tmp_path / "busy.py").write_text(
        "from lasermesh.routing.policies import shortest_delay\n"
        "seen = []\n"
        "def policy(snapshot):\n"
        "    import json, pathlib\n"
        "    path = pathlib.Path(__file__).with_name('load.jsonl')\n"
        "    load = None if snapshot.load is None else snapshot.load.tolist()\n"
        "    with path.open('a') as file:\n"
        "        file.write(json.dumps(load) + chr(10))\n"
        "    return shortest_delay(snapshot)\n"
    )
    seen = []
    for more in ("", observe(links_every_s=0.3)):
        world(more=f'[routing]\npolicy = "{tmp_path}/busy.py:policy"\n' + more)
        seen.append((tmp_path / "load.jsonl").read_text())
        (tmp_path / "load.jsonl").unlink()
    assert seen[0] == seen[1] and seen[0].count("\n") == 4 and "0.89" in seen[0]


def events_by_packet(kept):
    found = defaultdict(list)
    for row in kept.packets.to_pylist():
        found[row["flow"], row["sequence"]].append(row)
    return found


SECOND_FLOW = """
[[flows]]
name = "other"
from = "Quito"
to = "Lima"
rate_gbps = 0.0002
packet_bytes = 1500
"""


def test_a_traced_packet_has_its_hops_in_order_and_at_their_instants(world):
    done = world(
        rate_gbps=0.0005, left_stop_s=1e9, more=observe(trace_flows='["data"]'), sets=["flows.data.phase_s=0"]
    )
    first = events_by_packet(done.kept)[0, 0]
    assert [(row["event"], row["node"], row["hop"]) for row in first] == [
        ("left", "Quito", 1),
        ("arrived", "left", 1),
        ("left", "left", 2),
        ("arrived", "Lima", 2),
        ("delivered", "Lima", 2),
    ]
    instants = [SERIALIZATION_PS, LIGHT_PS, SERIALIZATION_PS, LIGHT_PS, 0]
    assert [row["time_ps"] for row in first] == [sum(instants[: k + 1]) for k in range(5)]
    ids = {row["link"]: (row["from"], row["to"]) for row in done.kept.links.to_pylist()}
    assert [ids.get(row["link"]) for row in first] == [
        *[("Quito", "left")] * 2,
        *[("left", "Lima")] * 2,
        None,
    ]
    assert {row["size_bytes"] for row in first} == {1500} and {row["created_ps"] for row in first} == {0}


def test_traces_agree_with_the_counters_and_hold_what_was_asked_for_alone(world):
    options = {"kind": "poisson", "rate_gbps": 0.0011, "seed": 5}
    options["more"] = SECOND_FLOW + observe(trace_flows='["data"]') + "[packets]\nqueue_packets = 3\n"
    done = world(**options)
    flow = done.summary["flows"][0]
    rows = done.kept.packets.to_pylist()
    assert {row["flow"] for row in rows} == {0}
    times = [row["time_ps"] for row in rows]
    assert times == sorted(times) and times[-1] < 4 * PS_PER_S
    assert sum(row["event"] == "delivered" for row in rows) == flow["delivered"]
    for cause in CAUSES:
        found = sum(row["event"] == "dropped" and row["cause"] == cause for row in rows)
        assert found == flow["dropped"][cause]
    assert flow["dropped"]["queue"] > 0
    latencies_ps = [row["time_ps"] - row["created_ps"] for row in rows if row["event"] == "delivered"]
    assert sum(latencies_ps) / len(latencies_ps) / 1e9 == pytest.approx(flow["latency_ms"]["mean"])
    for events in events_by_packet(done.kept).values():
        for before, after in itertools.pairwise(events):
            assert before["time_ps"] <= after["time_ps"] and before["hop"] <= after["hop"]
            assert before["event"] not in ("delivered", "dropped")
            if after["event"] == "arrived":
                assert (before["event"], before["link"]) == ("left", after["link"])
    assert world(threads=2, **options).kept.packets.equals(done.kept.packets)
    untraced = world(**(options | {"more": SECOND_FLOW + "[packets]\nqueue_packets = 3\n"}))
    for table in ("flows", "links", "paths"):
        assert getattr(untraced.kept, table).equals(getattr(done.kept, table))
    assert untraced.kept.packets is None


def test_a_queue_is_written_down_whenever_it_changes(world):
    more = observe(queue_of='["Quito", "left"]') + "[packets]\nqueue_packets = 3\n"
    done = world(kind="poisson", rate_gbps=0.0011, more=more)
    rows = done.kept.queue.to_pylist()
    assert {(row["from"], row["to"]) for row in rows} == {("Quito", "left")}
    assert all(row["waiting_bytes"] == 1500 * row["waiting_packets"] for row in rows)
    times = [row["time_ps"] for row in rows]
    assert times == sorted(times)
    lengths = [0, *(row["waiting_packets"] for row in rows)]
    # Each change is of one packet, but where the satellite sets and all that wait are lost at once.
    changes = [b - a for a, b in itertools.pairwise(lengths)]
    assert set(changes[:-1]) == {1, -1} and max(lengths) == 3
    of_link = [row for row in done.kept.links.to_pylist() if (row["from"], row["to"]) == ("Quito", "left")]
    assert max(row["waiting_bytes"] for row in rows) == max(row["queue_max_bytes"] for row in of_link)
    assert done.kept.packets is None


def test_a_capture_beside_a_trace_holds_what_it_would_hold_alone(world):
    """Of another flow, and of all, where the capture watches ports that the trace does too."""
    options = {"kind": "poisson", "more": SECOND_FLOW, "capture": "Lima:left"}
    alone = world(**options)
    options["more"] += observe(trace_flows='["data"]', queue_of='[["Quito", "left"]]')
    both = world(**options)
    digests = [done.kept.manifest["files"]["capture.pcapng"]["sha256"] for done in (alone, both)]
    assert digests[0] == digests[1]
    assert both.kept.packets.num_rows > 100 and both.kept.queue.num_rows > 0
    assert {row["flow"] for row in both.kept.packets.to_pylist()} == {0}


def test_the_example_of_the_documentation_reads_a_run(world, monkeypatch, tmp_path, capsys):
    (example,) = re.findall(r"```python\n(.*?)```", topics()["observation"], re.DOTALL)
    more = observe(trace_flows='"data"', queue_of='["Quito", "left"]') + "[packets]\nqueue_packets = 3\n"
    done = world(kind="poisson", rate_gbps=0.0011, more=more, output=tmp_path / "runs" / "observed")
    monkeypatch.chdir(tmp_path)
    capsys.readouterr()
    exec(example, {})
    slowest, lost, longest = capsys.readouterr().out.splitlines()
    (flow,) = done.summary["flows"]
    slowest_ms = float(slowest.removeprefix("slowest packet: ").removesuffix(" ms"))
    assert slowest_ms == pytest.approx(flow["latency_ms"]["max"])
    dropped = dict.fromkeys(CAUSES, 0)
    for row in ast.literal_eval(lost):
        dropped[row["cause"]] += row["packets_sum"]
    assert dropped == flow["dropped"] and dropped["queue"] > 0
    assert ast.literal_eval(longest) == [{"from": "Quito", "to": "left", "waiting_bytes_max": 4500}]


def test_the_documentation_names_the_columns_of_observed_tables():
    named = re.findall(r"^\| (`.*?`) \|", topics()["observation"], re.MULTILINE)
    columns = [column for cell in named for column in re.findall(r"`(\w+)`", cell)]
    tables = *FLOW_TIMES, *LATENCY_BINS, *PACKETS, *QUEUE, *NEXT_HOPS
    names = ["dropped_CAUSE" if "dropped_" in column.name else column.name for column in tables]
    assert columns == [name for name, _ in itertools.groupby(names)]
