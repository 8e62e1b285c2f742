"""Routes of what satellites answer: columns that stand in front of those of the routing policy."""

import threading
from dataclasses import replace

import numpy as np

from lasermesh.routing import ForwardingTable, trees_towards
from lasermesh.units import NONE


class RouterTables:
    """Puts into every table where packets go that are not the policy's: by least delay, as it would be there.

    Such packets are answers of satellites to hosts and what is sent to satellites that are pinged. Each host
    and each such satellite has a column, and the policy's labels come behind these. Nodes have the columns
    with the policy's table, made from the same links; nodes that carry no transit carry none of these either.
    One thread may make tables while another leads to satellites.

    Parameters
    ----------
    engine : LiveEngine
    hosts : int64 array, shape (n_hosts,)
        Rows of nodes; column i leads to host i.
    first_reply, first_satellite : int
        The engine's flows to hosts and, behind them, those to satellites.
    n_satellites : int
        Columns for satellites.
    """

    def __init__(self, engine, hosts, first_reply, first_satellite, n_satellites):
        self._engine = engine
        self._hosts = np.asarray(hosts, np.int64)
        self._first_satellite = first_satellite
        self._n_front = len(hosts) + n_satellites
        self._given = np.full(n_satellites, NONE)  # node that each of these columns leads to
        self._present = self._latest = None  # snapshots: of the tables in force, and of the last one made
        self._lock = threading.Lock()  # of what is given, and which table is the last
        for column in range(len(hosts)):
            engine.set_label(first_reply + column, column)
        for column in range(n_satellites):
            engine.set_label(first_satellite + column, len(hosts) + column)

    def labels_in_use(self):
        """Labels of the policy that nodes still give to packets (see `PacketEngine`)."""
        labels = self._engine.labels_in_use()
        return labels[labels >= self._n_front] - self._n_front

    def install(self, table, new_labels, switch_ps, snapshot):
        """Have nodes switch to a policy's table, with the columns in front (see `EngineTables`)."""
        given = self._given.copy()
        joined = self._joined(table, snapshot, given)
        if new_labels is not None:
            new_labels = np.asarray(new_labels, np.int64) + self._n_front
        rest = joined.next_label, joined.backup, new_labels
        with self._lock:
            columns = np.flatnonzero(self._given != given)  # since then
            if len(columns):
                links = links_towards(snapshot, self._given[columns])
                joined.link[:, len(self._hosts) + columns, 0] = links
            self._latest = snapshot
            self._engine.install_table(joined.link, joined.label_of_flow, switch_ps, *rest)

    def enter_step(self):
        """The last table that was made is in force from here on."""
        self._present = self._latest

    def lead_to_new_satellites(self):
        """Have packets go at once to satellites that were sent some and could not be reached: how many."""
        with self._lock:
            rows = self._engine.assign_satellites()
            if len(rows):
                columns = rows - self._first_satellite
                nodes = self._engine.flows.destination[rows].astype(np.int64)
                self._given[columns] = nodes
                labels = len(self._hosts) + columns
                present = latest = links_towards(self._present, nodes, alone=True)
                if self._latest is not self._present:
                    latest = links_towards(self._latest, nodes, alone=True)
                self._engine.fill_labels(present, labels)
                self._engine.fill_labels(latest, labels, to_come=True)
                self._engine.admit_to_satellites(rows)
            return len(rows)

    def _joined(self, table, snapshot, given):
        """A policy's table behind the columns of hosts and satellites (`given`, nodes): ForwardingTable."""
        n_nodes, n_labels, n_choices = table.link.shape
        front = self._n_front
        link = np.full((n_nodes, front + n_labels, n_choices), NONE, np.int32)
        link[:, : len(self._hosts), 0] = links_towards(snapshot, self._hosts)
        columns = np.flatnonzero(given != NONE)
        if len(columns):
            link[:, len(self._hosts) + columns, 0] = links_towards(snapshot, given[columns])
        link[:, front:] = table.link

        def behind(entries, are_labels):
            """Entries by node and label; nothing in front."""
            if entries is None:
                return None
            more = np.full((n_nodes, front), NONE, np.int32)
            return np.concatenate([more, self._shifted(entries) if are_labels else entries], axis=1)

        return ForwardingTable(
            link,
            self._shifted(table.label_of_flow),
            behind(table.next_label, are_labels=True),
            behind(table.backup, are_labels=False),
        )

    def _shifted(self, labels):
        """The policy's labels as the engine numbers them."""
        return np.where(labels == NONE, NONE, labels + self._n_front).astype(np.int32)


def links_towards(snapshot, nodes, alone=False):
    """The link that each node takes towards some nodes, by least delay: int32 (n_nodes, len(nodes)).

    Parameters
    ----------
    snapshot : routing.Snapshot
    nodes : int64 array
        Rows, each once, in any order.
    alone : bool
        By the calling thread alone, and without what other tables remember, which other threads may make
        meanwhile.
    """
    if alone:
        snapshot = replace(snapshot, memory=None)
    ascending = np.argsort(nodes)
    towards = replace(snapshot, destinations=np.asarray(nodes, np.int32)[ascending])
    links = np.empty((snapshot.n_nodes, len(nodes)), np.int32)
    links[:, ascending] = trees_towards(towards, with_delays=False, in_parallel=not alone).link
    return links
