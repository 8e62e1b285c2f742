"""Why packets go the way they do: the share of each link, what else there is, and what rules it out."""

import math
from itertools import islice, pairwise

import numpy as np

from lasermesh.experiments.path_finding import PathFinder
from lasermesh.results.layout import counted
from lasermesh.units import NONE, SPEED_OF_LIGHT_M_PER_S

PACKET_BITS = 1500 * 8
"""Of the packet whose serialization is told."""

# So far ahead it is looked for the end of links for which no rule predicts one; less far where all links must
# be chosen anew at every step on the way.
_AHEAD_S = 300.0
_AHEAD_WITH_MEMORY_S = 60.0

_SAME_MS = 1e-9  # paths whose delays differ by less are as long, but for the order of adding

_TAKES_LOWEST_ID = ("shortest-delay", "fewest-hops", "ecmp", "k-shortest")
_CHOOSES_BY = {
    "k-disjoint": "the delay of all its disjoint paths together",
    "churn-averse": "what it took before",
    "load-aware": "load as well",
    "valiant": "a node that it draws to go over",
    "greedy-geographic": "the distance that is left at each node",
    "dimension-order": "planes and slots",
    "explicit": "the paths of its file",
}
"""What policies go by, besides delays or hops, that are built in."""


def route_between(scene, rows, policy, alternatives, warn, options=None) -> dict:
    """The route of a policy between two nodes, its links, alternatives and the choices at its ends.

    Parameters
    ----------
    scene : _Scene
        Of `explaining`.
    rows : (int, int)
    policy : str or Policy
    alternatives : int
        How many other paths to tell, the best ones.
    warn : function of one str
    options : mapping, optional
        Of the policy.

    Returns
    -------
    route : dict
        JSON-ready, see `lasermesh docs commands`.

    Raises
    ------
    UserError, RunFailed
        As `compute_table`.
    """
    finder = PathFinder(scene.topology, scene.ephemeris, [rows], policy, warn, options)
    found = finder.find(scene.links.graph_at(scene.at_s))
    (sample,), (heading,) = finder.samples(found), finder.headings()
    sample.pop("t_s")
    start, end = heading.pop("from"), heading.pop("to")
    graph = found.snapshot.to_networkx(towards=rows[1])
    by_hops = _goes_by_hops(finder.policy.name, found.snapshot.options)
    others = _other_paths(graph, start, end, sample["nodes"], by_hops, alternatives)
    links = [_link(scene, found.snapshot, a, b, sample["delay_ms"]) for a, b in _hops(found)]
    ends = [_end(scene, graph, rows, at_end, sample) for at_end in (False, True)]
    _look_ahead(scene, found, links)
    return {
        "policy": finder.policy.name,
        **sample,
        **heading,
        "split": _is_split(found),
        "links": links,
        "unreachable": None if sample["reachable"] else _why_unreachable(graph, start, end),
        "alternatives": [
            _alternative(graph, *other, sample, by_hops, finder.policy.name, _is_taken(found, other[1]))
            for other in others
        ],
        "ends": ends,
    }


def _goes_by_hops(policy, options):
    """Whether paths of fewer hops are better for a policy than those of less delay."""
    return policy == "fewest-hops" or (policy == "ecmp" and options.get("cost") == "hops")


def _is_taken(found, nodes):
    """Whether labels and choices of the pair lead along these nodes (names): then flows can take the path."""
    rows = [found.snapshot.names.index(name) for name in nodes]
    table, ends = found.table, found.snapshot.ends_of_link
    labels = {label for label in table.label_of_flow[0].tolist() if label != NONE}
    for start, end in pairwise(rows):
        leads_on = set()
        for label in labels:
            choices = table.link[start, label]
            if (ends[choices[choices != NONE], 1] == end).any():
                after = NONE if table.next_label is None else int(table.next_label[start, label])
                leads_on.add(label if after == NONE else after)
        labels = leads_on
    return bool(labels)


def _hops(found):
    """Rows of both ends of each link on the path of the first pair."""
    return pairwise(found.routes.nodes_of(0))


