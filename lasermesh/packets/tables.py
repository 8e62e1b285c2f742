"""Forwarding tables inside the engine: slots that nodes point to, and switches that are still to come."""

from typing import NamedTuple

import numpy as np

from lasermesh.packets import state
from lasermesh.packets.arrays import offsets_of
from lasermesh.packets.boundary_kernels import take_link_states
from lasermesh.packets.state import NEVER
from lasermesh.routing import Forwarding
from lasermesh.routing.table import entered_labels
from lasermesh.units import NONE


class Layout(NamedTuple):
    """Which columns tables have, all slots alike: links by label and choice, next labels, backups."""

    n_labels: int
    n_choices: int
    has_next_label: bool
    has_backup: bool

    @classmethod
    def of(cls, e):
        """The layout that the engine's tables have."""
        columns = (state.O_LABELS, state.O_CHOICES, state.O_NEXT_LABEL, state.O_BACKUP)
        return cls(*e.control[list(columns)].tolist())

    def widened(self, other):
        """The layout that has room for tables of both."""
        return Layout(*(max(mine, its) for mine, its in zip(self, other, strict=True)))

    def parts(self, tables):
        """Views of what tables hold: links (..., labels, choices), next labels and backups (..., labels).

        None for those that there are not.
        """
        links, rest = np.split(tables, [self.n_labels * self.n_choices], axis=-1)
        links = links.reshape(*tables.shape[:-1], self.n_labels, self.n_choices)
        next_label, backup = np.split(rest, [self.n_labels * self.has_next_label], axis=-1)
        return links, next_label if self.has_next_label else None, backup if self.has_backup else None

    def empty(self, n_slots, n_nodes):
        """Tables in which nothing leads anywhere."""
        n_columns = self.n_labels * (self.n_choices + self.has_next_label + self.has_backup)
        return np.full((n_slots, n_nodes, n_columns), NONE, np.int32)


