"""Plots of runs of bundles, which have no latency of packets but delays of bundles."""

import pyarrow as pa
import pytest

from lasermesh.errors import UserError
from lasermesh.results.bundle_tables import BUNDLES, STORES
from lasermesh.results.tables import schema_of
from lasermesh.views import plots
from tests.views.small_runs import flow, small_run
from tests.views.test_plots import BINS, FLOWS, legend_texts, lines_of, plain, texts_of
from tests.views.test_plots_of_several import alternatives, widths

OF_BUNDLES = [
    flow(0, "data/a>home", counts="bundles", sent=4, delivered=2),
    flow(1, "data/b>home", counts="bundles", sent=1, delivered=1),
]
MADE = [
    ("data/a>home", 0.0, "delivered", 1.0),
    ("data/a>home", 0.5, "delivered", 2.5),
    ("data/a>home", 1.0, "lost", 3.0),
    ("data/a>home", 1.5, "stored", None),
    ("data/b>home", 1.0, "delivered", 2.0),
]


def bundles(made=MADE):
    empty = dict.fromkeys(column.name for column in BUNDLES)
    rows = [
        {"flow": name, "created_s": created_s, "state": state, "finished_s": finished_s}
        | {"delay_s": finished_s - created_s if state == "delivered" else None}
        for name, created_s, state, finished_s in made
    ]
    return pa.Table.from_pylist([empty | row for row in rows], schema=schema_of(BUNDLES))


def run_of_bundles(path="runs/small", made=MADE, flows=OF_BUNDLES, **tables):
    run = small_run(path, flows=flows, **({"flow_times": [], "latency_bins": []} | tables))
    run.__dict__["bundles"] = bundles(made)
    return run


def test_bundles_are_counted_over_time_and_each_delay_stands_at_its_arrival():
    figure = plots.draw(run_of_bundles(), "bundles")
    counts, delays = figure.axes
    made, delivered, lost = lines_of(counts)
    assert made == [(100, 1), (100.5, 2), (101, 3), (101, 4), (101.5, 5), (104, 5)]
    assert delivered == [(100, 0), (101, 1), (102, 2), (102.5, 3), (104, 3)]
    assert lost == [(100, 0), (103, 1), (104, 1)]
    dots = {line.get_label(): plain(line.get_xydata()) for line in delays.lines if len(line.get_xdata())}
    assert list(dots.values()) == [[(101, 1), (102.5, 2)], [(102, 1)]]
    assert "At the run's end 1 were stored" in texts_of(figure)
    assert legend_texts(figure) == ["made", "delivered", "lost", "data/a>home", "data/b>home"]


def test_delays_of_bundles_are_distributed_exactly():
    figure = plots.draw(run_of_bundles(), "cdf")
    (axes,) = figure.axes
    assert lines_of(axes) == [[(1, 0), (1, 0.5), (2, 1)], [(1, 0), (1, 1)]]
    assert axes.get_xlabel() == "delay of bundles, from making to arrival (s)"
    assert "Distribution of delay" in texts_of(figure)
    assert lines_of(plots.draw(run_of_bundles(), "tail", flows=("data/a>home",)).axes[0]) == [
        [(1, 1), (1, 0.5), (2, 0)]
    ]


def test_a_run_of_both_has_both_distributions():
    flows = [*FLOWS, *(row | {"flow": 3 + row["flow"]} for row in OF_BUNDLES)]
    run = run_of_bundles(flows=flows, latency_bins=BINS)
    figure = plots.draw(run, "cdf")
    assert [axes.get_xlabel() for axes in figure.axes] == [
        "one-way latency (ms)",
        "delay of bundles, from making to arrival (s)",
    ]
    assert [len(axes.lines) for axes in figure.axes] == [2, 2]
    assert len(plots.draw(run, "cdf", flows=("data",)).axes) == 1
    with pytest.raises(UserError, match="of rush there is nothing to draw"):
        plots.draw(run, "cdf", flows=("rush",))


def test_runs_of_bundles_are_compared_by_delay_and_by_what_is_not_delivered():
    one = run_of_bundles("runs/one")
    none = run_of_bundles(
        "runs/none", [("data/a>home", 0.0, "stored", None)], [OF_BUNDLES[0] | {"delivered": 0}]
    )
    figure = plots.draw(alternatives(one=one, none=none), "compare")
    curves, mean, p99, missing = figure.axes
    assert lines_of(curves) == [[(1, 0), (1, 0.666666667), (2, 1)]]
    assert (widths(mean), widths(p99)) == ([1.333333333, 0], [2, 0])
    assert widths(missing) == [40, 100]  # 3 of 5 delivered; 0 of 4
    assert "bundles of all flows" in texts_of(figure)
    assert "a run that delivers fewer may look faster" in texts_of(figure)
    nothing = alternatives(one=none, two=run_of_bundles("runs/two", [], OF_BUNDLES[:0]))
    with pytest.raises(UserError, match="nothing was delivered"):
        plots.draw(nothing, "compare")


def test_what_has_packets_is_compared_by_packets_and_says_that_bundles_are_not_in_it():
    flows = [*FLOWS, *(row | {"flow": 3 + row["flow"]} for row in OF_BUNDLES)]
    both = alternatives(
        one=run_of_bundles("runs/one", flows=flows, latency_bins=BINS),
        two=run_of_bundles("runs/two", flows=flows, latency_bins=BINS),
    )
    figure = plots.draw(both, "compare")
    assert figure.axes[0].get_xlabel() == "one-way latency (ms)"
    assert "Bundles are not in it" in texts_of(figure)
    assert plots.draw(both, "compare", flows=("data",)).axes[0].get_xlabel().startswith("delay of bundles")


def test_stores_of_bundles_are_storages():
    run = run_of_bundles()
    changes = [(0.0, "a", 1000), (1.0, "a", 3000), (2.0, "b", 2000), (3.0, "a", 0)]
    rows = [{"time_s": t, "node": node, "bundles": 1, "stored_bytes": n} for t, node, n in changes]
    run.__dict__["stores"] = pa.Table.from_pylist(rows, schema=schema_of(STORES))
    figure = plots.draw(run, "storage")
    (axes,) = figure.axes
    assert lines_of(axes) == [[(100, 1), (101, 3), (103, 0), (104, 0)], [(102, 2), (104, 2)]]
    assert legend_texts(figure) == ["a", "b"]
    assert "Stores of bundles over time" in texts_of(figure)
    (axes,) = plots.draw(run, "storage", start_s=101.5, duration_s=1.0).axes
    assert lines_of(axes) == [[(101.5, 3), (102.5, 3)], [(102, 2), (102.5, 2)]]


def test_plots_of_packets_say_that_none_was_delivered_where_bundles_were():
    fits = plots.what_fits(run_of_bundles())
    assert fits["latency"].startswith('no packets of flows were delivered; the plots "bundles"')
    assert fits["goodput"] == fits["latency"]
    assert {name for name, why in fits.items() if why is None} == {"cdf", "tail", "bundles"}
