"""The link graph of an instant against the slow reference, and the ids of its links."""

import math

import numpy as np
import pytest

from lasermesh.contacts import GSL, ISL, LinkEngine
from lasermesh.contacts.offer_kernels import fill_order_by, fill_ranges, fill_rows, number_links
from lasermesh.errors import UserError
from lasermesh.orbits import build_ephemeris
from lasermesh.scenario.topology import PlanContact
from lasermesh.units import SPEED_OF_LIGHT_M_PER_S
from tests.orbits.scenes import (
    fixed_nodes,
    grid,
    ground,
    plan,
    random_sites,
    sites,
    terminals,
    topology,
    walker,
)
from tests.reference.link_graph import link_graph

ROUNDING_M = 1e-6


def engine_of(scene):
    ephemeris = build_ephemeris(scene)
    return LinkEngine(scene, ephemeris), ephemeris


def graph_of(scene, t_s=0.0):
    return engine_of(scene)[0].graph_at(t_s)


def pairs_of(graph):
    return list(zip(graph.from_node.tolist(), graph.to_node.tolist(), strict=True))


def check_against_reference(scene, engine, ephemeris, t_s):
    graph = engine.graph_at(t_s)
    expected = link_graph(scene, ephemeris.state_at(t_s)[0], t_s)
    assert pairs_of(graph) == sorted(expected)
    rows = [expected[pair] for pair in pairs_of(graph)]
    assert graph.rule.tolist() == [row[0] for row in rows]
    assert graph.kind.tolist() == [row[1] for row in rows]
    assert graph.range_m == pytest.approx([row[2] for row in rows], abs=ROUNDING_M)
    assert graph.rate_bps.tolist() == [row[3] for row in rows]
    return graph


def random_scene(seed):
    """Two patterns, two site groups and up to four rules that overlap."""
    rng = np.random.default_rng(seed)
    one = walker(
        "a",
        planes=int(rng.integers(1, 7)),
        slots=int(rng.integers(1, 12)),
        phasing=0,
        altitude_km=float(rng.uniform(300, 2000)),
        terminals=terminals(25.0, float(rng.uniform(2000, 6000))) if rng.random() < 0.5 else (),
    )
    planes = int(rng.integers(2, 7))
    star = walker(
        "b",
        planes=planes,
        slots=int(rng.integers(3, 12)),
        phasing=int(rng.integers(0, planes)),
        altitude_km=float(rng.choice([550.0, 1200.0, 35_786.0])),
        inclination_deg=float(rng.uniform(30, 120)),
        pattern="walker-star",
        raan_spread_deg=180.0,
        vacant=((0, 0), (1, 2)),
    )
    masked = sites((10.0, 20.0, 40.0), (-60.0, 100.0), (85.0, 0.0, -5.0), name="masked")
    most_km = float(rng.uniform(1000, 9000))
    offsets = ((0, 1), (1, 0)) if rng.random() < 0.5 else ((1, 0), (1, -1), (0, 2))
    every = (
        grid("a", "b", neighbour=str(rng.choice(["nearest-phase", "same-index"])), offsets=offsets),
        grid(
            "b",
            offsets=((1, 1), (0, 1)),
            rate_gbps=3.0,
            max_range_km=most_km,
            wrap=True,
        ),
        ground(("a",), ("cities", "masked"), mask_deg=float(rng.uniform(0, 50))),
        ground(("a", "b"), ("cities", "masked"), up_gbps=1.5, down_gbps=4.25, rate_gbps=None),
        ground(("b",), ("masked",), max_range_km=float(rng.uniform(500, 9000))),
        ground(("a",), ("cities",), max_range_km=2500.0, mask_deg=10.0, rate_gbps=1.0),
    )
    chosen = [rule for rule in every if rng.random() < 0.7]
    rng.shuffle(chosen)
    return topology(one, star, where=[random_sites(8, seed), masked], links=chosen)


@pytest.mark.parametrize("seed", range(25))
def test_engine_and_reference_agree_on_random_topologies(seed):
    scene = random_scene(seed)
    engine, ephemeris = engine_of(scene)
    for t_s in (0.0, 1234.5, 7200.0):
        check_against_reference(scene, engine, ephemeris, t_s)


def test_rows_of_a_node_lie_between_its_offsets():
    graph = graph_of(topology(walker(planes=4, slots=12), where=[random_sites(5)], links=[
        grid("w"), ground(("w",), ("cities",), mask_deg=10.0)
    ]))  # fmt: skip
    assert len(graph) == graph.first[-1] == len(graph.from_node)
    for node in range(len(graph.first) - 1):
        assert (graph.from_node[graph.first[node] : graph.first[node + 1]] == node).all()


