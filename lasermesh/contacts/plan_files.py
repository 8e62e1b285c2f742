"""Writing contact plans: CSV, JSON, Parquet, and the formats of ION, HDTN and A-SABR.

Every writer takes a path, or None for standard output, and leaves either the whole file or what was there
before. `lasermesh.scenario` reads all of these formats. What a format cannot hold is passed to `warn`, one
sentence each.
"""

import csv
import io
import json
import re
from datetime import datetime, timedelta
from typing import NamedTuple

import numpy as np

from lasermesh.contacts.plan_rounding import Rounding, number_text
from lasermesh.files import whole_file
from lasermesh.units import NONE

KIND_NAMES = ("isl", "gsl")
CHUNK = 10_000
"""Rows that become text at a time: as fast as all at once, without holding all of it."""


class PlanNodes(NamedTuple):
    """What a file says of the nodes and of t = 0."""

    names: tuple  # name by row
    ipn_numbers: np.ndarray  # int64 (n_nodes,)
    epoch: datetime  # the instant of t = 0, UTC


def nodes_of(topology):
    """The `PlanNodes` of a topology."""
    return PlanNodes(topology.node_names, topology.ipn_numbers, topology.epoch)


def write_csv(path, plan, nodes, warn=None):
    """Write a `ContactPlan` as CSV with a header, one row for each contact; nothing is rounded."""
    with whole_file(path) as out:
        out.write(",".join(plan_fields()) + "\n")
        for rows in _row_chunks(plan, nodes):
            text = io.StringIO()
            csv.writer(text, lineterminator="\n").writerows([_csv_cell(cell) for cell in row] for row in rows)
            out.write(text.getvalue())


def write_json(path, plan, nodes, warn=None, more=None):
    """Write a `ContactPlan` as a JSON object, its `contacts` after the keys of `more`; nothing is rounded."""
    names = plan_fields()
    with whole_file(path) as out:
        head = json.dumps(more or {}, ensure_ascii=False, allow_nan=False)[1:-1]
        out.write("{" + head + (", " if head else "") + '"contacts": [')
        separator = "\n"
        for rows in _row_chunks(plan, nodes):
            items = [json.dumps(dict(zip(names, row, strict=True)), ensure_ascii=False) for row in rows]
            out.write(separator + ",\n".join(items))
            separator = ",\n"
        out.write("\n]}\n" if plan.size else "]}\n")


