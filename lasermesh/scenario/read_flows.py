"""Reading `[[flows]]`: each source and destination looked up, one `FlowSpec` for each pair."""

from typing import NamedTuple

from lasermesh.scenario.fields import BAD
from lasermesh.scenario.finding import read_data_file
from lasermesh.scenario.flows import (
    ACK,
    BULK,
    BUNDLE,
    BUNDLE_FILE,
    GRAVITY,
    IMIX,
    LEAST_GBPS,
    LEAST_IPV6_BYTES,
    MATRIX,
    ONE_PAIR,
    PACKET_BYTES,
    PAIRS,
    RATED,
    REPLY,
    REQUEST,
    TRACE,
    Flow,
    FlowSpec,
    Pair,
)
from lasermesh.scenario.problems import shown
from lasermesh.scenario.read_bundles import MOST_SEGMENTS, bundle_flow, check_bundle_keys, read_listed
from lasermesh.scenario.read_matrices import read_gravity, read_matrix
from lasermesh.scenario.reading import read_table, read_tables
from lasermesh.scenario.tables import read_csv

DEFAULT_BYTES = 1500
COMPANIONS = {BULK: ACK, REQUEST: REPLY}
"""Kind of the flow that comes back, by kind of flow."""


class _GivenPair(NamedTuple):
    """A pair, where to report what is wrong with it as a whole, and where its two ends stand."""

    pair: Pair
    place: object
    from_place: object
    to_place: object
    listed: object = None  # BundleList of its bundles, if a file has them


def read_flows(items, place, names, topology, duration_s, ip_version):
    """The flows as written, and one row for each pair, followed by that of what comes back; bundles apart.

    Parameters
    ----------
    items : list or BAD
        The value of the key `flows`.
    names : NodeNames or None
        None if nothing is known of the topology.
    topology : Topology or None
        None if not all of it is known.
    duration_s : float or BAD
    ip_version : int or BAD
        Of flows that do not say theirs.

    Returns
    -------
    flows : tuple of Flow
        BAD in place of one that could not be read.
    expanded : tuple of FlowSpec
        Of all kinds but bundles; complete if nothing was reported.
    bundle_flows : tuple of BundleFlow
        One for each pair; complete if nothing was reported.
    """
    if items == []:
        place.at("flows").report("must have at least one [[flows]]")
    flows, expanded, bundle_flows, places = [], [], [], {}
    for item, here in read_tables("flows", items, place):
        values, given = _read_flow(item, here, names, topology, duration_s, ip_version)
        rows = [_rows(each, names) for each in given]
        _check_unique(values["name"], here.at("name"), places)
        if BAD in values.values():
            flows.append(BAD)
            continue
        ends = {"from_name": values.pop("from"), "to_name": values.pop("to"), "class_": values.pop("class")}
        flow = Flow(**ends, **values)
        for each, (from_row, to_row) in zip(given, rows, strict=True):
            name = flow.name
            if flow.from_name is None:
                name += f"/{each.pair.from_name}>{each.pair.to_name}"
                _check_unique(name, each.place, places)
            if flow.kind in COMPANIONS:
                _check_unique(f"{name}/{COMPANIONS[flow.kind]}", each.place, places)
            if BAD in (from_row, to_row, duration_s):
                continue
            ends = names.name_of(from_row), names.name_of(to_row), from_row, to_row
            if flow.kind == BUNDLE:
                bundle_flows.append(bundle_flow(flow, len(flows), name, ends, each.listed))
            else:
                expanded += _specs(flow, len(flows), name, ends, each.pair.rate_gbps, duration_s)
        flows.append(flow)
    return tuple(flows), tuple(expanded), tuple(bundle_flows)


def _read_flow(item, place, names, topology, duration_s, ip_version):
    """The values of one flow, checked, and its pairs."""
    variant = _variant_of(item)
    values = read_table((Flow,), item, place, variant)
    if variant is None and BAD not in (values["from"], values["to"], values["pairs"]):
        last = "bundles" if values["kind"] == BUNDLE else "matrix"
        place.report(f"must have from and to, or pairs, or {last}")
    for other in ("matrix", "bundles"):
        if "pairs" in item and other in item:
            place.at(other).report("cannot stand beside pairs", item[other])
            values[other] = BAD
    if variant == BUNDLE_FILE:
        given = _listed_pairs(values, place, names, duration_s)
    else:
        given = _given_pairs(values, variant, place, names, topology)
    values["pairs"] = (
        BAD
        if given is BAD
        else tuple(each.pair for each in given)
        if variant in (PAIRS, MATRIX, GRAVITY)
        else ()
    )
    given = [] if given is BAD else given
    _check_rates(values, given, variant, place)
    _check_sizes(values, place)
    _check_times(values, place, duration_s)
    if values["kind"] == BUNDLE:
        check_bundle_keys(values, item, variant, place, duration_s)
    if values["kind"] == TRACE and values["trace"] is not BAD:
        values["trace_packets"] = _read_trace(values, place, duration_s)
    if values["kind"] != BUNDLE and values["ip_version"] is None:
        values["ip_version"] = ip_version
    if values["ip_version"] == 6:
        _check_ipv6_sizes(values, item, place)
    return values, given


