"""Sources: when a flow sends its next packet, and what that packet is."""

from lasermesh.compiled import hot_kernel, inline_kernel, part_kernel
from lasermesh.packets.exponential_kernels import exponential_ps
from lasermesh.packets.link_kernels import BITS_TIMES_PS_PER_S
from lasermesh.packets.state import (
    COUNT_SHIFT,
    F_MEAN_GAP_PS,
    F_OFF_PS,
    F_ON_PS,
    M_COUNT,
    M_SIZE,
    M_TAIL,
    M_TIME,
    M_WEIGHT,
    NEVER,
    S_BYTES_SENT,
    S_KIND,
    S_MIX,
    S_MIX_END,
    S_NEXT,
    S_OFF_TIME,
    S_ON_END,
    S_PERIOD,
    S_RATE,
    S_REST,
    S_SEQUENCE,
    S_SIZE,
    S_STEP_REST,
    S_STEP_WHOLE,
    S_STOP,
    S_TRAIN,
    S_WHOLE,
)
from lasermesh.random_kernels import INTERARRIVAL, ON_OFF, PACKET_SIZE, draw_unit
from lasermesh.traffic.kinds import CONSTANT, POISSON, SCRIPT
from lasermesh.traffic.kinds import ON_OFF as ON_OFF_KIND


@part_kernel
def mixed_size(flows, mixes, seed, flow):
    """Bytes of the packet that a flow with a mix sends next."""
    row = flows[flow, S_MIX]
    last = flows[flow, S_MIX_END] - 1
    unit = draw_unit(seed, PACKET_SIZE, flow, flows[flow, S_SEQUENCE])
    target = unit * float(mixes[last, M_WEIGHT])
    while row < last and mixes[row, M_WEIGHT] <= target:
        row += 1
    return mixes[row, M_SIZE]


@inline_kernel
def next_size(flows, mixes, seed, flow):
    """Bytes of the packet that a plain flow sends next."""
    if flows[flow, S_SIZE]:
        return flows[flow, S_SIZE]
    if flows[flow, S_KIND] == SCRIPT:
        return mixes[flows[flow, S_MIX], M_SIZE]
    return mixed_size(flows, mixes, seed, flow)


@hot_kernel
def poisson_gap_ps(flow_floats, seed, flow, sequence):
    """Exponential time between the packet before this one and this one, at least 1 ps."""
    return exponential_ps(flow_floats[flow, F_MEAN_GAP_PS], seed, INTERARRIVAL, flow, sequence)


@hot_kernel
def real_time_ps(flows, flow_floats, seed, flow, due_ps):
    """When an on-off flow's clock, which stands still while it is off, shows an instant."""
    while due_ps + flows[flow, S_OFF_TIME] >= flows[flow, S_ON_END]:
        period = flows[flow, S_PERIOD] + 1
        off = exponential_ps(flow_floats[flow, F_OFF_PS], seed, ON_OFF, flow, period)
        on = exponential_ps(flow_floats[flow, F_ON_PS], seed, ON_OFF, flow, period + 1)
        if flows[flow, S_ON_END] > NEVER - off - on:
            return NEVER
        flows[flow, S_OFF_TIME] += off
        flows[flow, S_ON_END] += off + on
        flows[flow, S_PERIOD] = period + 1
        if flows[flow, S_ON_END] >= flows[flow, S_STOP]:
            break
    return due_ps + flows[flow, S_OFF_TIME]


@inline_kernel
def carry_rest(flows, flow, size):
    """Move a constant rate's exact sum on by one packet (rule 7); the instant that it stands for."""
    if flows[flow, S_SIZE]:
        whole = flows[flow, S_WHOLE] + flows[flow, S_STEP_WHOLE]
        rest = flows[flow, S_REST] + flows[flow, S_STEP_REST]
    else:
        work = size * BITS_TIMES_PS_PER_S
        whole = flows[flow, S_WHOLE] + work // flows[flow, S_RATE]
        rest = flows[flow, S_REST] + work % flows[flow, S_RATE]
    if rest >= flows[flow, S_RATE]:
        rest -= flows[flow, S_RATE]
        whole += 1
    flows[flow, S_WHOLE] = whole
    flows[flow, S_REST] = rest
    return whole + (1 if rest > 0 else 0)


@inline_kernel
def gather_train(flows, flow, now):
    """Make a train of the packets of a constant flow from `now` on: how many, and the instant of the last.

    The flow then stands at its last packet, which is still to be counted.
    """
    n = 1
    last = now
    while n < flows[flow, S_TRAIN]:
        whole = flows[flow, S_WHOLE]
        rest = flows[flow, S_REST]
        following = carry_rest(flows, flow, flows[flow, S_SIZE])
        if following >= flows[flow, S_STOP]:
            flows[flow, S_WHOLE] = whole
            flows[flow, S_REST] = rest
            break
        last = following
        n += 1
    return (n - 1) << COUNT_SHIFT, last


@inline_kernel
def scripted_train(flows, mixes, flow):
    """The train that a script makes next: how many packets, and the instant of the last."""
    row = flows[flow, S_MIX]
    return (mixes[row, M_COUNT] - 1) << COUNT_SHIFT, mixes[row, M_TAIL]


@inline_kernel
def pass_own(flows, flow_floats, mixes, seed, flow, size, n):
    """Count `n` packets that a plain flow has sent, and move it on to the next one."""
    sequence = flows[flow, S_SEQUENCE] + n
    flows[flow, S_SEQUENCE] = sequence
    flows[flow, S_BYTES_SENT] += n * size
    kind = flows[flow, S_KIND]
    if kind == CONSTANT:
        following = carry_rest(flows, flow, size)
    elif kind == POISSON:
        gap = poisson_gap_ps(flow_floats, seed, flow, sequence)
        following = flows[flow, S_NEXT] + min(gap, NEVER - flows[flow, S_NEXT])
    elif kind == ON_OFF_KIND:
        following = real_time_ps(flows, flow_floats, seed, flow, carry_rest(flows, flow, size))
    else:
        row = flows[flow, S_MIX] + 1
        flows[flow, S_MIX] = row
        following = mixes[row, M_TIME] if row < flows[flow, S_MIX_END] else NEVER
    if following >= flows[flow, S_STOP]:
        following = NEVER
    flows[flow, S_NEXT] = following
