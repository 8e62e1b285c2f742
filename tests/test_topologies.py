"""The shipped topologies: that they hold what they say, and that their links make the meshes they mean."""

import networkx
import numpy as np
import pytest

from lasermesh import shipped
from lasermesh.contacts import GSL, ISL, LinkEngine, grid_links_of_nodes
from lasermesh.contacts.grid import grid_pairs
from lasermesh.orbits import build_ephemeris
from lasermesh.scenario import load_topology
from lasermesh.scenario.problems import Report
from lasermesh.scenario.tables import read_csv
from lasermesh.scenario.topology import Site

# Satellites of each group, and how many ground sites there are.
SIZES = {
    "attach-study": (
        {"sl43": 3255, "sl53": 1296, "sl70": 576, "sso700": 5, "sso650": 5, "polar550": 5, "low325": 5},
        0,
    ),
    "courier-satellites": ({"courier": 12}, 6),
    "eo-guests": ({"eo": 5, "dc": 25, "sl43": 3255, "sl53": 1296, "sl70": 576}, 48),
    "eo-passes": ({"eo": 5}, 27),
    "fire-guests": ({"fire": 50, "dc": 25, "sl53": 1296, "sl70": 576}, 23),
    "fire-passes": ({"fire": 50}, 27),
    "iridium": ({"ir": 66}, 30),
    "kuiper": ({"k630": 1156, "k610": 1296, "k590": 784}, 30),
    "kuiper-630": ({"k630": 1156}, 30),
    "million": ({f"{kind}{n}": 50_000 for n in range(10) for kind in ("low", "sun")}, 30),
    "oneweb": ({"ow": 588}, 30),
    "starcloud-guests": ({"sl43": 3255, "sl53": 1296, "sl70": 576, "dc": 25}, 30),
    "starlink-2026": ({"sl43": 3255, "sl53": 1296, "sl70": 576}, 78),
    "starlink-2026-43": ({"sl43": 3255}, 30),
    "starlink-2026-53": ({"sl53": 1296}, 30),
    "starlink-2026-70": ({"sl70": 576}, 30),
    "starlink-gen1": ({"gen1": 1584}, 30),
    "starlink-gen1-5": ({"g1a": 1584, "g1b": 1584, "g1c": 720, "g1d": 348, "g1e": 172}, 30),
    "suncatcher": ({"lead": 1, "sc": 80}, 12),
    "telesat": ({"polar": 78, "inclined": 220}, 30),
    "walker-144": ({"w": 144}, 30),
}
# Those whose grids alone join each shell to one mesh, and how many satellites have how many links by them:
# an odd number of planes or slots, or a seam, leaves some with fewer.
GRIDS = {
    "iridium": {3: 22, 4: 44},
    "kuiper": {4: 3236},
    "kuiper-630": {4: 1156},
    "starlink-2026-53": {2: 18, 3: 1278},
    "starlink-2026-70": {2: 16, 3: 560},
    "starlink-gen1": {4: 1584},
    "starlink-gen1-5": {4: 4408},
    "telesat": {3: 26, 4: 272},
    "walker-144": {4: 144},
}
# Those that are joined by rules that choose: the meshes of satellites at the epoch.
CHOSEN = {"starcloud-guests": 3, "starlink-2026": 1, "starlink-2026-43": 1, "suncatcher": 1}
# The formation as its file says it, over an orbit: how far apart neighbours are, how far from the leader all.
NEIGHBOURS_M, RADIUS_M, ORBIT_S = (100.0, 221.0), (900.0, 1200.0), 5864.0


def load(name):
    return load_topology(shipped.find_topology(name))


def terminal_counts(topology):
    """How many terminals each satellite has at most."""
    counts = [[sum(use.count for use in group.terminals)] * group.size for group in topology.satellites]
    return np.concatenate(counts)


def meshes(n_satellites, pairs):
    """The parts that satellites are joined to by these links, as sets of rows."""
    graph = networkx.Graph()
    graph.add_nodes_from(range(n_satellites))
    graph.add_edges_from(np.asarray(pairs).tolist())
    return list(networkx.connected_components(graph))


