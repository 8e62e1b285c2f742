from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address

import numpy as np
import pytest

from lasermesh.capture import FlowEnds, Interface
from lasermesh.capture.addresses import MAX_NODES, ipv4_addresses, ipv6_addresses
from lasermesh.capture.headers import build_templates, empty_templates, link_words, ports_of
from lasermesh.errors import UserError
from lasermesh.scenario import load_topology
from lasermesh.scenario.topology import GroundGroup, SatelliteGroup, Site, Topology
from lasermesh.units import NONE


def ipv6_texts(topology):
    return [IPv6Address(row.tobytes()).compressed for row in ipv6_addresses(topology)]


def test_addresses_carry_across_the_octets():
    rows = [0, 253, 254, 255, 65_534, 65_535, MAX_NODES - 1]
    assert [str(IPv4Address(address)) for address in ipv4_addresses(rows).tolist()] == [
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


def test_ipv6_addresses_tell_group_plane_and_slot():
    topology = load_topology("walker-144")
    texts = dict(zip(topology.node_names, ipv6_texts(topology), strict=True))
    group = topology.satellites[0]
    for name, (plane, slot) in zip(group.node_names, group.plane_slot.tolist(), strict=True):
        assert texts[name] == IPv6Address(f"fd6c:6d::1:{plane:x}:{slot:x}").compressed
    sites = [site.name for each in topology.ground for site in each.sites]
    assert texts[sites[0]] == "fd6c:6d::2:0:0"
    assert len(set(texts.values())) == len(topology.node_names)


def nodes(*sizes):
    """A topology of groups of fixed nodes of these sizes and one ground site."""
    groups = [
        SatelliteGroup(name=f"g{k}", fixed=("unused",), node_names=tuple(f"g{k}-{i}" for i in range(size)))
        for k, size in enumerate(sizes)
    ]
    site = GroundGroup(name="Lima", sites=(Site(name="Lima", lat_deg=-12.0, lon_deg=-77.0),))
    return Topology(satellites=tuple(groups), ground=(site,))


def test_groups_count_from_one_so_that_no_node_has_the_address_of_all_routers():
    assert ipv6_texts(nodes(1)) == ["fd6c:6d::1:0:0", "fd6c:6d::2:0:0"]


def test_a_group_of_more_nodes_than_slots_carries_into_the_plane():
    texts = ipv6_texts(nodes(3, 65_537))
    assert texts[:3] == ["fd6c:6d::1:0:0", "fd6c:6d::1:0:1", "fd6c:6d::1:0:2"]
    assert texts[3 + 65_535 :] == ["fd6c:6d::2:0:ffff", "fd6c:6d::2:1:0", "fd6c:6d::3:0:0"]


def test_a_pattern_that_16_bits_cannot_number_is_numbered_by_place():
    group = load_topology("walker-144").satellites[0]
    vacant = tuple((plane, slot) for plane in range(2) for slot in range(65_537) if slot % 32_768)
    group = replace(group, planes=2, slots=65_537, vacant=vacant, node_names=tuple("abcdef"))
    texts = ipv6_texts(Topology(satellites=(group,)))
    assert texts == [f"fd6c:6d::1:0:{k}" for k in range(6)]


def test_more_groups_than_16_bits_number_are_refused():
    topology = nodes()
    with pytest.raises(UserError, match="65,535 groups of nodes; there are 65,536"):
        ipv6_addresses(replace(topology, ground=topology.ground * 65_536))


def test_headers_are_built_for_the_flows_asked_for_alone():
    ends = FlowEnds(np.array([0, 1, 2]), np.array([3, 3, 3]), np.array([4, 6, 4]))
    templates = empty_templates(ends)
    build_templates(templates, ends, np.array([1]), np.full((4, 16), 0xFD, np.uint8))
    assert templates.built.tolist() == [False, True, False]
    assert not templates.words[[0, 2]].any()
    assert templates.words[1].all() != templates.words[1].any()  # some are left to the kernel


def test_a_reply_has_the_ports_of_its_request_exchanged():
    ends = FlowEnds(np.array([0, 1, 0]), np.array([1, 0, 1]), None, np.array([NONE, 0, NONE]))
    source, destination = ports_of(ends, np.array([0, 1, 2]))
    assert source.tolist() == [49_152, 9, 49_154]
    assert destination.tolist() == [9, 49_152, 9]


def test_ethernet_addresses_are_those_of_both_nodes_of_a_port():
    out, into = link_words(Interface("a:b", "", None, None, 0x010203, 5))
    assert out.tobytes().hex(":") == "02:00:00:00:00:05:02:00:00:01:02:03"
    assert into.tobytes().hex(":") == "02:00:00:01:02:03:02:00:00:00:00:05"
    alone, _ = link_words(Interface("a", "", None, None, 7))
    assert alone.tobytes().hex(":") == "02:ff:ff:ff:ff:ff:02:00:00:00:00:07"
