"""Namespaces of hosts: addresses, settings, silence, and what is read from their interfaces."""

import os
import resource
import select
import socket
import struct
import subprocess

import pytest

from lasermesh.errors import UserError
from lasermesh.live import namespaces, sysctls
from lasermesh.live.namespaces import HostNamespaces, all_nodes
from lasermesh.live.tun import HEADER_BYTES, open_device
from tests.live.people import users_of_namespaces
from tests.live.stub import NETWORKS, addresses
from tests.needs import needs_network_namespaces


@pytest.fixture(scope="module")
def hosts():
    needs_network_namespaces()
    with HostNamespaces(["a", "b"], *addresses(2), mtu_bytes=1400, tcp_buffer_bytes=9_000_000) as made:
        yield made


def test_a_host_has_its_addresses_and_a_route_to_all_nodes_alone(hosts):
    said = hosts.run_in(1, ["hostname", "-I"], stdout=subprocess.PIPE, text=True).communicate()[0]
    assert said.split() == ["10.0.0.2", "fd6c:6d::1:0:1"]
    with hosts.within(1), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("10.200.0.1", 9))
        assert probe.getsockname()[0] == "10.0.0.2"
        with pytest.raises(OSError, match="unreachable"):
            probe.connect(("192.0.2.1", 9))
    with hosts.within(1), socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
        probe.connect(("fd6c:6d::7:8:9", 9))
        assert probe.getsockname()[0] == "fd6c:6d::1:0:1"
    assert all_nodes() == NETWORKS


def test_the_thread_that_makes_and_enters_namespaces_stays_in_its_own(hosts):
    before = os.readlink(namespaces.OWN_NAMESPACE)
    with hosts.within(0):
        assert os.readlink(namespaces.OWN_NAMESPACE) == f"net:[{os.fstat(hosts.netns_fds[0]).st_ino}]"
    assert os.readlink(namespaces.OWN_NAMESPACE) == before


def test_a_new_host_says_nothing_unasked_and_what_it_sends_is_read(hosts):
    assert not select.select(hosts.tun_fds, [], [], 0.3)[0]
    with hosts.within(0), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        out.sendto(b"hello", ("10.0.0.2", 77))
    packet = os.read(hosts.tun_fds[0], 1 << 17)
    assert len(packet) == HEADER_BYTES + 20 + 8 + 5
    assert packet[HEADER_BYTES] == 0x45
    assert packet.endswith(b"hello")


def test_tcp_hands_over_several_segments_in_one_piece(hosts):
    """A connection to an address whose side this test plays: SYN, SYN-ACK, then all at once."""
    with hosts.within(0), socket.socket(socket.AF_INET, socket.SOCK_STREAM) as out:
        out.setblocking(False)
        out.connect_ex(("10.9.9.9", 80))
        fd = hosts.tun_fds[0]
        assert select.select([fd], [], [], 1)[0]
        os.write(fd, syn_ack(os.read(fd, 1 << 17)))
        assert select.select([], [out], [], 1)[1]
        out.send(bytes(1360 * 10))
        largest = 0
        while select.select([fd], [], [], 0.05)[0]:
            packet = os.read(fd, 1 << 17)
            largest = max(largest, len(packet) - HEADER_BYTES - 40)
    assert largest in [1360 * segments for segments in range(3, 11)]


def syn_ack(syn):
    """The answer to a SYN, its checksum still to be done (VIRTIO_NET_HDR_F_NEEDS_CSUM), so believed."""
    ip = bytearray(syn[HEADER_BYTES:][:20])
    source, destination = bytes(ip[12:16]), bytes(ip[16:20])
    ports = struct.unpack_from("!HH", syn, HEADER_BYTES + 20)
    (number,) = struct.unpack_from("!I", syn, HEADER_BYTES + 24)
    tcp = struct.pack("!HHIIBBHHH", *ports[::-1], 1, number + 1, 6 << 4, 0x12, 65535, 0, 0) + b"\2\4\5\x50"
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 44, 0, 0, 64, 6, 0, destination, source)
    total = sum(struct.unpack("!10H", ip))
    total = (total & 0xFFFF) + (total >> 16)
    ip = ip[:10] + struct.pack("!H", ~total & 0xFFFF) + ip[12:]
    return struct.pack("<BBHHHH", 1, 0, 0, 0, 20, 16) + ip + tcp


