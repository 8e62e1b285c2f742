"""What plots draw is what the tables of a run say."""

from itertools import pairwise

import numpy as np
import pytest
from matplotlib.colors import to_hex

from lasermesh.errors import UserError
from lasermesh.orbits import build_ephemeris, geodetic_from_ecef
from lasermesh.packets.latency_bins import upper_edges_ps
from lasermesh.results.tables import OUTAGE_COLUMNS
from lasermesh.scenario import load_topology
from lasermesh.units import PS_PER_MS, SPEED_OF_LIGHT_M_PER_S
from lasermesh.views import plots
from lasermesh.views.plots.queues import greatest_over_time
from lasermesh.views.plots.round_trips import HAND_OVER, NO_PATH, OTHER_CHANGE, changes_of, stays_of
from lasermesh.views.plots.style import held_line, thinned
from lasermesh.views.plots.utilisation import busy_over_time
from lasermesh.views.plots.world_map import ground_lines, pairs_at
from tests.views.small_runs import (
    START_S,
    STOP_S,
    TOKYO_LONDON,
    contact,
    flow,
    interval,
    sent,
    small_run,
    table,
    waits,
)

FLOWS = [flow(0, "office/Tokyo>London"), flow(1, "office/Paris>Delhi"), flow(2, "rush/Delhi>London")]
SERIES = [
    interval(0, 100.0, 101.0, 40.0),
    interval(0, 101.0, 102.0, 41.0, dropped_queue=5),
    interval(1, 100.0, 101.0, 20.0, dropped_queue=3),
    interval(1, 103.0, 104.0, 22.0, dropped_no_route=8),
    interval(2, 102.0, 103.0, None, sent=4),
]
BINS = [
    {"flow": 0, "up_to_ms": 40.0, "delivered": 75},
    {"flow": 0, "up_to_ms": 41.0, "delivered": 20},
    {"flow": 0, "up_to_ms": 50.0, "delivered": 5},
    {"flow": 1, "up_to_ms": 20.0, "delivered": 60},
    {"flow": 1, "up_to_ms": 40.0, "delivered": 40},
]


def lines_of(axes):
    """Points of every line, nan as None, so that they can be compared."""
    return [plain(line.get_xydata()) for line in axes.lines]


def plain(points):
    return [tuple(None if np.isnan(value) else round(float(value), 9) for value in point) for point in points]


def titled(figure, title):
    (found,) = [axes for axes in figure.axes if axes.get_title(loc="left") == title]
    return found


def legend_texts(figure):
    return [text.get_text().strip() for legend in figure.legends for text in legend.get_texts()]


def texts_of(figure):
    return " ".join(text.get_text().replace("\n", " ") for text in figure.texts)


def bands_of(axes):
    """Instants, low and high of every band that a plot of latency has."""
    found = []
    for band in axes.collections:
        for path in band.get_paths():
            (from_t, low), (until_t, high) = path.vertices.min(axis=0), path.vertices.max(axis=0)
            found.append((from_t, until_t, round(float(low), 9), round(float(high), 9)))
    return found


def test_latency_holds_over_its_interval_and_breaks_where_nothing_came():
    run = small_run(flows=FLOWS, flow_times=SERIES)
    figure = plots.draw(run, "latency")
    panel = titled(figure, "office/Paris>Delhi")
    (mean,) = lines_of(panel)
    assert mean == [(100, 20), (101, 20), (101, None), (103, 22), (104, 22)]
    assert [(from_t, until_t) for from_t, until_t, _, _ in bands_of(panel)] == [(100, 101), (103, 104)] * 2
    (mean,) = lines_of(titled(figure, "office/Tokyo>London"))
    assert mean == [(100, 40), (101, 40), (101, 41), (102, 41)]
    assert [axes.get_title(loc="left") for axes in figure.axes if axes.get_visible()] == [
        "office/Tokyo>London",
        "office/Paris>Delhi",
    ]
    assert {axes.get_ylabel() for axes in figure.axes if axes.get_visible()} == {"latency (ms)"}
    assert legend_texts(figure) == ["p99", "p50", "mean"]


