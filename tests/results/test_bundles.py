from types import SimpleNamespace

import pytest

from lasermesh.bundles.records import BundleDone, BundleHop, StoreState
from lasermesh.packets.causes import CAUSES
from lasermesh.results import RunFolder, format_summary, json_ready, load
from lasermesh.results.alternatives import compare_alternatives
from lasermesh.results.alternatives_text import format_alternatives
from lasermesh.results.bundle_tables import BUNDLE_TABLES
from lasermesh.results.bundles import bundle_entry
from lasermesh.results.figures import BUNDLE_FIGURES, value_of
from lasermesh.results.layout import LINE
from lasermesh.scenario.bundles import ROUTINGS, Bundles
from lasermesh.units import PS_PER_S
from tests.results.examples import NODES, SCENARIO, summary

DELIVERED = BundleDone(
    *(0, "images", 0, 2, PS_PER_S, 10**6, 1, None, "delivered", None),
    *(5 * PS_PER_S + 1, 5 * PS_PER_S, 2, 1, 0, 10**6, 0),
)
LOST = DELIVERED._replace(
    bundle=1, state="lost", cause="expired", expires_ps=9 * PS_PER_S, finished_ps=9 * PS_PER_S
)
STORED = DELIVERED._replace(bundle=2, state="stored", finished_ps=None, predicted_ps=None)
HOP = BundleHop(
    *(0, 0, 10**6, 0, 0, PS_PER_S, 1, 1.5 * PS_PER_S, 2 * PS_PER_S, 3 * PS_PER_S, 4 * PS_PER_S),
    *(2, "forwarded", None),
)


def spec(name, table, start_s=0.0):
    return SimpleNamespace(
        name=name, from_name="Tokyo", to_name="Zürich", table=SimpleNamespace(name=table, start_s=start_s)
    )


def flow(delays_s=(), made=None, **lost):
    made = len(delays_s) + sum(lost.values()) if made is None else made
    return {
        "made": made,
        "delivered": len(delays_s),
        "lost": lost,
        "stored": made - len(delays_s) - sum(lost.values()),
        "on_the_way": 0,
        "bytes_made": 1000 * made,
        "bytes_delivered": 1000 * len(delays_s),
        "delays_ps": [round(delay_s * PS_PER_S) for delay_s in delays_s],
        "hops": 2 * len(delays_s),
        "reroutes": 1,
        "unrouted": 2,
        "split": 0,
        "sent_bytes": 2500 * made,
        "resent_bytes": 500,
    }


def entries(*flows, simulated_s=100.0, **handled):
    experiment = SimpleNamespace(
        bundle_flows=[spec(f"f{row}/Tokyo>Zürich", "fg"[row % 2], float(row)) for row in range(len(flows))],
        bundles=Bundles(**handled),
        topology=SimpleNamespace(node_names=NODES),
    )
    store = {"node": 2, "store_bytes": 10_000, "peak_bytes": 3000, "peak_bundles": 3, "stored_bytes": 0}
    return bundle_entry({"flows": list(flows), "stores": [store]}, experiment, simulated_s)


# -- tables ------------------------------------------------------------------------------------------------


@pytest.fixture
def kept(tmp_path):
    folder = RunFolder.create("pencil", NODES, output=tmp_path / "run", records=BUNDLE_TABLES)
    log = SimpleNamespace(
        bundles=[DELIVERED, LOST, STORED],
        bundle_hops=[HOP, HOP._replace(left_ps=None, next_node=None, outcome="stored")],
        stores=[StoreState(1, 3, 2, 2000)],
    )
    log.take = lambda name: getattr(log, name)
    folder.write_records(log)
    folder.close(summary(), SCENARIO)
    return load(tmp_path / "run")


def test_bundles_come_back_with_times_in_seconds(kept):
    delivered, lost, stored = kept.bundles.to_pylist()
    assert (delivered["flow"], delivered["from"], delivered["to"]) == ("images", NODES[0], NODES[2])
    assert (delivered["delay_s"], delivered["predicted_s"], delivered["priority"]) == (
        4.000000000001,
        5.0,
        "normal",
    )
    assert (lost["cause"], lost["expires_s"], lost["delay_s"]) == ("expired", 9.0, None)
    assert (stored["state"], stored["finished_s"], stored["predicted_s"]) == ("stored", None, None)


def test_stays_at_nodes_tell_how_long_they_were(kept):
    forwarded, stored = kept.bundle_hops.to_pylist()
    assert (forwarded["node"], forwarded["next"], forwarded["stored_s"]) == (NODES[0], NODES[1], 3.0)
    assert (forwarded["first_began_s"], forwarded["began_s"], forwarded["attempts"]) == (1.5, 2.0, 2)
    assert (stored["stored_s"], stored["next"], stored["outcome"]) == (None, None, "stored")
    assert kept.stores.to_pylist() == [
        {"time_s": 1e-12, "node": NODES[3], "bundles": 2, "stored_bytes": 2000}
    ]


def test_every_column_of_a_bundle_is_filled_from_its_record():
    for table, record in zip(BUNDLE_TABLES.values(), (DELIVERED, HOP, StoreState(0, 0, 0, 0)), strict=True):
        assert table.convert([record], NODES).num_rows == 1
        assert table.convert([], NODES).num_rows == 0


# -- summary -----------------------------------------------------------------------------------------------


