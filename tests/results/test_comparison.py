"""Comparisons without running anything: figures of summaries, differences, text, tables, folders."""

import copy
import json

import pyarrow.parquet as pq
import pytest

from lasermesh.errors import UserError
from lasermesh.results.comparison import (
    compare_combinations,
    held,
    open_folder,
    read_comparison,
    write_comparison,
    write_tables,
)
from lasermesh.results.comparison_text import format_comparison
from lasermesh.results.figures import FIGURES, Figure, figure_of, figures_of, value_of
from lasermesh.results.layout import LINE
from lasermesh.scenario.options import parse_option
from lasermesh.scenario.problems import Report
from tests.results import work
from tests.results.examples import summary

LATENCY = Figure("latency_mean_ms", "ms", ("total", "latency_ms", "mean"), "mean latency")
LOST = Figure("dropped_queue", "packets", ("total", "dropped", "queue"), "packets dropped: queue")


def of(latency, lost):
    return {"latency_mean_ms": latency, "dropped_queue": lost}


POINTS = [
    {1: of(10.0, 0), 2: of(20.0, 0), 3: of(30.0, 0)},
    {1: of(11.0, 4), 2: of(22.0, None), 3: of(33.0, 6), 4: of(99.0, 5)},
    {2: of(None, 0)},
]


def test_differences_pair_the_runs_of_a_seed_that_both_have():
    first, second, third = compare_combinations(POINTS, [0, 0, 0], [LATENCY, LOST])
    assert first["latency_mean_ms"]["difference"] is None  # it is the baseline
    assert (second["latency_mean_ms"]["n"], second["latency_mean_ms"]["mean"]) == (4, 41.25)
    latency, lost = second["latency_mean_ms"]["difference"], second["dropped_queue"]["difference"]
    assert (latency["pairs"], latency["mean"], latency["excludes_zero"]) == (3, 2.0, False)
    assert (latency["low"], latency["high"]) == pytest.approx((2 - 2.48414, 2 + 2.48414), abs=1e-5)
    # Two pairs, 4 and 6: t of one degree is 12.706, the deviation sqrt(2): 5 -+ 12.706.
    assert (lost["pairs"], lost["mean"]) == (2, 5.0)
    assert (lost["low"], lost["high"]) == pytest.approx((5 - 12.7062, 5 + 12.7062), abs=1e-4)
    assert third["latency_mean_ms"] == {
        "n": 0,
        "mean": None,
        "low": None,
        "high": None,
        "difference": {"pairs": 0, "mean": None, "low": None, "high": None, "excludes_zero": None},
    }
    assert third["dropped_queue"]["difference"]["excludes_zero"] is None  # one pair has no interval


def test_every_combination_has_its_own_baseline():
    _, second, _ = compare_combinations(POINTS, [0, 1, 1], [LATENCY])
    assert second["latency_mean_ms"]["difference"] is None
    first, _, _ = compare_combinations(POINTS, [1, 1, 1], [LATENCY])
    assert first["latency_mean_ms"]["difference"]["mean"] == -2.0


def test_figures_are_numbers_of_the_summary():
    built = summary()
    total = built["total"]
    found = {figure.name: value_of(figure, built) for figure in FIGURES}
    assert found["delivered_share"] == total["delivered"] / total["sent"]
    assert found["latency_p99_ms"] == total["latency_ms"]["p99"]
    assert found["dropped_queue"] == total["dropped"]["queue"] > 0
    assert found["utilisation_max"] == max(link["utilisation"] for link in built["links"]["busiest"])
    assert found["handovers"] is None  # which this summary does not tell
    nothing = built | {"total": total | {"sent": 0, "latency_ms": None}, "links": {"busiest": []}}
    for name in ("delivered_share", "latency_p99_ms", "utilisation_max"):
        assert value_of(figure_of(name, ()), nothing) is None


@pytest.mark.parametrize(
    ("path", "unit"),
    [
        (("total", "latency_ms", "p99"), "ms"),
        (("flows", "lone/Tokyo>Zürich", "goodput_gbps"), "Gbps"),
        (("flows", 0, "dropped", "queue"), ""),
        (("links", "marked"), ""),
    ],
)
def test_a_path_leads_to_a_number_of_the_summary_and_tells_its_unit(path, unit):
    built = summary()
    figure = figure_of("mine", path)
    assert figure.unit == unit
    assert value_of(figure, built) is not None


@pytest.mark.parametrize(
    "path", [("total",), ("status",), ("flows", "nobody", "sent"), ("flows", 99, "sent"), ("total", "x", "y")]
)
def test_what_is_no_number_is_none(path):
    assert value_of(figure_of("mine", path), summary()) is None


