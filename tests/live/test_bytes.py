from ipaddress import IPv4Address, IPv6Address

import numpy as np
import pytest

from lasermesh.capture.addresses import ipv4_addresses, ipv6_addresses
from lasermesh.live import bytes_kernels as kernels
from lasermesh.live.addresses import address_tables
from lasermesh.scenario import load_topology
from tests.live.packets import (
    NODES_V4,
    NODES_V6,
    ROW_OF_ADDRESS,
    at_the_end,
    ipv4,
    ipv6,
    random_bytes,
    random_packet,
)
from tests.reference.ip_packets import (
    ERROR_TYPES,
    Packet,
    echo_reply_of,
    error_of,
    header_of,
    internet_checksum,
    with_header,
)

KEY_OF_ROW = np.array([int(address) & 0xFFFF_FFFF_FFFF for address in NODES_V6], np.int64)
ROWS = np.argsort(KEY_OF_ROW).astype(np.int64)
KEYS = KEY_OF_ROW[ROWS]
ENDS_V4 = NODES_V4[2].packed + NODES_V4[5].packed
ENDS_V6 = NODES_V6[2].packed + NODES_V6[5].packed


def filled_header(data, at):
    header = np.full(kernels.HEADER_COLUMNS, -7, np.int64)
    kernels.fill_header(data, at, len(data) - at, KEYS, ROWS, header)
    return header.tolist()


def made_error(data, at, kind, row, most_bytes, out_at=3):
    out = np.full(out_at + 1400, 0xEE, np.uint8)
    n = kernels.make_error(data, at, len(data) - at, out, out_at, kind, row, KEY_OF_ROW, most_bytes)
    assert (out[:out_at] == 0xEE).all() and (out[out_at + n :] == 0xEE).all()
    return out[out_at : out_at + n].tobytes()


def made_reply(data, at, room=2000):
    out = np.full(room, 0xEE, np.uint8)
    n = kernels.make_echo_reply(data, at, len(data) - at, out, 0)
    assert (out[n:] == 0xEE).all()
    return out[:n].tobytes()


def echo_request(rng, version, payload_bytes=56):
    message = bytes([8 if version == 4 else 128, 0, 0, 0, 1, 2, 0, 9]) + random_bytes(rng, payload_bytes)
    if version == 4:
        return ipv4(rng, 1, message, ends=ENDS_V4)
    return ipv6(rng, 58, message, ends=ENDS_V6)


def test_headers_of_random_packets_say_what_the_reference_reads():
    rng = np.random.default_rng(1)
    seen = []
    for _ in range(2000):
        packet = random_packet(rng)
        data, at = at_the_end(rng, packet)
        seen.append(filled_header(data, at))
        assert seen[-1] == header_of(packet, ROW_OF_ADDRESS), packet.hex()
    versions, quiet = np.array(seen)[:, 0], np.array(seen)[:, kernels.H_QUIET]
    for version in (4, 6):  # the cases are not all of one sort
        assert 0.2 < (quiet[versions == version]).mean() < 0.8
    assert 0.05 < (versions == 0).mean() < 0.3


def test_errors_that_answer_random_packets_are_those_of_the_reference():
    rng = np.random.default_rng(2)
    n_answered = 0
    for _ in range(1500):
        packet = random_packet(rng)
        data, at = at_the_end(rng, packet)
        kind, row = int(rng.integers(3)), int(rng.integers(6))
        most_bytes = int(rng.choice([1500, 1500, 600, 100, 70, 20]))
        expected = error_of(packet, kind, {4: NODES_V4[row], 6: NODES_V6[row]}, most_bytes)
        assert made_error(data, at, kind, row, most_bytes) == expected, packet.hex()
        n_answered += len(expected) > 0
    assert n_answered > 300


def test_replies_to_random_packets_are_those_of_the_reference():
    rng = np.random.default_rng(3)
    n_answered = 0
    for _ in range(2000):
        packet = random_packet(rng)
        data, at = at_the_end(rng, packet)
        expected = echo_reply_of(packet)
        assert made_reply(data, at) == expected, packet.hex()
        n_answered += len(expected) > 0
    assert n_answered > 30


def test_a_changed_hop_limit_or_mark_leaves_a_checksum_as_if_computed_from_nothing():
    rng = np.random.default_rng(4)
    for i in range(1000):
        packet = ipv4(rng, 6, b"", random_bytes(rng, 4 * (i % 3))) if i % 2 else ipv6(rng, 6, b"")
        data, at = at_the_end(rng, packet)
        hop_limit = int(rng.integers(256))
        kernels.set_hop_limit(data, at, hop_limit)
        assert data[at:].tobytes() == with_header(packet, hop_limit)
        kernels.mark_congestion(data, at)
        assert data[at:].tobytes() == with_header(packet, hop_limit, congestion=True)
        assert filled_header(data, at)[kernels.H_ECN] == 3


def test_a_wrong_checksum_stays_wrong():
    rng = np.random.default_rng(5)
    packet = bytearray(ipv4(rng, 6, b""))
    packet[10] ^= 0x40
    data, at = at_the_end(rng, bytes(packet))
    kernels.set_hop_limit(data, at, 17)
    assert internet_checksum(data[at : at + 20].tobytes()) != 0


