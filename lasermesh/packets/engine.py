"""The packet engine: rings, queues and windows behind one object (packet model: design section 5)."""

from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np

from lasermesh.compiled import COMPILED
from lasermesh.errors import RunFailed
from lasermesh.packets import state
from lasermesh.packets.causes import N_CAUSES
from lasermesh.packets.domains import LONG_ENOUGH_PS, form_domains
from lasermesh.packets.endpoint_kernels import HIGH_WORD, poisson_gap_ps
from lasermesh.packets.latency_bins import N_BINS
from lasermesh.packets.pool_kernels import collect_chunks, spread_chunks
from lasermesh.packets.state import CHUNK, NEVER, NO_RING, Engine
from lasermesh.packets.window_kernels import advance
from lasermesh.traffic.flows import flows_from_rows
from lasermesh.traffic.kinds import CONSTANT, POISSON, SCRIPT
from lasermesh.traffic.random_kernels import FLOW_HASH, draw
from lasermesh.units import NONE, PS_PER_S

FIRST_CHUNKS = 4096
FIRST_TAPS = 64
MOST_TAPS = 1 << 15  # of one worker, unless a single window makes more
PACKET_BYTES = 32
# Below this many packets a window, one worker is faster than several that wait for each other.
FEW_PACKETS_PER_WINDOW = 100


class FlowCounters(NamedTuple):
    """What came of each flow so far; row i is flow i."""

    sent: np.ndarray  # int64 (n_flows,)
    bytes_sent: np.ndarray  # int64
    delivered: np.ndarray  # int64
    bytes_delivered: np.ndarray  # int64
    dropped: np.ndarray  # int64 (n_flows, N_CAUSES)
    latency_min_ps: np.ndarray  # int64, 0 where nothing was delivered
    latency_max_ps: np.ndarray  # int64
    latency_sum_ps: list  # Python ints
    histogram: np.ndarray  # int64 (n_flows, N_BINS)
    jitter_ps: np.ndarray  # float64
    reordered: np.ndarray  # int64
    hops_sum: np.ndarray  # int64

    @property
    def in_flight(self):
        """Packets that wait, are in service or on the way."""
        return self.sent - self.delivered - self.dropped.sum(axis=1)


class LinkCounters(NamedTuple):
    """What happened on each link that did anything since the last drain."""

    link: np.ndarray  # int64 (n,)  ids
    packets: np.ndarray  # int64  last bits that left
    bytes: np.ndarray  # int64
    busy_ps: np.ndarray  # int64  time in service
    queue_max_bytes: np.ndarray  # int64
    dropped_queue: np.ndarray  # int64
    dropped_link_down: np.ndarray  # int64


class Step(NamedTuple):
    """What the engine is told of `[start_ps, end_ps)` before it gets there."""

    start_ps: int
    end_ps: int
    links: np.ndarray  # int64 (n,)  every link that is up at any time in the step
    delay_start_ps: np.ndarray  # int64 (n,)
    delay_end_ps: np.ndarray  # int64 (n,)
    change_ps: np.ndarray  # int64 (n_changes,)  within the step
    change_link: np.ndarray  # int64
    change_kind: np.ndarray  # int64  state.CHANGE_STOP, CHANGE_START or CHANGE_RATE
    change_rate_bps: np.ndarray  # int64


def _aligned(shape, fill=0):
    """int64 array that starts on a cache line, so that 64-byte rows are lines."""
    n = int(np.prod(shape))
    raw = np.full(n + 8, fill, np.int64)
    skip = (-raw.ctypes.data % 64) // 8
    return raw[skip : skip + n].reshape(shape)


def _grown(array, n, fill=0):
    """The array with at least n rows; twice as many as before if it has to grow."""
    if len(array) >= n:
        return array
    new = _aligned((max(n, 2 * len(array)), *array.shape[1:]), fill).astype(array.dtype, copy=False)
    new[: len(array)] = array
    return new


