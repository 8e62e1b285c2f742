"""Reading what an experiment says of bundles: files of them, how nodes handle and what they can store."""

import math
from typing import NamedTuple

from lasermesh.scenario.bundles import (
    EXCLUSIVE,
    INCLUSIVE,
    ION,
    MOST_BUNDLES,
    NORMAL,
    PRIORITIES,
    BundleFlow,
    BundleList,
    Bundles,
    ListedBundle,
    Store,
)
from lasermesh.scenario.fields import BAD
from lasermesh.scenario.flows import BUNDLE, ONE_PAIR, PAIRS
from lasermesh.scenario.problems import shown
from lasermesh.scenario.read_queues import rows_of_words
from lasermesh.scenario.reading import read_table, read_tables
from lasermesh.scenario.sources import Line
from lasermesh.scenario.tables import read_csv
from lasermesh.units import NEVER, PS_PER_S, ps_from_s

MOST_SEGMENTS = 2**31 - 1


class BundleRows(NamedTuple):
    """Bundles in order of making, then as in the file; row i of every array is one."""

    line: object  # int64 (n,)  number of the line in the file
    from_row: object  # int64 (n,)
    to_row: object  # int64 (n,)
    created_s: object  # float64 (n,)
    n_bytes: object  # int64 (n,)
    priority: object  # int64 (n,)  row of PRIORITIES
    lifetime_s: object  # float64 (n,)  inf: it does not expire


def read_bundle_list(text, file, report, find, priority=NORMAL, lifetime_s=None, cls=ListedBundle):
    """The bundles of a CSV text, created_s,from,to,bytes[,priority,lifetime_s].

    Parameters
    ----------
    text : str
    file : str
        Its name in messages.
    report : Report
    find : function
        Row of the node with a name, given this and its place; BAD after reporting that there is none.
    priority, lifetime_s : str, float or None
        Of bundles of which the file does not say it; None: they do not expire.
    cls : type
        `ListedBundle` or `PlannedBundle`, which tell the limits.

    Returns
    -------
    bundles : BundleRows
        BAD if any could not be read, which has been reported.
    """
    import numpy as np  # most scenarios do without

    rows, sound = read_csv(text, file, cls, report)
    found = []
    for line, row in rows:
        ends = find(row["from"], line.at("from")), find(row["to"], line.at("to"))
        sound &= BAD not in ends
        if BAD not in ends and ends[0] == ends[1]:
            line.report(f"leads from {shown(row['from'])} to itself; a bundle needs two nodes")
            sound = False
        if sound:
            life_s = lifetime_s if row["lifetime_s"] is None else row["lifetime_s"]
            found.append(
                (
                    line.number,
                    *ends,
                    row["created_s"],
                    row["bytes"],
                    _priority_row(priority if row["priority"] is None else row["priority"]),
                    math.inf if life_s is None else life_s,
                )
            )
    if not sound:
        return BAD
    found.sort(key=lambda each: each[3])
    is_time = [name.endswith("_s") for name in BundleRows._fields]
    columns = zip(*found, strict=True)
    return BundleRows(
        *(
            np.array(column, float if time else np.int64)
            for column, time in zip(columns, is_time, strict=True)
        )
    )


def _priority_row(priority):
    """Row of PRIORITIES of one that is given by its word or its number."""
    return PRIORITIES.index(priority) if isinstance(priority, str) else priority


def check_bundle_keys(values, item, variant, place, duration_s):
    """What the keys of a flow of bundles that no file lists say together."""
    size, every_s = values["bundle_bytes"], values["every_s"]
    if variant in (ONE_PAIR, PAIRS) and size is None:
        place.at("bundle_bytes").report(f'missing; it is the size of each bundle, with kind = "{BUNDLE}"')
    if BAD not in (size, values["segment_bytes"]) and size is not None:
        _check_segments(size, values["segment_bytes"], place.at("bundle_bytes"))
    if variant not in (ONE_PAIR, PAIRS):
        for name in ("start_s", "stop_s"):
            if name in item:
                place.at(name).report("cannot stand beside bundles, where their times are", item[name])
        return
    for name in ("arrivals", "count"):
        if every_s is None and name in item:
            place.at(name).report("goes with every_s", item[name])
    start_s, stop_s, count = values["start_s"], values["stop_s"], values["count"]
    if every_s is not None and BAD not in (every_s, start_s, stop_s, count, duration_s):
        end_s = duration_s if stop_s is None else min(stop_s, duration_s)
        if count is None and end_s - start_s > MOST_BUNDLES * every_s:
            least_s = (end_s - start_s) / MOST_BUNDLES
            place.at("every_s").report(
                f"makes more than {MOST_BUNDLES:,} bundles; must be at least {least_s:.6g}, unless there is "
                f"a count (got {every_s:g})",
                every_s,
            )


