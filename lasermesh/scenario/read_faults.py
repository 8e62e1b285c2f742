"""Reading `[[faults]]`: whether what is to fail is there, and when."""

from lasermesh.scenario.faults import OF_LINK, OF_LINKS, OF_NODES, OF_TERMINALS, Fault
from lasermesh.scenario.fields import BAD
from lasermesh.scenario.problems import shown
from lasermesh.scenario.read_queues import rows_of_words
from lasermesh.scenario.reading import read_table, read_tables

_SORTS = (OF_NODES, OF_LINK, OF_LINKS, OF_TERMINALS)


def read_faults(items, place, names, topology, duration_s):
    """The entries of `[[faults]]`, BAD in place of one that could not be read.

    `names` (NodeNames) is None where nothing is known of the topology, `topology` where not all of it is;
    `duration_s` may be BAD.
    """
    faults = []
    for item, here in read_tables("faults", items, place):
        variant = next((sort for sort in _SORTS if sort in item), None)
        values = read_table((Fault,), item, here, variant)
        if variant is None:
            here.report("must have nodes, link, links or terminals")
        _check_times(values, here, duration_s)
        _find_rows(values, variant, here, names, topology)
        if BAD in values.values():
            faults.append(BAD)
        else:
            if isinstance(values["nodes"], str):
                values["nodes"] = (values["nodes"],)
            faults.append(Fault(**values))
    return tuple(faults)


def _check_times(values, place, duration_s):
    """Either at a time, or at random."""
    at_s, repair_s, mtbf_s, mttr_s = (values[name] for name in ("at_s", "repair_s", "mtbf_s", "mttr_s"))
    if BAD in (at_s, repair_s, mtbf_s, mttr_s):
        return
    if at_s is None and repair_s is not None:
        place.at("repair_s").report("goes with at_s", repair_s)
        return
    if at_s is not None:
        for name in ("mtbf_s", "mttr_s"):
            if values[name] is not None:
                place.at(name).report("cannot stand beside at_s", values[name])
        if repair_s is not None and repair_s <= at_s:
            place.at("repair_s").report(f"must be after at_s, which is {at_s:g} (got {repair_s:g})", repair_s)
        if duration_s is not BAD and at_s >= duration_s:
            place.at("at_s").warn(f"the run ends after {duration_s:g} s, before this fault")
    elif mtbf_s is None and mttr_s is None:
        place.report("must have at_s, or mtbf_s and mttr_s")
    elif mtbf_s is None or mttr_s is None:
        missing, other = ("mtbf_s", "mttr_s") if mtbf_s is None else ("mttr_s", "mtbf_s")
        place.at(missing).report(f"missing; it goes together with {other}")


def _find_rows(values, variant, place, names, topology):
    """Fills in the rows of what fails, BAD where they cannot be known."""
    values |= {"node_rows": (), "link_rows": (), "terminal_rows": ()}
    if variant is None or values[variant] is BAD:
        return
    here, given = place.at(variant), values[variant]
    if variant == OF_NODES:
        values["node_rows"] = rows_of_words(given, here, names, topology)
    elif names is None:
        return
    elif variant == OF_LINK:
        values["link_rows"] = _all_or_bad([find_link(given, here, names)])
    elif variant == OF_LINKS:
        values["link_rows"] = _all_or_bad(
            [find_link(pair, here.at(index), names) for index, pair in enumerate(given)]
        )
    else:
        values["terminal_rows"] = _all_or_bad(
            [_find_terminal(each, here.at(index), names, topology) for index, each in enumerate(given)]
        )


def _all_or_bad(rows):
    return BAD if BAD in rows else tuple(rows)


def find_link(pair, place, names):
    """Rows of the two nodes of a link; BAD if it cannot be, which is reported."""
    rows = tuple(names.find(name, place) for name in pair)
    if BAD in rows:
        return BAD
    if rows[0] == rows[1]:
        place.report(f"leads from {shown(pair[0])} to itself; a link needs two nodes", list(pair))
        return BAD
    return rows


def _find_terminal(given, place, names, topology):
    """Row of a satellite, and the place of one of its terminals; BAD if there is none."""
    name, index = given
    row = names.find(name, place)
    if row is BAD or topology is None:
        return BAD
    group = next((each for each in topology.satellites if row in topology.group_rows(each.name)), None)
    if group is None:
        place.report(f"{shown(name)} is a ground site; only satellites have terminals", name)
        return BAD
    count = sum(use.count for use in group.terminals)
    if index >= count:
        there = f"has {count}, of index 0 to {count - 1}" if count > 1 else f"has {count or 'none'}"
        place.report(f"there is no terminal {index} on {shown(name)}, which {there}", index)
        return BAD
    return row, index
