"""How forwarding tables come to the nodes of a run: at once or from a controller, and what all ways share."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from lasermesh.contacts import LinkGraph
from lasermesh.experiments.feeding import without
from lasermesh.experiments.forwarding import NextHopLog
from lasermesh.experiments.paths_taken import PathLog
from lasermesh.results import PathChanges
from lasermesh.routing import (
    Coverage,
    LabelKeeper,
    Policy,
    Routes,
    coverage,
    follow_flows,
    loop_free_alternates,
)
from lasermesh.routing.news_kernels import fill_arrivals
from lasermesh.scenario.experiment import CENTRAL, INSTANT, MOST_HOPS, Experiment
from lasermesh.units import NEVER, PS_PER_S, SPEED_OF_LIGHT_M_PER_S, ps_from_s


@dataclass
class Surroundings:
    """What those who make tables need of a run."""

    experiment: Experiment
    policy: Policy
    ask: Any  # function: the policy's table for a snapshot, and its report
    snapshots: Any  # SnapshotMaker
    engine: Any  # PacketEngine
    feed: Any  # LinkFeed
    links: Any  # LinkEngine, or StepsAhead
    transit: np.ndarray  # bool (n_nodes,)
    is_end: np.ndarray  # bool (n_nodes,)
    paths: PathLog
    next_hops: NextHopLog | None  # where they are written down
    load_of: Any  # function of link ids: how busy they were in the last interval, and when it ended
    warn: Any  # function of str
    learn_routes: Any  # function of an instant in ps and the Routes of all flows from then on
    tables: Any  # EngineTables, or what takes their place


class EngineTables:
    """Hands tables to the packet engine as they are."""

    def __init__(self, engine):
        self._engine = engine

    def labels_in_use(self):
        """See `PacketEngine`."""
        return self._engine.labels_in_use()

    def install(self, table, new_labels, switch_ps, snapshot):
        """Have nodes switch to a table, made for `snapshot`; the rest as for `PacketEngine`."""
        rest = table.next_label, table.backup, new_labels
        self._engine.install_table(table.link, table.label_of_flow, switch_ps, *rest)


class Updating:
    """Makes tables and hands them to the engine; in this form all nodes have each at once, without delay.

    Links known to end within the step are left out where others do, as long as none but this step is known.

    Attributes
    ----------
    n_tables, n_switches : int
        Tables made, and nodes that were told to switch to one before the run's end.
    convergence_s : list of float
        From each change, or look at the links, until the last node that it concerns has its table.
    first_routes : Routes
        Of the first table.
    """

    def __init__(self, around: Surroundings):
        self.n_tables = 0
        self.n_switches = 0
        self.convergence_s = []
        self.first_routes: Routes | None = None
        self._around = around
        self._table = None  # the last one, for policies that build on it
        self._labels = LabelKeeper()
        self._coverage = np.zeros(len(Coverage._fields), np.int64)  # of alternates, of all tables
        self._start = 0.0, 0  # of the step: s since the topology's epoch, ps since the run's start

    def begin_step(self, start_s, start_ps, end_ps, is_due) -> list[PathChanges]:
        """Hand the engine the tables that nodes switch to from a step on; the paths that they make.

        Parameters
        ----------
        start_s : float
            Since the topology's epoch.
        start_ps, end_ps : int
            The step, since the run's start; the feed has begun it.
        is_due : bool
            Whether a routing interval begins.
        """
        self._start = start_s, start_ps
        return self._update(start_ps, end_ps, is_due)

    def summary(self) -> dict:
        """What the summary of the run says of tables."""
        took_s = self.convergence_s
        return {
            "policy": self._around.policy.name,
            "update": self._around.experiment.routing.update,
            "tables": self.n_tables,
            "switches": self.n_switches,
            "convergence_s": {"mean": sum(took_s) / len(took_s), "max": max(took_s)} if took_s else None,
            "alternates": self._alternates(),
        }

    def _alternates(self):
        """Of the hops of the flows' paths, over all tables, how many have a loop-free alternate."""
        found = Coverage(*self._coverage.tolist())
        if found.n_hops == 0:
            return None
        return {
            "hops": found.n_hops,
            "share": found.n_covered / found.n_hops,
            "node_protecting_share": found.n_node_covered / found.n_node_hops if found.n_node_hops else None,
        }

    def _update(self, start_ps, end_ps, is_due):
        if not is_due:
            return []
        return self._install(self._around.feed.lasting_graph, start_ps, start_ps)

    # -- what all forms share -----------------------------------------------------------------------------

    def _install(self, graph, switch_ps, noted_ps=None):
        """Make the table for a link graph and have nodes switch to it; the paths that it makes, where noted.

        Parameters
        ----------
        graph : LinkGraph
        switch_ps : int or int64 array, shape (n_nodes,)
            NEVER for nodes that do not.
        noted_ps : int, optional
            From when its paths count as those that flows take; absent: they do not.
        """
        around = self._around
        snapshot = around.snapshots.of(graph, self._table, *around.load_of(graph.link))
        table, report = around.ask(snapshot)
        self._hand_over(table, snapshot, switch_ps, is_noted=noted_ps is not None)
        told = np.broadcast_to(switch_ps, around.engine.n_nodes) < around.engine.end_ps
        self.n_tables += 1
        self.n_switches += int(told.sum())
        if noted_ps is None:
            return []
        self._table = table
        if noted_ps >= around.engine.end_ps:
            return []
        routes = follow_flows(snapshot, table, around.engine.flow_hash)
        if self.first_routes is None:
            self.first_routes = routes
            self._warn_of(report, routes)
        around.learn_routes(noted_ps, routes)
        flows = around.engine.flows
        n_noted = around.paths.n_flows
        active = (flows.start_ps <= noted_ps) & (noted_ps < flows.stop_ps)
        return [around.paths.note(self._seconds(noted_ps), routes.of_first(n_noted), active[:n_noted])]

    def _warn_of(self, report, routes):
        """Say what the first table does that the user should know."""
        around = self._around
        policy = f'routing policy "{around.policy.name}"'
        if len(report.looping_flows):
            around.warn(f"{policy} leads {len(report.looping_flows)} flows in a circle")
        limit = around.engine.flows.hop_limit[: around.engine.flows.n_routed]
        too_long = np.flatnonzero(np.diff(routes.first) - 1 > limit)
        if len(too_long):
            hops = int(np.diff(routes.first)[too_long].max()) - 1
            remedy = f"; packets.hop_limit = {hops} would do" if hops <= MOST_HOPS else ""
            around.warn(
                f"{policy} leads {len(too_long)} flows over more links than their packets may cross, up to "
                f"{hops}: they are all dropped (hop_limit){remedy}"
            )

    def _hand_over(self, table, snapshot, switch_ps, is_noted):
        """Give a policy's table to the engine, its labels by the numbers that packets on their way know."""
        engine, routing = self._around.engine, self._around.experiment.routing
        if routing.fast_reroute and table.backup is None:
            alternates = loop_free_alternates(snapshot, table)
            if is_noted:
                self._coverage += np.array(coverage(snapshot, table, alternates, engine.flow_hash))
            table = table._replace(backup=alternates.link)
        tables = self._around.tables
        kept, new = self._labels.keep(table, snapshot, tables.labels_in_use)
        tables.install(kept, new, switch_ps, snapshot)
        if self._around.next_hops is not None:
            self._around.next_hops.learn(kept, snapshot.flow_to)

    def _seconds(self, now_ps):
        """An instant of the present step, since the topology's epoch."""
        start_s, start_ps = self._start
        return start_s + (now_ps - start_ps) / PS_PER_S

    def _graph(self, is_up, now_ps, leaving=None):
        """The links (bool by id) that are up, or are taken to be, without those that are left."""
        feed, table = self._around.feed, self._around.links.links
        link = np.flatnonzero(is_up).astype(np.int32)
        link = link[np.lexsort((table.to_node[link], table.from_node[link]))]
        range_m = self._around.links.ranges_at(link, self._seconds(now_ps))
        # A satellite that nothing can be computed of any more has no range.
        link, range_m = link[np.isfinite(range_m)], range_m[np.isfinite(range_m)]
        first = np.searchsorted(table.from_node[link], np.arange(len(self._around.is_end) + 1))
        graph = LinkGraph(
            self._seconds(now_ps),
            first,
            *(table.from_node[link], table.to_node[link], link),
            range_m,
            *(feed.full_rate_bps[link], table.kind[link], table.rule[link]),
        )
        return graph if leaving is None else without(graph, leaving, self._around.is_end)

    def _spread(self, graph, known_ps):
        """Let news spread from the nodes that know it; see `fill_arrivals`."""
        processing_ps = ps_from_s(self._around.experiment.routing.hop_processing_s)
        link_ps = np.rint(graph.range_m * (PS_PER_S / SPEED_OF_LIGHT_M_PER_S)).astype(np.int64)
        link_ps += processing_ps
        fill_arrivals(graph.first, graph.to_node, link_ps, self._around.transit, known_ps)