def test_quantiles_are_drawn_as_what_is_known_of_them_and_no_more():
    edges_ms = upper_edges_ps() / PS_PER_MS
    at = int(np.searchsorted(edges_ms, 40.0))
    below, edge, above = edges_ms[at - 1 : at + 2]
    alike = interval(0, 100.0, 104.0, (below + edge) / 2, latency_p50_ms=edge, latency_p99_ms=above)
    run = small_run(flows=[flow(0, "a/x>y")], flow_times=[alike])
    p99, p50 = bands_of(plots.draw(run, "latency").axes[0])
    assert p99[2:] == pytest.approx((edge, above), abs=1e-9)
    assert p50[2:] == pytest.approx((below, edge), abs=1e-9)
    assert edge - below < 0.01 * below
    # No packet of the flow was faster or slower than these, wherever bins end.
    least, greatest = below + 0.25 * (edge - below), edge + 0.5 * (above - edge)
    known = flow(0, "a/x>y", latency_min_ms=least, latency_max_ms=greatest)
    p99, p50 = bands_of(plots.draw(small_run(flows=[known], flow_times=[alike]), "latency").axes[0])
    assert p99[2:] == pytest.approx((edge, greatest), abs=1e-9)
    assert p50[2:] == pytest.approx((least, edge), abs=1e-9)


def test_flows_beyond_the_most_are_drawn_together():
    flows = [flow(number, f"a/{number}>x") for number in range(11)]
    series = [interval(number, 100.0, 104.0, 10.0 + number) for number in range(11)]
    bins = [{"flow": number, "up_to_ms": 10.0 + number, "delivered": 1} for number in range(11)]
    run = small_run(flows=flows, flow_times=series, latency_bins=bins)
    others = titled(plots.draw(run, "latency", top=1), "10 other flows")
    assert lines_of(others) == [[(100, 15.5), (104, 15.5)]]  # median of 11 to 20
    band = others.collections[0].get_paths()[0].vertices[:, 1]
    assert (band.min(), band.max()) == pytest.approx((11.9, 19.1))
    assert legend_texts(plots.draw(run, "cdf", top=1)) == ["a/0>x", "10 other flows together"]
    together = lines_of(plots.draw(run, "cdf", top=1).axes[0])[1]
    assert together[0] == (11, 0)
    assert together[-1] == (20, 1)


def test_shares_rise_at_the_upper_edges_of_bins():
    run = small_run(flows=FLOWS, latency_bins=BINS)
    (axes,) = plots.draw(run, "cdf", flows=("office/Tokyo>London",)).axes
    assert lines_of(axes) == [[(40, 0), (40, 0.75), (41, 0.95), (50, 1)]]
    assert axes.lines[0].get_drawstyle() == "steps-post"
    (axes,) = plots.draw(run, "tail", flows=("office/Tokyo>London",)).axes
    assert lines_of(axes) == [[(40, 1), (40, 0.25), (41, 0.05), (50, 0)]]
    assert axes.lines[0].get_drawstyle() == "steps-post"
    assert axes.get_yscale() == "log"
    assert axes.get_ylim()[0] < 0.05


@pytest.mark.parametrize(("greatest_ms", "scale"), [(50.0, "linear"), (5000.0, "log")])
def test_the_axis_of_latency_is_logarithmic_only_where_latencies_are_very_unlike(greatest_ms, scale):
    bins = [*BINS, {"flow": 0, "up_to_ms": greatest_ms, "delivered": 1}]
    assert plots.draw(small_run(flows=FLOWS, latency_bins=bins), "cdf").axes[0].get_xscale() == scale


def test_goodput_adds_up_to_what_was_delivered():
    (axes,) = plots.draw(small_run(flows=FLOWS, flow_times=SERIES), "goodput").axes
    assert len(axes.lines) == 2  # nothing of the third was delivered
    for line in axes.lines:
        x, gbps = line.get_xydata()[::2].T
        seconds = np.diff(np.append(x, STOP_S))
        assert (gbps * seconds).sum() == pytest.approx(8e-9 * 20_000)
        assert (x[0], line.get_xdata()[-1]) == (START_S, STOP_S)
    assert lines_of(axes)[0][4:] == [(102, 0), (103, 0), (103, 0), (104, 0)]


def test_drops_stand_on_each_other_and_add_up_by_cause():
    figure = plots.draw(small_run(flows=FLOWS, flow_times=SERIES), "drops")
    assert legend_texts(figure) == ["queue", "no_route"]
    assert "queue 8, no_route 8" in texts_of(figure)
    tops = [band.get_paths()[0].vertices[:, 1].max() for band in figure.axes[0].collections]
    assert tops == [5.0, 8.0]  # packets/s in the worst second of each; intervals last 1 s
    of_one = plots.draw(small_run(flows=FLOWS, flow_times=SERIES), "drops", flows=("office/Tokyo>London",))
    assert "queue 5." in texts_of(of_one)