def test_range_is_symmetric_and_delay_is_range_over_the_speed_of_light():
    graph = graph_of(topology(walker(slots=12), links=[grid("w")]))
    ranges = dict(zip(pairs_of(graph), graph.range_m.tolist(), strict=True))
    assert all(ranges[to, start] == range_m for (start, to), range_m in ranges.items())
    assert graph.delay_s.tolist() == (graph.range_m / SPEED_OF_LIGHT_M_PER_S).tolist()


def test_walker_144_keeps_every_link_within_published_bounds_for_a_day():
    scene = topology(walker(planes=12, slots=12, phasing=7), links=[grid("w")])
    engine, _ = engine_of(scene)
    shortest_m, longest_m = math.inf, 0.0
    for t_s in np.arange(0.0, 86_400.0, 997.0):
        graph = engine.graph_at(t_s)
        assert len(graph) == 4 * 144
        shortest_m, longest_m = min(shortest_m, graph.range_m.min()), max(longest_m, graph.range_m.max())
    assert shortest_m > 680e3 and longest_m < 3600e3


@pytest.mark.parametrize(
    ("planes", "slots", "phasing", "in_plane_km", "cross_km"),
    [(12, 12, 7, 3586, (688, 2946)), (72, 22, 65, 1972, (172, 512))],
)
def test_links_of_known_shells_are_as_long_as_published(planes, slots, phasing, in_plane_km, cross_km):
    scene = topology(
        walker(planes=planes, slots=slots, phasing=phasing),
        links=[grid("w", offsets=((0, 1),)), grid("w", offsets=((1, 0),))],
    )
    engine, _ = engine_of(scene)
    graphs = [engine.graph_at(t_s) for t_s in (0.0, 700.0, 1400.0)]
    in_plane = np.concatenate([graph.range_m[graph.rule == 0] for graph in graphs])
    cross = np.concatenate([graph.range_m[graph.rule == 1] for graph in graphs])
    assert in_plane / 1e3 == pytest.approx(in_plane_km, abs=10.0)
    assert (cross.min() / 1e3, cross.max() / 1e3) == pytest.approx(cross_km, abs=10.0)


def test_the_first_rule_in_file_order_wins():
    everywhere = {"where": [sites((0.0, 0.0))]}
    fast, slow = ground(("w",), ("cities",)), ground(("w",), ("cities",), rate_gbps=1.0)
    for rules, rate_bps in (((fast, slow), 10_000_000_000), ((slow, fast), 1_000_000_000)):
        graph = graph_of(topology(walker(slots=20), links=rules, **everywhere))
        assert len(graph) == len(set(pairs_of(graph))) > 0
        assert set(graph.rate_bps.tolist()) == {rate_bps} and set(graph.rule.tolist()) == {0}


def test_a_second_rule_serves_where_the_first_does_not_hold():
    high = ground(("w",), ("cities",), mask_deg=40.0)
    low = ground(("w",), ("cities",), mask_deg=10.0, rate_gbps=1.0)
    graph = graph_of(topology(walker(planes=12, slots=20), where=[sites((0.0, 0.0))], links=[high, low]))
    assert set(zip(graph.rule.tolist(), graph.rate_bps.tolist(), strict=True)) == {
        (0, 10_000_000_000),
        (1, 1_000_000_000),
    }


def test_rate_and_range_of_a_grid_link_are_the_lesser_of_rule_and_terminal():
    scene = topology(
        walker(slots=20, terminals=terminals(25.0, 3000.0)),
        links=[grid("w", rate_gbps=40.0, max_range_km=9000.0)],
    )
    graph = graph_of(scene)
    assert set(graph.rate_bps.tolist()) == {25_000_000_000} and 0.0 < graph.range_m.max() <= 3000e3


def test_a_terminal_gives_the_rate_where_no_rule_does():
    group = walker(planes=12, slots=20, terminals=terminals(0.25, 2500.0))
    for rule in (grid("w", rate_gbps=None, offsets=((1, 0),)), ground(("w",), ("cities",), rate_gbps=None)):
        graph = graph_of(topology(group, where=[sites((0.0, 0.0))], links=[rule]), 600.0)
        assert set(graph.rate_bps.tolist()) == {250_000_000} and graph.range_m.max() <= 2500e3


