"""Policies by name, from a user's file and from installed packages, and what is said when they fail."""

import dataclasses
import importlib.metadata
import re
import sys
from pathlib import Path

import numpy as np
import pytest

from lasermesh.errors import RunFailed, UserError
from lasermesh.routing import (
    POLICIES,
    REQUIRED,
    compute_table,
    follow,
    load_policy,
    policies,
    table_kernels,
    tree_kernels,
    trees_towards,
)
from tests.reference import routing as reference

LINKS = [(0, 1, 1e6), (1, 2, 2e6), (0, 2, 9e6), (1, 0, 1e6), (2, 1, 2e6), (2, 0, 9e6)]


def triangle():
    return reference.snapshot_of(3, LINKS, [(0, 2), (2, 0)], t_s=3.0)


def refused(words):
    """Expect a UserError that says these words."""
    return pytest.raises(UserError, match=re.escape(words))


# What a user would write: the ten lines that `lasermesh docs` shows.
TEN_LINES = """
import networkx
import numpy as np


def mine(snapshot):
    link = np.full((snapshot.n_nodes, len(snapshot.destinations)), -1)
    for label, destination in enumerate(snapshot.destinations):
        graph = snapshot.to_networkx(towards=destination)
        paths = networkx.shortest_path(graph, target=snapshot.names[destination], weight="delay_s")
        for source, path in paths.items():
            if len(path) > 1:
                link[graph.nodes[source]["row"], label] = graph.edges[path[0], path[1]]["link"]
    return link
"""


def write(folder, text, name="policy.py"):
    (folder / name).write_text(text)
    return f"{name}:mine"


def test_ten_lines_of_networkx_are_a_policy(tmp_path):
    rng = np.random.default_rng(4)
    mine = load_policy(write(tmp_path, TEN_LINES), tmp_path)
    assert mine.name == "policy.py:mine"
    for _ in range(10):
        pairs = [(a, b) for a in range(9) for b in range(9) if a != b]
        links = [(*pairs[i], rng.uniform(1e6, 2e6)) for i in rng.permutation(len(pairs))[:30]]
        flows = [pairs[i] for i in rng.permutation(len(pairs))[:20]]
        snapshot = reference.snapshot_of(9, links, flows, rng.random(9) < 0.7)
        theirs, report = compute_table(mine, snapshot)
        ours, our_report = compute_table("shortest-delay", snapshot)
        np.testing.assert_array_equal(report.dead_end_flows, our_report.dead_end_flows)
        for flow in range(len(flows)):
            assert follow(snapshot, theirs, flow) == follow(snapshot, ours, flow)


def test_the_policies_built_in_are_found_by_name():
    assert {"shortest-delay", "fewest-hops", "ecmp", "valiant", "explicit"} <= set(POLICIES)
    for name in POLICIES:
        assert load_policy(name).name == name
        assert load_policy(name).declaration.source
        assert load_policy(name).declaration.options is not None


def test_the_documentation_names_every_policy_and_option_with_its_default():
    text = (Path(policies.__file__).parents[1] / "docs" / "policies.md").read_text(encoding="utf-8")
    for name in POLICIES:
        declared = load_policy(name).declaration
        row = next(line for line in text.splitlines() if line.startswith(f"| `{name}` |"))
        assert row.split("|")[2].strip() == ("yes" if declared.complete else "no")
        for option, (kind, default, *_) in declared.options.items():
            shown = f'"{default}"' if kind is str else default
            assert (f"`{option}`" if default is REQUIRED else f"`{option} = {shown}`") in row


def test_an_unknown_policy_is_refused_with_the_nearest_name():
    with refused('unknown routing policy "shortest-dely"; did you mean "shortest-delay"?'):
        load_policy("shortest-dely")
    choice = f"; write one of {', '.join(sorted(POLICIES))}, or file.py:function for one of your own"
    with refused(f'unknown routing policy "xyz"{choice}'):
        load_policy("xyz")
    with refused(f"the name of the routing policy is empty{choice}"):
        load_policy("")


def test_a_package_can_register_a_policy(monkeypatch):
    entry = importlib.metadata.EntryPoint(
        "hop-hop", "lasermesh.routing.policies:fewest_hops", policies.ENTRY_POINT_GROUP
    )
    broken = importlib.metadata.EntryPoint("broken", "no_such_module_at_all:f", policies.ENTRY_POINT_GROUP)
    monkeypatch.setattr(policies, "entry_points", lambda group: [entry, broken])
    assert load_policy("hop-hop").function is policies.fewest_hops
    with refused('did you mean "hop-hop"'):
        load_policy("hop-hup")
    with refused('routing policy "broken": no_such_module_at_all:f cannot be loaded'):
        load_policy("broken")


def test_a_file_that_is_not_there_is_named(tmp_path):
    with refused('routing policy "nowhere.py:mine": there is no file '):
        load_policy("nowhere.py:mine", tmp_path)
    with refused("there is no file"):
        load_policy(f"{tmp_path}.py:mine")  # a folder


