"""The summary of a run: the object that `run --json` prints and `summary.json` holds."""

import math

import numpy as np

from lasermesh.packets.causes import CAUSES, N_CAUSES
from lasermesh.results.bundles import as_flows
from lasermesh.results.json_text import json_ready
from lasermesh.results.statistics import flow_statistics

BUSIEST_LINKS = 10
PACKETS = {"counts": "packets"}
"""What most flows count."""


class LinkTotals:
    """What every link did over the whole run, gathered interval by interval."""

    def __init__(self):
        self._ends = np.empty((0, 2), np.int32)
        self._busy_s = np.empty(0)
        self._counts = np.empty((0, 3), np.int64)  # packets, drops, greatest queue in bytes
        self.dropped = np.zeros(N_CAUSES, np.int64)
        """int64 (N_CAUSES,): packets dropped at links, by cause."""
        self.marked = 0
        """Packets marked at links; one that several links mark counts several times."""

    def add(self, intervals):
        """Add the rows of `LinkIntervals`."""
        link = np.asarray(intervals.link)
        if not len(link):
            return
        missing = int(link.max()) + 1 - len(self._busy_s)
        if missing > 0:
            self._ends = np.concatenate([self._ends, np.zeros((missing, 2), np.int32)])
            self._busy_s = np.concatenate([self._busy_s, np.zeros(missing)])
            self._counts = np.concatenate([self._counts, np.zeros((missing, 3), np.int64)])
        dropped = np.asarray(intervals.dropped)
        self._ends[link, 0], self._ends[link, 1] = intervals.from_node, intervals.to_node
        np.add.at(self._busy_s, link, intervals.busy_s)
        np.add.at(self._counts[:, 0], link, intervals.packets)
        np.add.at(self._counts[:, 1], link, dropped.sum(axis=1))
        np.maximum.at(self._counts[:, 2], link, intervals.queue_max_bytes)
        self.dropped += dropped.sum(axis=0)
        self.marked += int(np.sum(intervals.marked))

    def busiest(self, simulated_s, node_names, n=BUSIEST_LINKS):
        """The links that sent longest, busiest first, then those that dropped most; idle ones left out.

        Returns
        -------
        links : list of dict
            `from`, `to`, `utilisation` (share of the simulated time in which it was sending),
            `queue_max_bytes`, `dropped`, `packets`.
        """
        packets, dropped, queue_max_bytes = self._counts.T
        order = np.lexsort((-dropped, -self._busy_s))  # stable: equal ones by link id
        order = order[(self._busy_s[order] > 0) | (dropped[order] > 0)][:n]
        return [
            {
                "from": node_names[self._ends[link, 0]],
                "to": node_names[self._ends[link, 1]],
                # Rounding of many intervals' sums alone could lift a link that never rested above 1.
                "utilisation": min(1.0, float(self._busy_s[link]) / simulated_s) if simulated_s > 0 else None,
                "queue_max_bytes": int(queue_max_bytes[link]),
                "dropped": int(dropped[link]),
                "packets": int(packets[link]),
            }
            for link in order
        ]


def summarise(
    experiment,
    seed,
    status,
    simulated_s,
    flows,
    counters,
    node_names,
    links,
    link_count,
    engine,
    bundles=None,
    **more,
):
    """The summary of a run.

    Parameters
    ----------
    experiment : str
        Its name.
    seed : int
    status : str
        `complete`, `interrupted` or `failed`.
    simulated_s : float
        How far the run came.
    flows : FlowList
    counters : FlowCounters
    node_names : sequence of str
    links : LinkTotals
    link_count : int
        Directed links that were up at some time.
    engine : dict
        `packet_hops`, `wall_s`, `packet_hops_per_s`, `compile_s`, `threads`.
    bundles : dict, optional
        What `bundle_entry` gives.
    **more
        Further entries; `format_summary` knows `handovers` and `path_changes` (and, where these do not list
        all, `handover_count` and `path_change_count`), `transfers`, `services`, `faults`, `capture`,
        `satellites_failed`, `satellites_skipped`, `warnings`, `scale` and `live`, and leaves out what is
        None.

    Returns
    -------
    summary : dict
        JSON-ready. Beside what every reader may rely on (`flows`, `links`, `engine`, ...) it has `total` and
        `flow_groups`, the same statistics of all flows and of flows that one entry of the experiment made.
        Flows of bundles stand behind the others in `flows` and `flow_groups`; `counts` tells what a flow's
        numbers are of, `packets` or `bundles`. `total` is of packets.
    """
    entries = []
    for row in range(len(flows.name)):
        ends = {"name": flows.name[row], "from": flows.from_name[row], "to": flows.to_name[row]}
        entries.append(ends | PACKETS | _statistics(flows, counters, [row], simulated_s))
    groups = {}
    for row in range(len(entries)):
        groups.setdefault(flows.group[row], []).append(row)
    total = _statistics(flows, counters, list(range(len(entries))), simulated_s)
    return json_ready(
        {
            "experiment": experiment,
            "seed": seed,
            "status": status,
            "simulated_s": simulated_s,
            "flows": entries + as_flows(bundles["flows"] if bundles else []),
            "flow_groups": [
                {"name": name, "flows": len(rows)} | PACKETS | _statistics(flows, counters, rows, simulated_s)
                for name, rows in groups.items()
            ]
            + as_flows(bundles["flow_groups"] if bundles else []),
            "total": {"flows": len(entries)} | total,
            "drops_total": total["dropped"],
            "links": {
                "count": link_count,
                "dropped": dict(zip(CAUSES, links.dropped.tolist(), strict=True)),
                "marked": links.marked,
                "busiest": links.busiest(simulated_s, node_names),
            },
            "engine": engine,
        }
        | ({"bundles": bundles} if bundles else {})
        | {name: value for name, value in more.items() if value is not None}
    )


def _statistics(flows, counters, rows, simulated_s):
    """Statistics of some flows over the time from the first one's start to the last one's stop."""
    starts, stops = np.asarray(flows.start_s)[rows], np.asarray(flows.stop_s)[rows]
    first = max(0.0, float(starts.min(initial=math.inf)))
    last = min(float(simulated_s), float(stops.max(initial=0.0)))
    return flow_statistics(counters, rows, max(0.0, last - first))


def drops_by_cause(summary):
    """Causes and counts of a summary's drops, the most frequent first, then in the order of the causes."""
    drops = summary.get("drops_total") or {}
    return sorted(((cause, drops.get(cause, 0)) for cause in CAUSES), key=lambda item: -item[1])
