"""Policies that look back or go astray on purpose: `churn-averse`, `load-aware` and `valiant`."""

import dataclasses
import itertools

import numpy as np
import pytest

from lasermesh.routing import compute_table, follow
from tests.reference import policies as reference
from tests.reference.packet_simulator import draw
from tests.reference.routing import outcomes, shortest_delays, snapshot_of
from tests.routing.networks import random_network, shipped

SAME_SUM = 1e-12  # sums of a dozen float64 numbers in another order


def changed(snapshot, rng):
    """The same network a little later: other lengths, some links gone."""
    kept = np.flatnonzero(rng.random(snapshot.n_links) < 0.9)
    range_m = snapshot.range_m[kept] * rng.uniform(0.8, 1.25, len(kept))
    links = list(
        zip(snapshot.from_node[kept].tolist(), snapshot.to_node[kept].tolist(), range_m, strict=True)
    )
    flows = list(zip(snapshot.flow_from.tolist(), snapshot.flow_to.tolist(), strict=True))
    ids, options = snapshot.link[kept].tolist(), dict(snapshot.options)
    return snapshot_of(snapshot.n_nodes, links, flows, snapshot.transit, ids, options=options)


def test_a_path_is_kept_until_it_breaks_or_is_too_long():
    rng = np.random.default_rng(31)
    seen = set()
    for _ in range(30):
        margin = float(rng.choice([0.0, 0.1, 0.5]))
        snapshot = random_network(rng, options={"margin": margin})
        kept = {}
        table = None
        for _step in range(5):
            table, report = compute_table("churn-averse", dataclasses.replace(snapshot, previous=table))
            assert len(report.looping_flows) == 0
            for flow, (start, end) in enumerate(zip(snapshot.flow_from, snapshot.flow_to, strict=True)):
                graph = reference.graph_towards(snapshot, int(end))
                best_s = shortest_delays(snapshot, int(end)).get(int(start))
                found = follow(snapshot, table, flow)
                last = kept.get(flow)
                whole = last and all(graph.has_edge(*hop) for hop in itertools.pairwise(last))
                if best_s is None:
                    assert found == []
                elif whole and reference.delay_of(graph, last) <= (1.0 + margin) * best_s:
                    assert found == last
                    seen.add("kept" if reference.delay_of(graph, last) > best_s * 1.001 else "still best")
                else:
                    assert reference.delay_of(graph, found) == pytest.approx(best_s, rel=SAME_SUM)
                    seen.add("too long" if whole else "broken" if last else "new")
                kept[flow] = found
            snapshot = changed(snapshot, rng)
    assert seen == {"kept", "still best", "too long", "broken", "new"}


def test_without_a_margin_paths_are_those_of_shortest_delay_over_a_shipped_mesh():
    table = None
    for t_s in (0.0, 300.0):
        snapshot = shipped("walker-144", t_s, previous=table, options={"margin": 0.0})
        table, _ = compute_table("churn-averse", snapshot)
        best, _ = compute_table("shortest-delay", snapshot)
        for flow in range(snapshot.n_flows):
            assert follow(snapshot, table, flow) == follow(snapshot, best, flow)


RATE_BPS = 25_000_000_000  # of all links of `snapshot_of`
SOURCES = range(2, 10)


def two_ways(load=None, previous=None, both=True, **options):
    """Eight sources that reach node 10 by way of node 0 or, if there are both, of node 1.

    To some the one way is nearer, to some the other, from source to source by 30 m.
    """
    links = [(0, 10, 1e6)] + [(1, 10, 1e6)] * both
    ids = [0] + [1] * both
    for place, source in enumerate(SOURCES):
        links += [(source, 0, 1e6 + 15.0 * place), (source, 1, 1e6 + 15.0 * (7 - place))]
        ids += [2 * source, 2 * source + 1]
    flows = [(source, 10) for source in SOURCES]
    return snapshot_of(11, links, flows, ids=ids, load=load, previous=previous, options=options)


def sources_by_way(n_steps, **options):
    """How many sources, each a tenth of a link's load, go by node 0 in each step; node 1 comes after ten."""
    table, load, shares = None, None, []
    for step in range(n_steps):
        snapshot = two_ways(both=step >= 10, previous=table, **options)
        if load is not None:
            snapshot = dataclasses.replace(snapshot, load=load[snapshot.link])
        table, _ = compute_table("load-aware", snapshot)
        ways = [follow(snapshot, table, flow)[1] for flow in range(snapshot.n_flows)]
        shares.append(ways.count(0))
        load = np.zeros(30)
        load[0], load[1] = 0.1 * ways.count(0), 0.1 * ways.count(1)
    return shares


def test_without_damping_all_sources_swing_from_one_way_to_the_other_for_ever():
    assert sources_by_way(30) == [8] * 10 + [0, 8] * 10


