"""What a capture records: at which ends of which links, at which nodes, of which flows."""

import numpy as np

from lasermesh.errors import UserError
from lasermesh.scenario.problems import did_you_mean
from lasermesh.units import NONE

ENDPOINTS, ALL = "endpoints", "all"
FLOW = "flow:"
BOTH = "both"
OUT_COPIES, IN_COPIES = "out", "in"
FLOWS_NAMED = 8


class CaptureSelection:
    """What `--capture` and `--copies` ask for, as questions that can be put for links whenever they appear.

    Parameters
    ----------
    spec : str
        `endpoints`: what leaves the source nodes of flows and what reaches their destination nodes, and what
        is dropped at them;
        `NODE`: every port of that node, both directions, and what is dropped there;
        `NODE:PEER`: the port of NODE towards PEER, both directions, and what is dropped at that port;
        `flow:NAME`: one flow, a table of flows or a workload, with what comes back, wherever its packets go;
        `all`: all flows.
        A node is named by its name or by `#ROW` (the way to name a node called "endpoints" or "all").
    names : sequence of str
        Names of all nodes by row.
    flow_sources, flow_destinations : array_like of int
        Rows of the nodes where flows start and end.
    flow_names, flow_tables : sequence of str
        Names of the first flows, and of the tables or workloads that they are of; further flows, which carry
        segments of bundles, have none.
    bundle_names, bundle_tables : sequence of str
        The same of the flows of bundles.
    ends : pair of array_like of int, optional
        Rows of nodes where what flows carry is made and where it goes, where these are not the ends of flows:
        bundles are sent from node to node. Absent: the ends of flows.
    copies : str, optional
        `out`, `in` or `both` (see `taps` and `keeps`); absent: `both` at ports, `out` of flows.

    Attributes
    ----------
    flows : bool array, shape (n_flows,), or None
        Flows that are recorded wherever they go, but for segments; None where ports are chosen.
    bundle_flows : bool array, shape (n_bundle_flows,), or None
        Flows of bundles whose segments are.
    drop_nodes : bool array, shape (n_nodes,)
        Nodes at which all drops are recorded.

    Raises
    ------
    UserError
        If the spec names no node or flow, or a node's port towards itself.
    """

    def __init__(
        self,
        spec,
        names,
        flow_sources,
        flow_destinations,
        flow_names=(),
        flow_tables=(),
        copies=None,
        ends=None,
        bundle_names=(),
        bundle_tables=(),
    ):
        self.spec = spec
        self.flows = self.bundle_flows = None
        self.drop_nodes = np.zeros(len(names), np.bool_)
        self._sends = np.zeros(len(names), np.bool_)  # nodes whose outgoing packets are recorded
        self._receives = np.zeros(len(names), np.bool_)
        self._peer = None  # only towards this node
        self._sources = np.asarray(flow_sources, np.int64)
        self._destinations = np.asarray(flow_destinations, np.int64)
        follows = spec == ALL or spec.startswith(FLOW)
        self.copies = copies or (OUT_COPIES if follows else BOTH)
        if follows:
            of_packets, of_bundles = _chosen(
                spec, [*flow_names, *bundle_names], [*flow_tables, *bundle_tables], len(flow_names)
            )
            self.flows = np.full(len(self._sources), spec == ALL)
            self.flows[: len(flow_names)] = of_packets
            self.bundle_flows = of_bundles
        elif spec == ENDPOINTS:
            made_at, goes_to = (self._sources, self._destinations) if ends is None else ends
            self._sends[made_at] = True
            self._receives[goes_to] = True
            self.drop_nodes = self._sends | self._receives
        else:
            node_name, colon, peer_name = spec.partition(":")
            node = _row_of(node_name, names, spec)
            self._sends[node] = self._receives[node] = True
            self.drop_nodes[node] = not colon
            if colon:
                self._peer = _row_of(peer_name, names, spec)
                if self._peer == node:
                    raise UserError(
                        f'--capture {spec}: a node has no port towards itself; write "NODE" or "NODE:PEER"'
                    )

    def ports(self, link_from, link_to):
        """Which ends of directed links are at chosen ports, whatever is recorded there.

        Parameters
        ----------
        link_from, link_to : array_like of int, shape (n_links,)
            Rows of the sending and the receiving node.

        Returns
        -------
        sending, receiving : bool array, shape (n_links,)
        """
        link_from, link_to = np.asarray(link_from), np.asarray(link_to)
        sending, receiving = self._sends[link_from], self._receives[link_to]
        if self._peer is not None:
            sending = sending & (link_to == self._peer)
            receiving = receiving & (link_from == self._peer)
        return sending, receiving

    def taps(self, link_from, link_to):
        """Which ends of directed links are tapped, for all packets; parameters as for `ports`.

        Returns
        -------
        tap_out, tap_in : bool array, shape (n_links,)
            Whether packets are recorded when their last bit has left the sending node, and when it has
            reached the receiving node.
        """
        sending, receiving = self.ports(link_from, link_to)
        return sending & (self.copies != IN_COPIES), receiving & (self.copies != OUT_COPIES)

    def follows(self, flow, bundle_flow):
        """Which packets are of chosen flows, where flows are chosen.

        Parameters
        ----------
        flow : int array, shape (n,)
        bundle_flow : int array, shape (n,)
            Flow of bundles that the packet carries a segment of; NONE: no segment.
        """
        carries = np.flatnonzero(bundle_flow != NONE)
        chosen = self.flows[flow]
        chosen[carries] = self.bundle_flows[bundle_flow[carries]]
        return chosen

    def keeps(self, flow, leaves, node):
        """Which copies of packets of chosen flows are kept.

        Both ends of a packet's way are kept whatever `copies` says: so `out` has every link once and the
        arrival at the destination behind them, `in` every link once and before them how it left its source.

        Parameters
        ----------
        flow : int array, shape (n,)
        leaves : bool array, shape (n,)
            Whether it leaves the node, or arrives there.
        node : int array, shape (n,)

        Returns
        -------
        kept : bool array, shape (n,)
        """
        wanted = {BOTH: np.ones_like(leaves), OUT_COPIES: leaves, IN_COPIES: ~leaves}[self.copies]
        return wanted | (node == np.where(leaves, self._sources[flow], self._destinations[flow]))


