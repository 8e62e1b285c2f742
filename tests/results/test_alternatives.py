"""Alternatives side by side: what became of their flows."""

import pytest

from lasermesh.results.alternatives import FLOWS, OUTAGES, compare_alternatives
from lasermesh.results.alternatives_text import format_alternatives
from lasermesh.results.layout import LINE, shown_width
from tests.results import work
from tests.results.examples import summary

NONE = {"count": 0, "total_s": 0.0, "longest_s": 0.0, "dropped": 0}


def routing(update, lost_s, loops_s=0.0):
    """What a summary says of outages, black holes at links that are down of so many seconds."""
    holes = {
        "link_down": {"count": 2, "total_s": lost_s, "longest_s": lost_s / 2, "dropped": 2},
        "no_route": NONE,
        "node_down": NONE,
    }
    loops = NONE | {"count": 1, "total_s": loops_s} if loops_s else NONE
    return {"policy": "shortest-delay", "update": update, "black_holes": holes, "micro_loops": loops}


def of_all(made, **changes):
    """The summary with its flows told as those of one `[[flows]]`, some figures of which are changed."""
    group = made["total"] | {"name": "office"} | changes
    return made | {"flow_groups": [group]}


def side_by_side(*alternatives):
    told = [
        {"name": name, "folder": name, "status": "complete", "message": None, "summary": made}
        for name, made in alternatives
    ]
    head = {"experiment": "pencil", "seed": 7, "status": "complete", "simulated_s": 2.0}
    return head | {"alternatives": told, "comparison": compare_alternatives(told)}


def storm():
    """Two ways of routing, of which the second loses a tenth of what the first does."""
    first = summary(routing=routing("central", 20.0))
    lost = {cause: number * 10 for cause, number in first["drops_total"].items()}
    better = summary(routing=routing("link-state", 1.5, 0.5))
    return side_by_side(("slow", of_all(first, dropped=lost, sent=400)), ("fast", of_all(better)))


def table(text, title):
    """Cells of the rows of a table, by their names."""
    lines = text.splitlines()
    (begin,) = (row for row, line in enumerate(lines) if line.startswith(title))
    rows = {}
    for line in lines[begin + 2 :]:
        if not line:
            break
        name, *cells = [cell.strip() for cell in line.split("  ") if cell.strip()]
        rows[name] = cells
    return rows


def test_packets_drops_latencies_and_outages_stand_side_by_side():
    result = storm()
    text = format_alternatives(result)
    assert table(text, "Flows")["slow"][:4] == ["400", "101", "110", "27.50 %"]
    assert table(text, "Flows")["fast"][:4] == ["115", "101", "11", "9.57 %"]
    assert table(text, "Flows")["fast"][4:] == [
        f"{summary()['total']['latency_ms'][what]:.3f}" for what in ("mean", "p50", "p90", "p99")
    ]
    assert table(text, "Dropped packets, by cause") == {"slow": ["90", "20"], "fast": ["9", "2"]}
    assert "queue  link_down\n" in text
    assert table(text, "Outages of flows") == {
        "slow (central)": ["2", "20.000", "0.000", "0.000", "0.000", "20.000"],
        "fast (link-state)": ["3", "1.500", "0.000", "0.000", "0.500", "2.000"],
    }
    ratios = table(text, "Against slow")["fast"]
    assert ratios == ["1.0000 x", "0.1 x", *["1.0000 x"] * 4, "0.1 x"]
    assert "one run of each, all with seed 7: ratios have no confidence intervals; latencies" in text
    assert all(shown_width(line) <= LINE for line in text.splitlines())


def test_the_comparison_holds_the_figures_and_their_ratios():
    slow, fast, *outages = storm()["comparison"]
    assert (slow["alternative"], slow["flows"], slow["kind"], slow["baseline"]) == (
        "slow",
        "office",
        FLOWS,
        False,
    )
    assert slow["ratios"] is None
    assert fast["dropped"] == {"queue": 9, "link_down": 2}
    assert fast["ratios"] == pytest.approx(
        {"delivered": 1.0, "dropped": 0.1, "mean": 1.0, "p50": 1.0, "p90": 1.0, "p99": 1.0}
    )
    assert [(row["kind"], row["update"], row["total_s"]) for row in outages] == [
        (OUTAGES, "central", 20.0),
        (OUTAGES, "link-state", 2.0),
    ]
    assert outages[1]["ratios"] == pytest.approx({"total_s": 0.1, "count": 1.5})
    assert outages[1]["black_holes_s"] == {"link_down": 1.5, "no_route": 0.0, "node_down": 0.0}


def test_several_flows_are_told_one_by_one_and_all_together():
    result = side_by_side(("a", summary()), ("b", summary()))
    names = [(row["alternative"], row["flows"]) for row in result["comparison"]]
    assert names == [(each, name) for each in "ab" for name in ("lone", "office", None)]
    text = format_alternatives(result)
    assert list(table(text, "Flows")) == [
        f"{each}: {name}" for each in "ab" for name in ("lone", "office", "all flows")
    ]
    assert "Outages" not in text
    assert table(text, "Against a")["b: lone"] == ["-"] * 7


def test_of_many_flows_the_text_tells_those_of_all():
    made = summary()
    made["flow_groups"] = [made["flow_groups"][1] | {"name": f"{index}"} for index in range(9)]
    result = side_by_side(("a", made), ("b", made))
    assert len(result["comparison"]) == 20
    assert list(table(format_alternatives(result), "Flows")) == ["a", "b"]


def test_flows_stand_beside_work_without_what_that_sends():
    made = summary(**work.entries(work.scene_totals()), routing=routing("instant", 1.0))
    groups = [made["flow_groups"][1] | {"name": name} for name in ("office", "bent", "bent/reports")]
    made["flow_groups"] = groups
    result = side_by_side(("a", made), ("b", made))
    kinds = [(row["kind"], row.get("flows"), row.get("workload")) for row in result["comparison"]]
    assert kinds == [
        *[(FLOWS, "office", None)] * 2,
        *[(OUTAGES, None, None)] * 2,
        *[("bent-pipe", None, "bent")] * 2,
    ]
    text = format_alternatives(result)
    assert list(table(text, "Flows")) == ["a", "b"]
    assert text.count("Against a") == 2 and "Scenes" in text
    # Of work alone nothing is told as if it were flows.
    made["flow_groups"] = groups[1:]
    only = side_by_side(("a", made), ("b", made))
    assert {row["kind"] for row in only["comparison"]} == {"bent-pipe"}


def test_one_that_left_nothing_has_no_row_and_is_no_baseline():
    result = side_by_side(("a", None), ("b", of_all(summary(routing=routing("instant", 1.0)))))
    (row, outage) = result["comparison"]
    assert (row["baseline"], row["ratios"], outage["baseline"], outage["ratios"]) == (
        False,
        None,
        False,
        None,
    )
    assert "Against" not in format_alternatives(result)
