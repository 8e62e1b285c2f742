"""Reading `[sensors]`, `[compute]`, `[power]` and `[transfers]`: what nodes have with which they work."""

from typing import NamedTuple

from lasermesh.scenario.fields import BAD
from lasermesh.scenario.problems import did_you_mean, shown
from lasermesh.scenario.read_queues import rows_of_words
from lasermesh.scenario.reading import named_tables, read_table
from lasermesh.scenario.workloads import (
    CONSTANT,
    LOGNORMAL,
    POISSON,
    Compute,
    Power,
    Sensor,
    Transfers,
)
from lasermesh.units import bps_from_gbps

SORTS = ("sensors", "compute", "power")
MANY_SCENES = 10_000_000
HYSTERESIS = 0.05
"""By how much more than the floor a battery is charged before its accelerators are throttled no longer."""


class Equipment(NamedTuple):
    """Tables by name, BAD in place of one, or of all of a sort, that could not be read."""

    sensors: dict
    compute: dict
    power: dict
    transfers: object  # Transfers or BAD
    elsewhere: frozenset  # (sort, name) of tables that are on nodes of other topologies
    topology: str | None  # name of this one

    @property
    def tables(self):
        """Values of the keys of an experiment; BAD in place of tables that could not be read."""
        found = {sort: getattr(self, sort) for sort in SORTS}
        found = {sort: tables if tables is BAD else tuple(tables.values()) for sort, tables in found.items()}
        return found | {"transfers": self.transfers}

    def find(self, sort, name, place):
        """The table of a sort (`sensors`, `compute`) by name; BAD if there is none, which is reported."""
        tables = getattr(self, sort)
        if tables is BAD:
            return BAD
        if (sort, name) in self.elsewhere:
            message = f"[{sort}.{name}] is on nodes that topology {shown(self.topology)} does not have"
            place.report(message, name)
        elif name not in tables:
            hint = did_you_mean(name, tables)
            there = hint or (f"; there is {', '.join(map(shown, tables))}" if tables else "; there is none")
            place.report(f"no [{sort}] table is named {shown(name)}{there}", name)
        return tables.get(name, BAD)


def read_equipment(values, place, names, topology, elsewhere=frozenset()):
    """The `Equipment` in the values of an experiment's tables; what is wrong with it is reported.

    `names` (NodeNames) is None where nothing is known of the topology, `topology` where not all of it is;
    what is `elsewhere`, (sort, name) of tables, is left out.
    """
    duration_s = values["duration_s"]

    def read_all(sort, cls, check):
        if values[sort] is BAD:
            return BAD
        tables = {}
        for name, (table, here) in named_tables(sort, values[sort], place).items():
            if (sort, name) in elsewhere:
                continue
            tables[name] = BAD
            if table is None:
                continue
            given = read_table((cls,), table, here)
            _find_nodes(given, here, names, topology)
            check(given, table, here)
            if BAD not in given.values():
                tables[name] = cls(name=name, **given)
        return tables

    def check_sensor(given, table, here):
        _check_scenes(given, table, here)
        _check_period(given, here, names, topology)
        _check_times(given, here, duration_s)
        _warn_of_sites(given, here, names, topology)
        _warn_of_many(given, here, duration_s)

    def check_power(given, table, here):
        _check_satellites(given, here, names, topology)
        _check_battery(given, here)

    equipment = Equipment(
        read_all("sensors", Sensor, check_sensor),
        read_all("compute", Compute, lambda given, table, here: _check_service(given, here)),
        read_all("power", Power, check_power),
        _read_transfers(values["transfers"], place.at("transfers")),
        elsewhere,
        None if names is None else names.topology,
    )
    if names is not None and equipment.power is not BAD:
        _check_one_battery_each(equipment.power, place, names)
    return equipment


def tables_elsewhere(values, names, others):
    """Tables on nodes that a topology does not have and one of the others has: set of (sort, name).

    Parameters
    ----------
    values : dict
        Of the keys of the experiment.
    names : NodeNames or None
        Of the topology.
    others : list of (NodeNames or None)
        Of the other topologies on which parts of the experiment run.
    """
    elsewhere = set()
    for sort in SORTS:
        for name, table in values[sort].items() if isinstance(values[sort], dict) else ():
            on = table.get("on") if isinstance(table, dict) else None
            words = [word for word in (on if isinstance(on, list) else [on]) if isinstance(word, str)]

            def are_in(known, words=words):
                return known is None or all(known.knows(word) for word in words)

            if not are_in(names) and any(map(are_in, others)):
                elsewhere.add((sort, name))
    return frozenset(elsewhere)


def as_tuple(given):
    """A name or several as several."""
    return (given,) if isinstance(given, str) else given


def _find_nodes(values, place, names, topology):
    if values["on"] is BAD:
        values["rows"] = BAD
        return
    values["rows"] = rows_of_words(values["on"], place.at("on"), names, topology)
    values["on"] = as_tuple(values["on"])


def _check_scenes(values, table, place):
    """Either every so many seconds, or at a rate while it is on."""
    every_s, rate_gbps, duty = (values[name] for name in ("every_s", "rate_gbps", "duty"))
    if every_s is None and rate_gbps is None and duty is None:
        place.report("must have every_s, or rate_gbps and duty")
    elif every_s is not None:
        for name in ("rate_gbps", "duty", "period_s"):
            if name in table:
                place.at(name).report("cannot stand beside every_s", table[name])
    elif rate_gbps is None or duty is None:
        missing, other = ("rate_gbps", "duty") if rate_gbps is None else ("duty", "rate_gbps")
        place.at(missing).report(f"missing; it goes together with {other}")
    if every_s is None and values["arrivals"] == POISSON:
        place.at("arrivals").report(f"{shown(POISSON)} goes with every_s", POISSON)
    scene_bytes, storage_bytes = values["scene_bytes"], values["storage_bytes"]
    if BAD not in (scene_bytes, storage_bytes) and storage_bytes is not None and scene_bytes > storage_bytes:
        place.at("storage_bytes").report(
            f"no scene fits: scene_bytes is {scene_bytes} (got {storage_bytes})", storage_bytes
        )