def test_packets_that_nobody_reads_in_time_are_counted_by_host():
    needs_network_namespaces()
    with HostNamespaces(["a", "b"], *addresses(2), networks=NETWORKS, queue_packets=10) as hosts:
        assert hosts.drops() == [0, 0]
        with hosts.within(1), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
            for _ in range(50):
                out.sendto(b"x", ("10.0.0.1", 9))
        assert hosts.drops()[0] == 0
        dropped, read = hosts.drops()[1], 0
        while select.select([hosts.tun_fds[1]], [], [], 0)[0]:
            os.read(hosts.tun_fds[1], 2000)
            read += 1
        assert (dropped, read) == (50 - read, 10)


def test_a_host_that_removes_its_interface_keeps_its_count_and_is_named():
    needs_network_namespaces()
    with HostNamespaces(["a", "b"], *addresses(2), networks=NETWORKS, queue_packets=10) as hosts:
        with hosts.within(1), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
            for _ in range(15):
                out.sendto(b"x", ("10.0.0.1", 9))
        before = hosts.drops()
        assert (before[0], hosts.without_interface) == (0, set())
        assert before[1] > 0
        assert hosts.run_in(1, ["ip", "link", "del", "mesh0"]).wait() == 0
        assert hosts.drops() == before
        assert hosts.without_interface == {"b"}


def test_settings_of_tcp_are_made_and_told(hosts):
    told = hosts.settings()
    assert (told["tcp_rmem_max_bytes"], told["tcp_wmem_max_bytes"]) == (9_000_000, 9_000_000)
    assert told["ip_unprivileged_port_start"] == 0
    assert told["tcp_congestion_control"] in sysctls.available_congestion_controls()
    assert hosts.refused == []


def test_a_hundred_hosts_are_made_and_all_of_them_are_gone_after():
    needs_network_namespaces()
    with HostNamespaces([str(i) for i in range(100)], *addresses(100), networks=NETWORKS) as hosts:
        inodes = [os.fstat(fd).st_ino for fd in hosts.netns_fds]
        assert len(set(inodes)) == len(set(hosts.tun_fds)) == 100
        assert set(users_of_namespaces(inodes)) == {os.getpid()}
        files = len(os.listdir("/proc/self/fd"))
    assert len(os.listdir("/proc/self/fd")) == files - 301
    assert os.getpid() not in users_of_namespaces(inodes)  # others may have been given the numbers


def test_what_fails_leaves_no_file_open():
    needs_network_namespaces()
    before = sorted(os.listdir("/proc/self/fd"))
    with pytest.raises(UserError, match='no congestion control "vegas-2" loaded; there are '):
        HostNamespaces(["a"], *addresses(1), networks=NETWORKS, congestion_control="vegas-2")
    with pytest.raises(UserError, match="does not exist, and live mode needs it"):
        HostNamespaces(["a"], *addresses(1), networks=NETWORKS, device="/dev/no-tun")
    with pytest.raises(
        UserError, match=r"cannot be set up \(Invalid argument\); live mode needs IPv4 and IPv6"
    ):
        HostNamespaces(["a"], *addresses(1), networks=NETWORKS, mtu_bytes=10)
    assert sorted(os.listdir("/proc/self/fd")) == before


def test_more_hosts_than_files_allow_are_refused(monkeypatch):
    monkeypatch.setattr(resource, "getrlimit", lambda _: (100, 500))
    with pytest.raises(UserError, match="1,000 hosts need 3,200 open files and this user may have 500"):
        namespaces.allow_files(1000)


def test_a_device_without_rights_is_refused_with_the_command_that_gives_them(tmp_path, monkeypatch):
    device = tmp_path / "tun"
    device.touch(mode=0o600)

    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(UserError, match=r"\(its mode is 0600\); `sudo chmod 0666 .*tun`"):
        open_device(str(device))
