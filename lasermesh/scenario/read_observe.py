"""Reading `[observe]`: which flows and links are looked at more closely."""

import dataclasses

from lasermesh.scenario.experiment import Observe
from lasermesh.scenario.fields import BAD
from lasermesh.scenario.flows import BUNDLE
from lasermesh.scenario.problems import did_you_mean, shown
from lasermesh.scenario.read_faults import find_link
from lasermesh.scenario.reading import read_table

ALL = "all"
REAL = "live"  # flows of real programs, which a live run puts together under this name


def read_observe(table, place, names, flows, expanded):
    """An `Observe`, or BAD after reporting what is wrong with it.

    Parameters
    ----------
    table : dict, Observe or BAD
    names : NodeNames or None
    flows : tuple of Flow
        BAD in place of one that could not be read.
    expanded : tuple of FlowSpec
        Complete if nothing was reported.
    """
    if table is BAD or isinstance(table, Observe):
        return table
    values = read_table((Observe,), table, place)
    wanted = values["trace_flows"]
    if isinstance(wanted, str) and wanted != ALL:
        wanted = values["trace_flows"] = (wanted,)
    if wanted not in (BAD, ALL) and BAD not in flows:
        known = {flow.name for flow in flows if flow.kind != BUNDLE} | {each.name for each in expanded}
        bundles = {flow.name for flow in flows if flow.kind == BUNDLE}
        for index, name in enumerate(wanted):
            here = place.at("trace_flows")
            here = here if isinstance(table["trace_flows"], str) else here.at(index)
            if name in bundles:
                here.report("is of bundles, all of which are written down hop by hop anyway", name)
            elif name not in known and name.split("/")[0] == REAL:
                here.report(
                    "packets of real programs are not followed; --capture flow:live tells of them", name
                )
            elif name not in known:
                here.report(f"no flow is named {shown(name)}{did_you_mean(name, known)}", name)
    queue_of = values["queue_of"]
    values["queue_rows"] = ()
    if queue_of is not BAD and queue_of and names is not None:
        here = place.at("queue_of")
        several = isinstance(table["queue_of"][0], list)
        rows = [
            find_link(pair, here.at(index) if several else here, names) for index, pair in enumerate(queue_of)
        ]
        values["queue_rows"] = BAD if BAD in rows else tuple(rows)
    return BAD if BAD in values.values() else Observe(**values)


def mark_traced(expanded, observe):
    """The flows, those marked that `observe` asks for by their own name or that of their table."""
    wanted = observe.trace_flows
    if not wanted:
        return expanded
    return tuple(
        dataclasses.replace(each, traced=True)
        if wanted == ALL or each.name in wanted or each.table.name in wanted
        else each
        for each in expanded
    )
