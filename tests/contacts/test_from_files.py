"""Topologies as people write them: the shipped ones, and element files with planes and slots."""

import math

import numpy as np
import pytest

from lasermesh.contacts import GSL, ISL, LinkEngine, grid_links_of_nodes
from lasermesh.orbits import build_ephemeris
from lasermesh.scenario import load_topology


def engine_of(name_or_path):
    topology = load_topology(name_or_path)
    ephemeris = build_ephemeris(topology)
    return topology, LinkEngine(topology, ephemeris), ephemeris


def checksum(line):
    """Last digit of an element line: the sum of its digits, a minus counting 1 (CelesTrak's TLE format)."""
    return sum(int(c) if c.isdigit() else c == "-" for c in line) % 10


def circular_elements(planes, slots, inclination_deg, phase_deg):
    """A file as Hypatia writes it: three-line element sets of epoch 2000-01-01, `phase_deg` from the node."""
    lines = [f"{planes} {slots}"]
    for number in range(planes * slots):
        plane, slot = divmod(number, slots)
        one = f"1 {number + 1:05d}U 00000ABC 00001.00000000  .00000000  00000-0  00000+0 0    0"
        two = (
            f"2 {number + 1:05d} {inclination_deg:8.4f} {plane * 360 / planes:8.4f} 0000001   0.0000 "
            f"{phase_deg(plane, slot) % 360:8.4f} 15.19000000    0"
        )
        lines += [f"Shell {number}", f"{one}{checksum(one)}", f"{two}{checksum(two)}"]
    return "\n".join(lines) + "\n"


def write_element_topology(folder, elements, neighbour):
    (folder / "shell.tle").write_text(elements)
    (folder / "places.csv").write_text("name,lat_deg,lon_deg\nTokyo,35.69,139.69\nQuito,-0.18,-78.47\n")
    (folder / "shell.toml").write_text(f"""
        epoch = 2000-01-01T00:00:00Z
        [[satellites]]
        name = "shell"
        elements = "shell.tle"
        [[ground]]
        name = "places"
        sites = "places.csv"
        [[links]]
        rule = "grid"
        neighbour = "{neighbour}"
        rate_gbps = 10.0
        [[links]]
        rule = "ground"
        max_range_km = 2500.0
        rate_gbps = 10.0
    """)
    return folder / "shell.toml"


def undirected(table):
    return {frozenset(pair) for pair in zip(table.from_node.tolist(), table.to_node.tolist(), strict=True)}


def test_an_element_file_with_planes_and_slots_makes_a_grid_of_equal_indices(tmp_path):
    elements = circular_elements(8, 12, 53.0, lambda plane, slot: slot * 30.0 + plane % 2 * 15.0)
    topology, engine, ephemeris = engine_of(write_element_topology(tmp_path, elements, "same-index"))
    assert topology.node_names[:2] == ("Shell 0", "Shell 1") and topology.node_names[-1] == "Quito"
    expected = set()
    for plane in range(8):
        for slot in range(12):
            expected.add(frozenset((plane * 12 + slot, plane * 12 + (slot + 1) % 12)))
            expected.add(frozenset((plane * 12 + slot, (plane + 1) % 8 * 12 + slot)))
    assert undirected(engine.links) == expected

    graph = engine.graph_at(0.0)
    position_m, _ = ephemeris.state_at(0.0)
    near = [
        (site, satellite)
        for site in (96, 97)
        for satellite in range(96)
        if math.dist(position_m[site], position_m[satellite]) <= 2500e3
    ]
    of_ground = (graph.kind == GSL) & (graph.from_node >= 96)
    assert list(zip(graph.from_node[of_ground], graph.to_node[of_ground], strict=True)) == near != []


def test_neighbours_in_an_element_file_are_nearest_in_phase_at_the_topologys_epoch(tmp_path):
    # Each plane is 0.7 slots ahead of the one before: the neighbour is one slot behind, but across the wrap.
    elements = circular_elements(5, 10, 53.0, lambda plane, slot: slot * 36.0 + plane * 0.7 * 36.0)
    _, engine, _ = engine_of(write_element_topology(tmp_path, elements, "nearest-phase"))
    joined = undirected(engine.links)
    for slot in range(10):
        for plane in range(4):
            assert frozenset((plane * 10 + slot, (plane + 1) * 10 + (slot - 1) % 10)) in joined
        # Plane 4 is 2.8 slots ahead of plane 0.
        assert frozenset((40 + slot, (slot + 3) % 10)) in joined


def test_links_of_all_grid_rules_are_counted_once_for_each_node(tmp_path):
    # Plane 1 is bunched: its first satellite is nearest to two of plane 0, its last to the other two.
    elements = circular_elements(2, 4, 53.0, lambda plane, slot: slot * (10.0 if plane else 90.0))
    path = write_element_topology(tmp_path, elements, "nearest-phase")
    ring_again = '[[links]]\nrule = "grid"\noffsets = [[0, 1]]\nrate_gbps = 1.0\n'
    path.write_text(path.read_text().replace('neighbour = "', 'wrap = false\n neighbour = "') + ring_again)
    topology, _, ephemeris = engine_of(path)
    assert grid_links_of_nodes(topology, ephemeris).tolist() == [3, 3, 3, 3, 4, 2, 2, 4, 0, 0]


@pytest.mark.parametrize(
    ("name", "satellites", "shortest_km", "longest_km"),
    [
        ("walker-144", 144, 680, 3600),
        ("starlink-gen1", 1584, 530, 1985),
        ("kuiper-630", 1156, 1050, 1485),
        ("iridium", 66, 1540, 4200),
    ],
)
def test_every_grid_link_of_a_shipped_topology_is_up_and_within_its_bounds(
    name, satellites, shortest_km, longest_km
):
    topology, engine, ephemeris = engine_of(name)
    assert ephemeris.n_satellites == satellites and ephemeris.failures == []
    n_grid = len(engine.links.from_node)
    for t_s in (0.0, 1000.0, 50_000.0):
        graph = engine.graph_at(t_s)
        between = graph.range_m[graph.kind == ISL]
        assert len(between) == n_grid
        assert shortest_km * 1e3 < between.min() and between.max() < longest_km * 1e3
        assert np.unique(graph.rate_bps[graph.kind == ISL]).tolist() == [
            round(topology.terminals[0].rate_gbps * 1e9)
        ]
