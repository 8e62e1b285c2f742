"""Labels that outlive the table they came with, so that packets on their way are not led astray."""

import numpy as np

from lasermesh.errors import UserError
from lasermesh.routing.labels import MOST_ENTRIES
from lasermesh.routing.snapshot import Snapshot
from lasermesh.routing.table import ForwardingTable
from lasermesh.units import NONE

KEPT_S = 2.0
"""How long the entries of a label are kept that no flow enters with: longer than packets are on their way."""


class LabelKeeper:
    """Gives the labels of successive tables numbers that mean the same for as long as packets carry them.

    A policy that lays whole paths numbers its labels anew for every table, and a packet that entered under
    the last one would be forwarded along somebody else's path. Here a label keeps its number as long as no
    node's entry under it changes; a label whose entries do change gets a number that nobody uses, and the old
    entries stay for KEPT_S. So a packet follows the path that it set out on to its end, as with source
    routing.

    Tables are left as they are as long as the labels of all of them are the destinations: then a node that
    knows better sends what is on its way by the new path.
    """

    def __init__(self):
        self._table = None  # as handed out last
        self._in_use = np.zeros(0, np.int64)  # its labels, without those that are only kept
        self._last_used_s = np.zeros(0)  # by label
        self._given_until_now = np.zeros(0, np.int64)  # labels in use by any table when the last one came
        self._lays_paths = False  # whether any table so far did

    def keep(self, table: ForwardingTable, snapshot: Snapshot, labels_in_use=lambda: ()):
        """The same table under numbers that go on from the last one's.

        Parameters
        ----------
        table : ForwardingTable
            As `compute_table` returned it, with backups if packets may take them.
        snapshot : Snapshot
            What it was made for; not before the last one's.
        labels_in_use : function, optional
            Gives the labels that nodes still give to packets, by whatever older table they have: int array.

        Returns
        -------
        table : ForwardingTable
            As it is where labels are, and always were, the destinations as `snapshot.label_of_flow` has them.
            Else without entries that no packet comes to; with those of labels still on their way.
        fresh : int64 array or None
            Labels that were not in use until now. Their entries may be put into any table in force: no packet
            carries them yet. None where labels are destinations.

        Raises
        ------
        UserError
            If the table would have more than MOST_ENTRIES.
        """
        t_s = snapshot.t_s
        table = _without_idle_changes(table)
        self._lays_paths |= table.next_label is not None
        self._lays_paths |= not np.array_equal(table.label_of_flow, snapshot.label_of_flow)
        if not self._lays_paths:
            self._table, self._in_use = table, np.arange(table.link.shape[1])
            self._last_used_s = np.full(len(self._in_use), t_s)
            return table, None
        before = self._table
        in_use = np.asarray(labels_in_use(), np.int64)
        # What was in use when the last table came may have been so until now.
        for labels in (self._in_use, self._given_until_now, in_use):
            self._last_used_s[labels[labels < len(self._last_used_s)]] = t_s
        self._given_until_now = in_use
        reached = _reached(table, snapshot)
        labels = np.flatnonzero(reached.any(axis=0))  # others need no number
        numbers = np.full(table.link.shape[1], NONE, np.int64)
        numbers[labels] = self._numbers(table, labels, reached, t_s)[labels]
        taken = numbers[labels]
        n_old = 0 if before is None else before.link.shape[1]
        is_new = (taken >= n_old) | self._is_free(taken, t_s)
        n_labels = max(n_old, int(taken.max(initial=0)) + 1)
        if len(table.link) * n_labels * table.link.shape[2] > MOST_ENTRIES:
            raise UserError(
                f"the forwarding table needs {n_labels:,} labels for the paths of {len(table.link):,} nodes, "
                f"those of packets on their way among them; it may have at most {MOST_ENTRIES:,} entries"
            )
        kept = _renumbered(table, reached, labels, numbers, n_labels)
        if before is not None:
            kept = self._with_old_entries(kept, taken[is_new], t_s)
        last_used_s = np.full(n_labels, -np.inf)
        last_used_s[: len(self._last_used_s)] = self._last_used_s
        last_used_s[taken] = t_s
        self._last_used_s = last_used_s
        self._table, self._in_use = kept, taken
        return kept, np.sort(taken[is_new])

    def _is_free(self, labels, t_s):
        """Whether labels, of those that there are or above, may be given to something else."""
        is_free = np.ones(len(labels), bool)
        known = labels < len(self._last_used_s)
        is_free[known] = self._last_used_s[labels[known]] < t_s - KEPT_S
        return is_free

    def _numbers(self, table, labels, reached, t_s):
        """The number of each of these labels: int64 (n_labels,), NONE for all others."""
        numbers = np.full(table.link.shape[1], NONE, np.int64)
        if self._table is not None:
            nodes_of = {label: np.flatnonzero(reached[:, label]) for label in labels.tolist()}
            flow, path = np.nonzero(table.label_of_flow != NONE)
            of_label = table.label_of_flow[flow, path]
            order = np.argsort(of_label, kind="stable")
            first = np.searchsorted(of_label[order], np.arange(table.link.shape[1] + 1))
            for label in _onward_first(table, labels):
                flows = flow[order[first[label] : first[label + 1]]]
                numbers[label] = self._same_as(table, label, nodes_of[label], flows, numbers)
        taken = np.zeros(len(self._last_used_s) + len(labels), bool)
        taken[: len(self._last_used_s)] = ~self._is_free(np.arange(len(self._last_used_s)), t_s)
        taken[numbers[numbers != NONE]] = True
        new = labels[numbers[labels] == NONE]
        numbers[new] = np.flatnonzero(~taken)[: len(new)]
        return numbers

    def _same_as(self, table, label, nodes, flows, numbers):
        """The last table's label that agrees with one of a new table at all of its nodes, or NONE."""
        before = self._table
        if len(flows):
            candidates = before.label_of_flow[flows]
        else:  # a label that others lead to: one that has the same entries
            entries = table.link[nodes, label, 0]
            same = (before.link[nodes][:, self._in_use, 0] == entries[:, np.newaxis]) & (
                entries[:, np.newaxis] != NONE
            )
            candidates = np.repeat(self._in_use, same.sum(axis=0))
        for candidate in _most_frequent(candidates[candidates != NONE]):
            if candidate not in numbers and self._agrees(table, label, nodes, candidate, numbers):
                return candidate
        return NONE

    def _agrees(self, table, label, nodes, candidate, numbers):
        """Whether these nodes do the same under a new label and an old one, as far as both have entries."""
        before = self._table
        old, new = before.link[nodes, candidate], table.link[nodes, label]
        if not _agree(old, new).all():
            return False
        if table.next_label is None and before.next_label is None:
            return True
        onward = np.full(len(nodes), NONE, np.int64)
        if table.next_label is not None:
            changes = table.next_label[nodes, label]
            onward[changes != NONE] = numbers[changes[changes != NONE]]
            if np.any((changes != NONE) & (onward == NONE)):
                return False  # it leads to one that is new
        behind = np.full(len(nodes), NONE)
        if before.next_label is not None:
            behind = before.next_label[nodes, candidate]
        both = (old[:, 0] != NONE) & (new[:, 0] != NONE)
        return bool(np.all((onward == behind) | ~both))

    def _with_old_entries(self, kept, fresh, t_s):
        """A table with the last one's entries where it has none itself, for all labels but fresh ones."""
        before = self._table
        n_old, n_choices = before.link.shape[1:]
        old = np.setdiff1d(np.flatnonzero(~self._is_free(np.arange(n_old), t_s)), fresh)
        width = max(n_choices, kept.link.shape[2])
        link = np.full((*kept.link.shape[:2], width), NONE, np.int32)
        link[:, :, : kept.link.shape[2]] = kept.link
        missing = link[:, old, 0] == NONE
        entries = np.full((len(link), len(old), width), NONE, np.int32)
        entries[:, :, :n_choices] = before.link[:, old]
        link[:, old] = np.where(missing[:, :, np.newaxis], entries, link[:, old])
        next_label = kept.next_label
        if before.next_label is not None or next_label is not None:
            if next_label is None:
                next_label = np.full(link.shape[:2], NONE, np.int32)
            if before.next_label is not None:
                next_label[:, old] = np.where(missing, before.next_label[:, old], next_label[:, old])
        backup = kept.backup
        if backup is not None and before.backup is not None:
            backup[:, old] = np.where(missing, before.backup[:, old], backup[:, old])
        return kept._replace(link=link, next_label=next_label, backup=backup)


