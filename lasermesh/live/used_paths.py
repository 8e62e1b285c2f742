"""Paths of a live run: of the experiment's flows, and of pairs of hosts once they have sent something."""

import numpy as np

from lasermesh.experiments.paths_taken import PathLog
from lasermesh.results import PathChanges

_NO_CHANGES = PathChanges(
    t_s=np.zeros(0),
    flow=np.zeros(0, np.int32),
    delay_s=np.zeros(0),
    nodes=np.zeros(0, np.int32),
    first=np.zeros(1, np.int64),
)


class UsedPaths(PathLog):
    """A `PathLog` of flows of which few are used, by tables that are made while others are in force.

    A table that is noted counts from the step on that is entered next. A change is charged with all that the
    flow has lost since its last one, until the end of the step in which its path changes.

    Parameters
    ----------
    flow_names, node_names, is_ground
        As for `PathLog`; the names of all flows, used or not.
    n_always : int
        The first flows, whose paths are noted from the start.
    """

    def __init__(self, flow_names, node_names, is_ground, n_always):
        super().__init__(flow_names, node_names, is_ground, tables_lag=True)
        self._is_used = np.arange(len(flow_names)) < n_always
        self._present, self._coming = [], []  # arguments of `note`: of tables of this step, and of the next
        self._new = None  # flows that are used since the present step, while they are caught up with

    def note(self, t_s, routes, active):
        """See `PathLog`; the paths come with `enter_step`."""
        self._coming.append((t_s, routes, active))
        return _NO_CHANGES

    def enter_step(self, used):
        """A step is over, and its losses have been charged: what was noted since it began is in force now.

        Parameters
        ----------
        used : int array
            Flows that have sent anything, besides those whose paths are always noted.

        Returns
        -------
        changes : list of PathChanges
            First, for flows that had sent nothing before, the paths that they had in the step that is over.
        """
        changes = self.catch_up(used)
        for noted in self._coming:
            changes.append(super().note(*noted))
        self._present = self._coming or self._present[-1:]
        self._coming = []
        return changes

    def catch_up(self, used):
        """Paths in the present step of flows that were not used when it began: list of PathChanges."""
        self._new = used[~self._is_used[used]]
        changes = []
        if len(self._new):
            self._is_used[self._new] = True
            changes = [super(UsedPaths, self).note(*noted) for noted in self._present]
        self._new = None
        return changes

    def in_use(self, flows):
        """Names of the nodes and delay in s of the present path of each of some flows, None for want of one.

        Returns
        -------
        paths : list of (list of str, float) or None
        """
        routes = self._present[-1][1] if self._present else None
        found = []
        for flow in flows:
            nodes = routes.nodes_of(flow) if routes is not None else []
            named = [self._node_names[node] for node in nodes]
            found.append((named, float(routes.delay_s[flow])) if nodes else None)
        return found

    def shortest_delay_s(self, flows):
        """The least delay among the present paths of some flows (int array), None if there is none."""
        if not self._present or not len(flows):
            return None
        delay_s = self._present[-1][1].delay_s[flows]
        delay_s = delay_s[np.isfinite(delay_s)]
        return float(delay_s.min()) if len(delay_s) else None

    def _changed(self, routes):
        if self._new is not None:
            return [flow for flow in self._new.tolist() if self._nodes[flow] != routes.nodes_of(flow)]
        changed = np.array(super()._changed(routes), np.int64)
        return changed[self._is_used[changed]].tolist()
