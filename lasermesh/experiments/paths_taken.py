"""The paths flows take over a run, when they change, and what hand-overs cost."""

import numpy as np

from lasermesh.results import PathChanges

MOST_LISTED = 5_000


class PathLog:
    """Notes the path of every flow under each new table.

    A path that changes at its first or last satellite is a hand-over of the ground site there. What a change
    cost is counted in packets that the flow lost for want of a link or route: on links that stopped while the
    last table was still in force or just as the new one came, and by nodes from which the new table, in its
    first step, knew no way on. What is lost later in that step on links that stop then is the next change's.
    Where both ends hand over at once, the source's hand-over bears it.

    Where tables come late or within steps (`tables_lag`), a change is charged with all that the flow has lost
    since its last change, until the end of the step in which its path changes.

    Attributes
    ----------
    path_changes, handovers : list of dict
        As the summary lists them, the first MOST_LISTED of each.
    n_path_changes, n_handovers : int
        All of them.
    n_flows : int
        Flows whose paths are noted, the first ones.
    """

    def __init__(self, flow_names, node_names, is_ground, tables_lag=False):
        self.n_flows = len(flow_names)
        self.tables_lag = tables_lag
        self.path_changes = []
        self.handovers = []
        self.n_path_changes = 0
        self.n_handovers = 0
        self._flow_names = flow_names
        self._node_names = node_names
        self._is_ground = is_ground
        self._routes = None  # of the last table
        self._nodes = [None] * len(flow_names)
        self._delay_s = np.full(len(flow_names), np.nan)
        self._open = {}  # flow: entries of a table whose first step is not over
        self._new_table = False
        self._lost = np.zeros((2, len(flow_names)), np.int64)
        self._lost_under_old_table = np.zeros(len(flow_names), np.int64)

    def summary(self):
        """Changes of paths and hand-overs, as the summary has them."""
        return {
            "path_changes": self.path_changes,
            "handovers": self.handovers,
            "path_change_count": self.n_path_changes,
            "handover_count": self.n_handovers,
        }

    def note(self, t_s, routes, active):
        """Compare the routes of a new table with those before.

        Parameters
        ----------
        t_s : float
            Seconds since the topology's epoch.
        routes : routing.Routes
        active : bool array, shape (n_flows,)
            Flows that are on; the paths of others are noted, but their changes cost nobody anything.

        Returns
        -------
        changes : PathChanges
            The flows whose path is another than before, all of them the first time.
        """
        flows, nodes_of = self._changed(routes), []
        for flow in flows:
            nodes = routes.nodes_of(flow)
            nodes_of.append(nodes)
            if self._nodes[flow] is not None and active[flow]:
                self._note_change(t_s, flow, self._nodes[flow], nodes, routes.delay_s[flow])
            self._nodes[flow] = nodes
        self._routes = routes
        self._delay_s = routes.delay_s.copy()
        self._lost_under_old_table[flows if self.tables_lag else slice(None)] = 0
        self._new_table = True
        first = np.zeros(len(flows) + 1, np.int64)
        np.cumsum([len(nodes) for nodes in nodes_of], out=first[1:])
        return PathChanges(
            t_s=np.full(len(flows), t_s),
            flow=np.array(flows, np.int32),
            delay_s=routes.delay_s[flows],
            nodes=np.array([node for nodes in nodes_of for node in nodes], np.int32),
            first=first,
        )

    def _changed(self, routes):
        """Rows of the flows whose path is another than under the last table."""
        if self._routes is None:
            return list(range(len(self._nodes)))
        n_nodes, n_before = np.diff(routes.first), np.diff(self._routes.first)
        is_other = n_nodes != n_before
        as_long = ~is_other
        differs = routes.node[np.repeat(as_long, n_nodes)] != self._routes.node[np.repeat(as_long, n_before)]
        flow_of = np.repeat(np.arange(len(n_nodes)), np.where(as_long, n_nodes, 0))
        is_other[flow_of[differs]] = True
        return np.flatnonzero(is_other).tolist()

    def begin_step(self, link_down, no_route):
        """Charge changes with what flows have lost by now, just after a step's beginning.

        Parameters
        ----------
        link_down, no_route : int64 arrays, shape (n_flows,)
            Packets lost by each cause since the run's start.
        """
        self._charge(*self._lost_since(link_down, no_route))

    def end_step(self, link_down, no_route):
        """Charge changes with what flows have lost by the end of a step; arguments as for `begin_step`."""
        by_link, by_route = self._lost_since(link_down, no_route)
        if self.tables_lag:
            by_link += by_route
            for flow, entries in self._open.items():
                for entry in entries:
                    if entry["t_s"] == entries[0]["t_s"]:  # of several changes the first bears it
                        entry["dropped"] += int(by_link[flow])
                by_link[flow] = 0
        elif self._new_table:
            self._charge(0 * by_link, by_route)
        else:
            by_link += by_route
        self._lost_under_old_table += by_link
        self._open = {}
        self._new_table = False

    def _lost_since(self, link_down, no_route):
        """What flows have lost by each cause since this was last asked."""
        lost = np.stack([link_down, no_route])
        since, self._lost = lost - self._lost, lost
        return since

    def _charge(self, by_link, by_route):
        """Add what was lost to the entries of the table that has just come."""
        for flow, entries in self._open.items():
            for entry in entries:
                entry["dropped"] += int(by_link[flow] + by_route[flow])

    def _note_change(self, t_s, flow, before, after, delay_s):
        entry = {
            "t_s": t_s,
            "flow": self._flow_names[flow],
            "delay_before_ms": 1e3 * float(self._delay_s[flow]) if before else None,
            "delay_after_ms": 1e3 * float(delay_s) if after else None,
            "dropped": 0,
        }
        cost = int(self._lost_under_old_table[flow])
        self.n_path_changes += 1
        self._list(self.path_changes, flow, {**entry, "dropped": cost})
        for end, neighbour in ((0, 1), (-1, -2)):
            site = (before or after)[end]
            old = before[neighbour] if before else None
            new = after[neighbour] if after else None
            if self._is_ground[site] and old != new:
                names = {
                    "site": self._node_names[site],
                    "from": None if old is None else self._node_names[old],
                    "to": None if new is None else self._node_names[new],
                }
                self.n_handovers += 1
                handover = {"t_s": t_s, "flow": entry["flow"], **names, **entry, "dropped": cost or 0}
                self._list(self.handovers, flow if cost is not None else None, handover)
                cost = None  # the first hand-over has borne it

    def _list(self, entries, flow, entry):
        """Add an entry, if there is room; it will bear what `flow` loses in the step that begins."""
        if len(entries) < MOST_LISTED:
            entries.append(entry)
            if flow is not None:
                self._open.setdefault(flow, []).append(entry)
