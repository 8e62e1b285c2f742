"""The engine's arrays before the first step."""

import numpy as np

from lasermesh.packets import state
from lasermesh.packets.arrays import aligned
from lasermesh.packets.causes import N_CAUSES
from lasermesh.packets.endpoint_kernels import poisson_gap_ps
from lasermesh.packets.latency_bins import N_BINS
from lasermesh.packets.pool_kernels import spread_chunks
from lasermesh.packets.state import NEVER, Engine
from lasermesh.random_kernels import FLOW_HASH, draw
from lasermesh.traffic.kinds import CONSTANT, POISSON, SCRIPT
from lasermesh.units import NONE, PS_PER_S


def first_state(n_nodes, flows, n_workers, end_ps, options, chunks, first_taps):
    """An engine without links and tables, its sources ready for their first packets.

    `options` are entries of `control` by column.
    """
    n_flows = flows.n_flows
    control = aligned((state.CONTROL_ENTRIES,))
    control[state.O_LABELS] = control[state.O_CHOICES] = 1
    for column, value in options.items():
        control[column] = value
    rows = aligned((n_flows, state.FLOW_COLUMNS))
    rows[:, state.K_LATENCY_MIN] = NEVER
    workers = aligned((n_workers, state.WORKER_COLUMNS))
    workers[:, state.V_FREE_CHUNK] = NONE
    workers[:, state.V_TAPS] = np.arange(n_workers) * first_taps
    workers[:, state.V_TAPS_END] = np.arange(1, n_workers + 1) * first_taps
    sizes = flows.size_bytes
    e = Engine(
        control=control,
        packets=chunks.packets,
        next_chunk=chunks.next_chunk,
        links=aligned((0, state.LINK_COLUMNS)),
        flows=rows,
        flow_floats=np.zeros((n_flows, 2)),
        mixes=np.stack([sizes, flows.size_time_ps, np.zeros_like(sizes)], axis=1),
        histogram=np.zeros((n_flows, N_BINS), np.int64),
        dropped=np.zeros((n_workers * n_flows, N_CAUSES), np.int64),
        nodes=aligned((n_nodes, state.NODE_COLUMNS)),
        domains=aligned((0, state.DOMAIN_COLUMNS)),
        workers=workers,
        lists=np.zeros(0, np.int32),
        changes=np.zeros((0, 4), np.int64),
        heap=aligned((0, 2)),
        tables=np.full((1, n_nodes, 1), NONE, np.int32),
        label_of_flow=np.full((1, n_flows), NONE, np.int32),
        taps=np.zeros((n_workers * first_taps, state.TAP_COLUMNS), np.int64),
    )
    spread_chunks(workers, e.next_chunk, np.arange(len(chunks.next_chunk), dtype=np.int32))
    start_sources(e, flows, end_ps)
    return e


def start_sources(e, flows, end_ps):
    """Fill the rows of the sources, up to the instant of each flow's first packet."""
    s, seed = e.flows, int(e.control[state.O_SEED])
    fixed = (np.diff(flows.size_first) == 1) & (flows.kind != SCRIPT)
    s[:, state.S_KIND] = flows.kind
    s[:, state.S_RATE] = flows.rate_bps
    s[:, state.S_STOP] = np.minimum(flows.stop_ps, end_ps)
    s[:, state.S_HOP_LIMIT] = flows.hop_limit
    s[:, state.S_CLASS] = flows.traffic_class
    s[:, state.S_MIX] = flows.size_first[:-1]
    s[:, state.S_MIX_END] = flows.size_first[1:]
    for flow in range(flows.n_flows):
        sizes = slice(flows.size_first[flow], flows.size_first[flow + 1])
        e.mixes[sizes, state.M_WEIGHT] = np.cumsum(flows.size_weight[sizes])
        if fixed[flow]:
            size = int(flows.size_bytes[flows.size_first[flow]])
            s[flow, state.S_SIZE] = size
            if flows.kind[flow] == CONSTANT:
                whole, rest = divmod(size * 8 * PS_PER_S, int(flows.rate_bps[flow]))
                s[flow, state.S_STEP_WHOLE], s[flow, state.S_STEP_REST] = whole, rest
        s[flow, state.S_CHOICE] = int(draw(seed, FLOW_HASH, flow, 0)) >> 33
        begin = min(int(flows.start_ps[flow]) + int(flows.phase_ps[flow]), int(NEVER))
        s[flow, state.S_WHOLE] = begin
        if flows.kind[flow] == POISSON:
            weights = flows.size_weight[sizes]
            mean_size = float((flows.size_bytes[sizes] * weights).sum()) / float(weights.sum())
            e.flow_floats[flow, state.F_MEAN_GAP_PS] = mean_size * 8e12 / float(flows.rate_bps[flow])
            begin += poisson_gap_ps(e.flow_floats, e.control, flow, 0)
        elif flows.kind[flow] == SCRIPT:
            begin = int(flows.size_time_ps[sizes.start]) if sizes.stop > sizes.start else NEVER
        s[flow, state.S_NEXT] = begin if begin < s[flow, state.S_STOP] else NEVER
