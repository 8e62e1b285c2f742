"""When bundles are made, and which."""

import math
from typing import NamedTuple

import numpy as np

from lasermesh.random_kernels import BUNDLE, draw_unit
from lasermesh.scenario.bundles import PRIORITIES
from lasermesh.scenario.flows import RANDOM
from lasermesh.units import NEVER, ps_from_s
from lasermesh.workloads.draws import row_of_names


class Made(NamedTuple):
    """All bundles of a run in the order of making; row i of every array is one, its number i."""

    created_ps: np.ndarray  # int64 (n,)
    flow: np.ndarray  # int32 (n,)  row of the bundle flow
    n_bytes: np.ndarray  # int64 (n,)
    priority: np.ndarray  # int8 (n,)
    lifetime_ps: np.ndarray  # int64 (n,)  NEVER: it does not expire


def bundles_of(experiment) -> Made:
    """All bundles of an experiment; of those that are made at one instant by flow, then as listed."""
    end_ps = ps_from_s(experiment.duration_s)
    parts = [_bundles_of_flow(flow, experiment.seed, end_ps) for flow in experiment.bundle_flows]
    counts = [len(part[0]) for part in parts]
    created_ps, n_bytes, priority, lifetime_ps = (
        np.concatenate([np.zeros(0, np.int64), *column]) for column in zip(*parts, strict=True)
    )
    flow = np.repeat(np.arange(len(parts), dtype=np.int32), counts)
    order = np.argsort(created_ps, kind="stable")
    return Made(
        created_ps[order], flow[order], n_bytes[order], priority[order].astype(np.int8), lifetime_ps[order]
    )


def _bundles_of_flow(flow, seed, end_ps):
    """Creation, bytes, priority and lifetime of the bundles of one flow: int64 arrays."""
    if flow.listed is not None:
        listed = flow.listed
        is_made = listed.created_ps < end_ps
        columns = listed.created_ps, listed.n_bytes, listed.priority, listed.lifetime_ps
        return tuple(np.asarray(column, np.int64)[is_made] for column in columns)
    table = flow.table
    created_ps = creation_times(flow, seed, end_ps)
    same = np.zeros(len(created_ps), np.int64)
    lifetime_ps = NEVER if table.lifetime_s is None else ps_from_s(table.lifetime_s)
    priority = PRIORITIES.index(table.priority)
    return created_ps, same + table.bundle_bytes, same + priority, same + lifetime_ps


def creation_times(flow, seed, end_ps):
    """When a flow without a list makes its bundles, before an instant: ascending int64 array, ps."""
    table = flow.table
    start_ps = ps_from_s(table.start_s)
    if table.stop_s is not None:
        end_ps = min(end_ps, ps_from_s(table.stop_s))
    if table.every_s is None:
        return np.array([start_ps] if start_ps < end_ps else [], np.int64)
    every_ps = ps_from_s(table.every_s)
    most = NEVER if table.count is None else table.count
    if table.arrivals == RANDOM:
        return _random_times(flow, seed, start_ps, end_ps, every_ps, most)
    n_bundles = min(most, max(0, -(-(end_ps - start_ps) // every_ps)))
    return start_ps + np.arange(n_bundles) * every_ps


def _random_times(flow, seed, start_ps, end_ps, every_ps, most):
    """Times with exponential gaps, the first one behind a gap as well."""
    row, time_ps, times_ps = row_of_names(flow.name), start_ps, []
    while len(times_ps) < most:
        time_ps += round(-math.log(draw_unit(seed, BUNDLE, row, len(times_ps))) * every_ps)
        if time_ps >= end_ps:
            break
        times_ps.append(time_ps)
    return np.array(times_ps, np.int64)