def _chosen(spec, names, tables, n_first):
    """Which flows `all` or `flow:NAME` names: two bool arrays, of the first flows and of the others."""
    if spec == ALL:
        return np.split(np.ones(len(names), np.bool_), [n_first])
    name = spec.removeprefix(FLOW)
    wanted = {name, f"{name}/ack", f"{name}/reply"}
    chosen = np.array(
        [flow in wanted or table == name for flow, table in zip(names, tables, strict=True)], np.bool_
    )
    if not chosen.any():
        known = list(dict.fromkeys(tables))
        there = (
            f"; there are {', '.join(known[:FLOWS_NAMED])}" if known else ", as the experiment has no flows"
        )
        hint = did_you_mean(name, dict.fromkeys([*tables, *names])) or there
        raise UserError(f'--capture {spec}: no flow is named "{name}"{hint}')
    return np.split(chosen, [n_first])


def _row_of(name, names, spec):
    """Row of a node from its name or `#ROW`."""
    if name.startswith("#") and name[1:].isdecimal():
        row = int(name[1:])
        if row >= len(names):
            raise UserError(
                f"--capture {spec}: there is no row {row}; the {len(names)} nodes have rows from 0"
            )
        return row
    try:
        return list(names).index(name)
    except ValueError:
        forms = '; write "endpoints", "NODE", "NODE:PEER", "flow:NAME" or "all"'
        hint = did_you_mean(name, [ENDPOINTS, ALL, *names]) or forms
        raise UserError(f'--capture {spec}: no node is named "{name}"{hint}') from None