def group_of_rows(topology):
    return np.repeat([group.name for group in topology.satellites], [g.size for g in topology.satellites])


@pytest.mark.parametrize("name", shipped.list_topologies())
def test_a_topology_has_the_satellites_and_sites_it_says_and_no_warning(name):
    topology = load(name)
    groups, sites = SIZES[name]
    assert topology.name == name
    assert {group.name: group.size for group in topology.satellites} == groups
    assert sum(len(group.sites) for group in topology.ground) == sites
    assert topology.warnings == () and topology.skipped == ()


@pytest.mark.parametrize("name", shipped.list_topologies())
def test_a_topology_names_what_is_guessed_in_it(name):
    text = shipped.find_topology(name).read_text(encoding="utf-8")
    comment = text[: text.index("\nname = ")]
    assert all(line.startswith("#") for line in comment.splitlines() if line)
    assert "Guesses" in comment


@pytest.mark.parametrize("name", GRIDS)
def test_grids_join_each_shell_to_one_mesh_and_no_two_shells(name):
    topology = load(name)
    ephemeris = build_ephemeris(topology)
    n_satellites = ephemeris.n_satellites
    links = grid_links_of_nodes(topology, ephemeris)[:n_satellites]
    assert {count: int((links == count).sum()) for count in np.unique(links).tolist()} == GRIDS[name]
    assert (links <= terminal_counts(topology)).all()
    rules = [index for index, rule in enumerate(topology.links) if rule.rule == "grid"]
    pairs = np.concatenate([grid_pairs(topology, index, ephemeris) for index in rules])
    names = group_of_rows(topology)
    shells = {frozenset(np.flatnonzero(names == group.name).tolist()) for group in topology.satellites}
    assert {frozenset(part) for part in meshes(n_satellites, pairs)} == shells


@pytest.mark.compiled_only
@pytest.mark.parametrize("name", [*GRIDS, *CHOSEN])
def test_at_the_epoch_links_keep_to_the_terminals_and_join_what_they_should(name):
    topology = load(name)
    ephemeris = build_ephemeris(topology)
    graph = LinkEngine(topology, ephemeris).graph_at(0.0)
    is_isl, n_satellites = graph.kind == ISL, ephemeris.n_satellites
    links = np.bincount(graph.from_node[is_isl], minlength=n_satellites)[:n_satellites]
    counts = terminal_counts(topology)
    assert (links <= counts).all()
    assert links.sum() >= 0.95 * counts.sum() or name in ("starcloud-guests", "suncatcher", "iridium")
    pairs = np.stack((graph.from_node, graph.to_node), axis=1)
    n_meshes = CHOSEN.get(name, len(topology.satellites))
    assert len(meshes(n_satellites, pairs[is_isl])) == n_meshes


@pytest.mark.compiled_only
def test_every_guest_has_a_host_or_two_and_shells_are_joined_by_the_cities():
    topology = load("starcloud-guests")
    ephemeris = build_ephemeris(topology)
    graph = LinkEngine(topology, ephemeris).graph_at(0.0)
    guests = topology.group_rows("dc")
    from_guests = (graph.from_node >= guests.start) & (graph.from_node < guests.stop)
    rows, links = np.unique(graph.from_node[from_guests], return_counts=True)
    assert rows.tolist() == list(guests)
    assert set(links.tolist()) <= {1, 2}  # two where one is soon to end
    assert (graph.to_node[from_guests] < guests.start).all()
    assert len(meshes(ephemeris.n_nodes, np.stack((graph.from_node, graph.to_node), axis=1))) == 1


def test_oneweb_links_satellites_with_the_ground_alone():
    topology = load("oneweb")
    graph = LinkEngine(topology, build_ephemeris(topology)).graph_at(0.0)
    assert len(graph.link) and (graph.kind == GSL).all()
    assert not any(group.transit for group in topology.ground)