def test_a_ground_link_without_a_rate_of_its_own_needs_a_terminal_that_a_grid_has_left():
    group = walker(slots=12, terminals=terminals(0.25))
    rules = [grid("w", rate_gbps=None), ground(("w",), ("cities",), rate_gbps=None)]
    graph = graph_of(topology(group, where=[sites((0.0, 0.0))], links=rules))
    assert set(graph.kind.tolist()) == {ISL}


def test_a_terminal_between_satellites_does_not_limit_ground_links_with_a_rate_of_their_own():
    scene = topology(
        walker(planes=12, slots=12, terminals=terminals(0.25, 100.0)),
        where=[sites((0.0, 0.0))],
        links=[ground(("w",), ("cities",), rate_gbps=8.0)],
    )
    graph = graph_of(scene)
    assert set(graph.rate_bps.tolist()) == {8_000_000_000} and graph.range_m.min() > 100e3


def test_no_rate_anywhere_is_refused():
    with pytest.raises(UserError, match="no rate: write rate_gbps, or give its satellites terminals"):
        engine_of(topology(walker(), links=[grid("w", rate_gbps=None)]))


def test_up_is_from_the_ground():
    scene = topology(
        walker(planes=12, slots=12),
        where=[sites((0.0, 0.0))],
        links=[ground(("w",), ("cities",), rate_gbps=None, up_gbps=1.0, down_gbps=2.0)],
    )
    graph = graph_of(scene)
    assert (graph.rate_bps[graph.from_node == 144] == 1_000_000_000).all()
    assert (graph.rate_bps[graph.to_node == 144] == 2_000_000_000).all() and len(graph) > 0


def test_range_alone_decides_even_below_the_horizon():
    scene = topology(
        walker(planes=12, slots=12),
        where=[sites((0.0, 0.0))],
        links=[ground(("w",), ("cities",), max_range_km=4000.0)],
    )
    engine, ephemeris = engine_of(scene)
    graph = check_against_reference(scene, engine, ephemeris, 0.0)
    horizon_m = math.sqrt(6_928e3**2 - 6_378e3**2)
    assert graph.range_m.max() > 1.2 * horizon_m


def test_grid_links_have_ids_from_the_start_and_ids_last():
    scene = topology(
        walker(planes=6, slots=8),
        where=[random_sites(10)],
        links=[ground(("w",), ("cities",), mask_deg=10.0), grid("w")],
    )
    engine, _ = engine_of(scene)
    n_grid = len(engine.links.from_node)
    assert n_grid == 2 * 2 * 48
    assert (engine.links.kind == ISL).all() and (engine.links.rule == 1).all()
    ends = list(zip(engine.links.from_node.tolist(), engine.links.to_node.tolist(), strict=True))
    assert ends == sorted(ends)

    ids = {}
    for t_s in [*np.arange(0.0, 4000.0, 200.0), 0.0, 600.0]:
        known = len(engine.links.from_node)
        graph = engine.graph_at(t_s)
        new = graph.link[graph.link >= known]
        assert new.tolist() == list(range(known, known + len(new)))
        for link, pair in zip(graph.link.tolist(), pairs_of(graph), strict=True):
            assert ids.setdefault(link, pair) == pair
        assert (engine.links.from_node[graph.link] == graph.from_node).all()
        assert (engine.links.to_node[graph.link] == graph.to_node).all()
        assert (engine.links.kind[graph.link] == graph.kind).all()
    assert len(set(ids.values())) == len(ids)
    assert (engine.links.kind[n_grid:] == GSL).all()


def test_ids_do_not_depend_on_how_the_engine_came_by_them():
    scene = random_scene(11)
    times = [0.0, 500.0, 100.0]
    one, other = engine_of(scene)[0], engine_of(scene)[0]
    for t_s in times:
        assert one.graph_at(t_s).link.tolist() == other.graph_at(t_s).link.tolist()


def test_ranges_at_another_instant_are_those_of_its_graph():
    scene = topology(
        walker(planes=6, slots=12),
        where=[random_sites(5)],
        links=[grid("w"), ground(("w",), ("cities",), mask_deg=10.0)],
    )
    engine, ephemeris = engine_of(scene)
    now, later = engine.graph_at(0.0), engine.graph_at(1.0)
    assert engine.ranges_at(now.link, 0.0) == pytest.approx(now.range_m, abs=ROUNDING_M)
    both, _, in_later = np.intersect1d(now.link, later.link, return_indices=True)
    assert engine.ranges_at(both, 1.0) == pytest.approx(later.range_m[in_later], abs=ROUNDING_M)
    gone = engine.ranges_at(now.link[:3], 3000.0)
    position_m = ephemeris.state_at(3000.0)[0]
    expected = [math.dist(position_m[a], position_m[b]) for a, b in pairs_of(now)[:3]]
    assert gone == pytest.approx(expected, abs=ROUNDING_M)


