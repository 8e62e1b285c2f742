"""Work at the nodes of a run: what it sends goes by the packet engine, what arrives comes back to it."""

from functools import partial

import numpy as np

from lasermesh.experiments.mesh_known import KnownMesh
from lasermesh.experiments.own_contacts import OwnContacts
from lasermesh.experiments.turns import EnginePort
from lasermesh.orbits import sunlight
from lasermesh.orbits.satellites import orbit_period_s
from lasermesh.results import FlowList
from lasermesh.scenario.experiment import TRAIN
from lasermesh.units import NONE, PS_PER_S, bps_from_gbps, ps_from_s
from lasermesh.workloads.agenda import Agenda
from lasermesh.workloads.log import Log
from lasermesh.workloads.network import Route
from lasermesh.workloads.port import TransferOptions
from lasermesh.workloads.transport import Channels, Transport
from lasermesh.workloads.work import Work, pairs_of


def channels_of(experiment):
    """All flows that the work of an experiment may need: Channels."""
    return Channels.of(pairs_of(experiment))


def channel_names(experiment, pairs):
    """Names of channels, (workload, source, destination) each, as flows have them, and of their workloads."""
    nodes, workloads = experiment.topology.node_names, experiment.workloads
    names = [f"{workloads[w].name}/{nodes[a]}>{nodes[b]}" for w, a, b in pairs]
    return names, [workloads[w].name for w, _, _ in pairs]


class RunNetwork(Transport):
    """The mesh of a run as work sees it (`workloads.network.Network`).

    Parameters
    ----------
    channels, port, mesh, agenda, options
        As for `Transport`.
    contacts : OwnContacts
    terminals_in_use : function of a row
    """

    def __init__(self, channels, port, mesh, agenda, options, contacts, terminals_in_use):
        super().__init__(channels, port, mesh, agenda, options)
        self.terminals_in_use = terminals_in_use
        self.is_attached = mesh.is_attached
        self.attaching_ps = mesh.attaching_ps
        self._contacts = contacts
        self._channel_between = {}  # any of a pair: their packets all go the same way
        for channel, (_, source, destination) in enumerate(channels.pairs):
            self._channel_between.setdefault((source, destination), channel)
        self._routes = {}  # by pair, since something has happened last
        self._on_news = []

    def route(self, source, destination):
        """The way from one node to another; None if there is none, or its first link is down."""
        if (source, destination) not in self._routes:
            self._routes[source, destination] = self._find_route(source, destination)
        return self._routes[source, destination]

    def _find_route(self, source, destination):
        path = self._mesh.path(self._channel_between[source, destination])
        if path is None or (self._mesh.follows(source) and not self._mesh.is_up(path.links[0])):
            return None
        return Route(path.delay_ps, min(map(self._mesh.rate_bps, path.links)))

    def next_contact_ps(self, source, destinations, from_ps):
        """When each of some nodes is reached next: `from_ps` where there is a route now."""
        return np.array(
            [
                from_ps
                if self.route(source, node) is not None
                else self._contacts.next_ps(source, node, from_ps)
                for node in destinations
            ],
            np.int64,
        )

    def on_news(self, action):
        """Have `action()` called whenever new tables are in force or senders' links have changed."""
        self._on_news.append(action)

    def happen(self, links, nodes, has_new_tables):
        """Links of senders have changed, or tables, which the mesh knows by now."""
        self._routes = {}
        if links:
            self.links_changed(links, nodes)
        if has_new_tables:
            self.tables_changed()
        for action in self._on_news:
            action()


