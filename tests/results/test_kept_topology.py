"""A run keeps its topology whole: from the folder alone come the same nodes, places and links."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from lasermesh import shipped
from lasermesh.contacts import LinkEngine
from lasermesh.errors import UserError
from lasermesh.orbits import build_ephemeris
from lasermesh.results import RunFolder, load
from lasermesh.scenario import load_topology
from lasermesh.scenario.fields import as_plain
from tests.results.examples import SCENARIO, summary

TABLES = Path(__file__).parents[1] / "scenario" / "tables"
SHIPPED = [name for name in shipped.list_topologies() if name != "million"]  # its patterns are as others
OF_FILES = sorted(TABLES.glob("*.toml"))
OF_GRAPH = ("link", "from_node", "to_node", "range_m", "rate_bps", "kind", "rule")
PLANS = [*shipped.list_plans(), str(TABLES / "plan.csv")]


def kept(topology, path):
    """The finished run of a topology in a folder."""
    with RunFolder.create("pencil", topology.node_names, output=path) as folder:
        folder.keep_topology(topology)
        folder.close(summary(), SCENARIO | {"topology": topology.to_dict()})
    return load(path)


def without_files(topology):
    return dataclasses.replace(topology, file=None, files={}, warnings=(), skipped=())


@pytest.mark.parametrize("name", [*SHIPPED, *OF_FILES], ids=lambda name: getattr(name, "stem", name))
def test_topology_comes_back_as_it_was(tmp_path, name):
    topology = load_topology(name)
    rebuilt = kept(topology, tmp_path / "run").topology
    assert rebuilt == without_files(topology)
    assert rebuilt.node_names == topology.node_names
    assert repr(rebuilt) == repr(topology)  # 1.0 is not 1


@pytest.mark.parametrize("plan", PLANS)
def test_nodes_and_numbers_of_a_plan_come_back(tmp_path, plan):
    file = tmp_path / "nodes.toml"
    file.write_text(
        f'[[satellites]]\nname = "all"\nfixed = "{plan}"\nprefix = true\n\n'
        '[[satellites]]\nname = "more"\nfixed = ["a", "b"]\nprefix = true\n'
    )
    topology = load_topology(file)
    rebuilt = kept(topology, tmp_path / "run").topology
    assert rebuilt == without_files(topology)
    assert np.array_equal(rebuilt.ipn_numbers, topology.ipn_numbers)


@pytest.mark.parametrize("name", ["suncatcher", "satellites", "links"])
def test_places_and_links_are_the_same_bits(tmp_path, name):
    """A formation, element sets, and rules of all kinds with a plan among them."""
    topology = load_topology(name if name in SHIPPED else TABLES / f"{name}.toml")
    found = []
    for each in (topology, kept(topology, tmp_path / "run").topology):
        ephemeris = build_ephemeris(each)
        graph = LinkEngine(each, ephemeris).graph_at(0.0)
        position_m, velocity_m_per_s = ephemeris.state_at(1234.5)
        found.append([position_m, velocity_m_per_s, *(getattr(graph, name) for name in OF_GRAPH)])
    assert len(found[0][2]) > 0
    for before, after in zip(*found, strict=True):
        assert before.tobytes() == after.tobytes()


def test_older_run_says_what_is_missing(tmp_path):
    topology = load_topology(TABLES / "satellites.toml")
    with RunFolder.create("pencil", topology.node_names, output=tmp_path / "run") as folder:
        folder.close(summary(), SCENARIO | {"topology": as_plain(topology)})
    with pytest.raises(UserError, match=r"there is no elements\.parquet, .* run it again"):
        _ = load(tmp_path / "run").topology


def test_damaged_topology_is_a_sentence(tmp_path):
    kept(load_topology("walker-144"), tmp_path / "run")
    path = tmp_path / "run" / "manifest.json"
    manifest = json.loads(path.read_text())
    del manifest["scenario"]["topology"]["epoch"]
    path.write_text(json.dumps(manifest))
    with pytest.raises(UserError, match="the topology in the manifest is damaged"):
        _ = load(tmp_path / "run").topology