def _variant_of(item):
    """How a flow says from where to where it leads; None if it does not."""
    if "pairs" in item:
        return PAIRS
    if "matrix" in item:
        return GRAVITY if item["matrix"] == "gravity" else MATRIX
    if "bundles" in item:
        return BUNDLE_FILE
    return ONE_PAIR if "from" in item or "to" in item else None


def _given_pairs(values, variant, place, names, topology):
    """The pairs of a flow as given; BAD if they could not be read."""
    if variant == GRAVITY:
        return _one_place(read_gravity(values, place, names, topology), place.at("sites"))
    if variant == MATRIX:
        if values["matrix"] in (BAD, None):
            return BAD
        rows = read_matrix(values["matrix"], place.at("matrix"), names)
        return (
            BAD
            if rows is BAD
            else [_GivenPair(pair, line, line.at("from"), line.at("to")) for line, pair in rows]
        )
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


def _listed_pairs(values, place, names, duration_s):
    """The pairs of the bundles in a file, each with its own of them; BAD if they could not be read."""
    if values["bundles"] is BAD or values["kind"] != BUNDLE:
        return BAD
    here = place.at("bundles")
    opened = read_data_file(values["bundles"], here, ".csv", "file of bundles")
    by_pair = read_listed(opened, values, place, names, duration_s)
    if by_pair is BAD:
        return BAD
    return [
        _GivenPair(Pair(*map(names.name_of, ends)), here, here, here, listed)
        for ends, listed in by_pair.items()
    ]


def _one_place(pairs, place):
    """Pairs that one place is to answer for."""
    return BAD if pairs is BAD else [_GivenPair(pair, place, place, place) for pair in pairs]


def _check_rates(values, given, variant, place):
    """Every flow that needs a rate has one, and no other has."""
    kind = values["kind"]
    if kind == REQUEST and BAD not in (values["requests_per_s"], values["packet_bytes"]):
        per_s, size = values["requests_per_s"], values["packet_bytes"] or DEFAULT_BYTES
        if per_s * size * 8e-9 < LEAST_GBPS:
            least = LEAST_GBPS / (size * 8e-9)
            place.at("requests_per_s").report(
                f"must make 1 kbit/s at least, which {least:.4g} of {size} bytes do (got {per_s:g})", per_s
            )
    if kind is BAD or variant not in (ONE_PAIR, PAIRS):
        return
    if kind not in RATED:
        for each in given:
            if each.pair.rate_gbps is not None:
                each.place.at("rate_gbps").report(
                    f"goes with a kind that has a rate, not with kind = {shown(kind)}", each.pair.rate_gbps
                )
    elif values["rate_gbps"] is None and (not given or any(each.pair.rate_gbps is None for each in given)):
        place.at("rate_gbps").report("missing; it is the rate of each flow, in Gbps")


