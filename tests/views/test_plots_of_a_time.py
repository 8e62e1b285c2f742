"""Plots of a part of a run: what is drawn is of that time alone."""

import numpy as np
import pytest

from lasermesh.errors import UserError
from lasermesh.views import plots
from tests.views.small_runs import TOKYO_LONDON, contact, flow, interval, small_run, waits
from tests.views.test_plots import (
    CONTACTS,
    FLOWS,
    LINKS,
    PATHS,
    SERIES,
    legend_texts,
    lines_of,
    round_trip_by_hand,
    texts_of,
    titled,
)

THEN = {"start_s": 101.25, "duration_s": 1.0}  # to 102.25


def test_titles_say_the_time_and_axes_end_with_it():
    run = small_run(flows=FLOWS, flow_times=SERIES, paths=PATHS, contacts=CONTACTS, links=LINKS)
    for what in ("latency", "rtt", "goodput", "drops", "utilisation", "queue", "contacts"):
        figure = plots.draw(run, what, **THEN)
        assert "101.25 to 102.25 s of 100 to 104 s" in texts_of(figure), what
        assert figure.axes[0].get_xlim() == (101.25, 102.25), what


def test_series_are_of_the_intervals_of_that_time():
    run = small_run(flows=FLOWS, flow_times=SERIES)
    figure = plots.draw(run, "latency", **THEN)
    assert lines_of(titled(figure, "office/Tokyo>London")) == [[(101.25, 41), (102, 41)]]
    assert len([axes for axes in figure.axes if axes.get_visible()]) == 1  # Paris delivered before and after
    (axes,) = plots.draw(run, "goodput", **THEN).axes
    assert lines_of(axes) == [[(101, 8e-5), (102, 8e-5), (102, 0), (103, 0)]]
    assert "queue 5." in texts_of(plots.draw(run, "drops", **THEN))
    with pytest.raises(UserError, match="no packets of flows were dropped in this time"):
        plots.draw(run, "drops", start_s=102.0, duration_s=1.0)


def test_links_are_those_that_sent_most_in_that_time():
    run = small_run(flows=FLOWS, contacts=CONTACTS, links=LINKS)
    figure = plots.draw(run, "utilisation", start_s=101.5, duration_s=0.4)
    mesh = figure.axes[0].collections[0]
    assert mesh.get_array().tolist() == [[0.125]]
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["w-00-01 > w-00-02"]
    assert "the interval 101 to 102 s" in texts_of(plots.draw(run, "map", start_s=101.5, duration_s=0.4))
    assert "the interval 100 to 101 s" in texts_of(plots.draw(run, "map", duration_s=1.0))
    assert lines_of(plots.draw(run, "queue", start_s=102.0, duration_s=1.0).axes[0]) == [[(102, 4), (103, 4)]]


def test_a_queue_begins_with_what_waited_then():
    changes = [waits(0.5, "w-00-00", "w-00-01", 3000), waits(2.0, "w-00-00", "w-00-01", 8000)]
    run = small_run(contacts=CONTACTS, links=LINKS, queue=changes)
    (axes,) = plots.draw(run, "queue", **THEN).axes
    assert lines_of(axes) == [[(101.25, 3), (102, 8), (102.25, 8)]]


def test_contacts_are_cut_and_others_left_out():
    (axes,) = plots.draw(
        small_run(flows=FLOWS, contacts=CONTACTS), "contacts", nodes=("w-00-01",), start_s=102.5
    ).axes
    bars = [
        [(path.vertices[:, 0].min(), path.vertices[:, 0].max()) for path in bar.get_paths()]
        for bar in axes.collections
    ]
    assert bars == [[(102.5, 103)], [(102.5, 104)]]
    run = small_run(flows=FLOWS, contacts=[contact("Tokyo", "w-00-04", 100.0, 101.0)])
    with pytest.raises(UserError, match="none of these had a contact"):
        plots.draw(run, "contacts", start_s=102.0)


def test_round_trips_and_marks_are_of_that_time():
    run = small_run(flows=FLOWS, paths=PATHS)
    figure = plots.draw(run, "rtt", start_s=102.0, duration_s=0.75)
    points = figure.axes[0].lines[0].get_xydata()
    assert (points[0, 0], points[-1, 0]) == (102.0, 102.75)
    assert points[0, 1] == pytest.approx(round_trip_by_hand(TOKYO_LONDON[1], 102.0), rel=1e-12)
    assert legend_texts(figure) == ["propagation", "hand-over"]


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"start_s": 99.0}, r"from 100 s on and before 104 s \(got 99\)"),
        ({"start_s": 104.0}, r"\(got 104\)"),
        ({"start_s": float("nan")}, r"\(got nan\)"),
        ({"duration_s": 0.0}, r"seconds above 0 \(got 0\)"),
        ({"at_s": 103.0, "duration_s": 1.0}, "103 s is not within what is drawn, 100 to 101 s"),
    ],
)
def test_a_time_outside_the_run_is_refused(asked, message):
    run = small_run(flows=FLOWS, contacts=CONTACTS, links=LINKS)
    with pytest.raises(UserError, match=message):
        plots.draw(run, "map", **asked)


def test_those_that_deliver_most_in_that_time_are_drawn():
    flows = [flow(row, f"a/{row}>x", bytes_delivered=100 - row) for row in range(3)]
    series = [interval(row, 100.0 + row, 101.0 + row, 10.0 + row) for row in range(3)]
    series.append(interval(2, 101.0, 102.0, 12.0, bytes_delivered=20_000))
    run = small_run(flows=flows, flow_times=series)
    names = legend_texts(plots.draw(run, "goodput", top=1, start_s=101.0, duration_s=1.0))
    assert names == ["a/2>x", "1 other flow together"]
    assert legend_texts(plots.draw(run, "goodput", top=1))[0] == "a/0>x"


def test_distributions_are_of_the_whole_run_and_say_so():
    bins = [{"flow": 0, "up_to_ms": 40.0, "delivered": 75}]
    figure = plots.draw(small_run(flows=FLOWS, latency_bins=bins), "cdf", **THEN)
    assert "100 to 104 s; packets delivered in the whole run" in texts_of(figure)
    assert np.isfinite(figure.axes[0].lines[0].get_xydata()).all()