class CentralUpdating(Updating):
    """A controller sees the links at each interval's start; nodes have its table some time later.

    It does not look ahead. Without a node of its own it reaches all nodes at once; else each by the shortest
    delay over the links that were up then. A node that it does not reach keeps the table that it has.
    """

    def __init__(self, around):
        super().__init__(around)
        routing = around.experiment.routing
        self._delay_ps = ps_from_s(routing.update_delay_s)
        self._controller = routing.controller_row
        self._switched_ps = np.zeros(len(around.is_end), np.int64)

    def _update(self, start_ps, end_ps, is_due):
        if not is_due:
            return []
        graph = self._around.feed.graph
        if self.n_tables == 0:
            return self._install(graph, start_ps, start_ps)
        switch_ps = np.full(len(self._switched_ps), NEVER)
        if self._controller is None:
            switch_ps[:] = start_ps + self._delay_ps
        else:
            switch_ps[self._controller] = start_ps + self._delay_ps
            self._spread(graph, switch_ps)
        reached = switch_ps != NEVER
        # One that a shorter way would reach before the table that was sent earlier waits for that one.
        switch_ps[reached] = np.maximum(switch_ps, self._switched_ps)[reached]
        self._switched_ps[reached] = switch_ps[reached]
        last_ps = int(switch_ps[reached].max())
        self.convergence_s.append((last_ps - start_ps) / PS_PER_S)
        return self._install(graph, switch_ps, last_ps)


def updating_of(around: Surroundings) -> Updating:
    """What makes the tables of a run, as `[routing] update` says."""
    from lasermesh.experiments.knowing import KnowledgeUpdating

    update = around.experiment.routing.update
    if update == INSTANT:
        return Updating(around)
    return CentralUpdating(around) if update == CENTRAL else KnowledgeUpdating(around)
