"""The engine's arrays before the first step."""

import numpy as np

from lasermesh.packets import state
from lasermesh.packets.arrays import aligned
from lasermesh.packets.causes import N_CAUSES
from lasermesh.packets.exponential_kernels import exponential_ps
from lasermesh.packets.latency_bins import N_BINS
from lasermesh.packets.pool_kernels import spread_chunks
from lasermesh.packets.scripts import mean_gap_ps
from lasermesh.packets.service_kernels import ENTRY
from lasermesh.packets.source_kernels import poisson_gap_ps, real_time_ps
from lasermesh.packets.state import NEVER, Engine
from lasermesh.packets.transfer_kernels import ROWS_PER_SEGMENT
from lasermesh.random_kernels import FLOW_HASH, ON_OFF, draw, draw_unit
from lasermesh.traffic import kinds
from lasermesh.units import NONE, PS_PER_S


def first_state(n_nodes, flows, n_workers, options, chunks, first_taps, first_rows, outside_bins=0):
    """An engine without links and tables, its sources ready for their first packets.

    `options` are entries of `control` by column, O_END, O_SEED and O_TRAINS among them. `outside_bins` is how
    many rows of the histogram are left for flows from outside, which have none yet.
    """
    n_flows = flows.n_flows
    with_bins = np.flatnonzero((flows.direct == 0) & (flows.kind != kinds.OUTSIDE))
    control = aligned((state.CONTROL_ENTRIES,))
    control[state.O_LABELS] = control[state.O_CHOICES] = 1
    control[state.C_ROWS] = first_rows
    control[state.C_STOP_AT] = NEVER
    for column, value in options.items():
        control[column] = value
    rows = aligned((n_flows, state.FLOW_COLUMNS))
    workers = aligned((n_workers, state.WORKER_COLUMNS))
    workers[:, state.V_FREE_CHUNK] = NONE
    workers[:, state.V_TAPS] = np.arange(n_workers) * first_taps
    workers[:, state.V_TAPS_END] = np.arange(1, n_workers + 1) * first_taps
    mixes = np.zeros((len(flows.size_bytes), state.MIX_COLUMNS), np.int64)
    mixes[:, state.M_SIZE] = flows.size_bytes
    mixes[:, [state.M_TIME, state.M_TAIL]] = flows.size_time_ps[:, None]
    mixes[:, state.M_COUNT] = 1
    batch = n_workers * first_rows
    e = Engine(
        control=control,
        packets=chunks.packets,
        tails=chunks.tails,
        next_chunk=chunks.next_chunk,
        links=aligned((0, state.LINK_COLUMNS)),
        queues=aligned((0, state.QUEUE_COLUMNS)),
        flows=rows,
        flow_floats=np.zeros((n_flows, 4)),
        mixes=mixes,
        histogram=np.zeros((len(with_bins) + outside_bins, N_BINS), np.int64),
        dropped=np.zeros((n_workers * n_flows, N_CAUSES), np.int64),
        pools=aligned((len(flows.pools.node), state.POOL_COLUMNS)),
        room=np.zeros(0, np.int64),
        nodes=aligned((n_nodes, state.NODE_COLUMNS)),
        domains=aligned((0, state.DOMAIN_COLUMNS)),
        workers=workers,
        lists=np.zeros(0, np.int64),
        wakes=np.zeros(0, np.int64),
        changes=np.zeros((0, 4), np.int64),
        heap=aligned((0, 2)),
        tables=np.full((1, n_nodes, 1), NONE, np.int32),
        label_of_flow=no_labels(1, flows),
        taps=np.zeros((n_workers * first_taps, state.TAP_COLUMNS), np.int64),
        found=aligned((batch, 3)),
        order=aligned((batch, 2)),
        merged=aligned((batch, 2)),
        segments=aligned((batch, 3)),
        inbox=aligned((batch, 4)),
        outs=aligned((batch,)),
    )
    spread_chunks(workers, e.next_chunk, np.arange(len(chunks.next_chunk), dtype=np.int32))
    _describe_flows(e, flows)
    rows[with_bins, state.K_BINS] = np.arange(len(with_bins))
    e = e._replace(room=_rooms(e, flows))
    start_sources(e, flows)
    return e


