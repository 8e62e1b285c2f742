"""Reading an experiment: its own tables and its topology."""

from lasermesh.scenario.experiment import BREAK_FIRST, CENTRAL, TRAIN, Experiment, Packets, Routing
from lasermesh.scenario.fields import BAD, Choice
from lasermesh.scenario.flows import LONGEST_S, SCALED
from lasermesh.scenario.problems import shown
from lasermesh.scenario.read_faults import read_faults
from lasermesh.scenario.read_flows import read_flows
from lasermesh.scenario.read_observe import mark_traced, read_observe
from lasermesh.scenario.read_queues import check_queue_keys, check_takes_trains, read_queues
from lasermesh.scenario.reading import read_table

MOST_NAMED = 5
MOST_PENDING = 100
"""Tables that may be on their way at once; each takes memory."""

WHOLE_STEPS_TOLERANCE = 1e-9  # relative; 0.3 / 0.1 is not 3 in floating point


def read_experiment(table, place, default_name, outline_of, read_policy=None):
    """An experiment, or None if a part of it could not be read.

    It is to be used only if nothing was reported. `outline_of` gives the `Outline` (None if there is no such
    topology) for the value of the key `topology`, its place, and the name to use if it has none.
    `read_policy` is that of `load_experiment`.
    """
    values = read_table((Experiment,), table, place)
    if values["name"] is None:
        values["name"] = default_name
    outline = None
    if values["topology"] is not BAD:
        outline = outline_of(values["topology"], place.at("topology"), default_name)
    values["topology"] = outline.topology if outline else None
    values["routing"] = _read_routing(values["routing"], place.at("routing"), outline, read_policy)
    values["packets"] = _read_packets(values["packets"], place.at("packets"))
    _check_times(values["start_s"], values["duration_s"], place)
    names = outline.names if outline else None
    topology, duration_s = values["topology"], values["duration_s"]
    values["queues"] = read_queues(values["queues"], place, names, topology)
    values["flows"], expanded = read_flows(values["flows"], place, names, topology, duration_s)
    _check_scale(values["packets"], values["flows"], place)
    values["faults"] = read_faults(values["faults"], place, names, topology, duration_s)
    values["observe"] = read_observe(values["observe"], place.at("observe"), names, values["flows"], expanded)
    if values["fidelity"] == TRAIN:
        _check_trains(values, place, outline)
    parts = [*values.values(), *values["flows"], *values["queues"], *values["faults"]]
    if BAD in parts or topology is None:
        return None
    return Experiment(**values, expanded_flows=mark_traced(expanded, values["observe"]))


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


def _check_scale(packets, flows, place):
    """All flows must be of kinds of which a scaled rate leaves the times and sizes that they have."""
    if packets is BAD or packets.scale == 1.0:
        return
    for index, flow in enumerate(flows):
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
    single = [flow.name for flow in values["flows"] if flow is not BAD and not flow.makes_trains]
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
