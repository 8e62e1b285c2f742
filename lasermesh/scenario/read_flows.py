"""Reading `[[flows]]`: each source and destination looked up, one `FlowSpec` for each pair."""

from typing import NamedTuple

from lasermesh.scenario.experiment import ONE_PAIR, PAIRS, Flow, FlowSpec, Pair
from lasermesh.scenario.fields import BAD
from lasermesh.scenario.finding import read_data_file
from lasermesh.scenario.problems import shown
from lasermesh.scenario.reading import read_table, read_tables
from lasermesh.scenario.tables import read_csv

DEFAULT_PACKET_MIX = ((1500, 1),)


class _GivenPair(NamedTuple):
    """A pair, where to report what is wrong with it as a whole, and where its two ends stand."""

    pair: Pair
    place: object
    from_place: object
    to_place: object


def read_flows(items, place, names, duration_s):
    """The flows as written, and one row for each pair.

    Parameters
    ----------
    items : list or BAD
        The value of the key `flows`.
    names : NodeNames or None
        None if nothing is known of the topology.
    duration_s : float or BAD

    Returns
    -------
    flows : tuple of Flow
        BAD in place of one that could not be read.
    expanded : tuple of FlowSpec
        Complete if nothing was reported.
    """
    if items == []:
        place.at("flows").report("must have at least one [[flows]]")
    flows, expanded, places = [], [], {}
    for item, here in read_tables("flows", items, place):
        values, given = _read_flow(item, here, duration_s)
        rows = [_rows(each, names) for each in given]
        _check_unique(values["name"], here.at("name"), places)
        if BAD in values.values():
            flows.append(BAD)
            continue
        flow = Flow(from_name=values.pop("from"), to_name=values.pop("to"), **values)
        flows.append(flow)
        for each, (from_row, to_row) in zip(given, rows, strict=True):
            name = flow.name
            if flow.pairs:
                name += f"/{each.pair.from_name}>{each.pair.to_name}"
                _check_unique(name, each.place, places)
            if BAD not in (from_row, to_row, duration_s):
                ends = names.name_of(from_row), names.name_of(to_row), from_row, to_row
                expanded.append(_spec(flow, name, ends, each.pair.rate_gbps, duration_s))
    return tuple(flows), tuple(expanded)


def _read_flow(item, place, duration_s):
    """The values of one flow, checked, and its pairs."""
    variant = PAIRS if "pairs" in item else ONE_PAIR if "from" in item or "to" in item else None
    values = read_table((Flow,), item, place, variant)
    if variant is None and BAD not in (values["from"], values["to"], values["pairs"]):
        place.report("must have from and to, or pairs")
    given = _given_pairs(values, place)
    values["pairs"] = (
        BAD if given is BAD else () if variant == ONE_PAIR else tuple(each.pair for each in given)
    )
    given = [] if given is BAD else given
    if values["packet_bytes"] is not None and values["packet_mix"] is not None:
        place.at("packet_mix").report("cannot stand beside packet_bytes")
    if values["rate_gbps"] is None and (not given or any(each.pair.rate_gbps is None for each in given)):
        place.at("rate_gbps").report("missing; it is the rate of each flow, in Gbps")
    start_s, stop_s = values["start_s"], values["stop_s"]
    if BAD not in (start_s, stop_s) and stop_s is not None and stop_s <= start_s:
        place.at("stop_s").report(f"must be after start_s, which is {start_s:g} (got {stop_s:g})", stop_s)
    if BAD not in (start_s, duration_s) and start_s >= duration_s:
        place.at("start_s").warn(f"the run ends after {duration_s:g} s, before this flow starts")
    return values, given


def _given_pairs(values, place):
    """The pairs of a flow as given; BAD if they could not be read."""
    pairs = values["pairs"]
    if pairs is BAD:
        return BAD
    if pairs == ():
        ends = values["from"], values["to"]
        if BAD in ends or None in ends:
            return BAD  # the key itself was reported
        from_place, to_place = place.at("from"), place.at("to")
        # Where the two do not suit each other, an option is to blame rather than the file.
        latest = from_place if from_place.is_option else to_place
        return [_GivenPair(Pair(*ends), latest, from_place, to_place)]
    places = place.at("pairs")
    if isinstance(pairs, tuple):
        return [_GivenPair(Pair(*pair), *(places.at(index),) * 3) for index, pair in enumerate(pairs)]
    opened = read_data_file(pairs, places, ".csv", "file of pairs")
    rows, sound = ([], False) if opened is None else read_csv(*opened, Pair, place.source.report)
    given = [_GivenPair(Pair(*row.values()), line, line.at("from"), line.at("to")) for line, row in rows]
    return given if sound else BAD


def _rows(given, names):
    """Rows of both ends, BAD where there is no such node or it cannot be known."""
    if names is None:
        return BAD, BAD
    from_row = names.find(given.pair.from_name, given.from_place)
    to_row = names.find(given.pair.to_name, given.to_place)
    same = given.pair.from_name == given.pair.to_name if BAD in (from_row, to_row) else from_row == to_row
    if same:
        given.place.report(f"leads from {shown(given.pair.from_name)} to itself; a flow needs two nodes")
    return from_row, to_row


def _check_unique(name, place, places):
    if name is BAD:
        return
    first = places.setdefault(name, place)
    if first is not place:
        place.report(f"{shown(name)} is already the name of the flow at {first}", name)


def _spec(flow, name, ends, pair_rate_gbps, duration_s):
    return FlowSpec(
        name,
        flow.kind,
        *ends,
        rate_gbps=flow.rate_gbps if pair_rate_gbps is None else pair_rate_gbps,
        packet_mix=flow.packet_mix
        or (((flow.packet_bytes, 1),) if flow.packet_bytes else DEFAULT_PACKET_MIX),
        start_s=flow.start_s,
        stop_s=duration_s if flow.stop_s is None else flow.stop_s,
        phase_s=flow.phase_s,
    )
