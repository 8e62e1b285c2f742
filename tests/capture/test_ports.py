import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from lasermesh.capture import CaptureSelection, FlowEnds, Ports
from lasermesh.capture.addresses import MAX_NODES, dotted, ipv4_addresses
from lasermesh.capture.headers import build_templates, empty_templates
from lasermesh.errors import UserError

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
        ("x", 'no node is named "x"; write "endpoints", "NODE" or "NODE:PEER"'),
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


def test_both_directions_of_a_port_share_its_interface():
    ports = Ports(NAMES)
    taps = CaptureSelection("gen1-00-00", NAMES, [2], [3]).taps(LINK_FROM, LINK_TO)
    out_interface, in_interface = ports.number(LINK_FROM, LINK_TO, KIND, RATE_BPS, *taps)
    assert out_interface.tolist() == [0, -1, 1, -1, -1, -1]
    assert in_interface.tolist() == [-1, 0, -1, 1, -1, -1]
    assert ports.interfaces == [
        ("gen1-00-00:gen1-00-01", "ISL port of gen1-00-00 to gen1-00-01", 100 * 10**9, 100 * 10**9),
        ("gen1-00-00:Tokyo", "GSL port of gen1-00-00 to Tokyo", 20 * 10**9, 10 * 10**9),
    ]


def test_port_tapped_in_one_direction_still_knows_both_speeds():
    ports = Ports(NAMES)
    taps = CaptureSelection("endpoints", NAMES, [2], [3]).taps(LINK_FROM, LINK_TO)
    ports.number(LINK_FROM, LINK_TO, KIND, RATE_BPS, *taps)
    speeds = {interface.name: interface[2:] for interface in ports.interfaces}
    assert speeds == {
        "Tokyo:gen1-00-00": (10 * 10**9, 20 * 10**9),
        "London:gen1-00-01": (10 * 10**9, 20 * 10**9),
    }


def test_ports_keep_their_numbers_when_others_appear():
    ports = Ports(NAMES)
    selection = CaptureSelection("gen1-00-00", NAMES, [2], [3])
    numbers = []
    for links in ([0, 1], [2, 3], [0, 1, 2, 3]):
        columns = (LINK_FROM[links], LINK_TO[links], KIND[links], RATE_BPS[links])
        numbers.append(ports.number(*columns, *selection.taps(*columns[:2]))[0].tolist())
    assert numbers == [[0, -1], [1, -1], [0, -1, 1, -1]]
    assert len(ports.interfaces) == 2


def test_addresses_carry_across_the_octets():
    rows = [0, 253, 254, 255, 65_534, 65_535, MAX_NODES - 1]
    assert [dotted(address) for address in ipv4_addresses(rows).tolist()] == [
        "10.0.0.1",
        "10.0.0.254",
        "10.0.0.255",
        "10.0.1.0",
        "10.0.255.255",
        "10.1.0.0",
        "10.255.255.254",
    ]


def test_node_beyond_the_last_address_is_refused():
    with pytest.raises(UserError, match="16,777,214 nodes"):
        ipv4_addresses([MAX_NODES])
    with pytest.raises(ValueError, match="negative"):
        ipv4_addresses([-1])


def test_headers_are_built_for_the_flows_asked_for_alone():
    ends = FlowEnds(np.array([0, 1, 2]), np.array([3, 3, 3]))
    templates = empty_templates(3)
    build_templates(templates, ends, np.array([1]))
    assert templates.built.tolist() == [False, True, False]
    assert not templates.words[[0, 2]].any()


def test_choosing_ports_imports_neither_numba_nor_scapy():
    code = "import sys, lasermesh.capture; print({'numba', 'scapy', 'pyarrow'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "set()"