PATH_TIMES = (100.0, 101.0, 102.5, 103.0)
PATHS = [
    {"t_s": t_s, "flow": 0, "hops": len(nodes) - 1 if nodes else None, "nodes": nodes}
    for t_s, nodes in zip(PATH_TIMES, TOKYO_LONDON, strict=True)
]


def round_trip_by_hand(nodes, t_s):
    topology = load_topology("walker-144")
    position_m = build_ephemeris(topology).state_at(t_s)[0]
    places = [position_m[topology.row_of(name)] for name in nodes]
    legs_m = [np.sqrt(((a - b) ** 2).sum()) for a, b in pairwise(places)]
    return 2000.0 * sum(legs_m) / SPEED_OF_LIGHT_M_PER_S


def test_the_round_trip_is_that_of_the_path_in_force_up_to_the_change():
    run = small_run(flows=FLOWS, paths=PATHS, flow_times=SERIES)
    figure = plots.draw(run, "rtt")
    (axes,) = figure.axes
    measured, propagation = axes.lines[:2]
    assert plain(measured.get_xydata()) == [(100, 80), (101, 80), (101, 82), (102, 82)]
    points = propagation.get_xydata()
    for path, from_s, until_s in zip(TOKYO_LONDON, PATH_TIMES, PATH_TIMES[1:], strict=False):
        for t_s, which in ((from_s, -1), (until_s, 0)):  # what begins stands behind what ends
            here = [y for x, y in points if x == t_s and np.isfinite(y)]
            assert here[which] == pytest.approx(round_trip_by_hand(path, t_s), rel=1e-12)
    assert np.isnan(points[points[:, 0] > 103.0, 1]).all()
    assert len(points) > 100
    assert legend_texts(figure) == ["propagation", "measured", HAND_OVER, OTHER_CHANGE, NO_PATH]


def test_the_round_trip_breaks_while_tables_led_nowhere():
    hole = {"t_s": 101.25, "flow": 0, "kind": "black-hole", "cause": "link_down", "duration_s": 0.5}
    run = small_run(flows=FLOWS, paths=PATHS)
    run.__dict__["outages"] = table(OUTAGE_COLUMNS, [hole | {"node": "w-03-00", "open_end": False}])
    figure = plots.draw(run, "rtt")
    x, y = figure.axes[0].lines[0].get_xydata().T
    assert not np.isfinite(y[(x > 101.25) & (x < 101.75)]).any()
    for at_s in (101.25, 101.75):  # exact at both ends
        (here,) = y[(x == at_s) & np.isfinite(y)]
        assert here == pytest.approx(round_trip_by_hand(TOKYO_LONDON[1], at_s), rel=1e-12)
    (shade,) = figure.axes[0].patches
    assert (shade.get_x(), shade.get_width()) == (101.25, 0.5)
    assert "black hole: what is sent is lost" in legend_texts(figure)
    assert "The line breaks where tables led packets nowhere." in texts_of(figure)
    assert "The line breaks" not in texts_of(plots.draw(small_run(flows=FLOWS, paths=PATHS), "rtt"))


def test_flows_whose_paths_fail_or_change_are_drawn_first():
    paths = [{"t_s": 100.0, "flow": row, "hops": 4, "nodes": TOKYO_LONDON[2]} for row in range(3)]
    paths.append({"t_s": 101.0, "flow": 1, "hops": 7, "nodes": TOKYO_LONDON[1]})
    run = small_run(flows=FLOWS, paths=paths)
    assert [axes.get_title(loc="left") for axes in plots.draw(run, "rtt", top=1).axes] == [FLOWS[1]["name"]]
    hole = {"t_s": 101.0, "flow": 2, "kind": "black-hole", "cause": "no_route", "duration_s": 0.1}
    run.__dict__["outages"] = table(OUTAGE_COLUMNS, [hole | {"node": "Delhi", "open_end": False}])
    figure = plots.draw(run, "rtt", top=1)
    assert [axes.get_title(loc="left") for axes in figure.axes] == [FLOWS[2]["name"]]
    assert "Of 3 flows, one is drawn by itself: the first of those longest in outages" in texts_of(figure)


