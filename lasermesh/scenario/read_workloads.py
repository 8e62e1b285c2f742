"""Reading `[[workloads]]`: names looked up, and what each kind comes to, stage by stage."""

from typing import NamedTuple

from lasermesh.scenario.fields import BAD
from lasermesh.scenario.plans import PlanStage, check_plan, expand
from lasermesh.scenario.problems import shown
from lasermesh.scenario.read_equipment import as_tuple
from lasermesh.scenario.read_queues import rows_as_given, rows_of_words
from lasermesh.scenario.reading import read_table, read_tables
from lasermesh.scenario.workloads import (
    BENT_PIPE,
    COLLECTIVE,
    CONSTANT,
    CUSTOM,
    EXPANDED,
    IN_ORBIT,
    INFERENCE,
    MESH_RELAY,
    SCENE_KINDS,
    Stage,
    Workload,
)

_MESH_RULES = ("grid", "nearest", "guest")


class Around(NamedTuple):
    """What workloads refer to."""

    equipment: object  # Equipment
    names: object  # NodeNames; None where nothing is known of the topology
    topology: object  # Topology; None where not all of it is known
    flows: tuple = ()  # names of flows


def read_workloads(items, place, around, wanted):
    """The entries of `[[workloads]]`, BAD in place of one that could not be read.

    Parameters
    ----------
    items : list, tuple or BAD
        The value of the key `workloads`.
    place : Place
        Of the experiment.
    around : Around
    wanted : set of str
        Names of the entries that are to be read; others are left out.
    """
    if items == []:
        place.at("workloads").report("must have at least one [[workloads]]")
    workloads, places = [], {}
    for item, here in read_tables("workloads", items, place):
        name = item.get("name")
        if isinstance(name, str) and name not in wanted:
            continue
        if isinstance(name, str) and (first := places.setdefault(name, here)) is not here:
            here.at("name").report(f"{shown(name)} is already the name of {first}", name)
        if isinstance(name, str) and name in around.flows:
            here.at("name").report(f"{shown(name)} is already the name of a flow", name)
        workloads.append(_read_workload(item, here, around))
    return tuple(workloads)


def warn_of_idle(experiment, place):
    """Says which sensors and computers nobody uses, and which jobs take no time."""
    workloads = experiment.workloads
    at_work = {stage.compute for each in workloads for stage in each.plan}
    used = at_work | {each.compute for each in workloads}
    sources = {each.source for each in workloads}
    for each in experiment.sensors:
        if each.name not in sources:
            place.at("sensors", each.name).warn("no workload takes its scenes")
    for each in experiment.compute:
        here = place.at("compute", each.name)
        if each.name not in used:
            here.warn("no workload uses it")
        takes_no_time = each.service == CONSTANT and each.service_s == 0.0 and each.rate_gbps is None
        if each.name in at_work and takes_no_time:
            here.warn("has neither service_s nor rate_gbps, so its jobs take no time")


def _read_workload(item, place, around):
    values = read_table((Workload,), item, place)
    kind = values["kind"]
    _read_nodes(values, place, around)
    compute = _find_table(values["compute"], "compute", place.at("compute"), around)
    if kind in SCENE_KINDS:
        sensor = _find_table(values["source"], "sensors", place.at("source"), around)
        _check_scenes(values, item, place, around, compute)
        if kind == BENT_PIPE and sensor not in (None, BAD) and around.topology is not None:
            _warn_of_mesh(sensor, place, around.topology)
        stages = _read_stages(values, place, around) if kind == CUSTOM else expand(values, compute, place)
        values["plan"] = check_plan(stages, sensor, place, around, warns=kind == CUSTOM)
    elif kind == INFERENCE:
        _check_users(values, compute, place, around)
    elif kind == COLLECTIVE:
        _check_group(values, item, place)
    if compute is BAD or BAD in values.values():
        return BAD
    class_ = values.pop("class")
    del values["station_rows"]
    for name in ("users", "group", "stations", "checkpoint_to"):
        values[name] = as_tuple(values[name])
    return Workload(class_=class_, **values)


def _read_nodes(values, place, around):
    """Fills in the rows of all nodes that a workload names."""
    for name, rows, find in (
        ("stations", "station_rows", rows_of_words),
        ("users", "user_rows", rows_of_words),
        ("group", "group_rows", rows_as_given),
        ("checkpoint_to", "checkpoint_rows", rows_of_words),
    ):
        given = values[name]
        if given is BAD or given == ():
            values[rows] = given
        else:
            values[rows] = find(given, place.at(name), around.names, around.topology)


def _find_table(name, sort, place, around):
    """The table that a workload or stage names; None if it names none, BAD if there is no such one."""
    return name if name in (None, BAD) else around.equipment.find(sort, name, place)