def _is_split(found):
    """Whether the policy has several paths for the pair, of which the first one is told."""
    labels = found.table.label_of_flow[0]
    if (labels != NONE).sum() > 1:
        return True
    on_path = found.routes.nodes_of(0)
    return found.table.next_label is None and bool((found.table.link[on_path, labels[0], 1:] != NONE).any())


def _link(scene, snapshot, start, end, path_delay_ms):
    """One link of the path: how long it is, what share of the delay it makes, how fast, until when."""
    row = snapshot.first[start] + int(
        np.flatnonzero(snapshot.to_node[snapshot.first[start] : snapshot.first[start + 1]] == end)[0]
    )
    entry = scene.entry(start, end, scene.links.explain(start, end, scene.at_s))
    delay_ms = float(snapshot.delay_s[row]) * 1e3
    ground = [one["elevation_deg"] for one in entry["ends"] if one["kind"] == "ground"]
    rate_bps = int(snapshot.rate_bps[row])
    return {
        "from": snapshot.names[start],
        "to": snapshot.names[end],
        "kind": "gsl" if ground else "isl",
        "range_km": float(snapshot.range_m[row]) / 1e3,
        "delay_ms": delay_ms,
        "share": delay_ms / path_delay_ms if path_delay_ms else None,
        "rate_gbps": rate_bps / 1e9,
        "serialization_ms": PACKET_BITS / rate_bps * 1e3,
        "elevation_deg": ground[0] if ground else None,
        "rule": entry["rule"],
        "rule_kind": entry["rule_kind"],
        "since_s": entry["since_s"],
        "until_s": entry["until_s"],
    }


def _look_ahead(scene, found, links):
    """Set when links go down for which no rule has predicted it, as far ahead as is looked.

    To be done last: links are at a later instant afterwards.
    """
    if all(link["until_s"] is not None for link in links):
        return
    ahead_s = _AHEAD_WITH_MEMORY_S if scene.links.has_memory else _AHEAD_S
    step = scene.links.step(scene.at_s, scene.at_s + ahead_s)
    down = step.change_rate_bps == 0
    for link, link_id in zip(links, found.routes.link.tolist(), strict=False):  # NONE at the destination
        ends_s = step.change_s[down & (step.change_link == link_id)]
        if link["until_s"] is None and len(ends_s):
            link["until_s"] = float(ends_s[0])


def _other_paths(graph, start, end, nodes, by_hops, count):
    """The best paths that the policy does not take, then the best without any of its links: (kind, nodes)."""
    import networkx

    # Hops first, then delays: all delays together count less than one hop.
    all_s = sum(delay_s for _, _, delay_s in graph.edges(data="delay_s")) + 1.0

    def cost(_start, _end, link):
        return 1.0 + link["delay_s"] / all_s if by_hops else link["delay_s"]

    try:
        simple = networkx.shortest_simple_paths(graph, start, end, weight=cost)
        best = [path for path in islice(simple, count + 1) if path != nodes][:count]
    except networkx.NetworkXNoPath:
        return []
    taken = {*pairwise(nodes)}
    others = [("next" if taken & {*pairwise(path)} else "disjoint", path) for path in best]
    if nodes and count:
        rest = graph.copy()
        for a, b in pairwise(nodes):
            rest.remove_edge(a, b)
        try:
            disjoint = networkx.dijkstra_path(rest, start, end, weight=cost)
            if disjoint not in best:
                others.append(("disjoint", disjoint))
        except networkx.NetworkXNoPath:
            pass
    return others


def _alternative(graph, kind, nodes, sample, by_hops, policy, is_taken):
    """One other path, and what rules it out, or that the policy has it for other flows."""
    delay_ms = sum(graph.edges[hop]["delay_s"] for hop in pairwise(nodes)) * 1e3
    hops = len(nodes) - 1
    told = {"kind": kind, "nodes": nodes, "delay_ms": delay_ms, "hops": hops, "taken": is_taken}
    if not sample["reachable"]:
        more = {"longer_by_ms": None, "more_hops": None, "shared_links": None}
        return told | more | {"why": "not taken by the policy"}
    longer_ms, more_hops = delay_ms - sample["delay_ms"], hops - sample["hops"]
    shared = len({*pairwise(nodes)} & {*pairwise(sample["nodes"])})
    return told | {
        "longer_by_ms": longer_ms,
        "more_hops": more_hops,
        "shared_links": shared,
        "why": _why_not(longer_ms, more_hops, by_hops, policy, is_taken),
    }