def _check_segments(n_bytes, segment_bytes, place):
    """Whether the packets of a bundle can be numbered."""
    fits = -(-n_bytes // segment_bytes) <= MOST_SEGMENTS
    if not fits:
        message = f"must be at most {MOST_SEGMENTS} segments of {segment_bytes} bytes (got {n_bytes})"
        place.report(message, n_bytes)
    return fits


def read_listed(opened, values, place, names, duration_s):
    """The bundles of the file that a flow names.

    Parameters
    ----------
    opened : (str, str) or None
        Text and name of the file; None if it could not be read.
    values : dict
        Of the flow's keys.
    place : Place
        Of the flow.
    names : NodeNames or None
    duration_s : float or BAD

    Returns
    -------
    by_pair : dict of BundleList
        By rows of both ends, in the order in which they come in the file; BAD if they could not be read.
    """
    import numpy as np

    if opened is None:
        return BAD
    report, segment_bytes = place.source.report, values["segment_bytes"]
    find = (lambda name, line: BAD) if names is None else names.find
    own = values["priority"], values["lifetime_s"]
    bundles = read_bundle_list(*opened, report, find, *(None if each is BAD else each for each in own))
    if bundles is BAD or segment_bytes is BAD or BAD in own:
        return BAD
    largest = int(bundles.n_bytes.argmax())
    line = Line(report, opened[1], int(bundles.line[largest]))
    if not _check_segments(int(bundles.n_bytes[largest]), segment_bytes, line.at("bytes")):
        return BAD
    created_ps, lifetime_ps = _ps(bundles.created_s), _ps(bundles.lifetime_s)
    if duration_s is not BAD:
        late = int((created_ps >= ps_from_s(duration_s)).sum())
        if late:
            n = len(bundles.line)
            place.at("bundles").warn(f"the run ends after {duration_s:g} s, before {late} of its {n} bundles")
    ends = np.stack((bundles.from_row, bundles.to_row), axis=1)
    pairs, pair_of, counts = np.unique(ends, axis=0, return_inverse=True, return_counts=True)
    by_pair = np.split(np.argsort(pair_of.ravel(), kind="stable"), np.cumsum(counts)[:-1])
    columns = created_ps, bundles.n_bytes, bundles.priority, lifetime_ps
    order = np.argsort([bundles.line[rows].min() for rows in by_pair])
    return {
        tuple(pairs[pair].tolist()): BundleList(*(column[by_pair[pair]] for column in columns))
        for pair in order.tolist()
    }


def _ps(times_s):
    """Times in picoseconds: int64, NEVER for inf."""
    import numpy as np

    ends = np.isfinite(times_s)
    return np.where(ends, np.rint(np.where(ends, times_s, 0.0) * PS_PER_S).astype(np.int64), NEVER)


def bundle_flow(flow, table_index, name, ends, listed):
    """The `BundleFlow` of one pair; `ends` are both names, then both rows."""
    return BundleFlow(name, *ends, table=flow, table_index=table_index, listed=listed)


def read_handling(table, place):
    """The `Bundles`, BAD after reporting what is wrong with them."""
    if table is BAD or isinstance(table, Bundles):
        return table
    values = read_table((Bundles,), table, place)
    if values["routing"] == ION and values["window_end"] == INCLUSIVE:
        message = f'must be "{EXCLUSIVE}" with routing = "{ION}": its contacts end before their last instant'
        place.at("window_end").report(message, INCLUSIVE)
    return BAD if BAD in values.values() else Bundles(**values)


def read_stores(items, place, names, topology):
    """The entries of `[[stores]]`, BAD in place of one that could not be read.

    `names` (NodeNames) is None where nothing is known of the topology, `topology` where not all of it is.
    """
    stores = []
    for item, here in read_tables("stores", items, place):
        values = read_table((Store,), item, here)
        on = values["on"]
        values["rows"] = on if on is BAD else rows_of_words(on, here.at("on"), names, topology)
        if isinstance(on, str):
            values["on"] = (on,)
        stores.append(BAD if BAD in values.values() else Store(**values))
    return tuple(stores)


def warn_of_no_bundles(values, place):
    """Says which tables do nothing, for want of a flow of bundles."""
    if any(flow is BAD or flow.kind == BUNDLE for flow in values["flows"]):
        return
    for name in ("bundles", "stores"):
        if name in place.source.data:
            place.at(name).warn(f"does nothing, as there is no flow of kind {shown(BUNDLE)}")
