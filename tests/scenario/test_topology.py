"""The top level of topologies and their terminals."""

import datetime
import json

import numpy as np
import pytest

from lasermesh.scenario import load_topology
from tests.scenario.scenes import GRID, ONE_GROUP, TABLES, TOKYO, problems_of, warnings_of, write


def test_defaults_are_those_of_the_design(tmp_path):
    topology = load_topology(write(tmp_path, ONE_GROUP + GRID, "small.toml"))
    assert topology.name == "small"
    assert topology.epoch == datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    assert (topology.step_s, topology.seed, topology.grazing_altitude_km) == (1.0, 0, 80.0)
    assert topology.on_bad_satellite == "skip"
    assert topology.file == tmp_path / "small.toml"
    assert topology.warnings == ()


def test_the_epoch_is_turned_to_utc():
    topology = load_topology(TABLES / "topology.toml")
    assert topology.epoch == datetime.datetime(2026, 3, 20, 11, tzinfo=datetime.UTC)
    assert topology.epoch.utcoffset() == datetime.timedelta(0)


@pytest.mark.parametrize("epoch", ["2026-01-01T00:00:00", "2026-01-01", "00:00:00", '"2026-01-01T00:00:00Z"'])
def test_an_epoch_without_offset_is_refused(tmp_path, epoch):
    assert (
        "must be a date-time with an offset, as 2026-01-01T00:00:00Z"
        in (problems_of(tmp_path, f"epoch = {epoch}\n{ONE_GROUP}")[0])
    )


def test_integers_do_for_floats_and_become_them(tmp_path):
    topology = load_topology(write(tmp_path, "step_s = 2\n" + ONE_GROUP + GRID))
    assert isinstance(topology.step_s, float)


def test_rows_run_over_satellites_then_sites():
    topology = load_topology(TABLES / "satellites.toml")
    assert topology.node_names[:3] == ("delta-0-0", "delta-0-2", "delta-0-3")
    assert topology.group_rows("star") == range(22, 37)
    assert topology.group_rows("bare") == range(41, 43)
    assert topology.row_of("a") == 41
    assert topology.row_of("#42") == 42
    for unknown in ("#54", "#-1", "#", "A", "", "#²"):
        with pytest.raises(KeyError):
            topology.row_of(unknown)
    assert topology.suggest("delta-0-1") in topology.node_names


def test_sites_come_after_all_satellites(tmp_path):
    topology = load_topology(write(tmp_path, TOKYO + ONE_GROUP + GRID))
    assert topology.row_of("Tokyo") == 24
    assert topology.group_rows("Tokyo") == range(24, 25)


def test_the_resolved_topology_is_json_ready_and_says_which_files_it_came_from():
    resolved = load_topology(TABLES / "satellites.toml").to_dict()
    assert json.loads(json.dumps(resolved, allow_nan=False)) == resolved
    assert resolved["epoch"] == "2026-08-11T12:00:00Z"
    assert resolved["satellites"][0]["vacant"] == [[0, 1], [3, 5]]
    assert resolved["satellites"][1]["raan_spread_deg"] == 180.0
    assert [name.rpartition("/")[2] for name in resolved["files"]] == ["satellites.toml", "four.tle"]
    assert all(len(sha256) == 64 for sha256 in resolved["files"].values())


def test_planes_and_slots_of_each_satellite():
    delta, star, real, bare, *_ = load_topology(TABLES / "satellites.toml").satellites
    assert delta.plane_slot.dtype == np.int32
    assert delta.plane_slot.tolist() == [
        [plane, slot] for plane in range(4) for slot in range(6) if (plane, slot) not in {(0, 1), (3, 5)}
    ]
    assert star.plane_slot.shape == (15, 2)
    assert real.plane_slot.tolist() == [[0, 0], [0, 1], [1, 0], [1, 1]]
    assert bare.plane_slot.tolist() == [[-1, -1], [-1, -1]]


def test_a_topology_has_nodes(tmp_path):
    assert problems_of(tmp_path, "step_s = 1") == [
        "x.toml: satellites: missing; a topology has at least one [[satellites]] or [[ground]]"
    ]


