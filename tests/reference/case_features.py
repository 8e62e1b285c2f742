"""What random cases have beyond packets of one class in drop-tail queues, scaled so that it matters.

Drawn with dice of its own, so that a flavour without any of it stays as it is.
"""

from dataclasses import replace
from typing import NamedTuple

from tests.reference.arithmetic import BIT_PS_PER_BYTE
from tests.reference.case import NONE, UNLIMITED, Flow, Pool, ordered_changes

# So that a few hundred of them in a row stay well within 64 bits of picoseconds.
LONGEST_PS = 10**15


class Scale(NamedTuple):
    """What is usual in a case."""

    packet_ps: int  # serialization of a usual packet
    packet_bytes: int
    in_step: bool  # whether times are to be multiples of packet_ps


def add_features(case, knobs, dice, scale):
    """Draw what a flavour asks for, for a network and flows that are there; flows that answer come last."""
    add_queues(case, knobs, dice, scale)
    add_errors_and_delays(case, knobs, dice, scale)
    for flow in case.flows:
        if knobs.classes != (1,):
            flow.traffic_class = dice.choice((0, 1, 2, 7, dice.randrange(8)))
        flow.ecn = dice.random() < knobs.ecn
    for flow in tuple(case.flows):
        if dice.random() < knobs.trains:
            make_trains(flow, dice)
        elif dice.random() < knobs.bulk:
            make_bulk(case, flow, dice, scale)
        else:
            if dice.random() < knobs.on_off:
                make_on_off(flow, dice)
            if dice.random() < knobs.requests:
                make_requests(case, flow, dice, scale)


def duration(mean_ps, scale):
    """A whole duration of at least 1 ps near a number of picoseconds."""
    if scale.in_step:
        mean_ps = max(1, round(mean_ps / scale.packet_ps)) * scale.packet_ps
    return max(1, min(int(mean_ps), LONGEST_PS))


def gap_ps(flow):
    """Mean time between packets of a flow."""
    mean_bytes = sum(size * weight for size, weight in flow.sizes) / sum(weight for _, weight in flow.sizes)
    return mean_bytes * BIT_PS_PER_BYTE / flow.rate_bps


# -------------------------------------------------------------------------------------------- links and nodes


def add_queues(case, knobs, dice, scale):
    """Classes, disciplines and their settings, link by link; some queues small."""
    for link in range(case.n_links):
        case.classes[link] = dice.choice(knobs.classes)
        case.discipline[link] = dice.choice(knobs.disciplines)
        case.mark_packets[link] = dice.choice((0, 1, 3, 10, UNLIMITED))
        case.mark_bytes[link] = dice.choice((0, 1, 3, 10, UNLIMITED)) * scale.packet_bytes
        case.codel[link] = (
            duration(scale.packet_ps * dice.choice((0.5, 1, 3, 10)), scale),
            duration(scale.packet_ps * dice.choice((1, 3, 10, 40)), scale),
            dice.choice((0, scale.packet_bytes, 1500)),
        )
        if dice.random() < knobs.small_queues:
            case.queue_packets[link] = dice.choice((0, 1, 2, 5))
    case.mark_bytes = [min(threshold, UNLIMITED) for threshold in case.mark_bytes]


def add_errors_and_delays(case, knobs, dice, scale):
    """Bit errors of links, so that some packets in a hundred or in three suffer; processing at nodes."""
    bits = 8 * (scale.packet_bytes + case.framing_bytes)
    for link in range(case.n_links):
        if dice.random() < knobs.bit_errors:
            case.bit_error_rate[link] = dice.choice((0.01, 0.1, 0.3)) / bits
    for node in range(case.n_nodes):
        if dice.random() < knobs.processing:
            least_ps = scale.packet_ps if scale.in_step else 1
            case.processing_ps[node] = dice.choice(
                (least_ps, scale.packet_ps, duration(scale.packet_ps * dice.uniform(0.1, 30), scale))
            )


