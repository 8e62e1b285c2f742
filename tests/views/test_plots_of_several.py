"""Runs beside each other, work in orbit, and what can be drawn of what."""

import numpy as np
import pyarrow as pa
import pytest

from lasermesh.errors import UserError
from lasermesh.results.loading import AlternativeRuns
from lasermesh.results.tables import schema_of
from lasermesh.results.work_tables import POWER, SCENES, STORAGE
from lasermesh.views import plots
from lasermesh.views.plots.several import Study
from tests.views.small_runs import contact, flow, sent, small_run
from tests.views.test_plots import BINS, FLOWS, SERIES, legend_texts, lines_of, texts_of

TOTAL = {"sent": 200, "dropped": {"queue": 10}, "latency_ms": {"mean": 31.0, "p99": 49.0}}


def alternatives(**runs):
    found = AlternativeRuns(
        next(iter(runs.values())).path.parent, {"experiment": "small", "alternatives": []}
    )
    found.__dict__["runs"] = runs
    return found


def widths(axes):
    return [round(bar.get_width(), 9) for bar in axes.patches]


def test_runs_stand_beside_each_other_with_their_distributions_and_figures():
    one = small_run("runs/one", flows=FLOWS, latency_bins=BINS, total=TOTAL)
    other = small_run("runs/other", flows=FLOWS, latency_bins=BINS[:2], total=TOTAL | {"sent": 400})
    figure = plots.draw(one, "compare", others=(other,))
    curves, mean, p99, dropped = figure.axes
    assert lines_of(curves)[0] == [(20, 0), (20, 0.3), (40, 0.875), (41, 0.975), (50, 1)]
    assert lines_of(curves)[1][-1] == (41, 1)
    assert (widths(mean), widths(p99), widths(dropped)) == ([31, 31], [49, 49], [5, 2.5])
    assert [label.get_text() for label in mean.get_yticklabels()] == ["one", "other"]
    assert legend_texts(figure) == ["one", "other"]


def test_numbers_beside_bars_have_the_same_decimals_and_unlike_drops_a_warning():
    totals = [TOTAL | {"latency_ms": {"mean": 34.76, "p99": p99}} for p99 in (49.0, 37.7)]
    totals[1] |= {"dropped": {"queue": 0}}
    runs = [
        small_run(f"runs/{row}", flows=FLOWS, latency_bins=BINS, total=total)
        for row, total in enumerate(totals)
    ]
    figure = plots.draw(runs[0], "compare", others=runs[1:])
    _, mean, p99, dropped = figure.axes
    beside = [[text.get_text() for text in axes.texts] for axes in (mean, p99, dropped)]
    assert beside == [["34.76", "34.76"], ["49.00", "37.70"], ["5.000", "0.000"]]
    assert "a run that drops more may look faster" in texts_of(figure)
    same = small_run("runs/same", flows=FLOWS, latency_bins=BINS, total=totals[0])
    alike = plots.draw(runs[0], "compare", others=(same,))
    assert "may look faster" not in texts_of(alike)
    with pytest.raises(UserError, match="runs/0 is given more than once"):
        plots.draw(runs[0], "compare", others=(runs[0],))


@pytest.mark.parametrize("what", ["cdf", "compare"])
def test_lines_that_coincide_are_all_seen(what):
    flows = [flow(row, f"a/{row}>x") for row in range(3)]
    bins = [{"flow": row, "up_to_ms": 10.0, "delivered": 5} for row in range(3)]
    run = small_run(flows=flows, latency_bins=bins)
    others = [small_run(f"runs/{name}", flows=flows, latency_bins=bins) for name in ("two", "three")]
    runs = alternatives(one=run, two=others[0], three=others[1]) if what == "compare" else run
    lines = plots.draw(runs, what).axes[0].lines
    assert len({line._unscaled_dash_pattern for line in lines}) == 3  # matplotlib has no public way to ask
    assert np.all(np.diff([line.get_linewidth() for line in lines]) < 0)  # the later, the thinner


def test_options_that_no_plot_uses_are_told_of():
    from lasermesh.views.plots.kinds import unused_options

    assert unused_options(["latency"], at_s=3.0, flows=("a",), links=(), top=None) == [
        "latency: does not use --at; it is of map"
    ]
    assert unused_options(["latency", "map"], at_s=3.0) == []
    (sentence,) = unused_options(["cdf", "tail"], start_s=3.0)
    assert sentence.startswith("cdf, tail: do not use --start; it is of latency, rtt")