def test_a_topology_without_links_is_warned_of(tmp_path):
    assert warnings_of(tmp_path, ONE_GROUP) == ["x.toml: there are no [[links]], so nothing can be sent"]


@pytest.mark.parametrize("name", ["satellites", "ground", "links"])
def test_a_single_table_in_place_of_an_array_is_refused(tmp_path, name):
    wrong = f"x.toml:1: {name}: must be an array of tables, written with [[double brackets]]"
    problems = problems_of(tmp_path, f"[{name}]\nname = 'x'\n")
    assert any(problem.startswith(wrong) for problem in problems)


@pytest.mark.parametrize("name", ["satellites", "ground", "links"])
def test_items_that_are_no_tables_are_refused(tmp_path, name):
    problems = problems_of(tmp_path, f"{name} = [\n1,\n]\n{ONE_GROUP if name == 'links' else ''}")
    assert problems[0] == f"x.toml:2: {name}[0]: must be a table (got 1)"


def test_two_groups_of_one_name_are_refused_with_both_places(tmp_path):
    problems = problems_of(tmp_path, ONE_GROUP + TOKYO.replace("Tokyo", "w"))
    assert problems == ['x.toml:12: ground[0].name: "w" is already the name of satellites[0] (x.toml:2)']


def test_terminals_are_looked_up_by_name(tmp_path):
    text = "[terminals.mini]\nrate_gbps = 1\n" + ONE_GROUP + "terminals = [{ type = 'mni', count = 4 }]\n"
    assert problems_of(tmp_path, text) == [
        'x.toml:12: satellites[0].terminals[0].type: no terminal is named "mni"; did you mean "mini"?'
    ]


def test_terminals_that_nobody_has_are_warned_of(tmp_path):
    text = "[terminals.mini]\nrate_gbps = 1\n" + ONE_GROUP + GRID
    assert warnings_of(tmp_path, text) == ["x.toml:1: terminals.mini: no satellites have this terminal"]


def test_satellites_may_have_several_types_of_terminals_in_order(tmp_path):
    uses = "terminals = [{ type = 'b', count = 4 }, { type = 'a', count = 1, share = 0.25 }]\n"
    text = "[terminals]\na.rate_gbps = 1\nb.rate_gbps = 2\n" + ONE_GROUP + uses + GRID
    uses = load_topology(write(tmp_path, text)).satellites[0].terminals
    assert [(use.type.name, use.count, use.share) for use in uses] == [("b", 4, 1.0), ("a", 1, 0.25)]


@pytest.mark.parametrize("name", ['"a:b"', '" "', '"#1"'])
def test_terminals_are_named_like_everything_else(tmp_path, name):
    assert len(problems_of(tmp_path, f"[terminals.{name}]\nrate_gbps = 1\n" + ONE_GROUP)) == 1


def test_a_terminal_that_is_no_table_is_refused(tmp_path):
    assert problems_of(tmp_path, "terminals = { mini = 25 }\n" + ONE_GROUP) == [
        "x.toml:1: terminals.mini: must be a table (got 25)"
    ]


def test_a_topology_is_frozen():
    topology = load_topology(TABLES / "satellites.toml")
    with pytest.raises(AttributeError):
        topology.step_s = 2.0


def test_a_seed_is_taken_without_a_warning(tmp_path):
    assert warnings_of(tmp_path, "seed = 7\n" + ONE_GROUP + GRID) == []


def test_ipn_numbers_are_rows_plus_one_unless_a_group_says_otherwise(tmp_path):
    text = ONE_GROUP + "ipn_first = 100\n" + TOKYO + GRID
    topology = load_topology(write(tmp_path, text))
    assert topology.ipn_numbers[[0, 23, 24]].tolist() == [100, 123, 25]


def test_two_nodes_of_one_ipn_number_are_refused(tmp_path):
    text = ONE_GROUP + "ipn_first = 2\n" + TOKYO + GRID
    assert problems_of(tmp_path, text) == [
        'x.toml:10: satellites[0].ipn_first: "w" and "Tokyo" both have a node of number 25'
    ]
