"""What nodes within the mesh answer, what becomes of what nobody wants, and that all is counted."""

import struct

import numpy as np
import pytest

from lasermesh.live import state
from lasermesh.packets import state as packets_state
from lasermesh.packets.steps import Step
from lasermesh.scenario.live import Live
from lasermesh.units import PS_PER_MS, PS_PER_S, PS_PER_US
from tests.live.mesh import GBPS, MIB, address, chain, header_of, ip_packet
from tests.live.packets import super_packet
from tests.reference.ip_packets import (
    Packet,
    echo_reply_of,
    error_of,
    internet_checksum,
    pseudo_header,
    segments_of,
    with_header,
    with_ip_checksum,
)

BOTH = pytest.mark.parametrize("version", [4, 6])
EITHER = pytest.mark.parametrize("gso", [False, True])


def live_of(gso, **options):
    return Live(gso=gso, buffer_bytes=4 * MIB, **options)


def framed(gso, packet):
    return bytes(10) * gso + packet


def unframed(gso, packet):
    assert packet[: 10 * gso] == bytes(10 * gso)
    return packet[10 * gso :]


def udp(source, destination, n_bytes=100, *, hop_limit=64, version=4):
    """A UDP packet without a checksum."""
    upper = struct.pack(">HHHH", 40000, 33434, n_bytes - (20 if version == 4 else 40), 0)
    packet = bytearray(ip_packet(source, destination, n_bytes, 7, hop_limit=hop_limit, version=version))
    start = 20 if version == 4 else 40
    packet[start : start + 8], packet[9 if version == 4 else 6] = upper, 17
    return with_ip_checksum(packet)


def ping(source, destination, version=4, n_bytes=84):
    """An echo request."""
    packet = bytearray(ip_packet(source, destination, n_bytes, 9, version=version))
    start, protocol, kind = (20, 1, 8) if version == 4 else (40, 58, 128)
    packet[9 if version == 4 else 6] = protocol
    packet[start : start + 4] = bytes([kind, 0, 0, 0])
    data = with_ip_checksum(packet)
    counted = b"" if version == 4 else pseudo_header(Packet(data), 58, n_bytes - start)
    packet[start + 2 : start + 4] = internet_checksum(counted + data[start:]).to_bytes(2, "big")
    return with_ip_checksum(packet)


def addresses(node):
    return {version: Packet(ip_packet(node, 0, 60, version=version)).source for version in (4, 6)}


def turn_until(mesh, end_ps, start_ps=0, step_ps=50 * PS_PER_US):
    """Turn often: list of (instant, node, bytes) of what comes out."""
    found = []
    for t in range(start_ps, end_ps, step_ps):
        mesh.engine.turn(t)
        found += [(t, *each) for each in mesh.received_anywhere()]
    return found


def all_is_counted(mesh):
    """What came in has gone out, was dropped for a cause that is told, or lies in memory."""
    c, engine = mesh.engine.counters(), mesh.engine
    flows = engine.flow_counters(engine.used_flows())
    entered = c.packets_in - c.unknown - c.spoofed - c.malformed - c.buffer_drops - c.parked_dropped
    answers = c.time_exceeded + c.echo_replies + c.unreachable
    parked = int(engine._d.control[state.C_N_PARKED])
    assert flows.sent.sum() == entered + answers - parked
    assert flows.sent.sum() == flows.delivered.sum() + flows.dropped.sum() + flows.in_flight.sum()
    due = int(engine._d.control[state.C_N_DUE])
    assert flows.delivered.sum() == c.packets_out + c.write_errors + c.answered + due
    return c


@BOTH
@EITHER
def test_the_node_where_the_hop_limit_ends_says_so_from_its_own_address(version, gso):
    with chain(live=live_of(gso)) as mesh:
        for node in (1, 2):
            packet = udp(0, 3, hop_limit=node, version=version)
            mesh.send(0, framed(gso, packet))
            start = node * PS_PER_S
            ((t, to, answer),) = turn_until(mesh, start + 5 * PS_PER_MS, start)
            error = error_of(packet, 0, addresses(node), 2048)
            assert (to, unframed(gso, answer)) == (0, with_header(error, hop_limit=65 - node))
            # There and back, each link 1 ms and some microseconds of serialization.
            assert 2 * node * PS_PER_MS < t - start < (2 * node + 0.2) * PS_PER_MS
        c = all_is_counted(mesh)
        assert c.time_exceeded == 2 and mesh.engine.in_memory() == 0


