"""One run of one experiment: steps, tables, packets, and the folder that is left."""

import time
from functools import partial
from typing import NamedTuple

import numpy as np

from lasermesh.capture.writer import unix_ns
from lasermesh.contacts.intervals import light_times_s
from lasermesh.errors import Interrupted, RunFailed, UserError
from lasermesh.experiments import memory
from lasermesh.experiments.applications import application_entries, counters_of, flow_list
from lasermesh.experiments.bundling import Bundling, foresee, most_under_way, too_large
from lasermesh.experiments.bundling import warm_up as warm_up_routers
from lasermesh.experiments.compiling import EngineCompilation
from lasermesh.experiments.contact_log import ContactLog
from lasermesh.experiments.fault_overlay import Faults
from lasermesh.experiments.faults import faults_of
from lasermesh.experiments.feeding import LinkFeed
from lasermesh.experiments.flow_times import FlowLog, latency_bins
from lasermesh.experiments.foretelling import StepsAhead
from lasermesh.experiments.forwarding import NextHopLog
from lasermesh.experiments.left_out import failures_of, skipped_by_reason
from lasermesh.experiments.named_links import missing_links
from lasermesh.experiments.observing import LinkLog, Observation
from lasermesh.experiments.outages import OutageLog
from lasermesh.experiments.outages import warm_up as warm_up_outages
from lasermesh.experiments.paths_taken import PathLog
from lasermesh.experiments.queueing import Queues, processing_ps
from lasermesh.experiments.remembering import link_engine, memory_of
from lasermesh.experiments.snapshots import SnapshotMaker
from lasermesh.experiments.stopping import Stopping
from lasermesh.experiments.tapping import tapping_of
from lasermesh.experiments.turns import Turns, engine_options
from lasermesh.experiments.updating import Surroundings, updating_of
from lasermesh.experiments.working import Working, channels_of
from lasermesh.orbits import build_ephemeris
from lasermesh.packets import PacketEngine, warm_up
from lasermesh.packets.causes import LINK_DOWN, NO_ROUTE
from lasermesh.packets.latency_bins import upper_edges_ps
from lasermesh.results import FlowCounters, RunFolder, load, summarise
from lasermesh.results.bundle_tables import bundle_tables_of
from lasermesh.results.statuses import COMPLETE, FAILED, INTERRUPTED
from lasermesh.results.work import work_entries
from lasermesh.results.work_tables import work_tables_of
from lasermesh.routing import compute_table, follow_flows, load_policy, options_of, transit_of
from lasermesh.scenario.experiment import INSTANT, MAKE_FIRST, PREDICTED
from lasermesh.scenario.queues import QueuesOfLinks
from lasermesh.traffic.flows import flows_of_experiment
from lasermesh.units import PS_PER_S, ps_from_s
from lasermesh.workloads.agenda import Agenda

SLICE_S = 0.1
"""Wall time between two looks at the clock, the progress and Ctrl-C."""

LONGEST_WINDOW_PS = PS_PER_S // 100
"""Simulated time between two chances to look at the clock, where links are long enough for more."""

RECORDS_AT_ONCE = 4096
"""Of work, that are written together while a run goes on."""

TAPS_AT_ONCE = 8192
"""What taps saw, that is written together, unless SLICE_S of wall time have passed."""


POLICIES_OF_THE_SNAPSHOT = ("shortest-delay", "fewest-hops", "ecmp")
"""Those whose tables are the same whichever came before: steps in which nobody sends can do without."""


class Progress(NamedTuple):
    """What is told of a run that is going on."""

    simulated_s: float
    duration_s: float
    wall_s: float
    packet_hops: int
    may_end_early: bool = False  # when all work is done, and all bundles are


