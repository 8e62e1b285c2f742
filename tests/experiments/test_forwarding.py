"""Next hops as a stream of differences: applied in order they give every table."""

import numpy as np
import pytest

from lasermesh.contacts import LinkEngine
from lasermesh.errors import UserError
from lasermesh.experiments.forwarding import next_hop_changes
from lasermesh.experiments.paths import paths
from lasermesh.experiments.snapshots import SnapshotMaker
from lasermesh.orbits import build_ephemeris
from lasermesh.routing import compute_table
from lasermesh.scenario import load_experiment
from tests.experiments.worlds import go, write_moving

STEPS = {"start_s": 20.0, "duration_s": 360.0, "step_s": 60.0}


@pytest.fixture
def topology(tmp_path):
    return load_experiment(write_moving(tmp_path)).topology


def tables_of(topology, policy):
    """The tables of the same steps, one by one."""
    ephemeris = build_ephemeris(topology)
    links = LinkEngine(topology, ephemeris)
    ends = np.array([topology.row_of("Quito"), topology.row_of("Lima")])
    for step in range(6):
        t_s = STEPS["start_s"] + step * STEPS["step_s"]
        snapshot = SnapshotMaker(topology, ephemeris, ends, ends[::-1]).of(links.graph_at(t_s))
        yield t_s, compute_table(policy, snapshot)[0].link


@pytest.mark.parametrize("policy", ["shortest-delay", "fewest-hops"])
def test_differences_applied_in_order_give_each_table(topology, policy):
    link = np.full((26, 2, 1), -1)
    n_changes = []
    stream = next_hop_changes(topology, ["Lima", "Quito", "Lima"], **STEPS, policy=policy)
    for (t_s, changes), (expected_t_s, table) in zip(stream, tables_of(topology, policy), strict=True):
        place = changes.node, changes.label, changes.choice
        assert t_s == expected_t_s and (changes.t_s == t_s).all()
        np.testing.assert_array_equal(link[place], changes.link_before)
        link[place] = changes.link_after
        np.testing.assert_array_equal(link, table)
        n_changes.append(len(changes.node))
    assert n_changes[0] > max(n_changes[1:]) > 0


def test_next_nodes_lead_along_the_paths_that_are_told_elsewhere(topology):
    names = topology.node_names
    onward = {}
    samples = paths(topology, [("Quito", "Lima")], **STEPS)["paths"][0]["samples"]
    for (_, changes), sample in zip(next_hop_changes(topology, ["Lima"], **STEPS), samples, strict=True):
        assert {names[row] for row in changes.destination} <= {"Lima"}
        for node, before, after in zip(changes.node, changes.next_before, changes.next_after, strict=True):
            assert onward.get(node, -1) == before
            onward[int(node)] = int(after)
        nodes = [names.index("Quito")]
        while sample["reachable"] and names[nodes[-1]] != "Lima":
            nodes.append(onward[nodes[-1]])
        assert [names[row] for row in nodes] == (sample["nodes"] or ["Quito"])


def test_destinations_that_are_none_are_refused(topology):
    for destinations, words in (([], "no destinations"), (["Limo"], 'did you mean "Lima"')):
        with pytest.raises(UserError, match=words):
            next(next_hop_changes(topology, destinations))


def test_a_run_writes_the_same_differences_where_it_is_asked_to(tmp_path):
    file = write_moving(tmp_path, duration_s=180.0, step_s=60.0)
    kept = go(file, tmp_path / "run", sets=["observe.next_hops=true"]).kept
    topology = load_experiment(file).topology
    names = topology.node_names
    rows = []
    for t_s, changes in next_hop_changes(topology, ["Lima"], 0.0, 180.0, 60.0):
        for row in range(len(changes.node)):
            links = [
                None if link == -1 else int(link)
                for link in (changes.link_before[row], changes.link_after[row])
            ]
            ends = [
                None if end == -1 else names[end]
                for end in (changes.next_before[row], changes.next_after[row])
            ]
            rows.append((t_s, names[changes.node[row]], 0, "Lima", 0, *links, *ends))
    assert [tuple(row.values()) for row in kept.next_hops.to_pylist()] == rows
    assert len({row[0] for row in rows}) > 1
    assert any(row[5] is not None for row in rows)


def test_a_run_that_was_not_asked_has_no_such_table(world):
    assert world().kept.next_hops is None
