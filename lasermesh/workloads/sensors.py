"""When sensors take scenes: evenly, at exponential gaps, or for a share of each period."""

import math
from itertools import accumulate, count

from lasermesh.random_kernels import SCENE, SCENE_PHASE, draw_unit
from lasermesh.scenario.workloads import POISSON
from lasermesh.units import PS_PER_S, bps_from_gbps, ps_from_s
from lasermesh.workloads.draws import row_of_names


def scene_instants(sensor, node, name, seed, orbit_period_s=None):
    """When a node takes scenes, without end: whole ps since the run's start, ascending.

    Parameters
    ----------
    sensor : Sensor
    node : int
    name : str
        Of the node. What is drawn depends on names alone, so it is the same on another topology.
    seed : int
    orbit_period_s : callable, optional
        Period of a node's orbit by its row; needed for a duty without a period.

    Notes
    -----
    Nothing drifts: the k-th regular scene is taken k whole periods after the first, and the k-th of a duty
    when the instrument has been on for k times the size of a scene over its rate, rounded up to a ps. A drawn
    phase lies anywhere in the period, so that the instrument may be on at the start already.
    """
    start_ps, draw_row = ps_from_s(sensor.start_s), row_of_names(sensor.name, name)
    if sensor.every_s is None:
        period_s = sensor.period_s if sensor.period_s is not None else orbit_period_s(node)
        period_ps = ps_from_s(period_s)
        phase_ps = _phase_ps(sensor, draw_row, seed, period_ps)
        # A drawn phase is that of a period which began before the start.
        before_ps = 0 if sensor.phase_s is not None else period_ps
        return _instants_of_duty(sensor, start_ps + phase_ps - before_ps, period_ps, start_ps)
    every_ps = ps_from_s(sensor.every_s)
    if sensor.arrivals == POISSON:
        first_ps = start_ps + ps_from_s(sensor.phase_s or 0.0)
        gaps_ps = (
            round(-math.log(draw_unit(seed, SCENE, draw_row, counter)) * every_ps) for counter in count()
        )
        return (first_ps + gone_ps for gone_ps in accumulate(gaps_ps))
    return count(start_ps + _phase_ps(sensor, draw_row, seed, every_ps), every_ps)


def _phase_ps(sensor, draw_row, seed, period_ps):
    if sensor.phase_s is not None:
        return ps_from_s(sensor.phase_s)
    return int(draw_unit(seed, SCENE_PHASE, draw_row, 0) * period_ps)


def _instants_of_duty(sensor, base_ps, period_ps, start_ps):
    """Ends of scenes, where the first period begins at `base_ps`."""
    on_ps = max(round(sensor.duty * period_ps), 1)
    elapsed_ps = min(max(start_ps - base_ps, 0), on_ps)
    rate_bps = bps_from_gbps(sensor.rate_gbps)
    for scene in count(1):
        spent_ps = elapsed_ps - (-scene * sensor.scene_bytes * 8 * PS_PER_S // rate_bps)
        period, within_ps = divmod(spent_ps - 1, on_ps)
        yield base_ps + period * period_ps + within_ps + 1
