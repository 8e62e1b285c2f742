"""The packet engine by the wall clock: a thread moves real packets, and stands still when it is asked to."""

import os
import select
import sys
import threading
from contextlib import contextmanager

import numpy as np

from lasermesh.errors import UserError
from lasermesh.live import state
from lasermesh.live.answer_kernels import answer
from lasermesh.live.buffers import first_datapath
from lasermesh.live.calling_kernels import address_of
from lasermesh.live.counters import histogram_of, read_counters
from lasermesh.live.datapath_kernels import run
from lasermesh.live.entry_kernels import read_hosts
from lasermesh.live.exit_kernels import take_ends
from lasermesh.live.libc import be_punctual, monotonic_ns, queued_descriptor, timer_descriptor
from lasermesh.packets import state as packets_state
from lasermesh.packets.engine import PacketEngine
from lasermesh.packets.state import DONE, NEVER, SHORT
from lasermesh.packets.window_kernels import advance
from lasermesh.traffic.kinds import OUTSIDE
from lasermesh.units import NONE, PS_PER_NS, PS_PER_S

OUTSIDE_BINS = 1024
"""Pairs of hosts whose latencies are distributed over bins: the first so many that send anything."""

ROOM_FOR_TAPS = 1 << 13
"""Records of ends, which go with every turn, and of captures, which stay until they are drained."""

SATELLITE_REST_PS = 2 * PS_PER_S
"""How long nobody has sent to a satellite whose flow may go to another: longer than any answer takes."""

SWITCH_INTERVAL_S = 0.0005
"""How long the control thread may keep the interpreter when the datapath's thread wants a word."""


