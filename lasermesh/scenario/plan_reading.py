"""Reading the contact plan of a `rule = "plan"`, in whichever format it is."""

import re

from lasermesh.scenario.fields import BAD
from lasermesh.scenario.finding import read_data_bytes
from lasermesh.scenario.plan_asabr import read_asabr
from lasermesh.scenario.plan_columns import items_of, read_plan_csv, read_plan_items, read_plan_parquet
from lasermesh.scenario.plan_hdtn import read_hdtn
from lasermesh.scenario.plan_ion import read_ion
from lasermesh.scenario.plan_rows import PlanFile, merge_rows
from lasermesh.scenario.sources import FileFault, text_of
from lasermesh.scenario.topology import PlanContact

_ION_LINE = re.compile(r"^[ \t]*(?:[acd][ \t]+(?:contact|range)\b|[@^][ \t])", re.MULTILINE)
_ASABR_LINE = re.compile(r"^[ \t]*(?:(?:node|vnode|enode|contact)[ \t]+\d)", re.MULTILINE)
_ION_SUFFIXES = (".ionrc", ".rc", ".ion")
_ASABR_SUFFIXES = (".asabr", ".cp")
_HDTN_KEYS = {"source", "dest", "startTime", "endTime", "rateBitsPerSec"}
_PARQUET_MAGIC = b"PAR1"


def read_plan(name, place, names, epoch):
    """The contacts of the plan that a link rule names.

    Parameters
    ----------
    name : str
    place : Place
        Of the name.
    names : NodeNames
    epoch : datetime.datetime or BAD
        What times count from.

    Returns
    -------
    contacts : tuple of PlanContact
        By sending node, receiving node and start, without overlap; BAD if they could not be read, which has
        been reported.
    """
    opened = read_data_bytes(name, place, ".csv", "contact plan")
    if opened is None:
        return BAD
    content, path, file = opened
    report = place.source.report
    plan_file = PlanFile(file, report, names, epoch, {})
    if content[:4] == _PARQUET_MAGIC:
        rows, sound = read_plan_parquet(content, plan_file)
    else:
        try:
            text = text_of(content, path)
        except FileFault as fault:
            place.report(str(fault), name)
            return BAD
        rows, sound = _read_text(text, path.suffix.lower(), plan_file)
    merged = merge_rows(rows, plan_file)
    if merged == [] and sound:
        plan_file.line(None).report("has no contacts")
    if not merged or not sound:
        return BAD
    return tuple(
        PlanContact(
            names.name_of(row.from_row),
            names.name_of(row.to_row),
            row.start_s,
            row.stop_s,
            row.rate_bps,
            row.owlt_s,
            row.line.number or 0,
        )
        for row in merged
    )


def _read_text(text, suffix, plan_file):
    """Rows of a plan in a text, by its content, then by its suffix."""
    if text.lstrip()[0] in "{[":
        return _read_json(text, plan_file)
    if _ION_LINE.search(text) or suffix in _ION_SUFFIXES:
        return read_ion(text, plan_file)
    if _ASABR_LINE.search(text) or suffix in _ASABR_SUFFIXES:
        return read_asabr(text, plan_file)
    return read_plan_csv(text, plan_file)


def _read_json(text, plan_file):
    """HDTN's plan and that of lasermesh differ in their keys; the first contact that has any decides."""
    items = items_of(text, plan_file)
    if items is None:
        return [], False
    for line, item in items:
        if item.keys() & {"vertices"}:
            plan_file.line(line).report("plans of dtn-tvg-util are not supported; export one of ION or CSV")
            return [], False
        if item.keys() & _HDTN_KEYS:
            return read_hdtn(items, plan_file)
        if item.keys() & {"from", "to", "start_s", "stop_s"}:
            break
    return read_plan_items(items, plan_file)