def write_parquet(path, plan, nodes, warn=None):
    """Write a `ContactPlan` as Parquet with the columns of the CSV file; nothing is rounded."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    names = pa.array(nodes.names, pa.string())
    columns = [names.take(pa.array(plan.from_node)), names.take(pa.array(plan.to_node))]
    kinds = pa.array(KIND_NAMES).take(pa.array(plan.kind, mask=plan.kind == NONE))
    columns += [kinds, *(pa.array(column) for column in plan[3:6])]
    columns += [pa.array(plan.owlt_s, from_pandas=True), pa.array(plan.open_start), pa.array(plan.open_stop)]
    with whole_file(path, binary=True) as out:
        pq.write_table(pa.Table.from_arrays(columns, names=list(plan_fields())), out)


def write_ion(path, plan, nodes, warn=None, fractions=False):
    """Write a `ContactPlan` as lines `a contact` and `a range` of an ionrc file for ION.

    Rates are in whole bytes/s; times and light times in whole seconds, rounded to the nearest, unless
    `fractions` asks for decimals, which ION does not read yet. Ranges stand in both directions, one for as
    long as the light time stays the same. Times count from the reference time, which is the epoch, or are
    absolute where a contact starts before it.
    """
    rounding = Rounding(fractions, warn)
    plan, rate = rounding.of_plan(plan)
    owlt_s = rounding.light_times(plan.owlt_s)
    time_text = _relative_time if not plan.size or plan.start_s.min() >= 0.0 else _absolute_time(nodes.epoch)
    lines = [
        (start_s, 1, f"a contact {time_text(start_s)} {time_text(stop_s)} {a} {b} {number_text(bytes_per_s)}")
        for start_s, stop_s, a, b, bytes_per_s in _listed(plan, nodes, rate)
    ]
    numbers = nodes.ipn_numbers
    lines += [
        (
            start_s,
            0,
            f"a range {time_text(start_s)} {time_text(stop_s)} {numbers[a]} {numbers[b]} {number_text(t)}",
        )
        for a, b, start_s, stop_s, t in _ranges(plan, owlt_s)
    ]
    lines.sort()
    with whole_file(path) as out:
        out.write(f"# Contact plan: bytes/s and light seconds; +0 is {_utc(nodes.epoch)}\n")
        for row in np.unique(np.concatenate([plan.from_node, plan.to_node])).tolist():
            out.write(f"# node {numbers[row]}: {nodes.names[row]}\n")
        out.writelines(f"{text}\n" for _, _, text in lines)


def write_hdtn(path, plan, nodes, warn=None):
    """Write a `ContactPlan` as JSON for HDTN: bit/s, and whole seconds, as it reads decimals as 0."""
    rounding = Rounding(False, warn, "")
    plan, _ = rounding.of_plan(plan, rate_unit_bits=1)
    owlt_s = rounding.light_times(plan.owlt_s)
    if warn is not None and plan.size and plan.start_s.min() < 0.0:
        warn(f"{int((plan.start_s < 0.0).sum())} contacts start before 0, the router's start")
    with whole_file(path) as out:
        out.write('{"contacts": [')
        rows = zip(_listed(plan, nodes, plan.rate_bps), owlt_s.tolist(), strict=True)
        for index, ((start_s, stop_s, a, b, rate_bps), light_s) in enumerate(rows):
            out.write(
                f'{"," if index else ""}\n{{"contact": {index}, "source": {a}, "dest": {b}, '
                f'"startTime": {int(start_s)}, "endTime": {int(stop_s)}, "rateBitsPerSec": {rate_bps}, '
                f'"owlt": {int(light_s)}}}'
            )
        out.write("\n]}\n" if plan.size else "]}\n")


def write_asabr(path, plan, nodes, warn=None, fractions=False):
    """Write a `ContactPlan` in A-SABR's own text form, with one rate (bytes/s) and delay for each contact.

    Nodes that have contacts get ids from 0 in the order of rows. A name that its words cannot hold is written
    as `ipn:NUMBER`. Whole seconds, unless `fractions` asks for decimals, which its text reader refuses.
    """
    rounding = Rounding(fractions, warn)
    plan, rate = rounding.of_plan(plan)
    owlt_s = rounding.light_times(plan.owlt_s)
    rows = np.unique(np.concatenate([plan.from_node, plan.to_node]))
    order = np.argsort(plan.start_s, kind="stable")
    with whole_file(path) as out:
        out.write(f"# Contact plan: bytes/s and seconds; 0 is {_utc(nodes.epoch)}\n")
        renamed = 0
        for number, row in enumerate(rows.tolist()):
            name = nodes.names[row]
            if re.search(r"[\s\[\],#]", name):
                renamed += 1
                out.write(f"# {name}\n")
                name = f"ipn:{nodes.ipn_numbers[row]}"
            out.write(f"node {number} {name}\n")
        ids = (np.searchsorted(rows, column)[order].tolist() for column in (plan.from_node, plan.to_node))
        columns = (column[order].tolist() for column in (plan.start_s, plan.stop_s, rate, owlt_s))
        for a, b, *values in zip(*ids, *columns, strict=True):
            out.write(f"contact {a} {b} {' '.join(map(number_text, values))}\n")
    if renamed and warn is not None:
        warn(f"names with characters that A-SABR cannot read: {renamed}, written as ipn:NUMBER")


WRITERS = {
    "csv": write_csv,
    "json": write_json,
    "parquet": write_parquet,
    "ion": write_ion,
    "hdtn": write_hdtn,
    "asabr": write_asabr,
}


def plan_fields():
    """Names of the columns in files."""
    return ("from", "to", "kind", "start_s", "stop_s", "rate_bps", "owlt_s", "open_start", "open_stop")


def _row_chunks(plan, nodes):
    """Lists of rows of Python values, by `plan_fields`, None for a kind or light time that is not known."""
    names = nodes.names
    for first in range(0, plan.size, CHUNK):
        part = [column.tolist() for column in plan.take(slice(first, first + CHUNK))]
        part[0] = [names[row] for row in part[0]]
        part[1] = [names[row] for row in part[1]]
        part[2] = [None if kind == NONE else KIND_NAMES[kind] for kind in part[2]]
        part[6] = [None if time_s != time_s else time_s for time_s in part[6]]
        yield list(zip(*part, strict=True))


def _csv_cell(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else value


def _listed(plan, nodes, rate):
    """(start, stop, ipn numbers of both ends, rate) of each contact, as Python values."""
    numbers = nodes.ipn_numbers
    columns = plan.start_s, plan.stop_s, numbers[plan.from_node], numbers[plan.to_node], rate
    return zip(*(column.tolist() for column in columns), strict=True)


def _ranges(plan, owlt_s):
    """(from, to, start, stop, light time) of each range: for every pair with a contact, in both directions.

    Contacts of a pair that follow each other with the same light time share one. A direction without contacts
    has the ranges of the other, which ION would infer in one of two cases only.
    """
    series = {}
    order = np.lexsort((plan.start_s, plan.to_node, plan.from_node))
    columns = plan.from_node, plan.to_node, plan.start_s, plan.stop_s, owlt_s
    for a, b, start_s, stop_s, time_s in zip(*(column[order].tolist() for column in columns), strict=True):
        if time_s != time_s:
            continue
        one = series.setdefault((a, b), [])
        if one and one[-1][2] == time_s:
            one[-1] = (one[-1][0], stop_s, time_s)
        else:
            one.append((start_s, stop_s, time_s))
    for (a, b), one in list(series.items()):
        series.setdefault((b, a), one)
    return [(a, b, *each) for (a, b), one in series.items() for each in one]


def _relative_time(time_s):
    return f"+{number_text(time_s)}"


def _absolute_time(epoch):
    """A function that writes times since the epoch as yyyy/mm/dd-hh:mm:ss[.fff]."""
    whole_epoch = epoch.replace(microsecond=0)
    shift_s = epoch.microsecond * 1e-6

    def text(time_s):
        whole_s, fraction_s = divmod(time_s + shift_s, 1.0)
        moment = whole_epoch + timedelta(seconds=whole_s)
        return f"{moment:%Y/%m/%d-%H:%M:%S}" + (number_text(fraction_s)[1:] if fraction_s else "")

    return text


def _utc(epoch):
    return epoch.isoformat().replace("+00:00", "Z")
