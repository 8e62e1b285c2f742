"""The link graph of a topology at one instant, for people and for other programs."""

import math

import numpy as np

from lasermesh.contacts import GSL
from lasermesh.experiments.instants import sunlight_at, utc_of
from lasermesh.experiments.paths import check_instant
from lasermesh.experiments.remembering import link_engine, memory_of
from lasermesh.orbits import build_ephemeris
from lasermesh.orbits.left_out import warn_of_failures


def graph(topology, at_s: float = 0.0, warn=lambda message: None, warm_up_s: float | None = None) -> dict:
    """Nodes and directed links at `at_s` seconds since the topology's epoch.

    `warn`, a function of one str, is called for each satellite that is left out. Rules with a memory are
    followed from t = 0, or, if it is given, for `warm_up_s` before the instant.

    Returns
    -------
    result : dict
        `{topology, t_s, utc, nodes: [{name, kind, position_km, sunlight}], links: [{from, to, kind, range_km,
        delay_ms, rate_gbps}], memory}`, JSON-ready. Positions are Earth-fixed (ITRF); None for nodes that
        have none: fixed ones and satellites that SGP4 refuses. `sunlight` is one of `instants.SUNLIGHT` for
        satellites with a position, else None. `memory` is `{from_s, warm_up_s}` where something remembers,
        else None.

    Raises
    ------
    UserError
        If `at_s` is not finite or further from the epoch than orbits mean anything, or `warm_up_s` is wrong.
    """
    check_instant(at_s, "instant")
    ephemeris = build_ephemeris(topology)
    engine = link_engine(topology, ephemeris, warm_up_s, warn)
    links = engine.graph_at(at_s)
    position_m, _ = ephemeris.state_at(at_s)
    sunlight = sunlight_at(ephemeris, at_s)
    warn_of_failures(ephemeris, warn)
    names = ephemeris.names
    nodes = [
        {
            "name": name,
            "kind": "ground" if is_ground else "satellite",
            "position_km": [metres / 1e3 for metres in position]
            if all(map(math.isfinite, position))
            else None,
            "sunlight": light,
        }
        for name, is_ground, position, light in zip(
            names, ephemeris.is_ground.tolist(), position_m.tolist(), sunlight, strict=True
        )
    ]
    columns = (links.from_node, links.to_node, links.kind, links.range_m, links.delay_s, links.rate_bps)
    return {
        "topology": topology.name,
        "t_s": at_s,
        "utc": utc_of(topology.epoch, at_s),
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
        "memory": memory_of(engine, warm_up_s),
    }


def graphml(result: dict) -> str:
    """What `graph` returned as GraphML; a node's position is its attributes `x_km`, `y_km` and `z_km`."""
    import networkx

    made = networkx.DiGraph(**{key: result[key] for key in ("topology", "t_s", "utc")})
    for node in result["nodes"]:
        position = dict(zip(("x_km", "y_km", "z_km"), node["position_km"] or (), strict=False))
        light = {} if node["sunlight"] is None else {"sunlight": node["sunlight"]}
        made.add_node(node["name"], kind=node["kind"], **position, **light)
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
    lit = [node["sunlight"] for node in result["nodes"] if node["sunlight"] is not None]
    if lit:
        rows.append(("satellites in the Earth's shadow", str(len(lit) - lit.count("sunlit")), "", "", ""))
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
