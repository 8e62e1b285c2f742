"""One run of one experiment: steps, tables, packets, and the folder that is left."""

import time
from typing import NamedTuple

import numpy as np

from lasermesh.capture.writer import unix_ns
from lasermesh.errors import Interrupted, RunFailed, UserError
from lasermesh.experiments import memory
from lasermesh.experiments.applications import application_entries
from lasermesh.experiments.bundling import most_under_way
from lasermesh.experiments.bundling import warm_up as warm_up_routers
from lasermesh.experiments.fault_overlay import LinkChanges
from lasermesh.experiments.flow_times import latency_bins
from lasermesh.experiments.left_out import failures_of, skipped_by_reason
from lasermesh.experiments.named_links import missing_links
from lasermesh.experiments.outages import warm_up as warm_up_outages
from lasermesh.experiments.parts import Parts
from lasermesh.experiments.remembering import memory_of
from lasermesh.experiments.snapshots import SnapshotMaker
from lasermesh.packets import LinkCounters, warm_up
from lasermesh.packets.causes import LINK_DOWN, NO_ROUTE
from lasermesh.packets.latency_bins import upper_edges_ps
from lasermesh.results import FlowCounters, RunFolder, load, summarise
from lasermesh.results.bundle_tables import bundle_tables_of
from lasermesh.results.statuses import COMPLETE, FAILED, INTERRUPTED
from lasermesh.results.work import work_entries
from lasermesh.results.work_tables import work_tables_of
from lasermesh.routing import compute_table, follow_flows
from lasermesh.scenario.experiment import INSTANT
from lasermesh.units import PS_PER_S, ps_from_s

SLICE_S = 0.1
"""Wall time between two looks at the clock, the progress and Ctrl-C."""

RECORDS_AT_ONCE = 4096
"""Of work, that are written together while a run goes on."""

TAPS_AT_ONCE = 8192
"""What taps saw, that is written together, unless SLICE_S of wall time have passed."""


class Progress(NamedTuple):
    """What is told of a run that is going on."""

    simulated_s: float
    duration_s: float
    wall_s: float
    packet_hops: int
    may_end_early: bool = False  # when all work is done, and all bundles are


class _LeftStep(NamedTuple):
    """What is known of a step when it is over."""

    start_s: float  # since the topology's epoch
    counters: LinkCounters | None  # of links, since they were last read
    missed: tuple  # see `LinkFeed`
    changes: LinkChanges  # of links, until then
    link_down: np.ndarray  # int64 (n_flows,)  packets that flows have lost since the run's start
    no_route: np.ndarray  # int64 (n_flows,)


