"""Reading an experiment: its own tables and its topology."""

from typing import NamedTuple

from lasermesh.scenario.experiment import BREAK_FIRST, CENTRAL, TRAIN, Experiment, Packets, Routing
from lasermesh.scenario.fields import BAD, Choice
from lasermesh.scenario.flows import BUNDLE, LONGEST_S, SCALED
from lasermesh.scenario.problems import shown
from lasermesh.scenario.read_alternatives import PLAIN, Selection, read_alternatives
from lasermesh.scenario.read_bundles import read_handling, read_stores, warn_of_no_bundles
from lasermesh.scenario.read_equipment import SORTS, read_equipment, tables_elsewhere
from lasermesh.scenario.read_faults import read_faults
from lasermesh.scenario.read_flows import read_flows
from lasermesh.scenario.read_live import read_live
from lasermesh.scenario.read_observe import mark_traced, read_observe
from lasermesh.scenario.read_queues import check_queue_keys, check_takes_trains, read_queues
from lasermesh.scenario.read_workloads import Around, read_workloads, warn_of_idle
from lasermesh.scenario.reading import read_table
from lasermesh.scenario.sources import Place

MOST_NAMED = 5
MOST_PENDING = 100
"""Tables that may be on their way at once; each takes memory."""

WHOLE_STEPS_TOLERANCE = 1e-9  # relative; 0.3 / 0.1 is not 3 in floating point


def read_experiment(source, default_name, changed, outline_of, read_policy=None):
    """An experiment, or None if a part of it could not be read.

    It is to be used only if nothing was reported.

    Parameters
    ----------
    source : Source
    default_name : str
    changed : function
        Gives the `Source` as the `Option`s of an alternative, whose place it gets too, change it.
    outline_of : function
        Gives the `Outline` (None if there is no such topology) for the value of the key `topology`, its
        place, the name to use if it has none, and the options of an alternative.
    read_policy : function
        That of `load_experiment`.
    """
    place = Place(source)
    values = _read_keys(place, default_name)
    alternatives, changes = read_alternatives(values["alternatives"], place, values)
    selection = Selection(values["workloads"], alternatives)
    versions = {PLAIN: _Version(values, place, _outline_of(values, place, default_name, outline_of))}
    for variant, index in selection.variants.items():
        if variant not in versions:
            options = changes[variant.sets]
            there = Place(changed(options, place.at("alternatives", index))) if options else place
            given = _read_keys(there, default_name) if options else values
            if variant.topology is None:
                outline = _outline_of(given, there, default_name, outline_of, options)
            else:
                named = place.at("alternatives", index, "topology")
                outline = outline_of(variant.topology, named, variant.topology, options)
            versions[variant] = _Version(given, there, outline)
    experiments = {}
    for variant, version in versions.items():
        others = [other.names for other in versions.values() if other is not version]
        part = _Part(selection.names(variant), tables_elsewhere(version.values, version.names, others))
        experiments[variant] = _read_with(version, part, read_policy)
    if None in experiments.values() or BAD in (*alternatives, *values.values()):
        return None
    tables = {sort: values[sort] for sort in SORTS}
    experiment = selection.resolve(experiments, tables, place)
    warn_of_idle(experiment, place)
    return experiment


def _read_keys(place, default_name):
    """Values of all keys at the top of an experiment, tables as they stand there."""
    values = read_table((Experiment,), place.source.data, place)
    if values["name"] is None:
        values["name"] = default_name
    _check_times(values["start_s"], values["duration_s"], place)
    _check_something_happens(values, place)
    return values


def _outline_of(values, place, default_name, outline_of, options=()):
    """That of the experiment's own topology, None if there is none."""
    if values["topology"] is BAD:
        return None
    return outline_of(values["topology"], place.at("topology"), default_name, options)


class _Version(NamedTuple):
    """The experiment as one of its variants has it."""

    values: dict  # of the keys at its top
    place: Place
    outline: object  # Outline of its topology; None if there is none

    @property
    def names(self):
        """`NodeNames`, None where nothing is known of the topology."""
        return self.outline.names if self.outline else None


class _Part(NamedTuple):
    """What of an experiment there is in one of its variants."""

    workloads: set  # names of those that run there
    elsewhere: frozenset  # (sort, name) of the tables that are not there


def _read_with(version, part, read_policy):
    """The `Experiment` of a `_Version`; None if a part of it could not be read."""
    values, place, outline = dict(version.values), version.place, version.outline
    values |= {"topology": outline.topology if outline else None, "alternatives": ()}
    values["routing"] = _read_routing(values["routing"], place.at("routing"), outline, read_policy)
    values["packets"] = _read_packets(values["packets"], place.at("packets"))
    names = version.names
    topology, duration_s = values["topology"], values["duration_s"]
    values["queues"] = read_queues(values["queues"], place, names, topology)
    packets = values["packets"]
    ip_version = BAD if packets is BAD else packets.ip_version
    flows = read_flows(values["flows"], place, names, topology, duration_s, ip_version)
    values["flows"], expanded, bundle_flows = flows
    _check_scale(values, place)
    values["bundles"] = read_handling(values["bundles"], place.at("bundles"))
    values["stores"] = read_stores(values["stores"], place, names, topology)
    warn_of_no_bundles(values, place)
    values["faults"] = read_faults(values["faults"], place, names, topology, duration_s)
    values["observe"] = read_observe(values["observe"], place.at("observe"), names, values["flows"], expanded)
    values["live"] = read_live(values["live"], place.at("live"), names, topology)
    equipment = read_equipment(values, place, names, topology, part.elsewhere)
    flow_names = tuple(flow.name for flow in values["flows"] if flow is not BAD)
    around = Around(equipment, names, topology, flow_names)
    values["workloads"] = read_workloads(values["workloads"], place, around, part.workloads)
    if values["fidelity"] == TRAIN:
        _check_trains(values, place, outline)
    values |= equipment.tables
    read = [each for value in values.values() for each in (value if isinstance(value, tuple) else (value,))]
    if BAD in read or topology is None:
        return None
    traced = mark_traced(expanded, values["observe"])
    return Experiment(**values, expanded_flows=traced, bundle_flows=bundle_flows)