def test_one_segment_of_a_super_packet_is_quoted():
    rng = np.random.default_rng(1)
    with chain(live=live_of(True)) as mesh:
        frame = super_packet(rng, True, 3000, 1000, ends=address(0) + address(3))
        mesh.send(0, frame[:10] + with_header(frame[10:], hop_limit=1))
        ((_, _, answer),) = turn_until(mesh, 5 * PS_PER_MS)
        quoted = Packet(unframed(True, answer)).message[8:]
        assert int.from_bytes(quoted[2:4], "big") == 1040 and quoted[24:28] == frame[10 + 24 : 10 + 28]
        all_is_counted(mesh)


@BOTH
@EITHER
def test_satellites_answer_pings_once_there_is_a_way_to_them(version, gso):
    with chain(n_satellite_rows=1, live=live_of(gso)) as mesh:
        engine = mesh.engine
        request = ping(0, 2, version)
        mesh.send(0, framed(gso, request))
        assert turn_until(mesh, 10 * PS_PER_MS) == []
        (row,) = engine.assign_satellites()
        assert engine.flows.destination[row] == 2
        assert len(engine.assign_satellites()) == 0
        engine.set_label(row, 2)
        assert turn_until(mesh, 20 * PS_PER_MS, 10 * PS_PER_MS) == []
        engine.admit_to_satellites([row])
        reply = with_header(echo_reply_of(request), hop_limit=63)
        ((t, node, answer),) = turn_until(mesh, 30 * PS_PER_MS, 20 * PS_PER_MS)
        assert (node, unframed(gso, answer)) == (
            0,
            reply,
        ) and 4 * PS_PER_MS < t - 20 * PS_PER_MS < 4.2 * PS_PER_MS
        mesh.send(0, framed(gso, request))
        assert len(turn_until(mesh, 40 * PS_PER_MS, 30 * PS_PER_MS)) == 1
        # Another satellite gets the flow when nobody has sent to the first one for a while.
        mesh.send(0, framed(gso, ping(0, 1, version)))
        turn_until(mesh, 41 * PS_PER_MS, 40 * PS_PER_MS)
        assert len(engine.assign_satellites()) == 0
        engine.turn(3 * PS_PER_S)
        mesh.send(0, framed(gso, ping(0, 1, version)))
        engine.turn(3 * PS_PER_S + 1)
        assert engine.assign_satellites().tolist() == [row] and engine.flows.destination[row] == 1
        engine.set_label(row, 1)
        engine.admit_to_satellites([row])
        assert len(turn_until(mesh, 3 * PS_PER_S + 4 * PS_PER_MS, 3 * PS_PER_S + 2)) == 1
        c = all_is_counted(mesh)
        assert (c.echo_replies, c.answered, c.parked_dropped) == (3, 3, 1)


@BOTH
def test_a_satellite_has_no_open_port_and_ignores_errors(version):
    with chain(n_satellite_rows=1, live=live_of(False)) as mesh:
        packet = udp(0, 2, version=version)
        error = error_of(udp(2, 0, version=version), 2, addresses(0), 2048)
        for each in (packet, error):
            mesh.send(0, each)
        mesh.engine.turn(0)
        (row,) = mesh.engine.assign_satellites()
        mesh.engine.set_label(row, 2)
        mesh.engine.admit_to_satellites([row])
        ((_, _, answer),) = turn_until(mesh, 10 * PS_PER_MS, 1)
        quoted = with_header(packet, hop_limit=63)
        assert answer == with_header(error_of(quoted, 2, addresses(2), 2048), hop_limit=63)
        assert all_is_counted(mesh).answered == 2


