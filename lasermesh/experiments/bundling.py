"""Bundles of a run: which contacts are foreseen, over which links they go, and what becomes of those."""

from typing import NamedTuple

import numpy as np

from lasermesh.bundles.log import BundleLog
from lasermesh.bundles.pairs import pairs_of
from lasermesh.bundles.work import BundleWork
from lasermesh.dtn.building import graph_of_topology
from lasermesh.dtn.graph import NS_PER_S, ContactGraph, latest_stops
from lasermesh.dtn.router_choice import router_of
from lasermesh.dtn.routers import Request
from lasermesh.experiments.turns import EnginePort
from lasermesh.packets.causes import CAUSES
from lasermesh.results.bundles import bundle_entry
from lasermesh.results.layout import size
from lasermesh.scenario.bundles import RESEND
from lasermesh.units import NONE, PS_PER_NS, PS_PER_S

INWARD_NS = 200
"""Foreseen contacts are taken to be shorter by so much at both ends.

Links of a run go up and down within 0.1 us of what is foreseen, as both look for the same edge from other
instants (`EDGE_S` of the contacts' conditions), and in ps rather than ns.
"""


class Foreseen(NamedTuple):
    """What is known of the contacts of a run before it begins."""

    graph: ContactGraph  # t = 0 at the run's start
    pairs: list  # of (from, to), sorted: over which bundles may go


