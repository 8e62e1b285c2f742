"""The link graph at one instant, as JSON and as GraphML."""

import io
import math
from xml.etree import ElementTree

import networkx
import pytest

from lasermesh.errors import UserError
from lasermesh.experiments.graphs import graph, graph_at
from lasermesh.orbits import build_ephemeris
from lasermesh.scenario import load_topology
from tests.experiments.skies import shell

MIXED = """
epoch = 2026-03-20T12:00:00Z
[[satellites]]
name = "w"
pattern = "walker-delta"
planes = 4
slots = 6
phasing_factor = 1
altitude_km = 1400.0
inclination_deg = 60.0
[[satellites]]
name = "bare"
fixed = ["relay"]
[[ground]]
name = "Quito"
lat_deg = 0.0
lon_deg = 0.0
height_m = 0.0
[[ground]]
name = "Pole"
lat_deg = 90.0
lon_deg = 0.0
[[links]]
rule = "grid"
rate_gbps = 10.0
max_range_km = 20000.0
[[links]]
rule = "ground"
sites = "Quito"
rate_gbps = 1.5
[[links]]
rule = "plan"
plan = "plan.csv"
"""

PLAN = """from,to,start_s,stop_s,rate_bps,owlt_s
Pole,relay,0,10,2000000,0.5
"""


@pytest.fixture
def mixed(tmp_path):
    (tmp_path / "mixed.toml").write_text(MIXED)
    (tmp_path / "plan.csv").write_text(PLAN)
    return load_topology(tmp_path / "mixed.toml")


def test_the_graph_has_the_fields_of_the_contract(mixed):
    result = graph(mixed, 1.5)
    assert list(result) == ["topology", "t_s", "utc", "nodes", "links", "memory"]
    assert (result["topology"], result["t_s"]) == ("mixed", 1.5)
    assert result["utc"] == "2026-03-20T12:00:01.500000Z"
    assert len(result["nodes"]) == 27
    for node in result["nodes"]:
        assert list(node) == ["name", "kind", "position_km", "sunlight", "transit"]
    for link in result["links"]:
        assert list(link) == ["from", "to", "kind", "range_km", "delay_ms", "rate_gbps"]
        assert link["delay_ms"] == pytest.approx(link["range_km"] / 299.792458, rel=1e-12)


def test_positions_are_earth_fixed_and_null_where_there_is_none(mixed):
    nodes = {node["name"]: node for node in graph(mixed)["nodes"]}
    assert nodes["Quito"]["position_km"] == pytest.approx([6378.137, 0.0, 0.0], abs=1e-6)
    assert nodes["Pole"]["position_km"] == pytest.approx([0.0, 0.0, 6356.752314], abs=1e-6)
    assert nodes["Quito"]["kind"] == nodes["Pole"]["kind"] == "ground"
    assert nodes["relay"] == {
        "name": "relay",
        "kind": "satellite",
        "position_km": None,
        "sunlight": None,
        "transit": True,
    }
    assert math.hypot(*nodes["w-0-0"]["position_km"]) == pytest.approx(7778.0, abs=20.0)


def test_satellites_are_told_with_how_the_sun_shines_on_them(mixed):
    sunlight = [node["sunlight"] for node in graph(mixed)["nodes"]]
    expected = [
        ("sunlit", "penumbra", "umbra")[value] for value in build_ephemeris(mixed).illumination_at(0.0)[:24]
    ]
    assert sunlight == [*expected, None, None, None]  # the bare node and the sites have none
    assert {"sunlit", "umbra"} <= set(expected)
    shadow = dict(row[:2] for row in graph_at(mixed).describe())["satellites in the Earth's shadow"]
    assert int(shadow) == len(expected) - expected.count("sunlit")
    nodes = networkx.read_graphml(io.BytesIO(graph_at(mixed).to_graphml().encode())).nodes
    assert [nodes[f"w-{i // 6}-{i % 6}"]["sunlight"] for i in range(24)] == expected


def test_memory_is_told_and_a_warm_up_moves_its_beginning(tmp_path):
    topology = shell(tmp_path)
    assert graph(topology, 90.0)["memory"] == {"from_s": 0.0, "warm_up_s": None}
    assert graph(topology, 90.0, warm_up_s=30.0)["memory"] == {"from_s": 60.0, "warm_up_s": 30.0}
    assert graph(topology, -5.0)["memory"] == {"from_s": -5.0, "warm_up_s": None}
    with pytest.raises(UserError, match="the warm-up must be from 0"):
        graph(topology, 90.0, warm_up_s=-1.0)


def test_links_are_as_long_as_their_ends_are_apart_and_lead_both_ways(mixed):
    result = graph(mixed)
    position_km = {node["name"]: node["position_km"] for node in result["nodes"]}
    ends = {(link["from"], link["to"]) for link in result["links"]}
    kinds = {node["name"]: node["kind"] for node in result["nodes"]}
    for link in result["links"]:
        start, end = link["from"], link["to"]
        assert link["kind"] == ("gsl" if "ground" in (kinds[start], kinds[end]) else "isl")
        if start != "Pole":
            assert link["range_km"] == pytest.approx(
                math.dist(position_km[start], position_km[end]), rel=1e-12
            )
            assert (end, start) in ends
            assert link["rate_gbps"] == (1.5 if "Quito" in (start, end) else 10.0)