def test_what_waits_for_a_way_to_a_satellite_waits_a_second():
    with chain(n_satellite_rows=1, live=live_of(False)) as mesh:
        for t in (0, PS_PER_S // 2):
            mesh.send(0, ping(0, 1))
            mesh.engine.turn(t)
        mesh.engine.turn(PS_PER_S)
        assert mesh.engine.in_memory() == 2
        mesh.engine.turn(PS_PER_S + 1)
        assert mesh.engine.in_memory() == 1 and all_is_counted(mesh).parked_dropped == 1
        for _ in range(9 * 32):
            mesh.send(0, ping(0, 1))
            mesh.engine.turn(PS_PER_S + 2)
        assert mesh.engine.in_memory() == 256
        all_is_counted(mesh)


@pytest.mark.parametrize("wanted", [False, True])
def test_senders_are_told_of_missing_links_only_on_request(wanted):
    with chain(live=live_of(False, unreachable=wanted), end_ps=PS_PER_S) as mesh:
        links, one = np.arange(6), np.array([2])
        engine, delays = mesh.engine, np.full(6, PS_PER_MS)
        engine.turn(PS_PER_MS)
        stop = np.array([packets_state.CHANGE_STOP])
        end = PS_PER_S
        engine.turn(end - 1)
        engine.begin_step(Step(end, 2 * end, links, delays, delays, 0 * one + end, one, stop, one * 0))
        packet = udp(0, 3)
        mesh.send(0, packet)
        found = turn_until(mesh, end + 10 * PS_PER_MS, end)
        answers = [
            with_header(error_of(with_header(packet, hop_limit=63), 1, addresses(2), 2048), hop_limit=63)
        ]
        assert [answer for *_, answer in found] == (answers if wanted else [])
        c = all_is_counted(mesh)
        assert c.unreachable == wanted


def test_a_node_answers_a_thousand_times_a_second_and_a_hundred_times_at_once():
    with chain(live=live_of(False)) as mesh:
        engine = mesh.engine
        for k in range(300):
            mesh.send(0, udp(0, 3, hop_limit=1))
            engine.turn(k * PS_PER_US)
        turn_until(mesh, 10 * PS_PER_MS, 300 * PS_PER_US)
        c = all_is_counted(mesh)
        assert 100 <= c.time_exceeded <= 102 and c.suppressed == 300 - c.time_exceeded
        for k in range(300):
            mesh.send(0, udp(0, 3, hop_limit=1))
            engine.turn(PS_PER_S + k * PS_PER_MS)
        assert engine.counters().suppressed == c.suppressed


def test_what_is_for_nobody_or_from_nobody_is_counted_and_gone():
    with chain(live=live_of(False)) as mesh:
        for packet in (
            udp(0, 0),  # to itself
            udp(0, 1000),
            ip_packet(0, 3, 60, version=6)[:24] + bytes.fromhex("ff02" + "00" * 13 + "02") + bytes(20),
            udp(1, 3),
            udp(2, 3),
            with_header(udp(0, 3), hop_limit=0),
            b"hello",
            udp(0, 3)[:-1],
            udp(0, 3) + b"x",
        ):
            mesh.send(0, packet)
        assert turn_until(mesh, 5 * PS_PER_MS) == []
        c = all_is_counted(mesh)
        assert (c.unknown, c.spoofed, c.malformed, c.packets_in) == (3, 2, 4, 9)
        assert mesh.engine.in_memory() == 0


@EITHER
def test_without_memory_left_packets_are_read_and_dropped(gso):
    with chain(live=Live(gso=gso, buffer_bytes=MIB)) as mesh:
        size = 60
        n = 900 if not gso else 200
        for k in range(n):
            mesh.send(0, framed(gso, udp(0, 3, size)))
            mesh.engine.turn(k)
        c = all_is_counted(mesh)
        room = MIB // 2048 if not gso else MIB // 4 // 2048 + (MIB * 3 // 4) // (66 * 1024)
        assert c.packets_in == n and c.buffer_drops == n - room
        assert len(turn_until(mesh, 5 * PS_PER_MS, n)) == room
        all_is_counted(mesh)
        assert mesh.engine.in_memory() == 0


def test_a_host_that_takes_nothing_costs_packets_that_are_counted():
    with chain(live=live_of(False), delay_ps=1) as mesh:
        for k in range(400):
            mesh.send(0, udp(0, 3, 1400))
            mesh.engine.turn(k * 100 * PS_PER_US)
        mesh.engine.turn(PS_PER_S)
        c = all_is_counted(mesh)
        assert c.write_errors > 0 and c.packets_out + c.write_errors == 400
        assert mesh.engine.in_memory() == 0


def test_delays_that_flap_by_half_reorder_nothing():
    with chain(delay_ps=10 * PS_PER_MS, end_ps=PS_PER_S // 10, live=live_of(False)) as mesh:
        engine, links, none = mesh.engine, np.arange(6), np.zeros(0, np.int64)
        seen, number = [], 0
        for k in range(20):
            start = k * PS_PER_S // 10
            if k > 0:
                delays = np.full(6, 5 * PS_PER_MS if k % 2 else 15 * PS_PER_MS)
                step = Step(start, start + PS_PER_S // 10, links, delays, delays, none, none, none, none)
                engine.begin_step(step)
            for t in range(start, start + PS_PER_S // 10, PS_PER_MS):
                mesh.send(0, ip_packet(0, 3, 200, number))
                number += 1
                engine.turn(t)
                seen += [int.from_bytes(header_of(p)[-1][:4], "big") for p in mesh.received(3)]
                all_is_counted(mesh)
            engine.turn(start + PS_PER_S // 10 - 1)
            seen += [int.from_bytes(header_of(p)[-1][:4], "big") for p in mesh.received(3)]
        assert seen == list(range(len(seen))) and len(seen) > number - 50
        assert engine.flow_counters(engine.used_flows()).reordered.sum() == 0


def test_the_overhead_is_taken_off_the_way_and_counted_as_latency():
    overhead = 100 * PS_PER_US
    with chain(live=live_of(False), overhead_ps=overhead) as mesh:
        mesh.send(0, udp(0, 3, 125))
        found = turn_until(mesh, 5 * PS_PER_MS, step_ps=PS_PER_US)
        ((t, _, _),) = found
        exact = 3 * PS_PER_MS + 3 * 125 * 8 * PS_PER_S // GBPS
        assert t == exact - overhead
        assert mesh.engine.flow_counters(mesh.engine.used_flows()).latency_sum_ps == [exact]


@EITHER
def test_captures_have_the_records_of_all_packets_and_their_first_bytes(gso):
    rng = np.random.default_rng(3)
    live = live_of(gso)
    with chain(live=live, limit=(3, 10**6), trace=True, snap_bytes=80, n_snaps=64) as mesh:
        engine, sent, records = mesh.engine, [], []
        for k in range(60):
            packet = udp(0, 3, 200) if k % 2 else ip_packet(0, 3, 1000 + k, k)
            if gso and k % 5 == 0:
                frame = super_packet(rng, True, 700, 1000, ends=address(0) + address(3))
                frame = frame[:1] + bytes(5) + frame[6:10] + with_header(frame[10:], hop_limit=64)
                (packet,) = segments_of(frame)
            else:
                frame = framed(gso, packet)
            sent.append(packet)
            mesh.send(0, frame)
            engine.turn(k * PS_PER_US)
            if k % 7 == 0:
                records.append(engine.drain_taps())
        turn_until(mesh, 5 * PS_PER_MS, 60 * PS_PER_US)
        records = np.concatenate([*records, engine.drain_taps()])
        c = all_is_counted(mesh)
        kinds = records[:, packets_state.T_KIND]
        n_delivered = np.count_nonzero(kinds == packets_state.TAP_DELIVERED)
        assert len(records) == 60 and 0 < n_delivered < 60 and n_delivered == c.packets_out
        assert not (kinds >= packets_state.TAP_ENDED).any()
        assert (np.diff(records[:, packets_state.T_TIME]) >= 0).all()
        ident, data = engine.snaps()
        for record in records:
            (at,) = np.flatnonzero(ident == record[packets_state.T_IDENT])
            packet = sent[record[packets_state.T_IDENT] & packets_state.SEQUENCE_MASK]
            assert data[at].tobytes() == packet[:80]