def _offsets(n_rows, row_of):
    """Where each row's entries begin once sorted by row: int64 array, shape (n_rows + 1,)."""
    offsets = np.zeros(n_rows + 1, np.int64)
    np.cumsum(np.bincount(row_of, minlength=n_rows), out=offsets[1:])
    return offsets


class PacketEngine:
    """Packets of `flows` between `n_nodes` nodes, over links, delays and tables given step by step.

    Parameters
    ----------
    n_nodes : int
    flows : traffic.Flows
    end_ps : int
        End of the run; what happens at this instant or later is not part of it.
    seed : int
    threads : int
        Results do not depend on it.
    reroute : bool
        What a stopped link leaves behind is handed back to its node instead of dropped.
    framing_bytes : int
    trace : bool
        Tap every delivery and drop (see `drain_taps`).
    memory_limit_bytes : int, optional
        Packets in flight beyond this much memory end the run with RunFailed.
    longest_window_ps, domain_delay_ps, domain_share : int, optional
        Tuning; results do not depend on them.
    """

    def __init__(
        self,
        n_nodes,
        flows,
        *,
        end_ps,
        seed=0,
        threads=1,
        reroute=False,
        framing_bytes=0,
        trace=False,
        memory_limit_bytes=None,
        longest_window_ps=None,
        domain_delay_ps=LONG_ENOUGH_PS,
        domain_share=16,
    ):
        self.n_nodes = n_nodes
        self.flows = flows
        self.end_ps = int(end_ps)
        self.threads = threads if COMPILED else 1
        self.n_links = 0
        self.link_from = np.zeros(0, np.int64)
        self.peak_chunks = 0
        self._longest_window_ps = longest_window_ps or NEVER
        self._domain_delay_ps = domain_delay_ps
        self._domain_share = domain_share
        self._memory_limit_bytes = memory_limit_bytes
        self._sent_at_drain = np.zeros(0, np.int64)
        self._overhang_at_drain = np.zeros(0, np.int64)
        self._pending_tables = []  # (order, slot, switch_ps of the nodes that have not switched)
        self._tables_installed = 0
        self._pool = None
        self._e = self._first_state(seed, reroute, framing_bytes, trace)

    # -- what the engine is told ------------------------------------------------------------------

    def add_links(self, link_from, link_to, limit_packets, limit_bytes, taps=0):
        """Add links, which are down until a step says otherwise; the first new id."""
        first = self.n_links
        self.n_links = first + len(link_from)
        self._e = e = self._e._replace(links=_grown(self._e.links, self.n_links))
        rows = slice(first, self.n_links)
        e.links[rows, state.X_TAIL] = NO_RING
        e.links[rows, state.X_LIMIT_PACKETS] = limit_packets
        e.links[rows, state.X_LIMIT_BYTES] = limit_bytes
        e.links[rows, state.X_TAPS] = taps
        e.links[rows, state.X_TO] = link_to
        self.link_from = np.concatenate([self.link_from, np.asarray(link_from, np.int64)])
        return first

    def set_limits(self, links, limit_packets, limit_bytes):
        """Change the queue limits of links; what waits already stays."""
        self._e.links[links, state.X_LIMIT_PACKETS] = limit_packets
        self._e.links[links, state.X_LIMIT_BYTES] = limit_bytes

    def install_table(self, link, label_of_flow, switch_ps, next_label=None):
        """Give every node a forwarding table to switch to at its own time.

        Parameters
        ----------
        link : int32 array, shape (n_nodes, n_labels, n_choices)
        label_of_flow : int32 array, shape (n_flows, n_paths)
            NONE where a flow has no such path.
        switch_ps : int or int64 array, shape (n_nodes,)
            Not earlier than the start of the next step, or it takes effect there.
        next_label : int32 array, shape (n_nodes, n_labels), optional
        """
        _, n_labels, n_choices = link.shape
        slot = self._free_slot(n_labels, n_choices, next_label is not None)
        e = self._e
        labels, choices = int(e.control[state.O_LABELS]), int(e.control[state.O_CHOICES])
        e.tables[slot] = NONE
        links = e.tables[slot, :, : labels * choices].reshape(self.n_nodes, labels, choices)
        links[:, :n_labels, :n_choices] = link
        e.tables[slot, :, : labels * choices] = links.reshape(self.n_nodes, -1)
        if next_label is not None:
            e.tables[slot, :, labels * choices : labels * choices + n_labels] = next_label
        usable = np.maximum((label_of_flow != NONE).sum(axis=1), 1)
        path = e.flows[:, state.S_CHOICE] % usable
        e.label_of_flow[slot] = label_of_flow[np.arange(len(path)), path]
        switch = np.broadcast_to(np.asarray(switch_ps, np.int64), (self.n_nodes,)).copy()
        self._pending_tables.append((self._tables_installed, slot, switch))
        self._tables_installed += 1

    def begin_step(self, step):
        """Tell the engine of the step it has reached: delays, and everything that changes within it."""
        e = self._e
        e.control[state.C_STEP_START] = step.start_ps
        e.control[state.C_STEP_END] = step.end_ps
        e.control[state.C_WINDOW_START] = step.start_ps
        e.links[step.links, state.X_DELAY_START] = step.delay_start_ps
        e.links[step.links, state.X_DELAY_END] = step.delay_end_ps
        domains = form_domains(
            self.n_nodes,
            self.link_from[step.links],
            e.links[step.links, state.X_TO],
            np.minimum(step.delay_start_ps, step.delay_end_ps),
            self._domain_delay_ps,
            self._domain_share,
        )
        e.control[state.C_LOOKAHEAD] = max(1, min(domains.lookahead_ps, self._longest_window_ps))
        changes = self._changes_of(step)
        held = np.flatnonzero(e.links[: self.n_links, state.X_TAIL] != NO_RING)
        links = np.unique(np.concatenate([step.links, held, step.change_link]))
        sender, receiver = self.link_from[links], e.links[links, state.X_TO]
        # What ranges of nodes and domains name, one list behind the other.
        lists = [
            self.flows.destination,
            links[np.lexsort((links, sender, receiver))],
            links[np.lexsort((links, sender))],
            np.argsort(self.flows.source, kind="stable"),
            domains.nodes,
            np.zeros(len(domains.first) - 1),
        ]
        starts = np.cumsum([0] + [len(part) for part in lists])
        nodes = e.nodes
        ranges = (
            (state.N_IN, state.N_IN_END, starts[1], receiver),
            (state.N_OUT, state.N_OUT_END, starts[2], sender),
            (state.N_FLOW, state.N_FLOW_END, starts[3], self.flows.source),
        )
        for first, end, start, row_of in ranges:
            offsets = start + _offsets(self.n_nodes, row_of)
            nodes[:, first], nodes[:, end] = offsets[:-1], offsets[1:]
        nodes[:, state.N_NEXT] = step.start_ps
        nodes[:, state.N_DOMAIN] = domains.of_node
        rows = _aligned((len(domains.first) - 1, state.DOMAIN_COLUMNS))
        rows[:, state.D_FIRST] = starts[4] + domains.first[:-1]
        rows[:, state.D_END] = starts[4] + domains.first[1:]
        rows[:, state.D_WINDOW] = domains.window_ps
        streams = (
            nodes[:, state.N_IN_END]
            - nodes[:, state.N_IN]
            + nodes[:, state.N_FLOW_END]
            - nodes[:, state.N_FLOW]
        )
        # Whole cache lines, and one between: the heaps of two workers must not share any.
        most_streams = (int(streams.max(initial=0)) + 8) // 4 * 4
        e.workers[:, state.V_HEAP] = np.arange(self.threads) * most_streams
        self._worker_list = int(starts[5])
        self._e = e._replace(
            changes=changes,
            lists=np.concatenate(lists).astype(np.int32),
            domains=rows,
            heap=_aligned((self.threads * most_streams, 2)),
        )
        # Work moves little from step to step: until it is measured, the number of streams stands for it.
        self._deal(np.bincount(domains.of_node, weights=streams))

    # -- running ------------------------------------------------------------------------------------

    def advance(self, until_ps, most_windows=2**62):
        """Run windows until `until_ps` (within the step) or `most_windows` of them; True once there.

        With links tapped or `trace`, drain the taps after every call: it also returns when they are many.

        Raises
        ------
        RunFailed
            If packets in flight need more memory than allowed.
        """
        until = min(int(until_ps), int(self._e.control[state.C_STEP_END]))
        last = int(self._e.control[state.C_WINDOWS]) + most_windows
        shortages = 0
        while True:
            windows = int(self._e.control[state.C_WINDOWS])
            handled = int(self._e.workers[:, state.V_HANDLED].sum())
            status = self._advance_once(until, last - windows)
            if status == state.DONE:
                break
            if self._taps_want_draining():
                return False
            shortages += 1
            # Chunks wander from workers whose packets others read; more of them make that rarer.
            self._make_room(grow=shortages > 1)
        self._note_peak()
        windows = int(self._e.control[state.C_WINDOWS]) - windows
        handled = int(self._e.workers[:, state.V_HANDLED].sum()) - handled
        if self.threads > 1 and windows > 0:
            few = handled < windows * FEW_PACKETS_PER_WINDOW
            self._deal(self._e.domains[:, state.D_WORK], n_workers=1 if few else self.threads)
            self._e.domains[:, state.D_WORK] = 0
        return int(self._e.control[state.C_WINDOW_START]) >= until

    @property
    def clock_ps(self):
        """Every event before this instant has happened."""
        return int(self._e.control[state.C_WINDOW_START])

    def close(self):
        """Let the threads go."""
        if self._pool is not None:
            self._pool.shutdown()
            self._pool = None

    # -- what came out ------------------------------------------------------------------------------

    def flow_counters(self):
        """What came of each flow so far, summed over workers."""
        e = self._e
        none = e.flows[:, state.K_DELIVERED] == 0
        high, low = e.flows[:, state.K_LATENCY_SUM_HIGH], e.flows[:, state.K_LATENCY_SUM]
        return FlowCounters(
            sent=e.flows[:, state.S_SEQUENCE].copy(),
            bytes_sent=e.flows[:, state.S_BYTES_SENT].copy(),
            delivered=e.flows[:, state.K_DELIVERED].copy(),
            bytes_delivered=e.flows[:, state.K_BYTES].copy(),
            dropped=e.dropped.reshape(self.threads, -1, N_CAUSES).sum(axis=0),
            latency_min_ps=np.where(none, 0, e.flows[:, state.K_LATENCY_MIN]),
            latency_max_ps=np.where(none, 0, e.flows[:, state.K_LATENCY_MAX]),
            latency_sum_ps=[int(h) * HIGH_WORD + int(w) for h, w in zip(high, low, strict=True)],
            histogram=e.histogram,
            jitter_ps=e.flow_floats[:, state.F_JITTER_PS].copy(),
            reordered=e.flows[:, state.K_REORDERED].copy(),
            hops_sum=e.flows[:, state.K_HOPS].copy(),
        )

    def drain_links(self):
        """Counters of links since the last drain, for those that did anything; starts them anew."""
        e, n = self._e, self.n_links
        x = e.links[:n]
        self._sent_at_drain = _grown(self._sent_at_drain, n)
        self._overhang_at_drain = _grown(self._overhang_at_drain, n)
        # A packet in service belongs in part to the next interval, and one begun before to this one.
        in_service = x[:, state.X_FREE] > self.clock_ps
        overhang = np.where(in_service, x[:, state.X_FREE] - self.clock_ps, 0)
        packets = x[:, state.X_SENT_COUNT] - self._sent_at_drain[:n]
        busy = x[:, state.L_BUSY] - overhang + self._overhang_at_drain[:n]
        drops = x[:, state.L_DROPPED_QUEUE] + x[:, state.L_DROPPED_LINK_DOWN]
        links = np.flatnonzero((packets > 0) | (busy > 0) | (drops > 0) | (x[:, state.L_QUEUE_MAX] > 0))
        counters = LinkCounters(
            link=links,
            packets=packets[links],
            bytes=x[links, state.L_BYTES],
            busy_ps=busy[links],
            queue_max_bytes=x[links, state.L_QUEUE_MAX],
            dropped_queue=x[links, state.L_DROPPED_QUEUE],
            dropped_link_down=x[links, state.L_DROPPED_LINK_DOWN],
        )
        self._sent_at_drain[:n] = x[:, state.X_SENT_COUNT]
        self._overhang_at_drain[:n] = overhang
        x[:, state.L_BYTES : state.L_DROPPED_LINK_DOWN + 1] = 0
        x[:, state.L_QUEUE_MAX] = x[:, state.X_WAITING_BYTES]
        return counters

    def drain_taps(self):
        """Tapped events since the last drain, sorted by time: int64 array, shape (n, state.TAP_COLUMNS).

        Those of a window that is not finished come with the next drain, so that drains follow in time.
        """
        e = self._e
        room = len(e.taps) // self.threads
        before = int(e.control[state.C_WINDOW_START]) if e.control[state.C_UNFINISHED] else NEVER
        parts = []
        for worker in range(self.threads):
            rows = e.taps[worker * room : e.workers[worker, state.V_TAPS]]
            early = rows[:, state.T_TIME] < before
            parts.append(rows[early])
            late = rows[~early]
            e.taps[worker * room : worker * room + len(late)] = late
            e.workers[worker, state.V_TAPS] = worker * room + len(late)
        records = np.concatenate(parts)
        return records[np.lexsort((records[:, state.T_KIND], records[:, state.T_TIME]))]

    @property
    def packet_hops(self):
        """Last bits that have left a terminal."""
        return int(self._e.links[: self.n_links, state.X_SENT_COUNT].sum())

    @property
    def handled_by_worker(self):
        """Arrivals and own packets each worker has handled: int64 array, shape (n_workers,)."""
        return self._e.workers[:, state.V_HANDLED].copy()

    @property
    def windows(self):
        """Windows finished so far."""
        return int(self._e.control[state.C_WINDOWS])

    @property
    def n_domains(self):
        """Domains of the present step."""
        return len(self._e.domains)

    @property
    def domain_of_node(self):
        """Domain of each node in the present step: int64 array, shape (n_nodes,)."""
        return self._e.nodes[:, state.N_DOMAIN].copy()

    @property
    def lookahead_ps(self):
        """Length of the present step's windows."""
        return int(self._e.control[state.C_LOOKAHEAD])

    @property
    def peak_packet_bytes(self):
        """Most memory that packets in rings have taken, whole chunks counted."""
        return self.peak_chunks * (CHUNK * PACKET_BYTES + 4)

    # -- inside ---------------------------------------------------------------------------------------

    def _first_state(self, seed, reroute, framing_bytes, trace):
        n_flows, n_workers = self.flows.n_flows, self.threads
        control = _aligned((state.CONTROL_ENTRIES,))
        control[state.O_REROUTE] = reroute
        control[state.O_FRAMING] = framing_bytes
        control[state.O_CHOICES] = 1
        control[state.O_LABELS] = 1
        control[state.O_TRACE] = trace
        control[state.O_SEED] = seed
        flows = _aligned((n_flows, state.FLOW_COLUMNS))
        flows[:, state.K_LATENCY_MIN] = NEVER
        workers = _aligned((n_workers, state.WORKER_COLUMNS))
        workers[:, state.V_FREE_CHUNK] = NONE
        workers[:, state.V_TAPS] = np.arange(n_workers) * FIRST_TAPS
        workers[:, state.V_TAPS_END] = np.arange(1, n_workers + 1) * FIRST_TAPS
        sizes = self.flows.size_bytes
        e = Engine(
            control=control,
            packets=np.empty((FIRST_CHUNKS * CHUNK, 4), np.int64),
            next_chunk=np.empty(FIRST_CHUNKS, np.int32),
            links=_aligned((0, state.LINK_COLUMNS)),
            flows=flows,
            flow_floats=np.zeros((n_flows, 2)),
            mixes=np.stack([sizes, self.flows.size_time_ps, np.zeros_like(sizes)], axis=1),
            histogram=np.zeros((n_flows, N_BINS), np.int64),
            dropped=np.zeros((n_workers * n_flows, N_CAUSES), np.int64),
            nodes=_aligned((self.n_nodes, state.NODE_COLUMNS)),
            domains=_aligned((0, state.DOMAIN_COLUMNS)),
            workers=workers,
            lists=np.zeros(0, np.int32),
            changes=np.zeros((0, 4), np.int64),
            heap=_aligned((0, 2)),
            tables=np.full((1, self.n_nodes, 1), NONE, np.int32),
            label_of_flow=np.full((1, n_flows), NONE, np.int32),
            taps=np.zeros((n_workers * FIRST_TAPS, state.TAP_COLUMNS), np.int64),
        )
        spread_chunks(workers, e.next_chunk, np.arange(FIRST_CHUNKS, dtype=np.int32))
        self._start_sources(e, seed)
        return e

    def _start_sources(self, e, seed):
        flows, s = self.flows, e.flows
        fixed = (np.diff(flows.size_first) == 1) & (flows.kind != SCRIPT)
        s[:, state.S_KIND] = flows.kind
        s[:, state.S_RATE] = flows.rate_bps
        s[:, state.S_STOP] = np.minimum(flows.stop_ps, self.end_ps)
        s[:, state.S_HOP_LIMIT] = flows.hop_limit
        s[:, state.S_CLASS] = flows.traffic_class
        s[:, state.S_MIX] = flows.size_first[:-1]
        s[:, state.S_MIX_END] = flows.size_first[1:]
        s[:, state.S_WHOLE] = flows.start_ps + flows.phase_ps
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
            begin = int(s[flow, state.S_WHOLE])
            if flows.kind[flow] == POISSON:
                weights = flows.size_weight[sizes]
                mean_size = float((flows.size_bytes[sizes] * weights).sum()) / float(weights.sum())
                e.flow_floats[flow, state.F_MEAN_GAP_PS] = mean_size * 8e12 / float(flows.rate_bps[flow])
                begin += poisson_gap_ps(e, flow, 0)
            elif flows.kind[flow] == SCRIPT:
                begin = (
                    int(flows.size_time_ps[sizes][0]) if fixed.size and sizes.stop > sizes.start else NEVER
                )
            s[flow, state.S_NEXT] = begin if begin < s[flow, state.S_STOP] else NEVER

    def _free_slot(self, n_labels, n_choices, has_next_label):
        """A table slot that no node uses or will use; tables grow where the new one is larger."""
        e = self._e
        n_slots = len(e.tables)
        old_labels, old_choices = int(e.control[state.O_LABELS]), int(e.control[state.O_CHOICES])
        used = set(np.unique(e.nodes[:, state.N_TABLE]).tolist()) | {
            slot for _, slot, _ in self._pending_tables
        }
        slot = next((slot for slot in range(n_slots) if slot not in used), n_slots)
        labels, choices = max(old_labels, n_labels), max(old_choices, n_choices)
        had_next = bool(e.control[state.O_NEXT_LABEL])
        has_next = had_next or has_next_label
        if (slot, labels, choices, has_next) == (min(slot, n_slots - 1), old_labels, old_choices, had_next):
            return slot
        links = np.full((max(n_slots, slot + 1), self.n_nodes, labels, choices), NONE, np.int32)
        next_label = np.full((*links.shape[:3],), NONE, np.int32)
        old_links = e.tables[:, :, : old_labels * old_choices]
        shape = (n_slots, self.n_nodes, old_labels, old_choices)
        links[:n_slots, :, :old_labels, :old_choices] = old_links.reshape(shape)
        if had_next:
            next_label[:n_slots, :, :old_labels] = e.tables[:, :, old_labels * old_choices :]
        columns = [links.reshape(len(links), self.n_nodes, -1)] + ([next_label] if has_next else [])
        of_flow = np.full((len(links), self.flows.n_flows), NONE, np.int32)
        of_flow[:n_slots] = e.label_of_flow
        e.control[state.O_LABELS] = labels
        e.control[state.O_CHOICES] = choices
        e.control[state.O_NEXT_LABEL] = has_next
        self._e = e._replace(
            tables=np.ascontiguousarray(np.concatenate(columns, axis=2)), label_of_flow=of_flow
        )
        return slot

    def _changes_of(self, step):
        """Rows of all changes in a step, by node, then time, then the order of effect."""
        e = self._e
        n = len(step.change_ps)
        columns = [
            (
                self.link_from[step.change_link],
                step.change_ps,
                np.zeros(n, np.int64),
                step.change_link,
                step.change_kind,
                step.change_link,
                step.change_rate_bps,
            )
        ]
        later = []
        for order, slot, switch in self._pending_tables:
            nodes = np.flatnonzero(switch < step.end_ps)
            table = np.full(len(nodes), state.CHANGE_TABLE)
            times = np.maximum(switch[nodes], step.start_ps)
            order_column = np.full(len(nodes), order)
            columns.append(
                (nodes, times, np.ones(len(nodes), np.int64), order_column, table, table * 0 + slot, table)
            )
            switch[nodes] = NEVER
            if (switch != NEVER).any():
                later.append((order, slot, switch))
        self._pending_tables = later
        node, time, is_table, order, kind, subject, rate = (
            np.concatenate([part[i] for part in columns]).astype(np.int64) for i in range(7)
        )
        rows = np.lexsort((kind, order, is_table, time, node))
        offsets = _offsets(self.n_nodes, node)
        e.nodes[:, state.N_CHANGE], e.nodes[:, state.N_CHANGE_END] = offsets[:-1], offsets[1:]
        return np.ascontiguousarray(np.stack([time, kind, subject, rate], axis=1)[rows])

    def _deal(self, work, n_workers=None):
        """Give workers domains that follow one another, about equal work each: neighbours share a cache."""
        n_workers = n_workers or self.threads
        behind = np.cumsum(np.asarray(work, np.float64) + 1e-3)
        middle = behind - 0.5 * (np.asarray(work) + 1e-3)
        worker = np.minimum((middle * (n_workers / behind[-1])).astype(np.int64), n_workers - 1)
        offsets = self._worker_list + _offsets(n_workers, worker)
        self._e.lists[self._worker_list :] = np.arange(len(behind))
        self._e.workers[:n_workers, state.V_DOMAIN] = offsets[:-1]
        self._e.workers[:n_workers, state.V_DOMAIN_END] = offsets[1:]
        self._active_workers = n_workers

    def _advance_once(self, until, most_windows):
        e, n = self._e, self._active_workers
        e.control[state.C_ARRIVED] = 0
        if n == 1:
            return advance(e, 0, 1, until, most_windows)
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self.threads - 1)
        others = [self._pool.submit(advance, e, w, n, until, most_windows) for w in range(1, n)]
        status = advance(e, 0, n, until, most_windows)
        for other in others:
            other.result()
        return status

    def _taps_want_draining(self):
        """Whether room for taps ran out, is large enough to be kept, and a drain would make some."""
        e = self._e
        room = len(e.taps) // self.threads
        if room < MOST_TAPS or not e.workers[:, state.V_NEEDED_TAPS].any():
            return False
        used = e.workers[:, state.V_TAPS] - np.arange(self.threads) * room
        times = np.concatenate([e.taps[w * room : w * room + n, state.T_TIME] for w, n in enumerate(used)])
        if (times < e.control[state.C_WINDOW_START]).sum() < room // 2:
            return False
        e.workers[:, state.V_NEEDED_TAPS] = 0
        return True

    def _note_peak(self):
        free = int(self._e.workers[:, state.V_FREE_COUNT].sum())
        self.peak_chunks = max(self.peak_chunks, len(self._e.next_chunk) - free)

    def _make_room(self, grow):
        """Give workers that stopped short what they asked for: chunks of others, more memory, or room for taps."""
        e = self._e
        self._note_peak()
        rows = e.workers
        taps = int(rows[:, state.V_NEEDED_TAPS].max())
        if taps > 0:
            room = len(e.taps) // self.threads
            records = np.zeros((self.threads, 2 * room + taps, state.TAP_COLUMNS), np.int64)
            records[:, :room] = e.taps.reshape(self.threads, room, state.TAP_COLUMNS)
            used = rows[:, state.V_TAPS] - np.arange(self.threads) * room
            starts = np.arange(self.threads) * records.shape[1]
            rows[:, state.V_TAPS] = starts + used
            rows[:, state.V_TAPS_END] = starts + records.shape[1]
            self._e = e = e._replace(taps=records.reshape(-1, state.TAP_COLUMNS))
        needed = int(rows[:, state.V_NEEDED_CHUNKS].max())
        if needed > 0:
            free = collect_chunks(rows, e.next_chunk)
            have = len(e.next_chunk)
            if grow or len(free) < max(have // 8, 2 * needed * self.threads):
                total = 2 * have + 2 * needed * self.threads
                limit = self._memory_limit_bytes
                if limit is not None and total * CHUNK * PACKET_BYTES > limit:
                    total = max(have, min(total, limit // (CHUNK * PACKET_BYTES)))
                    if total - have + len(free) < needed * self.threads:
                        raise RunFailed(
                            f"packets in flight need more than the {limit / 1e9:.1f} GB of memory that there is; "
                            "fewer or slower flows, or packets.scale below 1, would do"
                        )
                packets = np.empty((total * CHUNK, 4), np.int64)
                packets[: have * CHUNK] = e.packets
                next_chunk = np.empty(total, np.int32)
                next_chunk[:have] = e.next_chunk
                free = np.concatenate([np.arange(have, total, dtype=np.int32), free])
                self._e = e = e._replace(packets=packets, next_chunk=next_chunk)
            spread_chunks(rows, e.next_chunk, free)
        rows[:, state.V_NEEDED_CHUNKS] = 0
        rows[:, state.V_NEEDED_TAPS] = 0


def warm_up():
    """Have every kernel of the engine compiled or loaded, by sending one packet over one link."""
    flow = {
        "source": 0,
        "destination": 1,
        "kind": "poisson",
        "rate_bps": PS_PER_S,
        "sizes": ((1000, 1),),
        "start_ps": 0,
        "stop_ps": NEVER,
        "phase_ps": 0,
        "hop_limit": 1,
        "traffic_class": 0,
    }
    engine = PacketEngine(2, flows_from_rows([flow]), end_ps=PS_PER_S // 1000)
    engine.add_links([0], [1], 1, 1000)
    engine.install_table(np.zeros((2, 1, 1), np.int32), np.zeros((1, 1), np.int32), 0)
    up, nothing = np.zeros(1, np.int64), np.zeros(1, np.int64)
    rate = np.full(1, PS_PER_S)
    engine.begin_step(Step(0, 2, up, nothing, nothing, nothing, up, nothing + state.CHANGE_START, rate))
    engine.advance(2)
