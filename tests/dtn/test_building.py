"""Contact graphs of topologies, and the light times within their contacts."""

import numpy as np
import pytest

from lasermesh.contacts import LinkEngine, contact_plan
from lasermesh.contacts.plan_table import contact_plan_of
from lasermesh.dtn import light_times
from lasermesh.dtn.building import graph_of_topology, predictable
from lasermesh.dtn.graph import NS_PER_S, Knots, graph_of
from lasermesh.dtn.light_times import (
    MOST_WRONG_S,
    light_time_knots,
    light_time_spread_ns,
    light_times_of_steps,
)
from lasermesh.dtn.routes import owlt_at
from lasermesh.orbits import build_ephemeris
from lasermesh.scenario import load_topology
from lasermesh.units import SPEED_OF_LIGHT_M_PER_S
from tests.experiments.skies import NEAREST, quito, shell

START_S = 300.0

# Two satellites that nearly collide where their planes cross, and a pass overhead from low up.
CLOSE = """
epoch = 2026-03-20T12:00:00Z
step_s = 1.0
[terminals.ideal]
rate_gbps = 1.0
[[satellites]]
name = "a"
pattern = "walker-delta"
planes = 2
slots = 1
phasing_factor = 0
altitude_km = 300.0
inclination_deg = 80.0
terminals = [{ type = "ideal", count = 1 }]
ipn_first = 500
[[satellites]]
name = "b"
pattern = "walker-delta"
planes = 2
slots = 1
phasing_factor = 0
altitude_km = 305.0
inclination_deg = 40.0
transit = false
terminals = [{ type = "ideal", count = 1 }]
[[ground]]
name = "Equator"
lat_deg = 0.0
lon_deg = 1.0
[[links]]
rule = "nearest"
[[links]]
rule = "ground"
rate_gbps = 1.0
"""

PLANNED = """
[[satellites]]
name = "f"
fixed = ["relay"]
[[ground]]
name = "Kourou"
lat_deg = 5.2
lon_deg = -52.7
[[links]]
rule = "plan"
plan = "plan.csv"
"""


def load(folder, text):
    path = folder / "t.toml"
    path.write_text(text)
    return load_topology(path)


def light_times_by_positions(topology, graph, contacts, times_s):
    ephemeris = build_ephemeris(topology)
    found = []
    for contact, t_s in zip(contacts, times_s, strict=True):
        position_m, _ = ephemeris.state_at(t_s)
        apart_m = position_m[graph.contact_to[contact]] - position_m[graph.contact_from[contact]]
        found.append(np.linalg.norm(apart_m) / SPEED_OF_LIGHT_M_PER_S)
    return np.array(found)


def lines_between_steps(topology, graph, start_s, contacts, times_s, step_s):
    """Light times in s on straight lines between the positions at the bounds of a run's steps."""
    step = np.floor((times_s - start_s) / step_s)
    before_s = start_s + step * step_s
    light_s = [light_times_by_positions(topology, graph, contacts, t) for t in (before_s, before_s + step_s)]
    return light_s[0] + (light_s[1] - light_s[0]) * (times_s - before_s) / step_s


def misses_s(topology, graph, start_s, n, seed):
    """By how much light times of the graph miss those of positions, at instants within contacts."""
    generator = np.random.default_rng(seed)
    contacts = np.arange(n) % graph.n_contacts
    share = generator.random(n)
    begin_ns, end_ns = graph.contact_start_ns[contacts], graph.contact_stop_ns[contacts]
    times_ns = (begin_ns + share * (end_ns - begin_ns)).astype(np.int64)
    ours_ns = [owlt_at(graph, int(c), int(t)) for c, t in zip(contacts, times_ns, strict=True)]
    exact_s = light_times_by_positions(topology, graph, contacts, start_s + times_ns / NS_PER_S)
    return np.abs(np.array(ours_ns) / NS_PER_S - exact_s)


def test_light_times_within_contacts_are_those_of_positions_to_a_tenth_of_a_microsecond(tmp_path):
    topology = shell(tmp_path, NEAREST + quito())
    graph, plan = graph_of_topology(topology, START_S, 900.0)
    assert set(plan.kind.tolist()) == {0, 1}
    assert misses_s(topology, graph, START_S, 600, 1).max() < MOST_WRONG_S + 1e-9


