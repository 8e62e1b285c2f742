"""The live core against the reference simulator, packet by packet, on random small networks.

Some flows of a random case become real packets: hosts send them, byte by byte, when the case says so, and the
clock is moved by hand. LASERMESH_CASES=20 in the environment makes twenty times as many cases.
"""

import os
import random
from collections import defaultdict

import numpy as np
import pytest

from lasermesh.packets.causes import CAUSES
from lasermesh.scenario.live import Live
from tests.live.mesh import EXPERIMENT, MIB, Mesh, header_of, ip_packet, protocol_of
from tests.packets.adapter import flows_of, links_of, queues_of, steps_of
from tests.packets.comparing import enough
from tests.reference.cases import random_case
from tests.reference.packet_simulator import simulate

FLAVOURS = (
    "plain", "overload", "reroute", "hand-over", "table swaps", "late switches", "rate changes", "ties",
    "loops", "formation", "some zero range", "ecn", "codel", "priority and codel", "bit errors", "processing",
)  # fmt: skip
CASES_PER_FLAVOUR = enough(2, 1) * int(os.environ.get("LASERMESH_CASES", "1"))
LEAST_BYTES = 44
MOST_AT_ONCE = 32  # packets that a host can send at one instant: what a turn reads


def live_rows(case):
    """Rows of the flows that become real: from the last one backwards, one for each pair of nodes."""
    rows, pairs = [], set()
    for row in range(len(case.flows) - 1, -1, -1):
        flow = case.flows[row]
        usual = flow.kind in ("constant", "poisson", "script") and flow.reply < 0 and flow.pool < 0
        if not usual or flow.link is not None or (flow.source, flow.destination) in pairs:
            break
        rows.append(row)
        pairs.add((flow.source, flow.destination))
    return rows[::-1][-4:]


def numbered_case(flavour, number):
    """A case with flows that can be real, its result by the reference, and their rows."""
    dice = random.Random(f"live/{flavour}/{number}")
    while True:
        case = random_case(dice, flavour)
        rows = live_rows(case)
        if not rows or case.n_nodes > 12:
            continue
        result = simulate(case)
        mine = [packet for packet in result.packets.values() if packet.flow in rows]
        at_once = defaultdict(int)
        for packet in mine:
            at_once[case.flows[packet.flow].source, packet.sent_ps] += 1
        if 3 <= len(mine) <= 400 and max(at_once.values()) <= MOST_AT_ONCE:
            if all(packet.size >= LEAST_BYTES for packet in mine):
                return case, rows, result, mine


EXACT = Live(gso=False, buffer_bytes=64 * MIB, mtu_bytes=65535)


def live_mesh(case, rows, options, live=EXACT):
    """A mesh with the flows of the case but those rows, and these between hosts."""
    others = [row for row in range(len(case.flows)) if row not in rows]
    ends = {node for row in rows for node in (case.flows[row].source, case.flows[row].destination)}
    background = flows_of(case).first(len(others))
    mesh = Mesh(
        case.n_nodes,
        background,
        sorted(ends),
        live=live,
        end_ps=case.end_ps,
        seed=case.seed,
        reroute=case.on_link_down == "reroute",
        alternate_after_ps=case.alternate_after_ps,
        framing_bytes=case.framing_bytes,
        processing_ps=np.array(case.processing_ps, np.int64),
        **options,
    )
    engine = mesh.engine
    ends = np.array(case.link_from), np.array(case.link_to)
    engine.add_links(*ends, case.queue_packets, case.queue_bytes, 0, queues_of(case))
    flow_of = {row: len(others) + mesh.pairs.index(ends_of(case, row)) for row in rows}
    for table in case.tables:
        of_flow = table.label_of_flow or [flow.label for flow in case.flows]
        labels = np.full(engine.flows.n_routed, -1, np.int32)
        labels[: len(others)] = of_flow[: len(others)]
        for row, flow in flow_of.items():
            labels[flow] = of_flow[row]
        backup = np.array(table.backup, np.int32) if table.backup else None
        switch_ps = np.array(table.switch_ps, np.int64)
        engine.install_table(links_of(table), labels[:, None], switch_ps, backup=backup)
    return mesh, flow_of


