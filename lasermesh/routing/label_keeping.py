"""Labels that outlive the table they came with, so that packets on their way are not led astray."""

import numpy as np

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
        self._lays_paths = False  # whether any table so far did

    def keep(self, table: ForwardingTable, t_s: float, is_by_destination: bool, in_use=()):
        """The same table under numbers that go on from the last one's.

        Parameters
        ----------
        table : ForwardingTable
            As `compute_table` returned it.
        t_s : float
            When it comes; not before the last one's.
        is_by_destination : bool
            Whether the labels are the places of the destinations, which are the same for a whole run.
        in_use : int array, optional
            Labels that nodes still give to packets, by whatever older table they have.

        Returns
        -------
        table : ForwardingTable
            With the entries of labels still on their way added.
        fresh : int64 array
            Labels that were not in use until now. Their entries may be put into any table in force: no packet
            carries them yet.
        """
        self._lays_paths |= not is_by_destination
        if not self._lays_paths:
            self._table, self._in_use = table, np.arange(table.link.shape[1])
            self._last_used_s = np.full(len(self._in_use), t_s)
            return table, np.zeros(0, np.int64)
        before = self._table
        self._last_used_s[self._in_use] = t_s
        in_use = np.asarray(in_use, np.int64)
        self._last_used_s[in_use[in_use < len(self._last_used_s)]] = t_s
        numbers = self._numbers(table, t_s)
        n_old = 0 if before is None else before.link.shape[1]
        is_new = (numbers >= n_old) | self._is_free(numbers, t_s)
        n_labels = max(n_old, int(numbers.max(initial=-1)) + 1)
        kept = _renumbered(table, numbers, n_labels)
        if before is not None:
            kept = self._with_old_entries(kept, numbers[is_new], t_s)
        last_used_s = np.full(n_labels, -np.inf)
        last_used_s[: len(self._last_used_s)] = self._last_used_s
        last_used_s[numbers] = t_s
        self._last_used_s = last_used_s
        self._table, self._in_use = kept, numbers
        return kept, np.sort(numbers[is_new])

    def _is_free(self, labels, t_s):
        """Whether labels, of those that there are or above, may be given to something else."""
        is_free = np.ones(len(labels), bool)
        known = labels < len(self._last_used_s)
        is_free[known] = self._last_used_s[labels[known]] < t_s - KEPT_S
        return is_free

    def _numbers(self, table, t_s):
        """The number of each of a table's labels: int64 (n_labels,)."""
        n_labels = table.link.shape[1]
        numbers = np.full(n_labels, NONE, np.int64)
        if self._table is not None:
            for label in _onward_first(table):
                numbers[label] = self._same_as(table, label, numbers)
        taken = np.zeros(len(self._last_used_s) + n_labels, bool)
        taken[: len(self._last_used_s)] = ~self._is_free(np.arange(len(self._last_used_s)), t_s)
        taken[numbers[numbers != NONE]] = True
        new = np.flatnonzero(numbers == NONE)
        numbers[new] = np.flatnonzero(~taken)[: len(new)]
        return numbers

    def _same_as(self, table, label, numbers):
        """The last table's label that agrees with one of a new table at every node, or NONE."""
        before = self._table
        flows = np.nonzero(table.label_of_flow == label)[0]
        if len(flows):
            candidates = before.label_of_flow[flows]
        else:  # a label that others lead to: one that has the same entries
            same = before.link[:, self._in_use, 0] == table.link[:, [label], 0]
            same &= table.link[:, [label], 0] != NONE
            candidates = np.repeat(self._in_use, same.sum(axis=0))
        for candidate in _most_frequent(candidates[candidates != NONE]):
            if candidate not in numbers and self._agrees(table, label, candidate, numbers):
                return candidate
        return NONE

    def _agrees(self, table, label, candidate, numbers):
        """Whether all nodes do the same under a new label and an old one, as far as both have entries."""
        before = self._table.link[:, candidate], table.link[:, label]
        return _agree(*before).all() and self._leads_alike(table, label, candidate, numbers)

    def _leads_alike(self, table, label, candidate, numbers):
        """Whether packets leave all nodes with the same labels under a new label and an old one."""
        before = self._table
        if table.next_label is None and before.next_label is None:
            return True
        onward = np.full(len(table.link), NONE, np.int64)
        if table.next_label is not None:
            onward = table.next_label[:, label].astype(np.int64)
            onward[onward != NONE] = numbers[onward[onward != NONE]]
            if np.any((table.next_label[:, label] != NONE) & (onward == NONE)):
                return False  # it leads to one that is new
        behind = np.full(len(onward), NONE) if before.next_label is None else before.next_label[:, candidate]
        both = (before.link[:, candidate, 0] != NONE) & (table.link[:, label, 0] != NONE)
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


def _renumbered(table, numbers, n_labels):
    """A table under other numbers, `numbers[label]`, of which there may be more."""
    link = np.full((len(table.link), n_labels, table.link.shape[2]), NONE, np.int32)
    link[:, numbers] = table.link
    label_of_flow = _looked_up(numbers, table.label_of_flow)
    backup = table.backup
    if backup is not None:
        backup = np.full((len(link), n_labels), NONE, np.int32)
        backup[:, numbers] = table.backup
    next_label = table.next_label
    if next_label is not None:
        next_label = np.full((len(link), n_labels), NONE, np.int32)
        next_label[:, numbers] = _looked_up(numbers, table.next_label)
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


def _onward_first(table):
    """All labels, those that others lead to before these; where they go round in a circle, in any order."""
    n_labels = table.link.shape[1]
    if table.next_label is None:
        return range(n_labels)
    nodes, labels = np.nonzero(table.next_label != NONE)
    leads = np.unique(np.stack([labels, table.next_label[nodes, labels]], axis=1), axis=0)
    depth = np.zeros(n_labels, np.int64)
    for _ in range(n_labels):
        deeper = depth.copy()
        np.maximum.at(deeper, leads[:, 0], depth[leads[:, 1]] + 1)
        if (deeper == depth).all() or deeper.max() > n_labels:
            break
        depth = deeper
    return np.argsort(depth, kind="stable").tolist()
