"""Reading an experiment: its own tables and its topology."""

from lasermesh.scenario.experiment import LONGEST_S, Experiment, Packets, Routing
from lasermesh.scenario.fields import BAD
from lasermesh.scenario.read_flows import read_flows
from lasermesh.scenario.reading import read_table

WHOLE_STEPS_TOLERANCE = 1e-9  # relative; 0.3 / 0.1 is not 3 in floating point


def read_experiment(table, place, default_name, outline_of):
    """An experiment, or None if a part of it could not be read.

    It is to be used only if nothing was reported. `outline_of` gives the `Outline` (None if there is no such
    topology) for the value of the key `topology`, its place, and the name to use if it has none.
    """
    values = read_table((Experiment,), table, place)
    if values["name"] is None:
        values["name"] = default_name
    outline = None
    if values["topology"] is not BAD:
        outline = outline_of(values["topology"], place.at("topology"), default_name)
    values["topology"] = outline.topology if outline else None
    values["routing"] = _read_routing(values["routing"], place.at("routing"), outline)
    values["packets"] = _read_packets(values["packets"], place.at("packets"))
    _check_times(values["start_s"], values["duration_s"], place)
    names = outline.names if outline else None
    values["flows"], expanded = read_flows(values["flows"], place, names, values["duration_s"])
    if BAD in values.values() or values["topology"] is None or BAD in values["flows"]:
        return None
    return Experiment(**values, expanded_flows=expanded)


def _read_routing(table, place, outline):
    if table is BAD or isinstance(table, Routing):
        return table
    values = read_table((Routing,), table, place)
    interval_s = values["interval_s"]
    if interval_s not in (BAD, None) and outline and outline.step_s is not BAD:
        steps = interval_s / outline.step_s
        if round(steps) < 1 or abs(steps - round(steps)) > WHOLE_STEPS_TOLERANCE * steps:
            message = (
                f"must be a whole number of the topology's steps of {outline.step_s:g} s (got {interval_s:g})"
            )
            place.at("interval_s").report(message, interval_s)
    return BAD if BAD in values.values() else Routing(**values)


def _read_packets(table, place):
    if table is BAD or isinstance(table, Packets):
        return table
    values = read_table((Packets,), table, place)
    return BAD if BAD in values.values() else Packets(**values)


def _check_times(start_s, duration_s, place):
    if BAD not in (start_s, duration_s) and start_s + duration_s > LONGEST_S:
        message = f"start_s + duration_s must be at most {LONGEST_S:.0f}, which is 106 days"
        place.at("duration_s").report(message, duration_s)