def _why_not(longer_ms, more_hops, by_hops, policy, is_taken):
    """In words what rules out a path that is longer by so much and has so many hops more."""
    delay = "as long"
    if abs(longer_ms) > _SAME_MS:
        delay = f"{_in_ms(abs(longer_ms))} {'longer' if longer_ms > 0.0 else 'shorter'}"
    hops = "as many hops"
    if more_hops:
        hops = f"{counted(abs(more_hops), 'hop')} {'more' if more_hops > 0 else 'fewer'}"
    first, second = (hops, delay) if by_hops else (delay, hops)
    gained = (more_hops, longer_ms) if by_hops else (longer_ms, more_hops)
    if is_taken:
        return f"taken by other flows: {first}, {second}"
    is_tied = abs(longer_ms) <= _SAME_MS and not more_hops
    if is_tied and policy in _TAKES_LOWEST_ID:
        return f"{first}, {second}: the lowest link id decides"
    if is_tied or gained[0] < (0 if by_hops else -_SAME_MS):
        return f"{first}, {second}: the policy chooses by {_CHOOSES_BY.get(policy, 'something else')}"
    return f"{first}, {second}"


def _in_ms(delay_ms):
    return f"{delay_ms:.3f} ms" if delay_ms >= 1e-3 else f"{delay_ms * 1e6:.3g} ns"


def _why_unreachable(graph, start, end):
    """Why there is no path: which end has no link, or how far one comes from either."""
    import networkx

    reaches = len(networkx.descendants(graph, start)) + 1
    reached_by = len(networkx.ancestors(graph, end)) + 1
    if networkx.has_path(graph, start, end):
        delay_s = networkx.dijkstra_path_length(graph, start, end, weight="delay_s")
        reason = f"the policy has no path, though there is one of {delay_s * 1e3:.3f} ms"
    elif reaches == 1:
        reason = f"{start} has no link to a node that passes traffic on"
    elif reached_by == 1:
        reason = f"{end} has no link from a node that passes traffic on"
    else:
        reason = (
            f"{counted(reaches, 'node')} can be reached from {start}, "
            f"{end} from {counted(reached_by, 'node')}, and none of these are the same"
        )
    return {"reason": reason, "reaches": reaches, "reached_by": reached_by}


def _end(scene, graph, rows, at_end, sample):
    """The satellites that one end could use and how long the path through each would be, the best first.

    None for an end that is no ground site.
    """
    row = rows[at_end]
    if not scene.ephemeris.is_ground[row]:
        return None
    names = scene.ephemeris.names
    rest_s = _delays_to_the_other_end(graph, names[rows[0]], names[rows[1]], at_end)
    used = sample["nodes"][-2 if at_end else 1] if sample["reachable"] else None
    satellites = []
    for other, verdict in scene.candidates(row):
        entry = scene.entry(row, other, verdict)
        name = names[other]
        delay_ms = None
        if name in rest_s and entry["range_km"] is not None:
            delay_ms = (entry["range_km"] * 1e3 / SPEED_OF_LIGHT_M_PER_S + rest_s[name]) * 1e3
        longer_ms = None if delay_ms is None or not sample["reachable"] else delay_ms - sample["delay_ms"]
        satellites.append(
            {
                "name": name,
                "used": name == used,
                "up": entry["up"],
                "state": entry["state"],
                "reason": entry["reason"],
                "elevation_deg": entry["ends"][0]["elevation_deg"],
                "range_km": entry["range_km"],
                "until_s": entry["until_s"],
                "delay_ms": delay_ms,
                "longer_by_ms": longer_ms,
            }
        )
    satellites.sort(key=lambda one: math.inf if one["delay_ms"] is None else one["delay_ms"])
    return {"name": names[row], "satellites": satellites}