def _check_sizes(values, place):
    """A mix by its name becomes sizes and weights; no packet is shorter than its headers."""
    if values["packet_mix"] == "imix":
        values["packet_mix"] = IMIX
    if values["packet_bytes"] is not None and values["packet_mix"] is not None:
        place.at("packet_mix").report("cannot stand beside packet_bytes")
    size = values["packet_bytes"] or DEFAULT_BYTES
    if values["kind"] == BULK and BAD not in (size, values["total_bytes"]):
        _check_last_packet(values["total_bytes"], size, place.at("total_bytes"))
        if -(-values["total_bytes"] // size) > MOST_SEGMENTS:
            message = (
                f"must be at most {MOST_SEGMENTS} segments of {size} bytes (got {values['total_bytes']})"
            )
            place.at("total_bytes").report(message, values["total_bytes"])
    if values["kind"] == REQUEST and BAD not in (values["response_bytes"], values["response_packet_bytes"]):
        size = values["response_packet_bytes"]
        _check_last_packet(values["response_bytes"], size, place.at("response_bytes"))


def _check_last_packet(total_bytes, packet_bytes, place):
    """What is left for the last packet must be an IP packet too."""
    left = total_bytes % packet_bytes if total_bytes is not None else 0
    if 0 < left < PACKET_BYTES.low:
        place.report(
            f"leaves {left} byte{'s' * (left > 1)} for the last packet after those of {packet_bytes}; "
            f"it must have {PACKET_BYTES.low} at least (got {total_bytes})",
            total_bytes,
        )


def _check_ipv6_sizes(values, item, place):
    """No packet of IPv6 is shorter than its headers, which are longer than those of IPv4."""
    sizes = "packet_bytes", "ack_bytes", "response_packet_bytes"
    given = [(key, values[key]) for key in sizes if key in item]
    if values["packet_mix"] not in (BAD, None):
        given.append(("packet_mix", min(size for size, _ in values["packet_mix"])))
    trace = values.get("trace_packets")
    if trace is not None and trace is not BAD:
        given.append(("trace", int(trace.size_bytes.min())))
    whole = [("total_bytes", values["packet_bytes"] or DEFAULT_BYTES)] if values["kind"] == BULK else []
    whole += [("response_bytes", values["response_packet_bytes"])] if values["kind"] == REQUEST else []
    for key, size in whole:
        if BAD not in (values[key], size) and values[key] is not None and size >= LEAST_IPV6_BYTES:
            given.append((key, values[key] % size or size))  # the last packet of all
    for key, size in given:
        if size not in (BAD, None) and PACKET_BYTES.low <= size < LEAST_IPV6_BYTES:
            makes = "" if key in sizes else "makes packets of which one "
            place.at(key).report(
                f"{makes}has {size} bytes; with ip_version = 6 it must have {LEAST_IPV6_BYTES} at least", size
            )


def _check_times(values, place, duration_s):
    start_s, stop_s = values["start_s"], values["stop_s"]
    if BAD not in (start_s, stop_s) and stop_s is not None and stop_s <= start_s:
        place.at("stop_s").report(f"must be after start_s, which is {start_s:g} (got {stop_s:g})", stop_s)
    if BAD not in (start_s, duration_s) and start_s >= duration_s:
        place.at("start_s").warn(f"the run ends after {duration_s:g} s, before this flow starts")


def _read_trace(values, place, duration_s):
    """The packets of a trace; BAD if they could not be read. Says which of them the run has no time for."""
    from lasermesh.scenario.read_traces import read_trace  # imports numpy, which most scenarios do without

    trace = read_trace(values["trace"], place.at("trace"))
    start_s, stop_s = values["start_s"], values["stop_s"]
    if trace is not BAD and BAD not in (start_s, stop_s, duration_s) and start_s < duration_s:
        end_s = duration_s if stop_s is None else min(stop_s, duration_s)
        sent = int((trace.time_ps < (end_s - start_s) * 1e12).sum())
        if sent < len(trace.time_ps):
            place.at("trace").warn(f"only {sent} of its {len(trace.time_ps)} packets come before the end")
    return trace


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


def _specs(flow, table_index, name, ends, pair_rate_gbps, duration_s):
    """The row of one flow, and that of what comes back where something does."""
    from_name, to_name, from_row, to_row = ends
    rate_gbps = flow.rate_gbps if pair_rate_gbps is None else pair_rate_gbps
    if flow.kind == REQUEST:
        rate_gbps = flow.requests_per_s * flow.sizes[0][0] * 8e-9
    there = FlowSpec(
        name,
        flow.kind,
        *ends,
        rate_gbps=rate_gbps or 0.0,
        packet_mix=() if flow.kind == TRACE else flow.sizes,
        start_s=flow.start_s,
        stop_s=duration_s if flow.stop_s is None else flow.stop_s,
        phase_s=flow.phase_s,
        class_=flow.class_,
        table=flow,
        table_index=table_index,
    )
    if flow.kind not in COMPANIONS:
        return [there]
    size = flow.ack_bytes if flow.kind == BULK else min(flow.response_packet_bytes, flow.response_bytes)
    back = FlowSpec(
        f"{name}/{COMPANIONS[flow.kind]}",
        COMPANIONS[flow.kind],
        to_name,
        from_name,
        to_row,
        from_row,
        rate_gbps=0.0,
        packet_mix=((size, 1),),
        start_s=flow.start_s,
        stop_s=duration_s,
        phase_s=None,
        class_=flow.class_,
        table=flow,
        table_index=table_index,
    )
    return [there, back]