class TableSlots:
    """Installs tables and says when nodes switch to them."""

    def __init__(self):
        self._pending = []  # (order, slot, switch_ps; NEVER for nodes that have been told)
        self._installed = 0
        self._told = set()  # slots of the switches of the last step that was prepared

    def has_room_for(self, e, link, next_label, backup):
        """Whether a table can be installed without moving the others."""
        wanted = Layout(*link.shape[1:], next_label is not None, backup is not None)
        before = Layout.of(e)
        return before.widened(wanted) == before and len(self._used(e)) < len(e.tables)

    def install(self, e, link, label_of_flow, switch_ps, next_label, backup):
        """Put a table into a free slot; the engine with it. See `PacketEngine.install_table`."""
        n_nodes, n_labels, n_choices = link.shape
        e, slot = self._free_slot(e, Layout(n_labels, n_choices, next_label is not None, backup is not None))
        e.tables[slot] = NONE
        links, next_labels, backups = Layout.of(e).parts(e.tables[slot])
        links[:, :n_labels, :n_choices] = link
        if next_label is not None:
            next_labels[:, :n_labels] = next_label
        if backup is not None:
            backups[:, :n_labels] = backup
        routed = slice(len(label_of_flow))
        e.label_of_flow[slot, routed] = entered_labels(label_of_flow, e.flows[routed, state.S_CHOICE])
        switch = np.broadcast_to(np.asarray(switch_ps, np.int64), (n_nodes,)).copy()
        self._pending.append((self._installed, slot, switch))
        self._installed += 1
        return e

    def complete(self, e, link, next_label, backup, labels):
        """Put the entries of labels that no packet carries yet into all tables, as wide as they are.

        And of other labels where tables have no entry: a label that goes on may lead over further nodes.
        """
        n_labels, n_choices = link.shape[1:]
        for slot in self._used(e):
            links, next_labels, backups = Layout.of(e).parts(e.tables[slot])
            for part in (links, next_labels, backups):
                if part is not None:
                    part[:, labels] = NONE
            node, label = np.nonzero((links[:, :n_labels, 0] == NONE) & (link[:, :, 0] != NONE))
            links[node, label, :n_choices] = link[node, label]
            if next_label is not None:
                next_labels[node, label] = next_label[node, label]
            if backup is not None:
                backups[node, label] = backup[node, label]

    def fill(self, e, link, labels, *, to_come):
        """Put entries of labels that no packet carries into the tables in force, or those of the next step.

        See `PacketEngine.fill_labels`.
        """
        in_force = self._in_force(e)
        for slot in self._used(e) - in_force if to_come else in_force:
            links, next_labels, backups = Layout.of(e).parts(e.tables[slot])
            for part in (links, next_labels, backups):
                if part is not None:
                    part[:, labels] = NONE
            links[:, labels, 0] = link

    def labels_in_use(self, e):
        """Labels that flows enter with, or that packets can change to, by tables in use: int array."""
        slots = sorted(self._used(e))
        _, next_labels, _ = Layout.of(e).parts(e.tables)
        found = [e.label_of_flow[slots].ravel()]
        if next_labels is not None:
            found.append(next_labels[slots].ravel())
        labels = np.unique(np.concatenate(found))
        return labels[(labels != NONE) & (labels != state.DIRECT)]

    def take_switches(self, start_ps, end_ps):
        """Switches before `end_ps` that nobody was told of: int64 columns node, time, order, slot."""
        found, later = [np.zeros((4, 0), np.int64)], []
        for order, slot, switch in self._pending:
            nodes = np.flatnonzero(switch < end_ps)
            times = np.maximum(switch[nodes], start_ps)
            found.append(np.stack([nodes, times, np.full(len(nodes), order), np.full(len(nodes), slot)]))
            switch[nodes] = NEVER
            if (switch != NEVER).any():
                later.append((order, slot, switch))
        self._pending = later
        switches = np.concatenate(found, axis=1)
        self._told = set(switches[3].tolist())
        return switches

    def _in_force(self, e):
        """Slots that nodes use or switch to within the present step."""
        told = e.changes[e.changes[:, state.G_KIND] == state.CHANGE_TABLE, state.G_SUBJECT]
        return {*e.nodes[:, state.N_TABLE].tolist(), *told.tolist()}

    def _used(self, e):
        """Slots that nodes use or will use."""
        return {*self._in_force(e), *self._told, *(slot for _, slot, _ in self._pending)}

    def _free_slot(self, e, wanted):
        """A slot that no node uses or will use; tables grow where the new one is larger."""
        n_slots, n_nodes, _ = e.tables.shape
        used = self._used(e)
        slot = next((slot for slot in range(n_slots) if slot not in used), n_slots)
        before = Layout.of(e)
        after = before.widened(wanted)
        if slot < n_slots and after == before:
            return e, slot
        # Of many, some more than needed: updates that take seconds to arrive make them grow again and again.
        tables = after.empty(n_slots if slot < n_slots else slot + 1 + slot // 4, n_nodes)
        for old, new in zip(before.parts(e.tables), after.parts(tables), strict=True):
            if old is not None:
                new[tuple(slice(n) for n in old.shape)] = old
        of_flow = np.repeat(e.label_of_flow[:1], len(tables), axis=0)  # of direct flows it is always the same
        of_flow[:n_slots] = e.label_of_flow
        e.control[[state.O_LABELS, state.O_CHOICES, state.O_NEXT_LABEL, state.O_BACKUP]] = after
        return e._replace(tables=tables, label_of_flow=of_flow), slot


def forwarding_of(e, n_links):
    """What packets meet in the step that the engine was told of last: `routing.Forwarding`."""
    n_nodes = len(e.nodes)
    link_to, link_up, link_free_ps = np.empty((3, n_links), np.int64)
    take_link_states(e.links, link_to, link_up, link_free_ps)
    node = np.repeat(np.arange(n_nodes), e.nodes[:, state.N_CHANGE_END] - e.nodes[:, state.N_CHANGE])
    time_ps, kind, subject = (
        e.changes[:, state.G_TIME],
        e.changes[:, state.G_KIND],
        e.changes[:, state.G_SUBJECT],
    )
    is_table = kind == state.CHANGE_TABLE
    of_link = np.flatnonzero((kind == state.CHANGE_STOP) | (kind == state.CHANGE_START))
    of_link = of_link[np.argsort(subject[of_link], kind="stable")]
    of_node = (kind == state.CHANGE_NODE_DOWN) | (kind == state.CHANGE_NODE_UP)
    return Forwarding(
        e.tables,
        e.label_of_flow,
        int(e.control[state.O_LABELS]),
        int(e.control[state.O_CHOICES]),
        bool(e.control[state.O_NEXT_LABEL]),
        bool(e.control[state.O_BACKUP]),
        int(e.control[state.O_ALTERNATE_AFTER]),
        e.flows[:, state.S_CHOICE].copy(),
        link_to,
        e.nodes[:, state.N_TABLE].copy(),
        link_up,
        link_free_ps,
        1 - e.nodes[:, state.N_DOWN],
        offsets_of(n_nodes, node[is_table]),
        time_ps[is_table],
        subject[is_table],
        offsets_of(n_links, subject[of_link]),
        time_ps[of_link],
        (kind[of_link] == state.CHANGE_START).astype(np.int64),
        offsets_of(n_nodes, node[of_node]),
        time_ps[of_node],
        (kind[of_node] == state.CHANGE_NODE_UP).astype(np.int64),
    )