def test_chosen_flows_are_compared_by_their_own_rows():
    flows = [
        flow(0, "a/x>y", delivered=30, latency_mean_ms=10.0, latency_p99_ms=11.0, dropped_queue=20),
        flow(1, "a/y>x", delivered=10, latency_mean_ms=30.0, latency_p99_ms=33.0),
    ]
    bins = [{"flow": 0, "up_to_ms": 11.0, "delivered": 30}, {"flow": 1, "up_to_ms": 33.0, "delivered": 10}]
    run = small_run("runs/one", flows=flows, latency_bins=bins)
    both = alternatives(left=run, right=small_run("runs/two", flows=flows[:1], latency_bins=bins[:1]))
    _, mean, p99, dropped = plots.draw(both, "compare", flows=("a",)).axes
    assert widths(mean) == [15.0, 10.0]  # (30 * 10 + 10 * 30) / 40
    assert widths(p99) == [33.0, 11.0]
    assert widths(dropped) == [10.0, 20.0]
    with pytest.raises(UserError, match='no flow of this run is named "b"'):
        plots.draw(both, "compare", flows=("b",))


def scenes(name, insights_s, lost=0):
    """Scenes of a workload: a quarter of each time to insight is spent waiting, the rest on the way down."""
    empty = dict.fromkeys(column.name for column in SCENES)
    rows = [
        {"workload": name, "state": "delivered", "insight_s": s, "wait_s": s / 4, "downlink_s": 3 * s / 4}
        | {f"{part}_s": 0.0 for part in ("attach", "transfer", "queue", "compute")}
        for s in insights_s
    ]
    rows += [{"workload": name, "state": "lost", "cause": "storage"}] * lost
    return pa.Table.from_pylist([empty | row for row in rows], schema=schema_of(SCENES))


def with_tables(run, **tables):
    run.__dict__ |= tables
    return run


def test_time_to_insight_is_drawn_of_delivered_scenes_with_its_split():
    run = with_tables(small_run(flows=FLOWS), scenes=scenes("down", [40.0, 20.0], lost=3))
    figure = plots.draw(run, "insight")
    curves, bars = figure.axes
    assert lines_of(curves) == [[(20, 0), (20, 0.5), (40, 1)]]
    assert [(bar.get_x(), bar.get_width()) for bar in bars.patches] == [(0, 7.5), (7.5, 22.5)]
    assert legend_texts(figure) == ["down", "wait", "downlink"]
    assert "down 3 of 5" in texts_of(figure)


def test_time_to_insight_of_alternatives_is_drawn_together():
    one = with_tables(small_run("runs/one"), scenes=scenes("down", [40.0]))
    two = with_tables(small_run("runs/two"), scenes=scenes("mesh", [2.0]))
    curves, bars = plots.draw(alternatives(ground=one, orbit=two), "insight").axes
    assert [label.get_text() for label in bars.get_yticklabels()] == ["ground", "orbit"]
    assert curves.get_xscale() == "log"


def test_levels_hold_until_they_change():
    stored = [
        {"time_s": 1.0, "sensor": "camera", "node": "eo-0", "stored_bytes": 4_000},
        {"time_s": 2.0, "sensor": "camera", "node": "eo-0", "stored_bytes": 0},
        {"time_s": 3.0, "sensor": "camera", "node": "eo-1", "stored_bytes": 9_000},
    ]
    battery = [
        {"time_s": 0.0, "power": "bus", "node": node, "battery_j": joules}
        for node, joules in (("eo-0", 7200.0), ("eo-1", 3600.0))
    ]
    run = with_tables(
        small_run(flows=FLOWS),
        storage=pa.Table.from_pylist(stored, schema=schema_of(STORAGE)),
        power=pa.Table.from_pylist(
            [dict.fromkeys(column.name for column in POWER) | row for row in battery], schema=schema_of(POWER)
        ),
    )
    (axes,) = plots.draw(run, "storage").axes
    assert lines_of(axes) == [[(103, 9), (104, 9)], [(101, 4), (102, 0), (104, 0)]]  # who holds most first
    assert axes.get_ylabel() == "stored (kB)"
    (axes,) = plots.draw(run, "power").axes
    assert lines_of(axes) == [[(100, 1), (104, 1)], [(100, 2), (104, 2)]]  # the lowest first
    assert axes.get_ylabel() == "energy held (Wh)"
    figure = plots.draw(run, "storage", nodes=("eo-0",))
    assert legend_texts(figure) == ["eo-0 (camera)"]
    with pytest.raises(UserError, match='no node "eo-9"'):
        plots.draw(run, "storage", nodes=("eo-9",))


def entry(mean, spread=None, baseline=False):
    low, high = (None, None) if spread is None else (mean - spread, mean + spread)
    return {"n": 3, "mean": mean, "low": low, "high": high, "difference": None if baseline else {}}


