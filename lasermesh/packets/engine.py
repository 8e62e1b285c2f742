"""The packet engine: rings, queues and windows behind one object (packet model: design section 5)."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from lasermesh.compiled import COMPILED
from lasermesh.errors import RunFailed
from lasermesh.packets import state, tap_records
from lasermesh.packets.arrays import grown
from lasermesh.packets.counters import (
    FlowDrain,
    LinkDrain,
    read_drops,
    read_flow_counters,
    read_pool_counters,
    sent_packets,
)
from lasermesh.packets.domains import LONG_ENOUGH_PS, deal
from lasermesh.packets.ends import EndLog
from lasermesh.packets.pool import CHUNK_BYTES, ChunkPool
from lasermesh.packets.pool_kernels import collect_chunks, spread_chunks
from lasermesh.packets.queues import LinkQueues, with_lists
from lasermesh.packets.scripts import Scripts, checked_entries
from lasermesh.packets.setup import first_state, with_wider_batches
from lasermesh.packets.state import NEVER, NO_RING
from lasermesh.packets.steps import Stager, entered
from lasermesh.packets.tables import TableSlots, forwarding_of
from lasermesh.packets.window_kernels import advance, wake_node
from lasermesh.traffic.kinds import SCRIPT
from lasermesh.units import NONE

FIRST_CHUNKS = 4096
FIRST_TAPS = 64
FIRST_ROWS = 4096  # of a batch
BATCH = 1024  # packets that are handled together, if there are as many
MOST_TAPS = 1 << 15  # of one worker, unless a single window makes more
# Below this much work a window, a packet that goes on counted twice, one worker is faster than several that
# wait for each other.
LITTLE_WORK_PER_WINDOW = 200
# Calls of `advance` may be of a window or two; dealing work costs as much as hundreds of idle windows.
WINDOWS_TO_MEASURE = 16
# Running out of chunks once in so many windows costs nothing that matters.
SELDOM_WINDOWS = 8


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
    alternate_after_ps : int, optional
        Fast reroute: how long a link has been down when its node takes the next choice of its table, or the
        backup. Absent: never.
    framing_bytes : int
    trace : bool
        Tap every delivery and drop (see `drain_taps`).
    drop_tapped : bool array, shape (n_nodes,), optional
        Nodes at which every drop is tapped.
    trains : bool
        Scripts may be given trains (`set_script`); of flows that make trains themselves it is known.
    processing_ps : int64 array, shape (n_nodes,), optional
        From the arrival of a packet's last bit until the node looks at it; 0 if absent.
    memory_limit_bytes : int, optional
        Packets in flight beyond this much memory end the run with RunFailed.
    outside_bins : int
        Flows of kind `kinds.OUTSIDE` whose latencies are distributed over bins, once they have one.
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
        alternate_after_ps=None,
        framing_bytes=0,
        trace=False,
        drop_tapped=None,
        trains=False,
        processing_ps=None,
        memory_limit_bytes=None,
        outside_bins=0,
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
        self._stager = Stager(
            n_nodes, flows, self.threads, longest_window_ps or NEVER, domain_delay_ps, domain_share
        )
        self._processing_ps = np.zeros(n_nodes, np.int64) if processing_ps is None else processing_ps
        self._longest_processing_ps = int(self._processing_ps.max(initial=0))
        trains = trains or bool((flows.train > 1).any())
        self._watched = bool(flows.watched.any())
        self._chunks = ChunkPool(FIRST_CHUNKS, memory_limit_bytes, trains)
        self._slots = TableSlots()
        self._scripts = Scripts(flows)
        self._ends = EndLog()
        self._active_workers = self.threads
        self._measured = 0, 0  # windows, and packets handled, when work was last dealt by what there was
        self._worker_list = 0  # where the list of the workers' domains begins
        self._pool = None
        is_tapped = trace or (flows.traced != 0).any() or (drop_tapped is not None and drop_tapped.any())
        options = {
            state.O_SEED: seed,
            state.O_REROUTE: reroute,
            state.O_ALTERNATE_AFTER: NONE if alternate_after_ps is None else alternate_after_ps,
            state.O_FRAMING: framing_bytes,
            state.O_TRACE: trace,
            state.O_TRACED_FLOWS: (flows.traced != 0).any(),
            state.O_TAPPED: int(is_tapped) + self._watched,
            state.O_WATCHED: self._watched,
            state.O_TRAINS: trains,
            state.O_END: self.end_ps,
            state.O_BATCH: BATCH,
        }
        self._e = first_state(
            n_nodes, flows, self.threads, options, self._chunks, FIRST_TAPS, FIRST_ROWS, outside_bins
        )
        self._drain, self._flow_drain = LinkDrain(), FlowDrain(flows.n_routed, len(self._e.histogram))
        if drop_tapped is not None:
            self._e.nodes[:, state.N_TAPS] = drop_tapped

    # -- what the engine is told ------------------------------------------------------------------

    def add_links(self, link_from, link_to, limit_packets, limit_bytes, taps=0, queues=None):
        """Add links, which are down until a step says otherwise; the first new id.

        Parameters
        ----------
        link_from, link_to : int arrays, shape (n,)
        limit_packets, limit_bytes : int or int64 array, shape (n,)
            What may wait, in each waiting list.
        taps : int or int64 array, shape (n,)
            state.TAP_OUT, TAP_IN, TAP_QUEUE, TAP_DROPS_OUT and TAP_DROPS_IN, added.
        queues : LinkQueues, optional
            How packets wait; absent: drop-tail, without bit errors.
        """
        first, n = self.n_links, len(link_from)
        self.n_links = first + n
        self._e = e = self._e._replace(links=grown(self._e.links, self.n_links))
        x = e.links[first : self.n_links]
        queues = LinkQueues().rows(n) if queues is None else queues.rows(n)
        x[:, state.X_TAIL] = NO_RING
        x[:, state.X_LIMIT_PACKETS] = limit_packets
        x[:, state.X_LIMIT_BYTES] = limit_bytes
        x[:, state.X_TAPS] = taps
        x[:, state.X_TO] = link_to
        x[:, state.X_PROCESSING] = self._processing_ps[link_to]
        x[:, state.X_MARK_PACKETS] = queues.mark_packets
        x[:, state.X_MARK_BYTES] = queues.mark_bytes
        x[:, state.X_CLASSES] = queues.classes
        x[:, state.X_DISCIPLINE] = queues.discipline
        x[:, state.R_ERROR] = np.where(
            queues.bit_error_rate > 0, -np.log1p(-queues.bit_error_rate), 0.0
        ).view(np.int64)
        lists, x[:, state.X_LIST] = with_lists(e.queues, queues)
        self._e = e._replace(queues=lists)
        if x[:, state.X_TAPS].any():
            e.control[state.O_TAPPED] = 1 + self._watched
        always = e.control[state.O_TRAINS] or e.control[state.O_TRACED_FLOWS]
        passing = state.TAP_OUT | state.TAP_IN | state.TAP_QUEUE
        marks = (queues.mark_packets != NEVER) | (queues.mark_bytes != NEVER)
        x[:, state.X_SPECIAL] = always | (x[:, state.X_TAPS] & passing != 0) | queues.are_listed | marks
        self.link_from = np.concatenate([self.link_from, np.asarray(link_from, np.int64)])
        return first

    def set_limits(self, links, limit_packets, limit_bytes):
        """Change the queue limits of links; what waits already stays."""
        self._e.links[links, state.X_LIMIT_PACKETS] = limit_packets
        self._e.links[links, state.X_LIMIT_BYTES] = limit_bytes

    def install_table(self, link, label_of_flow, switch_ps, next_label=None, backup=None, new_labels=None):
        """Give every node a forwarding table to switch to at its own time.

        Parameters
        ----------
        link : int32 array, shape (n_nodes, n_labels, n_choices)
        label_of_flow : int32 array, shape (n_routed, n_paths)
            NONE where a flow has no such path; of the flows that are not direct.
        switch_ps : int or int64 array, shape (n_nodes,)
            Not earlier than the start of the next step, or it takes effect there.
        next_label : int32 array, shape (n_nodes, n_labels), optional
        backup : int32 array, shape (n_nodes, n_labels), optional
            For fast reroute: the link where all choices are known to be down, or NONE.
        new_labels : sequence of int, optional
            Labels that no packet carries, of tables that lay whole paths: all nodes have their entries at
            once, whatever table they use, and those of other labels where they have none, as if packets
            brought their paths along.
        """
        self._e = self._slots.install(self._e, link, label_of_flow, switch_ps, next_label, backup)
        if new_labels is not None:
            self._slots.complete(self._e, link, next_label, backup, new_labels)

    def fill_labels(self, link, labels, *, to_come=False):
        """Put entries of labels that no packet carries into tables that are installed already.

        Parameters
        ----------
        link : int32 array, shape (n_nodes, len(labels))
        labels : sequence of int
        to_come : bool
            False: into tables that nodes use in the present step. True: into all others.
        """
        self._slots.fill(self._e, link, labels, to_come=to_come)

    def set_script(self, flow, time_ps, size_bytes, packets=None, tail_ps=None):
        """Replace all entries of a script that have not been sent yet.

        Sequence numbers go on from `sent_packets_of`, packets of trains counted one by one.

        Parameters
        ----------
        flow : int
            A flow of kind `kinds.SCRIPT`.
        time_ps : int64 array, shape (n,)
            When each entry is made, ascending, not before `clock_ps`.
        size_bytes : int or int64 array, shape (n,)
            Of each packet.
        packets : int or int64 array, shape (n,), optional
            Packets of each entry: more than one are a train (packet model, rule 8). Absent: 1.
        tail_ps : int64 array, shape (n,), optional
            When the last packet of each train is made; of single packets it does not matter.

        Raises
        ------
        ValueError
            If an entry is out of range or comes before the clock, the flow is no script, trains are not
            allowed (see the class), or a window is unfinished.
        """
        e = self._e
        rows = checked_entries(time_ps, size_bytes, packets, tail_ps)
        if e.flows[flow, state.S_KIND] != SCRIPT:
            raise ValueError(f"flow {flow} is no script")
        if self.unfinished:
            raise ValueError("a window is unfinished: drain the taps and advance")
        if len(rows) and rows[0, state.M_TIME] < self.clock_ps:
            raise ValueError(
                f"{rows[0, state.M_TIME]} ps is before the clock, which is at {self.clock_ps} ps"
            )
        if not e.control[state.O_TRAINS] and (rows[:, state.M_COUNT] > 1).any():
            raise ValueError("this engine knows no trains; PacketEngine(..., trains=True) does")
        self._e = self._scripts.replace(e, flow, rows)
        following, node = int(e.flows[flow, state.S_NEXT]), int(self.flows.source[flow])
        wake_node(e.nodes, e.domains, e.workers, e.lists, self._active_workers, node, following)

    def set_stop(self, flow, sequence):
        """Say which ends of watched flows matter: those of entries with any packet numbered so or later.

        `advance` returns behind each of them. At first all matter; with `NEVER` none does.

        Parameters
        ----------
        flow, sequence : int or int64 array
        """
        self._e.flows[flow, state.K_STOP] = sequence

    def set_label(self, flow, label):
        """Say with which label packets of a direct flow from outside enter, whatever table is in force."""
        self._e.label_of_flow[:, flow] = label

    def set_destination(self, flow, node):
        """Have packets of a flow from outside end at a node, from now on."""
        self.flows.destination[flow] = node
        if len(self._e.lists):
            self._e.lists[flow] = node

    def set_link(self, flow, link):
        """Say over which link a direct flow leaves from now on, whether that is up or not.

        Parameters
        ----------
        flow : int
        link : int
            From the flow's source to its destination; NONE, as at first: what it sends is dropped for want of
            a route.

        Raises
        ------
        ValueError
            If the flow is not direct, or the link leads elsewhere.
        """
        if flow < self.flows.n_routed:
            raise ValueError(f"flow {flow} is not direct")
        ends = int(self.flows.source[flow]), int(self.flows.destination[flow])
        if link != NONE and (self.link_from[link], self._e.links[link, state.X_TO]) != ends:
            raise ValueError(f"link {link} does not lead from node {ends[0]} to node {ends[1]}")
        self._e.flows[flow, state.S_LINK] = link

    def sent_packets_of(self, flows):
        """Packets that flows have sent so far, those of trains counted one by one: the next one's number."""
        return self._e.flows[flows, state.S_SEQUENCE]

    @property
    def flow_hash(self):
        """What picks among paths and choices, by flow that is not direct: int64 (n_routed,)."""
        return self._e.flows[: self.flows.n_routed, state.S_CHOICE].copy()

    def labels_in_use(self):
        """Labels that flows enter with, or change to, by tables that nodes have or will switch to."""
        return self._slots.labels_in_use(self._e)

    def reserve_links(self, n_links):
        """Make room for so many links, so that those that are added do not move the others."""
        self._e = self._e._replace(links=grown(self._e.links, n_links))

    def begin_step(self, step):
        """Tell the engine of the step it has reached: delays, and everything that changes within it."""
        self.enter_step(self.prepare_step(step))

    def prepare_step(self, step):
        """All that can be computed of a step while packets of the one before are still handled: `StagedStep`.

        Its tables have been installed, its links added; no packet takes a link between now and then that is
        in neither of the two steps and holds none now.
        """
        switches = self._slots.take_switches(step.start_ps, step.end_ps)
        return self._stager.stage(step, self._e, self.link_from, switches)

    def enter_step(self, staged):
        """Begin a step that was prepared, which the engine has reached."""
        self._worker_list = staged.worker_list
        self._e = entered(self._e, staged)
        deal(self._e, self._active_workers, self._worker_list, staged.work)

    def forwarding(self):
        """What packets will meet in the step that was begun (`routing.Forwarding`); ask before `advance`."""
        return forwarding_of(self._e, self.n_links)

    # -- running ------------------------------------------------------------------------------------

    def advance(self, until_ps, most_windows=2**62):
        """Run windows until `until_ps` (within the step) or `most_windows` of them; True once there.

        With links tapped or `trace`, drain the taps after every call: it also returns when they are many.
        With watched flows, drain the ends after every call: it also returns behind each that matters (see
        `set_stop`), at the end of the window, at most `longest_window_ps` later.

        Raises
        ------
        RunFailed
            If packets in flight need more memory than allowed.
        """
        until = min(int(until_ps), int(self._e.control[state.C_STEP_END]))
        last = int(self._e.control[state.C_WINDOWS]) + most_windows
        short_at = -SELDOM_WINDOWS
        while True:
            windows = int(self._e.control[state.C_WINDOWS])
            status = self._advance_once(until, last - windows)
            if status == state.DONE:
                break
            if self._watched and tap_records.is_short(self._e, MOST_TAPS):
                self._ends.take(self._e)
                if tap_records.has_room(self._e):
                    self._e.workers[:, state.V_NEEDED_TAPS] = 0
            if tap_records.want_draining(self._e, MOST_TAPS, self._all_tapped_before_ps):
                self._e.workers[:, state.V_NEEDED_TAPS] = 0
                return False
            # Chunks wander from workers whose packets others read; more of them make that rarer.
            now = int(self._e.control[state.C_WINDOWS])
            self._make_room(grow=now - short_at < SELDOM_WINDOWS)
            short_at = now
        self._note_peak()
        if self.threads > 1:
            self._deal_anew()
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

    def flow_counters(self, rows=None):
        """What came of each flow so far, or of these rows (int array), each with its histogram."""
        return read_flow_counters(self._e, rows)

    def drain_flows(self):
        """What flows that are not direct did since the last drain (`counters.FlowChanges`)."""
        return self._flow_drain.drain(self._e)

    def dropped_packets(self, flows):
        """Packets that flows have lost so far: int64 array, shape (n, N_CAUSES).

        `flows` is how many of the first ones, or their rows (int array).
        """
        return read_drops(self._e, flows)

    def pool_counters(self):
        """What came of requests at each service pool so far."""
        return read_pool_counters(self._e)

    def drain_links(self):
        """Counters of links since the last drain, for those that did anything; starts them anew."""
        x = self._e.links[: self.n_links]
        trains = bool(self._e.control[state.O_TRAINS])
        return self._drain.drain(x, self.clock_ps, trains)

    @property
    def n_taps(self):
        """Tapped events that have not been drained."""
        return tap_records.n_waiting(self._e)

    def drain_taps(self, rest=False):
        """Tapped events since the last drain, sorted by time: int64 array, shape (n, state.TAP_COLUMNS).

        Those that may not be all yet come with the next drain, so that drains follow in time: of a window
        that is not finished, and of the longest processing before the clock, as an arrival is recorded when
        its node looks at it. With `rest` the latter come too, for a run that is left here.
        """
        return tap_records.in_order(self._take_taps(rest))

    def _take_taps(self, rest):
        """What `drain_taps` gives, not sorted: the part of it for which the engine has to stand still."""
        if self._watched:
            self._ends.take(self._e)
        before_ps = self._all_tapped_before_ps
        if not self.unfinished and (rest or self.clock_ps >= self.end_ps):
            before_ps = NEVER
        return tap_records.take(self._e, before_ps)

    def drain_ends(self):
        """Deliveries and drops of watched flows before the clock that were not drained yet: `ends.Ends`.

        What each drain gives comes after what those before it gave. Of a train that was delivered the time is
        that of its last packet.
        """
        return self._ends.drain(self._e, self.clock_ps)

    @property
    def _all_tapped_before_ps(self):
        """Every tapped event before this instant has been recorded."""
        if self.unfinished or self._longest_processing_ps > 0:
            return int(self._e.control[state.C_WINDOW_START]) - self._longest_processing_ps
        return NEVER

    @property
    def packet_hops(self):
        """Last bits that have left a terminal."""
        return int(sent_packets(self._e, self.n_links).sum())

    @property
    def handled_by_worker(self):
        """Arrivals, own packets and packets sent on by each worker: int64 array, shape (n_workers,)."""
        return self._e.workers[:, state.V_HANDLED].copy()

    @property
    def windows(self):
        """Windows finished so far."""
        return int(self._e.control[state.C_WINDOWS])

    @property
    def unfinished(self):
        """Whether the last call left a window unfinished, for its taps to be drained."""
        return bool(self._e.control[state.C_UNFINISHED])

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
        return self.peak_chunks * CHUNK_BYTES

    # -- inside ---------------------------------------------------------------------------------------

    def _deal_anew(self):
        """Choose how many workers there are, and which domains they have, by the work since this was done."""
        now = self.windows, int(self._e.workers[:, state.V_HANDLED].sum())
        windows, handled = now[0] - self._measured[0], now[1] - self._measured[1]
        if windows < WINDOWS_TO_MEASURE:
            return
        self._measured = now
        before = self._active_workers
        self._active_workers = 1 if handled < windows * LITTLE_WORK_PER_WINDOW else self.threads
        if max(before, self._active_workers) > 1:
            deal(self._e, self._active_workers, self._worker_list, self._e.domains[:, state.D_WORK])
            self._e.domains[:, state.D_WORK] = 0

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

    def _note_peak(self):
        free = int(self._e.workers[:, state.V_FREE_COUNT].sum())
        self.peak_chunks = max(self.peak_chunks, len(self._e.next_chunk) - free)

    def _make_room(self, grow):
        """Give workers that stopped short what they asked for: room for taps, others' chunks or new ones."""
        self._note_peak()
        rows = self._e.workers
        if rows[:, state.V_NEEDED_TAPS].any():
            self._e = tap_records.make_room(self._e)
        needed = int(rows[:, state.V_NEEDED_CHUNKS].max()) * self._active_workers
        if needed > 0:
            free = collect_chunks(rows, self._e.next_chunk)
            if grow or len(free) < max(len(self._e.next_chunk) // 8, 2 * needed):
                free = np.concatenate([self._chunks.grow(needed, len(free)), free])
                self._e = self._e._replace(packets=self._chunks.packets, tails=self._chunks.tails)
            spread_chunks(rows[: self._active_workers], self._e.next_chunk, free)
        if rows[:, state.V_NEEDED_ROWS].any():
            try:
                self._e = with_wider_batches(self._e, 2 * int(rows[:, state.V_NEEDED_ROWS].max()))
            except MemoryError:
                raise RunFailed("packets at one instant need more memory than there is") from None
        rows[:, state.V_NEEDED_ROWS] = 0
        rows[:, state.V_NEEDED_CHUNKS] = 0
        rows[:, state.V_NEEDED_TAPS] = 0
