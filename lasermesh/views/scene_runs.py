"""What a scene shows of a run: read from the tables of its folder, in portions."""

import numpy as np

from lasermesh.errors import UserError
from lasermesh.results.columns import KIND_NAMES
from lasermesh.results.link_use import IntervalGrid, interval_of, whole_span
from lasermesh.views.scene import SceneDrops, SceneFlow
from lasermesh.views.scene_links import MOST_BINS, LinkTimes, LoadBins

MOST_PATH_NODES = 400_000
"""Nodes of all paths of all flows shown."""


class NodeRows:
    """Rows of nodes by their names, for columns of names."""

    def __init__(self, names):
        import pyarrow as pa

        self.n_nodes = len(names)
        self._names = pa.array(names, pa.string())

    def of(self, column):
        """Rows: int64 array; UserError for a name that the topology does not have."""
        import pyarrow.compute as pc

        rows = pc.index_in(column, value_set=self._names)
        if rows.null_count:
            name = column.filter(pc.is_null(rows))[0].as_py()
            raise UserError(f'the tables of the run name a node "{name}", which its topology does not have')
        return rows.to_numpy(zero_copy_only=False).astype(np.int64)


def contacts_of_run(run, nodes):
    """All contacts of a run: `LinkTimes`."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kinds = pa.array(KIND_NAMES, pa.string())
    portions = [
        LinkTimes(
            nodes.of(batch["from"]),
            nodes.of(batch["to"]),
            pc.index_in(batch["kind"], value_set=kinds).fill_null(0).to_numpy(zero_copy_only=False),
            *(_numbers(batch[name]) for name in ("start_s", "stop_s", "rate_bps")),
        )
        for batch in run.batches("contacts", ["from", "to", "kind", "start_s", "stop_s", "rate_bps"])
    ]
    if not portions:
        return LinkTimes(*(np.zeros(0, dtype) for dtype in (int, int, int, float, float, float)))
    return LinkTimes(*map(np.concatenate, zip(*portions, strict=True)))


def load_of_run(run, nodes, links, intervals: IntervalGrid, on_progress=lambda share: None):
    """What the links of a scene did, and how many intervals of the run a bin holds: SceneLoad, int.

    `on_progress` is called with the share of the scene's time that has been read.
    """
    from lasermesh.packets.causes import CAUSES

    drops = [f"dropped_{cause}" for cause in CAUSES]
    bins = LoadBins(intervals, links, nodes.n_nodes)
    start_s, stop_s, _ = intervals
    for batch in run.batches("links", ["t_s", "from", "to", "busy_s", "bytes", "queue_max_bytes", *drops]):
        t_s = _numbers(batch["t_s"])
        bins.add(
            t_s,
            nodes.of(batch["from"]),
            nodes.of(batch["to"]),
            *(_numbers(batch[name]) for name in ("busy_s", "bytes")),
            sum(_numbers(batch[name]) for name in drops),
            _numbers(batch["queue_max_bytes"]),
        )
        on_progress(min(max((t_s[-1] - start_s) / (stop_s - start_s), 0.0), 1.0))  # rows are in order of time
    return bins.load(), bins.intervals_per_bin


def drops_of_run(run, start_s, stop_s):
    """Packets dropped anywhere while a scene lasts: SceneDrops, or None of a run that did not keep them.

    Parameters
    ----------
    run : Run
    start_s, stop_s : float
        Of the scene, since the topology's epoch.
    """
    from lasermesh.packets.causes import CAUSES

    if not run.has("flow_times"):
        return None
    run_start_s, run_stop_s = whole_span(run)
    columns = [f"dropped_{cause}" for cause in CAUSES]
    table = run.part("flow_times", ["t_s", "until_s", *columns])
    t_s = _numbers(table["t_s"])
    # All are equally long but the last, which the end of the run cuts; without rows any length will do.
    every_s = float(f"{(_numbers(table['until_s']) - t_s).max(initial=0.0):.9g}") or run_stop_s - run_start_s
    intervals = IntervalGrid(run_start_s, run_stop_s, every_s).part(start_s, stop_s)
    n_intervals = intervals.n_intervals
    per_bin = -(-n_intervals // MOST_BINS)
    n_bins = -(-n_intervals // per_bin)
    interval = interval_of(t_s, intervals.start_s, every_s)
    shown = (interval >= 0) & (interval < n_intervals)
    bins = interval[shown] // per_bin
    dropped = np.zeros((n_bins, len(CAUSES)), np.int64)
    for cause, column in enumerate(columns):
        np.add.at(dropped[:, cause], bins, _numbers(table[column])[shown])
    begin_s, end_s = intervals.start_s - start_s, intervals.stop_s - start_s
    return SceneDrops(begin_s, per_bin * every_s, end_s, CAUSES, dropped)


def flows_of_run(run, nodes, start_s, stop_s, most_flows):
    """The flows of a run that sent most, with their paths within a scene; how many were left out.

    Returns
    -------
    flows : list of SceneFlow
        The one that sent most first.
    n_left_out : int
    """
    table = run.flows
    sent = _numbers(table["sent"])
    ranking = np.argsort(-sent, kind="stable")[:most_flows]
    paths = _paths(run, nodes, ranking, start_s, stop_s)
    chosen = table.take(ranking[: len(paths)])
    ends = nodes.of(chosen["from"]).tolist(), nodes.of(chosen["to"]).tolist()
    flows = [
        SceneFlow(
            flow["name"],
            from_row,
            to_row,
            flow["sent"],
            flow["delivered"],
            flow["in_flight"],
            sum(count for name, count in flow.items() if name.startswith("dropped_")),
            flow["counts"],
            flow["latency_mean_ms"],
            taken,
        )
        for flow, from_row, to_row, taken in zip(chosen.to_pylist(), *ends, paths, strict=True)
    ]
    return flows, len(sent) - len(flows)


def _paths(run, nodes, ranking, start_s, stop_s):
    """Paths of flows, in the order of `ranking`, of as many as fit: a list of (t_s, rows) for each."""
    place = {flow: number for number, flow in enumerate(ranking.tolist())}
    paths = [[] for _ in place]
    for batch in run.batches("paths", ["t_s", "flow", "nodes"]):
        t_s, flow = _numbers(batch["t_s"]), _numbers(batch["flow"])
        first, rows = _numbers(batch["nodes"].offsets), nodes.of(batch["nodes"].values)
        for at in np.flatnonzero(np.isin(flow, ranking) & (t_s < stop_s)).tolist():
            number = place[int(flow[at])]
            if number >= len(paths):
                continue
            way = tuple(rows[first[at] : first[at + 1]].tolist())
            if t_s[at] <= start_s:
                paths[number] = [(0.0, way)]
            elif not paths[number] or paths[number][-1][1] != way:
                paths[number].append((float(t_s[at] - start_s), way))
        while sum(len(way) for taken in paths for _, way in taken) > MOST_PATH_NODES and len(paths) > 1:
            paths.pop()
    return paths


def _numbers(column):
    return column.to_numpy(zero_copy_only=False)