def test_light_times_hold_where_satellites_pass_each_other_closely(tmp_path):
    topology = load(tmp_path, CLOSE)
    graph, plan = graph_of_topology(topology, 0.0, 3000.0)
    nearest_s = graph.knot_owlt_ns.min() / NS_PER_S
    assert nearest_s < 20_000.0 / SPEED_OF_LIGHT_M_PER_S
    assert misses_s(topology, graph, 0.0, 2000, 2).max() < MOST_WRONG_S + 1e-9
    meeting = np.argmin([graph.knot_owlt_ns[graph.knot_first[c]] for c in range(plan.size)])
    begin_ns = int(graph.contact_start_ns[meeting])
    times_ns = begin_ns + np.arange(0, 8 * NS_PER_S, NS_PER_S // 20)
    ours_s = np.array([owlt_at(graph, int(meeting), int(t)) for t in times_ns]) / NS_PER_S
    exact_s = light_times_by_positions(topology, graph, np.full(len(times_ns), meeting), times_ns / NS_PER_S)
    assert np.abs(ours_s - exact_s).max() < MOST_WRONG_S + 1e-9


def test_the_graph_has_numbers_transit_and_times_from_its_beginning(tmp_path):
    topology = load(tmp_path, CLOSE)
    graph, plan = graph_of_topology(topology, START_S, 60.0, exact_light_times=False)
    assert graph.number.tolist() == [500, 501, 3, 4, 5]
    assert graph.transit.tolist() == [True, True, False, False, False]
    np.testing.assert_allclose(graph.contact_start_ns / NS_PER_S, plan.start_s - START_S, atol=1e-9)
    assert graph.contact_stop_ns.max() == 60 * NS_PER_S
    assert graph.knot_first[-1] == 0
    np.testing.assert_allclose(graph.contact_owlt_ns / NS_PER_S, plan.owlt_s, atol=1e-9)


def test_contacts_whose_light_time_a_plan_gives_or_that_hardly_move_need_no_knots(tmp_path):
    (tmp_path / "plan.csv").write_text(
        "from,to,start_s,stop_s,rate_bps,owlt_s\nrelay,Kourou,10,20,1000,1.25\nKourou,relay,5,9,1000,0.5\n"
    )
    graph, _ = graph_of_topology(load(tmp_path, PLANNED), 0.0, 60.0)
    assert sorted(graph.contact_owlt_ns.tolist()) == [NS_PER_S // 2, NS_PER_S * 5 // 4]
    assert graph.knot_first.tolist() == [0, 0, 0]
    graph, _ = graph_of_topology(
        shell(tmp_path, '[[links]]\nrule = "grid"\noffsets = [[0, 1]]\n'), 0.0, 0.001
    )
    assert graph.n_contacts == 96 and graph.knot_first[-1] == 0


def test_what_is_predicted_has_neither_clouds_nor_random_losses(tmp_path):
    terminal = "mean_time_between_losses_s = 200.0"
    site = "availability = 0.3\nmean_cloudy_s = 60.0"
    grid = '[[links]]\nrule = "grid"\n'
    cloudy = shell(tmp_path, grid + quito(site, 'choose = "highest"'), terminal, "cloudy")
    clear = shell(tmp_path, grid + quito("", 'choose = "highest"'), name="clear")
    happens = graph_of_topology(cloudy, START_S, 600.0, exact_light_times=False)[1]
    foreseen = graph_of_topology(cloudy, START_S, 600.0, exact_light_times=False, predicted=True)[1]
    without = contact_plan(clear, build_ephemeris(clear), START_S, START_S + 600.0)
    for column, same in zip(foreseen, without, strict=True):
        np.testing.assert_array_equal(column, same)
    assert happens.size != foreseen.size
    assert predictable(clear).to_dict() == clear.to_dict()


def test_a_contact_whose_range_is_not_known_all_the_time_has_no_knots(tmp_path):
    topology = shell(tmp_path, quito())
    ephemeris = build_ephemeris(topology)
    links = LinkEngine(topology, ephemeris)
    plan = contact_plan(topology, ephemeris, 0.0, 600.0, engine=links)

    def hidden(from_node, to_node, t_s):
        range_m = links.skies.ranges_between(from_node, to_node, t_s)
        return np.where((from_node == plan.from_node[0]) & (t_s == plan.start_s[0]), np.nan, range_m)

    knots = light_time_knots(plan, hidden)
    assert knots.first[1] == 0 and knots.first[-1] == len(knots.light_s) > 0
    assert not np.isnan(knots.light_s).any()


@pytest.mark.parametrize("step_s", [0.7, 10.0, 60.0])
def test_light_times_of_a_run_are_straight_lines_within_its_steps(tmp_path, step_s):
    topology = shell(tmp_path, NEAREST + quito())
    graph, _ = graph_of_topology(topology, START_S, 300.0, step_s=step_s)
    generator = np.random.default_rng(3)
    contacts = np.arange(200) % graph.n_contacts
    begin_ns, end_ns = graph.contact_start_ns[contacts], graph.contact_stop_ns[contacts]
    times_ns = (begin_ns + generator.random(200) * (end_ns - begin_ns)).astype(np.int64)
    ours_ns = [owlt_at(graph, int(c), int(t)) for c, t in zip(contacts, times_ns, strict=True)]
    times_s = START_S + times_ns / NS_PER_S
    expected_s = lines_between_steps(topology, graph, START_S, contacts, times_s, step_s)
    np.testing.assert_allclose(ours_ns, expected_s * NS_PER_S, atol=0.6)
    # Knots are at the bounds of steps, which contacts seldom begin or end at.
    np.testing.assert_allclose(graph.knot_start_ns / NS_PER_S / step_s % 1.0, 0.0, atol=1e-7)
    assert (graph.knot_start_ns < graph.contact_start_ns).any()


def plan_between(*contacts):
    """Contacts (start_s, stop_s, owlt_s) of one pair, without a rate."""
    start_s, stop_s, owlt_s = zip(*contacts, strict=True)
    no = np.zeros(len(contacts))
    return contact_plan_of(no, no + 1, no, start_s, stop_s, no, owlt_s, no, no)


def falling_apart(ends_s):
    """`range_at` of a pair 1500 m apart times the square of t, until one fails."""

    def range_at(from_node, to_node, t_s):
        return np.where(t_s < ends_s, 1500.0 * t_s**2, np.nan)

    return range_at


def light_s_at(t_s):
    return 1500.0 * t_s**2 / SPEED_OF_LIGHT_M_PER_S


def test_light_times_go_on_straight_where_a_satellite_fails_within_a_step():
    plan = plan_between((12.0, 35.0, light_s_at(23.5)), (37.0, 38.0, light_s_at(37.5)), (39.0, 39.5, 0.25))
    knots = light_times_of_steps(plan, falling_apart(38.0), 2.0, 10.0)
    assert knots.first.tolist() == [0, 4, 6, 6]  # the last one's is the plan's own
    assert knots.start_s[:2].tolist() == [12.0, 32.0]
    np.testing.assert_allclose(knots.stop_s[:2], 42.0)
    last_s = [light_s_at(32.0) + (light_s_at(t) - light_s_at(32.0)) * 10.0 / (t - 32.0) for t in (35.0, 38.0)]
    expected_s = [*map(light_s_at, (12.0, 22.0, 32.0)), last_s[0], light_s_at(32.0), last_s[1]]
    np.testing.assert_allclose(knots.light_s, expected_s, rtol=1e-9)
    # One that fails exactly when the step ends is there until then.
    knots = light_times_of_steps(plan.take([0]), falling_apart(42.0), 2.0, 10.0)
    np.testing.assert_allclose(knots.light_s[-1], light_s_at(42.0))


def test_light_times_of_too_many_steps_are_those_of_positions(monkeypatch):
    plan, range_at = plan_between((12.0, 35.0, light_s_at(23.5))), falling_apart(100.0)
    assert len(light_times_of_steps(plan, range_at, 0.0, 1.0).light_s) == 24
    monkeypatch.setattr(light_times, "MOST_KNOTS", 23)
    np.testing.assert_array_equal(
        light_times_of_steps(plan, range_at, 0.0, 1.0).light_s, light_time_knots(plan, range_at).light_s
    )


def test_the_spread_is_how_far_a_light_time_is_ever_off_its_middle(tmp_path):
    plan = plan_between((0.0, 10.0, 0.5), (20.0, 30.0, 0.5), (40.0, 50.0, 0.5), (60.0, 70.0, np.nan))
    light_s = [0.5, 0.500002, 0.499995, 0.5, 0.5, 0.7]
    graph = graph_of(plan, 2, knots=Knots(np.array([0, 2, 2, 4, 6]), np.array(light_s)))
    assert light_time_spread_ns(graph) in (5000, 5001)
    assert light_time_spread_ns(graph_of(plan, 2)) == 0
    topology = shell(tmp_path, NEAREST + quito())
    graph, plan = graph_of_topology(topology, START_S, 300.0)
    middle, _ = graph_of_topology(topology, START_S, 300.0, exact_light_times=False)
    # Where a contact begins or ends its light time is furthest from that of its middle, or not far from it.
    off_s = [
        np.abs(light_times_by_positions(topology, graph, range(plan.size), t_s) - plan.owlt_s).max()
        for t_s in (plan.start_s, plan.stop_s - 1e-6)
    ]
    assert light_time_spread_ns(middle) == 0
    np.testing.assert_allclose(light_time_spread_ns(graph), max(off_s) * NS_PER_S, rtol=0.01)