def test_a_planned_link_has_the_length_of_its_light_time(mixed):
    (link,) = (link for link in graph(mixed)["links"] if link["from"] == "Pole")
    assert link["to"] == "relay" and link["rate_gbps"] == 0.002
    assert link["delay_ms"] == pytest.approx(500.0, rel=1e-12)
    assert not [link for link in graph(mixed, 10.0)["links"] if link["from"] == "Pole"]


def test_graphml_is_read_back_by_networkx(mixed):
    result = graph(mixed)
    read = networkx.read_graphml(io.BytesIO(graph_at(mixed).to_graphml().encode()))
    assert read.is_directed() and read.graph["topology"] == "mixed" and read.graph["utc"] == result["utc"]
    assert list(read.nodes) == [node["name"] for node in result["nodes"]]
    assert read.nodes["relay"] == {"kind": "satellite", "transit": True}
    assert [read.nodes["Quito"][key] for key in ("x_km", "y_km", "z_km")] == result["nodes"][25][
        "position_km"
    ]
    assert len(read.edges) == len(result["links"])
    for link in result["links"]:
        edge = read.edges[link["from"], link["to"]]
        assert edge == {key: link[key] for key in ("kind", "range_km", "delay_ms", "rate_gbps")}


def test_the_description_counts_nodes_and_links(mixed):
    result = graph(mixed)
    rows = {row[0]: row[1:] for row in graph_at(mixed).describe()}
    assert rows["satellites"][0] == "25" and rows["ground sites"][0] == "2"
    isl = [link["range_km"] for link in result["links"] if link["kind"] == "isl"]
    assert rows["satellite links, km"][:2] == (str(len(isl)), f"{min(isl):.1f}")
    linked = {link[end] for link in result["links"] for end in ("from", "to")}
    assert rows["nodes without a link"][0] == str(27 - len(linked))


def test_an_instant_that_is_none_is_refused(mixed):
    with pytest.raises(UserError, match="the instant must be a number of seconds"):
        graph(mixed, float("inf"))


@pytest.mark.parametrize("at_s", [1e12, -1e12, 3.2e9])
def test_an_instant_at_which_orbits_mean_nothing_is_refused(mixed, at_s):
    with pytest.raises(UserError, match="the instant must be within 100 years of the topology's epoch"):
        graph(mixed, at_s)


@pytest.mark.parametrize(
    ("epoch", "years", "year"), [("2056-12-31", 100, "2157"), ("1957-01-01", -100, "1856")]
)
def test_every_instant_that_is_not_refused_has_a_date(tmp_path, mixed, epoch, years, year):
    (tmp_path / "mixed.toml").write_text(MIXED.replace("2026-03-20", epoch))
    result = graph(load_topology(tmp_path / "mixed.toml"), years * 365.25 * 86_400.0)
    assert result["utc"].startswith(year)


def test_tables_hold_what_json_does_with_units_in_their_metadata(mixed):
    found = graph_at(mixed)
    result = found.to_dict()
    assert found.links.to_pylist() == result["links"]
    for row, node in zip(found.nodes.to_pylist(), result["nodes"], strict=True):
        position_km = [row.pop(axis) for axis in ("x_km", "y_km", "z_km")]
        assert row | {"position_km": None if None in position_km else position_km} == node
    for table in (found.nodes, found.links):
        for field in table.schema:
            name, unit = field.name.rpartition("_")[::2] if "_" in field.name else (field.name, "")
            assert field.metadata.get(b"unit", b"").decode().lower() == unit, name


def test_a_networkx_graph_towards_a_site_leads_through_no_other(mixed):
    whole, towards = graph_at(mixed).to_networkx(), graph_at(mixed).to_networkx("Pole")
    assert whole.in_degree("Quito") > 0 and towards.in_degree("Quito") == 0
    assert set(whole.edges) - set(towards.edges) == {edge for edge in whole.edges if edge[1] == "Quito"}
    assert dict(whole.nodes(data=True)) == dict(towards.nodes(data=True))
    assert {whole.edges[edge]["kind"] for edge in whole.in_edges("Quito")} == {"gsl"}
    with pytest.raises(UserError, match='no node is named "Pol" in topology "mixed"; did you mean "Pole"'):
        graph_at(mixed).to_networkx("Pol")


def test_what_a_notebook_shows_is_the_description_escaped(tmp_path):
    text = MIXED.replace("epoch", 'name = "a < b"\nepoch', 1)
    (tmp_path / "mixed.toml").write_text(text)
    (tmp_path / "plan.csv").write_text(PLAN)
    found = graph_at(load_topology(tmp_path / "mixed.toml"), 60)
    page = ElementTree.fromstring(found._repr_html_())
    assert page.find(".//strong").text == "a < b at t = 60 s, 2026-03-20T12:01:00Z"
    cells = [tuple(cell.text or "" for cell in row) for row in page.iter("tr")]
    assert cells == found.describe()
    assert repr(found) == f"<Graph a < b at t = 60 s: 25 satellites, 2 ground sites, {len(found.kind)} links>"