def test_suncatchers_satellites_keep_the_distances_of_the_study():
    topology = load("suncatcher")
    ephemeris = build_ephemeris(topology)
    neighbours = lattice_of(topology)
    assert len(neighbours) == 2 * 8 * 9
    least_m, most_m = [], []
    for t_s in np.linspace(0.0, ORBIT_S, 49).tolist():
        position_m = ephemeris.state_at(t_s)[0][: ephemeris.n_satellites]
        from_leader_m = np.linalg.norm(position_m - position_m[topology.row_of("lead-0-0")], axis=1)
        assert RADIUS_M[0] < from_leader_m.max() < RADIUS_M[1]
        apart_m = np.linalg.norm(position_m[:, None] - position_m[None, :], axis=2)
        least_m.append(apart_m[np.triu_indices(len(apart_m), 1)].min())
        most_m.append(apart_m[tuple(neighbours.T)].max())
    # Nobody comes nearer to anybody than neighbours do.
    assert min(least_m) == pytest.approx(NEIGHBOURS_M[0], abs=0.5) and min(least_m) > NEIGHBOURS_M[0] - 0.01
    assert max(most_m) < NEIGHBOURS_M[1] - 0.9


@pytest.mark.compiled_only
def test_suncatchers_links_along_its_lattice_last():
    topology = load("suncatcher")
    engine = LinkEngine(topology, build_ephemeris(topology))
    neighbours = {tuple(pair) for pair in lattice_of(topology).tolist()}
    n_satellites = sum(group.size for group in topology.satellites)
    for t_s in np.linspace(0.0, ORBIT_S, 9).tolist():
        graph = engine.graph_at(t_s)
        pairs = np.stack((graph.from_node, graph.to_node), axis=1)[graph.kind == ISL]
        assert neighbours <= {tuple(pair) for pair in pairs.tolist()}
        assert len(meshes(n_satellites, pairs)) == 1


def lattice_of(topology):
    """Neighbours in the formation's lattice: rows (n, 2), each pair once."""
    group = next(group for group in topology.satellites if group.leader is not None)
    offsets_m = np.concatenate(([(0.0, 0.0, 0.0)], group.offsets_m))  # the leader has row 0
    apart_m = np.abs(offsets_m[:, None] - offsets_m[None, :])
    is_beside = (apart_m == (200.0, 0.0, 0.0)).all(axis=2) | (apart_m == (0.0, 0.0, 110.0)).all(axis=2)
    return np.argwhere(np.triu(is_beside))


@pytest.mark.compiled_only
def test_gateways_take_no_more_satellites_than_they_have_antennas():
    topology = load("starlink-2026")
    graph = LinkEngine(topology, build_ephemeris(topology)).graph_at(0.0)
    links = np.bincount(graph.from_node, minlength=len(topology.node_names))[topology.group_rows("gateways")]
    antennas = [site.antennas for group in topology.ground for site in group.sites if site.antennas]
    assert set(antennas) == {2, 4, 5, 8, 32, 40}
    assert (links <= antennas).all() and (links == antennas).any()


def sites_of(name):
    file = shipped.find_sites(name)
    rows, sound = read_csv(file.read_text(), str(file), Site, Report())
    assert sound
    return [(row["name"], row["lat_deg"], row["lon_deg"]) for _, row in rows]


@pytest.mark.parametrize("name", [name for name in shipped.list_sites() if name[-1].isdigit()])
def test_a_set_of_sites_has_as_many_as_its_name_says(name):
    sites = sites_of(name)
    assert len(sites) == len({site for site, *_ in sites}) == int(name.rpartition("-")[2])


@pytest.mark.parametrize(
    ("smaller", "larger"), [("polar-1", "polar-2"), ("ksat-27", "ksat-36"), ("global-8", "eo-stations")]
)
def test_smaller_sets_of_stations_are_part_of_larger_ones(smaller, larger):
    assert set(sites_of(smaller)) < set(sites_of(larger))
