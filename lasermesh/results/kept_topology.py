"""What a run keeps of its topology beside the manifest: element sets and contact plans, as they were read."""

from lasermesh.errors import UserError
from lasermesh.results.tables import Column, schema_of
from lasermesh.scenario.rebuilding import from_plain, rebuild_topology
from lasermesh.scenario.topology import ElementSet, PlanContact, Topology

ELEMENTS = (
    Column("group", "string", "", "group of satellites"),
    Column("node", "string", "", "name of the satellite in the topology"),
    Column("name", "string", "", "its name in the element file"),
    Column("catalog_number", "int64", "", "its catalogue number"),
    Column("epoch_days", "float64", "days", "epoch of its elements, since 1949-12-31T00:00:00Z"),
    Column("bstar", "float64", "1/Earth radii", "drag term of SGP4"),
    Column("eccentricity", "float64", "", "mean elements for SGP4, as the four below"),
    Column("inclination_deg", "float64", "deg", "inclination"),
    Column("raan_deg", "float64", "deg", "right ascension of the ascending node"),
    Column("argument_of_perigee_deg", "float64", "deg", "argument of perigee"),
    Column("mean_anomaly_deg", "float64", "deg", "mean anomaly"),
    Column("mean_motion_rev_per_day", "float64", "rev/day", "mean motion (Kozai)"),
    Column("line_number", "int64", "", "line of the element file"),
    Column("slot", "int64", "", "place in the element file, from 0"),
)
"""Rows in the order of the nodes."""

PLAN_NODES = (
    Column("group", "string", "", "group of nodes that a contact plan names"),
    Column("node", "string", "", "name of the node in the topology"),
    Column("ipn", "int64", "", "its ipn number; null where the plan gives none"),
)

PLAN = (
    Column("rule", "int32", "", "index of the rule among [[links]], from 0"),
    Column("from", "string", "", "sending node"),
    Column("to", "string", "", "receiving node"),
    Column("start_s", "float64", "s", "since the topology's epoch"),
    Column("stop_s", "float64", "s", "since the topology's epoch"),
    Column("rate_bps", "int64", "bit/s", "rate"),
    Column("owlt_s", "float64", "s", "one-way light time; null: from the positions"),
    Column("line", "int64", "", "line of the plan's file"),
)


class TopologyNotKept(UserError):
    """The folder of a run does not tell its topology: an older lasermesh wrote it, or another hand."""


_OF_SET = [column.name for column in ELEMENTS[2:]]
_OF_CONTACT = {"from": "from_name", "to": "to_name"}


def element_table(topology):
    """Table of the element sets of all groups that have any."""
    rows = [
        (group.name, node, *(getattr(each, name) for name in _OF_SET))
        for group in topology.satellites
        if group.element_sets
        for node, each in zip(group.node_names, group.element_sets, strict=True)
    ]
    return _table(ELEMENTS, rows)


def plan_node_table(topology):
    """Table of the nodes of all groups whose nodes a contact plan names."""
    rows = [
        (group.name, node, group.plan_numbers[index] if group.plan_numbers else None)
        for group in topology.satellites
        if isinstance(group.fixed, str)
        for index, node in enumerate(group.node_names)
    ]
    return _table(PLAN_NODES, rows)


def plan_table(topology):
    """Table of the contacts of all rules that take a contact plan."""
    names = [_OF_CONTACT.get(column.name, column.name) for column in PLAN[1:]]
    rows = [
        (index, *(getattr(contact, name) for name in names))
        for index, rule in enumerate(topology.links)
        for contact in rule.plan_contacts
    ]
    return _table(PLAN, rows)


def _has_elements(topology):
    return any(group.elements is not None for group in topology.satellites)


def _has_plan_nodes(topology):
    return any(isinstance(group.fixed, str) for group in topology.satellites)


def _has_plan(topology):
    return any(rule.plan is not None for rule in topology.links)


KEPT = {
    "elements": (ELEMENTS, element_table, _has_elements),
    "plan_nodes": (PLAN_NODES, plan_node_table, _has_plan_nodes),
    "plan": (PLAN, plan_table, _has_plan),
}
"""Tables that some topologies need: columns, what makes one of a topology, and whether it has that table."""


def load_topology(run):
    """The topology of a run, from its folder alone: see `Run.topology`."""
    try:
        topology = from_plain(Topology, run.manifest["scenario"]["topology"])
        for name, (_, _, is_needed) in KEPT.items():
            if is_needed(topology) and getattr(run, name) is None:
                raise TopologyNotKept(
                    f"{run.path}: there is no {name}.parquet, so the run's topology is not known; it is of "
                    "an older lasermesh: run it again"
                )
        return rebuild_topology(topology, *(_BY_KEY[name](getattr(run, name)) for name in KEPT))
    except (KeyError, TypeError, ValueError) as error:
        raise TopologyNotKept(f"{run.path}: the topology in the manifest is damaged ({error!r})") from error


def _element_sets(table):
    """Names and element sets by group."""
    found = {}
    for row in _rows(table):
        names, sets = found.setdefault(row.pop("group"), ([], []))
        names.append(row.pop("node"))
        sets.append(ElementSet(**row))
    return {group: (tuple(names), tuple(sets)) for group, (names, sets) in found.items()}


def _plan_nodes(table):
    """Names and ipn numbers by group."""
    found = {}
    for row in _rows(table):
        names, numbers = found.setdefault(row["group"], ([], []))
        names.append(row["node"])
        if row["ipn"] is not None:
            numbers.append(row["ipn"])
    return {group: (tuple(names), tuple(numbers)) for group, (names, numbers) in found.items()}


def _plan_contacts(table):
    """Contacts by index of the rule."""
    found = {}
    for row in _rows(table):
        contacts = found.setdefault(row.pop("rule"), [])
        contacts.append(PlanContact(**{_OF_CONTACT.get(name, name): each for name, each in row.items()}))
    return {rule: tuple(contacts) for rule, contacts in found.items()}


_BY_KEY = {"elements": _element_sets, "plan_nodes": _plan_nodes, "plan": _plan_contacts}


def _rows(table):
    return [] if table is None else table.to_pylist()


def _table(columns, rows):
    """Table of rows of Python values."""
    import pyarrow as pa

    schema = schema_of(columns)
    by_column = zip(*rows, strict=True) if rows else [()] * len(columns)
    arrays = [pa.array(values, field.type) for values, field in zip(by_column, schema, strict=True)]
    return pa.Table.from_arrays(arrays, schema=schema)
