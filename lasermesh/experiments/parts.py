"""The parts that a run of an experiment is made of, and how they are put together."""

from functools import partial

import numpy as np

from lasermesh.contacts.intervals import light_times_s
from lasermesh.experiments import memory
from lasermesh.experiments.applications import flow_list
from lasermesh.experiments.bundling import Bundling, foresee, too_large
from lasermesh.experiments.compiling import EngineCompilation
from lasermesh.experiments.contact_log import ContactLog
from lasermesh.experiments.fault_overlay import Faults
from lasermesh.experiments.faults import faults_of
from lasermesh.experiments.feeding import LinkFeed
from lasermesh.experiments.flow_times import FlowLog
from lasermesh.experiments.foretelling import StepsAhead
from lasermesh.experiments.forwarding import NextHopLog
from lasermesh.experiments.observing import LinkLog, Observation
from lasermesh.experiments.outages import OutageLog
from lasermesh.experiments.paths_taken import PathLog
from lasermesh.experiments.queueing import Queues, processing_ps
from lasermesh.experiments.remembering import link_engine
from lasermesh.experiments.snapshots import SnapshotMaker
from lasermesh.experiments.stopping import Stopping
from lasermesh.experiments.tapping import tapping_of
from lasermesh.experiments.turns import Turns, engine_options
from lasermesh.experiments.updating import EngineTables, Surroundings, updating_of
from lasermesh.experiments.working import Working, channels_of
from lasermesh.orbits import build_ephemeris
from lasermesh.packets import PacketEngine
from lasermesh.routing import compute_table, load_policy, options_of, transit_of
from lasermesh.scenario.experiment import INSTANT, MAKE_FIRST, PREDICTED
from lasermesh.scenario.queues import QueuesOfLinks
from lasermesh.traffic.flows import flows_of_experiment
from lasermesh.units import PS_PER_S, ps_from_s
from lasermesh.workloads.agenda import Agenda

LONGEST_WINDOW_PS = PS_PER_S // 100
"""Simulated time between two chances to look at the clock, where links are long enough for more."""

POLICIES_OF_THE_SNAPSHOT = ("shortest-delay", "fewest-hops", "ecmp")
"""Those whose tables are the same whichever came before: steps in which nobody sends can do without."""


class Parts:
    """The parts of one run of one experiment, and what they ask of one another.

    A run in another form (`live.simulation.LiveSimulation`) replaces the hooks below. `__init__` calls them
    in this order, and each may rely on what is named, besides the experiment:

    1. `_make_stopping`: on nothing.
    2. `_all_flows`: on the policy, the ephemeris and what is foreseen of bundles.
    3. `_make_capture`: on `flows` too, and on where links are numbered.
    4. `_longest_s`: as before.
    5. `_make_engine`: on the capture too; it returns what is `engine` from then on.
    6. `_make_path_log`: on `engine` too.
    7. `_make_tables`: on all parts but the updating.

    What a subclass needs in a hook it has to set before it calls this `__init__`. The parts call `_watch`,
    `_ask` and `_load_of` while steps are begun; `_listed_flows` and `_further_entries` are for the end.
    """

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
        self._stopping = self._make_stopping()
        topology = experiment.topology
        channels = channels_of(experiment)
        folder = experiment.file.parent if experiment.file else None
        self._policy = policy or load_policy(experiment.routing.policy, folder)
        self._ephemeris = build_ephemeris(topology)
        processing = processing_ps(experiment.packets, self._ephemeris.is_ground)
        self._foreseen = foresee(experiment, processing, warm_up_s)
        self.flows = self._all_flows(channels)
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
        self._capture = self._make_capture(capture, channels)
        self._end_ps = ps_from_s(self._longest_s)
        available = memory.available_bytes()
        self.engine = self._make_engine(
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
        self._paths = self._make_path_log(self._names, self._ephemeris.is_ground, lag)
        self._contacts = ContactLog(self._links, partial(light_times_s, self._links), experiment.start_s)
        self._link_log = LinkLog(self._links, experiment.start_s, experiment.observe.links_every_s)
        self._flow_log = FlowLog(experiment, self.engine, self._flow_interval_s)
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
                self._make_tables(),
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
        self._is_ready = False
        self._has_taps = self._capture is not None or bool(self._observation.tables)
        self._windows_per_slice = 16

    # -- what a live run has in another form ---------------------------------------------------------------

    _flow_interval_s = None  # of `FlowLog`, where the experiment does not say

    @property
    def _longest_s(self):
        """How long the run lasts, if nothing ends it before."""
        return self.experiment.duration_s

    def _make_stopping(self):
        return Stopping()

    def _all_flows(self, channels):
        """The flows of the packet engine, of which the experiment's come first."""
        return flows_of_experiment(self.experiment, channels.pairs, self._foreseen.pairs)

    def _make_capture(self, options, channels):
        """The capture that was asked for, None if there is none."""
        return tapping_of(options, self.experiment, channels.pairs, self.flows, self._warn)

    def _make_engine(self, n_nodes, flows, **options):
        return PacketEngine(n_nodes, flows, **options)

    def _make_path_log(self, node_names, is_ground, tables_lag):
        return PathLog(flow_list(self.experiment).name, node_names, is_ground, tables_lag)

    def _make_tables(self):
        """What gives the tables of a policy to the engine."""
        return EngineTables(self.engine)

    def _listed_flows(self):
        """The flows that results tell of, `FlowList`, and their rows in the engine."""
        flows = flow_list(self.experiment)
        if self.working is not None:
            return self.working.used_flows(flows)
        return flows, range(self._own_flows.n_flows)

    def _further_entries(self):
        """What the summary says besides."""
        return {}

    # -- what parts ask for ----------------------------------------------------------------------------------

    @property
    def _may_end_early(self):
        """Whether nothing but work and bundles sends: then the run ends once all of that is done."""
        return self._turns is not None and self._own_flows.n_flows == 0

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

    def _watch(self, link_from, link_to, kind, rate_bps):
        """Taps of new links."""
        taps = self._observation.watch(link_from, link_to)
        if self._capture is not None:
            taps = taps + self._capture.watch(link_from, link_to, kind, rate_bps)
        return taps