def test_a_comparison_shows_means_and_intervals_of_what_differs(tmp_path):
    study = Study(
        tmp_path,
        {
            "experiment": "small",
            "confidence": 0.95,
            "seeds": [0, 1, 2],
            "metrics": [{"name": "latency_p99_ms", "unit": "ms"}, {"name": "marked", "unit": "packets"}],
            "combinations": [
                {
                    "values": {"routing.policy": "fewest-hops"},
                    "metrics": {"latency_p99_ms": entry(50.0, 2.0, True), "marked": entry(0.0, 0.0)},
                },
                {
                    "values": {"routing.policy": "shortest-delay"},
                    "metrics": {"latency_p99_ms": entry(40.0), "marked": entry(0.0)},
                },
            ],
        },
    )
    figure = plots.draw(study, "compare")
    (axes,) = figure.axes
    assert lines_of(axes) == [[(48, 0), (52, 0)], [(50, 0)], [(40, 1)]]
    assert axes.get_title(loc="left") == "latency_p99_ms (ms)"
    assert [label.get_text() for label in axes.get_yticklabels()] == [
        "policy = fewest-hops",
        "policy = shortest-delay",
    ]
    assert "1 metric is the same everywhere" in texts_of(figure)
    assert "the folder of one of its runs" in plots.what_fits(study)["latency"]


def test_what_fits_says_what_is_missing_and_what_to_do():
    fits = plots.what_fits(small_run(flows=FLOWS))
    assert list(fits) == list(plots.PLOTS)
    assert None not in fits.values()
    assert "run it again" in fits["latency"]
    assert "queue_of in [observe]" in fits["queue"]
    assert "--with RUN" in fits["compare"]
    whole = small_run(
        flows=FLOWS,
        flow_times=SERIES,
        latency_bins=BINS,
        contacts=[contact("w-00-00", "w-00-01")],
        links=[sent(100.0, 0, "w-00-00", "w-00-01", 0.5)],
    )
    assert {name for name, why in plots.what_fits(whole).items() if why is None} == {
        *("latency", "cdf", "tail", "goodput", "drops", "utilisation", "map", "contacts")
    }
    several = alternatives(one=small_run("runs/one"), two=small_run("runs/two"))
    assert plots.what_fits(several)["latency"] == (
        "it holds several runs; give the folder of one: runs/one, runs/two"
    )


@pytest.mark.parametrize(
    ("what", "options", "message"),
    [
        ("latncy", {}, 'no plot is named "latncy"; did you mean "latency"'),
        ("latency", {"flows": ("ofice",)}, 'no flow of this run is named "ofice"; did you mean "office"'),
        ("latency", {"flows": ("rush",)}, "of rush there is nothing to draw"),
        ("contacts", {"links": ("w-00-00",)}, "a link is written FROM:TO"),
        ("contacts", {"links": ("w-00-00:w-00-02",)}, "did you mean"),
        ("contacts", {"nodes": ("w-00-0",)}, 'no node "w-00-0" .*did you mean "w-00-0[01]"'),
        ("contacts", {"nodes": ("zzz",)}, 'no node "zzz" had .*; there are "w-00-00", "w-00-01"$'),
        ("contacts", {"links": ("z:zz",)}, 'no link "z:zz" was up .*; there is "w-00-00:w-00-01"$'),
        ("storage", {}, "cannot be drawn of runs/small: it has no sensor that stores"),
    ],
)
def test_what_cannot_be_drawn_is_refused_in_a_sentence(what, options, message):
    links = [contact("w-00-00", "w-00-01")]
    run = small_run(flows=FLOWS, flow_times=SERIES, latency_bins=BINS, contacts=links)
    with pytest.raises(UserError, match=message):
        plots.draw(run, what, **options)


def test_names_are_written_as_they_are():
    flows = [flow(0, "_$x$/a>b")]
    bins = [{"flow": 0, "up_to_ms": 1.0, "delivered": 1}]
    figure = plots.draw(small_run(flows=flows, latency_bins=bins), "cdf")
    assert legend_texts(figure) == ["_$x$/a>b"]
    assert "_$x$/a&gt;b" in plots.svg_text(figure)


def test_a_legend_hides_nothing():
    """Every legend stands between the axes and the notes, at any width."""
    run = small_run(
        flows=[flow(row, f"a long name of flows/{row}>x") for row in range(7)],
        latency_bins=[{"flow": row, "up_to_ms": 10.0 + row, "delivered": 1} for row in range(7)],
    )
    for width_cm in (8.5, 17.0):
        figure = plots.draw(run, "cdf", width_cm=width_cm)
        plots.svg_text(figure)  # lays it out
        (legend,) = figure.legends
        box = legend.get_window_extent()
        axes_box = figure.axes[0].get_tightbbox()
        assert axes_box.y0 >= box.y1 - 1.0
        assert box.x0 >= 0.0
        assert box.x1 <= figure.bbox.width
        notes = figure.texts[2].get_window_extent()
        assert box.y0 >= notes.y1 - 1.0
        assert np.diff([notes.x1, figure.bbox.width])[0] > 0.0