def test_a_function_that_is_not_there_is_named_with_the_nearest_one(tmp_path):
    write(tmp_path, "def mime(snapshot): pass\nmine = 3\n")
    with refused('has no function "mine"; did you mean "mime"?'):
        load_policy("policy.py:mine", tmp_path)


def test_a_file_that_cannot_be_imported_is_named_with_the_line(tmp_path):
    with refused("policy.py cannot be imported: line 2: invalid syntax"):
        load_policy(write(tmp_path, "import os\nno python here\n"), tmp_path)
    with refused("line 1: ModuleNotFoundError: No module named 'nothing_of_that_name'"):
        load_policy(write(tmp_path, "import nothing_of_that_name\n"), tmp_path)


def test_a_policy_that_raises_is_named_with_step_and_line(tmp_path):
    mine = load_policy(write(tmp_path, "def mine(snapshot):\n    return 1 // 0\n"), tmp_path)
    with pytest.raises(RunFailed) as failure:
        compute_table(mine, triangle())
    assert str(failure.value) == (
        'routing policy "policy.py:mine" at t = 3 s raised an error: line 2: ZeroDivisionError: '
        "integer division or modulo by zero"
    )


def test_the_line_is_found_from_a_relative_path_too(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path, "import sys\n\ndef mine(snapshot):\n    sys.exit()\n")
    with pytest.raises(RunFailed, match="raised an error: line 4: SystemExit"):
        compute_table("policy.py:mine", triangle())


def test_a_policy_can_import_what_stands_beside_it(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    write(tmp_path, "ANSWER = 42\n", "neighbour_of_a_policy.py")
    write(tmp_path, "import neighbour_of_a_policy\nmine = lambda _: neighbour_of_a_policy.ANSWER\n")
    assert load_policy("policy.py:mine", tmp_path)(None) == 42


def test_ctrl_c_in_a_policy_is_no_error_of_the_policy():
    def interrupted(_snapshot):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        compute_table(interrupted, triangle())


def test_two_files_of_one_name_do_not_get_mixed_up(tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        write(tmp_path / folder, f"def mine(snapshot):\n    return {folder!r}\n")
    loaded = [load_policy("policy.py:mine", tmp_path / folder) for folder in ("a", "b")]
    assert [policy(None) for policy in loaded] == ["a", "b"]


def arrays_of(snapshot):
    return {name: value for name, value in vars(snapshot).items() if isinstance(value, np.ndarray)}


def test_a_policy_cannot_change_what_the_simulation_goes_on_with(tmp_path):
    snapshot = reference.snapshot_of(3, LINKS, [(0, 2)], load=np.ones(6))
    before = {name: array.copy() for name, array in arrays_of(snapshot).items()}
    mine = load_policy(
        write(tmp_path, "def mine(snapshot):\n    d = snapshot.delay_s\n    d *= 0.5\n"), tmp_path
    )
    with pytest.raises(RunFailed, match="raised an error: line 3: ValueError: output array is read-only"):
        compute_table(mine, snapshot)

    def vandal(seen):
        assert set(before) <= set(arrays_of(seen))
        for name in before:
            with pytest.raises(ValueError, match="read-only"):
                getattr(seen, name)[...] = 0
        seen.ends_of_link[...] = 0
        seen.label_of_flow[...] = 0
        return policies.fewest_hops(snapshot)

    compute_table(vandal, snapshot)
    for name, array in before.items():
        np.testing.assert_array_equal(getattr(snapshot, name), array)
    assert snapshot.label_of_flow.tolist() == [[0]] and snapshot.ends_of_link.tolist()[0] == [0, 1]


def test_a_policy_may_compute_with_what_it_cannot_write():
    def built_on_another(seen):
        table, _ = compute_table("shortest-delay", seen)
        assert follow(seen, table, 0) == [0, 1, 2]
        trees = trees_towards(dataclasses.replace(seen, delay_s=seen.delay_s * 2.0))
        np.testing.assert_array_equal(trees.link[:, :, np.newaxis], table.link)
        np.testing.assert_array_equal(trees.delay_s, 2.0 * trees_towards(seen).delay_s)
        return table

    table, _ = compute_table(built_on_another, triangle())
    again, _ = compute_table(lambda seen: seen.previous, dataclasses.replace(triangle(), previous=table))
    np.testing.assert_array_equal(again.link, table.link)
    kernels = (tree_kernels.fill_links_by_receiver, table_kernels.survey_flows, table_kernels.fill_routes)
    for kernel in kernels:
        assert len(getattr(kernel, "signatures", ())) <= 1


def test_a_policy_sees_options_load_and_the_last_table():
    seen = {}

    def curious(snapshot):
        seen.update(options=snapshot.options, load=snapshot.load, previous=snapshot.previous)
        return policies.shortest_delay(snapshot)

    table, _ = compute_table(curious, triangle())
    assert not seen["options"] and seen["load"] is None and seen["previous"] is None
    snapshot = reference.snapshot_of(3, LINKS, [(0, 2)], options={"k": 2}, load=np.ones(6), previous=table)
    compute_table(curious, snapshot)
    assert seen["options"]["k"] == 2 and seen["load"].tolist() == [1.0] * 6 and seen["previous"] is table
