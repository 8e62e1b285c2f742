"""Names of hosts: what programs can resolve, one for each node."""

from types import SimpleNamespace

import pytest

from lasermesh.errors import UserError
from lasermesh.live.names import find_host, host_names, hosts_text
from lasermesh.scenario import load_topology


def names_of(*node_names):
    return host_names(SimpleNamespace(node_names=node_names))


@pytest.mark.parametrize(
    ("node", "host"),
    [
        ("New York", "new-york"),
        ("gen1-00-07", "gen1-00-07"),
        ("STARLINK-1007", "starlink-1007"),
        ("São Paulo", "sao-paulo"),
        ("ISS (ZARYA)", "iss--zarya"),
        ("group/Dublin", "group-dublin"),
        ("-v", "v"),
        ("東京", "node"),
        ("44714", "node-44714"),
        ("10.0.0.9", "node-10.0.0.9"),
        ("0x7f", "node-0x7f"),
        ("x" * 80, "x" * 63),
    ],
)
def test_a_name_of_a_node_becomes_one_that_programs_take(node, host):
    assert names_of(node) == [host]


def test_nodes_that_would_be_called_the_same_all_get_their_row_and_no_two_are_the_same():
    assert names_of("A b", "a-b-1", "a-b-0", "A B", "localhost", "other") == [
        "a-b-0-0",
        "a-b-1",
        "a-b-0",
        "a-b-3",
        "localhost-4",
        "other",
    ]
    many = names_of(*["y" * 70] * 12)
    assert len(set(many)) == 12
    assert max(map(len, many)) == 63


def test_a_host_is_found_by_either_name_in_any_case_and_the_node_of_that_name_comes_first():
    nodes, hosts = ["Tokyo", "New York", "tokyo-0"], ["tokyo", "new-york", "tokyo-0"]
    for name, place in {
        "Tokyo": 0,
        "tokyo": 0,
        "TOKYO": 0,
        "new york": 1,
        "New-York": 1,
        "tokyo-0": 2,
    }.items():
        assert find_host(name, nodes, hosts) == place


def test_an_unknown_host_is_refused_with_the_nearest_name_or_all():
    with pytest.raises(UserError, match='no host is named "tokio"; did you mean "tokyo"'):
        find_host("tokio", ["Tokyo"], ["tokyo"])
    with pytest.raises(UserError, match="there are tokyo, paris"):
        find_host("x", ["Tokyo", "Paris"], ["tokyo", "paris"])


def test_the_hosts_file_names_every_node_by_both_addresses():
    topology = load_topology("walker-144")
    lines = [line.split() for line in hosts_text(topology).splitlines()]
    names = host_names(topology)
    assert lines[0] == ["127.0.0.1", "localhost"]
    of_nodes = lines[2:]
    assert [line[1] for line in of_nodes] == names * 2
    assert of_nodes[0][0] == "10.0.0.1"
    assert of_nodes[len(names)][0] == "fd6c:6d::1:0:0"
