"""Super-packets through the live core are trains of the packet model, and every segment of them is whole."""

import random
from collections import Counter, defaultdict

import numpy as np
import pytest

from lasermesh.packets.causes import CAUSES
from lasermesh.scenario.live import Live
from tests.live.mesh import MIB, address
from tests.live.packets import super_packet
from tests.live.test_core_agrees import live_mesh, live_rows, turns_of
from tests.packets.comparing import enough
from tests.reference.cases import random_case
from tests.reference.ip_packets import segments_of, with_header, with_ip_checksum
from tests.reference.packet_simulator import simulate
from tests.reference.results import ends as ends_of_reference

HEADERS = {4: 40, 6: 60}
CASES = enough(6, 1)


def frame_of(flow, rng, version, n_segments, mss, last):
    """A super-packet of a flow, of so many full segments of payload and a shorter last one."""
    ends = address(flow.source, version) + address(flow.destination, version)
    payload = n_segments * mss + last
    frame = super_packet(rng, version == 4, payload, mss, ends=ends)
    tos = flow.traffic_class << 5 | (2 if flow.ecn else 0)
    data = bytearray(frame[10:])
    if version == 4:
        data[1], data[8] = tos, flow.hop_limit
    else:
        data[:2], data[7] = (6 << 12 | tos << 4 | data[1] & 0xF).to_bytes(2, "big"), flow.hop_limit
    is_one = n_segments + (last > 0) == 1  # which is no super-packet
    return (frame[:1] + bytes(5) + frame[6:10] if is_one else frame[:10]) + with_ip_checksum(data)


def numbered_case(flavour, number):
    """A case in which some flows send super-packets, and what they send: {flow: [(time_ps, frame)]}."""
    dice = random.Random(f"trains/{flavour}/{number}")
    rng = np.random.default_rng(number)
    while True:
        case = random_case(dice, flavour)
        rows = live_rows(case)
        if not rows:
            continue
        sent, frames = defaultdict(set), {}
        for packet in simulate(case).packets.values():
            sent[packet.flow].add(packet.sent_ps)
        if not 3 <= sum(len(sent[row]) for row in rows) <= 200:
            continue
        for row in rows:
            flow = case.flows[row]
            script, frames[row] = [], []
            for time_ps in sorted(sent[row]):
                version, mss = dice.choice((4, 6)), dice.choice((8, 100, 1000))
                n, last = dice.choice((0, 1, 2, 7, 44)), dice.choice((0, 1, mss // 2))
                if n + last == 0:
                    continue
                frames[row].append((time_ps, frame_of(flow, rng, version, n, mss, last)))
                if n > 0:
                    script.append((time_ps, HEADERS[version] + mss, n, time_ps))
                if last > 0:
                    script.append((time_ps, HEADERS[version] + last, 1, time_ps))
            flow.kind, flow.train, flow.rate_bps, flow.sizes = "script", 1, 0, ((1, 1),)
            flow.script = tuple(script)
        return case, rows, frames


@pytest.mark.parametrize("flavour", ["trains", "trains, cuts"])
def test_super_packets_meet_the_fate_that_the_reference_says_of_trains(flavour):
    for number in range(CASES):
        case, rows, frames = numbered_case(flavour, number)
        heading = f"numbered_case({flavour!r}, {number})"
        result = simulate(case)
        live = Live(gso=True, buffer_bytes=16 * MIB)
        mesh, flow_of = live_mesh(case, rows, {}, live)
        mesh.open()
        try:
            to_send, segments = defaultdict(list), {}
            for row in rows:
                segments[row] = []
                for time_ps, frame in frames[row]:
                    to_send[time_ps].append((case.flows[row].source, frame))
                    segments[row] += segments_of(frame)
            hops = {(p.flow, p.sequence + k): p for p in result.packets.values() for k in range(p.count)}
            expected = defaultdict(Counter)
            dropped = Counter()
            for time_ps, row, sequence, n, outcome, node in ends_of_reference(result, rows):
                if outcome != "delivered":
                    dropped[row, outcome] += n
                    continue
                for k in range(sequence, sequence + n):
                    packet = hops[row, k]
                    expected[time_ps, node][with_header(segments[row][k], packet.hop_limit, packet.ce)] += 1
            instants = {*to_send, *(t for t, _ in expected)}
            found = defaultdict(Counter)
            for t, node, frame in turns_of(mesh, case, to_send, sorted(instants)):
                for segment in segments_of(frame):
                    if segment[9 if segment[0] >> 4 == 4 else 6] == 6:
                        found[t, node][segment] += 1
            assert found == expected, heading
            counters = mesh.engine.flow_counters()
            for (row, outcome), n in dropped.items():
                assert counters.dropped[flow_of[row], CAUSES.index(outcome)] == n, heading
            assert sum(counters.sent[flow_of[row]] for row in rows) == sum(map(len, segments.values()))
        finally:
            mesh.close()