class LiveEngine(PacketEngine):
    """A packet engine whose outside flows are real packets of hosts.

    Rows of flows: the experiment's own; from `first_pair` on one for each ordered pair of hosts (see
    `pair_flows`); from `first_reply` on one for each host, what satellites answer to it; from
    `first_satellite` on those to satellites, which are given to satellites as they are pinged.

    Parameters
    ----------
    n_nodes : int
    flows : traffic.Flows
    hosts : int64 array, shape (n_hosts,)
        Rows of nodes that are hosts.
    first_pair, first_reply, first_satellite, n_satellite_rows : int
    addresses : live.addresses.AddressTables
    live : scenario.Live
    overhead_ps : int or int64 array, shape (n_hosts,)
        What the way between a host's kernel and the datapath takes, both ways together; light takes so
        much less out of hosts. It has to be 0 for those that pass on packets of others, which would gain it.
    snap_bytes, n_snaps : int
        For captures: how many bytes are kept of how many packets, the last ones (see `snaps`).
    options
        Of `PacketEngine`.

    Attributes
    ----------
    standstill_ns, longest_standstill_ns : int
        For how long nobody moved packets, from the first `go` on and for whatever reason, until they went on.
    """

    def __init__(
        self,
        n_nodes,
        flows,
        *,
        hosts,
        first_pair,
        first_reply,
        first_satellite,
        n_satellite_rows,
        addresses,
        live,
        overhead_ps=0,
        snap_bytes=0,
        n_snaps=0,
        **options,
    ):
        options = {"outside_bins": OUTSIDE_BINS, **options, "threads": 1, "trains": live.gso}
        super().__init__(n_nodes, flows, **options)
        self.hosts = np.asarray(hosts, np.int64)
        self._outside = np.flatnonzero(flows.kind == OUTSIDE)
        self._satellites = np.full(n_satellite_rows, NONE)  # node of each row
        self._first_satellite = first_satellite
        self._staged = None
        self._is_host = np.zeros(n_nodes, bool)
        self._is_host[self.hosts] = True
        self._overhead_ps = np.zeros(n_nodes, np.int64)
        self._overhead_ps[self.hosts] = overhead_ps
        self._d = d = first_datapath(
            n_nodes, self.hosts, addresses, live, os.uname().machine, snap_bytes, n_snaps
        )
        d.hosts[:, state.H_OVERHEAD] = overhead_ps
        # Simulated flows of hosts go the same way, and are to arrive as if nothing had been taken off.
        self._e.nodes[self.hosts, packets_state.N_LAG] = overhead_ps
        first_bin = len(self._e.histogram) - options["outside_bins"]
        for column, value in (
            (state.C_ADVANCE, address_of(advance, self._e)),
            (state.C_ANSWER, address_of(answer, self._e, d)),
            (state.C_READ_HOSTS, address_of(read_hosts, self._e, d)),
            (state.C_TAKE_ENDS, address_of(take_ends, self._e, d)),
            (state.C_FIRST_PAIR, first_pair),
            (state.C_FIRST_REPLY, first_reply),
            (state.C_BINS_NEXT, first_bin),
            (state.C_BINS_END, len(self._e.histogram)),
            (state.C_LIGHT_IN, NEVER // 4),
        ):
            d.control[column] = value
        self.set_stop(self._outside, NEVER)
        self._gate = threading.Condition()
        self._control = threading.RLock()  # of all threads but the datapath's one at a time changes anything
        self._e_lock = threading.Lock()  # two threads may replace `_e`
        self._thread = None
        self._goal = None  # until when the datapath is to go
        self._holds = 0
        self._runs = False
        self._closing = False
        self._error = None
        self._stands_since_ns = None  # when the datapath last stopped, of a run that has begun
        self.standstill_ns = self.longest_standstill_ns = 0
        self._epoll = None
        self._descriptors = []
        self._kick = None
        self._switch_interval_s = None

    # -- opening and closing -------------------------------------------------------------------------

    def open(self, tun_fds):
        """Take the hosts' TUN devices, one for each host in order; they are not closed by `close`.

        Parameters
        ----------
        tun_fds : sequence of int
            With IFF_VNET_HDR exactly where `live.gso` is set. They are made non-blocking.

        Raises
        ------
        UserError
            On systems other than 64-bit little-endian Linux.
        """
        if not sys.platform.startswith("linux") or sys.byteorder != "little" or sys.maxsize < 2**32:
            raise UserError(
                f"live runs need 64-bit little-endian Linux (this is {sys.platform}, {sys.byteorder}-endian)"
            )
        self._epoll = select.epoll()
        timer, self._kick = timer_descriptor(), os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._descriptors = [timer, self._kick]
        host_of_fd = np.full(max(*tun_fds, *self._descriptors) + 1, state.NOBODY)
        host_of_fd[timer], host_of_fd[self._kick] = state.EVENT_TIMER, state.EVENT_KICK
        host_of_fd[np.asarray(tun_fds)] = np.arange(len(tun_fds))
        self._d = d = self._d._replace(host_of_fd=host_of_fd)
        d.hosts[:, state.H_FD] = tun_fds
        d.control[state.C_EPOLL], d.control[state.C_TIMER] = self._epoll.fileno(), timer
        d.control[state.C_EVENT] = self._kick
        self._epoll.register(timer, select.EPOLLIN | select.EPOLLET)
        self._epoll.register(self._kick, select.EPOLLIN)
        for fd in tun_fds:
            os.set_blocking(fd, False)
            self._epoll.register(fd, select.EPOLLIN)
        # So that the first packets need not ask for it.
        self._e.workers[:, packets_state.V_NEEDED_TAPS] = ROOM_FOR_TAPS
        self._make_room_here()
        self._thread = threading.Thread(target=self._keep_running, name="datapath", daemon=True)
        self._switch_interval_s = sys.getswitchinterval()
        sys.setswitchinterval(SWITCH_INTERVAL_S)
        self._thread.start()

    def close(self):
        """Stop the datapath, for good."""
        if self._thread is not None:
            with self._gate:
                self._closing = True
                self._interrupt()
                self._gate.notify_all()
            self._thread.join()
            self._thread = None
            sys.setswitchinterval(self._switch_interval_s)
        if self._epoll is not None:
            self._epoll.close()
            self._epoll = None
        while self._descriptors:
            os.close(self._descriptors.pop())
        super().close()

    # -- running -------------------------------------------------------------------------------------

    def start_clock(self):
        """Have simulated time 0 be now."""
        self._d.control[state.C_ORIGIN_NS] = monotonic_ns()

    def now_ps(self):
        """Simulated time by the clock."""
        return (monotonic_ns() - int(self._d.control[state.C_ORIGIN_NS])) * PS_PER_NS

    def go(self, until_ps):
        """Have the datapath run on until an instant within the step, by the clock; returns at once."""
        with self._gate:
            self._goal = int(until_ps)
            if self._stands_since_ns is None:
                self._stands_since_ns = monotonic_ns()
            self._gate.notify_all()

    def wait(self, timeout_s):
        """Wait until the datapath stands where `go` has sent it: True once it does, False after the timeout.

        Raises
        ------
        RunFailed
            If packets on their way need more memory than there is.
        """
        with self._gate:
            self._gate.wait_for(lambda: self._goal is None or self._error is not None, timeout_s)
            if self._error is not None:
                raise self._error
            return self._goal is None

    def halt(self):
        """Have the datapath stand where it is, for good unless `go` is called again."""
        with self.paused(), self._gate:
            self._goal = None

    @contextmanager
    def paused(self):
        """Have the datapath stand still meanwhile, between two turns; other threads that ask for it wait."""
        with self._control:
            with self._gate:
                self._holds += 1
                while self._runs:
                    self._interrupt()
                    self._gate.wait()
            try:
                yield
            finally:
                with self._gate:
                    self._holds -= 1
                    self._gate.notify_all()

    def turn(self, now_ps):
        """One turn at an instant that the caller gives, in place of the clock's, ascending; for tests."""
        c = self._d.control
        c[state.C_NOW_IS_GIVEN], c[state.C_NOW] = 1, now_ps
        while run(self._e, self._d, self._e.control[packets_state.C_STEP_END]) == SHORT:
            self._make_room_here()
        c[state.C_NOW_IS_GIVEN] = 0

    def _interrupt(self):
        """Have a running datapath return at its next turn."""
        self._d.control[state.C_STOP] = 1
        os.eventfd_write(self._kick, 1)

    def _keep_running(self):
        """What the datapath's thread does."""
        be_punctual()
        queued = queued_descriptor()
        if queued is not None:
            self._d.control[state.C_QUEUED_FD] = queued
            self._descriptors.append(queued)
        while True:
            with self._gate:
                while not self._closing and (self._holds or self._goal is None):
                    self._gate.wait()
                if self._closing:
                    return
                self._runs = True
                self._d.control[state.C_STOP] = 0
                goal = self._goal
            error = None
            status = state.STOPPED
            try:
                while (status := self._run_on(goal)) == SHORT:
                    self._make_room_here()
            except Exception as caught:  # raised where somebody waits
                error = caught
            with self._gate:
                self._runs = False
                if error is not None:
                    self._error, self._goal = error, None
                elif status == DONE and self._goal == goal:
                    self._goal = None
                self._gate.notify_all()

    def _run_on(self, goal):
        """Turns by the clock as far as they go; notes for how long there were none before."""
        stood_ns = monotonic_ns() - self._stands_since_ns
        self.standstill_ns += stood_ns
        self.longest_standstill_ns = max(self.longest_standstill_ns, stood_ns)
        status = run(self._e, self._d, np.int64(goal))
        self._stands_since_ns = monotonic_ns()
        return status

    def _make_room_here(self):
        with self._e_lock:
            self._make_room(grow=True)

    # -- what it is told -----------------------------------------------------------------------------

    def prepare_step(self, step):
        """See `PacketEngine`; light is the overhead faster out of hosts, which has passed already.

        As what leaves at t should have left the overhead before, its light time is that of then.
        """
        sooner = self._overhead_ps[self.link_from[step.links]]
        change = (step.delay_end_ps - step.delay_start_ps) / (step.end_ps - step.start_ps)
        sooner = sooner + np.rint(change * sooner).astype(np.int64)
        step = step._replace(
            delay_start_ps=np.maximum(step.delay_start_ps - sooner, 0),
            delay_end_ps=np.maximum(step.delay_end_ps - sooner, 0),
        )
        with self._control:
            self._staged = super().prepare_step(step)
            return self._staged

    def enter_step(self, staged):
        """See `PacketEngine`."""
        step = staged.step
        inward = self._is_host[self._e.links[step.links, packets_state.X_TO]]
        light_ps = np.minimum(step.delay_start_ps, step.delay_end_ps)[inward].min(initial=NEVER // 4)
        with self.paused(), self._e_lock:
            super().enter_step(staged)
            self._d.control[state.C_LIGHT_IN] = light_ps
            self._staged = None

    def set_limits(self, links, limit_packets, limit_bytes):
        """See `PacketEngine`; they hold from now on, whether a step was prepared or not."""
        with self.paused():
            super().set_limits(links, limit_packets, limit_bytes)

    def add_links(self, *args, **options):
        """See `PacketEngine`."""
        with self.paused(), self._e_lock:
            return super().add_links(*args, **options)

    def reserve_links(self, n_links):
        """See `PacketEngine`."""
        with self.paused(), self._e_lock:
            super().reserve_links(n_links)

    def install_table(self, link, label_of_flow, switch_ps, next_label=None, backup=None, new_labels=None):
        """See `PacketEngine`. Where a slot is free, packets go on meanwhile: nobody uses it yet."""
        arguments = link, label_of_flow, switch_ps, next_label, backup, new_labels
        with self._control:
            if new_labels is None and self._slots.has_room_for(self._e, link, next_label, backup):
                with self._e_lock:
                    super().install_table(*arguments)
                return
            with self.paused(), self._e_lock:
                super().install_table(*arguments)

    def fill_labels(self, link, labels, *, to_come=False):
        """See `PacketEngine`."""
        with self.paused(), self._e_lock:
            super().fill_labels(link, labels, to_come=to_come)

    def set_destination(self, flow, node):
        """See `PacketEngine`."""
        with self.paused():
            super().set_destination(flow, node)
            if self._staged is not None:
                self._staged.arrays["lists"][flow] = node

    def set_label(self, flow, label):
        """See `PacketEngine`."""
        with self.paused():
            super().set_label(flow, label)

    # -- satellites that answer ------------------------------------------------------------------------

    @property
    def has_parked(self):
        """Whether packets wait for `assign_satellites`."""
        return bool(self._d.control[state.C_N_PARKED])

    def assign_satellites(self):
        """Give flows to satellites that were sent packets and have none.

        Those that were idle longest go first, and none that was used in the last two seconds. What is sent
        to the satellites waits, a second at most, until `admit_to_satellites` says that there are tables.

        Returns
        -------
        rows : int64 array
            Flows whose destination is another now (`flows.destination`).
        """
        d, first = self._d, self._first_satellite
        with self.paused():
            parked = d.parked[: d.control[state.C_N_PARKED]]
            wanted = np.unique(d.slots[parked, state.S_NODE])
            wanted = wanted[~np.isin(wanted, self._satellites)]
            if len(wanted) == 0:
                return np.zeros(0, np.int64)
            given = self._satellites != NONE
            used_ps = np.where(given, d.wanted[self._satellites], NONE)
            order = np.argsort(used_ps, kind="stable")
            idle = ~given[order] | (used_ps[order] < self.clock_ps - SATELLITE_REST_PS)
            rows = order[idle][: len(wanted)]
            for row, node in zip(rows.tolist(), wanted.tolist(), strict=False):
                if self._satellites[row] != NONE:
                    d.flow_of_node[self._satellites[row]] = NONE
                self._satellites[row] = node
                self.set_destination(first + row, node)
            return first + rows.astype(np.int64)

    def admit_to_satellites(self, rows):
        """Let packets go to satellites whose flows were assigned and now have tables."""
        rows = np.asarray(rows, np.int64)
        self._d.flow_of_node[self._satellites[rows - self._first_satellite]] = rows
        if self._thread is not None:
            os.eventfd_write(self._kick, 1)

    # -- what came out -------------------------------------------------------------------------------

    def used_flows(self):
        """Outside flows that have sent anything: int64 rows."""
        return self._outside[self._e.flows[self._outside, packets_state.S_SEQUENCE] > 0]

    def counters(self):
        """`LiveCounters` so far."""
        return read_counters(self._d.control)

    def lateness(self):
        """`Histogram` of how late packets were written to hosts."""
        return histogram_of(self._d.histograms[state.HISTOGRAM_LATENESS])

    def entry_lateness(self):
        """`Histogram` of how long what was read from hosts may have waited for it, beyond the overhead.

        At most: from the last instant at which nothing waited at the host, which is known to within a turn.
        """
        return histogram_of(self._d.histograms[state.HISTOGRAM_ENTRY])

    def answer_lateness(self):
        """`Histogram` of how long after their instants answers of nodes within the mesh entered it."""
        return histogram_of(self._d.histograms[state.HISTOGRAM_ANSWERS])

    def hiccups(self):
        """`Histogram`s of time between two looks at the clock without sleep, and of sleeping too long."""
        rows = self._d.histograms
        return histogram_of(rows[state.HISTOGRAM_GAPS]), histogram_of(rows[state.HISTOGRAM_OVERSLEPT])

    def snaps(self):
        """Idents and first bytes of the last packets that came, as they would be on a wire: a ring.

        Views of int64 (n_snaps,) and uint8 (n_snaps, snap_bytes), which the datapath writes into; an ident is
        that of T_IDENT in taps. The snap that came as number k, from 0, is in row k % n_snaps.
        """
        return self._d.snap_ident, self._d.snap_data

    @property
    def n_snaps_made(self):
        """How many snaps have been written so far."""
        return int(self._d.control[state.C_SNAPS])

    def in_memory(self):
        """Packets, and super-packets, that lie in memory."""
        c = self._d.control
        return len(self._d.slots) - int(c[state.C_FREE_SMALL] + c[state.C_FREE_LARGE])

    def _take_taps(self, rest):
        with self.paused():
            records = super()._take_taps(rest)
            self._d.control[state.C_TAPS_SEEN] = self._e.workers[0, packets_state.V_TAPS]
        return records

    def drain_links(self):
        """See `PacketEngine`."""
        with self.paused():
            return super().drain_links()

    def drain_flows(self):
        """See `PacketEngine`."""
        with self.paused():
            return super().drain_flows()

    def pool_counters(self):
        """See `PacketEngine`."""
        with self.paused():
            return super().pool_counters()

    def dropped_packets(self, flows):
        """See `PacketEngine`."""
        with self.paused():
            return super().dropped_packets(flows)

    def flow_counters(self, rows=None):
        """See `PacketEngine`."""
        with self.paused():
            return super().flow_counters(rows)