class Simulation:
    """One run of one experiment."""

    def __init__(
        self,
        experiment,
        threads,
        capture=None,
        on_progress=None,
        warn=lambda message: None,
        warm_up_s=None,
        policy=None,
        manifest=None,
    ):
        self._compilation = EngineCompilation()  # goes on while the rest is built
        self._manifest = dict(manifest or {})  # what else it is to tell, as it is at the end
        self.experiment = experiment
        self._on_progress = on_progress
        self._warn = warn
        self._stopping = Stopping()
        topology = experiment.topology
        channels = channels_of(experiment)
        folder = experiment.file.parent if experiment.file else None
        self._policy = policy or load_policy(experiment.routing.policy, folder)
        self._ephemeris = build_ephemeris(topology)
        processing = processing_ps(experiment.packets, self._ephemeris.is_ground)
        self._foreseen = foresee(experiment, processing, warm_up_s)
        self.flows = flows_of_experiment(experiment, channels.pairs, self._foreseen.pairs)
        self._routed_flows = self.flows.first(self.flows.n_routed)  # which need tables
        self._own_flows = self.flows.first(len(experiment.expanded_flows))  # without those of work
        self._warm_up_s = warm_up_s
        self._links = link_engine(topology, self._ephemeris, warm_up_s, warn)
        if experiment.routing.update == PREDICTED:
            lead_s = experiment.routing.lead_s if experiment.routing.handover == MAKE_FIRST else 0.0
            self._links = StepsAhead(self._links, experiment.start_s, topology.step_s, lead_s)
        self._names = self._ephemeris.names
        snapshots = SnapshotMaker(
            topology,
            self._ephemeris,
            self._routed_flows.source,
            self._routed_flows.destination,
            options_of(self._policy, experiment.routing.options),
            experiment.seed,
            folder,
        )
        self._capture = tapping_of(capture, experiment, channels.pairs, self.flows, warn)
        self._end_ps = ps_from_s(experiment.duration_s)
        available = memory.available_bytes()
        self.engine = PacketEngine(
            len(self._names),
            self.flows if self._capture is None else self._capture.engine_flows(),
            end_ps=self._end_ps,
            seed=experiment.seed,
            threads=threads,
            reroute=experiment.packets.on_link_down == "reroute",
            alternate_after_ps=(
                ps_from_s(experiment.routing.alternate_after_s) if experiment.routing.fast_reroute else None
            ),
            framing_bytes=experiment.packets.framing_bytes,
            memory_limit_bytes=None if available is None else int(memory.SHARE_TO_USE * available),
            drop_tapped=None if self._capture is None else self._capture.drop_nodes,
            processing_ps=processing,
            **engine_options(experiment, LONGEST_WINDOW_PS),
        )
        is_end = np.zeros(len(self._names), bool)
        is_end[self._routed_flows.source] = is_end[self._routed_flows.destination] = True
        faults = faults_of(experiment)
        self._faults = Faults(faults, experiment.seed, len(self._names)) if faults else None
        queues = Queues(QueuesOfLinks(experiment), experiment.packets.scale)
        self._feed = LinkFeed(experiment, self._links, self.engine, queues, self._watch, is_end, self._faults)
        self._observation = Observation(experiment.observe, self.flows, self._links)
        lag = experiment.routing.update != INSTANT
        self._paths = PathLog(flow_list(experiment).name, self._names, self._ephemeris.is_ground, lag)
        self._contacts = ContactLog(self._links, partial(light_times_s, self._links), experiment.start_s)
        self._link_log = LinkLog(self._links, experiment.start_s, experiment.observe.links_every_s)
        self._flow_log = FlowLog(experiment, self.engine)
        self._outages = OutageLog(self._own_flows, self._end_ps, experiment.start_s)
        self._next_hops = (
            NextHopLog(self._links, experiment.start_s) if experiment.observe.next_hops else None
        )
        self.working = self.bundling = None
        agenda = Agenda()
        about = self.engine, self._feed, self._links
        if experiment.workloads:
            self.working = Working(experiment, channels, *about, self._ephemeris, processing, agenda)
        if experiment.bundle_flows:
            is_described = self._capture is not None
            self.bundling = Bundling(experiment, self._foreseen, *about, agenda, is_described)
            for sentence in too_large(self._foreseen, experiment):
                warn(sentence)
            if is_described:
                self._capture.segments.work = self.bundling.work
        self._acting = [part for part in (self.working, self.bundling) if part is not None]
        self._turns = Turns(self.engine, agenda, self._acting) if self._acting else None
        self._updating = updating_of(
            Surroundings(
                experiment,
                self._policy,
                self._ask,
                snapshots,
                self.engine,
                self._feed,
                self._links,
                transit_of(topology),
                is_end,
                self._paths,
                self._next_hops,
                self._load_of,
                warn,
                self.working.learn_routes if self.working else lambda time_ps, routes: None,
            )
        )
        self._need_tables = self._routed_flows.n_flows > 0
        self._may_be_quiet = self._may_end_early and (
            not self._need_tables
            or (
                experiment.routing.update == INSTANT
                and self._policy.name in POLICIES_OF_THE_SNAPSHOT
                and not experiment.observe.next_hops
            )
        )
        self._is_quiet = False  # nothing is sent in the step that is going on, so it needs no tables
        self._new_paths = []  # of tables that were just made, not yet written
        self._step_s = None  # start of the step that is going on
        self._began = self._wall_s = self._compile_s = self._taps_written = 0.0
        self._has_taps = self._capture is not None or bool(self._observation.tables)
        self._windows_per_slice = 16

    def run(self, output=None, force=False):
        """Simulate to the end, or until Ctrl-C, and leave the folder: `Run`."""
        experiment = self.experiment
        RunFolder.check(output, force)
        began = time.perf_counter()
        self._warm_up()
        failure = None
        try:
            self._begin_step(0)  # before there is a folder: the first table shows whether the run can fit
        except RunFailed as error:
            failure = error
        self._began = time.perf_counter()
        self._compile_s = self._began - began
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

    @property
    def _is_over(self):
        """Whether the run has come to its end, or nothing will happen before it any more."""
        is_done = self._may_end_early and self._turns.is_done
        return is_done or self.engine.clock_ps >= self._end_ps

    @property
    def _may_end_early(self):
        """Whether nothing but work and bundles sends: then the run ends once all of that is done."""
        return self._turns is not None and self._own_flows.n_flows == 0

    def _warm_up(self):
        """Have all kernels compiled or loaded before the clock runs."""
        graph = self._links.graph_at(self.experiment.start_s)
        self._links.ranges_at(graph.link[:1], self.experiment.start_s)
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
            self._feed.hand_over()
            if self._turns is not None:
                self._turns.begin_step()
            if self._own_flows.n_flows > 0 or self._next_hops is not None:
                forwarding = self.engine.forwarding()
                self._outages.begin_step(forwarding)
            if self._next_hops is not None:
                self._next_hops.begin_step(forwarding, ps_from_s(index * step_s))
                folder.next_hops.write(self._next_hops.take())
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

    def _begin_step(self, index):
        """Look at the links of a step, and have the tables made that nodes switch to from then on."""
        experiment = self.experiment
        step_s = experiment.topology.step_s
        start_ps, end_ps = ps_from_s(index * step_s), ps_from_s((index + 1) * step_s)
        start_s = experiment.start_s + index * step_s
        self._feed.begin(start_s, experiment.start_s + (index + 1) * step_s, start_ps, end_ps)
        steps = max(1, round((experiment.routing.interval_s or step_s) / step_s))
        is_due = index % steps == 0
        if is_due and index > 0:
            self._link_log.end_routing_interval(start_s, steps * step_s)
        self._is_quiet = self._may_be_quiet and steps == 1 and self._turns.is_quiet_until(end_ps)
        is_due = is_due and not self._is_quiet
        if self._need_tables:
            self._new_paths = self._updating.begin_step(start_s, start_ps, end_ps, is_due)
        if index == 0:
            self._refuse_too_much(self._updating.first_routes)
        self._step_s = start_s

    def _end_step(self, folder):
        """Write what links did in the step that is over, and charge path changes with what they cost."""
        if not self._is_quiet:
            self._drain_links()
        self._link_log.end_step(self._step_s, folder.links)
        if self._faults is not None:
            self._faults.count_until(self.engine.clock_ps)
        self._contacts.note(self._feed.changes_before(self.engine.clock_ps), folder.contacts)
        self._outages.end_step(self.engine.clock_ps, folder.outages)
        self._paths.end_step(*self._lost())
        for part in self._acting:
            folder.write_records(part.log, RECORDS_AT_ONCE)
        self._step_s = None

    def _drain_links(self):
        """Take in what links did since this was last done."""
        counters = self.engine.drain_links()
        self._link_log.add(counters)
        self._feed.note_used(counters.link)

    def _lost(self):
        """Packets of each flow lost so far on links that were down, and for want of a route."""
        dropped = self.engine.dropped_packets(self._own_flows.n_flows)
        return dropped[:, LINK_DOWN], dropped[:, NO_ROUTE]

    def _ask(self, snapshot):
        """The policy's table for a snapshot, and its report; Ctrl-C leaves the policy at once."""
        with self._stopping.leaving_at_once():
            return compute_table(self._policy, snapshot, self.experiment.routing.time_limit_s)

    def _load_of(self, links):
        """Share of the last routing interval for which links (ids) were sending, None before the first.

        And when that interval ended, since the topology's epoch.
        """
        busy_share = self._link_log.busy_share
        if busy_share is None:
            return None, None
        share = np.zeros(len(self._links.links.from_node))
        share[: len(busy_share)] = busy_share
        return share[links], self._link_log.busy_until_s

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
                self._flow_log.end_interval(folder.flow_times)
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

    def _watch(self, link_from, link_to, kind, rate_bps):
        """Taps of new links."""
        taps = self._observation.watch(link_from, link_to)
        if self._capture is not None:
            taps = taps + self._capture.watch(link_from, link_to, kind, rate_bps)
        return taps

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
        flows, rows = flow_list(experiment), range(self._own_flows.n_flows)
        if self._turns is not None:
            self._turns.close()
        for part in self._acting:
            folder.write_records(part.log)
        if self.working is not None:
            flows, rows = self.working.used_flows(flows)
        counters = FlowCounters(**engine.flow_counters()._asdict(), upper_edges_ps=upper_edges_ps())
        counters = counters_of(counters, rows)
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
