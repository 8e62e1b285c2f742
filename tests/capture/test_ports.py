import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from lasermesh.capture import CaptureSelection, Ports
from lasermesh.errors import UserError
from lasermesh.units import NONE

ROOT = Path(__file__).parents[2]
NAMES = ("gen1-00-00", "gen1-00-01", "Tokyo", "London")
#         0 <-> 1, 0 <-> 2, 1 <-> 3
LINK_FROM = np.array([0, 1, 0, 2, 1, 3], np.int32)
LINK_TO = np.array([1, 0, 2, 0, 3, 1], np.int32)
KIND = np.array([0, 0, 1, 1, 1, 1], np.int8)
RATE_BPS = np.array([100, 100, 20, 10, 20, 10], np.int64) * 10**9


def tapped(spec, sources=(2,), destinations=(3,)):
    """Tapped ends as sets of "from>to"."""
    selection = CaptureSelection(spec, NAMES, sources, destinations)
    links = [f"{a}>{b}" for a, b in zip(LINK_FROM, LINK_TO, strict=True)]
    return tuple(
        {link for link, tap in zip(links, taps, strict=True) if tap}
        for taps in selection.taps(LINK_FROM, LINK_TO)
    )


def test_endpoints_taps_what_leaves_sources_and_reaches_destinations():
    assert tapped("endpoints") == ({"2>0"}, {"1>3"})


def test_endpoints_taps_both_ways_at_a_node_that_is_both():
    assert tapped("endpoints", (2, 3), (3, 2)) == ({"2>0", "3>1"}, {"0>2", "1>3"})


def test_node_taps_all_its_ports_both_ways():
    assert tapped("gen1-00-00") == ({"0>1", "0>2"}, {"1>0", "2>0"})
    assert tapped("#0") == tapped("gen1-00-00")


def test_node_and_peer_taps_that_port_both_ways():
    assert tapped("gen1-00-00:Tokyo") == ({"0>2"}, {"2>0"})
    assert tapped("#0:#2") == tapped("gen1-00-00:Tokyo")


def test_nodes_without_a_link_between_them_tap_nothing():
    assert tapped("Tokyo:London") == (set(), set())


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("Tokio", 'no node is named "Tokio"; did you mean "Tokyo"?'),
        ("endpoint", 'no node is named "endpoint"; did you mean "endpoints"?'),
        ("Tokyo:Londn", 'no node is named "Londn"; did you mean "London"?'),
        ("x", 'no node is named "x"; write "endpoints", "NODE", "NODE:PEER", "flow:NAME" or "all"'),
        ("al", 'no node is named "al"; did you mean "all"?'),
        ("", 'no node is named ""'),
        ("#4", "there is no row 4; the 4 nodes have rows from 0"),
        ("Tokyo:Tokyo", "a node has no port towards itself"),
    ],
)
def test_what_names_no_port_is_refused(spec, message):
    with pytest.raises(UserError) as error:
        CaptureSelection(spec, NAMES, [2], [3])
    assert message in str(error.value)
    assert str(error.value).startswith(f"--capture {spec}: ")


ENDS = [2, 0, 2], [3, 2, 0]  # of three flows
NAMED = ("office/Tokyo>London", "office/gen1-00-00>Tokyo", "office/Tokyo>London/reply")


def selected(spec, copies=None):
    return CaptureSelection(spec, NAMES, *ENDS, NAMED[:2], ("office", "rush"), copies)


def test_copies_choose_what_leaves_ports_or_what_arrives():
    def taps(copies):
        selection = CaptureSelection("gen1-00-00", NAMES, [2], [3], copies=copies)
        return [tap.any() for tap in selection.taps(LINK_FROM, LINK_TO)]

    assert [taps(copies) for copies in ("out", "in", "both", None)] == [
        [True, False],
        [False, True],
        [True, True],
        [True, True],
    ]


def test_drops_are_recorded_at_nodes_or_at_one_port():
    assert selected("endpoints").drop_nodes.tolist() == [True, False, True, True]
    assert selected("gen1-00-01").drop_nodes.tolist() == [False, True, False, False]
    assert not selected("gen1-00-01:London").drop_nodes.any()
    ports = selected("gen1-00-01:London", "out").ports(LINK_FROM, LINK_TO)
    assert [np.flatnonzero(ends).tolist() for ends in ports] == [[4], [5]]