def foresee(experiment, processing_ps, warm_up_s=None) -> Foreseen:
    """The contacts that bundles of an experiment are routed over; none without bundles.

    Parameters
    ----------
    experiment : Experiment
    processing_ps : int64 array, shape (n_nodes,)
        Counted as light time of all contacts to a node.
    warm_up_s : float, optional
        As for `LinkEngine`.
    """
    if not experiment.bundle_flows:
        return Foreseen(None, [])
    horizon_s = experiment.bundles.horizon_s or experiment.duration_s
    graph, _ = graph_of_topology(
        experiment.topology,
        experiment.start_s,
        horizon_s,
        predicted=True,
        warm_up_s=warm_up_s,
        step_s=experiment.topology.step_s,
    )
    graph = with_processing(inward(graph, round(horizon_s * NS_PER_S)), processing_ps // PS_PER_NS)
    return Foreseen(graph, pairs_of(graph, experiment.bundle_flows))


def inward(graph, horizon_ns):
    """The same graph with contacts INWARD_NS shorter at both ends, but where 0 or the horizon cuts them.

    Light times stay what they were.
    """

    def later(start_ns):
        return np.where(start_ns > 0, start_ns + INWARD_NS, start_ns)

    def earlier(stop_ns):
        return np.where(stop_ns < horizon_ns, stop_ns - INWARD_NS, stop_ns)

    stop_ns = earlier(graph.stop_ns)
    return graph._replace(
        start_ns=later(graph.start_ns),
        stop_ns=stop_ns,
        latest_ns=latest_stops(stop_ns, graph.window_first, graph.window_end),
        contact_start_ns=later(graph.contact_start_ns),
        contact_stop_ns=earlier(graph.contact_stop_ns),
    )


def with_processing(graph, processing_ns):
    """The same graph with what nodes (int64, by row) take to look at what arrives, as light time."""
    if not processing_ns.any():
        return graph
    of_contact = processing_ns[graph.contact_to]
    owlt_ns = np.where(graph.contact_owlt_ns == NONE, NONE, graph.contact_owlt_ns + of_contact)
    return graph._replace(
        contact_owlt_ns=owlt_ns,
        owlt_ns=owlt_ns[graph.contact],
        knot_owlt_ns=graph.knot_owlt_ns + np.repeat(of_contact, np.diff(graph.knot_first)),
    )


def warm_up(foreseen, experiment):
    """Have what routers compile compiled or loaded before it is needed."""
    if foreseen.graph is None:
        return
    flow = experiment.bundle_flows[0]
    router = router_of(experiment.bundles, foreseen.graph)(flow.from_row)
    request = Request(flow.from_row, flow.to_row, 0, 1)
    route = router.route(request)
    if route is not None:
        router.book(request, route)


class Bundling:
    """The bundles of a run, on direct flows behind all others.

    Parameters
    ----------
    experiment : Experiment
    foreseen : Foreseen
    engine : PacketEngine
    feed : LinkFeed
    links : LinkEngine or StepsAhead
    agenda : Agenda
    is_described : bool
        Whether a capture will ask what packets carry.

    Attributes
    ----------
    rows : range
        Of the direct flows.
    log : BundleLog
    work : BundleWork
    """

    def __init__(self, experiment, foreseen, engine, feed, links, agenda, is_described=False):
        self._experiment = experiment
        first_row = engine.flows.n_routed
        self.rows = range(first_row, first_row + len(foreseen.pairs))
        self.log = BundleLog()
        self._engine, self._feed, self._links, self._agenda = engine, feed, links, agenda
        self._has_begun = False
        self._n_nodes = engine.n_nodes
        pairs = np.array(foreseen.pairs, np.int64).reshape(-1, 2)
        self._keys = pairs[:, 0] * self._n_nodes + pairs[:, 1]  # ascending
        self._up = {}  # by channel, links of its pair that are up, with their rates in bit/s
        self._link = {}  # by channel, the one that it goes over
        self.work = BundleWork(
            experiment,
            foreseen.graph,
            foreseen.pairs,
            router_of(experiment.bundles, foreseen.graph),
            EnginePort(engine, self.rows),
            agenda,
            self.log,
            is_described,
        )

    @property
    def is_done(self):
        """Whether nothing will ever happen any more."""
        return self._has_begun and self.work.is_done

    @property
    def is_quiet(self):
        """Whether no packet is on its way, or will be before something of the agenda happens."""
        return self._has_begun and self.work.is_quiet

    def begin_step(self):
        """Put down what links do in the step that the engine has begun."""
        for time_ps, changes in self._changes_of_pairs().items():
            self._agenda.at(time_ps, self._happen, changes, rank=self._agenda.CHANGES)
        if not self._has_begun:
            self._has_begun = True
            self._agenda.at(self._agenda.now_ps, self.work.begin)

    def take(self, clock_ps, ends):
        """Learn what became of packets before an instant (`packets.ends.Ends`)."""
        channel = ends.flow - self.rows.start
        self.work.take(ends.time_ps, channel, ends.sequence, ends.packets, ends.cause)

    def close(self):
        """The run is over: take account of what is under way."""
        self.work.close()

    def entry(self):
        """What the summary says of bundles, and of the packets that carried them over links."""
        counters = self._engine.flow_counters()
        mine = slice(self.rows.start, self.rows.stop)
        dropped = counters.dropped[mine].sum(axis=0)
        segments = {
            "sent": int(counters.sent[mine].sum()),
            "delivered": int(counters.delivered[mine].sum()),
            "dropped": dict(zip(CAUSES, dropped.tolist(), strict=True)),
            "in_flight": int(counters.in_flight[mine].sum()),
        }
        simulated_s = self._engine.clock_ps / PS_PER_S
        return bundle_entry(self.work.totals(), self._experiment, simulated_s, segments)

    def _changes_of_pairs(self):
        """Of the step's changes those of links between pairs: lists of (channel, link, bit/s) by instant."""
        changes, table = self._feed.changes, self._links.links
        keys = table.from_node[changes.link].astype(np.int64) * self._n_nodes + table.to_node[changes.link]
        channel = np.searchsorted(self._keys, keys)
        mine = np.flatnonzero(np.append(self._keys, NONE)[channel] == keys)
        found = {}
        columns = changes.time_ps[mine], channel[mine], changes.link[mine], changes.rate_bps[mine]
        for time_ps, *change in zip(*(column.tolist() for column in columns), strict=True):
            found.setdefault(time_ps, []).append(change)
        return found

    def _happen(self, changes):
        """Links go down, come up or change their rate, in this order of (channel, link, bit/s)."""
        touched = {}  # by channel, links that went down just now, if only for this instant
        for channel, link, rate_bps in changes:
            up, fell = self._up.setdefault(channel, {}), touched.setdefault(channel, set())
            if rate_bps > 0:
                up[link] = rate_bps
            else:
                up.pop(link, None)
                fell.add(link)
        told = []
        for channel, fell in touched.items():
            up, link = self._up[channel], self._link.get(channel, NONE)
            if link in fell:
                told.append((channel, False, 0))
                link = self._link[channel] = NONE
            if link == NONE and up:
                link = self._link[channel] = min(up)
                self._engine.set_link(self.rows[channel], link)
            if link != NONE:
                told.append((channel, True, up[link]))
        self.work.links_changed(told)


def too_large(foreseen, experiment):
    """Warnings of bundles that no contact of their source takes whole, one for each `[[flows]]`."""
    if foreseen.graph is None or experiment.bundles.when_cut != RESEND:
        return []
    graph, framing_bytes = foreseen.graph, experiment.packets.framing_bytes
    lasts_ns = np.maximum(graph.contact_stop_ns - graph.contact_start_ns, 0)
    takes_bytes = np.zeros(graph.n_nodes)
    np.maximum.at(takes_bytes, graph.contact_from, lasts_ns * graph.contact_rate_bps / 8e9)
    found = {}  # by [[flows]]: its largest bundle that is too large, and of which flow
    for flow in experiment.bundle_flows:
        listed, table = flow.listed, flow.table
        n_bytes = table.bundle_bytes if listed is None else int(listed.n_bytes.max(initial=0))
        wire_bytes = n_bytes + -(-n_bytes // table.segment_bytes) * framing_bytes
        is_larger = n_bytes > found.get(flow.table_index, (0, None))[0]
        if is_larger and 0 < takes_bytes[flow.from_row] < wire_bytes:
            found[flow.table_index] = n_bytes, flow
    return [
        f"flows[{index}]: bundles of {size(n_bytes)} are larger than the largest contact from "
        f'"{flow.from_name}" takes ({size(takes_bytes[flow.from_row])}), so they will wait for ever; '
        'when_cut = "split" would send them in parts'
        for index, (n_bytes, flow) in found.items()
    ]


def most_under_way(foreseen, experiment):
    """Most packets that bundles can have under way, all contacts in use at once: float."""
    graph, flows = foreseen.graph, experiment.bundle_flows
    if graph is None or not graph.n_contacts:
        return 0.0
    size = min(flow.table.segment_bytes for flow in flows)
    longest_s = np.maximum(graph.contact_owlt_ns, 0) / NS_PER_S
    key = graph.contact_from.astype(np.int64) * graph.n_nodes + graph.contact_to
    order = np.lexsort((graph.contact_rate_bps * longest_s, key))
    last = np.append(np.diff(key[order]) != 0, True)  # of each pair the contact that holds most
    chosen = order[last]
    return float((graph.contact_rate_bps[chosen] * longest_s[chosen]).sum() / 8 / size)