def _without_idle_changes(table):
    """A table without changes of labels to themselves."""
    if table.next_label is None:
        return table
    changes = table.next_label != NONE
    changes &= table.next_label != np.arange(table.link.shape[1])
    next_label = np.where(changes, table.next_label, NONE) if changes.any() else None
    return table._replace(next_label=next_label)


def _reached(table, snapshot):
    """Where packets come with which labels, by whatever choice or backup: bool (n_nodes, n_labels)."""
    link_to = snapshot.ends_of_link[:, 1]
    reached = np.zeros(table.link.shape[:2], bool)
    flow, path = np.nonzero(table.label_of_flow != NONE)
    node, label = np.asarray(snapshot.flow_from)[flow], table.label_of_flow[flow, path]
    while len(node):
        is_new = ~reached[node, label]
        node, label = np.unique(np.stack([node[is_new], label[is_new]]), axis=1)
        reached[node, label] = True
        links = table.link[node, label]
        if table.backup is not None:
            links = np.concatenate([links, table.backup[node, label, np.newaxis]], axis=1)
        onward = label if table.next_label is None else table.next_label[node, label]
        onward = np.where(onward == NONE, label, onward)
        row, choice = np.nonzero(links != NONE)
        node, label = link_to[links[row, choice]], onward[row]
    return reached


