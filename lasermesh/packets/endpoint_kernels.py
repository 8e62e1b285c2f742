"""Where packets begin and end: the sources of flows, and what is counted at delivery."""

import math

import numpy as np

from lasermesh.compiled import hot_kernel, inline_kernel
from lasermesh.packets.latency_bins import FIRST_KEY, N_BINS, SHIFT
from lasermesh.packets.link_kernels import BITS_TIMES_PS_PER_S
from lasermesh.packets.state import (
    F_JITTER_PS,
    F_MEAN_GAP_PS,
    HOP_SHIFT,
    K_BYTES,
    K_DELIVERED,
    K_HOPS,
    K_LAST_LATENCY,
    K_LATENCY_MAX,
    K_LATENCY_MIN,
    K_LATENCY_SUM,
    K_LATENCY_SUM_HIGH,
    K_NEXT_SEQUENCE,
    K_REORDERED,
    M_SIZE,
    M_TIME,
    M_WEIGHT,
    NEVER,
    O_SEED,
    S_BYTES_SENT,
    S_HOP_LIMIT,
    S_KIND,
    S_MIX,
    S_MIX_END,
    S_NEXT,
    S_RATE,
    S_REST,
    S_SEQUENCE,
    S_SIZE,
    S_STEP_REST,
    S_STEP_WHOLE,
    S_STOP,
    S_WHOLE,
    SEQUENCE_BITS,
    SEQUENCE_MASK,
    SIZE_MASK,
    SIZE_SHIFT,
)
from lasermesh.random_kernels import INTERARRIVAL, PACKET_SIZE, draw_unit
from lasermesh.traffic.kinds import CONSTANT, POISSON, SCRIPT

HIGH_WORD = 2**61


@inline_kernel
def next_size(flows, mixes, control, flow):
    """Bytes of the packet that a flow sends next."""
    if flows[flow, S_SIZE]:
        return flows[flow, S_SIZE]
    row = flows[flow, S_MIX]
    sequence = flows[flow, S_SEQUENCE]
    if flows[flow, S_KIND] == SCRIPT:
        return mixes[row + sequence, M_SIZE]
    last = flows[flow, S_MIX_END] - 1
    target = draw_unit(control[O_SEED], PACKET_SIZE, flow, sequence) * float(mixes[last, M_WEIGHT])
    while row < last and mixes[row, M_WEIGHT] <= target:
        row += 1
    return mixes[row, M_SIZE]


@hot_kernel
def poisson_gap_ps(flow_floats, control, flow, sequence):
    """Exponential time between the packet before this one and this one, at least 1 ps."""
    unit = draw_unit(control[O_SEED], INTERARRIVAL, flow, sequence)
    return max(1, math.floor(-math.log(unit) * flow_floats[flow, F_MEAN_GAP_PS] + 0.5))


@inline_kernel
def count_sent(flows, flow_floats, mixes, control, flow, size):
    """Move a flow on by one packet: its counters, and when the next one is sent (rule 7)."""
    sequence = flows[flow, S_SEQUENCE] + 1
    flows[flow, S_SEQUENCE] = sequence
    flows[flow, S_BYTES_SENT] += size
    if flows[flow, S_KIND] == CONSTANT:
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
        following = whole + (1 if rest > 0 else 0)
    elif flows[flow, S_KIND] == POISSON:
        following = flows[flow, S_NEXT] + poisson_gap_ps(flow_floats, control, flow, sequence)
    elif flows[flow, S_MIX] + sequence < flows[flow, S_MIX_END]:
        following = mixes[flows[flow, S_MIX] + sequence, M_TIME]
    else:
        following = NEVER
    if following >= flows[flow, S_STOP]:
        following = NEVER
    flows[flow, S_NEXT] = following
    return following


@inline_kernel
def latency_bin(latency_ps):
    """Bin of a latency: the leading bits of its float64."""
    key = (np.float64(latency_ps).view(np.int64) >> SHIFT) - FIRST_KEY
    return min(max(key, 0), N_BINS - 1)


@inline_kernel
def deliver(flows, flow_floats, histogram, now, created, ident, word):
    """Count a packet at its destination."""
    flow = ident >> SEQUENCE_BITS
    sequence = ident & SEQUENCE_MASK
    latency = now - created
    flows[flow, K_BYTES] += (word >> SIZE_SHIFT) & SIZE_MASK
    flows[flow, K_HOPS] += flows[flow, S_HOP_LIMIT] - ((word >> HOP_SHIFT) & 0xFF) + 1
    if latency < flows[flow, K_LATENCY_MIN]:
        flows[flow, K_LATENCY_MIN] = latency
    if latency > flows[flow, K_LATENCY_MAX]:
        flows[flow, K_LATENCY_MAX] = latency
    total = flows[flow, K_LATENCY_SUM] + latency
    while total >= HIGH_WORD:
        total -= HIGH_WORD
        flows[flow, K_LATENCY_SUM_HIGH] += 1
    flows[flow, K_LATENCY_SUM] = total
    histogram[flow, latency_bin(latency)] += 1
    if flows[flow, K_DELIVERED] > 0:
        # Interarrival jitter, RFC 3550 section 6.4.1.
        difference = abs(float(latency - flows[flow, K_LAST_LATENCY]))
        flow_floats[flow, F_JITTER_PS] += (difference - flow_floats[flow, F_JITTER_PS]) / 16.0
    flows[flow, K_DELIVERED] += 1
    flows[flow, K_LAST_LATENCY] = latency
    # Type-P-Reordered, RFC 4737 section 3.
    if sequence < flows[flow, K_NEXT_SEQUENCE]:
        flows[flow, K_REORDERED] += 1
    else:
        flows[flow, K_NEXT_SEQUENCE] = sequence + 1
