"""Reading queue keys where they stand, and `[[queues]]`: which links are meant."""

from lasermesh.scenario.fields import BAD
from lasermesh.scenario.problems import shown
from lasermesh.scenario.queues import DROP_TAIL, ECN_THRESHOLD, QueueKeys, QueueRule
from lasermesh.scenario.reading import read_table, read_tables


def check_queue_keys(values, place):
    """Checks the queue keys of one table against each other; `read_table` has seen what goes with what."""
    thresholds = ("ecn_threshold_packets", "ecn_threshold_bytes")
    if values["queue"] == ECN_THRESHOLD and all(values[name] is None for name in thresholds):
        place.at("queue").report(
            f"{shown(ECN_THRESHOLD)} needs ecn_threshold_packets, ecn_threshold_bytes or both", ECN_THRESHOLD
        )


def read_queues(items, place, names, topology):
    """The entries of `[[queues]]`, BAD in place of one that could not be read.

    `names` (NodeNames) is None where nothing is known of the topology, `topology` where not all of it is.
    """
    entries = []
    for item, here in read_tables("queues", items, place):
        values = read_table((QueueRule,), item, here)
        check_queue_keys(values, here)
        if not values.keys() & item.keys() & QueueKeys.__annotations__.keys():
            here.report("says nothing about queues, as queue_bytes, queue, classes or bit_error_rate would")
        if topology is not None and values["rule"] not in (BAD, None):
            _check_rule(values["rule"], topology, here.at("rule"))
        for end in ("from", "to"):
            values[f"{end}_rows"] = _rows(values, end, here, names, topology)
        if BAD in values.values():
            entries.append(BAD)
        else:
            from_names, to_names = (_as_tuple(values.pop(end)) for end in ("from", "to"))
            entries.append(QueueRule(from_names=from_names, to_names=to_names, **values))
    return tuple(entries)


def _check_rule(rule, topology, place):
    count = len(topology.links)
    if rule >= count:
        there = f"rules go from 0 to {count - 1}" if count else "there are none"
        place.report(f"there is no rule {rule} in [[links]]; {there}", rule)


def _as_tuple(given):
    return (given,) if isinstance(given, str) else given


def _rows(values, end, place, names, topology):
    """Rows of the nodes that are meant, None for all; BAD if they cannot be known."""
    given = values[end]
    if given is BAD or given == ():
        return BAD if given is BAD else None
    return rows_of_words(given, place.at(end), names, topology)


def rows_of_words(given, place, names, topology):
    """Rows of the nodes that a name, or each of a list of names, of nodes or groups means, ascending.

    BAD if they cannot be known, be it that a name is wrong, which is reported.
    """
    rows = rows_as_given(given, place, names, topology)
    return BAD if rows is BAD else tuple(sorted(rows))


def rows_as_given(given, place, names, topology):
    """As `rows_of_words`, but in the order in which they are named first."""
    if names is None:
        return BAD
    group_rows = None if topology is None else topology.group_rows
    if isinstance(given, str):
        found = [names.find_nodes(given, place, group_rows)]
    else:
        found = [names.find_nodes(word, place.at(i), group_rows) for i, word in enumerate(given)]
    if BAD in found:
        return BAD
    return tuple(dict.fromkeys(row for rows in found for row in rows))


def check_takes_trains(tables):
    """Reports what keeps trains from crossing a link: any queue but drop-tail with one class.

    Parameters
    ----------
    tables : iterable of (QueueKeys, Place)
        All tables with queue keys.
    """
    for table, place in tables:
        if table is BAD:
            continue
        if table.queue not in (None, DROP_TAIL):
            place.at("queue").report(
                f'trains need queues of packets alike, queue = "drop-tail" (got {shown(table.queue)}); '
                'fidelity = "packet" would do',
                table.queue,
            )
        if table.classes not in (None, 1):
            place.at("classes").report(
                f"trains need queues of packets alike, classes = 1 (got {table.classes}); "
                'fidelity = "packet" would do',
                table.classes,
            )
