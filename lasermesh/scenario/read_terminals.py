"""Reading `[terminals.NAME]`: presets filled in, keys checked against each other."""

import math

from lasermesh.scenario.fields import BAD
from lasermesh.scenario.presets import PRESETS
from lasermesh.scenario.problems import did_you_mean, shown
from lasermesh.scenario.reading import named_tables, read_table
from lasermesh.scenario.terminals import MOUNTS, Acquisition, TerminalType

_RATE_LAW = ("rate_gbps", "reference_range_km", "rate_steps_gbps")


def read_terminals(tables, place):
    """Terminal types by name, BAD in place of one that could not be read; `tables` may be BAD."""
    return {
        name: BAD if table is None else _read_terminal(name, table, here)
        for name, (table, here) in named_tables("terminals", tables, place).items()
    }


def _read_terminal(name, table, place):
    values = read_table((TerminalType,), table, place)
    guesses = _fill_from_preset(values, table, place)
    _resolve_acquisition(values, place)
    _resolve_mount(values, place)
    _check_rate_law(values, place)
    return BAD if BAD in values.values() else TerminalType(name=name, guesses=guesses, **values)


def _fill_from_preset(values, table, place):
    """Fills in what the table does not give; returns which of that is a guess."""
    preset = values["preset"]
    if preset in (BAD, None):
        return ()
    if preset not in PRESETS:
        known = ", ".join(PRESETS)
        hint = did_you_mean(preset, PRESETS)
        place.at("preset").report(
            f"no preset is named {shown(preset)}{hint or f'; there are {known}'}", preset
        )
        values["preset"] = BAD
        return ()
    # A rate alone is a fixed one: with the preset's steps it would mean something else.
    own_rate = [key for key in _RATE_LAW if key in table] == ["rate_gbps"]
    guesses = []
    for key, value, _, is_guess in PRESETS[preset]:
        if key in table or values[key] is BAD or (own_rate and key in _RATE_LAW):
            continue
        values[key] = value
        if is_guess:
            guesses.append(key)
    return tuple(guesses)


def _resolve_acquisition(values, place):
    """A number of seconds or a table becomes an `Acquisition`."""
    given = values["acquisition_s"]
    if isinstance(given, float):
        values["acquisition_s"] = Acquisition(median=given, p95=given)
    elif isinstance(given, dict):
        here = place.at("acquisition_s")
        times = read_table((Acquisition,), given, here)
        values["acquisition_s"] = BAD
        if BAD in times.values():
            return
        median, p95 = times["median"], times["p95"]
        if p95 < median:
            here.at("p95").report(f"must be at least the median, which is {median:g} (got {p95:g})", p95)
        elif median == 0.0 < p95:
            here.at("median").report("must be above 0 where p95 is: no lognormal has the median 0", median)
        else:
            values["acquisition_s"] = Acquisition(**times)


def _resolve_mount(values, place):
    """A mount becomes a unit vector; without a field of regard it would say nothing, nor the other way."""
    mount, field = values["mount"], values["field_of_regard_deg"]
    if mount is None and field not in (BAD, None):
        place.at("mount").report("missing; field_of_regard_deg is an angle from it")
        values["mount"] = BAD
    if field is None and mount not in (BAD, None):
        place.at("field_of_regard_deg").report("missing; it goes together with mount; 90 is a hemisphere")
        values["field_of_regard_deg"] = BAD
    if isinstance(mount, str):
        values["mount"] = MOUNTS[mount]
    elif isinstance(mount, tuple):
        length = math.hypot(*mount)
        if length == 0.0:
            place.at("mount").report("must be a direction, and this one has no length", list(mount))
            values["mount"] = BAD
        else:
            values["mount"] = tuple(part / length for part in mount)


def _check_rate_law(values, place):
    """The three keys of the inverse square stand together; steps come to stand in ascending order."""
    rate, reference, steps = (values[key] for key in _RATE_LAW)
    if BAD in (rate, reference, steps):
        return
    values["rate_steps_gbps"] = steps = tuple(sorted(steps))
    if reference is None and not steps:
        return
    missing = [key for key in _RATE_LAW if not values[key]]
    for key in missing:
        others = " and ".join(other for other in _RATE_LAW if other not in missing)
        place.at(key).report(f"missing; it goes together with {others}")
        values[key] = BAD
    if missing:
        return
    longest_km = reference * math.sqrt(rate / steps[0])
    wanted_km = values["max_range_km"]
    if wanted_km not in (BAD, None) and longest_km < wanted_km * (1 - 1e-12):
        place.at("max_range_km").warn(
            f"is never reached: beyond {longest_km:.0f} km the rate is below {steps[0]:g} Gbps, its lowest"
        )
    if rate * (1 + 1e-12) < steps[0]:
        place.at("rate_steps_gbps").warn(
            f"the rate of {rate:g} Gbps at {reference:g} km is below the lowest step, so links end at "
            f"{longest_km:.0f} km"
        )
