"""The packets that flows make by the clock alone, and trains of them."""

import itertools
from typing import NamedTuple

from tests.reference.arithmetic import (
    BIT_PS_PER_BYTE,
    INTERARRIVAL,
    ON_OFF,
    PACKET_SIZE,
    ceil_div,
    draw,
    exponential_ps,
    unit,
)


def packet_size(case, row, sequence):
    """Size of one packet of a flow with a packet mix."""
    sizes = case.flows[row].sizes
    if len(sizes) == 1:
        return sizes[0][0]
    chosen = unit(draw(case.seed, PACKET_SIZE, row, sequence)) * sum(weight for _, weight in sizes)
    cumulative = 0
    for size, weight in sizes:
        cumulative += weight
        if cumulative > chosen:
            return size
    return sizes[-1][0]


def packets_of_flow(case, row):
    """(time_ps, size) of a flow's packets in sequence, whatever its stop; endless unless a script."""
    flow = case.flows[row]
    if flow.kind == "script":
        yield from flow.script
    elif flow.kind == "constant":  # rule 7
        for due_ps, size in evenly_spaced(case, row):
            yield flow.start_ps + due_ps, size
    elif flow.kind == "poisson":
        time_ps = flow.start_ps + flow.phase_ps
        for sequence in itertools.count():
            time_ps += exponential_ps(draw(case.seed, INTERARRIVAL, row, sequence), mean_gap_ps(flow))
            yield time_ps, packet_size(case, row, sequence)
    elif flow.kind == "on-off":
        periods = on_periods(case, row)
        on_before_ps, start_ps, lasts_ps = 0, *next(periods)
        for due_ps, size in evenly_spaced(case, row):
            while due_ps >= on_before_ps + lasts_ps:
                on_before_ps += lasts_ps
                start_ps, lasts_ps = next(periods)
            yield start_ps + due_ps - on_before_ps, size
    else:
        raise ValueError(f"a flow of kind {flow.kind!r} needs more than time")


def evenly_spaced(case, row):
    """(time_ps, size): each packet comes when those before it have passed at the flow's rate, from 0 on."""
    flow = case.flows[row]
    sent_bytes = 0
    for sequence in itertools.count():
        size = packet_size(case, row, sequence)
        yield flow.phase_ps + ceil_div(sent_bytes * BIT_PS_PER_BYTE, flow.rate_bps), size
        sent_bytes += size


def mean_gap_ps(flow):
    """Mean time between packets of a Poisson flow."""
    mean_size = sum(size * weight for size, weight in flow.sizes) / sum(weight for _, weight in flow.sizes)
    return mean_size * 8e12 / flow.rate_bps


def on_periods(case, row):
    """(start_ps, duration_ps) of the periods in which an on/off flow's clock runs."""
    flow = case.flows[row]
    is_on = unit(draw(case.seed, ON_OFF, row, 0)) < flow.on_ps / (flow.on_ps + flow.off_ps)
    start_ps = flow.start_ps
    for period in itertools.count(1):
        mean_ps = flow.on_ps if is_on else flow.off_ps
        lasts_ps = exponential_ps(draw(case.seed, ON_OFF, row, period), mean_ps)
        if is_on:
            yield start_ps, lasts_ps
        start_ps += lasts_ps
        is_on = not is_on


class Entry(NamedTuple):
    """A packet, or a train of them, that enters at its source."""

    time_ps: int
    size: int  # of one packet
    count: int
    tail_ps: int  # when the last packet of the train is there


def entries_of_flow(case, row):
    """The packets or trains of a flow that enter before its stop and the end of the run."""
    flow = case.flows[row]
    stop_ps = min(flow.stop_ps, case.end_ps)
    if flow.kind == "script":
        for time_ps, size, *train in flow.script:
            if time_ps < stop_ps:
                yield Entry(time_ps, size, *(train or (1, time_ps)))
        return
    packets = itertools.takewhile(lambda packet: packet[0] < stop_ps, packets_of_flow(case, row))
    while train := list(itertools.islice(packets, flow.train)):
        time_ps, size = train[0]
        yield Entry(time_ps, size, len(train), train[-1][0])


def last_created_ps(flow, packet):
    """When the last packet of a train was made, from what the train knows."""
    if flow.kind == "script":
        return packet.last_created_ps
    step_whole, step_rest = (
        divmod(packet.size * BIT_PS_PER_BYTE, flow.rate_bps) if packet.count > 1 else (0, 0)
    )
    behind = packet.count - 1
    return packet.created_ps + behind * step_whole + (behind * step_rest // flow.rate_bps if behind else 0)


def shorten(packet, count):
    """Take packets from a train's tail; the tail's instant follows in proportion."""
    whole = packet.count
    packet.count = count
    if packet.last_created_ps is not None:
        made_in_ps = packet.last_created_ps - packet.created_ps
        packet.last_created_ps = packet.created_ps + made_in_ps * (count - 1) // (whole - 1)
    packet.tail_ps = packet.head_ps + (packet.tail_ps - packet.head_ps) * (count - 1) // (whole - 1)