def add_node_failures(case, n_failures, dice, moment):
    """Fail nodes, and stop the links at both sides while they are down; `moment(node)` gives instants."""
    free = set(range(case.n_nodes))
    for _ in range(min(n_failures, case.n_nodes)):
        node = dice.choice(sorted(free))
        free.discard(node)
        times = sorted({moment(node) for _ in range(dice.choice((1, 2, 2, 4)))})
        for order, time_ps in enumerate(times):
            case.node_changes.append((time_ps, node, "up" if order % 2 else "down"))
        for down_ps, up_ps in zip(times[::2], [*times[1::2], UNLIMITED], strict=False):
            for link in range(case.n_links):
                if node in (case.link_from[link], case.link_to[link]):
                    cut_out(case, link, down_ps, up_ps, dice)
    dice.shuffle(case.node_changes)  # their order in the list means nothing


def cut_out(case, link, down_ps, up_ps, dice):
    """Keep a link down for a while: what it would have done then, it does when it is over, or not at all."""
    mine = [change for change in ordered_changes(case) if change[1] == link]
    others = [change for change in case.changes if change[1] != link]
    before = [change for change in mine if change[0] < down_ps]
    rates = [change[3] for change in mine if change[0] <= up_ps and change[2] != "stop"]
    after = [change for change in mine if change[0] > up_ps]
    was_up = bool(before) and before[-1][2] != "stop"
    is_up = [change[2] for change in mine if change[0] <= up_ps][-1:] not in ([], ["stop"])
    if was_up:
        before.append((down_ps, link, "stop", 0))
    if is_up and up_ps < UNLIMITED:
        if dice.random() < 0.8:
            before.append((up_ps, link, "start", rates[-1]))
        else:  # it stays down for the rest of that contact
            while after and after[0][2] != "start":
                after.pop(0)
    case.changes = others + before + after


def add_alternates(case, chance, dice, scale):
    """Fast reroute: further choices and backups, and how soon a node knows that a link is down.

    Most lead no farther from the destination, where labels are destinations; the others make loops.
    """
    if dice.random() >= chance:
        return
    case.alternate_after_ps = dice.choice((0, 0, 1, scale.packet_ps, duration(10 * scale.packet_ps, scale)))
    hops = [hops_to(case, node) for node in range(case.n_nodes)]
    out = [
        [link for link in range(case.n_links) if case.link_from[link] == node] for node in range(case.n_nodes)
    ]
    for table in case.tables:
        table.more = [[() for _ in row] for row in table.link]
        table.backup = [[NONE for _ in row] for row in table.link]
        for node, row in enumerate(table.link):
            for label, first in enumerate(row):
                far = hops[label % case.n_nodes]
                near = [link for link in out[node] if far[case.link_to[link]] <= far[node]]
                ways = [link for link in (near if dice.random() < 0.9 else out[node]) if link != first]
                dice.shuffle(ways)
                if first != NONE and dice.random() < chance:
                    table.more[node][label] = tuple(ways[: dice.choice((0, 0, 1, 2))])
                if ways and dice.random() < chance:
                    table.backup[node][label] = ways[-1]


def hops_to(case, destination):
    """Links to cross from every node to a destination; as many as there are nodes where none lead there."""
    hops = [0 if node == destination else case.n_nodes for node in range(case.n_nodes)]
    for _ in range(case.n_nodes):
        for start, end in zip(case.link_from, case.link_to, strict=True):
            hops[start] = min(hops[start], hops[end] + 1)
    return hops


# ------------------------------------------------------------------------------------------------------ flows


def keep_one_size(flow, dice):
    """Packets of one size of the mix, as many as before."""
    gap_before_ps = gap_ps(flow)
    flow.sizes = (dice.choice(flow.sizes),)
    flow.rate_bps = max(1, int(flow.rate_bps * gap_ps(flow) / gap_before_ps))


def make_trains(flow, dice):
    """Packets of one size at a constant rate that travel in trains."""
    flow.kind, flow.script = "constant", ()
    keep_one_size(flow, dice)
    flow.train = dice.choice((2, 3, 5, 16, 64))