class Simulation(Parts):
    """One run of one experiment."""

    # -- the run ---------------------------------------------------------------------------------------------

    def run(self, output=None, force=False):
        """Simulate to the end, or until Ctrl-C, and leave the folder: `Run`."""
        experiment = self.experiment
        RunFolder.check(output, force)
        failure = None
        try:
            self.get_ready()  # before there is a folder: the first table shows whether the run can fit
        except RunFailed as error:
            failure = error
        observed = [*self._observation.tables, *(["next_hops"] if self._next_hops is not None else [])]
        records = [*work_tables_of(experiment), *bundle_tables_of(experiment)]
        with RunFolder.create(
            experiment.name, self._names, output, force, observed=observed, records=records
        ) as folder:
            if self._capture is not None:
                start_ns = unix_ns(experiment.topology.epoch) + ps_from_s(experiment.start_s) // 1000
                comment = f"experiment {experiment.name}, seed {experiment.seed}"
                self._capture.open(folder.path, start_ns, comment)
            with self._stopping.noted():
                status = FAILED
                try:
                    if failure is None:
                        self._simulate(folder)
                        if self._has_taps:
                            self._write_taps(folder, rest=True)
                        status = COMPLETE if self._is_over else INTERRUPTED
                except Interrupted:  # while a policy was at work
                    status = INTERRUPTED
                except (RunFailed, UserError) as error:  # the user's files may go wrong hours into a run
                    failure, status = error, FAILED
                except BaseException:
                    if self._capture is not None:
                        self._capture.abort()
                    raise
                finally:
                    self.engine.close()
                if failure is not None:
                    self._manifest["failure"] = str(failure)
                self._close(folder, status)
        if failure is not None:
            raise RunFailed(f"{failure} (what came of it until then: {folder.path})") from failure
        return load(folder.path)

    def get_ready(self):
        """Compile or load what is run, and compute the first step, unless that has been done."""
        if self._is_ready:
            return
        self._is_ready = True
        began = time.perf_counter()
        self._warm_up()
        try:
            self._begin_step(0)
        finally:
            self._began = time.perf_counter()
            self._compile_s = self._began - began

    @property
    def _is_over(self):
        """Whether the run has come to its end, or nothing will happen before it any more."""
        is_done = self._may_end_early and self._turns.is_done
        return is_done or self.engine.clock_ps >= self._end_ps

    def _warm_up(self):
        """Have all kernels compiled or loaded before the clock runs."""
        graph = self._links.graph_at(self.experiment.start_s)
        self._links.ranges_at(graph.link[:1], self.experiment.start_s)
        one = np.zeros(1, np.int64)
        self._links.skies.ranges_between(one, one + 1, one + self.experiment.start_s)
        if self._need_tables:
            node = np.zeros(1, np.int32)
            snapshot = SnapshotMaker(self.experiment.topology, self._ephemeris, node, node + 1).of(graph)
            follow_flows(snapshot, compute_table("shortest-delay", snapshot)[0])
        if self._own_flows.n_flows > 0 or self.experiment.routing.update != INSTANT:
            warm_up_outages()
        warm_up_routers(self._foreseen, self.experiment)
        self._compilation.wait()
        warm_up()

    # -- the steps ------------------------------------------------------------------------------------

    def _simulate(self, folder):
        """All steps of the run, one after the other, of which the first has been begun."""
        step_s = self.experiment.topology.step_s
        index = 0
        while True:
            self._enter_step(index, folder)
            if self._new_paths:
                for changes in self._new_paths:
                    folder.paths.write(changes)
                self._new_paths = []
                if self._feed.stops_at_start and not self._paths.tables_lag:
                    self._advance(ps_from_s(index * step_s) + 1, folder)
                    self._paths.begin_step(*self._lost())
            index += 1
            next_ps = ps_from_s(index * step_s)
            self._advance(min(next_ps, self._end_ps), folder)
            self._end_step(folder)
            if self._is_over or self._stopping.is_asked:
                return
            self._begin_step(index)

    def _enter_step(self, index, folder):
        """Have the engine begin a step that it has reached, and those who follow it."""
        self._step_s = self.experiment.start_s + index * self.experiment.topology.step_s
        self._feed.hand_over()
        if self._turns is not None:
            self._turns.begin_step()
        if self._own_flows.n_flows > 0 or self._next_hops is not None:
            forwarding = self.engine.forwarding()
            self._outages.begin_step(forwarding)
        if self._next_hops is not None:
            self._next_hops.begin_step(forwarding, ps_from_s(index * self.experiment.topology.step_s))
            folder.next_hops.write(self._next_hops.take())

    def _begin_step(self, index):
        """Look at the links of a step, and have the tables made that nodes switch to from then on."""
        experiment = self.experiment
        step_s = experiment.topology.step_s
        start_ps, end_ps = ps_from_s(index * step_s), ps_from_s((index + 1) * step_s)
        start_s = experiment.start_s + index * step_s
        self._feed.begin(start_s, experiment.start_s + (index + 1) * step_s, start_ps, end_ps)
        steps = max(1, round((experiment.routing.interval_s or step_s) / step_s))
        is_due = index % steps == 0
        if is_due:
            self._end_routing_interval(index, steps)
        self._is_quiet = self._may_be_quiet and steps == 1 and self._turns.is_quiet_until(end_ps)
        is_due = is_due and not self._is_quiet
        if self._need_tables:
            self._new_paths = self._updating.begin_step(start_s, start_ps, end_ps, is_due)
        if index == 0:
            self._refuse_too_much(self._updating.first_routes)

    def _end_routing_interval(self, index, steps):
        """What was sent in the `steps` steps before a step is the load that tables may go by from then on."""
        if index > 0:
            start_s, step_s = self.experiment.start_s, self.experiment.topology.step_s
            self._link_log.end_routing_interval(start_s + index * step_s, steps * step_s)

    def _end_step(self, folder):
        """A step is over: write what links did, and charge path changes with what they cost."""
        self._write_step(self._leave_step(folder), folder)

    def _leave_step(self, folder):
        """What is to be known of a step from the engine, which stands at its end: `_LeftStep`."""
        counters = None if self._is_quiet else self.engine.drain_links()
        if self._faults is not None:
            self._faults.count_until(self.engine.clock_ps)
        self._outages.end_step(self.engine.clock_ps, folder.outages)
        changes = self._feed.changes_before(self.engine.clock_ps)
        left = _LeftStep(self._step_s, counters, self._feed.missed, changes, *self._lost())
        self._step_s = None
        return left

    def _write_step(self, left, folder):
        """Write what became of a step that was left, whether or not the engine is in the next one."""
        if left.counters is not None:
            self._take_in(left.counters, left.missed)
        self._link_log.end_step(left.start_s, folder.links)
        self._contacts.note(left.changes, folder.contacts)
        self._paths.end_step(left.link_down, left.no_route)
        for part in self._acting:
            folder.write_records(part.log, RECORDS_AT_ONCE)

    def _counters_of(self, rows):
        """What came of flows in these rows of the engine: `results.FlowCounters`."""
        counters = self.engine.flow_counters(np.asarray(rows, np.int64))
        return FlowCounters(**counters._asdict(), upper_edges_ps=upper_edges_ps())

    def _drain_links(self):
        """Take in what links did since this was last done."""
        self._take_in(self.engine.drain_links(), self._feed.missed)

    def _take_in(self, counters, missed):
        """Take in what links did in a step of which the feed has said how far ranges are off."""
        self._link_log.add(counters)
        self._feed.note_used(counters.link, missed)

    def _lost(self):
        """Packets of each flow lost so far on links that were down, and for want of a route."""
        dropped = self.engine.dropped_packets(self._own_flows.n_flows)
        return dropped[:, LINK_DOWN], dropped[:, NO_ROUTE]

    def _refuse_too_much(self, routes):
        """Estimate what the run needs; UserError if that is more than there is."""
        rates, waiting = self._feed.rate_bps, self._feed.most_waiting()
        in_flight = most_under_way(self._foreseen, self.experiment)
        if routes is not None:
            in_flight += memory.packets_in_flight(self._routed_flows, routes, rates, waiting, self._end_ps)
        memory.refuse_what_cannot_fit(
            memory.estimate_bytes(len(self._names), len(rates), self.flows, in_flight)
        )

    def _advance(self, until_ps, folder):
        """Run the engine to an instant, in slices of about SLICE_S, or until Ctrl-C."""
        done = False
        # A window that waits for its taps is finished first, or counters would not fit the clock.
        while not done and (self.engine.unfinished or not self._stopping.is_asked):
            before = time.perf_counter()
            windows = self.engine.windows
            logs = self._link_log, self._flow_log
            halt_ps = min(until_ps, self._feed.next_limits_ps, *(log.next_ps for log in logs))
            if self._turns is not None:
                done = self._turns.advance(halt_ps, self._windows_per_slice, SLICE_S)
            else:
                done = self.engine.advance(halt_ps, self._windows_per_slice)
            if done and self._link_log.next_ps == halt_ps:
                self._drain_links()
                self._link_log.end_interval(folder.links)
            if done and self._flow_log.next_ps == halt_ps:
                self._flow_log.end_interval()
                self._flow_log.write(folder.flow_times)
            if done and self._feed.next_limits_ps == halt_ps:
                self._feed.change_limits()
            done = done and halt_ps == until_ps
            now = time.perf_counter()
            if self._has_taps and (self.engine.n_taps >= TAPS_AT_ONCE or now - self._taps_written >= SLICE_S):
                self._write_taps(folder)
                now = self._taps_written = time.perf_counter()
            per_window = (now - before) / max(1, self.engine.windows - windows)
            self._windows_per_slice = max(1, min(2 * self._windows_per_slice, round(SLICE_S / per_window)))
            self._wall_s = now - self._began
            if self._on_progress is not None:
                simulated_s = self.engine.clock_ps / PS_PER_S
                so_far = simulated_s, self.experiment.duration_s, self._wall_s, self.engine.packet_hops
                self._on_progress(Progress(*so_far, self._may_end_early))

    def _write_taps(self, folder, rest=False):
        """Write what taps saw since this was last done, at the end all the rest."""
        records = self.engine.drain_taps(rest)
        if self._capture is not None:
            self._capture.write(records)
        self._observation.write(records, folder)

    # -- the end ----------------------------------------------------------------------------------------

    def _close(self, folder, status):
        """Write what remains of the folder."""
        self._stopping.keep()
        experiment, engine = self.experiment, self.engine
        if self._step_s is not None:  # a run that failed in the midst of a step
            self._end_step(folder)
        if self._has_taps:
            self._write_taps(folder, rest=True)
        self._link_log.close(engine.clock_ps, folder.links)
        self._contacts.close(experiment.start_s + engine.clock_ps / PS_PER_S, folder.contacts)
        self._outages.close(engine.clock_ps, folder.outages)
        if self._turns is not None:
            self._turns.close()
        for part in self._acting:
            folder.write_records(part.log)
        flows, rows = self._listed_flows()
        counters = self._counters_of(rows)
        self._flow_log.close(engine.clock_ps, rows, folder.flow_times)
        folder.latency_bins.write(latency_bins(counters))
        for sentence in (
            *self._feed.complaints(experiment.topology.step_s),
            *missing_links(experiment, self._links.links, self._names),
        ):
            self._warn(sentence)
        wall_s = self._wall_s
        hops = engine.packet_hops
        more = {
            **(self._paths.summary() if self._routed_flows.n_flows > 0 else {}),
            **application_entries(self._own_flows, experiment, counters, engine, self._names),
            **({} if self.working is None else work_entries(self.working.work.totals(), experiment)),
            "bundles": self.bundling and self.bundling.entry(),
            "routing": self._updating.summary()
            | self._outages.summary(counters.dropped[: self._own_flows.n_flows]),
            "faults": None if self._faults is None else self._faults.summary(engine.clock_ps),
            "scale": experiment.packets.scale if experiment.packets.scale != 1.0 else None,
            "satellites_failed": failures_of(self._ephemeris) or None,
            "satellites_skipped": skipped_by_reason(experiment.topology) or None,
            "capture": None if self._capture is None else self._capture.close(engine.clock_ps, self._warn),
            **self._further_entries(),
        }
        summary = summarise(
            experiment.name,
            experiment.seed,
            status,
            engine.clock_ps / PS_PER_S,
            flows,
            counters,
            self._names,
            self._link_log.totals,
            self._feed.n_links,
            {
                "packet_hops": hops,
                "wall_s": wall_s,
                "packet_hops_per_s": hops / wall_s if wall_s > 0 else None,
                "compile_s": self._compile_s,
                "threads": engine.threads,
            },
            **more,
        )
        memory = summary["memory"] = memory_of(self._links, self._warm_up_s)
        folder.keep_topology(experiment.topology)
        folder.close(
            summary,
            experiment.to_dict(),
            {"link_graph": self._feed.link_graph_sha256},
            captures=[] if self._capture is None else self._capture.files_in_folder,
            packet_flows=rows,
            engine={
                "windows": engine.windows,
                "packet_bytes_peak": engine.peak_packet_bytes,
                "range_error_km": self._feed.longest_miss_m / 1e3,
            },
            memory=memory,
            satellites_left_out={
                "skipped": len(experiment.topology.skipped),
                "failed": len(self._ephemeris.failures),
            },
            **self._manifest,
        )
