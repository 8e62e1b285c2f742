"""Reading the contact plan of a `rule = "plan"`, in whichever format it is."""

import re
import tomllib

from lasermesh import shipped
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
_JSON_START = re.compile(r"\s*(?:\[\s*)?\{")
_CSV_COLUMNS = {"from", "to", "start_s", "stop_s"}


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
    opened = open_plan(name, place)
    if opened is None:
        return BAD
    content, path, file = opened
    report = place.source.report
    plan_file = PlanFile(file, report, names, epoch, {}, {})
    try:
        rows, sound = rows_of(content, path, plan_file)
    except FileFault as fault:
        place.report(str(fault), name)
        return BAD
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


def open_plan(name, place):
    """Bytes, path and display name of the plan that is named at this place; None after reporting why not.

    A name is looked up beside the scenario, then among the shipped plans.
    """
    return read_data_bytes(name, place, ".csv", "contact plan", shipped.find_plan, shipped.list_plans())


def rows_of(content, path, plan_file):
    """Rows of a plan in the bytes of a file, and whether nothing had to be reported.

    Raises
    ------
    FileFault
        If it is neither Parquet nor text.
    """
    if content[:4] == _PARQUET_MAGIC:
        rows, sound = read_plan_parquet(content, plan_file)
    else:
        rows, sound = _read_text(text_of(content, path), path.suffix.lower(), plan_file)
    for missing in plan_file.missing.values():
        missing.tell()
    return rows, sound


def looks_like_plan(content):
    """Whether the bytes of a file, which should be TOML, are rather those of a contact plan."""
    if content[:4] == _PARQUET_MAGIC:
        return True
    text = content.decode("utf-8-sig", "replace")
    columns = {word.strip() for word in text.partition("\n")[0].split(",")}
    if not (
        _JSON_START.match(text)
        or _ION_LINE.search(text)
        or _ASABR_LINE.search(text)
        or columns >= _CSV_COLUMNS
    ):
        return False
    try:
        tomllib.loads(text)  # where such lines may stand in a text
    except (ValueError, RecursionError):
        return True
    return False


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
