"""The link graph of a topology at one instant, for people and for other programs."""

import math
from datetime import timedelta

import numpy as np

from lasermesh.contacts import GSL, LinkEngine
from lasermesh.experiments.paths import check_instant, warn_of_failures
from lasermesh.orbits import build_ephemeris


def graph(topology, at_s: float = 0.0, warn=lambda message: None) -> dict:
    """Nodes and directed links at `at_s` seconds since the topology's epoch.

    `warn`, a function of one str, is called for each satellite that is left out.

    Returns
    -------
    result : dict
        `{topology, t_s, utc, nodes: [{name, kind, position_km}], links: [{from, to, kind, range_km, delay_ms,
        rate_gbps}]}`, JSON-ready. Positions are Earth-fixed (ITRF); None for nodes that have none: fixed ones
        and satellites that SGP4 refuses.

    Raises
    ------
    UserError
        If `at_s` is not finite, or further from the epoch than orbits mean anything.
    """
    check_instant(at_s, "instant")
    ephemeris = build_ephemeris(topology)
    links = LinkEngine(topology, ephemeris).graph_at(at_s)
    position_m, _ = ephemeris.state_at(at_s)
    warn_of_failures(ephemeris, warn)
    names = ephemeris.names
    nodes = [
        {
            "name": name,
            "kind": "ground" if is_ground else "satellite",
            "position_km": [metres / 1e3 for metres in position]
            if all(map(math.isfinite, position))
            else None,
        }
        for name, is_ground, position in zip(
            names, ephemeris.is_ground.tolist(), position_m.tolist(), strict=True
        )
    ]
    columns = (links.from_node, links.to_node, links.kind, links.range_m, links.delay_s, links.rate_bps)
    return {
        "topology": topology.name,
        "t_s": at_s,
        "utc": _utc(topology.epoch, at_s),
        "nodes": nodes,
        "links": [
            {
                "from": names[start],
                "to": names[end],
                "kind": "gsl" if kind == GSL else "isl",
                "range_km": range_m / 1e3,
                "delay_ms": delay_s * 1e3,
                "rate_gbps": rate_bps / 1e9,
            }
            for start, end, kind, range_m, delay_s, rate_bps in zip(
                *(column.tolist() for column in columns), strict=True
            )
        ],
    }


def _utc(epoch, at_s):
    """The instant as ISO 8601, to the microsecond where it is no whole second."""
    return (epoch + timedelta(seconds=at_s)).isoformat().replace("+00:00", "Z")


def graphml(result: dict) -> str:
    """What `graph` returned as GraphML; a node's position is its attributes `x_km`, `y_km` and `z_km`."""
    import networkx

    made = networkx.DiGraph(**{key: result[key] for key in ("topology", "t_s", "utc")})
    for node in result["nodes"]:
        position = dict(zip(("x_km", "y_km", "z_km"), node["position_km"] or (), strict=False))
        made.add_node(node["name"], kind=node["kind"], **position)
    for link in result["links"]:
        attributes = {key: value for key, value in link.items() if key not in ("from", "to")}
        made.add_edge(link["from"], link["to"], **attributes)
    return "\n".join(networkx.generate_graphml(made))


def describe_graph(result: dict) -> list[tuple[str, ...]]:
    """What `graph` returned in a few numbers: rows of a table, the first one its heading."""
    kinds = [node["kind"] for node in result["nodes"]]
    linked = {link["from"] for link in result["links"]} | {link["to"] for link in result["links"]}
    rows = [("", "count", "least", "mean", "most")]
    for kind, what in (("satellite", "satellites"), ("ground", "ground sites")):
        rows.append((what, str(kinds.count(kind)), "", "", ""))
    alone = sum(node["name"] not in linked for node in result["nodes"])
    rows.append(("nodes without a link", str(alone), "", "", ""))
    for kind, what in (("isl", "satellite links, km"), ("gsl", "ground links, km")):
        range_km = [link["range_km"] for link in result["links"] if link["kind"] == kind]
        if range_km:
            numbers = (f"{value:.1f}" for value in (min(range_km), np.mean(range_km), max(range_km)))
            rows.append((what, str(len(range_km)), *numbers))
        else:
            rows.append((what, "0", "", "", ""))
    return rows