def ends_of(case, row):
    return case.flows[row].source, case.flows[row].destination


def packet_of(case, packet, number):
    """The bytes of a packet of the case."""
    flow = case.flows[packet.flow]
    tos = flow.traffic_class << 5 | (2 if flow.ecn else 0)
    ends = ends_of(case, packet.flow)
    return ip_packet(
        *ends, packet.size, number, hop_limit=flow.hop_limit, tos=tos, version=4 + 2 * (number % 2)
    )


def turns_of(mesh, case, to_send, instants):
    """Turn at each instant, when what is to be sent then is sent: (instant, node, bytes) of what comes."""
    engine = mesh.engine
    steps = list(steps_of(case))
    staged = engine.prepare_step(steps[0][1])
    for k, (end_ps, step) in enumerate(steps):
        engine.enter_step(staged)
        now = [t for t in instants if step.start_ps <= t < end_ps]
        for place, t in enumerate([*now, end_ps - 1]):
            if k + 1 < len(steps) and place == len(now) // 2:
                staged = engine.prepare_step(steps[k + 1][1])
            for node, packet in to_send.pop(t, ()):
                mesh.send(node, packet)
            engine.turn(t)
            for node, packet in mesh.received_anywhere():
                yield t, node, packet


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_real_packets_meet_the_fate_that_the_reference_says(flavour):
    for number in range(CASES_PER_FLAVOUR):
        case, rows, result, mine = numbered_case(flavour, number)
        dice = random.Random(f"options/{flavour}/{number}")
        options = {"longest_window_ps": 10 ** dice.randint(6, 10)} if dice.random() < 0.4 else {}
        mesh, flow_of = live_mesh(case, rows, options)
        mesh.open()
        try:
            mine.sort(key=lambda packet: (packet.sent_ps, packet.flow, packet.sequence))
            to_send, expected = defaultdict(list), {}
            for k, packet in enumerate(mine):
                data = packet_of(case, packet, k)
                to_send[packet.sent_ps].append((case.flows[packet.flow].source, data))
                if packet.outcome == "delivered":
                    flow = case.flows[packet.flow]
                    tos = flow.traffic_class << 5 | (3 if packet.ce else 2 if flow.ecn else 0)
                    *_, payload = header_of(data)
                    seen = *ends_of(case, packet.flow), packet.size, packet.hop_limit, tos, payload
                    expected[k] = packet.time_ps, flow.destination, seen
            instants = {*to_send, *(time_ps for time_ps, *_ in expected.values())}
            instants |= {dice.randrange(case.end_ps) for _ in range(20)}
            n_sent = len(mine)
            heading = f"numbered_case({flavour!r}, {number}), {options}"
            found = {}
            for t, node, packet in turns_of(mesh, case, to_send, sorted(instants)):
                if protocol_of(packet) == EXPERIMENT:  # all else is answers
                    *_, payload = seen = header_of(packet)
                    found[int.from_bytes(payload[:4], "big")] = t, node, seen
            assert found == expected, heading
            counters = mesh.engine.flow_counters()
            for row in range(len(case.flows)):
                k = flow_of.get(row, row)
                packets = [packet for packet in result.packets.values() if packet.flow == row]
                assert counters.sent[k] == len(packets), heading
                for c, cause in enumerate(CAUSES):
                    lost = sum(packet.outcome == cause for packet in packets)
                    assert counters.dropped[k, c] == lost, (heading, row, cause)
                hops = sum(packet.hops for packet in packets if packet.outcome == "delivered")
                assert counters.hops_sum[k] == hops, (heading, row)
            live = mesh.engine.counters()
            outside = counters.in_flight[len(case.flows) - len(rows) :]
            assert live.packets_in == n_sent, heading
            assert mesh.engine.in_memory() == outside.sum(), heading
        finally:
            mesh.close()