def _check_period(values, place, names, topology):
    """A period that is that of the orbit needs an orbit."""
    if values["duty"] in (None, BAD) or values["period_s"] is not None:
        return
    if values["rows"] is BAD or topology is None:
        return
    for row in values["rows"]:
        if topology.is_ground(row) or not names.has_position(row):
            place.at("period_s").report(
                f"missing; {shown(names.name_of(row))} has no orbit whose period it could be"
            )
            return


def _check_times(values, place, duration_s):
    start_s, stop_s = values["start_s"], values["stop_s"]
    if BAD not in (start_s, stop_s) and stop_s is not None and stop_s <= start_s:
        place.at("stop_s").report(f"must be after start_s, which is {start_s:g} (got {stop_s:g})", stop_s)
    elif BAD not in (start_s, duration_s) and start_s >= duration_s:
        place.at("start_s").warn(f"the run ends after {duration_s:g} s, before anything is taken")


def _warn_of_sites(values, place, names, topology):
    """A sensor on the ground is allowed, and hardly meant."""
    if values["rows"] is BAD or topology is None:
        return
    sites = [names.name_of(row) for row in values["rows"] if topology.is_ground(row)]
    if sites:
        more = f" (and {len(sites) - 1} more of its nodes)" if len(sites) > 1 else ""
        place.at("on").warn(f"{shown(sites[0])}{more} stands on the ground, where scenes need no way down")


def _warn_of_many(values, place, duration_s):
    """Each scene takes memory, and a row in the results."""
    stop_s = duration_s if values["stop_s"] is None else values["stop_s"]
    every_s, rate_gbps, duty = (values[name] for name in ("every_s", "rate_gbps", "duty"))
    known = (values["rows"], values["start_s"], stop_s, every_s, rate_gbps, duty, values["scene_bytes"])
    if BAD in (*known, duration_s):
        return
    if every_s is None and None in (rate_gbps, duty):
        return
    if every_s is None:
        every_s = values["scene_bytes"] * 8 / (bps_from_gbps(rate_gbps) * duty)
    scenes = len(values["rows"]) * max(min(stop_s, duration_s) - values["start_s"], 0.0) / every_s
    if scenes > MANY_SCENES:
        place.warn(f"takes some {scenes:.1e} scenes, more than a computer's memory may hold")


def _check_service(values, place):
    service, service_s, p95_s = (values[name] for name in ("service", "service_s", "service_p95_s"))
    if BAD in (service, service_s, p95_s):
        return
    if service != CONSTANT and service_s == 0.0:
        place.at("service_s").report(
            f"must be above 0 with service = {shown(service)} (got {service_s:g})", service_s
        )
    elif service == LOGNORMAL and p95_s <= service_s:
        place.at("service_p95_s").report(
            f"must be above service_s, the median, which is {service_s:g} (got {p95_s:g})", p95_s
        )


def _check_satellites(values, place, names, topology):
    """Nothing on the ground has a battery here."""
    if values["rows"] is BAD or topology is None:
        return
    for row in values["rows"]:
        if topology.is_ground(row):
            name = names.name_of(row)
            place.at("on").report(f"{shown(name)} is a ground site; only satellites have [power]", name)
            return


def _check_battery(values, place):
    floor, resume = values["floor"], values["resume"]
    if BAD not in (floor, resume):
        if resume is None:
            values["resume"] = min(floor + HYSTERESIS, 1.0)
        elif resume <= floor:
            place.at("resume").report(f"must be above floor, which is {floor:g} (got {resume:g})", resume)
    charge = values["start_charge"]
    if BAD not in (floor, charge, values["battery_wh"]) and charge < floor and values["battery_wh"]:
        place.at("start_charge").warn(f"is below floor, which is {floor:g}: accelerators begin throttled")
    bus_w, radiator_w = values["bus_w"], values["radiator_w"]
    if BAD not in (bus_w, radiator_w) and radiator_w is not None and radiator_w <= bus_w:
        place.at("radiator_w").report(
            f"must be above bus_w, which is {bus_w:g} and is needed all the time (got {radiator_w:g})",
            radiator_w,
        )


def _check_one_battery_each(power, place, names):
    """Loads of a node come from one battery."""
    fed = {}
    for name, table in power.items():
        for row in () if table is BAD else table.rows:
            if row in fed:
                place.at("power", name, "on").report(
                    f"{shown(names.name_of(row))} has its power from [power.{fed[row]}] already", name
                )
                break
            fed[row] = name


def _read_transfers(table, place):
    if table is BAD or isinstance(table, Transfers):
        return table
    values = read_table((Transfers,), table, place)
    if "share" in table and values["rate_gbps"] is not None:
        place.at("share").report("cannot stand beside rate_gbps", table["share"])
    packet_bytes, report_bytes = values["packet_bytes"], values["report_bytes"]
    if BAD not in (packet_bytes, report_bytes) and report_bytes > packet_bytes:
        key = "report_bytes" if "report_bytes" in table else "packet_bytes"
        place.at(key).report(
            f"a report of {report_bytes} bytes does not fit into a packet of {packet_bytes}", values[key]
        )
        return BAD
    return BAD if BAD in values.values() else Transfers(**values)