def _renumbered(table, reached, labels, numbers, n_labels):
    """A table under other numbers, `numbers[label]`, with the entries that packets come to alone."""
    link = np.full((len(table.link), n_labels, table.link.shape[2]), NONE, np.int32)
    there = reached[:, labels]
    link[:, numbers[labels]] = np.where(there[:, :, np.newaxis], table.link[:, labels], NONE)
    label_of_flow = _looked_up(numbers, table.label_of_flow)
    next_label, backup = table.next_label, table.backup
    if next_label is not None:
        next_label = np.full((len(link), n_labels), NONE, np.int32)
        onward = np.where(there, table.next_label[:, labels], NONE)
        next_label[:, numbers[labels]] = _looked_up(numbers, onward)
    if backup is not None:
        backup = np.full((len(link), n_labels), NONE, np.int32)
        backup[:, numbers[labels]] = np.where(there, table.backup[:, labels], NONE)
    return table._replace(link=link, label_of_flow=label_of_flow, next_label=next_label, backup=backup)


def _looked_up(numbers, labels):
    """Labels under their new numbers; NONE stays."""
    found = np.full(labels.shape, NONE, np.int32)
    found[labels != NONE] = numbers[labels[labels != NONE]]
    return found


def _agree(before, after):
    """By node, whether entries (n_nodes, n_choices) are the same, or one of them has none."""
    width = min(before.shape[1], after.shape[1])
    same = (before[:, :width] == after[:, :width]).all(axis=1)
    same &= (before[:, width:] == NONE).all(axis=1) & (after[:, width:] == NONE).all(axis=1)
    return same | (before[:, 0] == NONE) | (after[:, 0] == NONE)


def _most_frequent(labels):
    """Distinct labels, the most frequent first, of equally frequent ones the lowest."""
    found, counts = np.unique(labels, return_counts=True)
    return found[np.argsort(-counts, kind="stable")].tolist()


def _onward_first(table, labels):
    """These labels, those that others lead to before these; where they go round in a circle, in any order."""
    if table.next_label is None:
        return labels.tolist()
    n_labels = table.link.shape[1]
    nodes, changed = np.nonzero(table.next_label != NONE)
    leads = np.unique(np.stack([changed, table.next_label[nodes, changed]], axis=1), axis=0)
    depth = np.zeros(n_labels, np.int64)
    for _ in range(n_labels):
        deeper = depth.copy()
        np.maximum.at(deeper, leads[:, 0], depth[leads[:, 1]] + 1)
        if (deeper == depth).all() or deeper.max() > n_labels:
            break
        depth = deeper
    return labels[np.argsort(depth[labels], kind="stable")].tolist()