class Working:
    """The work of a run.

    Parameters
    ----------
    experiment : Experiment
    channels : Channels
        As `channels_of` gives them; the flows of the engine behind the experiment's own.
    engine : PacketEngine
    feed : LinkFeed
    links : LinkEngine or StepsAhead
    ephemeris : Ephemeris
    processing_ps : int64 array, shape (n_nodes,)
    agenda : Agenda

    Attributes
    ----------
    rows : range
        Of the flows that are channels.
    log : Log
    work : Work
    network : RunNetwork
    """

    def __init__(self, experiment, channels, engine, feed, links, ephemeris, processing_ps, agenda):
        self.log = Log()
        self._experiment = experiment
        first_row = len(experiment.expanded_flows)
        self.rows = range(first_row, first_row + len(channels.pairs))
        self._engine, self._feed, self._links = engine, feed, links
        self._agenda = agenda
        self._new_routes = []  # (ps, Routes) of tables that come into force
        self._terminals = {}  # of the holdings of the step, how many each node has in use
        self._has_begun = False
        topology = experiment.topology
        senders = {source for _, source, _ in channels.forward}
        clients = {
            row for rule in topology.links for group in rule.clients for row in topology.group_rows(group)
        }
        hop_limit = experiment.packets.hop_limit
        self._mesh = KnownMesh(first_row, senders, clients, processing_ps, hop_limit, feed, agenda)
        if experiment.power:
            links.follow_terminals = True
        between = {(source, destination) for _, source, destination in channels.forward}
        contacts = OwnContacts(
            topology, ephemeris, between, experiment.start_s, ps_from_s(experiment.duration_s)
        )
        port, options = EnginePort(engine, self.rows), options_of(experiment)
        self.network = RunNetwork(
            channels, port, self._mesh, agenda, options, contacts, self._terminals_in_use
        )
        light = partial(_sunlight, ephemeris, experiment)

        def period_of(node):
            return orbit_period_s(ephemeris.record_of(node))

        self.work = Work(experiment, self.network, agenda, self.log, period_of, light)

    @property
    def is_done(self):
        """Whether nothing will ever happen any more."""
        return self._has_begun and self.work.is_done

    @property
    def is_quiet(self):
        """Whether no packet of work is on its way, or will be before something of the agenda happens."""
        return self._has_begun and self.network.is_quiet

    def learn_routes(self, time_ps, routes):
        """Tables with these routes are in force from an instant on, in this step or later."""
        self._new_routes.append((max(time_ps, self._agenda.now_ps), routes))

    def begin_step(self):
        """Put down what the step that the engine has begun brings."""
        from_node = self._links.links.from_node
        changes = self._mesh.changes_of_senders(self._feed.changes, from_node)
        routes = dict(self._new_routes)  # of several at one instant the last one counts
        self._new_routes, self._terminals = [], {}
        chosen = [holding.since_s for holding in self._links.holdings] if self._experiment.power else ()
        now_ps = self._agenda.now_ps
        terminals_ps = {max(now_ps, ps_from_s(t_s - self._experiment.start_s)) for t_s in chosen}
        for time_ps in sorted({*changes, *routes, *terminals_ps}):
            happening = changes.get(time_ps, []), routes.get(time_ps)
            self._agenda.at(time_ps, self._happen, *happening, rank=Agenda.CHANGES)
        if not self._has_begun:
            self._has_begun = True
            self._agenda.at(now_ps, self.work.begin)

    def _happen(self, changes, routes):
        nodes = self._mesh.change_links(changes, self._links.links.from_node)
        if routes is not None:
            self._mesh.set_routes(routes)
        self.network.happen([link for link, _ in changes], nodes, routes is not None)

    def take(self, clock_ps, ends):
        """Learn what became of packets before an instant (`packets.ends.Ends`)."""
        channel = ends.flow - self.rows.start
        self.network.take(clock_ps, ends.time_ps, channel, ends.sequence, ends.packets, ends.is_delivered)

    def close(self):
        """The run is over: take account of what is under way."""
        clock_ps = self._engine.clock_ps
        self.network.close(clock_ps)
        self.work.close()

    def used_flows(self, flows):
        """The experiment's flows and the channels that were used: FlowList, and their rows in the engine.

        Parameters
        ----------
        flows : FlowList
            Of the experiment's own flows.
        """
        names = self._experiment.topology.node_names
        used = np.flatnonzero(self.network.is_used).tolist()
        rows = [*range(self.rows.start), *(self.rows[channel] for channel in used)]
        channels = self.network.channels
        pairs = [channels.pairs[channel] for channel in used]
        channel_name, workload_name = channel_names(self._experiment, pairs)
        n_used = len(used)
        listed = FlowList(
            name=[*flows.name, *channel_name],
            from_name=[*flows.from_name, *(names[a] for _, a, _ in pairs)],
            to_name=[*flows.to_name, *(names[b] for _, _, b in pairs)],
            start_s=np.append(flows.start_s, np.zeros(n_used)),
            stop_s=np.append(flows.stop_s, np.full(n_used, np.inf)),
            group=[
                *flows.group,
                *(
                    workload + ("" if channel < channels.n_forward else "/reports")
                    for channel, workload in zip(used, workload_name, strict=True)
                ),
            ],
        )
        return listed, rows

    def _terminals_in_use(self, node):
        """Terminals of a node that have a link, or are pointed at the other end of one to be."""
        now_s = self._experiment.start_s + self._agenda.now_ps / PS_PER_S
        held = [holding for holding in self._links.holdings if holding.since_s <= now_s]
        if not held:
            return 0
        if held[-1].since_s not in self._terminals:
            count = np.zeros(self._engine.n_nodes, np.int64)
            for ends, terminals in (
                (held[-1].first, held[-1].first_terminal),
                (held[-1].second, held[-1].second_terminal),
            ):
                count += np.bincount(ends[terminals != NONE], minlength=len(count))
            self._terminals[held[-1].since_s] = count
        return int(self._terminals[held[-1].since_s][node])


def options_of(experiment):
    """How transfers are sent in an experiment."""
    transfers = experiment.transfers
    return TransferOptions(
        packet_bytes=transfers.packet_bytes,
        report_bytes=transfers.report_bytes,
        handling_ps=ps_from_s(transfers.handling_s),
        timeout_ps=ps_from_s(transfers.timeout_s),
        rate_bps=None if transfers.rate_gbps is None else bps_from_gbps(transfers.rate_gbps),
        share=transfers.share,
        framing_bytes=experiment.packets.framing_bytes,
        train_packets=experiment.train_packets if experiment.fidelity == TRAIN else 1,
    )


def _sunlight(ephemeris, experiment, rows):
    """What satellites see of the Sun over the run, in seconds since its start."""
    start_s = experiment.start_s
    return sunlight(ephemeris, rows, start_s, start_s + experiment.duration_s).counted_from(start_s)