def test_work_is_compared_by_the_times_of_its_kind():
    entries = [
        work.scene_totals(unfinished_share=0.1),
        work.request_totals(name="chat.2", unfinished_share=0.0),
        work.training_totals(),
    ]
    kinds = {entry["name"]: {entry["kind"]} for entry in entries} | {"bent": {"bent-pipe", "on-board"}}
    figures = {figure.name: figure for figure in figures_of(kinds, has_packets=False)}
    assert {name: value_of(figure, {"workloads": entries}) for name, figure in figures.items()} == {
        "workloads.bent.insight_s.mean": work.INSIGHT_S["mean"],
        "workloads.bent.insight_s.p50": 300.0,
        "workloads.bent.insight_s.p90": 5400.0,
        "workloads.bent.unfinished_share": 0.1,
        "workloads.bent.delivered_bytes": 1_500_000_000,
        'workloads."chat.2".first_token_s.p50': 0.25,
        'workloads."chat.2".first_token_s.p90': 0.5,
        'workloads."chat.2".last_token_s.p50': 3.0,
        'workloads."chat.2".unfinished_share': 0.0,
        "workloads.train.step_s.p50": entries[2]["step_s"]["p50"],
        "workloads.train.communication_share": entries[2]["communication_share"],
    }
    assert [figure.unit for figure in figures.values()][:5] == ["s", "s", "s", "", "bytes"]
    # Each name is the path that leads to the same.
    assert all(parse_option(f"{name}=0", Report()).path == figure.path for name, figure in figures.items())


def comparison(by_combination=POINTS, **changes):
    figures = [LATENCY, LOST]
    policies = ["shortest-delay", "fewest-hops", "mine.py:one"]
    built = {
        "program": "lasermesh",
        "experiment": "pencil",
        "status": "complete",
        "vary": [
            {"path": "routing.policy", "values": policies},
            {"path": "packets.scale", "values": [1, 0.5]},
        ],
        "seeds": [1, 2, 3, 4],
        "baseline": {"routing.policy": "shortest-delay"},
        "metrics": [{"name": f.name, "unit": f.unit, "meaning": f.meaning} for f in figures],
        "points": [
            {
                "values": {"routing.policy": policy, "packets.scale": 0.5},
                "seed": seed,
                "status": "complete",
                "folder": f"{policy}-{seed}",
                "message": None,
                "reused": seed == 1,
                "metrics": metrics,
            }
            for policy, by_seed in zip(policies, by_combination, strict=True)
            for seed, metrics in by_seed.items()
        ],
        "combinations": [
            {"values": {"routing.policy": policy, "packets.scale": 0.5}, "baseline": 0, "metrics": entry}
            for policy, entry in zip(
                policies, compare_combinations(by_combination, [0, 0, 0], figures), strict=True
            )
        ],
    }
    return copy.deepcopy(built) | changes


def test_text_shows_means_differences_and_what_they_are_to():
    text = format_comparison(comparison())
    lines = text.splitlines()
    assert lines[0] == "pencil: complete, 3 combinations x 4 seeds, 2 of them from before"
    # Of 11, 22, 33, 99 the deviation is 39.53, t of three degrees 3.18245: 62.91.
    row = next(line for line in lines if line.startswith("  policy=fewest-hops scale=0.5"))
    assert row.split()[2:] == ["41.25", "62.91", "4", "+2.000", "2.484", "no"]
    assert "  policy=shortest-delay scale=0.5  20.00" in text and "baseline" in text
    assert "routing.policy = shortest-delay and otherwise the same values" in " ".join(text.split())
    assert max(map(len, lines)) <= LINE


def test_text_names_points_that_failed_and_metrics_that_do_not_differ():
    built = comparison()
    built["points"][1] |= {"status": "failed", "message": "its process was killed"}
    same = [{1: of(10.0, None)}, {1: of(10.0, None)}, {}]
    text = format_comparison(comparison(same, points=built["points"], seeds=[1], status="failed"))
    assert "  shortest-delay-2: its process was killed" in text
    assert "In no run: dropped_queue" in text
    assert "With one seed there are no intervals" in text
    same[2] = same[0]
    assert "The same in all runs: latency_mean_ms 10\n" in format_comparison(comparison(same))


def test_a_combination_without_any_finished_run_does_not_make_metrics_differ_and_failures_come_first():
    built = comparison()
    built["points"][-1] |= {"status": "failed", "message": "its process was killed"}
    lame = [{1: of(10.0, 1)}, {1: of(10.0, 2)}, {}]
    text = format_comparison(comparison(lame, points=built["points"], status="failed"))
    assert "The same in all runs: latency_mean_ms 10\n" in text
    assert 0 < text.index("its process was killed") < text.index("  policy=fewest-hops")