def test_checksum_of_the_example_of_rfc_1071():
    data = np.array(bytearray.fromhex("0001f203f4f5f6f7"), np.uint8)
    assert kernels.checksum(data, 0, 8, 0) == 0xFFFF - 0xDDF2
    assert kernels.checksum(data, 2, 6, 1) == 0xFFFF - 0xDDF2
    assert kernels.checksum(data, 0, 3, 0) == 0xFFFF - 0xF201


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("kind", [kernels.TIME_EXCEEDED, kernels.NET_UNREACHABLE, kernels.PORT_UNREACHABLE])
def test_an_error_is_the_one_that_scapy_builds(version, kind):
    from scapy.layers.inet import ICMP, IP
    from scapy.layers.inet6 import ICMPv6DestUnreach, ICMPv6TimeExceeded, IPv6

    rng = np.random.default_rng(6)
    upper = bytes.fromhex("829a829b00280000") + random_bytes(rng, 1392)
    packet = ipv4(rng, 17, upper, ends=ENDS_V4) if version == 4 else ipv6(rng, 17, upper, ends=ENDS_V6)
    data, at = at_the_end(rng, packet)
    quoted = with_header(packet, hop_limit=1) if kind == kernels.TIME_EXCEEDED else packet
    ends = {"src": str((NODES_V4 if version == 4 else NODES_V6)[1]), "dst": str(Packet(packet).source)}
    code = ERROR_TYPES[version][kind][1]
    if version == 4:
        expected = IP(**ends, tos=0xC0, flags="DF", id=0, ttl=64) / ICMP(type=[11, 3, 3][kind], code=code)
    else:
        message = ICMPv6TimeExceeded if kind == kernels.TIME_EXCEEDED else ICMPv6DestUnreach
        expected = IPv6(**ends, hlim=64) / message(code=code)
    expected /= quoted[: 576 - 28 if version == 4 else 1280 - 48]
    assert made_error(data, at, kind, 1, 9000) == bytes(expected)


@pytest.mark.parametrize("version", [4, 6])
def test_the_checksum_of_a_reply_is_right_also_if_that_of_the_request_is_not(version):
    rng = np.random.default_rng(7)
    data, at = at_the_end(rng, echo_request(rng, version))
    data[at + (22 if version == 4 else 42)] ^= 0xFF
    reply = Packet(made_reply(data, at))
    ends = b"" if version == 4 else reply.bytes[8:40] + bytes([0, 0, 0, len(reply.message), 0, 0, 0, 58])
    assert internet_checksum(ends + reply.message) == 0
    nodes = NODES_V4 if version == 4 else NODES_V6
    assert (reply.source, reply.destination) == (nodes[5], nodes[2])


@pytest.mark.parametrize("version", [4, 6])
def test_what_has_no_room_for_its_answer_gets_none(version):
    rng = np.random.default_rng(8)
    packet = echo_request(rng, version)
    data, at = at_the_end(rng, packet)
    assert len(made_reply(data, at, room=len(packet))) == len(packet)
    assert made_reply(data, at, room=len(packet) - 1) == b""
    out = np.zeros(60, np.uint8)
    assert not kernels.make_error(data, at, len(packet), out, 10, kernels.TIME_EXCEEDED, 0, KEY_OF_ROW, 9000)
    assert not out.any()


def test_rows_of_addresses_are_those_of_the_topology():
    topology = load_topology("starlink-gen1")
    tables = address_tables(topology)
    header = np.empty(kernels.HEADER_COLUMNS, np.int64)
    rng = np.random.default_rng(9)
    v6, n_nodes = ipv6_addresses(topology), len(topology.node_names)
    for row in [0, 1, n_nodes - 1, *rng.integers(0, n_nodes, 50).tolist()]:
        back = n_nodes - 1 - row
        ends_v4 = b"".join(IPv4Address(int(address)).packed for address in ipv4_addresses([row, back]))
        ends_v6 = b"".join(IPv6Address(v6[node].tobytes()).packed for node in (row, back))
        for packet in (ipv4(rng, 6, b"", ends=ends_v4), ipv6(rng, 6, b"", ends=ends_v6)):
            data = np.array(bytearray(packet), np.uint8)
            kernels.fill_header(data, 0, len(data), tables.v6_keys, tables.v6_rows, header)
            assert header[[kernels.H_SOURCE, kernels.H_DESTINATION]].tolist() == [row, back]
        error = np.zeros(1280, np.uint8)
        n = kernels.make_error(data, 0, len(data), error, 0, 0, back, tables.v6_key_of_row, 1280)
        assert n and error[8:24].tobytes() == ends_v6[16:]


@pytest.mark.compiled_only
def test_kernels_compile_once():
    data, at = at_the_end(np.random.default_rng(10), echo_request(np.random.default_rng(10), 4))
    for place in (at, np.int64(at)):
        filled_header(data, place)
        made_error(data, place, 0, np.int64(1), place)
        made_reply(data, place)
        kernels.set_hop_limit(data, place, place)
        kernels.mark_congestion(data, place)
        kernels.checksum(data, place, place, place)
    used = (kernels.fill_header, kernels.make_error, kernels.make_echo_reply)
    used += (kernels.set_hop_limit, kernels.mark_congestion, kernels.checksum)
    assert [len(kernel.signatures) for kernel in used] == [1] * 6