def test_flows_are_chosen_by_name_with_what_comes_back_or_by_table():
    assert selected("flow:rush").flows.tolist() == [False, True, False]
    assert selected("flow:office/Tokyo>London").flows.tolist() == [True, False, False]
    assert selected("all").flows.tolist() == [True] * 3
    back = CaptureSelection("flow:" + NAMED[0], NAMES, *ENDS, NAMED, ("office",) * 3)
    assert back.flows.tolist() == [True, False, True]
    assert selected("endpoints").flows is None


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("flow:ofice", '--capture flow:ofice: no flow is named "ofice"; did you mean "office"?'),
        ("flow:x", '--capture flow:x: no flow is named "x"; there are office, rush'),
    ],
)
def test_a_flow_that_is_not_there_is_refused(spec, message):
    with pytest.raises(UserError) as error:
        selected(spec)
    assert str(error.value) == message


def test_of_a_flow_each_link_is_kept_once_and_both_ends_of_the_way():
    """The first flow goes from node 2 to node 3."""
    flow, leaves = np.zeros(4, int), np.array([True, False, True, False])
    node = np.array([2, 0, 0, 3])
    spec = "flow:office/Tokyo>London"
    assert selected(spec).keeps(flow, leaves, node).tolist() == [True, False, True, True]
    assert selected(spec, "in").keeps(flow, leaves, node).tolist() == [True, True, False, True]
    assert selected(spec, "both").keeps(flow, leaves, node).all()


def test_segments_of_bundles_are_chosen_by_what_they_carry():
    """The first two flows send packets, the third is a hop of bundles of two flows."""
    flow, bundle_flow = np.array([0, 1, 2, 2]), np.array([NONE, NONE, 0, 1])

    def followed(spec):
        bundles = {"bundle_names": ("film/a>b", "text/a>c"), "bundle_tables": ("film", "text")}
        selection = CaptureSelection(spec, NAMES, *ENDS, NAMED[:2], ("office", "rush"), **bundles)
        return selection.follows(flow, bundle_flow).tolist()

    assert followed("all") == [True] * 4
    assert followed("flow:film") == [False, False, True, False]
    assert followed("flow:text/a>c") == [False, False, False, True]
    assert followed("flow:rush") == [False, True, False, False]


@pytest.fixture
def ports():
    """Ports of all links, none of which has been asked for."""
    ports = Ports(NAMES)
    ports.add_links(LINK_FROM, LINK_TO, KIND, RATE_BPS)
    return ports


def test_both_directions_of_a_port_share_its_interface(ports):
    assert ports.of_links([0, 2], [True, True]).tolist() == [0, 1]
    assert ports.of_links([3, 1, 0], [False, False, True]).tolist() == [1, 0, 0]
    assert ports.interfaces == [
        ("gen1-00-00:gen1-00-01", "ISL port of gen1-00-00 to gen1-00-01", 100 * 10**9, 100 * 10**9, 0, 1),
        ("gen1-00-00:Tokyo", "GSL port of gen1-00-00 to Tokyo", 20 * 10**9, 10 * 10**9, 0, 2),
    ]


def test_the_other_end_of_a_link_is_another_port(ports):
    assert ports.of_links([0, 0, 1], [True, False, True]).tolist() == [0, 1, 1]
    assert [interface.name for interface in ports.interfaces] == [
        "gen1-00-00:gen1-00-01",
        "gen1-00-01:gen1-00-00",
    ]


def test_a_port_of_one_direction_still_knows_both_speeds(ports):
    ports.of_links([3, 4], [True, False])
    speeds = {interface.name: interface[2:4] for interface in ports.interfaces}
    assert speeds == {
        "Tokyo:gen1-00-00": (10 * 10**9, 20 * 10**9),
        "London:gen1-00-01": (10 * 10**9, 20 * 10**9),
    }


def test_ports_keep_their_numbers_when_links_appear(ports):
    assert ports.of_links([2], [True]).tolist() == [0]
    ports.add_links([2], [1], [1], [5])
    assert ports.of_links([6, 2, 3], [True, True, False]).tolist() == [1, 0, 0]
    assert ports.interfaces[1] == ("Tokyo:gen1-00-01", "GSL port of Tokyo to gen1-00-01", 5, None, 2, 1)


def test_a_node_has_an_interface_for_what_is_dropped_at_none_of_its_ports(ports):
    ports.of_links([0], [True])
    assert ports.of_nodes(np.array([3, 3, 0])).tolist() == [2, 2, 1]
    assert ports.of_nodes(np.array([0])).tolist() == [1]
    assert ports.interfaces[2][0] == "London" and ports.interfaces[2][2:] == (None, None, 3, NONE)


def test_choosing_ports_imports_neither_numba_nor_scapy():
    code = "import sys, lasermesh.capture; print({'numba', 'scapy', 'pyarrow'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "set()"