def test_latency_is_drawn_of_flows_that_delivered_most_and_in_turn_of_those_that_fared_worst():
    flows = [flow(row, f"a/{row}>x") for row in range(5)]
    series = [interval(row, 100.0, 104.0, 10.0) for row in range(5)]
    series[3] |= {"dropped_queue": 5}
    series[4] |= {"latency_p99_ms": 90.0}
    run = small_run(flows=flows, flow_times=series)
    figure = plots.draw(run, "latency", top=3)
    titles = [axes.get_title(loc="left") for axes in figure.axes if axes.get_visible()]
    assert titles == ["a/0>x", "a/1>x", "a/3>x", "2 other flows"]
    assert "fared worst (share dropped, then the greatest p99)" in texts_of(figure)
    run = small_run(flows=flows, flow_times=[series[0], series[1], series[2], series[4]])
    titles = [axes.get_title(loc="left") for axes in plots.draw(run, "latency", top=2).axes]
    assert titles[:2] == ["a/0>x", "a/4>x"]


def test_another_satellite_over_a_ground_site_is_a_hand_over():
    run = small_run(flows=FLOWS, paths=PATHS)
    changes = changes_of(stays_of(run, 0), lambda name: not name.startswith("w-"))
    assert changes == [(101.0, OTHER_CHANGE), (102.5, HAND_OVER), (103.0, NO_PATH)]


CONTACTS = [
    contact("w-00-00", "w-00-01"),
    contact("w-00-01", "w-00-00"),
    contact("w-00-01", "w-00-02", 101.0, 102.0),
    contact("w-00-02", "w-00-01", 101.5, 103.0),
    contact("Tokyo", "w-00-04", kind="gsl"),
]
LINKS = [
    sent(100.0, 0, "w-00-00", "w-00-01", 0.25, queue_max_bytes=3000),
    sent(102.0, 0, "w-00-00", "w-00-01", 0.5, queue_max_bytes=4000),
    sent(102.0, 1, "w-00-01", "w-00-00", 1.0),
    sent(101.0, 2, "w-00-01", "w-00-02", 0.125),
]


def test_the_heat_map_shows_the_busiest_first_idle_and_down_apart():
    run = small_run(contacts=CONTACTS, links=LINKS)
    figure = plots.draw(run, "utilisation")
    mesh = figure.axes[0].collections[0]
    share = np.ma.filled(mesh.get_array().astype(float), np.nan)
    np.testing.assert_array_equal(share, [[0, 0, 1, 0], [0.25, 0, 0.5, 0], [np.nan, 0.125, np.nan, np.nan]])
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == [
        "w-00-01 > w-00-00",
        "w-00-00 > w-00-01",
        "w-00-01 > w-00-02",
    ]
    assert to_hex(mesh.cmap(mesh.norm(0.0))) == "#ffffff"  # nothing was sent
    assert to_hex(mesh.cmap(mesh.norm(0.001))) != "#ffffff"
    assert mesh.norm.vmax == 1.0
    idle = plots.draw(run, "utilisation", links=("Tokyo:w-00-04",)).axes[0].collections[0]
    assert idle.get_array().tolist() == [[0, 0, 0, 0]]


@pytest.mark.parametrize("every_s", [None, 1.0])
def test_intervals_count_from_a_beginning_between_steps_to_an_early_end(every_s):
    rows = [
        sent(100.5 + at_s, 0, "w-00-00", "w-00-01", 0.8 * min(1.0, 3.25 - at_s), queue_max_bytes=1000 * at_s)
        for at_s in range(4)
    ]
    run = small_run(every_s=every_s, flows=FLOWS, contacts=CONTACTS, links=rows)
    run.manifest["scenario"]["start_s"] = 100.5
    run.summary["simulated_s"] = 3.25  # as it was interrupted
    busy = busy_over_time(run, [("w-00-00", "w-00-01")])
    assert busy.edges_s.tolist() == [100.5, 101.5, 102.5, 103.5, 103.75]
    assert busy.share.tolist() == pytest.approx(np.full((1, 4), 0.8))
    edges_s, greatest = greatest_over_time(run, [("w-00-00", "w-00-01")])
    assert greatest.tolist() == [[0, 1000, 2000, 3000]]
    assert edges_s.tolist() == busy.edges_s.tolist()
    assert pairs_at(run, 103.5, 103.75)["w-00-00", "w-00-01"] == pytest.approx(0.8)
    assert "100.5 to 101.5 s, in which" in texts_of(plots.draw(run, "map"))
    assert "103.5 to 103.75 s, around t = 103.6 s" in texts_of(plots.draw(run, "map", at_s=103.6))


