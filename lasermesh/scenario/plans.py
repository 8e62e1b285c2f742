"""What kinds of work on scenes come to: a plan of stages, each with the nodes that it may lead to."""

import dataclasses
from typing import NamedTuple

from lasermesh.scenario.fields import BAD
from lasermesh.scenario.problems import shown
from lasermesh.scenario.workloads import BENT_PIPE, IN_ORBIT, MESH_RELAY, Compute, Stage


class PlanStage(NamedTuple):
    """A stage while it is checked."""

    stage: Stage
    compute: Compute | None  # what it names
    place: object  # of the key that says where it leads or what works


def expand(values, compute, place):
    """The stages of a kind of workload, from its keys.

    Parameters
    ----------
    values : dict
        Of the workload's table, `station_rows` included; its kind is one of `EXPANDED`.
    compute : Compute, None or BAD
    place : Place
        Of the workload.

    Returns
    -------
    stages : list of PlanStage
        BAD in place of those that cannot be known.
    """
    kind, choose = values["kind"], values["choose"]
    stations, rows = values["stations"], values["station_rows"]
    if BAD in (choose, stations, rows, compute, values["result_bytes"]):
        return [BAD]
    stations = (stations,) if isinstance(stations, str) else stations
    down = Stage(transfer_to=stations, rows=rows, choose=choose)
    down = PlanStage(down, None, place.at("stations"))
    work = []
    if compute is not None:
        stage = Stage(compute=compute.name, result_bytes=values["result_bytes"])
        work = [PlanStage(stage, compute, place.at("compute"))]
    if kind in (BENT_PIPE, MESH_RELAY):
        return [down, *work]
    if kind == IN_ORBIT:
        up = Stage(transfer_to=compute.on, rows=compute.rows, choose=choose)
        nearest = dataclasses.replace(down.stage, choose=Stage.choose)
        return [PlanStage(up, None, place.at("compute")), *work, down._replace(stage=nearest)]
    return [*work, down]


def check_plan(stages, sensor, place, around, warns):
    """The plan of a workload, each transfer with only those targets that have what the next stages need.

    Parameters
    ----------
    stages : list of PlanStage
        BAD in place of one that could not be read.
    sensor : Sensor, None or BAD
    place : Place
        Of the workload.
    around : Around
    warns : bool
        Whether to say so if the plan does not end on the ground.

    Returns
    -------
    plan : tuple of Stage, or BAD
        BAD where something was wrong, which has been reported.
    """
    if BAD in stages or sensor in (None, BAD) or around.topology is None or not stages:
        return BAD
    plan, rows, size_bytes = [], sensor.rows, sensor.scene_bytes
    at_sensor = sound = True
    for index, (stage, compute, here) in enumerate(stages):
        if compute is None:
            stage = _with_able_targets(stages, index)
            if stage is BAD or _leads_to_itself(rows, stage, here, around):
                return BAD
            rows, at_sensor = stage.rows, False
        else:
            if at_sensor and not _is_on_board(compute, sensor, here, around):
                return BAD
            sound &= _fits(size_bytes, compute.storage_bytes, f"[compute.{compute.name}]", "a job", here)
            size_bytes = size_bytes if stage.result_bytes is None else stage.result_bytes
            if at_sensor:
                what = f"[sensors.{sensor.name}]"
                sound &= _fits(size_bytes, sensor.storage_bytes, what, "a result", here)
        plan.append(stage)
    if warns and not all(around.topology.is_ground(row) for row in rows):
        place.at("stages").warn(
            "the last stage does not end at ground sites alone; the time to insight ends with it all the same"
        )
    return tuple(plan) if sound else BAD


def _with_able_targets(stages, index):
    """A transfer with the targets that have all computers of the stages up to the next transfer."""
    stage, _, here = stages[index]
    rows = stage.rows
    for following in stages[index + 1 :]:
        compute = following.compute
        if compute is None:
            break
        able = tuple(sorted({*rows}.intersection(compute.rows)))
        if not able:
            leads = ", ".join(map(shown, stage.transfer_to))
            following.place.report(
                f"[compute.{compute.name}] is on {', '.join(map(shown, compute.on))}, "
                f"but {here.key} before leads to {leads}",
                compute.name,
            )
            return BAD
        rows = able
    return dataclasses.replace(stage, rows=rows)


def _leads_to_itself(rows, stage, place, around):
    if len(stage.rows) > 1 or rows != stage.rows:
        return False
    name = around.names.name_of(rows[0])
    place.report(f"leads from {shown(name)} to itself; a transfer needs two nodes", name)
    return True


def _is_on_board(compute, sensor, place, around):
    """Whether all nodes with the sensor have the computer; if not, that is reported."""
    missing = {*sensor.rows}.difference(compute.rows)
    if not missing:
        return True
    name = around.names.name_of(min(missing))
    place.report(
        f"scenes of [sensors.{sensor.name}] are on {shown(name)}, which has no "
        f"[compute.{compute.name}]; it is on {', '.join(map(shown, compute.on))}",
        compute.name,
    )
    return False


def _fits(size_bytes, storage_bytes, owner, what, place):
    """Whether something fits into a storage; if not, that is reported."""
    if storage_bytes is None or size_bytes <= storage_bytes:
        return True
    place.report(
        f"{what} of {size_bytes} bytes does not fit into the storage of {owner}, which holds "
        f"{storage_bytes} bytes",
        size_bytes,
    )
    return False