def test_with_damping_they_come_to_rest():
    shares = sources_by_way(60, damping=0.8)
    assert shares[:11] == [8] * 10 + [0]
    assert shares[-30:] == [4] * 30


def test_a_wait_is_that_of_a_queue_with_fixed_service_and_no_link_is_impassable():
    # M/D/1 at a load of 0.5 waits half a service; at 1, taken for 0.95, nine and a half.
    service_m = 1500 * 8 / RATE_BPS * 299_792_458.0
    for load, services in ((0.0, 0.0), (0.5, 0.5), (0.95, 9.5), (1.0, 9.5)):
        for longer, expected in ((-0.01, [0, 1, 2]), (0.01, [0, 2])):
            detour_m = services * service_m + longer
            links = [(0, 2, 1e6), (0, 1, 5e5), (1, 2, 5e5 + max(detour_m, 0.005))]
            if detour_m < 0.0 and services == 0.0:
                continue
            measured = np.array([0.0, load, 0.0])  # links in the order of their ends: 0-1, 0-2, 1-2
            snapshot = snapshot_of(3, links, [(0, 2)], load=measured)
            assert follow(snapshot, compute_table("load-aware", snapshot)[0], 0) == expected


def test_what_was_measured_before_fades_by_the_damping():
    first = two_ways(np.linspace(0.0, 0.9, 18), damping=0.75)
    table, _ = compute_table("load-aware", first)
    np.testing.assert_allclose(table.notes.load[first.link], 0.25 * first.load)
    second = two_ways(np.full(18, 0.4), table, damping=0.75)
    table, _ = compute_table("load-aware", second)
    np.testing.assert_allclose(table.notes.load[second.link], 0.75 * 0.25 * first.load + 0.1)


def test_what_was_measured_counts_once_however_many_tables_are_made_of_it():
    load = np.linspace(0.0, 0.9, 18)
    table = None
    for until_s, expected in ((1.0, 0.25), (1.0, 0.25), (2.0, 0.4375), (2.0, 0.4375)):
        snapshot = dataclasses.replace(two_ways(load, table, damping=0.75), load_until_s=until_s)
        table, _ = compute_table("load-aware", snapshot)
        np.testing.assert_allclose(table.notes.load[snapshot.link], expected * load)


def test_valiant_goes_by_the_satellites_that_hashes_choose_and_the_shortest_way_to_and_from_them():
    rng = np.random.default_rng(33)
    twice = 0
    for seed in range(25):
        most = int(rng.integers(1, 4))
        ground = rng.random(9) < 0.3
        snapshot = random_network(rng, 9, is_ground=ground, seed=seed, options={"intermediates": most})
        table, report = compute_table("valiant", snapshot)
        assert len(report.looping_flows) == 0
        for flow, ends in enumerate(zip(snapshot.flow_from.tolist(), snapshot.flow_to.tolist(), strict=True)):
            start, end = ends
            best_s = shortest_delays(snapshot, end)
            paths = reference.paths_of(snapshot, table, flow)
            drawn = reference.way_points(snapshot, start, end, most, seed)
            assert outcomes(snapshot, table, flow) == {"arrives" if start in best_s else "dead end"}
            if start not in best_s:
                continue
            assert len(paths) == max(1, len(drawn))
            graph = reference.graph_towards(snapshot, end)
            if not drawn:
                assert reference.delay_of(graph, paths[0]) == pytest.approx(best_s[start], rel=SAME_SUM)
            for nodes, way_point in zip(paths, drawn, strict=False):
                twice += len(set(nodes)) < len(nodes)
                to_it_s = shortest_delays(snapshot, way_point)[start]
                if end in nodes[:-1] or way_point not in nodes:
                    continue  # the destination lies on the way and takes the packet
                total_s = to_it_s + best_s[way_point]
                assert reference.delay_of(graph, nodes) == pytest.approx(total_s, rel=SAME_SUM)
    assert twice > 0  # nodes that are passed with either label


def test_way_points_stay_while_they_can_be_reached_and_change_with_the_seed():
    drawn = {}
    for seed, t_s in ((1, 0.0), (1, 60.0), (2, 0.0)):
        snapshot = shipped("walker-144", t_s, seed=seed)
        table, report = compute_table("valiant", snapshot)
        assert len(report.dead_end_flows) == len(report.looping_flows) == 0
        for flow, (start, end) in enumerate(
            zip(snapshot.flow_from.tolist(), snapshot.flow_to.tolist(), strict=True)
        ):
            # All satellites of this mesh can be reached: the one with the greatest hash it is.
            hashes = [draw(seed, reference.WAY_POINT, start << 32 | end, node) for node in range(144)]
            point = hashes.index(max(hashes))
            assert point in reference.paths_of(snapshot, table, flow)[0]
            drawn.setdefault(seed, []).append(point)
    assert drawn[1][: len(drawn[2])] != drawn[2]