def add_direct(case, knobs, dice, scale, moment):
    """Flows that go straight over a link, some over none; `moment(node)` gives instants of their packets."""
    for _ in range(dice.randint(*knobs.direct)):
        link = dice.randrange(case.n_links)
        source, destination = case.link_from[link], case.link_to[link]
        entries = []
        for time_ps in sorted(moment(source) for _ in range(dice.randint(1, 30))):
            size = dice.choice((scale.packet_bytes, dice.randint(1, 1500)))
            if dice.random() < knobs.trains:
                count = dice.choice((2, 5, 16))
                lasts_ps = dice.choice((0, count * scale.packet_ps // 2, count * scale.packet_ps))
                entries.append((time_ps, size, count, time_ps + lasts_ps))
            else:
                entries += [(time_ps, size)] * dice.choice((1, 1, 3))
        flow = Flow(source, destination, "script", script=tuple(entries), label=destination)
        flow.link = NONE if dice.random() < 0.1 else link
        flow.traffic_class = dice.choice(knobs.classes) - 1
        case.flows.append(flow)


def make_on_off(flow, dice):
    """A flow that sends at times, a few packets or many in a row."""
    flow.kind, flow.script = "on-off", ()
    flow.on_ps = min(gap_ps(flow) * dice.choice((0.5, 3, 20)), 1e16)
    flow.off_ps = min(flow.on_ps * dice.choice((0.1, 1, 3)), 1e16)


def make_requests(case, flow, dice, scale):
    """Let a pool at the destination serve the flow's packets, about as fast as they come, and reply."""
    at_hand = [pool for pool, settings in enumerate(case.pools) if settings.node == flow.destination]
    if at_hand and dice.random() < 0.8:
        flow.pool = dice.choice(at_hand)
    else:
        flow.pool = len(case.pools)
        servers = dice.choice((1, 1, 2, 3))
        kind = dice.choice(("constant", "exponential"))
        service_ps = float(duration(gap_ps(flow) * servers * dice.choice((0.3, 0.8, 1.5)), scale))
        limit = dice.choice((0, 1, 3, 10, UNLIMITED))
        case.pools.append(Pool(flow.destination, servers, kind, service_ps, limit))
    flow.reply_packet_bytes = dice.choice((scale.packet_bytes, dice.randint(1, 1500)))
    flow.reply_bytes = dice.randint(1, 4 * flow.reply_packet_bytes)
    add_answer(case, flow, "reply", min(flow.reply_bytes, flow.reply_packet_bytes))


def make_bulk(case, flow, dice, scale):
    """A transfer that lasts about as long as the flow would, with time-outs around the round trip."""
    flow.kind, flow.script = "bulk", ()
    keep_one_size(flow, dice)
    size = flow.sizes[0][0]
    lasts_ps = max(0, min(flow.stop_ps, case.end_ps) - flow.start_ps)
    n_segments = int(lasts_ps / gap_ps(flow) * dice.uniform(0.2, 1.0)) + 1
    flow.total_bytes = n_segments * size - dice.randrange(size)
    if dice.random() < 0.7:
        flow.stop_ps = UNLIMITED
    flow.window = dice.choice((1, 2, 5, 20, 100))
    delays = case.steps[0].delay_start_ps
    round_trip_ps = 4 * (sum(delays) / max(1, len(delays)) + scale.packet_ps)
    flow.timeout_first_ps = duration(round_trip_ps * dice.choice((0.3, 0.8, 1.5, 5)), scale)
    flow.timeout_min_ps = duration(dice.choice((1, scale.packet_ps, round_trip_ps / 2, round_trip_ps)), scale)
    flow.reply_bytes = dice.choice((1, 40, size))
    add_answer(case, flow, "ack", flow.reply_bytes)


def add_answer(case, flow, kind, size):
    """The flow that answers, as the last row."""
    flow.reply = len(case.flows)
    answer = Flow(flow.destination, flow.source, kind, sizes=((size, 1),), label=flow.source)
    answer = replace(answer, hop_limit=flow.hop_limit, traffic_class=flow.traffic_class)
    case.flows.append(answer)