def test_a_packet_that_lasts_beyond_its_interval_does_not_use_a_link_more_than_wholly():
    run = small_run(contacts=CONTACTS, links=[sent(100.0, 0, "w-00-00", "w-00-01", 1.5)])
    assert busy_over_time(run, [("w-00-00", "w-00-01")]).share.max() == 1.0
    assert pairs_at(run, 100.0, 101.0)["w-00-00", "w-00-01"] == 1.0


def test_the_heat_map_marks_intervals_in_which_a_link_dropped_packets():
    links = [*LINKS[:3], LINKS[3] | {"dropped_queue": 7, "dropped_link_down": 2}]
    figure = plots.draw(small_run(contacts=CONTACTS, links=links), "utilisation")
    marks = figure.axes[0].collections[1]
    assert [segment.tolist() for segment in marks.get_segments()] == [[[101, 2.9], [102, 2.9]]]
    assert "packets were dropped at the link, 9 in the worst" in texts_of(figure)
    assert "links_every_s in [observe]" in texts_of(figure)
    plain_run = small_run(contacts=CONTACTS, links=LINKS)
    assert "dropped" not in texts_of(plots.draw(plain_run, "utilisation"))


@pytest.mark.parametrize("what", ["utilisation", "map"])
def test_scales_of_colours_end_where_asked_so_that_pictures_can_be_compared(what):
    run = small_run(flows=FLOWS, contacts=CONTACTS, links=LINKS)
    figure = plots.draw(run, what, scale_to_percent=50.0)
    (drawn,) = [each for each in figure.axes[0].collections if each.get_array() is not None]
    assert drawn.norm.vmax == 0.5
    assert "The scale ends at 50 %, and some are above it." in texts_of(figure)
    plots.svg_text(figure)  # writes the numbers
    bar = figure.axes[1]
    numbers = [label.get_text() for label in (*bar.get_xticklabels(), *bar.get_yticklabels())]
    assert "50 %" in numbers
    with pytest.raises(UserError, match=r"at most at 100 % \(got nan\)"):
        plots.draw(run, what, scale_to_percent=float("nan"))


def test_very_many_intervals_are_put_together_without_losing_any():
    run = small_run(contacts=CONTACTS, links=LINKS)
    busy = busy_over_time(run, [("w-00-00", "w-00-01")], most=3)
    assert busy.edges_s.tolist() == [100, 102, 104]
    assert busy.share.tolist() == [[0.125, 0.25]]


def test_the_map_shows_links_of_an_instant_by_their_busier_direction():
    run = small_run(flows=FLOWS, contacts=CONTACTS, links=LINKS)
    assert pairs_at(run, 101.0, 102.0) == {
        ("w-00-00", "w-00-01"): 0.0,
        ("w-00-01", "w-00-02"): 0.125,
        ("Tokyo", "w-00-04"): 0.0,
    }
    assert pairs_at(run, 102.0, 103.0)["w-00-00", "w-00-01"] == 1.0
    figure = plots.draw(run, "map")
    assert "102 to 103 s, in which links sent most" in texts_of(figure)
    used = [each for each in figure.axes[0].collections if each.get_array() is not None]
    assert [each.get_array().tolist() for each in used] == [[1.0]]
    assert {text.get_text() for text in figure.axes[0].texts} == {"Tokyo", "London", "Paris", "Delhi"}
    assert legend_texts(figure) == [
        *("satellite", "site where flows begin or end", "other site", "link on which nothing was sent")
    ]
    assert "101 to 102 s" in texts_of(plots.draw(run, "map", at_s=101.3))
    nothing_up = small_run(flows=FLOWS, contacts=[contact("w-00-01", "w-00-02", 101.0, 102.0)])
    assert "0 pairs of nodes" in texts_of(plots.draw(nothing_up, "map", at_s=103.0))
    with pytest.raises(UserError, match="99 s is not within the run, 100 to 104 s"):
        plots.draw(run, "map", at_s=99.0)