def test_delays_have_exact_quantiles_over_flows_taken_together():
    found = entries(flow([1.0, 2.0]), flow([3.0, 4.0, 100_000.0]))
    assert found["total"]["delay_s"] == {
        "min": 1.0,
        "mean": 20_002.0,
        "p50": 3.0,
        "p90": 100_000.0,
        "p99": 100_000.0,
        "max": 100_000.0,
    }
    assert found["flows"][1]["delay_s"]["p50"] == 4.0
    assert [group["name"] for group in found["flow_groups"]] == ["f", "g"]


def test_goodput_counts_from_the_first_flow_that_may_make_bundles():
    found = entries(flow([1.0]), flow([1.0]), simulated_s=11.0)
    assert found["flows"][1]["goodput_gbps"] == pytest.approx(8e-6 / 10.0)
    assert found["total"]["goodput_gbps"] == pytest.approx(16e-6 / 11.0)


def test_flows_of_bundles_stand_behind_those_of_packets_and_say_what_they_count():
    found = summary(bundles=entries(flow([2.0], made=4, storage=1, expired=1)))
    assert [each["counts"] for each in found["flows"]] == ["packets"] * 3 + ["bundles"]
    mine = found["flows"][-1]
    assert (mine["sent"], mine["delivered"], mine["in_flight"]) == (4, 1, 1)
    assert mine["sent"] == mine["delivered"] + sum(mine["dropped"].values()) + mine["in_flight"]
    assert set(mine["dropped"]) == set(CAUSES)
    assert mine["latency_ms"]["p50"] == 2000.0
    assert set(mine) == set(found["flows"][0])
    assert found["total"] == summary()["total"]


def test_without_deliveries_there_are_no_delays():
    found = entries(flow(made=2))
    assert found["total"]["delay_s"] is None
    assert found["total"]["hops_mean"] is None
    assert json_ready(found)["flows"][0]["stored"] == 2


def test_figures_of_bundles_are_found_in_the_summary():
    found = json_ready(summary(bundles=entries(flow([2.0, 4.0], made=5, storage=1))))
    values = {figure.name: value_of(figure, found) for figure in BUNDLE_FIGURES}
    assert values == {
        "bundles_delivered_share": 0.4,
        "bundle_delay_mean_s": 3.0,
        "bundle_delay_p50_s": 2.0,
        "bundle_delay_p90_s": 4.0,
        "bundle_delay_max_s": 4.0,
        "bundles_stored": 2,
        "bundles_lost_storage": 1,
        "bundles_lost_expired": 0,
        "bundle_resent_bytes": 500,
    }
    assert all(value_of(figure, summary()) is None for figure in BUNDLE_FIGURES)


# -- text --------------------------------------------------------------------------------------------------


def text_of(*flows, **handled):
    return format_summary(json_ready(summary(bundles=entries(*flows, **handled))))


def test_text_tells_what_came_of_bundles_why_they_were_lost_and_what_was_stored():
    text = text_of(flow([2.0, 7300.0], made=5, storage=1, expired=1), flow([1.0]), routing="spread")
    assert (
        "Routed by spread; 2 changes of route, 0 bundles split; times are of bundles delivered"
        in " ".join(text.split())
    )
    lost = next(row for row, line in enumerate(text.splitlines()) if line.startswith("Lost bundles"))
    assert text.splitlines()[lost + 1].split() == ["storage", "expired"]
    assert text.splitlines()[lost + 2].split()[-2:] == ["1", "1"]
    assert "2.03 h" in text
    assert "Tokyo" in text
    assert "10.0 kB" in text
    assert all(len(line) <= LINE for line in text.splitlines())


@pytest.mark.parametrize("routing", ROUTINGS)
def test_text_names_every_routing(routing):
    assert "Routed by" in text_of(flow([2.0]), routing=routing)


def test_text_of_many_flows_shows_those_of_one_entry_together():
    text = text_of(*(flow([1.0]) for _ in range(30)))
    assert "f, 15 flows" in text
    assert "all bundles" in text


def test_run_of_bundles_alone_has_no_empty_tables_of_packets():
    found = json_ready(summary(bundles=entries(flow([1.0]))))
    found["flows"], found["flow_groups"] = found["flows"][-1:], found["flow_groups"][-1:]
    found["drops_total"] = dict.fromkeys(CAUSES, 0)
    text = format_summary(found)
    assert "Flows: none" not in text
    assert "Latency" not in text
    assert "Drops by cause" not in text


def test_alternatives_show_bundles_as_such():
    runs = [
        {"name": name, "summary": json_ready(summary(bundles=entries(flow([delay_s]))))}
        for name, delay_s in (("best", 2.0), ("spread", 1.0))
    ]
    rows = [row for row in compare_alternatives(runs) if row.get("counts") == "bundles"]
    assert [row["ratios"] and row["ratios"]["mean"] for row in rows] == [None, 0.5]
    result = {
        "experiment": "x", "status": "complete", "seed": 0, "simulated_s": 2.0,
        "comparison": compare_alternatives(runs),
        "alternatives": [
            {**run, "folder": run["name"], "status": "complete", "message": None} for run in runs
        ],
    }  # fmt: skip
    lines = format_alternatives(result).splitlines()
    told = lines.index(next(line for line in lines if line.startswith("Bundles, against best")))
    assert lines[told + 2].split() == ["spread:", "f", "1.0000", "x", *["0.5000", "x"] * 4]
    (best,) = (line for line in lines if line.startswith("  best: f") and line.endswith("2.00 s"))
    assert best.split()[2:6] == ["1", "1", "0", "0"]
