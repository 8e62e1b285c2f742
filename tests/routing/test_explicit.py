"""Policy `explicit`: paths from a file, and what is said of a file that is wrong."""

import os

import pytest

from lasermesh.errors import UserError
from lasermesh.routing import compute_table
from lasermesh.routing.explicit import explicit
from tests.reference.policies import paths_of
from tests.reference.routing import snapshot_of

WAYS = [(0, 1), (1, 4), (0, 2), (2, 4), (0, 3), (3, 4)]
LINKS = [each for a, b in WAYS for each in ((a, b, 1e6 + a + b), (b, a, 1e6 + a + b))]


def square(folder, text, t_s=0.0, links=LINKS, transit=None, **options):
    """Node 4 behind nodes 1, 2 and 3, nearest by way of 1; flows from 0 to 4 and back; the file as given."""
    (folder / "paths.csv").write_text(text)
    options = {"file": "paths.csv", **options}
    return snapshot_of(5, links, [(0, 4), (4, 0)], transit, t_s=t_s, folder=folder, options=options)


def ways(snapshot):
    table, report = compute_table("explicit", snapshot)
    assert len(report.looping_flows) == 0
    return [paths_of(snapshot, table, flow) for flow in range(2)]


def test_flows_take_the_paths_of_the_file_in_its_order(tmp_path):
    text = "from,to,path\nn0,n4,n0 > n3 > n4\nn4,n0,n4;n2;n0\nn0,n4,n0 > n2>n4\n"
    assert ways(square(tmp_path, text)) == [[[0, 3, 4], [0, 2, 4]], [[4, 2, 0]]]


def test_a_path_counts_from_its_start_until_its_stop(tmp_path):
    text = "from,to,path,start_s,stop_s\nn0,n4,n0>n3>n4,,10\nn0,n4,n0>n2>n4,10,20\nn4,n0,n4>n1>n0,5,\n"
    assert ways(square(tmp_path, text, 0.0)) == [[[0, 3, 4]], []]
    assert ways(square(tmp_path, text, 10.0)) == [[[0, 2, 4]], [[4, 1, 0]]]
    assert ways(square(tmp_path, text, 20.0)) == [[], [[4, 1, 0]]]


def test_a_path_over_a_link_that_is_down_or_a_node_without_transit_is_left_out(tmp_path):
    text = "from,to,path\nn0,n4,n0 > n3 > n4\nn0,n4,n0 > n2 > n4\nn4,n0,n4>n3>n0\n"
    assert ways(square(tmp_path, text, links=LINKS[:-1])) == [[[0, 3, 4], [0, 2, 4]], []]
    transit = [True, True, True, False, True]
    assert ways(square(tmp_path, text, transit=transit)) == [[[0, 2, 4]], []]


def test_without_a_path_a_flow_has_no_route_or_the_shortest(tmp_path):
    text = "from,to,path\nn0,n4,n0 > n3 > n4\n"
    assert ways(square(tmp_path, text)) == [[[0, 3, 4]], []]
    assert ways(square(tmp_path, text, fallback="shortest-delay")) == [[[0, 3, 4]], [[4, 1, 0]]]


def test_all_that_is_wrong_with_a_file_is_said_by_line(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = (
        "from,to,path,start_s,stop_s\n"
        "n0,N4,n0>n1>n4,,\n"
        "n0,n4,n1>n4>n1>n4,,\n"
        "n0,n4,n0,,\n"
        "n0,n4,n0>n1>n4,20,10\n"
    )
    with pytest.raises(UserError) as error:
        compute_table("explicit", square(tmp_path, text))
    assert str(error.value).split("\n") == [
        "paths.csv: 6 problems",
        '  paths.csv:2: to: no node is named "N4"; did you mean "n4"?',
        '  paths.csv:3: path: "n1" is there 2 times; a path visits a node once',
        '  paths.csv:3: path: "n4" is there 2 times; a path visits a node once',
        '  paths.csv:3: path: its first node is "n1", but from is "n0"',
        '  paths.csv:4: path: must have two nodes at least, with ; or > between (got "n0")',
        "  paths.csv:5: stop_s: must be after start_s, 20 (got 10)",
    ]


def test_a_file_that_is_not_named_or_not_there_is_said(tmp_path):
    snapshot = square(tmp_path, "")
    os.remove(tmp_path / "paths.csv")
    with pytest.raises(UserError, match=r"paths\.csv: .*No such file"):
        compute_table("explicit", snapshot)
    with pytest.raises(UserError, match="the option file is missing: CSV file"):
        explicit(snapshot_of(5, LINKS, [(0, 4)]))


def test_a_file_that_has_changed_is_read_again(tmp_path):
    assert ways(square(tmp_path, "from,to,path\nn0,n4,n0>n3>n4\n"))[0] == [[0, 3, 4]]
    assert ways(square(tmp_path, "from,to,path\nn0,n4,n0>n1>n4 \n"))[0] == [[0, 1, 4]]