def test_lines_on_the_map_lie_below_the_light_and_never_cross_it_from_edge_to_edge():
    position_m = build_ephemeris(load_topology("walker-144")).state_at(0.0)[0][:144]
    rng = np.random.default_rng(3)
    ends = rng.integers(0, 144, (300, 2))
    ends = ends[np.linalg.norm(position_m[ends[:, 0]] - position_m[ends[:, 1]], axis=1) < 4e6]
    assert len(ends) > 10
    lines, owner = ground_lines(position_m[ends[:, 0]], position_m[ends[:, 1]])
    assert len(lines) > len(ends)  # some were cut
    latitude, longitude, _ = geodetic_from_ecef(position_m)
    place = np.degrees(np.stack([longitude, latitude], axis=1))
    for row, (start, end) in enumerate(ends):
        parts = [line for line, whose in zip(lines, owner, strict=True) if whose == row]
        np.testing.assert_allclose(parts[0][0], place[start], atol=1e-9)
        np.testing.assert_allclose(parts[-1][-1], place[end], atol=1e-9)
        for part in parts:
            assert np.abs(np.diff(part[:, 0])).max(initial=0.0) < 180.0
        for before, after in pairwise(parts):
            assert before[-1] == pytest.approx((-after[0][0], after[0][1]))
            assert abs(before[-1][0]) == 180.0


def test_a_followed_queue_is_drawn_from_beginning_to_end_with_its_time_to_send():
    changes = [waits(0.5, "w-00-00", "w-00-01", 3000), waits(2.0, "w-00-00", "w-00-01", 8000)]
    run = small_run(contacts=CONTACTS, links=LINKS, queue=changes)
    (axes,) = plots.draw(run, "queue").axes
    assert lines_of(axes) == [[(100, 0), (100.5, 3), (102, 8), (104, 8)]]
    assert (axes.get_ylabel(), axes.lines[0].get_drawstyle()) == ("waiting (kB)", "steps-post")
    (right,) = axes.child_axes
    assert right.get_ylabel() == "at 8 Gbps (ms)"
    assert right._functions[0](8.0) == pytest.approx(0.008)  # 8 kB at 8 Gbps


def test_without_a_followed_queue_the_greatest_of_every_interval_is_drawn():
    figure = plots.draw(small_run(contacts=CONTACTS, links=LINKS), "queue")
    assert lines_of(figure.axes[0]) == [
        [(100, 3), (101, 3), (101, 0), (102, 0), (102, 4), (103, 4), (103, 0), (104, 0)]
    ]
    assert legend_texts(figure) == ["w-00-00 > w-00-01"]


def test_a_contact_of_two_directions_is_one_bar():
    figure = plots.draw(small_run(flows=FLOWS, contacts=CONTACTS), "contacts", nodes=("w-00-01",))
    (axes,) = figure.axes
    bars = [
        [(path.vertices[:, 0].min(), path.vertices[:, 0].max()) for path in bar.get_paths()]
        for bar in axes.collections
    ]
    assert bars == [[(100, 104)], [(101, 103)]]
    assert [label.get_text() for label in axes.get_yticklabels()] == [
        "w-00-01 - w-00-00",
        "w-00-01 - w-00-02",
    ]
    assert "links of w-00-01, all 2" in texts_of(figure)
    cut = plots.draw(small_run(flows=FLOWS, contacts=CONTACTS), "contacts", nodes=("w-00-01",), top=1)
    assert "1 of 2" in texts_of(cut)
    assert "1 more rows not drawn" in texts_of(cut)


def test_by_default_contacts_are_those_of_the_ends_of_flows():
    axes = plots.draw(small_run(flows=FLOWS, contacts=CONTACTS), "contacts").axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["Tokyo - w-00-04"]


def test_a_held_line_breaks_only_at_gaps():
    x, y = held_line([0, 1, 3], [1, 2, 4], [5, 6, 7])
    assert plain(np.stack([x, y], axis=1)) == [(0, 5), (1, 5), (1, 6), (2, 6), (2, None), (3, 7), (4, 7)]


def test_a_thinned_line_loses_no_peak():
    rng = np.random.default_rng(1)
    x, y = np.sort(rng.random(50_000)), rng.random(50_000)
    thin_x, thin_y = thinned(x, y, bins=100)
    assert len(thin_x) <= 202
    assert set(zip(thin_x, thin_y, strict=True)) <= set(zip(x, y, strict=True))
    assert (thin_x[0], thin_x[-1]) == (x[0], x[-1])
    assert np.all(np.diff(thin_x) > 0)
    edges = x[0] + (x[-1] - x[0]) * np.arange(101) / 100
    for low, high in pairwise(edges):
        inside, thin_inside = y[(x >= low) & (x < high)], thin_y[(thin_x >= low) & (thin_x < high)]
        assert thin_inside.max() == inside.max()
        assert thin_inside.min() == inside.min()
