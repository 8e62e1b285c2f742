"""A topology as one works with it in Python."""

from xml.etree import ElementTree

import networkx
import numpy as np
import pytest

import lasermesh as lm
from lasermesh.errors import UserError
from lasermesh.experiments.contacts import find_contacts
from lasermesh.orbits import build_ephemeris
from tests.experiments.skies import shell

FAR = """
[[satellites]]
name = "w"
pattern = "walker-delta"
planes = 1
slots = 4
phasing_factor = 0
altitude_km = 550.0
inclination_deg = 60.0
[[ground]]
name = "Quito"
lat_deg = -0.18
lon_deg = -78.47
[[links]]
rule = "ground"
rate_gbps = 1.0
max_range_km = 5000.0
"""


@pytest.fixture(scope="module")
def mesh():
    return lm.topology("walker-144", sets=["step_s=2.0"])


def test_a_topology_is_found_by_its_name_its_file_or_is_there_already(mesh, tmp_path):
    assert mesh.topology.step_s == 2.0 and mesh.names[0] == "w-00-00" and len(mesh.names) == 174
    shell(tmp_path)
    assert lm.topology(tmp_path / "shell.toml").topology.name == "shell"
    assert lm.topology(mesh.topology).topology is mesh.topology
    with pytest.raises(UserError, match='did you mean "walker-144"'):
        lm.topology("walker-14")


def test_a_path_is_the_shortest_of_the_graph_at_that_instant(mesh):
    path = mesh.path("Tokyo", "London", at=60.0)
    towards = mesh.graph(at=60.0).to_networkx(towards="London")
    assert path["nodes"] == networkx.shortest_path(towards, "Tokyo", "London", weight="delay_ms")
    delay_ms = networkx.shortest_path_length(towards, "Tokyo", "London", weight="delay_ms")
    assert path["delay_ms"] == pytest.approx(delay_ms, rel=1e-12)
    assert (path["from"], path["to"], path["policy"], path["t_s"]) == (
        "Tokyo",
        "London",
        "shortest-delay",
        60.0,
    )
    assert mesh.path("Tokyo", "London", 60.0, policy="fewest-hops")["hops"] <= path["hops"]


def test_contacts_are_a_table_with_units(mesh):
    table = mesh.contacts(start_s=30.0, duration_s=4.0)
    plan = find_contacts(mesh.topology, 30.0, 4.0).plan
    assert table["start_s"].to_pylist() == plan.start_s.tolist()
    assert table["from"].to_pylist() == [mesh.names[row] for row in plan.from_node]
    assert set(table["kind"].to_pylist()) == {"isl", "gsl"}
    assert table.schema.field("owlt_s").metadata[b"unit"] == b"s"


def test_positions_are_those_of_the_ephemeris_in_km(mesh):
    expected_m, _ = build_ephemeris(mesh.topology).state_at(60.0)
    assert np.array_equal(mesh.positions(at=60.0), expected_m / 1e3)
    with pytest.raises(UserError, match="the instant must be a number of seconds"):
        mesh.positions(at=float("nan"))


@pytest.mark.parametrize("at", ["noon", [0.0, 1.0], float("nan")])
def test_what_is_no_instant_is_refused_by_name(mesh, at):
    for of_instant in (mesh.graph, mesh.positions):
        with pytest.raises(UserError, match="instant must be a number of seconds"):
            of_instant(at)


@pytest.mark.parametrize("load", [lm.topology, lm.run, lm.compare])
def test_a_change_that_is_no_list_is_told_how_to_be_written(load, tmp_path):
    with pytest.raises(UserError, match=r'write sets=\["duration_s=1"\]'):
        load("quick", sets="duration_s=1")


def test_why_there_is_no_link_is_told_with_the_route(mesh):
    told = mesh.explain("Tokyo", "London")
    assert not told["up"] and told["route"]["nodes"] == mesh.path("Tokyo", "London")["nodes"]
    assert mesh.explain("Tokyo", "London", route=False)["route"] is None


def test_warnings_reach_whoever_asks_for_them(tmp_path):
    (tmp_path / "far.toml").write_text(FAR)
    told = []
    lm.topology(tmp_path / "far.toml", warn=told.append)
    (warning,) = told
    assert "below the horizon" in warning


def test_it_shows_what_it_holds(mesh):
    assert repr(mesh) == (
        "<Mesh walker-144, t = 0 at 2026-03-20T12:00:00Z: 144 satellites, 30 ground sites, 2 link rules>"
    )
    page = ElementTree.fromstring(mesh._repr_html_())
    assert [[cell.text for cell in row] for row in page.iter("tr")][1:] == [
        ["satellites", "144"],
        ["ground sites", "30"],
        ["link rules", "2"],
    ]
