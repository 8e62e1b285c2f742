"""The paths flows take over a run, when they change, and what hand-overs cost."""

import numpy as np

from lasermesh.results import PathChanges

MOST_LISTED = 100_000


class PathLog:
    """Notes the path of every flow under each new table.

    A path that changes at its first or last satellite is a hand-over of the ground site there; what it
    cost is counted in packets that the flow lost on links that were down until the next table; where both
    ends hand over at once, the source's hand-over bears it.

    Attributes
    ----------
    path_changes, handovers : list of dict
        As the summary lists them, the first MOST_LISTED of each.
    n_path_changes, n_handovers : int
        All of them.
    """

    def __init__(self, flow_names, node_names, is_ground):
        self.path_changes = []
        self.handovers = []
        self.n_path_changes = 0
        self.n_handovers = 0
        self._flow_names = flow_names
        self._node_names = node_names
        self._is_ground = is_ground
        self._nodes = [None] * len(flow_names)
        self._delay_s = np.full(len(flow_names), np.nan)
        self._open = {}  # flow: entries of the last table that await their cost
        self._lost_before = np.zeros(len(flow_names), np.int64)

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
        flows, nodes_of = [], []
        for flow in range(len(self._nodes)):
            nodes = routes.nodes_of(flow)
            if nodes == self._nodes[flow]:
                continue
            flows.append(flow)
            nodes_of.append(nodes)
            if self._nodes[flow] is not None and active[flow]:
                self._note_change(t_s, flow, self._nodes[flow], nodes, routes.delay_s[flow])
            self._nodes[flow] = nodes
        self._delay_s = routes.delay_s.copy()
        first = np.zeros(len(flows) + 1, np.int64)
        np.cumsum([len(nodes) for nodes in nodes_of], out=first[1:])
        return PathChanges(
            t_s=np.full(len(flows), t_s),
            flow=np.array(flows, np.int32),
            delay_s=routes.delay_s[flows],
            nodes=np.array([node for nodes in nodes_of for node in nodes], np.int32),
            first=first,
        )

    def settle(self, lost):
        """Charge the last table's changes with what flows lost since: int64 array, shape (n_flows,), so far."""
        for flow, entries in self._open.items():
            for entry in entries[:2]:  # the path change, and the first hand-over
                entry["dropped"] = int(lost[flow] - self._lost_before[flow])
        self._open = {}
        self._lost_before = lost.copy()

    def _note_change(self, t_s, flow, before, after, delay_s):
        entry = {
            "t_s": t_s,
            "flow": self._flow_names[flow],
            "delay_before_ms": 1e3 * float(self._delay_s[flow]) if before else None,
            "delay_after_ms": 1e3 * float(delay_s) if after else None,
            "dropped": 0,
        }
        self.n_path_changes += 1
        self._list(self.path_changes, flow, entry)
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
                self._list(self.handovers, flow, {"t_s": t_s, "flow": entry["flow"], **names, **entry})

    def _list(self, entries, flow, entry):
        if len(entries) < MOST_LISTED:
            entry = dict(entry)
            entries.append(entry)
            self._open.setdefault(flow, []).append(entry)