def _check_something_happens(values, place):
    if values["flows"] == () and values["workloads"] == () and "live" not in place.source.data:
        place.at("flows").report(
            "missing; an experiment has at least one [[flows]] or [[workloads]]; one with [live] can do "
            "without, and is only run live then"
        )


def _read_routing(table, place, outline, read_policy):
    if table is BAD:
        return BAD
    table = {} if isinstance(table, Routing) else table
    values = read_table((Routing,), table, place)
    if read_policy is not None and BAD not in (values["policy"], values["options"]):
        values["options"] = read_policy(values["policy"], values["options"], place)
    interval_s = values["interval_s"]
    if interval_s not in (BAD, None) and outline and outline.step_s is not BAD:
        steps = interval_s / outline.step_s
        if round(steps) < 1 or abs(steps - round(steps)) > WHOLE_STEPS_TOLERANCE * steps:
            message = (
                f"must be a whole number of the topology's steps of {outline.step_s:g} s (got {interval_s:g})"
            )
            place.at("interval_s").report(message, interval_s)
    _check_update(values, table, place, outline)
    return BAD if BAD in values.values() else Routing(**values)


def _check_update(values, table, place, outline):
    """What the keys about updates say together; fills in the controller's row."""
    if "lead_s" in table and values["handover"] == BREAK_FIRST:
        place.at("lead_s").report(f"cannot stand beside handover = {shown(BREAK_FIRST)}", table["lead_s"])
    interval_s, delay_s = values["interval_s"], values["update_delay_s"]
    if interval_s is None and outline:
        interval_s = outline.step_s
    if values["update"] == CENTRAL and BAD not in (interval_s, delay_s) and interval_s is not None:
        if delay_s > MOST_PENDING * interval_s:
            longest_s = MOST_PENDING * interval_s
            message = f"must be at most {longest_s:g}, {MOST_PENDING} times interval_s (got {delay_s:g})"
            place.at("update_delay_s").report(message, delay_s)
    if values["controller"] not in (None, BAD) and outline and outline.names is not None:
        values["controller_row"] = outline.names.find(values["controller"], place.at("controller"))


def _read_packets(table, place):
    if table is BAD or isinstance(table, Packets):
        return table
    values = read_table((Packets,), table, place)
    check_queue_keys(values, place)
    return BAD if BAD in values.values() else Packets(**values)


def _check_scale(values, place):
    """All flows must be of kinds of which a scaled rate leaves the times and sizes that they have."""
    packets = values["packets"]
    if packets is BAD or packets.scale == 1.0:
        return
    if values["workloads"] != ():
        place.at("packets", "scale").report(
            "other than 1 does not go with [[workloads]], whose sizes and times are not scaled "
            f"(got {packets.scale:g})",
            packets.scale,
        )
        return
    for index, flow in enumerate(values["flows"]):
        if flow is not BAD and flow.kind not in SCALED:
            place.at("packets", "scale").report(
                f"other than 1 goes with flows of kind {Choice(SCALED).words()}, but flows[{index}], "
                f"{shown(flow.name)}, has kind = {shown(flow.kind)}, whose times and sizes are not scaled "
                f"(got {packets.scale:g})",
                packets.scale,
            )
            return


def _check_trains(values, place, outline):
    """All links must take trains, and it is said which flows are sent packet by packet all the same."""
    tables = [(values["packets"], place.at("packets"))]
    if values["topology"] is not None:
        rules = values["topology"].links
        tables += [(rule, outline.place.at("links", index)) for index, rule in enumerate(rules)]
    tables += [(entry, place.at("queues", index)) for index, entry in enumerate(values["queues"])]
    check_takes_trains(tables)
    flows = [flow for flow in values["flows"] if flow is not BAD]
    single = [flow.name for flow in flows if flow.kind != BUNDLE and not flow.makes_trains]
    if single:
        named = ", ".join(shown(name) for name in single[:MOST_NAMED])
        more = f" and {len(single) - MOST_NAMED} more" if len(single) > MOST_NAMED else ""
        place.at("fidelity").warn(
            f"only constant flows of one packet size make trains; packet by packet go {named}{more}"
        )


def _check_times(start_s, duration_s, place):
    if BAD not in (start_s, duration_s) and start_s + duration_s > LONGEST_S:
        message = f"start_s + duration_s must be at most {LONGEST_S:.0f}, which is 106 days"
        place.at("duration_s").report(message, duration_s)
