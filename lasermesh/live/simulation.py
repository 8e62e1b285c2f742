"""A run by the clock on the wall: a thread moves packets, and meanwhile the next step is computed."""

import gc
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np

from lasermesh.experiments.applications import flow_list
from lasermesh.experiments.simulation import SLICE_S, TAPS_AT_ONCE, Simulation
from lasermesh.live.addresses import address_tables
from lasermesh.live.capturing import live_tapping_of
from lasermesh.live.engine import LiveEngine
from lasermesh.live.figures import live_entry
from lasermesh.live.host_flows import SATELLITE_ROWS, HostFlows
from lasermesh.live.router_tables import RouterTables
from lasermesh.live.statuses import StatusMaker
from lasermesh.live.stopping import LiveStopping
from lasermesh.live.used_paths import UsedPaths
from lasermesh.live.warming import warm_live
from lasermesh.packets.causes import LINK_DOWN, NO_ROUTE
from lasermesh.routing import transit_of
from lasermesh.traffic.flows import flows_of_experiment
from lasermesh.units import NONE, PS_PER_S, ps_from_s

LONGEST_S = 86_400.0
"""A live run is ended from outside, at last after a day."""

LOOK_S = 0.02
"""Wall time between two looks at what goes on: whether it is to end, who pings satellites, what taps saw."""

STATUS_S = 0.5
USED_S = 0.1
"""Wall time between two looks at which pairs of hosts have sent anything."""

FLOW_INTERVAL_S = 1.0
"""Of flows over time, unless the experiment says so."""

ROOM_FOR_LINKS = 2
"""So many times the links of the first step are made room for: moving rows of links takes time."""


KEPT = ("verdict", "hosts", "overhead_ms", "gso", "mtu_bytes", "settings")
"""Of the summary's object `live`, what the manifest says too."""


class Pace(NamedTuple):
    """How steps were kept up with."""

    late_steps: int = 0  # that were not computed when the mesh reached them
    late_s: float = 0.0  # for which it stood still, waiting for them
    slowest_step_s: float = 0.0  # that computing one took
    slowest_writing_s: float = 0.0  # that went to what became of one, before the next was computed
    longest_pause_s: float = 0.0  # between two steps, of those that were computed in time
    longest_lag_s: float = 0.0  # by which the datapath, with all that it had to do, reached a step's end late
    cpu_s: float = 0.0  # of the control thread, and of the one that attends to the datapath