def _delays_to_the_other_end(graph, start, end, at_end):
    """Least delay from every node to the end or, with `at_end`, to every node from the start, in s."""
    import networkx

    near, far = (end, start) if at_end else (start, end)
    rest = networkx.restricted_view(graph, [near], [])
    if not at_end:
        rest = networkx.reverse_view(rest)
    return networkx.single_source_dijkstra_path_length(rest, far, weight="delay_s")


def describe_route(route: dict, alternatives: int) -> list[list[tuple[str, ...]]]:
    """What `route_between` returned as tables: the route, its links, alternatives, choices at the ends.

    Of the satellites at each end the one that is used and so many others are told, the best.
    """
    tables = [_route_in_words(route)]
    if route["links"]:
        rows = [("hop", "range_km", "delay_ms", "share", "rate_gbps", "elevation_deg", "until_s")]
        for link in route["links"]:
            rows.append(
                (
                    f"{link['from']} > {link['to']}",
                    f"{link['range_km']:.1f}",
                    f"{link['delay_ms']:.4f}",
                    "-" if link["share"] is None else f"{link['share']:.1%}",
                    f"{link['rate_gbps']:.6g}",
                    _number(link["elevation_deg"], 2),
                    _number(link["until_s"], 3),
                )
            )
        tables.append(rows)
    if route["alternatives"]:
        is_any_taken = any(other["taken"] for other in route["alternatives"])
        heading = "it is" if is_any_taken else "ruled out: it is"
        rows = [("other paths" if is_any_taken else "instead", "delay_ms", "hops", heading, "path")]
        for other in route["alternatives"]:
            kind = "next best" if other["kind"] == "next" else "no common link"
            path = " > ".join(other["nodes"])
            rows.append((kind, f"{other['delay_ms']:.4f}", str(other["hops"]), other["why"], path))
        tables.append(rows)
    for end in route["ends"]:
        if end is not None and end["satellites"]:
            tables.append(_satellites_in_words(end, alternatives))
    return tables


def _route_in_words(route):
    """The route as a whole."""
    if not route["reachable"]:
        return [("route", f"none by {route['policy']}: {route['unreachable']['reason']}")]
    nodes = " > ".join(route["nodes"])
    split = "; the first of several" if route["split"] else ""
    rows = [("route", f"by {route['policy']}: {nodes}{split}")]
    length = f"{route['distance_km']:.3f} km, {route['hops']} hops"
    rows.append(("delay", f"{route['delay_ms']:.6f} ms, round trip {route['rtt_ms']:.6f} ms; {length}"))
    told = [] if route["chord_km"] is None else [f"{route['chord_km']:.3f} km in a straight line"]
    if route["stretch_vacuum"] is not None:
        told.append(
            f"{route['geodesic_km']:.3f} km over the ground: stretch {route['stretch_vacuum']:.4f} in vacuum"
            f", {route['stretch_fibre']:.4f} against fibre"
        )
    if told:
        rows.append(("ends", "; ".join(told)))
    return rows


def _satellites_in_words(end, alternatives):
    """What one end could use, as a table."""
    rows = [(f"from {end['name']}", "elevation_deg", "range_km", "the path over it", "link")]
    others = 0
    for one in end["satellites"]:
        others += not one["used"]
        if others > alternatives and not one["used"]:
            continue
        path = "none"
        if one["used"]:
            path = "is taken"
        elif one["longer_by_ms"] is not None:
            longer_ms = one["longer_by_ms"]
            path = f"{abs(longer_ms):.4f} ms {'longer' if longer_ms >= 0.0 else 'shorter'}"
        elif one["delay_ms"] is not None:
            path = f"{one['delay_ms']:.4f} ms"
        link = "up" if one["up"] else f"{one['state']}: {one['reason']}" if one["reason"] else one["state"]
        elevation, range_km = _number(one["elevation_deg"], 2), _number(one["range_km"], 1)
        rows.append((one["name"], elevation, range_km, path, link))
    return rows


def _number(value, digits):
    return "-" if value is None else f"{value:z.{digits}f}"