def _check_scenes(values, item, place, around, compute):
    """Results come down at ground sites, from computers that are where the kind says."""
    kind = values["kind"]
    if kind not in EXPANDED:
        return
    if "result_bytes" in item and values["compute"] is None:
        place.at("result_bytes").report("goes with compute, which makes the result", item["result_bytes"])
    if around.topology is None:
        return
    for row in () if values["station_rows"] is BAD else values["station_rows"]:
        if not around.topology.is_ground(row):
            name = around.names.name_of(row)
            place.at("stations").report(f"{shown(name)} is a satellite; here ground sites are wanted", name)
            break
    if kind == IN_ORBIT and compute not in (None, BAD):
        for row in compute.rows:
            if around.topology.is_ground(row):
                name = around.names.name_of(row)
                place.at("compute").report(
                    f"[compute.{compute.name}] is on {shown(name)}, a ground site; "
                    f"with kind = {shown(IN_ORBIT)} all of it must be on satellites",
                    compute.name,
                )
                break


def _warn_of_mesh(sensor, place, topology):
    """Says where scenes of a bent pipe may go by other satellites than the one that took them."""
    for rule in topology.links:
        if rule.rule in _MESH_RULES:
            groups = as_tuple(rule.clients if rule.rule == "guest" else rule.satellites)
            groups = groups or [group.name for group in topology.satellites]
            linked = {row for name in groups for row in topology.group_rows(name)}
            if not linked.isdisjoint(sensor.rows):
                place.at("kind").warn(
                    f"nodes of [sensors.{sensor.name}] have links by a rule {shown(rule.rule)}, so stations "
                    "may be reached over the mesh and not only when they pass: leave these links out of the "
                    f"topology, or write kind = {shown(MESH_RELAY)}"
                )
                return


def _read_stages(values, place, around):
    """The entries of `stages` as `PlanStage`s, BAD in place of one that could not be read."""
    if values["stages"] == []:
        place.at("stages").report("must have at least one stage")
    stages = []
    for item, here in read_tables("stages", values["stages"], place):
        given = read_table((Stage,), item, here)
        targets = given["transfer_to"]
        stated = [name for name in ("transfer_to", "compute") if name in item]
        if len(stated) != 1:
            here.report(f"must have transfer_to or compute, and has {'both' if stated else 'neither'}")
            given["compute"] = BAD
        for name, other in (("choose", "transfer_to"), ("result_bytes", "compute")):
            if name in item and stated and other not in stated:
                here.at(name).report(f"goes with {other}", item[name])
                given[name] = BAD
        given["rows"] = ()
        if targets not in (BAD, ()):
            at = here.at("transfer_to")
            given["rows"] = rows_of_words(targets, at, around.names, around.topology)
            given["transfer_to"] = as_tuple(targets)
        table = _find_table(given["compute"], "compute", here.at("compute"), around)
        if table is BAD or BAD in given.values():
            stages.append(BAD)
        else:
            stages.append(PlanStage(Stage(**given), table, here.at(stated[0])))
    values["stages"] = BAD if BAD in stages else tuple(each.stage for each in stages)
    return stages


def _check_users(values, compute, place, around):
    """Who asks and who answers are different nodes."""
    if values["user_rows"] is BAD or compute in (None, BAD):
        return
    both = sorted(set(values["user_rows"]) & set(compute.rows))
    if both:
        name = around.names.name_of(both[0])
        place.at("users").report(
            f"{shown(name)} has [compute.{compute.name}] itself; only nodes without it can ask", name
        )


def _check_group(values, item, place):
    """Several nodes train, and a checkpoint goes to another node than the first of them."""
    rows, to = values["group_rows"], values["checkpoint_rows"]
    if rows is not BAD and len(rows) == 1:
        given = values["group"]
        place.at("group").report(f"must be two nodes at least, and {shown(given)} is one", given)
    every = values["exchange_every"]
    if BAD not in (every, values["compute_s"]) and every > 1 and values["compute_s"] == 0.0:
        place.at("exchange_every").report(
            "needs compute_s above 0: steps without an exchange would take no time", every
        )
    sent, where = values["checkpoint_bytes"] is not None, values["checkpoint_to"] != ()
    if sent != where:
        missing, other = ("checkpoint_to", "checkpoint_bytes")[:: 1 if sent else -1]
        place.at(missing).report(f"missing; it goes together with {other}")
    if "checkpoint_every" in item and not (sent or where):
        place.at("checkpoint_every").report(
            "goes with checkpoint_bytes and checkpoint_to", item["checkpoint_every"]
        )
    if BAD not in (rows, to) and len(rows) > 1 and to == rows[:1]:
        place.at("checkpoint_to").report(
            "leads from the first node of group, which sends checkpoints, to itself", values["checkpoint_to"]
        )