def contact(start, to, start_s, stop_s, owlt_s=0.5, rate_bps=1e6, line=2):
    return PlanContact(
        from_name=start,
        to_name=to,
        start_s=start_s,
        stop_s=stop_s,
        rate_bps=rate_bps,
        owlt_s=owlt_s,
        line=line,
    )


def test_a_plan_joins_nodes_without_position_from_start_until_just_before_stop():
    scene = topology(
        fixed_nodes("earth", "mars"),
        links=[plan(contact("earth", "mars", 10.0, 20.0), contact("mars", "earth", 0.0, 15.0, 2.0, 5e5))],
    )
    engine, ephemeris = engine_of(scene)
    for t_s, pairs in ((0.0, [(1, 0)]), (10.0, [(0, 1), (1, 0)]), (15.0, [(0, 1)]), (20.0, [])):
        assert pairs_of(check_against_reference(scene, engine, ephemeris, t_s)) == pairs
    graph = engine.graph_at(10.0)
    assert graph.delay_s == pytest.approx([0.5, 2.0]) and graph.rate_bps.tolist() == [1_000_000, 500_000]
    assert engine.ranges_at(graph.link, 20.0) / SPEED_OF_LIGHT_M_PER_S == pytest.approx([0.5, 2.0])


def test_a_planned_link_keeps_its_id_from_contact_to_contact():
    scene = topology(
        fixed_nodes("a", "b"),
        links=[plan(contact("a", "b", 0.0, 1.0, 0.25), contact("a", "b", 5.0, 6.0, 0.75))],
    )
    engine, _ = engine_of(scene)
    assert engine.graph_at(0.0).link.tolist() == engine.graph_at(5.5).link.tolist() == [0]
    # Between contacts the one that is nearer in time gives the range.
    for t_s, owlt_s in ((1.0, 0.25), (2.0, 0.25), (4.0, 0.75), (5.0, 0.75), (9.0, 0.75)):
        assert engine.ranges_at([0], t_s)[0] == pytest.approx(owlt_s * SPEED_OF_LIGHT_M_PER_S)


def test_of_overlapping_contacts_the_first_in_the_file_holds():
    scene = topology(
        fixed_nodes("a", "b"),
        links=[plan(contact("a", "b", 0.0, 9.0, rate_bps=5.0), contact("a", "b", 3.0, 6.0, rate_bps=7.0))],
    )
    assert graph_of(scene, 4.0).rate_bps.tolist() == [5]


def test_a_contact_without_light_time_takes_it_from_positions():
    scene = topology(
        walker(slots=12),
        where=[sites((0.0, 0.0))],
        links=[plan(contact("w-0-0", "cities-0", 0.0, 9.0, None))],
    )
    engine, ephemeris = engine_of(scene)
    graph, position_m = engine.graph_at(3.0), ephemeris.state_at(3.0)[0]
    assert graph.range_m[0] == pytest.approx(math.dist(position_m[0], position_m[-1]), abs=ROUNDING_M)
    assert graph.kind.tolist() == [GSL]


def test_a_contact_without_light_time_or_position_is_refused():
    scene = topology(fixed_nodes("a", "b"), links=[plan(contact("a", "b", 0.0, 9.0, None, line=7))])
    with pytest.raises(UserError, match=r'line 7: owlt_s is missing, and "a" or "b" has no position'):
        engine_of(scene)


def test_satellites_and_sites_without_position_or_rule_have_no_links():
    scene = topology(fixed_nodes("a"), where=[random_sites(3)], links=[ground(("fixed",), ("cities",))])
    graph = graph_of(scene)
    assert len(graph) == 0 and graph.first.tolist() == [0] * 5
    assert len(graph_of(topology(walker()))) == 0


@pytest.mark.compiled_only
def test_the_kernels_compile_once():
    for seed in (1, 2, 3):
        engine, _ = engine_of(random_scene(seed))
        graph = engine.graph_at(0)
        engine.ranges_at(graph.link[::2], np.float64(5.0))
    for kernel in (fill_ranges, fill_order_by, fill_rows, number_links):
        assert len(kernel.signatures) == 1, kernel