class LiveSimulation(Simulation):
    """One live run of one experiment.

    Parameters
    ----------
    experiment : Experiment
        One that can be run live (`scenario.refuse_what_live_cannot`).
    outside : Outside
    threads : int
        Of the control thread's work; packets are moved by one.
    overhead_ps : int
        As for `LiveEngine`.
    longest_s : float
        The run ends then, if nothing ends it before.
    on_status : function of statuses.LiveStatus, optional
        Called every STATUS_S.
    capture, warn, policy, manifest
        As for `Simulation`.
    """

    _flow_interval_s = FLOW_INTERVAL_S

    def __init__(
        self,
        experiment,
        outside,
        threads=1,
        *,
        overhead_ps=0,
        longest_s=LONGEST_S,
        capture=None,
        on_status=None,
        warn=lambda message: None,
        policy=None,
        manifest=None,
    ):
        self.outside = outside
        self.overhead_ps = overhead_ps
        self.pace = Pace()
        self._run_until_s = longest_s
        self._on_status = on_status
        self.shortest_rtt_s = None  # by the tables, of pairs of hosts that have sent anything
        self._routers = None
        self._left = None  # the step before, as long as it is not written
        self._halt_ps = 0  # where the datapath is sent
        self._computed_ps = self._arrived_ps = 0  # when the step was computed; when the one before was over
        self._went_on_ps = self._ended_ps = 0  # when the present step was entered; when the run ended
        self._is_computed = threading.Event()  # the step that comes next, or there is none
        self._logging = threading.Lock()  # of logs and captures, which both threads write
        self._unended_s = 0.0  # for which the mesh stood still, waiting for a step, when the run ended
        self._has_ended = self._has_left = False
        self._used = np.zeros(0, np.int64)  # pairs of hosts that had sent anything at the last look
        super().__init__(experiment.lasting(longest_s), threads, capture, None, warn, None, policy, manifest)
        self._statuses = StatusMaker(self)
        self._told = self._looked_for_pairs = 0.0

    def paths_in_use(self, rows):
        """Nodes and delay of the present paths of pairs of hosts, see `UsedPaths.in_use`."""
        return self._paths.in_use(rows)

    def largest_product_bytes(self):
        """Of rate and round trip, over the first paths of all pairs of hosts; 0 if there are none."""
        routes, rate_bps = self._updating.first_routes, self._feed.rate_bps
        first = routes.first[self.host_flows.first_pair :]
        reached = np.diff(first) > 1
        if not reached.any():
            return 0
        rate_of_hop = np.where(routes.link == NONE, np.iinfo(np.int64).max, rate_bps[routes.link])
        least_bps = np.minimum.reduceat(rate_of_hop, first[:-1][reached])
        round_trip_s = 2.0 * routes.delay_s[self.host_flows.first_pair :][reached]
        return int((least_bps * round_trip_s).max() / 8)

    # -- what differs from a simulated run -------------------------------------------------------------

    @property
    def _longest_s(self):
        return self._run_until_s

    def _make_stopping(self):
        return LiveStopping(self.outside.command is not None)

    def _all_flows(self, channels):
        simulated = flows_of_experiment(self.experiment, channels.pairs, self._foreseen.pairs)
        self.host_flows = HostFlows(simulated, self.experiment.live_rows)
        return self.host_flows.flows

    def _make_capture(self, options, channels):
        return live_tapping_of(options, self.experiment, self.host_flows, self._warn)

    def _make_engine(self, n_nodes, flows, **options):
        rows = self.host_flows
        passes_on = transit_of(self.experiment.topology)[rows.hosts]
        if self._capture is not None:
            options |= self._capture.engine_options()
        engine = LiveEngine(
            n_nodes,
            flows,
            hosts=rows.hosts,
            first_pair=rows.first_pair,
            first_reply=rows.first_reply,
            first_satellite=rows.first_satellite,
            n_satellite_rows=SATELLITE_ROWS,
            addresses=address_tables(self.experiment.topology),
            live=self.experiment.live,
            overhead_ps=np.where(passes_on, 0, self.overhead_ps),
            **options,
        )
        if self._capture is not None:
            self._capture.attach(engine)
        return engine

    def _make_path_log(self, node_names, is_ground, tables_lag):
        names = self.host_flows.names(flow_list(self.experiment).name, node_names)
        return UsedPaths(names, node_names, is_ground, self.host_flows.first_pair)

    def _make_tables(self):
        rows = self.host_flows
        about = rows.hosts, rows.first_reply, rows.first_satellite, SATELLITE_ROWS
        self._routers = RouterTables(self.engine, *about)
        return self._routers

    def _listed_flows(self):
        used, own = self._used_pairs(), flow_list(self.experiment)
        flows = self.host_flows.listed(own, used.tolist(), self._names)
        return flows, [*range(self.host_flows.first_pair), *used.tolist()]

    def _further_entries(self):
        entry = live_entry(self)
        self._manifest["live"] = {key: entry[key] for key in KEPT}
        return {"live": entry}

    def _lost(self):
        used = np.append(np.arange(self.host_flows.first_pair), self._used)
        lost = np.zeros((2, self.host_flows.n_noted), np.int64)
        lost[:, used] = self.engine.dropped_packets(used)[:, [LINK_DOWN, NO_ROUTE]].T
        return lost[0], lost[1]

    def _drain_links(self):
        with self._logging:
            super()._drain_links()

    def _watch(self, *links):
        with self._logging:
            return super()._watch(*links)

    def _write_taps(self, folder, rest=False):
        with self._logging:
            super()._write_taps(folder, rest)

    def _end_routing_interval(self, index, steps):
        # A step is prepared while the one before goes on, of which the load is not known yet.
        ended = index - 1
        if ended > 0:
            start_s, step_s = self.experiment.start_s, self.experiment.topology.step_s
            with self._logging:
                self._link_log.end_routing_interval(start_s + ended * step_s, min(steps, ended) * step_s)

    @property
    def _is_over(self):
        by_ctrl_c = self._stopping.was_interrupted and self.outside.was_interrupted
        return (self._has_ended and not by_ctrl_c) or self.engine.clock_ps >= self._end_ps

    def _used_pairs(self):
        """Rows of the pairs of hosts that have sent anything."""
        return self.host_flows.pairs_among(self.engine.used_flows())

    # -- the run ----------------------------------------------------------------------------------------

    def _begin_step(self, index):
        super()._begin_step(index)
        if index == 0:
            self.engine.reserve_links(ROOM_FOR_LINKS * self.engine.n_links)

    def _warm_up(self):
        super()._warm_up()
        warm_live()

    def _simulate(self, folder):
        cpu_s = time.thread_time()
        attendants = ThreadPoolExecutor(1, "attendant")
        try:
            self._go_through_steps(folder, attendants)
        finally:
            self._has_left = True
            cpu_s -= attendants.submit(time.thread_time).result()
            attendants.shutdown()
            self.outside.end()
            gc.unfreeze()
            self.pace = self.pace._replace(cpu_s=time.thread_time() - cpu_s)
            self._note_end()
            self._wall_s = time.perf_counter() - self._began
            if self._left is not None:
                self._write_left(folder)

    def _go_through_steps(self, folder, attendants):
        """All steps, of which the first has been begun, until the run is to end.

        This thread computes the next step, however long that takes, while another attends to the datapath.
        """
        step_s = self.experiment.topology.step_s
        self._enter_step(0, folder)
        # What is done for the first time takes long, and the lock of the interpreter with it.
        self._write_left(folder)
        if ps_from_s(step_s) < self._end_ps:
            self._begin_step(1)
            self._feed.prepare()
        self.engine.open(self.outside.tun_fds)
        gc.collect()
        gc.freeze()  # collections, for which packets would wait, need not look at what has come so far
        self.engine.start_clock()
        self._began = self._told = time.perf_counter()
        self.outside.begin()
        index = end_ps = 0
        while True:
            began = time.perf_counter()
            begin_ps, end_ps = end_ps, min(ps_from_s((index + 1) * step_s), self._end_ps)
            self._go_on(end_ps)
            self._note_pause(begin_ps)
            if index > 0:
                self._write_left(folder)
                self._note_writing(time.perf_counter() - began)
            self._is_computed.clear()
            attended = attendants.submit(self._attend, end_ps, folder)
            if index > 0 and end_ps < self._end_ps:
                self._compute_step(index + 1)
            self._is_computed.set()
            attended.result()
            self._left = self._leave_step(folder)
            if self._has_ended or self._is_over or self._stopping.is_asked:
                return
            index += 1
            self._enter_step(index, folder)

    def _enter_step(self, index, folder):
        super()._enter_step(index, folder)
        self._routers.enter_step()

    def _go_on(self, end_ps):
        """Send the datapath to the next instant at which it has to stand still, at last the step's end."""
        logs = self._link_log.next_ps, self._flow_log.next_ps
        self._halt_ps = min(end_ps, self._feed.next_limits_ps, *logs)
        self.engine.go(self._halt_ps)

    def _note_pause(self, begin_ps):
        """Note for how long the mesh stood still before the step that it has just begun, and why."""
        if begin_ps == 0:
            return
        pace, arrived_ps, now_ps = self.pace, self._arrived_ps, self.engine.now_ps()
        stood_s = (now_ps - arrived_ps) / PS_PER_S
        if self._computed_ps > arrived_ps:
            pace = pace._replace(late_steps=pace.late_steps + 1, late_s=pace.late_s + stood_s)
        else:
            pace = pace._replace(longest_pause_s=max(pace.longest_pause_s, stood_s))
        lag_s = (arrived_ps - max(begin_ps, self._went_on_ps)) / PS_PER_S  # late steps are no lag
        self.pace = pace._replace(longest_lag_s=max(pace.longest_lag_s, lag_s))
        self._went_on_ps = now_ps

    def _note_end(self):
        """Note for how long the mesh stood still before the end, if it waited for a step."""
        if self._unended_s > 0.0:
            late_s = self.pace.late_s + self._unended_s
            self.pace = self.pace._replace(late_steps=self.pace.late_steps + 1, late_s=late_s)

    def lasted_s(self):
        """For how long the run has gone on by the clock on the wall, which the mesh may be behind."""
        return max(self._ended_ps or self._arrived_ps, self.engine.clock_ps) / PS_PER_S

    def standstills_s(self):
        """For how long the mesh stood still in all, for whatever reason, and at once: two numbers."""
        total_s, longest_s = self.engine.standstill_ns / 1e9, self.engine.longest_standstill_ns / 1e9
        return total_s + self._unended_s, max(longest_s, self._unended_s)

    def _note_writing(self, took_s):
        self.pace = self.pace._replace(slowest_writing_s=max(self.pace.slowest_writing_s, took_s))

    def _write_left(self, folder):
        """Write what is left of the step before, and which paths there are in the one that has begun."""
        if self._left is not None:
            left, self._left = self._left, None
            self._write_step(left, folder)
        for changes in self._paths.enter_step(self._used):
            folder.paths.write(changes)
        self._new_paths = []
        self._flow_log.write(folder.flow_times)
        delay_s = self._paths.shortest_delay_s(self._used)
        if delay_s is not None:
            self.shortest_rtt_s = min(self.shortest_rtt_s or np.inf, 2.0 * delay_s)

    def _compute_step(self, index):
        """Compute the next step, while the datapath goes on."""
        began = time.perf_counter()
        self._begin_step(index)
        self._feed.prepare()
        took_s = time.perf_counter() - began
        self._computed_ps = self.engine.now_ps()
        self.pace = self.pace._replace(slowest_step_s=max(self.pace.slowest_step_s, took_s))

    # -- what another thread does meanwhile -------------------------------------------------------------

    def _attend(self, end_ps, folder):
        """See to what goes on until the step is over and the next one computed, or the run is to end."""
        is_over = False
        while True:
            self._look(folder)
            self._has_ended = self._has_ended or self.outside.has_ended()
            if self._has_ended or self._stopping.is_asked or self._has_left:
                self.engine.halt()
                self._ended_ps = self.engine.now_ps()
                if is_over:  # the next step never came
                    self._unended_s = (self._ended_ps - self._arrived_ps) / PS_PER_S
                return
            if is_over:
                if self._is_computed.wait(LOOK_S):
                    return
            elif self._pass_halts(end_ps, folder, LOOK_S):
                is_over = True
                self._arrived_ps = self.engine.now_ps()

    def _pass_halts(self, end_ps, folder, timeout_s):
        """Do what the datapath stands still for, and send it on; whether it stands at the step's end."""
        if not self.engine.wait(timeout_s):
            return False
        halt_ps = self._halt_ps
        if self._link_log.next_ps == halt_ps:
            self._drain_links()
            self._link_log.end_interval(folder.links)
        if self._flow_log.next_ps == halt_ps:
            self._flow_log.end_interval()
        if halt_ps == end_ps:
            return True
        if self._feed.next_limits_ps == halt_ps:
            self._feed.change_limits()
        self._go_on(end_ps)
        return False

    def _look(self, folder):
        """What is done every LOOK_S while packets go their way."""
        if self.engine.has_parked:
            self._routers.lead_to_new_satellites()
        now = time.perf_counter()
        if self._has_taps and (self.engine.n_taps >= TAPS_AT_ONCE or now - self._taps_written >= SLICE_S):
            self._write_taps(folder)
            self._taps_written = now
        if now - self._looked_for_pairs >= USED_S:
            self._used = self._used_pairs()
            self._looked_for_pairs = now
        if now - self._told >= STATUS_S:
            self._told = now
            status = self._statuses.make(self._used)
            self.outside.show(status._asdict())
            if self._on_status is not None:
                self._on_status(status)

    # -- the end ----------------------------------------------------------------------------------------

    def _close(self, folder, status):
        self._used = self._used_pairs()
        for changes in self._paths.catch_up(self._used):
            folder.paths.write(changes)
        _, rows = self._listed_flows()
        number_of = np.zeros(self.host_flows.n_noted, np.int64)
        number_of[rows] = np.arange(len(rows))
        folder.paths.renumber("flow", number_of)
        super()._close(folder, status)