def no_labels(n_slots, flows):
    """Labels that flows enter with by tables that lead nowhere: int32 array, shape (n_slots, n_flows)."""
    labels = np.full((n_slots, flows.n_flows), NONE, np.int32)
    labels[:, flows.n_routed :] = state.DIRECT
    return labels


def _describe_flows(e, flows):
    """What of the flows never changes."""
    s, seed = e.flows, int(e.control[state.O_SEED])
    s[:, state.S_KIND] = flows.kind
    s[:, state.S_RATE] = flows.rate_bps
    s[:, state.S_STOP] = np.minimum(flows.stop_ps, e.control[state.O_END])
    s[:, state.S_HOP_LIMIT] = flows.hop_limit
    s[:, state.S_WORD] = (
        (flows.hop_limit << state.HOP_SHIFT)
        | (flows.traffic_class << state.CLASS_SHIFT)
        | np.where(flows.ecn != 0, state.ECT_BIT, 0)
    )
    s[:, state.S_MIX] = flows.size_first[:-1]
    s[:, state.S_MIX_END] = flows.size_first[1:]
    s[:, state.S_TRAIN] = flows.train
    s[:, state.S_TRACED] = flows.traced * state.TRACED + flows.watched * state.WATCHED
    s[:, state.S_REPLY] = flows.reply
    s[:, state.S_POOL] = flows.pool
    asked = np.flatnonzero(flows.reply != NONE)
    s[flows.reply[asked], state.S_POOL] = flows.pool[asked]
    s[flows.reply[asked], state.S_REPLY_BYTES] = flows.reply_bytes[asked]
    s[flows.reply[asked], state.S_REPLY_PACKET_BYTES] = flows.reply_packet_bytes[asked]
    s[:, state.S_CHOICE] = flow_hashes(seed, flows.n_flows)
    s[:, state.S_LINK] = NONE
    s[:, [state.S_INBOX, state.S_INBOX_LAST, state.K_BINS]] = NONE
    s[:, [state.K_LATENCY_MIN, state.K_COMPLETE, state.A_DONE]] = NEVER
    e.flow_floats[:, state.F_ON_PS] = flows.on_ps
    e.flow_floats[:, state.F_OFF_PS] = flows.off_ps
    for flow in np.flatnonzero(flows.kind != kinds.OUTSIDE):
        sizes = slice(flows.size_first[flow], flows.size_first[flow + 1])
        weights = flows.size_weight[sizes]
        e.mixes[sizes, state.M_WEIGHT] = np.cumsum(weights)
        if flows.kind[flow] == kinds.SCRIPT:
            e.flow_floats[flow, state.F_MEAN_GAP_PS] = mean_gap_ps(flows.size_time_ps[sizes])
            continue
        if len(weights) == 1:
            s[flow, state.S_SIZE] = flows.size_bytes[sizes.start]
        if flows.rate_bps[flow] > 0:
            mean_size = float((flows.size_bytes[sizes] * weights).sum()) / float(weights.sum())
            e.flow_floats[flow, state.F_MEAN_GAP_PS] = mean_size * 8e12 / float(flows.rate_bps[flow])
            whole, rest = divmod(int(s[flow, state.S_SIZE]) * 8 * PS_PER_S, int(flows.rate_bps[flow]))
            s[flow, state.S_STEP_WHOLE], s[flow, state.S_STEP_REST] = whole, rest
    for flow in np.flatnonzero((flows.kind == kinds.BULK) & (flows.reply != NONE)):
        s[flows.reply[flow], state.S_REPLY] = flow


def flow_hashes(seed, n_flows):
    """What picks among paths and choices, by row of a flow: int64 (n_flows,)."""
    return np.array([int(draw(seed, FLOW_HASH, flow, 0)) >> 33 for flow in range(n_flows)], np.int64)


