"""Flows of a live run: behind those that are simulated, what hosts send and what satellites answer."""

from collections.abc import Sequence

import numpy as np

from lasermesh.results import FlowList

SATELLITE_ROWS = 64
"""Satellites that can be pinged at a time; one that nobody pings for two seconds makes room for another."""

LONGEST_HOP_LIMIT = 255
"""Packets bring hop limits of their own, of one byte."""

GROUP = "live"
"""What the summary puts real flows together under."""


class HostFlows:
    """The flows of an experiment and, behind them, those of its hosts.

    Parameters
    ----------
    simulated : traffic.Flows
        The experiment's own.
    hosts : sequence of int
        Rows of nodes, in the order of the hosts.

    Attributes
    ----------
    flows : traffic.Flows
        All of them, in this order: the experiment's; one for each ordered pair of hosts; to each host what
        satellites answer; what goes to each of SATELLITE_ROWS satellites.
    first_pair, first_reply, first_satellite : int
        Rows where the latter begin.
    """

    def __init__(self, simulated, hosts):
        self.hosts = hosts = np.asarray(hosts, np.int64)
        n = len(hosts)
        to = np.tile(np.arange(n), (n, 1))[~np.eye(n, dtype=bool)]  # all others, of each host in turn
        self._ends = np.repeat(hosts, n - 1), hosts[to]
        self.first_pair = simulated.n_flows
        self.first_reply = self.first_pair + len(to)
        self.first_satellite = self.first_reply + n
        anywhere = np.full(SATELLITE_ROWS, hosts[0])  # until they are given to satellites
        more = {"hop_limit": LONGEST_HOP_LIMIT}
        self.flows = (
            simulated.with_outside(*self._ends, **more)
            .with_outside(hosts, hosts, **more, direct=1)
            .with_outside(anywhere, anywhere, **more, direct=1)
        )

    @property
    def n_noted(self):
        """Flows that results may tell of: all but those of satellites."""
        return self.first_reply

    def pairs_among(self, rows):
        """Those of some rows (int array) that are of pairs of hosts."""
        return rows[(rows >= self.first_pair) & (rows < self.first_reply)]

    def ends_of(self, row):
        """Rows of the nodes from which and to which the flow of a pair goes."""
        return tuple(int(nodes[row - self.first_pair]) for nodes in self._ends)

    def listed(self, own, rows, node_names):
        """The experiment's flows (`FlowList`) and, behind them, pairs in some rows (int array): FlowList."""
        names = PairNames(own.name, *self._ends, node_names)
        from_name, to_name = ([node_names[end[row - self.first_pair]] for row in rows] for end in self._ends)
        return FlowList(
            name=[*own.name, *(names[row] for row in rows)],
            from_name=[*own.from_name, *from_name],
            to_name=[*own.to_name, *to_name],
            start_s=np.append(own.start_s, np.zeros(len(rows))),
            stop_s=np.append(own.stop_s, np.full(len(rows), np.inf)),
            group=[*own.group, *[GROUP] * len(rows)],
        )

    def names(self, own_names, node_names):
        """Names of all flows that results may tell of: `PairNames`."""
        return PairNames(own_names, *self._ends, node_names)


class PairNames(Sequence):
    """Names of flows, those of pairs of hosts made when they are asked for: there may be a million."""

    def __init__(self, own_names, source, destination, node_names):
        self._own_names = own_names
        self._ends = source, destination
        self._node_names = node_names

    def __len__(self):
        return len(self._own_names) + len(self._ends[0])

    def __getitem__(self, row):
        if row < len(self._own_names):
            return self._own_names[row]
        start, end = (self._node_names[nodes[row - len(self._own_names)]] for nodes in self._ends)
        return f"{GROUP}/{start}>{end}"