def test_keys_of_tables_that_are_varied_are_told_one_by_one():
    built = comparison()
    routing = [{"policy": "shortest-delay"}, {"policy": "k-disjoint", "options": {"k": 3}}]
    built["vary"] = [{"path": "routing", "values": routing}]
    built["baseline"] = {"routing": routing[1]}
    built["combinations"] = [
        entry | {"values": {"routing": value}}
        for entry, value in zip(built["combinations"], routing, strict=False)
    ]
    text = format_comparison(built)
    assert "\n  policy=shortest-delay  " in text and "\n  policy=k-disjoint options.k=3  " in text
    assert "with routing.policy = k-disjoint, routing.options.k = 3, run by run" in " ".join(text.split())


def test_text_shows_forty_combinations_of_each_metric():
    built = comparison()
    built["combinations"] = [built["combinations"][0]] + 40 * [built["combinations"][1]]
    text = format_comparison(built)
    assert sum(line.startswith("  policy=fewest-hops") for line in text.splitlines()) == 2 * 39
    assert text.count("... and 1 more, see differences.parquet") == 2


def test_text_of_a_comparison_without_finished_runs_says_only_that():
    points = [
        point | {"metrics": None, "status": "waiting", "reused": False} for point in comparison()["points"]
    ]
    text = format_comparison(comparison([{}, {}, {}], points=points, status="interrupted"))
    assert text.splitlines()[0] == "pencil: interrupted, 3 combinations x 4 seeds, 0 of 8 points complete"
    assert len(text.splitlines()) == 2


def test_tables_hold_every_number_with_its_unit(tmp_path):
    built = comparison()
    write_tables(tmp_path, built)
    points = pq.read_table(tmp_path / "points.parquet")
    assert len(points) == 8
    assert points.schema.field("latency_mean_ms").metadata[b"unit"] == b"ms"
    assert str(points.schema.field("packets.scale").type) == "double"
    assert points.to_pylist()[1] == {
        "routing.policy": "shortest-delay",
        "packets.scale": 0.5,
        "seed": 2,
        "status": "complete",
        "folder": "shortest-delay-2",
        "latency_mean_ms": 20.0,
        "dropped_queue": 0.0,
    }
    differences = pq.read_table(tmp_path / "differences.parquet").to_pylist()
    assert len(differences) == 6  # combinations x metrics
    (row,) = (
        row
        for row in differences
        if (row["routing.policy"], row["metric"]) == ("fewest-hops", "latency_mean_ms")
    )
    assert (row["unit"], row["runs"], row["mean"], row["pairs"]) == ("ms", 4, 41.25, 3)
    assert (row["difference_mean"], row["difference_excludes_zero"]) == (2.0, False)
    of_baseline = next(row for row in differences if row["routing.policy"] == "shortest-delay")
    assert of_baseline["pairs"] is None and of_baseline["difference_mean"] is None


def test_values_that_no_column_could_hold_together_become_text(tmp_path):
    built = comparison()
    built["vary"][1]["values"] = [[1, 2], "all"]
    for number, point in enumerate(built["points"]):
        point["values"]["packets.scale"] = [1, 2] if number else "all"
    write_tables(tmp_path, built | {"combinations": []})
    column = pq.read_table(tmp_path / "points.parquet").column("packets.scale").to_pylist()
    assert column[:2] == ["all", "[1, 2]"]


def test_a_folder_of_other_things_or_a_damaged_comparison_is_refused(tmp_path):
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter1.txt").write_text("years of work")
    with pytest.raises(UserError, match=r'holds other things \("chapter1.txt"\)'):
        read_comparison(tmp_path / "thesis")
    with pytest.raises(UserError, match="this is a file"):
        read_comparison(tmp_path / "thesis" / "chapter1.txt")
    (tmp_path / "old").mkdir()
    assert read_comparison(tmp_path / "old") is None and read_comparison(tmp_path / "none") is None
    for text in ("{", "[]", json.dumps({"program": "other", "points": []})):
        (tmp_path / "old" / "comparison.json").write_text(text)
        with pytest.raises(UserError, match="damaged, or not of lasermesh"):
            read_comparison(tmp_path / "old")
    write_comparison(tmp_path / "old", comparison())
    assert read_comparison(tmp_path / "old") == json.loads(json.dumps(comparison()))


def test_folders_are_numbered_and_held_by_one_comparison(tmp_path):
    first, second = (open_folder(None, "a b", tmp_path / "runs") for _ in range(2))
    assert (first.name, second.name) == ("a-b-compare", "a-b-compare-2")
    pytest.importorskip("fcntl")
    with held(first):
        with pytest.raises(UserError, match="another lasermesh compare is at work"), held(first):
            pass
        with held(second):
            pass
    with held(first):
        pass