def _rooms(e, flows):
    """Room for what transfers and pools remember: int64 array, with its parts noted in their rows."""
    s, pools, n = e.flows, flows.pools, 0
    for flow in np.flatnonzero(flows.kind == kinds.BULK):
        size = int(s[flow, state.S_SIZE])
        segments = -(-int(flows.total_bytes[flow]) // size)
        window = min(int(flows.window[flow]), segments)
        s[flow, state.A_SEGMENTS] = segments
        s[flow, state.A_LAST_BYTES] = int(flows.total_bytes[flow]) - (segments - 1) * size
        s[flow, state.A_WINDOW] = window
        s[flow, state.A_TIMEOUT_MIN] = flows.timeout_min_ps[flow]
        s[flow, state.A_TIMEOUT_FIRST] = flows.timeout_first_ps[flow]
        s[flow, state.A_SRTT] = -1
        s[flow, state.A_ROOM] = n
        s[flow, state.K_ROOM] = n + ROWS_PER_SEGMENT * window
        # The two ends may be written by two threads: a cache line between.
        n += (ROWS_PER_SEGMENT + 1) * window + 8
    p = e.pools
    columns = (state.O_NODE, state.O_SERVERS, state.O_KIND, state.O_LIMIT)
    for column, values in zip(
        columns, (pools.node, pools.servers, pools.service_kind, pools.queue_requests), strict=True
    ):
        p[:, column] = values
    p[:, state.O_SERVICE] = pools.service_ps.view(np.int64)
    for pool in range(len(p)):
        p[pool, state.O_ROOM] = n
        servers, waiting = int(pools.servers[pool]), int(pools.queue_requests[pool]) + 1
        n += servers + waiting + ENTRY * (servers + waiting) + 8
    e.nodes[:, state.N_POOLS] = np.bincount(pools.node, minlength=len(e.nodes))
    return np.zeros(n, np.int64)


def start_sources(e, flows):
    """Bring the rows of the sources up to the instant of each flow's first packet."""
    s, seed = e.flows, int(e.control[state.O_SEED])
    s[:, state.S_NEXT] = NEVER
    for flow in np.flatnonzero(flows.kind != kinds.OUTSIDE):
        kind = flows.kind[flow]
        begin = min(int(flows.start_ps[flow]) + int(flows.phase_ps[flow]), int(NEVER))
        s[flow, state.S_WHOLE] = begin
        s[flow, state.A_PACE] = begin
        if begin >= s[flow, state.S_STOP] and kind != kinds.SCRIPT:
            begin = NEVER
        elif kind == kinds.POISSON:
            begin += poisson_gap_ps(e.flow_floats, seed, flow, 0)
        elif kind == kinds.ON_OFF:
            begin = _begin_on_off(e, flow, int(flows.start_ps[flow]), begin)
        elif kind == kinds.SCRIPT:
            first, end = flows.size_first[flow], flows.size_first[flow + 1]
            begin = int(flows.size_time_ps[first]) if end > first else NEVER
        elif kind in (kinds.ACK, kinds.REPLY):
            begin = NEVER
        s[flow, state.S_NEXT] = begin if begin < s[flow, state.S_STOP] else NEVER


def _begin_on_off(e, flow, start_ps, due_ps):
    """When an on-off flow, on or off at its start as chance has it, sends its first packet."""
    s, seed = e.flows, int(e.control[state.O_SEED])
    on, off = e.flow_floats[flow, state.F_ON_PS], e.flow_floats[flow, state.F_OFF_PS]
    first = on if draw_unit(seed, ON_OFF, flow, 0) < on / (on + off) else off
    lasts = exponential_ps(first, seed, ON_OFF, flow, 1)
    s[flow, state.S_PERIOD] = 1
    s[flow, state.S_ON_END] = min(start_ps + lasts, int(NEVER))
    if first is off:
        s[flow, state.S_OFF_TIME] = lasts
        s[flow, state.S_ON_END] = min(
            start_ps + lasts + exponential_ps(on, seed, ON_OFF, flow, 2), int(NEVER)
        )
        s[flow, state.S_PERIOD] = 2
    return int(real_time_ps(s, e.flow_floats, seed, flow, due_ps))


def with_wider_batches(e, n_rows):
    """The engine with so many rows for the batch of each worker; what one under way has found stays."""
    old, n_workers = int(e.control[state.C_ROWS]), len(e.workers)
    e.control[state.C_ROWS] = n_rows
    wider = {}
    for name in ("found", "order", "merged", "segments", "inbox", "outs"):
        before = getattr(e, name)
        after = aligned((n_workers, n_rows, *before.shape[1:]))
        after[:, :old] = before.reshape(n_workers, old, *before.shape[1:])
        wider[name] = after.reshape(-1, *before.shape[1:])
    return e._replace(**wider)
